//! Members that are stopped again and again: what may exist is bounded, whatever happens, and what comes back goes slowly.

use std::collections::BTreeSet;

use aws_api::ec2::InstanceState;
use aws_api::elbv2::TargetHealth;
use insta::assert_snapshot;

use super::world::*;
use crate::action::{Does, Plan};
use crate::reason::Reason;
use crate::status::{Charge, ConditionType, Leaving};

fn condition(plan: &Plan, kind: ConditionType) -> (Reason, &str) {
    let condition = plan.status.condition(kind).unwrap();
    (condition.reason, &condition.message)
}

fn stopped(mut world: World, slot: u32) -> World {
    world.instance(slot).state_reason = Some("Client.UserInitiatedShutdown".into());
    world.state(slot, InstanceState::Stopped).health(slot, TargetHealth::Unused, "Target.InvalidState")
}

/// So many members are stopped, of two that are wanted; nobody lives. Noticed in a pass that was stored.
fn with_stopped(slots: u32) -> World {
    let mut world = World::healthy(2);
    for slot in 3..=slots {
        world = world.member(slot, 'a');
        let launched = world.now + jiff::SignedDuration::from_secs(i64::from(slot));
        world.status(slot).launched_at = launched;
    }
    for slot in 1..=slots {
        world = stopped(world, slot);
    }
    let plan = world.pass();
    let noted: Vec<_> = plan.status.instances.iter().map(|member| (member.slot, member.stopped_since)).collect();
    for (slot, since) in noted {
        world.status(slot).stopped_since = since;
        world.status(slot).state = Some(InstanceState::Stopped);
    }
    world.after(600)
}

fn spend(world: &mut World, charges: u32) {
    let at = world.now;
    world.record.status.terminations =
        (90..90 + charges).map(|slot| Charge { at, instance_id: instance_id(slot) }).collect();
}

fn launches(plan: &Plan) -> usize {
    plan.actions.iter().filter(|action| action.id.0.starts_with("launch/")).count()
}

