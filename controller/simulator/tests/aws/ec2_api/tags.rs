//! Tags of any resource.

use aws_api::Write;
use aws_api::ec2::SecurityGroupWrite;
use serde_json::{Value, json};
use simulator::Builder;
use simulator::cloud::Quotas;
use simulator::cloud::api::ec2::*;

use super::{each, filter, read, stocked, unread, unwritten, write};
use crate::bench::{Bench, tags};

fn of(bench: &Bench, id: &str) -> Vec<String> {
    let found = read::<DescribeTags>(bench, json!({ "Filter": [filter("resource-id", &[id])] }));
    let set = &found["tagSet"];
    each(set, "key").into_iter().zip(each(set, "value")).map(|(key, value)| format!("{key}={value}")).collect()
}

#[test]
fn several_resources_of_any_kind_are_tagged_at_once() {
    let bench = stocked();
    let instance = bench.launch(bench.run("a")).to_string();
    let group = bench.group("web").to_string();
    let (vpc, subnet) = (bench.cloud.view().vpc().to_string(), bench.cloud.view().subnets()[0].id.to_string());
    let volume = bench.cloud.view().volumes().into_keys().next().unwrap();
    let snapshot = write::<CreateSnapshot>(&bench, json!({ "VolumeId": volume }))["snapshotId"].clone();
    let rule =
        read::<DescribeSecurityGroupRules>(&bench, json!({}))["securityGroupRuleSet"][0]["securityGroupRuleId"].clone();
    let table = read::<DescribeRouteTables>(&bench, json!({}))["routeTableSet"][0].clone();
    let all = json!([
        instance,
        group,
        vpc,
        subnet,
        volume,
        snapshot,
        rule,
        Builder::IMAGE,
        table["routeTableId"],
        table["routeSet"][1]["gatewayId"]
    ]);
    write::<CreateTags>(
        &bench,
        json!({ "ResourceId": all, "Tag": [{ "Key": "team", "Value": "red" }, { "Key": "bare" }] }),
    );
    for id in all.as_array().unwrap() {
        let id = id.as_str().unwrap();
        assert!(
            of(&bench, id).contains(&"team=red".to_owned()) && of(&bench, id).contains(&"bare=".to_owned()),
            "{id}"
        );
    }
    let red = json!({ "Filter": [filter("tag:team", &["red"])] });
    assert_eq!(read::<DescribeVpcs>(&bench, red.clone())["vpcSet"][0]["tagSet"].as_array().unwrap().len(), 2);
    assert_eq!(read::<DescribeSubnets>(&bench, red.clone())["subnetSet"].as_array().unwrap().len(), 1);
    assert_eq!(read::<DescribeRouteTables>(&bench, red.clone())["routeTableSet"].as_array().unwrap().len(), 1);
    assert_eq!(read::<DescribeSnapshots>(&bench, red.clone())["snapshotSet"].as_array().unwrap().len(), 1);
    assert_eq!(read::<DescribeImages>(&bench, red.clone())["imagesSet"].as_array().unwrap().len(), 1);
    let kinds = each(&read::<DescribeTags>(&bench, red)["tagSet"], "resourceType");
    for kind in [
        "instance",
        "security-group",
        "vpc",
        "subnet",
        "volume",
        "snapshot",
        "security-group-rule",
        "image",
        "route-table",
        "internet-gateway",
    ] {
        assert!(kinds.contains(&kind.to_owned()), "{kind} in {kinds:?}");
    }
}

#[test]
fn tags_are_set_on_all_resources_or_on_none() {
    let bench = stocked();
    let group = bench.group("web").to_string();
    let tag = json!([{ "Key": "a", "Value": "1" }]);
    for (id, code) in [
        ("i-0123456789abcdef0", "InvalidInstanceID.NotFound"),
        ("sg-0123456789abcdef0", "InvalidGroup.NotFound"),
        ("ami-0123456789abcdef0", "InvalidAMIID.NotFound"),
        ("snap-0123456789abcdef0", "InvalidSnapshot.NotFound"),
        ("vol-0123456789abcdef0", "InvalidVolume.NotFound"),
        ("subnet-0123456789abcdef0", "InvalidSubnetID.NotFound"),
        ("sgr-0123456789abcdef0", "InvalidSecurityGroupRuleId.NotFound"),
        ("vpc-0123456789abcdef0", "InvalidVpcID.NotFound"),
        ("thing-0123456789abcdef0", "InvalidID"),
        ("i-none", "InvalidID"),
    ] {
        let request = json!({ "ResourceId": [group, id], "Tag": tag });
        assert_eq!(unwritten::<CreateTags>(&bench, request), code, "{id}");
    }
    assert_eq!(of(&bench, &group), Vec::<String>::new());
}

