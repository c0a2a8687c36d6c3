//! Tells what of the things that were seen is ours, and brings the status up to date with it.
//!
//! A thing that an open intent made is recorded and the intent settled. A recorded thing that is gone is dropped, once
//! promise I5 lets that be believed. Anything else that carries our tags is reported and left alone (promise I3).
//! Never: plans an action.

mod origins;

use std::collections::BTreeSet;

use aws_api::ec2::{Instance, InstanceState, InstanceWrite};
use aws_api::elbv2::{ElbTaggable, Listener, LoadBalancer, TargetGroup};
use aws_api::id::{IntentId, LoadBalancerArn, VolumeId};
use aws_api::{ResourceId, Write};

use crate::builder::PlanBuilder;
use crate::ownership::{self, TAG_ENVIRONMENT, TAG_INTENT, TAG_UID};
use crate::reason::Reason;
use crate::record::{GroupRole, Intent, Makes};
use crate::status::{ListenerStatus, LoadBalancerStatus, MemberStatus, Origin, TargetGroupStatus, WaitOn};

/// Brings `builder.status` up to date with what was seen.
pub(crate) fn recognise(builder: &mut PlanBuilder<'_>) {
    // Judged by what is stored: a loss that could not be stored is seen again.
    let stored = &builder.input.record.status;
    builder.memory.keep_resources(|made| stored.records(made));
    groups(builder);
    load_balancer(builder);
    target_groups(builder);
    listeners(builder);
    instances(builder);
    origins::recover(builder);
    origins::volumes(builder);
}

fn settle(builder: &mut PlanBuilder<'_>, intent: &Intent, made: &ResourceId) {
    if !builder.settled.iter().any(|settled| settled.id == intent.id) {
        // Another sending may arrive when this is deleted again; [`crate::orphan_intents`] settles it once it no longer can.
        let now = builder.now();
        if !(intent.makes.by_name() && builder.memory.another_may_arrive(&intent.id, now)) {
            builder.settled.push(intent.clone());
        }
        builder.memory.note_made(made.clone(), now);
        builder.notice(made, Reason::Seen, format!("{made} was made by {} and is recorded", intent.id));
    }
}

/// Whether a recorded thing, which a complete reading does not show, is believed gone. Until then it is waited for.
fn is_gone(builder: &mut PlanBuilder<'_>, made: &ResourceId, present: bool) -> bool {
    let now = builder.now();
    builder.memory.note_resource(made.clone(), present, now);
    if present {
        return false;
    }
    let missing_after = builder.input.missing_after;
    if builder.input.observed.unknown.contains(made) {
        builder.memory.note_unknown(made);
    }
    // What is believed gone too early would be left behind by a teardown; else it is found again by its name.
    let by_name = !builder.input.record.deleting && builder.memory.is_missing_by_name(made);
    if by_name || builder.memory.is_missing(made, missing_after, now) {
        return true;
    }
    if builder.memory.is_unknown(made) {
        builder.wait(WaitOn::Aws, format!("{made}, which AWS says it does not know, to be looked for once more"), None);
        return false;
    }
    let until = builder.memory.missing_at(made, missing_after);
    builder.wait(WaitOn::Time, format!("{made}, which AWS does not show, to be seen or believed gone"), until);
    false
}

fn groups(builder: &mut PlanBuilder<'_>) {
    let record = builder.input.record;
    let Some(seen) = builder.input.observed.groups.seen() else { return };
    for group in seen.iter().filter(|group| !record.status.security_groups.names.contains_key(&group.id)) {
        if let Some(intent) = ownership::intent_behind(record, &group.tags)
            && let Makes::Group(role) = intent.makes
        {
            *role.recorded_mut(&mut builder.status) = Some(group.id.clone());
            builder.status.security_groups.names.insert(group.id.clone(), group.name.clone());
            builder.status.security_groups.intents.insert(group.id.clone(), intent.id.clone());
            settle(builder, intent, &ResourceId::SecurityGroup(group.id.clone()));
        } else if group.tags.get(TAG_UID).map(String::as_str) == Some(record.status.uid.as_str()) {
            builder.leave(&group.id, Reason::NotOurs, "it carries our tags, but no open intent of ours made it");
        }
    }
    let recorded: Vec<_> = builder.status.security_groups.names.keys().cloned().collect();
    for id in recorded {
        let made = ResourceId::SecurityGroup(id.clone());
        if is_gone(builder, &made, seen.iter().any(|group| group.id == id)) {
            builder.status.security_groups.names.remove(&id);
            builder.status.security_groups.intents.remove(&id);
            for role in GroupRole::BOTH {
                let place = role.recorded_mut(&mut builder.status);
                if place.as_ref() == Some(&id) {
                    *place = None;
                }
            }
            gone(builder, &made);
        }
    }
}

