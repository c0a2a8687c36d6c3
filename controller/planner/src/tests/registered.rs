//! What is compared with what, one by one: targets, listeners, tags, names, and whose they are.

use aws_api::ec2::InstanceState;
use aws_api::elbv2::{ElbTaggable, Listener, ListenerWrite, Target, TargetGroupWrite, TargetHealth};
use aws_api::id::{ListenerArn, TargetGroupArn, VpcId, Zone};
use aws_api::{Tags, Write};

use super::found::with_a_next_group;
use super::world::*;
use crate::action::Plan;
use crate::memory::ARRIVES_WITHIN;
use crate::observed::Part;
use crate::outcome::Outcome;
use crate::reason::Reason;
use crate::record::GroupRole;
use crate::status::{Leaving, TargetGroupStatus};

const NAME: &str = "shop-web-6bdbe364";

fn writes(plan: &Plan) -> Vec<Write> {
    plan.actions.iter().flat_map(|action| action.does.writes()).collect()
}

fn reason(plan: &Plan, id: &str) -> Reason {
    plan.actions.iter().find(|action| action.id.0 == id).unwrap_or_else(|| panic!("no {id}: {plan}")).why.reason
}

fn next() -> TargetGroupArn {
    TargetGroupArn::parse("arn:next").unwrap()
}

/// The name of the group that is to serve next.
fn next_name(world: &World) -> String {
    world.record.status.target_groups.iter().find(|group| group.arn == next()).unwrap().name.clone()
}

fn listener(world: &mut World) -> &mut Listener {
    &mut seen(world.observed.listeners.get_mut(&alb()).unwrap())[0]
}

/// An older target group of ours that no listener uses.
fn with_an_old_group(mut world: World, targets: Vec<Target>) -> World {
    let arn = TargetGroupArn::parse("arn:old").unwrap();
    let mut group = seen(&mut world.observed.target_groups)[0].clone();
    (group.arn, group.name) = (arn.clone(), "shop-old".into());
    seen(&mut world.observed.target_groups).push(group);
    let (service, name) = ("web".to_owned(), "shop-old".to_owned());
    world.record.status.target_groups.push(TargetGroupStatus {
        service,
        arn: arn.clone(),
        name,
        port: 8080,
        intent: None,
    });
    world.observed.targets.insert(arn, Part::Seen(targets));
    world
}

#[test]
fn members_are_registered_where_they_serve_and_where_they_are_to_serve() {
    let mut world = with_a_next_group(World::healthy(2), &[1]);
    world.targets().retain(|target| target.id != "i-1");
    world.pass();
    let plan = world.pass();
    let registered = |id: &str| {
        let action = plan.actions.iter().find(|action| action.id.0 == id).unwrap_or_else(|| panic!("no {id}: {plan}"));
        let [Write::TargetGroup(TargetGroupWrite::Register { instances, port, .. })] = &action.does.writes()[..] else {
            panic!("{plan}")
        };
        (instances.iter().cloned().collect::<Vec<_>>(), *port)
    };
    assert_eq!(registered(&format!("register/{NAME}")), (vec![instance_id(1)], 8080));
    assert_eq!(registered(&format!("register/{}", next_name(&world))), (vec![instance_id(2)], 9090));
}

#[test]
fn nobody_is_registered_in_a_group_that_neither_serves_nor_will() {
    let mut world = with_an_old_group(World::healthy(2), Vec::new());
    assert_eq!(world.pass().actions, []);
    let mut world = world.after(ARRIVES_WITHIN.as_secs());
    assert_eq!(ids(&world.pass()), ["delete-target-group/shop-old"].into());
}

#[test]
fn an_old_group_is_emptied_then_waits_for_its_drains_and_then_goes() {
    let mut world = with_an_old_group(World::healthy(1), vec![target("i-1", TargetHealth::Draining, None)]);
    world.pass();
    let mut world = world.after(ARRIVES_WITHIN.as_secs());
    assert_eq!(world.planned(), "? targets of shop-old to drain\n");
    let targets = vec![target("i-1", TargetHealth::Draining, None), target("i-2", TargetHealth::Unused, None)];
    world.observed.targets.insert(TargetGroupArn::parse("arn:old").unwrap(), Part::Seen(targets));
    let out = Write::TargetGroup(TargetGroupWrite::Deregister {
        target_group: TargetGroupArn::parse("arn:old").unwrap(),
        targets: [("i-2".to_owned(), 8080)].into(),
    });
    assert_eq!(writes(&world.pass()), [out], "what drains is on its way out");
}

