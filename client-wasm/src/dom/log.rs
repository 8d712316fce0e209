//! The conversation on the screen.

use core::cell::Cell;
use std::rc::Rc;

use client_core::{From, Item, Older, View};

use super::clock::Calendar;
use super::node::{Node, Shown};
use super::parts::{Part, Parts};
use super::row::{Row, Standing, Surroundings};
use super::texts::{Speech, Texts, Word};
use crate::browser::{number, set_number};

/// The list of messages, and what stands around it.
pub(crate) struct Log {
    parts: Rc<Parts>,
    rows: Vec<Row>,
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
        Self { parts, rows: Vec::new(), is_at_end: Cell::new(true) }
    }

    /// Shows the conversation; the reader stays where they are, and at the end when they were there.
    pub(crate) fn show(&mut self, view: &View, last: &View, texts: &Texts, speech: Speech) {
        let (height, end) = (self.height(), self.at_end());
        let (first, newest) = (last.items.first(), view.items.last());
        let prepended = first.is_some_and(|first| view.items.first().is_some_and(|item| item.key != first.key));
        let appended = newest.filter(|newest| last.items.last().is_none_or(|item| item.key != newest.key));

        self.parts.of(Part::Older).show(Shown::when(view.older != Older::None));
        self.parts.of(Part::Older).put(texts.of(if view.older == Older::Loading {
            Word::Loading
        } else {
            Word::Older
        }));
        // What the reader asked for is not read out as if it were new.
        self.list().attribute("aria-live", if prepended { "off" } else { "polite" });
        let site = view.site.as_ref().map(|site| site.name.as_str()).unwrap_or_default();
        self.place(&view.items, &Surroundings { calendar: Calendar::now(), texts, speech, site });
        if speech == Speech::New || view.typing != last.typing {
            let words = match view.typing.as_str() {
                "" => String::new(),
                "…" => texts.with(Word::Types, texts.of(Word::Team)),
                name => texts.with(Word::Types, name),
            };
            self.parts.of(Part::Typist).put(&words);
        }
        self.parts.of(Part::Typing).show(Shown::when(!view.typing.is_empty()));

        if end || appended.is_some_and(|item| item.from == From::Own) {
            self.to_end();
        } else if prepended {
            let top = number(self.list(), "scrollTop");
            set_number(self.list(), "scrollTop", top + self.height() - height);
        } else if appended.is_some() {
            self.parts.of(Part::Newer).show(Shown::Yes);
        }
    }

    /// Scrolls to the newest message.
    pub(crate) fn to_end(&self) {
        set_number(self.list(), "scrollTop", END_PX);
        self.is_at_end.set(true);
        self.parts.of(Part::Newer).show(Shown::No);
    }

    /// Takes note that the reader has scrolled.
    pub(crate) fn scrolled(&self) {
        let is_at_end = self.at_end();
        self.is_at_end.set(is_at_end);
        if is_at_end {
            self.parts.of(Part::Newer).show(Shown::No);
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
                let next = old.last().map_or(self.parts.of(Part::Typing), |row| &row.node);
                self.list().insert(&row.node, Some(next));
            }
            self.rows.push(row);
        }
        for row in old {
            row.node.remove();
        }
    }

    fn list(&self) -> &Node {
        self.parts.of(Part::List)
    }

    fn height(&self) -> f64 {
        number(self.list(), "scrollHeight")
    }

    /// Returns whether the newest message is in sight.
    pub(crate) fn at_end(&self) -> bool {
        self.height() - number(self.list(), "scrollTop") - number(self.list(), "clientHeight") < NEAR_PX
    }
}
