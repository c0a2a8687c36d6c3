//! A table in memory for this crate's tests: conditions as DynamoDB has them, and replies that fail on demand.
//!
//! The full model of DynamoDB is crate `simulator`'s, which tests the whole loop.

#![allow(clippy::unwrap_used)]

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use aws_api::ec2::{CreateSecurityGroup, SecurityGroupWrite};
use aws_api::id::{IntentId, VpcId};
use aws_api::{ActionId, Write};
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use planner::PlanInput;
use planner::action::{Action, Does, Plan};
use planner::lint::Linted;
use planner::observed::Observed;
use planner::reason::{Reason, Why};
use planner::record::{GroupRole, Intent, Makes, Record};
use planner::status::Status;
use ports::{Change, Clock, Condition, Entropy, Item, Key, Purpose, Query, RecordStore, StoreError};
use serde_json::{Value, json};

use crate::lease::{Attempt, Lease};
use crate::testing::TestClock;

/// What goes wrong with one write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Another transaction is under way.
    Conflict,
    /// Too many requests.
    Throttled,
    /// It is lost on its way.
    Lost,
    /// Its reply is lost.
    ReplyLost,
    /// No reply is there yet, and it takes effect only when [`Table::arrive`] is called.
    Late,
    /// Nothing ever answers.
    Hangs,
    /// It is not allowed.
    Denied,
}

/// The table.
#[derive(Default)]
pub struct Table {
    pub items: RefCell<BTreeMap<Key, Item>>,
    /// What goes wrong with the next writes; then nothing does.
    pub faults: RefCell<VecDeque<Fault>>,
    /// Writes that were sent, whatever came of them.
    pub sent: RefCell<Vec<Vec<Change>>>,
    pub reads_fail: Cell<bool>,
    /// Sort keys or prefixes that were read.
    pub read: RefCell<Vec<String>>,
    late: RefCell<Vec<Vec<Change>>>,
}

impl Table {
    pub fn put(&self, pk: &str, sk: &str, body: Value) {
        let mut item = body.as_object().unwrap().clone();
        item.insert("pk".into(), pk.into());
        item.insert("sk".into(), sk.into());
        self.items.borrow_mut().insert(Key::new(pk, sk), item);
    }

    pub fn item(&self, pk: &str, sk: &str) -> Option<Value> {
        self.items.borrow().get(&Key::new(pk, sk)).cloned().map(Value::Object)
    }

    pub fn remove(&self, pk: &str, sk: &str) {
        self.items.borrow_mut().remove(&Key::new(pk, sk)).unwrap();
    }

    /// The sort keys of a partition.
    pub fn keys(&self, pk: &str) -> Vec<String> {
        self.items.borrow().keys().filter(|key| key.pk == pk).map(|key| key.sk.clone()).collect()
    }

    /// The sort keys of a partition that begin so.
    pub fn keys_of(&self, pk: &str, prefix: &str) -> Vec<String> {
        self.keys(pk).into_iter().filter(|sk| sk.starts_with(prefix)).collect()
    }

