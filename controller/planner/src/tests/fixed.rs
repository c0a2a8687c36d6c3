//! Edits of what is fixed are refused whole, and nothing is fixed where nothing stands.

use crds_schema::Spec;
use crds_schema::spec::Scheme;

use super::world::*;
use crate::fixed::refused;
use crate::reason::Reason;
use crate::record::Stored;
use crate::status::{ConditionType, Truth};

/// The paths that are refused of that edit, with one open intent or without.
fn paths_with(world: &mut World, has_open_intents: bool, edit: impl FnOnce(&mut Spec)) -> Vec<String> {
    let mut spec = world.spec().clone();
    edit(&mut spec);
    let faults = refused("shop", "hash-2", &spec, &world.record.status, has_open_intents);
    faults.into_iter().map(|fault| fault.path).collect()
}

fn paths(world: &mut World, edit: impl FnOnce(&mut Spec)) -> Vec<String> {
    paths_with(world, false, edit)
}

/// An edit of everything that is fixed, beside one that is not.
fn everything(spec: &mut Spec) {
    spec.region = Some("eu-west-1".into());
    spec.network.vpc_id = Some("vpc-2".into());
    spec.load_balancer.name = Some("other".into());
    spec.load_balancer.scheme = Scheme::Internal;
    spec.security_groups.load_balancer.name = Some("other-alb".into());
    spec.security_groups.instances.name = Some("other-instances".into());
    spec.services[0].target_group_name = Some("shop-web-6bdbe364".into());
    spec.services[0].port = 9090;
    spec.instances.user_data = Some("#!/bin/sh".into());
}

#[test]
fn every_fixed_field_that_an_edit_changes_is_named_at_once() {
    let expected = [
        "spec.region",
        "spec.network.vpcId",
        "spec.loadBalancer.name",
        "spec.loadBalancer.scheme",
        "spec.securityGroups.loadBalancer.name",
        "spec.securityGroups.instances.name",
        "spec.services[0].port",
    ];
    assert_eq!(paths(&mut World::healthy(2), everything), expected);
}

#[test]
fn nothing_is_fixed_before_anything_stands() {
    let mut world = World::empty(2);
    world.record.status.revision = 1;
    assert_eq!(paths(&mut world, everything), Vec::<String>::new());
    // What may come to exist does so in one place.
    world.record.status.network = World::healthy(1).record.status.network;
    assert_eq!(paths(&mut world, everything), Vec::<String>::new());
    assert_eq!(paths_with(&mut world, true, everything), ["spec.region", "spec.network.vpcId"]);
}

#[test]
fn the_same_in_other_words_is_no_edit_of_what_is_fixed() {
    let same = |spec: &mut Spec| {
        spec.region = Some("us-east-2".into());
        spec.load_balancer.name = Some("shop-alb".into());
        spec.network.vpc_id = Some("vpc-1".into());
        spec.security_groups.instances.name = Some("shop-instance-sg".into());
        spec.services[0].target_group_name = Some("shop-web-6bdbe364".into());
    };
    assert_eq!(paths(&mut World::healthy(2), same), Vec::<String>::new());
    // Another port gets a group of its own name.
    assert_eq!(paths(&mut World::healthy(2), |spec| spec.services[0].port = 9090), Vec::<String>::new());
}

#[test]
fn a_record_that_drops_its_vpc_means_the_default_one() {
    let mut world = World::healthy(2);
    assert_eq!(paths(&mut world, |_| {}), Vec::<String>::new(), "it stands in the default one");
    world.record.status.network.as_mut().unwrap().is_default = Some(false);
    assert_eq!(paths(&mut world, |_| {}), ["spec.network.vpcId"]);
    world.record.status.network.as_mut().unwrap().is_default = None;
    assert_eq!(paths(&mut world, |_| {}), Vec::<String>::new(), "a status of before does not know");
}

#[test]
fn what_is_in_force_is_never_taken_out_of_force() {
    let mut world = World::healthy(2).edited(everything);
    let plan = world.pass();
    world.store(&plan);
    let (status, spec) = (&world.record.status, world.record.spec.as_ref().unwrap());
    assert_eq!(refused("shop", &status.spec_hash, spec, status, false), []);
    assert_ne!(refused("shop", "hash-of-another", spec, status, false), []);
}

#[test]
fn a_refused_edit_says_so_and_what_stays_in_force() {
    let mut world = World::healthy(2);
    world.record.generation = 2;
    world.record.spec_hash = "hash-2".into();
    world.record.stored = Stored::Refused(vec!["spec.region: it is us-east-2".into()]);
    let plan = world.pass();
    assert_eq!(plan.actions, [], "{plan}");
    let condition = |kind| plan.status.condition(kind).unwrap();
    let valid = condition(ConditionType::SpecValid);
    assert_eq!((valid.status, valid.reason), (Truth::False, Reason::ImmutableField));
    let says = "spec.region: it is us-east-2\nrevision 1 stays in force, and nothing of this edit is applied";
    assert_eq!(valid.message, says);
    let ready = condition(ConditionType::Ready);
    assert_eq!((ready.status, ready.reason), (Truth::False, Reason::ImmutableField));
    assert_eq!(condition(ConditionType::InSync).status, Truth::True, "with what is in force");
}
