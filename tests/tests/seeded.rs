//! Seeded runs: an hour in which everything goes wrong, then nothing more does, then silence.
//!
//! A seed draws a swarm: each kind of fault is off, rare or frequent. The promises are checked all the while; afterwards the
//! world must come to what a new deployment of the last record is, and then nobody changes anything for an hour.
//! `cargo test` runs 20 seeds. More: `SEEDS=1000 FROM=1 cargo test -p e2e --test seeded -- --nocapture`.
//! A seed that failed is named in the message, and becomes a test of its own below.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use e2e::edits::{Edit, edited, two_images};
use e2e::{NAME, SETTLE_MAX, Stage, comparable, fresh, launch_copy, record};
use engine::operation::Operation;
use engine::store::Key;
use planner::id::InstanceId;
use planner::request::{ElbTaggable, Ref, Taggable};
use planner::resource::{Direction, Instance, InstanceState, Peer, Rule};
use serde_json::Value;
use simulator::cloud::{Answer, App, Fault, ReadLag};
use simulator::entropy::Prng;
use simulator::store::StoreFault;

const TROUBLE: Duration = Duration::from_secs(3600);
const STEP: Duration = Duration::from_secs(2);
const QUIET: Duration = Duration::from_secs(3600);
/// A late request arrives within this.
const LATE_MAX: Duration = Duration::from_secs(60);
/// Healing terminations in an hour, as the schema's default is.
const BUDGET: usize = 4;
/// A budget that is spent frees itself within an hour; only then does the rest go on.
const SETTLE_ROUNDS: u32 = 3;

/// How often a kind of fault comes, in a thousand.
fn frequency(prng: &mut Prng, rare: u16, frequent: u16) -> u16 {
    [0, rare, frequent][usize::try_from(prng.below(3)).unwrap()]
}

/// Chances of a seed, of a step of [`STEP`] where nothing else is said.
struct Swarm {
    /// Of a call or of a write to the table: what befalls it.
    calls: Vec<(u16, Fault)>,
    writes: Vec<(u16, StoreFault)>,
    lag: ReadLag,
    drifts: u16,
    failures: u16,
    edits: u16,
    crashes: u16,
    outages: u16,
}

impl Swarm {
    fn new(prng: &mut Prng) -> Self {
        let late = Fault::Late(prng.duration(LATE_MAX));
        let faults = [
            Fault::LostRequest,
            Fault::LostReply,
            late,
            Fault::Hang,
            Fault::refused("RequestLimitExceeded"),
            Fault::refused("InternalError"),
        ];
        let calls = faults.into_iter().map(|fault| (frequency(prng, 3, 30), fault)).collect();
        let faults = [
            StoreFault::Conflict,
            StoreFault::LostReply,
            StoreFault::LostRequest,
            StoreFault::Throttled,
            StoreFault::Failed,
        ];
        let writes = faults.into_iter().map(|fault| (frequency(prng, 5, 50), fault)).collect();
        let lags = [ReadLag::None, ReadLag::UpTo(Duration::from_secs(5)), ReadLag::UpTo(Duration::from_secs(30))];
        Self {
            calls,
            writes,
            lag: lags[usize::try_from(prng.below(3)).unwrap()],
            drifts: frequency(prng, 5, 20),
            failures: frequency(prng, 2, 8),
            edits: frequency(prng, 2, 10),
            crashes: frequency(prng, 3, 20),
            outages: frequency(prng, 2, 10),
        }
    }

    fn begin(&self, stage: &mut Stage) {
        self.calls.iter().for_each(|(permille, fault)| stage.cloud.fail_often(None, *permille, fault.clone()));
        self.writes.iter().for_each(|(permille, fault)| stage.store.fail_often(*permille, *fault));
        stage.set_read_lag("a", self.lag);
    }

    /// Whether nobody but us can take a healthy member down.
    fn is_ours_alone(&self) -> bool {
        self.drifts == 0 && self.failures == 0
    }
}

/// A run of one seed.
struct Run {
    stage: Stage,
    prng: Prng,
    swarm: Swarm,
    edits: Vec<Edit>,
    last: Value,
    /// Somebody's instance that looks like ours.
    copy: Instance,
    /// The largest and the smallest count that was ever asked for.
    counts: (usize, usize),
}

