//! AWS itself behind [`ports::Cloud`], over the SDK: EC2 and ELBv2, one pair of clients a region.
//!
//! One call in, one AWS operation out, its reply in our own types. No SDK type leaves this folder.
//! Never: decides, pages, batches or caches; takes a missing value for another than its documented default; logs user
//! data. What cannot be read fails the call, so that nobody acts on half a sight.
//! Next: [`config`] (where clients come from), [`ec2`] and [`elbv2`] (the calls), [`convert`] (their replies),
//! [`classify`] (their errors). Our share of the quota is [`engine::throttle`]'s.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Instant;

use aws_api::ec2::{
    Ec2TagsWrite, ImageRead, InstanceRead, InstanceWrite, NetworkRead, SecurityGroupRead, SecurityGroupWrite,
    VolumeRead,
};
use aws_api::elbv2::{
    Elbv2TagsRead, Elbv2TagsWrite, ListenerRead, ListenerWrite, LoadBalancerRead, LoadBalancerWrite, RuleRead,
    TargetGroupRead, TargetGroupWrite,
};
use aws_api::{CloudError, Operation, Read, Reply, Request, Service, Write};
use aws_config::{Region, SdkConfig};
use futures::future::LocalBoxFuture;
use ports::Cloud;

use self::ec2::Ec2;
use self::elbv2::Elbv2;
use crate::wire::Wire;

pub mod config;

mod classify;
mod convert;
mod ec2;
mod elbv2;

#[cfg(test)]
mod tests;

/// One AWS account, in every region.
pub struct Aws {
    config: SdkConfig,
    regions: RefCell<BTreeMap<String, Rc<Clients>>>,
}

/// The clients of one region.
struct Clients {
    ec2: Ec2,
    ec2_wire: Wire,
    elbv2: Elbv2,
    elbv2_wire: Wire,
}

impl Clients {
    fn new(config: &SdkConfig) -> Self {
        let (ec2_wire, elbv2_wire) = (Wire::default(), Wire::default());
        Self {
            ec2: Ec2::new(config, ec2_wire.clone()),
            ec2_wire,
            elbv2: Elbv2::new(config, elbv2_wire.clone()),
            elbv2_wire,
        }
    }

    /// Where calls to that service are sent; absent before the first.
    fn endpoint(&self, service: Service) -> Option<String> {
        match service {
            Service::Ec2 => self.ec2_wire.endpoint(),
            Service::Elbv2 => self.elbv2_wire.endpoint(),
        }
    }
}

/// What a call answered, with AWS's id of it.
struct Answer {
    reply: Reply,
    request_id: Option<String>,
}

type Answered = Result<Answer, Failed>;

/// Why a call has no answer.
enum Failed {
    /// AWS said why, or it is ours to mend.
    Judged(CloudError),
    /// Nothing came that can be read. Where it was sent is worth saying, and only the client's wire knows.
    Unanswered(CloudError),
}

impl From<CloudError> for Failed {
    fn from(error: CloudError) -> Self {
        Self::Judged(error)
    }
}

impl Failed {
    /// The error, which names `endpoint` if it was that which did not answer.
    fn at(self, endpoint: Option<String>) -> CloudError {
        match (self, endpoint) {
            (Self::Unanswered(error), Some(endpoint)) => {
                CloudError { message: format!("{endpoint}: {}", error.message), ..error }
            }
            (Self::Judged(error) | Self::Unanswered(error), _) => error,
        }
    }
}

impl Aws {
    /// The account that `config` (of [`config::load`]) leads to. Opens no connection.
    pub fn new(config: SdkConfig) -> Self {
        Self { config, regions: RefCell::default() }
    }

    fn clients(&self, region: &str) -> Rc<Clients> {
        let mut regions = self.regions.borrow_mut();
        let clients = regions.entry(region.to_owned()).or_insert_with(|| {
            let config = self.config.to_builder().region(Region::new(region.to_owned())).build();
            Rc::new(Clients::new(&config))
        });
        Rc::clone(clients)
    }
}

