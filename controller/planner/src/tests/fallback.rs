//! A typo in an edit does not disarm healing: what is broken is replaced from the last good revision meanwhile.

use aws_api::ec2::{InstanceState, InstanceWrite, RunInstances, UserData};
use aws_api::elbv2::TargetHealth;
use aws_api::{ErrorKind, Write};
use insta::assert_snapshot;

use super::world::*;
use crate::action::{Does, Plan};
use crate::desired::Template;
use crate::observed::{FallbackSight, Part};
use crate::outcome::{Fault, Outcome};
use crate::reason::Reason;
use crate::record::{Good, Intent, Makes};
use crate::status::{Condition, ConditionType};

const TYPO: &str = "ami-0999999999999999f";

/// Two healthy members, and an edit after them, of which the revision before was good. Nothing is wrong with it yet.
fn edited(edit: impl FnOnce(&mut crds_schema::Spec)) -> World {
    let mut world = World::healthy(2);
    world.spec().instances.user_data = Some("#old".into());
    let template = Template::of(world.spec()).unwrap().hash();
    (1..=2).for_each(|slot| world.status(slot).template = template.clone());
    world.record.good = Some(Good { revision: 1, spec: world.spec().clone() });
    let (offerings, image) = (world.observed.offerings.clone(), world.observed.image.clone());
    world.observed.fallback = Some(FallbackSight { offerings, image });
    world.edited(edit)
}

/// The edit names an image that does not exist.
fn typo() -> World {
    let mut world = edited(|spec| {
        spec.image.ami_id = Some(TYPO.into());
        spec.instances.user_data = Some("#new".into());
        spec.tags.insert("Team".into(), "shop".into());
    });
    // The tag is put on what stands already; that is not what these tests are about.
    world.observed.image = Part::Seen(None);
    world
}

fn lost(mut world: World, slot: u32) -> World {
    world = world.state(slot, InstanceState::Terminated);
    world.targets().retain(|target| target.id != instance_id(slot).as_str());
    world
}

fn launches(plan: &Plan) -> Vec<&Intent> {
    let launch = |does: &'_ Does| matches!(does, Does::Create(intent) if matches!(intent.makes, Makes::Member { .. }));
    let created = plan.actions.iter().filter(|action| launch(&action.does));
    created
        .map(|action| match &action.does {
            Does::Create(intent) => &**intent,
            Does::Replay(_)
            | Does::Change(_)
            | Does::Terminate { .. }
            | Does::TakeOut { .. }
            | Does::DeleteGroup(_)
            | Does::DeleteLoadBalancer(_)
            | Does::DeleteTargetGroup(_) => unreachable!("it is filtered"),
        })
        .collect()
}

fn run(intent: &Intent) -> &RunInstances {
    let Write::Instance(InstanceWrite::Run(run)) = &intent.write else { panic!("{intent:?}") };
    run
}

/// The revisions whose user data is launched with.
fn revisions(plan: &Plan) -> Vec<u64> {
    let of = |intent: &&Intent| match run(intent).user_data {
        Some(UserData::Revision(number)) => Some(number),
        Some(UserData::Text(_) | UserData::Base64(_)) | None => None,
    };
    launches(plan).iter().filter_map(of).collect()
}

fn condition(plan: &Plan, kind: ConditionType) -> &Condition {
    plan.status.condition(kind).unwrap()
}

#[test]
fn what_is_broken_is_replaced_from_the_last_good_revision_while_the_image_is_missing() {
    let plan = lost(typo(), 2).pass();
    let launch = plan.actions.iter().find(|action| action.id.0.starts_with("launch/")).unwrap();
    assert_snapshot!(format!("{} {}", launch.id, launch.why), @"launch/2 SlotEmpty: slot 2 in us-east-2b: 1 live of 2; from revision 1, the last good one, since ami-0999999999999999f does not exist in this region or may not be used");
    let [intent] = launches(&plan)[..] else { panic!("{plan}") };
    let run = run(intent);
    assert_eq!(run.image.as_str(), "ami-0123456789abcdef0");
    assert_eq!(revisions(&plan), [1], "its user data");
    assert_eq!(run.tags.get("Team").map(String::as_str), Some("shop"), "all else is as the record says now");
    let Makes::Member { template, .. } = &intent.makes else { panic!("{plan}") };
    assert_eq!(*template, plan.status.instances[0].template, "it is outdated from the first");
}

