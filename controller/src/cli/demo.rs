//! `demo`: the whole controller on a simulated AWS, broken and repaired before one's eyes.

use std::io::ErrorKind;

use super::failure::{Complaint, Ended, Failure, Verdict};
use crate::demo::{self, DemoError};

/// `demo`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit status: 0 all was repaired (with --once); 1 something was not repaired; 2 usage or failure; \
    130 ended by Ctrl-C.\n\nExample:\n  understudy demo\n  understudy demo --once --speed 40"
)]
pub struct Args {
    /// End after the last fault instead of beginning again.
    #[arg(long, env = "UNDERSTUDY_ONCE", hide_env_values = true)]
    #[arg(value_parser = clap::builder::BoolishValueParser::new())]
    once: bool,
    /// How many times as fast as the wall clock the simulation's time runs, 1 to 60.
    #[arg(long, env = "UNDERSTUDY_SPEED", hide_env_values = true, value_name = "N", default_value_t = demo::SPEED)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=60))]
    speed: u32,
}

/// Runs the demonstration.
pub async fn run(args: Args) -> Ended {
    tokio::select! {
        biased;
        _ = tokio::signal::ctrl_c() => Ok(Verdict::Interrupted),
        repaired = Box::pin(demo::run(args.speed, args.once)) => match repaired {
            Ok(true) => Ok(Verdict::Yes),
            Ok(false) => Ok(Verdict::No),
            Err(DemoError::Untold(error)) if error.kind() == ErrorKind::BrokenPipe => Err(Failure::unheard()),
            Err(error) => Err(Failure::failed(Complaint::new("demo", error, "run it again; if it stays so, report it"))),
        },
    }
}
