//! Time and chance, the only two things that differ from run to run.
//!
//! The binary passes the system's, tests a virtual clock and a seed.

use std::time::Duration;

use futures::future::LocalBoxFuture;
use jiff::Timestamp;

/// Time, as one replica sees it.
pub trait Clock {
    /// The wall clock. For status, events and names only: no decision compares it with another machine's.
    fn now(&self) -> Timestamp;

    /// Time since this replica started. It never goes back; leases and deadlines are measured with it.
    fn elapsed(&self) -> Duration;

    /// Ends after `duration`.
    fn sleep(&self, duration: Duration) -> LocalBoxFuture<'static, ()>;
}

/// What a random number is for. Each purpose draws from a sequence of its own, so that one more draw for jitter
/// moves no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// Uids of environments, and versions of the lease.
    Identity,
    /// The seed of a pass, from which its intents' ids are made.
    Pass,
    /// Ids of events and journal entries.
    Record,
    /// Jitter of backoff and polls.
    Jitter,
}

/// Chance.
pub trait Entropy {
    /// The next number of that purpose's sequence.
    fn draw(&self, purpose: Purpose) -> u64;
}
