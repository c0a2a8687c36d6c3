#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use aws_api::ec2::{BlockDeviceRequest, InstanceWrite, MetadataRequest, RunInstances, UserData};
use aws_api::elbv2::{
    CreateListener, CreateLoadBalancer, CreateTargetGroup, ListenerWrite, LoadBalancerWrite, TargetGroupWrite,
    TargetHealthCheck,
};
use aws_api::id::{AmiId, EnvUid, LoadBalancerArn, SecurityGroupId, SubnetId, TargetGroupArn, VpcId, Zone};
use aws_api::{ErrorKind, Ref, Write};
use planner::outcome::Fault as AwsFault;
use planner::ownership;
use planner::record::Makes;
use planner::status::{Charge, MemberStatus};
use serde_json::{Value, json};

use super::*;
use crate::fake_table::{Fault, Replica, Table, document, intent, linted, making};
use crate::items::OPEN_INTENTS;
use crate::lease::Lease;
use crate::recorder::tests::event;

/// A launch whose user data is in that revision.
pub(crate) fn launch(id: &str, revision: u64) -> Intent {
    let token = IntentId::parse(id).unwrap();
    Intent {
        id: token.clone(),
        makes: Makes::Member { slot: 3, template: "cafe".into() },
        write: Write::Instance(InstanceWrite::Run(Box::new(RunInstances {
            token,
            image: AmiId::parse("ami-1").unwrap(),
            instance_type: "t3.medium".into(),
            subnet: SubnetId::parse("subnet-1").unwrap(),
            zone: Zone("us-east-2a".into()),
            groups: [Ref::Id(SecurityGroupId::parse("sg-1").unwrap()), Ref::Made(ActionId("create-group/x".into()))]
                .into(),
            key_name: Some("key".into()),
            instance_profile: None,
            user_data: Some(UserData::Revision(revision)),
            metadata_options: MetadataRequest {
                http_tokens: serde_json::from_value(json!("required")).unwrap(),
                hop_limit: 2,
            },
            block_devices: vec![
                BlockDeviceRequest {
                    device: "/dev/xvda".into(),
                    size_gib: Some(30),
                    volume_type: Some("gp3".into()),
                    encrypted: Some(true),
                    delete_on_termination: true,
                },
                BlockDeviceRequest {
                    device: "/dev/sdb".into(),
                    size_gib: None,
                    volume_type: None,
                    encrypted: None,
                    delete_on_termination: false,
                },
            ],
            associate_public_ip: Some(false),
            tags: [("Name".to_owned(), "a-3".to_owned()), ("empty".to_owned(), String::new())].into(),
            volume_tags: Default::default(),
        }))),
        created_at: "2026-11-24T09:00:00.123456789Z".parse().unwrap(),
        revision,
    }
}

struct World<'a> {
    table: &'a Table,
    replica: &'a Replica,
    writer: Writer<'a>,
    recorder: Recorder,
}

impl World<'_> {
    fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.replica.clock.run(future)
    }

    fn now(&self) -> Timestamp {
        self.replica.now()
    }

    fn read(&self) -> Stored {
        let mut reader = records::Reader::default();
        let read = reader.read(self.table, "a", self.now(), &self.replica.entropy);
        self.run(read).unwrap().unwrap()
    }

    fn open(&self, stored: &Stored, plan: Plan) -> Result<Journaled, WriteError> {
        self.run(open(&self.writer, stored, linted(&stored.record, plan), self.now()))
    }

    /// An environment that is known.
    fn known(&self) -> Stored {
        self.table.put("a", SPEC, document(2));
        let stored = self.read();
        let plan = Plan::nothing(stored.record.status.clone());
        self.open(&stored, plan).unwrap();
        self.table.take_sent();
        self.read()
    }

    /// A pass that is about to make a group, its intent stored.
    fn acting(&self, id: &str) -> Journaled {
        let stored = self.known();
        let intent = intent(id);
        let journaled = self.open(&stored, making(stored.record.status.clone(), &intent)).unwrap();
        self.run(store_intents(&self.writer, &journaled, &[intent])).unwrap();
        self.table.take_sent();
        journaled
    }

    fn close(&self, journaled: &Journaled, outcomes: &Outcomes, conclusion: &Conclusion) -> Result<(), WriteError> {
        let ending = Ending { outcomes, conclusion, recorder: &self.recorder, now: self.now() };
        self.run(close(&self.writer, journaled, &ending))
    }

    fn keys(&self, prefix: &str) -> Vec<String> {
        self.table.keys_of("a", prefix)
    }

    fn item(&self, sk: &str) -> Value {
        self.table.item("a", sk).unwrap_or_else(|| panic!("{sk}"))
    }
}

