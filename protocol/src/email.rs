//! E-mail addresses, as far as they can be judged without writing to them.

/// The longest address, in bytes.
const MOST_BYTES: usize = 254;
/// The longest part before the `@`, in bytes.
const MOST_LOCAL_BYTES: usize = 64;

/// Returns whether somebody can have this address: `name@domain.tld`, in any script, without white space and without what
/// would end it in a list or a header.
pub fn is_plausible(address: &str) -> bool {
    // By bytes: to look for letters takes a kilobyte of a page's download.
    let Some(at) = address.bytes().position(|byte| byte == b'@') else { return false };
    let (local, domain) = (&address[..at], &address[at + 1..]);
    let is_special = |letter: char| u8::try_from(letter).is_ok_and(|byte| b"@<>()[],;:\\\"".contains(&byte));
    let is_plain = |letter: char| !letter.is_control() && !letter.is_whitespace() && !is_special(letter);
    let is_dotted = |part: &str| part.as_bytes().split(|byte| *byte == b'.').all(|label| !label.is_empty());
    address.len() <= MOST_BYTES
        && local.len() <= MOST_LOCAL_BYTES
        && local.chars().all(is_plain)
        && domain.chars().all(is_plain)
        && is_dotted(local)
        && is_dotted(domain)
        && domain.as_bytes().contains(&b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_what_cannot_be_one() {
        let rows = [
            ("ann@shop.example", true),
            ("ann.lee+chat@mail.shop.example", true),
            ("o'neil_9%@x-y.co", true),
            ("имя@почта.рф", true),
            ("", false),
            ("ann", false),
            ("ann@", false),
            ("@shop.example", false),
            ("ann@shop", false),
            ("ann@shop.", false),
            ("ann@.example", false),
            ("ann@shop..example", false),
            (".ann@shop.example", false),
            ("ann@@shop.example", false),
            ("ann@shop.example, bob@shop.example", false),
            ("Ann <ann@shop.example>", false),
            ("ann@shop.example\r\nBcc: all@shop.example", false),
            ("ann lee@shop.example", false),
            ("ann@shop.example\u{0}", false),
            (&format!("{}@shop.example", "x".repeat(65)), false),
            (&format!("ann@{}.example", "x".repeat(250)), false),
        ];
        for (address, plausible) in rows {
            assert_eq!(is_plausible(address), plausible, "{address:?}");
        }
    }
}
