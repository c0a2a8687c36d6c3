//! What went wrong for users of other controllers, and for the team that built its staging environment by hand: one test each.
//!
//! Where another file has the very test, it is named here instead:
//! `crashing.rs` cuts every request (CAPA #5512 #1351), `healing.rs` heals a terminated instance within a resync
//! (karpenter-provider-aws #9226), `editing.rs` rolls two members above the floor.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use aws_api::ec2::{CreateSecurityGroup, InstanceState, SecurityGroupWrite};
use aws_api::elbv2::TargetHealth;
use aws_api::id::{AmiId, InstanceId};
use aws_api::{Operation, ResourceId, Tags, Write};
use e2e::edits::{Edit, OTHER_IMAGE, two_images};
use e2e::{NAME, RESYNC, Stage, record, record_with};
use planner::status::{ConditionType, Truth};
use ports::Key;
use serde_json::{Value, json};
use simulator::Builder;
use simulator::cloud::{Answer, App, Kind, ReadLag, Timings};
use simulator::store::StoreFault;

const HOUR: Duration = Duration::from_secs(3600);

/// Settled for longer than every grace.
fn running(seed: u64, record: &Value) -> Stage {
    let mut stage = Stage::standing(seed, record, two_images);
    stage.run_for(Duration::from_secs(600));
    stage
}

fn broken() -> App {
    App::answering(Answer::Status(503))
}

fn live(stage: &Stage) -> Vec<InstanceId> {
    stage.cloud.view().live_instances().into_iter().map(|instance| instance.id).collect()
}

fn ami(id: &str) -> AmiId {
    AmiId::parse(id).unwrap()
}

/// kubernetes-sigs/cluster-api-provider-aws #6131: the launched instance's id is lost with a conflicting write, the instance
/// is not to be seen yet, and a second one is launched.
#[test]
fn a_launch_whose_record_fails_and_that_is_not_to_be_seen_yet_is_not_made_twice() {
    let mut stage = Stage::new(101);
    stage.set_read_lag("a", ReadLag::Fixed(Duration::from_secs(60)));
    stage.apply(&record(2));
    stage.start("a");
    for launched in 1..=2 {
        let (cloud, limit) = (stage.cloud.clone(), Duration::from_secs(600));
        assert!(stage.run_watched(limit, || cloud.ledger().created(Kind::Instance).len() >= launched));
        stage.store.fail_next_write(StoreFault::Conflict);
        stage.store.fail_next_write(StoreFault::Failed);
    }
    stage.settle();
    assert_eq!(stage.totals()[&Kind::Instance], (2, 0), "{}", stage.report());
}

/// kubernetes-sigs/cluster-api-provider-aws #5794: the process dies right after RunInstances, and after every restart there is
/// one instance more.
#[test]
fn a_process_that_dies_after_every_launch_makes_each_instance_once() {
    let mut stage = Stage::new(102);
    stage.set_read_lag("a", ReadLag::Fixed(Duration::from_secs(20)));
    stage.apply(&record(2));
    stage.start("a");
    for _ in 0..6 {
        let asked = stage.cloud.ledger().calls(Operation::RunInstances);
        let cloud = stage.cloud.clone();
        // It is counted when it arrives, and the reply takes its time.
        stage.run_watched(Duration::from_secs(120), || cloud.ledger().calls(Operation::RunInstances) > asked);
        stage.kill("a");
        stage.start("a");
    }
    stage.settle();
    assert_eq!(stage.totals()[&Kind::Instance], (2, 0), "{}", stage.report());
    assert!(stage.cloud.ledger().calls(Operation::RunInstances) > 2, "no launch was ever cut short");
}

/// aws/karpenter-provider-aws #9479: an instance was stopped or terminated out of band and missed for 54 minutes.
#[test]
fn an_instance_that_is_stopped_or_lost_out_of_band_is_noticed_within_one_resync() {
    type Hand = fn(&Stage, &InstanceId);
    let hands: [(&str, Hand); 2] = [
        ("stopped", |stage, id| stage.cloud.console().stop(id).unwrap()),
        ("lost with its host", |stage, id| stage.cloud.console().lose(id).unwrap()),
    ];
    for (what, hand) in hands {
        let mut stage = running(103, &record(2));
        hand(&stage, &live(&stage)[0]);
        stage.run_for(RESYNC + Duration::from_secs(2));
        assert!(stage.is(ConditionType::Ready, Truth::False), "{what}\n{}", stage.report());
        assert_eq!(stage.totals()[&Kind::Instance].0, 3, "{what}: its successor is launched\n{}", stage.report());
    }
}

