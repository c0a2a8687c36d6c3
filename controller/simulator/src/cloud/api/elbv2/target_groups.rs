//! CreateTargetGroup, DescribeTargetGroups, ModifyTargetGroup, DeleteTargetGroup.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html>. Those of Application Load
//! Balancers, over HTTP/1.1, to instances or to addresses of the VPC.

use std::collections::BTreeSet;

use aws_api::Bucket as Called;
use aws_api::elbv2::TargetHealthCheck;
use aws_api::id::{TargetGroupArn, VpcId};
use crds_schema::spec::Protocol;
use serde::{Deserialize, Serialize};

use super::common::{Done, at_most_20, load_balancer, page, tags, target_group};
use crate::cloud::api::common::{Tag, filled};
use crate::cloud::api::{Bucket, Operation, Read, Sight, Write};
use crate::cloud::listeners::word;
use crate::cloud::target_groups::{TargetGroupRecord, TargetType};
use crate::cloud::world::{Outcome, World, refuse};

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateTargetGroup {
    name: String,
    protocol: Option<String>,
    #[serde(default, deserialize_with = "filled")]
    protocol_version: Option<String>,
    port: Option<u16>,
    vpc_id: Option<String>,
    health_check_protocol: Option<String>,
    health_check_port: Option<String>,
    health_check_enabled: Option<bool>,
    health_check_path: Option<String>,
    health_check_interval_seconds: Option<u32>,
    health_check_timeout_seconds: Option<u32>,
    healthy_threshold_count: Option<u32>,
    unhealthy_threshold_count: Option<u32>,
    matcher: Option<Matcher>,
    target_type: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default, deserialize_with = "filled")]
    ip_address_type: Option<String>,
}

/// The codes that a healthy target answers with.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Matcher {
    http_code: Option<String>,
}

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeTargetGroups {
    load_balancer_arn: Option<String>,
    #[serde(default)]
    target_group_arns: Vec<String>,
    #[serde(default)]
    names: Vec<String>,
    marker: Option<String>,
    page_size: Option<u32>,
}

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ModifyTargetGroup {
    target_group_arn: String,
    health_check_protocol: Option<String>,
    health_check_port: Option<String>,
    health_check_path: Option<String>,
    health_check_enabled: Option<bool>,
    health_check_interval_seconds: Option<u32>,
    health_check_timeout_seconds: Option<u32>,
    healthy_threshold_count: Option<u32>,
    unhealthy_threshold_count: Option<u32>,
    matcher: Option<Matcher>,
}

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteTargetGroup {
    target_group_arn: String,
}

/// Target groups, perhaps not all of them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct TargetGroups {
    target_groups: Vec<TargetGroupItem>,
    next_marker: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct TargetGroupItem {
    target_group_arn: String,
    target_group_name: String,
    protocol: &'static str,
    port: u16,
    vpc_id: String,
    health_check_protocol: String,
    health_check_port: String,
    health_check_enabled: bool,
    health_check_interval_seconds: u32,
    health_check_timeout_seconds: u32,
    healthy_threshold_count: u32,
    unhealthy_threshold_count: u32,
    health_check_path: String,
    matcher: Matcher,
    /// Not shown by what makes one. <https://docs.aws.amazon.com/cli/latest/reference/elbv2/create-target-group.html#examples>
    load_balancer_arns: Option<Vec<String>>,
    target_type: &'static str,
    protocol_version: &'static str,
    ip_address_type: &'static str,
}

impl Operation for CreateTargetGroup {
    type Answer = TargetGroups;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Elbv2Mutate)
    }
}

impl Write for CreateTargetGroup {
    fn apply(&self, world: &mut World) -> Outcome<TargetGroups> {
        let target_type = self.target_type()?;
        self.check_fixed()?;
        let (Some(word), Some(port)) = (self.protocol.as_deref(), self.port) else {
            return refuse("ValidationError", "A protocol and a port must be specified");
        };
        let Some(Ok(vpc)) = self.vpc_id.as_deref().map(VpcId::parse) else {
            return refuse("ValidationError", "A VPC ID must be specified");
        };
        let create = aws_api::elbv2::CreateTargetGroup {
            name: self.name.clone(),
            protocol: protocol(word)?,
            port,
            vpc,
            health_check: self.health_check()?,
            tags: tags(&self.tags)?,
        };
        let arn = world.add_target_group(&create, target_type)?;
        let made = one(world, &arn)?;
        let without = |group| TargetGroupItem { load_balancer_arns: None, ..group };
        Ok(TargetGroups { target_groups: made.target_groups.into_iter().map(without).collect(), ..made })
    }
}

