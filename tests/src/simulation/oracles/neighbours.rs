//! I8: one environment in trouble holds up no other. Judged where everything that goes wrong goes wrong for another one.

use std::time::Duration;

use aws_api::Operation;
use simulator::cloud::View;
use simulator::cloud::tape::{Arrival, Came};

use super::Ruling;
use crate::RESYNC;
use crate::simulation::environment::Environment;
use crate::simulation::tally::Tally;

const I8: &str = "I8 one environment in trouble holds up no other";
/// When a successor of a member that was terminated is asked for at the latest: it is seen by the next look, a resync
/// away, and asked for in the pass that sees it.
const ASKED_WITHIN: Duration = RESYNC.saturating_add(PASS);
/// The longest pass that nothing disturbs but the other's share of the one writer and of the quota.
const PASS: Duration = Duration::from_secs(20);

/// See the module.
#[derive(Default)]
pub struct Neighbour {
    /// The drift whose remedy was asked for last.
    asked: Option<Duration>,
}

impl Neighbour {
    /// Judges a call that is about an environment to which nothing happens but what we know of.
    pub fn arrived(&mut self, arrival: &Arrival, own: &Environment, tally: &mut Tally) -> Ruling {
        if !own.is_spared || !arrival.operation.is_write() {
            return Ok(());
        }
        let Some(since) = own.drifted else {
            return match &arrival.came {
                Came::Changed(_) => Err((I8, format!("{} of {}, which is well", arrival.operation, arrival.about))),
                Came::Refused(_) | Came::Answered { .. } => Ok(()),
            };
        };
        if arrival.operation == Operation::RunInstances && self.asked != Some(since) {
            self.asked = Some(since);
            tally.count("oracle: I8 a neighbour is healed in time");
            if arrival.sent > since + RESYNC {
                tally.count("limit: I8 a neighbour was healed later than a resync");
            }
        }
        Ok(())
    }

    /// Judges whether what befell it has been seen by now.
    pub fn around(&mut self, view: &View, own: &Environment, tally: &mut Tally) -> Ruling {
        if !own.is_spared {
            return Ok(());
        }
        tally.count("oracle: I8 a neighbour is left alone");
        match own.drifted.filter(|since| self.asked != Some(*since)) {
            Some(since) if view.at() > since + ASKED_WITHIN => {
                Err((I8, format!("a member was terminated at {since:?}, and no successor was asked for yet")))
            }
            Some(_) | None => Ok(()),
        }
    }
}
