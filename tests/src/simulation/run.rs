//! One run of one seed: the environment stands, an hour goes wrong, then nothing more does, then nothing more happens.
//!
//! In: a scenario and a seed, and which part of its script is kept. Out: a [`Report`]. The same in gives the same out.
//! The bound of I6 is [`SETTLE_MAX`], which says what it is made of, and one more of it for each hour that a spent budget of
//! terminations frees itself in.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use aws_api::Operation;
use aws_api::ec2::InstanceState;
use engine::observe::rarely::VOLUMES_EVERY;
use planner::reason::Reason;
use ports::Key;
use serde_json::{Value, json};
use simulator::cloud::ReadLag;
use simulator::entropy::Prng;

use super::account::{Settings, images, neighbour};
use super::environment::Bounds;
use super::hands::{self, Victim};
use super::judge::{Judge, Violation};
use super::reaching;
use super::scenario::Scenario;
use super::script::{self, Damage, Event, Happening, LATE_MAX, REPLICAS, Reach, Replica};
use super::streams;
use super::tagged;
use super::tally::Tally;
use crate::declared::{self, Trial};
use crate::edits;
use crate::{NAME, NEIGHBOUR, SETTLE_MAX, Stage, comparable, fresh_all, launch_copy, record};

/// Nothing happens for so long at the end of each run; in one of each scenario for a week.
const QUIET: Duration = Duration::from_secs(3600);
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
/// How often the judge looks at the whole world.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// The longest that an instance takes to go, or the interfaces of a load balancer.
const GOES: Duration = Duration::from_secs(400);
/// From when something is read to when it is set right: a pass, and the longest back-off after a try that failed.
const SET_RIGHT: Duration = Duration::from_secs(120);
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
    /// The edition of its script; see [`streams::EDITION`].
    pub edition: u8,
    /// Which events of its script happen, by their places; absent: all.
    pub kept: Option<&'a BTreeSet<usize>>,
    /// Events whose words have one of these in them do not happen.
    pub without: &'a [String],
    /// Whether a trace is kept.
    pub traced: bool,
    /// Whether it is quiet for a week at the end.
    pub week: bool,
}

