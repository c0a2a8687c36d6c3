//! Whatever is done, in whatever order: what always holds, and what a seed decides.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_api::ec2::{Direction, Instance, InstanceRead, InstanceState, InstanceWrite, RunInstances, Taggable};
use aws_api::elbv2::{TargetGroupRead, TargetHealth};
use aws_api::{Filter, Read, Ref, Reply, Write};
use proptest::prelude::*;
use simulator::Builder;
use simulator::cloud::{Answer, App, Canonical, ReadLag};
use simulator::entropy::Prng;

use crate::bench::*;

/// One thing that somebody does, chosen by a number. Refusals are fine.
fn disturb(bench: &Bench, env: &Env, step: usize, draw: &mut Prng) {
    let view = bench.cloud.view();
    let console = bench.cloud.console();
    let some = |draw: &mut Prng| {
        let all = view.instances();
        (!all.is_empty()).then(|| all[draw.below(all.len() as u64) as usize].id.clone())
    };
    let zone = draw.below(3) as usize;
    let Some(id) = some(draw) else {
        let _ = bench.write(Write::Instance(InstanceWrite::Run(Box::new(bench.run_in(&format!("t{step}"), zone)))));
        return;
    };
    match draw.below(16) {
        0 | 1 => {
            let groups = BTreeSet::from([Ref::Id(env.group.clone())]);
            let run = RunInstances { groups, ..bench.run_in(&format!("t{step}"), zone) };
            let _ = bench.write(Write::Instance(InstanceWrite::Run(Box::new(run))));
        }
        2 => drop(console.terminate(&id)),
        3 => drop(console.stop(&id)),
        4 => drop(console.start(&id)),
        5 | 6 => drop(console.register(&env.targets, &id, 8080)),
        7 => drop(console.deregister(&env.targets, &id, 8080)),
        8 => drop(console.set_app(&id, App::answering(Answer::Status(503)))),
        9 => drop(console.set_app(&id, App::answering(Answer::Flapping { up: secs(100), down: secs(70) }))),
        10 => drop(console.set_app(&id, App::default())),
        11 => drop(console.revoke(&env.group, Direction::Ingress, from_group(8080, &env.alb_group))),
        12 => drop(console.authorize(&env.group, Direction::Ingress, from_group(8080, &env.alb_group))),
        13 => drop(
            console
                .set_subnets(&env.alb, &view.subnets().iter().skip(zone % 2).map(|s| s.id.clone()).collect::<Vec<_>>()),
        ),
        14 => drop(console.change_health_check(&env.targets, |check| check.interval_secs = 10 + 10 * zone as u32)),
        _ => drop(console.set_instance_groups(&id, &[])),
    }
}

fn check_invariants(bench: &Bench, env: &Env) {
    let view = bench.cloud.view();
    let known: BTreeSet<String> = view.instances().iter().map(|instance| instance.id.to_string()).collect();
    for target in view.targets(&env.targets) {
        assert!(known.contains(&target.id), "a target is an instance that is shown");
        assert_eq!(target.reason.is_none(), target.health == TargetHealth::Healthy, "{target:?}");
    }
    for volume in view.volumes().values() {
        let holder = volume.attached_to.as_ref().and_then(|id| view.instance(id));
        assert!(holder.is_some_and(|instance| instance.state != InstanceState::Terminated), "{volume:?}");
    }
    let live: Vec<Instance> = view.instances().into_iter().filter(|i| i.state != InstanceState::Terminated).collect();
    assert_eq!(view.interfaces().len(), live.len() + view.load_balancer("web-alb").map_or(0, |alb| alb.subnets.len()));
    let addresses: BTreeSet<_> = live.iter().map(|instance| instance.private_ip.clone()).collect();
    assert_eq!(addresses.len(), live.len(), "no address is given out twice");
}

