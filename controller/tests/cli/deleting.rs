//! `delete`, and `wait` for what it does.

use std::time::Duration;

use crate::table::{RECORD, Table, finish};

#[test]
fn delete_writes_the_wish_once() {
    let table = Table::new();
    table.run(&["delete", "shop"]).complains(1, &["stagingenvironment/shop: is not in the table"]);
    table.apply(RECORD);
    table.run(&["delete", "shop"]).prints(0, "stagingenvironment/shop deleting\n");
    let wish = table.item("shop", "DELETION").unwrap();
    table.run(&["delete", "shop"]).prints(0, "stagingenvironment/shop deleting\n");
    assert_eq!(table.item("shop", "DELETION").unwrap(), wish);
    assert!(table.item("shop", "SPEC").is_some(), "the controller deletes, at the end of the teardown");
}

/// Removes what a teardown removes, once the wish stands.
fn tear_down(table: &Table) {
    while table.item("shop", "DELETION").is_none() {
        std::thread::sleep(Duration::from_millis(20));
    }
    ["STATUS", "DELETION", "SPEC"].iter().for_each(|sk| table.remove("shop", sk));
}

#[test]
fn delete_and_wait_ends_when_it_is_gone() {
    let table = Table::new();
    table.apply(RECORD);
    table.observe();
    let child = table.command(&["delete", "shop", "--wait"]).spawn().unwrap();
    tear_down(&table);
    let ran = finish(child, "");
    assert_eq!(ran.out, "stagingenvironment/shop deleting\nstagingenvironment/shop deleted\n", "{ran:?}");
    assert_eq!(ran.status, 0);
}

#[test]
fn waiting_for_a_delete_is_over_when_there_is_nothing() {
    let table = Table::new();
    let wait = ["wait", "shop", "--for", "delete", "--timeout", "1s"];
    table.run(&wait).prints(0, "");
    table.apply(RECORD);
    let ran = table.run(&wait);
    ran.complains(1, &["stagingenvironment/shop: timed out waiting for its end"]);
    let child = table.command(&["wait", "shop", "--for", "delete"]).spawn().unwrap();
    table.run(&["delete", "shop"]);
    tear_down(&table);
    finish(child, "").prints(0, "");
}
