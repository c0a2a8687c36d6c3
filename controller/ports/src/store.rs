//! The record store, as the loop sees it: items of one DynamoDB table, with conditions.
//!
//! `understudy` implements it over aws-sdk-dynamodb, `simulator` over a map. What the items mean is known above it
//! (`record`, `journal`, `lease`), written once over either. All reads but [`RecordStore::by_kind`] are strongly consistent.

use futures::future::LocalBoxFuture;
use serde_json::{Map, Value};

/// An item, `pk` and `sk` included. Numbers, strings, booleans, null, lists and maps: native DynamoDB types, no sets.
pub type Item = Map<String, Value>;

/// The key of an item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Partition key: the environment's name, or `_controller`.
    pub pk: String,
    /// Sort key, such as `SPEC`.
    pub sk: String,
}

impl Key {
    /// That key.
    pub fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }
}

/// What must hold of an item for a write to go through.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// The item exists.
    Exists,
    /// The item does not exist.
    Absent,
    /// The item's attribute equals the value; maps and lists by content.
    Equals(String, Value),
    /// The item has no such attribute.
    Lacks(String),
}

/// One part of a transaction. All conditions of a part must hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Writes the whole item.
    Put(Item, Vec<Condition>),
    /// Removes the item; one that is not there is no error.
    Delete(Key, Vec<Condition>),
    /// Only checks.
    Check(Key, Vec<Condition>),
}

impl Change {
    /// The partition that it is of.
    pub fn pk(&self) -> &str {
        match self {
            Self::Put(item, _) => item.get("pk").and_then(Value::as_str).unwrap_or_default(),
            Self::Delete(key, _) | Self::Check(key, _) => &key.pk,
        }
    }
}

/// Which items of a partition, in the order of their sort keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The partition.
    pub pk: String,
    /// What their sort keys begin with.
    pub prefix: String,
    /// The last first.
    pub descending: bool,
    /// At most so many; absent: all.
    pub limit: Option<usize>,
}

/// Why the store did not answer or did not write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Conditions of the parts at these places did not hold; nothing was written.
    #[error("the record changed meanwhile (parts {failed:?} of the write)")]
    ConditionFailed {
        /// Places of the parts, from 0.
        failed: Vec<usize>,
    },
    /// Another transaction touched an item at the same time; nothing was written; try again.
    #[error("another write touched the record at the same time")]
    TransactionConflict,
    /// The table does not exist.
    #[error("table {table} does not exist; run `understudy bootstrap`")]
    TableMissing {
        /// Its name.
        table: String,
    },
    /// Credentials or permissions.
    #[error("{action} on {resource} was denied: {message}")]
    Denied {
        /// The IAM action.
        action: String,
        /// On what.
        resource: String,
        /// AWS's code, which tells a permission that is lacking from credentials that are no good.
        code: String,
        /// AWS's words, the code first.
        message: String,
    },
    /// No credentials were found.
    #[error("no AWS credentials were found: {message}")]
    NoCredentials {
        /// What was tried.
        message: String,
    },
    /// The endpoint did not answer.
    #[error("{endpoint} did not answer: {message}")]
    Unanswered {
        /// Where it was sent.
        endpoint: String,
        /// The transport's words.
        message: String,
        /// What was sent there.
        sent: Sent,
    },
    /// Too many requests; a write did not go through.
    #[error("the record store is throttled: {message}")]
    Throttled {
        /// AWS's words.
        message: String,
    },
    /// Anything else; a write may have gone through.
    #[error("{operation} failed: {message}")]
    Failed {
        /// The DynamoDB operation.
        operation: String,
        /// AWS's words.
        message: String,
    },
}

/// What was sent to an endpoint that did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// Nothing: there was no connection.
    Nothing,
    /// A read, which changes nothing.
    Read,
    /// A write, which may have gone through.
    Write,
}

/// One DynamoDB table.
pub trait RecordStore {
    /// The item of that key.
    fn get<'a>(&'a self, key: &'a Key) -> LocalBoxFuture<'a, Result<Option<Item>, StoreError>>;

    /// The items of these keys that exist, in no order. Keys that DynamoDB leaves unprocessed are asked again, never
    /// taken for absent.
    fn get_many<'a>(&'a self, keys: &'a [Key]) -> LocalBoxFuture<'a, Result<Vec<Item>, StoreError>>;

    /// The items of a partition. All pages of it.
    fn query<'a>(&'a self, query: &'a Query) -> LocalBoxFuture<'a, Result<Vec<Item>, StoreError>>;

    /// The partitions with an item whose `kind` attribute is this, by the index `by-kind`: eventually consistent.
    fn by_kind<'a>(&'a self, kind: &'a str) -> LocalBoxFuture<'a, Result<Vec<String>, StoreError>>;

    /// All of these changes or none, at most 100. One change is an ordinary conditional write, several are a transaction.
    ///
    /// Not idempotent by itself: after [`StoreError::Unanswered`] read again before trying again.
    fn write<'a>(&'a self, changes: Vec<Change>) -> LocalBoxFuture<'a, Result<(), StoreError>>;
}
