//! What one address, one visitor and one site may take, so that there is something left for all others.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::HeaderMap;
use ipnet::IpNet;
use protocol::code;
use server_core::{Millis, Refusal};

use crate::config::BoundsConfig;
use crate::error::ApiError;
use crate::rate::Buckets;
use crate::routes::client_address;

/// Whoever has as many connections as it may comes back after this.
const RETRY_MS: u32 = 5_000;
/// Whoever finds no place for a large body comes back after this.
const BODY_RETRY_MS: u32 = 1_000;
/// What a dialog costs: as many tokens each second as dialogs are allowed each minute.
const MINUTE: u32 = 60;
/// As many tokens each second as KiB are allowed each hour.
const HOUR: u32 = 3_600;
/// What every upload costs at least, in KiB: many small files are a burden, too.
const LEAST_KIB: u32 = 64;
/// Uploads under way at once, of the visitors at one address.
const UPLOADS_OF_ADDRESS: usize = 32;
/// Uploads under way at once, of the visitors of one site.
const UPLOADS_OF_SITE: usize = 128;
/// Large bodies under way at once, of all visitors: what they leave is for the operators.
const BODIES_OF_VISITORS: usize = 96;
/// Large bodies under way at once, of the visitors at one address.
const BODIES_OF_ADDRESS: usize = 32;
/// Large bodies under way at once, of one visitor.
const BODIES_OF_VISITOR: usize = 8;
/// Files an hour from one address of visitors who have no dialog yet, all of them at once.
const NEWCOMERS_FILES: u32 = 60;
/// So many in a minute are as good as no bound.
const UNBOUNDED: u32 = 1_000_000;
/// Sites whose new dialogs are counted at the same time.
const SITES: usize = 10_000;
/// Addresses that are counted at the same time.
const ADDRESSES: usize = 100_000;

/// What one address, one visitor and one site may take.
#[derive(Debug)]
pub(crate) struct Bounds {
    trusted: Vec<IpNet>,
    per_address: usize,
    per_visitor: usize,
    per_site: usize,
    connections: Arc<Crowd<IpAddr>>,
    guests: Arc<Crowd<Party>>,
    requests: Buckets<IpAddr>,
    dialogs: Buckets<IpAddr>,
    site_dialogs: Buckets<u64>,
    uploads: Option<Kib<IpAddr>>,
    site_uploads: Option<Kib<u64>>,
    newcomers: Buckets<IpAddr>,
}

/// Those whose links are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Party {
    Address(IpAddr),
    /// By its dialog.
    Visitor(u64),
    Site(u64),
    /// The uploads from an address.
    Uploader(IpAddr),
    /// The uploads to a site.
    Uploads(u64),
    /// The large bodies of all visitors.
    Bodies,
    /// The large bodies from an address.
    BodiesFrom(IpAddr),
    /// The large bodies of a visitor, by its dialog.
    BodiesOf(u64),
}

/// A place among those that a party may take; free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Guest {
    _seat: Seat<Party>,
}

/// A place for a TCP connection, where its address is bound.
pub(crate) type Connected = Option<Seat<IpAddr>>;

/// A client's address, by which it is bound; none for a client on this machine.
///
/// A loopback address says nothing about who it is: it is a proxy that nobody has named, or a program of our own.
pub(crate) type Client = Option<IpAddr>;

impl Bounds {
    /// Puts the bounds together for a server of at most `links` links.
    pub(crate) fn new(config: &BoundsConfig, links: usize) -> Self {
        let most = |given: usize| if given == 0 { usize::MAX } else { given };
        // What the visitors of one site leave is for its operators and for the other sites.
        let per_site = config.connections_per_site.unwrap_or(links - links / 5);
        // All of a minute at once, and then evenly.
        let a_minute = |kept, given: u32| {
            let given = if given == 0 { UNBOUNDED } else { given.min(UNBOUNDED) };
            (kept, given * MINUTE, given)
        };
        let dialogs = a_minute(ADDRESSES, config.dialogs_per_minute);
        let site_dialogs = a_minute(SITES, config.site_dialogs_per_minute);
        let requests = if config.requests_per_s == 0 { u32::MAX } else { config.requests_per_s };
        Self {
            trusted: config.trusted_proxy.clone(),
            per_address: most(config.connections_per_address),
            per_visitor: most(config.connections_per_visitor),
            per_site: most(per_site),
            connections: Crowd::new(),
            guests: Crowd::new(),
            requests: Buckets::bounded(ADDRESSES, requests.saturating_mul(4), requests),
            dialogs: Buckets::bounded(dialogs.0, dialogs.1, dialogs.2),
            site_dialogs: Buckets::bounded(site_dialogs.0, site_dialogs.1, site_dialogs.2),
            uploads: Kib::new(ADDRESSES, config.upload_mb_per_hour),
            site_uploads: Kib::new(SITES, config.site_upload_mb_per_hour),
            newcomers: Buckets::bounded(ADDRESSES, NEWCOMERS_FILES * HOUR, NEWCOMERS_FILES),
        }
    }

