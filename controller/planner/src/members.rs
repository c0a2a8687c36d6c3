//! Members as they are now: each recorded one beside what was seen of its instance and its target.
//!
//! Brings the instants that grace, `unhealthyFor` and bake are measured from up to date in the status, and says of each
//! member what it counts as. Never: decides what to do about it; that is [`crate::healing`] and [`crate::order`].

use std::collections::{BTreeMap, BTreeSet};

use aws_api::ec2::{Instance, InstanceState, StatusChecks};
use aws_api::elbv2::{Target, TargetHealth};
use aws_api::id::{InstanceId, TargetGroupArn};

use crate::builder::PlanBuilder;
use crate::memory::{ARRIVES_WITHIN, elapsed};
use crate::reason::Reason;
use crate::status::{MemberStatus, Moved};

/// A recorded member beside what was seen of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Member {
    /// As it stands in the status, brought up to date.
    pub(crate) status: MemberStatus,
    /// What was seen of its instance; `None` while AWS does not show it.
    pub(crate) instance: Option<Instance>,
    /// Its life.
    pub(crate) lifecycle: Lifecycle,
    /// Whether it was launched from what the spec says now, in a subnet that it lists.
    pub(crate) current: bool,
    /// Whether it was launched from what the spec says now, and changed by hand in what cannot be set right in place.
    pub(crate) altered: bool,
    /// Whether its EC2 status checks fail.
    pub(crate) impaired: bool,
    /// Whether it is healthy in the target group that is to serve next, while one replaces another.
    pub(crate) serves_next: bool,
    /// Whether its target's health was read in this pass. Nobody is judged by what was read before.
    pub(crate) health_was_read: bool,
}

/// Where a member is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lifecycle {
    /// Pending or running, or recorded and not shown (promise I5: unknown counts as live).
    Live,
    /// Stopping or stopped.
    Stopped,
    /// Being terminated.
    Ending,
}

impl Member {
    pub(crate) fn id(&self) -> &InstanceId {
        &self.status.instance_id
    }

    pub(crate) fn is_live(&self) -> bool {
        self.lifecycle == Lifecycle::Live
    }

    /// Live, and not being taken out.
    pub(crate) fn stays(&self) -> bool {
        self.is_live() && self.status.leaving.is_none()
    }

    pub(crate) fn is_healthy(&self) -> bool {
        self.stays() && self.status.health == Some(TargetHealth::Healthy) && !self.impaired
    }

    /// Whether its target is healthy though the member is not: it serves, and is missed when it goes.
    pub(crate) fn serves_unwell(&self) -> bool {
        self.status.health == Some(TargetHealth::Healthy) && !self.is_healthy()
    }

    /// What it is by now that nobody's edit made it.
    pub(crate) fn alteration(&self) -> String {
        format!("changed to {} by hand", self.status.instance_type)
    }

    pub(crate) fn is_running(&self) -> bool {
        self.instance.as_ref().is_some_and(|instance| instance.state == InstanceState::Running)
    }
}

/// The members, with the status brought up to date. `serving` is the target group whose health counts,
/// `wanted` the one that is to serve.
pub(crate) fn assess(
    builder: &mut PlanBuilder<'_>,
    serving: Option<&TargetGroupArn>,
    wanted: Option<&TargetGroupArn>,
    template: &str,
    is_current: impl Fn(&Instance) -> bool,
) -> Vec<Member> {
    let observed = builder.input.observed;
    let now = builder.input.now;
    let targets: Option<BTreeMap<&str, &Target>> = match serving {
        None => Some(BTreeMap::new()),
        // A member registered on a port that is not the group's is foreign there; see `diff::target_groups`.
        Some(arn) => {
            observed.targets_of(arn).map(|all| all.iter().map(|target| (target.id.as_str(), target)).collect())
        }
    };
    let well: BTreeSet<&str> = wanted
        .and_then(|arn| observed.targets_of(arn))
        .into_iter()
        .flatten()
        .filter(|target| target.health == TargetHealth::Healthy)
        .map(|target| target.id.as_str())
        .collect();
    let (mut members, mut returned, mut moved) = (Vec::new(), 0, Vec::new());
    for status in &mut builder.status.instances {
        let instance = observed.instances.seen().and_then(|all| all.get(&status.instance_id));
        let checks = observed.status_checks.seen().and_then(|all| all.get(&status.instance_id));
        let impaired = checks == Some(&StatusChecks::Impaired);
        let was = lifecycle_of(status);
        moved.extend(note_address(status, instance));
        note_instance(status, instance, observed.instances.seen().is_some(), now);
        returned += u32::from(note_life(status, was, now));
        if let Some(targets) = &targets {
            note_health(status, targets.get(status.instance_id.as_str()).copied(), impaired, now);
            // While a group is replaced, one that is well where it will serve is not sick for failing where it will not.
            if !impaired && well.contains(status.instance_id.as_str()) {
                status.unhealthy_since = None;
            }
        }
        members.push(Member {
            lifecycle: lifecycle_of(status),
            current: status.template == template && instance.is_none_or(&is_current),
            altered: false,
            instance: instance.cloned(),
            status: status.clone(),
            impaired,
            serves_next: wanted != serving && well.contains(status.instance_id.as_str()),
            health_was_read: targets.is_some(),
        });
    }
    builder.status.returned = builder.status.returned.saturating_add(returned);
    for (id, message) in moved {
        builder.notice(id, Reason::AddressChanged, message);
    }
    members
}

