use std::time::Duration;

use aws_api::elbv2::TargetHealth;
use aws_api::id::IntentId;
use aws_api::{ActionId, ResourceId};
use jiff::Timestamp;

use super::world::*;
use crate::memory::{Entry, Memory, Reading};
use crate::reason::{Reason, Why};
use crate::retries::Pace;
use crate::subject::Attempt;

const MISSING_AFTER: Duration = Duration::from_secs(300);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_772_000_000 + seconds).unwrap()
}

/// One pass that compares just that.
fn read(memory: &mut Memory, entry: Entry, wanted: Option<&str>, seen: Option<&str>) -> Reading {
    let reading = memory.read_entry(entry, wanted, seen);
    memory.note_compared();
    reading
}

#[test]
fn what_is_compared_twice_in_one_pass_was_read_once() {
    let entry = || Entry::new("sg-1/ingress", "tcp 80");
    let mut memory = Memory::default();
    memory.put_entry(entry(), Some(String::new()));
    assert_eq!(memory.read_entry(entry(), Some(""), None), Reading::Unconfirmed);
    assert_eq!(memory.read_entry(entry(), Some(""), None), Reading::Unconfirmed);
    memory.note_compared();
    assert_eq!(memory.read_entry(entry(), Some(""), None), Reading::Differs);
    assert_eq!(memory.read_entry(entry(), Some(""), None), Reading::Differs, "whoever asks is told the same");
}

#[test]
fn a_recorded_resource_is_missing_only_after_three_readings_over_the_whole_time() {
    let thing = || ResourceId::Instance(instance_id(1));
    let mut memory = Memory::default();
    for seconds in [0, 10] {
        memory.note_resource(thing(), false, at(seconds));
    }
    assert!(!memory.is_missing(&thing(), MISSING_AFTER, at(1000)), "two readings are not enough");
    memory.note_resource(thing(), false, at(20));
    assert!(!memory.is_missing(&thing(), MISSING_AFTER, at(299)), "three readings in a row are not enough");
    assert!(memory.is_missing(&thing(), MISSING_AFTER, at(300)));
    memory.note_resource(thing(), true, at(301));
    assert!(!memory.is_missing(&thing(), MISSING_AFTER, at(1000)), "seen again is not missing");
}

#[test]
fn what_we_removed_is_gone_at_the_first_reading_without_it() {
    let thing = || ResourceId::Instance(instance_id(1));
    let mut memory = Memory::default();
    memory.note_removed(thing(), at(0));
    assert!(!memory.is_missing(&thing(), MISSING_AFTER, at(1)), "not before it was looked for");
    memory.note_resource(thing(), false, at(2));
    assert!(memory.is_missing(&thing(), MISSING_AFTER, at(2)));
}

#[test]
fn an_entry_that_was_never_put_is_put_at_once_and_one_that_was_needs_two_readings() {
    let entry = || Entry::new("sg-1/ingress", "tcp 80");
    let mut memory = Memory::default();
    assert_eq!(read(&mut memory, entry(), Some(""), None), Reading::Differs);
    memory.put_entry(entry(), Some(String::new()));
    assert_eq!(read(&mut memory, entry(), Some(""), None), Reading::Unconfirmed);
    assert_eq!(read(&mut memory, entry(), Some(""), Some("")), Reading::AsWanted);
    assert_eq!(read(&mut memory, entry(), Some(""), None), Reading::Unconfirmed, "seen again, the count begins anew");
    assert_eq!(read(&mut memory, entry(), Some(""), None), Reading::Differs);
}

#[test]
fn an_entry_that_we_removed_needs_two_readings_to_be_rogue_again() {
    let entry = || Entry::new("sg-1/ingress", "tcp 81");
    let mut memory = Memory::default();
    assert_eq!(read(&mut memory, entry(), None, Some("")), Reading::Differs);
    memory.put_entry(entry(), None);
    assert_eq!(read(&mut memory, entry(), None, Some("")), Reading::Unconfirmed);
    assert_eq!(read(&mut memory, entry(), None, Some("")), Reading::Differs);
}

#[test]
fn a_new_wish_for_an_entry_is_acted_on_at_once() {
    let entry = || Entry::new("tg/attributes", "stickiness.enabled");
    let mut memory = Memory::default();
    assert_eq!(read(&mut memory, entry(), Some("true"), Some("true")), Reading::AsWanted);
    assert_eq!(read(&mut memory, entry(), Some("false"), Some("true")), Reading::Differs);
}

#[test]
fn an_instance_that_aws_does_not_show_counts_as_live_until_it_is_missing() {
    let mut world = World::healthy(2);
    seen(&mut world.observed.instances).remove(&instance_id(2));
    for _ in 0..3 {
        let plan = world.pass();
        assert_eq!(plan.actions, [], "{plan}");
        assert!(plan.to_string().contains("i-2, which AWS does not show"), "{plan}");
        world.store(&plan);
        world = world.after(100);
    }
    world.targets().retain(|target| target.id != "i-2");
    let plan = world.pass();
    assert_eq!(ids(&plan), ["launch/2"].into(), "{plan}");
    assert!(plan.noticed.iter().any(|(resource, why)| resource == "i-2" && why.reason == Reason::MemberGone));
}

