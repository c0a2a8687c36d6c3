//! One DynamoDB table in memory, behind [`ports::RecordStore`].
//!
//! Strong reads; an index `by-kind` that may lag; conditional writes and transactions with DynamoDB's limits. Transactions that
//! touch one item at once conflict, as on AWS, which no emulator shows. Faults by hand. Clones are the same table.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>

mod faults;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use futures::future::LocalBoxFuture;
use ports::{Change, Clock, Condition, Item, Key, Query, RecordStore, Sent, StoreError};
use serde_json::Value;

use crate::clock::VirtualClock;
use crate::crash::{CrashPoints, Cut};
use crate::entropy::Prng;
use faults::{Asked, Notices, Planned};
pub use faults::{Notice, StoreFault};

/// Changes of one transaction.
const CHANGES_MAX: usize = 100;
/// Bytes of one item. <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html>
const ITEM_BYTES_MAX: usize = 400 * 1024;
/// Bytes of one transaction.
const TRANSACTION_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long an item that a transaction touched makes another one conflict.
const TRANSACTION_TAKES: Duration = Duration::from_millis(3);

/// One table, as one client sees it.
#[derive(Clone)]
pub struct SimStore {
    table: Rc<Table>,
    crash_points: CrashPoints,
}

struct Table {
    clock: VirtualClock,
    state: RefCell<State>,
}

struct State {
    items: BTreeMap<Key, Item>,
    /// The kinds that an item has had: since when, and which. Only the last one counts once it is older than the lag.
    kinds: BTreeMap<Key, Vec<(Duration, Option<String>)>>,
    /// Items in a transaction, and until when.
    busy: Vec<(Key, Duration)>,
    latency: Duration,
    reply_timeout: Duration,
    index_lag: Duration,
    notices: Notices,
    planned_writes: Vec<Planned>,
    planned_reads: Vec<Planned>,
    /// Of a thousand writes.
    often: Vec<(u16, StoreFault)>,
    chance: Prng,
    counts: BTreeMap<String, u64>,
    /// Writes that went through, while somebody looks on.
    tape: Option<Vec<Written>>,
}

/// A write of a client that went through, for a judge who looks on while a run goes on.
#[derive(Debug, Clone)]
pub struct Written {
    /// When, since the clock's epoch.
    pub at: Duration,
    /// What it changed, checks included.
    pub changes: Vec<Change>,
}

impl SimStore {
    /// An empty table.
    pub fn new(seed: u64, clock: &VirtualClock, crash_points: &CrashPoints) -> Self {
        let state = State {
            items: BTreeMap::new(),
            kinds: BTreeMap::new(),
            busy: Vec::new(),
            latency: Duration::from_millis(6),
            reply_timeout: Duration::from_secs(2),
            index_lag: Duration::ZERO,
            notices: Notices::default(),
            planned_writes: Vec::new(),
            planned_reads: Vec::new(),
            often: Vec::new(),
            chance: Prng::new(seed ^ 0x0073_746f_7265),
            counts: BTreeMap::new(),
            tape: None,
        };
        let table = Table { clock: clock.clone(), state: RefCell::new(state) };
        Self { table: Rc::new(table), crash_points: crash_points.clone() }
    }

    /// The same table, for a replica whose requests are counted and cut apart.
    pub fn with_crash_points(&self, crash_points: &CrashPoints) -> Self {
        Self { table: Rc::clone(&self.table), crash_points: crash_points.clone() }
    }

    /// How long a request takes: half of it to a whole and a half.
    pub fn set_latency(&self, latency: Duration) {
        self.table.state.borrow_mut().latency = latency;
    }

    /// How far the index lags behind.
    pub fn set_index_lag(&self, lag: Duration) {
        self.table.state.borrow_mut().index_lag = lag;
    }

    /// The next write meets this fault; several wait in line.
    pub fn fail_next_write(&self, fault: StoreFault) {
        self.table.state.borrow_mut().planned_writes.push(Planned { fault, of: None });
    }

