//! What must hold: while a schedule runs, and when everything has settled.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use client_core::{Delivery, Item};
use protocol::AuthorKind;
use server_core::{Entry, Event};

use super::page::{Owner, PageLife};
use super::store::Store;
use super::{RETURN_MS, Sim, trace};

/// A conversation of so many messages is looked at more and more rarely.
const LONG: u64 = 24;

/// Own messages that are stored, and whose events are still on their way to the page: what is sent in 15 s at most, for
/// then the server gives up a connection that takes nothing.
const SETTLED: usize = 512;

/// What people have written, and what became of it.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// By text: every text is written once.
    messages: BTreeMap<String, Written>,
    texts: BTreeMap<String, String>,
    owners: BTreeMap<u64, usize>,
    /// Logs that a backup has replaced.
    past: Vec<Store>,
    numbers: u64,
    stored: u64,
}

/// One message that the outbox of its writer has taken.
#[derive(Debug)]
struct Written {
    owner: Owner,
    tab: u64,
    number: u64,
    page: usize,
    kept: Kept,
    /// Its place in the log.
    place: Option<(u64, u64)>,
    order: Order,
    loss: Loss,
}

/// Whether storage has a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    Yes,
    No,
}

/// Whether a message must stand in the order of its writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Bound,
    /// It was sent again by hand, or storage does not have it.
    Free,
}

/// Whether a message may be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loss {
    Never,
    /// It was kept nowhere but in a page that died, or only in a log that a backup has replaced.
    Allowed,
}

