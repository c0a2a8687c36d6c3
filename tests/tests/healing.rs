//! Whatever is broken, whoever broke it: it comes back, alone and in any combination, and then there is silence.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use aws_api::ec2::{Direction, Peer, Rule, Taggable};
use aws_api::elbv2::ElbTaggable;
use aws_api::id::{InstanceId, ListenerArn, LoadBalancerArn, SecurityGroupId, TargetGroupArn};
use aws_api::{Operation, Ref};
use crds_schema::Cidr;
use e2e::{NAME, Stage, World, record};
use planner::status::{ConditionType, Truth};
use serde_json::Value;
use simulator::cloud::{Answer, App, Kind, Refusal};

struct Parts {
    balancer: LoadBalancerArn,
    listener: ListenerArn,
    target_group: TargetGroupArn,
    balancer_group: SecurityGroupId,
    instance_group: SecurityGroupId,
    first: InstanceId,
    second: InstanceId,
}

fn parts(stage: &Stage) -> Parts {
    let view = stage.cloud.view();
    let balancer = view.load_balancer(&format!("{NAME}-alb")).unwrap().arn;
    let live = view.live_instances();
    Parts {
        listener: view.listeners(&balancer)[0].arn.clone(),
        target_group: view.target_groups()[0].arn.clone(),
        balancer_group: view.group(&format!("{NAME}-alb-sg")).unwrap().id,
        instance_group: view.group(&format!("{NAME}-instance-sg")).unwrap().id,
        first: live[0].id.clone(),
        second: live[1].id.clone(),
        balancer,
    }
}

type Drift = fn(&Stage, &Parts) -> Result<(), Refusal>;

fn open_to_all(port: i32) -> Rule {
    let peer = Peer::Cidr("0.0.0.0/0".parse::<Cidr>().unwrap());
    Rule { protocol: "tcp".into(), from: Some(port), to: Some(port), peer }
}

