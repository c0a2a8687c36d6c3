//! Runs futures in virtual time: polls what is awake, and when all wait, goes to the next timer.
//!
//! Several replicas are several futures, polled in the order of their names. [`Executor::kill`] drops one,
//! [`Executor::pause`] stops polling one while time goes on, as a stopped process would see it.
//! Never: ends a run silently. A deadlock and a run without end are panics that say so.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures::future::LocalBoxFuture;

use crate::clock::VirtualClock;

/// Polls at one instant, after which the futures are taken to spin.
const POLLS_PER_INSTANT_MAX: u32 = 1_000_000;
/// Virtual time that [`Executor::block_on`] lets pass at most.
const BLOCK_ON_MAX: Duration = Duration::from_secs(366 * 24 * 3600);

/// Set when a future may go on. `Wake` wants it to be `Send`; nothing else here is.
#[derive(Debug)]
struct Awake(AtomicBool);

impl Awake {
    fn new() -> Arc<Self> {
        Arc::new(Self(AtomicBool::new(true)))
    }

    fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

impl Wake for Awake {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Replica<'a> {
    future: LocalBoxFuture<'a, ()>,
    awake: Arc<Awake>,
    paused: bool,
}

/// Futures in one virtual time.
pub struct Executor<'a> {
    clock: VirtualClock,
    replicas: BTreeMap<String, Replica<'a>>,
}

impl<'a> Executor<'a> {
    /// Without any future yet.
    pub fn new(clock: &VirtualClock) -> Self {
        Self { clock: clock.clone(), replicas: BTreeMap::new() }
    }

    /// Adds a replica. One of the same name is killed first.
    pub fn start(&mut self, name: impl Into<String>, future: impl Future<Output = ()> + 'a) {
        self.replicas.insert(name.into(), Replica { future: Box::pin(future), awake: Awake::new(), paused: false });
    }

    /// Drops a replica, wherever it is. Whether there was one.
    pub fn kill(&mut self, name: &str) -> bool {
        self.replicas.remove(name).is_some()
    }

    /// Polls a replica no more until [`resume`](Self::resume); time goes on for it.
    pub fn pause(&mut self, name: &str) {
        if let Some(replica) = self.replicas.get_mut(name) {
            replica.paused = true;
        }
    }

    /// Lets a paused replica go on.
    pub fn resume(&mut self, name: &str) {
        if let Some(replica) = self.replicas.get_mut(name) {
            replica.paused = false;
        }
    }

    /// Whether a replica of that name has neither ended nor been killed.
    pub fn is_alive(&self, name: &str) -> bool {
        self.replicas.contains_key(name)
    }

    /// Lets so much time pass.
    pub fn run_for(&mut self, duration: Duration) {
        let end = self.clock.since_epoch() + duration;
        self.run_until(end.saturating_sub(self.clock.since_epoch()), || false);
    }

    /// Runs until `done` holds, checked after every poll, at most `at_most` long. Whether it came to hold.
    pub fn run_until(&mut self, at_most: Duration, done: impl Fn() -> bool) -> bool {
        let end = self.clock.since_epoch() + at_most;
        loop {
            if self.poll_all(&done) {
                return true;
            }
            match self.clock.next_timer() {
                Some(next) if next <= end => self.clock.advance_to(next),
                Some(_) | None => {
                    self.clock.advance_to(end);
                    return self.poll_all(&done);
                }
            }
        }
    }

    /// Runs `future` to its end, with the replicas beside it.
    ///
    /// # Panics
    /// When nothing that time could end is awaited, or after a year of virtual time.
    pub fn block_on<T>(&mut self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let awake = Awake::new();
        let waker = Waker::from(Arc::clone(&awake));
        let end = self.clock.since_epoch() + BLOCK_ON_MAX;
        loop {
            for _ in 0..POLLS_PER_INSTANT_MAX {
                if !awake.take() {
                    break;
                }
                if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                    return output;
                }
            }
            self.poll_all(&|| false);
            if awake.0.load(Ordering::Relaxed) {
                continue;
            }
            match self.clock.next_timer() {
                Some(next) => self.clock.advance_to(next),
                None => panic!("deadlock at {:?}: nothing is awaited that time could end", self.clock.since_epoch()),
            }
            assert!(self.clock.since_epoch() <= end, "block_on did not end within a year of virtual time");
        }
    }

    /// Polls every replica that is awake until all wait. Whether `done` came to hold meanwhile.
    fn poll_all(&mut self, done: &impl Fn() -> bool) -> bool {
        for _ in 0..POLLS_PER_INSTANT_MAX {
            if done() {
                return true;
            }
            let Some((name, replica)) =
                self.replicas.iter_mut().find(|(_, r)| !r.paused && r.awake.0.load(Ordering::Relaxed))
            else {
                return false;
            };
            replica.awake.take();
            let waker = Waker::from(Arc::clone(&replica.awake));
            if replica.future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                let name = name.clone();
                self.replicas.remove(&name);
            }
        }
        panic!(
            "the replicas spin at {:?}: {POLLS_PER_INSTANT_MAX} polls and time stands still",
            self.clock.since_epoch()
        );
    }
}

/// Runs one future alone to its end; see [`Executor::block_on`].
pub fn block_on<T>(clock: &VirtualClock, future: impl Future<Output = T>) -> T {
    Executor::new(clock).block_on(future)
}
