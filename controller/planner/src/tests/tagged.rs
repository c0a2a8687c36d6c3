//! All tags that were put at creation are put back: those of the intent, and those of volumes.

use aws_api::ec2::{Ec2TagsWrite, Taggable, Volume};
use aws_api::elbv2::ElbTaggable;
use aws_api::id::{IntentId, ListenerArn, VolumeId};
use aws_api::{Tags, Write};
use insta::assert_snapshot;

use super::world::*;
use crate::action::Plan;
use crate::observed::Part;
use crate::outcome::Outcome;
use crate::record::GroupRole;
use crate::status::{ConditionType, Truth};

fn intent(text: &str) -> IntentId {
    IntentId::parse(text).unwrap()
}

fn volume(tags: &[(&str, &str)]) -> Volume {
    let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Volume { id: VolumeId::parse("vol-1").unwrap(), instance: instance_id(1), tags }
}

/// The volume of the first member, as its launch made it.
fn whole() -> Volume {
    volume(&[
        ("Name", "shop-1"),
        ("understudy:environment", "shop"),
        ("understudy:uid", "env-1"),
        ("understudy:intent", "in-1"),
        ("understudy:slot", "1"),
    ])
}

/// An environment of one member whose volume was shown so, once.
fn with_volume(volume: Volume) -> World {
    let mut world = World::healthy(1);
    world.observed.volumes.insert(instance_id(1), Part::Seen(vec![volume]));
    let plan = world.pass();
    world.store(&plan);
    world
}

fn shows(world: &mut World, volume: Volume) -> Plan {
    world.observed.volumes.insert(instance_id(1), Part::Seen(vec![volume]));
    world.pass();
    world.pass()
}

fn in_sync(plan: &Plan) -> Truth {
    plan.status.condition(ConditionType::InSync).unwrap().status
}

#[test]
fn the_intent_of_a_member_is_its_client_token_and_its_tag_is_put_back() {
    let mut world = World::healthy(1);
    assert_eq!(world.record.status.instances[0].intent, Some(intent("in-1")), "it was recorded before intents were");
    world.instance(1).tags.remove("understudy:intent");
    assert_snapshot!(world.planned(), @"~ tag/i-1                                  TagsDrifted: understudy:intent");
}

