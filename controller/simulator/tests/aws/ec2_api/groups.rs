//! Security groups.

use serde_json::{Value, json};
use simulator::cloud::api::ec2::*;

use super::{each, filter, read, stocked, unread, unwritten, write};
use crate::bench::{Bench, from_cidr, from_group};

fn found(bench: &Bench, request: Value) -> Vec<String> {
    each(&read::<DescribeSecurityGroups>(bench, request)["securityGroupInfo"], "groupName")
}

#[test]
fn a_group_is_created_in_the_default_vpc_and_shown() {
    let bench = stocked();
    let tags = json!([{ "ResourceType": "security-group", "Tag": [{ "Key": "a", "Value": "1" }] }]);
    let request = json!({ "GroupName": "web", "GroupDescription": "a test", "TagSpecification": tags });
    let made = write::<CreateSecurityGroup>(&bench, request);
    let id = made["groupId"].as_str().unwrap();
    assert_eq!(made["securityGroupArn"], format!("arn:aws:ec2:us-east-2:123456789012:security-group/{id}"));
    let shown = read::<DescribeSecurityGroups>(&bench, json!({ "GroupId": [id] }))["securityGroupInfo"][0].clone();
    assert_eq!((&shown["groupName"], &shown["groupDescription"]), (&json!("web"), &json!("a test")));
    assert_eq!((&shown["vpcId"], &shown["tagSet"]), (&json!(bench.cloud.view().vpc().to_string()), &made["tagSet"]));
    assert_eq!(shown["ipPermissions"], json!([]));
    let out = &shown["ipPermissionsEgress"][0];
    assert_eq!((&out["ipProtocol"], &out["fromPort"]), (&json!("-1"), &Value::Null));
    assert_eq!(each(&out["ipRanges"], "cidrIp"), ["0.0.0.0/0"]);
}

#[test]
fn wrong_groups_are_not_created() {
    let bench = stocked();
    let create = |name: &str, description: &str, vpc: Value| json!({ "GroupName": name, "GroupDescription": description, "VpcId": vpc });
    write::<CreateSecurityGroup>(&bench, create("web", "a test", Value::Null));
    for (request, code) in [
        (create("WEB", "a test", Value::Null), "InvalidGroup.Duplicate"),
        (create("sg-web", "a test", Value::Null), "InvalidParameterValue"),
        (create("wéb", "a test", Value::Null), "InvalidParameterValue"),
        (create("other", "it's", Value::Null), "InvalidParameterValue"),
        (create("other", "a test", json!("vpc-x")), "InvalidVpcID.Malformed"),
        (create("other", "a test", json!("vpc-0123456789abcdef0")), "InvalidVpcID.NotFound"),
    ] {
        assert_eq!(unwritten::<CreateSecurityGroup>(&bench, request.clone()), code, "{request}");
    }
}

#[test]
fn groups_are_found_by_id_name_and_filters() {
    let bench = stocked();
    let (web, alb) = (bench.group("web"), bench.group("alb"));
    bench.authorize(&web, from_group(8080, &alb)).unwrap();
    bench.authorize(&web, from_cidr(22, "10.0.0.0/8")).unwrap();
    assert_eq!(found(&bench, json!({ "GroupId": [web.as_str()] })), ["web"]);
    assert_eq!(found(&bench, json!({ "GroupName": ["alb"] })), ["alb"]);
    assert_eq!(found(&bench, json!({ "GroupName": [web.as_str()] })), ["web"]);
    for (name, value, expected) in [
        ("group-name", "w*", vec!["web"]),
        ("group-id", alb.as_str(), vec!["alb"]),
        ("vpc-id", "vpc-none", vec![]),
        ("owner-id", "123456789012", vec!["alb", "default", "web"]),
        ("description", "a t?st", vec!["alb", "web"]),
        ("ip-permission.group-id", alb.as_str(), vec!["web"]),
        ("ip-permission.group-name", "alb", vec!["web"]),
        ("ip-permission.cidr", "10.0.0.0/8", vec!["web"]),
        ("ip-permission.from-port", "22", vec!["web"]),
        ("ip-permission.to-port", "8080", vec!["web"]),
        ("ip-permission.protocol", "tcp", vec!["web"]),
        ("ip-permission.ipv6-cidr", "*", vec![]),
        ("ip-permission.prefix-list-id", "*", vec![]),
        ("egress.ip-permission.cidr", "0.0.0.0/0", vec!["alb", "default", "web"]),
        ("egress.ip-permission.user-id", "*", vec![]),
    ] {
        let mut names = found(&bench, json!({ "Filter": [filter(name, &[value])] }));
        names.sort();
        assert_eq!(names, expected, "{name}={value}");
    }
}

