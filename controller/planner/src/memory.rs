//! What one controller remembers of an environment from pass to pass, beside what is stored.
//!
//! Promise I5 lives here: a resource that was recorded is *unknown* before it is *missing*, and an entry that we put or
//! saw is believed gone only at its second complete reading. A restart forgets all of it, which only makes the
//! controller slower to believe a loss of a recorded resource, never quicker.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use aws_api::ResourceId;
use aws_api::id::{InstanceId, IntentId, LoadBalancerArn, TargetGroupArn, Zone};
use jiff::Timestamp;

use crate::batches::Batches;
use crate::held::Refusals;
use crate::retries::Retries;
use crate::room::Full;
use crate::status::{LoadBalancerStatus, TargetGroupStatus};

/// Complete readings without it before a recorded resource is missing.
pub const MISSING_READS: u32 = 3;
/// The same of what has a unique name in AWS, once AWS says besides that it does not know its ARN.
pub const MISSING_READS_BY_NAME: u32 = 2;

/// What is remembered.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Memory {
    absences: BTreeMap<ResourceId, Absence>,
    entries: BTreeMap<Entry, Expected>,
    /// Passes that have compared what they saw. All comparisons of one pass go by one reading.
    compared: u64,
    /// The parents of entries that were known when the last pass ended.
    known: BTreeSet<String>,
    removed: BTreeMap<ResourceId, Timestamp>,
    capacity: BTreeMap<Zone, Timestamp>,
    /// What failed, and when it is tried again.
    pub retries: Retries,
    /// Batches that were refused for one of their members.
    pub batches: Batches,
    /// Sets that AWS has refused to take more of.
    pub full: Full,
    /// What was shown at least once: before, an older reading may not know it yet.
    shown: BTreeSet<ResourceId>,
    /// By their names, what was recorded until it was believed gone: an ARN is given once, so what is shown under it is ours.
    lost_balancers: BTreeMap<String, LoadBalancerStatus>,
    lost_groups: BTreeMap<String, TargetGroupStatus>,
    /// What was made, or recognised, and when.
    made: BTreeMap<ResourceId, Timestamp>,
    /// When something of ours was last removed that holds other things in use for a while.
    released: Option<Timestamp>,
    unwanted: BTreeMap<IntentId, Timestamp>,
    unanswered: BTreeMap<IntentId, Unanswered>,
    dropped_tags: BTreeMap<String, Timestamp>,
    unused: BTreeMap<TargetGroupArn, Timestamp>,
    lost: VecDeque<InstanceId>,
    volumes_again: bool,
    /// What AWS would not delete, because something uses it.
    pub refusals: Refusals,
    strangers: BTreeMap<InstanceId, Absence>,
}

/// How many members that are gone are remembered: AWS forgets a terminated target within minutes.
const LOST_MAX: usize = 100;

/// Sendings of a create that were not answered.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Unanswered {
    last: Timestamp,
    times: u32,
}

#[derive(Debug, Clone, PartialEq)]
struct Absence {
    since: Timestamp,
    reads: u32,
    /// Whether AWS answered that it does not know its ARN.
    unknown: bool,
}

/// An entry of a parent: a rule of a group, a tag, an attribute, a listener's port, a target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The parent's id, and what kind of entry, such as `sg-1/ingress`.
    pub parent: String,
    /// Which one.
    pub key: String,
}

impl Entry {
    /// That entry.
    pub fn new(parent: impl Into<String>, key: impl Into<String>) -> Self {
        Self { parent: parent.into(), key: key.into() }
    }
}

#[derive(Debug, Clone, PartialEq)]
struct Expected {
    value: Option<String>,
    contradicted: u32,
    /// The pass that counted last.
    counted_in: Option<u64>,
}

impl Expected {
    fn new(value: Option<String>) -> Self {
        Self { value, contradicted: 0, counted_in: None }
    }
}