#[test]
fn it_holds_and_says_what_would_let_it_go_on() {
    let plan = typo().pass();
    assert_eq!(launches(&plan), [] as [&Intent; 0], "nobody is broken: {plan}");
    let ready = condition(&plan, ConditionType::Ready);
    assert_eq!(ready.reason, Reason::Held);
    let cause = format!(
        "ImageAvailable is False (ImageMissing): spec.image.amiId: {TYPO} does not exist in this region or may not be used"
    );
    assert!(ready.message.starts_with(&cause), "{}", ready.message);
    assert_eq!(condition(&plan, ConditionType::InSync).reason, Reason::MemberOutdated);
    assert!(plan.to_string().contains(&format!("? spec.image.amiId: {TYPO}")), "{plan}");
}

#[test]
fn whatever_stands_in_the_way_of_the_wanted_the_last_good_one_stands_in() {
    type Bar = fn(&mut World);
    let bars: [(&str, Bar); 4] = [
        ("pending", |world| seen(&mut world.observed.image).as_mut().unwrap().state = "pending".into()),
        ("unread", |world| world.observed.image = Part::Unread("timeout".into())),
        ("not offered", |world| world.observed.offerings = Part::Seen(Default::default())),
        ("offers unread", |world| world.observed.offerings = Part::Unread("timeout".into())),
    ];
    for (what, bar) in bars {
        let mut world = lost(edited(|spec| spec.instances.user_data = Some("#new".into())), 2);
        assert_eq!(revisions(&world.pass()), [2, 2], "{what}: the wanted, as long as nothing bars it");
        bar(&mut world);
        let plan = world.pass();
        assert_eq!(revisions(&plan), [1], "{what}: {plan}");
    }
}

fn refused(code: &str, kind: ErrorKind) -> Fault {
    Fault {
        operation: "RunInstances".into(),
        iam_action: "ec2:RunInstances".into(),
        kind,
        code: Some(code.into()),
        message: "no".into(),
        definite: true,
    }
}

#[test]
fn after_a_refusal_the_last_good_one_stands_in_and_the_wanted_is_tried_again() {
    for (code, kind) in [("InvalidKeyPair.NotFound", ErrorKind::Invalid), ("UnauthorizedOperation", ErrorKind::Denied)]
    {
        let mut world = lost(edited(|spec| spec.instances.key_name = Some("typo".into())), 2);
        let plan = world.pass();
        assert_eq!(launches(&plan).len(), 2, "{plan}");
        world.concluded(&plan, |_| Outcome::Failed(refused(code, kind)));
        world.store(&plan);
        let mut world = world.after(300);
        let plan = world.pass();
        let [again, instead] = launches(&plan)[..] else { panic!("{code}: {plan}") };
        let key = |intent: &Intent| run(intent).key_name.clone();
        assert_eq!((key(again), key(instead)), (Some("typo".into()), None), "{plan}");
        assert!(
            plan.to_string().contains(&format!("since AWS refused the last launch (RunInstances: {code}")),
            "{plan}"
        );
    }
}

#[test]
fn while_the_revision_in_force_makes_sick_members_only_the_last_good_one_stands_in() {
    // Long enough ago to be judged.
    let rolling = |world: World| {
        let mut world = lost(world, 2).member(3, 'c');
        world.status(3).launched_at = world.record.status.creation_timestamp;
        world
    };
    let world = || rolling(edited(|spec| spec.instances.user_data = Some("#new".into())));
    let mut sick = world().unhealthy_for(3, 600);
    assert_eq!(revisions(&sick.pass()), [1], "the old one that was lost comes back");
    let at = sick.now;
    sick.record.status.terminations =
        (90..94).map(|slot| crate::status::Charge { at, instance_id: instance_id(slot) }).collect();
    assert_eq!(revisions(&sick.pass()), [1], "though the sick one stays, for want of budget");
    let mut starting = world().health(3, TargetHealth::Initial, "");
    assert_eq!(revisions(&starting.pass()), [2], "it may still become healthy");
    let mut healthy = world().member(4, 'b').unhealthy_for(3, 600);
    healthy.spec().instances.count = 3;
    assert_eq!(revisions(&healthy.pass()), [2], "one of them is");
    // What was good once has nothing to fall back on.
    let mut world = world().unhealthy_for(3, 600);
    world.record.good = None;
    assert_eq!(revisions(&world.pass()), [2]);
}

