//! The demonstration: the whole product on a cloud of its own, in one process.
//!
//! Controller, adapter, SDK and record speak to `understudy cloud` over loopback, as they speak to AWS; only who breaks it and
//! who judges it are in the same process. It puts the
//! example environment, waits until it is ready, then breaks it in one way after another and tells what was seen, what was
//! done and how long it took. Whether it is repaired is judged by the cloud's own state, not by what the controller says of
//! it. Never: needs an account, Python or Docker, or leaves anything behind.

mod example;
mod faults;
mod narrator;
mod visitors;

use std::io::Write as _;
use std::time::Duration;

use aws_api::id::InstanceId;
use cloud::client::{Client, Unanswered};
use cloud::{Options, Running, StartError};
use engine::context::Ctx;
use engine::controller;
use engine::observe::reference::Reference;
use engine::throttle::{Share, Throttled};
use futures::future::{Either, select};
use planner::ownership::{TAG_INTENT, TAG_SLOT, TAG_UID};
use ports::{Change, Clock, Condition, RecordStore, StoreError};
use simulator::SimCloud;
use simulator::cloud::Canonical;

use self::example::Example;
use self::faults::{FAULTS, Fault};
use self::narrator::Narrator;
use self::visitors::Visitors;
use crate::aws::{self, Aws};
use crate::config::{LOCAL_REGION, LOCAL_URL, TABLE};
use crate::layout;
use crate::local_clock::LocalClock;
use crate::store::DynamoDb;
use crate::store::table::TableError;
use crate::system::{SystemClock, SystemEntropy};

/// How many times faster than the wall clock its time runs.
pub const SPEED: u32 = 20;
/// Longest that one step may take, in the demonstration's time. A converge takes about five minutes, a sick member's
/// replacement about ten.
const STEP_MAX: Duration = Duration::from_secs(45 * 60);
/// How often what happened is looked for and told.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Longest call.
const CALL_MAX: Duration = Duration::from_secs(4);
/// Ids are the same in every demonstration.
const SEED: u64 = 1;

/// Why the demonstration could not run.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// No cloud.
    #[error(transparent)]
    Cloud(#[from] StartError),
    /// It did not answer.
    #[error(transparent)]
    Unanswered(#[from] Unanswered),
    /// No thread for the visitors.
    #[error("the visitors have no thread: {0}")]
    Visitors(#[from] std::io::Error),
    /// It has ended.
    #[error("the cloud has ended")]
    Ended,
    /// Somebody took away what it was to break.
    #[error("somebody else has changed the environment: what the demonstration was to break next is not there")]
    Changed,
    /// What it tells cannot be written.
    #[error("stdout: {0}")]
    Untold(std::io::Error),
    /// The controller does not end by itself.
    #[error("the controller has ended")]
    ControllerEnded,
    /// No table.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The record.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The example, which is part of the program.
    #[error("the built-in example cannot be used: {0}")]
    Example(String),
}

/// Runs it. With `once` it ends after the last fault, otherwise it begins again until the process is ended.
/// Returns whether everything was repaired.
///
/// # Errors
/// When the cloud cannot be started or used.
pub async fn run(speed: u32, once: bool) -> Result<bool, DemoError> {
    let cloud = start(speed)?;
    let endpoint = format!("http://{}", cloud.address());
    let asked = aws::config::Asked { region: Some(LOCAL_REGION), endpoint: Some(&endpoint), without_credentials: true };
    let sdk = Box::pin(aws::config::load(&asked, CALL_MAX)).await;
    let store = DynamoDb::new(&sdk, TABLE);
    Box::pin(store.create_table()).await?;
    let example = Example::on(&Client::of(&endpoint)).await?;
    let (clock, real_clock) = (LocalClock::of(&endpoint).await?, SystemClock::start());
    let ctx = Ctx {
        cloud: &Throttled::new(Aws::new(sdk), &clock, Share::default()),
        store: &store,
        clock: &clock,
        real_clock: &real_clock,
        entropy: &SystemEntropy,
        default_region: LOCAL_REGION.into(),
        missing_after: Duration::from_secs(300),
        reference: &Reference::default(),
    };
    let resync_interval = Duration::from_secs(10);
    let options = controller::Options { holder: "demo".into(), resync_interval, observe_only: false, once: false };
    let controller = controller::run(&ctx, &options, futures::future::pending());
    introduce(&example.name, &endpoint, speed)?;
    let narrator = Narrator::new(&example.name);
    let mut show = Show { cloud: &cloud, store: &store, clock: &clock, endpoint, narrator, visitors: None };
    let script = show.run(&example, once);
    let stage = select(Box::pin(clock.follow()), Box::pin(controller));
    match select(Box::pin(script), stage).await {
        Either::Left((result, _)) => result,
        Either::Right(_) => Err(DemoError::ControllerEnded),
    }
}

/// Says what is seen, and how to see more of it.
fn introduce(name: &str, endpoint: &str, speed: u32) -> Result<(), DemoError> {
    let text = format!(
        "{name} on a simulated AWS of its own at {endpoint}, whose time runs {speed} times as fast. Times are the \
         simulation's. Ctrl-C ends it. Look at it from another shell:"
    );
    layout::hanging("", &text, layout::width()).iter().try_for_each(|line| say(line))?;
    let elsewhere = if endpoint == LOCAL_URL { String::new() } else { format!(" --endpoint-url {endpoint}") };
    // In one line, to be copied.
    say(&format!("  understudy describe {name} --local{elsewhere}"))
}

/// Tells a line.
fn say(line: &str) -> Result<(), DemoError> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(DemoError::Untold)
}

/// Where `--local` looks for it, or where there is room.
fn start(speed: u32) -> Result<Running, StartError> {
    let usual = Options { speed, seed: Some(SEED), ..Options::default() };
    let elsewhere = Options { listen: cloud::listening::localhost(0), ..usual.clone() };
    match cloud::start(&usual) {
        Err(StartError::Listen(_, error)) if error.kind() == std::io::ErrorKind::AddrInUse => cloud::start(&elsewhere),
        started => started,
    }
}

struct Show<'a> {
    cloud: &'a Running,
    store: &'a DynamoDb,
    clock: &'a LocalClock,
    endpoint: String,
    narrator: Narrator,
    visitors: Option<Visitors>,
}

