//! What Describe calls show: instances, their status, interfaces, volumes, credits, console.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use simulator::cloud::api::ec2;

use super::*;

#[test]
fn an_instance_is_shown_with_what_it_was_launched_with() {
    let bench = Bench::new();
    let id = running(
        &bench,
        json!({
            "ClientToken": "t",
            "KeyName": "key",
            "EbsOptimized": true,
            "Monitoring": {"Enabled": true},
            "IamInstanceProfile": {"Name": "web"},
            "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 2},
        }),
    );
    let shown = instance(&bench, &id);
    let address = text(&shown["privateIpAddress"]);
    for (member, expected) in [
        ("architecture", json!("x86_64")),
        ("rootDeviceType", json!("ebs")),
        ("virtualizationType", json!("hvm")),
        ("clientToken", json!("t")),
        ("keyName", json!("key")),
        ("ebsOptimized", json!(true)),
        ("monitoring", json!({"state": "enabled"})),
        ("launchTime", json!("2026-01-01T00:00:00.000Z")),
        ("cpuOptions", json!({"coreCount": 1, "threadsPerCore": 2})),
        ("privateDnsName", json!(format!("ip-{}.us-east-2.compute.internal", address.replace('.', "-")))),
        (
            "placement",
            json!({
                "availabilityZone": zones(&bench)[0].1,
                "availabilityZoneId": "use2-az1",
                "groupName": "",
                "tenancy": "default",
            }),
        ),
        (
            "metadataOptions",
            json!({
                "state": "applied",
                "httpTokens": "required",
                "httpPutResponseHopLimit": 2,
                "httpEndpoint": "enabled",
                "httpProtocolIpv6": "disabled",
                "instanceMetadataTags": "disabled",
            }),
        ),
        ("stateReason", Value::Null),
        ("reason", json!("")),
    ] {
        assert_eq!(shown[member], expected, "{member}");
    }
    assert!(text(&shown["iamInstanceProfile"]["id"]).starts_with("AIPA"));
    let interface = &shown["networkInterfaceSet"][0];
    assert_eq!(interface["privateIpAddress"], json!(address));
    assert_eq!(interface["association"]["publicIp"], shown["ipAddress"]);
    assert_eq!(interface["attachment"]["deviceIndex"], 0);
    assert!(interface["tagSet"].is_null(), "not a member of an instance's interface");
}

