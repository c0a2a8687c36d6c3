//! What is wrong with a document: where, what, and what to write instead; and how such places are written.

use std::collections::BTreeMap;
use std::fmt;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// Where, as in `spec.services[0].healthCheck.interval`; `document` for the whole.
    pub path: String,
    /// What is wrong there.
    pub wrong: String,
    /// What to write instead.
    pub instead: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.path, self.wrong, self.instead)
    }
}

/// All that is wrong with one document, gathered.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    found: Vec<Fault>,
    /// Those of rules that older versions did not have, each of a value that is usable all the same.
    newer: Vec<Fault>,
    /// Where the value could not be used, so that something stands in for it: no rule may judge the stand-in.
    unusable: Vec<String>,
    /// Texts that have another canonical form, as they were written.
    written: BTreeMap<String, String>,
}

impl Faults {
    /// Those found when the text was read.
    pub(crate) fn of(found: Vec<Fault>) -> Self {
        Self { found, ..Self::default() }
    }

    /// A fault of a value that is usable all the same.
    pub(crate) fn add(&mut self, path: impl Into<String>, wrong: impl Into<String>, instead: impl Into<String>) {
        self.found.push(Fault { path: path.into(), wrong: wrong.into(), instead: instead.into() });
    }

    /// A fault by a rule that came after a version was in use: an edit is refused by it, but a record that an older
    /// version took goes on as it is ([`crate::parse_accepted`]). The value must be usable all the same.
    pub(crate) fn add_newer(&mut self, path: impl Into<String>, wrong: impl Into<String>, instead: impl Into<String>) {
        self.newer.push(Fault { path: path.into(), wrong: wrong.into(), instead: instead.into() });
    }

    /// A fault of a value that cannot be used.
    pub(crate) fn add_unusable(&mut self, path: &str, wrong: impl Into<String>, instead: impl Into<String>) {
        self.unusable.push(path.to_owned());
        self.add(path, wrong, instead);
    }

    /// Whether what stands at `path`, and all in it, was written by the user and is usable.
    pub(crate) fn usable(&self, path: &str) -> bool {
        !self.unusable.iter().any(|bad| holds(bad, path) || holds(path, bad))
    }

    /// Notes that the usable text at `path` was written otherwise.
    pub(crate) fn note_written(&mut self, path: &str, text: &str) {
        self.written.insert(path.to_owned(), text.to_owned());
    }

    /// The value at `path` as the user wrote it, or as a default has it.
    pub(crate) fn as_written(&self, path: &str, value: impl fmt::Display) -> String {
        self.written.get(path).map_or_else(|| value.to_string(), |text| shown(text))
    }

    /// All of them, in the order of their paths.
    pub(crate) fn into_sorted(mut self) -> Vec<Fault> {
        self.found.append(&mut self.newer);
        self.found.sort();
        self.found
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty() && self.newer.is_empty()
    }

    /// Whether an older version found none either.
    pub(crate) fn are_newer(&self) -> bool {
        self.found.is_empty()
    }
}

/// Longer texts are cut in messages, so that each stays a line.
const SHOWN_CHARACTERS_MAX: usize = 60;

/// A user's text as it is shown: cut, and with control characters made visible.
pub(crate) fn shown(text: &str) -> String {
    let head: String = text.chars().take(SHOWN_CHARACTERS_MAX).collect();
    let more = if head.len() < text.len() { "..." } else { "" };
    format!("{}{more}", in_one_line(&head))
}

/// The text with its control characters made visible, so that it can neither break a line nor colour a terminal.
pub(crate) fn in_one_line(text: &str) -> String {
    let visible = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(visible).collect()
}

/// Whether `outer` is `inner` or one of the places around it.
fn holds(outer: &str, inner: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// The path of a field: `a.b`, or `a["b c"]` where the name is not a plain word.
pub(crate) fn field(path: &str, name: &str) -> String {
    let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    match (path, plain) {
        ("", true) => name.to_owned(),
        (_, true) => format!("{path}.{name}"),
        (_, false) => format!("{path}[\"{}\"]", shown(name)),
    }
}

/// The path of a list's entry: `a[0]`.
pub(crate) fn entry(path: &str, index: usize) -> String {
    format!("{path}[{index}]")
}
