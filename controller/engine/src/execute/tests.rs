//! Waves, what is stored before what is sent, and what one failure holds up.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

use std::collections::BTreeSet;
use std::fmt;

use aws_api::ec2::{CreateSecurityGroup, InstanceWrite, MetadataRequest, RunInstances, SecurityGroupWrite};
use aws_api::elbv2::{LoadBalancerWrite, TargetGroupWrite};
use aws_api::id::{
    AmiId, InstanceId, IntentId, LoadBalancerArn, SecurityGroupId, SubnetId, TargetGroupArn, VpcId, Zone,
};
use aws_api::{Operation, Ref};
use jiff::Timestamp;
use planner::reason::{Reason, Why};
use planner::record::{GroupRole, Makes};
use ports::Key;

use super::*;
use crate::observe::reference::Reference;
use crate::testing::{Counting, FakeCloud, LATENCY, NoTable, TestClock};

/// A desk that keeps what was stored, and when.
struct Kept<'a> {
    clock: &'a TestClock,
    lease_ends: Cell<Duration>,
    stored: RefCell<Vec<(Duration, Vec<Intent>)>>,
    refuses: RefCell<Option<WriteError>>,
    texts_read: Cell<u32>,
}

impl Desk for Kept<'_> {
    fn remaining(&self) -> Duration {
        self.lease_ends.get().saturating_sub(self.clock.elapsed())
    }

    fn store_intents<'a>(&'a self, intents: &'a [Intent]) -> LocalBoxFuture<'a, Result<(), WriteError>> {
        Box::pin(async {
            self.clock.sleep(LATENCY).await;
            self.stored.borrow_mut().push((self.clock.elapsed(), intents.to_vec()));
            self.refuses.borrow().clone().map_or(Ok(()), Err)
        })
    }

    fn user_data(&self, revision: u64) -> LocalBoxFuture<'_, Result<Option<UserData>, StoreError>> {
        self.texts_read.set(self.texts_read.get() + 1);
        Box::pin(async move { Ok((revision == 7).then(|| UserData::Text("#!/bin/true".into()))) })
    }
}

struct Scene<'a> {
    clock: &'a TestClock,
    cloud: FakeCloud,
    desk: Kept<'a>,
    changed: Cell<Duration>,
}

impl<'a> Scene<'a> {
    fn new(clock: &'a TestClock) -> Self {
        let desk = Kept {
            clock,
            lease_ends: Cell::new(Duration::from_secs(3600)),
            stored: RefCell::default(),
            refuses: RefCell::default(),
            texts_read: Cell::default(),
        };
        let scene = Self { clock, cloud: FakeCloud::new(clock), desk, changed: Cell::default() };
        *scene.cloud.on_write.borrow_mut() = Box::new(|write| {
            Ok(match write {
                Write::SecurityGroup(SecurityGroupWrite::Create(create)) => {
                    Reply::Made(ResourceId::SecurityGroup(group_id(&create.name)))
                }
                Write::Instance(InstanceWrite::Run(_)) => {
                    Reply::Made(ResourceId::Instance(InstanceId::parse("i-1").unwrap()))
                }
                _ => Reply::Done,
            })
        });
        scene
    }

    fn execute(&self, actions: &[Action]) -> Outcomes {
        let reference = Reference::default();
        let entropy = Counting::default();
        let ctx = Ctx {
            cloud: &self.cloud,
            store: &NoTable,
            clock: self.clock,
            real_clock: self.clock,
            entropy: &entropy,
            default_region: "us-east-2".into(),
            missing_after: Duration::ZERO,
            reference: &reference,
        };
        let execution = Execution {
            ctx: &ctx,
            region: "us-east-2",
            changed: &self.changed,
            desk: &self.desk,
            texts: RefCell::default(),
        };
        self.clock.run(execution.run(actions))
    }

