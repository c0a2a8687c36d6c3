//! Creates whose reply is not known: what may have been made is neither made again nor forgotten.

use aws_api::ErrorKind;
use aws_api::id::IntentId;

use super::world::*;
use crate::action::{Action, Does, Plan};
use crate::lookup::lookups;
use crate::observed::Part;
use crate::outcome::{Fault, Outcome};
use crate::record::Intent;

/// Whether it waits for what a create may still make.
fn waits_for(plan: &Plan, id: &IntentId) -> bool {
    plan.to_string().contains(&format!("({id}), to appear or no longer to be able to"))
}

/// The intent of that action, if it is a create.
fn intent(plan: &Plan, id: &str) -> Option<Intent> {
    match &plan.actions.iter().find(|action| action.id.0 == id)?.does {
        Does::Create(intent) => Some((**intent).clone()),
        Does::Replay(_)
        | Does::Change(_)
        | Does::Terminate { .. }
        | Does::TakeOut { .. }
        | Does::DeleteGroup(_)
        | Does::DeleteLoadBalancer(_)
        | Does::DeleteTargetGroup(_) => None,
    }
}

/// Plans, and sends that create only: its reply is lost.
fn lost(world: &mut World, id: &str) -> Intent {
    let plan = world.pass();
    let sent = intent(&plan, id).unwrap_or_else(|| panic!("{id} is no create: {plan}"));
    world.store(&plan);
    world.record.intents.push(sent.clone());
    world.memory.note_unanswered(&sent.id, world.now);
    sent
}

fn has_replay(plan: &Plan, sent: &Intent) -> bool {
    plan.actions.iter().any(|action| matches!(&action.does, Does::Replay(replayed) if **replayed == *sent))
}

fn launches(plan: &Plan) -> Vec<&str> {
    ids(plan).into_iter().filter(|id| id.starts_with("launch/")).collect()
}

#[test]
fn an_open_create_is_sent_again_word_for_word_though_the_spec_changed() {
    let mut world = World::empty(2);
    let sent = lost(&mut world, "create-group/instances");
    let mut world = world.edited(|spec| drop(spec.tags.insert("Team".into(), "blue".into())));
    let plan = world.pass();
    assert!(has_replay(&plan, &sent), "{plan}");
    assert_eq!(intent(&plan, "create-group/instances"), None, "{plan}");
}

#[test]
fn an_open_launch_that_is_no_longer_wanted_takes_its_place_within_the_surge() {
    let mut world = World::healthy(2).edited(|spec| spec.instances.count = 3);
    let sent = lost(&mut world, "launch/3");
    let mut world = world.edited(|spec| {
        spec.instances.count = 2;
        spec.instances.user_data = Some("#new".into());
    });
    let plan = world.pass();
    assert_eq!(launches(&plan), ["launch/3"], "{plan}");
    assert!(has_replay(&plan, &sent), "{plan}");
}

#[test]
fn a_new_launch_takes_another_slot_than_an_open_one() {
    let mut world = World::healthy(1).edited(|spec| spec.instances.count = 3);
    let sent = lost(&mut world, "launch/2");
    let plan = world.pass();
    assert_eq!(launches(&plan), ["launch/2", "launch/3"], "{plan}");
    assert!(has_replay(&plan, &sent), "{plan}");
    assert!(intent(&plan, "launch/3").is_some(), "it is a launch of its own: {plan}");
}

#[test]
fn an_open_launch_is_not_sent_again_while_instances_are_unread() {
    let mut world = World::healthy(1).edited(|spec| spec.instances.count = 2);
    lost(&mut world, "launch/2");
    world.observed.instances = Part::Unread("timeout".into());
    let plan = world.pass();
    assert!(launches(&plan).is_empty(), "{plan}");
    assert!(plan.to_string().contains("instances to be read, to tell what became of in-"), "{plan}");
}

#[test]
fn an_unwanted_launch_is_asked_about_only_where_there_is_room() {
    let mut world = World::healthy(3).edited(|spec| spec.instances.count = 4);
    lost(&mut world, "launch/4");
    let mut world = world.edited(|spec| spec.instances.count = 2);
    let plan = world.pass();
    assert!(launches(&plan).is_empty(), "{plan}");
    assert!(plan.to_string().contains("room to ask what became of in-"), "{plan}");
}

