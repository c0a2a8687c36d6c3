//! `controller`: the reconciler, until it is told to end or, with --once, until nothing more is to be done soon.
//!
//! It survives whatever is wrong with one environment, with AWS or with the table; logs and STATUS say what.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use engine::context::Ctx;
use engine::controller::{self, Options, RunOutcome, Standing};
use engine::items::{CONTROLLER, HEARTBEAT, LEASE};
use engine::observe::reference::Reference;
use futures::future::{Either, select};
use jiff::{SignedDuration, Timestamp};
use planner::status::{Wait, WaitOn};
use ports::{Clock, Entropy as _, Key, Purpose, RecordStore as _};
use tokio::signal::unix::{SignalKind, signal};

use super::describe::said;
use super::failure::{Complaint, Ended, Failure, Verdict};
use super::output::Printer;
use super::session;
use crate::aws::Aws;
use crate::config::Config;
use crate::store::DynamoDb;
use crate::system::{SystemClock, SystemEntropy};
use engine::throttle::{Pressure, Share, Throttled};

/// How long an orderly end may take. What is cut off then is taken up by the next leader, as after a crash.
const ENDING_MAX: Duration = Duration::from_secs(18);

/// How far the table's clock may be from ours until that is told: readers judge by the former whether a controller lives.
const APART_MAX: SignedDuration = SignedDuration::from_secs(60);
/// How long the start waits for the table to say what time it is.
const CLOCK_WITHIN: Duration = Duration::from_secs(3);

/// `controller`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit status: 0 ended by SIGTERM or Ctrl-C (within 20 s), or with --once when nothing more is to be \
    done soon, whether Ready or not; 2 usage or failure, and with --once when no pass was completed; 130 --once was ended \
    by Ctrl-C.\n\n\
    Example:\n  understudy controller --region us-east-2\n  understudy controller --once"
)]
pub struct Args {
    /// How often each environment is looked at though nothing happened [default: 10s].
    #[arg(long, env = "UNDERSTUDY_RESYNC_INTERVAL", hide_env_values = true, value_name = "DURATION")]
    pub resync_interval: Option<String>,
    /// How long a recorded resource must be absent from AWS before it counts as missing [default: 5m].
    #[arg(long, env = "UNDERSTUDY_MISSING_AFTER", hide_env_values = true, value_name = "DURATION")]
    pub missing_after: Option<String>,
    /// Look and log what would be done; change nothing, in AWS or in the table.
    #[arg(long, env = "UNDERSTUDY_OBSERVE_ONLY", hide_env_values = true)]
    #[arg(value_parser = clap::builder::BoolishValueParser::new())]
    observe_only: bool,
    /// End when nothing more is to be done soon, and print what each environment waits for.
    #[arg(long, env = "UNDERSTUDY_ONCE", hide_env_values = true)]
    #[arg(value_parser = clap::builder::BoolishValueParser::new())]
    once: bool,
}

/// Runs a replica.
pub async fn run(args: Args, config: &Config) -> Ended {
    let session = session::open(config).await?;
    if args.once {
        // A table that is missing or out of reach is told at once, not after the patience that a held lease deserves.
        session.store.get(&Key::new(CONTROLLER, LEASE)).await?;
    }
    let real_clock = SystemClock::start();
    let local_clock = session::local_clock(config).await?;
    if local_clock.is_none() {
        tell_apart_clocks(&session.store).await;
    }
    let clock: &dyn Clock = local_clock.as_ref().map_or(&real_clock, |local| local);
    let follow = async {
        match &local_clock {
            Some(local) => local.follow().await,
            None => std::future::pending().await,
        }
    };
    let cloud = Throttled::new(Aws::new(session.sdk), clock, Share::default());
    let ctx = Ctx {
        cloud: &cloud,
        store: &session.store,
        clock,
        real_clock: &real_clock,
        entropy: &SystemEntropy,
        default_region: session.region,
        missing_after: config.missing_after,
        reference: &Reference::default(),
    };
    let options = Options {
        holder: holder(),
        resync_interval: config.resync_interval,
        observe_only: args.observe_only,
        once: args.once,
    };
    let (asked, end) = tokio::sync::oneshot::channel();
    let replica = Box::pin(controller::run(&ctx, &options, async {
        // The sender is dropped only after it has sent.
        let _ = end.await;
    }));
    let by_ctrl_c = Cell::new(false);
    let deadline = Box::pin(async {
        by_ctrl_c.set(terminated().await == Signalled::Interrupt);
        tracing::info!("asked to end");
        // The replica may have ended in the same instant.
        let _ = asked.send(());
        tokio::time::sleep(ENDING_MAX).await;
    });
    let ended = tokio::select! {
        biased;
        ended = select(replica, deadline) => ended,
        never = follow => match never {},
    };
    let Pressure { held, waited, refused } = cloud.pressure();
    let waited_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
    tracing::debug!(held, waited_ms, refused, "calls held back to keep to our share of the quotas");
    match ended {
        // It is a service, which Ctrl-C ends in order; but what was to be done once was not done.
        Either::Left((RunOutcome::Stopped, _)) if args.once && by_ctrl_c.get() => Ok(Verdict::Interrupted),
        Either::Left((outcome, _)) => concluded(outcome),
        Either::Right(((), _)) => {
            tracing::warn!("not ended in time, the next leader takes up what was under way");
            Ok(Verdict::Yes)
        }
    }
}