/// Tells of a loss, unless it was our own doing.
fn gone(builder: &mut PlanBuilder<'_>, made: &ResourceId) {
    if !builder.input.record.deleting {
        builder.notice(made, Reason::Vanished, format!("{made} is gone"));
    }
}

fn load_balancer(builder: &mut PlanBuilder<'_>) {
    let observed = builder.input.observed;
    let record = builder.input.record;
    let Some(seen) = observed.load_balancers.seen() else { return };
    let recorded = builder.status.load_balancer.as_ref().map(|recorded| recorded.arn.clone());
    let is_seen = recorded.as_ref().is_some_and(|arn| seen.iter().any(|balancer| balancer.arn == *arn));
    if recorded.is_none() {
        take_back(builder, seen);
    }
    for balancer in seen.iter().filter(|_| !is_seen) {
        let tags = observed.tags_of(&ElbTaggable::LoadBalancer(balancer.arn.clone()));
        let Some(intent) = tags.and_then(|tags| ownership::intent_behind(record, tags)) else { continue };
        if intent.makes != Makes::LoadBalancer {
            continue;
        }
        builder.status.load_balancer = Some(described(balancer, Some(intent.id.clone())));
        match &recorded {
            None => settle(builder, intent, &ResourceId::LoadBalancer(balancer.arn.clone())),
            // Two of one name there are never, so one of them is gone. Which of them, an older reading may not tell: the
            // intent stays open, so that the other one can take the place back.
            Some(arn) => {
                remember_dns_name(builder);
                builder.status.listeners.clear();
                gone(builder, &ResourceId::LoadBalancer(arn.clone()));
            }
        }
    }
    let Some(recorded) = builder.status.load_balancer.clone() else { return };
    let balancer = seen.iter().find(|balancer| balancer.arn == recorded.arn);
    let made = ResourceId::LoadBalancer(recorded.arn.clone());
    if is_gone(builder, &made, balancer.is_some()) {
        remember_dns_name(builder);
        builder.status.load_balancer = None;
        builder.status.listeners.clear();
        builder.memory.note_lost_balancer(recorded);
        gone(builder, &made);
    } else if let Some(balancer) = balancer {
        tell_dns_name(builder, balancer);
        builder.status.load_balancer = Some(described(balancer, recorded.intent));
    }
}

/// Keeps the DNS name that users know while there is no load balancer of another.
fn remember_dns_name(builder: &mut PlanBuilder<'_>) {
    let stored = builder.input.record.status.load_balancer.as_ref().map(|balancer| balancer.dns_name.clone());
    let known = builder.status.former_dns_name.is_some() || builder.input.record.deleting;
    if let Some(name) = stored.filter(|name| !name.is_empty() && !known) {
        builder.status.former_dns_name = Some(name);
    }
}

/// Says that the DNS name is another one. It is kept until the event is written; see [`crate::conclude`].
fn tell_dns_name(builder: &mut PlanBuilder<'_>, balancer: &LoadBalancer) {
    let now = balancer.dns_name.clone();
    match builder.status.former_dns_name.clone() {
        Some(former) if former == now => builder.status.former_dns_name = None,
        Some(former) if !now.is_empty() => {
            let name = &balancer.name;
            let message = format!(
                "the DNS name of {name} changed from {former} to {now}; point the records that name {former} at {now}"
            );
            builder.notice(name, Reason::DnsNameChanged, message);
        }
        Some(_) | None => {}
    }
}

/// One that was believed gone before its time and is shown under its ARN was ours all along.
fn take_back(builder: &mut PlanBuilder<'_>, seen: &[LoadBalancer]) {
    for balancer in seen {
        if is_tagged_ours(builder, &ElbTaggable::LoadBalancer(balancer.arn.clone()))
            && let Some(lost) = builder.memory.takes_back_balancer(&balancer.name, &balancer.arn)
        {
            builder.status.load_balancer = Some(described(balancer, lost.intent));
            builder.notice(
                &balancer.arn,
                Reason::Seen,
                format!("{} is shown again; it was recorded before", balancer.arn),
            );
        }
    }
}

