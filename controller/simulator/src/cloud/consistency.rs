//! Eventual consistency: reads are answered from the world as it was a while ago.
//!
//! <https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html>. Every change makes a new [`World`]; those of the last
//! [`LAG_MAX`] are kept.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use aws_api::id::{AmiId, InstanceId, SecurityGroupId};
use aws_api::{Ref, ResourceId, ResourceKind, Service, Write};

use super::world::{Outcome, World, refuse};
use crate::entropy::Prng;

/// How far back a read can look.
pub const LAG_MAX: Duration = Duration::from_secs(120);
/// Worlds kept at most, however much happens in that time.
const WORLDS_MAX: usize = 10_000;
/// A calm world is carried along this often, so that no read has to carry it along for days.
const SETTLE_EVERY: Duration = Duration::from_secs(600);

/// How old what a reader sees may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReadLag {
    /// Up to date.
    #[default]
    None,
    /// Always so old.
    Fixed(Duration),
    /// Up to so old, drawn for each read: what was seen once may not be seen the next time.
    UpTo(Duration),
    /// Mostly up to date; one read in so many is up to so old, but never older than what a read has shown before. A client that
    /// looks until it is shown what it made, as the guide advises and Terraform does, can count on it from then on.
    Sometimes {
        /// Among how many reads.
        one_in: u64,
        /// How old at most.
        most: Duration,
    },
}

impl ReadLag {
    /// Whether what was seen once is seen from then on: "monotonic reads", as <https://jepsen.io/consistency/models/monotonic-reads>
    /// says.
    fn is_monotonic(self) -> bool {
        match self {
            Self::Sometimes { .. } => true,
            Self::None | Self::Fixed(_) | Self::UpTo(_) => false,
        }
    }

    fn draw(self, prng: &mut Prng) -> Duration {
        let lag = match self {
            Self::None => Duration::ZERO,
            Self::Fixed(lag) => lag,
            Self::UpTo(most) => prng.duration(most),
            Self::Sometimes { one_in, most } if prng.below(one_in) == 0 => prng.duration(most),
            Self::Sometimes { .. } => Duration::ZERO,
        };
        lag.min(LAG_MAX)
    }
}

/// How old what a client sees of each service may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadLags {
    /// Of EC2, and so what its writes find.
    pub ec2: ReadLag,
    /// Of ELBv2.
    pub elbv2: ReadLag,
}

impl ReadLags {
    /// Of EC2 alone, as its guide documents it. No page of ELBv2 does, and it is seen there now and then only, as in
    /// <https://github.com/hashicorp/terraform-provider-aws/issues/16860>.
    pub const fn of_ec2(lag: ReadLag) -> Self {
        Self { ec2: lag, elbv2: ReadLag::None }
    }

    /// Of both alike.
    pub const fn of_both(lag: ReadLag) -> Self {
        Self { ec2: lag, elbv2: lag }
    }
}

impl From<ReadLag> for ReadLags {
    fn from(lag: ReadLag) -> Self {
        Self::of_both(lag)
    }
}

/// One client, as a reader of one service.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    lag: Cell<ReadLag>,
    /// As of when a read has shown it, at the latest.
    shown: Cell<Duration>,
}

impl Reader {
    pub fn set_lag(&self, lag: ReadLag) {
        self.lag.set(lag);
    }

    /// A lag for one call.
    pub fn draw(&self, prng: &mut Prng) -> Duration {
        self.lag.get().draw(prng)
    }

    /// The lag of a call that arrives now and drew that one.
    pub fn bounded(&self, drawn: Duration, now: Duration) -> Duration {
        if self.lag.get().is_monotonic() { drawn.min(now.saturating_sub(self.shown.get())) } else { drawn }
    }

    /// Notes that a read was answered now with that lag. What a write found shows its caller nothing.
    pub fn note(&self, lag: Duration, now: Duration) {
        self.shown.set(self.shown.get().max(now.saturating_sub(lag)));
    }
}

/// How one read among many is answered, to see what comes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Glimpse {
    /// From the world as it was before the last so many mutating calls.
    Before(usize),
    /// From the world as it was when the reads began to be counted.
    Beginning,
    /// Not at all.
    Fails,
}

/// Counts reads, and answers one of them otherwise.
#[derive(Debug, Default)]
pub(crate) struct Glimpses {
    reads: u64,
    armed: Option<(u64, Glimpse)>,
    /// The worlds before each mutating call since then, and when it came, while one is armed.
    before: Vec<(Duration, Rc<World>)>,
    misled: bool,
}

impl Glimpses {
    pub fn arm(&mut self, armed: Option<(u64, Glimpse)>) {
        *self = Self { armed, ..Self::default() };
    }

    pub fn reads(&self) -> u64 {
        self.reads
    }

    pub fn misled(&self) -> bool {
        self.misled
    }

    /// Counts a read, and says how it is answered if it is the one.
    pub fn next(&mut self) -> Option<Glimpse> {
        self.reads += 1;
        let glimpse = self.armed.filter(|(number, _)| *number == self.reads).map(|(_, glimpse)| glimpse);
        self.misled |= glimpse == Some(Glimpse::Fails);
        glimpse
    }

    /// Notes the world that a mutating call found.
    pub fn note(&mut self, at: Duration, world: &Rc<World>) {
        if self.armed.is_some() {
            self.before.push((at, Rc::clone(world)));
        }
    }