/// Keeps the public address of a member over a stop, which takes it away. What is to be said where it has another then.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-instance-addressing.html>
fn note_address(status: &mut MemberStatus, instance: Option<&Instance>) -> Option<(InstanceId, String)> {
    let had = status.public_ip.clone().or_else(|| status.last_public_ip.clone());
    let has = instance?.public_ip.clone();
    status.last_public_ip = if has.is_none() { had.clone() } else { None };
    let (had, has) = (had?, has?);
    let (slot, id) = (status.slot, status.instance_id.clone());
    let message =
        format!("slot {slot}: the public address of {id} changed from {had} to {has}; point what uses {had} at {has}");
    (had != has).then_some((id, message))
}

/// Notes since when a member is stopped. Whether it came back, though nobody asked for it.
fn note_life(status: &mut MemberStatus, was: Lifecycle, now: jiff::Timestamp) -> bool {
    let lifecycle = lifecycle_of(status);
    status.stopped_since = (lifecycle == Lifecycle::Stopped).then(|| status.stopped_since.unwrap_or(now));
    was == Lifecycle::Stopped && lifecycle == Lifecycle::Live && status.leaving.is_none()
}

/// Notes who of the members that were launched from `template` is of another type by now: that is nobody's edit of the record.
pub(crate) fn note_altered(members: &mut [Member], template: &str, instance_type: &str) {
    for member in members.iter_mut().filter(|member| member.status.template == template) {
        member.altered = member.instance.as_ref().is_some_and(|instance| instance.instance_type != instance_type);
    }
}

fn note_instance(status: &mut MemberStatus, instance: Option<&Instance>, was_read: bool, now: jiff::Timestamp) {
    match instance {
        // What is being terminated never comes back; a reading that shows it alive is an older one (promise I5).
        Some(_) if lifecycle_of(status) == Lifecycle::Ending => {}
        Some(instance) if is_of_before(status, instance, now) => {}
        Some(instance) => {
            if status.state != Some(instance.state) || status.moved.is_none() {
                status.moved = Some(Moved { at: now, launch: instance.launched_at });
            }
            status.state = Some(instance.state);
            status.instance_type = instance.instance_type.clone();
            status.private_ip = instance.private_ip.clone();
            status.public_ip = instance.public_ip.clone();
            status.zone = instance.zone.clone();
        }
        None if was_read && lifecycle_of(status) != Lifecycle::Ending => status.state = None,
        None => {}
    }
}

/// Whether a reading is older than what is recorded, as reads of EC2 go back in time: by it a member that was started again
/// would have a successor too many (promise I1), and one that was stopped would seem to have come back. Within one launch an
/// instance only goes on, and EC2's time of the last launch moves at each start. An endpoint where it does not is believed
/// once no reading is that late any more.
/// <https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html>
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Instance.html>
pub(crate) fn is_of_before(status: &MemberStatus, instance: &Instance, now: jiff::Timestamp) -> bool {
    let (Some(state), Some(moved)) = (status.state, &status.moved) else { return false };
    let is_lower = (instance.launched_at, stage(instance.state)) < (moved.launch, stage(state));
    is_lower && elapsed(moved.at, now) < ARRIVES_WITHIN
}

/// How far it is in one launch.
pub(crate) fn stage(state: InstanceState) -> u8 {
    match state {
        InstanceState::Pending => 0,
        InstanceState::Running => 1,
        InstanceState::Stopping => 2,
        InstanceState::Stopped => 3,
        InstanceState::ShuttingDown => 4,
        InstanceState::Terminated => 5,
    }
}

fn note_health(status: &mut MemberStatus, target: Option<&Target>, impaired: bool, now: jiff::Timestamp) {
    status.health = target.map(|target| target.health);
    status.reason = match (target.and_then(|target| target.reason.clone()), impaired) {
        (_, true) => Some("StatusCheckImpaired".into()),
        (reason, false) => reason,
    };
    // `initial`, `unused` and `draining` are neither: they start no clock, and stop both.
    let healthy = status.health == Some(TargetHealth::Healthy) && !impaired;
    let unhealthy = status.health == Some(TargetHealth::Unhealthy) || impaired;
    status.healthy_since = healthy.then(|| status.healthy_since.unwrap_or(now));
    status.unhealthy_since = unhealthy.then(|| status.unhealthy_since.unwrap_or(now));
}

/// Where a member is in its life, by its status.
pub(crate) fn lifecycle_of(status: &MemberStatus) -> Lifecycle {
    match status.state {
        None | Some(InstanceState::Pending | InstanceState::Running) => Lifecycle::Live,
        Some(InstanceState::Stopping | InstanceState::Stopped) => Lifecycle::Stopped,
        Some(InstanceState::ShuttingDown | InstanceState::Terminated) => Lifecycle::Ending,
    }
}
