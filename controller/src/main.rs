//! Entry point: one thread, one verb, its exit status.
//!
//! Modules stand in reading order. Never: does anything that a verb could do.

mod config;
mod telemetry;
mod system;
mod local_clock;
mod layout;

mod proxies;
mod wire;
mod aws;
mod store;

mod demo;

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    // One thread: a replica is one future, and no part of it need be `Send`.
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(cli::run()),
        Err(error) => {
            eprintln!("error: runtime: cannot be started ({error}); free some memory or file descriptors");
            ExitCode::from(2)
        }
    }
}
