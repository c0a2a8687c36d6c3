//! Token buckets, as AWS counts requests of an account and region.
//!
//! <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html>. The sizes of those that the product's calls are
//! charged to are in [`aws_api::Bucket`]; the others are here.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_api::{Bucket as Called, Operation, Service};

/// One token, so that refills of parts of a second count.
const TOKEN: u128 = 1_000_000_000;

/// The token bucket that a call is charged to, per account and region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bucket {
    /// One that the product's calls are charged to as well.
    Called(Called),
    /// DescribeInstances, -InstanceStatus, -NetworkInterfaces, -SecurityGroups, -Snapshots and -Volumes without a filter or
    /// page: 50, refilled by 10 a second.
    Ec2Unfiltered,
    /// StartInstances: 5, refilled by 2 a second.
    Ec2Start,
    /// DeregisterImage and CreateSnapshot: 100, refilled by 5 a second.
    Ec2Images,
    /// Instances that RunInstances launches: 1000, refilled by 2 a second.
    Ec2Launched,
    /// Instances that StartInstances starts: 1000, refilled by 2 a second.
    Ec2Started,
    /// Instances that StopInstances stops: 1000, refilled by 20 a second.
    Ec2Stopped,
    /// Instances that TerminateInstances terminates: 1000, refilled by 20 a second.
    Ec2Terminated,
}

impl Bucket {
    /// Those that the product's calls are not charged to.
    const OTHERS: [Self; 7] = [
        Self::Ec2Unfiltered,
        Self::Ec2Start,
        Self::Ec2Images,
        Self::Ec2Launched,
        Self::Ec2Started,
        Self::Ec2Stopped,
        Self::Ec2Terminated,
    ];

    /// Size, and tokens refilled a second.
    fn limits(self) -> (u32, u32) {
        match self {
            Self::Called(bucket) => bucket.limits(),
            Self::Ec2Unfiltered => (50, 10),
            Self::Ec2Start => (5, 2),
            Self::Ec2Images => (100, 5),
            Self::Ec2Launched | Self::Ec2Started => (1000, 2),
            Self::Ec2Stopped | Self::Ec2Terminated => (1000, 20),
        }
    }

    /// The service whose calls are charged to it.
    pub(crate) fn service(self) -> Service {
        match self {
            Self::Called(bucket) => bucket.service(),
            Self::Ec2Unfiltered
            | Self::Ec2Start
            | Self::Ec2Images
            | Self::Ec2Launched
            | Self::Ec2Started
            | Self::Ec2Stopped
            | Self::Ec2Terminated => Service::Ec2,
        }
    }

    /// The code that a call is refused with when it is empty.
    fn code(self) -> &'static str {
        match self.service() {
            Service::Elbv2 => "Throttling",
            Service::Ec2 => "RequestLimitExceeded",
        }
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Throttle {
    pub enabled: bool,
    /// Nano-tokens left, and when they were counted.
    left: BTreeMap<Bucket, (u128, Duration)>,
}

impl Throttle {
    /// Others in the account have used up every token.
    pub fn empty(&mut self, at: Duration) {
        let called = Operation::ALL.iter().map(|operation| Bucket::Called(operation.bucket()));
        self.left.extend(called.chain(Bucket::OTHERS).map(|bucket| (bucket, (0, at))));
    }

    /// Takes a token out of that bucket. The code that the call is refused with, if there is none.
    pub fn take(&mut self, bucket: Bucket, at: Duration) -> Option<&'static str> {
        self.take_several(bucket, 1, at)
    }

    /// Takes so many tokens out of that bucket, or none. The code that the call is refused with, if there are fewer.
    pub fn take_several(&mut self, bucket: Bucket, tokens: u32, at: Duration) -> Option<&'static str> {
        if !self.enabled {
            return None;
        }
        let (size, per_second) = bucket.limits();
        let full = u128::from(size) * TOKEN;
        let (left, counted) = self.left.get(&bucket).copied().unwrap_or((full, at));
        let refilled = at.saturating_sub(counted).as_nanos() * u128::from(per_second);
        let now = (left + refilled).min(full);
        let rest = now.checked_sub(u128::from(tokens) * TOKEN);
        self.left.insert(bucket, (rest.unwrap_or(now), at));
        rest.is_none().then(|| bucket.code())
    }
}