#[test]
fn every_filter_selects_by_what_is_shown() {
    let bench = Bench::new();
    let group = bench.group("web").to_string();
    let subnets = zones(&bench);
    let tagged = json!([{"ResourceType": "instance", "Tag": [{"Key": "Name", "Value": "a"}]}]);
    let id = running(
        &bench,
        json!({
            "SubnetId": subnets[0].0,
            "SecurityGroupId": [group],
            "ClientToken": "t",
            "KeyName": "key",
            "Monitoring": {"Enabled": true},
            "IamInstanceProfile": {"Name": "web"},
            "MetadataOptions": {"HttpTokens": "required"},
            "TagSpecification": tagged,
        }),
    );
    running(&bench, json!({"SubnetId": subnets[1].0, "InstanceType": "t3.large"}));
    let one = instance(&bench, &id);
    let interface = &one["networkInterfaceSet"][0];
    for (name, value) in [
        ("availability-zone", subnets[0].1.clone()),
        ("client-token", "t".into()),
        ("dns-name", text(&one["dnsName"])),
        ("iam-instance-profile.arn", "*/web".into()),
        ("instance-id", id.clone()),
        ("instance-type", "t3.medium".into()),
        ("instance.group-id", group.clone()),
        ("instance.group-name", "web".into()),
        ("ip-address", text(&one["ipAddress"])),
        ("key-name", "key".into()),
        ("launch-time", "2026-01-01T00:00:00*".into()),
        ("metadata-options.http-tokens", "required".into()),
        ("monitoring-state", "enabled".into()),
        ("network-interface.group-id", group.clone()),
        ("network-interface.network-interface-id", text(&interface["networkInterfaceId"])),
        ("network-interface.addresses.private-ip-address", text(&one["privateIpAddress"])),
        ("network-interface.attachment.instance-id", id.clone()),
        ("network-interface.availability-zone", subnets[0].1.clone()),
        ("block-device-mapping.volume-id", text(&one["blockDeviceMapping"][0]["ebs"]["volumeId"])),
        ("private-dns-name", text(&one["privateDnsName"])),
        ("private-ip-address", text(&one["privateIpAddress"])),
        ("reservation-id", id.replace("i-", "r-")),
        ("subnet-id", subnets[0].0.clone()),
        ("tag:Name", "a".into()),
        ("tag-key", "Name".into()),
    ] {
        let found: Vec<Value> =
            shown(&bench, filter(name, &value)).iter().map(|one| one["instanceId"].clone()).collect();
        assert_eq!(found, [json!(id)], "{name}={value}");
    }
    for (name, value) in [
        ("architecture", "x86_64"),
        ("block-device-mapping.delete-on-termination", "true"),
        ("block-device-mapping.device-name", "/dev/xvda"),
        ("instance-state-code", "16"),
        ("instance-state-name", "running"),
        ("owner-id", "123456789012"),
        ("root-device-name", "/dev/xvda"),
        ("source-dest-check", "true"),
        ("tenancy", "default"),
        ("vpc-id", "vpc-*"),
    ] {
        assert_eq!(shown(&bench, filter(name, value)).len(), 2, "{name}={value}");
        assert!(shown(&bench, filter(name, "other")).is_empty(), "{name}");
    }
}

#[test]
fn an_unknown_filter_is_refused_even_where_there_is_nothing_to_filter() {
    let bench = Bench::new();
    for name in ["nonsense", "spot-request-id", "network-interface.nonsense"] {
        assert_eq!(code(read::<ec2::DescribeInstances>(&bench, filter(name, "x"))), "InvalidParameterValue");
    }
    for name in ["nonsense", "tag:Name", "tag-key"] {
        let asked = filter(name, "x");
        assert_eq!(code(read::<ec2::DescribeInstanceStatus>(&bench, asked.clone())), "InvalidParameterValue");
        let credits = read::<ec2::DescribeInstanceCreditSpecifications>(&bench, asked.clone());
        assert_eq!(code(credits), "InvalidParameterValue");
        let associations = read::<ec2::DescribeIamInstanceProfileAssociations>(&bench, asked);
        assert_eq!(code(associations), "InvalidParameterValue");
    }
    assert_eq!(code(read::<ec2::DescribeVolumes>(&bench, filter("nonsense", "x"))), "InvalidParameterValue");
    assert_eq!(code(read::<ec2::DescribeNetworkInterfaces>(&bench, filter("nonsense", "x"))), "InvalidParameterValue");
}

#[test]
fn ids_must_be_well_formed_and_known() {
    let bench = Bench::new();
    let id = ids(&bench, json!({})).remove(0);
    let of = |asked: Value| code(read::<ec2::DescribeInstances>(&bench, asked));
    assert_eq!(of(json!({"InstanceId": ["i-none"]})), "InvalidInstanceID.Malformed");
    assert_eq!(of(json!({"InstanceId": [id, "i-00000000000000000"]})), "InvalidInstanceID.NotFound");
    assert_eq!(of(json!({"InstanceId": [id], "MaxResults": 5})), "InvalidParameterCombination");
    assert_eq!(of(json!({"MaxResults": 4})), "InvalidParameterValue");
    assert_eq!(of(json!({"NextToken": "nonsense"})), "InvalidParameterValue");
    let of = |asked: Value| code(read::<ec2::DescribeVolumes>(&bench, asked));
    assert_eq!(of(json!({"VolumeId": ["vol-none"]})), "InvalidParameterValue");
    assert_eq!(of(json!({"VolumeId": ["vol-00000000000000000"]})), "InvalidVolume.NotFound");
    let of = |asked: Value| code(read::<ec2::DescribeNetworkInterfaces>(&bench, asked));
    assert_eq!(of(json!({"NetworkInterfaceId": ["eni-none"]})), "InvalidNetworkInterfaceId.Malformed");
    assert_eq!(of(json!({"NetworkInterfaceId": ["eni-00000000000000000"]})), "InvalidNetworkInterfaceID.NotFound");
}

