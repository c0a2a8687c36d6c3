//! A value that changes at known instants, some of them still ahead.
//!
//! It is what lets a state be computed from time instead of being ticked: `pending` now, `running` 17 s later.

use std::time::Duration;

/// Values by the instant from which they hold. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Timeline<T> {
    first: T,
    since: Duration,
    changes: Vec<(Duration, T)>,
}

impl<T: Copy + PartialEq> Timeline<T> {
    /// `value` from `since` on.
    pub fn new(since: Duration, value: T) -> Self {
        Self { first: value, since, changes: Vec::new() }
    }

    /// From `from` on it is `value`; what was planned for later no longer comes.
    pub fn set(&mut self, from: Duration, value: T) {
        self.changes.retain(|(at, _)| *at < from);
        self.changes.push((from, value));
    }

    /// The value at `at`.
    pub fn at(&self, at: Duration) -> T {
        self.entry(at).1
    }

    /// Since when it has had the value that it has at `at`.
    pub fn since(&self, at: Duration) -> Duration {
        self.entry(at).0
    }

    /// The first change after `after`.
    pub fn next_change(&self, after: Duration) -> Option<Duration> {
        self.changes.iter().map(|(at, _)| *at).find(|at| *at > after)
    }

    /// The first instant from which it is `value` for good, if its last value is that.
    pub fn settles_as(&self, value: T) -> Option<Duration> {
        let (at, last) = self.changes.last().copied().unwrap_or((self.since, self.first));
        (last == value).then_some(at)
    }

    fn entry(&self, at: Duration) -> (Duration, T) {
        self.changes.iter().rev().find(|(from, _)| *from <= at).copied().unwrap_or((self.since, self.first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn a_change_replaces_what_was_planned_for_later() {
        let mut line = Timeline::new(secs(0), 'p');
        line.set(secs(17), 'r');
        assert_eq!((line.at(secs(16)), line.at(secs(17))), ('p', 'r'));
        line.set(secs(5), 's');
        line.set(secs(9), 't');
        assert_eq!((line.at(secs(6)), line.at(secs(17)), line.since(secs(17))), ('s', 't', secs(9)));
        assert_eq!(
            (line.next_change(secs(5)), line.settles_as('t'), line.settles_as('r')),
            (Some(secs(9)), Some(secs(9)), None)
        );
    }
}
