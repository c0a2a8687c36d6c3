//! ELBv2 in full, as whoever calls over the wire sees it: requests and answers under AWS's own names.

mod account;
mod actions;
mod listeners;
mod load_balancers;
mod rules;
mod tags;
mod target_groups;
mod targets;

use serde_json::{Value, json};
use simulator::cloud::api::{Read, Write, elbv2};

use crate::bench::Bench;

/// A call that changes nothing: its answer, or the code that it is refused with.
pub fn read<O: Read>(bench: &Bench, request: Value) -> Result<Value, String> {
    let operation: O = serde_json::from_value(request).unwrap();
    let answer = bench.cloud.read(&operation).map_err(|refusal| refusal.code.to_owned())?;
    Ok(serde_json::to_value(answer).unwrap())
}

/// A call that changes something.
pub fn write<O: Write>(bench: &Bench, request: Value) -> Result<Value, String> {
    let operation: O = serde_json::from_value(request).unwrap();
    let answer = bench.cloud.write(&operation).map_err(|refusal| refusal.code.to_owned())?;
    Ok(serde_json::to_value(answer).unwrap())
}

/// The code that a call is refused with; it must be.
#[track_caller]
pub fn code<O: Write>(bench: &Bench, request: Value) -> String {
    write::<O>(bench, request).unwrap_err()
}

/// That text.
#[track_caller]
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// What is left of the request where these fields are set otherwise.
pub fn with(mut request: Value, fields: Value) -> Value {
    let fields = fields.as_object().unwrap().clone();
    request.as_object_mut().unwrap().extend(fields);
    request
}

pub fn subnets(bench: &Bench, count: usize) -> Vec<String> {
    bench.cloud.view().subnets().into_iter().take(count).map(|subnet| subnet.id.to_string()).collect()
}

/// A load balancer over two zones, by ARN.
pub fn balancer(bench: &Bench, name: &str) -> String {
    let made = write::<elbv2::CreateLoadBalancer>(bench, json!({"Name": name, "Subnets": subnets(bench, 2)})).unwrap();
    text(&made["LoadBalancers"][0]["LoadBalancerArn"])
}

pub fn new_group(bench: &Bench, name: &str) -> Value {
    json!({"Name": name, "Protocol": "HTTP", "Port": 8080, "VpcId": bench.cloud.view().vpc().to_string()})
}

/// A target group, by ARN.
pub fn group(bench: &Bench, name: &str) -> String {
    let made = write::<elbv2::CreateTargetGroup>(bench, new_group(bench, name)).unwrap();
    text(&made["TargetGroups"][0]["TargetGroupArn"])
}

pub fn forward(group: &str) -> Value {
    json!([{"Type": "forward", "TargetGroupArn": group}])
}

pub fn fixed(status: &str) -> Value {
    json!([{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": status}}])
}

pub fn new_listener(balancer: &str, port: u16, actions: &Value) -> Value {
    json!({"LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": port, "DefaultActions": actions})
}

/// A listener, by ARN.
pub fn listener(bench: &Bench, balancer: &str, port: u16, actions: &Value) -> String {
    let made = write::<elbv2::CreateListener>(bench, new_listener(balancer, port, actions)).unwrap();
    text(&made["Listeners"][0]["ListenerArn"])
}

pub fn path(pattern: &str) -> Value {
    json!([{"Field": "path-pattern", "Values": [pattern]}])
}

pub fn new_rule(listener: &str, priority: u32, actions: &Value) -> Value {
    json!({"ListenerArn": listener, "Priority": priority, "Conditions": path("/a"), "Actions": actions})
}

/// A rule, by ARN.
pub fn rule(bench: &Bench, listener: &str, priority: u32, actions: &Value) -> String {
    let made = write::<elbv2::CreateRule>(bench, new_rule(listener, priority, actions)).unwrap();
    text(&made["Rules"][0]["RuleArn"])
}
