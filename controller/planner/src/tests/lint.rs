//! Lint judges for itself: each of these plans is one that the planner would not make, and each is refused for the one
//! promise that it breaks.

use aws_api::ec2::{
    ChangeRules, Direction, Ec2TagsWrite, InstanceState, InstanceWrite, Peer, Rule, SecurityGroupWrite, StatusChecks,
    Taggable,
};
use aws_api::elbv2::{ElbTaggable, Elbv2TagsWrite, ListenerWrite, TargetGroupWrite, TargetHealth};
use aws_api::id::{IntentId, ListenerArn, LoadBalancerArn, SecurityGroupId, TargetGroupArn, VolumeId};
use aws_api::{ActionId, Ref, ResourceId, Write};
use crds_schema::spec::Protocol;

use super::world::*;
use crate::action::{Action, Does, Plan};
use crate::input::PlanInput;
use crate::lint::lint;
use crate::observed::Part;
use crate::ownership::TAG_INTENT;
use crate::reason::{Reason, Why};
use crate::record::{GroupRole, Intent, Makes};
use crate::status::TargetGroupStatus;

/// Every promise that the plan breaks in that world.
fn broken(world: &World, plan: Plan) -> String {
    let input = PlanInput {
        record: &world.record,
        observed: &world.observed,
        now: world.now,
        seed: 7,
        missing_after: std::time::Duration::from_secs(300),
        default_region: "us-east-2",
    };
    lint(plan, &input, &world.memory).err().unwrap_or_default().join("; ")
}

fn planned(mut world: World) -> (World, Plan) {
    let plan = world.pass();
    assert_eq!(broken(&world, plan.clone()), "", "it is refused only once it is broken");
    (world, plan)
}

fn from_nothing() -> (World, Plan) {
    planned(World::empty(2))
}

/// One of three healthy members is taken out.
fn scale_down() -> (World, Plan) {
    planned(World::healthy(3).edited(|spec| spec.instances.count = 2))
}

/// One member more is launched.
fn scale_up() -> (World, Plan) {
    planned(World::healthy(2).edited(|spec| spec.instances.count = 3))
}

/// A sick member whose successor is healthy has drained, and is terminated.
fn healed() -> (World, Plan) {
    let mut world = World::healthy(2).unhealthy_for(1, 600).member(3, 'a');
    let plan = world.pass();
    world.store(&plan);
    world.targets().retain(|target| target.id != "i-1");
    let (world, plan) = planned(world);
    assert_eq!(ids(&plan), ["terminate/i-1"].into(), "{plan}");
    (world, plan)
}

fn created(plan: &Plan) -> Intent {
    let created = plan.actions.iter().find_map(|action| match &action.does {
        Does::Create(intent) => Some((**intent).clone()),
        Does::Replay(_)
        | Does::Change(_)
        | Does::Terminate { .. }
        | Does::TakeOut { .. }
        | Does::DeleteGroup(_)
        | Does::DeleteLoadBalancer(_)
        | Does::DeleteTargetGroup(_) => None,
    });
    created.unwrap()
}

#[test]
fn what_an_action_depends_on_stands_before_it() {
    let (world, mut plan) = from_nothing();
    plan.actions.retain(|action| action.id.0 != "create-group/instances");
    assert!(broken(&world, plan).contains("depends on create-group/instances, which does not stand before it"));
}

#[test]
fn no_action_stands_twice() {
    let (world, mut plan) = from_nothing();
    plan.actions.push(plan.actions[0].clone());
    assert_eq!(broken(&world, plan), "create-group/load-balancer stands twice");
}

#[test]
fn a_change_neither_creates_nor_destroys_and_a_create_creates() {
    let kind = "carries a call of another kind";
    let (world, mut plan) = from_nothing();
    plan.actions[0].does = Does::Change(Box::new(created(&plan).write));
    assert!(broken(&world, plan).contains(kind));
    let terminate = || Write::Instance(InstanceWrite::Terminate { instance: instance_id(1) });
    let (world, mut plan) = from_nothing();
    plan.actions[0].does = Does::Change(Box::new(terminate()));
    assert!(broken(&world, plan).contains(kind));
    let (world, mut plan) = from_nothing();
    plan.actions[0].does = Does::Create(Box::new(Intent { write: terminate(), ..created(&plan) }));
    assert!(broken(&world, plan).contains(kind));
}

#[test]
fn a_replay_is_the_open_intent_word_for_word() {
    let (mut world, mut plan) = from_nothing();
    let intent = created(&plan);
    plan.actions[0].does = Does::Replay(Box::new(intent.clone()));
    world.record.intents.push(intent.clone());
    assert_eq!(broken(&world, plan.clone()), "");
    world.record.intents[0].revision += 1;
    assert!(broken(&world, plan).contains("I1: create-group/load-balancer replays what is not the open intent"));
}

