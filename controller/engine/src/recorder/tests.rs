#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;
use crate::fake_table::{Replica, Table};

const MINUTE: Duration = Duration::from_secs(60);

/// An event that may go on.
pub(crate) fn event(reason: Reason, resource: &str, message: &str) -> Event {
    let (severity, resource) = (reason.row().severity, resource.into());
    Event { severity, reason, resource, message: message.into(), action: None, lasts: true }
}

fn action(id: &str, reason: Reason, lasts: bool) -> Event {
    Event { action: Some(ActionId(id.into())), lasts, ..event(reason, "i-1", id) }
}

/// What a pass tells, as `reason resource xCOUNT`.
fn pass(recorder: &Recorder, replica: &Replica, table: &Table, events: &[Event]) -> Vec<String> {
    let due = recorder.due("a", events, replica.now(), &replica.entropy);
    let told = due.changes().iter().map(|change| match change {
        Change::Put(item, _) => {
            table.items.borrow_mut().insert(items::key_of(item), item.clone());
            let count = item.get("count").map(|count| format!(" x{count}")).unwrap_or_default();
            format!("{} {}{count}", items::text(item, "reason"), items::text(item, "resource"))
        }
        Change::Delete(..) | Change::Check(..) => panic!("{change:?}"),
    });
    let told = told.collect();
    recorder.told(due);
    told
}

fn world() -> (Recorder, Replica, Table) {
    (Recorder::default(), Replica::new("r"), Table::default())
}

#[test]
fn an_event_that_goes_on_is_told_once_an_hour() {
    let (recorder, replica, table) = world();
    let sick = [event(Reason::MemberSick, "i-1", "it fails")];
    assert_eq!(pass(&recorder, &replica, &table, &sick), ["MemberSick i-1"]);
    for _ in 0..59 {
        replica.clock.pass(MINUTE);
        assert_eq!(pass(&recorder, &replica, &table, &sick), [""; 0]);
    }
    replica.clock.pass(MINUTE);
    assert_eq!(pass(&recorder, &replica, &table, &sick), ["MemberSick i-1 x60"]);
}

#[test]
fn what_begins_to_hold_is_told_at_once_also_when_it_held_before() {
    let (recorder, replica, table) = world();
    let healthy = [event(Reason::AllHealthy, "a", "2 of 2")];
    let degraded = [event(Reason::Degraded, "a", "1 of 2")];
    for _ in 0..3 {
        assert_eq!(pass(&recorder, &replica, &table, &healthy), ["AllHealthy a"]);
        assert_eq!(pass(&recorder, &replica, &table, &degraded), ["Degraded a"]);
    }
}

#[test]
fn two_reasons_of_one_resource_do_not_take_each_other_for_news() {
    let (recorder, replica, table) = world();
    let both = [event(Reason::RuleMissing, "sg-1", "no 80"), event(Reason::RuleRogue, "sg-1", "a 22")];
    assert_eq!(pass(&recorder, &replica, &table, &both), ["RuleMissing sg-1", "RuleRogue sg-1"]);
    assert_eq!(pass(&recorder, &replica, &table, &both), [""; 0]);
    assert_eq!(pass(&recorder, &replica, &table, &both[..1]), [""; 0]);
    assert_eq!(pass(&recorder, &replica, &table, &both), ["RuleRogue sg-1"]);
}

#[test]
fn everything_that_is_done_is_told_whatever_was_told_before() {
    let (recorder, replica, table) = world();
    let stopped = |id| [event(Reason::MemberStopped, "i-1", "it stopped"), action(id, Reason::MemberStopped, false)];
    assert_eq!(pass(&recorder, &replica, &table, &stopped("take-out/i-1")), ["MemberStopped i-1"; 2]);
    assert_eq!(pass(&recorder, &replica, &table, &stopped("terminate/i-1")), ["MemberStopped i-1"], "what was done");
    assert_eq!(pass(&recorder, &replica, &table, &stopped("terminate/i-1")), ["MemberStopped i-1"], "and done again");
}

