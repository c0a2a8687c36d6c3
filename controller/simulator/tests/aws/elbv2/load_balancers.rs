//! Load balancers and their settings.

use serde_json::json;
use simulator::Builder;
use simulator::cloud::Quotas;
use simulator::cloud::api::elbv2::*;

use super::*;
use crate::bench::{Bench, secs};

#[test]
fn a_load_balancer_is_made_with_defaults_and_described_by_name_or_arn() {
    let bench = Bench::new();
    let request = json!({"Name": "web", "Subnets": subnets(&bench, 2), "Tags": [{"Key": "a", "Value": "1"}]});
    let made = write::<CreateLoadBalancer>(&bench, request).unwrap()["LoadBalancers"][0].clone();
    let arn = text(&made["LoadBalancerArn"]);
    assert!(arn.starts_with("arn:aws:elasticloadbalancing:us-east-2:123456789012:loadbalancer/app/web/"), "{arn}");
    assert_eq!((&made["Scheme"], &made["Type"]), (&json!("internet-facing"), &json!("application")));
    assert_eq!((&made["State"], &made["IpAddressType"]), (&json!({"Code": "provisioning"}), &json!("ipv4")));
    assert_eq!(made["CreatedTime"], "2026-01-01T00:00:00.000Z");
    assert_eq!(made["CanonicalHostedZoneId"], "Z3AADJGX6KTTL2");
    assert_eq!(made["AvailabilityZones"][1]["ZoneName"], "us-east-2b");
    assert_eq!(made["SecurityGroups"].as_array().unwrap().len(), 1, "the default group of the VPC");
    assert!(text(&made["DNSName"]).ends_with(".us-east-2.elb.amazonaws.com"));
    bench.pass(secs(150));
    for request in [json!({}), json!({"Names": ["web"]}), json!({"LoadBalancerArns": [arn]})] {
        let found = read::<DescribeLoadBalancers>(&bench, request).unwrap();
        assert_eq!(found["LoadBalancers"][0], with(made.clone(), json!({"State": {"Code": "active"}})));
    }
}

#[test]
fn another_region_has_another_hosted_zone() {
    let bench = Bench::of(Builder::in_region("eu-west-1", 1));
    balancer(&bench, "web");
    let found = read::<DescribeLoadBalancers>(&bench, json!({})).unwrap();
    assert_eq!(found["LoadBalancers"][0]["CanonicalHostedZoneId"], "Z32O12XQLNTSW2");
}

#[test]
fn the_same_name_and_settings_return_the_same_and_others_are_refused() {
    let bench = Bench::new();
    let arn = balancer(&bench, "web");
    assert_eq!(balancer(&bench, "web"), arn);
    let create = |fields| {
        code::<CreateLoadBalancer>(&bench, with(json!({"Name": "web", "Subnets": subnets(&bench, 2)}), fields))
    };
    assert_eq!(create(json!({"Scheme": "internal"})), "DuplicateLoadBalancerName");
    assert_eq!(create(json!({"Subnets": subnets(&bench, 3)})), "DuplicateLoadBalancerName");
}

#[test]
fn what_a_load_balancer_cannot_be_is_refused_with_its_code() {
    let bench = Bench::new();
    let two = subnets(&bench, 2);
    for (fields, expected) in [
        (json!({"Subnets": [two[0]]}), "ValidationError"),
        (json!({"Subnets": [two[0], two[0]]}), "InvalidConfigurationRequest"),
        (json!({"Subnets": ["subnet-0123456789abcdef0", two[0]]}), "SubnetNotFound"),
        (json!({"Subnets": []}), "ValidationError"),
        (json!({"SubnetMappings": [{"SubnetId": two[0]}]}), "ValidationError"),
        (json!({"SecurityGroups": ["sg-0123456789abcdef0"]}), "InvalidSecurityGroup"),
        (json!({"Scheme": "public"}), "InvalidScheme"),
        (json!({"Type": "network"}), "ValidationError"),
        (json!({"IpAddressType": "dualstack"}), "ValidationError"),
        (json!({"Name": "internal-web"}), "ValidationError"),
        (json!({"Tags": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]}), "DuplicateTagKeys"),
    ] {
        let request = with(json!({"Name": "web", "Subnets": two}), fields.clone());
        assert_eq!(code::<CreateLoadBalancer>(&bench, request), expected, "{fields}");
    }
    let mapped =
        json!({"Name": "web", "SubnetMappings": [{"SubnetId": two[0]}, {"SubnetId": two[1]}], "Scheme": "internal"});
    let made = write::<CreateLoadBalancer>(&bench, mapped).unwrap();
    assert!(text(&made["LoadBalancers"][0]["DNSName"]).starts_with("internal-web-"));
}

