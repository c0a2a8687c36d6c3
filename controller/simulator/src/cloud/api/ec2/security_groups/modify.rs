//! ModifySecurityGroupRules, and UpdateSecurityGroupRuleDescriptions for what comes in and what goes out.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifySecurityGroupRules.html>,
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_UpdateSecurityGroupRuleDescriptionsIngress.html>,
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_UpdateSecurityGroupRuleDescriptionsEgress.html>

use aws_api::ec2::{Direction, Peer, Rule};
use aws_api::id::SecurityGroupId;
use aws_api::{Bucket as Called, Ref};
use serde::{Deserialize, Serialize};

use super::permissions::{Permission, cidr, rule, unbundle};
use super::{check_description, group_id, which_group};
use crate::cloud::api::common::check_id;
use crate::cloud::api::{Bucket, Operation, World, Write};
use crate::cloud::group_rules::PREFIX;
use crate::cloud::world::{Outcome, refuse};

/// ModifySecurityGroupRules.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ModifySecurityGroupRules {
    group_id: String,
    #[serde(rename = "SecurityGroupRule")]
    updates: Vec<Update>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Update {
    security_group_rule_id: String,
    security_group_rule: RuleRequest,
}

/// What a rule is to become, whole.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RuleRequest {
    ip_protocol: Option<String>,
    from_port: Option<i32>,
    to_port: Option<i32>,
    #[serde(rename = "CidrIpv4")]
    cidr_v4: Option<String>,
    #[serde(rename = "CidrIpv6")]
    cidr_v6: Option<String>,
    prefix_list_id: Option<String>,
    referenced_group_id: Option<String>,
    description: Option<String>,
}

/// What all of them answer.
#[derive(Debug, Serialize)]
pub struct Modified {
    r#return: bool,
}

impl RuleRequest {
    fn rule(&self) -> Outcome<Rule> {
        check_description(&self.description)?;
        let Some(protocol) = &self.ip_protocol else {
            return refuse("MissingParameter", "The request must contain the parameter ipProtocol");
        };
        let peer = match (&self.cidr_v4, &self.cidr_v6, &self.prefix_list_id, &self.referenced_group_id) {
            (Some(range), None, None, None) => cidr(range, false)?,
            (None, Some(range), None, None) => cidr(range, true)?,
            (None, None, Some(list), None) => Peer::PrefixList(list.clone()),
            (None, None, None, Some(group)) => Peer::Group(Ref::Id(group_id(group)?)),
            _ => {
                let message = "Exactly one of cidrIpv4, cidrIpv6, prefixListId and referencedGroupId must be given";
                return refuse("InvalidParameterCombination", message);
            }
        };
        rule(protocol, self.from_port, self.to_port, peer)
    }
}

impl Operation for ModifySecurityGroupRules {
    type Answer = Modified;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Ec2Mutate)
    }
}

impl Write for ModifySecurityGroupRules {
    fn apply(&self, world: &mut World) -> Outcome<Modified> {
        let group = which_group(world, &Some(self.group_id.clone()), &None)?;
        if self.updates.is_empty() {
            return refuse("MissingParameter", "The request must contain the parameter SecurityGroupRule");
        }
        for update in &self.updates {
            let id = &update.security_group_rule_id;
            check_id(id, PREFIX, "InvalidSecurityGroupRuleId.Malformed")?;
            let rule = update.security_group_rule.rule()?;
            world.modify_rule(&group, id, rule, update.security_group_rule.description.clone())?;
        }
        Ok(Modified { r#return: true })
    }

    fn names(&self) -> Vec<&str> {
        let peers = self.updates.iter().filter_map(|update| update.security_group_rule.referenced_group_id.as_deref());
        std::iter::once(self.group_id.as_str()).chain(peers).collect()
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RuleDescription {
    security_group_rule_id: String,
    description: Option<String>,
}

/// UpdateSecurityGroupRuleDescriptionsIngress.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateSecurityGroupRuleDescriptionsIngress {
    group_id: Option<String>,
    group_name: Option<String>,
    #[serde(default)]
    ip_permissions: Vec<Permission>,
    #[serde(default)]
    security_group_rule_description: Vec<RuleDescription>,
}

/// UpdateSecurityGroupRuleDescriptionsEgress.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateSecurityGroupRuleDescriptionsEgress {
    group_id: Option<String>,
    group_name: Option<String>,
    #[serde(default)]
    ip_permissions: Vec<Permission>,
    #[serde(default)]
    security_group_rule_description: Vec<RuleDescription>,
}

/// Sets descriptions. "You can remove a description by omitting the description parameter."
fn describe(
    world: &mut World,
    group: &SecurityGroupId,
    direction: Direction,
    permissions: &[Permission],
    by_id: &[RuleDescription],
) -> Outcome<Modified> {
    if permissions.is_empty() == by_id.is_empty() {
        let message = "Either ipPermissions or securityGroupRuleDescriptions must be given";
        return refuse("InvalidParameterCombination", message);
    }
    let mut wanted: Vec<(Rule, Option<String>)> =
        unbundle(world, permissions)?.into_iter().map(|asked| (asked.rule, asked.description)).collect();
    for one in by_id {
        let id = &one.security_group_rule_id;
        check_id(id, PREFIX, "InvalidSecurityGroupRuleId.Malformed")?;
        check_description(&one.description)?;
        let (way, rule) = world.rule_in(group, id)?;
        if way != direction {
            let message = format!("The security group rule ID '{id}' is of the other direction");
            return refuse("InvalidSecurityGroupRuleId.NotFound", message);
        }
        wanted.push((rule, one.description.clone()));
    }
    let record = world.group_mut(group)?;
    for (rule, description) in wanted {
        if !record.rules(direction).contains(&rule) {
            return refuse("InvalidPermission.NotFound", "The specified rule does not exist in this security group.");
        }
        record.note_mut(direction, &rule).description = description;
    }
    Ok(Modified { r#return: true })
}

macro_rules! descriptions {
    ($($name:ident $direction:expr,)*) => {$(
        impl Operation for $name {
            type Answer = Modified;

            fn bucket(&self) -> Bucket {
                Bucket::Called(Called::Ec2Mutate)
            }
        }

        impl Write for $name {
            fn apply(&self, world: &mut World) -> Outcome<Modified> {
                let group = which_group(world, &self.group_id, &self.group_name)?;
                describe(world, &group, $direction, &self.ip_permissions, &self.security_group_rule_description)
            }

            fn names(&self) -> Vec<&str> {
                let peers = self.ip_permissions.iter().flat_map(Permission::names);
                self.group_id.as_deref().into_iter().chain(peers).collect()
            }
        }
    )*};
}

descriptions! {
    UpdateSecurityGroupRuleDescriptionsIngress Direction::Ingress,
    UpdateSecurityGroupRuleDescriptionsEgress Direction::Egress,
}
