//! What goes wrong in this cloud because somebody asked for it: calls that are lost, late or refused, and a world that breaks.
//!
//! A fault of calls meets the next `count` of those that it fits (one, unless it is to last `for` a while). A fault of the
//! world holds until it is taken back, or until its `for` is over, in the cloud's time. Never: happens by itself.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_api::id::{InstanceId, Zone};
use crds_schema::SpecDuration;
use serde::{Deserialize, Serialize};
use simulator::SimCloud;
use simulator::cloud::{Answer as Answers, App, Refusal};

use crate::control::Refused;
use crate::envelope::Query;
use crate::operations::{NAMES, is_read};

/// Faults at once.
const FAULTS_MAX: usize = 1_000;

/// Longest that one lasts: a year.
const LASTING_MAX: Duration = Duration::from_secs(365 * 24 * 3600);
/// Longest that an answer is delayed.
const DELAY_MAX: Duration = Duration::from_secs(300);
/// How late an answer is unless it is said.
const DELAY: Duration = Duration::from_secs(1);

/// What is to go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A call takes effect and is never answered.
    ReplyLost,
    /// A call never arrives.
    RequestLost,
    /// A call is answered `for` so long of real time later.
    Delay,
    /// A call is refused as if its bucket were empty.
    Throttle,
    /// A zone has no room for more instances of a type, or of any.
    Capacity,
    /// A read is answered from the world of 30 seconds ago.
    StaleRead,
    /// An instance's status checks fail.
    Impair,
    /// An instance's application answers with 500.
    AppBroken,
    /// An instance's application answers too late.
    AppSlow,
    /// An instance's application is well for a minute, then not for one, and so on.
    AppFlap,
    /// The Redis that instances share answers nobody.
    RedisDown,
}

/// A fault as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Wanted {
    /// What is to go wrong.
    pub kind: Kind,
    /// Of calls: only those of this operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Of calls: only those that name this. Of the world: the instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// Of `capacity`: the zone; all of them unless it is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Of `capacity`: the instance type; any unless it is given.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub instance_type: Option<String>,
    /// Of calls: how many meet it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// How long it lasts.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasting: Option<SpecDuration>,
    /// Of the world: which running instance is hit, where `resource` names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

/// A fault that is under way.
#[derive(Debug, Clone, Serialize)]
pub struct Underway {
    id: String,
    #[serde(flatten)]
    wanted: Wanted,
    #[serde(skip)]
    until: Option<Duration>,
    #[serde(skip)]
    left: Option<u32>,
    /// What is to be put back when it is over.
    #[serde(skip)]
    undo: Vec<Undo>,
}

#[derive(Debug, Clone)]
enum Undo {
    Capacity(Zone, String),
    Impairment(InstanceId),
    App(InstanceId, App),
    Redis,
}

/// What befalls a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Befalls {
    /// It takes effect and is never answered.
    ReplyLost,
    /// It never arrives.
    RequestLost,
    /// It is answered so much later.
    Delay(Duration),
    /// It is refused.
    Throttle,
    /// It is answered from an older world.
    StaleRead,
}

/// The faults that are under way in one region.
#[derive(Debug, Default)]
pub struct Faults {
    made: u64,
    underway: BTreeMap<u64, Underway>,
}

impl Kind {
    /// Whether it befalls calls, not the world.
    fn is_of_calls(self) -> bool {
        match self {
            Self::ReplyLost | Self::RequestLost | Self::Delay | Self::Throttle | Self::StaleRead => true,
            Self::Capacity | Self::Impair | Self::AppBroken | Self::AppSlow | Self::AppFlap | Self::RedisDown => false,
        }
    }

    /// Whether it befalls an instance.
    fn is_of_instances(self) -> bool {
        match self {
            Self::Impair | Self::AppBroken | Self::AppSlow | Self::AppFlap => true,
            Self::Capacity | Self::RedisDown => false,
            Self::ReplyLost | Self::RequestLost | Self::Delay | Self::Throttle | Self::StaleRead => false,
        }
    }

