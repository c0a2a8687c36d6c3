//! What a plan says: as text for people, and as a document for programs.
//!
//! In: the plan of one pass, and what the controller remembers of what AWS refused it: a pass of a new process has tried
//! nothing yet. Out: lines, or JSON, whose shape scripts rely on.
//! Never: decides; what stands in the way is [`Plan::blocked`].

use planner::action::{Does, LeftAlone, Plan};
use planner::reason::{Reason, Why};
use planner::status::{Status, Truth};
use serde_json::{Value, json};

use super::describe::said;
use super::output::{Columns, Printer, Tone};
use crate::layout::{Names, hanging};

/// What only the controller knows, from what it tried: STATUS has it.
const REMEMBERED: [Reason; 5] = [
    Reason::ActionFailed,
    Reason::ActionDenied,
    Reason::LaunchRejected,
    Reason::InsufficientCapacity,
    Reason::TerminationProtected,
];

/// A plan of an environment.
pub struct Planned<'a> {
    name: &'a str,
    plan: &'a Plan,
    /// What stands in the way.
    blocked: Vec<Why>,
}

impl<'a> Planned<'a> {
    /// The plan, beside the `status` that the controller wrote, where that is still believed.
    pub fn new(name: &'a str, plan: &'a Plan, status: Option<&Status>) -> Self {
        let mut blocked = plan.blocked.clone();
        let conditions = status.into_iter().flat_map(|status| &status.conditions);
        for condition in conditions.filter(|c| c.status == Truth::False && REMEMBERED.contains(&c.reason)) {
            if !blocked.iter().any(|why| why.reason == condition.reason) {
                blocked.push(Why::new(condition.reason, condition.message.clone()));
            }
        }
        Self { name, plan, blocked }
    }

    /// Whether AWS differs from what is wanted. A pause does nothing now, but it differs all the same.
    pub fn differs(&self) -> bool {
        !self.plan.actions.is_empty() || !self.blocked.is_empty() || self.put_off() > 0
    }

    /// How many actions a pause puts off.
    fn put_off(&self) -> usize {
        self.plan.left_alone.iter().filter(|left| left.reason == Reason::Paused).count()
    }

    /// As JSON.
    pub fn document(&self) -> Value {
        let actions = self.plan.actions.iter().map(|action| {
            json!({
                "id": action.id.0,
                "kind": action.does.kind(),
                "resource": action.resource,
                "reason": action.why.reason,
                "dependsOn": action.after.iter().map(|id| &id.0).collect::<Vec<_>>(),
            })
        });
        let blocked = self
            .blocked
            .iter()
            .map(|why| json!({ "reason": why.reason, "message": why.message, "remedy": why.reason.row().next }));
        let left = self.plan.left_alone.iter().map(|left| json!({ "resource": left.resource, "reason": left.reason }));
        let waits = self.plan.waiting_for.iter().map(|wait| json!({ "what": wait.what, "until": wait.until }));
        json!({
            "actions": actions.collect::<Vec<_>>(),
            "blocked": blocked.collect::<Vec<_>>(),
            "leftAlone": left.collect::<Vec<_>>(),
            "waitingFor": waits.collect::<Vec<_>>(),
        })
    }

    /// As text; with what is not ours, and under AWS's own names, where it may be wide. What `is_partial` is not called
    /// the whole truth: what is missing is complained about elsewhere.
    pub fn lines(&self, printer: Printer, wide: bool, is_partial: bool) -> Vec<String> {
        let names = if wide { Names::default() } else { Names::of(Some(&self.plan.status)) };
        let short = |text: &str| if wide { text.to_owned() } else { names.shortened(text) };
        let mut columns = Columns::default();
        let mut row = |sign: char, what: &str, why: String, tone: Tone| {
            columns.row([(format!("{sign} {}", short(what)), tone), (short(&why), Tone::Plain)]);
        };
        for action in &self.plan.actions {
            let (sign, tone) = sign(&action.does);
            row(sign, &action.id.0, action.why.to_string(), tone);
        }
        // What was not read is complained about.
        for why in self.blocked.iter().filter(|why| why.reason != Reason::Unread) {
            let condition = why.reason.row().condition.to_string();
            row('!', &condition, format!("{}: {}", why.reason, why.in_full()), Tone::Bad);
        }
        for LeftAlone { resource, reason, message } in
            self.plan.left_alone.iter().filter(|left| wide || !is_foreign(left))
        {
            row('.', resource, format!("{reason}: {message}"), Tone::Plain);
        }
        let mut lines = columns.lines(printer, "");
        let told = self.blocked.iter().map(|why| why.message.as_str()).collect::<Vec<_>>();
        for wait in self.plan.waiting_for.iter().filter(|wait| !told.contains(&wait.what.as_str())) {
            lines.extend(hanging("? ", &short(&said(wait)), printer.width));
        }
        lines.extend(hanging("", &self.summary(lines.is_empty() && !is_partial), printer.width));
        lines
    }

    /// The last line: how much it is.
    fn summary(&self, is_all: bool) -> String {
        let name = self.name;
        let blocked = match self.blocked.len() {
            0 => String::new(),
            1 => "; 1 thing stands in the way".to_owned(),
            more => format!("; {more} things stand in the way"),
        };
        if self.put_off() > 0 {
            return format!("{name} is paused: {} to do once spec.paused is false{blocked}.", self.put_off());
        }
        if !self.differs() {
            return if is_all {
                format!("{name} is as its record says.")
            } else {
                format!("{name}: nothing to do now.")
            };
        }
        let mut totals = [0_usize; 3];
        for action in &self.plan.actions {
            totals[match action.does {
                Does::Create(_) | Does::Replay(_) => 0,
                Does::Change(_) => 1,
                Does::Terminate { .. }
                | Does::TakeOut { .. }
                | Does::DeleteGroup(_)
                | Does::DeleteLoadBalancer(_)
                | Does::DeleteTargetGroup(_) => 2,
            }] += 1;
        }
        let [add, change, destroy] = totals;
        format!("{name}: {add} to add, {change} to change, {destroy} to destroy{blocked}.")
    }
}

/// What is not ours, or not in the schema: nothing comes of it.
fn is_foreign(left: &LeftAlone) -> bool {
    matches!(left.reason, Reason::NotOurs | Reason::NotInSchema)
}

fn sign(does: &Does) -> (char, Tone) {
    match does {
        Does::Create(_) => ('+', Tone::Good),
        Does::Replay(_) => ('=', Tone::Good),
        Does::Change(_) => ('~', Tone::Unsure),
        Does::Terminate { .. }
        | Does::TakeOut { .. }
        | Does::DeleteGroup(_)
        | Does::DeleteLoadBalancer(_)
        | Does::DeleteTargetGroup(_) => ('-', Tone::Bad),
    }
}
