//! Carries out a journalled plan, wave by wave: whatever depends on nothing that is still open goes out at once.
//!
//! In: a plan in which nothing is left to choose. Out: one outcome for each of its actions. A failed action holds up only
//! what depends on it (promise I8). Before a wave's creates are sent, their intents are stored, every id in them known
//! (promise I1). No call is sent that could outlast the lease (promise I4).
//! Never: decides anything, tries a call again, stores or logs user data.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use aws_api::ec2::{InstanceWrite, UserData};
use aws_api::{ActionId, CloudError, ErrorKind, Reply, Request, ResourceId, Unresolved, Write};
use futures::future::{LocalBoxFuture, join_all};
use planner::action::{Action, Does};
use planner::outcome::{Fault, Outcome, Outcomes};
use planner::record::Intent;
use ports::{Clock, StoreError};

use crate::context::{Ctx, WRITE_MAX};
use crate::journal::{self, Journaled};
use crate::records;
use crate::writer::{WriteError, Writer};

/// What the lease must have left before a call is sent: the longest call, and a second for being slow ourselves.
pub const LEASE_NEEDED: Duration = WRITE_MAX.saturating_add(Duration::from_secs(1));

const LEASE_ENDS: &str = "the lease ends before a call would";

/// Where a plan is carried out.
pub struct Site<'a> {
    /// The environment.
    pub name: &'a str,
    /// Its region.
    pub region: &'a str,
    /// Who stores its intents, and by which lease.
    pub writer: &'a Writer<'a>,
    /// When, by `Clock::elapsed`, its last mutating call ended.
    pub changed: &'a Cell<Duration>,
}

/// What came of each action of the plan.
pub async fn execute(ctx: &Ctx<'_>, site: &Site<'_>, journaled: &Journaled) -> Outcomes {
    let desk = Journal { name: site.name, writer: site.writer, journaled };
    let actions = &journaled.plan().actions;
    Execution { ctx, region: site.region, changed: site.changed, desk: &desk, texts: RefCell::default() }
        .run(actions)
        .await
}

/// What is needed of lease, journal and revisions, so that the waves can be tested over plans of any form.
trait Desk {
    /// How long the lease has to go.
    fn remaining(&self) -> Duration;
    /// Stores intents, all or none.
    fn store_intents<'a>(&'a self, intents: &'a [Intent]) -> LocalBoxFuture<'a, Result<(), WriteError>>;
    /// The user data of a revision.
    fn user_data(&self, revision: u64) -> LocalBoxFuture<'_, Result<Option<UserData>, StoreError>>;
}

struct Journal<'a> {
    name: &'a str,
    writer: &'a Writer<'a>,
    journaled: &'a Journaled,
}

impl Desk for Journal<'_> {
    fn remaining(&self) -> Duration {
        self.writer.lease().remaining()
    }

    fn store_intents<'a>(&'a self, intents: &'a [Intent]) -> LocalBoxFuture<'a, Result<(), WriteError>> {
        Box::pin(journal::store_intents(self.writer, self.journaled, intents))
    }

    fn user_data(&self, revision: u64) -> LocalBoxFuture<'_, Result<Option<UserData>, StoreError>> {
        Box::pin(records::user_data(self.writer.store(), self.name, revision))
    }
}

struct Execution<'a> {
    ctx: &'a Ctx<'a>,
    region: &'a str,
    changed: &'a Cell<Duration>,
    desk: &'a dyn Desk,
    /// User data by revision, read once.
    texts: RefCell<BTreeMap<u64, UserData>>,
}

/// An action that is ready to be sent.
struct Order<'a> {
    action: &'a Action,
    /// Stored before anything is sent.
    intent: Option<Intent>,
    /// Sent one after the other, every id in them known.
    writes: Vec<Write>,
}