/// The same of a target group.
fn take_back_group(builder: &mut PlanBuilder<'_>, seen: &TargetGroup) {
    if is_tagged_ours(builder, &ElbTaggable::TargetGroup(seen.arn.clone()))
        && let Some(lost) = builder.memory.takes_back_group(&seen.name, &seen.arn)
    {
        builder.status.target_groups.push(lost);
        builder.notice(&seen.arn, Reason::Seen, format!("{} is shown again; it was recorded before", seen.arn));
    }
}

fn is_tagged_ours(builder: &PlanBuilder<'_>, resource: &ElbTaggable) -> bool {
    let uid = builder.input.observed.tags_of(resource).and_then(|tags| tags.get(TAG_UID));
    uid.map(String::as_str) == Some(builder.input.record.status.uid.as_str())
}

fn described(balancer: &LoadBalancer, intent: Option<IntentId>) -> LoadBalancerStatus {
    LoadBalancerStatus {
        arn: balancer.arn.clone(),
        name: balancer.name.clone(),
        dns_name: balancer.dns_name.clone(),
        hosted_zone_id: balancer.hosted_zone_id.clone(),
        zones: balancer.subnets.keys().cloned().collect(),
        scheme: Some(balancer.scheme),
        intent,
    }
}

fn target_groups(builder: &mut PlanBuilder<'_>) {
    let observed = builder.input.observed;
    let record = builder.input.record;
    let Some(seen) = observed.target_groups.seen() else { return };
    for group in seen {
        if builder.status.target_groups.iter().any(|recorded| recorded.arn == group.arn) {
            continue;
        }
        let tags = observed.tags_of(&ElbTaggable::TargetGroup(group.arn.clone()));
        if let Some(intent) = tags.and_then(|tags| ownership::intent_behind(record, tags))
            && let Makes::TargetGroup { name, service, port } = &intent.makes
        {
            builder.status.target_groups.push(TargetGroupStatus {
                service: service.clone(),
                arn: group.arn.clone(),
                name: name.clone(),
                port: *port,
                intent: Some(intent.id.clone()),
            });
            settle(builder, intent, &ResourceId::TargetGroup(group.arn.clone()));
        } else {
            take_back_group(builder, group);
        }
    }
    for recorded in builder.status.target_groups.clone() {
        let made = ResourceId::TargetGroup(recorded.arn.clone());
        if is_gone(builder, &made, seen.iter().any(|group| group.arn == recorded.arn)) {
            builder.status.target_groups.retain(|group| group.arn != recorded.arn);
            builder.memory.note_lost_group(recorded);
            gone(builder, &made);
        }
    }
}

/// A listener is an entry of its load balancer: whatever listens on ours is ours to set right.
fn listeners(builder: &mut PlanBuilder<'_>) {
    let record = builder.input.record;
    let Some(arn) = builder.status.load_balancer.as_ref().map(|balancer| balancer.arn.clone()) else { return };
    let Some(seen) = seen_listeners(builder, &arn) else { return };
    builder.status.listeners = seen.clone();
    for intent in &record.intents {
        if let Makes::Listener { port } = intent.makes
            && let Some(listener) = seen.iter().find(|listener| listener.port == port)
        {
            // It may be somebody's, which was made before ours could be: then its own tag tells.
            let ours = ElbTaggable::Listener(listener.arn.clone());
            let tags = builder.input.observed.tags_of(&ours);
            if tags.and_then(|tags| tags.get(TAG_INTENT)).map(String::as_str) == Some(intent.id.as_str())
                && let Some(recorded) = builder.status.listeners.iter_mut().find(|one| one.arn == listener.arn)
            {
                recorded.intent = Some(intent.id.clone());
            }
            settle(builder, intent, &ResourceId::Listener(listener.arn.clone()));
        }
    }
}

fn seen_listeners(builder: &PlanBuilder<'_>, arn: &LoadBalancerArn) -> Option<Vec<ListenerStatus>> {
    let listeners = builder.input.observed.listeners.get(arn)?.seen()?;
    let recorded = |seen: &Listener| {
        let same = builder.status.listeners.iter().find(|known| known.arn == seen.arn).cloned();
        ListenerStatus { port: seen.port, ..same.unwrap_or_else(|| ListenerStatus::new(seen.port, seen.arn.clone())) }
    };
    Some(listeners.iter().map(recorded).collect())
}

