//! What the simulation found, each as a test of its own; docs/simulation.md tells how.

use std::time::Duration;

use aws_api::ec2::{InstanceState, StatusChecks};
use aws_api::elbv2::{ElbTaggable, Target, TargetHealth};
use aws_api::id::LoadBalancerArn;
use aws_api::{ErrorKind, ResourceId};

use super::world::*;
use crate::action::{Action, Does, Plan};
use crate::memory::ARRIVES_WITHIN;
use crate::observed::Part;
use crate::outcome::{Fault, Outcome};
use crate::ownership::{TAG_INTENT, TAG_UID};
use crate::reason::Reason;
use crate::record::Intent;
use crate::status::Leaving;

fn leaves(world: &mut World, slot: u32, reason: Reason, healing: bool) {
    let since = world.now;
    world.status(slot).leaving = Some(Leaving { reason, healing, since });
}

fn refused() -> Fault {
    Fault {
        operation: "RunInstances".into(),
        iam_action: "ec2:RunInstances".into(),
        kind: ErrorKind::Capacity,
        code: Some("InsufficientInstanceCapacity".into()),
        message: String::new(),
        definite: true,
    }
}

#[test]
fn a_reading_that_goes_back_in_time_revives_nobody() {
    let mut world = World::healthy(2).state(1, InstanceState::ShuttingDown).health(1, TargetHealth::Draining, "");
    let plan = world.pass();
    assert_eq!(ids(&plan), ["launch/3"].into(), "{plan}");
    world.store(&plan);
    // The successor is there, and an older reading shows the one that is being terminated alive, however long that takes.
    let world = world.after(600).member(3, 'a');
    let mut world = world.state(1, InstanceState::Running).health(1, TargetHealth::Healthy, "");
    let plan = world.pass();
    assert_eq!(plan.actions, [], "three seem to live, but one of them is being terminated: {plan}");
}

#[test]
fn a_leaver_that_was_put_back_serves_until_others_do() {
    let mut world = World::healthy(2).member(3, 'c').health(2, TargetHealth::Unhealthy, "Target.Timeout");
    leaves(&mut world, 3, Reason::MemberSurplus, false);
    let plan = world.pass();
    assert_eq!(plan.actions, [], "one healthy member would be left of two: {plan}");
    let mut world = world.health(2, TargetHealth::Healthy, "");
    assert_eq!(ids(&world.pass()), ["take-out/i-3"].into());
}

#[test]
fn a_refused_replay_leaves_open_what_may_still_arrive() {
    let mut world = World::healthy(1).edited(|spec| spec.instances.count = 2);
    let first = world.pass();
    let Does::Create(intent) = &first.actions[0].does else { panic!("{first}") };
    let intent = (**intent).clone();
    let lost = Fault { kind: ErrorKind::Transient, code: None, definite: false, ..refused() };
    assert_eq!(world.concluded(&first, |_| Outcome::Failed(lost.clone())).closed, []);
    world.store(&first);
    world.record.intents.push(intent.clone());
    let closes = |world: &mut World| {
        let plan: Plan = world.pass();
        let closed = world.concluded(&plan, |_| Outcome::Failed(refused())).closed;
        closed.iter().any(|closed| closed.intent == intent.id)
    };
    let mut world = world.after(10);
    assert!(!closes(&mut world), "the first sending may still arrive");
    let mut world = world.after(ARRIVES_WITHIN.as_secs() + 120);
    assert!(closes(&mut world), "by now it would have");
}

/// A world whose load balancer's create was sent, and not answered, so often.
fn unanswered(times: u32) -> (World, Intent) {
    let mut world = World::empty(2);
    let mut sent = None;
    for _ in 0..times {
        let plan = world.pass();
        let create = plan.actions.iter().find(|action| action.id.0 == "create-load-balancer").unwrap();
        let (Does::Create(intent) | Does::Replay(intent)) = &create.does else { panic!("{plan}") };
        let intent = (**intent).clone();
        let lost = Fault { kind: ErrorKind::Transient, code: None, definite: false, ..refused() };
        world.concluded(&plan, |_| Outcome::Failed(lost.clone()));
        world.record.intents = vec![intent.clone()];
        sent = Some(intent);
        world = world.after(10);
    }
    (world, sent.unwrap())
}

