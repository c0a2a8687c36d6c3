//! Plans what makes AWS match the spec. Each step uses what the ones before it found or planned.

use std::collections::BTreeSet;

use aws_api::ec2::Instance;
use aws_api::elbv2::{Target, TargetHealth};
use aws_api::id::{InstanceId, TargetGroupArn};
use aws_api::{Ref, ResourceId, Tags};
use crds_schema::Spec;

use crate::builder::PlanBuilder;
use crate::desired::{self, Wanted};
use crate::diff;
use crate::fixed;
use crate::healing;
use crate::members::{self, Member};
use crate::order::{self, FleetInput};
use crate::orphan_intents;
use crate::reason::Reason;
use crate::record::GroupRole;
use crate::status::{ImageStatus, MemberStatus, NetworkStatus, Origin, WaitOn, WantedStatus};

/// Plans towards the spec in force.
pub(crate) fn converge(builder: &mut PlanBuilder<'_>, spec: &Spec) {
    builder.status.desired = spec.instances.count;
    builder.status.image = spec.image.ami_id.clone().map(|ami_id| ImageStatus { ami_id });
    let record = builder.input.record;
    for fault in fixed::edits(&record.name, spec, &builder.status, !record.intents.is_empty()) {
        builder.add_blocker(Reason::ImmutableField, fault.to_string());
    }
    let wanted = match desired::wanted(builder.input.record, spec, builder.input.observed) {
        Ok(wanted) => wanted,
        Err(why) => {
            builder.add_blocker(why.reason, why.message.clone());
            builder.wait(if why.reason == Reason::Unread { WaitOn::Aws } else { WaitOn::Person }, why.message, None);
            members::assess(builder, None, None, "", |_| true);
            return;
        }
    };
    let Some(wanted) = keep_fixed(builder, wanted) else { return };
    if has_shrunk(builder, &wanted) {
        return;
    }
    let groups = diff::groups::diff(builder, spec, &wanted);
    let group = diff::target_groups::diff(builder, spec, &wanted);
    let balancer = diff::load_balancer::diff(builder, spec, &wanted, &groups);
    let serving = diff::target_groups::serving(builder, &wanted);

    let template = wanted.template.hash();
    let next = group.as_ref().and_then(Ref::id);
    still_served_by(builder, next, serving.as_ref());
    let mut members =
        members::assess(builder, serving.as_ref(), next, &template, |instance| is_current(&wanted, instance));
    members::note_altered(&mut members, &template, &wanted.template.instance_type);
    let verdicts = healing::judge(builder, &spec.healing, spec.instances.count, &members);
    // Nothing is launched into, or attached to, a group that AWS does not show.
    let instances =
        groups.get(&GroupRole::Instances).filter(|group| !builder.doubts(group, ResourceId::SecurityGroup)).cloned();
    let next = healthy_next(builder, next, serving.as_ref(), &members);
    let fleet =
        FleetInput { spec, wanted: &wanted, members: &members, verdicts: &verdicts, group: instances, next: &next };
    if builder.input.observed.volumes.values().any(|part| part.seen().is_some()) {
        builder.memory.note_volumes_seen();
    }
    order::members(builder, &fleet);
    diff::instances::in_place(builder, &fleet);
    diff::target_groups::targets(builder, &wanted, group.as_ref(), serving.as_ref(), &members);
    if let (Some(balancer), Some(group)) = (&balancer, &group) {
        diff::listeners::diff(builder, spec, &wanted, balancer, group);
    }
    diff::listener_rules::report(builder);
    diff::target_groups::retire(builder, &wanted);
    orphan_intents::give_up(builder);
    count(builder, &members);
    tag_keys(builder, spec, &wanted);
    warn_port_split(builder, spec, &next, &members);
}

/// The members that are healthy where they are to serve next, while one target group replaces another.
fn healthy_next(
    builder: &PlanBuilder<'_>,
    next: Option<&TargetGroupArn>,
    serving: Option<&TargetGroupArn>,
    members: &[Member],
) -> BTreeSet<InstanceId> {
    let next = next.filter(|next| Some(*next) != serving);
    let targets = next.and_then(|next| builder.input.observed.targets_of(next)).unwrap_or_default();
    let healthy = |member: &&Member| {
        let is = |target: &Target| target.id == member.id().as_str() && target.health == TargetHealth::Healthy;
        member.stays() && targets.iter().any(is)
    };
    members.iter().filter(healthy).map(|member| member.id().clone()).collect()
}

