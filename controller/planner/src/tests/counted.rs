//! Who counts as what: members and their clocks, launches that are open, successors, charges.

use std::time::Duration;

use aws_api::ErrorKind;
use aws_api::ec2::{Instance, InstanceState, StatusChecks};
use aws_api::elbv2::TargetHealth;
use aws_api::id::SubnetId;

use super::world::*;
use crate::action::{Does, Plan};
use crate::observed::Part;
use crate::outcome::{Fault, Outcome};
use crate::reason::Reason;
use crate::record::Intent;
use crate::status::{Charge, ConditionType, Leaving, MemberStatus, WaitOn};

fn leaves(world: &mut World, slot: u32, reason: Reason, healing: bool) {
    let since = world.now;
    world.status(slot).leaving = Some(Leaving { reason, healing, since });
}

fn member(plan: &Plan, slot: u32) -> &MemberStatus {
    plan.status.instances.iter().find(|member| member.slot == slot).unwrap()
}

fn charged(plan: &Plan) -> Vec<&str> {
    plan.status.terminations.iter().map(|charge| charge.instance_id.as_str()).collect()
}

fn waits(plan: &Plan, what: &str) -> bool {
    plan.waiting_for.iter().any(|wait| wait.what.contains(what))
}

fn impaired(mut world: World, slot: u32) -> World {
    seen(&mut world.observed.status_checks).insert(instance_id(slot), StatusChecks::Impaired);
    world
}

/// Sends the plan's only create; its reply is lost.
fn lost(world: &mut World) -> Intent {
    let plan = world.pass();
    let [action] = &plan.actions[..] else { panic!("{plan}") };
    let Does::Create(intent) = &action.does else { panic!("{plan}") };
    let intent = (**intent).clone();
    world.store(&plan);
    world.record.intents.push(intent.clone());
    intent
}

#[test]
fn members_of_the_revision_in_force_are_counted_apart_from_older_ones() {
    let counts = |plan: &Plan| (plan.status.desired, plan.status.updated, plan.status.ready, plan.status.serving);
    assert_eq!(counts(&World::healthy(2).pass()), (2, 2, 2, 2));
    let mut world = World::healthy(3).edited(|spec| spec.instances.user_data = Some("#new".into()));
    assert_eq!(counts(&world.pass()), (3, 0, 0, 3));
    let mut world = world.member(4, 'a').member(5, 'b').health(5, TargetHealth::Initial, "");
    assert_eq!(counts(&world.pass()), (3, 2, 1, 4), "one of two is healthy");
    leaves(&mut world, 4, Reason::MemberSurplus, false);
    assert_eq!(counts(&world.pass()), (3, 1, 0, 3), "one that leaves counts no more");
}

#[test]
fn a_status_says_how_many_serve_and_how_many_of_them_are_new() {
    let targets =
        |world: &mut World| world.pass().status.condition(ConditionType::TargetsHealthy).unwrap().message.clone();
    assert_eq!(targets(&mut World::healthy(2)), "2 of 2 healthy");
    let mut world = World::healthy(2).edited(|spec| spec.instances.user_data = Some("#new".into()));
    assert_eq!(targets(&mut world), "2 of 2 healthy, 0 of them new");
    for slot in 1..=2 {
        leaves(&mut world, slot, Reason::MemberOutdated, false);
    }
    assert_eq!(targets(&mut world), "0 of 2 healthy", "those of the older one are on their way out");
}

#[test]
fn a_member_of_another_type_or_in_a_subnet_that_is_not_listed_is_replaced() {
    let replaced = |change: fn(&mut Instance)| {
        let mut world = World::healthy(2);
        change(world.instance(2));
        let text = world.pass().to_string();
        let by_hand = text.contains("successor of i-2, changed to t3.large by hand");
        by_hand || text.contains("successor of i-2, of an older revision")
    };
    assert!(!replaced(|_| {}));
    assert!(replaced(|instance| instance.instance_type = "t3.large".into()));
    assert!(replaced(|instance| instance.subnet = Some(SubnetId::parse("subnet-other").unwrap())));
    assert!(!replaced(|instance| instance.subnet = None), "one that is not shown tells nothing");
}

