//! DescribeSSLPolicies, DescribeAccountLimits, DescribeCapacityReservation: what AWS has to say about an account.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeSSLPolicies.html>

use aws_api::Bucket as Called;
use serde::{Deserialize, Serialize};

use super::actions::GROUPS_MAX;
use super::common::{load_balancer, page};
use crate::cloud::api::{Bucket, Operation, Read, Sight};
use crate::cloud::conditions::{VALUES_MAX, WILDCARDS_MAX};
use crate::cloud::config::Quotas;
use crate::cloud::ssl_policies::{self, Policy};
use crate::cloud::world::{Outcome, refuse};

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeSSLPolicies {
    #[serde(default)]
    names: Vec<String>,
    marker: Option<String>,
    page_size: Option<u32>,
    load_balancer_type: Option<String>,
}

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeAccountLimits {
    marker: Option<String>,
    page_size: Option<u32>,
}

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeCapacityReservation {
    load_balancer_arn: String,
}

/// Security policies, perhaps not all of them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SslPolicies {
    ssl_policies: Vec<SslPolicy>,
    next_marker: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct SslPolicy {
    ssl_protocols: &'static [&'static str],
    ciphers: Vec<Cipher>,
    name: &'static str,
    supported_load_balancer_types: &'static [&'static str],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Cipher {
    name: &'static str,
    priority: u32,
}

/// Quotas, perhaps not all of them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Limits {
    limits: Vec<Limit>,
    next_marker: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Limit {
    name: &'static str,
    max: String,
}

/// What capacity is reserved: none is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CapacityReservation {
    capacity_reservation_state: Vec<String>,
}

impl Operation for DescribeSSLPolicies {
    type Answer = SslPolicies;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Elbv2Describe)
    }
}

impl Read for DescribeSSLPolicies {
    fn answer(&self, _: &Sight<'_>) -> Outcome<SslPolicies> {
        // Gateway Load Balancers have no TLS.
        let any = match self.load_balancer_type.as_deref() {
            None | Some("application" | "network") => true,
            Some("gateway") => false,
            Some(other) => return refuse("ValidationError", format!("Load balancer type '{other}' is not valid")),
        };
        if let Some(missing) = self.names.iter().find(|name| ssl_policies::find(name).is_none()) {
            return refuse("SSLPolicyNotFound", format!("SSL policy '{missing}' not found"));
        }
        let is_asked =
            |policy: &&Policy| any && (self.names.is_empty() || self.names.iter().any(|name| name == policy.name));
        let found = ssl_policies::ALL.iter().filter(is_asked).map(|policy| (policy.name.to_owned(), shown(policy)));
        let (ssl_policies, next_marker) = page(sorted(found.collect()), self.page_size, &self.marker)?;
        Ok(SslPolicies { ssl_policies, next_marker })
    }
}

fn sorted<T>(mut entries: Vec<(String, T)>) -> Vec<(String, T)> {
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    entries
}

fn shown(policy: &Policy) -> SslPolicy {
    let ciphers = policy.ciphers().zip(1..).map(|(name, priority)| Cipher { name, priority });
    SslPolicy {
        ssl_protocols: policy.protocols,
        ciphers: ciphers.collect(),
        name: policy.name,
        supported_load_balancer_types: &["application", "network"],
    }
}

impl Operation for DescribeAccountLimits {
    type Answer = Limits;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Elbv2Describe)
    }
}

impl Read for DescribeAccountLimits {
    fn answer(&self, Sight { world, .. }: &Sight<'_>) -> Outcome<Limits> {
        let limits = limits(&world.config.quotas);
        let found = limits.into_iter().map(|(name, max)| (name.to_owned(), Limit { name, max: max.to_string() }));
        let (limits, next_marker) = page(sorted(found.collect()), self.page_size, &self.marker)?;
        Ok(Limits { limits, next_marker })
    }
}

/// Those of Application Load Balancers, under the names that AWS's example shows.
/// <https://docs.aws.amazon.com/cli/latest/reference/elbv2/describe-account-limits.html>,
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html>
fn limits(quotas: &Quotas) -> [(&'static str, usize); 11] {
    [
        ("application-load-balancers", quotas.load_balancers),
        ("certificates-per-application-load-balancer", quotas.certificates_per_balancer),
        ("condition-values-per-alb-rule", VALUES_MAX),
        ("condition-wildcards-per-alb-rule", WILDCARDS_MAX),
        ("listeners-per-application-load-balancer", quotas.listeners_per_balancer),
        ("rules-per-application-load-balancer", quotas.rules_per_balancer),
        ("target-groups", quotas.target_groups),
        ("target-groups-per-action-on-application-load-balancer", GROUPS_MAX),
        ("target-groups-per-application-load-balancer", quotas.target_groups_per_balancer),
        ("targets-per-application-load-balancer", quotas.targets_per_balancer),
        ("targets-per-target-group", quotas.targets_per_group),
    ]
}

impl Operation for DescribeCapacityReservation {
    type Answer = CapacityReservation;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Elbv2Describe)
    }
}

impl Read for DescribeCapacityReservation {
    fn answer(&self, Sight { world, .. }: &Sight<'_>) -> Outcome<CapacityReservation> {
        world.balancer(&load_balancer(&self.load_balancer_arn)?)?;
        Ok(CapacityReservation { capacity_reservation_state: Vec::new() })
    }
}
