//! EC2 and ELBv2 of one account and region, behind [`engine::cloud::Cloud`].
//!
//! A call takes its way here: counted, delayed, perhaps hit by a fault, throttled, then handed to the [`world`], which is the
//! state and all that AWS does to it. Every handle is one client with its own name and read lag; all share one world.
//! Start at [`world`] for what AWS does, at [`console`] to break things, at [`view`] to look.

use std::cell::{Cell, Ref, RefCell};
use std::rc::Rc;
use std::time::Duration;

use engine::clock::Clock;
use engine::cloud::{Cloud, Reply, Request};
use engine::error::CloudError;
use engine::operation::Operation;
use futures::future::LocalBoxFuture;
use planner::request::Write;

pub mod apps;
mod attributes;
mod canonical;
pub mod config;
pub mod console;
pub mod consistency;
pub mod faults;
mod filters;
mod groups;
mod health;
pub mod images;
mod instances;
mod launch;
pub mod ledger;
mod listeners;
mod load_balancers;
mod network;
mod subject;
mod tags;
mod target_groups;
mod throttle;
pub mod view;
mod world;

pub use apps::{Answer, App};
pub use canonical::Canonical;
pub use config::{Builder, Quotas, Timings};
pub use consistency::ReadLag;
pub use console::Console;
pub use faults::Fault;
pub use instances::VolumeRecord;
pub use ledger::{Kind, Ledger};
pub use view::View;
pub use world::Refusal;

use crate::clock::VirtualClock;
use crate::crash::{CrashPoints, Cut};
use crate::entropy::Prng;
use consistency::History;
use faults::Faults;
use ledger::Entry;
use throttle::Throttle;
use world::{Outcome, World};

/// One client of one simulated account and region. Clones are the same client.
#[derive(Clone)]
pub struct SimCloud {
    shared: Rc<Shared>,
    client: Rc<Client>,
}

#[derive(Debug)]
struct Client {
    name: String,
    lag: Cell<ReadLag>,
}

struct Shared {
    clock: VirtualClock,
    region: String,
    latency: Duration,
    reply_timeout: Duration,
    crash_points: CrashPoints,
    state: RefCell<State>,
}

struct State {
    history: History,
    faults: Faults,
    throttle: Throttle,
    ledger: Ledger,
    chance: Prng,
    /// Writes whose callers have given up, and which take effect later.
    late: Vec<(Duration, Write)>,
}

/// A call on its way.
struct Call<'a> {
    region: &'a str,
    operation: Operation,
    request: &'a Request,
    lag: Duration,
}

impl SimCloud {
    fn new(builder: Builder, clock: &VirtualClock) -> Self {
        let (seed, latency, reply_timeout) = (builder.seed, builder.latency, builder.reply_timeout);
        let crash_points = builder.crash_points.clone();
        let (config, images) = builder.into_config();
        let region = config.region.clone();
        let mut world = World::new(config, images, seed);
        world.settle(clock.since_epoch());
        let state = State {
            history: History::new(world),
            faults: Faults::default(),
            throttle: Throttle::default(),
            ledger: Ledger::default(),
            chance: Prng::new(seed ^ 0x6661_756c_7473),
            late: Vec::new(),
        };
        let clock = clock.clone();
        let shared = Shared { clock, region, latency, reply_timeout, crash_points, state: RefCell::new(state) };
        let client = Client { name: "main".to_owned(), lag: Cell::default() };
        Self { shared: Rc::new(shared), client: Rc::new(client) }
    }

    /// Another client of the same account, with a read lag of its own.
    pub fn client(&self, name: &str) -> Self {
        let client = Client { name: name.to_owned(), lag: Cell::default() };
        Self { shared: Rc::clone(&self.shared), client: Rc::new(client) }
    }

    /// How old this client's sight is from now on. With any lag, its EC2 writes do not find fresh resources either.
    pub fn set_read_lag(&self, lag: ReadLag) {
        self.client.lag.set(lag);
    }

