//! What the spec wants, as a graph of resources with their names filled in.
//!
//! In: the spec, the subnets and zones that exist, and what is recorded (a name that AWS fixed at creation stays).
//! Out: [`Wanted`]. Never: looks at what differs; that is [`crate::diff`].

use std::collections::{BTreeMap, BTreeSet};

use aws_api::ec2::Subnet;
use aws_api::elbv2::TargetHealthCheck;
use aws_api::id::{AmiId, SubnetId, VpcId, Zone};
use crds_schema::Spec;
use crds_schema::spec::{Algorithm, BlockDevice, HealthCheckPort, Instances, Protocol, Scheme, Service};
use crds_schema::user_data::{decoded, in_one_line};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::observed::Observed;
use crate::ownership::{self, hex};
use crate::reason::{Reason, Why};
use crate::record::{Good, GroupRole, Record};

/// What is wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// The VPC.
    pub vpc: VpcId,
    /// Whether one of the subnets has an IPv6 CIDR.
    pub ipv6: bool,
    /// The load balancer's subnets: the first listed of each zone.
    pub balancer_subnets: BTreeMap<Zone, SubnetId>,
    /// Where members may be launched: the first listed subnet of each zone that offers the type, in listed order.
    pub instance_subnets: Vec<(Zone, SubnetId)>,
    /// Every listed subnet; a member in another one is of an older edit.
    pub subnets: BTreeSet<SubnetId>,
    /// Names of the groups.
    pub group_names: BTreeMap<GroupRole, String>,
    /// The load balancer.
    pub load_balancer: WantedLoadBalancer,
    /// The target group.
    pub target_group: WantedTargetGroup,
    /// Listeners by port.
    pub listeners: BTreeMap<u16, Protocol>,
    /// What members are launched from.
    pub template: Template,
    /// What they are launched from while that cannot be had.
    pub fallback: Option<Fallback>,
}

/// The last good revision, as far as members are launched from it. All else of a member is as the spec in force says.
#[derive(Debug, Clone, PartialEq)]
pub struct Fallback {
    /// Its number.
    pub revision: u64,
    /// What members are launched from.
    pub template: Template,
    /// Where, likewise to [`Wanted::instance_subnets`].
    pub instance_subnets: Vec<(Zone, SubnetId)>,
}

/// The load balancer that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedLoadBalancer {
    /// Its name.
    pub name: String,
    /// Who can reach it.
    pub scheme: Scheme,
    /// Its attributes.
    pub attributes: BTreeMap<String, String>,
}

/// The target group that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedTargetGroup {
    /// The service that it serves.
    pub service: String,
    /// Its name.
    pub name: String,
    /// Protocol to the targets.
    pub protocol: Protocol,
    /// Port of the targets.
    pub port: u16,
    /// How health is checked.
    pub health_check: TargetHealthCheck,
    /// Its attributes.
    pub attributes: BTreeMap<String, String>,
}

impl WantedTargetGroup {
    /// The ports that the load balancer must reach: that of the service, and that of the health check.
    pub fn ports(&self) -> BTreeSet<u16> {
        let check = self.health_check.port.parse().unwrap_or(self.port);
        [self.port, check].into()
    }
}

/// What members are launched from. A member whose hash of it differs is outdated.
///
/// Groups, metadata options and tags are not in it: they are changed in place. The profile is both: an edit of it replaces
/// members one by one, and one that was changed by hand is set back in place.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Template {
    /// The image.
    pub image: AmiId,
    /// The type.
    pub instance_type: String,
    /// Key pair.
    pub key_name: Option<String>,
    /// Instance profile.
    pub instance_profile: Option<String>,
    /// User data that is text, however the record writes it: the same text in base64 launches the same instance.
    pub user_data: Option<String>,
    /// Disks.
    pub block_devices: Vec<BlockDevice>,
    /// Whether each gets a public address.
    pub associate_public_ip: Option<bool>,
    /// User data that is no text, in base64. Left out where there is none, so that the hashes of older versions stand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binary_user_data: Option<String>,
}

impl Template {
    /// What the spec says; `None` if it lacks image or type.
    pub fn of(spec: &Spec) -> Option<Self> {
        let instances = &spec.instances;
        let (text, binary) = user_data(instances);
        Some(Self {
            image: AmiId::parse(spec.image.ami_id.clone()?).ok()?,
            instance_type: instances.types.first()?.clone(),
            key_name: instances.key_name.clone(),
            instance_profile: instances.instance_profile.clone(),
            user_data: text,
            block_devices: instances.block_devices.clone(),
            associate_public_ip: instances.associate_public_ip,
            binary_user_data: binary,
        })
    }

    /// Whether members are launched with user data.
    pub(crate) fn has_user_data(&self) -> bool {
        self.user_data.is_some() || self.binary_user_data.is_some()
    }

    /// Its hash, as members and intents carry it.
    pub fn hash(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        hex(&Sha256::digest(text.as_bytes()), 16)
    }
}

