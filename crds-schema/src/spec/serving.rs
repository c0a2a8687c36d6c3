//! The fields of what is served and reached: services, load balancer, security groups, access.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::forms::{
    Arn, HealthCheckPath, LoadBalancerName, PrefixListId, SecurityGroupId, SecurityGroupName, ServiceName,
    TargetGroupName,
};
use crate::limits::LISTENERS_MAX;
use crate::on_edit::OnEdit;
pub use crate::scalar::HealthCheckPort;
use crate::scalar::{Cidr, SpecDuration};
use crate::texts::HttpCodes;

/// What the instances serve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("examples" = [{"port": 8080}]))]
pub struct Service {
    /// Name of the service; listeners forward to it. Default `web`.
    #[serde(default = "default_service_name")]
    #[schemars(with = "ServiceName")]
    #[schemars(extend("x-onEdit" = OnEdit::ReplacesTargetGroup))]
    #[schemars(extend("x-onEditNote" = "Nothing in AWS changes where the target group keeps its name, as with `targetGroupName` set."))]
    pub name: String,
    /// Protocol between load balancer and instances. Default `HTTP`, in v1alpha1 the only one.
    #[serde(default)]
    pub protocol: Protocol,
    /// Port on the instances, 1 to 65535.
    #[schemars(range(min = 1), extend("examples" = [8080]))]
    #[schemars(extend("x-onEdit" = OnEdit::ReplacesTargetGroup))]
    #[schemars(extend("x-onEditNote" = "Where `targetGroupName` is set, the edit is refused unless it sets another one too."))]
    pub port: u16,
    /// Name of the target group. Default: made from the names of environment and service, with a hash of protocol and
    /// port.
    #[serde(default)]
    #[schemars(with = "Option<TargetGroupName>")]
    #[schemars(extend("x-onEdit" = OnEdit::ReplacesTargetGroup))]
    pub target_group_name: Option<String>,
    /// How health is checked. Default: `/` on the service's port every 30s.
    #[serde(default)]
    pub health_check: HealthCheck,
    /// Sticky sessions. Default: off.
    #[serde(default)]
    #[schemars(extend("x-onEdit" = OnEdit::InPlace))]
    pub stickiness: Option<Stickiness>,
    /// How long a target that was taken out may finish what it has in flight, 0s to 1h. Default 300s.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html>
    #[serde(default = "default_deregistration_delay")]
    #[schemars(extend("x-maximum" = "1h"))]
    #[schemars(extend("x-onEdit" = OnEdit::InPlace))]
    pub deregistration_delay: SpecDuration,
    /// How long a new target gets a growing share only; 0s (off) or 30s to 15m. Only with `round_robin`. Default 0s.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html>
    #[serde(default)]
    #[schemars(extend("x-maximum" = "15m"))]
    #[schemars(extend("x-onEdit" = OnEdit::InPlace))]
    pub slow_start: SpecDuration,
    /// How requests are spread. Default `round_robin`.
    #[serde(default)]
    #[schemars(extend("x-onEdit" = OnEdit::InPlace))]
    pub algorithm: Algorithm,
    /// ARN of an existing target group to take in (not supported yet).
    #[serde(default)]
    #[schemars(with = "Option<Arn>")]
    #[schemars(extend("x-notSupportedYet" = "leave it out; ours then stands beside it under targetGroupName"))]
    pub adopt: Option<String>,
}

/// Protocol of a listener or a service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Protocol {
    /// HTTP.
    #[default]
    Http,
    /// HTTPS (not supported yet).
    #[schemars(extend("x-notSupportedYet" = "write `HTTP`"))]
    Https,
}

/// How the load balancer checks a target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HealthCheck {
    /// Path asked for. Default `/`.
    #[schemars(with = "HealthCheckPath")]
    #[schemars(extend("x-onEdit" = OnEdit::InPlace))]
    pub path: String,
    /// `traffic-port`, or a port. Default `traffic-port`.
    #[schemars(extend("x-onEdit" = OnEdit::InPlace))]
    #[schemars(extend("x-onEditNote" = "The instances' security group lets the load balancer in on that port."))]
    pub port: HealthCheckPort,
    /// Time between two checks, 5s to 300s. Default 30s.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html>
    #[schemars(extend("x-minimum" = "5s", "x-maximum" = "300s"))]
    #[schemars(extend("x-onEdit" = OnEdit::InPlace))]
    pub interval: SpecDuration,
    /// How long an answer may take, 2s to 120s, less than the interval. Default 5s.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html>
    #[schemars(extend("x-minimum" = "2s", "x-maximum" = "120s"))]
    #[schemars(extend("x-onEdit" = OnEdit::InPlace))]
    pub timeout: SpecDuration,
    /// Passes in a row until healthy, 2 to 10. Default 5.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html>
    #[schemars(range(min = 2, max = 10))]
    #[schemars(extend("x-onEdit" = OnEdit::InPlace))]
    pub healthy_threshold: u32,
    /// Failures in a row until unhealthy, 2 to 10. Default 2.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html>
    #[schemars(range(min = 2, max = 10))]
    #[schemars(extend("x-onEdit" = OnEdit::InPlace))]
    pub unhealthy_threshold: u32,
    /// HTTP codes that pass, within 200 to 499, such as `200`, `200,202` or `200-299`. Default `200`.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html>
    #[schemars(with = "HttpCodes")]
    #[schemars(extend("x-onEdit" = OnEdit::InPlace))]
    pub matcher: String,
}

