//! A connection to a load balancer, and each request on it: decided about, brought to its target, answered.
//!
//! What becomes of a request whose target fails: <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html>.
//! Times are the cloud's.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::header::{CONTENT_TYPE, HOST, LOCATION, SERVER, SET_COOKIE};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::Timestamp;
use simulator::cloud::traffic::{Answer, Asked, Decision, Forward, Listener, Meets};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::{Front, Site};
use crate::application::{Arrived, Page, session_of, waits};

/// Headers of one request, and the bytes of all of them: "the entire request header: 64 K".
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html>
const HEADERS_MAX: usize = 100;
const HEADER_BYTES_MAX: usize = 64 << 10;
/// Bytes of one body, which nobody reads.
const BODY_BYTES_MAX: u64 = 1 << 20;
/// "The connection timeout expired (10 seconds)": HTTP 504.
const CONNECTS_WITHIN: Duration = Duration::from_secs(10);
/// What a client is given at least, of real time: where the cloud's goes fast it would be hung up on for being a process among
/// others.
const SAYS_WITHIN: Duration = Duration::from_secs(1);
/// How long a client may take to send its headers, of real time, though the cloud's stands still: the longest idle timeout.
const HEADERS_WITHIN: Duration = Duration::from_secs(4000);

type Reply = Response<Full<Bytes>>;

/// The listener is gone: the connection ends without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the listener is gone")]
struct Gone;

/// What a connection is doing.
#[derive(Debug)]
struct Busy {
    underway: Cell<u32>,
    /// When the last request ended, of the cloud's time and of real time.
    since: Cell<(Duration, Instant)>,
}

/// A request that is with a target.
struct Underway<'a> {
    site: &'a Site,
    forward: Forward,
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        self.site.done(&self.forward);
    }
}

/// How waiting for a target ended.
#[derive(Debug, PartialEq, Eq)]
enum Waited {
    Long,
    /// The target went away meanwhile.
    Lost,
}

