//! Decides what to launch: as many members as are missing, in the emptiest zones, within what may live and what may exist.
//!
//! Promise I1: nothing is launched while live members and open launches reach `count + maxSurge`, nor while what exists,
//! stopped members included, reaches [`exist_most`]. What was asked for before is asked about again, never doubled.
//! Never: takes anybody out; that is [`crate::order`]. Start at [`launches`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crds_schema::Spec;

use crate::action::Does;
use crate::desired::Wanted;
use crate::diff::instances;
use crate::draft::Draft;
use crate::healing;
use crate::id::{SecurityGroupId, SubnetId, Zone};
use crate::members::Life;
use crate::memory::later;
use crate::order::{Scene, number};
use crate::reason::{Reason, Why};
use crate::record::{Intent, Makes};
use crate::request::Ref;
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
pub(crate) fn launches(draft: &mut Draft<'_>, scene: &Scene<'_>) -> bool {
    let open: Vec<&Intent> = draft
        .sight
        .record
        .intents
        .iter()
        .filter(|intent| matches!(intent.makes, Makes::Member { .. }))
        .filter(|intent| !draft.settled.iter().any(|settled| settled.id == intent.id))
        .collect();
    let template = scene.wanted.template.hash();
    let live = number(scene.members.iter().filter(|member| member.is_live()).count());
    let exist = number(scene.members.iter().filter(|member| member.life != Life::Ending).count());
    let mut room = live_most(scene.spec).saturating_sub(live);
    let mut space = exist_most(scene.spec).saturating_sub(exist);
    let mut missing = scene.count().saturating_sub(scene.good());
    // What was asked for before comes first: an open launch is resolved, never doubled.
    for intent in &open {
        resolve(draft, scene.group.as_ref(), intent, room.min(space) > 0);
        room = room.saturating_sub(1);
        space = space.saturating_sub(1);
        missing = missing.saturating_sub(u32::from(is_current(intent, &template)));
    }
    let held = missing.min(room) > space;
    if held {
        repeated_stops(draft, scene, exist);
    }
    let mut taken: BTreeSet<u32> = scene.members.iter().map(|member| member.status.slot).collect();
    taken.extend(open.iter().filter_map(|intent| slot_of(intent)));
    let mut crowd = zone_crowd(scene);
    for _ in 0..missing.min(room).min(space) {
        let Some((zone, subnet)) = choose_zone(draft, scene.wanted, &crowd) else { break };
        let slot = (1..).find(|slot| !taken.contains(slot)).unwrap_or(u32::MAX);
        taken.insert(slot);
        *crowd.entry(zone.clone()).or_default() += 1;
        launch(draft, scene, slot, &zone, &subnet);
    }
    held
}

/// Says that stopped members pile up, who was the last, and when a launch may follow. Somebody has to look: what stops
/// members as fast as they are launched would otherwise be fed with new ones.
fn repeated_stops(draft: &mut Draft<'_>, scene: &Scene<'_>, exist: u32) {
    let stopped = || scene.members.iter().filter(|member| member.life == Life::Stopped);
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
        exist_most(scene.spec),
        scene.count(),
    );
    draft.trouble(Reason::RepeatedStops, message);
    let limit = scene.spec.healing.max_terminations_per_hour;
    let what = "stopped members to be terminated within healing.maxTerminationsPerHour, so that others can be launched";
    let is_spent = limit > 0 && number(draft.status.terminations.len()) >= limit;
    let until = is_spent.then(|| healing::budget_frees(draft)).flatten();
    draft.wait(if limit == 0 { WaitOn::Person } else { WaitOn::Time }, what, until);
}

fn is_current(intent: &Intent, wanted: &str) -> bool {
    matches!(&intent.makes, Makes::Member { template, .. } if template == wanted)
}

fn slot_of(intent: &Intent) -> Option<u32> {
    if let Makes::Member { slot, .. } = intent.makes { Some(slot) } else { None }
}

/// Longest that an open launch is replayed. AWS promises a client token no longer than a day.
pub(crate) const REPLAY_MAX: Duration = Duration::from_secs(20 * 3600);

fn replay(draft: &mut Draft<'_>, group: Option<&Ref<SecurityGroupId>>, intent: &Intent) {
    if later(intent.created_at, REPLAY_MAX) <= draft.now() {
        return launch_unknown(draft, intent);
    }
    if draft.sight.observed.instances.seen().is_none() {
        return draft.wait(WaitOn::Aws, format!("instances to be read, to tell what became of {}", intent.id), None);
    }
    let Makes::Member { slot, .. } = intent.makes else { return };
    let why = Why::new(Reason::IntentOpen, format!("{} was sent before; its reply is not known", intent.id));
    let after = instances::group_dependencies(group);
    draft
        .act(format!("launch/{slot}"), Does::Replay(Box::new(intent.clone())), format!("slot {slot}"), why)
        .after(after);
}

fn launch_unknown(draft: &mut Draft<'_>, intent: &Intent) {
    let name = &draft.sight.record.name;
    let message = format!(
        "{} may have launched an instance more than 20 h ago; once you are sure that it did not, run: aws dynamodb delete-item \
         --table-name <table> --key '{{\"pk\":{{\"S\":\"{name}\"}},\"sk\":{{\"S\":\"INTENT#open#{}\"}}}}'",
        intent.id, intent.id
    );
    draft.trouble(Reason::LaunchUnknown, message.clone());
    draft.wait(WaitOn::Person, message, None);
}