    /// The older world that a read is to be answered from, if there is one, and as of when.
    pub fn world(&mut self, glimpse: Glimpse) -> Option<(Duration, Rc<World>)> {
        let place = match glimpse {
            Glimpse::Before(calls) => self.before.len().checked_sub(calls),
            Glimpse::Beginning => Some(0),
            Glimpse::Fails => None,
        };
        let found = place.and_then(|place| self.before.get(place)).cloned();
        self.misled |= found.is_some();
        found
    }
}

/// The last worlds, oldest first. Never empty.
#[derive(Debug)]
pub(crate) struct History {
    past: VecDeque<Rc<World>>,
    present: Rc<World>,
    /// How far back is kept, and how many worlds at most.
    kept: (Duration, usize),
    /// How many came after the first.
    changes: u64,
}

impl History {
    pub fn new(world: World) -> Self {
        Self { past: VecDeque::new(), present: Rc::new(world), kept: (LAG_MAX, WORLDS_MAX), changes: 0 }
    }

    pub fn present(&self) -> &Rc<World> {
        &self.present
    }

    /// How often the present became another.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Keeps no more of the past than that.
    pub fn keep(&mut self, back: Duration, worlds: usize) {
        self.kept = (back.min(LAG_MAX), worlds.min(WORLDS_MAX));
    }

    pub fn push(&mut self, world: World) {
        let (back, worlds) = self.kept;
        let horizon = world.at.saturating_sub(back);
        let before = std::mem::replace(&mut self.present, Rc::new(world));
        self.past.push_back(before);
        self.changes += 1;
        // The oldest one kept is the last that already held at the horizon.
        while self.past.get(1).is_some_and(|next| next.at <= horizon) || self.past.len() > worlds {
            self.past.pop_front();
        }
    }

    /// The world that held so long before `now`, or the oldest known.
    pub fn as_of(&self, now: Duration, lag: Duration) -> &Rc<World> {
        let held = |world: &Rc<World>| now.checked_sub(lag).is_some_and(|at| world.at <= at);
        if held(&self.present) {
            return &self.present;
        }
        let held = self.past.iter().rev().find(|world| held(world));
        held.or(self.past.front()).unwrap_or(&self.present)
    }

    /// Carries the present along, if it has been calm for long. Whatever is read is the same before and after.
    pub fn settle(&mut self, now: Duration) -> Option<Vec<super::ledger::Event>> {
        (now >= self.present.at + SETTLE_EVERY).then(|| self.settle_now(now))
    }

    /// As [`settle`](Self::settle), however short the calm.
    pub fn settle_now(&mut self, now: Duration) -> Vec<super::ledger::Event> {
        let mut world = World::clone(&self.present);
        world.settle(now);
        let events = std::mem::take(&mut world.events);
        self.push(world);
        events
    }
}

/// Refuses a write that names an EC2 resource so fresh that this reader does not see it yet.
pub(crate) fn check_visible(write: &Write, present: &World, seen: &World) -> Outcome<()> {
    let (instances, groups) = named_in(write);
    instances.iter().try_for_each(|id| check_instance(id, present, seen))?;
    groups.iter().try_for_each(|id| check_group(id, present, seen))
}

/// As [`check_visible`], of any id of EC2.
pub(crate) fn check_named(id: &str, present: &World, seen: &World) -> Outcome<()> {
    if let Ok(instance) = InstanceId::parse(id) {
        return check_instance(&instance, present, seen);
    }
    if let Ok(group) = SecurityGroupId::parse(id) {
        return check_group(&group, present, seen);
    }
    let fresh_image =
        AmiId::parse(id).is_ok_and(|id| present.images.contains_key(&id) && !seen.images.contains_key(&id));
    if fresh_image {
        return refuse("InvalidAMIID.NotFound", format!("The image id '[{id}]' does not exist"));
    }
    if present.snapshots.contains_key(id) && !seen.snapshots.contains_key(id) {
        return refuse("InvalidSnapshot.NotFound", format!("The snapshot '{id}' does not exist."));
    }
    Ok(())
}

fn check_instance(id: &InstanceId, present: &World, seen: &World) -> Outcome<()> {
    if present.instances.contains_key(id) && !seen.instances.contains_key(id) {
        return refuse("InvalidInstanceID.NotFound", format!("The instance ID '{id}' does not exist"));
    }
    Ok(())
}

fn check_group(id: &SecurityGroupId, present: &World, seen: &World) -> Outcome<()> {
    if present.groups.contains_key(id) && !seen.groups.contains_key(id) {
        return refuse("InvalidGroup.NotFound", format!("The security group '{id}' does not exist"));
    }
    Ok(())
}

/// The instances and security groups that a call names, as far as EC2 looks for them where it arrives. ELBv2 is not documented to
/// lag behind its own writes; a volume is known by having been read; whom a rule lets in is not looked for.
fn named_in(write: &Write) -> (Vec<InstanceId>, Vec<SecurityGroupId>) {
    if write.operation().service() == Service::Elbv2 {
        return (Vec::new(), Vec::new());
    }
    let mut named = write.touches();
    if !matches!(write, Write::SecurityGroup(_)) {
        let groups = write.named(ResourceKind::SecurityGroup);
        named.extend(groups.iter().filter_map(Ref::id).cloned());
    }
    let instances =
        named.iter().filter_map(|id| if let ResourceId::Instance(id) = id { Some(id.clone()) } else { None });
    let groups =
        named.iter().filter_map(|id| if let ResourceId::SecurityGroup(id) = id { Some(id.clone()) } else { None });
    (instances.collect(), groups.collect())
}