#[test]
fn pages_show_every_instance_once_and_keep_reservations_together() {
    let bench = Bench::new();
    let mut made: BTreeSet<String> = ids(&bench, json!({"MinCount": 7, "MaxCount": 7})).into_iter().collect();
    made.extend(ids(&bench, json!({"MinCount": 5, "MaxCount": 5})));
    let (mut seen, mut token, mut pages) = (BTreeSet::new(), Value::Null, 0);
    loop {
        let answer = read::<ec2::DescribeInstances>(&bench, json!({"MaxResults": 5, "NextToken": token})).unwrap();
        for reservation in answer["reservationSet"].as_array().unwrap() {
            for one in reservation["instancesSet"].as_array().unwrap() {
                assert!(seen.insert(text(&one["instanceId"])), "shown twice");
            }
        }
        (token, pages) = (answer["nextToken"].clone(), pages + 1);
        if token.is_null() {
            break;
        }
    }
    assert_eq!((pages, seen), (3, made));
}

#[test]
fn calls_without_filter_or_page_have_a_smaller_bucket() {
    let bench = Bench::new();
    bench.cloud.set_throttling(true);
    for _ in 0..50 {
        read::<ec2::DescribeInstances>(&bench, json!({})).unwrap();
    }
    for asked in [
        read::<ec2::DescribeInstances>(&bench, json!({})),
        read::<ec2::DescribeInstanceStatus>(&bench, json!({})),
        read::<ec2::DescribeVolumes>(&bench, json!({})),
        read::<ec2::DescribeNetworkInterfaces>(&bench, json!({})),
    ] {
        assert_eq!(code(asked), "RequestLimitExceeded");
    }
    read::<ec2::DescribeInstances>(&bench, json!({"MaxResults": 5})).unwrap();
    read::<ec2::DescribeInstances>(&bench, filter("vpc-id", "*")).unwrap();
}

#[test]
fn status_is_of_running_instances_or_of_all() {
    let bench = Bench::new();
    let subnets = zones(&bench);
    let a = running(&bench, json!({"SubnetId": subnets[0].0}));
    let b = ids(&bench, json!({"SubnetId": subnets[1].0})).remove(0);
    let status = |asked: Value| {
        let answer = read::<ec2::DescribeInstanceStatus>(&bench, asked).unwrap();
        answer["instanceStatusSet"].as_array().unwrap().clone()
    };
    let of = |asked: Value| status(asked).iter().map(|one| text(&one["instanceId"])).collect::<Vec<_>>();
    assert_eq!(of(json!({})), std::slice::from_ref(&a));
    let all: BTreeSet<String> = of(json!({"IncludeAllInstances": true})).into_iter().collect();
    assert_eq!(all, BTreeSet::from([a.clone(), b.clone()]));
    assert_eq!(of(json!({"InstanceId": [b]})), Vec::<String>::new(), "it does not run yet");
    let mut pending = filter("instance-state-name", "pending");
    pending["IncludeAllInstances"] = json!(true);
    assert_eq!(status(pending)[0]["instanceStatus"], json!({"status": "not-applicable", "details": []}));
    let checks = |word: &str, detail: &str| {
        let check = json!({"name": "reachability", "status": detail, "impairedSince": null});
        json!({"status": word, "details": [check]})
    };
    assert_eq!(status(json!({}))[0]["systemStatus"], checks("initializing", "initializing"));
    bench.pass(secs(200));
    assert_eq!(of(filter("instance-status.status", "ok")).len(), 2);
    bench.cloud.console().impair(&typed(&a), true).unwrap();
    assert_eq!(of(filter("instance-status.reachability", "failed")), std::slice::from_ref(&a));
    assert_eq!(of(filter("system-status.status", "impaired")), Vec::<String>::new());
    let impaired = status(filter("instance-status.status", "impaired"))[0]["instanceStatus"].clone();
    let since = impaired["details"][0]["impairedSince"].clone();
    bench.pass(secs(60));
    bench.cloud.console().impair(&typed(&a), true).unwrap();
    let later = status(filter("instance-status.status", "impaired"))[0]["instanceStatus"].clone();
    assert!(since.is_string() && later == impaired, "since it was at first: {later}");
    assert_eq!(of(filter("availability-zone", &subnets[1].1)), [b]);
    assert_eq!(of(filter("event.code", "*")), Vec::<String>::new());
    let many: Vec<String> = (0..101).map(|n| format!("i-{n:017}")).collect();
    let refused = read::<ec2::DescribeInstanceStatus>(&bench, json!({"InstanceId": many}));
    assert_eq!(code(refused), "InvalidParameterValue");
}

