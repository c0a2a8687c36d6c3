//! Room in the sets that AWS bounds: what goes first so that what is missing goes in.
//!
//! Where all that is missing fits, it goes in before anything comes out, so that an edit never closes what stays open.
//! Where it does not, just enough of what is not wanted comes out first, or nothing would ever change. The bounds stand in
//! [`crds_schema::limits`]; that an account's is lower is learned from AWS's refusal.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_api::Write;
use aws_api::ec2::{Direction, Peer, Rule};
use crds_schema::limits::RuleCount;
use jiff::Timestamp;

use crate::memory::elapsed;

/// How long it is remembered that AWS refused more. A quota that was raised meanwhile is used again after that.
pub const FULL_FOR: Duration = Duration::from_secs(3600);

/// How much something takes of a bound. AWS counts rules of the two address families apart; all else counts once.
pub(crate) type Weight = [usize; 2];

/// What one of a set takes that is counted once.
pub(crate) const ONE: Weight = [1, 0];

/// What a rule takes: a range of its family, a reference to a group or a prefix list of both.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html#security-group-size>
pub(crate) fn weight(rule: &Rule) -> Weight {
    let count = match &rule.peer {
        Peer::Cidr(range) => RuleCount::of_range(range.is_ipv6()),
        Peer::Group(_) => RuleCount::of_group(),
        // How many entries a list may hold is not known here: if it does not fit, AWS says so.
        Peer::PrefixList(_) => RuleCount::of_prefix_list(1),
    };
    [count.ipv4, count.ipv6]
}

/// What all of them take.
pub(crate) fn sum(all: impl IntoIterator<Item = Weight>) -> Weight {
    all.into_iter().fold([0, 0], |[a, b], [c, d]| [a + c, b + d])
}

/// What is left of a bound.
pub(crate) fn left(bound: usize, used: Weight) -> Weight {
    used.map(|used| bound.saturating_sub(used))
}

/// Which of `candidates`, in their order, go first so that what is missing fits into the room that is left: just enough.
pub(crate) fn goes_first<T: Clone>(
    room: Weight,
    missing: Weight,
    candidates: &[T],
    weigh: impl Fn(&T) -> Weight,
) -> Vec<T> {
    let mut lacking = [missing[0].saturating_sub(room[0]), missing[1].saturating_sub(room[1])];
    let mut first = Vec::new();
    for candidate in candidates {
        let weight = weigh(candidate);
        if (0..2).any(|family| lacking[family] > 0 && weight[family] > 0) {
            lacking = [lacking[0].saturating_sub(weight[0]), lacking[1].saturating_sub(weight[1])];
            first.push(candidate.clone());
        }
    }
    first
}

/// Sets that AWS has refused to take more of.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Full(BTreeMap<String, Timestamp>);

impl Full {
    /// Notes what AWS's refusal of a call says of the set that it was to add to.
    pub(crate) fn note(&mut self, write: &Write, code: &str, now: Timestamp) {
        let is_full = matches!(
            code,
            "RulesPerSecurityGroupLimitExceeded"
                | "TooManyListeners"
                | "TooManyTargets"
                | "TooManyTags"
                | "TagLimitExceeded"
        );
        if let (true, Some(set)) = (is_full, write.adds_to()) {
            self.0.insert(set, now);
        }
    }

    /// Whether AWS refused to take more into that set, a short time ago.
    pub(crate) fn holds(&self, set: &str, now: Timestamp) -> bool {
        self.0.get(set).is_some_and(|at| elapsed(*at, now) < FULL_FOR)
    }

    /// Forgets the sets of what is gone.
    pub(crate) fn forget(&mut self, parent: &str) {
        self.0.retain(|set, _| !set.starts_with(parent));
    }
}

/// The rules of one direction of a group, as the memory names them.
pub(crate) fn rules_of(group: &str, direction: Direction) -> String {
    format!("{group}/{}", direction.word())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn just_enough_goes_first_and_what_frees_nothing_that_is_lacking_stays() {
        let candidates = [("six", [0, 1]), ("both", [1, 1]), ("four", [1, 0])];
        let first = |room, missing| {
            let all = goes_first(room, missing, &candidates, |(_, weight)| *weight);
            all.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_eq!(first([2, 2], [2, 2]), [""; 0], "all of it fits");
        assert_eq!(first([0, 9], [1, 0]), ["both"]);
        assert_eq!(first([0, 9], [2, 0]), ["both", "four"]);
        assert_eq!(first([9, 0], [0, 1]), ["six"]);
        assert_eq!(first([0, 0], [9, 9]), ["six", "both", "four"], "all that may go");
    }
}