/// Warns when the table goes by another time than this machine. Nothing is decided by it: all that follows is measured by our own.
async fn tell_apart_clocks(store: &DynamoDb) {
    let asked = tokio::time::timeout(CLOCK_WITHIN, store.get_with_date(&Key::new(CONTROLLER, HEARTBEAT))).await;
    let Ok(Ok((_, Some(table)))) = asked else { return };
    let apart = table.duration_since(Timestamp::now());
    if apart.abs() > APART_MAX {
        tracing::warn!(
            apart_s = apart.as_secs(),
            "the table's clock is not this machine's, so that this controller may look as if it had ended; on \
             `understudy cloud` start it with --local, elsewhere set the machine's clock"
        );
    }
}

/// What ended a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signalled {
    /// SIGTERM, by whoever runs it.
    Terminate,
    /// Ctrl-C.
    Interrupt,
}

/// Ends with SIGTERM or Ctrl-C.
pub(super) async fn terminated() -> Signalled {
    match signal(SignalKind::terminate()) {
        Ok(mut sigterm) => {
            tokio::select! {
                biased;
                _ = sigterm.recv() => Signalled::Terminate,
                _ = tokio::signal::ctrl_c() => Signalled::Interrupt,
            }
        }
        Err(error) => {
            tracing::warn!(%error, "SIGTERM cannot be listened for");
            // If this one cannot be either, the signal's own effect remains.
            let _ = tokio::signal::ctrl_c().await;
            Signalled::Interrupt
        }
    }
}

/// A name that no other process ever had, and that leads a person to this one.
fn holder() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| std::env::var("HOSTNAME").ok());
    let host = host.map(|host| host.trim().to_owned()).filter(|host| !host.is_empty());
    let chance = SystemEntropy.draw(Purpose::Identity);
    format!("{}-{}-{chance:016x}", host.as_deref().unwrap_or("understudy"), std::process::id())
}

fn concluded(outcome: RunOutcome) -> Ended {
    match outcome {
        RunOutcome::Stopped => Ok(Verdict::Yes),
        RunOutcome::Settled(standings) => settled(&standings),
        RunOutcome::NotLeading { holder } => {
            let wrong = format!("another controller has it: {holder}");
            Err(Failure::failed(Complaint::new("lease", wrong, "end that one, or leave the work to it")))
        }
        RunOutcome::Unreachable(error) => Err(error.into()),
    }
}

/// Prints where each environment stands. Those that could not be looked at are complained about.
fn settled(standings: &BTreeMap<String, Standing>) -> Ended {
    let printer = Printer::new();
    if standings.is_empty() {
        eprintln!("no environments in the table");
    }
    for (name, standing) in standings {
        for line in lines(name, standing) {
            printer.line(&line)?;
        }
    }
    let completed = standings.is_empty() || standings.values().any(|standing| standing.completed > 0);
    let complaints: Vec<Complaint> = standings
        .iter()
        .filter_map(|(name, standing)| {
            let instead = "correct what it names; it is tried again by the next run";
            standing.failure.as_ref().map(|failure| Complaint::of_environment(name, failure, instead))
        })
        .collect();
    if completed {
        complaints.iter().for_each(|complaint| eprintln!("{complaint}"));
        return Ok(Verdict::Yes);
    }
    Err(Failure::usage(complaints))
}

fn lines(name: &str, standing: &Standing) -> Vec<String> {
    let head = format!("stagingenvironment/{name}");
    if standing.is_gone {
        return vec![format!("{head} deleted")];
    }
    let waits = standing.waiting_for();
    if waits.is_empty() && standing.failure.is_none() {
        return vec![format!("{head} waits for nothing")];
    }
    waits.iter().map(|wait| format!("{head} waits for {}: {}", whom(wait), said(wait))).collect()
}

/// Who or what ends a wait.
fn whom(wait: &Wait) -> &'static str {
    match wait.on {
        WaitOn::Aws => "AWS",
        WaitOn::Time => "time",
        WaitOn::Person => "a person",
    }
}
