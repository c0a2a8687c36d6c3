//! A load of real HTTP over keep-alive connections, and what its users would lose: `load [ADDRESS [SECONDS [CONNECTIONS]]]`.
//!
//! Without an address it makes a cloud of its own, with a load balancer and two targets. Prints requests a second, answers by
//! status, and connections that were lost.
#![allow(clippy::unwrap_used)]

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[allow(dead_code)]
#[path = "../tests/traffic/client.rs"]
mod client;

#[derive(Default)]
struct Seen {
    statuses: RefCell<BTreeMap<u16, u64>>,
    lost: Cell<u64>,
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let given: Option<SocketAddr> = arguments.next().map(|text| text.parse().unwrap());
    let seconds = arguments.next().map_or(5, |text| text.parse().unwrap());
    let connections: usize = arguments.next().map_or(32, |text| text.parse().unwrap());
    let own = given.is_none().then(|| client::Cloud::with(2, ""));
    let address = given.unwrap_or_else(|| own.as_ref().unwrap().address());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let seen = Rc::new(Seen::default());
    let began = Instant::now();
    let until = began + Duration::from_secs(seconds);
    let local = tokio::task::LocalSet::new();
    for _ in 0..connections {
        let seen = Rc::clone(&seen);
        local.spawn_local(async move {
            while Instant::now() < until {
                if connection(address, until, &seen).await.is_err() {
                    seen.lost.set(seen.lost.get() + 1);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        });
    }
    runtime.block_on(local);
    let statuses = seen.statuses.borrow();
    let all: u64 = statuses.values().sum();
    println!("{:.0} requests/s: {statuses:?}, {} lost", all as f64 / began.elapsed().as_secs_f64(), seen.lost.get());
}

/// Requests on one connection, one after another.
async fn connection(address: SocketAddr, until: Instant, seen: &Seen) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(4096);
    let mut session: Option<String> = None;
    while Instant::now() < until {
        let cookie = session.as_ref().map_or(String::new(), |session| format!("cookie: session={session}\r\n"));
        stream.write_all(format!("GET / HTTP/1.1\r\nhost: web\r\n{cookie}\r\n").as_bytes()).await?;
        buffer.clear();
        let (status, head) = loop {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let Some(head) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            let text = std::str::from_utf8(&buffer[..head]).unwrap();
            let length = text.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
            if buffer.len() >= head + 4 + length.and_then(|text| text.parse::<usize>().ok()).unwrap_or(0) {
                break (text[9..12].parse().unwrap(), text.to_owned());
            }
        };
        if let Some(set) = head.split("set-cookie: session=").nth(1) {
            session = set.split(';').next().map(str::to_owned);
        }
        *seen.statuses.borrow_mut().entry(status).or_default() += 1;
    }
    Ok(())
}
