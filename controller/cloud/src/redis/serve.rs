//! One connection to Redis: commands are done in the order in which they come.

use std::cell::Cell;
use std::rc::Rc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::resp::{self, Malformed};
use super::{Client, Reply};
use crate::front::{Front, Site};

/// What browsers send, who may be led to any port of this machine by any page: Redis hangs up on it, too.
/// <https://github.com/redis/redis/blob/7.0.0/src/networking.c>
const OF_BROWSERS: [&[u8]; 2] = [b"POST", b"HOST:"];

/// Bytes of replies that wait to be sent, before no more commands are done.
const REPLIES_BYTES_MAX: usize = 1 << 20;

thread_local! {
    static CLIENTS: Cell<u64> = const { Cell::new(0) };
}

/// Serves one client until it leaves, or the port is closed.
pub(crate) async fn serve(front: Rc<Front>, site: Rc<Site>, mut stream: TcpStream, mut closed: watch::Receiver<()>) {
    let number = CLIENTS.get() + 1;
    CLIENTS.set(number);
    let mut client = Client::new(number);
    let (mut read, mut written) = (Vec::new(), Vec::new());
    while !client.leaves {
        let done = tokio::select! {
            biased;
            _ = closed.changed() => return,
            done = stream.read_buf(&mut read) => done,
        };
        match done {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        loop {
            let went = answer(&front, &site, &mut client, &mut read, &mut written);
            let sent = tokio::select! {
                biased;
                _ = closed.changed() => return,
                sent = stream.write_all(&written) => sent,
            };
            if sent.is_err() || went.is_err() {
                return;
            }
            written.clear();
            if went == Ok(Went::AllDone) {
                break;
            }
        }
    }
}

/// How far the commands were done that were read whole.
#[derive(Debug, PartialEq, Eq)]
enum Went {
    AllDone,
    /// Their replies are to be sent before there are more.
    Some,
}

/// Does every command that was read whole, as long as there is room for replies.
fn answer(
    front: &Front,
    site: &Site,
    client: &mut Client,
    read: &mut Vec<u8>,
    written: &mut Vec<u8>,
) -> Result<Went, Malformed> {
    let now = front.now();
    let mut at = 0;
    let went = loop {
        if client.leaves {
            break Ok(Went::AllDone);
        }
        if written.len() > REPLIES_BYTES_MAX {
            break Ok(Went::Some);
        }
        let (arguments, took) = match resp::parse(&read[at..]) {
            Ok(Some(parsed)) => parsed,
            Ok(None) => break Ok(Went::AllDone),
            Err(malformed) => {
                Reply::Error(format!("ERR Protocol error: {}", malformed.0)).write(client.third, written);
                break Err(malformed);
            }
        };
        at += took;
        let Some(name) = arguments.first() else { continue };
        if OF_BROWSERS.iter().any(|word| name.eq_ignore_ascii_case(word)) {
            break Err(Malformed("a browser"));
        }
        site.redis().execute(client, &arguments, now).write(client.third, written);
    };
    read.drain(..at);
    went
}
