//! What a call is about: the resource that it is done to, what else it names, and what AWS's refusal says of them.
//!
//! A refusal belongs to the resource: what AWS said of one load balancer says nothing of the next one of that name.
//! Never: sends, or decides what follows.

use std::fmt;

use aws_api::{ActionId, Ref, ResourceId, ResourceKind, Write};

use crate::action::{Action, Does};

/// An action and what it is done to: what is counted as one thing that is tried again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attempt {
    /// The action's name within the plan.
    pub action: ActionId,
    /// The id of what it is done to, or what is launched; empty for what makes something that hangs on nothing.
    pub on: String,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.action.fmt(f)
    }
}

/// What counts as one try of `action`.
pub(crate) fn attempt(action: &Action) -> Attempt {
    let on = match &action.does {
        Does::Create(intent) | Does::Replay(intent) => intent.write.target(),
        Does::Change(write) => write.target(),
        Does::Terminate { member, .. } | Does::TakeOut { member, .. } => member.id().to_string(),
        Does::DeleteGroup(group) => group.id().to_string(),
        Does::DeleteLoadBalancer(arn) => arn.id().to_string(),
        Does::DeleteTargetGroup(arn) => arn.id().to_string(),
    };
    Attempt { action: action.id.clone(), on }
}

/// The load balancer or target group that AWS does not know any more, by what it answered to the call, where the call names
/// one of that kind and no other. An instance or a group that was just made is answered for so, too: of those it says
/// nothing.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/eventual-consistency.html>
pub(crate) fn unknown_to_aws(write: &Write, code: &str) -> Option<ResourceId> {
    let kind = aws_api::unknown_kind(code)
        .filter(|kind| matches!(kind, ResourceKind::LoadBalancer | ResourceKind::TargetGroup))?;
    match write.named(kind).as_slice() {
        [Ref::Id(id)] => Some(id.clone()),
        // Of two it is not said which.
        _ => None,
    }
}

/// Whether AWS refused the call only because it does not know everywhere yet what was just made: the refusal names a kind of
/// thing, and the call names a new one of that kind.
/// <https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html>
pub(crate) fn lags(write: &Write, code: &str, is_new: impl Fn(&str) -> bool) -> bool {
    let Some(kind) = aws_api::unknown_kind(code) else { return false };
    write.named(kind).iter().any(|named| match named {
        Ref::Id(id) => is_new(id.as_str()),
        Ref::Made(_) => true,
    })
}
