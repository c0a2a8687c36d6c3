//! Rules that somebody made on our listeners: said, left alone, and nothing is taken from under them.

use aws_api::Write;
use aws_api::elbv2::{ListenerAction, ListenerRule, TargetGroupWrite, TargetHealth};
use aws_api::id::{ListenerArn, RuleArn, TargetGroupArn};
use insta::assert_snapshot;

use super::world::*;
use crate::action::Plan;
use crate::input::PlanInput;
use crate::lint::lint;
use crate::memory::ARRIVES_WITHIN;
use crate::observed::Part;
use crate::reason::Reason;
use crate::status::{ConditionType, TargetGroupStatus, Truth};

fn listener() -> ListenerArn {
    ListenerArn::parse(LISTENER).unwrap()
}

fn old() -> TargetGroupArn {
    TargetGroupArn::parse("arn:aws:elasticloadbalancing:us-east-2:1:targetgroup/shop-old/2").unwrap()
}

fn rule_of(priority: u32, condition: &str, action: ListenerAction) -> ListenerRule {
    let arn = RuleArn::parse(format!("arn:rule/{priority}")).unwrap();
    ListenerRule { arn, priority, conditions: vec![condition.into()], actions: vec![action] }
}

fn forward_to(group: TargetGroupArn) -> ListenerAction {
    ListenerAction::Forward { groups: vec![(group, 1)], sticky: false }
}

/// An older target group of ours, with a member in it, that no default action names.
fn with_an_old_group(mut world: World) -> World {
    let mut group = seen(&mut world.observed.target_groups)[0].clone();
    (group.arn, group.name) = (old(), "shop-old".into());
    seen(&mut world.observed.target_groups).push(group);
    let (service, name) = ("web".to_owned(), "shop-old".to_owned());
    world.record.status.target_groups.push(TargetGroupStatus { service, arn: old(), name, port: 8080, intent: None });
    world.observed.targets.insert(old(), Part::Seen(vec![target("i-1", TargetHealth::Healthy, None)]));
    world
}

/// What is planned once an old group may be emptied.
fn long_after(mut world: World) -> Plan {
    world.pass();
    world.after(ARRIVES_WITHIN.as_secs()).pass()
}

fn touches_the_old_group(plan: &Plan) -> bool {
    plan.actions.iter().any(|action| action.id.0.ends_with("/shop-old"))
}

