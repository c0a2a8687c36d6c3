//! RunInstances.

use aws_api::id::{AmiId, Zone};
use serde_json::{Value, json};
use simulator::Builder;
use simulator::cloud::api::ec2;
use simulator::cloud::{Kind, Quotas, ReadLag};

use super::*;

#[test]
fn a_launch_of_several_makes_one_reservation() {
    let bench = Bench::new();
    let made = run(&bench, json!({"MinCount": 3, "MaxCount": 3})).unwrap();
    let instances = made["instancesSet"].as_array().unwrap();
    let first = text(&instances[0]["instanceId"]);
    assert_eq!(made["reservationId"], first.replace("i-", "r-"));
    assert_eq!(made["ownerId"], "123456789012");
    let index: Vec<&Value> = instances.iter().map(|instance| &instance["amiLaunchIndex"]).collect();
    assert_eq!(index, [0, 1, 2]);
    run(&bench, json!({})).unwrap();
    let all = read::<ec2::DescribeInstances>(&bench, json!({})).unwrap();
    let sizes = all["reservationSet"].as_array().unwrap().iter();
    let mut sizes: Vec<usize> = sizes.map(|one| one["instancesSet"].as_array().unwrap().len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 3], "those of one launch stand together");
}

#[test]
fn as_many_are_launched_as_there_is_room_for_or_none() {
    let bench = Bench::new();
    let (subnet, zone) = zones(&bench).remove(0);
    bench.cloud.console().set_capacity(&Zone(zone), "*", Some(3));
    let more = |least: u32| json!({"MinCount": least, "MaxCount": 5, "SubnetId": subnet});
    assert_eq!(code(run(&bench, more(4))), "InsufficientInstanceCapacity");
    assert!(bench.cloud.view().instances().is_empty(), "all or nothing");
    assert_eq!(ids(&bench, more(2)).len(), 3);
    assert_eq!(code(run(&bench, more(1))), "InsufficientInstanceCapacity");
}

#[test]
fn the_quota_bounds_a_launch_as_room_does() {
    let bench = Bench::of(Builder::new(1).quotas(Quotas { instances: 2, ..Quotas::default() }));
    assert_eq!(code(run(&bench, json!({"MinCount": 3, "MaxCount": 3}))), "InstanceLimitExceeded");
    assert_eq!(ids(&bench, json!({"MinCount": 1, "MaxCount": 3})).len(), 2);
}

#[test]
fn a_token_returns_what_it_made_and_only_for_the_same_request() {
    let bench = Bench::new();
    let subnets = zones(&bench);
    let more = json!({"ClientToken": "t", "MinCount": 2, "MaxCount": 2, "SubnetId": subnets[0].0});
    let made = ids(&bench, more.clone());
    assert_eq!(ids(&bench, more.clone()), made);
    assert_eq!(bench.cloud.ledger().created(Kind::Instance).len(), 2);
    let mut other = more.clone();
    other["InstanceType"] = json!("t3.large");
    assert_eq!(code(run(&bench, other)), "IdempotentParameterMismatch");
    let mut elsewhere = more.clone();
    elsewhere["SubnetId"] = json!(subnets[1].0);
    assert_ne!(ids(&bench, elsewhere), made, "a token with a subnet is zonal");
    bench.cloud.console().terminate(&typed(&made[0])).unwrap();
    assert_eq!(ids(&bench, more.clone()), made, "one of them is left");
    bench.cloud.console().terminate(&typed(&made[1])).unwrap();
    for hours in [0, 2, 20] {
        bench.pass(secs(hours * 3600));
        assert_eq!(code(run(&bench, more.clone())), "IdempotentInstanceTerminated");
    }
    bench.pass(secs(3 * 3600));
    assert_ne!(ids(&bench, more), made);
}

#[test]
fn a_token_without_a_place_is_one_of_the_region() {
    let bench = Bench::new();
    let made = ids(&bench, json!({"ClientToken": "t"}));
    let zone = text(&instance(&bench, &made[0])["placement"]["availabilityZone"]);
    bench.cloud.console().set_capacity(&Zone(zone.clone()), "*", Some(0));
    assert_eq!(ids(&bench, json!({"ClientToken": "t"})), made, "wherever there would be room by now");
    let other = json!({"ClientToken": "t", "Placement": {"AvailabilityZone": zones(&bench)[1].1}});
    assert_ne!(ids(&bench, other), made);
}

