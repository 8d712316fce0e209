//! The seed of a client, and the key of a visitor.

use crate::browser::fill_random;

const KEY_BYTES: usize = 18;
const BASE64URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Draws a seed.
pub(crate) fn seed() -> u64 {
    let mut bytes = [0; 8];
    fill_random(&mut bytes);
    u64::from_le_bytes(bytes)
}

/// Draws the secret of a new visitor: `vk_` and 144 bits in base64url.
pub(crate) fn visitor_key() -> String {
    let mut bytes = [0; KEY_BYTES];
    fill_random(&mut bytes);
    key_of(&bytes)
}

fn key_of(bytes: &[u8; KEY_BYTES]) -> String {
    let mut key = String::from("vk_");
    for three in bytes.chunks_exact(3) {
        let word = three.iter().fold(0u32, |word, &byte| word << 8 | u32::from(byte));
        for shift in &[18, 12, 6, 0] {
            key.push(char::from(BASE64URL[(word >> shift & 63) as usize]));
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_base64url_of_its_bytes() {
        let mut bytes = [0; KEY_BYTES];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = 255 - 13 * at as u8;
        }
        assert_eq!(key_of(&bytes), "vk___Ll2Mu-saSXin1wY1ZJPC8i");
        assert_eq!(key_of(&[0; KEY_BYTES]), "vk_AAAAAAAAAAAAAAAAAAAAAAAA");
    }
}
