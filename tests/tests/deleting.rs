//! The end: nothing of ours is left, nothing of anybody else's is touched, and what holds it is said.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use aws_api::ec2::SecurityGroupWrite;
use aws_api::{ResourceId, Tags, Write};
use e2e::{NAME, Stage, launch_copy, record};
use planner::status::{ConditionType, Truth};
use ports::Key;
use serde_json::{Value, json};
use simulator::Builder;
use simulator::cloud::{App, Kind};

const OTHER_IMAGE: &str = "ami-0aaaaaaaaaaaaaaaa";
const HOUR: Duration = Duration::from_secs(3600);

fn begun(seed: u64) -> Stage {
    let mut stage =
        Stage::with(seed, |builder| builder.image(Builder::IMAGE, App::default()).image(OTHER_IMAGE, App::default()));
    stage.apply(&record(2));
    stage.start("a");
    stage
}

fn running(seed: u64) -> Stage {
    let mut stage = begun(seed);
    stage.settle();
    stage.run_for(Duration::from_secs(60));
    stage
}

fn changed(change: fn(&mut Value)) -> Value {
    let mut record = record(2);
    change(&mut record);
    record
}

/// Waits for the end, and looks for anything that is left, at AWS and in the table.
fn ends(stage: &mut Stage, what: &str) {
    stage.until(what, |world| world.is_gone());
    assert_eq!(stage.canonical(), "", "{what}");
    let view = stage.cloud.view();
    assert!(view.volumes().is_empty(), "{what}");
    assert!(view.interfaces().is_empty(), "{what}");
    let left = stage.store.user().partition(NAME).into_keys();
    let left: Vec<String> = left.filter(|sk| !sk.starts_with("JOURNAL#") && !sk.starts_with("EVENT#")).collect();
    assert!(left.is_empty(), "{what}: {left:?}");
    for (kind, (made, gone)) in stage.totals() {
        assert_eq!(made, gone, "{what}: {kind:?}");
    }
    stage.is_quiet_for(HOUR);
}

#[test]
fn a_converged_environment_leaves_nothing() {
    let mut stage = running(51);
    stage.delete();
    ends(&mut stage, "deleted");
}

#[test]
fn a_half_converged_environment_leaves_nothing() {
    for millis in [100, 500, 1000, 1500, 2000, 3000, 5000, 15_000, 30_000, 90_000, 150_000, 200_000] {
        let mut stage = begun(52);
        stage.run_for(Duration::from_millis(millis));
        stage.delete();
        ends(&mut stage, &format!("deleted after {millis} ms"));
    }
}

#[test]
fn an_environment_that_is_rolling_leaves_nothing() {
    for seconds in [3, 15, 60, 120, 180, 240, 300] {
        let mut stage = running(53);
        stage.apply(&changed(|r| {
            r["spec"]["image"]["amiId"] = json!(OTHER_IMAGE);
            r["spec"]["services"][0]["port"] = json!(9090);
        }));
        stage.run_for(Duration::from_secs(seconds));
        stage.delete();
        ends(&mut stage, &format!("deleted {seconds} s into a rollout"));
    }
}

#[test]
fn what_is_not_ours_is_not_touched() {
    let mut stage = running(54);
    let view = stage.cloud.view();
    let default = view.group("default").unwrap().id;
    let copy = launch_copy(&stage, view.live_instances()[0].tags.clone());
    stage.cloud.console().set_instance_groups(&copy, std::slice::from_ref(&default)).unwrap();
    let tags = view.group("shop-alb-sg").unwrap().tags;
    let group = foreign_group(&stage, tags);
    stage.run_for(Duration::from_secs(60));
    stage.delete();
    stage.until("deleted", |world| world.is_gone());
    let view = stage.cloud.view();
    let live: Vec<_> = view.live_instances().into_iter().map(|instance| instance.id).collect();
    assert_eq!(live, [copy]);
    let groups: Vec<_> = view.groups().into_iter().map(|group| group.id).collect();
    assert_eq!(groups, [group]);
    assert!(view.load_balancers().is_empty() && view.target_groups().is_empty());
}

fn foreign_group(stage: &Stage, tags: Tags) -> aws_api::id::SecurityGroupId {
    let create = aws_api::ec2::CreateSecurityGroup {
        name: "somebodys".into(),
        description: "somebody's".into(),
        vpc: stage.cloud.view().vpc(),
        tags,
    };
    match stage.cloud.console().write(&Write::SecurityGroup(SecurityGroupWrite::Create(create))).unwrap() {
        Some(ResourceId::SecurityGroup(id)) => id,
        other => panic!("CreateSecurityGroup made {other:?}"),
    }
}

#[test]
fn deletion_protection_holds_names_the_edit_and_is_lifted_by_it() {
    let mut stage = running(55);
    stage.apply(&changed(|r| r["spec"]["loadBalancer"]["deletionProtection"] = json!(true)));
    stage.settle();
    let before = stage.canonical();
    stage.delete();
    stage.is_quiet_for(HOUR);
    assert_eq!(stage.canonical(), before);
    assert!(stage.says("spec.loadBalancer.deletionProtection: false"), "{}", stage.report());
    stage.apply(&record(2));
    ends(&mut stage, "its protection lifted");
}

