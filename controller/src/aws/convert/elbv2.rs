//! What ELBv2 replies, as ours.
//!
//! Never: calls a listener a plain forward that does more than that, or one tag set by another's ARN.

use std::collections::BTreeMap;

use aws_api::Tags;
use aws_api::elbv2::{
    ElbTaggable, Listener, ListenerAction, ListenerRule, LoadBalancer, LoadBalancerState, Target, TargetGroup,
    TargetHealth, TargetHealthCheck,
};
use aws_api::id::{TargetGroupArn, Zone};
use aws_sdk_elasticloadbalancingv2::types as sdk;
use crds_schema::spec::{Protocol, Scheme};

use super::{Read, Unreadable, each, id, id_if_any, need, need_text, number, text};

pub(in crate::aws) fn load_balancer(balancer: &sdk::LoadBalancer) -> Read<LoadBalancer> {
    let zones = balancer.availability_zones().iter();
    let subnets =
        zones.map(|zone| Ok((Zone(need_text(zone.zone_name(), "ZoneName")?), id(zone.subnet_id(), "SubnetId")?)));
    let groups = balancer.security_groups().iter().map(|group| id(Some(group), "SecurityGroups"));
    Ok(LoadBalancer {
        arn: id(balancer.load_balancer_arn(), "LoadBalancerArn")?,
        name: need_text(balancer.load_balancer_name(), "LoadBalancerName")?,
        dns_name: need_text(balancer.dns_name(), "DNSName")?,
        hosted_zone_id: text(balancer.canonical_hosted_zone_id()),
        scheme: scheme(balancer.scheme())?,
        vpc: id(balancer.vpc_id(), "VpcId")?,
        state: load_balancer_state(balancer)?,
        subnets: subnets.collect::<Read<_>>()?,
        groups: groups.collect::<Read<_>>()?,
    })
}

/// Internet-facing is the default of CreateLoadBalancer; some emulators leave it out.
fn scheme(scheme: Option<&sdk::LoadBalancerSchemeEnum>) -> Read<Scheme> {
    match scheme.map(|scheme| scheme.as_str()) {
        None | Some("internet-facing") => Ok(Scheme::InternetFacing),
        Some("internal") => Ok(Scheme::Internal),
        Some(other) => Err(Unreadable::strange("Scheme", other)),
    }
}

pub(in crate::aws) fn sdk_scheme(scheme: Scheme) -> sdk::LoadBalancerSchemeEnum {
    match scheme {
        Scheme::InternetFacing => sdk::LoadBalancerSchemeEnum::InternetFacing,
        Scheme::Internal => sdk::LoadBalancerSchemeEnum::Internal,
    }
}

fn load_balancer_state(balancer: &sdk::LoadBalancer) -> Read<LoadBalancerState> {
    let code = need(balancer.state().and_then(|state| state.code()), "State")?.as_str();
    LoadBalancerState::from_aws(code).ok_or_else(|| Unreadable::strange("State", code))
}

pub(in crate::aws) fn sdk_protocol(protocol: Protocol) -> sdk::ProtocolEnum {
    match protocol {
        Protocol::Http => sdk::ProtocolEnum::Http,
        Protocol::Https => sdk::ProtocolEnum::Https,
    }
}

pub(in crate::aws) fn target_group(group: &sdk::TargetGroup) -> Read<TargetGroup> {
    Ok(TargetGroup {
        arn: id(group.target_group_arn(), "TargetGroupArn")?,
        name: need_text(group.target_group_name(), "TargetGroupName")?,
        protocol: group.protocol().and_then(protocol),
        port: group.port().map(|port| number(port, "Port")).transpose()?,
        vpc: id_if_any(group.vpc_id(), "VpcId")?,
        health_check: health_check(group)?,
        load_balancers: group
            .load_balancer_arns()
            .iter()
            .map(|arn| id(Some(arn), "LoadBalancerArns"))
            .collect::<Read<_>>()?,
    })
}

/// The protocol, if it is one that a group of ours can have.
fn protocol(protocol: &sdk::ProtocolEnum) -> Option<Protocol> {
    match protocol.as_str() {
        "HTTP" => Some(Protocol::Http),
        "HTTPS" => Some(Protocol::Https),
        _ => None,
    }
}

