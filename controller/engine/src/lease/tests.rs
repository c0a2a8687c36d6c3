#![allow(clippy::unwrap_used)]

use std::time::Duration;

use futures::future::LocalBoxFuture;
use ports::{Item, Query};
use serde_json::json;

use super::*;
use crate::fake_table::{Fault, Replica, Table};
use crate::testing::TestClock;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn attempt(replica: &Replica, lease: &Lease<'_>) -> Attempt {
    replica.clock.run(lease.try_acquire()).unwrap()
}

fn held_by(by: &str, wait: u64) -> Attempt {
    Attempt::Held { by: by.into(), wait: seconds(wait) }
}

/// Whether the table still takes a write that is fenced by this lease.
fn is_fenced_off(table: &Table, replica: &Replica, lease: &Lease<'_>) -> bool {
    let failed = replica.clock.run(table.write(vec![lease.check()])).is_err();
    table.take_sent();
    failed
}

#[test]
fn the_first_replica_gets_it_and_a_second_waits() {
    let (table, a, b) = (Table::default(), Replica::new("a"), Replica::new("b"));
    let (first, second) = (a.lease(&table), b.lease(&table));
    assert_eq!(attempt(&a, &first), Attempt::Acquired);
    assert_eq!((first.epoch(), first.remaining()), (1, seconds(13)));
    assert_eq!(attempt(&b, &second), held_by("a", 15));
    assert_eq!((second.epoch(), second.remaining()), (0, seconds(0)));
    assert!(is_fenced_off(&table, &b, &second), "who does not have it cannot write");
}

#[test]
fn it_is_taken_over_only_after_a_whole_duration_without_renewal() {
    let (table, a, b) = (Table::default(), Replica::new("a"), Replica::new("b"));
    let (first, second) = (a.leading(&table), b.lease(&table));
    // It stood still for long before anybody looked: that says nothing.
    b.clock.pass(seconds(100));
    assert_eq!(attempt(&b, &second), held_by("a", 15));
    b.clock.pass(seconds(14));
    assert_eq!(attempt(&b, &second), held_by("a", 1));
    // A renewal starts the wait anew.
    a.clock.run(first.renew()).unwrap();
    b.clock.pass(seconds(1));
    assert_eq!(attempt(&b, &second), held_by("a", 15));
    b.clock.pass(seconds(15));
    assert_eq!(attempt(&b, &second), Attempt::Acquired);
    assert_eq!(second.epoch(), 2, "each holder has an epoch of its own");
    assert!(is_fenced_off(&table, &a, &first));
    assert_eq!(a.clock.run(first.renew()), Err(RenewError::Lost));
    assert!(first.is_lost());
}

#[test]
fn of_two_that_take_over_at_once_one_gets_it() {
    let (table, a, b, c) = (Table::default(), Replica::new("a"), Replica::new("b"), Replica::new("c"));
    let _first = a.leading(&table);
    let (second, third) = (b.lease(&table), c.lease(&table));
    attempt(&b, &second);
    attempt(&c, &third);
    b.clock.pass(seconds(15));
    c.clock.pass(seconds(15));
    // Both read the old version, then b's write is under way while c takes over.
    table.fail([Fault::Late]);
    b.clock.run(second.try_acquire()).unwrap_err();
    assert_eq!(attempt(&c, &third), Attempt::Acquired);
    assert_eq!(table.arrive(), [false], "its condition names the version that it read");
    assert_eq!(attempt(&b, &second), held_by("c", 15));
}

#[test]
fn the_deadline_is_counted_from_the_sending_of_the_last_renewal_that_succeeded() {
    let (table, a) = (Table::default(), Replica::new("a"));
    let lease = a.leading(&table);
    let start = a.clock.elapsed();
    a.clock.pass(seconds(5));
    table.fail([Fault::Denied]);
    a.clock.run(lease.renew()).unwrap_err();
    assert_eq!(lease.deadline(), start + seconds(13));
    a.clock.run(lease.renew()).unwrap();
    assert_eq!(lease.deadline(), start + seconds(18));
    a.clock.pass(seconds(20));
    assert_eq!(lease.remaining(), seconds(0));
    // Nobody took it: it goes on.
    a.clock.run(lease.renew()).unwrap();
    assert_eq!((lease.remaining(), lease.epoch()), (seconds(13), 1));
}

