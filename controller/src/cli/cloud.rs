//! `cloud`: the simulated AWS alone, on a port, for any client.

use std::path::PathBuf;

use cloud::{Opened, Options, StartError};
use simulator::cloud::ReadLags;

use super::controller::terminated;
use super::failure::{Complaint, Ended, Failure, Verdict};
use super::listen::Listen;
use super::output::Printer;

/// What can follow `--consistency`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Consistency {
    /// A read of EC2 in ten is up to a second old, but never older than what was shown before.
    Eventual,
    /// Every read shows what was written.
    Strong,
}

/// What can follow `--throttling`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Switch {
    On,
    Off,
}

/// `cloud`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit status: 0 ended by SIGTERM or Ctrl-C; 2 usage or failure.\n\n\
    Example:\n  understudy cloud --speed 20\n  aws --endpoint-url http://127.0.0.1:4566 ec2 describe-vpcs")]
pub struct Args {
    /// Where it listens: a port, HOST:PORT, or an address. A port alone and localhost are 127.0.0.1 and ::1; port 0 takes a
    /// free one.
    #[arg(long, env = "UNDERSTUDY_LISTEN", hide_env_values = true, value_name = "[HOST:]PORT")]
    #[arg(default_value = "localhost:4566")]
    listen: Listen,
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
    /// Whether reads of EC2 may lag behind writes for a moment, as AWS documents. Those of ELBv2 never do.
    #[arg(
        long,
        env = "UNDERSTUDY_CONSISTENCY",
        hide_env_values = true,
        value_name = "WHICH",
        default_value = "eventual"
    )]
    consistency: Consistency,
    /// Whether calls are charged to AWS's token buckets.
    #[arg(long, env = "UNDERSTUDY_THROTTLING", hide_env_values = true, value_name = "ON|OFF", default_value = "on")]
    throttling: Switch,
    /// Let it listen where other machines can reach it. It asks nobody who they are.
    #[arg(long, env = "UNDERSTUDY_ALLOW_REMOTE", hide_env_values = true)]
    #[arg(value_parser = clap::builder::BoolishValueParser::new())]
    allow_remote: bool,
}

/// Serves until it is told to end.
pub async fn run(args: Args) -> Ended {
    let lag = match args.consistency {
        Consistency::Eventual => cloud::EVENTUAL,
        Consistency::Strong => ReadLags::default(),
    };
    let listen = args.listen.addresses().map_err(|(host, error)| {
        let instead = "write an address of this machine, or localhost";
        Failure::failed(Complaint::new(
            "--listen",
            format!("`{host}` is no host that is known here ({error})"),
            instead,
        ))
    })?;
    let (opens, mut opened) = tokio::sync::mpsc::unbounded_channel();
    let options = Options {
        listen,
        allow_remote: args.allow_remote,
        speed: args.speed,
        seed: args.seed,
        lag,
        throttling: args.throttling == Switch::On,
        data_dir: args.data_dir,
        opens: Some(opens),
    };
    let running = cloud::start(&options).map_err(not_started)?;
    // Only the cloud itself tells of ports now, so that its end is seen.
    drop(options);
    let (address, speed, printer) = (running.address(), args.speed, Printer::new());
    // At once, so that whoever reads only the first line may go then.
    printer.line(&format!(
        "EC2, ELBv2, STS, SSM and DynamoDB on http://{address}, {speed} times as fast as the wall clock; Ctrl-C ends it.\n\
         For any AWS client: export AWS_ENDPOINT_URL=http://{address} AWS_REGION=us-east-2 \
         AWS_DEFAULT_REGION=us-east-2 AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any"
    ))?;
    let ended = tokio::select! {
        biased;
        _ = terminated() => Ok(Verdict::Yes),
        told = async {
            let mut is_read = true;
            while let Some(Opened { load_balancer, port, address }) = opened.recv().await {
                let told = format!("Load balancer {load_balancer}, HTTP port {port}: http://{address}");
                // It serves on though nobody reads any more.
                is_read = is_read && printer.line(&told).is_ok();
            }
            Err(Failure::failed(Complaint::new("cloud", "has ended by itself", "report what it logged, and start it again")))
        } => told,
    };
    drop(running);
    ended
}

fn not_started(error: StartError) -> Failure {
    let instead = match &error {
        StartError::Remote(_) => "or listen on 127.0.0.1",
        StartError::Nowhere | StartError::Listen(..) => "write another --listen; port 0 takes a free one",
        StartError::Kept(_) => "write another --data-dir, or none; nothing in this one was changed",
        StartError::DynamoDb(_) => "free a port, or try again",
    };
    Failure::failed(Complaint::new("cloud", error.to_string(), instead))
}
