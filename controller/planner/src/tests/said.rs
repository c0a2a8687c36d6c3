//! What the conditions say of an environment, and since when.

use aws_api::ec2::InstanceState;
use aws_api::elbv2::{LoadBalancerState, TargetHealth};

use super::world::*;
use crate::action::Plan;
use crate::observed::Part;
use crate::reason::Reason;
use crate::record::Stored;
use crate::status::{Condition, ConditionType, Leaving, Truth};

fn condition(plan: &Plan, kind: ConditionType) -> &Condition {
    plan.status.condition(kind).unwrap()
}

fn said(world: &mut World, kind: ConditionType) -> String {
    let plan = world.pass();
    let condition = condition(&plan, kind);
    format!("{} {} {}", condition.status, condition.reason, condition.message).trim_end().to_owned()
}

fn ready(world: &mut World) -> Reason {
    condition(&world.pass(), ConditionType::Ready).reason
}

fn leaves(world: &mut World, reason: Reason) {
    let since = world.now;
    world.status(1).leaving = Some(Leaving { reason, healing: false, since });
}

#[test]
fn a_condition_keeps_the_time_of_its_last_transition_and_no_others_do() {
    let mut world = World::healthy(2);
    let first = condition(&world.pass(), ConditionType::Ready).last_transition_time;
    assert!(first < world.now);
    world.targets()[0] = target("i-1", TargetHealth::Initial, None);
    let plan = world.pass();
    for Condition { kind, last_transition_time, .. } in &plan.status.conditions {
        let turns = matches!(kind, ConditionType::Ready | ConditionType::TargetsHealthy);
        assert_eq!(*last_transition_time, if turns { world.now } else { first }, "{kind}");
    }
    world.store(&plan);
    let turned = world.now;
    let mut world = world.after(60);
    assert_eq!(condition(&world.pass(), ConditionType::Ready).last_transition_time, turned, "False it stays");
}

#[test]
fn a_spec_that_is_gone_is_missed_unless_it_is_being_deleted() {
    let mut world = World::healthy(1);
    world.record.stored = Stored::Missing;
    let missing = "False SpecMissing SPEC is gone; revision 1 stays in force \
        (`understudy get shop --revision in-force -o yaml` shows it)";
    assert_eq!(said(&mut world, ConditionType::SpecValid), missing);
    let ready = said(&mut world, ConditionType::Ready);
    assert!(ready.starts_with("False SpecMissing ") && ready.contains("revision 1 stays in force"), "{ready}");
    world.record.deleting = true;
    assert_eq!(said(&mut world, ConditionType::SpecValid), "True Valid being deleted");
}

#[test]
fn fifty_faults_are_named_and_more_are_counted() {
    let faults = |number: usize| {
        let mut world = World::healthy(1);
        world.record.stored = Stored::Invalid((1..=number).map(|nth| format!("fault {nth}")).collect());
        said(&mut world, ConditionType::SpecValid).lines().last().unwrap().to_owned()
    };
    assert_eq!(faults(50), "fault 50");
    assert_eq!(faults(51), "and 1 more; `understudy apply` names them all");
}

#[test]
fn an_image_is_available_once_aws_says_so() {
    let image = |state: Option<&str>| {
        let mut world = World::healthy(1);
        match state {
            Some(state) => seen(&mut world.observed.image).as_mut().unwrap().state = state.into(),
            None => *seen(&mut world.observed.image) = None,
        }
        said(&mut world, ConditionType::ImageAvailable)
    };
    assert_eq!(image(Some("available")), "True ImageFound");
    assert_eq!(image(Some("pending")), "False ImagePending ami-0123456789abcdef0 is pending");
    let missing = "False ImageMissing ami-0123456789abcdef0 does not exist in this region, or may not be used";
    assert_eq!(image(None), missing);
}

#[test]
fn the_load_balancer_is_ready_once_it_is_active_and_has_its_listeners() {
    let balancer = |change: fn(&mut World)| {
        let mut world = World::healthy(1);
        change(&mut world);
        said(&mut world, ConditionType::LoadBalancerReady)
    };
    let state = |world: &mut World, state| seen(&mut world.observed.load_balancers)[0].state = state;
    assert_eq!(balancer(|_| {}), "True LoadBalancerActive");
    let mut world = World::healthy(1);
    for (is, says) in [
        (LoadBalancerState::ActiveImpaired, "True LoadBalancerActive"),
        (LoadBalancerState::Provisioning, "False LoadBalancerProvisioning shop-alb is provisioning"),
        (LoadBalancerState::Failed, "False LoadBalancerFailed AWS says that shop-alb failed"),
    ] {
        state(&mut world, is);
        assert_eq!(said(&mut world, ConditionType::LoadBalancerReady), says);
    }
    assert_eq!(
        balancer(|world| {
            world.spec().load_balancer.listeners[0].port = 8443;
        }),
        "False LoadBalancerCreating no listener on port 8443 yet"
    );
    assert_eq!(
        balancer(|world| seen(&mut world.observed.load_balancers).clear()),
        "False LoadBalancerCreating AWS does not show shop-alb"
    );
    assert_eq!(
        balancer(|world| world.observed.load_balancers = Part::Unread("timeout".into())),
        "Unknown Unread timeout"
    );
    assert_eq!(
        said(&mut World::empty(1), ConditionType::LoadBalancerReady),
        "False LoadBalancerCreating there is none yet"
    );
}

