//! One account: a simulated cloud for each region that is asked for, all in one time.

use std::collections::BTreeMap;
use std::time::Duration;

use simulator::cloud::catalogue::REGIONS;
use simulator::cloud::{ReadLags, Refusal};
use simulator::{Builder, SimCloud};

use crate::faults::Faults;
use crate::front::ports::Ports;
use crate::keeping::{Change, Keeper};
use crate::time::Time;

/// The account that every caller is taken to belong to.
pub const ACCOUNT: &str = "123456789012";

/// How far back a stale read sees, and how many worlds are kept for that at most.
pub const PAST: Duration = Duration::from_secs(30);
const WORLDS_MAX: usize = 300;
/// How often, in real time, the log says how late it is while the cloud is asked and nothing is changed: what a caller saw
/// come with time is not undone by more than that.
const TIME_EVERY: Duration = Duration::from_secs(10);

/// See the module.
pub struct Account {
    /// Its time.
    pub time: Time,
    /// Which ports of this machine stand for its listeners and its Redis.
    pub ports: Ports,
    seed: u64,
    throttling: bool,
    lag: ReadLags,
    regions: BTreeMap<String, Region>,
    keeper: Keeper,
    /// When it was first asked anything since the log last said how late it is.
    asked: Option<Duration>,
}

/// How it behaves to its callers, whatever is in it.
#[derive(Debug, Clone, Copy)]
pub struct Behaviour {
    /// Whether calls are charged to AWS's token buckets.
    pub throttling: bool,
    /// How old what a reader sees may be.
    pub lag: ReadLags,
}

/// One region.
pub struct Region {
    /// What is in it.
    pub cloud: SimCloud,
    /// What goes wrong in it.
    pub faults: Faults,
}

impl Account {
    /// One with nothing in it.
    pub fn new(time: Time, seed: u64, throttling: bool, lag: impl Into<ReadLags>) -> Self {
        Self {
            time,
            ports: Ports::default(),
            seed,
            throttling,
            lag: lag.into(),
            regions: BTreeMap::new(),
            keeper: Keeper::default(),
            asked: None,
        }
    }

    /// Behaves so from now on, and keeps what is changed.
    pub fn go_on(&mut self, behaviour: Behaviour, keeper: Keeper) {
        (self.throttling, self.lag, self.keeper) = (behaviour.throttling, behaviour.lag, keeper);
        self.asked = None;
        for region in self.regions.values() {
            region.cloud.set_throttling(behaviour.throttling);
            region.cloud.set_read_lag(behaviour.lag);
        }
    }

    /// Who keeps what is changed.
    pub fn keeper(&self) -> Keeper {
        self.keeper.clone()
    }

    /// Keeps a change that is to be made now.
    ///
    /// # Errors
    /// When it could not be kept, and so may not be made.
    pub fn keep(&mut self, change: Change) -> Result<(), Refusal> {
        self.keeper.keep(self.time.clock().since_epoch(), change)
    }

    /// That region, made when it is first asked for, with its faults up to date; `None`: AWS has no such region.
    pub fn region_mut(&mut self, name: &str) -> Option<&mut Region> {
        REGIONS.iter().find(|region| region.name == name)?;
        let (seed, throttling, lag) = (self.seed_of(name), self.throttling, self.lag);
        self.time.carry();
        let clock = self.time.clock();
        self.asked.get_or_insert(clock.since_epoch());
        let region = self.regions.entry(name.to_owned()).or_insert_with(|| {
            let cloud = Builder::in_region(name, seed).stocked().build(clock);
            cloud.keep_past(PAST, WORLDS_MAX);
            cloud.set_throttling(throttling);
            cloud.set_read_lag(lag);
            Region { cloud, faults: Faults::default() }
        });
        region.end_faults(name, clock.since_epoch(), &self.keeper);
        Some(region)
    }

    /// That region as it was left, if it was asked for before.
    pub fn region(&self, name: &str) -> Option<&Region> {
        self.regions.get(name)
    }

    /// The regions that were asked for, each with its seed.
    pub fn regions(&self) -> Vec<(String, u64)> {
        self.regions.keys().map(|name| (name.clone(), self.seed_of(name))).collect()
    }

    /// What the ids and chances of a region come from.
    pub fn seed_of(&self, name: &str) -> u64 {
        let place = REGIONS.iter().position(|region| region.name == name).unwrap_or(0);
        self.seed.wrapping_add(place as u64)
    }

    /// Carries every region along to now.
    pub fn carry(&mut self) {
        self.end_faults();
        for region in self.regions.values() {
            region.cloud.carry();
        }
        let now = self.time.clock().since_epoch();
        if self.asked.is_some_and(|asked| now.saturating_sub(asked) >= TIME_EVERY.saturating_mul(self.time.speed())) {
            self.note_time();
        }
    }

    /// Ends the faults whose time is over by now, in every region.
    pub fn end_faults(&mut self) {
        self.time.carry();
        let now = self.time.clock().since_epoch();
        for (name, region) in &mut self.regions {
            region.end_faults(name, now, &self.keeper);
        }
    }

    /// Notes that somebody sees what time has brought, so that the log is to say soon how late it is.
    pub fn note_asked(&mut self) {
        self.time.carry();
        self.asked.get_or_insert(self.time.clock().since_epoch());
    }

    /// Lets the log say how late it is.
    pub fn note_time(&mut self) {
        self.time.carry();
        self.asked = None;
        // Whoever changes something next is told that it cannot be kept.
        let _ = self.keep(Change::Time);
    }

    /// How old what a reader sees may be.
    pub fn lag(&self) -> ReadLags {
        self.lag
    }
}

impl Region {
    /// Ends the faults whose time is over, unless that cannot be kept.
    fn end_faults(&mut self, name: &str, now: Duration, keeper: &Keeper) {
        let ended = || keeper.keep(now, Change::Ended { region: name.to_owned() });
        if self.faults.are_over(now) && ended().is_ok() {
            self.faults.expire(&self.cloud, now);
        }
    }
}
