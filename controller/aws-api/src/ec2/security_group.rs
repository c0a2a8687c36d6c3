//! Security groups, their rules, and the calls about them.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html>

use std::collections::BTreeSet;
use std::fmt;

use crds_schema::Cidr;
use serde::{Deserialize, Serialize};

use crate::id::{SecurityGroupId, VpcId};
use crate::reference::{AnyRef, Ref, ResourceId, known, visit_each};
use crate::{Effect, Filter, Operation, Page, ReadCall, Tags, WriteCall};

/// A security group with its rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityGroup {
    /// Its id.
    pub id: SecurityGroupId,
    /// Its name, unique in its VPC.
    pub name: String,
    /// Its VPC.
    pub vpc: VpcId,
    /// Inbound rules.
    pub ingress: BTreeSet<Rule>,
    /// Outbound rules.
    pub egress: BTreeSet<Rule>,
    /// Its tags.
    pub tags: Tags,
}

/// Which way a rule lets traffic through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Into the members of the group.
    Ingress,
    /// Out of the members of the group.
    Egress,
}

impl Direction {
    /// AWS's word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        }
    }
}

/// One rule with one peer. AWS groups peers into permissions; the adapter takes them apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rule {
    /// `tcp`, `udp`, `icmp`, a protocol number, or `-1` for all.
    pub protocol: String,
    /// First port; absent for all.
    pub from: Option<i32>,
    /// Last port; absent for all.
    pub to: Option<i32>,
    /// Who is let through.
    pub peer: Peer,
}

/// Who a rule lets through.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Peer {
    /// An address range, IPv4 or IPv6.
    Cidr(Cidr),
    /// The members of a security group.
    Group(Ref<SecurityGroupId>),
    /// A managed prefix list.
    PrefixList(String),
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.protocol.as_str(), self.from, self.to) {
            ("-1", _, _) => f.write_str("all traffic")?,
            (protocol, Some(from), Some(to)) if from == to => write!(f, "{protocol} {from}")?,
            (protocol, Some(from), Some(to)) => write!(f, "{protocol} {from}-{to}")?,
            (protocol, _, _) => f.write_str(protocol)?,
        }
        match &self.peer {
            Peer::Cidr(cidr) => write!(f, " {cidr}"),
            Peer::Group(group) => write!(f, " {group}"),
            Peer::PrefixList(list) => write!(f, " {list}"),
        }
    }
}

/// EC2 CreateSecurityGroup. AWS adds an egress rule that lets all IPv4 out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateSecurityGroup {
    /// Name, unique in the VPC.
    pub name: String,
    /// What it is for, in words.
    pub description: String,
    /// The VPC.
    pub vpc: VpcId,
    /// Tags, set in the same call.
    pub tags: Tags,
}

/// Adds or removes rules of one direction in one group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeRules {
    /// Which group.
    pub group: Ref<SecurityGroupId>,
    /// Which way.
    pub direction: Direction,
    /// Which rules.
    pub rules: BTreeSet<Rule>,
}

impl ChangeRules {
    /// The rules of that direction of that group, as a set that AWS bounds.
    pub fn set(&self) -> String {
        format!("{}/{}", self.group, self.direction.word())
    }
}

/// A call that changes a security group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SecurityGroupWrite {
    /// EC2 CreateSecurityGroup. Not idempotent: a second one of the name fails with `InvalidGroup.Duplicate`.
    #[serde(rename = "CreateSecurityGroup")]
    Create(CreateSecurityGroup),
    /// EC2 AuthorizeSecurityGroupIngress or -Egress. One that exists fails with `InvalidPermission.Duplicate`.
    #[serde(rename = "AuthorizeRules")]
    Authorize(ChangeRules),
    /// EC2 RevokeSecurityGroupIngress or -Egress. One that is gone fails with `InvalidPermission.NotFound`.
    #[serde(rename = "RevokeRules")]
    Revoke(ChangeRules),
    /// EC2 DeleteSecurityGroup. Fails with `DependencyViolation` while it is used or referenced.
    #[serde(rename = "DeleteSecurityGroup")]
    Delete {
        /// Which.
        group: SecurityGroupId,
    },
}

impl WriteCall for SecurityGroupWrite {
    fn operation(&self) -> Operation {
        match self {
            Self::Create(_) => Operation::CreateSecurityGroup,
            Self::Authorize(change) => match change.direction {
                Direction::Ingress => Operation::AuthorizeSecurityGroupIngress,
                Direction::Egress => Operation::AuthorizeSecurityGroupEgress,
            },
            Self::Revoke(change) => match change.direction {
                Direction::Ingress => Operation::RevokeSecurityGroupIngress,
                Direction::Egress => Operation::RevokeSecurityGroupEgress,
            },
            Self::Delete { .. } => Operation::DeleteSecurityGroup,
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::Create(_) => Effect::Creates,
            Self::Authorize(_) => Effect::Changes,
            Self::Revoke(_) => Effect::StopsTraffic,
            Self::Delete { .. } => Effect::Destroys,
        }
    }

    fn touches(&self) -> Vec<ResourceId> {
        match self {
            Self::Create(_) => Vec::new(),
            Self::Authorize(change) | Self::Revoke(change) => known(&change.group),
            Self::Delete { group } => vec![ResourceId::SecurityGroup(group.clone())],
        }
    }

    fn refs_mut(&mut self, visit: &mut dyn FnMut(AnyRef<'_>)) {
        let (Self::Authorize(change) | Self::Revoke(change)) = self else { return };
        visit(AnyRef::SecurityGroup(&mut change.group));
        visit_each(&mut change.rules, |rule| {
            if let Peer::Group(group) = &mut rule.peer {
                visit(AnyRef::SecurityGroup(group));
            }
        });
    }

    fn target(&self) -> String {
        match self {
            Self::Create(_) => String::new(),
            Self::Authorize(change) | Self::Revoke(change) => change.group.to_string(),
            Self::Delete { group } => group.to_string(),
        }
    }

    fn created(&self) -> Option<(String, &Tags)> {
        let Self::Create(create) = self else { return None };
        Some((create.name.clone(), &create.tags))
    }

    fn holds_already(&self, code: &str) -> bool {
        match self {
            Self::Create(_) => false,
            Self::Authorize(_) => code == "InvalidPermission.Duplicate",
            Self::Revoke(_) => code == "InvalidPermission.NotFound" || code == "InvalidGroup.NotFound",
            Self::Delete { .. } => code == "InvalidGroup.NotFound",
        }
    }

    fn divisible_into(&self) -> usize {
        // Rules that are revoked are gone already, or go.
        if let Self::Authorize(change) = self { change.rules.len() } else { 1 }
    }

    fn adds_to(&self) -> Option<String> {
        if let Self::Authorize(change) = self { Some(change.set()) } else { None }
    }

    fn releases(&self) -> bool {
        matches!(self, Self::Revoke(_))
    }
}

/// A call that reads security groups.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecurityGroupRead {
    /// EC2 DescribeSecurityGroups.
    Describe {
        /// Filters.
        filters: Vec<Filter>,
        /// Where to go on.
        page: Page,
    },
}

impl ReadCall for SecurityGroupRead {
    fn operation(&self) -> Operation {
        let Self::Describe { .. } = self;
        Operation::DescribeSecurityGroups
    }

    fn target(&self) -> String {
        let Self::Describe { filters, .. } = self;
        Filter::join(filters)
    }
}
