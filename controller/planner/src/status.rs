//! The STATUS item: what the controller remembers of an environment and what it says of it.
//!
//! Everything that must outlive a restart stands here: ids that are ours, members with the instants that grace,
//! `unhealthyFor` and bake are measured from, terminations charged. How it is concluded from a pass is in
//! [`crate::conclude`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use aws_api::ResourceId;
use aws_api::ec2::InstanceState;
use aws_api::elbv2::TargetHealth;
use aws_api::id::{
    AmiId, EnvUid, InstanceId, IntentId, ListenerArn, LoadBalancerArn, SecurityGroupId, SubnetId, TargetGroupArn,
    VolumeId, VpcId, Zone,
};
use crds_schema::spec::Scheme;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::reason::Reason;

/// Status of one environment, as stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The environment's identity over its whole life.
    pub uid: EnvUid,
    /// When it was first seen.
    pub creation_timestamp: Timestamp,
    /// Number of the edit that was last seen.
    pub generation: u64,
    /// Number of the edit that this status is about.
    pub observed_generation: u64,
    /// Hash of the SPEC that this status is about.
    pub spec_hash: String,
    /// Number of the last valid edit, which is the one in force; 0: none yet.
    pub revision: u64,
    /// Number of the last revision of which `count` members were healthy; 0: none yet, or not known.
    #[serde(default)]
    pub good_revision: u64,
    /// Counts the writes of this item.
    pub version: u64,
    /// What stands in the way of removing the record: it goes only after the teardown.
    #[serde(default)]
    pub finalizers: Vec<String>,
    /// Set when STATUS had to be made anew though the environment existed: nothing is changed then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub damaged: bool,
    /// Where it stands.
    #[serde(default)]
    pub conditions: Vec<Condition>,
    /// `instances.count` of the revision in force.
    #[serde(default)]
    pub desired: u32,
    /// Live members of the revision in force.
    #[serde(default)]
    pub updated: u32,
    /// Healthy members of the revision in force.
    #[serde(default)]
    pub ready: u32,
    /// Healthy members of any revision.
    #[serde(default)]
    pub serving: u32,
    /// VPC that it stands in.
    #[serde(default)]
    pub network: Option<NetworkStatus>,
    /// The load balancer.
    #[serde(default)]
    pub load_balancer: Option<LoadBalancerStatus>,
    /// Target groups: the wanted one, and one that is being replaced.
    #[serde(default)]
    pub target_groups: Vec<TargetGroupStatus>,
    /// Listeners.
    #[serde(default)]
    pub listeners: Vec<ListenerStatus>,
    /// Security groups, by id.
    #[serde(default)]
    pub security_groups: SecurityGroupsStatus,
    /// The image that is launched.
    #[serde(default)]
    pub image: Option<ImageStatus>,
    /// Members.
    #[serde(default)]
    pub instances: Vec<MemberStatus>,
    /// What it waits for.
    #[serde(default)]
    pub waiting_for: Vec<Wait>,
    /// Keys of the spec's tags that were put on things, so that one that is dropped from the spec can be removed.
    #[serde(default)]
    pub tag_keys: BTreeSet<String>,
    /// Members that were stopped, came back, and are more than `count` since: they go within the budget of healing.
    #[serde(default)]
    pub returned: u32,
    /// Healing terminations of the last hour.
    #[serde(default)]
    pub terminations: Vec<Charge>,
    /// What the revision in force wanted when it was last planned, for the brake against an emptied graph.
    #[serde(default)]
    pub wanted: WantedStatus,
    /// Number of the last edit that AWS was seen to match; 0: none yet. What differs from a later one was edited, and what
    /// differs from this one has drifted.
    #[serde(default)]
    pub in_sync_revision: u64,
    /// The load balancer that a record of ours has protected from deletion, until the protection was seen to be off: any
    /// other protection is somebody's, and stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protects: Option<LoadBalancerArn>,
    /// The DNS name of the load balancer before the one that stands now, until its users are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former_dns_name: Option<String>,
}

impl Status {
    /// The status of an environment that was just seen for the first time.
    pub fn new(uid: EnvUid, now: Timestamp) -> Self {
        Self {
            uid,
            creation_timestamp: now,
            generation: 0,
            observed_generation: 0,
            spec_hash: String::new(),
            revision: 0,
            good_revision: 0,
            version: 0,
            finalizers: vec!["understudy.dev/teardown".into()],
            damaged: false,
            conditions: Vec::new(),
            desired: 0,
            updated: 0,
            ready: 0,
            serving: 0,
            network: None,
            load_balancer: None,
            target_groups: Vec::new(),
            listeners: Vec::new(),
            security_groups: SecurityGroupsStatus::default(),
            image: None,
            instances: Vec::new(),
            waiting_for: Vec::new(),
            tag_keys: BTreeSet::new(),
            returned: 0,
            terminations: Vec::new(),
            wanted: WantedStatus::default(),
            in_sync_revision: 0,
            protects: None,
            former_dns_name: None,
        }
    }

