//! The health of targets in time.

use aws_api::ec2::Direction;
use aws_api::elbv2::{ListenerWrite, TargetHealth};
use aws_api::{Ref, Write};
use crds_schema::spec::Protocol;
use simulator::Builder;
use simulator::cloud::{Answer, App};

use crate::bench::*;

fn is(bench: &Bench, env: &Env, health: TargetHealth, reason: &str) {
    assert_eq!(bench.health(env), (health, reason.to_owned()), "at {:?}", bench.clock.since_epoch());
}

/// A member that has been healthy for a while.
fn healthy(bench: &Bench) -> (Env, aws_api::id::InstanceId) {
    let env = bench.env(2);
    let id = bench.member(&env, "a", 0);
    bench.pass(secs(600));
    is(bench, &env, TargetHealth::Healthy, "");
    (env, id)
}

#[test]
fn a_new_target_is_initial_until_one_check_passes() {
    let bench = Bench::of(Builder::new(1).image(Builder::IMAGE, App { boot: Some(secs(10)), ..App::default() }));
    let env = bench.env(2);
    bench.member(&env, "a", 0);
    is(&bench, &env, TargetHealth::Initial, "Elb.RegistrationInProgress");
    // Checks come 3 s and 33 s after it is registered; the application listens from 10 s on.
    bench.pass(secs(4));
    is(&bench, &env, TargetHealth::Initial, "Elb.InitialHealthChecking");
    bench.pass(secs(29));
    is(&bench, &env, TargetHealth::Initial, "Elb.InitialHealthChecking");
    bench.pass(secs(1));
    is(&bench, &env, TargetHealth::Healthy, "");
}

#[test]
fn a_slow_boot_looks_unhealthy_and_then_needs_the_healthy_threshold() {
    let bench = Bench::new();
    let env = bench.env(2);
    bench.member(&env, "a", 0);
    bench.pass(secs(34));
    is(&bench, &env, TargetHealth::Unhealthy, "Target.FailedHealthChecks");
    // It listens at 60 s; five passes are those at 63, 93, 123, 153 and 183 s.
    bench.pass(secs(149));
    is(&bench, &env, TargetHealth::Unhealthy, "Target.FailedHealthChecks");
    bench.pass(secs(1));
    is(&bench, &env, TargetHealth::Healthy, "");
}

#[test]
fn a_broken_application_is_seen_after_the_unhealthy_threshold() {
    let bench = Bench::new();
    let (env, id) = healthy(&bench);
    bench.cloud.console().set_app(&id, App::answering(Answer::Status(503))).unwrap();
    bench.pass(secs(30));
    is(&bench, &env, TargetHealth::Healthy, "");
    bench.pass(secs(31));
    is(&bench, &env, TargetHealth::Unhealthy, "Target.ResponseCodeMismatch");
    bench.cloud.console().set_app(&id, App::default()).unwrap();
    bench.pass(secs(4 * 30));
    is(&bench, &env, TargetHealth::Unhealthy, "Target.ResponseCodeMismatch");
    bench.pass(secs(31));
    is(&bench, &env, TargetHealth::Healthy, "");
}

#[test]
fn a_slow_application_times_out_a_timeout_later() {
    let bench = Bench::new();
    let (env, id) = healthy(&bench);
    // The next check starts within 30 s, the second 30 s after it, and ends 5 s later.
    bench.cloud.console().set_app(&id, App::answering(Answer::Slow)).unwrap();
    bench.pass(secs(34));
    is(&bench, &env, TargetHealth::Healthy, "");
    bench.pass(secs(32));
    is(&bench, &env, TargetHealth::Unhealthy, "Target.Timeout");
}

#[test]
fn a_wrong_path_or_port_or_matcher_fails() {
    let app = App { ports: Some([8080].into()), paths: Some(["/health".to_owned()].into()), ..App::default() };
    let bench = Bench::of(Builder::new(1).image(Builder::IMAGE, app));
    let (env, _) = healthy(&bench);
    let console = bench.cloud.console();
    let broken = |reason: &str| {
        bench.pass(secs(61));
        is(&bench, &env, TargetHealth::Unhealthy, reason);
        console.change_health_check(&env.targets, |check| *check = bench.create_targets("x").health_check).unwrap();
        bench.pass(secs(180));
        is(&bench, &env, TargetHealth::Healthy, "");
    };
    console.change_health_check(&env.targets, |check| check.path = "/nothing".into()).unwrap();
    broken("Target.ResponseCodeMismatch");
    console.change_health_check(&env.targets, |check| check.matcher = "204".into()).unwrap();
    broken("Target.ResponseCodeMismatch");
    console.authorize(&env.group, Direction::Ingress, from_group(9090, &env.alb_group)).unwrap();
    console.change_health_check(&env.targets, |check| check.port = "9090".into()).unwrap();
    broken("Target.FailedHealthChecks");
}

#[test]
fn a_target_that_the_groups_do_not_let_through_times_out() {
    let bench = Bench::new();
    let (env, id) = healthy(&bench);
    let console = bench.cloud.console();
    let broken = |repair: &dyn Fn()| {
        bench.pass(secs(70));
        is(&bench, &env, TargetHealth::Unhealthy, "Target.Timeout");
        repair();
        bench.pass(secs(180));
        is(&bench, &env, TargetHealth::Healthy, "");
    };
    console.revoke(&env.group, Direction::Ingress, from_group(8080, &env.alb_group)).unwrap();
    broken(&|| console.authorize(&env.group, Direction::Ingress, from_cidr(8080, "172.31.0.0/16")).unwrap());
    console.set_instance_groups(&id, &[]).unwrap();
    broken(&|| console.set_instance_groups(&id, std::slice::from_ref(&env.group)).unwrap());
    let everything = bench.cloud.view().group("alb").unwrap().egress.pop_first().unwrap();
    console.revoke(&env.alb_group, Direction::Egress, everything).unwrap();
    broken(&|| console.authorize(&env.alb_group, Direction::Egress, from_group(8080, &env.group)).unwrap());
}