impl Cloud for Aws {
    fn call<'a>(&'a self, region: &'a str, request: Request) -> LocalBoxFuture<'a, Result<Reply, CloudError>> {
        let clients = self.clients(region);
        Box::pin(async move {
            let operation = match &request {
                Request::Read(read) => read.operation(),
                Request::Write(write) => write.operation(),
            };
            let started = Instant::now();
            let answered = match request {
                Request::Read(request) => read(&clients, request).await,
                Request::Write(request) => write(&clients, request).await,
            };
            let answered = answered.map_err(|failed| failed.at(clients.endpoint(operation.service())));
            log(operation, region, started, &answered);
            answered.map(|answer| answer.reply)
        })
    }
}

fn log(operation: Operation, region: &str, started: Instant, answered: &Result<Answer, CloudError>) {
    let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    match answered {
        Ok(Answer { request_id, .. }) => {
            let aws_request_id = request_id.as_deref().unwrap_or_default();
            tracing::debug!(%operation, region, aws_request_id, elapsed_ms, "aws call answered");
        }
        Err(error) => {
            let aws_request_id = error.request_id.as_deref().unwrap_or_default();
            let error_kind = error.kind.to_string();
            let error_code = error.code.as_deref().unwrap_or_default();
            tracing::debug!(%operation, region, aws_request_id, error_kind, error_code, elapsed_ms, "aws call failed");
        }
    }
}

fn read(on: &Clients, read: Read) -> LocalBoxFuture<'_, Answered> {
    let Clients { ec2, elbv2, .. } = on;
    match read {
        Read::Network(NetworkRead::Subnets { filters, page }) => Box::pin(ec2.subnets(filters, page)),
        Read::Network(NetworkRead::TypeOfferings { types, page }) => Box::pin(ec2.instance_type_offerings(types, page)),
        Read::Image(ImageRead::Describe { ids }) => Box::pin(ec2.images(ids)),
        Read::SecurityGroup(SecurityGroupRead::Describe { filters, page }) => {
            Box::pin(ec2.security_groups(filters, page))
        }
        Read::Instance(InstanceRead::Describe { filters, page }) => Box::pin(ec2.instances(filters, page)),
        Read::Instance(InstanceRead::Status { ids, page }) => Box::pin(ec2.instance_status(ids, page)),
        Read::Instance(InstanceRead::ProfileAssociations { filters, page }) => {
            Box::pin(ec2.profile_associations(filters, page))
        }
        Read::Volume(VolumeRead::Describe { filters, page }) => Box::pin(ec2.volumes(filters, page)),
        Read::Network(NetworkRead::Interfaces { filters, page }) => Box::pin(ec2.network_interfaces(filters, page)),
        Read::LoadBalancer(LoadBalancerRead::Describe { names }) => Box::pin(elbv2.load_balancers(names)),
        Read::LoadBalancer(LoadBalancerRead::Attributes { load_balancer }) => {
            Box::pin(elbv2.load_balancer_attributes(load_balancer))
        }
        Read::Listener(ListenerRead::Describe { load_balancer, page }) => {
            Box::pin(elbv2.listeners(load_balancer, page))
        }
        Read::Rule(RuleRead::Describe { listener, page }) => Box::pin(elbv2.rules(listener, page)),
        Read::TargetGroup(TargetGroupRead::Describe { names }) => Box::pin(elbv2.target_groups(names)),
        Read::TargetGroup(TargetGroupRead::Attributes { target_group }) => {
            Box::pin(elbv2.target_group_attributes(target_group))
        }
        Read::TargetGroup(TargetGroupRead::Health { target_group }) => Box::pin(elbv2.target_health(target_group)),
        Read::Elbv2Tags(Elbv2TagsRead::Describe { resources }) => Box::pin(elbv2.tags(resources)),
    }
}