#[test]
fn no_more_exist_than_may_live_and_one_fleet_of_stopped_ones() {
    let (mut world, plan) = scale_up();
    // Three may live and one more of surge; two of them live, one is launched.
    for slot in 11..=14 {
        world = world.member(slot, 'a').state(slot, InstanceState::Stopped);
    }
    assert_eq!(broken(&world, plan.clone()), "");
    let world = world.member(15, 'a').state(15, InstanceState::Stopped);
    assert_eq!(broken(&world, plan), "I1: 8 instances would exist, those that are stopped included, and 7 may");
}

#[test]
fn nothing_is_launched_without_a_spec_or_while_being_deleted() {
    let (mut world, plan) = scale_up();
    world.record.spec = None;
    assert!(broken(&world, plan).contains("I1: a launch without a spec"));
    let (mut world, plan) = scale_up();
    world.record.deleting = true;
    assert!(broken(&world, plan).contains("I1: a launch while being deleted"));
}

#[test]
fn members_and_launches_stay_within_count_and_surge() {
    let (mut world, plan) = scale_up();
    world.spec().instances.count = 1;
    assert!(broken(&world, plan).contains("I1: 3 members and launches, count + maxSurge is 2"));
}

#[test]
fn what_was_not_seen_whole_is_not_destroyed() {
    let (mut world, plan) = scale_down();
    world.observed.instances = Part::Unread("no".into());
    assert!(broken(&world, plan).contains("I5: take-out/i-3"));
    let (mut world, plan) = scale_down();
    world.observed.targets.insert(target_group(), Part::Unread("no".into()));
    assert!(broken(&world, plan).contains("I5: take-out/i-3"));
}

#[test]
fn the_floor_of_healthy_members_is_left() {
    let (mut world, plan) = scale_down();
    world.spec().instances.count = 3;
    let left = format!("I2: 2 healthy members would be left in {}, the floor is 3", target_group());
    assert_eq!(broken(&world, plan), left);
}

#[test]
fn what_is_terminated_is_registered_nowhere() {
    let (mut world, plan) = healed();
    world.targets().push(target("i-1", aws_api::elbv2::TargetHealth::Draining, None));
    assert!(broken(&world, plan).contains("I2: terminate/i-1 before it is drained"));
}

#[test]
fn healing_terminations_are_charged_and_within_the_budget() {
    let (world, mut plan) = healed();
    plan.status.terminations.clear();
    assert!(broken(&world, plan).contains("I4: terminate/i-1 is not charged"));
    let (mut world, plan) = healed();
    world.spec().healing.max_terminations_per_hour = 0;
    assert!(broken(&world, plan).contains("I4: 1 healing terminations within the hour, 0 are allowed"));
}

#[test]
fn nothing_is_done_while_it_is_paused_or_its_record_is_damaged() {
    let (mut world, plan) = scale_up();
    world.spec().paused = true;
    assert!(broken(&world, plan).contains("an action while it is paused"));
    let (mut world, plan) = scale_up();
    world.record.status.damaged = true;
    assert!(broken(&world, plan).contains("an action while it is paused or its record is damaged"));
}

#[test]
fn nothing_is_torn_down_that_nobody_asked_to_delete() {
    let mut world = World::healthy(1);
    world.record.deleting = true;
    world.targets().clear();
    let (mut world, plan) = planned(world);
    world.record.deleting = false;
    assert!(broken(&world, plan).contains("delete-load-balancer though nobody asked to delete the environment"));
}

#[test]
fn launches_that_are_open_count_and_those_that_are_seen_count_once() {
    let (mut world, plan) = scale_up();
    let intent = |nth: u32| {
        let makes = Makes::Member { slot: 10 + nth, template: String::new() };
        Intent { id: IntentId::parse(format!("in-2{nth}")).unwrap(), makes, ..created(&plan) }
    };
    world.record.intents = (1..=3).map(intent).collect();
    let mut of_2 = world.instance(1).clone();
    of_2.id = instance_id(12);
    of_2.client_token = Some("in-22".into());
    of_2.tags.insert(TAG_INTENT.into(), "in-22".into());
    seen(&mut world.observed.instances).insert(instance_id(12), of_2);
    world.spec().instances.count = 1;
    // Two members, one that was launched and is not recorded yet, two open launches, and one that is new.
    assert_eq!(broken(&world, plan), "I1: 6 members and launches, count + maxSurge is 2");
}

