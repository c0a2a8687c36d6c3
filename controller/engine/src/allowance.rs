//! What one pass may ask of AWS: reads that were set aside for it before it began, so that it never sees by half.
//!
//! In: how many its environment needed of late, which is how many it will need. Out: a [`Cloud`] for that pass alone.
//! A read more than was set aside waits for what is left; where there is not even that, [`Cloud::short_by`] says so, and
//! the pass is made again later rather than by half.
//! Never: holds back a mutating call, or keeps what was not needed.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use aws_api::{Bucket, Calls, CloudError, Reply, Request};
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use ports::Cloud;

/// What an environment of which nothing is known needs at most: each kind of thing is asked for once.
fn unknown() -> Calls {
    [(Bucket::Ec2Describe, 6), (Bucket::Elbv2Describe, 8)].into()
}

/// How many reads an environment needs.
#[derive(Debug, Default)]
pub(crate) struct Needs(Option<Calls>);

impl Needs {
    /// As many as its last passes needed.
    pub(crate) fn calls(&self) -> Calls {
        self.0.clone().unwrap_or_else(unknown)
    }

    /// Notes how many a pass made. Some things are not asked for in every pass, so fewer are believed one by one.
    pub(crate) fn note(&mut self, made: Calls) {
        if made.is_empty() {
            return;
        }
        let mut needs = made;
        for (bucket, before) in self.0.iter().flatten() {
            let calls = needs.entry(*bucket).or_default();
            *calls = (*calls).max(before.saturating_sub(1));
        }
        self.0 = Some(needs);
    }
}

/// One pass's way to AWS.
pub(crate) struct Allowance<'a> {
    cloud: &'a dyn Cloud,
    region: String,
    left: RefCell<Calls>,
    made: RefCell<Calls>,
    short_by: Cell<Option<Duration>>,
}

impl<'a> Allowance<'a> {
    /// For so many reads in that region; or in how long there is room for them.
    pub(crate) fn new(cloud: &'a dyn Cloud, region: &str, needs: &Calls) -> Result<Self, Duration> {
        let left = RefCell::new(cloud.set_aside(region, needs)?);
        Ok(Self { cloud, region: region.to_owned(), left, made: RefCell::default(), short_by: Cell::default() })
    }

    /// The reads that were made.
    pub(crate) fn made(&self) -> Calls {
        self.made.borrow().clone()
    }

    /// Counts a read. Whether it was set aside.
    fn spend(&self, region: &str, bucket: Bucket) -> bool {
        *self.made.borrow_mut().entry(bucket).or_default() += 1;
        let mut left = self.left.borrow_mut();
        match left.get_mut(&bucket) {
            Some(calls) if *calls > 0 && region == self.region => {
                *calls -= 1;
                true
            }
            Some(_) | None => false,
        }
    }
}

impl Cloud for Allowance<'_> {
    fn call<'b>(&'b self, region: &'b str, request: Request) -> LocalBoxFuture<'b, Result<Reply, CloudError>> {
        let operation = request.operation();
        if operation.is_write() {
            return self.cloud.call(region, request);
        }
        if self.spend(region, operation.bucket()) {
            return self.cloud.call_set_aside(region, request);
        }
        async move {
            let reply = self.cloud.call(region, request).await;
            if let Err(CloudError { room_in: Some(room_in), .. }) = &reply {
                self.short_by.set(self.short_by.get().max(Some(*room_in)));
            }
            reply
        }
        .boxed_local()
    }

    fn short_by(&self) -> Option<Duration> {
        self.short_by.get()
    }
}

impl Drop for Allowance<'_> {
    fn drop(&mut self) {
        self.cloud.give_back(&self.region, &self.left.borrow());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(ec2: u32, elb: u32) -> Calls {
        [(Bucket::Ec2Describe, ec2), (Bucket::Elbv2Describe, elb)].into()
    }

    #[test]
    fn more_is_believed_at_once_and_less_one_by_one() {
        let mut needs = Needs::default();
        assert_eq!(needs.calls(), unknown());
        needs.note(calls(3, 2));
        assert_eq!(needs.calls(), calls(3, 2));
        needs.note(calls(4, 9));
        assert_eq!(needs.calls(), calls(4, 9));
        needs.note([(Bucket::Elbv2Describe, 7)].into());
        assert_eq!(needs.calls(), calls(3, 8));
        needs.note(Calls::new());
        assert_eq!(needs.calls(), calls(3, 8), "a pass that read nothing says nothing");
    }
}
