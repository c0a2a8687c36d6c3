//! Items put back from a backup: at every moment of every scene, each kind of item of the environment's partition as it was
//! before, one kind at a time and all at once. Nothing that is promised of launches, exits, ownership, the lease and sight
//! (I1 to I5) is broken, and it comes to rest.
//!
//! A calm run notes the partition after each write to it. Then a run for each moment is stopped there; a kind of item is put
//! back as it was one write earlier, and as it was at the beginning of the scene; and the judges of the simulation look on
//! while it goes on. A bounded share is tried; all of them with `EVERY=1 cargo test -p e2e --test restored`, and one with,
//! for instance, `ONLY="STATUS 17 0" cargo test -p e2e --test restored delete -- --nocapture`.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::time::Duration;

use e2e::scenes::{CONVERGE, DELETE, PORT, REPAIR, ROLLOUT, SCALE_DOWN, SCALE_UP, SICK, Scene, shop, stage};
use e2e::simulation::judge::Judge;
use e2e::simulation::run::bounds;
use e2e::{NAME, SETTLE_MAX, Stage};
use planner::reason::Reason;
use ports::{Item, Key};
use serde_json::Value;

/// Kinds of items, by how their sort keys begin; the last: all of them.
const KINDS: [&str; 7] = ["STATUS", "INTENT#", "JOURNAL#", "REV#", "DELETION", "SPEC", ""];
/// One of so many cases is tried, unless `EVERY` says otherwise.
const EVERY: usize = 4;
/// Longer than anything takes in a brisk AWS: what is gone being believed so (300 s), late calls (120 s), back-off, exits.
const RESTS_WITHIN: Duration = Duration::from_secs(1800);
const QUIET: Duration = Duration::from_secs(300);

type Partition = BTreeMap<String, Item>;

/// What is put back, when, and from when.
#[derive(Debug, Clone, Copy)]
struct Case {
    kind: &'static str,
    at: usize,
    from: usize,
}

/// The partition, and after how many requests it was so.
struct Moment {
    requests: u64,
    partition: Partition,
}

fn of_kind<'p>(partition: &'p Partition, kind: &'p str) -> impl Iterator<Item = (&'p String, &'p Item)> {
    partition.iter().filter(move |(sk, _)| sk.starts_with(kind))
}

fn begun(scene: &Scene) -> Stage {
    let mut stage = stage();
    (scene.before)(&mut stage);
    stage.crash_points.disarm();
    stage
}

fn moments(scene: &Scene) -> Vec<Moment> {
    let mut stage = begun(scene);
    let (store, points) = (stage.store.clone(), stage.crash_points.clone());
    let now = || Moment { requests: points.requests(), partition: store.user().partition(NAME) };
    let all = std::cell::RefCell::new(vec![now()]);
    (scene.then)(&mut stage);
    let (cloud, seen) = (stage.cloud.clone(), stage.store.clone());
    let ended = stage.run_watched(SETTLE_MAX, || {
        let now = now();
        let mut all = all.borrow_mut();
        if all.last().unwrap().partition != now.partition {
            all.push(now);
        }
        (scene.done)(&e2e::World { cloud: &cloud, store: &seen, name: NAME })
    });
    assert!(ended, "{} does not end", scene.name);
    all.into_inner()
}

/// Puts the items of a kind back as they were, and removes those of it that were not there.
fn put_back(stage: &Stage, kind: &str, before: &Partition) {
    let user = stage.store.user();
    let now = user.partition(NAME);
    for (sk, _) in of_kind(&now, kind).filter(|(sk, _)| !before.contains_key(*sk)) {
        user.delete(&Key::new(NAME, sk.as_str()));
    }
    of_kind(before, kind).for_each(|(_, item)| user.put(item.clone()));
}

/// Whichever record may be gone by: the one that stands, and the one that stood before.
fn note_wanted(stage: &Stage, judge: &Judge) {
    if let Some(spec) = stage.store.user().get(&Key::new(NAME, "SPEC")) {
        judge.wanted(NAME, bounds(&Value::Object(spec)));
        judge.kept(NAME);
    }
}