/// The user data as text, or as the base64 of what is no text.
fn user_data(instances: &Instances) -> (Option<String>, Option<String>) {
    let Some(written) = &instances.user_data else { return (None, None) };
    if !instances.user_data_base64 {
        return (Some(written.clone()), None);
    }
    match decoded(written).and_then(|bytes| String::from_utf8(bytes).ok()) {
        Some(text) => (Some(text), None),
        None => (None, Some(in_one_line(written))),
    }
}

/// What is wanted, or why that cannot be said.
pub fn wanted(record: &Record, spec: &Spec, observed: &Observed) -> Result<Wanted, Why> {
    let subnets = listed_subnets(spec, observed)?;
    let balancer_subnets = first_of_each_zone(&subnets);
    if balancer_subnets.len() < 2 {
        let zones: Vec<_> = balancer_subnets.iter().map(|(zone, _)| zone.to_string()).collect();
        let message = format!("the subnets lie in {} only, and an ALB needs two zones", zones.join(", "));
        return Err(Why::new(Reason::TooFewZones, message));
    }
    let offering = |zones: Option<&BTreeSet<Zone>>| {
        let offers = |(zone, _): &&(Zone, SubnetId)| zones.is_some_and(|zones| zones.contains(zone));
        balancer_subnets.iter().filter(offers).cloned().collect::<Vec<_>>()
    };
    let instance_subnets = offering(observed.offerings.seen());
    let fallback = good_template(record).map(|(good, template)| Fallback {
        revision: good.revision,
        template,
        instance_subnets: offering(observed.fallback.as_ref().and_then(|input| input.offerings.seen())),
    });
    let service = spec.services.first();
    let template = Template::of(spec);
    let (Some(service), Some(template)) = (service, template) else {
        return Err(Why::new(Reason::SpecInvalid, "the revision in force has no service, image or instance type"));
    };
    Ok(Wanted {
        vpc: subnets[0].vpc.clone(),
        ipv6: subnets.iter().any(|subnet| subnet.has_ipv6),
        balancer_subnets: balancer_subnets.into_iter().collect(),
        instance_subnets,
        subnets: subnets.iter().map(|subnet| subnet.id.clone()).collect(),
        group_names: GroupRole::BOTH.map(|role| (role, group_name(&record.name, spec, role))).into(),
        load_balancer: WantedLoadBalancer {
            name: load_balancer_name(&record.name, spec),
            scheme: spec.load_balancer.scheme,
            attributes: load_balancer_attributes(spec),
        },
        target_group: target_group(record, service),
        listeners: spec.load_balancer.listeners.iter().map(|listener| (listener.port, listener.protocol)).collect(),
        template,
        fallback,
    })
}

/// The last good revision and what it launches from, if that is something else than the one in force does.
pub(crate) fn good_template(record: &Record) -> Option<(&Good, Template)> {
    let good = record.good.as_ref().filter(|_| !record.deleting)?;
    let template = Template::of(&good.spec)?;
    let wanted = record.spec.as_ref().and_then(Template::of);
    (wanted.as_ref() != Some(&template)).then_some((good, template))
}

/// The subnets that the spec lists, in its order, or the default VPC's in the order of their zones.
fn listed_subnets<'o>(spec: &Spec, observed: &'o Observed) -> Result<Vec<&'o Subnet>, Why> {
    let all = match observed.subnets.seen() {
        Some(all) => all,
        None => return Err(Why::new(Reason::Unread, format!("subnets: {}", observed.subnets.unread().unwrap_or("")))),
    };
    if spec.network.subnet_ids.is_empty() {
        let mut default: Vec<&Subnet> = all.iter().filter(|subnet| subnet.default_for_az).collect();
        default.sort_by(|a, b| (&a.zone, &a.id).cmp(&(&b.zone, &b.id)));
        if default.is_empty() {
            return Err(Why::new(Reason::NoDefaultVpc, "the region has no default VPC with default subnets"));
        }
        return Ok(default);
    }
    let find = |id: &String| all.iter().find(|subnet| subnet.id.as_str() == id);
    let missing: Vec<&str> =
        spec.network.subnet_ids.iter().filter(|id| find(id).is_none()).map(String::as_str).collect();
    if missing.is_empty() {
        return Ok(spec.network.subnet_ids.iter().filter_map(find).collect());
    }
    let vpc = spec.network.vpc_id.as_deref().unwrap_or("the default VPC");
    Err(Why::new(Reason::SubnetMissing, format!("spec.network.subnetIds: {} not in {vpc}", missing.join(", "))))
}

fn first_of_each_zone(subnets: &[&Subnet]) -> Vec<(Zone, SubnetId)> {
    let mut first: Vec<(Zone, SubnetId)> = Vec::new();
    for subnet in subnets {
        if !first.iter().any(|(zone, _)| *zone == subnet.zone) {
            first.push((subnet.zone.clone(), subnet.id.clone()));
        }
    }
    first
}