/// Whether the whole is torn down in this pass, in a world in which nothing of it is left.
fn ends(world: &mut World) -> bool {
    let nothing = World::empty(2);
    (world.observed, world.record.deleting) = (nothing.observed, true);
    world.record.status = nothing.record.status;
    world.pass().torn_down
}

#[test]
fn a_delete_waits_for_an_earlier_sending_of_what_a_replay_made() {
    let (mut world, intent) = unanswered(1);
    let plan = world.pass();
    let made = ResourceId::LoadBalancer(alb());
    let is_replay = |action: &Action| matches!(action.does, Does::Replay(_));
    let concluded = world.concluded(&plan, |action| {
        if is_replay(action) { Outcome::Done(Some(made.clone())) } else { Outcome::NotTried(String::new()) }
    });
    assert_eq!(concluded.status.load_balancer.map(|recorded| recorded.arn), Some(alb()));
    world.record.intents.retain(|open| concluded.closed.iter().all(|closed| closed.intent != open.id));
    assert_eq!(world.record.intents, [intent], "the first sending may still arrive");
    assert!(!ends(&mut world), "and would make another, which only the open intent tells to be ours");
    assert!(!ends(&mut world.after(ARRIVES_WITHIN.as_secs())), "believed absent only after a while");
}

#[test]
fn a_delete_waits_for_another_sending_of_what_is_seen_only_where_there_was_another() {
    let settles = |times: u32| {
        let (mut world, intent) = unanswered(times);
        let healthy = World::healthy(2);
        world.observed.load_balancers = healthy.observed.load_balancers;
        let tags =
            [(TAG_UID.to_owned(), world.record.status.uid.to_string()), (TAG_INTENT.to_owned(), intent.id.to_string())];
        seen(&mut world.observed.tags).insert(ElbTaggable::LoadBalancer(alb()), tags.into());
        let plan = world.pass();
        assert_eq!(plan.status.load_balancer.as_ref().map(|recorded| &recorded.arn), Some(&alb()), "{plan}");
        plan.settled.iter().any(|settled| settled.id == intent.id)
    };
    assert!(settles(1), "the one that was sent made it");
    assert!(!settles(2), "one of the two made it, and the other may still arrive");
}

/// A healthy world whose load balancer's create is still open.
fn standing_with_open_intent() -> (World, Intent) {
    let (world, intent) = unanswered(1);
    let mut healthy = World::healthy(2);
    healthy.record.intents = world.record.intents;
    (healthy, intent)
}

#[test]
fn after_a_restart_any_create_may_have_been_sent_twice() {
    let (mut world, intent) = standing_with_open_intent();
    world.record.status.load_balancer = None;
    let tags =
        [(TAG_UID.to_owned(), world.record.status.uid.to_string()), (TAG_INTENT.to_owned(), intent.id.to_string())];
    seen(&mut world.observed.tags).insert(ElbTaggable::LoadBalancer(alb()), tags.into());
    let plan = world.pass();
    assert_eq!(plan.status.load_balancer.as_ref().map(|recorded| &recorded.arn), Some(&alb()));
    assert_eq!(plan.settled, [], "nobody knows how often it was sent: {plan}");
}

#[test]
fn an_intent_that_is_open_over_what_it_made_is_settled_once_nothing_can_arrive_any_more() {
    let (mut world, intent) = standing_with_open_intent();
    assert_eq!(world.pass().settled, []);
    let mut world = world.after(ARRIVES_WITHIN.as_secs());
    assert_eq!(world.pass().settled, []);
    let mut world = world.after(200);
    world.observed.image = Part::Unread("denied".into());
    let plan = world.pass();
    assert_eq!(plan.settled, [intent], "an image that cannot be read has nothing to do with it: {plan}");
}

