//! Latencies, and what is said about them.

use std::fmt;
use std::time::Duration;

/// Many latencies.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latencies(Vec<u32>);

/// Where the latencies lie, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Percentiles {
    p50: f64,
    p90: f64,
    pub(crate) p99: f64,
    p999: f64,
    max: f64,
}

impl Latencies {
    pub(crate) fn add(&mut self, latency: Duration) {
        self.0.push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Returns where they lie; all zero where there are none.
    pub(crate) fn percentiles(&mut self) -> Percentiles {
        self.0.sort_unstable();
        let at = |share: f64| {
            let index = (self.0.len() as f64 * share).ceil() as usize;
            f64::from(self.0.get(index.saturating_sub(1)).copied().unwrap_or_default()) / 1_000.0
        };
        Percentiles { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: at(1.0) }
    }
}

impl fmt::Display for Percentiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { p50, p90, p99, p999, max } = self;
        write!(f, "p50 {p50:.1}  p90 {p90:.1}  p99 {p99:.1}  p99.9 {p999:.1}  max {max:.1} ms")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_sorted_list() {
        let mut latencies = Latencies::default();
        for ms in (1..=1_000).rev() {
            latencies.add(Duration::from_millis(ms));
        }
        assert_eq!(latencies.percentiles().to_string(), "p50 500.0  p90 900.0  p99 990.0  p99.9 999.0  max 1000.0 ms");
    }
}
