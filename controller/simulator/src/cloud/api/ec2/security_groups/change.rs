//! Authorize and Revoke, for what comes in and for what goes out.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AuthorizeSecurityGroupIngress.html>,
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AuthorizeSecurityGroupEgress.html>,
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RevokeSecurityGroupIngress.html>,
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RevokeSecurityGroupEgress.html>. The flat parameters of before
//! permissions are "not supported" for what goes out, and not in those types.

use aws_api::ec2::{ChangeRules, Direction, Peer, Rule};
use aws_api::id::SecurityGroupId;
use aws_api::{Bucket as Called, Ref, Tags};
use serde::{Deserialize, Serialize};

use super::permissions::{Asked, Permission, cidr, peer_group, rule, unbundle};
use super::rules::{RevokedItem, RuleItem};
use super::which_group;
use crate::cloud::api::common::{TagSpecification, check_id, tags_for};
use crate::cloud::api::{Bucket, Operation, World, Write};
use crate::cloud::group_rules::PREFIX;
use crate::cloud::tags::{Service, check_tags};
use crate::cloud::world::{Outcome, refuse};

/// AuthorizeSecurityGroupIngress.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AuthorizeSecurityGroupIngress {
    group_id: Option<String>,
    group_name: Option<String>,
    #[serde(default)]
    ip_permissions: Vec<Permission>,
    ip_protocol: Option<String>,
    from_port: Option<i32>,
    to_port: Option<i32>,
    cidr_ip: Option<String>,
    source_security_group_name: Option<String>,
    source_security_group_owner_id: Option<String>,
    #[serde(default)]
    tag_specification: Vec<TagSpecification>,
}

/// AuthorizeSecurityGroupEgress.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AuthorizeSecurityGroupEgress {
    group_id: String,
    #[serde(default)]
    ip_permissions: Vec<Permission>,
    #[serde(default)]
    tag_specification: Vec<TagSpecification>,
}

/// RevokeSecurityGroupIngress.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RevokeSecurityGroupIngress {
    group_id: Option<String>,
    group_name: Option<String>,
    #[serde(default)]
    ip_permissions: Vec<Permission>,
    #[serde(default)]
    security_group_rule_id: Vec<String>,
    ip_protocol: Option<String>,
    from_port: Option<i32>,
    to_port: Option<i32>,
    cidr_ip: Option<String>,
    source_security_group_name: Option<String>,
}

/// RevokeSecurityGroupEgress.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RevokeSecurityGroupEgress {
    group_id: String,
    #[serde(default)]
    ip_permissions: Vec<Permission>,
    #[serde(default)]
    security_group_rule_id: Vec<String>,
}

/// What Authorize answers: the rules that it made.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Authorized {
    r#return: bool,
    security_group_rule_set: Vec<RuleItem>,
}

/// What Revoke answers: the rules that are gone.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Revoked {
    r#return: bool,
    revoked_security_group_rule_set: Vec<RevokedItem>,
}

/// A rule, in the flat parameters.
struct Flat<'a> {
    protocol: &'a Option<String>,
    from: Option<i32>,
    to: Option<i32>,
    cidr: &'a Option<String>,
    source: &'a Option<String>,
    owner: &'a Option<String>,
}

