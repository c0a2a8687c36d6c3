//! Attributes of load balancers and target groups: which have to be set, in which calls, and what has to give way.
//!
//! What the schema does not name is left alone, but for an attribute that AWS refuses beside what the record wants: that one
//! is set to its default in the same call.

use std::collections::BTreeMap;

use aws_api::Write;

use crate::builder::PlanBuilder;
use crate::desired::attribute_default;
use crate::memory::Entry;
use crate::reason::{Reason, Why};

type Attributes = BTreeMap<String, String>;

const ALGORITHM: &str = "load_balancing.algorithm.type";
const MITIGATION: &str = "load_balancing.algorithm.anomaly_mitigation";
const STICKY: &str = "stickiness.enabled";
const CROSS_ZONE: &str = "load_balancing.cross_zone.enabled";

/// Whose attributes.
pub(crate) struct Whose<'a> {
    /// The action that sets them all.
    pub action: String,
    /// For people.
    pub name: &'a str,
    /// Its ARN.
    pub arn: String,
}

/// Plans what sets the attributes right.
pub(crate) fn set_right(
    builder: &mut PlanBuilder<'_>,
    whose: &Whose<'_>,
    wanted: &Attributes,
    seen: &Attributes,
    write: impl Fn(Attributes) -> Write,
) {
    let mut to_set = Attributes::new();
    let mut reasons = BTreeMap::new();
    for (key, value) in wanted {
        let have = seen.get(key).map(String::as_str).or(attribute_default(key));
        let entry = entry(&whose.arn, key);
        if builder.confirm_drift(&entry, Some(value), have) {
            reasons.insert(key.clone(), builder.cause(&entry, Some(value), have, Reason::AttributeDrifted));
            to_set.insert(key.clone(), value.clone());
        }
    }
    let unnamed: Vec<_> = seen.keys().filter(|key| !wanted.contains_key(*key)).map(String::as_str).collect();
    if !unnamed.is_empty() {
        builder.leave(&whose.arn, Reason::NotInSchema, format!("attributes {}", unnamed.join(", ")));
    }
    let keys: Vec<String> = to_set.keys().cloned().collect();
    for part in builder.memory.batches.parts(&whose.action, &whose.arn, keys, |key| is_judged_together(key)) {
        let mut attributes: Attributes =
            part.keys.iter().filter_map(|key| Some((key.clone(), to_set.get(key)?.clone()))).collect();
        let gives_way = gives_way(seen, &attributes);
        let mut message = part.keys.join(", ");
        if part.divided {
            message = words(&attributes) + &beside(wanted, seen);
        }
        if !gives_way.is_empty() {
            message = format!("{message}; with it {}, which AWS refuses beside it", words(&gives_way));
        }
        let reason =
            builder.worst(part.keys.iter().filter_map(|key| reasons.get(key).copied()), Reason::AttributeDrifted);
        let puts = puts(&whose.arn, &attributes);
        attributes.extend(gives_way);
        builder.change(part.id, write(attributes), whose.name, Why::new(reason, message)).puts(puts);
    }
}

/// What the record does not name and AWS refuses beside what is set, at its default. What the record itself wants and AWS
/// refuses together is a fault of the record.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html>
fn gives_way(seen: &Attributes, set: &Attributes) -> Attributes {
    let was = |key: &str, value: &str| seen.get(key).is_some_and(|seen| seen == value);
    let mut all = Attributes::new();
    if set.get(ALGORITHM).is_some_and(|algorithm| algorithm != "weighted_random") && was(MITIGATION, "on") {
        all.insert(MITIGATION.into(), "off".into());
    }
    if set.get(STICKY).is_some_and(|sticky| sticky == "true") && was(CROSS_ZONE, "false") {
        all.insert(CROSS_ZONE.into(), "use_load_balancer_configuration".into());
    }
    all
}

/// Whether AWS judges it by what else is set.
fn is_judged_together(key: &str) -> bool {
    ["load_balancing.", "stickiness.", "slow_start."].iter().any(|prefix| key.starts_with(prefix))
}

/// What the record does not name and is not as AWS sets it: that may stand in the way of what is refused.
fn beside(wanted: &Attributes, seen: &Attributes) -> String {
    let is_set = |(key, value): &(&String, &String)| {
        is_judged_together(key) && !wanted.contains_key(*key) && attribute_default(key).is_some_and(|by| by != *value)
    };
    let all: Attributes = seen.iter().filter(is_set).map(|(key, value)| (key.clone(), value.clone())).collect();
    if all.is_empty() { String::new() } else { format!(", beside {}", words(&all)) }
}

fn words(all: &Attributes) -> String {
    all.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ")
}

/// The attributes of a resource that is being made: those that differ from AWS's defaults.
pub(crate) fn of_new(wanted: &Attributes) -> Attributes {
    let differs = |(key, value): &(&String, &String)| attribute_default(key) != Some(value.as_str());
    wanted.iter().filter(differs).map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// The memory's entry of an attribute.
fn entry(parent: &str, key: &str) -> Entry {
    Entry::new(format!("{parent}/attributes"), key)
}

/// The entries that setting these attributes puts.
pub(crate) fn puts(parent: &str, set: &Attributes) -> Vec<(Entry, Option<String>)> {
    set.iter().map(|(key, value)| (entry(parent, key), Some(value.clone()))).collect()
}