#[test]
fn a_renewal_whose_reply_is_lost_counts_from_its_sending() {
    let (table, a) = (Table::default(), Replica::new("a"));
    let lease = a.leading(&table);
    a.clock.pass(seconds(5));
    let sent = a.clock.elapsed();
    table.fail([Fault::ReplyLost]);
    a.clock.run(lease.renew()).unwrap();
    assert_eq!(lease.deadline(), sent + seconds(13));
    assert_eq!(table.take_sent(), 1, "it was recognised, not sent again");
    a.clock.run(lease.renew()).unwrap();
}

#[test]
fn a_renewal_that_arrives_late_is_recognised_as_ours() {
    let (table, a) = (Table::default(), Replica::new("a"));
    let lease = a.leading(&table);
    table.fail([Fault::Late]);
    table.reads_fail.set(true);
    a.clock.run(lease.renew()).unwrap_err();
    table.reads_fail.set(false);
    assert_eq!(table.arrive(), [true]);
    a.clock.run(lease.renew()).unwrap();
    assert!(!lease.is_lost());
}

#[test]
fn conflicts_throttling_and_silence_never_lose_it() {
    let (table, a) = (Table::default(), Replica::new("a"));
    let lease = a.leading(&table);
    table.fail([Fault::Conflict, Fault::Throttled, Fault::Lost, Fault::Hangs, Fault::Conflict]);
    a.clock.run(lease.renew()).unwrap();
    assert_eq!(table.take_sent(), 6);
    // Not even when they do not end: the next renewal is due anyway.
    table.fail([Fault::Conflict; 8]);
    assert_eq!(a.clock.run(lease.renew()), Err(RenewError::Store(StoreError::TransactionConflict)));
    assert!(!lease.is_lost());
    a.clock.run(lease.renew()).unwrap();
}

#[test]
fn an_acquisition_whose_reply_is_lost_is_recognised() {
    let (table, a) = (Table::default(), Replica::new("a"));
    let lease = a.lease(&table);
    table.fail([Fault::ReplyLost]);
    let sent = a.clock.elapsed();
    a.clock.run(lease.try_acquire()).unwrap_err();
    a.clock.pass(seconds(1));
    assert_eq!(attempt(&a, &lease), Attempt::Acquired);
    assert_eq!((lease.epoch(), lease.deadline()), (1, sent + seconds(13)));
}

#[test]
fn a_replica_that_starts_again_under_the_same_name_waits_like_any_other() {
    let (table, a) = (Table::default(), Replica::new("a"));
    let _before = a.leading(&table);
    let after = a.lease(&table);
    assert_eq!(attempt(&a, &after), held_by("a", 15));
}

#[test]
fn one_that_was_released_is_free_at_once_and_the_epoch_goes_on() {
    let (table, a, b) = (Table::default(), Replica::new("a"), Replica::new("b"));
    let (first, second) = (a.leading(&table), b.lease(&table));
    table.fail([Fault::Conflict, Fault::ReplyLost]);
    a.clock.run(first.release()).unwrap();
    assert!(is_fenced_off(&table, &a, &first));
    assert_eq!(attempt(&b, &second), Attempt::Acquired);
    assert_eq!(second.epoch(), 2);
    // A second release does not free another's.
    a.clock.run(first.release()).unwrap();
    assert!(!is_fenced_off(&table, &b, &second));
}

