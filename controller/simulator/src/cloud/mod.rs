//! EC2 and ELBv2 of one account and region, behind [`ports::Cloud`].
//!
//! A call takes its way here: counted, delayed, perhaps hit by a fault, throttled, then handed to the [`world`], which is the
//! state and all that AWS does to it. Every handle is one client with its own name and read lag; all share one world.
//! Start at [`world`] for what AWS does, at [`console`] to break things, at [`view`] to look.

use std::cell::{Ref, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use aws_api::{CloudError, Operation, Reply, Request, Service, Write};
use futures::future::LocalBoxFuture;
use ports::{Clock, Cloud};

mod actions;
pub mod api;
pub mod apps;
mod attributes;
mod baking;
mod built_in;
mod canonical;
pub mod catalogue;
mod certificates;
mod conditions;
pub mod config;
pub mod consistency;
pub mod console;
mod derived;
pub mod faults;
mod filters;
mod group_quota;
mod group_rules;
mod groups;
mod health;
mod hosted_zones;
pub mod images;
mod instances;
mod interfaces;
mod launch;
pub mod ledger;
mod listener_rules;
mod listeners;
mod load_balancers;
mod network;
mod profiles;
mod settings;
mod snapshots;
mod ssl_policies;
mod subject;
mod tags;
pub mod tape;
mod target_groups;
mod throttle;
pub mod traffic;
pub mod view;
mod volumes;
mod vpcs;
mod wildcards;
mod world;

pub use apps::{Answer, App};
pub use built_in::BuiltIn;
pub use canonical::Canonical;
pub use config::{Builder, Quotas, Timings};
pub use consistency::{Glimpse, ReadLag, ReadLags};
pub use console::Console;
pub use faults::{Aim, Calls, Fault};
pub use instances::VolumeRecord;
pub use ledger::{Kind, Ledger};
pub use view::View;
pub use world::Refusal;

use crate::clock::VirtualClock;
use crate::crash::{CrashPoints, Cut};
use crate::entropy::Prng;
use consistency::{Glimpses, History, Reader};
use faults::Faults;
use ledger::Entry;
use tape::{Arrival, Came, Changed, Tape};
use throttle::{Bucket, Throttle};
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
    ec2: Reader,
    elbv2: Reader,
}

impl Client {
    fn named(name: &str) -> Rc<Self> {
        Rc::new(Self { name: name.to_owned(), ec2: Reader::default(), elbv2: Reader::default() })
    }

    fn reader(&self, service: Service) -> &Reader {
        match service {
            Service::Ec2 => &self.ec2,
            Service::Elbv2 => &self.elbv2,
        }
    }
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
    glimpses: Glimpses,
    faults: Faults,
    throttle: Throttle,
    ledger: Ledger,
    tape: Tape,
    chance: Prng,
    late: Vec<Late>,
}

/// A write whose caller has given up, and which takes effect later.
struct Late {
    due: Duration,
    sent: Duration,
    client: String,
    write: Write,
}

