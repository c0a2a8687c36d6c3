//! What many operations share: filters, tags, pages, and what an id must look like.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Query-Requests.html>

use std::collections::BTreeMap;
use std::time::Duration;

use aws_api::Tags;
use serde::{Deserialize, Deserializer, Serialize};

use crate::clock::timestamp;
use crate::cloud::filters;
use crate::cloud::tags::is_full_id;
use crate::cloud::world::{Outcome, World, refuse};

/// A filter of a Describe call, as EC2 takes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Filter {
    #[serde(default = "nameless")]
    pub(crate) name: String,
    #[serde(default, rename = "Value")]
    pub(crate) values: Vec<String>,
}

/// What AWS calls a filter without a name: "The filter 'null' is invalid".
/// <https://github.com/aws/aws-sdk-js-v3/issues/6063>
fn nameless() -> String {
    "null".to_owned()
}

/// The filters of one call, looked at once: each is one that the operation has.
pub(crate) struct Filters<'a>(&'a [Filter]);

impl<'a> Filters<'a> {
    /// Refuses a filter that the operation does not have, whatever there is to be filtered, and more than a call may have.
    /// `tagged`: whether it has those of tags.
    pub fn of(filters: &'a [Filter], tagged: bool, known: impl Fn(&str) -> bool) -> Outcome<Self> {
        filters::check_limits(filters.iter().map(|filter| (&filter.name, &filter.values)))?;
        for Filter { name, .. } in filters {
            let of_tags = tagged && filters::is_of_tags(name);
            if !of_tags && !known(name) {
                return filters::unknown(name);
            }
        }
        Ok(Self(filters))
    }

    /// Whether a resource matches every filter. `values` gives its values by a filter's name.
    pub fn match_values(&self, tags: &Tags, values: impl Fn(&str) -> Option<Vec<String>>) -> bool {
        self.match_tags(tags) && self.match_own(values)
    }

    /// What is shown of a resource, if it matches. Its tags are looked at first, so that nothing is made of one that has others.
    pub fn shown<T>(
        &self,
        tags: &Tags,
        item: impl FnOnce() -> T,
        values: impl Fn(&T, &str) -> Option<Vec<String>>,
    ) -> Option<T> {
        if !self.match_tags(tags) {
            return None;
        }
        Some(item()).filter(|item| self.match_own(|name| values(item, name)))
    }

    /// Whether a resource matches, of which `item` is what is shown: that is made only if a filter looks at it.
    pub fn match_item<T>(
        &self,
        tags: &Tags,
        item: impl FnOnce() -> T,
        values: impl Fn(&T, &str) -> Option<Vec<String>>,
    ) -> bool {
        let looks_at_item = self.0.iter().any(|filter| !filters::is_of_tags(&filter.name));
        self.match_tags(tags) && (!looks_at_item || self.shown(tags, item, values).is_some())
    }

    fn match_tags(&self, tags: &Tags) -> bool {
        let mut of_tags = self.0.iter().filter(|filter| filters::is_of_tags(&filter.name));
        of_tags.all(|filter| filters::tags_match(&filter.name, &filter.values, tags))
    }

    fn match_own(&self, values: impl Fn(&str) -> Option<Vec<String>>) -> bool {
        let mut own = self.0.iter().filter(|filter| !filters::is_of_tags(&filter.name));
        own.all(|filter| values(&filter.name).is_some_and(|own| filters::any_matches(&filter.values, &own)))
    }
}

/// The tags of what has none.
pub(crate) const UNTAGGED: &Tags = &Tags::new();

/// A text that may be left out. Some clients send an empty one for that.
pub(crate) fn filled<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.filter(|text| !text.is_empty()))
}

/// An instant, as EC2 writes it: `2026-11-26T09:19:02.000Z`.
pub(crate) fn time(world: &World, at: Duration) -> String {
    format!("{:.3}", timestamp(world.config.epoch, at))
}

/// What a call of EC2 is answered with that has nothing else to say.
#[derive(Debug, Serialize)]
pub struct Returned {
    #[serde(rename = "return")]
    done: bool,
}

impl Returned {
    /// It was done.
    pub(crate) const DONE: Self = Self { done: true };
}

/// A tag, as a request of either service gives it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    pub(crate) key: String,
    #[serde(default)]
    pub(crate) value: String,
}

/// A tag, as EC2 shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TagItem {
    pub(crate) key: String,
    pub(crate) value: String,
}

