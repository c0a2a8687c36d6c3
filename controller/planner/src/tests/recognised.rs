//! What is looked for, what of it is recognised as ours or as gone, and what is said of it.

use std::collections::BTreeSet;

use aws_api::ec2::{InstanceState, SecurityGroup};
use aws_api::elbv2::ElbTaggable;
use aws_api::id::{IntentId, ListenerArn, LoadBalancerArn, SecurityGroupId, TargetGroupArn, VpcId};
use aws_api::{ResourceId, Tags};

use super::world::*;
use crate::action::{Does, Plan};
use crate::desired::Template;
use crate::lookup::{Lookups, lookups};
use crate::observed::Part;
use crate::ownership::{TAG_ENVIRONMENT, TAG_INTENT, TAG_UID};
use crate::reason::Reason;
use crate::record::{GroupRole, Intent};
use crate::status::{NetworkStatus, Status};

fn group_made(id: &str) -> ResourceId {
    ResourceId::SecurityGroup(SecurityGroupId::parse(id).unwrap())
}

fn listener(arn: &str) -> ResourceId {
    ResourceId::Listener(ListenerArn::parse(arn).unwrap())
}

fn noticed(plan: &Plan) -> BTreeSet<(&str, Reason)> {
    plan.noticed.iter().map(|(resource, why)| (resource.as_str(), why.reason)).collect()
}

fn left_alone<'p>(plan: &'p Plan, resource: &str) -> Vec<&'p str> {
    plan.left_alone.iter().filter(|left| left.resource == resource).map(|left| left.message.as_str()).collect()
}

/// Sends every create of a plan whose id begins so; all replies are lost.
fn lost(world: &mut World, creates: &[&str]) -> Vec<Intent> {
    let plan = world.pass();
    world.store(&plan);
    let mut sent = Vec::new();
    for action in &plan.actions {
        if let Does::Create(intent) = &action.does
            && creates.iter().any(|create| action.id.0.starts_with(create))
        {
            sent.push((**intent).clone());
            world.memory.note_unanswered(&intent.id, world.now);
        }
    }
    world.record.intents.extend(sent.clone());
    sent
}

fn tagged_by(intent: &Intent) -> Tags {
    [(TAG_UID.to_owned(), "env-1".to_owned()), (TAG_INTENT.to_owned(), intent.id.to_string())].into()
}

/// Reads the world twice; the third reading is the first that a loss is believed at.
fn believed_gone(mut world: World) -> World {
    for _ in 0..2 {
        let plan = world.pass();
        assert_eq!(noticed(&plan), [].into(), "it is not believed yet");
        world.store(&plan);
        world = world.after(150);
    }
    world
}

#[test]
fn exactly_what_is_recorded_and_wanted_is_looked_for() {
    let mut world = World::healthy(2);
    let template = Template::of(world.spec()).unwrap().hash();
    assert_eq!(world.status(1).template, template);
    world.status(2).template = "older".into();
    let listener = ListenerArn::parse(LISTENER).unwrap();
    let expected = Lookups {
        vpc: Some("vpc-1".into()),
        image: Some("ami-0123456789abcdef0".into()),
        types: vec!["t3.medium".into()],
        fallback: None,
        group_names: ["shop-alb-sg".into(), "shop-instance-sg".into()].into(),
        load_balancer_names: ["shop-alb".into()].into(),
        usage: Default::default(),
        listeners: [ListenerArn::parse(LISTENER).unwrap()].into(),
        volumes: [instance_id(1), instance_id(2)].into(),
        target_group_names: ["shop-web-6bdbe364".into()].into(),
        uid: "env-1".into(),
        instances: [instance_id(1), instance_id(2)].into(),
        profiles: [(instance_id(1), None)].into(),
        load_balancers: [alb()].into(),
        target_groups: [target_group()].into(),
        tagged: [
            ElbTaggable::LoadBalancer(alb()),
            ElbTaggable::TargetGroup(target_group()),
            ElbTaggable::Listener(listener),
        ]
        .into(),
    };
    assert_eq!(lookups(&world.record), expected);
    for state in [None, Some(InstanceState::Pending), Some(InstanceState::ShuttingDown)] {
        world.status(1).state = state;
        let of_the_other = Lookups { volumes: [instance_id(2)].into(), ..expected.clone() };
        assert_eq!(lookups(&world.record), of_the_other, "{state:?}: it shows none");
    }
    world.status(1).state = Some(InstanceState::Stopped);
    world.record.deleting = true;
    assert_eq!(lookups(&world.record), Lookups { profiles: Default::default(), ..expected }, "a profile is not set");
}

