//! `wait`: what ends it, and what it says when time is up.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Command;

use serde_json::json;

use crate::world::{SHOP, World};

/// Presses Ctrl-C.
fn interrupt(pid: u32) {
    assert!(Command::new("kill").args(["-INT", &pid.to_string()]).status().unwrap().success());
}

#[test]
fn a_condition_that_holds_ends_the_wait() {
    let world = World::with_shop();
    world.heartbeat(0);
    world.seen(("True", "AllHealthy", "all is well"));
    world.run(&["wait", "shop", "--for", "condition=Ready", "--timeout", "0s"]).says("");
}

#[test]
fn a_wait_that_times_out_says_what_it_still_waits_for() {
    let world = World::with_shop();
    world.heartbeat(0);
    world.seen_but(
        ("False", "Converging", "slot 2 is starting"),
        serde_json::json!({ "waitingFor": [{ "what": "slot 2 healthy", "until": null, "on": "aws" }] }),
    );
    world
        .run(&["wait", "shop", "--for", "condition=Ready", "--timeout", "0s"])
        .complains(1, &["timed out", "Ready", "Converging", "slot 2 is starting", "slot 2 healthy"]);
}

#[test]
fn without_a_controller_the_wait_after_an_apply_times_out_and_says_so() {
    let world = World::with_shop();
    world
        .run(&["wait", "shop", "--for", "condition=Ready", "--timeout", "1s"])
        .complains(1, &["timed out", "Unknown", "NotObserved", "understudy controller"]);
}

#[test]
fn a_ready_of_an_earlier_record_does_not_end_the_wait() {
    let world = World::with_shop();
    world.heartbeat(0);
    world.seen(("True", "AllHealthy", "all is well"));
    world.apply(&SHOP.replace("count: 2", "count: 3"));
    world.run(&["wait", "shop", "--for", "condition=Ready", "--timeout", "0s"]).complains(1, &["NotObserved"]);
}

#[test]
fn waiting_for_the_end_of_what_is_not_there_is_done() {
    let world = World::new();
    world.run(&["wait", "shop", "--for", "delete"]).says("");
    world.run(&["wait", "shop", "--for", "condition=Ready"]).complains(1, &["is not in the table"]);
}

#[test]
fn waiting_for_the_end_of_what_nobody_deletes_says_how_to() {
    let world = World::with_shop();
    world
        .run(&["wait", "shop", "--for", "delete", "--timeout", "0s"])
        .complains(1, &["timed out", "`understudy delete shop`"]);
}

#[test]
fn a_wait_for_what_holds_names_the_condition_and_what_would_release_it() {
    let world = World::with_shop();
    world.heartbeat(0);
    let held = "ImageAvailable is False (ImageMissing): spec.image.amiId: no such image; set another";
    world.seen(("False", "Held", held));
    let wait = |goal: &str| world.run(&["wait", "shop", "--for", goal, "--timeout", "0s"]);
    wait("condition=Ready").complains(1, &["timed out", "Held", held]);
    wait("condition=TargetsHealthy").complains(1, &["timed out", "it holds: ", held]);
}

#[test]
fn a_wait_says_what_it_waits_for_and_each_once() {
    let world = World::with_shop();
    world.heartbeat(0);
    let seen = |until: &str| {
        world.seen_but(
            ("False", "Converging", &format!("launch/{until}")),
            json!({ "waitingFor": [{ "what": "slot 2 healthy", "until": until, "on": "aws" }] }),
        );
    };
    seen("2026-11-24T08:00:00Z");
    let mut child = world.command(&["wait", "shop", "--for", "condition=Ready"]).spawn().unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let first: Vec<String> = told.by_ref().take(2).collect();
    assert_eq!(
        first,
        [
            "waiting: Ready is False (Converging: launch/2026-11-24T08:00:00Z)",
            "waiting: slot 2 healthy (until 2026-11-24T08:00:00Z)"
        ]
    );
    // What goes on by itself is not told at every step.
    seen("2026-11-24T09:00:00Z");
    world.seen(("False", "Held", "a person is needed"));
    assert_eq!(told.next().unwrap(), "waiting: Ready is False (Held: a person is needed)");
    world.seen(("True", "AllHealthy", "all is well"));
    let rest: Vec<String> = told.collect();
    assert_eq!((child.wait().unwrap().code(), rest), (Some(0), Vec::new()));
}

#[test]
fn ctrl_c_ends_whatever_waits_or_watches_with_130() {
    let world = World::with_shop();
    let wait: &[&str] = &["wait", "shop", "--for", "condition=Ready"];
    for (verb, complains) in [
        (&["get", "-w"][..], false),
        (&["events", "shop", "-w"], false),
        (wait, true),
        (&["delete", "shop", "--wait"], true),
    ] {
        let mut child = world.command(verb).env("UNDERSTUDY_LOG_FORMAT", "human").spawn().unwrap();
        // It listens for Ctrl-C from its first look on.
        world.until_listening(child.id());
        interrupt(child.id());
        let ended = child.wait().unwrap();
        assert_eq!(ended.code(), Some(130), "{verb:?}");
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert_eq!(
            err.contains("error: stagingenvironment/shop: interrupted waiting for"),
            complains,
            "{verb:?}: {err}"
        );
    }
}

#[test]
fn ctrl_c_ends_a_controller_in_order() {
    let world = World::with_shop();
    let mut child = world.command(&["controller", "--log-format", "human"]).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut told: Vec<String> = log.by_ref().take(1).collect();
    world.until_listening(child.id());
    interrupt(child.id());
    told.extend(log);
    assert_eq!(child.wait().unwrap().code(), Some(0), "{told:?}");
    assert!(told.iter().any(|line| line.contains("asked to end")), "{told:?}");
}
