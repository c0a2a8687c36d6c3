//! Attributes, metadata options and instance profiles, and how each is changed.

use serde_json::{Value, json};
use simulator::Builder;
use simulator::cloud::api::ec2;

use super::*;

fn attribute(bench: &Bench, id: &str, name: &str) -> Value {
    let asked = json!({"InstanceId": id, "Attribute": name});
    let answer = read::<ec2::DescribeInstanceAttribute>(bench, asked).unwrap();
    assert_eq!(answer["instanceId"], json!(id));
    let said: Vec<&String> =
        answer.as_object().unwrap().iter().filter(|(_, value)| !value.is_null()).map(|(k, _)| k).collect();
    assert_eq!(said.len(), 2, "one attribute at a time: {said:?}");
    answer[name].clone()
}

fn modify(bench: &Bench, id: &str, change: Value) -> Result<Value, Refusal> {
    let mut asked = change;
    asked["InstanceId"] = json!(id);
    write::<ec2::ModifyInstanceAttribute>(bench, asked)
}

fn stop(bench: &Bench, id: &str) {
    bench.cloud.console().stop(&typed(id)).unwrap();
    bench.pass(secs(30));
}

#[test]
fn every_attribute_is_shown_by_its_name() {
    let bench = Bench::new();
    let id = running(&bench, json!({"UserData": "aGVsbG8=", "InstanceInitiatedShutdownBehavior": "terminate"}));
    for (name, expected) in [
        ("instanceType", json!({"value": "t3.medium"})),
        ("userData", json!({"value": "aGVsbG8="})),
        ("disableApiTermination", json!({"value": false})),
        ("disableApiStop", json!({"value": false})),
        ("instanceInitiatedShutdownBehavior", json!({"value": "terminate"})),
        ("rootDeviceName", json!({"value": "/dev/xvda"})),
        ("sourceDestCheck", json!({"value": true})),
        ("ebsOptimized", json!({"value": false})),
        ("enclaveOptions", json!({"enabled": false})),
        ("productCodes", json!([])),
        ("kernel", json!({"value": null})),
    ] {
        assert_eq!(attribute(&bench, &id, name), expected, "{name}");
    }
    assert_eq!(bench.cloud.view().user_data(&typed(&id)).unwrap(), "hello");
    assert_eq!(attribute(&bench, &id, "groupSet")[0]["groupName"], "default");
    assert_eq!(attribute(&bench, &id, "blockDeviceMapping")[0]["deviceName"], "/dev/xvda");
    let refused = |asked: Value| code(read::<ec2::DescribeInstanceAttribute>(&bench, asked));
    assert_eq!(refused(json!({"InstanceId": id, "Attribute": "nonsense"})), "InvalidParameterValue");
    let none = json!({"InstanceId": "i-00000000000000000", "Attribute": "userData"});
    assert_eq!(refused(none), "InvalidInstanceID.NotFound");
}

#[test]
fn some_attributes_change_at_any_time() {
    let bench = Bench::new();
    let group = bench.group("web").to_string();
    let id = running(&bench, json!({}));
    for (change, name, expected) in [
        (json!({"DisableApiTermination": {"Value": true}}), "disableApiTermination", json!({"value": true})),
        (
            json!({"Attribute": "disableApiTermination", "Value": "false"}),
            "disableApiTermination",
            json!({"value": false}),
        ),
        (json!({"DisableApiStop": {"Value": true}}), "disableApiStop", json!({"value": true})),
        (json!({"Attribute": "disableApiStop", "Value": "false"}), "disableApiStop", json!({"value": false})),
        (json!({"SourceDestCheck": {"Value": false}}), "sourceDestCheck", json!({"value": false})),
        (
            json!({"InstanceInitiatedShutdownBehavior": {"Value": "terminate"}}),
            "instanceInitiatedShutdownBehavior",
            json!({"value": "terminate"}),
        ),
        (json!({"GroupId": [group]}), "groupSet", json!([{"groupId": group, "groupName": "web"}])),
    ] {
        assert_eq!(modify(&bench, &id, change.clone()).unwrap(), json!({"return": true}));
        assert_eq!(attribute(&bench, &id, name), expected, "{change}");
    }
    assert_eq!(instance(&bench, &id)["sourceDestCheck"], false);
}

