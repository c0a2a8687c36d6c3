//! Which of several replicas works: the item LEASE, and what one replica knows of it.
//!
//! A waiting replica takes over only after it saw the same version of the item for a whole duration by its own clock:
//! no two machines' clocks are compared. Taking over raises the epoch, and every write of the controller checks it
//! ([`Lease::check`]), so that a replica that was paused past its lease writes nothing more (promise I4).
//! The check cannot fence AWS calls: they must end before [`Lease::deadline`].
//! Never: takes a conflict or a lost reply for a lost lease.

use std::cell::RefCell;
use std::future::Future;
use std::time::Duration;

use futures::future::{Either, select};
use futures::pin_mut;
use ports::{Change, Clock, Condition, Entropy, Key, Purpose, RecordStore, Sent, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::items::{self, CONTROLLER, LEASE};
use crate::writer::backoff;

/// How long a lease holds after its last renewal.
pub const DURATION: Duration = Duration::from_secs(15);
/// How often it is renewed: two renewals may fail before it ends.
pub const RENEW_INTERVAL: Duration = Duration::from_secs(5);
/// How long before its end the holder stops: for clocks that run at different rates, and a call that is slow to end.
pub const MARGIN: Duration = Duration::from_secs(2);
/// Pause after a renewal that the store did not answer.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// Longest time that one call is waited for: a renewal that hangs must leave time for the next.
const CALL_MAX: Duration = Duration::from_secs(3);
/// Tries of one renewal: conflicts with our own transactions, lost replies.
const TRIES_MAX: u32 = 8;
/// Most writes whose reply was lost that are remembered; the conditions of older ones can no longer hold.
const SENT_MAX: usize = 32;

/// One replica's side of the lease.
pub struct Lease<'a> {
    holder: String,
    pub(crate) store: &'a dyn RecordStore,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) entropy: &'a dyn Entropy,
    state: RefCell<State>,
}

/// The item, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    /// Who has it; empty: nobody, it was released.
    holder: String,
    /// How often it changed hands.
    epoch: u64,
    /// Another one at every write.
    version: String,
    /// How long it holds after its last write.
    duration_ms: u64,
}

#[derive(Debug, Default)]
struct State {
    /// Ours, since it was acquired and until it is released or lost.
    held: Option<Held>,
    /// Writes of ours that may have gone through since `held` was confirmed: each version, and when it was sent.
    sent: Vec<(Entry, Duration)>,
    /// Another's, and since when we see this very version of it.
    seen: Option<(Entry, Duration)>,
    lost: bool,
}

#[derive(Debug, Clone)]
struct Held {
    entry: Entry,
    /// When the write that made it so was sent.
    since: Duration,
}

/// What an attempt to get it came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// It is ours.
    Acquired,
    /// It is another replica's.
    Held {
        /// Whose.
        by: String,
        /// It can be taken over when so much time has passed without a renewal.
        wait: Duration,
    },
}

/// Why a renewal failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenewError {
    /// Another replica has it: this one must stop.
    #[error("the lease was lost to another replica")]
    Lost,
    /// The store did not say. The lease holds until its deadline; try again.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl<'a> Lease<'a> {
    /// That of a replica that does not have it. `holder` must be another for every process that ever ran.
    pub fn new(holder: String, store: &'a dyn RecordStore, clock: &'a dyn Clock, entropy: &'a dyn Entropy) -> Self {
        Self { holder, store, clock, entropy, state: RefCell::default() }
    }

    /// Who this replica is.
    pub fn holder(&self) -> &str {
        &self.holder
    }

    /// The epoch in which it is ours; 0 while it is not.
    pub fn epoch(&self) -> u64 {
        self.state.borrow().held.as_ref().map_or(0, |held| held.entry.epoch)
    }

    /// When it ends unless it is renewed, by `Clock::elapsed`, less [`MARGIN`]; zero while it is not ours. Every AWS
    /// call must end before.
    pub fn deadline(&self) -> Duration {
        let state = self.state.borrow();
        state.held.as_ref().map_or(Duration::ZERO, |held| held.since + DURATION - MARGIN)
    }

    /// How long it is until the deadline; zero when it has passed, until a renewal succeeds.
    pub fn remaining(&self) -> Duration {
        self.deadline().saturating_sub(self.clock.elapsed())
    }

    /// Whether it is known that another replica has taken it over.
    pub fn is_lost(&self) -> bool {
        self.state.borrow().lost
    }

    pub(crate) fn note_lost(&self) {
        let mut state = self.state.borrow_mut();
        state.held = None;
        state.sent.clear();
        state.lost = true;
    }

    /// The part of a transaction that holds only while the lease is ours.
    pub fn check(&self) -> Change {
        let holder = Condition::Equals("holder".into(), self.holder.as_str().into());
        Change::Check(key(), vec![Condition::Equals("epoch".into(), self.epoch().into()), holder])
    }
}

