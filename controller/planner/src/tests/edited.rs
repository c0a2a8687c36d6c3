//! An edit of the record is no drift, and a drift is no edit.

use super::world::*;
use crate::action::Plan;
use crate::memory::Memory;
use crate::reason::Reason;
use crate::record::GroupRole;

fn reason(plan: &Plan, id: &str) -> Reason {
    let found = plan.actions.iter().find(|action| action.id.0.starts_with(id));
    found.unwrap_or_else(|| panic!("no {id} in {plan}")).why.reason
}

/// What each part of a record's edit is set right by.
fn edited(world: World) -> World {
    world.edited(|spec| {
        spec.services[0].health_check.path = "/other".into();
        spec.services[0].deregistration_delay = "90s".parse().unwrap();
        spec.load_balancer.idle_timeout = "90s".parse().unwrap();
        spec.access.ssh[0].cidr = Some("198.51.100.0/24".parse().unwrap());
        spec.instances.metadata_options.hop_limit = 3;
        spec.tags.insert("Team".into(), "shop".into());
    })
}

const ACTIONS: [&str; 7] = [
    "set-health-check/",
    "set-target-group-attributes/",
    "set-load-balancer-attributes",
    "authorize/instances/ingress",
    "revoke/instances/ingress",
    "set-metadata/",
    "tag/",
];

#[test]
fn an_edit_is_told_as_an_edit() {
    let plan = edited(World::healthy(1)).pass();
    for id in ACTIONS {
        assert_eq!(reason(&plan, id), Reason::SpecChanged, "{id}: {plan}");
    }
}

#[test]
fn an_edit_that_a_new_leader_finds_is_told_as_an_edit() {
    let mut world = edited(World::healthy(1));
    world.memory = Memory::default();
    let plan = world.pass();
    for id in ACTIONS {
        assert_eq!(reason(&plan, id), Reason::SpecChanged, "{id}: {plan}");
    }
}

/// The same differences, made in AWS.
fn drifted() -> World {
    let mut world = World::healthy(1);
    seen(&mut world.observed.target_groups)[0].health_check.path = "/other".into();
    seen(world.observed.target_group_attributes.get_mut(&target_group()).unwrap())
        .insert("deregistration_delay.timeout_seconds".into(), "90".into());
    seen(world.observed.load_balancer_attributes.get_mut(&alb()).unwrap())
        .insert("idle_timeout.timeout_seconds".into(), "90".into());
    let ingress = &mut world.group(GroupRole::Instances).ingress;
    ingress.remove(&rule(22, cidr("203.0.113.0/24")));
    ingress.insert(rule(22, cidr("198.51.100.0/24")));
    world.instance(1).hop_limit = Some(3);
    world.instance(1).tags.remove("Name");
    world
}

const DRIFTS: [Reason; 7] = [
    Reason::HealthCheckDrifted,
    Reason::AttributeDrifted,
    Reason::AttributeDrifted,
    Reason::RuleMissing,
    Reason::RuleRogue,
    Reason::AttributeDrifted,
    Reason::TagsDrifted,
];

#[test]
fn a_drift_is_told_as_a_drift_by_whoever_leads() {
    let mut running = drifted();
    running.pass();
    let mut new = drifted();
    new.memory = Memory::default();
    for plan in [running.pass(), new.pass()] {
        for (id, drift) in ACTIONS.iter().zip(DRIFTS) {
            assert_eq!(reason(&plan, id), drift, "{id}: {plan}");
        }
    }
}

#[test]
fn a_drift_beside_an_edit_is_still_told() {
    let mut world = edited(World::healthy(1));
    world.group(GroupRole::Instances).ingress.insert(rule(23, cidr("0.0.0.0/0")));
    let plan = world.pass();
    assert_eq!(reason(&plan, "revoke/instances/ingress"), Reason::RuleRogue, "{plan}");
    assert_eq!(reason(&plan, "authorize/instances/ingress"), Reason::SpecChanged, "{plan}");
}

#[test]
fn what_never_was_in_sync_is_not_yet_made() {
    let mut world = World::healthy(1);
    world.memory = Memory::default();
    world.record.status.in_sync_revision = 0;
    world.group(GroupRole::Instances).ingress.clear();
    assert_eq!(reason(&world.pass(), "authorize/instances/ingress"), Reason::NotYetMade);
}

#[test]
fn the_revision_that_aws_was_last_seen_to_match_is_kept() {
    let mut world = World::healthy(1);
    assert_eq!(world.pass().status.in_sync_revision, 1);
    let mut world = edited(world);
    let plan = world.pass();
    assert_eq!((plan.status.revision, plan.status.in_sync_revision), (2, 1), "{plan}");
}
