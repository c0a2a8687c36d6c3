//! Tags of EC2 and ELBv2 resources.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions>: 50 a resource, `aws:` reserved.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use aws_api::ec2::Taggable;
use aws_api::elbv2::ElbTaggable;
use aws_api::id::{AmiId, InstanceId, SecurityGroupId};
use aws_api::{Ref, Reply, Tags};

use super::derived::derived_id;
use super::world::{Outcome, Refusal, World, refuse};

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

pub(crate) fn overlay(own: &mut Tags, new: &Tags, service: Service, max: usize) -> Outcome<Reply> {
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
        let found = resources.iter().map(|resource| Ok((resource.clone(), self.elb_tags(resource)?)));
        found.collect::<Outcome<_>>().map(Reply::Tags)
    }

    /// Adds tags to resources of any kind, to all of them or to none.
    pub(crate) fn tag_all(&mut self, ids: &[String], tags: &Tags) -> Outcome<()> {
        let max = self.config.quotas.tags;
        ids.iter().try_for_each(|id| overlay(self.tags_mut(id)?, tags, Service::Ec2, max).map(|_| ()))
    }

    /// Removes what `goes` says of tags of resources of any kind, of all of them or of none.
    pub(crate) fn untag_all(&mut self, ids: &[String], goes: impl Fn(&str, &str) -> bool) -> Outcome<()> {
        ids.iter().try_for_each(|id| {
            self.tags_mut(id)?.retain(|key, value| !goes(key, value));
            Ok(())
        })
    }

    /// The tags of the resource of that id, whatever kind it is of.
    fn tags_mut(&mut self, id: &str) -> Outcome<&mut Tags> {
        let malformed = || Refusal { code: "InvalidID", message: format!("The ID '{id}' is not valid") };
        if !is_full_id(id) {
            return Err(malformed());
        }
        if let Ok(instance) = InstanceId::parse(id) {
            return Ok(&mut self.instance_mut(&instance)?.tags);
        }
        if let Ok(image) = AmiId::parse(id) {
            self.visible_image(&image, self.at)?;
            return Ok(&mut self.image_mut(&image)?.about.tags);
        }
        if let Ok(group) = SecurityGroupId::parse(id) {
            return Ok(&mut self.group_mut(&group)?.tags);
        }
        match id.split('-').next().unwrap_or_default() {
            "sgr" => {
                let (group, direction, rule) = self.group_of_rule(id)?;
                Ok(&mut self.group_mut(&group)?.note_mut(direction, &rule).tags)
            }
            "snap" => {
                self.snapshot(id)?;
                self.snapshots.get_mut(id).map(|one| &mut Rc::make_mut(one).tags).ok_or_else(malformed)
            }
            "vol" => match self.volumes.get_mut(id) {
                Some(volume) => Ok(&mut Rc::make_mut(volume).tags),
                None => refuse("InvalidVolume.NotFound", format!("The volume '{id}' does not exist.")),
            },
            _ => {
                self.check_bare(id)?;
                Ok(Rc::make_mut(self.bare_tags.entry(id.to_owned()).or_default()))
            }
        }
    }

    /// Whether there is such a resource, among those without a record of their own.
    fn check_bare(&self, id: &str) -> Outcome<()> {
        let prefix = id.split_inclusive('-').next().unwrap_or_default();
        let (code, known) = match prefix {
            "vpc-" => ("InvalidVpcID.NotFound", self.vpcs().iter().any(|vpc| vpc.as_str() == id)),
            "subnet-" => ("InvalidSubnetID.NotFound", self.config.subnets.keys().any(|subnet| subnet.as_str() == id)),
            "rtb-" => ("InvalidRouteTableID.NotFound", self.vpc_of_part(prefix, id).is_some()),
            "igw-" => ("InvalidInternetGatewayID.NotFound", self.vpc_of_part(prefix, id).is_some()),
            "dopt-" => ("InvalidDhcpOptionsID.NotFound", self.vpc_of_part(prefix, id).is_some()),
            "key-" => ("InvalidKeyPair.NotFound", self.key_pairs().any(|name| key_pair_id(name) == id)),
            _ => return refuse("InvalidID", format!("The ID '{id}' is not valid, or not of a kind that is modelled")),
        };
        if known { Ok(()) } else { refuse(code, format!("The ID '{id}' does not exist")) }
    }

    /// The key pairs that are known by name.
    pub(crate) fn key_pairs(&self) -> impl Iterator<Item = &String> {
        self.config.key_pairs.iter().flatten()
    }

    /// Every resource of EC2 that has tags: its id, its kind in AWS's words, and they.
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TagSpecification.html>
    pub(crate) fn all_tags(&self, at: Duration) -> Vec<(String, &'static str, &Tags)> {
        let instances = self.visible_instances(at).map(|one| (one.id.to_string(), "instance", &one.tags));
        let images = self.visible_images(at).map(|one| (one.id.to_string(), "image", &one.about.tags));
        let groups = self.groups.values().map(|one| (one.id.to_string(), "security-group", &one.tags));
        let rules = self.groups.values().flat_map(|group| {
            let noted = group.notes.iter().filter(|((direction, rule), _)| group.rules(*direction).contains(rule));
            noted.map(|((direction, rule), note)| (group.rule_id(*direction, rule), "security-group-rule", &note.tags))
        });
        let snapshots = self.snapshots.values().map(|one| (one.id.clone(), "snapshot", &one.tags));
        let volumes = self.volumes.iter().map(|(id, one)| (id.clone(), "volume", &one.tags));
        let bare = self.bare_tags.iter().map(|(id, tags)| (id.clone(), bare_kind(id), Rc::as_ref(tags)));
        instances.chain(images).chain(groups).chain(rules).chain(snapshots).chain(volumes).chain(bare).collect()
    }

    pub(crate) fn elb_tags(&self, resource: &ElbTaggable) -> Outcome<Tags> {
        Ok(match resource {
            ElbTaggable::LoadBalancer(arn) => self.balancer(arn)?.tags.clone(),
            ElbTaggable::TargetGroup(arn) => self.target_group(arn)?.tags.clone(),
            ElbTaggable::Listener(arn) => self.listener(arn)?.tags.clone(),
        })
    }

    fn ec2_tags_mut(&mut self, resource: &Taggable) -> Outcome<&mut Tags> {
        Ok(match resource {
            Taggable::Instance(id) => &mut self.instance_mut(id)?.tags,
            Taggable::Volume(id) => self.tags_mut(id.as_str())?,
            Taggable::SecurityGroup(Ref::Id(id)) => &mut self.group_mut(id)?.tags,
            Taggable::SecurityGroup(unresolved @ Ref::Made(_)) => {
                let message = format!("'{unresolved}' is not an id that begins with {}", SecurityGroupId::PREFIX);
                return refuse("InvalidID", message);
            }
        })
    }

    pub(crate) fn elb_tags_mut(&mut self, resource: &ElbTaggable) -> Outcome<&mut Tags> {
        Ok(match resource {
            ElbTaggable::LoadBalancer(arn) => &mut self.balancer_mut(arn)?.tags,
            ElbTaggable::TargetGroup(arn) => &mut self.target_group_mut(arn)?.tags,
            ElbTaggable::Listener(arn) => &mut self.listener_mut(arn)?.tags,
        })
    }
}

fn bare_kind(id: &str) -> &'static str {
    match id.split('-').next().unwrap_or_default() {
        "vpc" => "vpc",
        "subnet" => "subnet",
        "rtb" => "route-table",
        "igw" => "internet-gateway",
        "dopt" => "dhcp-options",
        _ => "key-pair",
    }
}

/// The id of the key pair of that name.
pub(crate) fn key_pair_id(name: &str) -> String {
    derived_id("key-", name)
}

/// Whether it looks like a full id of EC2: a prefix, and 8 or 17 hexadecimal digits.
pub(crate) fn is_full_id(text: &str) -> bool {
    text.rsplit_once('-').is_some_and(|(_, rest)| {
        matches!(rest.len(), 8 | 17) && rest.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c))
    })
}
