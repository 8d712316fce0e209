//! Letters that have no place in a short text that somebody else is to read and believe.

/// Returns whether a letter makes a line look like something else: a control character, the end of a line, or a turn of direction
/// that reaches beyond the text.
///
/// Marks of direction that many names need (U+200E, U+200F, U+200C) do not.
pub(crate) fn misleads(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_makes_a_line_look_like_another_misleads() {
        for letter in ['\n', '\0', '\u{85}', '\u{2028}', '\u{202e}', '\u{2066}', '\u{2069}'] {
            assert!(misleads(letter), "{letter:?}");
        }
        for letter in ['a', 'ä', 'م', '✓', ' ', '\u{200c}', '\u{200f}', '\u{feff}'] {
            assert!(!misleads(letter), "{letter:?}");
        }
    }
}