/// aws/karpenter-provider-aws #3979: a bad image never comes up, and one good instance after the other is taken for it.
#[test]
fn a_bad_image_is_rolled_out_to_one_and_takes_no_good_member_down() {
    for count in [1, 2, 4] {
        let mut stage = running(104, &record(count));
        let good = live(&stage);
        stage.cloud.console().set_image_app(&ami(OTHER_IMAGE), broken()).unwrap();
        stage.apply(&record_with(count, |record| record["spec"]["image"]["amiId"] = json!(OTHER_IMAGE)));
        for _ in 0..6 * 60 {
            stage.run_for(Duration::from_secs(60));
            let left = live(&stage);
            assert!(good.iter().all(|id| left.contains(id)), "a good one went\n{}", stage.report());
            assert!(left.len() <= good.len() + 1, "more than the surge\n{}", stage.report());
        }
        assert!(stage.is(ConditionType::Ready, Truth::False));
        stage.apply(&record(count));
        stage.settle();
        assert_eq!(live(&stage), good, "the good ones stay\n{}", stage.report());
    }
}

/// aws/karpenter-provider-aws #8741: both of two went before their successors served.
#[test]
fn a_group_of_one_serves_all_through_its_replacement() {
    let mut stage = running(105, &record(1));
    stage.apply(&record_with(1, |record| record["spec"]["image"]["amiId"] = json!(OTHER_IMAGE)));
    let serves = |stage: &Stage| assert!(stage.serving() >= 1, "{}", stage.report());
    stage.each_second("replaced", serves, |world| world.is_settled());
    assert_eq!(stage.totals()[&Kind::Instance], (2, 1));
}

/// kubernetes-sigs/aws-load-balancer-controller #2762: from what was not read, an empty model was built, and all was deleted.
#[test]
fn an_unread_empty_or_half_written_record_removes_nothing() {
    let mut stage = running(106, &record(2));
    let (world, totals) = (stage.canonical(), stage.totals());
    let whole = record(2);
    let halves: [(&str, Value); 5] = [
        (
            "without a spec",
            json!({"apiVersion": whole["apiVersion"], "kind": whole["kind"], "metadata": whole["metadata"]}),
        ),
        ("a spec that is null", record_with(2, |record| record["spec"] = Value::Null)),
        ("an empty spec", record_with(2, |record| record["spec"] = json!({}))),
        (
            "no services and no instances",
            record_with(2, |record| {
                record["spec"]["services"] = json!([]);
                record["spec"]["instances"] = json!({});
            }),
        ),
        ("nothing but its name", json!({"metadata": whole["metadata"]})),
    ];
    for (what, half) in halves {
        stage.apply(&half);
        stage.is_quiet_for(HOUR);
        assert!(stage.is(ConditionType::SpecValid, Truth::False), "{what}\n{}", stage.report());
        assert_eq!(stage.canonical(), world, "{what}");
    }
    stage.apply(&whole);
    stage.store.fail_often(900, StoreFault::Failed);
    stage.is_quiet_for(HOUR);
    stage.store.faults_off();
    stage.settle();
    stage.is_quiet_for(HOUR);
    assert_eq!((stage.canonical(), stage.totals()), (world, totals));
}

