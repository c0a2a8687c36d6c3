//! Listeners, what they do with requests, and the calls about them.
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-listeners.html>

use std::collections::BTreeSet;
use std::fmt;

use crds_schema::spec::Protocol;
use serde::{Deserialize, Serialize};

use crate::id::{ListenerArn, LoadBalancerArn, TargetGroupArn};
use crate::reference::{AnyRef, Ref, ResourceId, known};
use crate::{Effect, Operation, Page, ReadCall, Tags, WriteCall};

/// A listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Its ARN.
    pub arn: ListenerArn,
    /// Its load balancer.
    pub load_balancer: LoadBalancerArn,
    /// Its port.
    pub port: u16,
    /// `HTTP`, `HTTPS` or another.
    pub protocol: String,
    /// The target group that all requests are forwarded to, if that is all that it does. A second group of weight 0
    /// does not count, it stands in `warms`; anything else (two weights, redirect, fixed response) makes this `None`.
    pub forwards_to: Option<TargetGroupArn>,
    /// A second target group in the forward action, with weight 0: it takes no requests, but its targets are
    /// health-checked, since it is in use. So a new group is made healthy before the listener is moved to it.
    pub warms: Option<TargetGroupArn>,
    /// All that it does with a request that meets no rule, in order.
    pub actions: Vec<ListenerAction>,
}

impl Listener {
    /// Every target group that its default action names, whatever the weight.
    pub fn groups(&self) -> BTreeSet<&TargetGroupArn> {
        let named = self.actions.iter().flat_map(ListenerAction::groups);
        self.forwards_to.iter().chain(&self.warms).chain(named).collect()
    }
}

/// One action of a listener or a rule.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Action.html>
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenerAction {
    /// Forwards to target groups.
    Forward {
        /// Which, each with its weight; a weight of 0 takes no requests and is in use all the same.
        groups: Vec<(TargetGroupArn, u32)>,
        /// Whether a client stays with the group that it was first sent to.
        sticky: bool,
    },
    /// Redirects, to that address by that status code.
    Redirect {
        /// The address, with AWS's placeholders.
        to: String,
        /// `HTTP_301` or `HTTP_302`.
        status: String,
    },
    /// Answers with that status code itself.
    Respond(String),
    /// Anything else, by AWS's name of it, such as `authenticate-oidc`.
    Other(String),
}

impl ListenerAction {
    /// The target groups that it names, those of weight 0 too.
    pub fn groups(&self) -> impl Iterator<Item = &TargetGroupArn> {
        let named: &[(TargetGroupArn, u32)] = match self {
            Self::Forward { groups, .. } => groups,
            Self::Redirect { .. } | Self::Respond(_) | Self::Other(_) => &[],
        };
        named.iter().map(|(arn, _)| arn)
    }
}

/// Actions in words, in their order.
pub fn action_words(actions: &[ListenerAction]) -> String {
    match actions {
        [] => "nothing".to_owned(),
        actions => actions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", then "),
    }
}

/// A target group for people: its name, which is part of its ARN.
fn short(arn: &TargetGroupArn) -> &str {
    let name = arn.as_str().split_once(":targetgroup/").and_then(|(_, rest)| rest.split('/').next());
    name.unwrap_or(arn.as_str())
}

impl fmt::Display for ListenerAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forward { groups, sticky } => {
                let words: Vec<String> = match groups.as_slice() {
                    [(one, _)] => vec![short(one).to_owned()],
                    all => all.iter().map(|(arn, weight)| format!("{} (weight {weight})", short(arn))).collect(),
                };
                write!(f, "forward to {}{}", words.join(", "), if *sticky { ", sticky" } else { "" })
            }
            Self::Redirect { to, status } => write!(f, "redirect to {to} ({status})"),
            Self::Respond(status) => write!(f, "fixed response {status}"),
            Self::Other(kind) => f.write_str(kind),
        }
    }
}

