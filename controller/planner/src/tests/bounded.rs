//! Sets that AWS bounds: where there is no room, just enough of what is not wanted goes first.

use std::collections::BTreeSet;

use aws_api::ec2::{Ec2TagsWrite, SecurityGroupWrite};
use aws_api::elbv2::TargetHealth;
use aws_api::{ErrorKind, Write};
use insta::assert_snapshot;

use super::world::*;
use crate::action::Plan;
use crate::outcome::{Fault, Outcome};
use crate::reason::Reason;
use crate::record::GroupRole;
use crate::status::ConditionType;

fn range(nth: usize) -> String {
    format!("10.0.{nth}.0/24")
}

/// An environment that lets in so many ranges, and AWS with it.
fn letting_in(count: usize) -> World {
    let mut world = World::healthy(1);
    let one = world.spec().access.load_balancer[0].clone();
    let with = |nth| crds_schema::spec::AccessEntry { cidr: Some(range(nth).parse().unwrap()), ..one.clone() };
    world.spec().access.load_balancer = (0..count).map(with).collect();
    world.group(GroupRole::LoadBalancer).ingress = (0..count).map(|nth| rule(80, cidr(&range(nth)))).collect();
    let plan = world.pass();
    assert_eq!(plan.actions, [], "{plan}");
    world.store(&plan);
    world
}

fn let_in(world: &mut World, nth: usize, text: &str) {
    world.spec().access.load_balancer[nth].cidr = Some(text.parse().unwrap());
}

/// Each action with how many rules it takes, and what it waits for.
fn order(plan: &Plan) -> Vec<String> {
    let rules = |write: &Write| {
        let (Write::SecurityGroup(SecurityGroupWrite::Authorize(change))
        | Write::SecurityGroup(SecurityGroupWrite::Revoke(change))) = write
        else {
            return 0;
        };
        change.rules.len()
    };
    let said = |action: &crate::action::Action| {
        let after: Vec<_> = action.after.iter().map(|id| id.0.as_str()).collect();
        format!("{} {} {}", action.id, action.does.writes().iter().map(rules).sum::<usize>(), after.join(" "))
    };
    plan.actions.iter().map(|action| said(action).trim_end().to_owned()).collect()
}

fn refused(code: &str) -> Outcome {
    Outcome::Failed(Fault {
        operation: "Call".into(),
        iam_action: "ec2:Call".into(),
        kind: ErrorKind::Capacity,
        code: Some(code.into()),
        message: "The maximum is reached".into(),
        definite: true,
    })
}

