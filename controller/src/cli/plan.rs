//! `plan`: what the controller would do in AWS now, without doing it.
//!
//! One pass of the engine without a writer: it reads, observes and plans. With -f the file stands in for SPEC.
//! Never: writes, in AWS or in the table. A new process has seen nothing yet, so what the controller believes only at a
//! second reading or after a while is shown as waited for.

use std::path::PathBuf;

use engine::clock::Clock;
use engine::context::Ctx;
use engine::items::SPEC;
use engine::observe::reference::Reference;
use engine::reconcile::{Pass, Remembered, reconcile};
use engine::store::{Change, Item, Key, Query, RecordStore, StoreError};
use engine::work_queue::Trigger;
use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use planner::action::Plan;
use planner::reason::Reason;
use serde_json::{Value, json};

use super::document::{self, Document};
use super::failure::{Complaint, Ended, Failure, Verdict};
use super::output::Printer;
use super::session;
use crate::aws::Aws;
use crate::config::{Config, Output};
use crate::system::{SystemClock, SystemEntropy};
use engine::throttle::{Share, Throttled};

/// `plan`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit status: 0 nothing would be done; 1 something would (while spec.paused: once it is false; it is \
    listed as left alone, Paused); 2 failure, not found and invalid too, and when a part of AWS could not be read.\n\n\
    Example:\n  understudy plan chatmrpt-staging\n  understudy plan chatmrpt-staging -f edited.yaml -o json"
)]
pub struct Args {
    /// The environment.
    name: String,
    /// Plan as if this file were applied; - for stdin.
    #[arg(short, long, env = "UNDERSTUDY_FILE", hide_env_values = true, value_name = "FILE")]
    file: Option<PathBuf>,
    /// How long a recorded resource must be absent from AWS before it counts as missing [default: 5m].
    #[arg(long, env = "UNDERSTUDY_MISSING_AFTER", hide_env_values = true, value_name = "DURATION")]
    pub missing_after: Option<String>,
}

/// Plans once and prints the plan.
pub async fn run(args: Args, config: &Config) -> Ended {
    let proposed = args.file.as_deref().map(|path| proposal(path, &args.name)).transpose()?;
    let session = session::open(config).await?;
    let real_clock = SystemClock::start();
    let local_clock = session::local_clock(config).await?;
    let clock: &dyn Clock = local_clock.as_ref().map_or(&real_clock, |local| local);
    let proposal = Proposal { store: &session.store, spec: proposed.map(|document| document.item()) };
    let ctx = Ctx {
        cloud: &Throttled::new(Aws::new(session.sdk), clock, Share::default()),
        store: &proposal,
        clock,
        real_clock: &real_clock,
        entropy: &SystemEntropy,
        default_region: session.region,
        missing_after: config.missing_after,
        reference: &Reference::default(),
    };
    let pass = Box::pin(reconcile(&ctx, None, &args.name, &mut Remembered::default(), Trigger::Start)).await;
    judge(&args.name, pass, config.output)
}

/// The one document of the file, which must be of that environment.
fn proposal(path: &std::path::Path, name: &str) -> Result<Document, Failure> {
    let mut documents = document::read_file(path).map_err(Failure::into_failed)?;
    documents.retain(|document| document.name == name);
    documents.pop().ok_or_else(|| {
        let what = path.display().to_string();
        Failure::failed(Complaint::new(what, format!("holds no environment `{name}`"), "name one that it holds"))
    })
}

fn judge(name: &str, pass: Pass, output: Output) -> Ended {
    if pass.is_gone {
        return Err(Failure::not_found(name).into_failed());
    }
    let Some(plan) = pass.plan else {
        let wrong = pass.halt.map_or_else(|| "was not planned".to_owned(), |halt| halt.to_string());
        let instead = "correct what it names, or run the same command again";
        return Err(Failure::failed(Complaint::of_environment(name, wrong, instead)));
    };
    print(&plan, output)?;
    let complaints = complaints(name, &plan);
    if !complaints.is_empty() {
        return Err(Failure::usage(complaints));
    }
    Ok(verdict(&plan))
}

/// A pause does nothing now, but AWS differs from the record all the same.
fn verdict(plan: &Plan) -> Verdict {
    let is_put_off = plan.left_alone.iter().any(|left| left.reason == Reason::Paused);
    if plan.actions.is_empty() && !is_put_off { Verdict::Yes } else { Verdict::No }
}

