//! Writes of a user's wishes: SPEC, on the condition that it is still what was read, and never into a teardown or against
//! what is fixed of what stands.
//!
//! Never: writes STATUS or anything else of the controller's.

use crds_schema::Fault;
use engine::items::{DELETION, OPEN_INTENTS, SPEC, STATUS};
use planner::fixed;
use planner::status::Status;
use ports::{Change, Condition, Item, Key, Query, RecordStore as _, StoreError};
use serde_json::Value;

use super::document::{Document, labels};
use super::failure::{Complaint, Failure};
use crate::store::DynamoDb;

/// What an edit comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    /// There was no such record.
    Created,
    /// The record was another.
    Configured,
    /// The record says the same, in whatever order.
    Unchanged,
}

impl Edit {
    /// The word that is printed for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Configured => "configured",
            Self::Unchanged => "unchanged",
        }
    }
}

/// What people wrote of an environment, as it was read, and what it stands in the way of.
#[derive(Debug, Clone)]
pub struct Wishes {
    /// Its SPEC.
    pub spec: Option<Item>,
    deleting: bool,
    /// What the controller says stands; absent too when this version cannot read it.
    status: Option<Status>,
    has_open_intents: bool,
}

/// Reads SPEC and DELETION, and STATUS for what is fixed.
pub async fn read(store: &DynamoDb, name: &str) -> Result<Wishes, StoreError> {
    let keys = [SPEC, DELETION, STATUS].map(|sk| Key::new(name, sk));
    let mut wishes = Wishes { spec: None, deleting: false, status: None, has_open_intents: false };
    for item in store.get_many(&keys).await? {
        match item.get("sk").and_then(Value::as_str) {
            Some(SPEC) => wishes.spec = Some(item),
            Some(STATUS) => wishes.status = serde_json::from_value(Value::Object(item)).ok(),
            _ => wishes.deleting = true,
        }
    }
    // What may come to exist fixes where, though nothing stands yet.
    if wishes.status.as_ref().is_some_and(Status::holds_nothing) {
        let prefix = OPEN_INTENTS.to_owned();
        let query = Query { pk: name.to_owned(), prefix, descending: false, limit: Some(1) };
        wishes.has_open_intents = !store.query(&query).await?.is_empty();
    }
    Ok(wishes)
}

impl Wishes {
    /// Whether the same is wished for; what the controller says of it may differ.
    pub fn are_as(&self, others: &Self) -> bool {
        self.spec == others.spec && self.deleting == others.deleting
    }

    /// Every field of the document that asks for another of what is fixed.
    pub fn fixed(&self, document: &Document) -> Vec<Fault> {
        let wanted = Value::Object(document.item());
        let (Some(status), Ok(parsed)) = (&self.status, crds_schema::parse(&wanted)) else { return Vec::new() };
        let hash = crds_schema::spec_hash(&wanted);
        fixed::refused(&document.name, &hash, &parsed.spec, status, self.has_open_intents)
    }

    /// What storing the document would come to. `within` stands before the paths of its fields.
    ///
    /// # Errors
    /// Status 1 while the environment is being deleted, unless the document changes only what a teardown reads; and when
    /// it asks for another of what is fixed, with every such field.
    pub fn edit(&self, document: &Document, within: &str) -> Result<Edit, Failure> {
        let wanted = Value::Object(document.item());
        let stored = self.spec.clone().map(Value::Object);
        let is_same = stored.as_ref().is_some_and(|stored| same(stored, &wanted));
        // Who applies the same again believes that it will be there.
        let is_teardowns = |stored: &Value| !is_same && same(&beside_teardown(stored), &beside_teardown(&wanted));
        if self.deleting && !stored.as_ref().is_some_and(is_teardowns) {
            let instead = format!(
                "change nothing but spec.paused, spec.deletionPolicy and spec.loadBalancer.deletionProtection, \
                 or wait until it is gone: `understudy wait {} --for delete`",
                document.name
            );
            return Err(Failure::no(Complaint::of_environment(&document.name, "is being deleted", instead)));
        }
        let fixed = if self.deleting { Vec::new() } else { self.fixed(document) };
        if !fixed.is_empty() {
            return Err(Failure::all_no(fixed.iter().map(|fault| Complaint::of_fault(within, fault)).collect()));
        }
        if is_same {
            return Ok(Edit::Unchanged);
        }
        Ok(if stored.is_some() { Edit::Configured } else { Edit::Created })
    }

