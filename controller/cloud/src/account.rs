//! One account: a simulated cloud for each region that is asked for, all in one time.

use std::collections::BTreeMap;
use std::time::Duration;

use simulator::cloud::ReadLag;
use simulator::cloud::catalogue::REGIONS;
use simulator::{Builder, SimCloud};

use crate::faults::Faults;
use crate::time::Time;

/// The account that every caller is taken to belong to.
pub const ACCOUNT: &str = "123456789012";

/// How far back a stale read sees, and how many worlds are kept for that at most.
pub const PAST: Duration = Duration::from_secs(30);
const WORLDS_MAX: usize = 300;

/// See the module.
pub struct Account {
    /// Its time.
    pub time: Time,
    seed: u64,
    throttling: bool,
    lag: ReadLag,
    regions: BTreeMap<String, Region>,
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
    pub fn new(time: Time, seed: u64, throttling: bool, lag: ReadLag) -> Self {
        Self { time, seed, throttling, lag, regions: BTreeMap::new() }
    }

    /// That region, made when it is first asked for, with its faults up to date; `None`: AWS has no such region.
    pub fn region_mut(&mut self, name: &str) -> Option<&mut Region> {
        let known = REGIONS.iter().position(|region| region.name == name)?;
        let (seed, throttling, lag) = (self.seed, self.throttling, self.lag);
        self.time.carry();
        let clock = self.time.clock();
        let region = self.regions.entry(name.to_owned()).or_insert_with(|| {
            let cloud = Builder::in_region(name, seed.wrapping_add(known as u64)).stocked().build(clock);
            cloud.keep_past(PAST, WORLDS_MAX);
            cloud.set_throttling(throttling);
            cloud.set_read_lag(lag);
            Region { cloud, faults: Faults::default() }
        });
        region.faults.expire(&region.cloud, clock.since_epoch());
        Some(region)
    }

    /// Carries every region along to now.
    pub fn carry(&mut self) {
        self.time.carry();
        let now = self.time.clock().since_epoch();
        for region in self.regions.values_mut() {
            region.faults.expire(&region.cloud, now);
            region.cloud.carry();
        }
    }

    /// How old what a reader sees may be.
    pub fn lag(&self) -> ReadLag {
        self.lag
    }
}
