//! Decides what to launch: as many members as are missing, in the emptiest zones, within what may live and what may exist.
//!
//! Promise I1: nothing is launched while live members and open launches reach `count + maxSurge`, nor while what exists,
//! stopped members included, reaches [`exist_most`]. What was asked for before is asked about again, never doubled.
//! Never: takes anybody out; that is [`crate::order`]. Start at [`launches`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_api::Ref;
use aws_api::id::{SecurityGroupId, SubnetId, Zone};
use crds_schema::Spec;

use crate::action::Does;
use crate::builder::PlanBuilder;
use crate::desired::Fallback;
use crate::diff::instances::{self, Recipe};
use crate::fallback::{self, Obstacle};
use crate::healing;
use crate::members::{Lifecycle, Member};
use crate::memory::later;
use crate::order::{FleetInput, number};
use crate::reason::{Reason, Why};
use crate::record::{Intent, Makes};
use crate::status::WaitOn;

/// Whole fleets of stopped members that may stand beside the members that live. One: when everything is stopped once, all
/// of it is launched anew at once, before anything is terminated; a stopped member costs its disks, and may be started
/// again, so there is no second fleet of them.
const STOPPED_FLEETS_MAX: u32 = 1;

/// Stopped members that may stand beside the members that live.
pub(crate) fn stopped_most(count: u32) -> u32 {
    count.saturating_mul(STOPPED_FLEETS_MAX)
}

/// Members that may live.
fn live_most(spec: &Spec) -> u32 {
    spec.instances.count.saturating_add(spec.rollout.max_surge.of(spec.instances.count, 1))
}

/// Members that may exist, those that are stopped included: each of them costs money.
pub(crate) fn exist_most(spec: &Spec) -> u32 {
    live_most(spec).saturating_add(stopped_most(spec.instances.count))
}

/// Plans launches. Returns whether one is held back because too many exist.
pub(crate) fn launches(builder: &mut PlanBuilder<'_>, fleet: &FleetInput<'_>) -> bool {
    let open: Vec<&Intent> = builder
        .input
        .record
        .intents
        .iter()
        .filter(|intent| matches!(intent.makes, Makes::Member { .. }))
        .filter(|intent| !builder.settled.iter().any(|settled| settled.id == intent.id))
        .collect();
    let template = fleet.wanted.template.hash();
    let live = number(fleet.members.iter().filter(|member| member.is_live()).count());
    let exist = number(fleet.members.iter().filter(|member| member.lifecycle != Lifecycle::Ending).count());
    let mut room = live_most(fleet.spec).saturating_sub(live);
    let mut space = exist_most(fleet.spec).saturating_sub(exist);
    let mut missing = fleet.count().saturating_sub(fleet.good());
    // What was asked for before comes first: an open launch is resolved, never doubled.
    for intent in &open {
        resolve(builder, fleet.group.as_ref(), intent, room.min(space) > 0);
        room = room.saturating_sub(1);
        space = space.saturating_sub(1);
        missing = missing.saturating_sub(u32::from(is_current(intent, &template)));
    }
    let obstacle = if missing.min(room) > 0 { fallback::obstacle(builder, fleet) } else { None };
    let vacant = vacant(fleet, obstacle.as_ref()).saturating_sub(number(open.len()));
    let stand_ins =
        obstacle.as_ref().map_or(0, |obstacle| fallback::stand_ins(builder, fleet.wanted, obstacle, vacant));
    if obstacle.as_ref().is_some_and(Obstacle::bars) {
        missing = 0;
    }
    let held = stand_ins.saturating_add(missing).min(room) > space;
    if held {
        repeated_stops(builder, fleet, exist);
    }
    let stand_ins = stand_ins.min(room).min(space);
    let wanted = missing.min(room - stand_ins).min(space - stand_ins);
    let mut taken: BTreeSet<u32> = fleet.members.iter().map(|member| member.status.slot).collect();
    taken.extend(open.iter().filter_map(|intent| slot_of(intent)));
    launch_wanted(builder, fleet, wanted, &mut taken);
    if let (Some(obstacle), Some(fallback)) = (&obstacle, &fleet.wanted.fallback) {
        launch_stand_ins(builder, fleet, (fallback, obstacle), stand_ins, &mut taken);
    }
    held
}

/// Slots that nobody fills, of whichever revision, not counting those who are to be replaced for their sickness. Where the
/// revision in force makes sick members only, none of them fills one.
fn vacant(fleet: &FleetInput<'_>, obstacle: Option<&Obstacle>) -> u32 {
    let are_sick = matches!(obstacle, Some(Obstacle::Unhealthy(_)));
    let filled = fleet.members.iter().filter(|member| fills(fleet, member) && !(are_sick && member.current));
    fleet.count().saturating_sub(number(filled.count()))
}

fn fills(fleet: &FleetInput<'_>, member: &Member) -> bool {
    member.stays() && !fleet.verdicts.replaces(member)
}