#[test]
fn others_change_only_while_the_instance_is_stopped() {
    let bench = Bench::new();
    let id = running(&bench, json!({}));
    let changes = [
        (json!({"InstanceType": {"Value": "t3.large"}}), "instanceType", json!({"value": "t3.large"})),
        (json!({"UserData": {"Value": "aGk="}}), "userData", json!({"value": "aGk="})),
        (json!({"EbsOptimized": {"Value": true}}), "ebsOptimized", json!({"value": true})),
    ];
    for (change, _, _) in &changes {
        assert_eq!(code(modify(&bench, &id, change.clone())), "IncorrectInstanceState");
    }
    stop(&bench, &id);
    for (change, name, expected) in changes {
        modify(&bench, &id, change).unwrap();
        assert_eq!(attribute(&bench, &id, name), expected);
    }
    let odd = json!({"InstanceType": {"Value": "t9.none"}});
    assert_eq!(code(modify(&bench, &id, odd)), "InvalidInstanceAttributeValue");
    assert_eq!(code(modify(&bench, &id, json!({"UserData": {"Value": "?"}}))), "InvalidUserData.Malformed");
    let long = json!({"UserData": {"Value": "AAAA".repeat(5462)}});
    assert_eq!(code(modify(&bench, &id, long)), "InvalidParameterValue");
    modify(&bench, &id, json!({"UserData": {"Value": ""}})).unwrap();
    assert_eq!(attribute(&bench, &id, "userData"), json!({"value": null}));
}

#[test]
fn a_disk_can_be_told_to_stay() {
    let bench = Bench::new();
    let id = running(&bench, json!({}));
    let of = |ebs: Value, device: &str| json!({"BlockDeviceMapping": [{"DeviceName": device, "Ebs": ebs}]});
    modify(&bench, &id, of(json!({"DeleteOnTermination": false}), "/dev/xvda")).unwrap();
    let goes = || instance(&bench, &id)["blockDeviceMapping"][0]["ebs"]["deleteOnTermination"].clone();
    assert_eq!(goes(), false);
    modify(&bench, &id, of(json!({}), "/dev/xvda")).unwrap();
    assert_eq!(goes(), true, "the default");
    assert_eq!(code(modify(&bench, &id, of(json!({}), "/dev/sdz"))), "InvalidInstanceAttributeValue");
    let other = of(json!({"VolumeId": "vol-00000000000000000"}), "/dev/xvda");
    assert_eq!(code(modify(&bench, &id, other)), "InvalidInstanceAttributeValue");
}

#[test]
fn one_attribute_at_a_time() {
    let bench = Bench::new();
    let id = running(&bench, json!({}));
    let two = json!({"DisableApiStop": {"Value": true}, "SourceDestCheck": {"Value": false}});
    for (change, expected) in [
        (json!({}), "InvalidParameterCombination"),
        (two, "InvalidParameterCombination"),
        (json!({"Value": "true"}), "InvalidParameterCombination"),
        (json!({"Attribute": "kernel", "Value": "aki-1"}), "InvalidParameterValue"),
        (json!({"Attribute": "disableApiStop", "Value": "yes"}), "InvalidParameterValue"),
        (json!({"GroupId": ["sg-00000000000000000"]}), "InvalidGroup.NotFound"),
        (json!({"GroupId": ["sg-none"]}), "InvalidGroupId.Malformed"),
        (json!({"InstanceInitiatedShutdownBehavior": {"Value": "sleep"}}), "InvalidParameterValue"),
    ] {
        assert_eq!(code(modify(&bench, &id, change.clone())), expected, "{change}");
    }
    assert_eq!(attribute(&bench, &id, "disableApiStop"), json!({"value": false}));
    bench.cloud.console().terminate(&typed(&id)).unwrap();
    bench.pass(secs(30));
    let late = json!({"DisableApiStop": {"Value": true}});
    assert_eq!(code(modify(&bench, &id, late.clone())), "IncorrectInstanceState");
    assert_eq!(code(modify(&bench, "i-00000000000000000", late)), "InvalidInstanceID.NotFound");
}

#[test]
fn metadata_options_that_are_not_named_stay() {
    let bench = Bench::new();
    let id = running(&bench, json!({}));
    let modify = |more: Value| {
        let mut asked = more;
        asked["InstanceId"] = json!(id);
        write::<ec2::ModifyInstanceMetadataOptions>(&bench, asked)
    };
    let before = instance(&bench, &id)["metadataOptions"].clone();
    assert_eq!((&before["httpTokens"], &before["httpPutResponseHopLimit"]), (&json!("optional"), &json!(1)));
    let answer = modify(json!({"HttpTokens": "required"})).unwrap();
    assert_eq!(answer["instanceMetadataOptions"]["state"], "pending");
    modify(json!({"HttpPutResponseHopLimit": 3, "InstanceMetadataTags": "enabled"})).unwrap();
    let after = instance(&bench, &id)["metadataOptions"].clone();
    let expected = json!({
        "state": "applied",
        "httpTokens": "required",
        "httpPutResponseHopLimit": 3,
        "httpEndpoint": "enabled",
        "httpProtocolIpv6": "disabled",
        "instanceMetadataTags": "enabled",
    });
    assert_eq!(after, expected);
    assert_eq!(code(modify(json!({"HttpPutResponseHopLimit": 65}))), "InvalidParameterValue");
    assert_eq!(code(modify(json!({"HttpTokens": "maybe"}))), "InvalidParameterValue");
    assert_eq!(instance(&bench, &id)["metadataOptions"], expected, "refused, and nothing done");
    bench.cloud.console().terminate(&typed(&id)).unwrap();
    bench.pass(secs(30));
    assert_eq!(code(modify(json!({"HttpTokens": "optional"}))), "IncorrectInstanceState");
}

