//! The parameters of AWS's Query protocol as a tree, and serde's way into it.
//!
//! `Filter.1.Name=vpc-id` is a list of structs; ELBv2 puts `member` before each number. Every name that a type does not know
//! is refused with its whole path: a parameter that is ignored in silence would be a lie about AWS.
//! Never: knows an operation. <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Query-Requests.html>

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::StringDeserializer;
use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor};
use serde::{Deserialize, Serialize, forward_to_deserialize_any};

/// Parameters of one request, at most: a Describe call of EC2 may have 50 filters of 200 values each.
const PARAMETERS_MAX: usize = 12_000;
/// Bytes of one value, at most: user data is 16 KiB before base64.
const VALUE_BYTES_MAX: usize = 64 << 10;
/// Parts of one name, at most.
const DEPTH_MAX: usize = 12;

/// A parameter: a text, or parameters below it. In the log of changes it is JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Node {
    /// A text.
    Leaf(String),
    /// Others, by the next part of their names.
    Branch(BTreeMap<String, Node>),
}

impl Default for Node {
    /// No parameters.
    fn default() -> Self {
        Self::Branch(BTreeMap::new())
    }
}

/// What is wrong with a request's parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// Its operation has no such parameter here.
    Unknown {
        /// Its name.
        path: String,
    },
    /// It is not there.
    Missing {
        /// Its name.
        path: String,
    },
    /// Its value is not what it should be.
    Invalid {
        /// Its name.
        path: String,
        /// What it should be.
        why: String,
    },
    /// There are more than anybody needs.
    TooMany,
}

impl Wrong {
    fn below(self, name: &str) -> Self {
        let join = |path: String| if path.is_empty() { name.to_owned() } else { format!("{name}.{path}") };
        match self {
            Self::Unknown { path } => Self::Unknown { path: join(path) },
            Self::Missing { path } => Self::Missing { path: join(path) },
            Self::Invalid { path, why } => Self::Invalid { path: join(path), why },
            Self::TooMany => Self::TooMany,
        }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { path } => write!(f, "The parameter {path} is not modelled for this operation"),
            Self::Missing { path } => write!(f, "The request must contain the parameter {path}"),
            Self::Invalid { path, why } => write!(f, "Invalid value for the parameter {path}: {why}"),
            Self::TooMany => {
                write!(f, "The request has more than {PARAMETERS_MAX} parameters, or one that is too long")
            }
        }
    }
}

impl std::error::Error for Wrong {}

impl de::Error for Wrong {
    fn custom<T: fmt::Display>(why: T) -> Self {
        Self::Invalid { path: String::new(), why: why.to_string() }
    }

    fn missing_field(name: &'static str) -> Self {
        Self::Missing { path: name.to_owned() }
    }
}

