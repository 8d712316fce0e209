//! What a page does with its browser's storage: the model of `client-wasm/src/storage.rs` and of those who call it.

use std::collections::BTreeSet;

use client_core::{Input, is_unsendable};
use protocol::Secret;
use server_core::Millis;

use super::machine::{LogOutTold, Room};
use super::uploads::Sent;
use super::{Fault, Happening, Sim, trace};

/// After so long the other tabs hear what one has written to storage.
const STORAGE_EVENT_MS: Millis = 20;
/// What a page writes, and takes away at once, to tell the others that the visitor logs out.
const OUT: &str = "out";
const KEY: &str = "key";
/// What is of all pages of a visitor, and worth an event.
const COMMON: [&str; 2] = [KEY, "dialog"];

/// How a page sees the storage that it shares with the others of its browser.
#[derive(Clone, Debug, Default)]
pub(crate) struct Drawer {
    /// `@` and the tag of the person; empty for a visitor whom nobody knows.
    pub(crate) suffix: String,
    known_key: Option<String>,
    /// The key that this page has kept.
    own_key: Option<String>,
    /// What this page has written, and which messages it has found, with their tags.
    written: BTreeSet<String>,
    /// Whether the visitor is about to log out in this page.
    is_leaving: bool,
}

impl Sim {
    fn full(&self, page: usize, name: &str) -> String {
        format!("{name}{}", self.pages[page].drawer.suffix)
    }

    fn has_storage(&self, page: usize) -> bool {
        self.machines[self.pages[page].machine].storage.room != Room::Absent
    }

    /// Reads all names and values of this visitor.
    pub(crate) fn load(&mut self, page: usize) -> Vec<(String, String)> {
        if !self.has_storage(page) {
            return Vec::new();
        }
        let suffix = self.pages[page].drawer.suffix.clone();
        let values = &self.machines[self.pages[page].machine].storage.values;
        let own = |(name, value): (&String, &String)| {
            let name = name.strip_suffix(suffix.as_str())?;
            Some(if name.contains('@') { ("@".into(), value.clone()) } else { (name.to_owned(), value.clone()) })
        };
        let found: Vec<(String, String)> = values.iter().filter_map(own).collect();
        found.iter().for_each(|(name, value)| self.learn(page, name, value));
        found
    }

    fn learn(&mut self, page: usize, name: &str, value: &str) {
        if name == KEY {
            self.pages[page].drawer.known_key = Some(value.to_owned());
        }
        if name.starts_with("o:") {
            let full = self.full(page, name);
            self.pages[page].drawer.written.insert(full);
        }
    }

    fn read(&self, page: usize, name: &str) -> Option<String> {
        if !self.has_storage(page) {
            return None;
        }
        self.machines[self.pages[page].machine].storage.values.get(&self.full(page, name)).cloned()
    }

    /// Reads what is of all pages of a visitor.
    pub(crate) fn common(&mut self, page: usize) -> Vec<(String, String)> {
        let found: Vec<_> =
            COMMON.iter().filter_map(|name| Some(((*name).to_owned(), self.read(page, name)?))).collect();
        found.iter().for_each(|(name, value)| self.learn(page, name, value));
        found
    }

    /// Writes a value; `false` when it cannot be kept.
    pub(crate) fn write(&mut self, page: usize, name: &str, value: &str) -> bool {
        let full = self.full(page, name);
        if name.starts_with("o:") && full != name {
            // What is kept as somebody's is not kept as nobody's any more: the next person is to find nothing of it.
            self.erase_full(page, name.to_owned());
        }
        let machine = self.pages[page].machine;
        let storage = &mut self.machines[machine].storage;
        if name == KEY {
            self.pages[page].drawer.own_key = Some(value.to_owned());
        }
        let is_news = storage.values.get(&full).map(String::as_str) != Some(value);
        if storage.save(self.now, &full, value.to_owned()).is_err() {
            return false;
        }
        self.learn(page, name, value);
        self.pages[page].drawer.written.insert(full.clone());
        if is_news {
            self.tell_tabs(page, full.clone(), false);
        }
        true
    }

