//! Delays that grow, and the only source of chance in a client.

use mutants::Mutant;

use crate::{Jitter, Reconnect};

/// No drawn delay is shorter, in ms.
const FLOOR_MS: u64 = 250;

/// SplitMix64: one seed replays a run.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Draws evenly from 0 to `bound`, both included.
    pub(crate) fn up_to(&mut self, bound: u64) -> u64 {
        if mutants::planted(Mutant::ClientNoJitter) {
            return bound;
        }
        match bound.checked_add(1) {
            Some(n) => self.next() % n,
            None => self.next(),
        }
    }
}

/// Exponential backoff with full jitter above a floor.
#[derive(Clone, Debug, Default)]
pub(crate) struct Backoff {
    bound_ms: Option<u64>,
}

impl Backoff {
    /// Returns the next delay in ms.
    pub(crate) fn next(&mut self, config: &Reconnect, rng: &mut Rng) -> u64 {
        let bound = self.bound_ms.unwrap_or(config.initial_delay_ms).min(config.max_delay_ms);
        self.bound_ms = Some((bound.saturating_mul(config.multiplier_percent) / 100).min(config.max_delay_ms));
        match config.jitter {
            Jitter::Full => {
                let floor = bound.min(FLOOR_MS);
                floor + rng.up_to(bound - floor)
            }
            Jitter::None => bound,
        }
    }

    pub(crate) fn reset(&mut self) {
        self.bound_ms = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Side};
    use protocol::Secret;

    fn reconnect(jitter: Jitter) -> Reconnect {
        let side = Side::Operator { dialog_id: 1 };
        Reconnect { jitter, ..Config::new(side, Secret::new("")).reconnect }
    }

    #[test]
    fn delays_grow_by_half_up_to_the_longest_one() {
        let (mut backoff, mut rng) = (Backoff::default(), Rng::new(1));
        let config = reconnect(Jitter::None);
        let delays: Vec<u64> = (0..10).map(|_| backoff.next(&config, &mut rng)).collect();
        assert_eq!(delays, [1000, 1500, 2250, 3375, 5062, 7593, 11389, 17083, 25624, 30000]);
        backoff.reset();
        assert_eq!(backoff.next(&config, &mut rng), 1000);
    }

    #[test]
    fn jitter_spreads_a_herd_over_the_whole_bound() {
        let config = reconnect(Jitter::Full);
        let mut buckets = [0u32; 10];
        for seed in 0..10_000 {
            let mut rng = Rng::new(seed);
            let delay = Backoff::default().next(&config, &mut rng);
            assert!((250..=1000).contains(&delay));
            buckets[usize::try_from((delay - 250) / 76).expect("small")] += 1;
        }
        assert!(buckets.iter().all(|n| (700..1300).contains(n)), "{buckets:?}");
    }
}
