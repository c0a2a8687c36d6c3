//! What a listener or a rule does with a request: it forwards it, redirects it, or answers it by itself.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-action-types.html>. Each has exactly one of these;
//! actions that authenticate a user first are not modelled. What becomes of a request is in [`super::traffic`].

use aws_api::elbv2::ListenerAction;
use aws_api::id::TargetGroupArn;

/// An action, and the place in the order that its caller gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Action {
    pub order: Option<u32>,
    pub does: Does,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Does {
    Forward(Forward),
    Redirect(Redirect),
    Respond(FixedResponse),
}

/// Requests are spread over target groups by their weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Forward {
    pub groups: Vec<(TargetGroupArn, u16)>,
    /// Whether a client stays with the group that it was first sent to.
    pub sticky: bool,
    /// For how many seconds it does.
    pub sticky_seconds: Option<u32>,
}

/// The parts of the new address; what is not given stays as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Redirect {
    pub protocol: String,
    pub port: String,
    pub host: String,
    pub path: String,
    pub query: String,
    pub status: String,
}

/// An answer of the load balancer's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FixedResponse {
    pub status: String,
    pub content_type: Option<String>,
    pub body: Option<String>,
}

impl Action {
    /// Forwards to these groups, without stickiness.
    pub fn forward(groups: Vec<(TargetGroupArn, u16)>) -> Self {
        Self { order: None, does: Does::Forward(Forward { groups, sticky: false, sticky_seconds: None }) }
    }

    /// Answers with that status and nothing else.
    pub fn respond(status: &str) -> Self {
        let response = FixedResponse { status: status.to_owned(), content_type: None, body: None };
        Self { order: None, does: Does::Respond(response) }
    }

    /// As the product reads it.
    pub fn describe(&self) -> ListenerAction {
        match &self.does {
            Does::Forward(forward) => {
                let groups = forward.groups.iter().map(|(arn, weight)| (arn.clone(), u32::from(*weight))).collect();
                ListenerAction::Forward { groups, sticky: forward.sticky }
            }
            Does::Redirect(to) => ListenerAction::Redirect {
                to: format!("{}://{}:{}{}", to.protocol.to_lowercase(), to.host, to.port, to.path),
                status: to.status.clone(),
            },
            Does::Respond(response) => ListenerAction::Respond(response.status.clone()),
        }
    }

    /// The target groups that it forwards to, each with its weight; none: it does something else.
    pub fn groups(&self) -> &[(TargetGroupArn, u16)] {
        match &self.does {
            Does::Forward(forward) => &forward.groups,
            Does::Redirect(_) | Does::Respond(_) => &[],
        }
    }
}
