//! Targets and their health.

use std::collections::BTreeSet;

use aws_api::Ref;
use aws_api::ec2::RunInstances;
use aws_api::id::InstanceId;
use serde_json::{Value, json};
use simulator::Builder;
use simulator::cloud::Quotas;
use simulator::cloud::api::elbv2::*;

use super::*;
use crate::bench::{Bench, Env, secs};

/// An environment with an instance that runs, not yet registered.
fn with_instance(bench: &Bench) -> (Env, InstanceId) {
    let env = bench.env(2);
    let groups = BTreeSet::from([Ref::Id(env.group.clone())]);
    let id = bench.launch(RunInstances { groups, ..bench.run("a") });
    bench.pass(secs(120));
    (env, id)
}

fn register(bench: &Bench, group: &str, targets: Value) -> Result<Value, String> {
    write::<RegisterTargets>(bench, json!({"TargetGroupArn": group, "Targets": targets}))
}

fn deregister(bench: &Bench, group: &str, targets: Value) -> Result<Value, String> {
    write::<DeregisterTargets>(bench, json!({"TargetGroupArn": group, "Targets": targets}))
}

/// Port, state and reason of each target.
fn health(bench: &Bench, group: &str, targets: Value) -> Vec<(u64, String, String)> {
    let answer = read::<DescribeTargetHealth>(bench, json!({"TargetGroupArn": group, "Targets": targets})).unwrap();
    let one = |one: &Value| {
        let health = &one["TargetHealth"];
        let reason = health["Reason"].as_str().unwrap_or_default().to_owned();
        (one["Target"]["Port"].as_u64().unwrap(), text(&health["State"]), reason)
    };
    answer["TargetHealthDescriptions"].as_array().unwrap().iter().map(one).collect()
}

#[test]
fn a_target_is_registered_on_the_groups_port_or_on_its_own() {
    let bench = Bench::new();
    let (env, id) = with_instance(&bench);
    let group = env.targets.to_string();
    register(&bench, &group, json!([{"Id": id}, {"Id": id, "Port": 9090}])).unwrap();
    bench.pass(secs(60));
    let (healthy, timeout) = ("healthy".to_owned(), "Target.Timeout".to_owned());
    assert_eq!(
        health(&bench, &group, json!([])),
        [(8080, healthy, String::new()), (9090, "unhealthy".into(), timeout)],
        "the security group lets only 8080 through"
    );
    deregister(&bench, &group, json!([{"Id": id}])).unwrap();
    let states: Vec<_> = health(&bench, &group, json!([])).into_iter().map(|(port, state, _)| (port, state)).collect();
    assert_eq!(states, [(8080, "draining".into()), (9090, "unhealthy".into())], "without a port: the group's");
}

#[test]
fn a_target_that_is_not_registered_is_unused() {
    let bench = Bench::new();
    let (env, id) = with_instance(&bench);
    let group = env.targets.to_string();
    register(&bench, &group, json!([{"Id": id}])).unwrap();
    let not_registered = |port| (port, "unused".to_owned(), "Target.NotRegistered".to_owned());
    let asked = json!([{"Id": id, "Port": 9090}, {"Id": "i-0123456789abcdef0"}]);
    assert_eq!(health(&bench, &group, asked), [not_registered(9090), not_registered(8080)]);
    assert_eq!(health(&bench, &group, json!([{"Id": id}])).len(), 1);
    let wrong = json!({"TargetGroupArn": group, "Targets": [{"Id": "10.0.0.1"}]});
    assert_eq!(read::<DescribeTargetHealth>(&bench, wrong).unwrap_err(), "ValidationError");
    let gone = json!({"TargetGroupArn": format!("{group}x")});
    assert_eq!(read::<DescribeTargetHealth>(&bench, gone).unwrap_err(), "TargetGroupNotFound");
}

#[test]
fn the_port_of_the_health_check_is_shown() {
    let bench = Bench::new();
    let (env, id) = with_instance(&bench);
    let group = env.targets.to_string();
    register(&bench, &group, json!([{"Id": id}])).unwrap();
    let port = || {
        let answer = read::<DescribeTargetHealth>(&bench, json!({"TargetGroupArn": group})).unwrap();
        text(&answer["TargetHealthDescriptions"][0]["HealthCheckPort"])
    };
    assert_eq!(port(), "8080");
    write::<ModifyTargetGroup>(&bench, json!({"TargetGroupArn": group, "HealthCheckPort": "9000"})).unwrap();
    assert_eq!(port(), "9000");
}

