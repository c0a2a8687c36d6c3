//! Token buckets, as AWS counts requests of an account and region.
//!
//! <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html>. Sizes are in [`engine::operation::Bucket`].

use std::collections::BTreeMap;
use std::time::Duration;

use engine::operation::{Bucket, Operation, Service};

/// One token, so that refills of parts of a second count.
const TOKEN: u128 = 1_000_000_000;

#[derive(Debug, Clone, Default)]
pub(crate) struct Throttle {
    pub enabled: bool,
    /// Nano-tokens left, and when they were counted.
    left: BTreeMap<Bucket, (u128, Duration)>,
}

impl Throttle {
    /// Others in the account have used up every token.
    pub fn empty(&mut self, at: Duration) {
        for operation in Operation::ALL {
            self.left.insert(operation.bucket(), (0, at));
        }
    }

    /// Takes a token for that call. The code that it is refused with, if there is none.
    pub fn take(&mut self, operation: Operation, at: Duration) -> Option<&'static str> {
        if !self.enabled {
            return None;
        }
        let bucket = operation.bucket();
        let (size, per_second) = bucket.limits();
        let full = u128::from(size) * TOKEN;
        let (left, counted) = self.left.get(&bucket).copied().unwrap_or((full, at));
        let refilled = at.saturating_sub(counted).as_nanos() * u128::from(per_second);
        let now = (left + refilled).min(full);
        let rest = now.checked_sub(TOKEN);
        self.left.insert(bucket, (rest.unwrap_or(now), at));
        match (rest, operation.service()) {
            (Some(_), _) => None,
            (None, Service::Ec2) => Some("RequestLimitExceeded"),
            (None, Service::Elbv2) => Some("Throttling"),
        }
    }
}
