//! What was not read once: rules of our listeners, tags of volumes and of intents, and whose work a change is.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use aws_api::ec2::{CreateSecurityGroup, Direction, InstanceState, Peer, Rule, SecurityGroupWrite, Taggable};
use aws_api::elbv2::{CreateTargetGroup, ElbTaggable, TargetGroupWrite};
use aws_api::id::{LoadBalancerArn, TargetGroupArn};
use aws_api::{Operation, Ref, ResourceId, Tags, Write};
use e2e::{NAME, Stage, record, record_with};
use planner::ownership::TAG_INTENT;
use planner::reason::Reason;
use planner::status::{ConditionType, Truth};
use simulator::cloud::Kind;

/// How long a tag of a volume may be missing before it is put back: until volumes are read again, and a pass or two.
const TAGS_OF_VOLUMES: Duration = Duration::from_secs(400);

fn balancer(stage: &Stage) -> LoadBalancerArn {
    stage.cloud.view().load_balancer(&format!("{NAME}-alb")).unwrap().arn
}

/// The reason of a condition of the stored status.
fn reason(stage: &Stage, kind: ConditionType) -> Reason {
    stage.world(NAME).status().unwrap().condition(kind).unwrap().reason
}

/// Whether an event of that reason was told.
fn told(stage: &Stage, reason: Reason) -> bool {
    let items = stage.store.user().partition(NAME).into_iter();
    items.filter(|(sk, _)| sk.starts_with("EVENT#")).any(|(_, item)| item["reason"] == reason.name())
}

