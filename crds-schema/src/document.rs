//! Reads YAML (and so JSON) into documents, and bounds what a file may cost.
//!
//! In: a file's text, with one or several `---` documents. Out: each as a map, with how it was written
//! ([`crate::written`]), or where and why the text is unreadable.
//! Never: knows a field; that is [`crate::validate`]. Limits are on bytes, nodes, depth and what aliases expand to.

use serde_json::Value;
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Error, Location, MessageFormatter as _, Spanned, UserMessageFormatter};

use crate::fault::{Fault, in_one_line};
use crate::spec::StagingEnvironment;
use crate::written::{Tree, Written, document};

/// A DynamoDB item holds 400 KB, so one document does not need more; a file may hold several.
const BYTES_MAX: usize = 1 << 20;
const NODES_MAX: usize = 50_000;
/// Each level costs tens of kilobytes of stack while it is read, in a build without optimisation.
const DEPTH_MAX: usize = 24;
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

/// One document as it was read. Its value is the record; what the value does not tell (that a number was written `0x1F`,
/// that a key stands twice) is kept beside it, for [`Document::parse`] to judge and to quote.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The document. A number that JSON cannot hold is a text here, and refused by [`Document::parse`].
    pub value: Value,
    written: Written,
}

impl Document {
    /// Parses and validates it.
    ///
    /// # Errors
    /// As [`crate::parse`], and each key that stands twice.
    pub fn parse(&self) -> Result<StagingEnvironment, Vec<Fault>> {
        crate::validate::parse_written(&self.value, &self.written)
    }
}

impl PartialEq<Value> for Document {
    fn eq(&self, value: &Value) -> bool {
        self.value == *value && self.written.twice.is_empty()
    }
}

/// Reads every document of `text`; empty ones between `---` lines are passed over, and a `kind: List` is its items.
///
/// # Errors
/// Text that is not YAML, goes beyond the limits, or has no document or one that is not a map.
pub fn read_documents(text: &str) -> Result<Vec<Document>, UnreadableYaml> {
    if text.len() > BYTES_MAX {
        let message = format!("the file has {} bytes; at most {BYTES_MAX} are read, so split it", text.len());
        return Err(UnreadableYaml::at(1, 1, message));
    }
    let documents: Vec<Spanned<Tree>> =
        serde_saphyr::from_multiple_with_options(text, options()).map_err(|error| unreadable(&error))?;
    if documents.is_empty() {
        let message = "the file is empty; write a StagingEnvironment (`understudy schema` describes it)";
        return Err(UnreadableYaml::at(1, 1, message));
    }
    let items = documents.into_iter().flat_map(|root| {
        let at = root.referenced;
        items(root).into_iter().map(move |item| require_map(text, item, at))
    });
    items.collect()
}

fn require_map(text: &str, item: Spanned<Tree>, at: Location) -> Result<Document, UnreadableYaml> {
    let kind = match item.value {
        Tree::Map(_) => {
            let (value, written) = document(text, item);
            return Ok(Document { value, written });
        }
        Tree::List(_) => "a list",
        Tree::Scalar(_) | Tree::NotFinite => "a single value",
    };
    let message =
        format!("the document is {kind}; write a map that begins with `apiVersion:`, and `---` between several");
    Err(UnreadableYaml::at(at.line(), at.column(), message))
}

/// What `get -o yaml` writes for several environments, `kind: List`, stands for its items.
fn items(mut root: Spanned<Tree>) -> Vec<Spanned<Tree>> {
    if let Tree::Map(fields) = &mut root.value {
        let is_list = |(name, kind): &(Spanned<String>, Spanned<Tree>)| {
            name.value == "kind" && matches!(&kind.value, Tree::Scalar(kind) if kind == "List")
        };
        let is_list = fields.iter().any(is_list);
        let items = fields.iter_mut().find(|(name, _)| is_list && name.value == "items");
        if let Some((_, Spanned { value: Tree::List(items), .. })) = items {
            return std::mem::take(items);
        }
    }
    vec![root]
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
        // Both are faults of one place, told by its path with all the others: [`crate::written`] finds them.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
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
    let message = if let Error::AliasReplayLimitExceeded { .. } = cause {
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
