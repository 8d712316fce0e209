//! What is kept beyond the page: names and values under a prefix of their own.

use core::cell::{Cell, RefCell};

use client_core::is_unsendable;
use protocol::Secret;
use wasm_bindgen::JsValue;

use crate::browser::{Store, get, number, text};

/// What a page writes, and takes away at once, to tell the others that the visitor logs out.
const OUT: &str = "out";

/// The visitor's key; of a person, that there is something of theirs.
const KEY: &str = "key";

/// Sets the name of a value apart from the tag of the person whose it is.
const APART: char = '@';

/// Says whether a value is of somebody whom a page knew: looking for a byte is far shorter than looking for a letter.
fn is_of_somebody(name: &str) -> bool {
    name.as_bytes().contains(&(APART as u8))
}

/// The store of one client; without one, nothing is kept.
///
/// What is of a person whom the page knows ends with a tag of that person's, and is not there for anybody else.
pub(crate) struct Storage {
    store: Option<Store>,
    prefix: String,
    /// `@` and the tag of the person; empty for a visitor whom nobody knows.
    suffix: RefCell<String>,
    /// What this page has written, and which messages it has found, with their tags.
    written: RefCell<Vec<String>>,
    /// The key that this page knows to be there.
    known_key: RefCell<Option<String>>,
    /// The key that this page has kept.
    own_key: RefCell<Option<String>>,
    /// Whether the visitor is about to log out in this page.
    is_leaving: Cell<bool>,
}

/// What another page has done.
#[derive(PartialEq, Eq)]
pub(crate) enum Heard {
    /// Nothing that is of this page.
    Nothing,
    /// It has written something of all pages.
    Common,
    /// It has taken a message of nobody's, with this id.
    Taken(String),
    /// The visitor's key is gone: what it opens is somebody's now.
    KeyGone,
    /// The visitor has logged out.
    LoggedOut,
}

impl Storage {
    /// `prefix` sets this client's names apart from everything else of the page's origin.
    pub(crate) fn new(store: Option<Store>, prefix: String) -> Self {
        Self {
            store,
            prefix,
            suffix: RefCell::default(),
            written: RefCell::default(),
            known_key: RefCell::default(),
            own_key: RefCell::default(),
            is_leaving: Cell::new(false),
        }
    }

    /// Returns what sets this client's names apart.
    #[cfg(feature = "widget")]
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Reads all names and values of this visitor.
    ///
    /// A visitor whom nobody knows finds a value `@` where something is of somebody.
    pub(crate) fn load(&self) -> Vec<(String, String)> {
        let mut values = Vec::new();
        let Some(store) = &self.store else { return values };
        for index in 0..number(store, "length") as u32 {
            let Some(key) = store.key(index) else { break };
            let Some(name) = key.strip_prefix(self.prefix.as_str()) else { continue };
            let Some(mut name) = name.strip_suffix(self.suffix.borrow().as_str()) else { continue };
            if is_of_somebody(name) {
                name = "@";
            }
            if let Some(value) = store.item(&key) {
                self.learn(name, &value);
                values.push((name.to_owned(), value));
            }
        }
        values
    }

    /// Says whether another page has told that the visitor logs out, or all that was there is gone; the latter it says once.
    #[cfg(feature = "widget")]
    pub(crate) fn is_left(&self, changed: &str) -> bool {
        changed.strip_prefix(self.prefix.as_str()) == Some(OUT)
            || self.load().is_empty() && self.known_key.take().is_some()
    }

    /// Returns every key that is of this client, whoever the visitor was.
    fn keys(&self) -> Vec<String> {
        let Some(store) = &self.store else { return Vec::new() };
        let keys = (0..number(store, "length") as u32).filter_map(|index| store.key(index));
        keys.filter(|key| key.starts_with(self.prefix.as_str())).collect()
    }

    /// From now on the values are this person's.
    pub(crate) fn belong_to(&self, tag: &str) {
        let mut suffix = String::from(APART);
        suffix.push_str(tag);
        *self.suffix.borrow_mut() = suffix;
        *self.known_key.borrow_mut() = None;
    }

