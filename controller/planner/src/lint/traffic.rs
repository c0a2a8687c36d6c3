//! I2 of calls that may keep requests from being served: what is served by goes only once something else serves.
//!
//! Each check counts healthy targets as AWS shows them, group by group.

use std::collections::BTreeSet;

use aws_api::ec2::{ChangeRules, Direction, InstanceWrite, Peer, Rule, SecurityGroupWrite};
use aws_api::elbv2::{Listener, ListenerWrite, TargetGroupWrite, TargetHealth};
use aws_api::id::{InstanceId, ListenerArn, TargetGroupArn};
use aws_api::{Ref, ResourceId, Write};
use crds_schema::Spec;

use super::fleet::Fleet;
use crate::action::{Action, Plan};
use crate::input::PlanInput;
use crate::memory::Memory;
use crate::status::TargetGroupStatus;

/// The listeners of our load balancer, as far as they were read.
fn listeners<'s>(input: &'s PlanInput<'_>) -> impl Iterator<Item = &'s Listener> {
    let balancer = input.record.status.load_balancer.as_ref();
    let part = balancer.and_then(|balancer| input.observed.listeners.get(&balancer.arn));
    part.and_then(|part| part.seen()).into_iter().flatten()
}

/// Target groups that are recorded, without those that are believed gone by now.
pub(super) fn standing_groups<'s>(
    input: &'s PlanInput<'_>,
    memory: &Memory,
) -> impl Iterator<Item = &'s TargetGroupStatus> {
    let is_gone = |group: &TargetGroupStatus| is_gone(&ResourceId::TargetGroup(group.arn.clone()), input, memory);
    input.record.status.target_groups.iter().filter(move |group| !is_gone(group))
}

/// Whether it is believed gone: the record names it until a pass has gone through.
pub(super) fn is_gone(made: &ResourceId, input: &PlanInput<'_>, memory: &Memory) -> bool {
    memory.is_missing(made, input.missing_after, input.now) || memory.is_missing_by_name(made)
}

/// Target groups that requests are forwarded to, with their ports. Where that is not known, every one that is recorded.
fn in_use(input: &PlanInput<'_>, memory: &Memory) -> Vec<(TargetGroupArn, u16)> {
    let used: BTreeSet<&TargetGroupArn> =
        listeners(input).filter_map(|listener| listener.forwards_to.as_ref()).collect();
    let standing: Vec<&TargetGroupStatus> = standing_groups(input, memory).collect();
    let is_used = |arn: &TargetGroupArn| used.contains(arn) || !standing.iter().any(|group| used.contains(&group.arn));
    standing.iter().filter(|group| is_used(&group.arn)).map(|group| (group.arn.clone(), group.port)).collect()
}

/// The floor of healthy members stays in every target group that serves, whoever goes.
pub(super) fn floor(plan: &Plan, input: &PlanInput<'_>, spec: &Spec, memory: &Memory, broken: &mut Vec<String>) {
    let fleet = Fleet::of(input, memory);
    let count = spec.instances.count;
    // Scaled to zero, everybody goes.
    let floor = count.saturating_sub(spec.rollout.max_unavailable.of(count, 0)).max(count.min(1));
    let floor = usize::try_from(floor).unwrap_or(usize::MAX);
    for (group, port) in in_use(input, memory) {
        let serving = fleet.serving(input, &group, port);
        let going: BTreeSet<InstanceId> =
            plan.actions.iter().flat_map(|action| leaving(action, &group, port)).collect();
        let left = serving.difference(&going).count();
        if left < serving.len() && left < floor {
            broken.push(format!("I2: {left} healthy members would be left in {group}, the floor is {floor}"));
        }
    }
}

/// Whom an action takes out of that group.
fn leaving(action: &Action, group: &TargetGroupArn, port: u16) -> Vec<InstanceId> {
    let mut leaving = Vec::new();
    for write in action.does.writes() {
        if let Write::TargetGroup(TargetGroupWrite::Deregister { target_group, targets }) = &write
            && target_group == group
        {
            let on_port = targets.iter().filter(|(_, on)| *on == port);
            leaving.extend(on_port.filter_map(|(id, _)| InstanceId::parse(id.clone()).ok()));
        }
        if let Write::Instance(InstanceWrite::Terminate { instance }) = write {
            leaving.push(instance);
        }
    }
    leaving
}