    fn app(self) -> Option<Answers> {
        let minute = Duration::from_secs(60);
        match self {
            Self::AppBroken => Some(Answers::Status(500)),
            Self::AppSlow => Some(Answers::Slow),
            Self::AppFlap => Some(Answers::Flapping { up: minute, down: minute }),
            Self::ReplyLost
            | Self::RequestLost
            | Self::Delay
            | Self::Throttle
            | Self::StaleRead
            | Self::Capacity
            | Self::RedisDown
            | Self::Impair => None,
        }
    }
}

impl Faults {
    /// Those under way, in the order of their making.
    pub fn all(&self) -> impl Iterator<Item = &Underway> {
        self.underway.values()
    }

    /// Lets something go wrong from now on. The fault's id.
    ///
    /// # Errors
    /// When it does not fit together, or there is nothing that it could befall.
    pub fn add(&mut self, mut wanted: Wanted, cloud: &SimCloud, now: Duration) -> Result<String, Refused> {
        check(&wanted)?;
        if self.underway.len() >= FAULTS_MAX {
            return Err(Refused::because(format!("there are {FAULTS_MAX} faults already; DELETE some")));
        }
        if let Some(victim) = victim(&wanted, cloud)? {
            wanted.resource = Some(victim.to_string());
        }
        let undo = befall(&wanted, cloud)?;
        self.made += 1;
        let id = format!("fault-{}", self.made);
        let is_delay = wanted.kind == Kind::Delay;
        let lasting = wanted.lasting.map(whole).filter(|_| !is_delay);
        let left =
            if wanted.kind.is_of_calls() && lasting.is_none() { Some(wanted.count.unwrap_or(1)) } else { wanted.count };
        let underway = Underway { id: id.clone(), wanted, until: lasting.map(|lasting| now + lasting), left, undo };
        self.underway.insert(self.made, underway);
        Ok(id)
    }

    /// Takes a fault back. Whether there was one of that id. What others did to the same stays: all are unwound, the last
    /// first, and those that are left befall the world again.
    pub fn remove(&mut self, id: &str, cloud: &SimCloud) -> bool {
        let number = id.strip_prefix("fault-").and_then(|number| number.parse().ok());
        let Some(number) = number.filter(|number: &u64| self.underway.contains_key(number)) else { return false };
        for fault in self.underway.values_mut().rev() {
            std::mem::take(&mut fault.undo).into_iter().for_each(|undo| undo.done(cloud));
        }
        self.underway.remove(&number);
        for fault in self.underway.values_mut() {
            // What it had befallen may be gone by now.
            fault.undo = befall(&fault.wanted, cloud).unwrap_or_default();
        }
        true
    }

    /// Whether the time of any is over.
    pub fn are_over(&self, now: Duration) -> bool {
        self.underway.values().any(|fault| fault.until.is_some_and(|until| until <= now))
    }

    /// Ends those whose time is over.
    pub fn expire(&mut self, cloud: &SimCloud, now: Duration) {
        let over = |fault: &Underway| fault.until.is_some_and(|until| until <= now);
        let ended: Vec<String> =
            self.underway.values().filter(|fault| over(fault)).map(|fault| fault.id.clone()).collect();
        for id in ended {
            self.remove(&id, cloud);
        }
    }

    /// What befalls a call, the oldest fault first. `names` says whether the call names a resource.
    pub fn next(&mut self, operation: &str, is_read: bool, names: impl Fn(&str) -> bool) -> Option<Befalls> {
        let (number, befalls) = self.find(operation, is_read, names)?;
        self.spend(number);
        Some(befalls)
    }

    /// As [`next`](Self::next), but the fault is not yet [spent](Self::spend): its number, and what it does.
    pub fn find(&self, operation: &str, is_read: bool, names: impl Fn(&str) -> bool) -> Option<(u64, Befalls)> {
        let fits = |fault: &Underway| {
            let wanted = &fault.wanted;
            wanted.kind.is_of_calls()
                && (wanted.kind != Kind::StaleRead || is_read)
                && wanted.operation.as_deref().is_none_or(|only| only == operation)
                && wanted.resource.as_deref().is_none_or(&names)
        };
        let (number, fault) = self.underway.iter().find(|(_, fault)| fits(fault))?;
        let befalls = match fault.wanted.kind {
            Kind::ReplyLost => Befalls::ReplyLost,
            Kind::RequestLost => Befalls::RequestLost,
            Kind::Delay => Befalls::Delay(fault.wanted.lasting.map_or(DELAY, whole)),
            Kind::Throttle => Befalls::Throttle,
            Kind::StaleRead => Befalls::StaleRead,
            Kind::Capacity | Kind::Impair | Kind::AppBroken | Kind::AppSlow | Kind::AppFlap | Kind::RedisDown => {
                return None;
            }
        };
        Some((*number, befalls))
    }

