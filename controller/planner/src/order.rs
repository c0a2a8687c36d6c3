//! Decides how many members to launch, which to take out, and in which order, so that enough stay healthy.
//!
//! Promises I1 (nothing is launched while live members and open launches reach `count + maxSurge`) and I2 (launch before
//! terminate, deregister and drain before terminate, healthy floor kept).
//! Never: judges health; that is [`crate::healing`]. Start at [`members`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crds_schema::Spec;

use crate::action::Does;
use crate::desired::Wanted;
use crate::diff::instances;
use crate::draft::Draft;
use crate::healing::{self, Verdicts};
use crate::id::{InstanceId, SecurityGroupId, SubnetId, TargetGroupArn, Zone};
use crate::members::{Life, Member};
use crate::memory::later;
use crate::ownership;
use crate::reason::{Reason, Why};
use crate::record::{Intent, Makes};
use crate::request::Ref;
use crate::resource::TargetHealth;
use crate::status::{Charge, Leaving, WaitOn};

/// What the members are planned from.
pub(crate) struct Scene<'a> {
    pub(crate) spec: &'a Spec,
    pub(crate) wanted: &'a Wanted,
    pub(crate) members: &'a [Member],
    pub(crate) verdicts: &'a Verdicts,
    /// The instances' group.
    pub(crate) group: Option<Ref<SecurityGroupId>>,
    /// Members that are healthy in the target group that is to serve next, while one replaces another.
    pub(crate) next: &'a BTreeSet<InstanceId>,
}

