//! Target groups: the wanted one with its health check, attributes and targets, and the end of one that is replaced.
//!
//! What AWS fixes at creation (protocol, port) is changed by create-before-delete: the new group is filled and warmed by
//! the listeners at weight 0, switched to once it is as healthy as the old, and only then is the old one emptied.

use std::collections::{BTreeMap, BTreeSet};

use aws_api::ec2::{Instance, InstanceState};
use aws_api::elbv2::{CreateTargetGroup, ElbTaggable, Target, TargetGroup, TargetGroupWrite, TargetHealth};
use aws_api::id::{InstanceId, TargetGroupArn};
use aws_api::{ActionId, Ref, ResourceId, Write};
use crds_schema::Spec;
use crds_schema::limits::TARGETS_MAX;

use super::attributes::{self, Whose};
use super::joined_by;
use super::load_balancer::made;
use crate::action::Does;
use crate::builder::PlanBuilder;
use crate::desired::{Wanted, WantedTargetGroup};
use crate::members::Member;
use crate::memory::{ARRIVES_WITHIN, Entry, later};
use crate::ownership::{self, TAG_UID};
use crate::reason::{Reason, Why};
use crate::record::Makes;
use crate::status::{TargetGroupStatus, WaitOn};

/// Plans the wanted target group itself; `None` while it cannot be told whether there is one.
pub(crate) fn diff(builder: &mut PlanBuilder<'_>, spec: &Spec, wanted: &Wanted) -> Option<Ref<TargetGroupArn>> {
    let want = &wanted.target_group;
    if let Some(recorded) = builder.status.target_groups.iter().find(|group| group.name == want.name).cloned() {
        let seen = builder.input.observed.target_groups.seen();
        if let Some(seen) = seen.and_then(|all| all.iter().find(|group| group.arn == recorded.arn)) {
            compare(builder, spec, want, seen);
        }
        return Some(Ref::Id(recorded.arn));
    }
    create(builder, spec, wanted)
}

fn create(builder: &mut PlanBuilder<'_>, spec: &Spec, wanted: &Wanted) -> Option<Ref<TargetGroupArn>> {
    let record = builder.input.record;
    let want = &wanted.target_group;
    let seen = builder.input.observed.target_groups.seen()?;
    if let Some(taken) = seen.iter().find(|group| group.name == want.name) {
        if builder.input.observed.tags_of(&ElbTaggable::TargetGroup(taken.arn.clone())).is_some() {
            super::name_taken(
                builder,
                "target group",
                &want.name,
                taken.arn.as_str(),
                "spec.services[0].targetGroupName",
            );
        }
        return None;
    }
    let replaced = builder.status.target_groups.first().map(|old| old.name.clone());
    let why = match replaced {
        Some(old) => Why::new(Reason::TargetGroupReplaced, format!("target group {} in place of {old}", want.name)),
        None => Why::new(Reason::NotYetMade, format!("target group {}", want.name)),
    };
    let makes = Makes::TargetGroup { name: want.name.clone(), service: want.service.clone(), port: want.port };
    let action = builder
        .create(format!("create-target-group/{}", want.name), makes, &want.name, why, |intent| {
            Write::TargetGroup(TargetGroupWrite::Create(CreateTargetGroup {
                name: want.name.clone(),
                protocol: want.protocol,
                port: want.port,
                vpc: wanted.vpc.clone(),
                health_check: want.health_check.clone(),
                tags: ownership::tags(record, &spec.tags, &want.name, intent),
            }))
        })
        .id();
    let attributes = attributes::of_new(&want.attributes);
    if !attributes.is_empty() {
        let why = Why::new(Reason::NotYetMade, joined_by(attributes.keys(), ", "));
        let target_group = Ref::Made(action.clone());
        let puts = attributes::puts(&target_group.to_string(), &attributes);
        let write = Write::TargetGroup(TargetGroupWrite::SetAttributes { target_group, attributes });
        let id = format!("set-target-group-attributes/{}", want.name);
        builder.change(id, write, &want.name, why).after([action.clone()]).puts(puts);
    }
    Some(Ref::Made(action))
}