/// kubernetes-sigs/aws-load-balancer-controller #4544, and pain 2: a target stays `unused`, since the load balancer does not
/// cover its zone.
#[test]
fn a_member_whose_zone_the_load_balancer_lost_is_served_again_and_not_replaced() {
    let mut stage = running(107, &record(3));
    let view = stage.cloud.view();
    let (balancer, members) = (view.load_balancers()[0].arn.clone(), live(&stage));
    let kept: Vec<_> = view.subnets().into_iter().skip(1).map(|subnet| subnet.id).collect();
    stage.cloud.console().set_subnets(&balancer, &kept).unwrap();
    let view = stage.cloud.view();
    let unused = |target: &aws_api::elbv2::Target| target.health == TargetHealth::Unused;
    assert!(view.targets(&view.target_groups()[0].arn).iter().any(unused), "the loss is felt");
    stage.until("served again", |world| {
        world.is_settled() && world.cloud.view().healthy(&world.cloud.view().target_groups()[0].arn) == 3
    });
    assert_eq!(stage.serving(), 3, "{}", stage.report());
    assert_eq!(live(&stage), members);
}

/// aws-controllers-k8s/community #1543: a rename makes a second resource and leaves the first behind.
#[test]
fn a_rename_leaves_no_second_resource_behind() {
    let mut stage = running(108, &record(2));
    stage.apply(&record_with(2, |record| record["spec"]["services"][0]["targetGroupName"] = json!("renamed")));
    stage.settle();
    assert_eq!(stage.totals()[&Kind::TargetGroup], (2, 1), "made anew, the old one gone\n{}", stage.report());
    let fixed: [(&str, Edit); 3] = [
        ("spec.loadBalancer.name", |spec| spec["loadBalancer"]["name"] = json!("renamed")),
        ("spec.securityGroups.loadBalancer.name", |spec| {
            spec["securityGroups"] = json!({"loadBalancer": {"name": "renamed"}})
        }),
        ("spec.securityGroups.instances.name", |spec| {
            spec["securityGroups"] = json!({"instances": {"name": "renamed"}})
        }),
    ];
    let mut stage = running(109, &record(2));
    for (path, rename) in fixed {
        stage.apply(&record_with(2, |record| rename(&mut record["spec"])));
        stage.is_quiet_for(HOUR);
        assert!(stage.says(&format!("ImmutableField {path}")), "{path}\n{}", stage.report());
    }
}

/// code-dot-org/code-dot-org #25578: under load one instance after the other fails its checks, and each replacement makes
/// the load of the others heavier. Likewise when the Redis that all of them need is down. That all fail at once is
/// `when_all_are_sick_none_is_replaced_and_it_says_so` in `healing.rs`.
#[test]
fn members_that_fail_one_after_the_other_under_load_are_not_replaced() {
    let mut stage = running(110, &record(4));
    let members = live(&stage);
    for member in &members {
        stage.cloud.console().set_app(member, broken()).unwrap();
        stage.run_for(Duration::from_secs(25));
    }
    stage.run_for(3 * HOUR);
    assert_eq!(stage.totals()[&Kind::Instance].1, 0, "{}", stage.report());
    assert!(stage.is(ConditionType::HealingAllowed, Truth::False), "{}", stage.report());
    members.iter().for_each(|member| stage.cloud.console().set_app(member, App::default()).unwrap());
    stage.settle();
    assert_eq!(live(&stage), members, "they only needed less load");
}

/// kubernetes-sigs/cluster-api #12553: what never becomes healthy is replaced again and again, without a cap.
#[test]
fn what_never_becomes_healthy_is_replaced_no_oftener_than_the_cap_in_any_hour() {
    for cap in [0, 2] {
        let mut stage = running(
            111,
            &record_with(3, |record| {
                // Only the cap holds it.
                record["spec"]["healing"] = json!({"maxTerminationsPerHour": cap, "maxUnhealthy": "100%"});
            }),
        );
        stage.cloud.console().set_image_app(&ami(Builder::IMAGE), broken()).unwrap();
        stage.cloud.console().set_app(&live(&stage)[0], broken()).unwrap();
        stage.run_for(12 * HOUR);
        let ledger = stage.cloud.ledger();
        let ends = ledger.entries().filter(|entry| entry.operation == Operation::TerminateInstances);
        let ends: Vec<Duration> = ends.filter(|entry| entry.outcome == "ok").map(|entry| entry.at).collect();
        for end in &ends {
            let hour = ends.iter().filter(|at| **at >= *end && **at < *end + HOUR).count();
            assert!(hour <= cap, "{hour} in the hour from {end:?}, the cap is {cap}");
        }
        assert_eq!(ends.is_empty(), cap == 0, "{ends:?}");
    }
}

