//! Who is in which dialog, and what is told to them.
//!
//! The hub only makes things faster: a letter may be lost, and the log stays right. Telling never waits for anybody.

mod card;
mod presence;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mutants::Mutant;
use server_core::access::Sites;
use server_core::{Ephemeral, Event};

pub(crate) use card::{Card, Leave, Letter, Mail, Pool, Transport};
pub(crate) use presence::Arrival;

use crate::clock::Clock;
use crate::logging::{Sample, Sampled};
use crate::store::{Committed, Published};
use presence::{Departed, Operators};

/// Rooms are spread over so many locks.
const SHARDS: u64 = 64;
/// Broadcasts that are logged one by one each second; beyond, one line says how many there were.
const LOGGED_BROADCASTS_PER_S: u32 = 20;

/// Who is in which dialog.
#[derive(Debug)]
pub struct Hub {
    shards: Box<[Mutex<HashMap<u64, Room>>]>,
    inboxes: Mutex<Vec<Inbox>>,
    /// Is looked at without the lock, because most events find no inbox open.
    open_inboxes: AtomicUsize,
    operators: Mutex<Operators>,
    departed: Mutex<Departed>,
    clock: Clock,
    sample: Sample,
}

#[derive(Debug, Default)]
struct Room {
    site_id: u64,
    head: u64,
    members: Vec<Arc<Card>>,
}

#[derive(Debug)]
struct Inbox {
    sites: Sites,
    card: Arc<Card>,
}

/// A place in a dialog's room; dropping it leaves the room.
#[derive(Debug)]
pub(crate) struct Membership {
    hub: Arc<Hub>,
    dialog_id: u64,
    card: Arc<Card>,
}

/// An open inbox; dropping it closes it.
#[derive(Debug)]
pub(crate) struct OpenInbox {
    hub: Arc<Hub>,
    link: u64,
}

/// Dialogs with somebody in them, by pool.
pub(crate) type DialogCounts = [usize; Pool::ALL.len()];

