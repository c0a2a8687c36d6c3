//! Decides which members to take out, and in which order, so that enough stay healthy.
//!
//! Promise I2 (launch before terminate, deregister and drain before terminate, healthy floor kept).
//! Never: judges health; that is [`crate::healing`]. What is launched is [`crate::launches`]. Start at [`members`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_api::Ref;
use aws_api::elbv2::TargetHealth;
use aws_api::id::{InstanceId, SecurityGroupId, TargetGroupArn, Zone};
use crds_schema::Spec;

use crate::action::Does;
use crate::builder::PlanBuilder;
use crate::desired::Wanted;
use crate::healing::{self, Verdicts};
use crate::launches::{launches, stopped_most};
use crate::members::{Lifecycle, Member};
use crate::memory::later;
use crate::ownership;
use crate::reason::{Reason, Why};
use crate::status::{Charge, Leaving, WaitOn};

/// What the members are planned from.
pub(crate) struct FleetInput<'a> {
    pub(crate) spec: &'a Spec,
    pub(crate) wanted: &'a Wanted,
    pub(crate) members: &'a [Member],
    pub(crate) verdicts: &'a Verdicts,
    /// The instances' group.
    pub(crate) group: Option<Ref<SecurityGroupId>>,
    /// Members that are healthy in the target group that is to serve next, while one replaces another.
    pub(crate) next: &'a BTreeSet<InstanceId>,
}

impl FleetInput<'_> {
    pub(crate) fn count(&self) -> u32 {
        self.spec.instances.count
    }

    /// Counts towards `count`: live, staying, current, and not to be replaced for its sickness.
    pub(crate) fn is_good(&self, member: &Member) -> bool {
        member.stays() && member.current && !self.verdicts.replaces(member)
    }

    pub(crate) fn good(&self) -> u32 {
        number(self.members.iter().filter(|member| self.is_good(member)).count())
    }

    fn healthy(&self) -> u32 {
        number(self.members.iter().filter(|member| member.is_healthy()).count())
    }

    /// How many healthy members must be left whatever goes.
    fn floor(&self) -> u32 {
        floor(self.spec)
    }
}

/// How many healthy members must be left whatever goes: at least one, unless the user wants none.
pub(crate) fn floor(spec: &Spec) -> u32 {
    let count = spec.instances.count;
    if count == 0 { 0 } else { count.saturating_sub(spec.rollout.max_unavailable.of(count, 0)).max(1) }
}

pub(crate) fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Plans launches, then exits.
pub(crate) fn members(builder: &mut PlanBuilder<'_>, fleet: &FleetInput<'_>) {
    let held = launches(builder, fleet);
    exits(builder, fleet, held);
    for member in fleet.members.iter().filter(|member| member.status.leaving.is_some()) {
        leave(builder, fleet, member);
    }
}

/// Goes on with an exit that was begun, unless what it was begun under no longer holds.
fn leave(builder: &mut PlanBuilder<'_>, fleet: &FleetInput<'_>, member: &Member) {
    // One that is still registered and well (its call was lost, or somebody put it back) serves until others do.
    // So in the group that is to serve next, which serves already where the reading of the listeners is an older one. One that
    // is shown as stopped and answers its health checks was started again: the reading of the instances is the older one.
    let next = number(fleet.next.len());
    let serves = member.lifecycle != Lifecycle::Ending;
    if serves && member.serves_next && next < fleet.floor() {
        return keep(builder, member, next, fleet.floor());
    }
    if serves && would_break_floor(fleet, member, fleet.healthy()) {
        return keep(builder, member, fleet.healthy(), fleet.floor());
    }
    if fleet.verdicts.too_many && member.status.leaving.as_ref().is_some_and(|leaving| leaving.healing) {
        return builder.wait(
            WaitOn::Person,
            format!("fewer members to be sick before {} goes on its way", member.id()),
            None,
        );
    }
    continue_exit(builder, member);
}