#[test]
fn an_old_group_that_is_used_again_is_kept() {
    let mut world = with_an_old_group(World::healthy(1), Vec::new());
    world.pass();
    listener(&mut world).warms = Some(TargetGroupArn::parse("arn:old").unwrap());
    let mut world = world.after(ARRIVES_WITHIN.as_secs());
    let plan = world.pass();
    assert!(!ids(&plan).contains("delete-target-group/shop-old"), "{plan}");
}

#[test]
fn a_member_on_another_port_is_taken_off_it_and_registered_on_its_own() {
    let mut world = World::healthy(1);
    world.targets()[0].port = 9999;
    world.pass();
    let plan = world.pass();
    let group = target_group();
    assert_eq!(
        writes(&plan),
        [
            Write::TargetGroup(TargetGroupWrite::Register {
                target_group: aws_api::Ref::Id(group.clone()),
                instances: [instance_id(1)].into(),
                port: 8080
            }),
            Write::TargetGroup(TargetGroupWrite::Deregister {
                target_group: group,
                targets: [("i-1".to_owned(), 9999)].into()
            }),
        ]
    );
}

#[test]
fn only_running_members_are_registered_and_others_are_waited_for() {
    let mut world = World::healthy(1).edited(|spec| spec.instances.count = 2).member(2, 'b');
    world.targets().retain(|target| target.id != "i-2");
    let plan = world.pass();
    assert_eq!(ids(&plan), [format!("register/{NAME}").as_str()].into());
    assert_eq!(reason(&plan, &format!("register/{NAME}")), Reason::NotYetMade, "the other was registered before");
    let mut world = world.state(2, InstanceState::Pending);
    assert_eq!(world.planned(), "? slot 2 (i-2) to be running\n");
    let mut world = world.state(2, InstanceState::Running).health(2, TargetHealth::Initial, "");
    assert_eq!(world.planned(), "? slot 2 (i-2) to pass its first health check\n");
}

#[test]
fn one_that_leaves_is_neither_registered_nor_waited_for() {
    let mut world = World::healthy(2).member(3, 'a');
    let since = world.now;
    world.status(3).leaving = Some(Leaving { reason: Reason::MemberSurplus, healing: false, since });
    world.targets().retain(|target| target.id != "i-3");
    assert_eq!(ids(&world.pass()), ["terminate/i-3"].into());
}

#[test]
fn a_draining_stranger_is_on_its_way_out() {
    let mut world = World::healthy(1);
    world.targets().push(target("i-foreign", TargetHealth::Draining, None));
    assert_eq!(world.planned(), "");
}

#[test]
fn whose_health_counts_follows_the_listener_and_then_the_name() {
    let ready = |mut world: World| world.pass().status.ready;
    let unwell_in_next = || {
        let mut world = with_a_next_group(World::healthy(1), &[1]);
        seen(world.observed.targets.get_mut(&next()).unwrap())[0].health = TargetHealth::Initial;
        world
    };
    assert_eq!(ready(unwell_in_next()), 1, "the listener forwards to the old one");
    let mut world = unwell_in_next();
    listener(&mut world).forwards_to = Some(next());
    assert_eq!(ready(world), 0, "it forwards to the new one");
    let mut world = unwell_in_next();
    listener(&mut world).forwards_to = Some(TargetGroupArn::parse("arn:theirs").unwrap());
    assert_eq!(ready(world), 0, "it forwards to somebody else's: the wanted one counts");
    let mut world = unwell_in_next();
    world.observed.listeners.clear();
    assert_eq!(ready(world), 0, "it is not known: the wanted one counts");
}