fn compare(builder: &mut PlanBuilder<'_>, spec: &Spec, want: &WantedTargetGroup, seen: &TargetGroup) {
    super::tags::elb(builder, spec, &seen.name, &ElbTaggable::TargetGroup(seen.arn.clone()));
    let arn = seen.arn.to_string();
    let entry = Entry::new(arn.clone(), "health check");
    let (have, wish) = (check_words(&seen.health_check), check_words(&want.health_check));
    if builder.confirm_drift(&entry, Some(&wish), Some(&have)) {
        let reason = builder.cause(&entry, Some(&wish), Some(&have), Reason::HealthCheckDrifted);
        let why = Why::new(reason, format!("is {have}; should be {wish}"));
        let write = Write::TargetGroup(TargetGroupWrite::SetHealthCheck {
            target_group: seen.arn.clone(),
            health_check: want.health_check.clone(),
        });
        builder.change(format!("set-health-check/{}", seen.name), write, &seen.name, why).puts([(entry, Some(wish))]);
    }
    let seen_attributes = builder.input.observed.target_group_attributes.get(&seen.arn).and_then(|part| part.seen());
    let Some(seen_attributes) = seen_attributes else { return };
    let whose = Whose { action: format!("set-target-group-attributes/{}", seen.name), name: &seen.name, arn };
    attributes::set_right(builder, &whose, &want.attributes, seen_attributes, |attributes| {
        Write::TargetGroup(TargetGroupWrite::SetAttributes { target_group: Ref::Id(seen.arn.clone()), attributes })
    });
}

fn check_words(check: &aws_api::elbv2::TargetHealthCheck) -> String {
    format!(
        "{} {} port {} every {}s, timeout {}s, {} up, {} down, codes {}",
        check.protocol,
        check.path,
        check.port,
        check.interval_secs,
        check.timeout_secs,
        check.healthy_threshold,
        check.unhealthy_threshold,
        check.matcher
    )
}

/// Registers members that are not, and takes out targets that are no members, in every target group that serves or will.
pub(crate) fn targets(
    builder: &mut PlanBuilder<'_>,
    wanted: &Wanted,
    group: Option<&Ref<TargetGroupArn>>,
    serving: Option<&TargetGroupArn>,
    members: &[Member],
) {
    let held = super::listener_rules::holding(builder).unwrap_or_default();
    for recorded in builder.status.target_groups.clone() {
        let is_wanted = recorded.name == wanted.target_group.name;
        let is_in_doubt = builder.input.observed.doubts(&ResourceId::TargetGroup(recorded.arn.clone()));
        // What a rule of somebody's forwards to serves too: the members that come are registered there as well.
        let serves = is_wanted || serving == Some(&recorded.arn) || held.contains_key(&recorded.arn);
        if serves && !is_in_doubt {
            let Some(seen) = builder.input.observed.targets_of(&recorded.arn) else { continue };
            let missing = unregistered(builder, &recorded, seen, members);
            let is_full = builder.memory.full.holds(&format!("{}/targets", recorded.arn), builder.now());
            // Where there is no room for ours, what is not ours goes first.
            if is_full || seen.len() + missing.len() > TARGETS_MAX {
                let gone = foreign(builder, &recorded, seen, members);
                register(builder, &recorded, &missing, gone);
            } else {
                register(builder, &recorded, &missing, None);
                foreign(builder, &recorded, seen, members);
            }
        }
    }
    if let Some(Ref::Made(action)) = group {
        let running: BTreeSet<InstanceId> = running(members).map(|member| member.id().clone()).collect();
        if !running.is_empty() {
            let why = Why::new(Reason::NotYetMade, joined_by(&running, ", "));
            let port = wanted.target_group.port;
            let write = Write::TargetGroup(TargetGroupWrite::Register {
                target_group: Ref::Made(action.clone()),
                instances: running,
                port,
            });
            let name = &wanted.target_group.name;
            builder.change(format!("register/{name}"), write, name, why).after([action.clone()]);
        }
    }
}

/// AWS takes running instances only.
fn running(members: &[Member]) -> impl Iterator<Item = &Member> {
    members.iter().filter(|member| member.stays() && member.is_running())
}

fn target_entry(group: &TargetGroupStatus, id: &str, port: u16) -> Entry {
    Entry::new(format!("{}/targets", group.arn), format!("{id}:{port}"))
}

/// Members that are to be registered, each with whether it was before.
fn unregistered(
    builder: &mut PlanBuilder<'_>,
    group: &TargetGroupStatus,
    seen: &[Target],
    members: &[Member],
) -> BTreeMap<InstanceId, Reason> {
    let mut missing = BTreeMap::new();
    for member in running(members) {
        let registered = seen.iter().any(|target| {
            target.id == member.id().as_str() && target.port == group.port && target.health != TargetHealth::Draining
        });
        let entry = target_entry(group, member.id().as_str(), group.port);
        let reason = if builder.memory.expects(&entry) { Reason::TargetMissing } else { Reason::NotYetMade };
        if builder.confirm_drift(&entry, Some(""), registered.then_some("")) {
            missing.insert(member.id().clone(), reason);
        }
    }
    for member in members.iter().filter(|member| member.stays()) {
        let (slot, id) = (member.status.slot, member.id());
        if !member.is_running() {
            builder.wait(WaitOn::Aws, format!("slot {slot} ({id}) to be running"), None);
        } else if member.status.health == Some(TargetHealth::Initial) {
            builder.wait(WaitOn::Aws, format!("slot {slot} ({id}) to pass its first health check"), None);
        }
    }
    missing
}