    /// Returns the address of a client, behind trusted proxies too.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Client {
        bound(self.address(peer, headers))
    }

    /// The same, of a client on this machine too.
    pub(crate) fn address(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        client_address(peer, headers, &self.trusted)
    }

    /// Takes a place for a TCP connection; none where its address has as many as it may.
    ///
    /// Those of trusted proxies are not bound: whose they are is only known from their requests.
    pub(crate) fn connection(&self, peer: IpAddr) -> Option<Connected> {
        let peer = peer.to_canonical();
        if self.trusted.iter().any(|proxy| proxy.contains(&peer)) {
            return Some(None);
        }
        match bound(network(peer)) {
            None => Some(None),
            // An answer over HTTP may need a connection of its own beside each link.
            Some(address) => self.connections.enter(address, self.per_address.saturating_mul(2)).map(Some),
        }
    }

    /// Takes a place for a link of this client.
    ///
    /// # Errors
    /// It has as many as it may.
    pub(crate) fn link(&self, client: Client) -> Result<Option<Guest>, ApiError> {
        client.map(|address| self.seat(Party::Address(address), self.per_address, code::ADDRESS_LIMIT)).transpose()
    }

    /// Takes a place for a visitor's link to a site.
    ///
    /// # Errors
    /// The site has as many as it may.
    pub(crate) fn site(&self, site_id: u64) -> Result<Guest, ApiError> {
        self.seat(Party::Site(site_id), self.per_site, code::SITE_LIMIT)
    }

    /// Takes a place for a link of the visitor whose dialog this is.
    ///
    /// # Errors
    /// The visitor has as many as it may.
    pub(crate) fn visitor(&self, dialog_id: u64) -> Result<Guest, ApiError> {
        self.seat(Party::Visitor(dialog_id), self.per_visitor, code::VISITOR_LIMIT)
    }

    fn seat(&self, party: Party, most: usize, code: &'static str) -> Result<Guest, ApiError> {
        let limited = ApiError::Limited { code, retry_after_ms: RETRY_MS };
        self.guests.enter(party, most).map(|seat| Guest { _seat: seat }).ok_or(limited)
    }

    /// Counts a request of this client.
    ///
    /// # Errors
    /// It comes too fast.
    pub(crate) fn request(&self, client: Client, now: Millis) -> Result<(), ApiError> {
        let Some(address) = client else { return Ok(()) };
        Ok(self.requests.take(address, now).map_err(Refusal::rate_limited)?)
    }

    /// Counts a dialog that this client begins on a site.
    ///
    /// # Errors
    /// There were too many of late, from this address or on this site.
    pub(crate) fn dialog(&self, client: Client, site_id: u64, now: Millis) -> Result<(), ApiError> {
        let limited = |retry_after_ms| ApiError::Limited { code: code::DIALOG_LIMIT, retry_after_ms };
        if let Some(address) = client {
            self.dialogs.take_many(address, MINUTE, now).map_err(limited)?;
        }
        self.site_dialogs.take_many(site_id, MINUTE, now).map_err(limited)
    }
}

impl Bounds {
    /// Takes places for a large body of the visitor whose dialog this is.
    ///
    /// # Errors
    /// As many are under way as there may be, of the visitor, of its address or of all visitors.
    pub(crate) fn body(&self, client: Client, dialog_id: u64) -> Result<Vec<Guest>, ApiError> {
        let mut parties = vec![(Party::BodiesOf(dialog_id), BODIES_OF_VISITOR)];
        parties.extend(client.map(|address| (Party::BodiesFrom(address), BODIES_OF_ADDRESS)));
        parties.push((Party::Bodies, BODIES_OF_VISITORS));
        let full = ApiError::Overloaded { retry_after_ms: BODY_RETRY_MS };
        let place = |(party, most)| self.guests.enter(party, most).map(|seat| Guest { _seat: seat });
        parties.into_iter().map(|party| place(party).ok_or(full.clone())).collect()
    }

