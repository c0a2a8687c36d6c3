//! Which environment is looked at next: keys with a due time, never a payload.
//!
//! A key stands in the queue once; the earlier due time wins. One that is being worked on is not handed out again
//! before [`WorkQueue::done`]; what is added meanwhile makes it due once more. First due, first served, but that edits come
//! before what is under way, and that before mere resyncs, by a head start each: so the urgent waits for few, and nobody
//! for ever. Of equals, the first added.
//! Never: reads a clock, waits, or wakes anybody: the caller sleeps until [`WorkQueue::next_due`].

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Most keys at once. A table with more environments needs more controllers, not a longer queue.
pub const KEYS_MAX: usize = 10_000;

/// What made a key due. It decides who is served first, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trigger {
    /// The controller began to lead, and looks at everything once.
    Start,
    /// Its SPEC or DELETION appeared, changed or vanished.
    Edit,
    /// Its last pass asked for another one soon.
    Requeue,
    /// Its last pass could not be completed.
    Retry,
    /// It was quiet for the resync interval.
    Resync,
}

impl Trigger {
    /// How long later than it is due it is served, where others are due as well.
    fn lag(self) -> Duration {
        match self {
            Self::Edit => Duration::ZERO,
            Self::Start | Self::Requeue | Self::Retry => Duration::from_secs(20),
            // Not much more: what is under way asks again every few seconds, and must not keep the quiet from being seen.
            Self::Resync => Duration::from_secs(30),
        }
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "start",
            Self::Edit => "edit",
            Self::Requeue => "requeue",
            Self::Retry => "retry",
            Self::Resync => "resync",
        })
    }
}

/// The queue is full; the key was not added. It is found again by a later poll or resync.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the work queue holds {KEYS_MAX} keys and takes no more")]
pub struct Full;

/// When a key is due, and when it is served among others: as early as anything that made it due lets it be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Due {
    at: Duration,
    served: (Duration, u64),
    /// What lets it be served then.
    trigger: Trigger,
}

impl Due {
    /// Due for both. An edit of what is overdue already still comes before the resyncs of others.
    fn and(self, other: Self) -> Self {
        let first = if other.served < self.served { other } else { self };
        Self { at: self.at.min(other.at), ..first }
    }
}

/// What is known of a key.
#[derive(Debug)]
enum Entry {
    Waiting(Due),
    /// Handed out; and when it is due once more, if it was added meanwhile.
    Taken(Option<Due>),
}

/// The queue.
#[derive(Debug, Default)]
pub struct WorkQueue {
    entries: BTreeMap<String, Entry>,
    added: u64,
}

impl WorkQueue {
    /// Makes `key` due at `at`, or leaves it due earlier if it is.
    ///
    /// # Errors
    /// [`Full`] when the key is new and there is no room.
    pub fn add(&mut self, key: &str, at: Duration, trigger: Trigger) -> Result<(), Full> {
        let due = self.due(at, trigger);
        let is_full = self.entries.len() >= KEYS_MAX;
        match self.entries.get_mut(key) {
            Some(Entry::Waiting(standing)) => *standing = due.and(*standing),
            Some(Entry::Taken(again)) => *again = Some(again.map_or(due, |standing| due.and(standing))),
            None if is_full => return Err(Full),
            None => {
                self.entries.insert(key.to_owned(), Entry::Waiting(due));
            }
        }
        Ok(())
    }

    /// The keys that are due at `now`, in the order of service.
    pub fn due_at(&self, now: Duration) -> Vec<String> {
        let mut due: Vec<(Due, &str)> = self.waiting().filter(|(due, _)| due.at <= now).collect();
        due.sort_by_key(|(due, _)| due.served);
        due.into_iter().map(|(_, key)| key.to_owned()).collect()
    }

    /// Hands out a key that waits, and says when it was due and why. [`Self::done`] must follow.
    pub fn take(&mut self, key: &str) -> Option<(Duration, Trigger)> {
        let entry = self.entries.get_mut(key)?;
        let Entry::Waiting(due) = *entry else { return None };
        *entry = Entry::Taken(None);
        Some((due.at, due.trigger))
    }

    /// Takes back a key that was handed out: it is due again at `next`, or earlier if it was added meanwhile; without
    /// either it leaves the queue.
    pub fn done(&mut self, key: &str, next: Option<(Duration, Trigger)>) {
        let next = next.map(|(at, trigger)| self.due(at, trigger));
        let again = match self.entries.remove(key) {
            Some(Entry::Taken(again)) => again,
            Some(Entry::Waiting(due)) => Some(due),
            None => None,
        };
        if let Some(due) = [next, again].into_iter().flatten().reduce(Due::and) {
            self.entries.insert(key.to_owned(), Entry::Waiting(due));
        }
    }

    /// When the next key is due that can be handed out, if each is due no sooner than that.
    pub fn next_due(&self, no_sooner: impl Fn(&str) -> Duration) -> Option<Duration> {
        self.waiting().map(|(due, key)| due.at.max(no_sooner(key))).min()
    }