    /// The condition of that type.
    pub fn condition(&self, kind: ConditionType) -> Option<&Condition> {
        self.conditions.iter().find(|c| c.kind == kind)
    }

    /// Forgets successions that are newer than `before`: the launch that was to make them did not take place.
    pub(crate) fn keep_successions(&mut self, before: &Self) {
        for member in &mut self.instances {
            let was = before.instances.iter().find(|was| was.instance_id == member.instance_id);
            member.succeeded &= was.is_some_and(|was| was.succeeded);
        }
    }

    /// Whether this is recorded as ours.
    pub fn records(&self, made: &ResourceId) -> bool {
        match made {
            ResourceId::SecurityGroup(id) => self.security_groups.names.contains_key(id),
            ResourceId::LoadBalancer(arn) => self.load_balancer.as_ref().is_some_and(|balancer| balancer.arn == *arn),
            ResourceId::TargetGroup(arn) => self.target_groups.iter().any(|group| group.arn == *arn),
            ResourceId::Listener(arn) => self.listeners.iter().any(|listener| listener.arn == *arn),
            ResourceId::Instance(id) => self.instances.iter().any(|member| member.instance_id == *id),
            ResourceId::Volume(id) => self.instances.iter().any(|member| member.volumes.contains(id)),
        }
    }

    /// The network that it stands in. Nothing is pinned while nothing of it exists or, by an open intent, may exist.
    pub fn pinned(&self, has_open_intents: bool) -> Option<&NetworkStatus> {
        let exists = !self.holds_nothing() || has_open_intents;
        self.network.as_ref().filter(|_| exists)
    }

    /// Whether nothing in AWS is recorded as ours.
    pub fn holds_nothing(&self) -> bool {
        self.load_balancer.is_none()
            && self.target_groups.is_empty()
            && self.security_groups == SecurityGroupsStatus::default()
            && self.instances.is_empty()
    }
}

/// What a condition is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ConditionType {
    /// It serves as the record says.
    Ready,
    /// The stored SPEC is valid.
    SpecValid,
    /// VPC, subnets and zones are there.
    NetworkReady,
    /// The image can be launched.
    ImageAvailable,
    /// The load balancer is active and has its listeners.
    LoadBalancerReady,
    /// Members can be launched.
    CapacityAvailable,
    /// Enough members are healthy.
    TargetsHealthy,
    /// AWS matches the record.
    InSync,
    /// Sick members may be replaced.
    HealingAllowed,
    /// The shared Redis answers.
    RedisReachable,
}

impl fmt::Display for ConditionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not.
    False,
    /// It is not known.
    Unknown,
}

impl fmt::Display for Truth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// What it is about.
    #[serde(rename = "type")]
    pub kind: ConditionType,
    /// Whether it holds.
    pub status: Truth,
    /// Why, as a word.
    pub reason: Reason,
    /// Why, as a sentence.
    pub message: String,
    /// When `status` last changed.
    pub last_transition_time: Timestamp,
    /// Number of the edit that it is about.
    pub observed_generation: u64,
}

/// The network that the environment stands in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkStatus {
    /// The VPC.
    pub vpc_id: VpcId,
    /// The region. It is fixed: an edit of it is refused.
    #[serde(default)]
    pub region: Option<String>,
    /// Whether it is the region's default VPC, which a record that names none means; absent: not known yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_default: Option<bool>,
}

/// The load balancer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadBalancerStatus {
    /// Its ARN.
    pub arn: LoadBalancerArn,
    /// Its name.
    pub name: String,
    /// Its DNS name.
    #[serde(default)]
    pub dns_name: String,
    /// The Route 53 zone of its DNS name.
    #[serde(default)]
    pub hosted_zone_id: Option<String>,
    /// The zones that it covers.
    #[serde(default)]
    pub zones: Vec<Zone>,
    /// Who can reach it, which is fixed; absent: not seen yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<Scheme>,
    /// The intent that made it, as its tag says; absent where it was recorded before that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<IntentId>,
}

/// A target group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetGroupStatus {
    /// The service that it serves.
    pub service: String,
    /// Its ARN.
    pub arn: TargetGroupArn,
    /// Its name.
    pub name: String,
    /// The port of its targets.
    pub port: u16,
    /// The intent that made it, as its tag says; absent where it was recorded before that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<IntentId>,
}

/// A listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListenerStatus {
    /// Its port.
    pub port: u16,
    /// Its ARN.
    pub arn: ListenerArn,
    /// Where it forwarded when it last did what was wanted of it. What differs from this later was not our doing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forwards_to: Option<TargetGroupArn>,
    /// What it kept warm then, while one target group replaced another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warms: Option<TargetGroupArn>,
    /// The intent that made it, as its tag says; absent where it was recorded before that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<IntentId>,
}

