//! Edits, each with the least disturbance; after any sequence of them the world is as a new deployment of the last record.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use aws_api::Operation;
use aws_api::elbv2::TargetHealth;
use e2e::edits::{all, edited, in_place, rolling, two_images};
use e2e::{Stage, World, comparable, fresh, record};
use planner::status::{ConditionType, Truth};
use serde_json::{Value, json};
use simulator::cloud::Kind;
use simulator::entropy::Prng;

const HALF_AN_HOUR: Duration = Duration::from_secs(1800);

fn running(seed: u64, record: &Value) -> Stage {
    let mut stage = Stage::standing(seed, record, two_images);
    stage.run_for(Duration::from_secs(60));
    stage
}

fn live(stage: &Stage) -> usize {
    stage.cloud.view().live_instances().len()
}

fn settled(world: &World<'_>) -> bool {
    world.is_settled()
}

/// Applies it and waits until all is done, with at least so many healthy and at most so many live at each second.
fn roll(stage: &mut Stage, what: &str, record: &Value, floor: usize, most: usize) {
    stage.apply(record);
    stage.each_second(what, |stage| keeps(stage, floor, most), settled);
}

fn keeps(stage: &Stage, floor: usize, most: usize) {
    assert!(stage.serving() >= floor, "{} healthy, floor {floor}\n{}", stage.serving(), stage.report());
    assert!(live(stage) <= most, "{} live, at most {most}\n{}", live(stage), stage.report());
}

/// It is as if the record had been deployed anew, and nothing more happens.
fn is_as_fresh(stage: &mut Stage, what: &str, record: &Value) {
    let (have, want) = (comparable(&stage.canonical()), fresh(record, two_images));
    assert!(have == want, "{what}\n{}", difference(&have, &want));
    stage.is_quiet_for(HALF_AN_HOUR);
}

fn difference(have: &str, want: &str) -> String {
    let only = |sign: char, a: &str, b: &str| {
        let lines = a.lines().filter(|line| !b.lines().any(|other| other == *line));
        lines.map(|line| format!("{sign} {line}\n")).collect::<String>()
    };
    only('-', want, have) + &only('+', have, want)
}

#[test]
fn a_count_goes_up_and_down_and_what_goes_drains_together() {
    let mut stage = running(31, &record(2));
    roll(&mut stage, "three", &record(3), 2, 3);
    is_as_fresh(&mut stage, "three", &record(3));
    let mut drained_together = 0;
    stage.apply(&record(1));
    let look = |stage: &Stage| {
        keeps(stage, 1, 3);
        let view = stage.cloud.view();
        let targets = view.target_groups().into_iter().flat_map(|group| view.targets(&group.arn));
        drained_together =
            targets.filter(|target| target.health == TargetHealth::Draining).count().max(drained_together);
    };
    stage.each_second("one", look, settled);
    assert_eq!(drained_together, 2);
    is_as_fresh(&mut stage, "one", &record(1));
    assert_eq!(stage.totals()[&Kind::Instance], (3, 2));
}

#[test]
fn what_aws_changes_in_place_disturbs_no_member_and_can_be_taken_back() {
    let a = record(2);
    for (name, edit) in in_place() {
        eprintln!("{name}");
        let b = edited(&a, &[edit]);
        let mut stage = running(32, &a);
        roll(&mut stage, name, &b, 2, 2);
        is_as_fresh(&mut stage, name, &b);
        roll(&mut stage, &format!("{name}, taken back"), &a, 2, 2);
        is_as_fresh(&mut stage, &format!("{name}, taken back"), &a);
        assert_eq!(stage.totals()[&Kind::Instance], (2, 0), "{name}");
        assert_eq!(stage.totals()[&Kind::TargetGroup], (1, 0), "{name}");
    }
}

#[test]
fn access_is_opened_before_it_is_closed() {
    let mut stage = running(33, &record(2));
    let before = stage.cloud.ledger().entries().count();
    let moved = edited(&record(2), &[|r| r["spec"]["access"]["loadBalancer"] = json!([{"cidr": "198.51.100.0/24"}])]);
    roll(&mut stage, "access moved", &moved, 2, 2);
    let ledger = stage.cloud.ledger();
    let writes: Vec<Operation> =
        ledger.entries().skip(before).map(|entry| entry.operation).filter(|operation| operation.is_write()).collect();
    assert_eq!(writes, [Operation::AuthorizeSecurityGroupIngress, Operation::RevokeSecurityGroupIngress]);
}

#[test]
fn another_port_gets_a_target_group_that_is_warm_before_it_serves() {
    let mut stage = running(34, &record(2));
    let b = edited(&record(2), &[|r| r["spec"]["services"][0]["port"] = json!(9090)]);
    roll(&mut stage, "another port", &b, 2, 2);
    is_as_fresh(&mut stage, "another port", &b);
    assert_eq!(stage.totals()[&Kind::TargetGroup], (2, 1));
    assert_eq!(stage.totals()[&Kind::Instance], (2, 0));
    roll(&mut stage, "the port taken back", &record(2), 2, 2);
    is_as_fresh(&mut stage, "the port taken back", &record(2));
}

