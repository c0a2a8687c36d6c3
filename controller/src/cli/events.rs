//! `events`: what happened to an environment, the latest last.

use std::collections::BTreeSet;

use engine::recorder::{self, Told};
use engine::store::StoreError;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::failure::{Ended, Failure, Verdict};
use super::output::{Columns, Printer, Tone};
use super::poll::{self, Until};
use super::session;
use super::view;
use crate::config::{Config, Output};
use crate::store::DynamoDb;

/// `events`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit status: 0 printed, also when nothing happened yet; 1 not found; 2 usage or failure.\n\n\
    Example:\n  understudy events chatmrpt-staging\n  understudy events chatmrpt-staging -w -o json | jq .message")]
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
    loop {
        let new: Vec<&Told> = look.events.iter().filter(|event| !shown.contains(&event.id)).collect();
        print(printer, &new, config.output, shown.is_empty())?;
        shown = look.events.iter().map(|event| event.id.clone()).collect();
        if !args.watch || !look.exists || poll::pause(None).await == Until::Interrupted {
            return Ok(Verdict::Yes);
        }
        look = match poll::patiently(|| self::look(&store, &args.name), None).await? {
            Until::Came(look) => look,
            Until::TimeUp | Until::Interrupted => return Ok(Verdict::Yes),
        };
    }
}

struct Look {
    exists: bool,
    events: Vec<Told>,
}

async fn look(store: &DynamoDb, name: &str) -> Result<Look, StoreError> {
    // Whether it is there first: what the end of a teardown tells is then not missed.
    let view = view::read(store, name).await?;
    let now = view.as_ref().map_or_else(Timestamp::now, |view| view.now);
    let began = view.as_ref().and_then(|view| Some(view.status.as_ref()?.creation_timestamp));
    Ok(Look { exists: view.is_some(), events: recorder::events_of_all(store, name, now, began).await? })
}

fn print(printer: Printer, events: &[&Told], output: Output, first: bool) -> Result<(), Failure> {
    match output {
        Output::Json => events.iter().try_for_each(|event| printer.line(&document(event).to_string())),
        Output::Yaml => events.iter().try_for_each(|event| {
            printer.line("---")?;
            printer.yaml(&document(event))
        }),
        Output::Table | Output::Wide if events.is_empty() => Ok(()),
        Output::Table | Output::Wide => {
            let names = ["TIME", "TYPE", "REASON", "RESOURCE", "MESSAGE"];
            let mut columns = if first { Columns::headed(&names) } else { Columns::default() };
            for event in events {
                columns.row([
                    (format!("{:.0}", event.time), Tone::Plain),
                    (event.kind.clone(), if event.kind == "Normal" { Tone::Plain } else { Tone::Unsure }),
                    (event.reason.clone(), Tone::Plain),
                    (event.resource.clone(), Tone::Plain),
                    (event.message.clone(), Tone::Plain),
                ]);
            }
            columns.lines(printer).iter().try_for_each(|line| printer.line(line))
        }
    }
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
