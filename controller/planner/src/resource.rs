//! AWS's resources, as AWS describes them, reduced to what the product looks at.
//!
//! The adapter and the simulator write these; the planner reads them. Nothing here says who owns what
//! or what is wanted.

mod rules;
mod usage;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crds_schema::Cidr;
use crds_schema::spec::{HttpTokens, Protocol, Scheme};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{
    AmiId, InstanceId, ListenerArn, LoadBalancerArn, ProfileAssociationId, SecurityGroupId, SubnetId, TargetGroupArn,
    VolumeId, VpcId, Zone,
};
use crate::request::Ref;

pub use self::rules::{ListenerAction, ListenerRule, action_words};
pub use self::usage::{NetworkInterface, Usage};

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// A subnet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    /// Its id.
    pub id: SubnetId,
    /// The VPC that it is in.
    pub vpc: VpcId,
    /// Its zone.
    pub zone: Zone,
    /// Whether it has an IPv6 CIDR.
    pub has_ipv6: bool,
    /// Whether it is the default subnet of its zone.
    pub default_for_az: bool,
}

/// An image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its id.
    pub id: AmiId,
    /// `pending`, `available`, `failed`, `deregistered` and so on.
    pub state: String,
    /// The root device's name, such as `/dev/xvda`.
    pub root_device: Option<String>,
    /// The devices that it maps to EBS volumes.
    pub ebs_devices: Vec<String>,
}

/// A security group with its rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityGroup {
    /// Its id.
    pub id: SecurityGroupId,
    /// Its name, unique in its VPC.
    pub name: String,
    /// Its VPC.
    pub vpc: VpcId,
    /// Inbound rules.
    pub ingress: BTreeSet<Rule>,
    /// Outbound rules.
    pub egress: BTreeSet<Rule>,
    /// Its tags.
    pub tags: Tags,
}

/// Which way a rule lets traffic through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Into the members of the group.
    Ingress,
    /// Out of the members of the group.
    Egress,
}

/// One rule with one peer. AWS groups peers into permissions; the adapter takes them apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rule {
    /// `tcp`, `udp`, `icmp`, a protocol number, or `-1` for all.
    pub protocol: String,
    /// First port; absent for all.
    pub from: Option<i32>,
    /// Last port; absent for all.
    pub to: Option<i32>,
    /// Who is let through.
    pub peer: Peer,
}

/// Who a rule lets through.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Peer {
    /// An address range, IPv4 or IPv6.
    Cidr(Cidr),
    /// The members of a security group.
    Group(Ref<SecurityGroupId>),
    /// A managed prefix list.
    PrefixList(String),
}

/// An instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its id.
    pub id: InstanceId,
    /// Its state.
    pub state: InstanceState,
    /// The client token of the RunInstances call that made it.
    pub client_token: Option<String>,
    /// Its image.
    pub image: AmiId,
    /// Its type.
    pub instance_type: String,
    /// Its zone.
    pub zone: Zone,
    /// Its subnet; absent once terminated.
    pub subnet: Option<SubnetId>,
    /// Its VPC; absent once terminated.
    pub vpc: Option<VpcId>,
    /// The security groups of its primary network interface.
    pub groups: BTreeSet<SecurityGroupId>,
    /// Its key pair.
    pub key_name: Option<String>,
    /// The name of its instance profile (the last part of the profile's ARN).
    pub instance_profile: Option<String>,
    /// Its private IPv4 address.
    pub private_ip: Option<String>,
    /// Its public IPv4 address.
    pub public_ip: Option<String>,
    /// Whether IMDSv2 tokens are required.
    pub http_tokens: Option<HttpTokens>,
    /// The metadata hop limit.
    pub hop_limit: Option<u32>,
    /// When AWS says that it was launched.
    pub launched_at: Timestamp,
    /// Why it is in its state, such as `Client.UserInitiatedShutdown`.
    pub state_reason: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// An EBS volume that is attached to an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Its id.
    pub id: VolumeId,
    /// The instance. Of the few that may have more than one, any of them.
    pub instance: InstanceId,
    /// Its tags.
    pub tags: Tags,
}

/// An instance profile that an instance has, or is about to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileAssociation {
    /// Its id, by which it is replaced or ended.
    pub id: ProfileAssociationId,
    /// The instance. It has at most one.
    pub instance: InstanceId,
    /// The profile's name (the last part of its ARN).
    pub profile: String,
}

/// Where an instance is in its life.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceState {
    /// Being started.
    Pending,
    /// Running.
    Running,
    /// Being stopped.
    Stopping,
    /// Stopped.
    Stopped,
    /// Being terminated.
    ShuttingDown,
    /// Gone; it stays visible for about an hour.
    Terminated,
}

/// What EC2's status checks say of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StatusChecks {
    /// Both passed.
    Ok,
    /// Still in their first minutes.
    Initializing,
    /// The system's or the instance's check failed.
    Impaired,
    /// AWS says nothing about it.
    Unknown,
}