#[test]
fn without_a_token_every_launch_is_another() {
    let bench = Bench::new();
    assert_ne!(ids(&bench, json!({})), ids(&bench, json!({})));
}

#[test]
fn the_place_is_the_subnet_the_zone_or_the_first_default_subnet_with_room() {
    let bench = Bench::new();
    let subnets = zones(&bench);
    let place = |more: Value| text(&launched(&bench, more)[0]["subnetId"]);
    assert_eq!(place(json!({"SubnetId": subnets[2].0})), subnets[2].0);
    assert_eq!(place(json!({"Placement": {"AvailabilityZone": subnets[1].1}})), subnets[1].0);
    assert_eq!(place(json!({})), subnets[0].0);
    // So does a client that leaves nothing out.
    let blank = json!({"Placement": {"AvailabilityZone": "", "GroupName": "", "Tenancy": "default"}});
    assert_eq!(place(blank), subnets[0].0);
    bench.cloud.console().set_capacity(&Zone(subnets[0].1.clone()), "*", Some(0));
    assert_eq!(place(json!({})), subnets[1].0);
    let interface = json!({"NetworkInterface": [{"DeviceIndex": 0, "SubnetId": subnets[2].0}]});
    assert_eq!(place(interface), subnets[2].0);
}

#[test]
fn groups_are_given_by_id_by_name_or_with_the_interface() {
    let bench = Bench::new();
    let group = bench.group("web").to_string();
    let groups = |more: Value| {
        let made = launched(&bench, more).remove(0);
        made["groupSet"].as_array().unwrap().iter().map(|one| text(&one["groupName"])).collect::<Vec<_>>()
    };
    assert_eq!(groups(json!({})), ["default"]);
    assert_eq!(groups(json!({"SecurityGroupId": [group]})), ["web"]);
    assert_eq!(groups(json!({"SecurityGroup": ["web"]})), ["web"]);
    let interface = json!({"NetworkInterface": [{"DeviceIndex": 0, "SecurityGroupId": [group]}]});
    assert_eq!(groups(interface), ["web"]);
}

#[test]
fn the_interface_decides_about_a_public_address() {
    let bench = Bench::new();
    let with = |public: bool| json!({"NetworkInterface": [{"DeviceIndex": 0, "AssociatePublicIpAddress": public}]});
    assert!(launched(&bench, json!({}))[0]["ipAddress"].is_string(), "a default subnet gives one");
    assert!(launched(&bench, with(true))[0]["ipAddress"].is_string());
    let private = launched(&bench, with(false)).remove(0);
    assert_eq!((&private["ipAddress"], &private["dnsName"]), (&Value::Null, &json!("")));
}

#[test]
fn tags_go_to_what_they_are_for() {
    let bench = Bench::new();
    let spec = |kind: &str| json!({"ResourceType": kind, "Tag": [{"Key": "for", "Value": kind}]});
    let all = json!({"TagSpecification": [spec("instance"), spec("volume"), spec("network-interface")]});
    let id = ids(&bench, all).remove(0);
    let by_tag = |kind: &str| filter("tag:for", kind);
    assert_eq!(shown(&bench, by_tag("instance"))[0]["instanceId"], json!(id));
    assert!(shown(&bench, by_tag("volume")).is_empty());
    let volumes = read::<ec2::DescribeVolumes>(&bench, by_tag("volume")).unwrap();
    assert_eq!(volumes["volumeSet"][0]["attachmentSet"][0]["instanceId"], json!(id));
    let interfaces = read::<ec2::DescribeNetworkInterfaces>(&bench, by_tag("network-interface")).unwrap();
    assert_eq!(interfaces["networkInterfaceSet"][0]["attachment"]["instanceId"], json!(id));
    let other = json!({"TagSpecification": [spec("subnet")]});
    assert_eq!(code(run(&bench, other)), "InvalidParameterValue");
    let reserved = json!({"TagSpecification": [{"ResourceType": "network-interface", "Tag": [{"Key": "aws:x"}]}]});
    assert_eq!(code(run(&bench, reserved)), "InvalidParameterValue");
}

