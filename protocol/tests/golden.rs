//! The wire as it was promised: every line of the golden files is read and written alike by serde_json and by the small
//! reader that pages download. The files are append-only: clients in the field send and expect these very texts.

use std::fmt::Debug;

use protocol::{ClientFrame, Frame, ServerFrame, json};
use serde::Serialize;

const UP: &str = include_str!("golden/up.jsonl");
const DOWN: &str = include_str!("golden/down.jsonl");

/// Reads a frame as the server does: with serde_json, the tag first.
fn with_serde_json<F: Frame>(text: &str) -> Option<F> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    let kind = value.as_object()?.get("type")?.as_str()?.to_owned();
    F::from_parts(&kind, value).ok()?
}

fn with_small_reader<F: Frame>(text: &str) -> Option<F> {
    json::frames(text).ok()?.pop()
}

fn hold_the_lines<F: Frame + Serialize + json::ToJson + PartialEq + Debug>(lines: &str) {
    let mut missing = F::KINDS.to_vec();
    for line in lines.lines() {
        let frame: F = with_serde_json(line).unwrap_or_else(|| panic!("serde_json cannot read {line}"));
        assert_eq!(with_small_reader::<F>(line).as_ref(), Some(&frame), "the small reader reads {line}");
        assert_eq!(serde_json::to_string(&frame).expect("plain data"), line, "serde_json writes it back");
        assert_eq!(json::to_string(&frame), line, "the small writer writes it back");
        missing.retain(|kind| *kind != frame.kind());
    }
    assert!(missing.is_empty(), "no golden line for {missing:?}");
}

#[test]
fn what_clients_send_is_read_and_written_as_promised() {
    hold_the_lines::<ClientFrame>(UP);
}

#[test]
fn what_servers_send_is_read_and_written_as_promised() {
    hold_the_lines::<ServerFrame>(DOWN);
}

#[test]
fn a_batch_is_read_in_order_and_unknown_frames_are_left_out() {
    let batch = format!("[{},{{\"type\":\"of_the_future\",\"x\":[1,{{}}]}},{}]", first(DOWN), second(DOWN));
    let frames: Vec<ServerFrame> = json::frames(&batch).expect("a batch");
    assert_eq!(frames.len(), 2);
    assert_eq!(json::frames::<ServerFrame>("[]"), Ok(vec![]));
}

fn first(lines: &str) -> &str {
    lines.lines().next().expect("a line")
}

fn second(lines: &str) -> &str {
    lines.lines().nth(1).expect("a line")
}

#[test]
fn what_is_not_json_is_refused() {
    let deep = format!("{{\"type\":\"pong\",\"x\":{}1{}}}", "[".repeat(40), "]".repeat(40));
    let bad = [
        "",
        " ",
        "null",
        "1",
        "\"x\"",
        "{",
        "{}",
        "[{}]",
        "{\"type\":1}",
        "{\"type\":\"synced\"}",
        "{\"type\":\"synced\",\"head\":-1}",
        "{\"type\":\"synced\",\"head\":1,}",
        "[{\"type\":\"synced\",\"head\":1},]",
        "{\"type\":\"synced\",\"head\":1}x",
        "{\"type\":\"synced\",\"head\":99999999999999999999}",
        "{\"type\":\"synced\",\"head\":01}",
        "{\"type\":\"bye\",\"code\":70000,\"reason\":\"\",\"retry\":true}",
        "{\"type\":\"error\",\"code\":\"\\ud800\",\"message\":\"\"}",
        "{\"type\":\"error\",\"code\":\"\\x\",\"message\":\"\"}",
        "{\"type\":\"error\",\"code\":\"\n\",\"message\":\"\"}",
        &deep,
    ];
    for text in bad {
        assert_eq!(with_small_reader::<ServerFrame>(text), None, "{text}");
    }
}

/// Damages golden lines in many ways: wherever both readers take a text, they read the same, and the small one takes
/// nothing that serde_json does not.
#[test]
fn damaged_frames_are_read_alike_or_refused() {
    let mut seed = 1u64;
    let mut draw = move |n: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).expect("31 bits") % n
    };
    let palette = b"{}[]\",:\\u0019eE-+. tfn\x01a";
    let lines: Vec<&str> = DOWN.lines().collect();
    let mut taken = 0;
    for _ in 0..60_000 {
        let mut bytes = lines[draw(lines.len())].as_bytes().to_vec();
        for _ in 0..=draw(2) {
            let at = draw(bytes.len());
            match draw(3) {
                0 => bytes[at] = palette[draw(palette.len())],
                1 => bytes.insert(at, palette[draw(palette.len())]),
                _ => drop(bytes.remove(at)),
            }
        }
        let Ok(text) = String::from_utf8(bytes) else { continue };
        let Some(small) = with_small_reader::<ServerFrame>(&text) else { continue };
        // serde_json's Value keeps the last of two equal keys, the small reader refuses or keeps the first.
        let Some(full) = with_serde_json::<ServerFrame>(&text) else {
            let has_fraction = text.contains('.') || text.contains('e') || text.contains('E');
            assert!(has_fraction || text.matches("type").count() > 1, "only the small reader takes {text}");
            continue;
        };
        taken += 1;
        if !text.contains('.') {
            assert_eq!(small, full, "{text}");
        }
    }
    assert!(taken > 1_000, "only {taken} damaged frames were still frames: the test damages too much");
}
