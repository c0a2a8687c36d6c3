//! One pass over one environment: read, observe, plan, lint, journal, execute, conclude. The spine of the controller.
//!
//! In: a key, and what this replica remembers of it. Out: a [`Pass`], which says what was done, what is waited for, when
//! to look again, and what went wrong; there is no error beside it. Each step takes what only the step before it makes, so
//! that leaving out lint or journal does not compile.
//! Never: sleeps, tries again, decides by what triggered it, or uses sight that is older than its own effect.

use std::cell::Cell;
use std::time::Duration;

use jiff::Timestamp;
use planner::action::Plan;
use planner::conclude::{Conclusion, Event, conclude};
use planner::lint::{Linted, lint};
use planner::lookup::lookups;
use planner::memory::Memory;
use planner::observed::Observed;
use planner::outcome::{Outcome, Outcomes};
use planner::reason::{Reason, Severity};
use planner::record::Record;
use planner::status::{Condition, ConditionType, Status, Truth, Wait};
use planner::{PlanInput, plan};
use ports::{Purpose, StoreError};
use tracing::Instrument;

use crate::allowance::Needs;
use crate::context::Ctx;
use crate::execute::{Site, execute};
use crate::journal::{self, Ending};
use crate::lease::bounded;
use crate::observe::rarely::Rarely;
use crate::observe::{Sought, observe};
use crate::recorder::Recorder;
use crate::records::{Reader, Stored};
use crate::work_queue::Trigger;
use crate::writer::{WriteError, Writer};

/// Longest read of a record: several calls to the table, and one environment must not hold up a worker for good.
const RECORD_READ_MAX: Duration = Duration::from_secs(15);

/// How often in a row a pass is put off for want of reads: then it goes on with what it sees, however little, since it needs
/// more at once than our share ever has room for.
const PUT_OFF_MAX: u32 = 3;

/// By what a pass writes. A replica that only observes has none.
pub struct Desk<'a> {
    /// The replica's one writer, fenced by its lease.
    pub writer: &'a Writer<'a>,
    /// Which events were told.
    pub recorder: &'a Recorder,
}

/// What a replica remembers of an environment from pass to pass. A new leader begins without.
#[derive(Debug)]
pub struct Remembered {
    memory: Memory,
    reader: Reader,
    /// When, by `Clock::elapsed`, its last mutating call ended (promise I5).
    changed: Cell<Duration>,
    /// When what is read rarely was read.
    rarely: Rarely,
    /// Whether a pass may have ended without being concluded: one of an earlier leader, or a failed one of ours.
    unconcluded: bool,
    /// The region that it was last looked at in.
    pub(crate) region: Option<String>,
    /// How many reads a pass needs.
    pub(crate) needs: Needs,
    /// How often in a row a pass was put off for want of reads.
    put_off: u32,
}

impl Default for Remembered {
    fn default() -> Self {
        Self {
            memory: Memory::default(),
            reader: Reader::default(),
            changed: Cell::default(),
            rarely: Rarely::default(),
            unconcluded: true,
            region: None,
            needs: Needs::default(),
            put_off: 0,
        }
    }
}

/// What came of a pass.
#[derive(Debug, Default)]
pub struct Pass {
    /// What was planned; `None` when it did not come to that.
    pub plan: Option<Plan>,
    /// What came of each action. Empty when there was nothing to do, or when it was not to be done.
    pub outcomes: Outcomes,
    /// The status that it ended with.
    pub status: Option<Status>,
    /// How soon another pass is wanted; `None`: the resync will do.
    pub requeue: Option<Duration>,
    /// Whether the environment is no more: there is no record, or its teardown is done.
    pub is_gone: bool,
    /// Whether it was put off, since our share of the quota has no room for all of its reads: nothing is known or done.
    pub is_put_off: bool,
    /// Why it could not be completed.
    pub halt: Option<Halt>,
}

