//! What changes the cloud, as it is written to its log before it is done.
//!
//! A [`Change`] and the instant at which it happens are enough to do it again in the same way ([`crate::replay`]): ids come from
//! the seed, time changes nothing by itself but what every reader works out alike. Refused calls, reads and rehearsals change
//! nothing that is kept; the token buckets and the lag of reads are not kept. Never: does a change.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use simulator::cloud::Refusal;

use crate::envelope::Query;
use crate::log::Log;
use crate::parameters::Node;

/// Which format this writes and reads.
pub const FORMAT: u32 = 1;

/// The first record: what the cloud was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Which format its log has.
    pub format: u32,
    /// Which version made it, for whoever reads it.
    pub version: String,
    /// What its ids come from.
    pub seed: u64,
    /// The wall clock at its beginning.
    pub epoch: Timestamp,
}

/// Every other record: what happened, and when, in nanoseconds of its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    at: u64,
    /// What happened.
    pub change: Change,
}

impl Record {
    /// That this happened then.
    pub fn new(at: Duration, change: Change) -> Self {
        Self { at: u64::try_from(at.as_nanos()).unwrap_or(u64::MAX), change }
    }

    /// Since the beginning of the cloud's time.
    pub fn at(&self) -> Duration {
        Duration::from_nanos(self.at)
    }
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Change {
    /// A call that was not refused.
    Call {
        /// Where.
        region: String,
        /// Of which service.
        service: Query,
        /// Its name.
        action: String,
        /// What it says.
        parameters: Node,
        /// The checksum of its answer: who does it again and comes to another one is another cloud.
        answer: u32,
    },
    /// A call has met a fault that is to meet only so many.
    Met {
        /// Where.
        region: String,
        /// The fault's number.
        fault: u64,
    },
    /// Faults have ended, because their time was over.
    Ended {
        /// Where.
        region: String,
    },
    /// A request to `/_cloud/`, refused or not.
    Control {
        /// `POST` or `DELETE`.
        method: String,
        /// What follows `/_cloud/`.
        path: String,
        /// Where.
        region: String,
        /// What it says.
        body: String,
    },
    /// Nothing but that it has become so late.
    Time,
}

/// Keeps changes, if they are to be kept. Clones keep to the same log.
#[derive(Clone, Default)]
pub struct Keeper(Option<Rc<RefCell<Log>>>);

impl Keeper {
    /// One that keeps them there.
    pub fn to(log: Log) -> Self {
        Self(Some(Rc::new(RefCell::new(log))))
    }

    /// Whether anything is kept.
    pub fn keeps(&self) -> bool {
        self.0.is_some()
    }

    /// Keeps a change, which is to be made only after this returns.
    ///
    /// # Errors
    /// When it could not be kept. It may not be made then, and no other one either.
    pub fn keep(&self, at: Duration, change: Change) -> Result<(), Refusal> {
        let Some(log) = &self.0 else { return Ok(()) };
        // <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/CommonErrors.html>
        let refusal = |message| Refusal { code: "InternalFailure", message };
        let text = serde_json::to_string(&Record::new(at, change)).map_err(|error| refusal(error.to_string()))?;
        log.borrow_mut().append(&text).map_err(|error| refusal(error.to_string()))
    }
}
