//! DescribeIamInstanceProfileAssociations, and the calls that make, replace and end an association.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IamInstanceProfileAssociation.html>. What they do to an instance is in
//! [`crate::cloud::profiles`].

use std::collections::BTreeMap;
use std::time::Duration;

use aws_api::Bucket as Called;
use aws_api::ec2::ProfileChange;
use aws_api::id::{InstanceId, ProfileAssociationId};
use serde::{Deserialize, Serialize};

use super::instance_ids::instance_id;
use super::instance_profile::{ProfileItem, ProfileName, profile_item};
use crate::cloud::api::common::{Filter, Filters, UNTAGGED, page_or_all, parse_id, time};
use crate::cloud::api::{Bucket, Operation, Read, Sight, Write};
use crate::cloud::profiles::word;
use crate::cloud::world::{Outcome, World, refuse};

/// An association, as an answer shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AssociationItem {
    association_id: String,
    instance_id: String,
    iam_instance_profile: ProfileItem,
    state: &'static str,
    timestamp: String,
}

/// What a call about one association is answered with.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Associated {
    iam_instance_profile_association: AssociationItem,
}

/// The association of that instance, unless it has ended.
fn item(world: &World, instance: &InstanceId, at: Duration) -> Outcome<Option<AssociationItem>> {
    let found = world.instance(instance, at)?.association(at);
    Ok(found.map(|one| AssociationItem {
        association_id: one.id.to_string(),
        instance_id: instance.to_string(),
        iam_instance_profile: profile_item(world, &one.profile),
        state: word(one.life.at(at)),
        timestamp: time(world, one.life.since(Duration::ZERO)),
    }))
}

/// Does that, and shows what came of it.
fn change(world: &mut World, instance: &InstanceId, change: &ProfileChange) -> Outcome<Associated> {
    world.change_profile(instance, change)?;
    match item(world, instance, world.at)? {
        Some(iam_instance_profile_association) => Ok(Associated { iam_instance_profile_association }),
        None => refuse("InternalError", "The association is gone"),
    }
}

fn association_id(text: &str) -> Outcome<ProfileAssociationId> {
    parse_id(text, ProfileAssociationId::parse, "InvalidAssociationID.Malformed")
}

/// DescribeIamInstanceProfileAssociations.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeIamInstanceProfileAssociations.html>
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeIamInstanceProfileAssociations {
    #[serde(default)]
    association_id: Vec<String>,
    #[serde(default)]
    filter: Vec<Filter>,
    max_results: Option<u32>,
    next_token: Option<String>,
}

/// What it answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Associations {
    iam_instance_profile_association_set: Vec<AssociationItem>,
    next_token: Option<String>,
}

impl Operation for DescribeIamInstanceProfileAssociations {
    type Answer = Associations;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Ec2Describe)
    }
}

impl Read for DescribeIamInstanceProfileAssociations {
    fn answer(&self, Sight { world, at }: &Sight<'_>) -> Outcome<Associations> {
        let filters = Filters::of(&self.filter, false, |name| filter(name).is_some())?;
        self.association_id.iter().try_for_each(|id| association_id(id).map(|_| ()))?;
        let mut all = Vec::new();
        for instance in world.visible_instances(*at) {
            all.extend(item(world, &instance.id, *at)?);
        }
        let exists = |id: &&String| !all.iter().any(|one| one.association_id == **id);
        if let Some(missing) = self.association_id.iter().find(exists) {
            let message = format!("An invalid association-id of '{missing}' was given");
            return refuse("InvalidAssociationID.NotFound", message);
        }
        let asked = |id: &String| self.association_id.is_empty() || self.association_id.contains(id);
        let mut found = BTreeMap::new();
        for one in all.into_iter().filter(|one| asked(&one.association_id)) {
            if filters.match_values(UNTAGGED, |name| filter(name).map(|get| get(&one))) {
                found.insert(one.association_id.clone(), one);
            }
        }
        let (iam_instance_profile_association_set, next_token) =
            page_or_all(found, self.max_results, &self.next_token, (5, 1000))?;
        Ok(Associations { iam_instance_profile_association_set, next_token })
    }
}

fn filter(name: &str) -> Option<fn(&AssociationItem) -> Vec<String>> {
    Some(match name {
        "instance-id" => |one| vec![one.instance_id.clone()],
        "state" => |one| vec![one.state.to_owned()],
        _ => return None,
    })
}

/// AssociateIamInstanceProfile.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateIamInstanceProfile.html>
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AssociateIamInstanceProfile {
    iam_instance_profile: ProfileName,
    instance_id: String,
}

impl Operation for AssociateIamInstanceProfile {
    type Answer = Associated;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Ec2Mutate)
    }
}

impl Write for AssociateIamInstanceProfile {
    fn apply(&self, world: &mut World) -> Outcome<Associated> {
        let (instance, profile) = (instance_id(&self.instance_id)?, self.iam_instance_profile.required(world)?);
        change(world, &instance, &ProfileChange::Associate(profile))
    }

    fn names(&self) -> Vec<&str> {
        vec![&self.instance_id]
    }
}

/// ReplaceIamInstanceProfileAssociation.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReplaceIamInstanceProfileAssociation.html>
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ReplaceIamInstanceProfileAssociation {
    iam_instance_profile: ProfileName,
    association_id: String,
}

impl Operation for ReplaceIamInstanceProfileAssociation {
    type Answer = Associated;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Ec2Mutate)
    }
}

impl Write for ReplaceIamInstanceProfileAssociation {
    fn apply(&self, world: &mut World) -> Outcome<Associated> {
        let association = association_id(&self.association_id)?;
        let (instance, profile) = (world.holder(&association)?, self.iam_instance_profile.required(world)?);
        change(world, &instance, &ProfileChange::Replace { association, profile })
    }
}

/// DisassociateIamInstanceProfile.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DisassociateIamInstanceProfile.html>
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DisassociateIamInstanceProfile {
    association_id: String,
}

impl Operation for DisassociateIamInstanceProfile {
    type Answer = Associated;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Ec2Mutate)
    }
}

impl Write for DisassociateIamInstanceProfile {
    fn apply(&self, world: &mut World) -> Outcome<Associated> {
        let association = association_id(&self.association_id)?;
        let instance = world.holder(&association)?;
        change(world, &instance, &ProfileChange::Disassociate(association))
    }
}
