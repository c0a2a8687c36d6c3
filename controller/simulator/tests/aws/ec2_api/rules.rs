//! Rules of security groups: added, shown, revoked.

use serde_json::{Value, json};
use simulator::cloud::api::ec2::*;

use super::{each, filter, read, stocked, unread, unwritten, write};
use crate::bench::{Bench, from_cidr};

/// A permission of one port for ranges.
fn tcp(port: u16, ranges: Value) -> Value {
    json!({ "IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": ranges })
}

fn allow(bench: &Bench, group: &str, permissions: Value) -> Value {
    let request = json!({ "GroupId": group, "IpPermissions": permissions });
    write::<AuthorizeSecurityGroupIngress>(bench, request)["securityGroupRuleSet"].clone()
}

fn rules(bench: &Bench, group: &str) -> Value {
    let request = json!({ "Filter": [filter("group-id", &[group])] });
    read::<DescribeSecurityGroupRules>(bench, request)["securityGroupRuleSet"].clone()
}

fn ingress(bench: &Bench, group: &str) -> Value {
    let request = json!({ "GroupId": [group] });
    read::<DescribeSecurityGroups>(bench, request)["securityGroupInfo"][0]["ipPermissions"].clone()
}

#[test]
fn authorize_answers_with_the_rules_that_it_made() {
    let bench = stocked();
    let (web, alb) = (bench.group("web").to_string(), bench.group("alb").to_string());
    let permission = json!({
        "IpProtocol": "TCP", "FromPort": 80, "ToPort": 81,
        "IpRanges": [{ "CidrIp": "100.68.0.18/18", "Description": "office" }],
        "Ipv6Ranges": [{ "CidrIpv6": "2001:db8::/32" }],
        "PrefixListIds": [{ "PrefixListId": "pl-b6a144df" }],
        "Groups": [{ "GroupId": alb, "UserId": "123456789012" }],
    });
    let tags = json!([{ "ResourceType": "security-group-rule", "Tag": [{ "Key": "a", "Value": "1" }] }]);
    let request = json!({ "GroupId": web, "IpPermissions": [permission], "TagSpecification": tags });
    let made = write::<AuthorizeSecurityGroupIngress>(&bench, request)["securityGroupRuleSet"].clone();
    assert_eq!(made[0]["referencedGroupInfo"]["groupId"], alb);
    assert_eq!((&made[1]["cidrIpv4"], &made[1]["description"]), (&json!("100.68.0.0/18"), &json!("office")));
    assert_eq!((&made[2]["cidrIpv6"], &made[3]["prefixListId"]), (&json!("2001:db8::/32"), &json!("pl-b6a144df")));
    let first = &made[0];
    assert_eq!((&first["ipProtocol"], &first["fromPort"], &first["toPort"]), (&json!("tcp"), &json!(80), &json!(81)));
    assert_eq!((&first["isEgress"], &first["tagSet"][0]["key"]), (&json!(false), &json!("a")));
    for rule in made.as_array().unwrap() {
        assert!(rules(&bench, &web).as_array().unwrap().contains(rule), "{rule}");
    }
    let shown = ingress(&bench, &web);
    assert_eq!(shown.as_array().unwrap().len(), 1);
    assert_eq!(shown[0]["ipRanges"], json!([{ "cidrIp": "100.68.0.0/18", "description": "office" }]));
    assert_eq!(shown[0]["groups"][0]["groupId"], alb);
}

#[test]
fn a_rules_id_stays_whatever_happens_to_others() {
    let bench = stocked();
    let web = bench.group("web");
    bench.authorize(&web, from_cidr(80, "10.0.0.0/8")).unwrap();
    let id_of = |range: &str| {
        let all = rules(&bench, web.as_str());
        let found = all.as_array().unwrap().iter().find(|rule| rule["cidrIpv4"] == range).cloned();
        found.map(|rule| rule["securityGroupRuleId"].clone())
    };
    let id = id_of("10.0.0.0/8").unwrap();
    assert!(id.as_str().unwrap().starts_with("sgr-0"));
    allow(&bench, web.as_str(), json!([tcp(80, json!([{ "CidrIp": "11.0.0.0/8" }]))]));
    assert_eq!(id_of("10.0.0.0/8"), Some(id.clone()));
    assert_ne!(id_of("11.0.0.0/8"), Some(id));
}

