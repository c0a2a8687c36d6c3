//! The environment's instances as AWS shows them, counted without the planner: what lint judges I1 and I2 by.
//!
//! In: the record as it was stored before the pass, what was observed, and what earlier readings showed. Never: looks at the
//! plan's own status, which is the planner's reckoning.

use std::collections::{BTreeMap, BTreeSet};

use aws_api::ResourceId;
use aws_api::ec2::{Instance, InstanceState, StatusChecks};
use aws_api::elbv2::TargetHealth;
use aws_api::id::{InstanceId, TargetGroupArn};

use crate::input::PlanInput;
use crate::members::{is_of_before, stage};
use crate::memory::Memory;
use crate::ownership;
use crate::record::Makes;
use crate::status::MemberStatus;

/// See the module.
#[derive(Debug)]
pub(super) struct Fleet {
    /// The state of each that is not gone; `None`: recorded, and not shown.
    states: BTreeMap<InstanceId, Option<InstanceState>>,
    /// Launches without a known end: their intents are open, and no instance has their token.
    pub(super) open: usize,
}

impl Fleet {
    pub(super) fn of(input: &PlanInput<'_>, memory: &Memory) -> Self {
        let record = input.record;
        let seen = input.observed.instances.seen();
        let mut states: BTreeMap<InstanceId, Option<InstanceState>> = record
            .status
            .instances
            .iter()
            .filter(|member| !memory.is_missing(&made(&member.instance_id), input.missing_after, input.now))
            .map(|member| {
                let shown = seen.map(|all| all.get(&member.instance_id));
                (member.instance_id.clone(), state(member, shown, input))
            })
            .collect();
        let mut answered = BTreeSet::new();
        for instance in seen.into_iter().flat_map(BTreeMap::values) {
            if let Some(intent) = ownership::launch_behind(record, instance) {
                answered.insert(&intent.id);
                states.entry(instance.id.clone()).or_insert(Some(instance.state));
            }
        }
        states.retain(|_, state| *state != Some(InstanceState::Terminated));
        let launches = record.intents.iter().filter(|intent| matches!(intent.makes, Makes::Member { .. }));
        let open = launches.filter(|intent| !answered.contains(&intent.id)).count();
        Self { states, open }
    }

    /// Those that run or are about to, and those that are recorded and not shown.
    pub(super) fn live(&self) -> usize {
        self.states.values().filter(|state| is_live(**state)).count()
    }

    /// Those that cost money: all but those that are being terminated.
    pub(super) fn existing(&self) -> usize {
        self.states.values().filter(|state| **state != Some(InstanceState::ShuttingDown)).count()
    }

    /// Members that serve in a target group: healthy on the port that is the group's, and by their status checks. One that is
    /// shown as stopped and is healthy there was started again meanwhile.
    pub(super) fn serving(&self, input: &PlanInput<'_>, group: &TargetGroupArn, port: u16) -> BTreeSet<InstanceId> {
        let checks = input.observed.status_checks.seen();
        let is_impaired = |id: &InstanceId| checks.and_then(|all| all.get(id)) == Some(&StatusChecks::Impaired);
        let healthy = |id: &InstanceId| {
            let mut targets = input.observed.targets_of(group).into_iter().flatten();
            targets.any(|one| one.id == id.as_str() && one.port == port && one.health == TargetHealth::Healthy)
        };
        let stays =
            self.states.iter().filter(|(_, state)| **state != Some(InstanceState::ShuttingDown)).map(|(id, _)| id);
        stays.filter(|id| healthy(id) && !is_impaired(id)).cloned().collect()
    }
}

fn made(id: &InstanceId) -> ResourceId {
    ResourceId::Instance(id.clone())
}

fn is_live(state: Option<InstanceState>) -> bool {
    match state {
        None | Some(InstanceState::Pending | InstanceState::Running) => true,
        Some(
            InstanceState::Stopping | InstanceState::Stopped | InstanceState::ShuttingDown | InstanceState::Terminated,
        ) => false,
    }
}

/// The state of a recorded member. Readings go back in time: nobody comes back from termination, and within one launch an
/// instance only goes on. The outer `None` of `shown`: the instances were not read.
fn state(member: &MemberStatus, shown: Option<Option<&Instance>>, input: &PlanInput<'_>) -> Option<InstanceState> {
    let recorded = member.state;
    let is_ending = recorded.is_some_and(|state| stage(state) >= stage(InstanceState::ShuttingDown));
    let Some(shown) = shown else { return recorded };
    let now = shown.map(|instance| instance.state);
    let is_older = shown.is_some_and(|instance| is_of_before(member, instance, input.now));
    if now != Some(InstanceState::Terminated) && (is_ending || is_older) { recorded } else { now }
}
