//! Whole passes over a small AWS and a table in memory; what the planner decides is tested where it decides.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

use std::cell::RefCell;
use std::rc::Rc;

use aws_api::ec2::{InstanceWrite, SecurityGroupWrite};
use aws_api::elbv2::{ListenerWrite, LoadBalancerWrite, TargetGroupWrite};
use aws_api::id::{InstanceId, ListenerArn, LoadBalancerArn, SecurityGroupId, TargetGroupArn};
use aws_api::{ActionId, CloudError, Operation, Reply, Request, ResourceId, Tags, Write};
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use planner::action::{Action, Does};
use planner::ownership::TAG_INTENT;
use planner::reason::Why;
use ports::Cloud;
use serde_json::json;

use super::*;
use crate::fake_table::{Fault, Replica, Table};
use crate::observe::reference::Reference;
use crate::testing::{FakeCloud, spec_item};

struct Scene {
    replica: Replica,
    table: Rc<Table>,
    cloud: FakeCloud,
    reference: Reference,
}

impl Scene {
    /// With a valid record named `a` that nothing was made for yet.
    fn new() -> Self {
        let replica = Replica::new("a");
        let cloud = FakeCloud::with_network(&replica.clock);
        let table = Rc::new(Table::default());
        table.put("a", "SPEC", spec_item("a", "us-east-2"));
        Self { replica, table, cloud, reference: Reference::default() }
    }

    fn ctx(&self) -> Ctx<'_> {
        Ctx {
            cloud: &self.cloud,
            store: &*self.table,
            clock: &self.replica.clock,
            real_clock: &self.replica.clock,
            entropy: &self.replica.entropy,
            default_region: "us-east-2".into(),
            missing_after: Duration::from_secs(300),
            reference: &self.reference,
        }
    }

    /// Passes of a leader, one after the other.
    fn passes(&self, number: usize) -> Vec<Pass> {
        let lease = self.replica.leading(&self.table);
        let (writer, recorder) = (Writer::new(&lease), Recorder::default());
        let desk = Desk { writer: &writer, recorder: &recorder };
        let mut kept = Remembered::default();
        (0..number).map(|_| self.pass_with(Some(&desk), &mut kept)).collect()
    }

    fn pass_with(&self, desk: Option<&Desk<'_>>, kept: &mut Remembered) -> Pass {
        let ctx = self.ctx();
        self.replica.clock.run(reconcile(&ctx, desk, "a", kept, Trigger::Start))
    }

    fn pass(&self) -> Pass {
        self.passes(1).remove(0)
    }

    fn writes_sent(&self) -> Vec<Operation> {
        self.cloud.take_operations().into_iter().filter(|operation| operation.is_write()).collect()
    }
}

/// What a create call answers, and the tags that it carries.
fn made(write: &Write) -> Option<(ResourceId, &Tags)> {
    match write {
        Write::SecurityGroup(SecurityGroupWrite::Create(create)) => Some((
            ResourceId::SecurityGroup(SecurityGroupId::parse(format!("sg-{}", create.name)).unwrap()),
            &create.tags,
        )),
        Write::LoadBalancer(LoadBalancerWrite::Create(create)) => {
            Some((ResourceId::LoadBalancer(LoadBalancerArn::parse("arn:lb").unwrap()), &create.tags))
        }
        Write::TargetGroup(TargetGroupWrite::Create(create)) => {
            Some((ResourceId::TargetGroup(TargetGroupArn::parse("arn:tg").unwrap()), &create.tags))
        }
        Write::Listener(ListenerWrite::Create(create)) => {
            Some((ResourceId::Listener(ListenerArn::parse("arn:listener").unwrap()), &create.tags))
        }
        Write::Instance(InstanceWrite::Run(run)) => {
            Some((ResourceId::Instance(InstanceId::parse(format!("i-{}", run.token)).unwrap()), &run.tags))
        }
        _ => None,
    }
}

