//! A record that is older than what AWS holds, as one is that was put back from a backup.

use std::collections::BTreeSet;

use aws_api::ec2::InstanceState;

use super::world::*;
use crate::memory::ARRIVES_WITHIN;
use crate::ownership::TAG_INTENT;
use crate::reason::Reason;
use crate::status::{ConditionType, Truth};

/// Two members, and a third which we launched and which the record does not know. It would launch one, and delete a rule.
fn older() -> World {
    let mut world = World::healthy(2).member(3, 'c');
    world.instance(3).tags.insert(TAG_INTENT.into(), "in-3".into());
    world.record.status.instances.retain(|member| member.slot != 3);
    world.targets().retain(|target| target.id != instance_id(3).as_str());
    let mut world = world.edited(|spec| spec.instances.count = 3);
    world.group(crate::record::GroupRole::Instances).ingress.insert(rule(25, cidr("0.0.0.0/0")));
    world
}

/// The plan once it is seen for long enough.
fn in_time(mut world: World) -> (World, crate::action::Plan) {
    world.pass();
    let mut world = world.after(ARRIVES_WITHIN.as_secs());
    let plan = world.pass();
    (world, plan)
}

#[test]
fn i1_a_record_that_is_older_than_what_was_launched_changes_nothing_and_says_so() {
    let (mut world, plan) = in_time(older());
    assert_eq!(plan.actions, [], "what it does not know of cannot be counted: {plan}");
    let ready = plan.status.condition(ConditionType::Ready).unwrap();
    assert_eq!((ready.status, ready.reason), (Truth::False, Reason::RecordDamaged));
    assert!(ready.message.contains("i-3") && ready.message.contains("in-3"), "{}", ready.message);
    world.instance(3).state = InstanceState::ShuttingDown;
    assert_eq!(ids(&world.pass()).len(), 2, "a person terminated it, and it goes on");
}

#[test]
fn until_it_is_certain_only_who_comes_and_who_goes_waits() {
    let plan = older().pass();
    assert!(plan.actions.iter().all(|action| action.why.reason == Reason::RuleRogue), "{plan}");
    assert_eq!(plan.actions.len(), 1, "{plan}");
    assert_ne!(plan.status.condition(ConditionType::Ready).unwrap().reason, Reason::RecordDamaged);
}

#[test]
fn i2_what_an_older_record_does_not_know_serves_on() {
    // As after a STATUS of before a rollout was put back: those that serve are not in it.
    let mut world = World::healthy(2).member(3, 'c');
    world.instance(3).tags.insert(TAG_INTENT.into(), "in-3".into());
    world.record.status.instances.retain(|member| member.slot != 3);
    for _ in 0..2 {
        let plan = world.pass();
        assert_eq!(ids(&plan), BTreeSet::new(), "it is no target of somebody's: {plan}");
        world.store(&plan);
    }
}

#[test]
fn nobody_is_marked_as_leaving_by_a_record_that_is_older() {
    let mut world = older().edited(|spec| spec.instances.count = 2).unhealthy_for(1, 600);
    world = world.member(4, 'c');
    let plan = world.pass();
    assert!(plan.status.instances.iter().all(|member| member.leaving.is_none() && !member.succeeded), "{plan}");
    assert_eq!(plan.status.terminations, []);
}

#[test]
fn a_teardown_by_an_older_record_does_not_end() {
    let (mut made, mut world) = (older(), World::empty(2));
    let stranger = made.instance(3).clone();
    seen(&mut world.observed.instances).insert(stranger.id.clone(), stranger);
    world.record.deleting = true;
    assert!(!world.pass().torn_down, "it may be an older reading");
    let (_, plan) = in_time(world);
    assert_eq!((plan.actions.len(), plan.torn_down), (0, false), "{plan}");
}

#[test]
fn a_copy_of_a_member_makes_no_record_older() {
    let mut world = older();
    world.instance(3).client_token = Some("in-console".into());
    let (_, plan) = in_time(world);
    assert_eq!(ids(&plan).len(), 2, "{plan}");
    assert!(plan.left_alone.iter().any(|left| left.reason == Reason::NotOurs), "{plan}");
}

#[test]
fn a_member_that_left_and_that_an_older_reading_shows_makes_no_record_older() {
    let mut world = World::healthy(2);
    world.instance(2).tags.insert(TAG_INTENT.into(), "in-2".into());
    let mut world = world.state(2, InstanceState::Terminated);
    let plan = world.pass();
    world.store(&plan);
    let (_, plan) = in_time(world.state(2, InstanceState::Running));
    assert!(ids(&plan).contains("launch/2"), "{plan}");
}
