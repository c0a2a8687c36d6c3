//! Our share of the account's quota: a token bucket for each of AWS's, kept on our side.
//!
//! In: any [`Cloud`]. Out: the same, each call sent when its bucket has a token. Half of AWS's documented buckets is
//! ours by default (promise I9), so that the rest of the account never pays for us.
//! Never: waits longer than it was told (the call is then refused, unsent), reads any clock but the one given, or drops
//! a call's place in the queue. The buckets are [`crate::operation::Bucket::limits`].

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::Clock;
use crate::cloud::{Cloud, Reply, Request};
use crate::error::{CloudError, ErrorKind};
use crate::operation::{Bucket, Operation};
use futures::future::LocalBoxFuture;

/// How much of the quota is ours, and how long a call may be held back for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Percent of each bucket's size and rate, 1 to 100.
    pub percent: u32,
    /// The longest that one call is held back.
    pub wait_max: Duration,
}

impl Default for Share {
    /// Half, and a wait that with the call after it still ends well within the lease of 15 s.
    fn default() -> Self {
        Self { percent: 50, wait_max: Duration::from_secs(3) }
    }
}

/// What keeping to the share has cost so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pressure {
    /// Calls held back.
    pub held: u64,
    /// For how long, together.
    pub waited: Duration,
    /// Calls refused because they would have waited too long.
    pub refused: u64,
}

/// A cloud that is called no more often than our share allows.
pub struct Throttled<'c, C> {
    inner: C,
    clock: &'c dyn Clock,
    share: Share,
    buckets: RefCell<BTreeMap<(String, Bucket), TokenBucket>>,
    pressure: Cell<Pressure>,
}

impl<'c, C: Cloud> Throttled<'c, C> {
    /// `inner`, within `share`.
    pub fn new(inner: C, clock: &'c dyn Clock, share: Share) -> Self {
        Self { inner, clock, share, buckets: RefCell::default(), pressure: Cell::default() }
    }

    /// What keeping to the share has cost since the start, over all regions.
    pub fn pressure(&self) -> Pressure {
        self.pressure.get()
    }

    /// Takes a token, and says how long to wait until it is there.
    fn take(&self, region: &str, operation: Operation) -> Result<Duration, CloudError> {
        let now = self.clock.elapsed();
        let taken = {
            let mut buckets = self.buckets.borrow_mut();
            let bucket = (buckets.entry((region.to_owned(), operation.bucket())))
                .or_insert_with(|| TokenBucket::new(operation.bucket().limits(), self.share.percent));
            bucket.take(now, self.share.wait_max)
        };
        let mut pressure = self.pressure.get();
        match taken {
            Ok(Duration::ZERO) => {}
            Ok(wait) => {
                pressure.held += 1;
                pressure.waited += wait;
            }
            Err(_) => pressure.refused += 1,
        }
        self.pressure.set(pressure);
        taken.map_err(|wait| {
            let message = format!("not sent: our share of the quota has room in {} ms only", wait.as_millis());
            CloudError { kind: ErrorKind::Throttled, ..CloudError::unanswered(operation, message) }
        })
    }
}

impl<C: Cloud> Cloud for Throttled<'_, C> {
    fn call<'a>(&'a self, region: &'a str, request: Request) -> LocalBoxFuture<'a, Result<Reply, CloudError>> {
        Box::pin(async move {
            let operation = match &request {
                Request::Read(read) => Operation::from(read),
                Request::Write(write) => Operation::from(write),
            };
            let wait = self.take(region, operation)?;
            if !wait.is_zero() {
                tracing::debug!(%operation, region, wait_ms = wait.as_millis(), "aws call held back");
                self.clock.sleep(wait).await;
            }
            self.inner.call(region, request).await
        })
    }
}

/// A token bucket as one instant: when it will be full again. Exact, and nothing happens while nobody calls.
#[derive(Debug, Clone, Copy)]
struct TokenBucket {
    /// Time in which one token is refilled.
    per_token: Duration,
    /// Time in which an empty bucket is full.
    capacity: Duration,
    full_at: Duration,
}

impl TokenBucket {
    fn new((size, per_second): (u32, u32), percent: u32) -> Self {
        let percent = percent.clamp(1, 100);
        // At least one token, or nothing would ever be sent.
        let size = (size * percent / 100).max(1);
        let per_token = Duration::from_secs(100) / (per_second.max(1) * percent);
        Self { per_token, capacity: per_token * size, full_at: Duration::ZERO }
    }

    /// Takes a token that is there now or will be within `wait_max`, and says in how long; or leaves all as it is, and
    /// says how long it would have been.
    fn take(&mut self, now: Duration, wait_max: Duration) -> Result<Duration, Duration> {
        let full_at = self.full_at.max(now) + self.per_token;
        let wait = full_at.saturating_sub(now + self.capacity);
        if wait > wait_max {
            return Err(wait);
        }
        self.full_at = full_at;
        Ok(wait)
    }
}

#[cfg(test)]
mod tests;
