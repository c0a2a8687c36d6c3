//! Promises of ARCHITECTURE.md, as far as a single plan shows them. Each test fails when its guard is removed.

use aws_api::Tags;
use aws_api::ec2::{InstanceState, SecurityGroup};
use aws_api::id::{InstanceId, SecurityGroupId, VpcId};

use super::world::*;
use crate::action::{Does, Plan};
use crate::observed::Part;
use crate::ownership::{TAG_INTENT, TAG_UID};
use crate::reason::Reason;
use crate::record::{Intent, Makes};

fn launch(plan: &Plan) -> &Intent {
    let intents = plan.actions.iter().filter_map(|action| match &action.does {
        Does::Create(intent) | Does::Replay(intent) => Some(&**intent),
        Does::Change(_)
        | Does::Terminate { .. }
        | Does::TakeOut { .. }
        | Does::DeleteGroup(_)
        | Does::DeleteLoadBalancer(_)
        | Does::DeleteTargetGroup(_) => None,
    });
    intents.into_iter().find(|intent| matches!(intent.makes, Makes::Member { .. })).unwrap()
}

/// A world whose second member is gone, and for which a launch is already open.
fn with_open_launch() -> (World, Intent) {
    let mut world = World::healthy(2).state(2, InstanceState::Terminated);
    world.targets().retain(|target| target.id != "i-2");
    let plan = world.pass();
    let intent = launch(&plan).clone();
    world.store(&plan);
    seen(&mut world.observed.instances).remove(&instance_id(2));
    world.record.intents.push(intent.clone());
    (world.after(10), intent)
}

fn launched_by(world: &mut World, intent: &Intent, token: &str) -> InstanceId {
    let id = InstanceId::parse("i-9").unwrap();
    let mut instance = world.instance(1).clone();
    instance.id = id.clone();
    instance.client_token = Some(token.into());
    instance.tags.insert(TAG_INTENT.into(), intent.id.to_string());
    seen(&mut world.observed.instances).insert(id.clone(), instance);
    id
}

#[test]
fn i1_an_open_launch_is_sent_again_word_for_word_and_never_doubled() {
    let (mut world, intent) = with_open_launch();
    let plan = world.pass();
    assert_eq!(ids(&plan), ["launch/2"].into(), "{plan}");
    assert_eq!(launch(&plan), &intent);
    assert!(matches!(plan.actions[0].does, Does::Replay(_)));
}

#[test]
fn i1_a_launch_that_is_found_by_tag_and_token_is_recorded_and_its_intent_settled() {
    let (mut world, intent) = with_open_launch();
    let id = launched_by(&mut world, &intent, intent.id.as_str());
    let plan = world.pass();
    assert_eq!(plan.settled, [intent]);
    assert!(plan.status.instances.iter().any(|member| member.instance_id == id && member.slot == 2));
    assert!(plan.actions.iter().all(|action| !action.id.0.starts_with("launch/")), "{plan}");
}

#[test]
fn i1_nothing_is_launched_while_live_members_reach_count_and_surge() {
    let mut world = World::healthy(3).edited(|spec| {
        spec.instances.count = 2;
        spec.instances.user_data = Some("#new".into());
    });
    let plan = world.pass();
    assert!(plan.actions.iter().all(|action| !action.id.0.starts_with("launch/")), "{plan}");
}

#[test]
fn i1_after_twenty_hours_an_open_launch_is_held_and_the_way_out_is_named() {
    let (world, intent) = with_open_launch();
    let mut world = world.after(20 * 3600);
    let plan = world.pass();
    assert!(plan.actions.iter().all(|action| !action.id.0.starts_with("launch/")), "{plan}");
    let capacity = plan.status.condition(crate::status::ConditionType::CapacityAvailable).unwrap();
    assert_eq!(capacity.reason, Reason::LaunchUnknown);
    assert!(capacity.message.contains(&format!("INTENT#open#{}", intent.id)), "{}", capacity.message);
}

#[test]
fn i1_an_unwanted_launch_is_asked_for_where_there_is_room_and_what_it_made_is_terminated() {
    let (mut world, intent) = with_open_launch();
    world = world.edited(|spec| spec.instances.count = 1);
    let plan = world.pass();
    assert_eq!(launch(&plan), &intent, "its token tells what became of it");
    assert!(matches!(plan.actions[0].does, Does::Replay(_)), "{plan}");
    launched_by(&mut world, &intent, intent.id.as_str());
    let plan = world.pass();
    assert!(ids(&plan).contains("terminate/i-9"), "{plan}");
}