#[test]
fn keeping_renews_every_five_seconds_and_ends_when_it_is_lost() {
    let (table, a, b) = (Table::default(), Replica::new("a"), Replica::new("b"));
    let lease = a.leading(&table);
    let start = a.clock.elapsed();
    let until = |second: u64| {
        let (keep, end) = (lease.keep(), a.clock.sleep((start + seconds(second)).saturating_sub(a.clock.elapsed())));
        a.clock.run(async {
            pin_mut!(keep);
            matches!(select(keep, end).await, Either::Left(_))
        })
    };
    assert!(!until(12));
    assert_eq!(table.take_sent(), 2);
    assert_eq!(lease.deadline(), start + seconds(10 + 13));
    table.put(CONTROLLER, LEASE, json!({"holder": "b", "epoch": 2, "version": "other", "durationMs": 15_000}));
    assert!(until(30), "it ends");
    assert_eq!(a.clock.elapsed(), start + seconds(15));
    assert!(lease.is_lost());
    assert_eq!(attempt(&b, &b.lease(&table)), held_by("b", 15));
}

#[test]
fn a_lease_item_that_is_none_is_an_error_and_not_a_free_lease() {
    let (table, a) = (Table::default(), Replica::new("a"));
    table.put(CONTROLLER, LEASE, json!({"holder": 7}));
    let error = a.clock.run(a.lease(&table).try_acquire()).unwrap_err();
    assert!(error.to_string().contains("item _controller LEASE is not a lease"), "{error}");
    assert_eq!(table.take_sent(), 0);
}

/// A table whose writes take a while on their way back.
struct Slow<'t> {
    table: &'t Table,
    clock: &'t TestClock,
}

impl RecordStore for Slow<'_> {
    fn get<'a>(&'a self, key: &'a Key) -> LocalBoxFuture<'a, Result<Option<Item>, StoreError>> {
        self.table.get(key)
    }

    fn get_many<'a>(&'a self, keys: &'a [Key]) -> LocalBoxFuture<'a, Result<Vec<Item>, StoreError>> {
        self.table.get_many(keys)
    }

    fn query<'a>(&'a self, query: &'a Query) -> LocalBoxFuture<'a, Result<Vec<Item>, StoreError>> {
        self.table.query(query)
    }

    fn by_kind<'a>(&'a self, kind: &'a str) -> LocalBoxFuture<'a, Result<Vec<String>, StoreError>> {
        self.table.by_kind(kind)
    }

    fn write<'a>(&'a self, changes: Vec<Change>) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async {
            let written = self.table.write(changes).await;
            self.clock.sleep(seconds(2)).await;
            written
        })
    }
}

#[test]
fn a_slow_renewal_counts_from_its_sending() {
    let (table, a) = (Table::default(), Replica::new("a"));
    let slow = Slow { table: &table, clock: &a.clock };
    let lease = Lease::new("a".into(), &slow, &a.clock, &a.entropy);
    assert_eq!(attempt(&a, &lease), Attempt::Acquired);
    assert_eq!(lease.remaining(), seconds(11));
    a.clock.pass(seconds(5));
    a.clock.run(lease.renew()).unwrap();
    assert_eq!(lease.remaining(), seconds(11), "another replica counts from the writing, not from the reply");
}

#[test]
fn a_renewal_that_failed_is_tried_again_a_second_later() {
    let (table, a) = (Table::default(), Replica::new("a"));
    let lease = a.leading(&table);
    let start = a.clock.elapsed();
    table.fail([Fault::Denied, Fault::Denied]);
    let (keep, end) = (lease.keep(), a.clock.sleep(seconds(8)));
    a.clock.run(async {
        pin_mut!(keep);
        select(keep, end).await;
    });
    assert_eq!(table.take_sent(), 3, "at five, six and seven seconds");
    assert_eq!(lease.deadline(), start + seconds(7 + 13));
}

#[test]
fn a_release_that_meets_nothing_but_conflicts_gives_up() {
    let (table, a) = (Table::default(), Replica::new("a"));
    let lease = a.leading(&table);
    table.take_sent();
    table.fail([Fault::Conflict; 100]);
    assert_eq!(a.clock.run(lease.release()), Err(StoreError::TransactionConflict));
    assert_eq!(table.take_sent(), 8);
}
