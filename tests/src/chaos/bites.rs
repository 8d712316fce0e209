//! What a nemesis has really done: a fault that did not happen proves nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Faults by name, and how often each has happened; clones count together.
#[derive(Clone, Debug, Default)]
pub struct Bites(Arc<Mutex<BTreeMap<&'static str, u64>>>);

impl Bites {
    /// Counts one.
    pub fn add(&self, what: &'static str) {
        self.add_many(what, 1);
    }

    /// Counts many.
    pub fn add_many(&self, what: &'static str, count: u64) {
        *self.lock().entry(what).or_default() += count;
    }

    /// Returns how often a fault has happened.
    pub fn of(&self, what: &str) -> u64 {
        self.lock().get(what).copied().unwrap_or_default()
    }

    /// Returns all of them.
    pub fn all(&self) -> BTreeMap<&'static str, u64> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
