//! What load balancers go by, as of an instant: their listeners, and the targets in use with their states.
//!
//! Plain values: who keeps a table while the world goes on sees the world of before. Only what is active is in it, and of
//! listeners only those of HTTP: TLS is not spoken here.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use aws_api::ec2::InstanceState;
use aws_api::elbv2::{LoadBalancerState, TargetHealth};
use aws_api::id::{InstanceId, TargetGroupArn};
use crds_schema::spec::Protocol;
use jiff::Timestamp;

use super::super::actions::Action;
use super::super::apps::Response;
use super::super::attributes;
use super::super::built_in::BuiltIn;
use super::super::health::{Connects, TargetRecord};
use super::super::instances::InstanceRecord;
use super::super::listeners::ListenerRecord;
use super::super::target_groups::TargetGroupRecord;
use super::super::world::World;
use super::{Asked, Forward};
use crate::clock::timestamp;
use crate::entropy::Prng;

/// See the module.
#[derive(Debug, Clone)]
pub struct Table {
    at: Duration,
    epoch: Timestamp,
    redis_down: bool,
    listeners: BTreeMap<String, Rc<Listener>>,
    /// Listeners that are not served.
    silent: BTreeSet<String>,
    pub(super) groups: BTreeMap<TargetGroupArn, Rc<Group>>,
    /// Since when each instance runs that does.
    running: BTreeMap<InstanceId, Duration>,
}

/// A listener of an active load balancer.
#[derive(Debug, Clone)]
pub struct Listener {
    record: Rc<ListenerRecord>,
    pub(super) forwarded_for: ForwardedFor,
    idle_timeout: Duration,
    headers: Vec<(String, String)>,
    names_itself: bool,
}

/// What is done with `X-Forwarded-For`.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/x-forwarded-headers.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ForwardedFor {
    Append { port: bool },
    Preserve,
    Remove,
}

/// A target group in use.
#[derive(Debug, Clone)]
pub struct Group {
    pub(super) arn: TargetGroupArn,
    /// What cookies name it by.
    pub(super) mark: u64,
    pub(super) algorithm: Algorithm,
    pub(super) slow_start: Duration,
    pub(super) sticky: Option<Sticky>,
    pub(super) targets: Vec<Target>,
    /// Who gets new requests, by place.
    pub(super) serving: Vec<usize>,
}

/// How a target is chosen.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html#modify-routing-algorithm>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    RoundRobin,
    LeastOutstanding,
    WeightedRandom,
}

/// What keeps a client with its target, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sticky {
    Balancer(Duration),
    /// Besides, the application's own cookie.
    Application(String, Duration),
}

/// A registered target.
#[derive(Debug, Clone)]
pub struct Target {
    pub(super) key: (String, u16),
    /// What cookies name it by.
    pub(super) mark: u64,
    pub(super) health: TargetHealth,
    /// Since when it is healthy.
    pub(super) healthy_since: Option<Duration>,
    /// When its slow start began, while that lasts.
    pub(super) slow_since: Option<Duration>,
    instance: Option<Rc<InstanceRecord>>,
    /// Since when its instance is in its state: another number, another run.
    run: Duration,
    /// When its drain is over, while it drains.
    draining_until: Option<Duration>,
    connects: Connects,
}

/// What a request meets at a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meets {
    /// Nothing: the connection is never made.
    Nobody,
    /// A refusal of the connection.
    Refusal,
    /// Its application, which never answers.
    Silence,
    /// Its application, which is broken and answers with that status.
    Broken(u16),
    /// Its application, which does what it is there for.
    Application,
}