#[test]
fn an_open_launch_is_not_sent_again_beyond_count_and_surge() {
    let (mut world, mut plan) = scale_up();
    let intent = created(&plan);
    plan.actions.retain(|action| action.id.0.starts_with("launch/"));
    plan.actions[0].does = Does::Replay(Box::new(intent.clone()));
    world.record.intents = vec![intent];
    assert_eq!(broken(&world, plan.clone()), "");
    world.spec().instances.count = 1;
    assert_eq!(broken(&world, plan), "I1: 3 members and launches, count + maxSurge is 2");
}

#[test]
fn a_member_whose_status_checks_fail_is_not_among_the_healthy_that_are_left() {
    let (mut world, plan) = scale_down();
    seen(&mut world.observed.status_checks).insert(instance_id(1), StatusChecks::Impaired);
    assert!(broken(&world, plan).contains("I2: 1 healthy members would be left"));
}

#[test]
fn a_budget_that_was_lowered_refuses_only_what_charges_anew() {
    let (mut world, mut plan) = scale_up();
    let charge = |slot, at| crate::status::Charge { at, instance_id: instance_id(slot) };
    let long_ago = world.now.checked_sub(jiff::SignedDuration::from_secs(3600)).unwrap();
    world.record.status.terminations = vec![charge(8, world.now), charge(9, world.now), charge(10, long_ago)];
    plan.status.terminations = world.record.status.terminations.clone();
    world.spec().healing.max_terminations_per_hour = 1;
    assert_eq!(broken(&world, plan.clone()), "");
    // That one was forgotten meanwhile makes no room for a new one: it counts for its hour.
    plan.status.terminations[0].instance_id = instance_id(1);
    assert_eq!(broken(&world, plan), "I4: 3 healing terminations within the hour, 1 are allowed");
}

#[test]
fn what_the_planner_forgot_to_count_is_counted() {
    let (mut world, mut plan) = scale_up();
    world.spec().instances.count = 1;
    plan.status.instances.clear();
    assert_eq!(broken(&world, plan), "I1: 3 members and launches, count + maxSurge is 2");
}

#[test]
fn health_is_what_aws_shows_and_not_what_the_planner_made_of_it() {
    let (mut world, plan) = scale_down();
    let plan = Plan { status: world.record.status.clone(), ..plan };
    world.targets()[0].health = TargetHealth::Unhealthy;
    let left = format!("I2: 1 healthy members would be left in {}, the floor is 2", target_group());
    assert_eq!(broken(&world, plan), left);
}

#[test]
fn whoever_is_healthy_serves_whatever_its_instance_is_shown_as() {
    let (world, plan) = scale_down();
    // Shown as stopped: AWS forwards to it all the same.
    let world = world.state(1, InstanceState::Stopped).edited(|spec| spec.instances.count = 3);
    let left = format!("I2: 2 healthy members would be left in {}, the floor is 3", target_group());
    assert_eq!(broken(&world, plan.clone()), left);
    let world = world.state(1, InstanceState::ShuttingDown);
    assert!(broken(&world, plan).contains("I2: 1 healthy members would be left"));
}

/// A plan that changes just that.
fn changing(world: &World, write: Write) -> Plan {
    let action = Action {
        id: ActionId("x".into()),
        does: Does::Change(Box::new(write)),
        resource: "x".into(),
        why: Why::new(Reason::SpecChanged, "as a test wants it"),
        after: Vec::new(),
        puts: Vec::new(),
    };
    Plan { actions: vec![action], ..Plan::nothing(world.record.status.clone()) }
}

fn verdict(world: &World, write: Write) -> String {
    broken(world, changing(world, write))
}

fn deregister(world: &World, slots: &[u32]) -> String {
    let targets = slots.iter().map(|slot| (instance_id(*slot).to_string(), 8080)).collect();
    verdict(world, Write::TargetGroup(TargetGroupWrite::Deregister { target_group: target_group(), targets }))
}

#[test]
fn a_change_takes_nobody_out_below_the_floor() {
    let world = World::healthy(2);
    let left = format!("I2: 1 healthy members would be left in {}, the floor is 2", target_group());
    assert_eq!(deregister(&world, &[1]), left);
    // Whoever does not serve is missed by nobody.
    let mut world = world;
    world.targets()[0].health = TargetHealth::Unhealthy;
    assert_eq!(deregister(&world, &[1]), "");
}

