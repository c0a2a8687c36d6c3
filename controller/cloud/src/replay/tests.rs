//! Whatever is asked, the cloud that is made again from its log is the one that was left.
#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use http::Request;
use http_body_util::BodyExt as _;
use hyper::body::Bytes;
use proptest::prelude::*;
use serde_json::Value;
use simulator::cloud::{ReadLag, ReadLags};
use tempfile::TempDir;

use super::*;
use crate::dynamodb::Passage;
use crate::envelope::Query;
use crate::log::Disk;
use crate::operations::{NAMES, answer, is_read};
use crate::parameters::Node;
use crate::requests::{Shared, respond};

const REGIONS: [&str; 2] = ["us-east-2", "eu-west-1"];
const BEHAVIOUR: Behaviour =
    Behaviour { throttling: true, lag: ReadLags::of_both(ReadLag::UpTo(Duration::from_secs(1))) };

/// A cloud, and the ids that it has told of.
struct Rehearsal {
    shared: Shared,
    dir: TempDir,
    ids: Vec<String>,
    runtime: tokio::runtime::Runtime,
    /// Where what its load balancers serve would run.
    local: tokio::task::LocalSet,
}

fn shared(account: Account) -> Shared {
    Shared::new(account, Passage::to(([127, 0, 0, 1], 9).into()), None)
}

impl Rehearsal {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let account = kept(dir.path(), Some(7), 3600, BEHAVIOUR).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { shared: shared(account), dir, ids: Vec::new(), runtime, local: tokio::task::LocalSet::new() }
    }

    fn send(&mut self, method: &str, uri: &str, body: &str) -> Option<(u16, String)> {
        let form = "application/x-www-form-urlencoded";
        let request = Request::builder().method(method).uri(uri).header("content-type", form).body(()).unwrap();
        let (head, ()) = request.into_parts();
        let reply =
            self.local.block_on(&self.runtime, respond(&self.shared, &head, &Bytes::from(body.to_owned()))).ok()?;
        let status = reply.status().as_u16();
        let body = self.local.block_on(&self.runtime, reply.into_body().collect()).unwrap().to_bytes();
        Some((status, String::from_utf8(body.to_vec()).unwrap()))
    }

    /// Asks a service, and remembers the ids that it tells of.
    fn call(&mut self, service: &str, region: &str, pairs: &[(&str, &str)]) -> Option<(u16, String)> {
        let version = if service == "ec2" { "2016-11-15" } else { "2015-12-01" };
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.append_pair("Version", version).extend_pairs(pairs);
        let scope = format!("/?X-Amz-Credential=me%2F20261127%2F{region}%2F{service}%2Faws4_request");
        let answer = self.send("POST", &scope, &body.finish())?;
        for name in ["instanceId", "groupId", "imageId", "TargetGroupArn", "LoadBalancerArn", "ListenerArn"] {
            self.ids.extend(texts(&answer.1, name).filter(|id| !self.ids.contains(id)).collect::<BTreeSet<_>>());
        }
        Some(answer)
    }

    /// Lets it do what it does by itself.
    fn tick(&self) {
        self.local.block_on(&self.runtime, async { self.shared.tick() });
    }

    /// An id of that kind, if there is any.
    fn id(&self, holds: &str, which: usize) -> String {
        let fits: Vec<&String> = self.ids.iter().filter(|id| id.contains(holds)).collect();
        which.checked_rem(fits.len()).map_or_else(|| format!("{holds}0"), |place| fits[place].clone())
    }

    /// The log, as a process that is killed now would leave it, in a directory of its own.
    fn copy(&self) -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::copy(self.dir.path().join(LOG), dir.path().join(LOG)).unwrap();
        dir
    }

    /// Everything that can be seen of it, and of the one that its log makes, at this instant.
    fn both(&self) -> (String, String, Account) {
        let mut live = self.shared.account();
        live.time.hold();
        let seen = whole(&mut live, &self.ids);
        // Its time stands still by itself.
        let mut again = kept(self.copy().path(), None, 0, BEHAVIOUR).unwrap();
        again.time.clock().advance_to(live.time.clock().since_epoch());
        let seen_again = whole(&mut again, &self.ids);
        live.time.release();
        (seen, seen_again, again)
    }
}

