//! A crash at every boundary of every request: nothing is made twice, nothing is left behind, and it ends the same.
//!
//! A run without a crash counts its requests, to AWS and to the table. Then each request is cut in turn, before it is sent,
//! after it took effect unanswered, and after its answer; the replica dies there and another goes on. What there is at the
//! end, and how many resources ever came and went, must be as in the run without a crash. All boundaries are tried; to look
//! at one, run for instance `CUT=17 cargo test -p e2e --test crashing delete -- --nocapture`.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::time::Duration;

use e2e::edits::{OTHER_IMAGE, two_images};
use e2e::{Stage, World, record};
use planner::request::Taggable;
use serde_json::{Value, json};
use simulator::Cut;
use simulator::cloud::{Answer, App, Kind, Timings};

/// Long enough for a few passes to undo or double something.
const QUIET: Duration = Duration::from_secs(120);

/// What is done to an environment, and how it ends.
struct Scenario {
    name: &'static str,
    /// Before the first request that is counted.
    before: fn(&mut Stage),
    /// What the replica then has to deal with.
    then: fn(&mut Stage),
    done: fn(&World<'_>) -> bool,
}

/// How a run ended: what there is, and how much ever came and went.
#[derive(Debug, PartialEq)]
struct End {
    world: String,
    totals: BTreeMap<Kind, (usize, usize)>,
}

/// An AWS in which nothing takes long, so that fewer passes lie between two changes.
fn brisk() -> Timings {
    let secs = Duration::from_secs;
    Timings {
        pending: secs(5),
        shutting_down: secs(5),
        status_checks: secs(10),
        boot: secs(5),
        balancer_provisioning: secs(10),
        balancer_release: secs(15),
        first_check: secs(1),
        ..Timings::default()
    }
}

fn shop() -> Value {
    let mut record = record(2);
    let service = &mut record["spec"]["services"][0];
    service["healthCheck"] = json!({"path": "/health", "interval": "5s", "timeout": "2s", "healthyThreshold": 2});
    service["deregistrationDelay"] = json!("10s");
    record["spec"]["healing"] = json!({"gracePeriod": "10s", "unhealthyFor": "10s"});
    record["spec"]["rollout"]["bakeTime"] = json!("5s");
    record
}

fn stage() -> Stage {
    Stage::with(7, |builder| two_images(builder.timings(brisk())))
}

fn running(stage: &mut Stage) {
    stage.apply(&shop());
    stage.start("a");
    stage.settle();
    stage.run_for(Duration::from_secs(60));
}

fn end(stage: &Stage) -> End {
    End { world: stage.canonical(), totals: stage.totals() }
}

/// The requests of a run without a crash, and its end.
fn calm(scenario: &Scenario) -> (u64, End) {
    let mut stage = stage();
    (scenario.before)(&mut stage);
    stage.crash_points.disarm();
    (scenario.then)(&mut stage);
    stage.until(scenario.name, scenario.done);
    let requests = stage.crash_points.requests();
    stage.is_quiet_for(QUIET);
    (requests, end(&stage))
}

/// A run in which request `number` is cut. `successor` brings the replica that goes on.
fn cut(scenario: &Scenario, number: u64, cut: Cut, is_waiting: bool) -> End {
    let mut stage = stage();
    (scenario.before)(&mut stage);
    if is_waiting {
        stage.start_uncut("b");
    }
    stage.crash_points.arm(number, cut);
    (scenario.then)(&mut stage);
    let hit = stage.until_cut();
    assert!(hit, "{}: request {number} was never sent", scenario.name);
    stage.kill("a");
    stage.crash_points.disarm();
    if !is_waiting {
        stage.start("a");
    }
    stage.until(&format!("{} after a crash {cut:?} of request {number}", scenario.name), scenario.done);
    stage.is_quiet_for(QUIET);
    end(&stage)
}

fn check(scenario: &Scenario, is_waiting: bool) {
    let (requests, wanted) = calm(scenario);
    let only: Option<u64> = std::env::var("CUT").ok().map(|number| number.parse().unwrap());
    let mut boundaries = 0;
    for number in (1..=requests).filter(|number| only.is_none_or(|only| only == *number)) {
        for place in Cut::ALL {
            let ended = cut(scenario, number, place, is_waiting);
            assert_eq!(ended, wanted, "{}: request {number} cut {place:?}", scenario.name);
            boundaries += 1;
        }
    }
    println!("{}: {boundaries} crash boundaries of {requests} requests", scenario.name);
}

const CONVERGE: Scenario = Scenario {
    name: "converge",
    before: |stage| stage.apply(&shop()),
    then: |stage| stage.start("a"),
    done: |world| world.is_settled(),
};

const REPAIR: Scenario = Scenario {
    name: "repair of a terminated instance",
    before: running,
    then: |stage| {
        let victim = stage.cloud.view().live_instances()[0].id.clone();
        stage.cloud.console().terminate(&victim).unwrap();
    },
    done: |world| world.cloud.view().live_instances().len() == 2 && world.is_settled(),
};

const DELETE: Scenario =
    Scenario { name: "delete", before: running, then: |stage| stage.delete(), done: |world| world.is_gone() };

/// The record of these runs after an edit.
fn edit(stage: &Stage, change: impl FnOnce(&mut Value)) {
    let mut record = shop();
    change(&mut record);
    stage.apply(&record);
}

const SICK: Scenario = Scenario {
    name: "replacement of a sick instance",
    before: running,
    then: |stage| {
        let view = stage.cloud.view();
        let sick = &view.live_instances()[0].id;
        stage.cloud.console().set_app(sick, App::answering(Answer::Status(500))).unwrap();
        // A tag that is no concern of the product's tells the sick one from its successor.
        stage.cloud.console().tag(&Taggable::Instance(sick.clone()), "sick", "yes").unwrap();
    },
    done: |world| {
        let live = world.cloud.view().live_instances();
        live.iter().all(|instance| !instance.tags.contains_key("sick")) && world.is_settled()
    },
};

const ROLLOUT: Scenario = Scenario {
    name: "rollout of an image",
    before: running,
    then: |stage| edit(stage, |record| record["spec"]["image"]["amiId"] = json!(OTHER_IMAGE)),
    done: |world| world.is_settled(),
};

const PORT: Scenario = Scenario {
    name: "edit of the port",
    before: running,
    then: |stage| edit(stage, |record| record["spec"]["services"][0]["port"] = json!(9090)),
    done: |world| world.is_settled(),
};

const SCALE_UP: Scenario = Scenario {
    name: "scale-up",
    before: running,
    then: |stage| edit(stage, |record| record["spec"]["instances"]["count"] = json!(3)),
    done: |world| world.is_settled(),
};

const SCALE_DOWN: Scenario = Scenario {
    name: "scale-down",
    before: running,
    then: |stage| edit(stage, |record| record["spec"]["instances"]["count"] = json!(1)),
    done: |world| world.is_settled(),
};

#[test]
fn the_replacement_of_a_sick_instance_survives_a_crash_at_every_boundary() {
    check(&SICK, false);
}

#[test]
fn a_rollout_survives_a_crash_at_every_boundary() {
    check(&ROLLOUT, false);
}

#[test]
fn an_edit_of_the_port_survives_a_crash_at_every_boundary() {
    check(&PORT, false);
}

#[test]
fn scale_up_survives_a_crash_at_every_boundary() {
    check(&SCALE_UP, false);
}

#[test]
fn scale_down_survives_a_crash_at_every_boundary() {
    check(&SCALE_DOWN, false);
}

#[test]
fn converge_survives_a_crash_at_every_boundary() {
    check(&CONVERGE, false);
}

#[test]
fn a_repair_survives_a_crash_at_every_boundary() {
    check(&REPAIR, false);
}

#[test]
fn delete_survives_a_crash_at_every_boundary() {
    check(&DELETE, false);
}

#[test]
fn a_replica_that_waits_takes_over_at_every_boundary_of_converge() {
    check(&CONVERGE, true);
}

#[test]
fn a_replica_that_waits_takes_over_at_every_boundary_of_a_repair() {
    check(&REPAIR, true);
}

#[test]
fn a_replica_that_waits_takes_over_at_every_boundary_of_delete() {
    check(&DELETE, true);
}