#[test]
fn a_change_that_may_stop_traffic_goes_by_what_was_seen_whole() {
    let unseen = "I5: x though what it takes away was not seen whole";
    let mut world = World::healthy(2);
    world.targets()[0].health = TargetHealth::Unhealthy;
    let whole = world.observed.clone();
    world.observed.instances = Part::Unread("no".into());
    assert_eq!(deregister(&world, &[1]), unseen);
    world.observed = whole.clone();
    world.observed.targets.insert(target_group(), Part::Unread("no".into()));
    assert_eq!(deregister(&world, &[1]), unseen);
    world.observed = whole.clone();
    world.observed.groups = Part::Unread("no".into());
    assert_eq!(verdict(&world, revoke(GroupRole::Instances, rule(22, cidr("198.51.100.0/24")))), unseen);
    world.observed = whole;
    world.observed.listeners.insert(alb(), Part::Unread("no".into()));
    let listener = ListenerArn::parse(LISTENER).unwrap();
    assert!(verdict(&world, Write::Listener(ListenerWrite::Delete { listener })).contains(unseen));
}

const LISTENER: &str = "arn:aws:elasticloadbalancing:us-east-2:123456789012:listener/app/shop-alb/1/80";

fn the_listener(world: &World) -> ListenerArn {
    world.observed.listeners[&alb()].seen().unwrap()[0].arn.clone()
}

#[test]
fn a_listener_that_the_record_names_is_not_deleted() {
    let mut world = World::healthy(1);
    let listener = the_listener(&world);
    let named = "I2: x though the record names it, or may";
    assert_eq!(verdict(&world, Write::Listener(ListenerWrite::Delete { listener: listener.clone() })), named);
    world.spec().load_balancer.listeners[0].port = 81;
    assert_eq!(verdict(&world, Write::Listener(ListenerWrite::Delete { listener })), "");
}

#[test]
fn a_listener_is_moved_only_to_what_serves_as_many() {
    let mut world = World::healthy(2);
    let next = TargetGroupArn::parse(format!("{}2", target_group())).unwrap();
    let recorded = TargetGroupStatus { arn: next.clone(), ..world.record.status.target_groups[0].clone() };
    world.record.status.target_groups.push(recorded);
    let to = |forward_to| {
        Write::Listener(ListenerWrite::Modify {
            listener: the_listener(&world),
            protocol: Protocol::Http,
            forward_to,
            warm: None,
        })
    };
    let (to_next, to_new) = (to(Ref::Id(next.clone())), to(Ref::Made(ActionId("create-target-group/new".into()))));
    let early = format!("I2: x before {next} serves as many");
    assert!(verdict(&world, to_next.clone()).contains(&early), "its health was not read");
    assert!(verdict(&world, to_new).contains("serves as many"), "what is made serves nobody yet");
    let healthy = |slot| target(&format!("i-{slot}"), TargetHealth::Healthy, None);
    world.observed.targets.insert(next.clone(), Part::Seen(vec![healthy(1)]));
    assert!(verdict(&world, to_next.clone()).contains(&early), "one of two");
    world.observed.targets.insert(next, Part::Seen(vec![healthy(1), healthy(2)]));
    assert_eq!(verdict(&world, to_next), "");
}

fn revoke(role: GroupRole, rule: Rule) -> Write {
    let group = Ref::Id(group_id(role));
    Write::SecurityGroup(SecurityGroupWrite::Revoke(ChangeRules {
        group,
        direction: Direction::Ingress,
        rules: [rule].into(),
    }))
}

#[test]
fn a_rule_by_which_visitors_are_served_is_not_revoked() {
    let world = World::healthy(1);
    let balancer = Peer::Group(Ref::Id(group_id(GroupRole::LoadBalancer)));
    let served = "by which it is served";
    assert!(verdict(&world, revoke(GroupRole::LoadBalancer, rule(80, cidr("0.0.0.0/0")))).contains(served));
    assert!(verdict(&world, revoke(GroupRole::Instances, rule(8080, balancer.clone()))).contains(served));
    assert_eq!(verdict(&world, revoke(GroupRole::LoadBalancer, rule(81, cidr("0.0.0.0/0")))), "");
    assert_eq!(verdict(&world, revoke(GroupRole::LoadBalancer, rule(80, cidr("198.51.100.0/24")))), "");
    assert_eq!(verdict(&world, revoke(GroupRole::Instances, rule(22, balancer))), "");
}