#[test]
fn wrong_questions_about_groups_are_refused() {
    let bench = stocked();
    let code = |request: Value| unread::<DescribeSecurityGroups>(&bench, request);
    assert_eq!(code(json!({ "GroupId": ["sg-none"] })), "InvalidGroupId.Malformed");
    assert_eq!(code(json!({ "GroupId": ["sg-0123456789abcdef0"] })), "InvalidGroup.NotFound");
    assert_eq!(code(json!({ "GroupName": ["none"] })), "InvalidGroup.NotFound");
    assert_eq!(code(json!({ "Filter": [filter("ip-permission.colour", &["red"])] })), "InvalidParameterValue");
    assert_eq!(code(json!({ "MaxResults": 4 })), "InvalidParameterValue");
    assert_eq!(code(json!({ "MaxResults": 1001 })), "InvalidParameterValue");
    for n in 0..6 {
        bench.group(&format!("group {n}"));
    }
    let first = read::<DescribeSecurityGroups>(&bench, json!({ "MaxResults": 5 }));
    let rest = found(&bench, json!({ "MaxResults": 5, "NextToken": first["nextToken"] }));
    assert_eq!((each(&first["securityGroupInfo"], "groupId").len(), rest.len()), (5, 2));
}

#[test]
fn a_group_is_deleted_by_id_or_name_unless_it_is_needed() {
    let bench = stocked();
    let (web, alb) = (bench.group("web"), bench.group("alb"));
    bench.authorize(&web, from_group(8080, &alb)).unwrap();
    let code = |request: Value| unwritten::<DeleteSecurityGroup>(&bench, request);
    assert_eq!(code(json!({ "GroupName": "alb" })), "DependencyViolation");
    assert_eq!(code(json!({ "GroupName": "default" })), "CannotDelete");
    assert_eq!(code(json!({})), "MissingParameter");
    assert_eq!(code(json!({ "GroupName": "web", "GroupId": web.as_str() })), "InvalidParameterCombination");
    assert_eq!(code(json!({ "GroupId": "web" })), "InvalidGroupId.Malformed");
    assert_eq!(write::<DeleteSecurityGroup>(&bench, json!({ "GroupId": web.as_str() }))["groupId"], web.as_str());
    assert_eq!(code(json!({ "GroupId": web.as_str() })), "InvalidGroup.NotFound");
    write::<DeleteSecurityGroup>(&bench, json!({ "GroupName": "alb" }));
    assert_eq!(found(&bench, json!({})), ["default"]);
}

#[test]
fn no_group_is_stale_where_none_can_be() {
    let bench = stocked();
    let vpc = bench.cloud.view().vpc().to_string();
    let shown = read::<DescribeStaleSecurityGroups>(&bench, json!({ "VpcId": vpc, "MaxResults": 5 }));
    assert_eq!(shown, json!({ "staleSecurityGroupSet": [], "nextToken": null }));
    let unread = |asked| unread::<DescribeStaleSecurityGroups>(&bench, asked);
    assert_eq!(unread(json!({ "VpcId": "vpc-0123456789abcdef0" })), "InvalidVpcID.NotFound");
    assert_eq!(unread(json!({ "VpcId": "nonsense" })), "InvalidVpcID.Malformed");
    assert_eq!(unread(json!({ "VpcId": vpc, "MaxResults": 256 })), "InvalidParameterValue");
}
