//! DescribeVpcs and DescribeVpcAttribute.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcs.html>,
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcAttribute.html>

use std::collections::BTreeMap;

use aws_api::Bucket as Called;
use aws_api::id::VpcId;
use serde::{Deserialize, Serialize};

use crate::cloud::api::common::{Filter, Filters, TagItem, page_or_all, parse_id, parse_ids, some_tags};
use crate::cloud::api::{Bucket, Operation, Read, Sight};
use crate::cloud::derived::derived_id;
use crate::cloud::vpcs::{VPC_RANGE, VPC_RANGE_V6, vpc_part};
use crate::cloud::world::{Outcome, World, refuse};

/// DescribeVpcs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeVpcs {
    #[serde(default)]
    vpc_id: Vec<String>,
    #[serde(default)]
    filter: Vec<Filter>,
    max_results: Option<u32>,
    next_token: Option<String>,
}

/// What DescribeVpcs answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Vpcs {
    vpc_set: Vec<VpcItem>,
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct VpcItem {
    vpc_id: String,
    owner_id: String,
    state: &'static str,
    cidr_block: &'static str,
    dhcp_options_id: String,
    instance_tenancy: &'static str,
    is_default: bool,
    cidr_block_association_set: Vec<Association>,
    ipv6_cidr_block_association_set: Vec<AssociationV6>,
    tag_set: Option<Vec<TagItem>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Association {
    association_id: String,
    cidr_block: &'static str,
    cidr_block_state: State,
}

/// A range of IPv6 that a VPC or a subnet has.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AssociationV6 {
    pub(super) association_id: String,
    pub(super) ipv6_cidr_block: String,
    pub(super) ipv6_cidr_block_state: State,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct State {
    pub(super) state: &'static str,
}

impl AssociationV6 {
    /// That range, of what has this id.
    pub(super) fn of(prefix: &str, id: &str, range: String) -> Self {
        let ipv6_cidr_block_state = State { state: "associated" };
        Self { association_id: derived_id(prefix, &format!("{id} v6")), ipv6_cidr_block: range, ipv6_cidr_block_state }
    }
}

impl Operation for DescribeVpcs {
    type Answer = Vpcs;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Ec2Describe)
    }
}

impl Read for DescribeVpcs {
    fn answer(&self, Sight { world, .. }: &Sight<'_>) -> Outcome<Vpcs> {
        let asked = parse_ids(&self.vpc_id, VpcId::parse, "InvalidVpcID.Malformed")?;
        asked.iter().try_for_each(|id| world.check_vpc(id))?;
        let any = world.vpcs().into_iter().next();
        let known = |name: &str| any.is_none_or(|any| values(world, any, name).is_some());
        let filters = Filters::of(&self.filter, true, known)?;
        let mut found = BTreeMap::new();
        for vpc in world.vpcs().into_iter().filter(|vpc| asked.is_empty() || asked.contains(vpc)) {
            let tags = world.tags_of_bare(vpc.as_str());
            if filters.match_values(&tags, |name| values(world, vpc, name)) {
                found.insert(vpc.to_string(), item(world, vpc));
            }
        }
        let (vpc_set, next_token) = page_or_all(found, self.max_results, &self.next_token, (5, 1000))?;
        Ok(Vpcs { vpc_set, next_token })
    }
}

fn values(world: &World, vpc: &VpcId, name: &str) -> Option<Vec<String>> {
    let of_v6 = |value: fn(AssociationV6) -> String| association_v6(world, vpc).map(value).into_iter().collect();
    Some(match name {
        "vpc-id" => vec![vpc.to_string()],
        "cidr" | "cidr-block-association.cidr-block" => vec![VPC_RANGE.to_owned()],
        "cidr-block-association.association-id" => vec![vpc_part("vpc-cidr-assoc-", vpc)],
        "cidr-block-association.state" => vec!["associated".to_owned()],
        "ipv6-cidr-block-association.association-id" => of_v6(|one| one.association_id),
        "ipv6-cidr-block-association.ipv6-cidr-block" => of_v6(|one| one.ipv6_cidr_block),
        // The range is Amazon's, of no pool of the account's own.
        "ipv6-cidr-block-association.ipv6-pool" => Vec::new(),
        "ipv6-cidr-block-association.state" => of_v6(|one| one.ipv6_cidr_block_state.state.to_owned()),
        "dhcp-options-id" => vec![vpc_part("dopt-", vpc)],
        "is-default" | "isDefault" => vec![(world.default_vpc() == Some(vpc)).to_string()],
        "owner-id" => vec![world.config.account.clone()],
        "state" => vec!["available".to_owned()],
        _ => return None,
    })
}

fn association_v6(world: &World, vpc: &VpcId) -> Option<AssociationV6> {
    let range = || AssociationV6::of("vpc-cidr-assoc-", vpc.as_str(), VPC_RANGE_V6.to_owned());
    world.vpc_has_ipv6(vpc).then(range)
}

fn item(world: &World, vpc: &VpcId) -> VpcItem {
    let association = Association {
        association_id: vpc_part("vpc-cidr-assoc-", vpc),
        cidr_block: VPC_RANGE,
        cidr_block_state: State { state: "associated" },
    };
    VpcItem {
        vpc_id: vpc.to_string(),
        owner_id: world.config.account.clone(),
        state: "available",
        cidr_block: VPC_RANGE,
        dhcp_options_id: vpc_part("dopt-", vpc),
        instance_tenancy: "default",
        is_default: world.default_vpc() == Some(vpc),
        cidr_block_association_set: vec![association],
        ipv6_cidr_block_association_set: association_v6(world, vpc).into_iter().collect(),
        tag_set: some_tags(&world.tags_of_bare(vpc.as_str())),
    }
}

/// DescribeVpcAttribute.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeVpcAttribute {
    vpc_id: String,
    attribute: String,
}

/// What DescribeVpcAttribute answers: the one attribute that was asked for.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VpcAttribute {
    vpc_id: String,
    enable_dns_support: Option<Value>,
    enable_dns_hostnames: Option<Value>,
    enable_network_address_usage_metrics: Option<Value>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Value {
    value: bool,
}

impl Operation for DescribeVpcAttribute {
    type Answer = VpcAttribute;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Ec2Describe)
    }
}

impl Read for DescribeVpcAttribute {
    /// A default VPC has DNS support and DNS hostnames, another one no hostnames.
    /// <https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html#vpc-dns-support>
    fn answer(&self, Sight { world, .. }: &Sight<'_>) -> Outcome<VpcAttribute> {
        let vpc = parse_id(&self.vpc_id, VpcId::parse, "InvalidVpcID.Malformed")?;
        world.check_vpc(&vpc)?;
        let mut answer = VpcAttribute {
            vpc_id: vpc.to_string(),
            enable_dns_support: None,
            enable_dns_hostnames: None,
            enable_network_address_usage_metrics: None,
        };
        match self.attribute.as_str() {
            "enableDnsSupport" => answer.enable_dns_support = Some(Value { value: true }),
            "enableDnsHostnames" => {
                answer.enable_dns_hostnames = Some(Value { value: world.default_vpc() == Some(&vpc) });
            }
            "enableNetworkAddressUsageMetrics" => {
                answer.enable_network_address_usage_metrics = Some(Value { value: false });
            }
            other => {
                return refuse("InvalidParameterValue", format!("Value ({other}) for parameter attribute is invalid."));
            }
        }
        Ok(answer)
    }
}
