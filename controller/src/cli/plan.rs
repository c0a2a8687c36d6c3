//! `plan`: what the controller would do in AWS now, without doing it.
//!
//! One pass of the engine without a writer: it reads, observes and plans. With -f the file stands in for SPEC.
//! Never: writes, in AWS or in the table. A new process has seen nothing yet, so what the controller believes only at a
//! second reading or after a while is shown as waited for.

use std::path::PathBuf;

use engine::context::Ctx;
use engine::items::SPEC;
use engine::observe::reference::Reference;
use engine::reconcile::{Pass, Remembered, reconcile};
use engine::work_queue::Trigger;
use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use planner::action::Plan;
use planner::reason::Reason;
use planner::status::Status;
use ports::{Change, Clock, Item, Key, Query, RecordStore, StoreError};
use serde_json::json;

use super::document::{self, Document};
use super::failure::{Complaint, Ended, Failure, Verdict};
use super::output::Printer;
use super::planned::Planned;
use super::{session, view};
use crate::aws::Aws;
use crate::config::{Config, Output};
use crate::system::{SystemClock, SystemEntropy};
use engine::throttle::{Share, Throttled};

/// `plan`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit status: 0 nothing would be done; 1 something would (while spec.paused: once it is false; it is \
    listed as left alone, Paused), or is wanted and cannot be done (listed with !, and as `blocked` in JSON); 2 failure, not found and invalid too, and when a part of AWS could not be read.\n\n\
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
    // What was refused before is remembered by the controller alone; of a proposal nothing was tried yet.
    let told = match proposal.spec {
        Some(_) => None,
        None => view::read(&session.store, &args.name).await?,
    };
    judge(&args.name, pass, told.as_ref().and_then(view::View::believed), config.output)
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

fn judge(name: &str, pass: Pass, status: Option<&Status>, output: Output) -> Ended {
    if pass.is_gone {
        return Err(Failure::not_found(name).into_failed());
    }
    let Some(plan) = pass.plan else {
        let wrong = pass.halt.map_or_else(|| "was not planned".to_owned(), |halt| halt.to_string());
        let instead = "correct what it names, or run the same command again";
        return Err(Failure::failed(Complaint::of_environment(name, wrong, instead)));
    };
    let planned = Planned::new(name, &plan, status);
    let complaints = complaints(name, &plan);
    print(&planned, output, !complaints.is_empty())?;
    match (complaints.is_empty(), planned.differs()) {
        (false, _) => Err(Failure::usage(complaints)),
        (true, true) => Ok(Verdict::No),
        (true, false) => Ok(Verdict::Yes),
    }
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

fn print(planned: &Planned<'_>, output: Output, is_partial: bool) -> Result<(), Failure> {
    let printer = Printer::new();
    let wide = match output {
        Output::Json => return printer.json(&planned.document()),
        Output::Yaml => return printer.yaml(&planned.document()),
        Output::Table => false,
        Output::Wide => true,
    };
    planned.lines(printer, wide, is_partial).iter().try_for_each(|line| printer.line(line))
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
