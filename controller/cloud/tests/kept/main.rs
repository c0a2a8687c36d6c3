//! What was acknowledged is there after a kill -9 under load, again and again.
//!
//! More often with `UNDERSTUDY_KILLS=100 cargo test -p cloud --test kept`.
#![allow(clippy::unwrap_used)]

mod load;
mod wire;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cloud::{Options, Running, StartError, start};
use simulator::cloud::ReadLags;

use load::{Acknowledged, Who, streamed};
use wire::Client;

/// Where the process that is to be killed keeps its cloud.
const DIRECTORY: &str = "UNDERSTUDY_TEST_DIRECTORY";
const SEED: &str = "UNDERSTUDY_TEST_SEED";
/// Kills, unless `UNDERSTUDY_KILLS` says how many.
const KILLS: u32 = 20;

fn options(dir: &Path, seed: u64) -> Options {
    Options {
        seed: Some(seed),
        listen: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
        speed: 60,
        lag: ReadLags::default(),
        throttling: false,
        data_dir: Some(dir.to_owned()),
        ..Options::default()
    }
}

/// A seed for each directory, so that tests that run beside each other want other ports.
fn seed_of(dir: &Path) -> u64 {
    let bytes = dir.as_os_str().as_encoded_bytes().iter();
    bytes.fold(0_u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(u64::from(*byte)))
}

/// A cloud in a process of its own.
struct Process {
    child: Child,
    client: Client,
}

impl Process {
    /// Starts this very test program, which then does nothing but [`serve`].
    fn start(dir: &Path) -> Self {
        Self::start_seeded(dir, seed_of(dir))
    }

