//! DescribeInstanceCreditSpecifications.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceCreditSpecifications.html>: without ids, those that
//! are unlimited; with ids, each of them, and `standard` for one whose type is not burstable.

use std::collections::{BTreeMap, BTreeSet};

use aws_api::Bucket as Called;
use serde::{Deserialize, Serialize};

use super::instance_ids::known;
use crate::cloud::api::common::{Filter, Filters, UNTAGGED, check_ids_or_page, page_or_all};
use crate::cloud::api::{Bucket, Operation, Read, Sight};
use crate::cloud::instances::InstanceRecord;
use crate::cloud::settings::Credits;
use crate::cloud::world::{Outcome, refuse};

/// Ids that one call may name.
const IDS_MAX: usize = 1000;

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeInstanceCreditSpecifications {
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
pub struct CreditSpecifications {
    instance_credit_specification_set: Vec<CreditItem>,
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CreditItem {
    instance_id: String,
    cpu_credits: &'static str,
}

impl Operation for DescribeInstanceCreditSpecifications {
    type Answer = CreditSpecifications;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Ec2Describe)
    }
}

impl Read for DescribeInstanceCreditSpecifications {
    fn answer(&self, Sight { world, at }: &Sight<'_>) -> Outcome<CreditSpecifications> {
        check_ids_or_page(&self.instance_id, self.max_results, "instancesSet")?;
        let filters = Filters::of(&self.filter, false, |name| name == "instance-id")?;
        if self.instance_id.len() > IDS_MAX {
            return refuse("InvalidParameterValue", format!("at most {IDS_MAX} instance ids may be named"));
        }
        let asked: BTreeSet<_> = known(world, &self.instance_id, *at)?.into_iter().collect();
        let mut found = BTreeMap::new();
        for instance in world.visible_instances(*at) {
            let credits = credits_of(instance);
            let chosen = if asked.is_empty() { credits == Credits::Unlimited } else { asked.contains(&instance.id) };
            let values = |name: &str| (name == "instance-id").then(|| vec![instance.id.to_string()]);
            if chosen && filters.match_values(UNTAGGED, values) {
                let instance_id = instance.id.to_string();
                found.insert(instance_id.clone(), CreditItem { instance_id, cpu_credits: credits.word() });
            }
        }
        let (instance_credit_specification_set, next_token) =
            page_or_all(found, self.max_results, &self.next_token, (5, 1000))?;
        Ok(CreditSpecifications { instance_credit_specification_set, next_token })
    }
}

fn credits_of(instance: &InstanceRecord) -> Credits {
    let chosen = instance.settings.credits.or_else(|| Credits::of_type(&instance.instance_type));
    chosen.unwrap_or(Credits::Standard)
}
