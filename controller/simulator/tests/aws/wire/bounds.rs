//! How much one call shows or takes: pages, filters, architectures, tags.

use serde_json::{Value, json};
use simulator::cloud::Quotas;
use simulator::cloud::api::ec2;

use super::*;

/// A region as AWS stocks it.
fn stocked() -> Bench {
    Bench::of(Builder::new(1).stocked())
}

#[test]
fn all_of_a_fleet_is_shown_to_whoever_asks_for_no_page() {
    let bench = stocked();
    let fleet = json!({"MinCount": 1001, "MaxCount": 1001, "IamInstanceProfile": {"Name": "web"}});
    let ids = ids(&bench, fleet);
    bench.pass(secs(20));
    let count = |answer: Result<Value, Refusal>, set: &str| {
        let answer = answer.unwrap();
        assert_eq!(answer["nextToken"], Value::Null, "{set}");
        answer[set].as_array().unwrap().len()
    };
    let first = shown(&bench, json!({"InstanceId": [ids[0]]}));
    assert_eq!(first[0]["blockDeviceMapping"].as_array().unwrap().len(), 1);
    assert_eq!(shown(&bench, json!({})).len(), 1001);
    let status = read::<ec2::DescribeInstanceStatus>(&bench, json!({}));
    assert_eq!(count(status, "instanceStatusSet"), 1001);
    let interfaces = read::<ec2::DescribeNetworkInterfaces>(&bench, json!({}));
    assert_eq!(count(interfaces, "networkInterfaceSet"), 1001);
    let credits = read::<ec2::DescribeInstanceCreditSpecifications>(&bench, json!({}));
    assert_eq!(count(credits, "instanceCreditSpecificationSet"), 1001);
    let associations = read::<ec2::DescribeIamInstanceProfileAssociations>(&bench, json!({}));
    assert_eq!(count(associations, "iamInstanceProfileAssociationSet"), 1001);
    assert_eq!(count(read::<ec2::DescribeVolumes>(&bench, json!({})), "volumeSet"), 1001);
    let page = read::<ec2::DescribeVolumes>(&bench, json!({"MaxResults": 1000})).unwrap();
    assert_eq!((page["volumeSet"].as_array().unwrap().len(), page["nextToken"].is_string()), (500, true));
    let rest = read::<ec2::DescribeVolumes>(&bench, json!({"NextToken": page["nextToken"]}));
    assert_eq!(count(rest, "volumeSet"), 501, "all that is left");
}

#[test]
fn only_some_operations_refuse_ids_together_with_a_page() {
    let bench = Bench::new();
    let id = running(&bench, json!({"IamInstanceProfile": {"Name": "web"}}));
    let with = |name: &str, id: &str| json!({name: [id], "MaxResults": 5});
    for refused in [
        read::<ec2::DescribeInstances>(&bench, with("InstanceId", &id)),
        read::<ec2::DescribeInstanceStatus>(&bench, with("InstanceId", &id)),
        read::<ec2::DescribeInstanceCreditSpecifications>(&bench, with("InstanceId", &id)),
        read::<ec2::DescribeNetworkInterfaces>(&bench, with("NetworkInterfaceId", "eni-00000000000000000")),
    ] {
        assert_eq!(code(refused), "InvalidParameterCombination");
    }
    let volumes = read::<ec2::DescribeVolumes>(&bench, json!({})).unwrap();
    let volume = text(&volumes["volumeSet"][0]["volumeId"]);
    read::<ec2::DescribeVolumes>(&bench, with("VolumeId", &volume)).unwrap();
    let associations = read::<ec2::DescribeIamInstanceProfileAssociations>(&bench, json!({})).unwrap();
    let association = text(&associations["iamInstanceProfileAssociationSet"][0]["associationId"]);
    read::<ec2::DescribeIamInstanceProfileAssociations>(&bench, with("AssociationId", &association)).unwrap();
}

#[test]
fn a_filter_of_tags_and_one_of_something_else_must_both_match() {
    let bench = Bench::new();
    let tagged = json!([{"ResourceType": "instance", "Tag": [{"Key": "Name", "Value": "a"}]}]);
    let id = running(&bench, json!({"TagSpecification": tagged}));
    running(&bench, json!({}));
    let found = |tag: &str, value: &str, state: &str| {
        let filters = json!([{"Name": tag, "Value": [value]}, {"Name": "instance-state-name", "Value": [state]}]);
        shown(&bench, json!({"Filter": filters})).iter().map(|one| text(&one["instanceId"])).collect::<Vec<_>>()
    };
    assert_eq!(found("tag:Name", "a", "running"), [id]);
    assert!(found("tag:Name", "a", "stopped").is_empty());
    assert!(found("tag:Name", "b", "running").is_empty());
    assert!(found("tag:none", "*", "running").is_empty());
}

#[test]
fn a_type_runs_images_of_its_architecture_only() {
    let bench = Bench::of(Builder::new(1).stocked().offering("mac2.metal", &["us-east-2a"]));
    let arm = "ami-0fc8d40a65b1e7f32";
    let refusal = run(&bench, json!({"ImageId": arm})).unwrap_err();
    assert_eq!(refusal.code, "InvalidParameterValue");
    let start = "The architecture 'x86_64' of the specified instance type does not match the architecture 'arm64' of the \
                 specified AMI. Specify";
    assert!(refusal.message.starts_with(start), "{}", refusal.message);
    assert_eq!(code(run(&bench, json!({"InstanceType": "t4g.small"}))), "InvalidParameterValue");
    let made = launched(&bench, json!({"InstanceType": "t4g.small", "ImageId": arm})).remove(0);
    assert_eq!(
        (&made["architecture"], &made["cpuOptions"]),
        (&json!("arm64"), &json!({"coreCount": 2, "threadsPerCore": 1}))
    );
    launched(&bench, json!({"InstanceType": "mac2.metal"}));
}

#[test]
fn a_stocked_region_keeps_the_quota_that_was_chosen() {
    let few = Quotas { instances: 3, ..Quotas::default() };
    let bench = Bench::of(Builder::new(1).quotas(few).stocked());
    assert_eq!(code(run(&bench, json!({"MinCount": 4, "MaxCount": 4}))), "InstanceLimitExceeded");
    let bench = Bench::new();
    assert_eq!(code(run(&bench, json!({"MinCount": 101, "MaxCount": 101}))), "InstanceLimitExceeded");
}

#[test]
fn a_tag_key_is_given_once_wherever_a_resource_is_made() {
    let bench = Bench::new();
    let twice = |kind: &str| {
        let tags = json!([{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]);
        json!([{"ResourceType": kind, "Tag": tags}])
    };
    for kind in ["instance", "volume", "network-interface"] {
        let refusal = run(&bench, json!({"TagSpecification": twice(kind)})).unwrap_err();
        let expected = ("InvalidParameterValue", "Duplicate tag key 'a' specified.");
        assert_eq!((refusal.code, refusal.message.as_str()), expected, "{kind}");
    }
    assert!(bench.cloud.view().instances().is_empty());
    let group = json!({"GroupName": "web", "GroupDescription": "a test", "TagSpecification": twice("security-group")});
    assert_eq!(code(write::<ec2::CreateSecurityGroup>(&bench, group)), "InvalidParameterValue");
}