#[test]
fn disks_are_the_images_with_what_is_asked_put_over_them() {
    let bench = Bench::new();
    let disk = |device: &str, ebs: Value| json!({"DeviceName": device, "Ebs": ebs});
    let asked = json!({"BlockDeviceMapping": [
        disk("/dev/xvda", json!({"VolumeSize": 20, "Encrypted": true})),
        disk("/dev/sdf", json!({"VolumeSize": 100, "VolumeType": "io1", "Iops": 500})),
        disk("/dev/sdg", json!({"VolumeSize": 100, "VolumeType": "gp2", "DeleteOnTermination": true})),
    ]});
    let id = ids(&bench, asked).remove(0);
    let volumes = read::<ec2::DescribeVolumes>(&bench, filter("attachment.instance-id", &id)).unwrap();
    let of = |device: &str| {
        let all = volumes["volumeSet"].as_array().unwrap();
        all.iter().find(|volume| volume["attachmentSet"][0]["device"] == device).unwrap().clone()
    };
    let (root, slow, plain) = (of("/dev/xvda"), of("/dev/sdf"), of("/dev/sdg"));
    assert_eq!((&root["size"], &root["volumeType"], &root["iops"]), (&json!(20), &json!("gp3"), &json!(3000)));
    assert_eq!((&root["throughput"], &root["encrypted"]), (&json!(125), &json!(true)));
    assert!(text(&root["kmsKeyId"]).starts_with("arn:aws:kms:us-east-2:123456789012:key/"));
    let goes = |volume: &Value| volume["attachmentSet"][0]["deleteOnTermination"].clone();
    assert_eq!(
        [goes(&root), goes(&slow), goes(&plain)],
        [true, false, true],
        "the image's root goes, a new disk stays"
    );
    assert_eq!((&slow["iops"], &plain["iops"]), (&json!(500), &json!(300)));
    let shown = instance(&bench, &id);
    assert_eq!(
        (&shown["rootDeviceName"], shown["blockDeviceMapping"].as_array().unwrap().len()),
        (&json!("/dev/xvda"), 3)
    );
}

