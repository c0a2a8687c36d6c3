//! DescribeInstances.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>. A page is counted in instances; those of
//! one reservation stand together, unless a page ends between them.

use std::collections::{BTreeMap, BTreeSet};

use aws_api::Bucket as Called;
use serde::{Deserialize, Serialize};

use super::instance_filters::{is_known, values};
use super::instance_ids::known;
use super::instance_item::{Attached, ReservationItem, gathered, item};
use crate::cloud::api::common::{Filter, Filters, check_ids_or_page, page_or_all};
use crate::cloud::api::{Bucket, Operation, Read, Sight};
use crate::cloud::instances::InstanceRecord;
use crate::cloud::settings::Origin;
use crate::cloud::world::Outcome;

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeInstances {
    #[serde(default)]
    instance_id: Vec<String>,
    #[serde(default)]
    filter: Vec<Filter>,
    max_results: Option<u32>,
    next_token: Option<String>,
}

/// What it answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Instances {
    reservation_set: Vec<ReservationItem>,
    next_token: Option<String>,
}

impl Operation for DescribeInstances {
    type Answer = Instances;

    fn bucket(&self) -> Bucket {
        let filtered = !self.filter.is_empty() || self.max_results.is_some();
        if filtered { Bucket::Called(Called::Ec2Describe) } else { Bucket::Ec2Unfiltered }
    }
}

impl Read for DescribeInstances {
    fn answer(&self, Sight { world, at }: &Sight<'_>) -> Outcome<Instances> {
        check_ids_or_page(&self.instance_id, self.max_results, "instancesSet")?;
        let filters = Filters::of(&self.filter, true, is_known)?;
        let asked: BTreeSet<_> = known(world, &self.instance_id, *at)?.into_iter().collect();
        let attached = Attached::of(world);
        let show = |instance: &InstanceRecord| item(world, &attached, instance, *at);
        let mut found = BTreeMap::new();
        for instance in world.visible_instances(*at).filter(|one| asked.is_empty() || asked.contains(&one.id)) {
            if filters.match_item(&instance.tags, || show(instance), values) {
                let Origin { reservation, index, .. } = instance.origin.as_ref();
                found.insert(format!("{reservation} {index:05} {}", instance.id), instance);
            }
        }
        // What is on no page of this answer is not made ready to be shown.
        let (page, next_token) = page_or_all(found, self.max_results, &self.next_token, (5, 1000))?;
        let instances = page.into_iter().map(|instance| show(instance));
        Ok(Instances { reservation_set: gathered(instances), next_token })
    }
}