fn instances(builder: &mut PlanBuilder<'_>) {
    let record = builder.input.record;
    let Some(seen) = builder.input.observed.instances.seen() else { return };
    for instance in seen.values() {
        if builder.status.instances.iter().any(|member| member.instance_id == instance.id) {
            continue;
        }
        if let Some(intent) = ownership::launch_behind(record, instance)
            && let Some(member) = launched(intent, instance, builder)
        {
            builder.status.instances.push(member);
            settle(builder, intent, &ResourceId::Instance(instance.id.clone()));
        } else if !is_over(instance.state)
            && instance.tags.get(TAG_ENVIRONMENT) == Some(&record.name)
            && ownership::launched_by(record, instance).is_none()
        {
            let message = "it carries our tags, but was not launched by an intent of ours: somebody's copy";
            builder.leave(&instance.id, Reason::NotOurs, message);
        }
    }
    builder.status.instances.sort_by(|a, b| (a.slot, &a.instance_id).cmp(&(b.slot, &b.instance_id)));
    for member in builder.status.instances.clone() {
        let instance = seen.get(&member.instance_id);
        let made = ResourceId::Instance(member.instance_id.clone());
        let terminated = instance.is_some_and(|instance| instance.state == InstanceState::Terminated);
        if is_gone(builder, &made, instance.is_some()) || terminated {
            builder.status.instances.retain(|other| other.instance_id != member.instance_id);
            lost(builder, &member, instance);
        }
    }
}

fn is_over(state: InstanceState) -> bool {
    match state {
        InstanceState::ShuttingDown | InstanceState::Terminated => true,
        InstanceState::Pending | InstanceState::Running | InstanceState::Stopping | InstanceState::Stopped => false,
    }
}

fn lost(builder: &mut PlanBuilder<'_>, member: &MemberStatus, instance: Option<&Instance>) {
    let id = &member.instance_id;
    builder.memory.note_lost(id.clone());
    if let Some(leaving) = &member.leaving {
        builder.notice(id, leaving.reason, format!("slot {}: {id} is terminated", member.slot));
    } else if !builder.input.record.deleting {
        let how = instance.and_then(|instance| instance.state_reason.as_deref()).unwrap_or("AWS no longer shows it");
        builder.notice(id, Reason::MemberGone, format!("slot {}: {id} is gone ({how})", member.slot));
        let disks = builder.input.record.spec.as_ref().map(|spec| spec.instances.block_devices.as_slice());
        let keeps = disks.unwrap_or_default().iter().any(|disk| !disk.delete_on_termination);
        let but = if keeps { ", but for those with deleteOnTermination: false" } else { "" };
        let ids: Vec<&str> = member.volumes.iter().map(VolumeId::as_str).collect();
        let ids = if ids.is_empty() { String::new() } else { format!(" ({})", ids.join(", ")) };
        let message =
            format!("slot {}: the volumes of {id}{ids} went with it{but}; what was on them is gone", member.slot);
        builder.notice(id, Reason::VolumeLost, message);
    }
}

/// The member that an intent launched.
fn launched(intent: &Intent, instance: &Instance, builder: &PlanBuilder<'_>) -> Option<MemberStatus> {
    let (Makes::Member { slot, template }, Write::Instance(InstanceWrite::Run(run))) = (&intent.makes, &intent.write)
    else {
        return None;
    };
    Some(MemberStatus {
        slot: *slot,
        instance_id: instance.id.clone(),
        zone: instance.zone.clone(),
        subnet_id: run.subnet.clone(),
        ami_id: instance.image.clone(),
        instance_type: instance.instance_type.clone(),
        private_ip: instance.private_ip.clone(),
        public_ip: instance.public_ip.clone(),
        last_public_ip: None,
        state: Some(instance.state),
        health: None,
        reason: None,
        origin: Origin::Launched,
        launched_at: builder.now(),
        held_until: None,
        template: template.clone(),
        healthy_since: None,
        unhealthy_since: None,
        stopped_since: None,
        moved: None,
        succeeded: false,
        leaving: None,
        intent: Some(intent.id.clone()),
        volumes: BTreeSet::new(),
    })
}
