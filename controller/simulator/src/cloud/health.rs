//! The health of targets, from interval, timeout and thresholds.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html>,
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html>.
//!
//! Nothing ticks. Between two changes of a target's [`Situation`] every check ends alike, so the checks of such a stretch are
//! counted, not run. Carrying a record along in two steps gives what one step gives.

use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::Duration;

use aws_api::ec2::InstanceState;
use aws_api::elbv2::{LoadBalancerState, Target, TargetHealth, TargetHealthCheck};
use aws_api::id::{InstanceId, TargetGroupArn, Zone};

use super::apps::Response;
use super::instances::InstanceRecord;
use super::load_balancers::BalancerRecord;
use super::target_groups::{TargetGroupRecord, TargetType, codes};
use super::world::{Outcome, World};

/// Where a target is with its checks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Phase {
    /// Not checked: nobody uses it.
    #[default]
    Outside,
    /// New; one pass makes it healthy.
    New { fails: u32, checked: bool },
    /// Healthy, with so many failures in a row.
    Healthy { fails: u32 },
    /// Unhealthy, with so many passes in a row.
    Unhealthy { passes: u32, why: Failure },
}

/// How a check failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    Code(u16),
    Timeout,
    Refused,
}

/// A registered target.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct TargetRecord {
    pub phase: Phase,
    /// Since when it is healthy, while it is.
    pub healthy_since: Option<Duration>,
    /// When its next check starts, while it is checked.
    pub next_check: Duration,
    /// When its deregistration ends, once that has begun.
    pub draining_until: Option<Duration>,
}

/// Where a connection to a target gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connects {
    /// Nowhere: no answer comes.
    Dropped,
    /// To an instance that does not run.
    Refused,
    /// To an instance whose application listens from then on, and refuses it before.
    Since(Duration),
}

/// A target as requests meet it.
pub(crate) struct Met<'a> {
    pub health: TargetHealth,
    /// Absent: nobody is there.
    pub instance: Option<&'a Rc<InstanceRecord>>,
    pub connects: Connects,
}

/// What decides a target's checks, between two changes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Situation {
    NotInUse(&'static str),
    InvalidState,
    /// The load balancer is still being set up.
    Registering,
    Checked(Result<(), Failure>),
}

/// A target's surroundings.
struct Surroundings<'a> {
    world: &'a World,
    group: &'a TargetGroupRecord,
    balancer: Option<&'a Rc<BalancerRecord>>,
    /// The instance that it is, or whose address it is.
    instance: Option<&'a Rc<InstanceRecord>>,
    zone: Option<&'a Zone>,
    port: u16,
}

impl World {
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetHealth.html>
    pub(crate) fn target_health(&self, arn: &TargetGroupArn, at: Duration) -> Outcome<Vec<Target>> {
        let group = self.target_group(arn)?;
        let registered = group.targets.iter().filter(|(_, record)| record.draining_until.is_none_or(|end| end > at));
        let targets = registered.map(|(key, record)| {
            let around = self.surroundings(group, key);
            let mut record = record.clone();
            around.carry(&mut record, self.at, at);
            let (health, reason, description) = around.shown(&record, at);
            let reason = reason.map(str::to_owned);
            Target { id: key.0.clone(), port: key.1, health, reason, description }
        });
        Ok(targets.collect())
    }

    /// A target of a group that a load balancer uses, as requests meet it now.
    pub(crate) fn meet<'a>(
        &'a self,
        group: &'a TargetGroupRecord,
        key: &(String, u16),
        record: &TargetRecord,
    ) -> Met<'a> {
        let around = self.surroundings(group, key);
        let (health, ..) = around.shown(record, self.at);
        // As a check of the traffic port would find it.
        let connects = match (around.balancer, around.instance) {
            (Some(balancer), Some(instance)) => around.connects(balancer, instance, key.1, self.at),
            (None, _) | (_, None) => Connects::Dropped,
        };
        Met { health, instance: around.instance, connects }
    }

    /// Whether a load balancer uses that target now, so that taking it out needs a drain.
    pub(crate) fn is_in_use(&self, arn: &TargetGroupArn, key: &(String, u16)) -> bool {
        let Some(group) = self.target_groups.get(arn) else { return false };
        match self.surroundings(group, key).situation(self.at) {
            Situation::Registering | Situation::Checked(_) => true,
            Situation::NotInUse(_) | Situation::InvalidState => false,
        }
    }

    /// Carries every target along to `to`; those whose drain is over, or whose instance is no longer known, leave.
    pub(crate) fn settle_targets(&mut self, to: Duration) {
        let arns: Vec<TargetGroupArn> = self.target_groups.keys().cloned().collect();
        for arn in arns {
            let Some(group) = self.target_groups.get(&arn).filter(|group| !group.targets.is_empty()).cloned() else {
                continue;
            };
            let mut targets = group.targets.clone();
            for (key, record) in &mut targets {
                self.surroundings(&group, key).carry(record, self.at, to);
            }
            targets.retain(|(id, _), record| {
                let known = group.target_type == TargetType::Ip
                    || InstanceId::parse(id.as_str()).is_ok_and(|id| self.instance(&id, to).is_ok());
                known && record.draining_until.is_none_or(|end| end > to)
            });
            if targets != group.targets
                && let Some(own) = self.target_groups.get_mut(&arn)
            {
                Rc::make_mut(own).targets = targets;
            }
        }
    }

    fn surroundings<'a>(&'a self, group: &'a TargetGroupRecord, key: &(String, u16)) -> Surroundings<'a> {
        let id = key.0.as_str();
        let (instance, zone) = match group.target_type {
            TargetType::Instance => {
                let instance = InstanceId::parse(id).ok().and_then(|id| self.instances.get(&id));
                (instance, instance.map(|instance| &instance.zone))
            }
            TargetType::Ip => (self.instance_at(id), self.zone_of_address(&group.vpc, id)),
        };
        let balancer = self.balancer_of(&group.arn).and_then(|arn| self.balancers.get(arn));
        Surroundings { world: self, group, balancer, instance, zone, port: key.1 }
    }

    /// The instance whose private address that is.
    fn instance_at(&self, address: &str) -> Option<&Rc<InstanceRecord>> {
        let address: Ipv4Addr = address.parse().ok()?;
        self.instances.values().find(|one| one.private_ip == address && one.holds_interface(self.at))
    }
}

