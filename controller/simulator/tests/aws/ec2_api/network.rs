//! VPCs, subnets, routes, zones, prefix lists, key pairs: what a network is like.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use simulator::Builder;
use simulator::cloud::api::ec2::*;

use super::{each, filter, read, stocked, unread};
use crate::bench::Bench;

#[test]
fn the_default_vpc_is_shown_whole() {
    let bench = stocked();
    let answer = read::<DescribeVpcs>(&bench, json!({}));
    let vpc = &answer["vpcSet"][0];
    assert_eq!(vpc["vpcId"], bench.cloud.view().vpc().to_string());
    assert_eq!((&vpc["isDefault"], &vpc["cidrBlock"]), (&json!(true), &json!("172.31.0.0/16")));
    assert_eq!(vpc["cidrBlockAssociationSet"][0]["cidrBlockState"]["state"], "associated");
    assert_eq!((vpc["state"].as_str(), vpc["ownerId"].as_str()), (Some("available"), Some("123456789012")));
}

#[test]
fn vpcs_are_found_by_id_and_filter() {
    let bench = stocked();
    let count = |request| read::<DescribeVpcs>(&bench, request)["vpcSet"].as_array().unwrap().len();
    assert_eq!(count(json!({ "VpcId": [bench.cloud.view().vpc().to_string()] })), 1);
    for (name, value, found) in [
        ("is-default", "true", 1),
        ("is-default", "false", 0),
        ("isDefault", "true", 1),
        ("cidr", "172.31.*", 1),
        ("cidr-block-association.state", "associat??", 1),
        ("owner-id", "123456789012", 1),
        ("tag:Name", "*", 0),
    ] {
        assert_eq!(count(json!({ "Filter": [filter(name, &[value])] })), found, "{name}={value}");
    }
    let unknown = json!({ "Filter": [filter("is-default", &["false"]), filter("colour", &["red"])] });
    assert_eq!(unread::<DescribeVpcs>(&bench, unknown), "InvalidParameterValue");
    assert_eq!(unread::<DescribeVpcs>(&bench, json!({ "VpcId": ["vpc-1"] })), "InvalidVpcID.Malformed");
    let missing = json!({ "VpcId": ["vpc-0123456789abcdef0"] });
    assert_eq!(unread::<DescribeVpcs>(&bench, missing), "InvalidVpcID.NotFound");
    assert_eq!(unread::<DescribeVpcs>(&bench, json!({ "MaxResults": 4 })), "InvalidParameterValue");
}

#[test]
fn an_attribute_of_a_vpc_is_told_alone() {
    let bench = stocked();
    let vpc = bench.cloud.view().vpc().to_string();
    let ask = |attribute: &str| read::<DescribeVpcAttribute>(&bench, json!({ "VpcId": vpc, "Attribute": attribute }));
    assert_eq!(ask("enableDnsHostnames")["enableDnsHostnames"]["value"], true);
    assert_eq!(ask("enableDnsSupport")["enableDnsSupport"]["value"], true);
    assert_eq!(ask("enableDnsSupport")["enableDnsHostnames"], Value::Null);
    let unknown = json!({ "VpcId": vpc, "Attribute": "colour" });
    assert_eq!(unread::<DescribeVpcAttribute>(&bench, unknown), "InvalidParameterValue");
}

#[test]
fn a_subnet_shows_its_zone_and_how_many_addresses_are_free() {
    let bench = stocked();
    let subnet = bench.cloud.view().subnets()[1].clone();
    let request = json!({ "SubnetId": [subnet.id.to_string()] });
    let ask = || read::<DescribeSubnets>(&bench, request.clone())["subnetSet"][0].clone();
    let before = ask();
    assert_eq!(
        (&before["availabilityZone"], &before["availabilityZoneId"]),
        (&json!("us-east-2b"), &json!("use2-az2"))
    );
    assert_eq!((&before["defaultForAz"], &before["mapPublicIpOnLaunch"]), (&json!(true), &json!(true)));
    assert_eq!(before["availableIpAddressCount"], 4091);
    bench.launch(bench.run_in("a", 1));
    assert_eq!(ask()["availableIpAddressCount"], 4090);
}

