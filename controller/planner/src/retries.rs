//! When what failed is tried again: soon where AWS gets there by itself, rarely where somebody has to do something.
//!
//! A failure belongs to an action and to the resource that it is done to, so that what is made anew starts afresh. It is
//! kept while the same is planned. Never: decides whether something is planned.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::memory::later;
use crate::reason::Why;
use crate::subject::Attempt;

/// First pause after a failure that passes by itself; each further one doubles it.
pub const RETRY_FIRST: Duration = Duration::from_secs(2);
/// Longest pause after such a failure.
pub const RETRY_MAX: Duration = Duration::from_secs(120);
/// Longest pause while AWS only lags behind what we did: releasing the interfaces of a load balancer takes it minutes.
pub const LAG_RETRY_MAX: Duration = Duration::from_secs(30);
/// First pause after a refusal that only somebody's act can change.
pub const REFUSED_FIRST: Duration = Duration::from_secs(120);
/// Longest pause after such a refusal. An edit of the record ends it at once.
pub const REFUSED_MAX: Duration = Duration::from_secs(1800);

/// How soon it is worth asking again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// It passes by itself: throttling, an outage, a state on its way.
    Quick,
    /// AWS has yet to catch up with what we did a moment ago.
    Lagging,
    /// It stays so until somebody does something.
    Refused,
}

impl Pace {
    fn pauses(self) -> (Duration, Duration) {
        match self {
            Self::Quick => (RETRY_FIRST, RETRY_MAX),
            Self::Lagging => (RETRY_FIRST, LAG_RETRY_MAX),
            Self::Refused => (REFUSED_FIRST, REFUSED_MAX),
        }
    }
}

/// An action that failed, and when it may be tried again.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// How often in a row, at this pace.
    pub times: u32,
    /// When it may be tried again.
    pub retry_at: Timestamp,
    /// At which pace.
    pub pace: Pace,
    /// AWS's code, by which the same refusal is known again.
    pub code: Option<String>,
    /// What to tell the user.
    pub why: Why,
}

/// What failed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Retries {
    failures: BTreeMap<Attempt, Failure>,
    /// The edit, and whether it is being deleted, for which the failures were earned.
    asked: Option<(u64, bool)>,
}

impl Retries {
    /// Notes that an action failed. Returns how it is told: a refusal that only differs in what AWS draws anew for each
    /// answer (an encoded message of a denial) is told in the words of the first.
    pub fn failed(&mut self, attempt: Attempt, pace: Pace, code: Option<String>, why: Why, now: Timestamp) -> Why {
        let before = self.failures.get(&attempt);
        let times = before.filter(|failure| failure.pace == pace).map_or(0, |failure| failure.times).saturating_add(1);
        let same = before.filter(|failure| {
            failure.code == code
                && failure.why.reason == why.reason
                && why.reason == crate::reason::Reason::ActionDenied
        });
        let why = same.map_or(why, |failure| failure.why.clone());
        let (first, most) = pace.pauses();
        let pause = first.saturating_mul(1 << (times - 1).min(10)).min(most);
        let failure = Failure { times, retry_at: later(now, pause), pace, code, why: why.clone() };
        self.failures.insert(attempt, failure);
        why
    }

    /// Notes that it succeeded.
    pub fn succeeded(&mut self, attempt: &Attempt) {
        self.failures.remove(attempt);
    }

    /// Keeps only the failures of what is still planned.
    pub fn keep(&mut self, planned: impl Fn(&Attempt) -> bool) {
        self.failures.retain(|attempt, _| planned(attempt));
    }

    /// Nobody holds a resource any more: what was refused of it is tried at once.
    pub(crate) fn released(&mut self, resource: &str) {
        self.failures.retain(|attempt, failure| attempt.on != resource || failure.pace != Pace::Refused);
    }

    /// An edit, or a delete, is somebody's act: what was refused before it is tried at once.
    pub fn asked_for(&mut self, generation: u64, deleting: bool) {
        let asked = Some((generation, deleting));
        if self.asked.is_some() && self.asked != asked {
            self.failures.retain(|_, failure| failure.pace != Pace::Refused);
        }
        self.asked = asked;
    }

    /// Replaces the name of something that was being made by the id that it has now.
    pub(crate) fn rename(&mut self, from: &str, to: &str) {
        self.failures = std::mem::take(&mut self.failures)
            .into_iter()
            .map(|(attempt, failure)| (Attempt { on: attempt.on.replace(from, to), ..attempt }, failure))
            .collect();
    }

    /// Every failure that stands.
    pub fn all(&self) -> impl Iterator<Item = (&Attempt, &Failure)> {
        self.failures.iter()
    }
}