    /// Whether that fault is the less by one for every call that it meets.
    pub fn is_counted(&self, number: u64) -> bool {
        self.underway.get(&number).is_some_and(|fault| fault.left.is_some())
    }

    /// A call has met that fault.
    pub fn spend(&mut self, number: u64) {
        let Some(fault) = self.underway.get_mut(&number) else { return };
        fault.left = fault.left.map(|left| left.saturating_sub(1));
        if fault.left == Some(0) {
            self.underway.remove(&number);
        }
    }
}

fn whole(duration: SpecDuration) -> Duration {
    Duration::from_secs(duration.as_secs())
}

/// Refuses fields that mean nothing for that kind: what is ignored would be taken for done.
fn check(wanted: &Wanted) -> Result<(), Refused> {
    let of_calls = wanted.kind.is_of_calls();
    let of_instances = wanted.kind.is_of_instances();
    let capacity = wanted.kind == Kind::Capacity;
    if let Some(operation) = wanted.operation.as_deref().filter(|name| !is_known(name)) {
        let why = format!("{operation} is none of EC2, ELBv2 or STS that answers here; see docs/cloud.md");
        return Err(Refused::field("operation", &why));
    }
    let writes = wanted.operation.as_deref().filter(|name| !reads(name));
    if let Some(operation) = writes.filter(|_| wanted.kind == Kind::StaleRead) {
        return Err(Refused::field("operation", &format!("{operation} reads nothing, so nothing of it is stale")));
    }
    if wanted.lasting.is_some_and(|lasting| whole(lasting).is_zero()) {
        return Err(Refused::field("for", "must be longer than nothing"));
    }
    let longest = if wanted.kind == Kind::Delay { DELAY_MAX } else { LASTING_MAX };
    if wanted.lasting.is_some_and(|lasting| whole(lasting) > longest) {
        return Err(Refused::field("for", &format!("at most {} s", longest.as_secs())));
    }
    let given = [
        ("operation", wanted.operation.is_some(), of_calls),
        ("resource", wanted.resource.is_some(), of_calls || of_instances),
        ("zone", wanted.zone.is_some(), capacity),
        ("type", wanted.instance_type.is_some(), capacity),
        ("count", wanted.count.is_some(), of_calls),
        ("seed", wanted.seed.is_some(), of_instances),
    ];
    match given.iter().find(|(_, is_given, fits)| *is_given && !fits) {
        Some((field, ..)) => Err(Refused::field(field, "means nothing for this kind of fault; leave it out")),
        None if wanted.count == Some(0) => Err(Refused::field("count", "must be at least 1")),
        None => Ok(()),
    }
}

