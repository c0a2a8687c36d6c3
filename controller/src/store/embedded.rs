//! A DynamoDB that needs no account: dynoxide on a free loopback port, on a thread of its own.
//!
//! For `demo` and tests. It speaks the real protocol to the ordinary client, so that what runs here is what runs on AWS.
//! Never: listens anywhere but on loopback. It stops when dropped.
//! <https://docs.rs/dynoxide-rs>

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
#[cfg(test)]
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use dynoxide::Database;
use tokio::sync::oneshot;

/// How often expired items are removed. AWS takes up to days, so nothing may rely on it; here it keeps memory flat.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// Any region will do; this is where the example environment stands.
const REGION: &str = "us-east-2";

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

/// A running embedded DynamoDB, with no table in it until [`super::DynamoDb::create_table`].
#[derive(Debug)]
pub struct Embedded {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Embedded {
    /// One in memory, gone when it is dropped.
    ///
    /// # Errors
    /// When the machine has no port or thread left.
    pub fn start() -> Result<Self, StartError> {
        let database = Database::memory().map_err(|error| unopened("memory", &error))?;
        Self::serve(database)
    }

    /// For tests of what a restart finds: one that keeps its items in the file at `path`, which is made if it does not exist.
    ///
    /// # Errors
    /// When the file cannot be opened, or the machine has no port or thread left.
    #[cfg(test)]
    pub fn start_at(path: &Path) -> Result<Self, StartError> {
        let name = path.display().to_string();
        let database = Database::new(&name).map_err(|error| unopened(&name, &error))?;
        Self::serve(database)
    }

    /// Where it listens: `http://127.0.0.1:<port>`.
    pub fn endpoint_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How a client reaches it: its endpoint, a region and credentials that mean nothing. No variable or profile enters.
    pub fn sdk_config(&self) -> SdkConfig {
        let credentials = Credentials::new("embedded", "embedded", None, None, "embedded");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static(REGION))
            .endpoint_url(self.endpoint_url())
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build()
    }

    fn serve(database: Database) -> Result<Self, StartError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("dynamodb".to_owned()).spawn(move || {
            // Open connections end with the runtime. A request is one step on this thread, so none is cut in half.
            runtime.block_on(run(listener, database, stopped));
        })?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        // Dropping the sender is the signal.
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // It has panicked at worst, and then it has stopped.
            let _ = thread.join();
        }
    }
}

async fn run(listener: TcpListener, database: Database, stopped: oneshot::Receiver<()>) {
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
        () = sweep(database.clone()) => {}
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