#[test]
fn what_is_not_shown_has_no_known_state_and_what_is_unread_keeps_its_own() {
    let state = |world: &mut World| member(&world.pass(), 2).state;
    let mut world = World::healthy(2);
    let instances = std::mem::replace(&mut world.observed.instances, Part::Unread("timeout".into()));
    assert_eq!(state(&mut world), Some(InstanceState::Running));
    world.observed.instances = instances;
    seen(&mut world.observed.instances).remove(&instance_id(2));
    assert_eq!(state(&mut world), None);
    world.status(2).state = Some(InstanceState::ShuttingDown);
    assert_eq!(state(&mut world), Some(InstanceState::ShuttingDown), "what is being terminated never comes back");
}

#[test]
fn an_impaired_member_is_not_healthy_since_any_time() {
    let mut world = impaired(World::healthy(2), 1);
    assert!(world.status(1).healthy_since.is_some());
    let plan = world.pass();
    assert_eq!((member(&plan, 1).healthy_since, member(&plan, 1).unhealthy_since), (None, Some(world.now)));
    assert_eq!(member(&plan, 1).reason.as_deref(), Some("StatusCheckImpaired"));
    assert_eq!(member(&plan, 2).unhealthy_since, None);
}

#[test]
fn a_successor_is_launched_for_one_of_the_sick_and_for_none_while_it_is_held_back() {
    let mut world = World::healthy(4).member(5, 'a').unhealthy_for(2, 600).unhealthy_for(3, 600);
    world.spec().rollout.max_surge = crds_schema::Amount::Count(2);
    world.status(2).succeeded = true;
    let succeeded = |plan: &Plan| -> Vec<u32> {
        plan.status.instances.iter().filter(|member| member.succeeded).map(|member| member.slot).collect()
    };
    let plan = world.pass();
    assert_eq!((ids(&plan).contains("launch/6"), succeeded(&plan)), (true, vec![2, 3]), "{plan}");
    let refused = Fault {
        operation: "RunInstances".into(),
        iam_action: "ec2:RunInstances".into(),
        kind: ErrorKind::Denied,
        code: Some("UnauthorizedOperation".into()),
        message: String::new(),
        definite: true,
    };
    let before = world.record.status.clone();
    let conclusion = world.concluded(&plan, |action| match action.id.0.as_str() {
        "launch/6" => Outcome::Failed(refused.clone()),
        _ => Outcome::Done(None),
    });
    assert!(!conclusion.status.instances[2].succeeded, "the launch failed");
    assert_eq!(world.record.status, before);
    let plan = world.pass();
    assert_eq!((ids(&plan).contains("launch/6"), succeeded(&plan)), (false, vec![2]), "{plan}");
}

#[test]
fn a_member_that_recovered_needs_no_successor_any_more() {
    let mut world = World::healthy(2).unhealthy_for(1, 600);
    world.status(1).succeeded = true;
    assert!(member(&world.pass(), 1).succeeded);
    let mut world = world.health(1, TargetHealth::Healthy, "");
    let plan = world.pass();
    assert!(!member(&plan, 1).succeeded && !member(&plan, 2).succeeded);
}

#[test]
fn paused_leaves_those_on_their_way_out_as_they_were() {
    let mut world = World::healthy(4).edited(|spec| {
        spec.instances.count = 2;
        spec.paused = true;
    });
    leaves(&mut world, 1, Reason::MemberOutdated, false);
    let plan = world.pass();
    let leaving: Vec<u32> =
        plan.status.instances.iter().filter(|member| member.leaving.is_some()).map(|member| member.slot).collect();
    assert_eq!(leaving, [1]);
}

#[test]
fn a_record_that_was_never_valid_waits_for_no_revision() {
    let mut world = World::empty(1);
    world.record.stored = crate::record::Stored::Invalid(vec!["spec.image: is missing".into()]);
    (world.record.spec, world.record.revision) = (None, 0);
    let plan = world.pass();
    assert_eq!((&plan.actions[..], plan.to_string()), (&[][..], String::new()));
    assert_eq!(plan.status.condition(ConditionType::SpecValid).unwrap().message, "spec.image: is missing");
}