fn target_group(record: &Record, service: &Service) -> WantedTargetGroup {
    let check = &service.health_check;
    let seconds = |duration: crds_schema::SpecDuration| u32::try_from(duration.as_secs()).unwrap_or(u32::MAX);
    WantedTargetGroup {
        service: service.name.clone(),
        name: target_group_name(&record.name, service),
        protocol: service.protocol,
        port: service.port,
        health_check: TargetHealthCheck {
            protocol: protocol_word(service.protocol).into(),
            port: match check.port {
                HealthCheckPort::TrafficPort => "traffic-port".into(),
                HealthCheckPort::Port(port) => port.to_string(),
            },
            path: check.path.clone(),
            interval_secs: seconds(check.interval),
            timeout_secs: seconds(check.timeout),
            healthy_threshold: check.healthy_threshold,
            unhealthy_threshold: check.unhealthy_threshold,
            matcher: check.matcher.clone(),
        },
        attributes: target_group_attributes(service),
    }
}

/// The protocol as AWS writes it.
pub fn protocol_word(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Http => "HTTP",
        Protocol::Https => "HTTPS",
    }
}

/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerAttribute.html>
fn load_balancer_attributes(spec: &Spec) -> BTreeMap<String, String> {
    let balancer = &spec.load_balancer;
    [
        ("idle_timeout.timeout_seconds", balancer.idle_timeout.as_secs().to_string()),
        (DELETION_PROTECTION, balancer.deletion_protection.to_string()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}

/// The attribute that makes AWS refuse a delete.
pub const DELETION_PROTECTION: &str = "deletion_protection.enabled";

/// Stickiness that is off keeps its default duration, so that switching it on and off again leaves nothing behind.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html>
fn target_group_attributes(service: &Service) -> BTreeMap<String, String> {
    let sticky = service.stickiness.as_ref();
    let algorithm = match service.algorithm {
        Algorithm::RoundRobin => "round_robin",
        Algorithm::LeastOutstandingRequests => "least_outstanding_requests",
        Algorithm::WeightedRandom => "weighted_random",
    };
    [
        ("stickiness.enabled", sticky.is_some().to_string()),
        ("stickiness.type", "lb_cookie".to_owned()),
        (
            "stickiness.lb_cookie.duration_seconds",
            sticky.map_or(86_400, |sticky| sticky.duration.as_secs()).to_string(),
        ),
        ("deregistration_delay.timeout_seconds", service.deregistration_delay.as_secs().to_string()),
        ("slow_start.duration_seconds", service.slow_start.as_secs().to_string()),
        ("load_balancing.algorithm.type", algorithm.to_owned()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}

/// What AWS documents as the value of an attribute that nobody has set.
pub fn attribute_default(key: &str) -> Option<&'static str> {
    match key {
        "idle_timeout.timeout_seconds" => Some("60"),
        DELETION_PROTECTION | "stickiness.enabled" => Some("false"),
        "stickiness.type" => Some("lb_cookie"),
        "stickiness.lb_cookie.duration_seconds" => Some("86400"),
        "deregistration_delay.timeout_seconds" => Some("300"),
        "slow_start.duration_seconds" => Some("0"),
        "load_balancing.algorithm.type" => Some("round_robin"),
        // Not named by the schema, but AWS refuses some of their values beside what it names.
        "load_balancing.algorithm.anomaly_mitigation" => Some("off"),
        "load_balancing.cross_zone.enabled" => Some("use_load_balancer_configuration"),
        "stickiness.app_cookie.cookie_name" => Some(""),
        _ => None,
    }
}

/// The name of one of the two security groups.
pub fn group_name(environment: &str, spec: &Spec, role: GroupRole) -> String {
    let set = match role {
        GroupRole::LoadBalancer => &spec.security_groups.load_balancer.name,
        GroupRole::Instances => &spec.security_groups.instances.name,
    };
    set.clone().unwrap_or_else(|| ownership::group_name(environment, role))
}

/// The name of the load balancer.
pub fn load_balancer_name(environment: &str, spec: &Spec) -> String {
    spec.load_balancer.name.clone().unwrap_or_else(|| ownership::load_balancer_name(environment))
}

/// The name of a service's target group. What AWS fixes at creation is hashed into it: protocol and port (the VPC is
/// fixed for the whole environment).
pub fn target_group_name(environment: &str, service: &Service) -> String {
    service.target_group_name.clone().unwrap_or_else(|| {
        let immutable = format!("{} {}", protocol_word(service.protocol), service.port);
        ownership::target_group_name(environment, &service.name, &immutable)
    })
}

/// What is wanted, in words that compare from pass to pass: the brake against a graph that lost resources without an
/// edit (aws-load-balancer-controller #2762 computed an empty model and acted on it).
pub fn fingerprint(wanted: &Wanted) -> BTreeSet<String> {
    let zones = wanted.balancer_subnets.keys().map(|zone| format!("zone {zone}"));
    let listeners = wanted.listeners.keys().map(|port| format!("listener {port}"));
    let fixed = [
        format!("vpc {}", wanted.vpc),
        format!("target group {}", wanted.target_group.name),
        // Not by name: an edit of it is refused while there is one, and taken once there is none.
        "load balancer".to_owned(),
    ];
    zones.chain(listeners).chain(fixed).collect()
}
