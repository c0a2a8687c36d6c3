//! The HTTP server: one port, on as many addresses as it is told, bounded in everything, on a thread of its own.
//!
//! What a request becomes is in [`crate::requests`]. Never: listens beyond loopback unless it is told to.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use hyper_util::rt::{TokioIo, TokioTimer};
use simulator::SimCloud;
use simulator::cloud::{ReadLag, ReadLags};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Semaphore, oneshot};

use crate::account::{Account, Behaviour};
use crate::dynamodb::{self, DynamoDb, Passage};
use crate::front::Opened;
use crate::listening;
use crate::replay::{self, ReplayError};
use crate::requests::{Shared, handle};

/// Where it listens unless it is told otherwise: the port by which LocalStack, and so many a script, goes.
pub const PORT: u16 = 4566;
/// Connections at once.
const CONNECTIONS_MAX: usize = 1024;
/// Headers of one request, and the bytes of all of them.
const HEADERS_MAX: usize = 100;
const HEADER_BYTES_MAX: usize = 64 << 10;
/// How often everything is carried along though nobody asks.
const TICK: Duration = Duration::from_secs(1);
/// How long a client may take to send its headers, the first of them or those of its next request. No round number of
/// seconds in which clients look again (Terraform does every thirty): a connection that is closed just then fails their call.
const HEADERS_WITHIN: Duration = Duration::from_secs(97);

/// How a cloud behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it listens: on all of these that the machine has, on the same port where that is 0.
    pub listen: Vec<SocketAddr>,
    /// Whether it may listen where others than this machine can reach it.
    pub allow_remote: bool,
    /// How many times as fast as real time its time goes.
    pub speed: u32,
    /// What its ids and its chances come from; `None`: what is in the directory says so, or else it is 1.
    pub seed: Option<u64>,
    /// How old what a reader sees may be.
    pub lag: ReadLags,
    /// Whether calls are charged to AWS's token buckets.
    pub throttling: bool,
    /// Where it keeps everything; `None`: nowhere, it is gone when it ends.
    pub data_dir: Option<PathBuf>,
    /// Who is told of each port that opens for a listener.
    pub opens: Option<UnboundedSender<Opened>>,
}

/// As AWS documents it, of EC2 only: most reads show what was written, one in ten is up to a second old, but never older than
/// what a read has shown before.
/// <https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html>
pub const EVENTUAL: ReadLags = ReadLags::of_ec2(ReadLag::Sometimes { one_in: 10, most: Duration::from_secs(1) });

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: listening::localhost(PORT),
            allow_remote: false,
            speed: 1,
            seed: None,
            lag: EVENTUAL,
            throttling: true,
            data_dir: None,
            opens: None,
        }
    }
}

