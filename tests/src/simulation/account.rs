//! What an account is like in a seed: how long AWS takes, how long its pages are, and what stands there.

use std::time::Duration;

use serde_json::{Value, json};
use simulator::Builder;
use simulator::cloud::{App, Timings};
use simulator::entropy::Prng;

use super::hands::SPARED_IMAGE;
use super::scenario::Scenario;
use super::script::place;
use super::streams;
use crate::edits::two_images;
use crate::{NEIGHBOUR, record};

/// What an account is like in this seed.
pub struct Settings {
    timings: Timings,
    page_size: usize,
    /// Whether AWS's buckets are filled and emptied as it says.
    pub throttled: bool,
    /// Whether a second environment stands beside the first.
    pub has_neighbour: bool,
}

impl Settings {
    /// Drawn before the script.
    pub fn draw(prng: &mut Prng, scenario: &Scenario) -> Self {
        let mut seconds = |from: u64, to: u64| Duration::from_secs(from + prng.below(to - from));
        let timings = Timings {
            pending: seconds(5, 60),
            boot: seconds(10, 150),
            balancer_provisioning: seconds(20, 500),
            balancer_release: seconds(10, 400),
            stopping: seconds(5, 60),
            shutting_down: seconds(5, 120),
            ..Timings::default()
        };
        let page_size = [2, 5, 1000][place(prng.draw(), 3)];
        let (throttled, has_neighbour) = (prng.chance(500), prng.chance(scenario.neighbours));
        Self { timings, page_size, throttled, has_neighbour }
    }

    /// What of this account takes longer than usual.
    pub fn slow(&self) -> impl Iterator<Item = &'static str> {
        let times = [
            (self.timings.boot, 60, streams::SLOW[0]),
            (self.timings.balancer_provisioning, 300, streams::SLOW[1]),
            (self.timings.balancer_release, 200, streams::SLOW[2]),
        ];
        times.into_iter().filter(|(time, usual, _)| time.as_secs() > *usual).map(|(.., what)| what)
    }

    /// Makes it.
    pub fn build(&self, builder: Builder) -> Builder {
        images(builder.timings(self.timings.clone()).page_size(self.page_size))
    }
}

/// An account with the images of both environments.
pub fn images(builder: Builder) -> Builder {
    two_images(builder).image(SPARED_IMAGE, App::default())
}

/// A second environment, with an image of its own.
pub fn neighbour() -> Value {
    let mut record = record(2);
    record["metadata"]["name"] = json!(NEIGHBOUR);
    record["spec"]["image"]["amiId"] = json!(SPARED_IMAGE);
    record
}
