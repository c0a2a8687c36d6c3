//! DescribeSecurityGroupRules, and how a single rule is shown.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSecurityGroupRules.html>

use std::collections::BTreeMap;

use aws_api::Bucket as Called;
use aws_api::ec2::{Direction, Peer, Rule};
use serde::{Deserialize, Serialize};

use crate::cloud::api::common::{Filter, Filters, TagItem, UNTAGGED, check_id, page_or_all, tag_set};
use crate::cloud::api::{Bucket, Operation, Read, Sight, World};
use crate::cloud::group_rules::PREFIX;
use crate::cloud::groups::GroupRecord;
use crate::cloud::world::Outcome;

/// DescribeSecurityGroupRules.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeSecurityGroupRules {
    #[serde(default)]
    security_group_rule_id: Vec<String>,
    #[serde(default)]
    filter: Vec<Filter>,
    max_results: Option<u32>,
    next_token: Option<String>,
}

/// What it answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rules {
    security_group_rule_set: Vec<RuleItem>,
    next_token: Option<String>,
}

/// A rule.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RuleItem {
    security_group_rule_id: String,
    security_group_rule_arn: String,
    group_id: String,
    group_owner_id: String,
    is_egress: bool,
    ip_protocol: String,
    from_port: i32,
    to_port: i32,
    #[serde(rename = "cidrIpv4")]
    cidr_v4: Option<String>,
    #[serde(rename = "cidrIpv6")]
    cidr_v6: Option<String>,
    prefix_list_id: Option<String>,
    referenced_group_info: Option<Referenced>,
    description: Option<String>,
    tag_set: Vec<TagItem>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Referenced {
    group_id: String,
    user_id: String,
}

/// A rule that is gone, which is shown a little otherwise.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RevokedItem {
    security_group_rule_id: String,
    group_id: String,
    is_egress: bool,
    ip_protocol: String,
    from_port: i32,
    to_port: i32,
    #[serde(rename = "cidrIpv4")]
    cidr_v4: Option<String>,
    #[serde(rename = "cidrIpv6")]
    cidr_v6: Option<String>,
    prefix_list_id: Option<String>,
    referenced_group_id: Option<String>,
    description: Option<String>,
}

impl RuleItem {
    /// A rule of a group. Where it has no ports, `-1` stands for them here.
    pub fn of(world: &World, group: &GroupRecord, direction: Direction, rule: &Rule) -> Self {
        let id = group.rule_id(direction, rule);
        let note = group.note(direction, rule);
        let (region, account) = (&world.config.region, &world.config.account);
        let referenced = |group: String| Referenced { group_id: group, user_id: account.clone() };
        let mut item = Self {
            security_group_rule_arn: format!("arn:aws:ec2:{region}:{account}:security-group-rule/{id}"),
            security_group_rule_id: id,
            group_id: group.id.to_string(),
            group_owner_id: account.clone(),
            is_egress: direction == Direction::Egress,
            ip_protocol: rule.protocol.clone(),
            from_port: rule.from.unwrap_or(-1),
            to_port: rule.to.unwrap_or(-1),
            cidr_v4: None,
            cidr_v6: None,
            prefix_list_id: None,
            referenced_group_info: None,
            description: note.and_then(|note| note.description.clone()),
            tag_set: note.map(|note| tag_set(&note.tags)).unwrap_or_default(),
        };
        match &rule.peer {
            Peer::Cidr(range) if range.is_ipv6() => item.cidr_v6 = Some(range.to_string()),
            Peer::Cidr(range) => item.cidr_v4 = Some(range.to_string()),
            Peer::Group(peer) => item.referenced_group_info = Some(referenced(peer.to_string())),
            Peer::PrefixList(list) => item.prefix_list_id = Some(list.clone()),
        }
        item
    }

    /// As it is shown once it is gone.
    pub fn revoked(self) -> RevokedItem {
        RevokedItem {
            security_group_rule_id: self.security_group_rule_id,
            group_id: self.group_id,
            is_egress: self.is_egress,
            ip_protocol: self.ip_protocol,
            from_port: self.from_port,
            to_port: self.to_port,
            cidr_v4: self.cidr_v4,
            cidr_v6: self.cidr_v6,
            prefix_list_id: self.prefix_list_id,
            referenced_group_id: self.referenced_group_info.map(|group| group.group_id),
            description: self.description,
        }
    }
}

impl Operation for DescribeSecurityGroupRules {
    type Answer = Rules;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Ec2Describe)
    }
}

impl Read for DescribeSecurityGroupRules {
    fn answer(&self, Sight { world, .. }: &Sight<'_>) -> Outcome<Rules> {
        let filters = Filters::of(&self.filter, true, |name| matches!(name, "group-id" | "security-group-rule-id"))?;
        for id in &self.security_group_rule_id {
            check_id(id, PREFIX, "InvalidSecurityGroupRuleId.Malformed")?;
            world.group_of_rule(id)?;
        }
        let mut found = BTreeMap::new();
        let all = world.groups.values().flat_map(|group| group.all_rules().map(move |(way, rule)| (group, way, rule)));
        for (group, direction, rule) in all {
            let id = group.rule_id(direction, rule);
            if !self.security_group_rule_id.is_empty() && !self.security_group_rule_id.contains(&id) {
                continue;
            }
            let values = |name: &str| match name {
                "group-id" => Some(vec![group.id.to_string()]),
                "security-group-rule-id" => Some(vec![id.clone()]),
                _ => None,
            };
            let tags = group.note(direction, rule).map_or(UNTAGGED, |note| &note.tags);
            if filters.match_values(tags, values) {
                found.insert(id, RuleItem::of(world, group, direction, rule));
            }
        }
        let (security_group_rule_set, next_token) = page_or_all(found, self.max_results, &self.next_token, (5, 1000))?;
        Ok(Rules { security_group_rule_set, next_token })
    }
}