impl Table {
    /// That of a world that is settled to now.
    pub(crate) fn of(world: &World) -> Self {
        let mut table = Self {
            at: world.at,
            epoch: world.config.epoch,
            redis_down: world.redis_down,
            listeners: BTreeMap::new(),
            silent: BTreeSet::new(),
            groups: BTreeMap::new(),
            running: BTreeMap::new(),
        };
        for record in world.listeners.values() {
            let Some(balancer) = world.balancers.get(&record.balancer) else { continue };
            let active = match balancer.life.at(world.at) {
                LoadBalancerState::Active | LoadBalancerState::ActiveImpaired => true,
                LoadBalancerState::Provisioning | LoadBalancerState::Failed => false,
            };
            if !active || record.protocol != Protocol::Http {
                table.silent.insert(record.arn.to_string());
                continue;
            }
            for arn in record.groups() {
                if let Some(group) = world.target_groups.get(arn).filter(|_| !table.groups.contains_key(arn)) {
                    table.groups.insert(arn.clone(), Rc::new(Group::of(world, group)));
                }
            }
            let listener = Listener::of(record, &balancer.attributes);
            table.listeners.insert(record.arn.to_string(), Rc::new(listener));
        }
        let running = world.instances.values().filter(|one| one.state(world.at) == InstanceState::Running);
        table.running = running.map(|one| (one.id.clone(), one.life.since(world.at))).collect();
        table
    }

    /// When this was so, since the clock's epoch.
    pub fn at(&self) -> Duration {
        self.at
    }

    /// That instant on the wall clock.
    pub fn date(&self, at: Duration) -> Timestamp {
        timestamp(self.epoch, at)
    }

    /// Whether the Redis that instances share is down.
    pub fn redis_down(&self) -> bool {
        self.redis_down
    }

    /// Every listener, by ARN.
    pub fn listeners(&self) -> impl Iterator<Item = (&str, &Listener)> {
        self.listeners.iter().map(|(arn, listener)| (arn.as_str(), &**listener))
    }

    /// The listener of that ARN.
    pub fn listener(&self, arn: &str) -> Option<&Rc<Listener>> {
        self.listeners.get(arn)
    }

    /// Whether there is a listener of that ARN, though it may not be served: it is one of TLS, or of a load balancer that is not
    /// active.
    pub fn knows(&self, arn: &str) -> bool {
        self.listeners.contains_key(arn) || self.silent.contains(arn)
    }

    /// Since when that instance runs, if it does.
    pub fn runs_since(&self, instance: &str) -> Option<Duration> {
        InstanceId::parse(instance).ok().and_then(|id| self.running.get(&id)).copied()
    }

    /// Whether a request that is under way can still be finished: its instance runs on, and its target is not out. Who drains
    /// is in until the deregistration delay is over; a group that no load balancer uses any more keeps nobody from finishing.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html#deregistration-delay>
    pub fn keeps(&self, forward: &Forward) -> bool {
        let target = forward.target();
        let runs = target.instance.as_ref().is_none_or(|one| self.running.get(&one.id) == Some(&target.run));
        let group = self.groups.get(&forward.group.arn);
        runs && group.is_none_or(|group| group.targets.iter().any(|one| one.key == target.key))
    }

    /// When its target's drain is over, if it drains: until then nothing but a change makes it leave.
    pub fn drained_at(&self, forward: &Forward) -> Option<Duration> {
        let group = self.groups.get(&forward.group.arn)?;
        group.targets.iter().find(|one| one.key == forward.target().key)?.draining_until
    }
}

impl Listener {
    fn of(record: &Rc<ListenerRecord>, balancer: &BTreeMap<String, String>) -> Self {
        let own = attributes::of_listener(record.protocol, &record.attributes);
        let is = |name: &str, value: &str| balancer.get(name).is_some_and(|own| own == value);
        let forwarded_for = if is("routing.http.xff_header_processing.mode", "preserve") {
            ForwardedFor::Preserve
        } else if is("routing.http.xff_header_processing.mode", "remove") {
            ForwardedFor::Remove
        } else {
            ForwardedFor::Append { port: is("routing.http.xff_client_port.enabled", "true") }
        };
        Self {
            forwarded_for,
            idle_timeout: seconds(balancer, "idle_timeout.timeout_seconds"),
            headers: own.iter().filter_map(|(name, value)| response_header(name, value)).collect(),
            names_itself: own.get("routing.http.response.server.enabled").is_none_or(|on| on == "true"),
            record: Rc::clone(record),
        }
    }

