//! `controller`: how it ends, and that nothing unreachable ends it otherwise.

use std::io::{BufRead as _, BufReader};
use std::process::Command;

use crate::world::{NOBODY, World};

/// Tells a process to end, as init systems do.
fn terminate(pid: u32) {
    assert!(Command::new("kill").args(["-TERM", &pid.to_string()]).status().unwrap().success());
}

#[test]
fn once_without_environments_ends_and_reports() {
    let world = World::new();
    let ran = world.run(&["controller", "--once"]).says("");
    assert!(ran.err.contains("no environments"), "{ran:?}");
    assert!(world.item("_controller", "HEARTBEAT").is_some());
}

#[test]
fn once_says_that_aws_does_not_answer() {
    let world = World::with_shop();
    let ran = world.run(&["controller", "--once"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(
        ran.out.starts_with("stagingenvironment/shop waits for AWS: subnets: DescribeSubnets: http://127.0.0.1:1: "),
        "{ran:?}"
    );
    let document = world.run(&["get", "shop", "-o", "json"]).yes().json();
    assert_ne!(document["status"]["conditions"][0]["status"], "True", "{document}");
}

#[test]
fn once_without_a_table_or_without_its_endpoint_is_2() {
    let world = World::empty();
    world.run(&["controller", "--once"]).complains(2, &["table understudy", "understudy bootstrap"]);
    world.run(&["controller", "--once", "--endpoint-url", NOBODY]).complains(2, &["http://127.0.0.1:1"]);
}

#[test]
fn sigterm_ends_a_leader_with_0_and_its_lease_with_it() {
    let world = World::with_shop();
    let mut child = world.command(&["controller", "--log-format", "human"]).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut told: Vec<String> = log.by_ref().take(1).collect();
    terminate(child.id());
    told.extend(log);
    assert_eq!(child.wait().unwrap().code(), Some(0), "{told:?}");
    assert!(told.iter().any(|line| line.contains("asked to end")), "{told:?}");
    // The next one need not wait for the lease to run out.
    let next = world.run(&["controller", "--once"]);
    assert!(!next.err.contains("another controller"), "{next:?}");
}

#[test]
fn a_controller_outlives_a_missing_table() {
    let world = World::empty();
    let mut child = world.command(&["controller"]).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(log.any(|line| line.contains("understudy")), "it says which table it misses");
    assert_eq!(child.try_wait().unwrap(), None);
    terminate(child.id());
    let rest: Vec<String> = log.collect();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{rest:?}");
}
