//! Which target of a group gets a request.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html#modify-routing-algorithm>

use std::rc::Rc;
use std::time::Duration;

use super::table::{Algorithm, Group, Sticky, Target};
use super::{Asked, Forward, Traffic};

/// The weight of a target that gets its full share.
const FULL: u64 = 1000;

/// What a target was given.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Load {
    /// How far its share is behind what it was given, for round robin.
    pub credit: i64,
    /// Its requests that are under way.
    pub underway: u32,
}

impl Traffic {
    /// The target of that group for a request: the one that its client sticks to, or the next by the group's algorithm.
    /// `None`: nobody there can have it.
    pub(super) fn target(&mut self, group: &Rc<Group>, asked: &Asked<'_>, now: Duration) -> Option<Forward> {
        let kept = self.kept_target(group, asked, now);
        let in_session = kept.in_session && matches!(group.sticky, Some(Sticky::Application(..)));
        let place = match kept.place {
            Some(place) => place,
            None => self.next(group, now)?,
        };
        self.load(group, place).underway += 1;
        Some(Forward { group: Rc::clone(group), place, stays_with_group: false, in_session })
    }

    fn next(&mut self, group: &Group, now: Duration) -> Option<usize> {
        match group.algorithm {
            Algorithm::RoundRobin => self.in_turn(group, &group.serving, now),
            Algorithm::LeastOutstanding => {
                let least = group.serving.iter().map(|place| self.load(group, *place).underway).min()?;
                let mut fewest = group.serving.clone();
                fewest.retain(|place| self.load(group, *place).underway == least);
                self.in_turn(group, &fewest, now)
            }
            Algorithm::WeightedRandom => {
                // Weights differ only where anomalies are mitigated, which is not modelled.
                let drawn = self.chance.below(u64::try_from(group.serving.len()).ok()?);
                group.serving.get(usize::try_from(drawn).ok()?).copied()
            }
        }
    }

    /// Each as often as its weight says, evenly mixed: whoever is furthest behind its share is next.
    /// <https://github.com/nginx/nginx/commit/52327e0627f49dbda1e8db695e63a4b0af4448b1>
    fn in_turn(&mut self, group: &Group, among: &[usize], now: Duration) -> Option<usize> {
        let (mut all, mut next) = (0, None);
        for place in among {
            let weight = i64::try_from(group.targets[*place].weight(group.slow_start, now)).unwrap_or(1);
            let load = self.load(group, *place);
            load.credit += weight;
            all += weight;
            if next.is_none_or(|(credit, _)| load.credit > credit) {
                next = Some((load.credit, *place));
            }
        }
        let (_, place) = next?;
        self.load(group, place).credit -= all;
        Some(place)
    }

    fn load(&mut self, group: &Group, place: usize) -> &mut Load {
        let key = &group.targets[place].key;
        if !self.loads.get(&group.arn).is_some_and(|loads| loads.contains_key(key)) {
            self.loads.entry(group.arn.clone()).or_default().insert(key.clone(), Load::default());
        }
        let loads = self.loads.get_mut(&group.arn).and_then(|loads| loads.get_mut(key));
        loads.expect("it was put there if it was absent")
    }
}

impl Target {
    /// "The load balancer linearly increases the number of requests that it can send to a target in slow start mode."
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html#slow-start-mode>
    fn weight(&self, lasts: Duration, now: Duration) -> u64 {
        let Some(since) = self.slow_since.filter(|_| !lasts.is_zero()) else { return FULL };
        let share = now.saturating_sub(since).as_millis() * u128::from(FULL) / lasts.as_millis();
        u64::try_from(share).unwrap_or(FULL).clamp(1, FULL)
    }
}
