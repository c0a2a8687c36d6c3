//! What was asked of the cloud and what came of it, for tests to compare runs by.
//!
//! In: every call and every creation and deletion. Out: a log, counts, and the distinct resources ever made and removed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::time::Duration;

use aws_api::Operation;

/// Entries that the log keeps; older ones are dropped, the counts stay.
const ENTRIES_MAX: usize = 200_000;

/// A kind of resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An instance.
    Instance,
    /// An EBS volume.
    Volume,
    /// A security group.
    SecurityGroup,
    /// A load balancer.
    LoadBalancer,
    /// A target group.
    TargetGroup,
    /// A listener.
    Listener,
}

/// Something that came or went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub kind: Kind,
    pub id: String,
    pub created: bool,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When it was sent, since the clock's epoch.
    pub at: Duration,
    /// Who sent it.
    pub client: String,
    /// What it was.
    pub operation: Operation,
    /// What it was about: an id, an ARN, or the name of what was to be made.
    pub resource: String,
    /// `ok`, AWS's error code, or what a fault did to it.
    pub outcome: String,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.at.as_secs_f64();
        write!(f, "{secs:12.3} {} {} {} {}", self.client, self.operation, self.resource, self.outcome)
    }
}

/// The log and the counts.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    entries: VecDeque<Entry>,
    calls: BTreeMap<Operation, u64>,
    created: BTreeMap<Kind, BTreeSet<String>>,
    deleted: BTreeMap<Kind, BTreeSet<String>>,
}

impl Ledger {
    pub(crate) fn record(&mut self, entry: Entry) {
        *self.calls.entry(entry.operation).or_default() += 1;
        if self.entries.len() == ENTRIES_MAX {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    pub(crate) fn absorb(&mut self, events: Vec<Event>) {
        for event in events {
            let side = if event.created { &mut self.created } else { &mut self.deleted };
            side.entry(event.kind).or_default().insert(event.id);
        }
    }

    /// The last calls, oldest first, in the order in which they ended.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Calls of that operation so far.
    pub fn calls(&self, operation: Operation) -> u64 {
        self.calls.get(&operation).copied().unwrap_or(0)
    }

    /// Calls that change something, so far.
    pub fn writes(&self) -> u64 {
        self.calls.iter().filter(|(operation, _)| operation.is_write()).map(|(_, count)| count).sum()
    }

    /// Calls that change nothing, so far.
    pub fn reads(&self) -> u64 {
        self.calls.iter().filter(|(operation, _)| !operation.is_write()).map(|(_, count)| count).sum()
    }

    /// Ids of everything of that kind that ever was made, by whomever.
    pub fn created(&self, kind: Kind) -> BTreeSet<String> {
        self.created.get(&kind).cloned().unwrap_or_default()
    }

    /// Ids of everything of that kind that ever was removed. An instance counts from its TerminateInstances on.
    pub fn deleted(&self, kind: Kind) -> BTreeSet<String> {
        self.deleted.get(&kind).cloned().unwrap_or_default()
    }

    /// How many of each kind were ever made and removed: what two runs should agree on.
    pub fn totals(&self) -> BTreeMap<Kind, (usize, usize)> {
        let kinds = self.created.keys().chain(self.deleted.keys()).copied().collect::<BTreeSet<_>>();
        let count = |side: &BTreeMap<Kind, BTreeSet<String>>, kind| side.get(&kind).map_or(0, BTreeSet::len);
        kinds.into_iter().map(|kind| (kind, (count(&self.created, kind), count(&self.deleted, kind)))).collect()
    }
}
