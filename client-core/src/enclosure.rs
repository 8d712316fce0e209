//! A message that brings a file, as the outbox and the storage keep it: one text, so that everything that keeps, counts and
//! hands over messages need not know of files.

use mutants::Mutant;
use protocol::{File, SendMessage, json};

use crate::outbox::Pending;

/// What stands in front of a file's JSON. Nobody can type it.
const MARK: char = '\u{1}';

/// Returns the file that a kept message brings.
fn file_of(kept: &str) -> Option<File> {
    let file = kept.strip_prefix(MARK).filter(|_| !mutants::planted(Mutant::ClientNoEnclosure))?;
    json::from_str(file).ok()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::{Kept, State};

    #[test]
    fn what_is_kept_of_a_message_with_a_file_sends_the_file_and_shows_no_words() {
        let file = File { id: String::from("f"), name: String::from("a \"b\".png"), size: 5, ..File::default() };
        let mut kept = String::from(MARK);
        kept.push_str(&json::to_string(&file));
        for (text, words, id) in
            [(kept.as_str(), "", Some("f")), ("plain", "plain", None), ("a\u{1}b", "a\u{1}b", None)]
        {
            let state = State::Fresh;
            let pending = Pending { id: String::from("m"), text: text.into(), at: 1, n: 3, state, kept: Kept::Yes };
            let expected =
                SendMessage { id: Some("m".into()), n: Some(3), text: words.into(), file: id.map(Into::into) };
            assert_eq!(frame_of(&pending, Some(3)), expected);
            assert_eq!(parts_of(text).0, words);
        }
    }
}
