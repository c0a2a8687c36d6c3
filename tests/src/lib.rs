//! A stage for whole runs: the real loop over the simulated cloud and table, in virtual time.
//!
//! In: a record, a seed, and what a test does to the world. Out: the world, the record and the log of calls.
//! Never: depends on `understudy` or the AWS SDK, waits in real time. Start at [`Stage`]; the scenarios are in tests/.

pub mod declared;
pub mod edits;
pub mod scenes;
pub mod simulation;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use aws_api::Write;
use aws_api::ec2::InstanceWrite;
use engine::context::Ctx;
use engine::controller::{Options, run};
use engine::observe::reference::Reference;
use engine::throttle::{Share, Throttled};
use jiff::SignedDuration;
use planner::ownership::{TAG_INTENT, TAG_UID};
use planner::status::{ConditionType, Status, Truth};
use ports::Key;
use serde_json::{Value, json};
use simulator::cloud::{Canonical, Kind, ReadLag};
use simulator::{Builder, CrashPoints, Executor, Seeded, SimCloud, SimStore, VirtualClock};

/// The environment's name in every scenario.
pub const NAME: &str = "shop";
/// The name of a second one, where there is one.
pub const NEIGHBOUR: &str = "blog";
/// How long a recorded resource must be absent, as on AWS.
pub const MISSING_AFTER: Duration = Duration::from_secs(300);
/// The resync interval, as its default is.
pub const RESYNC: Duration = Duration::from_secs(10);
/// Longest that anything may take once nothing goes wrong any more: the lease of a dead replica (15 s), what is recorded
/// and gone being believed so (300 s), a launch with boot and health checks (about 180 s), `unhealthyFor`, a bake and a
/// drain for each of three members, an ALB's provisioning and the release of its interfaces.
pub const SETTLE_MAX: Duration = Duration::from_secs(3600);
/// How often [`Stage::until`] looks. A look costs more than what happens between two.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The holders that each replica was, and from when on; shared with whoever looks on.
pub type Holders = Rc<RefCell<BTreeMap<&'static str, Vec<(Duration, String)>>>>;

/// A cloud, a table, and replicas of the controller.
pub struct Stage {
    /// Virtual time.
    pub clock: VirtualClock,
    /// The cloud.
    pub cloud: SimCloud,
    /// The table.
    pub store: SimStore,
    /// Where requests are cut.
    pub crash_points: CrashPoints,
    /// Each replica's own view of the cloud, kept over its restarts.
    clients: RefCell<BTreeMap<&'static str, SimCloud>>,
    /// Who each replica was since when: another holder of the lease at each of its starts.
    holders: Holders,
    replicas: Executor<'static>,
    seed: u64,
    started: Cell<u64>,
}

/// A record with `count` members; `spec` may be changed before it is applied.
pub fn record(count: u32) -> Value {
    json!({
        "apiVersion": "understudy.dev/v1alpha1",
        "kind": "StagingEnvironment",
        "metadata": {"name": NAME},
        "spec": {
            "tags": {"Team": "shop"},
            "image": {"amiId": Builder::IMAGE},
            "instances": {"count": count, "types": ["t3.medium"], "userData": "#cloud-config"},
            "services": [{
                "name": "web",
                "port": 8080,
                "healthCheck": {"path": "/health", "interval": "10s"},
                "stickiness": {"duration": "24h"},
                "deregistrationDelay": "30s"
            }],
            "loadBalancer": {"listeners": [{"port": 80, "default": {"forward": "web"}}]},
            "access": {"loadBalancer": [{"cidr": "0.0.0.0/0"}], "ssh": [{"cidr": "203.0.113.0/24"}]},
            "rollout": {"bakeTime": "30s"}
        }
    })
}

/// [`record`], changed.
pub fn record_with(count: u32, change: impl FnOnce(&mut Value)) -> Value {
    let mut record = record(count);
    change(&mut record);
    record
}

