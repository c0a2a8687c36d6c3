//! The cloud's time: real time times a speed, from where it began; it can be paused and advanced.
//!
//! The virtual clock never moves by itself: [`Time::carry`] brings it to where it should be by now, before every call.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use ports::Clock as _;
use simulator::VirtualClock;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Longest that is let pass at once: what happens meanwhile is worked out check by check.
pub const ADVANCE_MAX: Duration = Duration::from_secs(30 * 24 * 3600);
/// Where it ends, since its beginning: it stands still from then on.
pub const END: Duration = DAY.saturating_mul(100 * 365);

/// See the module.
#[derive(Debug)]
pub struct Time {
    clock: VirtualClock,
    speed: u32,
    paused: bool,
    /// Whether it stands still while something is done at one instant.
    held: bool,
    /// Where both clocks stood when the speed was last set, the time advanced or paused.
    anchor: (Instant, Duration),
}

impl Time {
    /// Time that goes so many times as fast as real time, from `epoch` on.
    pub fn new(epoch: Timestamp, speed: u32) -> Self {
        let anchor = (Instant::now(), Duration::ZERO);
        Self { clock: VirtualClock::new(epoch), speed, paused: false, held: false, anchor }
    }

    /// The clock that it drives.
    pub fn clock(&self) -> &VirtualClock {
        &self.clock
    }

    /// Brings the clock to where it should be by now.
    pub fn carry(&self) {
        let (since, began) = self.anchor;
        if !self.paused && !self.held {
            self.clock.advance_to(began.saturating_add(since.elapsed().saturating_mul(self.speed)).min(END));
        }
    }

    /// The instant that it is in the cloud.
    pub fn now(&self) -> Timestamp {
        self.carry();
        self.clock.now()
    }

    /// How many times as fast as real time it goes.
    pub fn speed(&self) -> u32 {
        self.speed
    }

    /// Whether it stands still.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// Lets it stand still, or go on.
    pub fn pause(&mut self, paused: bool) {
        self.carry();
        self.paused = paused;
        self.drop_anchor();
    }

    /// Lets so much of it pass at once. Returns whether it may: no longer than [`ADVANCE_MAX`] at once, nor beyond [`END`].
    pub fn advance(&mut self, by: Duration) -> bool {
        self.carry();
        let to = self.clock.since_epoch().saturating_add(by);
        let may = by <= ADVANCE_MAX && to <= END;
        if may {
            self.clock.advance_to(to);
            self.drop_anchor();
        }
        may
    }

    /// Lets it stand still while something is done at one instant, until it is [released](Self::release).
    pub fn hold(&mut self) {
        self.carry();
        self.held = true;
    }

    /// Lets it go on after it was held, from where it stands.
    pub fn release(&mut self) {
        self.held = false;
        self.drop_anchor();
    }

    fn drop_anchor(&mut self) {
        self.anchor = (Instant::now(), self.clock.since_epoch());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paused_time_moves_only_when_it_is_advanced() {
        let mut time = Time::new(Timestamp::UNIX_EPOCH, 1_000_000);
        time.pause(true);
        let before = time.now();
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(time.now(), before);
        assert!(time.advance(Duration::from_secs(600)));
        assert_eq!(time.now(), before + Duration::from_secs(600));
        time.pause(false);
        std::thread::sleep(Duration::from_millis(2));
        assert!(time.now() > before + Duration::from_secs(1600), "two milliseconds are two thousand seconds");
    }

    #[test]
    fn it_neither_leaps_too_far_nor_passes_its_end() {
        let mut time = Time::new(Timestamp::UNIX_EPOCH, 1);
        assert!(!time.advance(Duration::MAX) && !time.advance(ADVANCE_MAX + Duration::from_secs(1)));
        while time.advance(ADVANCE_MAX) {}
        assert!(time.clock().since_epoch() <= END);
    }
}