/// A call on its way.
struct Call<'a> {
    region: &'a str,
    operation: Operation,
    request: &'a Request,
    sent: Duration,
    lag: Duration,
    /// How it is answered, if it is the read that is.
    glimpse: Option<Glimpse>,
    /// Whether its answer will reach the caller.
    heard: bool,
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
            glimpses: Glimpses::default(),
            faults: Faults::default(),
            throttle: Throttle::default(),
            ledger: Ledger::default(),
            tape: Tape::default(),
            chance: Prng::new(seed ^ 0x6661_756c_7473),
            late: Vec::new(),
        };
        let clock = clock.clone();
        let shared = Shared { clock, region, latency, reply_timeout, crash_points, state: RefCell::new(state) };
        Self { shared: Rc::new(shared), client: Client::named("main") }
    }

    /// Another client of the same account, with a read lag of its own.
    pub fn client(&self, name: &str) -> Self {
        Self { shared: Rc::clone(&self.shared), client: Client::named(name) }
    }

    /// How old this client's sight is from now on: one [`ReadLag`] for both services, or one for each. With any lag of EC2,
    /// its writes there do not find fresh resources either.
    pub fn set_read_lag(&self, lag: impl Into<ReadLags>) {
        let ReadLags { ec2, elbv2 } = lag.into();
        self.client.ec2.set_lag(ec2);
        self.client.elbv2.set_lag(elbv2);
    }

    /// Keeps only so much of the past, in so many worlds at most: reads that look back further see the oldest that is kept.
    pub fn keep_past(&self, back: Duration, worlds: usize) {
        self.shared.state.borrow_mut().history.keep(back, worlds);
    }

    /// Carries everything along to now, though nobody asks.
    pub fn carry(&self) {
        self.catch_up();
    }

    /// Counts the reads anew, and lets that one (the first is 1) be answered so; `None`: none.
    pub fn mislead(&self, armed: Option<(u64, Glimpse)>) {
        self.shared.state.borrow_mut().glimpses.arm(armed);
    }

    /// The reads since [`mislead`](Self::mislead) was last called.
    pub fn reads(&self) -> u64 {
        self.shared.state.borrow().glimpses.reads()
    }

    /// Whether the armed read was answered otherwise than it would have been: there was an older world, or it failed.
    pub fn was_misled(&self) -> bool {
        self.shared.state.borrow().glimpses.misled()
    }

    /// Whether calls are charged to AWS's token buckets. Off at first.
    pub fn set_throttling(&self, on: bool) {
        self.shared.state.borrow_mut().throttle.enabled = on;
    }

    /// Others in the account have used up AWS's token buckets. They fill again; calls are charged only while throttling is on.
    pub fn empty_buckets(&self) {
        let at = self.shared.clock.since_epoch();
        self.shared.state.borrow_mut().throttle.empty(at);
    }

    /// The next such call meets this fault.
    pub fn fail_next(&self, calls: impl Into<Calls>, fault: Fault) {
        self.fail_after(calls, 0, fault);
    }

    /// As [`fail_next`](Self::fail_next), but so many such calls go through before.
    pub fn fail_after(&self, calls: impl Into<Calls>, through: u32, fault: Fault) {
        self.shared.state.borrow_mut().faults.plan(calls.into(), through, fault, None);
    }

    /// As [`fail_next`](Self::fail_next), but only a call about what `aim` says yes to meets it.
    pub fn fail_next_of(&self, calls: impl Into<Calls>, aim: Aim, fault: Fault) {
        self.shared.state.borrow_mut().faults.plan(calls.into(), 0, fault, Some(aim));
    }

    /// From now on such calls meet this fault `permille` times in a thousand.
    pub fn fail_often(&self, calls: impl Into<Calls>, permille: u16, fault: Fault) {
        self.shared.state.borrow_mut().faults.often(calls.into(), permille, fault);
    }

    /// No faults any more. What is late already still comes.
    pub fn faults_off(&self) {
        self.shared.state.borrow_mut().faults.clear();
    }

    /// The boundaries of requests, at which a replica can be cut off.
    pub fn crash_points(&self) -> &CrashPoints {
        &self.shared.crash_points
    }

    /// What was asked, and what came and went by now. To be let go of before the next call.
    pub fn ledger(&self) -> Ref<'_, Ledger> {
        let now = self.catch_up();
        {
            let state = &mut *self.shared.state.borrow_mut();
            let events = state.history.settle_now(now);
            state.ledger.absorb(events);
        }
        Ref::map(self.shared.state.borrow(), |state| &state.ledger)
    }

    /// From now on every call that arrives is kept until it is taken by [`arrivals`](Self::arrivals).
    pub fn record_arrivals(&self) {
        self.shared.state.borrow_mut().tape.start();
    }

    /// The calls that arrived since this was last asked, in the order of their taking effect.
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.shared.state.borrow_mut().tape.take()
    }

    /// How often each fault happened to a call.
    pub fn fault_counts(&self) -> BTreeMap<String, u64> {
        self.shared.state.borrow().faults.counts().clone()
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
        state.late.sort_by_key(|late| late.due);
        while state.late.first().is_some_and(|late| late.due <= now) {
            let late = state.late.remove(0);
            // A later change may have come first: time never goes back.
            let at = late.due.max(state.history.present().at);
            let arrival = Arriving { at, sent: late.sent, client: &late.client, late: true, heard: false };
            // Nobody waits for the answer, a refusal included.
            let _ = state.write(&arrival, &late.write);
        }
        if let Some(events) = state.history.settle(now) {
            state.ledger.absorb(events);
        }
        now
    }

    async fn run(&self, region: &str, request: Request) -> Result<Reply, CloudError> {
        let shared = &self.shared;
        let operation = match &request {
            Request::Read(read) => read.operation(),
            Request::Write(write) => write.operation(),
        };
        let (number, sent) = (shared.crash_points.next(), shared.clock.since_epoch());
        shared.crash_points.pass(number, Cut::BeforeSending).await;
        let (fault, there, back, lag) = self.draw(operation, &request);
        let glimpse = matches!(request, Request::Read(_)).then(|| shared.state.borrow_mut().glimpses.next()).flatten();
        let fault = if glimpse == Some(Glimpse::Fails) { Some(Fault::refused("InternalError")) } else { fault };
        shared.clock.sleep(there).await;
        let heard = !matches!(fault, Some(Fault::LostReply));
        let call = Call { region, operation, request: &request, sent, lag, glimpse, heard };
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
                self.come_later(&call, by);
                self.wait_in_vain(operation, "the request is late").await
            }
            Some(Fault::Duplicate(by)) => {
                self.come_later(&call, by);
                self.arrive(&call)
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
    fn draw(&self, operation: Operation, request: &Request) -> (Option<Fault>, Duration, Duration, Duration) {
        let mut state = self.shared.state.borrow_mut();
        let State { faults, chance, .. } = &mut *state;
        let half = self.shared.latency / 2;
        let (there, back) = (half / 2 + chance.duration(half), half / 2 + chance.duration(half));
        let lag = self.client.reader(operation.service()).draw(chance);
        let fault = faults.next(operation, || subject::subject(request, None), chance);
        (fault, there, back, lag)
    }

    async fn wait_in_vain(&self, operation: Operation, why: &str) -> Result<Reply, CloudError> {
        self.shared.clock.sleep(self.shared.reply_timeout).await;
        Err(CloudError::unanswered(operation, why))
    }

    /// Lets a write take effect (again) so long after it was sent.
    fn come_later(&self, call: &Call<'_>, by: Duration) {
        if let Request::Write(write) = call.request {
            let late =
                Late { due: call.sent + by, sent: call.sent, client: self.client.name.clone(), write: write.clone() };
            self.shared.state.borrow_mut().late.push(late);
        }
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
        let arrival = Arriving { at: now, sent: call.sent, client: &self.client.name, late: false, heard: call.heard };
        let about = || subject::subject(call.request, None);
        if let Some(code) = state.throttle.take(Bucket::Called(operation.bucket()), now) {
            state.faults.count("throttled by its bucket");
            state.tape.add(|| arrival.came(operation, about(), Came::Refused(code.to_owned())));
            return Err(CloudError::coded(operation, code, "Request limit exceeded."));
        }
        let reader = self.client.reader(operation.service());
        let lag = reader.bounded(call.lag, now);
        let seen = Rc::clone(state.history.as_of(now, lag));
        let outcome = match call.request {
            Request::Read(read) => {
                let older = call.glimpse.and_then(|glimpse| state.glimpses.world(glimpse));
                let outcome = match older {
                    Some((at, world)) => world.answer(read, at),
                    None => seen.answer(read, now.saturating_sub(lag).max(seen.at)),
                };
                reader.note(lag, now);
                state.tape.add(|| arrival.came(operation, about(), tape::read(read, &outcome)));
                outcome
            }
            Request::Write(write) => match write.unready() {
                Some(what) => return Err(CloudError::bug(operation, what)),
                None => match consistency::check_visible(write, state.history.present(), &seen) {
                    Ok(()) => state.write(&arrival, write),
                    Err(refusal) => {
                        state.tape.add(|| arrival.came(operation, about(), Came::Refused(refusal.code.to_owned())));
                        Err(refusal)
                    }
                },
            },
        };
        outcome.map_err(|refusal| {
            state.faults.count(&format!("aws refuses: {}", refusal.code));
            CloudError::coded(operation, refusal.code, refusal.message)
        })
    }
}

