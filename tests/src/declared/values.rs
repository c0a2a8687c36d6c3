//! The values worth trying for one property, from its schema: bounds and beyond, every choice, every wrong type.
//!
//! What a simulated run cannot afford is clipped (`CLIPPED`); what the account must know is named (`known`).

use crds_schema::SpecDuration;
use serde_json::{Value, json};
use simulator::Builder;

use crate::edits::OTHER_IMAGE;

/// The most of a property that is run, where its maximum is dearer than what it shows. Its true maximum is still passed
/// by the value above it, which is refused.
const CLIPPED: [(&str, i64); 9] = [
    // Each member costs a launch, and the account's quota is 100.
    ("spec.instances.count", 5),
    ("spec.rollout.maxSurge", 3),
    ("spec.rollout.maxUnavailable", 3),
    // Seconds: what follows is waited for by every member that is replaced, so a day of it would be days of a run.
    ("spec.rollout.bakeTime", 600),
    ("spec.services[].deregistrationDelay", 600),
    ("spec.services[].healthCheck.interval", 60),
    ("spec.services[].healthCheck.timeout", 50),
    ("spec.healing.gracePeriod", 1200),
    ("spec.healing.unhealthyFor", 600),
];

/// Values that exist in the account of these runs, where the schema only knows their form.
fn known(property: &str) -> Option<Vec<Value>> {
    Some(match property {
        "spec.region" => vec![json!("us-east-2"), json!("us-west-2")],
        "spec.image.amiId" => vec![json!(Builder::IMAGE), json!(OTHER_IMAGE)],
        "spec.instances.types" => {
            vec![json!(["t3.small"]), json!(["t3.large"]), json!([]), json!(["t3.small", "t3.large"])]
        }
        "spec.instances.userData" => {
            let encoded = "I2Nsb3VkLWNvbmZpZw==";
            vec![json!(""), json!("#!/bin/sh"), json!(encoded), json!("x".repeat(16_384)), json!("x".repeat(16_385))]
        }
        // Groups have their ids from the seed, so none can be named before a run.
        "spec.instances.securityGroupIds" => vec![json!([]), json!(["sg-1"])],
        // Several entries must differ.
        "spec.access.loadBalancer" | "spec.access.ssh" => vec![
            json!([]),
            json!([{"cidr": "198.51.100.0/24"}]),
            json!([{"cidr": "198.51.100.7/32"}, {"cidr": "2001:db8::/32"}]),
            json!([{"cidr": "198.51.100.0/24"}, {"cidr": "198.51.100.0/24"}]),
        ],
        "spec.instances.blockDevices" => vec![
            json!([]),
            json!([{"sizeGiB": 30, "type": "gp3", "encrypted": true}]),
            json!([{"sizeGiB": 30}, {"device": "/dev/xvdb", "sizeGiB": 125, "type": "st1"}]),
        ],
        "spec.loadBalancer.listeners" => vec![
            json!([]),
            json!([{"port": 81}]),
            json!([{"port": 80}, {"port": 81, "default": {"forward": "web"}}]),
            json!([{"port": 80}, {"port": 80}]),
        ],
        "spec.tags" => vec![
            json!({}),
            json!({"Team": "other"}),
            json!({"CostCenter": "42", "k": "v".repeat(256)}),
            json!({"Name": "refused"}),
        ],
        "spec.services[].healthCheck.port" => {
            vec![json!("traffic-port"), json!(1), json!(65_535), json!(0), json!("nine")]
        }
        _ => return None,
    })
}

/// What must change beside a value, so that it is taken.
pub fn company(property: &str, value: &Value) -> Vec<(&'static str, Value)> {
    let seconds = || value.as_str().and_then(|text| text.parse::<SpecDuration>().ok()).map_or(0, SpecDuration::as_secs);
    match property {
        "spec.services[].healthCheck.interval" if seconds() <= 5 => {
            vec![("spec.services[0].healthCheck.timeout", json!("2s"))]
        }
        "spec.services[].healthCheck.timeout" if (10..300).contains(&seconds()) => {
            vec![("spec.services[0].healthCheck.interval", json!(SpecDuration::from_secs(seconds() + 1)))]
        }
        "spec.services[].algorithm" if value == "weighted_random" => {
            vec![("spec.services[0].stickiness", Value::Null)]
        }
        // Compressed by gzip, so no text.
        "spec.instances.userDataBase64" if value == true => vec![("spec.instances.userData", json!("H4sIAAAA"))],
        "spec.services[].name" => vec![("spec.loadBalancer.listeners[0].default.forward", value.clone())],
        "spec.instances.blockDevices[].type" if ["st1", "sc1"].iter().any(|kind| value == kind) => vec![
            ("spec.instances.blockDevices[0].device", json!("/dev/xvdb")),
            ("spec.instances.blockDevices[0].sizeGiB", json!(125)),
        ],
        _ => Vec::new(),
    }
}

/// The values to try there.
pub fn of(node: &Value, property: &str) -> Vec<Value> {
    let mut values = known(property).unwrap_or_else(|| by_schema(node, property));
    // No field takes every type, so each of these is wrong somewhere and one of them is wrong everywhere.
    values.extend([json!(true), json!("no such value \u{7f}"), json!([[]]), json!({"unknownField": 1}), json!(1.5)]);
    values
}

fn by_schema(node: &Value, property: &str) -> Vec<Value> {
    let has =
        |kind: &str| node["type"] == kind || node["type"].as_array().is_some_and(|kinds| kinds.contains(&json!(kind)));
    let mut values = choices(node);
    values.extend(node["examples"].as_array().into_iter().flatten().cloned());
    let clip = CLIPPED.iter().find(|(of, _)| *of == property).map(|(_, most)| *most);
    if has("integer") {
        let least = node["minimum"].as_i64().unwrap_or(0);
        let true_most = node["maximum"].as_i64().unwrap_or(65_535);
        let most = clip.unwrap_or(true_most);
        values.extend([least - 1, least, (least + most) / 2, most, true_most + 1].map(|number| json!(number)));
    }
    if node["format"] == "x-duration" {
        values.retain(|value| !node["examples"].as_array().is_some_and(|examples| examples.contains(value)));
        let bound = |name: &str| node[name].as_str().and_then(|text| text.parse::<SpecDuration>().ok());
        let least = bound("x-minimum").unwrap_or_default().as_secs();
        let true_most = bound("x-maximum").map_or(86_400, SpecDuration::as_secs);
        let most = clip.and_then(|most| u64::try_from(most).ok()).unwrap_or(true_most);
        let lengths = [least, (least + most) / 2, most, true_most + 1].into_iter().chain(least.checked_sub(1));
        values.extend(lengths.map(|seconds| json!(SpecDuration::from_secs(seconds))));
    } else if node["format"] == "x-amount" {
        values.extend(["0%", "34%", "100%", "101%"].map(|share| json!(share)));
    } else if has("string") {
        values.extend([json!(""), json!("a"), json!("/"), json!("x".repeat(28)), json!("x".repeat(2000))]);
    }
    if has("boolean") {
        values.extend([json!(true), json!(false)]);
    }
    if has("array") || has("object") {
        values.extend([json!([]), json!({})]);
    }
    values
}

fn choices(node: &Value) -> Vec<Value> {
    let listed = node["enum"].as_array().into_iter().flatten().cloned();
    let documented = node["oneOf"].as_array().into_iter().flatten().filter_map(|choice| choice.get("const").cloned());
    listed.chain(documented).filter(|value| !value.is_null()).collect()
}
