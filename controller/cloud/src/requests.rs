//! One HTTP request: what it asks, what befalls it, and how it is answered.
//!
//! It is read whole, within limits, then answered at one instant of the cloud's time. Never: waits while it is answered, but
//! for DynamoDB and a fault that delays.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use simulator::cloud::{ReadLag, Refusal};
use tokio::sync::mpsc::UnboundedSender;

use crate::account::{Account, PAST, Region};
use crate::caller::{Caller, Service};
use crate::control::{self, Refused};
use crate::dynamodb::Passage;
use crate::envelope::{Query, status};
use crate::faults::Befalls;
use crate::front::{Front, Opened};
use crate::keeping::{Change, Keeper};
use crate::log::checksum;
use crate::operations::{Answer, Call, answer, answer_kept, is_read};
use crate::parameters::{Node, Wrong};
use crate::ssm;
use crate::sts;

/// Bytes of one body: EC2's largest requests carry some user data.
const BODY_BYTES_MAX: usize = 1 << 20;
/// Bytes of one body for DynamoDB, which takes up to 16 MB in a batch.
const DYNAMODB_BYTES_MAX: usize = 20 << 20;
/// How long a client may take to send a body.
const BODY_WITHIN: Duration = Duration::from_secs(30);
/// The region of a caller that names none: that of the example environment.
const REGION: &str = "us-east-2";

/// What every connection shares.
pub(crate) struct Shared {
    account: Rc<RefCell<Account>>,
    front: Rc<Front>,
    requests: Cell<u64>,
    dynamodb: Passage,
}

impl Shared {
    pub(crate) fn new(account: Account, dynamodb: Passage, opens: Option<UnboundedSender<Opened>>) -> Self {
        let account = Rc::new(RefCell::new(account));
        let front = Rc::new(Front::new(Rc::clone(&account), opens));
        Self { account, front, requests: Cell::new(0), dynamodb }
    }

    /// Lets somebody at the account.
    pub(crate) fn visit(&self, visit: impl FnOnce(&mut Account)) {
        visit(&mut self.account.borrow_mut());
        self.front.refresh();
    }

    /// Carries everything along while nobody asks, so that no call has to carry it along for days.
    pub(crate) fn tick(&self) {
        self.account.borrow_mut().carry();
        self.front.refresh();
    }

    /// The account, for tests.
    #[cfg(test)]
    pub(crate) fn account(&self) -> std::cell::RefMut<'_, Account> {
        self.account.borrow_mut()
    }

    /// The last thing that is done.
    pub(crate) fn rest(&self) {
        self.account.borrow_mut().note_time();
    }
}

pub(crate) type Reply = Response<Full<Bytes>>;

/// `Err` ends the connection without an answer.
pub(crate) async fn handle(shared: Rc<Shared>, request: Request<Incoming>) -> Result<Reply, Unanswered> {
    let mut reply = answered(&shared, request).await?;
    // The cloud's time, by which readers judge how old a record is. <https://www.rfc-editor.org/rfc/rfc9110#section-6.6.1>
    let now = {
        let mut account = shared.account.borrow_mut();
        account.note_asked();
        account.time.now()
    };
    let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&now).ok();
    if let Some(date) = date.and_then(|date| http::HeaderValue::from_str(&date).ok()) {
        reply.headers_mut().insert(http::header::DATE, date);
    }
    Ok(reply)
}

async fn answered(shared: &Shared, request: Request<Incoming>) -> Result<Reply, Unanswered> {
    let (head, body) = request.into_parts();
    if is_of_a_page(&head.headers) {
        return Ok(plain(StatusCode::FORBIDDEN, "pages of the web are not answered".to_owned()));
    }
    let most = if Caller::of(&head.headers, head.uri.query()).is_of_dynamodb(&head.headers) {
        DYNAMODB_BYTES_MAX
    } else {
        BODY_BYTES_MAX
    };
    let body = match tokio::time::timeout(BODY_WITHIN, Limited::new(body, most).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            return Ok(plain(StatusCode::PAYLOAD_TOO_LARGE, format!("a body has at most {most} bytes")));
        }
        Ok(Err(error)) => return Ok(plain(StatusCode::BAD_REQUEST, format!("the body cannot be read: {error}"))),
        Err(_) => return Ok(plain(StatusCode::REQUEST_TIMEOUT, "the body did not come in time".to_owned())),
    };
    respond(shared, &head, &body).await
}