impl CreateTargetGroup {
    fn target_type(&self) -> Outcome<TargetType> {
        match self.target_type.as_deref() {
            None | Some("instance") => Ok(TargetType::Instance),
            Some("ip") => Ok(TargetType::Ip),
            Some(other) => refuse("ValidationError", format!("target groups of type '{other}' are not modelled")),
        }
    }

    /// What may be said, but only in one way.
    fn check_fixed(&self) -> Outcome<()> {
        let not_modelled = |given: &Option<String>, only: &str| {
            let other = given.as_deref().filter(|given| *given != only);
            other.map_or(Ok(()), |other| {
                refuse("ValidationError", format!("target groups of '{other}' are not modelled"))
            })
        };
        not_modelled(&self.protocol_version, "HTTP1")?;
        not_modelled(&self.ip_address_type, "ipv4")?;
        check_enabled(self.health_check_enabled)
    }

    /// AWS's defaults for targets that are instances or addresses.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html#health-check-settings>
    fn health_check(&self) -> Outcome<TargetHealthCheck> {
        let text = |given: &Option<String>, default: &str| given.clone().unwrap_or_else(|| default.to_owned());
        Ok(TargetHealthCheck {
            protocol: text(&self.health_check_protocol, "HTTP"),
            port: text(&self.health_check_port, "traffic-port"),
            path: text(&self.health_check_path, "/"),
            interval_secs: self.health_check_interval_seconds.unwrap_or(30),
            timeout_secs: self.health_check_timeout_seconds.unwrap_or(5),
            healthy_threshold: self.healthy_threshold_count.unwrap_or(5),
            unhealthy_threshold: self.unhealthy_threshold_count.unwrap_or(2),
            matcher: matcher(&self.matcher)?.unwrap_or_else(|| "200".to_owned()),
        })
    }
}

impl Operation for DescribeTargetGroups {
    type Answer = TargetGroups;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Elbv2Describe)
    }
}

impl Read for DescribeTargetGroups {
    /// "You can specify one of the following to filter the results: the ARN of the load balancer, the names of one or more target
    /// groups, or the ARNs of one or more target groups."
    fn answer(&self, Sight { world, .. }: &Sight<'_>) -> Outcome<TargetGroups> {
        let given = [self.load_balancer_arn.is_some(), !self.target_group_arns.is_empty(), !self.names.is_empty()];
        if given.iter().filter(|given| **given).count() > 1 {
            let message = "Load balancer ARN, target group ARNs and names cannot be specified at the same time";
            return refuse("ValidationError", message);
        }
        at_most_20(&self.target_group_arns)?;
        at_most_20(&self.names)?;
        let balancer = self.load_balancer_arn.as_deref().map(load_balancer).transpose()?;
        balancer.as_ref().map_or(Ok(()), |arn| world.balancer(arn).map(|_| ()))?;
        let asked: BTreeSet<TargetGroupArn> =
            self.target_group_arns.iter().map(|arn| target_group(arn)).collect::<Outcome<_>>()?;
        asked.iter().try_for_each(|arn| world.target_group(arn).map(|_| ()))?;
        let is_there = |name: &&String| world.target_groups.values().any(|group| group.name == **name);
        if let Some(missing) = self.names.iter().find(|name| !is_there(name)) {
            return refuse("TargetGroupNotFound", format!("One or more target groups not found: '{missing}'"));
        }
        let is_asked = |group: &TargetGroupRecord| {
            let used = balancer.as_ref().is_none_or(|balancer| world.balancer_of(&group.arn) == Some(balancer));
            let by_arn = asked.is_empty() || asked.contains(&group.arn);
            used && by_arn && (self.names.is_empty() || self.names.contains(&group.name))
        };
        let found = world.target_groups.values().filter(|group| is_asked(group));
        let found = found.map(|group| (group.arn.to_string(), item(world, group))).collect();
        let (target_groups, next_marker) = page(found, self.page_size, &self.marker)?;
        Ok(TargetGroups { target_groups, next_marker })
    }
}

