//! How much AWS allows of each thing that a record asks for, and what a record comes to: each bound stands here once.
//!
//! In: a [`Spec`]. Out: how many rules its groups need, by direction and address family. Who checks a record
//! (the rules across fields, the schema) and who orders changes within a bound both read it here.
//! Never: a bound that AWS does not set. These are the defaults: an account may have been granted more, which no call
//! that the controller makes tells, so what fits them fits everywhere.

use crate::spec::{AccessEntry, Spec};

/// Rules of one security group in one direction, for IPv4 and IPv6 apart ([`RuleCount`]). Adjustable.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-security-groups>
pub const GROUP_RULES_MAX: usize = 60;
/// Security groups of one network interface, and so of one instance as we launch it, and of one load balancer.
/// Adjustable, up to [`GROUPS_PER_INTERFACE_CEILING`].
/// <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-security-groups>
pub const GROUPS_PER_INTERFACE_MAX: usize = 5;
/// What [`GROUPS_PER_INTERFACE_MAX`] can be raised to.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-security-groups>
pub const GROUPS_PER_INTERFACE_CEILING: usize = 16;
/// Listeners of one load balancer. Adjustable.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html#load-balancers-quotas>
pub const LISTENERS_MAX: usize = 50;
/// Targets of one load balancer. Adjustable. One target group takes as many.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html#load-balancers-quotas>
pub const TARGETS_MAX: usize = 1000;
/// Target groups of one load balancer. Fixed.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html#load-balancers-quotas>
pub const TARGET_GROUPS_MAX: usize = 100;
/// Target groups that one action forwards to. Fixed.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html#load-balancers-quotas>
pub const TARGET_GROUPS_PER_ACTION_MAX: usize = 5;
/// Rules of one load balancer, over all its listeners, the default rules not counted. Adjustable.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html#rules-quotas>
pub const LISTENER_RULES_MAX: usize = 100;
/// Certificates of one load balancer, the default ones not counted. Adjustable.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html#load-balancers-quotas>
pub const CERTIFICATES_MAX: usize = 25;
/// Tags of one resource. Fixed.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions>
pub const TAGS_MAX: usize = 50;
/// Tags that we put on a resource ourselves, at most: the name, environment, uid and intent, and on an instance its slot
/// and role.
pub const OUR_TAGS_MAX: usize = 6;
/// Tags that a record may ask for. A few places are left for what others put (backups, cost tools, Auto Scaling).
pub const SPEC_TAGS_MAX: usize = 40;
/// Bytes of user data before it is encoded. Fixed.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html>
pub const USER_DATA_BYTES_MAX: usize = 16_384;
/// Subnets of one load balancer, in as many zones, at least.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html#subnets-load-balancer>
pub const SUBNETS_MIN: usize = 2;

const _: () = assert!(SPEC_TAGS_MAX + OUR_TAGS_MAX <= TAGS_MAX);

/// Rules of one group in one direction, as AWS counts them against [`GROUP_RULES_MAX`]: each family on its own.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html#security-group-size>
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RuleCount {
    /// Those that count for IPv4.
    pub ipv4: usize,
    /// Those that count for IPv6.
    pub ipv6: usize,
}

impl RuleCount {
    /// A rule whose peer is an address range counts for its family.
    pub const fn of_range(is_ipv6: bool) -> Self {
        if is_ipv6 { Self { ipv4: 0, ipv6: 1 } } else { Self { ipv4: 1, ipv6: 0 } }
    }

    /// A rule whose peer is a security group counts for both.
    pub const fn of_group() -> Self {
        Self { ipv4: 1, ipv6: 1 }
    }

    /// A rule whose peer is a prefix list counts for both, and for as many as the list may ever hold.
    /// <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-quotas-managed-prefix-lists>
    pub const fn of_prefix_list(entries_max: usize) -> Self {
        Self { ipv4: entries_max, ipv6: entries_max }
    }

    /// Both together.
    pub const fn plus(self, other: Self) -> Self {
        Self { ipv4: self.ipv4 + other.ipv4, ipv6: self.ipv6 + other.ipv6 }
    }

    /// So many times as many.
    pub const fn times(self, n: usize) -> Self {
        Self { ipv4: self.ipv4 * n, ipv6: self.ipv6 * n }
    }

    /// Whether one group holds them.
    pub const fn fits(self) -> bool {
        self.ipv4 <= GROUP_RULES_MAX && self.ipv6 <= GROUP_RULES_MAX
    }
}

/// What one security group of a record comes to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GroupRules {
    /// Inbound.
    pub inbound: RuleCount,
    /// Outbound.
    pub outbound: RuleCount,
}

/// The rules that a record comes to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SpecRules {
    /// Of the load balancer's group.
    pub load_balancer: GroupRules,
    /// Of the instances' group.
    pub instances: GroupRules,
}

/// How many rules the groups of `spec` need.
pub fn rules_of(spec: &Spec) -> SpecRules {
    // All of IPv4, and all of IPv6 where a subnet has it.
    let outbound = RuleCount { ipv4: 1, ipv6: 1 };
    let visitors = sources(&spec.access.load_balancer).times(spec.load_balancer.listeners.len());
    SpecRules {
        load_balancer: GroupRules { inbound: visitors, outbound },
        instances: GroupRules { inbound: sources(&spec.access.ssh).plus(from_load_balancer(spec)), outbound },
    }
}

/// How many rules the listed sources need for one port.
pub fn sources(entries: &[AccessEntry]) -> RuleCount {
    let one = |entry: &AccessEntry| match (entry.cidr, &entry.security_group, &entry.prefix_list) {
        (Some(range), _, _) => RuleCount::of_range(range.is_ipv6()),
        (None, Some(_), _) => RuleCount::of_group(),
        // How many entries a list may hold is not in the record.
        (None, None, Some(_)) => RuleCount::of_prefix_list(1),
        (None, None, None) => RuleCount::default(),
    };
    entries.iter().map(one).fold(RuleCount::default(), RuleCount::plus)
}

/// The rules by which the load balancer's group reaches the instances: one for each of the service's ports.
pub fn from_load_balancer(spec: &Spec) -> RuleCount {
    RuleCount::of_group().times(spec.services.iter().map(|service| service.ports().len()).sum())
}
