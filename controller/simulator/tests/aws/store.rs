//! The simulated table.

use std::time::Duration;

use futures::join;
use ports::{Change, Clock, Condition, Item, Key, RecordStore, StoreError};
use serde_json::{Value, json};
use simulator::executor::block_on;
use simulator::store::StoreFault;
use simulator::{CrashPoints, SimStore, VirtualClock, conformance};

fn store() -> (VirtualClock, SimStore) {
    let clock = VirtualClock::default();
    let store = SimStore::new(1, &clock, &CrashPoints::default());
    (clock, store)
}

fn item(sk: &str) -> Item {
    match json!({"pk": "env", "sk": sk, "kind": "K"}) {
        Value::Object(item) => item,
        other => panic!("{other}"),
    }
}

fn put(sk: &str) -> Change {
    Change::Put(item(sk), vec![])
}

#[test]
fn it_does_what_every_record_store_must() {
    let (clock, store) = store();
    block_on(&clock, conformance::suite(&store, "plain"));
    store.set_index_lag(Duration::from_secs(3));
    block_on(&clock, conformance::suite(&store, "lagging"));
}

#[test]
fn transactions_that_touch_one_item_at_once_conflict() {
    let (clock, store) = store();
    store.set_latency(Duration::ZERO);
    let transact = |sk| store.write(vec![put("LEASE"), put(sk)]);
    let (first, second) = block_on(&clock, async { join!(transact("A"), transact("B")) });
    assert_eq!((first, second), (Ok(()), Err(StoreError::TransactionConflict)));
    assert_eq!(store.user().get(&Key::new("env", "B")), None);
    block_on(&clock, clock.sleep(Duration::from_millis(3)));
    assert_eq!(block_on(&clock, transact("B")), Ok(()));
}

#[test]
fn a_lost_reply_wrote_and_a_lost_request_did_not() {
    let (clock, store) = store();
    store.fail_next_write(StoreFault::LostReply);
    store.fail_next_write(StoreFault::LostRequest);
    for sk in ["A", "B"] {
        let done = block_on(&clock, store.write(vec![put(sk)]));
        assert!(matches!(done, Err(StoreError::Unanswered { .. })), "{done:?}");
    }
    assert_eq!(store.user().partition("env").into_keys().collect::<Vec<_>>(), ["A"]);
}

#[test]
fn planned_faults_come_in_line_and_then_none() {
    let (clock, store) = store();
    let write = || block_on(&clock, store.write(vec![put("A")]));
    store.fail_next_write(StoreFault::Conflict);
    store.fail_next_write(StoreFault::Throttled);
    store.fail_next_write(StoreFault::Failed);
    assert_eq!(write(), Err(StoreError::TransactionConflict));
    assert!(matches!(write(), Err(StoreError::Throttled { .. })));
    assert!(matches!(write(), Err(StoreError::Failed { .. })));
    assert!(store.user().keys().is_empty());
    assert_eq!(write(), Ok(()));
    store.fail_next_read(StoreFault::Throttled);
    assert!(block_on(&clock, store.get(&Key::new("env", "A"))).is_err());
}

#[test]
fn a_notice_is_dropped_or_doubled_once_and_a_batch_is_read_whole_in_two_parts() {
    let (clock, store) = store();
    ["A", "B"].iter().for_each(|sk| store.user().put(item(sk)));
    let kinds = || block_on(&clock, store.by_kind("K")).unwrap();
    store.fail_next_read(StoreFault::NameDropped);
    store.fail_next_read(StoreFault::NameDoubled);
    store.fail_next_read(StoreFault::Unprocessed);
    assert_eq!([kinds(), kinds(), kinds()].map(|names| names.len()), [0, 2, 1]);
    let keys = ["A", "B", "C"].map(|sk| Key::new("env", sk));
    assert_eq!(block_on(&clock, store.get_many(&keys)).unwrap().len(), 2);
    let counts = store.fault_counts();
    let once = ["table notice: dropped", "table notice: doubled", "table batch: keys unprocessed"];
    assert_eq!(once.map(|name| counts[name]), [1, 1, 1]);
}

#[test]
fn a_fault_of_one_partition_spares_the_others() {
    let (clock, store) = store();
    store.fail_next_of(false, "env", StoreFault::Failed);
    let read = |pk: &str| block_on(&clock, store.get(&Key::new(pk, "A")));
    assert_eq!(read("other"), Ok(None));
    assert!(read("env").is_err());
    assert_eq!(read("env"), Ok(None));
}

#[test]
fn the_index_sees_late_and_a_read_at_once() {
    let (clock, store) = store();
    store.set_latency(Duration::ZERO);
    store.set_index_lag(Duration::from_secs(5));
    store.user().put(item("SPEC"));
    assert!(block_on(&clock, store.get(&Key::new("env", "SPEC"))).unwrap().is_some());
    let kinds = || block_on(&clock, store.by_kind("K")).unwrap();
    assert_eq!(kinds(), Vec::<String>::new());
    clock.advance_to(Duration::from_secs(5));
    assert_eq!(kinds(), ["env"]);
    store.user().delete(&Key::new("env", "SPEC"));
    assert_eq!(kinds(), ["env"], "what is gone is still seen");
    clock.advance_to(Duration::from_secs(10));
    assert_eq!(kinds(), Vec::<String>::new());
}

#[test]
fn too_large_an_item_or_too_many_changes_are_refused() {
    let (clock, store) = store();
    let mut large = item("A");
    large.insert("x".into(), json!("x".repeat(400 * 1024)));
    let refused = [
        vec![Change::Put(large, vec![])],
        (0..101).map(|n| put(&n.to_string())).collect(),
        vec![],
        vec![Change::Check(Key::new("env", "A"), vec![]), put("A")],
    ];
    for changes in refused {
        let done = block_on(&clock, store.write(changes));
        assert!(
            matches!(&done, Err(StoreError::Failed { message, .. }) if message.starts_with("ValidationException")),
            "{done:?}"
        );
    }
    assert!(store.user().keys().is_empty());
}

#[test]
fn a_number_is_equal_to_itself_however_it_is_written() {
    let (clock, store) = store();
    let mut one = item("A");
    one.insert("n".into(), json!(1.0));
    store.user().put(one);
    let check = |n: Value| vec![Change::Check(Key::new("env", "A"), vec![Condition::Equals("n".into(), n)])];
    assert_eq!(block_on(&clock, store.write(check(json!(1)))), Ok(()));
    assert!(block_on(&clock, store.write(check(json!(2)))).is_err());
}