impl ListenerStatus {
    /// One that was not yet seen to do what is wanted of it.
    pub fn new(port: u16, arn: ListenerArn) -> Self {
        Self { port, arn, forwards_to: None, warms: None, intent: None }
    }
}

/// The two security groups.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecurityGroupsStatus {
    /// The load balancer's.
    #[serde(default)]
    pub load_balancer: Option<SecurityGroupId>,
    /// The instances'.
    #[serde(default)]
    pub instances: Option<SecurityGroupId>,
    /// Their names, by id, since a group is found by its name.
    #[serde(default)]
    pub names: BTreeMap<SecurityGroupId, String>,
    /// The intents that made them, by id, as their tags say; without those that were recorded before that was.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub intents: BTreeMap<SecurityGroupId, IntentId>,
}

/// The image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageStatus {
    /// Its id.
    pub ami_id: String,
}

/// Where a member came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// We launched it.
    Launched,
    /// The user lent it to us.
    Adopted,
}

/// One member.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberStatus {
    /// Its number within the environment; part of its name.
    pub slot: u32,
    /// Its id.
    pub instance_id: InstanceId,
    /// Its zone.
    pub zone: Zone,
    /// Its subnet.
    pub subnet_id: SubnetId,
    /// Its image.
    pub ami_id: AmiId,
    /// Its type.
    #[serde(rename = "type")]
    pub instance_type: String,
    /// Its private IPv4 address.
    #[serde(default)]
    pub private_ip: Option<String>,
    /// Its public IPv4 address.
    #[serde(default)]
    pub public_ip: Option<String>,
    /// The public address that it had until it was stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_public_ip: Option<String>,
    /// Its state; absent while AWS does not show it.
    #[serde(default)]
    pub state: Option<InstanceState>,
    /// Its target's health; absent while it is not registered.
    #[serde(default)]
    pub health: Option<TargetHealth>,
    /// AWS's reason for that health, or ours.
    #[serde(default)]
    pub reason: Option<String>,
    /// Where it came from.
    pub origin: Origin,
    /// When we saw its launch succeed, by our clock. Grace is measured from it.
    pub launched_at: Timestamp,
    /// Until when it is kept though it would go; not used yet.
    #[serde(default)]
    pub held_until: Option<Timestamp>,
    /// Hash of the part of the spec that it was launched from.
    pub template: String,
    /// Since when it is healthy, by our clock. Bake is measured from it.
    #[serde(default)]
    pub healthy_since: Option<Timestamp>,
    /// Since when it is unhealthy or impaired, by our clock. `unhealthyFor` is measured from it.
    #[serde(default)]
    pub unhealthy_since: Option<Timestamp>,
    /// Since when it is stopped, by our clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_since: Option<Timestamp>,
    /// When its state last changed; absent: not seen since it is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved: Option<Moved>,
    /// Whether a successor was launched for it while it was sick: a brake that comes later does not make it one too many.
    #[serde(default)]
    pub succeeded: bool,
    /// Why it is being taken out: it is not registered again, and terminated once drained.
    #[serde(default)]
    pub leaving: Option<Leaving>,
    /// The intent that made it, as its tag says; absent where it was recorded before that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<IntentId>,
    /// The volumes that its launch made, once they were seen.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub volumes: BTreeSet<VolumeId>,
}

/// A change of a member's state, by which an older reading is told from a newer one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Moved {
    /// When it was first seen, by our clock.
    pub at: Timestamp,
    /// EC2's time of its last launch then, which is only compared with itself.
    pub launch: Timestamp,
}

/// Why a member is being taken out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Leaving {
    /// Why.
    pub reason: Reason,
    /// Whether its termination is charged to `maxTerminationsPerHour`.
    pub healing: bool,
    /// When it was decided.
    pub since: Timestamp,
}

/// One healing termination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Charge {
    /// When it was charged, which is before the call.
    pub at: Timestamp,
    /// Of which instance.
    pub instance_id: InstanceId,
}

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Wait {
    /// For what, in words.
    pub what: String,
    /// Until when at most, where that is known.
    pub until: Option<Timestamp>,
    /// Who or what ends it.
    #[serde(default)]
    pub on: WaitOn,
}

/// Who or what ends a wait.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WaitOn {
    /// AWS gets there by itself.
    #[default]
    Aws,
    /// Time passes.
    Time,
    /// A person does something.
    Person,
}

/// What was wanted when it was last planned.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WantedStatus {
    /// By which revision.
    pub revision: u64,
    /// What, in words that compare.
    pub resources: BTreeSet<String>,
}
