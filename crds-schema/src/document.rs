//! Reads YAML (and so JSON) into documents, and bounds what a file may cost.
//!
//! In: a file's text, with one or several `---` documents. Out: each as a map, or where and why it is unreadable.
//! Never: knows a field; that is [`crate::validate`]. Limits are on bytes, nodes, depth and what aliases expand to.

use serde_json::Value;
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::options::DuplicateKeyPolicy;
use serde_saphyr::{Error, Location, MessageFormatter as _, Spanned, UserMessageFormatter};

use crate::fault::{in_one_line, shown};

/// A DynamoDB item holds 400 KB, so one document does not need more; a file may hold several.
const BYTES_MAX: usize = 1 << 20;
const NODES_MAX: usize = 50_000;
const DEPTH_MAX: usize = 64;
const DOCUMENTS_MAX: usize = 100;
/// Aliases are for a few repeated lines.
const ALIASES_MAX: usize = 100;
const REPLAYED_EVENTS_MAX: usize = 10_000;

/// Why a text could not be read as documents.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct UnreadableYaml {
    /// Line, from 1.
    pub line: u64,
    /// Column, from 1.
    pub column: u64,
    /// What is wrong there, and what to write instead.
    pub message: String,
}

impl UnreadableYaml {
    fn at(line: u64, column: u64, message: impl Into<String>) -> Self {
        Self { line: line.max(1), column: column.max(1), message: message.into() }
    }
}

/// Reads every document of `text`; empty ones between `---` lines are passed over, and a `kind: List` is its items.
///
/// # Errors
/// Text that is not YAML, holds a key twice, goes beyond the limits, or has no document or one that is not a map.
pub fn read_documents(text: &str) -> Result<Vec<Value>, UnreadableYaml> {
    if text.len() > BYTES_MAX {
        let message = format!("the file has {} bytes; at most {BYTES_MAX} are read, so split it", text.len());
        return Err(UnreadableYaml::at(1, 1, message));
    }
    let documents: Vec<Spanned<Value>> =
        serde_saphyr::from_multiple_with_options(text, options()).map_err(|error| unreadable(&error))?;
    if documents.is_empty() {
        let message = "the file is empty; write a StagingEnvironment (`understudy schema` describes it)";
        return Err(UnreadableYaml::at(1, 1, message));
    }
    let items = documents.into_iter().flat_map(|Spanned { value, referenced, .. }| {
        items(value).into_iter().map(move |item| require_map(item, referenced))
    });
    items.collect()
}

fn require_map(item: Value, at: Location) -> Result<Value, UnreadableYaml> {
    let kind = match item {
        Value::Object(_) => return Ok(item),
        Value::Array(_) => "a list",
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => "a single value",
    };
    let message =
        format!("the document is {kind}; write a map that begins with `apiVersion:`, and `---` between several");
    Err(UnreadableYaml::at(at.line(), at.column(), message))
}

/// What `get -o yaml` writes for several environments, `kind: List`, stands for its items.
fn items(mut document: Value) -> Vec<Value> {
    if document.get("kind").is_some_and(|kind| kind == "List")
        && let Some(Value::Array(items)) = document.get_mut("items")
    {
        return std::mem::take(items);
    }
    vec![document]
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_nodes: NODES_MAX,
            max_events: 4 * NODES_MAX,
            max_depth: DEPTH_MAX,
            max_documents: DOCUMENTS_MAX,
            max_aliases: ALIASES_MAX,
            max_anchors: ALIASES_MAX,
            max_total_scalar_bytes: BYTES_MAX,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: REPLAYED_EVENTS_MAX,
        },
        duplicate_keys: DuplicateKeyPolicy::Error,
        // YAML 1.2: `on` and `no` are texts; only true and false are booleans.
        strict_booleans: true,
        with_snippet: false,
    }
}

fn unreadable(error: &Error) -> UnreadableYaml {
    let (line, column) = error.location().map_or((1, 1), |at| (at.line(), at.column()));
    let mut cause = error;
    while let Error::AliasError { error, .. } = cause {
        cause = error;
    }
    let message = if let Error::DuplicateMappingKey { key, .. } = cause {
        format!("the key `{}` stands twice in this map; keep one", shown(key.as_deref().unwrap_or_default()))
    } else if let Error::AliasReplayLimitExceeded { .. } = cause {
        format!("the aliases expand to more than {REPLAYED_EVENTS_MAX} values; write the lines out instead")
    } else if let Error::Budget { breach, .. } = cause {
        beyond(breach)
    } else {
        let words = UserMessageFormatter.format_message(cause);
        format!("{}; correct the YAML there", in_one_line(&words))
    };
    UnreadableYaml::at(line, column, message)
}

fn beyond(breach: &BudgetBreach) -> String {
    if let BudgetBreach::Depth { .. } = breach {
        format!("nested deeper than {DEPTH_MAX} levels; a record has less than ten")
    } else if let BudgetBreach::Documents { .. } = breach {
        format!("more than {DOCUMENTS_MAX} documents; split the file")
    } else if let BudgetBreach::Aliases { .. } | BudgetBreach::Anchors { .. } | BudgetBreach::AliasAnchorRatio { .. } =
        breach
    {
        format!("more than {ALIASES_MAX} anchors or aliases; write the lines out instead")
    } else {
        format!("more than {NODES_MAX} values; split the file")
    }
}