fn write(on: &Clients, write: Write) -> LocalBoxFuture<'_, Answered> {
    let Clients { ec2, elbv2, .. } = on;
    match write {
        Write::SecurityGroup(SecurityGroupWrite::Create(create)) => Box::pin(ec2.create_security_group(create)),
        Write::SecurityGroup(SecurityGroupWrite::Authorize(change)) => Box::pin(ec2.authorize_rules(change)),
        Write::SecurityGroup(SecurityGroupWrite::Revoke(change)) => Box::pin(ec2.revoke_rules(change)),
        Write::SecurityGroup(SecurityGroupWrite::Delete { group }) => Box::pin(ec2.delete_security_group(group)),
        Write::Instance(InstanceWrite::Run(run)) => Box::pin(ec2.run_instances(*run)),
        Write::Instance(InstanceWrite::Terminate { instance }) => Box::pin(ec2.terminate_instances(instance)),
        Write::Instance(InstanceWrite::SetGroups { instance, groups }) => {
            Box::pin(ec2.set_instance_groups(instance, groups))
        }
        Write::Instance(InstanceWrite::SetMetadataOptions { instance, options }) => {
            Box::pin(ec2.set_metadata_options(instance, options))
        }
        Write::Instance(InstanceWrite::ChangeProfile { instance, change }) => {
            Box::pin(ec2.change_profile(instance, change))
        }
        Write::Ec2Tags(Ec2TagsWrite::Create { resource, tags }) => Box::pin(ec2.create_tags(resource, tags)),
        Write::Ec2Tags(Ec2TagsWrite::Delete { resource, keys }) => Box::pin(ec2.delete_tags(resource, keys)),
        Write::LoadBalancer(LoadBalancerWrite::Create(create)) => Box::pin(elbv2.create_load_balancer(create)),
        Write::LoadBalancer(LoadBalancerWrite::SetAttributes { load_balancer, attributes }) => {
            Box::pin(elbv2.set_load_balancer_attributes(load_balancer, attributes))
        }
        Write::LoadBalancer(LoadBalancerWrite::SetSubnets { load_balancer, subnets }) => {
            Box::pin(elbv2.set_subnets(load_balancer, subnets))
        }
        Write::LoadBalancer(LoadBalancerWrite::SetGroups { load_balancer, groups }) => {
            Box::pin(elbv2.set_load_balancer_groups(load_balancer, groups))
        }
        Write::LoadBalancer(LoadBalancerWrite::Delete { load_balancer }) => {
            Box::pin(elbv2.delete_load_balancer(load_balancer))
        }
        Write::TargetGroup(TargetGroupWrite::Create(create)) => Box::pin(elbv2.create_target_group(create)),
        Write::TargetGroup(TargetGroupWrite::SetHealthCheck { target_group, health_check }) => {
            Box::pin(elbv2.set_health_check(target_group, health_check))
        }
        Write::TargetGroup(TargetGroupWrite::SetAttributes { target_group, attributes }) => {
            Box::pin(elbv2.set_target_group_attributes(target_group, attributes))
        }
        Write::TargetGroup(TargetGroupWrite::Delete { target_group }) => {
            Box::pin(elbv2.delete_target_group(target_group))
        }
        Write::TargetGroup(TargetGroupWrite::Register { target_group, instances, port }) => {
            Box::pin(elbv2.register_targets(target_group, instances, port))
        }
        Write::TargetGroup(TargetGroupWrite::Deregister { target_group, targets }) => {
            Box::pin(elbv2.deregister_targets(target_group, targets))
        }
        Write::Listener(ListenerWrite::Create(create)) => Box::pin(elbv2.create_listener(create)),
        Write::Listener(ListenerWrite::Modify { listener, protocol, forward_to, warm }) => {
            Box::pin(elbv2.set_listener(listener, protocol, forward_to, warm))
        }
        Write::Listener(ListenerWrite::Delete { listener }) => Box::pin(elbv2.delete_listener(listener)),
        Write::Elbv2Tags(Elbv2TagsWrite::Add { resource, tags }) => Box::pin(elbv2.add_tags(resource, tags)),
        Write::Elbv2Tags(Elbv2TagsWrite::Remove { resource, keys }) => Box::pin(elbv2.remove_tags(resource, keys)),
    }
}