/// The texts of the elements of that name.
fn texts<'a>(xml: &'a str, name: &str) -> impl Iterator<Item = String> + use<'a> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let parts: Vec<String> =
        xml.split(&open).skip(1).filter_map(|rest| Some(rest.split_once(&close)?.0.to_owned())).collect();
    parts.into_iter()
}

/// Ports are open only where requests are served.
fn without_addresses(state: &mut Value) {
    state["redis"] = Value::Null;
    let balancers = state["loadBalancers"].as_array_mut().into_iter().flatten();
    for listener in balancers.filter_map(|balancer| balancer["listeners"].as_array_mut()).flatten() {
        listener["address"] = Value::Null;
    }
}

/// Every Describe of both regions without and with an id, the faults with what is left of them, and the state.
fn whole(account: &mut Account, ids: &[String]) -> String {
    let mut seen = String::new();
    for name in REGIONS {
        let region = account.region_mut(name).unwrap();
        region.cloud.set_throttling(false);
        region.cloud.set_read_lag(ReadLag::None);
        seen += &format!("{:?}\n", region.faults);
        for (service, names) in NAMES {
            let query = if *service == "ec2" { Query::Ec2 } else { Query::Elbv2 };
            for action in names.iter().filter(|action| is_read(query, action)) {
                let ask = |pairs: Vec<(String, String)>| {
                    let call = Call { cloud: &region.cloud, query, action, dry_run: false, request_id: "" };
                    let answered = answer(&call, Node::tree(pairs).unwrap());
                    answered.map_or_else(|refusal| refusal.code.to_owned(), |body| String::from_utf8(body).unwrap())
                };
                seen += &format!("{action} {}\n", ask(Vec::new()));
                let of_one =
                    ["TargetGroupArn", "LoadBalancerArn", "ListenerArn", "ResourceArns.member.1", "InstanceId"];
                for (name, id) in of_one.iter().flat_map(|name| ids.iter().map(move |id| (*name, id))) {
                    let told = ask(vec![(name.to_owned(), id.clone())]);
                    if told.starts_with('<') {
                        seen += &format!("{action} {name}={id} {told}\n");
                    }
                }
            }
        }
        region.cloud.set_throttling(true);
        let (_, mut state) = control::answer(account, &Method::GET, "state", b"", name);
        without_addresses(&mut state);
        seen += &format!("{state} {}\n", account.time.is_paused());
    }
    seen
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Ec2(u8, usize),
    Elbv2(u8, usize),
    Read(usize),
    Fault(u8, usize),
    FaultGone(usize),
    Advance(u16),
    Pause(bool),
    Tick,
    Wait(u8),
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        12 => (0..11_u8, 0..9_usize).prop_map(|(what, which)| Step::Ec2(what, which)),
        8 => (0..9_u8, 0..9_usize).prop_map(|(what, which)| Step::Elbv2(what, which)),
        3 => (0..99_usize).prop_map(Step::Read),
        4 => (0..8_u8, 0..9_usize).prop_map(|(what, which)| Step::Fault(what, which)),
        1 => (1..9_usize).prop_map(Step::FaultGone),
        2 => (1..900_u16).prop_map(Step::Advance),
        1 => any::<bool>().prop_map(Step::Pause),
        2 => Just(Step::Tick),
        3 => (0..4_u8).prop_map(Step::Wait),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 1..60)
}

