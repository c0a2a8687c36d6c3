use aws_api::ec2::InstanceState;
use insta::assert_snapshot;

use super::world::*;
use crate::observed::Part;
use crate::outcome::Outcome;
use crate::reason::Reason;
use crate::status::ConditionType;

fn deleting(count: u32) -> World {
    let mut world = World::healthy(count);
    world.record.deleting = true;
    world
}

#[test]
fn members_drain_first() {
    let mut world = deleting(2);
    assert_snapshot!(world.planned(), @r"
    - take-out/i-1                             Teardown: slot 1: The environment is being deleted.
    - take-out/i-2                             Teardown: slot 2: The environment is being deleted.
    ");
}

#[test]
fn the_load_balancer_goes_once_members_are_drained_and_groups_once_nothing_is_left() {
    let mut world = deleting(1);
    world.targets().clear();
    assert_snapshot!(world.planned(), @r"
    - terminate/i-1                            Teardown: slot 1: The environment is being deleted.
    - delete-load-balancer                     Teardown: its members are drained
    - delete-target-group/shop-web-6bdbe364    Teardown: no listener uses it
    ");
    let plan = world.pass();
    let after = world.concluded(&plan, |_| Outcome::Done(None)).status;
    world.record.status = after;
    let mut world = world.state(1, InstanceState::ShuttingDown);
    seen(&mut world.observed.load_balancers).clear();
    world.observed.listeners.clear();
    seen(&mut world.observed.target_groups).clear();
    world.observed.targets.clear();
    assert_snapshot!(world.planned(), @"? i-1 to be terminated");
    let mut world = world.state(1, InstanceState::Terminated);
    let plan = world.pass();
    world.store(&plan);
    assert_snapshot!(plan.to_string(), @r"
    - delete-group/instances                   Teardown: nothing of ours uses it
    - delete-group/load-balancer               Teardown: nothing of ours uses it
    ");
    world.concluded(&plan, |_| Outcome::Done(None));
    world.groups().clear();
    let plan = world.pass();
    assert!(plan.torn_down, "{plan}");
}

#[test]
fn a_protected_load_balancer_holds_everything_and_names_the_edit() {
    let mut world = deleting(1);
    world.spec().load_balancer.deletion_protection = true;
    let plan = world.pass();
    assert_eq!(plan.actions, []);
    let in_sync = plan.status.condition(ConditionType::InSync).unwrap();
    assert_eq!(in_sync.reason, Reason::DeletionProtected);
    assert!(in_sync.message.contains("spec.loadBalancer.deletionProtection: false"));
}

/// An environment whose load balancer is protected, by the record if it is `ours`.
fn protected(ours: bool) -> World {
    let mut world = World::healthy(1);
    if ours {
        world = world.edited(|spec| spec.load_balancer.deletion_protection = true);
    }
    let attributes = seen(world.observed.load_balancer_attributes.get_mut(&alb()).unwrap());
    attributes.insert(crate::desired::DELETION_PROTECTION.into(), "true".into());
    if ours {
        let plan = world.pass();
        assert_eq!(plan.actions, [], "{plan}");
        world.store(&plan);
        world = world.edited(|spec| spec.load_balancer.deletion_protection = false);
    }
    world.targets().clear();
    world.record.deleting = true;
    world
}

#[test]
fn a_protection_that_a_record_had_put_and_the_spec_has_lifted_is_lifted_before_the_delete() {
    let plan = protected(true).pass();
    let delete = plan.actions.iter().find(|action| action.id.0 == "delete-load-balancer").unwrap();
    assert_eq!(delete.after[0].0, "set-load-balancer-attributes");
}

#[test]
fn a_protection_that_somebody_has_switched_on_holds_the_delete_and_says_how_it_is_lifted() {
    let mut world = protected(false);
    let plan = world.pass();
    assert_eq!(plan.actions, [], "{plan}");
    let in_sync = plan.status.condition(ConditionType::InSync).unwrap();
    assert_eq!(in_sync.reason, Reason::DeletionProtected);
    assert!(in_sync.message.contains("aws elbv2 modify-load-balancer-attributes"), "{}", in_sync.message);
    let attributes = seen(world.observed.load_balancer_attributes.get_mut(&alb()).unwrap());
    attributes.insert(crate::desired::DELETION_PROTECTION.into(), "false".into());
    assert!(ids(&world.pass()).contains("delete-load-balancer"), "it was lifted");
}

#[test]
fn a_protection_that_was_off_since_the_record_had_put_it_is_somebodys() {
    let mut world = protected(true);
    world.record.deleting = false;
    let protection = |world: &mut World, value: &str| {
        let attributes = seen(world.observed.load_balancer_attributes.get_mut(&alb()).unwrap());
        attributes.insert(crate::desired::DELETION_PROTECTION.into(), value.into());
    };
    protection(&mut world, "false");
    let plan = world.pass();
    world.store(&plan);
    protection(&mut world, "true");
    world.record.deleting = true;
    assert_eq!(world.pass().actions, []);
}

#[test]
fn nothing_is_deleted_while_it_is_not_known_whether_it_is_protected() {
    let mut world = deleting(1);
    world.observed.load_balancer_attributes.insert(alb(), Part::Unread("throttled".into()));
    assert_eq!(world.pass().actions, []);
}

#[test]
fn retain_removes_our_tags_and_nothing_else() {
    let mut world = deleting(1).edited(|spec| spec.deletion_policy = crds_schema::spec::DeletionPolicy::Retain);
    let plan = world.pass();
    assert!(plan.actions.iter().all(|action| action.id.0.starts_with("untag/")), "{plan}");
    assert_eq!(plan.actions.len(), 6, "two groups, an instance, load balancer, target group, listener: {plan}");
    assert!(!plan.torn_down);
}

#[test]
fn paused_makes_a_delete_wait() {
    let mut world = deleting(1).edited(|spec| spec.paused = true);
    let plan = world.pass();
    assert_eq!(plan.actions, []);
    assert!(!plan.torn_down);
}

#[test]
fn an_unread_part_keeps_the_teardown_from_ending() {
    let mut world = deleting(1);
    world.observed.instances = Part::Unread("timeout".into());
    let plan = world.pass();
    assert!(!plan.torn_down);
    assert!(plan.actions.iter().all(|action| !action.does.is_destructive()), "{plan}");
}

#[test]
fn while_it_is_torn_down_the_status_counts_who_is_there_and_nobody_as_healthy() {
    let mut world = World::healthy(2).state(2, InstanceState::ShuttingDown);
    world.record.deleting = true;
    assert_eq!((world.record.status.ready, world.record.status.serving), (2, 2));
    let status = world.pass().status;
    assert_eq!((status.ready, status.serving, status.updated), (0, 0, 1));
}
