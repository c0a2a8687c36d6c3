//! Application Load Balancers.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html>. Creating one again with the
//! same name and settings returns the one there is, whoever made it; tags are no settings.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use aws_api::elbv2::{CreateLoadBalancer, LoadBalancer, LoadBalancerState};
use aws_api::id::{LoadBalancerArn, SecurityGroupId, SubnetId, VpcId, Zone};
use aws_api::{Ref, Reply, ResourceId, Tags};
use crds_schema::spec::Scheme;

use super::attributes;
use super::groups::named;
use super::hosted_zones;
use super::ledger::Kind;
use super::tags::{Service, check_tags};
use super::world::{Outcome, World, refuse};
use crate::timeline::Timeline;

/// Names that one DescribeLoadBalancers or DescribeTargetGroups may give.
pub(crate) const NAMES_MAX: usize = 20;

#[derive(Debug, Clone)]
pub(crate) struct BalancerRecord {
    pub arn: LoadBalancerArn,
    pub name: String,
    pub dns_name: String,
    /// The Route 53 zone of its DNS name.
    pub hosted_zone: Option<&'static str>,
    pub scheme: Scheme,
    /// When it was made.
    pub created: Duration,
    pub vpc: VpcId,
    pub life: Timeline<LoadBalancerState>,
    pub subnets: BTreeMap<Zone, SubnetId>,
    pub groups: BTreeSet<SecurityGroupId>,
    pub attributes: BTreeMap<String, String>,
    pub tags: Tags,
}

/// A network interface that outlives its load balancer for a while, and holds its groups.
#[derive(Debug, Clone)]
pub(crate) struct LingeringInterface {
    pub of: String,
    pub balancer: Rc<BalancerRecord>,
    pub subnet: SubnetId,
    pub groups: BTreeSet<SecurityGroupId>,
    pub until: Duration,
}

impl BalancerRecord {
    pub fn describe(&self, at: Duration) -> LoadBalancer {
        LoadBalancer {
            arn: self.arn.clone(),
            name: self.name.clone(),
            dns_name: self.dns_name.clone(),
            hosted_zone_id: self.hosted_zone.map(str::to_owned),
            scheme: self.scheme,
            vpc: self.vpc.clone(),
            state: self.life.at(at),
            subnets: self.subnets.clone(),
            groups: self.groups.clone(),
        }
    }
}

impl World {
    pub(crate) fn balancer(&self, arn: &LoadBalancerArn) -> Outcome<&Rc<BalancerRecord>> {
        self.balancers.get(arn).map_or_else(|| no_balancer(arn.as_str()), Ok)
    }

    pub(crate) fn balancer_mut(&mut self, arn: &LoadBalancerArn) -> Outcome<&mut BalancerRecord> {
        self.balancers.get_mut(arn).map_or_else(|| no_balancer(arn.as_str()), |balancer| Ok(Rc::make_mut(balancer)))
    }

    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeLoadBalancers.html>
    pub(crate) fn describe_balancers(&self, names: &[String], at: Duration) -> Outcome<Reply> {
        if names.len() > NAMES_MAX {
            return refuse("ValidationError", format!("at most {NAMES_MAX} names may be given"));
        }
        if let Some(missing) = names.iter().find(|name| !self.balancers.values().any(|b| b.name == **name)) {
            return no_balancer(missing);
        }
        let asked = self.balancers.values().filter(|b| names.is_empty() || names.contains(&b.name));
        Ok(Reply::LoadBalancers(asked.map(|b| b.describe(at)).collect()))
    }

