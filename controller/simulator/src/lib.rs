//! EC2, ELBv2 and DynamoDB as state machines on a virtual clock, as AWS documents them.
//!
//! In: the calls of [`ports::Cloud`] and [`ports::RecordStore`], faults by hand, and a seed.
//! Out: what AWS would answer, at the virtual time at which it would. The same seed gives the same run.
//! Never: reads the system's clock or chance, opens a socket, starts a thread, knows what the product wants.
//! Start at [`cloud`] for AWS, at [`executor`] for how days pass in seconds.

pub mod clock;
pub mod cloud;
pub mod conformance;
pub mod crash;
pub mod entropy;
pub mod executor;
pub mod store;
mod timeline;

pub use clock::VirtualClock;
pub use cloud::{Builder, SimCloud};
pub use crash::{CrashPoints, Cut};
pub use entropy::Seeded;
pub use executor::Executor;
pub use store::SimStore;
