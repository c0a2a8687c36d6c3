//! EC2's instances as they are asked for on the wire.

mod attributes;
mod bounds;
mod describe;
mod disks;
mod launch;
mod states;

use aws_api::id::InstanceId;
use serde_json::{Value, json};
use simulator::Builder;
use simulator::cloud::Refusal;
use simulator::cloud::api::{Read, Write, ec2};

use crate::bench::*;

pub fn read<O: Read>(bench: &Bench, asked: Value) -> Result<Value, Refusal> {
    let operation: O = serde_json::from_value(asked).unwrap();
    bench.cloud.read(&operation).map(|answer| serde_json::to_value(answer).unwrap())
}

pub fn write<O: Write>(bench: &Bench, asked: Value) -> Result<Value, Refusal> {
    let operation: O = serde_json::from_value(asked).unwrap();
    bench.cloud.write(&operation).map(|answer| serde_json::to_value(answer).unwrap())
}

#[track_caller]
pub fn code(outcome: Result<Value, Refusal>) -> &'static str {
    outcome.unwrap_err().code
}

/// A launch of one instance, with these parameters beside or instead of the ordinary ones.
pub fn asked(more: Value) -> Value {
    let mut all = json!({"MinCount": 1, "MaxCount": 1, "ImageId": Builder::IMAGE, "InstanceType": "t3.medium"});
    for (name, value) in more.as_object().unwrap() {
        all[name] = value.clone();
    }
    all
}

pub fn run(bench: &Bench, more: Value) -> Result<Value, Refusal> {
    write::<ec2::RunInstances>(bench, asked(more))
}

/// What a launch made, as it shows it.
#[track_caller]
pub fn launched(bench: &Bench, more: Value) -> Vec<Value> {
    run(bench, more).unwrap()["instancesSet"].as_array().unwrap().clone()
}

/// The ids of what a launch made.
#[track_caller]
pub fn ids(bench: &Bench, more: Value) -> Vec<String> {
    launched(bench, more).iter().map(|instance| text(&instance["instanceId"])).collect()
}

/// The id of the one instance of a launch, once it runs.
#[track_caller]
pub fn running(bench: &Bench, more: Value) -> String {
    let id = ids(bench, more).remove(0);
    bench.pass(secs(17));
    id
}

#[track_caller]
pub fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

pub fn typed(id: &str) -> InstanceId {
    InstanceId::parse(id).unwrap()
}

/// The instances that such a DescribeInstances shows.
#[track_caller]
pub fn shown(bench: &Bench, asked: Value) -> Vec<Value> {
    let answer = read::<ec2::DescribeInstances>(bench, asked).unwrap();
    let reservations = answer["reservationSet"].as_array().unwrap().clone();
    reservations.iter().flat_map(|one| one["instancesSet"].as_array().unwrap().clone()).collect()
}

/// The one instance of that id.
#[track_caller]
pub fn instance(bench: &Bench, id: &str) -> Value {
    shown(bench, json!({"InstanceId": [id]})).remove(0)
}

pub fn filter(name: &str, value: &str) -> Value {
    json!({"Filter": [{"Name": name, "Value": [value]}]})
}

pub fn zones(bench: &Bench) -> Vec<(String, String)> {
    let subnets = bench.cloud.view().subnets();
    subnets.into_iter().map(|subnet| (subnet.id.to_string(), subnet.zone.to_string())).collect()
}
