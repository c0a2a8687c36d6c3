//! Tells the demonstration: what the controller wrote into its record, as it writes it.
//!
//! In: STATUS and the events of the table, read as any client reads them. Out: lines on stdout.

use std::collections::BTreeSet;
use std::time::Duration;

use engine::recorder;
use engine::store::{Key, RecordStore};
use jiff::Timestamp;
use planner::status::{ConditionType, Status, Truth};
use serde_json::Value;

use super::{DemoError, say};

pub(super) struct Narrator {
    name: String,
    began: Timestamp,
    /// The last event that was told.
    last: String,
    waits: BTreeSet<String>,
    status: Option<Status>,
}

impl Narrator {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            began: Timestamp::UNIX_EPOCH,
            last: String::new(),
            waits: BTreeSet::new(),
            status: None,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn begin(&mut self, now: Timestamp, title: &str) -> Result<(), DemoError> {
        self.began = now;
        self.waits.clear();
        say(&format!("\n{title}"))
    }

    /// Tells what is new, and says whether the environment is ready, with nobody on the way in or out.
    pub(super) async fn look(&mut self, store: &impl RecordStore, now: Timestamp) -> Result<bool, DemoError> {
        let item = store.get(&Key::new(&self.name, "STATUS")).await?;
        self.status = item.and_then(|item| serde_json::from_value(Value::Object(item)).ok());
        // After the status, since both are written at once: what is settled has been told.
        for event in recorder::events(store, &self.name, now).await? {
            if event.id > self.last {
                self.line(event.time, &event.reason, &event.message)?;
                self.last = event.id;
            }
        }
        let Some(status) = &self.status else { return Ok(false) };
        let waits: Vec<(String, String)> = status
            .waiting_for
            .iter()
            .map(|wait| {
                let until = wait.until.map(|until| format!(", until {} at most", since(self.began, until)));
                (wait.what.clone(), until.unwrap_or_default())
            })
            .collect();
        let ready = status.condition(ConditionType::Ready).is_some_and(|ready| ready.status == Truth::True);
        let members = u32::try_from(status.instances.len()).unwrap_or(u32::MAX);
        let settled = ready && members == status.desired;
        for (what, until) in waits {
            if self.waits.insert(what.clone()) {
                self.line(now, "waits for", &format!("{what}{until}"))?;
            }
        }
        Ok(settled)
    }

    fn line(&self, at: Timestamp, word: &str, sentence: &str) -> Result<(), DemoError> {
        say(&format!("  {:>7}  {word:<25} {sentence}", since(self.began, at)))
    }

    pub(super) fn end(&self, took: Duration, repaired: bool) -> Result<(), DemoError> {
        let status = self.status.as_ref();
        let (ready, desired) = status.map_or((0, 0), |status| (status.ready, status.desired));
        let word = if repaired { "Repaired" } else { "Ready" };
        say(&format!("  {word} after {}: {ready} of {desired} healthy.", spoken(took)))
    }

    pub(super) fn give_up(&self, took: Duration) -> Result<(), DemoError> {
        say(&format!("  Not repaired after {}.", spoken(took)))?;
        for condition in self.status.iter().flat_map(|status| &status.conditions).filter(|c| c.status != Truth::True) {
            say(&format!("    {} {}: {}", condition.kind, condition.reason, condition.message))?;
        }
        Ok(())
    }
}

/// How long after `from`, as `+2:05`.
fn since(from: Timestamp, at: Timestamp) -> String {
    let seconds = at.duration_since(from).as_secs().max(0);
    format!("+{}:{:02}", seconds / 60, seconds % 60)
}

fn spoken(took: Duration) -> String {
    let seconds = took.as_secs();
    if seconds < 60 { format!("{seconds} s") } else { format!("{} min {} s", seconds / 60, seconds % 60) }
}