/// What makes the plan less than the whole answer: an invalid record, or a part of AWS that was not read.
fn complaints(name: &str, plan: &Plan) -> Vec<Complaint> {
    let of = |reason: Reason| {
        plan.status.conditions.iter().filter(move |c| c.reason == reason).map(move |condition| {
            let wrong = format!("{reason}: {}", condition.message);
            Complaint::of_environment(name, wrong, reason.row().next)
        })
    };
    of(Reason::SpecInvalid)
        .chain(of(Reason::ImmutableField))
        .chain(of(Reason::Unread))
        .chain(of(Reason::RecordDamaged))
        .collect()
}

fn print(plan: &Plan, output: Output) -> Result<(), Failure> {
    let printer = Printer::new();
    match output {
        Output::Json => printer.json(&document(plan)),
        Output::Yaml => printer.yaml(&document(plan)),
        Output::Table | Output::Wide => {
            let text = plan.to_string();
            printer.line(if text.is_empty() { "nothing to do" } else { text.trim_end_matches('\n') })
        }
    }
}

fn document(plan: &Plan) -> Value {
    let actions = plan.actions.iter().map(|action| {
        json!({
            "id": action.id.0,
            "kind": action.does.kind(),
            "resource": action.resource,
            "reason": action.why.reason,
            "dependsOn": action.after.iter().map(|id| &id.0).collect::<Vec<_>>(),
        })
    });
    let left_alone = plan.left_alone.iter().map(|left| json!({ "resource": left.resource, "reason": left.reason }));
    let waiting_for = plan.waiting_for.iter().map(|wait| json!({ "what": wait.what, "until": wait.until }));
    json!({
        "actions": actions.collect::<Vec<_>>(),
        "leftAlone": left_alone.collect::<Vec<_>>(),
        "waitingFor": waiting_for.collect::<Vec<_>>(),
    })
}

/// The record as it would be with another SPEC. It can only be read.
struct Proposal<'a> {
    store: &'a dyn RecordStore,
    spec: Option<Item>,
}

impl Proposal<'_> {
    /// The proposed SPEC, if that is what the key means.
    fn proposed(&self, key: &Key) -> Option<&Item> {
        self.spec.as_ref().filter(|spec| key.sk == SPEC && spec.get("pk") == Some(&json!(key.pk)))
    }
}

impl RecordStore for Proposal<'_> {
    fn get<'a>(&'a self, key: &'a Key) -> LocalBoxFuture<'a, Result<Option<Item>, StoreError>> {
        match self.proposed(key) {
            Some(spec) => std::future::ready(Ok(Some(spec.clone()))).boxed_local(),
            None => self.store.get(key),
        }
    }

    fn get_many<'a>(&'a self, keys: &'a [Key]) -> LocalBoxFuture<'a, Result<Vec<Item>, StoreError>> {
        async move {
            let (proposed, others): (Vec<&Key>, Vec<&Key>) = keys.iter().partition(|key| self.proposed(key).is_some());
            let others: Vec<Key> = others.into_iter().cloned().collect();
            let mut items = self.store.get_many(&others).await?;
            items.extend(proposed.into_iter().filter_map(|key| self.proposed(key)).cloned());
            Ok(items)
        }
        .boxed_local()
    }

    fn query<'a>(&'a self, query: &'a Query) -> LocalBoxFuture<'a, Result<Vec<Item>, StoreError>> {
        self.store.query(query)
    }

    fn by_kind<'a>(&'a self, kind: &'a str) -> LocalBoxFuture<'a, Result<Vec<String>, StoreError>> {
        self.store.by_kind(kind)
    }

    fn write<'a>(&'a self, _: Vec<Change>) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        let refusal = StoreError::Failed { operation: "plan".to_owned(), message: "a plan writes nothing".to_owned() };
        std::future::ready(Err(refusal)).boxed_local()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use jiff::Timestamp;
    use planner::action::LeftAlone;
    use planner::id::EnvUid;
    use planner::status::Status;

    use super::*;

    #[test]
    fn drift_is_something_though_it_is_paused_and_what_is_not_ours_is_nothing() {
        let status = Status::new(EnvUid::parse("env-1").unwrap(), Timestamp::UNIX_EPOCH);
        let leaving = |reason| {
            let left = LeftAlone { resource: "sg-1".into(), reason, message: String::new() };
            Plan { left_alone: vec![left], ..Plan::nothing(status.clone()) }
        };
        assert_eq!(verdict(&Plan::nothing(status.clone())), Verdict::Yes);
        assert_eq!(verdict(&leaving(Reason::NotOurs)), Verdict::Yes);
        assert_eq!(verdict(&leaving(Reason::Paused)), Verdict::No);
    }
}
