//! Reads documents from a file or stdin, and judges them together.
//!
//! Out: each valid document with its name, or every fault of all of them. A `List`, as `get` prints it, is taken for its
//! items, so that `get -o yaml | apply -f -` is no edit.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use crds_schema::read_documents;
use engine::items::SPEC;
use ports::Item;
use serde_json::{Map, Value, json};

use super::failure::{Complaint, Failure};

/// One valid document.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// `metadata.name`.
    pub name: String,
    /// As the user wrote it.
    written: Value,
}

/// Reads and validates every document of a file; `-` is stdin.
///
/// # Errors
/// Status 1: the file is missing or unreadable, is no YAML (with line and column), or has faults (every one of them).
pub fn read_file(path: &Path) -> Result<Vec<Document>, Failure> {
    let name = if path == Path::new("-") { "stdin".to_owned() } else { path.display().to_string() };
    let text = text_of(path).map_err(|error| {
        let instead = "name a file that can be read, or - for stdin";
        Failure::no(Complaint::new(&name, format!("cannot be read ({error})"), instead))
    })?;
    read_text(&name, &text)
}

/// The same, of a text from `name`.
///
/// # Errors
/// As [`read_file`].
pub fn read_text(name: &str, text: &str) -> Result<Vec<Document>, Failure> {
    let documents = read_documents(text).map_err(|unreadable| Failure::no(Complaint::saying(name, unreadable)))?;
    let placed = placed(documents);
    let mut complaints = Vec::new();
    let mut valid: Vec<Document> = Vec::new();
    let mut places: BTreeMap<String, String> = BTreeMap::new();
    for (place, document) in placed {
        let parsed = document.parse();
        let written = document.value;
        match parsed {
            Ok(environment) => {
                let name = environment.metadata.name;
                if let Some(earlier) = places.insert(name.clone(), place.clone()) {
                    let wrong = format!("`{name}` is the name of another document too ({})", earlier.trim_end());
                    complaints.push(Complaint::new(format!("{place}metadata.name"), wrong, "keep one of them"));
                }
                valid.push(Document { name, written });
            }
            Err(faults) => complaints.extend(faults.iter().map(|fault| Complaint::of_fault(&place, fault))),
        }
    }
    if complaints.is_empty() { Ok(valid) } else { Err(Failure::all_no(complaints)) }
}

fn text_of(path: &Path) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().read_to_end(&mut bytes)?;
    } else {
        std::fs::File::open(path)?.read_to_end(&mut bytes)?;
    }
    String::from_utf8(bytes).map_err(|_| std::io::Error::other("it is not UTF-8"))
}

/// Documents with where they stand: nothing for a single one, `document 2 ` for one of several. A List has been taken
/// apart when it was read.
fn placed(documents: Vec<crds_schema::Document>) -> Vec<(String, crds_schema::Document)> {
    let several = documents.len() > 1;
    let place = |nth: usize| if several { format!("document {nth} ") } else { String::new() };
    documents.into_iter().enumerate().map(|(i, document)| (place(i + 1), document)).collect()
}

impl Document {
    /// The SPEC item that it is stored as: what the user wrote, without status and what the server sets.
    pub fn item(&self) -> Item {
        let field = |name: &str| self.written.get(name).cloned().unwrap_or_default();
        let mut metadata = Map::from_iter([("name".to_owned(), json!(self.name))]);
        if let Some(labels) = labels(&self.written) {
            metadata.insert("labels".into(), labels.clone());
        }
        Map::from_iter([
            ("pk".to_owned(), json!(self.name)),
            ("sk".to_owned(), json!(SPEC)),
            ("apiVersion".to_owned(), field("apiVersion")),
            ("kind".to_owned(), field("kind")),
            ("metadata".to_owned(), metadata.into()),
            ("spec".to_owned(), field("spec")),
        ])
    }
}

/// The labels of a document or item; none and an empty map are the same.
pub fn labels(document: &Value) -> Option<&Value> {
    let labels = document.get("metadata")?.get("labels")?;
    labels.as_object().is_some_and(|map| !map.is_empty()).then_some(labels)
}
