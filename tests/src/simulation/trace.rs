//! The trace of a run, line by line: what happened, what was decided and why, what arrived at AWS.
//!
//! The same seed gives the same trace, byte for byte. Reads are left out: they are many, and change nothing.

use std::time::Duration;

use engine::items::{DONE_PASSES, EVENTS, OPEN_PASSES, STATUS};
use ports::{Change, Item};
use serde_json::Value;
use simulator::cloud::tape::{Arrival, Came};
use simulator::store::Written;

/// A line at an instant.
pub fn line(at: Duration, what: &str) -> String {
    format!("{:11.3}  {what}", at.as_secs_f64())
}

/// The line of a mutating call.
pub fn arrived(trace: &mut Vec<String>, arrival: &Arrival) {
    let came = match &arrival.came {
        Came::Refused(code) => format!("refused: {code}"),
        Came::Answered { .. } => return,
        Came::Changed(changed) => {
            let made = changed.made.as_ref().map(|made| format!(" -> {made}")).unwrap_or_default();
            format!("{}{made}{}", about(&changed.write), if changed.late { " (late)" } else { "" })
        }
    };
    let what = format!("{} calls {} {came}", arrival.client, arrival.operation);
    trace.push(line(arrival.at, &what));
}

fn about(write: &aws_api::Write) -> String {
    let text = serde_json::to_string(write).unwrap_or_default();
    text.chars().take(200).collect()
}

/// The lines of a write to the table.
pub fn written(trace: &mut Vec<String>, write: &Written) {
    for change in &write.changes {
        if let Change::Put(item, _) = change {
            for what in put(item) {
                trace.push(line(write.at, &what));
            }
        }
    }
}

fn put(item: &Item) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let sk = item.get("sk").map(text).unwrap_or_default();
    if sk.starts_with(OPEN_PASSES) {
        let actions = item.get("actions").and_then(Value::as_array).cloned().unwrap_or_default();
        let holder = item.get("holder").map(text).unwrap_or_default();
        let decided = |action: &Value| {
            let (id, reason, message) = (text(&action["id"]), text(&action["reason"]), text(&action["message"]));
            format!("{holder} decides {id} because {reason}: {message}")
        };
        return actions.iter().map(decided).collect();
    }
    if sk.starts_with(DONE_PASSES) {
        let outcomes = item.get("end").and_then(|end| end["outcomes"].as_object()).cloned().unwrap_or_default();
        return outcomes.iter().map(|(id, outcome)| format!("  {id}: {}", text(outcome))).collect();
    }
    if sk.starts_with(EVENTS) {
        let part = |name: &str| item.get(name).map(text).unwrap_or_default();
        return vec![format!("  event {} {}: {}", part("reason"), part("resource"), part("message"))];
    }
    if sk == STATUS {
        let conditions = item.get("conditions").and_then(Value::as_array).cloned().unwrap_or_default();
        let not_true = conditions.iter().filter(|one| one["status"] != "True");
        let said =
            not_true.map(|one| format!("{} {} {}", text(&one["type"]), text(&one["status"]), text(&one["reason"])));
        let said = said.collect::<Vec<_>>().join(", ");
        return vec![format!("  status: {}", if said.is_empty() { "all is well" } else { &said })];
    }
    if sk == "LEASE" || sk == "HEARTBEAT" {
        return Vec::new();
    }
    vec![format!("  stores {sk}")]
}
