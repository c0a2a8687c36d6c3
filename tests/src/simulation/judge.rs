//! Looks on while a run goes on, and stops it at the first broken promise.
//!
//! In: every call that arrived at AWS and every write that went through, in the order in which they took effect, after every
//! step of a replica. Out: a [`Violation`], counts of what was judged, and the trace. Knows nothing of how the product
//! decides: it sees what AWS and the table see. Each oracle is a file in [`super::oracles`].

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use simulator::cloud::Aim;
use simulator::cloud::tape::Arrival;
use simulator::store::Written;
use simulator::{SimCloud, SimStore, VirtualClock};

use super::environment::{Bounds, Environment};
use super::facts::Facts;
use super::oracles::{Oracles, Ruling};
use super::tally::Tally;
use super::trace;
use crate::Stage;

/// For so long nothing must have disturbed a replica before its status is taken at its word.
const CALM_AFTER: Duration = Duration::from_secs(90);

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub oracle: &'static str,
    /// When, since the clock's epoch.
    pub at: Duration,
    /// How.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {:.3} s: {}", self.oracle, self.at.as_secs_f64(), self.message)
    }
}

/// See the module.
pub struct Judge {
    cloud: SimCloud,
    store: SimStore,
    clock: VirtualClock,
    state: Rc<RefCell<State>>,
}

struct State {
    facts: Facts,
    oracles: Oracles,
    tally: Tally,
    trace: Option<Vec<String>>,
    violation: Option<Violation>,
}

impl Judge {
    /// A judge of that stage from now on, who keeps a trace or does not.
    pub fn new(stage: &Stage, traced: bool) -> Self {
        stage.cloud.record_arrivals();
        stage.store.record_writes();
        let state = State {
            facts: Facts::new(stage.holders()),
            oracles: Oracles::default(),
            tally: Tally::default(),
            trace: traced.then(Vec::new),
            violation: None,
        };
        let (cloud, store, clock) = (stage.cloud.clone(), stage.store.clone(), stage.clock.clone());
        Self { cloud, store, clock, state: Rc::new(RefCell::new(state)) }
    }

    /// Judges what happened since the last look. Whether the run is to be stopped.
    pub fn look(&self) -> bool {
        let (arrivals, written) = (self.cloud.arrivals(), self.store.written());
        let state = &mut *self.state.borrow_mut();
        if state.violation.is_some() {
            return true;
        }
        let mut written = written.into_iter().peekable();
        for arrival in &arrivals {
            while let Some(write) = written.next_if(|write| write.at <= arrival.at) {
                state.written(&write);
            }
            state.arrived(arrival);
        }
        written.for_each(|write| state.written(&write));
        state.violation.is_some()
    }

    /// Judges what can only be seen by looking at the whole world now and then.
    pub fn look_around(&self) {
        let view = self.cloud.view();
        let state = &mut *self.state.borrow_mut();
        let is_calm = state.facts.disturbed + CALM_AFTER <= view.at();
        let ruling = state.oracles.around(&view, is_calm, &state.facts, &mut state.tally);
        state.rule(self.clock.since_epoch(), ruling);
    }

    /// Says that something went wrong which only the run can see.
    pub fn object(&self, oracle: &'static str, message: String) {
        let at = self.clock.since_epoch();
        self.state.borrow_mut().violation.get_or_insert(Violation { oracle, at, message });
    }

    /// A record of that environment came into force.
    pub fn wanted(&self, name: &str, bounds: Bounds) {
        let at = self.clock.since_epoch();
        self.note_of(name, |own| own.want(at, bounds));
    }

    /// An invalid record was written over the last one: whichever a pass goes by now stays in force.
    pub fn kept(&self, name: &str) {
        let at = self.clock.since_epoch();
        self.note_of(name, |own| own.keep(at));
    }

