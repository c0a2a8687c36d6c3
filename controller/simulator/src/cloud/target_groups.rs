//! Target groups: their settings and who is registered. How health comes about is in [`super::health`].
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html>

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::Duration;

use aws_api::ec2::InstanceState;
use aws_api::elbv2::{CreateTargetGroup, TargetGroup, TargetHealthCheck};
use aws_api::id::{InstanceId, LoadBalancerArn, TargetGroupArn, VpcId, Zone};
use aws_api::{Ref, Reply, ResourceId, Tags};
use crds_schema::spec::Protocol;

use super::attributes;
use super::health::TargetRecord;
use super::ledger::Kind;
use super::load_balancers::{NAMES_MAX, check_name};
use super::tags::{Service, check_tags};
use super::world::{Outcome, World, refuse};

#[derive(Debug, Clone)]
pub(crate) struct TargetGroupRecord {
    pub arn: TargetGroupArn,
    pub name: String,
    pub target_type: TargetType,
    pub protocol: Protocol,
    pub port: u16,
    pub vpc: VpcId,
    pub health_check: TargetHealthCheck,
    pub attributes: BTreeMap<String, String>,
    /// When slow start was enabled last: who is healthy by then does not begin slowly.
    pub slow_start_since: Option<Duration>,
    pub tags: Tags,
    pub targets: BTreeMap<(String, u16), TargetRecord>,
}

/// What its targets are named by.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html#target-type>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TargetType {
    Instance,
    /// An address of a subnet of its VPC; others are not modelled.
    Ip,
}

impl TargetType {
    /// As AWS writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Instance => "instance",
            Self::Ip => "ip",
        }
    }
}

impl TargetGroupRecord {
    /// `user` is the load balancer that uses it.
    pub fn describe(&self, user: Option<&LoadBalancerArn>) -> TargetGroup {
        TargetGroup {
            load_balancers: user.into_iter().cloned().collect(),
            arn: self.arn.clone(),
            name: self.name.clone(),
            protocol: Some(self.protocol),
            port: Some(self.port),
            vpc: Some(self.vpc.clone()),
            health_check: self.health_check.clone(),
        }
    }
}

impl World {
    pub(crate) fn target_group(&self, arn: &TargetGroupArn) -> Outcome<&Rc<TargetGroupRecord>> {
        self.target_groups.get(arn).map_or_else(|| no_target_group(arn.as_str()), Ok)
    }

    pub(crate) fn target_group_mut(&mut self, arn: &TargetGroupArn) -> Outcome<&mut TargetGroupRecord> {
        self.target_groups.get_mut(arn).map_or_else(|| no_target_group(arn.as_str()), |group| Ok(Rc::make_mut(group)))
    }

    /// The load balancer that uses it, through a listener or a rule, be it with weight 0: at most one can.
    pub(crate) fn balancer_of(&self, target_group: &TargetGroupArn) -> Option<&LoadBalancerArn> {
        self.listeners.values().find(|l| l.uses(target_group)).map(|l| &l.balancer)
    }

    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetGroups.html>
    pub(crate) fn describe_target_groups(&self, names: &[String]) -> Outcome<Reply> {
        if names.len() > NAMES_MAX {
            return refuse("ValidationError", format!("at most {NAMES_MAX} names may be given"));
        }
        if let Some(missing) = names.iter().find(|name| !self.target_groups.values().any(|g| g.name == **name)) {
            return no_target_group(missing);
        }
        let asked = self.target_groups.values().filter(|g| names.is_empty() || names.contains(&g.name));
        Ok(Reply::TargetGroups(asked.map(|g| g.describe(self.balancer_of(&g.arn))).collect()))
    }