impl Node {
    /// The tree of these names and values.
    ///
    /// # Errors
    /// When there are too many, or one name is both a text and a group.
    pub fn tree(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, Wrong> {
        let mut root = Self::Branch(BTreeMap::new());
        for (count, (name, value)) in pairs.into_iter().enumerate() {
            let long = value.len() > VALUE_BYTES_MAX || name.matches('.').count() >= DEPTH_MAX;
            if count >= PARAMETERS_MAX || long {
                return Err(Wrong::TooMany);
            }
            root.put(&name, value)?;
        }
        Ok(root)
    }

    fn put(&mut self, name: &str, value: String) -> Result<(), Wrong> {
        let mut place = self;
        for part in name.split('.') {
            let Self::Branch(below) = place else { return Err(both(name)) };
            place = below.entry(part.to_owned()).or_insert_with(|| Self::Branch(BTreeMap::new()));
        }
        match place {
            Self::Branch(below) if below.is_empty() => {
                *place = Self::Leaf(value);
                Ok(())
            }
            Self::Branch(_) | Self::Leaf(_) => Err(both(name)),
        }
    }

    /// A text of the first level.
    pub fn leaf(&self, name: &str) -> Option<&str> {
        let Self::Branch(below) = self else { return None };
        if let Some(Self::Leaf(text)) = below.get(name) { Some(text) } else { None }
    }

    /// Whether any parameter is that text.
    pub fn names(&self, what: &str) -> bool {
        match self {
            Self::Leaf(text) => text == what,
            Self::Branch(below) => below.values().any(|node| node.names(what)),
        }
    }

    /// Takes a text out of the first level.
    pub fn take(&mut self, name: &str) -> Option<String> {
        let Self::Branch(below) = self else { return None };
        match below.remove(name) {
            Some(Self::Leaf(text)) => Some(text),
            Some(branch @ Self::Branch(_)) => {
                below.insert(name.to_owned(), branch);
                None
            }
            None => None,
        }
    }

    /// Leaves out of the first level what `keep` says no to.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        if let Self::Branch(below) = self {
            below.retain(|name, _| keep(name));
        }
    }

    /// The operation's parameters.
    ///
    /// # Errors
    /// What is wrong with them, by name.
    pub fn read<T: de::DeserializeOwned>(self) -> Result<T, Wrong> {
        T::deserialize(self)
    }

    fn text(self, wanted: &str) -> Result<String, Wrong> {
        match self {
            Self::Leaf(text) => Ok(text),
            Self::Branch(_) => Err(de::Error::custom(format!("{wanted} was expected, not parameters below it"))),
        }
    }

    /// The entries of a list, each under its number, in order. An empty text is an empty list: so botocore sends one.
    fn entries(self) -> Result<Vec<(String, Node)>, Wrong> {
        let mut below = match self {
            Self::Leaf(text) if text.is_empty() => return Ok(Vec::new()),
            Self::Leaf(_) => return Err(de::Error::custom("a numbered list was expected")),
            Self::Branch(below) => below,
        };
        let mut prefix = "";
        if below.len() == 1
            && let Some(Self::Branch(members)) = below.get_mut("member")
        {
            below = std::mem::take(members);
            prefix = "member.";
        }
        let mut entries = Vec::new();
        for (name, node) in below {
            let whole = format!("{prefix}{name}");
            match name.parse::<u32>() {
                Ok(number) => entries.push((number, whole, node)),
                Err(_) => return Err(Wrong::Unknown { path: whole }),
            }
        }
        entries.sort_by_key(|(number, _, _)| *number);
        Ok(entries.into_iter().map(|(_, name, node)| (name, node)).collect())
    }
}

fn both(name: &str) -> Wrong {
    Wrong::Invalid { path: name.to_owned(), why: "it is given twice, or as a text and as a group".into() }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $kind:ty),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
            let text = self.text("a number")?;
            let number: $kind = text.parse().map_err(|_| de::Error::custom(format!("'{text}' is not a number")))?;
            visitor.$visit(number)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Node {
    type Error = Wrong;

    numbers!(
        deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64,
        deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64,
        deserialize_f64 visit_f64 f64
    );

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_string(self.text("a text")?)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        let text = self.text("true or false")?;
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" => visitor.visit_bool(true),
            "false" | "0" => visitor.visit_bool(false),
            _ => Err(de::Error::custom(format!("'{text}' is neither true nor false"))),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_seq(List(self.entries()?.into_iter()))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        let below = match self {
            Self::Branch(below) => below,
            Self::Leaf(text) if text.is_empty() => BTreeMap::new(),
            Self::Leaf(_) => return Err(de::Error::custom("parameters below it were expected, not a text")),
        };
        if let Some(unknown) = below.keys().find(|name| !fields.contains(&name.as_str())) {
            return Err(Wrong::Unknown { path: unknown.clone() });
        }
        visitor.visit_map(Fields { left: below.into_iter(), next: None })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        choices: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        let text = self.text("a word")?;
        if !choices.contains(&text.as_str()) {
            return Err(de::Error::custom(format!("'{text}' is none of {}", choices.join(", "))));
        }
        let word: StringDeserializer<Wrong> = text.into_deserializer();
        visitor.visit_enum(word)
    }

    forward_to_deserialize_any! {
        i8 i16 i128 u8 u128 f32 char str string bytes byte_buf unit unit_struct tuple tuple_struct map identifier ignored_any
    }
}

struct List(std::vec::IntoIter<(String, Node)>);

