#![allow(clippy::unwrap_used)]

use ports::Clock;

use super::*;
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
    let expected = Beat {
        at: replica.now(),
        holder: "r".into(),
        epoch: 1,
        passes: [("b".to_owned(), replica.now())].into(),
        leads_since: Some(replica.now()),
        before: None,
        looks_every_seconds: None,
    };
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

#[test]
fn a_new_leader_tells_once_whose_place_it_took() {
    let (table, a, b) = (Table::default(), Replica::new("a"), Replica::new("b"));
    let first = a.leading(&table);
    let mut heartbeat = Heartbeat::default();
    let told = || table.keys(CONTROLLER).into_iter().filter(|sk| sk.starts_with("EVENT#")).collect::<Vec<_>>();
    a.clock.run(heartbeat.beat(&a.clock, &Writer::new(&first))).unwrap();
    assert_eq!(told(), [""; 0], "nobody led before");
    a.clock.run(first.release()).unwrap();
    let second = b.leading(&table);
    let mut heartbeat = Heartbeat::default();
    let looks_every = Some(Duration::from_secs(20));
    for _ in 0..2 {
        heartbeat.note_interval(looks_every);
        b.clock.run(heartbeat.beat(&b.clock, &Writer::new(&second))).unwrap();
        let [event] = &told()[..] else { panic!("{:?}", told()) };
        let event = table.item(CONTROLLER, event).unwrap();
        assert_eq!(event["reason"], "LeaderChanged");
        assert!(event["message"].as_str().unwrap().starts_with("b leads in epoch 2, in place of a, "), "{event}");
        let beat = b.clock.run(read(&table)).unwrap().unwrap();
        assert_eq!((beat.before.as_deref(), beat.looks_every_seconds), (Some("a"), Some(20)));
        assert!(beat.leads_since.is_some());
    }
}
