//! What is drawn from the system's random source.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use protocol::Secret;

/// The system has no randomness to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RandomError;

impl fmt::Display for RandomError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the system's random source does not answer")
    }
}

impl std::error::Error for RandomError {}

/// Fills an array.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], RandomError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| RandomError)?;
    Ok(bytes)
}

/// Draws 64 bits, such as a session is seeded with.
///
/// # Errors
/// When the system has none.
pub fn seed() -> Result<u64, RandomError> {
    bytes().map(u64::from_le_bytes)
}

/// Draws the epoch of a log: 1 to 2^53 − 1, so that every JSON reader keeps it exact.
///
/// # Errors
/// When the system has no randomness.
pub fn epoch() -> Result<u64, RandomError> {
    seed().map(|bits| (bits >> 11).max(1))
}

/// Draws the token of a new site: `st_` and 96 bits.
///
/// # Errors
/// When the system has no randomness.
pub fn site_token() -> Result<String, RandomError> {
    Ok(format!("st_{}", BASE64_URL_SAFE_NO_PAD.encode(bytes::<12>()?)))
}

/// Draws a password of 20 characters that are hard to mistake for each other, about 100 bits, in groups of five.
///
/// # Errors
/// When the system has no randomness.
pub fn password() -> Result<String, RandomError> {
    // 32 characters, so that five bits of a byte choose one evenly.
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut password = String::with_capacity(23);
    for (place, byte) in bytes::<20>()?.into_iter().enumerate() {
        if place > 0 && place % 5 == 0 {
            password.push('-');
        }
        password.push(char::from(LETTERS[usize::from(byte % 32)]));
    }
    Ok(password)
}

/// Draws what a site signs its visitors' tokens with: `is_` and 256 bits.
///
/// # Errors
/// When the system has no randomness.
pub fn identity_secret() -> Result<Secret, RandomError> {
    Ok(Secret::new(format!("is_{}", BASE64_URL_SAFE_NO_PAD.encode(bytes::<32>()?))))
}