fn launch_wanted(builder: &mut PlanBuilder<'_>, fleet: &FleetInput<'_>, number: u32, taken: &mut BTreeSet<u32>) {
    let mut members_per_zone = members_per_zone(fleet, |member| fleet.is_good(member));
    let recipe = Recipe {
        template: &fleet.wanted.template,
        revision: builder.input.record.revision,
        image: builder.input.observed.image.seen().and_then(Option::as_ref),
    };
    for _ in 0..number {
        let Some(place) = emptiest(builder, &fleet.wanted.instance_subnets, true, &mut members_per_zone) else {
            return;
        };
        let slot = take_slot(taken);
        launch(builder, fleet, slot, &place, recipe, launch_reason(fleet, slot, &place.0));
    }
}

/// Fills empty slots from the last good revision. Those members are outdated, and make way once the wanted can be had.
fn launch_stand_ins(
    builder: &mut PlanBuilder<'_>,
    fleet: &FleetInput<'_>,
    (fallback, obstacle): (&Fallback, &Obstacle),
    number: u32,
    taken: &mut BTreeSet<u32>,
) {
    let mut members_per_zone = members_per_zone(fleet, |member| fills(fleet, member));
    let input = builder.input.observed.fallback.as_ref();
    let image = input.and_then(|input| input.image.seen()).and_then(Option::as_ref);
    let recipe = Recipe { template: &fallback.template, revision: fallback.revision, image };
    // A zone is full for a type: another one may have room there.
    let heeds_pauses = fallback.template.instance_type == fleet.wanted.template.instance_type;
    for _ in 0..number {
        let Some(place) = emptiest(builder, &fallback.instance_subnets, heeds_pauses, &mut members_per_zone) else {
            return;
        };
        let slot = take_slot(taken);
        let Why { reason, message } = match launch_reason(fleet, slot, &place.0) {
            // It follows nobody: the old ones that live stay.
            Why { reason: Reason::MemberOutdated, .. } => slot_empty(fleet, slot, &place.0),
            why => why,
        };
        let instead = format!("{message}; from revision {}, the last good one, since {obstacle}", fallback.revision);
        launch(builder, fleet, slot, &place, recipe, Why::new(reason, instead));
    }
}

fn take_slot(taken: &mut BTreeSet<u32>) -> u32 {
    let slot = (1..).find(|slot| !taken.contains(slot)).unwrap_or(u32::MAX);
    taken.insert(slot);
    slot
}

/// Says that stopped members pile up, who was the last, and when a launch may follow. Somebody has to look: what stops
/// members as fast as they are launched would otherwise be fed with new ones.
fn repeated_stops(builder: &mut PlanBuilder<'_>, fleet: &FleetInput<'_>, exist: u32) {
    let stopped = || fleet.members.iter().filter(|member| member.lifecycle == Lifecycle::Stopped);
    let last = stopped().max_by_key(|member| member.status.stopped_since).map(|member| {
        let at = member.status.stopped_since.map(|at| format!(" at {at:.0}")).unwrap_or_default();
        let why = member.instance.as_ref().and_then(|instance| instance.state_reason.as_deref());
        format!(", the last, {},{at} ({})", member.id(), why.unwrap_or("EC2 gives no reason"))
    });
    let message = format!(
        "{} members are stopped{}: somebody or something stops them. {exist} instances exist and {} may (count {} + maxSurge + \
         as many stopped), so no more are launched; find who stops them, and start them or terminate those that nobody wants",
        stopped().count(),
        last.unwrap_or_default(),
        exist_most(fleet.spec),
        fleet.count(),
    );
    builder.add_blocker(Reason::RepeatedStops, message);
    let limit = fleet.spec.healing.max_terminations_per_hour;
    let what = "stopped members to be terminated within healing.maxTerminationsPerHour, so that others can be launched";
    let is_spent = limit > 0 && number(builder.status.terminations.len()) >= limit;
    let until = is_spent.then(|| healing::budget_frees(builder)).flatten();
    builder.wait(if limit == 0 { WaitOn::Person } else { WaitOn::Time }, what, until);
}

fn is_current(intent: &Intent, wanted: &str) -> bool {
    matches!(&intent.makes, Makes::Member { template, .. } if template == wanted)
}

fn slot_of(intent: &Intent) -> Option<u32> {
    if let Makes::Member { slot, .. } = intent.makes { Some(slot) } else { None }
}

/// Longest that an open launch is replayed. AWS promises a client token no longer than a day.
pub(crate) const REPLAY_MAX: Duration = Duration::from_secs(20 * 3600);

fn replay(builder: &mut PlanBuilder<'_>, group: Option<&Ref<SecurityGroupId>>, intent: &Intent) {
    if later(intent.created_at, REPLAY_MAX) <= builder.now() {
        return launch_unknown(builder, intent);
    }
    if builder.input.observed.instances.seen().is_none() {
        return builder.wait(WaitOn::Aws, format!("instances to be read, to tell what became of {}", intent.id), None);
    }
    let Makes::Member { slot, .. } = intent.makes else { return };
    let why = Why::new(Reason::IntentOpen, format!("{} was sent before; its reply is not known", intent.id));
    let after = instances::group_dependencies(group);
    builder
        .act(format!("launch/{slot}"), Does::Replay(Box::new(intent.clone())), format!("slot {slot}"), why)
        .after(after);
}