impl Ledger {
    /// Somebody is about to send a message; returns its number.
    pub(crate) fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Somebody sends a message; nothing is promised yet.
    pub(crate) fn said(&mut self, text: &str, owner: Owner, tab: u64, page: usize) {
        let written = Written {
            owner,
            tab,
            number: self.numbers,
            page,
            kept: Kept::No,
            place: None,
            order: Order::Free,
            loss: Loss::Allowed,
        };
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
            self.texts.insert(id.into(), text.into());
            written.loss = Loss::Never;
            written.kept = kept;
            // Another tab may find the later ones in storage, and send them before one that is not there.
            written.order = if kept == Kept::Yes { Order::Bound } else { Order::Free };
        }
    }

    fn by_id(&mut self, id: &str) -> Option<&mut Written> {
        self.messages.get_mut(self.texts.get(id)?)
    }

    pub(crate) fn write_lost(&mut self, id: &str) {
        if let Some(written) = self.by_id(id) {
            written.kept = Kept::No;
            written.loss = Loss::Allowed;
            written.order = Order::Free;
        }
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
                written.loss = Loss::Allowed;
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

impl Sim {
    /// Compares what was committed with what was written.
    pub(crate) fn ledger_committed(&mut self, events: &[Arc<Event>]) {
        for event in events {
            let Entry::Message(message) = &event.entry else { continue };
            let place = (event.dialog_id, event.seq);
            self.ledger.stored += 1;
            let wrong = if message.author.kind == AuthorKind::System {
                (event.seq != 1).then(|| "a welcome that is not the first".to_owned())
            } else {
                let visitor = self.ledger.owners.get(&event.dialog_id).copied();
                match self.ledger.messages.get_mut(&message.text) {
                    None => Some("nobody has written it".into()),
                    Some(written) => {
                        let at_home = match written.owner {
                            Owner::Visitor { visitor: writer, .. } => Some(writer) == visitor,
                            Owner::Operator { dialog } => dialog == event.dialog_id,
                        };
                        let before = written.place.replace(place);
                        if !at_home {
                            Some("it belongs to another dialog".into())
                        } else {
                            before.map(|before| format!("stored twice, first at {before:?}"))
                        }
                    }
                }
            };
            if let Some(wrong) = wrong {
                self.violate(format!("{:?} at {place:?}: {wrong}", message.text));
            }
        }
    }

    /// A backup has replaced the log: what only the lost one had may be lost.
    pub(crate) fn ledger_restored(&mut self, lost: Store) {
        for written in self.ledger.messages.values_mut() {
            if let Some((dialog, seq)) = written.place
                && self.store.dialogs.get(&dialog).is_none_or(|dialog| dialog.head() < seq)
            {
                written.place = None;
                written.loss = Loss::Allowed;
                written.order = Order::Free;
            }
        }
        self.ledger.past.push(lost);
    }

    /// Nothing is answered or told that is not in the log.
    pub(crate) fn check_durable(&mut self, dialog: u64, seq: u64, id: Option<&str>) {
        let found = self.store.dialogs.get(&dialog).and_then(|dialog| dialog.message(seq));
        if found.is_none_or(|message| id.is_some_and(|id| id != message.id)) {
            self.violate(format!("told of {id:?} at {seq} of {dialog}, which is not durable"));
        }
    }

    /// Looks at what a page shows; at a long conversation not every time.
    pub(crate) fn glance(&mut self, page: usize) {
        let shown = self.pages[page].client.as_ref().map_or(0, client_core::Client::cursor);
        if shown < LONG || self.steps.is_multiple_of(shown / LONG * 4) {
            self.check_view(page);
        }
    }

    /// Looks at what a page shows.
    pub(crate) fn check_view(&mut self, page: usize) {
        let Some(client) = &self.pages[page].client else { return };
        let dialog = client.dialog_id();
        let view = client.view();
        if let Some(wrong) = self.wrong_hash(dialog, client.cursor(), client.log_hash()) {
            return self.violate(format!("page {page} has {wrong}"));
        }
        if let Some(wrong) = self.wrong_in(page, dialog, &view.items) {
            self.violate(format!("page {page} shows {wrong}"));
        }
        if view.items.iter().filter(|item| item.seq == 0).count() > self.plan.outbox + SETTLED {
            self.violate(format!("page {page} holds more than its outbox takes"));
        }
    }

    /// What a page has applied is what some log has up to there: the present one, or one that a backup has replaced.
    fn wrong_hash(&self, dialog: Option<u64>, cursor: u64, hash: Option<u64>) -> Option<String> {
        let (dialog, hash) = dialog.zip(hash)?;
        let same = |store: &Store| {
            store.dialogs.get(&dialog).is_some_and(|log| log.head() >= cursor && log.hash_at(cursor) == hash)
        };
        let known = same(&self.store) || self.ledger.past.iter().any(same);
        (!known).then(|| format!("the hash {hash} at {cursor} of {dialog}, which no log has there"))
    }

    fn wrong_in(&self, page: usize, dialog: Option<u64>, items: &[Item]) -> Option<String> {
        let mut keys = BTreeSet::new();
        if let Some(twice) = items.iter().find(|item| !keys.insert(item.key.as_str())) {
            return Some(format!("{} twice", twice.key));
        }
        let mut texts = BTreeSet::new();
        if let Some(twice) = items.iter().find(|item| !texts.insert(item.text.as_str())) {
            return Some(format!("{:?} twice", twice.text));
        }
        let placed: Vec<&Item> = items.iter().filter(|item| item.seq > 0).collect();
        if let Some(pair) = placed.windows(2).find(|pair| pair[0].seq + 1 != pair[1].seq) {
            return Some(format!("{} right after {}", pair[1].seq, pair[0].seq));
        }
        if let Some(first) = placed.first() {
            let dialog = dialog.unwrap_or_default();
            let same = |store: &Store| {
                store.dialogs.get(&dialog).is_some_and(|log| {
                    placed.iter().all(|item| {
                        log.message(item.seq).is_some_and(|message| message.id == item.key && message.text == item.text)
                    })
                })
            };
            if !same(&self.store) && !self.ledger.past.iter().any(same) {
                return Some(format!("what is not in the log of {dialog}, from {} on", first.seq));
            }
        }
        let owner = self.pages[page].owner;
        let foreign = |item: &&Item| {
            item.seq == 0
                && item.author.kind != AuthorKind::System
                && self.ledger.messages.get(&item.text).is_none_or(|written| match (written.owner, owner) {
                    (Owner::Visitor { visitor: one, .. }, Owner::Visitor { visitor: other, .. }) => one != other,
                    (Owner::Operator { dialog: one }, Owner::Operator { dialog: other }) => one != other,
                    (Owner::Visitor { .. }, Owner::Operator { .. })
                    | (Owner::Operator { .. }, Owner::Visitor { .. }) => true,
                })
        };
        items.iter().find(foreign).map(|item| format!("{:?}, which is not of this one", item.text))
    }

    /// After the bound, every page is online and shows the end of the log.
    pub(crate) fn check_return(&mut self) {
        for page in self.open_pages() {
            let Some(wrong) = self.not_returned(page) else { continue };
            self.violate(format!("page {page}, {} s after the last fault: {wrong}", RETURN_MS / 1_000));
            return;
        }
        let start = self.plan.duration_ms;
        let back = self.pages.iter().filter_map(|page| page.back_at).max();
        self.slowest_return_ms = back.map_or(0, |at| at - start);
        trace!(self, "everyone is back");
    }

    fn not_returned(&self, page: usize) -> Option<String> {
        let state = &self.pages[page];
        let client = state.client.as_ref()?;
        if self.is_gone(page) {
            return None;
        }
        if state.life != PageLife::Open {
            return Some("it is frozen".into());
        }
        let view = client.view();
        if let Some(item) = view.items.iter().find(|item| item.delivery == Delivery::Refused) {
            return Some(format!("{:?} was refused for good", item.text));
        }
        if client.unsettled() > 0 {
            let link = view.link;
            return Some(format!("{} messages are not settled, the link is {link:?}", client.unsettled()));
        }
        let dialog = client.dialog_id()?;
        if !super::page::is_online(view.link) {
            return Some(format!("the link is {:?}", view.link));
        }
        let head = self.store.dialogs.get(&dialog).map_or(0, super::store::Dialog::head);
        let shown = view.items.iter().map(|item| item.seq).max().unwrap_or(0);
        if client.cursor() != head || (shown != head && head > 0) {
            return Some(format!("the cursor is {}, the last shown is {shown}, the head is {head}", client.cursor()));
        }
        let hash = self.store.dialogs.get(&dialog).map(|log| log.hash_at(head));
        if client.log_hash().is_none() || client.log_hash() != hash {
            return Some(format!("the hash of its log is {:?}, and not {hash:?}", client.log_hash()));
        }
        let pending = view.items.iter().find(|item| item.seq == 0 && item.author.kind != AuthorKind::System);
        pending.map(|item| format!("{:?} still has no place ({:?})", item.text, item.delivery))
    }

    /// When nothing moves any more: the log, and every page against it.
    pub(crate) fn check_end(&mut self) {
        if self.violation.is_some() {
            return;
        }
        self.check_return();
        let is_lost = |written: &Written| {
            // What an operator wrote into a dialog that no backup had has nowhere to go.
            let is_gone = match written.owner {
                Owner::Operator { dialog } => !self.store.dialogs.contains_key(&dialog),
                Owner::Visitor { .. } => false,
            };
            written.place.is_none() && written.loss == Loss::Never && !is_gone
        };
        let lost = self.ledger.messages.iter().find(|(_, written)| is_lost(written));
        if let Some((text, written)) = lost {
            let wrong = format!("{text:?} of page {} was accepted and is lost", written.page);
            return self.violate(wrong);
        }
        for page in self.open_pages() {
            self.check_view(page);
            let held = |conn: &&u32| self.conns.get(conn).is_some_and(|state| state.door > 0);
            // Where a proxy has begun to block sockets, the one to the second server is the last there is.
            if self.doors[0] == super::Door::Open
                && self.machines[self.pages[page].machine].sockets == super::machine::Sockets::Pass
                && let Some(conn) = self.pages[page].links.values().find(held)
            {
                let wrong = format!("page {page} has not gone back to the first server: conn {conn}");
                self.violate(wrong);
            }
        }
        let wrong = self.store.dialogs.iter().find_map(|(dialog, log)| {
            let welcomes = log.messages().filter(|message| message.author.kind == AuthorKind::System).count();
            if log.head() > 0 && welcomes != 1 {
                return Some(format!("dialog {dialog} has {welcomes} welcomes"));
            }
            self.out_of_order(log).map(|text| format!("{text:?} stands out of its order in dialog {dialog}"))
        });
        if let Some(wrong) = wrong {
            self.violate(wrong);
        }
    }

    fn out_of_order(&self, log: &super::store::Dialog) -> Option<String> {
        let mut last: BTreeMap<(String, u64), u64> = BTreeMap::new();
        for message in log.messages() {
            let Some(written) = self.ledger.messages.get(&message.text) else { continue };
            if written.order == Order::Free {
                continue;
            }
            let key = (format!("{:?}", written.owner), written.tab);
            let before = last.insert(key, written.number).unwrap_or(0);
            if before > written.number {
                return Some(message.text.clone());
            }
        }
        None
    }
}
