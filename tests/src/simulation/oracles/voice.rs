//! What it says: no `Ready` that its sight does not bear, every action told with its reason, one that failed with its error
//! besides, a change soon in the status, and never in sync beside a rule that somebody made.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::items::{DONE_PASSES, EVENTS, STATUS};
use engine::journal::{Entry, Line};
use engine::recorder::{REPEAT_AFTER, REWORD_AFTER};
use planner::reason::Reason;
use ports::Item;
use serde_json::Value;
use simulator::cloud::View;

use super::{Ruling, calls};
use crate::RESYNC;
use crate::simulation::environment::{Environment, Sight};
use crate::simulation::facts::Facts;
use crate::simulation::tally::Tally;

const READY: &str = "Ready only when the snapshot showed count healthy";
const ALONE: &str = "Ready only when what the record says serves alone";
const TOLD: &str = "every action ends with its event and its reason";
const FOREIGN: &str = "InSync only when no rule of a person stands on our listeners";
const SOON: &str = "a real change is in status within one resync and one pass";
/// The longest pass that nothing disturbs: its calls take 50 ms each, its writes less.
const PASS: Duration = Duration::from_secs(5);
/// Between the instant that a pass goes by and that of its last write.
const SLACK: Duration = Duration::from_secs(300);
/// What a failed action is told as.
const FAILURES: [Reason; 6] = [
    Reason::ActionFailed,
    Reason::ActionDenied,
    Reason::InsufficientCapacity,
    Reason::LaunchRejected,
    Reason::TerminationProtected,
    Reason::NotVisibleYet,
];

/// See the module.
#[derive(Default)]
pub struct Voice {
    /// When each sentence was told last of a resource, for a reason.
    told: BTreeMap<Told, Duration>,
    /// Since when fewer members are healthy than are wanted.
    degraded: Option<Duration>,
    /// Since when a rule stands on a listener that it made.
    ruled: Option<Duration>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Told {
    resource: String,
    reason: String,
    message: String,
}

impl Voice {
    /// Hears an event. Events are told in the write in which a pass ends, or before it.
    pub fn hear(&mut self, put: &Item, at: Duration) {
        let text = |name: &str| put.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        if text("sk").starts_with(EVENTS) {
            let told = Told { resource: text("resource"), reason: text("reason"), message: text("message") };
            self.told.insert(told, at);
        }
    }

    /// Judges what is said of an environment.
    pub fn written(&self, put: &Item, at: Duration, facts: &Facts, own: &Environment, tally: &mut Tally) -> Ruling {
        let sk = put.get("sk").and_then(Value::as_str).unwrap_or_default();
        if sk == STATUS {
            return ready(put, at, facts, own, tally);
        }
        if sk.starts_with(DONE_PASSES) {
            return self.ended(put, at, own, tally);
        }
        Ok(())
    }

    fn ended(&self, item: &Item, at: Duration, own: &Environment, tally: &mut Tally) -> Ruling {
        let Ok(entry) = serde_json::from_value::<Entry>(Value::Object(item.clone())) else {
            return Err((TOLD, "a journal entry cannot be read".into()));
        };
        let Some(end) = entry.end.as_ref().filter(|end| !end.interrupted) else { return Ok(()) };
        let opened = own.entries.get(&entry.id).map_or(at, |kept| kept.opened);
        for line in &entry.actions {
            let outcome = end.outcomes.get(&line.id).map_or("", String::as_str);
            let is_told = if let Some(made) = outcome.strip_prefix("done") {
                tally.count("oracle: an action is told");
                self.done(line, made.trim_start_matches(": "), opened, at)
            } else if let Some(error) = outcome.strip_prefix("failed: ") {
                tally.count("oracle: a failed action is told with its error");
                self.failed(line, error, at)
            } else {
                true
            };
            if !is_told {
                return Err((TOLD, format!("{} ({}): {outcome}; no event says so", line.id.0, line.reason)));
            }
        }
        Ok(())
    }

    /// Whether it was told since it was decided, for its reason, of what was made or of what it was done to. That something
    /// else was done to it for the same reason tells nothing of this: a member is taken out and terminated for one.
    fn done(&self, line: &Line, made: &str, opened: Duration, at: Duration) -> bool {
        let begins = calls::sentence(line);
        let says = |told: &Told| told.reason == line.reason.name() && told.message.starts_with(&begins);
        self.of(line, made, at).any(|(told, when)| when >= opened && says(told))
    }

    /// Whether it was told with what AWS said. In other words it is told again only after a while.
    fn failed(&self, line: &Line, error: &str, at: Duration) -> bool {
        let said = |told: &Told, when: Duration| told.message.starts_with(error) || when + REWORD_AFTER + SLACK > at;
        let failed = |told: &Told| FAILURES.iter().any(|one| one.name() == told.reason);
        self.of(line, "", at).any(|(told, when)| failed(told) && said(told, when))
    }

