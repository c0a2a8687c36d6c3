//! What a record may declare, made from the schema: every value alone and back, every wrong one, and pairs.
//!
//! `PAIRS=500 cargo test -p e2e --test declared pair -- --nocapture` tries more pairs, `ONLY=bakeTime` only those trials.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::time::Duration;

use e2e::declared::{Trial, properties, trials};
use e2e::edits::two_images;
use e2e::{Stage, comparable, fresh, record};
use planner::status::{ConditionType, Truth};
use serde_json::{Value, json};
use simulator::entropy::Prng;

const QUIET: Duration = Duration::from_secs(120);

/// Properties whose every valid value holds the environment where it is, and what is said of it.
const HELD: [(&str, &str); 6] = [
    ("spec.region", "ImmutableField spec.region"),
    ("spec.loadBalancer.scheme", "ImmutableField spec.loadBalancer.scheme"),
    ("spec.loadBalancer.name", "ImmutableField spec.loadBalancer.name"),
    ("spec.securityGroups.loadBalancer.name", "ImmutableField spec.securityGroups.loadBalancer.name"),
    ("spec.securityGroups.instances.name", "ImmutableField spec.securityGroups.instances.name"),
    // A paused environment that has nothing to do has nothing to say about it.
    ("spec.paused", ""),
];

fn running(seed: u64) -> Stage {
    Stage::standing(seed, &record(2), two_images)
}

/// The trials that are valid, or those that are not.
fn tried(valid: bool) -> Vec<Trial> {
    let only = std::env::var("ONLY").unwrap_or_default();
    let all = trials(&record(2)).into_iter().filter(|trial| trial.is_valid == valid);
    all.filter(|trial| trial.path.contains(&only)).collect()
}

/// What holds the environment after that edit, if anything does.
fn held(trial: &Trial) -> Option<&'static str> {
    let same = trial
        .value
        .as_ref()
        .is_none_or(|value| [json!("us-east-2"), json!("internet-facing"), json!(false)].contains(value));
    HELD.iter().find(|(property, _)| *property == trial.property && !same).map(|(_, says)| *says)
}

fn is_as_fresh(stage: &mut Stage, what: &str, record: &Value) {
    comes_to(stage, what, &fresh(record, two_images));
}

/// Volumes that outlived their instance are left out: the record of that time said so (`deleteOnTermination: false`).
fn comes_to(stage: &mut Stage, what: &str, want: &str) {
    stage.settle();
    let have = comparable(&stage.canonical());
    let have = have.lines().filter(|line| !line.starts_with("nobody: ")).collect::<Vec<_>>().join("\n");
    assert!(have == want, "{what}\nhave\n{have}\nwant\n{want}");
    stage.is_quiet_for(QUIET);
}

#[test]
fn every_property_of_the_schema_is_tried_with_a_value_that_is_taken_and_one_that_is_refused() {
    // There is no way to write them so that this version takes them, until what they stand for comes.
    let refused_whole = |property: &str| {
        let not_yet = [
            "vpcTags",
            "subnetTags",
            "SubnetIds",
            "ssmParameter",
            "newest",
            "fromInstance",
            "adopt",
            "certificateArns",
            "sslPolicy",
            "rules",
            "redirect",
            "securityGroup",
            "prefixList",
        ];
        not_yet.iter().any(|name| property.split(['.', '[']).any(|part| part == *name || part.ends_with(name)))
    };
    // Subnets have their ids from the seed, so a network cannot be named before a run; `editing` is about the default one.
    let by_seed = |property: &str| property.starts_with("spec.network");
    let names = |valid| tried(valid).into_iter().map(|trial| trial.property).collect::<BTreeSet<_>>();
    let (taken, refused) = (names(true), names(false));
    // What holds other properties is tried by way of them.
    let is_taken = |property: &str| taken.iter().any(|taken| taken.starts_with(property));
    let missing = properties().into_iter().filter(|property| !is_taken(property));
    let missing: Vec<String> = missing.filter(|property| !refused_whole(property) && !by_seed(property)).collect();
    assert!(missing.is_empty(), "no valid value: {missing:?}");
    let missing: Vec<String> = properties().into_iter().filter(|property| !refused.contains(property)).collect();
    assert!(missing.is_empty(), "no wrong value: {missing:?}");
}

#[test]
fn every_declared_value_ends_as_a_fresh_deployment_and_can_be_taken_back() {
    let mut stage = running(201);
    let a = record(2);
    let as_a = fresh(&a, two_images);
    for trial in tried(true) {
        eprintln!("{}", trial.name());
        let before = stage.cloud.ledger().writes();
        stage.apply(&trial.record);
        match held(&trial) {
            Some(says) => {
                stage.run_for(QUIET);
                assert!(stage.says(says), "{}: {says}\n{}", trial.name(), stage.report());
                assert_eq!(stage.cloud.ledger().writes(), before, "{}", trial.name());
            }
            None => is_as_fresh(&mut stage, &trial.name(), &trial.record),
        }
        stage.apply(&a);
        comes_to(&mut stage, &format!("{}, taken back", trial.name()), &as_a);
    }
}

#[test]
fn every_wrong_value_is_refused_by_its_path_and_changes_nothing() {
    let mut stage = running(202);
    let world = stage.canonical();
    for trial in tried(false) {
        stage.apply(&trial.record);
        stage.is_quiet_for(Duration::from_secs(20));
        assert!(stage.is(ConditionType::SpecValid, Truth::False), "{}\n{}", trial.name(), stage.report());
        let faults = crds_schema::parse(&trial.record).unwrap_err();
        let path = faults[0].path.to_string();
        assert!(stage.says(&path), "{}: {path}\n{}", trial.name(), stage.report());
    }
    assert_eq!(stage.canonical(), world);
    stage.apply(&record(3));
    is_as_fresh(&mut stage, "a valid one after them", &record(3));
}

#[test]
fn a_pair_of_edits_of_which_the_second_comes_while_the_first_rolls_ends_as_the_second() {
    let pairs = std::env::var("PAIRS").ok().and_then(|pairs| pairs.parse().ok()).unwrap_or(12);
    let all: Vec<Trial> = tried(true).into_iter().filter(|trial| held(trial).is_none()).collect();
    let mut prng = Prng::new(203);
    let mut pick = |among: usize| usize::try_from(prng.below(among as u64)).unwrap();
    let mut stage = running(203);
    for _ in 0..pairs {
        let (first, second) = (&all[pick(all.len())], &all[pick(all.len())]);
        let after = Duration::from_secs(pick(300) as u64);
        // Both together where they go together, else the second alone.
        let last = second.on(&first.record).unwrap_or_else(|| second.record.clone());
        let what = format!("{}, after {after:?} {}", first.name(), second.name());
        eprintln!("{what}");
        stage.apply(&first.record);
        stage.run_for(after);
        stage.apply(&last);
        is_as_fresh(&mut stage, &what, &last);
    }
}
