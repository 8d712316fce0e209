//! Names of messages: UUIDv7, so that their order is the order of writing.

use protocol::limits;

use crate::backoff::Rng;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Makes ids that grow, even when the wall clock goes back.
#[derive(Clone, Debug, Default)]
pub(crate) struct MessageIds {
    last_ms: u64,
    count: u64,
}

impl MessageIds {
    /// Returns the next id.
    pub(crate) fn next(&mut self, wall: u64, rng: &mut Rng) -> String {
        if wall > self.last_ms {
            self.last_ms = wall;
            self.count = rng.up_to(0x3ff);
        } else if self.count < 0xfff {
            self.count += 1;
        } else {
            self.last_ms += 1;
            self.count = 0;
        }
        let high = (self.last_ms & 0xffff_ffff_ffff) << 16 | 0x7000 | self.count;
        let low = rng.next() >> 2 | 1 << 63;
        let mut id = String::with_capacity(36);
        push_hex(&mut id, high, 64, 32);
        id.push('-');
        push_hex(&mut id, high, 32, 16);
        id.push('-');
        push_hex(&mut id, high, 16, 0);
        id.push('-');
        push_hex(&mut id, low, 64, 48);
        id.push('-');
        push_hex(&mut id, low, 48, 0);
        id
    }

    /// Learns an id that an earlier page made, so that later ones come after it.
    pub(crate) fn witness(&mut self, id: &str) {
        let ms = millis(id);
        if ms >= self.last_ms {
            self.last_ms = ms;
            self.count = 0xfff;
        }
    }
}

/// Appends bits `from` (excluded) down to `to` as hexadecimal digits.
pub(crate) fn push_hex(out: &mut String, value: u64, from: u32, to: u32) {
    let mut shift = from;
    while shift > to {
        shift -= 4;
        out.push(char::from(HEX[(value >> shift & 15) as usize]));
    }
}

/// Says whether a message with this id is too old at `now`, ms since 1970, to be sent without being asked.
pub fn is_unsendable(id: &str, now: u64) -> bool {
    now.saturating_sub(millis(id)) > limits::OUTBOX_MS
}

/// Returns when an id was made, ms since 1970; 0 for a text that is no UUIDv7.
pub(crate) fn millis(id: &str) -> u64 {
    let mut ms = 0;
    for letter in id.bytes().filter(|letter| *letter != b'-').take(12) {
        match char::from(letter).to_digit(16) {
            Some(digit) => ms = ms << 4 | u64::from(digit),
            None => return 0,
        }
    }
    ms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_uuid_v7_and_grow_through_clock_jumps_and_reloads() {
        let (mut ids, mut rng) = (MessageIds::default(), Rng::new(7));
        let clock = [1_800_000_000_000, 1_800_000_000_000, 1_700_000_000_000, 1_800_000_000_001, 1_800_000_000_000];
        let mut last = String::new();
        for wall in clock.into_iter().cycle().take(10_000) {
            let id = ids.next(wall, &mut rng);
            assert!(id > last, "{id} after {last}");
            assert_eq!(id.len(), 36);
            assert_eq!(&id[14..15], "7");
            assert!(matches!(&id[19..20], "8" | "9" | "a" | "b"));
            last = id;
        }
        let mut reloaded = MessageIds::default();
        reloaded.witness(&last);
        assert!(reloaded.next(0, &mut rng) > last);
        assert!(millis(&last) >= 1_800_000_000_000);
        assert_eq!(millis("welcome"), 0);
    }
}
