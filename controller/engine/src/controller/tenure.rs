//! One replica's time as the leader: renews the lease, watches the table, and passes over what is due.
//!
//! All of it is one future. [`Tenure`] decides, between two events and without waiting, what begins next; [`Under`] holds
//! what is under way. Several environments are worked on at once, each by one worker.
//! Never: writes by itself. Passes and the heartbeat do, through the one writer, which the lease fences.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::{Fuse, FusedFuture, LocalBoxFuture, pending, select};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt, select_biased};
use jiff::Timestamp;
use ports::{Clock, StoreError};

use super::pace::Pace;
use super::{Options, RunOutcome, Standing};
use crate::allowance::{Allowance, Needs};
use crate::backoff::{Backoff, part_of};
use crate::context::Ctx;
use crate::heartbeat::Heartbeat;
use crate::lease::{Lease, bounded};
use crate::reconcile::{Desk, Pass, Remembered, reconcile};
use crate::recorder::Recorder;
use crate::watch::Watch;
use crate::work_queue::{Trigger, WorkQueue};
use crate::writer::{WriteError, Writer};

/// Environments that are worked on at once. A pass mostly waits for AWS; more would only spend its quota faster.
pub const WORKERS_MAX: usize = 8;
/// How long what is under way may go on after the end was asked for. The process has 20 s in all.
pub const FINISH_MAX: Duration = Duration::from_secs(15);
/// Passes of one environment follow each other no sooner than this, whatever they ask for.
const REQUEUE_MIN: Duration = Duration::from_millis(200);
/// Longest poll of the table: it must not hide an edit for longer than a resync would.
const POLL_MAX: Duration = Duration::from_secs(10);
/// Pause after a poll that failed before the first that did not.
const LIST_RETRY: Duration = Duration::from_secs(1);
/// `once`: a pass that is wanted within this is waited for.
const ONCE_SOON: Duration = Duration::from_secs(5);
/// `once`: passes in a row that wanted another soon and did nothing; then AWS is not waited for any longer.
const ONCE_QUIET_MAX: u32 = 3;
/// `once`: tries of what cannot be read or written.
const ONCE_TRIES_MAX: u32 = 3;

/// How a tenure ended.
pub(super) enum Ended {
    /// Another replica leads, or may.
    LeaseLost,
    /// The run is over.
    Because(RunOutcome),
}

/// What happened.
enum Event {
    Shutdown,
    LeaseLost,
    Passed(Box<Passed>),
    Polled(Polled),
    Beaten(Heartbeat, Result<(), WriteError>),
    /// Something is due.
    Time,
}

/// A pass that ended.
struct Passed {
    name: String,
    kept: Remembered,
    pass: Pass,
}

/// A pass that may begin.
struct Admitted<'a> {
    name: String,
    trigger: Trigger,
    kept: Remembered,
    allowance: Allowance<'a>,
}

/// What was found by a poll of the table: names whose wishes changed.
type Polled = (Watch, Result<BTreeSet<String>, StoreError>);

/// What is under way.
struct Under<'a> {
    renewals: Fuse<LocalBoxFuture<'a, ()>>,
    workers: FuturesUnordered<LocalBoxFuture<'a, Box<Passed>>>,
    poll: Fuse<LocalBoxFuture<'a, Polled>>,
    beat: Fuse<LocalBoxFuture<'a, (Heartbeat, Result<(), WriteError>)>>,
}

/// Leads until the lease is lost, `shutdown` ends, or, with `once`, nothing more is to be done soon.
pub(super) async fn lead(
    ctx: &Ctx<'_>,
    options: &Options,
    lease: &Lease<'_>,
    deadline: Option<Duration>,
    shutdown: &mut (impl FusedFuture<Output = ()> + Unpin),
) -> Ended {
    let writer = Writer::new(lease);
    let recorder = Recorder::default();
    let desk = Desk { writer: &writer, recorder: &recorder };
    let desk = (!options.observe_only).then_some(&desk);
    let mut tenure = Tenure::new(ctx, options, desk, deadline);
    let renewals = if desk.is_some() { lease.keep().boxed_local() } else { pending().boxed_local() };
    let mut under = Under {
        renewals: renewals.fuse(),
        workers: FuturesUnordered::new(),
        poll: tenure.poll(Watch::new(), Duration::ZERO),
        beat: Fuse::terminated(),
    };
    loop {
        // A write may learn of it before a renewal does. What is under way is dropped with `under`.
        if desk.is_some() && lease.is_lost() {
            return tenure.lost();
        }
        tenure.begin(&mut under);
        if let Some(outcome) = tenure.outcome(&under).await {
            return Ended::Because(outcome);
        }
        match under.next(tenure.wake(&under), shutdown).await {
            Event::LeaseLost => return tenure.lost(),
            Event::Shutdown => {
                tenure.is_stopped = true;
                tenure.stop();
            }
            Event::Passed(passed) => tenure.settle(*passed),
            Event::Polled(polled) => under.poll = tenure.take_in(polled),
            Event::Beaten(heartbeat, written) => tenure.beaten(heartbeat, written),
            Event::Time => {}
        }
    }
}

