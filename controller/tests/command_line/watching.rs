//! What goes on printing, whose reader goes away, and what is refused while it is asked.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};

use serde_json::{Value, json};

use crate::world::{Ran, SHOP, World, ended};

#[test]
fn a_watch_prints_each_change_and_ends_with_its_environment() {
    let world = World::with_shop();
    let mut child = world.command(&["get", "shop", "-w", "-o", "json"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut count = || {
        let shown: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        shown["spec"]["instances"]["count"].as_u64().unwrap()
    };
    assert_eq!(count(), 2);
    world.apply(&SHOP.replace("count: 2", "count: 3"));
    assert_eq!(count(), 3);
    world.remove("shop", "SPEC");
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!((ran.status, ran.err.as_str()), (0, "stagingenvironment/shop deleted\n"));
}

#[test]
fn watched_events_are_each_printed_once() {
    let world = World::with_shop();
    let tell = |id: &str| {
        world.put(json!({
            "pk": "shop", "sk": format!("EVENT#{id}"), "id": id, "time": "2026-11-24T08:00:00Z", "type": "Warning",
            "reason": "MemberGone", "resource": "i-0001", "message": "it was terminated", "count": 1,
        }));
    };
    tell("1");
    let mut child = world.command(&["events", "shop", "-w", "-o", "json"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut id = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap()["id"].clone();
    assert_eq!(id(), "1");
    tell("2");
    assert_eq!(id(), "2");
    world.remove("shop", "SPEC");
    assert_eq!(Ran::of(child.wait_with_output().unwrap()).status, 0);
}

#[test]
fn a_reader_that_has_gone_is_no_failure() {
    let world = World::with_shop();
    let mut child = world.command(&["get", "-o", "json"]).spawn().unwrap();
    drop(child.stdout.take());
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
}

#[test]
fn a_denied_permission_names_the_action_the_table_and_the_statement_to_add() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        // Its first bytes are enough: whatever is asked is denied.
        let _ = stream.read(&mut request).unwrap();
        let body = r#"{"__type":"com.amazonaws.dynamodb#AccessDeniedException","Message":"not authorized"}"#;
        let head = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/x-amz-json-1.0\r\nConnection: close";
        let reply = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(reply.as_bytes()).unwrap();
    });
    let world = World::empty();
    ended(world.command(&["get", "shop", "--endpoint-url", &url])).complains(
        2,
        &["dynamodb:GetItem on table/understudy: was denied", r#""Action":["dynamodb:GetItem"],"Effect":"Allow""#],
    );
}