#[test]
fn a_protection_that_somebody_switches_on_holds_the_delete_until_it_is_switched_off() {
    let mut stage = running(59);
    let balancer = stage.cloud.view().load_balancers()[0].arn.clone();
    let switch = |stage: &Stage, to: &str| {
        stage.cloud.console().set_load_balancer_attribute(&balancer, "deletion_protection.enabled", to).unwrap();
    };
    switch(&stage, "true");
    stage.delete();
    stage.is_quiet_for(HOUR);
    assert_eq!(stage.cloud.view().live_instances().len(), 2, "{}", stage.report());
    assert!(stage.says("DeletionProtected"), "{}", stage.report());
    switch(&stage, "false");
    ends(&mut stage, "its protection switched off");
}

#[test]
fn retain_takes_our_tags_and_nothing_else() {
    let mut stage = running(56);
    stage.apply(&changed(|r| r["spec"]["deletionPolicy"] = json!("Retain")));
    stage.settle();
    stage.delete();
    let before = stage.totals();
    stage.until("retained", |world| world.is_gone());
    assert_eq!(stage.totals(), before);
    let view = stage.cloud.view();
    assert_eq!(view.live_instances().len(), 2);
    let balancer = &view.load_balancers()[0];
    let target_group = &view.target_groups()[0];
    assert_eq!(view.healthy(&target_group.arn), 2);
    let tagged = view.live_instances().into_iter().map(|instance| instance.tags);
    let tagged = tagged.chain(view.groups().into_iter().map(|group| group.tags));
    let tagged = tagged.chain([view.load_balancer_tags(&balancer.arn), view.target_group_tags(&target_group.arn)]);
    let tagged =
        tagged.chain(view.listeners(&balancer.arn).into_iter().map(|listener| view.listener_tags(&listener.arn)));
    for tags in tagged {
        assert!(!tags.keys().any(|key| key.starts_with("understudy:")), "{tags:?}");
        assert_eq!(tags.get("Team").map(String::as_str), Some("shop"));
    }
    stage.is_quiet_for(HOUR);
}

#[test]
fn a_group_that_somebody_uses_is_tried_again_and_told() {
    let mut stage = running(57);
    let copy = launch_copy(&stage, Tags::new());
    stage.delete();
    stage.run_for(HOUR);
    assert!(stage.says("DependencyViolation"), "{}", stage.report());
    assert!(stage.cloud.view().live_instances().iter().any(|instance| instance.id == copy));
    assert_eq!(stage.totals()[&Kind::LoadBalancer], (1, 1));
    stage.cloud.console().terminate(&copy).unwrap();
    ends(&mut stage, "its group free again");
}

#[test]
fn a_member_that_is_protected_from_termination_holds_and_is_told() {
    let mut stage = running(58);
    let member = stage.cloud.view().live_instances()[0].id.clone();
    stage.cloud.console().protect(&member, true).unwrap();
    stage.delete();
    stage.run_for(HOUR);
    assert!(stage.cloud.view().live_instances().iter().any(|instance| instance.id == member));
    assert!(stage.says("TerminationProtected"), "{}", stage.report());
    stage.cloud.console().protect(&member, false).unwrap();
    ends(&mut stage, "its protection lifted");
}

/// An edit that the teardown still reads goes with it: deletion protection is lifted by such a one. What is written while the
/// record itself is being removed was asked for afterwards.
#[test]
fn a_record_that_is_written_during_the_last_step_begins_a_new_life() {
    let mut stage = running(59);
    let uid = stage.status().unwrap().uid;
    stage.delete();
    stage.until("no load balancer", |world| world.cloud.view().load_balancers().is_empty());
    let has_revisions = |stage: &Stage| stage.store.user().keys().iter().any(|key| key.sk.starts_with("REV#"));
    while has_revisions(&stage) {
        stage.run_for(Duration::from_millis(1));
    }
    assert!(stage.status().is_some(), "the record is not gone yet");
    stage.apply(&record(1));
    stage.until("a new life", |world| world.is_settled() && world.status().is_some_and(|status| status.uid != uid));
    assert_eq!(stage.status().unwrap().desired, 1);
    assert_eq!(stage.totals()[&Kind::Instance], (3, 2));
    assert_eq!(stage.totals()[&Kind::LoadBalancer], (2, 1));
    stage.is_quiet_for(HOUR);
}

#[test]
fn a_status_that_is_deleted_by_hand_stops_everything() {
    let mut stage = running(60);
    let before = stage.canonical();
    assert!(stage.store.user().delete(&Key::new(NAME, "STATUS")));
    stage.is_quiet_for(HOUR);
    assert!(stage.says("RecordDamaged"), "{}", stage.report());
    assert!(stage.is(ConditionType::Ready, Truth::False), "{}", stage.report());
    stage.apply(&record(3));
    stage.is_quiet_for(HOUR);
    stage.delete();
    stage.is_quiet_for(HOUR);
    assert_eq!(stage.canonical(), before);
}