#[test]
fn a_target_without_a_listener_is_unused_and_starts_anew_with_one() {
    let bench = Bench::new();
    let (env, _) = healthy(&bench);
    bench.cloud.console().delete_listener(&env.listener).unwrap();
    is(&bench, &env, TargetHealth::Unused, "Target.NotInUse");
    bench.pass(secs(600));
    bench.listener(&env.alb, 80, &env.targets);
    is(&bench, &env, TargetHealth::Initial, "Elb.RegistrationInProgress");
    bench.pass(secs(4));
    is(&bench, &env, TargetHealth::Healthy, "");
}

#[test]
fn a_group_of_weight_zero_is_checked() {
    let bench = Bench::new();
    let (env, id) = healthy(&bench);
    let next = bench.targets("next");
    bench.cloud.console().register(&next, &id, 8080).unwrap();
    assert_eq!(bench.cloud.view().targets(&next)[0].health, TargetHealth::Unused);
    let warm = Some(Ref::Id(next.clone()));
    let forward_to = Ref::Id(env.targets.clone());
    bench
        .write(Write::Listener(ListenerWrite::Modify {
            listener: env.listener,
            protocol: Protocol::Http,
            forward_to,
            warm,
        }))
        .unwrap();
    bench.pass(secs(4));
    assert_eq!((bench.cloud.view().healthy(&next), bench.cloud.view().healthy(&env.targets)), (1, 1));
}

#[test]
fn a_target_in_a_zone_that_is_not_enabled_is_unused() {
    let bench = Bench::new();
    let env = bench.env(2);
    bench.member(&env, "a", 2);
    bench.pass(secs(600));
    is(&bench, &env, TargetHealth::Unused, "Target.NotInUse");
    let all: Vec<_> = bench.cloud.view().subnets().into_iter().map(|subnet| subnet.id).collect();
    bench.cloud.console().set_subnets(&env.alb, &all).unwrap();
    bench.pass(secs(4));
    is(&bench, &env, TargetHealth::Healthy, "");
}

#[test]
fn a_target_of_a_load_balancer_that_is_being_set_up_is_initial() {
    let bench = Bench::new();
    let (env, id) = healthy(&bench);
    let console = bench.cloud.console();
    console.delete_load_balancer(&env.alb).unwrap();
    console.register(&env.targets, &id, 8080).unwrap();
    let again = aws_api::elbv2::CreateLoadBalancer {
        groups: [Ref::Id(env.alb_group.clone())].into(),
        ..bench.create_alb("again", 2)
    };
    let again = bench.alb(again);
    bench.listener(&again, 80, &env.targets);
    bench.pass(secs(150));
    is(&bench, &env, TargetHealth::Initial, "Elb.RegistrationInProgress");
    bench.pass(secs(4));
    is(&bench, &env, TargetHealth::Healthy, "");
}

#[test]
fn a_stopped_or_terminated_target_is_unused_and_leaves_with_its_instance() {
    let bench = Bench::new();
    let (env, id) = healthy(&bench);
    bench.cloud.console().stop(&id).unwrap();
    bench.pass(secs(30));
    is(&bench, &env, TargetHealth::Unused, "Target.InvalidState");
    bench.cloud.console().terminate(&id).unwrap();
    bench.pass(secs(30));
    is(&bench, &env, TargetHealth::Unused, "Target.InvalidState");
    bench.pass(secs(3600));
    assert!(bench.cloud.view().targets(&env.targets).is_empty());
}

#[test]
fn a_deregistered_target_drains_for_the_whole_delay() {
    let bench = Bench::new();
    let (env, id) = healthy(&bench);
    bench
        .cloud
        .console()
        .set_target_group_attribute(&env.targets, "deregistration_delay.timeout_seconds", "60")
        .unwrap();
    bench.cloud.console().deregister(&env.targets, &id, 8080).unwrap();
    bench.pass(secs(59));
    is(&bench, &env, TargetHealth::Draining, "Target.DeregistrationInProgress");
    bench.pass(secs(1));
    assert!(bench.cloud.view().targets(&env.targets).is_empty());
}

#[test]
fn a_draining_target_that_is_registered_again_is_new() {
    let bench = Bench::new();
    let (env, id) = healthy(&bench);
    bench.cloud.console().deregister(&env.targets, &id, 8080).unwrap();
    bench.cloud.console().register(&env.targets, &id, 8080).unwrap();
    is(&bench, &env, TargetHealth::Initial, "Elb.RegistrationInProgress");
}

#[test]
fn an_unused_target_leaves_at_once() {
    let bench = Bench::new();
    let (env, id) = healthy(&bench);
    bench.cloud.console().delete_listener(&env.listener).unwrap();
    bench.cloud.console().deregister(&env.targets, &id, 8080).unwrap();
    assert!(bench.cloud.view().targets(&env.targets).is_empty());
}

#[test]
fn a_flapping_application_is_now_healthy_now_not() {
    let bench = Bench::new();
    let (env, id) = healthy(&bench);
    let flapping = Answer::Flapping { up: secs(600), down: secs(300) };
    bench.cloud.console().set_app(&id, App::answering(flapping)).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..60 {
        bench.pass(secs(30));
        seen.insert(bench.health(&env).0);
    }
    assert_eq!(seen, [TargetHealth::Healthy, TargetHealth::Unhealthy].into());
}