#[test]
fn statuses_come_in_pages() {
    let bench = Bench::new();
    ids(&bench, json!({"MinCount": 7, "MaxCount": 7}));
    bench.pass(secs(17));
    let first = read::<ec2::DescribeInstanceStatus>(&bench, json!({"MaxResults": 5})).unwrap();
    assert_eq!(first["instanceStatusSet"].as_array().unwrap().len(), 5);
    let rest = json!({"MaxResults": 5, "NextToken": first["nextToken"]});
    let rest = read::<ec2::DescribeInstanceStatus>(&bench, rest).unwrap();
    assert_eq!((rest["instanceStatusSet"].as_array().unwrap().len(), &rest["nextToken"]), (2, &Value::Null));
}

#[test]
fn interfaces_are_of_instances_and_load_balancers_and_some_linger() {
    let bench = Bench::new();
    let env = bench.env(2);
    let id = bench.member(&env, "a", 0).to_string();
    let interfaces = |asked: Value| {
        let answer = read::<ec2::DescribeNetworkInterfaces>(&bench, asked).unwrap();
        answer["networkInterfaceSet"].as_array().unwrap().clone()
    };
    assert_eq!(interfaces(json!({})).len(), 3);
    let own = interfaces(filter("attachment.instance-id", &id)).remove(0);
    let eni = text(&own["networkInterfaceId"]);
    assert_eq!(own["attachment"]["instanceOwnerId"], "123456789012");
    assert_eq!((&own["requesterManaged"], &own["status"]), (&json!(false), &json!("in-use")));
    assert_eq!(interfaces(json!({"NetworkInterfaceId": [eni]})), std::slice::from_ref(&own));
    assert_eq!(instance(&bench, &id)["networkInterfaceSet"][0]["networkInterfaceId"], json!(eni));
    let nodes = interfaces(filter("requester-id", "amazon-elb"));
    assert_eq!(nodes, interfaces(filter("group-id", env.alb_group.as_str())));
    assert_eq!(nodes.len(), 2);
    let name = env.alb.as_str().split_once("loadbalancer/").unwrap().1;
    assert_eq!(nodes[0]["description"], json!(format!("ELB {name}")));
    assert_eq!(nodes[0]["attachment"]["instanceOwnerId"], "amazon-elb");
    let addresses: BTreeSet<String> = interfaces(json!({})).iter().map(|one| text(&one["privateIpAddress"])).collect();
    assert_eq!(addresses.len(), 3);
    bench.cloud.console().delete_load_balancer(&env.alb).unwrap();
    assert_eq!(interfaces(filter("requester-id", "amazon-elb")), nodes, "they linger, as they were");
    bench.pass(secs(90));
    assert!(interfaces(filter("requester-id", "amazon-elb")).is_empty());
    bench.cloud.console().terminate(&typed(&id)).unwrap();
    assert_eq!(interfaces(json!({})).len(), 1);
    bench.pass(secs(30));
    assert!(interfaces(json!({})).is_empty());
}

