//! Attributes of load balancers, listeners and target groups: AWS's defaults and what each may be set to.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerAttribute.html>,
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ListenerAttribute.html>,
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html>.

use std::collections::BTreeMap;

use crds_schema::spec::Protocol;

use super::world::{Outcome, refuse};

/// What a value must be.
#[derive(Debug, Clone, Copy)]
enum Values {
    Boolean,
    Range(u32, u32),
    /// The number, or anything between the two.
    OrRange(u32, u32, u32),
    OneOf(&'static [&'static str]),
    /// A count or a percentage, or `off`.
    OffOr(u32, u32),
    Text,
}

/// Name, default, and what it may be.
type Row = (&'static str, &'static str, Values);

const DAYS_7: u32 = 604_800;

const LOAD_BALANCER: &[Row] = &[
    ("access_logs.s3.bucket", "", Values::Text),
    ("access_logs.s3.enabled", "false", Values::Boolean),
    ("access_logs.s3.prefix", "", Values::Text),
    ("client_keep_alive.seconds", "3600", Values::Range(60, DAYS_7)),
    ("connection_logs.s3.bucket", "", Values::Text),
    ("connection_logs.s3.enabled", "false", Values::Boolean),
    ("connection_logs.s3.prefix", "", Values::Text),
    ("deletion_protection.enabled", "false", Values::Boolean),
    ("idle_timeout.timeout_seconds", "60", Values::Range(1, 4000)),
    ("ipv6.deny_all_igw_traffic", "false", Values::Boolean),
    ("load_balancing.cross_zone.enabled", "true", Values::OneOf(&["true"])),
    ("routing.http.desync_mitigation_mode", "defensive", Values::OneOf(&["monitor", "defensive", "strictest"])),
    ("routing.http.drop_invalid_header_fields.enabled", "false", Values::Boolean),
    ("routing.http.preserve_host_header.enabled", "false", Values::Boolean),
    ("routing.http.x_amzn_tls_version_and_cipher_suite.enabled", "false", Values::Boolean),
    ("routing.http.xff_client_port.enabled", "false", Values::Boolean),
    ("routing.http.xff_header_processing.mode", "append", Values::OneOf(&["append", "preserve", "remove"])),
    ("routing.http2.enabled", "true", Values::Boolean),
    ("waf.fail_open.enabled", "false", Values::Boolean),
    ("zonal_shift.config.enabled", "false", Values::Boolean),
];

/// Those that AWS added later. A record has one only once it is set, so that what simulations of the product recorded stays so.
const LOAD_BALANCER_LATER: &[Row] = &[
    ("health_check_logs.s3.bucket", "", Values::Text),
    ("health_check_logs.s3.enabled", "false", Values::Boolean),
    ("health_check_logs.s3.prefix", "", Values::Text),
    ("routing.http.x_amzn_tls_kx.enabled", "false", Values::Boolean),
];

const TARGET_GROUP: &[Row] = &[
    ("deregistration_delay.timeout_seconds", "300", Values::Range(0, 3600)),
    ("load_balancing.algorithm.anomaly_mitigation", "off", Values::OneOf(&["on", "off"])),
    (
        "load_balancing.algorithm.type",
        "round_robin",
        Values::OneOf(&["round_robin", "least_outstanding_requests", "weighted_random"]),
    ),
    (
        "load_balancing.cross_zone.enabled",
        "use_load_balancer_configuration",
        Values::OneOf(&["true", "false", "use_load_balancer_configuration"]),
    ),
    ("slow_start.duration_seconds", "0", Values::OrRange(0, 30, 900)),
    ("stickiness.app_cookie.cookie_name", "", Values::Text),
    ("stickiness.app_cookie.duration_seconds", "86400", Values::Range(1, DAYS_7)),
    ("stickiness.enabled", "false", Values::Boolean),
    ("stickiness.lb_cookie.duration_seconds", "86400", Values::Range(1, DAYS_7)),
    ("stickiness.type", "lb_cookie", Values::OneOf(&["lb_cookie", "app_cookie"])),
    ("target_group_health.dns_failover.minimum_healthy_targets.count", "1", Values::OffOr(1, 1000)),
    ("target_group_health.dns_failover.minimum_healthy_targets.percentage", "off", Values::OffOr(1, 100)),
    ("target_group_health.unhealthy_state_routing.minimum_healthy_targets.count", "1", Values::Range(1, 1000)),
    ("target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage", "off", Values::OffOr(1, 100)),
];