/// What is wrong with that run, if anything is.
fn fault(scene: &Scene, case: Case, moments: &[Moment]) -> Option<String> {
    let mut stage = stage();
    let judge = Judge::new(&stage, std::env::var("ONLY").is_ok());
    judge.wanted(NAME, bounds(&shop()));
    (scene.before)(&mut stage);
    stage.crash_points.disarm();
    (scene.then)(&mut stage);
    note_wanted(&stage, &judge);
    if scene.name == DELETE.name {
        judge.deleting(NAME);
    }
    let points = stage.crash_points.clone();
    let (at, store) = (&moments[case.at], stage.store.clone());
    let is_there = || points.requests() >= at.requests && store.user().partition(NAME) == at.partition;
    stage.run_watched(SETTLE_MAX, || judge.look() || is_there());
    put_back(&stage, case.kind, &moments[case.from].partition);
    judge.note(|| format!("* {case:?}"));
    note_wanted(&stage, &judge);
    judge.disturbed();
    stage.run_watched(RESTS_WITHIN, || judge.look());
    let before = stage.cloud.ledger().writes();
    stage.run_watched(QUIET, || judge.look());
    let busy = stage.cloud.ledger().writes() > before;
    let unknown = unknown_members(&stage);
    let says =
        stage.status().is_some_and(|status| status.conditions.iter().any(|one| one.reason == Reason::RecordDamaged));
    let report = stage.report();
    drop(stage);
    let (violation, _, trace) = judge.retire();
    trace.iter().for_each(|line| println!("{line}"));
    if let Some(violation) = violation {
        return Some(violation.to_string());
    }
    if busy {
        return Some(format!("it does not come to rest\n{report}"));
    }
    (!unknown.is_empty() && !says).then(|| format!("{unknown:?} are unknown, and nobody says so\n{report}"))
}

/// Live instances that the environment launched and STATUS does not know.
fn unknown_members(stage: &Stage) -> Vec<String> {
    let Some(status) = stage.status() else { return Vec::new() };
    let known = |id: &aws_api::id::InstanceId| status.instances.iter().any(|member| member.instance_id == *id);
    let uid = status.uid.to_string();
    let live = stage.cloud.view().live_instances();
    let ours = live.into_iter().filter(|one| one.tags.get(planner::ownership::TAG_UID) == Some(&uid));
    ours.filter(|one| !known(&one.id)).map(|one| one.id.to_string()).collect()
}

fn cases(moments: &[Moment]) -> Vec<Case> {
    let differs = |case: &Case| {
        let (now, then) = (&moments[case.at].partition, &moments[case.from].partition);
        !of_kind(now, case.kind).eq(of_kind(then, case.kind))
    };
    let at = (1..moments.len()).flat_map(|at| if at == 1 { vec![(at, 0)] } else { vec![(at, at - 1), (at, 0)] });
    at.flat_map(|(at, from)| KINDS.map(|kind| Case { kind, at, from })).filter(differs).collect()
}

fn check(scene: &Scene) {
    let moments = moments(scene);
    let all = cases(&moments);
    let every = std::env::var("EVERY").ok().map_or(EVERY, |every| every.parse().unwrap());
    let only = std::env::var("ONLY").ok();
    let named = |case: &Case| format!("{} {} {}", case.kind, case.at, case.from);
    let tried: Vec<&Case> = match &only {
        Some(only) => all.iter().filter(|case| named(case) == *only).collect(),
        None => all.iter().step_by(every).collect(),
    };
    assert!(!tried.is_empty(), "there is no such case");
    let faults: Vec<String> = tried
        .iter()
        .filter_map(|case| Some(format!("ONLY=\"{}\": {}", named(case), fault(scene, **case, &moments)?)))
        .collect();
    println!("{}: {} of {} cases at {} moments", scene.name, tried.len(), all.len(), moments.len());
    assert!(faults.is_empty(), "{}: {} of {}\n{}", scene.name, faults.len(), tried.len(), faults.join("\n"));
}

#[test]
fn converge_goes_on_from_what_is_put_back() {
    check(&CONVERGE);
}

#[test]
fn a_repair_goes_on_from_what_is_put_back() {
    check(&REPAIR);
}

#[test]
fn scale_down_goes_on_from_what_is_put_back() {
    check(&SCALE_DOWN);
}

#[test]
fn delete_goes_on_from_what_is_put_back() {
    check(&DELETE);
}

#[test]
fn a_rollout_goes_on_from_what_is_put_back() {
    check(&ROLLOUT);
}

#[test]
fn an_edit_of_the_port_goes_on_from_what_is_put_back() {
    check(&PORT);
}

#[test]
fn scale_up_goes_on_from_what_is_put_back() {
    check(&SCALE_UP);
}

#[test]
fn the_replacement_of_a_sick_instance_goes_on_from_what_is_put_back() {
    check(&SICK);
}
