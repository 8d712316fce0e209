//! Where a person writes.

use client_core::{Notice, View};
use protocol::limits::TEXT_CHARS;
use wasm_bindgen::{JsCast, JsValue};

use super::node::{Node, Shown, icon_button};
use super::texts::Texts;
use crate::browser::{flag, number, set_number, set_text, text};

/// The text field and its button.
pub(crate) struct Composer {
    pub(crate) field: Node,
    pub(crate) send: Node,
    frame: Node,
    note: Node,
    row: Node,
    /// What was sent last: it is put back when the outbox does not take it.
    sent: String,
}

/// From so many characters on, the room that is left is shown.
const COUNT_FROM_CHARS: usize = TEXT_CHARS as usize - 500;

impl Composer {
    /// Makes an empty one at the end of the panel.
    pub(crate) fn new(panel: &Node, texts: &Texts) -> Self {
        let row = panel.child("div", "c");
        let note = row.child("div", "z");
        note.attribute("role", "status");
        // The frame repeats the text out of sight and so gives the field its height.
        let frame = row.child("div", "r");
        let field = frame.child("textarea", "e");
        field.attribute("rows", "1");
        field.attribute("placeholder", texts.write);
        field.attribute("aria-label", texts.write);
        field.attribute("enterkeyhint", "send");
        field.attribute("dir", "auto");
        let send = icon_button("k", texts.send, "M5 12h14M12 5l7 7-7 7");
        frame.append(&send);
        Self { field, send, frame, note, row, sent: String::new() }
    }

    /// Puts the restored draft in, once, and says why a message was not taken.
    pub(crate) fn show(&mut self, view: &View, last: &View, texts: &Texts) {
        if view.draft != last.draft && last.draft.is_empty() && self.text().is_empty() && view.draft != self.sent {
            self.set(&view.draft, texts);
        }
        if view.notice == last.notice {
            return;
        }
        if view.notice != Notice::None && self.text().is_empty() {
            let sent = core::mem::take(&mut self.sent);
            self.set(&sent, texts);
        }
        match view.notice {
            Notice::None => self.note.put(""),
            Notice::TooLong => self.note.put(texts.too_long),
            Notice::OutboxFull => self.note.put(texts.outbox_full),
        }
    }

    /// Shows the field only where somebody will read what is written.
    pub(crate) fn enable(&self, shown: Shown) {
        self.row.show(shown);
    }

    /// Returns what is written.
    pub(crate) fn text(&self) -> String {
        text(&self.field, "value")
    }

    /// Replaces what is written.
    pub(crate) fn set(&self, words: &str, texts: &Texts) {
        set_text(&self.field, "value", words);
        self.changed(texts);
    }

    /// Takes note of another text, and returns it.
    pub(crate) fn changed(&self, texts: &Texts) -> String {
        let written = self.text();
        self.frame.attribute("data-text", &written);
        let chars = written.chars().count();
        set_number(&self.send, "disabled", if written.trim().is_empty() { 1.0 } else { 0.0 });
        self.note.put(if chars > TEXT_CHARS as usize { texts.too_long } else { "" });
        if chars > COUNT_FROM_CHARS {
            self.frame.attribute("data-left", &signed(TEXT_CHARS as i32 - chars as i32));
        } else {
            self.frame.attribute("data-left", "");
        }
        written
    }

    /// Takes the text out, when there is one that can be sent.
    pub(crate) fn take(&mut self, texts: &Texts) -> Option<String> {
        let written = self.text();
        if written.trim().is_empty() || written.chars().count() > TEXT_CHARS as usize {
            return None;
        }
        self.set("", texts);
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
    let mut digits = Vec::new();
    let mut rest = number.unsigned_abs();
    loop {
        digits.push(char::from(b'0' + (rest % 10) as u8));
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        digits.push('-');
    }
    digits.iter().rev().collect()
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
