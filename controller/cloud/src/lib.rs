//! EC2 and ELBv2 on the wire: the simulator behind AWS's own protocols, on one loopback port, for any client.
//!
//! In: HTTP requests as the SDKs, the aws CLI and Terraform send them. Out: what AWS would answer, at the cloud's own time.
//! What is not modelled is refused by name. Never: decides how AWS behaves (that is [`simulator::cloud`]), or listens beyond
//! loopback unasked. Start at [`server`]; one request goes through [`caller`], [`parameters`],
//! [`operations`], [`envelope`]; what can be done to the cloud itself is in [`control`]. What its load balancers and instances
//! serve is in `front`, `application` and `redis`. What is changed is kept on disk by [`keeping`], and done again at the next
//! start by [`replay`].

pub mod account;
mod application;
pub mod caller;
pub mod client;
pub mod control;
pub mod dynamodb;
pub mod envelope;
pub mod faults;
mod front;
pub mod keeping;
pub mod listening;
pub mod log;
pub mod operations;
pub mod parameters;
mod redis;
pub mod replay;
mod requests;
pub mod server;
mod shard_ids;
pub mod ssm;
pub mod sts;
pub mod time;
pub mod visitor;
pub mod xml;

pub use front::Opened;
pub use front::ports::Ports;
pub use server::{EVENTUAL, Options, Running, StartError, start};