#[test]
fn a_first_pass_makes_what_is_wanted_and_each_create_finds_its_intent_stored() {
    let scene = Scene::new();
    let (table, unannounced) = (Rc::clone(&scene.table), Rc::new(RefCell::new(Vec::new())));
    let found = Rc::clone(&unannounced);
    *scene.cloud.on_write.borrow_mut() = Box::new(move |write| {
        let Some((made, tags)) = made(write) else { return Ok(Reply::Done) };
        let open = table.keys_of("a", "INTENT#open#");
        if !tags.get(TAG_INTENT).is_some_and(|intent| open.iter().any(|key| key.ends_with(intent))) {
            found.borrow_mut().push(write.operation());
        }
        Ok(Reply::Made(made))
    });
    let pass = scene.pass();
    assert_eq!(pass.halt, None);
    assert!(pass.acted() && pass.requeue.is_some());
    assert_eq!(*unannounced.borrow(), []);
    let sent = scene.writes_sent();
    let creates = [Operation::CreateSecurityGroup, Operation::CreateLoadBalancer, Operation::RunInstances];
    assert!(creates.iter().all(|create| sent.contains(create)), "{sent:?}");
    assert_eq!(scene.table.keys_of("a", "INTENT#open#"), [""; 0], "what was made is recorded, so its intent is closed");
    assert_eq!(scene.table.keys_of("a", "JOURNAL#open#"), [""; 0]);
    assert_eq!(scene.table.item("a", "STATUS").unwrap()["loadBalancer"]["arn"], "arn:lb");
    assert!(!scene.table.keys_of("a", "EVENT#").is_empty());
}

#[test]
fn a_pass_that_could_not_be_concluded_is_taken_up_by_the_next_without_a_second_launch() {
    let scene = Scene::new();
    let (table, tokens) = (Rc::clone(&scene.table), Rc::new(RefCell::new(Vec::new())));
    let seen = Rc::clone(&tokens);
    *scene.cloud.on_write.borrow_mut() = Box::new(move |write| {
        match write {
            Write::Instance(InstanceWrite::Run(run)) => seen.borrow_mut().push(run.token.clone()),
            // The last create: what is written next is the conclusion, and it is refused the first time.
            Write::Listener(ListenerWrite::Create(_)) if seen.borrow().len() <= 2 => table.fail([Fault::Denied]),
            _ => {}
        }
        Ok(made(write).map_or(Reply::Done, |(made, _)| Reply::Made(made)))
    });
    let passes = scene.passes(2);
    assert!(matches!(passes[0].halt, Some(Halt::Unconcluded(_))), "{:?}", passes[0].halt);
    assert_eq!(passes[1].halt, None);
    let tokens = tokens.borrow();
    assert_eq!((&tokens[..2], tokens.len()), (&tokens[2..], 4), "the stored requests are sent again, and no others");
    assert_eq!(scene.table.keys_of("a", "JOURNAL#open#"), [""; 0]);
    assert_eq!(scene.table.keys_of("a", "JOURNAL#done#").len(), 2);
}

#[test]
fn a_replica_that_only_observes_plans_and_changes_nothing() {
    let scene = Scene::new();
    let mut kept = Remembered::default();
    let pass = scene.pass_with(None, &mut kept);
    assert!(!pass.plan.as_ref().unwrap().actions.is_empty());
    assert!(pass.is_complete() && !pass.acted());
    assert_eq!((scene.table.take_sent(), scene.writes_sent()), (0, vec![]));
}

#[test]
fn a_record_that_cannot_be_read_halts_the_pass_before_it_looks_at_aws() {
    let scene = Scene::new();
    let lease = scene.replica.leading(&scene.table);
    let (writer, recorder) = (Writer::new(&lease), Recorder::default());
    let desk = Desk { writer: &writer, recorder: &recorder };
    let mut kept = Remembered { unconcluded: false, ..Remembered::default() };
    scene.table.reads_fail.set(true);
    let pass = scene.pass_with(Some(&desk), &mut kept);
    assert!(matches!(pass.halt, Some(Halt::Unread(_))), "{:?}", pass.halt);
    assert_eq!(scene.cloud.take_operations(), []);
}

#[test]
fn where_there_is_no_record_there_is_nothing_to_do() {
    let scene = Scene::new();
    scene.table.remove("a", "SPEC");
    let pass = scene.pass();
    assert!(pass.is_gone && pass.is_complete());
    assert_eq!(scene.cloud.take_operations(), []);
}

#[test]
fn a_plan_that_is_not_journalled_is_not_executed() {
    let scene = Scene::new();
    let lease = scene.replica.leading(&scene.table);
    let (writer, recorder) = (Writer::new(&lease), Recorder::default());
    let desk = Desk { writer: &writer, recorder: &recorder };
    scene.table.fail([Fault::Denied]);
    let mut kept = Remembered::default();
    let pass = scene.pass_with(Some(&desk), &mut kept);
    assert!(matches!(pass.halt, Some(Halt::Unjournaled(_))), "{:?}", pass.halt);
    assert_eq!(scene.writes_sent(), []);
}

