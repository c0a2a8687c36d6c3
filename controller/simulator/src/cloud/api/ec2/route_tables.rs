//! DescribeRouteTables: the main route table of each VPC.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRouteTables.html>. A default VPC's leads to its internet
//! gateway: <https://docs.aws.amazon.com/vpc/latest/userguide/default-vpc-components.html>.

use std::collections::BTreeMap;

use aws_api::Bucket as Called;
use aws_api::id::VpcId;
use serde::{Deserialize, Serialize};

use super::vpcs::State;
use crate::cloud::api::common::{Filter, Filters, TagItem, check_id, page_or_all, tag_set};
use crate::cloud::api::{Bucket, Operation, Read, Sight};
use crate::cloud::vpcs::{VPC_RANGE, VPC_RANGE_V6, vpc_part};
use crate::cloud::world::{Outcome, World, refuse};

const PREFIX: &str = "rtb-";

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeRouteTables {
    #[serde(default)]
    route_table_id: Vec<String>,
    #[serde(default)]
    filter: Vec<Filter>,
    max_results: Option<u32>,
    next_token: Option<String>,
}

/// What it answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteTables {
    route_table_set: Vec<RouteTable>,
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RouteTable {
    route_table_id: String,
    vpc_id: String,
    owner_id: String,
    route_set: Vec<Route>,
    association_set: Vec<Association>,
    tag_set: Vec<TagItem>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Route {
    destination_cidr_block: Option<&'static str>,
    destination_ipv6_cidr_block: Option<&'static str>,
    gateway_id: String,
    state: &'static str,
    origin: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Association {
    route_table_association_id: String,
    route_table_id: String,
    main: bool,
    association_state: State,
}

impl Operation for DescribeRouteTables {
    type Answer = RouteTables;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Ec2Describe)
    }
}

impl Read for DescribeRouteTables {
    fn answer(&self, Sight { world, .. }: &Sight<'_>) -> Outcome<RouteTables> {
        for id in &self.route_table_id {
            check_id(id, PREFIX, "InvalidRouteTableId.Malformed")?;
            if world.vpc_of_part(PREFIX, id).is_none() {
                return refuse("InvalidRouteTableID.NotFound", format!("The routeTable ID '{id}' does not exist"));
            }
        }
        let any = world.vpcs().into_iter().next().map(|vpc| table(world, vpc));
        let known = |name: &str| any.as_ref().is_none_or(|any| values(any, name).is_some());
        let filters = Filters::of(&self.filter, true, known)?;
        let mut found = BTreeMap::new();
        for vpc in world.vpcs() {
            let table = table(world, vpc);
            if !self.route_table_id.is_empty() && !self.route_table_id.contains(&table.route_table_id) {
                continue;
            }
            let tags = world.tags_of_bare(&table.route_table_id);
            if filters.match_values(&tags, |name| values(&table, name)) {
                found.insert(table.route_table_id.clone(), table);
            }
        }
        let (route_table_set, next_token) = page_or_all(found, self.max_results, &self.next_token, (5, 100))?;
        Ok(RouteTables { route_table_set, next_token })
    }
}

fn table(world: &World, vpc: &VpcId) -> RouteTable {
    let id = vpc_part(PREFIX, vpc);
    let local = |v4, v6| Route {
        destination_cidr_block: v4,
        destination_ipv6_cidr_block: v6,
        gateway_id: "local".to_owned(),
        state: "active",
        origin: "CreateRouteTable",
    };
    let mut routes = vec![local(Some(VPC_RANGE), None)];
    if world.vpc_has_ipv6(vpc) {
        routes.push(local(None, Some(VPC_RANGE_V6)));
    }
    if world.default_vpc() == Some(vpc) {
        let (gateway_id, origin) = (vpc_part("igw-", vpc), "CreateRoute");
        routes.push(Route { gateway_id, origin, ..local(Some("0.0.0.0/0"), None) });
    }
    let association = Association {
        route_table_association_id: vpc_part("rtbassoc-", vpc),
        route_table_id: id.clone(),
        main: true,
        association_state: State { state: "associated" },
    };
    RouteTable {
        vpc_id: vpc.to_string(),
        owner_id: world.config.account.clone(),
        route_set: routes,
        association_set: vec![association],
        tag_set: tag_set(&world.tags_of_bare(&id)),
        route_table_id: id,
    }
}

fn values(table: &RouteTable, name: &str) -> Option<Vec<String>> {
    let of_routes =
        |value: fn(&Route) -> Option<&str>| table.route_set.iter().filter_map(value).map(str::to_owned).collect();
    let of_associations = |value: fn(&Association) -> String| table.association_set.iter().map(value).collect();
    Some(match name {
        "route-table-id" => vec![table.route_table_id.clone()],
        "vpc-id" => vec![table.vpc_id.clone()],
        "owner-id" => vec![table.owner_id.clone()],
        "association.main" => of_associations(|one| one.main.to_string()),
        "association.route-table-id" => of_associations(|one| one.route_table_id.clone()),
        "association.route-table-association-id" => of_associations(|one| one.route_table_association_id.clone()),
        // A main route table is associated with no subnet and no gateway by itself.
        "association.subnet-id" | "association.gateway-id" => Vec::new(),
        "route.destination-cidr-block" => of_routes(|route| route.destination_cidr_block),
        "route.destination-ipv6-cidr-block" => of_routes(|route| route.destination_ipv6_cidr_block),
        "route.gateway-id" => of_routes(|route| Some(&route.gateway_id)),
        "route.origin" => of_routes(|route| Some(route.origin)),
        "route.state" => of_routes(|route| Some(route.state)),
        "route.destination-prefix-list-id"
        | "route.egress-only-internet-gateway-id"
        | "route.instance-id"
        | "route.nat-gateway-id"
        | "route.transit-gateway-id"
        | "route.vpc-peering-connection-id" => Vec::new(),
        _ => return None,
    })
}