/// Decides who goes.
fn exits(builder: &mut PlanBuilder<'_>, fleet: &FleetInput<'_>, held: bool) {
    // What came back is too many only as far as more live than are wanted.
    let live = number(fleet.members.iter().filter(|member| member.stays() && member.current).count());
    builder.status.returned = builder.status.returned.min(live.saturating_sub(fleet.count()));
    let mut healthy = fleet.healthy();
    let charged = surplus_exits(builder, fleet, &mut healthy);
    sick_exits(builder, fleet, &healthy, charged);
    stopped_exits(builder, fleet, healthy, held);
    outdated_exits(builder, fleet, &mut healthy);
}

/// Scale-down: sick first, then zones with more members than others, then the newest; they drain together. What is too
/// many because stopped members came back is no wish of the user's: it goes within the budget of healing. Returns how many
/// of those go.
fn surplus_exits(builder: &mut PlanBuilder<'_>, fleet: &FleetInput<'_>, healthy: &mut u32) -> u32 {
    let mut surplus = fleet.good().saturating_sub(fleet.count());
    // Where none are wanted, all of it is the user's wish.
    let mut asked = if fleet.count() == 0 { surplus } else { surplus.saturating_sub(builder.status.returned) };
    let mut charged = 0;
    let mut left: Vec<&Member> = fleet.members.iter().filter(|member| fleet.is_good(member)).collect();
    while surplus > 0 && !left.is_empty() {
        let members_per_zone = |zone: &Zone| left.iter().filter(|member| member.status.zone == *zone).count();
        let Some((place, _)) = left.iter().enumerate().max_by_key(|(_, member)| {
            let status = &member.status;
            let unwell = (fleet.verdicts.sick.contains(member.id()), !member.is_healthy());
            (unwell, members_per_zone(&status.zone), status.launched_at, status.slot)
        }) else {
            return charged;
        };
        let member = left.remove(place);
        surplus -= 1;
        let spared =
            if member.is_healthy() { *healthy <= fleet.floor() } else { would_break_floor(fleet, member, *healthy) };
        if spared || would_break_next_floor(builder, fleet, member) {
            keep(builder, member, *healthy, fleet.floor());
            continue;
        }
        let healing = asked == 0;
        if healing && charged == fleet.verdicts.allowance {
            returned_are_held(builder, fleet);
            break;
        }
        *healthy -= u32::from(member.is_healthy());
        (asked, charged) = (asked.saturating_sub(1), charged + u32::from(healing));
        let back = if healing { ", since stopped members came back" } else { "" };
        let message = format!("slot {}: {} live, {} wanted{back}", member.status.slot, fleet.good(), fleet.count());
        begin_drain(builder, member, Why::new(Reason::MemberSurplus, message), healing);
    }
    charged
}

/// Says why members that are too many stay, unless the brake says so itself.
fn returned_are_held(builder: &mut PlanBuilder<'_>, fleet: &FleetInput<'_>) {
    if !fleet.verdicts.too_many {
        healing::spent(builder, fleet.spec.healing.max_terminations_per_hour);
    }
}

/// A sick member goes once others make up the count; the last of them may be its own successor.
fn sick_exits(builder: &mut PlanBuilder<'_>, fleet: &FleetInput<'_>, healthy: &u32, charged: u32) {
    let sick: Vec<&Member> =
        fleet.members.iter().filter(|member| member.stays() && fleet.verdicts.replaces(member)).collect();
    let spare =
        (*healthy + number(sick.iter().filter(|member| !member.is_healthy()).count())).saturating_sub(fleet.count());
    let mut allowed = spare.min(fleet.verdicts.allowance.saturating_sub(charged));
    for member in sick {
        let since = member.status.unhealthy_since.unwrap_or(builder.now());
        let cause = member.status.reason.as_deref().unwrap_or("unhealthy");
        let message = format!("slot {}: {cause} since {since:.0}", member.status.slot);
        if allowed == 0 || would_break_floor(fleet, member, *healthy) || would_break_next_floor(builder, fleet, member)
        {
            keep(builder, member, *healthy, fleet.count());
            continue;
        }
        allowed -= 1;
        begin_drain(builder, member, Why::new(Reason::MemberSick, message), true);
    }
}