#[test]
fn a_listener_moves_once_as_many_are_healthy_there_as_are_needed() {
    let moves = |count: u32, well_in_next: &[u32]| {
        let mut world = with_a_next_group(World::healthy(3), well_in_next);
        world.spec().instances.count = count;
        writes(&world.pass()).contains(&Write::Listener(ListenerWrite::Modify {
            listener: ListenerArn::parse(LISTENER).unwrap(),
            protocol: crds_schema::spec::Protocol::Http,
            forward_to: aws_api::Ref::Id(next()),
            warm: None,
        }))
    };
    assert!(!moves(3, &[1, 2]));
    assert!(moves(3, &[1, 2, 3]));
    assert!(moves(2, &[1, 2]), "one more is there than is wanted");
}

#[test]
fn a_listener_that_comes_back_goes_where_the_others_go() {
    let mut world = with_a_next_group(World::healthy(2), &[]);
    let mut second = world.spec().load_balancer.listeners[0].clone();
    second.port = 81;
    world.spec().load_balancer.listeners.push(second);
    let plan = world.pass();
    let goes_there = |write: &Write| matches!(write, Write::Listener(ListenerWrite::Create(create)) if create.forward_to == aws_api::Ref::Id(target_group()));
    assert!(writes(&plan).iter().any(goes_there), "{plan}");
}

#[test]
fn a_zone_without_members_that_is_not_covered_is_no_more_than_a_drift() {
    let mut world = World::healthy(1);
    seen(&mut world.observed.load_balancers)[0].subnets.remove(&Zone("us-east-2c".into()));
    world.pass();
    assert_eq!(reason(&world.pass(), "set-subnets"), Reason::AttributeDrifted);
}

#[test]
fn a_group_of_another_name_or_in_another_vpc_takes_no_name() {
    let mut world = World::empty(1);
    world.observed.groups = World::healthy(1).observed.groups;
    world.group(GroupRole::LoadBalancer).vpc = VpcId::parse("vpc-2").unwrap();
    world.group(GroupRole::Instances).name = "another".into();
    for group in world.groups() {
        group.tags.clear();
    }
    let plan = world.pass();
    assert!(ids(&plan).is_superset(&["create-group/load-balancer", "create-group/instances"].into()), "{plan}");
}

#[test]
fn a_balancer_or_target_group_of_another_name_takes_no_name() {
    let theirs = World::healthy(1).observed;
    let mut world = World::empty(1);
    world.observed.load_balancers = theirs.load_balancers;
    world.observed.target_groups = theirs.target_groups;
    seen(&mut world.observed.load_balancers)[0].name = "another".into();
    seen(&mut world.observed.target_groups)[0].name = "another".into();
    let plan = world.pass();
    assert!(ids(&plan).contains("create-load-balancer"), "{plan}");
    assert!(ids(&plan).contains(format!("create-target-group/{NAME}").as_str()), "{plan}");
}

#[test]
fn the_profile_of_a_member_that_does_not_run_yet_is_not_set() {
    let mut world = World::healthy(1).state(1, InstanceState::Pending);
    world.instance(1).instance_profile = Some("admin".into());
    world.pass();
    assert_eq!(world.planned(), "? slot 1 (i-1) to be running\n");
}

#[test]
fn the_tags_of_the_spec_that_are_there_are_kept() {
    let mut world = World::healthy(1);
    let tag = |tags: &mut Tags| drop(tags.insert("Team".into(), "blue".into()));
    tag(&mut world.spec().tags);
    world.record.status.tag_keys = ["Team".to_owned()].into();
    for role in GroupRole::BOTH {
        tag(&mut world.group(role).tags);
    }
    tag(&mut world.instance(1).tags);
    seen(&mut world.observed.tags).values_mut().for_each(tag);
    world.pass();
    assert_eq!(world.planned(), "");
}

#[test]
fn a_tag_that_was_put_or_removed_is_not_put_or_removed_again_for_one_older_reading() {
    let mut world = World::healthy(1);
    world.record.status.tag_keys = ["Team".to_owned()].into();
    let drift = |tags: &mut Tags| {
        tags.insert("Team".into(), "blue".into());
        tags.insert("Name".into(), "renamed".into());
    };
    drift(&mut world.instance(1).tags);
    drift(seen(&mut world.observed.tags).get_mut(&ElbTaggable::LoadBalancer(alb())).unwrap());
    world.pass();
    let plan = world.pass();
    let balancer = (format!("tag/{ALB}"), format!("untag/{ALB}"));
    assert_eq!(ids(&plan), [balancer.0.as_str(), balancer.1.as_str(), "tag/i-1", "untag/i-1"].into());
    world.concluded(&plan, |_| Outcome::Done(None));
    assert_eq!(world.pass().actions, [], "it may be an older reading");
    assert_eq!(ids(&world.pass()), ids(&plan), "it is not");
}

