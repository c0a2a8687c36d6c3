//! What ELBv2's operations share: ARNs, tags, attributes, pages.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/CommonParameters.html>

use std::collections::BTreeMap;

use aws_api::Tags;
use aws_api::id::{ListenerArn, LoadBalancerArn, TargetGroupArn};
use serde::{Deserialize, Serialize};

use crate::cloud::api::common::Tag;
use crate::cloud::filters;
use crate::cloud::load_balancers::NAMES_MAX;
use crate::cloud::world::{Outcome, refuse};

/// Entries of one page: "minimum value of 1, maximum value of 400".
const PAGE_MAX: u32 = 400;

/// What an operation that only does something is answered with.
#[derive(Debug, Serialize)]
pub struct Done {}

/// A tag, as ELBv2 shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagItem {
    key: String,
    value: String,
}

/// An attribute of a load balancer, a listener or a target group.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Attribute {
    key: String,
    #[serde(default)]
    value: String,
}

/// Which resource an ARN names, by its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    LoadBalancer,
    TargetGroup,
    Listener,
    Rule,
}

impl Kind {
    /// The kind of what that names, if it is an ARN of ELBv2.
    /// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awselasticloadbalancingv2.html>
    pub fn of(arn: &str) -> Option<Self> {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let ["arn", "aws", "elasticloadbalancing", _, _, resource] = parts.as_slice() else { return None };
        match resource.split('/').next().unwrap_or_default() {
            "loadbalancer" => Some(Self::LoadBalancer),
            "targetgroup" => Some(Self::TargetGroup),
            "listener" => Some(Self::Listener),
            "listener-rule" => Some(Self::Rule),
            _ => None,
        }
    }

    fn check(self, arn: &str) -> Outcome<String> {
        if Self::of(arn) == Some(self) {
            return Ok(arn.to_owned());
        }
        let what = match self {
            Self::LoadBalancer => "load balancer",
            Self::TargetGroup => "target group",
            Self::Listener => "listener",
            Self::Rule => "listener rule",
        };
        refuse("ValidationError", format!("'{arn}' is not a valid {what} ARN"))
    }
}

pub(super) fn load_balancer(arn: &str) -> Outcome<LoadBalancerArn> {
    Ok(LoadBalancerArn::parse(Kind::LoadBalancer.check(arn)?).expect("every ARN begins alike"))
}

pub(super) fn target_group(arn: &str) -> Outcome<TargetGroupArn> {
    Ok(TargetGroupArn::parse(Kind::TargetGroup.check(arn)?).expect("every ARN begins alike"))
}

pub(super) fn listener(arn: &str) -> Outcome<ListenerArn> {
    Ok(ListenerArn::parse(Kind::Listener.check(arn)?).expect("every ARN begins alike"))
}

/// A rule's ARN, which has no type of its own.
pub(super) fn rule(arn: &str) -> Outcome<String> {
    Kind::Rule.check(arn)
}

/// Names or ARNs of which a call may give so many.
pub(super) fn at_most_20(given: &[String]) -> Outcome<()> {
    if given.len() > NAMES_MAX {
        return refuse("ValidationError", format!("at most {NAMES_MAX} names or ARNs may be given"));
    }
    Ok(())
}

/// One page of entries that are sorted by their keys.
pub(super) fn page<T>(
    entries: Vec<(String, T)>,
    size: Option<u32>,
    marker: &Option<String>,
) -> Outcome<(Vec<T>, Option<String>)> {
    let size = size.unwrap_or(PAGE_MAX);
    if !(1..=PAGE_MAX).contains(&size) {
        return refuse("ValidationError", format!("Page size '{size}' must be between 1 and {PAGE_MAX}"));
    }
    filters::page(entries, marker, usize::try_from(size).unwrap_or(usize::MAX), "ValidationError")
}

/// The tags that a call gives.
pub(super) fn tags(given: &[Tag]) -> Outcome<Tags> {
    let mut tags = Tags::new();
    for tag in given {
        if tags.insert(tag.key.clone(), tag.value.clone()).is_some() {
            return refuse("DuplicateTagKeys", format!("The tag key '{}' is specified more than once", tag.key));
        }
    }
    Ok(tags)
}

pub(super) fn tag_items(tags: &Tags) -> Vec<TagItem> {
    tags.iter().map(|(key, value)| TagItem { key: key.clone(), value: value.clone() }).collect()
}

/// The attributes that a call sets.
pub(super) fn attributes(given: &[Attribute]) -> Outcome<BTreeMap<String, String>> {
    let mut attributes = BTreeMap::new();
    for Attribute { key, value } in given {
        if attributes.insert(key.clone(), value.clone()).is_some() {
            return refuse("ValidationError", format!("The attribute key '{key}' is specified more than once"));
        }
    }
    if attributes.is_empty() {
        return refuse("ValidationError", "At least one attribute must be specified");
    }
    Ok(attributes)
}

pub(super) fn attribute_items(attributes: &BTreeMap<String, String>) -> Vec<Attribute> {
    attributes.iter().map(|(key, value)| Attribute { key: key.clone(), value: value.clone() }).collect()
}
