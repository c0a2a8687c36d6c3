//! Images and snapshots: stock ones, and those made of instances.

use aws_api::Write;
use aws_api::ec2::InstanceWrite;
use serde_json::{Value, json};
use simulator::Builder;
use simulator::cloud::api::ec2::*;

use super::{each, filter, read, stocked, unread, unwritten, write};
use crate::bench::{Bench, secs};

/// A running instance.
fn instance(bench: &Bench) -> String {
    let id = bench.launch(bench.run("a")).to_string();
    bench.pass(secs(20));
    id
}

fn image(bench: &Bench, id: &str) -> Value {
    read::<DescribeImages>(bench, json!({ "ImageId": [id] }))["imagesSet"][0].clone()
}

fn create(bench: &Bench, instance: &str, name: &str) -> String {
    let answer = write::<CreateImage>(bench, json!({ "InstanceId": instance, "Name": name, "NoReboot": true }));
    answer["imageId"].as_str().unwrap().to_owned()
}

#[test]
fn stock_images_are_public_and_those_for_intel_come_first() {
    let bench = stocked();
    let ask = |request: Value| read::<DescribeImages>(&bench, request)["imagesSet"].clone();
    assert_eq!(each(&ask(json!({})), "architecture"), ["x86_64", "x86_64", "arm64"]);
    assert_eq!(ask(json!({}))[0]["imageId"], Builder::IMAGE);
    assert_eq!(each(&ask(json!({ "Owner": ["amazon"] })), "imageOwnerAlias"), ["amazon", "amazon"]);
    assert_eq!(each(&ask(json!({ "Owner": ["099720109477"] })), "rootDeviceName"), ["/dev/sda1"]);
    assert_eq!(ask(json!({ "Owner": ["self"] })), json!([]));
    assert_eq!(ask(json!({ "ExecutableBy": ["all"] })).as_array().unwrap().len(), 3);
    assert_eq!(ask(json!({ "ExecutableBy": ["self"] })), json!([]));
    let name = json!({ "Filter": [filter("name", &["al2023-ami-2023*-x86_64"]), filter("state", &["available"])] });
    assert_eq!(each(&ask(name), "imageId"), [Builder::IMAGE]);
    assert_eq!(ask(json!({ "Filter": [filter("is-public", &["false"])] })), json!([]));
}

#[test]
fn wrong_questions_about_images_are_refused() {
    let bench = stocked();
    let code = |request: Value| unread::<DescribeImages>(&bench, request);
    assert_eq!(code(json!({ "ImageId": ["ami-xyz"] })), "InvalidAMIID.Malformed");
    assert_eq!(code(json!({ "ImageId": ["ami-0123456789abcdef0"] })), "InvalidAMIID.NotFound");
    assert_eq!(code(json!({ "Owner": ["me"] })), "InvalidUserID.Malformed");
    assert_eq!(code(json!({ "Filter": [filter("colour", &["red"])] })), "InvalidParameterValue");
    let page = read::<DescribeImages>(&bench, json!({ "MaxResults": 2 }));
    let rest = read::<DescribeImages>(&bench, json!({ "MaxResults": 2, "NextToken": page["nextToken"] }));
    assert_eq!((each(&page["imagesSet"], "name").len(), each(&rest["imagesSet"], "name").len()), (2, 1));
}