#[test]
fn a_disk_must_be_what_its_type_allows() {
    let bench = Bench::new();
    let of = |device: &str, ebs: Value| {
        code(run(&bench, json!({"BlockDeviceMapping": [{"DeviceName": device, "Ebs": ebs}]})))
    };
    assert_eq!(of("/dev/sdf", json!({})), "MissingParameter", "a blank one needs a size");
    assert_eq!(of("/dev/xvda", json!({"VolumeSize": 4})), "InvalidBlockDeviceMapping", "less than its snapshot");
    assert_eq!(of("/dev/sdf", json!({"VolumeSize": 9, "VolumeType": "gp9"})), "InvalidParameterValue");
    assert_eq!(
        of("/dev/sdf", json!({"VolumeSize": 9, "VolumeType": "gp2", "Iops": 300})),
        "InvalidParameterCombination"
    );
    assert_eq!(
        of("/dev/sdf", json!({"VolumeSize": 9, "VolumeType": "gp2", "Throughput": 300})),
        "InvalidParameterCombination"
    );
    assert_eq!(of("/dev/sdf", json!({"VolumeSize": 9, "VolumeType": "io1"})), "MissingParameter");
    assert_eq!(of("/dev/sdf", json!({"VolumeSize": 9, "Iops": 100})), "InvalidParameterValue");
    assert_eq!(of("/dev/sdf", json!({"VolumeSize": 70_000})), "InvalidParameterValue");
    let twice = json!({"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 9}});
    assert_eq!(code(run(&bench, json!({"BlockDeviceMapping": [twice, twice]}))), "InvalidBlockDeviceMapping");
}

#[test]
fn a_launch_names_what_is_wrong_with_it() {
    let bench = Bench::of(
        Builder::new(1)
            .offering("t3.micro", &["us-east-2b"])
            .offering("m5.large", &["us-east-2a"])
            .key_pairs(&["key"])
            .instance_profiles(&["web"]),
    );
    let subnet = zones(&bench).remove(0).0;
    let interface = |one: Value| json!({"NetworkInterface": [one]});
    let metadata = |one: Value| json!({"MetadataOptions": one});
    let arn = |account: &str| format!("arn:aws:iam::{account}:instance-profile/team/web");
    let cases = [
        (json!({"MinCount": 0}), "InvalidParameterValue"),
        (json!({"MinCount": 2}), "InvalidParameterCombination"),
        (json!({"ImageId": "ami-00000000000000000"}), "InvalidAMIID.NotFound"),
        (json!({"ImageId": "ami-none"}), "InvalidAMIID.Malformed"),
        (json!({"InstanceType": "t9.none"}), "InvalidParameterValue"),
        (json!({"InstanceType": ""}), "InvalidParameterValue"),
        (json!({"InstanceType": "t3.micro", "SubnetId": subnet}), "Unsupported"),
        (json!({"SubnetId": "subnet-00000000000000000"}), "InvalidSubnetID.NotFound"),
        (json!({"SubnetId": "subnet-none"}), "InvalidSubnetID.Malformed"),
        (json!({"SubnetId": subnet, "Placement": {"AvailabilityZone": "us-east-2b"}}), "InvalidParameterCombination"),
        (json!({"SubnetId": subnet, "SecurityGroup": ["default"]}), "InvalidParameterCombination"),
        (json!({"Placement": {"AvailabilityZone": "us-east-2z"}}), "InvalidParameterValue"),
        (json!({"Placement": {"GroupName": "near"}}), "InvalidParameterValue"),
        (json!({"Placement": {"Tenancy": "dedicated"}}), "InvalidParameterValue"),
        (json!({"SecurityGroupId": ["sg-00000000000000000"]}), "InvalidGroup.NotFound"),
        (json!({"SecurityGroupId": ["sg-none"]}), "InvalidGroupId.Malformed"),
        (json!({"SecurityGroup": ["none"]}), "InvalidGroup.NotFound"),
        (json!({"KeyName": "other"}), "InvalidKeyPair.NotFound"),
        (json!({"IamInstanceProfile": {"Name": "other"}}), "InvalidParameterValue"),
        (json!({"IamInstanceProfile": {"Arn": arn("210987654321")}}), "InvalidParameterValue"),
        (json!({"IamInstanceProfile": {"Name": "web", "Arn": arn("123456789012")}}), "InvalidParameterCombination"),
        (json!({"UserData": "not base64!"}), "InvalidUserData.Malformed"),
        (json!({"UserData": "AAAA".repeat(5462)}), "InvalidParameterValue"),
        (metadata(json!({"HttpTokens": "maybe"})), "InvalidParameterValue"),
        (metadata(json!({"HttpEndpoint": "on"})), "InvalidParameterValue"),
        (metadata(json!({"HttpPutResponseHopLimit": 65})), "InvalidParameterValue"),
        (interface(json!({"DeviceIndex": 1})), "InvalidParameterValue"),
        (interface(json!({"DeviceIndex": 0, "DeleteOnTermination": false})), "InvalidParameterValue"),
        (json!({"NetworkInterface": [{"DeviceIndex": 0}], "SubnetId": subnet}), "InvalidParameterCombination"),
        (
            json!({"NetworkInterface": [{"DeviceIndex": 0}], "SecurityGroup": ["default"]}),
            "InvalidParameterCombination",
        ),
        (json!({"ClientToken": "x".repeat(65)}), "InvalidParameterValue"),
        (json!({"CreditSpecification": {"CpuCredits": "free"}}), "InvalidParameterValue"),
        (
            json!({"InstanceType": "m5.large", "CreditSpecification": {"CpuCredits": "standard"}}),
            "InvalidParameterCombination",
        ),
        (json!({"InstanceInitiatedShutdownBehavior": "sleep"}), "InvalidParameterValue"),
    ];
    for (more, expected) in cases {
        assert_eq!(code(run(&bench, more.clone())), expected, "{more}");
    }
    assert!(bench.cloud.view().instances().is_empty());
    let id = ids(&bench, json!({"IamInstanceProfile": {"Arn": arn("123456789012")}, "KeyName": "key"})).remove(0);
    let shown = instance(&bench, &id);
    assert_eq!(shown["iamInstanceProfile"]["arn"], "arn:aws:iam::123456789012:instance-profile/web");
    assert_eq!(shown["keyName"], "key");
}

#[test]
fn tags_that_the_metadata_service_cannot_show_fail_the_launch() {
    let bench = Bench::new();
    let with = |key: &str, shown: &str| {
        json!({
            "MetadataOptions": {"InstanceMetadataTags": shown},
            "TagSpecification": [{"ResourceType": "instance", "Tag": [{"Key": key, "Value": "x"}]}],
        })
    };
    assert_eq!(code(run(&bench, with("a/b", "enabled"))), "InvalidParameterValue");
    assert_eq!(code(run(&bench, with("a b", "enabled"))), "InvalidParameterValue");
    ids(&bench, with("a/b", "disabled"));
    ids(&bench, with("a-b", "enabled"));
}

#[test]
fn each_instance_costs_a_token_of_a_second_bucket() {
    let bench = Bench::new();
    bench.cloud.set_throttling(true);
    ids(&bench, json!({"MaxCount": 600}));
    assert_eq!(code(run(&bench, json!({"MaxCount": 600}))), "RequestLimitExceeded");
    bench.pass(secs(99));
    assert_eq!(code(run(&bench, json!({"MaxCount": 600}))), "RequestLimitExceeded");
    bench.pass(secs(1));
    // There are 100 by now, which is the quota: it is AWS itself that refuses.
    assert_eq!(code(run(&bench, json!({"MaxCount": 600}))), "InstanceLimitExceeded");
}

#[test]
fn a_rehearsal_says_what_would_be_and_launches_nothing() {
    let bench = Bench::new();
    let rehearse = |more: Value| {
        let operation: ec2::RunInstances = serde_json::from_value(asked(more)).unwrap();
        bench.cloud.rehearse(&operation).unwrap_err().code
    };
    assert_eq!(rehearse(json!({})), "DryRunOperation");
    assert_eq!(rehearse(json!({"ImageId": "ami-00000000000000000"})), "InvalidAMIID.NotFound");
    assert!(bench.cloud.view().instances().is_empty());
}

#[test]
fn a_group_so_fresh_that_it_is_not_seen_is_not_found() {
    let bench = Bench::new();
    bench.pass(secs(60));
    let group = bench.group("web").to_string();
    bench.cloud.set_read_lag(ReadLag::Fixed(secs(10)));
    assert_eq!(code(run(&bench, json!({"SecurityGroupId": [group]}))), "InvalidGroup.NotFound");
    let interface = json!({"NetworkInterface": [{"DeviceIndex": 0, "SecurityGroupId": [group]}]});
    assert_eq!(code(run(&bench, interface)), "InvalidGroup.NotFound");
    bench.pass(secs(10));
    ids(&bench, json!({"SecurityGroupId": [group]}));
}

#[test]
fn both_ways_of_launching_draw_the_same_ids() {
    let (product, wire) = (Bench::new(), Bench::new());
    let run = product.run("a");
    let id = product.launch(run.clone());
    assert_eq!(ids(&wire, json!({"SubnetId": run.subnet.to_string()})), [id.to_string()]);
    assert_eq!(AmiId::parse(Builder::IMAGE).unwrap(), run.image);
    let volumes = |bench: &Bench| bench.cloud.view().volumes().into_keys().collect::<Vec<_>>();
    assert_eq!(volumes(&product), volumes(&wire));
}

#[test]
fn hibernation_and_enclaves_may_be_declined_but_not_asked_for() {
    let bench = Bench::new();
    let declined = json!({"HibernationOptions": {"Configured": false}, "EnclaveOptions": {"Enabled": false}});
    assert_eq!(ids(&bench, declined).len(), 1);
    for wanted in [json!({"HibernationOptions": {"Configured": true}}), json!({"EnclaveOptions": {"Enabled": true}})] {
        assert_eq!(code(run(&bench, wanted)), "InvalidParameterValue");
    }
}

#[test]
fn an_instance_without_tags_has_no_member_for_them() {
    let bench = Bench::new();
    assert_eq!(launched(&bench, json!({}))[0]["tagSet"], json!([]), "but where it is launched");
    let shown =
        read::<ec2::DescribeInstances>(&bench, json!({})).unwrap()["reservationSet"][0]["instancesSet"][0].clone();
    assert!(shown.is_object() && shown["tagSet"].is_null(), "{shown}");
    let volume = read::<ec2::DescribeVolumes>(&bench, json!({})).unwrap()["volumeSet"][0].clone();
    assert!(volume.is_object() && volume["tagSet"].is_null(), "{volume}");
    let asked = json!({"VolumeId": volume["volumeId"]});
    let snapshot = write::<ec2::CreateSnapshot>(&bench, asked).unwrap();
    assert_eq!((&snapshot["tagSet"], &snapshot["progress"]), (&json!([]), &json!("")), "nothing is done yet");
    let snapshot = read::<ec2::DescribeSnapshots>(&bench, json!({})).unwrap()["snapshotSet"][0].clone();
    assert!(snapshot.is_object() && snapshot["tagSet"].is_null() && snapshot["progress"] == json!("0%"), "{snapshot}");
}
