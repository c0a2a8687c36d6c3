//! What `Ready` says of an environment that holds: which condition, why, and what would let it go on.

use aws_api::ec2::{InstanceState, SecurityGroup};
use aws_api::elbv2::TargetHealth;
use aws_api::id::{SecurityGroupId, VpcId};
use aws_api::{ErrorKind, Tags};

use super::world::*;
use crate::outcome::{Fault, Outcome};
use crate::reason::Reason;
use crate::status::{ConditionType, Truth};

fn ready(world: &mut World) -> String {
    let plan = world.pass();
    let ready = plan.status.condition(ConditionType::Ready).unwrap();
    assert_eq!(ready.status, Truth::False, "{}", ready.message);
    // Whatever holds is in the plan, too.
    for why in plan.blocked.iter() {
        assert!(ready.message.contains(&why.message), "{} lacks {}", ready.message, why.message);
    }
    assert!(!plan.blocked.is_empty());
    format!("{}: {}", ready.reason, ready.message)
}

fn somebodys() -> SecurityGroup {
    SecurityGroup {
        id: SecurityGroupId::parse("sg-other").unwrap(),
        name: "shop-alb-sg".into(),
        vpc: VpcId::parse("vpc-1").unwrap(),
        ingress: Default::default(),
        egress: Default::default(),
        tags: Tags::new(),
    }
}

#[test]
fn the_condition_that_holds_is_named_with_its_reason_and_what_would_release_it() {
    // Each is the one thing that holds it.
    type Break = fn(&mut World);
    let holds: [(fn() -> World, Break); 8] = [
        (|| World::empty(2), |world| *seen(&mut world.observed.image) = None),
        (|| World::empty(2), |world| seen(&mut world.observed.image).as_mut().unwrap().state = "pending".into()),
        (|| World::empty(2), |world| seen(&mut world.observed.subnets).truncate(1)),
        (|| World::empty(2), |world| seen(&mut world.observed.subnets).clear()),
        (|| World::empty(2), |world| seen(&mut world.observed.offerings).clear()),
        (|| World::empty(2), |world| world.groups().push(somebodys())),
        (|| World::healthy(2).unhealthy_for(1, 600).unhealthy_for(2, 600), |_| {}),
        (
            || World::healthy(2),
            |world| {
                world.record.status.wanted.revision = world.record.revision;
                world.record.status.wanted.resources.insert("listener 81".into());
            },
        ),
    ];
    let said = holds.map(|(world, break_it)| {
        let mut world = world();
        break_it(&mut world);
        ready(&mut world)
    });
    insta::assert_snapshot!(said.join("\n"));
}

fn refused(kind: ErrorKind, code: &str) -> World {
    let mut world = World::healthy(2).state(1, InstanceState::Terminated).health(1, TargetHealth::Unused, "");
    let plan = world.pass();
    world.store(&plan);
    world.concluded(&plan, |action| {
        if !action.id.0.starts_with("launch/") {
            return Outcome::Done(None);
        }
        Outcome::Failed(Fault {
            operation: "RunInstances".into(),
            iam_action: "ec2:RunInstances".into(),
            kind,
            code: Some(code.into()),
            message: "words of AWS".into(),
            definite: true,
        })
    });
    world
}

#[test]
fn what_aws_refused_holds_and_is_named() {
    let said = [(ErrorKind::Invalid, "InvalidKeyPair.NotFound"), (ErrorKind::Capacity, "InsufficientInstanceCapacity")]
        .map(|(kind, code)| ready(&mut refused(kind, code)));
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn a_pause_is_the_reason_though_all_is_well() {
    let mut world = World::healthy(2).edited(|spec| spec.paused = true);
    let plan = world.pass();
    let ready = plan.status.condition(ConditionType::Ready).unwrap();
    assert_eq!((ready.status, ready.reason), (Truth::True, Reason::Paused));
    assert_eq!(ready.message, "2 of 2 healthy; nothing is changed while spec.paused is true");
    world.record.deleting = true;
    let plan = world.pass();
    let ready = plan.status.condition(ConditionType::Ready).unwrap();
    assert_eq!((ready.reason, ready.message.as_str()), (Reason::Deleting, "to be torn down once spec.paused is false"));
}

#[test]
fn no_edit_that_changes_anything_in_aws_is_ready_in_the_pass_that_first_sees_it() {
    type Edit = fn(&mut crds_schema::Spec);
    let edits: [(&str, Edit); 8] = [
        ("count", |spec| spec.instances.count = 3),
        ("image", |spec| spec.image.ami_id = Some("ami-0fffffffffffffff0".into())),
        ("user data", |spec| spec.instances.user_data = Some("#!/bin/sh\n".into())),
        ("port", |spec| spec.services[0].port = 9090),
        ("health check", |spec| spec.services[0].health_check.path = "/other".into()),
        ("access", |spec| spec.access.load_balancer.clear()),
        ("listener", |spec| spec.load_balancer.listeners[0].port = 8081),
        ("tags", |spec| drop(spec.tags.insert("CostCenter".into(), "42".into()))),
    ];
    for (what, edit) in edits {
        let mut world = World::healthy(2);
        let plan = world.pass();
        world.store(&plan);
        assert_eq!(plan.status.condition(ConditionType::Ready).unwrap().status, Truth::True);
        let plan = world.edited(edit).pass();
        assert_ne!(plan.status.condition(ConditionType::Ready).unwrap().status, Truth::True, "{what}: {plan}");
    }
}