/// How a repair is judged: what the cloud was like before, and who must go.
struct Judged {
    wanted: String,
    must_go: Option<InstanceId>,
}

impl Show<'_> {
    async fn run(&mut self, example: &Example, once: bool) -> Result<bool, DemoError> {
        let spec = Change::Put(example.item(), vec![Condition::Absent]);
        self.store.write(vec![spec]).await?;
        self.narrator.begin(self.clock.now(), "The record is applied; nothing exists yet.")?;
        if !self.until_settled(None).await? {
            return Ok(false);
        }
        self.visitors = Some(Visitors::come(&self.endpoint, &example.load_balancer)?);
        let name = example.name.clone();
        self.visit(move |cloud| faults::prepare(cloud, &name)).await?.ok_or(DemoError::Changed)?;
        loop {
            for (nth, fault) in FAULTS.iter().enumerate() {
                if !self.fault(nth, fault).await? {
                    return Ok(false);
                }
            }
            if once {
                say(&format!("\nAll {} repaired.", FAULTS.len()))?;
                return Ok(true);
            }
        }
    }

    /// Looks at the cloud itself.
    async fn visit<T: Send + 'static>(
        &self,
        visit: impl FnOnce(&SimCloud) -> T + Send + 'static,
    ) -> Result<T, DemoError> {
        self.cloud.visit(LOCAL_REGION, visit).await.ok_or(DemoError::Ended)
    }

    async fn fault(&mut self, nth: usize, fault: &Fault) -> Result<bool, DemoError> {
        let (name, break_it) = (self.narrator.name().to_owned(), fault.break_it);
        let broken = self.visit(move |cloud| {
            let wanted = canonical(cloud, &name);
            let victim = faults::oldest_member(cloud, &name)?;
            break_it(cloud, &name, &victim).map(|told| (wanted, told, victim))
        });
        let (wanted, told, victim) = broken.await?.ok_or(DemoError::Changed)?;
        self.narrator.begin(self.clock.now(), &format!("{}/{}  {told}", nth + 1, FAULTS.len()))?;
        self.until_settled(Some(Judged { wanted, must_go: fault.replaces.then_some(victim) })).await
    }

    /// Tells what happens until the environment is ready and, where it was before, what it was.
    async fn until_settled(&mut self, judged: Option<Judged>) -> Result<bool, DemoError> {
        let began = self.clock.elapsed();
        loop {
            self.clock.sleep(LOOK_EVERY).await;
            let (now, elapsed) = (self.clock.now(), self.clock.elapsed() - began);
            // The cloud first: that it is broken is in STATUS before anything is repaired.
            let as_wanted = self.is_as_wanted(judged.as_ref()).await?;
            if self.narrator.look(self.store, now).await? && as_wanted {
                self.narrator.end(elapsed, judged.is_some())?;
                if let Some(visitors) = &self.visitors {
                    say(&format!("  {}.", Visitors::words(visitors.told().await)))?;
                }
                return Ok(true);
            }
            if elapsed > STEP_MAX {
                self.narrator.give_up(elapsed)?;
                return Ok(false);
            }
        }
    }

    async fn is_as_wanted(&self, judged: Option<&Judged>) -> Result<bool, DemoError> {
        let Some(Judged { wanted, must_go }) = judged else { return Ok(true) };
        let (name, must_go) = (self.narrator.name().to_owned(), must_go.clone());
        let (is, gone) = self
            .visit(move |cloud| {
                let live = cloud.view().live_instances();
                let gone = must_go.is_none_or(|victim| live.iter().all(|instance| instance.id != victim));
                (canonical(cloud, &name), gone)
            })
            .await?;
        Ok(gone && is == *wanted)
    }
}

/// The cloud without ids and slots, for comparing.
fn canonical(cloud: &SimCloud, name: &str) -> String {
    let prefix = format!("{name}-");
    let rename = |text: &str| match text.strip_prefix(&prefix) {
        // Members are numbered in the order of their launch.
        Some(slot) if slot.len() == 1 && slot.chars().all(|c| c.is_ascii_digit()) => format!("{prefix}N"),
        Some(_) | None => text.to_owned(),
    };
    let how = Canonical { without_tags: &[TAG_UID, TAG_INTENT, TAG_SLOT], rename: &rename };
    cloud.view().canonical(&how)
}
