//! `delete`: it records a wish, once, and waits for the controller if asked to.

use std::io::{BufRead as _, BufReader, Read as _};

use crate::world::World;

#[test]
fn delete_says_deleting_however_often_it_is_asked() {
    let world = World::with_shop();
    world.run(&["delete", "shop"]).says("stagingenvironment/shop deleting\n");
    let wish = world.item("shop", "DELETION").unwrap();
    world.run(&["delete", "shop"]).says("stagingenvironment/shop deleting\n");
    assert_eq!(world.item("shop", "DELETION"), Some(wish));
    assert!(world.item("shop", "SPEC").is_some(), "the controller removes it, not the wish");
    let document = world.run(&["get", "shop", "-o", "json"]).yes().json();
    assert!(document["metadata"]["deletionTimestamp"].is_string(), "{document}");
}

#[test]
fn what_is_not_there_cannot_be_deleted() {
    let world = World::new();
    world.run(&["delete", "shop"]).complains(1, &["stagingenvironment/shop", "is not in the table"]);
    assert_eq!(world.item("shop", "DELETION"), None);
}

#[test]
fn a_waiting_delete_that_times_out_says_what_it_still_waits_for() {
    let world = World::with_shop();
    let ran = world.run(&["delete", "shop", "--wait", "--timeout", "0s"]);
    assert_eq!((ran.status, ran.out.as_str()), (1, "stagingenvironment/shop deleting\n"), "{ran:?}");
    ran.tells(&["error: stagingenvironment/shop: timed out waiting for its end", "no controller has ever reported"]);
    world.heartbeat(0);
    world.seen_but(
        ("False", "Deleting", "being torn down"),
        serde_json::json!({ "waitingFor": [{ "what": "the load balancer to be gone", "until": null, "on": "aws" }] }),
    );
    let ran = world.run(&["delete", "shop", "--wait", "--timeout", "1s"]);
    assert_eq!(ran.status, 1, "{ran:?}");
    ran.tells(&["waiting: the load balancer to be gone", "timed out", "and so for: the load balancer to be gone"]);
    assert!(world.item("shop", "DELETION").is_some(), "the wish stands");
}

#[test]
fn a_waiting_delete_ends_when_the_record_is_gone() {
    let world = World::with_shop();
    let mut child = world.command(&["delete", "shop", "--wait"]).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert_eq!(line, "stagingenvironment/shop deleting\n");
    for sk in ["SPEC", "DELETION"] {
        world.remove("shop", sk);
    }
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "stagingenvironment/shop deleted\n");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