/// Why a pass could not be completed. The next one begins anew.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Halt {
    /// The record could not be read, so nothing is known.
    #[error("the record was not read: {0}")]
    Unread(#[source] StoreError),
    /// The plan breaks a promise, which is a fault of ours. Nothing was done.
    #[error("the plan was refused: {}", .0.join("; "))]
    Refused(Vec<String>),
    /// The plan could not be journalled. Nothing was done.
    #[error("the plan was not journalled: {0}")]
    Unjournaled(#[source] WriteError),
    /// What was done could not be written down. The next pass sees it again.
    #[error("the pass was not concluded: {0}")]
    Unconcluded(#[source] WriteError),
}

impl Pass {
    /// Whether AWS was asked to change anything.
    pub fn acted(&self) -> bool {
        self.outcomes.values().any(|outcome| match outcome {
            Outcome::Done(_) | Outcome::Failed(_) => true,
            Outcome::NotTried(_) => false,
        })
    }

    /// Whether it went through to its end.
    pub fn is_complete(&self) -> bool {
        self.halt.is_none()
    }

    /// What is waited for.
    pub fn waiting_for(&self) -> &[Wait] {
        self.status.as_ref().map_or(&[], |status| &status.waiting_for)
    }

    fn gone() -> Self {
        Self { is_gone: true, ..Self::default() }
    }

    fn put_off(room_in: Duration) -> Self {
        Self { is_put_off: true, requeue: Some(room_in), ..Self::default() }
    }

    fn halted(halt: Halt) -> Self {
        Self { halt: Some(halt), ..Self::default() }
    }

    /// One that was only to look.
    fn looked(linted: &Linted, refused: Option<Halt>) -> Self {
        let plan = linted.plan();
        Self { status: Some(plan.status.clone()), plan: Some(plan.clone()), halt: refused, ..Self::default() }
    }

    fn finished(plan: &Plan, outcomes: Outcomes, conclusion: Conclusion, refused: Option<Halt>) -> Self {
        Self {
            plan: Some(plan.clone()),
            outcomes,
            status: Some(conclusion.status),
            requeue: conclusion.requeue,
            is_gone: false,
            is_put_off: false,
            halt: refused,
        }
    }
}

/// One pass. Without a desk it plans and writes nothing.
pub async fn reconcile(
    ctx: &Ctx<'_>,
    desk: Option<&Desk<'_>>,
    name: &str,
    kept: &mut Remembered,
    trigger: Trigger,
) -> Pass {
    let seed = ctx.entropy.draw(Purpose::Pass);
    let (uid, generation) = (tracing::field::Empty, tracing::field::Empty);
    let span = tracing::info_span!("reconcile", name, uid, generation, reconcile_id = format!("{seed:016x}"), %trigger);
    let pass = async {
        tracing::debug!("pass started");
        let started = ctx.clock.elapsed();
        let pass = attempt(ctx, desk, name, kept, seed).await.unwrap_or_else(Pass::halted);
        log(&pass, ctx.clock.elapsed().saturating_sub(started));
        pass
    };
    pass.instrument(span).await
}

async fn attempt(
    ctx: &Ctx<'_>,
    desk: Option<&Desk<'_>>,
    name: &str,
    kept: &mut Remembered,
    seed: u64,
) -> Result<Pass, Halt> {
    let Some(stored) = read(ctx, desk, name, kept).await? else { return Ok(Pass::gone()) };
    let region = stored.region(&ctx.default_region);
    kept.region = Some(region.to_owned());
    let observed = look(ctx, region, &stored.record, kept).await;
    if let Some(room_in) = ctx.cloud.short_by().filter(|_| kept.put_off < PUT_OFF_MAX) {
        kept.put_off += 1;
        return Ok(Pass::put_off(room_in));
    }
    kept.put_off = 0;
    for (part, why) in observed.gaps() {
        tracing::warn!(part, why, "part not read");
    }
    let (record, now) = (&stored.record, ctx.clock.now());
    let input = PlanInput {
        record,
        observed: &observed,
        now,
        seed,
        missing_after: ctx.missing_after,
        default_region: &ctx.default_region,
    };
    let plan = plan(&input, &mut kept.memory);
    let (linted, refused) = lint_or_hold(plan, &input, &kept.memory)?;
    let Some(desk) = desk else { return Ok(Pass::looked(&linted, refused)) };

    kept.unconcluded = true;
    let journaled = journal::open(desk.writer, &stored, linted, now).await.map_err(Halt::Unjournaled)?;
    if journaled.plan().torn_down {
        journal::finish_teardown(desk.writer, &journaled, ctx.clock.now()).await.map_err(Halt::Unconcluded)?;
        return Ok(Pass::gone());
    }
    let site = Site { name, region, writer: desk.writer, changed: &kept.changed };
    let outcomes = execute(ctx, &site, &journaled).await; // total: one outcome for each action
    let now = ctx.clock.now();
    let mut conclusion = conclude(journaled.plan(), &outcomes, &record.status, &mut kept.memory, now);
    conclusion.events.extend(refused.as_ref().map(|halt| refusal(name, halt)));
    let ending = Ending { outcomes: &outcomes, conclusion: &conclusion, recorder: desk.recorder, now };
    journal::close(desk.writer, &journaled, &ending).await.map_err(Halt::Unconcluded)?;
    kept.unconcluded = false;
    Ok(Pass::finished(journaled.plan(), outcomes, conclusion, refused))
}

/// Reads the record, and first closes the journal entries of passes that were cut off.
async fn read(
    ctx: &Ctx<'_>,
    desk: Option<&Desk<'_>>,
    name: &str,
    kept: &mut Remembered,
) -> Result<Option<Stored>, Halt> {
    if let (Some(desk), true) = (desk, kept.unconcluded) {
        let closed = journal::close_interrupted(desk.writer, name, ctx.clock.now()).await.map_err(Halt::Unjournaled)?;
        kept.unconcluded = false;
        if closed > 0 {
            tracing::info!(entries = closed, "interrupted passes closed");
        }
    }
    let stored = kept.reader.read(ctx.store, name, ctx.clock.now(), ctx.entropy);
    let stored = bounded(ctx.real_clock, RECORD_READ_MAX, stored).await.map_err(Halt::Unread)?;
    if let Some(Stored { record, .. }) = &stored {
        let span = tracing::Span::current();
        span.record("uid", record.status.uid.as_str()).record("generation", record.generation);
    }
    Ok(stored)
}

async fn look(ctx: &Ctx<'_>, region: &str, record: &Record, kept: &mut Remembered) -> Observed {
    let mut lookups = lookups(record);
    let (volumes, started) = (lookups.volumes.clone(), ctx.clock.elapsed());
    let is_due = kept.rarely.is_due(record, &volumes, kept.memory.wants_volumes(), started);
    if !is_due {
        lookups.volumes.clear();
    }
    lookups.usage = kept.memory.refusals.to_ask(ctx.clock.now()).cloned().collect();
    let sought = Sought { lookups, since: kept.changed.get() };
    let observed = observe(ctx, region, &[sought]).await.into_iter().next();
    // One is seen for each that is sought.
    let observed = observed.unwrap_or_else(|| Observed::unread("it was not looked for"));
    if is_due && observed.volumes.values().all(|part| part.seen().is_some()) {
        kept.rarely.note(record, volumes, started);
    }
    observed
}

/// The plan, linted; or, where it is refused, a plan that does nothing, whose status says that the environment holds.
fn lint_or_hold(plan: Plan, input: &PlanInput<'_>, memory: &Memory) -> Result<(Linted, Option<Halt>), Halt> {
    match lint(plan, input, memory) {
        Ok(linted) => Ok((linted, None)),
        Err(broken) => {
            tracing::error!(?broken, "plan refused");
            let holding = Plan::nothing(holding(input, &broken));
            let linted = lint(holding, input, memory).map_err(Halt::Refused)?;
            Ok((linted, Some(Halt::Refused(broken))))
        }
    }
}

/// The status before the plan, but neither ready nor in sync.
fn holding(input: &PlanInput<'_>, broken: &[String]) -> Status {
    let mut status = input.record.status.clone();
    let generation = input.record.generation;
    status.observed_generation = generation;
    for kind in [ConditionType::Ready, ConditionType::InSync] {
        let before = status.condition(kind).filter(|condition| condition.status == Truth::False);
        let since: Timestamp = before.map_or(input.now, |condition| condition.last_transition_time);
        let held = Condition {
            kind,
            status: Truth::False,
            reason: Reason::Held,
            message: refused_message(broken),
            last_transition_time: since,
            observed_generation: generation,
        };
        match status.conditions.iter_mut().find(|condition| condition.kind == kind) {
            Some(condition) => *condition = held,
            None => status.conditions.push(held),
        }
    }
    status
}

fn refused_message(broken: &[String]) -> String {
    format!("a plan was refused, which is a fault of the controller's; please report it: {}", broken.join("; "))
}

fn refusal(name: &str, halt: &Halt) -> Event {
    let message = match halt {
        Halt::Refused(broken) => refused_message(broken),
        Halt::Unread(_) | Halt::Unjournaled(_) | Halt::Unconcluded(_) => halt.to_string(),
    };
    let (severity, reason, resource) = (Severity::Person, Reason::Held, name.to_owned());
    Event { severity, reason, resource, message, action: None, lasts: true }
}

/// One line a pass, with what it came to.
fn log(pass: &Pass, elapsed: Duration) {
    let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    let count = |wanted: fn(&Outcome) -> bool| pass.outcomes.values().filter(|outcome| wanted(outcome)).count();
    let done = count(|outcome| matches!(outcome, Outcome::Done(_)));
    let failed = count(|outcome| matches!(outcome, Outcome::Failed(_)));
    let not_tried = count(|outcome| matches!(outcome, Outcome::NotTried(_)));
    let planned = pass.plan.as_ref().map_or(0, |plan| plan.actions.len());
    let waits = pass.waiting_for().len();
    let requeue_ms = pass.requeue.map(|requeue| u64::try_from(requeue.as_millis()).unwrap_or(u64::MAX));
    match &pass.halt {
        Some(error) => tracing::warn!(%error, planned, done, failed, not_tried, elapsed_ms, "pass not completed"),
        None if pass.is_put_off => {
            tracing::debug!(requeue_ms, elapsed_ms, "pass put off: no room for all of its reads")
        }
        None if pass.is_gone => tracing::info!(elapsed_ms, "environment is gone"),
        None if pass.acted() => {
            tracing::info!(planned, done, failed, not_tried, waits, requeue_ms, elapsed_ms, "pass acted");
        }
        None if planned > 0 => tracing::info!(planned, not_tried, waits, requeue_ms, elapsed_ms, "pass only planned"),
        None => tracing::debug!(waits, requeue_ms, elapsed_ms, "nothing to do"),
    }
}

#[cfg(test)]
mod tests;
