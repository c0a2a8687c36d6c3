//! What a judge knows of one environment: its intents, its journal, its status, what it made, what was told of it.
//!
//! Each environment is judged by its own facts, and by nothing that happened to another. What they share (who leads, which
//! environment a call is about) is in [`super::facts`]. Never: judges.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_api::Operation;
use aws_api::ec2::{Instance, InstanceState};
use aws_api::id::TargetGroupArn;
use engine::items::{OPEN_INTENTS, OPEN_PASSES, STATUS};
use engine::journal::Entry;
use planner::record::Intent;
use ports::{Change, Item};
use serde_json::Value;
use simulator::cloud::View;
use simulator::cloud::tape::{Arrival, Came};

use super::facts::taken_out;

/// An edit may be acted on, and the one before it too, for so long: the longest pass that read it.
const PASS_MAX: Duration = Duration::from_secs(120);

/// What a record says about numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// `instances.count`.
    pub count: usize,
    /// `rollout.maxSurge`, in members.
    pub surge: usize,
    /// `healing.maxTerminationsPerHour`.
    pub terminations: usize,
}

/// What one replica was told by AWS.
#[derive(Debug, Default)]
pub struct Sight {
    /// The healthy targets of each group, less those that it has taken out since.
    pub healthy: BTreeMap<TargetGroupArn, BTreeSet<(String, u16)>>,
    /// When its last reading of target health was sent.
    pub health: Duration,
    /// When its last reading of the instances was sent, and whether it was answered.
    pub instances: Option<(Duration, bool)>,
    /// When its last mutating call arrived.
    pub changed: Duration,
}

/// A journal entry, and how long it was open.
#[derive(Debug)]
pub struct Journaled {
    /// The entry.
    pub entry: Entry,
    /// From when on.
    pub opened: Duration,
    /// Until when; absent while it is open.
    pub closed: Option<Duration>,
}

/// See the module.
#[derive(Default)]
pub struct Environment {
    /// The uid that its instances are tagged with, once it is stored.
    pub uid: Option<String>,
    /// Stored intents, by token or id, and since when.
    pub intents: BTreeMap<String, (Duration, Intent)>,
    /// Journal entries of the last while.
    pub entries: BTreeMap<String, Journaled>,
    /// Ids and ARNs of what it made.
    pub ours: BTreeSet<String>,
    /// What each replica was told of it.
    pub sight: BTreeMap<String, Sight>,
    /// When somebody last started members that were stopped.
    pub started: Option<Duration>,
    /// The stored status.
    pub status: Item,
    /// Since when STATUS is gone or damaged.
    pub damaged: Option<Duration>,
    /// Whether the user has asked for the end.
    pub deleting: bool,
    /// Whether nothing befalls it but what [`drifted`](Self::drifted) says.
    pub is_spared: bool,
    /// When something of it was changed behind our back; absent once it is as it should be again.
    pub drifted: Option<Duration>,
    /// From when on each record, or whichever of these, is in force.
    wanted: Vec<(Duration, Vec<Bounds>)>,
}

impl Environment {
    /// Records come into force one after the other.
    pub fn want(&mut self, at: Duration, bounds: Bounds) {
        self.wanted.push((at, vec![bounds]));
    }

    /// Whatever a pass may go by now stays in force.
    pub fn keep(&mut self, at: Duration) {
        let kept = self.bounds(at).collect();
        self.wanted.push((at, kept));
    }

    /// The bounds that a pass may go by at that instant: those in force, and those of a while before.
    pub fn bounds(&self, at: Duration) -> impl Iterator<Item = Bounds> {
        let since = at.saturating_sub(PASS_MAX);
        let first = self.wanted.iter().rposition(|(from, _)| *from <= since).unwrap_or(0);
        self.wanted.iter().skip(first).flat_map(|(_, bounds)| bounds.iter().copied())
    }

    /// Every bound that ever was in force.
    pub fn ever(&self) -> impl Iterator<Item = Bounds> {
        self.wanted.iter().flat_map(|(_, bounds)| bounds.iter().copied())
    }

    /// Whether the stored status says so of that condition.
    pub fn says(&self, kind: &str, truth: &str) -> bool {
        let conditions = self.status.get("conditions").and_then(Value::as_array);
        conditions.into_iter().flatten().any(|one| one["type"] == kind && one["status"] == truth)
    }

