//! What a pass writes: its actions before it acts, its intents before each create call, its outcome after.
//!
//! In: the record as it was read, a linted plan, then what came of it. Out: STATUS, JOURNAL, INTENT, REV and EVENT items,
//! each step in one transaction that holds only while STATUS has the version that the pass left it with. So a write of
//! an earlier pass that arrives late finds its conditions unmet.
//! Never: writes when nothing changed, decides anything, or writes over what could not be read.
//! Promises: I1 (an intent is stored before its call), I4 (terminations are charged before theirs). Start at [`open`].

use std::cell::RefCell;
use std::collections::BTreeMap;

use aws_api::id::{InstanceId, IntentId};
use aws_api::{ActionId, ResourceId};
use jiff::Timestamp;
use planner::action::{Does, Plan};
use planner::conclude::{Closed, Conclusion, Event};
use planner::lint::Linted;
use planner::outcome::{Outcome, Outcomes};
use planner::reason::Reason;
use planner::record::Intent;
use planner::status::Status;
use ports::{Change, Condition, Item, Key, Purpose, Query, StoreError};
use serde::{Deserialize, Serialize};

use crate::items::{self, CLOSED_INTENTS, CLOSED_KEPT, DELETION, DONE_PASSES, INTENTS, OPEN_INTENTS, OPEN_PASSES};
use crate::items::{REVISIONS, SPEC, STATUS};
use crate::recorder::{self, Recorder};
use crate::records::{self, Base, Stored};
use crate::writer::{PARTS_MAX, WriteError, Writer};

/// Most intents that are closed when a pass is opened; the others stay open until the next, which does no harm.
const SETTLED_MAX: usize = 40;
/// Tries to end a teardown while SPEC is being written to.
const FINISH_TRIES_MAX: u32 = 3;

/// A plan that is journalled. Only this can be executed.
#[derive(Debug)]
pub struct Journaled {
    linted: Linted,
    name: String,
    /// What STATUS is now.
    status: RefCell<Status>,
    /// Whether nothing of it may be written.
    sealed: bool,
    /// What the record says of the edit, whatever a plan or a conclusion says of it.
    edit: EditSeen,
    spec: Option<Item>,
    entry: RefCell<Option<Entry>>,
    intents: RefCell<BTreeMap<IntentId, Intent>>,
}

#[derive(Debug, Clone)]
struct EditSeen {
    generation: u64,
    hash: String,
    revision: u64,
}

/// A `JOURNAL#` item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Its id; their order is the order in time.
    pub id: String,
    /// Of which replica.
    pub holder: String,
    /// In which epoch of the lease.
    pub epoch: u64,
    /// Of which edit of the record.
    pub generation: u64,
    /// When it was journalled.
    pub at: Timestamp,
    /// What was to be done.
    pub actions: Vec<Line>,
    /// Members whose termination was charged to `maxTerminationsPerHour`.
    #[serde(default)]
    pub terminations: Vec<InstanceId>,
    /// How it ended; absent while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
}

/// One action of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// Its id within the plan.
    pub id: ActionId,
    /// What it does, as a word.
    pub kind: String,
    /// To what.
    pub resource: String,
    /// Why, as a word.
    pub reason: Reason,
    /// Why, as a sentence.
    pub message: String,
}

/// How a pass ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct End {
    /// When.
    pub at: Timestamp,
    /// Whether it was cut off: the controller stopped or could not write. What its actions came to is then seen in AWS.
    pub interrupted: bool,
    /// What came of each action.
    #[serde(default)]
    pub outcomes: BTreeMap<ActionId, String>,
}

/// A closed intent: the intent, and this.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ClosedIntent<'a> {
    #[serde(flatten)]
    intent: &'a Intent,
    closed_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    made: Option<&'a ResourceId>,
    message: &'a str,
}

/// What a pass is concluded with.
pub struct Ending<'a> {
    /// What came of each action.
    pub outcomes: &'a Outcomes,
    /// What follows from it.
    pub conclusion: &'a Conclusion,
    /// Which events were told before.
    pub recorder: &'a Recorder,
    /// The controller's clock.
    pub now: Timestamp,
}

impl Journaled {
    /// The plan.
    pub fn plan(&self) -> &Plan {
        self.linted.plan()
    }

    /// STATUS as it is stored by now.
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// `status` with what only the record side knows.
    fn stamped(&self, status: &Status) -> Status {
        let mut status = self.edit.stamped(status);
        status.version = self.status.borrow().version;
        status
    }

    fn status_key(&self) -> Key {
        Key::new(&self.name, STATUS)
    }

    /// That no other pass wrote since.
    fn unchanged(&self) -> Vec<Condition> {
        let status = self.status.borrow();
        unchanged(status.creation_timestamp.to_string().into(), status.version)
    }

