//! A bounded part of the simulation: a few seeds of every scenario, and what makes its findings worth anything.
//!
//! Many more seeds: `cargo run --release -p e2e --bin simulate -- --help`. What it found is in docs/simulation.md, each with a
//! test of its own.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use e2e::simulation::run::{Case, Report, run};
use e2e::simulation::scenario::{self, Scenario};
use e2e::simulation::streams::EDITION;
use e2e::{Stage, record};
use planner::status::{ConditionType, Truth};
use simulator::cloud::ReadLag;

/// Seeds of each scenario.
const SEEDS: u64 = 3;

fn case(scenario: &Scenario, seed: u64) -> Case<'_> {
    Case { scenario, seed, edition: EDITION, kept: None, without: &[], traced: false, week: false }
}

fn holds(name: &str) {
    (1..=SEEDS).for_each(|seed| holds_in(name, seed, EDITION));
}

fn holds_in(name: &str, seed: u64, edition: u8) {
    if let Some(violation) = run(Case { edition, ..case(scenario::named(name).unwrap(), seed) }).violation {
        let again = format!("simulate --scenario {name} --edition {edition} --seeds 1 --from {seed} --trace");
        panic!("seed {seed}: {violation}\nagain: {again}");
    }
}

#[test]
fn everything_goes_wrong() {
    holds("everything");
}

#[test]
fn calls_go_wrong() {
    holds("calls");
}

#[test]
fn trouble_from_the_first_moment_on() {
    holds("converge");
}

#[test]
fn edits_follow_each_other() {
    holds("edits");
}

#[test]
fn a_person_is_in_the_console() {
    holds("console");
}

#[test]
fn replicas_stand_still_for_longer_than_a_lease() {
    holds("replicas");
}

#[test]
fn the_environment_is_deleted_amid_trouble() {
    holds("delete");
}

#[test]
fn one_environment_is_in_trouble_and_another_does_not_notice() {
    holds("neighbours");
}

#[test]
fn seeds_that_once_found_something_find_nothing_any_more() {
    scenario::RECORDED.iter().for_each(|(name, seed, edition)| holds_in(name, *seed, *edition));
}

#[test]
fn the_same_seed_gives_the_same_trace_byte_for_byte() {
    let scenario = scenario::named("replicas").unwrap();
    let trace = |seed| run(Case { traced: true, ..case(scenario, seed) }).trace.join("\n");
    let first = trace(7);
    assert!(first.lines().count() > 100, "a trace of nothing proves nothing:\n{first}");
    assert!(first == trace(7), "two runs of one seed differ");
    assert!(first != trace(8), "two seeds do not differ");
}

/// What the binary prints of a few seeds, so many of them at once.
fn printed(jobs: &str) -> String {
    let mut simulate = Command::new(env!("CARGO_BIN_EXE_simulate"));
    let ran = simulate.args(["--scenario", "calls", "--seeds", "3", "--trace", "--jobs", jobs]).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    assert!(String::from_utf8_lossy(&ran.stderr).contains("seeds/s"), "how fast it went goes to stderr");
    String::from_utf8(ran.stdout).unwrap()
}

#[test]
fn what_is_printed_is_the_same_whatever_the_machine_does() {
    let first = printed("1");
    let headings: Vec<&str> = first.lines().filter(|line| line.starts_with("== ")).collect();
    assert_eq!(headings, [1, 2, 3].map(|seed| format!("== seed {seed} of calls")));
    assert!(first.contains("\n3 seeds from 1: "), "{first}");
    assert!(first == printed("3"), "one seed after another and three at once differ");
}

#[test]
fn a_part_of_a_script_is_a_script_again() {
    let scenario = scenario::named(scenario::DEFAULT).unwrap();
    let nothing = BTreeSet::new();
    let report: Report = run(Case { kept: Some(&nothing), ..case(scenario, 3) });
    assert_eq!(report.violation, None);
    assert!(!report.script.is_empty());
    assert_eq!(report.tally.iter().find(|(name, _)| name.starts_with("happened: ")), None);
}

/// Once the lag of a replica was set on another client than it used, and every run with lag was one without.
#[test]
fn a_lag_that_is_set_is_what_the_replica_sees() {
    let mut stage = Stage::new(5);
    stage.apply(&record(2));
    stage.start("a");
    stage.settle();
    stage.set_read_lag("a", ReadLag::Fixed(Duration::from_secs(90)));
    stage.run_for(Duration::from_secs(300));
    let id = stage.cloud.view().live_instances()[0].id.clone();
    stage.cloud.console().terminate(&id).unwrap();
    stage.run_for(Duration::from_secs(60));
    assert!(stage.is(ConditionType::Ready, Truth::True), "it cannot know yet\n{}", stage.report());
    stage.run_for(Duration::from_secs(60));
    assert!(stage.is(ConditionType::Ready, Truth::False), "it can by now\n{}", stage.report());
}