#[test]
fn only_a_definite_refusal_closes_an_intent() {
    let closed = |kind, code: Option<&str>, definite| {
        let mut world = World::healthy(1).edited(|spec| spec.instances.count = 2);
        let plan = world.pass();
        let fault = Fault {
            operation: "RunInstances".into(),
            iam_action: "ec2:RunInstances".into(),
            kind,
            code: code.map(Into::into),
            message: String::new(),
            definite,
        };
        world.concluded(&plan, |_| Outcome::Failed(fault.clone())).closed.len()
    };
    assert_eq!(closed(ErrorKind::Invalid, Some("InvalidParameterValue"), true), 1);
    assert_eq!(closed(ErrorKind::Transient, None, false), 0, "it may have launched");
    assert_eq!(closed(ErrorKind::Invalid, Some("IdempotentParameterMismatch"), true), 0, "its token is in use");
    assert_eq!(closed(ErrorKind::Exists, Some("DuplicateLoadBalancerName"), true), 0, "its name is in use");
}

#[test]
fn what_an_open_create_may_have_made_is_looked_for_by_its_name() {
    let mut world = World::empty(2);
    let creates = ["create-group/load-balancer", "create-load-balancer", "create-target-group/shop-web-6bdbe364"];
    for create in creates {
        lost(&mut world, create);
    }
    let world = world.edited(|spec| {
        spec.security_groups.load_balancer.name = Some("other-sg".into());
        spec.load_balancer.name = Some("other-alb".into());
        spec.services[0].target_group_name = Some("other-tg".into());
    });
    let lookups = lookups(&world.record);
    assert!(lookups.group_names.contains("shop-alb-sg"));
    assert!(lookups.load_balancer_names.contains("shop-alb"));
    assert!(lookups.target_group_names.contains("shop-web-6bdbe364"));
}

#[test]
fn what_was_not_read_is_not_made_anew() {
    let planned = |hide: &dyn Fn(&mut World)| {
        let mut world = World::empty(2);
        hide(&mut world);
        world.pass().to_string()
    };
    assert!(planned(&|_| {}).contains("+ create-group/"), "what was read and is not there is made");
    let text = planned(&|world| world.observed.groups = Part::Unread("timeout".into()));
    assert!(!text.contains("+ create-group/"), "{text}");
    let text = planned(&|world| world.observed.load_balancers = Part::Unread("timeout".into()));
    assert!(!text.contains("+ create-load-balancer"), "{text}");
    let text = planned(&|world| world.observed.target_groups = Part::Unread("timeout".into()));
    assert!(!text.contains("+ create-target-group/"), "{text}");
}

#[test]
fn a_create_that_nobody_wants_is_given_up_only_once_its_absence_was_read() {
    let mut world = World::healthy(2).edited(|spec| spec.services[0].port = 9090);
    let name = crate::desired::target_group_name("shop", &world.spec().services[0]);
    let sent = lost(&mut world, &format!("create-target-group/{name}"));
    let mut world = world.edited(|spec| spec.services[0].port = 8080);
    assert_eq!(world.pass().settled, [], "it may still appear");
    let mut world = world.after(300);
    let whole = world.observed.clone();
    world.observed.target_groups = Part::Unread("timeout".into());
    assert_eq!(world.pass().settled, [], "it may be there and was not read");
    world.observed = whole;
    assert_eq!(world.pass().settled, [sent]);
}

#[test]
fn what_depends_on_what_is_held_back_waits_with_it() {
    let mut world = World::empty(2);
    let plan = world.pass();
    let denied = |action: &Action| match action.id.0.as_str() {
        "create-group/instances" => Outcome::Failed(Fault {
            operation: "CreateSecurityGroup".into(),
            iam_action: "ec2:CreateSecurityGroup".into(),
            kind: ErrorKind::Denied,
            code: Some("UnauthorizedOperation".into()),
            message: String::new(),
            definite: true,
        }),
        _ => Outcome::NotTried("as a test wants it".into()),
    };
    world.concluded(&plan, denied);
    let plan = world.pass();
    assert!(!ids(&plan).contains("create-group/instances") && launches(&plan).is_empty(), "{plan}");
    assert!(ids(&plan).contains("create-load-balancer"), "the rest goes on: {plan}");
    let mut world = world.after(121);
    assert_eq!(launches(&world.pass()), ["launch/1", "launch/2"]);
}

