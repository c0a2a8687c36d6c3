//! VPCs, and what comes with each: a main route table, an internet gateway, a set of DHCP options.
//!
//! <https://docs.aws.amazon.com/vpc/latest/userguide/default-vpc-components.html>. Nothing changes in them but their tags, so
//! they follow from the subnets that there are.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_api::Tags;
use aws_api::id::{SubnetId, VpcId, Zone};

use super::config::SubnetRecord;
use super::derived::derived_id;
use super::world::{Outcome, World, refuse};

/// Every VPC's range, as the default one has it.
pub(crate) const VPC_RANGE: &str = "172.31.0.0/16";
/// Its range if it has IPv6; a subnet's is a part of it.
pub(crate) const VPC_RANGE_V6: &str = "2600:1f16:1c0:e00::/56";
/// Addresses that AWS keeps of each subnet.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html>
const RESERVED: u32 = 5;

impl SubnetRecord {
    /// Its IPv6 range, if it has one.
    pub(crate) fn range_v6(&self) -> Option<String> {
        let part = self.range.network().octets()[2] / 16;
        self.subnet.has_ipv6.then(|| format!("2600:1f16:1c0:e{part:02x}::/64"))
    }
}

impl World {
    /// Every VPC.
    pub(crate) fn vpcs(&self) -> BTreeSet<&VpcId> {
        self.config.subnets.values().map(|known| &known.subnet.vpc).collect()
    }

    /// The default VPC: the one with default subnets.
    pub(crate) fn default_vpc(&self) -> Option<&VpcId> {
        self.config.subnets.values().find(|known| known.subnet.default_for_az).map(|known| &known.subnet.vpc)
    }

    pub(crate) fn check_vpc(&self, id: &VpcId) -> Outcome<()> {
        if self.vpcs().contains(id) {
            return Ok(());
        }
        refuse("InvalidVpcID.NotFound", format!("The vpc ID '{id}' does not exist"))
    }

    /// Whether it has IPv6.
    pub(crate) fn vpc_has_ipv6(&self, id: &VpcId) -> bool {
        self.config.subnets.values().any(|known| known.subnet.vpc == *id && known.subnet.has_ipv6)
    }

    /// Every availability zone.
    pub(crate) fn zones(&self) -> BTreeSet<&Zone> {
        self.config.subnets.values().map(|known| &known.subnet.zone).collect()
    }

    /// How many addresses of a subnet nobody has: instances have one each, and load balancers one a zone.
    pub(crate) fn free_addresses(&self, id: &SubnetId, at: Duration) -> u32 {
        let Some(known) = self.config.subnets.get(id) else { return 0 };
        let instances = self.instances.values().filter(|one| one.subnet == *id && one.holds_interface(at)).count();
        let balancers = self.balancers.values().filter(|one| one.subnets.values().any(|subnet| subnet == id)).count();
        let all = 2_u32.pow(u32::from(32 - known.range.prefix_len()));
        all.saturating_sub(RESERVED).saturating_sub(u32::try_from(instances + balancers).unwrap_or(u32::MAX))
    }

    /// The VPC that such an id derives from, if there is one: of a route table, a gateway, a set of options.
    pub(crate) fn vpc_of_part(&self, prefix: &str, id: &str) -> Option<&VpcId> {
        self.vpcs().into_iter().find(|vpc| vpc_part(prefix, vpc) == id)
    }

    /// The tags of what has no record of its own.
    pub(crate) fn tags_of_bare(&self, id: &str) -> Tags {
        self.bare_tags.get(id).map(|tags| Tags::clone(tags)).unwrap_or_default()
    }
}

/// The id of what comes with a VPC: `rtb-` its main route table, `igw-` its internet gateway, `dopt-` its DHCP options.
pub(crate) fn vpc_part(prefix: &str, vpc: &VpcId) -> String {
    derived_id(prefix, vpc.as_str())
}
