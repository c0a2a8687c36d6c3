//! The run loop: waits for the lease, then leads until it is lost or the end is asked for.
//!
//! In: a context, options, and a future that ends when the process should. Out: why it ended, and with `once` where each
//! environment stands. All of a replica is this one future: dropped, it is a crash; not polled, a pause.
//! Never: acts without the lease (promise I4), or lets one environment hold up another (promise I8). What happens while
//! it leads is in [`tenure`].

mod pace;
mod tenure;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use futures::future::FusedFuture;
use futures::{FutureExt, pin_mut, select_biased};
use planner::status::{Status, Wait};
use ports::StoreError;

use self::tenure::{Ended, lead};
use crate::context::Ctx;
use crate::lease::{Attempt, Lease, bounded};
use crate::reconcile::Pass;

/// How often a waiting replica looks whether the lease is free: a successor then starts within this of a release.
const ACQUIRE_INTERVAL: Duration = Duration::from_secs(2);
/// How long `once` waits for the lease: twice as long as a crashed holder keeps it.
pub const ONCE_LEASE_MAX: Duration = Duration::from_secs(30);
/// Longest run of `once`: a first converge takes AWS a few minutes.
pub const ONCE_MAX: Duration = Duration::from_secs(15 * 60);
/// How long the release of the lease may take at the end. A successor otherwise waits as after a crash.
const RELEASE_MAX: Duration = Duration::from_secs(3);

/// How to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// This replica's name in the lease; another for every process that ever ran.
    pub holder: String,
    /// How often each environment is looked at though nothing changed.
    pub resync_interval: Duration,
    /// Plans and logs, but changes nothing, neither in AWS nor in the table, and needs no lease.
    pub observe_only: bool,
    /// Ends when nothing more is to be done soon.
    pub once: bool,
}

/// Why a run ended.
#[derive(Debug)]
pub enum RunOutcome {
    /// It was asked to. What was under way is finished, or left for the next leader to take up.
    Stopped,
    /// `once`: nothing more is to be done soon. Where each environment stands, by its name.
    Settled(BTreeMap<String, Standing>),
    /// `once`: the lease was not had in time.
    NotLeading {
        /// Who has it.
        holder: String,
    },
    /// `once`: the table did not answer.
    Unreachable(StoreError),
}

/// Where an environment stands at the end of `once`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Standing {
    /// Passes that went through.
    pub completed: u32,
    /// The status of the last one that did; absent when there was none, or when the environment is gone.
    pub status: Option<Status>,
    /// What the last pass failed of, if it did.
    pub failure: Option<String>,
    /// Whether there is no such environment any more.
    pub is_gone: bool,
}

impl Standing {
    /// What it waits for: AWS, time, or a person.
    pub fn waiting_for(&self) -> &[Wait] {
        self.status.as_ref().map_or(&[], |status| &status.waiting_for)
    }

    fn note(&mut self, pass: &Pass) {
        self.failure = pass.halt.as_ref().map(ToString::to_string);
        if pass.is_complete() {
            self.completed += 1;
            self.status.clone_from(&pass.status);
            self.is_gone = pass.is_gone;
        }
    }
}

/// Runs until `shutdown` ends, or with `once` until nothing more is to be done soon.
pub async fn run(ctx: &Ctx<'_>, options: &Options, shutdown: impl Future<Output = ()>) -> RunOutcome {
    let shutdown = shutdown.fuse();
    pin_mut!(shutdown);
    let lease = Lease::new(options.holder.clone(), ctx.store, ctx.real_clock, ctx.entropy);
    let deadline = options.once.then(|| ctx.real_clock.elapsed() + ONCE_MAX);
    loop {
        if !options.observe_only
            && let Some(outcome) = acquire(ctx, options, &lease, &mut shutdown).await
        {
            return outcome;
        }
        match lead(ctx, options, &lease, deadline, &mut shutdown).await {
            Ended::LeaseLost => tracing::warn!("lease lost"),
            Ended::Because(outcome) => {
                release(ctx, &lease).await;
                return outcome;
            }
        }
    }
}

/// Waits until the lease is ours. An outcome means that it never will be.
async fn acquire(
    ctx: &Ctx<'_>,
    options: &Options,
    lease: &Lease<'_>,
    shutdown: &mut (impl FusedFuture<Output = ()> + Unpin),
) -> Option<RunOutcome> {
    let patience = options.once.then(|| ctx.real_clock.elapsed() + ONCE_LEASE_MAX);
    let mut waits_for = None;
    loop {
        let (refusal, pause) = match lease.try_acquire().await {
            Ok(Attempt::Acquired) => {
                tracing::info!(holder = options.holder, epoch = lease.epoch(), "lease acquired");
                return None;
            }
            Ok(Attempt::Held { by, wait }) => {
                if waits_for.as_ref() != Some(&by) {
                    tracing::info!(holder = by, "waiting for the lease");
                    waits_for = Some(by.clone());
                }
                (RunOutcome::NotLeading { holder: by }, wait.min(ACQUIRE_INTERVAL))
            }
            Err(error) => {
                tracing::warn!(%error, "lease not read");
                (RunOutcome::Unreachable(error), ACQUIRE_INTERVAL)
            }
        };
        if patience.is_some_and(|until| ctx.real_clock.elapsed() + pause > until) {
            return Some(refusal);
        }
        let mut pause = ctx.real_clock.sleep(pause).fuse();
        select_biased! {
            () = &mut *shutdown => return Some(RunOutcome::Stopped),
            () = pause => {}
        }
    }
}

/// Gives the lease up, if it is ours. Nothing is under way any more.
async fn release(ctx: &Ctx<'_>, lease: &Lease<'_>) {
    let released = bounded(ctx.real_clock, RELEASE_MAX, lease.release()).await;
    if let Err(error) = released {
        tracing::warn!(%error, "lease not released");
    }
}
