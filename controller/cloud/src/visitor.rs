//! A visitor of what load balancers serve: HTTP with a browser's cookies, to measure what a user would lose.
//!
//! Never: asks again by itself; what is lost is told.

use std::collections::BTreeMap;
use std::time::Duration;

use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::client::deepest;

/// Longest that a visitor waits.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of a page at most.
const PAGE_BYTES_MAX: usize = 1 << 20;

/// See the module.
#[derive(Debug)]
pub struct Visitor {
    http: Http<HttpConnector, Empty<Bytes>>,
    cookies: BTreeMap<String, String>,
}

impl Default for Visitor {
    fn default() -> Self {
        Self { http: Http::builder(TokioExecutor::new()).build_http(), cookies: BTreeMap::new() }
    }
}

impl Visitor {
    /// Asks for a page, with the cookies that earlier ones set.
    ///
    /// # Errors
    /// In words, when no answer came.
    pub async fn visit(&mut self, url: &str) -> Result<(StatusCode, Bytes), String> {
        tokio::time::timeout(PATIENCE, self.ask(url)).await.unwrap_or_else(|_| Err("no answer in time".to_owned()))
    }

    async fn ask(&mut self, url: &str) -> Result<(StatusCode, Bytes), String> {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = Request::get(url).header(COOKIE, cookies.join("; ")).body(Empty::new());
        let request = request.map_err(|error| error.to_string())?;
        let answer = self.http.request(request).await.map_err(|error| deepest(&error))?;
        let status = answer.status();
        self.keep(answer.headers());
        let page = Limited::new(answer.into_body(), PAGE_BYTES_MAX).collect().await;
        Ok((status, page.map_err(|error| error.to_string())?.to_bytes()))
    }

    fn keep(&mut self, headers: &HeaderMap) {
        let set = headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
        let pairs = set.filter_map(|cookie| cookie.split(';').next()?.split_once('='));
        self.cookies.extend(pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())));
    }
}
