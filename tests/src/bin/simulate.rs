//! `simulate`: many seeds of a scenario, judged at every step. See [`e2e::simulation`].
//!
//! Results go to stdout, and are the same for the same seeds, byte for byte. Progress goes to stderr, and so does how fast it
//! went. Exit status: 0 nothing broken; 1 a promise was broken, or (in a run of many
//! seeds) a fault that the scenario has never happened, or an oracle never had anything to judge; 2 usage.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use e2e::simulation::oracles;
use e2e::simulation::run::{Case, Report, run};
use e2e::simulation::scenario::{self, Scenario};
use e2e::simulation::shrink::shrink;
use e2e::simulation::streams;
use e2e::simulation::tally::Tally;

/// A run makes and drops small values all the time; with the ordinary one it takes a third longer.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// From so many seeds on, every kind of fault that a scenario has must have happened, and every oracle have judged.
const COVERED_FROM: u64 = 200;

/// Runs the controller against a simulated AWS in which everything fails, and checks its promises at every step.
#[derive(Debug, Parser)]
#[command(after_help = "Example: cargo run --release -p e2e --bin simulate -- --seeds 1000 --scenario replicas")]
struct Args {
    /// How many seeds.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// The scenario; `all` runs each, the seeds shared out among them.
    #[arg(long, default_value = scenario::DEFAULT)]
    scenario: String,
    /// The edition of scripts: a seed that found something is drawn as it was then.
    #[arg(long, default_value_t = streams::EDITION)]
    edition: u8,
    /// Prints the trace of every seed: what happened, what was decided and why, what arrived at AWS.
    #[arg(long)]
    trace: bool,
    /// Only these events of the script happen, by their places: how a shortened failure is run again.
    #[arg(long, value_delimiter = ',')]
    keep: Option<Vec<usize>>,
    /// Events with one of these words in them do not happen, such as FillsGroup.
    #[arg(long, value_delimiter = ',')]
    without: Vec<String>,
    /// Seeds that are run at once; as many as there are cores unless it is given.
    #[arg(long)]
    jobs: Option<usize>,
    /// Lets the first seed be quiet for a week at its end, not for an hour.
    #[arg(long)]
    week: bool,
    /// Leaves a failure as long as it is.
    #[arg(long)]
    no_shrink: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let scenarios: Vec<&Scenario> = match args.scenario.as_str() {
        "all" => scenario::ALL.iter().collect(),
        name => match scenario::named(name) {
            Some(scenario) => vec![scenario],
            None => return unknown(name),
        },
    };
    let share = args.seeds.div_ceil(scenarios.len() as u64);
    let good = scenarios.iter().filter(|scenario| Batch::new(&args, scenario, share).run()).count();
    if good == scenarios.len() { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

fn unknown(name: &str) -> ExitCode {
    eprintln!("error: --scenario: there is no {name}; write `all` or one of:");
    scenario::ALL.iter().for_each(|scenario| eprintln!("  {:<12} {}", scenario.name, scenario.about));
    ExitCode::from(2)
}

/// The seeds of one scenario.
struct Batch<'a> {
    args: &'a Args,
    scenario: &'a Scenario,
    seeds: u64,
    kept: Option<BTreeSet<usize>>,
    next: AtomicU64,
    done: Mutex<Done>,
}

#[derive(Default)]
struct Done {
    seeds: u64,
    passes: u64,
    time: Duration,
    busy: Duration,
    tally: Tally,
    failed: Vec<(u64, Report)>,
    traces: Traces,
}

/// Prints traces in the order of their seeds, whichever run ends first.
#[derive(Default)]
struct Traces {
    next: u64,
    /// Those of later seeds.
    waiting: BTreeMap<u64, Vec<String>>,
}

impl Traces {
    fn print(&mut self, scenario: &str, seed: u64, trace: Vec<String>) {
        self.waiting.insert(seed, trace);
        while let Some(trace) = self.waiting.remove(&self.next) {
            println!("== seed {} of {scenario}", self.next);
            trace.iter().for_each(|line| println!("{line}"));
            self.next += 1;
        }
    }
}

impl<'a> Batch<'a> {
    fn new(args: &'a Args, scenario: &'a Scenario, seeds: u64) -> Self {
        let kept = args.keep.as_ref().map(|kept| kept.iter().copied().collect());
        let traces = Traces { next: args.from, ..Traces::default() };
        let done = Mutex::new(Done { traces, ..Done::default() });
        Self { args, scenario, seeds, kept, next: AtomicU64::new(args.from), done }
    }

