//! Events: what happened to an environment, told once.
//!
//! In: what a pass has to tell. Out: the EVENT items that are due, and, for readers, those that were told. An event is
//! told when it begins to hold; one that goes on is told again after [`REPEAT_AFTER`]. What was done is told each time, so
//! that every change of AWS has its event; what an action failed of goes on by its action.
//! Never: writes (the journal does, with the rest of the pass). What was told is forgotten at a restart: then what goes
//! on is told once more.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use aws_api::ActionId;
use jiff::Timestamp;
use planner::conclude::Event;
use planner::reason::{Reason, Severity};
use planner::status::ConditionType;
use ports::{Change, Entropy, Purpose, Query, RecordStore, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::items::{self, EVENTS, EVENTS_KEPT};

/// When an event that goes on is told again: often enough that whoever looks sees it among the last ones, and seldom
/// enough that a night's trouble fills a page and not a book.
pub const REPEAT_AFTER: Duration = Duration::from_secs(3600);
/// When it may be told again in other words: some have a duration or a count in them that changes in every pass.
pub const REWORD_AFTER: Duration = Duration::from_secs(60);
/// When it is forgotten that something was told of a resource; by then it is told again in any case.
const FORGET_AFTER: Duration = Duration::from_secs(2 * 3600);

/// What was told last, by environment.
#[derive(Debug, Default)]
pub struct Recorder {
    known: RefCell<BTreeMap<String, Known>>,
}

/// By what it is about: for each reason that held when it was last spoken of, what was told.
type Known = BTreeMap<About, BTreeMap<Reason, Last>>;

/// What an event is about: two actions on one resource do not take each other for news.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct About {
    condition: ConditionType,
    resource: String,
    action: Option<ActionId>,
}

#[derive(Debug, Clone, PartialEq)]
struct Last {
    at: Timestamp,
    message: String,
    /// How often it held since and was not told.
    unsaid: u32,
}

/// What is to be told now, and what is known once it was.
#[derive(Debug)]
pub(crate) struct Due {
    name: String,
    changes: Vec<Change>,
    known: Known,
}

impl Due {
    pub(crate) fn changes(&self) -> &[Change] {
        &self.changes
    }
}

/// An event as it was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Its id; their order is the order in time.
    pub id: String,
    /// When.
    pub time: Timestamp,
    /// `Normal` or `Warning`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The word. A text, so that one of another version of the controller can be read too.
    pub reason: String,
    /// What it is about: an AWS id or name, or the environment's name.
    pub resource: String,
    /// The sentence.
    pub message: String,
    /// How often it held since it was told before; absent for once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
}

impl Recorder {
    /// Which of a pass's events are to be told.
    pub(crate) fn due(&self, name: &str, events: &[Event], now: Timestamp, entropy: &dyn Entropy) -> Due {
        let mut known = self.known.borrow().get(name).cloned().unwrap_or_default();
        known.retain(|_, reasons| reasons.values().any(|last| since(last.at, now) < FORGET_AFTER));
        let mut held: Known = BTreeMap::new();
        let mut changes = Vec::new();
        let mut tell = |event: &Event, count| {
            let id = items::sortable_id(now, changes.len(), entropy.draw(Purpose::Record));
            changes.push(told(name, event, id, count, now));
        };
        for event in events {
            if !event.lasts {
                tell(event, 1);
                // What it failed of before is over.
                known.retain(|about, _| about.action.is_none() || about.action != event.action);
                continue;
            }
            let (condition, resource) = (event.reason.row().condition, event.resource.clone());
            let about = About { condition, resource, action: event.action.clone() };
            let before = known.get(&about).and_then(|reasons| reasons.get(&event.reason));
            let last = match before {
                Some(last) if !last.is_due(event, now) => {
                    Last { unsaid: last.unsaid.saturating_add(1), ..last.clone() }
                }
                Some(_) | None => {
                    let count = before.map_or(0, |last| last.unsaid).saturating_add(1);
                    tell(event, count);
                    Last { at: now, message: event.message.clone(), unsaid: 0 }
                }
            };
            held.entry(about).or_default().insert(event.reason, last);
        }
        // A resource that is not spoken of keeps what was told of it; a reason that no longer holds beside another goes.
        known.extend(held);
        Due { name: name.to_owned(), changes, known }
    }

    /// Notes that it was written.
    pub(crate) fn told(&self, due: Due) {
        self.known.borrow_mut().insert(due.name, due.known);
    }

    /// Forgets an environment that is gone.
    pub fn forget(&self, name: &str) {
        self.known.borrow_mut().remove(name);
    }
}

impl Last {
    fn is_due(&self, event: &Event, now: Timestamp) -> bool {
        let since = since(self.at, now);
        since >= REPEAT_AFTER || (since >= REWORD_AFTER && self.message != event.message)
    }
}

fn since(at: Timestamp, now: Timestamp) -> Duration {
    now.duration_since(at).try_into().unwrap_or_default()
}

/// An event as an item.
pub(crate) fn told(name: &str, event: &Event, id: String, count: u32, now: Timestamp) -> Change {
    let kind = match event.severity {
        Severity::Normal => "Normal",
        Severity::Warning | Severity::Person => "Warning",
    };
    let key = items::key(name, EVENTS, &id);
    let told = Told {
        id,
        time: now,
        kind: kind.to_owned(),
        reason: event.reason.name().to_owned(),
        resource: event.resource.clone(),
        message: event.message.clone(),
        count: (count > 1).then_some(count),
    };
    Change::Put(items::item(&key, &told, items::expiry(now, EVENTS_KEPT)), vec![])
}

/// The events of an environment that have not expired, in the order in which they were told.
///
/// # Errors
/// The store's. An item that is no event is passed over.
pub async fn events(store: &dyn RecordStore, name: &str, now: Timestamp) -> Result<Vec<Told>, StoreError> {
    let query = Query { pk: name.to_owned(), prefix: EVENTS.to_owned(), descending: false, limit: None };
    let found = store.query(&query).await?.into_iter().filter(|item| items::is_live(item, now));
    Ok(found.filter_map(|item| serde_json::from_value(Value::Object(item)).ok()).collect())
}

/// The same, with those that are about every environment, such as that another controller leads, since `began`.
///
/// # Errors
/// As [`events`].
pub async fn events_of_all(
    store: &dyn RecordStore,
    name: &str,
    now: Timestamp,
    began: Option<Timestamp>,
) -> Result<Vec<Told>, StoreError> {
    let mut all = events(store, name, now).await?;
    let began = began.or(all.first().map(|first| first.time));
    let shared = events(store, items::CONTROLLER, now).await?.into_iter();
    all.extend(shared.filter(|event| began.is_some_and(|began| event.time >= began)));
    all.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(all)
}

#[cfg(test)]
pub(crate) mod tests;
