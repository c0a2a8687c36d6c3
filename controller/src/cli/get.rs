//! `get`: environments in a row each, or whole as JSON or YAML.

use planner::status::Truth;
use serde_json::{Value, json};

use super::failure::{Ended, Failure, Verdict};
use super::output::{Columns, Printer, Tone};
use super::poll::{self, Until};
use super::revision;
use super::session;
use super::view::{self, View};
use crate::config::{Config, Output};
use crate::store::DynamoDb;

const COLUMNS: [&str; 8] = ["NAME", "READY", "HEALTHY", "DESIRED", "IMAGE", "LB-DNS", "AGE", "REASON"];
const WIDE_COLUMNS: [&str; 4] = ["GENERATION", "VPC", "ZONES", "WAITING-FOR"];

/// `get`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit status: 0 printed (without NAME also when there are none); 1 not found; 2 usage or failure.\n\n\
    Example:\n  understudy get\n  understudy get chatmrpt-staging -o json | jq -r .status.loadBalancer.dnsName\n  \
    understudy get chatmrpt-staging --revision in-force -o yaml"
)]
pub struct Args {
    /// The environment; all of them without it.
    name: Option<String>,
    /// Go on printing what changes, until Ctrl-C or until NAME is gone.
    #[arg(short, long, env = "UNDERSTUDY_WATCH", hide_env_values = true)]
    #[arg(value_parser = clap::builder::BoolishValueParser::new())]
    watch: bool,
    /// Show that stored revision of NAME as it was applied: its number, or in-force; also when SPEC is gone or faulty. As
    /// YAML unless -o json.
    #[arg(long, env = "UNDERSTUDY_REVISION", hide_env_values = true, value_name = "NUMBER|in-force")]
    #[arg(requires = "name", conflicts_with = "watch")]
    revision: Option<String>,
}

/// Prints environments, once or whenever they change.
pub async fn run(args: Args, config: &Config) -> Ended {
    let store = session::open(config).await?.store;
    let printer = Printer::new();
    if let (Some(name), Some(revision)) = (&args.name, &args.revision) {
        return revision::show(&store, name, revision, config.output).await;
    }
    let views = read(&store, args.name.as_deref()).await?;
    if let (Some(name), true) = (&args.name, views.is_empty()) {
        return Err(Failure::not_found(name));
    }
    if args.watch {
        return watch(&store, args.name.as_deref(), config.output, views).await;
    }
    match (config.output, &args.name) {
        (Output::Json, Some(_)) => printer.json(&views[0].document())?,
        (Output::Yaml, Some(_)) => printer.yaml(&views[0].document())?,
        (Output::Json, None) => printer.json(&list(&views))?,
        (Output::Yaml, None) => printer.yaml(&list(&views))?,
        (Output::Table | Output::Wide, _) if views.is_empty() => eprintln!("no environments in table {}", config.table),
        (wide @ (Output::Table | Output::Wide), _) => print_rows(printer, &views, wide, true)?,
    }
    Ok(Verdict::Yes)
}

async fn read(store: &DynamoDb, name: Option<&str>) -> Result<Vec<View>, engine::store::StoreError> {
    match name {
        Some(name) => Ok(view::read(store, name).await?.into_iter().collect()),
        None => view::read_all(store).await,
    }
}

fn list(views: &[View]) -> Value {
    json!({ "apiVersion": "v1", "kind": "List", "items": views.iter().map(View::document).collect::<Vec<_>>() })
}

/// Prints all, and then each that changes.
async fn watch(store: &DynamoDb, name: Option<&str>, output: Output, first: Vec<View>) -> Ended {
    let printer = Printer::new();
    let mut shown: Vec<View> = Vec::new();
    let mut views = first;
    loop {
        let changed: Vec<View> =
            views.iter().filter(|view| !shown.iter().any(|old| looks_same(old, view))).cloned().collect();
        for view in &changed {
            match output {
                Output::Json => printer.line(&view.document().to_string())?,
                Output::Yaml => {
                    printer.line("---")?;
                    printer.yaml(&view.document())?;
                }
                Output::Table | Output::Wide => {}
            }
        }
        if matches!(output, Output::Table | Output::Wide) && !changed.is_empty() {
            print_rows(printer, &changed, output, shown.is_empty())?;
        }
        for gone in shown.iter().filter(|old| !views.iter().any(|view| view.name == old.name)) {
            eprintln!("stagingenvironment/{} deleted", gone.name);
        }
        if name.is_some() && views.is_empty() {
            return Ok(Verdict::Yes);
        }
        shown = views;
        if poll::pause(None).await == Until::Interrupted {
            return Ok(Verdict::Yes);
        }
        views = match poll::patiently(|| read(store, name), None).await? {
            Until::Came(views) => views,
            Until::TimeUp | Until::Interrupted => return Ok(Verdict::Yes),
        };
    }
}

/// Whether the documents are the same; time alone is no change.
fn looks_same(old: &View, new: &View) -> bool {
    old.name == new.name && old.document() == new.document()
}

fn print_rows(printer: Printer, views: &[View], output: Output, headed: bool) -> Result<(), Failure> {
    let wide = output == Output::Wide;
    let names: Vec<&str> = COLUMNS.into_iter().chain(WIDE_COLUMNS.into_iter().filter(|_| wide)).collect();
    let mut columns = if headed { Columns::headed(&names) } else { Columns::default() };
    for view in views {
        let more = if wide { wide_cells(view) } else { Vec::new() };
        columns.row(cells(view).into_iter().chain(more));
    }
    columns.lines(printer).iter().try_for_each(|line| printer.line(line))
}

fn cells(view: &View) -> Vec<(String, Tone)> {
    let ready = view.ready();
    let status = view.status.as_ref();
    let plain = |text: Option<String>| (text.unwrap_or_default(), Tone::Plain);
    vec![
        plain(Some(view.name.clone())),
        (ready.status.to_string(), tone_of(ready.status)),
        plain(view.healthy()),
        plain(view.desired().map(|desired| desired.to_string())),
        plain(status.and_then(|status| Some(status.image.as_ref()?.ami_id.clone()))),
        plain(status.and_then(|status| Some(status.load_balancer.as_ref()?.dns_name.clone()))),
        plain(status.map(|status| view::age(status.creation_timestamp, view.now))),
        plain(Some(ready.reason.to_string())),
    ]
}

fn wide_cells(view: &View) -> Vec<(String, Tone)> {
    let status = view.status.as_ref();
    let zones = status
        .and_then(|status| status.load_balancer.as_ref())
        .map(|lb| lb.zones.iter().map(ToString::to_string).collect::<Vec<_>>().join(","));
    let waits =
        status.map(|status| status.waiting_for.iter().map(|wait| wait.what.as_str()).collect::<Vec<_>>().join("; "));
    [
        status.map(|status| status.generation.to_string()),
        status.and_then(|status| Some(status.network.as_ref()?.vpc_id.to_string())),
        zones,
        waits,
    ]
    .map(|cell| (cell.unwrap_or_default(), Tone::Plain))
    .into()
}

/// The colour of a condition that should be true.
pub fn tone_of(status: Truth) -> Tone {
    match status {
        Truth::True => Tone::Good,
        Truth::False => Tone::Bad,
        Truth::Unknown => Tone::Unsure,
    }
}
