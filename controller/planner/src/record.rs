//! The record, as the planner reads it: the spec in force, the wish to delete, the status, the open intents.
//!
//! `engine` builds it from the table's items. The planner never sees an item.

use std::fmt;

use aws_api::Write;
use aws_api::id::{IntentId, SecurityGroupId};
use crds_schema::Spec;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::status::{NetworkStatus, Status};

/// One environment's record.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// `metadata.name`.
    pub name: String,
    /// What the stored SPEC is.
    pub stored: Stored,
    /// Number of the stored edit.
    pub generation: u64,
    /// Hash of the stored SPEC; empty when it is missing.
    pub spec_hash: String,
    /// The spec in force: the stored one, or the last valid one; `None` when there never was a valid one.
    pub spec: Option<Spec>,
    /// Number of the edit that is in force; 0 when there is none.
    pub revision: u64,
    /// The last good revision, where that is another than the one in force.
    pub good: Option<Good>,
    /// Whether it is to be deleted.
    pub deleting: bool,
    /// What was last written of it.
    pub status: Status,
    /// Open intents.
    pub intents: Vec<Intent>,
}

/// A revision before the one in force, whose members became healthy: what is broken is replaced from it while the members
/// that the one in force wants cannot be had.
#[derive(Debug, Clone, PartialEq)]
pub struct Good {
    /// Its number.
    pub revision: u64,
    /// Its spec.
    pub spec: Spec,
}

/// What the stored SPEC is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// Valid, so it is the one in force.
    Valid,
    /// Faulty: what is wrong, a line for each field.
    Invalid(Vec<String>),
    /// Valid by itself, but it asks for another of what is fixed, so that the last valid one stays in force whole: a line
    /// for each field.
    Refused(Vec<String>),
    /// Not there.
    Missing,
}

/// A create call that was, or will be, sent: stored before it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    /// Its id: the `understudy:intent` tag and, for an instance, the client token.
    pub id: IntentId,
    /// What it makes.
    pub makes: Makes,
    /// The whole request, every id in it known.
    pub write: Write,
    /// When it was first stored, by the controller's clock.
    pub created_at: Timestamp,
    /// Number of the revision that wanted it.
    pub revision: u64,
}

/// What an intent makes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Makes {
    /// One of the two security groups.
    Group(GroupRole),
    /// The load balancer.
    LoadBalancer,
    /// The target group of that name.
    TargetGroup {
        /// Its name.
        name: String,
        /// The service that it serves.
        service: String,
        /// Its port.
        port: u16,
    },
    /// The listener on that port.
    Listener {
        /// Its port.
        port: u16,
    },
    /// A member.
    Member {
        /// Its number.
        slot: u32,
        /// Hash of the part of the spec that it is launched from.
        template: String,
    },
}

impl Makes {
    /// Whether only its name keeps a second sending from making another: once the first one's is deleted, it does. A
    /// launch has its token, and a listener is ours whichever sending made it.
    pub fn by_name(&self) -> bool {
        match self {
            Self::Group(_) | Self::LoadBalancer | Self::TargetGroup { .. } => true,
            Self::Listener { .. } | Self::Member { .. } => false,
        }
    }
}

impl fmt::Display for Makes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(GroupRole::LoadBalancer) => write!(f, "the load balancer's security group"),
            Self::Group(GroupRole::Instances) => write!(f, "the instances' security group"),
            Self::LoadBalancer => write!(f, "the load balancer"),
            Self::TargetGroup { name, .. } => write!(f, "target group {name}"),
            Self::Listener { port } => write!(f, "the listener on port {port}"),
            Self::Member { slot, .. } => write!(f, "member {slot}"),
        }
    }
}

/// Which of the two security groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum GroupRole {
    /// The load balancer's.
    LoadBalancer,
    /// The instances'.
    Instances,
}

impl GroupRole {
    /// Both, the load balancer's first, since the instances' refers to it.
    pub const BOTH: [Self; 2] = [Self::LoadBalancer, Self::Instances];

    /// A word for it, as action ids use it.
    pub fn word(self) -> &'static str {
        match self {
            Self::LoadBalancer => "load-balancer",
            Self::Instances => "instances",
        }
    }

    /// The recorded id of it.
    pub fn recorded(self, status: &Status) -> Option<&SecurityGroupId> {
        match self {
            Self::LoadBalancer => status.security_groups.load_balancer.as_ref(),
            Self::Instances => status.security_groups.instances.as_ref(),
        }
    }

    /// The place of its recorded id.
    pub fn recorded_mut(self, status: &mut Status) -> &mut Option<SecurityGroupId> {
        match self {
            Self::LoadBalancer => &mut status.security_groups.load_balancer,
            Self::Instances => &mut status.security_groups.instances,
        }
    }
}

impl Record {
    /// The network that it stands in, as long as anything of it exists or may exist.
    pub fn pinned(&self) -> Option<&NetworkStatus> {
        self.status.pinned(!self.intents.is_empty())
    }

    /// The region that it stands in; before it stands anywhere, the one that its spec names. What exists is looked for,
    /// and torn down, where it was made, whatever the spec or the controller's own region say by now.
    pub fn region<'a>(&'a self, default: &'a str) -> &'a str {
        let pinned = self.pinned().and_then(|network| network.region.as_deref());
        let wanted = self.spec.as_ref().and_then(|spec| spec.region.as_deref());
        pinned.or(wanted).unwrap_or(default)
    }

    /// The open intent of that id.
    pub fn intent(&self, id: &str) -> Option<&Intent> {
        self.intents.iter().find(|intent| intent.id.as_str() == id)
    }
}
