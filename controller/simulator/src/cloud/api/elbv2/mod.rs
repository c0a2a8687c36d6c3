//! ELBv2's operations, by what they are about.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Operations.html>. What several share is in `common`,
//! `actions` and `conditions`.

mod account;
mod actions;
mod attributes;
mod certificates;
mod common;
mod conditions;
mod listeners;
mod load_balancer_settings;
mod load_balancers;
mod rules;
mod tags;
mod target_groups;
mod target_health;
mod targets;

pub use account::{DescribeAccountLimits, DescribeCapacityReservation, DescribeSSLPolicies};
pub use attributes::{
    DescribeListenerAttributes, DescribeLoadBalancerAttributes, DescribeTargetGroupAttributes,
    ModifyListenerAttributes, ModifyLoadBalancerAttributes, ModifyTargetGroupAttributes,
};
pub use certificates::{AddListenerCertificates, DescribeListenerCertificates, RemoveListenerCertificates};
pub use listeners::{CreateListener, DeleteListener, DescribeListeners, ModifyListener};
pub use load_balancer_settings::{SetIpAddressType, SetSecurityGroups, SetSubnets};
pub use load_balancers::{CreateLoadBalancer, DeleteLoadBalancer, DescribeLoadBalancers};
pub use rules::{CreateRule, DeleteRule, DescribeRules, ModifyRule, SetRulePriorities};
pub use tags::{AddTags, DescribeTags, RemoveTags};
pub use target_groups::{CreateTargetGroup, DeleteTargetGroup, DescribeTargetGroups, ModifyTargetGroup};
pub use target_health::DescribeTargetHealth;
pub use targets::{DeregisterTargets, RegisterTargets};
