//! The time of a cloud of our own, which may be faster than real time, stand still, or leap.
//!
//! Between two readings it runs on by itself, as fast as the cloud said. Never: goes back, but for a cloud that began anew.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::rc::Rc;
use std::time::{Duration, Instant};

use cloud::client::{Client, Reading, Unanswered};
use futures::future::LocalBoxFuture;
use jiff::Timestamp;
use ports::Clock;

/// How often the cloud is asked, in real time: an advance of its clock is noticed within it.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// Readings that are further back than an answer can be late, and this, are of a cloud that began anew.
const ANEW: Duration = Duration::from_secs(600);
/// Longest that an answer can be late, of real time.
const LATE_MAX: Duration = Duration::from_secs(6);
/// Where elapsed time begins, so that there is room for a second reading that is behind the first.
const BEGINNING: Duration = Duration::from_secs(3600);
/// No sleep is shorter: at a high speed everything is always due.
const SLEEP_MIN: Duration = Duration::from_millis(1);

/// See the module. Clones share one time.
#[derive(Debug, Clone)]
pub struct LocalClock(Rc<Shared>);

#[derive(Debug)]
struct Shared {
    client: Client,
    anchor: RefCell<Anchor>,
    /// The latest that was told, so that what was told stays true.
    told: Cell<Duration>,
}

/// The last reading, and when it was.
#[derive(Debug)]
struct Anchor {
    at: Instant,
    reading: Reading,
    /// Time since this clock's start, then.
    elapsed: Duration,
}

impl LocalClock {
    /// The time of the cloud at that endpoint.
    ///
    /// # Errors
    /// When there is no cloud.
    pub async fn of(endpoint: &str) -> Result<Self, Unanswered> {
        let client = Client::of(endpoint);
        let reading = client.clock().await?;
        Ok(Self::starting_at(client, reading))
    }

    fn starting_at(client: Client, reading: Reading) -> Self {
        let anchor = Anchor { at: Instant::now(), reading, elapsed: BEGINNING };
        Self(Rc::new(Shared { client, anchor: RefCell::new(anchor), told: Cell::default() }))
    }

    /// How many times as fast as real time it goes.
    pub fn speed(&self) -> u32 {
        self.0.anchor.borrow().reading.speed
    }

    /// Follows the cloud for ever. While it does not answer, time runs on as it did.
    pub async fn follow(&self) -> Infallible {
        loop {
            tokio::time::sleep(ASK_EVERY).await;
            match self.0.client.clock().await {
                Ok(reading) => self.0.take_in(reading),
                Err(error) => tracing::warn!(%error, "the cloud's time is not known, ours runs on"),
            }
        }
    }
}

impl Shared {
    fn elapsed(&self) -> Duration {
        let elapsed = self.anchor.borrow().elapsed_now().max(self.told.get());
        self.told.set(elapsed);
        elapsed
    }

    /// Goes by a reading from now on. Where it is behind what was told, time stands still until the cloud is as far: it is
    /// never ahead for long.
    fn take_in(&self, reading: Reading) {
        let told = self.elapsed();
        let mut anchor = self.anchor.borrow_mut();
        let behind = anchor.now_at(told).duration_since(reading.now);
        let elapsed = match Duration::try_from(behind) {
            Ok(behind) if behind > ANEW + LATE_MAX.saturating_mul(reading.speed) => told,
            Ok(behind) => told.saturating_sub(behind),
            Err(_) => told + behind.unsigned_abs(),
        };
        *anchor = Anchor { at: Instant::now(), reading, elapsed };
    }
}

impl Anchor {
    fn elapsed_now(&self) -> Duration {
        let speed = if self.reading.paused { 0 } else { self.reading.speed };
        self.elapsed.saturating_add(self.at.elapsed().saturating_mul(speed))
    }

    /// The instant at which so much has passed.
    fn now_at(&self, elapsed: Duration) -> Timestamp {
        self.reading.now.checked_add(elapsed.saturating_sub(self.elapsed)).unwrap_or(Timestamp::MAX)
    }