#[test]
fn what_is_wanted_is_looked_for_before_there_is_any() {
    let lookups = lookups(&World::empty(2).record);
    assert_eq!(lookups.group_names, ["shop-alb-sg".into(), "shop-instance-sg".into()].into());
    assert_eq!(lookups.load_balancer_names, ["shop-alb".into()].into());
    assert_eq!(lookups.target_group_names, ["shop-web-6bdbe364".into()].into());
}

#[test]
fn a_status_tells_what_it_records() {
    let status = World::healthy(1).record.status;
    let ours = [
        group_made("sg-alb"),
        ResourceId::LoadBalancer(alb()),
        ResourceId::TargetGroup(target_group()),
        listener(LISTENER),
        ResourceId::Instance(instance_id(1)),
    ];
    let others = [
        group_made("sg-2"),
        ResourceId::LoadBalancer(LoadBalancerArn::parse("arn:2").unwrap()),
        ResourceId::TargetGroup(TargetGroupArn::parse("arn:2").unwrap()),
        listener("arn:2"),
        ResourceId::Instance(instance_id(2)),
    ];
    assert!(ours.iter().all(|made| status.records(made)));
    assert!(!others.iter().any(|made| status.records(made)));
}

#[test]
fn a_status_that_records_one_thing_holds_something() {
    let full = World::healthy(1).record.status;
    let empty = World::empty(1).record.status;
    assert!(empty.holds_nothing());
    let only: [fn(&mut Status, Status); 4] = [
        |status, full| status.load_balancer = full.load_balancer,
        |status, full| status.target_groups = full.target_groups,
        |status, full| status.security_groups = full.security_groups,
        |status, full| status.instances = full.instances,
    ];
    for (nth, only) in only.iter().enumerate() {
        let mut status = empty.clone();
        only(&mut status, full.clone());
        assert!(!status.holds_nothing(), "the {nth}th alone");
    }
}

#[test]
fn a_network_is_pinned_while_something_stands_or_may_stand_in_it() {
    let mut world = World::empty(1);
    let network = NetworkStatus { vpc_id: VpcId::parse("vpc-1").unwrap(), region: None, is_default: None };
    world.record.status.network = Some(network.clone());
    assert_eq!(world.record.pinned(), None);
    lost(&mut world, &["create-group/"]);
    world.record.status.network = Some(network.clone());
    assert_eq!(world.record.pinned(), Some(&network), "a create may have made it");
    assert!(World::healthy(1).record.pinned().is_some());
}

#[test]
fn all_that_open_creates_made_is_recorded_and_settled_in_one_pass() {
    let mut world = World::empty(1);
    let sent = lost(&mut world, &["create-group/", "create-load-balancer", "create-target-group/", "launch/"]);
    assert_eq!(sent.len(), 5);
    let made = World::healthy(1);
    world.observed = made.observed;
    for role in GroupRole::BOTH {
        let intent = if role == GroupRole::LoadBalancer { &sent[0] } else { &sent[1] };
        world.group(role).tags = tagged_by(intent);
    }
    let intent = |start: &str| sent.iter().find(|intent| format!("{:?}", intent.makes).starts_with(start)).unwrap();
    let tags = seen(&mut world.observed.tags);
    tags.insert(ElbTaggable::LoadBalancer(alb()), tagged_by(intent("LoadBalancer")));
    tags.insert(ElbTaggable::TargetGroup(target_group()), tagged_by(intent("TargetGroup")));
    let member = intent("Member").clone();
    world.instance(1).tags = tagged_by(&member);
    world.instance(1).client_token = Some(member.id.to_string());
    let plan = world.pass();
    assert_eq!(plan.settled.len(), 5, "{plan}");
    let resources = ["sg-alb", "sg-inst", ALB, GROUP, "i-1"];
    assert_eq!(noticed(&plan), resources.map(|resource| (resource, Reason::Seen)).into());
    let status = &plan.status;
    let groups = &status.security_groups;
    assert_eq!(groups.names, made.record.status.security_groups.names);
    assert_eq!(groups.intents.values().collect::<Vec<_>>(), [&sent[0].id, &sent[1].id]);
    let (balancer, group) = (status.load_balancer.clone().unwrap(), &status.target_groups[0]);
    assert_eq!((balancer.arn, balancer.intent), (alb(), Some(intent("LoadBalancer").id.clone())));
    assert_eq!((&group.arn, &group.intent), (&target_group(), &Some(intent("TargetGroup").id.clone())));
    assert_eq!(status.listeners, made.record.status.listeners);
    assert_eq!(status.instances[0].intent, Some(member.id));
    assert_eq!(status.instances.iter().map(|member| &member.instance_id).collect::<Vec<_>>(), [&instance_id(1)]);
}