#[test]
fn a_profile_is_associated_replaced_and_taken_away() {
    let bench = Bench::of(Builder::new(1).instance_profiles(&["web", "admin"]));
    let id = running(&bench, json!({}));
    let associations = |asked: Value| {
        let answer = read::<ec2::DescribeIamInstanceProfileAssociations>(&bench, asked).unwrap();
        answer["iamInstanceProfileAssociationSet"].as_array().unwrap().clone()
    };
    let associate = |profile: &str| {
        let asked = json!({"InstanceId": id, "IamInstanceProfile": {"Name": profile}});
        write::<ec2::AssociateIamInstanceProfile>(&bench, asked)
    };
    let replace = |association: &Value, profile: &str| {
        let asked = json!({"AssociationId": association, "IamInstanceProfile": {"Name": profile}});
        write::<ec2::ReplaceIamInstanceProfileAssociation>(&bench, asked)
    };
    let end = |association: &Value| {
        write::<ec2::DisassociateIamInstanceProfile>(&bench, json!({"AssociationId": association}))
    };
    assert!(associations(json!({})).is_empty());
    assert_eq!(code(associate("none")), "InvalidParameterValue");
    assert_eq!(code(associate("")), "MissingParameter");
    let made = associate("web").unwrap()["iamInstanceProfileAssociation"].clone();
    assert_eq!((&made["state"], &made["instanceId"]), (&json!("associating"), &json!(id)));
    assert_eq!(made["iamInstanceProfile"]["arn"], "arn:aws:iam::123456789012:instance-profile/web");
    assert_eq!(code(associate("admin")), "IncorrectState");
    bench.pass(secs(5));
    let first = made["associationId"].clone();
    assert_eq!(associations(json!({"AssociationId": [first]}))[0]["state"], "associated");
    assert_eq!(associations(filter("instance-id", &id)).len(), 1);
    let second = replace(&first, "admin").unwrap()["iamInstanceProfileAssociation"].clone();
    assert_ne!(second["associationId"], first);
    assert_eq!(code(replace(&first, "web")), "InvalidAssociationID.NotFound");
    bench.pass(secs(5));
    assert_eq!(instance(&bench, &id)["iamInstanceProfile"]["arn"], "arn:aws:iam::123456789012:instance-profile/admin");
    let ended = end(&second["associationId"]).unwrap();
    assert_eq!(ended["iamInstanceProfileAssociation"]["state"], "disassociating");
    assert_eq!(associations(filter("state", "disassociating")).len(), 1);
    bench.pass(secs(5));
    assert!(associations(json!({})).is_empty());
    assert_eq!(code(end(&second["associationId"])), "InvalidAssociationID.NotFound");
    let gone = json!({"AssociationId": [first]});
    assert_eq!(
        code(read::<ec2::DescribeIamInstanceProfileAssociations>(&bench, gone)),
        "InvalidAssociationID.NotFound"
    );
}

#[test]
fn associations_come_in_pages() {
    let bench = Bench::new();
    ids(&bench, json!({"MinCount": 7, "MaxCount": 7, "IamInstanceProfile": {"Name": "web"}}));
    let describe = |token: &Value| {
        let asked = json!({"MaxResults": 5, "NextToken": token});
        read::<ec2::DescribeIamInstanceProfileAssociations>(&bench, asked).unwrap()
    };
    let first = describe(&Value::Null);
    let rest = describe(&first["nextToken"]);
    let count = |answer: &Value| answer["iamInstanceProfileAssociationSet"].as_array().unwrap().len();
    assert_eq!((count(&first), count(&rest), &rest["nextToken"]), (5, 2, &Value::Null));
}

#[test]
fn an_attribute_that_is_named_beside_another_ones_parameter_is_refused() {
    let bench = Bench::new();
    let id = running(&bench, json!({}));
    for wrong in [
        json!({"Attribute": "userData", "DisableApiStop": {"Value": true}}),
        json!({"Attribute": "userData", "Value": "aGk=", "DisableApiStop": {"Value": true}}),
        json!({"DisableApiTermination": {"Value": true}, "DisableApiStop": {"Value": true}}),
    ] {
        assert_eq!(code(modify(&bench, &id, wrong.clone())), "InvalidParameterCombination", "{wrong}");
    }
    assert_eq!(attribute(&bench, &id, "disableApiStop"), json!({"value": false}));
    modify(&bench, &id, json!({"Attribute": "sourceDestCheck", "SourceDestCheck": {"Value": false}})).unwrap();
    stop(&bench, &id);
    modify(&bench, &id, json!({"Attribute": "userData", "UserData": {"Value": "aGk="}})).unwrap();
    assert_eq!(attribute(&bench, &id, "userData"), json!({"value": "aGk="}));
}
