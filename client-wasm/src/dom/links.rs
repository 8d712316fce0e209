//! Finds what can be clicked in a text.

/// A piece of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// As it is.
    Text(&'a str),
    /// An address with one of [`SCHEMES`].
    Link(&'a str),
}

/// Nothing else becomes a link, whatever it looks like.
const SCHEMES: [&str; 3] = ["https://", "http://", "mailto:"];

/// Cuts a text into pieces that make it up again.
pub(crate) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((start, end)) = next_link(rest) {
        let (before, link) = (&rest[..start], &rest[start..end]);
        if !before.is_empty() {
            pieces.push(Piece::Text(before));
        }
        pieces.push(Piece::Link(link));
        rest = &rest[end..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    pieces
}

/// Returns where the first link begins and ends.
fn next_link(text: &str) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut start = 0;
    while start < bytes.len() {
        let rest = &bytes[start..];
        let glued = start > 0 && bytes[start - 1].is_ascii_alphanumeric();
        let scheme = SCHEMES.iter().find(|scheme| starts_with(rest, scheme.as_bytes()));
        if let (false, Some(scheme)) = (glued, scheme) {
            let end = start + length(rest);
            if end > start + scheme.len() {
                return Some((start, end));
            }
        }
        start += 1;
    }
    None
}

fn starts_with(bytes: &[u8], start: &[u8]) -> bool {
    bytes.len() >= start.len() && bytes[..start.len()].eq_ignore_ascii_case(start)
}

/// Returns how long the link is: up to a blank, a quote or a bracket, without the punctuation of the sentence around it.
fn length(bytes: &[u8]) -> usize {
    let stops = |byte: &u8| byte.is_ascii_whitespace() || b"<>\"`".contains(byte);
    let mut end = bytes.iter().position(stops).unwrap_or(bytes.len());
    while end > 0 {
        let last = bytes[end - 1];
        // A bracket stays when it was opened within the link.
        let closes = last == b')' && !bytes[..end].contains(&b'(');
        if !closes && !b".,;:!?'*]}".contains(&last) {
            break;
        }
        end -= 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let found = pieces(text);
        let links: Vec<&str> =
            found.iter().filter_map(|piece| if let Piece::Link(link) = piece { Some(*link) } else { None }).collect();
        assert_eq!(links, expected, "{text}");
        let all: String = found
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) | Piece::Link(text) => *text,
            })
            .collect();
        assert_eq!(all, text);
    }

    #[test]
    fn links_are_found_and_nothing_else_is() {
        check("", &[]);
        check("no link", &[]);
        check("see https://example.com/a?b=c#d.", &["https://example.com/a?b=c#d"]);
        check("(https://example.com)", &["https://example.com"]);
        check(
            "https://en.wikipedia.org/wiki/A_(b), http://x.y!",
            &["https://en.wikipedia.org/wiki/A_(b)", "http://x.y"],
        );
        check("HTTPS://EXAMPLE.COM", &["HTTPS://EXAMPLE.COM"]);
        check("mailto:a@b.c\nhttp://ü.example/ß", &["mailto:a@b.c", "http://ü.example/ß"]);
        check("javascript:alert(1) data:text/html,x vbscript:x", &[]);
        check("javascript:https://a.b", &["https://a.b"]);
        check("xhttps://a.b https:// mailto:", &[]);
        check("<a href=\"https://a.b\">", &["https://a.b"]);
        check("https://...", &[]);
    }
}