#[test]
fn there_is_a_quota_of_load_balancers() {
    let bench = Bench::of(Builder::new(1).quotas(Quotas { load_balancers: 1, ..Quotas::default() }));
    balancer(&bench, "web");
    let request = json!({"Name": "other", "Subnets": subnets(&bench, 2)});
    assert_eq!(code::<CreateLoadBalancer>(&bench, request), "TooManyLoadBalancers");
}

#[test]
fn load_balancers_come_in_pages() {
    let bench = Bench::new();
    let mut all: Vec<String> = ["a", "b", "c"].iter().map(|name| balancer(&bench, name)).collect();
    all.sort();
    let mut found = Vec::new();
    let mut request = json!({"PageSize": 2});
    loop {
        let page = read::<DescribeLoadBalancers>(&bench, request.clone()).unwrap();
        let balancers = page["LoadBalancers"].as_array().unwrap();
        assert!(balancers.len() <= 2);
        found.extend(balancers.iter().map(|one| text(&one["LoadBalancerArn"])));
        match &page["NextMarker"] {
            serde_json::Value::Null => break,
            marker => request["Marker"] = marker.clone(),
        }
    }
    assert_eq!(found, all);
    for wrong in [json!({"PageSize": 0}), json!({"PageSize": 401}), json!({"Marker": "x"})] {
        assert_eq!(read::<DescribeLoadBalancers>(&bench, wrong).unwrap_err(), "ValidationError");
    }
}

#[test]
fn a_load_balancer_that_is_not_there_is_not_found() {
    let bench = Bench::new();
    let arn = balancer(&bench, "web");
    let gone = format!("{}0", &arn[..arn.len() - 1]);
    for (request, expected) in [
        (json!({"Names": ["web", "none"]}), "LoadBalancerNotFound"),
        (json!({"LoadBalancerArns": [arn, gone]}), "LoadBalancerNotFound"),
        (json!({"LoadBalancerArns": ["web"]}), "ValidationError"),
        (json!({"LoadBalancerArns": [arn.replace("loadbalancer/", "targetgroup/")]}), "ValidationError"),
        (json!({"Names": ["web"], "LoadBalancerArns": [arn]}), "ValidationError"),
        (json!({"Names": vec!["web"; 21]}), "ValidationError"),
    ] {
        assert_eq!(read::<DescribeLoadBalancers>(&bench, request.clone()).unwrap_err(), expected, "{request}");
    }
    let capacity = |arn: &str| read::<DescribeCapacityReservation>(&bench, json!({"LoadBalancerArn": arn}));
    assert_eq!(capacity(&arn).unwrap(), json!({"CapacityReservationState": []}));
    assert_eq!(capacity(&gone).unwrap_err(), "LoadBalancerNotFound");
}