/// Of every listener of an Application Load Balancer: headers of what it answers.
const LISTENER: &[Row] = &[
    ("routing.http.response.access_control_allow_credentials.header_value", "", Values::Text),
    ("routing.http.response.access_control_allow_headers.header_value", "", Values::Text),
    ("routing.http.response.access_control_allow_methods.header_value", "", Values::Text),
    ("routing.http.response.access_control_allow_origin.header_value", "", Values::Text),
    ("routing.http.response.access_control_expose_headers.header_value", "", Values::Text),
    ("routing.http.response.access_control_max_age.header_value", "", Values::Text),
    ("routing.http.response.content_security_policy.header_value", "", Values::Text),
    ("routing.http.response.server.enabled", "true", Values::Boolean),
    ("routing.http.response.strict_transport_security.header_value", "", Values::Text),
    ("routing.http.response.x_content_type_options.header_value", "", Values::Text),
    ("routing.http.response.x_frame_options.header_value", "", Values::Text),
];

/// Of an HTTPS listener besides: what headers that tell of TLS are called.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/header-modification.html>
const HTTPS_LISTENER: &[Row] = &[
    ("routing.http.request.x_amzn_mtls_clientcert.header_name", "X-Amzn-Mtls-Clientcert", Values::Text),
    ("routing.http.request.x_amzn_mtls_clientcert_issuer.header_name", "X-Amzn-Mtls-Clientcert-Issuer", Values::Text),
    ("routing.http.request.x_amzn_mtls_clientcert_leaf.header_name", "X-Amzn-Mtls-Clientcert-Leaf", Values::Text),
    (
        "routing.http.request.x_amzn_mtls_clientcert_serial_number.header_name",
        "X-Amzn-Mtls-Clientcert-Serial-Number",
        Values::Text,
    ),
    ("routing.http.request.x_amzn_mtls_clientcert_subject.header_name", "X-Amzn-Mtls-Clientcert-Subject", Values::Text),
    (
        "routing.http.request.x_amzn_mtls_clientcert_validity.header_name",
        "X-Amzn-Mtls-Clientcert-Validity",
        Values::Text,
    ),
    ("routing.http.request.x_amzn_tls_cipher_suite.header_name", "X-Amzn-Tls-Cipher-Suite", Values::Text),
    ("routing.http.request.x_amzn_tls_version.header_name", "X-Amzn-Tls-Version", Values::Text),
];

type Attributes = BTreeMap<String, String>;

fn defaults(rows: &[Row]) -> Attributes {
    rows.iter().map(|(name, default, _)| ((*name).to_owned(), (*default).to_owned())).collect()
}

/// Those of a new load balancer.
pub(crate) fn of_load_balancer() -> Attributes {
    defaults(LOAD_BALANCER)
}

/// All of a load balancer's, where its record has these.
pub(crate) fn all_of_load_balancer(own: &Attributes) -> Attributes {
    let mut all = defaults(LOAD_BALANCER_LATER);
    all.extend(own.clone());
    all
}

/// Those of a new target group.
pub(crate) fn of_target_group() -> Attributes {
    defaults(TARGET_GROUP)
}

fn of_protocol(protocol: Protocol) -> Vec<Row> {
    match protocol {
        Protocol::Http => LISTENER.to_vec(),
        Protocol::Https => [HTTPS_LISTENER, LISTENER].concat(),
    }
}

/// Those of a listener of that protocol, where these were set.
pub(crate) fn of_listener(protocol: Protocol, set: &Attributes) -> Attributes {
    let mut all = defaults(&of_protocol(protocol));
    let known = set.iter().filter(|(name, _)| all.contains_key(*name));
    let known: Attributes = known.map(|(name, value)| (name.clone(), value.clone())).collect();
    all.extend(known);
    all
}

