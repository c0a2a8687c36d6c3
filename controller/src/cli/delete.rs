//! `delete`: writes the wish to tear an environment down. The controller does it, in order.

use engine::items::DELETION;
use ports::{Change, Condition, RecordStore as _, StoreError};
use serde_json::{Map, json};
use tokio::time::Instant;

use super::failure::{Ended, Failure, Verdict};
use super::output::Printer;
use super::poll::{Progress, Until, Watch};
use super::session;
use super::view::{self, View};
use super::wait::{Cut, Goal, is_gone, still_waiting, tell};
use crate::config::Config;
use crate::store::DynamoDb;

/// `delete`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit status: 0 the wish is recorded (--wait: the environment is gone); 1 not found, or timed \
    out while waiting, saying on stderr what it still waits for (the wish stands); 2 usage or failure; 130 ended by \
    Ctrl-C while waiting (the wish stands). Asking twice is harmless.\n\n\
    Example:\n  understudy delete chatmrpt-staging --wait --timeout 30m")]
pub struct Args {
    /// The environment.
    name: String,
    /// Wait until it is gone.
    #[arg(long, env = "UNDERSTUDY_WAIT", hide_env_values = true)]
    #[arg(value_parser = clap::builder::BoolishValueParser::new())]
    pub wait: bool,
    /// With --wait: how long at most, such as 90s or 1h30m; 0s: look once [default: 30m].
    #[arg(long, env = "UNDERSTUDY_TIMEOUT", hide_env_values = true, value_name = "DURATION")]
    pub timeout: Option<String>,
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
    until_gone(&store, view, Instant::now() + config.timeout).await?;
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

/// Waits, telling on stderr what for.
///
/// # Errors
/// The store's, or status 1 or 130 when time was up or the user had enough before it was gone.
async fn until_gone(store: &DynamoDb, first: View, deadline: Instant) -> Result<(), Failure> {
    let mut progress = Progress::default();
    let mut watch = Watch::until(Some(deadline));
    let mut seen = Some(first.clone());
    loop {
        let ended = match watch.patiently(|| view::read(store, &first.name)).await? {
            Until::Came(found) if is_gone(Some(&first), found.as_ref()) => return Ok(()),
            Until::Came(found) => {
                if let Some(view) = &found {
                    tell(&mut progress, Goal::Delete, view);
                }
                seen = found;
                watch.pause().await
            }
            Until::TimeUp => Until::TimeUp,
            Until::Interrupted => Until::Interrupted,
        };
        let cut = match ended {
            Until::Came(()) => continue,
            Until::TimeUp => Cut::TimeUp,
            Until::Interrupted => Cut::Interrupted,
        };
        return Err(still_waiting(&first.name, Goal::Delete, seen.as_ref(), cut));
    }
}
