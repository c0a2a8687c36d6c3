//! AWS's operations in full, for whoever calls over the wire: a type each, its parameters under AWS's own names.
//!
//! A request is read by serde (`Filter.1.Name` is a list of structs), an answer written by it, so that the protocols are no
//! concern of this. What a parameter is not modelled for is not in its type, and refused by whoever reads it.
//! The product's own calls ([`ports::Cloud`]) do not pass here; both end in the same methods of [`World`].
//! Start at [`Read`] and [`Write`]; the operations are in [`ec2`] and [`elbv2`].

pub mod common;
pub mod ec2;
pub mod elbv2;

use std::rc::Rc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::SimCloud;
pub use super::throttle::Bucket;
use super::world::{Outcome, refuse};
pub use super::world::{Refusal, World};

/// What both kinds have.
pub trait Operation: DeserializeOwned {
    /// What it is answered with, under AWS's names.
    type Answer: Serialize;

    /// The token bucket that it is charged to.
    fn bucket(&self) -> Bucket;

    /// A second bucket, of resources instead of requests, and how many of them it asks for.
    /// <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html>
    fn resources(&self) -> Option<(Bucket, u32)> {
        None
    }
}

/// An operation that changes nothing.
pub trait Read: Operation {
    /// Answers it from what the caller sees.
    ///
    /// # Errors
    /// What AWS refuses it with.
    fn answer(&self, sight: &Sight<'_>) -> Outcome<Self::Answer>;
}

/// An operation that changes something, or nothing at all if it is refused.
pub trait Write: Operation {
    /// Does it.
    ///
    /// # Errors
    /// What AWS refuses it with.
    fn apply(&self, world: &mut World) -> Outcome<Self::Answer>;

    /// The EC2 ids that it names. One that is so fresh that its caller does not see it yet is not found.
    /// <https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html>
    fn names(&self) -> Vec<&str> {
        Vec::new()
    }

    /// What it is refused with although it did a part of what was asked.
    fn refused_in_part(&self, _answer: &Self::Answer) -> Option<Refusal> {
        None
    }
}

/// A world, and the instant as of which it is looked at.
#[derive(Clone, Copy)]
pub struct Sight<'a> {
    pub(crate) world: &'a World,
    pub(crate) at: Duration,
}

impl SimCloud {
    /// Answers a call that changes nothing, at once.
    ///
    /// # Errors
    /// What AWS refuses it with, throttling included.
    pub fn read<O: Read>(&self, operation: &O) -> Outcome<O::Answer> {
        let (now, lag) = self.admit(operation)?;
        self.client.reader(operation.bucket().service()).note(lag, now);
        let seen = {
            let state = self.shared.state.borrow();
            Rc::clone(state.history.as_of(now, lag))
        };
        let at = now.saturating_sub(lag).max(seen.at);
        operation.answer(&Sight { world: &seen, at })
    }

    /// Does a call that changes something, at once.
    ///
    /// # Errors
    /// What AWS refuses it with, throttling included. Nothing was done then, unless it is [refused in
    /// part](Write::refused_in_part).
    pub fn write<O: Write>(&self, operation: &O) -> Outcome<O::Answer> {
        self.write_kept(operation, |_| Ok(()))
    }

    /// As [`write`](Self::write), but the change is shown to `keep` before anything is changed, and is not made if that
    /// says no. It may not ask the cloud anything.
    ///
    /// # Errors
    /// Those of [`write`](Self::write), and what `keep` refuses it with.
    pub fn write_kept<O: Write>(
        &self,
        operation: &O,
        keep: impl FnOnce(&O::Answer) -> Outcome<()>,
    ) -> Outcome<O::Answer> {
        let (now, lag) = self.admit(operation)?;
        self.check_seen(operation, now, lag)?;
        let change = |world: &mut World| {
            let answer = operation.apply(world)?;
            keep(&answer)?;
            Ok(answer)
        };
        let answer = self.shared.state.borrow_mut().change(now, change)?;
        operation.refused_in_part(&answer).map_or(Ok(answer), Err)
    }

    /// Does such a call and leaves no trace of it: what `DryRun` asks for.
    ///
    /// # Errors
    /// What AWS would refuse it with; `DryRunOperation` if nothing.
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/CommonParameters.html>
    pub fn rehearse<O: Write>(&self, operation: &O) -> Outcome<O::Answer> {
        let (now, lag) = self.admit(operation)?;
        self.check_seen(operation, now, lag)?;
        let mut world = self.shared.state.borrow().draft(now);
        let answer = operation.apply(&mut world)?;
        operation.refused_in_part(&answer).map_or(Ok(()), Err)?;
        refuse("DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
    }

    /// Charges a call to its buckets. Now, and how old the caller's sight is.
    fn admit<O: Operation>(&self, operation: &O) -> Outcome<(Duration, Duration)> {
        let now = self.catch_up();
        let mut state = self.shared.state.borrow_mut();
        let requests = state.throttle.take(operation.bucket(), now);
        let of_resources = |(bucket, tokens)| state.throttle.take_several(bucket, tokens, now);
        if let Some(code) = requests.or_else(|| operation.resources().and_then(of_resources)) {
            state.faults.count("throttled by its bucket");
            return refuse(code, "Request limit exceeded.");
        }
        let reader = self.client.reader(operation.bucket().service());
        Ok((now, reader.bounded(reader.draw(&mut state.chance), now)))
    }

    fn check_seen<O: Write>(&self, operation: &O, now: Duration, lag: Duration) -> Outcome<()> {
        let state = self.shared.state.borrow();
        let (present, seen) = (state.history.present(), state.history.as_of(now, lag));
        operation.names().into_iter().try_for_each(|id| super::consistency::check_named(id, present, seen))
    }
}