/// Breaks the world as it is wanted. What puts it back.
fn befall(wanted: &Wanted, cloud: &SimCloud) -> Result<Vec<Undo>, Refused> {
    if wanted.kind.is_of_calls() {
        return Ok(Vec::new());
    }
    let console = cloud.console();
    if wanted.kind == Kind::Capacity {
        let kind = match &wanted.instance_type {
            Some(known) if cloud.view().offers(known) => known.clone(),
            Some(_) => return Err(Refused::field("type", "is not offered here; see DescribeInstanceTypes")),
            None => "*".to_owned(),
        };
        let zones: Vec<Zone> = cloud.view().subnets().into_iter().map(|subnet| subnet.zone).collect();
        let chosen = zones.into_iter().filter(|zone| wanted.zone.as_deref().is_none_or(|only| zone.0 == only));
        let chosen: std::collections::BTreeSet<Zone> = chosen.collect();
        if chosen.is_empty() {
            return Err(Refused::field("zone", "there is no such zone here; see subnets of DescribeSubnets"));
        }
        chosen.iter().for_each(|zone| console.set_capacity(zone, &kind, Some(0)));
        return Ok(chosen.into_iter().map(|zone| Undo::Capacity(zone, kind.clone())).collect());
    }
    if wanted.kind == Kind::RedisDown {
        console.set_redis_down(true);
        return Ok(vec![Undo::Redis]);
    }
    let Some(victim) = victim(wanted, cloud)? else { return Ok(Vec::new()) };
    let refused = |refusal: Refusal| Refused::field("resource", &refusal.message);
    match wanted.kind.app() {
        Some(answer) => {
            let before = console.app(&victim).map_err(refused)?;
            console.set_app(&victim, App { answer, ..before.clone() }).map_err(refused)?;
            Ok(vec![Undo::App(victim, before)])
        }
        None => {
            console.impair(&victim, true).map_err(refused)?;
            Ok(vec![Undo::Impairment(victim)])
        }
    }
}

/// The instance that it befalls, if it befalls one: that which is named, or one of those that run.
fn victim(wanted: &Wanted, cloud: &SimCloud) -> Result<Option<InstanceId>, Refused> {
    if !wanted.kind.is_of_instances() {
        return Ok(None);
    }
    if let Some(named) = &wanted.resource {
        let parsed = InstanceId::parse(named.as_str());
        return parsed.map(Some).map_err(|error| Refused::field("resource", &error.to_string()));
    }
    let live = cloud.view().live_instances();
    let place = usize::try_from(wanted.seed.unwrap_or(0)).unwrap_or(0).checked_rem(live.len());
    let chosen = place.and_then(|place| live.get(place)).map(|instance| instance.id.clone());
    chosen.map(Some).ok_or_else(|| Refused::because("no instance runs that it could befall"))
}

/// Whether that is an operation whose calls may be befallen.
fn is_known(operation: &str) -> bool {
    operation == "GetCallerIdentity" || NAMES.iter().any(|(_, names)| names.contains(&operation))
}

/// Whether that operation changes nothing.
fn reads(operation: &str) -> bool {
    [Query::Ec2, Query::Elbv2].into_iter().any(|query| is_read(query, operation)) || operation == "GetCallerIdentity"
}

