use aws_api::ec2::{InstanceWrite, Peer, ProfileAssociation, ProfileChange};
use aws_api::elbv2::{ElbTaggable, ListenerAction, Target, TargetHealth};
use aws_api::id::{ListenerArn, ProfileAssociationId, SecurityGroupId, TargetGroupArn, Zone};
use aws_api::{Tags, Write};
use insta::assert_snapshot;

use super::world::*;
use crate::observed::Part;
use crate::record::GroupRole;

#[test]
fn a_revoked_rule_is_believed_at_the_second_reading_and_added() {
    let mut world = World::healthy(2);
    world.group(GroupRole::Instances).ingress.retain(|rule| rule.from != Some(8080));
    let first = world.pass();
    assert_eq!(first.actions, [], "one reading may be stale: {first}");
    assert_snapshot!(world.planned(), @"~ authorize/instances/ingress              RuleMissing: ingress of the instances group: tcp 8080 sg-alb");
}

#[test]
fn a_rogue_rule_is_removed_at_once() {
    let mut world = World::healthy(2);
    world.group(GroupRole::Instances).ingress.insert(rule(8080, cidr("0.0.0.0/0")));
    assert_snapshot!(world.planned(), @"~ revoke/instances/ingress                 RuleRogue: ingress of the instances group: tcp 8080 0.0.0.0/0");
}

#[test]
fn an_access_edit_opens_before_it_closes() {
    let mut world =
        World::healthy(2).edited(|spec| spec.access.load_balancer[0].cidr = Some("198.51.100.0/24".parse().unwrap()));
    let plan = world.pass();
    let revoke = plan.actions.iter().find(|action| action.id.0 == "revoke/load-balancer/ingress").unwrap();
    assert_eq!(revoke.after.iter().map(|id| id.0.as_str()).collect::<Vec<_>>(), ["authorize/load-balancer/ingress"]);
}

#[test]
fn a_foreign_target_is_deregistered() {
    let mut world = World::healthy(2);
    world.targets().push(target("i-foreign", TargetHealth::Healthy, None));
    assert_snapshot!(world.planned(), @"~ deregister/shop-web-6bdbe364             TargetForeign: i-foreign:8080 in shop-web-6bdbe364");
}

#[test]
fn a_deregistered_member_is_registered_again() {
    let mut world = World::healthy(2).health(2, TargetHealth::Draining, "Target.DeregistrationInProgress");
    assert_snapshot!(world.planned(), @"~ register/shop-web-6bdbe364               TargetMissing: i-2 not in shop-web-6bdbe364");
}

