//! The visitor's secret, of which the server keeps a hash only.

use std::fmt;

use server_core::access::KeyHash;
use sha2::{Digest, Sha256};

/// What every visitor key begins with.
const PREFIX: &str = "vk_";

/// Characters after the prefix: 128 bits in base64url at least.
const CHARS: std::ops::RangeInclusive<usize> = 22..=125;

/// The text is not a visitor key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidKey;

impl fmt::Display for InvalidKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a visitor key is vk_ and 22 to 125 characters of base64url")
    }
}

impl std::error::Error for InvalidKey {}

/// Returns the hash under which a visitor's dialog is kept.
///
/// The key has at least 128 random bits, so a plain hash cannot be reversed by guessing.
///
/// # Errors
/// [`InvalidKey`] for anything that a widget would not have made.
pub fn hash_visitor_key(key: &str) -> Result<KeyHash, InvalidKey> {
    let random = key.strip_prefix(PREFIX).ok_or(InvalidKey)?;
    let base64url = random.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if !CHARS.contains(&random.len()) || !base64url {
        return Err(InvalidKey);
    }
    Ok(Sha256::digest(key.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_with_enough_random_bits_are_taken() {
        let rows = [
            ("vk_0123456789abcdefghijAB", true),
            ("vk_0123456789abcdefghij-_", true),
            ("vk_0123456789abcdefghijA", false),
            ("VK_0123456789abcdefghijAB", false),
            ("0123456789abcdefghijABCDEF", false),
            ("vk_0123456789abcdefghijA=", false),
            ("vk_0123456789abcdefghij A", false),
            ("vk_' OR '1'='1' OR '1'='1", false),
            ("", false),
            (&format!("vk_{}", "a".repeat(125)), true),
            (&format!("vk_{}", "a".repeat(126)), false),
        ];
        for (key, taken) in rows {
            assert_eq!(hash_visitor_key(key).is_ok(), taken, "{key:?}");
        }
    }

    #[test]
    fn different_keys_have_different_hashes() {
        let one = hash_visitor_key("vk_0123456789abcdefghijAB");
        assert_eq!(one, hash_visitor_key("vk_0123456789abcdefghijAB"));
        assert_ne!(one, hash_visitor_key("vk_0123456789abcdefghijAC"));
    }
}