impl Operation for ModifyTargetGroup {
    type Answer = TargetGroups;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Elbv2Mutate)
    }
}

impl Write for ModifyTargetGroup {
    fn apply(&self, world: &mut World) -> Outcome<TargetGroups> {
        let arn = target_group(&self.target_group_arn)?;
        let was = world.target_group(&arn)?.health_check.clone();
        check_enabled(self.health_check_enabled)?;
        let text = |given: &Option<String>, was: String| given.clone().unwrap_or(was);
        let check = TargetHealthCheck {
            protocol: text(&self.health_check_protocol, was.protocol),
            port: text(&self.health_check_port, was.port),
            path: text(&self.health_check_path, was.path),
            interval_secs: self.health_check_interval_seconds.unwrap_or(was.interval_secs),
            timeout_secs: self.health_check_timeout_seconds.unwrap_or(was.timeout_secs),
            healthy_threshold: self.healthy_threshold_count.unwrap_or(was.healthy_threshold),
            unhealthy_threshold: self.unhealthy_threshold_count.unwrap_or(was.unhealthy_threshold),
            matcher: matcher(&self.matcher)?.unwrap_or(was.matcher),
        };
        world.set_health_check(&arn, &check)?;
        one(world, &arn)
    }
}

impl Operation for DeleteTargetGroup {
    type Answer = Done;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Elbv2Mutate)
    }
}

impl Write for DeleteTargetGroup {
    fn apply(&self, world: &mut World) -> Outcome<Done> {
        world.delete_target_group(&target_group(&self.target_group_arn)?)?;
        Ok(Done {})
    }
}

fn protocol(word: &str) -> Outcome<Protocol> {
    match word {
        "HTTP" => Ok(Protocol::Http),
        "HTTPS" => Ok(Protocol::Https),
        other => refuse("ValidationError", format!("target groups of the protocol '{other}' are not modelled")),
    }
}

/// "If the target type is instance, ip, or alb, health checks are always enabled and can't be disabled."
fn check_enabled(enabled: Option<bool>) -> Outcome<()> {
    if enabled == Some(false) {
        return refuse("ValidationError", "Health check enabled must be true for target groups with this target type");
    }
    Ok(())
}

fn matcher(given: &Option<Matcher>) -> Outcome<Option<String>> {
    match given {
        None => Ok(None),
        Some(Matcher { http_code: Some(code) }) => Ok(Some(code.clone())),
        Some(Matcher { http_code: None }) => refuse("ValidationError", "A matcher must have an HTTP code"),
    }
}

fn one(world: &World, arn: &TargetGroupArn) -> Outcome<TargetGroups> {
    Ok(TargetGroups { target_groups: vec![item(world, world.target_group(arn)?)], next_marker: None })
}

fn item(world: &World, group: &TargetGroupRecord) -> TargetGroupItem {
    let check = &group.health_check;
    TargetGroupItem {
        target_group_arn: group.arn.to_string(),
        target_group_name: group.name.clone(),
        protocol: word(group.protocol),
        port: group.port,
        vpc_id: group.vpc.to_string(),
        health_check_protocol: check.protocol.clone(),
        health_check_port: check.port.clone(),
        health_check_enabled: true,
        health_check_interval_seconds: check.interval_secs,
        health_check_timeout_seconds: check.timeout_secs,
        healthy_threshold_count: check.healthy_threshold,
        unhealthy_threshold_count: check.unhealthy_threshold,
        health_check_path: check.path.clone(),
        matcher: Matcher { http_code: Some(check.matcher.clone()) },
        load_balancer_arns: Some(world.balancer_of(&group.arn).map(ToString::to_string).into_iter().collect()),
        target_type: group.target_type.word(),
        protocol_version: "HTTP1",
        ip_address_type: "ipv4",
    }
}