#[test]
fn an_image_takes_five_minutes_and_its_snapshots_are_pending_meanwhile() {
    let bench = stocked();
    let source = instance(&bench);
    let id = create(&bench, &source, "web 1.0");
    let snapshot = image(&bench, &id)["blockDeviceMapping"][0]["ebs"]["snapshotId"].as_str().unwrap().to_owned();
    let states = || {
        let found = read::<DescribeSnapshots>(&bench, json!({ "SnapshotId": [snapshot] }))["snapshotSet"][0].clone();
        (image(&bench, &id)["imageState"].clone(), found["status"].clone(), found["progress"].clone())
    };
    assert_eq!(states(), (json!("pending"), json!("pending"), json!("0%")));
    bench.pass(secs(150));
    assert_eq!(states().2, "50%");
    bench.pass(secs(149));
    assert_eq!(states().0, "pending");
    bench.pass(secs(1));
    assert_eq!(states(), (json!("available"), json!("completed"), json!("100%")));
    let shown = image(&bench, &id);
    assert_eq!((&shown["name"], &shown["imageOwnerId"]), (&json!("web 1.0"), &json!("123456789012")));
    assert_eq!((&shown["sourceInstanceId"], &shown["sourceImageId"]), (&json!(source), &json!(Builder::IMAGE)));
    let own = read::<DescribeImages>(
        &bench,
        json!({ "Owner": ["self"], "Filter": [filter("source-instance-id", &[&source])] }),
    );
    assert_eq!(each(&own["imagesSet"], "imageId"), std::slice::from_ref(&id));
    let described =
        read::<DescribeSnapshots>(&bench, json!({ "Filter": [filter("description", &[&format!("*for {id}")])] }));
    assert_eq!(each(&described["snapshotSet"], "snapshotId"), [snapshot]);
}

#[test]
fn an_image_can_be_launched_once_it_is_available() {
    let bench = stocked();
    let id = create(&bench, &instance(&bench), "web");
    let image = aws_api::id::AmiId::parse(id).unwrap();
    let run = |token: &str| aws_api::ec2::RunInstances { image: image.clone(), ..bench.run(token) };
    let launch = Write::Instance(InstanceWrite::Run(Box::new(run("b"))));
    assert_eq!(bench.code(launch), "InvalidAMIID.Unavailable");
    bench.pass(secs(300));
    bench.launch(run("c"));
}

#[test]
fn names_of_images_are_unique_while_they_are_registered() {
    let bench = stocked();
    let source = instance(&bench);
    let id = create(&bench, &source, "web");
    let again = json!({ "InstanceId": source, "Name": "web" });
    assert_eq!(unwritten::<CreateImage>(&bench, again.clone()), "InvalidAMIName.Duplicate");
    write::<DeregisterImage>(&bench, json!({ "ImageId": id }));
    write::<CreateImage>(&bench, again);
    for name in ["ab", "web!", &"x".repeat(129)] {
        let wrong = json!({ "InstanceId": source, "Name": name });
        assert_eq!(unwritten::<CreateImage>(&bench, wrong), "InvalidAMIName.Malformed");
    }
}

#[test]
fn an_instance_restarts_for_its_image_unless_it_is_told_not_to() {
    let bench = stocked();
    let env = bench.env(2);
    let member = bench.member(&env, "a", 0);
    bench.pass(secs(300));
    let healthy = || bench.cloud.view().healthy(&env.targets);
    assert_eq!(healthy(), 1);
    create(&bench, member.as_str(), "without");
    bench.pass(secs(62));
    assert_eq!(healthy(), 1);
    write::<CreateImage>(&bench, json!({ "InstanceId": member.as_str(), "Name": "with" }));
    assert_eq!(bench.state(&member), aws_api::ec2::InstanceState::Running);
    bench.pass(secs(62));
    assert_eq!(healthy(), 0);
    bench.pass(secs(300));
    assert_eq!(healthy(), 1);
}

