//! Every filter that EC2 documents is known, whether or not anything here has what it looks at.

use std::time::Duration;

use serde_json::{Value, json};
use simulator::Builder;
use simulator::cloud::api::Read;
use simulator::cloud::api::ec2::*;

use super::{filter, read, unread, write};
use crate::bench::{Bench, secs};

/// An operation on a line of its own, and its filters on the lines after it.
const DOCUMENTED: &str = include_str!("documented_filters.txt");

/// A region where each of the operations finds something, among it an instance with a profile, which runs.
fn inhabited() -> Bench {
    let stocked = Builder::new(1).latency(Duration::ZERO).stocked();
    let bench = Bench::of(stocked.key_pairs(&["ops"]).instance_profiles(&["web"]));
    bench.group("web");
    let tagged = |kind: &str| json!({ "ResourceType": kind, "Tag": [{ "Key": "team", "Value": "red" }] });
    let run = json!({
        "ImageId": Builder::IMAGE,
        "InstanceType": "t3.micro",
        "MinCount": 1,
        "MaxCount": 1,
        "SubnetId": bench.cloud.view().subnets()[1].id.to_string(),
        "IamInstanceProfile": { "Name": "web" },
        "TagSpecification": [tagged("instance"), tagged("network-interface")],
    });
    let instance = write::<RunInstances>(&bench, run)["instancesSet"][0]["instanceId"].clone();
    bench.pass(secs(60));
    write::<CreateImage>(&bench, json!({ "InstanceId": instance, "Name": "web 1.0", "NoReboot": true }));
    bench.pass(secs(300));
    bench
}

fn documented(operation: &str) -> Vec<&'static str> {
    let after = DOCUMENTED.lines().skip_while(|line| *line != operation).skip(1);
    let names: Vec<&str> = after.take_while(|line| line.starts_with(' ')).flat_map(str::split_whitespace).collect();
    assert!(!names.is_empty(), "{operation}");
    names
}

fn asked(name: &str, value: &str) -> Value {
    json!({ "Filter": [filter(name, &[value])] })
}

/// How many the answer lists. It has one list, and beside it a token.
#[track_caller]
fn count(answer: &Value) -> usize {
    answer.as_object().unwrap().values().find_map(Value::as_array).unwrap().len()
}

#[track_caller]
fn check<O: Read>(bench: &Bench, operation: &str) {
    assert!(count(&read::<O>(bench, json!({}))) > 0, "{operation} finds something without a filter");
    for name in documented(operation) {
        assert_eq!(count(&read::<O>(bench, asked(name, "nothing-has-this"))), 0, "{operation} {name}");
        // Behind `tag:` stands any key.
        if !name.starts_with("tag:") {
            let misspelt = asked(&format!("{name}x"), "nothing-has-this");
            assert_eq!(unread::<O>(bench, misspelt), "InvalidParameterValue", "{operation} {name}x");
        }
    }
}

#[test]
fn every_documented_filter_is_known_and_one_a_letter_off_is_refused() {
    let bench = inhabited();
    macro_rules! check_each {
        ($($operation:ident)*) => {{
            $(check::<$operation>(&bench, stringify!($operation));)*
            [$(stringify!($operation)),*]
        }};
    }
    let checked = check_each!(
        DescribeAvailabilityZones DescribeIamInstanceProfileAssociations DescribeImages
        DescribeInstanceCreditSpecifications DescribeInstanceStatus DescribeInstanceTypeOfferings DescribeInstanceTypes
        DescribeInstances DescribeKeyPairs DescribeManagedPrefixLists DescribeNetworkInterfaces DescribeRegions
        DescribeRouteTables DescribeSecurityGroupRules DescribeSecurityGroups DescribeSnapshots DescribeSubnets DescribeTags
        DescribeVolumes DescribeVpcs
    );
    let listed: Vec<&str> = DOCUMENTED.lines().filter(|line| line.starts_with("Describe")).collect();
    assert_eq!(checked[..], listed);
}

#[test]
fn what_is_told_of_a_resource_is_found_by_its_filter() {
    let bench = inhabited();
    let of_instances = |name: &str, value: &str| count(&read::<DescribeInstances>(&bench, asked(name, value)));
    for (name, value) in [
        ("availability-zone-id", "use2-az2"),
        ("metadata-options.http-protocol-ipv4", "enabled"),
        ("network-interface.ipv6-native", "false"),
        ("network-interface.operator.managed", "false"),
        ("network-interface.public-dns-name", "ec2-*.amazonaws.com"),
        ("network-performance-options.bandwidth-weighting", "default"),
        ("network-interface.tag-key", "team"),
        ("network-interface.tag-value", "red"),
        ("operator.managed", "false"),
    ] {
        assert_eq!(of_instances(name, value), 1, "{name}={value}");
    }
    for (name, value) in [
        ("network-interface.tag-value", "blue"),
        ("operator.managed", "true"),
        ("platform", "*"),
        ("spot-instance-request-id", "*"),
    ] {
        assert_eq!(of_instances(name, value), 0, "{name}={value}");
    }
    for (zone, found) in [("use2-az2", 1), ("use2-az1", 0)] {
        let asked = asked("availability-zone-id", zone);
        assert_eq!(count(&read::<DescribeInstanceStatus>(&bench, asked.clone())), found);
        assert_eq!(count(&read::<DescribeVolumes>(&bench, asked.clone())), found);
        assert_eq!(count(&read::<DescribeNetworkInterfaces>(&bench, asked)), found);
    }
    let by_parameter = asked("public-ssm-parameter-name", "/aws/service/ami-amazon-linux-latest/*-x86_64");
    let images = read::<DescribeImages>(&bench, by_parameter);
    assert_eq!((count(&images), &images["imagesSet"][0]["imageId"]), (1, &json!(Builder::IMAGE)));
}

#[test]
fn a_range_of_ipv6_is_found_by_the_id_of_its_association() {
    let subnet = aws_api::ec2::Subnet {
        id: aws_api::id::SubnetId::parse("subnet-0000000d").unwrap(),
        vpc: aws_api::id::VpcId::parse("vpc-00000001").unwrap(),
        zone: aws_api::id::Zone("us-east-2d".to_owned()),
        has_ipv6: true,
        default_for_az: false,
    };
    let bench = Bench::of(Builder::new(1).latency(Duration::ZERO).subnet(subnet));
    let name = "ipv6-cidr-block-association.association-id";
    let subnets = read::<DescribeSubnets>(&bench, asked(name, "subnet-cidr-assoc-*"));
    assert_eq!(count(&subnets), 1);
    let own = &subnets["subnetSet"][0]["ipv6CidrBlockAssociationSet"][0]["associationId"];
    assert_eq!(count(&read::<DescribeSubnets>(&bench, asked(name, own.as_str().unwrap()))), 1);
    assert_eq!(count(&read::<DescribeVpcs>(&bench, asked(name, "vpc-cidr-assoc-*"))), 1);
}