    /// What was sent, each with the tenths of a second at which it was.
    fn sent(&self) -> Vec<(u128, Write)> {
        let calls = self.cloud.calls.borrow();
        let sent = calls.iter().map(|call| match &call.request {
            Request::Write(write) => (call.started.as_millis() / 100, write.clone()),
            Request::Read(read) => panic!("execution reads nothing, and asked {read:?}"),
        });
        sent.collect()
    }

    fn fails(&self, operation: Operation, code: &str) {
        self.cloud.fails.borrow_mut().insert(operation, CloudError::coded(operation, code, "no"));
    }
}

fn action(id: &str, does: Does, after: &[&str]) -> Action {
    Action {
        id: ActionId(id.into()),
        does,
        resource: id.into(),
        why: Why::new(Reason::NotYetMade, "as a test wants it"),
        after: after.iter().map(|one| ActionId((*one).into())).collect(),
        puts: Vec::new(),
    }
}

fn intent(id: &str, makes: Makes, write: Write) -> Box<Intent> {
    let id = IntentId::parse(format!("in-{id}")).unwrap();
    Box::new(Intent { id, makes, write, created_at: Timestamp::UNIX_EPOCH, revision: 7 })
}

fn group_id(name: &str) -> SecurityGroupId {
    SecurityGroupId::parse(format!("sg-{name}")).unwrap()
}

fn create_group(id: &str, after: &[&str]) -> Action {
    let vpc = VpcId::parse("vpc-1").unwrap();
    let create = CreateSecurityGroup { name: id.into(), description: String::new(), vpc, tags: Default::default() };
    action(
        id,
        Does::Create(intent(
            id,
            Makes::Group(GroupRole::Instances),
            Write::SecurityGroup(SecurityGroupWrite::Create(create)),
        )),
        after,
    )
}

fn run(groups: &[Ref<SecurityGroupId>]) -> Write {
    Write::Instance(InstanceWrite::Run(Box::new(RunInstances {
        token: IntentId::parse("in-1").unwrap(),
        image: AmiId::parse("ami-1").unwrap(),
        instance_type: "t3.medium".into(),
        subnet: SubnetId::parse("subnet-1").unwrap(),
        zone: Zone("us-east-2a".into()),
        groups: groups.iter().cloned().collect(),
        key_name: None,
        instance_profile: None,
        user_data: Some(UserData::Revision(7)),
        metadata_options: MetadataRequest { http_tokens: crds_schema::spec::HttpTokens::Required, hop_limit: 2 },
        block_devices: Vec::new(),
        associate_public_ip: None,
        tags: Default::default(),
        volume_tags: Default::default(),
    })))
}

fn launch(id: &str, of: &str) -> Action {
    let write = run(&[Ref::Made(ActionId(of.into()))]);
    let makes = Makes::Member { slot: 1, template: String::new() };
    action(id, Does::Create(intent(id, makes, write)), &[of])
}

fn change(id: &str, after: &[&str]) -> Action {
    let load_balancer = Ref::Id(LoadBalancerArn::parse(format!("arn:{id}")).unwrap());
    let write = Write::LoadBalancer(LoadBalancerWrite::SetAttributes { load_balancer, attributes: BTreeMap::new() });
    action(id, Does::Change(Box::new(write)), after)
}

fn deregister(id: &str, after: &[&str]) -> Action {
    let target_group = TargetGroupArn::parse("arn:tg").unwrap();
    action(
        id,
        Does::Change(Box::new(Write::TargetGroup(TargetGroupWrite::Deregister {
            target_group,
            targets: BTreeSet::new(),
        }))),
        after,
    )
}

fn outcome<'o>(outcomes: &'o Outcomes, id: &str) -> &'o Outcome {
    &outcomes[&ActionId(id.into())]
}

fn not_tried(outcomes: &Outcomes, id: &str) -> bool {
    match outcome(outcomes, id) {
        Outcome::NotTried(_) => true,
        Outcome::Done(_) | Outcome::Failed(_) => false,
    }
}

