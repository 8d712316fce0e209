//! JSON, frames, bodies and streams: whoever reads them reads the same.

use proptest::collection::vec;
use proptest::prelude::*;
use protocol::http::{PostMessage, StartDialog};
use protocol::{Author, AuthorKind, Message, SendMessage, ServerFrame, json};
use tests::probe::{bodies, frames, sse};

use crate::cases;

const UP: &str = include_str!("../../../protocol/tests/golden/up.jsonl");
const DOWN: &str = include_str!("../../../protocol/tests/golden/down.jsonl");

/// Numbers at the edges of what 64 bits hold, and those that are no whole ones.
fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<u64>().prop_map(|n| n.to_string()),
        any::<i64>().prop_map(|n| n.to_string()),
        (any::<u32>(), 0..1_000_u32).prop_map(|(whole, part)| format!("{whole}.{part}")),
        (any::<i16>(), any::<i16>()).prop_map(|(n, power)| format!("{n}e{power}")),
        "-?[0-9]{1,25}",
        Just("-0".to_owned()),
        Just("18446744073709551616".to_owned()),
        Just("-9223372036854775809".to_owned()),
    ]
}

/// Texts with every kind of escape, pairs of surrogates and halves of them.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => any::<char>().prop_filter("stands for itself", |c| !c.is_control() && !"\"\\".contains(*c)).prop_map(|c| c.to_string()),
        1 => any::<u16>().prop_map(|unit| format!("\\u{unit:04x}")),
        1 => (0xd800..0xdc00_u16, 0xdc00..0xe000_u16).prop_map(|(high, low)| format!("\\u{high:04X}\\u{low:04x}")),
        1 => "\\\\[nrtbf\"\\\\/x]",
    ];
    vec(piece, 0..8).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn any_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![Just("null".to_owned()), Just("true".to_owned()), number(), text()];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(|items| format!("[{}]", items.join(" ,"))),
            vec((text(), inner), 0..5).prop_map(|fields| {
                let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{name}:{value}")).collect();
                format!("{{{}}}", fields.join(","))
            }),
        ]
    })
}

/// A frame of the golden files with one of its values replaced, or with bytes put in or taken out.
fn damaged(lines: &'static str) -> impl Strategy<Value = String> {
    let lines: Vec<&str> = lines.lines().collect();
    let line = proptest::sample::select(lines);
    prop_oneof![
        (line.clone(), any::<prop::sample::Index>(), any_json()).prop_map(|(line, which, value)| {
            let mut frame: serde_json::Map<_, _> = serde_json::from_str(line).expect("golden");
            let name = frame.keys().filter(|name| *name != "type").nth(which.index(frame.len().max(1))).cloned();
            let name = name.unwrap_or_else(|| "x".to_owned());
            frame.remove(&name);
            let rest = serde_json::to_string(&frame).expect("JSON");
            format!("{{\"{name}\":{value},{}", &rest[1..])
        }),
        (line, vec((any::<prop::sample::Index>(), "[{}\\[\\]\",:0-9eE.a-z\\\\ -]?"), 0..3)).prop_map(
            |(line, damages)| {
                let mut text: Vec<char> = line.chars().collect();
                for (at, with) in damages {
                    let at = at.index(text.len());
                    match with.chars().next() {
                        Some(letter) => text.insert(at, letter),
                        None => drop(text.remove(at)),
                    }
                }
                text.into_iter().collect()
            }
        ),
    ]
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn the_small_reader_takes_what_serde_json_takes(text in any_json()) {
        frames::check_json(&format!("{{\"type\":\"of_the_future\",\"x\":{text}}}"));
        frames::check_json(&text);
    }

    #[test]
    fn what_looks_like_json_is_taken_by_both_or_by_none(text in "[\\[\\]{}\",:0-9eE.\\\\untrflas \t-]{0,40}") {
        frames::check_json(&text);
        frames::check_json(&format!("{{\"type\":\"x\",\"x\":{text}}}"));
    }

    #[test]
    fn deep_nesting_ends_at_the_same_level_for_everybody(levels in 25..40_usize, objects in any::<u64>()) {
        let open = |level: usize| if objects >> level & 1 == 1 { "{\"x\":" } else { "[" };
        let close = |level: usize| if objects >> level & 1 == 1 { "}" } else { "]" };
        let opened: String = (0..levels).map(open).collect();
        let closed: String = (0..levels).rev().map(close).collect();
        frames::check_json(&format!("{{\"type\":\"ping\",\"x\":{opened}0{closed}}}"));
        frames::check_client(&format!("{{\"type\":\"ping\",\"x\":{opened}0{closed}}}"));
    }

    #[test]
    fn a_damaged_frame_of_a_client_is_read_alike_or_refused(text in damaged(UP)) {
        frames::check_client(&text);
    }

    #[test]
    fn a_damaged_frame_of_a_server_is_read_alike_or_refused(text in damaged(DOWN)) {
        frames::check_server(&text);
        frames::check_json(&text);
    }

    #[test]
    fn a_message_with_any_text_is_written_and_read_by_everybody(text in any::<String>(), n in any::<u64>(), at in any::<u64>()) {
        let sent = SendMessage { id: Some(text.clone()), n: Some(n), text: text.clone(), file: None };
        frames::check_client(&json::to_string(&protocol::ClientFrame::Message(sent.clone())));
        let author = Author { kind: AuthorKind::Assistant, name: text.clone() };
        let message = Message { dialog_id: n, seq: at, id: text.clone(), author, text: text.clone(), at, file: None };
        frames::check_server(&json::to_string(&ServerFrame::Message(message)));
        let posted = PostMessage { text, id: sent.id.clone(), n: sent.n, client: None, file: None };
        bodies::check::<PostMessage>(json::to_string(&posted).as_bytes());
        bodies::check::<StartDialog>(json::to_string(&StartDialog { message: Some(sent), ..StartDialog::default() }).as_bytes());
    }

    #[test]
    fn a_stream_in_any_pieces_gives_the_same_events(
        stream in "((data|id|event|:|x| data)?(:| |: )?[a-zé🙂:]{0,5}(\r|\n|\r\n)){0,12}(data:.)?",
        bytes in 1..9_usize,
    ) {
        sse::check_pieces(&stream, bytes);
    }

    #[test]
    fn what_a_server_streams_comes_out_as_it_went_in(text in any::<String>()) {
        sse::check_server(&text);
    }
}
