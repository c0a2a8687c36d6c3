//! What the page says of one field: its description, then type, bounds, default, example and edit, a line each.

use serde_json::Value;

use super::chapters::WRITTEN_FORMS;
use super::fields::{Field, of_entries, of_map};
use super::layout;
use crate::forms::{REFUSED_PREFIXES, WRITTEN};
use crate::schema::{Choice, Node};

/// The description, and the lines below it.
pub(super) fn body(field: &Field<'_>) -> Vec<String> {
    let words = field.words();
    let mut lines = type_lines(field.node);
    lines.extend(line("Bounds", &bounds(field.node).join("; ")));
    if field.required {
        lines.push("- Required".to_owned());
    } else {
        let default = field.default().unwrap_or_else(|| "what its fields say".to_owned());
        lines.extend(line("Default", &default));
    }
    let name = field.path.rsplit('.').next().unwrap_or_default();
    lines.extend(field.example().and_then(|example| line("Example", &format!("`{name}: {example}`"))));
    lines.extend(field.edit().and_then(|edit| line("An edit", &edit_words(field, &edit))));
    lines.extend(words.sources.iter().filter_map(|page| line("AWS", &format!("<{page}>"))));
    // The document as a whole is described by the page.
    if field.path.is_empty() { Vec::new() } else { vec![layout::wrapped(&words.text), lines.join("\n")] }
}

fn edit_words(field: &Field<'_>, edit: &str) -> String {
    match field.node.text("x-onEditNote") {
        Some(note) => format!("{edit}. {note}"),
        None => edit.to_owned(),
    }
}

/// A line of the list; none where there is nothing to say.
fn line(label: &str, text: &str) -> Option<String> {
    (!text.is_empty()).then(|| layout::item(&format!("{label}: {text}")))
}

fn type_lines(node: Node<'_>) -> Vec<String> {
    let choices = node.choices();
    if choices.iter().all(|choice| choice.means.is_none()) {
        return line("Type", &kind(node)).into_iter().collect();
    }
    let each = choices.iter().map(|choice| layout::nested(&choice_words(choice)));
    line("Type", "one of these values").into_iter().chain(each).collect()
}

fn choice_words(choice: &Choice<'_>) -> String {
    let means = choice.means.unwrap_or_default().trim_end_matches('.');
    match choice.not_supported_yet {
        Some(instead) => format!("`{}`: not supported yet; {instead}", choice.value),
        None if means.is_empty() || means == choice.value => format!("`{}`", choice.value),
        None => format!("`{}`: {means}", choice.value),
    }
}

/// The type, in plain words.
pub(super) fn kind(node: Node<'_>) -> String {
    let choices: Vec<String> = node.choices().iter().map(|choice| format!("`{}`", choice.value)).collect();
    if let [only] = choices.as_slice() {
        return format!("always {only}");
    }
    if !choices.is_empty() {
        return format!("one of {}", choices.join(", "));
    }
    if let Some(title) = node.text("title") {
        let format = node.text("format").unwrap_or_default();
        let form = WRITTEN_FORMS.iter().find(|form| form.format == format);
        return form.map_or_else(|| title.to_owned(), |form| format!("{title} ([how it is written]({}))", form.link()));
    }
    match node.types().first().copied() {
        Some("integer") => "a whole number".to_owned(),
        Some("boolean") => "`true` or `false`".to_owned(),
        Some("array") => match node.child("items").filter(|_| of_entries(node).is_none()) {
            Some(items) => format!("a list, each entry {}", kind(items)),
            None => "a list of maps, with the fields below".to_owned(),
        },
        Some("object") if of_map(node).is_some() => "a map of the fields below".to_owned(),
        Some("object") => "a map of texts, under names of your own".to_owned(),
        Some(_) | None => "a text".to_owned(),
    }
}

/// What bounds a value of the type, each bound by itself.
pub(super) fn bounds(node: Node<'_>) -> Vec<String> {
    let mut bounds = range(node);
    if let Some(most) = number(node, "maxLength") {
        bounds.push(format!("at most {most} characters"));
    }
    bounds.extend(node.text(WRITTEN).map(str::to_owned));
    let prefixes = node.get(REFUSED_PREFIXES).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let prefixes: Vec<String> = prefixes.map(|prefix| format!("`{prefix}`")).collect();
    if !prefixes.is_empty() {
        bounds.push(format!("it does not begin with {}", prefixes.join(" or ")));
    }
    bounds.extend(entries(node));
    let parts = [("each entry", "items"), ("each name", "propertyNames"), ("each value", "additionalProperties")];
    for (what, keyword) in parts {
        let part = node.child(keyword).filter(|part| of_map(*part).is_none());
        let within = part.map(self::bounds).unwrap_or_default();
        if !within.is_empty() {
            bounds.push(format!("{what}: {}", within.join(", ")));
        }
    }
    bounds
}

/// From the least to the most, of a number or a duration.
fn range(node: Node<'_>) -> Vec<String> {
    if node.text("format") == Some("x-duration") {
        let least = node.text("x-minimum").unwrap_or("0s");
        return node.text("x-maximum").map(|most| format!("{least} to {most}")).into_iter().collect();
    }
    match (number(node, "minimum"), number(node, "maximum")) {
        (Some(least), Some(most)) => vec![format!("{least} to {most}")],
        (Some(least), None) => vec![format!("at least {least}")],
        (None, Some(most)) => vec![format!("at most {most}")],
        (None, None) => Vec::new(),
    }
}

/// How many entries a list or a map has.
fn entries(node: Node<'_>) -> Vec<String> {
    let (least, most) = (number(node, "minItems"), number(node, "maxItems").or(number(node, "maxProperties")));
    let mut bounds = Vec::new();
    match (least, most) {
        (Some(least), Some(most)) if least == most => bounds.push(format!("exactly {most} entry")),
        (_, Some(most)) => bounds.push(format!("at most {most} entries")),
        (Some(least), None) => bounds.push(format!("at least {least} entries")),
        (None, None) => {}
    }
    if let Some(instead) = node.text("x-moreNotSupportedYet") {
        bounds.push(format!("more are not supported yet: {instead}"));
    }
    if node.flag("uniqueItems") {
        bounds.push("no entry twice".to_owned());
    }
    bounds
}

fn number(node: Node<'_>, keyword: &str) -> Option<i64> {
    node.get(keyword).and_then(Value::as_i64)
}