impl Undo {
    /// An instance that is gone by now needs nothing put back.
    fn done(self, cloud: &SimCloud) {
        let console = cloud.console();
        let done = match self {
            Self::Capacity(zone, kind) => {
                console.set_capacity(&zone, &kind, None);
                Ok(())
            }
            Self::Redis => {
                console.set_redis_down(false);
                Ok(())
            }
            Self::Impairment(instance) => console.impair(&instance, false),
            Self::App(instance, app) => console.set_app(&instance, app),
        };
        if let Err(refusal) = done {
            tracing::debug!(code = refusal.code, "nothing to put back");
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use aws_api::id::SubnetId;
    use serde_json::{Value, json};
    use simulator::{Builder, VirtualClock};

    use super::*;
    use crate::envelope::Query;
    use crate::operations::{Call, answer};
    use crate::parameters::Node;

    fn cloud() -> (SimCloud, String) {
        let cloud = Builder::new(1).stocked().build(&VirtualClock::default());
        let subnet: SubnetId = cloud.view().subnets()[0].id.clone();
        let pairs = [("ImageId", Builder::IMAGE), ("InstanceType", "t3.small"), ("MinCount", "1"), ("MaxCount", "1")];
        let placed = [("SubnetId", subnet.as_str())];
        let pairs = pairs.iter().chain(&placed).map(|(name, value)| ((*name).into(), (*value).into()));
        let call = Call { cloud: &cloud, query: Query::Ec2, action: "RunInstances", dry_run: false, request_id: "1" };
        answer(&call, Node::tree(pairs).unwrap()).unwrap();
        let id = cloud.view().instances()[0].id.to_string();
        (cloud, id)
    }

    fn wanted(fault: Value) -> Wanted {
        serde_json::from_value(fault).unwrap()
    }

    fn app(cloud: &SimCloud, id: &str) -> Answers {
        cloud.console().app(&InstanceId::parse(id).unwrap()).unwrap().answer
    }

    #[test]
    fn faults_of_one_instance_are_taken_back_in_any_order() {
        let (cloud, id) = cloud();
        let mut faults = Faults::default();
        let broken = faults.add(wanted(json!({"kind": "app-broken", "resource": id})), &cloud, Duration::ZERO).unwrap();
        let slow = faults.add(wanted(json!({"kind": "app-slow", "seed": 3})), &cloud, Duration::ZERO).unwrap();
        assert_eq!(app(&cloud, &id), Answers::Slow);
        assert!(faults.remove(&broken, &cloud) && !faults.remove(&broken, &cloud));
        assert_eq!(app(&cloud, &id), Answers::Slow, "the other one lasts");
        assert!(faults.remove(&slow, &cloud));
        assert_eq!(app(&cloud, &id), Answers::Ok);
    }

    #[test]
    fn a_fault_of_calls_meets_as_many_as_it_says_and_no_others() {
        let (cloud, _) = cloud();
        let mut faults = Faults::default();
        let lost = json!({"kind": "reply-lost", "operation": "RunInstances", "resource": "token-1", "count": 2});
        faults.add(wanted(lost), &cloud, Duration::ZERO).unwrap();
        let mut met = |operation: &str, names: &str| faults.next(operation, false, |resource| resource == names);
        assert_eq!((met("StopInstances", "token-1"), met("RunInstances", "token-2")), (None, None));
        let twice = (met("RunInstances", "token-1"), met("RunInstances", "token-1"));
        assert_eq!(twice, (Some(Befalls::ReplyLost), Some(Befalls::ReplyLost)));
        assert_eq!(met("RunInstances", "token-1"), None);
    }

    #[test]
    fn what_lasts_ends_by_the_clouds_time_and_only_reads_are_stale() {
        let (cloud, _) = cloud();
        let mut faults = Faults::default();
        faults.add(wanted(json!({"kind": "stale-read", "for": "10s"})), &cloud, Duration::ZERO).unwrap();
        assert_eq!(faults.next("RunInstances", false, |_| false), None);
        assert_eq!(faults.next("DescribeInstances", true, |_| false), Some(Befalls::StaleRead));
        faults.expire(&cloud, Duration::from_secs(9));
        assert_eq!(faults.next("DescribeInstances", true, |_| false), Some(Befalls::StaleRead));
        faults.expire(&cloud, Duration::from_secs(10));
        assert_eq!(faults.next("DescribeInstances", true, |_| false), None);
    }

    #[test]
    fn what_means_nothing_is_refused_by_its_field_and_befalls_nothing() {
        let (cloud, id) = cloud();
        let mut faults = Faults::default();
        for (fault, field) in [
            (json!({"kind": "throttle", "operation": "RunInstance"}), "operation"),
            (json!({"kind": "throttle", "zone": "us-east-2a"}), "zone"),
            (json!({"kind": "throttle", "operation": "CreateTable"}), "operation"),
            (json!({"kind": "stale-read", "operation": "RunInstances"}), "operation"),
            (json!({"kind": "reply-lost", "for": "0s"}), "for"),
            (json!({"kind": "throttle", "count": 0}), "count"),
            (json!({"kind": "capacity", "zone": "us-east-2x"}), "zone"),
            (json!({"kind": "capacity", "type": "t3.enormous"}), "type"),
            (json!({"kind": "capacity", "resource": id}), "resource"),
            (json!({"kind": "redis-down", "resource": id}), "resource"),
            (json!({"kind": "redis-down", "seed": 1}), "seed"),
            (json!({"kind": "app-broken", "resource": id, "for": "400d"}), "for"),
            (json!({"kind": "delay", "for": "10m"}), "for"),
            (json!({"kind": "impair", "resource": "i-0123456789abcdef0"}), "resource"),
        ] {
            let refused = faults.add(wanted(fault.clone()), &cloud, Duration::ZERO).unwrap_err();
            assert_eq!(json!(refused)["field"], field, "{fault}");
        }
        assert_eq!((faults.all().count(), app(&cloud, &id)), (0, Answers::Ok));
    }
}
