//! Edits of the record that whole runs draw from: each is a name and what it changes.
//!
//! They change the record of [`crate::record`]; several may follow each other. Never: applies anything.

use serde_json::{Value, json};
use simulator::Builder;
use simulator::cloud::App;

/// Another image than [`Builder::IMAGE`].
pub const OTHER_IMAGE: &str = "ami-0aaaaaaaaaaaaaaaa";
const SHAPE: &str = "the record of these tests has it";

/// One edit.
pub type Edit = fn(&mut Value);

/// An account with both images.
pub fn two_images(builder: Builder) -> Builder {
    builder.image(Builder::IMAGE, App::default()).image(OTHER_IMAGE, App::default())
}

/// The record after these edits.
pub fn edited(record: &Value, edits: &[Edit]) -> Value {
    let mut record = record.clone();
    edits.iter().for_each(|edit| edit(&mut record));
    record
}

/// Edits that AWS takes in place.
pub fn in_place() -> Vec<(&'static str, Edit)> {
    vec![
        ("health check", |r| {
            r["spec"]["services"][0]["healthCheck"] = json!({"path": "/ready", "interval": "15s", "matcher": "200-204"})
        }),
        ("stickiness off", |r| drop(r["spec"]["services"][0].as_object_mut().expect(SHAPE).remove("stickiness"))),
        ("stickiness duration", |r| r["spec"]["services"][0]["stickiness"] = json!({"duration": "1h"})),
        ("deregistration delay", |r| r["spec"]["services"][0]["deregistrationDelay"] = json!("45s")),
        ("slow start", |r| r["spec"]["services"][0]["slowStart"] = json!("30s")),
        ("algorithm", |r| r["spec"]["services"][0]["algorithm"] = json!("least_outstanding_requests")),
        ("access moved", |r| r["spec"]["access"]["loadBalancer"] = json!([{"cidr": "198.51.100.0/24"}])),
        ("access added", |r| r["spec"]["access"]["loadBalancer"] = json!([{"cidr": "0.0.0.0/0"}, {"cidr": "::/0"}])),
        ("ssh closed", |r| r["spec"]["access"]["ssh"] = json!([])),
        ("second listener", |r| {
            let listener = json!({"port": 81, "default": {"forward": "web"}});
            r["spec"]["loadBalancer"]["listeners"].as_array_mut().expect(SHAPE).push(listener);
        }),
        ("idle timeout", |r| r["spec"]["loadBalancer"]["idleTimeout"] = json!("120s")),
        ("deletion protection", |r| r["spec"]["loadBalancer"]["deletionProtection"] = json!(true)),
        ("tag added", |r| r["spec"]["tags"] = json!({"Team": "shop", "CostCenter": "42"})),
        ("tag changed", |r| r["spec"]["tags"] = json!({"Team": "other"})),
        ("tag dropped", |r| drop(r["spec"].as_object_mut().expect(SHAPE).remove("tags"))),
    ]
}

/// Edits that need new instances.
pub fn rolling() -> Vec<(&'static str, Edit)> {
    vec![
        ("image", |r| r["spec"]["image"]["amiId"] = json!(OTHER_IMAGE)),
        ("user data", |r| r["spec"]["instances"]["userData"] = json!("#cloud-config\nhostname: b")),
        ("type", |r| r["spec"]["instances"]["types"] = json!(["t3.large"])),
        ("key", |r| r["spec"]["instances"]["keyName"] = json!("shop-key")),
        ("block devices", |r| {
            r["spec"]["instances"]["blockDevices"] = json!([{"sizeGiB": 30, "type": "gp3", "encrypted": true}])
        }),
    ]
}

/// Edits of every kind.
pub fn all() -> Vec<Edit> {
    let counts: [Edit; 3] = [
        |r| r["spec"]["instances"]["count"] = json!(1),
        |r| r["spec"]["instances"]["count"] = json!(2),
        |r| r["spec"]["instances"]["count"] = json!(3),
    ];
    let port: Edit = |r| r["spec"]["services"][0]["port"] = json!(9090);
    in_place().into_iter().chain(rolling()).map(|(_, edit)| edit).chain(counts).chain([port]).collect()
}

/// Sources that one family may have beside a rule for the load balancer and one for its health check, and one to spare.
const SOURCES: u64 = 57;

/// The record with almost as many sources as its groups have room for: all new ones, or the same but for one.
pub fn wide(record: &Value, drawn: u64) -> Value {
    let (set, changed) = (drawn % 2, (drawn >> 8) % SOURCES);
    let source = |nth: u64| {
        let other = if nth == changed { 2 + (drawn >> 16) % 4 } else { set };
        json!({"cidr": format!("10.{other}.{nth}.0/24")})
    };
    let sources: Vec<Value> = (0..SOURCES).map(source).collect();
    let place = ["ssh", "loadBalancer"][usize::from((drawn >> 24).is_multiple_of(2))];
    let over = |record: &Value| {
        let mut wide = record.clone();
        wide["spec"]["access"][place] = json!(sources);
        crds_schema::parse(&wide).is_ok().then_some(wide)
    };
    over(record).or_else(|| over(&crate::record(2))).expect("there is room for them beside what these records name")
}