#[test]
fn attributes_and_health_check_are_set_back() {
    let mut world = World::healthy(2);
    let attributes = seen(world.observed.target_group_attributes.get_mut(&target_group()).unwrap());
    attributes.insert("stickiness.enabled".into(), "true".into());
    attributes.insert("lambda.multi_value_headers.enabled".into(), "false".into());
    seen(&mut world.observed.target_groups)[0].health_check.path = "/other".into();
    assert_snapshot!(world.planned(), @r"
    ~ set-health-check/shop-web-6bdbe364       HealthCheckDrifted: is HTTP /other port traffic-port every 30s, timeout 5s, 5 up, 2 down, codes 200; should be HTTP /health port traffic-port every 30s, timeout 5s, 5 up, 2 down, codes 200
    ~ set-target-group-attributes/shop-web-6bdbe364 AttributeDrifted: stickiness.enabled
    . arn:aws:elasticloadbalancing:us-east-2:1:targetgroup/shop/1 NotInSchema: attributes lambda.multi_value_headers.enabled
    ");
}

#[test]
fn listeners_are_made_set_right_and_deleted() {
    let mut world = World::healthy(2);
    let listeners = seen(world.observed.listeners.get_mut(&alb()).unwrap());
    listeners[0].forwards_to = None;
    listeners[0].actions = vec![ListenerAction::Respond("503".into())];
    let mut rogue = listeners[0].clone();
    rogue.port = 81;
    rogue.arn = ListenerArn::parse("arn:listener/81").unwrap();
    listeners.push(rogue);
    assert_snapshot!(world.planned(), @r"
    ~ set-listener/80                          ListenerDrifted: listener 80: is HTTP, fixed response 503; should be HTTP to arn:aws:elasticloadbalancing:us-east-2:1:targetgroup/shop/1
    ~ delete-listener/81                       ListenerRogue: listener 81: HTTP, fixed response 503
    ");
    let mut world = World::healthy(2);
    world.observed.listeners.insert(alb(), Part::Seen(Vec::new()));
    assert_snapshot!(world.planned(), @"+ create-listener/80                       ListenerMissing: listener HTTP 80");
}

#[test]
fn a_balancer_that_does_not_cover_a_members_zone_gets_its_subnets_back() {
    let mut world = World::healthy(2);
    seen(&mut world.observed.load_balancers)[0].subnets.remove(&Zone("us-east-2b".into()));
    let text = world.planned();
    assert_snapshot!(text, @"~ set-subnets                              ZoneNotCovered: shop-alb should be in subnet-a subnet-b subnet-c");
}

#[test]
fn detached_groups_are_attached_again() {
    let mut world = World::healthy(2);
    world.instance(1).groups = [SecurityGroupId::parse("sg-default").unwrap()].into();
    seen(&mut world.observed.load_balancers)[0].groups.clear();
    assert_snapshot!(world.planned(), @r"
    ~ set-load-balancer-groups                 GroupDetached: shop-alb has , should have sg-alb
    ~ set-groups/i-1                           GroupDetached: i-1 has sg-default, should have sg-inst
    ");
}

#[test]
fn removed_tags_are_put_back_on_everything() {
    let mut world = World::healthy(1);
    world.group(GroupRole::LoadBalancer).tags.clear();
    world.instance(1).tags.remove("understudy:uid");
    seen(&mut world.observed.tags).insert(ElbTaggable::LoadBalancer(alb()), Tags::new());
    let text = world.planned();
    assert_snapshot!(text, @r"
    ~ tag/sg-alb                               TagsDrifted: Name, understudy:environment, understudy:uid
    ~ tag/arn:aws:elasticloadbalancing:us-east-2:1:loadbalancer/app/shop-alb/1 TagsDrifted: Name, understudy:environment, understudy:uid
    ~ tag/i-1                                  TagsDrifted: understudy:uid
    ");
}

#[test]
fn a_tag_that_the_spec_drops_is_removed_and_a_foreign_one_left() {
    let mut world = World::healthy(1);
    world.record.status.tag_keys = ["Team".to_owned()].into();
    world.instance(1).tags.insert("Team".into(), "a".into());
    world.instance(1).tags.insert("Mine".into(), "b".into());
    assert_snapshot!(world.planned(), @"~ untag/i-1                                TagsDrifted: Team");
}

#[test]
fn metadata_options_are_set_in_place() {
    let mut world = World::healthy(1);
    world.instance(1).http_tokens = Some(crds_schema::spec::HttpTokens::Optional);
    let text = world.planned();
    assert_snapshot!(text, @"~ set-metadata/i-1                         AttributeDrifted: metadata options of i-1: tokens optional, hop limit 2, should be tokens required, hop limit 2");
}

/// Members that were launched with the profile `web`.
fn with_profile(count: u32) -> World {
    let mut world = World::healthy(count);
    world.spec().instances.instance_profile = Some("web".into());
    let template = crate::desired::Template::of(world.spec()).unwrap().hash();
    for slot in 1..=count {
        world.status(slot).template = template.clone();
        world.instance(slot).instance_profile = Some("web".into());
    }
    assert_eq!(world.pass().actions, [], "a healthy world wants nothing done");
    world
}

/// Lets an instance be seen with another profile, by another association.
fn show_profile(world: &mut World, slot: u32, shown: Option<&str>, associated: Option<&str>) {
    let instance = instance_id(slot);
    world.instance(slot).instance_profile = shown.map(str::to_owned);
    let association = associated.map(|profile| ProfileAssociation {
        id: ProfileAssociationId::parse("iip-assoc-1").unwrap(),
        instance: instance.clone(),
        profile: profile.into(),
    });
    world.observed.profile_associations.insert(instance, Part::Seen(association.into_iter().collect()));
}

#[test]
fn a_profile_that_was_changed_by_hand_is_believed_at_the_second_reading_and_set_back_in_place() {
    let mut world = with_profile(2);
    show_profile(&mut world, 1, Some("admin"), Some("admin"));
    show_profile(&mut world, 2, None, None);
    let first = world.pass();
    assert_eq!(first.actions, [], "one reading may be stale: {first}");
    let plan = world.pass();
    assert_snapshot!(plan.to_string(), @r"
    ~ set-profile/i-1                          AttributeDrifted: instance profile of i-1: admin, should be web
    ~ set-profile/i-2                          AttributeDrifted: instance profile of i-2: none, should be web
    ");
    let changes: Vec<_> = plan.actions.iter().flat_map(|action| action.does.writes()).collect();
    let association = ProfileAssociationId::parse("iip-assoc-1").unwrap();
    let change = |slot, change| Write::Instance(InstanceWrite::ChangeProfile { instance: instance_id(slot), change });
    let replace = ProfileChange::Replace { association, profile: "web".into() };
    assert_eq!(changes, [change(1, replace), change(2, ProfileChange::Associate("web".into()))]);
}

#[test]
fn a_profile_where_none_is_wanted_is_taken_away() {
    let mut world = World::healthy(1);
    show_profile(&mut world, 1, Some("admin"), Some("admin"));
    let plan = world.pass();
    let association = ProfileAssociationId::parse("iip-assoc-1").unwrap();
    let take = Write::Instance(InstanceWrite::ChangeProfile {
        instance: instance_id(1),
        change: ProfileChange::Disassociate(association),
    });
    assert_eq!(plan.actions.iter().flat_map(|action| action.does.writes()).collect::<Vec<_>>(), [take]);
}

#[test]
fn a_profile_whose_change_is_under_way_or_unread_is_waited_for() {
    for (shown, associated, wanted) in [(None, Some("web"), Some("web")), (Some("admin"), None, None)] {
        let mut world = if wanted.is_some() { with_profile(1) } else { World::healthy(1) };
        show_profile(&mut world, 1, shown, associated);
        assert_eq!(world.planned(), "? the instance profile of i-1 to be shown\n");
        world.observed.profile_associations.insert(instance_id(1), Part::Unread("throttled".into()));
        let plan = world.pass();
        assert_eq!(plan.actions, [], "{plan}");
        let in_sync = plan.status.condition(crate::status::ConditionType::InSync).unwrap();
        assert_eq!(in_sync.message, "instance profile associations: throttled");
    }
}

#[test]
fn an_edit_of_the_profile_replaces_members_and_sets_none_of_them_in_place() {
    let mut world = with_profile(2).edited(|spec| spec.instances.instance_profile = Some("other".into()));
    for slot in 1..=2 {
        show_profile(&mut world, slot, Some("web"), Some("web"));
    }
    assert_eq!(crate::lookup::lookups(&world.record).profiles, Default::default(), "nobody is asked about");
    world.pass();
    assert_snapshot!(world.pass().to_string(), @r"
    + launch/3                                 MemberOutdated: slot 3 in us-east-2a: successor of i-1, of an older revision
    ? the rollout, which replaces 2 instances, one at a time
    ? slot 1 (i-1, older revision) serves until a successor is healthy: 0 of 2 new
    ? slot 2 (i-2, older revision) serves until a successor is healthy: 0 of 2 new
    ");
}

#[test]
fn a_port_edit_makes_a_second_group_and_warms_it_before_it_serves() {
    let mut world = World::healthy(2).edited(|spec| spec.services[0].port = 9090);
    assert_snapshot!(world.planned());
}

#[test]
fn a_warmed_group_takes_over_once_it_is_as_healthy() {
    let mut world = World::healthy(2).edited(|spec| spec.services[0].port = 9090);
    let spec = world.record.spec.clone().unwrap();
    let name = crate::desired::target_group_name("shop", &spec.services[0]);
    let new = TargetGroupArn::parse("arn:new").unwrap();
    let mut group = seen(&mut world.observed.target_groups)[0].clone();
    (group.arn, group.name, group.port) = (new.clone(), name.clone(), Some(9090));
    seen(&mut world.observed.target_groups).push(group);
    let attributes = world.observed.target_group_attributes[&target_group()].clone();
    world.observed.target_group_attributes.insert(new.clone(), attributes);
    let tags = crate::ownership::standing_tags(&world.record, &Tags::new(), &name);
    seen(&mut world.observed.tags).insert(ElbTaggable::TargetGroup(new.clone()), tags);
    world.record.status.target_groups.push(crate::status::TargetGroupStatus {
        service: "web".into(),
        arn: new.clone(),
        name,
        port: 9090,
        intent: None,
    });
    world
        .group(GroupRole::Instances)
        .ingress
        .insert(rule(9090, Peer::Group(aws_api::Ref::Id(group_id(GroupRole::LoadBalancer)))));
    seen(world.observed.listeners.get_mut(&alb()).unwrap())[0].warms = Some(new.clone());
    let on = |id: &str, health| Target { port: 9090, ..target(id, health, None) };
    let part = |second| Part::Seen(vec![on("i-1", TargetHealth::Healthy), on("i-2", second)]);
    world.observed.targets.insert(new.clone(), part(TargetHealth::Initial));
    assert_eq!(world.pass().actions, [], "one of two is not as healthy");
    world.observed.targets.insert(new.clone(), part(TargetHealth::Healthy));
    assert_snapshot!(world.planned(), @"~ set-listener/80                          TargetGroupReplaced: listener 80: HTTP to arn:new");
    let listener = &mut seen(world.observed.listeners.get_mut(&alb()).unwrap())[0];
    (listener.forwards_to, listener.warms) = (Some(new), None);
    assert_snapshot!(world.planned(), @"? shop-web-6bdbe364 to be used by no listener for a while (until 2026-03-01T10:02:00Z)");
    let mut world = world.after(crate::memory::ARRIVES_WITHIN.as_secs());
    assert_snapshot!(world.planned(), @"~ deregister/shop-web-6bdbe364             TargetGroupReplaced: shop-web-6bdbe364 is emptied");
    world.targets().clear();
    let text = world.planned();
    assert_snapshot!(text, @"- delete-target-group/shop-web-6bdbe364    TargetGroupReplaced: shop-web-6bdbe364 is no longer used");
}