#[test]
fn unread_subnets_are_waited_for_and_too_few_zones_are_a_persons() {
    let on = |world: &mut World| world.pass().waiting_for.iter().map(|wait| wait.on).collect::<Vec<_>>();
    let mut world = World::healthy(1);
    seen(&mut world.observed.subnets).truncate(1);
    assert_eq!(on(&mut world), [WaitOn::Person]);
    world.observed.subnets = Part::Unread("timeout".into());
    assert_eq!(on(&mut world), [WaitOn::Aws]);
}

#[test]
fn subnets_are_used_in_the_order_that_the_spec_lists_them_in() {
    let listed = |ids: &[&str]| {
        let mut world = World::empty(1);
        world.spec().network.subnet_ids = ids.iter().map(|id| (*id).to_owned()).collect();
        let spec = world.record.spec.clone().unwrap();
        crate::desired::wanted(&world.record, &spec, &world.observed)
            .map(|wanted| wanted.instance_subnets.iter().map(|(_, subnet)| subnet.to_string()).collect::<Vec<_>>())
            .map_err(|why| why.message)
    };
    assert_eq!(listed(&["subnet-c", "subnet-a"]).unwrap(), ["subnet-c", "subnet-a"]);
    let missing = "spec.network.subnetIds: subnet-x, subnet-y not in the default VPC";
    assert_eq!(listed(&["subnet-a", "subnet-x", "subnet-b", "subnet-y"]).unwrap_err(), missing);
}

#[test]
fn old_and_new_members_that_share_no_port_are_told_to_a_person() {
    // The third is new, and serves on the new port only; the others are old, and serve on the old one only.
    let apart = |surge: u32, outdated: bool, on_the_old_port: TargetHealth| {
        let mut world = World::healthy(2).edited(|spec| {
            spec.rollout.max_surge = crds_schema::Amount::Count(surge);
            if outdated {
                spec.instances.user_data = Some("#new".into());
            }
        });
        world = super::found::with_a_next_group(world, &[3]).member(3, 'a').health(3, on_the_old_port, "");
        waits(&world.pass(), "new members serve the new port only")
    };
    assert!(apart(1, true, TargetHealth::Unhealthy));
    assert!(!apart(2, true, TargetHealth::Unhealthy), "all new ones come at once");
    assert!(!apart(3, true, TargetHealth::Unhealthy));
    assert!(!apart(1, false, TargetHealth::Unhealthy), "none is to be replaced");
    assert!(!apart(1, true, TargetHealth::Healthy), "the new one serves on both");
    let mut world = World::healthy(2).edited(|spec| spec.instances.user_data = Some("#new".into()));
    world = super::found::with_a_next_group(world, &[]).member(3, 'a').health(3, TargetHealth::Unhealthy, "");
    assert!(!waits(&world.pass(), "new members serve the new port only"), "the new one serves nowhere yet");
}

#[test]
fn an_open_launch_of_an_older_revision_is_asked_about_and_counts_for_nobody() {
    let mut world = World::healthy(1).edited(|spec| spec.instances.count = 2);
    let sent = lost(&mut world);
    let mut world = world.edited(|spec| spec.instances.user_data = Some("#new".into()));
    world.status(1).template = crate::desired::Template::of(world.spec()).unwrap().hash();
    let plan = world.pass();
    let of = |id: &str| plan.actions.iter().find(|action| action.id.0 == id).map(|action| &action.does);
    assert_eq!(of("launch/2"), Some(&Does::Replay(Box::new(sent))));
    assert!(matches!(of("launch/3"), Some(Does::Create(_))), "the one that is missing is launched: {plan}");
}

#[test]
fn an_open_launch_is_replayed_for_twenty_hours() {
    let mut world = World::healthy(1).edited(|spec| spec.instances.count = 2);
    lost(&mut world);
    let mut world = world.after(20 * 3600 - 1);
    assert_eq!(ids(&world.pass()), ["launch/2"].into());
    let mut world = world.after(1);
    assert_eq!(world.pass().actions, []);
}

#[test]
fn nothing_is_launched_from_an_image_that_is_not_available_yet() {
    let mut world = World::healthy(1).edited(|spec| spec.instances.count = 2);
    seen(&mut world.observed.image).as_mut().unwrap().state = "pending".into();
    let plan = world.pass();
    assert_eq!(plan.actions, [], "{plan}");
    assert!(waits(&plan, "ami-0123456789abcdef0 is pending; it to be available"), "{plan}");
    assert_eq!(plan.status.condition(ConditionType::ImageAvailable).unwrap().reason, Reason::ImagePending);
}

