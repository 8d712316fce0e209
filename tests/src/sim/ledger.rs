//! What people have written, and what became of it.

use std::collections::{BTreeMap, BTreeSet};

use super::machine::Clock;
use super::page::{Owner, Page};
use super::people::Holder;
use super::store::Store;

/// What people have written, what became of it, and whose it is.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// By text: every text is written once.
    pub(super) messages: BTreeMap<String, Written>,
    pub(super) texts: BTreeMap<String, String>,
    pub(super) owners: BTreeMap<u64, usize>,
    /// Logs that a backup has replaced.
    pub(super) past: Vec<Store>,
    /// Dialogs that were somebody's before a backup came back, and are their browser's again.
    pub(super) unclaimed: BTreeSet<u64>,
    /// Who has said who they are, by machine and the log-outs before.
    pub(crate) claims: BTreeMap<(usize, u32), BTreeSet<u64>>,
    /// Who has typed what was not sent yet.
    pub(crate) drafts: BTreeMap<String, Holder>,
    /// The persons of the tags in storage.
    pub(crate) tags: BTreeMap<String, u64>,
    pub(super) numbers: u64,
    pub(super) stored: u64,
}

/// One message that the outbox of its writer has taken.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) owner: Owner,
    pub(super) machine: usize,
    pub(super) tab: u64,
    pub(super) number: u64,
    pub(super) page: usize,
    turn: Turn,
    /// Whose it was when it was written, and whose it is by now.
    pub(super) written_as: Holder,
    pub(super) holder: Holder,
    pub(super) kept: Kept,
    /// Its place in the log.
    pub(super) place: Option<(u64, u64)>,
    pub(super) order: Order,
    pub(super) loss: Loss,
}

/// Whether a message was sent for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    First,
    /// Its file went up once more, with a message that has another id. Only one of them takes it along, whichever is first.
    Later,
}

/// Whether storage has a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    Yes,
    No,
}

/// Whether a message must stand in the order of its writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Bound,
    /// It was sent again by hand, or storage does not have it.
    Free,
}

/// Whether a message may be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    Never,
    /// It was kept nowhere but in a page that died, or only in a log that a backup has replaced; or it was not sent yet when its
    /// writer logged out; or a page was told that its file is not there.
    Allowed,
}

impl Written {
    pub(super) fn allow_loss(&mut self) {
        self.loss = Loss::Allowed;
    }
}

impl Ledger {
    /// Somebody is about to send a message; returns its number.
    pub(crate) fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Somebody sends a message; nothing is promised yet.
    pub(crate) fn said(&mut self, text: &str, page: usize, by: &Page, holder: Holder) {
        let mut written = Written {
            written_as: holder,
            holder,
            owner: by.owner,
            machine: by.machine,
            tab: by.tab,
            number: self.numbers,
            page,
            turn: Turn::First,
            kept: Kept::No,
            place: None,
            order: Order::Free,
            loss: Loss::Allowed,
        };
        if let Some(former) = self.messages.get(text) {
            written.turn = Turn::Later;
            written.written_as = former.written_as;
            written.place = former.place;
        }
        self.messages.insert(text.into(), written);
    }

    pub(crate) fn written(&self) -> u64 {
        self.texts.len() as u64
    }

    pub(crate) fn stored(&self) -> u64 {
        self.stored
    }

    /// An outbox has taken a message, and storage has kept it or not.
    pub(crate) fn accepted(&mut self, id: &str, text: &str, kept: Kept) {
        if let Some(written) = self.messages.get_mut(text) {
            let is_new = self.texts.insert(id.into(), text.into()).is_none();
            written.loss = Loss::Never;
            written.kept = kept;
            if !is_new {
                // Kept once more, as somebody's: where it stands is known already.
                if kept == Kept::No {
                    written.order = Order::Free;
                }
                return;
            }
            // Another tab may find the later ones in storage, and send them before one that is not there.
            let is_bound = kept == Kept::Yes && written.turn == Turn::First;
            written.order = if is_bound { Order::Bound } else { Order::Free };
        }
    }

    fn by_id(&mut self, id: &str) -> Option<&mut Written> {
        self.messages.get_mut(self.texts.get(id)?)
    }

    pub(crate) fn write_lost(&mut self, id: &str) {
        if let Some(written) = self.by_id(id) {
            written.kept = Kept::No;
            written.allow_loss();
            written.order = Order::Free;
        }
    }

    /// A message is a person's by now, and the page's where it went along: of a browser whose clock has gone back, or not.
    pub(crate) fn belongs(&mut self, id: &str, person: u64, page: usize, clock: Clock) {
        if let Some(written) = self.by_id(id) {
            if written.holder != Holder::Person(person) && (written.page != page || clock == Clock::WentBack) {
                // What its writer writes later may stay nobody's for a while, or has an id that is older than those of the person's.
                written.order = Order::Free;
            }
            written.holder = Holder::Person(person);
            written.page = page;
        }
    }

    /// Returns whose a message is.
    pub(crate) fn holder_of(&self, id: &str) -> Option<Holder> {
        self.messages.get(self.texts.get(id)?).map(|written| written.holder)
    }

    /// The visitor of a browser has logged out: what was not sent is forgotten, whoever wrote it there.
    pub(crate) fn logged_out(&mut self, machine: usize) {
        for written in self.messages.values_mut() {
            if written.machine == machine && written.place.is_none() {
                // It may still be in the pipe of a page that has forgotten it.
                written.allow_loss();
                written.order = Order::Free;
            }
        }
    }

    /// A page has heard of a log-out, and forgets what it has.
    pub(crate) fn forgotten(&mut self, page: usize) {
        for written in self.messages.values_mut() {
            if written.page == page && written.place.is_none() {
                written.allow_loss();
                written.order = Order::Free;
            }
        }
    }

    /// A page was told that the file of a message is not there.
    pub(crate) fn file_lost(&mut self, text: &str) {
        if let Some(written) = self.messages.get_mut(text) {
            written.allow_loss();
            written.order = Order::Free;
        }
    }

    /// Says whether a file went up once more, with a message of its own.
    pub(super) fn is_repeated(&self, text: &str) -> bool {
        self.messages.get(text).is_some_and(|written| written.turn == Turn::Later)
    }

    /// Returns the logs that backups have replaced.
    pub(crate) fn past(&self) -> impl Iterator<Item = &Store> {
        self.past.iter()
    }

    pub(crate) fn retried(&mut self, id: &str) {
        if let Some(written) = self.by_id(id) {
            written.order = Order::Free;
        }
    }

    /// A day passes for the pages of an owner: what was not sent yet is given up, and may be overtaken.
    pub(crate) fn day_passes(&mut self, of: Owner) {
        for written in self.messages.values_mut() {
            if written.owner == of && written.place.is_none() {
                written.order = Order::Free;
            }
        }
    }

    pub(crate) fn page_gone(&mut self, page: usize) {
        for written in self.messages.values_mut() {
            if written.page == page && written.kept == Kept::No {
                written.allow_loss();
            }
        }
    }

    pub(crate) fn owns(&mut self, dialog: u64, visitor: usize) {
        self.owners.insert(dialog, visitor);
    }

    /// Returns the first dialog of a visitor.
    pub(crate) fn dialog_of(&self, visitor: usize) -> Option<u64> {
        self.owners.iter().find(|(_, owner)| **owner == visitor).map(|(dialog, _)| *dialog)
    }
}
