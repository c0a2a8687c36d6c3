//! Runs of the controller in virtual time: the lease, the queue, the end.

#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::rc::Rc;

use aws_api::Operation;
use futures::future::{join, pending};
use ports::{Change, Clock};
use serde_json::json;

use super::tenure::FINISH_MAX;
use super::*;
use crate::context::READ_MAX;
use crate::fake_table::Table;
use crate::heartbeat;
use crate::items::LEASE;
use crate::lease::DURATION;
use crate::observe::reference::Reference;
use crate::testing::{Counting, FakeCloud, TestClock, spec_item};

const RESYNC: Duration = Duration::from_secs(10);
/// A region in which nothing answers.
const DARK: &str = "eu-dark-1";

struct Scene {
    clock: TestClock,
    /// How many times as fast as real time AWS's is.
    speed: u32,
    table: Table,
    cloud: FakeCloud,
}

impl Scene {
    fn new() -> Self {
        let clock = TestClock::default();
        // Real time has passed since the beginning of all clocks.
        clock.pass(Duration::from_secs(1000));
        let cloud = FakeCloud::with_network(&clock);
        cloud.dark.borrow_mut().insert(DARK.into());
        Self { clock, speed: 1, table: Table::default(), cloud }
    }

    /// A record that is faulty, so that a pass over it looks and does nothing, and the next does the same.
    fn with_quiet(self, name: &str) -> Self {
        let mut faulty = spec_item(name, "us-east-2");
        faulty["spec"]["instances"]["count"] = json!(-1);
        self.table.put(name, "SPEC", faulty);
        self
    }

    fn with(self, name: &str, region: &str) -> Self {
        self.table.put(name, "SPEC", spec_item(name, region));
        self
    }

    async fn replica(&self, options: Options, end: impl Future<Output = ()>) -> RunOutcome {
        let reference = Reference::default();
        let entropy = Counting::after(u64::from(options.holder.bytes().next().unwrap()) * 1_000_000);
        let ctx = Ctx {
            cloud: &self.cloud,
            store: &self.table,
            clock: &Fast(&self.clock, self.speed),
            real_clock: &self.clock,
            entropy: &entropy,
            default_region: "us-east-2".into(),
            missing_after: Duration::from_secs(300),
            reference: &reference,
        };
        run(&ctx, &options, end).await
    }

    /// Runs one replica until so much time has passed.
    fn run_for(&self, time: Duration) -> RunOutcome {
        self.clock.run(self.replica(options("x"), self.clock.sleep(time)))
    }

    fn once(&self) -> RunOutcome {
        self.clock.run(self.replica(Options { once: true, ..options("x") }, pending()))
    }

    fn passes(&self) -> usize {
        // Every pass begins with the environment's items, of which only a pass reads the open intents.
        self.table.read.take().iter().filter(|what| what.starts_with("INTENT#")).count()
    }

    fn lease_holder(&self) -> String {
        self.table.item("_controller", "LEASE").unwrap()["holder"].as_str().unwrap().to_owned()
    }
}

/// A time that is so many times as fast as another.
struct Fast<'a>(&'a TestClock, u32);

impl Clock for Fast<'_> {
    fn now(&self) -> jiff::Timestamp {
        self.0.now() + self.0.elapsed() * (self.1 - 1)
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed() * self.1
    }

    fn sleep(&self, duration: Duration) -> futures::future::LocalBoxFuture<'static, ()> {
        // Rounded up: what is due is due when it ends.
        self.0.sleep(duration / self.1 + Duration::from_nanos(1))
    }
}

fn options(holder: &str) -> Options {
    Options { holder: holder.into(), resync_interval: RESYNC, observe_only: false, once: false }
}

fn settled(outcome: RunOutcome) -> BTreeMap<String, Standing> {
    let RunOutcome::Settled(standings) = outcome else { panic!("{outcome:?}") };
    standings
}

