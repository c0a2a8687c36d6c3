//! A plan: what to do, what was left alone, what is waited for. All of it is data.
//!
//! An action carries its whole request and the proof that what it destroys is ours. Nothing is left to choose when it
//! is executed. [`crate::lint`] checks a plan once more before it is journalled.

use std::collections::BTreeMap;
use std::fmt;

use aws_api::ec2::{InstanceWrite, SecurityGroupWrite};
use aws_api::elbv2::{LoadBalancerWrite, TargetGroupWrite};
use aws_api::id::{InstanceId, LoadBalancerArn, SecurityGroupId, TargetGroupArn};
use aws_api::{ActionId, Write};
use serde::Serialize;

use crate::memory::Entry;
use crate::ownership::Owned;
use crate::reason::{Reason, Why};
use crate::record::Intent;
use crate::status::{Status, Wait};

/// What one pass decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What to do. An action's dependencies stand before it.
    pub actions: Vec<Action>,
    /// What stands in the way of something that is wanted.
    pub blocked: Vec<Why>,
    /// What was seen and is not touched.
    pub left_alone: Vec<LeftAlone>,
    /// What is waited for.
    pub waiting_for: Vec<Wait>,
    /// The status, as this pass's sight has it, before any of the actions.
    pub status: Status,
    /// Intents that are settled: what they made was seen, or they are abandoned by a person's delete.
    pub settled: Vec<Intent>,
    /// What was recognised or lost, to be told as events: resource and why.
    pub noticed: Vec<(String, Why)>,
    /// Whether the teardown is done and the record can go.
    pub torn_down: bool,
}

/// One action.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    /// Its name within the plan; the same thing has the same name in the next plan.
    pub id: ActionId,
    /// What it does.
    pub does: Does,
    /// The id or name of what it is done to, for people.
    pub resource: String,
    /// Why.
    pub why: Why,
    /// Actions that must have succeeded before it. Each stands before it in the plan.
    pub after: Vec<ActionId>,
    /// Entries that its success puts (or removes), for the memory of promise I5.
    pub puts: Vec<(Entry, Option<String>)>,
}

/// What an action does.
#[derive(Debug, Clone, PartialEq)]
pub enum Does {
    /// Creates, by an intent that is stored first (its `write` is not yet resolved).
    Create(Box<Intent>),
    /// Sends an open intent's stored request again, word for word.
    Replay(Box<Intent>),
    /// Changes something in place.
    Change(Box<Write>),
    /// Terminates a member.
    Terminate {
        /// Which.
        member: Owned<InstanceId>,
        /// Whether it is charged to `maxTerminationsPerHour`.
        charged: bool,
    },
    /// Starts the drain of a member that is then terminated; it is marked as leaving before.
    TakeOut {
        /// Which.
        member: Owned<InstanceId>,
        /// Out of which target groups: group, and port that it is registered on.
        targets: BTreeMap<TargetGroupArn, u16>,
    },
    /// Deletes a security group.
    DeleteGroup(Owned<SecurityGroupId>),
    /// Deletes a load balancer, and its listeners with it.
    DeleteLoadBalancer(Owned<LoadBalancerArn>),
    /// Deletes a target group.
    DeleteTargetGroup(Owned<TargetGroupArn>),
}

impl Does {
    /// The calls that it comes to. Their references may still be unresolved.
    pub fn writes(&self) -> Vec<Write> {
        match self {
            Self::Create(intent) | Self::Replay(intent) => vec![intent.write.clone()],
            Self::Change(write) => vec![(**write).clone()],
            Self::Terminate { member, .. } => {
                vec![Write::Instance(InstanceWrite::Terminate { instance: member.id().clone() })]
            }
            Self::TakeOut { member, targets } => targets
                .iter()
                .map(|(group, port)| {
                    Write::TargetGroup(TargetGroupWrite::Deregister {
                        target_group: group.clone(),
                        targets: [(member.id().to_string(), *port)].into(),
                    })
                })
                .collect(),
            Self::DeleteGroup(group) => {
                vec![Write::SecurityGroup(SecurityGroupWrite::Delete { group: group.id().clone() })]
            }
            Self::DeleteLoadBalancer(arn) => {
                vec![Write::LoadBalancer(LoadBalancerWrite::Delete { load_balancer: arn.id().clone() })]
            }
            Self::DeleteTargetGroup(arn) => {
                vec![Write::TargetGroup(TargetGroupWrite::Delete { target_group: arn.id().clone() })]
            }
        }
    }

    /// A word for it, as `plan -o json` prints it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Create(_) => "create",
            Self::Replay(_) => "replay",
            Self::Change(_) => "change",
            Self::Terminate { .. } => "terminate",
            Self::TakeOut { .. } => "takeOut",
            Self::DeleteGroup(_) | Self::DeleteLoadBalancer(_) | Self::DeleteTargetGroup(_) => "delete",
        }
    }

    /// Whether it takes something away that cannot be put back.
    pub fn is_destructive(&self) -> bool {
        match self {
            Self::Create(_) | Self::Replay(_) | Self::Change(_) => false,
            Self::Terminate { .. }
            | Self::TakeOut { .. }
            | Self::DeleteGroup(_)
            | Self::DeleteLoadBalancer(_)
            | Self::DeleteTargetGroup(_) => true,
        }
    }
}

/// Something that was seen and is not touched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct LeftAlone {
    /// Its id or name.
    pub resource: String,
    /// Why, as a word.
    pub reason: Reason,
    /// Why, as a sentence.
    pub message: String,
}

impl Plan {
    /// A plan that does nothing and says so by `status`.
    pub fn nothing(status: Status) -> Self {
        Self {
            actions: Vec::new(),
            blocked: Vec::new(),
            left_alone: Vec::new(),
            waiting_for: Vec::new(),
            status,
            settled: Vec::new(),
            noticed: Vec::new(),
            torn_down: false,
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for action in &self.actions {
            let sign = match action.does {
                Does::Create(_) => '+',
                Does::Replay(_) => '=',
                Does::Change(_) => '~',
                Does::Terminate { .. }
                | Does::TakeOut { .. }
                | Does::DeleteGroup(_)
                | Does::DeleteLoadBalancer(_)
                | Does::DeleteTargetGroup(_) => '-',
            };
            writeln!(f, "{sign} {:<40} {}", action.id.0, action.why)?;
        }
        for left in &self.left_alone {
            writeln!(f, ". {:<40} {}: {}", left.resource, left.reason, left.message)?;
        }
        for wait in &self.waiting_for {
            let until = wait.until.map(|until| format!(" (until {until:.0})")).unwrap_or_default();
            writeln!(f, "? {}{until}", wait.what)?;
        }
        Ok(())
    }
}
