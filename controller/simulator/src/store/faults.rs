//! What goes wrong between a client and the table: by hand, by plan, and for one answer among many.
//!
//! Never: decides when, or touches an item. See [`super::SimStore`].

use std::collections::{BTreeMap, BTreeSet};

use ports::{Item, Key, StoreError};

use super::failed;

/// What befalls one request to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreFault {
    /// Another transaction is said to touch an item at once. Nothing is written.
    Conflict,
    /// It takes effect, but the caller waits in vain.
    LostReply,
    /// It never arrives; the caller waits in vain.
    LostRequest,
    /// It is throttled. Nothing is written.
    Throttled,
    /// It fails. Nothing is written, but the caller cannot know.
    Failed,
    /// The index does not name one of those that it should name: a notice that is dropped.
    NameDropped,
    /// The index names one twice: a notice that is doubled.
    NameDoubled,
    /// Some of the keys are left unprocessed, and are asked for once more: what is read is of two instants.
    Unprocessed,
}

/// What is asked of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Write,
    Read,
    Batch,
    Index,
}

impl StoreFault {
    /// Whether it befalls what is asked of a partition, rather than of all of them at once.
    pub fn is_of_a_partition(self) -> bool {
        !matches!(self, Self::NameDropped | Self::NameDoubled)
    }

    /// Whether it can befall that request.
    pub(super) fn fits(self, asked: Asked) -> bool {
        match self {
            Self::NameDropped | Self::NameDoubled => asked == Asked::Index,
            Self::Unprocessed => asked == Asked::Batch,
            Self::Conflict | Self::LostReply | Self::LostRequest | Self::Throttled | Self::Failed => true,
        }
    }

    /// What it is counted as. A conflict is none that a read can have: it fails.
    pub(super) fn name(self, asked: Asked) -> String {
        let is_write = asked == Asked::Write;
        let what = match self {
            Self::Conflict if is_write => "conflict",
            Self::LostReply => "reply lost",
            Self::LostRequest => "request lost",
            Self::Throttled => "throttled",
            Self::Conflict | Self::Failed => "failed",
            Self::NameDropped => return "table notice: dropped".to_owned(),
            Self::NameDoubled => return "table notice: doubled".to_owned(),
            Self::Unprocessed => return "table batch: keys unprocessed".to_owned(),
        };
        format!("table {}: {what}", if is_write { "write" } else { "read" })
    }
}

/// How one answer among many to whoever watches the table (an index, or a batch of records) is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Notice {
    /// As it was when they began to be counted.
    Old,
    /// Empty.
    Dropped,
    /// Not at all.
    Fails,
}

/// Counts what a watch asks, and answers one of it otherwise.
pub(super) struct Notices {
    pub asked: u64,
    armed: Option<(u64, Notice)>,
    /// Whether a key is one that the watch asks for; a batch of others is none of its.
    watches: fn(&Key) -> bool,
    /// The table as it was at the beginning.
    items: BTreeMap<Key, Item>,
}

impl Default for Notices {
    fn default() -> Self {
        Self::new(None, |_| false, BTreeMap::new())
    }
}

impl Notices {
    pub fn new(armed: Option<(u64, Notice)>, watches: fn(&Key) -> bool, items: BTreeMap<Key, Item>) -> Self {
        Self { asked: 0, armed, watches, items }
    }

    fn next(&mut self) -> Option<Notice> {
        self.asked += 1;
        self.armed.filter(|(number, _)| *number == self.asked).map(|(_, notice)| notice)
    }

    /// The answer to an index query, if it is the one.
    pub fn names(&mut self, kind: &str) -> Option<Result<Vec<String>, StoreError>> {
        let answer = match self.next()? {
            Notice::Old => {
                let named = self.items.iter().filter(|(_, item)| item.get("kind").is_some_and(|of| of == kind));
                let names: BTreeSet<String> = named.map(|(key, _)| key.pk.clone()).collect();
                Ok(names.into_iter().collect())
            }
            Notice::Dropped => Ok(Vec::new()),
            Notice::Fails => Err(failed("Query", "InternalServerError")),
        };
        Some(answer)
    }

    /// The answer to a batch, if it is the one.
    pub fn items(&mut self, keys: &BTreeSet<&Key>) -> Option<Result<Vec<Item>, StoreError>> {
        if !keys.iter().all(|key| (self.watches)(key)) {
            return None;
        }
        let answer = match self.next()? {
            Notice::Old => Ok(keys.iter().filter_map(|key| self.items.get(*key).cloned()).collect()),
            Notice::Dropped => Ok(Vec::new()),
            Notice::Fails => Err(failed("BatchGetItem", "InternalServerError")),
        };
        Some(answer)
    }
}

/// A fault to come.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    pub fault: StoreFault,
    /// Only of a request that touches this partition; absent: of any.
    pub of: Option<String>,
}
