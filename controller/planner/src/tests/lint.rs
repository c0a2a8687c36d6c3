//! Lint judges for itself: each of these plans is one that the planner would not make, and each is refused for the one
//! promise that it breaks.

use super::world::*;
use crate::action::{Does, Plan};
use crate::id::IntentId;
use crate::lint::lint;
use crate::observed::Part;
use crate::pass::Sight;
use crate::record::Intent;
use crate::request::Write;
use crate::resource::InstanceState;
use crate::status::MemberStatus;

/// Every promise that the plan breaks in that world.
fn broken(world: &World, plan: Plan) -> String {
    let sight = Sight {
        record: &world.record,
        observed: &world.observed,
        now: world.now,
        seed: 7,
        missing_after: std::time::Duration::from_secs(300),
        default_region: "us-east-2",
    };
    lint(plan, &sight).err().unwrap_or_default().join("; ")
}

fn planned(mut world: World) -> (World, Plan) {
    let plan = world.pass();
    assert_eq!(broken(&world, plan.clone()), "", "it is refused only once it is broken");
    (world, plan)
}

fn from_nothing() -> (World, Plan) {
    planned(World::empty(2))
}

/// One of three healthy members is taken out.
fn scale_down() -> (World, Plan) {
    planned(World::healthy(3).edited(|spec| spec.instances.count = 2))
}

/// One member more is launched.
fn scale_up() -> (World, Plan) {
    planned(World::healthy(2).edited(|spec| spec.instances.count = 3))
}

/// A sick member whose successor is healthy has drained, and is terminated.
fn healed() -> (World, Plan) {
    let mut world = World::healthy(2).unhealthy_for(1, 600).member(3, 'a');
    let plan = world.pass();
    world.store(&plan);
    world.targets().retain(|target| target.id != "i-1");
    let (world, plan) = planned(world);
    assert_eq!(ids(&plan), ["terminate/i-1"].into(), "{plan}");
    (world, plan)
}

fn created(plan: &Plan) -> Intent {
    let created = plan.actions.iter().find_map(|action| match &action.does {
        Does::Create(intent) => Some((**intent).clone()),
        Does::Replay(_)
        | Does::Change(_)
        | Does::Terminate { .. }
        | Does::TakeOut { .. }
        | Does::DeleteGroup(_)
        | Does::DeleteLoadBalancer(_)
        | Does::DeleteTargetGroup(_) => None,
    });
    created.unwrap()
}

#[test]
fn what_an_action_depends_on_stands_before_it() {
    let (world, mut plan) = from_nothing();
    plan.actions.retain(|action| action.id.0 != "create-group/instances");
    assert!(broken(&world, plan).contains("depends on create-group/instances, which does not stand before it"));
}

#[test]
fn no_action_stands_twice() {
    let (world, mut plan) = from_nothing();
    plan.actions.push(plan.actions[0].clone());
    assert_eq!(broken(&world, plan), "create-group/load-balancer stands twice");
}

#[test]
fn a_change_neither_creates_nor_destroys_and_a_create_creates() {
    let kind = "carries a call of another kind";
    let (world, mut plan) = from_nothing();
    plan.actions[0].does = Does::Change(Box::new(created(&plan).write));
    assert!(broken(&world, plan).contains(kind));
    let terminate = || Write::TerminateInstances { instance: instance_id(1) };
    let (world, mut plan) = from_nothing();
    plan.actions[0].does = Does::Change(Box::new(terminate()));
    assert!(broken(&world, plan).contains(kind));
    let (world, mut plan) = from_nothing();
    plan.actions[0].does = Does::Create(Box::new(Intent { write: terminate(), ..created(&plan) }));
    assert!(broken(&world, plan).contains(kind));
}

#[test]
fn a_replay_is_the_open_intent_word_for_word() {
    let (mut world, mut plan) = from_nothing();
    let intent = created(&plan);
    plan.actions[0].does = Does::Replay(Box::new(intent.clone()));
    world.record.intents.push(intent.clone());
    assert_eq!(broken(&world, plan.clone()), "");
    world.record.intents[0].revision += 1;
    assert!(broken(&world, plan).contains("I1: create-group/load-balancer replays what is not the open intent"));
}

#[test]
fn no_more_exist_than_may_live_and_one_fleet_of_stopped_ones() {
    let (world, mut plan) = scale_up();
    // Three may live and one more of surge; two of them live, one is launched.
    let stopped = |slot: u32| MemberStatus {
        instance_id: instance_id(slot),
        state: Some(InstanceState::Stopped),
        ..plan.status.instances[0].clone()
    };
    let (within, beyond): (Vec<_>, Vec<_>) = ((11..=14).map(stopped).collect(), (15..=15).map(stopped).collect());
    plan.status.instances.extend(within);
    assert_eq!(broken(&world, plan.clone()), "");
    plan.status.instances.extend(beyond);
    assert_eq!(broken(&world, plan), "I1: 8 instances would exist, those that are stopped included, and 7 may");
}