impl Surroundings<'_> {
    fn situation(&self, at: Duration) -> Situation {
        let Some(balancer) = self.balancer else {
            return Situation::NotInUse("Target group is not configured to receive traffic from the load balancer");
        };
        let is_off = |one: &InstanceRecord| matches!(one.state(at), InstanceState::Stopped | InstanceState::Terminated);
        let instance = self.instance.filter(|one| !is_off(one));
        if instance.is_none() && self.group.target_type == TargetType::Instance {
            return Situation::InvalidState;
        }
        if !self.zone.is_some_and(|zone| balancer.subnets.contains_key(zone)) {
            return Situation::NotInUse("Target is in an Availability Zone that is not enabled for the load balancer");
        }
        if balancer.life.at(at) == LoadBalancerState::Provisioning {
            return Situation::Registering;
        }
        // Nobody answers at an address that no running instance has.
        let timeout = Err(Failure::Timeout);
        Situation::Checked(instance.map_or(timeout, |instance| self.check(balancer, instance, at)))
    }

    /// Where a connection gets that is opened at `at`.
    fn connects(&self, balancer: &BalancerRecord, instance: &InstanceRecord, port: u16, at: Duration) -> Connects {
        if !self.world.reaches(balancer, instance, port) {
            return Connects::Dropped;
        }
        if instance.state(at) != InstanceState::Running {
            return Connects::Refused;
        }
        Connects::Since(self.world.listens_from(instance, instance.life.since(at)))
    }

    /// How a check that starts at `at` ends.
    fn check(&self, balancer: &BalancerRecord, instance: &InstanceRecord, at: Duration) -> Result<(), Failure> {
        let check = &self.group.health_check;
        let port = check.port.parse().unwrap_or(self.port);
        let listens = match self.connects(balancer, instance, port, at) {
            Connects::Dropped => return Err(Failure::Timeout),
            Connects::Refused => return Err(Failure::Refused),
            Connects::Since(listens) => listens,
        };
        let Some(age) = at.checked_sub(listens) else { return Err(Failure::Refused) };
        match instance.responds(port, &check.path, age, self.world.redis_down) {
            Response::Refused => Err(Failure::Refused),
            Response::Nothing => Err(Failure::Timeout),
            Response::Status(status) => {
                let passing = codes(&check.matcher).unwrap_or_default();
                let passes = passing.iter().any(|(from, to)| (*from..=*to).contains(&status));
                if passes { Ok(()) } else { Err(Failure::Code(status)) }
            }
        }
    }

    /// The next instant after `after` at which the situation may be another, by time alone.
    fn next_change(&self, after: Duration) -> Option<Duration> {
        let of_balancer = self.balancer.and_then(|balancer| balancer.life.next_change(after));
        let of_instance = self.instance.and_then(|instance| instance.life.next_change(after));
        let of_app = self.instance.and_then(|instance| {
            if instance.state(after) != InstanceState::Running {
                return None;
            }
            let listens = self.world.listens_from(instance, instance.life.since(after));
            match after.checked_sub(listens) {
                None => Some(listens),
                Some(age) => instance.app.next_flip(age).map(|flip| listens + flip),
            }
        });
        [of_balancer, of_instance, of_app].into_iter().flatten().min()
    }

    /// Brings `record` from `from` to `to`.
    fn carry(&self, record: &mut TargetRecord, from: Duration, to: Duration) {
        let mut start = from;
        while start < to {
            let end = self.next_change(start).map_or(to, |change| change.min(to));
            match self.situation(start) {
                Situation::Checked(result) => {
                    if record.phase == Phase::Outside {
                        record.phase = Phase::New { fails: 0, checked: false };
                        record.next_check = start + self.world.config.timings.first_check;
                    }
                    record.run_checks(&result, &self.group.health_check, end);
                }
                Situation::NotInUse(_) | Situation::InvalidState | Situation::Registering => {
                    record.phase = Phase::Outside;
                    record.healthy_since = None;
                }
            }
            start = end;
        }
    }

    fn shown(&self, record: &TargetRecord, at: Duration) -> (TargetHealth, Option<&'static str>, Option<String>) {
        let described = |health, reason, text: &str| (health, Some(reason), Some(text.to_owned()));
        if record.draining_until.is_some() {
            let text = "Target deregistration is in progress";
            return described(TargetHealth::Draining, "Target.DeregistrationInProgress", text);
        }
        match self.situation(at) {
            Situation::NotInUse(text) => return described(TargetHealth::Unused, "Target.NotInUse", text),
            Situation::InvalidState => {
                let text = "Target is in the stopped or terminated state";
                return described(TargetHealth::Unused, "Target.InvalidState", text);
            }
            Situation::Registering | Situation::Checked(_) => {}
        }
        match &record.phase {
            Phase::Outside | Phase::New { checked: false, .. } => {
                let text = "Target registration is in progress";
                described(TargetHealth::Initial, "Elb.RegistrationInProgress", text)
            }
            Phase::New { checked: true, .. } => {
                let text = "Initial health checks in progress";
                described(TargetHealth::Initial, "Elb.InitialHealthChecking", text)
            }
            Phase::Healthy { .. } => (TargetHealth::Healthy, None, None),
            Phase::Unhealthy { why, .. } => {
                let (reason, text) = why.words();
                (TargetHealth::Unhealthy, Some(reason), Some(text))
            }
        }
    }
}

