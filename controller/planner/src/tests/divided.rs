//! Batches that AWS refuses for one of their members, attributes that exclude each other, and how soon what failed is tried.

use std::collections::BTreeMap;

use aws_api::elbv2::TargetGroupWrite;
use aws_api::{ErrorKind, Write};

use super::world::*;
use crate::action::Plan;
use crate::outcome::{Fault, Outcome};
use crate::reason::{Reason, Severity};
use crate::record::GroupRole;
use crate::status::ConditionType;

const SET: &str = "set-target-group-attributes/shop-web-6bdbe364";
const DELAY: &str = "deregistration_delay.timeout_seconds";
const SLOW_START: &str = "slow_start.duration_seconds";
const ALGORITHM: &str = "load_balancing.algorithm.type";
const MITIGATION: &str = "load_balancing.algorithm.anomaly_mitigation";

fn fault(kind: ErrorKind, code: &str) -> Fault {
    Fault {
        operation: "Call".into(),
        iam_action: "elasticloadbalancing:Call".into(),
        kind,
        code: Some(code.into()),
        message: "words".into(),
        definite: true,
    }
}

fn invalid() -> Outcome {
    Outcome::Failed(fault(ErrorKind::Invalid, "InvalidConfigurationRequest"))
}

/// A world in which attributes of the target group were set by hand, read twice.
fn by_hand(set: &[(&str, &str)]) -> World {
    let mut world = World::healthy(2);
    let attributes = seen(world.observed.target_group_attributes.get_mut(&target_group()).unwrap());
    attributes.extend(set.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    world.pass();
    world
}

fn sets(plan: &Plan) -> BTreeMap<String, BTreeMap<String, String>> {
    let set = |action: &crate::action::Action| {
        let Write::TargetGroup(TargetGroupWrite::SetAttributes { attributes, .. }) =
            action.does.writes().into_iter().next()?
        else {
            return None;
        };
        Some((action.id.0.clone(), attributes))
    };
    plan.actions.iter().filter_map(set).collect()
}

fn keys(plan: &Plan) -> Vec<(String, Vec<String>)> {
    sets(plan).into_iter().map(|(id, set)| (id.replace(SET, "set"), set.into_keys().collect())).collect()
}

fn set(id: &str, keys: &[&str]) -> (String, Vec<String>) {
    (format!("set{id}"), keys.iter().map(|key| (*key).to_owned()).collect())
}

#[test]
fn what_aws_refuses_beside_the_algorithm_of_the_record_gives_way_in_the_same_call() {
    let mut world = by_hand(&[(ALGORITHM, "weighted_random"), (MITIGATION, "on")]);
    let plan = world.pass();
    let wanted = [(ALGORITHM, "round_robin"), (MITIGATION, "off")];
    let wanted = wanted.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    assert_eq!(sets(&plan)[SET], wanted, "{plan}");
    assert!(plan.to_string().contains("with it load_balancing.algorithm.anomaly_mitigation=off"), "{plan}");
    let mut kept = by_hand(&[(MITIGATION, "on")]);
    assert_eq!(kept.pass().actions, [], "alone it is not ours to change");
}

#[test]
fn cross_zone_that_was_switched_off_gives_way_to_sticky_sessions() {
    let mut world = by_hand(&[("load_balancing.cross_zone.enabled", "false")])
        .edited(|spec| spec.services[0].stickiness = serde_json::from_str(r#"{"duration": "1h"}"#).unwrap());
    let plan = world.pass();
    assert_eq!(sets(&plan)[SET]["load_balancing.cross_zone.enabled"], "use_load_balancer_configuration", "{plan}");
}

#[test]
fn a_refused_batch_of_attributes_is_divided_so_that_what_can_be_set_is_set() {
    let mut world = by_hand(&[(DELAY, "1"), (SLOW_START, "30"), (ALGORITHM, "least_outstanding_requests")]);
    let plan = world.pass();
    assert_eq!(keys(&plan), [set("", &[DELAY, ALGORITHM, SLOW_START])]);
    world.concluded(&plan, |_| invalid());
    // What AWS judges together stays together at first.
    let plan = world.pass();
    assert_eq!(keys(&plan), [set(&format!("/{DELAY}"), &[DELAY]), set("/related", &[ALGORITHM, SLOW_START])], "{plan}");
    world.concluded(&plan, |action| if action.id.0.ends_with("/related") { invalid() } else { Outcome::Done(None) });
    let attributes = seen(world.observed.target_group_attributes.get_mut(&target_group()).unwrap());
    attributes.insert(DELAY.into(), "60".into());
    let plan = world.pass();
    let each = [set(&format!("/{ALGORITHM}"), &[ALGORITHM]), set(&format!("/{SLOW_START}"), &[SLOW_START])];
    assert_eq!(keys(&plan), each, "{plan}");
    world.concluded(&plan, |_| invalid());
    // Each has its own pause, and is named.
    let plan = world.pass();
    assert_eq!(plan.actions, [], "{plan}");
    let message = &plan.status.condition(ConditionType::InSync).unwrap().message;
    assert!(message.contains("slow_start.duration_seconds=0"), "{message}");
    assert_eq!(keys(&world.after(121).pass()), each, "not as one batch again");
}

#[test]
fn once_all_is_set_the_next_batch_is_sent_whole() {
    let mut world = by_hand(&[(DELAY, "1"), (SLOW_START, "30")]);
    let plan = world.pass();
    world.concluded(&plan, |_| invalid());
    world.observed = World::healthy(2).observed;
    world.pass();
    world.observed = by_hand(&[(DELAY, "1"), (SLOW_START, "30")]).observed;
    world.pass();
    assert_eq!(keys(&world.pass()), [set("", &[DELAY, SLOW_START])]);
}

#[test]
fn what_is_denied_or_not_answered_is_not_divided() {
    for (kind, definite) in [(ErrorKind::Denied, true), (ErrorKind::Transient, false), (ErrorKind::Throttled, false)] {
        let mut world = by_hand(&[(DELAY, "1"), (SLOW_START, "30")]);
        let plan = world.pass();
        world.concluded(&plan, |_| Outcome::Failed(Fault { definite, ..fault(kind, "Code") }));
        assert_eq!(keys(&world.after(121).pass()), [set("", &[DELAY, SLOW_START])], "{kind}");
    }
}

#[test]
fn one_bad_instance_keeps_no_other_out() {
    let mut world = World::healthy(2);
    world.targets().clear();
    world.pass();
    let plan = world.pass();
    assert!(ids(&plan).contains("register/shop-web-6bdbe364"), "{plan}");
    world.concluded(&plan, |_| Outcome::Failed(fault(ErrorKind::Invalid, "InvalidTarget")));
    let plan = world.pass();
    let each = ["register/shop-web-6bdbe364/i-1", "register/shop-web-6bdbe364/i-2"];
    assert_eq!(ids(&plan), each.into(), "{plan}");
}

#[test]
fn one_bad_rule_keeps_no_other_out() {
    let mut world = World::healthy(1);
    world.group(GroupRole::Instances).ingress.clear();
    world.pass();
    let plan = world.pass();
    world.concluded(&plan, |_| Outcome::Failed(fault(ErrorKind::NotFound, "InvalidGroup.NotFound")));
    let plan = world.pass();
    let each = ["authorize/instances/ingress/tcp 22 203.0.113.0/24", "authorize/instances/ingress/tcp 8080 sg-alb"];
    assert_eq!(ids(&plan), each.into(), "{plan}");
}

/// The pause after the first refusal of a delete of the instances' group, and whether the load balancer had gone before.
fn pause_of_delete(just_released: bool) -> i64 {
    let mut world = World::healthy(1);
    world.record.deleting = true;
    if just_released {
        world.memory.note_released(world.now);
    }
    let empty = World::empty(1);
    world.observed.load_balancers = empty.observed.load_balancers;
    world.observed.target_groups = empty.observed.target_groups;
    world.observed.instances = empty.observed.instances;
    world.record.status.load_balancer = None;
    world.record.status.listeners.clear();
    world.record.status.target_groups.clear();
    world.record.status.instances.clear();
    let plan = world.pass();
    assert!(ids(&plan).contains("delete-group/instances"), "{plan}");
    world.concluded(&plan, |_| Outcome::Failed(fault(ErrorKind::Conflict, "DependencyViolation")));
    let (_, failure) = world.memory.retries.all().next().unwrap();
    failure.retry_at.duration_since(world.now).as_secs()
}

#[test]
fn what_somebody_else_uses_is_tried_rarely_and_what_ours_has_just_released_soon() {
    assert_eq!(pause_of_delete(false), 120);
    assert_eq!(pause_of_delete(true), 2, "AWS releases the interfaces of a load balancer minutes after it is gone");
}

#[test]
fn a_denial_is_told_in_the_words_of_the_first_though_aws_encodes_each_anew() {
    let mut world = by_hand(&[(DELAY, "1")]);
    let mut told = std::collections::BTreeSet::new();
    for nth in 0..3 {
        let plan = world.pass();
        let denied = Fault { message: format!("Encoded {nth}"), ..fault(ErrorKind::Denied, "UnauthorizedOperation") };
        let events = world.concluded(&plan, |_| Outcome::Failed(denied.clone())).events;
        let of_action = events.into_iter().filter(|event| event.resource == "shop-web-6bdbe364");
        told.extend(of_action.map(|event| event.message));
        world = world.after(1801);
    }
    assert_eq!(told.len(), 1, "{told:?}");
}

#[test]
fn what_aws_does_not_know_yet_of_what_was_just_made_is_waited_for_and_not_warned_of() {
    let mut world = World::empty(1);
    let plan = world.pass();
    let lag = Outcome::Failed(fault(ErrorKind::NotFound, "InvalidGroup.NotFound"));
    let concluded = world.concluded(&plan, |action| match action.id.0.as_str() {
        "launch/1" => lag.clone(),
        _ => super::converging::made(action),
    });
    let event = concluded.events.iter().find(|event| event.resource == "slot 1").unwrap();
    assert_eq!((event.reason, event.severity), (Reason::NotVisibleYet, Severity::Normal), "{}", event.message);
    assert_eq!(concluded.requeue.unwrap().as_secs(), 1);
    let (_, failure) = world.memory.retries.all().next().unwrap();
    assert_eq!(failure.retry_at.duration_since(world.now).as_secs(), 2);
}

#[test]
fn what_aws_does_not_know_long_after_it_was_made_is_a_refusal() {
    let mut world = World::healthy(1).edited(|spec| spec.instances.count = 2);
    let plan = world.pass();
    let concluded = world.concluded(&plan, |_| Outcome::Failed(fault(ErrorKind::NotFound, "InvalidGroup.NotFound")));
    assert_eq!(concluded.events.last().unwrap().reason, Reason::LaunchRejected);
}
