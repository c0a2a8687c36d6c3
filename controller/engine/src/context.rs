//! What a replica works with, and the one way in which it calls AWS: bounded in time.
//!
//! Never: tries a call again. The adapter does so for the transport, the work queue for whole passes.

use std::time::Duration;

use aws_api::{CloudError, Reply, Request};
use futures::future::{Either, select};
use futures::pin_mut;
use ports::{Clock, Cloud, Entropy, RecordStore};

use crate::observe::reference::Reference;

/// Longest mutating call. The lease has at least twice as long to go when it is renewed in time, so that every call
/// ends before the lease does (promise I4).
pub const WRITE_MAX: Duration = Duration::from_secs(5);
/// Longest read. A slow answer is better than none, but it must not hold up a pass for long.
pub const READ_MAX: Duration = Duration::from_secs(10);

/// What a replica works with.
pub struct Ctx<'a> {
    /// AWS.
    pub cloud: &'a dyn Cloud,
    /// The table.
    pub store: &'a dyn RecordStore,
    /// AWS's time: what ages, waits and pauses are measured with. A cloud of our own may be faster than real time.
    pub clock: &'a dyn Clock,
    /// Real time: the lease, how long a call may take, and an orderly end. The same clock wherever AWS is the real one.
    pub real_clock: &'a dyn Clock,
    /// Chance.
    pub entropy: &'a dyn Entropy,
    /// The region of environments that name none: the table's.
    pub default_region: String,
    /// How long a recorded resource must be absent before it counts as missing.
    pub missing_after: Duration,
    /// What changes so rarely that it is not asked for in every pass.
    pub reference: &'a Reference,
}

impl<'a> Ctx<'a> {
    /// The same, but for another way to AWS.
    pub(crate) fn by_way_of<'b>(&'b self, cloud: &'b dyn Cloud) -> Ctx<'b>
    where
        'a: 'b,
    {
        let this: &Ctx<'b> = self;
        Ctx { cloud, default_region: this.default_region.clone(), ..*this }
    }

    /// Makes one AWS call and waits for its reply, at most [`WRITE_MAX`] or [`READ_MAX`].
    ///
    /// # Errors
    /// AWS's, or an unanswered call when time is up: it may then have taken effect.
    pub async fn call(&self, region: &str, request: Request) -> Result<Reply, CloudError> {
        let (operation, bound) = match &request {
            Request::Read(read) => (read.operation(), READ_MAX),
            Request::Write(write) => (write.operation(), WRITE_MAX),
        };
        let reply = self.cloud.call(region, request);
        let time_is_up = self.real_clock.sleep(bound);
        pin_mut!(reply, time_is_up);
        // The reply is polled first, so one that is there just in time counts.
        match select(reply, time_is_up).await {
            Either::Left((reply, _)) => reply,
            Either::Right(((), _)) => {
                Err(CloudError::unanswered(operation, format!("no reply within {} s", bound.as_secs())))
            }
        }
    }
}
