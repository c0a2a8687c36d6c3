//! What AWS documents, and that the simulator does it: a sentence a test, a module an area.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

mod bench;
mod consistency;
mod ec2;
mod ec2_api;
mod elb;
mod elbv2;
mod health;
mod profiles;
mod quotas;
mod random;
mod record_quotas;
mod running;
mod store;
mod traffic;
mod wire;
