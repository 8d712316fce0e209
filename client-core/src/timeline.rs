//! The conversation as far as this page has it: strictly by `seq`, each once.

use mutants::Mutant;
use protocol::http::Page;
use protocol::{DialogChange, Message, Ready, ResumeMode};

use crate::Older;
use crate::audit::Audit;

/// Messages kept for the screen; older ones are asked for again.
const KEPT_MESSAGES: usize = 5_000;

/// Events held while a gap before them is being filled.
const HELD_EVENTS: usize = 256;

/// What was applied, and what waits for a gap to be filled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timeline {
    messages: Vec<Message>,
    held: Vec<Entry>,
    cursor: u64,
    target: u64,
    epoch: Option<u64>,
    pub(crate) older: Older,
    /// Where the older page that was asked for ends; 0 when it no longer fits in front.
    before: u64,
    audit: Audit,
}

/// One durable event of the log.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    Message(Message),
    Change(DialogChange),
}

impl Entry {
    pub(crate) fn seq(&self) -> u64 {
        match self {
            Self::Message(message) => message.seq,
            Self::Change(change) => change.seq,
        }
    }
}

impl Timeline {
    /// Returns the last `seq` that was applied.
    pub(crate) fn cursor(&self) -> u64 {
        self.cursor
    }

    /// Returns the epoch of the log that was read.
    pub(crate) fn epoch(&self) -> Option<u64> {
        self.epoch
    }

    pub(crate) fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// Returns whether the log is known to go on behind the cursor.
    pub(crate) fn is_behind(&self) -> bool {
        self.cursor < self.target
    }

    /// Learns how far the log goes.
    pub(crate) fn learn_head(&mut self, head: u64) {
        self.target = self.target.max(head);
    }

    /// Starts from the end of the log, as it was loaded.
    pub(crate) fn load(&mut self, page: Page) {
        self.epoch = Some(page.epoch);
        self.cursor = page.head;
        self.target = page.head;
        self.held.clear();
        self.messages = page.messages;
        self.before = 0;
        self.older = if page.older { Older::Some } else { Older::None };
        self.audit.load(&self.messages, page.head, page.hash);
    }

    /// Takes up what a session announces; everything before a snapshot is asked for again.
    pub(crate) fn resume(&mut self, ready: &Ready) {
        // The link before may have brought more since the cursor was told: the rest comes again, and is dropped.
        let goes_on = ready.mode == ResumeMode::Delta && ready.next <= self.cursor + 1;
        let other_log = !goes_on || self.epoch.is_some_and(|epoch| epoch != ready.epoch);
        if other_log && !mutants::planted(Mutant::ClientNoReset) {
            self.messages.clear();
            self.held.clear();
            self.cursor = ready.next.saturating_sub(1);
            self.target = self.cursor;
            self.before = 0;
            self.older = if self.cursor > 0 { Older::Some } else { Older::None };
            self.audit = Audit::default();
        }
        self.epoch = Some(ready.epoch);
        self.learn_head(ready.head);
        self.compare(ready.next.saturating_sub(1), ready.hash);
    }

    /// Compares the log here with what the server says of its own up to `head`.
    pub(crate) fn compare(&mut self, head: u64, hash: Option<u64>) {
        if let Some(hash) = hash {
            self.audit.claimed(self.cursor, head, hash);
        }
    }

    /// Returns whether the log here was found to be another one than the server's, once.
    pub(crate) fn has_failed_audit(&mut self) -> bool {
        core::mem::take(&mut self.audit.has_failed)
    }

    /// Returns the hash of what was applied, where it has a beginning.
    pub(crate) fn hash(&self) -> Option<u64> {
        self.audit.hash
    }

    /// Applies an event, and what was held behind it; returns the messages that are new, by `seq`.
    pub(crate) fn apply(&mut self, entry: Entry) -> Vec<Message> {
        let mut fresh = Vec::new();
        let seq = entry.seq();
        self.learn_head(seq);
        if seq > self.cursor + 1 && !mutants::planted(Mutant::ClientNoGapCheck) {
            self.hold(entry);
            return fresh;
        }
        if seq <= self.cursor && !mutants::planted(Mutant::ClientNoCursor) {
            return fresh;
        }
        self.append(entry, &mut fresh);
        while let Some(place) = self.held.iter().position(|held| held.seq() == self.cursor + 1) {
            let held = self.held.swap_remove(place);
            self.append(held, &mut fresh);
        }
        let cursor = self.cursor;
        self.held.retain(|held| held.seq() > cursor);
        fresh
    }

