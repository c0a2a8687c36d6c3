//! `diff`: what applying a file would change in the record.
//!
//! Both sides are shown in one canonical form (maps sorted, nulls dropped), so that only edits show.

use std::path::PathBuf;

use serde_json::{Value, json};
use similar::{ChangeTag, TextDiff};

use super::document::{self, labels};
use super::failure::{Complaint, Ended, Failure, Verdict};
use super::output::{Printer, Tone, yaml};
use super::{record, session};
use crate::config::Config;

/// Unchanged lines around a change.
const CONTEXT_LINES: usize = 3;

/// `diff`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit status: 0 the record says the same; 1 it differs; 2 failure, a missing file, an invalid \
    document and one that `apply` would refuse for what is fixed too.\n\n\
    Example:\n  understudy diff -f staging.yaml")]
pub struct Args {
    /// The file with one or several documents; - for stdin.
    #[arg(short, long, env = "UNDERSTUDY_FILE", hide_env_values = true, value_name = "FILE")]
    file: PathBuf,
}

/// Prints a unified diff for each document that differs.
pub async fn run(args: Args, config: &Config) -> Ended {
    let documents = document::read_file(&args.file).map_err(Failure::into_failed)?;
    let store = session::open(config).await?.store;
    let printer = Printer::new();
    let mut verdict = Verdict::Yes;
    let mut complaints = Vec::new();
    for document in documents {
        let wanted = Value::Object(document.item());
        let wishes = record::read(&store, &document.name).await?;
        complaints.extend(
            wishes
                .fixed(&document)
                .iter()
                .map(|fault| Complaint::of_fault(&format!("stagingenvironment/{} ", document.name), fault)),
        );
        let stored = wishes.spec.map(Value::Object);
        if stored.as_ref().is_some_and(|stored| record::same(stored, &wanted)) {
            continue;
        }
        verdict = Verdict::No;
        let old = stored.as_ref().map(canonical).unwrap_or_default();
        print(printer, &document.name, &old, &canonical(&wanted))?;
    }
    if complaints.is_empty() { Ok(verdict) } else { Err(Failure::usage(complaints)) }
}

fn print(printer: Printer, name: &str, old: &str, new: &str) -> Result<(), Failure> {
    printer.line(&printer.tone(&format!("--- stagingenvironment/{name} in the record"), Tone::Strong))?;
    printer.line(&printer.tone(&format!("+++ stagingenvironment/{name} in the file"), Tone::Strong))?;
    let diff = TextDiff::from_lines(old, new);
    for hunk in diff.unified_diff().context_radius(CONTEXT_LINES).iter_hunks() {
        printer.line(&hunk.header().to_string())?;
        for change in hunk.iter_changes() {
            let (sign, tone) = match change.tag() {
                ChangeTag::Delete => ('-', Tone::Bad),
                ChangeTag::Insert => ('+', Tone::Good),
                ChangeTag::Equal => (' ', Tone::Plain),
            };
            let line = format!("{sign}{}", change.value().trim_end_matches('\n'));
            printer.line(&printer.tone(&line, tone))?;
        }
    }
    Ok(())
}

/// What a record says, as text in which only edits make a difference.
fn canonical(record: &Value) -> String {
    let mut shown = json!({
        "apiVersion": record["apiVersion"],
        "kind": record["kind"],
        "metadata": { "name": record["metadata"]["name"], "labels": labels(record) },
        "spec": record["spec"],
    });
    without_nulls(&mut shown);
    yaml(&shown)
}

fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(without_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
