//! What a file is: by its first bytes, never by what its sender says.

use mutants::Mutant;

/// So many bytes are looked at; the names inside an office document come later than its first ones.
pub(super) const HEAD_BYTES: usize = 8_192;

/// A type that is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// The media type, as it is told and served.
    pub(super) mime: &'static str,
    /// How names of it may end, the usual one first.
    pub(super) extensions: &'static [&'static str],
}

const TEXT: Kind = Kind {
    mime: "text/plain",
    extensions: &["txt", "md", "csv", "tsv", "log", "json", "yaml", "yml", "toml", "ini", "conf", "vcf", "ics", "srt"],
};

/// Images that are shown where they stand: no browser runs anything inside them.
const SHOWN: [&str; 5] = ["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"];

/// Everything that is passed on, by the name that `infer` has for it.
const KINDS: [(&str, Kind); 33] = [
    ("image/png", kind("image/png", &["png"])),
    ("image/jpeg", kind("image/jpeg", &["jpg", "jpeg", "jfif"])),
    ("image/gif", kind("image/gif", &["gif"])),
    ("image/webp", kind("image/webp", &["webp"])),
    ("image/avif", kind("image/avif", &["avif"])),
    ("image/heif", kind("image/heif", &["heic", "heif"])),
    ("application/pdf", kind("application/pdf", &["pdf"])),
    ("application/rtf", kind("application/rtf", &["rtf"])),
    ("application/msword", kind("application/msword", &["doc"])),
    ("application/vnd.ms-excel", kind("application/vnd.ms-excel", &["xls"])),
    ("application/vnd.ms-powerpoint", kind("application/vnd.ms-powerpoint", &["ppt"])),
    (
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        kind("application/vnd.openxmlformats-officedocument.wordprocessingml.document", &["docx"]),
    ),
    (
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        kind("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", &["xlsx"]),
    ),
    (
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        kind("application/vnd.openxmlformats-officedocument.presentationml.presentation", &["pptx"]),
    ),
    ("application/vnd.oasis.opendocument.text", kind("application/vnd.oasis.opendocument.text", &["odt"])),
    (
        "application/vnd.oasis.opendocument.spreadsheet",
        kind("application/vnd.oasis.opendocument.spreadsheet", &["ods"]),
    ),
    (
        "application/vnd.oasis.opendocument.presentation",
        kind("application/vnd.oasis.opendocument.presentation", &["odp"]),
    ),
    ("application/epub+zip", kind("application/epub+zip", &["epub"])),
    // An office document whose parts stand in an unusual order is only known as an archive.
    (
        "application/zip",
        kind("application/zip", &["zip", "docx", "xlsx", "pptx", "odt", "ods", "odp", "pages", "numbers", "key"]),
    ),
    ("application/gzip", kind("application/gzip", &["gz", "tgz"])),
    ("application/x-7z-compressed", kind("application/x-7z-compressed", &["7z"])),
    ("audio/mpeg", kind("audio/mpeg", &["mp3"])),
    ("audio/m4a", kind("audio/mp4", &["m4a"])),
    ("audio/ogg", kind("audio/ogg", &["ogg", "oga", "opus"])),
    ("audio/opus", kind("audio/ogg", &["opus", "ogg"])),
    ("audio/x-wav", kind("audio/wav", &["wav"])),
    ("audio/x-flac", kind("audio/flac", &["flac"])),
    ("audio/aac", kind("audio/aac", &["aac"])),
    ("audio/amr", kind("audio/amr", &["amr"])),
    ("video/mp4", kind("video/mp4", &["mp4", "m4v"])),
    ("video/x-m4v", kind("video/mp4", &["m4v", "mp4"])),
    ("video/webm", kind("video/webm", &["webm"])),
    ("video/quicktime", kind("video/quicktime", &["mov"])),
];

const fn kind(mime: &'static str, extensions: &'static [&'static str]) -> Kind {
    Kind { mime, extensions }
}

impl Kind {
    /// Returns what a file is that begins with these bytes; none for what is not passed on.
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        match infer::get(head) {
            Some(found) => KINDS.iter().find(|(name, _)| *name == found.mime_type()).map(|(_, kind)| *kind),
            None => is_text(head).then_some(TEXT),
        }
    }

    /// Returns what a file is that bears this name, by the word of its sender: what must never be asked.
    pub(super) fn named(name: &str) -> Option<Self> {
        let (_, ending) = name.rsplit_once('.')?;
        KINDS.iter().map(|(_, kind)| *kind).chain([TEXT]).find(|kind| kind.extensions.contains(&ending))
    }

    /// Returns whether it is one of the images that are shown.
    pub(super) fn is_image(self) -> bool {
        is_shown_inline(self.mime)
    }
}

/// Says whether a browser may show a file of this type where it stands, instead of saving it.
pub(crate) fn is_shown_inline(mime: &str) -> bool {
    SHOWN.contains(&mime) || mutants::planted(Mutant::AllInline)
}

/// Says whether this begins a plain text: UTF-8, no control characters, and neither markup nor a script for a shell.
fn is_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The head may end within a letter.
        Err(error) if error.error_len().is_none() => match std::str::from_utf8(&head[..error.valid_up_to()]) {
            Ok(text) => text,
            Err(_) => return false,
        },
        Err(_) => return false,
    };
    let is_plain = |letter: char| !letter.is_control() || matches!(letter, '\n' | '\r' | '\t' | '\u{c}');
    let begins = text.trim_start_matches('\u{feff}').trim_start();
    !begins.is_empty() && !begins.starts_with('<') && !begins.starts_with("#!") && text.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(head: &[u8], expected: Option<&str>) {
        assert_eq!(Kind::of(head).map(|kind| kind.mime), expected, "{:?}", String::from_utf8_lossy(head));
    }

    #[test]
    fn a_file_is_what_its_bytes_say() {
        check(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", Some("image/png"));
        check(b"\xff\xd8\xff\xe0\0\x10JFIF", Some("image/jpeg"));
        check(b"GIF89a\x01\0\x01\0", Some("image/gif"));
        check(b"RIFF\x24\0\0\0WEBPVP8 ", Some("image/webp"));
        check(b"%PDF-1.7\n", Some("application/pdf"));
        check(b"PK\x03\x04\x14\0\0\0", Some("application/zip"));
        check("Schöne Grüße\n".as_bytes(), Some("text/plain"));
        check(b"a,b\r\n1,2\r\n", Some("text/plain"));
    }

    #[test]
    fn what_a_browser_or_a_machine_would_run_is_refused() {
        check(b"<!doctype html><script>alert(1)</script>", None);
        check(b"\xef\xbb\xbf \n<html>", None);
        check(b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", None);
        check(b"<?xml version='1.0'?><svg/>", None);
        check(b"  <script>", None);
        check(b"#!/bin/sh\nrm -rf /", None);
        check(b"MZ\x90\0\x03\0\0\0", None);
        check(b"\x7fELF\x02\x01\x01\0", None);
        check(b"\0asm\x01\0\0\0", None);
        check(b"\0\0\0\0", None);
        check(b"\x01\x02\x03", None);
        check(b"", None);
        check(b"   \n", None);
    }

    #[test]
    fn every_kind_has_a_usual_ending_and_every_image_that_is_shown_is_a_kind() {
        assert!(KINDS.iter().all(|(_, kind)| !kind.extensions.is_empty()));
        assert!(SHOWN.iter().all(|mime| KINDS.iter().any(|(_, kind)| kind.mime == *mime)));
    }
}