#[test]
fn everything_stopped_once_is_launched_anew_at_once_whatever_the_budget() {
    let mut world = with_stopped(2);
    spend(&mut world, 4);
    assert_snapshot!(world.planned(), @r"
    + launch/3                                 MemberStopped: slot 3 in us-east-2a: successor of i-1, which was stopped
    + launch/4                                 MemberStopped: slot 4 in us-east-2b: successor of i-1, which was stopped
    ? slot 1 (i-1) stays until others are healthy: 0 of 2
    ? slot 2 (i-2) stays until others are healthy: 0 of 2
    ");
}

#[test]
fn i1_no_more_exist_than_may_live_and_one_fleet_of_stopped_ones() {
    // Two and one of surge may live, and two may stand stopped beside them.
    for (stopped, launched, is_held) in [(2, 2, false), (3, 2, false), (4, 1, true), (5, 0, true), (9, 0, true)] {
        let mut world = with_stopped(stopped);
        spend(&mut world, 4);
        let plan = world.pass();
        assert_eq!(launches(&plan), launched, "{stopped} are stopped: {plan}");
        let held = condition(&plan, ConditionType::CapacityAvailable).0 == Reason::RepeatedStops;
        assert_eq!(held, is_held, "{stopped} are stopped: {plan}");
    }
}

#[test]
fn what_holds_names_the_last_stop_its_reason_and_until_when() {
    let mut world = with_stopped(5);
    spend(&mut world, 4);
    let plan = world.pass();
    let (reason, message) = condition(&plan, ConditionType::CapacityAvailable);
    assert_eq!(reason, Reason::RepeatedStops);
    assert!(message.starts_with("5 members are stopped, the last, i-5, at 2026-03-01T10:00:00Z"), "{message}");
    assert!(message.contains("Client.UserInitiatedShutdown"), "{message}");
    assert!(message.contains("5 instances exist and 5 may"), "{message}");
    assert_eq!(condition(&plan, ConditionType::Ready).0, Reason::Held);
    assert!(plan.to_string().contains("so that others can be launched (until 2026-03-01T11:10:00Z)"), "{plan}");
    world.spec().healing.max_terminations_per_hour = 0;
    let plan = world.pass();
    assert!(plan.to_string().contains("so that others can be launched\n"), "a budget of none frees never: {plan}");
}

#[test]
fn stopped_members_beyond_one_fleet_make_room_within_the_budget_the_newest_first() {
    let mut world = with_stopped(5);
    spend(&mut world, 2);
    let plan = world.pass();
    assert_eq!(ids(&plan), ["take-out/i-4", "take-out/i-5"].into(), "{plan}");
    let charged = |does: &Does| matches!(does, Does::TakeOut { .. });
    assert!(plan.actions.iter().all(|action| charged(&action.does)));
    let marks = plan.status.instances.iter().filter_map(|member| member.leaving.as_ref());
    assert!(marks.clone().count() == 2 && marks.clone().all(|leaving| leaving.healing), "{plan}");
    spend(&mut world, 0);
    let plan = world.pass();
    assert_eq!(ids(&plan), ["take-out/i-3", "take-out/i-4", "take-out/i-5"].into(), "one fleet stays: {plan}");
}

#[test]
fn a_stopped_one_beyond_a_fleet_stays_while_its_successor_has_room() {
    // One of them lives already, and starts.
    let mut world = with_stopped(3).member(4, 'b').health(4, TargetHealth::Initial, "");
    let plan = world.pass();
    assert!(plan.actions.iter().all(|action| !action.does.is_destructive()), "{plan}");
}

/// The stopped members of [`with_stopped`] run again.
fn started_again(slots: u32) -> World {
    let mut world = with_stopped(slots);
    for slot in 1..=slots {
        world = started(world, slot);
    }
    world
}

/// EC2's time of the last launch moves with it.
fn started(mut world: World, slot: u32) -> World {
    world.instance(slot).launched_at = world.now;
    world.state(slot, InstanceState::Running).health(slot, TargetHealth::Healthy, "")
}

/// Seeds 8800032 of console and 8800033 of replicas, edition 2: a reading of before the start followed one of after it.
#[test]
fn i1_a_reading_of_before_it_was_started_again_asks_for_no_successor() {
    let mut world = started_again(2);
    let before = world.instance(1).launched_at - jiff::SignedDuration::from_secs(3600);
    let plan = world.pass();
    assert_eq!(ids(&plan), [].into(), "{plan}");
    world.store(&plan);
    let mut world = stopped(stopped(world.after(5), 1), 2);
    for slot in [1, 2] {
        world.instance(slot).launched_at = before;
    }
    let plan = world.pass();
    assert_eq!(launches(&plan), 0, "both may live: {plan}");
    world.store(&plan);
    let mut world = world.after(120);
    assert_eq!(
        launches(&world.pass()),
        2,
        "no reading is that late: an endpoint whose time of the launch stands still"
    );
}

/// The same, stopped once more: nothing is in doubt.
#[test]
fn one_that_is_stopped_right_after_its_start_has_a_successor_at_once() {
    let mut world = started_again(2);
    let plan = world.pass();
    world.store(&plan);
    let mut world = stopped(world.after(5), 1);
    assert_eq!(launches(&world.pass()), 1);
}

/// Seed 8900004 of delete, edition 2: its successors were taken out for members that had not come back at all.
#[test]
fn a_reading_of_before_it_was_stopped_brings_nobody_back() {
    let mut world = World::healthy(2);
    let plan = world.pass();
    world.store(&plan);
    let mut world = stopped(world.after(60), 1);
    let plan = world.pass();
    assert_eq!(launches(&plan), 1, "{plan}");
    world.store(&plan);
    let mut world = world.after(5).member(3, 'a').health(3, TargetHealth::Initial, "");
    world = world.state(1, InstanceState::Running).health(1, TargetHealth::Healthy, "");
    let plan = world.pass();
    assert_eq!((ids(&plan), plan.status.returned), ([].into(), 0), "{plan}");
}

#[test]
fn what_comes_back_and_is_too_many_goes_within_the_budget() {
    let mut world = started_again(5);
    spend(&mut world, 3);
    let plan = world.pass();
    assert_eq!(ids(&plan).len(), 1, "of three that are too many, one is within the budget: {plan}");
    assert_eq!(plan.status.returned, 3);
    assert_eq!(condition(&plan, ConditionType::HealingAllowed).0, Reason::TerminationBudgetSpent);
    let leaving = plan.status.instances.iter().find_map(|member| member.leaving.clone()).unwrap();
    assert_eq!((leaving.reason, leaving.healing), (Reason::MemberSurplus, true), "it is charged");
    world.store(&plan);
    let mut world = world.after(5);
    let plan = world.pass();
    assert_eq!(plan.status.returned, 2, "one leaves");
    assert!(plan.actions.iter().all(|action| action.id.0.ends_with(leaving_id(&world).as_str())), "{plan}");
}

fn leaving_id(world: &World) -> String {
    let leaving = world.record.status.instances.iter().find(|member| member.leaving.is_some()).unwrap();
    leaving.instance_id.to_string()
}

#[test]
fn a_scale_down_that_the_user_asks_for_meanwhile_is_not_charged() {
    let mut world = started_again(5);
    spend(&mut world, 4);
    let plan = world.pass();
    assert_eq!(plan.actions, [], "{plan}");
    world.store(&plan);
    let mut world = world.edited(|spec| spec.instances.count = 1);
    let plan = world.pass();
    let leaving: Vec<_> = plan.status.instances.iter().filter_map(|member| member.leaving.clone()).collect();
    assert_eq!(leaving.len(), 1, "as many as the user takes off the count: {plan}");
    assert!(!leaving[0].healing);
}

#[test]
fn what_came_back_counts_no_more_once_it_is_wanted() {
    let mut world = started_again(4);
    spend(&mut world, 4);
    let plan = world.pass();
    assert_eq!((plan.status.returned, plan.actions.len()), (2, 0), "{plan}");
    world.store(&plan);
    let mut world = world.edited(|spec| spec.instances.count = 4);
    let plan = world.pass();
    assert_eq!(plan.status.returned, 0);
    world.store(&plan);
    let mut world = world.edited(|spec| spec.instances.count = 3);
    let plan = world.pass();
    assert_eq!(plan.status.instances.iter().filter(|member| member.leaving.is_some()).count(), 1, "{plan}");
}

#[test]
fn a_brake_holds_what_came_back_and_a_sick_one_has_what_the_budget_leaves() {
    let mut world = started_again(5).unhealthy_for(1, 600).unhealthy_for(2, 600);
    let plan = world.pass();
    assert_eq!(plan.actions, [], "too many are sick: {plan}");
    assert_eq!(condition(&plan, ConditionType::HealingAllowed).0, Reason::TooManySick);
    let mut world = started_again(5).unhealthy_for(1, 600);
    spend(&mut world, 3);
    let plan = world.pass();
    assert_eq!(ids(&plan).len(), 1, "the budget has one left, for one of two kinds: {plan}");
}

#[test]
fn i2_a_stopped_member_that_answers_its_health_checks_serves_until_others_do() {
    // Both were on their way out, and were started again: the instances are shown as they were before.
    let mut world = World::healthy(2);
    let since = world.now;
    for slot in [1, 2] {
        world = world.state(slot, InstanceState::Stopped);
        world.status(slot).state = Some(InstanceState::Stopped);
        world.status(slot).leaving = Some(Leaving { reason: Reason::MemberStopped, healing: true, since });
    }
    let goes = |plan: &Plan| ids(plan).iter().filter(|id| id.starts_with("take-out/")).count();
    let plan = world.pass();
    assert_eq!(goes(&plan), 0, "{plan}");
    assert!(plan.to_string().contains("stays until others are healthy"), "{plan}");
    world.targets().iter_mut().for_each(|target| target.health = TargetHealth::Unused);
    let plan = world.pass();
    assert_eq!(goes(&plan), 2, "stopped indeed: {plan}");
}

#[test]
fn i2_one_that_was_stopped_is_not_taken_out_for_room_while_it_answers_its_health_checks() {
    let mut world = with_stopped(5);
    spend(&mut world, 0);
    for target in world.targets() {
        target.health = TargetHealth::Healthy;
    }
    let plan = world.pass();
    assert_eq!(ids(&plan), BTreeSet::new(), "{plan}");
}