fn register(
    builder: &mut PlanBuilder<'_>,
    group: &TargetGroupStatus,
    missing: &BTreeMap<InstanceId, Reason>,
    after: Option<ActionId>,
) {
    let base = format!("register/{}", group.name);
    let keys: Vec<InstanceId> = missing.keys().cloned().collect();
    for part in builder.memory.batches.parts(&base, group.arn.as_str(), keys, |_| false) {
        let ids: BTreeSet<InstanceId> = part.keys.into_iter().collect();
        let reasons = ids.iter().filter_map(|id| missing.get(id).copied());
        let reason = builder.worst(reasons, Reason::TargetMissing);
        let why = Why::new(reason, format!("{} not in {}", joined_by(&ids, ", "), group.name));
        let puts: Vec<_> =
            ids.iter().map(|id| (target_entry(group, id.as_str(), group.port), Some(String::new()))).collect();
        let write = Write::TargetGroup(TargetGroupWrite::Register {
            target_group: Ref::Id(group.arn.clone()),
            instances: ids,
            port: group.port,
        });
        builder.change(part.id, write, &group.name, why).after(after.clone()).puts(puts);
    }
}

/// A target that is no member of ours, or a member on another port. Members that leave are drained by `order`.
fn foreign(
    builder: &mut PlanBuilder<'_>,
    group: &TargetGroupStatus,
    seen: &[Target],
    members: &[Member],
) -> Option<ActionId> {
    let is_member = |target: &Target| members.iter().any(|member| member.id().as_str() == target.id);
    let mut out = BTreeSet::new();
    for target in seen.iter().filter(|target| target.health != TargetHealth::Draining) {
        if is_member(target) && target.port == group.port {
            continue;
        }
        if builder.confirm_drift(&target_entry(group, &target.id, target.port), None, Some("")) {
            out.insert((target.id.clone(), target.port));
        }
    }
    if out.is_empty() {
        return None;
    }
    let names: Vec<_> = out.iter().map(|(id, port)| format!("{id}:{port}")).collect();
    let stale = out.iter().all(|(id, _)| was_ours(builder, id));
    let reason = if stale { Reason::TargetStale } else { Reason::TargetForeign };
    let why = Why::new(reason, format!("{} in {}", names.join(", "), group.name));
    let puts: Vec<_> = out.iter().map(|(id, port)| (target_entry(group, id, *port), None)).collect();
    let write = Write::TargetGroup(TargetGroupWrite::Deregister { target_group: group.arn.clone(), targets: out });
    Some(builder.change(format!("deregister/{}", group.name), write, &group.name, why).puts(puts).id())
}

/// Whether a target that is no member was one, as far as this controller saw its end, or AWS still shows it.
fn was_ours(builder: &PlanBuilder<'_>, id: &str) -> bool {
    let uid = builder.status.uid.as_str();
    let instances = builder.input.observed.instances.seen().into_iter().flat_map(|all| all.values());
    let ended = |instance: &Instance| {
        matches!(instance.state, InstanceState::ShuttingDown | InstanceState::Terminated)
            && instance.tags.get(TAG_UID).map(String::as_str) == Some(uid)
    };
    builder.memory.was_lost(id)
        || instances.filter(|instance| ended(instance)).any(|instance| instance.id.as_str() == id)
}

