//! What was seen of AWS in one pass.
//!
//! Each part says whether it was read whole: nothing is concluded from the absence of a thing in a part that was not.
//! Never: says what is ours or what is wanted.

use std::collections::{BTreeMap, BTreeSet};

use aws_api::ec2::{
    Image, Instance, NetworkInterface, ProfileAssociation, SecurityGroup, StatusChecks, Subnet, Volume,
};
use aws_api::elbv2::{ElbTaggable, Listener, ListenerRule, LoadBalancer, Target, TargetGroup};
use aws_api::id::{InstanceId, ListenerArn, LoadBalancerArn, TargetGroupArn, Zone};
use aws_api::{ResourceId, Tags};

/// A part of what was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part<T> {
    /// Read whole, after the environment's last mutating call had ended.
    Seen(T),
    /// Not read, or not whole: why.
    Unread(String),
}

impl<T> Part<T> {
    /// What was seen, if it was seen whole.
    pub fn seen(&self) -> Option<&T> {
        match self {
            Self::Seen(value) => Some(value),
            Self::Unread(_) => None,
        }
    }

    /// Why it was not read.
    pub fn unread(&self) -> Option<&str> {
        match self {
            Self::Seen(_) => None,
            Self::Unread(why) => Some(why),
        }
    }

    /// The same part of something made from it.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Part<U> {
        match self {
            Self::Seen(value) => Part::Seen(f(value)),
            Self::Unread(why) => Part::Unread(why),
        }
    }
}

/// What was seen of what the last good revision launches from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FallbackSight {
    /// Zones that offer its instance type.
    pub offerings: Part<BTreeSet<Zone>>,
    /// Its image.
    pub image: Part<Option<Image>>,
}

/// What may hold a security group or a target group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// Security groups with rules that refer to the group.
    pub groups: Part<Vec<SecurityGroup>>,
    /// Interfaces that carry the group.
    pub interfaces: Part<Vec<NetworkInterface>>,
    /// Listeners of the load balancers that the target group is used by, each with its rules.
    pub listeners: Part<Vec<(Listener, Vec<ListenerRule>)>>,
}

/// What was seen of AWS for one environment.
///
/// Resources are looked up by the names and ids that the record has or wants, so a part may hold things that are not
/// ours; [`crate::ownership`] tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// Subnets of the VPC (or the default subnets of the default VPC).
    pub subnets: Part<Vec<Subnet>>,
    /// Zones that offer the instance type.
    pub offerings: Part<BTreeSet<Zone>>,
    /// The image; `None`: AWS says that there is none, or that it may not be used.
    pub image: Part<Option<Image>>,
    /// The same two of the last good revision, where its members are launched from something else.
    pub fallback: Option<FallbackSight>,
    /// Security groups of the names that are recorded or wanted.
    pub groups: Part<Vec<SecurityGroup>>,
    /// Instances that carry the environment's uid tag, and recorded ones.
    pub instances: Part<BTreeMap<InstanceId, Instance>>,
    /// Status checks of recorded instances.
    pub status_checks: Part<BTreeMap<InstanceId, StatusChecks>>,
    /// Profile associations of the instances that were seen with another profile than they should have. Nobody else's
    /// are asked for, so a quiet pass asks for none.
    pub profile_associations: BTreeMap<InstanceId, Part<Vec<ProfileAssociation>>>,
    /// Volumes by instance, where they were asked for in this pass: they are read rarely, and what was not asked for says
    /// nothing.
    pub volumes: BTreeMap<InstanceId, Part<Vec<Volume>>>,
    /// Load balancers of the names that are recorded or wanted.
    pub load_balancers: Part<Vec<LoadBalancer>>,
    /// Attributes by load balancer.
    pub load_balancer_attributes: BTreeMap<LoadBalancerArn, Part<BTreeMap<String, String>>>,
    /// Listeners by load balancer.
    pub listeners: BTreeMap<LoadBalancerArn, Part<Vec<Listener>>>,
    /// Rules by listener of ours, but for the default ones.
    pub rules: BTreeMap<ListenerArn, Part<Vec<ListenerRule>>>,
    /// Target groups of the names that are recorded or wanted.
    pub target_groups: Part<Vec<TargetGroup>>,
    /// Attributes by target group.
    pub target_group_attributes: BTreeMap<TargetGroupArn, Part<BTreeMap<String, String>>>,
    /// Targets by target group.
    pub targets: BTreeMap<TargetGroupArn, Part<Vec<Target>>>,
    /// What may hold a thing of ours that AWS would not delete, where that was asked in this pass.
    pub usage: BTreeMap<ResourceId, Usage>,
    /// Tags of ELBv2 resources.
    pub tags: Part<BTreeMap<ElbTaggable, Tags>>,
    /// Load balancers and target groups whose ARN AWS answered with NotFound.
    pub unknown: BTreeSet<ResourceId>,
}

