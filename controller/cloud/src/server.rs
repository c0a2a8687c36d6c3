//! The HTTP server: one port, bounded in everything, on a thread of its own.
//!
//! What a request becomes is in [`crate::requests`]. Never: listens beyond loopback unless it is told to.

use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::Timestamp;
use simulator::cloud::ReadLag;
use tokio::sync::{Semaphore, oneshot};

use crate::account::Account;
use crate::dynamodb::{self, DynamoDb, Passage};
use crate::requests::{Shared, handle};
use crate::time::Time;

/// Connections at once.
const CONNECTIONS_MAX: usize = 1024;
/// Headers of one request, and the bytes of all of them.
const HEADERS_MAX: usize = 100;
const HEADER_BYTES_MAX: usize = 64 << 10;
/// How often everything is carried along though nobody asks.
const TICK: Duration = Duration::from_secs(1);
/// How long a client may take to send its headers.
const HEADERS_WITHIN: Duration = Duration::from_secs(30);

/// How a cloud behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Whether it may listen where others than this machine can reach it.
    pub allow_remote: bool,
    /// How many times as fast as real time its time goes.
    pub speed: u32,
    /// What its ids and its chances come from.
    pub seed: u64,
    /// How old what a reader sees may be.
    pub lag: ReadLag,
    /// Whether calls are charged to AWS's token buckets.
    pub throttling: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 4566)),
            allow_remote: false,
            speed: 1,
            seed: 1,
            lag: ReadLag::UpTo(Duration::from_secs(1)),
            throttling: true,
        }
    }
}

/// Why it did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It was told to listen beyond this machine.
    #[error("{0} can be reached from other machines, and this cloud asks nobody who they are; add --allow-remote")]
    Remote(SocketAddr),
    /// No port or thread could be had.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// No DynamoDB.
    #[error(transparent)]
    DynamoDb(#[from] dynamodb::StartError),
}

/// A running cloud. It ends when this is dropped.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Stops after the cloud that hands calls on to it.
    _dynamodb: DynamoDb,
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // It ended by itself already if nobody listens.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            // It ends by panicking only if it has a bug, which it has told of.
            let _ = thread.join();
        }
    }
}

/// Starts a cloud.
///
/// # Errors
/// When it may not, or cannot, listen there.
pub fn start(options: &Options) -> Result<Running, StartError> {
    let options = options.clone();
    if !options.listen.ip().is_loopback() && !options.allow_remote {
        return Err(StartError::Remote(options.listen));
    }
    let failed = |error| StartError::Listen(options.listen, error);
    let listener = TcpListener::bind(options.listen).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let (stop, stopped) = oneshot::channel();
    let listen = options.listen;
    let dynamodb = DynamoDb::in_memory()?;
    let passage = Passage::to(dynamodb.address());
    let serve = move || {
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, async move {
            tokio::select! {
                biased;
                _ = stopped => {}
                () = accept(listener, options, passage) => {}
            }
        });
    };
    let named = std::thread::Builder::new().name("cloud".into());
    let thread = named.spawn(serve).map_err(|error| StartError::Listen(listen, error))?;
    Ok(Running { address, stop: Some(stop), thread: Some(thread), _dynamodb: dynamodb })
}

async fn accept(listener: TcpListener, options: Options, dynamodb: Passage) {
    let time = Time::new(Timestamp::now(), options.speed);
    let account = Account::new(time, options.seed, options.throttling, options.lag);
    let shared = Rc::new(Shared::new(account, dynamodb));
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "cannot listen"),
    };
    let idle = Rc::clone(&shared);
    tokio::task::spawn_local(async move {
        loop {
            tokio::time::sleep(TICK).await;
            idle.tick();
        }
    });
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            }
        };
        let shared = Rc::clone(&shared);
        tokio::task::spawn_local(async move {
            let service = hyper::service::service_fn(|request| handle(Rc::clone(&shared), request));
            let mut http = hyper::server::conn::http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(HEADERS_WITHIN);
            http.max_headers(HEADERS_MAX).max_buf_size(HEADER_BYTES_MAX);
            if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
                tracing::debug!(%error, "a connection ended");
            }
            drop(place);
        });
    }
}
