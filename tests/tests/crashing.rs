//! A crash at every boundary of every request: nothing is made twice, nothing is left behind, and it ends the same.
//!
//! A run without a crash counts its requests, to AWS and to the table. Then each request is cut in turn, before it is sent,
//! after it took effect unanswered, and after its answer; the replica dies there and another goes on. What there is at the
//! end, and how many resources ever came and went, must be as in the run without a crash. All boundaries are tried; to look
//! at one, run for instance `CUT=17 cargo test -p e2e --test crashing delete -- --nocapture`.
#![allow(clippy::unwrap_used)]

use e2e::scenes::{CONVERGE, DELETE, End, PORT, QUIET, REPAIR, ROLLOUT, SCALE_DOWN, SCALE_UP, SICK, Scene, end, stage};
use simulator::Cut;

/// The requests of a run without a crash, and its end.
fn calm(scenario: &Scene) -> (u64, End) {
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
fn cut(scenario: &Scene, number: u64, cut: Cut, is_waiting: bool) -> End {
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

fn check(scenario: &Scene, is_waiting: bool) {
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
