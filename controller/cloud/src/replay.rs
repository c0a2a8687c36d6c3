//! What a directory keeps, done again: the cloud as it was when its last change was acknowledged.
//!
//! Every change goes through the code that made it first, at the instant at which it was made, and must be answered as it was.
//! Time goes on from the last record. Never: changes the log, but for cutting off a record that was not written whole.

use std::path::{Path, PathBuf};

use http::Method;
use jiff::Timestamp;

use crate::account::{Account, Behaviour};
use crate::control;
use crate::front::ports::Ports;
use crate::keeping::{Change, FORMAT, Header, Keeper, Record};
use crate::log::{Log, OpenError, checksum};
use crate::operations::{Call, answer_kept};
use crate::time::Time;

/// The log's name in its directory.
const LOG: &str = "cloud.log";
/// The name of the file of addresses there.
const ADDRESSES: &str = "addresses.json";
/// The name of DynamoDB's file there.
const DYNAMODB: &str = "dynamodb.sqlite";
/// What ids come from unless it is said.
const SEED: u64 = 1;

/// Why what is kept cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] OpenError),
    /// The directory cannot be made.
    #[error("cannot make {path}: {error}")]
    Directory {
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// It is of another version.
    #[error(
        "{path} has another format than {FORMAT}, which is what this version reads: {why}; take another directory, or the version that made it"
    )]
    Format {
        /// The log.
        path: PathBuf,
        /// What is there.
        why: String,
    },
    /// It has another seed than is wanted.
    #[error("{path} was made with --seed {made}, not {wanted}; leave --seed out, or take another directory")]
    Seed {
        /// The log.
        path: PathBuf,
        /// Its seed.
        made: u64,
        /// The one that is wanted.
        wanted: u64,
    },
    /// This version behaves otherwise than the one that made it.
    #[error(
        "{path} cannot be done again: at byte {offset}, {what} comes to something else than it did. It was made by version \
         {version}; take that one, or another directory"
    )]
    Differs {
        /// The log.
        path: PathBuf,
        /// Where the record begins.
        offset: u64,
        /// What it is about.
        what: String,
        /// Which version made it.
        version: String,
    },
}

/// Where DynamoDB is kept in a directory.
pub fn dynamodb(dir: &Path) -> PathBuf {
    dir.join(DYNAMODB)
}

/// An account that is not kept.
pub fn fleeting(seed: Option<u64>, speed: u32, behaviour: Behaviour) -> Account {
    let time = Time::new(Timestamp::now(), speed);
    Account::new(time, seed.unwrap_or(SEED), behaviour.throttling, behaviour.lag)
}

/// The account that is kept in `dir`, which is made if it does not exist. Nobody else can open it until this one is dropped,
/// or the process ends.
///
/// # Errors
/// When it cannot be used, or is not what is wanted.
pub fn kept(dir: &Path, seed: Option<u64>, speed: u32, behaviour: Behaviour) -> Result<Account, ReplayError> {
    std::fs::create_dir_all(dir).map_err(|error| ReplayError::Directory { path: dir.to_owned(), error })?;
    let path = dir.join(LOG);
    let (mut replayed, mut records) = (None, 0_u64);
    let began = std::time::Instant::now();
    let mut log = Log::open(&path, |offset, text| {
        match &mut replayed {
            None => replayed = Some(Replay::begin(&path, text, seed, speed)?),
            Some(replay) => {
                records += 1;
                replay.redo(&path, offset, text)?;
            }
        }
        Ok::<(), ReplayError>(())
    })?;
    let replay = match replayed {
        Some(replay) => replay,
        None => Replay::new(&path, &mut log, seed.unwrap_or(SEED), speed)?,
    };
    tracing::info!(path = %path.display(), records, millis = began.elapsed().as_millis(), "what was kept is there again");
    let mut account = replay.account;
    account.ports = Ports::in_file(dir.join(ADDRESSES));
    account.time.release();
    account.go_on(behaviour, Keeper::to(log));
    Ok(account)
}

/// An account on its way to where it was.
struct Replay {
    account: Account,
    version: String,
}

impl Replay {
    fn new(path: &Path, log: &mut Log, seed: u64, speed: u32) -> Result<Self, ReplayError> {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let header = Header { format: FORMAT, version, seed, epoch: Timestamp::now() };
        let failed = |error| OpenError::Io { path: path.to_owned(), error };
        let text = serde_json::to_string(&header).map_err(|error| failed(error.into()))?;
        log.append(&text).map_err(|error| failed(std::io::Error::other(error)))?;
        Ok(Self::of(header, speed))
    }

    fn begin(path: &Path, text: &str, seed: Option<u64>, speed: u32) -> Result<Self, ReplayError> {
        // What another format has besides is no concern of this one.
        let format = |why: String| ReplayError::Format { path: path.to_owned(), why };
        let value: serde_json::Value = serde_json::from_str(text).map_err(|error| format(error.to_string()))?;
        if value.get("format").and_then(serde_json::Value::as_u64) != Some(u64::from(FORMAT)) {
            return Err(format(format!("it begins with {text:.80}")));
        }
        let header: Header = serde_json::from_value(value).map_err(|error| format(error.to_string()))?;
        match seed.filter(|seed| *seed != header.seed) {
            Some(wanted) => Err(ReplayError::Seed { path: path.to_owned(), made: header.seed, wanted }),
            None => Ok(Self::of(header, speed)),
        }
    }

    /// Calls that were not refused then are neither throttled nor too early now.
    fn of(header: Header, speed: u32) -> Self {
        let mut time = Time::new(header.epoch, speed);
        time.hold();
        Self {
            account: Account::new(time, header.seed, false, simulator::cloud::ReadLag::None),
            version: header.version,
        }
    }

    fn redo(&mut self, path: &Path, offset: u64, text: &str) -> Result<(), ReplayError> {
        let differs = |what: &str| {
            let (path, what, version) = (path.to_owned(), what.to_owned(), self.version.clone());
            ReplayError::Differs { path, offset, what, version }
        };
        let record: Record = serde_json::from_str(text).map_err(|error| differs(&error.to_string()))?;
        let account = &mut self.account;
        account.time.clock().advance_to(record.at());
        match record.change {
            Change::Call { region, service, action, parameters, answer } => {
                let region = account.region_mut(&region).ok_or_else(|| differs(&action))?;
                let call =
                    Call { cloud: &region.cloud, query: service, action: &action, dry_run: false, request_id: "" };
                let mut came_to = None;
                let mut keep = |body: &[u8]| {
                    came_to = Some(checksum(body));
                    Ok(())
                };
                // Some are refused after they did a part.
                let outcome = answer_kept(&call, parameters, Some(&mut keep));
                if came_to != Some(answer) {
                    let code = outcome.err().map_or("another answer", |refusal| refusal.code);
                    return Err(differs(&format!("{action} ({code})")));
                }
            }
            Change::Met { region, fault } => {
                account.region_mut(&region).ok_or_else(|| differs("a fault"))?.faults.spend(fault);
            }
            Change::Ended { region } => {
                // Looking at it is enough.
                account.region_mut(&region).ok_or_else(|| differs("a fault"))?;
            }
            Change::Control { method, path, region, body } => {
                let method = Method::from_bytes(method.as_bytes()).map_err(|_| differs("a method"))?;
                control::answer(account, &method, &path, body.as_bytes(), &region);
            }
            Change::Time => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