#[test]
fn what_depends_on_nothing_goes_out_at_once_and_the_rest_after_it() {
    let clock = TestClock::default();
    let scene = Scene::new(&clock);
    let outcomes = scene.execute(&[change("a", &[]), change("b", &[]), change("c", &["a", "b"])]);
    assert_eq!(outcomes.len(), 3);
    assert!(outcomes.values().all(|outcome| *outcome == Outcome::Done(None)));
    let times: Vec<u128> = scene.sent().into_iter().map(|(at, _)| at).collect();
    assert_eq!(times, [0, 0, 1]);
}

#[test]
fn an_intent_is_stored_whole_and_before_its_call() {
    let clock = TestClock::default();
    let scene = Scene::new(&clock);
    let outcomes = scene.execute(&[create_group("g", &[]), launch("l", "g")]);
    assert_eq!(outcome(&outcomes, "g"), &Outcome::Done(Some(ResourceId::SecurityGroup(group_id("g")))));
    assert_eq!(outcome(&outcomes, "l"), &Outcome::Done(Some(ResourceId::Instance(InstanceId::parse("i-1").unwrap()))));

    let stored = scene.desk.stored.borrow();
    let sent = scene.cloud.calls.borrow();
    assert_eq!((stored.len(), sent.len()), (2, 2));
    for ((stored_at, intents), call) in stored.iter().zip(sent.iter()) {
        assert_eq!(intents.len(), 1);
        assert!(*stored_at <= call.started, "the intent comes first");
    }
    // The group's id is in the stored request; the user data is not, but only in the one that is sent.
    assert_eq!(stored[1].1[0].write, run(&[Ref::Id(group_id("g"))]));
    let Request::Write(Write::Instance(InstanceWrite::Run(launched))) = &sent[1].request else { panic!("a launch") };
    assert_eq!(launched.user_data, Some(UserData::Text("#!/bin/true".into())));
    assert_eq!(launched.groups, BTreeSet::from([Ref::Id(group_id("g"))]));
}

#[test]
fn intents_of_one_wave_are_stored_together_and_user_data_is_read_once() {
    let clock = TestClock::default();
    let scene = Scene::new(&clock);
    let outcomes = scene.execute(&[create_group("g", &[]), launch("l1", "g"), launch("l2", "g")]);
    assert_eq!(outcomes.len(), 3);
    let stored: Vec<usize> = scene.desk.stored.borrow().iter().map(|(_, intents)| intents.len()).collect();
    assert_eq!(stored, [1, 2]);
    assert_eq!(scene.desk.texts_read.get(), 1);
}

#[test]
fn a_failed_action_holds_up_only_what_depends_on_it() {
    let clock = TestClock::default();
    let scene = Scene::new(&clock);
    scene.fails(Operation::CreateSecurityGroup, "UnauthorizedOperation");
    let outcomes = scene.execute(&[
        create_group("g", &[]),
        launch("l", "g"),
        change("after-l", &["l"]),
        change("a", &[]),
        change("b", &["a"]),
    ]);
    let Outcome::Failed(fault) = outcome(&outcomes, "g") else { panic!("it failed") };
    assert_eq!((fault.kind, fault.definite), (ErrorKind::Denied, true));
    assert_eq!(fault.iam_action, "ec2:CreateSecurityGroup");
    assert!(not_tried(&outcomes, "l") && not_tried(&outcomes, "after-l"));
    assert_eq!(outcome(&outcomes, "b"), &Outcome::Done(None));
    assert!(scene.sent().iter().all(|(_, write)| !matches!(write, Write::Instance(InstanceWrite::Run(_)))));
}

#[test]
fn a_call_without_an_answer_is_bounded_and_not_definite() {
    let clock = TestClock::default();
    let scene = Scene::new(&clock);
    scene.cloud.hangs.borrow_mut().insert(Operation::CreateSecurityGroup);
    let outcomes = scene.execute(&[create_group("g", &[]), change("a", &[])]);
    let Outcome::Failed(fault) = outcome(&outcomes, "g") else { panic!("it failed") };
    assert_eq!((fault.kind, fault.definite, fault.code.clone()), (ErrorKind::Transient, false, None));
    assert_eq!(outcome(&outcomes, "a"), &Outcome::Done(None));
    assert_eq!(clock.elapsed(), LATENCY + WRITE_MAX);
}

