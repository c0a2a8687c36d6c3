//! What people see, at the width of an old terminal and of a wide one. Start at [`check`].

use aws_api::ec2::InstanceWrite;
use aws_api::id::InstanceId;
use aws_api::{ActionId, Write};
use engine::recorder::Told;
use planner::action::{Action, Does, LeftAlone, Plan};
use planner::reason::{Reason, Why};
use planner::status::{Status, Wait, WaitOn};
use serde_json::{Value, json};

use super::output::Printer;
use super::planned::Planned;
use super::view::{self, View};
use super::{describe, events, get};
use crate::config::Output;

const NOW: &str = "2026-11-27T05:16:59Z";
const BALANCER: &str =
    "arn:aws:elasticloadbalancing:us-east-2:123456789012:loadbalancer/app/chatmrpt-staging-alb/50dc6c495c0c9188";
const GROUP: &str =
    "arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/chatmrpt-staging-web-6bdbe364/73e2d6bc24d8a067";
const LISTENER: &str = "arn:aws:elasticloadbalancing:us-east-2:123456789012:listener/app/chatmrpt-staging-alb/50dc6c495c0c9188/0467ef3c8400ae65";

/// The lines at 80 and at 200 columns are what they were, and none is wider.
fn check(name: &str, lines: impl Fn(Printer) -> Vec<String>) {
    for width in [80, 200] {
        let lines = lines(Printer::plain(Some(width)));
        let over: Vec<&String> = lines.iter().filter(|line| line.chars().count() > width).collect();
        assert!(over.is_empty(), "{name} at {width}: {over:#?}");
        insta::assert_snapshot!(format!("{name}_{width}"), lines.join("\n"));
    }
}

fn condition(kind: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({
        "type": kind, "status": status, "reason": reason, "message": message,
        "lastTransitionTime": "2026-11-27T05:04:59Z", "observedGeneration": 4,
    })
}

fn member(slot: u32, id: &str, health: &str, reason: Option<&str>) -> Value {
    json!({
        "slot": slot, "instanceId": id, "zone": "us-east-2a", "subnetId": "subnet-0aaa",
        "amiId": "ami-0fa4480bc2fe38b14", "type": "t3.medium", "privateIp": "172.31.4.17", "state": "running",
        "health": health, "reason": reason, "origin": "launched", "launchedAt": "2026-11-27T02:11:59Z", "template": "t",
    })
}

/// An environment that holds, with all that can be long.
fn held() -> View {
    let sick = "2 of 2 members are sick (i-0ee979f2730a45df3, i-0b1b2b3b4b5b6b7b8), healing.maxUnhealthy allows 1: none is taken out until fewer are";
    let status = json!({
        "uid": "env-0123456789abcdef", "creationTimestamp": "2026-11-26T05:16:59Z", "generation": 4,
        "observedGeneration": 4, "revision": 4, "version": 9, "desired": 2, "updated": 2, "ready": 0,
        "image": {"amiId": "ami-0fa4480bc2fe38b14"},
        "network": {"vpcId": "vpc-0123456789abcdef0", "region": "us-east-2"},
        "loadBalancer": {
            "arn": BALANCER, "name": "chatmrpt-staging-alb", "zones": ["us-east-2a", "us-east-2b", "us-east-2c"],
            "dnsName": "chatmrpt-staging-alb-1234567890.us-east-2.elb.amazonaws.com",
        },
        "targetGroups": [{"service": "web", "arn": GROUP, "name": "chatmrpt-staging-web-6bdbe364", "port": 8080}],
        "listeners": [{"port": 80, "arn": LISTENER}],
        "securityGroups": {
            "loadBalancer": "sg-0bfc846100bfc1e42", "instances": "sg-0987bbcbfdd7e532f",
            "names": {"sg-0bfc846100bfc1e42": "chatmrpt-staging-alb-sg", "sg-0987bbcbfdd7e532f": "chatmrpt-staging-instance-sg"},
        },
        "instances": [
            member(1, "i-0ee979f2730a45df3", "unhealthy", Some("Target.FailedHealthChecks")),
            member(12, "i-0b1b2b3b4b5b6b7b8", "healthy", None),
        ],
        "conditions": [
            condition("Ready", "False", "Held", &format!("HealingAllowed is False (TooManySick): {sick}; find the common cause; healing goes on once fewer are sick; TargetsHealthy: 0 of 2 healthy")),
            condition("SpecValid", "True", "Valid", ""),
            condition("NetworkReady", "True", "NetworkFound", ""),
            condition("InSync", "False", "ActionFailed", &format!("ModifyTargetGroupAttributes: ValidationError: {GROUP} takes no such attribute")),
            condition("HealingAllowed", "False", "TooManySick", sick),
        ],
        "waitingFor": [
            {"what": sick, "until": null, "on": "person"},
            {"what": "sg-0987bbcbfdd7e532f/ingress tcp 8080 sg-0bfc846100bfc1e42 to be read once more", "until": "2026-11-27T05:20:00Z", "on": "time"},
        ],
    });
    view::tests::shown("chatmrpt-staging", status, NOW)
}

