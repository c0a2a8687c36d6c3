//! `wait`: until a condition holds, or until an environment is gone.

use planner::status::{ConditionType, Truth};
use tokio::time::Instant;

use super::describe::said;
use super::failure::{Complaint, Ended, Failure, Verdict};
use super::poll::{self, Until};
use super::session;
use super::view::{self, View};
use crate::config::Config;

/// `wait`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit status: 0 it holds (delete: also when there is no such environment); 1 timed out, saying on \
    stderr what it still waits for, or not found; 2 usage or failure.\n\n\
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

/// Looks until it is so.
pub async fn run(args: Args, config: &Config) -> Ended {
    let deadline = Instant::now() + config.timeout;
    let store = session::open(config).await?.store;
    let mut found = view::read(&store, &args.name).await?;
    let first = found.clone();
    loop {
        match (args.goal, &found) {
            (Goal::Condition(_), None) => return Err(Failure::not_found(&args.name)),
            (Goal::Condition(condition), Some(view)) if view.truth(condition).0 == Truth::True => {
                return Ok(Verdict::Yes);
            }
            (Goal::Delete, _) if is_gone(first.as_ref(), found.as_ref()) => return Ok(Verdict::Yes),
            (Goal::Condition(_) | Goal::Delete, _) => {}
        }
        let ended = match poll::pause(Some(deadline)).await {
            Until::Came(()) => poll::patiently(|| view::read(&store, &args.name), Some(deadline)).await?,
            Until::TimeUp => Until::TimeUp,
            Until::Interrupted => Until::Interrupted,
        };
        found = match ended {
            Until::Came(view) => view,
            Until::TimeUp => return Err(still_waiting(&args.name, args.goal, found.as_ref(), "timed out")),
            Until::Interrupted => return Err(still_waiting(&args.name, args.goal, found.as_ref(), "interrupted")),
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

/// Says with status 1 what is still waited for.
pub fn still_waiting(name: &str, goal: Goal, view: Option<&View>, why: &str) -> Failure {
    let holdup = view.map(if goal == Goal::Delete { holdup } else { waits }).filter(|holdup| !holdup.is_empty());
    let what = match (goal, view) {
        (Goal::Condition(condition), Some(view)) => {
            let (truth, because) = view.truth(condition);
            format!("condition {condition}, which is {truth} ({because})")
        }
        (Goal::Condition(condition), None) => format!("condition {condition}"),
        (Goal::Delete, Some(view)) if !view.deleting() => {
            format!("its end, which nobody asked for (`understudy delete {name}` does)")
        }
        (Goal::Delete, _) => "its end".to_owned(),
    };
    let what = holdup.map_or(what.clone(), |holdup| format!("{what}, and so for: {holdup}"));
    let wrong = format!("{why} waiting for {what}");
    Failure::no(Complaint::of_environment(name, wrong, format!("see `understudy describe {name}`, or wait longer")))
}

/// What a teardown waits for: a controller, if there is none.
pub fn holdup(view: &View) -> String {
    view.unattended().unwrap_or_else(|| waits(view))
}

/// What the controller says that it waits for, as far as that is known.
fn waits(view: &View) -> String {
    let waits = view.status.as_ref().map(|status| status.waiting_for.as_slice()).unwrap_or_default();
    waits.iter().map(said).collect::<Vec<_>>().join("; ")
}
