//! StartInstances, StopInstances, RebootInstances, TerminateInstances.

use aws_api::ec2::InstanceState;
use aws_api::elbv2::TargetHealth;
use aws_api::id::Zone;
use serde_json::{Value, json};
use simulator::cloud::ReadLag;
use simulator::cloud::api::ec2;

use super::*;

fn named(ids: &[&str]) -> Value {
    json!({"InstanceId": ids})
}

/// The states before and after, of each.
fn states(answer: &Value) -> Vec<(String, String)> {
    let word = |change: &Value, which: &str| text(&change[which]["name"]);
    let all = answer["instancesSet"].as_array().unwrap().iter();
    all.map(|change| (word(change, "previousState"), word(change, "currentState"))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(before, after)| ((*before).to_owned(), (*after).to_owned())).collect()
}

#[test]
fn an_instance_stops_and_starts_and_says_what_it_was_before() {
    let bench = Bench::new();
    let id = running(&bench, json!({}));
    let before = instance(&bench, &id);
    let stopped = write::<ec2::StopInstances>(&bench, named(&[&id])).unwrap();
    let change = json!({
        "instanceId": id,
        "currentState": {"code": 64, "name": "stopping"},
        "previousState": {"code": 16, "name": "running"},
    });
    assert_eq!(stopped["instancesSet"], json!([change]));
    let again = write::<ec2::StopInstances>(&bench, json!({"InstanceId": [id], "Force": true})).unwrap();
    assert_eq!(states(&again), pairs(&[("stopping", "stopping")]));
    assert_eq!(code(write::<ec2::StartInstances>(&bench, named(&[&id]))), "IncorrectInstanceState");
    bench.pass(secs(30));
    let stopped = instance(&bench, &id);
    assert_eq!(stopped["instanceState"], json!({"code": 80, "name": "stopped"}));
    assert_eq!((&stopped["ipAddress"], &stopped["dnsName"]), (&Value::Null, &json!("")));
    assert_eq!(stopped["privateIpAddress"], before["privateIpAddress"]);
    assert_eq!(stopped["stateReason"]["code"], "Client.UserInitiatedShutdown");
    assert_eq!(stopped["reason"], "User initiated (2026-01-01 00:00:17 GMT)");
    let started = write::<ec2::StartInstances>(&bench, named(&[&id])).unwrap();
    assert_eq!(states(&started), pairs(&[("stopped", "pending")]));
    bench.pass(secs(17));
    let after = instance(&bench, &id);
    assert_eq!(after["instanceState"]["name"], "running");
    assert!(after["ipAddress"].is_string() && after["ipAddress"] != before["ipAddress"], "another public address");
    assert_ne!(after["launchTime"], before["launchTime"]);
    assert_eq!(after["usageOperationUpdateTime"], before["usageOperationUpdateTime"]);
    let idle = write::<ec2::StartInstances>(&bench, named(&[&id])).unwrap();
    assert_eq!(states(&idle), pairs(&[("running", "running")]));
}

#[test]
fn a_start_needs_room() {
    let bench = Bench::new();
    let id = running(&bench, json!({}));
    write::<ec2::StopInstances>(&bench, named(&[&id])).unwrap();
    bench.pass(secs(30));
    let zone = text(&instance(&bench, &id)["placement"]["availabilityZone"]);
    bench.cloud.console().set_capacity(&Zone(zone), "*", Some(0));
    assert_eq!(code(write::<ec2::StartInstances>(&bench, named(&[&id]))), "InsufficientInstanceCapacity");
    assert_eq!(bench.state(&typed(&id)), InstanceState::Stopped);
}

#[test]
fn a_protected_instance_neither_stops_nor_is_terminated() {
    let bench = Bench::new();
    let id = running(&bench, json!({"DisableApiStop": true}));
    assert_eq!(code(write::<ec2::StopInstances>(&bench, named(&[&id]))), "OperationNotPermitted");
    assert_eq!(code(write::<ec2::TerminateInstances>(&bench, named(&[&id]))), "OperationNotPermitted");
    bench.cloud.console().lose(&typed(&id)).unwrap();
    assert_eq!(bench.state(&typed(&id)), InstanceState::ShuttingDown, "but its host can fail");
    let id = running(&bench, json!({"DisableApiTermination": true}));
    assert_eq!(code(write::<ec2::TerminateInstances>(&bench, named(&[&id]))), "OperationNotPermitted");
    write::<ec2::StopInstances>(&bench, named(&[&id])).unwrap();
}

