//! Target groups and their settings.

use serde_json::json;
use simulator::Builder;
use simulator::cloud::Quotas;
use simulator::cloud::api::elbv2::*;

use super::*;
use crate::bench::Bench;

#[test]
fn a_target_group_is_made_with_awss_defaults() {
    let bench = Bench::new();
    let made = write::<CreateTargetGroup>(&bench, new_group(&bench, "web")).unwrap()["TargetGroups"][0].clone();
    let arn = text(&made["TargetGroupArn"]);
    assert!(arn.starts_with("arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/web/"), "{arn}");
    let expected = json!({
        "TargetGroupArn": arn,
        "TargetGroupName": "web",
        "Protocol": "HTTP",
        "Port": 8080,
        "VpcId": bench.cloud.view().vpc().to_string(),
        "HealthCheckProtocol": "HTTP",
        "HealthCheckPort": "traffic-port",
        "HealthCheckEnabled": true,
        "HealthCheckIntervalSeconds": 30,
        "HealthCheckTimeoutSeconds": 5,
        "HealthyThresholdCount": 5,
        "UnhealthyThresholdCount": 2,
        "HealthCheckPath": "/",
        "Matcher": {"HttpCode": "200"},
        "LoadBalancerArns": [],
        "TargetType": "instance",
        "ProtocolVersion": "HTTP1",
        "IpAddressType": "ipv4",
    });
    let mut as_made = expected.clone();
    as_made["LoadBalancerArns"] = json!(null);
    assert_eq!(made, as_made);
    let shown = read::<DescribeTargetGroups>(&bench, json!({"Names": ["web"]})).unwrap();
    assert_eq!(shown["TargetGroups"][0], expected);
    assert_eq!(group(&bench, "web"), arn, "the same settings again");
    for fields in [
        json!({"Port": 81}),
        json!({"HealthCheckPath": "/x"}),
        json!({"TargetType": "ip"}),
        json!({"Protocol": "HTTPS"}),
    ] {
        let request = with(new_group(&bench, "web"), fields);
        assert_eq!(code::<CreateTargetGroup>(&bench, request), "DuplicateTargetGroupName");
    }
}

#[test]
fn an_empty_version_or_address_type_is_none_as_terraform_sends_them() {
    let bench = Bench::new();
    let request = with(new_group(&bench, "web"), json!({"ProtocolVersion": "", "IpAddressType": ""}));
    let made = write::<CreateTargetGroup>(&bench, request).unwrap()["TargetGroups"][0].clone();
    assert_eq!((&made["ProtocolVersion"], &made["IpAddressType"]), (&json!("HTTP1"), &json!("ipv4")));
}

#[test]
fn what_a_target_group_cannot_be_is_refused() {
    let bench = Bench::new();
    for fields in [
        json!({"Name": "-web"}),
        json!({"Protocol": "TCP"}),
        json!({"Protocol": null}),
        json!({"Port": null}),
        json!({"Port": 0}),
        json!({"VpcId": null}),
        json!({"VpcId": "vpc-0123456789abcdef0"}),
        json!({"TargetType": "lambda"}),
        json!({"ProtocolVersion": "GRPC"}),
        json!({"IpAddressType": "ipv6"}),
        json!({"HealthCheckEnabled": false}),
        json!({"HealthCheckIntervalSeconds": 4}),
        json!({"HealthCheckTimeoutSeconds": 30}),
        json!({"HealthyThresholdCount": 11}),
        json!({"HealthCheckPath": "x"}),
        json!({"HealthCheckPort": "x"}),
        json!({"HealthCheckProtocol": "TCP"}),
        json!({"Matcher": {"HttpCode": "500"}}),
        json!({"Matcher": {}}),
    ] {
        let request = with(new_group(&bench, "web"), fields.clone());
        assert_eq!(code::<CreateTargetGroup>(&bench, request), "ValidationError", "{fields}");
    }
}

#[test]
fn there_is_a_quota_of_target_groups() {
    let bench = Bench::of(Builder::new(1).quotas(Quotas { target_groups: 1, ..Quotas::default() }));
    group(&bench, "web");
    assert_eq!(code::<CreateTargetGroup>(&bench, new_group(&bench, "other")), "TooManyTargetGroups");
}