impl Stage {
    /// An ordinary account and an empty table.
    pub fn new(seed: u64) -> Self {
        Self::with(seed, |builder| builder)
    }

    /// An account that is changed before it begins.
    pub fn with(seed: u64, change: impl FnOnce(Builder) -> Builder) -> Self {
        let clock = VirtualClock::default();
        let crash_points = CrashPoints::default();
        let cloud = change(Builder::new(seed)).crash_points(&crash_points).build(&clock);
        let store = SimStore::new(seed, &clock, &crash_points);
        let replicas = Executor::new(&clock);
        Self {
            clock,
            cloud,
            store,
            crash_points,
            clients: RefCell::default(),
            holders: Holders::default(),
            replicas,
            seed,
            started: Cell::default(),
        }
    }

    /// An account that is changed before it begins, in which that record stands: a replica has made it ready and quiet.
    pub fn standing(seed: u64, record: &Value, change: impl FnOnce(Builder) -> Builder) -> Self {
        let mut stage = Self::with(seed, change);
        stage.apply(record);
        stage.start("a");
        stage.settle();
        stage
    }

    /// Starts a replica of the controller.
    pub fn start(&mut self, name: &'static str) {
        self.start_with(name, self.store.clone(), SignedDuration::ZERO);
    }

    /// Starts a replica whose wall clock is off by that.
    pub fn start_skewed(&mut self, name: &'static str, skew: SignedDuration) {
        self.start_with(name, self.store.clone(), skew);
    }

    /// Starts a replica whose requests to the table are neither counted nor cut: one that waits for the lease meanwhile.
    pub fn start_uncut(&mut self, name: &'static str) {
        self.start_with(name, self.store.with_crash_points(&CrashPoints::default()), SignedDuration::ZERO);
    }

    fn start_with(&mut self, name: &'static str, store: SimStore, skew: SignedDuration) {
        let nth = self.started.get();
        self.started.set(nth + 1);
        let cloud = self.client(name);
        let clock = self.clock.replica(skew);
        let entropy = Seeded::new(self.seed.wrapping_add(nth.wrapping_mul(0x9e37_79b9)));
        let holder = format!("{name}-{nth}");
        self.holders.borrow_mut().entry(name).or_default().push((self.clock.since_epoch(), holder.clone()));
        self.replicas.start(name, async move {
            let reference = Reference::default();
            let cloud = Throttled::new(cloud, &clock, Share::default());
            let ctx = Ctx {
                cloud: &cloud,
                store: &store,
                clock: &clock,
                real_clock: &clock,
                entropy: &entropy,
                default_region: "us-east-2".into(),
                missing_after: MISSING_AFTER,
                reference: &reference,
            };
            let options = Options { holder, resync_interval: RESYNC, observe_only: false, once: false };
            run(&ctx, &options, futures::future::pending()).await;
        });
    }

    fn client(&self, name: &'static str) -> SimCloud {
        self.clients.borrow_mut().entry(name).or_insert_with(|| self.cloud.client(name)).clone()
    }

    /// How old what that replica sees of the cloud may be.
    pub fn set_read_lag(&self, name: &'static str, lag: ReadLag) {
        self.client(name).set_read_lag(lag);
    }

    /// Drops a replica, wherever it is.
    pub fn kill(&mut self, name: &str) {
        self.replicas.kill(name);
    }

    /// Stops polling a replica while time goes on.
    pub fn pause(&mut self, name: &str) {
        self.replicas.pause(name);
    }

    /// Polls it again.
    pub fn resume(&mut self, name: &str) {
        self.replicas.resume(name);
    }

    /// Puts the record, as a user does.
    pub fn apply(&self, record: &Value) {
        let mut item = record.as_object().expect("a record is a map").clone();
        item.insert("pk".into(), record["metadata"]["name"].clone());
        item.insert("sk".into(), "SPEC".into());
        self.store.user().put(item);
    }

    /// Asks for the end of the environment, as `understudy delete` does.
    pub fn delete(&self) {
        let item = json!({"pk": NAME, "sk": "DELETION"});
        self.store.user().put(item.as_object().expect("a map").clone());
    }

