//! What a message's text may be.

use protocol::{code, limits};

use crate::{Refusal, id};

/// Checks that a text has something in it and not too much.
///
/// # Errors
/// `empty_text` or `text_too_long`.
pub fn check(text: &str) -> Result<(), Refusal> {
    if text.trim().is_empty() {
        return Err(Refusal::terminal(
            code::EMPTY_TEXT,
            "a message needs at least one character that is not white space",
        ));
    }
    let most = limits::TEXT_CHARS as usize;
    // A text of so many bytes cannot have more characters: the count is needed for long ones only.
    if text.len() > most && text.chars().count() > most {
        return Err(Refusal::terminal(code::TEXT_TOO_LONG, "a message has at most 10,000 characters"));
    }
    Ok(())
}

/// Checks the text of a message that may bring a file: then there need be no text.
///
/// # Errors
/// `empty_text`, `text_too_long` or `invalid_id`.
pub fn check_with(text: &str, file: Option<&str>) -> Result<(), Refusal> {
    match file {
        Some(file) => {
            id::check(file)?;
            if text.is_empty() { Ok(()) } else { check(text) }
        }
        None => check(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_code(text: &str, expected: Option<&str>) {
        assert_eq!(check(text).err().map(|refusal| refusal.code), expected, "{} bytes", text.len());
    }

    #[test]
    fn texts_of_one_to_ten_thousand_characters_are_taken() {
        check_code("", Some(code::EMPTY_TEXT));
        check_code(" \n\t\u{a0}", Some(code::EMPTY_TEXT));
        check_code("a", None);
        check_code("🙂", None);
        check_code("'; DROP TABLE messages; --", None);
        check_code(&"a".repeat(10_000), None);
        check_code(&"🙂".repeat(10_000), None);
        check_code(&"a".repeat(10_001), Some(code::TEXT_TOO_LONG));
        check_code(&"ä".repeat(40_000), Some(code::TEXT_TOO_LONG));
    }
}