#[test]
fn an_image_and_its_snapshots_are_tagged_apart() {
    let bench = stocked();
    let tag = |kind: &str| json!({ "ResourceType": kind, "Tag": [{ "Key": "of", "Value": kind }] });
    let source = instance(&bench);
    let request = |kinds: &[&str]| {
        let tags: Vec<Value> = kinds.iter().map(|kind| tag(kind)).collect();
        json!({ "InstanceId": source, "Name": "web", "Description": "a test", "TagSpecification": tags })
    };
    assert_eq!(unwritten::<CreateImage>(&bench, request(&["image", "volume"])), "InvalidParameterValue");
    let id = write::<CreateImage>(&bench, request(&["image", "snapshot"]))["imageId"].clone();
    let shown = image(&bench, id.as_str().unwrap());
    assert_eq!(
        (&shown["tagSet"], &shown["description"]),
        (&json!([{ "key": "of", "value": "image" }]), &json!("a test"))
    );
    let snapshots = read::<DescribeSnapshots>(&bench, json!({ "Filter": [filter("tag:of", &["snapshot"])] }));
    assert_eq!(snapshots["snapshotSet"].as_array().unwrap().len(), 1);
}

#[test]
fn only_what_exists_and_runs_or_is_stopped_is_made_an_image_of() {
    let bench = stocked();
    let pending = bench.launch(bench.run("b")).to_string();
    let code = |id: &str| unwritten::<CreateImage>(&bench, json!({ "InstanceId": id, "Name": "web" }));
    assert_eq!(code(&pending), "IncorrectInstanceState");
    assert_eq!(code("i-xyz"), "InvalidInstanceID.Malformed");
    assert_eq!(code("i-0123456789abcdef0"), "InvalidInstanceID.NotFound");
    let device = |wish: Value| {
        bench.pass(secs(20));
        let request = json!({ "InstanceId": pending, "Name": "web", "BlockDeviceMapping": [wish] });
        serde_json::from_value::<CreateImage>(request).unwrap()
    };
    let unknown = device(json!({ "DeviceName": "/dev/sdx", "NoDevice": "" }));
    assert_eq!(bench.cloud.write(&unknown).unwrap_err().code, "InvalidBlockDeviceMapping");
    let kept = device(json!({ "DeviceName": "/dev/xvda", "Ebs": { "DeleteOnTermination": false } }));
    let id = serde_json::to_value(bench.cloud.write(&kept).unwrap()).unwrap()["imageId"].clone();
    let shown = image(&bench, id.as_str().unwrap());
    assert_eq!(shown["blockDeviceMapping"][0]["ebs"]["deleteOnTermination"], false);
}

#[test]
fn a_snapshot_is_kept_while_an_image_needs_it() {
    let bench = stocked();
    let id = create(&bench, &instance(&bench), "web");
    let snapshot = image(&bench, &id)["blockDeviceMapping"][0]["ebs"]["snapshotId"].clone();
    let request = json!({ "SnapshotId": snapshot });
    assert_eq!(unwritten::<DeleteSnapshot>(&bench, request.clone()), "InvalidSnapshot.InUse");
    assert_eq!(write::<DeregisterImage>(&bench, json!({ "ImageId": id }))["deleteSnapshotResultSet"], json!([]));
    write::<DeleteSnapshot>(&bench, request.clone());
    assert_eq!(unwritten::<DeleteSnapshot>(&bench, request), "InvalidSnapshot.NotFound");
}

#[test]
fn snapshots_go_with_their_image_if_that_is_asked() {
    let bench = stocked();
    let id = create(&bench, &instance(&bench), "web");
    let request = json!({ "ImageId": id, "DeleteAssociatedSnapshots": true });
    let answer = write::<DeregisterImage>(&bench, request.clone());
    assert_eq!(each(&answer["deleteSnapshotResultSet"], "returnCode"), ["success"]);
    assert_eq!(read::<DescribeSnapshots>(&bench, json!({}))["snapshotSet"], json!([]));
    assert_eq!(unwritten::<DeregisterImage>(&bench, request), "InvalidAMIID.Unavailable");
    assert_eq!(unwritten::<DeregisterImage>(&bench, json!({ "ImageId": Builder::IMAGE })), "AuthFailure");
    assert_eq!(unwritten::<DeregisterImage>(&bench, json!({ "ImageId": "ami-1" })), "InvalidAMIID.Malformed");
    assert_eq!(image(&bench, &id)["imageState"], "deregistered");
    bench.pass(secs(3600));
    assert_eq!(unread::<DescribeImages>(&bench, json!({ "ImageId": [id] })), "InvalidAMIID.NotFound");
}