impl Scene<'_> {
    fn count(&self) -> u32 {
        self.spec.instances.count
    }

    /// Counts towards `count`: live, staying, current, and not to be replaced for its sickness.
    fn is_good(&self, member: &Member) -> bool {
        member.stays() && member.current && !self.verdicts.replaces(member)
    }

    fn good(&self) -> u32 {
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

/// How many healthy members must be left whatever goes.
pub(crate) fn floor(spec: &Spec) -> u32 {
    let count = spec.instances.count;
    count.saturating_sub(spec.rollout.max_unavailable.of(count, 0)).max(1)
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Plans launches, then exits.
pub(crate) fn members(draft: &mut Draft<'_>, scene: &Scene<'_>) {
    launches(draft, scene);
    exits(draft, scene);
    for member in scene.members.iter().filter(|member| member.status.leaving.is_some()) {
        leave(draft, scene, member);
    }
}

/// Goes on with an exit that was begun, unless what it was begun under no longer holds.
fn leave(draft: &mut Draft<'_>, scene: &Scene<'_>, member: &Member) {
    // One that is still registered and well (its call was lost, or somebody put it back) serves until others do.
    // So in the group that is to serve next, which serves already where the reading of the listeners is an older one.
    let next = number(scene.next.len());
    if member.is_live() && member.serves_next && next < scene.floor() {
        return keep(draft, member, next, scene.floor());
    }
    if member.is_live() && is_missed(scene, member, scene.healthy()) {
        return keep(draft, member, scene.healthy(), scene.floor());
    }
    if scene.verdicts.too_many && member.status.leaving.as_ref().is_some_and(|leaving| leaving.healing) {
        return draft.wait(
            WaitOn::Person,
            format!("fewer members to be sick before {} goes on its way", member.id()),
            None,
        );
    }
    see_out(draft, member);
}

fn launches(draft: &mut Draft<'_>, scene: &Scene<'_>) {
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
    let most = scene.count() + scene.spec.rollout.max_surge.of(scene.count(), 1);
    let mut room = most.saturating_sub(live);
    let mut missing = scene.count().saturating_sub(scene.good());
    // What was asked for before comes first: an open launch is resolved, never doubled.
    for intent in &open {
        resolve(draft, scene.group.as_ref(), intent, room > 0);
        room = room.saturating_sub(1);
        missing = missing.saturating_sub(u32::from(is_current(intent, &template)));
    }
    let mut taken: BTreeSet<u32> = scene.members.iter().map(|member| member.status.slot).collect();
    taken.extend(open.iter().filter_map(|intent| slot_of(intent)));
    let mut crowd = zone_crowd(scene);
    for _ in 0..missing.min(room) {
        let Some((zone, subnet)) = choose_zone(draft, scene.wanted, &crowd) else { return };
        let slot = (1..).find(|slot| !taken.contains(slot)).unwrap_or(u32::MAX);
        taken.insert(slot);
        *crowd.entry(zone.clone()).or_default() += 1;
        launch(draft, scene, slot, &zone, &subnet);
    }
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

/// Decides who goes.
fn exits(draft: &mut Draft<'_>, scene: &Scene<'_>) {
    let mut healthy = scene.healthy();
    surplus_exits(draft, scene, &mut healthy);
    sick_exits(draft, scene, &healthy);
    stopped_exits(draft, scene, healthy);
    outdated_exits(draft, scene, &mut healthy);
}

/// Scale-down: sick first, then zones with more members than others, then the newest; they drain together.
fn surplus_exits(draft: &mut Draft<'_>, scene: &Scene<'_>, healthy: &mut u32) {
    let mut surplus = scene.good().saturating_sub(scene.count());
    let mut left: Vec<&Member> = scene.members.iter().filter(|member| scene.is_good(member)).collect();
    while surplus > 0 && !left.is_empty() {
        let crowd = |zone: &Zone| left.iter().filter(|member| member.status.zone == *zone).count();
        let Some((place, _)) = left.iter().enumerate().max_by_key(|(_, member)| {
            let status = &member.status;
            let unwell = (scene.verdicts.sick.contains(member.id()), !member.is_healthy());
            (unwell, crowd(&status.zone), status.launched_at, status.slot)
        }) else {
            return;
        };
        let member = left.remove(place);
        surplus -= 1;
        if member.is_healthy() {
            if *healthy <= scene.floor() || is_missed_next(draft, scene, member) {
                keep(draft, member, *healthy, scene.floor());
                continue;
            }
            *healthy -= 1;
        } else if is_missed(scene, member, *healthy) || is_missed_next(draft, scene, member) {
            keep(draft, member, *healthy, scene.floor());
            continue;
        }
        let message = format!("slot {}: {} live, {} wanted", member.status.slot, scene.good(), scene.count());
        take_out(draft, member, Why::new(Reason::MemberSurplus, message), false);
    }
}

/// A sick member goes once others make up the count; the last of them may be its own successor.
fn sick_exits(draft: &mut Draft<'_>, scene: &Scene<'_>, healthy: &u32) {
    let sick: Vec<&Member> =
        scene.members.iter().filter(|member| member.stays() && scene.verdicts.replaces(member)).collect();
    let spare =
        (*healthy + number(sick.iter().filter(|member| !member.is_healthy()).count())).saturating_sub(scene.count());
    let mut allowed = spare.min(scene.verdicts.allowance);
    for member in sick {
        let since = member.status.unhealthy_since.unwrap_or(draft.now());
        let cause = member.status.reason.as_deref().unwrap_or("unhealthy");
        let message = format!("slot {}: {cause} since {since:.0}", member.status.slot);
        if allowed == 0 || is_missed(scene, member, *healthy) || is_missed_next(draft, scene, member) {
            keep(draft, member, *healthy, scene.count());
            continue;
        }
        allowed -= 1;
        take_out(draft, member, Why::new(Reason::MemberSick, message), true);
    }
}

/// A stopped member's disk may be wanted, so it goes only when its successor is healthy, and is charged.
fn stopped_exits(draft: &mut Draft<'_>, scene: &Scene<'_>, healthy: u32) {
    let goes = |does: &Does| matches!(does, Does::TakeOut { .. } | Does::Terminate { .. });
    let taken = number(draft.actions.iter().filter(|action| goes(&action.does)).count());
    let mut allowed = scene.verdicts.allowance.saturating_sub(taken);
    let stopped = scene.members.iter().filter(|member| member.life == Life::Stopped && member.status.leaving.is_none());
    for member in stopped {
        if healthy < scene.count() || scene.verdicts.braked {
            keep(draft, member, healthy, scene.count());
        } else if allowed == 0 {
            healing::spent(draft, scene.spec.healing.max_terminations_per_hour);
        } else {
            allowed -= 1;
            let message = format!("slot {}: stopped, and its successor is healthy", member.status.slot);
            take_out(draft, member, Why::new(Reason::MemberStopped, message), true);
        }
    }
}

/// A rollout: an outdated member goes when enough others are healthy, and the new ones among them have baked.
fn outdated_exits(draft: &mut Draft<'_>, scene: &Scene<'_>, healthy: &mut u32) {
    let now = draft.now();
    let bake = Duration::from_secs(scene.spec.rollout.bake_time.as_secs());
    let mut baking = 0;
    for member in scene.members.iter().filter(|member| member.is_healthy() && member.current) {
        let done = later(member.status.healthy_since.unwrap_or(now), bake);
        if done > now && scene.members.iter().any(|other| other.stays() && !other.current) {
            baking += 1;
            let what = format!(
                "slot {} ({}) to have been healthy for {}",
                member.status.slot,
                member.id(),
                scene.spec.rollout.bake_time
            );
            draft.wait(WaitOn::Time, what, Some(done));
        }
    }
    let mut outdated: Vec<&Member> = scene
        .members
        .iter()
        .filter(|member| member.stays() && !member.current)
        // What healing may not take out, the rollout that the user asked for does.
        .filter(|member| scene.verdicts.braked || !scene.verdicts.replaces(member))
        .collect();
    outdated.sort_by_key(|member| (member.is_healthy(), member.status.slot));
    // An old member that is not healthy is spared only while it may still become so in time for the count.
    let mut unwell = number(outdated.iter().filter(|member| !member.is_healthy()).count());
    for member in outdated {
        let ready = healthy.saturating_sub(baking);
        let message = format!("slot {}: launched from an older revision", member.status.slot);
        let why = Why::new(Reason::MemberOutdated, message);
        if is_missed_next(draft, scene, member) {
            keep(draft, member, number(scene.next.len()), scene.floor());
        } else if !member.is_healthy() {
            if ready + unwell > scene.count() && !is_missed(scene, member, *healthy) {
                unwell -= 1;
                take_out(draft, member, why, false);
            } else {
                keep(draft, member, ready, scene.count());
            }
        } else if ready > scene.floor() {
            *healthy -= 1;
            take_out(draft, member, why, false);
        } else {
            keep(draft, member, ready, scene.floor());
        }
    }
}

/// Whether a member that is unwell (its status checks fail) still serves, and too few others do.
fn is_missed(scene: &Scene<'_>, member: &Member, healthy: u32) -> bool {
    member.serves_unwell() && healthy < scene.floor()
}

/// Whether the group that is to serve next would have too few healthy members without this one: listeners may move to it in
/// this very pass.
fn is_missed_next(draft: &Draft<'_>, scene: &Scene<'_>, member: &Member) -> bool {
    let goes = |does: &Does| matches!(does, Does::TakeOut { member, .. } if scene.next.contains(member.id()));
    let out = draft.actions.iter().filter(|action| goes(&action.does)).count();
    scene.next.contains(member.id()) && number(scene.next.len()) <= number(out) + scene.floor()
}

fn keep(draft: &mut Draft<'_>, member: &Member, healthy: u32, floor: u32) {
    let what =
        format!("slot {} ({}) stays until others are healthy: {healthy} of {floor}", member.status.slot, member.id());
    draft.wait(WaitOn::Aws, what, None);
}

/// Marks a member as leaving and starts its drain; [`see_out`] ends it. One that is registered nowhere ends at once.
fn take_out(draft: &mut Draft<'_>, member: &Member, why: Why, healing: bool) {
    let now = draft.now();
    let Some(owned) = ownership::prove_member(&draft.status, member.id()) else {
        return draft.leave(member.id(), Reason::NotOurs, "it was adopted, so it is never terminated");
    };
    if registrations(draft, member.id()).is_none() {
        return unseen(draft, member.id());
    }
    let leaving = Leaving { reason: why.reason, healing, since: now };
    if let Some(status) = draft.status.instances.iter_mut().find(|status| status.instance_id == *member.id()) {
        status.leaving = Some(leaving.clone());
    }
    exit(draft, member, owned, why, &leaving);
}

fn unseen(draft: &mut Draft<'_>, id: &InstanceId) {
    draft.wait(WaitOn::Aws, format!("instances and target health to be read before {id} is taken out"), None);
}

/// Target groups of ours that the instance is registered in and not draining from; `None` while sight is incomplete,
/// so that nothing is destroyed then (promise I5).
fn registrations(draft: &Draft<'_>, id: &InstanceId) -> Option<BTreeMap<TargetGroupArn, u16>> {
    draft.sight.observed.instances.seen()?;
    let mut found = BTreeMap::new();
    for group in &draft.status.target_groups {
        let targets = draft.sight.observed.targets_of(&group.arn)?;
        for target in
            targets.iter().filter(|target| target.id == id.as_str() && target.health != TargetHealth::Draining)
        {
            found.insert(group.arn.clone(), target.port);
        }
    }
    Some(found)
}

fn is_draining(draft: &Draft<'_>, id: &InstanceId) -> bool {
    draft.status.target_groups.iter().any(|group| {
        let targets = draft.sight.observed.targets_of(&group.arn).unwrap_or_default();
        targets.iter().any(|target| target.id == id.as_str() && target.health == TargetHealth::Draining)
    })
}

/// Brings a member that is leaving to its end: drained, then terminated.
pub(crate) fn see_out(draft: &mut Draft<'_>, member: &Member) {
    let id = member.id();
    let Some(leaving) = member.status.leaving.clone() else { return };
    if member.life == Life::Ending {
        return draft.wait(WaitOn::Aws, format!("{id} to be terminated"), None);
    }
    let Some(owned) = ownership::prove_member(&draft.status, id) else { return };
    let why = Why::new(leaving.reason, format!("slot {}: {}", member.status.slot, leaving.reason.row().means));
    exit(draft, member, owned, why, &leaving);
}

/// The next step of an exit: out of its target groups, then through its drain, then terminated.
fn exit(draft: &mut Draft<'_>, member: &Member, owned: ownership::Owned<InstanceId>, why: Why, leaving: &Leaving) {
    let id = member.id();
    let Some(registered) = registrations(draft, id) else { return unseen(draft, id) };
    if !registered.is_empty() {
        draft.act(format!("take-out/{id}"), Does::TakeOut { member: owned, targets: registered }, id, why);
    } else if is_draining(draft, id) {
        let until = later(leaving.since, drain_bound(draft));
        draft.wait(WaitOn::Aws, format!("{id} to finish what it has in flight"), Some(until));
    } else {
        terminate(draft, id, owned, why, leaving.healing);
    }
}

fn drain_bound(draft: &Draft<'_>) -> Duration {
    let delay = draft.sight.record.spec.as_ref().and_then(|spec| spec.services.first());
    Duration::from_secs(delay.map_or(300, |service| service.deregistration_delay.as_secs()))
}

fn terminate(draft: &mut Draft<'_>, id: &InstanceId, owned: ownership::Owned<InstanceId>, why: Why, healing: bool) {
    let now = draft.now();
    let already = draft.status.terminations.iter().any(|charge| charge.instance_id == *id);
    // A teardown that the user asked for is no healing, whatever the member was leaving for before.
    let healing = healing && !draft.sight.record.deleting;
    if healing && !already {
        let limit = draft.sight.record.spec.as_ref().map_or(u32::MAX, |spec| spec.healing.max_terminations_per_hour);
        if number(draft.status.terminations.len()) >= limit {
            return healing::spent(draft, limit);
        }
        draft.status.terminations.push(Charge { at: now, instance_id: id.clone() });
    }
    draft.act(format!("terminate/{id}"), Does::Terminate { member: owned, charged: healing }, id, why);
}

/// Whether a member is registered nowhere any more; not while that cannot be told.
pub(crate) fn has_drained(draft: &Draft<'_>, id: &InstanceId) -> bool {
    registrations(draft, id).is_some_and(|registered| registered.is_empty()) && !is_draining(draft, id)
}
