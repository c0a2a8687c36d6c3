//! Calls and events, held against each other over the whole run: every call that changed something was decided in the
//! journal, and is told; nothing is told that was not done.
//!
//! A call belongs to lines of the entry under which it was sent. A pass that ends tells each of them ([`super::voice`] compares
//! what came of each with what is told). One that was cut off told nothing: whoever closes its entry tells of what it was about.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_api::ec2::InstanceWrite;
use aws_api::elbv2::TargetGroupWrite;
use aws_api::{Effect, Write};
use engine::items::{DONE_PASSES, EVENTS};
use engine::journal::{Entry, Line};
use ports::Item;
use serde_json::Value;
use simulator::cloud::tape::{Arrival, Came, Changed};

use super::Ruling;
use super::ownership::touched;
use crate::simulation::environment::Environment;
use crate::simulation::facts::Facts;
use crate::simulation::tally::Tally;

const DECIDED: &str = "every call was decided in the journal";
const TOLD: &str = "every call is told";
const DONE: &str = "nothing is told that was not done";

/// See the module.
#[derive(Default)]
pub struct Calls {
    /// What took effect under an entry that is open: for each call the lines that it may belong to.
    owed: BTreeMap<String, Vec<BTreeSet<String>>>,
    /// What was told, and when, since the last entry was closed of which something was owed.
    told: BTreeMap<String, Duration>,
}

impl Calls {
    /// Judges a call that changed something.
    pub fn arrived(&mut self, arrival: &Arrival, facts: &Facts, own: &Environment, tally: &mut Tally) -> Ruling {
        let Came::Changed(changed) = &arrival.came else { return Ok(()) };
        let Some(holder) = facts.holder(&arrival.client, arrival.sent).filter(|_| !changed.late) else { return Ok(()) };
        let Some(entry) = own.entry_at(&holder, arrival.sent) else { return Ok(()) };
        tally.count("oracle: a call was decided");
        let lines: BTreeSet<String> = entry.actions.iter().filter(|line| is_of(line, changed)).map(sentence).collect();
        if lines.is_empty() {
            return Err((
                DECIDED,
                format!("{} of {}, of which its entry says nothing", arrival.operation, arrival.about),
            ));
        }
        self.owed.entry(entry.id.clone()).or_default().push(lines);
        Ok(())
    }

    /// Hears an event.
    pub fn hear(&mut self, put: &Item, at: Duration) {
        if text(put, "sk").starts_with(EVENTS) {
            self.told.insert(text(put, "message").to_owned(), at);
        }
    }

    /// Judges an entry that is closed, with all that was told before it and in the same write.
    pub fn written(&mut self, put: &Item, at: Duration, tally: &mut Tally) -> Ruling {
        if !text(put, "sk").starts_with(DONE_PASSES) {
            return Ok(());
        }
        let Ok(entry) = serde_json::from_value::<Entry>(Value::Object(put.clone())) else {
            return Err((TOLD, "a journal entry cannot be read".into()));
        };
        let owed = self.owed.remove(&entry.id).unwrap_or_default();
        let ruling = match &entry.end {
            Some(end) if end.interrupted => self.cut_off(&owed, tally),
            Some(end) => {
                let undone = |line: &&Line| !end.outcomes.get(&line.id).is_some_and(|came| came.starts_with("done"));
                self.ended(entry.actions.iter().filter(undone), at, tally)
            }
            None => Ok(()),
        };
        if self.owed.is_empty() {
            self.told.clear();
        }
        ruling
    }

    fn cut_off(&self, owed: &[BTreeSet<String>], tally: &mut Tally) -> Ruling {
        for lines in owed {
            tally.count("oracle: a call of a pass that was cut off is told");
            if !lines.iter().any(|begins| self.told(begins).is_some()) {
                return Err((TOLD, format!("one of {lines:?} was done, and the pass cut off; no event says so")));
            }
        }
        Ok(())
    }

    fn ended<'l>(&self, undone: impl Iterator<Item = &'l Line>, at: Duration, tally: &mut Tally) -> Ruling {
        for line in undone {
            tally.count("oracle: what is told was done");
            if self.told(&sentence(line)) == Some(at) {
                return Err((DONE, format!("{} was not done, and an event says that it was", line.id.0)));
            }
        }
        Ok(())
    }

    /// When that was told last.
    fn told(&self, begins: &str) -> Option<Duration> {
        let told = self.told.range(begins.to_owned()..).take_while(|(told, _)| told.starts_with(begins));
        told.map(|(_, at)| *at).max()
    }
}

/// How the event begins that tells of an action: by its id. What is made in the same plan has its own id in the event.
pub fn sentence(line: &Line) -> String {
    match line.id.0.split_once("(of ") {
        Some((before, _)) => before.to_owned(),
        None => format!("{}: ", line.id.0),
    }
}

/// Whether a call may be what that line decided.
fn is_of(line: &Line, changed: &Changed) -> bool {
    let names = || touched(changed).iter().any(|id| line.id.0.contains(id.as_str()) || line.resource == *id);
    let kind = line.kind.as_str();
    match (&changed.write, changed.write.effect()) {
        (Write::Instance(InstanceWrite::Run(_)), _) => {
            matches!(kind, "create" | "replay") && line.id.0.starts_with("launch/")
        }
        (Write::Instance(InstanceWrite::Terminate { .. }), _) => kind == "terminate" && names(),
        (Write::TargetGroup(TargetGroupWrite::Deregister { .. }), _) => matches!(kind, "takeOut" | "change"),
        (_, Effect::Creates) => matches!(kind, "create" | "replay"),
        (_, Effect::Destroys) => kind == "delete",
        (_, Effect::Changes | Effect::StopsTraffic) => kind == "change",
    }
}

fn text<'i>(item: &'i Item, name: &str) -> &'i str {
    item.get(name).and_then(Value::as_str).unwrap_or_default()
}
