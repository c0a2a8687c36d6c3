//! Visitors of the environment while it is broken and repaired: real HTTP through the load balancer, each with a session.
//!
//! They are on a thread of their own, so that nothing that the controller does delays them. A request is lost when it is not
//! answered with 200; a session when the application has forgotten how often its visitor came.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cloud::client::Client;
use cloud::visitor::Visitor;
use serde_json::Value;

/// How many there are.
const VISITORS: usize = 8;
/// How long each pauses between two requests, of real time.
const PAUSE: Duration = Duration::from_millis(50);
/// How often each looks where the load balancer listens.
const LOOK_EVERY: u64 = 20;

/// What befell them.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) requests: u64,
    pub(super) lost: u64,
    pub(super) sessions_lost: u64,
}

/// See the module. They leave when this is dropped.
pub(super) struct Visitors {
    tally: Arc<Mutex<Tally>>,
    _leave: tokio::sync::oneshot::Sender<()>,
}

impl Visitors {
    /// Lets them come to that load balancer of the cloud at `endpoint`.
    pub(super) fn come(endpoint: &str, load_balancer: &str) -> std::io::Result<Self> {
        let tally = Arc::new(Mutex::new(Tally::default()));
        let (leave, left) = tokio::sync::oneshot::channel::<()>();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let one = |_| Guest {
            tally: Arc::clone(&tally),
            cloud: Client::of(endpoint),
            load_balancer: load_balancer.to_owned(),
            visitor: Visitor::default(),
            count: 0,
        };
        let all: Vec<Guest> = (0..VISITORS).map(one).collect();
        std::thread::Builder::new().name("visitors".to_owned()).spawn(move || {
            runtime.block_on(async {
                let come = futures::future::join_all(all.into_iter().map(Guest::come));
                // The sender is never used: that it is dropped is the signal.
                futures::future::select(std::pin::pin!(come), left).await;
            });
        })?;
        Ok(Self { tally, _leave: leave })
    }

    /// What befell them since this was last asked.
    pub(super) fn told(&self) -> Tally {
        std::mem::take(&mut *self.tally.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// In words.
    pub(super) fn words(tally: Tally) -> String {
        let Tally { requests, lost, sessions_lost } = tally;
        match requests {
            0 => format!("None of the {VISITORS} visitors reached it"),
            _ => format!("{lost} of {requests} requests were lost, and {sessions_lost} sessions"),
        }
    }
}

struct Guest {
    tally: Arc<Mutex<Tally>>,
    cloud: Client,
    load_balancer: String,
    visitor: Visitor,
    /// How often the application has counted.
    count: u64,
}

impl Guest {
    async fn come(mut self) {
        let mut url = None;
        for nth in 0_u64.. {
            if url.is_none() || nth % LOOK_EVERY == 0 {
                // Where it does not listen any more, its visitors still go where they went.
                url = self.address().await.or(url);
            }
            if let Some(url) = &url {
                self.visit(url).await;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Where the load balancer's first listener is.
    async fn address(&self) -> Option<String> {
        let state = self.cloud.state().await.ok()?;
        let balancers = state["loadBalancers"].as_array()?;
        let ours = balancers.iter().find(|balancer| balancer["name"] == self.load_balancer.as_str())?;
        ours["listeners"][0]["address"].as_str().map(|address| format!("http://{address}/"))
    }

    async fn visit(&mut self, url: &str) {
        let answer = self.visitor.visit(url).await;
        let count = answer.ok().filter(|(status, _)| status.is_success()).and_then(|(_, page)| {
            let page: Value = serde_json::from_slice(&page).ok()?;
            page["count"].as_u64()
        });
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.requests += 1;
        match count {
            None => tally.lost += 1,
            Some(count) => {
                tally.sessions_lost += u64::from(count <= self.count);
                self.count = count;
            }
        }
    }
}
