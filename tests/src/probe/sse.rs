//! Server-sent events, read in any pieces.

use std::sync::Arc;

use client_core::sse::Decoder;
use protocol::{Author, AuthorKind, ErrorFrame, Message, ServerFrame, json};
use server::probe::Brought;
use server_core::Event;

/// Reads a stream as a whole, in pieces, and as the standard says.
pub fn probe(bytes: &[u8]) {
    let Some((cut, bytes)) = bytes.split_first() else { return };
    check_pieces(&String::from_utf8_lossy(bytes), usize::from(*cut) + 1);
    check_server(&String::from_utf8_lossy(bytes));
}

/// A stream cut into pieces of about so many bytes gives the events that it gives as a whole.
///
/// # Panics
/// It does not.
pub fn check_pieces(stream: &str, bytes: usize) {
    let expected = standard(stream);
    let mut whole = Decoder::default();
    assert_eq!(whole.push(stream).expect("short"), expected, "as a whole: {stream:?}");
    let mut decoder = Decoder::default();
    let (mut events, mut rest) = (Vec::new(), stream);
    while !rest.is_empty() {
        let at = (bytes..rest.len()).find(|at| rest.is_char_boundary(*at)).unwrap_or(rest.len());
        let (piece, after) = rest.split_at(at);
        events.extend(decoder.push(piece).expect("short"));
        // A piece of nothing changes nothing.
        assert_eq!(decoder.push("").expect("short"), Vec::<String>::new());
        rest = after;
    }
    assert_eq!(events, expected, "in pieces of {bytes}: {stream:?}");
}

/// What a server writes, a client reads back frame by frame, whatever stands in its texts.
///
/// # Panics
/// It does not.
pub fn check_server(text: &str) {
    let author = Author { kind: AuthorKind::Operator, name: text.chars().take(9).collect() };
    let message = Message { dialog_id: 7, seq: 3, id: "m".into(), author, text: text.into(), at: 5, file: None };
    let error = ServerFrame::Error(ErrorFrame { code: text.into(), message: text.into() });
    let event = Event::message(message.clone());
    let stream = server::probe::stream(&[Brought::Frame(error.clone()), Brought::Event(Arc::new(event))]);
    let mut decoder = Decoder::default();
    let events = decoder.push(&stream).expect("short");
    let frames: Vec<ServerFrame> =
        events.iter().flat_map(|data| json::frames::<ServerFrame>(data).expect("a frame")).collect();
    assert_eq!(frames, [error, ServerFrame::Message(message)]);
}

/// The data of each event, as the HTML standard has it, but for a field without a colon: no Rejoin server sends one, and
/// the decoder passes it over.
fn standard(stream: &str) -> Vec<String> {
    let lines = stream.replace("\r\n", "\n").replace('\r', "\n");
    let (mut events, mut data) = (Vec::new(), String::new());
    // What follows the last end of a line is not a line yet.
    let Some((complete, _)) = lines.rsplit_once('\n') else { return events };
    for line in complete.split('\n') {
        match line.split_once(':') {
            _ if line.is_empty() => {
                if let Some(data) = data.strip_suffix('\n') {
                    events.push(data.to_owned());
                }
                data.clear();
            }
            Some(("data", value)) => {
                data.push_str(value.strip_prefix(' ').unwrap_or(value));
                data.push('\n');
            }
            Some(_) | None => {}
        }
    }
    events
}
