//! One pass, from sight to plan, and from outcomes to status. Both are pure.
//!
//! `engine::reconcile` calls, in this order: [`crate::lookup::lookups`], [`plan`], [`crate::lint::lint`], and, after
//! executing, [`crate::conclude::conclude`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crds_schema::spec::DeletionPolicy;
use jiff::Timestamp;

use crate::action::Plan;
use crate::conditions;
use crate::converge;
use crate::draft::Draft;
use crate::held;
use crate::memory::Memory;
use crate::observed::Observed;
use crate::older::{self, Older};
use crate::reason::Reason;
use crate::recognise;
use crate::record::Record;
use crate::request::ActionId;
use crate::status::WaitOn;
use crate::subject::{Attempt, attempt};
use crate::teardown;

/// All that a plan is made from, beside the memory.
#[derive(Debug, Clone, Copy)]
pub struct Sight<'a> {
    /// The record.
    pub record: &'a Record,
    /// What was seen.
    pub observed: &'a Observed,
    /// The controller's clock.
    pub now: Timestamp,
    /// The pass's own random number; new intents' ids follow from it.
    pub seed: u64,
    /// How long a recorded resource must be absent before it is missing.
    pub missing_after: Duration,
    /// The region of environments that name none.
    pub default_region: &'a str,
}

/// What to do now. Total: where sight is incomplete the plan says so and does less.
///
/// `memory` is brought up to date with what was seen.
pub fn plan(sight: &Sight<'_>, memory: &mut Memory) -> Plan {
    let record = sight.record;
    let mut draft = Draft::new(sight, memory);
    let (mut torn_down, mut older) = (false, Older::No);
    if !record.status.damaged {
        recognise::recognise(&mut draft);
        older = older::strangers(&mut draft);
        let is_ending = record.deleting && record.status.holds_nothing();
        if record.spec.is_none() && record.revision > 0 && !is_ending {
            // The revision in force cannot be read: what it wants, and what it protects, is not known.
            let message =
                format!("revision {} is in force, but its REV item is gone; apply the record again", record.revision);
            draft.trouble(Reason::SpecMissing, message.clone());
            draft.wait(WaitOn::Person, message, None);
        } else if record.deleting {
            let retain = record.spec.as_ref().is_some_and(|spec| spec.deletion_policy == DeletionPolicy::Retain);
            torn_down = teardown::teardown(&mut draft, retain);
        } else if let Some(spec) = &record.spec {
            converge::converge(&mut draft, spec);
        }
    }
    held::tell(&mut draft);
    withhold_failed(&mut draft);
    older::hold(&mut draft, older);
    torn_down &= older == Older::No;
    draft.status.generation = record.generation;
    draft.status.observed_generation = record.generation;
    draft.status.spec_hash = record.spec_hash.clone();
    draft.status.revision = record.revision;
    conditions::set(&mut draft);
    if record.spec.as_ref().is_some_and(|spec| spec.paused) {
        torn_down &= record.status.holds_nothing();
        pause(&mut draft);
    }
    draft.status.waiting_for = draft.waiting_for.clone();
    draft.memory.note_compared();
    draft.finish(torn_down)
}

/// Holds back what failed a moment ago, and all that depends on it. The rest goes on (promise I8).
fn withhold_failed(draft: &mut Draft<'_>) {
    let planned: BTreeMap<Attempt, ActionId> =
        draft.actions.iter().map(|action| (attempt(action), action.id.clone())).collect();
    let record = draft.sight.record;
    draft.memory.keep_unanswered(|id| record.intents.iter().any(|intent| intent.id == *id));
    draft.memory.retries.asked_for(record.generation, record.deleting);
    // A launch that was refused stays known while another image stands in for it in its slot.
    let stands_in = |id: &ActionId| id.0.starts_with("launch/") && planned.values().any(|planned| planned == id);
    draft.memory.retries.keep(|attempt| planned.contains_key(attempt) || stands_in(&attempt.action));
    let now = draft.now();
    let failures: Vec<_> =
        draft.memory.retries.all().map(|(attempt, failure)| (attempt.clone(), failure.clone())).collect();
    let mut withheld: BTreeSet<ActionId> = BTreeSet::new();
    for (attempt, failure) in failures {
        draft.trouble(failure.why.reason, failure.why.message.clone());
        let id = attempt.action.clone();
        if failure.retry_at > now && planned.contains_key(&attempt) {
            draft.wait(
                WaitOn::Time,
                format!("{id} to be tried again: {}", failure.why.message),
                Some(failure.retry_at),
            );
            withheld.insert(id);
        }
    }
    // Dependencies stand before what depends on them, so one walk finds them all.
    draft.actions.retain(|action| {
        let hold = withheld.contains(&action.id) || action.after.iter().any(|before| withheld.contains(before));
        if hold {
            withheld.insert(action.id.clone());
        }
        !hold
    });
    // A member has a successor only if one is launched.
    if !draft.actions.iter().any(|action| action.id.0.starts_with("launch/")) {
        let before = &draft.sight.record.status;
        draft.status.keep_successions(before);
    }
}

/// Says what would be done, and does none of it. The conditions are set before, from what differs.
fn pause(draft: &mut Draft<'_>) {
    for action in std::mem::take(&mut draft.actions) {
        draft.leave(&action.resource, Reason::Paused, format!("{} would be done: {}", action.id, action.why));
    }
    draft.unmark();
    draft.wait(WaitOn::Person, "spec.paused to be false", None);
}
