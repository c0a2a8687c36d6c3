//! What came of an action, in terms that the planner can conclude from.
//!
//! `engine` fills these in from AWS's replies. Which failure counts as done is decided here, in one table.

use std::collections::BTreeMap;
use std::fmt;

use crate::request::{ActionId, Made, Write};

/// What kind of failure it was. `engine` derives it from AWS's error code in one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorKind {
    /// Too many calls; try later, more slowly.
    Throttled,
    /// Something else uses it, or it changed meanwhile; try again after looking.
    Conflict,
    /// It does not exist, or is not visible yet.
    NotFound,
    /// It exists already.
    Exists,
    /// AWS has no room: capacity, or a quota.
    Capacity,
    /// Credentials or permissions.
    Denied,
    /// The request is wrong; the same one will fail again.
    Invalid,
    /// It may have worked, and may work when tried again.
    Transient,
    /// Ours: a reply that makes no sense, or a request that was not ready to be sent.
    Bug,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Throttled => "throttled",
            Self::Conflict => "conflict",
            Self::NotFound => "not found",
            Self::Exists => "exists already",
            Self::Capacity => "no capacity",
            Self::Denied => "denied",
            Self::Invalid => "invalid",
            Self::Transient => "transient",
            Self::Bug => "bug",
        })
    }
}

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// AWS's name of the call, such as `RunInstances`.
    pub operation: String,
    /// The IAM action that it needs, such as `ec2:RunInstances`.
    pub iam_action: String,
    /// What kind of failure it was.
    pub kind: ErrorKind,
    /// AWS's error code, if there was one.
    pub code: Option<String>,
    /// AWS's words.
    pub message: String,
    /// Whether AWS certainly did nothing.
    pub definite: bool,
}

/// What came of one action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// All of its calls succeeded; a create call made this.
    Done(Option<Made>),
    /// One of its calls failed; those before it may have succeeded.
    Failed(Fault),
    /// It was not tried: an action that it depends on failed, or time ran out.
    NotTried(String),
}

/// What came of each action of a plan.
pub type Outcomes = BTreeMap<ActionId, Outcome>;

/// Whether a failure of this call says that what it was for holds already.
pub fn holds_already(write: &Write, code: &str) -> bool {
    match write {
        Write::AuthorizeRules(_) => code == "InvalidPermission.Duplicate",
        Write::RevokeRules(_) => code == "InvalidPermission.NotFound" || code == "InvalidGroup.NotFound",
        Write::DeleteSecurityGroup { .. } => code == "InvalidGroup.NotFound",
        // NotFound after a launch may only mean that it is not visible yet, so it proves nothing for TerminateInstances.
        Write::DeleteLoadBalancer { .. } => code == "LoadBalancerNotFound",
        Write::DeleteTargetGroup { .. } => code == "TargetGroupNotFound",
        Write::DeleteListener { .. } => code == "ListenerNotFound",
        Write::DeregisterTargets { .. } => code == "TargetGroupNotFound" || code == "InvalidTarget",
        Write::CreateSecurityGroup(_)
        | Write::RunInstances(_)
        | Write::TerminateInstances { .. }
        | Write::SetInstanceGroups { .. }
        | Write::SetMetadataOptions { .. }
        | Write::ChangeProfile { .. }
        | Write::CreateTags { .. }
        | Write::DeleteTags { .. }
        | Write::CreateLoadBalancer(_)
        | Write::SetLoadBalancerAttributes { .. }
        | Write::SetSubnets { .. }
        | Write::SetLoadBalancerGroups { .. }
        | Write::CreateTargetGroup(_)
        | Write::SetHealthCheck { .. }
        | Write::SetTargetGroupAttributes { .. }
        | Write::RegisterTargets { .. }
        | Write::CreateListener(_)
        | Write::SetListener { .. }
        | Write::AddTags { .. }
        | Write::RemoveTags { .. } => false,
    }
}
