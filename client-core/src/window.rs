//! How often something went well and how often it did not, of late.

use crate::Instant;

/// What is older than so many minutes no longer counts.
const MINUTES: u64 = 5;

/// Counts of the last five minutes, in slots of one minute.
#[derive(Clone, Debug, Default)]
pub(crate) struct Window {
    slots: [Slot; MINUTES as usize],
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    minute: u64,
    good: u32,
    bad: u32,
}

/// How something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Good,
    Bad,
}

impl Window {
    pub(crate) fn count(&mut self, now: Instant, outcome: Outcome, times: u32) {
        let minute = now.as_millis() / 60_000;
        let Some(slot) = self.slots.get_mut((minute % MINUTES) as usize) else { return };
        if slot.minute != minute {
            *slot = Slot { minute, good: 0, bad: 0 };
        }
        match outcome {
            Outcome::Good => slot.good += times,
            Outcome::Bad => slot.bad += times,
        }
    }

    /// Returns how often it went well, and how often it did not.
    fn sums(&self, now: Instant) -> (u32, u32) {
        let minute = now.as_millis() / 60_000;
        let fresh = self.slots.iter().filter(|slot| slot.minute + MINUTES > minute);
        fresh.fold((0, 0), |(good, bad), slot| (good + slot.good, bad + slot.bad))
    }

    /// Returns how often it did not go well.
    pub(crate) fn bad(&self, now: Instant) -> u32 {
        self.sums(now).1
    }

    /// Returns the share that did not go well, in thousandths of all, or of `least` where there are fewer.
    pub(crate) fn permille(&self, now: Instant, least: u32) -> u32 {
        let (good, bad) = self.sums(now);
        bad * 1_000 / (good + bad).max(least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: u64) -> Instant {
        Instant::from_millis(minute * 60_000)
    }

    #[test]
    fn what_is_five_minutes_old_no_longer_counts() {
        let mut window = Window::default();
        window.count(at(0), Outcome::Bad, 2);
        window.count(at(3), Outcome::Good, 6);
        assert_eq!((window.bad(at(4)), window.permille(at(4), 1)), (2, 250));
        assert_eq!((window.bad(at(5)), window.permille(at(5), 1)), (0, 0));
        window.count(at(5), Outcome::Bad, 1);
        assert_eq!((window.bad(at(7)), window.bad(at(60))), (1, 0));
    }

    #[test]
    fn one_failure_among_few_is_no_high_rate() {
        let mut window = Window::default();
        window.count(at(0), Outcome::Bad, 1);
        assert_eq!((window.permille(at(0), 1), window.permille(at(0), 20)), (1_000, 50));
    }
}