/// What a reading says of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// It is as wanted.
    AsWanted,
    /// It differs: act.
    Differs,
    /// It differs from what we put or saw before, for the first time: read once more.
    Unconfirmed,
}

/// How long a zone without capacity is not tried again. Karpenter uses the same three minutes.
pub const CAPACITY_PAUSE: Duration = Duration::from_secs(180);

/// How long a call that nobody answered may still be on its way. AWS names no bound; a connection that is silent for so
/// long has been given up by both ends.
pub const ARRIVES_WITHIN: Duration = Duration::from_secs(120);

/// How long AWS may answer that it does not know what it has just made.
/// <https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html>: back off up to minutes.
pub const KNOWN_WITHIN: Duration = Duration::from_secs(120);
/// How long AWS may hold in use what something of ours used that is gone: the network interfaces of a deleted load balancer
/// are released by AWS, minutes later.
/// <https://repost.aws/knowledge-center/elb-delete-network-interface>
pub const RELEASED_WITHIN: Duration = Duration::from_secs(600);

impl Memory {
    /// Notes a complete reading of where `resource`, which is recorded, should be.
    pub fn note_resource(&mut self, resource: ResourceId, present: bool, now: Timestamp) {
        if present {
            self.absences.remove(&resource);
            self.shown.insert(resource);
        } else {
            let absence = self.absences.entry(resource).or_insert(Absence { since: now, reads: 0, unknown: false });
            absence.reads = absence.reads.saturating_add(1);
        }
    }

    /// Notes that AWS answered a read by its ARN with NotFound, in a pass whose reading does not show it either.
    pub fn note_unknown(&mut self, resource: &ResourceId) {
        if let Some(absence) = self.absences.get_mut(resource) {
            absence.unknown = true;
        }
    }

    /// Notes that AWS answered a write to a recorded ARN with a definite NotFound: that is a complete reading without it.
    pub fn note_refused_as_unknown(&mut self, resource: ResourceId, now: Timestamp) {
        self.note_resource(resource.clone(), false, now);
        self.note_unknown(&resource);
    }

    /// Whether what has a unique name in AWS is believed gone before its time: two complete readings do not show it, AWS
    /// does not know its ARN, and it was shown before, so that none of them is older than it. A create under its name
    /// cannot double it.
    pub fn is_missing_by_name(&self, resource: &ResourceId) -> bool {
        let unique = match resource {
            ResourceId::LoadBalancer(_) | ResourceId::TargetGroup(_) => true,
            ResourceId::SecurityGroup(_)
            | ResourceId::Listener(_)
            | ResourceId::Instance(_)
            | ResourceId::Volume(_) => false,
        };
        let is_absent = |absence: &Absence| absence.unknown && absence.reads >= MISSING_READS_BY_NAME;
        unique && self.shown.contains(resource) && self.absences.get(resource).is_some_and(is_absent)
    }

    /// Whether AWS says that it does not know the ARN of what the last reading did not show.
    pub fn is_unknown(&self, resource: &ResourceId) -> bool {
        self.absences.get(resource).is_some_and(|absence| absence.unknown)
    }

    /// Notes that the load balancer of that name was believed gone.
    pub(crate) fn note_lost_balancer(&mut self, balancer: LoadBalancerStatus) {
        self.lost_balancers.insert(balancer.name.clone(), balancer);
    }

    /// What was recorded of the load balancer of that name and ARN until it was believed gone. One of another ARN under the
    /// name says that the first is gone for good.
    pub(crate) fn takes_back_balancer(&mut self, name: &str, arn: &LoadBalancerArn) -> Option<LoadBalancerStatus> {
        self.lost_balancers.retain(|lost, balancer| lost != name || balancer.arn == *arn);
        self.lost_balancers.get(name).cloned()
    }

    /// Whether that was recorded, until it was believed gone.
    pub(crate) fn was_lost_balancer(&self, arn: &LoadBalancerArn) -> bool {
        self.lost_balancers.values().any(|lost| lost.arn == *arn)
    }

