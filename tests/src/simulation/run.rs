//! One run of one seed: the environment stands, an hour goes wrong, then nothing more does, then nothing more happens.
//!
//! In: a scenario and a seed, and which part of its script is kept. Out: a [`Report`]. The same in gives the same out.
//! The bound of I6 is [`SETTLE_MAX`], which says what it is made of, and one more of it for each hour that a spent budget of
//! terminations frees itself in.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use engine::operation::Operation;
use engine::store::Key;
use planner::resource::InstanceState;
use serde_json::{Value, json};
use simulator::Builder;
use simulator::cloud::{ReadLag, Timings};
use simulator::entropy::Prng;

use super::facts::Bounds;
use super::hands;
use super::judge::{Judge, Violation};
use super::scenario::Scenario;
use super::script::{self, Damage, Event, Happening, LATE_MAX, REPLICAS, Replica};
use super::tally::Tally;
use crate::edits::{self, Edit, two_images};
use crate::{NAME, SETTLE_MAX, Stage, World, comparable, fresh, launch_copy, record};

/// Nothing happens for so long at the end of each run; in one of each scenario for a week.
const QUIET: Duration = Duration::from_secs(3600);
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
/// How often the judge looks at the whole world.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// The longest that an instance takes to go.
const GOES: Duration = Duration::from_secs(200);
/// How often it is looked whether all is settled.
const SETTLED_EVERY: Duration = Duration::from_secs(5);
/// A budget that is spent frees itself within an hour; only then does the rest go on.
const SETTLE_ROUNDS: u32 = 4;

const I6: &str = "I6 it settles, and then does nothing";
const I7: &str = "I7 it ends like a fresh deployment";
const GONE: &str = "a delete leaves nothing behind";

/// What is run.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// The seed.
    pub seed: u64,
    /// Which events of its script happen, by their places; absent: all.
    pub kept: Option<&'a BTreeSet<usize>>,
    /// Whether a trace is kept.
    pub traced: bool,
    /// Whether it is quiet for a week at the end.
    pub week: bool,
}

/// What came of it.
#[derive(Debug)]
pub struct Report {
    /// The broken promise, if one was.
    pub violation: Option<Violation>,
    /// What happened how often.
    pub tally: Tally,
    /// The trace, if it was kept.
    pub trace: Vec<String>,
    /// The whole script.
    pub script: Vec<Event>,
    /// Where in the script it was when it ended.
    pub reached: usize,
    /// Virtual time that passed.
    pub time: Duration,
    /// Passes that the replicas began.
    pub passes: u64,
}

/// Runs it.
pub fn run(case: Case<'_>) -> Report {
    let mut prng = Prng::new(case.seed);
    let settings = Settings::draw(&mut prng);
    let script = script::draw(&mut prng, case.scenario);
    let mut stage = Stage::with(case.seed, |builder| settings.build(builder));
    stage.cloud.set_throttling(settings.throttled);
    let judge = Judge::new(&stage, case.traced);
    let mut run = Run {
        case,
        stage: &mut stage,
        judge: &judge,
        last: record(2),
        before: record(2),
        backup: None,
        deleting: false,
        reached: 0,
        copy: None,
        paused: Vec::new(),
    };
    let ran = catch_unwind(AssertUnwindSafe(|| run.all(&script)));
    let reached = run.reached;
    if let Err(panic) = ran {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        judge.object("no panic", text.unwrap_or_default());
    }
    let time = stage.clock.since_epoch();
    // Every pass asks for the load balancer, once.
    let passes = stage.cloud.ledger().calls(Operation::DescribeLoadBalancers);
    drop(stage);
    let (violation, tally, trace) = judge.retire();
    Report { violation, tally, trace, script, reached, time, passes }
}

/// What an account is like in this seed.
struct Settings {
    timings: Timings,
    page_size: usize,
    throttled: bool,
}

impl Settings {
    fn draw(prng: &mut Prng) -> Self {
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
        Self { timings, page_size: [2, 5, 1000][script::place(prng.draw(), 3)], throttled: prng.chance(500) }
    }

    fn build(&self, builder: Builder) -> Builder {
        two_images(builder.timings(self.timings.clone()).page_size(self.page_size))
    }
}

/// The run was stopped: the judge knows why.
struct Stopped;

type Went = Result<(), Stopped>;