    fn check(&self) -> Change {
        Change::Check(self.status_key(), self.unchanged())
    }
}

impl EditSeen {
    fn stamped(&self, status: &Status) -> Status {
        Status { generation: self.generation, spec_hash: self.hash.clone(), revision: self.revision, ..status.clone() }
    }
}

/// Journals a plan, in one transaction: its actions with the terminations charged, its status (in which what leaves is
/// marked already), the edit's revision, and the closing of what is settled. Without actions and without a change of
/// status nothing is written at all.
///
/// # Errors
/// Then nothing may be executed. [`WriteError::Sealed`]: there are actions, but the record cannot be understood.
pub async fn open(
    writer: &Writer<'_>,
    stored: &Stored,
    linted: Linted,
    now: Timestamp,
) -> Result<Journaled, WriteError> {
    let record = &stored.record;
    let edit = EditSeen { generation: record.generation, hash: record.spec_hash.clone(), revision: record.revision };
    let journaled = Journaled {
        name: record.name.clone(),
        status: RefCell::new(record.status.clone()),
        sealed: stored.sealed().is_some(),
        edit,
        spec: stored.spec.clone(),
        entry: RefCell::default(),
        intents: RefCell::new(record.intents.iter().map(|intent| (intent.id.clone(), intent.clone())).collect()),
        linted,
    };
    let plan = journaled.plan();
    let conditions = match &stored.base {
        Base::Absent => vec![Condition::Absent],
        Base::Version(version, began) => unchanged(began.clone(), *version),
        Base::Sealed(_) if plan.actions.is_empty() => return Ok(journaled),
        Base::Sealed(why) => return Err(WriteError::Sealed(why.clone())),
    };
    let mut status = journaled.stamped(&plan.status);
    let is_quiet = plan.actions.is_empty() && plan.settled.is_empty() && stored.edit.is_none();
    if is_quiet && stored.base != Base::Absent && status == record.status {
        return Ok(journaled);
    }
    status.version = status.version.saturating_add(1);
    let mut changes = vec![Change::Put(records::status_item(&record.name, &status), conditions)];
    if let Some(edit) = &stored.edit {
        changes.push(Change::Put(edit.revision.clone(), vec![]));
        changes.extend(edit.outdated.iter().map(|key| Change::Delete(key.clone(), vec![])));
    }
    let entry = (!plan.actions.is_empty()).then(|| entry(writer, plan, record.generation, now));
    changes.extend(entry.as_ref().map(|entry| open_entry(&record.name, entry)));
    for intent in plan.settled.iter().take(SETTLED_MAX) {
        changes.extend(close_intent(&record.name, Some(intent), &settled(intent), now));
    }
    writer.write(changes).await?;
    journaled.status.replace(status);
    journaled.entry.replace(entry);
    Ok(journaled)
}

/// That STATUS is the one that was read. Its version alone would not tell: one that a person put back from a backup may
/// have come as far as the one that stood in its place, which began later.
fn unchanged(began: serde_json::Value, version: u64) -> Vec<Condition> {
    let began = Condition::Equals("creationTimestamp".into(), began);
    vec![Condition::Equals("version".into(), version.into()), began]
}

/// Stores intents, all or none, before their calls are sent. Their requests must be resolved; user data stays by
/// revision.
///
/// # Errors
/// Then none of the calls may be sent.
pub async fn store_intents(writer: &Writer<'_>, journaled: &Journaled, intents: &[Intent]) -> Result<(), WriteError> {
    if intents.is_empty() {
        return Ok(());
    }
    let epoch = writer.lease().epoch();
    let mut changes = vec![journaled.check()];
    for intent in intents {
        let key = items::key(&journaled.name, OPEN_INTENTS, intent.id.as_str());
        let mut item = items::item(&key, intent, None);
        item.insert("epoch".into(), epoch.into());
        changes.push(Change::Put(item, vec![Condition::Absent]));
        // Noted before it is certain: `close` must close one that was written without our being told.
        journaled.intents.borrow_mut().insert(intent.id.clone(), intent.clone());
    }
    writer.write(changes).await
}

