//! Network interfaces: one of each instance, one of each subnet of a load balancer, some of load balancers that are gone.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-eni.html>. None is stored: each is what its holder says it is, its
//! ids derived from the holder's.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::Duration;

use aws_api::ec2::{InstanceState, NetworkInterface};
use aws_api::id::{NetworkInterfaceId, SecurityGroupId, SubnetId};
use aws_api::{Filter, Page, Reply, Tags};
use crds_schema::spec::Scheme;

use super::config::SubnetRecord;
use super::filters;
use super::instances::InstanceRecord;
use super::load_balancers::BalancerRecord;
use super::world::{Outcome, World};
use crate::entropy::Prng;

/// Whose an interface is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Holder<'a> {
    Instance(&'a InstanceRecord),
    Balancer,
}

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Interface<'a> {
    pub id: String,
    pub attachment: String,
    pub holder: Holder<'a>,
    pub description: String,
    pub subnet: &'a SubnetRecord,
    pub groups: &'a BTreeSet<SecurityGroupId>,
    pub private_ip: Ipv4Addr,
    pub public_ip: Option<Ipv4Addr>,
    pub attached_at: Duration,
    pub tags: Tags,
}

impl Interface<'_> {
    /// Its hardware address, of the locally administered ones.
    pub fn mac(&self) -> String {
        let digits = Prng::of(&self.id).hex(10);
        let pairs = digits.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair).into_owned());
        format!("02:{}", pairs.collect::<Vec<_>>().join(":"))
    }
}

impl World {
    /// As the product asks: by their groups. Other clients ask by [`super::api`].
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeNetworkInterfaces.html>
    pub(crate) fn describe_interfaces(&self, filters: &[Filter], page: &Page, at: Duration) -> Outcome<Reply> {
        let mut found = Vec::new();
        for interface in self.network_interfaces(at) {
            let groups = || interface.groups.iter().map(ToString::to_string).collect();
            if filters::select(filters, &interface.tags, |name| (name == "group-id").then(groups))? {
                let (instance, requester_managed) = match interface.holder {
                    Holder::Instance(instance) => (Some(instance.id.clone()), false),
                    Holder::Balancer => (None, true),
                };
                let shown = NetworkInterface {
                    id: NetworkInterfaceId::parse(interface.id.as_str()).expect("begins with its prefix"),
                    description: interface.description.clone(),
                    groups: interface.groups.clone(),
                    instance,
                    requester_managed,
                    tags: interface.tags.clone(),
                };
                found.push((interface.id.clone(), shown));
            }
        }
        let (interfaces, next) = filters::page(found, page, self.config.page_size, "InvalidParameterValue")?;
        Ok(Reply::NetworkInterfaces(interfaces, next))
    }

    /// Every interface there is, by id.
    pub(crate) fn network_interfaces(&self, at: Duration) -> Vec<Interface<'_>> {
        let of_instances = self.visible_instances(at).filter_map(|instance| self.interface_of(instance, at));
        let of_balancers = self.balancers.values().flat_map(|balancer| {
            balancer.subnets.values().filter_map(|subnet| self.node_interface(balancer, subnet, &balancer.groups))
        });
        let left = self.lingering.iter().filter(|interface| interface.until > at);
        let left = left.filter_map(|one| self.node_interface(&one.balancer, &one.subnet, &one.groups));
        let mut all: Vec<Interface<'_>> = of_instances.chain(of_balancers).chain(left).collect();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all
    }

    /// The instance's interface, until it is terminated.
    pub(crate) fn interface_of<'a>(&'a self, instance: &'a InstanceRecord, at: Duration) -> Option<Interface<'a>> {
        let subnet = self.config.subnets.get(&instance.subnet).filter(|_| instance.holds_interface(at))?;
        let addressed = matches!(instance.state(at), InstanceState::Pending | InstanceState::Running);
        let unique = instance.id.as_str().trim_start_matches("i-");
        Some(Interface {
            id: format!("eni-{unique}"),
            attachment: format!("eni-attach-{unique}"),
            holder: Holder::Instance(instance),
            description: instance.settings.interface_description.clone(),
            subnet,
            groups: &instance.groups,
            private_ip: instance.private_ip,
            public_ip: instance.public_ip.filter(|_| addressed),
            attached_at: instance.origin.at,
            tags: instance.settings.interface_tags.clone(),
        })
    }

    /// That of a load balancer's node.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html>
    fn node_interface<'a>(
        &'a self,
        balancer: &Rc<BalancerRecord>,
        subnet: &SubnetId,
        groups: &'a BTreeSet<SecurityGroupId>,
    ) -> Option<Interface<'a>> {
        let mut derived = Prng::of(&format!("{} {subnet}", balancer.arn));
        let unique = derived.hex(16);
        let subnet = self.config.subnets.get(subnet)?;
        // Instances have the lower addresses of a subnet, up to the 4016th.
        let place = u32::from(subnet.range.broadcast()) - 1 - u32::try_from(derived.below(78)).unwrap_or(0);
        let number = u32::try_from(derived.below(1 << 16)).unwrap_or(0);
        let public = (balancer.scheme == Scheme::InternetFacing)
            .then(|| Ipv4Addr::from(u32::from(Ipv4Addr::new(18, 191, 0, 0)) + number));
        let name = balancer.arn.as_str().split_once("loadbalancer/").map_or("", |(_, name)| name);
        Some(Interface {
            id: format!("eni-0{unique}"),
            attachment: format!("eni-attach-0{unique}"),
            holder: Holder::Balancer,
            description: format!("ELB {name}"),
            subnet,
            groups,
            private_ip: Ipv4Addr::from(place),
            public_ip: public,
            attached_at: balancer.life.since(Duration::ZERO),
            tags: Tags::new(),
        })
    }

    /// The DNS name of a private address.
    /// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/hostname-types.html>
    pub(crate) fn private_dns_name(&self, address: Ipv4Addr) -> String {
        let region = &self.config.region;
        let domain =
            if region == "us-east-1" { "ec2.internal".to_owned() } else { format!("{region}.compute.internal") };
        format!("ip-{}.{domain}", dashed(address))
    }

    /// The DNS name of a public address.
    pub(crate) fn public_dns_name(&self, address: Ipv4Addr) -> String {
        let region = &self.config.region;
        let part = if region == "us-east-1" { "compute-1".to_owned() } else { format!("{region}.compute") };
        format!("ec2-{}.{part}.amazonaws.com", dashed(address))
    }

    /// A security group's name, for whoever only has its id.
    pub(crate) fn group_name(&self, id: &SecurityGroupId) -> String {
        self.groups.get(id).map(|group| group.name.clone()).unwrap_or_default()
    }
}

fn dashed(address: Ipv4Addr) -> String {
    address.to_string().replace('.', "-")
}
