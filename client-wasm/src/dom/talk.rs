//! What only a conversation has: older messages, who is typing, the way to the newest message, and how far each message has come.
//!
//! Only the link's half may name this: the panel knows it by [`Log`]'s fields, and by a function that it is given.

use client_core::{Banner, Delivery, From, Item, Older, View};
use wasm_bindgen::JsValue;

use super::log::Log;
use super::node::{Node, Shown};
use super::parts::{Part, grow};
use super::row::{Row, Surroundings};
use super::texts::{Late, Speech, Texts, Word};
use super::{Act, Panel};
use crate::browser::{number, set_number};
use crate::wake::{Listener, Wake, Waker};
use crate::words;

/// Its style sheet.
const STYLE: &str = include_str!(concat!(env!("OUT_DIR"), "/talk.css"));

/// The elements of the list, in the way of [`super::parts`], and beside it.
const PLAN: &str = "0button|q|hidden=\n0div|y|hidden=\n1span|v\n1i|\n1i|\n1i|";
const PLAN_OF_NEWER: &str = "0button|g|hidden=\n1svg||viewBox=0 0 24 24\n2path||d=M12 5v14M5 12l7 7 7-7";

/// The elements around the messages.
pub(super) struct Talk {
    older: Node,
    /// The messages stand in front of it.
    pub(super) typing: Node,
    typist: Node,
    pub(super) newer: Node,
    _listener: Listener,
}

/// What the list was before something was shown in it.
pub(crate) struct Before {
    height: f64,
    is_at_end: bool,
    /// Older messages come in front.
    prepends: bool,
}

impl Panel {
    /// Makes what a conversation has; returns whether it was not there.
    pub(crate) fn converse(&self, waker: &Waker) -> bool {
        let mut log = self.log.borrow_mut();
        let is_new = log.talk.is_none();
        if is_new {
            self.style.call(&JsValue::UNDEFINED, STYLE, &JsValue::UNDEFINED);
            log.talk = Some(Talk::new(&log, waker));
            log.dress = Some(dress);
        }
        is_new
    }

    /// Prepares the list for what will be shown.
    pub(crate) fn before(&self, view: &View, last: &View) -> Before {
        let log = self.log.borrow();
        let first = last.items.first();
        let prepends = first.is_some_and(|first| view.items.first().is_some_and(|item| item.key != first.key));
        // What the reader asked for is not read out as if it were new.
        log.list().attribute("aria-live", if prepends { "off" } else { "polite" });
        Before { height: log.height(), is_at_end: log.at_end(), prepends }
    }

    /// Shows what the rest of the panel does not know of, after that.
    pub(crate) fn after(&self, before: &Before, view: &View, last: &View, speech: Speech) {
        let texts = self.texts();
        let warning = match view.banner {
            Banner::Reconnecting => Some(Late::Reconnecting),
            Banner::Limited => Some(Late::Limited),
            Banner::None | Banner::Offline | Banner::Refused => None,
        };
        if let Some(warning) = warning {
            self.parts.of(Part::BannerWords).put(texts.late(warning));
        }
        let log = self.log.borrow();
        let Some(talk) = &log.talk else { return };
        talk.show(view, last, &texts, speech);
        let newest = view.items.last();
        let appended = newest.filter(|newest| last.items.last().is_none_or(|item| item.key != newest.key));
        if before.is_at_end || appended.is_some_and(|item| item.from == From::Own) {
            log.to_end();
        } else if before.prepends {
            let top = number(log.list(), "scrollTop");
            set_number(log.list(), "scrollTop", top + log.height() - before.height);
        } else if appended.is_some() {
            talk.newer.show(Shown::Yes);
        }
    }
}

impl Talk {
    fn new(log: &Log, waker: &Waker) -> Self {
        let list = <[Node; 7]>::try_from(grow(log.list(), PLAN));
        let wrap = <[Node; 4]>::try_from(grow(log.parts.of(Part::Wrap), PLAN_OF_NEWER));
        let (Ok([_, older, typing, typist, ..]), Ok([_, newer, ..])) = (list, wrap) else { unreachable!() };
        log.list().insert(&older, log.first());
        let listener = waker.listen(&newer, "click", Wake::Face, Act::Newer as u32);
        Self { older, typing, typist, newer, _listener: listener }
    }

    fn show(&self, view: &View, last: &View, texts: &Texts, speech: Speech) {
        self.older.show(Shown::when(view.older != Older::None));
        self.older.put(texts.late(if view.older == Older::Loading { Late::Loading } else { Late::Older }));
        self.newer.attribute("aria-label", texts.late(Late::Newer));
        if speech == Speech::New || view.typing != last.typing {
            let words = match view.typing.as_str() {
                "" => String::new(),
                "…" => texts.late_with(Late::Types, texts.of(Word::Team)),
                name => texts.late_with(Late::Types, name),
            };
            self.typist.put(&words);
        }
        self.typing.show(Shown::when(!view.typing.is_empty()));
    }
}

/// Says how far a message has come.
fn dress(row: &Row, item: &Item, surroundings: &Surroundings<'_>) {
    let texts = surroundings.texts;
    let own = item.from == From::Own;
    let settled = matches!(item.delivery, Delivery::Sent | Delivery::Delivered | Delivery::Read | Delivery::Sending);
    let word = match item.delivery {
        Delivery::Sending => texts.of(Word::Sending),
        Delivery::Unsaved => texts.of(Word::Unsaved),
        Delivery::Unconfirmed => texts.late(Late::Unconfirmed),
        Delivery::Sent => texts.late(Late::Sent),
        Delivery::Delivered => texts.late(Late::Delivered),
        Delivery::Read => texts.late(Late::Read),
        Delivery::Expired => texts.late(Late::Expired),
        Delivery::Refused => texts.late(Late::Refused),
    };
    let state = (words::delivery(item.delivery), word);
    row.tell(item, row.is_last() || own && !settled, own.then_some(state), texts);
    // Of several in doubt the last one asks for all: they go over one link.
    if item.delivery == Delivery::Expired || item.delivery == Delivery::Unconfirmed && row.is_last() {
        let retry = row.state.child("button", "");
        retry.attribute("data-retry", &item.key);
        retry.put(if item.delivery == Delivery::Expired { texts.late(Late::Retry) } else { texts.of(Word::TryNow) });
    }
}
