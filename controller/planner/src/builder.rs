//! A plan in the making, passed through the parts that add to it.
//!
//! It carries the status as this pass's sight has it, so that each part sees what the ones before it recognised.

use std::collections::BTreeSet;

use aws_api::elbv2::ListenerWrite;
use aws_api::id::{IntentId, LoadBalancerArn};
use aws_api::{ActionId, Ref, ResourceId, Write};
use jiff::Timestamp;

use crate::action::{Action, Does, LeftAlone, Plan};
use crate::input::PlanInput;
use crate::memory::{Entry, Memory, Reading};
use crate::ownership;
use crate::reason::{Reason, Why};
use crate::record::{Intent, Makes};
use crate::status::{Status, Wait, WaitOn};

/// A plan in the making.
pub(crate) struct PlanBuilder<'a> {
    pub(crate) input: &'a PlanInput<'a>,
    pub(crate) memory: &'a mut Memory,
    pub(crate) status: Status,
    pub(crate) actions: Vec<Action>,
    pub(crate) left_alone: Vec<LeftAlone>,
    pub(crate) waiting_for: Vec<Wait>,
    pub(crate) settled: Vec<Intent>,
    /// What stands in the way, by the condition that the reason belongs to.
    pub(crate) blockers: Vec<Why>,
    /// Whether a live member is of an older revision.
    pub(crate) has_outdated: bool,
    /// What of an older revision may still serve, in words: members that are registered, a target group.
    pub(crate) older: Vec<String>,
    /// What was recognised or lost, to be told as events.
    pub(crate) noticed: Vec<(String, Why)>,
}

impl<'a> PlanBuilder<'a> {
    pub(crate) fn new(input: &'a PlanInput<'a>, memory: &'a mut Memory) -> Self {
        Self {
            input,
            memory,
            status: input.record.status.clone(),
            actions: Vec::new(),
            left_alone: Vec::new(),
            waiting_for: Vec::new(),
            settled: Vec::new(),
            blockers: Vec::new(),
            has_outdated: false,
            older: Vec::new(),
            noticed: Vec::new(),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.input.now
    }

    /// Adds an action and returns its id.
    pub(crate) fn act(&mut self, id: impl Into<String>, does: Does, resource: impl ToString, why: Why) -> Adding<'_> {
        let id = ActionId(id.into());
        self.actions.push(Action {
            id,
            does,
            resource: resource.to_string(),
            why,
            after: Vec::new(),
            puts: Vec::new(),
        });
        let place = self.actions.len() - 1;
        Adding { action: &mut self.actions[place] }
    }

