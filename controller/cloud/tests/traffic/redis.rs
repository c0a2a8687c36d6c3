//! The Redis that instances share, by its protocol, and what sessions in it are good for.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::{Cloud, Jar, ask};

/// What is answered to some bytes, in so many lines.
fn say(stream: &mut BufReader<TcpStream>, bytes: &[u8], lines: usize) -> String {
    stream.get_mut().write_all(bytes).unwrap();
    let mut answer = String::new();
    for _ in 0..lines {
        stream.read_line(&mut answer).unwrap();
    }
    answer
}

fn connect(cloud: &Cloud) -> BufReader<TcpStream> {
    let stream = TcpStream::connect(cloud.redis()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    BufReader::new(stream)
}

const SHARED: &str = "#!/bin/sh\nexport UNDERSTUDY_APP_SESSIONS=redis\n";

#[test]
fn it_speaks_its_protocol_in_the_clouds_time() {
    let cloud = Cloud::with(0, "");
    let mut redis = connect(&cloud);
    assert_eq!(say(&mut redis, b"PING\r\n", 1), "+PONG\r\n");
    let set = b"*5\r\n$3\r\nSET\r\n$1\r\na\r\n$2\r\nxy\r\n$2\r\nEX\r\n$2\r\n30\r\n";
    assert_eq!(say(&mut redis, set, 1), "+OK\r\n");
    assert_eq!(say(&mut redis, b"GET a\r\nTTL a\r\nINCR n\r\nDEL a n\r\n", 5), "$2\r\nxy\r\n:30\r\n:1\r\n:2\r\n");
    say(&mut redis, set, 1);
    cloud.advance("29s");
    assert_eq!(say(&mut redis, b"TTL a\r\n", 1), ":1\r\n");
    cloud.advance("1s");
    assert_eq!(say(&mut redis, b"GET a\r\n", 1), "$-1\r\n");
    assert_eq!(say(&mut redis, b"HELLO 3\r\n", 1), "%7\r\n");
    let mut other = connect(&cloud);
    assert_eq!(say(&mut other, b"SELECT 3\r\nCLIENT SETINFO LIB-NAME x\r\nQUIT\r\n", 3), "+OK\r\n+OK\r\n+OK\r\n");
    assert_eq!(other.read(&mut [0; 1]).unwrap(), 0, "it left");
    let mut browser = connect(&cloud);
    assert_eq!(say(&mut browser, b"POST / HTTP/1.1\r\nHost: a\r\n\r\n", 1), "", "browsers are not answered");
    let mut wrong = connect(&cloud);
    assert!(say(&mut wrong, b"*x\r\n", 1).starts_with("-ERR Protocol error"));
}

#[test]
fn shared_sessions_outlive_their_target_and_others_do_not() {
    for (user_data, outlives) in [(SHARED, true), ("", false)] {
        let cloud = Cloud::with(1, user_data);
        let (address, mut jar) = (cloud.address(), Jar::default());
        assert_eq!((jar.count(address), jar.count(address)), (1, 2));
        let old = jar.get(address, "/").instance();
        cloud.add(user_data);
        cloud.advance("400s");
        cloud.deregister(&old);
        let page = jar.get(address, "/").json();
        assert_ne!(page["instance"], json!(old));
        assert_eq!(page["count"], json!(if outlives { 4 } else { 1 }), "{page}");
    }
}

#[test]
fn a_reboot_takes_a_memory_along() {
    let cloud = Cloud::with(1, "");
    let (address, mut jar) = (cloud.address(), Jar::default());
    assert_eq!((jar.count(address), jar.count(address)), (1, 2));
    let id = jar.get(address, "/").instance();
    cloud.ec2("RebootInstances", &[("InstanceId.1", &id)]);
    assert_eq!(jar.get(address, "/").status, 502, "it boots");
    cloud.advance("61s");
    assert_eq!(jar.count(address), 1);
}

#[test]
fn without_redis_pages_fail_that_need_it_until_it_is_back() {
    let cloud = Cloud::with(1, SHARED);
    let (address, redis, mut jar) = (cloud.address(), cloud.redis(), Jar::default());
    assert_eq!(jar.count(address), 1);
    let mut connected = connect(&cloud);
    assert_eq!(say(&mut connected, b"PING\r\n", 1), "+PONG\r\n");
    let fault = cloud.fault(&json!({"kind": "redis-down"}));
    assert_eq!((jar.get(address, "/").status, jar.get(address, "/health").status), (500, 200));
    assert!(crate::client::has_ended(&mut connected), "connections end");
    let began = Instant::now();
    while TcpStream::connect(redis).is_ok() {
        assert!(began.elapsed() < Duration::from_secs(20), "it is still there");
    }
    assert_eq!(cloud.redis(), redis, "it is known where it will be");
    cloud.mend(&fault);
    assert_eq!(jar.count(address), 2, "what it held is still there");
    assert_eq!(say(&mut connect(&cloud), b"PING\r\n", 1), "+PONG\r\n");
    cloud.fault(&json!({"kind": "redis-down", "for": "10s"}));
    cloud.advance("10s");
    assert_eq!(jar.count(address), 3, "its time is over");
}

#[test]
fn a_deep_health_check_fails_with_redis() {
    let cloud = Cloud::with(1, &format!("{SHARED}UNDERSTUDY_APP_HEALTH=deep\n"));
    let address = cloud.address();
    cloud.fault(&json!({"kind": "redis-down"}));
    assert_eq!(ask(address, "GET /health", &[], "").status, 500);
}
