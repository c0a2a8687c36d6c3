//! CreateLoadBalancer, DescribeLoadBalancers, DeleteLoadBalancer.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html>. Application Load Balancers with
//! IPv4 addresses only.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_api::id::{LoadBalancerArn, SecurityGroupId, SubnetId, Zone};
use aws_api::{self, Bucket as Called, Ref};
use crds_schema::spec::Scheme;
use serde::{Deserialize, Serialize};

use super::common::{Done, at_most_20, load_balancer, page, tags};
use crate::clock::timestamp;
use crate::cloud::api::common::Tag;
use crate::cloud::api::{Bucket, Operation, Read, Sight, Write};
use crate::cloud::load_balancers::BalancerRecord;
use crate::cloud::world::{Outcome, World, refuse};

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateLoadBalancer {
    name: String,
    #[serde(default)]
    subnets: Vec<String>,
    #[serde(default)]
    subnet_mappings: Vec<SubnetMapping>,
    #[serde(default)]
    security_groups: Vec<String>,
    scheme: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(rename = "Type")]
    kind: Option<String>,
    ip_address_type: Option<String>,
}

/// A subnet; the addresses that one may give there are of Network Load Balancers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SubnetMapping {
    subnet_id: String,
}

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeLoadBalancers {
    #[serde(default)]
    load_balancer_arns: Vec<String>,
    #[serde(default)]
    names: Vec<String>,
    marker: Option<String>,
    page_size: Option<u32>,
}

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteLoadBalancer {
    load_balancer_arn: String,
}

/// Load balancers, perhaps not all of them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct LoadBalancers {
    load_balancers: Vec<LoadBalancerItem>,
    next_marker: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct LoadBalancerItem {
    load_balancer_arn: String,
    #[serde(rename = "DNSName")]
    dns_name: String,
    canonical_hosted_zone_id: Option<String>,
    created_time: String,
    load_balancer_name: String,
    scheme: &'static str,
    vpc_id: String,
    state: State,
    #[serde(rename = "Type")]
    kind: &'static str,
    availability_zones: Vec<AvailabilityZone>,
    security_groups: Vec<String>,
    ip_address_type: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    code: String,
}

/// A zone in which a load balancer has a subnet.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AvailabilityZone {
    zone_name: String,
    subnet_id: String,
    /// Static addresses, which Application Load Balancers have none of.
    load_balancer_addresses: Vec<String>,
}

impl Operation for CreateLoadBalancer {
    type Answer = LoadBalancers;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Elbv2Mutate)
    }
}

impl Write for CreateLoadBalancer {
    fn apply(&self, world: &mut World) -> Outcome<LoadBalancers> {
        if let Some(other) = self.kind.as_deref().filter(|kind| *kind != "application") {
            return refuse("ValidationError", format!("load balancers of type '{other}' are not modelled"));
        }
        only_ipv4(self.ip_address_type.as_deref())?;
        let create = aws_api::elbv2::CreateLoadBalancer {
            name: self.name.clone(),
            scheme: scheme(self.scheme.as_deref())?,
            subnets: subnets(&self.subnets, &self.subnet_mappings)?,
            groups: groups(&self.security_groups)?,
            tags: tags(&self.tags)?,
        };
        let arn = world.add_balancer(&create)?;
        let made = item(world.balancer(&arn)?, world, world.at);
        Ok(LoadBalancers { load_balancers: vec![made], next_marker: None })
    }
}

impl Operation for DescribeLoadBalancers {
    type Answer = LoadBalancers;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Elbv2Describe)
    }
}

impl Read for DescribeLoadBalancers {
    fn answer(&self, Sight { world, at }: &Sight<'_>) -> Outcome<LoadBalancers> {
        if !self.load_balancer_arns.is_empty() && !self.names.is_empty() {
            let message = "Load balancer names and load balancer ARNs cannot be specified at the same time";
            return refuse("ValidationError", message);
        }
        at_most_20(&self.load_balancer_arns)?;
        at_most_20(&self.names)?;
        let asked: BTreeSet<LoadBalancerArn> =
            self.load_balancer_arns.iter().map(|arn| load_balancer(arn)).collect::<Outcome<_>>()?;
        asked.iter().try_for_each(|arn| world.balancer(arn).map(|_| ()))?;
        let is_there = |name: &&String| world.balancers.values().any(|balancer| balancer.name == **name);
        if let Some(missing) = self.names.iter().find(|name| !is_there(name)) {
            return refuse("LoadBalancerNotFound", format!("Load balancers '[{missing}]' not found"));
        }
        let is_asked = |one: &BalancerRecord| {
            let of_arns = asked.is_empty() || asked.contains(&one.arn);
            of_arns && (self.names.is_empty() || self.names.contains(&one.name))
        };
        let found = world.balancers.values().filter(|one| is_asked(one));
        let found = found.map(|one| (one.arn.to_string(), item(one, world, *at))).collect();
        let (load_balancers, next_marker) = page(found, self.page_size, &self.marker)?;
        Ok(LoadBalancers { load_balancers, next_marker })
    }
}

