//! The disks of instances that are launched from an image of another one.

use serde_json::{Value, json};
use simulator::cloud::api::ec2;

use super::*;

/// An image of an instance with an encrypted root of 20 GiB and a disk of type io1.
fn baked(bench: &Bench) -> String {
    let disks = json!([
        {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 20, "VolumeType": "gp2", "Encrypted": true}},
        {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 50, "VolumeType": "io1", "Iops": 500}},
    ]);
    let source = running(bench, json!({"BlockDeviceMapping": disks}));
    let made = write::<ec2::CreateImage>(bench, json!({"InstanceId": source, "Name": "web", "NoReboot": true}));
    bench.pass(secs(300));
    text(&made.unwrap()["imageId"])
}

fn volume(bench: &Bench, id: &str, device: &str) -> Value {
    let volumes = read::<ec2::DescribeVolumes>(bench, filter("attachment.instance-id", id)).unwrap();
    let all = volumes["volumeSet"].as_array().unwrap();
    all.iter().find(|volume| volume["attachmentSet"][0]["device"] == device).unwrap().clone()
}

fn mapped(bench: &Bench, image: &str, device: &str) -> Value {
    let images = read::<ec2::DescribeImages>(bench, json!({"ImageId": [image]})).unwrap();
    let devices = images["imagesSet"][0]["blockDeviceMapping"].as_array().unwrap();
    devices.iter().find(|one| one["deviceName"] == device).unwrap()["ebs"].clone()
}

#[test]
fn what_a_launch_does_not_say_of_a_disk_is_as_its_image_maps_it() {
    let bench = Bench::new();
    let image = baked(&bench);
    let id = running(&bench, json!({"ImageId": image}));
    for (device, size, kind, encrypted, iops) in
        [("/dev/xvda", 20, "gp2", true, 100), ("/dev/sdf", 50, "io1", false, 500)]
    {
        let volume = volume(&bench, &id, device);
        assert_eq!((&volume["size"], &volume["volumeType"]), (&json!(size), &json!(kind)), "{device}");
        assert_eq!((&volume["encrypted"], &volume["iops"]), (&json!(encrypted), &json!(iops)), "{device}");
        let snapshot = &mapped(&bench, &image, device)["snapshotId"];
        assert_eq!(volume["snapshotId"], *snapshot);
        let of_snapshot = read::<ec2::DescribeVolumes>(&bench, filter("snapshot-id", &text(snapshot))).unwrap();
        assert_eq!(of_snapshot["volumeSet"].as_array().unwrap().len(), 1);
    }
    assert_eq!(mapped(&bench, &image, "/dev/sdf")["iops"], 500);
}

#[test]
fn what_it_says_is_put_over_the_mapping() {
    let bench = Bench::new();
    let image = baked(&bench);
    let launch = |disk: Value| run(&bench, json!({"ImageId": image, "BlockDeviceMapping": [disk]}));
    let made = |ebs: Value| {
        let made = launch(json!({"DeviceName": "/dev/xvda", "Ebs": ebs})).unwrap();
        volume(&bench, &text(&made["instancesSet"][0]["instanceId"]), "/dev/xvda")
    };
    let larger = made(json!({"VolumeSize": 30, "Encrypted": false}));
    assert_eq!((&larger["size"], &larger["volumeType"]), (&json!(30), &json!("gp2")));
    assert_eq!(larger["encrypted"], true, "a copy of what is encrypted is");
    let other = made(json!({"VolumeType": "gp3"}));
    assert_eq!((&other["size"], &other["iops"]), (&json!(20), &json!(3000)));
    let refused = |device: &str, ebs: Value| launch(json!({"DeviceName": device, "Ebs": ebs})).unwrap_err();
    let small = refused("/dev/xvda", json!({"VolumeSize": 19}));
    assert_eq!(small.code, "InvalidBlockDeviceMapping");
    assert!(small.message.contains(&text(&mapped(&bench, &image, "/dev/xvda")["snapshotId"])), "{}", small.message);
    assert_eq!(refused("/dev/sdf", json!({"VolumeSize": 49})).code, "InvalidBlockDeviceMapping");
    assert_eq!(refused("/dev/sdf", json!({"VolumeType": "io2"})).code, "MissingParameter", "figures go with the type");
    launch(json!({"DeviceName": "/dev/sdf", "Ebs": {"DeleteOnTermination": true}})).unwrap();
}

#[test]
fn the_product_launches_from_it_as_well_and_from_others_as_ever() {
    let bench = Bench::new();
    let plain = bench.launch(bench.run("a"));
    let root = volume(&bench, plain.as_str(), "/dev/xvda");
    assert_eq!((&root["size"], &root["volumeType"], &root["encrypted"]), (&json!(8), &json!("gp3"), &json!(false)));
    assert_eq!(root["snapshotId"], mapped(&bench, Builder::IMAGE, "/dev/xvda")["snapshotId"]);
    let image = aws_api::id::AmiId::parse(baked(&bench)).unwrap();
    let id = bench.launch(aws_api::ec2::RunInstances { image, ..bench.run("b") });
    assert_eq!(volume(&bench, id.as_str(), "/dev/xvda")["size"], 20);
}

#[test]
fn an_instance_has_room_for_27_volumes_beside_its_interface() {
    let bench = Bench::new();
    let disks = |count: u32| -> Vec<Value> {
        (0..count).map(|n| json!({"DeviceName": format!("/dev/sd{n}"), "Ebs": {"VolumeSize": 1}})).collect()
    };
    assert_eq!(code(run(&bench, json!({"BlockDeviceMapping": disks(27)}))), "AttachmentLimitExceeded");
    let id = running(&bench, json!({"BlockDeviceMapping": disks(26)}));
    assert_eq!(instance(&bench, &id)["blockDeviceMapping"].as_array().unwrap().len(), 27, "with the image's root");
}