/// Pain 3: the second instance looked unhealthy, but it only needed time.
#[test]
fn an_instance_that_needs_most_of_its_grace_to_start_is_waited_for() {
    let slow = App { boot: Some(Duration::from_secs(240)), ..App::default() };
    let mut stage = Stage::with(112, |builder| builder.image(Builder::IMAGE, slow));
    stage.apply(&record(2));
    stage.start("a");
    let mut looked_unhealthy = false;
    let look = |stage: &Stage| {
        let view = stage.cloud.view();
        let targets = view.target_groups().into_iter().flat_map(|group| view.targets(&group.arn));
        looked_unhealthy |= targets.into_iter().any(|target| target.health == TargetHealth::Unhealthy);
    };
    stage.each_second("ready", look, |world| world.is_settled());
    assert!(looked_unhealthy, "it never looked unhealthy, so nothing was tried");
    assert_eq!(stage.totals()[&Kind::Instance], (2, 0), "{}", stage.report());
}

/// Pain 5: which security group belongs to whom was unclear.
#[test]
fn a_group_of_somebody_elses_under_our_name_is_named_and_left_alone() {
    let mut stage = Stage::new(113);
    let name = format!("{NAME}-alb-sg");
    let create = CreateSecurityGroup {
        name: name.clone(),
        description: "by hand".into(),
        vpc: stage.cloud.view().vpc(),
        tags: Tags::new(),
    };
    let made = stage.cloud.console().write(&Write::SecurityGroup(SecurityGroupWrite::Create(create))).unwrap();
    let Some(ResourceId::SecurityGroup(theirs)) = made else { panic!("no group") };
    let before = stage.cloud.view().group(&name);
    stage.apply(&record(2));
    stage.start("a");
    stage.run_for(Duration::from_secs(600));
    assert!(stage.says(&name) && stage.says("spec.securityGroups.loadBalancer.name"), "{}", stage.report());
    let named = json!({"loadBalancer": {"name": "ours"}});
    stage.apply(&record_with(2, |record| record["spec"]["securityGroups"] = named));
    stage.settle();
    let groups = stage.status().unwrap().security_groups;
    let ours = stage.cloud.view().group("ours").unwrap().id;
    assert_eq!(groups.load_balancer.as_ref(), Some(&ours), "the status says which is ours");
    assert_ne!(Some(&theirs), groups.load_balancer.as_ref());
    stage.delete();
    stage.until("gone", |world| world.is_gone());
    assert_eq!(stage.cloud.view().group(&name), before, "theirs is as it was");
}

/// kubernetes-sigs/aws-load-balancer-controller #3280: the resync came, but since the record had not changed it was dropped.
#[test]
fn a_resync_repairs_drift_though_the_record_has_not_changed_for_days() {
    let mut stage = running(114, &record(2));
    stage.run_for(3 * 24 * HOUR);
    let (world, balancer) = (stage.canonical(), stage.cloud.view().load_balancers()[0].arn.clone());
    stage.cloud.console().set_load_balancer_attribute(&balancer, "idle_timeout.timeout_seconds", "7").unwrap();
    assert_ne!(stage.canonical(), world);
    stage.run_for(RESYNC + Duration::from_secs(5));
    assert_eq!(stage.canonical(), world, "{}", stage.report());
}

/// kubernetes-sigs/aws-load-balancer-controller #1064 #1719: a target ends while the load balancer still sends to it.
#[test]
fn a_member_ends_only_after_its_target_has_drained_to_the_end() {
    let mut stage = running(115, &record(3));
    stage.apply(&record_with(1, |record| record["spec"]["image"]["amiId"] = json!(OTHER_IMAGE)));
    let mut drained = 0;
    let look = |stage: &Stage| {
        let view = stage.cloud.view();
        for target in view.target_groups().into_iter().flat_map(|group| view.targets(&group.arn)) {
            drained += usize::from(target.health == TargetHealth::Draining);
            let state = view.instance(&InstanceId::parse(&target.id).unwrap()).unwrap().state;
            let lives = matches!(state, InstanceState::Pending | InstanceState::Running);
            assert!(lives, "{} ended as {:?}\n{}", target.id, target.health, stage.report());
        }
    };
    stage.each_second("rolled", look, |world| world.is_settled());
    assert!(drained >= 30, "three members drain for 30 s: {drained}");
}

