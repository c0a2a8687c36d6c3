//! Listeners: entries of the load balancer. One is made, set right, moved to another target group, or deleted.

use aws_api::elbv2::{CreateListener, ElbTaggable, Listener, ListenerWrite, action_words};
use aws_api::id::{LoadBalancerArn, TargetGroupArn};
use aws_api::{ActionId, Ref, ResourceId, Write};
use crds_schema::Spec;
use crds_schema::limits::LISTENERS_MAX;
use crds_schema::spec::Protocol;

use super::load_balancer::made;
use super::target_groups;
use crate::builder::PlanBuilder;
use crate::desired::{Wanted, protocol_word};
use crate::memory::Entry;
use crate::ownership;
use crate::reason::{Reason, Why};
use crate::record::Makes;
use crate::room;

/// Where a listener sends requests, and what it keeps warm.
#[derive(Debug, Clone, PartialEq)]
struct Forward {
    to: Ref<TargetGroupArn>,
    warm: Option<Ref<TargetGroupArn>>,
}

impl Forward {
    fn words(&self, protocol: &str) -> String {
        forward_words(protocol, Some(&self.to.to_string()), self.warm.as_ref().map(ToString::to_string).as_deref())
    }
}

fn forward_words(protocol: &str, to: Option<&str>, warm: Option<&str>) -> String {
    let to = to.unwrap_or("something else");
    match warm {
        None => format!("{protocol} to {to}"),
        Some(warm) => format!("{protocol} to {to}, warming {warm}"),
    }
}

/// Plans the listeners of the load balancer.
pub(crate) fn diff(
    builder: &mut PlanBuilder<'_>,
    spec: &Spec,
    wanted: &Wanted,
    balancer: &Ref<LoadBalancerArn>,
    group: &Ref<TargetGroupArn>,
) {
    let seen = match balancer {
        Ref::Made(_) => &[][..],
        Ref::Id(arn) => match builder.input.observed.listeners.get(arn).and_then(|part| part.seen()) {
            Some(seen) => seen.as_slice(),
            None => return,
        },
    };
    // Of what is gone or in doubt nothing is asked; it is waited for already.
    if builder.doubts(balancer, ResourceId::LoadBalancer) || builder.doubts(group, ResourceId::TargetGroup) {
        return;
    }
    let mut missing = Vec::new();
    for (port, protocol) in &wanted.listeners {
        match seen.iter().find(|listener| listener.port == *port) {
            Some(listener) => compare(builder, spec, wanted, listener, *protocol, group),
            None => missing.push((*port, *protocol)),
        }
    }
    let mut unwanted: Vec<&Listener> =
        seen.iter().filter(|listener| !wanted.listeners.contains_key(&listener.port)).collect();
    // Where there is no room for what is missing, just enough goes first: what is rogue, then what the record dropped.
    let set = format!("{balancer}/listeners");
    let is_full = builder.memory.full.holds(&set, builder.now());
    let room = if is_full { [0, 0] } else { room::left(LISTENERS_MAX, [seen.len(), 0]) };
    unwanted.sort_by_key(|listener| builder.memory.expects(&entry(listener.load_balancer.as_str(), listener.port)));
    let first = room::goes_first(room, [missing.len(), 0], &unwanted, |_| room::ONE);
    unwanted.retain(|listener| !first.contains(listener));
    let gone: Vec<ActionId> = first.into_iter().filter_map(|listener| remove(builder, listener)).collect();
    for listens in missing {
        create(builder, spec, wanted, balancer, listens, group, &gone);
    }
    for listener in unwanted {
        remove(builder, listener);
    }
}

fn entry(balancer: &str, port: u16) -> Entry {
    Entry::new(format!("{balancer}/listeners"), port.to_string())
}

/// The name that a listener's tags carry.
pub(crate) fn name(environment: &str, port: u16) -> String {
    format!("{environment}-{port}")
}

fn create(
    builder: &mut PlanBuilder<'_>,
    spec: &Spec,
    wanted: &Wanted,
    balancer: &Ref<LoadBalancerArn>,
    (port, protocol): (u16, Protocol),
    group: &Ref<TargetGroupArn>,
    gone: &[ActionId],
) {
    let record = builder.input.record;
    // A target group that is being replaced still serves: a listener that comes back goes to where the others go.
    let forward = forward(builder, group, target_groups::serving(builder, wanted));
    let entry = entry(&balancer.to_string(), port);
    let value = forward.words(protocol_word(protocol));
    let was_there = builder.memory.expects(&entry);
    if !builder.confirm_drift(&entry, Some(&value), None) {
        return;
    }
    let reason = if was_there { Reason::ListenerMissing } else { Reason::NotYetMade };
    let why = Why::new(reason, format!("listener {} {port}", protocol_word(protocol)));
    let mut after = [made(balancer), gone.to_vec()].concat();
    after.extend(target_groups::ready_actions(builder, &forward.to, &wanted.target_group.name));
    builder
        .create(
            format!("create-listener/{port}"),
            Makes::Listener { port },
            format!("listener {port}"),
            why,
            |intent| {
                Write::Listener(ListenerWrite::Create(CreateListener {
                    load_balancer: balancer.clone(),
                    protocol,
                    port,
                    forward_to: forward.to.clone(),
                    tags: ownership::tags(record, &spec.tags, &name(&record.name, port), intent),
                }))
            },
        )
        .after(after)
        .puts([(entry, Some(value))]);
}

