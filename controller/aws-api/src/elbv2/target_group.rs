//! Target groups, their targets and health checks, and the calls about them.
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html>

use std::collections::{BTreeMap, BTreeSet};

use crds_schema::spec::Protocol;
use serde::{Deserialize, Serialize};

use crate::id::{InstanceId, LoadBalancerArn, TargetGroupArn, VpcId};
use crate::reference::{AnyRef, Ref, ResourceId, known};
use crate::words::words;
use crate::{Effect, Operation, ReadCall, Tags, WriteCall};

/// A target group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetGroup {
    /// Its ARN.
    pub arn: TargetGroupArn,
    /// Its name, unique in its account and region.
    pub name: String,
    /// Protocol to the targets.
    pub protocol: Option<Protocol>,
    /// Default port of its targets.
    pub port: Option<u16>,
    /// Its VPC.
    pub vpc: Option<VpcId>,
    /// How health is checked.
    pub health_check: TargetHealthCheck,
    /// The load balancers that use it, through a listener or a rule: at most one.
    pub load_balancers: Vec<LoadBalancerArn>,
}

/// How a target group checks health, in ELBv2's own terms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetHealthCheck {
    /// `HTTP` or another.
    pub protocol: String,
    /// `traffic-port` or a number.
    pub port: String,
    /// The path asked for.
    pub path: String,
    /// Seconds between two checks.
    pub interval_secs: u32,
    /// Seconds that an answer may take.
    pub timeout_secs: u32,
    /// Passes until healthy.
    pub healthy_threshold: u32,
    /// Failures until unhealthy.
    pub unhealthy_threshold: u32,
    /// HTTP codes that pass.
    pub matcher: String,
}

/// One target of a target group, as DescribeTargetHealth shows it.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Instance id (or an address, in a group made by somebody else).
    pub id: String,
    /// The port that it is registered on.
    pub port: u16,
    /// Its health.
    pub health: TargetHealth,
    /// AWS's reason code, such as `Target.Timeout`.
    pub reason: Option<String>,
    /// AWS's words for it.
    pub description: Option<String>,
}

/// Health of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetHealth {
    /// Being registered, or not yet checked.
    Initial,
    /// Passing its checks.
    Healthy,
    /// Failing its checks.
    Unhealthy,
    /// Not used: no listener, its zone not enabled, or the target stopped.
    Unused,
    /// Taken out, finishing what it has in flight.
    Draining,
    /// Health checks are off.
    Unavailable,
}

words!(TargetHealth {
    Initial = "initial",
    Healthy = "healthy",
    Unhealthy = "unhealthy",
    Unused = "unused",
    Draining = "draining",
    Unavailable = "unavailable",
});

/// ELBv2 CreateTargetGroup, of type instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateTargetGroup {
    /// Name, unique in account and region.
    pub name: String,
    /// Protocol to the targets.
    pub protocol: Protocol,
    /// Default port of the targets.
    pub port: u16,
    /// The VPC.
    pub vpc: VpcId,
    /// How health is checked.
    pub health_check: TargetHealthCheck,
    /// Tags, set in the same call.
    pub tags: Tags,
}

/// A call that changes a target group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TargetGroupWrite {
    /// ELBv2 CreateTargetGroup. Idempotent by name while the settings are the same.
    #[serde(rename = "CreateTargetGroup")]
    Create(CreateTargetGroup),
    /// ELBv2 ModifyTargetGroup: its health check. Idempotent.
    SetHealthCheck {
        /// Which.
        target_group: TargetGroupArn,
        /// The whole health check from now on.
        health_check: TargetHealthCheck,
    },
    /// ELBv2 ModifyTargetGroupAttributes. Idempotent.
    #[serde(rename = "SetTargetGroupAttributes")]
    SetAttributes {
        /// Which.
        target_group: Ref<TargetGroupArn>,
        /// Attributes to set; others stay.
        attributes: BTreeMap<String, String>,
    },
    /// ELBv2 DeleteTargetGroup. Fails with `ResourceInUse` while a listener forwards to it.
    #[serde(rename = "DeleteTargetGroup")]
    Delete {
        /// Which.
        target_group: TargetGroupArn,
    },
    /// ELBv2 RegisterTargets. Idempotent. The instances must be running.
    #[serde(rename = "RegisterTargets")]
    Register {
        /// Into which.
        target_group: Ref<TargetGroupArn>,
        /// Instances.
        instances: BTreeSet<InstanceId>,
        /// The port that they serve on.
        port: u16,
    },
    /// ELBv2 DeregisterTargets: starts the drain. Idempotent.
    #[serde(rename = "DeregisterTargets")]
    Deregister {
        /// Out of which.
        target_group: TargetGroupArn,
        /// Targets, as they are registered: id and port.
        targets: BTreeSet<(String, u16)>,
    },
}

