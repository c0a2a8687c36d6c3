//! What is refused before an operation is looked at, and what is said of it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::client::{Cloud, ask};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// The status and the code of the answer to a call.
fn told(cloud: &Cloud, form: &str) -> (u16, String) {
    let reply = ask(cloud.running.address(), "POST /", &[FORM], form);
    let code = reply.body.split("<Code>").nth(1).and_then(|rest| rest.split('<').next());
    (reply.status, code.unwrap_or("none").to_owned())
}

#[test]
fn a_version_that_does_not_exist_is_refused_and_none_is_that_of_the_service() {
    let cloud = Cloud::with(0, "");
    assert_eq!(told(&cloud, "Action=DescribeVpcs&Version=2016-11-15"), (200, "none".into()));
    let signed = ("authorization", "AWS4-HMAC-SHA256 Credential=a/20261127/us-east-2/ec2/aws4_request, Signature=0");
    let of = |form: &str| ask(cloud.running.address(), "POST /", &[FORM, signed], form);
    assert_eq!(of("Action=DescribeVpcs").status, 200);
    let other = of("Action=DescribeVpcs&Version=2015-12-01");
    assert!(other.status == 400 && other.body.contains("<Code>NoSuchVersion</Code>"), "{}", other.body);
}

#[test]
fn a_rehearsed_read_is_refused_as_the_real_one_would_be() {
    let cloud = Cloud::with(0, "");
    let rehearsed = |rest: &str| told(&cloud, &format!("Version=2016-11-15&DryRun=true&Action={rest}"));
    assert_eq!(rehearsed("DescribeVpcs"), (412, "DryRunOperation".into()));
    assert_eq!(
        rehearsed("DescribeVpcs&Filter.1.Name=colour&Filter.1.Value.1=red"),
        (400, "InvalidParameterValue".into())
    );
    assert_eq!(rehearsed("DescribeInstances&InstanceId.1=foo"), (400, "InvalidInstanceID.Malformed".into()));
    let missing = "DescribeInstances&InstanceId.1=i-0123456789abcdef0";
    assert_eq!(rehearsed(missing), (400, "InvalidInstanceID.NotFound".into()));
}

#[test]
fn a_body_that_is_no_body_is_a_bad_request() {
    let cloud = Cloud::with(0, "");
    let mut stream = TcpStream::connect(cloud.running.address()).unwrap();
    let head = "POST / HTTP/1.1\r\nhost: cloud\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";
    stream.write_all(format!("{head}nonsense\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer.split(' ').nth(1), Some("400"), "{answer}");
}

#[test]
fn what_the_clock_and_the_faults_do_not_know_is_refused_by_its_name() {
    let cloud = Cloud::with(0, "");
    let asked = |line: &str, body: &str| {
        let reply = ask(cloud.running.address(), line, &[], body);
        (reply.status, serde_json::from_str::<Value>(&reply.body).unwrap()["field"].clone())
    };
    assert_eq!(asked("POST /_cloud/clock", r#"["1m", null]"#), (400, Value::Null));
    assert_eq!(asked("POST /_cloud/clock", r#"{"advance": "1m", "by": 2}"#), (400, json!("by")));
    assert_eq!(asked("GET /_cloud/state?colour=red", ""), (400, json!("colour")));
    assert_eq!(asked("POST /_cloud/faults", r#"{"kind": "throttle", "type": "t3.micro"}"#), (400, json!("type")));
}
