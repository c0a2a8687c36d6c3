//! What it says: no `Ready` that its sight does not bear, every action told with its reason, a change soon in the status.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::items::{DONE_PASSES, EVENTS, STATUS};
use engine::journal::Entry;
use engine::recorder::REPEAT_AFTER;
use engine::store::{Change, Item};
use serde_json::Value;
use simulator::cloud::View;
use simulator::store::Written;

use super::Ruling;
use crate::RESYNC;
use crate::simulation::facts::{Facts, Sight};
use crate::simulation::tally::Tally;

const READY: &str = "Ready only when the snapshot showed count healthy";
const TOLD: &str = "every action ends with its event and its reason";
const SOON: &str = "a real change is in status within one resync and one pass";
/// The longest pass that nothing disturbs: its calls take 50 ms each, its writes less.
const PASS: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Default)]
pub struct Voice {
    /// When each reason was last told.
    told: BTreeMap<String, Duration>,
    /// Since when fewer members are healthy than are wanted.
    degraded: Option<Duration>,
}

impl Voice {
    /// Judges what is said.
    pub fn written(&mut self, write: &Written, facts: &Facts, tally: &mut Tally) -> Ruling {
        let items = || {
            write.changes.iter().filter_map(|change| match change {
                Change::Put(item, _) => Some((item, item.get("sk").and_then(Value::as_str).unwrap_or_default())),
                Change::Delete(..) | Change::Check(..) => None,
            })
        };
        for (item, _) in items().filter(|(_, sk)| sk.starts_with(EVENTS)) {
            if let Some(reason) = item.get("reason").and_then(Value::as_str) {
                self.told.insert(reason.to_owned(), write.at);
            }
        }
        for (item, sk) in items() {
            if sk == STATUS {
                ready(item, write.at, facts, tally)?;
            } else if sk.starts_with(DONE_PASSES) {
                self.ended(item, write.at, tally)?;
            }
        }
        Ok(())
    }

    fn ended(&self, item: &Item, at: Duration, tally: &mut Tally) -> Ruling {
        let Ok(entry) = serde_json::from_value::<Entry>(Value::Object(item.clone())) else {
            return Err((TOLD, "a journal entry cannot be read".into()));
        };
        let Some(end) = entry.end.as_ref().filter(|end| !end.interrupted) else { return Ok(()) };
        for line in &entry.actions {
            let outcome = end.outcomes.get(&line.id).map_or("", String::as_str);
            if !outcome.starts_with("done") {
                continue;
            }
            tally.count("oracle: an action is told");
            let told = self.told.get(line.reason.name());
            if told.is_none_or(|told| *told + REPEAT_AFTER + Duration::from_secs(300) < at) {
                return Err((TOLD, format!("{} was done because {}, and no event says so", line.id.0, line.reason)));
            }
        }
        Ok(())
    }

    /// Judges whether the status says what is.
    pub fn around(&mut self, view: &View, is_calm: bool, facts: &Facts, tally: &mut Tally) -> Ruling {
        let healthy = serving(view);
        let wanted = facts.bounds(view.at()).map(|bounds| bounds.count).min().unwrap_or(0);
        if healthy >= wanted || !is_calm || facts.damaged.is_some() {
            self.degraded = None;
            return Ok(());
        }
        let since = *self.degraded.get_or_insert(view.at());
        // Between two looks of ours it was well, and the replica saw that.
        let saw_well = |sight: &Sight| sight.health > since && sight.healthy.values().any(|all| all.len() >= wanted);
        if facts.sight.values().any(saw_well) {
            self.degraded = None;
            return Ok(());
        }
        if view.at() < since + RESYNC + PASS {
            return Ok(());
        }
        tally.count("oracle: a change is in status");
        if facts.says("Ready", "True") {
            return Err((SOON, format!("{healthy} of {wanted} are healthy since {since:?}, and Ready is True")));
        }
        Ok(())
    }
}

/// Healthy targets of the group that serves.
pub fn serving(view: &View) -> usize {
    let listeners = view.load_balancers().into_iter().flat_map(|balancer| view.listeners(&balancer.arn));
    let mut groups = listeners.filter_map(|listener| listener.forwards_to);
    groups.next().map_or(0, |group| view.healthy(&group))
}

fn ready(item: &Item, at: Duration, facts: &Facts, tally: &mut Tally) -> Ruling {
    let conditions = item.get("conditions").and_then(Value::as_array);
    let is_ready = conditions.into_iter().flatten().any(|one| one["type"] == "Ready" && one["status"] == "True");
    if !is_ready {
        return Ok(());
    }
    tally.count("oracle: Ready is borne out");
    let desired = item.get("desired").and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
    let leader = facts.leader(at).map(|(_, holder, _)| holder.as_str()).unwrap_or_default();
    let client = leader.rsplit_once('-').map_or("", |(client, _)| client);
    let told = facts.sight.get(client).into_iter().flat_map(|sight| sight.healthy.values()).map(|all| all.len()).max();
    if told.unwrap_or(0) < desired {
        return Err((READY, format!("{client} was told of {told:?} healthy targets, and {desired} are wanted")));
    }
    Ok(())
}