/// ELBv2 CreateListener that forwards to one target group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateListener {
    /// On which load balancer.
    pub load_balancer: Ref<LoadBalancerArn>,
    /// Protocol.
    pub protocol: Protocol,
    /// Port.
    pub port: u16,
    /// Where it forwards.
    pub forward_to: Ref<TargetGroupArn>,
    /// Tags, set in the same call.
    pub tags: Tags,
}

/// A call that changes a listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ListenerWrite {
    /// ELBv2 CreateListener. A second one on the port fails with `DuplicateListener`.
    #[serde(rename = "CreateListener")]
    Create(CreateListener),
    /// ELBv2 ModifyListener. Idempotent.
    #[serde(rename = "SetListener")]
    Modify {
        /// Which.
        listener: ListenerArn,
        /// Protocol from now on.
        protocol: Protocol,
        /// Where it forwards from now on (weight 1 where `warm` stands beside it).
        forward_to: Ref<TargetGroupArn>,
        /// A group that is added with weight 0, so that its targets are health-checked before they are needed.
        warm: Option<Ref<TargetGroupArn>>,
    },
    /// ELBv2 DeleteListener. Idempotent.
    #[serde(rename = "DeleteListener")]
    Delete {
        /// Which.
        listener: ListenerArn,
    },
}

impl WriteCall for ListenerWrite {
    fn operation(&self) -> Operation {
        match self {
            Self::Create(_) => Operation::CreateListener,
            Self::Modify { .. } => Operation::ModifyListener,
            Self::Delete { .. } => Operation::DeleteListener,
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::Create(_) => Effect::Creates,
            Self::Modify { .. } | Self::Delete { .. } => Effect::StopsTraffic,
        }
    }

    fn touches(&self) -> Vec<ResourceId> {
        match self {
            // It becomes an entry of its load balancer.
            Self::Create(create) => known(&create.load_balancer),
            Self::Modify { listener, .. } | Self::Delete { listener } => vec![ResourceId::Listener(listener.clone())],
        }
    }

    fn refs_mut(&mut self, visit: &mut dyn FnMut(AnyRef<'_>)) {
        match self {
            Self::Create(create) => {
                visit(AnyRef::LoadBalancer(&mut create.load_balancer));
                visit(AnyRef::TargetGroup(&mut create.forward_to));
            }
            Self::Modify { forward_to, warm, .. } => {
                visit(AnyRef::TargetGroup(forward_to));
                warm.iter_mut().for_each(|warm| visit(AnyRef::TargetGroup(warm)));
            }
            Self::Delete { .. } => {}
        }
    }

    fn target(&self) -> String {
        match self {
            Self::Create(create) => create.load_balancer.to_string(),
            Self::Modify { listener, .. } | Self::Delete { listener } => listener.to_string(),
        }
    }

    fn created(&self) -> Option<(String, &Tags)> {
        let Self::Create(create) = self else { return None };
        Some((format!("{} {}", create.load_balancer, create.port), &create.tags))
    }

    fn holds_already(&self, code: &str) -> bool {
        matches!(self, Self::Delete { .. }) && code == "ListenerNotFound"
    }

    fn adds_to(&self) -> Option<String> {
        if let Self::Create(create) = self { Some(format!("{}/listeners", create.load_balancer)) } else { None }
    }

    fn releases(&self) -> bool {
        matches!(self, Self::Modify { .. } | Self::Delete { .. })
    }
}

/// A call that reads listeners.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ListenerRead {
    /// ELBv2 DescribeListeners.
    Describe {
        /// Of which.
        load_balancer: LoadBalancerArn,
        /// Where to go on.
        page: Page,
    },
}

impl ReadCall for ListenerRead {
    fn operation(&self) -> Operation {
        let Self::Describe { .. } = self;
        Operation::DescribeListeners
    }

    fn target(&self) -> String {
        let Self::Describe { load_balancer, .. } = self;
        load_balancer.to_string()
    }
}
