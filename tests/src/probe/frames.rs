//! Frames, read by the server with serde_json and by pages with their small reader.

use std::fmt::Debug;

use protocol::{ClientFrame, Frame, ServerFrame, code, json};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::json::{Text, judge};

/// Reads a text as frames of either direction, with every reader there is.
pub fn probe(bytes: &[u8]) {
    // The first byte says how the rest is meant.
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match kind % 4 {
        0 => check_client(text),
        1 => check_server(text),
        // Every value as a field that nobody knows, so that it is only parsed.
        2 => check_json(&format!("{{\"type\":\"of_the_future\",\"x\":{text}}}")),
        _ => check_json(text),
    }
}

/// Both readers take the same texts as JSON.
///
/// # Panics
/// They do not.
pub fn check_json(text: &str) {
    let judged = judge(text);
    let shape = serde_json::from_str::<serde_json::Value>(text);
    let typed = |value: &serde_json::Value| value["type"].is_string();
    let frames = match &shape {
        Ok(value) => value.as_array().map_or_else(|| typed(value), |values| values.iter().all(typed)),
        Err(_) => false,
    };
    let small = json::frames::<Nothing>(text);
    match judged {
        Text::Odd => {}
        Text::Plain if json::is_too_deep(text.as_bytes()) || !frames => {
            assert!(small.is_err(), "the small reader takes {text}")
        }
        Text::Plain => assert!(small.is_ok(), "the small reader refuses {text}"),
        Text::Bad => assert!(small.is_err(), "the small reader takes what is no JSON: {text}"),
    }
}

/// What the server makes of a text of a client is what the small reader makes of it, and every error has its code.
///
/// # Panics
/// It is not.
pub fn check_client(text: &str) {
    let server = server::probe::frames(text);
    let known = [code::EMPTY_FRAME, code::INVALID_JSON, code::INVALID_FRAME, code::UNKNOWN_TYPE, code::TOO_BIG];
    for refused in server.iter().filter_map(|read| read.as_ref().err()) {
        assert!(known.contains(refused), "{refused} for {text}");
    }
    if judge(text) != Text::Plain {
        return;
    }
    let small = json::frames::<ClientFrame>(text);
    let taken: Vec<_> = server.iter().filter_map(|read| read.as_ref().ok()).cloned().collect();
    let refused = server.iter().any(|read| matches!(read, Err(code) if *code != code::UNKNOWN_TYPE));
    if json::is_too_deep(text.as_bytes()) {
        assert!(taken.is_empty() && refused, "the server reads {taken:?} out of what is too deep: {text}");
    }
    match small {
        Ok(frames) if refused => assert!(server.len() == 1, "the server refuses some of {text}, pages read {frames:?}"),
        Ok(frames) => assert_eq!(taken, frames, "{text}"),
        Err(_) => assert!(refused || is_nested(text), "pages refuse {text}, the server reads {taken:?}"),
    }
    taken.iter().for_each(round_trip);
}

/// What pages read of a server is what serde_json reads.
///
/// # Panics
/// It is not.
pub fn check_server(text: &str) {
    let Ok(frames) = json::frames::<ServerFrame>(text) else { return };
    frames.iter().for_each(round_trip);
    if judge(text) != Text::Plain {
        return;
    }
    let list = serde_json::from_str::<Vec<&RawValue>>(text);
    let texts = list.map_or_else(|_| vec![text], |list| list.into_iter().map(RawValue::get).collect());
    let full: Vec<ServerFrame> = texts.into_iter().filter_map(read).collect();
    assert_eq!(full, frames, "{text}");
}

/// What either writer writes, both readers read back.
fn round_trip<F: Frame + Serialize + json::ToJson + PartialEq + Debug>(frame: &F) {
    let small = json::to_string(frame);
    let full = serde_json::to_string(frame).expect("plain data");
    // Only a ping carries fractions, and the small writer knows none.
    if !full.contains("\"timestamp\":") {
        // They escape control characters in two ways.
        assert_eq!(value(&small), value(&full), "two writers write {frame:?}");
    }
    assert_eq!(json::frames::<F>(&small).as_deref().ok(), read::<F>(&small).as_slice().into(), "{small}");
    if judge(&full) == Text::Plain {
        assert_eq!(read::<F>(&full).as_ref(), Some(frame), "{full}");
        assert_eq!(json::frames::<F>(&full).as_deref(), Ok(std::slice::from_ref(frame)), "{full}");
    }
}

fn value(text: &str) -> serde_json::Value {
    serde_json::from_str(text).expect("what was written is JSON")
}

/// Reads one frame with serde_json, as the server does.
fn read<F: Frame>(text: &str) -> Option<F> {
    let Tagged { kind } =
        serde_json::from_str(text).unwrap_or_else(|error| panic!("serde_json refuses {text}: {error}"));
    let mut body = serde_json::Deserializer::from_str(text);
    F::from_parts(&kind, &mut body).unwrap_or_else(|error| panic!("serde_json refuses {text}: {error}"))
}

#[derive(Deserialize)]
struct Tagged {
    #[serde(rename = "type")]
    kind: String,
}

/// serde takes a list, too, for an object that stands within a frame; the small reader does not.
fn is_nested(text: &str) -> bool {
    text.trim_start().trim_start_matches('[').contains('[') || text.matches('{').count() > 1
}

/// A family of no frames, for texts that are only to be parsed.
#[derive(Debug)]
enum Nothing {}

impl Frame for Nothing {
    const KINDS: &'static [&'static str] = &[];

    fn kind(&self) -> &'static str {
        match *self {}
    }

    fn from_parts<'de, D: serde::Deserializer<'de>>(_: &str, _: D) -> Result<Option<Self>, D::Error> {
        Ok(None)
    }

    fn from_object(_: &str, _: &mut json::Object) -> Option<Self> {
        None
    }
}
