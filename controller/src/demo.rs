//! The demonstration: the real loop, over a simulated cloud and an embedded DynamoDB, in one process.
//!
//! It applies the example environment, waits until it is ready, then breaks it in one way after another and tells what
//! was seen, what was done and how long it took. Whether it is repaired is judged by the cloud's own state, not by what
//! the controller says of it. Never: needs an account, Python or Docker, or leaves anything behind.

mod faults;
mod narrator;
mod pace;

use std::time::Duration;

use engine::clock::Clock;
use engine::context::Ctx;
use engine::controller::{self, Options};
use engine::observe::reference::Reference;
use engine::store::{Change, Condition, Item, RecordStore, StoreError};
use futures::future::{Either, select};
use jiff::Timestamp;
use planner::id::{SubnetId, VpcId, Zone};
use planner::ownership::{TAG_INTENT, TAG_SLOT, TAG_UID};
use planner::resource::Subnet;
use serde_json::Value;
use simulator::cloud::Canonical;
use simulator::{Builder, SimCloud, VirtualClock};

use self::faults::{FAULTS, Fault};
use self::narrator::Narrator;
use crate::store::DynamoDb;
use crate::store::embedded::{Embedded, StartError};
use crate::store::table::TableError;
use crate::system::SystemEntropy;

/// The environment of the demonstration: the one that stands in the documentation.
const EXAMPLE: &str = include_str!("../../crds-schema/examples/chatmrpt-staging.yaml");
/// How many times faster than the wall clock its time runs.
pub const SPEED: u32 = 20;
/// Longest that one step may take, in the demonstration's time. A converge takes about five minutes, a sick member's
/// replacement about ten.
const STEP_MAX: Duration = Duration::from_secs(45 * 60);
/// How often what happened is looked for and told.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Why the demonstration could not run.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// No DynamoDB.
    #[error(transparent)]
    Embedded(#[from] StartError),
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
/// When the embedded DynamoDB cannot be started or used.
pub async fn run(speed: u32, once: bool) -> Result<bool, DemoError> {
    let embedded = Embedded::start()?;
    let store = DynamoDb::new(&embedded.sdk_config(), "understudy");
    Box::pin(store.create_table()).await?;
    let clock = VirtualClock::new(Timestamp::now());
    let example = example()?;
    let cloud = cloud(&example)?.build(&clock);
    let ctx = Ctx {
        cloud: &cloud,
        store: &store,
        clock: &clock,
        entropy: &SystemEntropy,
        default_region: "us-east-2".into(),
        missing_after: Duration::from_secs(300),
        reference: &Reference::default(),
    };
    let resync_interval = Duration::from_secs(10);
    let options = Options { holder: "demo".into(), resync_interval, observe_only: false, once: false };
    let controller = controller::run(&ctx, &options, futures::future::pending());
    let time = pace::run(&clock, speed);
    let mut show = Show { cloud: &cloud, store: &store, clock: &clock, narrator: Narrator::new(&example.name) };
    println!(
        "{} on a simulated AWS whose time runs {speed} times as fast; its record is in memory.\n\
         Times are the simulation's. Ctrl-C ends it.",
        example.name
    );
    let script = show.run(&example, once);
    // Time moves first, so that whoever waits for it is polled at once.
    let stage = select(Box::pin(time), Box::pin(controller));
    match select(Box::pin(script), stage).await {
        Either::Left((result, _)) => result,
        Either::Right(_) => Ok(false),
    }
}

/// The example, read.
struct Example {
    name: String,
    document: Value,
}

fn example() -> Result<Example, DemoError> {
    let unusable = |why: String| DemoError::Example(why);
    let documents = crds_schema::read_documents(EXAMPLE).map_err(|error| unusable(error.to_string()))?;
    let document = documents.into_iter().next().ok_or_else(|| unusable("it is empty".into()))?;
    let parsed = crds_schema::parse(&document)
        .map_err(|faults| unusable(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")))?;
    Ok(Example { name: parsed.metadata.name, document })
}

/// An account with the subnets that the example names, one in each zone.
fn cloud(example: &Example) -> Result<Builder, DemoError> {
    let unusable = |why: String| DemoError::Example(why);
    let network = &example.document["spec"]["network"];
    let vpc =
        VpcId::parse(network["vpcId"].as_str().unwrap_or_default()).map_err(|error| unusable(error.to_string()))?;
    let mut builder = Builder::new(SEED);
    for (id, zone) in network["subnetIds"].as_array().into_iter().flatten().zip(["a", "b", "c"]) {
        let id = SubnetId::parse(id.as_str().unwrap_or_default()).map_err(|error| unusable(error.to_string()))?;
        let zone = Zone(format!("us-east-2{zone}"));
        builder = builder.subnet(Subnet { id, vpc: vpc.clone(), zone, has_ipv6: false, default_for_az: false });
    }
    Ok(builder)
}

/// Ids are the same in every demonstration.
const SEED: u64 = 1;

struct Show<'a> {
    cloud: &'a SimCloud,
    store: &'a DynamoDb,
    clock: &'a VirtualClock,
    narrator: Narrator,
}

impl Show<'_> {
    async fn run(&mut self, example: &Example, once: bool) -> Result<bool, DemoError> {
        self.apply(example).await?;
        self.narrator.begin(self.clock.now(), "The record is applied; nothing exists yet.");
        if !self.until_settled(None).await? {
            return Ok(false);
        }
        faults::prepare(self.cloud, &example.name);
        loop {
            for (nth, fault) in FAULTS.iter().enumerate() {
                if !self.fault(nth, fault, &example.name).await? {
                    return Ok(false);
                }
            }
            if once {
                println!("\nAll {} repaired.", FAULTS.len());
                return Ok(true);
            }
        }
    }

    async fn apply(&self, example: &Example) -> Result<(), DemoError> {
        let Value::Object(mut item) = example.document.clone() else {
            return Err(DemoError::Example("it is no map".into()));
        };
        item.insert("pk".into(), example.name.clone().into());
        item.insert("sk".into(), "SPEC".into());
        Ok(self.store.write(vec![Change::Put(Item::from(item), vec![Condition::Absent])]).await?)
    }

    async fn fault(&mut self, nth: usize, fault: &Fault, name: &str) -> Result<bool, DemoError> {
        let wanted = canonical(self.cloud, name);
        let victim = faults::oldest_member(self.cloud, name);
        let told = (fault.break_it)(self.cloud, name, &victim);
        let title = format!("{}/{}  {told}", nth + 1, FAULTS.len());
        self.narrator.begin(self.clock.now(), &title);
        let must_go = fault.replaces.then_some(&victim);
        self.until_settled(Some((&wanted, must_go))).await
    }

    /// Tells what happens until the environment is ready and, where it was before, what it was.
    async fn until_settled(
        &mut self,
        judged: Option<(&str, Option<&planner::id::InstanceId>)>,
    ) -> Result<bool, DemoError> {
        let began = self.clock.elapsed();
        loop {
            self.clock.sleep(LOOK_EVERY).await;
            let (now, elapsed) = (self.clock.now(), self.clock.elapsed() - began);
            let ready = self.narrator.look(self.store, now).await?;
            let as_wanted = judged.is_none_or(|(wanted, must_go)| {
                let live = self.cloud.view().live_instances();
                let gone = must_go.is_none_or(|victim| live.iter().all(|instance| instance.id != *victim));
                gone && canonical(self.cloud, self.narrator.name()) == wanted
            });
            if ready && as_wanted {
                self.narrator.end(elapsed, judged.is_some());
                return Ok(true);
            }
            if elapsed > STEP_MAX {
                self.narrator.give_up(elapsed);
                return Ok(false);
            }
        }
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
