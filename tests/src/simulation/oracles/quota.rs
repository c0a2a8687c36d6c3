//! I9: calls stay within half of AWS's documented buckets.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_api::Bucket;
use simulator::cloud::tape::Arrival;

use super::Ruling;
use crate::simulation::facts::Facts;
use crate::simulation::tally::Tally;

const I9: &str = "I9 within the share of the quota";

/// A call that arrives later than this after it was sent was held up, or doubled, by the network: it was counted in its time.
const ON_ITS_WAY_MAX: Duration = Duration::from_secs(1);

/// Tokens left of our half of each bucket, in thousandths, and when they were counted.
#[derive(Default)]
pub struct Quota {
    left: BTreeMap<(String, Bucket), (u64, Duration)>,
}

impl Quota {
    /// Judges a call.
    pub fn arrived(&mut self, arrival: &Arrival, facts: &Facts, tally: &mut Tally) -> Ruling {
        if arrival.at.saturating_sub(arrival.sent) > ON_ITS_WAY_MAX {
            return Ok(());
        }
        let bucket = arrival.operation.bucket();
        let (size, per_second) = bucket.limits();
        // One more, for calls that were sent evenly and arrive unevenly.
        let full = u64::from(size) * 1000 / 2 + 1000;
        // A process that begins knows nothing of what the one before it used: AWS's other half is for that.
        let Some(holder) = facts.holder(&arrival.client, arrival.sent) else { return Ok(()) };
        let key = (holder, bucket);
        let (left, counted) = self.left.get(&key).copied().unwrap_or((full, arrival.at));
        let passed = u64::try_from(arrival.at.saturating_sub(counted).as_millis()).unwrap_or(u64::MAX);
        let now = left.saturating_add(passed.saturating_mul(u64::from(per_second)) / 2).min(full);
        tally.count("oracle: I9 a call is within our half");
        if now < full / 2 {
            tally.count("limit: I9 half of our share was used at once");
        }
        let Some(rest) = now.checked_sub(1000) else {
            return Err((I9, format!("{} found our half of {bucket:?} empty", arrival.operation)));
        };
        self.left.insert(key, (rest, arrival.at.max(counted)));
        Ok(())
    }
}
