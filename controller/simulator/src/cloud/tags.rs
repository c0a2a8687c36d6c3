//! Tags of EC2 and ELBv2 resources.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions>: 50 a resource, `aws:` reserved.

use std::collections::BTreeSet;

use engine::cloud::Reply;
use planner::id::SecurityGroupId;
use planner::request::{ElbTaggable, Ref, Taggable};
use planner::resource::Tags;

use super::world::{Outcome, World, refuse};

/// Resources that one DescribeTags may name.
const DESCRIBE_MAX: usize = 20;

/// Whose codes a wrong tag is refused with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Ec2,
    Elb,
}

/// Whether a resource may have these tags.
pub(crate) fn check_tags(service: Service, tags: &Tags, max: usize) -> Outcome<()> {
    let (too_many, invalid) = match service {
        Service::Ec2 => ("TagLimitExceeded", "InvalidParameterValue"),
        Service::Elb => ("TooManyTags", "ValidationError"),
    };
    if tags.len() > max {
        return refuse(too_many, format!("a resource may have {max} tags"));
    }
    for (key, value) in tags {
        if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 {
            return refuse(invalid, format!("Tag '{key}' is too long, or has no key"));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return refuse(invalid, format!("Tag keys starting with 'aws:' are reserved for internal use: '{key}'"));
        }
    }
    Ok(())
}

fn overlay(own: &mut Tags, new: &Tags, service: Service, max: usize) -> Outcome<Reply> {
    let mut both = own.clone();
    both.extend(new.clone());
    check_tags(service, &both, max)?;
    *own = both;
    Ok(Reply::Done)
}

impl World {
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html>
    pub(crate) fn create_tags(&mut self, resource: &Taggable, tags: &Tags) -> Outcome<Reply> {
        let max = self.config.quotas.tags;
        overlay(self.ec2_tags_mut(resource)?, tags, Service::Ec2, max)
    }

    /// A key that is not there is no error.
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteTags.html>
    pub(crate) fn delete_tags(&mut self, resource: &Taggable, keys: &BTreeSet<String>) -> Outcome<Reply> {
        self.ec2_tags_mut(resource)?.retain(|key, _| !keys.contains(key));
        Ok(Reply::Done)
    }

    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_AddTags.html>
    pub(crate) fn add_tags(&mut self, resource: &ElbTaggable, tags: &Tags) -> Outcome<Reply> {
        let max = self.config.quotas.tags;
        overlay(self.elb_tags_mut(resource)?, tags, Service::Elb, max)
    }

    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RemoveTags.html>
    pub(crate) fn remove_tags(&mut self, resource: &ElbTaggable, keys: &BTreeSet<String>) -> Outcome<Reply> {
        self.elb_tags_mut(resource)?.retain(|key, _| !keys.contains(key));
        Ok(Reply::Done)
    }

    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTags.html>
    pub(crate) fn describe_elb_tags(&self, resources: &[ElbTaggable]) -> Outcome<Reply> {
        if resources.len() > DESCRIBE_MAX {
            return refuse("ValidationError", format!("at most {DESCRIBE_MAX} resources may be named"));
        }
        let of = |resource: &ElbTaggable| {
            Ok(match resource {
                ElbTaggable::LoadBalancer(arn) => self.balancer(arn)?.tags.clone(),
                ElbTaggable::TargetGroup(arn) => self.target_group(arn)?.tags.clone(),
                ElbTaggable::Listener(arn) => self.listener(arn)?.tags.clone(),
            })
        };
        let found = resources.iter().map(|resource| Ok((resource.clone(), of(resource)?)));
        found.collect::<Outcome<_>>().map(Reply::Tags)
    }

    fn ec2_tags_mut(&mut self, resource: &Taggable) -> Outcome<&mut Tags> {
        Ok(match resource {
            Taggable::Instance(id) => &mut self.instance_mut(id)?.tags,
            Taggable::SecurityGroup(Ref::Id(id)) => &mut self.group_mut(id)?.tags,
            Taggable::SecurityGroup(unresolved @ Ref::Made(_)) => {
                let message = format!("'{unresolved}' is not an id that begins with {}", SecurityGroupId::PREFIX);
                return refuse("InvalidID", message);
            }
        })
    }

    fn elb_tags_mut(&mut self, resource: &ElbTaggable) -> Outcome<&mut Tags> {
        Ok(match resource {
            ElbTaggable::LoadBalancer(arn) => &mut self.balancer_mut(arn)?.tags,
            ElbTaggable::TargetGroup(arn) => &mut self.target_group_mut(arn)?.tags,
            ElbTaggable::Listener(arn) => &mut self.listener_mut(arn)?.tags,
        })
    }
}