    /// Notes that a target group was believed gone.
    pub(crate) fn note_lost_group(&mut self, group: TargetGroupStatus) {
        self.lost_groups.insert(group.name.clone(), group);
    }

    /// What was recorded of the target group of that name and ARN until it was believed gone.
    pub(crate) fn takes_back_group(&mut self, name: &str, arn: &TargetGroupArn) -> Option<TargetGroupStatus> {
        self.lost_groups.retain(|lost, group| lost != name || group.arn == *arn);
        self.lost_groups.get(name).cloned()
    }

    /// Whether that was recorded, until it was believed gone.
    pub(crate) fn was_lost_group(&self, arn: &TargetGroupArn) -> bool {
        self.lost_groups.values().any(|lost| lost.arn == *arn)
    }

    /// Notes that something was made, or recognised as made.
    pub fn note_made(&mut self, resource: ResourceId, now: Timestamp) {
        self.made.insert(resource, now);
    }

    /// Whether that id belongs to what was made so short a time ago that AWS may not know it everywhere yet.
    pub fn is_new(&self, id: &str, now: Timestamp) -> bool {
        self.made.iter().any(|(made, at)| made.to_string() == id && elapsed(*at, now) < KNOWN_WITHIN)
    }

    /// Whether something of ours went so short a time ago that AWS may still hold in use what it used.
    pub fn is_releasing(&self, now: Timestamp) -> bool {
        self.released.is_some_and(|at| elapsed(at, now) < RELEASED_WITHIN)
    }

    /// Notes that something of ours that uses other things went, or no longer uses one.
    pub fn note_released(&mut self, now: Timestamp) {
        self.released = Some(now);
    }

    /// Whether a recorded resource is believed gone: absent from three complete readings over `missing_after`, or from
    /// one since our own acknowledged delete.
    pub fn is_missing(&self, resource: &ResourceId, missing_after: Duration, now: Timestamp) -> bool {
        self.absences.get(resource).is_some_and(|absence| {
            self.removed.contains_key(resource)
                || (absence.reads >= MISSING_READS && elapsed(absence.since, now) >= missing_after)
        })
    }

    /// When at the earliest a resource that is now absent is believed gone; `None` while it is not absent.
    pub fn missing_at(&self, resource: &ResourceId, missing_after: Duration) -> Option<Timestamp> {
        self.absences.get(resource).map(|absence| later(absence.since, missing_after))
    }

    /// Whether we removed it and AWS acknowledged that.
    pub fn was_removed(&self, resource: &ResourceId) -> bool {
        self.removed.contains_key(resource)
    }

    /// Notes that AWS acknowledged our delete or terminate of `resource`.
    pub fn note_removed(&mut self, resource: ResourceId, now: Timestamp) {
        self.removed.insert(resource, now);
    }

    /// Notes that a member is gone.
    pub(crate) fn note_lost(&mut self, member: InstanceId) {
        self.lost.push_back(member);
        if self.lost.len() > LOST_MAX {
            self.lost.pop_front();
        }
    }

    /// Whether that was a member, and is gone.
    pub(crate) fn was_lost(&self, id: &str) -> bool {
        self.lost.iter().any(|member| member.as_str() == id)
    }

    /// Forgets resources that are no longer recorded, and their entries.
    pub fn keep_resources(&mut self, recorded: impl Fn(&ResourceId) -> bool) {
        let known = self.absences.keys().chain(self.removed.keys()).chain(&self.shown).chain(self.made.keys());
        let gone: BTreeSet<ResourceId> = known.filter(|made| !recorded(made)).cloned().collect();
        for made in gone {
            self.absences.remove(&made);
            self.removed.remove(&made);
            self.shown.remove(&made);
            self.made.remove(&made);
            self.entries.retain(|entry, _| !entry.parent.starts_with(&made.to_string()));
            self.batches.forget(&made.to_string());
            self.full.forget(&made.to_string());
        }
    }