#[test]
fn a_listener_that_forwards_to_somebody_elses_group_is_set_back_at_once_though_another_is_being_replaced() {
    let mut world = with_an_old_group(World::healthy(1), Vec::new());
    listener(&mut world).forwards_to = Some(TargetGroupArn::parse("arn:theirs").unwrap());
    world.pass();
    let set = Write::Listener(ListenerWrite::Modify {
        listener: ListenerArn::parse(LISTENER).unwrap(),
        protocol: crds_schema::spec::Protocol::Http,
        forward_to: aws_api::Ref::Id(target_group()),
        warm: None,
    });
    assert!(writes(&world.pass()).contains(&set));
}

#[test]
fn the_health_check_port_of_somebody_elses_target_group_is_not_opened() {
    let mut world = World::healthy(1);
    let mut theirs = seen(&mut world.observed.target_groups)[0].clone();
    (theirs.arn, theirs.name) = (TargetGroupArn::parse("arn:theirs").unwrap(), "another".into());
    theirs.health_check.port = "9000".into();
    seen(&mut world.observed.target_groups).push(theirs);
    assert_eq!(world.pass().actions, []);
}

#[test]
fn a_target_that_was_a_member_of_ours_is_stale_and_not_foreign() {
    let reason = |world: &mut World| {
        world.pass();
        let plan = world.pass();
        let action = plan.actions.iter().find(|action| action.id.0.starts_with("deregister/"));
        action.unwrap_or_else(|| panic!("{plan}")).why.reason
    };
    // Its end was seen, and AWS no longer shows it.
    let mut world = World::healthy(2).state(2, InstanceState::Terminated);
    let plan = world.pass();
    world.store(&plan);
    seen(&mut world.observed.instances).remove(&instance_id(2));
    assert_eq!(reason(&mut world), Reason::TargetStale);
    // Its end was seen by a controller before this one, and AWS still shows it.
    let mut world = World::healthy(2).state(2, InstanceState::Terminated);
    let plan = world.pass();
    world.store(&plan);
    world.memory = Default::default();
    assert_eq!(reason(&mut world), Reason::TargetStale);
    world.targets().push(target("i-foreign", TargetHealth::Healthy, None));
    assert_eq!(reason(&mut world), Reason::TargetForeign, "one of them is");
    // Somebody's instance that lives is no dead one of ours, whatever tags it carries.
    let mut world = World::healthy(2).member(3, 'a');
    world.record.status.instances.retain(|member| member.slot != 3);
    world.instance(3).client_token = None;
    assert_eq!(reason(&mut world), Reason::TargetForeign);
}

#[test]
fn another_public_address_is_told_over_a_stop_too() {
    let told = |world: &mut World, address: Option<&str>| {
        world.instance(1).public_ip = address.map(str::to_owned);
        let plan = world.pass();
        world.store(&plan);
        let said = plan.noticed.iter().find(|(_, why)| why.reason == Reason::AddressChanged);
        said.map(|(resource, why)| format!("{resource}: {}", why.message)).unwrap_or_default()
    };
    let mut world = World::healthy(1);
    assert_eq!(told(&mut world, Some("192.0.2.1")), "", "its first");
    assert_eq!(told(&mut world, None), "", "it is stopped");
    assert_eq!(told(&mut world, None), "");
    let changed = "i-1: slot 1: the public address of i-1 changed from 192.0.2.1 to 192.0.2.2; point what uses 192.0.2.1 at 192.0.2.2";
    assert_eq!(told(&mut world, Some("192.0.2.2")), changed);
    assert_eq!(told(&mut world, Some("192.0.2.2")), "", "it is told once");
    assert!(told(&mut world, Some("192.0.2.3")).contains("from 192.0.2.2 to 192.0.2.3"));
    assert_eq!(told(&mut world, None), "");
    assert_eq!(told(&mut world, Some("192.0.2.3")), "", "an Elastic IP comes back with it");
}
