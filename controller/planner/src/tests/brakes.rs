//! What holds healing back, what holds a rollout or a delete back, and what is said of it.

use aws_api::ErrorKind;
use aws_api::ec2::InstanceState;
use aws_api::elbv2::TargetHealth;

use super::world::*;
use crate::outcome::{Fault, Outcome};
use crate::reason::Reason;
use crate::record::Stored;
use crate::status::{Charge, ConditionType, Leaving};

fn is_leaving(world: &mut World, slot: u32) {
    let since = world.now;
    world.status(slot).leaving = Some(Leaving { reason: Reason::MemberSick, healing: true, since });
}

fn healing(plan: &crate::action::Plan) -> Reason {
    plan.status.condition(ConditionType::HealingAllowed).unwrap().reason
}

#[test]
fn members_on_their_way_out_count_against_the_budget() {
    let with = |budget: u32| {
        let mut world = World::healthy(3).member(4, 'a').member(5, 'b').unhealthy_for(2, 600);
        world.spec().healing.max_terminations_per_hour = budget;
        world = world.health(1, TargetHealth::Draining, "Target.DeregistrationInProgress");
        is_leaving(&mut world, 1);
        world.status(2).succeeded = true;
        world.pass()
    };
    assert_eq!(ids(&with(2)), ["take-out/i-2"].into());
    let plan = with(1);
    assert_eq!(plan.actions, [], "the first is not terminated yet, and will be: {plan}");
    assert_eq!(healing(&plan), Reason::TerminationBudgetSpent);
}

#[test]
fn a_budget_that_was_lowered_holds_a_member_that_has_drained() {
    let mut world = World::healthy(2).member(3, 'a');
    is_leaving(&mut world, 1);
    world.targets().retain(|target| target.id != "i-1");
    assert_eq!(ids(&world.pass()), ["terminate/i-1"].into());
    let mut world = world.edited(|spec| spec.healing.max_terminations_per_hour = 0);
    let plan = world.pass();
    assert_eq!(plan.actions, [], "{plan}");
    assert_eq!(healing(&plan), Reason::TerminationBudgetSpent);
}

#[test]
fn the_end_of_a_stopped_member_is_charged_and_held_by_a_spent_budget() {
    let mut world = World::healthy(2)
        .state(2, InstanceState::Stopped)
        .health(2, TargetHealth::Unused, "Target.InvalidState")
        .member(3, 'b');
    let charges = world.spec().healing.max_terminations_per_hour;
    let at = world.now;
    world.record.status.terminations =
        (10..10 + charges).map(|slot| Charge { at, instance_id: instance_id(slot) }).collect();
    let plan = world.pass();
    assert_eq!(plan.actions, [], "{plan}");
    assert_eq!(healing(&plan), Reason::TerminationBudgetSpent);
    world.record.status.terminations.clear();
    let plan = world.pass();
    assert_eq!(ids(&plan), ["take-out/i-2"].into(), "{plan}");
    world.store(&plan);
    world.targets().retain(|target| target.id != "i-2");
    let plan = world.pass();
    assert_eq!(ids(&plan), ["terminate/i-2"].into(), "{plan}");
    assert_eq!(plan.status.terminations.len(), 1, "it is charged");
}

#[test]
fn a_member_that_is_protected_from_termination_is_told_and_stays() {
    let mut world = World::healthy(2).member(3, 'a');
    is_leaving(&mut world, 1);
    world.targets().retain(|target| target.id != "i-1");
    let plan = world.pass();
    let refused = Fault {
        operation: "TerminateInstances".into(),
        iam_action: "ec2:TerminateInstances".into(),
        kind: ErrorKind::Conflict,
        code: Some("OperationNotPermitted".into()),
        message: String::new(),
        definite: true,
    };
    world.concluded(&plan, |_| Outcome::Failed(refused.clone()));
    let plan = world.pass();
    assert_eq!(plan.actions, [], "its protection is not removed: {plan}");
    assert_eq!(healing(&plan), Reason::TerminationProtected);
}

#[test]
fn paused_charges_nothing() {
    let mut world = World::healthy(2).member(3, 'a');
    is_leaving(&mut world, 1);
    world.targets().retain(|target| target.id != "i-1");
    assert_eq!(world.pass().status.terminations.len(), 1);
    let mut world = world.edited(|spec| spec.paused = true);
    let plan = world.pass();
    assert_eq!((&plan.actions[..], &plan.status.terminations[..]), (&[][..], &[][..]), "{plan}");
}

#[test]
fn a_rollout_spares_an_old_member_that_may_still_become_healthy() {
    let mut world = World::healthy(2)
        .health(2, TargetHealth::Initial, "")
        .edited(|spec| spec.instances.user_data = Some("#new".into()))
        .member(3, 'a')
        .health(3, TargetHealth::Initial, "");
    let plan = world.pass();
    assert_eq!(plan.actions, [], "neither of the two that are coming up goes: {plan}");
    world = world.health(3, TargetHealth::Healthy, "");
    let plan = world.pass();
    world.store(&plan);
    let mut world = world.after(120);
    assert_eq!(ids(&world.pass()), ["take-out/i-2"].into(), "the count no longer needs it");
}

#[test]
fn a_delete_waits_for_the_revision_that_says_what_is_protected() {
    let mut world = World::healthy(1);
    world.record.deleting = true;
    world.record.spec = None;
    let plan = world.pass();
    assert_eq!(plan.actions, [], "{plan}");
    assert!(!plan.torn_down);
    assert!(plan.to_string().contains("revision 1 is in force, but its REV item is gone"), "{plan}");
}

#[test]
fn a_status_names_a_bounded_number_of_faults() {
    let mut world = World::healthy(2);
    world.record.stored = Stored::Invalid((0..1000).map(|nth| format!("{nth} {}", "x".repeat(1000))).collect());
    let plan = world.pass();
    let message = &plan.status.condition(ConditionType::SpecValid).unwrap().message;
    assert!(message.len() < 25_000, "{} bytes", message.len());
    assert!(message.ends_with("and 950 more; `understudy apply` names them all"), "{message}");
}