/// Old members that serve the old port only, and new ones that serve the new one only, cannot take turns one by one
/// without serving fewer: it holds, and says what would let it go on.
fn warn_port_split(builder: &mut PlanBuilder<'_>, spec: &Spec, next: &BTreeSet<InstanceId>, members: &[Member]) {
    let count = spec.instances.count;
    let surge = spec.rollout.max_surge.of(count, 1);
    let apart = members.iter().any(|member| next.contains(member.id()) && !member.is_healthy());
    if apart && builder.has_outdated && surge < count {
        let message = format!(
            "new members serve the new port only, and the old ones the old port only; set spec.rollout.maxSurge: {count}, or let \
             the new image serve both ports"
        );
        builder.add_blocker(Reason::Held, message.clone());
        builder.wait(WaitOn::Person, message, None);
    }
}

/// What can change on an instance by hand and not be set right in place.
fn is_current(wanted: &Wanted, instance: &Instance) -> bool {
    let in_listed_subnet = instance.subnet.as_ref().is_none_or(|subnet| wanted.subnets.contains(subnet));
    in_listed_subnet && instance.instance_type == wanted.template.instance_type
}

fn count(builder: &mut PlanBuilder<'_>, members: &[Member]) {
    let of = |wanted: &dyn Fn(&Member) -> bool| {
        u32::try_from(members.iter().filter(|member| wanted(member)).count()).unwrap_or(u32::MAX)
    };
    let ours = |member: &&Member| member.status.origin == Origin::Launched;
    let is_older = |member: &Member| !member.current && !member.altered;
    builder.has_outdated = members.iter().filter(ours).any(|member| member.stays() && is_older(member));
    builder.status.updated = of(&|member| member.stays() && member.current);
    builder.status.ready = of(&|member| member.is_healthy() && member.current);
    builder.status.serving = of(&Member::is_healthy);
    if builder.status.desired > 0 && builder.status.ready >= builder.status.desired {
        builder.status.good_revision = builder.input.record.revision;
    }
    // One that was changed by hand runs what the record says, so that it serves as well as any.
    let old = members.iter().filter(|member| is_older(member) && member.status.origin == Origin::Launched);
    let registered: Vec<&Member> = old.filter(|member| is_registered(builder, member)).collect();
    let words = registered.iter().map(|member| format!("slot {} ({})", member.status.slot, member.id()));
    let words: Vec<String> = words.map(|who| format!("{who}, of an older revision, is still registered")).collect();
    builder.older.extend(words);
}

/// Whether it is a target of ours, whatever its health: one that drains still answers what it has in flight.
fn is_registered(builder: &PlanBuilder<'_>, member: &Member) -> bool {
    let groups = builder.status.target_groups.iter().filter_map(|group| builder.input.observed.targets_of(&group.arn));
    groups.flatten().any(|target| target.id == member.id().as_str())
}

/// A target group that is being replaced serves as the record said before, whoever is in it.
fn still_served_by(builder: &mut PlanBuilder<'_>, next: Option<&TargetGroupArn>, serving: Option<&TargetGroupArn>) {
    let Some(old) = serving.filter(|serving| next.is_some_and(|next| next != *serving)) else { return };
    let name = builder.status.target_groups.iter().find(|group| group.arn == *old).map(|group| group.name.clone());
    builder
        .older
        .extend(name.map(|name| format!("listeners still forward to target group {name}, which is being replaced")));
}

