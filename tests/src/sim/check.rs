//! What must hold: while a schedule runs, and when everything has settled.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use client_core::{Delivery, Item, LinkState};
use protocol::AuthorKind;
use server_core::{Entry, Event};

use super::ledger::{Loss, Order, Written};
use super::machine::LogOutTold;
use super::page::{Owner, PageLife};
use super::people::Holder;
use super::store::Store;
use super::uploads::{item_text, written_text};
use super::{Fault, RETURN_MS, Sim, trace};

/// A conversation of so many messages is looked at more and more rarely.
const LONG: u64 = 24;

/// Own messages that are stored, and whose events are still on their way to the page: what is sent in 15 s at most, for
/// then the server gives up a connection that takes nothing.
const SETTLED: usize = 512;

/// So long after a message was refused for its file the next one may be under way.
const LOST_FILE_MS: server_core::Millis = 30_000;

/// What was stored so lately may still be on its way.
const FRESH_MS: server_core::Millis = 5_000;

/// A page that asks every now and then, seldom where nothing happens, hears of it so late at the most: a pause and a slow answer.
const POLLED_MS: server_core::Millis = 35_000;

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
                let holder = self.store.dialogs.get(&event.dialog_id).map_or(Holder::Nobody, |log| log.holder);
                let text = written_text(&message.text, message.file.as_ref());
                let written = self.ledger.messages.get(&text);
                let (first, writer) =
                    written.map_or((Holder::Nobody, Holder::Nobody), |written| (written.written_as, written.holder));
                let is_told = written.is_none_or(|written| self.is_told(written.machine));
                // What was on its way when its writer said who they are may arrive where it was sent to.
                let was_of_browser = matches!(first, Holder::Browser { .. });
                let is_of_browser = was_of_browser || matches!(holder, Holder::Browser { .. });
                let is_passed = self.may_pass(writer, holder) || (is_of_browser && self.may_pass(first, holder));
                let may_echo = match first {
                    Holder::Browser { machine, era } => self.claims(machine, era).next().is_some(),
                    Holder::Person(_) => true,
                    Holder::Nobody => false,
                };
                let mut echoes = false;
                let wrong = match self.ledger.messages.get_mut(&text) {
                    None => Some("nobody has written it".into()),
                    Some(written) => {
                        let at_home = match written.owner {
                            Owner::Visitor { visitor: writer, .. } => Some(writer) == visitor,
                            Owner::Operator { dialog } => dialog == event.dialog_id,
                        };
                        let before = written.place.replace(place);
                        match before {
                            _ if message.text.starts_with('\u{1}') => Some("a file came as words".into()),
                            _ if !at_home => Some("it belongs to another dialog".into()),
                            _ if !is_passed && is_told => {
                                Some(format!("it is {writer:?}'s, and the dialog is {holder:?}'s"))
                            }
                            // It was on its way when its writer said who they are, or logged out and nobody could be told; and
                            // logs are never made one.
                            Some((dialog, _)) if dialog != event.dialog_id && (may_echo || !is_told) => {
                                written.order = Order::Free;
                                echoes = true;
                                None
                            }
                            Some(before) => Some(format!("stored twice, first at {before:?}")),
                            None => None,
                        }
                    }
                };
                if echoes {
                    self.bite(Fault::Echo);
                }
                wrong
            };
            if let Some(wrong) = wrong {
                self.violate(format!("{:?} at {place:?}: {wrong}", message.text));
            }
        }
    }

    /// A backup has replaced the log: what only the lost one had may be lost.
    pub(crate) fn ledger_restored(&mut self, lost: Store) {
        let holder = |store: &Store, dialog: u64| store.dialogs.get(&dialog).map(|log| log.holder);
        let unclaimed = lost.dialogs.keys().filter(|id| {
            matches!(holder(&lost, **id), Some(Holder::Person(_)))
                && matches!(holder(&self.store, **id), Some(Holder::Browser { .. }))
        });
        self.ledger.unclaimed.extend(unclaimed.copied().collect::<Vec<_>>());
        for written in self.ledger.messages.values_mut() {
            if let Some((dialog, _)) = written.place
                && self.ledger.unclaimed.contains(&dialog)
            {
                // Nobody finds it there any more: whoever has it in doubt sends it again, into another dialog.
                written.place = None;
                written.loss = Loss::Allowed;
                written.order = Order::Free;
            }
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
        let typed = self.ledger.drafts.get(&view.draft).copied();
        // A page from before a log-out that had nothing, and heard of nothing, may have kept its key since: who typed it sits here.
        let own = Holder::Browser { machine: self.pages[page].machine, era: self.pages[page].era };
        let typed = typed.filter(|typed| *typed != own && self.is_told(self.pages[page].machine));
        if let Some(typed) =
            typed.filter(|typed| !self.may_pass(*typed, self.holder_in(page)) && !self.is_stray(*typed))
        {
            self.violate(format!("page {page} shows {:?}, which {typed:?} has typed", view.draft));
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

    /// Says whether a page has missed log-outs for which it had nothing to lose.
    fn is_stray(&self, holder: Holder) -> bool {
        matches!(holder, Holder::Browser { machine, era } if self.machines[machine].strays.contains(&era))
    }

    /// Says whether pages can hear of log-outs: otherwise they go on with what they had.
    fn is_told(&self, machine: usize) -> bool {
        self.machines[machine].told == LogOutTold::Yes
    }

    fn wrong_in(&self, page: usize, dialog: Option<u64>, items: &[Item]) -> Option<String> {
        let mut keys = BTreeSet::new();
        if let Some(twice) = items.iter().find(|item| !keys.insert(item.key.as_str())) {
            return Some(format!("{} twice", twice.key));
        }
        let mut texts = BTreeSet::new();
        // Another page may have sent the first message after all: the second one waits for its refusal.
        let is_spare = |item: &Item, text: &str| item.seq == 0 && self.ledger.is_repeated(text);
        let twice = items.iter().map(|item| (item, item_text(item)));
        if let Some((_, twice)) =
            twice.filter(|(item, text)| !is_spare(item, text)).find(|(_, text)| !texts.insert(text.clone()))
        {
            return Some(format!("{twice:?} twice"));
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
                        log.message(item.seq).is_some_and(|message| {
                            let text = written_text(&message.text, message.file.as_ref());
                            message.id == item.key && text == item_text(item)
                        })
                    })
                })
            };
            if !same(&self.store) && !self.ledger.past.iter().any(same) {
                return Some(format!("what is not in the log of {dialog}, from {} on", first.seq));
            }
        }
        if let Some(wrong) = dialog.and_then(|dialog| self.wrong_dialog(page, dialog)) {
            return Some(wrong);
        }
        let (owner, holder) = (self.pages[page].owner, self.holder_in(page));
        let is_told = self.is_told(self.pages[page].machine);
        let foreign = |item: &&Item| {
            item.seq == 0
                && item.author.kind != AuthorKind::System
                && self.ledger.messages.get(&item_text(item)).is_none_or(|written| match (written.owner, owner) {
                    (Owner::Visitor { visitor: one, .. }, Owner::Visitor { visitor: other, .. }) => {
                        let is_of_browser = matches!(holder, Holder::Browser { .. });
                        let was_passed = is_of_browser && self.may_pass(written.written_as, holder);
                        let may_see = self.may_pass(written.holder, holder) || was_passed;
                        one != other || (!may_see && is_told)
                    }
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
        if self.is_held_up(page) {
            return None;
        }
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
        let next = self.store.dialogs.get(&dialog).and_then(|log| log.event(client.cursor() + 1));
        let fresh_ms = if view.link == LinkState::OnlinePolling { POLLED_MS } else { FRESH_MS };
        if next.is_some_and(|event| event.at + fresh_ms > self.server_now().wall) {
            // Somebody was held up, or a request came once more.
            return None;
        }
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
            written.place.is_none() && written.loss == Loss::Never && !is_gone && !self.waits(written)
        };
        let lost = self.ledger.messages.iter().find(|(text, written)| is_lost(written) && !self.waits_in_page(text));
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
        let left = (0..self.machines.len()).find_map(|machine| self.left_behind(machine));
        if let Some(left) = left {
            self.violate(format!("after a log-out {left}"));
        }
        let former = self.open_pages().into_iter().find(|page| self.has_former_key(*page));
        if let Some(page) = former {
            self.violate(format!("the key from before is still there, and page {page} is a person's"));
        }
        let apart = self.open_pages().into_iter().find_map(|page| self.apart_from_own(page));
        if let Some(apart) = apart {
            self.violate(apart);
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

    /// Says whether a message waits in storage for the next page of the person who wrote it.
    fn waits(&self, written: &Written) -> bool {
        let Holder::Person(person) = written.holder else { return false };
        let is_it = |name: &String| {
            let id = name.strip_prefix("o:").and_then(|name| name.split_once('@'));
            let kept = id.and_then(|(id, _)| self.ledger.texts.get(id)).and_then(|text| self.ledger.messages.get(text));
            kept.is_some_and(|kept| kept.number == written.number && kept.holder == Holder::Person(person))
        };
        self.machines.iter().any(|machine| machine.storage.values.keys().any(is_it))
    }

    /// Says whether a page need not be back: whom it stands for has logged out elsewhere, and it could not be told so; or
    /// messages name files that are not there, of which each costs a link (what is behind it has numbers that count it).
    fn is_held_up(&self, page: usize) -> bool {
        let state = &self.pages[page];
        let is_nameless = state.is_nameable && self.machines[state.machine].account.is_none();
        is_nameless || state.lost_file_at.is_some_and(|at| at + LOST_FILE_MS > self.now)
    }

    fn waits_in_page(&self, text: &str) -> bool {
        self.open_pages().into_iter().filter(|page| self.is_held_up(*page)).any(|page| {
            let view = self.pages[page].client.as_ref().map(client_core::Client::view).unwrap_or_default();
            view.items.iter().any(|item| item_text(item) == text)
        })
    }

    /// Says whether a person is in a page whose key from before has not gone with it.
    fn has_former_key(&self, page: usize) -> bool {
        let state = &self.pages[page];
        let is_settled = self.person_in(page).is_some()
            && state.client.as_ref().is_some_and(|client| super::page::is_online(client.view().link));
        is_settled
            && state.former.is_some()
            && self.machines[state.machine].storage.values.get("key") == state.former.as_ref()
    }

    /// Every page of a person shows the one dialog that the person has, on whichever device.
    fn apart_from_own(&self, page: usize) -> Option<String> {
        let (Owner::Visitor { site, .. }, Some(person)) = (self.pages[page].owner, self.person_in(page)) else {
            return None;
        };
        let shown = self.pages[page].client.as_ref()?.dialog_id()?;
        let is_own = |log: &super::store::Dialog| log.holder == Holder::Person(person) && log.facts.site_id == site;
        let own = self.store.dialogs.values().find(|log| is_own(log)).map(|log| log.facts.id);
        (own != Some(shown) && self.machines[self.pages[page].machine].account.is_some())
            .then(|| format!("page {page} of person {person} shows {shown}, and the dialog is {own:?}"))
    }

    fn out_of_order(&self, log: &super::store::Dialog) -> Option<String> {
        let mut last: BTreeMap<(usize, u64), (u64, Holder)> = BTreeMap::new();
        for message in log.messages() {
            let text = written_text(&message.text, message.file.as_ref());
            let Some(written) = self.ledger.messages.get(&text) else { continue };
            if written.order == Order::Free {
                continue;
            }
            let key = (written.machine, written.tab);
            let (before, holder) = last.get(&key).copied().unwrap_or((0, Holder::Nobody));
            if before < written.number {
                last.insert(key, (written.number, written.written_as));
            } else if matches!(written.written_as, Holder::Person(_)) && !matches!(holder, Holder::Person(_)) {
                // A person's waited in their drawer while their tab went on as nobody, in a dialog that became theirs later.
            } else {
                return Some(text);
            }
        }
        None
    }
}
