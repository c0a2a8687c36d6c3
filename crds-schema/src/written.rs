//! What the text of a document says that its value does not: how its scalars were spelled, and keys that stand twice.
//!
//! In: the parser's tree, each node with its place in the text. Out: the document as JSON, and beside it [`Written`], by
//! the paths that faults have. A record from the table has no text, so everything here may be absent.
//! Never: judges; [`crate::structure`] does, and quotes from here, so that advice shows what the user wrote.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::{Location, Spanned};

use crate::fault::{Fault, entry, field};

/// A value of the text, with its places still in it.
#[derive(Debug, Clone)]
pub(crate) enum Tree {
    /// Null, a boolean, a finite number or a text.
    Scalar(Value),
    /// `.inf`, `.nan`, or a number that no float holds.
    NotFinite,
    /// A list.
    List(Vec<Spanned<Tree>>),
    /// A map in its written order, a key that stands twice included.
    Map(Vec<(Spanned<String>, Spanned<Tree>)>),
}

/// How the scalars of one document were spelled.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Written {
    scalars: BTreeMap<String, Scalar>,
    /// Keys that stand twice.
    pub(crate) twice: Vec<Fault>,
}

/// A scalar whose value does not tell how it was spelled.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scalar {
    /// As it stands in the text, such as `1.10`, `0x1F` or `~`.
    pub(crate) text: String,
    /// Whether it is a number that JSON cannot hold; the value beside it is a text then.
    pub(crate) not_finite: bool,
}

impl Written {
    /// The scalar at `path`, where its value alone does not tell how it was spelled.
    pub(crate) fn at(&self, path: &str) -> Option<&Scalar> {
        self.scalars.get(path)
    }
}

/// One document of a file: its value, and how it was written.
pub(crate) fn document(text: &str, root: Spanned<Tree>) -> (Value, Written) {
    let mut reading = Reading { text, written: Written::default() };
    let value = reading.value(root, "");
    (value, reading.written)
}

struct Reading<'t> {
    text: &'t str,
    written: Written,
}

impl Reading<'_> {
    fn value(&mut self, node: Spanned<Tree>, path: &str) -> Value {
        let Spanned { value, defined, .. } = node;
        match value {
            Tree::Scalar(value) => {
                // A null is told from one in a table, which nobody spelled.
                let tells = match &value {
                    Value::Null => false,
                    Value::Bool(_) | Value::Number(_) => spelled(self.text, defined) == Some(&value.to_string()),
                    Value::String(_) | Value::Array(_) | Value::Object(_) => true,
                };
                if let Some(text) = spelled(self.text, defined).filter(|_| !tells) {
                    self.note(path, text, false);
                }
                value
            }
            Tree::NotFinite => {
                let text = spelled(self.text, defined).unwrap_or(".nan");
                self.note(path, text, true);
                text.into()
            }
            Tree::List(items) => {
                let items = items.into_iter().enumerate().map(|(index, item)| self.value(item, &entry(path, index)));
                Value::Array(items.collect())
            }
            Tree::Map(fields) => self.map(fields, path),
        }
    }

    fn map(&mut self, fields: Vec<(Spanned<String>, Spanned<Tree>)>, path: &str) -> Value {
        let mut lines: BTreeMap<String, u64> = BTreeMap::new();
        let mut map = Map::new();
        for (name, node) in fields {
            let (at, line) = (field(path, &name.value), name.referenced.line());
            if let Some(first) = lines.insert(name.value.clone(), line) {
                let lines = if first == line { format!("line {line}") } else { format!("lines {first} and {line}") };
                let wrong = format!("stands twice in this map, in {lines}");
                self.written.twice.push(Fault { path: at.clone(), wrong, instead: "keep one".into() });
                continue;
            }
            let value = self.value(node, &at);
            map.insert(name.value, value);
        }
        Value::Object(map)
    }

    fn note(&mut self, path: &str, text: &str, not_finite: bool) {
        self.written.scalars.insert(path.to_owned(), Scalar { text: text.to_owned(), not_finite });
    }
}

/// The text between the ends of a plain scalar. It is one word, so whatever else an offset shows is none.
fn spelled(text: &str, at: Location) -> Option<&str> {
    let (from, length) = (at.span().byte_offset()?, at.span().byte_len()?);
    let from = usize::try_from(from).ok()?;
    let found = text.get(from..from.checked_add(usize::try_from(length).ok()?)?)?.trim();
    (!found.contains(char::is_whitespace)).then_some(found)
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: Error>(self) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::Null))
    }

    fn visit_none<E: Error>(self) -> Result<Tree, E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Tree, D::Error> {
        Tree::deserialize(from)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Tree, E> {
        Ok(Number::from_f64(value).map_or(Tree::NotFinite, |number| Tree::Scalar(Value::Number(number))))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Tree, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Tree::Map(map))
    }
}