impl Case<'_> {
    fn leaves_out(&self, event: &Event) -> bool {
        !self.without.is_empty() && self.without.iter().any(|word| event.to_string().contains(word))
    }
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
    let settings = Settings::draw(&mut prng, case.scenario);
    let script = streams::draw(&mut prng, case.scenario, case.edition);
    let mut stage = Stage::with(case.seed, |builder| settings.build(builder));
    stage.cloud.set_throttling(settings.throttled);
    let judge = Judge::new(&stage, case.traced);
    settings.slow().for_each(|what| judge.count(&format!("account: {what}")));
    let mut run = Run {
        case,
        stage: &mut stage,
        judge: &judge,
        last: record(2),
        before: record(2),
        neighbour: settings.has_neighbour.then(neighbour),
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
    // Every pass asks for its load balancer, once.
    let passes = stage.cloud.ledger().calls(Operation::DescribeLoadBalancers);
    drop(stage);
    let (violation, tally, trace) = judge.retire();
    Report { violation, tally, trace, script, reached, time, passes }
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
    /// The record of the environment beside it.
    neighbour: Option<Value>,
    /// STATUS as it was before somebody removed it.
    backup: Option<ports::Item>,
    deleting: bool,
    reached: usize,
    /// Somebody's instance that looks like ours.
    copy: Option<aws_api::ec2::Instance>,
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
        if let Some(record) = self.neighbour.clone() {
            self.apply(record);
        }
        for name in &REPLICAS[..self.case.scenario.replicas] {
            self.stage.start(name);
        }
        if self.case.scenario.stands {
            self.settle(1)?;
            self.bring_in_a_copy();
            if self.case.scenario.spares && self.neighbour.is_some() {
                self.judge.spared(NEIGHBOUR);
            }
        }
        self.trouble(script)?;
        self.calm()?;
        self.ends()?;
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
            if self.case.kept.is_some_and(|kept| !kept.contains(&place)) || self.case.leaves_out(event) {
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
                self.look_around();
            }
        }
    }

    fn look_around(&self) {
        if self.judge.is_drifting(NEIGHBOUR) && self.stage.world(NEIGHBOUR).is_settled() {
            self.judge.drifted(NEIGHBOUR, false);
        }
        self.judge.look_around();
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
            Happening::Call(calls, fault) if self.case.scenario.spares => {
                self.stage.cloud.fail_next_of(*calls, self.judge.aim(NAME), fault.clone());
            }
            Happening::Call(calls, fault) => self.stage.cloud.fail_next(*calls, fault.clone()),
            Happening::Table { write, fault } if self.case.scenario.spares && fault.is_of_a_partition() => {
                self.stage.store.fail_next_of(*write, NAME, *fault);
            }
            Happening::Table { write: true, fault } => self.stage.store.fail_next_write(*fault),
            Happening::Table { write: false, fault } => self.stage.store.fail_next_read(*fault),
            Happening::BucketsEmptied => self.stage.cloud.empty_buckets(),
            Happening::IndexLag(lag) => self.stage.store.set_index_lag(*lag),
            Happening::Lag(name, lag) => self.stage.set_read_lag(name, *lag),
            Happening::Misfortune(misfortune, drawn) => {
                return self.befalls(NAME, |victim| hands::befall(victim, *misfortune, *drawn));
            }
            Happening::Hand(hand, drawn) => return self.befalls(NAME, |one| hands::reach_in(one, *hand, *drawn)),
            Happening::Reach(reach, drawn) => {
                let done = self.befalls(NAME, |one| reaching::reach_further(one, *reach, *drawn));
                if done && *reach == Reach::StartsAll {
                    self.judge.started(NAME);
                }
                return done;
            }
            Happening::Neighbour(drawn) => return self.reach_over(*drawn),
            Happening::Edit(drawn) => return self.edit(self.declared(*drawn)),
            Happening::EditWide(drawn) => return self.edit(edits::wide(&self.last, *drawn)),
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
                self.judge.deleting(NAME);
                self.deleting = true;
            }
        }
        true
    }

    fn befalls(&self, name: &str, what: impl FnOnce(&Victim<'_>) -> bool) -> bool {
        what(&Victim { cloud: &self.stage.cloud, name, ours: &self.judge.made_by(name) })
    }

    /// Terminates a member of the environment beside it, once the last one was replaced.
    fn reach_over(&mut self, drawn: u64) -> bool {
        let is_well = self.neighbour.is_some() && !self.judge.is_drifting(NEIGHBOUR);
        let did = is_well && self.befalls(NEIGHBOUR, |victim| victim.loses_a_member(drawn));
        if did {
            self.judge.drifted(NEIGHBOUR, true);
        }
        did
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

    /// The record with one more declared value, mostly over those before it; where they do not go together, over none.
    fn declared(&self, drawn: u64) -> Value {
        LASTING.with(|lasting| {
            let trial = &lasting[script::place(drawn / 4, lasting.len())];
            let over = if drawn.is_multiple_of(4) { None } else { trial.on(&self.last) };
            over.unwrap_or_else(|| trial.record.clone())
        })
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
        self.judge.wanted(wanted["metadata"]["name"].as_str().unwrap_or_default(), bounds(&wanted));
        self.stage.apply(&wanted);
    }

    fn edit_invalid(&mut self, drawn: u64) -> bool {
        if self.deleting {
            return false;
        }
        let wrong = WRONG.with(|wrong| {
            let trial = &wrong[script::place(drawn, wrong.len())];
            trial.on(&self.last).unwrap_or_else(|| trial.record.clone())
        });
        self.judge.kept(NAME);
        self.stage.apply(&wrong);
        true
    }

    /// Not while it is deleted: a SPEC that is written anew then begins another life.
    fn damage(&mut self, damage: Damage) -> bool {
        if self.deleting {
            return damage == Damage::StatusRestored && self.restore();
        }
        let (user, key) = (self.stage.store.user(), Key::new(NAME, "STATUS"));
        match damage {
            Damage::SpecDeleted => {
                // An edit of a moment ago may never have been read.
                self.judge.kept(NAME);
                user.delete(&Key::new(NAME, "SPEC"))
            }
            Damage::SpecReplaced => {
                let mut item = self.last.clone();
                item["metadata"]["uid"] = json!("somebody-elses");
                item["metadata"]["generation"] = json!(7);
                self.stage.apply(&item);
                true
            }
            Damage::StatusDeleted if self.backup.is_none() && user.get(&key).is_some() => {
                self.backup = user.get(&key);
                self.judge.damaged(NAME, true);
                user.delete(&key)
            }
            Damage::StatusRestored => self.restore(),
            Damage::StatusDeleted => false,
        }
    }

    fn restore(&mut self) -> bool {
        let Some(backup) = self.backup.take() else { return false };
        self.stage.store.user().put(backup);
        self.judge.damaged(NAME, false);
        true
    }

    /// Somebody's instance that looks like ours.
    fn bring_in_a_copy(&mut self) {
        let view = self.stage.cloud.view();
        let ours = self.judge.made_by(NAME);
        let live = view.live_instances();
        let Some(like) = live.iter().find(|one| ours.contains(one.id.as_str())) else { return };
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
        // While it is deleted, the one edit that it may need, and that the command line lets through.
        let asked = self.last.pointer("/spec/loadBalancer/deletionProtection") == Some(&json!(true));
        let unprotects = self.deleting && (asked || self.is_protected());
        if unprotects {
            self.last["spec"]["loadBalancer"]["deletionProtection"] = json!(false);
        }
        // Written over one that is gone by now, it would be the record of a new one.
        if !self.deleting || (unprotects && !self.stage.world(NAME).is_gone()) {
            self.apply(self.last.clone());
        }
        self.check_copy();
        self.judge.note(|| "* all is calm".to_owned());
        self.pass(LATE_MAX + GOES)
    }

    /// Whether its load balancer is protected, whatever the last record says: that may never have come into force.
    fn is_protected(&self) -> bool {
        let (view, ours) = (self.stage.cloud.view(), self.judge.made_by(NAME));
        let mut balancers = view.load_balancers().into_iter().filter(|one| ours.contains(one.arn.as_str()));
        let is_on = |attributes: std::collections::BTreeMap<String, String>| {
            attributes.get("deletion_protection.enabled").is_some_and(|value| value == "true")
        };
        balancers.any(|one| is_on(view.load_balancer_attributes(&one.arn)))
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

    /// Every environment is as its record says, and nothing more is to be done, within so many rounds of [`SETTLE_MAX`].
    fn settle(&mut self, rounds: u32) -> Went {
        for _ in 0..rounds {
            if self.comes_to_rest()? {
                return Ok(());
            }
            self.do_as_told();
        }
        self.judge.object(I6, format!("it did not settle\n{}", self.stage.report()));
        Err(Stopped)
    }

    fn comes_to_rest(&mut self) -> Result<bool, Stopped> {
        let end = self.stage.clock.since_epoch() + SETTLE_MAX;
        while self.stage.clock.since_epoch() < end {
            self.pass(SETTLED_EVERY)?;
            let own = self.stage.world(NAME);
            let rests = if self.deleting { own.is_gone() } else { own.is_settled() };
            if rests && (self.neighbour.is_none() || self.stage.world(NEIGHBOUR).is_settled()) {
                self.look_around();
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// As a person does who was told of a launch whose end is not known, or of a name that is taken: what is late has come
    /// by now. A create that came after what its second sending had made was deleted by hand is nobody's.
    fn do_as_told(&mut self) {
        let user = self.stage.store.user();
        for name in [NAME, NEIGHBOUR] {
            let world = self.stage.world(name);
            for sk in user.partition(name).into_keys() {
                let Some(id) = sk.strip_prefix("INTENT#open#") else { continue };
                if world.says(&format!("room to ask what became of {id}")) {
                    self.judge.count("happened: a person gave up a launch");
                    user.delete(&Key::new(name, sk));
                }
            }
            let said = world.status().map(|status| status.conditions).unwrap_or_default();
            for taken in said.iter().filter(|condition| condition.reason == Reason::NameTaken) {
                if hands::free(&self.stage.cloud, &taken.message) {
                    self.judge.count("happened: a person freed a name");
                }
            }
        }
    }

    /// It ends like a fresh deployment of what is still wanted, or, if nothing is, with nothing.
    fn ends(&mut self) -> Went {
        self.settle(SETTLE_ROUNDS)?;
        // What its instances leave behind goes with them; what is read rarely is set right once it was read.
        self.pass(if self.deleting { Duration::from_secs(600) } else { VOLUMES_EVERY + SET_RIGHT })?;
        reaching::tidy(&self.stage.cloud);
        let wanted: Vec<&Value> = (!self.deleting).then_some(&self.last).into_iter().chain(&self.neighbour).collect();
        let (have, want) = (comparable(&self.stage.canonical()), wanted_world(&wanted));
        let oracle = if self.deleting { GONE } else { I7 };
        self.judge.count(&format!("oracle: {oracle}"));
        if have != want {
            self.judge.object(oracle, difference(&have, &want));
            return Err(Stopped);
        }
        let view = self.stage.cloud.view();
        for name in [NAME, NEIGHBOUR] {
            let Some(status) = self.stage.world(name).status() else { continue };
            let lost = self.judge.tallying(|tally| tagged::lost(&status, &view, tally));
            if !lost.is_empty() {
                self.judge.object(I7, lost.join("\n"));
                return Err(Stopped);
            }
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
///
/// # Panics
/// If it is not valid.
pub fn bounds(record: &Value) -> Bounds {
    let spec = crds_schema::parse(record).expect("only valid records are wanted").spec;
    let number = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let count = spec.instances.count;
    Bounds {
        count: number(count),
        surge: number(spec.rollout.max_surge.of(count, 1)),
        terminations: number(spec.healing.max_terminations_per_hour),
    }
}

thread_local! {
    /// What the user declares, and what is no record.
    static LASTING: Vec<Trial> = declared::lasting(&record(2));
    static WRONG: Vec<Trial> = declared::trials(&record(2)).into_iter().filter(|trial| !trial.is_valid).collect();
    /// Fresh deployments by their records: many seeds end with the same one.
    static FRESH: RefCell<BTreeMap<String, String>> = RefCell::default();
}

fn wanted_world(records: &[&Value]) -> String {
    let text = records.iter().map(ToString::to_string).collect::<String>();
    FRESH.with_borrow_mut(|known| known.entry(text).or_insert_with(|| fresh_all(records, images)).clone())
}