#[test]
fn what_carries_the_tag_of_another_kinds_intent_is_not_recorded() {
    let mut world = World::empty(1);
    let sent = lost(&mut world, &["create-group/load-balancer"]);
    let made = World::healthy(1);
    world.observed.load_balancers = made.observed.load_balancers;
    world.observed.target_groups = made.observed.target_groups;
    let tags = seen(&mut world.observed.tags);
    tags.insert(ElbTaggable::LoadBalancer(alb()), tagged_by(&sent[0]));
    tags.insert(ElbTaggable::TargetGroup(target_group()), tagged_by(&sent[0]));
    let plan = world.pass();
    assert_eq!((&plan.status.load_balancer, &plan.status.target_groups[..]), (&None, &[][..]));
    assert_eq!(plan.settled, []);
}

#[test]
fn two_groups_with_one_intents_tag_settle_it_once() {
    let mut world = World::empty(1);
    let sent = lost(&mut world, &["create-group/load-balancer"]);
    world.observed.groups = World::healthy(1).observed.groups;
    for role in GroupRole::BOTH {
        world.group(role).tags = tagged_by(&sent[0]);
    }
    assert_eq!(world.pass().settled, sent);
}

#[test]
fn of_two_groups_the_one_that_is_gone_is_forgotten_and_told() {
    let mut world = World::healthy(1);
    world.groups().retain(|group| group.id.as_str() != "sg-inst");
    let mut world = believed_gone(world);
    let plan = world.pass();
    assert_eq!(noticed(&plan), [("sg-inst", Reason::Vanished)].into());
    let groups = &plan.status.security_groups;
    assert_eq!((&groups.load_balancer, &groups.instances), (&Some(group_id(GroupRole::LoadBalancer)), &None));
    assert_eq!(groups.names.len(), 1);
    assert!(ids(&plan).contains("create-group/instances"), "{plan}");
}

#[test]
fn a_target_group_that_is_gone_is_forgotten_and_the_other_kept() {
    let mut world = World::healthy(1);
    let mut old = world.record.status.target_groups[0].clone();
    (old.arn, old.name) = (TargetGroupArn::parse("arn:old").unwrap(), "shop-old".into());
    world.record.status.target_groups.push(old);
    let mut world = believed_gone(world);
    let plan = world.pass();
    assert_eq!(noticed(&plan), [("arn:old", Reason::Vanished)].into());
    assert_eq!(plan.status.target_groups.iter().map(|group| &group.arn).collect::<Vec<_>>(), [&target_group()]);
}

#[test]
fn a_load_balancer_that_is_gone_takes_its_listeners_with_it() {
    let mut world = World::healthy(1);
    seen(&mut world.observed.load_balancers).clear();
    world.observed.listeners.clear();
    let mut world = believed_gone(world);
    let plan = world.pass();
    assert_eq!(noticed(&plan), [(ALB, Reason::Vanished)].into());
    assert_eq!((&plan.status.load_balancer, &plan.status.listeners[..]), (&None, &[][..]));
}

#[test]
fn a_loss_in_a_teardown_is_not_told() {
    let mut world = World::healthy(1);
    world.record.deleting = true;
    world.groups().clear();
    let mut world = believed_gone(world);
    let plan = world.pass();
    assert_eq!(plan.status.security_groups, Default::default(), "both are believed gone");
    assert_eq!(noticed(&plan), [].into());
}

#[test]
fn listeners_are_recorded_as_they_are_seen_and_settle_their_intents() {
    let mut world = World::healthy(1);
    world.observed.listeners.insert(alb(), Part::Seen(Vec::new()));
    world.memory = Default::default();
    let sent = lost(&mut world, &["create-listener/80"]);
    let mut other = sent[0].clone();
    (other.id, other.makes) = (IntentId::parse("in-81").unwrap(), crate::record::Makes::Listener { port: 81 });
    world.record.intents.push(other);
    world.observed.listeners = World::healthy(1).observed.listeners;
    let plan = world.pass();
    let [recorded] = &plan.status.listeners[..] else { panic!("{plan}") };
    assert_eq!(
        (recorded.port, recorded.arn.as_str(), &recorded.intent),
        (80, LISTENER, &None),
        "its tags do not say so"
    );
    assert_eq!(plan.settled, sent, "81 is not there: {plan}");
    seen(&mut world.observed.tags)
        .get_mut(&ElbTaggable::Listener(ListenerArn::parse(LISTENER).unwrap()))
        .unwrap()
        .insert("understudy:intent".into(), sent[0].id.to_string());
    assert_eq!(world.pass().status.listeners[0].intent.as_ref(), Some(&sent[0].id));
}

