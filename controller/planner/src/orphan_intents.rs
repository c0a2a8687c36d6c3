//! Open intents that nothing asks for any more: what becomes of a create whose reply was lost and whose wish is gone.
//!
//! A launch is [`crate::order`]'s. Anything else is found by its name if it exists. Not shown for `missing_after` since it
//! was last wanted, and when no sending of it can arrive any more, it did not take place (or not once more), and its
//! intent is settled. Never: sends anything.

use std::time::Duration;

use crate::action::Does;
use crate::builder::PlanBuilder;
use crate::memory::{ARRIVES_WITHIN, later};
use crate::record::{Intent, Makes};
use crate::status::WaitOn;

/// Intents that are neither settled nor asked for in this plan, but for launches.
fn orphans(builder: &PlanBuilder<'_>) -> Vec<Intent> {
    let is_settled = |intent: &Intent| builder.settled.iter().any(|settled| settled.id == intent.id);
    let is_asked_for = |intent: &Intent| {
        builder.actions.iter().any(|action| matches!(&action.does, Does::Replay(replayed) if replayed.id == intent.id))
    };
    let intents = builder.input.record.intents.iter();
    let named = intents.filter(|intent| !matches!(intent.makes, Makes::Member { .. }));
    named.filter(|intent| !is_settled(intent) && !is_asked_for(intent)).cloned().collect()
}

/// Whether what it makes would be seen if it were there.
fn is_in_sight(builder: &PlanBuilder<'_>, makes: &Makes) -> bool {
    let observed = builder.input.observed;
    match makes {
        Makes::Group(_) => observed.groups.seen().is_some(),
        Makes::LoadBalancer => observed.load_balancers.seen().is_some() && observed.tags.seen().is_some(),
        Makes::TargetGroup { .. } => observed.target_groups.seen().is_some() && observed.tags.seen().is_some(),
        Makes::Listener { .. } | Makes::Member { .. } => observed.gaps().is_empty(),
    }
}

/// Settles those that did not take place. Returns whether one is still open.
pub(crate) fn give_up(builder: &mut PlanBuilder<'_>) -> bool {
    let orphans = orphans(builder);
    builder.memory.keep_unwanted(|id| orphans.iter().any(|orphan| orphan.id == *id));
    let mut open = false;
    for orphan in orphans {
        let since = builder.memory.unwanted_since(&orphan.id, builder.input.now);
        // What only its name keeps from being made again may arrive as long as any call may.
        let arrives_within = if orphan.makes.by_name() { ARRIVES_WITHIN } else { Duration::ZERO };
        let given_up = later(since, builder.input.missing_after.max(arrives_within));
        if given_up <= builder.now() && is_in_sight(builder, &orphan.makes) {
            builder.settled.push(orphan);
        } else {
            let Intent { id, makes, .. } = &orphan;
            let what = format!("{makes}, asked for without a known reply ({id}), to appear or no longer to be able to");
            builder.wait(WaitOn::Time, what, Some(given_up));
            open = true;
        }
    }
    open
}
