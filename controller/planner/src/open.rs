//! Open intents that nothing asks for any more: what becomes of a create whose reply was lost and whose wish is gone.
//!
//! A launch is [`crate::order`]'s. Anything else is found by its name if it exists. Not shown for `missing_after` since it
//! was last wanted, and when no sending of it can arrive any more, it did not take place (or not once more), and its
//! intent is settled. Never: sends anything.

use std::time::Duration;

use crate::action::Does;
use crate::draft::Draft;
use crate::memory::{ARRIVES_WITHIN, later};
use crate::record::{Intent, Makes};
use crate::status::WaitOn;

/// Intents that are neither settled nor asked for in this plan, but for launches.
fn orphans(draft: &Draft<'_>) -> Vec<Intent> {
    let is_settled = |intent: &Intent| draft.settled.iter().any(|settled| settled.id == intent.id);
    let is_asked_for = |intent: &Intent| {
        draft.actions.iter().any(|action| matches!(&action.does, Does::Replay(replayed) if replayed.id == intent.id))
    };
    let intents = draft.sight.record.intents.iter();
    let named = intents.filter(|intent| !matches!(intent.makes, Makes::Member { .. }));
    named.filter(|intent| !is_settled(intent) && !is_asked_for(intent)).cloned().collect()
}

/// Whether what it makes would be seen if it were there.
fn is_in_sight(draft: &Draft<'_>, makes: &Makes) -> bool {
    let observed = draft.sight.observed;
    match makes {
        Makes::Group(_) => observed.groups.seen().is_some(),
        Makes::LoadBalancer => observed.load_balancers.seen().is_some() && observed.tags.seen().is_some(),
        Makes::TargetGroup { .. } => observed.target_groups.seen().is_some() && observed.tags.seen().is_some(),
        Makes::Listener { .. } | Makes::Member { .. } => observed.gaps().is_empty(),
    }
}

/// Settles those that did not take place. Returns whether one is still open.
pub(crate) fn give_up_orphans(draft: &mut Draft<'_>) -> bool {
    let orphans = orphans(draft);
    draft.memory.keep_unwanted(|id| orphans.iter().any(|orphan| orphan.id == *id));
    let mut open = false;
    for orphan in orphans {
        let since = draft.memory.unwanted_since(&orphan.id, draft.sight.now);
        // What only its name keeps from being made again may arrive as long as any call may.
        let arrives_within = if orphan.makes.by_name() { ARRIVES_WITHIN } else { Duration::ZERO };
        let given_up = later(since, draft.sight.missing_after.max(arrives_within));
        if given_up <= draft.now() && is_in_sight(draft, &orphan.makes) {
            draft.settled.push(orphan);
        } else {
            let Intent { id, makes, .. } = &orphan;
            let what = format!("{makes}, asked for without a known reply ({id}), to appear or no longer to be able to");
            draft.wait(WaitOn::Time, what, Some(given_up));
            open = true;
        }
    }
    open
}