    /// What was told of what an action was done to, and not too long ago to be told again by now.
    fn of<'a>(
        &'a self,
        line: &'a Line,
        made: &'a str,
        at: Duration,
    ) -> impl Iterator<Item = (&'a Told, Duration)> + 'a {
        // What is made in the same plan has its id only in the event.
        let concerns = move |of: &str| of == line.resource || of == made || line.resource.contains("(of ");
        let lately = move |when: Duration| when + REPEAT_AFTER + SLACK >= at;
        let all = self.told.iter().filter(move |(told, when)| concerns(&told.resource) && lately(**when));
        all.map(|(told, when)| (told, *when))
    }

    /// Judges whether the status says what is.
    pub fn around(&mut self, view: &View, is_calm: bool, own: &Environment, tally: &mut Tally) -> Ruling {
        self.ruled(view, is_calm, own, tally)?;
        self.healthy(view, is_calm, own, tally)
    }

    /// Rules are no part of a record yet: each is somebody's.
    fn ruled(&mut self, view: &View, is_calm: bool, own: &Environment, tally: &mut Tally) -> Ruling {
        let listeners = view.load_balancers().into_iter().flat_map(|balancer| view.listeners(&balancer.arn));
        let mut ours = listeners.filter(|listener| own.ours.contains(listener.arn.as_str()));
        let Some(ruled) = ours.find(|listener| !view.rules(&listener.arn).is_empty()) else {
            self.ruled = None;
            return Ok(());
        };
        let since = *self.ruled.get_or_insert(view.at());
        if !is_calm || own.damaged.is_some() || own.deleting || view.at() < since + RESYNC + PASS {
            return Ok(());
        }
        tally.count("oracle: InSync beside a rule of a person");
        if own.says("InSync", "True") {
            return Err((FOREIGN, format!("a rule stands on {} since {since:?}, and InSync is True", ruled.arn)));
        }
        Ok(())
    }

    fn healthy(&mut self, view: &View, is_calm: bool, own: &Environment, tally: &mut Tally) -> Ruling {
        let healthy = own.serving(view).map_or(0, |group| view.healthy(&group));
        let wanted = own.bounds(view.at()).map(|bounds| bounds.count).min().unwrap_or(0);
        if healthy >= wanted || !is_calm || own.damaged.is_some() {
            self.degraded = None;
            return Ok(());
        }
        let since = *self.degraded.get_or_insert(view.at());
        // Between two looks of ours it was well, and the replica saw that.
        let saw_well = |sight: &Sight| sight.health > since && sight.healthy.values().any(|all| all.len() >= wanted);
        if own.sight.values().any(saw_well) {
            self.degraded = None;
            return Ok(());
        }
        if view.at() < since + RESYNC + PASS {
            return Ok(());
        }
        tally.count("oracle: a change is in status");
        if own.says("Ready", "True") {
            return Err((SOON, format!("{healthy} of {wanted} are healthy since {since:?}, and Ready is True")));
        }
        Ok(())
    }
}

fn ready(item: &Item, at: Duration, facts: &Facts, own: &Environment, tally: &mut Tally) -> Ruling {
    let conditions = item.get("conditions").and_then(Value::as_array);
    let is_ready = conditions.into_iter().flatten().any(|one| one["type"] == "Ready" && one["status"] == "True");
    if !is_ready {
        return Ok(());
    }
    tally.count("oracle: Ready is borne out");
    let desired = item.get("desired").and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
    let leader = facts.leader(at).map(|(_, holder, _)| holder.as_str()).unwrap_or_default();
    let client = leader.rsplit_once('-').map_or("", |(client, _)| client);
    let told = own.sight.get(client).into_iter().flat_map(|sight| sight.healthy.values()).map(|all| all.len()).max();
    if told.unwrap_or(0) < desired {
        return Err((READY, format!("{client} was told of {told:?} healthy targets, and {desired} are wanted")));
    }
    alone(item, client, own, tally)
}

/// No member of another image was told to be healthy in a target group that is recorded.
fn alone(item: &Item, client: &str, own: &Environment, tally: &mut Tally) -> Ruling {
    let listed = |name: &str| item.get(name).and_then(Value::as_array).into_iter().flatten();
    let image = item.get("image").and_then(|image| image["amiId"].as_str());
    let groups: Vec<&str> = listed("targetGroups").filter_map(|group| group["arn"].as_str()).collect();
    let told = own.sight.get(client).into_iter().flat_map(|sight| &sight.healthy);
    let healthy: Vec<&String> = told
        .filter(|(group, _)| groups.contains(&group.as_str()))
        .flat_map(|(_, targets)| targets.iter().map(|(id, _)| id))
        .collect();
    let old = |member: &&Value| member["origin"] == "launched" && member["amiId"].as_str() != image;
    for member in listed("instances").filter(old) {
        tally.count("limit: Ready with a member of another image");
        if healthy.iter().any(|id| member["instanceId"] == id.as_str()) {
            return Err((ALONE, format!("{} of another image than {image:?} is healthy", member["instanceId"])));
        }
    }
    Ok(())
}