#[test]
fn without_their_intents_creates_are_not_sent_and_other_actions_are() {
    let clock = TestClock::default();
    let scene = Scene::new(&clock);
    let throttled = StoreError::Throttled { message: String::new() };
    *scene.desk.refuses.borrow_mut() = Some(WriteError::Unavailable(throttled));
    let outcomes = scene.execute(&[create_group("g", &[]), launch("l", "g"), change("a", &[])]);
    assert!(not_tried(&outcomes, "g") && not_tried(&outcomes, "l"));
    assert_eq!(outcome(&outcomes, "a"), &Outcome::Done(None));
    assert_eq!(scene.sent().len(), 1);
}

#[test]
fn a_lost_lease_or_a_changed_record_stops_everything() {
    for refusal in [WriteError::LeaseLost, WriteError::Changed { items: vec![Key::new("a", "STATUS")] }] {
        let clock = TestClock::default();
        let scene = Scene::new(&clock);
        *scene.desk.refuses.borrow_mut() = Some(refusal);
        let outcomes = scene.execute(&[create_group("g", &[]), change("a", &[]), change("b", &["a"])]);
        assert!(["g", "a", "b"].iter().all(|id| not_tried(&outcomes, id)));
        assert_eq!(scene.sent(), []);
    }
}

#[test]
fn nothing_is_sent_that_could_outlast_the_lease() {
    let clock = TestClock::default();
    let scene = Scene::new(&clock);
    // Enough for the first wave, and a moment too little for the second.
    scene.desk.lease_ends.set(LEASE_NEEDED + LATENCY / 2);
    let outcomes = scene.execute(&[change("a", &[]), change("b", &["a"]), change("c", &["b"])]);
    assert_eq!(outcome(&outcomes, "a"), &Outcome::Done(None));
    assert!(not_tried(&outcomes, "b") && not_tried(&outcomes, "c"));
    assert_eq!(scene.sent().len(), 1);
}

#[test]
fn a_lease_that_ran_short_while_intents_were_stored_is_noticed() {
    let clock = TestClock::default();
    let scene = Scene::new(&clock);
    scene.desk.lease_ends.set(LEASE_NEEDED + LATENCY / 2);
    let outcomes = scene.execute(&[create_group("g", &[])]);
    assert_eq!(scene.desk.stored.borrow().len(), 1);
    assert!(not_tried(&outcomes, "g"));
    assert_eq!(scene.sent(), []);
}

#[test]
fn a_failure_that_says_that_it_holds_already_is_a_success() {
    let clock = TestClock::default();
    let scene = Scene::new(&clock);
    scene.fails(Operation::DeregisterTargets, "TargetGroupNotFound");
    let outcomes = scene.execute(&[deregister("d", &[]), change("a", &["d"])]);
    assert_eq!(outcome(&outcomes, "d"), &Outcome::Done(None));
    assert_eq!(outcome(&outcomes, "a"), &Outcome::Done(None));
}

#[test]
fn a_replay_sends_the_stored_request_and_stores_nothing() {
    let clock = TestClock::default();
    let scene = Scene::new(&clock);
    let write = run(&[Ref::Id(group_id("g"))]);
    let makes = Makes::Member { slot: 1, template: String::new() };
    scene.execute(&[action("r", Does::Replay(intent("1", makes, write)), &[])]);
    assert_eq!(scene.desk.stored.borrow().len(), 0);
    let sent = scene.sent();
    let (_, Write::Instance(InstanceWrite::Run(launched))) = &sent[0] else { panic!("a launch") };
    assert_eq!(launched.user_data, Some(UserData::Text("#!/bin/true".into())));
    assert_eq!(
        (&launched.token, &launched.groups),
        (&IntentId::parse("in-1").unwrap(), &[Ref::Id(group_id("g"))].into())
    );
}