    fn case(&self, seed: u64) -> Case<'_> {
        let week = self.args.week && seed == self.args.from;
        let (edition, traced) = (self.args.edition, self.args.trace);
        let (kept, without) = (self.kept.as_ref(), &self.args.without);
        Case { scenario: self.scenario, seed, edition, kept, without, traced, week }
    }

    /// Whether all went well.
    fn run(&self) -> bool {
        let began = Instant::now();
        let jobs = self.args.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        // A failed seed panics at most within its own run, which reports it.
        std::panic::set_hook(Box::new(|_| {}));
        std::thread::scope(|scope| {
            (0..jobs).for_each(|_| drop(scope.spawn(|| self.work(began))));
        });
        drop(std::panic::take_hook());
        eprintln!();
        let mut done = self.done.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        done.failed.sort_by_key(|(seed, _)| *seed);
        self.summary(&done, began.elapsed(), jobs);
        done.failed.iter().take(3).for_each(|(seed, report)| self.explain(*seed, report));
        let missing = self.missing(&done.tally);
        missing.iter().for_each(|name| println!("never: {name}"));
        done.failed.is_empty() && missing.is_empty()
    }

    fn work(&self, began: Instant) {
        loop {
            let seed = self.next.fetch_add(1, Ordering::Relaxed);
            if seed >= self.args.from + self.seeds {
                return;
            }
            let started = Instant::now();
            let mut report = run(self.case(seed));
            let mut done = self.done.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            done.seeds += 1;
            done.passes += report.passes;
            done.time += report.time;
            done.busy += started.elapsed();
            done.tally.absorb(&report.tally);
            if self.args.trace {
                done.traces.print(self.scenario.name, seed, std::mem::take(&mut report.trace));
            }
            if report.violation.is_some() {
                done.failed.push((seed, report));
            }
            let rate = done.seeds as f64 / began.elapsed().as_secs_f64();
            eprint!(
                "\r{}: {} of {} seeds, {rate:.1}/s, {} failed ",
                self.scenario.name,
                done.seeds,
                self.seeds,
                done.failed.len()
            );
            // Progress that is not shown harms nobody.
            let _ = std::io::stderr().flush();
        }
    }

    fn summary(&self, done: &Done, took: Duration, jobs: usize) {
        let hours = done.time.as_secs_f64() / 3600.0;
        println!("scenario {}: {}", self.scenario.name, self.scenario.about);
        println!(
            "{} seeds from {}: {} passes in {hours:.0} virtual hours, {} failed",
            done.seeds,
            self.args.from,
            done.passes,
            done.failed.len(),
        );
        print!("{}", done.tally);
        // What depends on the machine stays out of what two runs are compared by.
        let per = |n: f64, time: Duration| n / time.as_secs_f64().max(0.001);
        eprintln!(
            "{}: {:.1} s with {jobs} jobs: {:.1} seeds/s, {:.0} passes/s per core",
            self.scenario.name,
            took.as_secs_f64(),
            per(done.seeds as f64, took),
            per(done.passes as f64, done.busy),
        );
    }

    /// The failure, as short as it can be made, and how to run it again.
    fn explain(&self, seed: u64, report: &Report) {
        let Some(violation) = &report.violation else { return };
        println!("\nseed {seed} of {} failed: {violation}", self.scenario.name);
        let again = format!(
            "cargo run --release -p e2e --bin simulate -- --scenario {} --edition {} --seeds 1 --from {seed} --trace",
            self.scenario.name, self.args.edition
        );
        let without = self.args.without.join(",");
        let again = if without.is_empty() { again } else { format!("{again} --without {without}") };
        if self.args.no_shrink {
            println!("again: {again}");
            return;
        }
        let (kept, short) = shrink(self.case(seed), report);
        let places: Vec<String> = kept.iter().map(ToString::to_string).collect();
        println!("shortened to {} of {} events:", kept.len(), report.script.len());
        kept.iter().filter_map(|place| report.script.get(*place)).for_each(|event| println!("  {event}"));
        if let Some(violation) = &short.violation {
            println!("then: {violation}");
        }
        println!("the end of its trace:");
        short.trace.iter().rev().take(60).rev().for_each(|line| println!("{line}"));
        println!("again: {again} --keep {}", places.join(","));
    }

    /// Faults that the scenario has and that never happened in a run of many seeds, and oracles that never had anything to
    /// judge in it, so that it proved nothing about their promise.
    fn missing(&self, tally: &Tally) -> Vec<String> {
        let is_whole = self.kept.is_none() && self.args.without.is_empty() && self.args.edition == streams::EDITION;
        if self.seeds < COVERED_FROM || !is_whole {
            return Vec::new();
        }
        let expected = streams::expected(self.scenario).into_iter().chain(oracles::expected(self.scenario));
        expected.filter(|name| tally.of(name) == 0).collect()
    }
}
