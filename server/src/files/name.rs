//! The names of files: what people see, and what a browser saves under.

use std::fmt::Write;

use super::kind::Kind;

/// Characters in a name.
const MOST_CHARS: usize = 120;

/// Returns a name that can be shown and saved under: no folders, no control characters, nothing that turns its end around,
/// and an ending that fits what the file is.
fn clean(given: &str, extensions: &[&str]) -> String {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept: String = last.chars().filter(|letter| !is_unwanted(*letter)).collect();
    let is_edge = |letter: char| letter.is_whitespace() || letter == '.';
    let kept = kept.trim_matches(is_edge);
    let usual = extensions.first().copied().unwrap_or("bin");
    let (stem, ending) = match kept.rsplit_once('.') {
        Some((stem, ending)) if extensions.iter().any(|known| known.eq_ignore_ascii_case(ending)) => (stem, ending),
        // Another ending stays in sight, and is no longer the one that counts.
        Some(_) | None => (kept, usual),
    };
    let stem: String = stem.chars().take(MOST_CHARS - ending.len() - 1).collect();
    let stem = if stem.trim().is_empty() { "file" } else { stem.trim_end_matches(is_edge) };
    format!("{stem}.{ending}")
}

/// The name of a file, as [`clean`] does it for a kind.
pub(super) fn of_kind(given: &str, kind: Kind) -> String {
    clean(given, kind.extensions)
}

fn is_unwanted(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '"' | '<' | '>' | ':' | '|' | '?' | '*')
        // Marks of direction, ends of lines, and what cannot be seen: `photo\u{202e}gnp.exe` looks like a picture.
        || matches!(letter, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// Returns the `Content-Disposition` for a name (RFC 6266): ASCII for old readers, then the name itself (RFC 8187).
pub(crate) fn disposition(name: &str, is_inline: bool) -> String {
    let ascii: String = name.chars().map(|letter| if is_plain(letter) { letter } else { '_' }).collect();
    let mut header = format!("{}; filename=\"{ascii}\"", if is_inline { "inline" } else { "attachment" });
    if ascii != name {
        header.push_str("; filename*=UTF-8''");
        for byte in name.bytes() {
            if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
                header.push(char::from(byte));
            } else {
                let _written = write!(header, "%{byte:02X}");
            }
        }
    }
    header
}

fn is_plain(letter: char) -> bool {
    letter.is_ascii_graphic() && !matches!(letter, '"' | '\\' | '%') || letter == ' '
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_name_and_ends_as_the_file_is() {
        let rows = [
            ("photo.png", "photo.png"),
            ("Photo.PNG", "Photo.PNG"),
            ("../../etc/passwd", "passwd.png"),
            ("..\\..\\windows\\evil.exe", "evil.exe.png"),
            ("/etc/passwd\0.png", "passwd.png"),
            ("a\r\nSet-Cookie: x=1.png", "aSet-Cookie x=1.png"),
            ("photo\u{202e}gnp.exe", "photognp.exe.png"),
            ("photo\u{61c}.png", "photo.png"),
            ("photo\u{3000}\u{a0}.png", "photo.png"),
            ("one line\u{2028}and another.png", "one lineand another.png"),
            ("", "file.png"),
            ("...", "file.png"),
            (".png", "png.png"),
            ("  .  ", "file.png"),
            ("Übersicht für José.png", "Übersicht für José.png"),
            ("\"quoted\".png", "quoted.png"),
        ];
        for (given, expected) in rows {
            assert_eq!(clean(given, &["png"]), expected, "{given:?}");
        }
        assert_eq!(clean(&"ä".repeat(500), &["png"]).chars().count(), MOST_CHARS);
    }

    #[test]
    fn a_header_holds_any_name() {
        assert_eq!(disposition("a b.png", true), "inline; filename=\"a b.png\"");
        assert_eq!(
            disposition("Über \"1\".pdf", false),
            "attachment; filename=\"_ber _1_.pdf\"; filename*=UTF-8''%C3%9Cber%20%221%22.pdf"
        );
        assert!(disposition("a\r\nb\\%", false).is_ascii());
        assert!(!disposition("a\r\nb\\%", false).contains(['\r', '\n', '\\']));
    }
}