#[test]
fn user_data_that_is_gone_holds_the_launch_and_nothing_is_stored_for_it() {
    let clock = TestClock::default();
    let scene = Scene::new(&clock);
    let mut write = run(&[]);
    let Write::Instance(InstanceWrite::Run(launch)) = &mut write else { panic!("a launch") };
    launch.user_data = Some(UserData::Revision(6));
    let makes = Makes::Member { slot: 1, template: String::new() };
    let outcomes = scene.execute(&[action("l", Does::Create(intent("1", makes, write)), &[])]);
    assert!(not_tried(&outcomes, "l"));
    assert_eq!((scene.desk.stored.borrow().len(), scene.sent().len()), (0, 0));
}

#[test]
fn an_id_that_was_never_returned_is_our_fault_and_nothing_is_sent() {
    let clock = TestClock::default();
    let scene = Scene::new(&clock);
    let outcomes = scene.execute(&[change("g", &[]), launch("l", "g")]);
    let Outcome::Failed(fault) = outcome(&outcomes, "l") else { panic!("it failed") };
    assert_eq!((fault.kind, fault.definite), (ErrorKind::Bug, true));
    assert_eq!(scene.sent().len(), 1);
}

#[test]
fn an_action_after_one_that_the_plan_lacks_is_not_tried() {
    let clock = TestClock::default();
    let scene = Scene::new(&clock);
    let outcomes = scene.execute(&[change("a", &["nowhere"])]);
    assert!(not_tried(&outcomes, "a"));
}

#[test]
fn the_end_of_the_last_change_is_kept_even_when_the_call_is_cut_off() {
    let clock = TestClock::default();
    let scene = Scene::new(&clock);
    scene.execute(&[change("a", &[]), change("b", &["a"])]);
    assert_eq!(scene.changed.get(), LATENCY * 2);

    let changing = Changing { clock: &clock, ended: &scene.changed };
    clock.pass(LATENCY);
    drop(changing);
    assert_eq!(scene.changed.get(), LATENCY * 3);
}

#[test]
fn a_code_that_tells_nothing_of_the_effect_is_not_definite() {
    let is_definite = |code: &str| CloudError::coded(Operation::RunInstances, code, "no").is_definite();
    let ambiguous = [
        "InternalError",
        "InternalFailure",
        "ServiceUnavailable",
        "Unavailable",
        "RequestTimeout",
        "RequestLimitExceeded",
        "Throttling",
    ];
    assert_eq!(ambiguous.map(is_definite), [false; 7]);
    let definite = ["InsufficientInstanceCapacity", "UnauthorizedOperation", "InvalidAMIID.NotFound", "AnyOther.Code"];
    assert_eq!(definite.map(is_definite), [true; 4]);
}

#[test]
fn a_reply_that_makes_no_sense_is_not_definite() {
    let clock = TestClock::default();
    let scene = Scene::new(&clock);
    *scene.cloud.on_write.borrow_mut() = Box::new(|_| Ok(Reply::TargetHealth(Vec::new())));
    let outcomes = scene.execute(&[create_group("g", &[])]);
    let Outcome::Failed(fault) = outcome(&outcomes, "g") else { panic!("it failed") };
    assert_eq!((fault.kind, fault.definite), (ErrorKind::Bug, false), "it may have been made");
}

#[test]
fn nothing_is_stored_for_calls_that_the_lease_has_no_time_for() {
    let clock = TestClock::default();
    let scene = Scene::new(&clock);
    scene.desk.lease_ends.set(LEASE_NEEDED.saturating_sub(Duration::from_millis(1)));
    let outcomes = scene.execute(&[create_group("g", &[])]);
    assert!(not_tried(&outcomes, "g"));
    assert_eq!((scene.desk.stored.borrow().len(), scene.sent().len()), (0, 0), "no intent is left open for nothing");
}

#[test]
fn a_lease_that_lasts_just_long_enough_is_used() {
    let clock = TestClock::default();
    let scene = Scene::new(&clock);
    scene.desk.lease_ends.set(LEASE_NEEDED);
    assert_eq!(outcome(&scene.execute(&[change("a", &[])]), "a"), &Outcome::Done(None));
}