/// Concludes a pass: STATUS if it differs, the intents that are no longer open, the journal entry, the events that are
/// due. In one transaction, unless it is too large: then what is left follows, and each part is right by itself.
/// Without anything to tell, nothing is written.
///
/// # Errors
/// The next pass sees again what was not stored; see [`close_interrupted`] for the entry.
pub async fn close(writer: &Writer<'_>, journaled: &Journaled, ending: &Ending<'_>) -> Result<(), WriteError> {
    let conclusion = ending.conclusion;
    let due = ending.recorder.due(&journaled.name, &conclusion.events, ending.now, writer.entropy());
    if journaled.sealed {
        writer.write(due.changes().to_vec()).await?;
        ending.recorder.told(due);
        return Ok(());
    }
    let mut status = journaled.stamped(&conclusion.status);
    let changed = status != *journaled.status.borrow();
    let mut groups: Vec<Vec<Change>> = Vec::new();
    for closed in &conclusion.closed {
        let intents = journaled.intents.borrow();
        groups.push(close_intent(&journaled.name, intents.get(&closed.intent), closed, ending.now));
    }
    groups.extend(due.changes().iter().map(|change| vec![change.clone()]));
    // Last: an entry that is still open is told of by whoever closes it.
    if let Some(entry) = &*journaled.entry.borrow() {
        let outcomes = ending.outcomes.iter().map(|(id, outcome)| (id.clone(), words(outcome))).collect();
        groups.push(end_entry(&journaled.name, entry, End { at: ending.now, interrupted: false, outcomes }));
    }
    if !changed && groups.is_empty() {
        ending.recorder.told(due);
        return Ok(());
    }
    let first = if changed {
        let conditions = journaled.unchanged();
        status.version = status.version.saturating_add(1);
        Change::Put(records::status_item(&journaled.name, &status), conditions)
    } else {
        journaled.check()
    };
    let mut packs = packed(groups).into_iter();
    writer.write([vec![first], packs.next().unwrap_or_default()].concat()).await?;
    journaled.status.replace(status);
    journaled.entry.replace(None);
    for pack in packs {
        writer.write([vec![journaled.check()], pack].concat()).await?;
    }
    ending.recorder.told(due);
    Ok(())
}

/// Closes the journal entries of passes that never came to [`close`], tells of what they may have done, and says how many
/// there were. To be called before
/// an environment's first pass in an epoch, and after a pass that failed; never while one is under way.
///
/// # Errors
/// They stay open; nothing depends on it.
pub async fn close_interrupted(writer: &Writer<'_>, name: &str, now: Timestamp) -> Result<usize, WriteError> {
    let found = query(writer, name, OPEN_PASSES).await?;
    let count = found.len();
    let groups = found.into_iter().flat_map(|item| interrupted(writer, name, item, now)).collect();
    for pack in packed(groups) {
        writer.write(pack).await?;
    }
    Ok(count)
}

/// Ends a teardown: revisions and intents go first, then, in one transaction, STATUS, DELETION and SPEC. A SPEC that
/// was edited meanwhile stays, and starts a new life.
///
/// # Errors
/// The next pass begins again where it ended.
pub async fn finish_teardown(writer: &Writer<'_>, journaled: &Journaled, now: Timestamp) -> Result<(), WriteError> {
    let name = &journaled.name;
    if journaled.sealed {
        return Err(WriteError::Sealed(format!("{name} is torn down, but its record cannot be understood")));
    }
    let mut groups: Vec<Vec<Change>> = Vec::new();
    for prefix in [REVISIONS, INTENTS] {
        let found = query(writer, name, prefix).await?;
        groups.extend(found.iter().map(|item| vec![Change::Delete(items::key_of(item), vec![])]));
    }
    let open = query(writer, name, OPEN_PASSES).await?;
    groups.extend(open.into_iter().flat_map(|item| interrupted(writer, name, item, now)));
    for pack in packed(groups) {
        writer.write([vec![journaled.check()], pack].concat()).await?;
    }
    let mut spec = journaled.spec.clone();
    let spec_key = Key::new(name, SPEC);
    for _ in 0..FINISH_TRIES_MAX {
        let mut last = vec![
            Change::Delete(journaled.status_key(), journaled.unchanged()),
            Change::Delete(Key::new(name, DELETION), vec![]),
        ];
        last.extend(spec.as_ref().map(|spec| Change::Delete(spec_key.clone(), records::wants_the_same(spec))));
        match writer.write(last).await {
            Err(WriteError::Changed { items }) if items == [spec_key.clone()] => {
                let found = writer.store().get(&spec_key).await.map_err(WriteError::Unavailable)?;
                // Written anew in other words, it is still the one that was torn down.
                spec = found.filter(|found| records::hash_of(found) == journaled.edit.hash);
            }
            other => return other,
        }
    }
    Err(WriteError::Changed { items: vec![spec_key] })
}

fn entry(writer: &Writer<'_>, plan: &Plan, generation: u64, now: Timestamp) -> Entry {
    let actions = plan.actions.iter().map(|action| Line {
        id: action.id.clone(),
        kind: action.does.kind().to_owned(),
        resource: action.resource.clone(),
        reason: action.why.reason,
        message: action.why.message.clone(),
    });
    let terminations = plan.actions.iter().filter_map(|action| match &action.does {
        Does::Terminate { member, charged: true } => Some(member.id().clone()),
        Does::Terminate { .. }
        | Does::Create(_)
        | Does::Replay(_)
        | Does::Change(_)
        | Does::TakeOut { .. }
        | Does::DeleteGroup(_)
        | Does::DeleteLoadBalancer(_)
        | Does::DeleteTargetGroup(_) => None,
    });
    Entry {
        id: items::sortable_id(now, 0, writer.entropy().draw(Purpose::Record)),
        holder: writer.lease().holder().to_owned(),
        epoch: writer.lease().epoch(),
        generation,
        at: now,
        actions: actions.collect(),
        terminations: terminations.collect(),
        end: None,
    }
}

