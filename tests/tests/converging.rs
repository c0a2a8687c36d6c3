//! From nothing to a serving environment, and silence from then on.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use aws_api::{Operation, Service};
use e2e::{NAME, Stage, World, record};
use planner::status::{ConditionType, Truth};
use simulator::cloud::Kind;

const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

fn running(count: u32) -> Stage {
    let mut stage = Stage::new(1);
    stage.apply(&record(count));
    stage.start("a");
    stage.settle();
    stage
}

#[test]
fn an_environment_converges_from_nothing_and_is_quiet_for_a_week() {
    let mut stage = running(2);
    insta::assert_snapshot!(stage.canonical());
    stage.is_quiet_for(WEEK);
    assert!(stage.is_ready());
    assert_eq!(stage.totals()[&Kind::Instance], (2, 0));
}

#[test]
fn a_first_converge_needs_few_calls() {
    let stage = running(2);
    let writes = stage.cloud.ledger().writes();
    assert!(writes <= 14, "{writes} writes\n{}", stage.report());
}

/// Eleven reads: instances, status checks, groups, load balancers and their attributes, listeners and their rules, target
/// groups, their attributes and targets, tags. Reference data and volumes are read once in a while besides.
#[test]
fn a_quiet_pass_makes_eleven_reads_and_no_write() {
    let mut stage = running(2);
    stage.run_for(Duration::from_secs(3600));
    let before = stage.cloud.ledger().clone();
    stage.run_for(Duration::from_secs(3600));
    let after = stage.cloud.ledger();
    assert_eq!(after.writes(), before.writes());
    let passes = after.calls(Operation::DescribeInstances) - before.calls(Operation::DescribeInstances);
    assert!((300..=400).contains(&passes), "{passes} passes in an hour");
    let rarely = [
        Operation::DescribeSubnets,
        Operation::DescribeImages,
        Operation::DescribeInstanceTypeOfferings,
        Operation::DescribeVolumes,
    ];
    let mut each_pass = 0;
    for operation in Operation::ALL.iter().filter(|operation| !operation.is_write()) {
        let calls = after.calls(*operation) - before.calls(*operation);
        if rarely.contains(operation) {
            assert!(calls <= 60, "{operation}: {calls} calls in an hour");
        } else {
            assert!(calls == 0 || calls.abs_diff(passes) <= 1, "{operation}: {calls} calls in {passes} passes");
            each_pass += u32::from(calls > 0);
        }
    }
    assert_eq!(each_pass, 11);
    let volumes = after.calls(Operation::DescribeVolumes) - before.calls(Operation::DescribeVolumes);
    assert!((10..=13).contains(&volumes), "{volumes} readings of volumes in an hour");
    let elbv2 = Operation::ALL.iter().filter(|operation| operation.service() == Service::Elbv2);
    assert!(elbv2.map(|operation| after.calls(*operation)).sum::<u64>() > 0);
}

#[test]
fn a_quiet_pass_writes_nothing_into_the_record() {
    let mut stage = running(2);
    stage.run_for(Duration::from_secs(600));
    let before = stage.store.user().partition(NAME);
    stage.run_for(Duration::from_secs(3600));
    assert_eq!(stage.store.user().partition(NAME), before);
}

#[test]
fn reads_that_lag_neither_double_nor_undo_anything() {
    let mut stage = Stage::new(2);
    stage.apply(&record(2));
    stage.start("a");
    stage.set_read_lag("a", simulator::cloud::ReadLag::UpTo(Duration::from_secs(20)));
    stage.settle();
    stage.run_for(Duration::from_secs(600));
    assert_eq!(stage.totals()[&Kind::Instance], (2, 0), "{}", stage.report());
    assert_eq!(stage.totals()[&Kind::SecurityGroup], (2, 0), "{}", stage.report());
}

#[test]
fn a_second_replica_waits_and_takes_over_when_the_first_is_gone() {
    let mut stage = running(2);
    stage.start("b");
    stage.run_for(Duration::from_secs(60));
    assert_eq!(stage.cloud.ledger().entries().filter(|entry| entry.client == "b").count(), 0, "b waits");
    stage.kill("a");
    stage.run_for(Duration::from_secs(40));
    assert!(stage.cloud.ledger().entries().any(|entry| entry.client == "b"), "b leads");
    stage.is_quiet_for(Duration::from_secs(600));
}

#[test]
fn a_replica_that_was_paused_for_longer_than_its_lease_changes_nothing() {
    let mut stage = running(2);
    stage.start("b");
    stage.pause("a");
    stage.run_for(Duration::from_secs(60));
    let victim = stage.cloud.view().live_instances()[0].id.clone();
    stage.cloud.console().terminate(&victim).unwrap();
    stage.resume("a");
    stage.settle();
    let by_a = stage.cloud.ledger().entries().filter(|entry| entry.client == "a" && entry.operation.is_write()).count();
    let first = stage.cloud.ledger().entries().filter(|e| e.operation == Operation::RunInstances).count();
    assert_eq!(first, 3, "{}", stage.report());
    assert!(by_a <= 14, "only its first converge: {by_a}");
}

#[test]
fn a_paused_environment_is_observed_and_not_touched() {
    let mut stage = Stage::new(3);
    let mut paused = record(2);
    paused["spec"]["paused"] = true.into();
    stage.apply(&paused);
    stage.start("a");
    stage.is_quiet_for(Duration::from_secs(600));
    assert!(stage.is(ConditionType::Ready, Truth::False));
}

#[test]
fn an_invalid_edit_keeps_the_last_valid_revision_healing() {
    let mut stage = running(2);
    let mut broken = record(2);
    broken["spec"]["instances"]["count"] = (-1).into();
    stage.apply(&broken);
    stage.run_for(Duration::from_secs(30));
    assert!(stage.is(ConditionType::SpecValid, Truth::False));
    let victim = stage.cloud.view().live_instances()[0].id.clone();
    stage.cloud.console().terminate(&victim).unwrap();
    stage.until("healed", |world: &World<'_>| {
        world.status().is_some_and(|status| status.ready == 2) && world.cloud.view().live_instances().len() == 2
    });
    assert!(stage.is(ConditionType::SpecValid, Truth::False));
}

#[test]
fn a_lost_reply_of_a_launch_launches_no_second_instance() {
    let mut stage = Stage::new(4);
    stage.apply(&record(2));
    stage.cloud.fail_next(Operation::RunInstances, simulator::cloud::Fault::LostReply);
    stage.start("a");
    stage.settle();
    assert_eq!(stage.totals()[&Kind::Instance], (2, 0), "{}", stage.report());
}

#[test]
fn a_zone_without_capacity_is_passed_over() {
    let mut stage = Stage::new(5);
    stage.apply(&record(2));
    stage.cloud.console().set_capacity(&aws_api::id::Zone("us-east-2a".into()), "t3.medium", Some(0));
    stage.start("a");
    stage.settle();
    let zones: Vec<_> = stage.cloud.view().live_instances().iter().map(|i| i.zone.0.clone()).collect();
    assert!(!zones.contains(&"us-east-2a".to_owned()), "{zones:?}");
    assert_eq!(zones.len(), 2);
}
