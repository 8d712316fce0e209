//! Admission, resume and delivery: from a cursor to the head, and on with it.

use std::sync::Arc;

use mutants::Mutant;
use protocol::{
    Author, ClientFrame, Heartbeat, Hello, Known, Ready, ServerFrame, Stored, Synced, VERSION, digest, limits,
};

use super::{Cursor, Member, Output, Session, State, Ticket};
use crate::access::ScopedDialog;
use crate::{Ephemeral, Event, Now, Refusal};

/// A session that delivers.
#[derive(Debug)]
pub(super) struct Inside {
    pub(super) member: Member,
    /// The last `seq` before the first one of this link, as `ready` told it.
    base: u64,
    /// The hash of the log up to `base`.
    base_hash: Option<u64>,
    /// The last `seq` that was delivered.
    pub(super) cursor: u64,
    /// The hash of the log up to `cursor`, where it is known.
    hash: Option<u64>,
    /// Questions to the log that are open.
    pub(super) reads: Vec<Read>,
    kind: Kind,
}

/// A question to the log.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) ticket: Ticket,
    pub(super) purpose: Purpose,
}

/// What a page is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// What follows the cursor; `synced` at its end.
    Resume,
    /// What follows the cursor, after a hint of it.
    Gap,
    /// What the client asked for.
    Sync,
}

/// Whether the connection takes events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// It does.
    Open,
    /// Its queue was thrown away.
    Congested,
}

/// Whether events are delivered at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Live,
    /// The answer to a POST carries only answers.
    Post,
}

/// What the store answered to `Resume`.
pub(super) struct Log {
    pub(super) epoch: u64,
    pub(super) head: u64,
    pub(super) hash: Option<u64>,
    pub(super) known: Vec<Known>,
    pub(super) last_n: u64,
}

impl Inside {
    pub(super) const fn post(member: Member) -> Self {
        Self { member, base: 0, base_hash: None, cursor: u64::MAX, hash: None, reads: Vec::new(), kind: Kind::Post }
    }

    /// Moves the cursor to an event that is delivered, or delivered again.
    fn advance(&mut self, event: &Event) {
        if event.seq >= self.cursor {
            (self.cursor, self.hash) = (event.seq, event.hash);
        }
    }

    /// Returns the hash of the log up to `seq`, where it is known.
    fn hash_at(&self, seq: u64) -> Option<u64> {
        if seq == 0 { Some(digest::EMPTY) } else { self.hash.filter(|_| seq == self.cursor) }
    }

    pub(super) fn is_post(&self) -> bool {
        self.kind == Kind::Post
    }

    fn catches_up(&self) -> bool {
        self.reads.iter().any(|read| match read.purpose {
            Purpose::Resume | Purpose::Gap => true,
            Purpose::Sync => false,
        })
    }
}

impl Session {
    pub(super) fn on_admitted(&mut self, ticket: Ticket, dialog: ScopedDialog, author: Author) {
        if self.renewal == Some(ticket) {
            self.renewal = None;
            return;
        }
        if !matches!(&self.state, State::Admitting { ticket: asked, .. } if *asked == ticket) {
            return;
        }
        if let State::Admitting { hello, waiting, .. } = std::mem::replace(&mut self.state, State::Closed) {
            let client = self.client_of(&hello);
            self.resume(Member { dialog, author, client }, hello, waiting);
        }
    }

    pub(super) fn on_denied(&mut self, ticket: Ticket, code: u16, reason: &'static str) {
        let asked = match &self.state {
            State::Admitting { ticket: asked, .. } => *asked == ticket,
            State::Outside | State::Resuming { .. } | State::Inside(_) | State::Closed => false,
        };
        if asked || self.renewal == Some(ticket) {
            self.close(code, reason, None);
        }
    }

    /// Asks the log where it ends; the shell subscribes first.
    pub(super) fn resume(&mut self, member: Member, hello: Box<Hello>, waiting: Vec<ClientFrame>) {
        let ticket = self.ticket();
        self.outputs.push_back(Output::Resume {
            ticket,
            cursor: Cursor::of(&hello),
            pending: hello.pending.clone(),
            client: member.client.clone(),
        });
        self.state = State::Resuming { ticket, member, hello, waiting };
    }

    pub(super) fn on_resumed(&mut self, now: Now, ticket: Ticket, log: Log) {
        if !matches!(&self.state, State::Resuming { ticket: asked, .. } if *asked == ticket) {
            return;
        }
        let State::Resuming { member, hello, waiting, .. } = std::mem::replace(&mut self.state, State::Closed) else {
            return;
        };
        let (mode, base) = Cursor::of(&hello).begin(log.epoch, log.head);
        self.transmit(ServerFrame::Ready(Ready {
            v: VERSION,
            dialog_id: member.dialog.id(),
            epoch: log.epoch,
            head: log.head,
            mode,
            next: base + 1,
            hash: log.hash,
            known: log.known,
            last_n: log.last_n,
            heartbeat_ms: self.config.limits.heartbeat_ms,
            spread_ms: self.config.spread_ms,
            servers: self.config.servers.to_vec(),
            limits: self.config.limits.told,
            now: now.wall,
        }));
        self.hint = self.hint.max(log.head);
        let hash = log.hash;
        self.state = State::Inside(Inside {
            member,
            base,
            base_hash: hash,
            cursor: base,
            hash,
            reads: Vec::new(),
            kind: Kind::Live,
        });
        self.catch_up(Purpose::Resume);
        self.take_waiting(now, waiting);
    }

