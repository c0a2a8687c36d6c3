//! Every read of a calm run is answered once from an older world, or not at all: it ends the same, and nothing is made or
//! removed that would not have been.
//!
//! A run without that counts its reads of AWS and what its watch asks of the table. Then each read is answered in turn as it
//! would have been before the last mutating call, before the last two, and at the beginning, and not at all; each answer to
//! the watch as it would have been at the beginning, empty, and not at all. All reads are tried; to look at
//! one, run for instance `READ=17 cargo test -p e2e --test stale delete -- --nocapture`.
#![allow(clippy::unwrap_used)]

use e2e::scenes::{CONVERGE, DELETE, End, PORT, QUIET, REPAIR, ROLLOUT, SCALE_DOWN, SCALE_UP, SICK, Scene, end, stage};
use ports::Key;
use simulator::cloud::Glimpse;
use simulator::store::Notice;

/// Before the last mutating call, before the last two, at the beginning, not at all.
const GLIMPSES: [Glimpse; 4] = [Glimpse::Before(1), Glimpse::Before(2), Glimpse::Beginning, Glimpse::Fails];
const NOTICES: [Notice; 3] = [Notice::Old, Notice::Dropped, Notice::Fails];

/// The one that is misled, and how.
#[derive(Debug, Clone, Copy)]
enum Misled {
    Read(u64, Glimpse),
    Watch(u64, Notice),
    Nobody,
}

/// What a run came to.
struct Ran {
    end: End,
    reads: u64,
    notices: u64,
    /// Whether an answer was another than it would have been.
    misled: bool,
}

/// A batch of these keys only is the watch's.
fn watches(key: &Key) -> bool {
    key.sk == "SPEC" || key.sk == "DELETION"
}

fn run(scene: &Scene, misled: Misled) -> Ran {
    let mut stage = stage();
    (scene.before)(&mut stage);
    let (read, notice) = match misled {
        Misled::Read(number, glimpse) => (Some((number, glimpse)), None),
        Misled::Watch(number, notice) => (None, Some((number, notice))),
        Misled::Nobody => (None, None),
    };
    stage.cloud.mislead(read);
    stage.store.mislead(notice, watches);
    (scene.then)(&mut stage);
    stage.until(&format!("{}, misled: {misled:?}", scene.name), scene.done);
    let (reads, notices) = (stage.cloud.reads(), stage.store.notices());
    stage.is_quiet_for(QUIET);
    let misled = stage.cloud.was_misled() || matches!(misled, Misled::Watch(number, _) if number <= notices);
    Ran { end: end(&stage), reads, notices, misled }
}

fn check(scene: &Scene) {
    let calm = run(scene, Misled::Nobody);
    let only: Option<u64> = std::env::var("READ").ok().map(|number| number.parse().unwrap());
    let numbers = |most: u64| (1..=most).filter(|number| only.is_none_or(|only| only == *number));
    let reads = numbers(calm.reads).flat_map(|number| GLIMPSES.map(|glimpse| Misled::Read(number, glimpse)));
    let notices = numbers(calm.notices).flat_map(|number| NOTICES.map(|notice| Misled::Watch(number, notice)));
    let mut tried = 0;
    for misled in reads.chain(notices) {
        let ran = run(scene, misled);
        assert_eq!(ran.end, calm.end, "{}: {misled:?}", scene.name);
        tried += u64::from(ran.misled);
    }
    println!(
        "{}: {tried} answers that were older or none, of {} reads of AWS and {} of the watch",
        scene.name, calm.reads, calm.notices
    );
    assert!(only.is_some() || tried > calm.reads + calm.notices, "hardly anything was misled: {tried}");
}

#[test]
fn converge_is_misled_by_no_read() {
    check(&CONVERGE);
}

#[test]
fn a_repair_is_misled_by_no_read() {
    check(&REPAIR);
}

#[test]
fn scale_down_is_misled_by_no_read() {
    check(&SCALE_DOWN);
}

#[test]
fn delete_is_misled_by_no_read() {
    check(&DELETE);
}

#[test]
fn a_rollout_is_misled_by_no_read() {
    check(&ROLLOUT);
}

#[test]
fn an_edit_of_the_port_is_misled_by_no_read() {
    check(&PORT);
}

#[test]
fn scale_up_is_misled_by_no_read() {
    check(&SCALE_UP);
}

#[test]
fn the_replacement_of_a_sick_instance_is_misled_by_no_read() {
    check(&SICK);
}