impl Hub {
    /// Makes a hub with nobody in it.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            inboxes: Mutex::default(),
            open_inboxes: AtomicUsize::new(0),
            operators: Mutex::default(),
            departed: Mutex::default(),
            clock: Clock::new(),
            sample: Sample::new(LOGGED_BROADCASTS_PER_S),
        })
    }

    /// Returns what the store calls after each commit.
    pub fn published(self: &Arc<Self>) -> Published {
        let hub = Arc::clone(self);
        Box::new(move |committed| {
            for one in committed {
                hub.publish(one);
            }
        })
    }

    /// Lets a link into a dialog's room.
    pub(crate) fn join(self: &Arc<Self>, dialog_id: u64, site_id: u64, card: &Arc<Card>) -> Membership {
        let mut rooms = self.shard(dialog_id);
        let room = rooms.entry(dialog_id).or_default();
        room.site_id = site_id;
        room.members.push(Arc::clone(card));
        Membership { hub: Arc::clone(self), dialog_id, card: Arc::clone(card) }
    }

    /// Opens an operator's inbox.
    pub(crate) fn open_inbox(self: &Arc<Self>, sites: Sites, card: &Arc<Card>) -> OpenInbox {
        let mut inboxes = self.inboxes();
        inboxes.push(Inbox { sites, card: Arc::clone(card) });
        self.open_inboxes.store(inboxes.len(), Ordering::Relaxed);
        OpenInbox { hub: Arc::clone(self), link: card.id }
    }

    /// Tells a committed event to everybody in its dialog.
    fn publish(&self, committed: &Committed) {
        let event = &committed.event;
        let receivers = match self.shard(event.dialog_id).get_mut(&event.dialog_id) {
            Some(room) => {
                room.head = room.head.max(event.seq);
                for member in &room.members {
                    member.post(Letter::Event(Arc::clone(event)));
                }
                room.members.len()
            }
            None => 0,
        };
        self.tell_inboxes(committed);
        self.log_broadcast(event.dialog_id, event.seq, receivers);
    }

    /// Tells the inboxes again of the last event of a dialog: something beside its log has changed.
    pub(crate) fn remind(&self, site_id: u64, event: Arc<Event>) {
        self.tell_inboxes(&Committed { site_id, event });
    }

    fn log_broadcast(&self, dialog: u64, seq: u64, receivers: usize) {
        match self.sample.next(self.clock.mono()) {
            Sampled::Hold => {}
            Sampled::Write { held: 0 } => tracing::info!(dialog, seq, receivers, "broadcast"),
            Sampled::Write { held } => tracing::info!(dialog, seq, receivers, not_logged = held, "broadcast"),
        }
    }

    fn tell_inboxes(&self, committed: &Committed) {
        if self.open_inboxes.load(Ordering::Relaxed) == 0 {
            return;
        }
        for inbox in self.inboxes().iter().filter(|inbox| sees(&inbox.sites, committed.site_id)) {
            let event = Arc::clone(&committed.event);
            inbox.card.post(Letter::Activity { site_id: committed.site_id, event });
        }
    }

    /// Tells something that only matters now to everybody else in the dialog.
    pub(crate) fn tell(&self, dialog_id: u64, ephemeral: Ephemeral, except: u64) {
        let ephemeral = Arc::new(ephemeral);
        if let Some(room) = self.shard(dialog_id).get(&dialog_id) {
            for member in room.members.iter().filter(|member| member.id != except) {
                member.post(Letter::Ephemeral(Arc::clone(&ephemeral)));
            }
        }
    }

    /// Tells something that only matters now to everybody in every dialog of these sites.
    fn tell_sites(&self, sites: &Sites, ephemeral: impl Fn(u64) -> Ephemeral) {
        let mut by_site: HashMap<u64, Arc<Ephemeral>> = HashMap::new();
        for shard in &self.shards {
            for room in lock(shard).values().filter(|room| sees(sites, room.site_id)) {
                let ephemeral = by_site.entry(room.site_id).or_insert_with(|| Arc::new(ephemeral(room.site_id)));
                for member in &room.members {
                    member.post(Letter::Ephemeral(Arc::clone(ephemeral)));
                }
            }
        }
    }

    /// Remembers the head of a dialog that somebody is in.
    pub(crate) fn note_head(&self, dialog_id: u64, head: u64) {
        if let Some(room) = self.shard(dialog_id).get_mut(&dialog_id) {
            room.head = room.head.max(head);
        }
    }

    /// Returns the head of a dialog that somebody is in, from memory; 0 where it is not known.
    pub(crate) fn head(&self, dialog_id: u64) -> u64 {
        self.shard(dialog_id).get(&dialog_id).map_or(0, |room| room.head)
    }

    /// Returns the number of the link in a dialog that says it belongs to this client; 0 where there is none.
    pub(crate) fn link_of(&self, dialog_id: u64, client: &str) -> u64 {
        let rooms = self.shard(dialog_id);
        let members = rooms.get(&dialog_id).map(|room| room.members.as_slice()).unwrap_or_default();
        members.iter().find(|member| member.is_of(client)).map_or(0, |member| member.id)
    }

    /// Returns the links in all dialogs of these sites, with their dialogs; at most `limit`.
    pub(crate) fn links(&self, sites: &Sites, limit: usize) -> Vec<(u64, Arc<Card>)> {
        let mut links = Vec::new();
        for shard in &self.shards {
            for (dialog_id, room) in lock(shard).iter().filter(|(_, room)| sees(sites, room.site_id)) {
                let free = limit - links.len();
                links.extend(room.members.iter().take(free).map(|member| (*dialog_id, Arc::clone(member))));
            }
        }
        links
    }

    /// Returns everybody in a dialog.
    pub(crate) fn members(&self, dialog_id: u64) -> Vec<Arc<Card>> {
        self.shard(dialog_id).get(&dialog_id).map(|room| room.members.clone()).unwrap_or_default()
    }

    /// Counts the dialogs that each pool is in.
    pub(crate) fn dialogs(&self) -> DialogCounts {
        let mut counts = DialogCounts::default();
        for shard in &self.shards {
            for room in lock(shard).values() {
                for (count, pool) in counts.iter_mut().zip(Pool::ALL) {
                    *count += usize::from(room.members.iter().any(|member| member.pool == pool));
                }
            }
        }
        counts
    }

    fn leave(&self, dialog_id: u64, link: u64) {
        if let Entry::Occupied(mut room) = self.shard(dialog_id).entry(dialog_id) {
            room.get_mut().members.retain(|member| member.id != link);
            if room.get().members.is_empty() {
                room.remove();
            }
        }
    }

    fn shard(&self, dialog_id: u64) -> MutexGuard<'_, HashMap<u64, Room>> {
        // There are SHARDS of them, and the remainder is below that.
        lock(&self.shards[(dialog_id % SHARDS) as usize])
    }

    fn inboxes(&self) -> MutexGuard<'_, Vec<Inbox>> {
        lock(&self.inboxes)
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.hub.leave(self.dialog_id, self.card.id);
    }
}

impl Drop for OpenInbox {
    fn drop(&mut self) {
        let mut inboxes = self.hub.inboxes();
        inboxes.retain(|inbox| inbox.card.id != self.link);
        self.hub.open_inboxes.store(inboxes.len(), Ordering::Relaxed);
    }
}

/// Returns whether the site is one of these.
pub(crate) fn sees(sites: &Sites, site_id: u64) -> bool {
    match sites {
        Sites::All => true,
        Sites::Only(sites) => sites.contains(&site_id) || mutants::planted(Mutant::InboxOfAllSites),
    }
}

/// What these locks guard is whole after every statement: a panic elsewhere cannot have left it half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
