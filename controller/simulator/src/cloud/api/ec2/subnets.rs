//! DescribeSubnets.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSubnets.html>

use std::collections::BTreeMap;
use std::time::Duration;

use aws_api::Bucket as Called;
use aws_api::id::SubnetId;
use serde::{Deserialize, Serialize};

use super::vpcs::AssociationV6;
use crate::cloud::api::common::{Filter, Filters, TagItem, page_or_all, parse_ids, some_tags};
use crate::cloud::api::{Bucket, Operation, Read, Sight};
use crate::cloud::catalogue::zone_id;
use crate::cloud::config::SubnetRecord;
use crate::cloud::world::{Outcome, World};

/// Filters of what no subnet has: an Outpost, a pool of a customer's addresses, a local network interface.
const UNMODELLED: [&str; 3] = ["customer-owned-ipv4-pool", "enable-lni-at-device-index", "outpost-arn"];

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeSubnets {
    #[serde(default)]
    subnet_id: Vec<String>,
    #[serde(default)]
    filter: Vec<Filter>,
    max_results: Option<u32>,
    next_token: Option<String>,
}

/// What it answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Subnets {
    subnet_set: Vec<SubnetItem>,
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SubnetItem {
    subnet_id: String,
    subnet_arn: String,
    owner_id: String,
    vpc_id: String,
    state: &'static str,
    cidr_block: String,
    ipv6_cidr_block_association_set: Vec<AssociationV6>,
    available_ip_address_count: u32,
    availability_zone: String,
    availability_zone_id: String,
    default_for_az: bool,
    map_public_ip_on_launch: bool,
    map_customer_owned_ip_on_launch: bool,
    assign_ipv6_address_on_creation: bool,
    enable_dns64: bool,
    ipv6_native: bool,
    private_dns_name_options_on_launch: NameOptions,
    tag_set: Option<Vec<TagItem>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct NameOptions {
    hostname_type: &'static str,
    #[serde(rename = "enableResourceNameDnsARecord")]
    a_record: bool,
    #[serde(rename = "enableResourceNameDnsAAAARecord")]
    aaaa_record: bool,
}

impl Operation for DescribeSubnets {
    type Answer = Subnets;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Ec2Describe)
    }
}

impl Read for DescribeSubnets {
    fn answer(&self, Sight { world, at }: &Sight<'_>) -> Outcome<Subnets> {
        let asked = parse_ids(&self.subnet_id, SubnetId::parse, "InvalidSubnetID.Malformed")?;
        asked.iter().try_for_each(|id| world.subnet(id).map(|_| ()))?;
        let mut found = BTreeMap::new();
        let subnets = world.config.subnets.values();
        let any = subnets.clone().next();
        let known = |name: &str| any.is_none_or(|any| values(world, any, name, *at).is_some());
        let filters = Filters::of(&self.filter, true, known)?;
        for known in subnets.filter(|known| asked.is_empty() || asked.contains(&known.subnet.id)) {
            let tags = world.tags_of_bare(known.subnet.id.as_str());
            if filters.match_values(&tags, |name| values(world, known, name, *at)) {
                found.insert(known.subnet.id.to_string(), item(world, known, *at));
            }
        }
        let (subnet_set, next_token) = page_or_all(found, self.max_results, &self.next_token, (5, 1000))?;
        Ok(Subnets { subnet_set, next_token })
    }
}

fn values(world: &World, known: &SubnetRecord, name: &str, at: Duration) -> Option<Vec<String>> {
    let SubnetRecord { subnet, range } = known;
    let of_v6 = |value: fn(AssociationV6) -> String| Some(association_v6(known).map(value).into_iter().collect());
    Some(vec![match name {
        "ipv6-cidr-block-association.association-id" => return of_v6(|one| one.association_id),
        "ipv6-cidr-block-association.ipv6-cidr-block" => return of_v6(|one| one.ipv6_cidr_block),
        "ipv6-cidr-block-association.state" => return of_v6(|one| one.ipv6_cidr_block_state.state.to_owned()),
        "subnet-id" => subnet.id.to_string(),
        "subnet-arn" => arn(world, &subnet.id),
        "vpc-id" => subnet.vpc.to_string(),
        "availability-zone" | "availabilityZone" => subnet.zone.to_string(),
        "availability-zone-id" | "availabilityZoneId" => zone_id(&world.config.region, &subnet.zone.0),
        "available-ip-address-count" => world.free_addresses(&subnet.id, at).to_string(),
        "cidr-block" | "cidr" | "cidrBlock" => range.to_string(),
        "default-for-az" | "defaultForAz" | "map-public-ip-on-launch" => subnet.default_for_az.to_string(),
        "enable-dns64"
        | "ipv6-native"
        | "map-customer-owned-ip-on-launch"
        | "private-dns-name-options-on-launch.enable-resource-name-dns-a-record"
        | "private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record" => false.to_string(),
        "private-dns-name-options-on-launch.hostname-type" => "ip-name".to_owned(),
        "owner-id" => world.config.account.clone(),
        "state" => "available".to_owned(),
        _ if UNMODELLED.contains(&name) => return Some(Vec::new()),
        _ => return None,
    }])
}

fn arn(world: &World, id: &SubnetId) -> String {
    format!("arn:aws:ec2:{}:{}:subnet/{id}", world.config.region, world.config.account)
}

fn association_v6(known: &SubnetRecord) -> Option<AssociationV6> {
    known.range_v6().map(|range| AssociationV6::of("subnet-cidr-assoc-", known.subnet.id.as_str(), range))
}

/// A default subnet gives its instances public addresses.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/default-vpc-components.html>
fn item(world: &World, known: &SubnetRecord, at: Duration) -> SubnetItem {
    let subnet = &known.subnet;
    SubnetItem {
        subnet_id: subnet.id.to_string(),
        subnet_arn: arn(world, &subnet.id),
        owner_id: world.config.account.clone(),
        vpc_id: subnet.vpc.to_string(),
        state: "available",
        cidr_block: known.range.to_string(),
        ipv6_cidr_block_association_set: association_v6(known).into_iter().collect(),
        available_ip_address_count: world.free_addresses(&subnet.id, at),
        availability_zone: subnet.zone.to_string(),
        availability_zone_id: zone_id(&world.config.region, &subnet.zone.0),
        default_for_az: subnet.default_for_az,
        map_public_ip_on_launch: subnet.default_for_az,
        map_customer_owned_ip_on_launch: false,
        assign_ipv6_address_on_creation: false,
        enable_dns64: false,
        ipv6_native: false,
        private_dns_name_options_on_launch: NameOptions {
            hostname_type: "ip-name",
            a_record: false,
            aaaa_record: false,
        },
        tag_set: some_tags(&world.tags_of_bare(subnet.id.as_str())),
    }
}
