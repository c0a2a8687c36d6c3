//! What follows from the outcomes of a plan: what is recorded, told and tried again.

use std::time::Duration;

use aws_api::ec2::InstanceState;
use aws_api::elbv2::TargetHealth;
use aws_api::id::{ListenerArn, TargetGroupArn};
use aws_api::{ErrorKind, ResourceId};
use jiff::SignedDuration;

use super::converging::made;
use super::world::*;
use crate::action::{Action, Does, Plan};
use crate::conclude::Conclusion;
use crate::memory::ARRIVES_WITHIN;
use crate::outcome::{Fault, Outcome};
use crate::reason::{Reason, Severity};
use crate::status::{ConditionType, ListenerStatus, Truth, Wait, WaitOn};

fn fault(kind: ErrorKind, definite: bool) -> Fault {
    Fault {
        operation: "Call".into(),
        iam_action: "ec2:Call".into(),
        kind,
        code: Some("Code".into()),
        message: "words".into(),
        definite,
    }
}

fn told(conclusion: &Conclusion) -> Vec<String> {
    conclusion.events.iter().map(|event| format!("{} {}", event.reason, event.message)).collect()
}

/// The events of a pass in which nothing is done.
fn told_of(world: &mut World) -> Vec<String> {
    let plan = world.pass();
    let conclusion = world.concluded(&plan, |_| Outcome::NotTried("as a test wants it".into()));
    told(&conclusion)
}

fn with_foreign_target(count: u32) -> World {
    let mut world = World::healthy(count);
    world.targets().push(target("i-foreign", TargetHealth::Healthy, None));
    world
}

#[test]
fn a_condition_that_turned_is_told_and_one_that_stayed_is_not() {
    let mut world = World::healthy(2);
    assert_eq!(told_of(&mut world), [""; 0]);
    let mut world = world.health(1, TargetHealth::Initial, "");
    let turned = [
        "Degraded Ready is False: TargetsHealthy: 1 of 2 healthy",
        "TooFewHealthy TargetsHealthy is False: 1 of 2 healthy",
    ];
    assert_eq!(told_of(&mut world), turned);
    let plan = world.pass();
    world.store(&plan);
    assert_eq!(told_of(&mut world), [""; 0]);
}

#[test]
fn a_condition_that_stays_false_for_another_reason_is_told() {
    let mut world = World::healthy(2).health(1, TargetHealth::Initial, "");
    let plan = world.pass();
    world.store(&plan);
    world.spec().paused = true;
    assert_eq!(told_of(&mut world), ["Paused Ready is False: TargetsHealthy: 1 of 2 healthy"]);
}

#[test]
fn drift_is_told_by_the_action_that_sets_it_right_and_what_hinders_it_is_told() {
    let mut world = with_foreign_target(2);
    let plan = world.pass();
    assert_eq!(plan.status.condition(ConditionType::InSync).unwrap().reason, Reason::Drifted);
    let conclusion = world.concluded(&plan, |_| Outcome::Done(None));
    let name = "shop-web-6bdbe364";
    assert_eq!(
        told(&conclusion),
        [
            format!("Degraded Ready is False: InSync: deregister/{name} (TargetForeign)"),
            format!("TargetForeign deregister/{name}: i-foreign:8080 in {name}"),
        ]
    );
    assert_eq!(conclusion.events[1].severity, Severity::Warning);
    let mut world = with_foreign_target(2);
    let plan = world.pass();
    world.concluded(&plan, |_| Outcome::Failed(fault(ErrorKind::Transient, false)));
    let hindered = "ActionFailed InSync is False: Call: Code: words";
    assert!(told_of(&mut world).contains(&hindered.to_owned()));
}

#[test]
fn of_the_first_pass_only_what_is_not_well_is_told() {
    let mut world = World::empty(1);
    let told = told_of(&mut world);
    let conditions = told.iter().map(|event| event.split(' ').nth(1).unwrap()).collect::<Vec<_>>();
    assert_eq!(conditions, ["Ready", "LoadBalancerReady", "TargetsHealthy"], "{told:?}");
}

