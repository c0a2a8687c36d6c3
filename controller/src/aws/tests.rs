//! The adapter against a wire of its own: what it sends, what it makes of AWS's replies, and of AWS's errors.
//!
//! Nothing listens and nothing sleeps: the SDK's HTTP client is a list of answers, and its timer ends at once or never.
//! Written here rather than taken from the SDK's test utilities, whose features would compile the SDK a second time.

#![allow(clippy::unwrap_used)]

mod errors;
mod reads;
mod replies;
mod requests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_api::{CloudError, Read, Reply, Request, Write};
use aws_sdk_ec2::config::{AsyncSleep, Credentials, SharedAsyncSleep, SharedCredentialsProvider, Sleep};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use ports::Cloud;

use super::{Aws, config};

const REGION: &str = "us-east-2";
/// AWS's id of every request; the SDK takes it from the header, not from the body.
const REQUEST_ID: &str = "59dbff89-35bd-4eac-99ed-be587example";
const CALL_MAX: Duration = Duration::from_secs(4);

/// What the wire does with a request.
#[derive(Debug, Clone)]
enum Answers {
    /// Answers with that status and body.
    With(u16, String),
    /// Resets the connection: the request may have arrived.
    Reset,
    /// Never answers.
    Never,
}

/// An HTTP client that answers from a list and keeps what it was sent.
#[derive(Debug, Clone, Default)]
struct Wire(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    answers: VecDeque<Answers>,
    /// Each request: where to, and its form's fields.
    requests: Vec<(String, BTreeMap<String, String>)>,
}

impl Wire {
    fn that(answers: impl IntoIterator<Item = Answers>) -> Self {
        let wire = Self::default();
        wire.0.lock().unwrap().answers.extend(answers);
        wire
    }

    /// A wire on which one call is answered so.
    fn with(status: u16, body: &str) -> Self {
        Self::that([Answers::With(status, body.to_owned())])
    }

    fn client(&self) -> SharedHttpClient {
        let connector = SharedHttpConnector::new(self.clone());
        http_client_fn(move |_, _| connector.clone())
    }

    async fn aws(&self) -> Aws {
        let credentials = SharedCredentialsProvider::new(Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"));
        let config = config::load(&asked(), CALL_MAX).await.to_builder();
        let config = config.http_client(self.client()).sleep_impl(SharedAsyncSleep::new(Timer));
        Aws::new(config.credentials_provider(credentials).build())
    }

    async fn read(&self, read: Read) -> Result<Reply, CloudError> {
        self.aws().await.call(REGION, Request::Read(read)).await
    }

    async fn write(&self, write: Write) -> Result<Reply, CloudError> {
        self.aws().await.call(REGION, Request::Write(write)).await
    }

    fn requests(&self) -> usize {
        self.0.lock().unwrap().requests.len()
    }
}

/// Somewhere that answers to nobody.
fn asked() -> config::Asked<'static> {
    config::Asked { region: Some("eu-west-1"), endpoint: Some("http://aws.example"), without_credentials: false }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut kept = self.0.lock().unwrap();
        let form = std::str::from_utf8(request.body().bytes().unwrap()).unwrap();
        kept.requests.push((request.uri().to_owned(), fields(form)));
        match kept.answers.pop_front().expect("a request that the test does not expect") {
            Answers::With(status, body) => {
                let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
                response.headers_mut().insert("x-amzn-requestid", REQUEST_ID);
                HttpConnectorFuture::ready(Ok(response))
            }
            Answers::Reset => HttpConnectorFuture::ready(Err(ConnectorError::io("connection reset".into()))),
            Answers::Never => HttpConnectorFuture::new(std::future::pending()),
        }
    }
}

/// Ends at once. A wait for a reply that is there is polled before its timeout, so only [`Answers::Never`] times out.
#[derive(Debug)]
struct Timer;

impl AsyncSleep for Timer {
    fn sleep(&self, _: Duration) -> Sleep {
        Sleep::new(std::future::ready(()))
    }
}

/// The fields of a form, decoded.
fn fields(form: &str) -> BTreeMap<String, String> {
    let pairs = form.split('&').map(|pair| pair.split_once('=').unwrap());
    pairs.map(|(key, value)| (decoded(key), decoded(value))).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let hex = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap()
            }
            b'+' => b' ',
            byte => byte,
        });
    }
    String::from_utf8(bytes).unwrap()
}