#[test]
fn what_is_not_tried_says_why() {
    let clock = TestClock::default();
    let scene = Scene::new(&clock);
    scene.fails(Operation::CreateSecurityGroup, "UnauthorizedOperation");
    let outcomes = scene.execute(&[create_group("g", &[]), launch("l", "g"), change("c", &["l"]), change("d", &["x"])]);
    let why = |id: &str| match outcome(&outcomes, id) {
        Outcome::NotTried(why) => why.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(why("l"), "g did not succeed");
    assert_eq!(why("c"), "l did not succeed");
    assert_eq!(why("d"), "what it depends on is not in the plan");
}

thread_local! {
    /// The lines of this test's log. Each test has a thread of its own.
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Keeps the lines of each thread's log: level, and each field with its value.
///
/// It is the subscriber of the whole process. One that is set for a thread alone would miss lines: whether anybody wants a
/// line is remembered for the process, at the first thread that comes by it.
/// <https://docs.rs/tracing-core/latest/tracing_core/callsite/index.html#registering-callsites>
struct Lines;

impl Lines {
    /// What `run` logs.
    fn of(run: impl FnOnce()) -> Vec<String> {
        static SET: std::sync::Once = std::sync::Once::new();
        SET.call_once(|| tracing::subscriber::set_global_default(Self).unwrap());
        LINES.take();
        run();
        LINES.take()
    }
}

impl tracing::Subscriber for Lines {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = event.metadata().level().to_string();
        event.record(&mut |field: &tracing::field::Field, value: &dyn fmt::Debug| {
            line.push_str(&format!(" {field}={value:?}"));
        });
        LINES.with_borrow_mut(|lines| lines.push(line));
    }
}

#[test]
fn each_action_leaves_one_line_in_the_log() {
    let logged = |code: Option<&str>, actions: &[Action]| {
        let clock = TestClock::default();
        let scene = Scene::new(&clock);
        if let Some(code) = code {
            scene.fails(Operation::CreateSecurityGroup, code);
        }
        Lines::of(|| drop(scene.execute(actions)))
    };
    let group = || create_group("g", &[]);
    let of = |id: &str| format!("action={id} resource={id} reason=NotYetMade");
    let done = [
        format!("INFO message=action done {} made=sg-g elapsed_ms=100", of("g")),
        format!("INFO message=action done {} elapsed_ms=100", of("a")),
    ];
    assert_eq!(logged(None, &[group(), change("a", &["g"])]), done);
    let denied = [
        format!(
            "ERROR message=action failed {} error_kind=denied code=\"UnauthorizedOperation\" error=no elapsed_ms=100",
            of("g")
        ),
        format!("WARN message=action not tried {} error=g did not succeed", of("a")),
    ];
    assert_eq!(logged(Some("UnauthorizedOperation"), &[group(), change("a", &["g"])]), denied);
    let throttled = "error_kind=throttled code=\"RequestLimitExceeded\" error=no elapsed_ms=100";
    let throttled = [format!("WARN message=action failed {} {throttled}", of("g"))];
    assert_eq!(logged(Some("RequestLimitExceeded"), &[group()]), throttled);
}

#[test]
fn what_waits_for_our_share_of_the_quota_is_no_warning() {
    let clock = TestClock::default();
    let scene = Scene::new(&clock);
    let unsent = CloudError::unsent(Operation::CreateSecurityGroup, Duration::from_millis(300));
    scene.cloud.fails.borrow_mut().insert(Operation::CreateSecurityGroup, unsent);
    let lines = Lines::of(|| drop(scene.execute(&[create_group("g", &[]), change("a", &["g"])])));
    let of = |id: &str| format!("INFO message=action put off action={id} resource={id} reason=NotYetMade");
    let why = "not sent: our share of the quota has room in 300 ms only";
    let expected = [format!("{} why={why}", of("g")), format!("{} why=g did not succeed", of("a"))];
    assert_eq!(lines, expected);
}
