//! DescribeInstanceStatus.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceStatus.html>,
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-system-instance-status-check.html>. No event is ever scheduled.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_api::Bucket as Called;
use aws_api::ec2::{InstanceState, StatusChecks};
use serde::{Deserialize, Serialize};

use super::instance_ids::{StateItem, known};
use crate::cloud::api::common::{Filter, Filters, UNTAGGED, check_ids_or_page, page_or_all, time};
use crate::cloud::api::{Bucket, Operation, Read, Sight};
use crate::cloud::catalogue::zone_id;
use crate::cloud::instances::{InstanceRecord, STATUS_IDS_MAX};
use crate::cloud::world::{Outcome, World, refuse};

/// Filters of what no instance has: an event, a manager, a status of an application.
const UNMODELLED: [&str; 8] = [
    "application-status.status",
    "event.code",
    "event.description",
    "event.instance-event-id",
    "event.not-after",
    "event.not-before",
    "event.not-before-deadline",
    "operator.principal",
];

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeInstanceStatus {
    #[serde(default)]
    instance_id: Vec<String>,
    #[serde(default)]
    filter: Vec<Filter>,
    #[serde(default)]
    include_all_instances: bool,
    max_results: Option<u32>,
    next_token: Option<String>,
}

/// What it answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InstanceStatuses {
    instance_status_set: Vec<StatusItem>,
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusItem {
    instance_id: String,
    availability_zone: String,
    availability_zone_id: String,
    instance_state: StateItem,
    instance_status: ChecksItem,
    system_status: ChecksItem,
    attached_ebs_status: ChecksItem,
}

#[derive(Debug, Clone, Serialize)]
struct ChecksItem {
    status: &'static str,
    details: Vec<CheckItem>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct CheckItem {
    name: &'static str,
    status: &'static str,
    impaired_since: Option<String>,
}

impl ChecksItem {
    fn of(status: &'static str, reachable: Option<&'static str>) -> Self {
        let details = reachable.map(|status| CheckItem { name: "reachability", status, impaired_since: None });
        Self { status, details: details.into_iter().collect() }
    }
}

impl Operation for DescribeInstanceStatus {
    type Answer = InstanceStatuses;

    fn bucket(&self) -> Bucket {
        let filtered = !self.filter.is_empty() || self.max_results.is_some();
        if filtered { Bucket::Called(Called::Ec2Describe) } else { Bucket::Ec2Unfiltered }
    }
}

impl Read for DescribeInstanceStatus {
    fn answer(&self, Sight { world, at }: &Sight<'_>) -> Outcome<InstanceStatuses> {
        check_ids_or_page(&self.instance_id, self.max_results, "instancesSet")?;
        let filters = Filters::of(&self.filter, false, |name| filter(name).is_some())?;
        if self.instance_id.len() > STATUS_IDS_MAX {
            return refuse("InvalidParameterValue", format!("at most {STATUS_IDS_MAX} instance ids may be named"));
        }
        let asked: BTreeSet<_> = known(world, &self.instance_id, *at)?.into_iter().collect();
        let named = |one: &InstanceRecord| asked.is_empty() || asked.contains(&one.id);
        let shown = |one: &InstanceRecord| self.include_all_instances || one.state(*at) == InstanceState::Running;
        let mut found = BTreeMap::new();
        for instance in world.visible_instances(*at).filter(|one| named(one) && shown(one)) {
            if let Some(item) = filters.shown(UNTAGGED, || item(world, instance, *at), values) {
                found.insert(item.instance_id.clone(), item);
            }
        }
        let (instance_status_set, next_token) = page_or_all(found, self.max_results, &self.next_token, (5, 1000))?;
        Ok(InstanceStatuses { instance_status_set, next_token })
    }
}

fn item(world: &World, instance: &InstanceRecord, at: Duration) -> StatusItem {
    let state = instance.state(at);
    let (own, others) = match (state, world.status_checks(instance, at)) {
        (InstanceState::Running, StatusChecks::Ok) => {
            (ChecksItem::of("ok", Some("passed")), ChecksItem::of("ok", Some("passed")))
        }
        (InstanceState::Running, StatusChecks::Initializing) => {
            let initializing = ChecksItem::of("initializing", Some("initializing"));
            (initializing.clone(), initializing)
        }
        // It is the instance that is impaired, not the host under it.
        (InstanceState::Running, StatusChecks::Impaired) => {
            let mut impaired = ChecksItem::of("impaired", Some("failed"));
            let since = instance.impaired_since.map(|since| time(world, since));
            impaired.details.iter_mut().for_each(|check| check.impaired_since.clone_from(&since));
            (impaired, ChecksItem::of("ok", Some("passed")))
        }
        (InstanceState::Running, StatusChecks::Unknown) => {
            let insufficient = ChecksItem::of("insufficient-data", Some("insufficient-data"));
            (insufficient.clone(), insufficient)
        }
        (
            InstanceState::Pending
            | InstanceState::ShuttingDown
            | InstanceState::Terminated
            | InstanceState::Stopping
            | InstanceState::Stopped,
            _,
        ) => (ChecksItem::of("not-applicable", None), ChecksItem::of("not-applicable", None)),
    };
    StatusItem {
        instance_id: instance.id.to_string(),
        availability_zone: instance.zone.to_string(),
        availability_zone_id: zone_id(&world.config.region, &instance.zone.0),
        instance_state: state.into(),
        instance_status: own,
        system_status: others.clone(),
        attached_ebs_status: others,
    }
}

type Values = fn(&StatusItem) -> Vec<String>;

fn one(value: impl ToString) -> Vec<String> {
    vec![value.to_string()]
}

fn reachability(checks: &ChecksItem) -> Vec<String> {
    checks.details.iter().map(|check| check.status.to_owned()).collect()
}

fn values(item: &StatusItem, name: &str) -> Option<Vec<String>> {
    filter(name).map(|get| get(item))
}

fn filter(name: &str) -> Option<Values> {
    Some(match name {
        "availability-zone" => |i| one(&i.availability_zone),
        "availability-zone-id" => |i| one(&i.availability_zone_id),
        "instance-state-code" => |i| one(i.instance_state.code),
        "instance-state-name" => |i| one(&i.instance_state.name),
        "instance-status.reachability" => |i| reachability(&i.instance_status),
        "instance-status.status" => |i| one(i.instance_status.status),
        "operator.managed" => |_| one(false),
        "system-status.reachability" => |i| reachability(&i.system_status),
        "system-status.status" => |i| one(i.system_status.status),
        "attached-ebs-status.status" => |i| one(i.attached_ebs_status.status),
        _ if UNMODELLED.contains(&name) => |_| Vec::new(),
        _ => return None,
    })
}