fn ours(stage: &Stage) -> Vec<Instance> {
    let launched = |instance: &Instance| instance.client_token.as_deref().is_some_and(|token| token != "in-console");
    stage.cloud.view().live_instances().into_iter().filter(launched).collect()
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut prng = Prng::new(seed);
        let swarm = Swarm::new(&mut prng);
        let mut stage = Stage::with(seed, two_images);
        let last = record(2);
        stage.apply(&last);
        stage.start("a");
        stage.settle();
        let view = stage.cloud.view();
        let id = launch_copy(&stage, view.live_instances()[0].tags.clone());
        stage.cloud.console().set_instance_groups(&id, &[view.group("default").unwrap().id]).unwrap();
        let copy = stage.cloud.view().instance(&id).unwrap();
        Self { stage, prng, swarm, edits: e2e::edits::all(), last, copy, counts: (2, 2) }
    }

    /// The hour of trouble.
    fn trouble(&mut self) {
        self.swarm.begin(&mut self.stage);
        let end = self.stage.clock.since_epoch() + TROUBLE;
        while self.stage.clock.since_epoch() < end {
            self.step();
            self.stage.run_for(STEP);
            self.check();
        }
    }

    fn step(&mut self) {
        if self.prng.chance(self.swarm.drifts) {
            drift(&self.stage, &mut self.prng);
        }
        if self.prng.chance(self.swarm.failures) {
            fail(&self.stage, &mut self.prng);
        }
        if self.prng.chance(self.swarm.edits) {
            let edit = self.edits[usize::try_from(self.prng.below(self.edits.len() as u64)).unwrap()];
            self.last = edited(&record(2), &[edit]);
            let count = usize::try_from(self.last["spec"]["instances"]["count"].as_u64().unwrap()).unwrap();
            self.counts = (self.counts.0.max(count), self.counts.1.min(count));
            self.stage.apply(&self.last);
        }
        if self.prng.chance(self.swarm.crashes) {
            self.stage.kill("a");
            self.stage.start("a");
        }
        if self.prng.chance(self.swarm.outages) {
            let zones: Vec<_> = self.stage.cloud.view().subnets().into_iter().map(|subnet| subnet.zone).collect();
            let zone = &zones[usize::try_from(self.prng.below(zones.len() as u64)).unwrap()];
            let room = self.prng.chance(500).then_some(0);
            self.stage.cloud.console().set_capacity(zone, "*", room);
        }
    }

    /// What must hold at every moment.
    fn check(&self) {
        let stage = &self.stage;
        let live = ours(stage).len();
        assert!(live <= self.counts.0 + 1, "I1: {live} live\n{}", stage.report());
        if self.swarm.is_ours_alone() {
            let healthy = stage.serving();
            assert!(healthy >= self.counts.1, "I2: {healthy} healthy, floor {}\n{}", self.counts.1, stage.report());
        }
        let copy = stage.cloud.view().instance(&self.copy.id).unwrap();
        assert!(
            matches!(copy.state, InstanceState::Pending | InstanceState::Running) && copy.tags == self.copy.tags,
            "I3: the copy was touched\n{}",
            stage.report()
        );
        let spent = stage.status().map_or(0, |status| status.terminations.len());
        assert!(spent <= BUDGET, "I4: {spent} healing terminations in an hour\n{}", stage.report());
    }

    /// Nothing goes wrong any more.
    fn calm(&mut self) {
        let stage = &mut self.stage;
        stage.cloud.faults_off();
        stage.store.faults_off();
        stage.set_read_lag("a", ReadLag::None);
        let view = stage.cloud.view();
        for subnet in view.subnets() {
            stage.cloud.console().set_capacity(&subnet.zone, "*", None);
        }
        for instance in ours(stage) {
            stage.cloud.console().set_app(&instance.id, App::default()).unwrap();
            stage.cloud.console().impair(&instance.id, false).unwrap();
        }
        stage.cloud.console().terminate(&self.copy.id).unwrap();
        stage.run_for(LATE_MAX);
    }

    fn settle(&mut self) {
        for _ in 0..SETTLE_ROUNDS {
            if self.stage.settles_within(SETTLE_MAX) {
                return;
            }
            self.give_up_launches();
        }
        self.stage.settle();
    }

    /// As a person does who was told of a launch whose end is not known: what is late has come by now.
    fn give_up_launches(&self) {
        let user = self.stage.store.user();
        for sk in user.partition(NAME).into_keys().filter(|sk| sk.starts_with("INTENT#open#")) {
            assert!(self.stage.says("no longer wanted"), "an intent is open\n{}", self.stage.report());
            user.delete(&Key::new(NAME, sk));
        }
    }

    /// The end equals a new deployment of the last record, and stays.
    fn ends(&mut self) {
        self.check_terminations();
        let (have, want) = (comparable(&self.stage.canonical()), fresh(&self.last, two_images));
        assert!(have == want, "I7\nis\n{have}\nshould be\n{want}");
        self.stage.is_quiet_for(QUIET);
    }

    /// Where no edit and no surplus asked for it, nothing was terminated but for its sickness, within the budget.
    fn check_terminations(&self) {
        let ledger = self.stage.cloud.ledger();
        let ended = ledger.entries().filter(|entry| entry.operation == Operation::TerminateInstances);
        let ended: BTreeSet<&str> = ended.map(|entry| entry.resource.as_str()).collect();
        assert!(!ended.contains(self.copy.id.as_str()), "I3: the copy was to be terminated");
        if self.swarm.is_ours_alone() && self.swarm.edits == 0 {
            assert!(ended.is_empty(), "I2: nothing was wrong with {ended:?}\n{}", self.stage.report());
        }
    }
}