impl Under<'_> {
    /// Waits for the next event. The order is that of urgency.
    async fn next(
        &mut self,
        time: LocalBoxFuture<'static, ()>,
        shutdown: &mut (impl FusedFuture<Output = ()> + Unpin),
    ) -> Event {
        let mut time = time.fuse();
        select_biased! {
            () = &mut self.renewals => Event::LeaseLost,
            () = &mut *shutdown => Event::Shutdown,
            passed = self.workers.select_next_some() => Event::Passed(passed),
            polled = &mut self.poll => Event::Polled(polled),
            (heartbeat, written) = &mut self.beat => Event::Beaten(heartbeat, written),
            () = time => Event::Time,
        }
    }
}

/// What the leader knows, and decides by.
struct Tenure<'a> {
    ctx: &'a Ctx<'a>,
    options: &'a Options,
    desk: Option<&'a Desk<'a>>,
    queue: WorkQueue,
    backoff: Backoff,
    kept: BTreeMap<String, Remembered>,
    standings: BTreeMap<String, Standing>,
    /// Regions in which our share of the quota has no room for the next pass, and until when.
    no_room: BTreeMap<String, Duration>,
    pace: Pace,
    /// `once`: passes in a row that did nothing.
    quiet: BTreeMap<String, u32>,
    /// Absent while it is being written.
    heartbeat: Option<Heartbeat>,
    /// What the heartbeat is still to be told: when a pass was completed, or that an environment is gone.
    news: BTreeMap<String, Option<Timestamp>>,
    /// Whether the table was read once.
    is_listed: bool,
    /// Polls that failed before that.
    unlisted: u32,
    unreachable: Option<StoreError>,
    /// When `once` ends at the latest.
    deadline: Option<Duration>,
    /// Whether the end was asked for.
    is_stopped: bool,
    /// Nothing is begun any more, and what is under way may go on until then.
    stop_by: Option<Duration>,
}

impl<'a> Tenure<'a> {
    fn new(ctx: &'a Ctx<'a>, options: &'a Options, desk: Option<&'a Desk<'a>>, deadline: Option<Duration>) -> Self {
        Self {
            ctx,
            options,
            desk,
            queue: WorkQueue::default(),
            backoff: Backoff::default(),
            kept: BTreeMap::new(),
            standings: BTreeMap::new(),
            no_room: BTreeMap::new(),
            pace: Pace::default(),
            quiet: BTreeMap::new(),
            heartbeat: Some(Heartbeat::default()),
            news: BTreeMap::new(),
            is_listed: false,
            unlisted: 0,
            unreachable: None,
            deadline,
            is_stopped: false,
            stop_by: None,
        }
    }

    fn now(&self) -> Duration {
        self.ctx.clock.elapsed()
    }

    fn real_now(&self) -> Duration {
        self.ctx.real_clock.elapsed()
    }

    /// Begins what is due.
    fn begin(&mut self, under: &mut Under<'a>) {
        if self.deadline.is_some_and(|deadline| deadline <= self.real_now()) {
            self.stop();
        }
        if self.stop_by.is_some() {
            return;
        }
        while under.workers.len() < WORKERS_MAX {
            let Some(Admitted { name, trigger, mut kept, allowance }) = self.admit() else { break };
            let (ctx, desk) = (self.ctx, self.desk);
            let worker = async move {
                let pass = reconcile(&ctx.by_way_of(&allowance), desk, &name, &mut kept, trigger).await;
                kept.needs.note(allowance.made());
                Box::new(Passed { name, kept, pass })
            };
            under.workers.push(worker.boxed_local());
        }
        self.pace.tell(self.ctx.clock.elapsed(), self.options.resync_interval);
        if self.heartbeat.as_ref().is_some_and(|heartbeat| heartbeat.next_due() <= self.now())
            && let (Some(desk), Some(heartbeat)) = (self.desk, self.take_heartbeat())
        {
            under.beat = beat(heartbeat, self.ctx.clock, desk.writer).boxed_local().fuse();
        }
    }

