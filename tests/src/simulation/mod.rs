//! Deterministic simulation: the real loop against a simulated world in which everything fails, judged at every step.
//!
//! A [`scenario`] says what may fail, a seed draws ([`streams`]) a [`script`] from it, [`run`] plays it, a [`judge`] with its [`oracles`] looks
//! on. What failed is made short by [`shrink`]. `cargo run --release -p e2e --bin simulate -- --help` runs many.
//! Never: reads the system's clock or chance. The same seed gives the same trace, byte for byte.

pub mod account;
pub mod environment;
pub mod facts;
pub mod hands;
pub mod judge;
pub mod oracles;
pub mod reaching;
pub mod run;
pub mod scenario;
pub mod script;
pub mod shrink;
pub mod streams;
pub mod tagged;
pub mod tally;
pub mod trace;