/// A resource's tags, as EC2 shows them. Network interfaces, route tables, key pairs and rules of groups show an empty list, and so
/// do the answers of what makes an instance or a snapshot.
pub(crate) fn tag_set(tags: &Tags) -> Vec<TagItem> {
    tags.iter().map(|(key, value)| TagItem { key: key.clone(), value: value.clone() }).collect()
}

/// The same of what has no such member while it has no tags, which trips up many a program: a described instance, image, volume,
/// snapshot, subnet, VPC or group. <https://github.com/getmoto/moto/issues/2148>, <https://github.com/boto/boto3/issues/388>
pub(crate) fn some_tags(tags: &Tags) -> Option<Vec<TagItem>> {
    Some(tag_set(tags)).filter(|items| !items.is_empty())
}

/// Tags of one kind of resource that a create call sets.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagSpecification {
    pub(crate) resource_type: String,
    #[serde(default, rename = "Tag")]
    pub(crate) tags: Vec<Tag>,
}

/// The tags that a create call sets on a resource of that type. One for a type that the call does not make is refused.
pub(crate) fn tags_for(specifications: &[TagSpecification], kind: &str, made: &[&str]) -> Outcome<Tags> {
    if let Some(other) = specifications.iter().find(|spec| !made.contains(&spec.resource_type.as_str())) {
        let message = format!("'{}' is not a valid taggable resource type for this operation.", other.resource_type);
        return refuse("InvalidParameterValue", message);
    }
    let of_kind = specifications.iter().filter(|spec| spec.resource_type == kind);
    distinct_tags(of_kind.flat_map(|spec| &spec.tags))
}

/// Tags of a request, each key once.
pub(crate) fn distinct_tags<'a>(given: impl IntoIterator<Item = &'a Tag>) -> Outcome<Tags> {
    let mut tags = Tags::new();
    for Tag { key, value } in given {
        if tags.insert(key.clone(), value.clone()).is_some() {
            return refuse("InvalidParameterValue", format!("Duplicate tag key '{key}' specified."));
        }
    }
    Ok(tags)
}

/// The id that `text` is. One that only begins as such an id does is malformed; whether it exists is another question.
pub(crate) fn parse_id<T>(
    text: &str,
    parse: impl Fn(String) -> Result<T, aws_api::id::NotAnId>,
    malformed: &'static str,
) -> Outcome<T> {
    match parse(text.to_owned()) {
        Ok(id) if is_full_id(text) => Ok(id),
        Ok(_) | Err(_) => refuse(malformed, format!("Invalid id: \"{text}\"")),
    }
}

/// Those of them, each an id.
pub(crate) fn parse_ids<T>(
    texts: &[String],
    parse: impl Fn(String) -> Result<T, aws_api::id::NotAnId>,
    malformed: &'static str,
) -> Outcome<Vec<T>> {
    texts.iter().map(|text| parse_id(text, &parse, malformed)).collect()
}

/// An id of a kind that has no type of its own.
pub(crate) fn check_id(text: &str, prefix: &str, malformed: &'static str) -> Outcome<()> {
    if text.starts_with(prefix) && is_full_id(text) {
        return Ok(());
    }
    refuse(malformed, format!("Invalid id: \"{text}\" (expecting \"{prefix}...\")"))
}

/// One page of what was found, sorted by its keys: at most `max`, which is within `limits`, or all that is left if the caller
/// does not say.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-api-pagination.html>
pub(crate) fn page_or_all<T>(
    found: BTreeMap<String, T>,
    max: Option<u32>,
    token: &Option<String>,
    (least, most): (u32, u32),
) -> Outcome<(Vec<T>, Option<String>)> {
    if let Some(max) = max.filter(|max| !(least..=most).contains(max)) {
        let message = format!(
            "Value ( {max} ) for parameter maxResults is invalid. Expecting a value between {least} and {most}."
        );
        return refuse("InvalidParameterValue", message);
    }
    let size = max.map_or(usize::MAX, |max| usize::try_from(max).unwrap_or(usize::MAX));
    filters::page(found.into_iter().collect(), token, size, "InvalidParameterValue")
}

/// Refuses ids and a page size in one request, as four operations of instances and network interfaces do: "You cannot specify
/// this parameter and the instance IDs parameter in the same request."
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>. No other operation says so, and none does.
pub(crate) fn check_ids_or_page(ids: &[String], max: Option<u32>, set: &str) -> Outcome<()> {
    if !ids.is_empty() && max.is_some() {
        let message = format!("The parameter {set} cannot be used with the parameter maxResults");
        return refuse("InvalidParameterCombination", message);
    }
    Ok(())
}