/// The health check; what is left out has the default of a group of instances over HTTP.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html>
fn health_check(group: &sdk::TargetGroup) -> Read<TargetHealthCheck> {
    let protocol = group.health_check_protocol().map_or("HTTP", |protocol| protocol.as_str());
    // A check by TCP has neither a path nor codes.
    let by_http = protocol.starts_with("HTTP");
    let or = |given: Option<&str>, default: &str| {
        text(given).unwrap_or_else(|| if by_http { default } else { "" }.to_owned())
    };
    let codes = group.matcher().and_then(|matcher| matcher.http_code().or(matcher.grpc_code()));
    Ok(TargetHealthCheck {
        protocol: protocol.to_owned(),
        port: text(group.health_check_port()).unwrap_or_else(|| "traffic-port".to_owned()),
        path: or(group.health_check_path(), "/"),
        interval_secs: number(group.health_check_interval_seconds().unwrap_or(30), "HealthCheckIntervalSeconds")?,
        timeout_secs: number(group.health_check_timeout_seconds().unwrap_or(5), "HealthCheckTimeoutSeconds")?,
        healthy_threshold: number(group.healthy_threshold_count().unwrap_or(5), "HealthyThresholdCount")?,
        unhealthy_threshold: number(group.unhealthy_threshold_count().unwrap_or(2), "UnhealthyThresholdCount")?,
        matcher: or(codes, "200"),
    })
}

pub(in crate::aws) fn attributes<'a>(
    pairs: impl Iterator<Item = (Option<&'a str>, Option<&'a str>)>,
) -> Read<BTreeMap<String, String>> {
    pairs.map(|(key, value)| Ok((need_text(key, "attribute's key")?, value.unwrap_or_default().to_owned()))).collect()
}

pub(in crate::aws) fn listener(listener: &sdk::Listener) -> Read<Listener> {
    let (forwards_to, warms) = forwards(listener.default_actions())?;
    Ok(Listener {
        arn: id(listener.listener_arn(), "ListenerArn")?,
        load_balancer: id(listener.load_balancer_arn(), "LoadBalancerArn")?,
        port: number(need(listener.port(), "Port")?, "Port")?,
        protocol: need(listener.protocol(), "Protocol")?.as_str().to_owned(),
        forwards_to,
        warms,
        actions: actions(listener.default_actions())?,
    })
}

/// The group that takes all requests and the one beside it that takes none, if forwarding so is all that is done.
/// AWS shows a single group twice: as the action's own and as the one entry of its forward configuration.
fn forwards(actions: &[sdk::Action]) -> Read<(Option<TargetGroupArn>, Option<TargetGroupArn>)> {
    const OTHERWISE: (Option<TargetGroupArn>, Option<TargetGroupArn>) = (None, None);
    let [action] = actions else { return Ok(OTHERWISE) };
    if action.r#type() != Some(&sdk::ActionTypeEnum::Forward) {
        return Ok(OTHERWISE);
    }
    let config = action.forward_config();
    let sticky = config.and_then(|config| config.target_group_stickiness_config()).and_then(|sticky| sticky.enabled());
    if sticky == Some(true) {
        return Ok(OTHERWISE);
    }
    let groups = config.map(|config| config.target_groups()).unwrap_or_default();
    if groups.is_empty() {
        return Ok((id_if_any(action.target_group_arn(), "TargetGroupArn")?, None));
    }
    let (idle, taking): (Vec<_>, Vec<_>) = groups.iter().partition(|group| group.weight() == Some(0));
    let arn = |group: &sdk::TargetGroupTuple| id(group.target_group_arn(), "TargetGroupArn");
    match (taking.as_slice(), idle.as_slice()) {
        ([taking], []) => Ok((Some(arn(taking)?), None)),
        ([taking], [idle]) => Ok((Some(arn(taking)?), Some(arn(idle)?))),
        _ => Ok(OTHERWISE),
    }
}

/// A rule that is not the default one, whose priority would be `default`.
pub(in crate::aws) fn rule(rule: &sdk::Rule) -> Read<ListenerRule> {
    let priority = need_text(rule.priority(), "Priority")?;
    Ok(ListenerRule {
        arn: id(rule.rule_arn(), "RuleArn")?,
        priority: priority.parse().map_err(|_| Unreadable::strange("Priority", &priority))?,
        conditions: rule.conditions().iter().map(condition_words).collect(),
        actions: actions(rule.actions())?,
    })
}

/// A condition for people. AWS shows the values of the older kinds twice: as such, and within their own part.
fn condition_words(condition: &sdk::RuleCondition) -> String {
    let field = condition.field().unwrap_or("condition");
    let mut values: Vec<String> = condition.values().to_vec();
    let parts = [
        condition.host_header_config().map(|part| part.values()),
        condition.path_pattern_config().map(|part| part.values()),
        condition.http_header_config().map(|part| part.values()),
        condition.http_request_method_config().map(|part| part.values()),
        condition.source_ip_config().map(|part| part.values()),
        condition.host_header_config().map(|part| part.regex_values()),
        condition.path_pattern_config().map(|part| part.regex_values()),
        condition.http_header_config().map(|part| part.regex_values()),
    ];
    values.extend(parts.into_iter().flatten().flatten().cloned());
    let pairs = condition.query_string_config().map(|part| part.values()).unwrap_or_default();
    values.extend(pairs.iter().map(|pair| match pair.key() {
        Some(key) => format!("{key}={}", pair.value().unwrap_or_default()),
        None => pair.value().unwrap_or_default().to_owned(),
    }));
    let mut shown: Vec<String> = Vec::new();
    for value in values {
        if !shown.contains(&value) {
            shown.push(value);
        }
    }
    let header = condition.http_header_config().and_then(|part| part.http_header_name());
    let name = header.map(|name| format!(" {name}")).unwrap_or_default();
    format!("{field}{name} {}", shown.join(" or "))
}