#[test]
fn a_pass_that_finds_nothing_new_writes_nothing() {
    let scene = Scene::new();
    let mut faulty = spec_item("a", "us-east-2");
    faulty["spec"]["instances"]["count"] = json!(-1);
    scene.table.put("a", "SPEC", faulty);
    let lease = scene.replica.leading(&scene.table);
    let (writer, recorder) = (Writer::new(&lease), Recorder::default());
    let desk = Desk { writer: &writer, recorder: &recorder };
    let mut kept = Remembered::default();
    for (nth, writes) in [(0, true), (1, false), (2, false)] {
        let pass = scene.pass_with(Some(&desk), &mut kept);
        assert!(pass.is_complete() && !pass.acted());
        assert_eq!(scene.table.take_sent() > 0, writes, "pass {nth}");
    }
}

#[test]
fn a_delete_of_what_was_never_made_removes_the_record() {
    let scene = Scene::new();
    scene.table.put("a", "DELETION", json!({}));
    let passes = scene.passes(2);
    assert!(passes.iter().any(|pass| pass.is_gone), "{passes:?}");
    assert!(["SPEC", "STATUS", "DELETION"].iter().all(|sk| scene.table.item("a", sk).is_none()));
    assert_eq!(scene.writes_sent(), []);
}

#[test]
fn a_refused_plan_becomes_one_that_holds_and_says_so() {
    let scene = Scene::new();
    let ctx = scene.ctx();
    let mut reader = Reader::default();
    let read = reader.read(ctx.store, "a", ctx.clock.now(), ctx.entropy);
    let record = scene.replica.clock.run(read).unwrap().unwrap().record;
    let observed = Observed::unread("not looked");
    let input = PlanInput {
        record: &record,
        observed: &observed,
        now: ctx.clock.now(),
        seed: 1,
        missing_after: Duration::ZERO,
        default_region: "us-east-2",
    };
    let twice = || Action {
        id: ActionId("twice".into()),
        does: Does::Change(Box::new(Write::Listener(ListenerWrite::Delete {
            listener: ListenerArn::parse("arn:l").unwrap(),
        }))),
        resource: "arn:l".into(),
        why: Why::new(Reason::ListenerRogue, "as a test wants it"),
        after: Vec::new(),
        puts: Vec::new(),
    };
    let plan = Plan { actions: vec![twice(), twice()], ..Plan::nothing(record.status.clone()) };
    let (linted, refused) = lint_or_hold(plan, &input, &planner::memory::Memory::default()).unwrap();
    assert!(matches!(&refused, Some(Halt::Refused(broken)) if broken.iter().any(|one| one.contains("twice"))));
    assert_eq!(linted.plan().actions, []);
    let ready = linted.plan().status.condition(ConditionType::Ready).unwrap();
    assert_eq!((ready.status, ready.reason), (Truth::False, Reason::Held));
    assert!(ready.message.contains("twice"));
    let event = refusal("a", &refused.unwrap());
    assert_eq!((event.reason, event.severity), (Reason::Held, Severity::Person));
}

/// An AWS of which our share has no room for any read.
struct Short<'a>(&'a FakeCloud);

const ROOM_IN: Duration = Duration::from_secs(2);

impl Cloud for Short<'_> {
    fn call<'a>(&'a self, region: &'a str, request: Request) -> LocalBoxFuture<'a, Result<Reply, CloudError>> {
        match request {
            Request::Read(read) => std::future::ready(Err(CloudError::unsent(read.operation(), ROOM_IN))).boxed_local(),
            write => self.0.call(region, write),
        }
    }

    fn short_by(&self) -> Option<Duration> {
        Some(ROOM_IN)
    }
}

#[test]
fn a_pass_that_would_see_by_half_for_want_of_quota_is_put_off_and_writes_nothing() {
    let scene = Scene::new();
    let lease = scene.replica.leading(&scene.table);
    let (writer, recorder) = (Writer::new(&lease), Recorder::default());
    let desk = Desk { writer: &writer, recorder: &recorder };
    let mut kept = Remembered::default();
    let short = Short(&scene.cloud);
    let ctx = Ctx { cloud: &short, ..scene.ctx() };
    let mut pass = || scene.replica.clock.run(reconcile(&ctx, Some(&desk), "a", &mut kept, Trigger::Resync));
    scene.table.take_sent();
    for _ in 0..PUT_OFF_MAX {
        let put_off = pass();
        assert_eq!((put_off.is_put_off, put_off.requeue, put_off.status), (true, Some(ROOM_IN), None));
        assert_eq!(scene.table.take_sent(), 0);
    }
    // What needs more than there ever is room for is looked at all the same, as far as it goes.
    let blind = pass();
    assert!(!blind.is_put_off && blind.status.is_some() && blind.outcomes.is_empty(), "{blind:?}");
}