/// Serves one client until it leaves, is idle for too long, or the listener is gone.
pub(super) async fn serve(
    front: Rc<Front>,
    site: Rc<Site>,
    arn: Rc<str>,
    (stream, peer): (TcpStream, SocketAddr),
    mut closed: watch::Receiver<()>,
) {
    let busy = Rc::new(Busy { underway: Cell::new(0), since: Cell::new((front.now(), Instant::now())) });
    let service = hyper::service::service_fn(|request| {
        let (front, site, arn, busy) = (Rc::clone(&front), Rc::clone(&site), Rc::clone(&arn), Rc::clone(&busy));
        async move {
            busy.underway.set(busy.underway.get() + 1);
            let reply = handle(&front, &site, &arn, peer, request).await;
            busy.underway.set(busy.underway.get() - 1);
            busy.since.set((front.now(), Instant::now()));
            reply
        }
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADERS_WITHIN);
    http.max_headers(HEADERS_MAX).max_buf_size(HEADER_BYTES_MAX);
    let connection = http.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let mut is_open = true;
    loop {
        // Nobody asks.
        let listener = front.look(&site).and_then(|(table, _)| table.listener(&arn).cloned());
        let idle = listener.map_or(HEADERS_WITHIN, |listener| listener.idle_timeout());
        // Who has a request under way is not idle.
        let (since, really) = if busy.underway.get() == 0 { busy.since.get() } else { (front.now(), Instant::now()) };
        let ends = (since + idle, really + SAYS_WITHIN);
        tokio::select! {
            done = connection.as_mut() => {
                if let Err(error) = done {
                    tracing::debug!(%error, "a connection ended");
                }
                return;
            }
            _ = closed.changed(), if is_open => {
                is_open = false;
                connection.as_mut().graceful_shutdown();
            }
            () = rest(&front, ends) => {}
        }
        let (since, really) = busy.since.get();
        let is_idle = front.now() >= since + idle && really.elapsed() >= SAYS_WITHIN;
        if busy.underway.get() == 0 && (is_idle || !is_open) {
            return;
        }
    }
}

/// Waits until both instants, or until something may have changed.
async fn rest(front: &Front, (at, really): (Duration, Instant)) {
    if front.now() < at {
        front.pass_until(at).await;
    } else {
        tokio::time::sleep_until(really.into()).await;
    }
}

async fn handle(
    front: &Front,
    site: &Site,
    arn: &str,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Reply, Gone> {
    let (head, body) = request.into_parts();
    if let Some(refusal) = read(front, site, arn, body).await {
        return Ok(refusal);
    }
    let headers: Vec<(&str, &str)> = head
        .headers
        .iter()
        .filter_map(|(name, value)| value.to_str().ok().map(|value| (name.as_str(), value)))
        .collect();
    let asked = Asked {
        method: head.method.as_str(),
        host: host(&head),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        headers: &headers,
        source: peer.ip(),
    };
    let (table, now) = front.table(site).ok_or(Gone)?;
    let listener = table.listener(arn).ok_or(Gone)?;
    // "The client sent a malformed request that does not meet the HTTP specification": HTTP 400.
    if head.version == Version::HTTP_11 && asked.host.is_empty() {
        return Ok(own(listener, &Answer::page(400)));
    }
    let decision = site.traffic.borrow_mut().decide(&table, listener, &asked, now);
    match decision {
        Decision::Answer(answer) => Ok(own(listener, &answer)),
        Decision::Forward(forward) => {
            let underway = Underway { site, forward };
            Ok(forwarded(front, &underway, listener, &asked, peer.port()).await)
        }
    }
}

/// Brings a request to its target, and the answer back.
async fn forwarded(
    front: &Front,
    underway: &Underway<'_>,
    listener: &Listener,
    asked: &Asked<'_>,
    client_port: u16,
) -> Reply {
    let (site, forward) = (underway.site, &underway.forward);
    let began = front.now();
    let times_out = began + listener.idle_timeout();
    let page = match forward.target().meets(asked.path, began) {
        Meets::Nobody => {
            front.sleep_until(began + CONNECTS_WITHIN).await;
            return own(listener, &Answer::page(504));
        }
        Meets::Refusal => return own(listener, &Answer::page(502)),
        Meets::Silence => return own(listener, &Answer::page(silence(front, underway, times_out).await)),
        Meets::Broken(status) => Page::broken(status),
        Meets::Application => {
            let ready = began + waits(asked.query);
            if ready > began {
                let waited = wait(front, underway, ready.min(times_out)).await;
                if waited == Waited::Lost {
                    return own(listener, &Answer::page(502));
                }
                if ready > times_out {
                    return own(listener, &Answer::page(504));
                }
            }
            answered(front, underway, listener, asked, client_port)
        }
    };
    let Some((table, now)) = front.table(site) else { return own(listener, &Answer::page(502)) };
    let sets = |name: &str| page.cookie.as_ref().is_some_and(|(own, _)| *own == name);
    // A cloud that was put away for a week is behind the clock by which browsers throw cookies away.
    let date = table.date(now).max(Timestamp::now());
    let cookies = site.traffic.borrow_mut().cookies(forward, now, date, sets);
    reply(listener, page, cookies)
}

/// What the target's application says.
fn answered(front: &Front, underway: &Underway<'_>, listener: &Listener, asked: &Asked<'_>, client_port: u16) -> Page {
    let site = underway.site;
    let Some((table, now)) = front.table(site) else { return Page::broken(500) };
    let forwarded_for = listener.forwarded_for(asked, client_port);
    let arrived = Arrived {
        path: asked.path,
        session: session_of(|name| asked.cookie(name)),
        forwarded_for: forwarded_for.as_deref(),
        forwarded_port: listener.port(),
    };
    let mut redis = (!table.redis_down()).then(|| site.redis());
    site.applications.borrow_mut().answer(underway.forward.target(), redis.as_deref_mut(), &arrived, now)
}

/// "The target did not respond before the idle timeout period elapsed": 504, unless it went away meanwhile.
async fn silence(front: &Front, underway: &Underway<'_>, times_out: Duration) -> u16 {
    match wait(front, underway, times_out).await {
        Waited::Long => 504,
        Waited::Lost => 502,
    }
}

/// Waits until then for a target. It is lost when its instance does not run on, or when "the deregistration delay period elapsed
/// for a request being handled by a target that was deregistered": 502.
async fn wait(front: &Front, underway: &Underway<'_>, until: Duration) -> Waited {
    let mut drained_at = None;
    loop {
        let Some((table, now)) = front.table(underway.site) else { return Waited::Lost };
        // Time may have leapt: what it alone brings after `until` comes too late.
        if now >= until && drained_at.is_some_and(|at: Option<Duration>| at.is_none_or(|at| at >= until)) {
            return Waited::Long;
        }
        if !table.keeps(&underway.forward) {
            return Waited::Lost;
        }
        if now >= until {
            return Waited::Long;
        }
        drained_at = Some(table.drained_at(&underway.forward));
        front.pass_until(until).await;
    }
}

/// Reads a body to its end. An answer, if it does not come to that.
async fn read(front: &Front, site: &Site, arn: &str, mut body: Incoming) -> Option<Reply> {
    if body.is_end_stream() {
        return None;
    }
    let (table, _) = front.table(site)?;
    let listener = table.listener(arn)?;
    // "Send at least 1 byte of data before each idle timeout period elapses."
    let silent = async || {
        let (until, really) = (front.now() + listener.idle_timeout(), Instant::now() + SAYS_WITHIN);
        front.sleep_until(until).await;
        tokio::time::sleep_until(really.into()).await;
    };
    let mut bytes = 0;
    loop {
        let frame = tokio::select! {
            frame = body.frame() => frame,
            () = silent() => return Some(own(listener, &Answer::page(408))),
        };
        match frame {
            None => return None,
            Some(Err(_)) => return Some(own(listener, &Answer::page(400))),
            Some(Ok(frame)) => {
                bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                if bytes > BODY_BYTES_MAX {
                    return Some(own(listener, &Answer::page(413)));
                }
            }
        }
    }
}

fn host(head: &Parts) -> &str {
    let named = head.headers.get(HOST).and_then(|value| value.to_str().ok());
    named.or(head.uri.authority().map(http::uri::Authority::as_str)).unwrap_or_default()
}

/// An answer of the load balancer's own.
fn own(listener: &Listener, answer: &Answer) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from(answer.body.clone())));
    *reply.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = reply.headers_mut();
    if listener.names_itself() {
        headers.insert(SERVER, HeaderValue::from_static("awselb/2.0"));
    }
    for (name, value) in [(CONTENT_TYPE, &answer.content_type), (LOCATION, &answer.location)] {
        if let Some(value) = value.as_ref().and_then(|value| HeaderValue::from_str(value).ok()) {
            headers.insert(name, value);
        }
    }
    add_headers(listener, &mut reply);
    reply
}

/// A target's answer.
fn reply(listener: &Listener, page: Page, cookies: Vec<String>) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from(page.body + "\n")));
    *reply.status_mut() = StatusCode::from_u16(page.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let session = page.cookie.map(|(name, value)| format!("{name}={value}; Path=/; HttpOnly"));
    for cookie in session.into_iter().chain(cookies) {
        if let Ok(value) = HeaderValue::try_from(cookie) {
            headers.append(SET_COOKIE, value);
        }
    }
    add_headers(listener, &mut reply);
    reply
}

fn add_headers(listener: &Listener, reply: &mut Reply) {
    for (name, value) in listener.headers() {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name.as_str()), HeaderValue::from_str(value)) {
            reply.headers_mut().insert(name, value);
        }
    }
}