    pub(crate) fn create_target_group(&mut self, create: &CreateTargetGroup) -> Outcome<Reply> {
        Ok(Reply::Made(ResourceId::TargetGroup(self.add_target_group(create, TargetType::Instance)?)))
    }

    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html>
    pub(crate) fn add_target_group(
        &mut self,
        create: &CreateTargetGroup,
        target_type: TargetType,
    ) -> Outcome<TargetGroupArn> {
        let name = &create.name;
        check_name("Target group", name)?;
        check_tags(Service::Elb, &create.tags, self.config.quotas.tags)?;
        check_health_check(&create.health_check)?;
        if create.port == 0 {
            return refuse("ValidationError", "Port '0' is not valid");
        }
        if !self.config.subnets.values().any(|s| s.subnet.vpc == create.vpc) {
            return refuse("ValidationError", format!("The VPC ID '{}' is not found", create.vpc));
        }
        if let Some(present) = self.target_groups.values().find(|g| g.name == *name) {
            let same = present.target_type == target_type
                && present.protocol == create.protocol
                && present.port == create.port
                && present.vpc == create.vpc
                && present.health_check == create.health_check;
            if same {
                return Ok(present.arn.clone());
            }
            let message = format!("A target group with the same name '{name}' exists, but with different settings");
            return refuse("DuplicateTargetGroupName", message);
        }
        if self.target_groups.len() >= self.config.quotas.target_groups {
            return refuse("TooManyTargetGroups", "The limit on the number of target groups has been reached");
        }
        let unique = self.ids.hex(16);
        let arn = self.elb_arn(&format!("targetgroup/{name}/{unique}"));
        let record = TargetGroupRecord {
            arn: TargetGroupArn::parse(arn).expect("begins with its prefix"),
            name: name.clone(),
            target_type,
            protocol: create.protocol,
            port: create.port,
            vpc: create.vpc.clone(),
            health_check: create.health_check.clone(),
            attributes: attributes::of_target_group(),
            slow_start_since: None,
            tags: create.tags.clone(),
            targets: BTreeMap::new(),
        };
        let arn = record.arn.clone();
        self.note_created(Kind::TargetGroup, &arn);
        self.target_groups.insert(arn.clone(), Rc::new(record));
        Ok(arn)
    }

    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ModifyTargetGroup.html>
    pub(crate) fn set_health_check(&mut self, arn: &TargetGroupArn, check: &TargetHealthCheck) -> Outcome<Reply> {
        let group = self.target_group_mut(arn)?;
        check_health_check(check)?;
        group.health_check = check.clone();
        Ok(Reply::Done)
    }

    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ModifyTargetGroupAttributes.html>
    pub(crate) fn set_target_group_attributes(
        &mut self,
        arn: &Ref<TargetGroupArn>,
        new: &BTreeMap<String, String>,
    ) -> Outcome<Reply> {
        let Some(arn) = arn.id() else { return no_target_group("unresolved") };
        let at = self.at;
        let group = self.target_group_mut(arn)?;
        let before = attributes::slow_start(&group.attributes);
        attributes::set_of_target_group(&mut group.attributes, new)?;
        if attributes::slow_start(&group.attributes) && !before {
            group.slow_start_since = Some(at);
        }
        Ok(Reply::Done)
    }

    /// One that does not exist is no error: the only documented one is `ResourceInUse`.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DeleteTargetGroup.html>
    pub(crate) fn delete_target_group(&mut self, arn: &TargetGroupArn) -> Outcome<Reply> {
        if self.balancer_of(arn).is_some() {
            let message = format!("Target group '{arn}' is currently in use by a listener or a rule");
            return refuse("ResourceInUse", message);
        }
        if self.target_groups.remove(arn).is_some() {
            self.note_deleted(Kind::TargetGroup, arn);
        }
        Ok(Reply::Done)
    }

    pub(crate) fn register(
        &mut self,
        arn: &Ref<TargetGroupArn>,
        instances: &BTreeSet<InstanceId>,
        port: u16,
    ) -> Outcome<Reply> {
        let Some(arn) = arn.id() else { return no_target_group("unresolved") };
        let targets = instances.iter().map(|id| (id.to_string(), port)).collect();
        self.register_targets(arn, &targets)?;
        Ok(Reply::Done)
    }

    /// All or none. One that drains is taken back in, as a new target.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RegisterTargets.html>
    pub(crate) fn register_targets(&mut self, arn: &TargetGroupArn, wanted: &BTreeSet<(String, u16)>) -> Outcome<()> {
        let group = self.target_group(arn)?;
        if wanted.iter().any(|(_, port)| *port == 0) {
            return refuse("ValidationError", "Port '0' is not valid");
        }
        wanted.iter().try_for_each(|(id, _)| self.check_target(group, id))?;
        let max = self.config.quotas.targets_per_group;
        let group = self.target_group_mut(arn)?;
        let mut targets = group.targets.clone();
        for target in wanted {
            let record = targets.entry(target.clone()).or_default();
            if record.draining_until.is_some() {
                *record = TargetRecord::default();
            }
        }
        if targets.len() > max {
            return refuse("TooManyTargets", "The limit on the number of targets has been reached");
        }
        group.targets = targets;
        match self.balancer_of(arn) {
            Some(balancer) => self.check_targets(self.listeners_of(balancer).into_iter().flat_map(|l| l.groups())),
            None => Ok(()),
        }
    }

