//! Names and kinds of files: one name, no path, nothing that looks like another ending, and nothing shown that could run.

use server::probe::{Named, named};

/// Says whether bytes begin as those of a kind of images do.
type Begins = fn(&[u8]) -> bool;

/// Characters in a name.
const MOST_CHARS: usize = 120;
/// The first bytes of the images that are shown where they stand.
const IMAGES: [(&str, Begins); 5] = [
    ("image/png", |head| head.starts_with(b"\x89PNG")),
    ("image/jpeg", |head| head.starts_with(b"\xff\xd8\xff")),
    ("image/gif", |head| head.starts_with(b"GIF")),
    ("image/webp", |head| head.get(8..12) == Some(b"WEBP")),
    ("image/avif", |head| head.get(4..8) == Some(b"ftyp")),
];
/// What a browser runs or draws with scripts in it, whatever else is said of it.
const SCRIPTABLE: [&str; 6] = ["html", "xml", "svg", "script", "xhtml", "wasm"];

/// Reads bytes as the beginning of a file (its length first) and the name that its sender gives.
pub fn probe(bytes: &[u8]) {
    let Some((length, bytes)) = bytes.split_first() else { return };
    let (head, given) = bytes.split_at(usize::from(*length).min(bytes.len()));
    let given = String::from_utf8_lossy(given);
    check(&given, head);
    // The same name for what is taken, whatever the rest.
    check(&given, b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
    check(&given, b"PK\x03\x04\x14\0\0\0");
    check(&given, b"plain text");
}

/// Judges and names a file.
///
/// # Panics
/// Something does not hold.
pub fn check(given: &str, head: &[u8]) {
    let Some(file) = named(given, head) else { return };
    check_name(given, &file);
    check_disposition(&file);
    check_kind(&file, head);
    let again = named(&file.name, head);
    assert_eq!(again.as_ref(), Some(&file), "what has become of {given:?} is not what becomes of that");
}

fn check_name(given: &str, Named { name, extensions, .. }: &Named) {
    let length = name.chars().count();
    assert!((3..=MOST_CHARS).contains(&length), "{length} letters: {name:?}");
    let (stem, ending) = name.rsplit_once('.').expect("it has an ending");
    assert!(extensions.iter().any(|known| known.eq_ignore_ascii_case(ending)), "{name:?} is none of {extensions:?}");
    assert!(!stem.trim().is_empty() && stem == stem.trim() && !stem.starts_with('.'), "{name:?} of {given:?}");
    if let Some(wrong) = name.chars().find(|letter| is_unwanted(*letter)) {
        panic!("{wrong:?} in {name:?}");
    }
}

/// No path on any system, no control, no end of a line, and none of the marks of direction (Unicode's `Bidi_Control`).
fn is_unwanted(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|')
        || matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(letter, '\u{2028}' | '\u{2029}')
}

/// The header is one line of ASCII, and an honest reader gets the name out of it.
fn check_disposition(Named { name, disposition, is_inline, .. }: &Named) {
    assert!(disposition.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{disposition}");
    let rest = disposition.strip_prefix(if *is_inline { "inline; " } else { "attachment; " }).expect("it says how");
    let quoted = rest.strip_prefix("filename=\"").expect("it has a name");
    let (plain, rest) = quoted.split_once('"').expect("it ends");
    assert!(!plain.contains(['\\', '%']), "{disposition}");
    let read = match rest.strip_prefix("; filename*=UTF-8''") {
        Some(escaped) => {
            assert!(!escaped.contains([' ', '"', ';', '\'', ',', '(', ')', '\\']), "{disposition}");
            unescape(escaped)
        }
        None => {
            assert_eq!(rest, "", "{disposition}");
            plain.to_owned()
        }
    };
    assert_eq!(read, *name, "{disposition}");
}

fn unescape(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.bytes());
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next().expect("two digits"), rest.next().expect("two digits")];
            let digits = std::str::from_utf8(&digits).expect("ASCII");
            bytes.push(u8::from_str_radix(digits, 16).expect("hexadecimal digits"));
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).expect("UTF-8")
}

/// By the bytes alone: only images are shown, and nothing that could run is taken for anything.
fn check_kind(Named { mime, is_inline, .. }: &Named, head: &[u8]) {
    assert!(!SCRIPTABLE.iter().any(|word| mime.contains(word) && !mime.contains("openxmlformats")), "{mime}");
    if *is_inline {
        let known = IMAGES.iter().find(|(image, _)| image == mime);
        let (_, begins) = known.unwrap_or_else(|| panic!("{mime} is shown where it stands"));
        assert!(begins(head), "{mime} begins with {head:?}");
    }
    if *mime == "text/plain" {
        let text = String::from_utf8_lossy(head);
        let begins = text.trim_start_matches(['\u{feff}']).trim_start();
        assert!(!begins.starts_with('<') && !begins.starts_with("#!"), "{text:?} is taken for a text");
        assert!(!head.contains(&0) && !head.contains(&0x1b), "{text:?} is taken for a text");
    }
    // Whatever the name says: it is not asked.
    assert_eq!(named("a.html", head).map(|file| file.mime), Some(*mime));
}
