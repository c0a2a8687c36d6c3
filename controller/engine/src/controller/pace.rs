//! How often environments are looked at, where our share of AWS's quota has no room for as often as was asked.
//!
//! In: by how much each resync came too late. Out: the interval as it is, told once when it changes.
//! Never: decides when anything is looked at.

use std::time::Duration;

/// Over how long it is judged: longer than any interval, so that every environment counts.
const JUDGED_EVERY: Duration = Duration::from_secs(60);
/// Lateness up to here is no stretch: passes take their time, and poll and queue have their grain.
const NO_STRETCH: Duration = Duration::from_secs(3);
/// What is told is a multiple of it, so that it changes seldom.
const STEP: Duration = Duration::from_secs(5);

/// The pace of resyncs.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// The longest lateness since it was judged last.
    latest: Duration,
    judge_at: Duration,
    /// What was told: the interval, while it is longer than was asked.
    stretched: Option<Duration>,
}

impl Pace {
    /// A resync began so much later than it was due.
    pub(super) fn note(&mut self, late: Duration) {
        self.latest = self.latest.max(late);
    }

    /// The interval, while it is longer than was asked.
    pub(super) fn stretched(&self) -> Option<Duration> {
        self.stretched
    }

    /// Judges it now and then, and tells of a change.
    pub(super) fn tell(&mut self, now: Duration, asked: Duration) {
        if now < self.judge_at {
            return;
        }
        self.judge_at = now + JUDGED_EVERY;
        let late = std::mem::take(&mut self.latest);
        let is = (late > NO_STRETCH).then(|| up_to_step(asked + late));
        let is_change = match (self.stretched, is) {
            (Some(told), Some(is)) => told.abs_diff(is) > STEP,
            (Some(_), None) | (None, Some(_)) => true,
            (None, None) => false,
        };
        if !is_change {
            return;
        }
        self.stretched = is;
        let (asked_s, every_s) = (asked.as_secs(), is.unwrap_or(asked).as_secs());
        match is {
            Some(_) => tracing::info!(
                every_s,
                asked_s,
                "environments are looked at more rarely than asked: our share of AWS's quota has no room for more"
            ),
            None => tracing::info!(every_s, "environments are looked at as often as asked again"),
        }
    }
}

fn up_to_step(interval: Duration) -> Duration {
    let steps = interval.as_millis().div_ceil(STEP.as_millis());
    STEP * u32::try_from(steps).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: Duration = Duration::from_secs(10);

    /// The interval as it is told after minutes with such a longest lateness, in seconds.
    fn told(minutes: &[u64]) -> Vec<Option<u64>> {
        let mut pace = Pace::default();
        let mut now = Duration::ZERO;
        let mut tell = |late: &u64| {
            now += JUDGED_EVERY;
            pace.note(Duration::from_secs(*late));
            pace.note(Duration::ZERO);
            pace.tell(now, ASKED);
            pace.stretched().map(|every| every.as_secs())
        };
        minutes.iter().map(&mut tell).collect()
    }

    #[test]
    fn a_stretch_is_told_and_its_end_and_what_wavers_is_not() {
        let none = None;
        assert_eq!(told(&[0, 3, 9, 12, 7, 30, 0]), [none, none, Some(20), Some(20), Some(20), Some(40), none]);
    }
}