/// When, from when and from whom something arrives.
struct Arriving<'a> {
    at: Duration,
    sent: Duration,
    client: &'a str,
    late: bool,
    heard: bool,
}

impl Arriving<'_> {
    fn came(&self, operation: Operation, about: String, came: Came) -> Arrival {
        let (at, sent, client, heard) = (self.at, self.sent, self.client.to_owned(), self.heard);
        Arrival { at, sent, client, operation, about, heard, came }
    }
}

impl State {
    /// Does a mutating call, and keeps it for whoever looks on.
    fn write(&mut self, arriving: &Arriving<'_>, write: &Write) -> Outcome<Reply> {
        self.glimpses.note(arriving.at, self.history.present());
        let before = self.tape.is_on().then(|| View::new(self.draft(arriving.at)));
        let outcome = self.change(arriving.at, |world| world.apply(write));
        if let Some(before) = before {
            let came = match &outcome {
                Ok(reply) => {
                    let made = if let Reply::Made(made) = reply { Some(made.clone()) } else { None };
                    Came::Changed(Box::new(Changed { write: write.clone(), made, late: arriving.late, before }))
                }
                Err(refusal) => Came::Refused(refusal.code.to_owned()),
            };
            self.tape.add(|| arriving.came(write.operation(), subject::of_write(write), came));
        }
        outcome
    }

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
