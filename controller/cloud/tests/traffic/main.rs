//! Real requests over loopback: what a load balancer's users see, and Redis's, and what the API makes of odd ones.
#![allow(clippy::unwrap_used)]

mod api;
mod client;
mod lag;
mod redis;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use client::{Cloud, Jar, Reply, ask};
use serde_json::json;

/// A request on a thread of its own, which is with its target when this returns.
fn hanging(to: SocketAddr, path: &'static str) -> JoinHandle<Reply> {
    let thread = std::thread::spawn(move || ask(to, &format!("GET {path}"), &[], ""));
    std::thread::sleep(Duration::from_millis(150));
    assert!(!thread.is_finished(), "it should hang");
    thread
}

/// How many of so many requests each instance got.
fn spread(to: SocketAddr, requests: usize) -> BTreeMap<String, usize> {
    let mut spread = BTreeMap::new();
    for _ in 0..requests {
        *spread.entry(ask(to, "GET /", &[], "").instance()).or_default() += 1;
    }
    spread
}

#[test]
fn two_targets_share_the_load_and_say_who_they_are() {
    let cloud = Cloud::with(2, "");
    let address = cloud.address();
    assert!(address.ip().is_loopback());
    assert_eq!(spread(address, 10).into_values().collect::<Vec<_>>(), [5, 5]);
    let reply = ask(address, "GET /?x=1", &[("x-forwarded-for", "9.9.9.9")], "some body");
    let page = reply.json();
    assert!(page["image"].as_str().unwrap().starts_with("ami-"), "{page}");
    assert_eq!((&page["count"], &page["store"]), (&json!(1), &json!("memory")));
    assert_eq!((&page["forwardedFor"], &page["forwardedPort"]), (&json!("9.9.9.9, 127.0.0.1"), &json!(80)));
    assert_eq!(ask(address, "GET /health", &[], "").json()["status"], "ok");
    let known: BTreeSet<String> = spread(address, 2).into_keys().collect();
    let state = cloud.state();
    let listed: BTreeSet<String> =
        state["instances"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(known, listed);
    let big = "x".repeat((1 << 20) + 1);
    assert_eq!(ask(address, "POST /", &[], &big[..1 << 20]).status, 200);
    assert_eq!(ask(address, "TRACE /", &[], "").status, 405);
    for (nameless, status) in [("GET / HTTP/1.1\r\nconnection: close", "400"), ("GET / HTTP/1.0", "200")] {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(format!("{nameless}\r\n\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(answer.split(' ').nth(1), Some(status), "{nameless}");
    }
}

#[test]
fn a_client_sticks_to_its_target_until_its_cookie_is_too_old() {
    let cloud = Cloud::with(2, "");
    cloud.set_group("stickiness.enabled", "true");
    cloud.set_group("stickiness.lb_cookie.duration_seconds", "60");
    let (address, mut jar) = (cloud.address(), Jar::default());
    let first = jar.get(address, "/");
    let cookies: Vec<&String> =
        first.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, cookie)| cookie).collect();
    let alb = cookies.iter().find(|cookie| cookie.starts_with("AWSALB=")).unwrap();
    assert!(alb.contains("; Expires=") && alb.ends_with("; Path=/"), "{alb}");
    let cors = cookies.iter().find(|cookie| cookie.starts_with("AWSALBCORS=")).unwrap();
    assert!(cors.ends_with("; SameSite=None"), "{cors}");
    assert!(cookies.iter().any(|cookie| cookie.starts_with("session=")), "{cookies:?}");
    assert_eq!((2..=5).map(|_| jar.count(address)).collect::<Vec<_>>(), [2, 3, 4, 5], "one target, one session");
    let kept = jar.0.clone();
    cloud.advance("61s");
    let after: BTreeSet<String> = (0..2)
        .map(|_| {
            jar.0.clone_from(&kept);
            jar.get(address, "/").instance()
        })
        .collect();
    assert_eq!(after.len(), 2, "it went on to whoever was next");
}

#[test]
fn who_has_no_target_gets_503_and_who_has_only_sick_ones_gets_what_they_say() {
    let cloud = Cloud::with(0, "");
    let address = cloud.address();
    let reply = ask(address, "GET /", &[], "");
    assert_eq!((reply.status, reply.header("server")), (503, Some("awselb/2.0")));
    assert!(reply.body.contains("503 Service Temporarily Unavailable"), "{}", reply.body);
    let id = cloud.add("");
    assert_eq!(ask(address, "GET /", &[], "").status, 502, "it boots, and refuses connections");
    cloud.advance("400s");
    assert_eq!(ask(address, "GET /", &[], "").status, 200);
    cloud.fault(&json!({"kind": "app-broken", "resource": id}));
    let reply = ask(address, "GET /", &[], "");
    assert_eq!((reply.status, reply.header("server")), (500, None), "the target said it");
    cloud.advance("300s");
    assert_eq!(ask(address, "GET /", &[], "").status, 500, "all are unhealthy: it fails open");
}

#[test]
fn an_application_that_hangs_is_waited_for_as_long_as_a_connection_may_idle() {
    let cloud = Cloud::with(1, "");
    let address = cloud.address();
    cloud.fault(&json!({"kind": "app-slow", "seed": 0}));
    let request = hanging(address, "/");
    cloud.advance("59s");
    std::thread::sleep(Duration::from_millis(50));
    assert!(!request.is_finished());
    cloud.advance("1s");
    let reply = request.join().unwrap();
    assert_eq!((reply.status, reply.header("server")), (504, Some("awselb/2.0")));
}

#[test]
fn a_target_whose_groups_let_nobody_in_is_a_connection_that_times_out() {
    let cloud = Cloud::with(1, "");
    let address = cloud.address();
    let (vpc, id) = (client::all(&cloud.ec2("DescribeVpcs", &[]), "vpcId").remove(0), spread(address, 1));
    let closed = [("GroupName", "closed"), ("GroupDescription", "closed"), ("VpcId", &*vpc)];
    let closed = client::all(&cloud.ec2("CreateSecurityGroup", &closed), "groupId").remove(0);
    let (id, _) = id.first_key_value().unwrap();
    cloud.ec2("ModifyInstanceAttribute", &[("InstanceId", id), ("GroupId.1", &closed)]);
    let request = hanging(address, "/");
    cloud.advance("10s");
    assert_eq!(request.join().unwrap().status, 504);
}

#[test]
fn an_answer_that_was_ready_before_its_target_left_comes_though_time_leapt_over_both() {
    let cloud = Cloud::with(1, "");
    let address = cloud.address();
    let (in_time, too_late) = (hanging(address, "/?wait=5s"), hanging(address, "/?wait=301s"));
    let id = spread(address, 1).into_keys().next().unwrap();
    cloud.deregister(&id);
    cloud.advance("10m");
    assert_eq!(in_time.join().unwrap().status, 200);
    assert_ne!(too_late.join().unwrap().status, 200);
}

#[test]
fn a_page_of_the_web_reaches_nothing() {
    let cloud = Cloud::with(0, "");
    let at = cloud.running.address();
    for said in [("origin", "http://evil.example"), ("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-origin")]
    {
        let reply = ask(at, "GET /?Action=DescribeVpcs&Version=2016-11-15", &[said], "");
        assert_eq!(reply.status, 403, "{said:?}");
    }
    assert_eq!(ask(at, "GET /_cloud/clock", &[("sec-fetch-site", "none")], "").status, 200);
}

#[test]
fn a_drain_lets_requests_finish_that_are_under_way_until_its_delay_is_over() {
    let cloud = Cloud::with(2, "");
    let address = cloud.address();
    let request = hanging(address, "/?wait=30s");
    let other = ask(address, "GET /", &[], "").instance();
    let all: BTreeSet<String> = spread(address, 4).into_keys().collect();
    let busy = all.iter().find(|id| **id != other).unwrap();
    cloud.deregister(busy);
    assert_eq!(spread(address, 4).into_keys().collect::<Vec<_>>(), std::slice::from_ref(&other), "nothing new");
    cloud.advance("30s");
    let reply = request.join().unwrap();
    assert_eq!((reply.status, &reply.instance()), (200, busy));

    cloud.set_group("deregistration_delay.timeout_seconds", "10");
    let request = hanging(address, "/?wait=50s");
    cloud.deregister(&other);
    cloud.advance("11s");
    assert_eq!(request.join().unwrap().status, 502, "its delay is over");
    assert_eq!(ask(address, "GET /", &[], "").status, 503);
}

#[test]
fn a_request_is_lost_with_its_instance() {
    let cloud = Cloud::with(1, "");
    let address = cloud.address();
    let request = hanging(address, "/?wait=30s");
    let id = cloud.state()["instances"][0]["id"].as_str().unwrap().to_owned();
    cloud.ec2("TerminateInstances", &[("InstanceId.1", &id)]);
    assert_eq!(request.join().unwrap().status, 502);
}

#[test]
fn rules_redirect_answer_and_forward() {
    let cloud = Cloud::with(1, "");
    let address = cloud.address();
    let rule = |priority: &str, path: &str, action: &[(&str, &str)]| {
        let named: Vec<(String, &str)> =
            action.iter().map(|(name, value)| (format!("Actions.member.1.{name}"), *value)).collect();
        let mut pairs = vec![
            ("ListenerArn", &*cloud.listener),
            ("Priority", priority),
            ("Conditions.member.1.Field", "path-pattern"),
            ("Conditions.member.1.Values.member.1", path),
        ];
        pairs.extend(named.iter().map(|(name, value)| (name.as_str(), *value)));
        cloud.elb("CreateRule", &pairs);
    };
    let to = [("Type", "redirect"), ("RedirectConfig.Path", "/new/#{path}"), ("RedirectConfig.StatusCode", "HTTP_302")];
    rule("1", "/old/*", &to);
    let fixed = [
        ("Type", "fixed-response"),
        ("FixedResponseConfig.StatusCode", "418"),
        ("FixedResponseConfig.ContentType", "text/plain"),
        ("FixedResponseConfig.MessageBody", "tea"),
    ];
    rule("2", "/tea", &fixed);
    let reply = ask(address, "GET /old/a?b=1", &[], "");
    assert_eq!((reply.status, reply.header("location")), (302, Some("http://web.example.com:80/new/old/a?b=1")));
    let reply = ask(address, "GET /tea", &[], "");
    assert_eq!((reply.status, &*reply.body, reply.header("content-type")), (418, "tea", Some("text/plain")));
    assert_eq!(ask(address, "GET /other", &[], "").status, 200);
    let said = [
        ("ListenerArn", &*cloud.listener),
        ("Attributes.member.1.Key", "routing.http.response.x_frame_options.header_value"),
        ("Attributes.member.1.Value", "DENY"),
        ("Attributes.member.2.Key", "routing.http.response.server.enabled"),
        ("Attributes.member.2.Value", "false"),
    ];
    cloud.elb("ModifyListenerAttributes", &said);
    let reply = ask(address, "GET /tea", &[], "");
    assert_eq!((reply.header("x-frame-options"), reply.header("server")), (Some("DENY"), None));
}

#[test]
fn a_listener_has_its_address_while_it_lives_and_its_load_balancer_is_active() {
    let cloud = Cloud::with(0, "");
    let address = cloud.address();
    cloud.elb("ModifyListener", &[("ListenerArn", &cloud.listener), ("Port", "81")]);
    assert_eq!((cloud.address_of(81), cloud.address_of(80)), (Some(address), None), "it keeps it");
    let secure = [
        ("ListenerArn", &*cloud.listener),
        ("Protocol", "HTTPS"),
        ("SslPolicy", "ELBSecurityPolicy-2016-08"),
        ("Certificates.member.1.CertificateArn", "arn:aws:iam::123456789012:server-certificate/web"),
    ];
    cloud.elb("ModifyListener", &secure);
    assert_eq!(cloud.address_of(81), None, "TLS is not spoken here");
    assert!(closed(address), "it is closed");
    cloud.elb("ModifyListener", &[("ListenerArn", &cloud.listener), ("Protocol", "HTTP")]);
    assert_eq!(cloud.address_of(81), Some(address), "it kept it");
    let mut idle = TcpStream::connect(address).unwrap();
    cloud.elb("DeleteListener", &[("ListenerArn", &cloud.listener)]);
    assert!(closed(address), "it is closed");
    idle.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert!(client::has_ended(&mut idle), "who is connected is told");
}

#[test]
fn the_same_calls_get_the_same_addresses_after_a_restart() {
    let addresses = || {
        let cloud = Cloud::of_seed(4711, 0, "");
        (cloud.address(), cloud.redis())
    };
    assert_eq!(addresses(), addresses());
}

#[test]
fn a_body_that_does_not_come_is_waited_for_in_the_clouds_time() {
    let cloud = Cloud::with(1, "");
    let mut stream = TcpStream::connect(cloud.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nab").unwrap();
    std::thread::sleep(Duration::from_millis(100));
    cloud.advance("60s");
    let mut line = [0; 12];
    stream.read_exact(&mut line).unwrap();
    assert_eq!(&line, b"HTTP/1.1 408");
    let mut stream = TcpStream::connect(cloud.address()).unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2000000\r\n\r\n").unwrap();
    stream.write_all(&vec![b'x'; (1 << 20) + 1]).unwrap();
    stream.read_exact(&mut line).unwrap();
    assert_eq!(&line, b"HTTP/1.1 413");
}

/// Whether nobody answers there before long.
fn closed(address: SocketAddr) -> bool {
    let began = Instant::now();
    while TcpStream::connect(address).is_ok() {
        if began.elapsed() > Duration::from_secs(20) {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    true
}

#[test]
fn an_idle_connection_is_closed_after_the_clouds_time_and_a_busy_one_is_used_again() {
    let cloud = Cloud::with(1, "");
    let mut stream = TcpStream::connect(cloud.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    for _ in 0..2 {
        stream.write_all(b"GET /health HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).unwrap();
        assert!(buffer[..read].starts_with(b"HTTP/1.1 200"), "{:?}", String::from_utf8_lossy(&buffer[..read]));
        cloud.advance("59s");
    }
    cloud.advance("1s");
    assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0);
}
