//! What a region has to stand in: subnets, the zones that offer an instance type, network interfaces. Only read.

use std::collections::BTreeSet;

use crate::id::{InstanceId, NetworkInterfaceId, SecurityGroupId, SubnetId, VpcId, Zone};
use crate::{Filter, Operation, Page, ReadCall, Tags};

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

/// A network interface.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_NetworkInterface.html>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkInterface {
    /// Its id.
    pub id: NetworkInterfaceId,
    /// What it is for, in its maker's words; AWS's services say there what it belongs to.
    pub description: String,
    /// Its security groups.
    pub groups: BTreeSet<SecurityGroupId>,
    /// The instance that it is attached to.
    pub instance: Option<InstanceId>,
    /// Whether a service of AWS made it and takes it away.
    pub requester_managed: bool,
    /// Its tags.
    pub tags: Tags,
}

/// A call that reads of the network.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum NetworkRead {
    /// EC2 DescribeSubnets.
    Subnets {
        /// Filters.
        filters: Vec<Filter>,
        /// Where to go on.
        page: Page,
    },
    /// EC2 DescribeInstanceTypeOfferings by availability zone.
    TypeOfferings {
        /// Types asked about.
        types: Vec<String>,
        /// Where to go on.
        page: Page,
    },
    /// EC2 DescribeNetworkInterfaces.
    Interfaces {
        /// Filters.
        filters: Vec<Filter>,
        /// Where to go on.
        page: Page,
    },
}

impl ReadCall for NetworkRead {
    fn operation(&self) -> Operation {
        match self {
            Self::Subnets { .. } => Operation::DescribeSubnets,
            Self::TypeOfferings { .. } => Operation::DescribeInstanceTypeOfferings,
            Self::Interfaces { .. } => Operation::DescribeNetworkInterfaces,
        }
    }

    fn target(&self) -> String {
        match self {
            Self::Subnets { filters, .. } | Self::Interfaces { filters, .. } => Filter::join(filters),
            Self::TypeOfferings { types, .. } => types.join(","),
        }
    }
}