#[test]
fn i2_the_floor_is_kept_while_all_are_outdated() {
    let mut world = World::healthy(3).edited(|spec| spec.instances.user_data = Some("#new".into()));
    for slot in 1..=3 {
        let plan = world.pass();
        assert!(plan.actions.iter().all(|action| !action.does.is_destructive()), "slot {slot}: {plan}");
        world = world.after(600);
    }
}

#[test]
fn i3_a_copy_with_our_tags_is_reported_and_neither_counted_nor_touched() {
    let (mut world, intent) = with_open_launch();
    // "Launch more like this" copies the tags, intent's included, but not the client token.
    let copy = launched_by(&mut world, &intent, "console-1");
    let plan = world.pass();
    assert!(ids(&plan).contains("launch/2"), "it does not count: {plan}");
    assert!(plan.actions.iter().all(|action| action.resource != copy.as_str()), "{plan}");
    assert!(plan.left_alone.iter().any(|left| left.resource == copy.as_str() && left.reason == Reason::NotOurs));
}

#[test]
fn i3_a_group_with_our_uid_and_no_open_intent_is_not_ours() {
    let mut world = World::empty(1);
    let mut tags = Tags::new();
    tags.insert(TAG_UID.into(), "env-1".into());
    tags.insert(TAG_INTENT.into(), "in-closed".into());
    let group = SecurityGroup {
        id: SecurityGroupId::parse("sg-copy").unwrap(),
        name: "shop-alb-sg".into(),
        vpc: VpcId::parse("vpc-1").unwrap(),
        ingress: Default::default(),
        egress: Default::default(),
        tags,
    };
    world.groups().push(group);
    let plan = world.pass();
    assert_eq!(plan.status.security_groups.load_balancer, None);
    assert_eq!(
        plan.status.condition(crate::status::ConditionType::LoadBalancerReady).unwrap().reason,
        Reason::NameTaken
    );
}

#[test]
fn i3_a_recorded_instance_whose_tags_were_removed_is_still_ours() {
    let mut world = World::healthy(1);
    world.instance(1).tags.clear();
    world.pass();
    let plan = world.pass();
    assert_eq!(ids(&plan), ["tag/i-1"].into(), "{plan}");
}

#[test]
fn i4_a_healing_termination_is_charged_in_the_status_that_is_stored_before_it() {
    let mut world = World::healthy(2).unhealthy_for(1, 600).member(3, 'a');
    let plan = world.pass();
    world.store(&plan);
    world.targets().retain(|target| target.id != "i-1");
    let plan = world.pass();
    assert_eq!(ids(&plan), ["terminate/i-1"].into(), "{plan}");
    assert_eq!(plan.status.terminations.len(), 1);
    assert_eq!(plan.status.terminations[0].instance_id, instance_id(1));
}

#[test]
fn i5_incomplete_sight_destroys_nothing() {
    let make = || World::healthy(3).edited(|spec| spec.instances.count = 1);
    assert!(make().pass().actions.iter().any(|action| action.does.is_destructive()));
    let mut world = make();
    world.observed.instances = Part::Unread("timeout".into());
    assert!(world.pass().actions.iter().all(|action| !action.does.is_destructive()));
    let mut world = make();
    world.observed.targets.insert(target_group(), Part::Unread("timeout".into()));
    assert!(world.pass().actions.iter().all(|action| !action.does.is_destructive()));
}

#[test]
fn i5_unread_health_changes_no_clock_and_judges_nobody() {
    let mut world = World::healthy(2).unhealthy_for(1, 60);
    let before = world.pass().status;
    world.store(&crate::action::Plan::nothing(before.clone()));
    world.observed.targets.insert(target_group(), Part::Unread("timeout".into()));
    let mut world = world.after(600);
    let plan = world.pass();
    assert_eq!(plan.status.instances, before.instances);
}

#[test]
fn i7_fixed_fields_are_refused_and_nothing_else_stops() {
    let mut world = World::healthy(2).edited(|spec| {
        spec.load_balancer.name = Some("other".into());
        spec.instances.count = 3;
    });
    let plan = world.pass();
    assert_eq!(ids(&plan), ["launch/3"].into(), "{plan}");
    let valid = plan.status.condition(crate::status::ConditionType::SpecValid).unwrap();
    assert_eq!(valid.reason, Reason::ImmutableField);
    assert!(valid.message.starts_with("spec.loadBalancer.name"), "{}", valid.message);
}