    /// Forgets a value.
    pub(crate) fn erase(&mut self, page: usize, name: &str) {
        let full = self.full(page, name);
        self.erase_full(page, full);
    }

    fn erase_full(&mut self, page: usize, full: String) {
        let machine = self.pages[page].machine;
        if self.has_storage(page) && self.machines[machine].storage.values.contains_key(&full) {
            trace!(self, "page {page} removes {full}");
            self.machines[machine].storage.remove(self.now, &full);
            self.tell_tabs(page, full, true);
        }
    }

    fn erase_where(&mut self, page: usize, is_over: impl Fn(&str) -> bool) {
        if self.has_storage(page) {
            let values = &self.machines[self.pages[page].machine].storage.values;
            let names: Vec<String> = values.keys().filter(|name| is_over(name)).cloned().collect();
            names.into_iter().for_each(|name| self.erase_full(page, name));
        }
    }

    fn tell_tabs(&mut self, page: usize, full: String, is_gone: bool) {
        let base = full.split('@').next().unwrap_or_default();
        let is_taken = is_gone && base == full && base.starts_with("o:");
        if !COMMON.contains(&base) && base != OUT && !is_taken {
            return;
        }
        for other in self.open_pages() {
            if other != page && self.pages[other].machine == self.pages[page].machine {
                let heard = Happening::Heard { page: other, name: full.clone(), is_gone };
                self.plan_in(STORAGE_EVENT_MS, heard);
            }
        }
    }

    /// From now on the values are this person's.
    pub(crate) fn belong_to(&mut self, page: usize, tag: &str) {
        self.pages[page].drawer.suffix = format!("@{tag}");
        self.pages[page].drawer.known_key = None;
    }

    /// Forgets what other persons have left, but for what waits to be sent, and what goes with the key that was brought along.
    pub(crate) fn forget_others(&mut self, page: usize, former: Option<&str>) {
        let machine = self.pages[page].machine;
        let wall = self.machines[machine].now(self.now).wall;
        let key = self.machines[machine].storage.values.get(KEY).map(String::as_str);
        let is_brought = former.is_some() && key == former;
        let suffix = self.pages[page].drawer.suffix.clone();
        let values = &self.machines[machine].storage.values;
        let is_others = |name: &str| if name.contains('@') { !name.ends_with(suffix.as_str()) } else { is_brought };
        let id_of = |name: &str| Some(name.strip_prefix("o:")?.split('@').next()?.to_owned());
        let others = values.keys().filter(|name| is_others(name));
        let aged: Vec<String> = others.filter_map(|name| id_of(name)).filter(|id| is_unsendable(id, wall)).collect();
        // Nobody came for them in a day, by this machine's clock.
        aged.iter().for_each(|id| self.ledger.write_lost(id));
        self.erase_where(page, |name| is_others(name) && id_of(name).is_none_or(|id| is_unsendable(&id, wall)));
    }

    fn nobody(&mut self, page: usize) {
        self.pages[page].drawer.suffix.clear();
        self.pages[page].drawer.known_key = None;
    }

    fn clear(&mut self, page: usize) {
        self.nobody(page);
        self.erase_where(page, |_| true);
    }

    /// Forgets everything, and tells the other pages of this visitor.
    pub(crate) fn leave(&mut self, page: usize) {
        self.nobody(page);
        let mut is_told = self.write(page, OUT, OUT);
        if !is_told {
            // It is full of what is this site's, perhaps.
            self.clear(page);
            is_told = self.write(page, OUT, OUT);
        }
        let machine = self.pages[page].machine;
        if !is_told {
            self.machines[machine].told = LogOutTold::No;
        }
        self.clear(page);
        self.pages[page].drawer.is_leaving = true;
    }

    /// The visitor has logged out in this page, or it has heard so.
    pub(crate) fn left(&mut self, page: usize) {
        if std::mem::take(&mut self.pages[page].drawer.is_leaving) {
            self.clear(page);
        }
    }