impl Operation for DeleteLoadBalancer {
    type Answer = Done;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Elbv2Mutate)
    }
}

impl Write for DeleteLoadBalancer {
    fn apply(&self, world: &mut World) -> Outcome<Done> {
        world.delete_balancer(&load_balancer(&self.load_balancer_arn)?)?;
        Ok(Done {})
    }
}

/// IPv6 is not modelled.
pub(super) fn only_ipv4(kind: Option<&str>) -> Outcome<()> {
    match kind {
        None | Some("ipv4") => Ok(()),
        Some(other) => refuse("ValidationError", format!("the IP address type '{other}' is not modelled")),
    }
}

fn scheme(word: Option<&str>) -> Outcome<Scheme> {
    match word {
        None | Some("internet-facing") => Ok(Scheme::InternetFacing),
        Some("internal") => Ok(Scheme::Internal),
        Some(other) => refuse("InvalidScheme", format!("The scheme '{other}' is not valid")),
    }
}

/// "You must specify either subnets or subnet mappings, but not both." No more than one a zone, so none twice.
pub(super) fn subnets(ids: &[String], mappings: &[SubnetMapping]) -> Outcome<BTreeSet<SubnetId>> {
    let mapped: Vec<String> = mappings.iter().map(|mapping| mapping.subnet_id.clone()).collect();
    let ids = match (ids, mapped.as_slice()) {
        ([], mapped) => mapped,
        (ids, []) => ids,
        (_, _) => return refuse("ValidationError", "Subnets and subnet mappings cannot be specified at the same time"),
    };
    let mut subnets = BTreeSet::new();
    for id in ids {
        let Ok(subnet) = SubnetId::parse(id.as_str()) else {
            return refuse("SubnetNotFound", format!("The subnet ID '{id}' is not valid"));
        };
        if !subnets.insert(subnet) {
            let message = "A load balancer cannot be attached to multiple subnets in the same Availability Zone";
            return refuse("InvalidConfigurationRequest", message);
        }
    }
    Ok(subnets)
}

pub(super) fn groups(ids: &[String]) -> Outcome<BTreeSet<Ref<SecurityGroupId>>> {
    let group = |id: &String| match SecurityGroupId::parse(id.as_str()) {
        Ok(group) => Ok(Ref::Id(group)),
        Err(_) => refuse("InvalidSecurityGroup", format!("The security group ID '{id}' is not valid")),
    };
    ids.iter().map(group).collect()
}

pub(super) fn zones<'a>(subnets: impl IntoIterator<Item = (&'a Zone, &'a SubnetId)>) -> Vec<AvailabilityZone> {
    let zone = |(zone, subnet): (&Zone, &SubnetId)| AvailabilityZone {
        zone_name: zone.to_string(),
        subnet_id: subnet.to_string(),
        load_balancer_addresses: Vec::new(),
    };
    subnets.into_iter().map(zone).collect()
}

fn item(balancer: &BalancerRecord, world: &World, at: Duration) -> LoadBalancerItem {
    LoadBalancerItem {
        load_balancer_arn: balancer.arn.to_string(),
        dns_name: balancer.dns_name.clone(),
        canonical_hosted_zone_id: balancer.hosted_zone.map(str::to_owned),
        created_time: format!("{:.3}", timestamp(world.config.epoch, balancer.created)),
        load_balancer_name: balancer.name.clone(),
        scheme: match balancer.scheme {
            Scheme::InternetFacing => "internet-facing",
            Scheme::Internal => "internal",
        },
        vpc_id: balancer.vpc.to_string(),
        state: State { code: balancer.life.at(at).to_string() },
        kind: "application",
        availability_zones: zones(&balancer.subnets),
        security_groups: balancer.groups.iter().map(ToString::to_string).collect(),
        ip_address_type: "ipv4",
    }
}
