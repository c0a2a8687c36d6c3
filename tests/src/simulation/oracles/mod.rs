//! The promises, as somebody can check them who only sees AWS and the table.
//!
//! Each file judges one thing, counts how often it had something to judge (`oracle: ...`) and how often it was near its
//! limit (`limit: ...`): one that never was near its limit proves nothing. What ends a run (I6, I7) is judged by the run.

mod exits;
mod launches;
mod leadership;
mod ownership;
mod quota;
mod voice;

use simulator::cloud::View;
use simulator::cloud::tape::Arrival;
use simulator::store::Written;

use super::facts::Facts;
use super::tally::Tally;

/// Whether it holds; else which promise is broken, and how.
pub type Ruling = Result<(), (&'static str, String)>;

/// Every oracle.
#[derive(Default)]
pub struct Oracles {
    launches: launches::Launches,
    exits: exits::Exits,
    quota: quota::Quota,
    voice: voice::Voice,
}

impl Oracles {
    /// Judges a write to the table, and takes it into the facts.
    pub fn written(&mut self, write: &Written, facts: &mut Facts, tally: &mut Tally) -> Ruling {
        leadership::written(write, facts, tally)?;
        facts.store(write);
        self.exits.written(write, facts, tally)?;
        self.voice.written(write, facts, tally)
    }

    /// Judges a call. The facts are those before it.
    pub fn arrived(&mut self, arrival: &Arrival, facts: &Facts, tally: &mut Tally) -> Ruling {
        self.quota.arrived(arrival, facts, tally)?;
        leadership::arrived(arrival, facts, tally)?;
        ownership::arrived(arrival, facts, tally)?;
        self.launches.arrived(arrival, facts, tally)?;
        self.exits.arrived(arrival, facts, tally)
    }

    /// Judges the world now and then. `is_calm`: nothing has disturbed any replica for a while.
    pub fn around(&mut self, view: &View, is_calm: bool, facts: &Facts, tally: &mut Tally) -> Ruling {
        self.voice.around(view, is_calm, facts, tally)
    }
}