/// aws/karpenter-provider-aws #3802: one mistaken delete took most nodes within 30 seconds.
#[test]
fn a_record_that_is_removed_by_mistake_takes_nothing_with_it() {
    let mut stage = running(116, &record(2));
    let world = stage.canonical();
    stage.store.user().delete(&Key::new(NAME, "SPEC"));
    stage.is_quiet_for(24 * HOUR);
    assert!(stage.says("SpecMissing"), "{}", stage.report());
    stage.cloud.console().terminate(&live(&stage)[0]).unwrap();
    stage.run_for(HOUR);
    assert_eq!(stage.canonical(), world, "the last valid record is healed still\n{}", stage.report());
}

/// kubernetes-sigs/aws-load-balancer-controller #1879 #2220: the delete of a security group times out while interfaces of the
/// load balancer are still there, and the group or the whole delete is left behind.
#[test]
fn a_delete_outlasts_interfaces_that_linger_and_leaves_nothing() {
    let timings = Timings { balancer_release: Duration::from_secs(2400), ..Timings::default() };
    let mut stage = Stage::with(117, |builder| builder.timings(timings));
    stage.apply(&record(2));
    stage.start("a");
    stage.settle();
    stage.delete();
    stage.run_for(Duration::from_secs(1200));
    assert!(!stage.cloud.view().interfaces().is_empty(), "nothing lingers, so nothing was tried");
    assert!(!stage.status().unwrap().waiting_for.is_empty(), "{}", stage.report());
    stage.until("gone", |world| world.is_gone());
    assert_eq!(stage.canonical(), "");
}

/// osbuild/osbuild-composer #4418: the image was deregistered, and what failed could not be replaced any more.
#[test]
fn a_deregistered_image_is_said_and_keeps_who_serves_until_another_is_named() {
    let mut stage = running(118, &record(2));
    let members = live(&stage);
    stage.cloud.console().deregister_image(&ami(Builder::IMAGE)).unwrap();
    stage.cloud.console().set_app(&members[0], broken()).unwrap();
    stage.cloud.console().terminate(&members[1]).unwrap();
    // What is known of an image is asked again every few minutes; until then a launch from it is refused.
    stage.run_for(HOUR);
    let asked = stage.cloud.ledger().calls(Operation::RunInstances);
    stage.run_for(24 * HOUR);
    assert!(stage.is(ConditionType::ImageAvailable, Truth::False), "{}", stage.report());
    assert!(stage.says(Builder::IMAGE), "{}", stage.report());
    assert_eq!(live(&stage), &members[..1], "what cannot be replaced is kept, sick as it is");
    assert_eq!(stage.cloud.ledger().calls(Operation::RunInstances), asked, "nothing is launched from it any more");
    stage.apply(&record_with(2, |record| record["spec"]["image"]["amiId"] = json!(OTHER_IMAGE)));
    stage.settle();
}

/// kubernetes-sigs/karpenter #3198: as long as there is no capacity, it is asked for in a tight loop, and all else suffers.
#[test]
fn capacity_that_is_nowhere_is_asked_for_ever_more_rarely_and_taken_when_it_comes() {
    let mut stage = running(119, &record(2));
    let zones: Vec<_> = stage.cloud.view().subnets().into_iter().map(|subnet| subnet.zone).collect();
    let room = |room| zones.iter().for_each(|zone| stage.cloud.console().set_capacity(zone, "*", room));
    room(Some(0));
    stage.cloud.console().terminate(&live(&stage)[0]).unwrap();
    let asked = |stage: &Stage| stage.cloud.ledger().calls(Operation::RunInstances);
    let before = asked(&stage);
    stage.run_for(24 * HOUR);
    let tries = asked(&stage) - before;
    // Each zone once in three minutes, which is how long a refusal is remembered.
    assert!((3..=3 * 24 * 20 + 3).contains(&tries), "{tries} tries in a day\n{}", stage.report());
    assert!(stage.is(ConditionType::CapacityAvailable, Truth::False), "{}", stage.report());
    let zones: Vec<_> = stage.cloud.view().subnets().into_iter().map(|subnet| subnet.zone).collect();
    zones.iter().for_each(|zone| stage.cloud.console().set_capacity(zone, "*", None));
    stage.settle();
}

