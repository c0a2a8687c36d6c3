//! Tells what of the things that were seen is ours, and brings the status up to date with it.
//!
//! A thing that an open intent made is recorded and the intent settled. A recorded thing that is gone is dropped, once
//! promise I5 lets that be believed. Anything else that carries our tags is reported and left alone (promise I3).
//! Never: plans an action.

mod origins;

use std::collections::BTreeSet;

use crate::draft::Draft;
use crate::id::{IntentId, LoadBalancerArn, VolumeId};
use crate::ownership::{self, TAG_ENVIRONMENT, TAG_INTENT, TAG_UID};
use crate::reason::Reason;
use crate::record::{GroupRole, Intent, Makes};
use crate::request::{ElbTaggable, Made};
use crate::resource::{Instance, InstanceState, Listener, LoadBalancer, TargetGroup};
use crate::status::{ListenerStatus, LoadBalancerStatus, MemberStatus, Origin, TargetGroupStatus, WaitOn};

/// Brings `draft.status` up to date with what was seen.
pub(crate) fn recognise(draft: &mut Draft<'_>) {
    // Judged by what is stored: a loss that could not be stored is seen again.
    let stored = &draft.sight.record.status;
    draft.memory.keep_resources(|made| stored.records(made));
    groups(draft);
    load_balancer(draft);
    target_groups(draft);
    listeners(draft);
    instances(draft);
    origins::recover(draft);
    origins::volumes(draft);
}

fn settle(draft: &mut Draft<'_>, intent: &Intent, made: &Made) {
    if !draft.settled.iter().any(|settled| settled.id == intent.id) {
        // Another sending may arrive when this is deleted again; [`crate::open`] settles it once it no longer can.
        let now = draft.now();
        if !(intent.makes.by_name() && draft.memory.another_may_arrive(&intent.id, now)) {
            draft.settled.push(intent.clone());
        }
        draft.memory.note_made(made.clone(), now);
        draft.notice(made, Reason::Seen, format!("{made} was made by {} and is recorded", intent.id));
    }
}

/// Whether a recorded thing, which a complete reading does not show, is believed gone. Until then it is waited for.
fn is_gone(draft: &mut Draft<'_>, made: &Made, present: bool) -> bool {
    let now = draft.now();
    draft.memory.note_resource(made.clone(), present, now);
    if present {
        return false;
    }
    let missing_after = draft.sight.missing_after;
    if draft.sight.observed.unknown.contains(made) {
        draft.memory.note_unknown(made);
    }
    // What is believed gone too early would be left behind by a teardown; else it is found again by its name.
    let by_name = !draft.sight.record.deleting && draft.memory.is_missing_by_name(made);
    if by_name || draft.memory.is_missing(made, missing_after, now) {
        return true;
    }
    if draft.memory.is_unknown(made) {
        draft.wait(WaitOn::Aws, format!("{made}, which AWS says it does not know, to be looked for once more"), None);
        return false;
    }
    let until = draft.memory.missing_at(made, missing_after);
    draft.wait(WaitOn::Time, format!("{made}, which AWS does not show, to be seen or believed gone"), until);
    false
}

fn groups(draft: &mut Draft<'_>) {
    let record = draft.sight.record;
    let Some(seen) = draft.sight.observed.groups.seen() else { return };
    for group in seen.iter().filter(|group| !record.status.security_groups.names.contains_key(&group.id)) {
        if let Some(intent) = ownership::intent_behind(record, &group.tags)
            && let Makes::Group(role) = intent.makes
        {
            *role.recorded_mut(&mut draft.status) = Some(group.id.clone());
            draft.status.security_groups.names.insert(group.id.clone(), group.name.clone());
            draft.status.security_groups.intents.insert(group.id.clone(), intent.id.clone());
            settle(draft, intent, &Made::SecurityGroup(group.id.clone()));
        } else if group.tags.get(TAG_UID).map(String::as_str) == Some(record.status.uid.as_str()) {
            draft.leave(&group.id, Reason::NotOurs, "it carries our tags, but no open intent of ours made it");
        }
    }
    let recorded: Vec<_> = draft.status.security_groups.names.keys().cloned().collect();
    for id in recorded {
        let made = Made::SecurityGroup(id.clone());
        if is_gone(draft, &made, seen.iter().any(|group| group.id == id)) {
            draft.status.security_groups.names.remove(&id);
            draft.status.security_groups.intents.remove(&id);
            for role in GroupRole::BOTH {
                let place = role.recorded_mut(&mut draft.status);
                if place.as_ref() == Some(&id) {
                    *place = None;
                }
            }
            gone(draft, &made);
        }
    }
}

