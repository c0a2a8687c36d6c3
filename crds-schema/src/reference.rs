//! The reference of the record, field by field, as docs/record.md holds it.
//!
//! In: the schema, and the examples. Out: Markdown ([`markdown`]), and what keeps it from being complete ([`lacking`]).
//! Never: knows a field by name. One that is added to [`crate::spec`] appears by itself, and is missed until it says what
//! an edit of it does, and stands in `examples/full.yaml`.
//! A test writes the page (`UPDATE_DOCS=1`), another takes every example for a record.

mod fields;
mod described;
mod entry;
mod lacks;
mod chapters;
mod layout;

use serde_json::Value;

use crate::on_edit::OnEdit;
use crate::schema::{Node, schema};
use fields::{Field, fields};

pub use chapters::{Form, SECTIONS, Section, WRITTEN_FORMS};

/// The least that a record needs.
pub const MINIMAL: &str = include_str!("../examples/minimal.yaml");
/// A record in which every field stands that is supported.
pub const FULL: &str = include_str!("../examples/full.yaml");

/// Each field of which an edit is told, as in `spec.services[].port`, with what it does.
pub fn on_edits() -> Vec<(String, OnEdit)> {
    let fields = Node::new(schema()).map(fields).unwrap_or_default();
    fields.into_iter().filter_map(|field| Some((field.path.clone(), field.on_edit()?))).collect()
}

/// What the fields of a schema do not say, or the examples do not show, each in a line that begins with the field's path.
pub fn lacking(schema: &Value) -> Vec<String> {
    Node::new(schema).map(fields).map(|fields| lacks::all(&fields)).unwrap_or_default()
}

/// The whole page.
pub fn markdown(schema: &Value) -> String {
    let Some(root) = Node::new(schema) else { return String::new() };
    let fields = fields(root);
    let mut ignored = fields::ignored(root, "");
    ignored.sort();
    let mut blocks = vec![chapters::head(&ignored)];
    blocks.extend(chapters::forms());
    blocks.extend(chapters::edits());
    blocks.push(at_a_glance(&fields));
    for head in fields.iter().filter(|field| field.is_section()) {
        blocks.extend(section(head, &fields));
    }
    blocks.extend(not_supported_yet(&fields));
    blocks.extend(chapters::whole());
    format!("{}\n", blocks.join("\n\n"))
}

/// The fields that a record may have, one a line.
fn at_a_glance(fields: &[Field<'_>]) -> String {
    let rows = fields.iter().filter(|field| field.is_told()).map(|field| {
        let default = if field.required { "required".to_owned() } else { field.default().unwrap_or_default() };
        let edit = field.edit().unwrap_or_default();
        format!("| [`{}`](#{}) | {default} | {edit} |", field.path, layout::anchor(&field.path))
    });
    let head = "## At a glance\n\nA map or a list is left out here where its own fields say everything.\n\n| field | default | an edit |\n|---|---|---|";
    std::iter::once(head.to_owned()).chain(rows).collect::<Vec<_>>().join("\n")
}

/// A map or list with its example and its fields.
fn section(head: &Field<'_>, fields: &[Field<'_>]) -> Vec<String> {
    let title = if head.path.is_empty() { "The document".to_owned() } else { format!("`{}`", head.path) };
    let mut blocks = vec![format!("## {title}")];
    blocks.extend(entry::body(head));
    if let Some(section) = SECTIONS.iter().find(|section| section.path == head.path) {
        blocks.push(layout::yaml(section.example));
    }
    let is_within = |field: &&Field<'_>| field.section == head.path && !field.is_section() && field.instead.is_none();
    for field in fields.iter().filter(is_within) {
        blocks.push(format!("### `{}`", field.path));
        blocks.extend(entry::body(field));
    }
    blocks
}

/// The fields that a record may not set.
fn not_supported_yet(fields: &[Field<'_>]) -> Vec<String> {
    let rows = fields.iter().filter_map(|field| {
        let instead = field.instead?;
        Some(format!("| `{}` | {} | {} | {instead} |", field.path, entry::kind(field.node), field.words().text))
    });
    let intro = "The schema knows these fields, so that a record that sets one is told what to do meanwhile. Leave them \
                 out; their defaults, which set nothing, are taken too.";
    let head = "| field | type | what it is | meanwhile |\n|---|---|---|---|";
    let table = std::iter::once(head.to_owned()).chain(rows).collect::<Vec<_>>().join("\n");
    vec!["## Not supported yet".to_owned(), layout::wrapped(intro), table]
}
