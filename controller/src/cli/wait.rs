//! `wait`: until a condition holds, or until an environment is gone.

use planner::reason::Reason;
use planner::status::{ConditionType, Truth, Wait};
use tokio::time::Instant;

use super::describe::said;
use super::failure::{Complaint, Ended, Failure, Verdict};
use super::poll::{Progress, Until, Watch};
use super::session;
use super::view::{self, View};
use crate::config::Config;

/// `wait`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit status: 0 it holds (delete: also when there is no such environment); 1 timed out, saying on \
    stderr what it still waits for, or not found; 2 usage or failure; 130 ended by Ctrl-C.\n\n\
    Example:\n  understudy wait chatmrpt-staging --for condition=Ready --timeout 10m\n  \
    understudy wait chatmrpt-staging --for delete"
)]
pub struct Args {
    /// The environment.
    name: String,
    /// For what: condition=TYPE, or delete.
    #[arg(long = "for", env = "UNDERSTUDY_FOR", hide_env_values = true, value_name = "WHAT", value_parser = Goal::parse)]
    goal: Goal,
    /// How long at most, such as 90s or 1h30m; 0s: look once [default: 10m].
    #[arg(long, env = "UNDERSTUDY_TIMEOUT", hide_env_values = true, value_name = "DURATION")]
    pub timeout: Option<String>,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// That this condition is true.
    Condition(ConditionType),
    /// That the environment is no more.
    Delete,
}

impl Goal {
    fn parse(text: &str) -> Result<Self, String> {
        if text == "delete" {
            return Ok(Self::Delete);
        }
        text.strip_prefix("condition=")
            .and_then(|name| serde_json::from_value(name.into()).ok())
            .map(Self::Condition)
            .ok_or_else(|| "write condition=Ready, another condition that `describe` shows, or delete".to_owned())
    }
}

/// Looks until it is so, telling on stderr what it waits for.
pub async fn run(args: Args, config: &Config) -> Ended {
    let deadline = Instant::now() + config.timeout;
    let store = session::open(config).await?.store;
    let mut found = view::read(&store, &args.name).await?;
    let first = found.clone();
    let mut watch = Watch::until(Some(deadline));
    let mut progress = Progress::default();
    loop {
        match (args.goal, &found) {
            (Goal::Condition(_), None) => return Err(Failure::not_found(&args.name)),
            (Goal::Condition(condition), Some(view)) if view.truth(condition).0 == Truth::True => {
                return Ok(Verdict::Yes);
            }
            (Goal::Delete, _) if is_gone(first.as_ref(), found.as_ref()) => return Ok(Verdict::Yes),
            // Who looks once is told by the complaint.
            (goal, Some(view)) if Instant::now() < deadline => tell(&mut progress, goal, view),
            (Goal::Condition(_) | Goal::Delete, _) => {}
        }
        let ended = match watch.pause().await {
            Until::Came(()) => watch.patiently(|| view::read(&store, &args.name)).await?,
            Until::TimeUp => Until::TimeUp,
            Until::Interrupted => Until::Interrupted,
        };
        found = match ended {
            Until::Came(view) => view,
            Until::TimeUp => return Err(still_waiting(&args.name, args.goal, found.as_ref(), Cut::TimeUp)),
            Until::Interrupted => return Err(still_waiting(&args.name, args.goal, found.as_ref(), Cut::Interrupted)),
        };
    }
}

/// Whether the environment that was seen first is no more, whatever has come in its place.
pub fn is_gone(first: Option<&View>, now: Option<&View>) -> bool {
    match (first, now) {
        (None, _) | (_, None) => true,
        (Some(first), Some(now)) => first.uid().is_some() && now.uid() != first.uid(),
    }
}

/// Why a wait ended before what was waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Time was up.
    TimeUp,
    /// The user pressed Ctrl-C.
    Interrupted,
}

/// Tells what is waited for, as far as that is new.
pub fn tell(progress: &mut Progress, goal: Goal, view: &View) {
    let mut told = String::new();
    if let Goal::Condition(condition) = goal {
        let (truth, because) = view.truth(condition);
        told = format!("{condition} is {truth} ({because}){}", held_by(condition, view));
        // While it goes on by itself the details change with every step: those are in the waits.
        let ready = view.ready();
        let details = if ready.reason == Reason::Held { ready.message.as_str() } else { "" };
        progress.tell(&format!("{truth} {} {details}", ready.reason), &told);
    } else if let Some(unattended) = view.unattended() {
        return progress.tell(&unattended, &unattended);
    }
    for wait in waits(view).iter().filter(|wait| !told.contains(&wait.what)) {
        // Until when may change, and the number of a try.
        progress.tell(&wait.what, &said(wait));
    }
}

/// Says with status 1, or 130, what is still waited for.
pub fn still_waiting(name: &str, goal: Goal, view: Option<&View>, cut: Cut) -> Failure {
    let what = match (goal, view) {
        (Goal::Condition(condition), Some(view)) => {
            let (truth, because) = view.truth(condition);
            format!("condition {condition}, which is {truth} ({because}){}", held_by(condition, view))
        }
        (Goal::Condition(condition), None) => format!("condition {condition}"),
        (Goal::Delete, Some(view)) if !view.deleting() => {
            format!("its end, which nobody asked for (`understudy delete {name}` does)")
        }
        (Goal::Delete, _) => "its end".to_owned(),
    };
    let holdup = match (goal, view) {
        (Goal::Delete, Some(view)) => view.unattended().unwrap_or_else(|| joined(waits(view), &what)),
        (Goal::Condition(_), Some(view)) => joined(waits(view), &what),
        (Goal::Delete | Goal::Condition(_), None) => String::new(),
    };
    let what = if holdup.is_empty() { what } else { format!("{what}, and so for: {holdup}") };
    let instead = format!("see `understudy describe {name}`, or wait longer");
    let complaint = |why: &str| Complaint::of_environment(name, format!("{why} waiting for {what}"), instead);
    match cut {
        Cut::TimeUp => Failure::no(complaint("timed out")),
        Cut::Interrupted => Failure::interrupted(complaint("interrupted")),
    }
}

/// Why the environment holds, where the condition that is waited for does not say it.
fn held_by(condition: ConditionType, view: &View) -> String {
    let ready = view.ready();
    if condition == ConditionType::Ready || ready.reason != Reason::Held {
        return String::new();
    }
    format!("; it holds: {}", ready.message)
}

/// The waits that were not told already.
fn joined(waits: &[Wait], told: &str) -> String {
    let new = waits.iter().filter(|wait| !told.contains(&wait.what));
    new.map(said).collect::<Vec<_>>().join("; ")
}

/// What the controller says that it waits for, as far as that is known.
fn waits(view: &View) -> &[Wait] {
    view.status.as_ref().map(|status| status.waiting_for.as_slice()).unwrap_or_default()
}