/// Tells of a loss, unless it was our own doing.
fn gone(draft: &mut Draft<'_>, made: &Made) {
    if !draft.sight.record.deleting {
        draft.notice(made, Reason::Vanished, format!("{made} is gone"));
    }
}

fn load_balancer(draft: &mut Draft<'_>) {
    let observed = draft.sight.observed;
    let record = draft.sight.record;
    let Some(seen) = observed.load_balancers.seen() else { return };
    let recorded = draft.status.load_balancer.as_ref().map(|recorded| recorded.arn.clone());
    let is_seen = recorded.as_ref().is_some_and(|arn| seen.iter().any(|balancer| balancer.arn == *arn));
    if recorded.is_none() {
        take_back(draft, seen);
    }
    for balancer in seen.iter().filter(|_| !is_seen) {
        let tags = observed.tags_of(&ElbTaggable::LoadBalancer(balancer.arn.clone()));
        let Some(intent) = tags.and_then(|tags| ownership::intent_behind(record, tags)) else { continue };
        if intent.makes != Makes::LoadBalancer {
            continue;
        }
        draft.status.load_balancer = Some(described(balancer, Some(intent.id.clone())));
        match &recorded {
            None => settle(draft, intent, &Made::LoadBalancer(balancer.arn.clone())),
            // Two of one name there are never, so one of them is gone. Which of them, an older reading may not tell: the
            // intent stays open, so that the other one can take the place back.
            Some(arn) => {
                remember_dns_name(draft);
                draft.status.listeners.clear();
                gone(draft, &Made::LoadBalancer(arn.clone()));
            }
        }
    }
    let Some(recorded) = draft.status.load_balancer.clone() else { return };
    let balancer = seen.iter().find(|balancer| balancer.arn == recorded.arn);
    let made = Made::LoadBalancer(recorded.arn.clone());
    if is_gone(draft, &made, balancer.is_some()) {
        remember_dns_name(draft);
        draft.status.load_balancer = None;
        draft.status.listeners.clear();
        draft.memory.note_lost_balancer(recorded);
        gone(draft, &made);
    } else if let Some(balancer) = balancer {
        tell_dns_name(draft, balancer);
        draft.status.load_balancer = Some(described(balancer, recorded.intent));
    }
}

/// Keeps the DNS name that users know while there is no load balancer of another.
fn remember_dns_name(draft: &mut Draft<'_>) {
    let stored = draft.sight.record.status.load_balancer.as_ref().map(|balancer| balancer.dns_name.clone());
    let known = draft.status.former_dns_name.is_some() || draft.sight.record.deleting;
    if let Some(name) = stored.filter(|name| !name.is_empty() && !known) {
        draft.status.former_dns_name = Some(name);
    }
}

/// Says that the DNS name is another one. It is kept until the event is written; see [`crate::conclude`].
fn tell_dns_name(draft: &mut Draft<'_>, balancer: &LoadBalancer) {
    let now = balancer.dns_name.clone();
    match draft.status.former_dns_name.clone() {
        Some(former) if former == now => draft.status.former_dns_name = None,
        Some(former) if !now.is_empty() => {
            let name = &balancer.name;
            let message = format!(
                "the DNS name of {name} changed from {former} to {now}; point the records that name {former} at {now}"
            );
            draft.notice(name, Reason::DnsNameChanged, message);
        }
        Some(_) | None => {}
    }
}