/// A schedule that nobody remembers stops whatever runs, again and again, and starts all of it in the end: eighteen
/// instances ran, and sixteen were terminated at once.
#[test]
fn what_is_stopped_again_and_again_is_bounded_and_goes_slowly_when_it_comes_back() {
    let mut stage = running(120, &record(2));
    let budget = 4;
    let mut terminated = Vec::new();
    let minute = |stage: &mut Stage, terminated: &mut Vec<usize>| {
        for _ in 0..12 {
            stage.run_for(Duration::from_secs(5));
            let exist = existing(stage);
            assert!(exist <= 2 + 1 + 2, "{exist} exist\n{}", stage.report());
        }
        terminated.push(stage.totals()[&Kind::Instance].1);
        let an_hour_ago = terminated[terminated.len().saturating_sub(59)..][0];
        assert!(stage.totals()[&Kind::Instance].1 <= an_hour_ago + budget, "{terminated:?}\n{}", stage.report());
    };
    for nth in 0..10 {
        live(&stage).iter().for_each(|id| stage.cloud.console().stop(id).unwrap());
        for _ in 0..3 {
            minute(&mut stage, &mut terminated);
        }
        assert!(nth > 0 || stage.serving() == 2, "the first time all is healed at once\n{}", stage.report());
    }
    assert!(stage.says("RepeatedStops") && stage.says("Client.UserInitiatedShutdown"), "{}", stage.report());
    for instance in stage.cloud.view().instances() {
        // What is terminated cannot be started.
        let _ = stage.cloud.console().start(&instance.id);
    }
    for _ in 0..180 {
        minute(&mut stage, &mut terminated);
    }
    assert_eq!(existing(&stage), 2, "{}", stage.report());
    assert!(stage.is_ready(), "{}", stage.report());
}

fn existing(stage: &Stage) -> usize {
    let over = |state| matches!(state, InstanceState::ShuttingDown | InstanceState::Terminated);
    stage.cloud.view().instances().iter().filter(|instance| !over(instance.state)).count()
}

/// An edit with a typo in its image: nothing that broke was replaced any more, and `HealingAllowed` stayed True.
#[test]
fn a_typo_in_an_edit_disarms_no_healing_and_the_next_edit_rolls_out() {
    let mut stage = running(121, &record(2));
    stage.apply(&record_with(2, |record| record["spec"]["image"]["amiId"] = json!("ami-0fffffffffffffff0")));
    stage.run_for(Duration::from_secs(60));
    assert!(stage.says("ImageMissing") && !stage.is_ready(), "{}", stage.report());
    for nth in 0..2 {
        let lost = live(&stage)[nth].clone();
        if nth == 0 { stage.cloud.console().terminate(&lost) } else { stage.cloud.console().stop(&lost) }.unwrap();
        stage.run_for(Duration::from_secs(900));
        assert_eq!((live(&stage).len(), stage.serving()), (2, 2), "{}", stage.report());
        assert!(!live(&stage).contains(&lost));
    }
    let images = |stage: &Stage| -> Vec<_> {
        stage.cloud.view().live_instances().iter().map(|instance| instance.image.to_string()).collect()
    };
    assert_eq!(images(&stage), [Builder::IMAGE, Builder::IMAGE]);
    assert!(stage.says("Held"), "{}", stage.report());
    stage.is_quiet_for(HOUR);
    stage.apply(&record_with(2, |record| record["spec"]["image"]["amiId"] = json!(OTHER_IMAGE)));
    stage.each_second(
        "rolled",
        |stage| assert!(stage.serving() >= 2, "{}", stage.report()),
        |world| world.is_settled(),
    );
    assert_eq!(images(&stage), [OTHER_IMAGE, OTHER_IMAGE]);
}