/// Sticky sessions by the load balancer's own cookie.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Stickiness {
    /// Which cookie. Default `lb_cookie`.
    #[serde(default, rename = "type")]
    pub kind: StickinessType,
    /// How long a client stays with its target, 1s to 7d. Default 24h.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html>
    #[serde(default = "default_stickiness")]
    #[schemars(extend("x-minimum" = "1s", "x-maximum" = "7d"))]
    #[schemars(extend("x-onEdit" = OnEdit::InPlace))]
    pub duration: SpecDuration,
}

/// Which cookie makes a session stick.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StickinessType {
    /// The load balancer's own.
    #[default]
    LbCookie,
}

/// How requests are spread over targets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// In turn.
    #[default]
    RoundRobin,
    /// To the target with the fewest requests in flight.
    LeastOutstandingRequests,
    /// At random, with anomaly mitigation possible. Not with `stickiness`.
    WeightedRandom,
}

/// The Application Load Balancer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct LoadBalancer {
    /// Its name. Default `<name>-alb`.
    #[schemars(with = "Option<LoadBalancerName>")]
    #[schemars(extend("x-onEdit" = OnEdit::Refused))]
    pub name: Option<String>,
    /// Who can reach it. Default `internet-facing`.
    #[schemars(extend("x-onEdit" = OnEdit::Refused))]
    pub scheme: Scheme,
    /// Address family. Default `ipv4`, in v1alpha1 the only one.
    pub ip_address_type: IpAddressType,
    /// Its listeners, at most 50, no two on one port. Default: HTTP on port 80, forwarding to the one service; an empty
    /// list means the same.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html>
    #[schemars(length(max = LISTENERS_MAX))]
    #[schemars(extend("x-onEdit" = OnEdit::InPlace))]
    #[schemars(extend("x-onEditNote" = "Listeners are made and deleted; the others stay."))]
    pub listeners: Vec<Listener>,
    /// How long a connection may be idle, 1s to 4000s. Default 60s.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html>
    #[schemars(extend("x-minimum" = "1s", "x-maximum" = "4000s"))]
    #[schemars(extend("x-onEdit" = OnEdit::InPlace))]
    pub idle_timeout: SpecDuration,
    /// Whether AWS refuses to delete it. Default `false`.
    #[schemars(extend("x-onEdit" = OnEdit::InPlace))]
    pub deletion_protection: bool,
    /// ARN of an existing load balancer to take in (not supported yet).
    #[schemars(with = "Option<Arn>")]
    #[schemars(extend("x-notSupportedYet" = "leave it out; ours then stands beside it under name"))]
    pub adopt: Option<String>,
}

/// Who can reach the load balancer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// Public addresses.
    #[default]
    InternetFacing,
    /// Private addresses only.
    Internal,
}

/// Address family of the load balancer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum IpAddressType {
    /// IPv4 only.
    #[default]
    Ipv4,
    /// IPv4 and IPv6 (not supported yet).
    #[schemars(extend("x-notSupportedYet" = "write `ipv4`"))]
    Dualstack,
    /// IPv6 and private IPv4 (not supported yet).
    #[schemars(extend("x-notSupportedYet" = "write `ipv4`"))]
    DualstackWithoutPublicIpv4,
}

/// One listener.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("examples" = [{"port": 80}]))]
pub struct Listener {
    /// Protocol. Default `HTTP`, in v1alpha1 the only one.
    #[serde(default)]
    pub protocol: Protocol,
    /// Port, 1 to 65535.
    #[schemars(range(min = 1), extend("examples" = [80]))]
    #[schemars(extend("x-onEdit" = OnEdit::InPlace))]
    #[schemars(extend("x-onEditNote" = "A listener is made on the new port, and the one on the old port is deleted."))]
    pub port: u16,
    /// What is done with a request that no rule takes. Default: forward to the one service.
    #[serde(default)]
    pub default: ListenerAction,
    /// Certificates (not supported yet).
    #[serde(default)]
    #[schemars(with = "Vec<Arn>", extend("x-notSupportedYet" = "leave it out and listen on HTTP"))]
    pub certificate_arns: Vec<String>,
    /// TLS policy (not supported yet).
    #[serde(default)]
    #[schemars(extend("x-notSupportedYet" = "leave it out and listen on HTTP"))]
    pub ssl_policy: Option<String>,
    /// Rules before the default (not supported yet).
    #[serde(default)]
    #[schemars(extend("x-notSupportedYet" = "leave them out; every request goes to the one service"))]
    pub rules: Vec<Rule>,
}

