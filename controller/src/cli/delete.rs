//! `delete`: writes the wish to tear an environment down. The controller does it, in order.

use engine::items::DELETION;
use engine::store::{Change, Condition, RecordStore as _, StoreError};
use serde_json::{Map, json};

use super::failure::{Ended, Failure, Verdict};
use super::output::Printer;
use super::poll::{self, Until};
use super::session;
use super::view::{self, View};
use super::wait::{is_gone, waits};
use crate::config::Config;
use crate::store::DynamoDb;

/// `delete`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit status: 0 the wish is recorded (--wait: the environment is gone); 1 not found, or \
    interrupted while waiting; 2 usage or failure. Asking twice is harmless.\n\n\
    Example:\n  understudy delete chatmrpt-staging --wait")]
pub struct Args {
    /// The environment.
    name: String,
    /// Wait until it is gone.
    #[arg(long, env = "UNDERSTUDY_WAIT", hide_env_values = true)]
    #[arg(value_parser = clap::builder::BoolishValueParser::new())]
    wait: bool,
}

/// Records the wish, and waits for its end if asked to.
pub async fn run(args: Args, config: &Config) -> Ended {
    let store = session::open(config).await?.store;
    let printer = Printer::new();
    let view = view::read(&store, &args.name).await?.ok_or_else(|| Failure::not_found(&args.name))?;
    wish(&store, &view).await?;
    printer.line(&format!("stagingenvironment/{} deleting", view.name))?;
    if !args.wait {
        return Ok(Verdict::Yes);
    }
    if !until_gone(&store, view).await? {
        return Ok(Verdict::No);
    }
    printer.line(&format!("stagingenvironment/{} deleted", args.name))?;
    Ok(Verdict::Yes)
}

/// Writes DELETION, unless it stands already.
async fn wish(store: &DynamoDb, view: &View) -> Result<(), StoreError> {
    let item = Map::from_iter([
        ("pk".to_owned(), json!(view.name)),
        ("sk".to_owned(), json!(DELETION)),
        ("requestedAt".to_owned(), json!(view.now)),
    ]);
    match store.write(vec![Change::Put(item, vec![Condition::Absent])]).await {
        Ok(()) | Err(StoreError::ConditionFailed { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Waits, telling on stderr what for; whether it is gone rather than the user.
async fn until_gone(store: &DynamoDb, first: View) -> Result<bool, StoreError> {
    let mut told = String::new();
    loop {
        let found = match poll::patiently(|| view::read(store, &first.name), None).await? {
            Until::Came(found) => found,
            Until::TimeUp | Until::Interrupted => return Ok(false),
        };
        if is_gone(Some(&first), found.as_ref()) {
            return Ok(true);
        }
        let news = found.as_ref().map(|view| view.unattended().unwrap_or_else(|| waits(view))).unwrap_or_default();
        if news != told && !news.is_empty() {
            eprintln!("waiting: {news}");
        }
        told = news;
        if poll::pause(None).await == Until::Interrupted {
            return Ok(false);
        }
    }
}
