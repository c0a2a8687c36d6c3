//! Every state that a record may declare, made from the schema: for each property of `spec` the values worth trying.
//!
//! In: a record, and the schema that `crds_schema` makes from its types. Out: [`Trial`]s, each one change of the record,
//! valid or not as `crds_schema` itself says. A property that is added to the schema is tried without a change here, unless
//! its values must exist in the account or need others beside them: both are in `values`.
//! Never: applies anything, or knows what the controller makes of it.

mod values;

use std::collections::BTreeSet;

use serde_json::{Value, json};

/// One change of a record.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The property, with `[]` for an entry of a list.
    pub property: String,
    /// The path of the change, as faults name it.
    pub path: String,
    /// The value; absent: the field is taken out.
    pub value: Option<Value>,
    /// What must change beside it.
    pub company: Vec<(&'static str, Value)>,
    /// The record after it.
    pub record: Value,
    /// Whether `crds_schema` takes that record.
    pub is_valid: bool,
}

/// A step of a path.
#[derive(Debug, Clone)]
enum Step {
    Field(String),
    Entry(usize),
}

struct Walk<'a> {
    base: &'a Value,
    trials: Vec<Trial>,
}

/// Every trial of every property of `spec`, on that record.
pub fn trials(base: &Value) -> Vec<Trial> {
    let schema = crds_schema::json_schema();
    let mut walk = Walk { base, trials: Vec::new() };
    walk.node(&schema["properties"]["spec"], &mut vec![Step::Field("spec".into())]);
    walk.trials
}

/// The valid ones that an environment comes to rest with whatever befalls it, one over another.
pub fn lasting(base: &Value) -> Vec<Trial> {
    // Fixed at creation, alone or with a port; or they keep it from acting, from healing, from leaving nothing, or from
    // waiting for a boot of up to 150 s.
    let not = [
        "spec.region",
        "spec.loadBalancer.scheme",
        "spec.loadBalancer.name",
        "spec.securityGroups",
        "spec.services[].targetGroupName",
        "spec.paused",
        "spec.deletionPolicy",
        "spec.instances.blockDevices[].deleteOnTermination",
        "spec.healing.gracePeriod",
        "spec.healing.unhealthyFor",
        "spec.healing.maxTerminationsPerHour",
        "spec.rollout.maxUnavailable",
    ];
    let lasts = |trial: &Trial| trial.is_valid && !not.iter().any(|property| trial.property.starts_with(property));
    trials(base).into_iter().filter(lasts).collect()
}

/// Every property of `spec` that the schema has, with `[]` for an entry of a list.
pub fn properties() -> BTreeSet<String> {
    fn collect(node: &Value, at: &str, found: &mut BTreeSet<String>) {
        for (name, child) in node["properties"].as_object().into_iter().flatten() {
            let path = format!("{at}.{name}");
            found.insert(path.clone());
            collect(child, &path, found);
            collect(&child["items"], &format!("{path}[]"), found);
        }
    }
    let mut found = BTreeSet::new();
    collect(&crds_schema::json_schema()["properties"]["spec"], "spec", &mut found);
    found
}

impl Trial {
    /// The record after this change of that one; `None` where the two do not go together.
    pub fn on(&self, record: &Value) -> Option<Value> {
        let mut changed = record.clone();
        put(&mut changed, &parsed(&self.path), self.value.clone());
        for (path, value) in &self.company {
            put(&mut changed, &parsed(path), Some(value.clone()));
        }
        (crds_schema::parse(&changed).is_ok() == self.is_valid).then_some(changed)
    }

    /// The change, to be read.
    pub fn name(&self) -> String {
        let text = self.value.as_ref().map_or("left out".into(), ToString::to_string);
        format!("{} = {}", self.path, text.chars().take(60).collect::<String>())
    }
}

impl Walk<'_> {
    fn node(&mut self, node: &Value, path: &mut Vec<Step>) {
        for (name, child) in node["properties"].as_object().into_iter().flatten() {
            path.push(Step::Field(name.clone()));
            self.add(path, None);
            for value in values::of(child, &property(path)) {
                self.add(path, Some(value));
            }
            if child.get("x-notSupportedYet").is_none() || child.get("properties").is_some() {
                self.node(child, path);
            }
            if child["items"].get("properties").is_some() {
                path.push(Step::Entry(0));
                self.node(&child["items"], path);
                path.pop();
            }
            path.pop();
        }
        if node.get("properties").is_some() {
            path.push(Step::Field("unknownField".into()));
            self.add(path, Some(json!(1)));
            path.pop();
        }
    }

    fn add(&mut self, path: &[Step], value: Option<Value>) {
        let company = value.as_ref().map_or(Vec::new(), |value| values::company(&property(path), value));
        let mut trial = Trial {
            property: property(path),
            path: written(path),
            value,
            company,
            record: Value::Null,
            is_valid: true,
        };
        let record = trial.on(self.base);
        trial.is_valid = record.is_some();
        trial.record = record.or_else(|| trial.on(self.base)).expect("it is valid or it is not");
        if trial.record != *self.base {
            self.trials.push(trial);
        }
    }
}

fn property(path: &[Step]) -> String {
    let step = |step: &Step| match step {
        Step::Field(name) => format!(".{name}"),
        Step::Entry(_) => "[]".into(),
    };
    path.iter().map(step).collect::<String>().trim_start_matches('.').to_owned()
}

fn written(path: &[Step]) -> String {
    let step = |step: &Step| match step {
        Step::Field(name) => format!(".{name}"),
        Step::Entry(nth) => format!("[{nth}]"),
    };
    path.iter().map(step).collect::<String>().trim_start_matches('.').to_owned()
}

fn parsed(path: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    for part in path.split('.') {
        let (name, entry) = part.strip_suffix(']').and_then(|part| part.split_once('[')).unwrap_or((part, ""));
        steps.push(Step::Field(name.to_owned()));
        steps.extend(entry.parse().ok().map(Step::Entry));
    }
    steps
}

/// Sets or takes out what is at `path`; what leads there is made where it is missing.
fn put(at: &mut Value, path: &[Step], value: Option<Value>) {
    let Some((step, rest)) = path.split_first() else {
        *at = value.unwrap_or_default();
        return;
    };
    match step {
        Step::Field(name) => {
            if !at.is_object() {
                *at = json!({});
            }
            match value {
                None if rest.is_empty() => drop(at.as_object_mut().map(|map| map.remove(name))),
                value => put(&mut at[name.as_str()], rest, value),
            }
        }
        Step::Entry(nth) => {
            if at.get(*nth).is_none() {
                *at = json!([{}]);
            }
            put(&mut at[*nth], rest, value);
        }
    }
}