/// A name, and what a person does in the console.
fn drifts() -> Vec<(&'static str, Drift)> {
    vec![
        ("instance terminated", |s, p| s.cloud.console().terminate(&p.first)),
        ("instance stopped", |s, p| s.cloud.console().stop(&p.first)),
        ("instance missing", |s, p| s.cloud.console().lose(&p.first)),
        ("instance sick by ALB", |s, p| s.cloud.console().set_app(&p.first, App::answering(Answer::Status(500)))),
        ("instance sick by EC2", |s, p| s.cloud.console().impair(&p.first, true)),
        ("target deregistered", |s, p| s.cloud.console().deregister(&p.target_group, &p.second, 8080)),
        ("member registered on another port", |s, p| s.cloud.console().register(&p.target_group, &p.second, 9)),
        ("rule revoked", |s, p| {
            let peer = Peer::Group(Ref::Id(p.balancer_group.clone()));
            let rule = Rule { protocol: "tcp".into(), from: Some(8080), to: Some(8080), peer };
            s.cloud.console().revoke(&p.instance_group, Direction::Ingress, rule)
        }),
        ("rogue rule", |s, p| s.cloud.console().authorize(&p.instance_group, Direction::Ingress, open_to_all(8080))),
        ("rogue egress rule", |s, p| {
            s.cloud.console().authorize(&p.balancer_group, Direction::Egress, open_to_all(25))
        }),
        ("stickiness off", |s, p| {
            s.cloud.console().set_target_group_attribute(&p.target_group, "stickiness.enabled", "false")
        }),
        ("stickiness duration", |s, p| {
            s.cloud.console().set_target_group_attribute(&p.target_group, "stickiness.lb_cookie.duration_seconds", "60")
        }),
        ("deregistration delay", |s, p| {
            s.cloud.console().set_target_group_attribute(&p.target_group, "deregistration_delay.timeout_seconds", "1")
        }),
        ("slow start", |s, p| {
            s.cloud.console().set_target_group_attribute(&p.target_group, "slow_start.duration_seconds", "30")
        }),
        ("algorithm", |s, p| {
            let (key, value) = ("load_balancing.algorithm.type", "least_outstanding_requests");
            s.cloud.console().set_target_group_attribute(&p.target_group, key, value)
        }),
        ("algorithm, and what goes with no other", |s, p| {
            let set =
                |key: &str, value: &str| s.cloud.console().set_target_group_attribute(&p.target_group, key, value);
            set("stickiness.enabled", "false")?;
            set("load_balancing.algorithm.type", "weighted_random")?;
            set("load_balancing.algorithm.anomaly_mitigation", "on")
        }),
        ("idle timeout", |s, p| {
            s.cloud.console().set_load_balancer_attribute(&p.balancer, "idle_timeout.timeout_seconds", "5")
        }),
        ("deletion protection", |s, p| {
            s.cloud.console().set_load_balancer_attribute(&p.balancer, "deletion_protection.enabled", "true")
        }),
        ("health check", |s, p| {
            s.cloud.console().change_health_check(&p.target_group, |check| check.path = "/elsewhere".into())
        }),
        ("listener deleted", |s, p| s.cloud.console().delete_listener(&p.listener)),
        ("listener changed", |s, p| s.cloud.console().respond_fixed(&p.listener)),
        ("listener moved", |s, p| s.cloud.console().move_listener(&p.listener, 81)),
        ("subnets reduced", |s, p| {
            let kept: Vec<_> = s.cloud.view().subnets().into_iter().skip(1).map(|subnet| subnet.id).collect();
            s.cloud.console().set_subnets(&p.balancer, &kept)
        }),
        ("tags of an instance", |s, p| {
            s.cloud.console().untag(&Taggable::Instance(p.first.clone()), &["Name", "understudy:uid", "Team"])
        }),
        ("tags of a group", |s, p| {
            s.cloud
                .console()
                .untag(&Taggable::SecurityGroup(Ref::Id(p.balancer_group.clone())), &["understudy:uid", "Name"])
        }),
        ("tags of the load balancer", |s, p| {
            s.cloud.console().untag_elb(&ElbTaggable::LoadBalancer(p.balancer.clone()), &["understudy:uid", "Team"])
        }),
        ("tags of the target group", |s, p| {
            s.cloud.console().untag_elb(&ElbTaggable::TargetGroup(p.target_group.clone()), &["understudy:uid", "Name"])
        }),
        ("tags of the listener", |s, p| {
            s.cloud.console().untag_elb(&ElbTaggable::Listener(p.listener.clone()), &["understudy:uid", "Name"])
        }),
        ("group detached from an instance", |s, p| {
            let default = s.cloud.view().group("default").unwrap().id;
            s.cloud.console().set_instance_groups(&p.second, &[default])
        }),
        ("group detached from the load balancer", |s, p| {
            let default = s.cloud.view().group("default").unwrap().id;
            s.cloud.console().set_load_balancer_groups(&p.balancer, &[default])
        }),
        ("instance profile replaced", |s, p| s.cloud.console().set_instance_profile(&p.first, Some("admin"))),
        ("instance profile removed", |s, p| s.cloud.console().set_instance_profile(&p.second, None)),
        ("load balancer deleted", |s, p| s.cloud.console().delete_load_balancer(&p.balancer)),
        ("target group deleted", |s, p| s.cloud.console().delete_target_group(&p.target_group)),
        ("load balancer's group deleted", |s, p| s.cloud.console().delete_group(&p.balancer_group)),
        ("instances' group deleted", |s, p| s.cloud.console().delete_group(&p.instance_group)),
    ]
}

/// Two members that have an instance profile.
fn with_profile(profile: &str) -> Value {
    let mut record = record(2);
    record["spec"]["instances"]["instanceProfile"] = profile.into();
    record
}

fn running(seed: u64) -> Stage {
    running_as(seed, &with_profile("shop"))
}

fn running_as(seed: u64, record: &Value) -> Stage {
    let mut stage = Stage::standing(seed, record, |builder| builder);
    // Past the grace of every member.
    stage.run_for(Duration::from_secs(600));
    stage
}

/// Breaks it, and waits until the world is as it was, ready and silent.
fn healed(seed: u64, name: &str, drift: Drift) -> Stage {
    let mut stage = running(seed);
    let (wanted, parts) = (stage.canonical(), parts(&stage));
    drift(&stage, &parts).unwrap();
    // Sickness changes nothing that is to be seen at once; a sick instance must go.
    let is_sick = name.contains("sick");
    let gone =
        |world: &World<'_>| world.cloud.view().live_instances().iter().all(|instance| instance.id != parts.first);
    stage.until(name, |world| world.is_settled() && canonical(world) == wanted && (!is_sick || gone(world)));
    stage.is_quiet_for(Duration::from_secs(1800));
    stage
}