/// A listener that the record names stays.
pub(super) fn listener(action: &Action, input: &PlanInput<'_>, spec: &Spec, broken: &mut Vec<String>) {
    for write in action.does.writes() {
        let Write::Listener(ListenerWrite::Delete { listener }) = &write else { continue };
        let is_wanted = |port: u16| spec.load_balancer.listeners.iter().any(|one| one.port == port);
        if find(input, listener).is_none_or(|seen| is_wanted(seen.port)) {
            broken.push(format!("I2: {} though the record names it, or may", action.id));
        }
    }
}

/// What a listener forwards to is exchanged only for what serves as many.
pub(super) fn cutover(action: &Action, input: &PlanInput<'_>, spec: &Spec, memory: &Memory, broken: &mut Vec<String>) {
    for write in action.does.writes() {
        let Write::Listener(ListenerWrite::Modify { listener, forward_to, .. }) = &write else { continue };
        let now = find(input, listener).and_then(|seen| seen.forwards_to.as_ref());
        let serves = |arn: &&TargetGroupArn| standing_groups(input, memory).any(|group| group.arn == **arn);
        let from = now.filter(|now| forward_to.id() != Some(now)).filter(serves);
        if from.is_some_and(|from| !serves_as_many(input, spec, from, forward_to)) {
            broken.push(format!("I2: {} before {forward_to} serves as many", action.id));
        }
    }
}

fn find<'s>(input: &'s PlanInput<'_>, arn: &ListenerArn) -> Option<&'s Listener> {
    let all = input.observed.listeners.values().filter_map(|part| part.seen()).flatten();
    all.into_iter().find(|listener| listener.arn == *arn)
}

fn serves_as_many(input: &PlanInput<'_>, spec: &Spec, from: &TargetGroupArn, to: &Ref<TargetGroupArn>) -> bool {
    let healthy = |arn: &TargetGroupArn| {
        let targets = input.observed.targets_of(arn)?;
        Some(targets.iter().filter(|target| target.health == TargetHealth::Healthy).count())
    };
    let count = usize::try_from(spec.instances.count).unwrap_or(usize::MAX);
    match (healthy(from), to.id().and_then(healthy)) {
        (Some(now), Some(then)) => then >= now.min(count),
        (Some(now), None) => now == 0 && to.id().is_none(),
        (None, _) => false,
    }
}

/// A rule that lets visitors in, or the load balancer to what serves, is not revoked.
pub(super) fn rules(action: &Action, input: &PlanInput<'_>, spec: &Spec, memory: &Memory, broken: &mut Vec<String>) {
    let ports: Vec<u16> = in_use(input, memory).into_iter().map(|(_, port)| port).collect();
    for write in action.does.writes() {
        let Write::SecurityGroup(SecurityGroupWrite::Revoke(change)) = &write else { continue };
        for rule in change.rules.iter().filter(|rule| carries(change, rule, input, spec, &ports)) {
            broken.push(format!("I2: {} takes {rule}, by which it is served", action.id));
        }
    }
}

/// `ports` are those that are served on.
fn carries(change: &ChangeRules, rule: &Rule, input: &PlanInput<'_>, spec: &Spec, ports: &[u16]) -> bool {
    if change.direction == Direction::Egress || rule.protocol != "tcp" || rule.from != rule.to {
        return false;
    }
    let groups = &input.record.status.security_groups;
    let is_on = |port: u16| rule.from == Some(i32::from(port));
    match &rule.peer {
        Peer::Cidr(from) if change.group.id() == groups.load_balancer.as_ref() => {
            let is_let_in = spec.access.load_balancer.iter().any(|entry| entry.cidr.as_ref() == Some(from));
            is_let_in && spec.load_balancer.listeners.iter().any(|listener| is_on(listener.port))
        }
        Peer::Group(Ref::Id(from)) if change.group.id() == groups.instances.as_ref() => {
            groups.load_balancer.as_ref() == Some(from) && ports.iter().any(|port| is_on(*port))
        }
        Peer::Cidr(_) | Peer::Group(_) | Peer::PrefixList(_) => false,
    }
}
