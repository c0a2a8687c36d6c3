//! The reconcile loop: observe, plan, lint, journal, execute.
//!
//! In: a record store, a cloud, a clock and a source of chance, each behind a trait. Out: a staging environment that
//! matches its record, and a status that says where it stands.
//! Never: opens a socket, spawns a task, reads the system's clock or chance; so a replica is one future that tests drop,
//! pause and replay. Start at `reconcile`.

pub mod clock;
pub mod cloud;
pub mod error;
pub mod operation;
pub mod store;
pub mod watch;
pub mod backoff;
pub mod context;
pub mod observe;
pub mod execute;
pub mod reconcile;
pub mod work_queue;
pub mod controller;
#[cfg(test)]
mod testing;
pub mod heartbeat;
pub mod items;
pub mod journal;
pub mod lease;
pub mod recorder;
pub mod records;
pub mod writer;
#[cfg(test)]
mod fake_table;