    /// The next read meets this fault; several wait in line. A conflict is none that a read can have: it fails.
    pub fn fail_next_read(&self, fault: StoreFault) {
        self.table.state.borrow_mut().planned_reads.push(Planned { fault, of: None });
    }

    /// The next write (or read) that touches an item of that partition meets this fault.
    pub fn fail_next_of(&self, write: bool, pk: &str, fault: StoreFault) {
        let state = &mut *self.table.state.borrow_mut();
        let planned = if write { &mut state.planned_writes } else { &mut state.planned_reads };
        planned.push(Planned { fault, of: Some(pk.to_owned()) });
    }

    /// Counts what a watch asks anew (the index, and batches of keys that it `watches`), and lets that answer, of which the
    /// first is 1, be given so; `None`: none.
    pub fn mislead(&self, armed: Option<(u64, Notice)>, watches: fn(&Key) -> bool) {
        let state = &mut *self.table.state.borrow_mut();
        state.notices = Notices::new(armed, watches, state.items.clone());
    }

    /// What a watch asked since [`mislead`](Self::mislead) was last called.
    pub fn notices(&self) -> u64 {
        self.table.state.borrow().notices.asked
    }

    /// From now on writes meet this fault `permille` times in a thousand.
    pub fn fail_often(&self, permille: u16, fault: StoreFault) {
        self.table.state.borrow_mut().often.push((permille, fault));
    }

    /// No faults any more.
    pub fn faults_off(&self) {
        let mut state = self.table.state.borrow_mut();
        state.planned_writes.clear();
        state.planned_reads.clear();
        state.often.clear();
    }

    /// From now on every write of a client that goes through is kept until it is taken by [`written`](Self::written).
    pub fn record_writes(&self) {
        self.table.state.borrow_mut().tape.get_or_insert_default();
    }

