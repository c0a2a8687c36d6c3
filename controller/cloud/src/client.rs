//! A client of a running cloud's `/_cloud/...`: for verbs that follow its time, and for whoever rehearses on it.
//!
//! Every question is bounded in time. Never: an AWS call; the SDK makes those.

use std::time::Duration;

use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Longest that an answer may take.
const WITHIN: Duration = Duration::from_secs(5);
/// Bytes of an answer at most: a state names thousands of instances.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// What time it is in a cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The instant.
    pub now: Timestamp,
    /// How many times as fast as real time it goes.
    pub speed: u32,
    /// Whether it stands still.
    pub paused: bool,
}

/// Why a cloud did not say.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// Nobody is there, or not in time.
    #[error("nothing answers at {url} ({why})")]
    Nobody {
        /// Where.
        url: String,
        /// Why.
        why: String,
    },
    /// It refused.
    #[error("{url}: {status}: {said}")]
    Refused {
        /// What was asked.
        url: String,
        /// How it was refused.
        status: StatusCode,
        /// In its words.
        said: String,
    },
    /// It answered something else than a cloud does.
    #[error("{url} is not answered by `understudy cloud` ({why})")]
    Strange {
        /// What was asked.
        url: String,
        /// Why.
        why: String,
    },
}

/// See the module. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Client {
    endpoint: String,
    http: Http<HttpConnector, Full<Bytes>>,
}

impl Client {
    /// Of the cloud at that endpoint, such as `http://127.0.0.1:4566`.
    pub fn of(endpoint: &str) -> Self {
        let http = Http::builder(TokioExecutor::new()).build_http();
        Self { endpoint: endpoint.trim_end_matches('/').to_owned(), http }
    }

    /// What time it is there.
    ///
    /// # Errors
    /// When there is no cloud.
    pub async fn clock(&self) -> Result<Reading, Unanswered> {
        self.ask(Method::GET, "clock", None).await
    }

    /// What there is, as `GET /_cloud/state` says it.
    ///
    /// # Errors
    /// When there is no cloud.
    pub async fn state(&self) -> Result<Value, Unanswered> {
        self.ask(Method::GET, "state", None).await
    }

    /// Lets something go wrong there, as `POST /_cloud/faults` takes it.
    ///
    /// # Errors
    /// When there is no cloud, or it refuses.
    pub async fn fault(&self, fault: &Value) -> Result<Value, Unanswered> {
        self.ask(Method::POST, "faults", Some(fault)).await
    }

    async fn ask<T: for<'de> Deserialize<'de>>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, Unanswered> {
        let url = format!("{}/_cloud/{path}", self.endpoint);
        let answered = tokio::time::timeout(WITHIN, self.send(method, &url, body)).await;
        let nobody = |why: String| Unanswered::Nobody { url: self.endpoint.clone(), why };
        let (status, answer) = answered.map_err(|_| nobody("not in time".to_owned()))?.map_err(nobody)?;
        if status.is_success() {
            return serde_json::from_slice(&answer)
                .map_err(|error| Unanswered::Strange { url, why: error.to_string() });
        }
        Err(Unanswered::Refused { url, status, said: String::from_utf8_lossy(&answer).trim().to_owned() })
    }

    async fn send(&self, method: Method, url: &str, body: Option<&Value>) -> Result<(StatusCode, Bytes), String> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = Request::builder().method(method).uri(url).body(Full::new(Bytes::from(body)));
        let request = request.map_err(|error| error.to_string())?;
        let answer = self.http.request(request).await.map_err(|error| deepest(&error))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        Ok((status, body.map_err(|error| error.to_string())?.to_bytes()))
    }
}

/// What is at the bottom of an error: hyper's own words only say that there is one.
pub(crate) fn deepest(error: &dyn std::error::Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}