impl Lease<'_> {
    /// Takes the lease if it is free, was released, or was not renewed for a whole duration while we looked on. Call it
    /// again after the wait that it tells, or sooner: it sees a renewal only by reading.
    ///
    /// # Errors
    /// The store's. A lost reply is cleared up by the next call.
    pub async fn try_acquire(&self) -> Result<Attempt, StoreError> {
        let found = self.read().await?;
        if self.confirm(found.as_ref()) {
            return Ok(Attempt::Acquired);
        }
        let (epoch, condition) = match found {
            None => (1, Condition::Absent),
            Some(entry) => {
                let version = Condition::Equals("version".into(), entry.version.as_str().into());
                let next = entry.epoch.saturating_add(1);
                if let Some(attempt) = self.wait(entry) {
                    return Ok(attempt);
                }
                (next, version)
            }
        };
        match self.put(self.entry(&self.holder, epoch), vec![condition]).await {
            Ok(()) => Ok(Attempt::Acquired),
            Err(StoreError::ConditionFailed { .. }) => self.who_was_first().await,
            Err(error) => Err(error),
        }
    }

    /// Renews it. A conflict with our own transactions, or a reply that is lost, is tried again.
    ///
    /// # Errors
    /// [`RenewError::Lost`] ends the replica. After any other the lease holds until its deadline: try again soon.
    pub async fn renew(&self) -> Result<(), RenewError> {
        let mut tries = 0;
        loop {
            let held = self.state.borrow().held.clone().ok_or(RenewError::Lost)?.entry;
            let conditions = vec![
                Condition::Equals("version".into(), held.version.as_str().into()),
                Condition::Equals("epoch".into(), held.epoch.into()),
                Condition::Equals("holder".into(), held.holder.as_str().into()),
            ];
            let Err(error) = self.put(self.entry(&held.holder, held.epoch), conditions).await else { return Ok(()) };
            match &error {
                StoreError::ConditionFailed { .. } | StoreError::Unanswered { .. } | StoreError::Failed { .. } => {
                    let found = self.read().await?;
                    if self.confirm(found.as_ref()) {
                        return Ok(());
                    }
                    if found.is_none_or(|found| found.version != held.version) {
                        self.note_lost();
                        return Err(RenewError::Lost);
                    }
                }
                StoreError::TransactionConflict | StoreError::Throttled { .. } => {}
                StoreError::TableMissing { .. } | StoreError::Denied { .. } | StoreError::NoCredentials { .. } => {
                    return Err(error.into());
                }
            }
            tries += 1;
            if tries >= TRIES_MAX {
                return Err(error.into());
            }
            self.clock.sleep(backoff(tries, self.entropy)).await;
        }
    }

    /// Renews it again and again, and ends when it is lost. A store that does not answer only lets the deadline pass.
    pub async fn keep(&self) {
        let since = self.state.borrow().held.as_ref().map(|held| held.since);
        let mut due = since.map_or(Duration::ZERO, |since| since + RENEW_INTERVAL);
        loop {
            self.clock.sleep(due.saturating_sub(self.clock.elapsed())).await;
            let started = self.clock.elapsed();
            due = match self.renew().await {
                Ok(()) => started + RENEW_INTERVAL,
                Err(RenewError::Lost) => return,
                Err(RenewError::Store(error)) => {
                    tracing::warn!(%error, remaining_ms = self.remaining().as_millis(), "lease not renewed");
                    self.clock.elapsed() + RETRY_INTERVAL
                }
            };
        }
    }

    /// Gives it up, so that a successor need not wait. Nothing may be under way any more.
    ///
    /// # Errors
    /// The store's: the successor then waits as after a crash.
    pub async fn release(&self) -> Result<(), StoreError> {
        let Some(held) = self.state.borrow_mut().held.take() else { return Ok(()) };
        let free = self.entry("", held.entry.epoch);
        let mut tries = 0;
        loop {
            // Without its version: a renewal whose reply was lost may still come in between.
            let conditions = vec![
                Condition::Equals("epoch".into(), held.entry.epoch.into()),
                Condition::Equals("holder".into(), self.holder.as_str().into()),
            ];
            let change = Change::Put(items::item(&key(), &free, None), conditions);
            let error = match bounded(self.clock, CALL_MAX, self.store.write(vec![change])).await {
                Ok(()) | Err(StoreError::ConditionFailed { .. }) => return Ok(()),
                Err(error) => error,
            };
            tries += 1;
            if tries >= TRIES_MAX {
                return Err(error);
            }
            self.clock.sleep(backoff(tries, self.entropy)).await;
        }
    }

    /// Whether, and how long, another's entry is to be respected still.
    fn wait(&self, entry: Entry) -> Option<Attempt> {
        let now = self.clock.elapsed();
        let lasts = Duration::from_millis(entry.duration_ms);
        let mut state = self.state.borrow_mut();
        let since = match &state.seen {
            Some((seen, since)) if *seen == entry => *since,
            Some(_) | None => now,
        };
        let wait = (since + lasts).saturating_sub(now);
        let by = entry.holder.clone();
        let free = by.is_empty();
        state.seen = Some((entry, since));
        (!free && !wait.is_zero()).then_some(Attempt::Held { by, wait })
    }

    async fn who_was_first(&self) -> Result<Attempt, StoreError> {
        let found = self.read().await?;
        if self.confirm(found.as_ref()) {
            return Ok(Attempt::Acquired);
        }
        let by = found.map(|entry| entry.holder).unwrap_or_default();
        Ok(Attempt::Held { by, wait: DURATION })
    }

    /// Whether the item is the work of one of our writes whose reply was lost. The lease then lasts from its sending.
    fn confirm(&self, found: Option<&Entry>) -> bool {
        let mut state = self.state.borrow_mut();
        let ours = state.sent.iter().find(|(sent, _)| Some(sent) == found).cloned();
        let Some((entry, since)) = ours else { return false };
        *state = State { held: Some(Held { entry, since }), ..State::default() };
        true
    }

    async fn put(&self, entry: Entry, conditions: Vec<Condition>) -> Result<(), StoreError> {
        let since = self.clock.elapsed();
        {
            let mut state = self.state.borrow_mut();
            if state.sent.len() >= SENT_MAX {
                state.sent.remove(0);
            }
            state.sent.push((entry.clone(), since));
        }
        let change = Change::Put(items::item(&key(), &entry, None), conditions);
        bounded(self.clock, CALL_MAX, self.store.write(vec![change])).await?;
        *self.state.borrow_mut() = State { held: Some(Held { entry, since }), ..State::default() };
        Ok(())
    }

    async fn read(&self) -> Result<Option<Entry>, StoreError> {
        let key = key();
        let Some(item) = bounded(self.clock, CALL_MAX, self.store.get(&key)).await? else { return Ok(None) };
        let entry = serde_json::from_value(Value::Object(item)).map_err(|error| StoreError::Failed {
            operation: "GetItem".into(),
            message: format!("item {CONTROLLER} {LEASE} is not a lease: {error}"),
        })?;
        Ok(Some(entry))
    }

    fn entry(&self, holder: &str, epoch: u64) -> Entry {
        let draw = || self.entropy.draw(Purpose::Identity);
        Entry {
            holder: holder.to_owned(),
            epoch,
            version: format!("{:016x}{:016x}", draw(), draw()),
            duration_ms: u64::try_from(DURATION.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

fn key() -> Key {
    Key::new(CONTROLLER, LEASE)
}

/// The result of a call to the table, or a lost reply when it takes longer than `most`.
pub(crate) async fn bounded<T>(
    clock: &dyn Clock,
    most: Duration,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let time_is_up = clock.sleep(most);
    pin_mut!(call, time_is_up);
    match select(call, time_is_up).await {
        Either::Left((result, _)) => result,
        Either::Right(((), _)) => Err(StoreError::Unanswered {
            endpoint: "DynamoDB".into(),
            message: format!("no reply within {} s", most.as_secs()),
            sent: Sent::Write,
        }),
    }
}

#[cfg(test)]
mod tests;