/// A launch whose reply is not known. Asking again with its token is the only way to learn what became of it: AWS returns
/// the instance if there is one, and otherwise launches one (which is terminated at once if nobody wants it any more).
/// Only where there is room for it, since others may have been launched meanwhile (promise I1); until then it may appear
/// by itself.
pub(crate) fn resolve(draft: &mut Draft<'_>, group: Option<&Ref<SecurityGroupId>>, intent: &Intent, has_room: bool) {
    if has_room {
        return replay(draft, group, intent);
    }
    let what = format!("room to ask what became of {}, a launch whose reply is not known", intent.id);
    draft.wait(WaitOn::Aws, what, None);
}

/// Members that count, by zone.
fn zone_crowd(scene: &Scene<'_>) -> BTreeMap<Zone, u32> {
    let mut crowd = BTreeMap::new();
    for member in scene.members.iter().filter(|member| scene.is_good(member)) {
        *crowd.entry(member.status.zone.clone()).or_default() += 1;
    }
    crowd
}

/// The emptiest zone that can be launched in; the first listed among equals.
fn choose_zone(draft: &mut Draft<'_>, wanted: &Wanted, crowd: &BTreeMap<Zone, u32>) -> Option<(Zone, SubnetId)> {
    if wanted.instance_subnets.is_empty() {
        let zones: Vec<_> = wanted.balancer_subnets.keys().map(Zone::to_string).collect();
        let message = format!("no zone of {} offers {}", zones.join(", "), wanted.template.instance_type);
        match draft.sight.observed.offerings.unread() {
            None => draft.trouble(Reason::TypeNotOffered, message),
            Some(why) => draft.trouble(Reason::Unread, format!("instance type offerings: {why}")),
        }
        return None;
    }
    let now = draft.now();
    let pauses: Vec<_> =
        wanted.instance_subnets.iter().map(|place| (place, draft.memory.capacity_pause(&place.0, now))).collect();
    let open = pauses.iter().filter(|(_, pause)| pause.is_none()).map(|(place, _)| *place);
    if let Some(place) = open.min_by_key(|(zone, _)| crowd.get(zone).copied().unwrap_or(0)) {
        return Some(place.clone());
    }
    let until = pauses.iter().filter_map(|(_, pause)| *pause).min();
    let message = format!("no zone has capacity for {}", wanted.template.instance_type);
    draft.trouble(Reason::InsufficientCapacity, message.clone());
    draft.wait(WaitOn::Time, format!("{message}; the next try"), until);
    None
}

fn launch(draft: &mut Draft<'_>, scene: &Scene<'_>, slot: u32, zone: &Zone, subnet: &SubnetId) {
    let Some(group) = scene.group.clone() else { return };
    if !image_is_available(draft, scene.wanted) {
        return;
    }
    let why = launch_reason(scene, slot, zone);
    let sick = |status: &&mut crate::status::MemberStatus| {
        !status.succeeded
            && scene.members.iter().any(|member| *member.id() == status.instance_id && scene.verdicts.replaces(member))
    };
    if let Some(status) = draft.status.instances.iter_mut().find(sick) {
        status.succeeded = true;
    }
    let record = draft.sight.record;
    let after = instances::group_dependencies(Some(&group));
    let makes = Makes::Member { slot, template: scene.wanted.template.hash() };
    let image = draft.sight.observed.image.seen().and_then(Option::as_ref);
    draft
        .create(format!("launch/{slot}"), makes, format!("slot {slot}"), why, |intent| {
            instances::run_instances(
                record,
                scene.spec,
                scene.wanted,
                image,
                &instances::Place { slot, zone, subnet, group },
                intent,
            )
        })
        .after(after);
}

/// Says which member it follows, where it follows one.
fn launch_reason(scene: &Scene<'_>, slot: u32, zone: &Zone) -> Why {
    let place = format!("slot {slot} in {zone}");
    let stopped = scene.members.iter().find(|member| member.life == Life::Stopped && member.status.leaving.is_none());
    let sick = scene.members.iter().find(|member| member.stays() && scene.verdicts.replaces(member));
    let outdated = scene.members.iter().find(|member| member.stays() && !member.current);
    match (sick, stopped, outdated) {
        (Some(member), _, _) => {
            Why::new(Reason::MemberSick, format!("{place}: successor of {}, which is sick", member.id()))
        }
        (None, Some(member), _) => {
            Why::new(Reason::MemberStopped, format!("{place}: successor of {}, which was stopped", member.id()))
        }
        (None, None, Some(member)) => {
            Why::new(Reason::MemberOutdated, format!("{place}: successor of {}, of an older revision", member.id()))
        }
        (None, None, None) => {
            Why::new(Reason::SlotEmpty, format!("{place}: {} live of {}", scene.good(), scene.count()))
        }
    }
}

/// Nothing is launched from an image that is not there; and since successors come first, nothing is terminated for it.
fn image_is_available(draft: &mut Draft<'_>, wanted: &Wanted) -> bool {
    let id = &wanted.template.image;
    match &draft.sight.observed.image {
        crate::observed::Part::Seen(Some(image)) if image.state == "available" => true,
        crate::observed::Part::Seen(Some(image)) => {
            let message = format!("{id} is {}", image.state);
            draft.trouble(Reason::ImagePending, message.clone());
            draft.wait(WaitOn::Aws, format!("{message}; it to be available"), None);
            false
        }
        crate::observed::Part::Seen(None) => {
            draft.trouble(
                Reason::ImageMissing,
                format!("spec.image.amiId: {id} does not exist in this region or may not be used"),
            );
            false
        }
        crate::observed::Part::Unread(why) => {
            draft.trouble(Reason::Unread, format!("image: {why}"));
            false
        }
    }
}
