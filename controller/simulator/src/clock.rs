//! Virtual time: it stands still until somebody advances it.
//!
//! A [`VirtualClock`] is a handle; all handles made from one share its time. Each replica gets its own with
//! [`VirtualClock::replica`], so that `elapsed` counts from its start and its wall clock may be wrong by a skew.
//! Never: advances by itself. See [`crate::executor`] for who does.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::future::LocalBoxFuture;
use jiff::{SignedDuration, Timestamp};
use ports::Clock;

/// A timer's place: when, and which of several at once. The order of their making breaks ties.
type TimerKey = (Duration, u64);

#[derive(Debug)]
struct Time {
    epoch: Timestamp,
    now: Cell<Duration>,
    timers: RefCell<BTreeMap<TimerKey, Waker>>,
    made: Cell<u64>,
}

/// A handle of the one virtual time.
#[derive(Debug, Clone)]
pub struct VirtualClock {
    time: Rc<Time>,
    started: Duration,
    skew: SignedDuration,
}

impl VirtualClock {
    /// Time that begins at `epoch`.
    pub fn new(epoch: Timestamp) -> Self {
        let time = Time { epoch, now: Cell::default(), timers: RefCell::default(), made: Cell::default() };
        Self { time: Rc::new(time), started: Duration::ZERO, skew: SignedDuration::ZERO }
    }

    /// The wall clock at virtual time zero.
    pub fn epoch(&self) -> Timestamp {
        self.time.epoch
    }

    /// A handle for a replica that starts now, whose wall clock is off by `skew`.
    pub fn replica(&self, skew: SignedDuration) -> Self {
        Self { time: Rc::clone(&self.time), started: self.since_epoch(), skew }
    }

    /// Virtual time since the epoch, whichever handle is asked.
    pub fn since_epoch(&self) -> Duration {
        self.time.now.get()
    }

    /// When the next timer is due, if there is any.
    pub fn next_timer(&self) -> Option<Duration> {
        self.time.timers.borrow().keys().next().map(|(due, _)| *due)
    }

    /// Moves time to `to`, if that lies ahead, and wakes what is due by then.
    pub fn advance_to(&self, to: Duration) {
        self.time.now.set(self.since_epoch().max(to));
        let due = {
            let mut timers = self.time.timers.borrow_mut();
            let later = timers.split_off(&(self.since_epoch(), u64::MAX));
            std::mem::replace(&mut *timers, later)
        };
        due.into_values().for_each(Waker::wake);
    }
}

impl Default for VirtualClock {
    /// Time that begins with 2026.
    fn default() -> Self {
        Self::new(Timestamp::from_second(1_767_225_600).unwrap_or(Timestamp::UNIX_EPOCH))
    }
}

/// The wall clock's reading at that virtual time.
pub(crate) fn timestamp(epoch: Timestamp, at: Duration) -> Timestamp {
    epoch.checked_add(at).unwrap_or(Timestamp::MAX)
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        let truth = timestamp(self.time.epoch, self.since_epoch());
        truth.checked_add(self.skew).unwrap_or(truth)
    }

    fn elapsed(&self) -> Duration {
        self.since_epoch().saturating_sub(self.started)
    }

    fn sleep(&self, duration: Duration) -> LocalBoxFuture<'static, ()> {
        let due = self.since_epoch().saturating_add(duration);
        Box::pin(Sleep { time: Rc::clone(&self.time), due, registered: None })
    }
}

/// Ends at `due`. Dropped earlier, it takes its timer with it, so that time is never advanced for nobody.
struct Sleep {
    time: Rc<Time>,
    due: Duration,
    registered: Option<(TimerKey, Waker)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.time.now.get() >= self.due {
            return Poll::Ready(());
        }
        let key = match &self.registered {
            // Whoever waits for several things polls all of them whenever one is there.
            Some((_, waker)) if waker.will_wake(cx.waker()) => return Poll::Pending,
            Some((key, _)) => *key,
            None => {
                let made = self.time.made.get();
                self.time.made.set(made + 1);
                (self.due, made)
            }
        };
        self.time.timers.borrow_mut().insert(key, cx.waker().clone());
        self.registered = Some((key, cx.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some((key, _)) = &self.registered {
            self.time.timers.borrow_mut().remove(key);
        }
    }
}
