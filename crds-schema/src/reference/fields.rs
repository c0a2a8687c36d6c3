//! The fields of the record, in the order of `examples/full.yaml`, each with its place in the schema.
//!
//! Lists are entered at any of their entries: `spec.services[].port`. What the server sets is no field.

use std::sync::LazyLock;

use serde_json::Value;
use serde_saphyr::Spanned;

use super::described::Words;
use super::{FULL, described};
use crate::on_edit::OnEdit;
use crate::schema::Node;
use crate::written::Tree;
use crate::{read_documents, wording};

/// One field.
pub(super) struct Field<'a> {
    /// As in `spec.services[].port`; empty for the whole document.
    pub(super) path: String,
    /// The path of the section that it belongs to.
    pub(super) section: String,
    /// Its place in the schema.
    pub(super) node: Node<'a>,
    /// Whether a record, or an entry of a list, must have it.
    pub(super) required: bool,
    /// What to do meanwhile, where it, or what it is in, is not supported yet.
    pub(super) instead: Option<&'a str>,
    depth: usize,
}

/// Sections stand no deeper than `spec.services`.
const SECTION_DEPTH_MAX: usize = 2;

impl<'a> Field<'a> {
    /// What an edit does, as the schema states it.
    pub(super) fn on_edit(&self) -> Option<OnEdit> {
        self.node.get("x-onEdit").and_then(|stated| serde_json::from_value(stated.clone()).ok())
    }

    /// What an edit does, in words; `None` where its own fields say so.
    pub(super) fn edit(&self) -> Option<String> {
        match self.on_edit() {
            Some(stated) => Some(stated.word().to_owned()),
            None if self.has_one_value() => Some("has no other value yet".to_owned()),
            None => None,
        }
    }

    /// Whether there is nothing that it could be edited to.
    pub(super) fn has_one_value(&self) -> bool {
        let choices = self.node.choices();
        !choices.is_empty() && choices.iter().filter(|choice| choice.not_supported_yet.is_none()).count() == 1
    }

    /// Whether it has to state what an edit does: its own fields do not say all of it.
    pub(super) fn owes_edit(&self) -> bool {
        self.instead.is_none() && !self.is_told_by_its_fields() && !self.has_one_value()
    }

    /// Whether it is a map that is always there, or a list of so many of them, so that its own fields say everything.
    pub(super) fn is_told_by_its_fields(&self) -> bool {
        let may_be_absent = !self.required && self.node.get("default") == Some(&Value::Null);
        let is_of_one_length = self.node.get("minItems").is_some_and(|least| self.node.get("maxItems") == Some(least));
        match of_map(self.node) {
            Some(_) => !may_be_absent,
            None => of_entries(self.node).is_some() && is_of_one_length,
        }
    }

    /// Whether it has a chapter of its own.
    pub(super) fn is_section(&self) -> bool {
        self.section == self.path && self.instead.is_none()
    }

    /// Whether it says something that its own fields do not.
    pub(super) fn is_told(&self) -> bool {
        self.instead.is_none() && (self.owes_edit() || self.has_one_value())
    }

    /// Its description, taken apart.
    pub(super) fn words(&self) -> Words {
        described::words(self.node)
    }

    /// Its default, in the words of its description or as it is written; `None` where its own fields say so.
    pub(super) fn default(&self) -> Option<String> {
        self.words()
            .default
            .or_else(|| self.node.get("default").filter(|default| !is_filled(default)).map(wording::flow))
    }

    /// Its value in the record that has every field, as YAML in one line; `None` for what has fields of its own.
    pub(super) fn example(&self) -> Option<String> {
        let pointer = format!("/{}", self.path.replace("[]", "/0").replace('.', "/"));
        let value = FULL_RECORD.as_ref()?.pointer(&pointer)?;
        (!has_own_fields(self.node)).then(|| written(value))
    }
}

/// A value as people write it: without quotes where YAML reads the same without.
fn written(value: &Value) -> String {
    let bare = value.as_str().filter(|text| !text.contains('\n')).filter(|text| {
        read_documents(&format!("value: {text}")).is_ok_and(|read| read.iter().all(|one| one.value["value"] == *value))
    });
    bare.map_or_else(|| wording::flow(value), str::to_owned)
}