#[test]
fn a_load_balancer_that_an_earlier_sending_made_takes_the_place_of_the_one_that_is_gone() {
    let (mut healthy, intent) = standing_with_open_intent();
    let other = LoadBalancerArn::parse(format!("{}-2", alb())).unwrap();
    let tags =
        [(TAG_UID.to_owned(), healthy.record.status.uid.to_string()), (TAG_INTENT.to_owned(), intent.id.to_string())];
    seen(&mut healthy.observed.load_balancers)[0].arn = other.clone();
    seen(&mut healthy.observed.tags).insert(ElbTaggable::LoadBalancer(other.clone()), tags.into());
    let plan = healthy.pass();
    assert_eq!(plan.settled, [], "an older reading may have shown it: the other one can take the place back");
    assert_eq!(plan.status.load_balancer.map(|recorded| recorded.arn), Some(other), "there are never two of one name");
    assert_eq!(plan.status.listeners, [], "its listeners are to be made");
}

#[test]
fn an_orphan_is_not_given_up_while_a_sending_of_it_may_still_arrive() {
    let (mut world, _) = unanswered(1);
    world.missing_after = Duration::from_secs(3);
    assert!(!ends(&mut world));
    let mut world = world.after(ARRIVES_WITHIN.as_secs() / 2);
    assert!(!ends(&mut world), "it may arrive until two minutes after it was sent");
    let mut world = world.after(ARRIVES_WITHIN.as_secs());
    assert!(ends(&mut world), "by now it would have");
}

#[test]
fn an_orphan_is_not_given_up_while_tags_are_not_read_that_would_tell_it() {
    let (mut world, _) = unanswered(1);
    assert!(!ends(&mut world));
    let mut world = world.after(ARRIVES_WITHIN.as_secs() * 3);
    let tags = std::mem::replace(&mut world.observed.tags, Part::Unread("denied".into()));
    world.record.deleting = true;
    assert_eq!(world.pass().settled, []);
    world.observed.tags = tags;
    assert!(ends(&mut world));
}

#[test]
fn an_open_launch_is_sent_again_only_where_there_is_room_though_it_is_wanted() {
    let mut world = World::healthy(2).edited(|spec| spec.instances.user_data = Some("#new".into()));
    let plan = world.pass();
    let Does::Create(intent) = &plan.actions[0].does else { panic!("{plan}") };
    world.record.intents.push((**intent).clone());
    world.store(&plan);
    assert_eq!(ids(&world.pass()), ["launch/3"].into());
    // Another was launched while the count was higher, and is there to stay.
    let mut world = world.member(4, 'c');
    world.status(4).template = "another".into();
    let plan = world.pass();
    assert!(ids(&plan).iter().all(|id| !id.starts_with("launch/")), "three live and three may: {plan}");
    assert!(plan.to_string().contains("room to ask what became of in-"), "{plan}");
}

#[test]
fn a_first_sending_that_is_refused_closes_its_intent() {
    let mut world = World::healthy(1).edited(|spec| spec.instances.count = 2);
    let plan = world.pass();
    assert_eq!(world.concluded(&plan, |_| Outcome::Failed(refused())).closed.len(), 1);
}

#[test]
fn a_teardown_whose_instances_are_unread_removes_nothing() {
    let mut world = World::healthy(1);
    world.record.deleting = true;
    world.record.status.instances.clear();
    seen(&mut world.observed.instances).clear();
    world.targets().clear();
    assert!(ids(&world.pass()).contains("delete-load-balancer"));
    world.observed.instances = Part::Unread("no reply".into());
    let plan = world.pass();
    assert_eq!(plan.actions, [], "{plan}");
}

#[test]
fn too_many_sick_hold_those_on_their_way_out_too() {
    let mut world = World::healthy(3).member(4, 'a');
    leaves(&mut world, 1, Reason::MemberSick, true);
    world.targets().retain(|target| target.id != "i-1");
    assert_eq!(ids(&world.pass()), ["terminate/i-1"].into());
    let mut world = world.unhealthy_for(2, 900).unhealthy_for(3, 900);
    let plan = world.pass();
    assert_eq!(plan.actions, [], "{plan}");
    assert!(plan.to_string().contains("fewer members to be sick before i-1"), "{plan}");
}