    /// Notes a complete reading of an entry and says what to make of it. `None` is absence.
    pub fn read_entry(&mut self, entry: Entry, wanted: Option<&str>, seen: Option<&str>) -> Reading {
        if wanted == seen {
            // Absence needs no memory unless we made it; presence does, so that one stale reading is not a drift.
            match (seen, self.entries.get_mut(&entry)) {
                (None, None) => {}
                (_, Some(expected)) => *expected = Expected::new(seen.map(Into::into)),
                (Some(_), None) => {
                    self.entries.insert(entry, Expected::new(seen.map(Into::into)));
                }
            }
            return Reading::AsWanted;
        }
        match self.entries.get_mut(&entry) {
            Some(expected) if expected.value.as_deref() == wanted => {
                // Asked twice of one reading, it is contradicted once.
                if expected.counted_in.replace(self.compared) != Some(self.compared) {
                    expected.contradicted = expected.contradicted.saturating_add(1);
                }
                if expected.contradicted >= 2 { Reading::Differs } else { Reading::Unconfirmed }
            }
            Some(_) | None => Reading::Differs,
        }
    }

    /// Whether the entry is expected to be there: we put it, or saw it.
    pub fn expects(&self, entry: &Entry) -> bool {
        self.entries.get(entry).is_some_and(|expected| expected.value.is_some())
    }

    /// How we left an entry, or saw it last as it was wanted; the inner `None` is absence, the outer one: neither.
    pub fn left(&self, entry: &Entry) -> Option<Option<&str>> {
        self.entries.get(entry).map(|expected| expected.value.as_deref())
    }

    /// Whether the entries of a parent were known before this pass: then what is not known among them was never ours.
    pub fn knows(&self, parent: &str) -> bool {
        self.known.contains(parent)
    }

    /// Notes that a pass has compared what it has seen.
    pub(crate) fn note_compared(&mut self) {
        self.known = self.entries.keys().map(|entry| entry.parent.clone()).collect();
        self.compared = self.compared.saturating_add(1);
    }

    /// Notes that AWS acknowledged our putting (`Some`) or removing (`None`) of an entry.
    pub fn put_entry(&mut self, entry: Entry, value: Option<String>) {
        self.entries.insert(entry, Expected::new(value));
    }

    /// Replaces the name of something that was being made by the id that it has now, in keys and values.
    pub(crate) fn rename_entries(&mut self, from: &str, to: &str) {
        self.retries.rename(from, to);
        self.entries = std::mem::take(&mut self.entries)
            .into_iter()
            .map(|(entry, mut expected)| {
                expected.value = expected.value.map(|value| value.replace(from, to));
                (Entry { parent: entry.parent.replace(from, to), key: entry.key.replace(from, to) }, expected)
            })
            .collect();
    }

    /// Notes that a zone has no capacity.
    pub fn note_no_capacity(&mut self, zone: Zone, now: Timestamp) {
        self.capacity.insert(zone, later(now, CAPACITY_PAUSE));
    }

    /// Until when a zone is not tried.
    pub fn capacity_pause(&self, zone: &Zone, now: Timestamp) -> Option<Timestamp> {
        self.capacity.get(zone).copied().filter(|until| *until > now)
    }

    /// Since when nothing asks for an open intent any more; from now on, if that is new.
    pub(crate) fn unwanted_since(&mut self, intent: &IntentId, now: Timestamp) -> Timestamp {
        *self.unwanted.entry(intent.clone()).or_insert(now)
    }

    /// Forgets open intents that are settled or wanted again.
    pub(crate) fn keep_unwanted(&mut self, unwanted: impl Fn(&IntentId) -> bool) {
        self.unwanted.retain(|intent, _| unwanted(intent));
    }

