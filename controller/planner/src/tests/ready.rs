//! `Ready` is claimed only of what was seen.

use aws_api::ec2::InstanceState;
use aws_api::elbv2::{LoadBalancerState, TargetHealth};

use super::world::*;
use crate::action::Plan;
use crate::observed::Part;
use crate::reason::Reason;
use crate::record::Stored;
use crate::status::{ConditionType, Leaving, Origin, Truth};

fn truth(world: &mut World, kind: ConditionType) -> Truth {
    world.pass().status.condition(kind).unwrap().status
}

#[test]
fn each_condition_that_ready_needs_keeps_it_from_being_claimed() {
    // Each breaks one of them alone.
    type Break = fn(&mut World);
    let broken: [(ConditionType, Break); 4] = [
        (ConditionType::SpecValid, |world| world.record.stored = Stored::Invalid(vec!["a fault".into()])),
        (ConditionType::LoadBalancerReady, |world| {
            seen(&mut world.observed.load_balancers)[0].state = LoadBalancerState::Provisioning;
        }),
        (ConditionType::InSync, |world| world.targets().push(target("i-foreign", TargetHealth::Healthy, None))),
        (ConditionType::TargetsHealthy, |world| {
            world.targets()[0] = target("i-1", TargetHealth::Initial, None);
        }),
    ];
    for (kind, break_it) in broken {
        let mut world = World::healthy(2);
        assert_eq!(truth(&mut world, ConditionType::Ready), Truth::True);
        break_it(&mut world);
        let plan = world.pass();
        let not_well = |kind| plan.status.condition(kind).unwrap().status != Truth::True;
        assert!(not_well(ConditionType::Ready), "{kind} is not well");
        for (other, _) in broken {
            assert_eq!(not_well(other), other == kind, "{other}, where {kind} is broken alone");
        }
    }
}

fn ready(world: &mut World) -> (Truth, Reason) {
    let plan = world.pass();
    let ready = plan.status.condition(ConditionType::Ready).unwrap();
    (ready.status, ready.reason)
}

/// New members are healthy; the old ones are on their way out.
fn rolled() -> World {
    let mut world = World::healthy(2).edited(|spec| spec.instances.user_data = Some("#new".into()));
    world = world.member(3, 'a').member(4, 'b');
    let since = world.now;
    for slot in 1..=2 {
        world.status(slot).leaving = Some(Leaving { reason: Reason::MemberOutdated, healing: false, since });
    }
    world
}

#[test]
fn a_rollout_is_over_when_no_member_of_an_older_revision_is_registered() {
    let rolls = (Truth::False, Reason::RollingOut);
    let mut world = rolled();
    assert_eq!(ready(&mut world), rolls, "both old ones are registered");
    world.targets().retain(|target| target.id != "i-1");
    let mut world = world.health(2, TargetHealth::Draining, "Target.DeregistrationInProgress");
    assert_eq!(ready(&mut world), rolls, "one answers what it has in flight");
    let plan = world.pass();
    let message = &plan.status.condition(ConditionType::Ready).unwrap().message;
    assert_eq!(message, "slot 2 (i-2), of an older revision, is still registered");
    world.targets().retain(|target| target.id != "i-2");
    assert_eq!(ready(&mut world), (Truth::True, Reason::AllHealthy), "what the record says serves, alone");
}

#[test]
fn an_adopted_member_of_an_older_revision_and_drains_of_healing_do_not_enter() {
    let mut world = rolled();
    for slot in 1..=2 {
        world.status(slot).origin = Origin::Adopted;
    }
    let plan = world.pass();
    let message = &plan.status.condition(ConditionType::Ready).unwrap().message;
    assert!(!message.contains("older revision"), "{message}");
    let mut world = World::healthy(2).member(3, 'a').health(1, TargetHealth::Draining, "");
    let since = world.now;
    world.status(1).leaving = Some(Leaving { reason: Reason::MemberSick, healing: true, since });
    assert_eq!(ready(&mut world), (Truth::True, Reason::AllHealthy), "the same revision");
}

#[test]
fn what_serves_while_a_rollout_goes_on_is_no_warning() {
    let mut world = World::healthy(2).edited(|spec| spec.instances.user_data = Some("#new".into()));
    let plan = world.pass();
    let targets = plan.status.condition(ConditionType::TargetsHealthy).unwrap();
    assert_eq!((targets.status, targets.reason), (Truth::True, Reason::TargetsHealthy));
    let condition = plan.status.condition(ConditionType::Ready).unwrap();
    assert_eq!((condition.status, condition.reason), (Truth::False, Reason::RollingOut));
    assert!(condition.message.contains("0 of 2 members of the current revision healthy"), "{}", condition.message);
    let mut world = world.health(1, TargetHealth::Initial, "");
    let reason = |plan: &Plan| plan.status.condition(ConditionType::TargetsHealthy).unwrap().reason;
    assert_eq!(reason(&world.pass()), Reason::TooFewHealthy);
    world.spec().rollout.max_unavailable = crds_schema::Amount::Count(1);
    assert_eq!(reason(&world.pass()), Reason::RollingOut, "the user allows one to be missing");
}

