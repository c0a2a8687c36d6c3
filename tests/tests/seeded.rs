//! A first seeded run: calls fail, replies are lost, a person breaks things and edits the record, the controller crashes,
//! all by one seed; then the faults stop, and it must come to what a fresh deployment of the last record is, and be quiet.
//!
//! `SEEDS=500 FROM=1 cargo test -p e2e --test seeded -- --nocapture` runs any number; a seed that fails is printed first.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use e2e::{NAME, Stage, World, record};
use planner::ownership::TAG_UID;
use planner::resource::InstanceState;
use serde_json::Value;
use simulator::cloud::{Answer, App, Fault, ReadLag};
use simulator::entropy::Prng;
use simulator::store::StoreFault;

/// Members that may exist at once, whatever happens: the largest count that is asked for, and the surge.
const LIVE_MAX: usize = 3 + 1;

#[test]
fn whatever_happens_it_ends_like_a_fresh_deployment_and_is_quiet() {
    let number = |name: &str, default: u64| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let (from, seeds) = (number("FROM", 1), number("SEEDS", 20));
    for seed in from..from + seeds {
        eprintln!("seed {seed}");
        run(seed);
    }
}

fn run(seed: u64) {
    let mut chance = Prng::new(seed);
    let mut stage = Stage::new(seed);
    let mut wanted = record(2);
    stage.apply(&wanted);
    stage.start("a");
    swarm(&stage, &mut chance);
    for _ in 0..40 {
        match chance.below(8) {
            0 => {
                wanted = edited(&mut chance);
                stage.apply(&wanted);
            }
            1 => {
                stage.kill("a");
                stage.start("a");
            }
            2 | 3 => break_something(&stage, &mut chance),
            _ => {}
        }
        stage.run_for(chance.duration(Duration::from_secs(120)));
        never_too_many(&stage);
    }
    stage.cloud.faults_off();
    stage.store.faults_off();
    stage.set_read_lag("a", ReadLag::None);
    recover(&stage);
    stage.until("settled like a fresh deployment", {
        let fresh = fresh(&wanted);
        move |world: &World<'_>| world.is_settled() && without_zones(&e2e::canonical(world.cloud)) == fresh
    });
    stage.is_quiet_for(Duration::from_secs(3600));
}

/// Each kind of fault is off, rare or frequent.
fn swarm(stage: &Stage, chance: &mut Prng) {
    let faults = [
        Fault::LostRequest,
        Fault::LostReply,
        Fault::refused("RequestLimitExceeded"),
        Fault::refused("InternalError"),
        Fault::Late(Duration::from_secs(8)),
    ];
    for fault in faults {
        stage.cloud.fail_often(None, [0, 10, 60][usize::try_from(chance.below(3)).unwrap()], fault);
    }
    for fault in [StoreFault::Conflict, StoreFault::LostReply, StoreFault::LostRequest, StoreFault::Failed] {
        stage.store.fail_often([0, 10, 40][usize::try_from(chance.below(3)).unwrap()], fault);
    }
    if chance.chance(500) {
        stage.set_read_lag("a", ReadLag::UpTo(Duration::from_secs(20)));
    }
}

fn edited(chance: &mut Prng) -> Value {
    let mut record = record(1 + u32::try_from(chance.below(3)).unwrap());
    let spec = &mut record["spec"];
    spec["instances"]["userData"] = ["#cloud-config", "#other"][usize::from(chance.chance(300))].into();
    spec["services"][0]["healthCheck"]["path"] = ["/health", "/ready"][usize::from(chance.chance(500))].into();
    if chance.chance(300) {
        spec["access"]["loadBalancer"][0]["cidr"] = "198.51.100.0/24".into();
    }
    record
}

/// What a person does in the console, or what dies by itself. What is not there any more cannot be broken.
fn break_something(stage: &Stage, chance: &mut Prng) {
    let (view, console) = (stage.cloud.view(), stage.cloud.console());
    let members: Vec<_> = view.live_instances().into_iter().filter(|i| i.tags.contains_key(TAG_UID)).collect();
    let member =
        (!members.is_empty()).then(|| &members[usize::try_from(chance.below(members.len() as u64)).unwrap()].id);
    let balancer = view.load_balancer(&format!("{NAME}-alb")).map(|balancer| balancer.arn);
    let group = view.target_groups().first().map(|group| group.arn.clone());
    let done = match (chance.below(8), member, &balancer, &group) {
        (0, Some(member), _, _) => console.terminate(member),
        (1, Some(member), _, _) => console.stop(member),
        (2, Some(member), _, _) => console.set_app(member, App::answering(Answer::Status(500))),
        (3, Some(member), _, Some(group)) => console.deregister(group, member, 8080),
        (4, _, _, Some(group)) => console.set_target_group_attribute(group, "stickiness.enabled", "false"),
        (5, _, Some(balancer), _) => console.delete_load_balancer(balancer),
        (6, _, Some(balancer), _) => match view.listeners(balancer).first() {
            Some(listener) => console.delete_listener(&listener.arn),
            None => Ok(()),
        },
        (7, Some(member), _, _) => console.impair(member, true),
        _ => Ok(()),
    };
    if let Err(refused) = done {
        eprintln!("  AWS refuses it to the person: {refused:?}");
    }
}

/// What would be held for a person at the end: more members sick than `maxUnhealthy` allows.
fn recover(stage: &Stage) {
    for instance in stage.cloud.view().live_instances() {
        stage.cloud.console().set_app(&instance.id, App::default()).unwrap();
        stage.cloud.console().impair(&instance.id, false).unwrap();
    }
}

/// Promise I1, by what AWS holds and not by what the controller says.
fn never_too_many(stage: &Stage) {
    let members = stage.cloud.view().live_instances().into_iter().filter(|i| i.tags.contains_key(TAG_UID));
    let live = members.filter(|i| i.state == InstanceState::Pending || i.state == InstanceState::Running).count();
    assert!(live <= LIVE_MAX, "{live} members live\n{}", stage.report());
}

/// Where members stand depends on which died; that they are as many, and as wanted, does not.
fn without_zones(world: &str) -> String {
    let mut lines: Vec<String> = world
        .lines()
        .map(|line| {
            if line.starts_with("alb ") {
                line.to_owned()
            } else {
                line.replace("us-east-2b", "Z").replace("us-east-2a", "Z").replace("us-east-2c", "Z")
            }
        })
        .collect();
    lines.sort();
    lines.join("\n")
}

fn fresh(record: &Value) -> String {
    let mut stage = Stage::new(7);
    stage.apply(record);
    stage.start("a");
    stage.settle();
    without_zones(&stage.canonical())
}
