//! The state of one account and region, and what each call does to it.
//!
//! A [`World`] is a value: cloning is cheap (its entries are shared), and a call either changes a clone or is refused.
//! What changes by time alone is not stored but computed for the asked instant; [`World::settle`] only carries along what
//! depends on the past. Areas: a file each, as `impl World`. Never: time or chance from elsewhere.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use engine::cloud::{Read, Reply};
use planner::id::{AmiId, InstanceId, ListenerArn, LoadBalancerArn, SecurityGroupId, TargetGroupArn, Zone};
use planner::request::Write;
use planner::resource::Tags;

use super::config::Config;
use super::groups::GroupRecord;
use super::images::ImageRecord;
use super::instances::{InstanceRecord, TokenUse, VolumeRecord};
use super::ledger::{Event, Kind};
use super::listeners::ListenerRecord;
use super::load_balancers::{BalancerRecord, LingeringInterface};
use super::snapshots::SnapshotRecord;
use super::target_groups::TargetGroupRecord;
use crate::entropy::Prng;

/// A call that AWS refuses: nothing was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// AWS's code.
    pub code: &'static str,
    /// AWS's words, roughly.
    pub message: String,
}

/// Done, or refused.
pub type Outcome<T> = Result<T, Refusal>;

pub(crate) fn refuse<T>(code: &'static str, message: impl Into<String>) -> Outcome<T> {
    Err(Refusal { code, message: message.into() })
}

/// One account and region.
#[derive(Debug, Clone)]
pub struct World {
    pub(crate) config: Rc<Config>,
    /// The instant that everything in it is settled to.
    pub(crate) at: Duration,
    pub(crate) ids: Prng,
    pub(crate) images: BTreeMap<AmiId, Rc<ImageRecord>>,
    pub(crate) snapshots: BTreeMap<String, Rc<SnapshotRecord>>,
    /// Tags of what has no record of its own, by id.
    pub(crate) bare_tags: BTreeMap<String, Rc<Tags>>,
    /// How many instances of a type (`*`: of any) a zone has room for; absent: any number.
    pub(crate) capacity: BTreeMap<(Zone, String), usize>,
    /// How many vCPUs the account may run; absent: any number.
    pub(crate) vcpus: Option<usize>,
    pub(crate) groups: BTreeMap<SecurityGroupId, Rc<GroupRecord>>,
    pub(crate) instances: BTreeMap<InstanceId, Rc<InstanceRecord>>,
    pub(crate) volumes: BTreeMap<String, Rc<VolumeRecord>>,
    /// By token and zone: with a subnet a token is zonal.
    pub(crate) tokens: BTreeMap<(String, Zone), Rc<TokenUse>>,
    pub(crate) balancers: BTreeMap<LoadBalancerArn, Rc<BalancerRecord>>,
    pub(crate) lingering: Vec<LingeringInterface>,
    pub(crate) target_groups: BTreeMap<TargetGroupArn, Rc<TargetGroupRecord>>,
    pub(crate) listeners: BTreeMap<ListenerArn, Rc<ListenerRecord>>,
    /// Whether the Redis that instances share is down.
    pub(crate) redis_down: bool,
    /// Addresses given out so far.
    pub(crate) addresses: u32,
    /// What came and went since the ledger last looked.
    pub(crate) events: Vec<Event>,
}

impl World {
    pub(crate) fn new(config: Rc<Config>, images: BTreeMap<AmiId, Rc<ImageRecord>>, seed: u64) -> Self {
        let mut world = Self {
            config,
            at: Duration::ZERO,
            ids: Prng::new(seed),
            images,
            snapshots: BTreeMap::new(),
            bare_tags: BTreeMap::new(),
            capacity: BTreeMap::new(),
            vcpus: None,
            groups: BTreeMap::new(),
            instances: BTreeMap::new(),
            volumes: BTreeMap::new(),
            tokens: BTreeMap::new(),
            balancers: BTreeMap::new(),
            lingering: Vec::new(),
            target_groups: BTreeMap::new(),
            listeners: BTreeMap::new(),
            redis_down: false,
            addresses: 0,
            events: Vec::new(),
        };
        world.add_default_groups();
        world
    }

    /// Carries everything along to `to`: target health, and what is gone by then.
    pub(crate) fn settle(&mut self, to: Duration) {
        if to <= self.at {
            return;
        }
        self.settle_targets(to);
        self.settle_instances(to);
        self.lingering.retain(|interface| interface.until > to);
        self.at = to;
    }

