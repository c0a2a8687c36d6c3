//! Crash points: the boundaries of requests at which a replica can be cut off.
//!
//! [`crate::SimCloud`] and [`crate::SimStore`] count their requests with one [`CrashPoints`], so that "request 17" means one
//! place in a run, whichever it went to. At the armed one the caller stops: the test sees [`CrashPoints::hit`] and drops it.

use std::cell::Cell;
use std::rc::Rc;

/// Where a request is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cut {
    /// Before it is sent: it has no effect.
    BeforeSending,
    /// After it took effect, before its answer is there.
    AfterEffect,
    /// After its answer is there: the caller goes on until it next waits for anything.
    AfterReply,
}

impl Cut {
    /// Every place.
    pub const ALL: [Self; 3] = [Self::BeforeSending, Self::AfterEffect, Self::AfterReply];
}

#[derive(Debug, Default)]
struct State {
    requests: Cell<u64>,
    armed: Cell<Option<(u64, Cut)>>,
    hit: Cell<bool>,
}

/// The count of requests, and where to cut. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct CrashPoints(Rc<State>);

impl CrashPoints {
    /// Cuts request `number` (from 1, counted from now on) at `cut`.
    pub fn arm(&self, number: u64, cut: Cut) {
        self.0.requests.set(0);
        self.0.hit.set(false);
        self.0.armed.set(Some((number, cut)));
    }

    /// Cuts nothing any more; counts anew.
    pub fn disarm(&self) {
        self.0.requests.set(0);
        self.0.hit.set(false);
        self.0.armed.set(None);
    }

    /// How many requests there were since the last [`arm`](Self::arm) or [`disarm`](Self::disarm).
    pub fn requests(&self) -> u64 {
        self.0.requests.get()
    }

    /// Whether the armed boundary was reached. Until then nothing differs from a run without it.
    pub fn hit(&self) -> bool {
        self.0.hit.get()
    }

    /// Counts a request.
    pub(crate) fn next(&self) -> u64 {
        let number = self.0.requests.get() + 1;
        self.0.requests.set(number);
        number
    }

    /// To be awaited at each boundary: never ends at the armed one.
    pub(crate) async fn pass(&self, number: u64, cut: Cut) {
        if self.0.armed.get() != Some((number, cut)) {
            return;
        }
        self.0.hit.set(true);
        if cut != Cut::AfterReply {
            futures::future::pending::<()>().await;
        }
    }
}
