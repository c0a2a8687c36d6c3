//! RegisterTargets, DeregisterTargets.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RegisterTargets.html>

use std::collections::BTreeSet;

use aws_api::Bucket as Called;
use serde::Deserialize;

use super::common::{Done, target_group};
use crate::cloud::api::{Bucket, Operation, Write};
use crate::cloud::target_groups::{TargetGroupRecord, TargetType};
use crate::cloud::world::{Outcome, World, refuse};

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RegisterTargets {
    target_group_arn: String,
    targets: Vec<TargetDescription>,
}

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeregisterTargets {
    target_group_arn: String,
    targets: Vec<TargetDescription>,
}

/// A target, as a call names it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TargetDescription {
    pub(super) id: String,
    pub(super) port: Option<u16>,
    availability_zone: Option<String>,
}

impl TargetDescription {
    /// The zone of an address in the VPC "is automatically detected", so that another one is wrong; an instance's is not given.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetDescription.html>
    pub(super) fn check_zone(&self, world: &World, group: &TargetGroupRecord) -> Outcome<()> {
        let Some(given) = self.availability_zone.as_deref() else { return Ok(()) };
        let own = world.zone_of_address(&group.vpc, &self.id).filter(|_| group.target_type == TargetType::Ip);
        match own {
            Some(own) if own.0 == given => Ok(()),
            Some(_) | None => {
                let message =
                    format!("The Availability Zone '{given}' cannot be specified for the target '{}'", self.id);
                refuse("ValidationError", message)
            }
        }
    }
}

/// Ids and ports. "If you specified a port override when you registered a target, you must specify both the target ID and the port
/// when you deregister it"; otherwise the port is the group's.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DeregisterTargets.html>
fn keys(world: &World, arn: &str, given: &[TargetDescription]) -> Outcome<BTreeSet<(String, u16)>> {
    let group = world.target_group(&target_group(arn)?)?;
    if given.is_empty() {
        return refuse("ValidationError", "At least one target must be specified");
    }
    given.iter().try_for_each(|target| target.check_zone(world, group))?;
    Ok(given.iter().map(|target| (target.id.clone(), target.port.unwrap_or(group.port))).collect())
}

impl Operation for RegisterTargets {
    type Answer = Done;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Elbv2Register)
    }
}

impl Write for RegisterTargets {
    fn apply(&self, world: &mut World) -> Outcome<Done> {
        let targets = keys(world, &self.target_group_arn, &self.targets)?;
        world.register_targets(&target_group(&self.target_group_arn)?, &targets)?;
        Ok(Done {})
    }
}

impl Operation for DeregisterTargets {
    type Answer = Done;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Elbv2Register)
    }
}

impl Write for DeregisterTargets {
    fn apply(&self, world: &mut World) -> Outcome<Done> {
        let targets = keys(world, &self.target_group_arn, &self.targets)?;
        world.deregister(&target_group(&self.target_group_arn)?, &targets)?;
        Ok(Done {})
    }
}
