//! DynamoDB and its streams: dynoxide on a loopback port and a thread of its own, and the way to it from ours.
//!
//! Never: listens anywhere but on loopback. It stops when dropped. <https://docs.rs/dynoxide-rs>

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use dynoxide::Database;
use http::{HeaderMap, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::oneshot;

use crate::log::checksum;
use crate::shard_ids;

/// How often expired items are removed, of one in memory. AWS takes up to days, so nothing may rely on it. They are removed by
/// real time, which a cloud that was put away for a week has not lived through: one in a file keeps all.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// Why it did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No port, runtime or thread could be had.
    #[error("cannot serve the embedded DynamoDB: {0}")]
    Serve(#[from] std::io::Error),
    /// The file is not a database of ours, or cannot be opened.
    #[error("cannot open {path} as an embedded DynamoDB: {message}")]
    Open {
        /// The file, or `memory`.
        path: String,
        /// The database's words.
        message: String,
    },
}

/// A running DynamoDB.
#[derive(Debug)]
pub struct DynamoDb {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl DynamoDb {
    /// One in memory, gone when it is dropped.
    ///
    /// # Errors
    /// When the machine has no port or thread left.
    pub fn in_memory() -> Result<Self, StartError> {
        let database = Database::memory().map_err(|error| unopened("memory", &error))?;
        Self::serve(database, true)
    }

    /// One that keeps its items in the file at `path`, which is made if it does not exist.
    ///
    /// # Errors
    /// When the file cannot be opened, or the machine has no port or thread left.
    pub fn at(path: &Path) -> Result<Self, StartError> {
        let name = path.display().to_string();
        let database = Database::new(&name).map_err(|error| unopened(&name, &error))?;
        Self::serve(database, false)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    fn serve(database: Database, sweeps: bool) -> Result<Self, StartError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("dynamodb".to_owned()).spawn(move || {
            // Open connections end with the runtime. A request is one step on this thread, so none is cut in half.
            runtime.block_on(run(listener, database, stopped, sweeps));
        })?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for DynamoDb {
    fn drop(&mut self) {
        // Dropping the sender is the signal.
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // It has panicked at worst, and then it has stopped.
            let _ = thread.join();
        }
    }
}

async fn run(listener: TcpListener, database: Database, stopped: oneshot::Receiver<()>, sweeps: bool) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "embedded dynamodb cannot listen");
            return;
        }
    };
    tokio::select! {
        biased;
        _ = stopped => {}
        () = sweep(database.clone()), if sweeps => {}
        () = dynoxide::server::serve_on(listener, database) => {}
    }
}

/// Once before anything is served, then every so often.
async fn sweep(database: Database) {
    loop {
        if let Err(error) = database.sweep_ttl() {
            tracing::warn!(%error, "embedded dynamodb cannot remove expired items");
        }
        tokio::time::sleep(SWEEP_INTERVAL).await;
    }
}

fn unopened(path: &str, error: &dynoxide::DynoxideError) -> StartError {
    StartError::Open { path: path.to_owned(), message: error.to_string() }
}

/// The way to it: what comes for DynamoDB on the cloud's port goes on to it, and its answer back.
#[derive(Debug, Clone)]
pub struct Passage {
    client: Client<HttpConnector, Full<Bytes>>,
    to: SocketAddr,
}

impl Passage {
    /// To the one that listens there.
    pub fn to(address: SocketAddr) -> Self {
        Self { client: Client::builder(TokioExecutor::new()).build_http(), to: address }
    }

    /// Hands a request on.
    pub async fn hand_on(&self, headers: &HeaderMap, body: Bytes) -> Response<Full<Bytes>> {
        match self.ask(headers, body).await {
            Ok(answer) => answer,
            Err(error) => {
                let mut reply = Response::new(Full::new(Bytes::from(format!("DynamoDB did not answer: {error}\n"))));
                *reply.status_mut() = StatusCode::BAD_GATEWAY;
                reply
            }
        }
    }

    async fn ask(&self, headers: &HeaderMap, body: Bytes) -> Result<Response<Full<Bytes>>, Unasked> {
        let uri: Uri = format!("http://{}/", self.to).parse()?;
        let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok());
        let is_of_streams = target.is_some_and(|target| target.starts_with("DynamoDBStreams_"));
        let body = if is_of_streams { shard_ids::as_it_knows_them(&body).into() } else { body };
        let mut request = Request::post(uri).body(Full::new(body))?;
        let own = |name: &header::HeaderName| !HOP_BY_HOP.contains(name);
        let passed = headers.iter().filter(|(name, _)| own(name));
        request.headers_mut().extend(passed.map(|(name, value)| (name.clone(), value.clone())));
        let (mut head, body) = self.client.request(request).await?.into_parts();
        HOP_BY_HOP.iter().for_each(|name| {
            head.headers.remove(name);
        });
        let body = body.collect().await?.to_bytes();
        if is_of_streams {
            let body = shard_ids::as_aws_has_them(&body);
            head.headers.insert("x-amz-crc32", checksum(&body).into());
            return Ok(Response::from_parts(head, Full::new(body.into())));
        }
        Ok(Response::from_parts(head, Full::new(body)))
    }
}

/// Headers that belong to one connection.
const HOP_BY_HOP: [header::HeaderName; 5] =
    [header::HOST, header::CONNECTION, header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::EXPECT];

#[derive(Debug, thiserror::Error)]
enum Unasked {
    #[error(transparent)]
    Address(#[from] http::uri::InvalidUri),
    #[error(transparent)]
    Request(#[from] http::Error),
    #[error(transparent)]
    Connection(#[from] hyper_util::client::legacy::Error),
    #[error(transparent)]
    Body(#[from] hyper::Error),
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

    use super::*;

    #[tokio::test]
    async fn an_expired_item_of_one_in_memory_is_swept() {
        fn asked<T: serde::de::DeserializeOwned>(value: Value) -> T {
            serde_json::from_value(value).unwrap()
        }
        let database = Database::memory().unwrap();
        database
            .create_table(asked(json!({
                "TableName": "table",
                "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
                "BillingMode": "PAY_PER_REQUEST",
            })))
            .unwrap();
        let expires = json!({"Enabled": true, "AttributeName": "expiresAt"});
        database.update_time_to_live(asked(json!({"TableName": "table", "TimeToLiveSpecification": expires}))).unwrap();
        for (pk, at) in [("old", "1700000000"), ("new", "9700000000")] {
            let item = json!({"pk": {"S": pk}, "expiresAt": {"N": at}});
            database.put_item(asked(json!({"TableName": "table", "Item": item}))).unwrap();
        }
        // It goes on for ever; what is due is swept at once.
        let _ = tokio::time::timeout(Duration::from_millis(50), sweep(database.clone())).await;
        let there = |pk: &str| {
            let found = database.get_item(asked(json!({"TableName": "table", "Key": {"pk": {"S": pk}}}))).unwrap();
            found.item.is_some()
        };
        assert!(!there("old") && there("new"));
    }
}
