//! What will happen, in order.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use server_core::Millis;

/// What will happen, in order of time; at the same moment in the order of planning.
#[derive(Debug)]
pub(crate) struct Agenda<T> {
    order: BinaryHeap<Reverse<(Millis, u64)>>,
    entries: BTreeMap<u64, T>,
    next: u64,
}

impl<T> Agenda<T> {
    pub(crate) fn new() -> Self {
        Self { order: BinaryHeap::new(), entries: BTreeMap::new(), next: 0 }
    }

    pub(crate) fn plan(&mut self, at: Millis, entry: T) {
        self.next += 1;
        self.order.push(Reverse((at, self.next)));
        self.entries.insert(self.next, entry);
    }

    /// Takes what comes next, if it comes before `until`.
    pub(crate) fn take(&mut self, until: Millis) -> Option<(Millis, T)> {
        let Reverse((at, number)) = *self.order.peek()?;
        if at > until {
            return None;
        }
        self.order.pop();
        Some((at, self.entries.remove(&number)?))
    }
}