    pub fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.faults.borrow_mut().extend(faults);
    }

    /// How many writes were sent since this was last asked.
    pub fn take_sent(&self) -> usize {
        self.sent.take().len()
    }

    /// What was under way takes effect, if its conditions hold now. Whether each did.
    pub fn arrive(&self) -> Vec<bool> {
        self.late.take().iter().map(|changes| self.apply(changes).is_ok()).collect()
    }

    fn apply(&self, changes: &[Change]) -> Result<(), StoreError> {
        let mut items = self.items.borrow_mut();
        let holds = |key: &Key, conditions: &[Condition]| {
            let item = items.get(key);
            conditions.iter().all(|condition| match condition {
                Condition::Exists => item.is_some(),
                Condition::Absent => item.is_none(),
                Condition::Equals(name, value) => item.and_then(|item| item.get(name)) == Some(value),
                Condition::Lacks(name) => item.is_none_or(|item| !item.contains_key(name)),
            })
        };
        let parts: Vec<(Key, &[Condition])> = changes
            .iter()
            .map(|change| match change {
                Change::Put(item, conditions) => (crate::items::key_of(item), conditions.as_slice()),
                Change::Delete(key, conditions) | Change::Check(key, conditions) => {
                    (key.clone(), conditions.as_slice())
                }
            })
            .collect();
        let keys: BTreeSet<&Key> = parts.iter().map(|(key, _)| key).collect();
        assert_eq!(keys.len(), parts.len(), "DynamoDB refuses two parts on one item");
        assert!(parts.len() <= 100, "DynamoDB refuses more than 100 parts");
        let failed: Vec<usize> = (0..parts.len()).filter(|place| !holds(&parts[*place].0, parts[*place].1)).collect();
        if !failed.is_empty() {
            return Err(StoreError::ConditionFailed { failed });
        }
        for change in changes {
            match change {
                Change::Put(item, _) => drop(items.insert(crate::items::key_of(item), item.clone())),
                Change::Delete(key, _) => drop(items.remove(key)),
                Change::Check(..) => {}
            }
        }
        Ok(())
    }

    fn answer<T>(&self, what: &str, value: T) -> Result<T, StoreError> {
        self.read.borrow_mut().push(what.to_owned());
        if self.reads_fail.get() { Err(unanswered()) } else { Ok(value) }
    }
}

fn unanswered() -> StoreError {
    StoreError::Unanswered { endpoint: "http://table".into(), message: "reset".into(), sent: ports::Sent::Write }
}

impl RecordStore for Table {
    fn get<'a>(&'a self, key: &'a Key) -> LocalBoxFuture<'a, Result<Option<Item>, StoreError>> {
        let item = self.items.borrow().get(key).cloned();
        std::future::ready(self.answer(&key.sk, item)).boxed_local()
    }

    fn get_many<'a>(&'a self, keys: &'a [Key]) -> LocalBoxFuture<'a, Result<Vec<Item>, StoreError>> {
        let items = keys.iter().filter_map(|key| self.items.borrow().get(key).cloned()).collect();
        std::future::ready(self.answer("many", items)).boxed_local()
    }

    fn query<'a>(&'a self, query: &'a Query) -> LocalBoxFuture<'a, Result<Vec<Item>, StoreError>> {
        let items = self.items.borrow();
        let mut found: Vec<Item> = items
            .iter()
            .filter(|(key, _)| key.pk == query.pk && key.sk.starts_with(&query.prefix))
            .map(|(_, item)| item.clone())
            .collect();
        if query.descending {
            found.reverse();
        }
        found.truncate(query.limit.unwrap_or(usize::MAX));
        std::future::ready(self.answer(&query.prefix, found)).boxed_local()
    }

    fn by_kind<'a>(&'a self, kind: &'a str) -> LocalBoxFuture<'a, Result<Vec<String>, StoreError>> {
        let items = self.items.borrow();
        let of_kind = items.iter().filter(|(_, item)| item.get("kind") == Some(&json!(kind)));
        let names: BTreeSet<String> = of_kind.map(|(key, _)| key.pk.clone()).collect();
        std::future::ready(self.answer(kind, names.into_iter().collect())).boxed_local()
    }

    fn write<'a>(&'a self, changes: Vec<Change>) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        self.sent.borrow_mut().push(changes.clone());
        let fault = self.faults.borrow_mut().pop_front();
        let reply = match fault {
            None => self.apply(&changes),
            Some(Fault::Conflict) => Err(StoreError::TransactionConflict),
            Some(Fault::Throttled) => Err(StoreError::Throttled { message: String::new() }),
            Some(Fault::Lost) => Err(unanswered()),
            Some(Fault::ReplyLost) => self.apply(&changes).and(Err(unanswered())),
            Some(Fault::Late) => {
                self.late.borrow_mut().push(changes);
                Err(unanswered())
            }
            Some(Fault::Hangs) => return std::future::pending().boxed_local(),
            Some(Fault::Denied) => Err(StoreError::Denied {
                action: "dynamodb:PutItem".into(),
                resource: "table/understudy".into(),
                code: "AccessDeniedException".into(),
                message: "no".into(),
            }),
        };
        std::future::ready(reply).boxed_local()
    }
}