#[test]
fn what_needs_new_instances_rolls_one_by_one_above_the_floor() {
    for (name, edit) in rolling() {
        eprintln!("{name}");
        let b = edited(&record(2), &[edit]);
        let mut stage = running(35, &record(2));
        roll(&mut stage, name, &b, 2, 3);
        is_as_fresh(&mut stage, name, &b);
        assert_eq!(stage.totals()[&Kind::Instance], (4, 2), "{name}");
    }
}

#[test]
fn a_new_member_bakes_before_an_old_one_goes() {
    let mut stage = running(36, &record(2));
    let bakes = edited(&record(2), &[rolling()[0].1, |r| r["spec"]["rollout"]["bakeTime"] = json!("10m")]);
    stage.apply(&bakes);
    stage.until("three healthy", |world| {
        let view = world.cloud.view();
        view.healthy(&view.target_groups()[0].arn) == 3
    });
    let healthy_at = stage.clock.since_epoch();
    stage.until("one draining", |world| {
        let view = world.cloud.view();
        view.healthy(&view.target_groups()[0].arn) == 2
    });
    let baked = stage.clock.since_epoch() - healthy_at;
    assert!((600..=620).contains(&baked.as_secs()), "{baked:?}");
}

#[test]
fn an_edit_that_is_taken_back_halfway_ends_where_it_began() {
    let (a, b) = (record(2), edited(&record(2), &[rolling()[0].1]));
    for seconds in [1, 15, 40, 90, 130, 180, 240, 300] {
        eprintln!("after {seconds} s");
        let mut stage = running(37, &a);
        stage.apply(&b);
        for _ in 0..seconds {
            stage.run_for(Duration::from_secs(1));
            keeps(&stage, 2, 3);
        }
        roll(&mut stage, "back to A", &a, 2, 3);
        is_as_fresh(&mut stage, &format!("A, B after {seconds} s, A"), &a);
    }
}

#[test]
fn an_edit_during_a_rollout_rolls_to_the_last_record() {
    let (a, b) = (record(2), edited(&record(2), &[rolling()[0].1]));
    let c = edited(&b, &[rolling()[1].1, rolling()[2].1]);
    for seconds in [15, 90, 180, 300] {
        eprintln!("after {seconds} s");
        let mut stage = running(38, &a);
        stage.apply(&b);
        stage.run_for(Duration::from_secs(seconds));
        roll(&mut stage, "C", &c, 2, 3);
        is_as_fresh(&mut stage, &format!("A, B after {seconds} s, C"), &c);
    }
}

#[test]
fn an_invalid_record_stops_no_healing_and_the_next_valid_one_is_taken() {
    let mut stage = running(39, &record(2));
    let world = stage.canonical();
    stage.apply(&edited(&record(2), &[|r| r["spec"]["instances"]["count"] = json!(-1)]));
    stage.is_quiet_for(HALF_AN_HOUR);
    assert!(stage.is(ConditionType::SpecValid, Truth::False), "{}", stage.report());
    assert!(stage.says("spec.instances.count"), "{}", stage.report());
    let victim = stage.cloud.view().live_instances()[0].id.clone();
    stage.cloud.console().terminate(&victim).unwrap();
    stage.until("healed", |world| world.cloud.ledger().created(Kind::Instance).len() == 3);
    stage.run_for(HALF_AN_HOUR);
    assert_eq!(stage.canonical(), world);
    roll(&mut stage, "valid", &record(3), 2, 3);
    is_as_fresh(&mut stage, "valid", &record(3));
}

/// Promise I7, over sequences that come faster than they can be followed.
#[test]
fn any_sequence_of_edits_ends_as_a_fresh_deployment_of_the_last() {
    let edits = all();
    for seed in 0..12 {
        eprintln!("seed {seed}");
        let mut prng = Prng::new(seed);
        let mut drawn = |r: &mut Value| edits[usize::try_from(prng.below(edits.len() as u64)).unwrap()](r);
        let mut last = record(2);
        let mut stage = running(seed, &last);
        let mut pauses = Prng::new(seed ^ 0xed17);
        for _ in 0..5 {
            last = record(2);
            drawn(&mut last);
            drawn(&mut last);
            stage.apply(&last);
            stage.run_for(pauses.duration(Duration::from_secs(400)));
            assert!(stage.serving() >= 1, "seed {seed}\n{}", stage.report());
        }
        stage.settle();
        is_as_fresh(&mut stage, &format!("seed {seed}"), &last);
    }
}