    /// Whether a load balancer may use these target groups together; each counts once.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html>
    pub(crate) fn check_targets<'a>(&self, used: impl Iterator<Item = &'a TargetGroupArn>) -> Outcome<()> {
        let used: BTreeSet<&TargetGroupArn> = used.collect();
        let groups = used.into_iter().filter_map(|arn| self.target_groups.get(arn));
        if groups.map(|group| group.targets.len()).sum::<usize>() > self.config.quotas.targets_per_balancer {
            return refuse(
                "TooManyTargets",
                "The limit on the number of targets of the load balancer has been reached",
            );
        }
        Ok(())
    }

    /// Whether that can be a target of the group: a running instance of its VPC, or an address of one of its subnets.
    fn check_target(&self, group: &TargetGroupRecord, id: &str) -> Outcome<()> {
        let vpc = &group.vpc;
        if group.target_type == TargetType::Ip {
            return match self.zone_of_address(vpc, id) {
                Some(_) => Ok(()),
                None => refuse("ValidationError", format!("only addresses of subnets of '{vpc}' are modelled: '{id}'")),
            };
        }
        let found = InstanceId::parse(id).ok().and_then(|id| self.instance(&id, self.at).ok());
        match found {
            Some(instance) if instance.state(self.at) == InstanceState::Running && instance.vpc == *vpc => Ok(()),
            Some(instance) if instance.vpc != *vpc => {
                let message = format!("The following targets are not in the target group VPC '{vpc}': '{id}'");
                refuse("InvalidTarget", message)
            }
            Some(_) | None => {
                let message =
                    format!("The following targets are not in a running state and cannot be registered: '{id}'");
                refuse("InvalidTarget", message)
            }
        }
    }

    /// The zone of the subnet of that VPC that an IPv4 address is in.
    pub(crate) fn zone_of_address(&self, vpc: &VpcId, address: &str) -> Option<&Zone> {
        let address: Ipv4Addr = address.parse().ok()?;
        let subnets = self.config.subnets.values().filter(|known| known.subnet.vpc == *vpc);
        subnets.filter(|known| known.range.contains(&address)).map(|known| &known.subnet.zone).next()
    }

    /// Starts the drain; what is not registered is no error. A target that no load balancer uses goes at once.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DeregisterTargets.html>
    pub(crate) fn deregister(&mut self, arn: &TargetGroupArn, targets: &BTreeSet<(String, u16)>) -> Outcome<Reply> {
        self.target_group(arn)?;
        let at = self.at;
        let in_use: BTreeSet<_> = targets.iter().filter(|target| self.is_in_use(arn, target)).cloned().collect();
        let group = self.target_group_mut(arn)?;
        let delay = group.attributes.get("deregistration_delay.timeout_seconds").and_then(|text| text.parse().ok());
        let until = at + std::time::Duration::from_secs(delay.unwrap_or(300));
        for target in targets {
            match group.targets.get_mut(target) {
                Some(record) if in_use.contains(target) && until > at => {
                    record.draining_until.get_or_insert(until);
                }
                Some(_) => {
                    group.targets.remove(target);
                }
                None => {}
            }
        }
        Ok(Reply::Done)
    }
}

/// Limits: <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html>.
fn check_health_check(check: &TargetHealthCheck) -> Outcome<()> {
    let invalid = |what: String| refuse("ValidationError", what);
    if !(5..=300).contains(&check.interval_secs) {
        return invalid(format!("Health check interval '{}' must be between 5 and 300", check.interval_secs));
    }
    if !(2..=120).contains(&check.timeout_secs) || check.timeout_secs >= check.interval_secs {
        return invalid(format!(
            "Health check timeout '{}' must be between 2 and 120, and smaller than the interval '{}'",
            check.timeout_secs, check.interval_secs
        ));
    }
    for threshold in [check.healthy_threshold, check.unhealthy_threshold] {
        if !(2..=10).contains(&threshold) {
            return invalid(format!("Health check threshold '{threshold}' must be between 2 and 10"));
        }
    }
    if !check.path.starts_with('/') || check.path.len() > 1024 {
        return invalid(format!("Health check path '{}' must begin with '/'", check.path));
    }
    if check.port != "traffic-port" && !check.port.parse::<u16>().is_ok_and(|port| port > 0) {
        return invalid(format!("Health check port '{}' must be 'traffic-port' or a port", check.port));
    }
    if !matches!(check.protocol.as_str(), "HTTP" | "HTTPS") {
        return invalid(format!("Health check protocol '{}' must be HTTP or HTTPS", check.protocol));
    }
    match codes(&check.matcher) {
        Some(_) => Ok(()),
        None => invalid(format!("Health check matcher HTTP code '{}' is not valid", check.matcher)),
    }
}

/// The ranges of codes that a matcher names, such as `200,202` or `200-299`.
pub(crate) fn codes(matcher: &str) -> Option<Vec<(u16, u16)>> {
    let range = |part: &str| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
        (200 <= from && from <= to && to <= 499).then_some((from, to))
    };
    matcher.split(',').map(range).collect()
}

fn no_target_group<T>(which: &str) -> Outcome<T> {
    refuse("TargetGroupNotFound", format!("One or more target groups not found: '{which}'"))
}
