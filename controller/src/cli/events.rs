//! `events`: what happened to an environment, the latest last.

use std::collections::BTreeSet;

use engine::recorder::{self, Told};
use jiff::Timestamp;
use ports::StoreError;
use serde_json::{Value, json};

use super::failure::{Ended, Failure, Verdict};
use super::output::{Columns, Printer, Shape, Tone};
use super::poll::{Until, Watch};
use super::session;
use super::view;
use crate::config::{Config, Output};
use crate::layout::Names;
use crate::store::DynamoDb;

/// `events`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit status: 0 printed, also when nothing happened yet; 1 not found; 2 usage or failure; 130 a watch \
    was ended by Ctrl-C.\n\n\
    Example:\n  understudy events chatmrpt-staging\n  understudy events chatmrpt-staging -w -o json | jq .message"
)]
pub struct Args {
    /// The environment.
    name: String,
    /// Go on printing what happens, until Ctrl-C or until it is gone.
    #[arg(short, long, env = "UNDERSTUDY_WATCH", hide_env_values = true)]
    #[arg(value_parser = clap::builder::BoolishValueParser::new())]
    watch: bool,
}

/// Prints events, once or as they come.
pub async fn run(args: Args, config: &Config) -> Ended {
    let store = session::open(config).await?.store;
    let printer = Printer::new();
    let mut look = look(&store, &args.name).await?;
    // Events outlive their environment.
    if !look.exists && look.events.is_empty() {
        return Err(Failure::not_found(&args.name));
    }
    let mut shown = BTreeSet::new();
    let mut watch = args.watch.then(|| Watch::until(None));
    let mut shape = None;
    loop {
        let new: Vec<&Told> = look.events.iter().filter(|event| !shown.contains(&event.id)).collect();
        match config.output {
            Output::Json => new.iter().try_for_each(|event| printer.line(&document(event).to_string()))?,
            Output::Yaml => new.iter().try_for_each(|event| {
                printer.line("---")?;
                printer.yaml(&document(event))
            })?,
            Output::Table if !new.is_empty() => shape = Some(print(printer, &new, Some(&look.names), shape)?),
            Output::Wide if !new.is_empty() => shape = Some(print(printer, &new, None, shape)?),
            Output::Table | Output::Wide => {}
        }
        shown = look.events.iter().map(|event| event.id.clone()).collect();
        let Some(watch) = watch.as_mut().filter(|_| look.exists) else { return Ok(Verdict::Yes) };
        if watch.pause().await == Until::Interrupted {
            return Ok(Verdict::Interrupted);
        }
        look = match watch.patiently(|| self::look(&store, &args.name)).await? {
            Until::Came(look) => look,
            Until::TimeUp | Until::Interrupted => return Ok(Verdict::Interrupted),
        };
    }
}

struct Look {
    exists: bool,
    names: Names,
    events: Vec<Told>,
}

async fn look(store: &DynamoDb, name: &str) -> Result<Look, StoreError> {
    // Whether it is there first: what the end of a teardown tells is then not missed.
    let view = view::read(store, name).await?;
    let now = view.as_ref().map_or_else(Timestamp::now, |view| view.now);
    let began = view.as_ref().and_then(|view| Some(view.status.as_ref()?.creation_timestamp));
    let names = Names::of(view.as_ref().and_then(|view| view.status.as_ref()));
    let events = recorder::events_of_all(store, name, now, began).await?;
    Ok(Look { exists: view.is_some(), names, events })
}

/// Prints a table, or what goes on under one.
fn print(printer: Printer, events: &[&Told], names: Option<&Names>, before: Option<Shape>) -> Result<Shape, Failure> {
    let (columns, shape) = table(printer, events, names, before.as_ref());
    columns.lines_as(&shape, printer, "").iter().try_for_each(|line| printer.line(line))?;
    Ok(shape)
}

/// Events in a table, or going on under one; with short names, where there are any.
pub fn table(printer: Printer, events: &[&Told], names: Option<&Names>, before: Option<&Shape>) -> (Columns, Shape) {
    let headings = ["TIME", "TYPE", "REASON", "RESOURCE", "MESSAGE"];
    let columns = if before.is_none() { Columns::headed(&headings) } else { Columns::default() };
    let mut columns = columns.sparing_at_last(&[RESOURCE]);
    for event in events {
        columns.row(row(format!("{:.0}", event.time), event, names));
    }
    let shape = columns.shape(printer.width, before);
    (columns, shape)
}

/// Place of RESOURCE, which the message nearly always names too.
pub const RESOURCE: usize = 3;

/// An event that happened then, or so long ago.
pub fn row(when: String, event: &Told, names: Option<&Names>) -> [(String, Tone); 5] {
    let short = |text: &str| names.map_or_else(|| text.to_owned(), |names| names.shortened(text));
    [
        (when, Tone::Plain),
        (event.kind.clone(), if event.kind == "Normal" { Tone::Plain } else { Tone::Unsure }),
        (event.reason.clone(), Tone::Plain),
        (short(&event.resource), Tone::Plain),
        (short(&event.message), Tone::Plain),
    ]
}

/// `{id, time, type, reason, resource, message}`.
fn document(event: &Told) -> Value {
    json!({
        "id": event.id,
        "time": event.time,
        "type": event.kind,
        "reason": event.reason,
        "resource": event.resource,
        "message": event.message,
    })
}