    /// The port that it listens on in AWS.
    pub fn port(&self) -> u16 {
        self.record.port
    }

    /// The name of its load balancer, which its ARN has: `.../loadbalancer/app/NAME/ID`.
    pub fn load_balancer_name(&self) -> &str {
        self.record.balancer.as_str().rsplit('/').nth(1).unwrap_or_default()
    }

    /// How long a connection may be silent.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html#connection-idle-timeout>
    pub fn idle_timeout(&self) -> Duration {
        self.idle_timeout
    }

    /// The headers that it adds to every answer.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/header-modification.html>
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// Whether it says who it is in what it answers by itself.
    pub fn names_itself(&self) -> bool {
        self.names_itself
    }

    /// What it does with that request: the first rule that applies, by priority, or the default one.
    pub(super) fn action(&self, asked: &Asked<'_>) -> &Action {
        let rules = &mut self.record.rules.values();
        let met = rules.find(|rule| rule.conditions.iter().all(|condition| condition.meets(asked)));
        met.map_or(&self.record.action, |rule| &rule.action)
    }
}

impl Group {
    fn of(world: &World, record: &TargetGroupRecord) -> Self {
        let own = &record.attributes;
        let is = |name: &str, value: &str| own.get(name).is_some_and(|own| own == value);
        let algorithm = match own.get("load_balancing.algorithm.type").map(String::as_str) {
            Some("least_outstanding_requests") => Algorithm::LeastOutstanding,
            Some("weighted_random") => Algorithm::WeightedRandom,
            Some(_) | None => Algorithm::RoundRobin,
        };
        let sticky = is("stickiness.enabled", "true").then(|| {
            if is("stickiness.type", "app_cookie") {
                let name = own.get("stickiness.app_cookie.cookie_name").cloned().unwrap_or_default();
                Sticky::Application(name, seconds(own, "stickiness.app_cookie.duration_seconds"))
            } else {
                Sticky::Balancer(seconds(own, "stickiness.lb_cookie.duration_seconds"))
            }
        });
        let mut group = Self {
            mark: Prng::of(record.arn.as_str()).draw(),
            arn: record.arn.clone(),
            algorithm,
            slow_start: seconds(own, "slow_start.duration_seconds"),
            sticky,
            targets: record.targets.iter().map(|(key, one)| Target::of(world, record, key, one)).collect(),
            serving: Vec::new(),
        };
        group.serving = group.who_serves(own);
        group.begin_slowly(record.slow_start_since, world.at);
        group
    }

    /// Its ARN.
    pub fn arn(&self) -> &str {
        self.arn.as_str()
    }

    /// The healthy ones; all of them where too few are healthy: "the load balancer node sends traffic to all targets [...]
    /// regardless of their health status". Who drains or is unused gets nothing new.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health.html>
    fn who_serves(&self, attributes: &BTreeMap<String, String>) -> Vec<usize> {
        let places = |wanted: fn(TargetHealth) -> bool| {
            let fit = self.targets.iter().enumerate().filter(|(_, target)| wanted(target.health));
            fit.map(|(place, _)| place).collect::<Vec<_>>()
        };
        let healthy = places(|health| health == TargetHealth::Healthy);
        let all = places(|health| match health {
            TargetHealth::Initial | TargetHealth::Healthy | TargetHealth::Unhealthy | TargetHealth::Unavailable => true,
            TargetHealth::Unused | TargetHealth::Draining => false,
        });
        let least = |unit: &str| {
            let name = format!("target_group_health.unhealthy_state_routing.minimum_healthy_targets.{unit}");
            attributes.get(&name).and_then(|text| text.parse::<usize>().ok()).unwrap_or(0)
        };
        let too_few = healthy.len() < least("count").max(1) || healthy.len() * 100 < all.len() * least("percentage");
        if too_few { all } else { healthy }
    }