    /// Reads what follows the cursor, if the log is known to go on.
    fn catch_up(&mut self, purpose: Purpose) {
        let hint = self.hint;
        let ticket = self.ticket();
        let State::Inside(inside) = &mut self.state else { return };
        if self.flow != Flow::Open || inside.is_post() || inside.catches_up() {
            return;
        }
        if hint > inside.cursor {
            let after = inside.cursor;
            inside.reads.push(Read { ticket, purpose });
            self.outputs.push_back(Output::Read { ticket, after, limit: limits::PAGE });
        } else if purpose == Purpose::Resume {
            let (head, hash) = (inside.cursor, inside.hash);
            self.transmit(ServerFrame::Synced(Synced { head, hash }));
        }
    }

    pub(super) fn on_page(&mut self, ticket: Ticket, events: Vec<Arc<Event>>, head: u64) {
        let State::Inside(inside) = &mut self.state else { return };
        let Some(index) = inside.reads.iter().position(|read| read.ticket == ticket) else { return };
        let read = inside.reads.swap_remove(index);
        self.hint = self.hint.max(head);
        let progress = !events.is_empty();
        match read.purpose {
            Purpose::Sync => {
                for event in events {
                    // Beyond the cursor comes what the cursor brings, in its order.
                    if event.seq <= inside.cursor.saturating_add(1) {
                        inside.advance(&event);
                        self.outputs.push_back(Output::Deliver(event));
                    }
                }
                let hash = inside.hash_at(head);
                self.transmit(ServerFrame::Synced(Synced { head, hash }));
            }
            Purpose::Resume | Purpose::Gap => {
                for event in events {
                    if event.seq == inside.cursor + 1 {
                        inside.advance(&event);
                        self.outputs.push_back(Output::Deliver(event));
                    }
                }
                let (cursor, hash) = (inside.cursor, inside.hash);
                // A page that brings nothing new ends the reading; the next heartbeat asks again.
                if progress && cursor < self.hint {
                    self.catch_up(read.purpose);
                } else if read.purpose == Purpose::Resume {
                    self.transmit(ServerFrame::Synced(Synced { head: cursor, hash }));
                }
            }
        }
    }

    pub(super) fn on_published(&mut self, event: Arc<Event>) {
        match &mut self.state {
            State::Outside | State::Closed => {}
            State::Admitting { .. } => self.hint = self.hint.max(event.seq),
            State::Resuming { member, .. } => {
                if member.dialog.id() == event.dialog_id {
                    self.hint = self.hint.max(event.seq);
                }
            }
            State::Inside(inside) => {
                if inside.member.dialog.id() != event.dialog_id || event.seq <= inside.cursor {
                    return;
                }
                self.hint = self.hint.max(event.seq);
                let next = event.seq == inside.cursor + 1 || mutants::planted(Mutant::NoGapCheck);
                if next && self.flow == Flow::Open && !inside.catches_up() {
                    inside.advance(&event);
                    self.outputs.push_back(Output::Deliver(event));
                } else {
                    self.catch_up(Purpose::Gap);
                }
            }
        }
    }

    pub(super) fn on_head(&mut self, now: Now, head: u64) {
        let State::Inside(inside) = &self.state else { return };
        if self.flow == Flow::Open {
            let head = head.max(inside.cursor);
            let hash = inside.hash_at(head);
            self.hint = self.hint.max(head);
            self.transmit(ServerFrame::Heartbeat(Heartbeat { timestamp: now.wall, head, hash }));
            self.catch_up(Purpose::Gap);
        }
    }

    pub(super) fn on_appended(&mut self, id: String, result: Result<Stored, Refusal>) {
        self.appends = self.appends.saturating_sub(1);
        match result {
            Ok(stored) => self.transmit(ServerFrame::Stored(stored)),
            Err(refusal) => self.transmit(refusal.into_frame(id)),
        }
    }

    pub(super) fn on_ephemeral(&mut self, ephemeral: Ephemeral) {
        if matches!(self.state, State::Inside(_)) && self.flow == Flow::Open && self.channels.has(ephemeral.channel()) {
            self.transmit(ephemeral.into_frame());
        }
    }

    pub(super) fn on_congested(&mut self, written: u64) {
        if self.flow == Flow::Congested {
            return;
        }
        self.flow = Flow::Congested;
        let State::Inside(inside) = &mut self.state else { return };
        inside.reads.clear();
        if !mutants::planted(Mutant::NoCatchUp) {
            let cursor = inside.cursor.min(written.max(inside.base));
            // Of what lies between nothing is kept: the next event tells it again.
            inside.hash = match cursor {
                same if same == inside.cursor => inside.hash,
                base if base == inside.base => inside.base_hash,
                _ => None,
            };
            inside.cursor = cursor;
        }
    }

    pub(super) fn on_writable(&mut self) {
        if self.flow == Flow::Congested {
            self.flow = Flow::Open;
            self.catch_up(Purpose::Resume);
        }
    }
}