fn world(test: impl Fn(&World<'_>)) {
    let (table, replica) = (Table::default(), Replica::new("r"));
    let lease: Lease<'_> = replica.leading(&table);
    test(&World { table: &table, replica: &replica, writer: Writer::new(&lease), recorder: Recorder::default() });
}

fn nothing_new(journaled: &Journaled) -> Conclusion {
    Conclusion { status: journaled.status(), closed: vec![], events: vec![], requeue: None }
}

fn made() -> ResourceId {
    ResourceId::SecurityGroup(SecurityGroupId::parse("sg-1").unwrap())
}

/// The conclusion that the group was made.
fn concluded(journaled: &Journaled, id: &str) -> (Outcomes, Conclusion) {
    let outcomes = [(ActionId("create-group/instances".into()), Outcome::Done(Some(made())))].into();
    let mut status = journaled.status();
    status.security_groups.instances = Some(SecurityGroupId::parse("sg-1").unwrap());
    let closed = Closed { intent: IntentId::parse(id).unwrap(), made: Some(made()), message: "made".into() };
    let event = event(Reason::NotYetMade, "sg-1", "made a group");
    (outcomes, Conclusion { status, closed: vec![closed], events: vec![event], requeue: None })
}

#[test]
fn a_quiet_pass_writes_nothing() {
    world(|world| {
        let stored = world.known();
        let journaled = world.open(&stored, Plan::nothing(stored.record.status.clone())).unwrap();
        world.close(&journaled, &Outcomes::new(), &nothing_new(&journaled)).unwrap();
        assert_eq!(world.table.take_sent(), 0);
    });
}

#[test]
fn a_status_that_changed_is_written_without_a_journal_entry() {
    world(|world| {
        let stored = world.known();
        let mut status = stored.record.status.clone();
        status.desired = 2;
        let journaled = world.open(&stored, Plan::nothing(status)).unwrap();
        let mut conclusion = nothing_new(&journaled);
        conclusion.status.ready = 1;
        world.close(&journaled, &Outcomes::new(), &conclusion).unwrap();
        let status = world.item(STATUS);
        assert_eq!((&status["desired"], &status["ready"], &status["version"]), (&json!(2), &json!(1), &json!(3)));
        assert_eq!((world.keys("JOURNAL#").len(), world.table.take_sent()), (0, 2));
    });
}

#[test]
fn a_plan_is_journalled_with_its_status_in_one_transaction() {
    world(|world| {
        let stored = world.known();
        let mut status = stored.record.status.clone();
        status.desired = 7;
        world.open(&stored, making(status, &intent("in-1"))).unwrap();
        assert_eq!(world.table.take_sent(), 1);
        assert_eq!(world.item(STATUS)["desired"], 7);
        let [open] = &world.keys(OPEN_PASSES)[..] else { panic!() };
        let entry: Entry = serde_json::from_value(world.item(open)).unwrap();
        assert_eq!((entry.epoch, entry.generation, entry.holder.as_str(), &entry.end), (1, 1, "r", &None));
        let expected = Line {
            id: ActionId("create-group/instances".into()),
            kind: "create".into(),
            resource: "a-instance-sg".into(),
            reason: Reason::NotYetMade,
            message: "the instances need a group".into(),
        };
        assert_eq!(entry.actions, [expected]);
        assert_eq!(world.item(open).get("expiresAt"), None, "an open one is kept");
    });
}

#[test]
fn a_plan_for_a_record_that_changed_is_not_journalled() {
    world(|world| {
        let stored = world.known();
        world.table.put("a", STATUS, {
            let mut newer = world.item(STATUS);
            newer["version"] = json!(9);
            newer
        });
        let error = world.open(&stored, making(stored.record.status.clone(), &intent("in-1"))).unwrap_err();
        assert_eq!(error, WriteError::Changed { items: vec![Key::new("a", STATUS)] });
        assert_eq!((world.keys("JOURNAL#").len(), &world.item(STATUS)["version"]), (0, &json!(9)));
    });
}

#[test]
fn a_status_that_was_put_back_is_not_overwritten_though_its_version_is_the_same() {
    world(|world| {
        let stored = world.known();
        let mut restored = world.item(STATUS);
        restored["creationTimestamp"] = json!("2026-01-01T00:00:00.000Z");
        world.table.put("a", STATUS, restored.clone());
        world.open(&stored, making(stored.record.status.clone(), &intent("in-1"))).unwrap_err();
        assert_eq!(world.item(STATUS), restored);
        // Whoever wrote it wrote the instant in another form.
        let stored = world.read();
        world.open(&stored, making(stored.record.status.clone(), &intent("in-1"))).unwrap();
    });
}

#[test]
fn charged_terminations_stand_in_the_entry() {
    world(|world| {
        let mut status = world.known().record.status;
        let id = InstanceId::parse("i-1").unwrap();
        status.instances.push(member(&id));
        status.terminations.push(Charge { at: world.now(), instance_id: id.clone() });
        let owned = ownership::prove_member(&status, &id).unwrap();
        let mut plan = making(status, &intent("in-1"));
        for charged in [true, false] {
            let mut action = plan.actions[0].clone();
            action.does = Does::Terminate { member: owned.clone(), charged };
            plan.actions.push(action);
        }
        assert_eq!(entry(&world.writer, &plan, 1, world.now()).terminations, [id]);
    });
}

pub(crate) fn member(id: &InstanceId) -> MemberStatus {
    let member = json!({
        "slot": 1, "instanceId": id, "zone": "us-east-2a", "subnetId": "subnet-1", "amiId": "ami-1", "type": "t3.medium",
        "origin": "launched", "launchedAt": "2026-11-24T09:00:00Z", "template": "cafe",
    });
    serde_json::from_value(member).unwrap()
}

#[test]
fn what_was_settled_is_closed_when_the_next_plan_is_journalled() {
    world(|world| {
        world.acting("in-1");
        let stored = world.read();
        assert_eq!(stored.record.intents, [intent("in-1")]);
        let plan = Plan { settled: stored.record.intents.clone(), ..Plan::nothing(stored.record.status.clone()) };
        world.open(&stored, plan).unwrap();
        assert_eq!(world.keys(INTENTS), ["INTENT#closed#in-1"]);
        assert!(world.item("INTENT#closed#in-1")["expiresAt"].as_i64() > Some(world.now().as_second()));
    });
}

#[test]
fn intents_are_stored_all_or_none_and_with_their_epoch() {
    world(|world| {
        let journaled = world.acting("in-1");
        assert_eq!(world.item("INTENT#open#in-1")["epoch"], 1);
        // One of the two is there already: somebody used its id.
        let (one, other) = (intent("in-2"), launch("in-3", 1));
        let mut foreign = serde_json::to_value(&other).unwrap();
        foreign["epoch"] = json!(77);
        world.table.put("a", "INTENT#open#in-3", foreign);
        world.run(store_intents(&world.writer, &journaled, &[one.clone(), other])).unwrap_err();
        assert_eq!(world.keys(OPEN_INTENTS), ["INTENT#open#in-1", "INTENT#open#in-3"]);
        world.table.fail([Fault::ReplyLost]);
        world.run(store_intents(&world.writer, &journaled, &[one])).unwrap();
        assert_eq!(world.keys(OPEN_INTENTS).len(), 3);
    });
}

#[test]
fn an_intent_that_arrives_after_the_next_pass_began_finds_the_door_shut() {
    world(|world| {
        let stored = world.known();
        let journaled = world.open(&stored, making(stored.record.status.clone(), &intent("in-1"))).unwrap();
        world.table.fail([Fault::Late; 8]);
        let error = world.run(store_intents(&world.writer, &journaled, &[intent("in-1")])).unwrap_err();
        assert!(matches!(error, WriteError::Unsettled(_)), "{error}");
        let next = world.read();
        assert_eq!(next.record.intents, []);
        world.open(&next, making(next.record.status.clone(), &intent("in-2"))).unwrap();
        assert!(world.table.arrive().iter().all(|arrived| !arrived));
        assert_eq!(world.keys(OPEN_INTENTS), [""; 0]);
    });
}

#[test]
fn every_create_call_survives_being_stored_word_for_word() {
    let arn = |text: &str| format!("arn:aws:elasticloadbalancing:us-east-2:1:{text}");
    let health_check = TargetHealthCheck {
        protocol: "HTTP".into(),
        port: "traffic-port".into(),
        path: "/health".into(),
        interval_secs: 30,
        timeout_secs: 5,
        healthy_threshold: 5,
        unhealthy_threshold: 2,
        matcher: "200".into(),
    };
    let protocol = serde_json::from_value(json!("HTTP")).unwrap();
    let forward_to = Ref::Id(TargetGroupArn::parse(arn("targetgroup/t/1")).unwrap());
    let balancer = LoadBalancerArn::parse(arn("loadbalancer/app/b/1")).unwrap();
    let others = [
        (
            Makes::LoadBalancer,
            Write::LoadBalancer(LoadBalancerWrite::Create(CreateLoadBalancer {
                name: "a-alb".into(),
                scheme: serde_json::from_value(json!("internet-facing")).unwrap(),
                subnets: BTreeSet::from(["subnet-1", "subnet-2"].map(|id| SubnetId::parse(id).unwrap())),
                groups: [Ref::Id(SecurityGroupId::parse("sg-1").unwrap())].into(),
                tags: Default::default(),
            })),
        ),
        (
            Makes::TargetGroup { name: "a-web-1".into(), service: "web".into(), port: 8080 },
            Write::TargetGroup(TargetGroupWrite::Create(CreateTargetGroup {
                name: "a-web-1".into(),
                protocol,
                port: u16::MAX,
                vpc: VpcId::parse("vpc-1").unwrap(),
                health_check,
                tags: Default::default(),
            })),
        ),
        (
            Makes::Listener { port: 80 },
            Write::Listener(ListenerWrite::Create(CreateListener {
                load_balancer: Ref::Id(balancer),
                protocol,
                port: 80,
                forward_to,
                tags: [("understudy:intent".to_owned(), "in-5".to_owned())].into(),
            })),
        ),
    ];
    let others = others.into_iter().enumerate().map(|(at, (makes, write))| Intent {
        id: IntentId::parse(format!("in-{}", at + 3)).unwrap(),
        makes,
        write,
        ..launch("in-x", u64::MAX)
    });
    let mut bare = launch("in-2", 7);
    if let Write::Instance(InstanceWrite::Run(run)) = &mut bare.write {
        (run.user_data, run.key_name, run.associate_public_ip) = (None, None, None);
        run.block_devices.clear();
    }
    let intents: Vec<Intent> = [launch("in-1", 7), bare].into_iter().chain(others).chain([intent("in-6")]).collect();
    world(|world| {
        let stored = world.known();
        let journaled = world.open(&stored, making(stored.record.status.clone(), &intent("in-0"))).unwrap();
        world.run(store_intents(&world.writer, &journaled, &intents)).unwrap();
        assert_eq!(world.read().record.intents, intents);
    });
}

#[test]
fn a_pass_is_concluded_in_one_transaction() {
    world(|world| {
        let journaled = world.acting("in-1");
        let (outcomes, conclusion) = concluded(&journaled, "in-1");
        world.close(&journaled, &outcomes, &conclusion).unwrap();
        assert_eq!(world.table.take_sent(), 1);
        assert_eq!(world.item(STATUS)["securityGroups"]["instances"], "sg-1");
        assert_eq!(world.keys(INTENTS), ["INTENT#closed#in-1"]);
        let closed = world.item("INTENT#closed#in-1");
        assert_eq!((&closed["made"]["id"], &closed["id"]), (&json!("sg-1"), &json!("in-1")));
        let [done] = &world.keys("JOURNAL#")[..] else { panic!() };
        let done = world.item(done);
        assert_eq!(done["end"]["outcomes"]["create-group/instances"], "done: sg-1");
        assert!(done["expiresAt"].as_i64() > Some(world.now().as_second() + 6 * 24 * 3600));
        assert_eq!(world.keys("EVENT#").len(), 1);
        let next = world.read();
        assert_eq!((next.record.intents, next.record.status), (vec![], journaled.status()));
    });
}

#[test]
fn a_conclusion_for_a_record_that_changed_is_not_written() {
    world(|world| {
        let journaled = world.acting("in-1");
        let next = world.read();
        world.open(&next, making(next.record.status.clone(), &intent("in-2"))).unwrap();
        let (outcomes, conclusion) = concluded(&journaled, "in-1");
        let error = world.close(&journaled, &outcomes, &conclusion).unwrap_err();
        assert_eq!(error, WriteError::Changed { items: vec![Key::new("a", STATUS)] });
        assert_eq!((world.keys(OPEN_INTENTS).len(), world.keys("EVENT#").len()), (1, 0));
        // Nor one that changes no status: its intents are judged by what was seen since.
        let conclusion = Conclusion { status: journaled.status(), ..conclusion };
        world.close(&journaled, &outcomes, &conclusion).unwrap_err();
        assert_eq!(world.keys(OPEN_INTENTS).len(), 1);
    });
}

#[test]
fn a_conclusion_whose_reply_is_lost_is_recognised() {
    world(|world| {
        let journaled = world.acting("in-1");
        let (outcomes, conclusion) = concluded(&journaled, "in-1");
        world.table.fail([Fault::ReplyLost]);
        world.close(&journaled, &outcomes, &conclusion).unwrap();
        assert_eq!((world.table.take_sent(), world.keys("EVENT#").len()), (1, 1));
    });
}

#[test]
fn a_failure_is_told_with_its_code() {
    let fault = AwsFault {
        operation: "RunInstances".into(),
        iam_action: "ec2:RunInstances".into(),
        kind: ErrorKind::Capacity,
        code: Some("InsufficientInstanceCapacity".into()),
        message: "no room".into(),
        definite: true,
    };
    assert_eq!(words(&Outcome::Failed(fault)), "failed: RunInstances: InsufficientInstanceCapacity: no room");
    assert_eq!(words(&Outcome::NotTried("too late".into())), "not tried: too late");
    assert_eq!(words(&Outcome::Done(None)), "done");
}

#[test]
fn a_very_large_conclusion_follows_in_parts() {
    world(|world| {
        let stored = world.known();
        let intents: Vec<Intent> = (100..190).map(|at| launch(&format!("in-{at}"), 1)).collect();
        let journaled = world.open(&stored, making(stored.record.status.clone(), &intent("in-0"))).unwrap();
        world.run(store_intents(&world.writer, &journaled, &intents)).unwrap();
        world.table.take_sent();
        let closed = intents.iter().map(settled).collect();
        let mut status = journaled.status();
        status.desired = 90;
        let conclusion = Conclusion { status, closed, events: vec![], requeue: None };
        world.close(&journaled, &Outcomes::new(), &conclusion).unwrap();
        assert_eq!((world.keys(OPEN_INTENTS).len(), world.keys(CLOSED_INTENTS).len()), (0, 90));
        assert_eq!((world.item(STATUS)["desired"].as_u64(), world.keys(OPEN_PASSES).len()), (Some(90), 0));
        assert_eq!(world.table.take_sent(), 2);
    });
}

#[test]
fn entries_of_passes_that_were_cut_off_are_closed_as_interrupted() {
    world(|world| {
        world.acting("in-1");
        let [open] = &world.keys(OPEN_PASSES)[..] else { panic!() };
        let before = world.item(open);
        let count = || world.run(close_interrupted(&world.writer, "a", world.now())).unwrap();
        assert_eq!((count(), count()), (1, 0));
        let [done] = &world.keys("JOURNAL#")[..] else { panic!() };
        assert!(done.starts_with(DONE_PASSES));
        let done: Entry = serde_json::from_value(world.item(done)).unwrap();
        assert!(done.end.as_ref().is_some_and(|end| end.interrupted));
        assert_eq!(Entry { end: None, ..done }, serde_json::from_value(before).unwrap());
        assert_eq!(world.keys(OPEN_INTENTS).len(), 1, "its intent stays open: it may have been acted on");
        let [told] = &world.keys("EVENT#")[..] else { panic!() };
        let message = world.item(told)["message"].as_str().unwrap().to_owned();
        assert!(message.starts_with("create-group/instances: ") && message.contains("stopped before"), "{message}");
    });
}

/// Ends the teardown of an environment that has a wish to delete, revisions, an open entry and a closed intent.
fn finish(world: &World<'_>, meanwhile: impl Fn(&Table)) -> Result<(), WriteError> {
    world.acting("in-1");
    world.table.put("a", DELETION, json!({}));
    let stored = world.read();
    let plan = Plan { torn_down: true, ..Plan::nothing(stored.record.status.clone()) };
    let journaled = world.open(&stored, plan).unwrap();
    meanwhile(world.table);
    world.run(finish_teardown(&world.writer, &journaled, world.now()))
}

#[test]
fn a_teardown_ends_with_nothing_but_what_expires() {
    world(|world| {
        finish(world, |_| {}).unwrap();
        let left = world.table.keys("a");
        let expires = |sk: &String| sk.starts_with(DONE_PASSES) || sk.starts_with("EVENT#");
        assert!(!left.is_empty() && left.iter().all(expires), "{left:?}");
    });
}

#[test]
fn a_spec_that_was_edited_meanwhile_outlives_the_teardown_and_starts_a_new_life() {
    world(|world| {
        let before = world.known().record.status.uid;
        finish(world, |table| table.put("a", SPEC, document(5))).unwrap();
        assert_eq!((world.keys(STATUS).len(), world.keys(DELETION).len(), world.keys(REVISIONS).len()), (0, 0, 0));
        assert_eq!(world.item(SPEC)["spec"], document(5)["spec"]);
        let record = world.read().record;
        assert_eq!((record.generation, record.deleting, record.status.damaged), (1, false, false));
        assert_ne!(record.status.uid, before);
    });
}

#[test]
fn a_spec_that_was_only_written_in_other_words_goes_too() {
    world(|world| {
        let mut same = document(2);
        same["spec"]["redis"] = Value::Null;
        finish(world, |table| table.put("a", SPEC, same.clone())).unwrap();
        assert_eq!(world.keys(SPEC), [""; 0]);
    });
}

#[test]
fn a_spec_that_is_gone_by_then_does_not_hold_up_the_end() {
    world(|world| {
        finish(world, |table| table.remove("a", SPEC)).unwrap();
        assert_eq!(world.keys(STATUS), [""; 0]);
    });
}

#[test]
fn a_status_that_changed_meanwhile_stops_the_end_of_a_teardown() {
    world(|world| {
        let error = finish(world, |table| {
            let mut newer = table.item("a", STATUS).unwrap();
            newer["version"] = json!(99);
            table.put("a", STATUS, newer);
        });
        assert_eq!(error, Err(WriteError::Changed { items: vec![Key::new("a", STATUS)] }));
        assert_eq!((world.keys(SPEC).len(), world.keys(DELETION).len(), world.keys(REVISIONS).len()), (1, 1, 1));
    });
}

#[test]
fn a_status_that_changed_after_all_else_went_is_not_removed() {
    world(|world| {
        let error = finish(world, |table| {
            // As an earlier try left it, which came no further.
            let gone = [REVISIONS, INTENTS, OPEN_PASSES];
            table.items.borrow_mut().retain(|key, _| !gone.iter().any(|prefix| key.sk.starts_with(prefix)));
            let mut newer = table.item("a", STATUS).unwrap();
            newer["version"] = json!(99);
            table.put("a", STATUS, newer);
        });
        assert_eq!(error, Err(WriteError::Changed { items: vec![Key::new("a", STATUS)] }));
        assert_eq!((world.keys(SPEC).len(), world.keys(DELETION).len(), world.keys(STATUS).len()), (1, 1, 1));
    });
}

#[test]
fn a_teardown_with_much_to_remove_ends_all_the_same() {
    world(|world| {
        world.known();
        for at in 0..250 {
            world.table.put("a", &format!("INTENT#closed#in-{at}"), json!({}));
        }
        finish(world, |_| {}).unwrap();
        assert_eq!(world.keys(INTENTS), [""; 0]);
        assert_eq!(world.keys(STATUS), [""; 0]);
    });
}

#[test]
fn what_cannot_be_understood_is_neither_acted_on_nor_torn_down() {
    world(|world| {
        world.known();
        world.table.put("a", STATUS, json!({"uid": 7}));
        let mut stored = world.read();
        let journaled = world.open(&stored, Plan::nothing(stored.record.status.clone())).unwrap();
        let error = world.run(finish_teardown(&world.writer, &journaled, world.now())).unwrap_err();
        assert!(matches!(error, WriteError::Sealed(_)));
        let mut conclusion = nothing_new(&journaled);
        conclusion.status.ready = 5;
        conclusion.events = vec![event(Reason::RecordDamaged, "a", "STATUS cannot be read")];
        world.close(&journaled, &Outcomes::new(), &conclusion).unwrap();
        assert_eq!(world.item(STATUS)["uid"], 7);
        assert_eq!(world.keys("EVENT#").len(), 1, "but it is told");
        // The planner does nothing then; if it did, it would not be journalled.
        stored.record.status.damaged = false;
        stored.record.status.uid = EnvUid::parse("env-1").unwrap();
        let error = world.open(&stored, making(stored.record.status.clone(), &intent("in-1"))).unwrap_err();
        assert!(matches!(error, WriteError::Sealed(_)));
    });
}