#[test]
fn a_snapshot_of_a_volume_is_taken_in_a_while() {
    let bench = stocked();
    instance(&bench);
    let volume = bench.cloud.view().volumes().into_keys().next().unwrap();
    let tags = json!([{ "ResourceType": "snapshot", "Tag": [{ "Key": "a", "Value": "1" }] }]);
    let request = json!({ "VolumeId": volume, "Description": "before", "TagSpecification": tags });
    let made = write::<CreateSnapshot>(&bench, request);
    assert_eq!(
        (&made["status"], &made["volumeSize"], &made["tagSet"][0]["key"]),
        (&json!("pending"), &json!(8), &json!("a"))
    );
    bench.pass(secs(120));
    assert!(made["storageTier"].is_null() && made["transferType"].is_null(), "not in what makes it: {made}");
    let shown = read::<DescribeSnapshots>(&bench, json!({ "Owner": ["self"] }))["snapshotSet"][0].clone();
    assert_eq!((&shown["storageTier"], &shown["transferType"]), (&json!("standard"), &json!("standard")));
    let found = |request: Value| each(&read::<DescribeSnapshots>(&bench, request)["snapshotSet"], "status");
    assert_eq!(found(json!({ "Owner": ["self"], "Filter": [filter("volume-id", &[&volume])] })), ["completed"]);
    assert_eq!(found(json!({ "RestorableBy": ["self"] })), ["completed"]);
    assert_eq!(found(json!({ "Owner": ["amazon"] })).len(), 0);
    assert_eq!(found(json!({ "Filter": [filter("status", &["pending"])] })).len(), 0);
    assert_eq!(unwritten::<CreateSnapshot>(&bench, json!({ "VolumeId": "vol-1" })), "InvalidVolumeID.Malformed");
    assert_eq!(
        unwritten::<CreateSnapshot>(&bench, json!({ "VolumeId": "vol-0123456789abcdef0" })),
        "InvalidVolume.NotFound"
    );
    assert_eq!(unread::<DescribeSnapshots>(&bench, json!({ "SnapshotId": ["snap"] })), "InvalidSnapshotID.Malformed");
    let missing = json!({ "SnapshotId": ["snap-0123456789abcdef0"] });
    assert_eq!(unread::<DescribeSnapshots>(&bench, missing), "InvalidSnapshot.NotFound");
    assert_eq!(
        unread::<DescribeSnapshots>(&bench, json!({ "Filter": [filter("colour", &[])] })),
        "InvalidParameterValue"
    );
}

#[test]
fn a_dry_run_makes_no_image() {
    let bench = stocked();
    let source = instance(&bench);
    let operation: CreateImage = serde_json::from_value(json!({ "InstanceId": source, "Name": "web" })).unwrap();
    assert_eq!(bench.cloud.rehearse(&operation).unwrap_err().code, "DryRunOperation");
    assert_eq!(read::<DescribeImages>(&bench, json!({ "Owner": ["self"] }))["imagesSet"], json!([]));
}

#[test]
fn a_fresh_image_is_not_found_by_whoever_does_not_see_it_yet() {
    let bench = stocked();
    let source = instance(&bench);
    bench.pass(secs(60));
    let id = create(&bench, &source, "web");
    let late = bench.cloud.client("late");
    late.set_read_lag(simulator::cloud::ReadLag::Fixed(secs(30)));
    let operation: DeregisterImage = serde_json::from_value(json!({ "ImageId": id })).unwrap();
    assert_eq!(late.write(&operation).unwrap_err().code, "InvalidAMIID.NotFound");
    bench.pass(secs(31));
    late.write(&operation).unwrap();
}