    /// The status as it is stored.
    pub fn status(&self) -> Option<Status> {
        self.world(NAME).status()
    }

    /// What a condition on that environment may look at.
    pub fn world<'a>(&'a self, name: &'a str) -> World<'a> {
        World { cloud: &self.cloud, store: &self.store, name }
    }

    /// Whether the stored status says so of that condition.
    pub fn is(&self, kind: ConditionType, truth: Truth) -> bool {
        self.status().is_some_and(|status| status.condition(kind).is_some_and(|condition| condition.status == truth))
    }

    /// Whether the environment is ready, and the status is about what is stored now.
    pub fn is_ready(&self) -> bool {
        let stored = self.store.user().get(&Key::new(NAME, "SPEC"));
        let hash = stored.map(|item| crds_schema::spec_hash(&Value::Object(item)));
        self.is(ConditionType::Ready, Truth::True) && self.status().map(|status| status.spec_hash) == hash
    }

    /// Lets time pass.
    pub fn run_for(&mut self, duration: Duration) {
        self.replicas.run_for(duration);
    }

    /// Lets time pass, and lets somebody look after every step of a replica. Whether they stopped it.
    pub fn run_watched(&mut self, duration: Duration, look: impl Fn() -> bool) -> bool {
        self.replicas.run_until(duration, look)
    }

    /// The holders of the lease that each replica was.
    pub fn holders(&self) -> Holders {
        Rc::clone(&self.holders)
    }

