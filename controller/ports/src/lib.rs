//! What the loop stands on, each a trait: AWS, the record store, time and chance.
//!
//! The binary implements them over the SDK and the system, the simulator over state machines and a virtual clock. Nothing
//! here decides, and nothing here waits by itself.

mod cloud;
mod store;
mod clock;

pub use self::clock::{Clock, Entropy, Purpose};
pub use self::cloud::Cloud;
pub use self::store::{Change, Condition, Item, Key, Query, RecordStore, Sent, StoreError};