/// A stopped member's disk may be wanted, so it goes only when its successor is healthy, and is charged. Where stopped
/// members pile up until no successor can be launched, those beyond one fleet of them make room, the newest first: the
/// older ones have more on their disks.
fn stopped_exits(builder: &mut PlanBuilder<'_>, fleet: &FleetInput<'_>, healthy: u32, held: bool) {
    let goes = |does: &Does| matches!(does, Does::TakeOut { .. } | Does::Terminate { .. });
    let taken = number(builder.actions.iter().filter(|action| goes(&action.does)).count());
    let mut allowed = fleet.verdicts.allowance.saturating_sub(taken);
    let stopped =
        fleet.members.iter().filter(|member| member.lifecycle == Lifecycle::Stopped && member.status.leaving.is_none());
    let mut stopped: Vec<&Member> = stopped.collect();
    let succeeded = healthy >= fleet.count();
    let mut spare = if held { number(stopped.len()).saturating_sub(stopped_most(fleet.count())) } else { 0 };
    if !succeeded {
        stopped.sort_by_key(|member| (std::cmp::Reverse(member.status.launched_at), member.status.slot));
    }
    for member in stopped {
        // That none are left is the user's wish, whatever befell them before.
        if fleet.count() == 0 {
            let message = format!("slot {}: stopped, and none are wanted", member.status.slot);
            begin_drain(builder, member, Why::new(Reason::MemberSurplus, message), false);
        } else if fleet.verdicts.braked || (!succeeded && spare == 0) || would_break_floor(fleet, member, healthy) {
            keep(builder, member, healthy, fleet.count());
        } else if allowed == 0 {
            healing::spent(builder, fleet.spec.healing.max_terminations_per_hour);
        } else {
            (allowed, spare) = (allowed - 1, spare.saturating_sub(1));
            let so = if succeeded { "its successor is healthy" } else { "a successor has no room beside so many" };
            let message = format!("slot {}: stopped, and {so}", member.status.slot);
            begin_drain(builder, member, Why::new(Reason::MemberStopped, message), true);
        }
    }
}

/// A rollout: an outdated member goes when enough others are healthy, and the new ones among them have baked.
fn outdated_exits(builder: &mut PlanBuilder<'_>, fleet: &FleetInput<'_>, healthy: &mut u32) {
    let now = builder.now();
    let bake = Duration::from_secs(fleet.spec.rollout.bake_time.as_secs());
    let mut baking = 0;
    for member in fleet.members.iter().filter(|member| member.is_healthy() && member.current) {
        let done = later(member.status.healthy_since.unwrap_or(now), bake);
        if done > now && fleet.members.iter().any(|other| other.stays() && !other.current) {
            baking += 1;
            let what = format!(
                "slot {} ({}) to have been healthy for {}",
                member.status.slot,
                member.id(),
                fleet.spec.rollout.bake_time
            );
            builder.wait(WaitOn::Time, what, Some(done));
        }
    }
    let mut outdated: Vec<&Member> = fleet
        .members
        .iter()
        .filter(|member| member.stays() && !member.current)
        // What healing may not take out, the rollout that the user asked for does.
        .filter(|member| fleet.verdicts.braked || !fleet.verdicts.replaces(member))
        .collect();
    outdated.sort_by_key(|member| (member.is_healthy(), member.status.slot));
    // An old member that is not healthy is spared only while it may still become so in time for the count.
    let mut unwell = number(outdated.iter().filter(|member| !member.is_healthy()).count());
    rollout(builder, fleet, number(outdated.len()));
    for member in outdated {
        let ready = healthy.saturating_sub(baking);
        let (reason, how) = match member.altered {
            true => (Reason::MemberAltered, member.alteration()),
            false => (Reason::MemberOutdated, "launched from an older revision".to_owned()),
        };
        let why = Why::new(reason, format!("slot {}: {how}", member.status.slot));
        if would_break_next_floor(builder, fleet, member) {
            keep(builder, member, number(fleet.next.len()), fleet.floor());
        } else if !member.is_healthy() {
            if ready + unwell > fleet.count() && !would_break_floor(fleet, member, *healthy) {
                unwell -= 1;
                begin_drain(builder, member, why, false);
            } else {
                keep(builder, member, ready, fleet.count());
            }
        } else if ready > fleet.floor() {
            *healthy -= 1;
            begin_drain(builder, member, why, false);
        } else {
            keep_old(builder, fleet, member);
        }
    }
}