    pub(crate) fn create_balancer(&mut self, create: &CreateLoadBalancer) -> Outcome<Reply> {
        Ok(Reply::Made(ResourceId::LoadBalancer(self.add_balancer(create)?)))
    }

    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html>
    pub(crate) fn add_balancer(&mut self, create: &CreateLoadBalancer) -> Outcome<LoadBalancerArn> {
        let name = &create.name;
        check_name("Load balancer", name)?;
        check_tags(Service::Elb, &create.tags, self.config.quotas.tags)?;
        let (vpc, subnets) = self.balancer_subnets(&create.subnets)?;
        let groups = self.balancer_groups(&create.groups, &vpc)?;
        if let Some(present) = self.balancers.values().find(|b| b.name == *name) {
            if present.scheme == create.scheme && present.subnets == subnets && present.groups == groups {
                return Ok(present.arn.clone());
            }
            let message = format!("A load balancer with the same name '{name}' exists, but with different settings");
            return refuse("DuplicateLoadBalancerName", message);
        }
        if self.balancers.len() >= self.config.quotas.load_balancers {
            return refuse("TooManyLoadBalancers", "The limit on the number of load balancers has been reached");
        }
        let unique = self.ids.hex(16);
        let arn = self.elb_arn(&format!("loadbalancer/app/{name}/{unique}"));
        let internal = if create.scheme == Scheme::Internal { "internal-" } else { "" };
        let number = self.ids.draw() % 10_000_000_000;
        let mut life = Timeline::new(self.at, LoadBalancerState::Provisioning);
        life.set(self.at + self.config.timings.balancer_provisioning, LoadBalancerState::Active);
        let record = BalancerRecord {
            arn: LoadBalancerArn::parse(arn).expect("begins with its prefix"),
            name: name.clone(),
            dns_name: format!("{internal}{name}-{number}.{}.elb.amazonaws.com", self.config.region),
            hosted_zone: hosted_zones::of_region(&self.config.region),
            scheme: create.scheme,
            created: self.at,
            vpc,
            life,
            subnets,
            groups,
            attributes: attributes::of_load_balancer(),
            tags: create.tags.clone(),
        };
        let arn = record.arn.clone();
        self.note_created(Kind::LoadBalancer, &arn);
        self.balancers.insert(arn.clone(), Rc::new(record));
        Ok(arn)
    }

    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ModifyLoadBalancerAttributes.html>
    pub(crate) fn set_balancer_attributes(
        &mut self,
        arn: &Ref<LoadBalancerArn>,
        new: &BTreeMap<String, String>,
    ) -> Outcome<Reply> {
        let Some(arn) = arn.id() else { return no_balancer("unresolved") };
        attributes::set_of_load_balancer(&mut self.balancer_mut(arn)?.attributes, new)?;
        Ok(Reply::Done)
    }

    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_SetSubnets.html>
    pub(crate) fn set_subnets(&mut self, arn: &LoadBalancerArn, subnets: &BTreeSet<SubnetId>) -> Outcome<Reply> {
        let own = self.balancer(arn)?.vpc.clone();
        let (vpc, subnets) = self.balancer_subnets(subnets)?;
        if vpc != own {
            return refuse("InvalidConfigurationRequest", "The subnets are not in the load balancer's VPC");
        }
        self.balancer_mut(arn)?.subnets = subnets;
        Ok(Reply::Done)
    }

    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_SetSecurityGroups.html>
    pub(crate) fn set_balancer_groups(
        &mut self,
        arn: &LoadBalancerArn,
        groups: &BTreeSet<Ref<SecurityGroupId>>,
    ) -> Outcome<Reply> {
        let vpc = self.balancer(arn)?.vpc.clone();
        let groups = self.balancer_groups(groups, &vpc)?;
        self.balancer_mut(arn)?.groups = groups;
        Ok(Reply::Done)
    }

    /// "If the load balancer does not exist or has already been deleted, the call succeeds." Its listeners go with it; its network
    /// interfaces stay a while.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DeleteLoadBalancer.html>
    pub(crate) fn delete_balancer(&mut self, arn: &LoadBalancerArn) -> Outcome<Reply> {
        let Some(balancer) = self.balancers.get(arn).cloned() else { return Ok(Reply::Done) };
        if balancer.attributes.get("deletion_protection.enabled").is_some_and(|on| on == "true") {
            let message = format!("Load balancer '{arn}' cannot be deleted because deletion protection is enabled");
            return refuse("OperationNotPermitted", message);
        }
        let listeners: Vec<_> = self.listeners.values().filter(|l| l.balancer == *arn).map(|l| l.arn.clone()).collect();
        for listener in listeners {
            self.listeners.remove(&listener);
            self.note_deleted(Kind::Listener, &listener);
        }
        let until = self.at + self.config.timings.balancer_release;
        let of = format!("ELB app/{}", balancer.name);
        self.lingering.extend(balancer.subnets.values().map(|subnet| LingeringInterface {
            of: of.clone(),
            balancer: Rc::clone(&balancer),
            subnet: subnet.clone(),
            groups: balancer.groups.clone(),
            until,
        }));
        self.balancers.remove(arn);
        self.note_deleted(Kind::LoadBalancer, arn);
        Ok(Reply::Done)
    }

