//! Permissions: rules of one protocol and port range, bundled by AWS.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpPermission.html>. A description is no part of what makes a rule
//! equal to another.

use std::collections::BTreeMap;

use aws_api::Ref;
use aws_api::ec2::{Direction, Peer, Rule};
use aws_api::id::SecurityGroupId;
use crds_schema::Cidr;
use serde::{Deserialize, Serialize};

use super::{check_description, group_id};
use crate::cloud::api::World;
use crate::cloud::groups::{GroupRecord, canonical_rule};
use crate::cloud::world::{Outcome, refuse};

/// A permission, as it is asked for.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Permission {
    ip_protocol: Option<String>,
    from_port: Option<i32>,
    to_port: Option<i32>,
    #[serde(default)]
    groups: Vec<GroupPair>,
    #[serde(default)]
    ip_ranges: Vec<IpRange>,
    #[serde(default)]
    ipv6_ranges: Vec<Ipv6Range>,
    #[serde(default)]
    prefix_list_ids: Vec<PrefixListId>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GroupPair {
    group_id: Option<String>,
    group_name: Option<String>,
    user_id: Option<String>,
    description: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct IpRange {
    cidr_ip: String,
    description: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Ipv6Range {
    cidr_ipv6: String,
    description: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PrefixListId {
    prefix_list_id: String,
    description: Option<String>,
}

/// A rule that is asked for.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub rule: Rule,
    pub description: Option<String>,
}

impl Permission {
    /// The groups that it names by id.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.groups.iter().filter_map(|pair| pair.group_id.as_deref())
    }

    fn rules(&self, world: &World) -> Outcome<Vec<Asked>> {
        let Some(protocol) = &self.ip_protocol else {
            return refuse("MissingParameter", "The request must contain the parameter ipProtocol");
        };
        let mut peers = Vec::new();
        for pair in &self.groups {
            let group = peer_group(world, &pair.group_id, &pair.group_name, &pair.user_id)?;
            peers.push((Peer::Group(Ref::Id(group)), &pair.description));
        }
        for range in &self.ip_ranges {
            peers.push((cidr(&range.cidr_ip, false)?, &range.description));
        }
        for range in &self.ipv6_ranges {
            peers.push((cidr(&range.cidr_ipv6, true)?, &range.description));
        }
        for list in &self.prefix_list_ids {
            peers.push((Peer::PrefixList(list.prefix_list_id.clone()), &list.description));
        }
        if peers.is_empty() {
            let message = "A permission needs an address range, a security group or a prefix list";
            return refuse("InvalidPermission.Malformed", message);
        }
        let asked = |(peer, description): (Peer, &Option<String>)| {
            check_description(description)?;
            Ok(Asked { rule: rule(protocol, self.from_port, self.to_port, peer)?, description: description.clone() })
        };
        peers.into_iter().map(asked).collect()
    }
}

/// The rules that are bundled in those, each once.
pub(super) fn unbundle(world: &World, permissions: &[Permission]) -> Outcome<Vec<Asked>> {
    let mut all: Vec<Asked> = Vec::new();
    for permission in permissions {
        for asked in permission.rules(world)? {
            if all.iter().any(|other| other.rule == asked.rule) {
                return refuse("InvalidParameterValue", "The same permission must not appear multiple times");
            }
            all.push(asked);
        }
    }
    Ok(all)
}

/// The group that a rule is to name.
pub(super) fn peer_group(
    world: &World,
    id: &Option<String>,
    name: &Option<String>,
    owner: &Option<String>,
) -> Outcome<SecurityGroupId> {
    if owner.as_ref().is_some_and(|owner| *owner != world.config.account) {
        return refuse("InvalidParameterValue", "Security groups of other accounts are not modelled");
    }
    match (id, name) {
        (Some(id), None) => group_id(id),
        (None, Some(name)) => world.group_named(name).map(|group| group.id.clone()),
        (None, None) => refuse("MissingParameter", "The request must contain the parameter groupName or groupId"),
        (Some(id), Some(name)) => {
            let group = group_id(id)?;
            if world.group(&group)?.name == *name {
                return Ok(group);
            }
            refuse("InvalidParameterCombination", format!("The security group '{id}' is not named '{name}'"))
        }
    }
}

/// That range. "AWS canonicalizes IPv4 and IPv6 CIDRs."
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AuthorizeSecurityGroupIngress.html>
pub(super) fn cidr(text: &str, ipv6: bool) -> Outcome<Peer> {
    match Cidr::canonical(text).filter(|range| range.is_ipv6() == ipv6) {
        Some(range) => Ok(Peer::Cidr(range)),
        None => refuse("InvalidParameterValue", format!("CIDR block {text} is malformed")),
    }
}

/// The rule as AWS stores it.
pub(super) fn rule(protocol: &str, from: Option<i32>, to: Option<i32>, peer: Peer) -> Outcome<Rule> {
    let protocol = protocol.to_ascii_lowercase();
    let invalid = |message: String| refuse("InvalidParameterValue", message);
    let (from, to) = match (protocol.as_str(), from, to) {
        ("-1", _, _) => (None, None),
        ("tcp" | "udp" | "6" | "17", Some(from), Some(to)) => {
            for (end, port) in [("from", from), ("to", to)] {
                if !(0..=65_535).contains(&port) {
                    return invalid(format!("TCP/UDP ({end}) port ({port}) out of range"));
                }
            }
            (Some(from), Some(to))
        }
        ("tcp" | "udp" | "6" | "17", _, _) => {
            return invalid("Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.".into());
        }
        // "For ICMPv6 the port range is optional; if you omit it, traffic for all types and codes is allowed."
        ("icmpv6" | "58", None, None) => (Some(-1), Some(-1)),
        ("icmp" | "icmpv6" | "1" | "58", Some(kind), Some(code)) => {
            let fits = |number: i32| (-1..=255).contains(&number);
            if !fits(kind) || !fits(code) || (kind == -1 && code != -1) {
                return invalid(format!("ICMP type ({kind}) or code ({code}) out of range"));
            }
            (Some(kind), Some(code))
        }
        ("icmp" | "icmpv6" | "1" | "58", _, _) => {
            return invalid("Invalid value 'Must specify both type and code with ICMP.' for portRange.".into());
        }
        // "Traffic is allowed on all ports, regardless of any ports that you specify."
        (number, _, _) if number.parse::<u8>().is_ok() => (None, None),
        _ => return invalid(format!("Invalid value '{protocol}' for IP protocol. Unknown protocol.")),
    };
    canonical_rule(Rule { protocol, from, to, peer })
}

/// A permission, as it is shown.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PermissionItem {
    ip_protocol: String,
    from_port: Option<i32>,
    to_port: Option<i32>,
    groups: Vec<GroupPairItem>,
    ip_ranges: Vec<IpRangeItem>,
    ipv6_ranges: Vec<Ipv6RangeItem>,
    prefix_list_ids: Vec<PrefixListItem>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct GroupPairItem {
    user_id: String,
    group_id: String,
    description: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct IpRangeItem {
    cidr_ip: String,
    description: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Ipv6RangeItem {
    cidr_ipv6: String,
    description: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PrefixListItem {
    prefix_list_id: String,
    description: Option<String>,
}

/// A group's rules of one direction, bundled.
pub(super) fn bundle(world: &World, group: &GroupRecord, direction: Direction) -> Vec<PermissionItem> {
    let mut bundles: BTreeMap<(&str, Option<i32>, Option<i32>), PermissionItem> = BTreeMap::new();
    for rule in group.rules(direction) {
        let permission = bundles.entry((&rule.protocol, rule.from, rule.to)).or_default();
        permission.ip_protocol.clone_from(&rule.protocol);
        (permission.from_port, permission.to_port) = (rule.from, rule.to);
        let description = group.note(direction, rule).and_then(|note| note.description.clone());
        match &rule.peer {
            Peer::Cidr(range) if range.is_ipv6() => {
                permission.ipv6_ranges.push(Ipv6RangeItem { cidr_ipv6: range.to_string(), description });
            }
            Peer::Cidr(range) => permission.ip_ranges.push(IpRangeItem { cidr_ip: range.to_string(), description }),
            Peer::Group(peer) => {
                let (user_id, group_id) = (world.config.account.clone(), peer.to_string());
                permission.groups.push(GroupPairItem { user_id, group_id, description });
            }
            Peer::PrefixList(list) => {
                permission.prefix_list_ids.push(PrefixListItem { prefix_list_id: list.clone(), description });
            }
        }
    }
    bundles.into_values().collect()
}
