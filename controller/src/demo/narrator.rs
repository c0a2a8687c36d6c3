//! Tells the demonstration: what the controller wrote into its record, as it writes it.
//!
//! In: STATUS and the events of the table, read as any client reads them. Out: lines on stdout.

use std::collections::BTreeSet;
use std::time::Duration;

use engine::recorder;
use jiff::Timestamp;
use planner::status::{ConditionType, Status, Truth};
use ports::{Key, RecordStore};
use serde_json::Value;

use super::{DemoError, say};
use crate::layout::{self, Names, hanging};

pub(super) struct Narrator {
    name: String,
    began: Timestamp,
    /// The last event that was told.
    last: String,
    waits: BTreeSet<String>,
    status: Option<Status>,
    /// Characters in a line, where that is bounded.
    width: Option<usize>,
}

impl Narrator {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            began: Timestamp::UNIX_EPOCH,
            last: String::new(),
            waits: BTreeSet::new(),
            status: None,
            width: layout::width(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn begin(&mut self, now: Timestamp, title: &str) -> Result<(), DemoError> {
        self.began = now;
        self.waits.clear();
        say("")?;
        hanging("", title, self.width).iter().try_for_each(|line| say(line))
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
        self.laid_out(at, word, sentence).iter().try_for_each(|line| say(line))
    }

    fn laid_out(&self, at: Timestamp, word: &str, sentence: &str) -> Vec<String> {
        let head = format!("  {:>7}  {word:<22} ", since(self.began, at));
        hanging(&head, &Names::of(self.status.as_ref()).shortened(sentence), self.width)
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
            let said = format!("{} {}: {}", condition.kind, condition.reason, condition.message);
            hanging("    ", &said, self.width).iter().try_for_each(|line| say(line))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn told(width: usize) -> String {
        let narrator = Narrator { width: Some(width), ..Narrator::new("shop") };
        let at = narrator.began + Duration::from_secs(376);
        let lines = [
            ("Degraded", "Ready is False: InSync: authorize/instances/ingress (RuleMissing)"),
            ("waits for", "slot 3 (i-0ee979f2730a45df3) stays until others are healthy: 1 of 2, until +9:10 at most"),
            ("TerminationBudgetSpent", "HealingAllowed is False: healing.maxTerminationsPerHour (4) is used up"),
        ];
        let lines: Vec<String> = lines.iter().flat_map(|(word, says)| narrator.laid_out(at, word, says)).collect();
        assert!(lines.iter().all(|line| line.chars().count() <= width), "{lines:#?}");
        lines.join("\n")
    }

    #[test]
    fn what_is_told_goes_on_under_its_column() {
        insta::assert_snapshot!("told_80", told(80));
        insta::assert_snapshot!("told_200", told(200));
    }
}