/// Numbers that count up from one's own beginning, so that two replicas never draw the same.
pub struct From(Cell<u64>);

impl From {
    pub fn new(start: u64) -> Self {
        Self(Cell::new(start))
    }
}

impl Entropy for From {
    fn draw(&self, _: Purpose) -> u64 {
        self.0.set(self.0.get() + 1);
        self.0.get()
    }
}

/// A replica's own clock and chance.
pub struct Replica {
    pub holder: &'static str,
    pub clock: TestClock,
    pub entropy: From,
}

impl Replica {
    pub fn new(holder: &'static str) -> Self {
        // The clocks of two machines have nothing to do with each other.
        let clock = TestClock::default();
        let start = u64::from(holder.bytes().next().unwrap()) * 1_000_000;
        clock.pass(std::time::Duration::from_secs(start % 977));
        Self { holder, clock, entropy: From::new(start) }
    }

    pub fn lease<'a>(&'a self, table: &'a Table) -> Lease<'a> {
        Lease::new(self.holder.to_owned(), table, &self.clock, &self.entropy)
    }

    /// A lease that is acquired.
    pub fn leading<'a>(&'a self, table: &'a Table) -> Lease<'a> {
        let lease = self.lease(table);
        assert_eq!(self.clock.run(lease.try_acquire()).unwrap(), Attempt::Acquired);
        table.take_sent();
        lease
    }

    /// The wall clock.
    pub fn now(&self) -> jiff::Timestamp {
        self.clock.now()
    }
}

/// The document of environment `a` with so many instances.
pub fn document(count: u32) -> Value {
    json!({
        "apiVersion": "understudy.dev/v1alpha1",
        "kind": "StagingEnvironment",
        "metadata": {"name": "a"},
        "spec": {
            "image": {"amiId": "ami-0123456789abcdef0"},
            "instances": {"count": count, "types": ["t3.medium"], "userData": format!("#!/bin/sh {count}")},
            "services": [{"name": "web", "port": 8080}],
            "access": {"loadBalancer": [{"cidr": "0.0.0.0/0"}]},
        },
    })
}

/// A plan that passed.
pub fn linted(record: &Record, plan: Plan) -> Linted {
    // What a test has planned before is planned once more, as if nothing of it had been stored.
    let record = &Record { intents: Vec::new(), ..record.clone() };
    let observed = Observed::unread("a test");
    let now = "2026-11-24T09:00:00Z".parse().unwrap();
    let missing_after = std::time::Duration::from_secs(300);
    planner::lint::lint(
        plan,
        &PlanInput { record, observed: &observed, now, seed: 1, missing_after, default_region: "us-east-2" },
        &planner::memory::Memory::default(),
    )
    .unwrap()
}

/// An intent to make a security group.
pub fn intent(id: &str) -> Intent {
    Intent {
        id: IntentId::parse(id).unwrap(),
        makes: Makes::Group(GroupRole::Instances),
        write: Write::SecurityGroup(SecurityGroupWrite::Create(CreateSecurityGroup {
            name: "a-instance-sg".into(),
            description: "instances of a".into(),
            vpc: VpcId::parse("vpc-1").unwrap(),
            tags: [("understudy:intent".to_owned(), id.to_owned())].into(),
        })),
        created_at: "2026-11-24T09:00:00.123456789Z".parse().unwrap(),
        revision: 1,
    }
}

/// A plan that makes that.
pub fn making(status: Status, intent: &Intent) -> Plan {
    let action = Action {
        id: ActionId("create-group/instances".into()),
        does: Does::Create(Box::new(intent.clone())),
        resource: "a-instance-sg".into(),
        why: Why::new(Reason::NotYetMade, "the instances need a group"),
        after: vec![],
        puts: vec![],
    };
    Plan { actions: vec![action], ..Plan::nothing(status) }
}
