//! What goes through a proxy, what never does, and what is said of it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;

use crate::world::{World, ended};

/// Nothing listens there.
const DEAD: &str = "http://me:secret@127.0.0.1:9";
/// A host that no name server knows: only a proxy could.
const FAR: &str = "http://dynamodb.example.invalid:8000";

/// With every variable that names a proxy.
fn behind(mut command: Command, proxy: &str) -> Command {
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
        command.env(name, proxy);
    }
    command
}

#[test]
fn what_is_on_this_machine_is_asked_straight_whatever_the_variables_say() {
    let world = World::new();
    ended(behind(world.command(&["get"]), DEAD)).yes();
    let here = world.endpoint().replace("127.0.0.1", "localhost");
    ended(behind(world.command(&["get", "--local", "--endpoint-url", &here]), DEAD)).yes();
}

#[test]
fn a_demonstration_needs_no_proxy() {
    let mut demo = behind(World::empty().command(&["demo", "--once", "--speed", "60"]), DEAD).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(demo.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let mut said = String::new();
    let _ = demo.kill();
    demo.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    demo.wait().unwrap();
    assert!(first.contains("on a simulated AWS of its own at http://127.0.0.1:"), "{first}{said}");
}

#[test]
fn a_proxy_that_does_not_answer_is_named_with_its_variable_and_without_its_password() {
    let world = World::empty();
    let mut command = world.command(&["get"]);
    command.env("AWS_ENDPOINT_URL_DYNAMODB", FAR).env("HTTP_PROXY", DEAD);
    let ran = ended(command).complains(
        2,
        &[FAR, "through the proxy http://127.0.0.1:9 of HTTP_PROXY", "NO_PROXY=dynamodb.example.invalid would"],
    );
    assert!(!ran.err.contains("secret"), "{ran:?}");
    // What is excepted is asked straight, and then nothing is said of a proxy.
    let mut command = behind(world.command(&["get"]), DEAD);
    command.env("AWS_ENDPOINT_URL_DYNAMODB", FAR).env("NO_PROXY", "example.invalid");
    let ran = ended(command).complains(2, &[FAR]);
    assert!(!ran.err.contains("proxy"), "{ran:?}");
}

#[test]
fn what_is_elsewhere_goes_through_the_proxy() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let asked = std::thread::spawn(move || {
        let (mut client, _) = proxy.accept().unwrap();
        let mut first = String::new();
        BufReader::new(client.try_clone().unwrap()).read_line(&mut first).unwrap();
        client.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n").unwrap();
        first
    });
    let world = World::empty();
    let mut command = world.command(&["get"]);
    command.env("AWS_ENDPOINT_URL_DYNAMODB", FAR).env("http_proxy", &address);
    ended(command).complains(2, &[FAR, "through the proxy http://127.0.0.1:", "of http_proxy", "HTTP 407"]);
    assert_eq!(asked.join().unwrap(), format!("POST {FAR}/ HTTP/1.1\r\n"));
}