    /// Its STATUS was removed, or put back.
    pub fn damaged(&self, name: &str, damaged: bool) {
        let at = self.clock.since_epoch();
        self.note_of(name, |own| own.damaged = damaged.then_some(at));
    }

    /// The user asked for its end.
    pub fn deleting(&self, name: &str) {
        self.note_of(name, |own| own.deleting = true);
    }

    /// From now on nothing befalls it but what [`drifted`](Self::drifted) is told of.
    pub fn spared(&self, name: &str) {
        self.note_of(name, |own| own.is_spared = true);
    }

    /// A member of it was terminated, or all of it is as it should be again.
    pub fn drifted(&self, name: &str, drifted: bool) {
        let at = self.clock.since_epoch();
        self.note_of(name, |own| own.drifted = drifted.then_some(at));
    }

    /// Whether a member of it was terminated and it has not healed since.
    pub fn is_drifting(&self, name: &str) -> bool {
        self.state.borrow().facts.environments.get(name).is_some_and(|own| own.drifted.is_some())
    }

    fn note_of(&self, name: &str, note: impl FnOnce(&mut Environment)) {
        note(self.state.borrow_mut().facts.of_mut(name));
    }

    /// Ids and ARNs of what an environment made.
    pub fn made_by(&self, name: &str) -> BTreeSet<String> {
        self.state.borrow().facts.environments.get(name).map(|own| own.ours.clone()).unwrap_or_default()
    }

    /// Somebody started members of an environment that were stopped.
    pub fn started(&self, name: &str) {
        let now = self.clock.since_epoch();
        if let Some(own) = self.state.borrow_mut().facts.environments.get_mut(name) {
            own.started = Some(now);
        }
    }

    /// Aims a fault at the calls that are about an environment.
    pub fn aim(&self, name: &'static str) -> Aim {
        let state = Rc::clone(&self.state);
        Aim::new(move |about| state.borrow().facts.named(about) == Some(name))
    }

    /// Something happened that may disturb what a replica sees or does.
    pub fn disturbed(&self) {
        self.state.borrow_mut().facts.disturbed = self.clock.since_epoch();
    }

    /// Counts something.
    pub fn count(&self, name: &str) {
        self.state.borrow_mut().tally.count(name);
    }

    /// Lets somebody else judge, who counts.
    pub fn tallying<T>(&self, judge: impl FnOnce(&mut Tally) -> T) -> T {
        judge(&mut self.state.borrow_mut().tally)
    }

    /// Writes a line into the trace.
    pub fn note(&self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.state.borrow_mut().trace {
            trace.push(trace::line(self.clock.since_epoch(), &line()));
        }
    }

    /// The verdict, the counts and the trace.
    pub fn retire(self) -> (Option<Violation>, Tally, Vec<String>) {
        let state = &mut *self.state.borrow_mut();
        let faults = self.cloud.fault_counts().into_iter().map(|(name, count)| (format!("call: {name}"), count));
        faults.chain(self.store.fault_counts()).for_each(|(name, count)| state.tally.add(&name, count));
        (state.violation.take(), std::mem::take(&mut state.tally), state.trace.take().unwrap_or_default())
    }
}

impl State {
    fn written(&mut self, write: &Written) {
        if let Some(trace) = &mut self.trace {
            trace::written(trace, write);
        }
        let ruling = self.oracles.written(write, &mut self.facts, &mut self.tally);
        self.rule(write.at, ruling);
    }

    fn arrived(&mut self, arrival: &Arrival) {
        if let (Some(trace), true) = (&mut self.trace, arrival.operation.is_write()) {
            trace::arrived(trace, arrival);
        }
        let ruling = self.oracles.arrived(arrival, &self.facts, &mut self.tally);
        self.rule(arrival.at, ruling);
        self.facts.arrived(arrival);
    }

    fn rule(&mut self, at: Duration, ruling: Ruling) {
        if let Err((oracle, message)) = ruling {
            self.violation.get_or_insert(Violation { oracle, at, message });
        }
    }
}