#[test]
fn subnets_are_found_by_filters_and_paged() {
    let bench = stocked();
    let found = |filters: Value| {
        each(&read::<DescribeSubnets>(&bench, json!({ "Filter": filters }))["subnetSet"], "availabilityZone")
    };
    assert_eq!(found(json!([filter("availability-zone", &["us-east-2a", "us-east-2c"])])).len(), 2);
    assert_eq!(found(json!([filter("availability-zone-id", &["use2-az3"])])), ["us-east-2c"]);
    assert_eq!(found(json!([filter("cidr", &["172.31.0.0/20"])])).len(), 1);
    assert_eq!(found(json!([filter("map-public-ip-on-launch", &["false"])])).len(), 0);
    assert_eq!(unread::<DescribeSubnets>(&bench, json!({ "SubnetId": ["subnet-xyz"] })), "InvalidSubnetID.Malformed");
    let missing = json!({ "SubnetId": ["subnet-0123456789abcdef0"] });
    assert_eq!(unread::<DescribeSubnets>(&bench, missing), "InvalidSubnetID.NotFound");
}

#[test]
fn a_page_goes_on_where_the_one_before_ended() {
    let mut builder = Builder::new(1).stocked();
    for zone in ["d", "e", "f", "g"] {
        let subnet = aws_api::ec2::Subnet {
            id: aws_api::id::SubnetId::parse(format!("subnet-0000000{}", zone.replace('g', "0"))).unwrap(),
            vpc: aws_api::id::VpcId::parse("vpc-00000001").unwrap(),
            zone: aws_api::id::Zone(format!("us-east-2{zone}")),
            has_ipv6: true,
            default_for_az: false,
        };
        builder = builder.subnet(subnet);
    }
    let bench = Bench::of(builder.latency(std::time::Duration::ZERO));
    let first = read::<DescribeSubnets>(&bench, json!({ "MaxResults": 5 }));
    let token = first["nextToken"].as_str().unwrap();
    let second = read::<DescribeSubnets>(&bench, json!({ "MaxResults": 5, "NextToken": token }));
    let (one, two) = (each(&first["subnetSet"], "subnetId"), each(&second["subnetSet"], "subnetId"));
    assert_eq!((one.len(), two.len(), &second["nextToken"]), (5, 2, &Value::Null));
    assert!(one.iter().all(|id| !two.contains(id)));
    assert_eq!(unread::<DescribeSubnets>(&bench, json!({ "NextToken": "nonsense" })), "InvalidParameterValue");
    // A token is of the list that it was given with, and whole.
    assert_eq!(unread::<DescribeRouteTables>(&bench, json!({ "NextToken": token })), "InvalidParameterValue");
    let cut = &token[..8];
    assert_eq!(unread::<DescribeSubnets>(&bench, json!({ "NextToken": cut })), "InvalidParameterValue");
    let v6 = json!({ "Filter": [filter("ipv6-cidr-block-association.state", &["associated"])] });
    assert_eq!(read::<DescribeSubnets>(&bench, v6)["subnetSet"].as_array().unwrap().len(), 4);
}

#[test]
fn the_main_route_table_leads_to_the_internet() {
    let bench = stocked();
    let answer = read::<DescribeRouteTables>(&bench, json!({ "Filter": [filter("association.main", &["true"])] }));
    let table = &answer["routeTableSet"][0];
    assert_eq!(each(&table["routeSet"], "destinationCidrBlock"), ["172.31.0.0/16", "0.0.0.0/0"]);
    let gateways = each(&table["routeSet"], "gatewayId");
    assert_eq!((gateways[0].as_str(), gateways[1].starts_with("igw-0")), ("local", true));
    let id = table["routeTableId"].as_str().unwrap();
    let by_id = json!({ "RouteTableId": [id], "Filter": [filter("route.gateway-id", &["igw-*"])] });
    assert_eq!(read::<DescribeRouteTables>(&bench, by_id)["routeTableSet"][0], *table);
    let none = json!({ "Filter": [filter("association.subnet-id", &["*"])] });
    assert_eq!(read::<DescribeRouteTables>(&bench, none)["routeTableSet"], json!([]));
    let missing = json!({ "RouteTableId": ["rtb-0123456789abcdef0"] });
    assert_eq!(unread::<DescribeRouteTables>(&bench, missing), "InvalidRouteTableID.NotFound");
    assert_eq!(
        unread::<DescribeRouteTables>(&bench, json!({ "RouteTableId": ["rtb"] })),
        "InvalidRouteTableId.Malformed"
    );
    assert_eq!(unread::<DescribeRouteTables>(&bench, json!({ "MaxResults": 101 })), "InvalidParameterValue");
}