#[test]
fn once_passes_over_every_environment_and_says_where_each_stands() {
    let scene = Scene::new().with_quiet("a").with_quiet("b");
    let standings = settled(scene.once());
    assert_eq!(standings.keys().collect::<Vec<_>>(), ["a", "b"]);
    assert!(standings.values().all(|standing| standing.completed >= 1 && standing.failure.is_none()));
    assert!(standings.values().all(|standing| standing.status.is_some()));
    assert_eq!(scene.lease_holder(), "", "the lease is given back");
    let beat = scene.clock.run(heartbeat::read(&scene.table)).unwrap().unwrap();
    assert_eq!(beat.passes.keys().collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn once_over_an_empty_table_is_settled_at_once() {
    assert_eq!(settled(Scene::new().once()), BTreeMap::new());
}

#[test]
fn once_names_who_has_the_lease() {
    let scene = Scene::new().with_quiet("a");
    let started = scene.clock.elapsed();
    let other = scene.replica(options("other"), pending());
    let once = async {
        scene.clock.sleep(Duration::from_secs(1)).await;
        scene.replica(Options { once: true, ..options("x") }, pending()).await
    };
    futures::pin_mut!(other, once);
    let outcome = scene.clock.run(async {
        match futures::future::select(once, other).await {
            futures::future::Either::Left((outcome, _)) => outcome,
            futures::future::Either::Right(_) => panic!("the other one runs for ever"),
        }
    });
    assert!(matches!(&outcome, RunOutcome::NotLeading { holder } if holder == "other"), "{outcome:?}");
    assert!(scene.clock.elapsed() - started <= ONCE_LEASE_MAX + Duration::from_secs(1));
}

#[test]
fn once_without_a_table_says_so() {
    let scene = Scene::new();
    scene.table.reads_fail.set(true);
    let outcome = scene.once();
    assert!(matches!(outcome, RunOutcome::Unreachable(_)), "{outcome:?}");
}

#[test]
fn once_ends_although_an_environment_never_can_be_looked_at() {
    let scene = Scene::new().with("a", DARK);
    let started = scene.clock.elapsed();
    let standings = settled(scene.once());
    assert!(standings["a"].completed >= 1);
    assert!(scene.clock.elapsed() - started < ONCE_MAX);
}

#[test]
fn a_quiet_environment_is_looked_at_once_an_interval() {
    let scene = Scene::new().with_quiet("a");
    scene.run_for(Duration::from_secs(5));
    scene.passes();
    // Another replica goes on: one pass at its start, then one an interval, which chance shortens by a tenth at most.
    scene.run_for(Duration::from_secs(100));
    let passes = scene.passes();
    assert!((10..=12).contains(&passes), "{passes}");
}

#[test]
fn an_edit_is_taken_up_within_a_few_seconds() {
    let scene = Scene::new().with_quiet("a");
    let replica = scene.replica(
        Options { resync_interval: Duration::from_secs(3600), ..options("x") },
        scene.clock.sleep(Duration::from_secs(30)),
    );
    let user = async {
        scene.clock.sleep(Duration::from_secs(10)).await;
        scene.table.put("a", "SPEC", spec_item("a", "us-east-2"));
        scene.cloud.take_operations();
        scene.clock.sleep(Duration::from_secs(3)).await;
        scene.cloud.take_operations()
    };
    let (_, seen) = scene.clock.run(join(replica, user));
    assert!(seen.contains(&Operation::DescribeInstances), "{seen:?}");
}

#[test]
fn an_environment_in_trouble_holds_up_no_other() {
    let mut scene = Scene::new().with_quiet("z");
    for n in 0..5 {
        scene = scene.with(&format!("dark{n}"), DARK);
    }
    let started = scene.clock.elapsed();
    scene.run_for(Duration::from_secs(60));
    let calls = scene.cloud.calls.borrow();
    let looks: Vec<Duration> = calls
        .iter()
        .filter(|call| call.region == "us-east-2" && call.operation() == Operation::DescribeInstances)
        .map(|call| call.started - started)
        .collect();
    assert!(looks.len() >= 6, "{looks:?}");
    let gaps = looks.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(gaps.max().unwrap() <= RESYNC + Duration::from_secs(1), "{looks:?}");
}

#[test]
fn at_the_end_what_is_under_way_is_finished_and_the_lease_given_back() {
    // Reads in the dark region take their time, but end.
    let scene = Scene::new().with("a", DARK);
    let started = scene.clock.elapsed();
    let outcome = scene.run_for(Duration::from_secs(5));
    assert!(matches!(outcome, RunOutcome::Stopped));
    assert!(scene.clock.elapsed() - started <= Duration::from_secs(5) + FINISH_MAX);
    assert_eq!(scene.lease_holder(), "");
    assert!(scene.table.item("a", "STATUS").is_some(), "the pass went through");
}

#[test]
fn an_end_while_waiting_for_the_lease_is_heeded() {
    let scene = Scene::new();
    let first = scene.replica(options("a"), scene.clock.sleep(Duration::from_secs(60)));
    let ended = RefCell::new(None);
    let second = async {
        scene.clock.sleep(Duration::from_secs(1)).await;
        scene.replica(options("b"), scene.clock.sleep(Duration::from_secs(10))).await;
        *ended.borrow_mut() = Some(scene.clock.elapsed());
    };
    let started = scene.clock.elapsed();
    scene.clock.run(join(first, second));
    assert_eq!(ended.borrow().unwrap() - started, Duration::from_secs(11));
}

#[test]
fn a_second_replica_waits_and_takes_over_when_the_first_ends() {
    let scene = Scene::new().with_quiet("a");
    let first = scene.replica(options("first"), scene.clock.sleep(Duration::from_secs(20)));
    let holders = Rc::new(RefCell::new(Vec::new()));
    let second = async {
        scene.clock.sleep(Duration::from_secs(1)).await;
        scene.replica(options("second"), scene.clock.sleep(Duration::from_secs(40))).await
    };
    let look = async {
        for _ in 0..12 {
            scene.clock.sleep(Duration::from_secs(3)).await;
            holders.borrow_mut().push(scene.lease_holder());
        }
    };
    scene.clock.run(join(join(first, second), look));
    let mut holders = holders.take();
    holders.dedup();
    holders.retain(|holder| !holder.is_empty());
    assert_eq!(holders, ["first", "second"]);
}

#[test]
fn a_replica_whose_lease_was_taken_acts_no_more_until_it_has_it_again() {
    let scene = Scene::new().with("a", "us-east-2");
    let replica = scene.replica(options("x"), scene.clock.sleep(Duration::from_secs(90)));
    let thief = async {
        scene.clock.sleep(Duration::from_secs(12)).await;
        let mut lease = scene.table.item("_controller", "LEASE").unwrap();
        let epoch = lease["epoch"].as_u64().unwrap();
        lease["holder"] = json!("thief");
        lease["version"] = json!("another");
        lease["epoch"] = json!(epoch + 1);
        scene.table.put("_controller", "LEASE", lease);
        // It is told at its next write or renewal; after that it must be silent while the lease lasts.
        scene.clock.sleep(Duration::from_secs(6)).await;
        scene.cloud.take_operations();
        scene.clock.sleep(DURATION - Duration::from_secs(7)).await;
        scene.cloud.take_operations()
    };
    let (_, silent) = scene.clock.run(join(replica, thief));
    assert_eq!(silent, []);
    let again = scene.cloud.take_operations();
    assert!(again.contains(&Operation::DescribeInstances), "the thief never renewed, so the replica leads again");
}

#[test]
fn observing_only_needs_no_lease_and_writes_nothing() {
    let scene = Scene::new().with("a", "us-east-2");
    let options = Options { observe_only: true, ..options("x") };
    scene.clock.run(scene.replica(options, scene.clock.sleep(Duration::from_secs(30))));
    assert_eq!(scene.table.take_sent(), 0);
    let operations = scene.cloud.take_operations();
    assert!(operations.contains(&Operation::DescribeInstances));
    assert!(operations.iter().all(|operation| !operation.is_write()));
}

#[test]
fn with_a_faster_time_of_aws_passes_come_sooner_and_the_lease_lasts_as_long_as_ever() {
    let minute = Duration::from_secs(60);
    let renewals = |scene: &Scene| {
        let sent = scene.table.sent.take();
        let of_lease = |change: &Change| matches!(change, Change::Put(item, _) if item["sk"] == LEASE);
        sent.iter().filter(|changes| changes.iter().any(of_lease)).count()
    };
    let (slow, mut fast) = (Scene::new().with_quiet("a"), Scene::new().with_quiet("a"));
    fast.speed = 20;
    slow.run_for(minute);
    fast.run_for(minute);
    let (few, many) = (slow.passes(), fast.passes());
    assert!((5..=9).contains(&few) && many >= 10 * few, "{few} and {many}");
    assert_eq!(renewals(&fast), renewals(&slow));
}

#[test]
fn with_a_faster_time_of_aws_a_call_and_an_orderly_end_have_as_long_as_ever() {
    let mut scene = Scene::new().with("a", DARK);
    scene.speed = 60;
    let started = scene.clock.elapsed();
    scene.run_for(Duration::from_secs(5));
    let took = scene.clock.elapsed() - started;
    assert!(took >= READ_MAX && took <= Duration::from_secs(5) + FINISH_MAX, "{took:?}");
    assert!(scene.table.item("a", "STATUS").is_some(), "the pass went through");
}

#[test]
fn with_a_faster_time_of_aws_once_still_has_its_time_after_waiting_for_the_lease_of_a_dead_one() {
    let mut scene = Scene::new().with_quiet("a");
    let dies = scene.clock.sleep(Duration::from_secs(3));
    scene.clock.run(futures::future::select(Box::pin(scene.replica(options("dead"), pending())), dies).map(drop));
    scene.speed = 3600;
    assert_eq!(settled(scene.once()).keys().collect::<Vec<_>>(), ["a"]);
}
