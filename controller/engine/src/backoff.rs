//! How long to wait after a pass that could not be completed: exponential, with jitter and a cap, for each key apart.
//!
//! A pass that was completed and merely found AWS unwilling is no failure here: `planner::memory` paces each action.
//! Never: sleeps, or counts for one key what another did.

use std::collections::BTreeMap;
use std::time::Duration;

use ports::{Entropy, Purpose};

/// Pause after a first failure: most are over by then, and a lost race is tried again soon.
pub const FIRST: Duration = Duration::from_secs(1);
/// Longest pause: a person who repaired the cause sees the effect within a minute.
pub const MAX: Duration = Duration::from_secs(60);

/// Failures in a row, by key. A key without any takes no room.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: BTreeMap<String, u32>,
}

impl Backoff {
    /// Counts a failure of `key` and says how long to wait: half of the pause for sure, the rest by chance, so that
    /// many that failed together are not tried again together.
    pub fn failed(&mut self, key: &str, entropy: &dyn Entropy) -> Duration {
        let failures = self.failures.entry(key.to_owned()).or_default();
        let pause = FIRST.saturating_mul(1 << (*failures).min(30)).min(MAX);
        *failures = failures.saturating_add(1);
        pause / 2 + part_of(pause / 2, entropy)
    }

    /// How often in a row `key` failed.
    pub fn failures(&self, key: &str) -> u32 {
        self.failures.get(key).copied().unwrap_or_default()
    }

    /// Forgets the failures of `key`: it succeeded, or it is gone.
    pub fn succeeded(&mut self, key: &str) {
        self.failures.remove(key);
    }
}

/// A duration from zero up to `most`, by chance.
pub fn part_of(most: Duration, entropy: &dyn Entropy) -> Duration {
    let permille = u32::try_from(entropy.draw(Purpose::Jitter) % 1001).unwrap_or_default();
    most.saturating_mul(permille) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws the same number always.
    struct Always(u64);

    impl Entropy for Always {
        fn draw(&self, _: Purpose) -> u64 {
            self.0
        }
    }

    fn pauses(draw: u64, times: usize) -> Vec<u128> {
        let mut backoff = Backoff::default();
        (0..times).map(|_| backoff.failed("a", &Always(draw)).as_millis()).collect()
    }

    #[test]
    fn each_failure_doubles_the_pause_up_to_the_cap() {
        assert_eq!(pauses(1000, 8), [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
    }

    #[test]
    fn jitter_takes_away_half_at_most() {
        assert_eq!(pauses(0, 8), [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
        assert_eq!(pauses(500, 2), [750, 1500]);
    }

    #[test]
    fn a_very_long_row_of_failures_stays_at_the_cap() {
        assert_eq!(pauses(1000, 100).last(), Some(&60_000));
    }

    #[test]
    fn keys_are_counted_apart_and_a_success_starts_anew() {
        let mut backoff = Backoff::default();
        backoff.failed("a", &Always(1000));
        backoff.failed("a", &Always(1000));
        assert_eq!(backoff.failed("b", &Always(1000)), FIRST);
        backoff.succeeded("a");
        assert_eq!((backoff.failures("a"), backoff.failures("b")), (0, 1));
        assert_eq!(backoff.failed("a", &Always(1000)), FIRST);
    }
}