/// A dropped key is forgotten once it was seen to be on nothing. What was not read may still have it, and a call of ours
/// that nobody answered may still put it. A target group that is being replaced keeps its tags, and may be wanted again.
fn tag_keys(builder: &mut PlanBuilder<'_>, spec: &Spec, wanted: &Wanted) {
    // An open intent is sent again as it was stored, with the tags of its time: only once it is closed, time runs.
    if !builder.input.record.intents.is_empty() {
        builder.memory.keep_dropped_tags(&BTreeSet::new());
    }
    let is_left = builder.actions.iter().any(|action| action.id.0.starts_with("untag/"));
    let is_unread = !builder.input.observed.gaps().is_empty();
    let is_replaced = builder.status.target_groups.iter().any(|group| group.name != wanted.target_group.name);
    // Volumes are read rarely: where that was not now, it is in the next pass.
    let volumes = &builder.input.observed.volumes;
    let unseen = |member: &MemberStatus| !member.volumes.is_empty() && !volumes.contains_key(&member.instance_id);
    let is_unseen = builder.status.instances.iter().any(unseen);
    let may_be_left = is_left || is_unread || is_replaced || is_unseen;
    let now = builder.now();
    let dropped = std::mem::take(&mut builder.status.tag_keys).into_iter().filter(|key| !spec.tags.contains_key(key));
    // A member that is stopped is set right only once it was started again.
    let seen = builder.input.observed.instances.seen();
    let tags = |member: &MemberStatus| seen.and_then(|all| all.get(&member.instance_id)).map(|instance| &instance.tags);
    let members: Vec<&Tags> = builder.status.instances.iter().filter_map(tags).collect();
    let is_on_a_member = |key: &String| members.iter().any(|tags| tags.contains_key(key));
    let mut kept: BTreeSet<String> = dropped
        .filter(|key| builder.memory.dropped_tag_may_come(key, now) || may_be_left || is_on_a_member(key))
        .collect();
    builder.memory.keep_dropped_tags(&kept);
    if is_unseen && !kept.is_empty() {
        builder.memory.look_at_volumes_again();
    }
    kept.extend(spec.tags.keys().cloned());
    builder.status.tag_keys = kept;
}

/// Keeps what AWS fixed at creation. An edit of it is refused before it comes into force ([`crate::fixed`]); one that was
/// in force before the thing was there is held here, field by field. `None`: nothing can be planned meanwhile.
fn keep_fixed(builder: &mut PlanBuilder<'_>, mut wanted: Wanted) -> Option<Wanted> {
    let record = builder.input.record;
    let stands_in = record.region(builder.input.default_region).to_owned();
    if let Some(network) = record.pinned().filter(|network| network.vpc_id != wanted.vpc) {
        let fault = fixed::vpc_differs(network.vpc_id.as_str(), wanted.vpc.as_str());
        fault.iter().for_each(|fault| builder.add_blocker(Reason::ImmutableField, fault.to_string()));
        return None;
    }
    let is_default = builder.input.observed.subnets.seen().map(|all| all.iter().any(|subnet| subnet.default_for_az));
    builder.status.network = Some(NetworkStatus { vpc_id: wanted.vpc.clone(), region: Some(stands_in), is_default });
    if let Some(recorded) = &builder.status.load_balancer {
        wanted.load_balancer.name = recorded.name.clone();
        wanted.load_balancer.scheme = recorded.scheme.unwrap_or(wanted.load_balancer.scheme);
    }
    for role in GroupRole::BOTH {
        let recorded = role.recorded(&builder.status).and_then(|id| builder.status.security_groups.names.get(id));
        if let Some(name) = recorded {
            wanted.group_names.insert(role, name.clone());
        }
    }
    let group = builder.status.target_groups.iter().find(|group| group.name == wanted.target_group.name);
    if let Some(group) = group {
        wanted.target_group.port = group.port;
    }
    Some(wanted)
}

/// The brake against an emptied graph: without an edit, what was wanted stays wanted.
fn has_shrunk(builder: &mut PlanBuilder<'_>, wanted: &Wanted) -> bool {
    let now = WantedStatus { revision: builder.input.record.revision, resources: desired::fingerprint(wanted) };
    let before = &builder.status.wanted;
    if before.revision == now.revision {
        let lost: Vec<_> = before.resources.difference(&now.resources).cloned().collect();
        if !lost.is_empty() {
            let message = format!(
                "without an edit, {} would no longer be wanted; restore it, or edit the record",
                lost.join(", ")
            );
            builder.add_blocker(Reason::WantedGraphShrank, message.clone());
            builder.wait(WaitOn::Person, message, None);
            return true;
        }
    }
    builder.status.wanted = now;
    false
}
