use insta::assert_snapshot;

use super::world::*;
use crate::observed::Part;
use crate::outcome::Outcome;
use crate::reason::Reason;
use crate::resource::*;
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

#[test]
fn a_protection_that_the_spec_has_lifted_is_lifted_before_the_delete() {
    let mut world = deleting(1);
    world.targets().clear();
    let attributes = seen(world.observed.load_balancer_attributes.get_mut(&alb()).unwrap());
    attributes.insert(crate::desired::DELETION_PROTECTION.into(), "true".into());
    let plan = world.pass();
    let delete = plan.actions.iter().find(|action| action.id.0 == "delete-load-balancer").unwrap();
    assert_eq!(delete.after[0].0, "set-load-balancer-attributes");
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