impl Execution<'_> {
    async fn run(&self, actions: &[Action]) -> Outcomes {
        let mut outcomes = Outcomes::new();
        loop {
            hold_back(actions, &mut outcomes);
            let wave: Vec<&Action> = actions.iter().filter(|action| is_ready(action, &outcomes)).collect();
            if wave.is_empty() {
                leave(actions, &mut outcomes, "what it depends on is not in the plan");
                return outcomes;
            }
            if let Err(why) = self.wave(wave, &mut outcomes).await {
                leave(actions, &mut outcomes, &why);
                return outcomes;
            }
        }
    }

    /// Carries out one wave. An error stops the whole execution.
    async fn wave(&self, wave: Vec<&Action>, outcomes: &mut Outcomes) -> Result<(), String> {
        if self.desk.remaining() < LEASE_NEEDED {
            return Err(LEASE_ENDS.into());
        }
        let made = made(outcomes);
        let mut orders = Vec::new();
        for action in wave {
            match self.prepare(action, &made).await {
                Ok(order) => orders.push(order),
                Err(outcome) => self.note(outcomes, action, outcome, Told::default()),
            }
        }
        let intents: Vec<Intent> = orders.iter().filter_map(|order| order.intent.clone()).collect();
        if !intents.is_empty()
            && let Err(error) = self.desk.store_intents(&intents).await
        {
            let why = format!("its intent could not be stored: {error}");
            if is_last(&error) {
                return Err(why);
            }
            let (creates, rest): (Vec<_>, Vec<_>) = orders.into_iter().partition(|order| order.intent.is_some());
            for order in creates {
                self.note(outcomes, order.action, Outcome::NotTried(why.clone()), Told::default());
            }
            orders = rest;
        }
        for (action, outcome, told) in join_all(orders.into_iter().map(|order| self.carry_out(order))).await {
            self.note(outcomes, action, outcome, told);
        }
        Ok(())
    }

    /// Fills in what earlier actions made, and the user data.
    async fn prepare<'a>(
        &self,
        action: &'a Action,
        made: &BTreeMap<ActionId, ResourceId>,
    ) -> Result<Order<'a>, Outcome> {
        let resolved = action.does.writes().into_iter().map(|write| {
            let operation = write.operation();
            write.resolve(made).map_err(|Unresolved(missing)| {
                Outcome::Failed(fault(CloudError::bug(operation, format!("{missing} returned no id for it")), true))
            })
        });
        let mut writes = resolved.collect::<Result<Vec<Write>, Outcome>>()?;
        // Stored as it will be sent, but for the user data, which stays with its revision.
        let intent = match (&action.does, writes.first()) {
            (Does::Create(intent), Some(write)) => Some(Intent { write: write.clone(), ..(**intent).clone() }),
            _ => None,
        };
        for write in &mut writes {
            self.fill_in_user_data(write).await?;
        }
        Ok(Order { action, intent, writes })
    }

    async fn fill_in_user_data(&self, write: &mut Write) -> Result<(), Outcome> {
        let Write::Instance(InstanceWrite::Run(run)) = write else { return Ok(()) };
        let Some(UserData::Revision(revision)) = run.user_data else { return Ok(()) };
        let known = self.texts.borrow().get(&revision).cloned();
        let data = match known {
            Some(data) => data,
            None => match self.desk.user_data(revision).await {
                Ok(Some(data)) => data,
                Ok(None) => return Err(Outcome::NotTried(format!("revision {revision} holds no user data"))),
                Err(error) => {
                    return Err(Outcome::NotTried(format!(
                        "the user data of revision {revision} was not read: {error}"
                    )));
                }
            },
        };
        self.texts.borrow_mut().insert(revision, data.clone());
        run.user_data = Some(data);
        Ok(())
    }

    async fn carry_out<'a>(&self, order: Order<'a>) -> (&'a Action, Outcome, Told) {
        let started = self.ctx.clock.elapsed();
        let mut made = None;
        let mut failed = None;
        let mut told = Told::default();
        for (nth, write) in order.writes.into_iter().enumerate() {
            if self.desk.remaining() < LEASE_NEEDED {
                let unsent = CloudError::unanswered(write.operation(), LEASE_ENDS);
                let unsent =
                    if nth == 0 { Outcome::NotTried(LEASE_ENDS.into()) } else { Outcome::Failed(fault(unsent, true)) };
                failed = Some(unsent);
                break;
            }
            match self.send(write).await {
                Ok(reply) => made = made.or(reply),
                // AWS was asked nothing; the next pass plans it again.
                Err(error) if error.room_in.is_some() && nth == 0 => {
                    told.put_off = true;
                    failed = Some(Outcome::NotTried(error.message));
                    break;
                }
                Err(error) => {
                    told.aws_request_id = error.request_id.clone();
                    let definite = error.is_definite();
                    failed = Some(Outcome::Failed(fault(error, definite)));
                    break;
                }
            }
        }
        told.elapsed = self.ctx.clock.elapsed().saturating_sub(started);
        (order.action, failed.unwrap_or(Outcome::Done(made)), told)
    }

    async fn send(&self, write: Write) -> Result<Option<ResourceId>, CloudError> {
        let operation = write.operation();
        let _changing = Changing { clock: self.ctx.clock, ended: self.changed };
        let wanted = write.clone();
        match self.ctx.call(self.region, Request::Write(write)).await {
            Ok(Reply::Made(made)) => Ok(Some(made)),
            Ok(Reply::Done) => Ok(None),
            Ok(_) => Err(CloudError::bug(operation, "the reply is that of another call")),
            Err(error) if error.code.as_deref().is_some_and(|code| wanted.holds_already(code)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn note(&self, outcomes: &mut Outcomes, action: &Action, outcome: Outcome, told: Told) {
        log(action, &outcome, &told);
        outcomes.insert(action.id.clone(), outcome);
    }
}

/// Marks when a mutating call ended, also one that was dropped while it was under way.
struct Changing<'a> {
    clock: &'a dyn Clock,
    ended: &'a Cell<Duration>,
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        self.ended.set(self.clock.elapsed());
    }
}

