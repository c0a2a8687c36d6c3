//! Our share of the account's quota: a token bucket for each of AWS's, kept on our side.
//!
//! In: any [`Cloud`]. Out: the same, each call sent when its bucket has a token. Half of AWS's documented buckets is
//! ours by default (promise I9), so that the rest of the account never pays for us.
//! A pass sets the reads that it needs aside before it begins ([`crate::allowance`]); who asks without having done so waits
//! for what is left.
//! Never: waits longer than it was told (the call is then refused, unsent), reads any clock but the one given, or drops
//! a call's place in the queue. The buckets are [`aws_api::Bucket::limits`].

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use aws_api::{Bucket, Calls, CloudError, Operation, Reply, Request};
use futures::future::LocalBoxFuture;
use ports::{Clock, Cloud};

/// How much of the quota is ours, and how long a call may be held back for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Percent of each bucket's size and rate, 1 to 100.
    pub percent: u32,
    /// The longest that one mutating call is held back.
    pub wait_max: Duration,
    /// The longest that one read is.
    pub read_wait_max: Duration,
}

impl Default for Share {
    /// Half; a wait that with the call after it still ends well within the lease of 15 s, and for a read one that leaves
    /// the call some of the 10 s that it may take in all.
    fn default() -> Self {
        Self { percent: 50, wait_max: Duration::from_secs(3), read_wait_max: Duration::from_secs(6) }
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

    fn with_bucket<T>(&self, region: &str, bucket: Bucket, on: impl FnOnce(&mut TokenBucket) -> T) -> T {
        let mut buckets = self.buckets.borrow_mut();
        let tokens = (buckets.entry((region.to_owned(), bucket)))
            .or_insert_with(|| TokenBucket::new(bucket.limits(), self.share.percent));
        on(tokens)
    }

    /// Takes a token, and says how long to wait until it is there.
    fn take(&self, region: &str, operation: Operation) -> Result<Duration, CloudError> {
        let now = self.clock.elapsed();
        let wait_max = if operation.is_write() { self.share.wait_max } else { self.share.read_wait_max };
        let taken = self.with_bucket(region, operation.bucket(), |tokens| tokens.take(now, wait_max));
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
        taken.map_err(|wait| CloudError::unsent(operation, wait))
    }
}

impl<C: Cloud> Cloud for Throttled<'_, C> {
    fn call<'a>(&'a self, region: &'a str, request: Request) -> LocalBoxFuture<'a, Result<Reply, CloudError>> {
        Box::pin(async move {
            let operation = request.operation();
            let wait = self.take(region, operation)?;
            if !wait.is_zero() {
                tracing::debug!(%operation, region, wait_ms = wait.as_millis(), "aws call held back");
                self.clock.sleep(wait).await;
            }
            self.inner.call(region, request).await
        })
    }

    fn set_aside(&self, region: &str, calls: &Calls) -> Result<Calls, Duration> {
        let now = self.clock.elapsed();
        let waits = calls.iter().map(|(bucket, calls)| self.with_bucket(region, *bucket, |b| b.room_in(now, *calls)));
        let wait = waits.max().unwrap_or_default();
        if !wait.is_zero() {
            return Err(wait);
        }
        let aside = calls.iter().map(|(bucket, calls)| {
            let aside = self.with_bucket(region, *bucket, |tokens| tokens.set_aside(*calls));
            (*bucket, aside)
        });
        Ok(aside.collect())
    }

    fn give_back(&self, region: &str, calls: &Calls) {
        for (bucket, calls) in calls {
            self.with_bucket(region, *bucket, |tokens| tokens.aside = tokens.aside.saturating_sub(*calls));
        }
    }

    fn call_set_aside<'a>(
        &'a self,
        region: &'a str,
        request: Request,
    ) -> LocalBoxFuture<'a, Result<Reply, CloudError>> {
        let now = self.clock.elapsed();
        self.with_bucket(region, request.operation().bucket(), |tokens| tokens.take_from_aside(now));
        self.inner.call(region, request)
    }
}

/// A token bucket as one instant: when it will be full again. Exact, and nothing happens while nobody calls. What is set
/// aside is still in it, so that it never holds more than its size, however late it is spent.
#[derive(Debug, Clone, Copy)]
struct TokenBucket {
    size: u32,
    /// Time in which one token is refilled.
    per_token: Duration,
    full_at: Duration,
    /// Tokens that are somebody's already.
    aside: u32,
}

impl TokenBucket {
    fn new((size, per_second): (u32, u32), percent: u32) -> Self {
        let percent = percent.clamp(1, 100);
        // At least one token, or nothing would ever be sent.
        let size = (size * percent / 100).max(1);
        let per_token = Duration::from_secs(100) / (per_second.max(1) * percent);
        Self { size, per_token, full_at: Duration::ZERO, aside: 0 }
    }

    /// In how long there are so many tokens that are nobody's; of more than the size, as many as that.
    fn room_in(&self, now: Duration, tokens: u32) -> Duration {
        let spoken_for = self.per_token * (self.aside.saturating_add(tokens.min(self.size)));
        (self.full_at.max(now) + spoken_for).saturating_sub(now + self.per_token * self.size)
    }

    /// Takes a token that is there now or will be within `wait_max`, and says in how long; or leaves all as it is, and
    /// says how long it would have been.
    fn take(&mut self, now: Duration, wait_max: Duration) -> Result<Duration, Duration> {
        let wait = self.room_in(now, 1);
        if wait > wait_max {
            return Err(wait);
        }
        self.full_at = self.full_at.max(now) + self.per_token;
        Ok(wait)
    }

    /// Sets tokens aside for which there is room, and says how many.
    fn set_aside(&mut self, tokens: u32) -> u32 {
        let aside = tokens.min(self.size);
        self.aside = self.aside.saturating_add(aside);
        aside
    }

    fn take_from_aside(&mut self, now: Duration) {
        self.aside = self.aside.saturating_sub(1);
        self.full_at = self.full_at.max(now) + self.per_token;
    }
}

#[cfg(test)]
mod tests;
