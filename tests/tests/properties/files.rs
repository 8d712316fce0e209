//! Names, kinds and uploads: whatever is given, what comes of it is harmless.

use proptest::collection::vec;
use proptest::prelude::*;
use tests::probe::{names, uploads};

use crate::cases;

/// Names made of what has been used against those who read them.
fn name() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-zA-Z0-9 ._-]{0,12}",
        2 => any::<char>().prop_map(String::from),
        1 => proptest::sample::select(vec![
            "/", "\\", "..", ":", "\u{0}", "\r\n", "\"", "%2F", ".png", ".html", ".exe", "\u{202e}", "\u{2066}", "\u{200f}",
            "\u{61c}", "\u{2028}", "\u{feff}", "\u{a0}", "\u{3000}", "\u{85}", "CON",
        ])
        .prop_map(String::from),
        1 => "ä{0,200}",
    ];
    vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn head() -> impl Strategy<Value = Vec<u8>> {
    let begins = proptest::sample::select(vec![
        &b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..],
        b"\xff\xd8\xff\xe0\0\x10JFIF",
        b"GIF89a",
        b"RIFF\x24\0\0\0WEBPVP8 ",
        b"%PDF-1.7",
        b"PK\x03\x04",
        b"<svg ",
        b"<!doctype html>",
        b"#!",
        b"\xef\xbb\xbf",
        b" \n\t",
        b"text",
        b"",
    ]);
    (begins, vec(any::<u8>(), 0..40)).prop_map(|(begins, rest)| [begins, &rest].concat())
}

proptest! {
    #![proptest_config(cases(3_000))]

    #[test]
    fn a_file_s_name_is_one_name_and_its_kind_is_what_its_bytes_are(name in name(), head in head()) {
        names::probe(&[&[u8::try_from(head.len()).expect("short")][..], &head, name.as_bytes()].concat());
    }
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn an_upload_is_taken_or_refused_the_same_in_any_pieces(
        begins in head(),
        cut in 1..300_usize,
        times in prop_oneof![3 => Just(1_usize), 1 => 1..400_usize],
        declared in proptest::option::of(0..40_000_u64),
        most_bytes in prop_oneof![Just(1_u64 << 20), 0..20_000_u64],
        is_images_only in any::<bool>(),
    ) {
        uploads::check(&begins.repeat(times), cut, declared, most_bytes, is_images_only);
    }
}