#[test]
fn no_more_than_the_surplus_goes_though_the_floor_would_let_it() {
    let mut world = World::healthy(4).edited(|spec| {
        spec.instances.count = 3;
        spec.rollout.max_unavailable = crds_schema::Amount::Count(2);
    });
    assert_eq!(ids(&world.pass()), ["take-out/i-4"].into());
}

/// Two are sick, of two that are wanted, and a third is healthy.
fn two_sick() -> World {
    let mut world = World::healthy(2).member(3, 'c').unhealthy_for(1, 600).unhealthy_for(2, 600);
    world.spec().healing.max_unhealthy = crds_schema::Amount::Count(2);
    world
}

#[test]
fn of_two_sick_members_as_many_go_as_others_make_up_for() {
    assert_eq!(ids(&two_sick().pass()), ["take-out/i-1"].into());
    let mut world = two_sick().member(4, 'a');
    assert_eq!(ids(&world.pass()), ["take-out/i-1", "take-out/i-2"].into());
}

#[test]
fn a_sick_member_that_still_serves_goes_after_one_that_does_not() {
    let mut world = impaired(two_sick().health(1, TargetHealth::Healthy, ""), 1);
    assert_eq!(ids(&world.pass()), ["take-out/i-2"].into());
    // Two others are healthy, as many as the floor asks for: it is missed no more.
    let mut world = impaired(two_sick().health(1, TargetHealth::Healthy, ""), 1).member(4, 'a');
    assert!(ids(&world.pass()).contains("take-out/i-1"));
}

#[test]
fn a_new_member_bakes_only_while_older_ones_wait_for_it() {
    let mut world = World::healthy(2).edited(|spec| spec.instances.count = 3).member(3, 'c');
    assert_eq!(world.planned(), "");
}

#[test]
fn a_member_that_would_go_waits_for_what_was_not_read() {
    let mut world = World::healthy(3).edited(|spec| spec.instances.count = 2);
    world.observed.targets.insert(target_group(), Part::Unread("timeout".into()));
    let plan = world.pass();
    assert!(waits(&plan, "instances and target health to be read before i-3 is taken out"), "{plan}");
}

#[test]
fn the_drain_of_another_holds_nobody() {
    let mut world = World::healthy(3).health(2, TargetHealth::Draining, "");
    leaves(&mut world, 3, Reason::MemberSurplus, false);
    world.targets().retain(|target| target.id != "i-3");
    assert!(ids(&world.pass()).contains("terminate/i-3"));
}

/// One that leaves has drained.
fn drained(reason: Reason, healing: bool) -> World {
    let mut world = World::healthy(2).member(3, 'a');
    leaves(&mut world, 1, reason, healing);
    world.targets().retain(|target| target.id != "i-1");
    world
}

#[test]
fn a_healing_termination_is_charged_once_and_goes_on_when_the_budget_is_spent() {
    let mut world = drained(Reason::MemberSick, true);
    let at = world.now.checked_sub(Duration::from_secs(60)).unwrap();
    world.record.status.terminations = vec![Charge { at, instance_id: instance_id(9) }];
    world.spec().healing.max_terminations_per_hour = 2;
    let plan = world.pass();
    assert_eq!((ids(&plan), charged(&plan)), (["terminate/i-1"].into(), vec!["i-9", "i-1"]));
    world.store(&plan);
    let mut world = world.after(5);
    let plan = world.pass();
    assert_eq!((ids(&plan), charged(&plan)), (["terminate/i-1"].into(), vec!["i-9", "i-1"]), "it was lost, or failed");
}

#[test]
fn only_healing_is_charged() {
    let mut world = drained(Reason::MemberSurplus, false);
    let plan = world.pass();
    assert_eq!((ids(&plan), charged(&plan)), (["terminate/i-1"].into(), vec![]));
    let mut world = drained(Reason::MemberSick, true);
    world.record.deleting = true;
    let plan = world.pass();
    assert!(ids(&plan).contains("terminate/i-1"), "{plan}");
    assert_eq!(charged(&plan), [""; 0], "a teardown is no healing");
}

