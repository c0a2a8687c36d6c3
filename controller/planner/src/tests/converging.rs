use aws_api::ec2::{InstanceState, SecurityGroup};
use aws_api::id::{ListenerArn, SecurityGroupId, VpcId};
use aws_api::{ErrorKind, ResourceId, Tags};
use insta::assert_snapshot;

use super::world::*;
use crate::outcome::{Fault, Outcome};
use crate::reason::Reason;
use crate::record::GroupRole;
use crate::status::{ConditionType, Truth};

pub(super) fn made(action: &crate::action::Action) -> Outcome {
    let id = action.id.0.as_str();
    Outcome::Done(match id {
        "create-group/load-balancer" => Some(ResourceId::SecurityGroup(group_id(GroupRole::LoadBalancer))),
        "create-group/instances" => Some(ResourceId::SecurityGroup(group_id(GroupRole::Instances))),
        "create-load-balancer" => Some(ResourceId::LoadBalancer(alb())),
        "create-listener/80" => Some(ResourceId::Listener(ListenerArn::parse(LISTENER).unwrap())),
        "launch/1" => Some(ResourceId::Instance(instance_id(1))),
        "launch/2" => Some(ResourceId::Instance(instance_id(2))),
        _ if id.starts_with("create-target-group/") => Some(ResourceId::TargetGroup(target_group())),
        _ => None,
    })
}

#[test]
fn from_nothing_everything_is_made_in_one_plan() {
    assert_snapshot!(World::empty(2).planned());
}

#[test]
fn what_was_made_is_recorded_and_its_intents_are_closed() {
    let mut world = World::empty(2);
    let plan = world.pass();
    let conclusion = world.concluded(&plan, made);
    assert_eq!(conclusion.closed.len(), 7);
    let status = &conclusion.status;
    assert_eq!(status.security_groups.load_balancer, Some(group_id(GroupRole::LoadBalancer)));
    assert_eq!(status.load_balancer.as_ref().unwrap().arn, alb());
    assert_eq!(status.target_groups[0].arn, target_group());
    assert_eq!(status.listeners[0].port, 80);
    assert_eq!(status.instances.iter().map(|member| member.slot).collect::<Vec<_>>(), [1, 2]);
    assert_ne!(status.instances[0].zone, status.instances[1].zone, "members are spread over zones");
}

#[test]
fn what_was_made_and_is_not_yet_visible_is_not_made_again() {
    let mut world = World::empty(2);
    let plan = world.pass();
    world.record.status = world.concluded(&plan, made).status;
    let mut world = world.after(5);
    let plan = world.pass();
    assert_eq!(plan.actions, [], "{plan}");
    assert!(plan.to_string().contains("to be seen or believed gone"), "{plan}");
}

#[test]
fn a_healthy_environment_is_ready_and_wants_nothing() {
    let mut world = World::healthy(2);
    let plan = world.pass();
    assert_eq!(plan.to_string(), "");
    let ready = plan.status.condition(ConditionType::Ready).unwrap();
    assert_eq!((ready.status, ready.reason), (Truth::True, Reason::AllHealthy));
    assert_eq!(plan.status, world.record.status, "a quiet pass leaves the status as it is");
}

#[test]
fn a_running_member_that_was_never_registered_is_registered_at_once() {
    let mut world = World::healthy(2);
    world.targets().clear();
    world.memory = crate::memory::Memory::default();
    assert_snapshot!(world.planned(), @"~ register/shop-web-6bdbe364               NotYetMade: i-1, i-2 not in shop-web-6bdbe364");
}

#[test]
fn a_pending_member_is_waited_for_and_not_registered() {
    let mut world = World::healthy(2).state(2, InstanceState::Pending);
    world.targets().retain(|target| target.id != "i-2");
    assert_snapshot!(world.planned(), @"? slot 2 (i-2) to be running");
}

#[test]
fn a_name_taken_by_somebody_else_is_held_and_named() {
    let mut world = World::empty(2);
    let group = SecurityGroup {
        id: SecurityGroupId::parse("sg-other").unwrap(),
        name: "shop-alb-sg".into(),
        vpc: VpcId::parse("vpc-1").unwrap(),
        ingress: Default::default(),
        egress: Default::default(),
        tags: Tags::new(),
    };
    world.groups().push(group);
    let plan = world.pass();
    assert!(!ids(&plan).iter().any(|id| id.contains("load-balancer")), "{plan}");
    let ready = plan.status.condition(ConditionType::LoadBalancerReady).unwrap();
    assert_eq!(ready.reason, Reason::NameTaken);
    assert!(ready.message.contains("set spec.securityGroups.loadBalancer.name"), "{}", ready.message);
}

#[test]
fn a_missing_image_is_named_and_nothing_is_launched_or_terminated_for_it() {
    let mut world = World::healthy(2).edited(|spec| spec.image.ami_id = Some("ami-0fffffffffffffff0".into()));
    world.observed.image = crate::observed::Part::Seen(None);
    let plan = world.pass();
    assert_eq!(plan.actions, [], "{plan}");
    let image = plan.status.condition(ConditionType::ImageAvailable).unwrap();
    assert_eq!((image.status, image.reason), (Truth::False, Reason::ImageMissing));
    assert!(image.message.contains("ami-0fffffffffffffff0"));
}

#[test]
fn a_zone_without_capacity_gives_way_to_another_zone() {
    let mut world = World::empty(1);
    let first = world.pass();
    let zone =
        |plan: &crate::action::Plan| plan.actions.iter().find(|a| a.id.0 == "launch/1").unwrap().why.message.clone();
    assert!(zone(&first).contains("us-east-2a"), "{first}");
    let conclusion = world.concluded(&first, |action| match action.id.0.as_str() {
        "launch/1" => Outcome::Failed(Fault {
            operation: "RunInstances".into(),
            iam_action: "ec2:RunInstances".into(),
            kind: ErrorKind::Capacity,
            code: Some("InsufficientInstanceCapacity".into()),
            message: "none".into(),
            definite: true,
        }),
        _ => made(action),
    });
    assert!(conclusion.closed.iter().any(|closed| closed.made.is_none()), "a definite rejection closes the intent");
    let mut world = world.after(10);
    let second = world.pass();
    assert!(zone(&second).contains("us-east-2b"), "{second}");
}

#[test]
fn subnets_in_one_zone_are_refused() {
    let mut world = World::empty(2);
    seen(&mut world.observed.subnets).truncate(1);
    let plan = world.pass();
    assert_eq!(plan.actions, []);
    assert_eq!(plan.status.condition(ConditionType::NetworkReady).unwrap().reason, Reason::TooFewZones);
}

#[test]
fn a_graph_that_shrank_without_an_edit_is_refused() {
    let mut world = World::healthy(2);
    seen(&mut world.observed.subnets).retain(|subnet| subnet.zone.0 != "us-east-2c");
    let plan = world.pass();
    assert_eq!(plan.actions, [], "{plan}");
    let network = plan.status.condition(ConditionType::NetworkReady).unwrap();
    assert_eq!(network.reason, Reason::WantedGraphShrank);
    assert!(network.message.contains("zone us-east-2c"), "{}", network.message);
}

#[test]
fn the_same_graph_after_an_edit_is_accepted() {
    let mut world = World::healthy(2).edited(|spec| spec.healing.max_terminations_per_hour = 3);
    seen(&mut world.observed.subnets).retain(|subnet| subnet.zone.0 != "us-east-2c");
    let text = world.planned();
    assert!(text.contains("set-subnets"), "{text}");
}
