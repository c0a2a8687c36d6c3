//! `get`: environments in a row each, or whole as JSON or YAML.

use planner::status::Truth;
use serde_json::{Value, json};

use super::failure::{Ended, Failure, Verdict};
use super::output::{Columns, Printer, Shape, Tone};
use super::poll::{Until, Watch};
use super::revision;
use super::session;
use super::view::{self, View};
use crate::config::{Config, Output};
use crate::store::DynamoDb;

const COLUMNS: [&str; 7] = ["NAME", "READY", "HEALTHY", "DESIRED", "IMAGE", "AGE", "REASON"];
const WIDE_COLUMNS: [&str; 5] = ["LB-DNS", "GENERATION", "VPC", "ZONES", "WAITING-FOR"];
/// Places of what is left out where a terminal is narrow: IMAGE first, then AGE, then DESIRED. AGE grows by itself, too.
const DESIRED: usize = 3;
const IMAGE: usize = 4;
const AGE: usize = 5;
/// What a watch leaves room for in each column, whatever its first lines hold.
const WATCHED: [&str; 7] = ["", "Unknown", "2 (0 new)", "", "ami-0123456789abcdef0", "23h59m", "ControllerNotRunning"];

/// `get`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit status: 0 printed (without NAME also when there are none), or NAME of a watch is gone; 1 not found; \
    2 usage or failure; 130 a watch was ended by Ctrl-C.\n\n\
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
        (wide @ (Output::Table | Output::Wide), _) => print_rows(printer, &views, wide)?,
    }
    Ok(Verdict::Yes)
}

async fn read(store: &DynamoDb, name: Option<&str>) -> Result<Vec<View>, ports::StoreError> {
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
    let mut watch = Watch::until(None);
    let mut told = Told::new(Printer::new(), output);
    let mut views = first;
    loop {
        told.changes(&views)?;
        for gone in told.shown.iter().filter(|old| !views.iter().any(|view| view.name == old.name)) {
            eprintln!("stagingenvironment/{} deleted", gone.name);
        }
        if name.is_some() && views.is_empty() {
            return Ok(Verdict::Yes);
        }
        told.shown = views;
        if watch.pause().await == Until::Interrupted {
            return Ok(Verdict::Interrupted);
        }
        views = match watch.patiently(|| read(store, name)).await? {
            Until::Came(views) => views,
            Until::TimeUp | Until::Interrupted => return Ok(Verdict::Interrupted),
        };
    }
}

/// What a watch has told.
pub struct Told {
    printer: Printer,
    output: Output,
    shown: Vec<View>,
    shape: Option<Shape>,
}

impl Told {
    /// Nothing yet.
    pub fn new(printer: Printer, output: Output) -> Self {
        Self { printer, output, shown: Vec::new(), shape: None }
    }

    fn changes(&mut self, views: &[View]) -> Result<(), Failure> {
        let is_new = |view: &&View| !self.shown.iter().any(|old| looks_same(old, view, self.output));
        let changed: Vec<&View> = views.iter().filter(is_new).collect();
        match self.output {
            Output::Json => changed.iter().try_for_each(|view| self.printer.line(&view.document().to_string())),
            Output::Yaml => changed.iter().try_for_each(|view| {
                self.printer.line("---")?;
                self.printer.yaml(&view.document())
            }),
            Output::Table | Output::Wide if changed.is_empty() => Ok(()),
            Output::Table | Output::Wide => {
                let printer = self.printer;
                self.lines(&changed).iter().try_for_each(|line| printer.line(line))
            }
        }
    }

    /// The rows of these, under what was printed before.
    pub fn lines(&mut self, changed: &[&View]) -> Vec<String> {
        let columns = table(changed, self.output, self.shape.is_none());
        // What is printed later stands under it, so there is room for what may come.
        let shape = match &self.shape {
            Some(before) => columns.shape(self.printer.width, Some(before)),
            None => roomy(changed, self.output).shape(self.printer.width, None),
        };
        columns.lines_as(self.shape.insert(shape), self.printer, "")
    }
}

/// The table with a row for what a watch may have to show later.
fn roomy(views: &[&View], output: Output) -> Columns {
    let mut columns = table(views, output, true);
    columns.row(WATCHED.map(|cell| (cell.to_owned(), Tone::Plain)));
    columns
}

/// Whether a watch would print the same; time alone is no change.
fn looks_same(old: &View, new: &View, output: Output) -> bool {
    if old.name != new.name {
        return false;
    }
    let row = |view: &View| {
        let mut row = row(view, output);
        row.remove(AGE);
        row
    };
    match output {
        Output::Json | Output::Yaml => old.document() == new.document(),
        Output::Table | Output::Wide => row(old) == row(new),
    }
}

fn print_rows(printer: Printer, views: &[View], output: Output) -> Result<(), Failure> {
    let views: Vec<&View> = views.iter().collect();
    table(&views, output, true).lines(printer, "").iter().try_for_each(|line| printer.line(line))
}

/// Environments in a row each.
pub fn table(views: &[&View], output: Output, headed: bool) -> Columns {
    let wide = output == Output::Wide;
    let names: Vec<&str> = COLUMNS.into_iter().chain(WIDE_COLUMNS.into_iter().filter(|_| wide)).collect();
    let columns = if headed { Columns::headed(&names) } else { Columns::default() };
    let mut columns = columns.sparing(if wide { &[] } else { &[IMAGE, AGE, DESIRED] });
    for view in views {
        columns.row(row(view, output));
    }
    columns
}

fn row(view: &View, output: Output) -> Vec<(String, Tone)> {
    let more = if output == Output::Wide { wide_cells(view) } else { Vec::new() };
    cells(view).into_iter().chain(more).collect()
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
        status.and_then(|status| Some(status.load_balancer.as_ref()?.dns_name.clone())),
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
