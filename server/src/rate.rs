//! Token buckets by key, for callers that come without a connection of their own.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use server_core::Millis;
use server_core::rate::Bucket;

/// Buckets that are kept before full ones are forgotten, where nothing else is said.
const KEPT: usize = 10_000;
/// Where none could be forgotten, it is not tried again for so long.
const SWEEP_MS: Millis = 100;

/// One bucket for each key.
#[derive(Debug)]
pub(crate) struct Buckets<K> {
    burst: u32,
    per_s: u32,
    kept: usize,
    buckets: Mutex<Kept<K>>,
}

#[derive(Debug)]
struct Kept<K> {
    by_key: HashMap<K, Bucket>,
    sweep_at: Millis,
}

impl<K: Eq + Hash> Buckets<K> {
    pub(crate) fn new(burst: u32, per_s: u32) -> Self {
        Self::bounded(KEPT, burst, per_s)
    }

    /// Makes buckets for at most so many keys that are in use at the same time.
    pub(crate) fn bounded(kept: usize, burst: u32, per_s: u32) -> Self {
        Self { burst, per_s, kept, buckets: Mutex::new(Kept { by_key: HashMap::new(), sweep_at: 0 }) }
    }

    /// Takes one token of this key at the monotonic moment `now`.
    ///
    /// # Errors
    /// The milliseconds after which there is one.
    pub(crate) fn take(&self, key: K, now: Millis) -> Result<(), u32> {
        self.take_many(key, 1, now)
    }

    /// Takes so many tokens of this key at the monotonic moment `now`, all or none.
    ///
    /// # Errors
    /// The milliseconds after which there are as many.
    pub(crate) fn take_many(&self, key: K, tokens: u32, now: Millis) -> Result<(), u32> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.by_key.len() >= self.kept && !buckets.by_key.contains_key(&key) {
            if now >= buckets.sweep_at {
                buckets.by_key.retain(|_, bucket| !bucket.is_full(now));
            }
            if buckets.by_key.len() >= self.kept {
                buckets.sweep_at = buckets.sweep_at.max(now + SWEEP_MS);
                // So many in use at once is an attack: nobody new is served until some are full again.
                return Err(1_000);
            }
        }
        buckets.by_key.entry(key).or_insert_with(|| Bucket::new(self.burst, self.per_s, now)).take_many(tokens, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_its_own_bucket_and_full_ones_are_forgotten() {
        let buckets = Buckets::new(1, 1);
        assert_eq!(buckets.take(1, 0), Ok(()));
        assert_eq!(buckets.take(1, 0), Err(1_000));
        assert_eq!(buckets.take(2, 0), Ok(()));
        for key in 3..=KEPT {
            assert_eq!(buckets.take(key, 0), Ok(()));
        }
        assert!(buckets.take(KEPT + 1, 0).is_err());
        assert_eq!(buckets.take(KEPT + 1, 5_000), Ok(()));
        assert_eq!(buckets.buckets.lock().unwrap().by_key.len(), 1);
    }
}