#[test]
fn what_one_action_fails_of_hides_no_other_and_begins_anew_once_it_succeeded() {
    let (recorder, replica, table) = world();
    let fails = |id| action(id, Reason::ActionFailed, true);
    assert_eq!(pass(&recorder, &replica, &table, &[fails("set-subnets")]).len(), 1);
    assert_eq!(pass(&recorder, &replica, &table, &[fails("set-attributes")]).len(), 1);
    assert_eq!(pass(&recorder, &replica, &table, &[fails("set-subnets"), fails("set-attributes")]).len(), 0);
    assert_eq!(pass(&recorder, &replica, &table, &[action("set-subnets", Reason::AttributeDrifted, false)]).len(), 1);
    assert_eq!(pass(&recorder, &replica, &table, &[fails("set-subnets"), fails("set-attributes")]).len(), 1);
}

#[test]
fn another_wording_is_told_once_a_minute_at_most() {
    let (recorder, replica, table) = world();
    let failing = |seconds: u32| [event(Reason::ActionFailed, "i-1", &format!("for {seconds} s"))];
    assert_eq!(pass(&recorder, &replica, &table, &failing(1)).len(), 1);
    replica.clock.pass(MINUTE / 2);
    assert_eq!(pass(&recorder, &replica, &table, &failing(31)).len(), 0);
    replica.clock.pass(MINUTE / 2);
    assert_eq!(pass(&recorder, &replica, &table, &failing(61)), ["ActionFailed i-1 x2"]);
}

#[test]
fn what_was_not_written_is_told_again() {
    let (recorder, replica, table) = world();
    let events = [event(Reason::SlotEmpty, "slot 1", "launching")];
    drop(recorder.due("a", &events, replica.now(), &replica.entropy));
    assert_eq!(pass(&recorder, &replica, &table, &events).len(), 1);
}

#[test]
fn environments_are_told_apart_and_forgotten() {
    let (recorder, replica, table) = world();
    let events = [event(Reason::SlotEmpty, "slot 1", "launching")];
    pass(&recorder, &replica, &table, &events);
    assert_eq!(recorder.due("b", &events, replica.now(), &replica.entropy).changes().len(), 1);
    recorder.forget("a");
    assert_eq!(pass(&recorder, &replica, &table, &events).len(), 1);
}

#[test]
fn nothing_is_remembered_for_longer_than_it_matters() {
    let (recorder, replica, table) = world();
    for instance in 0..100 {
        pass(&recorder, &replica, &table, &[event(Reason::MemberSick, &format!("i-{instance}"), "it fails")]);
        replica.clock.pass(10 * MINUTE);
    }
    assert!(recorder.known.borrow()["a"].len() <= 13);
}

#[test]
fn events_are_read_in_the_order_of_their_telling_without_expired_ones() {
    let (recorder, replica, table) = world();
    table.put("a", "EVENT#0", json!({"id": "0", "expiresAt": 1}));
    table.put("a", "EVENT#1", json!({"what": "is this"}));
    let first = [event(Reason::SlotEmpty, "slot 1", "z"), event(Reason::MemberSick, "i-1", "a")];
    pass(&recorder, &replica, &table, &first);
    replica.clock.pass(Duration::from_micros(1));
    pass(&recorder, &replica, &table, &[event(Reason::LaunchRejected, "slot 2", "m")]);
    let read = replica.clock.run(events(&table, "a", replica.now())).unwrap();
    let seen: Vec<(&str, &str)> = read.iter().map(|told| (told.kind.as_str(), told.reason.as_str())).collect();
    assert_eq!(seen, [("Normal", "SlotEmpty"), ("Warning", "MemberSick"), ("Warning", "LaunchRejected")]);
    assert_eq!(
        serde_json::to_value(&read[0]).unwrap(),
        json!({
            "id": read[0].id, "time": read[0].time, "type": "Normal", "reason": "SlotEmpty",
            "resource": "slot 1", "message": "z",
        })
    );
}