#[test]
fn what_failed_is_held_back_and_the_rest_goes_on() {
    let mut world = World::healthy(2);
    world.group(crate::record::GroupRole::Instances).ingress.insert(rule(81, cidr("0.0.0.0/0")));
    let plan = world.pass();
    assert_eq!(ids(&plan), ["revoke/instances/ingress"].into());
    world.concluded(&plan, |_| {
        crate::outcome::Outcome::Failed(crate::outcome::Fault {
            operation: "RevokeSecurityGroupIngress".into(),
            iam_action: "ec2:RevokeSecurityGroupIngress".into(),
            kind: aws_api::ErrorKind::Denied,
            code: Some("UnauthorizedOperation".into()),
            message: "no".into(),
            definite: true,
        })
    });
    world.targets().push(target("i-foreign", TargetHealth::Healthy, None));
    let plan = world.pass();
    assert_eq!(ids(&plan), ["deregister/shop-web-6bdbe364"].into(), "{plan}");
    let in_sync = plan.status.condition(crate::status::ConditionType::InSync).unwrap();
    assert_eq!(in_sync.reason, Reason::ActionDenied);
    assert!(in_sync.message.contains("allow `ec2:RevokeSecurityGroupIngress`"), "{}", in_sync.message);
    world = world.after(121);
    assert!(ids(&world.pass()).contains("revoke/instances/ingress"), "it is tried again");
}

#[test]
fn what_failed_is_tried_again_when_its_time_has_come() {
    let mut world = World::healthy(2);
    world.targets().push(target("i-foreign", TargetHealth::Healthy, None));
    let first = world.pass();
    world.concluded(&first, |_| crate::outcome::Outcome::Failed(throttled()));
    let mut world = world.after(1);
    let plan = world.pass();
    assert_eq!(plan.actions, [], "{plan}");
    let mut world = world.after(1);
    assert_eq!(ids(&world.pass()), ids(&first));
}

fn throttled() -> crate::outcome::Fault {
    crate::outcome::Fault {
        operation: "DeregisterTargets".into(),
        iam_action: "elasticloadbalancing:DeregisterTargets".into(),
        kind: aws_api::ErrorKind::Throttled,
        code: Some("Throttling".into()),
        message: String::new(),
        definite: false,
    }
}

fn tried(action: &str, on: &str) -> Attempt {
    Attempt { action: ActionId(action.into()), on: on.into() }
}

fn fails(memory: &mut Memory, attempt: &Attempt, pace: Pace, now: Timestamp) -> i64 {
    let why = Why::new(Reason::ActionFailed, "");
    memory.retries.failed(attempt.clone(), pace, None, why, now);
    let (_, failure) = memory.retries.all().find(|(other, _)| *other == attempt).unwrap();
    failure.retry_at.duration_since(now).as_secs()
}

#[test]
fn pauses_after_failures_double_as_far_as_their_kind_allows() {
    let pauses = |pace| {
        let mut memory = Memory::default();
        (0..8).map(|_| fails(&mut memory, &tried("launch/1", ""), pace, at(0))).collect::<Vec<_>>()
    };
    assert_eq!(pauses(Pace::Quick), [2, 4, 8, 16, 32, 64, 120, 120]);
    assert_eq!(pauses(Pace::Lagging), [2, 4, 8, 16, 30, 30, 30, 30], "AWS gets there by itself");
    assert_eq!(pauses(Pace::Refused), [120, 240, 480, 960, 1800, 1800, 1800, 1800], "somebody has to do something");
}

#[test]
fn a_success_or_another_kind_of_failure_begins_the_pauses_anew() {
    let mut memory = Memory::default();
    let attempt = tried("launch/1", "");
    for _ in 0..3 {
        fails(&mut memory, &attempt, Pace::Quick, at(0));
    }
    assert_eq!(fails(&mut memory, &attempt, Pace::Refused, at(0)), 120);
    memory.retries.succeeded(&attempt);
    assert_eq!(memory.retries.all().count(), 0);
}

#[test]
fn an_edit_or_a_delete_is_somebodys_act_so_what_was_refused_is_tried_at_once() {
    for (generation, deleting) in [(2, false), (1, true)] {
        let mut memory = Memory::default();
        memory.retries.asked_for(1, false);
        fails(&mut memory, &tried("delete-group/instances", "sg-1"), Pace::Refused, at(0));
        fails(&mut memory, &tried("launch/1", ""), Pace::Quick, at(0));
        memory.retries.asked_for(1, false);
        assert_eq!(memory.retries.all().count(), 2, "nothing was asked anew");
        memory.retries.asked_for(generation, deleting);
        let left: Vec<_> = memory.retries.all().map(|(attempt, _)| attempt.action.0.as_str()).collect();
        assert_eq!(left, ["launch/1"], "throttling does not end by an edit");
    }
}

