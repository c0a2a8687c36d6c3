//! `wait`: what ends it, and what it says when time is up.

use crate::world::{SHOP, World};

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
