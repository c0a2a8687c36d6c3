//! Actions of listeners and rules, as a call gives them and as an answer shows them.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Action.html>

use aws_api::id::TargetGroupArn;
use serde::{Deserialize, Serialize};

use super::common::target_group;
use crate::cloud::actions::{Action, Does, FixedResponse, Forward, Redirect};
use crate::cloud::world::{Outcome, refuse};

/// "Target Groups per Action per Application Load Balancer".
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html>
pub(super) const GROUPS_MAX: usize = 5;
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupTuple.html>
const WEIGHT_MAX: u16 = 999;
/// Seven days.
const STICKY_SECONDS_MAX: u32 = 604_800;
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_FixedResponseActionConfig.html>
const CONTENT_TYPES: [&str; 5] = ["text/plain", "text/css", "text/html", "application/javascript", "application/json"];

/// An action. Which of its parts it has depends on its type.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ActionItem {
    #[serde(rename = "Type")]
    kind: String,
    target_group_arn: Option<String>,
    order: Option<u32>,
    redirect_config: Option<RedirectConfig>,
    fixed_response_config: Option<FixedResponseConfig>,
    forward_config: Option<ForwardConfig>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RedirectConfig {
    protocol: Option<String>,
    port: Option<String>,
    host: Option<String>,
    path: Option<String>,
    query: Option<String>,
    status_code: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FixedResponseConfig {
    message_body: Option<String>,
    status_code: String,
    content_type: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ForwardConfig {
    #[serde(default)]
    target_groups: Vec<TargetGroupTuple>,
    target_group_stickiness_config: Option<StickinessConfig>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TargetGroupTuple {
    target_group_arn: String,
    weight: Option<u16>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StickinessConfig {
    enabled: Option<bool>,
    duration_seconds: Option<u32>,
}

/// The action of a listener or a rule: "exactly one" of those that are modelled.
pub(super) fn read(given: &[ActionItem]) -> Outcome<Action> {
    let item = match given {
        [item] => item,
        [] => return refuse("ValidationError", "An action must be specified"),
        [_, ..] => {
            let message = "A rule must have exactly one action of type forward, redirect or fixed-response";
            return refuse("InvalidLoadBalancerAction", message);
        }
    };
    if let Some(order) = item.order.filter(|order| !(1..=50_000).contains(order)) {
        return invalid(format!("Action order '{order}' must be between 1 and 50000"));
    }
    let is_forward = item.forward_config.is_some() || item.target_group_arn.is_some();
    let does = match (item.kind.as_str(), is_forward, &item.redirect_config, &item.fixed_response_config) {
        ("forward", true, None, None) => Does::Forward(forward(item)?),
        ("redirect", false, Some(config), None) => Does::Redirect(redirect(config)?),
        ("fixed-response", false, None, Some(config)) => Does::Respond(respond(config)?),
        (kind @ ("forward" | "redirect" | "fixed-response"), _, _, _) => {
            return invalid(format!("An action of type '{kind}' must have its own configuration and no other"));
        }
        (kind, _, _, _) => return invalid(format!("actions of type '{kind}' are not modelled")),
    };
    Ok(Action { order: item.order, does })
}

/// "If you specify both ForwardConfig and TargetGroupArn, you can specify only one target group using ForwardConfig and it must be the
/// same target group specified in TargetGroupArn."
fn forward(item: &ActionItem) -> Outcome<Forward> {
    let one = item.target_group_arn.as_deref().map(target_group).transpose()?;
    let Some(config) = &item.forward_config else {
        let groups = one.into_iter().map(|arn| (arn, 1)).collect();
        return Ok(Forward { groups, sticky: false, sticky_seconds: None });
    };
    let groups = weighted(&config.target_groups)?;
    if let Some(one) = one
        && !matches!(groups.as_slice(), [(same, _)] if *same == one)
    {
        return invalid("ForwardConfig must name the target group of TargetGroupArn and no other".into());
    }
    let (sticky, sticky_seconds) = match &config.target_group_stickiness_config {
        Some(sticky) => (sticky.enabled.unwrap_or(false), sticky.duration_seconds),
        None => (false, None),
    };
    if sticky && sticky_seconds.is_none() {
        return invalid("DurationSeconds must be specified when target group stickiness is enabled".into());
    }
    if let Some(seconds) = sticky_seconds.filter(|seconds| !(1..=STICKY_SECONDS_MAX).contains(seconds)) {
        return invalid(format!("Stickiness duration '{seconds}' must be between 1 and {STICKY_SECONDS_MAX}"));
    }
    Ok(Forward { groups, sticky, sticky_seconds })
}

/// "If you specify multiple target groups for a forward action, you must specify a weight for each target group."
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-action-types.html#forward-actions>
fn weighted(given: &[TargetGroupTuple]) -> Outcome<Vec<(TargetGroupArn, u16)>> {
    if given.is_empty() || given.len() > GROUPS_MAX {
        return invalid(format!("A forward action must have 1 to {GROUPS_MAX} target groups"));
    }
    let mut groups: Vec<(TargetGroupArn, u16)> = Vec::new();
    for tuple in given {
        let arn = target_group(&tuple.target_group_arn)?;
        let weight = match tuple.weight {
            Some(weight) if weight <= WEIGHT_MAX => weight,
            Some(weight) => {
                return invalid(format!("Target group weight '{weight}' must be between 0 and {WEIGHT_MAX}"));
            }
            None if given.len() == 1 => 1,
            None => return invalid("A weight must be specified for each of several target groups".into()),
        };
        if groups.iter().any(|(other, _)| *other == arn) {
            return invalid(format!("Target group '{arn}' is named twice"));
        }
        groups.push((arn, weight));
    }
    Ok(groups)
}

/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RedirectActionConfig.html>
fn redirect(config: &RedirectConfig) -> Outcome<Redirect> {
    let or = |given: &Option<String>, kept: &str| given.clone().unwrap_or_else(|| kept.to_owned());
    let redirect = Redirect {
        protocol: or(&config.protocol, "#{protocol}"),
        port: or(&config.port, "#{port}"),
        host: or(&config.host, "#{host}"),
        path: or(&config.path, "/#{path}"),
        query: or(&config.query, "#{query}"),
        status: config.status_code.clone(),
    };
    if !matches!(redirect.protocol.as_str(), "HTTP" | "HTTPS" | "#{protocol}") {
        return invalid(format!("Redirect protocol '{}' must be HTTP, HTTPS or #{{protocol}}", redirect.protocol));
    }
    if redirect.port != "#{port}" && !redirect.port.parse::<u16>().is_ok_and(|port| port > 0) {
        return invalid(format!("Redirect port '{}' must be a port or #{{port}}", redirect.port));
    }
    if !redirect.path.starts_with('/') || !matches!(redirect.status.as_str(), "HTTP_301" | "HTTP_302") {
        return invalid("A redirect's path must begin with '/', and its status code be HTTP_301 or HTTP_302".into());
    }
    if redirect.host.is_empty() || [&redirect.host, &redirect.path, &redirect.query].iter().any(|part| part.len() > 128)
    {
        return invalid("A redirect's host must not be empty, and no part of it longer than 128 characters".into());
    }
    // "You must modify at least one of the following components to avoid a redirect loop: protocol, port, hostname or path."
    // <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-action-types.html#redirect-actions>
    let kept = [("#{protocol}", &redirect.protocol), ("#{port}", &redirect.port), ("#{host}", &redirect.host)];
    if kept.iter().all(|(kept, part)| kept == part) && redirect.path == "/#{path}" {
        let message = "The redirect configuration is not valid because it creates a loop";
        return refuse("InvalidLoadBalancerAction", message);
    }
    Ok(redirect)
}

/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_FixedResponseActionConfig.html>
fn respond(config: &FixedResponseConfig) -> Outcome<FixedResponse> {
    let status = &config.status_code;
    if status.len() != 3 || !status.starts_with(['2', '4', '5']) || !status.chars().all(|c| c.is_ascii_digit()) {
        return invalid(format!("Fixed response status code '{status}' must be 2XX, 4XX or 5XX"));
    }
    if let Some(other) = config.content_type.as_deref().filter(|kind| !CONTENT_TYPES.contains(kind)) {
        return invalid(format!("Fixed response content type '{other}' must be one of {}", CONTENT_TYPES.join(", ")));
    }
    if config.message_body.as_deref().is_some_and(|body| body.chars().count() > 1024) {
        return invalid("Fixed response message body must have at most 1024 characters".into());
    }
    let (content_type, body) = (config.content_type.clone(), config.message_body.clone());
    Ok(FixedResponse { status: status.clone(), content_type, body })
}

/// A forward to one group is shown in both ways.
pub(super) fn show(action: &Action) -> Vec<ActionItem> {
    let item = ActionItem { order: action.order, ..ActionItem::default() };
    let item = match &action.does {
        Does::Forward(forward) => {
            let only = if let [(arn, _)] = forward.groups.as_slice() { Some(arn.to_string()) } else { None };
            let tuple = |(arn, weight): &(TargetGroupArn, u16)| TargetGroupTuple {
                target_group_arn: arn.to_string(),
                weight: Some(*weight),
            };
            let sticky = StickinessConfig { enabled: Some(forward.sticky), duration_seconds: forward.sticky_seconds };
            let config = ForwardConfig {
                target_groups: forward.groups.iter().map(tuple).collect(),
                target_group_stickiness_config: Some(sticky),
            };
            ActionItem { kind: "forward".into(), target_group_arn: only, forward_config: Some(config), ..item }
        }
        Does::Redirect(to) => {
            let config = RedirectConfig {
                protocol: Some(to.protocol.clone()),
                port: Some(to.port.clone()),
                host: Some(to.host.clone()),
                path: Some(to.path.clone()),
                query: Some(to.query.clone()),
                status_code: to.status.clone(),
            };
            ActionItem { kind: "redirect".into(), redirect_config: Some(config), ..item }
        }
        Does::Respond(response) => {
            let config = FixedResponseConfig {
                message_body: response.body.clone(),
                status_code: response.status.clone(),
                content_type: response.content_type.clone(),
            };
            ActionItem { kind: "fixed-response".into(), fixed_response_config: Some(config), ..item }
        }
    };
    vec![item]
}

fn invalid<T>(message: String) -> Outcome<T> {
    refuse("ValidationError", message)
}