/// While no listener tells who serves, every group that is recorded may; one that is believed gone serves nobody. What the
/// planner has dropped is still in the record until a pass goes through.
#[test]
fn a_target_group_that_is_believed_gone_keeps_no_rule() {
    let mut world = World::healthy(1);
    let gone = TargetGroupArn::parse(format!("{}2", target_group())).unwrap();
    let recorded = TargetGroupStatus { arn: gone.clone(), port: 9090, ..world.record.status.target_groups[0].clone() };
    world.record.status.target_groups.push(recorded);
    world.observed.listeners.insert(alb(), Part::Unread("no".into()));
    let of_gone = || revoke(GroupRole::Instances, rule(9090, Peer::Group(Ref::Id(group_id(GroupRole::LoadBalancer)))));
    assert!(verdict(&world, of_gone()).contains("by which it is served"));
    for _ in 0..3 {
        world.memory.note_resource(ResourceId::TargetGroup(gone.clone()), false, world.now);
    }
    let mut world = world.after(300);
    assert_eq!(verdict(&world, of_gone()), "");
    world.targets()[0].health = TargetHealth::Unhealthy;
    assert_eq!(deregister(&world, &[1]), "", "nor has its health to be read");
}

#[test]
fn what_is_not_ours_is_not_touched() {
    let world = World::healthy(1);
    let theirs = "is not ours";
    let balancer = LoadBalancerArn::parse(format!("{}2", alb())).unwrap();
    let group = TargetGroupArn::parse(format!("{}2", target_group())).unwrap();
    let tags = || [("Team".to_owned(), "shop".to_owned())].into();
    let writes = [
        Write::Ec2Tags(Ec2TagsWrite::Create { resource: Taggable::Instance(instance_id(9)), tags: tags() }),
        Write::Ec2Tags(Ec2TagsWrite::Create {
            resource: Taggable::Volume(VolumeId::parse("vol-9").unwrap()),
            tags: tags(),
        }),
        Write::Ec2Tags(Ec2TagsWrite::Create {
            resource: Taggable::SecurityGroup(Ref::Id(SecurityGroupId::parse("sg-9").unwrap())),
            tags: tags(),
        }),
        Write::Elbv2Tags(Elbv2TagsWrite::Add { resource: ElbTaggable::LoadBalancer(balancer), tags: tags() }),
        Write::Elbv2Tags(Elbv2TagsWrite::Add { resource: ElbTaggable::TargetGroup(group.clone()), tags: tags() }),
        Write::Elbv2Tags(Elbv2TagsWrite::Add {
            resource: ElbTaggable::Listener(ListenerArn::parse(LISTENER).unwrap()),
            tags: tags(),
        }),
        Write::TargetGroup(TargetGroupWrite::Register {
            target_group: Ref::Id(target_group()),
            instances: [instance_id(9)].into(),
            port: 8080,
        }),
        Write::TargetGroup(TargetGroupWrite::SetAttributes { target_group: Ref::Id(group), attributes: tags() }),
    ];
    for write in writes {
        assert!(verdict(&world, write.clone()).contains(theirs), "{write:?}");
    }
    let ours =
        Write::Elbv2Tags(Elbv2TagsWrite::Add { resource: ElbTaggable::Listener(the_listener(&world)), tags: tags() });
    assert_eq!(verdict(&world, ours), "");
}

#[test]
fn what_an_open_intent_of_ours_made_is_ours_and_a_copy_of_it_is_not() {
    let (mut world, plan) = scale_up();
    world.record.intents = vec![created(&plan)];
    let id = world.record.intents[0].id.to_string();
    let mut new = world.instance(1).clone();
    (new.id, new.client_token) = (instance_id(9), Some(id.clone()));
    new.tags.insert(TAG_INTENT.into(), id);
    seen(&mut world.observed.instances).insert(instance_id(9), new);
    let tags = || [("Team".to_owned(), "shop".to_owned())].into();
    let write = Write::Ec2Tags(Ec2TagsWrite::Create { resource: Taggable::Instance(instance_id(9)), tags: tags() });
    assert_eq!(verdict(&world, write.clone()), "");
    seen(&mut world.observed.instances).get_mut(&instance_id(9)).unwrap().client_token = None;
    assert!(verdict(&world, write).contains("I3: x touches i-9, which is not ours"));
}

#[test]
fn nothing_is_created_that_an_open_intent_may_have_made() {
    let (mut world, plan) = from_nothing();
    let intent = Intent { id: IntentId::parse("in-9").unwrap(), ..created(&plan) };
    world.record.intents = vec![intent.clone()];
    assert!(broken(&world, plan.clone()).contains("I1: create-group/load-balancer creates what in-9 may have made"));
    assert_eq!(broken(&world, Plan { settled: vec![intent], ..plan }), "");
}

#[test]
fn the_record_stays_unless_somebody_asked_to_delete_the_environment() {
    let world = World::healthy(1);
    let gone = Plan { torn_down: true, ..Plan::nothing(world.record.status.clone()) };
    assert_eq!(broken(&world, gone), "the record would be removed though nobody asked to delete the environment");
}