    /// The reason of a condition, as it is stored.
    pub fn reason(&self, kind: &str) -> Option<&str> {
        let conditions = self.status.get("conditions").and_then(Value::as_array);
        conditions?.iter().find(|one| one["type"] == kind)?["reason"].as_str()
    }

    /// Its members that live: what it launched, whoever has touched it since.
    pub fn members(&self, view: &View) -> Vec<Instance> {
        view.live_instances().into_iter().filter(|instance| self.ours.contains(instance.id.as_str())).collect()
    }

    /// How many of its members exist, those that are stopped included.
    pub fn existing(&self, view: &View) -> usize {
        let over =
            |instance: &&Instance| matches!(instance.state, InstanceState::ShuttingDown | InstanceState::Terminated);
        let all = view.instances();
        all.iter().filter(|instance| !over(instance) && self.ours.contains(instance.id.as_str())).count()
    }

    /// The target group that its first listener forwards to.
    pub fn serving(&self, view: &View) -> Option<TargetGroupArn> {
        let balancers = view.load_balancers().into_iter().filter(|balancer| self.ours.contains(balancer.arn.as_str()));
        let listeners = balancers.flat_map(|balancer| view.listeners(&balancer.arn));
        listeners.filter_map(|listener| listener.forwards_to).next()
    }

    /// Notes what a write changes of it.
    pub fn store(&mut self, change: &Change, at: Duration) {
        match change {
            Change::Put(item, _) => self.put(item, at),
            Change::Delete(key, _) => {
                if let Some(id) = key.sk.strip_prefix(OPEN_PASSES)
                    && let Some(entry) = self.entries.get_mut(id)
                {
                    entry.closed.get_or_insert(at);
                }
            }
            Change::Check(..) => {}
        }
    }

    fn put(&mut self, item: &Item, at: Duration) {
        let sk = item.get("sk").and_then(Value::as_str).unwrap_or_default();
        if sk == STATUS {
            self.uid = item.get("uid").and_then(Value::as_str).map(str::to_owned);
            self.status = item.clone();
        } else if let Some(id) = sk.strip_prefix(OPEN_PASSES) {
            // What it cannot read is judged by the oracles: an action without an entry.
            if let Ok(entry) = serde_json::from_value::<Entry>(Value::Object(item.clone())) {
                self.entries.retain(|_, kept| kept.closed.is_none_or(|closed| closed + PASS_MAX > at));
                self.entries.insert(id.to_owned(), Journaled { entry, opened: at, closed: None });
            }
        } else if sk.starts_with(OPEN_INTENTS)
            && let Ok(intent) = serde_json::from_value::<Intent>(Value::Object(item.clone()))
        {
            self.intents.insert(intent.id.to_string(), (at, intent));
        }
    }

    /// Notes what a replica was told of it, and what it did to it.
    pub fn told(&mut self, arrival: &Arrival) {
        let sight = self.sight.entry(arrival.client.clone()).or_default();
        match &arrival.came {
            Came::Answered { healthy: Some((group, healthy)) } if arrival.heard => {
                sight.healthy.insert(group.clone(), healthy.clone());
                sight.health = arrival.sent;
            }
            Came::Changed(changed) if !changed.late => {
                sight.changed = sight.changed.max(arrival.at);
                for out in taken_out(&changed.write) {
                    let left = sight.healthy.iter_mut();
                    left.for_each(|(group, healthy)| healthy.retain(|target| !out.takes(group, target)));
                }
            }
            Came::Answered { .. } | Came::Changed(_) | Came::Refused(_) => {}
        }
        if arrival.operation == Operation::DescribeInstances {
            // An id that AWS does not know is asked for apart; the others keep their sight.
            let answered =
                arrival.heard && !matches!(&arrival.came, Came::Refused(code) if !code.ends_with("NotFound"));
            sight.instances = Some((arrival.sent, answered));
        }
    }

    /// The open entry under which a replica sends at that instant.
    pub fn entry_at(&self, holder: &str, at: Duration) -> Option<&Entry> {
        let open = |kept: &&Journaled| kept.opened <= at && kept.closed.is_none_or(|closed| at <= closed);
        let own = self.entries.values().filter(|kept| kept.entry.holder == holder);
        own.filter(open).max_by_key(|kept| kept.opened).map(|kept| &kept.entry)
    }
}
