//! What a judge knows by having looked on: who leads, and which environment a call is about.
//!
//! What is known of each environment is in [`super::environment`].

use std::collections::BTreeMap;
use std::time::Duration;

use aws_api::ec2::InstanceWrite;
use aws_api::elbv2::TargetGroupWrite;
use aws_api::id::TargetGroupArn;
use aws_api::{ResourceId, Write};
use engine::items::CONTROLLER;
use planner::ownership::TAG_INTENT;
use planner::record::Intent;
use ports::{Change, Item};
use serde_json::Value;
use simulator::cloud::tape::{Arrival, Came, Changed};
use simulator::store::Written;

use super::environment::Environment;
use super::oracles::touched;
use crate::Holders;

/// See the module.
pub struct Facts {
    holders: Holders,
    /// Who has the lease, from when on, and in which epoch.
    pub leases: Vec<(Duration, String, u64)>,
    /// When something last disturbed what a replica sees or does.
    pub disturbed: Duration,
    /// Each environment, by its name.
    pub environments: BTreeMap<String, Environment>,
}

impl Facts {
    /// Of a stage with these holders.
    pub fn new(holders: Holders) -> Self {
        Self { holders, leases: Vec::new(), disturbed: Duration::ZERO, environments: BTreeMap::new() }
    }

    /// The environment of that name. It begins to be known when it is first spoken of.
    pub fn of_mut(&mut self, name: &str) -> &mut Environment {
        self.environments.entry(name.to_owned()).or_default()
    }

    /// Which environment made that.
    pub fn owner(&self, id: &str) -> Option<&str> {
        let owns = |(_, one): &(&String, &Environment)| one.ours.contains(id);
        self.environments.iter().find(owns).map(|(name, _)| name.as_str())
    }

    /// A stored intent: of which environment, since when, and itself.
    pub fn intent(&self, id: &str) -> Option<(&str, Duration, &Intent)> {
        self.environments.iter().find_map(|(name, one)| {
            let (since, intent) = one.intents.get(id)?;
            Some((name.as_str(), *since, intent))
        })
    }

    /// Which environment something is about that a call names: an id or ARN that it made, its uid, a token or a name of it.
    pub fn named(&self, about: &str) -> Option<&str> {
        let word = |word: &str| {
            let is = |(name, one): &(&String, &Environment)| {
                one.ours.contains(word)
                    || one.uid.as_deref() == Some(word)
                    || one.intents.contains_key(word)
                    || word.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with('-'))
            };
            self.environments.iter().find(is).map(|(name, _)| name.as_str())
        };
        about.split([',', '=', ' ']).find_map(word)
    }

    /// Which environment a call is about, as far as it says so.
    pub fn concerned(&self, arrival: &Arrival) -> Option<&str> {
        if let Came::Changed(changed) = &arrival.came {
            if let Some(id) = intent_of(&changed.write) {
                return self.intent(&id).map(|(name, ..)| name);
            }
            return touched(changed).iter().find_map(|id| self.owner(id));
        }
        self.named(&arrival.about)
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

    /// Notes what a write changes.
    pub fn store(&mut self, write: &Written) {
        for change in &write.changes {
            match (change.pk(), change) {
                (CONTROLLER, Change::Put(item, _)) => self.lead(item, write.at),
                (CONTROLLER, Change::Delete(..) | Change::Check(..)) => {}
                (name, _) => self.of_mut(name).store(change, write.at),
            }
        }
    }

    fn lead(&mut self, item: &Item, at: Duration) {
        let text = |name: &str| item.get(name).and_then(Value::as_str).unwrap_or_default();
        if text("sk") == "LEASE" {
            let epoch = item.get("epoch").and_then(Value::as_u64).unwrap_or(0);
            let holder = text("holder").to_owned();
            if self.leases.last().is_none_or(|(_, last, of)| (last, of) != (&holder, &epoch)) {
                self.leases.push((at, holder, epoch));
            }
        }
    }

    /// Notes what arrived, once it was judged: what it made, what was told, what was done.
    pub fn arrived(&mut self, arrival: &Arrival) {
        let Some(name) = self.concerned(arrival).map(str::to_owned) else { return };
        let own = self.of_mut(&name);
        if let Came::Changed(changed) = &arrival.came
            && let Some(made) = &changed.made
        {
            own.ours.insert(made.to_string());
        }
        own.told(arrival);
    }
}

/// The intent that a create call belongs to, by its tag; empty for one that has none. Absent for any other call.
pub fn intent_of(write: &Write) -> Option<String> {
    let (_, tags) = write.created()?;
    Some(tags.get(TAG_INTENT).cloned().unwrap_or_default())
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
    if let Write::Instance(InstanceWrite::Terminate { instance }) = write {
        return vec![Out { id: instance.to_string(), of: None }];
    }
    let Write::TargetGroup(TargetGroupWrite::Deregister { target_group, targets }) = write else { return Vec::new() };
    targets.iter().map(|(id, port)| Out { id: id.clone(), of: Some((target_group, *port)) }).collect()
}

/// The instance that a call made, if it made one.
pub fn launched(changed: &Changed) -> Option<String> {
    if let Some(ResourceId::Instance(id)) = &changed.made { Some(id.to_string()) } else { None }
}