/// One of ours, if there is any.
fn any(stage: &Stage, prng: &mut Prng) -> Option<InstanceId> {
    let live = ours(stage);
    let place = usize::try_from(prng.below(live.len() as u64)).unwrap();
    live.get(place).map(|instance| instance.id.clone())
}

/// Misfortune. Whatever AWS refuses does not happen.
fn fail(stage: &Stage, prng: &mut Prng) {
    let Some(id) = any(stage, prng) else { return };
    let console = stage.cloud.console();
    let _ = match prng.below(4) {
        0 => console.lose(&id),
        1 => console.impair(&id, true),
        2 => console.set_app(&id, App::answering(Answer::Status(500))),
        _ => console.set_app(&id, App::answering(Answer::Refused)),
    };
}

/// A person in the console. Whatever AWS refuses does not happen.
fn drift(stage: &Stage, prng: &mut Prng) {
    let (view, console) = (stage.cloud.view(), stage.cloud.console());
    let Some(id) = any(stage, prng) else { return };
    let (balancers, groups) = (view.load_balancers(), view.target_groups());
    let (Some(balancer), Some(group)) = (balancers.first(), groups.first()) else { return };
    let Some(own) = view.group("shop-instance-sg") else { return };
    let listener = view.listeners(&balancer.arn).first().map(|listener| listener.arn.clone());
    let peer = Peer::Cidr("0.0.0.0/0".parse().unwrap());
    let rogue = Rule { protocol: "tcp".into(), from: Some(25), to: Some(25), peer };
    let default = view.group("default").unwrap().id;
    let _ = match (prng.below(18), listener) {
        (0, _) => console.terminate(&id),
        (1, _) => console.stop(&id),
        (2, _) => console.deregister(&group.arn, &id, group.port.unwrap_or(8080)),
        (3, _) => console.register(&group.arn, &id, 9),
        (4, _) => console.authorize(&own.id, Direction::Ingress, rogue),
        (5, _) => console.set_target_group_attribute(&group.arn, "stickiness.enabled", "false"),
        (6, _) => console.set_load_balancer_attribute(&balancer.arn, "idle_timeout.timeout_seconds", "5"),
        (7, _) => console.change_health_check(&group.arn, |check| check.path = "/elsewhere".into()),
        (8, Some(listener)) => console.delete_listener(&listener),
        (9, Some(listener)) => console.respond_fixed(&listener),
        (10, Some(listener)) => console.move_listener(&listener, 82),
        (11, _) => console.untag(&Taggable::Instance(id), &["Name", "understudy:uid", "Team"]),
        (12, _) => console.untag(&Taggable::SecurityGroup(Ref::Id(own.id)), &["understudy:uid"]),
        (13, _) => console.untag_elb(&ElbTaggable::LoadBalancer(balancer.arn.clone()), &["understudy:uid"]),
        (14, _) => console.set_instance_groups(&id, &[default]),
        (15, _) => console.delete_load_balancer(&balancer.arn),
        (16, _) => console.delete_target_group(&group.arn),
        (_, _) => console.delete_group(&own.id),
    };
}

fn run(seed: u64) {
    let mut run = Run::new(seed);
    run.trouble();
    run.calm();
    run.settle();
    run.ends();
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

#[test]
fn whatever_goes_wrong_it_ends_as_a_fresh_deployment() {
    let from = number("FROM", 1);
    for seed in from..from + number("SEEDS", 20) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(seed))) {
            eprintln!("seed {seed} failed; again: SEEDS=1 FROM={seed} cargo test -p e2e --test seeded -- --nocapture");
            resume_unwind(panic);
        }
    }
}

/// A tag that the spec dropped was forgotten in a pass that could not read the tags, and stayed on AWS for ever.
#[test]
fn seed_51_a_dropped_tag_is_remembered_while_tags_are_unread() {
    run(51);
}

/// The same as seed 51, by another way.
#[test]
fn seed_149_a_dropped_tag_is_remembered_over_lost_reads() {
    run(149);
}

/// A target group's create was lost, and its port edited away: its intent stayed open for ever.
#[test]
fn seed_389_a_lost_create_that_nobody_wants_any_more_is_given_up() {
    run(389);
}
