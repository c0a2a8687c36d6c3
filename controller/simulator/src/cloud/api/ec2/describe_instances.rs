//! DescribeInstances.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>. A page is counted in instances; those of
//! one reservation stand together, unless a page ends between them.

use engine::operation::Bucket as Called;
use serde::{Deserialize, Serialize};

use super::instance_filters::{is_known, values};
use super::instance_ids::{check_ids_or_page, known};
use super::instance_item::{ReservationItem, gathered, item};
use crate::cloud::api::common::{Filter, check_filters, matches, page};
use crate::cloud::api::{Bucket, Operation, Read, Sight};
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
        check_filters(&self.filter, true, is_known)?;
        let asked = known(world, &self.instance_id, *at)?;
        let mut found = Vec::new();
        for instance in world.visible_instances(*at).filter(|one| asked.is_empty() || asked.contains(&one.id)) {
            let item = item(world, instance, *at);
            if matches(&self.filter, &instance.tags, |name| values(&item, name))? {
                found
                    .push((format!("{} {:05} {}", item.reservation_id, item.ami_launch_index, item.instance_id), item));
            }
        }
        found.sort_by(|a, b| a.0.cmp(&b.0));
        let (instances, next_token) = page(found, self.max_results, &self.next_token, (5, 1000))?;
        Ok(Instances { reservation_set: gathered(instances.into_iter()), next_token })
    }
}