fn canonical(world: &World<'_>) -> String {
    e2e::canonical(world.cloud)
}

#[test]
fn every_drift_is_healed_alone() {
    let only = std::env::var("DRIFT").unwrap_or_default();
    for (name, drift) in drifts().into_iter().filter(|(name, _)| name.contains(&only)) {
        eprintln!("{name}");
        healed(11, name, drift);
    }
}

#[test]
fn every_two_drifts_are_healed_together() {
    let drifts = drifts();
    for (nth, (first_name, first)) in drifts.iter().enumerate() {
        // Each with one other, which is far enough along the list to be of another kind.
        let (second_name, second) = &drifts[(nth + 9) % drifts.len()];
        let name = format!("{first_name} and {second_name}");
        eprintln!("{name}");
        let mut stage = running(12);
        let (wanted, parts) = (stage.canonical(), parts(&stage));
        first(&stage, &parts).unwrap();
        // Refused where the first took the second's object away: then it is the first alone, which is healed as well.
        let refused = second(&stage, &parts).err();
        if let Some(refused) = refused {
            eprintln!("  the second is not possible: {refused:?}");
        }
        let is_sick = name.contains("sick");
        let gone =
            |world: &World<'_>| world.cloud.view().live_instances().iter().all(|instance| instance.id != parts.first);
        stage.until(&name, |world| world.is_settled() && canonical(world) == wanted && (!is_sick || gone(world)));
        stage.is_quiet_for(Duration::from_secs(1800));
    }
}

#[test]
fn a_profile_that_nobody_asked_for_is_taken_away() {
    let mut stage = running_as(19, &record(2));
    let (wanted, parts) = (stage.canonical(), parts(&stage));
    let asked = |stage: &Stage| stage.cloud.ledger().calls(Operation::DescribeIamInstanceProfileAssociations);
    assert_eq!(asked(&stage), 0, "nothing is asked about a profile that is as it should be");
    stage.cloud.console().set_instance_profile(&parts.first, Some("admin")).unwrap();
    stage.until("the profile is gone", |world| world.is_settled() && canonical(world) == wanted);
    stage.is_quiet_for(Duration::from_secs(1800));
    let instances = stage.totals()[&Kind::Instance];
    assert_eq!((instances, stage.cloud.ledger().calls(Operation::DisassociateIamInstanceProfile)), ((2, 0), 1));
}

#[test]
fn a_profile_that_was_changed_by_hand_is_set_back_in_place_by_one_call() {
    let replaced = healed(20, "replaced", |s, p| s.cloud.console().set_instance_profile(&p.first, Some("admin")));
    let removed = healed(21, "removed", |s, p| s.cloud.console().set_instance_profile(&p.first, None));
    for (stage, call) in
        [(replaced, Operation::ReplaceIamInstanceProfileAssociation), (removed, Operation::AssociateIamInstanceProfile)]
    {
        assert_eq!((stage.totals()[&Kind::Instance], stage.cloud.ledger().calls(call)), ((2, 0), 1), "{call}");
    }
}

#[test]
fn an_edit_of_the_profile_replaces_the_members_and_changes_none_in_place() {
    let mut stage = running(22);
    let before = parts(&stage);
    stage.apply(&with_profile("other"));
    stage.until("both are replaced", |world| {
        let live = world.cloud.view().live_instances();
        world.is_settled() && live.iter().all(|instance| instance.instance_profile.as_deref() == Some("other"))
    });
    let live = stage.cloud.view().live_instances();
    assert!(live.iter().all(|instance| instance.id != before.first && instance.id != before.second));
    let ledger = stage.cloud.ledger();
    let calls = [Operation::ReplaceIamInstanceProfileAssociation, Operation::AssociateIamInstanceProfile];
    assert_eq!(calls.map(|call| ledger.calls(call)), [0, 0]);
}

#[test]
fn a_terminated_instance_is_launched_again_within_one_resync() {
    let mut stage = running(13);
    let at = stage.clock.since_epoch();
    let victim = parts(&stage).first;
    stage.cloud.console().terminate(&victim).unwrap();
    stage.until("a launch", |world| world.cloud.ledger().created(Kind::Instance).len() == 3);
    let took = stage.clock.since_epoch() - at;
    assert!(took <= Duration::from_secs(12), "{took:?}");
}

