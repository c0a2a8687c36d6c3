//! The state of one account and region, and what each call does to it.
//!
//! A [`World`] is a value: cloning is cheap (its entries are shared), and a call either changes a clone or is refused.
//! What changes by time alone is not stored but computed for the asked instant; [`World::settle`] only carries along what
//! depends on the past. Areas: a file each, as `impl World`. Never: time or chance from elsewhere.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use aws_api::ec2::{
    Ec2TagsWrite, ImageRead, InstanceRead, InstanceWrite, NetworkRead, SecurityGroupRead, SecurityGroupWrite,
    VolumeRead,
};
use aws_api::elbv2::{
    Elbv2TagsRead, Elbv2TagsWrite, ListenerRead, ListenerWrite, LoadBalancerRead, LoadBalancerWrite, RuleRead,
    TargetGroupRead, TargetGroupWrite,
};
use aws_api::id::{AmiId, InstanceId, ListenerArn, LoadBalancerArn, SecurityGroupId, TargetGroupArn, Zone};
use aws_api::{Read, Reply, Tags, Write};

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
            Write::SecurityGroup(SecurityGroupWrite::Create(create)) => self.create_group(create),
            Write::SecurityGroup(SecurityGroupWrite::Authorize(change)) => self.authorize(change),
            Write::SecurityGroup(SecurityGroupWrite::Revoke(change)) => self.revoke(change),
            Write::SecurityGroup(SecurityGroupWrite::Delete { group }) => self.delete_group(group),
            Write::Instance(InstanceWrite::Run(run)) => self.run_instances(run),
            Write::Instance(InstanceWrite::Terminate { instance }) => {
                self.terminate(instance, "Client.UserInitiatedShutdown")
            }
            Write::Instance(InstanceWrite::SetGroups { instance, groups }) => {
                self.set_instance_groups(instance, groups)
            }
            Write::Instance(InstanceWrite::SetMetadataOptions { instance, options }) => {
                self.set_metadata_options(instance, *options)
            }
            Write::Instance(InstanceWrite::ChangeProfile { instance, change }) => self.change_profile(instance, change),
            Write::Ec2Tags(Ec2TagsWrite::Create { resource, tags }) => self.create_tags(resource, tags),
            Write::Ec2Tags(Ec2TagsWrite::Delete { resource, keys }) => self.delete_tags(resource, keys),
            Write::LoadBalancer(LoadBalancerWrite::Create(create)) => self.create_balancer(create),
            Write::LoadBalancer(LoadBalancerWrite::SetAttributes { load_balancer, attributes }) => {
                self.set_balancer_attributes(load_balancer, attributes)
            }
            Write::LoadBalancer(LoadBalancerWrite::SetSubnets { load_balancer, subnets }) => {
                self.set_subnets(load_balancer, subnets)
            }
            Write::LoadBalancer(LoadBalancerWrite::SetGroups { load_balancer, groups }) => {
                self.set_balancer_groups(load_balancer, groups)
            }
            Write::LoadBalancer(LoadBalancerWrite::Delete { load_balancer }) => self.delete_balancer(load_balancer),
            Write::TargetGroup(TargetGroupWrite::Create(create)) => self.create_target_group(create),
            Write::TargetGroup(TargetGroupWrite::SetHealthCheck { target_group, health_check }) => {
                self.set_health_check(target_group, health_check)
            }
            Write::TargetGroup(TargetGroupWrite::SetAttributes { target_group, attributes }) => {
                self.set_target_group_attributes(target_group, attributes)
            }
            Write::TargetGroup(TargetGroupWrite::Delete { target_group }) => self.delete_target_group(target_group),
            Write::TargetGroup(TargetGroupWrite::Register { target_group, instances, port }) => {
                self.register(target_group, instances, *port)
            }
            Write::TargetGroup(TargetGroupWrite::Deregister { target_group, targets }) => {
                self.deregister(target_group, targets)
            }
            Write::Listener(ListenerWrite::Create(create)) => self.create_listener(create),
            Write::Listener(ListenerWrite::Modify { listener, protocol, forward_to, warm }) => {
                self.set_listener(listener, *protocol, forward_to, warm.as_ref())
            }
            Write::Listener(ListenerWrite::Delete { listener }) => self.delete_listener(listener),
            Write::Elbv2Tags(Elbv2TagsWrite::Add { resource, tags }) => self.add_tags(resource, tags),
            Write::Elbv2Tags(Elbv2TagsWrite::Remove { resource, keys }) => self.remove_tags(resource, keys),
        }
    }

    /// Answers a call that changes nothing, as of `at`, which must not lie before what this is settled to.
    pub(crate) fn answer(&self, read: &Read, at: Duration) -> Outcome<Reply> {
        match read {
            Read::Network(NetworkRead::Subnets { filters, page }) => self.describe_subnets(filters, page),
            Read::Network(NetworkRead::TypeOfferings { types, page }) => self.describe_offerings(types, page),
            Read::Image(ImageRead::Describe { ids }) => self.describe_images(ids, at),
            Read::SecurityGroup(SecurityGroupRead::Describe { filters, page }) => self.describe_groups(filters, page),
            Read::Instance(InstanceRead::Describe { filters, page }) => self.describe_instances(filters, page, at),
            Read::Instance(InstanceRead::Status { ids, page }) => self.describe_instance_status(ids, page, at),
            Read::Instance(InstanceRead::ProfileAssociations { filters, page }) => {
                self.describe_profile_associations(filters, page, at)
            }
            Read::Volume(VolumeRead::Describe { filters, page }) => self.describe_volumes(filters, page, at),
            Read::Network(NetworkRead::Interfaces { filters, page }) => self.describe_interfaces(filters, page, at),
            Read::LoadBalancer(LoadBalancerRead::Describe { names }) => self.describe_balancers(names, at),
            Read::LoadBalancer(LoadBalancerRead::Attributes { load_balancer }) => {
                Ok(Reply::Attributes(self.balancer(load_balancer)?.attributes.clone()))
            }
            Read::Listener(ListenerRead::Describe { load_balancer, page }) => {
                self.describe_listeners(load_balancer, page)
            }
            Read::Rule(RuleRead::Describe { listener, page }) => self.describe_rules(listener, page),
            Read::TargetGroup(TargetGroupRead::Describe { names }) => self.describe_target_groups(names),
            Read::TargetGroup(TargetGroupRead::Attributes { target_group }) => {
                Ok(Reply::Attributes(self.target_group(target_group)?.attributes.clone()))
            }
            Read::TargetGroup(TargetGroupRead::Health { target_group }) => {
                Ok(Reply::TargetHealth(self.target_health(target_group, at)?))
            }
            Read::Elbv2Tags(Elbv2TagsRead::Describe { resources }) => self.describe_elb_tags(resources),
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
