//! Rules that are changed where they are.

use serde_json::{Value, json};
use simulator::cloud::api::ec2::*;

use super::{each, filter, read, stocked, unwritten, write};
use crate::bench::Bench;

fn tcp(port: u16, range: &str) -> Value {
    json!({ "IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{ "CidrIp": range, "Description": "old" }] })
}

/// A group with two rules, and their ids.
fn group(bench: &Bench) -> (String, Vec<String>) {
    let web = bench.group("web").to_string();
    let tags = json!([{ "ResourceType": "security-group-rule", "Tag": [{ "Key": "a", "Value": "1" }] }]);
    let permissions = json!([tcp(80, "10.0.0.0/8"), tcp(81, "10.0.0.0/8")]);
    let request = json!({ "GroupId": web, "IpPermissions": permissions, "TagSpecification": tags });
    let made = write::<AuthorizeSecurityGroupIngress>(bench, request);
    (web, each(&made["securityGroupRuleSet"], "securityGroupRuleId"))
}

fn update(group: &str, id: &str, port: u16) -> Value {
    let rule = json!({ "IpProtocol": "tcp", "FromPort": port, "ToPort": port, "CidrIpv4": "10.0.0.0/8", "Description": "new" });
    json!({ "GroupId": group, "SecurityGroupRule": [{ "SecurityGroupRuleId": id, "SecurityGroupRule": rule }] })
}

fn rule(bench: &Bench, id: &str) -> Value {
    read::<DescribeSecurityGroupRules>(bench, json!({ "SecurityGroupRuleId": [id] }))["securityGroupRuleSet"][0].clone()
}

#[test]
fn a_modified_rule_keeps_its_id_and_tags() {
    let bench = stocked();
    let (web, ids) = group(&bench);
    write::<ModifySecurityGroupRules>(&bench, update(&web, &ids[0], 8080));
    let now = rule(&bench, &ids[0]);
    assert_eq!(
        (&now["fromPort"], &now["description"], &now["tagSet"][0]["key"]),
        (&json!(8080), &json!("new"), &json!("a"))
    );
    let old = json!({ "GroupId": web, "IpPermissions": [tcp(80, "10.0.0.0/8")] });
    assert_eq!(unwritten::<RevokeSecurityGroupIngress>(&bench, old.clone()), "InvalidPermission.NotFound");
    let again = write::<AuthorizeSecurityGroupIngress>(&bench, old);
    assert_ne!(again["securityGroupRuleSet"][0]["securityGroupRuleId"], json!(ids[0]));
    write::<RevokeSecurityGroupIngress>(&bench, json!({ "GroupId": web, "SecurityGroupRuleId": [ids[0]] }));
    let left = read::<DescribeSecurityGroupRules>(&bench, json!({ "Filter": [filter("group-id", &[&web])] }));
    let mut ports = each(&left["securityGroupRuleSet"], "fromPort");
    ports.sort();
    assert_eq!(ports, ["-1", "80", "81"]);
}

#[test]
fn a_rule_is_not_modified_into_another_that_there_is() {
    let bench = stocked();
    let (web, ids) = group(&bench);
    let code = |request: Value| unwritten::<ModifySecurityGroupRules>(&bench, request);
    assert_eq!(code(update(&web, &ids[0], 81)), "InvalidPermission.Duplicate");
    assert_eq!(code(update(&web, "sgr-0123456789abcdef0", 82)), "InvalidSecurityGroupRuleId.NotFound");
    assert_eq!(code(update(&web, "sgr", 82)), "InvalidSecurityGroupRuleId.Malformed");
    let mut two = update(&web, &ids[0], 82);
    two["SecurityGroupRule"][0]["SecurityGroupRule"]["CidrIpv6"] = json!("::/0");
    assert_eq!(code(two), "InvalidParameterCombination");
    write::<ModifySecurityGroupRules>(&bench, update(&web, &ids[0], 80));
    assert_eq!(rule(&bench, &ids[0])["description"], "new");
}

#[test]
fn descriptions_are_set_and_removed_by_rule_or_by_id() {
    let bench = stocked();
    let (web, ids) = group(&bench);
    let mut permission = tcp(80, "10.0.0.0/8");
    permission["IpRanges"][0]["Description"] = json!("newer");
    let by_rule = json!({ "GroupId": web, "IpPermissions": [permission] });
    write::<UpdateSecurityGroupRuleDescriptionsIngress>(&bench, by_rule.clone());
    let gone = json!({ "GroupName": "web", "SecurityGroupRuleDescription": [{ "SecurityGroupRuleId": ids[1] }] });
    write::<UpdateSecurityGroupRuleDescriptionsIngress>(&bench, gone.clone());
    assert_eq!(
        (&rule(&bench, &ids[0])["description"], &rule(&bench, &ids[1])["description"]),
        (&json!("newer"), &Value::Null)
    );
    assert_eq!(rule(&bench, &ids[1])["tagSet"][0]["key"], "a");
    assert_eq!(unwritten::<UpdateSecurityGroupRuleDescriptionsEgress>(&bench, by_rule), "InvalidPermission.NotFound");
    assert_eq!(
        unwritten::<UpdateSecurityGroupRuleDescriptionsEgress>(&bench, gone),
        "InvalidSecurityGroupRuleId.NotFound"
    );
    let neither = json!({ "GroupName": "web" });
    assert_eq!(unwritten::<UpdateSecurityGroupRuleDescriptionsIngress>(&bench, neither), "InvalidParameterCombination");
}