#[test]
fn a_description_is_no_part_of_what_makes_rules_equal() {
    let bench = stocked();
    let web = bench.group("web").to_string();
    let with = |text: &str| json!([tcp(80, json!([{ "CidrIp": "10.0.0.0/8", "Description": text }]))]);
    allow(&bench, &web, with("one"));
    let again = json!({ "GroupId": web, "IpPermissions": with("two") });
    assert_eq!(unwritten::<AuthorizeSecurityGroupIngress>(&bench, again.clone()), "InvalidPermission.Duplicate");
    let gone = write::<RevokeSecurityGroupIngress>(&bench, again);
    assert_eq!(each(&gone["revokedSecurityGroupRuleSet"], "description"), ["one"]);
    allow(&bench, &web, json!([tcp(80, json!([{ "CidrIp": "10.0.0.0/8" }]))]));
    assert_eq!(ingress(&bench, &web)[0]["ipRanges"], json!([{ "cidrIp": "10.0.0.0/8", "description": null }]));
}

#[test]
fn wrong_permissions_are_refused_and_nothing_is_added() {
    let bench = stocked();
    let web = bench.group("web").to_string();
    let range = || json!([{ "CidrIp": "10.0.0.0/8" }]);
    let permission = |protocol: &str, from: Value, to: Value, ranges: Value| json!([{ "IpProtocol": protocol, "FromPort": from, "ToPort": to, "IpRanges": ranges }]);
    for (permissions, code) in [
        (json!([]), "MissingParameter"),
        (permission("tcp", json!(80), json!(80), json!([])), "InvalidPermission.Malformed"),
        (permission("tcp", json!(80), json!(80), json!([{ "CidrIp": "10.0.0.0/33" }])), "InvalidParameterValue"),
        (permission("tcp", json!(80), json!(80), json!([{ "CidrIp": "::/0" }])), "InvalidParameterValue"),
        (permission("tcp", json!(80), Value::Null, range()), "InvalidParameterValue"),
        (permission("tcp", json!(-1), json!(80), range()), "InvalidParameterValue"),
        (permission("tcp", json!(81), json!(80), range()), "InvalidParameterValue"),
        (permission("icmp", Value::Null, Value::Null, range()), "InvalidParameterValue"),
        (permission("icmp", json!(-1), json!(3), range()), "InvalidParameterValue"),
        (permission("esp", json!(1), json!(1), range()), "InvalidParameterValue"),
        (json!([tcp(80, range()), tcp(80, range())]), "InvalidParameterValue"),
        (
            json!([tcp(81, range()), { "IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "PrefixListIds": [{ "PrefixListId": "pl-01234567" }] }]),
            "InvalidPrefixListID.NotFound",
        ),
        (
            json!([tcp(81, range()), { "IpProtocol": "-1", "Groups": [{ "GroupId": "sg-0123456789abcdef0" }] }]),
            "InvalidGroup.NotFound",
        ),
        (
            json!([{ "IpProtocol": "-1", "Groups": [{ "GroupId": web, "UserId": "999999999999" }] }]),
            "InvalidParameterValue",
        ),
        (json!([tcp(80, json!([{ "CidrIp": "10.0.0.0/8", "Description": "a > b" }]))]), "InvalidParameterValue"),
    ] {
        let request = json!({ "GroupId": web, "IpPermissions": permissions });
        assert_eq!(unwritten::<AuthorizeSecurityGroupIngress>(&bench, request), code, "{permissions}");
    }
    assert_eq!(ingress(&bench, &web), json!([]));
    let nowhere = json!({ "IpPermissions": [tcp(80, range())] });
    assert_eq!(unwritten::<AuthorizeSecurityGroupIngress>(&bench, nowhere), "MissingParameter");
}

#[test]
fn protocols_are_kept_by_name_and_have_only_the_ports_that_they_know() {
    let bench = stocked();
    let web = bench.group("web").to_string();
    let rule = |protocol: &str, from: Value, to: Value| {
        let range = json!([{ "CidrIp": "10.0.0.0/8" }]);
        let made =
            allow(&bench, &web, json!([{ "IpProtocol": protocol, "FromPort": from, "ToPort": to, "IpRanges": range }]));
        (made[0]["ipProtocol"].clone(), made[0]["fromPort"].clone(), made[0]["toPort"].clone())
    };
    assert_eq!(rule("6", json!(1), json!(2)), (json!("tcp"), json!(1), json!(2)));
    assert_eq!(rule("-1", json!(1), json!(2)), (json!("-1"), json!(-1), json!(-1)));
    assert_eq!(rule("50", json!(1), json!(2)), (json!("50"), json!(-1), json!(-1)));
    assert_eq!(rule("icmp", json!(8), json!(-1)), (json!("icmp"), json!(8), json!(-1)));
    assert_eq!(rule("icmpv6", Value::Null, Value::Null), (json!("icmpv6"), json!(-1), json!(-1)));
}

#[test]
fn the_flat_parameters_of_before_still_work_for_what_comes_in() {
    let bench = stocked();
    bench.group("web");
    let alb = bench.group("alb").to_string();
    let flat = json!({ "GroupName": "web", "IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "CidrIp": "10.0.0.0/8" });
    let made = write::<AuthorizeSecurityGroupIngress>(&bench, flat.clone());
    assert_eq!(each(&made["securityGroupRuleSet"], "cidrIpv4"), ["10.0.0.0/8"]);
    let source = json!({ "GroupName": "web", "SourceSecurityGroupName": "alb" });
    let made = write::<AuthorizeSecurityGroupIngress>(&bench, source)["securityGroupRuleSet"].clone();
    assert_eq!(each(&made, "ipProtocol"), ["icmp", "tcp", "udp"]);
    assert_eq!(made[1]["referencedGroupInfo"]["groupId"], alb);
    let both = json!({ "GroupName": "web", "SourceSecurityGroupName": "alb", "CidrIp": "10.0.0.0/8" });
    assert_eq!(unwritten::<AuthorizeSecurityGroupIngress>(&bench, both), "InvalidParameterCombination");
    let mixed = json!({ "GroupName": "web", "CidrIp": "10.0.0.0/8", "IpPermissions": [tcp(1, json!([{ "CidrIp": "10.0.0.0/8" }]))] });
    assert_eq!(unwritten::<AuthorizeSecurityGroupIngress>(&bench, mixed), "InvalidParameterCombination");
    let half = json!({ "GroupName": "web", "CidrIp": "10.0.0.0/8" });
    assert_eq!(unwritten::<AuthorizeSecurityGroupIngress>(&bench, half), "MissingParameter");
    write::<RevokeSecurityGroupIngress>(&bench, flat.clone());
    assert_eq!(unwritten::<RevokeSecurityGroupIngress>(&bench, flat), "InvalidPermission.NotFound");
}

#[test]
fn rules_are_revoked_by_their_ids() {
    let bench = stocked();
    let web = bench.group("web").to_string();
    let made = allow(&bench, &web, json!([tcp(80, json!([{ "CidrIp": "10.0.0.0/8" }, { "CidrIp": "11.0.0.0/8" }]))]));
    let ids = each(&made, "securityGroupRuleId");
    let request = |ids: Value| json!({ "GroupId": web, "SecurityGroupRuleId": ids });
    let code = |ids: Value| unwritten::<RevokeSecurityGroupIngress>(&bench, request(ids));
    assert_eq!(code(json!([ids[0], "sgr-0123456789abcdef0"])), "InvalidSecurityGroupRuleId.NotFound");
    assert_eq!(code(json!(["10.0.0.0/8"])), "InvalidSecurityGroupRuleId.Malformed");
    assert_eq!(
        unwritten::<RevokeSecurityGroupEgress>(&bench, request(json!([ids[0]]))),
        "InvalidSecurityGroupRuleId.NotFound"
    );
    let gone = write::<RevokeSecurityGroupIngress>(&bench, request(json!(ids)));
    assert_eq!(each(&gone["revokedSecurityGroupRuleSet"], "cidrIpv4"), ["10.0.0.0/8", "11.0.0.0/8"]);
    assert_eq!(ingress(&bench, &web), json!([]));
    let both = json!({ "GroupId": web, "SecurityGroupRuleId": ids, "IpPermissions": [tcp(80, json!([{ "CidrIp": "10.0.0.0/8" }]))] });
    assert_eq!(unwritten::<RevokeSecurityGroupIngress>(&bench, both), "InvalidParameterCombination");
}

#[test]
fn what_goes_out_has_rules_of_its_own() {
    let bench = stocked();
    let web = bench.group("web").to_string();
    let request = json!({ "GroupId": web, "IpPermissions": [tcp(443, json!([{ "CidrIp": "10.0.0.0/8" }]))] });
    let made = write::<AuthorizeSecurityGroupEgress>(&bench, request.clone());
    assert_eq!(each(&made["securityGroupRuleSet"], "isEgress"), ["true"]);
    let all =
        json!({ "GroupId": web, "IpPermissions": [{ "IpProtocol": "-1", "IpRanges": [{ "CidrIp": "0.0.0.0/0" }] }] });
    write::<RevokeSecurityGroupEgress>(&bench, all.clone());
    assert_eq!(unwritten::<RevokeSecurityGroupEgress>(&bench, all), "InvalidPermission.NotFound");
    write::<RevokeSecurityGroupEgress>(&bench, request);
    assert_eq!(rules(&bench, &web), json!([]));
}

#[test]
fn rules_are_found_by_id_and_tags_and_paged() {
    let bench = stocked();
    let web = bench.group("web").to_string();
    let ranges: Vec<Value> = (1..7).map(|n| json!({ "CidrIp": format!("10.{n}.0.0/16") })).collect();
    let made = allow(&bench, &web, json!([tcp(80, json!(ranges))]));
    let id = made[3]["securityGroupRuleId"].as_str().unwrap();
    write::<CreateTags>(&bench, json!({ "ResourceId": [id], "Tag": [{ "Key": "a", "Value": "1" }] }));
    let found =
        |request: Value| each(&read::<DescribeSecurityGroupRules>(&bench, request)["securityGroupRuleSet"], "cidrIpv4");
    assert_eq!(found(json!({ "SecurityGroupRuleId": [id] })), ["10.4.0.0/16"]);
    assert_eq!(found(json!({ "Filter": [filter("tag:a", &["1"])] })), ["10.4.0.0/16"]);
    assert_eq!(found(json!({ "Filter": [filter("security-group-rule-id", &[id])] })), ["10.4.0.0/16"]);
    let first = read::<DescribeSecurityGroupRules>(&bench, json!({ "MaxResults": 5 }));
    let rest = found(json!({ "MaxResults": 5, "NextToken": first["nextToken"] }));
    // Six rules, that of all traffic out, and the two of the default group.
    assert_eq!((each(&first["securityGroupRuleSet"], "groupId").len(), rest.len()), (5, 4));
    let code = |request: Value| unread::<DescribeSecurityGroupRules>(&bench, request);
    assert_eq!(code(json!({ "SecurityGroupRuleId": ["sgr-1"] })), "InvalidSecurityGroupRuleId.Malformed");
    assert_eq!(
        code(json!({ "SecurityGroupRuleId": ["sgr-0123456789abcdef0"] })),
        "InvalidSecurityGroupRuleId.NotFound"
    );
    assert_eq!(code(json!({ "Filter": [filter("cidr", &["*"])] })), "InvalidParameterValue");
}

#[test]
fn a_dry_run_adds_no_rule() {
    let bench = stocked();
    let web = bench.group("web").to_string();
    let request = json!({ "GroupId": web, "IpPermissions": [tcp(80, json!([{ "CidrIp": "10.0.0.0/8" }]))] });
    let operation: AuthorizeSecurityGroupIngress = serde_json::from_value(request).unwrap();
    assert_eq!(bench.cloud.rehearse(&operation).unwrap_err().code, "DryRunOperation");
    assert_eq!(ingress(&bench, &web), json!([]));
}
