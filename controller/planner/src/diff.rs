//! Compares what is wanted with what is there, resource by resource, and plans what sets it right.
//!
//! Each file takes one kind of resource; all follow the same order: find it (recorded, or being made), create it or
//! compare its entries, remove what is not wanted. Members are counted and replaced in [`crate::order`]; here only
//! what is changed on them in place.

pub(crate) mod groups;
pub(crate) mod instances;
pub(crate) mod listener_rules;
pub(crate) mod listeners;
pub(crate) mod load_balancer;
pub(crate) mod tags;
pub(crate) mod target_groups;

use std::collections::BTreeMap;

use crate::draft::Draft;
use crate::memory::Entry;
use crate::reason::Reason;

/// Says that a name is taken by something that is not ours, and which field would free us of it.
pub(crate) fn name_taken(draft: &mut Draft<'_>, kind: &str, name: &str, id: &str, field: &str) {
    let message = format!("a {kind} named {name} exists and is not ours ({id}); set {field} to a free name");
    draft.trouble(Reason::NameTaken, message.clone());
    draft.wait(crate::status::WaitOn::Person, message, None);
    draft.leave(id, Reason::NotOurs, format!("a {kind} of the wanted name {name}, made by somebody else"));
}

/// The attributes that have to be set. One that was never set has its documented default.
pub(crate) fn attributes_to_set(
    draft: &mut Draft<'_>,
    parent: &str,
    wanted: &BTreeMap<String, String>,
    seen: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut to_set = BTreeMap::new();
    for (key, value) in wanted {
        let have = seen.get(key).map(String::as_str).or(crate::desired::attribute_default(key));
        if draft.differs(&attribute_entry(parent, key), Some(value), have) {
            to_set.insert(key.clone(), value.clone());
        }
    }
    let unnamed: Vec<_> = seen.keys().filter(|key| !wanted.contains_key(*key)).map(String::as_str).collect();
    if !unnamed.is_empty() {
        draft.leave(parent, Reason::NotInSchema, format!("attributes {}", unnamed.join(", ")));
    }
    to_set
}

/// The attributes of a resource that is being made: those that differ from AWS's defaults.
pub(crate) fn attributes_of_new(wanted: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let differs = |(key, value): &(&String, &String)| crate::desired::attribute_default(key) != Some(value.as_str());
    wanted.iter().filter(differs).map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// The memory's entry of an attribute.
pub(crate) fn attribute_entry(parent: &str, key: &str) -> Entry {
    Entry::new(format!("{parent}/attributes"), key)
}

/// The entries that setting these attributes puts.
pub(crate) fn attribute_puts(parent: &str, set: &BTreeMap<String, String>) -> Vec<(Entry, Option<String>)> {
    set.iter().map(|(key, value)| (attribute_entry(parent, key), Some(value.clone()))).collect()
}

/// Sets in words, as entries carry them.
pub(crate) fn joined<T: ToString>(all: impl IntoIterator<Item = T>) -> String {
    all.into_iter().map(|one| one.to_string()).collect::<Vec<_>>().join(" ")
}

/// The same, for people.
pub(crate) fn joined_by<'t, T: ToString + 't>(all: impl IntoIterator<Item = &'t T>, between: &str) -> String {
    all.into_iter().map(ToString::to_string).collect::<Vec<_>>().join(between)
}
