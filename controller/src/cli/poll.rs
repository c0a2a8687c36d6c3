//! Looking again and again until something is so, time is up, or the user has seen enough.

use std::future::Future;
use std::time::Duration;

use engine::store::StoreError;
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

/// Sleeps until the next look is due.
pub async fn pause(deadline: Option<Instant>) -> Until<()> {
    let next = Instant::now() + INTERVAL;
    if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
        return Until::TimeUp;
    }
    tokio::select! {
        biased;
        _ = tokio::signal::ctrl_c() => Until::Interrupted,
        () = tokio::time::sleep_until(deadline.map_or(next, |deadline| deadline.min(next))) => Until::Came(()),
    }
}

/// Reads, and reads again when the store is only out of reach for a moment: a watch outlives that. The first read is
/// not made under it, so that a wrong endpoint is told at once.
pub async fn patiently<T, F>(mut read: impl FnMut() -> F, deadline: Option<Instant>) -> Result<Until<T>, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    loop {
        match read().await {
            Ok(value) => return Ok(Until::Came(value)),
            Err(error @ (StoreError::Unanswered { .. } | StoreError::Throttled { .. })) => {
                tracing::warn!(%error, "record cannot be read, will retry");
            }
            Err(error) => return Err(error),
        }
        match pause(deadline).await {
            Until::Came(()) => {}
            Until::TimeUp => return Ok(Until::TimeUp),
            Until::Interrupted => return Ok(Until::Interrupted),
        }
    }
}
