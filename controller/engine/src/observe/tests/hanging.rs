//! What hangs on other things: rules on listeners, volumes on instances.

use aws_api::ec2::{NetworkInterface, Peer, Rule};
use aws_api::elbv2::ListenerAction;
use aws_api::id::{NetworkInterfaceId, RuleArn, VolumeId};
use aws_api::{Ref, ResourceId};

use super::*;

fn rule(priority: u32) -> ListenerRule {
    let arn = RuleArn::parse(format!("arn:rule/{priority}")).unwrap();
    ListenerRule { arn, priority, conditions: vec!["path-pattern /*".into()], actions: Vec::new() }
}

#[test]
fn rules_are_read_of_every_listener_of_a_recorded_load_balancer_and_of_nobody_elses() {
    let scene = Scene::new(&["a", "b"]);
    let mut second = listener("a");
    second.arn = ListenerArn::parse("arn:listener/a2").unwrap();
    let mut world = scene.cloud.world.borrow_mut();
    world.listeners.push(second.clone());
    world.rules = vec![(listener_arn("a"), rule(1)), (listener_arn("a"), rule(2)), (second.arn.clone(), rule(3))];
    world.tags.insert(ElbTaggable::Listener(second.arn.clone()), Tags::new());
    drop(world);
    scene.cloud.page_size.set(1);
    let seen = scene.observe_one(lookups("a"));
    assert_eq!(seen.gaps(), []);
    assert_eq!(seen.rules_of(&listener_arn("a")).unwrap(), [rule(1), rule(2)]);
    assert_eq!(seen.rules_of(&second.arn).unwrap(), [rule(3)], "it is found in a second round");
    let unrecorded = scene.observe_one(lookups_by_name("a"));
    assert!(unrecorded.rules.is_empty(), "whose load balancer that is, is not known");
}

#[test]
fn a_listener_that_is_gone_has_no_rules_and_one_that_is_shown_elsewhere_has_some_that_were_not_read() {
    let scene = Scene::new(&["a"]);
    scene.cloud.world.borrow_mut().listeners.clear();
    let mut gone = lookups("a");
    gone.tagged.remove(&ElbTaggable::Listener(listener_arn("a")));
    assert_eq!(scene.observe_one(gone).rules_of(&listener_arn("a")), Some(&[][..]));
    let scene = Scene::new(&["a"]);
    let error = CloudError::coded(DescribeRules, "ListenerNotFound", "no such thing");
    scene.cloud.fails.borrow_mut().insert(DescribeRules, error);
    let seen = scene.observe_one(lookups("a"));
    assert!(seen.rules_of(&listener_arn("a")).is_none());
    assert_eq!(seen.gaps().iter().map(|(what, _)| *what).collect::<Vec<_>>(), ["listener rules"]);
}

#[test]
fn volumes_are_asked_for_where_they_are_looked_for_and_nowhere_else() {
    let scene = Scene::new(&["a"]);
    let of = |number| instance_id("a", number);
    let volume =
        |id: &str, number| Volume { id: VolumeId::parse(id).unwrap(), instance: of(number), tags: Tags::new() };
    scene.cloud.world.borrow_mut().volumes = vec![volume("vol-1", 1), volume("vol-2", 1), volume("vol-3", 2)];
    assert!(scene.observe_one(lookups("a")).volumes.is_empty());
    assert_eq!(count(&scene.cloud.take_operations(), DescribeVolumes), 0);
    let seen = scene.observe_one(Lookups { volumes: [of(1), of(2)].into(), ..lookups("a") });
    assert_eq!(seen.volumes[&of(1)].seen().unwrap().len(), 2);
    assert_eq!(seen.volumes[&of(2)].seen().unwrap(), &[volume("vol-3", 2)]);
    assert_eq!(count(&scene.cloud.take_operations(), DescribeVolumes), 1);
}

/// A group of somebody's with a rule that refers to the instances' group of environment `a`.
fn referring(way: &str) -> SecurityGroup {
    let peer = Peer::Group(Ref::Id(group("a", "instance").id));
    let rule = Rule { protocol: "tcp".into(), from: Some(1), to: Some(1), peer };
    let mut theirs = group("theirs", way);
    if way == "ingress" { &mut theirs.ingress } else { &mut theirs.egress }.insert(rule);
    theirs
}

#[test]
fn who_uses_a_group_is_asked_for_where_it_is_looked_for_and_nowhere_else() {
    let scene = Scene::new(&["a"]);
    let ours = group("a", "instance").id;
    let interface = NetworkInterface {
        id: NetworkInterfaceId::parse("eni-1").unwrap(),
        description: String::new(),
        groups: [ours.clone()].into(),
        instance: None,
        requester_managed: false,
        tags: Tags::new(),
    };
    let mut world = scene.cloud.world.borrow_mut();
    world.groups.extend([referring("ingress"), referring("egress"), group("theirs", "unrelated")]);
    world.interfaces = vec![interface.clone()];
    drop(world);
    assert!(scene.observe_one(lookups("a")).usage.is_empty());
    assert_eq!(count(&scene.cloud.take_operations(), DescribeNetworkInterfaces), 0);
    let made = ResourceId::SecurityGroup(ours);
    let seen = scene.observe_one(Lookups { usage: [made.clone()].into(), ..lookups("a") });
    let usage = &seen.usage[&made];
    assert_eq!(usage.groups.seen().unwrap(), &[referring("egress"), referring("ingress")]);
    assert_eq!(usage.interfaces.seen().unwrap(), &[interface]);
    assert_eq!(seen.gaps(), []);
}

#[test]
fn who_uses_a_target_group_is_found_on_the_load_balancer_that_it_names() {
    let scene = Scene::new(&["a", "b"]);
    let action = ListenerAction::Forward { groups: vec![(group_arn("a"), 1)], sticky: false };
    let theirs = ListenerRule { actions: vec![action], ..rule(5) };
    let mut world = scene.cloud.world.borrow_mut();
    world.target_groups[0].load_balancers = vec![balancer_arn("b")];
    world.rules = vec![(listener_arn("b"), theirs.clone())];
    drop(world);
    let made = ResourceId::TargetGroup(group_arn("a"));
    let seen = scene.observe_one(Lookups { usage: [made.clone()].into(), ..lookups("a") });
    assert_eq!(seen.usage[&made].listeners.seen().unwrap(), &[(listener("b"), vec![theirs])]);
}
