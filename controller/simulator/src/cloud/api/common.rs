//! What many operations share: filters, tags, pages, and what an id must look like.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Query-Requests.html>

use std::collections::BTreeMap;
use std::time::Duration;

use planner::resource::Tags;
use serde::{Deserialize, Deserializer, Serialize};

use crate::clock::timestamp;
use crate::cloud::filters;
use crate::cloud::tags::is_full_id;
use crate::cloud::world::{Outcome, World, refuse};

/// A filter of a Describe call, as EC2 takes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Filter {
    pub(crate) name: String,
    #[serde(default, rename = "Value")]
    pub(crate) values: Vec<String>,
}

impl From<&Filter> for engine::cloud::Filter {
    fn from(filter: &Filter) -> Self {
        Self { name: filter.name.clone(), values: filter.values.clone() }
    }
}

/// Whether a resource matches every filter. `values` gives a resource's values by a filter's name; `None`: no such filter.
pub(crate) fn matches(filters: &[Filter], tags: &Tags, values: impl Fn(&str) -> Option<Vec<String>>) -> Outcome<bool> {
    // One by one, so that an unknown filter is refused even where another one does not match.
    let one = |filter: &Filter| filters::select(&[filter.into()], tags, &values);
    let each: Vec<bool> = filters.iter().map(one).collect::<Outcome<_>>()?;
    Ok(each.into_iter().all(|matched| matched))
}

/// Refuses a filter that the operation does not have, whatever there is to be filtered. `tagged`: whether it has those of tags.
pub(crate) fn check_filters(filters: &[Filter], tagged: bool, known: impl Fn(&str) -> bool) -> Outcome<()> {
    let of_tags = |name: &str| tagged && (name == "tag-key" || name.starts_with("tag:"));
    match filters.iter().find(|filter| !of_tags(&filter.name) && !known(&filter.name)) {
        Some(other) => refuse("InvalidParameterValue", format!("The filter '{}' is invalid", other.name)),
        None => Ok(()),
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

/// A resource's tags, as EC2 shows them.
pub(crate) fn tag_set(tags: &Tags) -> Vec<TagItem> {
    tags.iter().map(|(key, value)| TagItem { key: key.clone(), value: value.clone() }).collect()
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
    Ok(of_kind.flat_map(|spec| &spec.tags).map(|tag| (tag.key.clone(), tag.value.clone())).collect())
}

/// One page of entries that are sorted by their keys, of at most `max` if the caller says so, and of `limits` otherwise.
pub(crate) fn page<T>(
    entries: Vec<(String, T)>,
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
    let size = usize::try_from(max.unwrap_or(most)).unwrap_or(usize::MAX);
    filters::page(entries, token, size, "InvalidNextToken")
}

/// The id that `text` is. One that only begins as such an id does is malformed; whether it exists is another question.
pub(crate) fn parse_id<T>(
    text: &str,
    parse: impl Fn(String) -> Result<T, planner::id::NotAnId>,
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
    parse: impl Fn(String) -> Result<T, planner::id::NotAnId>,
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

/// One page of what was found, sorted by its keys: at most `max`, or all that is left if the caller does not say.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-api-pagination.html>
pub(crate) fn page_or_all<T>(
    found: BTreeMap<String, T>,
    max: Option<u32>,
    token: &Option<String>,
    limits: (u32, u32),
) -> Outcome<(Vec<T>, Option<String>)> {
    let most = u32::try_from(found.len()).unwrap_or(u32::MAX).max(1);
    match max {
        Some(_) => page(found.into_iter().collect(), max, token, limits),
        None => page(found.into_iter().collect(), None, token, (1, most)),
    }
}
