//! Calls that set many things at once: AWS refuses all of them for one. What was refused is divided, so that what can be set
//! is set, and what cannot stands alone with AWS's words.
//!
//! In: what a call was to set, and whether such a call was refused before. Out: the parts to send, each an action of its own
//! with a pause of its own. Never: decides what is set.

use std::collections::BTreeMap;

use aws_api::{ErrorKind, Write};

use crate::outcome::Fault;
use crate::subject::Attempt;

/// How far a batch is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Division {
    /// What AWS judges together stays together.
    Related,
    /// Each by itself.
    Each,
}

/// Batches that were refused, by the action that sent them and what it was done to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batches(BTreeMap<Attempt, Division>);

/// The end of the name of an action that sets what belongs together.
const RELATED: &str = "/related";

/// One action of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part<K> {
    /// Its name.
    pub id: String,
    /// What it sets.
    pub keys: Vec<K>,
    /// Whether it is what is left of a batch that was refused.
    pub divided: bool,
}

impl Batches {
    /// Notes that a call was refused. Only what AWS says of the request divides it: credentials and outages spare none.
    pub(crate) fn refused(&mut self, attempt: &Attempt, write: &Write, fault: &Fault) {
        let of_one = match fault.kind {
            ErrorKind::Invalid | ErrorKind::NotFound | ErrorKind::Capacity | ErrorKind::Conflict => true,
            ErrorKind::Throttled | ErrorKind::Exists | ErrorKind::Denied | ErrorKind::Transient | ErrorKind::Bug => {
                false
            }
        };
        if !of_one || !fault.definite || write.divisible_into() < 2 {
            return;
        }
        let (base, division) = match attempt.action.0.strip_suffix(RELATED) {
            Some(base) => (base.to_owned(), Division::Each),
            None => (attempt.action.0.clone(), Division::Related),
        };
        let attempt = Attempt { action: aws_api::ActionId(base), on: write.target() };
        let before = self.0.get(&attempt).copied();
        self.0.insert(attempt, before.map_or(division, |before| before.max(division)));
    }

    /// The actions that set `keys`; `related` says what AWS judges together. Nothing to set: nothing stands in the way any
    /// more, and the next batch is sent whole.
    pub(crate) fn parts<K: Clone + ToString>(
        &mut self,
        base: &str,
        on: &str,
        keys: Vec<K>,
        related: impl Fn(&K) -> bool,
    ) -> Vec<Part<K>> {
        let attempt = Attempt { action: aws_api::ActionId(base.to_owned()), on: on.to_owned() };
        if keys.is_empty() {
            self.0.remove(&attempt);
            return Vec::new();
        }
        let Some(division) = self.0.get(&attempt) else {
            return vec![Part { id: base.to_owned(), keys, divided: false }];
        };
        let stays = |key: &K| *division == Division::Related && related(key);
        let (together, apart): (Vec<K>, Vec<K>) = keys.into_iter().partition(stays);
        let (together, apart) =
            if together.len() > 1 { (together, apart) } else { (Vec::new(), [apart, together].concat()) };
        let related =
            (!together.is_empty()).then(|| Part { id: format!("{base}{RELATED}"), keys: together, divided: true });
        let each = apart.into_iter().map(|key| Part {
            id: format!("{base}/{}", key.to_string()),
            keys: vec![key],
            divided: true,
        });
        related.into_iter().chain(each).collect()
    }

    /// Forgets the batches of what is gone.
    pub(crate) fn forget(&mut self, parent: &str) {
        self.0.retain(|attempt, _| attempt.on != parent);
    }
}
