//! Whose work a change of a listener is: ours is known from what is recorded, never from how the listener looks.

use aws_api::id::TargetGroupArn;

use super::found::with_a_next_group;
use super::world::*;
use crate::action::Plan;
use crate::memory::Memory;
use crate::reason::Reason;
use crate::status::{ConditionType, Truth};

fn arn(text: &str) -> TargetGroupArn {
    TargetGroupArn::parse(text).unwrap()
}

/// The listener forwards to the one and keeps the other warm, as one reading after another shows.
fn shown(world: &mut World, to: &TargetGroupArn, warms: Option<&TargetGroupArn>) -> Plan {
    let listener = &mut seen(world.observed.listeners.get_mut(&alb()).unwrap())[0];
    (listener.forwards_to, listener.warms) = (Some(to.clone()), warms.cloned());
    world.pass();
    world.pass()
}

fn reason(plan: &Plan) -> Option<Reason> {
    plan.actions.iter().find(|action| action.id.0 == "set-listener/80").map(|action| action.why.reason)
}

fn ready(plan: &Plan) -> Reason {
    plan.status.condition(ConditionType::Ready).unwrap().reason
}

#[test]
fn somebody_elses_group_beside_ours_is_a_drift_and_nobodys_rollout() {
    let mut world = World::healthy(1);
    let plan = shown(&mut world, &target_group(), Some(&arn("arn:theirs")));
    assert_eq!((reason(&plan), ready(&plan)), (Some(Reason::ListenerDrifted), Reason::Degraded));
    assert_eq!(plan.status.condition(ConditionType::InSync).unwrap().status, Truth::False);
    // A controller that was started anew knows no more than what is recorded.
    world.memory = Memory::default();
    let plan = shown(&mut world, &target_group(), Some(&arn("arn:theirs")));
    assert_eq!(reason(&plan), Some(Reason::ListenerDrifted));
}

#[test]
fn another_group_in_place_of_ours_is_a_drift() {
    let mut world = World::healthy(1);
    let plan = shown(&mut world, &arn("arn:theirs"), None);
    assert_eq!((reason(&plan), ready(&plan)), (Some(Reason::ListenerDrifted), Reason::Degraded));
}

#[test]
fn a_step_of_our_own_cutover_is_told_as_such() {
    let mut world = with_a_next_group(World::healthy(1), &[]);
    let plan = shown(&mut world, &target_group(), None);
    assert_eq!((reason(&plan), ready(&plan)), (Some(Reason::TargetGroupReplaced), Reason::RollingOut), "it is warmed");
    let mut world = with_a_next_group(World::healthy(1), &[1]);
    let plan = shown(&mut world, &target_group(), Some(&arn("arn:next")));
    assert_eq!(reason(&plan), Some(Reason::TargetGroupReplaced), "it is as healthy");
}

#[test]
fn a_status_that_does_not_say_where_its_listeners_went_goes_by_the_groups_that_it_records() {
    let mut world = with_a_next_group(World::healthy(1), &[]);
    world.record.status.listeners[0].forwards_to = None;
    let plan = shown(&mut world, &target_group(), None);
    assert_eq!(reason(&plan), Some(Reason::TargetGroupReplaced));
    let plan = shown(&mut world, &target_group(), Some(&arn("arn:theirs")));
    assert_eq!(reason(&plan), Some(Reason::ListenerDrifted));
}

#[test]
fn somebody_elses_group_amid_our_cutover_is_a_drift() {
    let mut world = with_a_next_group(World::healthy(1), &[]);
    let plan = shown(&mut world, &target_group(), Some(&arn("arn:theirs")));
    assert_eq!(reason(&plan), Some(Reason::ListenerDrifted));
}

#[test]
fn a_listener_that_is_put_back_to_the_old_group_by_hand_drifted() {
    let mut world = with_a_next_group(World::healthy(1), &[1]);
    let plan = shown(&mut world, &arn("arn:next"), None);
    assert_eq!(reason(&plan), None, "it is where it is to be: {plan}");
    world.store(&plan);
    for forgotten in [false, true] {
        if forgotten {
            world.memory = Memory::default();
        }
        let plan = shown(&mut world, &target_group(), None);
        assert_eq!(reason(&plan), Some(Reason::ListenerDrifted), "{plan}");
    }
}

#[test]
fn an_edit_that_is_taken_back_amid_the_cutover_is_our_own_work() {
    let mut world = with_a_next_group(World::healthy(1), &[]);
    let plan = shown(&mut world, &target_group(), Some(&arn("arn:next")));
    assert_eq!(reason(&plan), None, "{plan}");
    world.store(&plan);
    let mut world = world.edited(|spec| spec.services[0].port = 8080);
    let plan = shown(&mut world, &target_group(), Some(&arn("arn:next")));
    assert_eq!(reason(&plan), Some(Reason::TargetGroupReplaced), "{plan}");
}

#[test]
fn a_member_whose_type_was_changed_by_hand_is_replaced_and_is_nobodys_rollout() {
    let mut world = World::healthy(2);
    world.instance(1).instance_type = "t3.large".into();
    let plan = world.pass();
    let launch = plan.actions.iter().find(|action| action.id.0 == "launch/3").unwrap();
    assert_eq!(launch.why.reason, Reason::MemberAltered);
    assert!(launch.why.message.contains("i-1, changed to t3.large by hand"), "{plan}");
    assert_eq!(ready(&plan), Reason::Degraded);
}
