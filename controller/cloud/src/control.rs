//! `/_cloud/...`: the cloud's clock, its faults and its state, in JSON, for whoever rehearses on it.
//!
//! An unknown or wrong field is a 400 that names it, and nothing is done. Never: part of AWS.

use std::time::Duration;

use crds_schema::SpecDuration;
use http::{Method, StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use simulator::SimCloud;

use crate::account::Account;
use crate::client::Reading;
use crate::faults::Wanted;
use crate::front::ports::{self, Ports};
use crate::keeping::Change;

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    error: String,
    #[serde(skip)]
    status: StatusCode,
}

impl Refused {
    /// For that field.
    pub fn field(name: &str, why: &str) -> Self {
        Self { field: Some(name.to_owned()), error: format!("{name}: {why}"), status: StatusCode::BAD_REQUEST }
    }

    /// For that reason.
    pub fn because(why: impl Into<String>) -> Self {
        Self { field: None, error: why.into(), status: StatusCode::BAD_REQUEST }
    }

    fn not_found(why: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, ..Self::because(why) }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockChange {
    advance: Option<SpecDuration>,
    pause: Option<bool>,
}

/// Answers a request, and keeps what it changes before it does it. `path` is what follows `/_cloud/`.
pub fn answer_kept(
    account: &mut Account,
    method: &Method,
    path: &str,
    body: &[u8],
    region: &str,
) -> (StatusCode, Value) {
    if method == Method::GET || !account.keeper().keeps() {
        return answer(account, method, path, body, region);
    }
    let Ok(body) = std::str::from_utf8(body) else {
        return (StatusCode::BAD_REQUEST, json!(Refused::because("the body is not UTF-8")));
    };
    // One instant for the record and for what it says, and nothing else to be kept between the two.
    account.time.hold();
    account.region_mut(region);
    let (named, path_said) = (region.to_owned(), path.to_owned());
    let change = Change::Control { method: method.to_string(), path: path_said, region: named, body: body.to_owned() };
    let answered = match account.keep(change) {
        Ok(()) => answer(account, method, path, body.as_bytes(), region),
        Err(refusal) => (StatusCode::INTERNAL_SERVER_ERROR, json!(Refused::because(refusal.message))),
    };
    account.time.release();
    answered
}

/// Answers a request.
pub fn answer(account: &mut Account, method: &Method, path: &str, body: &[u8], region: &str) -> (StatusCode, Value) {
    let outcome = match (method.as_str(), path.split('/').collect::<Vec<_>>().as_slice()) {
        ("GET", ["clock"]) => Ok(clock(account)),
        ("POST", ["clock"]) => change_clock(account, body),
        ("GET", ["state"]) => state(account, region),
        ("POST", ["faults"]) => add_fault(account, region, body),
        ("DELETE", ["faults", id]) => remove_fault(account, region, id),
        (_, ["clock" | "state" | "faults", ..]) => Err(Refused {
            status: StatusCode::METHOD_NOT_ALLOWED,
            ..Refused::because(format!("{method} has no meaning there"))
        }),
        _ => Err(Refused::not_found("there are /_cloud/clock, /_cloud/faults and /_cloud/state")),
    };
    match outcome {
        Ok(value) => (StatusCode::OK, value),
        Err(refused) => (refused.status, json!(refused)),
    }
}

fn read<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, Refused> {
    // What is read by field names could also be read by their order, which nobody means.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(Refused::because("the body is no JSON object"));
    }
    let reader = &mut serde_json::Deserializer::from_slice(body);
    serde_path_to_error::deserialize(reader).map_err(|error| {
        let (path, why) = (error.path().to_string(), error.inner().to_string());
        if path == "." { Refused::because(why) } else { Refused::field(&path, &why) }
    })
}

fn clock(account: &Account) -> Value {
    let time = &account.time;
    json!(Reading { now: whole_millis(time.now()), speed: time.speed(), paused: time.is_paused() })
}

fn change_clock(account: &mut Account, body: &[u8]) -> Result<Value, Refused> {
    let change: ClockChange = read(body)?;
    if change.advance.is_none() && change.pause.is_none() {
        return Err(Refused::because("write {\"advance\": \"10m\"} or {\"pause\": true}"));
    }
    if let Some(by) = change.advance
        && !account.time.advance(Duration::from_secs(by.as_secs()))
    {
        return Err(Refused::field("advance", "at most 30d at once, and a hundred years in all; write less"));
    }
    if let Some(paused) = change.pause {
        account.time.pause(paused);
    }
    Ok(clock(account))
}

fn add_fault(account: &mut Account, region: &str, body: &[u8]) -> Result<Value, Refused> {
    let wanted: Wanted = read(body)?;
    let now = account.time.clock().since_epoch();
    let region = account.region_mut(region).ok_or_else(|| no_region(region))?;
    let id = region.faults.add(wanted, &region.cloud, now)?;
    Ok(json!({ "id": id }))
}

fn remove_fault(account: &mut Account, region: &str, id: &str) -> Result<Value, Refused> {
    let region = account.region_mut(region).ok_or_else(|| no_region(region))?;
    if region.faults.remove(id, &region.cloud) {
        Ok(json!({ "id": id }))
    } else {
        Err(Refused::not_found(format!("there is no fault {id}; GET /_cloud/state lists them")))
    }
}

fn no_region(name: &str) -> Refused {
    Refused::because(format!("there is no region {name} here"))
}

fn state(account: &mut Account, name: &str) -> Result<Value, Refused> {
    let now = shown(account.time.now());
    account.region_mut(name).ok_or_else(|| no_region(name))?;
    let account = &*account;
    let region = account.region(name).ok_or_else(|| no_region(name))?;
    let cloud = &region.cloud;
    let faults: Vec<_> = region.faults.all().collect();
    let redis = account.ports.kept(&ports::redis(name, account.seed_of(name)));
    Ok(json!({
        "now": now,
        "region": name,
        "loadBalancers": load_balancers(cloud, &account.ports),
        "instances": instances(cloud),
        "images": images(cloud),
        "faults": faults,
        "redis": { "address": redis.map(|address| address.to_string()) },
    }))
}

/// A listener that is not served, because its load balancer is not active yet or TLS is not spoken here, has no address.
fn load_balancers(cloud: &SimCloud, ports: &Ports) -> Vec<Value> {
    let view = cloud.view();
    let one = |balancer: aws_api::elbv2::LoadBalancer| {
        let served = |listener: &aws_api::elbv2::Listener| {
            let address = ports.address(listener.arn.as_str()).map(|address| address.to_string());
            json!({ "port": listener.port, "address": address })
        };
        let listeners: Vec<Value> = view.listeners(&balancer.arn).iter().map(served).collect();
        json!({ "name": balancer.name, "arn": balancer.arn.as_str(), "state": balancer.state.to_string(),
            "listeners": listeners })
    };
    view.load_balancers().into_iter().map(one).collect()
}

fn instances(cloud: &SimCloud) -> Vec<Value> {
    let one = |instance: aws_api::ec2::Instance| {
        json!({ "id": instance.id.as_str(), "state": instance.state.to_string(), "image": instance.image.as_str(),
            "zone": instance.zone.0, "privateIp": instance.private_ip })
    };
    cloud.view().instances().into_iter().map(one).collect()
}

fn images(cloud: &SimCloud) -> Vec<String> {
    cloud.view().images().iter().map(ToString::to_string).collect()
}

fn shown(at: Timestamp) -> String {
    format!("{at:.3}")
}

fn whole_millis(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}