#[test]
fn a_record_does_not_go_while_a_create_is_open() {
    let torn_down = |policy, id| {
        let mut world = World::empty(2);
        lost(&mut world, id);
        let mut world = world.edited(|spec| spec.deletion_policy = policy);
        world.record.deleting = true;
        assert!(world.record.status.holds_nothing());
        let while_open = world.pass().torn_down;
        world.record.intents.clear();
        (while_open, world.pass().torn_down)
    };
    for id in ["launch/1", "create-group/load-balancer"] {
        assert_eq!(torn_down(crds_schema::spec::DeletionPolicy::Delete, id), (false, true), "{id}");
        assert_eq!(torn_down(crds_schema::spec::DeletionPolicy::Retain, id), (false, true), "{id}");
    }
}

#[test]
fn an_open_target_group_of_the_wanted_name_is_sent_again_though_its_port_was_edited() {
    let mut world = World::empty(1).edited(|spec| spec.services[0].target_group_name = Some("mine".into()));
    let sent = lost(&mut world, "create-target-group/mine");
    let mut world = world.edited(|spec| spec.services[0].port = 9090);
    let plan = world.pass();
    assert!(has_replay(&plan, &sent), "its name may be taken by what it made: {plan}");
    let mut world = world.edited(|spec| spec.services[0].target_group_name = Some("other".into()));
    assert!(intent(&world.pass(), "create-target-group/other").is_some());
}

#[test]
fn a_create_that_nobody_wants_is_given_up_beside_one_that_is_sent_again() {
    let mut world = World::empty(1);
    let wanted = lost(&mut world, "create-group/load-balancer");
    let unwanted = lost(&mut world, "create-target-group/shop-web-6bdbe364");
    let mut world = world.edited(|spec| spec.services[0].port = 9090);
    let plan = world.pass();
    assert!(has_replay(&plan, &wanted) && !has_replay(&plan, &unwanted), "{plan}");
    assert!(waits_for(&plan, &unwanted.id) && !waits_for(&plan, &wanted.id), "{plan}");
    assert!(plan.to_string().contains("target group shop-web-6bdbe364, asked for without a known reply"), "{plan}");
    let mut world = world.after(300);
    assert_eq!(world.pass().settled, [unwanted]);
}

#[test]
fn a_create_that_was_wanted_again_is_doubted_anew() {
    let mut world = World::empty(1);
    let sent = lost(&mut world, "create-target-group/shop-web-6bdbe364");
    let port = |world: World, port| world.edited(|spec| spec.services[0].port = port);
    let mut world = port(world, 9090);
    world.pass();
    let mut world = port(world.after(200), 8080);
    assert!(has_replay(&world.pass(), &sent));
    let mut world = port(world.after(200), 9090);
    assert_eq!(world.pass().settled, [], "it is unwanted since now");
    let mut world = world.after(300);
    assert_eq!(world.pass().settled, [sent]);
}

#[test]
fn a_create_that_nobody_wants_is_waited_for_beside_one_that_was_found() {
    let mut world = World::empty(1);
    let found = lost(&mut world, "create-group/load-balancer");
    let unwanted = lost(&mut world, "create-target-group/shop-web-6bdbe364");
    let mut world = world.edited(|spec| spec.services[0].port = 9090);
    world.observed.groups = World::healthy(1).observed.groups;
    let tags = &mut world.group(crate::record::GroupRole::LoadBalancer).tags;
    tags.insert(crate::ownership::TAG_INTENT.into(), found.id.to_string());
    let plan = world.pass();
    assert_eq!(plan.settled, std::slice::from_ref(&found));
    assert!(waits_for(&plan, &unwanted.id) && !waits_for(&plan, &found.id), "{plan}");
}
