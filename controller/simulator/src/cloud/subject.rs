//! What a call is about, for the log and whoever looks on; and whether it was ready to be sent.

use engine::cloud::{Read, Reply, Request};
use planner::request::{ElbTaggable, Ref, Taggable, UserData, Write};
use planner::resource::Peer;

/// The id that it made, else the one that it names, else the name or filter that it gives.
pub(crate) fn subject(request: &Request, reply: Option<&Reply>) -> String {
    if let Some(Reply::Made(made)) = reply {
        return made.to_string();
    }
    match request {
        Request::Read(read) => of_read(read),
        Request::Write(write) => of_write(write),
    }
}

fn of_read(read: &Read) -> String {
    let filtered = |filters: &[engine::cloud::Filter]| {
        let each = filters.iter().map(|filter| format!("{}={}", filter.name, filter.values.join(",")));
        each.collect::<Vec<_>>().join(" ")
    };
    match read {
        Read::Subnets { filters, .. }
        | Read::SecurityGroups { filters, .. }
        | Read::Instances { filters, .. }
        | Read::Volumes { filters, .. }
        | Read::NetworkInterfaces { filters, .. }
        | Read::ProfileAssociations { filters, .. } => filtered(filters),
        Read::InstanceTypeOfferings { types, .. } => types.join(","),
        Read::Images { ids } => joined(ids),
        Read::InstanceStatus { ids, .. } => joined(ids),
        Read::LoadBalancers { names } | Read::TargetGroups { names } => names.join(","),
        Read::LoadBalancerAttributes { load_balancer } | Read::Listeners { load_balancer, .. } => {
            load_balancer.to_string()
        }
        Read::Rules { listener, .. } => listener.to_string(),
        Read::TargetGroupAttributes { target_group } | Read::TargetHealth { target_group } => target_group.to_string(),
        Read::Tags { resources } => resources.iter().map(elb).collect::<Vec<_>>().join(","),
    }
}

pub(crate) fn of_write(write: &Write) -> String {
    match write {
        Write::CreateSecurityGroup(create) => create.name.clone(),
        Write::AuthorizeRules(change) | Write::RevokeRules(change) => change.group.to_string(),
        Write::DeleteSecurityGroup { group } => group.to_string(),
        Write::RunInstances(run) => run.token.to_string(),
        Write::TerminateInstances { instance }
        | Write::SetInstanceGroups { instance, .. }
        | Write::SetMetadataOptions { instance, .. }
        | Write::ChangeProfile { instance, .. } => instance.to_string(),
        Write::CreateTags { resource, .. } | Write::DeleteTags { resource, .. } => match resource {
            Taggable::SecurityGroup(group) => group.to_string(),
            Taggable::Instance(id) => id.to_string(),
            Taggable::Volume(id) => id.to_string(),
        },
        Write::CreateLoadBalancer(create) => create.name.clone(),
        Write::SetLoadBalancerAttributes { load_balancer, .. } => load_balancer.to_string(),
        Write::SetSubnets { load_balancer, .. }
        | Write::SetLoadBalancerGroups { load_balancer, .. }
        | Write::DeleteLoadBalancer { load_balancer } => load_balancer.to_string(),
        Write::CreateTargetGroup(create) => create.name.clone(),
        Write::SetHealthCheck { target_group, .. }
        | Write::DeleteTargetGroup { target_group }
        | Write::DeregisterTargets { target_group, .. } => target_group.to_string(),
        Write::SetTargetGroupAttributes { target_group, .. } | Write::RegisterTargets { target_group, .. } => {
            target_group.to_string()
        }
        Write::CreateListener(create) => format!("{} {}", create.load_balancer, create.port),
        Write::SetListener { listener, .. } | Write::DeleteListener { listener } => listener.to_string(),
        Write::AddTags { resource, .. } | Write::RemoveTags { resource, .. } => elb(resource),
    }
}

fn elb(resource: &ElbTaggable) -> String {
    match resource {
        ElbTaggable::LoadBalancer(arn) => arn.to_string(),
        ElbTaggable::TargetGroup(arn) => arn.to_string(),
        ElbTaggable::Listener(arn) => arn.to_string(),
    }
}

fn joined<T: ToString>(all: &[T]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// What in the call is still to be filled in. Such a call must not be sent; a real client could not even write it down.
pub(crate) fn unresolved(write: &Write) -> Option<String> {
    fn made<T: std::fmt::Display>(reference: &Ref<T>) -> Option<String> {
        match reference {
            Ref::Id(_) => None,
            Ref::Made(action) => Some(format!("the id that {action} returns is not filled in")),
        }
    }
    match write {
        Write::AuthorizeRules(change) | Write::RevokeRules(change) => made(&change.group).or_else(|| {
            change.rules.iter().find_map(|rule| match &rule.peer {
                Peer::Group(group) => made(group),
                Peer::Cidr(_) | Peer::PrefixList(_) => None,
            })
        }),
        Write::RunInstances(run) => match &run.user_data {
            Some(UserData::Revision(number)) => Some(format!("the user data of revision {number} is not filled in")),
            Some(UserData::Text(_) | UserData::Base64(_)) | None => run.groups.iter().find_map(made),
        },
        Write::SetInstanceGroups { groups, .. } | Write::SetLoadBalancerGroups { groups, .. } => {
            groups.iter().find_map(made)
        }
        Write::CreateLoadBalancer(create) => create.groups.iter().find_map(made),
        Write::CreateTags { resource, .. } | Write::DeleteTags { resource, .. } => match resource {
            Taggable::SecurityGroup(group) => made(group),
            Taggable::Instance(_) | Taggable::Volume(_) => None,
        },
        Write::SetLoadBalancerAttributes { load_balancer, .. } => made(load_balancer),
        Write::SetTargetGroupAttributes { target_group, .. } | Write::RegisterTargets { target_group, .. } => {
            made(target_group)
        }
        Write::CreateListener(create) => made(&create.load_balancer).or_else(|| made(&create.forward_to)),
        Write::SetListener { forward_to, warm, .. } => made(forward_to).or_else(|| warm.as_ref().and_then(made)),
        Write::CreateSecurityGroup(_)
        | Write::DeleteSecurityGroup { .. }
        | Write::TerminateInstances { .. }
        | Write::SetMetadataOptions { .. }
        | Write::ChangeProfile { .. }
        | Write::SetSubnets { .. }
        | Write::DeleteLoadBalancer { .. }
        | Write::CreateTargetGroup(_)
        | Write::SetHealthCheck { .. }
        | Write::DeleteTargetGroup { .. }
        | Write::DeregisterTargets { .. }
        | Write::DeleteListener { .. }
        | Write::AddTags { .. }
        | Write::RemoveTags { .. } => None,
    }
}
