//! What arrived at AWS, call by call, for a judge who looks on while a run goes on.
//!
//! Off unless somebody asks for it, and taken away piece by piece. Unlike the ledger it has the calls themselves, in the
//! order in which they took effect, and what the world was before each.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_api::elbv2::{TargetGroupRead, TargetHealth};
use aws_api::id::TargetGroupArn;
use aws_api::{Operation, Read, Reply, ResourceId, Write};

use super::view::View;
use super::world::Outcome;

/// One call that arrived.
pub struct Arrival {
    /// When it arrived, since the clock's epoch.
    pub at: Duration,
    /// When it was sent.
    pub sent: Duration,
    /// Who sent it.
    pub client: String,
    /// What it was.
    pub operation: Operation,
    /// The id that it names, else the name, the token or the filter that it gives.
    pub about: String,
    /// Whether the answer reaches the caller.
    pub heard: bool,
    /// What came of it.
    pub came: Came,
}

/// What came of a call.
pub enum Came {
    /// It was refused, with this code.
    Refused(String),
    /// It was answered, and changed nothing.
    Answered {
        /// The targets of a group that were told to be healthy, where that was asked.
        healthy: Option<(TargetGroupArn, BTreeSet<(String, u16)>)>,
    },
    /// It changed the world.
    Changed(Box<Changed>),
}

/// A change, and the world before it.
pub struct Changed {
    /// The call.
    pub write: Write,
    /// What it made, if anything.
    pub made: Option<ResourceId>,
    /// Whether its caller had given up on it long before.
    pub late: bool,
    /// The world before.
    pub before: View,
}

/// The arrivals that were not taken yet.
#[derive(Default)]
pub(crate) struct Tape {
    on: bool,
    arrivals: Vec<Arrival>,
}

impl Tape {
    pub fn start(&mut self) {
        self.on = true;
    }

    pub fn is_on(&self) -> bool {
        self.on
    }

    pub fn add(&mut self, arrival: impl FnOnce() -> Arrival) {
        if self.on {
            self.arrivals.push(arrival());
        }
    }

    pub fn take(&mut self) -> Vec<Arrival> {
        std::mem::take(&mut self.arrivals)
    }
}

/// What came of a read.
pub(crate) fn read(read: &Read, outcome: &Outcome<Reply>) -> Came {
    match (read, outcome) {
        (Read::TargetGroup(TargetGroupRead::Health { target_group }), Ok(Reply::TargetHealth(targets))) => {
            let healthy = targets.iter().filter(|target| target.health == TargetHealth::Healthy);
            let healthy = healthy.map(|target| (target.id.clone(), target.port)).collect();
            Came::Answered { healthy: Some((target_group.clone(), healthy)) }
        }
        (_, Ok(_)) => Came::Answered { healthy: None },
        (_, Err(refusal)) => Came::Refused(refusal.code.to_owned()),
    }
}