#[test]
fn an_impaired_member_that_serves_stays_while_others_do_not() {
    let mut world = World::healthy(2).member(3, 'a');
    world = world.health(2, TargetHealth::Initial, "").health(3, TargetHealth::Initial, "");
    // The newest where two are: of three that are unwell, it would be the one to go.
    world.status(1).launched_at = world.now;
    world.status(3).launched_at = world.record.status.creation_timestamp;
    seen(&mut world.observed.status_checks).insert(instance_id(1), StatusChecks::Impaired);
    assert!(!ids(&world.pass()).contains("take-out/i-1"), "it is unwell, but the only one that serves");
    let mut world = world.health(1, TargetHealth::Unhealthy, "Target.Timeout");
    assert!(ids(&world.pass()).contains("take-out/i-1"), "it serves no more");
}

#[test]
fn a_dropped_tag_is_remembered_while_a_call_that_put_it_may_still_arrive() {
    let mut world = World::healthy(1);
    world.record.status.tag_keys = ["Team".to_owned()].into();
    let plan = world.pass();
    assert!(plan.status.tag_keys.contains("Team"), "it is on nothing, but may come");
    world.store(&plan);
    world.group(crate::record::GroupRole::Instances).tags.insert("Team".into(), "shop".into());
    assert_eq!(ids(&world.pass()), ["untag/sg-inst"].into(), "it came");
    world.group(crate::record::GroupRole::Instances).tags.remove("Team");
    let mut world = world.after(ARRIVES_WITHIN.as_secs());
    assert!(world.pass().status.tag_keys.is_empty());
}

/// Once a launch was sent again half an hour after its tag had been dropped: the instance kept it for ever.
#[test]
fn a_dropped_tag_is_remembered_while_a_create_that_puts_it_may_be_sent_again() {
    let mut world = World::healthy(1).edited(|spec| spec.instances.count = 2);
    let plan = world.pass();
    let Does::Create(intent) = &plan.actions[0].does else { panic!("{plan}") };
    world.record.intents.push((**intent).clone());
    world.record.status.tag_keys = ["Team".to_owned()].into();
    for _ in 0..2 {
        let plan = world.pass();
        assert!(plan.status.tag_keys.contains("Team"), "the launch may bring it: {plan}");
        world.store(&plan);
        world = world.after(1800);
    }
    world.pass();
    world.record.intents.clear();
    let mut world = world.after(ARRIVES_WITHIN.as_secs());
    assert!(world.pass().status.tag_keys.is_empty(), "it is closed, and what it made has come");
}

/// Once a port was edited there and back while a tag was dropped: the target group came back with the tag, for ever.
#[test]
fn a_dropped_tag_is_remembered_while_a_target_group_that_may_be_wanted_again_stands() {
    let mut world = with_a_next_group(World::healthy(1), &[1]);
    world.record.status.tag_keys = ["Team".to_owned()].into();
    for _ in 0..2 {
        let plan = world.pass();
        assert!(plan.status.tag_keys.contains("Team"), "the replaced group may carry it: {plan}");
        world.store(&plan);
        world = world.after(3600);
    }
}

/// A group of another port, made and recorded, which the listener warms; `well` are healthy in it.
pub(super) fn with_a_next_group(mut world: World, well: &[u32]) -> World {
    world = world.edited(|spec| spec.services[0].port = 9090);
    let spec = world.record.spec.clone().unwrap();
    let wanted = crate::desired::wanted(&world.record, &spec, &world.observed).unwrap().target_group;
    let arn = aws_api::id::TargetGroupArn::parse("arn:next").unwrap();
    let mut group = seen(&mut world.observed.target_groups)[0].clone();
    (group.arn, group.name, group.port) = (arn.clone(), wanted.name.clone(), Some(9090));
    seen(&mut world.observed.target_groups).push(group);
    world.observed.target_group_attributes.insert(arn.clone(), Part::Seen(wanted.attributes));
    world.record.status.target_groups.push(crate::status::TargetGroupStatus {
        service: "web".into(),
        arn: arn.clone(),
        name: wanted.name,
        port: 9090,
        intent: None,
    });
    let on = |slot: &u32| Target { port: 9090, ..target(instance_id(*slot).as_str(), TargetHealth::Healthy, None) };
    world.observed.targets.insert(arn.clone(), Part::Seen(well.iter().map(on).collect()));
    seen(world.observed.listeners.get_mut(&alb()).unwrap())[0].warms = Some(arn);
    world
}

