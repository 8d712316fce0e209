//! The rolling hash of the log as this page has it, beside what the server says of its own.

use protocol::{AuthorKind, Message, digest};

use crate::client::Loading;
use crate::connection::{Phase, SOON_MS, Then, Why};
use crate::trouble::Trouble;
use crate::{Client, Event};

/// The log is loaded again for this reason once in so long at most, in ms: the server's own may be the wrong one.
const RELOAD_MS: u64 = 60_000;

/// The hash, and what it was compared with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Audit {
    /// The hash of everything up to the cursor; none while there is no beginning.
    pub(crate) hash: Option<u64>,
    /// What the server has said of a place that was not reached yet.
    claim: Option<(u64, u64)>,
    /// A comparison has failed since somebody looked.
    pub(crate) has_failed: bool,
}

impl Audit {
    /// Begins with the end of the log: from its beginning, if that is there, or from what the server says.
    pub(crate) fn load(&mut self, messages: &[Message], head: u64, told: Option<u64>) {
        *self = Self::default();
        let is_whole = messages.len() as u64 == head && (1..).zip(messages).all(|(seq, message)| seq == message.seq);
        if is_whole {
            self.hash = Some(digest::EMPTY);
            for message in messages {
                self.append(message.seq, &message.id, message.author.kind, &message.text);
            }
        }
        if let Some(told) = told {
            self.claimed(head, head, told);
        }
    }

    /// Goes on with an event.
    pub(crate) fn append(&mut self, seq: u64, id: &str, author: AuthorKind, text: &str) {
        self.hash = self.hash.map(|before| digest::next(before, seq, id, author, text));
        if let Some((head, hash)) = self.claim {
            self.claimed(seq, head, hash);
        }
    }

    /// The server has said what the hash is up to `head`; here everything up to `cursor` was applied.
    pub(crate) fn claimed(&mut self, cursor: u64, head: u64, hash: u64) {
        self.claim = (head > cursor).then_some((head, hash));
        if head == cursor {
            self.has_failed |= self.hash.is_some_and(|own| own != hash);
            // Said once: what follows is compared from here on.
            self.hash = Some(hash);
        }
    }
}

impl Client {
    /// Returns the hash of the log as it is here, up to [`Client::cursor`]; none where it has no beginning.
    pub fn log_hash(&self) -> Option<u64> {
        self.timeline.hash()
    }

    /// Loads the log again where it was found to be another one than the server's.
    pub(crate) fn heed_audit(&mut self) {
        if !self.timeline.has_failed_audit() {
            return;
        }
        self.trouble(Trouble::Audit, "log");
        self.emit(Event::AuditFailed { seq: self.timeline.cursor() });
        let now = self.now.mono;
        let lately = self.reloaded_at.is_some_and(|at| now.since(at) < RELOAD_MS);
        if !lately && matches!(self.phase, Phase::Opening(_) | Phase::Online(_)) {
            self.reloaded_at = Some(now);
            self.loading = Loading::Todo;
            let soon = now.plus(self.rng.up_to(SOON_MS));
            self.pause(soon, Then::Gate, Why::Lost);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VISITOR: AuthorKind = AuthorKind::Visitor;

    fn hash_of(seqs: core::ops::RangeInclusive<u64>) -> u64 {
        seqs.fold(digest::EMPTY, |hash, seq| digest::next(hash, seq, "id", VISITOR, "text"))
    }

    fn messages(seqs: core::ops::RangeInclusive<u64>) -> Vec<Message> {
        seqs.map(|seq| Message { seq, id: "id".into(), text: "text".into(), ..Message::default() }).collect()
    }

    #[test]
    fn a_log_that_is_all_here_is_compared_at_once() {
        let mut audit = Audit::default();
        audit.load(&messages(1..=3), 3, Some(hash_of(1..=3)));
        assert_eq!((audit.hash, audit.has_failed), (Some(hash_of(1..=3)), false));
        audit.load(&messages(1..=3), 3, Some(7));
        assert!(audit.has_failed);
    }

    #[test]
    fn a_log_that_begins_elsewhere_takes_the_beginning_that_it_is_told() {
        let mut audit = Audit::default();
        audit.load(&messages(2..=3), 3, Some(hash_of(1..=3)));
        audit.append(4, "id", VISITOR, "text");
        audit.claimed(4, 4, hash_of(1..=4));
        assert!(!audit.has_failed);
        audit.load(&messages(2..=3), 3, None);
        audit.append(4, "id", VISITOR, "text");
        assert_eq!(audit.hash, None);
        audit.claimed(4, 4, hash_of(1..=4));
        audit.append(5, "id", VISITOR, "altered");
        audit.claimed(5, 5, hash_of(1..=5));
        assert!(audit.has_failed);
    }

    #[test]
    fn what_is_said_of_a_place_further_on_is_compared_there_and_of_one_behind_never() {
        let mut audit = Audit::default();
        audit.load(&messages(1..=1), 1, None);
        audit.claimed(1, 3, hash_of(1..=3));
        audit.append(2, "id", VISITOR, "text");
        audit.claimed(2, 1, 7);
        audit.claimed(2, 3, hash_of(1..=3));
        audit.append(3, "id", VISITOR, "lost and altered");
        assert!(audit.has_failed);
        assert_eq!(audit.hash, Some(hash_of(1..=3)), "from here on it is compared again");
    }
}