impl Flat<'_> {
    fn is_empty(&self) -> bool {
        let texts = [self.protocol, self.cidr, self.source, self.owner];
        texts.iter().all(|text| text.is_none()) && self.from.is_none() && self.to.is_none()
    }

    fn rules(&self, world: &World) -> Outcome<Vec<Asked>> {
        let plain = |rule| Asked { rule, description: None };
        if let Some(source) = self.source {
            return Ok(self.full_access(world, source)?.into_iter().map(plain).collect());
        }
        let (Some(protocol), Some(range)) = (self.protocol, self.cidr) else {
            return refuse(
                "MissingParameter",
                "The request must contain the parameters ipProtocol and cidrIp, or ipPermissions",
            );
        };
        Ok(vec![plain(rule(protocol, self.from, self.to, cidr(range, false)?)?)])
    }

    /// "The rule grants full ICMP, UDP, and TCP access."
    fn full_access(&self, world: &World, source: &str) -> Outcome<Vec<Rule>> {
        if self.protocol.is_some() || self.cidr.is_some() || self.from.is_some() || self.to.is_some() {
            let message = "The parameter sourceSecurityGroupName cannot be used with a CIDR range, a protocol or ports";
            return refuse("InvalidParameterCombination", message);
        }
        let group = peer_group(world, &None, &Some(source.to_owned()), self.owner)?;
        let all = [("icmp", -1, -1), ("tcp", 0, 65_535), ("udp", 0, 65_535)];
        let one = |(protocol, from, to)| rule(protocol, Some(from), Some(to), Peer::Group(Ref::Id(group.clone())));
        all.into_iter().map(one).collect()
    }
}

/// The rules that a call names by their properties, in the one way or the other.
fn asked(world: &World, permissions: &[Permission], flat: Option<&Flat<'_>>) -> Outcome<Vec<Asked>> {
    match flat.filter(|flat| !flat.is_empty()) {
        Some(_) if !permissions.is_empty() => {
            let message = "The parameter ipPermissions cannot be used with the parameters of a single rule";
            refuse("InvalidParameterCombination", message)
        }
        Some(flat) => flat.rules(world),
        None => unbundle(world, permissions),
    }
}

fn authorize(
    world: &mut World,
    group: &SecurityGroupId,
    direction: Direction,
    asked: Vec<Asked>,
    tags: &Tags,
) -> Outcome<Authorized> {
    check_tags(Service::Ec2, tags, world.config.quotas.tags)?;
    let rules = asked.iter().map(|one| one.rule.clone()).collect();
    world.authorize(&ChangeRules { group: Ref::Id(group.clone()), direction, rules })?;
    let record = world.group_mut(group)?;
    for one in asked.iter().filter(|one| one.description.is_some() || !tags.is_empty()) {
        let note = record.note_mut(direction, &one.rule);
        note.description.clone_from(&one.description);
        note.tags.clone_from(tags);
    }
    let record = world.group(group)?;
    let made = asked.iter().map(|one| RuleItem::of(world, record, direction, &one.rule));
    Ok(Authorized { r#return: true, security_group_rule_set: made.collect() })
}

/// What is revoked: rules by their properties, or by their ids.
fn revoked_rules(
    world: &World,
    group: &SecurityGroupId,
    direction: Direction,
    asked: Vec<Asked>,
    ids: &[String],
) -> Outcome<Vec<Rule>> {
    if !asked.is_empty() && !ids.is_empty() {
        let message = "The parameter securityGroupRuleIds cannot be used with the properties of rules";
        return refuse("InvalidParameterCombination", message);
    }
    let of_id = |id: &String| {
        check_id(id, PREFIX, "InvalidSecurityGroupRuleId.Malformed")?;
        match world.rule_in(group, id)? {
            (way, rule) if way == direction => Ok(rule),
            _ => {
                let message = format!("The security group rule ID '{id}' is of the other direction");
                refuse("InvalidSecurityGroupRuleId.NotFound", message)
            }
        }
    };
    let by_id: Vec<Rule> = ids.iter().map(of_id).collect::<Outcome<_>>()?;
    Ok(asked.into_iter().map(|one| one.rule).chain(by_id).collect())
}

/// A rule that is not there is refused, and nothing is revoked. For default VPCs the documentation promises an answer with
/// `unknownIpPermissionSet` instead; what is reported of them is the refusal.
/// <https://github.com/piyushsonigra/aws_ipadd/issues/10>
fn revoke(world: &mut World, group: &SecurityGroupId, direction: Direction, rules: Vec<Rule>) -> Outcome<Revoked> {
    let record = world.group(group)?;
    let gone = rules.iter().map(|rule| RuleItem::of(world, record, direction, rule).revoked()).collect();
    let rules = rules.into_iter().collect();
    world.revoke(&ChangeRules { group: Ref::Id(group.clone()), direction, rules })?;
    Ok(Revoked { r#return: true, revoked_security_group_rule_set: gone })
}

/// The group and those that the permissions name.
fn names<'a>(group: Option<&'a str>, permissions: &'a [Permission]) -> Vec<&'a str> {
    group.into_iter().chain(permissions.iter().flat_map(Permission::names)).collect()
}

impl Operation for AuthorizeSecurityGroupIngress {
    type Answer = Authorized;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Ec2Rules)
    }
}

impl Write for AuthorizeSecurityGroupIngress {
    fn apply(&self, world: &mut World) -> Outcome<Authorized> {
        let group = which_group(world, &self.group_id, &self.group_name)?;
        let flat = Flat {
            protocol: &self.ip_protocol,
            from: self.from_port,
            to: self.to_port,
            cidr: &self.cidr_ip,
            source: &self.source_security_group_name,
            owner: &self.source_security_group_owner_id,
        };
        let asked = asked(world, &self.ip_permissions, Some(&flat))?;
        let tags = rule_tags(&self.tag_specification)?;
        authorize(world, &group, Direction::Ingress, asked, &tags)
    }

    fn names(&self) -> Vec<&str> {
        names(self.group_id.as_deref(), &self.ip_permissions)
    }
}

impl Operation for AuthorizeSecurityGroupEgress {
    type Answer = Authorized;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Ec2Rules)
    }
}