#[test]
fn target_groups_are_found_by_load_balancer_arn_or_name() {
    let bench = Bench::new();
    let alb = balancer(&bench, "web");
    let [used, ruled, weighed, idle] = ["used", "ruled", "weighed", "idle"].map(|name| group(&bench, name));
    let weights = json!([{"TargetGroupArn": used, "Weight": 1}, {"TargetGroupArn": weighed, "Weight": 0}]);
    let actions = json!([{"Type": "forward", "ForwardConfig": {"TargetGroups": weights}}]);
    let listener = listener(&bench, &alb, 80, &actions);
    rule(&bench, &listener, 1, &forward(&ruled));
    let names = |request: Value| {
        let found = read::<DescribeTargetGroups>(&bench, request).unwrap()["TargetGroups"].as_array().unwrap().clone();
        let mut names: Vec<String> = found.iter().map(|one| text(&one["TargetGroupName"])).collect();
        names.sort();
        names
    };
    assert_eq!(names(json!({})), ["idle", "ruled", "used", "weighed"]);
    assert_eq!(names(json!({"LoadBalancerArn": alb})), ["ruled", "used", "weighed"]);
    assert_eq!(names(json!({"Names": ["idle", "used"]})), ["idle", "used"]);
    assert_eq!(names(json!({"TargetGroupArns": [idle]})), ["idle"]);
    let by_name = read::<DescribeTargetGroups>(&bench, json!({"Names": ["ruled"]})).unwrap();
    assert_eq!(by_name["TargetGroups"][0]["LoadBalancerArns"], json!([alb]));
    let page = read::<DescribeTargetGroups>(&bench, json!({"PageSize": 3})).unwrap();
    assert_eq!(names(json!({"PageSize": 3, "Marker": page["NextMarker"]})).len(), 1);
    for (request, expected) in [
        (json!({"Names": ["none"]}), "TargetGroupNotFound"),
        (json!({"TargetGroupArns": [format!("{idle}x")]}), "TargetGroupNotFound"),
        (json!({"TargetGroupArns": ["idle"]}), "ValidationError"),
        (json!({"LoadBalancerArn": format!("{alb}x")}), "LoadBalancerNotFound"),
        (json!({"Names": ["idle"], "TargetGroupArns": [idle]}), "ValidationError"),
    ] {
        assert_eq!(read::<DescribeTargetGroups>(&bench, request.clone()).unwrap_err(), expected, "{request}");
    }
}

#[test]
fn a_health_check_is_modified_in_what_is_named() {
    let bench = Bench::new();
    let arn = group(&bench, "web");
    let modify = |fields| write::<ModifyTargetGroup>(&bench, with(json!({"TargetGroupArn": arn}), fields));
    let fields =
        json!({"HealthCheckPath": "/health", "Matcher": {"HttpCode": "200-299"}, "HealthCheckIntervalSeconds": 10});
    let now = modify(fields).unwrap()["TargetGroups"][0].clone();
    assert_eq!((&now["HealthCheckPath"], &now["Matcher"]), (&json!("/health"), &json!({"HttpCode": "200-299"})));
    assert_eq!((&now["HealthCheckTimeoutSeconds"], &now["HealthyThresholdCount"]), (&json!(5), &json!(5)));
    assert_eq!(read::<DescribeTargetGroups>(&bench, json!({})).unwrap()["TargetGroups"][0], now);
    assert_eq!(modify(json!({"HealthCheckTimeoutSeconds": 10})).unwrap_err(), "ValidationError");
    assert_eq!(modify(json!({"HealthCheckEnabled": false})).unwrap_err(), "ValidationError");
    let gone = json!({"TargetGroupArn": format!("{arn}x"), "HealthCheckPath": "/"});
    assert_eq!(code::<ModifyTargetGroup>(&bench, gone), "TargetGroupNotFound");
}

#[test]
fn attributes_have_defaults_and_are_set_one_by_one() {
    let bench = Bench::new();
    let arn = group(&bench, "web");
    let value = |key: &str| {
        let all = read::<DescribeTargetGroupAttributes>(&bench, json!({"TargetGroupArn": arn})).unwrap();
        text(&all["Attributes"].as_array().unwrap().iter().find(|one| one["Key"] == key).unwrap()["Value"])
    };
    let set = |key: &str, new: &str| {
        let request = json!({"TargetGroupArn": arn, "Attributes": [{"Key": key, "Value": new}]});
        write::<ModifyTargetGroupAttributes>(&bench, request)
    };
    assert_eq!(value("deregistration_delay.timeout_seconds"), "300");
    set("deregistration_delay.timeout_seconds", "10").unwrap();
    assert_eq!(value("deregistration_delay.timeout_seconds"), "10");
    assert_eq!(set("deregistration_delay.timeout_seconds", "3601").unwrap_err(), "ValidationError");
    let twice =
        json!([{"Key": "stickiness.enabled", "Value": "true"}, {"Key": "stickiness.enabled", "Value": "false"}]);
    let request = json!({"TargetGroupArn": arn, "Attributes": twice});
    assert_eq!(code::<ModifyTargetGroupAttributes>(&bench, request), "ValidationError");
}