#[test]
fn a_rule_of_somebodys_is_told_with_all_that_it_does_and_left() {
    let mut world = World::healthy(2);
    let rule = rule_of(1, "path-pattern /*", ListenerAction::Respond("503".into()));
    world.observed.rules.insert(listener(), Part::Seen(vec![rule]));
    let plan = world.pass();
    assert_snapshot!(plan.to_string(), @r"
    . arn:rule/1                               RuleForeign: rule 1 of listener 80 (path-pattern /*: fixed response 503)
    ? rule 1 of listener 80 (path-pattern /*: fixed response 503), which somebody made, to be deleted
    ");
    let in_sync = plan.status.condition(ConditionType::InSync).unwrap();
    assert_eq!((in_sync.status, in_sync.reason), (Truth::False, Reason::RuleForeign));
    assert!(in_sync.message.contains("aws elbv2 delete-rule --rule-arn arn:rule/1"), "{}", in_sync.message);
    let ready = plan.status.condition(ConditionType::Ready).unwrap();
    assert_eq!((ready.status, ready.reason), (Truth::False, Reason::Held));
}

#[test]
fn a_group_that_is_replaced_is_kept_and_filled_while_a_rule_uses_it() {
    let mut world = with_an_old_group(World::healthy(2));
    world.observed.rules.insert(listener(), Part::Seen(vec![rule_of(7, "path-pattern /old/*", forward_to(old()))]));
    let plan = long_after(world);
    let all: Vec<Write> = plan.actions.iter().flat_map(|action| action.does.writes()).collect();
    let registers = |write: &Write| matches!(write, Write::TargetGroup(TargetGroupWrite::Register { instances, .. }) if *instances == [instance_id(2)].into());
    assert!(all.len() == 1 && registers(&all[0]), "who came later serves there too: {plan}");
    let wait = plan.waiting_for.iter().find(|wait| wait.what.contains("until then shop-old stays")).unwrap();
    assert!(wait.what.contains("rule 7 of listener 80 (path-pattern /old/*: forward to shop-old)"), "{}", wait.what);
}

#[test]
fn a_group_that_no_rule_uses_any_more_goes() {
    let mut world = with_an_old_group(World::healthy(2));
    world
        .observed
        .rules
        .insert(listener(), Part::Seen(vec![rule_of(7, "path-pattern /x", forward_to(target_group()))]));
    assert!(touches_the_old_group(&long_after(world)));
}

#[test]
fn a_group_is_kept_while_it_is_not_known_whether_a_rule_uses_it() {
    let mut world = with_an_old_group(World::healthy(2));
    world.observed.rules.insert(listener(), Part::Unread("throttled".into()));
    let plan = long_after(world);
    assert!(!touches_the_old_group(&plan), "{plan}");
    let in_sync = plan.status.condition(ConditionType::InSync).unwrap();
    assert_eq!((in_sync.status, in_sync.reason), (Truth::Unknown, Reason::Unread));
    let mut world = with_an_old_group(World::healthy(2));
    world.observed.rules.clear();
    assert!(!touches_the_old_group(&long_after(world)), "a listener that was just found");
}

#[test]
fn a_group_that_a_default_action_names_in_any_way_is_kept() {
    let mut world = with_an_old_group(World::healthy(2));
    let groups = vec![(old(), 50), (target_group(), 50)];
    let shown = &mut seen(world.observed.listeners.get_mut(&alb()).unwrap())[0];
    (shown.forwards_to, shown.actions) = (None, vec![ListenerAction::Forward { groups, sticky: false }]);
    assert!(!touches_the_old_group(&long_after(world)));
}

#[test]
fn a_listener_that_goes_says_which_rules_go_with_it() {
    let mut world = World::healthy(2);
    let listeners = seen(world.observed.listeners.get_mut(&alb()).unwrap());
    let mut rogue = listeners[0].clone();
    (rogue.port, rogue.arn) = (81, ListenerArn::parse("arn:listener/81").unwrap());
    rogue.actions = vec![ListenerAction::Redirect { to: "https://example.com:443/".into(), status: "HTTP_301".into() }];
    listeners.push(rogue.clone());
    let rule = rule_of(1, "http-header X-Canary on", ListenerAction::Other("authenticate-oidc".into()));
    world.observed.rules.insert(rogue.arn, Part::Seen(vec![rule]));
    let plan = world.pass();
    let gone = plan.actions.iter().find(|action| action.id.0 == "delete-listener/81").unwrap();
    assert_snapshot!(gone.why.message, @"listener 81: HTTP, redirect to https://example.com:443/ (HTTP_301), and with it rule 1 of listener 81 (http-header X-Canary on: authenticate-oidc)");
}

#[test]
fn rules_hold_up_no_teardown() {
    let mut world = World::healthy(1);
    world
        .observed
        .rules
        .insert(listener(), Part::Seen(vec![rule_of(7, "path-pattern /x", forward_to(target_group()))]));
    world.record.deleting = true;
    world.targets().clear();
    let plan = world.pass();
    world.store(&plan);
    let id = instance_id(1);
    world.record.status.instances.clear();
    seen(&mut world.observed.instances).remove(&id);
    let plan = world.pass();
    assert!(ids(&plan).contains("delete-load-balancer"), "{plan}");
}

#[test]
fn no_listener_of_a_load_balancer_that_is_gone_holds_a_group() {
    let mut world = with_an_old_group(World::healthy(1));
    world.observed.targets.insert(old(), Part::Seen(Vec::new()));
    world.pass();
    // It was unused for a while; then the load balancer goes, and its listeners are never read again.
    seen(&mut world.observed.load_balancers).clear();
    world.observed.listeners.insert(alb(), Part::Unread("LoadBalancerNotFound".into()));
    for _ in 0..3 {
        world = world.after(ARRIVES_WITHIN.as_secs() + 60);
        world.pass();
    }
    let plan = world.pass();
    assert!(ids(&plan).contains("delete-target-group/shop-old"), "{plan}");
}

#[test]
fn lint_refuses_to_delete_a_group_that_a_rule_uses_or_may_use() {
    let mut world = with_an_old_group(World::healthy(1));
    world.observed.targets.insert(old(), Part::Seen(Vec::new()));
    world.pass();
    let mut world = world.after(ARRIVES_WITHIN.as_secs());
    let plan = world.pass();
    assert!(ids(&plan).contains("delete-target-group/shop-old"), "{plan}");
    let used = Part::Seen(vec![rule_of(7, "path-pattern /x", forward_to(old()))]);
    for rules in [used, Part::Unread("throttled".into())] {
        world.observed.rules.insert(listener(), rules);
        let input = PlanInput {
            record: &world.record,
            observed: &world.observed,
            now: world.now,
            seed: 7,
            missing_after: world.missing_after,
            default_region: "us-east-2",
        };
        let broken = lint(plan.clone(), &input, &world.memory).unwrap_err();
        assert!(
            broken.join(" ").contains("I2: delete-target-group/shop-old though a listener or a rule uses it"),
            "{broken:?}"
        );
    }
}
