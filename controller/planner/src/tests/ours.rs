//! What is ours and what is not, and what was fixed when it was made (promises I3, I5 and I7).

use std::collections::BTreeSet;

use aws_api::Tags;
use aws_api::ec2::{InstanceState, Peer, SecurityGroup};
use aws_api::elbv2::ElbTaggable;
use aws_api::id::{LoadBalancerArn, SecurityGroupId, SubnetId, TargetGroupArn, VpcId};

use super::world::*;
use crate::action::Does;
use crate::observed::Part;
use crate::outcome::Outcome;
use crate::ownership::{TAG_INTENT, TAG_UID};
use crate::reason::Reason;
use crate::record::GroupRole;
use crate::status::{ConditionType, Origin};

fn copy_of_a_group(uid: &str, intent: &str) -> SecurityGroup {
    SecurityGroup {
        id: SecurityGroupId::parse("sg-copy").unwrap(),
        name: "shop-alb-sg".into(),
        vpc: VpcId::parse("vpc-1").unwrap(),
        ingress: Default::default(),
        egress: Default::default(),
        tags: [(TAG_UID.to_owned(), uid.to_owned()), (TAG_INTENT.to_owned(), intent.to_owned())].into(),
    }
}

fn retained(count: u32) -> World {
    let mut world =
        World::healthy(count).edited(|spec| spec.deletion_policy = crds_schema::spec::DeletionPolicy::Retain);
    world.record.deleting = true;
    world
}

fn reason(plan: &crate::action::Plan, kind: ConditionType) -> Reason {
    plan.status.condition(kind).unwrap().reason
}

#[test]
fn what_lacks_our_uid_or_an_open_intents_tag_is_not_ours() {
    let recorded = |uid: &str, tag: Option<&str>| {
        let mut world = World::empty(1);
        let plan = world.pass();
        let Does::Create(intent) = &plan.actions[0].does else { panic!("{plan}") };
        world.store(&plan);
        world.record.intents.push((**intent).clone());
        world.groups().push(copy_of_a_group(uid, tag.unwrap_or(intent.id.as_str())));
        world.pass().status.security_groups.load_balancer
    };
    assert_eq!(recorded("env-1", None), Some(SecurityGroupId::parse("sg-copy").unwrap()));
    assert_eq!(recorded("env-2", None), None, "it is another environment's");
    assert_eq!(recorded("env-1", Some("in-closed")), None, "no open intent made it");
}

#[test]
fn a_member_that_was_adopted_is_never_terminated() {
    let mut world = World::healthy(3);
    world.status(3).origin = Origin::Adopted;
    let mut world = world.edited(|spec| spec.instances.count = 2);
    let plan = world.pass();
    assert_eq!(plan.actions, [], "{plan}");
    assert!(plan.left_alone.iter().any(|left| left.resource == "i-3" && left.reason == Reason::NotOurs), "{plan}");
}

#[test]
fn a_load_balancer_or_target_group_of_somebody_else_is_named_and_left_alone() {
    let theirs = World::healthy(1).observed;
    let mut world = World::empty(1);
    world.observed.load_balancers = theirs.load_balancers;
    seen(&mut world.observed.tags).insert(ElbTaggable::LoadBalancer(alb()), Tags::new());
    let plan = world.pass();
    assert!(!ids(&plan).contains("create-load-balancer"), "{plan}");
    assert_eq!(reason(&plan, ConditionType::LoadBalancerReady), Reason::NameTaken);
    let mut world = World::empty(1);
    world.observed.target_groups = theirs.target_groups;
    seen(&mut world.observed.tags).insert(ElbTaggable::TargetGroup(target_group()), Tags::new());
    let plan = world.pass();
    assert!(!ids(&plan).iter().any(|id| id.starts_with("create-target-group/")), "{plan}");
    assert_eq!(reason(&plan, ConditionType::LoadBalancerReady), Reason::NameTaken);
}