/// What is under way as a whole: each member's own line tells only of the next step.
fn rollout(builder: &mut PlanBuilder<'_>, fleet: &FleetInput<'_>, outdated: u32) {
    if outdated == 0 {
        return;
    }
    let instances = if outdated == 1 { "1 instance".to_owned() } else { format!("{outdated} instances") };
    let pace = match fleet.spec.rollout.max_surge.of(fleet.count(), 1) {
        1 => "one at a time".to_owned(),
        surge => format!("{surge} at a time"),
    };
    builder.wait(WaitOn::Aws, format!("the rollout, which replaces {instances}, {pace}"), None);
}

/// An old member that is healthy is what users see until a new one is.
fn keep_old(builder: &mut PlanBuilder<'_>, fleet: &FleetInput<'_>, member: &Member) {
    let old = if member.status.ami_id == fleet.wanted.template.image { "older revision" } else { "old image" };
    let new = number(fleet.members.iter().filter(|member| member.is_healthy() && member.current).count());
    let what = format!(
        "slot {} ({}, {old}) serves until a successor is healthy: {new} of {} new",
        member.status.slot,
        member.id(),
        fleet.count()
    );
    builder.wait(WaitOn::Aws, what, None);
}

/// Whether a member that is unwell (its status checks fail) still serves, and too few others do.
fn would_break_floor(fleet: &FleetInput<'_>, member: &Member, healthy: u32) -> bool {
    member.serves_unwell() && healthy < fleet.floor()
}

/// Whether the group that is to serve next would have too few healthy members without this one: listeners may move to it in
/// this very pass.
fn would_break_next_floor(builder: &PlanBuilder<'_>, fleet: &FleetInput<'_>, member: &Member) -> bool {
    let goes = |does: &Does| matches!(does, Does::TakeOut { member, .. } if fleet.next.contains(member.id()));
    let out = builder.actions.iter().filter(|action| goes(&action.does)).count();
    fleet.next.contains(member.id()) && number(fleet.next.len()) <= number(out) + fleet.floor()
}

fn keep(builder: &mut PlanBuilder<'_>, member: &Member, healthy: u32, floor: u32) {
    let what =
        format!("slot {} ({}) stays until others are healthy: {healthy} of {floor}", member.status.slot, member.id());
    builder.wait(WaitOn::Aws, what, None);
}

/// Marks a member as leaving and starts its drain; [`continue_exit`] ends it. One that is registered nowhere ends at once.
fn begin_drain(builder: &mut PlanBuilder<'_>, member: &Member, why: Why, healing: bool) {
    let now = builder.now();
    let Some(owned) = ownership::prove_member(&builder.status, member.id()) else {
        return builder.leave(member.id(), Reason::NotOurs, "it was adopted, so it is never terminated");
    };
    if registrations(builder, member.id()).is_none() {
        return unseen(builder, member.id());
    }
    let leaving = Leaving { reason: why.reason, healing, since: now };
    if let Some(status) = builder.status.instances.iter_mut().find(|status| status.instance_id == *member.id()) {
        status.leaving = Some(leaving.clone());
    }
    exit(builder, member, owned, why, &leaving);
}

fn unseen(builder: &mut PlanBuilder<'_>, id: &InstanceId) {
    builder.wait(WaitOn::Aws, format!("instances and target health to be read before {id} is taken out"), None);
}