#[test]
fn nobody_leaves_whom_the_next_target_group_needs() {
    let mut world = with_a_next_group(World::healthy(2).member(3, 'c'), &[1, 2]);
    // The newest of three would be the one to go.
    world.status(1).launched_at = world.now;
    world.status(3).launched_at = world.record.status.creation_timestamp;
    let plan = world.pass();
    assert!(ids(&plan).contains("set-listener/80"), "the listener moves in this very pass: {plan}");
    assert!(!ids(&plan).contains("take-out/i-1") && !ids(&plan).contains("take-out/i-2"), "{plan}");
}

#[test]
fn a_leaver_that_serves_where_it_is_to_serve_next_stays_until_others_do() {
    let mut world = with_a_next_group(World::healthy(3), &[1, 3]).edited(|spec| spec.instances.count = 2);
    // Taken out of the group that serves by this reading, an older one; by now the next one serves.
    leaves(&mut world, 3, Reason::MemberSurplus, false);
    let mut world = world.health(3, TargetHealth::Draining, "Target.DeregistrationInProgress");
    let plan = world.pass();
    assert!(!ids(&plan).contains("take-out/i-3"), "one healthy member would be left of two");
    assert!(plan.to_string().contains("stays until others are healthy: 1 of 2"), "{plan}");
    let mut world = World { observed: with_a_next_group(World::healthy(3), &[1, 2, 3]).observed, ..world };
    assert!(ids(&world.pass()).contains("take-out/i-3"));
}

#[test]
fn a_group_is_emptied_only_once_it_was_seen_unused_for_a_while() {
    let mut world = with_a_next_group(World::healthy(2), &[1, 2]);
    let arn = aws_api::id::TargetGroupArn::parse("arn:next").unwrap();
    let listener = &mut seen(world.observed.listeners.get_mut(&alb()).unwrap())[0];
    (listener.forwards_to, listener.warms) = (Some(arn), None);
    assert!(!ids(&world.pass()).iter().any(|id| id.starts_with("deregister/")), "an older reading may show it unused");
    // It is used again: the while begins anew.
    let mut world = world.after(100);
    seen(world.observed.listeners.get_mut(&alb()).unwrap())[0].warms = Some(target_group());
    world.pass();
    seen(world.observed.listeners.get_mut(&alb()).unwrap())[0].warms = None;
    let mut world = world.after(100);
    assert!(!ids(&world.pass()).iter().any(|id| id.starts_with("deregister/")));
    let mut world = world.after(ARRIVES_WITHIN.as_secs());
    assert!(ids(&world.pass()).iter().any(|id| id.starts_with("deregister/")));
}

#[test]
fn the_pass_that_uses_the_last_of_the_budget_does_not_say_that_healing_is_held() {
    let stopped = |world: World, slot| {
        world.state(slot, InstanceState::Stopped).health(slot, TargetHealth::Unused, "Target.InvalidState")
    };
    let mut world = stopped(stopped(World::healthy(4), 3), 4);
    world.spec().instances.count = 2;
    world.spec().healing.max_terminations_per_hour = 1;
    let plan = world.pass();
    let truth = |plan: &Plan| plan.status.condition(crate::status::ConditionType::HealingAllowed).unwrap().status;
    assert_eq!((ids(&plan), truth(&plan)), (["take-out/i-3"].into(), crate::status::Truth::True), "{plan}");
    world.store(&plan);
    world.targets().retain(|target| target.id != "i-3");
    let plan = world.pass();
    assert_eq!(ids(&plan), ["terminate/i-3"].into(), "{plan}");
    assert_eq!(truth(&plan), crate::status::Truth::False, "{plan}");
}
