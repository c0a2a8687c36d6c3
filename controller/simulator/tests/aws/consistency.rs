//! What a client sees, what it is refused, and what gets lost on the way.

use std::time::Duration;

use aws_api::ec2::{Ec2TagsWrite, InstanceRead, InstanceWrite, SecurityGroupWrite, Taggable};
use aws_api::elbv2::{LoadBalancerRead, TargetGroupRead};
use aws_api::{Operation, Read, Reply, Request, Write};
use ports::Cloud;
use serde_json::json;
use simulator::Builder;
use simulator::cloud::api::elbv2::DescribeTags;
use simulator::cloud::{Fault, Kind, ReadLag, ReadLags};
use simulator::executor::block_on;

use crate::bench::*;

fn seen(bench: &Bench, client: &simulator::SimCloud) -> usize {
    let read = Request::Read(Read::Instance(InstanceRead::Describe { filters: vec![], page: None }));
    match block_on(&bench.clock, client.call(REGION, read)).unwrap() {
        Reply::Instances(found, None) => found.len(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_lagging_reader_sees_a_launch_late_and_another_at_once() {
    let bench = Bench::new();
    let late = bench.cloud.client("late");
    late.set_read_lag(ReadLag::Fixed(secs(5)));
    bench.launch(bench.run("a"));
    assert_eq!((seen(&bench, &bench.cloud), seen(&bench, &late)), (1, 0));
    bench.pass(secs(4));
    assert_eq!(seen(&bench, &late), 0);
    bench.pass(secs(1));
    assert_eq!(seen(&bench, &late), 1);
}

#[test]
fn sight_can_go_back_in_time() {
    let bench = Bench::new();
    let client = bench.cloud.client("unsteady");
    client.set_read_lag(ReadLag::UpTo(secs(60)));
    bench.pass(secs(60));
    bench.launch(bench.run("a"));
    bench.pass(secs(30));
    let counts: Vec<usize> = (0..40).map(|_| seen(&bench, &client)).collect();
    assert!(counts.windows(2).any(|pair| pair == [1, 0]), "{counts:?}");
}

/// Clients that are mostly up to date, each with a sight of its own.
fn mostly_up_to_date(bench: &Bench) -> Vec<simulator::SimCloud> {
    let lag = ReadLag::Sometimes { one_in: 10, most: secs(1_000_000) };
    let clients = (0..1000).map(|number| bench.cloud.client(&format!("client {number}")));
    clients.inspect(|client| client.set_read_lag(lag)).collect()
}

#[test]
fn one_read_in_ten_may_be_late_until_one_was_not() {
    let bench = Bench::new();
    bench.pass(secs(60));
    bench.launch(bench.run("a"));
    bench.pass(secs(30));
    let clients = mostly_up_to_date(&bench);
    let reads = |client| (0..5).map(|_| seen(&bench, client)).collect::<Vec<_>>();
    let reads: Vec<Vec<usize>> = clients.iter().map(reads).collect();
    let late = |read: usize| reads.iter().filter(|reads| reads[read] == 0).count();
    assert!((60..=140).contains(&late(0)) && (1..=30).contains(&late(1)), "{} and {}", late(0), late(1));
    assert!(reads.iter().all(|reads| reads.is_sorted()), "what was seen once is seen from then on");
}

#[test]
fn a_client_that_is_mostly_up_to_date_can_write_to_what_it_has_seen() {
    let bench = Bench::new();
    bench.pass(secs(60));
    let id = bench.launch(bench.run("a"));
    bench.pass(secs(30));
    let tag = |client: &simulator::SimCloud| {
        let tags = tags(&[("a", "b")]);
        let write = Write::Ec2Tags(Ec2TagsWrite::Create { resource: Taggable::Instance(id.clone()), tags });
        block_on(&bench.clock, client.call(REGION, Request::Write(write)))
    };
    let clients = mostly_up_to_date(&bench);
    let refused = clients.iter().filter_map(|client| tag(client).err());
    assert!((60..=140).contains(&refused.inspect(|error| assert!(error.is("InvalidInstanceID.NotFound"))).count()));
    for client in clients.iter().filter(|client| seen(&bench, client) == 1) {
        (0..5).for_each(|_| drop(tag(client).unwrap()));
    }
}

#[test]
fn a_lagging_client_cannot_write_to_what_it_does_not_see() {
    let bench = Bench::new();
    let client = bench.cloud.client("late");
    client.set_read_lag(ReadLag::Fixed(secs(5)));
    let id = bench.launch(bench.run("a"));
    let tag = || {
        Request::Write(Write::Ec2Tags(Ec2TagsWrite::Create {
            resource: Taggable::Instance(id.clone()),
            tags: tags(&[("a", "b")]),
        }))
    };
    let refused = block_on(&bench.clock, client.call(REGION, tag())).unwrap_err();
    assert!(refused.is("InvalidInstanceID.NotFound"));
    bench.pass(secs(5));
    block_on(&bench.clock, client.call(REGION, tag())).unwrap();
}

/// EC2's guide documents it, and no page of ELBv2. <https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html>
#[test]
fn where_only_ec2_lags_elbv2_shows_the_present() {
    let bench = Bench::new();
    let late = bench.cloud.client("late");
    late.set_read_lag(ReadLags::of_ec2(ReadLag::Fixed(secs(5))));
    bench.pass(secs(60));
    bench.launch(bench.run("a"));
    let group = bench.targets("web").to_string();
    let by_name = || Request::Read(Read::TargetGroup(TargetGroupRead::Describe { names: vec!["web".into()] }));
    let by_arn: DescribeTags = serde_json::from_value(json!({"ResourceArns": [group]})).unwrap();
    assert_eq!(seen(&bench, &late), 0);
    block_on(&bench.clock, late.call(REGION, by_name())).unwrap();
    late.read(&by_arn).unwrap();

    late.set_read_lag(ReadLag::Fixed(secs(5)));
    let refused = block_on(&bench.clock, late.call(REGION, by_name())).unwrap_err();
    assert!(refused.is("TargetGroupNotFound"), "one lag is that of both services: {refused}");
    assert_eq!(late.read(&by_arn).err().unwrap().code, "TargetGroupNotFound");
}

#[test]
fn buckets_empty_and_fill_again() {
    let bench = Bench::new();
    let launch = |n: u32| bench.write(Write::Instance(InstanceWrite::Run(Box::new(bench.run(&format!("t{n}"))))));
    bench.cloud.set_throttling(true);
    for n in 0..5 {
        launch(n).unwrap();
    }
    assert!(launch(5).unwrap_err().is("RequestLimitExceeded"));
    bench.group("other-calls-have-buckets-of-their-own");
    bench.pass(Duration::from_millis(500));
    launch(5).unwrap();
    assert!(launch(6).unwrap_err().is("RequestLimitExceeded"));
    for _ in 0..40 {
        bench.read(Read::LoadBalancer(LoadBalancerRead::Describe { names: vec![] })).unwrap();
    }
    assert!(bench.read(Read::LoadBalancer(LoadBalancerRead::Describe { names: vec![] })).unwrap_err().is("Throttling"));
}

#[test]
fn a_lost_reply_took_effect_and_a_lost_request_did_not() {
    let bench = Bench::new();
    let launch = |token: &str| bench.write(Write::Instance(InstanceWrite::Run(Box::new(bench.run(token)))));
    for (fault, made) in [(Fault::LostReply, 1), (Fault::LostRequest, 1), (Fault::refused("InternalError"), 1)] {
        bench.cloud.fail_next(Operation::RunInstances, fault.clone());
        let error = launch(if fault == Fault::LostReply { "a" } else { "b" }).unwrap_err();
        assert!(!error.is_definite(), "{error}");
        assert_eq!(bench.cloud.ledger().created(Kind::Instance).len(), made, "{fault:?}");
    }
    launch("a").unwrap();
    assert_eq!(bench.cloud.ledger().created(Kind::Instance).len(), 1, "the replay finds what the lost reply named");
}

#[test]
fn a_late_request_takes_effect_after_its_caller_gave_up() {
    let bench = Bench::new();
    bench.cloud.fail_next(Operation::RunInstances, Fault::Late(secs(60)));
    bench.write(Write::Instance(InstanceWrite::Run(Box::new(bench.run("a"))))).unwrap_err();
    bench.pass(secs(40));
    assert!(bench.cloud.view().instances().is_empty());
    bench.pass(secs(20));
    assert_eq!(bench.cloud.view().instances().len(), 1);
}

#[test]
fn planned_faults_wait_for_their_call() {
    let bench = Bench::new();
    bench.cloud.fail_after(Operation::CreateSecurityGroup, 1, Fault::refused("Unavailable"));
    bench.targets("other-operations-do-not-count");
    bench.group("a");
    assert_eq!(bench.code(Write::SecurityGroup(SecurityGroupWrite::Create(bench.create_group("b")))), "Unavailable");
    bench.group("b");
    bench.cloud.fail_often(simulator::cloud::Calls::Any, 1000, Fault::refused("AccessDenied"));
    assert_eq!(bench.code(Write::SecurityGroup(SecurityGroupWrite::Create(bench.create_group("c")))), "AccessDenied");
    bench.cloud.faults_off();
    bench.group("c");
}

#[test]
fn a_call_takes_its_time_and_stands_in_the_ledger() {
    let bench = Bench::of(Builder::new(1).latency(Duration::from_millis(50)));
    let id = bench.launch(bench.run("a"));
    let took = bench.clock.since_epoch();
    assert!((Duration::from_millis(25)..=Duration::from_millis(75)).contains(&took), "{took:?}");
    let ledger = bench.cloud.ledger();
    let entry = ledger.entries().next().unwrap();
    let shown = (entry.operation, entry.resource.as_str(), entry.outcome.as_str());
    assert_eq!(shown, (Operation::RunInstances, id.as_str(), "ok"));
    assert_eq!((ledger.writes(), ledger.reads(), ledger.calls(Operation::RunInstances)), (1, 0, 1));
}

#[test]
fn another_region_does_not_answer() {
    let bench = Bench::new();
    let read = Request::Read(Read::LoadBalancer(LoadBalancerRead::Describe { names: vec![] }));
    let error = block_on(&bench.clock, bench.cloud.call("eu-north-1", read)).unwrap_err();
    assert_eq!(error.code, None);
}
