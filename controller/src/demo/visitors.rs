//! Visitors of the environment while it is broken and repaired: real HTTP through the load balancer, each with a session.
//!
//! They are on a thread of their own, so that nothing that the controller does delays them. A request is lost when it is not
//! answered with 200; a session when the application has forgotten how often its visitor came. What befalls them belongs to
//! the fault during which they asked, though the answer, or the next page that shows that a session is gone, comes later.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
/// Longest that the last answers are waited for, of real time: somewhat longer than a visitor waits.
const LAST_MAX: Duration = Duration::from_secs(12);

/// What befell them.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) requests: u64,
    pub(super) lost: u64,
    pub(super) sessions_lost: u64,
}

/// What befell them, and how far each of them is.
#[derive(Debug, Default)]
struct Ledger {
    tally: Tally,
    /// Counts how often it was told.
    round: u64,
    /// The round in which each began the last request that has ended.
    ended: [u64; VISITORS],
}

impl Ledger {
    /// Begins another round: what was asked before it, and the next page of each, belong to the one before.
    fn close(&mut self) {
        self.round += 1;
    }

    /// Whether each has asked for a page since, and has it or has lost it.
    fn is_closed(&self) -> bool {
        self.ended.iter().all(|round| *round >= self.round)
    }

    /// A request of that visitor, begun in `round`, has ended; `None`: nothing could be asked.
    fn end(&mut self, visitor: usize, round: u64, befell: Option<Befell>) {
        self.ended[visitor] = round;
        let Some(befell) = befell else { return };
        self.tally.requests += 1;
        self.tally.lost += u64::from(befell == Befell::RequestLost);
        self.tally.sessions_lost += u64::from(befell == Befell::SessionLost);
    }
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Befell {
    Served,
    RequestLost,
    SessionLost,
}

type Shared = Arc<Mutex<Ledger>>;

fn opened(ledger: &Shared) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}

/// See the module. They leave when this is dropped.
pub(super) struct Visitors {
    ledger: Shared,
    _leave: tokio::sync::oneshot::Sender<()>,
}

impl Visitors {
    /// Lets them come to that load balancer of the cloud at `endpoint`.
    pub(super) fn come(endpoint: &str, load_balancer: &str) -> std::io::Result<Self> {
        let ledger = Shared::default();
        let (leave, left) = tokio::sync::oneshot::channel::<()>();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let one = |nth| Guest {
            nth,
            ledger: Arc::clone(&ledger),
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
        Ok(Self { ledger, _leave: leave })
    }

    /// What befell them since this was last asked, once what they asked for is answered or lost.
    pub(super) async fn told(&self) -> Tally {
        opened(&self.ledger).close();
        let began = tokio::time::Instant::now();
        while !opened(&self.ledger).is_closed() && began.elapsed() < LAST_MAX {
            tokio::time::sleep(PAUSE).await;
        }
        std::mem::take(&mut opened(&self.ledger).tally)
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
    nth: usize,
    ledger: Shared,
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
            let round = opened(&self.ledger).round;
            let befell = match &url {
                Some(url) => Some(self.visit(url).await),
                None => None,
            };
            opened(&self.ledger).end(self.nth, round, befell);
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

    async fn visit(&mut self, url: &str) -> Befell {
        let answer = self.visitor.visit(url).await;
        let count = answer.ok().filter(|(status, _)| status.is_success()).and_then(|(_, page)| {
            let page: Value = serde_json::from_slice(&page).ok()?;
            page["count"].as_u64()
        });
        match count {
            None => Befell::RequestLost,
            Some(count) => {
                let is_forgotten = count <= self.count;
                self.count = count;
                if is_forgotten { Befell::SessionLost } else { Befell::Served }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_during_a_fault_is_told_with_it_though_it_is_answered_later() {
        let mut ledger = Ledger::default();
        let during = ledger.round;
        ledger.close();
        assert!(!ledger.is_closed(), "the last requests are under way");
        for visitor in 0..VISITORS {
            ledger.end(visitor, during, Some(Befell::RequestLost));
        }
        assert!(!ledger.is_closed(), "whether their sessions are lost is not known before the next page");
        for visitor in 0..VISITORS {
            ledger.end(visitor, ledger.round, Some(Befell::SessionLost));
        }
        assert!(ledger.is_closed());
        let visitors = VISITORS as u64;
        let told = Tally { requests: 2 * visitors, lost: visitors, sessions_lost: visitors };
        assert_eq!(std::mem::take(&mut ledger.tally), told);
        ledger.close();
        for visitor in 0..VISITORS {
            ledger.end(visitor, ledger.round, (visitor > 0).then_some(Befell::Served));
        }
        assert!(ledger.is_closed(), "one that finds no address asks for nothing");
        assert_eq!(ledger.tally, Tally { requests: visitors - 1, lost: 0, sessions_lost: 0 });
    }
}