#[test]
fn hibernation_is_not_configured() {
    let bench = Bench::new();
    let id = running(&bench, json!({}));
    let asked = json!({"InstanceId": [id], "Hibernate": true});
    assert_eq!(code(write::<ec2::StopInstances>(&bench, asked)), "UnsupportedHibernationConfiguration");
    assert_eq!(bench.state(&typed(&id)), InstanceState::Running);
}

#[test]
fn of_several_all_change_or_none() {
    let bench = Bench::new();
    let (a, b) = (running(&bench, json!({})), running(&bench, json!({})));
    let none = "i-00000000000000000";
    for (asked, expected) in
        [(named(&[&a, none]), "InvalidInstanceID.NotFound"), (named(&[&a, "i-none"]), "InvalidInstanceID.Malformed")]
    {
        assert_eq!(code(write::<ec2::StopInstances>(&bench, asked.clone())), expected);
        assert_eq!(code(write::<ec2::StartInstances>(&bench, asked.clone())), expected);
        assert_eq!(code(write::<ec2::RebootInstances>(&bench, asked.clone())), expected);
        assert_eq!(code(write::<ec2::TerminateInstances>(&bench, asked)), expected);
    }
    assert_eq!(bench.state(&typed(&a)), InstanceState::Running);
    let two = write::<ec2::StopInstances>(&bench, named(&[none, "i-11111111111111111"])).unwrap_err();
    assert!(two.message.contains("instance IDs 'i-00000000000000000, i-11111111111111111'"), "{}", two.message);
    bench.cloud.console().terminate(&typed(&b)).unwrap();
    assert_eq!(code(write::<ec2::StopInstances>(&bench, named(&[&a, &b]))), "IncorrectInstanceState");
    assert_eq!(bench.state(&typed(&a)), InstanceState::Running);
}

#[test]
fn several_are_terminated_at_once_and_again() {
    let bench = Bench::new();
    let (a, b) = (running(&bench, json!({})), ids(&bench, json!({})).remove(0));
    let answer = write::<ec2::TerminateInstances>(&bench, named(&[&a, &b, &a])).unwrap();
    assert_eq!(states(&answer), pairs(&[("running", "shutting-down"), ("pending", "shutting-down")]));
    assert_eq!(answer["instancesSet"][0]["currentState"]["code"], 32);
    bench.pass(secs(30));
    let again = write::<ec2::TerminateInstances>(&bench, named(&[&a])).unwrap();
    assert_eq!(states(&again), pairs(&[("terminated", "terminated")]));
    let gone = instance(&bench, &a);
    for member in ["subnetId", "vpcId", "privateIpAddress", "sourceDestCheck"] {
        assert!(gone[member].is_null(), "{member}");
    }
    for member in ["groupSet", "networkInterfaceSet", "blockDeviceMapping"] {
        assert_eq!(gone[member], json!([]), "{member}");
    }
    bench.pass(secs(3600));
    assert_eq!(code(write::<ec2::TerminateInstances>(&bench, named(&[&a]))), "InvalidInstanceID.NotFound");
}

#[test]
fn protection_keeps_those_of_its_zone_and_lets_others_go() {
    let bench = Bench::new();
    let subnets = zones(&bench);
    let in_zone = |zone: usize, protected: bool| {
        running(&bench, json!({"SubnetId": subnets[zone].0, "DisableApiTermination": protected}))
    };
    let (a, b, c, d) = (in_zone(0, false), in_zone(0, false), in_zone(1, true), in_zone(1, false));
    let all = named(&[&a, &b, &c, &d]);
    let operation: ec2::TerminateInstances = serde_json::from_value(all.clone()).unwrap();
    assert_eq!(bench.cloud.rehearse(&operation).unwrap_err().code, "OperationNotPermitted");
    assert_eq!(bench.state(&typed(&a)), InstanceState::Running, "a rehearsal leaves no trace");
    assert_eq!(code(write::<ec2::TerminateInstances>(&bench, all)), "OperationNotPermitted");
    let after = [&a, &b, &c, &d].map(|id| bench.state(&typed(id)));
    let (gone, stays) = (InstanceState::ShuttingDown, InstanceState::Running);
    assert_eq!(after, [gone, gone, stays, stays]);
}

