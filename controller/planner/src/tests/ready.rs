//! `Ready` is claimed only of what was seen.

use super::world::*;
use crate::observed::Part;
use crate::reason::Reason;
use crate::record::Stored;
use crate::resource::*;
use crate::status::{ConditionType, Truth};

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