#[test]
fn nothing_is_launched_without_a_spec_or_while_being_deleted() {
    let (mut world, plan) = scale_up();
    world.record.spec = None;
    assert!(broken(&world, plan).contains("I1: a launch without a spec"));
    let (mut world, plan) = scale_up();
    world.record.deleting = true;
    assert!(broken(&world, plan).contains("I1: a launch while being deleted"));
}

#[test]
fn members_and_launches_stay_within_count_and_surge() {
    let (mut world, plan) = scale_up();
    world.spec().instances.count = 1;
    assert!(broken(&world, plan).contains("I1: 3 members and launches, count + maxSurge is 2"));
}

#[test]
fn what_was_not_seen_whole_is_not_destroyed() {
    let (mut world, plan) = scale_down();
    world.observed.instances = Part::Unread("no".into());
    assert!(broken(&world, plan).contains("I5: take-out/i-3"));
    let (mut world, plan) = scale_down();
    world.observed.targets.insert(target_group(), Part::Unread("no".into()));
    assert!(broken(&world, plan).contains("I5: take-out/i-3"));
}

#[test]
fn the_floor_of_healthy_members_is_left() {
    let (mut world, plan) = scale_down();
    world.spec().instances.count = 3;
    assert!(broken(&world, plan).contains("I2: 2 healthy members would be left, the floor is 3"));
}

#[test]
fn what_is_terminated_is_registered_nowhere() {
    let (mut world, plan) = healed();
    world.targets().push(target("i-1", crate::resource::TargetHealth::Draining, None));
    assert!(broken(&world, plan).contains("I2: terminate/i-1 before it is drained"));
}

#[test]
fn healing_terminations_are_charged_and_within_the_budget() {
    let (world, mut plan) = healed();
    plan.status.terminations.clear();
    assert!(broken(&world, plan).contains("I4: terminate/i-1 is not charged"));
    let (mut world, plan) = healed();
    world.spec().healing.max_terminations_per_hour = 0;
    assert!(broken(&world, plan).contains("I4: 1 healing terminations within the hour, 0 are allowed"));
}

#[test]
fn nothing_is_done_while_it_is_paused_or_its_record_is_damaged() {
    let (mut world, plan) = scale_up();
    world.spec().paused = true;
    assert!(broken(&world, plan).contains("an action while it is paused"));
    let (mut world, plan) = scale_up();
    world.record.status.damaged = true;
    assert!(broken(&world, plan).contains("an action while it is paused or its record is damaged"));
}

#[test]
fn nothing_is_torn_down_that_nobody_asked_to_delete() {
    let mut world = World::healthy(1);
    world.record.deleting = true;
    world.targets().clear();
    let (mut world, plan) = planned(world);
    world.record.deleting = false;
    assert!(broken(&world, plan).contains("delete-load-balancer though nobody asked to delete the environment"));
}

#[test]
fn launches_that_are_open_count_and_settled_ones_do_not() {
    let (mut world, mut plan) = scale_up();
    let intent = |nth: u32| Intent { id: IntentId::parse(format!("in-{nth}")).unwrap(), ..created(&plan) };
    world.record.intents = (1..=3).map(intent).collect();
    plan.settled = vec![intent(2)];
    world.spec().instances.count = 1;
    // Two members, two open launches, and one that is new.
    assert_eq!(broken(&world, plan), "I1: 5 members and launches, count + maxSurge is 2");
}

#[test]
fn an_open_launch_is_not_sent_again_beyond_count_and_surge() {
    let (mut world, mut plan) = scale_up();
    let intent = created(&plan);
    plan.actions.retain(|action| action.id.0.starts_with("launch/"));
    plan.actions[0].does = Does::Replay(Box::new(intent.clone()));
    world.record.intents = vec![intent];
    assert_eq!(broken(&world, plan.clone()), "");
    world.spec().instances.count = 1;
    assert_eq!(broken(&world, plan), "I1: 3 members and launches, count + maxSurge is 2");
}

#[test]
fn a_member_whose_status_checks_fail_is_not_among_the_healthy_that_are_left() {
    let (world, mut plan) = scale_down();
    plan.status.instances[0].unhealthy_since = Some(world.now);
    assert_eq!(broken(&world, plan), "I2: 1 healthy members would be left, the floor is 2");
}

#[test]
fn a_budget_that_was_lowered_refuses_only_what_charges_anew() {
    let (mut world, mut plan) = scale_up();
    let charge = |slot| crate::status::Charge { at: world.now, instance_id: instance_id(slot) };
    world.record.status.terminations = vec![charge(8), charge(9)];
    plan.status.terminations = world.record.status.terminations.clone();
    world.spec().healing.max_terminations_per_hour = 1;
    assert_eq!(broken(&world, plan.clone()), "");
    // One was forgotten after its hour, and another is new: as many as before.
    plan.status.terminations[0].instance_id = instance_id(1);
    assert_eq!(broken(&world, plan), "I4: 2 healing terminations within the hour, 1 are allowed");
}