fn is_filled(default: &Value) -> bool {
    default.as_object().is_some_and(|map| !map.is_empty())
}

/// The fields of a map.
pub(super) fn of_map(node: Node<'_>) -> Option<Node<'_>> {
    node.properties().map(|_| node)
}

/// The fields of each entry of a list.
pub(super) fn of_entries(node: Node<'_>) -> Option<Node<'_>> {
    node.child("items").and_then(of_map)
}

fn has_own_fields(node: Node<'_>) -> bool {
    of_map(node).or(of_entries(node)).is_some()
}

/// Every field, the document itself first.
pub(super) fn fields(root: Node<'_>) -> Vec<Field<'_>> {
    let document =
        Field { path: String::new(), section: String::new(), node: root, required: true, instead: None, depth: 0 };
    let mut found = Vec::new();
    collect(document, &mut found);
    found
}

fn collect<'a>(field: Field<'a>, found: &mut Vec<Field<'a>>) {
    let own = own_fields(&field);
    found.push(field);
    own.into_iter().for_each(|field| collect(field, found));
}

fn own_fields<'a>(parent: &Field<'a>) -> Vec<Field<'a>> {
    let entries = of_entries(parent.node);
    let Some(node) = entries.or(of_map(parent.node)) else { return Vec::new() };
    let within = match (parent.path.as_str(), entries) {
        ("", _) => String::new(),
        (path, Some(_)) => format!("{path}[]."),
        (path, None) => format!("{path}."),
    };
    let named = node.properties().into_iter().flatten().filter_map(|(name, child)| Some((name, Node::new(child)?)));
    let field = |(name, child): (&String, Node<'a>)| {
        let path = format!("{within}{name}");
        let instead = parent.instead.or(child.text("x-notSupportedYet"));
        let is_section = has_own_fields(child) && instead.is_none() && parent.depth < SECTION_DEPTH_MAX;
        let section = if is_section { path.clone() } else { parent.section.clone() };
        let required = node.required().any(|required| required == name);
        Field { path, section, node: child, required, instead, depth: parent.depth + 1 }
    };
    let mut own: Vec<Field<'a>> = named.filter(|(_, child)| !child.flag("x-ignored")).map(field).collect();
    let place = |field: &Field<'_>| ORDER.iter().position(|path| *path == field.path).unwrap_or(usize::MAX);
    own.sort_by_key(|field| (place(field), field.path.clone()));
    own
}

/// What the server sets, and is ignored in the input.
pub(super) fn ignored(node: Node<'_>, within: &str) -> Vec<String> {
    let children = node.properties().into_iter().flatten().filter_map(|(name, child)| Some((name, Node::new(child)?)));
    let each = children.map(|(name, child)| match child.flag("x-ignored") {
        true => vec![format!("{within}{name}")],
        false => ignored(child, &format!("{within}{name}.")),
    });
    each.flatten().collect()
}

/// The record that has every field.
static FULL_RECORD: LazyLock<Option<Value>> =
    LazyLock::new(|| read_documents(FULL).ok().map(|mut documents| documents.remove(0).value));

/// The paths of that record, in the order in which they are written.
static ORDER: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut order = Vec::new();
    if let Ok(root) = serde_saphyr::from_str::<Spanned<Tree>>(FULL) {
        note_order(&root.value, "", &mut order);
    }
    order
});

fn note_order(tree: &Tree, path: &str, order: &mut Vec<String>) {
    match tree {
        Tree::Map(fields) => {
            for (name, value) in fields {
                let within = if path.is_empty() { String::new() } else { format!("{path}.") };
                let at = format!("{within}{}", name.value);
                order.push(at.clone());
                note_order(&value.value, &at, order);
            }
        }
        Tree::List(entries) => entries.iter().for_each(|entry| note_order(&entry.value, &format!("{path}[]"), order)),
        Tree::Scalar(_) | Tree::NotFinite => {}
    }
}

/// Whether the record that has every field has this one.
pub(super) fn stands_in_full(path: &str) -> bool {
    ORDER.iter().any(|known| known == path)
}
