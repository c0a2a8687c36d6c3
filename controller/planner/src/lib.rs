//! Decides what to do about a staging environment.
//!
//! In: the record, what was observed in AWS, what this controller remembers, and now. Out: a plan, as data, and the
//! status to report.
//! Never: does I/O, reads a clock, or draws chance; `now` and the pass's seed are arguments.
//! Start at [`plan()`]; the promises I1 to I9 are in ARCHITECTURE.md.

// In reading order: what goes in, what is decided, what comes out.
pub mod input;
pub mod record;
pub mod status;
pub mod reason;
pub mod observed;
pub mod lookup;
pub mod memory;
pub mod retries;
pub mod batches;
pub mod room;
pub mod subject;
pub mod held;
pub mod ownership;

pub mod plan;
mod builder;
mod inventory;
mod older;
pub mod desired;
pub mod fixed;
mod converge;
mod diff;
mod members;
mod healing;
mod fallback;
mod launches;
mod order;
mod orphan_intents;
mod teardown;
mod conditions;

pub mod action;
pub mod lint;
pub mod outcome;
pub mod conclude;

pub use input::PlanInput;
pub use plan::plan;

#[cfg(test)]
mod tests;