impl WriteCall for TargetGroupWrite {
    fn operation(&self) -> Operation {
        match self {
            Self::Create(_) => Operation::CreateTargetGroup,
            Self::SetHealthCheck { .. } => Operation::ModifyTargetGroup,
            Self::SetAttributes { .. } => Operation::ModifyTargetGroupAttributes,
            Self::Delete { .. } => Operation::DeleteTargetGroup,
            Self::Register { .. } => Operation::RegisterTargets,
            Self::Deregister { .. } => Operation::DeregisterTargets,
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::Create(_) => Effect::Creates,
            Self::SetHealthCheck { .. } | Self::SetAttributes { .. } | Self::Register { .. } => Effect::Changes,
            Self::Deregister { .. } => Effect::StopsTraffic,
            Self::Delete { .. } => Effect::Destroys,
        }
    }

    fn touches(&self) -> Vec<ResourceId> {
        match self {
            Self::Create(_) => Vec::new(),
            Self::SetAttributes { target_group, .. } => known(target_group),
            Self::SetHealthCheck { target_group, .. }
            | Self::Delete { target_group }
            | Self::Deregister { target_group, .. } => vec![ResourceId::TargetGroup(target_group.clone())],
            Self::Register { target_group, instances, .. } => {
                let instances = instances.iter().cloned().map(ResourceId::Instance);
                known(target_group).into_iter().chain(instances).collect()
            }
        }
    }

    fn refs_mut(&mut self, visit: &mut dyn FnMut(AnyRef<'_>)) {
        match self {
            Self::SetAttributes { target_group, .. } | Self::Register { target_group, .. } => {
                visit(AnyRef::TargetGroup(target_group));
            }
            Self::Create(_) | Self::SetHealthCheck { .. } | Self::Delete { .. } | Self::Deregister { .. } => {}
        }
    }

    fn target(&self) -> String {
        match self {
            Self::Create(_) => String::new(),
            Self::SetAttributes { target_group, .. } | Self::Register { target_group, .. } => target_group.to_string(),
            Self::SetHealthCheck { target_group, .. }
            | Self::Delete { target_group }
            | Self::Deregister { target_group, .. } => target_group.to_string(),
        }
    }

    fn created(&self) -> Option<(String, &Tags)> {
        let Self::Create(create) = self else { return None };
        Some((create.name.clone(), &create.tags))
    }

    fn holds_already(&self, code: &str) -> bool {
        match self {
            Self::Delete { .. } => code == "TargetGroupNotFound",
            Self::Deregister { .. } => code == "TargetGroupNotFound" || code == "InvalidTarget",
            Self::Create(_) | Self::SetHealthCheck { .. } | Self::SetAttributes { .. } | Self::Register { .. } => false,
        }
    }

    fn divisible_into(&self) -> usize {
        match self {
            Self::SetAttributes { attributes, .. } => attributes.len(),
            Self::Register { instances, .. } => instances.len(),
            Self::Create(_) | Self::SetHealthCheck { .. } | Self::Delete { .. } | Self::Deregister { .. } => 1,
        }
    }

    fn adds_to(&self) -> Option<String> {
        if let Self::Register { target_group, .. } = self { Some(format!("{target_group}/targets")) } else { None }
    }

    fn sets_attributes(&self) -> bool {
        matches!(self, Self::SetAttributes { .. })
    }
}

/// A call that reads target groups.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum TargetGroupRead {
    /// ELBv2 DescribeTargetGroups by name, at most 20. A missing one fails the call with `TargetGroupNotFound`.
    Describe {
        /// Which.
        names: Vec<String>,
    },
    /// ELBv2 DescribeTargetGroupAttributes.
    Attributes {
        /// Of which.
        target_group: TargetGroupArn,
    },
    /// ELBv2 DescribeTargetHealth of all of its targets.
    Health {
        /// Of which.
        target_group: TargetGroupArn,
    },
}

impl ReadCall for TargetGroupRead {
    fn operation(&self) -> Operation {
        match self {
            Self::Describe { .. } => Operation::DescribeTargetGroups,
            Self::Attributes { .. } => Operation::DescribeTargetGroupAttributes,
            Self::Health { .. } => Operation::DescribeTargetHealth,
        }
    }

    fn target(&self) -> String {
        match self {
            Self::Describe { names } => names.join(","),
            Self::Attributes { target_group } | Self::Health { target_group } => target_group.to_string(),
        }
    }
}
