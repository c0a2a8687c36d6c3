#![allow(clippy::unwrap_used)]

use ports::Condition;
use serde_json::{Value, json};

use super::*;
use crate::fake_table::{Fault, Replica, Table};
use crate::items::CONTROLLER;

fn put(sk: &str, value: u32, condition: Condition) -> Change {
    let item = json!({"pk": "a", "sk": sk, "value": value}).as_object().unwrap().clone();
    Change::Put(item, vec![condition])
}

/// A write that changes `x` from 1 to 2 and removes `y`.
fn edit() -> Vec<Change> {
    vec![put("x", 2, Condition::Equals("value".into(), json!(1))), Change::Delete(Key::new("a", "y"), vec![])]
}

fn table() -> Table {
    let table = Table::default();
    table.put("a", "x", json!({"value": 1}));
    table.put("a", "y", json!({}));
    table
}

fn value(table: &Table) -> Option<Value> {
    table.item("a", "x").map(|item| item["value"].clone())
}

/// What came of [`edit`] under these faults, and how often it was sent.
fn written(faults: &[Fault]) -> (Result<(), WriteError>, Option<Value>, usize) {
    let (table, a) = (table(), Replica::new("a"));
    let lease = a.leading(&table);
    table.fail(faults.iter().copied());
    let result = a.clock.run(Writer::new(&lease).write(edit()));
    (result, value(&table), table.take_sent())
}

#[test]
fn a_write_goes_through_whole() {
    let (table, a) = (table(), Replica::new("a"));
    let lease = a.leading(&table);
    a.clock.run(Writer::new(&lease).write(edit())).unwrap();
    assert_eq!((value(&table), table.keys("a")), (Some(json!(2)), vec!["x".to_owned()]));
}

#[test]
fn nothing_is_written_by_a_replica_that_lost_the_lease() {
    let (table, a, b) = (table(), Replica::new("a"), Replica::new("b"));
    let (first, second) = (a.leading(&table), b.lease(&table));
    b.clock.run(second.try_acquire()).unwrap();
    // The first is paused for longer than its lease, and the second takes over.
    a.clock.pass(Duration::from_secs(16));
    b.clock.pass(Duration::from_secs(16));
    b.clock.run(second.try_acquire()).unwrap();
    let writer = Writer::new(&first);
    assert_eq!(a.clock.run(writer.write(edit())), Err(WriteError::LeaseLost));
    assert_eq!(value(&table), Some(json!(1)));
    table.take_sent();
    assert_eq!(a.clock.run(writer.write(edit())), Err(WriteError::LeaseLost));
    assert_eq!(table.take_sent(), 0, "it stops for good");
    b.clock.run(Writer::new(&second).write(edit())).unwrap();
}

#[test]
fn a_pause_that_nobody_used_loses_nothing() {
    let (table, a) = (table(), Replica::new("a"));
    let lease = a.leading(&table);
    a.clock.pass(Duration::from_secs(60));
    a.clock.run(Writer::new(&lease).write(edit())).unwrap();
}

#[test]
fn conflicts_and_throttling_are_tried_again() {
    assert_eq!(written(&[Fault::Conflict, Fault::Throttled, Fault::Conflict]), (Ok(()), Some(json!(2)), 4));
}

#[test]
fn tries_are_bounded() {
    let conflict = WriteError::Unavailable(StoreError::TransactionConflict);
    assert_eq!(written(&[Fault::Conflict; 20]), (Err(conflict), Some(json!(1)), 8));
}

#[test]
fn nothing_is_tried_again_past_the_lease() {
    let (table, a) = (table(), Replica::new("a"));
    let lease = a.leading(&table);
    a.clock.pass(Duration::from_secs(13));
    table.fail([Fault::Conflict; 20]);
    a.clock.run(Writer::new(&lease).write(edit())).unwrap_err();
    assert_eq!(table.take_sent(), 1);
}

#[test]
fn a_write_whose_reply_is_lost_is_recognised_and_not_sent_again() {
    assert_eq!(written(&[Fault::ReplyLost]), (Ok(()), Some(json!(2)), 1));
}

#[test]
fn a_write_that_is_lost_or_hangs_is_sent_again() {
    assert_eq!(written(&[Fault::Lost]), (Ok(()), Some(json!(2)), 2));
    assert_eq!(written(&[Fault::Hangs]), (Ok(()), Some(json!(2)), 2));
}

