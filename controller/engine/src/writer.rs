//! Every write of the controller: fenced by the lease, one at a time, and certain of its outcome.
//!
//! In: changes. Out: they went through, or why not. The first part of each transaction is the check of the lease's epoch;
//! only its failure means that the lease is lost (promise I4). Whether a write whose reply was lost went through is read
//! from the table: it did exactly if every item is as the write would have left it.
//! Never: splits a write, merges two, or tries again without knowing that the last try did not go through.

use std::time::Duration;

use futures::lock::Mutex;
use ports::{Change, Clock, Entropy, Item, Key, RecordStore, StoreError};

use crate::backoff::part_of;
use crate::items;
use crate::lease::{Lease, bounded};

/// Most parts of one write: DynamoDB's limit of a transaction, less the check of the lease.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
pub const PARTS_MAX: usize = 99;
/// Tries of one write. Conflicts come from our own renewals and last milliseconds.
const TRIES_MAX: u32 = 8;
/// First pause before another try; each further one doubles it.
const PAUSE_FIRST: Duration = Duration::from_millis(25);
/// Longest pause before another try.
const PAUSE_MAX: Duration = Duration::from_millis(800);
/// Longest time that one call to the table is waited for. Its reply is then lost, as any other may be.
const CALL_MAX: Duration = Duration::from_secs(5);

/// The one writer of a replica.
pub struct Writer<'a> {
    lease: &'a Lease<'a>,
    /// One transaction at a time: on AWS all of them touch the lease's item, and two at once would only conflict.
    turn: Mutex<()>,
}

/// Why a write did not go through.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// Another replica has the lease. This one must stop.
    #[error("the lease was lost to another replica")]
    LeaseLost,
    /// The record is not as it was read. Nothing was written: read again.
    #[error("the record changed meanwhile: {}", list(items))]
    Changed {
        /// Whose conditions did not hold.
        items: Vec<Key>,
    },
    /// The store refused, or did not answer in time. Nothing was written.
    #[error(transparent)]
    Unavailable(StoreError),
    /// It may or may not have been written: read again.
    #[error("it is not known whether a write went through: {0}")]
    Unsettled(StoreError),
    /// Ours: more parts than one transaction may have.
    #[error("a write of {parts} parts is too large")]
    TooLarge {
        /// How many.
        parts: usize,
    },
    /// The record cannot be understood, so it is not written over.
    #[error("{0}; it is left as it is")]
    Sealed(String),
}

fn list(keys: &[Key]) -> String {
    keys.iter().map(|key| format!("{} {}", key.pk, key.sk)).collect::<Vec<_>>().join(", ")
}

/// Whether a write whose outcome was not told went through.
enum Settled {
    Written,
    NotWritten,
    Unknown(StoreError),
}

impl<'a> Writer<'a> {
    /// The writer of the replica that has that lease. Make one a replica.
    pub fn new(lease: &'a Lease<'a>) -> Self {
        Self { lease, turn: Mutex::new(()) }
    }

    /// The lease that fences it.
    pub fn lease(&self) -> &'a Lease<'a> {
        self.lease
    }

