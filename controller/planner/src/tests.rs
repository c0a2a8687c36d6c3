//! Plans over worlds: each test is a sentence, a world that states only what matters, and the plan's text.
#![allow(clippy::unwrap_used)]

mod world;

mod converging;
mod drift;
mod exits;
mod memory;
mod promises;
mod teardown;
