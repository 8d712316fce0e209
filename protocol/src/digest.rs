//! The rolling hash of a dialog's log: two sides that have the same events in the same order have the same number.
//!
//! It is no secret and no proof against a forger; it finds what was lost, doubled, swapped or altered by mistake.

use crate::AuthorKind;

/// The hash of a log without events.
pub const EMPTY: u64 = 0;

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

/// Returns the hash of a log that goes on with one more event.
///
/// `before` is the hash of all events before it. A message has its `id` and its `text`; another event has no id, and its
/// `change` in the place of the text. The result is below 2^53, so that every JSON reader keeps it whole.
pub fn next(before: u64, seq: u64, id: &str, author: AuthorKind, text: &str) -> u64 {
    let mut hash = OFFSET;
    let mut feed = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(PRIME);
        }
    };
    feed(&before.to_le_bytes());
    feed(&seq.to_le_bytes());
    feed(&[letter(author)]);
    feed(id.as_bytes());
    // Not in any UTF-8: what stands before it and after it cannot run together.
    feed(&[0xff]);
    feed(text.as_bytes());
    hash >> 11
}

/// The first letter of the word on the wire.
const fn letter(author: AuthorKind) -> u8 {
    match author {
        AuthorKind::Visitor => b'v',
        AuthorKind::Operator => b'o',
        AuthorKind::Assistant => b'a',
        AuthorKind::System => b's',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: [(&str, AuthorKind, &str); 4] = [
        ("welcome", AuthorKind::System, "Hello! How can we help?"),
        ("m-1", AuthorKind::Visitor, "Так и есть 🙂"),
        ("", AuthorKind::Operator, "assigned"),
        ("m-2", AuthorKind::Operator, ""),
    ];

    fn hash(log: &[(&str, AuthorKind, &str)]) -> u64 {
        log.iter().zip(1..).fold(EMPTY, |hash, ((id, author, text), seq)| next(hash, seq, id, *author, text))
    }

    /// Both sides of every link in the field have these numbers: they never change.
    #[test]
    fn the_numbers_are_those_that_were_promised() {
        let hashes: Vec<u64> = (0..=LOG.len()).map(|events| hash(&LOG[..events])).collect();
        assert_eq!(
            hashes,
            [0, 5_498_181_199_341_144, 7_659_437_836_913_128, 2_220_722_307_589_660, 4_577_506_264_367_449]
        );
    }

    #[test]
    fn whatever_is_lost_doubled_swapped_or_altered_is_seen() {
        let whole = hash(&LOG);
        for place in 0..LOG.len() {
            let mut log = LOG.to_vec();
            log.remove(place);
            assert_ne!(hash(&log), whole, "lost {place}");
            log.insert(place, LOG[place]);
            log.insert(place, LOG[place]);
            assert_ne!(hash(&log), whole, "doubled {place}");
            let mut log = LOG.to_vec();
            log.swap(place, (place + 1) % LOG.len());
            assert_ne!(hash(&log), whole, "swapped {place}");
            for altered in [("x", LOG[place].1, LOG[place].2), (LOG[place].0, AuthorKind::Assistant, LOG[place].2)] {
                let mut log = LOG.to_vec();
                log[place] = altered;
                assert_ne!(hash(&log), whole, "altered {place}");
            }
        }
    }

    #[test]
    fn the_end_of_an_id_is_not_the_beginning_of_a_text() {
        assert_ne!(next(1, 1, "ab", AuthorKind::Visitor, "c"), next(1, 1, "a", AuthorKind::Visitor, "bc"));
    }

    #[test]
    fn every_hash_is_below_two_to_the_power_of_53() {
        let mut hash = EMPTY;
        for seq in 1..10_000 {
            hash = next(hash, seq, "id", AuthorKind::Visitor, "text");
            assert!(hash < 1 << 53);
        }
    }
}