    /// The table.
    pub fn store(&self) -> &'a dyn RecordStore {
        self.lease.store
    }

    pub(crate) fn entropy(&self) -> &'a dyn Entropy {
        self.lease.entropy
    }

    pub(crate) fn clock(&self) -> &'a dyn Clock {
        self.lease.clock
    }

    /// Writes all of these changes or none. Writing nothing asks nothing.
    ///
    /// # Errors
    /// See [`WriteError`]. A conflict, throttling or a lost reply is tried again as long as the lease lasts.
    pub async fn write(&self, changes: Vec<Change>) -> Result<(), WriteError> {
        if changes.is_empty() {
            return Ok(());
        }
        if changes.len() > PARTS_MAX {
            return Err(WriteError::TooLarge { parts: changes.len() });
        }
        let _turn = self.turn.lock().await;
        let mut parts = vec![self.lease.check()];
        parts.extend(changes);
        let mut tries = 0;
        loop {
            if self.lease.is_lost() {
                return Err(WriteError::LeaseLost);
            }
            let error = match self.attempt(&parts).await {
                Ok(()) => return Ok(()),
                Err(Attempt::Failed(error)) => return Err(error),
                Err(Attempt::Again(error)) => error,
            };
            tries += 1;
            let pause = backoff(tries, self.entropy());
            if tries >= TRIES_MAX || pause >= self.lease.remaining() {
                return Err(error);
            }
            self.clock().sleep(pause).await;
        }
    }

    async fn attempt(&self, parts: &[Change]) -> Result<(), Attempt> {
        let written = bounded(self.clock(), CALL_MAX, self.store().write(parts.to_vec())).await;
        let Err(error) = written else { return Ok(()) };
        match error {
            StoreError::ConditionFailed { failed } if failed.contains(&0) => {
                self.lease.note_lost();
                Err(Attempt::Failed(WriteError::LeaseLost))
            }
            // It may be our own write, whose reply was lost below us, that the conditions now meet.
            StoreError::ConditionFailed { failed } => match self.settle(parts).await {
                Settled::Written => Ok(()),
                Settled::NotWritten => {
                    let items = failed.iter().filter_map(|place| parts.get(*place)).map(key).collect();
                    Err(Attempt::Failed(WriteError::Changed { items }))
                }
                Settled::Unknown(error) => Err(Attempt::Failed(WriteError::Unsettled(error))),
            },
            StoreError::TransactionConflict | StoreError::Throttled { .. } => {
                Err(Attempt::Again(WriteError::Unavailable(error)))
            }
            StoreError::Unanswered { .. } | StoreError::Failed { .. } => match self.settle(parts).await {
                Settled::Written => Ok(()),
                // It may still be under way: sent again, its conditions let only one of the two through.
                Settled::NotWritten => Err(Attempt::Again(WriteError::Unsettled(error))),
                Settled::Unknown(_) => Err(Attempt::Failed(WriteError::Unsettled(error))),
            },
            StoreError::TableMissing { .. } | StoreError::Denied { .. } | StoreError::NoCredentials { .. } => {
                Err(Attempt::Failed(WriteError::Unavailable(error)))
            }
        }
    }

    /// Whether the table is as `parts` would have left it.
    async fn settle(&self, parts: &[Change]) -> Settled {
        let keys: Vec<Key> = parts.iter().filter(|part| !is_check(part)).map(key).collect();
        match bounded(self.clock(), CALL_MAX, self.store().get_many(&keys)).await {
            Err(error) => Settled::Unknown(error),
            Ok(found) => {
                let found = |wanted: &Key| found.iter().find(|item| items::key_of(item) == *wanted);
                if parts.iter().all(|part| holds(part, found)) { Settled::Written } else { Settled::NotWritten }
            }
        }
    }
}

/// What one try came to.
enum Attempt {
    Failed(WriteError),
    Again(WriteError),
}

fn holds<'i>(part: &Change, found: impl Fn(&Key) -> Option<&'i Item>) -> bool {
    match part {
        Change::Put(item, _) => found(&items::key_of(item)) == Some(item),
        Change::Delete(key, _) => found(key).is_none(),
        Change::Check(..) => true,
    }
}

fn is_check(part: &Change) -> bool {
    match part {
        Change::Check(..) => true,
        Change::Put(..) | Change::Delete(..) => false,
    }
}

fn key(part: &Change) -> Key {
    match part {
        Change::Put(item, _) => items::key_of(item),
        Change::Delete(key, _) | Change::Check(key, _) => key.clone(),
    }
}

/// The pause before another try: half of it for sure, the rest by chance.
pub(crate) fn backoff(tries: u32, entropy: &dyn Entropy) -> Duration {
    let pause = PAUSE_FIRST.saturating_mul(1 << tries.saturating_sub(1).min(10)).min(PAUSE_MAX);
    pause / 2 + part_of(pause / 2, entropy)
}

#[cfg(test)]
mod tests;