    /// Notes that a create was sent and not answered; it may still arrive.
    pub(crate) fn note_unanswered(&mut self, intent: &IntentId, now: Timestamp) {
        let times = self.unanswered.get(intent).map_or(0, |sent| sent.times);
        self.unanswered.insert(intent.clone(), Unanswered { last: now, times: times + 1 });
    }

    /// Whether an earlier sending of a create may still be on its way. One of before a restart was sent at the latest now.
    pub(crate) fn may_still_arrive(&mut self, intent: &IntentId, now: Timestamp) -> bool {
        let sent = *self.unanswered.entry(intent.clone()).or_insert(Unanswered { last: now, times: 1 });
        elapsed(sent.last, now) < ARRIVES_WITHIN
    }

    /// Whether a sending of a create may still arrive beside the one that made what is seen of it. Of one of before a
    /// restart nobody knows how often it was sent, so it may.
    pub(crate) fn another_may_arrive(&mut self, intent: &IntentId, now: Timestamp) -> bool {
        let sent = *self.unanswered.entry(intent.clone()).or_insert(Unanswered { last: now, times: 2 });
        sent.times > 1 && elapsed(sent.last, now) < ARRIVES_WITHIN
    }

    /// Forgets intents that are no longer open.
    pub(crate) fn keep_unanswered(&mut self, open: impl Fn(&IntentId) -> bool) {
        self.unanswered.retain(|intent, _| open(intent));
    }

    /// Whether a call that put a tag, which the spec names no more, may still be on its way.
    pub(crate) fn dropped_tag_may_come(&mut self, key: &str, now: Timestamp) -> bool {
        let since = *self.dropped_tags.entry(key.to_owned()).or_insert(now);
        elapsed(since, now) < ARRIVES_WITHIN
    }

    /// Forgets tags that are forgotten or named again.
    pub(crate) fn keep_dropped_tags(&mut self, dropped: &BTreeSet<String>) {
        self.dropped_tags.retain(|key, _| dropped.contains(key));
    }

    /// Since when no listener was seen to use a target group; from now on, if that is new.
    pub(crate) fn unused_since(&mut self, group: &TargetGroupArn, now: Timestamp) -> Timestamp {
        *self.unused.entry(group.clone()).or_insert(now)
    }

    /// Notes a complete reading with an instance that we launched and that is no member: since when, and how often by now.
    pub(crate) fn note_stranger(&mut self, instance: &InstanceId, now: Timestamp) -> (Timestamp, u32) {
        let seen = self.strangers.entry(instance.clone()).or_insert(Absence { since: now, reads: 0, unknown: false });
        seen.reads = seen.reads.saturating_add(1);
        (seen.since, seen.reads)
    }

    /// Forgets those that are known by now, or gone.
    pub(crate) fn keep_strangers(&mut self, still: impl Fn(&InstanceId) -> bool) {
        self.strangers.retain(|instance, _| still(instance));
    }

    /// Forgets target groups that a listener uses, or that are gone.
    pub(crate) fn keep_unused(&mut self, unused: impl Fn(&TargetGroupArn) -> bool) {
        self.unused.retain(|group, _| unused(group));
    }

    /// Whether volumes, which are read rarely, are to be read in the next pass: something of them is not as it should be.
    pub fn wants_volumes(&self) -> bool {
        self.volumes_again
    }

    pub(crate) fn look_at_volumes_again(&mut self) {
        self.volumes_again = true;
    }

    /// Forgets that volumes were to be read again, since they were.
    pub(crate) fn note_volumes_seen(&mut self) {
        self.volumes_again = false;
    }
}

/// `at`, and `duration` more.
pub(crate) fn later(at: Timestamp, duration: Duration) -> Timestamp {
    at.checked_add(duration).unwrap_or(Timestamp::MAX)
}

/// How long ago `since` was; nothing if it is in the future.
pub(crate) fn elapsed(since: Timestamp, now: Timestamp) -> Duration {
    now.duration_since(since).try_into().unwrap_or_default()
}
