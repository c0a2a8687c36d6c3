//! SetSubnets, SetSecurityGroups, SetIpAddressType.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_SetSubnets.html>. Each sets the whole of something.

use aws_api::Bucket as Called;
use serde::{Deserialize, Serialize};

use super::common::load_balancer;
use super::load_balancers::{AvailabilityZone, SubnetMapping, groups, only_ipv4, subnets, zones};
use crate::cloud::api::{Bucket, Operation, Write};
use crate::cloud::world::{Outcome, World, refuse};

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SetSubnets {
    load_balancer_arn: String,
    #[serde(default)]
    subnets: Vec<String>,
    #[serde(default)]
    subnet_mappings: Vec<SubnetMapping>,
    ip_address_type: Option<String>,
}

/// The subnets from now on.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Subnets {
    availability_zones: Vec<AvailabilityZone>,
    ip_address_type: &'static str,
}

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SetSecurityGroups {
    load_balancer_arn: String,
    security_groups: Vec<String>,
}

/// The groups from now on.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SecurityGroups {
    security_group_ids: Vec<String>,
}

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SetIpAddressType {
    load_balancer_arn: String,
    ip_address_type: String,
}

/// The type from now on.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct IpAddressType {
    ip_address_type: &'static str,
}

impl Operation for SetSubnets {
    type Answer = Subnets;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Elbv2Mutate)
    }
}

impl Write for SetSubnets {
    fn apply(&self, world: &mut World) -> Outcome<Subnets> {
        let arn = load_balancer(&self.load_balancer_arn)?;
        only_ipv4(self.ip_address_type.as_deref())?;
        world.set_subnets(&arn, &subnets(&self.subnets, &self.subnet_mappings)?)?;
        let availability_zones = zones(&world.balancer(&arn)?.subnets);
        Ok(Subnets { availability_zones, ip_address_type: "ipv4" })
    }
}

impl Operation for SetSecurityGroups {
    type Answer = SecurityGroups;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Elbv2Mutate)
    }
}

impl Write for SetSecurityGroups {
    fn apply(&self, world: &mut World) -> Outcome<SecurityGroups> {
        let arn = load_balancer(&self.load_balancer_arn)?;
        world.balancer(&arn)?;
        if self.security_groups.is_empty() {
            return refuse("ValidationError", "At least one security group must be specified");
        }
        world.set_balancer_groups(&arn, &groups(&self.security_groups)?)?;
        let set = &world.balancer(&arn)?.groups;
        Ok(SecurityGroups { security_group_ids: set.iter().map(ToString::to_string).collect() })
    }
}

impl Operation for SetIpAddressType {
    type Answer = IpAddressType;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Elbv2Mutate)
    }
}

impl Write for SetIpAddressType {
    fn apply(&self, world: &mut World) -> Outcome<IpAddressType> {
        world.balancer(&load_balancer(&self.load_balancer_arn)?)?;
        only_ipv4(Some(&self.ip_address_type))?;
        Ok(IpAddressType { ip_address_type: "ipv4" })
    }
}