impl Write for AuthorizeSecurityGroupEgress {
    fn apply(&self, world: &mut World) -> Outcome<Authorized> {
        let group = which_group(world, &Some(self.group_id.clone()), &None)?;
        let asked = asked(world, &self.ip_permissions, None)?;
        let tags = rule_tags(&self.tag_specification)?;
        authorize(world, &group, Direction::Egress, asked, &tags)
    }

    fn names(&self) -> Vec<&str> {
        names(Some(&self.group_id), &self.ip_permissions)
    }
}

impl Operation for RevokeSecurityGroupIngress {
    type Answer = Revoked;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Ec2Rules)
    }
}

impl Write for RevokeSecurityGroupIngress {
    fn apply(&self, world: &mut World) -> Outcome<Revoked> {
        let group = which_group(world, &self.group_id, &self.group_name)?;
        let flat = Flat {
            protocol: &self.ip_protocol,
            from: self.from_port,
            to: self.to_port,
            cidr: &self.cidr_ip,
            source: &self.source_security_group_name,
            owner: &None,
        };
        let asked = asked(world, &self.ip_permissions, Some(&flat))?;
        let rules = revoked_rules(world, &group, Direction::Ingress, asked, &self.security_group_rule_id)?;
        revoke(world, &group, Direction::Ingress, rules)
    }

    fn names(&self) -> Vec<&str> {
        names(self.group_id.as_deref(), &self.ip_permissions)
    }
}

impl Operation for RevokeSecurityGroupEgress {
    type Answer = Revoked;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Ec2Rules)
    }
}

impl Write for RevokeSecurityGroupEgress {
    fn apply(&self, world: &mut World) -> Outcome<Revoked> {
        let group = which_group(world, &Some(self.group_id.clone()), &None)?;
        let asked = asked(world, &self.ip_permissions, None)?;
        let rules = revoked_rules(world, &group, Direction::Egress, asked, &self.security_group_rule_id)?;
        revoke(world, &group, Direction::Egress, rules)
    }

    fn names(&self) -> Vec<&str> {
        names(Some(&self.group_id), &self.ip_permissions)
    }
}

fn rule_tags(specifications: &[TagSpecification]) -> Outcome<Tags> {
    tags_for(specifications, "security-group-rule", &["security-group-rule"])
}
