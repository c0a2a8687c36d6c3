//! What must be looked at in AWS for one environment: by name, by id, or by tag.
//!
//! `engine::observe` asks for exactly this, batched over all environments of a region, so that the choice of what to
//! look at stays pure and tested here. ELBv2 resources are found by fixed name, then their tags are read; never by a
//! tag search over the account.

use std::collections::{BTreeMap, BTreeSet};

use aws_api::ec2::{InstanceState, SecurityGroupWrite};
use aws_api::elbv2::{ElbTaggable, LoadBalancerWrite, TargetGroupWrite};
use aws_api::id::{InstanceId, ListenerArn, LoadBalancerArn, TargetGroupArn};
use aws_api::{ResourceId, Write};
use crds_schema::Spec;

use crate::desired::{self, Template};
use crate::record::{GroupRole, Record};
use crate::status::MemberStatus;

/// What to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookups {
    /// The VPC whose subnets are wanted; `None`: the default subnets of the default VPC.
    pub vpc: Option<String>,
    /// The image; `None`: there is no spec yet.
    pub image: Option<String>,
    /// The instance types.
    pub types: Vec<String>,
    /// Image and instance types of the last good revision, where its members are launched from something else.
    pub fallback: Option<(String, Vec<String>)>,
    /// Names of security groups.
    pub group_names: BTreeSet<String>,
    /// Names of load balancers.
    pub load_balancer_names: BTreeSet<String>,
    /// Names of target groups.
    pub target_group_names: BTreeSet<String>,
    /// The uid that our instances are tagged with.
    pub uid: String,
    /// Recorded instances: those that the search by uid does not find are asked for by id.
    pub instances: BTreeSet<InstanceId>,
    /// The instance profile that each member of the current revision should have: where another is seen, it is asked by
    /// which association. A member of an older one keeps its own until it is replaced.
    pub profiles: BTreeMap<InstanceId, Option<String>>,
    /// Members whose volumes are watched. They are asked for rarely; `engine::reconcile` says when.
    pub volumes: BTreeSet<InstanceId>,
    /// Things of ours that AWS would not delete, so that who uses them is asked. Never by the record; `engine::reconcile` adds
    /// them.
    pub usage: BTreeSet<ResourceId>,
    /// Recorded load balancers: what hangs on them can be asked for at once.
    pub load_balancers: BTreeSet<LoadBalancerArn>,
    /// Recorded listeners: their rules can be asked for at once.
    pub listeners: BTreeSet<ListenerArn>,
    /// Recorded target groups, likewise.
    pub target_groups: BTreeSet<TargetGroupArn>,
    /// Recorded ELBv2 resources, whose tags can be asked for at once.
    pub tagged: BTreeSet<ElbTaggable>,
}

/// What to look at for `record`.
pub fn lookups(record: &Record) -> Lookups {
    let status = &record.status;
    let spec = record.spec.as_ref();
    let mut group_names: BTreeSet<String> = status.security_groups.names.values().cloned().collect();
    let mut load_balancer_names: BTreeSet<String> = status.load_balancer.iter().map(|lb| lb.name.clone()).collect();
    let mut target_group_names: BTreeSet<String> =
        status.target_groups.iter().map(|group| group.name.clone()).collect();
    if let Some(spec) = spec {
        group_names.extend(GroupRole::BOTH.map(|role| desired::group_name(&record.name, spec, role)));
        load_balancer_names.insert(desired::load_balancer_name(&record.name, spec));
        target_group_names.extend(known_target_group_name(record, spec));
    }
    // What was asked for may exist under the name that it was asked for by, whatever the spec says by now.
    for intent in &record.intents {
        if let Write::SecurityGroup(SecurityGroupWrite::Create(create)) = &intent.write {
            group_names.insert(create.name.clone());
        } else if let Write::LoadBalancer(LoadBalancerWrite::Create(create)) = &intent.write {
            load_balancer_names.insert(create.name.clone());
        } else if let Write::TargetGroup(TargetGroupWrite::Create(create)) = &intent.write {
            target_group_names.insert(create.name.clone());
        }
    }
    Lookups {
        vpc: match record.pinned() {
            Some(network) => Some(network.vpc_id.to_string()),
            None => spec.and_then(|spec| spec.network.vpc_id.clone()),
        },
        image: spec.and_then(|spec| spec.image.ami_id.clone()),
        types: spec.map(|spec| spec.instances.types.clone()).unwrap_or_default(),
        fallback: desired::good_template(record)
            .map(|(good, template)| (template.image.to_string(), good.spec.instances.types.clone())),
        group_names,
        load_balancer_names,
        target_group_names,
        uid: status.uid.to_string(),
        instances: status.instances.iter().map(|member| member.instance_id.clone()).collect(),
        profiles: profiles(record),
        volumes: status.instances.iter().filter(|member| has_volumes(member)).map(|m| m.instance_id.clone()).collect(),
        usage: BTreeSet::new(),
        load_balancers: status.load_balancer.iter().map(|lb| lb.arn.clone()).collect(),
        listeners: status.listeners.iter().map(|listener| listener.arn.clone()).collect(),
        target_groups: status.target_groups.iter().map(|group| group.arn.clone()).collect(),
        tagged: tagged(record),
    }
}

/// A pending instance may not show them yet, and one that is ending loses them.
fn has_volumes(member: &MemberStatus) -> bool {
    match member.state {
        Some(InstanceState::Running | InstanceState::Stopping | InstanceState::Stopped) => true,
        None | Some(InstanceState::Pending | InstanceState::ShuttingDown | InstanceState::Terminated) => false,
    }
}

/// The wanted name needs no VPC: what AWS fixes at creation is told apart by port and protocol.
fn known_target_group_name(record: &Record, spec: &Spec) -> Option<String> {
    spec.services.first().map(|service| desired::target_group_name(&record.name, service))
}

fn profiles(record: &Record) -> BTreeMap<InstanceId, Option<String>> {
    let Some(template) = record.spec.as_ref().filter(|_| !record.deleting).and_then(Template::of) else {
        return BTreeMap::new();
    };
    let hash = template.hash();
    let current = record.status.instances.iter().filter(|member| member.template == hash);
    current.map(|member| (member.instance_id.clone(), template.instance_profile.clone())).collect()
}

fn tagged(record: &Record) -> BTreeSet<ElbTaggable> {
    let status = &record.status;
    let balancers = status.load_balancer.iter().map(|lb| ElbTaggable::LoadBalancer(lb.arn.clone()));
    let groups = status.target_groups.iter().map(|group| ElbTaggable::TargetGroup(group.arn.clone()));
    let listeners = status.listeners.iter().map(|listener| ElbTaggable::Listener(listener.arn.clone()));
    balancers.chain(groups).chain(listeners).collect()
}
