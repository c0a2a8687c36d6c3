//! CreateTags, DeleteTags and DescribeTags.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html>,
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteTags.html>,
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeTags.html>

use std::collections::BTreeMap;

use aws_api::{Bucket as Called, Tags};
use serde::{Deserialize, Serialize};

use crate::cloud::api::common::{Filter, Filters, Tag, distinct_tags, page_or_all};
use crate::cloud::api::{Bucket, Operation, Read, Sight, World, Write};
use crate::cloud::world::{Outcome, refuse};

/// Resources, and tags, that one call may name.
const NAMED_MAX: usize = 1000;

/// CreateTags.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateTags {
    resource_id: Vec<String>,
    #[serde(rename = "Tag")]
    tags: Vec<Tag>,
}

/// What both answer.
#[derive(Debug, Serialize)]
pub struct Tagged {
    r#return: bool,
}

impl Operation for CreateTags {
    type Answer = Tagged;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Ec2Tags)
    }
}

impl Write for CreateTags {
    fn apply(&self, world: &mut World) -> Outcome<Tagged> {
        check_named(&self.resource_id, self.tags.len())?;
        if self.tags.is_empty() {
            return refuse("MissingParameter", "The request must contain the parameter Tag");
        }
        world.tag_all(&self.resource_id, &distinct_tags(&self.tags)?)?;
        Ok(Tagged { r#return: true })
    }

    fn names(&self) -> Vec<&str> {
        self.resource_id.iter().map(String::as_str).collect()
    }
}

fn check_named(ids: &[String], tags: usize) -> Outcome<()> {
    if ids.is_empty() {
        return refuse("MissingParameter", "The request must contain the parameter ResourceId");
    }
    if ids.len() > NAMED_MAX || tags > NAMED_MAX {
        return refuse(
            "InvalidParameterValue",
            format!("at most {NAMED_MAX} resources and {NAMED_MAX} tags may be named"),
        );
    }
    Ok(())
}

/// DeleteTags.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteTags {
    resource_id: Vec<String>,
    /// Absent: all but AWS's own.
    #[serde(default, rename = "Tag")]
    tags: Vec<Gone>,
}

/// A tag to be removed: whatever its value, or only if it has this one.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Gone {
    key: String,
    value: Option<String>,
}

impl Operation for DeleteTags {
    type Answer = Tagged;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Ec2Tags)
    }
}

impl Write for DeleteTags {
    /// A tag that is not there is no error.
    fn apply(&self, world: &mut World) -> Outcome<Tagged> {
        check_named(&self.resource_id, self.tags.len())?;
        let named = |key: &str, value: &str| {
            let is_it = |gone: &Gone| gone.key == key && gone.value.as_deref().is_none_or(|wanted| wanted == value);
            self.tags.iter().any(is_it)
        };
        let goes = |key: &str, value: &str| {
            if self.tags.is_empty() { !key.to_ascii_lowercase().starts_with("aws:") } else { named(key, value) }
        };
        world.untag_all(&self.resource_id, goes)?;
        Ok(Tagged { r#return: true })
    }

    fn names(&self) -> Vec<&str> {
        self.resource_id.iter().map(String::as_str).collect()
    }
}

/// DescribeTags.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeTags {
    #[serde(default)]
    filter: Vec<Filter>,
    max_results: Option<u32>,
    next_token: Option<String>,
}

/// What DescribeTags answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Described {
    tag_set: Vec<Description>,
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Description {
    resource_id: String,
    resource_type: &'static str,
    key: String,
    value: String,
}

impl Operation for DescribeTags {
    type Answer = Described;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Ec2Describe)
    }
}

impl Read for DescribeTags {
    fn answer(&self, Sight { world, at }: &Sight<'_>) -> Outcome<Described> {
        let filters =
            Filters::of(&self.filter, true, |name| matches!(name, "key" | "value" | "resource-id" | "resource-type"))?;
        let mut found = BTreeMap::new();
        for (id, kind, tags) in world.all_tags(*at) {
            for (key, value) in tags {
                let values = |filter: &str| {
                    Some(vec![match filter {
                        "key" => key.clone(),
                        "value" => value.clone(),
                        "resource-id" => id.clone(),
                        "resource-type" => kind.to_owned(),
                        _ => return None,
                    }])
                };
                let alone = Tags::from([(key.clone(), value.clone())]);
                if filters.match_values(&alone, values) {
                    let (key, value) = (key.clone(), value.clone());
                    let description = Description { resource_id: id.clone(), resource_type: kind, key, value };
                    found.insert(format!("{id} {}", description.key), description);
                }
            }
        }
        let (tag_set, next_token) = page_or_all(found, self.max_results, &self.next_token, (5, 1000))?;
        Ok(Described { tag_set, next_token })
    }
}
