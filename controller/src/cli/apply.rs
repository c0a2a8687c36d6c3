//! `apply`: makes the record what a file says.
//!
//! All documents are validated, and judged against the table, before the first is written.

use std::path::PathBuf;

use ports::StoreError;

use super::document::{self, Document};
use super::failure::{Ended, Failure, Verdict};
use super::output::Printer;
use super::record::{self, Edit, Wishes};
use super::session;
use crate::config::Config;
use crate::store::DynamoDb;

/// How often a write is tried that somebody else's writes get in the way of.
const TRIES_MAX: u32 = 5;

/// `apply`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit status: 0 applied, or nothing to change; 1 the file is missing, unreadable or invalid, \
    asks for another of what is fixed (such as the region), or the environment is being deleted; 2 usage or failure.\n\n\
    Example:\n  understudy apply -f staging.yaml\n  understudy get -o yaml | understudy apply -f - --dry-run")]
pub struct Args {
    /// The file with one or several documents; - for stdin.
    #[arg(short, long, env = "UNDERSTUDY_FILE", hide_env_values = true, value_name = "FILE")]
    file: PathBuf,
    /// Only say what would be done.
    #[arg(long, env = "UNDERSTUDY_DRY_RUN", hide_env_values = true)]
    #[arg(value_parser = clap::builder::BoolishValueParser::new())]
    dry_run: bool,
}

/// Applies every document of the file, or, when one of them cannot be, none.
pub async fn run(args: Args, config: &Config) -> Ended {
    let printer = Printer::new();
    let documents = document::read_file(&args.file)?;
    let store = session::open(config).await?.store;
    let mut judged = Vec::new();
    let mut complaints = Vec::new();
    let several = documents.len() > 1;
    let within = |name: &str| if several { format!("stagingenvironment/{name} ") } else { String::new() };
    for document in documents {
        let wishes = record::read(&store, &document.name).await?;
        match wishes.edit(&document, &within(&document.name)) {
            Ok(edit) => judged.push((document, wishes, edit)),
            Err(refused) => complaints.extend(refused.complaints),
        }
    }
    if !complaints.is_empty() {
        return Err(Failure::all_no(complaints));
    }
    for (document, wishes, edit) in judged {
        let (edit, suffix) = match args.dry_run {
            true => (edit, " (dry run)"),
            false => (store_it(&store, &document, wishes, edit).await?, ""),
        };
        printer.line(&format!("stagingenvironment/{} {}{suffix}", document.name, edit.word()))?;
    }
    Ok(Verdict::Yes)
}

/// Stores a document; when somebody wrote meanwhile, judges it anew against what they wrote.
async fn store_it(store: &DynamoDb, document: &Document, wishes: Wishes, edit: Edit) -> Result<Edit, Failure> {
    let (mut wishes, mut edit) = (wishes, edit);
    for tries in 1.. {
        if edit == Edit::Unchanged {
            break;
        }
        match wishes.store(store, document).await {
            Ok(()) => break,
            Err(StoreError::ConditionFailed { .. } | StoreError::TransactionConflict) if tries < TRIES_MAX => {
                wishes = record::read(store, &document.name).await?;
                edit = wishes.edit(document, "")?;
            }
            Err(error) => return Err(record::not_stored(store, &document.name, error).await),
        }
    }
    Ok(edit)
}
