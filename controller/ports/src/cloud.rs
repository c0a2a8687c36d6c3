//! AWS, as the loop sees it: one method, called with one request, at the granularity of AWS's own operations.
//!
//! The adapter (SDK) and the simulator implement it. Paging, batching and retries are above it, so that the simulator
//! exercises them too. One method makes calls, so that counting, throttling and faults wrap every call alike; the others are
//! about the room that our share of the quota has for them.

use std::time::Duration;

use aws_api::{Calls, CloudError, Reply, Request};
use futures::future::LocalBoxFuture;

/// One region of one AWS account.
pub trait Cloud {
    /// Makes one call and waits for its reply, at most as long as the implementation was told to.
    ///
    /// Errors carry AWS's code and whether it is certain that nothing was done; the caller decides about trying again.
    fn call<'a>(&'a self, region: &'a str, request: Request) -> LocalBoxFuture<'a, Result<Reply, CloudError>>;

    /// Sets calls aside, all of them or none, and says how many: never more than a whole bucket. Where there is no room for
    /// them now, says in how long there is. What has no bounds has room for everything.
    fn set_aside(&self, _region: &str, calls: &Calls) -> Result<Calls, Duration> {
        Ok(calls.clone())
    }

    /// Takes back what was set aside and is not needed.
    fn give_back(&self, _region: &str, _calls: &Calls) {}

    /// Makes a call that was set aside.
    fn call_set_aside<'a>(
        &'a self,
        region: &'a str,
        request: Request,
    ) -> LocalBoxFuture<'a, Result<Reply, CloudError>> {
        self.call(region, request)
    }

    /// In how long there is room for what was not read for want of it; absent: there was room for everything.
    fn short_by(&self) -> Option<Duration> {
        None
    }
}
