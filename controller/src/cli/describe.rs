//! `describe`: an environment at length, for people: conditions, instances with reasons, resources, waits, events.

use engine::heartbeat::Beat;
use engine::recorder;
use planner::status::{MemberStatus, Status, Wait};
use serde_json::Value;

use super::events;
use super::failure::{Ended, Failure, Verdict};
use super::get::tone_of;
use super::output::{Columns, Printer, Tone};
use super::session;
use super::view::{self, View};
use crate::config::{Config, Output};
use crate::layout::{Names, hanging};

/// Events that are shown; `events` shows all.
const EVENTS_SHOWN: usize = 10;

/// `describe`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit status: 0 shown; 1 not found; 2 usage or failure.\n\n\
    Example:\n  understudy describe chatmrpt-staging")]
pub struct Args {
    /// The environment.
    name: String,
}

/// Prints all there is to say of an environment, with -o wide under AWS's own names and at full length. With -o json or
/// yaml: the document, as `get` prints it.
pub async fn run(args: Args, config: &Config) -> Ended {
    let store = session::open(config).await?.store;
    let printer = Printer::new();
    let view = view::read(&store, &args.name).await?.ok_or_else(|| Failure::not_found(&args.name))?;
    match config.output {
        Output::Json => printer.json(&view.document())?,
        Output::Yaml => printer.yaml(&view.document())?,
        Output::Table | Output::Wide => {
            let began = view.status.as_ref().map(|status| status.creation_timestamp);
            let events = recorder::events_of_all(&store, &args.name, view.now, began).await?;
            let events = &events[events.len().saturating_sub(EVENTS_SHOWN)..];
            let lines = lines(printer, &view, events, config.output == Output::Wide);
            lines.iter().try_for_each(|line| printer.line(line))?;
        }
    }
    Ok(Verdict::Yes)
}

/// The page of an environment.
pub fn lines(printer: Printer, view: &View, events: &[recorder::Told], wide: bool) -> Vec<String> {
    let names = (!wide).then(|| Names::of(view.status.as_ref()));
    let mut page = Page { printer, names, lines: Vec::new() };
    page.view(view);
    page.events(events, view);
    page.lines
}

struct Page {
    printer: Printer,
    /// Short names, unless AWS's own are wanted.
    names: Option<Names>,
    lines: Vec<String>,
}

/// What stands before the lines of a part.
const INDENT: &str = "  ";

impl Page {
    fn view(&mut self, view: &View) {
        self.head(view);
        self.conditions(view);
        if let Some(status) = &view.status {
            self.resources(status);
            self.instances(status, view);
            self.waits(&status.waiting_for);
        }
    }

    fn heading(&mut self, text: &str) {
        self.lines.push(String::new());
        self.lines.push(self.printer.tone(text, Tone::Strong));
    }

    fn table(&mut self, columns: &Columns) {
        self.lines.extend(columns.lines(self.printer, INDENT));
    }

    fn short(&self, text: &str) -> String {
        self.names.as_ref().map_or_else(|| text.to_owned(), |names| names.shortened(text))
    }

    fn head(&mut self, view: &View) {
        let mut columns = Columns::default();
        let mut row =
            |name: &str, value: String| columns.row([(format!("{name}:"), Tone::Plain), (value, Tone::Plain)]);
        row("Name", view.name.clone());
        for (name, value) in labels(view) {
            row("Label", format!("{name}={value}"));
        }
        if let Some(status) = &view.status {
            row("Uid", status.uid.to_string());
            row(
                "Created",
                format!("{:.0}, {} ago", status.creation_timestamp, view::age(status.creation_timestamp, view.now)),
            );
            row(
                "Generation",
                format!("{}, seen {}, in force {}", status.generation, status.observed_generation, status.revision),
            );
            let address = status.load_balancer.as_ref().map(|balancer| balancer.dns_name.clone());
            row("Address", address.unwrap_or_default());
            row("Image", status.image.as_ref().map(|image| image.ami_id.clone()).unwrap_or_default());
            row(
                "Members",
                format!(
                    "{} wanted, {} current, {} healthy",
                    status.desired,
                    status.updated,
                    view.healthy().unwrap_or_default()
                ),
            );
        }
        if view.deleting() {
            row("Deleting", "yes".to_owned());
        }
        if let Some(beat) = &view.beat {
            row("Controller", leader(beat, view));
            if let Some(seconds) = beat.looks_every_seconds {
                let why = "the controller's share of AWS's quota has no room for more";
                row("Looked at", format!("every {seconds}s at most, which is less often than asked: {why}"));
            }
        }
        self.lines.extend(columns.lines(self.printer, ""));
    }

    fn conditions(&mut self, view: &View) {
        self.heading("Conditions");
        let mut columns = Columns::headed(&["TYPE", "STATUS", "SINCE", "REASON", "MESSAGE"]);
        for condition in view.conditions() {
            let text = |name: &str| condition[name].as_str().unwrap_or_default().to_owned();
            let since = text("lastTransitionTime").parse().map(|at| view::age(at, view.now)).unwrap_or_default();
            let truth = serde_json::from_value(condition["status"].clone());
            columns.row([
                (text("type"), Tone::Plain),
                (text("status"), truth.map_or(Tone::Plain, tone_of)),
                (since, Tone::Plain),
                (text("reason"), Tone::Plain),
                // Each fault of an invalid record stands on a line of its own.
                (self.short(&text("message").replace('\n', "; ")), Tone::Plain),
            ]);
        }
        self.table(&columns);
    }

