//! What an id that a client made may be.

use protocol::{WELCOME_ID, code, limits};

use crate::Refusal;

/// Checks the id of a message or of a client.
///
/// # Errors
/// `invalid_id`, also for the id that only the server itself gives: `welcome`.
pub fn check(id: &str) -> Result<(), Refusal> {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    if id.is_empty() || id.len() > limits::ID_BYTES || id == WELCOME_ID || !id.bytes().all(letter) {
        return Err(Refusal::terminal(
            code::INVALID_ID,
            "an id has 1 to 64 letters, digits or -_.: and is not `welcome`",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_short_words_and_never_the_servers_own() {
        let rows = [
            ("a", true),
            ("0190b3c4-7d2e-7abc-8def-0123456789ab", true),
            ("A_b.c:9-", true),
            (&"x".repeat(64), true),
            (&"x".repeat(65), false),
            ("", false),
            ("welcome", false),
            ("a b", false),
            ("a\n", false),
            ("ä", false),
            ("<script>", false),
            ("' OR 1=1 --", false),
        ];
        for (id, taken) in rows {
            assert_eq!(check(id).is_ok(), taken, "{id:?}");
        }
    }
}
