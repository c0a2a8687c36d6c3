//! The words of a fault that the schema explains: what is wrong, and what to write instead.
//!
//! In: the value, its place in the schema. Out: texts of one line. Never: judges; that is [`crate::structure`].

use std::fmt::Display;

use serde_json::Value;

use crate::fault::shown;
use crate::meant;
use crate::schema::{Choice, Node};
use crate::written::Scalar;

/// At least half of a name has to be as written for it to be meant: `keypair` is `keyName`, `namespace` is not `name`.
const LIKENESS_MIN: f64 = 0.5;

/// A value of a type that the schema does not have here; `spelled` is how it was written, where its value does not tell.
pub(crate) fn wrong_type(value: &Value, spelled: Option<&Scalar>, node: Node<'_>) -> (String, String) {
    let wrong = format!("must be {}, not {}", wanted(node), kind_of(value, spelled));
    let text = spelled.map_or_else(|| text_of(value), |scalar| scalar.text.clone());
    // A number that JSON cannot hold is a text beside it; it was meant as a number.
    let number = Value::from(0);
    let value = if spelled.is_some_and(|scalar| scalar.not_finite) { &number } else { value };
    if let Some(instead) = meant::other_type(value, &text, node) {
        return (wrong, instead);
    }
    let instead = match (example(node), node.types().first().copied()) {
        (Some(example), _) => format!("write it like `{example}`"),
        (None, Some("boolean")) => "write `true` or `false`".to_owned(),
        (None, Some("array")) => "write a list, each entry after a `- `".to_owned(),
        (None, Some("object")) => "write its fields below it, indented".to_owned(),
        (None, Some("integer")) => {
            let bounds = (node.get("minimum").and_then(Value::as_i64), node.get("maximum").and_then(Value::as_i64));
            out_of_range("", bounds.0, bounds.1).1
        }
        (None, _) => match choices_advice(&node.choices()) {
            Some(advice) => advice,
            None => "write a text".to_owned(),
        },
    };
    (wrong, instead)
}

/// A null under a name that the user chose: no value, and so no tag and no label.
pub(crate) fn no_value(spelled: Option<&Scalar>) -> (String, String) {
    match spelled.map_or("", |scalar| scalar.text.as_str()) {
        "" => ("has no value".into(), "write `\"\"` for an empty one, or leave it out".into()),
        text => (format!("`{text}` is no value"), format!("put it in quotes: `\"{text}\"`, or leave it out")),
    }
}

/// A number or a duration beyond its bounds.
pub(crate) fn out_of_range<T: Display>(given: &str, least: Option<T>, most: Option<T>) -> (String, String) {
    let instead = match (least, most) {
        (Some(least), Some(most)) => format!("write {least} to {most}"),
        (Some(least), None) => format!("write at least {least}"),
        (None, Some(most)) => format!("write at most {most}"),
        (None, None) => "write a number".to_owned(),
    };
    (format!("{given} is out of range"), instead)
}

/// A text that its pattern refuses.
pub(crate) fn wrong_form(text: &str, node: Node<'_>) -> (String, String) {
    let wrong = format!("`{}` is not {}", shown(text), node.text("title").unwrap_or("allowed here"));
    let instead =
        example(node).map_or_else(|| "write it as its description says".to_owned(), |e| format!("write it like `{e}`"));
    (wrong, instead)
}

/// A text that is none of the values to choose from.
pub(crate) fn unknown_choice(text: &str, choices: &[Choice<'_>]) -> (String, String) {
    let advice = match nearest(text, choices.iter().map(|c| c.value)) {
        Some(near) => format!("write `{near}`"),
        None => choices_advice(choices).unwrap_or_default(),
    };
    (format!("`{}` is not known", shown(text)), advice)
}

fn choices_advice(choices: &[Choice<'_>]) -> Option<String> {
    let supported: Vec<_> =
        choices.iter().filter(|c| c.not_supported_yet.is_none()).map(|c| format!("`{}`", c.value)).collect();
    match supported.as_slice() {
        [] => None,
        [one] => Some(format!("write {one}")),
        many => Some(format!("write one of {}", many.join(", "))),
    }
}

/// What to write instead of an unknown field: the nearest known name, or all of them.
pub(crate) fn known_names<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    match nearest(name, known.clone()) {
        Some(near) => format!("write `{near}`"),
        None => format!("remove it; known here: {}", known.collect::<Vec<_>>().join(", ")),
    }
}

/// A longer text is no slip of the pen, and comparing it takes the square of its length.
const NEAR_CHARS_MAX: usize = 64;

fn nearest<'a>(text: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if text.chars().count() > NEAR_CHARS_MAX {
        return None;
    }
    let lower = text.to_lowercase();
    let likeness = |name: &str| strsim::normalized_damerau_levenshtein(&lower, &name.to_lowercase());
    let scored = known.map(|name| (likeness(name), name)).filter(|(score, _)| *score >= LIKENESS_MIN);
    scored.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
}

/// What to write for a required field that is missing.
pub(crate) fn add_it(name: &str, node: Node<'_>, value: &Value) -> String {
    let says_something = match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::String(text) => !text.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    };
    match node.choices().len() {
        1 => format!("write `{name}: {}`", flow(value)),
        _ if says_something => format!("add it, for example `{name}: {}`", flow(value)),
        _ => format!("add `{name}`"),
    }
}

/// The schema's first example, as YAML in one line.
pub(crate) fn example(node: Node<'_>) -> Option<String> {
    let first = node.get("examples")?.get(0)?;
    Some(first.as_str().map_or_else(|| flow(first), str::to_owned))
}

/// A value as YAML in one line.
pub(crate) fn flow(value: &Value) -> String {
    match value {
        Value::String(text) if is_plain(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let fields = map.iter().map(|(name, value)| format!("{name}: {}", flow(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
    }
}

/// Whether YAML reads this text as text without quotes.
fn is_plain(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b))
        && !["true", "false", "null"].contains(&text.to_lowercase().as_str())
}

fn wanted(node: Node<'_>) -> String {
    let kinds = node.types().into_iter().map(|kind| match kind {
        "object" => "a map",
        "array" => "a list",
        "integer" => "a whole number",
        "boolean" => "`true` or `false`",
        _ => "a text",
    });
    kinds.collect::<Vec<_>>().join(" or ")
}

fn kind_of(value: &Value, spelled: Option<&Scalar>) -> String {
    if let Some(Scalar { text, not_finite: true }) = spelled {
        return format!("the number `{text}`");
    }
    let kind = match value {
        Value::Null => "empty",
        Value::Bool(_) => "`true` or `false`",
        Value::Number(n) if n.as_f64().is_some_and(|n| n.fract() != 0.0) => "a number with a fraction",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    };
    kind.to_owned()
}

/// A scalar as JSON has it, a text without its quotes.
fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