    /// Does a mutating call at the instant that this is settled to.
    pub(crate) fn apply(&mut self, write: &Write) -> Outcome<Reply> {
        match write {
            Write::CreateSecurityGroup(create) => self.create_group(create),
            Write::AuthorizeRules(change) => self.authorize(change),
            Write::RevokeRules(change) => self.revoke(change),
            Write::DeleteSecurityGroup { group } => self.delete_group(group),
            Write::RunInstances(run) => self.run_instances(run),
            Write::TerminateInstances { instance } => self.terminate(instance, "Client.UserInitiatedShutdown"),
            Write::SetInstanceGroups { instance, groups } => self.set_instance_groups(instance, groups),
            Write::SetMetadataOptions { instance, options } => self.set_metadata_options(instance, *options),
            Write::ChangeProfile { instance, change } => self.change_profile(instance, change),
            Write::CreateTags { resource, tags } => self.create_tags(resource, tags),
            Write::DeleteTags { resource, keys } => self.delete_tags(resource, keys),
            Write::CreateLoadBalancer(create) => self.create_balancer(create),
            Write::SetLoadBalancerAttributes { load_balancer, attributes } => {
                self.set_balancer_attributes(load_balancer, attributes)
            }
            Write::SetSubnets { load_balancer, subnets } => self.set_subnets(load_balancer, subnets),
            Write::SetLoadBalancerGroups { load_balancer, groups } => self.set_balancer_groups(load_balancer, groups),
            Write::DeleteLoadBalancer { load_balancer } => self.delete_balancer(load_balancer),
            Write::CreateTargetGroup(create) => self.create_target_group(create),
            Write::SetHealthCheck { target_group, health_check } => self.set_health_check(target_group, health_check),
            Write::SetTargetGroupAttributes { target_group, attributes } => {
                self.set_target_group_attributes(target_group, attributes)
            }
            Write::DeleteTargetGroup { target_group } => self.delete_target_group(target_group),
            Write::RegisterTargets { target_group, instances, port } => self.register(target_group, instances, *port),
            Write::DeregisterTargets { target_group, targets } => self.deregister(target_group, targets),
            Write::CreateListener(create) => self.create_listener(create),
            Write::SetListener { listener, protocol, forward_to, warm } => {
                self.set_listener(listener, *protocol, forward_to, warm.as_ref())
            }
            Write::DeleteListener { listener } => self.delete_listener(listener),
            Write::AddTags { resource, tags } => self.add_tags(resource, tags),
            Write::RemoveTags { resource, keys } => self.remove_tags(resource, keys),
        }
    }

    /// Answers a call that changes nothing, as of `at`, which must not lie before what this is settled to.
    pub(crate) fn answer(&self, read: &Read, at: Duration) -> Outcome<Reply> {
        match read {
            Read::Subnets { filters, page } => self.describe_subnets(filters, page),
            Read::InstanceTypeOfferings { types, page } => self.describe_offerings(types, page),
            Read::Images { ids } => self.describe_images(ids, at),
            Read::SecurityGroups { filters, page } => self.describe_groups(filters, page),
            Read::Instances { filters, page } => self.describe_instances(filters, page, at),
            Read::InstanceStatus { ids, page } => self.describe_instance_status(ids, page, at),
            Read::ProfileAssociations { filters, page } => self.describe_profile_associations(filters, page, at),
            Read::Volumes { filters, page } => self.describe_volumes(filters, page, at),
            Read::NetworkInterfaces { filters, page } => self.describe_interfaces(filters, page, at),
            Read::LoadBalancers { names } => self.describe_balancers(names, at),
            Read::LoadBalancerAttributes { load_balancer } => {
                Ok(Reply::Attributes(self.balancer(load_balancer)?.attributes.clone()))
            }
            Read::Listeners { load_balancer, page } => self.describe_listeners(load_balancer, page),
            Read::Rules { listener, page } => self.describe_rules(listener, page),
            Read::TargetGroups { names } => self.describe_target_groups(names),
            Read::TargetGroupAttributes { target_group } => {
                Ok(Reply::Attributes(self.target_group(target_group)?.attributes.clone()))
            }
            Read::TargetHealth { target_group } => Ok(Reply::TargetHealth(self.target_health(target_group, at)?)),
            Read::Tags { resources } => self.describe_elb_tags(resources),
        }
    }

    /// A fresh EC2 id of that prefix: 17 hexadecimal digits.
    pub(crate) fn fresh_id(&mut self, prefix: &str) -> String {
        format!("{prefix}0{}", self.ids.hex(16))
    }

    /// What every ELBv2 ARN of this account begins with.
    pub(crate) fn elb_arn(&self, rest: &str) -> String {
        format!("arn:aws:elasticloadbalancing:{}:{}:{rest}", self.config.region, self.config.account)
    }

    pub(crate) fn note_created(&mut self, kind: Kind, id: impl ToString) {
        self.events.push(Event { kind, id: id.to_string(), created: true });
    }

    pub(crate) fn note_deleted(&mut self, kind: Kind, id: impl ToString) {
        self.events.push(Event { kind, id: id.to_string(), created: false });
    }
}
