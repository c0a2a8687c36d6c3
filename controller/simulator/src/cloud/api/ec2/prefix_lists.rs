//! DescribeManagedPrefixLists: those that AWS manages. An account's own are not modelled.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeManagedPrefixLists.html>

use std::collections::BTreeMap;

use aws_api::Bucket as Called;
use serde::{Deserialize, Serialize};

use crate::cloud::api::common::{Filter, Filters, TagItem, UNTAGGED, page_or_all};
use crate::cloud::api::{Bucket, Operation, Read, Sight};
use crate::cloud::catalogue::{PrefixList, prefix_lists};
use crate::cloud::world::Outcome;

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeManagedPrefixLists {
    #[serde(default)]
    prefix_list_id: Vec<String>,
    #[serde(default)]
    filter: Vec<Filter>,
    max_results: Option<u32>,
    next_token: Option<String>,
}

/// What it answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PrefixLists {
    prefix_list_set: Vec<PrefixListItem>,
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PrefixListItem {
    prefix_list_id: String,
    prefix_list_name: String,
    prefix_list_arn: String,
    address_family: &'static str,
    state: &'static str,
    owner_id: &'static str,
    tag_set: Vec<TagItem>,
}

impl Operation for DescribeManagedPrefixLists {
    type Answer = PrefixLists;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Ec2Describe)
    }
}

impl Read for DescribeManagedPrefixLists {
    fn answer(&self, Sight { world, .. }: &Sight<'_>) -> Outcome<PrefixLists> {
        self.prefix_list_id.iter().try_for_each(|id| world.check_prefix_list(id))?;
        let region = &world.config.region;
        let known = |name: &str| matches!(name, "prefix-list-id" | "prefix-list-name" | "owner-id");
        let filters = Filters::of(&self.filter, true, known)?;
        let mut found = BTreeMap::new();
        for PrefixList { id, name, is_ipv6, .. } in prefix_lists(region) {
            let values = |filter: &str| {
                Some(vec![match filter {
                    "prefix-list-id" => id.clone(),
                    "prefix-list-name" => name.clone(),
                    "owner-id" => "AWS".to_owned(),
                    _ => return None,
                }])
            };
            let asked = self.prefix_list_id.is_empty() || self.prefix_list_id.contains(&id);
            if asked && filters.match_values(UNTAGGED, values) {
                let item = PrefixListItem {
                    prefix_list_id: id.clone(),
                    prefix_list_arn: format!("arn:aws:ec2:{region}:aws:prefix-list/{id}"),
                    prefix_list_name: name,
                    address_family: if is_ipv6 { "IPv6" } else { "IPv4" },
                    state: "create-complete",
                    owner_id: "AWS",
                    tag_set: Vec::new(),
                };
                found.insert(id, item);
            }
        }
        let (prefix_list_set, next_token) = page_or_all(found, self.max_results, &self.next_token, (1, 100))?;
        Ok(PrefixLists { prefix_list_set, next_token })
    }
}
