//! Combinations that once went wrong: each was found by reading, and stands here so that it stays mended.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use aws_api::ec2::{Direction, Peer, Rule};
use aws_api::elbv2::LoadBalancerState;
use aws_api::id::AmiId;
use aws_api::{Operation, Ref};
use e2e::edits::OTHER_IMAGE;
use e2e::{NAME, Stage, record, record_with};
use planner::status::{ConditionType, Truth};
use ports::Key;
use serde_json::{Value, json};
use simulator::cloud::{Answer, App, Fault, Kind};
use simulator::{Builder, Cut};

const HOUR: Duration = Duration::from_secs(3600);

/// Running for longer than every grace, with a second image in the account.
fn running(seed: u64, record: &Value) -> Stage {
    running_apps(seed, record, App::default(), App::default())
}

fn running_apps(seed: u64, record: &Value, app: App, other: App) -> Stage {
    let mut stage =
        Stage::standing(seed, record, |builder| builder.image(Builder::IMAGE, app).image(OTHER_IMAGE, other));
    stage.run_for(Duration::from_secs(600));
    stage
}

fn broken() -> App {
    App::answering(Answer::Status(500))
}

#[test]
fn an_edit_of_the_region_is_refused_and_the_environment_is_kept_where_it_stands() {
    let mut stage = running(71, &record(2));
    stage.apply(&record_with(2, |record| record["spec"]["region"] = json!("us-west-2")));
    let victim = stage.cloud.view().live_instances()[0].id.clone();
    stage.cloud.console().terminate(&victim).unwrap();
    stage.run_for(HOUR);
    assert!(stage.says("spec.region"), "{}", stage.report());
    assert_eq!(stage.status().unwrap().ready, 2, "it is healed where it stands\n{}", stage.report());
    stage.delete();
    stage.until("gone", |world| world.is_gone());
    assert!(stage.cloud.view().live_instances().is_empty(), "{}", stage.report());
}

#[test]
fn naming_the_region_that_it_stands_in_is_no_move() {
    let mut stage = running(72, &record(2));
    stage.apply(&record_with(2, |record| record["spec"]["region"] = json!("us-east-2")));
    stage.settle();
}

#[test]
fn after_a_bad_image_a_good_one_rolls_out_though_healing_is_braked() {
    for count in [1, 2] {
        let mut stage = running(73, &record(count));
        stage.cloud.console().set_image_app(&AmiId::parse(Builder::IMAGE).unwrap(), broken()).unwrap();
        let victim = stage.cloud.view().live_instances()[0].id.clone();
        stage.cloud.console().set_app(&victim, broken()).unwrap();
        stage.run_for(HOUR);
        stage.apply(&record_with(count, |record| record["spec"]["image"]["amiId"] = json!(OTHER_IMAGE)));
        stage.settle();
    }
}

#[test]
fn a_budget_that_is_lowered_while_a_member_drains_holds_that_member_and_nothing_else() {
    let mut stage = running(76, &record(2));
    let victim = stage.cloud.view().live_instances()[0].id.clone();
    stage.cloud.console().set_app(&victim, broken()).unwrap();
    stage.until("leaving", |world| {
        world.status().is_some_and(|status| status.instances.iter().any(|member| member.leaving.is_some()))
    });
    stage.apply(&record_with(2, |record| record["spec"]["healing"] = json!({"maxTerminationsPerHour": 0})));
    stage.run_for(Duration::from_secs(300));
    assert!(!stage.says("a plan was refused"), "{}", stage.report());
    assert!(stage.cloud.view().live_instances().iter().any(|instance| instance.id == victim));
    stage.delete();
    stage.until("gone", |world| world.is_gone());
}

#[test]
fn a_launch_that_was_lost_holds_up_neither_delete_nor_rollout() {
    let mut stage = Stage::new(77);
    stage.cloud.fail_often(Operation::RunInstances, 1000, Fault::LostRequest);
    stage.apply(&record(2));
    stage.start("a");
    stage.run_for(Duration::from_secs(60));
    stage.delete();
    stage.run_for(Duration::from_secs(30));
    stage.cloud.faults_off();
    stage.until("gone", |world| world.is_gone());
    assert!(stage.cloud.view().live_instances().is_empty());

    let mut stage = running(78, &record(2));
    stage.cloud.fail_next(Operation::RunInstances, Fault::LostRequest);
    stage.apply(&record_with(2, |record| record["spec"]["image"]["amiId"] = json!(OTHER_IMAGE)));
    stage.run_for(Duration::from_secs(6));
    stage.apply(&record_with(2, |record| {
        record["spec"]["image"]["amiId"] = json!(OTHER_IMAGE);
        record["spec"]["instances"]["userData"] = json!("#cloud-config\na: b");
    }));
    stage.settle();
}

#[test]
fn a_load_balancer_whose_rename_was_refused_is_rebuilt_under_the_name_of_the_revision_in_force() {
    let mut stage = running(80, &record(2));
    stage.apply(&record_with(2, |record| record["spec"]["loadBalancer"]["name"] = json!("renamed")));
    stage.run_for(Duration::from_secs(60));
    let lost = stage.cloud.view().load_balancers()[0].arn.clone();
    stage.cloud.console().delete_load_balancer(&lost).unwrap();
    stage.until("another of the old name serves", |world| {
        let balancers = world.cloud.view().load_balancers();
        balancers.iter().any(|one| one.arn != lost && one.name == "shop-alb" && one.state == LoadBalancerState::Active)
    });
    assert!(stage.is(ConditionType::SpecValid, Truth::False), "{}", stage.report());
    stage.apply(&record(2));
    stage.settle();
}