    /// Stores the document, on the condition that nobody has written since these wishes were read.
    ///
    /// # Errors
    /// The store's; [`StoreError::ConditionFailed`] when somebody has.
    pub async fn store(&self, store: &DynamoDb, document: &Document) -> Result<(), StoreError> {
        let mut changes = vec![Change::Put(document.item(), self.conditions())];
        if !self.deleting {
            changes.push(Change::Check(Key::new(&document.name, DELETION), vec![Condition::Absent]));
        }
        store.write(changes).await
    }

    fn conditions(&self) -> Vec<Condition> {
        let Some(stored) = &self.spec else { return vec![Condition::Absent] };
        let unchanged = |name: &str| match stored.get(name) {
            Some(value) => Condition::Equals(name.to_owned(), value.clone()),
            None => Condition::Lacks(name.to_owned()),
        };
        ["apiVersion", "kind", "metadata", "spec"].map(unchanged).into()
    }
}

/// Why a record that was read could not be replaced: what another program wrote into it, if that is what keeps it from
/// being compared, and else the store's error.
pub async fn not_stored(store: &DynamoDb, name: &str, error: StoreError) -> Failure {
    match (&error, store.foreign_attribute(&Key::new(name, SPEC)).await) {
        (StoreError::ConditionFailed { .. }, Ok(Some((path, what)))) => {
            let wrong =
                format!("{path} is {what}, which another program wrote, so that no edit can be compared with it");
            let instead =
                "let that program write SPEC with lists, text and plain numbers, then run the same command again";
            Failure::failed(Complaint::of_environment(name, wrong, instead))
        }
        (_, Ok(_) | Err(_)) => error.into(),
    }
}

/// Whether two records say the same.
pub fn same(a: &Value, b: &Value) -> bool {
    crds_schema::spec_hash(a) == crds_schema::spec_hash(b) && labels(a) == labels(b)
}

/// The record without the three fields that a teardown reads from it as it is now.
fn beside_teardown(record: &Value) -> Value {
    let mut rest = record.clone();
    let Some(spec) = rest.get_mut("spec").and_then(Value::as_object_mut) else { return rest };
    spec.remove("paused");
    spec.remove("deletionPolicy");
    if let Some(Value::Object(load_balancer)) = spec.get_mut("loadBalancer") {
        load_balancer.remove("deletionProtection");
        // What was written for that field alone says nothing any more.
        if load_balancer.values().all(Value::is_null) {
            spec.remove("loadBalancer");
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_three_fields_of_a_teardown_are_beside_it() {
        let plain = json!({"spec": {"a": 1}});
        let teardown = json!({"spec": {"a": 1, "paused": true, "deletionPolicy": "Retain", "loadBalancer": {"deletionProtection": true}}});
        assert!(same(&beside_teardown(&plain), &beside_teardown(&teardown)));
        let more = json!({"spec": {"a": 1, "loadBalancer": {"deletionProtection": true, "idleTimeout": "9s"}}});
        assert!(!same(&beside_teardown(&plain), &beside_teardown(&more)));
    }

    #[test]
    fn labels_are_an_edit_and_their_order_is_not() {
        let labelled = |labels: Value| json!({"metadata": {"labels": labels}, "spec": {"a": 1, "b": null}});
        assert!(same(&labelled(json!({})), &json!({"spec": {"a": 1}})));
        assert!(same(&labelled(json!({"x": "1", "y": "2"})), &labelled(json!({"y": "2", "x": "1"}))));
        assert!(!same(&labelled(json!({"x": "1"})), &labelled(json!({"x": "2"}))));
    }
}