#[test]
fn what_cannot_be_a_target_is_refused() {
    let bench = Bench::of(Builder::new(1).quotas(Quotas { targets_per_group: 1, ..Quotas::default() }));
    let (env, id) = with_instance(&bench);
    let group = env.targets.to_string();
    for (targets, expected) in [
        (json!([]), "ValidationError"),
        (json!([{"Id": "i-0123456789abcdef0"}]), "InvalidTarget"),
        (json!([{"Id": "10.0.0.1"}]), "InvalidTarget"),
        (json!([{"Id": id, "Port": 0}]), "ValidationError"),
        (json!([{"Id": id, "AvailabilityZone": "us-east-2a"}]), "ValidationError"),
        (json!([{"Id": id}, {"Id": id, "Port": 81}]), "TooManyTargets"),
    ] {
        assert_eq!(register(&bench, &group, targets.clone()).unwrap_err(), expected, "{targets}");
    }
    assert_eq!(deregister(&bench, &group, json!([{"Id": "i-0123456789abcdef0"}])), Ok(json!({})));
    assert_eq!(deregister(&bench, &group, json!([])).unwrap_err(), "ValidationError");
}

#[test]
fn a_load_balancer_has_so_many_targets_over_all_its_groups() {
    let bench = Bench::of(Builder::new(1).quotas(Quotas { targets_per_balancer: 2, ..Quotas::default() }));
    let (env, id) = with_instance(&bench);
    let ports = |from: u16, to: u16| json!((from..to).map(|port| json!({"Id": id, "Port": port})).collect::<Vec<_>>());
    let (used, other) = (env.targets.to_string(), group(&bench, "other"));
    register(&bench, &other, ports(1, 3)).unwrap();
    register(&bench, &used, ports(1, 2)).unwrap();
    let add = new_rule(env.listener.as_str(), 1, &forward(&other));
    assert_eq!(code::<CreateRule>(&bench, add), "TooManyTargets", "the groups have three together");
    assert_eq!(register(&bench, &used, ports(2, 4)).unwrap_err(), "TooManyTargets");
    register(&bench, &used, ports(2, 3)).unwrap();
}

#[test]
fn a_group_that_only_a_rule_or_a_weight_of_zero_uses_is_checked() {
    let bench = Bench::new();
    let (env, id) = with_instance(&bench);
    let listener = env.listener.to_string();
    let [ruled, idle, unused] = ["ruled", "idle", "unused"].map(|name| group(&bench, name));
    let arn = rule(&bench, &listener, 1, &forward(&ruled));
    let weights = json!([{"TargetGroupArn": env.targets, "Weight": 1}, {"TargetGroupArn": idle, "Weight": 0}]);
    let actions = json!([{"Type": "forward", "ForwardConfig": {"TargetGroups": weights}}]);
    write::<ModifyListener>(&bench, json!({"ListenerArn": listener, "DefaultActions": actions})).unwrap();
    for group in [&ruled, &idle, &unused] {
        write::<ModifyTargetGroup>(&bench, json!({"TargetGroupArn": group, "HealthCheckPath": "/health"})).unwrap();
        register(&bench, group, json!([{"Id": id}])).unwrap();
    }
    bench.pass(secs(60));
    let state = |group: &str| health(&bench, group, json!([])).remove(0).1;
    assert_eq!([&ruled, &idle, &unused].map(|group| state(group)), ["healthy", "healthy", "unused"]);
    let listener_now = bench.cloud.view().listeners(&env.alb).remove(0);
    assert_eq!(listener_now.forwards_to, Some(env.targets.clone()), "the product sees the same listener");
    assert_eq!(listener_now.warms.unwrap().to_string(), idle);
    write::<DeleteRule>(&bench, json!({"RuleArn": arn})).unwrap();
    assert_eq!(state(&ruled), "unused");
}

#[test]
fn an_address_of_the_vpc_is_a_target_like_the_instance_that_has_it() {
    let bench = Bench::new();
    let (env, id) = with_instance(&bench);
    let address = bench.cloud.view().instance(&id).unwrap().private_ip.unwrap();
    let request = with(new_group(&bench, "ip"), json!({"TargetType": "ip", "HealthCheckPath": "/health"}));
    let made = write::<CreateTargetGroup>(&bench, request).unwrap();
    let group = text(&made["TargetGroups"][0]["TargetGroupArn"]);
    rule(&bench, env.listener.as_str(), 1, &forward(&group));
    let nobody = "172.31.1.1";
    register(&bench, &group, json!([{"Id": address, "AvailabilityZone": "us-east-2a"}, {"Id": nobody}])).unwrap();
    for wrong in
        [json!([{"Id": "10.0.0.1"}]), json!([{"Id": id}]), json!([{"Id": address, "AvailabilityZone": "us-east-2b"}])]
    {
        assert_eq!(register(&bench, &group, wrong.clone()).unwrap_err(), "ValidationError", "{wrong}");
    }
    bench.pass(secs(90));
    let state = |address: &str| health(&bench, &group, json!([{"Id": address}])).remove(0).1;
    assert_eq!((state(&address).as_str(), state(nobody).as_str()), ("healthy", "unhealthy"));
    let shown = read::<DescribeTargetHealth>(&bench, json!({"TargetGroupArn": group})).unwrap();
    assert_eq!(shown["TargetHealthDescriptions"][0]["Target"]["AvailabilityZone"], "us-east-2a");
    bench.cloud.console().terminate(&id).unwrap();
    bench.pass(secs(4000));
    assert_eq!(state(&address), "unhealthy", "an address stays registered when its instance is gone");
}