/// The same, before a controller has seen it.
fn unseen() -> View {
    let mut view = held();
    (view.status, view.status_item) = (None, None);
    view
}

fn status() -> Status {
    held().status.unwrap_or_else(|| panic!("it has one"))
}

fn happened() -> Vec<Told> {
    let told = |id: &str, kind: &str, reason: &str, resource: &str, message: &str| Told {
        id: id.to_owned(),
        time: "2026-11-27T05:06:59Z".parse().unwrap_or_default(),
        kind: kind.to_owned(),
        reason: reason.to_owned(),
        resource: resource.to_owned(),
        message: message.to_owned(),
        count: None,
    };
    vec![
        told(
            "1",
            "Warning",
            "RuleMissing",
            "sg-0987bbcbfdd7e532f",
            "authorize/instances/ingress: ingress of the instances group: tcp 8080 sg-0bfc846100bfc1e42",
        ),
        told(
            "2",
            "Warning",
            "MemberSick",
            "i-0ee979f2730a45df3",
            "take-out/i-0ee979f2730a45df3: slot 1: Target.FailedHealthChecks since 2026-11-27T05:04:59Z",
        ),
        told("3", "Normal", "NotYetMade", GROUP, "create/tg: made for web"),
        told("4", "Normal", "AllHealthy", "Ready", "Ready is True: 2 of 2 healthy"),
    ]
}

#[test]
fn describe_fits() {
    check("describe", |printer| describe::lines(printer, &held(), &happened(), false));
    insta::assert_snapshot!(
        "describe_wide",
        describe::lines(Printer::plain(None), &held(), &happened(), true).join("\n")
    );
}

#[test]
fn get_fits() {
    let mut other = unseen();
    other.name = "shop".to_owned();
    check("get", |printer| get::table(&[&held(), &other], Output::Table, true).lines(printer, ""));
    let wide = get::table(&[&held()], Output::Wide, true).lines(Printer::plain(None), "");
    insta::assert_snapshot!("get_wide", wide.join("\n"));
}

#[test]
fn a_watch_stays_aligned() {
    check("get_watch", |printer| {
        let mut told = get::Told::new(printer, Output::Table);
        let mut lines = told.lines(&[&held()]);
        lines.extend(told.lines(&[&unseen()]));
        lines.extend(told.lines(&[&held()]));
        lines
    });
}

#[test]
fn events_fit() {
    let view = held();
    let names = crate::layout::Names::of(view.status.as_ref());
    let told = happened();
    let told: Vec<&Told> = told.iter().collect();
    check("events", |printer| {
        let (columns, shape) = events::table(printer, &told[..2], Some(&names), None);
        let mut lines = columns.lines_as(&shape, printer, "");
        let (columns, shape) = events::table(printer, &told[2..], Some(&names), Some(&shape));
        lines.extend(columns.lines_as(&shape, printer, ""));
        lines
    });
}

fn action(id: &str, why: Why) -> Action {
    let instance = InstanceId::parse("i-0ee979f2730a45df3").unwrap_or_else(|error| panic!("{error}"));
    let does = Does::Change(Box::new(Write::Instance(InstanceWrite::Terminate { instance })));
    Action { id: ActionId(id.to_owned()), does, resource: id.to_owned(), why, after: Vec::new(), puts: Vec::new() }
}

fn left(resource: &str, reason: Reason, message: &str) -> LeftAlone {
    LeftAlone { resource: resource.to_owned(), reason, message: message.to_owned() }
}

/// What every environment leaves alone.
fn nothing() -> Plan {
    let unnamed =
        "attributes access_logs.s3.bucket, access_logs.s3.enabled, access_logs.s3.prefix, routing.http2.enabled";
    Plan { left_alone: vec![left(BALANCER, Reason::NotInSchema, unnamed)], ..Plan::nothing(status()) }
}

