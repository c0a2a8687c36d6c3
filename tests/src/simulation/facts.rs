//! What a judge knows by having looked on: who leads, what was stored, what was journalled, what AWS told whom.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use engine::items::{OPEN_INTENTS, OPEN_PASSES, STATUS};
use engine::journal::Entry;
use engine::operation::Operation;
use engine::store::{Change, Item};
use planner::id::TargetGroupArn;
use planner::record::Intent;
use planner::request::{Made, Write};
use serde_json::Value;
use simulator::cloud::tape::{Arrival, Came, Changed};
use simulator::store::Written;

use crate::{Holders, NAME};

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
pub struct Facts {
    holders: Holders,
    /// Who has the lease, from when on, and in which epoch.
    pub leases: Vec<(Duration, String, u64)>,
    /// Stored intents, by token or id, and since when.
    pub intents: BTreeMap<String, (Duration, Intent)>,
    /// Journal entries of the last while.
    pub entries: BTreeMap<String, Journaled>,
    /// Ids and ARNs of what the replicas made.
    pub ours: BTreeSet<String>,
    /// What each replica was told.
    pub sight: BTreeMap<String, Sight>,
    /// The stored status.
    pub status: Item,
    /// Since when STATUS is gone or damaged.
    pub damaged: Option<Duration>,
    /// Whether the user has asked for the end.
    pub deleting: bool,
    /// When something last disturbed what a replica sees or does.
    pub disturbed: Duration,
    wanted: Vec<(Duration, Bounds)>,
}

impl Facts {
    /// Of a stage with these holders.
    pub fn new(holders: Holders) -> Self {
        Self {
            holders,
            leases: Vec::new(),
            intents: BTreeMap::new(),
            entries: BTreeMap::new(),
            ours: BTreeSet::new(),
            sight: BTreeMap::new(),
            status: Item::new(),
            damaged: None,
            deleting: false,
            disturbed: Duration::ZERO,
            wanted: Vec::new(),
        }
    }

    /// Records come into force one after the other.
    pub fn want(&mut self, at: Duration, bounds: Bounds) {
        self.wanted.push((at, bounds));
    }

    /// The bounds that a pass may go by at that instant: those in force, and those of a while before.
    pub fn bounds(&self, at: Duration) -> impl Iterator<Item = Bounds> {
        let since = at.saturating_sub(PASS_MAX);
        let first = self.wanted.iter().rposition(|(from, _)| *from <= since).unwrap_or(0);
        self.wanted.iter().skip(first).map(|(_, bounds)| *bounds)
    }

    /// Every bound that ever was in force.
    pub fn ever(&self) -> impl Iterator<Item = Bounds> {
        self.wanted.iter().map(|(_, bounds)| *bounds)
    }

    /// Which holder of the lease a replica was at that instant.
    pub fn holder(&self, client: &str, at: Duration) -> Option<String> {
        let holders = self.holders.borrow();
        let known = holders.get(client)?.iter().rev().find(|(since, _)| *since <= at);
        known.map(|(_, holder)| holder.clone())
    }

    /// Who had the lease at that instant.
    pub fn leader(&self, at: Duration) -> Option<&(Duration, String, u64)> {
        self.leases.iter().rev().find(|(since, ..)| *since <= at)
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

    /// Notes what a write changes.
    pub fn store(&mut self, write: &Written) {
        for change in &write.changes {
            match change {
                Change::Put(item, _) => self.put(item, write.at),
                Change::Delete(key, _) if key.pk == NAME => {
                    if let Some(id) = key.sk.strip_prefix(OPEN_PASSES)
                        && let Some(entry) = self.entries.get_mut(id)
                    {
                        entry.closed.get_or_insert(write.at);
                    }
                }
                Change::Delete(..) | Change::Check(..) => {}
            }
        }
    }

    fn put(&mut self, item: &Item, at: Duration) {
        let text = |name: &str| item.get(name).and_then(Value::as_str).unwrap_or_default();
        let (pk, sk) = (text("pk"), text("sk"));
        if pk != NAME {
            if sk == "LEASE" {
                let epoch = item.get("epoch").and_then(Value::as_u64).unwrap_or(0);
                let holder = text("holder").to_owned();
                if self.leases.last().is_none_or(|(_, last, of)| (last, of) != (&holder, &epoch)) {
                    self.leases.push((at, holder, epoch));
                }
            }
        } else if sk == STATUS {
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

    /// Notes what a call made.
    pub fn made(&mut self, changed: &Changed) {
        if let Some(made) = &changed.made {
            self.ours.insert(made.to_string());
        }
    }

    /// Notes what a replica was told, and what it did.
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

/// A target that a call takes out of service.
#[derive(Debug)]
pub struct Out<'a> {
    /// The instance's id.
    pub id: String,
    /// Out of which group and off which port; absent: out of all.
    of: Option<(&'a TargetGroupArn, u16)>,
}

impl Out<'_> {
    /// Whether it is that target of that group.
    pub fn takes(&self, group: &TargetGroupArn, (id, port): &(String, u16)) -> bool {
        *id == self.id && self.of.is_none_or(|of| of == (group, *port))
    }
}

/// The targets that a call takes out of service.
pub fn taken_out(write: &Write) -> Vec<Out<'_>> {
    if let Write::TerminateInstances { instance } = write {
        return vec![Out { id: instance.to_string(), of: None }];
    }
    let Write::DeregisterTargets { target_group, targets } = write else { return Vec::new() };
    targets.iter().map(|(id, port)| Out { id: id.clone(), of: Some((target_group, *port)) }).collect()
}

/// The instance that a call made, if it made one.
pub fn launched(changed: &Changed) -> Option<String> {
    match &changed.made {
        Some(Made::Instance(id)) => Some(id.to_string()),
        Some(Made::SecurityGroup(_) | Made::LoadBalancer(_) | Made::TargetGroup(_) | Made::Listener(_)) | None => None,
    }
}