/// What is done with a request. AWS shows a single group twice: as the action's own and in its forward configuration.
fn actions(actions: &[sdk::Action]) -> Read<Vec<ListenerAction>> {
    actions.iter().map(action).collect()
}

fn action(action: &sdk::Action) -> Read<ListenerAction> {
    let kind = need(action.r#type(), "Action's Type")?.as_str();
    Ok(match kind {
        "forward" => forward(action)?,
        "redirect" => {
            let to = action.redirect_config();
            let or = |value: Option<&str>, same: &str| text(value).unwrap_or_else(|| same.to_owned());
            let protocol = or(to.and_then(|to| to.protocol()), "#{protocol}").to_lowercase();
            let host = or(to.and_then(|to| to.host()), "#{host}");
            let port = or(to.and_then(|to| to.port()), "#{port}");
            let path = or(to.and_then(|to| to.path()), "/#{path}");
            let status = to.and_then(|to| to.status_code()).map_or("", |status| status.as_str());
            ListenerAction::Redirect { to: format!("{protocol}://{host}:{port}{path}"), status: status.to_owned() }
        }
        "fixed-response" => {
            let status = action.fixed_response_config().and_then(|response| response.status_code());
            ListenerAction::Respond(status.unwrap_or_default().to_owned())
        }
        other => ListenerAction::Other(other.to_owned()),
    })
}

fn forward(action: &sdk::Action) -> Read<ListenerAction> {
    let config = action.forward_config();
    let sticky = config.and_then(|config| config.target_group_stickiness_config()).and_then(|sticky| sticky.enabled());
    let weighted = |group: &sdk::TargetGroupTuple| {
        let weight = number(group.weight().unwrap_or(1), "Weight")?;
        Ok((id(group.target_group_arn(), "TargetGroupArn")?, weight))
    };
    let mut groups: Vec<(TargetGroupArn, u32)> =
        each(config.map(|config| config.target_groups()).unwrap_or_default(), weighted)?;
    if groups.is_empty() {
        groups.extend(id_if_any(action.target_group_arn(), "TargetGroupArn")?.map(|arn| (arn, 1)));
    }
    Ok(ListenerAction::Forward { groups, sticky: sticky == Some(true) })
}

pub(in crate::aws) fn target(description: &sdk::TargetHealthDescription) -> Read<Target> {
    let target = need(description.target(), "Target")?;
    let health = need(description.target_health(), "TargetHealth")?;
    Ok(Target {
        id: need_text(target.id(), "Target's Id")?,
        port: number(need(target.port(), "Target's Port")?, "Target's Port")?,
        health: target_health(health)?,
        reason: health.reason().map(|reason| reason.as_str().to_owned()),
        description: text(health.description()),
    })
}

fn target_health(health: &sdk::TargetHealth) -> Read<TargetHealth> {
    let state = need(health.state(), "TargetHealth's State")?.as_str();
    // Taken out while it failed: it drains all the same.
    let known =
        if state == "unhealthy.draining" { Some(TargetHealth::Draining) } else { TargetHealth::from_aws(state) };
    known.ok_or_else(|| Unreadable::strange("TargetHealth's State", state))
}

/// The tags of every resource asked about, found by its ARN: AWS promises no order.
pub(in crate::aws) fn tags(
    asked: &[ElbTaggable],
    descriptions: &[sdk::TagDescription],
) -> Read<Vec<(ElbTaggable, Tags)>> {
    let mut by_arn = BTreeMap::new();
    for description in descriptions {
        let pairs = description.tags().iter().map(|tag| (tag.key(), tag.value()));
        by_arn.insert(need(description.resource_arn(), "ResourceArn")?, attributes(pairs)?);
    }
    let of = |resource: &ElbTaggable| {
        let arn = match resource {
            ElbTaggable::LoadBalancer(arn) => arn.as_str(),
            ElbTaggable::TargetGroup(arn) => arn.as_str(),
            ElbTaggable::Listener(arn) => arn.as_str(),
        };
        Ok((resource.clone(), need(by_arn.get(arn), "TagDescription of a resource asked about")?.clone()))
    };
    asked.iter().map(of).collect()
}
