//! A token bucket.

use mutants::Mutant;

use crate::Millis;

/// One token, in the thousandths that the bucket counts.
const TOKEN: u64 = 1_000;

/// A token bucket: so many at once, then so many a second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Thousandths of a token.
    level: u64,
    burst: u32,
    per_s: u32,
    filled_at: Millis,
}

impl Bucket {
    /// Makes a full bucket.
    pub const fn new(burst: u32, per_s: u32, now: Millis) -> Self {
        Self { level: burst as u64 * TOKEN, burst, per_s, filled_at: now }
    }

    /// Takes one token at the monotonic moment `now`.
    ///
    /// # Errors
    /// The milliseconds after which there is one.
    pub fn take(&mut self, now: Millis) -> Result<(), u32> {
        self.take_many(1, now)
    }

    /// Takes so many tokens at the monotonic moment `now`, all or none.
    ///
    /// # Errors
    /// The milliseconds after which there are as many.
    pub fn take_many(&mut self, tokens: u32, now: Millis) -> Result<(), u32> {
        let cost = u64::from(tokens) * TOKEN;
        // A rate of 1 a second fills one thousandth in a millisecond. A clock that runs backwards fills nothing.
        let filled = now.saturating_sub(self.filled_at).saturating_mul(u64::from(self.per_s));
        self.level = self.level.saturating_add(filled).min(u64::from(self.burst) * TOKEN);
        self.filled_at = now;
        if mutants::planted(Mutant::NoRateLimit) {
            return Ok(());
        }
        if self.level >= cost {
            self.level -= cost;
            return Ok(());
        }
        let missing = cost - self.level;
        Err(u32::try_from(missing.div_ceil(u64::from(self.per_s.max(1)))).unwrap_or(u32::MAX))
    }

    /// Returns whether nothing was taken lately, so that forgetting the bucket changes nothing.
    pub fn is_full(&self, now: Millis) -> bool {
        let filled = now.saturating_sub(self.filled_at).saturating_mul(u64::from(self.per_s));
        self.level.saturating_add(filled) >= u64::from(self.burst) * TOKEN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_taken_and_then_so_many_a_second() {
        let mut bucket = Bucket::new(3, 10, 1_000);
        for _ in 0..3 {
            assert_eq!(bucket.take(1_000), Ok(()));
        }
        assert_eq!(bucket.take(1_000), Err(100));
        assert_eq!(bucket.take(1_099), Err(1));
        assert_eq!(bucket.take(1_100), Ok(()));
        assert_eq!(bucket.take(1_100), Err(100));
        assert!(!bucket.is_full(1_200));
        assert!(bucket.is_full(1_400));
        // A long rest gives the burst and no more; a clock that runs backwards gives nothing.
        for _ in 0..3 {
            assert_eq!(bucket.take(3_600_000), Ok(()));
        }
        assert_eq!(bucket.take(0), Err(100));
    }
}