#[test]
fn what_comes_back_to_well_is_told() {
    let mut world = World::healthy(1).health(1, TargetHealth::Initial, "");
    let plan = world.pass();
    world.store(&plan);
    let mut world = world.health(1, TargetHealth::Healthy, "");
    assert_eq!(
        told_of(&mut world),
        ["AllHealthy Ready is True: 1 of 1 healthy", "TargetsHealthy TargetsHealthy is True: 1 of 1 healthy"]
    );
    // A reading that is lost makes it Unknown, which is told as well.
    world.observed.targets.insert(target_group(), crate::observed::Part::Unread("timeout".into()));
    assert!(told_of(&mut world).contains(&"Unread TargetsHealthy is Unknown: timeout".to_owned()));
}

#[test]
fn what_was_made_is_told_by_its_id_and_not_by_the_name_of_its_action() {
    let mut world = World::empty(1);
    let plan = world.pass();
    let conclusion = world.concluded(&plan, made);
    let told = told(&conclusion);
    let group = "NotYetMade create-group/load-balancer: security group shop-alb-sg";
    assert!(told.contains(&group.to_owned()), "{told:?}");
    let rules = "NotYetMade authorize/instances/ingress: ingress of the instances group: tcp 22 203.0.113.0/24, tcp 8080 sg-alb";
    assert!(told.contains(&rules.to_owned()), "{told:?}");
    let about: Vec<&str> = conclusion.events.iter().map(|event| event.resource.as_str()).collect();
    for id in ["sg-alb", "sg-inst", ALB, GROUP, LISTENER, "i-1"] {
        assert!(about.contains(&id), "{id} of {about:?}");
    }
    assert!(about.iter().all(|resource| !resource.contains("(of ")), "{about:?}");
}

/// One action of a plan, and what follows from its outcome.
fn concluded(world: &mut World, plan: &Plan, id: &str, outcome: Outcome) -> Conclusion {
    world.concluded(plan, |action| {
        if action.id.0 == id { outcome.clone() } else { Outcome::NotTried("as a test wants it".into()) }
    })
}

#[test]
fn a_listener_that_is_made_stands_beside_the_others_and_in_the_place_of_its_own() {
    let mut world = World::healthy(1);
    let mut second = world.spec().load_balancer.listeners[0].clone();
    second.port = 81;
    let mut world = world.edited(|spec| spec.load_balancer.listeners.push(second));
    let plan = world.pass();
    let arn = |nth: u32| ListenerArn::parse(format!("arn:listener/{nth}")).unwrap();
    let done = |nth| Outcome::Done(Some(ResourceId::Listener(arn(nth))));
    let listeners = concluded(&mut world, &plan, "create-listener/81", done(1)).status.listeners;
    let of = |listeners: &[ListenerStatus]| listeners.iter().map(|one| (one.port, one.arn.clone())).collect::<Vec<_>>();
    let first = (80, ListenerArn::parse(LISTENER).unwrap());
    assert_eq!(of(&listeners), [first.clone(), (81, arn(1))]);
    assert!(listeners[1].intent.is_some() && listeners[1].forwards_to.is_none(), "it was not yet seen");
    // One of that port is recorded, and is gone: the one that is made takes its place.
    let mut plan = plan;
    plan.status.listeners = listeners;
    let listeners = concluded(&mut world, &plan, "create-listener/81", done(2)).status.listeners;
    assert_eq!(of(&listeners), [first, (81, arn(2))]);
}

#[test]
fn what_a_replay_returns_a_second_time_is_recorded_once() {
    let mut world = World::empty(1);
    let plan = world.pass();
    let once = world.concluded(&plan, made).status;
    let mut again = plan.clone();
    again.status = once.clone();
    assert_eq!(world.concluded(&again, made).status, once);
    let two = |action: &Action| match action.id.0.split('/').next() {
        Some("launch") => Outcome::Done(Some(ResourceId::Instance(instance_id(2)))),
        Some("create-target-group") => {
            Outcome::Done(Some(ResourceId::TargetGroup(TargetGroupArn::parse("arn:2").unwrap())))
        }
        Some(_) | None => made(action),
    };
    let status = world.concluded(&again, two).status;
    assert_eq!((status.instances.len(), status.target_groups.len()), (2, 2), "another one is recorded beside it");
}

