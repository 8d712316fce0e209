//! A message that brings a file, as the outbox and the storage keep it: one text, so that everything that keeps, counts and
//! hands over messages need not know of files.

use protocol::{File, SendMessage, json};

use crate::outbox::Pending;

/// What stands in front of a file's JSON. Nobody can type it.
const MARK: char = '\u{1}';

/// Returns the file that a kept message brings.
fn file_of(kept: &str) -> Option<File> {
    json::from_str(kept.strip_prefix(MARK)?).ok()
}

/// Returns the words of a kept message, and the file that it brings as JSON; one of both is empty.
pub(crate) fn parts_of(kept: &str) -> (&str, &str) {
    kept.strip_prefix(MARK).map_or((kept, ""), |file| ("", file))
}

/// Returns the frame that sends a kept message.
pub(crate) fn frame_of(pending: &Pending, n: Option<u64>) -> SendMessage {
    let file = file_of(&pending.text);
    let text = if file.is_some() { "" } else { &pending.text };
    SendMessage { id: Some(pending.id.clone()), n, text: String::from(text), file: file.map(|file| file.id) }
}
