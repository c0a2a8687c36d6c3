//! Looking again and again until something is so, time is up, or the user has seen enough.
//!
//! Ctrl-C is listened for once, from the first look on: one that comes while the table is read is not missed.

use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;

use ports::StoreError;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

/// How often the table is looked at.
pub const INTERVAL: Duration = Duration::from_secs(1);

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until<T> {
    /// What was waited for came.
    Came(T),
    /// Time was up.
    TimeUp,
    /// The user pressed Ctrl-C.
    Interrupted,
}

/// Looks again and again.
pub struct Watch {
    deadline: Option<Instant>,
    /// Absent where it cannot be listened for: then the signal's own effect remains.
    ctrl_c: Option<Signal>,
}

impl Watch {
    /// Until then at most, or for as long as the user likes. From now on Ctrl-C ends a wait and not the process.
    pub fn until(deadline: Option<Instant>) -> Self {
        let ctrl_c = signal(SignalKind::interrupt());
        Self {
            deadline,
            ctrl_c: ctrl_c.inspect_err(|error| tracing::warn!(%error, "Ctrl-C cannot be listened for")).ok(),
        }
    }

    /// Sleeps until the next look is due.
    pub async fn pause(&mut self) -> Until<()> {
        let next = Instant::now() + INTERVAL;
        let deadline = self.deadline;
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Until::TimeUp;
        }
        tokio::select! {
            biased;
            () = interrupted(&mut self.ctrl_c) => Until::Interrupted,
            () = tokio::time::sleep_until(deadline.map_or(next, |deadline| deadline.min(next))) => Until::Came(()),
        }
    }

    /// Reads, and reads again when the store is only out of reach for a moment: a watch outlives that. The first read is
    /// not made under it, so that a wrong endpoint is told at once.
    pub async fn patiently<T, F>(&mut self, mut read: impl FnMut() -> F) -> Result<Until<T>, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        loop {
            let answer = tokio::select! {
                biased;
                () = interrupted(&mut self.ctrl_c) => return Ok(Until::Interrupted),
                answer = read() => answer,
            };
            match answer {
                Ok(value) => return Ok(Until::Came(value)),
                Err(error @ (StoreError::Unanswered { .. } | StoreError::Throttled { .. })) => {
                    tracing::warn!(%error, "record cannot be read, will retry");
                }
                Err(error) => return Err(error),
            }
            match self.pause().await {
                Until::Came(()) => {}
                Until::TimeUp => return Ok(Until::TimeUp),
                Until::Interrupted => return Ok(Until::Interrupted),
            }
        }
    }
}

/// Ends when Ctrl-C was pressed since this was last asked.
async fn interrupted(ctrl_c: &mut Option<Signal>) {
    match ctrl_c {
        // It ends only with the runtime, and so with us.
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// Tells on stderr what is waited for: a line when it changes, and none twice.
#[derive(Debug, Default)]
pub struct Progress {
    told: BTreeSet<String>,
}

impl Progress {
    /// Tells that, unless what goes by the same key was told before.
    pub fn tell(&mut self, key: &str, says: &str) {
        if self.told.insert(key.to_owned()) {
            eprintln!("waiting: {}", says.lines().map(str::trim).collect::<Vec<_>>().join(" "));
        }
    }
}