#[test]
fn a_reply_of_another_kind_than_was_asked_for_records_nothing() {
    let mut world = World::empty(1);
    let plan = world.pass();
    let other = Outcome::Done(Some(ResourceId::Instance(instance_id(1))));
    let status = concluded(&mut world, &plan, "create-load-balancer", other).status;
    assert!(status.holds_nothing());
}

#[test]
fn a_launch_that_took_place_is_remembered_as_the_successor() {
    let mut world = World::healthy(2).unhealthy_for(1, 600);
    let plan = world.pass();
    let launched = Outcome::Done(Some(ResourceId::Instance(instance_id(3))));
    assert!(concluded(&mut world, &plan, "launch/3", launched).status.instances[0].succeeded);
    let plan = world.pass();
    let failed = Outcome::Failed(fault(ErrorKind::Capacity, true));
    assert!(!concluded(&mut world, &plan, "launch/3", failed).status.instances[0].succeeded);
}

/// A second member was launched, and nobody knows what came of it.
fn launch_without_a_reply() -> World {
    let mut world = World::healthy(1).edited(|spec| spec.instances.count = 2);
    let plan = world.pass();
    let Does::Create(intent) = &plan.actions[0].does else { panic!("{plan}") };
    world.concluded(&plan, |_| Outcome::Failed(fault(ErrorKind::Transient, false)));
    world.store(&plan);
    world.record.intents.push((**intent).clone());
    world
}

#[test]
fn a_refused_replay_closes_its_intent_two_minutes_after_the_lost_sending_to_the_second() {
    let world = launch_without_a_reply();
    let mut world = world.after(ARRIVES_WITHIN.as_secs());
    let plan = world.pass();
    assert!(matches!(plan.actions[0].does, Does::Replay(_)), "{plan}");
    assert_eq!(world.concluded(&plan, |_| Outcome::Failed(fault(ErrorKind::Invalid, true))).closed.len(), 1);
}

#[test]
fn a_definite_refusal_of_a_replay_is_no_sending_that_may_still_arrive() {
    let world = launch_without_a_reply();
    // Refused too early to be believed; that sending itself is settled, and moves nothing.
    let mut world = world.after(60);
    let plan = world.pass();
    assert_eq!(world.concluded(&plan, |_| Outcome::Failed(fault(ErrorKind::NotFound, true))).closed, []);
    let mut world = world.after(60);
    let plan = world.pass();
    assert_eq!(world.concluded(&plan, |_| Outcome::Failed(fault(ErrorKind::NotFound, true))).closed.len(), 1);
}

#[test]
fn a_failure_is_explained_by_its_kind_and_by_what_was_tried() {
    let reason = |id: &str, kind: ErrorKind| {
        let mut world = World::healthy(2).member(3, 'a').edited(|spec| spec.instances.count = 4);
        world = world.state(3, InstanceState::Stopped).health(3, TargetHealth::Unused, "");
        world.status(3).leaving =
            Some(crate::status::Leaving { reason: Reason::MemberStopped, healing: true, since: world.now });
        world.targets().retain(|target| target.id != "i-3");
        world.targets().push(target("i-foreign", TargetHealth::Healthy, None));
        let plan = world.pass();
        assert!(ids(&plan).contains(id), "{plan}");
        let conclusion = concluded(&mut world, &plan, id, Outcome::Failed(fault(kind, true)));
        conclusion.events.last().unwrap().reason
    };
    let (launch, terminate, change) = ("launch/4", "terminate/i-3", "deregister/shop-web-6bdbe364");
    for id in [launch, terminate, change] {
        assert_eq!(reason(id, ErrorKind::Denied), Reason::ActionDenied, "{id}");
        for kind in [ErrorKind::Throttled, ErrorKind::Exists, ErrorKind::Transient, ErrorKind::Bug] {
            assert_eq!(reason(id, kind), Reason::ActionFailed, "{id}: {kind}");
        }
    }
    assert_eq!(reason(launch, ErrorKind::Capacity), Reason::InsufficientCapacity);
    for kind in [ErrorKind::Invalid, ErrorKind::NotFound] {
        assert_eq!(reason(launch, kind), Reason::LaunchRejected);
    }
    for kind in [ErrorKind::Capacity, ErrorKind::Invalid, ErrorKind::NotFound] {
        assert_eq!(reason(change, kind), Reason::ActionFailed);
    }
    assert_eq!(reason(terminate, ErrorKind::Conflict), Reason::TerminationProtected);
    assert_eq!(reason(change, ErrorKind::Conflict), Reason::ActionFailed);
}

