//! What listeners and their rules do with requests, as AWS describes it.
//!
//! Read in words and in target groups only: the record names no rules yet, so that nothing here is ever sent.

use std::collections::BTreeSet;
use std::fmt;

use super::Listener;
use crate::id::{RuleArn, TargetGroupArn};

/// A rule of a listener besides its default one.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Rule.html>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerRule {
    /// Its ARN.
    pub arn: RuleArn,
    /// Its place in the order of evaluation: the lowest comes first.
    pub priority: u32,
    /// What a request must be like, in words such as `path-pattern /admin/*`. All must hold.
    pub conditions: Vec<String>,
    /// What is done with such a request.
    pub actions: Vec<ListenerAction>,
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

impl ListenerRule {
    /// Whether it uses that target group.
    pub fn uses(&self, group: &TargetGroupArn) -> bool {
        self.actions.iter().flat_map(ListenerAction::groups).any(|arn| arn == group)
    }

    /// What it applies to, in words.
    pub fn applies_to(&self) -> String {
        if self.conditions.is_empty() { "every request".to_owned() } else { self.conditions.join(" and ") }
    }
}

impl Listener {
    /// Every target group that its default action names, whatever the weight.
    pub fn groups(&self) -> BTreeSet<&TargetGroupArn> {
        let named = self.actions.iter().flat_map(ListenerAction::groups);
        self.forwards_to.iter().chain(&self.warms).chain(named).collect()
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
