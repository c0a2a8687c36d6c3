//! AddTags, RemoveTags, DescribeTags: of load balancers, target groups, listeners and rules.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_AddTags.html>

use aws_api::elbv2::ElbTaggable;
use aws_api::{Bucket as Called, Tags};
use serde::{Deserialize, Serialize};

use super::common::{Done, Kind, TagItem, at_most_20, listener, load_balancer, rule, tag_items, tags, target_group};
use crate::cloud::api::common::Tag;
use crate::cloud::api::{Bucket, Operation, Read, Sight, Write};
use crate::cloud::tags::{Service, overlay};
use crate::cloud::world::{Outcome, World, refuse};

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AddTags {
    resource_arns: Vec<String>,
    tags: Vec<Tag>,
}

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RemoveTags {
    resource_arns: Vec<String>,
    tag_keys: Vec<String>,
}

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeTags {
    resource_arns: Vec<String>,
}

/// The tags of the resources that were asked for.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagDescriptions {
    tag_descriptions: Vec<TagDescription>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct TagDescription {
    resource_arn: String,
    tags: Vec<TagItem>,
}

/// What can have tags.
enum Tagged {
    Elb(ElbTaggable),
    Rule(String),
}

impl Tagged {
    fn of(arn: &str) -> Outcome<Self> {
        Ok(match Kind::of(arn) {
            Some(Kind::LoadBalancer) => Self::Elb(ElbTaggable::LoadBalancer(load_balancer(arn)?)),
            Some(Kind::TargetGroup) => Self::Elb(ElbTaggable::TargetGroup(target_group(arn)?)),
            Some(Kind::Listener) => Self::Elb(ElbTaggable::Listener(listener(arn)?)),
            Some(Kind::Rule) => Self::Rule(rule(arn)?),
            None => return refuse("ValidationError", format!("'{arn}' is not a valid resource ARN")),
        })
    }

    fn tags(&self, world: &World) -> Outcome<Tags> {
        match self {
            Self::Elb(resource) => world.elb_tags(resource),
            Self::Rule(arn) => world.rule_tags(arn),
        }
    }

    fn tags_mut<'a>(&self, world: &'a mut World) -> Outcome<&'a mut Tags> {
        match self {
            Self::Elb(resource) => world.elb_tags_mut(resource),
            Self::Rule(arn) => world.rule_tags_mut(arn),
        }
    }
}

fn resources(arns: &[String]) -> Outcome<Vec<Tagged>> {
    if arns.is_empty() {
        return refuse("ValidationError", "At least one resource ARN must be specified");
    }
    at_most_20(arns)?;
    arns.iter().map(|arn| Tagged::of(arn)).collect()
}

impl Operation for AddTags {
    type Answer = Done;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Elbv2Mutate)
    }
}

impl Write for AddTags {
    fn apply(&self, world: &mut World) -> Outcome<Done> {
        let (resources, tags) = (resources(&self.resource_arns)?, tags(&self.tags)?);
        let max = world.config.quotas.tags;
        for resource in resources {
            overlay(resource.tags_mut(world)?, &tags, Service::Elb, max)?;
        }
        Ok(Done {})
    }
}

impl Operation for RemoveTags {
    type Answer = Done;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Elbv2Mutate)
    }
}

impl Write for RemoveTags {
    fn apply(&self, world: &mut World) -> Outcome<Done> {
        for resource in resources(&self.resource_arns)? {
            resource.tags_mut(world)?.retain(|key, _| !self.tag_keys.contains(key));
        }
        Ok(Done {})
    }
}

impl Operation for DescribeTags {
    type Answer = TagDescriptions;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Elbv2Describe)
    }
}

impl Read for DescribeTags {
    fn answer(&self, Sight { world, .. }: &Sight<'_>) -> Outcome<TagDescriptions> {
        let described = resources(&self.resource_arns)?.into_iter().zip(&self.resource_arns).map(|(resource, arn)| {
            Ok(TagDescription { resource_arn: arn.clone(), tags: tag_items(&resource.tags(world)?) })
        });
        Ok(TagDescriptions { tag_descriptions: described.collect::<Outcome<_>>()? })
    }
}