/// Empties and deletes target groups that are neither wanted nor used by a listener any more: once that was seen for as long
/// as an older reading, or a late call of ours, could have it otherwise.
pub(crate) fn retire(builder: &mut PlanBuilder<'_>, wanted: &Wanted) {
    if builder.input.observed.instances.seen().is_none() {
        return;
    }
    let (Some(used), Some(held)) = (used_by_listeners(builder), super::listener_rules::holding(builder)) else {
        return;
    };
    let groups = builder.status.target_groups.clone();
    let is_held = |old: &TargetGroupStatus| held.contains_key(&old.arn);
    for old in groups.iter().filter(|old| old.name != wanted.target_group.name && is_held(old)) {
        let rules = held[&old.arn].join(", ");
        let what = format!(
            "{rules} to forward to {} or to be deleted: until then {} stays",
            wanted.target_group.name, old.name
        );
        builder.wait(WaitOn::Person, what, None);
    }
    let unused =
        |old: &TargetGroupStatus| old.name != wanted.target_group.name && !used.contains(&old.arn) && !is_held(old);
    builder.memory.keep_unused(|arn| groups.iter().any(|group| group.arn == *arn && unused(group)));
    for old in groups.into_iter().filter(unused) {
        let until = later(builder.memory.unused_since(&old.arn, builder.input.now), ARRIVES_WITHIN);
        if until > builder.now() {
            builder.wait(WaitOn::Time, format!("{} to be used by no listener for a while", old.name), Some(until));
            continue;
        }
        if builder.input.observed.doubts(&ResourceId::TargetGroup(old.arn.clone())) {
            continue;
        }
        let Some(targets) = builder.input.observed.targets_of(&old.arn) else { continue };
        empty_then_delete(builder, &old, targets, Vec::new(), Reason::TargetGroupReplaced);
    }
}

/// Deregisters what is registered; waits for drains; deletes the group once it is empty.
pub(crate) fn empty_then_delete(
    builder: &mut PlanBuilder<'_>,
    old: &TargetGroupStatus,
    targets: &[Target],
    after: Vec<aws_api::ActionId>,
    reason: Reason,
) {
    let registered: BTreeSet<(String, u16)> = targets
        .iter()
        .filter(|target| target.health != TargetHealth::Draining)
        .map(|target| (target.id.clone(), target.port))
        .collect();
    if !registered.is_empty() {
        let why = Why::new(reason, format!("{} is emptied", old.name));
        let write =
            Write::TargetGroup(TargetGroupWrite::Deregister { target_group: old.arn.clone(), targets: registered });
        builder.change(format!("deregister/{}", old.name), write, &old.name, why);
    } else if !targets.is_empty() {
        builder.wait(WaitOn::Aws, format!("targets of {} to drain", old.name), None);
    } else if let Some(owned) = ownership::prove_target_group(&builder.status, &old.arn) {
        let why = Why::new(reason, format!("{} is no longer used", old.name));
        builder
            .act(format!("delete-target-group/{}", old.name), Does::DeleteTargetGroup(owned), &old.name, why)
            .after(after);
    }
}

/// Target groups that a listener's default action names, in whatever way; `None` while that is not known.
fn used_by_listeners(builder: &PlanBuilder<'_>) -> Option<BTreeSet<TargetGroupArn>> {
    let Some(balancer) = &builder.status.load_balancer else { return Some(BTreeSet::new()) };
    let listeners = builder.input.observed.listeners.get(&balancer.arn)?.seen()?;
    Some(listeners.iter().flat_map(|listener| listener.groups()).cloned().collect())
}

/// The target group whose health counts: the one that listeners forward to, else the wanted one.
pub(crate) fn serving(builder: &PlanBuilder<'_>, wanted: &Wanted) -> Option<TargetGroupArn> {
    let recorded = |arn: &TargetGroupArn| builder.status.target_groups.iter().any(|group| group.arn == *arn);
    let listeners = builder
        .status
        .load_balancer
        .as_ref()
        .and_then(|balancer| builder.input.observed.listeners.get(&balancer.arn))
        .and_then(|part| part.seen());
    let forwarded = listeners.into_iter().flatten().filter_map(|listener| listener.forwards_to.clone()).find(recorded);
    let by_name = || builder.status.target_groups.iter().find(|group| group.name == wanted.target_group.name);
    forwarded.or_else(|| by_name().or(builder.status.target_groups.first()).map(|group| group.arn.clone()))
}

/// Healthy targets by target group.
pub(crate) fn healthy_targets(builder: &PlanBuilder<'_>, arn: &TargetGroupArn) -> Option<usize> {
    let targets = builder.input.observed.targets_of(arn)?;
    Some(targets.iter().filter(|target| target.health == TargetHealth::Healthy).count())
}

/// Actions that must come before a listener forwards to the group: its making, and its first settings.
pub(crate) fn ready_actions(
    builder: &PlanBuilder<'_>,
    group: &Ref<TargetGroupArn>,
    name: &str,
) -> Vec<aws_api::ActionId> {
    let mut after = made(group);
    after.extend(builder.planned(&format!("set-target-group-attributes/{name}")).filter(|_| group.id().is_none()));
    after
}