#[test]
fn subnets_groups_and_address_type_are_set_as_a_whole() {
    let bench = Bench::new();
    let (arn, group) = (balancer(&bench, "web"), bench.group("web").to_string());
    let set = write::<SetSubnets>(&bench, json!({"LoadBalancerArn": arn, "Subnets": subnets(&bench, 3)})).unwrap();
    assert_eq!(set["AvailabilityZones"].as_array().unwrap().len(), 3);
    let set = write::<SetSecurityGroups>(&bench, json!({"LoadBalancerArn": arn, "SecurityGroups": [group]})).unwrap();
    assert_eq!(set, json!({"SecurityGroupIds": [group]}));
    let set = write::<SetIpAddressType>(&bench, json!({"LoadBalancerArn": arn, "IpAddressType": "ipv4"})).unwrap();
    assert_eq!(set, json!({"IpAddressType": "ipv4"}));
    let now = read::<DescribeLoadBalancers>(&bench, json!({})).unwrap()["LoadBalancers"][0].clone();
    assert_eq!(now["AvailabilityZones"].as_array().unwrap().len(), 3);
    assert_eq!(now["SecurityGroups"], json!([group]));
    let none = json!({"LoadBalancerArn": arn, "SecurityGroups": []});
    assert_eq!(code::<SetSecurityGroups>(&bench, none), "ValidationError");
    let six = json!({"LoadBalancerArn": arn, "IpAddressType": "dualstack"});
    assert_eq!(code::<SetIpAddressType>(&bench, six), "ValidationError");
    let one = json!({"LoadBalancerArn": arn, "Subnets": subnets(&bench, 1)});
    assert_eq!(code::<SetSubnets>(&bench, one), "ValidationError");
    let gone = format!("{}0", &arn[..arn.len() - 1]);
    let subnets = json!({"LoadBalancerArn": gone, "Subnets": subnets(&bench, 2)});
    assert_eq!(code::<SetSubnets>(&bench, subnets), "LoadBalancerNotFound");
}

#[test]
fn attributes_have_defaults_and_are_set_one_by_one() {
    let bench = Bench::new();
    let arn = balancer(&bench, "web");
    let value = |answer: &serde_json::Value, key: &str| {
        let all = answer["Attributes"].as_array().unwrap();
        text(&all.iter().find(|one| one["Key"] == key).unwrap()["Value"])
    };
    let read_all = || read::<DescribeLoadBalancerAttributes>(&bench, json!({"LoadBalancerArn": arn})).unwrap();
    assert_eq!(value(&read_all(), "idle_timeout.timeout_seconds"), "60");
    assert_eq!(value(&read_all(), "health_check_logs.s3.enabled"), "false");
    assert!(
        !bench.cloud.view().canonical(&Default::default()).contains("health_check_logs"),
        "no part of recorded worlds"
    );
    let set = |key: &str, new: &str| json!({"LoadBalancerArn": arn, "Attributes": [{"Key": key, "Value": new}]});
    let answer = write::<ModifyLoadBalancerAttributes>(&bench, set("idle_timeout.timeout_seconds", "90")).unwrap();
    assert_eq!((value(&answer, "idle_timeout.timeout_seconds"), answer), ("90".into(), read_all()));
    assert_eq!(
        code::<ModifyLoadBalancerAttributes>(&bench, set("idle_timeout.timeout_seconds", "x")),
        "ValidationError"
    );
    assert_eq!(code::<ModifyLoadBalancerAttributes>(&bench, set("no.such.key", "1")), "ValidationError");
    write::<ModifyLoadBalancerAttributes>(&bench, set("routing.http.x_amzn_tls_kx.enabled", "true")).unwrap();
    assert_eq!(value(&read_all(), "routing.http.x_amzn_tls_kx.enabled"), "true");
    let none = json!({"LoadBalancerArn": arn, "Attributes": []});
    assert_eq!(code::<ModifyLoadBalancerAttributes>(&bench, none), "ValidationError");
}

#[test]
fn deleting_is_idempotent_and_waits_for_no_protection() {
    let bench = Bench::new();
    let arn = balancer(&bench, "web");
    let protect = |on: &str| {
        let attributes = json!([{"Key": "deletion_protection.enabled", "Value": on}]);
        let request = json!({"LoadBalancerArn": arn, "Attributes": attributes});
        write::<ModifyLoadBalancerAttributes>(&bench, request).unwrap();
    };
    let delete = || write::<DeleteLoadBalancer>(&bench, json!({"LoadBalancerArn": arn}));
    protect("true");
    assert_eq!(delete().unwrap_err(), "OperationNotPermitted");
    protect("false");
    assert_eq!((delete(), delete()), (Ok(json!({})), Ok(json!({}))));
    assert_eq!(read::<DescribeLoadBalancers>(&bench, json!({})).unwrap()["LoadBalancers"], json!([]));
}