#[test]
fn retain_leaves_the_tags_of_copies_alone() {
    let mut world = retained(1);
    world.groups().push(copy_of_a_group("env-1", "in-closed"));
    let copy = ElbTaggable::LoadBalancer(LoadBalancerArn::parse("arn:copy").unwrap());
    let tags = world.group(GroupRole::LoadBalancer).tags.clone();
    seen(&mut world.observed.tags).insert(copy, tags);
    let plan = world.pass();
    assert_eq!(plan.actions.len(), 6, "what is recorded: {plan}");
    assert!(plan.actions.iter().all(|action| !["sg-copy", "arn:copy"].contains(&action.resource.as_str())), "{plan}");
}

#[test]
fn retain_does_not_end_while_a_part_is_unread() {
    let mut world = retained(1);
    for role in GroupRole::BOTH {
        world.group(role).tags.clear();
    }
    world.instance(1).tags.clear();
    seen(&mut world.observed.tags).clear();
    let whole = world.observed.clone();
    world.observed.tags = Part::Unread("timeout".into());
    assert!(!world.pass().torn_down, "something may still carry our tags");
    world.observed = whole;
    assert!(world.pass().torn_down);
}

#[test]
fn a_damaged_record_plans_nothing() {
    let mut world = World::empty(2);
    world.record.status.damaged = true;
    let plan = world.pass();
    assert_eq!(plan.actions, [], "{plan}");
    assert_eq!(reason(&plan, ConditionType::Ready), Reason::RecordDamaged);
}

#[test]
fn what_was_deleted_and_is_still_shown_is_not_deleted_again() {
    let mut world = World::healthy(1);
    world.record.deleting = true;
    world.targets().clear();
    let deletes = |plan: &crate::action::Plan| ids(plan).iter().filter(|id| id.starts_with("delete-")).count();
    let plan = world.pass();
    assert_eq!(deletes(&plan), 2, "{plan}");
    world.record.status = world.concluded(&plan, |_| Outcome::Done(None)).status;
    let plan = world.pass();
    assert_eq!(deletes(&plan), 0, "{plan}");
    assert!(plan.to_string().contains("load balancer shop-alb to be gone"), "{plan}");
}

/// A second, older target group, which no listener uses any more.
fn with_a_replaced_group() -> (World, TargetGroupArn) {
    let mut world = World::healthy(2);
    let arn = TargetGroupArn::parse("arn:old").unwrap();
    let mut old = world.record.status.target_groups[0].clone();
    (old.arn, old.name) = (arn.clone(), "shop-old".into());
    let mut group = seen(&mut world.observed.target_groups)[0].clone();
    (group.arn, group.name) = (arn.clone(), old.name.clone());
    world.record.status.target_groups.push(old);
    seen(&mut world.observed.target_groups).push(group);
    world.observed.targets.insert(arn.clone(), Part::Seen(Vec::new()));
    // It was seen unused for long enough.
    world.pass();
    (world.after(crate::memory::ARRIVES_WITHIN.as_secs()), arn)
}

#[test]
fn a_replaced_target_group_is_kept_while_listeners_or_instances_are_unread() {
    let (mut world, _) = with_a_replaced_group();
    let plan = world.pass();
    assert!(ids(&plan).contains("delete-target-group/shop-old"), "no listener uses it: {plan}");
    let instances = std::mem::replace(&mut world.observed.instances, Part::Unread("timeout".into()));
    let plan = world.pass();
    assert!(
        !ids(&plan).contains("delete-target-group/shop-old"),
        "nothing goes while the instances are unread: {plan}"
    );
    world.observed.instances = instances;
    world.observed.listeners.insert(alb(), Part::Unread("timeout".into()));
    let plan = world.pass();
    assert!(!ids(&plan).contains("delete-target-group/shop-old"), "{plan}");
}

#[test]
fn the_ports_of_a_replaced_group_stay_open() {
    let (mut world, arn) = with_a_replaced_group();
    world.record.status.target_groups[1].port = 7070;
    seen(&mut world.observed.target_groups)[1].health_check.port = "9000".into();
    for port in [7070, 9000] {
        let peer = Peer::Group(aws_api::Ref::Id(group_id(GroupRole::LoadBalancer)));
        world.group(GroupRole::Instances).ingress.insert(rule(port, peer));
    }
    let plan = world.pass();
    assert_eq!(ids(&plan), ["delete-target-group/shop-old"].into(), "{plan}");
    world.record.status.target_groups.retain(|group| group.arn != arn);
    let plan = world.pass();
    assert_eq!(ids(&plan), ["revoke/instances/ingress"].into(), "{plan}");
}