/// One that was believed gone before its time and is shown under its ARN was ours all along.
fn take_back(draft: &mut Draft<'_>, seen: &[LoadBalancer]) {
    for balancer in seen {
        if is_tagged_ours(draft, &ElbTaggable::LoadBalancer(balancer.arn.clone()))
            && let Some(lost) = draft.memory.takes_back_balancer(&balancer.name, &balancer.arn)
        {
            draft.status.load_balancer = Some(described(balancer, lost.intent));
            draft.notice(
                &balancer.arn,
                Reason::Seen,
                format!("{} is shown again; it was recorded before", balancer.arn),
            );
        }
    }
}

/// The same of a target group.
fn take_back_group(draft: &mut Draft<'_>, seen: &TargetGroup) {
    if is_tagged_ours(draft, &ElbTaggable::TargetGroup(seen.arn.clone()))
        && let Some(lost) = draft.memory.takes_back_group(&seen.name, &seen.arn)
    {
        draft.status.target_groups.push(lost);
        draft.notice(&seen.arn, Reason::Seen, format!("{} is shown again; it was recorded before", seen.arn));
    }
}

fn is_tagged_ours(draft: &Draft<'_>, resource: &ElbTaggable) -> bool {
    let uid = draft.sight.observed.tags_of(resource).and_then(|tags| tags.get(TAG_UID));
    uid.map(String::as_str) == Some(draft.sight.record.status.uid.as_str())
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

fn target_groups(draft: &mut Draft<'_>) {
    let observed = draft.sight.observed;
    let record = draft.sight.record;
    let Some(seen) = observed.target_groups.seen() else { return };
    for group in seen {
        if draft.status.target_groups.iter().any(|recorded| recorded.arn == group.arn) {
            continue;
        }
        let tags = observed.tags_of(&ElbTaggable::TargetGroup(group.arn.clone()));
        if let Some(intent) = tags.and_then(|tags| ownership::intent_behind(record, tags))
            && let Makes::TargetGroup { name, service, port } = &intent.makes
        {
            draft.status.target_groups.push(TargetGroupStatus {
                service: service.clone(),
                arn: group.arn.clone(),
                name: name.clone(),
                port: *port,
                intent: Some(intent.id.clone()),
            });
            settle(draft, intent, &Made::TargetGroup(group.arn.clone()));
        } else {
            take_back_group(draft, group);
        }
    }
    for recorded in draft.status.target_groups.clone() {
        let made = Made::TargetGroup(recorded.arn.clone());
        if is_gone(draft, &made, seen.iter().any(|group| group.arn == recorded.arn)) {
            draft.status.target_groups.retain(|group| group.arn != recorded.arn);
            draft.memory.note_lost_group(recorded);
            gone(draft, &made);
        }
    }
}

/// A listener is an entry of its load balancer: whatever listens on ours is ours to set right.
fn listeners(draft: &mut Draft<'_>) {
    let record = draft.sight.record;
    let Some(arn) = draft.status.load_balancer.as_ref().map(|balancer| balancer.arn.clone()) else { return };
    let Some(seen) = seen_listeners(draft, &arn) else { return };
    draft.status.listeners = seen.clone();
    for intent in &record.intents {
        if let Makes::Listener { port } = intent.makes
            && let Some(listener) = seen.iter().find(|listener| listener.port == port)
        {
            // It may be somebody's, which was made before ours could be: then its own tag tells.
            let ours = ElbTaggable::Listener(listener.arn.clone());
            let tags = draft.sight.observed.tags_of(&ours);
            if tags.and_then(|tags| tags.get(TAG_INTENT)).map(String::as_str) == Some(intent.id.as_str())
                && let Some(recorded) = draft.status.listeners.iter_mut().find(|one| one.arn == listener.arn)
            {
                recorded.intent = Some(intent.id.clone());
            }
            settle(draft, intent, &Made::Listener(listener.arn.clone()));
        }
    }
}

fn seen_listeners(draft: &Draft<'_>, arn: &LoadBalancerArn) -> Option<Vec<ListenerStatus>> {
    let listeners = draft.sight.observed.listeners.get(arn)?.seen()?;
    let recorded = |seen: &Listener| {
        let same = draft.status.listeners.iter().find(|known| known.arn == seen.arn).cloned();
        ListenerStatus { port: seen.port, ..same.unwrap_or_else(|| ListenerStatus::new(seen.port, seen.arn.clone())) }
    };
    Some(listeners.iter().map(recorded).collect())
}

fn instances(draft: &mut Draft<'_>) {
    let record = draft.sight.record;
    let Some(seen) = draft.sight.observed.instances.seen() else { return };
    for instance in seen.values() {
        if draft.status.instances.iter().any(|member| member.instance_id == instance.id) {
            continue;
        }
        if let Some(intent) = ownership::launch_behind(record, instance)
            && let Some(member) = launched(intent, instance, draft)
        {
            draft.status.instances.push(member);
            settle(draft, intent, &Made::Instance(instance.id.clone()));
        } else if !is_over(instance.state)
            && instance.tags.get(TAG_ENVIRONMENT) == Some(&record.name)
            && ownership::launched_by(record, instance).is_none()
        {
            let message = "it carries our tags, but was not launched by an intent of ours: somebody's copy";
            draft.leave(&instance.id, Reason::NotOurs, message);
        }
    }
    draft.status.instances.sort_by(|a, b| (a.slot, &a.instance_id).cmp(&(b.slot, &b.instance_id)));
    for member in draft.status.instances.clone() {
        let instance = seen.get(&member.instance_id);
        let made = Made::Instance(member.instance_id.clone());
        let terminated = instance.is_some_and(|instance| instance.state == InstanceState::Terminated);
        if is_gone(draft, &made, instance.is_some()) || terminated {
            draft.status.instances.retain(|other| other.instance_id != member.instance_id);
            lost(draft, &member, instance);
        }
    }
}

fn is_over(state: InstanceState) -> bool {
    match state {
        InstanceState::ShuttingDown | InstanceState::Terminated => true,
        InstanceState::Pending | InstanceState::Running | InstanceState::Stopping | InstanceState::Stopped => false,
    }
}

fn lost(draft: &mut Draft<'_>, member: &MemberStatus, instance: Option<&Instance>) {
    let id = &member.instance_id;
    draft.memory.note_lost(id.clone());
    if let Some(leaving) = &member.leaving {
        draft.notice(id, leaving.reason, format!("slot {}: {id} is terminated", member.slot));
    } else if !draft.sight.record.deleting {
        let how = instance.and_then(|instance| instance.state_reason.as_deref()).unwrap_or("AWS no longer shows it");
        draft.notice(id, Reason::MemberGone, format!("slot {}: {id} is gone ({how})", member.slot));
        let disks = draft.sight.record.spec.as_ref().map(|spec| spec.instances.block_devices.as_slice());
        let keeps = disks.unwrap_or_default().iter().any(|disk| !disk.delete_on_termination);
        let but = if keeps { ", but for those with deleteOnTermination: false" } else { "" };
        let ids: Vec<&str> = member.volumes.iter().map(VolumeId::as_str).collect();
        let ids = if ids.is_empty() { String::new() } else { format!(" ({})", ids.join(", ")) };
        let message =
            format!("slot {}: the volumes of {id}{ids} went with it{but}; what was on them is gone", member.slot);
        draft.notice(id, Reason::VolumeLost, message);
    }
}

/// The member that an intent launched.
fn launched(intent: &Intent, instance: &Instance, draft: &Draft<'_>) -> Option<MemberStatus> {
    let (Makes::Member { slot, template }, crate::request::Write::RunInstances(run)) = (&intent.makes, &intent.write)
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
        launched_at: draft.now(),
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