#[test]
fn only_copies_with_our_tags_are_reported() {
    let mut world = World::empty(1);
    let theirs = |uid: &str, id: &str| SecurityGroup {
        id: SecurityGroupId::parse(id).unwrap(),
        name: "shop-instance-sg".into(),
        vpc: VpcId::parse("vpc-2").unwrap(),
        ingress: Default::default(),
        egress: Default::default(),
        tags: [(TAG_UID.to_owned(), uid.to_owned())].into(),
    };
    world.groups().extend([theirs("env-1", "sg-copy"), theirs("env-2", "sg-theirs")]);
    let plan = world.pass();
    assert_eq!(left_alone(&plan, "sg-copy"), ["it carries our tags, but no open intent of ours made it"]);
    assert_eq!(left_alone(&plan, "sg-theirs"), [""; 0], "{plan}");
}

#[test]
fn a_copy_that_has_ended_and_an_instance_of_another_environment_are_not_reported() {
    let reported = |state: InstanceState, environment: &str| {
        let mut world = World::healthy(1);
        let mut copy = world.instance(1).clone();
        (copy.id, copy.state, copy.client_token) = (instance_id(9), state, Some("in-console".into()));
        copy.tags.insert(TAG_ENVIRONMENT.into(), environment.into());
        seen(&mut world.observed.instances).insert(instance_id(9), copy);
        left_alone(&world.pass(), "i-9").len()
    };
    use aws_api::ec2::InstanceState::*;
    for state in [Pending, Running, Stopping, Stopped] {
        assert_eq!((reported(state, "shop"), reported(state, "other")), (1, 0), "{state}");
    }
    for state in [ShuttingDown, Terminated] {
        assert_eq!((reported(state, "shop"), reported(state, "other")), (0, 0), "{state}");
    }
}

#[test]
fn a_launch_that_is_found_terminated_is_settled_and_another_one_is_made_by_a_new_intent() {
    let mut world = World::healthy(1).edited(|spec| spec.instances.count = 2);
    let sent = lost(&mut world, &["launch/2"]);
    let mut ended = world.instance(1).clone();
    (ended.id, ended.state) = (instance_id(9), InstanceState::Terminated);
    (ended.client_token, ended.tags) = (Some(sent[0].id.to_string()), tagged_by(&sent[0]));
    seen(&mut world.observed.instances).insert(instance_id(9), ended);
    let plan = world.pass();
    assert_eq!(plan.settled, sent);
    assert_eq!(ids(&plan), ["launch/2"].into());
    assert!(matches!(plan.actions[0].does, Does::Create(_)), "what it made is known, so it is not asked again: {plan}");
}

#[test]
fn how_a_member_was_lost_is_told() {
    let told = |end: fn(&mut World)| {
        let mut world = World::healthy(2);
        end(&mut world);
        let plan = world.pass();
        assert_eq!(plan.status.instances.len(), 1);
        plan.noticed.iter().map(|(_, why)| why.to_string()).collect::<Vec<_>>().join("; ")
    };
    assert_eq!(
        told(|world| {
            world.instance(2).state = InstanceState::Terminated;
            world.instance(2).state_reason = Some("Client.UserInitiatedShutdown".into());
        }),
        "MemberGone: slot 2: i-2 is gone (Client.UserInitiatedShutdown); VolumeLost: slot 2: the volumes of i-2 went with it; \
         what was on them is gone"
    );
    let kept = told(|world| {
        let keeps = r#"{"sizeGiB": 8, "deleteOnTermination": false}"#;
        world.spec().instances.block_devices = vec![serde_json::from_str(keeps).unwrap()];
        let template = Template::of(world.spec()).unwrap().hash();
        (1..=2).for_each(|slot| world.status(slot).template = template.clone());
        world.instance(2).state = InstanceState::Terminated;
    });
    assert!(kept.contains("went with it, but for those with deleteOnTermination: false; what"), "{kept}");
    assert_eq!(
        told(|world| {
            world.instance(2).state = InstanceState::Terminated;
            let (reason, since) = (Reason::MemberSurplus, world.now);
            world.status(2).leaving = Some(crate::status::Leaving { reason, healing: false, since });
        }),
        "MemberSurplus: slot 2: i-2 is terminated"
    );
    assert_eq!(
        told(|world| {
            world.instance(2).state = InstanceState::Terminated;
            world.record.deleting = true;
        }),
        "",
        "a teardown is no loss"
    );
}

#[test]
fn a_recorded_target_group_whose_intent_is_still_open_is_not_recorded_twice() {
    let mut world = World::empty(1);
    let sent = lost(&mut world, &["create-target-group/"]);
    let mut world = World { memory: Default::default(), ..World::healthy(1) };
    seen(&mut world.observed.tags).insert(ElbTaggable::TargetGroup(target_group()), tagged_by(&sent[0]));
    world.record.intents = sent;
    assert_eq!(world.pass().status.target_groups.len(), 1);
}