    /// Takes places for a visitor's upload of so many bytes, and counts them; `begins`: of one who has no dialog yet.
    ///
    /// # Errors
    /// Too many are under way, or too much came of late, from this address or to this site.
    pub(crate) fn upload(
        &self,
        client: Client,
        site_id: u64,
        bytes: u64,
        begins: bool,
        now: Millis,
    ) -> Result<Vec<Guest>, ApiError> {
        let limited = |retry_after_ms| ApiError::from(Refusal::rate_limited(retry_after_ms));
        let mut places = Vec::new();
        if let Some(address) = client {
            places.push(self.seat(Party::Uploader(address), UPLOADS_OF_ADDRESS, code::ADDRESS_LIMIT)?);
        }
        places.push(self.seat(Party::Uploads(site_id), UPLOADS_OF_SITE, code::SITE_LIMIT)?);
        let kib = u32::try_from(bytes.div_ceil(1_024)).unwrap_or(u32::MAX).max(LEAST_KIB);
        if let Some(address) = client {
            if begins {
                self.newcomers.take_many(address, HOUR, now).map_err(limited)?;
            }
            if let Some(uploads) = &self.uploads {
                uploads.take(address, kib, now).map_err(limited)?;
            }
        }
        if let Some(uploads) = &self.site_uploads {
            uploads.take(site_id, kib, now).map_err(limited)?;
        }
        Ok(places)
    }
}

/// Of an IPv6 address only the network counts, because one client has all of it.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(Ipv6Addr::LOCALHOST) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

fn bound(address: IpAddr) -> Client {
    let local = [IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    (!local.contains(&address)).then_some(address)
}

/// What each may upload in an hour, all of it at once, in KiB.
#[derive(Debug)]
struct Kib<K> {
    most: u32,
    buckets: Buckets<K>,
}

impl<K: Eq + Hash> Kib<K> {
    /// Returns none where there is no bound.
    fn new(kept: usize, mb_per_hour: u32) -> Option<Self> {
        let most = mb_per_hour.saturating_mul(1_024);
        (most > 0).then(|| Self { most, buckets: Buckets::bounded(kept, most, (most / HOUR).max(1)) })
    }

    /// Takes so much; what is larger than a whole hour's takes all of it.
    fn take(&self, key: K, kib: u32, now: Millis) -> Result<(), u32> {
        self.buckets.take_many(key, kib.min(self.most), now)
    }
}

/// How many of each there are.
#[derive(Debug)]
struct Crowd<K>(Mutex<HashMap<K, usize>>);

/// One of them; free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Seat<K: Copy + Eq + Hash> {
    crowd: Arc<Crowd<K>>,
    key: K,
}

