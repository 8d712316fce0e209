//! The conversation on the screen.

use client_core::{From, Item, Older, View};

use super::clock::Calendar;
use super::node::{Node, Shown, icon_button};
use super::row::{Row, Standing, Surroundings};
use super::texts::Texts;
use crate::browser::{number, set_number};

/// The list of messages, and what stands around it.
pub(crate) struct Log {
    /// What scrolls.
    pub(crate) list: Node,
    pub(crate) older: Node,
    /// "New messages", while the reader is further up.
    pub(crate) newer: Node,
    typing: Node,
    typist: Node,
    rows: Vec<Row>,
}

/// So near to the end counts as the end, in px.
const NEAR_PX: f64 = 48.0;
/// Further down than any list is long, in px.
const END_PX: f64 = 1e7;

impl Log {
    /// Makes an empty list in the panel.
    pub(crate) fn new(panel: &Node, texts: &Texts) -> Self {
        let wrap = panel.child("div", "w");
        let list = wrap.child("div", "l");
        list.attribute("role", "log");
        list.attribute("aria-live", "polite");
        list.attribute("aria-label", texts.messages);
        list.attribute("tabindex", "0");
        let older = list.child("button", "q");
        let typing = list.child("div", "y");
        let typist = typing.child("span", "v");
        for _ in 0..3 {
            typing.child("i", "");
        }
        let newer = icon_button("g", texts.newer, "M12 5v14M5 12l7 7 7-7");
        newer.show(Shown::No);
        wrap.append(&newer);
        Self { list, older, newer, typing, typist, rows: Vec::new() }
    }

    /// Shows the conversation; the reader stays where they are, and at the end when they were there.
    pub(crate) fn show(&mut self, view: &View, last: &View, texts: &Texts) {
        let (height, end) = (self.height(), self.at_end());
        let (first, newest) = (last.items.first(), view.items.last());
        let prepended = first.is_some_and(|first| view.items.first().is_some_and(|item| item.key != first.key));
        let appended = newest.filter(|newest| last.items.last().is_none_or(|item| item.key != newest.key));

        self.older.show(Shown::when(view.older != Older::None));
        self.older.put(if view.older == Older::Loading { texts.loading } else { texts.older });
        // What the reader asked for is not read out as if it were new.
        self.list.attribute("aria-live", if prepended { "off" } else { "polite" });
        let site = view.site.as_ref().map(|site| site.name.as_str()).unwrap_or_default();
        self.place(&view.items, &Surroundings { calendar: Calendar::now(), texts, site });
        if view.typing != last.typing {
            let mut words = view.typing.clone();
            if !words.is_empty() {
                words.push_str(texts.types);
            }
            self.typist.put(&words);
        }
        self.typing.show(Shown::when(!view.typing.is_empty()));

        if end || appended.is_some_and(|item| item.from == From::Own) {
            self.to_end();
        } else if prepended {
            let top = number(&self.list, "scrollTop");
            set_number(&self.list, "scrollTop", top + self.height() - height);
        } else if appended.is_some() {
            self.newer.show(Shown::Yes);
        }
    }

    /// Scrolls to the newest message.
    pub(crate) fn to_end(&self) {
        set_number(&self.list, "scrollTop", END_PX);
        self.newer.show(Shown::No);
    }

    /// Takes note that the reader has scrolled.
    pub(crate) fn scrolled(&self) {
        if self.at_end() {
            self.newer.show(Shown::No);
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
                let next = old.last().map_or(&self.typing, |row| &row.node);
                self.list.insert(&row.node, Some(next));
            }
            self.rows.push(row);
        }
        for row in old {
            row.node.remove();
        }
    }

    fn height(&self) -> f64 {
        number(&self.list, "scrollHeight")
    }

    fn at_end(&self) -> bool {
        self.height() - number(&self.list, "scrollTop") - number(&self.list, "clientHeight") < NEAR_PX
    }
}
