//! From what a pass goes by to what it does. Pure.
//!
//! `engine::reconcile` calls, in this order: [`crate::lookup::lookups`], [`plan`], [`crate::lint::lint`], and, after
//! executing, [`crate::conclude::conclude`].

use std::collections::{BTreeMap, BTreeSet};

use aws_api::ActionId;
use crds_schema::spec::DeletionPolicy;

use crate::action::Plan;
use crate::builder::PlanBuilder;
use crate::conditions;
use crate::converge;
use crate::held;
use crate::input::PlanInput;
use crate::inventory;
use crate::memory::Memory;
use crate::older::{self, Older};
use crate::reason::Reason;
use crate::status::WaitOn;
use crate::subject::{Attempt, attempt};
use crate::teardown;

/// What to do now. Total: where sight is incomplete the plan says so and does less.
///
/// `memory` is brought up to date with what was seen.
pub fn plan(input: &PlanInput<'_>, memory: &mut Memory) -> Plan {
    let record = input.record;
    let mut builder = PlanBuilder::new(input, memory);
    let (mut torn_down, mut older) = (false, Older::No);
    if !record.status.damaged {
        inventory::recognise(&mut builder);
        older = older::strangers(&mut builder);
        let is_ending = record.deleting && record.status.holds_nothing();
        if record.spec.is_none() && record.revision > 0 && !is_ending {
            // The revision in force cannot be read: what it wants, and what it protects, is not known.
            let message =
                format!("revision {} is in force, but its REV item is gone; apply the record again", record.revision);
            builder.add_blocker(Reason::SpecMissing, message.clone());
            builder.wait(WaitOn::Person, message, None);
        } else if record.deleting {
            let retain = record.spec.as_ref().is_some_and(|spec| spec.deletion_policy == DeletionPolicy::Retain);
            torn_down = teardown::teardown(&mut builder, retain);
        } else if let Some(spec) = &record.spec {
            converge::converge(&mut builder, spec);
        }
    }
    held::tell(&mut builder);
    withhold_failed(&mut builder);
    older::hold(&mut builder, older);
    torn_down &= older == Older::No;
    builder.status.generation = record.generation;
    builder.status.observed_generation = record.generation;
    builder.status.spec_hash = record.spec_hash.clone();
    builder.status.revision = record.revision;
    conditions::set(&mut builder);
    if record.spec.as_ref().is_some_and(|spec| spec.paused) {
        torn_down &= record.status.holds_nothing();
        pause(&mut builder);
    }
    builder.status.waiting_for = builder.waiting_for.clone();
    builder.memory.note_compared();
    builder.finish(torn_down)
}

/// Holds back what failed a moment ago, and all that depends on it. The rest goes on (promise I8).
fn withhold_failed(builder: &mut PlanBuilder<'_>) {
    let planned: BTreeMap<Attempt, ActionId> =
        builder.actions.iter().map(|action| (attempt(action), action.id.clone())).collect();
    let record = builder.input.record;
    builder.memory.keep_unanswered(|id| record.intents.iter().any(|intent| intent.id == *id));
    builder.memory.retries.asked_for(record.generation, record.deleting);
    // A launch that was refused stays known while another image stands in for it in its slot.
    let stands_in = |id: &ActionId| id.0.starts_with("launch/") && planned.values().any(|planned| planned == id);
    builder.memory.retries.keep(|attempt| planned.contains_key(attempt) || stands_in(&attempt.action));
    let now = builder.now();
    let failures: Vec<_> =
        builder.memory.retries.all().map(|(attempt, failure)| (attempt.clone(), failure.clone())).collect();
    let mut withheld: BTreeSet<ActionId> = BTreeSet::new();
    for (attempt, failure) in failures {
        builder.add_blocker(failure.why.reason, failure.why.message.clone());
        let id = attempt.action.clone();
        if failure.retry_at > now && planned.contains_key(&attempt) {
            builder.wait(
                WaitOn::Time,
                format!("{id} to be tried again: {}", failure.why.message),
                Some(failure.retry_at),
            );
            withheld.insert(id);
        }
    }
    // Dependencies stand before what depends on them, so one walk finds them all.
    builder.actions.retain(|action| {
        let hold = withheld.contains(&action.id) || action.after.iter().any(|before| withheld.contains(before));
        if hold {
            withheld.insert(action.id.clone());
        }
        !hold
    });
    // A member has a successor only if one is launched.
    if !builder.actions.iter().any(|action| action.id.0.starts_with("launch/")) {
        let before = &builder.input.record.status;
        builder.status.keep_successions(before);
    }
}

/// Says what would be done, and does none of it. The conditions are set before, from what differs.
fn pause(builder: &mut PlanBuilder<'_>) {
    for action in std::mem::take(&mut builder.actions) {
        builder.leave(&action.resource, Reason::Paused, format!("{} would be done: {}", action.id, action.why));
    }
    builder.unmark();
    builder.wait(WaitOn::Person, "spec.paused to be false", None);
}
