//! Messages between the hand that wrote them and the log.

use mutants::Mutant;
use protocol::limits;

use crate::{Buffer, Instant, LinkId};

/// What was written and is not known to be stored, in the order of writing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outbox {
    items: Vec<Pending>,
    bytes: usize,
    last_n: u64,
}

/// One message in the outbox.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) id: String,
    pub(crate) text: String,
    /// When it was written, ms since 1970.
    pub(crate) at: u64,
    /// Its place among the messages of this page load; 0 while it takes no part.
    pub(crate) n: u64,
    pub(crate) state: State,
    pub(crate) kept: Kept,
}

/// Where a message in the outbox stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Nobody has been told of it.
    Fresh,
    /// It was on its way once; whether it arrived is not known.
    Doubtful,
    /// It is on its way.
    Sent { link: LinkId, at: Instant },
    /// Too old to be sent without being asked.
    Expired,
    /// The server does not take it.
    Refused,
}

/// Whether a message outlives the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    Yes,
    No,
    /// Another page has taken it out of storage: it is stored, or somebody's by now.
    Elsewhere,
}

/// The outbox is full; the message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Outbox {
    /// Takes a message that was just written.
    pub(crate) fn push(&mut self, id: String, text: String, at: u64, bounds: &Buffer) -> Result<(), Full> {
        let full = self.items.len() >= bounds.max_messages || self.bytes + text.len() > bounds.max_bytes;
        if full && !mutants::planted(Mutant::ClientEndlessOutbox) {
            return Err(Full);
        }
        self.last_n += 1;
        self.add(Pending { id, text, at, n: self.last_n, state: State::Fresh, kept: Kept::Yes });
        Ok(())
    }

    /// Takes a message that an earlier page left behind; `items` stay in the order of their ids.
    pub(crate) fn restore(&mut self, id: String, text: String, at: u64, state: State) {
        if self.items.iter().any(|item| item.id == id) {
            return;
        }
        let place = self.items.iter().position(|item| item.id > id).unwrap_or(self.items.len());
        self.bytes += text.len();
        self.items.insert(place, Pending { id, text, at, n: 0, state, kept: Kept::Yes });
        self.renumber(0);
    }

    fn add(&mut self, item: Pending) {
        self.bytes += item.text.len();
        self.items.push(item);
    }

    /// Removes a message that is stored.
    pub(crate) fn settle(&mut self, id: &str) -> Option<Pending> {
        let place = self.items.iter().position(|item| item.id == id)?;
        let item = self.items.remove(place);
        self.bytes -= item.text.len();
        Some(item)
    }

    /// Numbers what takes part from the last number that the server took.
    pub(crate) fn renumber(&mut self, last_n: u64) {
        self.last_n = last_n;
        for item in &mut self.items {
            item.n = 0;
            if !matches!(item.state, State::Expired | State::Refused) {
                self.last_n += 1;
                item.n = self.last_n;
            }
        }
    }

    /// Takes a message out of the order that the server will never take.
    pub(crate) fn refuse(&mut self, id: &str) {
        self.take_out(id, State::Refused);
    }

    /// What is behind it moves up, and nothing else: what is before it may be stored without our knowing, and some of it is
    /// gone from here already.
    fn take_out(&mut self, id: &str, state: State) {
        let Some(item) = self.items.iter_mut().find(|item| item.id == id && item.n > 0) else { return };
        item.state = state;
        let n = core::mem::take(&mut item.n);
        for item in self.items.iter_mut().filter(|item| item.n > n) {
            item.n -= 1;
        }
        self.last_n -= 1;
    }

    /// Takes a message out of the order that is too old to be sent without being asked.
    pub(crate) fn expire(&mut self, id: &str) {
        self.take_out(id, State::Expired);
    }

    /// Sends a message again that was given up; its time begins anew.
    pub(crate) fn revive(&mut self, id: &str, now: u64) {
        let Some(place) = self.items.iter().position(|item| item.id == id && item.n == 0) else { return };
        let mut item = self.items.remove(place);
        item.state = State::Doubtful;
        item.at = now;
        // It is written anew now: behind what is already on its way.
        self.last_n += 1;
        item.n = self.last_n;
        self.items.push(item);
    }

    /// Marks what is on its way over a link, or over any, as doubtful again.
    pub(crate) fn put_back(&mut self, over: Option<LinkId>) {
        for item in &mut self.items {
            if let State::Sent { link, .. } = item.state
                && over.is_none_or(|over| over == link)
            {
                item.state = State::Doubtful;
            }
        }
    }

    /// Marks these as doubtful again, where they went over this link.
    pub(crate) fn put_back_ids(&mut self, over: LinkId, ids: &[String]) {
        for item in &mut self.items {
            if matches!(item.state, State::Sent { link, .. } if link == over) && ids.contains(&item.id) {
                item.state = State::Doubtful;
            }
        }
    }

    /// Marks a message, and all that come after it, as doubtful again: the server takes them in order only.
    pub(crate) fn put_back_from(&mut self, id: &str) {
        let Some(n) = self.items.iter().find(|item| item.id == id).map(|item| item.n) else { return };
        for item in &mut self.items {
            if matches!(item.state, State::Sent { .. }) && item.n >= n {
                item.state = State::Doubtful;
            }
        }
    }

    /// Returns what waits to be sent, oldest first, up to the first that is on its way behind it.
    pub(crate) fn waiting(&mut self) -> impl Iterator<Item = &mut Pending> {
        self.items.iter_mut().filter(|item| matches!(item.state, State::Fresh | State::Doubtful))
    }

    /// Returns how many are on their way.
    pub(crate) fn on_their_way(&self) -> usize {
        self.items.iter().filter(|item| matches!(item.state, State::Sent { .. })).count()
    }

    /// Returns the ids that a server may know, as many as one `hello` takes; the others are sent again and answered.
    pub(crate) fn doubtful(&self) -> Vec<String> {
        let in_doubt = |item: &&Pending| matches!(item.state, State::Doubtful | State::Sent { .. } | State::Expired);
        self.items.iter().filter(in_doubt).take(limits::PENDING_IDS).map(|item| item.id.clone()).collect()
    }

    /// Returns the first message that takes part.
    pub(crate) fn first(&self) -> Option<&Pending> {
        self.items.iter().find(|item| item.n > 0)
    }

    /// Returns whether some message is still to be sent.
    pub(crate) fn wants_link(&self) -> bool {
        self.first().is_some()
    }

    pub(crate) fn items(&self) -> &[Pending] {
        &self.items
    }

    /// Notes whether a message outlives the page.
    pub(crate) fn note(&mut self, id: &str, kept: Kept) {
        if let Some(item) = self.items.iter_mut().find(|item| item.id == id) {
            item.kept = kept;
        }
    }

    /// Forgets what another page has taken out of storage.
    pub(crate) fn leave_taken(&mut self) {
        self.items.retain(|item| item.kept != Kept::Elsewhere);
        self.bytes = self.items.iter().map(|item| item.text.len()).sum();
        self.renumber(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Buffer = Buffer { max_messages: 4, max_bytes: 100, flush_interval_ms: 5_000, batch: 10 };

    fn numbers(outbox: &Outbox) -> Vec<(&str, u64)> {
        outbox.items().iter().map(|item| (item.id.as_str(), item.n)).collect()
    }

    fn filled() -> Outbox {
        let mut outbox = Outbox::default();
        for id in ["a", "b", "c", "d"] {
            outbox.push(id.into(), "text".into(), 1, &BOUNDS).expect("room");
        }
        outbox
    }

    #[test]
    fn a_full_outbox_refuses_the_new_message_and_keeps_the_old_ones() {
        let mut outbox = filled();
        assert_eq!(outbox.push("e".into(), "text".into(), 1, &BOUNDS), Err(Full));
        assert_eq!(numbers(&outbox), [("a", 1), ("b", 2), ("c", 3), ("d", 4)]);
        let mut heavy = Outbox::default();
        assert_eq!(heavy.push("a".into(), "x".repeat(101), 1, &BOUNDS), Err(Full));
    }

    #[test]
    fn a_message_that_is_refused_for_good_leaves_no_hole_in_the_order() {
        let mut outbox = filled();
        outbox.settle("a");
        outbox.refuse("b");
        assert_eq!(numbers(&outbox), [("b", 0), ("c", 2), ("d", 3)]);
        outbox.revive("b", 7);
        assert_eq!(outbox.items().last().map(|item| item.at), Some(7));
        assert_eq!(numbers(&outbox), [("c", 2), ("d", 3), ("b", 4)]);
    }

    #[test]
    fn what_is_behind_a_refused_message_moves_up_by_one_whatever_was_stored_meanwhile() {
        let mut outbox = filled();
        // The answer to a later batch has overtaken that to an earlier one.
        outbox.settle("b");
        outbox.refuse("c");
        assert_eq!(numbers(&outbox), [("a", 1), ("c", 0), ("d", 3)]);
        outbox.revive("c", 7);
        assert_eq!(numbers(&outbox), [("a", 1), ("d", 3), ("c", 4)]);
    }

    #[test]
    fn restored_messages_stand_in_the_order_of_writing_before_new_ones() {
        let mut outbox = Outbox::default();
        outbox.restore("b".into(), "2".into(), 2, State::Doubtful);
        outbox.restore("a".into(), "1".into(), 1, State::Doubtful);
        outbox.restore("a".into(), "1".into(), 1, State::Doubtful);
        outbox.push("c".into(), "3".into(), 3, &BOUNDS).expect("room");
        assert_eq!(numbers(&outbox), [("a", 1), ("b", 2), ("c", 3)]);
        assert_eq!(outbox.doubtful(), ["a", "b"]);
    }

    #[test]
    fn an_order_refusal_puts_back_everything_behind_it() {
        let mut outbox = filled();
        let sent = State::Sent { link: LinkId(1), at: Instant::from_millis(0) };
        outbox.waiting().for_each(|item| item.state = sent);
        assert_eq!(outbox.on_their_way(), 4);
        outbox.put_back_from("c");
        assert_eq!(outbox.waiting().map(|item| item.id.clone()).collect::<Vec<_>>(), ["c", "d"]);
        outbox.put_back(Some(LinkId(2)));
        assert_eq!(outbox.on_their_way(), 2);
        outbox.put_back(None);
        assert_eq!(outbox.on_their_way(), 0);
    }
}
