//! What keeps the page from being complete: what a field does not say of itself, and what the examples do not show.

use serde_json::Value;

use super::chapters::{SECTIONS, WRITTEN_FORMS};
use super::fields::{Field, stands_in_full};
use crate::forms::WRITTEN;
use crate::schema::Node;
use crate::{SpecDuration, wording};

/// A judgement of one field: what it lacks, where it lacks something.
type Rule = fn(&Field<'_>) -> Option<&'static str>;

const RULES: [Rule; 6] = [description, edit, default, form, example, section];

/// All that is lacking, each in a line that begins with the field's path.
pub(super) fn all(fields: &[Field<'_>]) -> Vec<String> {
    let of = |field: &Field<'_>| {
        let path = field.path.clone();
        RULES.iter().filter_map(move |rule| rule(field)).map(move |lack| format!("{path}: {lack}")).collect::<Vec<_>>()
    };
    let known = |path: &str| fields.iter().any(|field| field.is_section() && field.path == path);
    let stale = SECTIONS.iter().filter(|section| !known(section.path));
    let stale = stale.map(|section| format!("{}: has an example, and is no section", section.path));
    fields.iter().flat_map(of).chain(stale).collect()
}

fn description(field: &Field<'_>) -> Option<&'static str> {
    field.words().text.is_empty().then_some("has no description")
}

fn edit(field: &Field<'_>) -> Option<&'static str> {
    match (field.owes_edit(), field.node.get("x-onEdit"), field.on_edit()) {
        (true, None, _) => Some("does not state what an edit does: x-onEdit"),
        (false, Some(_), _) => Some("states what an edit does, which its own fields do, or nothing can"),
        (_, Some(_), None) => Some("states something else in x-onEdit than what an edit does"),
        (true, Some(_), Some(_)) | (false, None, _) => None,
    }
}

/// Whoever leaves a field out must learn what holds then, and learn the truth.
fn default(field: &Field<'_>) -> Option<&'static str> {
    if field.required || field.instead.is_some() || field.is_told_by_its_fields() {
        return None;
    }
    let Some(words) = field.words().default else { return Some("does not say its default in words") };
    let first = words.split_whitespace().next().unwrap_or_default().trim_end_matches([',', ';']).trim_matches('`');
    let length = |text: &str| text.parse::<SpecDuration>().ok();
    let is_true = match field.node.get("default") {
        Some(Value::String(text)) => text == first || length(text).is_some_and(|same| length(first) == Some(same)),
        Some(value @ (Value::Number(_) | Value::Bool(_))) => wording::flow(value) == first,
        Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => true,
    };
    (!is_true).then_some("says another default than the one that it has")
}

fn form(field: &Field<'_>) -> Option<&'static str> {
    let parts = ["items", "propertyNames", "additionalProperties"].map(|part| field.node.child(part));
    let is_unworded = |node: Node<'_>| {
        let ruled = node.get("pattern").is_some() || node.get("format").is_some();
        let is_text = node.types() == ["string"];
        let told = WRITTEN_FORMS.iter().any(|form| node.text("format") == Some(form.format));
        let words = node.get(WRITTEN).is_some() || node.text("title").is_some_and(|title| title.contains('('));
        ruled && is_text && !told && !words
    };
    let any = [Some(field.node)].into_iter().chain(parts).flatten().any(is_unworded);
    any.then_some("has a pattern that is not told in words: x-written")
}

fn example(field: &Field<'_>) -> Option<&'static str> {
    let is_shown = field.instead.is_some() || field.path.is_empty() || stands_in_full(&field.path);
    (!is_shown).then_some("does not stand in examples/full.yaml")
}

fn section(field: &Field<'_>) -> Option<&'static str> {
    let has_one = SECTIONS.iter().any(|section| section.path == field.path);
    (field.is_section() && !has_one).then_some("has no example among SECTIONS")
}
