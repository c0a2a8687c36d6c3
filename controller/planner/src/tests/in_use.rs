//! Who holds what AWS would not delete: asked after the refusal, named with what to do, and not asked otherwise.

use aws_api::ec2::{NetworkInterface, Peer, SecurityGroup};
use aws_api::id::{InstanceId, NetworkInterfaceId, SecurityGroupId, VpcId};
use aws_api::{ErrorKind, Ref, ResourceId, Tags};

use super::world::*;
use crate::action::{Action, Plan};
use crate::observed::Part;
use crate::observed::Usage;
use crate::outcome::{Fault, Outcome};
use crate::reason::Reason;
use crate::record::GroupRole;
use crate::status::{ConditionType, WaitOn};

fn refused(code: &str) -> Outcome {
    Outcome::Failed(Fault {
        operation: "DeleteSecurityGroup".into(),
        iam_action: "ec2:DeleteSecurityGroup".into(),
        kind: ErrorKind::Conflict,
        code: Some(code.into()),
        message: "resource sg-inst has a dependent object".into(),
        definite: true,
    })
}

/// A teardown that has come to its groups, of which AWS refuses to delete the instances'.
fn refusing(code: &str) -> World {
    let mut world = World::healthy(1);
    world.record.deleting = true;
    world.record.status.instances.clear();
    world.record.status.load_balancer = None;
    world.record.status.listeners.clear();
    world.record.status.target_groups.clear();
    seen(&mut world.observed.instances).clear();
    seen(&mut world.observed.load_balancers).clear();
    seen(&mut world.observed.target_groups).clear();
    let plan = world.pass();
    assert!(ids(&plan).contains("delete-group/instances"), "{plan}");
    let is_of_instances = |action: &Action| action.id.0 == "delete-group/instances";
    world.concluded(&plan, |action| {
        if is_of_instances(action) { refused(code) } else { Outcome::NotTried("it depends on it".into()) }
    });
    world
}

fn ours() -> ResourceId {
    ResourceId::SecurityGroup(group_id(GroupRole::Instances))
}

fn asks(world: &World) -> Vec<ResourceId> {
    world.memory.refusals.to_ask(world.now).cloned().collect()
}

/// A pass that was told who uses it.
fn told(world: &mut World, groups: Vec<SecurityGroup>, interfaces: Vec<NetworkInterface>) -> Plan {
    let usage = Usage {
        groups: Part::Seen(groups),
        interfaces: Part::Seen(interfaces),
        listeners: Part::Unread("it is no target group".into()),
    };
    world.observed.usage.insert(ours(), usage);
    let plan = world.pass();
    world.observed.usage.clear();
    plan
}

fn theirs() -> SecurityGroup {
    let peer = Peer::Group(Ref::Id(group_id(GroupRole::Instances)));
    SecurityGroup {
        id: SecurityGroupId::parse("sg-theirs").unwrap(),
        name: "redis".into(),
        vpc: VpcId::parse("vpc-1").unwrap(),
        ingress: [rule(6379, peer)].into(),
        egress: Default::default(),
        tags: [("Name".to_owned(), "shared redis".to_owned())].into(),
    }
}

fn interface(description: &str, instance: Option<&str>, requester_managed: bool) -> NetworkInterface {
    NetworkInterface {
        id: NetworkInterfaceId::parse("eni-1").unwrap(),
        description: description.into(),
        groups: [group_id(GroupRole::Instances), SecurityGroupId::parse("sg-other").unwrap()].into(),
        instance: instance.map(|id| InstanceId::parse(id).unwrap()),
        requester_managed,
        tags: Tags::new(),
    }
}

fn said(plan: &Plan) -> Option<(WaitOn, &str)> {
    plan.waiting_for.iter().find(|wait| wait.what.contains("is used by")).map(|wait| (wait.on, wait.what.as_str()))
}

#[test]
fn nobody_is_asked_about_before_a_refusal_or_after_another_failure() {
    assert_eq!(asks(&World::healthy(1)), []);
    assert_eq!(asks(&refusing("InternalError")), []);
    assert_eq!(asks(&refusing("DependencyViolation")), [ours()]);
}

#[test]
fn a_rule_of_somebodys_group_is_named_with_the_call_that_takes_it_away() {
    let mut world = refusing("DependencyViolation");
    let plan = told(&mut world, vec![theirs()], Vec::new());
    let (on, words) = said(&plan).unwrap();
    assert_eq!(on, WaitOn::Person);
    assert_eq!(
        words,
        "sg-inst is used by the ingress rule tcp 6379 sg-inst of security group sg-theirs (redis, Name shared redis); \
         to let go: aws ec2 revoke-security-group-ingress --group-id sg-theirs --ip-permissions \
         'IpProtocol=tcp,FromPort=6379,ToPort=6379,UserIdGroupPairs=[{GroupId=sg-inst}]'"
    );
    let ready = plan.status.condition(ConditionType::Ready).unwrap();
    assert_eq!((ready.reason, ready.message.as_str()), (Reason::Deleting, words));
    assert!(
        plan.noticed.iter().any(|(_, why)| why.reason == Reason::InUse && why.message == words),
        "an event tells it"
    );
    assert_eq!(asks(&world), [], "it was asked a moment ago");
    let again = world.pass();
    assert_eq!(said(&again).unwrap().1, words, "it is said on");
    assert!(again.noticed.is_empty(), "and told once");
    let mut world = world.after(super::super::held::ASK_EVERY.as_secs());
    assert_eq!(asks(&world), [ours()]);
    assert_eq!(said(&told(&mut world, Vec::new(), Vec::new())), None, "nobody holds it any more");
}

#[test]
fn interfaces_are_named_with_what_they_are_attached_to() {
    let words = |interface: NetworkInterface| {
        let plan = told(&mut refusing("DependencyViolation"), Vec::new(), vec![interface]);
        said(&plan).map(|(on, words)| (on, words.to_owned())).unwrap()
    };
    let (on, theirs) = words(interface("", Some("i-theirs"), false));
    assert_eq!(on, WaitOn::Person);
    assert!(theirs.contains("network interface eni-1, attached to i-theirs"), "{theirs}");
    assert!(
        theirs.ends_with("modify-network-interface-attribute --network-interface-id eni-1 --groups sg-other"),
        "{theirs}"
    );
    let (on, elsewhere) = words(interface("ELB app/blog-alb/1", None, true));
    assert_eq!(on, WaitOn::Person, "somebody else's load balancer has the group: {elsewhere}");
    assert!(elsewhere.contains("eni-1 (ELB app/blog-alb/1)"), "{elsewhere}");
    let (on, lingers) = words(interface("ELB app/shop-alb/1", None, true));
    assert_eq!(on, WaitOn::Time, "{lingers}");
    assert!(lingers.contains("which AWS takes away by itself"), "{lingers}");
}

#[test]
fn what_was_not_read_whole_names_nobody() {
    let mut world = refusing("DependencyViolation");
    let unread = || Part::Unread("throttled".to_owned());
    let usage = Usage { groups: unread(), interfaces: Part::Seen(Vec::new()), listeners: Part::Unread(String::new()) };
    world.observed.usage.insert(ours(), usage);
    assert_eq!(said(&world.pass()), None);
    assert_eq!(asks(&world), [ours()], "it is asked again");
}
