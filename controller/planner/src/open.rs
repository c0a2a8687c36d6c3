//! Open intents that nothing asks for any more: what becomes of a create whose reply was lost and whose wish is gone.
//!
//! A launch is [`crate::order`]'s. Anything else is found by its name if it exists; not shown for `missing_after` since it
//! was last wanted, and as long as a sending of it may still arrive, it did not take place (or not again), and its intent
//! is settled. Never: sends anything.

use crate::action::Does;
use crate::draft::Draft;
use crate::memory::later;
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

/// Settles those that did not take place. Returns whether one is still open.
pub(crate) fn give_up_orphans(draft: &mut Draft<'_>) -> bool {
    let orphans = orphans(draft);
    draft.memory.keep_unwanted(|id| orphans.iter().any(|orphan| orphan.id == *id));
    let mut open = false;
    for orphan in orphans {
        let since = draft.memory.unwanted_since(&orphan.id, draft.sight.now);
        let arrives = draft.memory.arrives_until(&orphan.id).filter(|_| orphan.makes.by_name());
        let given_up = later(since, draft.sight.missing_after).max(arrives.unwrap_or(since));
        if given_up <= draft.now() && draft.sight.observed.gaps().is_empty() {
            draft.settled.push(orphan);
        } else {
            draft.wait(WaitOn::Time, format!("{} to appear, or to be given up", orphan.id), Some(given_up));
            open = true;
        }
    }
    open
}
