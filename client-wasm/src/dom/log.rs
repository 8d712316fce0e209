//! The conversation on the screen.

use core::cell::Cell;
use std::rc::Rc;

use client_core::{From, Item, View};

use super::clock::Calendar;
use super::node::{Node, Shown};
use super::parts::{Part, Parts};
use super::row::{Dress, Row, Standing, Surroundings};
use super::talk::Talk;
use super::texts::{Speech, Texts};
use crate::browser::{number, set_number};

/// The list of messages, and what stands around it.
pub(crate) struct Log {
    pub(super) parts: Rc<Parts>,
    rows: Vec<Row>,
    /// What only a conversation has; the link's half makes it.
    pub(super) talk: Option<Talk>,
    /// What the link's half does to every row.
    pub(super) dress: Option<Dress>,
    /// The reader has the newest message in sight, whatever room there is for it.
    is_at_end: Cell<bool>,
}

/// So near to the end counts as the end, in px.
const NEAR_PX: f64 = 48.0;
/// Further down than any list is long, in px.
const END_PX: f64 = 1e7;

impl Log {
    /// Makes an empty list.
    pub(crate) fn new(parts: Rc<Parts>) -> Self {
        Self { parts, rows: Vec::new(), talk: None, dress: None, is_at_end: Cell::new(true) }
    }

    /// Shows the conversation; whoever reads the end, or has written, sees the end. [`Talk`] does more.
    pub(crate) fn show(&mut self, view: &View, last: &View, texts: &Texts, speech: Speech) {
        let end = self.at_end();
        let site = view.site.as_ref().map(|site| site.name.as_str()).unwrap_or_default();
        self.place(&view.items, &Surroundings { calendar: Calendar::now(), texts, speech, site, dress: self.dress });
        if end || view.items.len() > last.items.len() && view.items.last().is_some_and(|item| item.from == From::Own) {
            self.to_end();
        }
    }

    /// Scrolls to the newest message.
    pub(crate) fn to_end(&self) {
        set_number(self.list(), "scrollTop", END_PX);
        self.is_at_end.set(true);
        self.seen();
    }

    /// Takes note that the reader has scrolled.
    pub(crate) fn scrolled(&self) {
        let is_at_end = self.at_end();
        self.is_at_end.set(is_at_end);
        if is_at_end {
            self.seen();
        }
    }

    /// The newest message is in sight.
    fn seen(&self) {
        if let Some(talk) = &self.talk {
            talk.newer.show(Shown::No);
        }
    }

    /// There is more or less room than there was: who saw the newest message still does.
    pub(crate) fn resized(&self) {
        if self.is_at_end.get() {
            self.to_end();
        }
    }

    /// Puts every row in its place, with as few moves as the usual changes need: more at the end, more at the beginning.
    fn place(&mut self, items: &[Item], surroundings: &Surroundings<'_>) {
        // The next row of the old order is the last of the vector.
        let mut old = core::mem::take(&mut self.rows);
        old.reverse();
        for (at, item) in items.iter().enumerate() {
            let before = at.checked_sub(1).and_then(|before| items.get(before));
            let standing = Standing::of(before, item, items.get(at + 1), surroundings.calendar);
            let known = old.iter().rposition(|row| row.key() == item.key);
            let in_place = known.is_some_and(|known| known + 1 == old.len());
            let row = if let Some(known) = known {
                let mut row = old.remove(known);
                row.update(item, standing, surroundings);
                row
            } else {
                Row::new(item, standing, surroundings)
            };
            if !in_place {
                let next = old.last().map(|row| &row.node).or_else(|| self.talk.as_ref().map(|talk| &talk.typing));
                self.list().insert(&row.node, next);
            }
            self.rows.push(row);
        }
        for row in old {
            row.node.remove();
        }
    }

    pub(super) fn list(&self) -> &Node {
        self.parts.of(Part::List)
    }

    /// Returns the first message.
    pub(super) fn first(&self) -> Option<&Node> {
        self.rows.first().map(|row| &row.node)
    }

    pub(super) fn height(&self) -> f64 {
        number(self.list(), "scrollHeight")
    }

    /// Returns whether the newest message is in sight.
    pub(crate) fn at_end(&self) -> bool {
        self.height() - number(self.list(), "scrollTop") - number(self.list(), "clientHeight") < NEAR_PX
    }
}
