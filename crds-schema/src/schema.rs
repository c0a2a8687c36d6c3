//! The JSON Schema of the record (draft 2020-12), made from the types.
//!
//! Out: one self-contained document without references, for editors and for [`crate::structure`], which checks by it.
//! Besides the standard keywords it carries our own, all beginning with `x-` and ignored by editors:
//! `x-notSupportedYet` (what to do meanwhile), `x-moreNotSupportedYet`, `x-ignored` (set by the server),
//! `x-minimum` and `x-maximum` (durations), `x-refusedPrefixes`; and for people, `x-onEdit` and `x-onEditNote` (what an
//! edit does), `x-written` (a pattern in words), `x-source` (an AWS page).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex_lite::Regex;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::spec::StagingEnvironment;

/// Where the schema says that it lives.
pub const SCHEMA_ID: &str = "https://understudy.dev/schemas/stagingenvironment.v1alpha1.schema.json";

/// What `get -o yaml` and a table item hold besides the record; in the input they are ignored.
const IGNORED: [(&str, &[&str]); 2] = [
    ("", &["status", "pk", "sk"]),
    ("metadata", &["uid", "generation", "creationTimestamp", "deletionTimestamp", "resourceVersion", "finalizers"]),
];

static SCHEMA: LazyLock<Value> = LazyLock::new(generate);
static PATTERNS: LazyLock<BTreeMap<&'static str, Regex>> = LazyLock::new(|| compile_patterns(&SCHEMA));

/// The JSON Schema of a `StagingEnvironment`, for editors.
pub fn json_schema() -> Value {
    SCHEMA.clone()
}

/// The same, without a copy.
pub(crate) fn schema() -> &'static Value {
    &SCHEMA
}

/// A pattern of the schema, compiled once.
pub(crate) fn compiled(pattern: &str) -> Option<&'static Regex> {
    PATTERNS.get(pattern)
}

/// All patterns but those that only editors can read, which go with a `format` of ours.
fn compile_patterns(schema: &'static Value) -> BTreeMap<&'static str, Regex> {
    match schema {
        Value::Object(map) => {
            let own = map.get("pattern").and_then(Value::as_str);
            let own = own.and_then(|pattern| Some((pattern, Regex::new(pattern).ok()?)));
            own.into_iter().chain(map.values().flat_map(compile_patterns)).collect()
        }
        Value::Array(items) => items.iter().flat_map(compile_patterns).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => BTreeMap::new(),
    }
}

fn generate() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    let mut schema = settings.into_generator().into_root_schema_for::<StagingEnvironment>().to_value();
    close_objects(&mut schema);
    for (parent, names) in IGNORED {
        let object =
            if parent.is_empty() { Some(&mut schema) } else { schema.pointer_mut(&format!("/properties/{parent}")) };
        if let Some(properties) = object.and_then(|o| o.get_mut("properties")).and_then(Value::as_object_mut) {
            for name in names {
                let note = json!({"description": "Set by the server; ignored in the input.", "x-ignored": true});
                properties.insert((*name).to_owned(), note);
            }
        }
    }
    if let Some(root) = schema.as_object_mut() {
        root.insert("$id".to_owned(), SCHEMA_ID.into());
    }
    schema
}

/// Refuses unknown fields in every object with named fields, and lets every optional field be null, which means absent.
fn close_objects(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            object.values_mut().for_each(close_objects);
            if object.contains_key("properties") {
                object.insert("additionalProperties".to_owned(), false.into());
                let required = object.get("required").cloned().unwrap_or_default();
                let is_required = |name: &String| required.as_array().is_some_and(|r| r.contains(&json!(name)));
                if let Some(properties) = object.get_mut("properties").and_then(Value::as_object_mut) {
                    properties
                        .iter_mut()
                        .filter(|(name, _)| !is_required(name))
                        .for_each(|(_, field)| allow_null(field));
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close_objects),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn allow_null(field: &mut Value) {
    let Some(field) = field.as_object_mut() else { return };
    match field.get_mut("type") {
        Some(Value::Array(kinds)) if !kinds.contains(&json!("null")) => kinds.push("null".into()),
        Some(kind @ Value::String(_)) => *kind = json!([kind.take(), "null"]),
        _ => {}
    }
    if let Some(Value::Array(values)) = field.get_mut("enum")
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
    if let Some(Value::Array(variants)) = field.get_mut("oneOf")
        && !variants.contains(&json!({"type": "null"}))
    {
        variants.push(json!({"type": "null"}));
    }
}

/// One place of the schema, read by what it means for us.
#[derive(Clone, Copy)]
pub(crate) struct Node<'a>(&'a Map<String, Value>);

/// One of the values that a field may take, and what to do instead where it is not supported yet.
pub(crate) struct Choice<'a> {
    pub(crate) value: &'a str,
    pub(crate) means: Option<&'a str>,
    pub(crate) not_supported_yet: Option<&'a str>,
}

impl<'a> Node<'a> {
    /// The schema at `value`; `None` where it says nothing (`true`).
    pub(crate) fn new(value: &'a Value) -> Option<Self> {
        value.as_object().map(Self)
    }

    pub(crate) fn get(self, keyword: &str) -> Option<&'a Value> {
        self.0.get(keyword)
    }

    pub(crate) fn text(self, keyword: &str) -> Option<&'a str> {
        self.get(keyword).and_then(Value::as_str)
    }

    pub(crate) fn flag(self, keyword: &str) -> bool {
        self.get(keyword) == Some(&Value::Bool(true))
    }

    pub(crate) fn child(self, keyword: &str) -> Option<Self> {
        self.get(keyword).and_then(Self::new)
    }

    pub(crate) fn properties(self) -> Option<&'a Map<String, Value>> {
        self.get("properties").and_then(Value::as_object)
    }

    pub(crate) fn required(self) -> impl Iterator<Item = &'a str> {
        self.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }

    /// The types allowed, null left out.
    pub(crate) fn types(self) -> Vec<&'a str> {
        match self.get("type") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).filter(|t| *t != "null").collect(),
            // A choice between documented values has its type in each of them.
            _ => {
                if self.choices().is_empty() {
                    vec![]
                } else {
                    vec!["string"]
                }
            }
        }
    }

    /// The values to choose from; empty where there is no such list.
    pub(crate) fn choices(self) -> Vec<Choice<'a>> {
        let choice = |value: &'a Value, variant: Option<&'a Value>| {
            let note = |keyword: &str| variant?.get(keyword).and_then(Value::as_str);
            let (means, not_supported_yet) = (note("description"), note("x-notSupportedYet"));
            Some(Choice { value: value.as_str()?, means, not_supported_yet })
        };
        if let Some(only) = self.get("const") {
            return choice(only, None).into_iter().collect();
        }
        if let Some(Value::Array(values)) = self.get("enum") {
            return values.iter().filter_map(|v| choice(v, None)).collect();
        }
        let variants = self.get("oneOf").and_then(Value::as_array).into_iter().flatten();
        variants.filter_map(|v| choice(v.get("const")?, Some(v))).collect()
    }
}
