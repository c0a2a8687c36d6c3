//! The reconcile loop: observe, plan, lint, journal, execute.
//!
//! In: a record store, a cloud, a clock and a source of chance, each behind a trait. Out: a staging environment that
//! matches its record, and a status that says where it stands.
//! Never: opens a socket, spawns a task, reads the system's clock or chance; so a replica is one future that tests drop,
//! pause and replay. Start at [`mod@reconcile`]; modules stand in reading order.

// The spine: one pass over one environment.
pub mod reconcile;
pub mod records;
pub mod observe;
pub mod journal;
pub mod execute;
pub mod recorder;

// The loop around it: what to look at when, and who may.
pub mod controller;
pub mod watch;
pub mod work_queue;
pub mod backoff;
pub mod lease;
pub mod writer;
pub mod heartbeat;

// What it stands on: AWS, the table, time and chance, each a trait.
pub mod context;
pub mod throttle;
mod allowance;
pub mod items;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod fake_table;