/// As many as a group takes: what goes in needs the place of what goes out.
#[test]
fn one_of_sixty_ranges_is_replaced_and_then_all_by_one() {
    let ranges = |ranges: Vec<String>| {
        record_with(2, |record| {
            record["spec"]["access"]["loadBalancer"] = ranges.iter().map(|range| json!({"cidr": range})).collect();
        })
    };
    let sixty = |other: &str| (0..59).map(|nth| format!("10.0.{nth}.0/24")).chain([other.to_owned()]).collect();
    let mut stage = running(83, &ranges(sixty("10.1.0.0/24")));
    stage.apply(&ranges(sixty("10.2.0.0/24")));
    stage.settle();
    stage.apply(&ranges(vec!["10.3.0.0/24".into()]));
    stage.settle();
}

#[test]
fn a_rogue_rule_in_the_last_place_of_a_group_makes_way_for_ours() {
    let mut stage = running(84, &record(2));
    let balancer = stage.cloud.view().group("shop-alb-sg").unwrap().id;
    let group = stage.cloud.view().group("shop-instance-sg").unwrap().id;
    let rule = |port: i32, peer: Peer| Rule { protocol: "tcp".into(), from: Some(port), to: Some(port), peer };
    let console = stage.cloud.console();
    console.revoke(&group, Direction::Ingress, rule(8080, Peer::Group(Ref::Id(balancer)))).unwrap();
    for nth in 0..59 {
        let range = Peer::Cidr(format!("10.0.{nth}.0/24").parse().unwrap());
        console.authorize(&group, Direction::Ingress, rule(8080, range)).unwrap();
    }
    stage.until("ours, and nothing else", |world| {
        world.cloud.view().group("shop-instance-sg").is_some_and(|group| group.ingress.len() == 2)
    });
    stage.settle();
}

#[test]
fn a_record_with_a_thousand_faults_stops_no_healing() {
    let mut stage = running(81, &record(2));
    stage.apply(&record_with(2, |record| {
        for nth in 0..1000 {
            record["spec"][format!("unknown{nth}")] = json!("x".repeat(300));
        }
    }));
    stage.run_for(Duration::from_secs(60));
    let victim = stage.cloud.view().live_instances()[0].id.clone();
    stage.cloud.console().terminate(&victim).unwrap();
    stage.run_for(Duration::from_secs(300));
    assert_eq!(stage.totals()[&Kind::Instance].0, 3, "{}", stage.report());
    assert!(stage.says("and 950 more"), "{}", stage.report());
}

#[test]
fn a_delete_whose_record_is_half_removed_ends_though_its_spec_is_missing() {
    // The last pass of the teardown, from its first read to the record's removal, takes fewer requests than this.
    for cut in 1..=24 {
        let mut stage = Stage::new(82);
        stage.apply(&record(1));
        stage.start("a");
        stage.settle();
        stage.store.user().delete(&Key::new(NAME, "SPEC"));
        stage.run_for(Duration::from_secs(30));
        stage.delete();
        let ours = |name: &str| name.starts_with(NAME);
        stage.until("nothing left", |world| world.cloud.view().groups().iter().all(|group| !ours(&group.name)));
        stage.crash_points.arm(cut, Cut::AfterReply);
        assert!(stage.until_cut(), "request {cut} is never sent");
        stage.kill("a");
        stage.crash_points.disarm();
        stage.start("b");
        stage.until("gone", |world| world.is_gone());
    }
}

/// Each image listens on its own port only, so members cannot take turns one by one without serving fewer.
#[test]
fn images_that_serve_different_ports_are_held_with_the_way_out_and_go_on_with_enough_surge() {
    let on = |port: u16| App { ports: Some([port].into()), ..App::default() };
    let mut stage = running_apps(91, &record(2), on(8080), on(9090));
    let edit = |surge: u32| {
        record_with(2, |record| {
            record["spec"]["services"][0]["port"] = json!(9090);
            record["spec"]["image"]["amiId"] = json!(OTHER_IMAGE);
            record["spec"]["rollout"]["maxSurge"] = json!(surge);
        })
    };
    stage.apply(&edit(1));
    stage.run_for(HOUR);
    assert_eq!(stage.totals()[&Kind::Instance], (3, 0), "nobody is sick\n{}", stage.report());
    let waits = stage.status().unwrap().waiting_for;
    assert!(waits.iter().any(|wait| wait.what.contains("spec.rollout.maxSurge: 2")), "{}", stage.report());
    stage.apply(&edit(2));
    stage.settle();
}

#[test]
fn a_health_check_port_stays_open_while_its_group_is_replaced() {
    let checked = |port: u16, service: u16| {
        record_with(2, |record| {
            record["spec"]["services"][0]["port"] = json!(service);
            record["spec"]["services"][0]["healthCheck"]["port"] = json!(port);
        })
    };
    let slow = App { ports: Some([8080, 9000, 9090].into()), ..App::default() };
    let mut stage = running_apps(92, &checked(9000, 8080), slow.clone(), slow);
    // The new check port does not answer, so the new group never serves and the old one must go on.
    stage.apply(&checked(9001, 9090));
    let mut least = usize::MAX;
    for _ in 0..60 {
        stage.run_for(Duration::from_secs(10));
        least = least.min(stage.serving());
    }
    assert_eq!(least, 2, "{}", stage.report());
}