struct Run<'a> {
    case: Case<'a>,
    stage: &'a mut Stage,
    judge: &'a Judge,
    /// The record in force, and the one before it.
    last: Value,
    before: Value,
    /// STATUS as it was before somebody removed it.
    backup: Option<engine::store::Item>,
    deleting: bool,
    reached: usize,
    /// Somebody's instance that looks like ours.
    copy: Option<planner::resource::Instance>,
    /// Replicas that stand still, and until when.
    paused: Vec<(Duration, Replica)>,
}

impl Run<'_> {
    fn all(&mut self, script: &[Event]) {
        // What stopped it is in the judge's hands.
        let _ = self.acts(script);
    }

    fn acts(&mut self, script: &[Event]) -> Went {
        self.apply(record(2));
        for name in &REPLICAS[..self.case.scenario.replicas] {
            self.stage.start(name);
        }
        if self.case.scenario.stands {
            self.settle(1)?;
            self.bring_in_a_copy();
        }
        self.trouble(script)?;
        self.calm()?;
        if self.deleting {
            self.ends_gone()?
        } else {
            self.ends_fresh()?
        }
        self.quiet()
    }

    /// Lets time pass under the judge's eyes.
    fn pass(&mut self, time: Duration) -> Went {
        let judge = self.judge;
        if self.stage.run_watched(time, || judge.look()) || judge.look() { Err(Stopped) } else { Ok(()) }
    }

    fn trouble(&mut self, script: &[Event]) -> Went {
        let began = self.stage.clock.since_epoch();
        for (place, event) in script.iter().enumerate() {
            self.reached = place;
            if self.case.kept.is_some_and(|kept| !kept.contains(&place)) {
                continue;
            }
            self.pass_until(began + event.at)?;
            self.happen(event);
        }
        self.reached = script.len();
        self.pass_until(began + self.case.scenario.trouble)
    }

    /// Lets time pass, and the judge look around meanwhile.
    fn pass_until(&mut self, end: Duration) -> Went {
        loop {
            let now = self.stage.clock.since_epoch();
            if now >= end {
                return Ok(());
            }
            let look = Duration::from_secs((now.as_secs() / LOOK_EVERY.as_secs() + 1) * LOOK_EVERY.as_secs());
            let resume = self.paused.iter().map(|(until, _)| *until).min().unwrap_or(end).max(now);
            let next = look.min(end).min(resume);
            self.pass(next - now)?;
            self.resume(next);
            if next == look {
                self.judge.look_around();
            }
        }
    }

    fn happen(&mut self, event: &Event) {
        let did = self.does(&event.what);
        self.judge.note(|| format!("* {:?}{}", event.what, if did { "" } else { " (nothing to befall)" }));
        if let (Some(name), true) = (event.what.name(), did) {
            self.judge.count(&format!("happened: {name}"));
        }
        self.judge.disturbed();
    }

    fn does(&mut self, what: &Happening) -> bool {
        match what {
            Happening::Call(calls, fault) => self.stage.cloud.fail_next(*calls, fault.clone()),
            Happening::Table { write: true, fault } => self.stage.store.fail_next_write(*fault),
            Happening::Table { write: false, fault } => self.stage.store.fail_next_read(*fault),
            Happening::IndexLag(lag) => self.stage.store.set_index_lag(*lag),
            Happening::Lag(name, lag) => self.stage.set_read_lag(name, *lag),
            Happening::Misfortune(misfortune, drawn) => return hands::befall(&self.stage.cloud, *misfortune, *drawn),
            Happening::Hand(hand, drawn) => return hands::reach_in(&self.stage.cloud, *hand, *drawn),
            Happening::Edit(drawn) => {
                let edits = edits::all();
                let edit: Edit = edits[script::place(*drawn, edits.len())];
                return self.edit(edits::edited(&record(2), &[edit]));
            }
            Happening::EditBack => return self.edit(self.before.clone()),
            Happening::EditInvalid(drawn) => return self.edit_invalid(*drawn),
            Happening::Damage(damage) => return self.damage(*damage),
            Happening::Crash(name, skew) => {
                self.stage.kill(name);
                self.stage.start_skewed(name, *skew);
            }
            Happening::Pause(name, time) => self.pause(name, *time),
            Happening::Delete => {
                self.stage.delete();
                self.judge.deleting();
                self.deleting = true;
            }
        }
        true
    }

    fn pause(&mut self, name: Replica, time: Duration) {
        self.stage.pause(name);
        self.paused.push((self.stage.clock.since_epoch() + time, name));
    }

    /// Lets those go on whose pause is over.
    fn resume(&mut self, now: Duration) {
        let (over, still): (Vec<_>, Vec<_>) = self.paused.drain(..).partition(|(until, _)| *until <= now);
        over.iter().for_each(|(_, name)| self.stage.resume(name));
        self.paused = still;
    }

    /// While a delete stands, the command line refuses edits.
    fn edit(&mut self, wanted: Value) -> bool {
        if self.deleting {
            return false;
        }
        self.before = std::mem::replace(&mut self.last, wanted);
        self.apply(self.last.clone());
        true
    }

    fn apply(&mut self, wanted: Value) {
        self.judge.wanted(bounds(&wanted));
        self.stage.apply(&wanted);
    }

    fn edit_invalid(&mut self, drawn: u64) -> bool {
        if self.deleting {
            return false;
        }
        let mut wrong = self.last.clone();
        match drawn % 4 {
            0 => wrong["spec"]["instances"]["count"] = json!(0),
            1 => wrong["spec"]["servces"] = json!([]),
            2 => wrong["spec"]["services"][0]["healthCheck"]["timeout"] = json!("400s"),
            _ => wrong["spec"]["loadBalancer"]["listeners"][0]["default"] = json!({"forward": "nobody"}),
        }
        self.stage.apply(&wrong);
        true
    }

    fn damage(&mut self, damage: Damage) -> bool {
        let (user, key) = (self.stage.store.user(), Key::new(NAME, "STATUS"));
        match damage {
            Damage::SpecDeleted => user.delete(&Key::new(NAME, "SPEC")),
            Damage::SpecReplaced => {
                let mut item = self.last.clone();
                item["metadata"]["uid"] = json!("somebody-elses");
                item["metadata"]["generation"] = json!(7);
                self.stage.apply(&item);
                true
            }
            Damage::StatusDeleted if self.backup.is_none() => {
                self.backup = user.get(&key);
                self.judge.damaged(true);
                user.delete(&key)
            }
            Damage::StatusRestored => self.restore(),
            Damage::StatusDeleted => false,
        }
    }

    fn restore(&mut self) -> bool {
        let Some(backup) = self.backup.take() else { return false };
        self.stage.store.user().put(backup);
        self.judge.damaged(false);
        true
    }

    /// Somebody's instance that looks like ours.
    fn bring_in_a_copy(&mut self) {
        let view = self.stage.cloud.view();
        let live = view.live_instances();
        let Some(like) = live.first() else { return };
        let id = launch_copy(self.stage, like.tags.clone());
        if let Some(default) = view.group("default") {
            self.stage.cloud.console().set_instance_groups(&id, &[default.id]).expect("it was just launched");
        }
        self.copy = self.stage.cloud.view().instance(&id);
    }

    /// Nothing goes wrong any more.
    fn calm(&mut self) -> Went {
        self.stage.cloud.faults_off();
        self.stage.cloud.set_throttling(false);
        self.stage.store.faults_off();
        self.stage.store.set_index_lag(Duration::ZERO);
        self.resume(Duration::MAX);
        for name in &REPLICAS[..self.case.scenario.replicas] {
            self.stage.set_read_lag(name, ReadLag::None);
        }
        hands::mend(&self.stage.cloud);
        self.restore();
        let protection = &mut self.last["spec"]["loadBalancer"]["deletionProtection"];
        // While it is deleted, the one edit that it may need, and that the command line lets through.
        let protected = *protection == json!(true);
        if self.deleting && protected {
            *protection = json!(false);
        }
        if !self.deleting || protected {
            self.apply(self.last.clone());
        }
        self.check_copy();
        self.judge.note(|| "* all is calm".to_owned());
        self.pass(LATE_MAX + GOES)
    }

    /// It was never touched, and now goes the way it came.
    fn check_copy(&mut self) {
        let Some(copy) = self.copy.take() else { return };
        let now = self.stage.cloud.view().instance(&copy.id);
        let lives = |state| matches!(state, InstanceState::Pending | InstanceState::Running);
        let same = now.is_some_and(|now| now.tags == copy.tags && now.groups == copy.groups && lives(now.state));
        if !same {
            self.judge.object("I3 only what it owns", "somebody's copy was touched".into());
        }
        self.judge.count("oracle: I3 a copy is left alone");
        self.stage.cloud.console().terminate(&copy.id).expect("nobody protects a copy");
    }

    /// Ready, and nothing more to do, within so many rounds of [`SETTLE_MAX`].
    fn settle(&mut self, rounds: u32) -> Went {
        for _ in 0..rounds {
            if self.comes_to(|world| world.is_settled())? {
                return Ok(());
            }
            self.give_up_launches();
        }
        self.judge.object(I6, format!("it did not settle\n{}", self.stage.report()));
        Err(Stopped)
    }

    fn comes_to(&mut self, done: impl Fn(&World<'_>) -> bool) -> Result<bool, Stopped> {
        let end = self.stage.clock.since_epoch() + SETTLE_MAX;
        while self.stage.clock.since_epoch() < end {
            self.pass(SETTLED_EVERY)?;
            if done(&World { cloud: &self.stage.cloud, store: &self.stage.store }) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// As a person does who was told of a launch whose end is not known: what is late has come by now.
    fn give_up_launches(&mut self) {
        let user = self.stage.store.user();
        let open = user.partition(NAME).into_keys().filter(|sk| sk.starts_with("INTENT#open#"));
        for sk in open.collect::<Vec<_>>() {
            if self.stage.says("no longer wanted") {
                self.judge.count("happened: a person gave up a launch");
                user.delete(&Key::new(NAME, sk));
            }
        }
    }

    fn ends_fresh(&mut self) -> Went {
        self.settle(SETTLE_ROUNDS)?;
        let (have, want) = (comparable(&self.stage.canonical()), wanted_world(&self.last));
        self.judge.count("oracle: I7 the end is that of a fresh deployment");
        if have != want {
            self.judge.object(I7, difference(&have, &want));
            return Err(Stopped);
        }
        Ok(())
    }

    fn ends_gone(&mut self) -> Went {
        for _ in 0..SETTLE_ROUNDS {
            if self.comes_to(|world| world.is_gone())? {
                break;
            }
            self.give_up_launches();
        }
        // What its instances leave behind goes with them.
        self.pass(Duration::from_secs(600))?;
        let view = self.stage.cloud.view();
        let left = [
            ("instances", hands::members(&view).len()),
            ("groups", view.groups().len()),
            ("load balancers", view.load_balancers().len()),
            ("target groups", view.target_groups().len()),
            ("volumes", view.volumes().len()),
            ("interfaces", view.interfaces().len()),
            ("record items", usize::from(!World { cloud: &self.stage.cloud, store: &self.stage.store }.is_gone())),
        ];
        self.judge.count("oracle: a delete leaves nothing behind");
        let left: Vec<String> = left.iter().filter(|(_, n)| *n > 0).map(|(what, n)| format!("{n} {what}")).collect();
        if !left.is_empty() {
            self.judge.object(GONE, format!("left: {}\n{}", left.join(", "), self.stage.report()));
            return Err(Stopped);
        }
        Ok(())
    }

    fn quiet(&mut self) -> Went {
        let before = self.stage.cloud.ledger().writes();
        self.pass(if self.case.week { WEEK } else { QUIET })?;
        self.judge.count(if self.case.week { "oracle: I6 a quiet week" } else { "oracle: I6 a quiet hour" });
        if self.stage.cloud.ledger().writes() > before {
            self.judge.object(I6, format!("a mutating call with nothing to do\n{}", self.stage.report()));
            return Err(Stopped);
        }
        Ok(())
    }
}

/// The lines that one world has more often than the other.
fn difference(have: &str, want: &str) -> String {
    let mut counts: BTreeMap<&str, i32> = BTreeMap::new();
    have.lines().for_each(|line| *counts.entry(line).or_default() += 1);
    want.lines().for_each(|line| *counts.entry(line).or_default() -= 1);
    let differs = counts.into_iter().filter(|(_, count)| *count != 0);
    differs.map(|(line, count)| format!("\n  {count:+} {line}")).collect()
}

/// The numbers that a record of these runs says.
fn bounds(record: &Value) -> Bounds {
    let number = |value: &Value, default: u64| usize::try_from(value.as_u64().unwrap_or(default)).unwrap_or(usize::MAX);
    let spec = &record["spec"];
    Bounds {
        count: number(&spec["instances"]["count"], 1),
        surge: number(&spec["rollout"]["maxSurge"], 1),
        terminations: number(&spec["healing"]["maxTerminationsPerHour"], 4),
    }
}

thread_local! {
    /// Fresh deployments by their record: many seeds end with the same one.
    static FRESH: RefCell<BTreeMap<String, String>> = RefCell::default();
}

fn wanted_world(record: &Value) -> String {
    let text = record.to_string();
    FRESH.with_borrow_mut(|known| known.entry(text).or_insert_with(|| fresh(record, two_images)).clone())
}
