//! The binary as a user meets it: its output, its errors and its exit status, against a DynamoDB on loopback.
//!
//! Nothing here asks AWS: what the controller would have written into the table is put there by the test.
//! Never: needs Python, an account or another service. [`table`] starts the DynamoDB and the binary.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod table;

mod applying;
mod deleting;
mod faulty;
mod reading;
mod usage;