/// Target groups of ours that the instance is registered in and not draining from; `None` while sight is incomplete,
/// so that nothing is destroyed then (promise I5).
fn registrations(builder: &PlanBuilder<'_>, id: &InstanceId) -> Option<BTreeMap<TargetGroupArn, u16>> {
    builder.input.observed.instances.seen()?;
    let mut found = BTreeMap::new();
    for group in &builder.status.target_groups {
        let targets = builder.input.observed.targets_of(&group.arn)?;
        for target in
            targets.iter().filter(|target| target.id == id.as_str() && target.health != TargetHealth::Draining)
        {
            found.insert(group.arn.clone(), target.port);
        }
    }
    Some(found)
}

fn is_draining(builder: &PlanBuilder<'_>, id: &InstanceId) -> bool {
    builder.status.target_groups.iter().any(|group| {
        let targets = builder.input.observed.targets_of(&group.arn).unwrap_or_default();
        targets.iter().any(|target| target.id == id.as_str() && target.health == TargetHealth::Draining)
    })
}

/// Brings a member that is leaving to its end: drained, then terminated.
pub(crate) fn continue_exit(builder: &mut PlanBuilder<'_>, member: &Member) {
    let id = member.id();
    let Some(leaving) = member.status.leaving.clone() else { return };
    if member.lifecycle == Lifecycle::Ending {
        return builder.wait(WaitOn::Aws, format!("{id} to be terminated"), None);
    }
    let Some(owned) = ownership::prove_member(&builder.status, id) else { return };
    let why = Why::new(leaving.reason, format!("slot {}: {}", member.status.slot, leaving.reason.row().means));
    exit(builder, member, owned, why, &leaving);
}

/// The next step of an exit: out of its target groups, then through its drain, then terminated.
fn exit(
    builder: &mut PlanBuilder<'_>,
    member: &Member,
    owned: ownership::Owned<InstanceId>,
    why: Why,
    leaving: &Leaving,
) {
    let id = member.id();
    let Some(registered) = registrations(builder, id) else { return unseen(builder, id) };
    if !registered.is_empty() {
        builder.act(format!("take-out/{id}"), Does::TakeOut { member: owned, targets: registered }, id, why);
    } else if is_draining(builder, id) {
        let until = later(leaving.since, drain_bound(builder));
        builder.wait(WaitOn::Aws, format!("{id} to finish what it has in flight"), Some(until));
    } else {
        terminate(builder, id, owned, why, leaving.healing);
    }
}

fn drain_bound(builder: &PlanBuilder<'_>) -> Duration {
    let delay = builder.input.record.spec.as_ref().and_then(|spec| spec.services.first());
    Duration::from_secs(delay.map_or(300, |service| service.deregistration_delay.as_secs()))
}

fn terminate(
    builder: &mut PlanBuilder<'_>,
    id: &InstanceId,
    owned: ownership::Owned<InstanceId>,
    why: Why,
    healing: bool,
) {
    let now = builder.now();
    let already = builder.status.terminations.iter().any(|charge| charge.instance_id == *id);
    // A teardown that the user asked for is no healing, whatever the member was leaving for before.
    let healing = healing && !builder.input.record.deleting;
    if healing && !already {
        let limit = builder.input.record.spec.as_ref().map_or(u32::MAX, |spec| spec.healing.max_terminations_per_hour);
        if number(builder.status.terminations.len()) >= limit {
            return healing::spent(builder, limit);
        }
        builder.status.terminations.push(Charge { at: now, instance_id: id.clone() });
    }
    builder.act(format!("terminate/{id}"), Does::Terminate { member: owned, charged: healing }, id, why);
}

/// Whether a member is registered nowhere any more; not while that cannot be told.
pub(crate) fn has_drained(builder: &PlanBuilder<'_>, id: &InstanceId) -> bool {
    registrations(builder, id).is_some_and(|registered| registered.is_empty()) && !is_draining(builder, id)
}
