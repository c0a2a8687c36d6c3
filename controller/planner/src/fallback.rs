//! What stands in the way of launching what the record wants, and how many members the last good revision stands in for.
//!
//! A typo in an edit must not disarm healing: what is broken is replaced from the revision that was good before, until the
//! wanted can be had. Its members are outdated from the first, so the rollout goes on by itself once nothing is in the way.
//! Never: launches; that is [`crate::launches`].

use std::fmt;

use aws_api::ec2::Image;
use aws_api::id::InstanceId;

use crate::builder::PlanBuilder;
use crate::desired::{Fallback, Wanted};
use crate::members::Member;
use crate::observed::Part;
use crate::order::FleetInput;
use crate::reason::Reason;
use crate::status::WaitOn;

/// Why what the record wants cannot be launched, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// Its image is not there, or not yet.
    Image(String),
    /// No zone offers its type, or that is not known.
    Offerings(String),
    /// No zone has capacity for its type.
    Capacity(String),
    /// AWS refused the last launch. It is tried again, more and more rarely.
    Refused(String),
    /// It was launched and is sick, and none of it is healthy. It is tried again, within the budget of healing.
    Unhealthy(InstanceId),
}

impl Obstacle {
    /// Whether there is nothing to try.
    pub(crate) fn bars(&self) -> bool {
        match self {
            Self::Image(_) | Self::Offerings(_) | Self::Capacity(_) => true,
            Self::Refused(_) | Self::Unhealthy(_) => false,
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(why) | Self::Offerings(why) | Self::Capacity(why) => f.write_str(why),
            Self::Refused(why) => write!(f, "AWS refused the last launch ({why})"),
            Self::Unhealthy(member) => write!(f, "{member} is sick, and no member of the revision in force is healthy"),
        }
    }
}

/// What stands in the way of a launch that is wanted, told as a trouble. Nothing is launched from an image that is not
/// there; and since successors come first, nothing is terminated for it.
pub(crate) fn obstacle(builder: &mut PlanBuilder<'_>, fleet: &FleetInput<'_>) -> Option<Obstacle> {
    let wanted = fleet.wanted;
    let cannot_be_had = image(builder, wanted).map(Obstacle::Image).or_else(|| offerings(builder, wanted));
    cannot_be_had.or_else(|| refusal(builder)).or_else(|| unhealthy(fleet))
}

/// One that is sick of those that the revision in force launched, while none of them is healthy. A revision that was good
/// once has no other to fall back on, so what makes all of it sick later brings no old one back.
fn unhealthy(fleet: &FleetInput<'_>) -> Option<Obstacle> {
    let current = || fleet.members.iter().filter(|member| member.stays() && member.current);
    let sick = current().find(|member| fleet.verdicts.sick.contains(member.id()))?;
    (!current().any(Member::is_healthy)).then(|| Obstacle::Unhealthy(sick.id().clone()))
}

fn image(builder: &mut PlanBuilder<'_>, wanted: &Wanted) -> Option<String> {
    let id = &wanted.template.image;
    let missing = unavailable(id.as_str(), &builder.input.observed.image)?;
    match &builder.input.observed.image {
        Part::Seen(Some(_)) => {
            builder.add_blocker(Reason::ImagePending, missing.clone());
            builder.wait(WaitOn::Aws, format!("{missing}; it to be available"), None);
        }
        Part::Seen(None) => {
            let message = format!("spec.image.amiId: {missing}");
            builder.add_blocker(Reason::ImageMissing, message.clone());
            builder.wait(WaitOn::Person, message, None);
        }
        Part::Unread(why) => builder.add_blocker(Reason::Unread, format!("image: {why}")),
    }
    Some(missing)
}

/// Why that image cannot be launched; `None` when it can.
fn unavailable(id: &str, seen: &Part<Option<Image>>) -> Option<String> {
    match seen {
        Part::Seen(Some(image)) if image.state == "available" => None,
        Part::Seen(Some(image)) => Some(format!("{id} is {}", image.state)),
        Part::Seen(None) => Some(format!("{id} does not exist in this region or may not be used")),
        Part::Unread(why) => Some(format!("{id} was not read: {why}")),
    }
}

fn offerings(builder: &mut PlanBuilder<'_>, wanted: &Wanted) -> Option<Obstacle> {
    let instance_type = &wanted.template.instance_type;
    if wanted.instance_subnets.is_empty() {
        let zones: Vec<_> = wanted.balancer_subnets.keys().map(ToString::to_string).collect();
        let message = match builder.input.observed.offerings.unread() {
            None => format!("no zone of {} offers {instance_type}", zones.join(", ")),
            Some(why) => format!("instance type offerings: {why}"),
        };
        let is_read = builder.input.observed.offerings.seen().is_some();
        builder.add_blocker(if is_read { Reason::TypeNotOffered } else { Reason::Unread }, message.clone());
        return Some(Obstacle::Offerings(message));
    }
    let now = builder.now();
    let pauses = wanted.instance_subnets.iter().map(|(zone, _)| builder.memory.capacity_pause(zone, now));
    // Every zone must be paused.
    let until = pauses.collect::<Option<Vec<_>>>()?.into_iter().min();
    let message = format!("no zone has capacity for {instance_type}");
    builder.add_blocker(Reason::InsufficientCapacity, message.clone());
    builder.wait(WaitOn::Time, format!("{message}; the next try"), until);
    Some(Obstacle::Capacity(message))
}

/// What AWS said of the last launch, if it will say the same again. The failure itself tells the trouble.
fn refusal(builder: &PlanBuilder<'_>) -> Option<Obstacle> {
    let refused = |reason: Reason| matches!(reason, Reason::LaunchRejected | Reason::ActionDenied);
    let mut launches = builder.memory.retries.all().filter(|(attempt, _)| attempt.action.0.starts_with("launch/"));
    launches
        .find(|(_, failure)| refused(failure.why.reason))
        .map(|(_, failure)| Obstacle::Refused(failure.why.message.clone()))
}

/// How many of the `vacant` slots the last good revision stands in for. Where it cannot either, that is said.
pub(crate) fn stand_ins(builder: &mut PlanBuilder<'_>, wanted: &Wanted, obstacle: &Obstacle, vacant: u32) -> u32 {
    let Some(fallback) = wanted.fallback.as_ref().filter(|_| vacant > 0) else { return 0 };
    let full = matches!(obstacle, Obstacle::Capacity(_));
    if full && fallback.template.instance_type == wanted.template.instance_type {
        return 0;
    }
    match bar(builder, fallback) {
        None => vacant,
        Some(why) => {
            let message =
                format!("revision {}, the last good one, cannot be launched either: {why}", fallback.revision);
            builder.wait(WaitOn::Person, message, None);
            0
        }
    }
}

fn bar(builder: &PlanBuilder<'_>, fallback: &Fallback) -> Option<String> {
    let Some(input) = builder.input.observed.fallback.as_ref() else { return Some("it was not looked at".into()) };
    if fallback.instance_subnets.is_empty() {
        let unread = input.offerings.unread().map(|why| format!("instance type offerings: {why}"));
        return unread.or_else(|| Some(format!("no zone offers {}", fallback.template.instance_type)));
    }
    unavailable(fallback.template.image.as_str(), &input.image)
}