/// What the log says of an action beside its outcome.
#[derive(Default)]
struct Told {
    elapsed: Duration,
    aws_request_id: Option<String>,
    /// Whether nothing went wrong: it waits for its turn.
    put_off: bool,
}

/// Whether nothing more may be done for this environment: the lease is another's, or the record is not as it was read.
fn is_last(error: &WriteError) -> bool {
    match error {
        WriteError::LeaseLost | WriteError::Changed { .. } => true,
        WriteError::Unavailable(_) | WriteError::Unsettled(_) | WriteError::TooLarge { .. } | WriteError::Sealed(_) => {
            false
        }
    }
}

/// Decides the outcome of what can no longer be tried. Dependencies stand first in a plan, so one walk is enough.
fn hold_back(actions: &[Action], outcomes: &mut Outcomes) {
    for action in actions {
        let failed = action.after.iter().find(|one| outcomes.get(one).is_some_and(|outcome| !is_done(outcome)));
        if let (Some(failed), false) = (failed, outcomes.contains_key(&action.id)) {
            // What was not tried is told itself; what waits for it adds nothing to worry about.
            let put_off = matches!(outcomes.get(failed), Some(Outcome::NotTried(_)));
            let outcome = Outcome::NotTried(format!("{failed} did not succeed"));
            log(action, &outcome, &Told { put_off, ..Told::default() });
            outcomes.insert(action.id.clone(), outcome);
        }
    }
}

/// Leaves everything that is still open untried.
fn leave(actions: &[Action], outcomes: &mut Outcomes, why: &str) {
    for action in actions.iter().filter(|action| !outcomes.contains_key(&action.id)).collect::<Vec<_>>() {
        let outcome = Outcome::NotTried(why.to_owned());
        log(action, &outcome, &Told::default());
        outcomes.insert(action.id.clone(), outcome);
    }
}

fn is_ready(action: &Action, outcomes: &Outcomes) -> bool {
    !outcomes.contains_key(&action.id) && action.after.iter().all(|one| outcomes.get(one).is_some_and(is_done))
}

fn is_done(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Done(_) => true,
        Outcome::Failed(_) | Outcome::NotTried(_) => false,
    }
}

fn made(outcomes: &Outcomes) -> BTreeMap<ActionId, ResourceId> {
    let made = outcomes.iter().filter_map(|(id, outcome)| match outcome {
        Outcome::Done(Some(made)) => Some((id.clone(), made.clone())),
        Outcome::Done(None) | Outcome::Failed(_) | Outcome::NotTried(_) => None,
    });
    made.collect()
}

fn fault(error: CloudError, definite: bool) -> Fault {
    Fault {
        operation: error.operation.name().to_owned(),
        iam_action: error.operation.iam_action(),
        kind: error.kind,
        code: error.code,
        message: error.message,
        definite,
    }
}

/// One line an action.
fn log(action: &Action, outcome: &Outcome, told: &Told) {
    let (id, resource, reason) = (&action.id, &action.resource, action.why.reason);
    let aws_request_id = told.aws_request_id.as_deref();
    let elapsed_ms = u64::try_from(told.elapsed.as_millis()).unwrap_or(u64::MAX);
    match outcome {
        Outcome::Done(made) => {
            let made = made.as_ref().map(tracing::field::display);
            tracing::info!(action = %id, %resource, %reason, made, elapsed_ms, "action done");
        }
        Outcome::Failed(fault) => {
            let (error_kind, code, error) = (fault.kind, fault.code.as_deref(), &fault.message);
            match fault.kind {
                ErrorKind::Denied | ErrorKind::Invalid | ErrorKind::Bug => tracing::error!(
                    action = %id, %resource, %reason, %error_kind, code, %error, aws_request_id, elapsed_ms, "action failed"
                ),
                ErrorKind::Throttled
                | ErrorKind::Conflict
                | ErrorKind::NotFound
                | ErrorKind::Exists
                | ErrorKind::Capacity
                | ErrorKind::Transient => tracing::warn!(
                    action = %id, %resource, %reason, %error_kind, code, %error, aws_request_id, elapsed_ms, "action failed"
                ),
            }
        }
        Outcome::NotTried(why) if told.put_off => {
            tracing::info!(action = %id, %resource, %reason, %why, "action put off")
        }
        Outcome::NotTried(error) => tracing::warn!(action = %id, %resource, %reason, %error, "action not tried"),
    }
}

#[cfg(test)]
mod tests;
