//! Application Load Balancers, and the calls about them.
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html>

use std::collections::{BTreeMap, BTreeSet};

use crds_schema::spec::Scheme;
use serde::{Deserialize, Serialize};

use crate::id::{LoadBalancerArn, SecurityGroupId, SubnetId, VpcId, Zone};
use crate::reference::{AnyRef, Ref, ResourceId, known, visit_each};
use crate::words::words;
use crate::{Effect, Operation, ReadCall, Tags, WriteCall};

/// An Application Load Balancer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadBalancer {
    /// Its ARN.
    pub arn: LoadBalancerArn,
    /// Its name, unique in its account and region.
    pub name: String,
    /// Its DNS name.
    pub dns_name: String,
    /// The Route 53 zone of its DNS name.
    pub hosted_zone_id: Option<String>,
    /// Whether it has public addresses.
    pub scheme: Scheme,
    /// Its VPC.
    pub vpc: VpcId,
    /// `provisioning`, `active`, `active_impaired` or `failed`.
    pub state: LoadBalancerState,
    /// Its subnets by zone.
    pub subnets: BTreeMap<Zone, SubnetId>,
    /// Its security groups.
    pub groups: BTreeSet<SecurityGroupId>,
}

/// Where a load balancer is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LoadBalancerState {
    /// Being set up.
    Provisioning,
    /// Serving.
    Active,
    /// Serving, but short of what it needs to scale.
    ActiveImpaired,
    /// Could not be set up.
    Failed,
}

words!(LoadBalancerState {
    Provisioning = "provisioning",
    Active = "active",
    ActiveImpaired = "active_impaired",
    Failed = "failed",
});

/// ELBv2 CreateLoadBalancer, of type application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateLoadBalancer {
    /// Name, unique in account and region.
    pub name: String,
    /// Who can reach it.
    pub scheme: Scheme,
    /// One subnet a zone.
    pub subnets: BTreeSet<SubnetId>,
    /// Its groups.
    pub groups: BTreeSet<Ref<SecurityGroupId>>,
    /// Tags, set in the same call.
    pub tags: Tags,
}

/// A call that changes a load balancer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LoadBalancerWrite {
    /// ELBv2 CreateLoadBalancer. Idempotent by name while the settings are the same, so it may return another owner's.
    #[serde(rename = "CreateLoadBalancer")]
    Create(CreateLoadBalancer),
    /// ELBv2 ModifyLoadBalancerAttributes. Idempotent.
    #[serde(rename = "SetLoadBalancerAttributes")]
    SetAttributes {
        /// Which.
        load_balancer: Ref<LoadBalancerArn>,
        /// Attributes to set; others stay.
        attributes: BTreeMap<String, String>,
    },
    /// ELBv2 SetSubnets: the whole list, one a zone. Idempotent.
    SetSubnets {
        /// Which.
        load_balancer: LoadBalancerArn,
        /// All of its subnets from now on.
        subnets: BTreeSet<SubnetId>,
    },
    /// ELBv2 SetSecurityGroups: the whole list. Idempotent.
    #[serde(rename = "SetLoadBalancerGroups")]
    SetGroups {
        /// Which.
        load_balancer: LoadBalancerArn,
        /// All of its groups from now on.
        groups: BTreeSet<Ref<SecurityGroupId>>,
    },
    /// ELBv2 DeleteLoadBalancer; its listeners go with it. Idempotent.
    #[serde(rename = "DeleteLoadBalancer")]
    Delete {
        /// Which.
        load_balancer: LoadBalancerArn,
    },
}

impl WriteCall for LoadBalancerWrite {
    fn operation(&self) -> Operation {
        match self {
            Self::Create(_) => Operation::CreateLoadBalancer,
            Self::SetAttributes { .. } => Operation::ModifyLoadBalancerAttributes,
            Self::SetSubnets { .. } => Operation::SetSubnets,
            Self::SetGroups { .. } => Operation::SetSecurityGroups,
            Self::Delete { .. } => Operation::DeleteLoadBalancer,
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::Create(_) => Effect::Creates,
            Self::SetAttributes { .. } | Self::SetSubnets { .. } | Self::SetGroups { .. } => Effect::Changes,
            Self::Delete { .. } => Effect::Destroys,
        }
    }

    fn touches(&self) -> Vec<ResourceId> {
        match self {
            Self::Create(_) => Vec::new(),
            Self::SetAttributes { load_balancer, .. } => known(load_balancer),
            Self::SetSubnets { load_balancer, .. }
            | Self::SetGroups { load_balancer, .. }
            | Self::Delete { load_balancer } => vec![ResourceId::LoadBalancer(load_balancer.clone())],
        }
    }

    fn refs_mut(&mut self, visit: &mut dyn FnMut(AnyRef<'_>)) {
        match self {
            Self::Create(create) => visit_each(&mut create.groups, |group| visit(AnyRef::SecurityGroup(group))),
            Self::SetAttributes { load_balancer, .. } => visit(AnyRef::LoadBalancer(load_balancer)),
            Self::SetGroups { groups, .. } => visit_each(groups, |group| visit(AnyRef::SecurityGroup(group))),
            Self::SetSubnets { .. } | Self::Delete { .. } => {}
        }
    }

    fn target(&self) -> String {
        match self {
            Self::Create(_) => String::new(),
            Self::SetAttributes { load_balancer, .. } => load_balancer.to_string(),
            Self::SetSubnets { load_balancer, .. }
            | Self::SetGroups { load_balancer, .. }
            | Self::Delete { load_balancer } => load_balancer.to_string(),
        }
    }

    fn created(&self) -> Option<(String, &Tags)> {
        let Self::Create(create) = self else { return None };
        Some((create.name.clone(), &create.tags))
    }

    fn holds_already(&self, code: &str) -> bool {
        matches!(self, Self::Delete { .. }) && code == "LoadBalancerNotFound"
    }

    fn divisible_into(&self) -> usize {
        // A list of groups or of subnets is one value.
        if let Self::SetAttributes { attributes, .. } = self { attributes.len() } else { 1 }
    }

    fn releases(&self) -> bool {
        matches!(self, Self::SetGroups { .. })
    }

    fn sets_attributes(&self) -> bool {
        matches!(self, Self::SetAttributes { .. })
    }
}

/// A call that reads load balancers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum LoadBalancerRead {
    /// ELBv2 DescribeLoadBalancers by name, at most 20. A missing one fails the call with `LoadBalancerNotFound`.
    Describe {
        /// Which.
        names: Vec<String>,
    },
    /// ELBv2 DescribeLoadBalancerAttributes.
    Attributes {
        /// Of which.
        load_balancer: LoadBalancerArn,
    },
}

impl ReadCall for LoadBalancerRead {
    fn operation(&self) -> Operation {
        match self {
            Self::Describe { .. } => Operation::DescribeLoadBalancers,
            Self::Attributes { .. } => Operation::DescribeLoadBalancerAttributes,
        }
    }

    fn target(&self) -> String {
        match self {
            Self::Describe { names } => names.join(","),
            Self::Attributes { load_balancer } => load_balancer.to_string(),
        }
    }
}