    /// Another page has forgotten everything: what this one has written since then goes as well.
    fn follow(&mut self, page: usize) {
        let key = self.read(page, KEY);
        let Drawer { suffix, written, own_key, .. } = self.pages[page].drawer.clone();
        if key.is_none() || key == own_key {
            self.erase_where(page, |name| {
                let is_ours = if suffix.is_empty() { !name.contains('@') } else { name.ends_with(suffix.as_str()) };
                is_ours && written.contains(name)
            });
        }
        self.nobody(page);
    }

    /// A page hears what another one has written, or that it is there again.
    pub(crate) fn heard(&mut self, page: usize, name: &str, is_gone: bool) {
        if name == OUT {
            if !is_gone {
                self.follow(page);
                // What was written since then goes as well.
                self.ledger.forgotten(page);
                self.log_out_heard(page);
            }
            return;
        }
        if let Some(id) = name.strip_prefix("o:") {
            let values = &self.machines[self.pages[page].machine].storage.values;
            // Without a key all of it is gone, what is this page's own as well.
            if values.contains_key(&self.full(page, KEY)) && !values.contains_key(name) {
                self.input(page, Input::Taken { id: id.to_owned() });
            }
            return;
        }
        let (key, dialog) = (self.full(page, KEY), self.full(page, "dialog"));
        if name == key && is_gone {
            self.pages[page].drawer.known_key = None;
            // What went along with it: told by itself it may have come when the key was gone already, and said nothing.
            let (_, gone) = self.messages(page);
            gone.into_iter().for_each(|id| self.input(page, Input::Taken { id }));
            self.disown(page);
        } else if name == key || name == dialog {
            // The dialog is of all pages: this one joins in.
            let common = self.common(page);
            self.input(page, Input::Restored(common));
            self.input(page, Input::Start);
        }
    }

    /// A page comes back, and has heard of nothing meanwhile.
    pub(crate) fn catch_up(&mut self, page: usize) {
        let known = self.pages[page].drawer.known_key.clone();
        if known.is_some() && known != self.read(page, KEY) {
            let (here, gone) = self.messages(page);
            if here.is_empty() {
                self.follow(page);
                self.bite(Fault::LateLogOut);
                self.log_out_heard(page);
            } else {
                // Nobody has logged out, but somebody has said who they are.
                gone.into_iter().for_each(|id| self.input(page, Input::Taken { id }));
                self.disown(page);
            }
        } else if known.is_none() {
            let (machine, era) = (self.pages[page].machine, self.pages[page].era);
            self.machines[machine].strays.insert(era);
            let person = self.person_in(page);
            self.machines[machine].present.extend(person);
        }
        let common = self.common(page);
        self.input(page, Input::Restored(common));
    }

    /// The messages of this visitor that a page has kept: those that are still there, and those that are gone.
    fn messages(&self, page: usize) -> (Vec<String>, Vec<String>) {
        let Drawer { suffix, written, .. } = &self.pages[page].drawer;
        let own = written.iter().filter_map(|name| name.strip_prefix("o:")?.strip_suffix(suffix.as_str()));
        own.filter(|id| !id.contains('@'))
            .map(str::to_owned)
            .partition(|id| self.read(page, &format!("o:{id}")).is_some())
    }

    /// What the key opens is somebody's now. Where there is one again, it is the visitor's.
    fn disown(&mut self, page: usize) {
        let key = self.read(page, KEY).filter(|_| self.pages[page].drawer.suffix.is_empty());
        let key = key.unwrap_or_else(|| self.fresh_key(page));
        self.bite(Fault::Disowned);
        self.input(page, Input::Disowned { key: Secret::new(key) });
    }

    fn log_out_heard(&mut self, page: usize) {
        self.pages[page].era = self.machines[self.pages[page].machine].era;
        self.pages[page].sent = Sent::default();
        self.pages[page].is_doubted = false;
        let fresh = self.fresh_key(page);
        self.input(page, Input::Logout { key: Secret::new(fresh) });
    }

    /// Makes a key that nobody has seen.
    pub(crate) fn fresh_key(&mut self, page: usize) -> String {
        let super::page::Owner::Visitor { visitor, .. } = self.pages[page].owner else { return String::new() };
        let (machine, era) = (self.pages[page].machine, self.pages[page].era);
        format!("vk_{visitor}-{machine}.{era}-{:016x}", self.random.next())
    }
}