#[test]
fn a_write_that_was_given_up_and_arrives_after_all_is_recognised() {
    let (table, a) = (table(), Replica::new("a"));
    let lease = a.leading(&table);
    table.fail([Fault::Late]);
    let writer = Writer::new(&lease);
    let write = writer.write(edit());
    let arrives = async {
        // Within the pause after the first try.
        a.clock.sleep(Duration::from_millis(1)).await;
        assert_eq!(table.arrive(), [true]);
    };
    let (result, ()) = a.clock.run(futures::future::join(write, arrives));
    assert_eq!((result, table.take_sent()), (Ok(()), 2));
}

#[test]
fn where_the_table_cannot_be_read_the_outcome_is_not_known() {
    let (table, a) = (table(), Replica::new("a"));
    let lease = a.leading(&table);
    table.reads_fail.set(true);
    table.fail([Fault::ReplyLost]);
    let error = a.clock.run(Writer::new(&lease).write(edit())).unwrap_err();
    assert!(matches!(error, WriteError::Unsettled(_)), "{error}");
    assert_eq!(table.take_sent(), 1);
}

#[test]
fn anothers_change_ends_the_write_and_not_the_replica() {
    let (table, a) = (table(), Replica::new("a"));
    let lease = a.leading(&table);
    table.put("a", "x", json!({"value": 3}));
    let error = a.clock.run(Writer::new(&lease).write(edit())).unwrap_err();
    assert_eq!(error, WriteError::Changed { items: vec![Key::new("a", "x")] });
    assert_eq!(error.to_string(), "the record changed meanwhile: a x");
    assert_eq!((value(&table), table.keys("a").len(), lease.is_lost()), (Some(json!(3)), 2, false));
}

#[test]
fn a_write_that_may_not_be_made_is_not_tried_again() {
    let (result, stored, sent) = written(&[Fault::Denied]);
    assert!(matches!(result, Err(WriteError::Unavailable(StoreError::Denied { .. }))));
    assert_eq!((stored, sent), (Some(json!(1)), 1));
}

#[test]
fn one_write_is_under_way_at_a_time() {
    let (table, a) = (table(), Replica::new("a"));
    let lease = a.leading(&table);
    let writer = Writer::new(&lease);
    // The first waits for its second try; the second must not overtake it.
    table.fail([Fault::Conflict]);
    let first = writer.write(edit());
    let second = writer.write(vec![put("x", 5, Condition::Equals("value".into(), json!(2)))]);
    let (first, second) = a.clock.run(futures::future::join(first, second));
    assert_eq!((first, second, value(&table)), (Ok(()), Ok(()), Some(json!(5))));
}

#[test]
fn too_large_a_write_is_refused_and_an_empty_one_asks_nothing() {
    let (table, a) = (table(), Replica::new("a"));
    let lease = a.leading(&table);
    let writer = Writer::new(&lease);
    let many = |count| (0..count).map(|at| put(&format!("n{at}"), 1, Condition::Absent)).collect::<Vec<_>>();
    assert_eq!(a.clock.run(writer.write(many(100))), Err(WriteError::TooLarge { parts: 100 }));
    a.clock.run(writer.write(vec![])).unwrap();
    assert_eq!(table.take_sent(), 0);
    a.clock.run(writer.write(many(99))).unwrap();
    assert_eq!(table.keys(CONTROLLER), ["LEASE"]);
}

/// A write that is still under way when its replica gives it up.
fn left_under_way(table: &Table, replica: &Replica, lease: &Lease<'_>) {
    table.fail([Fault::Late, Fault::Denied]);
    replica.clock.run(Writer::new(lease).write(edit())).unwrap_err();
}

#[test]
fn a_write_of_an_earlier_tenure_that_arrives_late_does_not_go_through() {
    let (table, a, b) = (table(), Replica::new("a"), Replica::new("b"));
    let (first, second) = (a.leading(&table), b.lease(&table));
    left_under_way(&table, &a, &first);
    b.clock.run(second.try_acquire()).unwrap();
    b.clock.pass(Duration::from_secs(16));
    b.clock.run(second.try_acquire()).unwrap();
    b.clock.run(second.release()).unwrap();
    a.clock.run(first.try_acquire()).unwrap();
    assert_eq!(first.epoch(), 3, "the same replica leads again");
    assert_eq!((table.arrive(), value(&table)), (vec![false], Some(json!(1))));
}

#[test]
fn a_write_that_arrives_after_the_lease_was_given_back_does_not_go_through() {
    let (table, a) = (table(), Replica::new("a"));
    let lease = a.leading(&table);
    left_under_way(&table, &a, &lease);
    a.clock.run(lease.release()).unwrap();
    assert_eq!((table.arrive(), value(&table)), (vec![false], Some(json!(1))));
}