fn launch_unknown(builder: &mut PlanBuilder<'_>, intent: &Intent) {
    let name = &builder.input.record.name;
    let message = format!(
        "{} may have launched an instance more than 20 h ago; once you are sure that it did not, run: aws dynamodb delete-item \
         --table-name <table> --key '{{\"pk\":{{\"S\":\"{name}\"}},\"sk\":{{\"S\":\"INTENT#open#{}\"}}}}'",
        intent.id, intent.id
    );
    builder.add_blocker(Reason::LaunchUnknown, message.clone());
    builder.wait(WaitOn::Person, message, None);
}

/// A launch whose reply is not known. Asking again with its token is the only way to learn what became of it: AWS returns
/// the instance if there is one, and otherwise launches one (which is terminated at once if nobody wants it any more).
/// Only where there is room for it, since others may have been launched meanwhile (promise I1); until then it may appear
/// by itself.
pub(crate) fn resolve(
    builder: &mut PlanBuilder<'_>,
    group: Option<&Ref<SecurityGroupId>>,
    intent: &Intent,
    has_room: bool,
) {
    if has_room {
        return replay(builder, group, intent);
    }
    let what = format!("room to ask what became of {}, a launch whose reply is not known", intent.id);
    builder.wait(WaitOn::Aws, what, None);
}

/// Members that count, by zone.
fn members_per_zone(fleet: &FleetInput<'_>, counts: impl Fn(&Member) -> bool) -> BTreeMap<Zone, u32> {
    let mut members_per_zone = BTreeMap::new();
    for member in fleet.members.iter().filter(|member| counts(member)) {
        *members_per_zone.entry(member.status.zone.clone()).or_default() += 1;
    }
    members_per_zone
}

/// The emptiest zone that can be launched in, which has one more by then; the first listed among equals.
fn emptiest(
    builder: &PlanBuilder<'_>,
    places: &[(Zone, SubnetId)],
    heeds_pauses: bool,
    members_per_zone: &mut BTreeMap<Zone, u32>,
) -> Option<(Zone, SubnetId)> {
    let now = builder.now();
    let open = |(zone, _): &&(Zone, SubnetId)| !heeds_pauses || builder.memory.capacity_pause(zone, now).is_none();
    let place = places.iter().filter(open).min_by_key(|(zone, _)| members_per_zone.get(zone).copied().unwrap_or(0))?;
    *members_per_zone.entry(place.0.clone()).or_default() += 1;
    Some(place.clone())
}

fn launch(
    builder: &mut PlanBuilder<'_>,
    fleet: &FleetInput<'_>,
    slot: u32,
    (zone, subnet): &(Zone, SubnetId),
    recipe: Recipe<'_>,
    why: Why,
) {
    let Some(group) = fleet.group.clone() else { return };
    let sick = |status: &&mut crate::status::MemberStatus| {
        !status.succeeded
            && fleet.members.iter().any(|member| *member.id() == status.instance_id && fleet.verdicts.replaces(member))
    };
    if let Some(status) = builder.status.instances.iter_mut().find(sick) {
        status.succeeded = true;
    }
    let record = builder.input.record;
    let after = instances::group_dependencies(Some(&group));
    let makes = Makes::Member { slot, template: recipe.template.hash() };
    builder
        .create(format!("launch/{slot}"), makes, format!("slot {slot}"), why, |intent| {
            let place = instances::Place { slot, zone, subnet, group };
            instances::run_instances(record, fleet.spec, recipe, &place, intent)
        })
        .after(after);
}

/// Says which member it follows, where it follows one.
fn launch_reason(fleet: &FleetInput<'_>, slot: u32, zone: &Zone) -> Why {
    let place = format!("slot {slot} in {zone}");
    let stopped =
        fleet.members.iter().find(|member| member.lifecycle == Lifecycle::Stopped && member.status.leaving.is_none());
    let sick = fleet.members.iter().find(|member| member.stays() && fleet.verdicts.replaces(member));
    let outdated = fleet.members.iter().find(|member| member.stays() && !member.current);
    match (sick, stopped, outdated) {
        (Some(member), _, _) => {
            Why::new(Reason::MemberSick, format!("{place}: successor of {}, which is sick", member.id()))
        }
        (None, Some(member), _) => {
            Why::new(Reason::MemberStopped, format!("{place}: successor of {}, which was stopped", member.id()))
        }
        (None, None, Some(member)) if member.altered => {
            Why::new(Reason::MemberAltered, format!("{place}: successor of {}, {}", member.id(), member.alteration()))
        }
        (None, None, Some(member)) => {
            Why::new(Reason::MemberOutdated, format!("{place}: successor of {}, of an older revision", member.id()))
        }
        (None, None, None) => slot_empty(fleet, slot, zone),
    }
}

fn slot_empty(fleet: &FleetInput<'_>, slot: u32, zone: &Zone) -> Why {
    let live = fleet.members.iter().filter(|member| fills(fleet, member)).count();
    Why::new(Reason::SlotEmpty, format!("slot {slot} in {zone}: {live} live of {}", fleet.count()))
}