#[test]
fn another_type_stands_in_where_no_zone_has_room_and_the_same_one_does_not() {
    let full = |edit: fn(&mut crds_schema::Spec)| {
        let mut world = lost(edited(edit), 2);
        for letter in ['a', 'b', 'c'] {
            world.memory.note_no_capacity(aws_api::id::Zone(format!("us-east-2{letter}")), world.now);
        }
        world.pass()
    };
    let plan = full(|spec| spec.instances.types = vec!["p5.48xlarge".into()]);
    assert_eq!(revisions(&plan), [1], "{plan}");
    let plan = full(|spec| spec.instances.user_data = Some("#new".into()));
    assert_eq!(launches(&plan), [] as [&Intent; 0], "{plan}");
}

#[test]
fn who_is_sick_or_stopped_has_a_successor_and_no_more_live_than_may() {
    let mut world = typo().unhealthy_for(1, 600);
    let plan = world.pass();
    assert_eq!(revisions(&plan), [1], "{plan}");
    assert!(plan.status.instances[0].succeeded, "its exit is one of healing");
    let mut world = typo().state(1, InstanceState::Stopped).health(1, TargetHealth::Unused, "Target.InvalidState");
    assert_eq!(revisions(&world.pass()), [1]);
    let mut world = lost(lost(typo(), 1), 2);
    assert_eq!(revisions(&world.pass()), [1, 1], "as many as are wanted");
    // Both sick: of their two successors one has room.
    let mut world = typo().unhealthy_for(1, 600).unhealthy_for(2, 600);
    world.spec().healing.max_unhealthy = crds_schema::Amount::Count(2);
    assert_eq!(revisions(&world.pass()), [1]);
}

#[test]
fn an_open_launch_takes_its_slot() {
    let mut world = lost(typo(), 2);
    let plan = world.pass();
    let intent = launches(&plan)[0].clone();
    world.store(&plan);
    world.record.intents.push(intent);
    let plan = world.pass();
    assert_eq!(launches(&plan), [] as [&Intent; 0], "it is asked about: {plan}");
    assert_eq!(plan.actions.iter().filter(|action| matches!(action.does, Does::Replay(_))).count(), 1, "{plan}");
}

#[test]
fn once_the_wanted_can_be_had_the_rollout_goes_on() {
    let mut world = edited(|spec| spec.instances.user_data = Some("#new".into()));
    assert_eq!(revisions(&world.pass()), [2], "one of surge");
    // One that stood in is outdated like those before it.
    let template = world.status(1).template.clone();
    world = world.member(3, 'c');
    world.status(3).template = template;
    world = lost(world, 2);
    assert_eq!(revisions(&world.pass()), [2]);
}

#[test]
fn where_the_last_good_one_cannot_be_launched_either_that_is_said() {
    let mut world = lost(typo(), 2);
    world.observed.fallback.as_mut().unwrap().image = Part::Seen(None);
    let plan = world.pass();
    assert_eq!(launches(&plan), [] as [&Intent; 0], "{plan}");
    let either = "revision 1, the last good one, cannot be launched either: ami-0123456789abcdef0 does not exist";
    assert!(plan.to_string().contains(either), "{plan}");
    let fallback = world.observed.fallback.as_mut().unwrap();
    fallback.offerings = Part::Unread("timeout".into());
    assert!(world.pass().to_string().contains("either: instance type offerings: timeout"));
    world.record.good = None;
    assert!(!world.pass().to_string().contains("either"), "there never was a good one");
}

#[test]
fn a_revision_is_good_once_count_members_of_it_are_healthy() {
    let good = |world: &mut World| world.pass().status.good_revision;
    let mut world = edited(|spec| spec.instances.user_data = Some("#new".into()));
    world.record.status.good_revision = 1;
    assert_eq!(good(&mut world), 1);
    world = world.member(3, 'a');
    assert_eq!(good(&mut world), 1, "one of two");
    world = world.member(4, 'b').health(4, TargetHealth::Initial, "");
    assert_eq!(good(&mut world), 1);
    world = world.health(4, TargetHealth::Healthy, "");
    assert_eq!(good(&mut world), 2);
    assert_eq!(good(&mut World::healthy(2).edited(|spec| spec.tags.clear())), 2, "it launches from the same");
}

#[test]
fn what_the_last_good_revision_launches_from_is_looked_for_where_that_is_something_else() {
    let fallback = |world: &World| crate::lookup::lookups(&world.record).fallback;
    let mut world = typo();
    assert_eq!(fallback(&world), Some(("ami-0123456789abcdef0".into(), vec!["t3.medium".into()])));
    world.record.deleting = true;
    assert_eq!(fallback(&world), None);
    assert_eq!(fallback(&edited(|spec| spec.instances.count = 3)), None);
}
