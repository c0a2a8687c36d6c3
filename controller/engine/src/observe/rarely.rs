//! When to read what changes rarely and is no member's health: the volumes of members, for their tags.
//!
//! In every pass it would be one call more for a tag that somebody removes once a year. So they are read when something of
//! it may be new (a member runs, an edit), when the planner asks for it, and else every few minutes.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_api::id::InstanceId;
use planner::record::Record;

/// How old what was read may be. A tag that is removed is put back within it.
pub const VOLUMES_EVERY: Duration = Duration::from_secs(300);

/// What was read when it was last read whole.
#[derive(Debug, Default)]
pub struct Rarely {
    last: Option<Last>,
}

#[derive(Debug, PartialEq)]
struct Last {
    at: Duration,
    generation: u64,
    of: BTreeSet<InstanceId>,
}

impl Rarely {
    /// Whether the volumes of these members are to be read now.
    pub fn is_due(&self, record: &Record, of: &BTreeSet<InstanceId>, wanted: bool, now: Duration) -> bool {
        let Some(last) = &self.last else { return true };
        let is_old = now.saturating_sub(last.at) >= VOLUMES_EVERY;
        wanted || record.deleting || is_old || last.generation != record.generation || last.of != *of
    }

    /// Notes that they were read whole.
    pub fn note(&mut self, record: &Record, of: BTreeSet<InstanceId>, at: Duration) {
        self.last = Some(Last { at, generation: record.generation, of });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use aws_api::id::EnvUid;
    use planner::record::Stored;
    use planner::status::Status;

    use super::*;

    fn record() -> Record {
        let status = Status::new(EnvUid::parse("env-1").unwrap(), jiff::Timestamp::UNIX_EPOCH);
        Record {
            name: "shop".into(),
            stored: Stored::Missing,
            generation: 1,
            spec_hash: String::new(),
            spec: None,
            revision: 1,
            deleting: false,
            status,
            intents: Vec::new(),
            good: None,
        }
    }

    #[test]
    fn what_is_read_rarely_is_read_when_something_may_be_new_and_every_few_minutes() {
        let of = |id: &str| BTreeSet::from([InstanceId::parse(id).unwrap()]);
        let mut rarely = Rarely::default();
        let (mut record, now) = (record(), Duration::from_secs(1000));
        assert!(rarely.is_due(&record, &of("i-1"), false, now), "never read");
        rarely.note(&record, of("i-1"), now);
        let soon = now + VOLUMES_EVERY - Duration::from_secs(1);
        assert!(!rarely.is_due(&record, &of("i-1"), false, soon));
        assert!(rarely.is_due(&record, &of("i-1"), false, now + VOLUMES_EVERY), "it is old");
        assert!(rarely.is_due(&record, &of("i-2"), false, soon), "another member");
        assert!(rarely.is_due(&record, &of("i-1"), true, soon), "something is not as it should be");
        record.generation = 2;
        assert!(rarely.is_due(&record, &of("i-1"), false, soon), "an edit may name other tags");
        record.generation = 1;
        record.deleting = true;
        assert!(rarely.is_due(&record, &of("i-1"), false, soon), "our tags are to go");
    }
}