    fn start_seeded(dir: &Path, seed: u64) -> Self {
        let mut program = Command::new(std::env::current_exe().unwrap());
        program
            .args(["--exact", "serve", "--nocapture"])
            .env(DIRECTORY, dir)
            .env(SEED, seed.to_string())
            .stdout(Stdio::piped());
        let mut child = program.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut addresses = lines.filter_map(|line| Some(line.ok()?.split_once("listens on ")?.1.parse().unwrap()));
        let client = Client::of(addresses.next().expect("it ended before it listened"));
        Self { child, client }
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Nothing, unless it is the process that is to be killed.
#[test]
fn serve() {
    let Some(dir) = std::env::var_os(DIRECTORY) else { return };
    let seed = std::env::var(SEED).unwrap().parse().unwrap();
    let running = start(&options(Path::new(&dir), seed)).unwrap();
    println!("listens on {}", running.address());
    loop {
        std::thread::park();
    }
}

#[test]
fn nothing_that_was_acknowledged_is_lost_by_a_kill_under_load() {
    let kills = std::env::var("UNDERSTUDY_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let (mut told, mut longest) = (Acknowledged::default(), Duration::ZERO);
    for kill in 0..kills {
        let began = std::time::Instant::now();
        let process = Process::start(dir.path());
        longest = longest.max(began.elapsed());
        told.check(process.client);
        let loads = told.loads(process.client);
        // Somewhere in the middle of something; the numbers have no common measure with what the loads do.
        std::thread::sleep(Duration::from_micros(20_000 + u64::from(kill) * 7_919 % 180_000));
        process.kill();
        loads.into_iter().for_each(|load| told.end(load.join().unwrap()));
    }
    let process = Process::start(dir.path());
    told.check(process.client);
    process.kill();
    assert!(told.changes() > u64::from(kills), "{} changes", told.changes());
    println!(
        "{kills} kills, {} changes acknowledged, {} bytes of log, started within {longest:?}",
        told.changes(),
        std::fs::metadata(dir.path().join("cloud.log")).unwrap().len()
    );
}

/// What every Describe says that needs to be told nothing, and what the cloud says of itself.
fn everything(client: Client) -> String {
    let ec2 = ["Instances", "SecurityGroups", "Volumes", "NetworkInterfaces", "Tags", "Images", "Subnets"];
    let ec2 = ec2.map(|what| client.ec2(&format!("Describe{what}"), &[]).unwrap());
    let elb = ["LoadBalancers", "TargetGroups"].map(|what| client.elbv2(&format!("Describe{what}"), &[]).unwrap());
    let own = ["clock", "state"].map(|what| client.get(&format!("/_cloud/{what}")).unwrap());
    let streamed = streamed(client);
    assert!(!streamed.is_empty());
    let table = format!("{:?}\n{streamed:?}", Who::Items.there(client));
    [&ec2[..], &elb, &own, &[table]].concat().iter().map(|answer| nameless(answer)).collect()
}

/// An answer without the id that it alone has, an element a line.
fn nameless(answer: &str) -> String {
    let mut parts = answer.splitn(3, "equestId>");
    let (before, after) = (parts.next().unwrap_or_default(), parts.nth(1).unwrap_or_default());
    format!("{before}{after}\n").replace("><", ">\n<")
}

#[test]
fn everything_that_can_be_seen_is_the_same_after_a_kill_and_time_has_not_passed() {
    let dir = tempfile::tempdir().unwrap();
    let process = Process::start(dir.path());
    let mut told = Acknowledged::default();
    told.check(process.client);
    let loads = told.loads(process.client);
    while [Who::Instances, Who::Items].iter().any(|who| who.there(process.client).is_empty()) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let clock = |change: &str| process.client.post("/_cloud/clock", change).unwrap();
    let fault = |fault: &str| process.client.post("/_cloud/faults", fault).unwrap();
    fault(r#"{"kind":"app-broken","seed":1,"for":"10m"}"#);
    fault(r#"{"kind":"throttle","operation":"DescribeKeyPairs","count":2}"#);
    clock(r#"{"advance":"3m"}"#);
    clock(r#"{"pause":true}"#);
    assert!(process.client.ec2("DescribeKeyPairs", &[]).unwrap_err().contains("RequestLimitExceeded"));
    told.stop();
    loads.into_iter().for_each(|load| told.end(load.join().unwrap()));
    let before = everything(process.client);
    process.kill();
    let process = Process::start(dir.path());
    let after = everything(process.client);
    before.lines().zip(after.lines()).for_each(|(before, after)| assert_eq!(after, before));
    assert_eq!(after.len(), before.len());
    assert!(process.client.ec2("DescribeKeyPairs", &[]).unwrap_err().contains("RequestLimitExceeded"));
    process.client.ec2("DescribeKeyPairs", &[]).unwrap();
    told.check(process.client);
    process.kill();
}

#[test]
fn one_process_has_a_directory_and_the_next_goes_on_in_its_time() {
    let dir = tempfile::tempdir().unwrap();
    let seed = seed_of(dir.path());
    let first = start(&options(dir.path(), seed)).unwrap();
    let refused = start(&options(dir.path(), seed)).unwrap_err();
    assert!(matches!(refused, StartError::Kept(_)) && refused.to_string().contains("in use"), "{refused}");
    let now = |running: &Running| Client::of(running.address()).get("/_cloud/clock").unwrap();
    Client::of(first.address()).post("/_cloud/clock", r#"{"advance":"20d"}"#).unwrap();
    // Some seconds of its time, of which only its orderly end tells.
    std::thread::sleep(Duration::from_millis(100));
    let before = now(&first);
    drop(first);
    std::thread::sleep(Duration::from_millis(1500));
    let second = start(&Options { speed: 1, ..options(dir.path(), seed) }).unwrap();
    let day = |clock: &str| clock.split(['"', '.']).find(|part| part.contains('T')).map(str::to_owned).unwrap();
    // A minute and a half of its time would have passed meanwhile.
    let (before, after) = (day(&before), day(&now(&second)));
    let minute = |day: &str| day.parse::<jiff::civil::DateTime>().unwrap();
    let passed = minute(&after).duration_since(minute(&before));
    assert!(!passed.is_negative() && passed.as_secs() < 60, "{before} {after}");
}

#[test]
fn ids_of_all_lives_are_of_one_sequence() {
    let (kept, fleeting) = (tempfile::tempdir().unwrap(), Options { data_dir: None, ..options(Path::new(""), 7) });
    let make = |running: &Running, name: &str| {
        let pairs = [("GroupName", name), ("GroupDescription", "x")];
        wire::texts(&Client::of(running.address()).ec2("CreateSecurityGroup", &pairs).unwrap(), "groupId")[0].clone()
    };
    let in_one_life = start(&fleeting).unwrap();
    let names = ["a", "b", "c"];
    let expected = names.map(|name| make(&in_one_life, name));
    let in_several = names.map(|name| make(&start(&options(kept.path(), 7)).unwrap(), name));
    assert_eq!(in_several, expected);
    assert_eq!(BTreeSet::from(in_several).len(), 3);
}
