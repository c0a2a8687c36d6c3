#![allow(clippy::unwrap_used)]

use super::*;
use crate::clock::Clock;
use crate::fake_table::{Fault, Replica, Table};

#[test]
fn it_tells_who_is_alive_and_when_each_environment_was_looked_at() {
    let (table, replica) = (Table::default(), Replica::new("r"));
    let lease = replica.leading(&table);
    let writer = Writer::new(&lease);
    assert_eq!(replica.clock.run(read(&table)).unwrap(), None);
    let mut heartbeat = Heartbeat::default();
    heartbeat.note("a", replica.now());
    heartbeat.note("b", replica.now());
    heartbeat.forget("a");
    replica.clock.run(heartbeat.beat(&replica.clock, &writer)).unwrap();
    let expected =
        Beat { at: replica.now(), holder: "r".into(), epoch: 1, passes: [("b".to_owned(), replica.now())].into() };
    assert_eq!(replica.clock.run(read(&table)).unwrap(), Some(expected));
}

#[test]
fn it_is_due_at_once_then_every_minute_and_sooner_after_a_failure() {
    let (table, replica) = (Table::default(), Replica::new("r"));
    let lease = replica.leading(&table);
    let writer = Writer::new(&lease);
    let mut heartbeat = Heartbeat::default();
    assert!(heartbeat.next_due() <= replica.clock.elapsed());
    table.fail([Fault::Denied]);
    replica.clock.run(heartbeat.beat(&replica.clock, &writer)).unwrap_err();
    assert_eq!(heartbeat.next_due(), replica.clock.elapsed() + RETRY_INTERVAL);
    replica.clock.run(heartbeat.beat(&replica.clock, &writer)).unwrap();
    assert_eq!(heartbeat.next_due(), replica.clock.elapsed() + INTERVAL);
}

#[test]
fn a_replica_without_the_lease_is_not_heard() {
    let (table, a, b) = (Table::default(), Replica::new("a"), Replica::new("b"));
    let _leader = a.leading(&table);
    let other = b.lease(&table);
    let error = b.clock.run(Heartbeat::default().beat(&b.clock, &Writer::new(&other))).unwrap_err();
    assert_eq!(error, WriteError::LeaseLost);
    assert_eq!(table.keys(CONTROLLER), ["LEASE"]);
}