#[test]
fn a_target_group_that_is_replaced_serves_as_the_record_said_before() {
    let mut world = super::found::with_a_next_group(World::healthy(2), &[1, 2]);
    let next = aws_api::id::TargetGroupArn::parse("arn:next").unwrap();
    seen(world.observed.targets.get_mut(&next).unwrap())[1].health = TargetHealth::Initial;
    let plan = world.pass();
    assert!(!ids(&plan).contains("set-listener/80"), "the new one warms: {plan}");
    let condition = plan.status.condition(ConditionType::Ready).unwrap();
    assert_eq!((condition.status, condition.reason), (Truth::False, Reason::RollingOut));
    assert!(condition.message.contains("listeners still forward to target group"), "{}", condition.message);
}

#[test]
fn what_was_not_read_is_not_claimed() {
    let mut world = World::healthy(2);
    world.observed.targets.insert(target_group(), Part::Unread("timeout".into()));
    assert_eq!(truth(&mut world, ConditionType::TargetsHealthy), Truth::Unknown);
    let mut world = World::healthy(2);
    world.observed.status_checks = Part::Unread("timeout".into());
    assert_eq!(truth(&mut world, ConditionType::InSync), Truth::Unknown);
    assert_eq!(truth(&mut world, ConditionType::Ready), Truth::False);
}

#[test]
fn what_is_being_deleted_or_is_damaged_is_not_ready() {
    let ready = |mut world: World| {
        let plan = world.pass();
        let ready = plan.status.condition(ConditionType::Ready).unwrap();
        (ready.status, ready.reason)
    };
    let mut world = World::healthy(1);
    world.record.deleting = true;
    assert_eq!(ready(world), (Truth::False, Reason::Deleting));
    let mut world = World::healthy(1);
    world.record.status.damaged = true;
    assert_eq!(ready(world), (Truth::False, Reason::RecordDamaged));
}

/// Nobody is wanted any more.
fn scaled_to_zero(count: u32) -> World {
    World::healthy(count).edited(|spec| spec.instances.count = 0)
}

#[test]
fn at_count_zero_everybody_drains_together_and_it_is_ready_once_nobody_is_there() {
    let mut world = scaled_to_zero(2);
    let plan = world.pass();
    assert_eq!(ids(&plan), ["take-out/i-1", "take-out/i-2"].into(), "{plan}");
    assert!(plan.status.instances.iter().all(|member| !member.leaving.as_ref().unwrap().healing), "it is uncharged");
    assert_eq!(ready(&mut world), (Truth::False, Reason::Converging));
    world.store(&plan);
    world.targets().clear();
    let plan = world.pass();
    assert_eq!((ids(&plan), plan.status.terminations.len()), (["terminate/i-1", "terminate/i-2"].into(), 0));
    world.store(&plan);
    let mut world = world.state(1, InstanceState::Terminated).state(2, InstanceState::ShuttingDown);
    assert_eq!(ready(&mut world), (Truth::True, Reason::ScaledToZero));
    let plan = world.pass();
    assert_eq!(plan.actions, [], "nothing is launched: {plan}");
    let targets = plan.status.condition(ConditionType::TargetsHealthy).unwrap();
    assert_eq!((targets.status, targets.message.as_str()), (Truth::True, "0 of 0 healthy"));
}

#[test]
fn at_count_zero_the_sick_the_stopped_the_old_and_what_came_back_go_uncharged_too() {
    let mut world = scaled_to_zero(4).unhealthy_for(1, 600).unhealthy_for(2, 600);
    world = world.state(3, InstanceState::Stopped).health(3, TargetHealth::Unused, "Target.InvalidState");
    world.status(4).template = "older".into();
    world.record.status.returned = 2;
    world.spec().healing.max_terminations_per_hour = 0;
    let plan = world.pass();
    assert_eq!(ids(&plan), ["take-out/i-1", "take-out/i-2", "take-out/i-3", "take-out/i-4"].into(), "{plan}");
    assert!(plan.status.instances.iter().all(|member| !member.leaving.as_ref().unwrap().healing));
}

#[test]
fn from_count_zero_it_goes_up_again() {
    let mut world = World::empty(0);
    let plan = world.pass();
    assert!(ids(&plan).contains("create-load-balancer") && !ids(&plan).contains("launch/1"), "{plan}");
    let mut world = World::healthy(0);
    assert_eq!(ready(&mut world), (Truth::True, Reason::ScaledToZero));
    let mut world = world.edited(|spec| spec.instances.count = 2);
    assert_eq!(ids(&world.pass()), ["launch/1", "launch/2"].into());
    assert_eq!(ready(&mut world).0, Truth::False);
}