#[test]
fn a_volume_goes_with_its_instance_or_is_left_available() {
    let bench = Bench::new();
    let stays = json!({"BlockDeviceMapping": [{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 9}}]});
    let id = running(&bench, stays);
    let volumes = |asked: Value| {
        let answer = read::<ec2::DescribeVolumes>(&bench, asked).unwrap();
        answer["volumeSet"].as_array().unwrap().clone()
    };
    assert_eq!(volumes(filter("status", "in-use")).len(), 2);
    assert_eq!(volumes(filter("size", "9")).len(), 1);
    let volume = volumes(filter("attachment.device", "/dev/sdf")).remove(0);
    assert_eq!(volume["createTime"], "2026-01-01T00:00:00.000Z");
    assert_eq!(volumes(json!({"VolumeId": [volume["volumeId"]]})), std::slice::from_ref(&volume));
    bench.cloud.console().terminate(&typed(&id)).unwrap();
    bench.pass(secs(30));
    let left = volumes(json!({}));
    assert_eq!(left.len(), 1);
    assert_eq!((&left[0]["volumeId"], &left[0]["status"]), (&volume["volumeId"], &json!("available")));
    assert_eq!(left[0]["attachmentSet"], json!([]));
}

#[test]
fn credits_are_as_chosen_or_as_the_type_has_them() {
    let bench = Bench::of(Builder::new(1).offering("m5.large", &["us-east-2a"]));
    let unlimited = ids(&bench, json!({})).remove(0);
    let standard = ids(&bench, json!({"CreditSpecification": {"CpuCredits": "standard"}})).remove(0);
    let fixed = ids(&bench, json!({"InstanceType": "m5.large"})).remove(0);
    let credits = |asked: Value| {
        let answer = read::<ec2::DescribeInstanceCreditSpecifications>(&bench, asked).unwrap();
        let all = answer["instanceCreditSpecificationSet"].as_array().unwrap().clone();
        all.iter().map(|one| (text(&one["instanceId"]), text(&one["cpuCredits"]))).collect::<BTreeSet<_>>()
    };
    let is = |id: &str, word: &str| (id.to_owned(), word.to_owned());
    assert_eq!(credits(json!({})), BTreeSet::from([is(&unlimited, "unlimited")]), "unasked, only those");
    let all = json!({"InstanceId": [unlimited, standard, fixed]});
    let expected = [is(&unlimited, "unlimited"), is(&standard, "standard"), is(&fixed, "standard")];
    assert_eq!(credits(all), BTreeSet::from(expected));
    assert!(credits(filter("instance-id", &standard)).is_empty());
}

#[test]
fn the_console_says_when_the_application_listens() {
    let bench = Bench::new();
    let id = ids(&bench, json!({})).remove(0);
    let output = || read::<ec2::GetConsoleOutput>(&bench, json!({"InstanceId": id, "Latest": true})).unwrap();
    assert!(output()["output"].is_null());
    bench.pass(secs(20));
    let early = text(&output()["output"]);
    assert_eq!(output()["timestamp"], "2026-01-01T00:00:17.000Z");
    bench.pass(secs(60));
    let late = text(&output()["output"]);
    assert!(late.len() > early.len());
    assert_eq!(output()["timestamp"], "2026-01-01T00:01:17.000Z");
    let none = read::<ec2::GetConsoleOutput>(&bench, json!({"InstanceId": "i-00000000000000000"}));
    assert_eq!(code(none), "InvalidInstanceID.NotFound");
}
