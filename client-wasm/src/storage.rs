//! What is kept beyond the page: names and values under a prefix of their own.

use core::cell::RefCell;

use wasm_bindgen::JsValue;

use crate::browser::{Store, get, number, text};

/// What a page writes, and takes away at once, to tell the others that the visitor logs out.
const OUT: &str = "out";

/// Sets the name of a value apart from the tag of the person whose it is.
const APART: char = '@';

/// The store of one client; without one, nothing is kept.
///
/// What is of a person whom the page knows ends with a tag of that person's, and is not there for anybody else.
pub(crate) struct Storage {
    store: Option<Store>,
    prefix: String,
    /// `@` and the tag of the person; empty for a visitor whom nobody knows.
    suffix: RefCell<String>,
}

/// What another page has done.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Nothing that is of this page.
    Nothing,
    /// It has written something of all pages.
    Common,
    /// The visitor's key is gone: what it opens is somebody's now.
    KeyGone,
    /// The visitor has logged out.
    LoggedOut,
}

impl Storage {
    /// `prefix` sets this client's names apart from everything else of the page's origin.
    pub(crate) fn new(store: Option<Store>, prefix: String) -> Self {
        Self { store, prefix, suffix: RefCell::default() }
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
            if name.contains(APART) {
                name = "@";
            }
            if let Some(value) = store.item(&key) {
                values.push((name.to_owned(), value));
            }
        }
        values
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
    }

    /// Forgets the values of everybody else.
    pub(crate) fn forget_others(&self) {
        let Some(store) = &self.store else { return };
        for key in self.keys() {
            if !key.ends_with(self.suffix.borrow().as_str()) {
                store.remove_item(&key);
            }
        }
    }

    /// Forgets everything, of whoever the visitor was.
    pub(crate) fn clear(&self) {
        self.suffix.borrow_mut().clear();
        let Some(store) = &self.store else { return };
        for key in self.keys() {
            store.remove_item(&key);
        }
    }

    /// Forgets everything, and tells the other pages of this visitor.
    pub(crate) fn log_out(&self) {
        // The suffix is not for this: all pages listen, whoever they think the visitor is.
        self.suffix.borrow_mut().clear();
        let _is_told = self.save(OUT, OUT);
        self.clear();
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
        for name in ["key", "dialog"] {
            if let Some(value) = self.read(name) {
                values.push((name.to_owned(), value));
            }
        }
        values
    }

    /// Reads what another page has done to what is of all pages: the event `storage`.
    pub(crate) fn heard(&self, event: &JsValue) -> Heard {
        let key = text(event, "key");
        let is_gone = get(event, "newValue").is_null();
        if key.strip_prefix(self.prefix.as_str()) == Some(OUT) {
            return if is_gone { Heard::Nothing } else { Heard::LoggedOut };
        }
        let is = |name| key == self.full(name);
        match (is("key"), is("dialog")) {
            (true, _) if is_gone => Heard::KeyGone,
            (false, false) => Heard::Nothing,
            _ => Heard::Common,
        }
    }

    /// Writes a value; `false` when it cannot be kept.
    #[must_use]
    pub(crate) fn save(&self, name: &str, value: &str) -> bool {
        self.store.as_ref().is_some_and(|store| store.set_item(&self.full(name), value).is_ok())
    }

    /// Forgets a value.
    pub(crate) fn remove(&self, name: &str) {
        if let Some(store) = &self.store {
            store.remove_item(&self.full(name));
        }
    }

    fn full(&self, name: &str) -> String {
        let mut full = self.prefix.clone();
        full.push_str(name);
        full.push_str(self.suffix.borrow().as_str());
        full
    }
}