#[test]
fn an_intent_that_is_recorded_is_put_back_on_everything_and_one_that_is_not_is_not_made_up() {
    let mut world = World::healthy(1);
    assert_eq!(world.record.status.load_balancer.as_ref().unwrap().intent, None);
    let listener = ListenerArn::parse(LISTENER).unwrap();
    let elb = [
        ElbTaggable::LoadBalancer(alb()),
        ElbTaggable::TargetGroup(target_group()),
        ElbTaggable::Listener(listener.clone()),
    ];
    for (nth, one) in elb.iter().enumerate() {
        let tags = seen(&mut world.observed.tags).get_mut(one).unwrap();
        tags.insert("understudy:intent".into(), format!("in-elb{nth}"));
    }
    world.group(GroupRole::Instances).tags.insert("understudy:intent".into(), "in-sg".into());
    let plan = world.pass();
    assert_eq!(plan.actions, []);
    world.store(&plan);
    assert_eq!(world.record.status.listeners[0].intent, Some(intent("in-elb2")));
    for tags in seen(&mut world.observed.tags).values_mut() {
        tags.remove("understudy:intent");
    }
    for group in world.groups() {
        group.tags.remove("understudy:intent");
    }
    assert_snapshot!(world.planned(), @r"
    ~ tag/sg-inst                              TagsDrifted: understudy:intent
    ~ tag/arn:aws:elasticloadbalancing:us-east-2:1:targetgroup/shop/1 TagsDrifted: understudy:intent
    ~ tag/arn:aws:elasticloadbalancing:us-east-2:1:loadbalancer/app/shop-alb/1 TagsDrifted: understudy:intent
    ~ tag/arn:aws:elasticloadbalancing:us-east-2:1:listener/app/shop-alb/1/80 TagsDrifted: understudy:intent
    ");
}

#[test]
fn the_intent_of_what_is_made_is_recorded_with_it() {
    let mut world = World::empty(1);
    let plan = world.pass();
    let status = world.concluded(&plan, super::converging::made).status;
    let of = |id: &str| {
        let action = plan.actions.iter().find(|action| action.id.0.starts_with(id)).unwrap();
        if let crate::action::Does::Create(intent) = &action.does { Some(intent.id.clone()) } else { None }
    };
    assert_eq!(status.load_balancer.unwrap().intent, of("create-load-balancer"));
    assert_eq!(status.target_groups[0].intent, of("create-target-group/"));
    assert_eq!(status.listeners[0].intent, of("create-listener/80"));
    assert_eq!(status.instances[0].intent, of("launch/1"));
    let groups = &status.security_groups.intents;
    assert_eq!(groups.get(&group_id(GroupRole::Instances)).cloned(), of("create-group/instances"));
}

#[test]
fn tags_of_a_volume_that_came_with_a_member_are_put_back() {
    let mut world = with_volume(whole());
    assert_eq!(world.record.status.instances[0].volumes, [VolumeId::parse("vol-1").unwrap()].into());
    assert!(!world.memory.wants_volumes(), "it is as it should be");
    let plan = shows(&mut world, volume(&[("Mine", "kept")]));
    assert_eq!(in_sync(&plan), Truth::False);
    let [action] = &plan.actions[..] else { panic!("{plan}") };
    let tags = whole().tags;
    let put =
        Write::Ec2Tags(Ec2TagsWrite::Create { resource: Taggable::Volume(VolumeId::parse("vol-1").unwrap()), tags });
    assert_eq!(action.does.writes(), [put]);
    assert!(world.memory.wants_volumes(), "they are read again in the next pass");
    world.concluded(&plan, |_| Outcome::Done(None));
    world.observed.volumes.insert(instance_id(1), Part::Seen(vec![whole()]));
    assert_eq!(in_sync(&world.pass()), Truth::True);
    assert!(!world.memory.wants_volumes());
}

#[test]
fn a_difference_that_one_reading_shows_is_looked_at_in_the_next_pass() {
    let mut world = with_volume(whole());
    world.observed.volumes.insert(instance_id(1), Part::Seen(vec![volume(&[])]));
    assert_eq!(world.pass().actions, []);
    assert!(world.memory.wants_volumes());
}

#[test]
fn volumes_that_were_not_asked_for_say_nothing() {
    let mut world = with_volume(whole());
    world.observed.volumes.clear();
    let plan = world.pass();
    assert_eq!((plan.actions.len(), in_sync(&plan)), (0, Truth::True));
    assert_eq!(plan.status, world.record.status);
}

#[test]
fn volumes_that_could_not_be_read_are_a_gap() {
    let mut world = with_volume(whole());
    world.observed.volumes.insert(instance_id(1), Part::Unread("throttled".into()));
    assert_eq!(in_sync(&world.pass()), Truth::Unknown);
}

#[test]
fn a_volume_that_somebody_attached_is_nobodys_to_tag() {
    let foreign = [
        volume(&[]),
        volume(&[("understudy:uid", "env-1"), ("understudy:slot", "1")]),
        volume(&[("understudy:uid", "env-1"), ("understudy:slot", "1"), ("understudy:intent", "in-2")]),
    ];
    for theirs in foreign {
        let mut world = with_volume(theirs.clone());
        let plan = shows(&mut world, theirs);
        assert_eq!((plan.actions.len(), world.record.status.instances[0].volumes.len()), (0, 0), "{plan}");
    }
}

#[test]
fn a_dropped_tag_is_forgotten_only_once_the_volumes_were_looked_at() {
    let mut world = with_volume(whole());
    world.record.status.tag_keys = ["Team".to_owned()].into();
    world.observed.volumes.clear();
    world.pass();
    let mut world = world.after(crate::memory::ARRIVES_WITHIN.as_secs());
    assert!(world.pass().status.tag_keys.contains("Team"));
    assert!(world.memory.wants_volumes());
    let mut tags = whole();
    tags.tags.insert("Team".into(), "a".into());
    world.observed.volumes.insert(instance_id(1), Part::Seen(vec![tags]));
    assert!(ids(&world.pass()).contains("untag/vol-1"));
    world.observed.volumes.insert(instance_id(1), Part::Seen(vec![whole()]));
    assert!(!world.pass().status.tag_keys.contains("Team"));
}

#[test]
fn retain_takes_our_tags_off_volumes_too_and_waits_until_they_were_seen() {
    let mut world = with_volume(whole());
    world.spec().deletion_policy = crds_schema::spec::DeletionPolicy::Retain;
    world.record.deleting = true;
    assert!(ids(&world.pass()).contains("untag/vol-1"));
    let clear = |tags: &mut Tags| tags.retain(|key, _| !key.starts_with("understudy:"));
    for group in world.groups() {
        clear(&mut group.tags);
    }
    clear(&mut world.instance(1).tags);
    seen(&mut world.observed.tags).values_mut().for_each(clear);
    world.observed.volumes.clear();
    assert!(!world.pass().torn_down, "its volumes were not asked for");
    world.observed.volumes.insert(instance_id(1), Part::Seen(vec![volume(&[])]));
    assert!(world.pass().torn_down);
}
