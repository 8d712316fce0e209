//! Where a person writes.

use std::rc::Rc;

use client_core::{Notice, View};
use protocol::limits::TEXT_CHARS;
use wasm_bindgen::{JsCast, JsValue};

use super::node::{Node, Shown};
use super::parts::{Part, Parts};
use super::texts::{Speech, Texts, Word};
use crate::browser::{flag, number, set_number, set_text, text};

/// The text field and its button.
pub(crate) struct Composer {
    parts: Rc<Parts>,
    /// What was sent last: it is put back when the outbox does not take it.
    sent: String,
    /// Whether it was not, and stands in the field again.
    is_refused: bool,
}

/// From so many characters on, the room that is left is shown.
const COUNT_FROM_CHARS: usize = TEXT_CHARS as usize - 500;

impl Composer {
    /// Makes an empty one.
    pub(crate) fn new(parts: Rc<Parts>) -> Self {
        Self { parts, sent: String::new(), is_refused: false }
    }

    /// Puts the restored draft in, once, takes it out when it is somebody else's, and says why a message was not taken.
    pub(crate) fn show(&mut self, view: &View, last: &View, texts: &Texts, speech: Speech) {
        if view.draft.is_empty() && !last.draft.is_empty() {
            // It was taken, or is somebody else's by now.
            self.sent.clear();
        }
        let is_news = if view.draft.is_empty() { !last.draft.is_empty() } else { view.draft != self.sent };
        if is_news && view.draft != last.draft && view.draft != self.text() {
            self.sent.clear();
            self.set(&view.draft, texts);
        }
        if view.notice == last.notice && (speech == Speech::Same || view.notice == Notice::None) {
            return;
        }
        self.is_refused = view.notice != Notice::None;
        if self.is_refused && self.text().is_empty() {
            let sent = core::mem::take(&mut self.sent);
            self.set(&sent, texts);
        }
        self.parts.of(Part::Note).put(match view.notice {
            Notice::None => "",
            Notice::TooLong => texts.of(Word::TooLong),
            Notice::OutboxFull => texts.of(Word::OutboxFull),
        });
    }

    /// Shows the field only where somebody will read what is written.
    pub(crate) fn enable(&self, shown: Shown) {
        self.parts.of(Part::Composer).show(shown);
    }

    /// Returns where it is written.
    pub(crate) fn field(&self) -> &Node {
        self.parts.of(Part::Field)
    }

    /// Returns what is written.
    pub(crate) fn text(&self) -> String {
        text(self.field(), "value")
    }

    /// Replaces what is written.
    pub(crate) fn set(&self, words: &str, texts: &Texts) {
        set_text(self.field(), "value", words);
        self.changed(texts);
    }

    /// Takes note of another text, and returns it.
    pub(crate) fn changed(&self, texts: &Texts) -> String {
        let written = self.text();
        self.parts.of(Part::Frame).attribute("data-text", &written);
        let chars = written.chars().count();
        set_number(self.parts.of(Part::Send), "disabled", if written.trim().is_empty() { 1.0 } else { 0.0 });
        self.parts.of(Part::Note).put(if chars > TEXT_CHARS as usize { texts.of(Word::TooLong) } else { "" });
        if chars > COUNT_FROM_CHARS {
            self.parts.of(Part::Frame).attribute("data-left", &signed(TEXT_CHARS as i32 - chars as i32));
        } else {
            self.parts.of(Part::Frame).attribute("data-left", "");
        }
        written
    }

    /// Takes the text out, when there is one that can be sent.
    pub(crate) fn take(&mut self, texts: &Texts) -> Option<String> {
        let written = self.text();
        if written.trim().is_empty() || written.chars().count() > TEXT_CHARS as usize {
            return None;
        }
        // What was refused may be refused again, and that would be no news.
        if !self.is_refused {
            self.set("", texts);
        }
        self.sent.clone_from(&written);
        Some(written)
    }

    /// Returns whether a key sends: Enter, but not with Shift, and not while an input method composes a word.
    pub(crate) fn sends(event: &JsValue) -> bool {
        // Safari ends the composition before it tells of the key, and says 229.
        let composing = flag(event, "isComposing") || number(event, "keyCode") == 229.0;
        let sends = text(event, "key") == "Enter" && !flag(event, "shiftKey") && !composing;
        if sends {
            event.unchecked_ref::<Node>().prevent_default();
        }
        sends
    }
}

/// Writes a number without the machinery of `Display`.
pub(crate) fn signed(number: i32) -> String {
    let mut digits = String::new();
    let mut rest = number.unsigned_abs();
    loop {
        digits.insert(0, char::from(b'0' + (rest % 10) as u8));
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        digits.insert(0, '-');
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::signed;

    #[test]
    fn numbers_are_written_with_their_sign() {
        assert_eq!(signed(0), "0");
        assert_eq!(signed(120), "120");
        assert_eq!(signed(-7), "-7");
    }
}