fn wait(what: &str) -> Wait {
    Wait { what: what.to_owned(), until: None, on: WaitOn::Aws }
}

#[test]
fn a_plan_fits() {
    let missing = "spec.image.amiId: ami-0123456789abcdef0 does not exist in this region or may not be used";
    let rogue =
        "ingress of the instances group: tcp 8080 0.0.0.0/0, tcp 22 sg-0bfc846100bfc1e42, tcp 443 203.0.113.0/24";
    let plan = Plan {
        actions: vec![
            action("revoke/instances/ingress", Why::new(Reason::RuleRogue, rogue)),
            action("set-load-balancer-attributes", Why::new(Reason::AttributeDrifted, "idle_timeout.timeout_seconds")),
        ],
        blocked: vec![Why::new(Reason::ImageMissing, missing)],
        waiting_for: vec![wait(&format!("{GROUP}/attributes stickiness.enabled to be read once more"))],
        ..nothing()
    };
    check("plan", |printer| Planned::new("chatmrpt-staging", &plan, None).lines(printer, false, false));
    let unbounded = Printer::plain(None);
    let wide = Planned::new("chatmrpt-staging", &plan, None).lines(unbounded, true, false);
    insta::assert_snapshot!("plan_wide", wide.join("\n"));
}

#[test]
fn a_plan_of_nothing_is_one_line() {
    let lines = |plan: &Plan| Planned::new("shop", plan, None).lines(Printer::plain(Some(80)), false, false);
    assert_eq!(lines(&nothing()), ["shop is as its record says."]);
    let waits = Plan { waiting_for: vec![wait("i-1 to finish what it has in flight")], ..nothing() };
    assert_eq!(lines(&waits), ["? i-1 to finish what it has in flight", "shop: nothing to do now."]);
    let paused = Plan { left_alone: vec![left("sg-1", Reason::Paused, "authorize would be done")], ..nothing() };
    let wanted = [". sg-1   Paused: authorize would be done", "shop is paused: 1 to do once spec.paused is false."];
    assert_eq!(lines(&paused), wanted);
}

#[test]
fn what_is_wanted_and_cannot_be_done_is_listed_with_what_would_let_it_go_on() {
    let missing = || Why::new(Reason::ImageMissing, "spec.image.amiId: ami-1 does not exist");
    let plan = Plan { blocked: vec![missing()], waiting_for: vec![wait(&missing().message)], ..nothing() };
    let planned = Planned::new("shop", &plan, None);
    assert!(planned.differs());
    let unbounded = Printer::plain(None);
    let wanted = [
        "! ImageAvailable   ImageMissing: spec.image.amiId: ami-1 does not exist; set `spec.image.amiId` to an image that exists in the region",
        "shop: 0 to add, 0 to change, 0 to destroy; 1 thing stands in the way.",
    ];
    assert_eq!(planned.lines(unbounded, false, false), wanted);
    let remedy = "Set `spec.image.amiId` to an image that exists in the region.";
    let blocked = json!([{ "reason": "ImageMissing", "message": missing().message, "remedy": remedy }]);
    assert_eq!(planned.document()["blocked"], blocked);
    assert!(!Planned::new("shop", &nothing(), None).differs(), "what is not in the schema is nothing");
    let paused = Plan { left_alone: vec![left("sg-1", Reason::Paused, "")], ..nothing() };
    assert!(Planned::new("shop", &paused, None).differs());
}

#[test]
fn what_aws_refused_the_controller_stands_in_the_way_of_a_plan_too() {
    let mut told = status();
    told.conditions = serde_json::from_value(json!([
        condition("CapacityAvailable", "False", "LaunchRejected", "RunInstances: InvalidKeyPair.NotFound: no such key"),
        condition("TargetsHealthy", "False", "TooFewHealthy", "0 of 2 healthy"),
        condition("InSync", "True", "ActionFailed", "as it was"),
    ]))
    .unwrap_or_else(|error| panic!("{error}"));
    let plan = nothing();
    let planned = Planned::new("shop", &plan, Some(&told));
    assert!(planned.differs());
    let blocked = planned.document()["blocked"].clone();
    assert_eq!((blocked.as_array().map(Vec::len), blocked[0]["reason"].as_str()), (Some(1), Some("LaunchRejected")));
}