impl Observed {
    /// Nothing was seen, for that reason.
    pub fn unread(why: &str) -> Self {
        Self {
            subnets: Part::Unread(why.into()),
            offerings: Part::Unread(why.into()),
            image: Part::Unread(why.into()),
            fallback: None,
            groups: Part::Unread(why.into()),
            instances: Part::Unread(why.into()),
            status_checks: Part::Unread(why.into()),
            profile_associations: BTreeMap::new(),
            volumes: BTreeMap::new(),
            load_balancers: Part::Unread(why.into()),
            load_balancer_attributes: BTreeMap::new(),
            listeners: BTreeMap::new(),
            rules: BTreeMap::new(),
            target_groups: Part::Unread(why.into()),
            target_group_attributes: BTreeMap::new(),
            targets: BTreeMap::new(),
            usage: BTreeMap::new(),
            tags: Part::Unread(why.into()),
            unknown: BTreeSet::new(),
        }
    }

    /// Whether a complete reading does not show what is recorded: it is gone, or in doubt, and nothing is asked of it.
    pub fn doubts(&self, made: &ResourceId) -> bool {
        match made {
            ResourceId::LoadBalancer(arn) => {
                self.load_balancers.seen().is_some_and(|all| all.iter().all(|balancer| balancer.arn != *arn))
            }
            ResourceId::TargetGroup(arn) => {
                self.target_groups.seen().is_some_and(|all| all.iter().all(|group| group.arn != *arn))
            }
            ResourceId::SecurityGroup(id) => {
                self.groups.seen().is_some_and(|all| all.iter().all(|group| group.id != *id))
            }
            ResourceId::Instance(id) => self.instances.seen().is_some_and(|all| !all.contains_key(id)),
            // Entries of a load balancer and of an instance.
            ResourceId::Listener(_) | ResourceId::Volume(_) => false,
        }
    }

    /// The tags of an ELBv2 resource, if they were read.
    pub fn tags_of(&self, resource: &ElbTaggable) -> Option<&Tags> {
        self.tags.seen().and_then(|all| all.get(resource))
    }

    /// Targets of a target group, if they were read whole.
    pub fn targets_of(&self, group: &TargetGroupArn) -> Option<&[Target]> {
        self.targets.get(group).and_then(Part::seen).map(Vec::as_slice)
    }

    /// Rules of a listener, if they were read whole.
    pub fn rules_of(&self, listener: &ListenerArn) -> Option<&[ListenerRule]> {
        self.rules.get(listener).and_then(Part::seen).map(Vec::as_slice)
    }

    /// Parts that were asked for and not read, each with why. Empty: sight is complete. What the last good revision launches
    /// from is looked at only in case it is needed, so nothing else depends on it.
    pub fn gaps(&self) -> Vec<(&'static str, &str)> {
        let plain = [
            ("subnets", self.subnets.unread()),
            ("instance type offerings", self.offerings.unread()),
            ("image", self.image.unread()),
            ("security groups", self.groups.unread()),
            ("instances", self.instances.unread()),
            ("status checks", self.status_checks.unread()),
            ("load balancers", self.load_balancers.unread()),
            ("target groups", self.target_groups.unread()),
            ("tags", self.tags.unread()),
        ];
        let by_parent = self
            .load_balancer_attributes
            .values()
            .map(|part| ("load balancer attributes", part.unread()))
            .chain(self.listeners.values().map(|part| ("listeners", part.unread())))
            .chain(self.rules.values().map(|part| ("listener rules", part.unread())))
            .chain(self.target_group_attributes.values().map(|part| ("target group attributes", part.unread())))
            .chain(self.targets.values().map(|part| ("target health", part.unread())))
            .chain(self.volumes.values().map(|part| ("volumes", part.unread())))
            .chain(self.profile_associations.values().map(|part| ("instance profile associations", part.unread())));
        plain.into_iter().chain(by_parent).filter_map(|(what, why)| why.map(|why| (what, why))).collect()
    }
}