/// An Application Load Balancer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadBalancer {
    /// Its ARN.
    pub arn: LoadBalancerArn,
    /// Its name, unique in its account and region.
    pub name: String,
    /// Its DNS name.
    pub dns_name: String,
    /// The Route 53 zone of its DNS name.
    pub hosted_zone_id: Option<String>,
    /// Whether it has public addresses.
    pub scheme: Scheme,
    /// Its VPC.
    pub vpc: VpcId,
    /// `provisioning`, `active`, `active_impaired` or `failed`.
    pub state: LoadBalancerState,
    /// Its subnets by zone.
    pub subnets: BTreeMap<Zone, SubnetId>,
    /// Its security groups.
    pub groups: BTreeSet<SecurityGroupId>,
}

/// Where a load balancer is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LoadBalancerState {
    /// Being set up.
    Provisioning,
    /// Serving.
    Active,
    /// Serving, but short of what it needs to scale.
    ActiveImpaired,
    /// Could not be set up.
    Failed,
}

/// A target group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetGroup {
    /// Its ARN.
    pub arn: TargetGroupArn,
    /// Its name, unique in its account and region.
    pub name: String,
    /// Protocol to the targets.
    pub protocol: Option<Protocol>,
    /// Default port of its targets.
    pub port: Option<u16>,
    /// Its VPC.
    pub vpc: Option<VpcId>,
    /// How health is checked.
    pub health_check: TargetHealthCheck,
    /// The load balancers that use it, through a listener or a rule: at most one.
    pub load_balancers: Vec<LoadBalancerArn>,
}

/// How a target group checks health, in ELBv2's own terms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetHealthCheck {
    /// `HTTP` or another.
    pub protocol: String,
    /// `traffic-port` or a number.
    pub port: String,
    /// The path asked for.
    pub path: String,
    /// Seconds between two checks.
    pub interval_secs: u32,
    /// Seconds that an answer may take.
    pub timeout_secs: u32,
    /// Passes until healthy.
    pub healthy_threshold: u32,
    /// Failures until unhealthy.
    pub unhealthy_threshold: u32,
    /// HTTP codes that pass.
    pub matcher: String,
}

/// A listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Its ARN.
    pub arn: ListenerArn,
    /// Its load balancer.
    pub load_balancer: LoadBalancerArn,
    /// Its port.
    pub port: u16,
    /// `HTTP`, `HTTPS` or another.
    pub protocol: String,
    /// The target group that all requests are forwarded to, if that is all that it does. A second group of weight 0
    /// does not count, it stands in `warms`; anything else (two weights, redirect, fixed response) makes this `None`.
    pub forwards_to: Option<TargetGroupArn>,
    /// A second target group in the forward action, with weight 0: it takes no requests, but its targets are
    /// health-checked, since it is in use. So a new group is made healthy before the listener is moved to it.
    pub warms: Option<TargetGroupArn>,
    /// All that it does with a request that meets no rule, in order.
    pub actions: Vec<ListenerAction>,
}

/// One target of a target group, as DescribeTargetHealth shows it.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Instance id (or an address, in a group made by somebody else).
    pub id: String,
    /// The port that it is registered on.
    pub port: u16,
    /// Its health.
    pub health: TargetHealth,
    /// AWS's reason code, such as `Target.Timeout`.
    pub reason: Option<String>,
    /// AWS's words for it.
    pub description: Option<String>,
}

/// Health of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetHealth {
    /// Being registered, or not yet checked.
    Initial,
    /// Passing its checks.
    Healthy,
    /// Failing its checks.
    Unhealthy,
    /// Not used: no listener, its zone not enabled, or the target stopped.
    Unused,
    /// Taken out, finishing what it has in flight.
    Draining,
    /// Health checks are off.
    Unavailable,
}

macro_rules! words {
    ($name:ident { $($variant:ident = $word:literal),* $(,)? }) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $word),* })
            }
        }

        impl $name {
            /// The value that AWS writes as `word`.
            pub fn from_aws(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }
    };
}
words!(InstanceState {
    Pending = "pending",
    Running = "running",
    Stopping = "stopping",
    Stopped = "stopped",
    ShuttingDown = "shutting-down",
    Terminated = "terminated",
});
words!(TargetHealth {
    Initial = "initial",
    Healthy = "healthy",
    Unhealthy = "unhealthy",
    Unused = "unused",
    Draining = "draining",
    Unavailable = "unavailable",
});
words!(LoadBalancerState {
    Provisioning = "provisioning",
    Active = "active",
    ActiveImpaired = "active_impaired",
    Failed = "failed",
});

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.protocol.as_str(), self.from, self.to) {
            ("-1", _, _) => f.write_str("all traffic")?,
            (protocol, Some(from), Some(to)) if from == to => write!(f, "{protocol} {from}")?,
            (protocol, Some(from), Some(to)) => write!(f, "{protocol} {from}-{to}")?,
            (protocol, _, _) => f.write_str(protocol)?,
        }
        match &self.peer {
            Peer::Cidr(cidr) => write!(f, " {cidr}"),
            Peer::Group(group) => write!(f, " {group}"),
            Peer::PrefixList(list) => write!(f, " {list}"),
        }
    }
}
