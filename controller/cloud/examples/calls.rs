//! Asks one call over and over on a few connections, and says how often it was answered: for tests/cloud/bench.py.
//!
//! Usage: calls ADDR:PORT SERVICE CONNECTIONS SECONDS CALLS FORM: for so long, or so many calls, whichever ends first. `{n}` in the
//! form becomes another number each time. It prints one line of JSON: calls, calls a second, the answers that were not 200, and the middle and the 99th of a hundred answers in
//! microseconds. Plain blocking sockets, a thread each, so that it costs less than what it asks.

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Longest that an answer is waited for.
const WITHIN: Duration = Duration::from_secs(120);

/// What is asked, and of whom.
struct Asked {
    address: String,
    service: String,
    form: String,
    until: Instant,
    calls_max: u64,
    number: AtomicU64,
}

/// What one connection has seen.
#[derive(Default)]
struct Seen {
    micros: Vec<u64>,
    failed: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, service, connections, seconds, calls, form] = arguments.as_slice() else {
        return Err("usage: calls ADDR:PORT SERVICE CONNECTIONS SECONDS CALLS FORM".into());
    };
    let began = Instant::now();
    let asked = Arc::new(Asked {
        address: address.clone(),
        service: service.clone(),
        form: form.clone(),
        until: began + Duration::from_secs_f64(seconds.parse()?),
        calls_max: calls.parse()?,
        number: AtomicU64::new(0),
    });
    let threads: Vec<_> = (0..connections.parse::<usize>()?)
        .map(|_| {
            let asked = Arc::clone(&asked);
            std::thread::spawn(move || ask(&asked).map_err(|error| error.to_string()))
        })
        .collect();
    let mut all = Seen::default();
    for thread in threads {
        let seen = thread.join().map_err(|_| "a connection panicked")??;
        all.micros.extend(seen.micros);
        all.failed += seen.failed;
    }
    let took = began.elapsed().as_secs_f64();
    all.micros.sort_unstable();
    let calls = all.micros.len();
    let of_a_hundred = |part: usize| all.micros.get(calls * part / 100).copied().unwrap_or_default();
    println!(
        "{{\"calls\": {calls}, \"a_second\": {:.1}, \"failed\": {}, \"middle_us\": {}, \"p99_us\": {}}}",
        calls as f64 / took,
        all.failed,
        of_a_hundred(50),
        of_a_hundred(99),
    );
    Ok(())
}

/// Asks on one connection, or on the next one where the server ends it.
fn ask(asked: &Asked) -> Result<Seen, std::io::Error> {
    let mut seen = Seen::default();
    let mut connection = None;
    while Instant::now() < asked.until {
        let number = asked.number.fetch_add(1, Ordering::Relaxed);
        if number >= asked.calls_max {
            break;
        }
        let request = asked.request(&asked.form.replace("{n}", &number.to_string()));
        let began = Instant::now();
        let mut open = match connection.take() {
            Some(open) => open,
            None => connect(&asked.address)?,
        };
        open.get_mut().write_all(request.as_bytes())?;
        let answer = Answer::read(&mut open)?;
        seen.micros.push(u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX));
        seen.failed += u64::from(answer.status != 200);
        connection = Some(open).filter(|_| answer.stays_open);
    }
    Ok(seen)
}

fn connect(address: &str) -> Result<BufReader<TcpStream>, std::io::Error> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(WITHIN))?;
    Ok(BufReader::new(stream))
}

impl Asked {
    /// Signed by nobody: neither our cloud nor moto looks at more than the credential's scope.
    fn request(&self, form: &str) -> String {
        let Self { address, service, .. } = self;
        format!(
            "POST / HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/x-www-form-urlencoded\r\nAuthorization: \
             AWS4-HMAC-SHA256 Credential=any/20261127/us-east-2/{service}/aws4_request, SignedHeaders=host, \
             Signature=0\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        )
    }
}

/// What matters of an answer.
struct Answer {
    status: u16,
    stays_open: bool,
}

impl Answer {
    fn read(from: &mut impl BufRead) -> Result<Self, std::io::Error> {
        let mut line = String::new();
        from.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or_default();
        let mut stays_open = line.starts_with("HTTP/1.1");
        let mut length = None;
        loop {
            line.clear();
            from.read_line(&mut line)?;
            let lower = line.trim().to_ascii_lowercase();
            if lower.is_empty() {
                break;
            }
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse::<u64>().ok();
            }
            stays_open &= lower != "connection: close";
        }
        let read = match length {
            Some(length) => std::io::copy(&mut from.take(length), &mut std::io::sink())? == length,
            None => std::io::copy(from, &mut std::io::sink()).map(|_| false)?,
        };
        Ok(Self { status, stays_open: stays_open && read })
    }
}