impl Rehearsal {
    fn take(&mut self, step: Step) {
        match step {
            Step::Ec2(what, which) => self.ec2(what, which),
            Step::Elbv2(what, which) => self.elbv2(what, which),
            Step::Read(which) => {
                let (service, names) = NAMES[which % NAMES.len()];
                let query = if service == "ec2" { Query::Ec2 } else { Query::Elbv2 };
                let reads: Vec<&str> = names.iter().copied().filter(|name| is_read(query, name)).collect();
                let wire = if service == "ec2" { "ec2" } else { "elasticloadbalancing" };
                self.call(wire, REGIONS[which % 2], &[("Action", reads[which % reads.len()])]);
            }
            Step::Fault(what, which) => {
                let fault = [
                    r#"{"kind":"throttle","count":3}"#.to_owned(),
                    r#"{"kind":"reply-lost","operation":"RunInstances","count":2}"#.to_owned(),
                    r#"{"kind":"request-lost"}"#.to_owned(),
                    r#"{"kind":"stale-read","for":"40s"}"#.to_owned(),
                    format!(r#"{{"kind":"app-flap","seed":{which},"for":"{}s"}}"#, which * 20),
                    format!(r#"{{"kind":"app-broken","seed":{which}}}"#),
                    format!(r#"{{"kind":"impair","seed":{which},"for":"90s"}}"#),
                    r#"{"kind":"capacity","zone":"us-east-2a","for":"60s"}"#.to_owned(),
                ];
                self.send("POST", "/_cloud/faults", &fault[usize::from(what)]);
            }
            Step::FaultGone(which) => {
                self.send("DELETE", &format!("/_cloud/faults/fault-{which}"), "");
            }
            Step::Advance(by) => {
                self.send("POST", "/_cloud/clock", &format!(r#"{{"advance":"{by}s"}}"#));
            }
            Step::Pause(paused) => {
                self.send("POST", "/_cloud/clock", &format!(r#"{{"pause":{paused}}}"#));
            }
            Step::Tick => self.tick(),
            Step::Wait(millis) => std::thread::sleep(Duration::from_millis(millis.into())),
            Step::Restart => {
                let copy = self.copy();
                let account = kept(copy.path(), None, 3600, BEHAVIOUR).unwrap();
                (self.shared, self.dir) = (shared(account), copy);
            }
        }
    }

    /// Makes what serves: a load balancer, and an instance behind it.
    fn serving(&mut self) {
        self.ec2(0, 0);
        // Until it runs, no target group takes it.
        self.take(Step::Advance(60));
        (0..4).for_each(|what| self.elbv2(what, 0));
    }

    fn ec2(&mut self, what: u8, which: usize) {
        let (instance, group, name) = (self.id("i-0", which), self.id("sg-", which), format!("n{which}"));
        let region = if which == 8 { REGIONS[1] } else { REGIONS[0] };
        let image = simulator::Builder::IMAGE;
        let calls: [&[(&str, &str)]; 11] = [
            &[
                ("Action", "RunInstances"),
                ("ImageId", image),
                ("InstanceType", "t3.small"),
                ("MinCount", "1"),
                ("MaxCount", "2"),
            ],
            &[
                ("Action", "RunInstances"),
                ("ImageId", image),
                ("InstanceType", "t3.small"),
                ("MinCount", "1"),
                ("MaxCount", "1"),
                ("ClientToken", &name),
            ],
            &[
                ("Action", "RunInstances"),
                ("ImageId", image),
                ("InstanceType", "t3.small"),
                ("MinCount", "1"),
                ("MaxCount", "1"),
                ("DryRun", "true"),
            ],
            &[("Action", "TerminateInstances"), ("InstanceId.1", &instance)],
            &[("Action", "StopInstances"), ("InstanceId.1", &instance)],
            &[("Action", "StartInstances"), ("InstanceId.1", &instance)],
            &[
                ("Action", "CreateTags"),
                ("ResourceId.1", &instance),
                ("Tag.1.Key", &name),
                ("Tag.1.Value", "\u{1F980} \"\n"),
            ],
            &[("Action", "CreateSecurityGroup"), ("GroupName", &name), ("GroupDescription", "x")],
            &[("Action", "DeleteSecurityGroup"), ("GroupId", &group)],
            &[
                ("Action", "AuthorizeSecurityGroupIngress"),
                ("GroupId", &group),
                ("IpPermissions.1.IpProtocol", "tcp"),
                ("IpPermissions.1.FromPort", "80"),
                ("IpPermissions.1.ToPort", "80"),
                ("IpPermissions.1.IpRanges.1.CidrIp", "10.0.0.0/8"),
            ],
            &[("Action", "CreateImage"), ("InstanceId", &instance), ("Name", &name)],
        ];
        self.call("ec2", region, calls[usize::from(what)]);
    }

    fn elbv2(&mut self, what: u8, which: usize) {
        let vpc = self.shared.account().region_mut(REGIONS[0]).unwrap().cloud.view().vpc().to_string();
        let subnets = self.shared.account().region_mut(REGIONS[0]).unwrap().cloud.view().subnets();
        let (one, two) = (subnets[0].id.to_string(), subnets[1].id.to_string());
        let (instance, name, port) = (self.id("i-0", which), format!("n{which}"), (80 + which).to_string());
        let (group, balancer) = (self.id(":targetgroup/", which), self.id(":loadbalancer/", which));
        let listener = self.id(":listener/", which);
        let calls: [&[(&str, &str)]; 9] = [
            &[("Action", "CreateTargetGroup"), ("Name", &name), ("Protocol", "HTTP"), ("Port", "80"), ("VpcId", &vpc)],
            &[
                ("Action", "CreateLoadBalancer"),
                ("Name", &name),
                ("Subnets.member.1", &one),
                ("Subnets.member.2", &two),
            ],
            &[
                ("Action", "CreateListener"),
                ("LoadBalancerArn", &balancer),
                ("Protocol", "HTTP"),
                ("Port", &port),
                ("DefaultActions.member.1.Type", "forward"),
                ("DefaultActions.member.1.TargetGroupArn", &group),
            ],
            &[("Action", "RegisterTargets"), ("TargetGroupArn", &group), ("Targets.member.1.Id", &instance)],
            &[("Action", "RegisterTargets"), ("TargetGroupArn", &group), ("Targets.member.1.Id", &instance)],
            &[("Action", "DeregisterTargets"), ("TargetGroupArn", &group), ("Targets.member.1.Id", &instance)],
            &[("Action", "AddTags"), ("ResourceArns.member.1", &group), ("Tags.member.1.Key", &name)],
            &[("Action", "DeleteListener"), ("ListenerArn", &listener)],
            &[("Action", "DeleteTargetGroup"), ("TargetGroupArn", &group)],
        ];
        self.call("elasticloadbalancing", REGIONS[0], calls[usize::from(what)]);
    }
}

/// Fails at the first place where they differ.
fn same(one: &str, other: &str) -> Result<(), TestCaseError> {
    for (one, other) in one.lines().zip(other.lines()) {
        prop_assert_eq!(one, other);
    }
    prop_assert_eq!(one.len(), other.len());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_was_asked_makes_the_same_cloud_again(steps in steps()) {
        let mut rehearsal = Rehearsal::new();
        // So that most sequences have something to work on.
        rehearsal.serving();
        for step in steps {
            rehearsal.take(step);
        }
        let (before, after, mut again) = rehearsal.both();
        same(&before, &after)?;
        // Its chance, too: what is made next has the same ids.
        let next = |account: &mut Account| {
            account.region_mut(REGIONS[0]).unwrap().cloud.set_throttling(false);
            let pairs = [("GroupName", "next"), ("GroupDescription", "x")].map(|(name, value)| (name.into(), value.into()));
            let cloud = &account.region_mut(REGIONS[0]).unwrap().cloud;
            let call = Call { cloud, query: Query::Ec2, action: "CreateSecurityGroup", dry_run: false, request_id: "" };
            answer(&call, Node::tree(pairs).unwrap())
        };
        let live = next(&mut rehearsal.shared.account());
        prop_assert_eq!(live, next(&mut again));
    }
}

#[test]
fn a_paused_time_stays_where_it_is_and_a_fault_meets_as_many_calls_as_are_left() {
    let mut rehearsal = Rehearsal::new();
    rehearsal.send("POST", "/_cloud/clock", r#"{"pause":true,"advance":"1d"}"#).unwrap();
    rehearsal.send("POST", "/_cloud/faults", r#"{"kind":"throttle","count":2}"#).unwrap();
    let (_, clock) = rehearsal.send("GET", "/_cloud/clock", "").unwrap();
    let vpcs = [("Action", "DescribeVpcs")];
    assert_eq!(rehearsal.call("ec2", REGIONS[0], &vpcs).unwrap().0, 503);
    rehearsal.take(Step::Restart);
    assert_eq!(rehearsal.send("GET", "/_cloud/clock", "").unwrap().1, clock);
    assert_eq!(rehearsal.call("ec2", REGIONS[0], &vpcs).unwrap().0, 503);
    rehearsal.take(Step::Restart);
    assert_eq!(rehearsal.call("ec2", REGIONS[0], &vpcs).unwrap().0, 200);
}

#[test]
fn a_fault_that_was_over_ended_when_it_did() {
    let mut rehearsal = Rehearsal::new();
    rehearsal.take(Step::Pause(true));
    rehearsal.serving();
    rehearsal.take(Step::Advance(900));
    let fault = format!(r#"{{"kind":"app-broken","resource":"{}","for":"60s"}}"#, rehearsal.id("i-0", 0));
    assert_eq!(rehearsal.send("POST", "/_cloud/faults", &fault).unwrap().0, 200);
    rehearsal.take(Step::Advance(180));
    rehearsal.take(Step::Tick);
    rehearsal.take(Step::Advance(600));
    let (before, after, _) = rehearsal.both();
    assert!(before.contains("<State>healthy</State>"), "it recovers only once the fault is over");
    same(&before, &after).unwrap();
}

#[test]
fn what_was_seen_to_come_with_time_is_not_undone_by_more_than_ten_seconds() {
    let mut rehearsal = Rehearsal::new();
    // Only this moves its clock.
    rehearsal.shared.account().time.hold();
    let since = |rehearsal: &Rehearsal| {
        let again = kept(rehearsal.copy().path(), None, 0, BEHAVIOUR).unwrap();
        again.time.clock().since_epoch()
    };
    let pass = |rehearsal: &Rehearsal, by: u64| {
        let clock = rehearsal.shared.account().time.clock().clone();
        clock.advance_to(clock.since_epoch() + Duration::from_secs(by * 3600));
        rehearsal.tick();
    };
    rehearsal.call("ec2", REGIONS[0], &[("Action", "DescribeInstances")]);
    pass(&rehearsal, 9);
    assert_eq!(since(&rehearsal), Duration::ZERO, "that were nine of ten seconds");
    pass(&rehearsal, 1);
    let told = since(&rehearsal);
    assert!(told >= Duration::from_secs(36_000), "{told:?}");
    pass(&rehearsal, 60);
    assert_eq!(since(&rehearsal), told, "nobody has asked meanwhile");
}

#[test]
fn reads_and_rehearsals_and_what_is_refused_are_not_kept() {
    let mut rehearsal = Rehearsal::new();
    let length = |rehearsal: &Rehearsal| std::fs::metadata(rehearsal.dir.path().join(LOG)).unwrap().len();
    let before = length(&rehearsal);
    rehearsal.ec2(2, 0);
    rehearsal.ec2(3, 0);
    rehearsal.call("ec2", REGIONS[0], &[("Action", "DescribeInstances")]);
    assert_eq!(length(&rehearsal), before);
    rehearsal.ec2(0, 0);
    assert!(length(&rehearsal) > before);
}

/// A disk that is full once it is told so.
struct Disks(Rc<RefCell<bool>>);

impl Disk for Disks {
    fn put(&mut self, _: &[u8]) -> std::io::Result<()> {
        if *self.0.borrow() { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

#[test]
fn what_cannot_be_kept_is_answered_500_and_not_done() {
    let mut rehearsal = Rehearsal::new();
    let full = Rc::new(RefCell::new(false));
    let log = Log::on(Box::new(Disks(Rc::clone(&full))), PathBuf::from("/data/cloud.log"));
    rehearsal.shared.account().go_on(BEHAVIOUR, Keeper::to(log));
    rehearsal.ec2(0, 0);
    rehearsal.send("POST", "/_cloud/faults", r#"{"kind":"throttle","operation":"DescribeVpcs"}"#).unwrap();
    rehearsal.shared.account().time.pause(true);
    let before = whole(&mut rehearsal.shared.account(), &[]);
    *full.borrow_mut() = true;
    let (status, told) = rehearsal
        .call("ec2", REGIONS[0], &[("Action", "CreateSecurityGroup"), ("GroupName", "a"), ("GroupDescription", "a")])
        .unwrap();
    assert!(status == 500 && told.contains("InternalFailure") && told.contains("/data/cloud.log"), "{told}");
    // Not even when there is room again: what is on the disk is not known.
    *full.borrow_mut() = false;
    let vpcs = rehearsal.call("ec2", REGIONS[0], &[("Action", "DescribeVpcs")]).unwrap();
    let clock = rehearsal.send("POST", "/_cloud/clock", r#"{"advance":"1h"}"#).unwrap();
    let fault = rehearsal.send("DELETE", "/_cloud/faults/fault-1", "").unwrap();
    assert_eq!((vpcs.0, clock.0, fault.0), (500, 500, 500), "{clock:?}");
    assert_eq!(whole(&mut rehearsal.shared.account(), &[]), before);
    assert_eq!(rehearsal.call("ec2", REGIONS[0], &[("Action", "DescribeSubnets")]).unwrap().0, 200);
}

/// Why a directory is refused whose log was changed so.
fn refused(change: impl FnOnce(&Path), seed: Option<u64>) -> String {
    let mut rehearsal = Rehearsal::new();
    rehearsal.ec2(7, 0);
    rehearsal.ec2(7, 1);
    let copy = rehearsal.copy();
    change(&copy.path().join(LOG));
    kept(copy.path(), seed, 1, BEHAVIOUR).err().unwrap().to_string()
}

/// Writes the log anew with its texts changed, or left out.
fn rewritten(path: &Path, change: impl Fn(&str) -> Option<String>) {
    let mut texts = Vec::new();
    drop(Log::open(path, |_, text| {
        texts.extend(change(text));
        Ok::<(), OpenError>(())
    }));
    std::fs::remove_file(path).unwrap();
    let mut log = Log::open(path, |_, _| Ok::<(), OpenError>(())).unwrap();
    texts.iter().for_each(|text| log.append(text).unwrap());
}

#[test]
fn what_is_not_as_this_version_left_it_is_refused_by_name() {
    let told = refused(|path| rewritten(path, |text| Some(text.replace("\"format\":1", "\"format\":2"))), None);
    assert!(told.contains("cloud.log") && told.contains("another format than 1"), "{told}");
    let told =
        refused(|path| rewritten(path, |text| Some(text.to_owned()).filter(|text| !text.contains("\"n0\""))), None);
    assert!(told.contains("CreateSecurityGroup") && told.contains("at byte"), "{told}");
    let told = refused(|_| (), Some(8));
    assert!(told.contains("--seed 7, not 8"), "{told}");
    let told = refused(
        |path| {
            let mut bytes = std::fs::read(path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            std::fs::write(path, bytes).unwrap();
        },
        None,
    );
    assert!(told.contains("is damaged at byte") && told.contains("truncate -s"), "{told}");
}