impl<'de> de::SeqAccess<'de> for List {
    type Error = Wrong;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Wrong> {
        let Some((number, node)) = self.0.next() else { return Ok(None) };
        seed.deserialize(node).map(Some).map_err(|wrong| wrong.below(&number))
    }
}

struct Fields {
    left: std::collections::btree_map::IntoIter<String, Node>,
    next: Option<(String, Node)>,
}

impl<'de> de::MapAccess<'de> for Fields {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Wrong> {
        self.next = self.left.next();
        let Some((name, _)) = &self.next else { return Ok(None) };
        let name: StringDeserializer<Wrong> = name.clone().into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Wrong> {
        let Some((name, node)) = self.next.take() else { return Err(de::Error::custom("a value without a name")) };
        seed.deserialize(node).map_err(|wrong| wrong.below(&name))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Asked {
        name: String,
        max_results: Option<u32>,
        enabled: Option<bool>,
        #[serde(default)]
        filter: Vec<Filter>,
        #[serde(default)]
        ids: Vec<String>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Filter {
        name: String,
        #[serde(default)]
        value: Vec<String>,
    }

    fn read(pairs: &[(&str, &str)]) -> Result<Asked, Wrong> {
        Node::tree(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))?.read()
    }

    #[test]
    fn lists_of_structs_and_members_are_read_in_the_order_of_their_numbers() {
        let asked = read(&[
            ("Name", "a"),
            ("MaxResults", "10"),
            ("Enabled", "TRUE"),
            ("Filter.10.Name", "last"),
            ("Filter.2.Name", "vpc-id"),
            ("Filter.2.Value.1", "vpc-1"),
            ("Filter.2.Value.2", "vpc-2"),
            ("Ids.member.1", "x"),
        ])
        .unwrap();
        let first = Filter { name: "vpc-id".into(), value: vec!["vpc-1".into(), "vpc-2".into()] };
        let last = Filter { name: "last".into(), value: Vec::new() };
        assert_eq!((asked.filter, asked.ids), (vec![first, last], vec!["x".to_owned()]));
        assert_eq!((asked.max_results, asked.enabled), (Some(10), Some(true)));
    }

    #[test]
    fn an_empty_list_is_an_empty_text() {
        assert_eq!(read(&[("Name", "a"), ("Ids", "")]).unwrap().ids, Vec::<String>::new());
    }

    #[test]
    fn what_is_wrong_is_told_by_its_whole_name() {
        let wrong = |pairs: &[(&str, &str)]| read(pairs).unwrap_err().to_string();
        for (pairs, told) in [
            (&[("Name", "a"), ("Nmae", "b")][..], "The parameter Nmae is not modelled for this operation"),
            (&[("Name", "a"), ("Filter.1.Nme", "b")], "The parameter Filter.1.Nme is not modelled for this operation"),
            (
                &[("Name", "a"), ("Filter.member.1.Nme", "b")],
                "The parameter Filter.member.1.Nme is not modelled for this operation",
            ),
            (&[("Name", "a"), ("Filter.1.Value.1", "b")], "The request must contain the parameter Filter.1.Name"),
            (&[("MaxResults", "1")], "The request must contain the parameter Name"),
            (&[("Name", "a"), ("MaxResults", "b")], "Invalid value for the parameter MaxResults: 'b' is not a number"),
            (&[("Name", "a"), ("Filter.x.Name", "b")], "The parameter Filter.x is not modelled for this operation"),
            (
                &[("Name", "a"), ("Name.x", "b")],
                "Invalid value for the parameter Name.x: it is given twice, or as a text and as a group",
            ),
        ] {
            assert_eq!(wrong(pairs), told);
        }
    }

    #[test]
    fn there_is_a_bound_on_how_many_and_how_deep() {
        let many = (0..=PARAMETERS_MAX).map(|n| (format!("Ids.{n}"), String::new()));
        assert_eq!(Node::tree(many), Err(Wrong::TooMany));
        assert_eq!(Node::tree([("a.".repeat(50), String::new())]), Err(Wrong::TooMany));
        assert_eq!(Node::tree([("a".to_owned(), "b".repeat(VALUE_BYTES_MAX + 1))]), Err(Wrong::TooMany));
    }
}
