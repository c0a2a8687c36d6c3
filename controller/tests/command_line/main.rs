//! The command line as its users and their scripts meet it: the built binary, its exit status, its stdout and stderr.
//!
//! Each test has a DynamoDB of its own, in memory and on loopback, and plays the controller where one must have been
//! there. No test reaches a network, a profile or a credential of the machine. Start at [`world::World`].

#![allow(clippy::unwrap_used)]

mod world;

mod bootstrapping;
mod applying;
mod bad_input;
mod editing;
mod comparing;
mod reading;
mod waiting;
mod deleting;
mod watching;
mod controlling;
mod usage;
mod on_the_cloud;
mod listening;
mod by_proxy;
