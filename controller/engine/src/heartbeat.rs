//! The item HEARTBEAT: that a controller is alive, and when it last completed a pass of each environment.
//!
//! Readers judge its age by the time of DynamoDB's own reply; older than three minutes means that none is running.
//! Never: more often than once a minute, but for the end of `--once`, and never the cause of a pass.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::Clock;
use crate::items::{self, CONTROLLER, HEARTBEAT};
use crate::store::{Change, Key, RecordStore, StoreError};
use crate::writer::{WriteError, Writer};

/// How often it is written: two may fail before a reader takes the controller for dead.
pub const INTERVAL: Duration = Duration::from_secs(60);
/// How soon it is tried again when it was not written.
const RETRY_INTERVAL: Duration = Duration::from_secs(10);

/// What is to be told.
#[derive(Debug, Default)]
pub struct Heartbeat {
    passes: BTreeMap<String, Timestamp>,
    due: Duration,
}

/// A heartbeat as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// When, by the controller's clock.
    pub at: Timestamp,
    /// By which replica.
    pub holder: String,
    /// In which epoch of the lease.
    pub epoch: u64,
    /// When each environment's last pass was completed.
    pub passes: BTreeMap<String, Timestamp>,
}

impl Heartbeat {
    /// Notes that a pass was completed.
    pub fn note(&mut self, name: &str, at: Timestamp) {
        self.passes.insert(name.to_owned(), at);
    }

    /// Forgets an environment that is gone.
    pub fn forget(&mut self, name: &str) {
        self.passes.remove(name);
    }

    /// When it is due, by `Clock::elapsed`: at once at first.
    pub fn next_due(&self) -> Duration {
        self.due
    }

    /// Writes it now, by `clock`. Look at [`Self::next_due`] before; the end of `--once` does not.
    ///
    /// # Errors
    /// The writer's; it is soon due again.
    pub async fn beat(&mut self, clock: &dyn Clock, writer: &Writer<'_>) -> Result<(), WriteError> {
        self.due = clock.elapsed() + RETRY_INTERVAL;
        let lease = writer.lease();
        let beat = Beat {
            at: clock.now(),
            holder: lease.holder().to_owned(),
            epoch: lease.epoch(),
            passes: self.passes.clone(),
        };
        writer.write(vec![Change::Put(items::item(&key(), &beat, None), vec![])]).await?;
        self.due = clock.elapsed() + INTERVAL;
        Ok(())
    }
}

/// The last heartbeat; `None` when there never was one, or when it cannot be read.
///
/// # Errors
/// The store's.
pub async fn read(store: &dyn RecordStore) -> Result<Option<Beat>, StoreError> {
    Ok(store.get(&key()).await?.and_then(|item| serde_json::from_value(Value::Object(item)).ok()))
}

fn key() -> Key {
    Key::new(CONTROLLER, HEARTBEAT)
}

#[cfg(test)]
mod tests;