/// Whether a page of the web asks, through its reader's browser: that says so of what is posted by `Origin`, and of whatever else
/// by `Sec-Fetch-Site`, which is `none` only where the reader asks for it themselves. <https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Site>
fn is_of_a_page(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").is_some_and(|value| value != "none");
    headers.contains_key(http::header::ORIGIN) || site
}

/// Answers a request that was read whole.
pub(crate) async fn respond(shared: &Shared, head: &Parts, body: &Bytes) -> Result<Reply, Unanswered> {
    let caller = Caller::of(&head.headers, head.uri.query());
    if let Some(path) = head.uri.path().strip_prefix("/_cloud/") {
        let mut named = None;
        for (name, value) in form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes()) {
            if name != "region" {
                let refused = Refused::field(&name, "is unknown; the only parameter there is region");
                return Ok(json(StatusCode::BAD_REQUEST, &serde_json::json!(refused)));
            }
            named = Some(value.into_owned());
        }
        let region = named.as_deref().or(caller.region.as_deref()).unwrap_or(REGION);
        if path == "state" {
            // It shows where a region's ports are, so they are open by then.
            shared.account.borrow_mut().region_mut(region);
            shared.front.refresh();
        }
        let (status, value) = control::answer_kept(&mut shared.account.borrow_mut(), &head.method, path, body, region);
        shared.front.refresh();
        return Ok(json(status, &value));
    }
    let asked = Asked { method: &head.method, headers: &head.headers, query: head.uri.query(), body, caller };
    asked.answer(shared).await
}

/// A fault took the answer.
#[derive(Debug, thiserror::Error)]
#[error("a fault took the answer")]
pub(crate) struct Unanswered;

/// A request, read whole.
struct Asked<'a> {
    method: &'a Method,
    headers: &'a HeaderMap,
    query: Option<&'a str>,
    body: &'a Bytes,
    caller: Caller,
}

