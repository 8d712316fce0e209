//! What is kept beyond the page: names and values under a prefix of their own.

use wasm_bindgen::JsValue;

use crate::browser::{Store, number, text};

/// The store of one client; without one, nothing is kept.
pub(crate) struct Storage {
    store: Option<Store>,
    prefix: String,
}

impl Storage {
    /// `prefix` sets this client's names apart from everything else of the page's origin.
    pub(crate) fn new(store: Option<Store>, prefix: String) -> Self {
        Self { store, prefix }
    }

    /// Returns what sets this client's names apart.
    #[cfg(feature = "widget")]
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Reads all names and values.
    pub(crate) fn load(&self) -> Vec<(String, String)> {
        let mut values = Vec::new();
        let Some(store) = &self.store else { return values };
        for index in 0..number(store, "length") as u32 {
            let Some(key) = store.key(index) else { break };
            let Some(name) = key.strip_prefix(self.prefix.as_str()) else { continue };
            if let Some(value) = store.item(&key) {
                values.push((name.to_owned(), value));
            }
        }
        values
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

    /// Says whether another page has written something of all pages: the event `storage`.
    pub(crate) fn is_common(&self, event: &JsValue) -> bool {
        let name = text(event, "key");
        matches!(name.strip_prefix(self.prefix.as_str()), Some("key" | "dialog"))
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
        full
    }
}
