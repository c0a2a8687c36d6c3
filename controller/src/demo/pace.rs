//! Moves virtual time along with the wall clock, so many times as fast.
//!
//! Never: jumps. When the machine stalls, virtual time stalls with it, so that no lease runs out for it.

use std::time::{Duration, Instant};

use engine::clock::Clock as _;
use simulator::VirtualClock;

/// How often time moves on.
const TICK: Duration = Duration::from_millis(5);
/// How far it moves at most at once.
const STEP_MAX: Duration = Duration::from_secs(1);

/// Moves time until it is dropped.
pub(super) async fn run(clock: &VirtualClock, speed: u32) {
    let mut last = Instant::now();
    loop {
        tokio::time::sleep(TICK).await;
        let now = Instant::now();
        let step = now.duration_since(last).saturating_mul(speed).min(STEP_MAX);
        last = now;
        // Timer by timer, so that each finds the time at which it was due.
        let end = clock.elapsed() + step;
        while let Some(due) = clock.next_timer().filter(|due| *due <= end) {
            clock.advance_to(due);
            tokio::task::yield_now().await;
        }
        clock.advance_to(end);
    }
}