impl Asked<'_> {
    /// Answers it, and says so.
    async fn answer(&self, shared: &Shared) -> Result<Reply, Unanswered> {
        let (request_id, began) = (request_id(shared), Instant::now());
        let parameters = self.parameters();
        let known = parameters.as_ref().ok();
        let service =
            self.caller.service(self.headers, known.unwrap_or(&Node::default())).map_or("none", Service::name);
        let action = known.and_then(|known| known.leaf("Action")).or(self.target()).unwrap_or_default().to_owned();
        let reply = self.answered(shared, parameters, &request_id).await;
        let status = reply.as_ref().ok().map(|reply| reply.status().as_u16());
        // Of what is refused by a service of the Query protocol.
        let code = reply.as_ref().map_or(Some("unanswered"), |reply| reply.extensions().get().map(|Code(code)| *code));
        let region = self.caller.region.as_deref().unwrap_or(REGION);
        let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        tracing::debug!(service, action, region, request_id, status, code, micros, "call");
        reply
    }

    /// What a JSON protocol is asked for: the operation, after the service's name.
    fn target(&self) -> Option<&str> {
        self.headers.get("x-amz-target")?.to_str().ok()?.split('.').nth(1)
    }

    async fn answered(
        &self,
        shared: &Shared,
        parameters: Result<Node, Wrong>,
        request_id: &str,
    ) -> Result<Reply, Unanswered> {
        let parameters = match parameters {
            Ok(parameters) => parameters,
            Err(wrong) => {
                let service = self.caller.service(self.headers, &Node::default());
                let query = service.and_then(Query::of).unwrap_or(Query::Ec2);
                return Ok(refused(query, &query.misread(&wrong), request_id));
            }
        };
        let Some(service) = self.caller.service(self.headers, &parameters) else {
            let message = "only EC2, ELBv2, STS, SSM and DynamoDB answer here, and neither credential, Version nor \
                           X-Amz-Target names one of them";
            let refusal = Refusal { code: "InvalidAction", message: message.into() };
            return Ok(refused(Query::Sts, &refusal, request_id));
        };
        if service == Service::DynamoDb {
            return Ok(shared.dynamodb.hand_on(self.headers, self.body.clone()).await);
        }
        match Query::of(service) {
            Some(query) => self.query(shared, query, parameters, request_id).await,
            None => {
                let target = self.headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
                let (status, answer) = ssm::answer(target, self.caller.region.as_deref().unwrap_or(REGION), self.body);
                Ok(json(status, &answer))
            }
        }
    }

    /// The parameters of a Query request, from the URL and a form in the body.
    fn parameters(&self) -> Result<Node, Wrong> {
        let form = self.headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let is_form = form.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        let body: &[u8] = if self.method == Method::POST && is_form { self.body } else { &[] };
        let in_url = form_urlencoded::parse(self.query.unwrap_or_default().as_bytes());
        let pairs = in_url.chain(form_urlencoded::parse(body));
        let tree = Node::tree(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())));
        let mut tree = tree?;
        // How the request was signed is no parameter of its operation.
        tree.retain(|name| !name.starts_with("X-Amz-") && !SIGNING.contains(&name));
        Ok(tree)
    }

    async fn query(
        &self,
        shared: &Shared,
        query: Query,
        mut parameters: Node,
        request_id: &str,
    ) -> Result<Reply, Unanswered> {
        let region = self.caller.region.as_deref().unwrap_or(REGION);
        let version = parameters.take("Version");
        let action = parameters.take("Action").unwrap_or_default();
        if let Err(refusal) = query.check_version(version.as_deref(), &action) {
            return Ok(refused(query, &refusal, request_id));
        }
        let dry_run =
            match Some(query).filter(|query| *query == Query::Ec2).and_then(|_| parameters.take("DryRun")).as_deref() {
                None | Some("false" | "False") => false,
                Some("true" | "True") => true,
                Some(other) => {
                    let why = format!("'{other}' is neither true nor false");
                    let wrong = Wrong::Invalid { path: "DryRun".into(), why };
                    return Ok(refused(query, &query.misread(&wrong), request_id));
                }
            };
        let befalls = match shared.befalls(query, region, &action, &parameters) {
            Ok(befalls) => befalls,
            Err(refusal) => return Ok(refused(query, &refusal, request_id)),
        };
        let reply = match befalls {
            Some(Befalls::RequestLost) => return Err(Unanswered),
            Some(Befalls::Throttle) => refused(query, &query.throttled(), request_id),
            Some(Befalls::ReplyLost | Befalls::Delay(_) | Befalls::StaleRead) | None => {
                let stale = befalls == Some(Befalls::StaleRead);
                let what = Doing { query, action: &action, dry_run, request_id, stale };
                let reply = shared.done(self, &what, parameters);
                shared.front.refresh();
                reply
            }
        };
        match befalls {
            Some(Befalls::ReplyLost) => return Err(Unanswered),
            Some(Befalls::Delay(by)) => tokio::time::sleep(by).await,
            Some(Befalls::RequestLost | Befalls::Throttle | Befalls::StaleRead) | None => {}
        }
        Ok(reply)
    }
}

impl Shared {
    /// The fault that meets a call, if one does.
    fn befalls(&self, query: Query, name: &str, action: &str, parameters: &Node) -> Result<Option<Befalls>, Refusal> {
        let mut account = self.account.borrow_mut();
        let (keeper, clock) = (account.keeper(), account.time.clock().clone());
        let Some(Region { faults, .. }) = account.region_mut(name) else { return Ok(None) };
        let found = faults.find(action, is_read(query, action), |resource| parameters.names(resource));
        let Some((number, befalls)) = found else { return Ok(None) };
        if faults.is_counted(number) {
            keeper.keep(clock.since_epoch(), Change::Met { region: name.to_owned(), fault: number })?;
            faults.spend(number);
        }
        Ok(Some(befalls))
    }