    /// The writes that went through since this was last asked, in their order.
    pub fn written(&self) -> Vec<Written> {
        self.table.state.borrow_mut().tape.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// How often each fault happened to a request.
    pub fn fault_counts(&self) -> BTreeMap<String, u64> {
        self.table.state.borrow().counts.clone()
    }

    /// A user with the table in hand: reads and writes at once, without conditions, faults or time.
    pub fn user(&self) -> StoreUser {
        StoreUser { table: Rc::clone(&self.table) }
    }

    /// Counts, delays, and applies the faults to one request; `effect` is what the table does when it arrives,
    /// under a fault of its answer, if that is what it meets.
    async fn request<T>(
        &self,
        operation: &'static str,
        asked: Asked,
        touches: impl Fn(&str) -> bool,
        effect: impl FnOnce(&mut State, Duration, Option<StoreFault>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let crash_points = &self.crash_points;
        let Table { clock, state } = &*self.table;
        let number = crash_points.next();
        crash_points.pass(number, Cut::BeforeSending).await;
        let (fault, there, back, timeout) = {
            let mut state = state.borrow_mut();
            let half = state.latency / 2;
            let there = half / 2 + state.chance.duration(half);
            let back = half / 2 + state.chance.duration(half);
            let fault = state.fault(asked, touches);
            if let Some(fault) = fault {
                *state.counts.entry(fault.name(asked)).or_default() += 1;
            }
            (fault, there, back, state.reply_timeout)
        };
        clock.sleep(there).await;
        let unanswered = || StoreError::Unanswered {
            endpoint: "the simulated table".to_owned(),
            message: format!("{operation} was not answered"),
            sent: Sent::Write,
        };
        let result = match fault {
            None | Some(StoreFault::NameDropped | StoreFault::NameDoubled | StoreFault::Unprocessed) => {
                effect(&mut state.borrow_mut(), clock.since_epoch(), fault)
            }
            Some(StoreFault::Conflict) if asked == Asked::Write => Err(StoreError::TransactionConflict),
            Some(StoreFault::Throttled) => {
                Err(StoreError::Throttled { message: "ProvisionedThroughputExceededException".to_owned() })
            }
            Some(StoreFault::Conflict | StoreFault::Failed) => Err(failed(operation, "InternalServerError")),
            Some(StoreFault::LostReply) => {
                // The reply is lost, whatever it says.
                let _ = effect(&mut state.borrow_mut(), clock.since_epoch(), None);
                crash_points.pass(number, Cut::AfterEffect).await;
                clock.sleep(timeout).await;
                Err(unanswered())
            }
            Some(StoreFault::LostRequest) => {
                clock.sleep(timeout).await;
                Err(unanswered())
            }
        };
        crash_points.pass(number, Cut::AfterEffect).await;
        clock.sleep(back).await;
        crash_points.pass(number, Cut::AfterReply).await;
        result
    }
}

impl State {
    fn fault(&mut self, asked: Asked, touches: impl Fn(&str) -> bool) -> Option<StoreFault> {
        let write = asked == Asked::Write;
        let planned = if write { &mut self.planned_writes } else { &mut self.planned_reads };
        let meets = |one: &Planned| one.fault.fits(asked) && one.of.as_deref().is_none_or(&touches);
        if let Some(place) = planned.iter().position(meets) {
            return Some(planned.remove(place).fault);
        }
        if !write {
            return None;
        }
        let mut hit = None;
        for (permille, fault) in &self.often {
            if self.chance.chance(*permille) {
                hit = Some(*fault);
            }
        }
        hit
    }

    fn put(&mut self, key: Key, item: Item, at: Duration) {
        let kind = item.get("kind").and_then(Value::as_str).map(str::to_owned);
        self.index(&key, kind, at);
        self.items.insert(key, item);
    }

    fn delete(&mut self, key: &Key, at: Duration) {
        self.index(key, None, at);
        self.items.remove(key);
    }

    fn index(&mut self, key: &Key, kind: Option<String>, at: Duration) {
        let horizon = at.saturating_sub(self.index_lag);
        let kinds = self.kinds.entry(key.clone()).or_default();
        let old = kinds.iter().rposition(|(since, _)| *since <= horizon).unwrap_or(0);
        kinds.drain(..old);
        if kinds.last().and_then(|(_, kind)| kind.as_ref()) != kind.as_ref() {
            kinds.push((at, kind));
        }
    }

    fn by_kind(&self, kind: &str, at: Duration) -> Vec<String> {
        // Before the table's first moment there was nothing to see.
        let Some(seen_at) = at.checked_sub(self.index_lag) else { return Vec::new() };
        let seen = |kinds: &Vec<(Duration, Option<String>)>| {
            let held = kinds.iter().rev().find(|(since, _)| *since <= seen_at);
            held.is_some_and(|(_, held)| held.as_deref() == Some(kind))
        };
        let found: BTreeSet<&String> =
            self.kinds.iter().filter(|(_, kinds)| seen(kinds)).map(|(key, _)| &key.pk).collect();
        found.into_iter().cloned().collect()
    }

    fn write(&mut self, changes: Vec<Change>, at: Duration) -> Result<(), StoreError> {
        let operation = if changes.len() == 1 { "PutItem" } else { "TransactWriteItems" };
        let keys = keys_of(operation, &changes)?;
        self.busy.retain(|(_, until)| *until > at);
        if keys.iter().any(|key| self.busy.iter().any(|(busy, _)| busy == key)) {
            return Err(StoreError::TransactionConflict);
        }
        if changes.len() > 1 {
            self.busy.extend(keys.iter().map(|key| (key.clone(), at + TRANSACTION_TAKES)));
        }
        let failed: Vec<usize> =
            (0..changes.len()).filter(|place| !self.holds(&keys[*place], &changes[*place])).collect();
        if !failed.is_empty() {
            return Err(StoreError::ConditionFailed { failed });
        }
        if let Some(tape) = &mut self.tape {
            tape.push(Written { at, changes: changes.clone() });
        }
        for (key, change) in keys.into_iter().zip(changes) {
            match change {
                Change::Put(item, _) => self.put(key, item, at),
                Change::Delete(..) => self.delete(&key, at),
                Change::Check(..) => {}
            }
        }
        Ok(())
    }

    fn holds(&self, key: &Key, change: &Change) -> bool {
        let (Change::Put(_, conditions) | Change::Delete(_, conditions) | Change::Check(_, conditions)) = change;
        let item = self.items.get(key);
        conditions.iter().all(|condition| match condition {
            Condition::Exists => item.is_some(),
            Condition::Absent => item.is_none(),
            Condition::Equals(name, value) => item.and_then(|item| item.get(name)).is_some_and(|own| same(own, value)),
            // `attribute_not_exists` holds of an item that does not exist, too.
            Condition::Lacks(name) => item.is_none_or(|item| !item.contains_key(name)),
        })
    }
}

/// Numbers by value, as DynamoDB compares them: 1 and 1.0 are one number.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64() && !(a.is_i64() && b.is_i64()),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

fn keys_of(operation: &str, changes: &[Change]) -> Result<Vec<Key>, StoreError> {
    if changes.is_empty() || changes.len() > CHANGES_MAX {
        let message = format!("ValidationException: {} changes; there may be 1 to {CHANGES_MAX}", changes.len());
        return Err(failed(operation, &message));
    }
    let mut bytes = 0;
    let mut keys = Vec::new();
    for change in changes {
        keys.push(match change {
            Change::Put(item, _) => {
                let size = serde_json::to_string(item).map_or(0, |text| text.len());
                if size > ITEM_BYTES_MAX {
                    let message = "ValidationException: Item size has exceeded the maximum allowed size";
                    return Err(failed(operation, message));
                }
                bytes += size;
                key_of(operation, item)?
            }
            Change::Delete(key, _) | Change::Check(key, _) => key.clone(),
        });
    }
    if bytes > TRANSACTION_BYTES_MAX {
        return Err(failed(operation, "ValidationException: Transaction size exceeds 4 MB"));
    }
    if keys.iter().collect::<BTreeSet<_>>().len() < keys.len() {
        let message = "ValidationException: Transaction request cannot include multiple operations on one item";
        return Err(failed(operation, message));
    }
    Ok(keys)
}

fn key_of(operation: &str, item: &Item) -> Result<Key, StoreError> {
    let part = |name: &str| item.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    match (part("pk"), part("sk")) {
        (Some(pk), Some(sk)) => Ok(Key::new(pk, sk)),
        _ => Err(failed(operation, "ValidationException: One of the required keys was not given a value")),
    }
}

fn failed(operation: &str, message: &str) -> StoreError {
    StoreError::Failed { operation: operation.to_owned(), message: message.to_owned() }
}

impl RecordStore for SimStore {
    fn get<'a>(&'a self, key: &'a Key) -> LocalBoxFuture<'a, Result<Option<Item>, StoreError>> {
        Box::pin(self.request(
            "GetItem",
            Asked::Read,
            |pk| key.pk == pk,
            |state, _, _| Ok(state.items.get(key).cloned()),
        ))
    }

    fn get_many<'a>(&'a self, keys: &'a [Key]) -> LocalBoxFuture<'a, Result<Vec<Item>, StoreError>> {
        Box::pin(async move {
            let mut items = Vec::new();
            let mut left: BTreeSet<&Key> = keys.iter().collect();
            while !left.is_empty() {
                let touches = |pk: &str| left.iter().any(|key| key.pk == pk);
                let (found, unprocessed) = self
                    .request("BatchGetItem", Asked::Batch, touches, |state, _, fault| {
                        if let Some(answer) = state.notices.items(&left) {
                            return answer.map(|items| (items, BTreeSet::new()));
                        }
                        let mut now = left.clone();
                        let cut = now.iter().nth(now.len() / 2).copied().filter(|_| fault.is_some());
                        let later = cut.map(|cut| now.split_off(cut)).unwrap_or_default();
                        let found: Vec<Item> = now.iter().filter_map(|key| state.items.get(*key).cloned()).collect();
                        Ok((found, later))
                    })
                    .await?;
                items.extend(found);
                left = unprocessed;
            }
            Ok(items)
        })
    }

    fn query<'a>(&'a self, query: &'a Query) -> LocalBoxFuture<'a, Result<Vec<Item>, StoreError>> {
        let touches = |pk: &str| query.pk == pk;
        Box::pin(self.request("Query", Asked::Read, touches, |state, _, _| {
            let from = Key::new(query.pk.clone(), query.prefix.clone());
            let within = |key: &Key| key.pk == query.pk && key.sk.starts_with(&query.prefix);
            let found = state.items.range(from..).take_while(|(key, _)| within(key)).map(|(_, item)| item.clone());
            let mut items: Vec<Item> = found.collect();
            if query.descending {
                items.reverse();
            }
            items.truncate(query.limit.unwrap_or(usize::MAX));
            Ok(items)
        }))
    }

    fn by_kind<'a>(&'a self, kind: &'a str) -> LocalBoxFuture<'a, Result<Vec<String>, StoreError>> {
        Box::pin(self.request(
            "Query",
            Asked::Index,
            |_| false,
            |state, at, fault| {
                if let Some(answer) = state.notices.names(kind) {
                    return answer;
                }
                let mut names = state.by_kind(kind, at);
                if let (Some(fault), Some(last)) = (fault, names.len().checked_sub(1)) {
                    let place = usize::try_from(state.chance.draw()).unwrap_or(0) % (last + 1);
                    let name = names.remove(place);
                    if fault == StoreFault::NameDoubled {
                        names.extend([name.clone(), name]);
                    }
                }
                Ok(names)
            },
        ))
    }

    fn write<'a>(&'a self, changes: Vec<Change>) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        let operation = if changes.len() == 1 { "PutItem" } else { "TransactWriteItems" };
        let pks: BTreeSet<String> = changes.iter().map(|change| change.pk().to_owned()).collect();
        let touches = move |pk: &str| pks.contains(pk);
        Box::pin(self.request(operation, Asked::Write, touches, move |state, at, _| state.write(changes, at)))
    }
}

