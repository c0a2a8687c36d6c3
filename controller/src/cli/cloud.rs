//! `cloud`: the simulated AWS alone, on a port, for any client.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use cloud::{Options, StartError};
use simulator::cloud::ReadLag;

use super::controller::terminated;
use super::failure::{Complaint, Ended, Failure, Verdict};
use super::output::Printer;
use super::usage::Suggested;

/// What can follow `--consistency`.
const CONSISTENCIES: [&str; 2] = ["eventual", "strong"];
/// What can follow `--throttling`.
const SWITCH: [&str; 2] = ["on", "off"];

/// `cloud`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit status: 0 ended by SIGTERM or Ctrl-C; 2 usage or failure.\n\n\
    Example:\n  understudy cloud --speed 20\n  aws --endpoint-url http://127.0.0.1:4566 ec2 describe-vpcs")]
pub struct Args {
    /// Where it listens; port 0 takes a free one.
    #[arg(long, env = "UNDERSTUDY_LISTEN", hide_env_values = true, value_name = "ADDR:PORT")]
    #[arg(default_value = "127.0.0.1:4566")]
    listen: SocketAddr,
    /// How many times as fast as the wall clock its time runs, 1 to 3600.
    #[arg(long, env = "UNDERSTUDY_SPEED", hide_env_values = true, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=3600))]
    speed: u32,
    /// What its ids and chances come from: the same seed and the same calls give the same ids. Unless it is given, that of
    /// its data directory, or 1.
    #[arg(long, env = "UNDERSTUDY_SEED", hide_env_values = true, value_name = "N")]
    seed: Option<u64>,
    /// Where it keeps what AWS and DynamoDB would, over its end and even a kill -9. Without it nothing is kept.
    #[arg(long, env = "UNDERSTUDY_DATA_DIR", hide_env_values = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Whether reads may lag behind writes for a moment, as AWS's do.
    #[arg(
        long,
        env = "UNDERSTUDY_CONSISTENCY",
        hide_env_values = true,
        value_name = "WHICH",
        default_value = "eventual"
    )]
    #[arg(value_parser = Suggested(&CONSISTENCIES))]
    consistency: String,
    /// Whether calls are charged to AWS's token buckets.
    #[arg(long, env = "UNDERSTUDY_THROTTLING", hide_env_values = true, value_name = "ON|OFF", default_value = "on")]
    #[arg(value_parser = Suggested(&SWITCH))]
    throttling: String,
    /// Let it listen where other machines can reach it. It asks nobody who they are.
    #[arg(long, env = "UNDERSTUDY_ALLOW_REMOTE", hide_env_values = true)]
    #[arg(value_parser = clap::builder::BoolishValueParser::new())]
    allow_remote: bool,
}

/// Serves until it is told to end.
pub async fn run(args: Args) -> Ended {
    let lag = if args.consistency == "strong" { ReadLag::None } else { ReadLag::UpTo(Duration::from_secs(1)) };
    let options = Options {
        listen: args.listen,
        allow_remote: args.allow_remote,
        speed: args.speed,
        seed: args.seed,
        lag,
        throttling: args.throttling == "on",
        data_dir: args.data_dir,
    };
    let running = cloud::start(&options).map_err(not_started)?;
    let (address, speed, printer) = (running.address(), args.speed, Printer::new());
    printer.line(&format!(
        "EC2, ELBv2, STS, SSM and DynamoDB on http://{address}, {speed} times as fast as the wall clock; Ctrl-C ends it."
    ))?;
    printer.line(&format!(
        "For any AWS client: export AWS_ENDPOINT_URL=http://{address} AWS_REGION=us-east-2 \
         AWS_DEFAULT_REGION=us-east-2 AWS_ACCESS_KEY_ID=any \
         AWS_SECRET_ACCESS_KEY=any"
    ))?;
    terminated().await;
    drop(running);
    Ok(Verdict::Yes)
}

fn not_started(error: StartError) -> Failure {
    let instead = match &error {
        StartError::Remote(_) => "add --allow-remote, or listen on 127.0.0.1",
        StartError::Listen(..) => "write another --listen; port 0 takes a free one",
        StartError::Kept(_) => "write another --data-dir, or none; nothing in this one was changed",
        StartError::DynamoDb(_) => "free a port, or try again",
    };
    Failure::failed(Complaint::new("cloud", error.to_string(), instead))
}