    /// Whether calls are charged to AWS's token buckets. Off at first.
    pub fn set_throttling(&self, on: bool) {
        self.shared.state.borrow_mut().throttle.enabled = on;
    }

    /// The next call of that operation (`None`: of any) meets this fault.
    pub fn fail_next(&self, operation: impl Into<Option<Operation>>, fault: Fault) {
        self.fail_after(operation, 0, fault);
    }

    /// As [`fail_next`](Self::fail_next), but so many such calls go through before.
    pub fn fail_after(&self, operation: impl Into<Option<Operation>>, calls: u32, fault: Fault) {
        self.shared.state.borrow_mut().faults.plan(operation.into(), calls, fault);
    }

    /// From now on such calls meet this fault `permille` times in a thousand.
    pub fn fail_often(&self, operation: impl Into<Option<Operation>>, permille: u16, fault: Fault) {
        self.shared.state.borrow_mut().faults.often(operation.into(), permille, fault);
    }

    /// No faults any more. What is late already still comes.
    pub fn faults_off(&self) {
        self.shared.state.borrow_mut().faults.clear();
    }

    /// The boundaries of requests, at which a replica can be cut off.
    pub fn crash_points(&self) -> &CrashPoints {
        &self.shared.crash_points
    }

    /// What was asked and what came of it. To be let go of before the next call.
    pub fn ledger(&self) -> Ref<'_, Ledger> {
        self.catch_up();
        Ref::map(self.shared.state.borrow(), |state| &state.ledger)
    }

    /// A person who changes things behind the product's back, at once and without a call.
    pub fn console(&self) -> Console {
        Console::new(self.clone())
    }

    /// What there is at this instant, whatever anybody's lag.
    pub fn view(&self) -> View {
        let now = self.catch_up();
        View::new(self.shared.state.borrow().draft(now))
    }

    /// Changes the world now. The change may look at the cloud, so nothing is borrowed meanwhile.
    fn change<T>(&self, change: impl FnOnce(&mut World) -> Outcome<T>) -> Outcome<T> {
        let now = self.catch_up();
        let mut world = self.shared.state.borrow().draft(now);
        let done = change(&mut world)?;
        self.shared.state.borrow_mut().commit(world);
        Ok(done)
    }

    /// Lets what is late take effect in its turn, and carries a calm world along. Now.
    fn catch_up(&self) -> Duration {
        let now = self.shared.clock.since_epoch();
        let mut state = self.shared.state.borrow_mut();
        state.late.sort_by_key(|(due, _)| *due);
        while state.late.first().is_some_and(|(due, _)| *due <= now) {
            let (due, write) = state.late.remove(0);
            // Nobody waits for the answer, a refusal included. A later change may have come first: time never goes back.
            let at = due.max(state.history.present().at);
            let _ = state.change(at, |world| world.apply(&write));
        }
        if let Some(events) = state.history.settle(now) {
            state.ledger.absorb(events);
        }
        now
    }

    async fn run(&self, region: &str, request: Request) -> Result<Reply, CloudError> {
        let shared = &self.shared;
        let operation = match &request {
            Request::Read(read) => Operation::from(read),
            Request::Write(write) => Operation::from(write),
        };
        let (number, sent) = (shared.crash_points.next(), shared.clock.since_epoch());
        shared.crash_points.pass(number, Cut::BeforeSending).await;
        let (fault, there, back, lag) = self.draw(operation);
        shared.clock.sleep(there).await;
        let call = Call { region, operation, request: &request, lag };
        let result = match fault {
            None => self.arrive(&call),
            Some(Fault::Refused { code }) => Err(CloudError::coded(operation, code, "refused by a fault")),
            Some(Fault::LostReply) => {
                // The reply is lost, whatever it says.
                let _ = self.arrive(&call);
                shared.crash_points.pass(number, Cut::AfterEffect).await;
                self.wait_in_vain(operation, "the reply was lost").await
            }
            Some(Fault::Late(by)) => {
                if let Request::Write(write) = &request {
                    shared.state.borrow_mut().late.push((sent + by, write.clone()));
                }
                self.wait_in_vain(operation, "the request is late").await
            }
            Some(Fault::LostRequest) => self.wait_in_vain(operation, "the request was lost").await,
            Some(Fault::Hang) => futures::future::pending().await,
        };
        shared.crash_points.pass(number, Cut::AfterEffect).await;
        shared.clock.sleep(back).await;
        let outcome = match &result {
            Ok(_) => "ok".to_owned(),
            Err(error) => error.code.clone().unwrap_or_else(|| error.message.clone()),
        };
        let resource = subject::subject(&request, result.as_ref().ok());
        let entry = Entry { at: sent, client: self.client.name.clone(), operation, resource, outcome };
        shared.state.borrow_mut().ledger.record(entry);
        shared.crash_points.pass(number, Cut::AfterReply).await;
        result
    }

    /// The fault of a call, its latency there and back, and how old its sight is.
    fn draw(&self, operation: Operation) -> (Option<Fault>, Duration, Duration, Duration) {
        let mut state = self.shared.state.borrow_mut();
        let State { faults, chance, .. } = &mut *state;
        let half = self.shared.latency / 2;
        let (there, back) = (half / 2 + chance.duration(half), half / 2 + chance.duration(half));
        let lag = self.client.lag.get().draw(chance);
        (faults.next(operation, chance), there, back, lag)
    }

    async fn wait_in_vain(&self, operation: Operation, why: &str) -> Result<Reply, CloudError> {
        self.shared.clock.sleep(self.shared.reply_timeout).await;
        Err(CloudError::unanswered(operation, why))
    }

    /// What AWS does when the call arrives.
    fn arrive(&self, call: &Call<'_>) -> Result<Reply, CloudError> {
        let operation = call.operation;
        if call.region != self.shared.region {
            let message = format!("there is no endpoint of {}; this is {}", call.region, self.shared.region);
            return Err(CloudError::unanswered(operation, message));
        }
        let now = self.catch_up();
        let mut state = self.shared.state.borrow_mut();
        if let Some(code) = state.throttle.take(operation, now) {
            return Err(CloudError::coded(operation, code, "Request limit exceeded."));
        }
        let seen = Rc::clone(state.history.as_of(now, call.lag));
        let outcome = match call.request {
            Request::Read(read) => seen.answer(read, now.saturating_sub(call.lag).max(seen.at)),
            Request::Write(write) => match subject::unresolved(write) {
                Some(what) => return Err(CloudError::bug(operation, what)),
                None => consistency::check_visible(write, state.history.present(), &seen)
                    .and_then(|()| state.change(now, |world| world.apply(write))),
            },
        };
        outcome.map_err(|refusal| CloudError::coded(operation, refusal.code, refusal.message))
    }
}

impl State {
    /// Changes a copy of the world, which takes its place unless the change is refused.
    fn change<T>(&mut self, now: Duration, change: impl FnOnce(&mut World) -> Outcome<T>) -> Outcome<T> {
        let mut world = self.draft(now);
        let done = change(&mut world)?;
        self.commit(world);
        Ok(done)
    }

    fn draft(&self, now: Duration) -> World {
        let mut world = World::clone(self.history.present());
        world.settle(now);
        world
    }

    fn commit(&mut self, mut world: World) {
        self.ledger.absorb(std::mem::take(&mut world.events));
        self.history.push(world);
    }
}

impl Cloud for SimCloud {
    fn call<'a>(&'a self, region: &'a str, request: Request) -> LocalBoxFuture<'a, Result<Reply, CloudError>> {
        Box::pin(self.run(region, request))
    }
}