    fn append(&mut self, entry: Entry, fresh: &mut Vec<Message>) {
        self.cursor = entry.seq();
        match entry {
            Entry::Message(message) => {
                if mutants::planted(Mutant::ClientDropsMessage) && message.seq.is_multiple_of(5) {
                    return;
                }
                self.audit.append(message.seq, &message.id, message.author.kind, &message.text);
                fresh.push(message.clone());
                self.messages.push(message);
                if self.messages.len() > KEPT_MESSAGES {
                    self.messages.drain(..KEPT_MESSAGES / 10);
                    self.before = 0;
                    self.older = Older::Some;
                }
            }
            Entry::Change(change) => self.audit.append(change.seq, "", change.author.kind, &change.change),
        }
    }

    fn hold(&mut self, entry: Entry) {
        // What does not fit is asked for again with the gap.
        if self.held.len() < HELD_EVENTS && self.held.iter().all(|held| held.seq() != entry.seq()) {
            self.held.push(entry);
        }
    }

    /// Notes that older messages are asked for; returns the `seq` that they come before.
    pub(crate) fn ask_older(&mut self) -> u64 {
        self.older = Older::Loading;
        self.before = self.messages.first().map_or(self.cursor + 1, |message| message.seq);
        self.before
    }

    /// Says whether an older page, or its failure, is the one that is awaited.
    pub(crate) fn awaits(&self, before: u64) -> bool {
        self.before == before
    }

    /// Puts older messages in front.
    pub(crate) fn prepend(&mut self, page: Page) {
        if self.epoch != Some(page.epoch) {
            return;
        }
        self.before = 0;
        let first = self.messages.first().map_or(self.cursor + 1, |message| message.seq);
        let mut messages = page.messages;
        messages.retain(|message| message.seq < first);
        self.older = if page.older && !messages.is_empty() { Older::Some } else { Older::None };
        messages.append(&mut self.messages);
        self.messages = messages;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::Author;

    fn message(seq: u64) -> Message {
        let id = char::from_digit(u32::try_from(seq % 36).expect("small"), 36).expect("digit").to_string();
        Message { dialog_id: 1, seq, id, author: Author::default(), text: String::new(), at: 0, file: None }
    }

    fn seqs(timeline: &Timeline) -> Vec<u64> {
        timeline.messages().iter().map(|message| message.seq).collect()
    }

    fn apply(timeline: &mut Timeline, seq: u64) -> usize {
        timeline.apply(Entry::Message(message(seq))).len()
    }

    #[test]
    fn events_in_any_order_and_number_are_applied_once_and_in_order() {
        let mut timeline = Timeline::default();
        for seq in [1, 3, 3, 5, 2, 2, 1, 4, 5] {
            apply(&mut timeline, seq);
        }
        assert_eq!(seqs(&timeline), [1, 2, 3, 4, 5]);
        assert!(!timeline.is_behind());
    }

    #[test]
    fn a_gap_is_known_until_it_is_filled() {
        let mut timeline = Timeline::default();
        assert_eq!(apply(&mut timeline, 2), 0);
        assert!(timeline.is_behind());
        assert_eq!(apply(&mut timeline, 1), 2);
        assert!(!timeline.is_behind());
        timeline.learn_head(3);
        assert!(timeline.is_behind());
    }

    #[test]
    fn a_snapshot_and_another_epoch_start_afresh_and_a_delta_goes_on() {
        let mut timeline = Timeline::default();
        timeline.load(Page { epoch: 1, head: 2, messages: vec![message(1), message(2)], older: false, hash: None });
        let ready = Ready { epoch: 1, head: 3, next: 3, ..Ready::default() };
        timeline.resume(&ready);
        assert_eq!(seqs(&timeline), [1, 2]);
        timeline.resume(&Ready { mode: ResumeMode::Snapshot, head: 300, next: 251, ..ready.clone() });
        assert_eq!((seqs(&timeline), timeline.cursor(), timeline.older), (vec![], 250, Older::Some));
        timeline.resume(&Ready { epoch: 2, head: 1, next: 1, mode: ResumeMode::Reset, ..ready });
        assert_eq!((timeline.cursor(), timeline.epoch(), timeline.older), (0, Some(2), Older::None));
    }

    #[test]
    fn older_pages_are_put_in_front_once() {
        let mut timeline = Timeline::default();
        timeline.load(Page { epoch: 1, head: 4, messages: vec![message(3), message(4)], older: true, hash: None });
        let page =
            Page { epoch: 1, head: 4, messages: vec![message(1), message(2), message(3)], older: false, hash: None };
        assert_eq!(timeline.ask_older(), 3);
        timeline.prepend(page.clone());
        timeline.prepend(page);
        assert_eq!(seqs(&timeline), [1, 2, 3, 4]);
    }
}