#[test]
fn wrong_tags_are_refused() {
    let bench = Bench::of(Builder::new(1).quotas(Quotas { tags: 2, ..Quotas::default() }));
    let group = bench.group("web").to_string();
    let code = |tags: Value| unwritten::<CreateTags>(&bench, json!({ "ResourceId": [group], "Tag": tags }));
    assert_eq!(code(json!([{ "Key": "a" }, { "Key": "a" }])), "InvalidParameterValue");
    assert_eq!(code(json!([{ "Key": "aws:x" }])), "InvalidParameterValue");
    assert_eq!(code(json!([{ "Key": "a" }, { "Key": "b" }, { "Key": "c" }])), "TagLimitExceeded");
    assert_eq!(code(json!([])), "MissingParameter");
    let nothing = json!({ "ResourceId": [], "Tag": [{ "Key": "a" }] });
    assert_eq!(unwritten::<CreateTags>(&bench, nothing), "MissingParameter");
}

#[test]
fn tags_are_removed_by_key_by_key_and_value_or_all() {
    let bench = stocked();
    let group = bench.group("web").to_string();
    let set = json!([{ "Key": "a", "Value": "1" }, { "Key": "b", "Value": "" }, { "Key": "c", "Value": "3" }]);
    write::<CreateTags>(&bench, json!({ "ResourceId": [group], "Tag": set }));
    let delete = |tags: Value| {
        write::<DeleteTags>(&bench, json!({ "ResourceId": [group], "Tag": tags }));
        of(&bench, &group)
    };
    assert_eq!(delete(json!([{ "Key": "a", "Value": "other" }, { "Key": "c", "Value": "" }])), ["a=1", "b=", "c=3"]);
    assert_eq!(delete(json!([{ "Key": "b", "Value": "" }, { "Key": "c" }, { "Key": "none" }])), ["a=1"]);
    write::<DeleteTags>(&bench, json!({ "ResourceId": [group] }));
    assert_eq!(of(&bench, &group), Vec::<String>::new());
    let missing = json!({ "ResourceId": [group, "sg-0123456789abcdef0"] });
    assert_eq!(unwritten::<DeleteTags>(&bench, missing), "InvalidGroup.NotFound");
}

#[test]
fn tags_are_filtered_and_paged() {
    let bench = stocked();
    for name in ["a", "b", "c"] {
        let mut create = bench.create_group(name);
        create.tags = tags(&[("Name", name), ("team", "red")]);
        bench.write(Write::SecurityGroup(SecurityGroupWrite::Create(create))).unwrap();
    }
    let found = |filters: Value| each(&read::<DescribeTags>(&bench, json!({ "Filter": filters }))["tagSet"], "value");
    assert_eq!(found(json!([filter("key", &["N*"])])).len(), 3);
    assert_eq!(found(json!([filter("value", &["b"])])), ["b"]);
    assert_eq!(found(json!([filter("tag:Name", &["a", "c"])])).len(), 2);
    assert_eq!(found(json!([filter("resource-type", &["instance"])])).len(), 0);
    let first = read::<DescribeTags>(&bench, json!({ "MaxResults": 5 }));
    let second = read::<DescribeTags>(&bench, json!({ "NextToken": first["nextToken"] }));
    assert_eq!((first["tagSet"].as_array().unwrap().len(), second["tagSet"].as_array().unwrap().len()), (5, 1));
    assert_eq!(
        unread::<DescribeTags>(&bench, json!({ "Filter": [filter("colour", &["x"])] })),
        "InvalidParameterValue"
    );
    assert_eq!(unread::<DescribeTags>(&bench, json!({ "MaxResults": 1001 })), "InvalidParameterValue");
}

#[test]
fn what_has_no_tags_shows_no_member_for_them() {
    let bench = stocked();
    write::<CreateSecurityGroup>(&bench, json!({ "GroupName": "bare", "GroupDescription": "x" }));
    let bare = json!({});
    let shown = [
        read::<DescribeVpcs>(&bench, bare.clone())["vpcSet"][0].clone(),
        read::<DescribeSubnets>(&bench, bare.clone())["subnetSet"][0].clone(),
        read::<DescribeSecurityGroups>(&bench, bare.clone())["securityGroupInfo"][0].clone(),
        read::<DescribeImages>(&bench, bare.clone())["imagesSet"][0].clone(),
    ];
    for one in shown {
        assert!(one.is_object() && one["tagSet"].is_null(), "{one}");
    }
    assert_eq!(read::<DescribeRouteTables>(&bench, bare)["routeTableSet"][0]["tagSet"], json!([]));
}