/// When the pass after one with these waits comes.
fn requeue(waits: &[(WaitOn, Option<i64>)]) -> Option<Duration> {
    let mut world = World::healthy(1);
    let mut plan = world.pass();
    plan.waiting_for = waits
        .iter()
        .map(|(on, secs)| {
            let until = secs.map(|secs| world.now.checked_add(SignedDuration::from_secs(secs)).unwrap());
            Wait { what: "it".into(), until, on: *on }
        })
        .collect();
    world.concluded(&plan, |_| Outcome::Done(None)).requeue
}

#[test]
fn the_next_pass_comes_when_the_first_of_what_is_waited_for_may_be_there() {
    let seconds = |secs| Some(Duration::from_secs(secs));
    assert_eq!(requeue(&[]), None);
    assert_eq!(requeue(&[(WaitOn::Person, Some(30))]), None);
    assert_eq!(requeue(&[(WaitOn::Time, None)]), None);
    assert_eq!(requeue(&[(WaitOn::Time, Some(30)), (WaitOn::Time, Some(20)), (WaitOn::Person, None)]), seconds(20));
    assert_eq!(requeue(&[(WaitOn::Aws, Some(30)), (WaitOn::Time, Some(20))]), seconds(4));
    assert_eq!(requeue(&[(WaitOn::Time, Some(0))]), seconds(1), "never sooner");
    assert_eq!(requeue(&[(WaitOn::Time, Some(-1))]), None, "what was due and did not come is no reason to hurry");
}

#[test]
fn the_next_pass_comes_soon_after_one_that_acted_or_settled_and_at_the_retry_of_one_that_failed() {
    let seconds = |secs| Some(Duration::from_secs(secs));
    let mut world = with_foreign_target(1);
    let plan = world.pass();
    assert_eq!(world.concluded(&plan, |_| Outcome::Done(None)).requeue, seconds(1));
    let mut failing = with_foreign_target(1);
    let plan = failing.pass();
    let failed = Outcome::Failed(fault(ErrorKind::Transient, false));
    assert_eq!(failing.concluded(&plan, |_| failed.clone()).requeue, seconds(2));
    assert_eq!(failing.concluded(&plan, |_| failed.clone()).requeue, seconds(4));
    let creates = World::empty(1).pass();
    let Does::Create(intent) = &creates.actions[0].does else { panic!("{creates}") };
    let mut world = World::healthy(1);
    let mut plan = world.pass();
    plan.settled.push((**intent).clone());
    assert_eq!(world.concluded(&plan, |_| Outcome::Done(None)).requeue, seconds(1));
}

#[test]
fn what_acted_and_succeeded_is_tried_afresh_when_it_is_needed_again() {
    let mut world = with_foreign_target(1);
    let plan = world.pass();
    world.concluded(&plan, |_| Outcome::Failed(fault(ErrorKind::Transient, false)));
    let mut world = world.after(2);
    let plan = world.pass();
    world.concluded(&plan, |_| Outcome::Done(None));
    assert_eq!(world.memory.retries.all().count(), 0);
    assert_eq!(world.pass().status.condition(ConditionType::InSync).unwrap().status, Truth::True);
}

#[test]
fn a_failure_whose_retry_waits_for_another_action_does_not_hurry_the_next_pass() {
    let mut world = with_foreign_target(1);
    let plan = world.pass();
    let failed = Outcome::Failed(fault(ErrorKind::Transient, false));
    world.concluded(&plan, |_| failed.clone());
    world.now = world.now.checked_add(Duration::from_secs(3)).unwrap();
    let held = Outcome::NotTried("what it depends on failed".into());
    assert_eq!(world.concluded(&plan, |_| held.clone()).requeue, None);
}