    fn resources(&mut self, status: &Status) {
        self.heading("Resources");
        let wide = self.names.is_none();
        let mut columns = Columns::default();
        let mut row = |short: String, says: &str, id: &str| {
            let id = if wide { Some(id.to_owned()) } else { None };
            let cells = [short, says.to_owned()].into_iter().chain(id);
            columns.row(cells.map(|cell| (cell, Tone::Plain)));
        };
        if let Some(network) = &status.network {
            row("vpc".to_owned(), network.vpc_id.as_str(), "");
        }
        if let Some(load_balancer) = &status.load_balancer {
            let zones: Vec<String> = load_balancer.zones.iter().map(ToString::to_string).collect();
            row(format!("lb/{}", load_balancer.name), &zones.join(", "), load_balancer.arn.as_str());
        }
        for listener in &status.listeners {
            row("listener".to_owned(), &format!("port {}", listener.port), listener.arn.as_str());
        }
        for group in &status.target_groups {
            row(format!("tg/{}", group.name), &format!("port {}", group.port), group.arn.as_str());
        }
        let groups = &status.security_groups;
        for id in [&groups.load_balancer, &groups.instances].into_iter().flatten() {
            let name = groups.names.get(id).map_or("sg".to_owned(), |name| format!("sg/{name}"));
            row(name, id.as_str(), "");
        }
        self.table(&columns);
    }

    fn instances(&mut self, status: &Status, view: &View) {
        self.heading("Instances");
        let names = ["SLOT", "INSTANCE", "ZONE", "IMAGE", "TYPE", "PRIVATE-IP", "STATE", "HEALTH", "AGE", "REASON"];
        // In a narrow terminal: PRIVATE-IP, TYPE and IMAGE go first, in this order.
        let spared: &[usize] = if self.names.is_some() { &[5, 4, 3] } else { &[] };
        let mut columns = Columns::headed(&names).sparing(spared);
        for member in &status.instances {
            columns.row([
                (member.slot.to_string(), Tone::Plain),
                (member.instance_id.to_string(), Tone::Plain),
                (member.zone.to_string(), Tone::Plain),
                (member.ami_id.to_string(), Tone::Plain),
                (member.instance_type.clone(), Tone::Plain),
                (member.private_ip.clone().unwrap_or_default(), Tone::Plain),
                (word(&member.state), Tone::Plain),
                (word(&member.health), Tone::Plain),
                (view::age(member.launched_at, view.now), Tone::Plain),
                (reason(member), Tone::Plain),
            ]);
        }
        self.table(&columns);
    }

    fn waits(&mut self, waits: &[Wait]) {
        if waits.is_empty() {
            return;
        }
        self.heading("Waiting for");
        for wait in waits {
            let lines = hanging(INDENT, &self.short(&said(wait)), self.printer.width);
            self.lines.extend(lines);
        }
    }

    fn events(&mut self, events: &[recorder::Told], view: &View) {
        if events.is_empty() {
            return;
        }
        self.heading("Events");
        let mut columns =
            Columns::headed(&["AGE", "TYPE", "REASON", "RESOURCE", "MESSAGE"]).sparing_at_last(&[events::RESOURCE]);
        for event in events {
            columns.row(events::row(view::age(event.time, view.now), event, self.names.as_ref()));
        }
        self.table(&columns);
    }
}

/// Which controller leads, since when, and in whose place.
fn leader(beat: &Beat, view: &View) -> String {
    let since = beat.leads_since.map(|since| format!(", leads since {since:.0} ({} ago)", view::age(since, view.now)));
    let before = beat.before.as_ref().map(|before| format!(", before it {before}"));
    format!("{}{}{}", beat.holder, since.unwrap_or_default(), before.unwrap_or_default())
}

fn labels(view: &View) -> Vec<(String, String)> {
    let labels = view.spec.as_ref().and_then(|item| item.get("metadata")?.get("labels")?.as_object());
    let shown = |(name, value): (&String, &Value)| (name.clone(), value.as_str().unwrap_or_default().to_owned());
    labels.into_iter().flatten().map(shown).collect()
}

/// Why a member is as it is: why it goes, or what its health check says.
fn reason(member: &MemberStatus) -> String {
    match (&member.leaving, &member.reason) {
        (Some(leaving), _) => format!("leaving: {}", leaving.reason),
        (None, Some(reason)) => reason.clone(),
        (None, None) => String::new(),
    }
}

/// A value as the record writes it.
fn word(value: &Option<impl serde::Serialize>) -> String {
    let written = value.as_ref().and_then(|value| serde_json::to_value(value).ok());
    written.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// What is waited for, and until when.
pub fn said(wait: &Wait) -> String {
    match wait.until {
        Some(until) => format!("{} (until {until:.0})", wait.what),
        None => wait.what.clone(),
    }
}