    /// Whether there is nothing to do and nothing being done.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn due(&mut self, at: Duration, trigger: Trigger) -> Due {
        self.added += 1;
        Due { at, served: (at + trigger.lag(), self.added), trigger }
    }

    fn waiting(&self) -> impl Iterator<Item = (Due, &str)> {
        self.entries.iter().filter_map(|(key, entry)| match entry {
            Entry::Waiting(due) => Some((*due, key.as_str())),
            Entry::Taken(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const EDIT: Trigger = Trigger::Edit;

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn queue(keys: &[(&str, u64)]) -> WorkQueue {
        let mut queue = WorkQueue::default();
        for (key, at) in keys {
            queue.add(key, secs(*at), EDIT).unwrap();
        }
        queue
    }

    fn take_with(queue: &mut WorkQueue, now: u64) -> Option<(String, Trigger)> {
        let key = queue.due_at(secs(now)).into_iter().next()?;
        queue.take(&key).map(|(_, trigger)| (key, trigger))
    }

    fn take(queue: &mut WorkQueue, now: u64) -> Option<String> {
        take_with(queue, now).map(|(key, _)| key)
    }

    fn next_due(queue: &WorkQueue) -> Option<Duration> {
        queue.next_due(|_| Duration::ZERO)
    }

    #[test]
    fn a_key_is_handed_out_when_it_is_due_and_once() {
        let mut queue = queue(&[("a", 5)]);
        assert_eq!(take(&mut queue, 4), None);
        assert_eq!(next_due(&queue), Some(secs(5)));
        assert_eq!(take(&mut queue, 5).as_deref(), Some("a"));
        assert_eq!((take(&mut queue, 99), next_due(&queue)), (None, None));
    }

    #[test]
    fn of_two_due_times_the_earlier_wins() {
        let mut later_first = queue(&[("a", 9), ("a", 3), ("a", 7)]);
        assert_eq!(next_due(&later_first), Some(secs(3)));
        assert_eq!(take(&mut later_first, 3).as_deref(), Some("a"));
        later_first.done("a", None);
        assert!(later_first.is_empty(), "it stood in the queue once");
    }

    #[test]
    fn a_key_added_while_it_is_worked_on_is_due_once_more_and_not_before_that_ends() {
        let mut queue = queue(&[("a", 0)]);
        take(&mut queue, 0).unwrap();
        queue.add("a", secs(1), EDIT).unwrap();
        queue.add("a", secs(2), EDIT).unwrap();
        assert_eq!(take(&mut queue, 5), None, "one worker a key");
        queue.done("a", Some((secs(30), Trigger::Resync)));
        assert_eq!(take_with(&mut queue, 5), Some(("a".to_owned(), EDIT)), "the edit, not the resync, comes first");
        queue.done("a", None);
        assert!(queue.is_empty());
    }

    #[test]
    fn a_requeue_that_is_earlier_than_what_was_added_meanwhile_wins() {
        let mut queue = queue(&[("a", 0)]);
        take(&mut queue, 0).unwrap();
        queue.add("a", secs(9), EDIT).unwrap();
        queue.done("a", Some((secs(4), Trigger::Requeue)));
        assert_eq!(take(&mut queue, 4).as_deref(), Some("a"));
    }

    #[test]
    fn an_edit_comes_before_what_is_under_way_and_that_before_a_resync() {
        let mut queue = WorkQueue::default();
        queue.add("resync", secs(0), Trigger::Resync).unwrap();
        queue.add("requeue", secs(5), Trigger::Requeue).unwrap();
        queue.add("edit", secs(9), EDIT).unwrap();
        assert_eq!(queue.due_at(secs(9)), ["edit", "requeue", "resync"]);
        assert_eq!(queue.due_at(secs(8)), ["requeue", "resync"]);
        // A head start, and no more: nobody waits for ever.
        queue.add("late requeue", secs(11), Trigger::Requeue).unwrap();
        assert_eq!(queue.due_at(secs(11)), ["edit", "requeue", "resync", "late requeue"]);
    }

    #[test]
    fn an_edit_of_what_is_overdue_comes_before_what_is_overdue_for_longer() {
        let mut queue = WorkQueue::default();
        for (key, at) in [("a", 0), ("b", 1), ("c", 2)] {
            queue.add(key, secs(at), Trigger::Resync).unwrap();
        }
        queue.add("c", secs(8), EDIT).unwrap();
        assert_eq!(queue.due_at(secs(8)), ["c", "a", "b"]);
        assert_eq!(queue.take("c"), Some((secs(2), EDIT)));
    }

    #[test]
    fn a_key_that_may_not_be_served_yet_is_due_later() {
        let queue = queue(&[("a", 5), ("b", 7)]);
        assert_eq!(queue.next_due(|key| if key == "a" { secs(9) } else { secs(0) }), Some(secs(7)));
        assert_eq!(queue.next_due(|_| secs(8)), Some(secs(8)));
    }

    #[test]
    fn a_busy_key_starves_no_other() {
        let mut queue = queue(&[("a", 0), ("b", 0), ("c", 0)]);
        let mut served = Vec::new();
        for _ in 0..6 {
            let key = take(&mut queue, 0).unwrap();
            queue.done(&key, Some((secs(0), EDIT)));
            served.push(key);
        }
        assert_eq!(served, ["a", "b", "c", "a", "b", "c"]);
    }

    #[test]
    fn a_full_queue_refuses_new_keys_and_still_knows_the_old() {
        let mut queue = WorkQueue::default();
        for n in 0..KEYS_MAX {
            queue.add(&format!("env-{n}"), secs(5), EDIT).unwrap();
        }
        assert_eq!(queue.add("one-more", secs(5), EDIT), Err(Full));
        assert_eq!(queue.add("env-7", secs(1), EDIT), Ok(()));
        assert_eq!(take(&mut queue, 1).as_deref(), Some("env-7"));
    }
}
