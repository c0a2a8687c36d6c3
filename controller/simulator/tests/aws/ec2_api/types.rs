//! Instance types, and where they are offered.

use serde_json::{Value, json};
use simulator::Builder;
use simulator::cloud::api::ec2::{DescribeInstanceTypeOfferings, DescribeInstanceTypes};

use super::{each, filter, read, stocked, unread};
use crate::bench::Bench;

#[test]
fn a_type_shows_its_processors_and_memory() {
    let bench = stocked();
    let found = read::<DescribeInstanceTypes>(&bench, json!({ "InstanceType": ["t4g.small"] }));
    let kind = &found["instanceTypeSet"][0];
    assert_eq!(kind["processorInfo"]["supportedArchitectures"], json!(["arm64"]));
    assert_eq!((&kind["vCpuInfo"]["defaultVCpus"], &kind["memoryInfo"]["sizeInMiB"]), (&json!(2), &json!(2048)));
    assert_eq!(kind["burstablePerformanceSupported"], true);
}

#[test]
fn types_are_found_by_filters_and_paged_by_a_hundred() {
    let bench = stocked();
    let found = |filters: Value| {
        each(&read::<DescribeInstanceTypes>(&bench, json!({ "Filter": filters }))["instanceTypeSet"], "instanceType")
    };
    assert_eq!(found(json!([filter("instance-type", &["t3.2*"])])), ["t3.2xlarge"]);
    let small = json!([
        filter("memory-info.size-in-mib", &["512"]),
        filter("processor-info.supported-architecture", &["x86_64"])
    ]);
    assert_eq!(found(small), ["t3.nano", "t3a.nano"]);
    assert_eq!(found(json!([filter("bare-metal", &["true"])])).len(), 0);
    let page = read::<DescribeInstanceTypes>(&bench, json!({ "MaxResults": 5 }));
    assert_eq!((page["instanceTypeSet"].as_array().unwrap().len(), page["nextToken"].is_string()), (5, true));
    assert_eq!(unread::<DescribeInstanceTypes>(&bench, json!({ "MaxResults": 101 })), "InvalidParameterValue");
    let unknown = json!({ "InstanceType": ["t3.micro", "t9.none"] });
    assert_eq!(unread::<DescribeInstanceTypes>(&bench, unknown), "InvalidInstanceType");
    let colour = json!({ "Filter": [filter("colour", &["red"])] });
    assert_eq!(unread::<DescribeInstanceTypes>(&bench, colour), "InvalidParameterValue");
}

#[test]
fn a_type_is_offered_by_region_zone_or_zone_id() {
    let bench = Bench::of(Builder::new(1).offering("m5.large", &["us-east-2b", "us-east-2c"]));
    let locations = |kind: Value| {
        let request = json!({ "LocationType": kind, "Filter": [filter("instance-type", &["m5.*", "t9.none"])] });
        each(&read::<DescribeInstanceTypeOfferings>(&bench, request)["instanceTypeOfferingSet"], "location")
    };
    assert_eq!(locations(Value::Null), ["us-east-2"]);
    assert_eq!(locations(json!("region")), ["us-east-2"]);
    assert_eq!(locations(json!("availability-zone")), ["us-east-2b", "us-east-2c"]);
    assert_eq!(locations(json!("availability-zone-id")), ["use2-az2", "use2-az3"]);
    let there = json!({ "LocationType": "availability-zone", "Filter": [filter("location", &["us-east-2a"])] });
    let there = read::<DescribeInstanceTypeOfferings>(&bench, there);
    assert!(!each(&there["instanceTypeOfferingSet"], "instanceType").contains(&"m5.large".to_owned()));
    assert!(serde_json::from_value::<DescribeInstanceTypeOfferings>(json!({ "LocationType": "outpost" })).is_err());
}
