//! Subnets, instance type offerings, and what security groups let through.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use aws_api::ec2::{Peer, Rule};
use aws_api::id::{SecurityGroupId, SubnetId};
use aws_api::{Filter, Page, Ref, Reply, Tags};
use crds_schema::Cidr;

use super::config::SubnetRecord;
use super::filters;
use super::instances::InstanceRecord;
use super::load_balancers::BalancerRecord;
use super::world::{Outcome, World, refuse};

impl World {
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSubnets.html>
    pub(crate) fn describe_subnets(&self, filters: &[Filter], page: &Page) -> Outcome<Reply> {
        let mut found = Vec::new();
        for SubnetRecord { subnet, range } in self.config.subnets.values() {
            let value = |name: &str| {
                Some(vec![match name {
                    "subnet-id" => subnet.id.to_string(),
                    "vpc-id" => subnet.vpc.to_string(),
                    "availability-zone" | "availabilityZone" => subnet.zone.to_string(),
                    "default-for-az" | "defaultForAz" => subnet.default_for_az.to_string(),
                    "cidr-block" => range.to_string(),
                    "state" => "available".to_owned(),
                    _ => return None,
                }])
            };
            if filters::select(filters, &Tags::new(), value)? {
                found.push((subnet.id.to_string(), subnet.clone()));
            }
        }
        let (subnets, next) = filters::page(found, page, self.config.page_size, "InvalidParameterValue")?;
        Ok(Reply::Subnets(subnets, next))
    }

    /// An unknown type is no error: it is offered nowhere.
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypeOfferings.html>
    pub(crate) fn describe_offerings(&self, types: &[String], page: &Page) -> Outcome<Reply> {
        let offered = self.config.offerings.iter().filter(|(name, _)| types.is_empty() || types.contains(name));
        let pairs = offered.flat_map(|(name, zones)| zones.iter().map(move |zone| (name.clone(), zone.clone())));
        let keyed = pairs.map(|(name, zone)| (format!("{name}/{zone}"), (name, zone))).collect();
        let (found, next) = filters::page(keyed, page, self.config.page_size, "InvalidParameterValue")?;
        Ok(Reply::InstanceTypeOfferings(found, next))
    }

    pub(crate) fn subnet(&self, id: &SubnetId) -> Outcome<&SubnetRecord> {
        let found = self.config.subnets.get(id);
        found.map_or_else(|| refuse("InvalidSubnetID.NotFound", format!("The subnet ID '{id}' does not exist")), Ok)
    }

    /// Whether every node of the load balancer gets through to that port of the instance: out by its groups' egress rules,
    /// in by the instance's ingress rules. What is not let through is dropped, so that a check times out.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-update-security-groups.html>
    pub(crate) fn reaches(&self, balancer: &BalancerRecord, instance: &InstanceRecord, port: u16) -> bool {
        let to = IpAddr::V4(instance.private_ip);
        let rules = |groups: &std::collections::BTreeSet<SecurityGroupId>, egress: bool| -> Vec<Rule> {
            let known = groups.iter().filter_map(|id| self.groups.get(id));
            known.flat_map(|g| if egress { g.egress.clone() } else { g.ingress.clone() }).collect()
        };
        let out = rules(&balancer.groups, true)
            .iter()
            .any(|rule| passes(rule, port) && peer_is(&rule.peer, to, |group| instance.groups.contains(group)));
        let inward = rules(&instance.groups, false);
        let mut nodes = balancer.subnets.values().filter_map(|id| self.config.subnets.get(id));
        out && nodes.all(|node| {
            // Its address within the subnet does not matter but to a rule that is narrower than the subnet.
            let from = IpAddr::V4(Ipv4Addr::from(u32::from(node.range.network()) + 5));
            inward
                .iter()
                .any(|rule| passes(rule, port) && peer_is(&rule.peer, from, |group| balancer.groups.contains(group)))
        })
    }

    /// The next private address of that subnet. An address is not given out twice.
    pub(crate) fn fresh_address(&mut self, subnet: &SubnetRecord) -> Ipv4Addr {
        self.addresses += 1;
        // AWS keeps the first four of a subnet to itself, load balancers take a few; a /20 has room for 4000.
        Ipv4Addr::from(u32::from(subnet.range.network()) + 16 + self.addresses % 4000)
    }

    /// Until when an application that began to run at `running` needs to listen.
    pub(crate) fn listens_from(&self, instance: &InstanceRecord, running: Duration) -> Duration {
        running + instance.built_in.boot().or(instance.app.boot).unwrap_or(self.config.timings.boot)
    }
}

fn passes(rule: &Rule, port: u16) -> bool {
    let port = i32::from(port);
    match rule.protocol.as_str() {
        "-1" => true,
        "tcp" | "6" => rule.from.is_none_or(|from| from <= port) && rule.to.is_none_or(|to| port <= to),
        _ => false,
    }
}

fn peer_is(peer: &Peer, address: IpAddr, member: impl Fn(&SecurityGroupId) -> bool) -> bool {
    match peer {
        Peer::Cidr(cidr) => contains(*cidr, address),
        Peer::Group(Ref::Id(group)) => member(group),
        Peer::Group(Ref::Made(_)) | Peer::PrefixList(_) => false,
    }
}

fn contains(cidr: Cidr, address: IpAddr) -> bool {
    cidr.to_string().parse::<ipnet::IpNet>().is_ok_and(|range| range.contains(&address))
}