#[test]
fn what_aws_fixed_is_kept_and_its_edit_refused() {
    let refused = |edit: &dyn Fn(&mut crds_schema::Spec)| {
        let mut world = World::healthy(2).edited(edit);
        let plan = world.pass();
        assert_eq!(plan.actions, [], "{plan}");
        let valid = plan.status.condition(ConditionType::SpecValid).unwrap();
        assert_eq!(valid.reason, Reason::ImmutableField, "{}", valid.message);
        valid.message.split(':').next().unwrap_or_default().to_owned()
    };
    assert_eq!(
        refused(&|spec| spec.load_balancer.scheme = crds_schema::spec::Scheme::Internal),
        "spec.loadBalancer.scheme"
    );
    assert_eq!(
        refused(&|spec| spec.security_groups.load_balancer.name = Some("other".into())),
        "spec.securityGroups.loadBalancer.name"
    );
    assert_eq!(
        refused(&|spec| spec.security_groups.instances.name = Some("other".into())),
        "spec.securityGroups.instances.name"
    );
    let same_name = |spec: &mut crds_schema::Spec| {
        spec.services[0].target_group_name = Some("shop-web-6bdbe364".into());
        spec.services[0].port = 9090;
    };
    assert_eq!(refused(&same_name), "spec.services[0].port");
}

#[test]
fn an_edit_of_the_vpc_moves_nothing() {
    let mut world = World::healthy(2).edited(|spec| spec.network.vpc_id = Some("vpc-2".into()));
    for subnet in seen(&mut world.observed.subnets) {
        subnet.vpc = VpcId::parse("vpc-2").unwrap();
        subnet.id = SubnetId::parse(format!("{}-2", subnet.id)).unwrap();
    }
    let plan = world.pass();
    assert_eq!(plan.actions, [], "{plan}");
    let valid = plan.status.condition(ConditionType::SpecValid).unwrap();
    assert!(valid.message.starts_with("spec.network.vpcId: it is vpc-1"), "{}", valid.message);
}

#[test]
fn what_stands_in_a_region_is_kept_there() {
    let west = |spec: &mut crds_schema::Spec| spec.region = Some("us-west-2".into());
    assert_eq!(World::empty(1).edited(west).record.region("eu-west-1"), "us-west-2", "it stands nowhere yet");
    let mut world = World::healthy(1).edited(west);
    assert_eq!(world.record.region("eu-west-1"), "us-east-2");
    let plan = world.pass();
    assert_eq!(plan.actions, [], "{plan}");
    let valid = plan.status.condition(ConditionType::SpecValid).unwrap();
    assert!(valid.message.starts_with("spec.region: it is us-east-2"), "{}", valid.message);
}

#[test]
fn a_dropped_tag_is_remembered_for_as_long_as_tags_are_unread() {
    let mut world = World::healthy(2);
    world.record.status.tag_keys = ["Team".to_owned()].into();
    let whole = world.observed.clone();
    world.observed.tags = Part::Unread("throttled".into());
    for _ in 0..3 {
        let plan = world.pass();
        assert!(plan.status.tag_keys.contains("Team"), "something may still carry it: {plan}");
        world.store(&plan);
        world = world.after(3600);
    }
    world.observed = whole;
    assert!(world.pass().status.tag_keys.is_empty(), "nothing carries it");
}

#[test]
fn a_dropped_tag_is_remembered_while_a_stopped_member_has_it() {
    let mut world = World::healthy(2).member(3, 'a').state(3, InstanceState::Stopped);
    world.spec().healing.max_terminations_per_hour = 0;
    world.record.status.tag_keys = ["Team".to_owned()].into();
    world.instance(3).tags.insert("Team".into(), "shop".into());
    for _ in 0..3 {
        let plan = world.pass();
        assert_eq!((ids(&plan), plan.status.tag_keys.contains("Team")), (BTreeSet::new(), true), "{plan}");
        world.store(&plan);
        world = world.after(3600);
    }
    world.instance(3).state = InstanceState::Running;
    let plan = world.pass();
    assert!(ids(&plan).contains("untag/i-3"), "it came back with the tag: {plan}");
}