#[test]
fn one_of_sixty_ranges_is_replaced_by_taking_just_that_one_out_first() {
    let mut world = letting_in(60).edited(|_| {});
    let_in(&mut world, 7, "10.9.9.0/24");
    assert_snapshot!(world.planned(), @r"
    ~ make-room/load-balancer/ingress          SpecChanged: ingress of the load-balancer group: tcp 80 10.0.7.0/24
    ~ authorize/load-balancer/ingress          SpecChanged: ingress of the load-balancer group: tcp 80 10.9.9.0/24
    ");
    let authorize = &world.pass().actions[1];
    assert_eq!(authorize.after[0].0, "make-room/load-balancer/ingress");
}

#[test]
fn sixty_ranges_are_replaced_by_one_with_one_going_first_and_the_rest_last() {
    let mut world = letting_in(60).edited(|spec| spec.access.load_balancer.truncate(1));
    let_in(&mut world, 0, "10.9.9.0/24");
    assert_eq!(
        order(&world.pass()),
        [
            "make-room/load-balancer/ingress 1",
            "authorize/load-balancer/ingress 1 make-room/load-balancer/ingress",
            "revoke/load-balancer/ingress 59 authorize/load-balancer/ingress",
        ]
    );
}

#[test]
fn where_there_is_room_all_goes_in_before_anything_comes_out() {
    let mut world = letting_in(59).edited(|_| {});
    let_in(&mut world, 7, "10.9.9.0/24");
    assert_eq!(
        order(&world.pass()),
        ["authorize/load-balancer/ingress 1", "revoke/load-balancer/ingress 1 authorize/load-balancer/ingress"]
    );
}

#[test]
fn a_rogue_rule_in_the_last_place_goes_before_what_the_record_dropped() {
    let mut world = letting_in(59).edited(|_| {});
    let_in(&mut world, 7, "10.9.9.0/24");
    let rogue = rule(80, cidr("192.0.2.0/24"));
    world.group(GroupRole::LoadBalancer).ingress.insert(rogue.clone());
    let plan = world.pass();
    let Write::SecurityGroup(SecurityGroupWrite::Revoke(first)) = &plan.actions[0].does.writes()[0] else {
        panic!("{plan}")
    };
    assert_eq!((first.rules.clone(), plan.actions[0].why.reason), ([rogue].into(), Reason::RuleRogue), "{plan}");
    assert_eq!(plan.actions[2].id.0, "revoke/load-balancer/ingress", "what was dropped goes last: {plan}");
}

#[test]
fn a_rogue_rule_that_takes_the_place_of_ours_makes_room_for_it() {
    let mut world = letting_in(60);
    let group = world.group(GroupRole::LoadBalancer);
    group.ingress.remove(&rule(80, cidr(&range(3))));
    group.ingress.insert(rule(80, cidr("192.0.2.0/24")));
    assert_snapshot!(world.planned(), @r"
    ~ make-room/load-balancer/ingress          RuleRogue: ingress of the load-balancer group: tcp 80 192.0.2.0/24
    ~ authorize/load-balancer/ingress          RuleMissing: ingress of the load-balancer group: tcp 80 10.0.3.0/24
    ");
}

#[test]
fn each_address_family_has_its_own_room() {
    let mut world = letting_in(60).edited(|spec| {
        let mut six = spec.access.load_balancer[0].clone();
        six.cidr = Some("2001:db8::/32".parse().unwrap());
        spec.access.load_balancer.push(six);
    });
    assert_eq!(order(&world.pass()), ["authorize/load-balancer/ingress 1"]);
}

#[test]
fn what_aws_refuses_though_there_seemed_to_be_room_is_remembered() {
    let mut world = letting_in(20).edited(|_| {});
    let_in(&mut world, 7, "10.9.9.0/24");
    let plan = world.pass();
    assert_eq!(plan.actions[0].id.0, "authorize/load-balancer/ingress", "{plan}");
    world.concluded(&plan, |action| match action.id.0.as_str() {
        "authorize/load-balancer/ingress" => refused("RulesPerSecurityGroupLimitExceeded"),
        _ => Outcome::NotTried(String::new()),
    });
    let mut world = world.after(2);
    assert_eq!(
        order(&world.pass()),
        ["make-room/load-balancer/ingress 1", "authorize/load-balancer/ingress 1 make-room/load-balancer/ingress"]
    );
    let mut world = world.after(3600);
    assert_eq!(world.pass().actions[0].id.0, "authorize/load-balancer/ingress", "a quota may be raised");
}

#[test]
fn a_rogue_rule_does_not_stay_for_one_that_aws_refuses_to_add() {
    let mut world = letting_in(20);
    let group = world.group(GroupRole::LoadBalancer);
    group.ingress.remove(&rule(80, cidr(&range(3))));
    group.ingress.insert(rule(22, cidr("0.0.0.0/0")));
    world.pass();
    let plan = world.pass();
    assert_eq!(plan.actions[1].after[0].0, "authorize/load-balancer/ingress", "{plan}");
    world.concluded(&plan, |action| match action.id.0.as_str() {
        "authorize/load-balancer/ingress" => Outcome::Failed(Fault {
            operation: "AuthorizeSecurityGroupIngress".into(),
            iam_action: "ec2:AuthorizeSecurityGroupIngress".into(),
            kind: ErrorKind::Denied,
            code: Some("UnauthorizedOperation".into()),
            message: "no".into(),
            definite: true,
        }),
        _ => Outcome::NotTried(String::new()),
    });
    assert_eq!(order(&world.pass()), ["revoke-rogue/load-balancer/ingress 1"]);
}

#[test]
fn a_listener_that_nobody_wants_makes_room_for_one_that_is_missing() {
    let mut world = World::healthy(1);
    let listeners = seen(world.observed.listeners.get_mut(&alb()).unwrap());
    for port in 9001..=9049 {
        let mut rogue = listeners[0].clone();
        rogue.port = port;
        rogue.arn = aws_api::id::ListenerArn::parse(format!("arn:listener/{port}")).unwrap();
        listeners.push(rogue);
    }
    let mut second = world.spec().load_balancer.listeners[0].clone();
    second.port = 81;
    let mut world = world.edited(|spec| spec.load_balancer.listeners.push(second));
    let plan = world.pass();
    let create = plan.actions.iter().find(|action| action.id.0 == "create-listener/81").unwrap();
    assert_eq!(create.after.iter().map(|id| id.0.as_str()).collect::<Vec<_>>(), ["delete-listener/9001"]);
    assert_eq!(ids(&plan).iter().filter(|id| id.starts_with("delete-listener/")).count(), 49, "{plan}");
}

/// An instance with so many tags of others, and one of ours missing.
fn with_foreign_tags(many: usize, dropped: bool) -> World {
    let mut world = World::healthy(1);
    let tags = &mut world.instance(1).tags;
    tags.remove("understudy:uid");
    tags.extend((0..many).map(|nth| (format!("theirs-{nth:02}"), String::new())));
    tags.extend(dropped.then(|| ("Team".to_owned(), "a".to_owned())));
    tags.insert("aws:cloudformation:stack-name".into(), "theirs".into());
    if dropped {
        world.record.status.tag_keys = ["Team".to_owned()].into();
    }
    world
}

#[test]
fn a_tag_that_the_record_dropped_makes_room_for_ours() {
    let ours = World::healthy(1).instance(1).tags.len();
    let mut world = with_foreign_tags(50 - ours, true);
    world.pass();
    let plan = world.pass();
    assert_eq!(ids(&plan), ["untag/i-1", "tag/i-1"].into(), "{plan}");
    assert_eq!(plan.actions[1].after[0].0, "untag/i-1", "{plan}");
    let mut roomy = with_foreign_tags(10, true);
    roomy.pass();
    assert!(roomy.pass().actions.iter().all(|action| action.after.is_empty()), "there is room");
}

#[test]
fn tags_of_others_are_never_removed_and_it_is_said_that_they_fill_the_room() {
    let ours = World::healthy(1).instance(1).tags.len();
    let mut world = with_foreign_tags(51 - ours, false);
    world.pass();
    let plan = world.pass();
    assert_eq!(plan.actions, [], "{plan}");
    let in_sync = plan.status.condition(ConditionType::InSync).unwrap();
    assert_eq!(in_sync.reason, Reason::NoRoom);
    assert!(in_sync.message.contains("so understudy:uid cannot be put; remove 1 of those"), "{}", in_sync.message);
}

#[test]
fn our_own_tags_go_in_before_those_of_the_record() {
    let ours = World::healthy(1).instance(1).tags.len();
    let mut world = with_foreign_tags(50 - ours, false).edited(|spec| {
        spec.tags.insert("Team".into(), "a".into());
    });
    world.pass();
    let plan = world.pass();
    let tagged: BTreeSet<String> = plan
        .actions
        .iter()
        .flat_map(|action| action.does.writes())
        .filter_map(|write| {
            let Write::Ec2Tags(Ec2TagsWrite::Create { resource: aws_api::ec2::Taggable::Instance(_), tags }) = write
            else {
                return None;
            };
            Some(tags)
        })
        .flatten()
        .map(|(key, _)| key)
        .collect();
    assert_eq!(tagged, ["understudy:uid".to_owned()].into(), "{plan}");
    assert!(plan.to_string().contains("so Team cannot be put"), "{plan}");
}

#[test]
fn a_foreign_target_makes_room_for_ours_once_aws_says_that_there_is_none() {
    let mut world = World::healthy(2);
    world.targets().retain(|target| target.id != "i-2");
    world.targets().push(target("i-foreign", TargetHealth::Healthy, None));
    world.pass();
    let plan = world.pass();
    let register = |plan: &Plan| {
        let action = plan.actions.iter().find(|action| action.id.0.starts_with("register/")).unwrap();
        action.after.iter().map(|id| id.0.clone()).collect::<Vec<_>>()
    };
    assert_eq!(register(&plan), [""; 0]);
    world.concluded(&plan, |action| match action.id.0.starts_with("register/") {
        true => refused("TooManyTargets"),
        false => Outcome::NotTried(String::new()),
    });
    let mut world = world.after(2);
    assert_eq!(register(&world.pass()), ["deregister/shop-web-6bdbe364"]);
}