    /// Every network interface there is now: whose it is, and its groups.
    pub(crate) fn interfaces(&self) -> impl Iterator<Item = (String, &BTreeSet<SecurityGroupId>)> {
        let instances = self.instances.values().filter(|instance| instance.holds_interface(self.at));
        let of_instances = instances.map(|instance| (instance.id.to_string(), &instance.groups));
        let of_balancers = self.balancers.values().flat_map(|balancer| {
            balancer.subnets.values().map(|_| (format!("ELB app/{}", balancer.name), &balancer.groups))
        });
        let left = self.lingering.iter().filter(|interface| interface.until > self.at);
        of_instances.chain(of_balancers).chain(left.map(|interface| (interface.of.clone(), &interface.groups)))
    }

    /// At least two subnets in two zones, one a zone, all of one VPC.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-subnets.html>
    fn balancer_subnets(&self, ids: &BTreeSet<SubnetId>) -> Outcome<(VpcId, BTreeMap<Zone, SubnetId>)> {
        let mut by_zone = BTreeMap::new();
        let mut vpcs = BTreeSet::new();
        for id in ids {
            let Some(known) = self.config.subnets.get(id) else {
                return refuse("SubnetNotFound", format!("The subnet ID '{id}' does not exist"));
            };
            vpcs.insert(known.subnet.vpc.clone());
            if by_zone.insert(known.subnet.zone.clone(), id.clone()).is_some() {
                let message = "A load balancer cannot be attached to multiple subnets in the same Availability Zone";
                return refuse("InvalidConfigurationRequest", message);
            }
        }
        if by_zone.len() < 2 {
            let message = "At least two subnets in two different Availability Zones must be specified";
            return refuse("ValidationError", message);
        }
        match vpcs.pop_first() {
            Some(vpc) if vpcs.is_empty() => Ok((vpc, by_zone)),
            Some(_) | None => refuse("InvalidConfigurationRequest", "The subnets are not in one VPC"),
        }
    }

    fn balancer_groups(
        &self,
        groups: &BTreeSet<Ref<SecurityGroupId>>,
        vpc: &VpcId,
    ) -> Outcome<BTreeSet<SecurityGroupId>> {
        // The quota is of network interfaces, and a load balancer's have all of its groups.
        // <https://github.com/boto/boto3/issues/177> shows AWS's refusal.
        if groups.len() > self.config.quotas.groups_per_interface {
            let message = "The maximum number of security groups per load balancer has been reached.";
            return refuse("InvalidConfigurationRequest", message);
        }
        let ids = if groups.is_empty() { self.default_group(vpc).into_iter().collect() } else { named(groups) };
        for id in &ids {
            match self.groups.get(id) {
                None => return refuse("InvalidSecurityGroup", format!("The security group '{id}' does not exist")),
                Some(group) if group.vpc != *vpc => {
                    let message = "One or more security groups are not in the load balancer's VPC";
                    return refuse("InvalidConfigurationRequest", message);
                }
                Some(_) => {}
            }
        }
        Ok(ids)
    }
}

/// Names: at most 32 letters, digits and hyphens, no hyphen at an end, not beginning with `internal-`.
pub(crate) fn check_name(whose: &str, name: &str) -> Outcome<()> {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let hyphen = name.starts_with('-') || name.ends_with('-') || name.starts_with("internal-");
    if plain && !hyphen && (1..=32).contains(&name.len()) {
        return Ok(());
    }
    refuse("ValidationError", format!("{whose} name '{name}' is not valid"))
}

fn no_balancer<T>(which: &str) -> Outcome<T> {
    refuse("LoadBalancerNotFound", format!("Load balancer '{which}' not found"))
}