#[test]
fn members_on_their_way_out_are_no_drift_and_anything_else_that_is_done_is() {
    let mut world = World::healthy(3);
    world.spec().instances.count = 2;
    let plan = world.pass();
    assert_eq!(ids(&plan), ["take-out/i-3"].into());
    assert_eq!(condition(&plan, ConditionType::InSync).status, Truth::True);
    world.store(&plan);
    world.targets().retain(|target| target.id != "i-3");
    let plan = world.pass();
    assert_eq!(ids(&plan), ["terminate/i-3"].into());
    assert_eq!(condition(&plan, ConditionType::InSync).status, Truth::True);
    world.spec().instances.count = 4;
    assert!(said(&mut world, ConditionType::InSync).starts_with("False Drifted launch/4 (SlotEmpty)"));
}

#[test]
fn what_keeps_anything_from_being_planned_is_no_sync_either() {
    let mut world = World::healthy(1);
    seen(&mut world.observed.subnets).truncate(1);
    let too_few = "False Drifted the subnets lie in us-east-2a only, and an ALB needs two zones";
    assert_eq!(said(&mut world, ConditionType::InSync), too_few);
}

#[test]
fn what_was_ready_once_since_its_edit_is_degraded_and_before_that_it_converges() {
    let broken = |world: World| world.health(1, TargetHealth::Initial, "");
    let mut world = broken(World::healthy(2));
    assert_eq!(ready(&mut world), Reason::Degraded);
    let plan = world.pass();
    world.store(&plan);
    assert_eq!(ready(&mut world), Reason::Degraded, "and stays so");
    let mut world = broken(World::healthy(2)).edited(|spec| spec.healing.max_terminations_per_hour = 9);
    assert_eq!(ready(&mut world), Reason::Converging, "it was not since its edit");
    let plan = world.pass();
    world.store(&plan);
    assert_eq!(ready(&mut world), Reason::Converging, "and stays so");
    // A rollout, and a hold, end as what they are: of something that is under way again.
    for under_way in [Reason::RollingOut, Reason::Held] {
        let mut world = broken(World::healthy(2));
        let ready_was = world.record.status.conditions.iter_mut().find(|one| one.kind == ConditionType::Ready).unwrap();
        (ready_was.status, ready_was.reason) = (Truth::False, under_way);
        assert_eq!(ready(&mut world), Reason::Degraded, "after {under_way}");
    }
}

#[test]
fn it_rolls_out_while_members_or_a_target_group_are_being_replaced() {
    let broken = |world: World| world.health(2, TargetHealth::Initial, "");
    let mut world = broken(World::healthy(2)).state(1, InstanceState::ShuttingDown);
    leaves(&mut world, Reason::MemberOutdated);
    assert_eq!(ready(&mut world), Reason::RollingOut, "an old member is being terminated");
    leaves(&mut world, Reason::MemberSurplus);
    assert_eq!(ready(&mut world), Reason::Degraded, "a scale-down is no rollout");
    let mut world = broken(World::healthy(2)).edited(|spec| spec.instances.user_data = Some("#new".into()));
    seen(&mut world.observed.image).as_mut().unwrap().state = "pending".into();
    assert_eq!(ready(&mut world), Reason::RollingOut, "an old member is there, though nothing can be launched yet");
    let mut world = broken(super::found::with_a_next_group(World::healthy(2), &[]));
    assert_eq!(ready(&mut world), Reason::RollingOut, "there are two target groups");
    let mut world = World::healthy(2).edited(|spec| spec.services[0].port = 9090);
    assert_eq!(ready(&mut world), Reason::RollingOut, "a second one is being made");
}

#[test]
fn a_redis_that_is_named_is_said_not_to_be_probed() {
    let mut world = World::healthy(1);
    assert_eq!(world.pass().status.condition(ConditionType::RedisReachable), None);
    let endpoint = r#"{"endpoint": "redis.example:6379"}"#;
    world.spec().redis = Some(serde_json::from_str(endpoint).unwrap());
    let not_probed = "Unknown NotProbed redis.example:6379 is not probed";
    assert_eq!(said(&mut world, ConditionType::RedisReachable), not_probed);
    assert_eq!(ready(&mut world), Reason::AllHealthy, "and does not enter");
}

#[test]
fn a_damaged_record_says_what_aws_holds() {
    let damaged = |mut world: World| {
        world.record.status.damaged = true;
        said(&mut world, ConditionType::Ready)
    };
    let holds = |what: &str| {
        format!(
            "False RecordDamaged STATUS is gone, but the environment was made before; AWS holds {what}. Put STATUS back \
             from a backup of the table"
        )
    };
    assert_eq!(damaged(World::healthy(1)), holds(&format!("i-1, sg-alb, sg-inst, {ALB}")));
    assert_eq!(damaged(World::empty(1)), holds("nothing that can be seen"));
}

#[test]
fn each_condition_has_a_time_of_its_own() {
    let mut world = World::healthy(2);
    for (condition, minutes) in world.record.status.conditions.iter_mut().zip(1..) {
        condition.last_transition_time = world.now - jiff::SignedDuration::from_mins(minutes);
    }
    assert_eq!(world.pass().status.conditions, world.record.status.conditions);
}
