use std::time::Duration;

use aws_api::ec2::{InstanceState, StatusChecks};
use aws_api::elbv2::TargetHealth;
use insta::assert_snapshot;

use super::world::*;
use crate::reason::Reason;
use crate::status::{Charge, ConditionType, Truth};

#[test]
fn a_terminated_member_is_replaced_at_once_in_its_zone() {
    let mut world = World::healthy(2).state(2, InstanceState::Terminated);
    world.targets().retain(|target| target.id != "i-2");
    assert_snapshot!(world.planned(), @"+ launch/2                                 SlotEmpty: slot 2 in us-east-2b: 1 live of 2");
}

#[test]
fn a_stopped_member_has_its_successor_launched_and_goes_when_that_is_healthy() {
    let mut world =
        World::healthy(2).state(2, InstanceState::Stopped).health(2, TargetHealth::Unused, "Target.InvalidState");
    assert_snapshot!(world.planned(), @r"
    + launch/3                                 MemberStopped: slot 3 in us-east-2b: successor of i-2, which was stopped
    ? slot 2 (i-2) stays until others are healthy: 1 of 2
    ");
    let mut world = world.member(3, 'b');
    assert_snapshot!(world.planned(), @"- take-out/i-2                             MemberStopped: slot 2: stopped, and its successor is healthy");
}

#[test]
fn a_sick_member_goes_only_after_its_successor_is_healthy() {
    let mut world = World::healthy(2).unhealthy_for(1, 190);
    assert_snapshot!(world.planned(), @r"
    + launch/3                                 MemberSick: slot 3 in us-east-2a: successor of i-1, which is sick
    ? slot 1 (i-1) stays until others are healthy: 1 of 2
    ");
    let mut world = world.member(3, 'a');
    assert_snapshot!(world.planned(), @"- take-out/i-1                             MemberSick: slot 1: Target.Timeout since 2026-03-01T09:56:50Z");
}

#[test]
fn unhealthy_for_less_than_allowed_is_given_time() {
    let mut world = World::healthy(2).unhealthy_for(1, 60);
    assert_snapshot!(world.planned(), @"? slot 1 (i-1) to recover or be sick (until 2026-03-01T10:01:00Z)");
}

#[test]
fn failing_during_its_grace_is_no_sickness() {
    let mut world = World::healthy(2).unhealthy_for(1, 290);
    let launched = world.now.checked_sub(Duration::from_secs(295)).unwrap();
    world.status(1).launched_at = launched;
    assert_snapshot!(world.planned(), @"? slot 1 (i-1), starting; judged from 10:00:05Z (until 2026-03-01T10:00:05Z)");
}

#[test]
fn what_a_rollout_replaces_and_how_fast_is_said_as_a_whole() {
    let said = |count: u32, surge: u32| {
        let mut world = World::healthy(count).edited(|spec| {
            spec.image.ami_id = Some("ami-0fffffffffffffff0".into());
            spec.rollout.max_surge = crds_schema::Amount::Count(surge);
        });
        let plan = world.pass();
        let waits = plan.waiting_for.iter().map(|wait| wait.what.clone());
        waits.filter(|what| what.contains("the rollout") || what.contains("slot 1 ")).collect::<Vec<_>>().join("; ")
    };
    let serves = "slot 1 (i-1, old image) serves until a successor is healthy: 0 of";
    assert_eq!(said(1, 1), format!("the rollout, which replaces 1 instance, one at a time; {serves} 1 new"));
    assert_eq!(said(4, 2), format!("the rollout, which replaces 4 instances, 2 at a time; {serves} 4 new"));
}

#[test]
fn initial_unused_and_draining_are_not_sick() {
    for health in [TargetHealth::Initial, TargetHealth::Unused, TargetHealth::Unavailable] {
        let mut world = World::healthy(2).health(1, health, "");
        // A second look, after longer than a sick member is given.
        for _ in 0..2 {
            let plan = world.pass();
            assert_eq!(plan.actions, [], "{health}: {plan}");
            world.store(&plan);
            world = world.after(36_000);
        }
    }
}

#[test]
fn an_impaired_instance_is_sick_too() {
    let mut world = World::healthy(2);
    seen(&mut world.observed.status_checks).insert(instance_id(1), StatusChecks::Impaired);
    world.pass();
    let plan = world.pass();
    world.store(&plan);
    let mut world = world.after(121);
    let text = world.planned();
    assert!(text.contains("successor of i-1, which is sick"), "{text}");
}

#[test]
fn when_too_many_are_sick_nothing_is_replaced() {
    let mut world = World::healthy(2).unhealthy_for(1, 600).unhealthy_for(2, 600);
    let plan = world.pass();
    assert_eq!(plan.actions, [], "{plan}");
    let healing = plan.status.condition(ConditionType::HealingAllowed).unwrap();
    assert_eq!((healing.status, healing.reason), (Truth::False, Reason::TooManySick));
    let ready = plan.status.condition(ConditionType::Ready).unwrap();
    assert_eq!((ready.status, ready.reason), (Truth::False, Reason::Held));
}

#[test]
fn a_spent_budget_holds_healing_and_says_until_when() {
    let mut world = World::healthy(2).unhealthy_for(1, 600).member(3, 'a');
    world.status(1).succeeded = true;
    let at = world.now.checked_sub(Duration::from_secs(600)).unwrap();
    world.record.status.terminations = (10..14).map(|slot| Charge { at, instance_id: instance_id(slot) }).collect();
    let plan = world.pass();
    assert_eq!(plan.actions, [], "not even as one too many: {plan}");
    assert_eq!(plan.status.condition(ConditionType::HealingAllowed).unwrap().reason, Reason::TerminationBudgetSpent);
    assert!(plan.to_string().contains("(until 2026-03-01T10:50:00Z)"), "{plan}");
}

#[test]
fn a_braked_scale_down_still_goes_on_and_takes_the_sick_first() {
    let mut world =
        World::healthy(3).unhealthy_for(2, 600).unhealthy_for(3, 600).edited(|spec| spec.instances.count = 2);
    assert_eq!(world.spec().healing.max_unhealthy.of(2, 1), 1);
    let plan = world.pass();
    assert_eq!(ids(&plan), ["take-out/i-3"].into(), "{plan}");
}

#[test]
fn scale_down_takes_zone_surplus_then_the_newest_and_drains_together() {
    let mut world = World::healthy(3).member(4, 'a').edited(|spec| spec.instances.count = 2);
    let plan = world.pass();
    assert_eq!(ids(&plan), ["take-out/i-3", "take-out/i-4"].into(), "{plan}");
}

#[test]
fn a_leaving_member_drains_then_is_terminated_and_never_registered_again() {
    let mut world = World::healthy(3).edited(|spec| spec.instances.count = 2);
    let plan = world.pass();
    world.store(&plan);
    let mut world = world.health(3, TargetHealth::Draining, "Target.DeregistrationInProgress");
    assert_snapshot!(world.planned(), @"? i-3 to finish what it has in flight (until 2026-03-01T10:01:00Z)");
    world.targets().retain(|target| target.id != "i-3");
    assert_snapshot!(world.planned(), @"- terminate/i-3                            MemberSurplus: slot 3: More members live than `count`.");
}

#[test]
fn a_member_that_somebody_else_drains_is_terminated_only_once_drained() {
    let mut world = World::healthy(3)
        .health(3, TargetHealth::Draining, "Target.DeregistrationInProgress")
        .edited(|spec| spec.instances.count = 2);
    let plan = world.pass();
    assert!(plan.actions.iter().all(|action| action.id.0 != "terminate/i-3"), "{plan}");
    world.store(&plan);
    assert!(world.record.status.instances[2].leaving.is_some());
}

#[test]
fn scale_up_launches_in_the_emptiest_zone() {
    let mut world = World::healthy(2).edited(|spec| spec.instances.count = 3);
    assert_snapshot!(world.planned(), @"+ launch/3                                 SlotEmpty: slot 3 in us-east-2c: 2 live of 3");
}

#[test]
fn a_rollout_launches_one_more_waits_for_its_bake_and_then_takes_an_old_one() {
    let mut world = World::healthy(2).edited(|spec| spec.instances.user_data = Some("#cloud-config".into()));
    assert_snapshot!(world.planned(), @r"
    + launch/3                                 MemberOutdated: slot 3 in us-east-2a: successor of i-1, of an older revision
    ? the rollout, which replaces 2 instances, one at a time
    ? slot 1 (i-1, older revision) serves until a successor is healthy: 0 of 2 new
    ? slot 2 (i-2, older revision) serves until a successor is healthy: 0 of 2 new
    ");
    let mut world = world.member(3, 'a');
    let plan = world.pass();
    world.store(&plan);
    assert_eq!(plan.actions, [], "it has not baked: {plan}");
    assert_eq!(plan.status.condition(ConditionType::Ready).unwrap().reason, Reason::RollingOut);
    let mut world = world.after(120);
    let plan = world.pass();
    assert_eq!(ids(&plan), ["take-out/i-1"].into(), "{plan}");
}

#[test]
fn a_rollout_goes_on_while_healing_is_braked() {
    let mut world = World::healthy(2)
        .unhealthy_for(1, 600)
        .unhealthy_for(2, 600)
        .edited(|spec| spec.instances.user_data = Some("#fixed".into()));
    let text = world.planned();
    assert!(text.contains("+ launch/3"), "{text}");
    let mut world = world.member(3, 'a');
    let plan = world.pass();
    world.store(&plan);
    let mut world = world.after(120);
    let plan = world.pass();
    assert_eq!(ids(&plan), ["take-out/i-1"].into(), "{plan}");
}

#[test]
fn an_impossible_surge_never_takes_the_last_healthy_one() {
    let mut world = World::healthy(1).edited(|spec| {
        spec.instances.user_data = Some("#new".into());
        spec.rollout.max_unavailable = crds_schema::Amount::Count(1);
    });
    let plan = world.pass();
    assert!(plan.actions.iter().all(|action| !action.does.is_destructive()), "{plan}");
}

#[test]
fn paused_says_what_would_be_done_and_does_nothing() {
    let mut world = World::healthy(3).edited(|spec| {
        spec.instances.count = 2;
        spec.paused = true;
    });
    let plan = world.pass();
    assert_eq!(plan.actions, []);
    assert!(plan.status.instances.iter().all(|member| member.leaving.is_none()));
    assert!(plan.to_string().contains("take-out/i-3 would be done"), "{plan}");
}

#[test]
fn paused_still_reports_drift() {
    let mut world = World::healthy(2).edited(|spec| spec.paused = true);
    world.targets().push(target("i-foreign", TargetHealth::Healthy, None));
    let plan = world.pass();
    assert_eq!(plan.actions, []);
    assert_eq!(plan.status.condition(ConditionType::InSync).unwrap().reason, Reason::Drifted);
    let ready = plan.status.condition(ConditionType::Ready).unwrap();
    assert_eq!((ready.status, ready.reason), (Truth::False, Reason::Paused));
}