#[test]
fn a_charge_counts_for_an_hour() {
    let mut world = World::healthy(1);
    world.record.status.terminations = vec![Charge { at: world.now, instance_id: instance_id(9) }];
    let mut world = world.after(3599);
    assert_eq!(charged(&world.pass()), ["i-9"]);
    let mut world = world.after(1);
    assert_eq!(charged(&world.pass()), [""; 0]);
}

#[test]
fn one_that_is_charged_and_on_its_way_out_is_counted_once() {
    let mut world = World::healthy(2).unhealthy_for(2, 600).member(3, 'a').member(4, 'b');
    leaves(&mut world, 1, Reason::MemberSick, true);
    world.targets().retain(|target| target.id != "i-1");
    world.record.status.terminations = vec![Charge { at: world.now, instance_id: instance_id(1) }];
    world.spec().healing.max_terminations_per_hour = 2;
    let plan = world.pass();
    assert_eq!(ids(&plan), ["take-out/i-2", "terminate/i-1"].into());
    let leaving = member(&plan, 2).leaving.as_ref().unwrap();
    assert_eq!((leaving.reason, leaving.healing), (Reason::MemberSick, true), "the budget has one left");
}

#[test]
fn a_teardown_marks_every_member_as_leaving() {
    let mut world = World::healthy(3);
    leaves(&mut world, 2, Reason::MemberSick, true);
    world.record.deleting = true;
    let plan = world.pass();
    let reasons = plan.status.instances.iter().map(|member| member.leaving.as_ref().map(|leaving| leaving.reason));
    let torn_down = Some(Reason::Teardown);
    assert_eq!(reasons.collect::<Vec<_>>(), [torn_down, Some(Reason::MemberSick), torn_down]);
}

#[test]
fn a_launch_that_a_teardown_finds_is_asked_about_no_more() {
    let mut world = World::healthy(1).edited(|spec| spec.instances.count = 2);
    let sent = lost(&mut world);
    world.record.deleting = true;
    assert!(waits(&world.pass(), "what became of in-"), "it may have launched");
    let mut launched = world.instance(1).clone();
    (launched.id, launched.client_token) = (instance_id(2), Some(sent.id.to_string()));
    launched.tags.insert(crate::ownership::TAG_INTENT.into(), sent.id.to_string());
    seen(&mut world.observed.instances).insert(instance_id(2), launched);
    let plan = world.pass();
    assert_eq!(plan.settled, [sent]);
    assert!(!waits(&plan, "what became of in-"), "{plan}");
    assert_eq!(ids(&plan), ["take-out/i-1", "terminate/i-2"].into(), "{plan}");
}

#[test]
fn a_paused_delete_does_not_end_while_a_create_is_open() {
    let torn_down = |world: &mut World| world.pass().torn_down;
    let mut world = World::empty(1);
    let plan = world.pass();
    let Does::Create(intent) = &plan.actions[0].does else { panic!("{plan}") };
    let intent = (**intent).clone();
    world.record.deleting = true;
    world.spec().paused = true;
    assert!(torn_down(&mut world), "there is nothing that pausing could keep");
    world.record.intents.push(intent);
    assert!(!torn_down(&mut world));
}

#[test]
fn new_members_that_bake_and_one_too_many_of_them_let_no_old_one_go() {
    let mut world = World::healthy(3).edited(|spec| {
        spec.instances.count = 2;
        spec.instances.user_data = Some("#new".into());
    });
    for slot in 4..=6 {
        world = world.member(slot, ['a', 'b', 'c'][usize::try_from(slot - 4).unwrap()]);
    }
    let plan = world.pass();
    assert_eq!(ids(&plan), ["take-out/i-6"].into(), "{plan}");
}

#[test]
fn one_that_is_not_healthy_does_not_bake() {
    let mut world = World::healthy(2).edited(|spec| spec.instances.user_data = Some("#new".into()));
    world = world.member(3, 'a').health(3, TargetHealth::Initial, "");
    assert!(!waits(&world.pass(), "to have been healthy for"));
    let mut world = world.health(3, TargetHealth::Healthy, "");
    assert!(waits(&world.pass(), "slot 3 (i-3) to have been healthy for 2m"));
}