#[test]
fn a_reboot_lets_the_application_start_anew() {
    let bench = Bench::new();
    let env = bench.env(2);
    let id = bench.member(&env, "a", 0);
    bench.pass(secs(600));
    let launched = text(&instance(&bench, id.as_str())["launchTime"]);
    assert_eq!(bench.health(&env).0, TargetHealth::Healthy);
    write::<ec2::RebootInstances>(&bench, named(&[id.as_str()])).unwrap();
    bench.pass(secs(59));
    let shown = instance(&bench, id.as_str());
    assert_eq!((&shown["instanceState"]["name"], &shown["launchTime"]), (&json!("running"), &json!(launched)));
    let status = read::<ec2::DescribeInstanceStatus>(&bench, json!({})).unwrap();
    assert_eq!(status["instanceStatusSet"][0]["instanceStatus"]["status"], "initializing");
    bench.pass(secs(10));
    assert_eq!(bench.health(&env).0, TargetHealth::Unhealthy, "two checks found nobody");
    bench.pass(secs(300));
    assert_eq!(bench.health(&env).0, TargetHealth::Healthy);
}

#[test]
fn a_stopped_instance_does_not_reboot_and_a_terminated_one_is_ignored() {
    let bench = Bench::new();
    let id = running(&bench, json!({}));
    write::<ec2::StopInstances>(&bench, named(&[&id])).unwrap();
    assert_eq!(code(write::<ec2::RebootInstances>(&bench, named(&[&id]))), "IncorrectInstanceState");
    bench.cloud.console().terminate(&typed(&id)).unwrap();
    assert_eq!(write::<ec2::RebootInstances>(&bench, named(&[&id])).unwrap(), json!({"return": true}));
    assert_eq!(bench.state(&typed(&id)), InstanceState::ShuttingDown);
}

#[test]
fn starts_have_a_small_bucket_of_their_own() {
    let bench = Bench::new();
    let id = running(&bench, json!({}));
    bench.cloud.set_throttling(true);
    for _ in 0..5 {
        write::<ec2::StartInstances>(&bench, named(&[&id])).unwrap();
    }
    assert_eq!(code(write::<ec2::StartInstances>(&bench, named(&[&id]))), "RequestLimitExceeded");
    write::<ec2::StopInstances>(&bench, named(&[&id])).unwrap();
    bench.pass(secs(1));
    bench.cloud.set_read_lag(ReadLag::None);
    assert_eq!(
        code(write::<ec2::StartInstances>(&bench, named(&[&id]))),
        "IncorrectInstanceState",
        "charged, and heard"
    );
}

#[test]
fn an_instance_so_fresh_that_it_is_not_seen_is_not_found() {
    let bench = Bench::new();
    bench.pass(secs(60));
    let id = ids(&bench, json!({})).remove(0);
    bench.cloud.set_read_lag(ReadLag::Fixed(secs(10)));
    assert_eq!(code(write::<ec2::TerminateInstances>(&bench, named(&[&id]))), "InvalidInstanceID.NotFound");
    bench.pass(secs(10));
    write::<ec2::TerminateInstances>(&bench, named(&[&id])).unwrap();
}

#[test]
fn each_instance_that_stops_or_is_terminated_costs_a_token_of_a_second_bucket() {
    let bench = Bench::new();
    let id = running(&bench, json!({}));
    let many = json!({"InstanceId": vec![id; 600]});
    bench.cloud.set_throttling(true);
    write::<ec2::StopInstances>(&bench, many.clone()).unwrap();
    assert_eq!(code(write::<ec2::StopInstances>(&bench, many.clone())), "RequestLimitExceeded");
    write::<ec2::TerminateInstances>(&bench, many.clone()).unwrap();
    assert_eq!(code(write::<ec2::TerminateInstances>(&bench, many.clone())), "RequestLimitExceeded");
    bench.pass(secs(10));
    write::<ec2::TerminateInstances>(&bench, many).unwrap();
}

#[test]
fn others_can_use_up_the_tokens_of_starts() {
    let bench = Bench::new();
    let id = running(&bench, json!({}));
    bench.cloud.set_throttling(true);
    bench.cloud.empty_buckets();
    assert_eq!(code(write::<ec2::StartInstances>(&bench, named(&[&id]))), "RequestLimitExceeded");
    bench.pass(secs(1));
    write::<ec2::StartInstances>(&bench, named(&[&id])).unwrap();
}
