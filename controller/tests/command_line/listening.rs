//! Where a cloud can be told to listen.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Child;

use crate::world::World;

struct Cloud(Child);

impl Drop for Cloud {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A cloud that is told that, and where it says that it listens.
fn listening(world: &World, at: &str) -> (Cloud, SocketAddr) {
    let mut process = world.command(&["cloud", "--listen", at]).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let address = first.split("http://").nth(1).unwrap_or_else(|| panic!("{at}: {first}"));
    (Cloud(process), address.split(',').next().unwrap().parse().unwrap())
}

#[test]
fn a_cloud_listens_at_a_port_a_name_or_an_address() {
    let world = World::empty();
    let has_v6 = TcpListener::bind("[::1]:0").is_ok();
    for at in ["0", ":0", "localhost:0"] {
        let (_cloud, address) = listening(&world, at);
        assert_eq!(address.ip().to_string(), "127.0.0.1", "{at}");
        TcpStream::connect(address).unwrap();
        // Whoever is told that `localhost` is ::1 finds it too.
        assert_eq!(TcpStream::connect(("::1", address.port())).is_ok(), has_v6, "{at}");
    }
    for at in ["[::1]:0", "::1:0"].into_iter().filter(|_| has_v6) {
        let (_cloud, address) = listening(&world, at);
        assert_eq!(address.ip().to_string(), "::1", "{at}");
        TcpStream::connect(address).unwrap();
    }
    let (_cloud, address) = listening(&world, "127.0.0.1:0");
    assert!(TcpStream::connect(("::1", address.port())).is_err(), "only where it was told");
}

#[test]
fn what_is_no_place_to_listen_says_what_to_write() {
    let world = World::empty();
    let refused = |at: &str, words: &[&str]| {
        world.run(&["cloud", "--listen", at]).complains(2, &[&["--listen", at], words].concat());
    };
    refused("http://localhost:4570", &["HOST:PORT", "localhost:4566", "[::1]:4566", "such as `localhost:4570`"]);
    refused("a b", &["HOST:PORT", "127.0.0.1:4566"]);
    refused("localhost:99999", &["0 to 65535"]);
    world.run(&["cloud", "--listen", "cloud.invalid:0"]).complains(2, &["--listen", "`cloud.invalid`", "localhost"]);
    world.run(&["cloud", "--listen", "[::]:0"]).complains(2, &["[::]:0", "--allow-remote"]);
}
