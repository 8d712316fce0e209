//! The servers over the same data: which one is asked, and when another one is.

use crate::{Client, Instant};

/// Servers at most; what more is named is left out.
const SERVERS: usize = 8;
/// A server that fails so often in a row is left for the next.
const STRIKES: u32 = 2;
/// Away from the first server, the better ones are asked so often, in ms.
const CHECK_MS: u64 = 30_000;

/// The servers over the same data, the best first.
#[derive(Clone, Debug)]
pub(crate) struct Servers {
    list: Vec<String>,
    current: usize,
    /// Failures of this server in a row.
    strikes: u32,
    /// Servers that were left since one of them let this client in.
    left: usize,
    /// When the better ones are asked again.
    pub(crate) check_at: Option<Instant>,
}

/// How a server has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// With an answer, or without one at once: it may be about to start.
    Fast,
    /// There was no answer in time.
    Silent,
}

impl Servers {
    pub(crate) fn new(mut list: Vec<String>) -> Self {
        list.truncate(SERVERS);
        if list.is_empty() {
            list.push(String::new());
        }
        Self { list, current: 0, strikes: 0, left: 0, check_at: None }
    }

    /// Returns the number of the server that is asked.
    pub(crate) fn current(&self) -> usize {
        self.current
    }

    /// Returns the base address of a server; empty: the driver's own.
    pub(crate) fn base(&self, server: usize) -> &str {
        self.list.get(server).map_or("", String::as_str)
    }

    /// Returns the server that comes after one.
    pub(crate) fn after(&self, server: usize) -> usize {
        (server + 1) % self.list.len().max(1)
    }

    /// This one is asked from now on.
    pub(crate) fn choose(&mut self, server: usize) {
        self.current = server;
        self.strikes = 0;
    }

    /// The server has let this client in.
    pub(crate) fn fine(&mut self, now: Instant) {
        self.strikes = 0;
        self.left = 0;
        // Another link to the same server puts nothing off.
        let check_at = self.check_at.unwrap_or(now.plus(CHECK_MS));
        self.check_at = (self.current > 0).then_some(check_at);
    }

    /// The server has failed; returns whether it was left for the next.
    pub(crate) fn strike(&mut self, failure: Failure) -> bool {
        self.strikes += 1;
        let leave = self.list.len() > 1
            && !mutants::planted(mutants::Mutant::ClientNoFailover)
            && (failure == Failure::Silent || self.strikes >= STRIKES);
        if leave {
            self.choose(self.after(self.current));
            self.left += 1;
        }
        leave
    }

    /// Says whether there are several, and all have failed.
    pub(crate) fn all_failed(&self) -> bool {
        self.list.len() > 1 && self.left >= self.list.len()
    }

    /// The better servers are asked again later.
    pub(crate) fn check_later(&mut self, now: Instant) {
        self.check_at = Some(now.plus(CHECK_MS));
    }

    /// Takes up what the server says about others with the same data; never kept: an address may change hands.
    pub(crate) fn learn(&mut self, named: &[String]) {
        for server in named {
            if self.list.len() < SERVERS && server.starts_with("http") && !self.list.contains(server) {
                self.list.push(server.clone());
            }
        }
    }
}

impl Client {
    /// Returns the address of files at the server that is asked now, with a star for the name of one.
    pub fn files_address(&self) -> String {
        self.at(self.servers.current(), &self.config.side.files(self.dialog_id))
    }

    /// Returns a path at one of the servers.
    pub(crate) fn at(&self, server: usize, path: &str) -> String {
        let mut whole = String::from(self.servers.base(server));
        whole.push_str(path);
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Servers {
        Servers::new(["https://a", "https://b", "https://c"].map(String::from).to_vec())
    }

    #[test]
    fn a_server_that_fails_twice_or_is_silent_is_left_for_the_next_one_and_the_last_for_the_first() {
        let mut servers = three();
        assert!(!servers.strike(Failure::Fast));
        servers.fine(Instant::from_millis(0));
        assert!(!servers.strike(Failure::Fast), "not in a row");
        assert!(servers.strike(Failure::Fast));
        assert!(servers.strike(Failure::Silent));
        assert_eq!((servers.base(servers.current()), servers.all_failed()), ("https://c", false));
        assert!(servers.strike(Failure::Silent));
        assert_eq!((servers.base(servers.current()), servers.all_failed()), ("https://a", true));
        servers.fine(Instant::from_millis(0));
        assert_eq!((servers.all_failed(), servers.check_at), (false, None));
    }

    #[test]
    fn better_servers_are_asked_every_30_s_however_often_the_link_is_opened_anew() {
        let mut servers = three();
        servers.strike(Failure::Silent);
        servers.fine(Instant::from_millis(0));
        servers.fine(Instant::from_millis(29_000));
        assert_eq!(servers.check_at, Some(Instant::from_millis(30_000)));
        servers.check_later(Instant::from_millis(30_000));
        assert_eq!(servers.check_at, Some(Instant::from_millis(60_000)));
    }

    #[test]
    fn the_only_server_is_never_left() {
        let mut servers = Servers::new(Vec::new());
        assert!((0..9).all(|_| !servers.strike(Failure::Silent)));
        assert!(!servers.all_failed());
    }

    #[test]
    fn what_a_server_names_comes_behind_what_the_page_has_named_and_within_a_bound() {
        let mut servers = three();
        let named: Vec<String> = ["https://b", "javascript:x", "https://d"].map(String::from).to_vec();
        servers.learn(&named);
        servers.learn(&named);
        assert_eq!((servers.base(3), servers.base(4)), ("https://d", ""));
        let many: Vec<String> = (0..20).map(|n| format!("https://{n}")).collect();
        servers.learn(&many);
        assert_eq!(servers.list.len(), SERVERS);
    }
}
