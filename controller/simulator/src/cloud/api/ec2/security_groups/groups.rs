//! DescribeSecurityGroups, CreateSecurityGroup and DeleteSecurityGroup.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSecurityGroups.html>,
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html>,
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSecurityGroup.html>

use std::collections::{BTreeMap, BTreeSet};

use aws_api::Bucket as Called;
use aws_api::ec2::Direction;
use aws_api::id::{SecurityGroupId, VpcId};
use serde::{Deserialize, Serialize};

use super::permissions::{PermissionItem, bundle};
use super::{group_id, is_allowed, which_group};
use crate::cloud::api::common::{
    Filter, Filters, TagItem, TagSpecification, page_or_all, parse_id, some_tags, tags_for,
};
use crate::cloud::api::{Bucket, Operation, Read, Sight, World, Write};
use crate::cloud::groups::GroupRecord;
use crate::cloud::world::{Outcome, refuse};

/// DescribeSecurityGroups.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeSecurityGroups {
    #[serde(default)]
    group_id: Vec<String>,
    #[serde(default)]
    group_name: Vec<String>,
    #[serde(default)]
    filter: Vec<Filter>,
    max_results: Option<u32>,
    next_token: Option<String>,
}

/// What DescribeSecurityGroups answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecurityGroups {
    security_group_info: Vec<GroupItem>,
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct GroupItem {
    group_id: String,
    group_name: String,
    group_description: String,
    owner_id: String,
    vpc_id: String,
    security_group_arn: String,
    ip_permissions: Vec<PermissionItem>,
    ip_permissions_egress: Vec<PermissionItem>,
    tag_set: Option<Vec<TagItem>>,
}

impl Operation for DescribeSecurityGroups {
    type Answer = SecurityGroups;

    fn bucket(&self) -> Bucket {
        let filtered = !self.filter.is_empty() || self.max_results.is_some();
        if filtered { Bucket::Called(Called::Ec2Describe) } else { Bucket::Ec2Unfiltered }
    }
}

impl Read for DescribeSecurityGroups {
    fn answer(&self, Sight { world, .. }: &Sight<'_>) -> Outcome<SecurityGroups> {
        let asked = self.asked(world)?;
        let known = |name: &str| world.groups.values().next().is_none_or(|any| world.group_values(any, name).is_some());
        let filters = Filters::of(&self.filter, true, known)?;
        let mut found = BTreeMap::new();
        for group in world.groups.values().filter(|group| asked.is_empty() || asked.contains(&group.id)) {
            if filters.match_values(&group.tags, |name| world.group_values(group, name)) {
                found.insert(group.id.to_string(), item(world, group));
            }
        }
        let (security_group_info, next_token) = page_or_all(found, self.max_results, &self.next_token, (5, 1000))?;
        Ok(SecurityGroups { security_group_info, next_token })
    }
}

impl DescribeSecurityGroups {
    /// The groups that are named; none: all are asked for. "You can specify either the security group name or its ID" as name.
    fn asked(&self, world: &World) -> Outcome<BTreeSet<SecurityGroupId>> {
        let mut asked = BTreeSet::new();
        let (ids, names) = self.group_name.iter().partition(|name: &&String| name.starts_with(SecurityGroupId::PREFIX));
        let (ids, names): (Vec<&String>, Vec<&String>) = (ids, names);
        for id in self.group_id.iter().chain(ids) {
            let id = group_id(id)?;
            world.group(&id)?;
            asked.insert(id);
        }
        for name in names {
            asked.insert(world.group_named(name)?.id.clone());
        }
        Ok(asked)
    }
}

fn arn(world: &World, id: &SecurityGroupId) -> String {
    format!("arn:aws:ec2:{}:{}:security-group/{id}", world.config.region, world.config.account)
}

fn item(world: &World, group: &GroupRecord) -> GroupItem {
    GroupItem {
        group_id: group.id.to_string(),
        group_name: group.name.clone(),
        group_description: group.description.clone(),
        owner_id: world.config.account.clone(),
        vpc_id: group.vpc.to_string(),
        security_group_arn: arn(world, &group.id),
        ip_permissions: bundle(world, group, Direction::Ingress),
        ip_permissions_egress: bundle(world, group, Direction::Egress),
        tag_set: some_tags(&group.tags),
    }
}

/// CreateSecurityGroup.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateSecurityGroup {
    group_name: String,
    group_description: String,
    /// Absent: the default one.
    vpc_id: Option<String>,
    #[serde(default)]
    tag_specification: Vec<TagSpecification>,
}

/// What CreateSecurityGroup answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupCreated {
    group_id: String,
    security_group_arn: String,
    tag_set: Option<Vec<TagItem>>,
}

impl Operation for CreateSecurityGroup {
    type Answer = GroupCreated;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Ec2Mutate)
    }
}

impl Write for CreateSecurityGroup {
    fn apply(&self, world: &mut World) -> Outcome<GroupCreated> {
        let vpc = match &self.vpc_id {
            Some(id) => parse_id(id, VpcId::parse, "InvalidVpcID.Malformed")?,
            None => match world.default_vpc() {
                Some(vpc) => vpc.clone(),
                None => return refuse("VPCIdNotSpecified", "No default VPC for this user"),
            },
        };
        for (parameter, text) in [("GroupName", &self.group_name), ("GroupDescription", &self.group_description)] {
            if !text.chars().all(is_allowed) {
                let message = format!(
                    "Value ({text}) for parameter {parameter} is invalid. Character sets beyond ASCII are not supported."
                );
                return refuse("InvalidParameterValue", message);
            }
        }
        let tags = tags_for(&self.tag_specification, "security-group", &["security-group"])?;
        let (name, description) = (self.group_name.clone(), self.group_description.clone());
        let create = aws_api::ec2::CreateSecurityGroup { name, description, vpc, tags };
        let id = world.make_group(&create)?;
        let security_group_arn = arn(world, &id);
        Ok(GroupCreated { group_id: id.to_string(), security_group_arn, tag_set: some_tags(&create.tags) })
    }
}

/// DeleteSecurityGroup.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteSecurityGroup {
    group_id: Option<String>,
    group_name: Option<String>,
}

/// What DeleteSecurityGroup answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupDeleted {
    r#return: bool,
    group_id: String,
}

impl Operation for DeleteSecurityGroup {
    type Answer = GroupDeleted;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Ec2Mutate)
    }
}

impl Write for DeleteSecurityGroup {
    fn apply(&self, world: &mut World) -> Outcome<GroupDeleted> {
        let group = which_group(world, &self.group_id, &self.group_name)?;
        world.delete_group(&group)?;
        Ok(GroupDeleted { r#return: true, group_id: group.to_string() })
    }

    fn names(&self) -> Vec<&str> {
        self.group_id.as_deref().into_iter().collect()
    }
}
