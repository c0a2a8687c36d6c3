//! The item HEARTBEAT: that a controller is alive, which one, and when it last completed a pass of each environment.
//!
//! With its first one a new leader tells, in an event of the controller's own partition, whose place it took.
//! Readers judge its age by the time of DynamoDB's own reply; older than three minutes means that none is running.
//! Never: more often than once a minute, but for the end of `--once`, and never the cause of a pass.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use planner::conclude::Event;
use planner::reason::{Reason, Severity};
use ports::{Change, Clock, Key, Purpose, RecordStore, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::items::{self, CONTROLLER, HEARTBEAT};
use crate::recorder;
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
    /// Absent before the first.
    leads: Option<Leads>,
    looks_every: Option<Duration>,
}

/// Since when this replica leads, and in whose place.
#[derive(Debug, Clone)]
struct Leads {
    since: Timestamp,
    before: Option<Beat>,
    /// Whether that is still to be told.
    is_news: bool,
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
    /// Since when it leads.
    #[serde(default, rename = "leadsSince", skip_serializing_if = "Option::is_none")]
    pub leads_since: Option<Timestamp>,
    /// Which replica led before it; absent: none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// How many seconds apart it looks at each environment, where its share of AWS's quota has no room for as often as asked.
    #[serde(default, rename = "looksEverySeconds", skip_serializing_if = "Option::is_none")]
    pub looks_every_seconds: Option<u64>,
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

    /// Notes how often environments are looked at, where that is less often than was asked.
    pub fn note_interval(&mut self, looks_every: Option<Duration>) {
        self.looks_every = looks_every;
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
        let leads = match &self.leads {
            Some(leads) => leads.clone(),
            None => Leads::begin(clock.now(), writer).await?,
        };
        let beat = Beat {
            at: clock.now(),
            holder: lease.holder().to_owned(),
            epoch: lease.epoch(),
            passes: self.passes.clone(),
            leads_since: Some(leads.since),
            before: leads.before.as_ref().map(|before| before.holder.clone()),
            looks_every_seconds: self.looks_every.map(|every| every.as_secs()),
        };
        let mut changes = vec![Change::Put(items::item(&key(), &beat, None), vec![])];
        changes.extend(leads.told(&beat, writer));
        writer.write(changes).await?;
        self.leads = Some(Leads { is_news: false, ..leads });
        self.due = clock.elapsed() + INTERVAL;
        Ok(())
    }
}

impl Leads {
    async fn begin(now: Timestamp, writer: &Writer<'_>) -> Result<Self, WriteError> {
        let found = read(writer.store()).await.map_err(WriteError::Unavailable)?;
        let before = found.filter(|beat| beat.holder != writer.lease().holder());
        Ok(Self { since: now, is_news: before.is_some(), before })
    }

    fn told(&self, beat: &Beat, writer: &Writer<'_>) -> Option<Change> {
        let before = self.before.as_ref().filter(|_| self.is_news)?;
        let message = format!(
            "{} leads in epoch {}, in place of {}, whose last report is of {:.0}",
            beat.holder, beat.epoch, before.holder, before.at
        );
        let (severity, reason, resource) = (Severity::Normal, Reason::LeaderChanged, "controller".to_owned());
        let event = Event { severity, reason, resource, message, action: None, lasts: false };
        let id = items::sortable_id(self.since, 0, writer.entropy().draw(Purpose::Record));
        Some(recorder::told(CONTROLLER, &event, id, 1, self.since))
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
