//! DescribeAvailabilityZones and DescribeRegions.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeAvailabilityZones.html>,
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRegions.html>

use aws_api::Bucket as Called;
use serde::{Deserialize, Serialize};

use crate::cloud::api::common::{Filter, Filters, UNTAGGED};
use crate::cloud::api::{Bucket, Operation, Read, Sight};
use crate::cloud::catalogue::{REGIONS, zone_id};
use crate::cloud::world::{Outcome, refuse};

/// DescribeAvailabilityZones.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeAvailabilityZones {
    #[serde(default)]
    zone_name: Vec<String>,
    #[serde(default)]
    zone_id: Vec<String>,
    /// Whether those that the account has not opted in to are shown too. There are none.
    #[serde(rename = "AllAvailabilityZones")]
    _all: Option<bool>,
    #[serde(default)]
    filter: Vec<Filter>,
}

/// What DescribeAvailabilityZones answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Zones {
    availability_zone_info: Vec<ZoneItem>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ZoneItem {
    zone_name: String,
    zone_id: String,
    zone_state: &'static str,
    zone_type: &'static str,
    region_name: String,
    group_name: String,
    network_border_group: String,
    opt_in_status: &'static str,
    message_set: Vec<String>,
}

impl Operation for DescribeAvailabilityZones {
    type Answer = Zones;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Ec2Describe)
    }
}

impl Read for DescribeAvailabilityZones {
    fn answer(&self, Sight { world, .. }: &Sight<'_>) -> Outcome<Zones> {
        let region = &world.config.region;
        let all: Vec<ZoneItem> = world.zones().into_iter().map(|zone| item(region, &zone.0)).collect();
        check_named(&self.zone_name, |name| all.iter().any(|zone| zone.zone_name == name))?;
        check_named(&self.zone_id, |id| all.iter().any(|zone| zone.zone_id == id))?;
        let known = |name: &str| all.first().is_none_or(|any| values(any, name).is_some());
        let filters = Filters::of(&self.filter, false, known)?;
        let mut shown = Vec::new();
        for zone in all {
            let by_name = self.zone_name.is_empty() || self.zone_name.contains(&zone.zone_name);
            let by_id = self.zone_id.is_empty() || self.zone_id.contains(&zone.zone_id);
            if by_name && by_id && filters.match_values(UNTAGGED, |name| values(&zone, name)) {
                shown.push(zone);
            }
        }
        Ok(Zones { availability_zone_info: shown })
    }
}

fn check_named(names: &[String], is_known: impl Fn(&str) -> bool) -> Outcome<()> {
    match names.iter().find(|name| !is_known(name)) {
        Some(unknown) => refuse("InvalidParameterValue", format!("Invalid availability zone: [{unknown}]")),
        None => Ok(()),
    }
}

fn item(region: &str, zone: &str) -> ZoneItem {
    ZoneItem {
        zone_name: zone.to_owned(),
        zone_id: zone_id(region, zone),
        zone_state: "available",
        zone_type: "availability-zone",
        region_name: region.to_owned(),
        group_name: format!("{region}-zg-1"),
        network_border_group: region.to_owned(),
        opt_in_status: "opt-in-not-required",
        message_set: Vec::new(),
    }
}

fn values(zone: &ZoneItem, name: &str) -> Option<Vec<String>> {
    Some(vec![match name {
        "zone-name" => zone.zone_name.clone(),
        "zone-id" => zone.zone_id.clone(),
        "zone-type" => zone.zone_type.to_owned(),
        "state" => zone.zone_state.to_owned(),
        "region-name" => zone.region_name.clone(),
        "group-name" => zone.group_name.clone(),
        "opt-in-status" => zone.opt_in_status.to_owned(),
        // A message is of what is impaired, a parent is of a Local Zone; long names of groups are not told.
        "group-long-name" | "message" | "parent-zone-id" | "parent-zone-name" => return Some(Vec::new()),
        _ => return None,
    }])
}

/// DescribeRegions.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeRegions {
    #[serde(default)]
    region_name: Vec<String>,
    /// Whether those that are disabled for the account are shown too. There are none.
    #[serde(rename = "AllRegions")]
    _all: Option<bool>,
    #[serde(default)]
    filter: Vec<Filter>,
}

/// What DescribeRegions answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Regions {
    region_info: Vec<RegionItem>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RegionItem {
    region_name: &'static str,
    region_endpoint: String,
    opt_in_status: &'static str,
}

impl Operation for DescribeRegions {
    type Answer = Regions;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Ec2Describe)
    }
}

impl Read for DescribeRegions {
    fn answer(&self, _: &Sight<'_>) -> Outcome<Regions> {
        let is_known = |name: &String| REGIONS.iter().any(|region| region.name == name);
        if let Some(unknown) = self.region_name.iter().find(|name| !is_known(name)) {
            return refuse("InvalidParameterValue", format!("Invalid region names: [{unknown}]"));
        }
        let known = |name: &str| matches!(name, "region-name" | "endpoint" | "opt-in-status");
        let filters = Filters::of(&self.filter, false, known)?;
        let mut shown = Vec::new();
        for region in REGIONS.iter().map(|region| region.name) {
            let endpoint = format!("ec2.{region}.amazonaws.com");
            let values = |name: &str| {
                Some(vec![match name {
                    "region-name" => region.to_owned(),
                    "endpoint" => endpoint.clone(),
                    "opt-in-status" => "opt-in-not-required".to_owned(),
                    _ => return None,
                }])
            };
            let asked = self.region_name.is_empty() || self.region_name.iter().any(|name| name == region);
            if asked && filters.match_values(UNTAGGED, values) {
                let opt_in_status = "opt-in-not-required";
                shown.push(RegionItem { region_name: region, region_endpoint: endpoint, opt_in_status });
            }
        }
        Ok(Regions { region_info: shown })
    }
}