/// Sets some of a listener's; all or none.
pub(crate) fn set_of_listener(protocol: Protocol, own: &mut Attributes, new: &Attributes) -> Outcome<()> {
    check("Listener", &of_protocol(protocol), new)?;
    own.extend(new.clone());
    Ok(())
}

/// Sets some of a load balancer's; all or none.
pub(crate) fn set_of_load_balancer(own: &mut Attributes, new: &Attributes) -> Outcome<()> {
    check("Load balancer", &[LOAD_BALANCER, LOAD_BALANCER_LATER].concat(), new)?;
    own.extend(new.clone());
    Ok(())
}

/// Sets some of a target group's; all or none.
pub(crate) fn set_of_target_group(own: &mut Attributes, new: &Attributes) -> Outcome<()> {
    check("Target group", TARGET_GROUP, new)?;
    let mut both = own.clone();
    both.extend(new.clone());
    check_together(&both)?;
    *own = both;
    Ok(())
}

/// Refuses attributes of a target group that do not go together.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html>,
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/sticky-sessions.html#application-based-stickiness>
fn check_together(all: &Attributes) -> Outcome<()> {
    let of = |name: &str| all.get(name).map_or("", String::as_str);
    let algorithm = of("load_balancing.algorithm.type");
    let (sticky, cookie) = (of("stickiness.enabled") == "true", of("stickiness.app_cookie.cookie_name"));
    let by_application = sticky && of("stickiness.type") == "app_cookie";
    let message = if slow_start(all) && algorithm != "round_robin" {
        "Slow start can only be enabled with the round_robin load balancing algorithm"
    } else if sticky && algorithm == "weighted_random" {
        "Stickiness cannot be enabled with the weighted_random load balancing algorithm"
    } else if sticky && of("load_balancing.cross_zone.enabled") == "false" {
        "Stickiness cannot be enabled while cross-zone load balancing is off"
    } else if of("load_balancing.algorithm.anomaly_mitigation") == "on" && algorithm != "weighted_random" {
        "Anomaly mitigation can only be enabled with the weighted_random load balancing algorithm"
    } else if by_application && cookie.is_empty() {
        "Stickiness of type app_cookie needs stickiness.app_cookie.cookie_name"
    } else if ["AWSALB", "AWSALBAPP", "AWSALBTG"].iter().any(|own| cookie.starts_with(own)) {
        "The cookie names that begin with AWSALB, AWSALBAPP and AWSALBTG are reserved for use by the load balancer"
    } else {
        return Ok(());
    };
    refuse("InvalidConfigurationRequest", message)
}

/// Whether new targets of the group begin slowly.
pub(crate) fn slow_start(attributes: &Attributes) -> bool {
    attributes.get("slow_start.duration_seconds").is_some_and(|seconds| seconds != "0")
}

fn check(whose: &str, rows: &[Row], new: &Attributes) -> Outcome<()> {
    for (name, value) in new {
        let Some((_, _, values)) = rows.iter().find(|(known, _, _)| known == name) else {
            return refuse("ValidationError", format!("{whose} attribute key '{name}' is not recognized"));
        };
        if !values.allow(value) {
            return refuse("ValidationError", format!("{whose} attribute '{name}' may not be '{value}'"));
        }
    }
    Ok(())
}

impl Values {
    fn allow(self, value: &str) -> bool {
        let within = |from: u32, to: u32| value.parse::<u32>().is_ok_and(|number| (from..=to).contains(&number));
        match self {
            Self::Boolean => matches!(value, "true" | "false"),
            Self::Range(from, to) => within(from, to),
            Self::OrRange(one, from, to) => within(one, one) || within(from, to),
            Self::OneOf(words) => words.contains(&value),
            Self::OffOr(from, to) => value == "off" || within(from, to),
            Self::Text => value.len() <= 1024,
        }
    }
}