    /// Runs until it holds, at most [`SETTLE_MAX`].
    pub fn until(&mut self, what: &str, done: impl Fn(&World<'_>) -> bool) {
        let (cloud, store, clock) = (&self.cloud, &self.store, &self.clock);
        let next = Cell::new(clock.since_epoch());
        let held = self.replicas.run_until(SETTLE_MAX, || {
            if clock.since_epoch() < next.get() {
                return false;
            }
            next.set(clock.since_epoch() + LOOK_EVERY);
            done(&World { cloud, store, name: NAME })
        });
        assert!(held, "{what} did not come to hold within {SETTLE_MAX:?}\n{}", self.report());
    }

    /// Runs until the armed crash point is hit. Whether it was, within [`SETTLE_MAX`].
    pub fn until_cut(&mut self) -> bool {
        let points = &self.crash_points;
        self.replicas.run_until(SETTLE_MAX, || points.hit())
    }

    /// Runs until the environment is ready and has nothing more to do.
    pub fn settle(&mut self) {
        self.until("ready and quiet", |world| world.is_settled());
    }

    /// Whether it came to be ready, with nothing more to do, within that time.
    pub fn settles_within(&mut self, limit: Duration) -> bool {
        (0..limit.as_secs()).any(|_| {
            self.run_for(Duration::from_secs(1));
            self.world(NAME).is_settled()
        })
    }

    /// Lets so much time pass and checks that not one mutating call is made in it (promise I6).
    pub fn is_quiet_for(&mut self, duration: Duration) {
        let before = self.cloud.ledger().writes();
        self.run_for(duration);
        let after = self.cloud.ledger().writes();
        assert_eq!(after, before, "a mutating call with nothing to do\n{}", self.report());
    }

    /// Lets time pass second by second until it holds, and looks at the stage at each.
    pub fn each_second(&mut self, what: &str, mut look: impl FnMut(&Self), done: impl Fn(&World<'_>) -> bool) {
        for _ in 0..SETTLE_MAX.as_secs() {
            self.run_for(Duration::from_secs(1));
            look(self);
            if done(&self.world(NAME)) {
                return;
            }
        }
        panic!("{what} did not come to hold within {SETTLE_MAX:?}\n{}", self.report());
    }

    /// Healthy targets of the target group that the first listener forwards to.
    pub fn serving(&self) -> usize {
        let view = self.cloud.view();
        let listeners = view.load_balancers().into_iter().flat_map(|balancer| view.listeners(&balancer.arn));
        listeners.filter_map(|listener| listener.forwards_to).next().map_or(0, |group| view.healthy(&group))
    }

    /// Whether a condition or a wait of the stored status has these words.
    pub fn says(&self, words: &str) -> bool {
        self.world(NAME).says(words)
    }

    /// The messages of the events of that reason, as they are stored.
    pub fn events(&self, reason: &str) -> Vec<String> {
        let all = self.store.user().partition(NAME);
        let told = all.iter().filter(|(sk, item)| sk.starts_with("EVENT#") && item["reason"] == *reason);
        told.map(|(_, item)| item["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// The cloud without ids, names' hashes and slots: what two runs that came to the same have in common.
    pub fn canonical(&self) -> String {
        canonical(&self.cloud)
    }

    /// How many of each kind were ever made and removed.
    pub fn totals(&self) -> BTreeMap<Kind, (usize, usize)> {
        self.cloud.ledger().totals()
    }

    /// Where it stands, for a failed assertion.
    pub fn report(&self) -> String {
        let status = self.status().map_or("no status".into(), |status| {
            let conditions =
                status.conditions.iter().map(|c| format!("{} {} {}: {}", c.kind, c.status, c.reason, c.message));
            let waits = status.waiting_for.iter().map(|wait| format!("waits for {}", wait.what));
            conditions.chain(waits).collect::<Vec<_>>().join("\n")
        });
        let world = self.canonical();
        let ledger = self.cloud.ledger();
        let writes = ledger.entries().filter(|entry| entry.operation.is_write());
        let last: Vec<String> = writes.rev().take(40).map(ToString::to_string).collect();
        let last = last.into_iter().rev().collect::<Vec<_>>().join("\n");
        format!("seed {}, {:?}\n{status}\n{last}\n{world}", self.seed, self.clock.since_epoch())
    }
}

/// See [`Stage::canonical`].
pub fn canonical(cloud: &SimCloud) -> String {
    let how = Canonical { without_tags: &[TAG_UID, TAG_INTENT, "understudy:slot"], rename: &without_slot };
    cloud.view().canonical(&how)
}

/// What a new deployment of that record comes to; see [`comparable`].
pub fn fresh(record: &Value, change: impl FnOnce(Builder) -> Builder) -> String {
    fresh_all(&[record], change)
}

/// What new deployments of those records come to, side by side in one account; see [`comparable`].
pub fn fresh_all(records: &[&Value], change: impl FnOnce(Builder) -> Builder) -> String {
    let mut stage = Stage::with(4242, change);
    records.iter().for_each(|record| stage.apply(record));
    stage.start("a");
    for name in records.iter().filter_map(|record| record["metadata"]["name"].as_str()) {
        stage.until("ready and quiet", |world| World { name, ..*world }.is_settled());
    }
    comparable(&stage.canonical())
}

/// A rendered world without what depends on what went before: the zones of its instances (whichever lacked a member got
/// one), the tags of their volumes (judged by what is recorded, see [`simulation::tagged`]), and the interfaces of load
/// balancers that are gone, which AWS removes by itself.
pub fn comparable(world: &str) -> String {
    let zones = ["us-east-2a", "us-east-2b", "us-east-2c"].map(|zone| format!("instance in {zone}"));
    let without_zone = |line: &str| zones.iter().fold(line.to_owned(), |line, zone| line.replace(zone, "instance"));
    let line = |line: &str| match line.strip_prefix("volume of ").and_then(|rest| rest.rsplit_once('[')) {
        Some((volume, _)) => without_zone(volume),
        None => without_zone(line),
    };
    let stays = |line: &&str| !line.starts_with("interface left of ");
    let mut lines: Vec<String> = world.lines().filter(stays).map(line).collect();
    lines.sort();
    lines.join("\n")
}

/// "Launch more like this": an instance with those tags, made by a person.
pub fn launch_copy(stage: &Stage, tags: aws_api::Tags) -> aws_api::id::InstanceId {
    let view = stage.cloud.view();
    let like = &view.live_instances()[0];
    let run = aws_api::ec2::RunInstances {
        token: aws_api::id::IntentId::parse("in-console").expect("begins with its prefix"),
        image: like.image.clone(),
        instance_type: like.instance_type.clone(),
        subnet: like.subnet.clone().expect("a live instance has a subnet"),
        zone: like.zone.clone(),
        groups: like.groups.iter().cloned().map(aws_api::Ref::Id).collect(),
        key_name: None,
        instance_profile: None,
        user_data: None,
        metadata_options: aws_api::ec2::MetadataRequest {
            http_tokens: crds_schema::spec::HttpTokens::Required,
            hop_limit: 2,
        },
        block_devices: Vec::new(),
        associate_public_ip: None,
        tags,
        volume_tags: aws_api::Tags::new(),
    };
    let write = Write::Instance(InstanceWrite::Run(Box::new(run)));
    match stage.cloud.console().write(&write).expect("there is room for one more") {
        Some(aws_api::ResourceId::Instance(id)) => id,
        other => panic!("RunInstances made {other:?}"),
    }
}

/// Members are numbered in the order of their launch, which is no part of what a world is.
fn without_slot(name: &str) -> String {
    let is_slot =
        |slot: &str| slot.chars().all(|c| c.is_ascii_digit()) && slot.len() < 3 && slot != "80" && slot != "81";
    match name.split_once('-') {
        Some((environment @ (NAME | NEIGHBOUR), slot)) if is_slot(slot) => format!("{environment}-N"),
        Some(_) | None => name.to_owned(),
    }
}

/// What a condition of a run may look at.
pub struct World<'a> {
    /// The cloud.
    pub cloud: &'a SimCloud,
    /// The table.
    pub store: &'a SimStore,
    /// The environment that it is about.
    pub name: &'a str,
}

impl World<'_> {
    /// The status as it is stored.
    pub fn status(&self) -> Option<Status> {
        let item = self.store.user().get(&Key::new(self.name, "STATUS"))?;
        serde_json::from_value(Value::Object(item)).ok()
    }

    /// Ready, about what is stored now, nobody on the way out, and no intent open.
    pub fn is_settled(&self) -> bool {
        let Some(status) = self.status() else { return false };
        let Some(spec) = self.store.user().get(&Key::new(self.name, "SPEC")) else { return false };
        let ready = status.condition(ConditionType::Ready).is_some_and(|ready| ready.status == Truth::True);
        let is_current = status.spec_hash == crds_schema::spec_hash(&Value::Object(spec));
        let count = usize::try_from(status.desired).unwrap_or(usize::MAX);
        let uid = status.uid.to_string();
        let ours = |instance: &aws_api::ec2::Instance| instance.tags.get(TAG_UID) == Some(&uid);
        ready
            && is_current
            && status.instances.len() == count
            && status.target_groups.len() == 1
            && self.cloud.view().live_instances().into_iter().filter(ours).count() == count
            && self.open_intents() == 0
    }

    /// Whether a condition or a wait of the stored status has these words.
    pub fn says(&self, words: &str) -> bool {
        self.status().is_some_and(|status| {
            let conditions = status.conditions.iter().map(|c| format!("{} {}", c.reason, c.message));
            let mut said = conditions.chain(status.waiting_for.iter().map(|wait| wait.what.clone()));
            said.any(|said| said.contains(words))
        })
    }

    /// Intents that are not closed.
    pub fn open_intents(&self) -> usize {
        self.store.user().partition(self.name).keys().filter(|sk| sk.starts_with("INTENT#open#")).count()
    }

    /// Whether the record is gone.
    pub fn is_gone(&self) -> bool {
        let user = self.store.user();
        ["SPEC", "STATUS", "DELETION"].iter().all(|sk| user.get(&Key::new(self.name, *sk)).is_none())
    }
}