impl<K: Copy + Eq + Hash> Crowd<K> {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::default()))
    }

    fn enter(self: &Arc<Self>, key: K, most: usize) -> Option<Seat<K>> {
        let mut counts = self.lock();
        let count = counts.entry(key).or_insert(0);
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Seat { crowd: Arc::clone(self), key })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, usize>> {
        // A number is whole after every statement: a panic elsewhere cannot have left it half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Copy + Eq + Hash> Drop for Seat<K> {
    fn drop(&mut self) {
        let mut counts = self.crowd.lock();
        if let Some(count) = counts.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(config: BoundsConfig) -> Bounds {
        Bounds::new(&config, 10)
    }

    fn code(result: Result<impl Sized, ApiError>) -> &'static str {
        result.map_or_else(|error| error.code(), |_| "let in")
    }

    #[test]
    fn each_party_has_its_own_places_and_gives_them_back() {
        let bounds =
            bounds(BoundsConfig { connections_per_address: 2, connections_per_visitor: 1, ..BoundsConfig::default() });
        let address = |text: &str| Some(text.parse().unwrap());
        let first = bounds.link(address("9.9.9.9")).unwrap();
        let _second = bounds.link(address("9.9.9.9")).unwrap();
        assert_eq!(code(bounds.link(address("9.9.9.9"))), "address_limit");
        assert_eq!(code(bounds.link(address("9.9.9.8"))), "let in");
        drop(first);
        assert_eq!(code(bounds.link(address("9.9.9.9"))), "let in");
        let _visitor = bounds.visitor(1).unwrap();
        assert_eq!(
            (code(bounds.visitor(1)), code(bounds.visitor(2)), code(bounds.site(1))),
            ("visitor_limit", "let in", "let in")
        );
        // Four fifths of ten.
        let _site: Vec<_> = (0..8).map(|_| bounds.site(1).unwrap()).collect();
        assert_eq!((code(bounds.site(1)), code(bounds.site(2))), ("site_limit", "let in"));
        assert_eq!(bounds.guests.lock().len(), 3, "who has gone is forgotten");
    }

    #[test]
    fn connections_of_this_machine_and_of_its_proxies_are_not_counted() {
        let trusted_proxy = vec!["10.0.0.0/8".parse().unwrap()];
        let bounds = bounds(BoundsConfig { connections_per_address: 1, trusted_proxy, ..BoundsConfig::default() });
        let held = |peer: &str| -> Vec<_> { (0..4).map_while(|_| bounds.connection(peer.parse().unwrap())).collect() };
        for (peer, taken) in [("127.0.0.1", 4), ("::1", 4), ("10.9.9.9", 4), ("9.9.9.9", 2), ("::ffff:9.9.9.8", 2)] {
            assert_eq!(held(peer).len(), taken, "{peer}");
        }
        // One client has a whole network of IPv6.
        let _first =
            (bounds.connection("2001:db8::1".parse().unwrap()), bounds.connection("2001:db8::2".parse().unwrap()));
        assert!(bounds.connection("2001:db8::3".parse().unwrap()).is_none());
        assert!(bounds.connection("2001:db8:0:1::3".parse().unwrap()).is_some());
    }

    #[test]
    fn uploads_have_places_and_bytes_for_each_address_and_each_site_whatever_key_they_show() {
        let one: Client = Some([9, 9, 9, 9].into());
        let other = |number: u8| -> Client { Some([8, 8, 8, number].into()) };
        const MB: u64 = 1 << 20;
        let config = || BoundsConfig { upload_mb_per_hour: 20, site_upload_mb_per_hour: 0, ..BoundsConfig::default() };
        let free = bounds(BoundsConfig { upload_mb_per_hour: 0, ..config() });
        let up = |bounds: &Bounds, client, site, bytes, begins| bounds.upload(client, site, bytes, begins, 0);
        let held: Vec<_> = (0..100).map_while(|_| up(&free, one, 1, MB, false).ok()).collect();
        assert_eq!((held.len(), code(up(&free, one, 1, MB, false))), (UPLOADS_OF_ADDRESS, "address_limit"));
        let others: Vec<_> = (0..200).map_while(|number| up(&free, other(number), 1, MB, false).ok()).collect();
        assert_eq!(held.len() + others.len(), UPLOADS_OF_SITE);
        assert_eq!(code(up(&free, other(201), 1, MB, false)), "site_limit");
        assert_eq!(code(up(&free, other(201), 2, MB, false)), "let in");
        drop((held, others));
        assert_eq!(free.guests.lock().len(), 0);
        // Bytes: twenty at once, and then twenty an hour.
        let few = bounds(config());
        let begun = |now| (0..100).take_while(|_| few.upload(one, 1, MB, false, now).is_ok()).count();
        assert_eq!((begun(0), code(up(&few, one, 1, MB, false))), (20, "rate_limited"));
        assert_eq!(begun(2 * 3_600_000), 20);
        assert_eq!(code(up(&few, other(1), 1, MB, false)), "let in");
        let small = (0..1_000).take_while(|_| up(&few, other(2), 1, 1, false).is_ok()).count();
        assert_eq!(small, 20 * 1_024 / 64, "small files cost, too");
        // Those who have no dialog yet.
        let newcomers = (0..100).take_while(|_| up(&free, one, 1, 1, true).is_ok()).count();
        assert_eq!(newcomers, 60);
        assert_eq!(code(up(&free, one, 1, 1, false)), "let in", "who has a dialog is not touched");
        let site = bounds(BoundsConfig { upload_mb_per_hour: 0, site_upload_mb_per_hour: 3, ..config() });
        let many = (0..100).take_while(|number| up(&site, other(*number), 1, MB, false).is_ok()).count();
        assert_eq!((many, code(up(&site, one, 2, MB, false))), (3, "let in"));
    }

    #[test]
    fn new_dialogs_have_a_rate_for_each_address_and_each_site() {
        let bounds =
            bounds(BoundsConfig { dialogs_per_minute: 6, site_dialogs_per_minute: 12, ..BoundsConfig::default() });
        let (one, two): (Client, Client) = (Some([9, 9, 9, 9].into()), Some([9, 9, 9, 8].into()));
        let begun = |client, site, now| (0..1_000).take_while(|_| bounds.dialog(client, site, now).is_ok()).count();
        let at_once = begun(one, 1, 0);
        assert_eq!(at_once, 6);
        assert_eq!(code(bounds.dialog(one, 1, 0)), "dialog_limit");
        assert_eq!(begun(one, 1, 10_000), 1, "six a minute");
        assert!(begun(two, 2, 0) > 0, "another address, another site");
    }
}
