//! Many environments in one account: what our own share of the quota has no room for is looked at later, whole, and no
//! condition changes for it.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::time::Duration;

use aws_api::{Bucket, Operation};
use e2e::{RESYNC, Stage, World, record};
use planner::status::{ConditionType, Truth};
use serde_json::{Value, json};

/// More than are looked at every 10 s within half of AWS's buckets.
const MANY: usize = 13;

fn name(nth: usize) -> String {
    format!("env-{nth}")
}

fn one(nth: usize, count: u32) -> Value {
    let mut record = record(count);
    record["metadata"]["name"] = json!(name(nth));
    record
}

/// Thirteen environments, made and quiet.
fn many(seed: u64) -> Stage {
    let mut stage = Stage::new(seed);
    (0..MANY).for_each(|nth| stage.apply(&one(nth, 1)));
    stage.start("a");
    for nth in 0..MANY {
        stage.until("ready and quiet", |world| World { name: &name(nth), ..*world }.is_settled());
    }
    stage.run_for(Duration::from_secs(120));
    stage
}

/// What each condition of each environment says.
fn conditions(stage: &Stage) -> BTreeMap<(String, ConditionType), (Truth, String)> {
    let mut all = BTreeMap::new();
    for name in (0..MANY).map(name) {
        for condition in stage.world(&name).status().unwrap().conditions {
            all.insert((name.clone(), condition.kind), (condition.status, condition.reason.to_string()));
        }
    }
    all
}

fn events(stage: &Stage) -> usize {
    let keys = |name: String| stage.store.user().partition(&name).into_keys();
    (0..MANY).map(name).flat_map(keys).filter(|sk| sk.starts_with("EVENT#")).count()
}

/// When each was looked at, by its target group.
fn looks(stage: &Stage, since: Duration) -> BTreeMap<String, Vec<Duration>> {
    let mut looks: BTreeMap<String, Vec<Duration>> = BTreeMap::new();
    for entry in stage.cloud.ledger().entries().filter(|entry| entry.at >= since) {
        if entry.operation == Operation::DescribeTargetHealth {
            looks.entry(entry.resource.clone()).or_default().push(entry.at);
        }
    }
    looks
}

#[test]
fn what_our_share_of_the_quota_has_no_room_for_is_looked_at_later_and_changes_no_condition() {
    let mut stage = many(601);
    let (before, told, began) = (conditions(&stage), events(&stage), stage.clock.since_epoch());
    for _ in 0..300 {
        stage.run_for(Duration::from_secs(2));
        assert_eq!(conditions(&stage), before);
    }
    assert_eq!(events(&stage), told, "and nothing is told");

    // Evenly, and as often as there is room.
    let looks = looks(&stage, began);
    assert_eq!(looks.len(), MANY);
    for (group, times) in &looks {
        let longest = times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        assert!(longest > RESYNC && longest < 3 * RESYNC, "{group}: {longest:?}");
    }

    // Half of AWS's bucket, at any time (promise I9).
    let (size, per_second) = Bucket::Elbv2Describe.limits();
    let ledger = stage.cloud.ledger();
    let mut times: Vec<Duration> = ledger
        .entries()
        .filter(|entry| entry.at >= began && entry.operation.bucket() == Bucket::Elbv2Describe)
        .map(|entry| entry.at)
        .collect();
    times.sort();
    for from in (0..times.len()).step_by(50) {
        for to in from..times.len() {
            let most = f64::from(size / 2) + (times[to] - times[from]).as_secs_f64() * f64::from(per_second / 2);
            assert!((to - from) as f64 <= most, "{} calls from {:?} to {:?}", to - from, times[from], times[to]);
        }
    }
}

#[test]
fn an_edit_and_a_fault_do_not_wait_behind_the_resyncs_of_others() {
    let mut stage = many(602);
    for nth in [0, 6, 12] {
        stage.apply(&one(nth, 2));
        let generation = |stage: &Stage| stage.world(&name(nth)).status().unwrap().generation;
        let before = generation(&stage);
        stage.run_for(Duration::from_secs(6));
        assert_eq!(generation(&stage), before + 1, "{}", name(nth));
        stage.until("two members", |world| World { name: &name(nth), ..*world }.is_settled());
    }
}
