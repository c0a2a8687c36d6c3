//! Judges which members are sick, and whether they may be taken out now.
//!
//! Sick: ALB `unhealthy` or EC2-impaired, past its grace, for `unhealthyFor`. Absent members (terminated, stopped,
//! missing) are not judged here; relaunching them is never braked.
//! Never: acts, or judges what was not read whole. Start at [`judge`].

use std::collections::BTreeSet;
use std::time::Duration;

use aws_api::id::InstanceId;
use crds_schema::spec::Healing;
use jiff::Timestamp;

use crate::builder::PlanBuilder;
use crate::members::{Lifecycle, Member};
use crate::memory::{elapsed, later};
use crate::reason::Reason;
use crate::status::WaitOn;

/// What was judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdicts {
    /// Members that are sick.
    pub(crate) sick: BTreeSet<InstanceId>,
    /// How many healing terminations are allowed now; 0 when a brake holds.
    pub(crate) allowance: u32,
    /// Whether the sick count as what they are, or, braked, as if they were not.
    pub(crate) braked: bool,
    /// Whether the brake is that too many are sick, which holds those on their way out, too.
    pub(crate) too_many: bool,
}

impl Verdicts {
    /// Whether this member is to be replaced for its sickness. Once its successor was launched it stays so under a brake:
    /// otherwise it would be one member too many, and go uncharged.
    pub(crate) fn replaces(&self, member: &Member) -> bool {
        self.sick.contains(member.id()) && (!self.braked || member.status.succeeded)
    }
}

/// How long a healing termination is counted.
pub(crate) const BUDGET_WINDOW: Duration = Duration::from_secs(3600);

/// Judges the members and says why, where a brake holds.
pub(crate) fn judge(builder: &mut PlanBuilder<'_>, healing: &Healing, count: u32, members: &[Member]) -> Verdicts {
    let now = builder.now();
    let mut sick = BTreeSet::new();
    // Where none are wanted nobody is replaced.
    for member in members.iter().filter(|_| count > 0).filter(|member| member.stays() && member.health_was_read) {
        match sick_at(member, healing) {
            Some(at) if at <= now => {
                sick.insert(member.id().clone());
            }
            Some(at) => {
                let (slot, id, judged) = (member.status.slot, member.id(), grace_ends(member, healing));
                let (what, until) = if judged > now {
                    (format!("slot {slot} ({id}), starting; judged from {}", judged.strftime("%H:%M:%SZ")), judged)
                } else {
                    (format!("slot {slot} ({id}) to recover or be sick"), at)
                };
                builder.wait(WaitOn::Time, what, Some(until));
            }
            None => {}
        }
    }
    let allowance = allowance(builder, healing, members);
    let too_many = are_too_many(builder, healing, count, &sick);
    let braked = too_many || is_spent(builder, healing, &sick, allowance);
    for status in &mut builder.status.instances {
        status.succeeded &= sick.contains(&status.instance_id);
    }
    Verdicts { allowance: if braked { 0 } else { allowance }, braked, too_many, sick }
}

fn grace_ends(member: &Member, healing: &Healing) -> Timestamp {
    later(member.status.launched_at, Duration::from_secs(healing.grace_period.as_secs()))
}

/// When an unhealthy member is sick, if it stays so.
fn sick_at(member: &Member, healing: &Healing) -> Option<Timestamp> {
    let unhealthy_since = member.status.unhealthy_since?;
    // Failing during its grace is no evidence, so the clock starts at its end at the earliest.
    let counts_from = unhealthy_since.max(grace_ends(member, healing));
    Some(later(counts_from, Duration::from_secs(healing.unhealthy_for.as_secs())))
}

/// What the hour's budget still has, after those that are already on their way out.
fn allowance(builder: &mut PlanBuilder<'_>, healing: &Healing, members: &[Member]) -> u32 {
    let now = builder.now();
    builder.status.terminations.retain(|charge| elapsed(charge.at, now) < BUDGET_WINDOW);
    let charged = &builder.status.terminations;
    let on_their_way = members.iter().filter(|member| {
        member.lifecycle != Lifecycle::Ending
            && member.status.leaving.as_ref().is_some_and(|leaving| leaving.healing)
            && !charged.iter().any(|charge| charge.instance_id == *member.id())
    });
    let spent = u32::try_from(charged.len() + on_their_way.count()).unwrap_or(u32::MAX);
    healing.max_terminations_per_hour.saturating_sub(spent)
}

fn are_too_many(builder: &mut PlanBuilder<'_>, healing: &Healing, count: u32, sick: &BTreeSet<InstanceId>) -> bool {
    let most = healing.max_unhealthy.of(count, 1);
    let number = u32::try_from(sick.len()).unwrap_or(u32::MAX);
    if number <= most {
        return false;
    }
    let names: Vec<_> = sick.iter().map(InstanceId::as_str).collect();
    let message = format!(
        "{number} of {count} members are sick ({}), healing.maxUnhealthy allows {most}: none is taken out until fewer are",
        names.join(", ")
    );
    builder.add_blocker(Reason::TooManySick, message.clone());
    builder.wait(WaitOn::Person, message, None);
    true
}

fn is_spent(builder: &mut PlanBuilder<'_>, healing: &Healing, sick: &BTreeSet<InstanceId>, allowance: u32) -> bool {
    let spent = !sick.is_empty() && allowance == 0;
    if spent {
        self::spent(builder, healing.max_terminations_per_hour);
    }
    spent
}

/// When the oldest charge no longer counts.
pub(crate) fn budget_frees(builder: &PlanBuilder<'_>) -> Option<Timestamp> {
    builder.status.terminations.iter().map(|charge| later(charge.at, BUDGET_WINDOW)).min()
}

/// Says that the hour's budget is used up, and until when.
pub(crate) fn spent(builder: &mut PlanBuilder<'_>, limit: u32) {
    let until = budget_frees(builder);
    let message = format!("healing.maxTerminationsPerHour ({limit}) is used up");
    builder.add_blocker(Reason::TerminationBudgetSpent, message.clone());
    builder.wait(WaitOn::Time, format!("{message}; a healing termination"), until);
}