    /// "When you enable slow start for a target group, the healthy targets registered with the target group do not enter slow
    /// start mode", and "newly registered targets enter slow start mode only when there is at least one healthy target that is not
    /// in slow start mode."
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html#slow-start-mode>
    fn begin_slowly(&mut self, enabled: Option<Duration>, at: Duration) {
        let lasts = self.slow_start;
        if lasts.is_zero() {
            return;
        }
        let mut in_turn: Vec<(Duration, usize)> = Vec::new();
        for (place, target) in self.targets.iter().enumerate() {
            in_turn.extend(target.healthy_since.map(|since| (since, place)));
        }
        in_turn.sort_unstable();
        // Since when each of those before is there in full.
        let mut full: Vec<Duration> = Vec::new();
        for (since, place) in in_turn {
            let slow = enabled.is_none_or(|enabled| since > enabled) && full.iter().any(|before| *before < since);
            full.push(if slow { since + lasts } else { since });
            if slow && at < since + lasts {
                self.targets[place].slow_since = Some(since);
            }
        }
    }
}

impl Target {
    fn of(world: &World, group: &TargetGroupRecord, key: &(String, u16), record: &TargetRecord) -> Self {
        let met = world.meet(group, key, record);
        Self {
            key: key.clone(),
            mark: Prng::of(&format!("{}:{}", key.0, key.1)).draw(),
            health: met.health,
            healthy_since: record.healthy_since.filter(|_| met.health == TargetHealth::Healthy),
            slow_since: None,
            run: met.instance.map_or(Duration::ZERO, |instance| instance.life.since(world.at)),
            instance: met.instance.cloned(),
            connects: met.connects,
            draining_until: record.draining_until,
        }
    }

    /// The instance that it is, or whose address it is.
    pub fn instance(&self) -> Option<&str> {
        self.instance.as_ref().map(|instance| instance.id.as_str())
    }

    /// The instance's image.
    pub fn image(&self) -> Option<&str> {
        self.instance.as_ref().map(|instance| instance.image.as_str())
    }

    /// The port that it gets its requests on.
    pub fn port(&self) -> u16 {
        self.key.1
    }

    /// Since when its instance is in its state: what it had in its memory before is lost.
    pub fn run(&self) -> Duration {
        self.run
    }

    /// What user data says about its application.
    pub fn built_in(&self) -> BuiltIn {
        self.instance.as_ref().map(|instance| instance.built_in).unwrap_or_default()
    }

    /// What a request for that path meets that arrives now: what a health check would.
    pub fn meets(&self, path: &str, now: Duration) -> Meets {
        let Some(instance) = &self.instance else { return Meets::Nobody };
        let listens = match self.connects {
            Connects::Dropped => return Meets::Nobody,
            Connects::Refused => return Meets::Refusal,
            Connects::Since(listens) => listens,
        };
        let Some(age) = now.checked_sub(listens) else { return Meets::Refusal };
        // What fails for want of Redis fails in the application itself.
        match instance.app.respond(self.key.1, path, age) {
            Response::Refused => Meets::Refusal,
            Response::Nothing => Meets::Silence,
            Response::Status(200) => Meets::Application,
            Response::Status(status) => Meets::Broken(status),
        }
    }
}

/// An attribute that is a number of seconds; each of them has a default.
fn seconds(attributes: &BTreeMap<String, String>, name: &str) -> Duration {
    Duration::from_secs(attributes.get(name).and_then(|text| text.parse().ok()).unwrap_or(0))
}

/// The header that an attribute of a listener adds to answers, if it does.
fn response_header(name: &str, value: &str) -> Option<(String, String)> {
    let name = name.strip_prefix("routing.http.response.")?.strip_suffix(".header_value")?;
    (!value.is_empty()).then(|| (name.replace('_', "-"), value.to_owned()))
}