    /// How long it takes in real time until so much more has passed, as far as is known.
    fn real(&self, left: Duration) -> Duration {
        let whole = left.checked_div(self.reading.speed).filter(|_| !self.reading.paused);
        whole.unwrap_or(ASK_EVERY).clamp(SLEEP_MIN, ASK_EVERY)
    }
}

impl Clock for LocalClock {
    fn now(&self) -> Timestamp {
        let elapsed = self.0.elapsed();
        self.0.anchor.borrow().now_at(elapsed)
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, duration: Duration) -> LocalBoxFuture<'static, ()> {
        let (shared, end) = (Rc::clone(&self.0), self.0.elapsed().saturating_add(duration));
        Box::pin(async move {
            loop {
                let left = end.saturating_sub(shared.elapsed());
                if left.is_zero() {
                    return;
                }
                // In steps, since the cloud's clock may be advanced or paused meanwhile.
                let real = shared.anchor.borrow().real(left);
                tokio::time::sleep(real).await;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn reading(seconds: i64, speed: u32, paused: bool) -> Reading {
        Reading { now: Timestamp::from_second(seconds).unwrap(), speed, paused }
    }

    fn clock(first: Reading) -> LocalClock {
        LocalClock::starting_at(Client::of("http://127.0.0.1:1"), first)
    }

    fn passed(clock: &LocalClock) -> Duration {
        clock.elapsed() - BEGINNING
    }

    #[test]
    fn it_runs_as_fast_as_the_cloud_says_and_stands_still_with_it() {
        let fast = clock(reading(1000, 3600, false));
        std::thread::sleep(Duration::from_millis(20));
        assert!(passed(&fast) >= Duration::from_secs(72), "{:?}", passed(&fast));
        assert!(fast.now() >= Timestamp::from_second(1072).unwrap());
        let still = clock(reading(1000, 3600, true));
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!((passed(&still), still.now().as_second()), (Duration::ZERO, 1000));
    }

    #[test]
    fn it_leaps_with_the_cloud_and_never_goes_back_behind_what_it_told() {
        let clock = clock(reading(1000, 1, true));
        clock.0.take_in(reading(1600, 1, true));
        assert_eq!((passed(&clock), clock.now().as_second()), (Duration::from_secs(600), 1600));
        clock.0.take_in(reading(1590, 1, true));
        assert_eq!(
            (passed(&clock), clock.now().as_second()),
            (Duration::from_secs(600), 1600),
            "a reading that is late"
        );
    }

    #[test]
    fn it_waits_for_a_cloud_that_it_is_ahead_of() {
        let clock = clock(reading(1600, 1, true));
        clock.0.take_in(reading(1590, 1, true));
        assert_eq!((passed(&clock), clock.now().as_second()), (Duration::ZERO, 1600), "nothing is taken back");
        clock.0.take_in(reading(1599, 1, true));
        assert_eq!((passed(&clock), clock.now().as_second()), (Duration::ZERO, 1600), "nor is it ahead for good");
        clock.0.take_in(reading(1605, 1, true));
        assert_eq!((passed(&clock), clock.now().as_second()), (Duration::from_secs(5), 1605));
    }

    #[test]
    fn a_cloud_that_began_anew_has_its_own_time_and_no_time_is_taken_back() {
        let clock = clock(reading(100_000, 1, true));
        clock.0.take_in(reading(100_600, 1, true));
        clock.0.take_in(reading(5000, 1, true));
        assert_eq!((passed(&clock), clock.now().as_second()), (Duration::from_secs(600), 5000));
        clock.0.take_in(reading(5060, 1, true));
        assert_eq!((passed(&clock), clock.now().as_second()), (Duration::from_secs(660), 5060));
    }

    #[tokio::test]
    async fn a_sleep_ends_when_the_clouds_clock_is_advanced() {
        let clock = clock(reading(1000, 1, true));
        let sleep = clock.sleep(Duration::from_secs(3600));
        let advanced = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            clock.0.take_in(reading(1000 + 3600, 1, true));
        };
        tokio::time::timeout(Duration::from_secs(5), futures::future::join(sleep, advanced)).await.unwrap();
    }
}