/// See [`SimStore::user`].
pub struct StoreUser {
    table: Rc<Table>,
}

impl StoreUser {
    /// Writes an item.
    ///
    /// # Panics
    /// If it has no key.
    pub fn put(&self, item: Item) {
        let key = key_of("PutItem", &item).expect("the test gives pk and sk");
        let at = self.table.clock.since_epoch();
        self.table.state.borrow_mut().put(key, item, at);
    }

    /// Removes an item. Whether there was one.
    pub fn delete(&self, key: &Key) -> bool {
        let at = self.table.clock.since_epoch();
        let mut state = self.table.state.borrow_mut();
        let there = state.items.contains_key(key);
        state.delete(key, at);
        there
    }

    /// An item.
    pub fn get(&self, key: &Key) -> Option<Item> {
        self.table.state.borrow().items.get(key).cloned()
    }

    /// The items of a partition by their sort keys.
    pub fn partition(&self, pk: &str) -> BTreeMap<String, Item> {
        let state = self.table.state.borrow();
        let own = state.items.iter().filter(|(key, _)| key.pk == pk);
        own.map(|(key, item)| (key.sk.clone(), item.clone())).collect()
    }

    /// Every key.
    pub fn keys(&self) -> Vec<Key> {
        self.table.state.borrow().items.keys().cloned().collect()
    }
}