/// The old group serves, and the new one is warmed, until the new one is as healthy.
fn forward(builder: &PlanBuilder<'_>, group: &Ref<TargetGroupArn>, now: Option<TargetGroupArn>) -> Forward {
    let is_ours = |arn: &TargetGroupArn| builder.status.target_groups.iter().any(|recorded| recorded.arn == *arn);
    let old = now.filter(|now| group.id() != Some(now) && is_ours(now));
    let Some(old) = old else { return Forward { to: group.clone(), warm: None } };
    let count = builder.input.record.spec.as_ref().map_or(0, |spec| spec.instances.count);
    let needed = target_groups::healthy_targets(builder, &old)
        .map(|healthy| healthy.min(usize::try_from(count).unwrap_or(usize::MAX)));
    let ready = group.id().and_then(|id| target_groups::healthy_targets(builder, id));
    match (needed, ready) {
        (Some(needed), Some(ready)) if ready >= needed => Forward { to: group.clone(), warm: None },
        _ => Forward { to: Ref::Id(old), warm: Some(group.clone()) },
    }
}

fn compare(
    builder: &mut PlanBuilder<'_>,
    spec: &Spec,
    wanted: &Wanted,
    seen: &Listener,
    protocol: Protocol,
    group: &Ref<TargetGroupArn>,
) {
    super::tags::elb(
        builder,
        spec,
        &name(&builder.input.record.name, seen.port),
        &ElbTaggable::Listener(seen.arn.clone()),
    );
    let forward = forward(builder, group, seen.forwards_to.clone());
    let entry = entry(seen.load_balancer.as_str(), seen.port);
    let to = seen.forwards_to.as_ref().map(ToString::to_string);
    let have = forward_words(&seen.protocol, to.as_deref(), seen.warms.as_ref().map(ToString::to_string).as_deref());
    let want = forward.words(protocol_word(protocol));
    if want == have {
        note_agreed(builder, seen);
    }
    if !builder.confirm_drift(&entry, Some(&want), Some(&have)) {
        return;
    }
    let replacing = seen.protocol == protocol_word(protocol) && is_our_cutover(builder, wanted, seen, &forward, group);
    let reason = if replacing { Reason::TargetGroupReplaced } else { Reason::ListenerDrifted };
    let message = match replacing {
        true => format!("listener {}: {want}", seen.port),
        false => format!("listener {}: is {}; should be {want}", seen.port, does(seen)),
    };
    let why = Why::new(reason, message);
    let mut after = made(&forward.to);
    after.extend(
        forward
            .warm
            .as_ref()
            .map(|warm| target_groups::ready_actions(builder, warm, &wanted.target_group.name))
            .unwrap_or_default(),
    );
    let write = Write::Listener(ListenerWrite::Modify {
        listener: seen.arn.clone(),
        protocol,
        forward_to: forward.to,
        warm: forward.warm,
    });
    builder
        .change(format!("set-listener/{}", seen.port), write, format!("listener {}", seen.port), why)
        .after(after)
        .puts([(entry, Some(want))]);
}

/// What it does, for people.
fn does(seen: &Listener) -> String {
    format!("{}, {}", seen.protocol, action_words(&seen.actions))
}

/// Records that it does what is wanted of it.
fn note_agreed(builder: &mut PlanBuilder<'_>, seen: &Listener) {
    if let Some(recorded) = builder.status.listeners.iter_mut().find(|recorded| recorded.arn == seen.arn) {
        (recorded.forwards_to, recorded.warms) = (seen.forwards_to.clone(), seen.warms.clone());
    }
}

/// Whether what differs is a step of ours from one target group to another. That is known from what STATUS records, never
/// from how the listener looks: a group is being replaced, all that the listener names is ours, and it has not yet been
/// where it is to go. Whoever changed it otherwise, it drifted.
fn is_our_cutover(
    builder: &PlanBuilder<'_>,
    wanted: &Wanted,
    seen: &Listener,
    forward: &Forward,
    group: &Ref<TargetGroupArn>,
) -> bool {
    let groups = &builder.status.target_groups;
    let is_ours = |arn: &TargetGroupArn| groups.iter().any(|recorded| recorded.arn == *arn);
    let is_replacing = groups.iter().any(|recorded| recorded.name != wanted.target_group.name);
    let all_ours = seen.forwards_to.as_ref().is_some_and(is_ours) && seen.warms.as_ref().is_none_or(is_ours);
    if !is_replacing || !all_ours {
        return false;
    }
    let recorded = builder.status.listeners.iter().find(|recorded| recorded.arn == seen.arn);
    let Some((agreed, agreed_warms)) =
        recorded.and_then(|recorded| recorded.forwards_to.as_ref().map(|to| (to, recorded.warms.as_ref())))
    else {
        return true;
    };
    let untouched = seen.forwards_to.as_ref() == Some(agreed) && seen.warms.as_ref() == agreed_warms;
    let was_as_wanted = forward.to.id() == Some(agreed) && forward.warm.as_ref().map(Ref::id) == agreed_warms.map(Some);
    untouched || !(was_as_wanted || group.id() == Some(agreed))
}

fn remove(builder: &mut PlanBuilder<'_>, seen: &Listener) -> Option<ActionId> {
    let entry = entry(seen.load_balancer.as_str(), seen.port);
    let to = seen.forwards_to.as_ref().map(ToString::to_string);
    let have = forward_words(&seen.protocol, to.as_deref(), seen.warms.as_ref().map(ToString::to_string).as_deref());
    if !builder.confirm_drift(&entry, None, Some(&have)) {
        return None;
    }
    let with = super::listener_rules::lost_with(builder, seen);
    let reason = builder.cause(&entry, None, Some(&have), Reason::ListenerRogue);
    let why = Why::new(reason, format!("listener {}: {}{with}", seen.port, does(seen)));
    let write = Write::Listener(ListenerWrite::Delete { listener: seen.arn.clone() });
    let listener = format!("listener {}", seen.port);
    Some(builder.change(format!("delete-listener/{}", seen.port), write, listener, why).puts([(entry, None)]).id())
}
