//! What is kept beyond the page: names and values under a prefix of their own.

use crate::browser::{Store, number};

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