    /// Does a call.
    fn done(&self, asked: &Asked<'_>, what: &Doing<'_>, parameters: Node) -> Reply {
        let Doing { query, action, dry_run, request_id, stale } = *what;
        let region = asked.caller.region.as_deref().unwrap_or(REGION);
        let mut account = self.account.borrow_mut();
        let (lag, keeper, clock) = (account.lag(), account.keeper(), account.time.clock().clone());
        let outcome: Answer = match account.region_mut(region) {
            None => {
                Err(Refusal { code: "InvalidParameterValue", message: format!("there is no region {region} here") })
            }
            Some(Region { cloud, .. }) => {
                cloud.set_read_lag(if stale { ReadLag::Fixed(PAST).into() } else { lag });
                let call = Call { cloud, query, action, dry_run, request_id };
                if query == Query::Sts && action == "GetCallerIdentity" {
                    sts::get_caller_identity(&call, parameters, asked.caller.access_key.as_deref())
                } else if dry_run || is_read(query, action) || !keeper.keeps() {
                    answer(&call, parameters)
                } else {
                    kept(&call, region, parameters, clock.since_epoch(), &keeper)
                }
            }
        };
        match outcome {
            Ok(body) => xml(StatusCode::OK, body, request_id),
            Err(refusal) => refused(query, &refusal, request_id),
        }
    }
}

/// Does a call that may change something, and keeps that before it does.
fn kept(call: &Call<'_>, region: &str, parameters: Node, at: Duration, keeper: &Keeper) -> Answer {
    let mut said = parameters.clone();
    let mut keep = |body: &[u8]| {
        let (region, action, parameters) = (region.to_owned(), call.action.to_owned(), std::mem::take(&mut said));
        keeper.keep(at, Change::Call { region, service: call.query, action, parameters, answer: checksum(body) })
    };
    answer_kept(call, parameters, Some(&mut keep))
}

/// A call that is to be done.
#[derive(Clone, Copy)]
struct Doing<'a> {
    query: Query,
    action: &'a str,
    dry_run: bool,
    request_id: &'a str,
    /// Whether it sees the world as it was a while ago.
    stale: bool,
}

/// What a call was refused with, for who tells of it.
#[derive(Debug, Clone, Copy)]
struct Code(&'static str);

/// Parameters that older clients sign with.
const SIGNING: [&str; 7] =
    ["AWSAccessKeyId", "SignatureMethod", "SignatureVersion", "Signature", "Timestamp", "Expires", "SecurityToken"];

/// What an answer is known by: a number in the shape that AWS gives it.
fn request_id(shared: &Shared) -> String {
    let number = shared.requests.get() + 1;
    shared.requests.set(number);
    format!("00000000-0000-4000-8000-{number:012x}")
}

fn refused(query: Query, refusal: &Refusal, request_id: &str) -> Reply {
    match query.refusal(refusal, request_id) {
        Ok(body) => {
            let mut reply = xml(status(refusal.code), body, request_id);
            reply.extensions_mut().insert(Code(refusal.code));
            reply
        }
        Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

fn xml(status: StatusCode, body: Vec<u8>, request_id: &str) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from(body)));
    *reply.status_mut() = status;
    reply.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("text/xml;charset=UTF-8"));
    if let Ok(value) = http::HeaderValue::from_str(request_id) {
        reply.headers_mut().insert("x-amzn-requestid", value);
    }
    reply
}

fn json(status: StatusCode, value: &serde_json::Value) -> Reply {
    let mut reply = plain(status, value.to_string());
    reply.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    reply
}

fn plain(status: StatusCode, text: String) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from(text + "\n")));
    *reply.status_mut() = status;
    reply
}