/// What a listener does: exactly one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ListenerAction {
    /// Forward to the service of this name. Default: the one service.
    #[schemars(with = "Option<ServiceName>")]
    #[schemars(extend("x-onEdit" = OnEdit::ReplacesTargetGroup))]
    #[schemars(extend("x-onEditNote" = "It goes together with an edit of the name of the service."))]
    pub forward: Option<String>,
    /// Redirect (not supported yet).
    #[schemars(extend("x-notSupportedYet" = "leave it out and forward to the one service"))]
    pub redirect: Option<Redirect>,
}

/// A redirect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Redirect {
    /// Protocol to redirect to.
    pub protocol: Protocol,
    /// Port to redirect to.
    #[schemars(range(min = 1), extend("examples" = [443]))]
    pub port: u16,
}

/// One rule of a listener.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// 1 to 50000, lowest first.
    #[schemars(range(min = 1, max = 50_000))]
    pub priority: u32,
    /// Host patterns. Default: any.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Path patterns. Default: any.
    #[serde(default)]
    pub paths: Vec<String>,
    /// Forward to the service of this name.
    #[schemars(with = "ServiceName")]
    pub forward: String,
}

/// Names of the two security groups.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SecurityGroups {
    /// The load balancer's. Default name `<name>-alb-sg`.
    pub load_balancer: SecurityGroup,
    /// The instances'. Default name `<name>-instance-sg`.
    pub instances: SecurityGroup,
    /// Existing groups to take in (not supported yet).
    #[schemars(extend("x-notSupportedYet" = "leave it out; ours then stand beside them under their names"))]
    pub adopt: Option<SecurityGroupAdoption>,
}

/// One of our security groups.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SecurityGroup {
    /// Its name, which no other group of the VPC has. Default: made from the environment's name.
    #[schemars(with = "Option<SecurityGroupName>")]
    #[schemars(extend("x-onEdit" = OnEdit::Refused))]
    pub name: Option<String>,
}

/// Existing groups to take in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SecurityGroupAdoption {
    /// The load balancer's group. Default: none.
    #[schemars(with = "Option<SecurityGroupId>")]
    pub load_balancer: Option<String>,
    /// The instances' group. Default: none.
    #[schemars(with = "Option<SecurityGroupId>")]
    pub instances: Option<String>,
}

/// Who may reach what.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Access {
    /// Who may reach the listeners. Required for an internet-facing load balancer. Default: nobody.
    #[schemars(extend("uniqueItems" = true))]
    #[schemars(extend("x-onEdit" = OnEdit::InPlace))]
    pub load_balancer: Vec<AccessEntry>,
    /// Who may reach port 22 of the instances. Default: nobody.
    #[schemars(extend("uniqueItems" = true))]
    #[schemars(extend("x-onEdit" = OnEdit::InPlace))]
    pub ssh: Vec<AccessEntry>,
}

/// One source: exactly one of the three.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("examples" = [{"cidr": "203.0.113.0/24"}]))]
pub struct AccessEntry {
    /// An address range, without host bits. Default: none, and v1alpha1 has no other source, so that every entry needs it.
    #[schemars(extend("x-onEdit" = OnEdit::InPlace))]
    pub cidr: Option<Cidr>,
    /// A security group (not supported yet).
    #[schemars(with = "Option<SecurityGroupId>", extend("x-notSupportedYet" = "write a cidr"))]
    pub security_group: Option<String>,
    /// A managed prefix list (not supported yet).
    #[schemars(with = "Option<PrefixListId>", extend("x-notSupportedYet" = "write its ranges as cidr entries"))]
    pub prefix_list: Option<String>,
}

fn default_service_name() -> String {
    "web".into()
}

fn default_deregistration_delay() -> SpecDuration {
    SpecDuration::from_secs(300)
}

fn default_stickiness() -> SpecDuration {
    SpecDuration::from_secs(86_400)
}

impl Default for HealthCheck {
    fn default() -> Self {
        Self {
            path: "/".into(),
            port: HealthCheckPort::TrafficPort,
            interval: SpecDuration::from_secs(30),
            timeout: SpecDuration::from_secs(5),
            healthy_threshold: 5,
            unhealthy_threshold: 2,
            matcher: "200".into(),
        }
    }
}

impl Default for LoadBalancer {
    fn default() -> Self {
        Self {
            name: None,
            scheme: Scheme::default(),
            ip_address_type: IpAddressType::default(),
            listeners: Vec::new(),
            idle_timeout: SpecDuration::from_secs(60),
            deletion_protection: false,
            adopt: None,
        }
    }
}

impl Service {
    /// The ports that the load balancer reaches on the instances: the service's and, where another, the health check's.
    pub fn ports(&self) -> Vec<u16> {
        match self.health_check.port {
            HealthCheckPort::Port(port) if port != self.port => vec![self.port, port],
            HealthCheckPort::Port(_) | HealthCheckPort::TrafficPort => vec![self.port],
        }
    }
}