impl Failure {
    fn words(&self) -> (&'static str, String) {
        match self {
            Self::Code(code) => {
                ("Target.ResponseCodeMismatch", format!("Health checks failed with these codes: [{code}]"))
            }
            Self::Timeout => ("Target.Timeout", "Request timed out".to_owned()),
            Self::Refused => ("Target.FailedHealthChecks", "Health checks failed".to_owned()),
        }
    }
}

impl TargetRecord {
    /// Every check that ends before `end`, all of them with this result.
    fn run_checks(&mut self, result: &Result<(), Failure>, check: &TargetHealthCheck, end: Duration) {
        let interval = Duration::from_secs(check.interval_secs.max(1).into());
        let takes = match result {
            Err(Failure::Timeout) => Duration::from_secs(check.timeout_secs.into()),
            Ok(()) | Err(Failure::Code(_) | Failure::Refused) => Duration::ZERO,
        };
        while self.next_check + takes < end {
            let before = self.phase.clone();
            self.phase = before.clone().after(result, check);
            self.healthy_since = match (&before, &self.phase) {
                (Phase::Healthy { .. }, Phase::Healthy { .. }) => self.healthy_since,
                (_, Phase::Healthy { .. }) => Some(self.next_check + takes),
                (_, Phase::Outside | Phase::New { .. } | Phase::Unhealthy { .. }) => None,
            };
            self.next_check += interval;
            if self.phase == before && self.next_check + takes < end {
                // Nothing changes any more in this stretch: go to its last check.
                let left = (end - self.next_check - takes).as_nanos() / interval.as_nanos();
                self.next_check += interval * u32::try_from(left).unwrap_or(0);
            }
        }
    }
}

impl Phase {
    /// A new target needs one pass, an unhealthy one the healthy threshold; both others fall by the unhealthy threshold.
    fn after(self, result: &Result<(), Failure>, check: &TargetHealthCheck) -> Self {
        let failed = |fails: u32, why: &Failure, else_: fn(u32) -> Self| {
            if fails + 1 >= check.unhealthy_threshold {
                Self::Unhealthy { passes: 0, why: why.clone() }
            } else {
                else_(fails + 1)
            }
        };
        match (self, result) {
            (Self::Outside | Self::New { .. } | Self::Healthy { .. }, Ok(())) => Self::Healthy { fails: 0 },
            (Self::Unhealthy { passes, .. }, Ok(())) if passes + 1 >= check.healthy_threshold => {
                Self::Healthy { fails: 0 }
            }
            (Self::Unhealthy { passes, why }, Ok(())) => Self::Unhealthy { passes: passes + 1, why },
            (Self::Outside, Err(why)) => failed(0, why, |fails| Self::New { fails, checked: true }),
            (Self::New { fails, .. }, Err(why)) => failed(fails, why, |fails| Self::New { fails, checked: true }),
            (Self::Healthy { fails }, Err(why)) => failed(fails, why, |fails| Self::Healthy { fails }),
            (Self::Unhealthy { .. }, Err(why)) => Self::Unhealthy { passes: 0, why: why.clone() },
        }
    }
}