    /// Adds a change in place.
    pub(crate) fn change(
        &mut self,
        id: impl Into<String>,
        write: Write,
        resource: impl ToString,
        why: Why,
    ) -> Adding<'_> {
        self.act(id, Does::Change(Box::new(write)), resource, why)
    }

    /// Adds a create by a new intent, or the replay of the open one that makes the same.
    pub(crate) fn create(
        &mut self,
        id: impl Into<String>,
        makes: Makes,
        resource: impl ToString,
        why: Why,
        write: impl FnOnce(&IntentId) -> Write,
    ) -> Adding<'_> {
        let record = self.input.record;
        let is_open = |intent: &&Intent| !self.settled.iter().any(|settled| settled.id == intent.id);
        let balancer = self.status.load_balancer.as_ref().map(|balancer| balancer.arn.clone());
        let same = |open: &&Intent| same_thing(&open.makes, &makes) && hangs_on(open, balancer.as_ref());
        if let Some(open) = record.intents.iter().filter(is_open).find(same) {
            let why = Why::new(Reason::IntentOpen, format!("{} was sent before; its reply is not known", open.id));
            return self.act(id, Does::Replay(Box::new(open.clone())), resource, why);
        }
        let intent_id = ownership::intent_id(&record.status.uid, self.input.seed, &makes);
        let write = write(&intent_id);
        let intent = Intent { id: intent_id, makes, write, created_at: self.now(), revision: record.revision };
        self.act(id, Does::Create(Box::new(intent)), resource, why)
    }

    pub(crate) fn wait(&mut self, on: WaitOn, what: impl Into<String>, until: Option<Timestamp>) {
        let wait = Wait { what: what.into(), until, on };
        if !self.waiting_for.contains(&wait) {
            self.waiting_for.push(wait);
        }
    }

    pub(crate) fn add_blocker(&mut self, reason: Reason, message: impl Into<String>) {
        let why = Why::new(reason, message);
        if !self.blockers.contains(&why) {
            self.blockers.push(why);
        }
    }

    pub(crate) fn leave(&mut self, resource: impl ToString, reason: Reason, message: impl Into<String>) {
        self.left_alone.push(LeftAlone { resource: resource.to_string(), reason, message: message.into() });
    }

    pub(crate) fn notice(&mut self, resource: impl ToString, reason: Reason, message: impl Into<String>) {
        self.noticed.push((resource.to_string(), Why::new(reason, message)));
    }

    /// Compares an entry with what is wanted of it; one that has to be read once more is waited for.
    pub(crate) fn confirm_drift(&mut self, entry: &Entry, wanted: Option<&str>, seen: Option<&str>) -> bool {
        match self.memory.read_entry(entry.clone(), wanted, seen) {
            Reading::AsWanted => false,
            Reading::Differs => true,
            Reading::Unconfirmed => {
                self.wait(WaitOn::Aws, format!("{} {} to be read once more", entry.parent, entry.key), None);
                false
            }
        }
    }

    /// Why an entry that differs does: `drift` where AWS was changed without the record, `SpecChanged` where AWS is as we
    /// left it and the record is another.
    pub(crate) fn cause(&self, entry: &Entry, wanted: Option<&str>, seen: Option<&str>, drift: Reason) -> Reason {
        let record = self.input.record;
        match self.memory.left(entry) {
            Some(left) if left == seen => return Reason::SpecChanged,
            Some(_) => return drift,
            None => {}
        }
        // Neither put nor seen as wanted since this controller began. What nobody wants among what is known is rogue.
        let is_rogue = wanted.is_none() && self.memory.knows(&entry.parent);
        if is_rogue || record.status.in_sync_revision == record.revision {
            drift
        } else if record.status.in_sync_revision == 0 {
            Reason::NotYetMade
        } else {
            Reason::SpecChanged
        }
    }

    /// The reason of a change that sets several things right: that of a drift, if one of them drifted.
    pub(crate) fn worst(&self, reasons: impl IntoIterator<Item = Reason>, drift: Reason) -> Reason {
        let all: BTreeSet<Reason> = reasons.into_iter().collect();
        if all.contains(&drift) { drift } else { all.into_iter().next_back().unwrap_or(drift) }
    }

    /// Whether a complete reading does not show what that names: nothing is asked of it then. What is being made in this
    /// plan is not in doubt.
    pub(crate) fn doubts<T: Clone>(&self, reference: &Ref<T>, made: impl Fn(T) -> ResourceId) -> bool {
        reference.id().is_some_and(|id| self.input.observed.doubts(&made(id.clone())))
    }

    /// Marks nobody as leaving, charges nothing, and makes nobody a successor, beyond what is stored: what they were for is not
    /// done.
    pub(crate) fn unmark(&mut self) {
        let before = &self.input.record.status;
        self.status.terminations = before.terminations.clone();
        for member in &mut self.status.instances {
            let was = before.instances.iter().find(|was| was.instance_id == member.instance_id);
            member.leaving = was.and_then(|was| was.leaving.clone());
        }
        self.status.keep_successions(before);
    }

    pub(crate) fn planned(&self, id: &str) -> Option<ActionId> {
        self.actions.iter().find(|action| action.id.0 == id).map(|action| action.id.clone())
    }

    pub(crate) fn finish(self, torn_down: bool) -> Plan {
        Plan {
            actions: self.actions,
            blocked: self.blockers,
            left_alone: self.left_alone,
            waiting_for: self.waiting_for,
            status: self.status,
            settled: self.settled,
            noticed: self.noticed,
            torn_down,
        }
    }
}

/// Launches are told apart by [`crate::order`], which gives no slot of an open one to another.
fn same_thing(open: &Makes, wanted: &Makes) -> bool {
    match (open, wanted) {
        (Makes::TargetGroup { name: open, .. }, Makes::TargetGroup { name: wanted, .. }) => open == wanted,
        (open, wanted) => open == wanted,
    }
}

/// Whether what it makes would hang on what stands there: a listener of a load balancer that is gone is never made again.
fn hangs_on(open: &Intent, balancer: Option<&LoadBalancerArn>) -> bool {
    let Write::Listener(ListenerWrite::Create(create)) = &open.write else { return true };
    create.load_balancer.id() == balancer
}

/// An action that was just added.
pub(crate) struct Adding<'d> {
    action: &'d mut Action,
}

impl Adding<'_> {
    /// It must not start before these have succeeded.
    pub(crate) fn after(self, actions: impl IntoIterator<Item = ActionId>) -> Self {
        self.action.after.extend(actions);
        self
    }

    /// Its success puts (or removes) these entries.
    pub(crate) fn puts(self, entries: impl IntoIterator<Item = (Entry, Option<String>)>) -> Self {
        self.action.puts.extend(entries);
        self
    }

    pub(crate) fn id(self) -> ActionId {
        self.action.id.clone()
    }
}
