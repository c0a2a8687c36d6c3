//! The promises, as somebody can check them who only sees AWS and the table.
//!
//! Each file judges one thing, counts how often it had something to judge (`oracle: ...`) and how often it was near its
//! limit (`limit: ...`): one that never was near its limit proves nothing. Each environment is judged by its own facts.
//! What ends a run (I6, I7) is judged by the run.

mod calls;
mod exits;
mod launches;
mod leadership;
mod neighbours;
mod ownership;
mod quota;
mod voice;

use std::collections::BTreeMap;

use ports::{Change, Item};
use simulator::cloud::View;
use simulator::cloud::tape::Arrival;
use simulator::store::Written;

pub use self::ownership::touched;
use super::facts::Facts;
use super::scenario::Scenario;
use super::tally::Tally;

/// Whether it holds; else which promise is broken, and how.
pub type Ruling = Result<(), (&'static str, String)>;

/// Every oracle.
#[derive(Default)]
pub struct Oracles {
    quota: quota::Quota,
    environments: BTreeMap<String, Own>,
}

/// What is judged of each environment by itself.
#[derive(Default)]
struct Own {
    launches: launches::Launches,
    exits: exits::Exits,
    voice: voice::Voice,
    calls: calls::Calls,
    neighbour: neighbours::Neighbour,
}

impl Oracles {
    /// Judges a write to the table, and takes it into the facts.
    pub fn written(&mut self, write: &Written, facts: &mut Facts, tally: &mut Tally) -> Ruling {
        leadership::written(write, facts, tally)?;
        facts.store(write);
        for (name, put) in puts(write) {
            let judged = self.environments.entry(name.to_owned()).or_default();
            judged.voice.hear(put, write.at);
            judged.calls.hear(put, write.at);
        }
        for (name, put) in puts(write) {
            let (Some(own), Some(judged)) = (facts.environments.get(name), self.environments.get_mut(name)) else {
                continue;
            };
            judged.exits.written(put, write.at, own, tally)?;
            judged.voice.written(put, write.at, facts, own, tally)?;
            judged.calls.written(put, write.at, tally)?;
        }
        Ok(())
    }

    /// Judges a call. The facts are those before it.
    pub fn arrived(&mut self, arrival: &Arrival, facts: &Facts, tally: &mut Tally) -> Ruling {
        self.quota.arrived(arrival, facts, tally)?;
        leadership::arrived(arrival, facts, tally)?;
        ownership::arrived(arrival, facts, tally)?;
        launches::intended(arrival, facts, tally)?;
        let Some((name, own)) = facts.concerned(arrival).and_then(|name| facts.environments.get_key_value(name)) else {
            return Ok(());
        };
        let judged = self.environments.entry(name.clone()).or_default();
        judged.launches.arrived(arrival, own, tally)?;
        judged.calls.arrived(arrival, facts, own, tally)?;
        judged.exits.arrived(arrival, facts, own, tally)?;
        judged.neighbour.arrived(arrival, own, tally)
    }

    /// Judges the world now and then. `is_calm`: nothing has disturbed any replica for a while.
    pub fn around(&mut self, view: &View, is_calm: bool, facts: &Facts, tally: &mut Tally) -> Ruling {
        for (name, own) in &facts.environments {
            let judged = self.environments.entry(name.clone()).or_default();
            judged.voice.around(view, is_calm, own, tally)?;
            judged.neighbour.around(view, own, tally)?;
        }
        Ok(())
    }
}

/// The oracles that must have had something to judge in many seeds of a scenario, as they are counted.
pub fn expected(scenario: &Scenario) -> Vec<String> {
    let mut names = vec![
        "I1 a create has its intent",
        "I1 there is room for a launch",
        "I3 what is changed is ours",
        "I4 a call stands in the journal",
        "I4 a write is fenced",
        "I4 the sender has the lease",
        "I6 a quiet hour",
        "I9 a call is within our half",
        "Ready is borne out",
        "an action is told",
        "a call was decided",
    ];
    // Where it stands and nothing befalls it, there is nothing to do in the hour of trouble.
    if !scenario.stands || scenario.misfortunes || scenario.hands || scenario.edits {
        names.push("what is told was done");
        names.extend((!scenario.spares).then_some("a call of a pass that was cut off is told"));
    }
    if scenario.misfortunes || scenario.hands || scenario.edits {
        names.extend(["I5 what destroys goes by fresh sight", "a failed action is told with its error"]);
    }
    if scenario.stands {
        names.push("I3 a copy is left alone");
    }
    if scenario.misfortunes {
        names.extend([
            "I4 a healing termination is charged",
            "I4 a healing termination is within the budget",
            "a change is in status",
        ]);
    }
    if scenario.hands && scenario.deletes < 1000 {
        names.push("InSync beside a rule of a person");
    }
    // While it is being made there is hardly anybody to take out.
    if scenario.stands && (scenario.misfortunes || scenario.edits) {
        names.push("I2 the floor is kept");
    }
    if scenario.deletes < 1000 {
        names.extend([
            "I7 it ends like a fresh deployment",
            "I7 the tag of the intent is there",
            "I7 a volume has the tags of its member",
        ]);
    }
    if scenario.deletes > 0 {
        names.push("a delete leaves nothing behind");
    }
    if scenario.spares {
        names.extend(["I8 a neighbour is healed in time", "I8 a neighbour is left alone"]);
    }
    names.into_iter().map(|name| format!("oracle: {name}")).collect()
}

/// What a write puts, and of which environment each is.
fn puts(write: &Written) -> impl Iterator<Item = (&str, &Item)> {
    write.changes.iter().filter_map(|change| match change {
        Change::Put(item, _) => Some((change.pk(), item)),
        Change::Delete(..) | Change::Check(..) => None,
    })
}