/// Why it did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It was told to listen nowhere.
    #[error("no address is named to listen on")]
    Nowhere,
    /// It was told to listen beyond this machine.
    #[error("{0} can be reached from other machines, and this cloud asks nobody who they are; add --allow-remote")]
    Remote(SocketAddr),
    /// No port or thread could be had.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// What the directory keeps cannot be used.
    #[error(transparent)]
    Kept(#[from] ReplayError),
    /// No DynamoDB.
    #[error(transparent)]
    DynamoDb(#[from] dynamodb::StartError),
}

/// A person's hand in the account, on the cloud's own thread.
type Visit = Box<dyn FnOnce(&mut Account) + Send>;

/// A running cloud. It ends when this is dropped.
#[derive(Debug)]
pub struct Running {
    addresses: Vec<SocketAddr>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    visits: UnboundedSender<Visit>,
    /// Stops after the cloud that hands calls on to it.
    _dynamodb: DynamoDb,
}

impl Running {
    /// Where it listens; where on several addresses, the first.
    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// Everywhere it listens.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Looks at a region, or breaks something in it, past every protocol: for whoever shows or judges a cloud in the same
    /// process. What it does is not kept in a data directory. `None`: there is no such region, or the cloud has ended.
    pub async fn visit<T: Send + 'static>(
        &self,
        region: &str,
        visit: impl FnOnce(&SimCloud) -> T + Send + 'static,
    ) -> Option<T> {
        let (found, finding) = oneshot::channel();
        let region = region.to_owned();
        let visit: Visit = Box::new(move |account| {
            let seen = account.region_mut(&region).map(|region| visit(&region.cloud));
            // Whoever asked may have gone.
            let _ = found.send(seen);
        });
        self.visits.send(visit).ok()?;
        finding.await.ok().flatten()
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

/// Starts a cloud. Before its port is open, what its directory keeps is there again.
///
/// # Errors
/// When it may not, or cannot, listen there, or cannot use its directory.
pub fn start(options: &Options) -> Result<Running, StartError> {
    let Some(first) = options.listen.first() else { return Err(StartError::Nowhere) };
    let remote = options.listen.iter().find(|address| !address.ip().is_loopback());
    if let Some(remote) = remote.filter(|_| !options.allow_remote) {
        return Err(StartError::Remote(*remote));
    }
    let failed = |error| StartError::Listen(*first, error);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let (stop, stopped) = oneshot::channel();
    let (visits, visitors) = unbounded_channel();
    let (told, opened) = mpsc::channel();
    let (open, doors) = mpsc::channel::<(Vec<TcpListener>, Passage)>();
    let wanted = options.clone();
    let serve = move || {
        // Made here, since it stays on one thread.
        let (account, outcome) = match account(&wanted) {
            Ok(account) => (Some(account), Ok(())),
            Err(error) => (None, Err(error)),
        };
        // Whoever starts it waits for both, or has given up.
        let _ = told.send(outcome);
        let (Some(account), Ok((listeners, passage))) = (account, doors.recv()) else { return };
        let shared = Rc::new(Shared::new(account, passage, wanted.opens));
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, async {
            tokio::select! {
                biased;
                _ = stopped => {}
                () = serve_all(listeners, Rc::clone(&shared), visitors) => {}
            }
        });
        drop(local);
        shared.rest();
    };
    let thread = std::thread::Builder::new().name("cloud".into()).spawn(serve).map_err(failed)?;
    let opened = opened.recv().unwrap_or_else(|_| Err(failed(std::io::Error::other("its thread ended"))));
    match opened.and_then(|()| listen(options)) {
        Ok((listeners, addresses, dynamodb)) => {
            // It ended by itself already if nobody receives, which it has told of.
            let _ = open.send((listeners, Passage::to(dynamodb.address())));
            Ok(Running { addresses, stop: Some(stop), thread: Some(thread), visits, _dynamodb: dynamodb })
        }
        Err(error) => {
            drop(open);
            // So that its directory is free again.
            let _ = thread.join();
            Err(error)
        }
    }
}

fn account(options: &Options) -> Result<Account, StartError> {
    let behaviour = Behaviour { throttling: options.throttling, lag: options.lag };
    match &options.data_dir {
        Some(dir) => Ok(replay::kept(dir, options.seed, options.speed, behaviour)?),
        None => Ok(replay::fleeting(options.seed, options.speed, behaviour)),
    }
}

/// Opens DynamoDB, and then the port.
fn listen(options: &Options) -> Result<(Vec<TcpListener>, Vec<SocketAddr>, DynamoDb), StartError> {
    let dynamodb = match &options.data_dir {
        Some(dir) => DynamoDb::at(&replay::dynamodb(dir))?,
        None => DynamoDb::in_memory()?,
    };
    let listeners = listening::bind(&options.listen).map_err(|(address, error)| StartError::Listen(address, error))?;
    let addresses = listeners.iter().map(TcpListener::local_addr).collect::<std::io::Result<Vec<_>>>();
    let addresses = addresses.map_err(|error| StartError::Listen(options.listen[0], error))?;
    Ok((listeners, addresses, dynamodb))
}

/// Serves until it is dropped.
async fn serve_all(listeners: Vec<TcpListener>, shared: Rc<Shared>, mut visitors: UnboundedReceiver<Visit>) {
    let visited = Rc::clone(&shared);
    tokio::task::spawn_local(async move {
        while let Some(visit) = visitors.recv().await {
            visited.visit(visit);
        }
    });
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    for listener in listeners {
        tokio::task::spawn_local(accept(listener, Rc::clone(&shared), Arc::clone(&places)));
    }
    loop {
        tokio::time::sleep(TICK).await;
        shared.tick();
    }
}

async fn accept(listener: TcpListener, shared: Rc<Shared>, places: Arc<Semaphore>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "cannot listen"),
    };
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
