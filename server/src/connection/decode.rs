//! From the text of a client to frames.

use std::borrow::Cow;

use mutants::Mutant;
use protocol::{ClientFrame, Frame, code, json, limits};
use serde::Deserialize;
use serde_json::value::RawValue;
use server_core::session::Input;

/// Something that is not a frame: its code, and what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable {
    pub(crate) code: &'static str,
    pub(crate) message: &'static str,
}

/// The client sent a binary frame.
pub(crate) const BINARY: Unreadable =
    Unreadable { code: code::BINARY_FRAME, message: "a frame is text; this one was binary" };

const EMPTY: Unreadable = Unreadable { code: code::EMPTY_FRAME, message: "the frame is empty" };
const NOT_JSON: Unreadable = Unreadable { code: code::INVALID_JSON, message: "the frame is not JSON" };
const NO_TYPE: Unreadable = Unreadable {
    code: code::INVALID_FRAME,
    message: "a frame is an object with a `type`, or an array of such objects",
};
const WRONG_SHAPE: Unreadable =
    Unreadable { code: code::INVALID_FRAME, message: "a field of this frame is missing or of another shape" };
const UNKNOWN_TYPE: Unreadable = Unreadable { code: code::UNKNOWN_TYPE, message: "this address knows no such `type`" };
const TOO_DEEP: Unreadable =
    Unreadable { code: code::INVALID_FRAME, message: "JSON is nested more than 32 levels deep here" };
const TOO_MANY: Unreadable = Unreadable { code: code::TOO_BIG, message: "a batch has at most 500 frames" };

impl From<Unreadable> for Input {
    fn from(unreadable: Unreadable) -> Self {
        Self::Unreadable { code: unreadable.code, message: unreadable.message }
    }
}

#[derive(Deserialize)]
struct Tagged<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
}

/// Reads a frame or a batch, and gives each to `each`; one that cannot be read does not spoil the others.
pub(crate) fn frames(text: &str, mut each: impl FnMut(Result<ClientFrame, Unreadable>)) {
    let trimmed = text.trim_ascii_start();
    if trimmed.is_empty() {
        return each(Err(EMPTY));
    }
    if json::is_too_deep(trimmed.as_bytes()) && !mutants::planted(Mutant::DeepJson) {
        return each(Err(TOO_DEEP));
    }
    if !trimmed.starts_with('[') {
        return each(frame(trimmed));
    }
    match serde_json::from_str::<Vec<&RawValue>>(trimmed) {
        Err(_) => each(Err(NOT_JSON)),
        Ok(batch) if batch.len() > limits::BATCH_FRAMES => each(Err(TOO_MANY)),
        Ok(batch) => batch.into_iter().for_each(|raw| each(frame(raw.get()))),
    }
}

fn frame(text: &str) -> Result<ClientFrame, Unreadable> {
    // serde takes a list of the fields for the object: nobody else does.
    if text.starts_with('[') {
        return Err(NO_TYPE);
    }
    let tagged: Tagged<'_> = serde_json::from_str(text).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => NO_TYPE,
        serde_json::error::Category::Syntax | serde_json::error::Category::Eof | serde_json::error::Category::Io => {
            NOT_JSON
        }
    })?;
    let mut body = serde_json::Deserializer::from_str(text);
    match ClientFrame::from_parts(&tagged.kind, &mut body) {
        Ok(Some(frame)) => Ok(frame),
        Ok(None) => Err(UNKNOWN_TYPE),
        Err(_) => Err(WRONG_SHAPE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(text: &str) -> Vec<String> {
        let mut outcomes = Vec::new();
        frames(text, |frame| {
            outcomes.push(match frame {
                Ok(frame) => frame.kind().to_owned(),
                Err(unreadable) => unreadable.code.to_owned(),
            });
        });
        outcomes
    }

    #[test]
    fn every_bad_input_has_its_code() {
        let rows = [
            ("invalid json", "invalid_json"),
            ("", "empty_frame"),
            (" \n", "empty_frame"),
            ("{incomplete json", "invalid_json"),
            ("null", "invalid_frame"),
            ("17", "invalid_frame"),
            ("\"text\"", "invalid_frame"),
            ("{}", "invalid_frame"),
            ("{\"type\":7}", "invalid_frame"),
            ("{\"type\":\"message\"}", "invalid_frame"),
            ("{\"type\":\"message\",\"text\":7}", "invalid_frame"),
            ("{\"type\":\"message\",\"text\":\"a\"}}", "invalid_json"),
            ("{\"type\":\"dance\"}", "unknown_type"),
            ("🙂", "invalid_json"),
            ("\u{0}\u{1}", "invalid_json"),
            ("[1", "invalid_json"),
        ];
        for (text, code) in rows {
            assert_eq!(outcomes(text), [code], "{text:?}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_and_costs_no_stack() {
        let deep = format!("{{\"type\":\"ping\",\"timestamp\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(outcomes(&deep), ["invalid_frame"]);
        assert_eq!(outcomes(&"[".repeat(30_000)), ["invalid_frame"]);
        // In a field that nobody reads as well.
        let unread = format!("{{\"type\":\"ping\",\"x\":{}{}}}", "[".repeat(32), "]".repeat(32));
        assert_eq!(outcomes(&unread), ["invalid_frame"]);
        assert_eq!(outcomes(&unread.replace("[[", "[").replace("]]", "]")), ["ping"]);
    }

    #[test]
    fn one_bad_frame_does_not_spoil_a_batch() {
        let batch = r#" [{"type":"ping"},{"type":"dance"},7,["ping"],{"text":"hi","type":"message"}]"#;
        assert_eq!(outcomes(batch), ["ping", "unknown_type", "invalid_frame", "invalid_frame", "message"]);
        assert!(outcomes("[]").is_empty());
        let long = format!("[{}]", vec!["{\"type\":\"ping\"}"; limits::BATCH_FRAMES + 1].join(","));
        assert_eq!(outcomes(&long), ["too_big"]);
    }
}