#[test]
fn zones_have_names_and_ids() {
    let bench = stocked();
    let ask = |request| read::<DescribeAvailabilityZones>(&bench, request)["availabilityZoneInfo"].clone();
    assert_eq!(each(&ask(json!({})), "zoneName"), ["us-east-2a", "us-east-2b", "us-east-2c"]);
    assert_eq!(each(&ask(json!({ "ZoneId": ["use2-az2"] })), "zoneName"), ["us-east-2b"]);
    assert_eq!(each(&ask(json!({ "ZoneName": ["us-east-2c"] })), "zoneId"), ["use2-az3"]);
    assert_eq!(ask(json!({ "Filter": [filter("state", &["impaired"])] })), json!([]));
    let unknown = json!({ "ZoneName": ["us-east-2z"] });
    assert_eq!(unread::<DescribeAvailabilityZones>(&bench, unknown), "InvalidParameterValue");
}

#[test]
fn regions_and_account_attributes_are_told() {
    let bench = stocked();
    let regions = read::<DescribeRegions>(&bench, json!({ "Filter": [filter("region-name", &["eu-*"])] }));
    assert_eq!(each(&regions["regionInfo"], "regionName").len(), 5);
    assert_eq!(unread::<DescribeRegions>(&bench, json!({ "RegionName": ["mars-1"] })), "InvalidParameterValue");
    let value = |name: &str| {
        let answer = read::<DescribeAccountAttributes>(&bench, json!({ "AttributeName": [name] }));
        answer["accountAttributeSet"][0]["attributeValueSet"][0]["attributeValue"].clone()
    };
    assert_eq!(value("default-vpc"), bench.cloud.view().vpc().to_string());
    assert_eq!(value("supported-platforms"), "VPC");
    let unknown = json!({ "AttributeName": ["colour"] });
    assert_eq!(unread::<DescribeAccountAttributes>(&bench, unknown), "InvalidParameterValue");
}

#[test]
fn cloudfronts_prefix_list_is_found_by_its_name() {
    let bench = stocked();
    let name = "com.amazonaws.global.cloudfront.origin-facing";
    let found = read::<DescribeManagedPrefixLists>(&bench, json!({ "Filter": [filter("prefix-list-name", &[name])] }));
    assert_eq!(each(&found["prefixListSet"], "prefixListId"), ["pl-b6a144df"]);
    assert_eq!(found["prefixListSet"][0]["ownerId"], "AWS");
    let of_ipv6 = json!({ "Filter": [filter("prefix-list-name", &["*.ipv6.*"])] });
    let of_ipv6 = read::<DescribeManagedPrefixLists>(&bench, of_ipv6)["prefixListSet"].clone();
    let families: BTreeSet<String> = each(&of_ipv6, "addressFamily").into_iter().collect();
    assert!(of_ipv6.as_array().unwrap().len() > 2 && families == ["IPv6".to_owned()].into(), "{of_ipv6}");
    let page = read::<DescribeManagedPrefixLists>(&bench, json!({ "MaxResults": 1 }));
    assert!(page["nextToken"].is_string());
    let missing = json!({ "PrefixListId": ["pl-01234567"] });
    assert_eq!(unread::<DescribeManagedPrefixLists>(&bench, missing), "InvalidPrefixListID.NotFound");
    let malformed = json!({ "PrefixListId": ["list"] });
    assert_eq!(unread::<DescribeManagedPrefixLists>(&bench, malformed), "InvalidPrefixListId.Malformed");
}

#[test]
fn known_key_pairs_are_listed_and_any_is_shown_by_name_where_any_will_do() {
    let known = Bench::of(Builder::new(1).key_pairs(&["ops", "dev"]));
    assert_eq!(each(&read::<DescribeKeyPairs>(&known, json!({}))["keySet"], "keyName"), ["dev", "ops"]);
    let id = read::<DescribeKeyPairs>(&known, json!({ "KeyName": ["ops"] }))["keySet"][0]["keyPairId"].clone();
    assert_eq!(each(&read::<DescribeKeyPairs>(&known, json!({ "KeyPairId": [id] }))["keySet"], "keyName"), ["ops"]);
    let wild = json!({ "Filter": [filter("key-name", &["d*"])] });
    assert_eq!(each(&read::<DescribeKeyPairs>(&known, wild)["keySet"], "keyName"), ["dev"]);
    assert_eq!(unread::<DescribeKeyPairs>(&known, json!({ "KeyName": ["none"] })), "InvalidKeyPair.NotFound");
    let any = Bench::new();
    assert_eq!(read::<DescribeKeyPairs>(&any, json!({}))["keySet"], json!([]));
    assert_eq!(each(&read::<DescribeKeyPairs>(&any, json!({ "KeyName": ["x"] }))["keySet"], "keyName"), ["x"]);
    assert_eq!(unread::<DescribeKeyPairs>(&any, json!({ "Filter": [filter("colour", &[])] })), "InvalidParameterValue");
}
