//! What a call does to what is there, and to which things: what [`crate::lint`] asks the promises of.
//!
//! Every call says both for itself. There is no default, so a call that is added cannot pass unasked.

use super::{ElbTaggable, Made, Ref, Taggable, Write};
use crate::id::VolumeId;

/// What a call does to what is there. In this order each is worse to do by mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Makes something new. Nothing that is there changes.
    Creates,
    /// Changes something in place; whoever is served goes on being served.
    Changes,
    /// May keep requests from being served: a target, a listener, a rule that lets traffic in, or where it is forwarded.
    StopsTraffic,
    /// Takes away what cannot be put back.
    Destroys,
}

/// Something that a call changes or takes away.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Touched {
    /// A resource.
    Resource(Made),
    /// A volume.
    Volume(VolumeId),
}

impl std::fmt::Display for Touched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Resource(made) => made.fmt(f),
            Self::Volume(id) => id.fmt(f),
        }
    }
}

impl Write {
    /// What it does to what is there.
    pub fn effect(&self) -> Effect {
        match self {
            Self::CreateSecurityGroup(_)
            | Self::RunInstances(_)
            | Self::CreateLoadBalancer(_)
            | Self::CreateTargetGroup(_)
            | Self::CreateListener(_) => Effect::Creates,
            Self::AuthorizeRules(_)
            | Self::SetInstanceGroups { .. }
            | Self::SetMetadataOptions { .. }
            | Self::ChangeProfile { .. }
            | Self::CreateTags { .. }
            | Self::DeleteTags { .. }
            | Self::SetLoadBalancerAttributes { .. }
            | Self::SetSubnets { .. }
            | Self::SetLoadBalancerGroups { .. }
            | Self::SetHealthCheck { .. }
            | Self::SetTargetGroupAttributes { .. }
            | Self::RegisterTargets { .. }
            | Self::AddTags { .. }
            | Self::RemoveTags { .. } => Effect::Changes,
            Self::RevokeRules(_)
            | Self::DeregisterTargets { .. }
            | Self::SetListener { .. }
            | Self::DeleteListener { .. } => Effect::StopsTraffic,
            Self::DeleteSecurityGroup { .. }
            | Self::TerminateInstances { .. }
            | Self::DeleteLoadBalancer { .. }
            | Self::DeleteTargetGroup { .. } => Effect::Destroys,
        }
    }

    /// The things that it changes or takes away, by their ids. Not those that it only names, such as the group that a rule
    /// lets in, and not what an earlier action of the same plan makes.
    pub fn touches(&self) -> Vec<Touched> {
        fn known<T: Clone>(reference: &Ref<T>, made: impl Fn(T) -> Made) -> Vec<Made> {
            reference.id().cloned().map(made).into_iter().collect()
        }
        let resources = match self {
            // What is made touches nothing that was there, but what it becomes an entry of.
            Self::CreateSecurityGroup(_)
            | Self::RunInstances(_)
            | Self::CreateLoadBalancer(_)
            | Self::CreateTargetGroup(_) => Vec::new(),
            Self::CreateListener(create) => known(&create.load_balancer, Made::LoadBalancer),
            Self::AuthorizeRules(change) | Self::RevokeRules(change) => known(&change.group, Made::SecurityGroup),
            Self::DeleteSecurityGroup { group } => vec![Made::SecurityGroup(group.clone())],
            Self::TerminateInstances { instance }
            | Self::SetInstanceGroups { instance, .. }
            | Self::SetMetadataOptions { instance, .. }
            | Self::ChangeProfile { instance, .. } => vec![Made::Instance(instance.clone())],
            Self::CreateTags { resource, .. } | Self::DeleteTags { resource, .. } => match resource {
                Taggable::SecurityGroup(group) => known(group, Made::SecurityGroup),
                Taggable::Instance(id) => vec![Made::Instance(id.clone())],
                Taggable::Volume(id) => return vec![Touched::Volume(id.clone())],
            },
            Self::SetLoadBalancerAttributes { load_balancer, .. } => known(load_balancer, Made::LoadBalancer),
            Self::SetSubnets { load_balancer, .. }
            | Self::SetLoadBalancerGroups { load_balancer, .. }
            | Self::DeleteLoadBalancer { load_balancer } => vec![Made::LoadBalancer(load_balancer.clone())],
            Self::SetHealthCheck { target_group, .. }
            | Self::DeleteTargetGroup { target_group }
            | Self::DeregisterTargets { target_group, .. } => vec![Made::TargetGroup(target_group.clone())],
            Self::SetTargetGroupAttributes { target_group, .. } => known(target_group, Made::TargetGroup),
            Self::RegisterTargets { target_group, instances, .. } => {
                let instances = instances.iter().cloned().map(Made::Instance);
                known(target_group, Made::TargetGroup).into_iter().chain(instances).collect()
            }
            Self::SetListener { listener, .. } | Self::DeleteListener { listener } => {
                vec![Made::Listener(listener.clone())]
            }
            Self::AddTags { resource, .. } | Self::RemoveTags { resource, .. } => vec![match resource {
                ElbTaggable::LoadBalancer(arn) => Made::LoadBalancer(arn.clone()),
                ElbTaggable::TargetGroup(arn) => Made::TargetGroup(arn.clone()),
                ElbTaggable::Listener(arn) => Made::Listener(arn.clone()),
            }],
        };
        resources.into_iter().map(Touched::Resource).collect()
    }
}