fn open_entry(name: &str, entry: &Entry) -> Change {
    let key = items::key(name, OPEN_PASSES, &entry.id);
    Change::Put(items::item(&key, entry, None), vec![Condition::Absent])
}

fn end_entry(name: &str, entry: &Entry, end: End) -> Vec<Change> {
    let expires = items::expiry(end.at, CLOSED_KEPT);
    let ended = Entry { end: Some(end), ..entry.clone() };
    vec![
        Change::Delete(items::key(name, OPEN_PASSES, &entry.id), vec![]),
        Change::Put(items::item(&items::key(name, DONE_PASSES, &entry.id), &ended, expires), vec![]),
    ]
}

/// Ends an entry that was found open, whatever stands in it, once its actions are told: any of them may have been done.
fn interrupted(writer: &Writer<'_>, name: &str, mut item: Item, now: Timestamp) -> Vec<Vec<Change>> {
    let open = items::key_of(&item);
    let id = open.sk.strip_prefix(OPEN_PASSES).unwrap_or_default();
    let key = items::key(name, DONE_PASSES, id);
    let lines: Vec<Line> = item.get("actions").and_then(|lines| Vec::deserialize(lines).ok()).unwrap_or_default();
    let tell = |(nth, line): (usize, &Line)| {
        let id = items::sortable_id(now, nth, writer.entropy().draw(Purpose::Record));
        vec![recorder::told(name, &maybe_done(line), id, 1, now)]
    };
    let mut groups: Vec<Vec<Change>> = lines.iter().enumerate().map(tell).collect();
    let end = End { at: now, interrupted: true, outcomes: BTreeMap::new() };
    item.insert("end".into(), serde_json::json!(end));
    let ended = Change::Put(items::item(&key, &item, items::expiry(now, CLOSED_KEPT)), vec![]);
    groups.push(vec![ended, Change::Delete(open, vec![])]);
    groups
}

fn maybe_done(line: &Line) -> Event {
    let message = format!("{}: {}; the controller stopped before it knew whether that was done", line.id, line.message);
    Event {
        severity: line.reason.row().severity,
        reason: line.reason,
        resource: line.resource.clone(),
        message,
        action: Some(line.id.clone()),
        lasts: false,
    }
}

fn settled(intent: &Intent) -> Closed {
    Closed { intent: intent.id.clone(), made: None, message: "settled: what became of it was seen".into() }
}

fn close_intent(name: &str, intent: Option<&Intent>, closed: &Closed, now: Timestamp) -> Vec<Change> {
    let id = closed.intent.as_str();
    let mut changes = vec![Change::Delete(items::key(name, OPEN_INTENTS, id), vec![])];
    if let Some(intent) = intent {
        let body = ClosedIntent { intent, closed_at: now, made: closed.made.as_ref(), message: &closed.message };
        let key = items::key(name, CLOSED_INTENTS, id);
        changes.push(Change::Put(items::item(&key, &body, items::expiry(now, CLOSED_KEPT)), vec![]));
    }
    changes
}

fn words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done(Some(made)) => format!("done: {made}"),
        Outcome::Done(None) => "done".into(),
        Outcome::Failed(fault) => {
            let code = fault.code.as_ref().map(|code| format!("{code}: ")).unwrap_or_default();
            format!("failed: {}: {code}{}", fault.operation, fault.message)
        }
        Outcome::NotTried(why) => format!("not tried: {why}"),
    }
}

/// The groups in as few writes as they fit in, each whole, with one part to spare in each.
fn packed(groups: Vec<Vec<Change>>) -> Vec<Vec<Change>> {
    let mut packs: Vec<Vec<Change>> = Vec::new();
    for group in groups {
        match packs.last_mut() {
            Some(pack) if pack.len() + group.len() < PARTS_MAX => pack.extend(group),
            Some(_) | None => packs.push(group),
        }
    }
    packs
}

async fn query(writer: &Writer<'_>, name: &str, prefix: &str) -> Result<Vec<Item>, WriteError> {
    let query = Query { pk: name.to_owned(), prefix: prefix.to_owned(), descending: false, limit: None };
    let found: Result<_, StoreError> = writer.store().query(&query).await;
    found.map_err(WriteError::Unavailable)
}

#[cfg(test)]
pub(crate) mod tests;