/// Somebody else's target group, in our VPC.
fn theirs(stage: &Stage) -> TargetGroupArn {
    let view = stage.cloud.view();
    let ours = view.target_groups()[0].clone();
    let create = Write::TargetGroup(TargetGroupWrite::Create(CreateTargetGroup {
        name: "theirs".into(),
        protocol: ours.protocol.unwrap(),
        port: 8080,
        vpc: view.vpc(),
        health_check: ours.health_check,
        tags: Tags::new(),
    }));
    match stage.cloud.console().write(&create).unwrap() {
        Some(ResourceId::TargetGroup(arn)) => arn,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_rule_that_answers_every_visitor_is_reported_and_left_until_somebody_deletes_it() {
    let mut stage = Stage::standing(31, &record(2), |builder| builder);
    let listener = stage.cloud.view().listeners(&balancer(&stage))[0].arn.clone();
    stage.cloud.console().rule_that_answers(&listener, 1, "/*").unwrap();
    stage.is_quiet_for(Duration::from_secs(600));
    assert_eq!(reason(&stage, ConditionType::InSync), Reason::RuleForeign);
    assert!(!stage.is_ready());
    assert!(stage.says("rule 1 of listener 80 (path-pattern /*: fixed response 503)"), "{}", stage.report());
    assert_eq!(stage.cloud.view().rules(&listener), [1]);
    stage.cloud.console().delete_rules(&listener).unwrap();
    stage.settle();
}

#[test]
fn a_group_that_a_rule_forwards_to_is_kept_while_it_is_replaced_and_goes_once_the_rule_does() {
    let mut stage = Stage::standing(32, &record(2), |builder| builder);
    let listener = stage.cloud.view().listeners(&balancer(&stage))[0].arn.clone();
    let old = stage.cloud.view().target_groups()[0].arn.clone();
    stage.cloud.console().rule_that_forwards(&listener, 10, "/old/*", &old).unwrap();
    stage.apply(&record_with(2, |record| record["spec"]["services"][0]["port"] = 9090.into()));
    stage.run_for(Duration::from_secs(3600));
    let view = stage.cloud.view();
    let forwards_to = view.listeners(&balancer(&stage))[0].forwards_to.clone();
    assert!(forwards_to.is_some_and(|to| to != old), "the listener itself moved\n{}", stage.report());
    assert_eq!(stage.cloud.ledger().calls(Operation::DeleteTargetGroup), 0);
    assert_eq!(view.targets(&old).len(), 2, "it is not emptied under the rule\n{}", stage.report());
    assert!(stage.says("rule 10 of listener 80"), "{}", stage.report());
    stage.cloud.console().delete_rules(&listener).unwrap();
    stage.until("the old group is gone", |world| world.is_settled() && world.cloud.view().target_groups().len() == 1);
}

#[test]
fn an_environment_with_rules_of_somebodys_is_deleted_all_the_same() {
    let mut stage = Stage::standing(33, &record(1), |builder| builder);
    let listener = stage.cloud.view().listeners(&balancer(&stage))[0].arn.clone();
    let group = stage.cloud.view().target_groups()[0].arn.clone();
    stage.cloud.console().rule_that_forwards(&listener, 10, "/x", &group).unwrap();
    stage.delete();
    stage.until("nothing is left", |world| world.is_gone());
    assert!(stage.cloud.view().target_groups().is_empty());
}

#[test]
fn somebody_elses_group_beside_ours_is_set_back_and_told_as_drift() {
    let mut stage = Stage::standing(34, &record(2), |builder| builder);
    let theirs = theirs(&stage);
    let ours = stage.cloud.view().target_groups().into_iter().find(|group| group.arn != theirs).unwrap().arn;
    let listener = stage.cloud.view().listeners(&balancer(&stage))[0].arn.clone();
    stage.cloud.console().forward_by_weight(&listener, &[(ours.clone(), 100), (theirs, 0)]).unwrap();
    let rolling = std::cell::Cell::new(false);
    stage.each_second(
        "set back",
        |stage| rolling.set(rolling.get() || reason(stage, ConditionType::Ready) == Reason::RollingOut),
        |world| {
            let view = world.cloud.view();
            let listeners = view.listeners(&view.load_balancer(&format!("{NAME}-alb")).unwrap().arn);
            world.is_settled() && listeners[0].warms.is_none() && listeners[0].forwards_to.as_ref() == Some(&ours)
        },
    );
    assert!(!rolling.get(), "nobody rolls anything out");
    assert!(told(&stage, Reason::ListenerDrifted) && !told(&stage, Reason::TargetGroupReplaced), "{}", stage.report());
}

#[test]
fn all_tags_that_were_put_at_creation_are_put_back_on_everything() {
    let mut stage = Stage::standing(35, &record(2), |builder| builder);
    stage.run_for(TAGS_OF_VOLUMES);
    let wanted = all_tags(&stage);
    assert!(wanted.iter().all(|(_, tags)| tags.contains_key(TAG_INTENT) && tags.contains_key("Team")), "{wanted:?}");
    let (view, console) = (stage.cloud.view(), stage.cloud.console());
    for instance in view.live_instances() {
        console.untag_with_volumes(&instance.id).unwrap();
    }
    let keys: Vec<&str> = wanted.iter().flat_map(|(_, tags)| tags.keys()).map(String::as_str).collect();
    for group in ["alb-sg", "instance-sg"] {
        let id = view.group(&format!("{NAME}-{group}")).unwrap().id;
        console.untag(&Taggable::SecurityGroup(Ref::Id(id)), &keys).unwrap();
    }
    let arn = balancer(&stage);
    console.untag_elb(&ElbTaggable::Listener(view.listeners(&arn)[0].arn.clone()), &keys).unwrap();
    console.untag_elb(&ElbTaggable::LoadBalancer(arn), &keys).unwrap();
    console.untag_elb(&ElbTaggable::TargetGroup(view.target_groups()[0].arn.clone()), &keys).unwrap();
    stage.run_for(TAGS_OF_VOLUMES);
    assert_eq!(all_tags(&stage), wanted, "{}", stage.report());
    assert!(stage.is_ready());
    stage.is_quiet_for(Duration::from_secs(3600));
}

/// The tags of all that is ours, volumes included.
fn all_tags(stage: &Stage) -> Vec<(String, Tags)> {
    let view = stage.cloud.view();
    let instances = view.live_instances().into_iter().map(|one| (one.id.to_string(), one.tags));
    let volumes = view.volumes().into_iter().map(|(id, one)| (id, one.tags));
    let groups = view.groups().into_iter().map(|one| (one.id.to_string(), one.tags));
    let arn = balancer(stage);
    let listener = view.listeners(&arn)[0].arn.clone();
    let elb = [
        (listener.to_string(), view.listener_tags(&listener)),
        (arn.to_string(), view.load_balancer_tags(&arn)),
        ("target group".to_owned(), view.target_group_tags(&view.target_groups()[0].arn)),
    ];
    instances.chain(volumes).chain(groups).chain(elb).collect()
}

#[test]
fn in_sync_is_false_while_tags_of_a_volume_are_missing() {
    let mut stage = Stage::standing(36, &record(1), |builder| builder);
    stage.run_for(TAGS_OF_VOLUMES);
    let instance = stage.cloud.view().live_instances()[0].id.clone();
    stage.cloud.console().untag_with_volumes(&instance).unwrap();
    // AWS refuses to put them back.
    stage.cloud.fail_often(Operation::CreateTags, 1000, simulator::cloud::Fault::refused("UnauthorizedOperation"));
    stage.run_for(TAGS_OF_VOLUMES);
    assert!(stage.is(ConditionType::InSync, Truth::False), "{}", stage.report());
    stage.cloud.faults_off();
    stage.run_for(Duration::from_secs(3600));
    assert!(stage.is_ready(), "{}", stage.report());
    assert_eq!(stage.totals()[&Kind::Instance], (1, 0));
    assert_eq!(stage.cloud.view().instance(&instance).unwrap().state, InstanceState::Running);
}

#[test]
fn a_delete_that_somebodys_rule_holds_up_says_whose_and_goes_on_once_it_is_gone() {
    let mut stage = Stage::standing(37, &record(1), |builder| builder);
    let view = stage.cloud.view();
    let ours = view.group(&format!("{NAME}-instance-sg")).unwrap().id;
    let create = Write::SecurityGroup(SecurityGroupWrite::Create(CreateSecurityGroup {
        name: "redis".into(),
        description: "shared".into(),
        vpc: view.vpc(),
        tags: Tags::from([("Name".to_owned(), "shared redis".to_owned())]),
    }));
    let theirs = match stage.cloud.console().write(&create).unwrap() {
        Some(ResourceId::SecurityGroup(id)) => id,
        other => panic!("{other:?}"),
    };
    let peer = Peer::Group(Ref::Id(ours));
    let rule = Rule { protocol: "tcp".into(), from: Some(6379), to: Some(6379), peer };
    stage.cloud.console().authorize(&theirs, Direction::Ingress, rule.clone()).unwrap();
    let asked = |stage: &Stage| stage.cloud.ledger().calls(Operation::DescribeNetworkInterfaces);
    assert_eq!(asked(&stage), 0, "nobody is asked about in quiet passes");
    stage.delete();
    stage.run_for(Duration::from_secs(3600));
    assert!(stage.says(&format!("of security group {theirs} (redis, Name shared redis)")), "{}", stage.report());
    assert!(stage.says("aws ec2 revoke-security-group-ingress --group-id"), "{}", stage.report());
    assert!((1..=61).contains(&asked(&stage)), "{} questions in an hour", asked(&stage));
    stage.cloud.console().revoke(&theirs, Direction::Ingress, rule).unwrap();
    stage.until("it is gone", |world| world.is_gone());
}
