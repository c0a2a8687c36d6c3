//! DescribeTargetHealth.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetHealth.html>. No anomaly is ever
//! detected, and no zone shifted away from: what is said of both is the same of every target.

use aws_api::Bucket as Called;
use aws_api::id::InstanceId;
use serde::{Deserialize, Serialize};

use super::common::target_group;
use super::targets::TargetDescription;
use crate::cloud::api::{Bucket, Operation, Read, Sight};
use crate::cloud::target_groups::{TargetGroupRecord, TargetType};
use crate::cloud::world::{Outcome, World, refuse};

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeTargetHealth {
    target_group_arn: String,
    #[serde(default)]
    targets: Vec<TargetDescription>,
    #[serde(default)]
    include: Vec<Include>,
}

/// What is told besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Include {
    AnomalyDetection,
    All,
}

/// What it answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Health {
    target_health_descriptions: Vec<Description>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Description {
    target: Target,
    health_check_port: Option<String>,
    target_health: TargetHealth,
    anomaly_detection: Option<AnomalyDetection>,
    administrative_override: Option<Override>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct AnomalyDetection {
    result: &'static str,
    mitigation_in_effect: &'static str,
}

/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_AdministrativeOverride.html>
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Override {
    state: &'static str,
    reason: &'static str,
    description: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Target {
    id: String,
    port: u16,
    availability_zone: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct TargetHealth {
    state: String,
    reason: Option<String>,
    description: Option<String>,
}

impl Operation for DescribeTargetHealth {
    type Answer = Health;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Elbv2Describe)
    }
}

impl Read for DescribeTargetHealth {
    fn answer(&self, Sight { world, at }: &Sight<'_>) -> Outcome<Health> {
        let arn = target_group(&self.target_group_arn)?;
        let group = world.target_group(&arn)?;
        self.targets.iter().try_for_each(|asked| check(asked, world, group))?;
        let registered = world.target_health(&arn, *at)?;
        let names = |asked: &TargetDescription, target: &aws_api::elbv2::Target| {
            asked.id == target.id && asked.port.is_none_or(|port| port == target.port)
        };
        let missing = self.targets.iter().filter(|asked| !registered.iter().any(|target| names(asked, target)));
        let missing: Vec<Description> = missing.map(|asked| not_registered(asked, world, group)).collect();
        let is_asked = |target: &aws_api::elbv2::Target| {
            self.targets.is_empty() || self.targets.iter().any(|asked| names(asked, target))
        };
        let anomalies = !self.include.is_empty();
        let found = registered.iter().filter(|target| is_asked(target));
        let found = found.map(|target| Description {
            anomaly_detection: anomalies.then_some(AnomalyDetection { result: "normal", mitigation_in_effect: "no" }),
            ..described(target, world, group)
        });
        Ok(Health { target_health_descriptions: found.chain(missing).collect() })
    }
}

/// Whether that could be a target of the group at all.
fn check(asked: &TargetDescription, world: &World, group: &TargetGroupRecord) -> Outcome<()> {
    let could_be = match group.target_type {
        TargetType::Instance => InstanceId::parse(asked.id.as_str()).is_ok(),
        TargetType::Ip => asked.id.parse::<std::net::IpAddr>().is_ok(),
    };
    if !could_be {
        return refuse(
            "ValidationError",
            format!("'{}' is not a target of type '{}'", asked.id, group.target_type.word()),
        );
    }
    asked.check_zone(world, group)
}

fn described(target: &aws_api::elbv2::Target, world: &World, group: &TargetGroupRecord) -> Description {
    let own_port = group.health_check.port.parse::<u16>().unwrap_or(target.port);
    Description {
        health_check_port: Some(own_port.to_string()),
        target: shown(target.id.clone(), target.port, world, group),
        target_health: TargetHealth {
            state: target.health.to_string(),
            reason: target.reason.clone(),
            description: target.description.clone(),
        },
        anomaly_detection: None,
        administrative_override: Some(Override {
            state: "no_override",
            reason: "AdministrativeOverride.NoOverride",
            description: "No override is currently active on target",
        }),
    }
}

/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html>
fn not_registered(asked: &TargetDescription, world: &World, group: &TargetGroupRecord) -> Description {
    Description {
        health_check_port: None,
        target: shown(asked.id.clone(), asked.port.unwrap_or(group.port), world, group),
        target_health: TargetHealth {
            state: aws_api::elbv2::TargetHealth::Unused.to_string(),
            reason: Some("Target.NotRegistered".into()),
            description: Some("Target is not registered to the target group".into()),
        },
        anomaly_detection: None,
        administrative_override: None,
    }
}

/// The zone is that of an address; an instance has its own.
fn shown(id: String, port: u16, world: &World, group: &TargetGroupRecord) -> Target {
    let zone = world.zone_of_address(&group.vpc, &id).filter(|_| group.target_type == TargetType::Ip);
    Target { availability_zone: zone.map(ToString::to_string), id, port }
}
