//! The other end of a session: what a client may see, and in which order.

use std::collections::BTreeSet;

use protocol::{Ready, ResumeMode, ServerFrame, limits};
use server_core::Event;
use server_core::session::Cursor;

use super::{Log, hash};

/// A client that trusts nothing.
pub(super) struct Client {
    /// Whether this is the answer to a POST.
    post: bool,
    /// What the next `ready` must say, by the question that was answered last.
    resumed: Option<(ResumeMode, u64)>,
    /// The last `seq` before the first one, since `ready`.
    base: Option<u64>,
    cursor: u64,
    /// The highest cursor ever.
    most: u64,
    congested: bool,
    marked: (u64, u64),
    channels: BTreeSet<String>,
    over: bool,
}

impl Client {
    pub(super) fn new(post: bool) -> Self {
        Self {
            post,
            resumed: None,
            base: None,
            cursor: 0,
            most: 0,
            congested: false,
            marked: (0, 0),
            channels: BTreeSet::new(),
            over: false,
        }
    }

    pub(super) fn is_post(&self) -> bool {
        self.post
    }

    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// Notes what a cursor must lead to, by protocol rule 3; returns the last `seq` before the first one.
    pub(super) fn resumes(&mut self, cursor: Cursor, epoch: u64, head: u64) -> u64 {
        let snapshot = head.saturating_sub(limits::SNAPSHOT_EVENTS);
        let (mode, base) = match (cursor.after, cursor.epoch) {
            (None, _) => (ResumeMode::Delta, head),
            (Some(_), Some(other)) if other != epoch => (ResumeMode::Reset, snapshot),
            (Some(after), _) if after > head => (ResumeMode::Reset, snapshot),
            (Some(after), _) if head - after > limits::RESUME_EVENTS => (ResumeMode::Snapshot, snapshot),
            (Some(after), _) => (ResumeMode::Delta, after),
        };
        self.resumed = Some((mode, base));
        base
    }

    pub(super) fn hears(&mut self, frame: &ServerFrame, log: &Log) {
        assert!(!self.over, "{frame:?} after the end");
        let head = log.len() as u64;
        let hash = |at| hash(log, at);
        let sound = |at: u64, told: Option<u64>| {
            assert!(at <= head, "{frame:?} is beyond the log, which ends at {head}");
            assert!(told.is_none_or(|told| told == hash(at)), "{frame:?}: the hash at {at} is {}", hash(at));
        };
        match frame {
            ServerFrame::Ready(ready) => self.ready(ready, head),
            ServerFrame::Synced(synced) => {
                self.is_inside(frame);
                sound(synced.head, synced.hash);
            }
            ServerFrame::Heartbeat(beat) => {
                self.is_inside(frame);
                sound(beat.head, beat.hash);
            }
            ServerFrame::Typing(_) => self.is_subscribed("typing"),
            ServerFrame::Presence(_) => self.is_subscribed("presence"),
            ServerFrame::Receipt(_) => self.is_subscribed("receipts"),
            ServerFrame::Subscribed(told) => self.channels.extend(told.channels.iter().cloned()),
            ServerFrame::Unsubscribed(told) => self.channels.retain(|name| !told.channels.contains(name)),
            ServerFrame::Stored(stored) => assert!((1..=head).contains(&stored.seq), "{stored:?} is not in the log"),
            ServerFrame::Message(_) | ServerFrame::Dialog(_) | ServerFrame::Bye(_) => {
                panic!("{frame:?} is not delivered")
            }
            ServerFrame::Refused(_)
            | ServerFrame::Pong(_)
            | ServerFrame::Drain(_)
            | ServerFrame::MetricsReceived(_)
            | ServerFrame::Error(_) => {}
        }
    }

    fn ready(&mut self, ready: &Ready, head: u64) {
        assert!(!self.post, "a POST resumes nothing");
        let (mode, base) = self.resumed.take().expect("the log was asked");
        assert_eq!((ready.mode, ready.next), (mode, base + 1), "the log ends at {head}");
        self.base = Some(base);
        self.cursor = base;
        self.most = self.most.max(base);
    }

    fn is_inside(&self, frame: &ServerFrame) {
        // A POST answers a `sync` without having resumed anything.
        assert!(self.post || self.base.is_some(), "{frame:?} before `ready`");
    }

    fn is_subscribed(&self, channel: &str) {
        assert!(self.channels.contains(channel), "{channel} without a subscription");
    }

    /// An event is delivered: the next one, or one that the client has.
    pub(super) fn gets(&mut self, event: &Event) {
        assert!(!self.over && (self.post || self.base.is_some()), "an event without `ready`");
        if self.congested || self.post {
            return;
        }
        assert!(event.seq <= self.cursor + 1, "{} right behind {}", event.seq, self.cursor);
        self.cursor = self.cursor.max(event.seq);
        self.most = self.most.max(self.cursor);
    }

    /// Throws away what was not written yet; returns the last `seq` that was.
    pub(super) fn congest(&mut self, which: u64) -> Option<u64> {
        if self.congested || self.post || self.over {
            return None;
        }
        self.congested = true;
        let Some(base) = self.base else { return Some(0) };
        self.cursor = base + which % (self.cursor - base + 1);
        Some(if self.cursor > base { self.cursor } else { 0 })
    }

    /// Says whether it was too slow, and is no more.
    pub(super) fn writable(&mut self) -> bool {
        std::mem::take(&mut self.congested)
    }

    pub(super) fn marks(&mut self, received: u64, read: u64) {
        let most = if self.post { u64::MAX } else { self.most };
        assert!(received <= most && read <= received.max(most), "{received} and {read} of {most}");
        assert!(self.marked.0 <= received && self.marked.1 <= read, "marks go back");
        self.marked = (received, read);
    }

    pub(super) fn ends(&mut self) {
        assert!(!self.over, "it ends twice");
        self.over = true;
    }

    pub(super) fn has_all(&self, head: u64) {
        if !self.over && self.base.is_some() {
            assert_eq!(self.cursor, head, "the client has all, and nothing is on its way");
        }
    }
}
