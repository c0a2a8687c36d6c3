//! Futures in virtual time, and where they can be cut off.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use aws_api::ec2::SecurityGroupWrite;
use aws_api::elbv2::LoadBalancerRead;
use aws_api::{Read, Request, Write};
use jiff::SignedDuration;
use ports::{Change, Clock, Cloud, Entropy, Purpose, RecordStore};
use serde_json::{Value, json};
use simulator::executor::block_on;
use simulator::{Builder, CrashPoints, Cut, Executor, Seeded, SimCloud, SimStore, VirtualClock};

use crate::bench::{REGION, secs};

#[test]
fn a_day_of_sleeping_takes_no_time() {
    let clock = VirtualClock::default();
    let before = clock.now();
    block_on(&clock, async {
        for _ in 0..8640 {
            clock.sleep(secs(10)).await;
        }
    });
    assert_eq!(clock.now().duration_since(before), SignedDuration::from_hours(24));
}

#[test]
#[should_panic(expected = "deadlock")]
fn waiting_for_nothing_is_a_deadlock() {
    block_on(&VirtualClock::default(), futures::future::pending::<()>());
}

#[test]
fn replicas_run_in_turn_and_can_be_killed_and_paused() {
    let clock = VirtualClock::default();
    let ticks = RefCell::new(Vec::new());
    let replica = |name: &'static str| {
        let (clock, ticks) = (clock.clone(), &ticks);
        async move {
            loop {
                clock.sleep(secs(1)).await;
                ticks.borrow_mut().push(name);
            }
        }
    };
    let mut executor = Executor::new(&clock);
    executor.start("b", replica("b"));
    executor.start("a", replica("a"));
    executor.run_for(secs(2));
    assert_eq!(ticks.take(), ["a", "b", "a", "b"]);
    executor.pause("a");
    executor.run_for(secs(2));
    assert_eq!(ticks.take(), ["b", "b"]);
    executor.resume("a");
    assert!(executor.kill("b"));
    executor.run_for(Duration::ZERO);
    assert_eq!(ticks.take(), ["a"], "it wakes late, once");
    assert!(executor.is_alive("a") && !executor.is_alive("b"));
}

#[test]
fn a_run_stops_as_soon_as_what_is_waited_for_holds() {
    let clock = VirtualClock::default();
    let done = Cell::new(false);
    let mut executor = Executor::new(&clock);
    executor.start("a", async {
        clock.sleep(secs(3)).await;
        done.set(true);
    });
    assert!(executor.run_until(secs(10), || done.get()));
    assert_eq!(clock.since_epoch(), secs(3));
    assert!(!executor.run_until(secs(10), || !done.get()));
    assert_eq!(clock.since_epoch(), secs(13));
}

#[test]
fn a_replicas_clock_starts_with_it_and_may_be_wrong() {
    let clock = VirtualClock::default();
    clock.advance_to(secs(100));
    let replica = clock.replica(SignedDuration::from_secs(-30));
    clock.advance_to(secs(101));
    assert_eq!(replica.elapsed(), secs(1));
    assert_eq!(clock.now().duration_since(replica.now()), SignedDuration::from_secs(30));
}

#[test]
fn one_purpose_draws_nothing_from_another() {
    let (a, b) = (Seeded::new(7), Seeded::new(7));
    for _ in 0..10 {
        a.draw(Purpose::Jitter);
    }
    let draws = |entropy: &Seeded| [entropy.draw(Purpose::Pass), entropy.draw(Purpose::Pass)];
    let (of_a, of_b) = (draws(&a), draws(&b));
    assert_eq!(of_a, of_b);
    assert_ne!(of_a[0], of_a[1]);
    assert_ne!(of_a, draws(&Seeded::new(8)));
}

/// Writes to the store, makes a group, writes again. How far it came.
async fn steps(cloud: &SimCloud, store: &SimStore, done: &Cell<u32>) {
    let write = |sk: &str| match json!({"pk": "env", "sk": sk}) {
        Value::Object(item) => vec![Change::Put(item, vec![])],
        other => panic!("{other}"),
    };
    let create = aws_api::ec2::CreateSecurityGroup {
        name: "web".into(),
        description: "a test".into(),
        vpc: cloud.view().vpc(),
        tags: Default::default(),
    };
    store.write(write("INTENT")).await.unwrap();
    done.set(1);
    cloud.call(REGION, Request::Write(Write::SecurityGroup(SecurityGroupWrite::Create(create)))).await.unwrap();
    done.set(2);
    store.write(write("DONE")).await.unwrap();
    done.set(3);
}

#[test]
fn a_replica_is_cut_at_every_boundary_of_cloud_and_store() {
    for number in 1..=3_u32 {
        for cut in Cut::ALL {
            let (clock, points) = (VirtualClock::default(), CrashPoints::default());
            let cloud = Builder::new(1).crash_points(&points).build(&clock);
            let store = SimStore::new(1, &clock, &points);
            let done = Cell::new(0);
            points.arm(number.into(), cut);
            let mut executor = Executor::new(&clock);
            executor.start("a", steps(&cloud, &store, &done));
            assert!(executor.run_until(secs(60), || points.hit()), "{number} {cut:?}");
            executor.kill("a");
            let effects = store.user().keys().len() + cloud.view().groups().len();
            let took_effect = if cut == Cut::BeforeSending { number - 1 } else { number };
            assert_eq!(effects, took_effect as usize, "effects of {number} {cut:?}");
            let learned = if cut == Cut::AfterReply { number } else { number - 1 };
            assert_eq!(done.get(), learned, "what was learned of {number} {cut:?}");
        }
    }
}

#[test]
fn a_call_that_hangs_is_ended_by_dropping_it() {
    let clock = VirtualClock::default();
    let cloud = Builder::new(1).build(&clock);
    cloud.fail_next(simulator::cloud::Calls::Any, simulator::cloud::Fault::Hang);
    let mut executor = Executor::new(&clock);
    let call = cloud.call(REGION, Request::Read(Read::LoadBalancer(LoadBalancerRead::Describe { names: vec![] })));
    executor.start("a", async {
        call.await.unwrap();
    });
    executor.run_for(Duration::from_secs(3600));
    assert!(executor.kill("a"));
}