    /// The next that is due and that our share of the quota has room for. Where there is none, nobody in that region goes
    /// before those who have waited longer.
    fn admit(&mut self) -> Option<Admitted<'a>> {
        let now = self.now();
        self.no_room.retain(|_, until| *until > now);
        for name in self.queue.due_at(now) {
            let region = self.region_of(&name).to_owned();
            if self.no_room.contains_key(&region) {
                continue;
            }
            let needs = self.kept.get(&name).map_or_else(|| Needs::default().calls(), |kept| kept.needs.calls());
            match Allowance::new(self.ctx.cloud, &region, &needs) {
                Ok(allowance) => {
                    let (due, trigger) = self.queue.take(&name)?;
                    if trigger == Trigger::Resync {
                        self.pace.note(now.saturating_sub(due));
                    }
                    let kept = self.kept.remove(&name).unwrap_or_default();
                    return Some(Admitted { name, trigger, kept, allowance });
                }
                Err(room_in) => {
                    self.no_room.insert(region, now + room_in);
                }
            }
        }
        None
    }

    /// Where an environment was last looked at.
    fn region_of(&self, name: &str) -> &str {
        let known = self.kept.get(name).and_then(|kept| kept.region.as_deref());
        known.unwrap_or(&self.ctx.default_region)
    }

    /// Ends when something is due that [`Self::begin`] would begin, or that ends the tenure.
    fn wake(&self, under: &Under<'_>) -> LocalBoxFuture<'static, ()> {
        if let Some(by) = self.stop_by {
            return self.ctx.real_clock.sleep(by.saturating_sub(self.real_now()));
        }
        let has_room = under.workers.len() < WORKERS_MAX;
        let heartbeat = self.heartbeat.as_ref().filter(|_| self.desk.is_some());
        let until_room = |name: &str| self.no_room.get(self.region_of(name)).copied().unwrap_or_default();
        let due = [self.queue.next_due(until_room).filter(|_| has_room), heartbeat.map(Heartbeat::next_due)];
        let due = match due.into_iter().flatten().min() {
            Some(due) => self.ctx.clock.sleep(due.saturating_sub(self.now())),
            None => pending().boxed_local(),
        };
        let Some(deadline) = self.deadline else { return due };
        let end = self.ctx.real_clock.sleep(deadline.saturating_sub(self.real_now()));
        // Whichever it was, what is due is found again by its time.
        select(due, end).map(|_| ()).boxed_local()
    }

    /// Why the run is over, if it is.
    async fn outcome(&mut self, under: &Under<'_>) -> Option<RunOutcome> {
        if let Some(error) = self.unreachable.take() {
            return Some(RunOutcome::Unreachable(error));
        }
        let is_idle = under.workers.is_empty() && under.beat.is_terminated();
        if !is_idle && self.stop_by.is_some_and(|by| by <= self.real_now()) {
            tracing::warn!(passes = under.workers.len(), "cut off; the next leader goes on with what was under way");
        } else if !(is_idle && (self.stop_by.is_some() || self.is_settled())) {
            return None;
        }
        if self.options.once
            && let (Some(desk), Some(heartbeat)) = (self.desk, self.take_heartbeat())
            && let (_, Err(error)) = beat(heartbeat, self.ctx.clock, desk.writer).await
        {
            tracing::warn!(%error, "heartbeat not written");
        }
        Some(self.verdict())
    }

    fn verdict(&mut self) -> RunOutcome {
        let settled = self.options.once && !self.is_stopped;
        if settled { RunOutcome::Settled(std::mem::take(&mut self.standings)) } else { RunOutcome::Stopped }
    }

    /// What follows from a lost lease. A run that is ending anyway does not wait for another.
    fn lost(&mut self) -> Ended {
        if self.stop_by.is_some() { Ended::Because(self.verdict()) } else { Ended::LeaseLost }
    }

    fn is_settled(&self) -> bool {
        self.options.once && self.is_listed && self.queue.is_empty()
    }

    /// Begins nothing any more.
    fn stop(&mut self) {
        let by = self.real_now() + FINISH_MAX;
        if self.stop_by.is_none() {
            tracing::info!("stopping");
            self.stop_by = Some(by);
        }
    }

    /// The next poll of the table, when it is due, and not before `earliest`.
    fn poll(&self, mut watch: Watch, earliest: Duration) -> Fuse<LocalBoxFuture<'a, Polled>> {
        let ctx = self.ctx;
        let poll = async move {
            let due = watch.next_due().max(earliest);
            // People edit in real time.
            ctx.real_clock.sleep(due.saturating_sub(ctx.real_clock.elapsed())).await;
            let found = bounded(ctx.real_clock, POLL_MAX, watch.poll(ctx.store, ctx.real_clock.elapsed())).await;
            (watch, found)
        };
        poll.boxed_local().fuse()
    }

    /// Takes in what a poll found, and says which is the next.
    fn take_in(&mut self, (watch, found): Polled) -> Fuse<LocalBoxFuture<'a, Polled>> {
        let now = self.now();
        match found {
            Ok(names) => {
                let trigger = if self.is_listed { Trigger::Edit } else { Trigger::Start };
                self.is_listed = true;
                for name in names {
                    if let Err(error) = self.queue.add(&name, now, trigger) {
                        tracing::error!(name, %error, "environment not taken up");
                    }
                }
                // `once` looks at what is there now, and at nothing that comes later.
                if self.options.once { Fuse::terminated() } else { self.poll(watch, Duration::ZERO) }
            }
            Err(error) if self.is_listed => {
                tracing::warn!(%error, "table not read");
                self.poll(watch, Duration::ZERO)
            }
            Err(error) => {
                tracing::warn!(%error, "table not read");
                self.unlisted += 1;
                if self.options.once && self.unlisted >= ONCE_TRIES_MAX {
                    self.unreachable = Some(error);
                }
                // What it half knows would pass for a list of everything, so it begins anew.
                self.poll(Watch::new(), self.real_now() + LIST_RETRY)
            }
        }
    }

    /// Notes what came of a pass, and when the next is due.
    fn settle(&mut self, passed: Passed) {
        let Passed { name, kept, pass } = passed;
        if pass.is_put_off {
            self.kept.insert(name.clone(), kept);
            let pause = pass.requeue.unwrap_or_default().max(REQUEUE_MIN);
            self.queue.done(&name, Some((self.now() + pause, Trigger::Requeue)));
            return;
        }
        if self.options.once {
            self.standings.entry(name.clone()).or_default().note(&pass);
        }
        if pass.is_gone {
            self.forget(&name);
            self.queue.done(&name, None);
            return;
        }
        self.kept.insert(name.clone(), kept);
        let next = if pass.is_complete() {
            self.backoff.succeeded(&name);
            self.news.insert(name.clone(), Some(self.ctx.clock.now()));
            if self.options.once { self.next_of_once(&name, &pass) } else { Some(self.next(&pass)) }
        } else {
            let pause = self.backoff.failed(&name, self.ctx.entropy);
            let gives_up = self.options.once && self.backoff.failures(&name) >= ONCE_TRIES_MAX;
            (!gives_up).then_some((pause, Trigger::Retry))
        };
        let now = self.now();
        self.queue.done(&name, next.map(|(pause, trigger)| (now + pause.max(REQUEUE_MIN), trigger)));
    }

    /// When an environment is looked at again: as the pass asked, but at the latest after the resync interval, which
    /// is shortened a little by chance, so that environments do not stay in step.
    fn next(&self, pass: &Pass) -> (Duration, Trigger) {
        let interval = self.options.resync_interval;
        let resync = interval - part_of(interval / 10, self.ctx.entropy);
        match pass.requeue {
            Some(requeue) if requeue < resync => (requeue, Trigger::Requeue),
            Some(_) | None => (resync, Trigger::Resync),
        }
    }

    fn next_of_once(&mut self, name: &str, pass: &Pass) -> Option<(Duration, Trigger)> {
        let quiet = self.quiet.entry(name.to_owned()).or_default();
        *quiet = if pass.acted() { 0 } else { *quiet + 1 };
        let requeue = if pass.acted() { Some(pass.requeue.unwrap_or(ONCE_SOON).min(ONCE_SOON)) } else { pass.requeue };
        let soon = requeue.filter(|requeue| *requeue <= ONCE_SOON && *quiet < ONCE_QUIET_MAX);
        soon.map(|requeue| (requeue, Trigger::Requeue))
    }

    fn forget(&mut self, name: &str) {
        self.backoff.succeeded(name);
        self.news.insert(name.to_owned(), None);
        if let Some(desk) = self.desk {
            desk.recorder.forget(name);
        }
    }

    fn beaten(&mut self, heartbeat: Heartbeat, written: Result<(), WriteError>) {
        if let Err(error) = written {
            tracing::warn!(%error, "heartbeat not written");
        }
        self.heartbeat = Some(heartbeat);
    }

    /// The heartbeat, with all news in it.
    fn take_heartbeat(&mut self) -> Option<Heartbeat> {
        let mut heartbeat = self.heartbeat.take()?;
        heartbeat.note_interval(self.pace.stretched());
        for (name, completed) in std::mem::take(&mut self.news) {
            match completed {
                Some(at) => heartbeat.note(&name, at),
                None => heartbeat.forget(&name),
            }
        }
        Some(heartbeat)
    }
}

async fn beat(mut heartbeat: Heartbeat, clock: &dyn Clock, writer: &Writer<'_>) -> (Heartbeat, Result<(), WriteError>) {
    let written = heartbeat.beat(clock, writer).await;
    (heartbeat, written)
}
