//! The system's time and chance, behind the traits that the engine knows.
//!
//! The wall clock is read once, at the start, and runs on monotonically from there: a clock that is set while a replica
//! runs moves none of its instants. Never: used by tests of the engine, which have a virtual clock and a seed.

use std::time::{Duration, Instant};

use futures::future::LocalBoxFuture;
use jiff::Timestamp;
use ports::{Clock, Entropy, Purpose};

/// Time since this process began to look.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    started: Instant,
    started_at: Timestamp,
}

impl SystemClock {
    /// A clock that starts now.
    pub fn start() -> Self {
        Self { started: Instant::now(), started_at: Timestamp::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        self.started_at.checked_add(self.elapsed()).unwrap_or(Timestamp::MAX)
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn sleep(&self, duration: Duration) -> LocalBoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// The operating system's randomness. What a number is for does not matter: no two draws are related.
#[derive(Debug, Clone, Copy)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn draw(&self, _: Purpose) -> u64 {
        // It fails only before the machine has gathered its first randomness, long before a process of ours can start.
        getrandom::u64().expect("a running operating system has randomness")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wall_clock_runs_on_with_the_monotonic_one() {
        let clock = SystemClock::start();
        let (elapsed, now) = (clock.elapsed(), clock.now());
        assert!(now >= clock.started_at + elapsed);
        assert!(clock.elapsed() >= elapsed);
    }

    #[test]
    fn two_draws_differ() {
        let draws: std::collections::BTreeSet<u64> = (0..8).map(|_| SystemEntropy.draw(Purpose::Identity)).collect();
        assert_eq!(draws.len(), 8);
    }
}