    /// Forgets what other persons have left, and what goes with the key of a visitor who is known by now: that of another key is
    /// another page's. Messages that wait to be sent stay: a page that sleeps, or that has just been closed, has written them.
    pub(crate) fn forget_others(&self, former: Option<&str>, now: u64) {
        let mut key = self.prefix.clone();
        key.push_str(KEY);
        let is_brought =
            former.is_some() && self.store.as_ref().and_then(|store| store.item(&key)).as_deref() == former;
        if let (Some(store), true) = (&self.store, is_brought) {
            // First of all: pages that have it keep what they have written themselves.
            store.remove_item(&key);
        }
        let suffix = self.suffix.borrow();
        self.remove_where(|name| {
            let is_others = if is_of_somebody(name) { !name.ends_with(suffix.as_str()) } else { is_brought };
            is_others && name.strip_prefix("o:").is_none_or(|id| is_unsendable(id, now))
        });
    }

    fn remove_where(&self, is_over: impl Fn(&str) -> bool) {
        let Some(store) = &self.store else { return };
        for key in self.keys() {
            if key.get(self.prefix.len()..).is_some_and(&is_over) {
                store.remove_item(&key);
            }
        }
    }

    /// Forgets everything, of whoever the visitor was.
    fn clear(&self) {
        self.nobody();
        self.remove_where(|_| true);
    }

    /// From now on there is nobody whom this page knows.
    pub(crate) fn nobody(&self) {
        self.suffix.borrow_mut().clear();
        *self.known_key.borrow_mut() = None;
    }

    /// Forgets everything, and tells the other pages of this visitor; what is written before [`Storage::left`] is forgotten there.
    pub(crate) fn log_out(&self) {
        // The suffix is not for this: all pages listen, whoever they think the visitor is.
        self.nobody();
        if !self.save(OUT, OUT) {
            // It is full of what is ours, perhaps.
            self.clear();
            let _is_told = self.save(OUT, OUT);
        }
        self.clear();
        self.is_leaving.set(true);
    }

    /// The visitor has logged out. What is there now may be the next visitor's, unless it was this page that they left.
    pub(crate) fn left(&self) {
        if self.is_leaving.take() {
            self.clear();
        }
    }

    /// Another page has forgotten everything: what this one has written since then goes as well. What others have is theirs to
    /// forget, or somebody's who was there after that and waits to be sent.
    fn follow(&self) -> Heard {
        let key = self.read(KEY);
        if key.is_none() || key == *self.own_key.borrow() {
            let (suffix, written) = (self.suffix.borrow(), self.written.borrow());
            let is_anonymous = suffix.is_empty();
            self.remove_where(|name| {
                let is_ours = if is_anonymous { !is_of_somebody(name) } else { name.ends_with(suffix.as_str()) };
                is_ours && written.iter().any(|known| known == name)
            });
        }
        self.nobody();
        Heard::LoggedOut
    }

    fn learn(&self, name: &str, value: &str) {
        if name == KEY {
            *self.known_key.borrow_mut() = Some(value.to_owned());
        }
    }

    /// Returns where it is kept.
    #[cfg(feature = "widget")]
    pub(crate) fn store(&self) -> Option<&Store> {
        self.store.as_ref()
    }

    /// Says whether an earlier page has left files that were not sent: their names are under `f:` and their ids.
    #[cfg(feature = "widget")]
    pub(crate) fn has_files(&self) -> bool {
        self.load().iter().any(|(name, _)| name.starts_with("f:"))
    }

    fn is_gone(&self, key: &str) -> bool {
        self.store.as_ref().is_none_or(|store| store.item(key).is_none())
    }

    /// Returns the ids of the messages of this visitor that this page has kept, and that are still here or are gone.
    pub(crate) fn messages(&self, are_here: bool) -> Vec<String> {
        let (written, suffix) = (self.written.borrow(), self.suffix.borrow());
        let names = written.iter().filter_map(|name| name.strip_suffix(suffix.as_str()));
        let own = names.filter(|name| name.starts_with("o:") && !is_of_somebody(name));
        own.filter(|name| self.read(name).is_some() == are_here).map(|name| String::from(&name[2..])).collect()
    }

