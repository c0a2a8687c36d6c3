//! EC2's operations as they are on the wire, but for instances.

mod filter_page;
mod filters;
mod groups;
mod images;
mod modify;
mod network;
mod rules;
mod tags;
mod types;

use std::time::Duration;

use serde_json::Value;
use simulator::Builder;
use simulator::cloud::api::{Read, Write};

use crate::bench::Bench;

/// A region as AWS stocks it.
pub fn stocked() -> Bench {
    Bench::of(Builder::new(1).latency(Duration::ZERO).stocked())
}

/// What a read is answered with.
#[track_caller]
pub fn read<O: Read>(bench: &Bench, request: Value) -> Value {
    let operation: O = serde_json::from_value(request).unwrap();
    let answer = bench.cloud.read(&operation).unwrap_or_else(|refusal| panic!("{refusal:?}"));
    serde_json::to_value(answer).unwrap()
}

/// What a write is answered with.
#[track_caller]
pub fn write<O: Write>(bench: &Bench, request: Value) -> Value {
    let operation: O = serde_json::from_value(request).unwrap();
    let answer = bench.cloud.write(&operation).unwrap_or_else(|refusal| panic!("{refusal:?}"));
    serde_json::to_value(answer).unwrap()
}

/// The code that a read is refused with.
#[track_caller]
pub fn unread<O: Read>(bench: &Bench, request: Value) -> &'static str {
    let operation: O = serde_json::from_value(request).unwrap();
    match bench.cloud.read(&operation) {
        Err(refusal) => refusal.code,
        Ok(answer) => panic!("{}", serde_json::to_value(answer).unwrap()),
    }
}

/// The code that a write is refused with.
#[track_caller]
pub fn unwritten<O: Write>(bench: &Bench, request: Value) -> &'static str {
    let operation: O = serde_json::from_value(request).unwrap();
    match bench.cloud.write(&operation) {
        Err(refusal) => refusal.code,
        Ok(answer) => panic!("{}", serde_json::to_value(answer).unwrap()),
    }
}

/// The texts at that field of every entry.
#[track_caller]
pub fn each(list: &Value, field: &str) -> Vec<String> {
    let text = |entry: &Value| match &entry[field] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    list.as_array().unwrap().iter().map(text).collect()
}

/// A filter, as a request has it.
pub fn filter(name: &str, values: &[&str]) -> Value {
    serde_json::json!({ "Name": name, "Value": values })
}