/// Everything that a run leaves behind to compare.
fn history(seed: u64, steps: usize) -> (Vec<String>, String) {
    let bench = Bench::of(Builder::new(seed));
    let env = bench.env(2);
    let mut draw = Prng::new(seed);
    for step in 0..steps {
        disturb(&bench, &env, step, &mut draw);
        bench.read(Read::TargetGroup(TargetGroupRead::Health { target_group: env.targets.clone() })).unwrap();
        bench.pass(draw.duration(secs(120)));
        check_invariants(&bench, &env);
    }
    let log = bench.cloud.ledger().entries().map(ToString::to_string).collect();
    (log, bench.cloud.view().canonical(&Canonical::default()))
}

#[test]
fn the_same_seed_gives_the_same_run_to_the_last_id() {
    assert_eq!(history(5, 60), history(5, 60));
    assert_ne!(history(5, 60).0, history(6, 60).0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_disturbances_breaks_the_cloud(seed in any::<u64>()) {
        history(seed, 60);
    }

    /// Nothing ticks, so it must not matter how often somebody looks or something unrelated changes.
    #[test]
    fn health_does_not_depend_on_how_often_anybody_looks(seed in any::<u64>(), often in 1_u64..40) {
        let worlds = [1, often].map(|looks| {
            let bench = Bench::new();
            let env = bench.env(2);
            bench.member(&env, "a", 0);
            let mut draw = Prng::new(seed);
            let mut seen = Vec::new();
            for step in 0..30 {
                disturb(&bench, &env, step, &mut draw);
                let until = bench.clock.since_epoch() + draw.duration(secs(300));
                let slice = until.saturating_sub(bench.clock.since_epoch()) / u32::try_from(looks).unwrap();
                for _ in 1..looks {
                    bench.pass(slice);
                    // A change that settles the world, and changes nothing.
                    bench.cloud.console().untag(&Taggable::SecurityGroup(Ref::Id(env.group.clone())), &["none"]).unwrap();
                }
                bench.clock.advance_to(until);
                seen.push(format!("{:?}", bench.cloud.view().targets(&env.targets)));
            }
            seen
        });
        prop_assert_eq!(&worlds[0], &worlds[1]);
    }
}

#[test]
fn two_runs_that_came_to_the_same_render_alike() {
    let render = |seed| {
        let bench = Bench::of(Builder::new(seed).latency(Duration::ZERO));
        let env = bench.env(2);
        for (token, zone) in if seed == 1 { [("a", 0), ("b", 1)] } else { [("b", 1), ("a", 0)] } {
            bench.member(&env, token, zone);
        }
        bench.pass(secs(600));
        let world = bench.cloud.view().canonical(&Canonical::default());
        assert!(world.contains("targets web-targets: instance in us-east-2a [Name=a] port 8080 healthy"), "{world}");
        world
    };
    assert_eq!(render(1), render(2));
}

#[test]
fn a_day_with_three_instances_that_somebody_looks_at_every_ten_seconds() {
    let bench = Bench::new();
    let env = bench.env(3);
    let members = ["a", "b", "c"].iter().enumerate().map(|(zone, token)| bench.member(&env, token, zone));
    let members: Vec<_> = members.collect();
    bench.cloud.set_read_lag(ReadLag::UpTo(secs(5)));
    let mut looks = 0_u32;
    for step in 0..8640_u64 {
        bench.pass(secs(10));
        let filters = vec![Filter { name: "instance-state-name".into(), values: vec!["running".into()] }];
        let Reply::Instances(running, None) =
            bench.read(Read::Instance(InstanceRead::Describe { filters, page: None })).unwrap()
        else {
            panic!()
        };
        assert_eq!(running.len(), members.len());
        let Reply::TargetHealth(targets) =
            bench.read(Read::TargetGroup(TargetGroupRead::Health { target_group: env.targets.clone() })).unwrap()
        else {
            panic!()
        };
        looks += u32::from(step > 100 && targets.iter().all(|target| target.health == TargetHealth::Healthy));
    }
    assert_eq!(looks, 8539);
}