#[test]
fn what_is_of_no_use_any_more_is_forgotten() {
    let intent = IntentId::parse("in-1").unwrap();
    let thing = || ResourceId::SecurityGroup(aws_api::id::SecurityGroupId::parse("sg-1").unwrap());
    let full = || {
        let mut memory = Memory::default();
        memory.note_resource(thing(), false, at(0));
        memory.note_removed(thing(), at(0));
        memory.put_entry(Entry::new("sg-1/ingress", "tcp 80"), Some(String::new()));
        memory.note_resource(thing(), true, at(0));
        memory.note_resource(thing(), false, at(0));
        memory.note_made(thing(), at(0));
        fails(&mut memory, &tried("launch/1", ""), Pace::Quick, at(0));
        memory.note_unanswered(&intent, at(0));
        memory.unwanted_since(&intent, at(0));
        memory.dropped_tag_may_come("Team", at(0));
        memory.unused_since(&target_group(), at(0));
        memory
    };
    let kept = |keep: bool| {
        let mut memory = full();
        memory.keep_resources(|_| keep);
        memory.retries.keep(|_| keep);
        memory.keep_unanswered(|_| keep);
        memory.keep_unwanted(|_| keep);
        memory.keep_dropped_tags(&keep.then(|| "Team".to_owned()).into_iter().collect());
        memory.keep_unused(|_| keep);
        memory
    };
    assert_eq!(kept(true), full());
    assert_eq!(kept(false), Memory::default());
}

#[test]
fn only_entries_of_what_is_gone_are_forgotten() {
    let entry = |group: &str| Entry::new(format!("{group}/ingress"), "tcp 80");
    let gone = ResourceId::SecurityGroup(aws_api::id::SecurityGroupId::parse("sg-1").unwrap());
    let mut memory = Memory::default();
    for group in ["sg-1", "sg-2"] {
        memory.put_entry(entry(group), Some(String::new()));
    }
    memory.note_removed(gone.clone(), at(0));
    memory.keep_resources(|made| *made != gone);
    assert!(!memory.expects(&entry("sg-1")) && memory.expects(&entry("sg-2")));
}

#[test]
fn a_zone_without_capacity_is_tried_again_after_three_minutes() {
    let zone = aws_api::id::Zone("us-east-2a".into());
    let mut memory = Memory::default();
    memory.note_no_capacity(zone.clone(), at(0));
    assert_eq!(memory.capacity_pause(&zone, at(179)), Some(at(180)));
    assert_eq!(memory.capacity_pause(&zone, at(180)), None);
}

#[test]
fn a_call_that_nobody_answered_arrives_within_two_minutes_or_never() {
    let (sent, of_before) = (IntentId::parse("in-1").unwrap(), IntentId::parse("in-2").unwrap());
    let mut memory = Memory::default();
    memory.note_unanswered(&sent, at(0));
    assert!(memory.may_still_arrive(&sent, at(119)));
    assert!(!memory.may_still_arrive(&sent, at(120)));
    assert!(memory.may_still_arrive(&of_before, at(120)), "one of before a restart was sent at the latest now");
    assert!(!memory.may_still_arrive(&of_before, at(240)));
    assert!(!memory.another_may_arrive(&sent, at(100)), "it was sent once");
    memory.note_unanswered(&sent, at(10));
    assert!(memory.another_may_arrive(&sent, at(129)) && !memory.another_may_arrive(&sent, at(130)));
}

#[test]
fn until_when_an_absent_thing_is_waited_for_is_said() {
    let mut world = World::healthy(2);
    seen(&mut world.observed.instances).remove(&instance_id(2));
    let expected = "? i-2, which AWS does not show, to be seen or believed gone (until 2026-03-01T10:05:00Z)";
    assert!(world.planned().contains(expected));
}

#[test]
fn what_was_put_on_a_thing_in_the_making_is_expected_once_it_is_made() {
    let mut world = World::empty(2);
    let plan = world.pass();
    world.concluded(&plan, super::converging::made);
    let mut is_there = |parent: &str, key: &str, value: &str| {
        // Stale: what we put does not show yet. Anything that we had not put would be put at once.
        world.memory.read_entry(Entry::new(parent, key), Some(value), None) == Reading::Unconfirmed
    };
    assert!(is_there("sg-alb/ingress", "tcp 80 0.0.0.0/0", ""));
    assert!(is_there("sg-inst/ingress", "tcp 8080 sg-alb", ""), "the key names what was made, too");
    assert!(is_there(&format!("{GROUP}/attributes"), "deregistration_delay.timeout_seconds", "60"));
    assert!(is_there(&format!("{ALB}/listeners"), "80", &format!("HTTP to {GROUP}")), "and the value");
}
