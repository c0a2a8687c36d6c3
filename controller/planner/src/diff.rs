//! Compares what is wanted with what is there, resource by resource, and plans what sets it right.
//!
//! Each file takes one kind of resource; all follow the same order: find it (recorded, or being made), create it or
//! compare its entries, remove what is not wanted. Members are counted and replaced in [`crate::order`]; here only
//! what is changed on them in place.

pub(crate) mod attributes;
pub(crate) mod groups;
pub(crate) mod instances;
pub(crate) mod listener_rules;
pub(crate) mod listeners;
pub(crate) mod load_balancer;
pub(crate) mod tags;
pub(crate) mod target_groups;

use crate::builder::PlanBuilder;
use crate::reason::Reason;

/// Says that a name is taken by something that is not ours, and which field would free us of it.
pub(crate) fn name_taken(builder: &mut PlanBuilder<'_>, kind: &str, name: &str, id: &str, field: &str) {
    let message = format!("a {kind} named {name} exists and is not ours ({id}); set {field} to a free name");
    builder.add_blocker(Reason::NameTaken, message.clone());
    builder.wait(crate::status::WaitOn::Person, message, None);
    builder.leave(id, Reason::NotOurs, format!("a {kind} of the wanted name {name}, made by somebody else"));
}

/// Sets in words, as entries carry them.
pub(crate) fn joined<T: ToString>(all: impl IntoIterator<Item = T>) -> String {
    all.into_iter().map(|one| one.to_string()).collect::<Vec<_>>().join(" ")
}

/// The same, for people.
pub(crate) fn joined_by<'t, T: ToString + 't>(all: impl IntoIterator<Item = &'t T>, between: &str) -> String {
    all.into_iter().map(ToString::to_string).collect::<Vec<_>>().join(between)
}