#[test]
fn an_existing_target_group_survives_its_load_balancers_rebuild() {
    let stage = healed(14, "load balancer deleted", |s, p| s.cloud.console().delete_load_balancer(&p.balancer));
    assert_eq!(stage.totals()[&Kind::TargetGroup], (1, 0));
    assert_eq!(stage.totals()[&Kind::LoadBalancer], (2, 1));
    assert_eq!(stage.totals()[&Kind::Instance], (2, 0));
}

#[test]
fn a_load_balancer_that_is_deleted_by_hand_serves_again_within_200_seconds() {
    let mut stage = running(15);
    let at = stage.clock.since_epoch();
    let balancer = parts(&stage).balancer;
    stage.cloud.console().delete_load_balancer(&balancer).unwrap();
    stage.until("another that is active and listens", |world| {
        let view = world.cloud.view();
        let active = |one: &aws_api::elbv2::LoadBalancer| one.state == aws_api::elbv2::LoadBalancerState::Active;
        view.load_balancers().iter().any(|one| active(one) && !view.listeners(&one.arn).is_empty())
    });
    let took = stage.clock.since_epoch() - at;
    assert!(took <= Duration::from_secs(200), "{took:?}");
    stage.settle();
    let told = stage.events("DnsNameChanged");
    assert_eq!(told.len(), 1, "{told:?}");
}

#[test]
fn when_all_are_sick_none_is_replaced_and_it_says_so() {
    let mut stage = running(15);
    let parts = parts(&stage);
    for instance in [&parts.first, &parts.second] {
        stage.cloud.console().set_app(instance, App::answering(Answer::Status(503))).unwrap();
    }
    stage.run_for(Duration::from_secs(3 * 3600));
    assert_eq!(stage.totals()[&Kind::Instance], (2, 0), "{}", stage.report());
    assert!(stage.is(ConditionType::HealingAllowed, Truth::False));
    for instance in [&parts.first, &parts.second] {
        stage.cloud.console().set_app(instance, App::default()).unwrap();
    }
    stage.settle();
    assert_eq!(stage.totals()[&Kind::Instance], (2, 0));
    assert!(stage.is(ConditionType::HealingAllowed, Truth::True));
}

#[test]
fn a_bad_image_costs_at_most_the_hours_budget() {
    let mut stage = running(16);
    let bad = simulator::Builder::IMAGE.parse_ami();
    stage.cloud.console().set_image_app(&bad, App::answering(Answer::Status(500))).unwrap();
    let victim = parts(&stage).first;
    stage.cloud.console().set_app(&victim, App::answering(Answer::Status(500))).unwrap();
    stage.run_for(Duration::from_secs(24 * 3600));
    let (made, gone) = stage.totals()[&Kind::Instance];
    assert!(gone <= 4 * 24 && made <= 2 + 4 * 24, "{made} made, {gone} gone");
    let healthy = stage.cloud.view().healthy(&parts(&stage).target_group);
    assert!(healthy >= 1, "the healthy one still serves\n{}", stage.report());
}

/// Short for an image's id.
trait ParseAmi {
    fn parse_ami(&self) -> aws_api::id::AmiId;
}

impl ParseAmi for str {
    fn parse_ami(&self) -> aws_api::id::AmiId {
        aws_api::id::AmiId::parse(self).unwrap()
    }
}

#[test]
fn termination_protection_is_never_removed() {
    let mut stage = running(17);
    let victim = parts(&stage).first;
    stage.cloud.console().protect(&victim, true).unwrap();
    stage.cloud.console().set_app(&victim, App::answering(Answer::Status(500))).unwrap();
    stage.run_for(Duration::from_secs(3600));
    assert!(stage.cloud.view().live_instances().iter().any(|instance| instance.id == victim));
    assert!(stage.is(ConditionType::HealingAllowed, Truth::False), "{}", stage.report());
    let launched = stage.totals()[&Kind::Instance].0;
    assert!(launched <= 3, "one successor, not more: {launched}");
}

#[test]
fn a_copy_that_somebody_launches_with_our_tags_is_left_alone() {
    let mut stage = running(18);
    let tags = stage.cloud.view().live_instances()[0].tags.clone();
    let copy = e2e::launch_copy(&stage, tags);
    stage.is_quiet_for(Duration::from_secs(3600));
    assert!(stage.cloud.view().live_instances().iter().any(|instance| instance.id == copy));
    assert!(stage.is_ready());
}
