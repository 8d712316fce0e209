//! What a page hears of a conversation: who answers, what was said, and how far its own messages have come. Only the link's
//! half calls this.

use client_core::{From, Item, Staffing, View};
use protocol::AuthorKind;
use wasm_bindgen::JsValue;

use crate::browser::{object, set, set_number, set_text};
use crate::words;

/// Who answers now: whoever did last, or else who is there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Agent<'a> {
    pub(crate) kind: AuthorKind,
    pub(crate) name: &'a str,
}

impl<'a> Agent<'a> {
    /// Looks for one.
    pub(crate) fn of(view: &'a View) -> Option<Self> {
        let answers = |item: &&Item| matches!(item.author.kind, AuthorKind::Operator | AuthorKind::Assistant);
        if let Some(item) = view.items.iter().rev().find(answers) {
            return Some(Self { kind: item.author.kind, name: &item.author.name });
        }
        // Somebody may look in outside of the hours, and has promised nothing.
        if let Some(name) = view.operators.first().filter(|_| view.staffing == Staffing::Here) {
            return Some(Self { kind: AuthorKind::Operator, name });
        }
        let name = view.site.as_ref().map(|site| site.assistant.as_str()).filter(|name| !name.is_empty())?;
        Some(Self { kind: AuthorKind::Assistant, name })
    }

    /// Returns `{kind, name}`.
    pub(crate) fn told(self) -> JsValue {
        let agent = object();
        set_text(&agent, "kind", words::author(self.kind));
        set_text(&agent, "name", self.name);
        agent
    }
}

/// Returns `{seq, id, author: {kind, name}, text, at}`, of the message at this place in the log.
pub(crate) fn message(view: &View, seq: u64) -> Option<JsValue> {
    let item = view.items.iter().rev().find(|item| item.seq == seq)?;
    let message = object();
    set_number(&message, "seq", item.seq as f64);
    set_text(&message, "id", &item.key);
    set(&message, "author", &Agent { kind: item.author.kind, name: &item.author.name }.told());
    set_text(&message, "text", &item.text);
    set_number(&message, "at", item.at as f64);
    Some(message)
}

/// Calls `tell` with `{id, state}` of each own message that was not so far before; what an earlier page has sent is no news.
pub(crate) fn states(view: &View, last: &View, mut tell: impl FnMut(&JsValue)) {
    for (place, item) in view.items.iter().enumerate().filter(|(_, item)| item.from == From::Own) {
        let is_same = |before: &&Item| before.key == item.key;
        // Most stand where they stood.
        let before = last.items.get(place).filter(is_same).or_else(|| last.items.iter().rev().find(is_same));
        let is_news = before.map_or(item.seq == 0, |before| before.delivery != item.delivery);
        if is_news {
            let status = object();
            set_text(&status, "id", &item.key);
            set_text(&status, "state", words::delivery(item.delivery));
            tell(&status);
        }
    }
}