    /// Reads the key of a visitor whom nobody knows.
    pub(crate) fn key(&self) -> Option<Secret> {
        if self.suffix.borrow().is_empty() { self.read(KEY).map(Secret::new) } else { None }
    }

    /// Reads one value.
    pub(crate) fn read(&self, name: &str) -> Option<String> {
        self.store.as_ref()?.item(&self.full(name))
    }

    /// Reads what is of all pages of a visitor: the key and the dialog.
    ///
    /// Two pages may write at once: only what is there in the end counts, whatever an event says.
    pub(crate) fn common(&self) -> Vec<(String, String)> {
        let mut values = Vec::new();
        for &name in &[KEY, "dialog"] {
            if let Some(value) = self.read(name) {
                self.learn(name, &value);
                values.push((name.to_owned(), value));
            }
        }
        values
    }

    /// Reads what another page has done to what is of all pages: the event `storage`, or that this page comes back and has heard of
    /// nothing meanwhile.
    pub(crate) fn heard(&self, event: &JsValue) -> Heard {
        let key = text(event, "key");
        if key.is_empty() {
            let known = self.known_key.borrow().clone();
            return if known.is_none() || known == self.read(KEY) {
                Heard::Nothing
            } else if !self.messages(true).is_empty() {
                // What this page has not sent is there: nobody has logged out, but somebody has said who they are.
                Heard::KeyGone
            } else {
                // What was kept is gone, or another visitor's: it was log-out, and nobody could say so.
                self.follow()
            };
        }
        let is_gone = get(event, "newValue").is_null();
        if key.strip_prefix(self.prefix.as_str()) == Some(OUT) {
            return if is_gone { Heard::Nothing } else { self.follow() };
        }
        let is = |name| key == self.full(name);
        match (is(KEY), is("dialog")) {
            (true, _) if is_gone => {
                *self.known_key.borrow_mut() = None;
                Heard::KeyGone
            }
            (false, false) => {
                let id = key.strip_prefix(self.prefix.as_str()).and_then(|name| name.strip_prefix("o:"));
                // Without a key all of it is gone, what is this page's own as well.
                let id =
                    id.filter(|id| is_gone && !id.contains(APART) && self.read(KEY).is_some() && self.is_gone(&key));
                id.map_or(Heard::Nothing, |id| Heard::Taken(String::from(id)))
            }
            _ => Heard::Common,
        }
    }

    /// Writes a value; `false` when it cannot be kept.
    #[must_use]
    pub(crate) fn save(&self, name: &str, value: &str) -> bool {
        let is_kept = self.store.as_ref().is_some_and(|store| store.set_item(&self.full(name), value).is_ok());
        if is_kept {
            self.learn(name, value);
            self.note(name);
        }
        is_kept
    }

    /// Keeps a value as [`Storage::save`] does, and remembers the key.
    #[must_use]
    pub(crate) fn save_own(&self, name: &str, value: &str) -> bool {
        if name == KEY {
            *self.own_key.borrow_mut() = Some(value.to_owned());
        }
        self.save(name, value)
    }

    /// Notes that something is this page's own: it has written it, or goes on with it.
    pub(crate) fn note(&self, name: &str) {
        let full = self.full(name).split_off(self.prefix.len());
        let mut written = self.written.borrow_mut();
        if !written.contains(&full) {
            written.push(full);
        }
    }

    /// What is kept of a message as somebody's is not kept as nobody's any more: the next person is to find nothing of it.
    pub(crate) fn claim(&self, name: &str) {
        if let (Some(store), true) = (&self.store, name.starts_with("o:") && !self.suffix.borrow().is_empty()) {
            let mut full = self.prefix.clone();
            full.push_str(name);
            store.remove_item(&full);
        }
    }

    /// Forgets a value.
    pub(crate) fn remove(&self, name: &str) {
        if let Some(store) = &self.store {
            store.remove_item(&self.full(name));
        }
    }

    /// Returns the name of a value as the store has it.
    pub(crate) fn full(&self, name: &str) -> String {
        let mut full = self.prefix.clone();
        full.push_str(name);
        full.push_str(self.suffix.borrow().as_str());
        full
    }
}
