//! What a plan is made from, beside the memory: the record, what was observed, and now.

use std::time::Duration;

use jiff::Timestamp;

use crate::observed::Observed;
use crate::record::Record;

/// All that a plan is made from, beside the memory.
#[derive(Debug, Clone, Copy)]
pub struct PlanInput<'a> {
    /// The record.
    pub record: &'a Record,
    /// What was seen.
    pub observed: &'a Observed,
    /// The controller's clock.
    pub now: Timestamp,
    /// The pass's own random number; new intents' ids follow from it.
    pub seed: u64,
    /// How long a recorded resource must be absent before it is missing.
    pub missing_after: Duration,
    /// The region of environments that name none.
    pub default_region: &'a str,
}
