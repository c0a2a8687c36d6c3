//! What a call is about: the resource that it is done to, what else it names, and what AWS's refusal says of them.
//!
//! A refusal belongs to the resource: what AWS said of one load balancer says nothing of the next one of that name.
//! Never: sends, or decides what follows.

use std::fmt;

use crate::action::{Action, Does};
use crate::request::{ActionId, ElbTaggable, Made, Ref, Taggable, Write};
use crate::resource::Peer;

/// An action and what it is done to: what is counted as one thing that is tried again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attempt {
    /// The action's name within the plan.
    pub action: ActionId,
    /// The id of what it is done to, or what is launched; empty for what makes something that hangs on nothing.
    pub on: String,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.action.fmt(f)
    }
}

/// What counts as one try of `action`.
pub(crate) fn attempt(action: &Action) -> Attempt {
    let on = match &action.does {
        Does::Create(intent) | Does::Replay(intent) => of(&intent.write),
        Does::Change(write) => of(write),
        Does::Terminate { member, .. } | Does::TakeOut { member, .. } => member.id().to_string(),
        Does::DeleteGroup(group) => group.id().to_string(),
        Does::DeleteLoadBalancer(arn) => arn.id().to_string(),
        Does::DeleteTargetGroup(arn) => arn.id().to_string(),
    };
    Attempt { action: action.id.clone(), on }
}

/// The id of what a call is done to; a listener is made on its load balancer, and an instance from its image.
pub(crate) fn of(write: &Write) -> String {
    match write {
        Write::AuthorizeRules(change) | Write::RevokeRules(change) => change.group.to_string(),
        Write::DeleteSecurityGroup { group } => group.to_string(),
        Write::TerminateInstances { instance }
        | Write::SetInstanceGroups { instance, .. }
        | Write::SetMetadataOptions { instance, .. }
        | Write::ChangeProfile { instance, .. } => instance.to_string(),
        Write::CreateTags { resource, .. } | Write::DeleteTags { resource, .. } => match resource {
            Taggable::SecurityGroup(group) => group.to_string(),
            Taggable::Instance(id) => id.to_string(),
            Taggable::Volume(id) => id.to_string(),
        },
        Write::SetLoadBalancerAttributes { load_balancer, .. } => load_balancer.to_string(),
        Write::SetSubnets { load_balancer, .. }
        | Write::SetLoadBalancerGroups { load_balancer, .. }
        | Write::DeleteLoadBalancer { load_balancer } => load_balancer.to_string(),
        Write::SetHealthCheck { target_group, .. }
        | Write::DeleteTargetGroup { target_group }
        | Write::DeregisterTargets { target_group, .. } => target_group.to_string(),
        Write::SetTargetGroupAttributes { target_group, .. } | Write::RegisterTargets { target_group, .. } => {
            target_group.to_string()
        }
        Write::CreateListener(create) => create.load_balancer.to_string(),
        Write::SetListener { listener, .. } | Write::DeleteListener { listener } => listener.to_string(),
        Write::AddTags { resource, .. } | Write::RemoveTags { resource, .. } => match resource {
            ElbTaggable::LoadBalancer(arn) => arn.to_string(),
            ElbTaggable::TargetGroup(arn) => arn.to_string(),
            ElbTaggable::Listener(arn) => arn.to_string(),
        },
        // What AWS refuses of one image or type it may grant of another.
        Write::RunInstances(run) => format!("{} {}", run.image, run.instance_type),
        Write::CreateSecurityGroup(_) | Write::CreateLoadBalancer(_) | Write::CreateTargetGroup(_) => String::new(),
    }
}

/// Everything that a call names, as ids, or by the action that makes it.
pub(crate) fn named(write: &Write) -> Vec<String> {
    let mut all = vec![of(write)];
    match write {
        Write::AuthorizeRules(change) | Write::RevokeRules(change) => {
            let groups = change.rules.iter().filter_map(|rule| match &rule.peer {
                Peer::Group(group) => Some(group.to_string()),
                Peer::Cidr(_) | Peer::PrefixList(_) => None,
            });
            all.extend(groups);
        }
        Write::RunInstances(run) => all.extend(run.groups.iter().map(ToString::to_string)),
        Write::SetInstanceGroups { groups, .. } | Write::SetLoadBalancerGroups { groups, .. } => {
            all.extend(groups.iter().map(ToString::to_string));
        }
        Write::CreateLoadBalancer(create) => all.extend(create.groups.iter().map(ToString::to_string)),
        Write::CreateListener(create) => all.push(create.forward_to.to_string()),
        Write::SetListener { forward_to, warm, .. } => {
            all.push(forward_to.to_string());
            all.extend(warm.iter().map(ToString::to_string));
        }
        Write::RegisterTargets { instances, .. } => all.extend(instances.iter().map(ToString::to_string)),
        Write::CreateSecurityGroup(_)
        | Write::DeleteSecurityGroup { .. }
        | Write::TerminateInstances { .. }
        | Write::SetMetadataOptions { .. }
        | Write::ChangeProfile { .. }
        | Write::CreateTags { .. }
        | Write::DeleteTags { .. }
        | Write::SetLoadBalancerAttributes { .. }
        | Write::SetSubnets { .. }
        | Write::DeleteLoadBalancer { .. }
        | Write::CreateTargetGroup(_)
        | Write::SetHealthCheck { .. }
        | Write::SetTargetGroupAttributes { .. }
        | Write::DeleteTargetGroup { .. }
        | Write::DeregisterTargets { .. }
        | Write::DeleteListener { .. }
        | Write::AddTags { .. }
        | Write::RemoveTags { .. } => {}
    }
    all.retain(|id| !id.is_empty());
    all
}

/// The load balancer or target group that AWS does not know any more, by what it answered to the call. An instance or a
/// group that was just made is answered for so, too: of those it says nothing.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/eventual-consistency.html>
pub(crate) fn unknown_to_aws(write: &Write, code: &str) -> Option<Made> {
    let balancer = |reference: &Ref<_>| reference.id().cloned().map(Made::LoadBalancer);
    let group = |reference: &Ref<_>| reference.id().cloned().map(Made::TargetGroup);
    match (code, write) {
        ("LoadBalancerNotFound", Write::SetLoadBalancerAttributes { load_balancer, .. }) => balancer(load_balancer),
        ("LoadBalancerNotFound", Write::CreateListener(create)) => balancer(&create.load_balancer),
        (
            "LoadBalancerNotFound",
            Write::SetSubnets { load_balancer, .. } | Write::SetLoadBalancerGroups { load_balancer, .. },
        ) => Some(Made::LoadBalancer(load_balancer.clone())),
        (
            "LoadBalancerNotFound",
            Write::AddTags { resource: ElbTaggable::LoadBalancer(arn), .. }
            | Write::RemoveTags { resource: ElbTaggable::LoadBalancer(arn), .. },
        ) => Some(Made::LoadBalancer(arn.clone())),
        (
            "TargetGroupNotFound",
            Write::SetTargetGroupAttributes { target_group, .. } | Write::RegisterTargets { target_group, .. },
        ) => group(target_group),
        ("TargetGroupNotFound", Write::CreateListener(create)) => group(&create.forward_to),
        ("TargetGroupNotFound", Write::SetHealthCheck { target_group, .. }) => {
            Some(Made::TargetGroup(target_group.clone()))
        }
        (
            "TargetGroupNotFound",
            Write::AddTags { resource: ElbTaggable::TargetGroup(arn), .. }
            | Write::RemoveTags { resource: ElbTaggable::TargetGroup(arn), .. },
        ) => Some(Made::TargetGroup(arn.clone())),
        // Of two groups it is not said which.
        ("TargetGroupNotFound", Write::SetListener { forward_to, warm: None, .. }) => group(forward_to),
        (_, _) => None,
    }
}

/// Whether AWS refused the call only because it does not know everywhere yet what was just made: the refusal names a kind of
/// thing, and the call names a new one of that kind.
/// <https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html>
pub(crate) fn lags(write: &Write, code: &str, is_new: impl Fn(&str) -> bool) -> bool {
    // How ids of the kind look, and by which action one is made in the same plan.
    let (id, made) = match code {
        "InvalidGroup.NotFound"
        | "InvalidGroupId.NotFound"
        | "InvalidSecurityGroupID.NotFound"
        | "InvalidSecurityGroup" => ("sg-", "(of create-group/"),
        "InvalidInstanceID.NotFound" | "InvalidTarget" => ("i-", "(of launch/"),
        "LoadBalancerNotFound" => (":loadbalancer/", "(of create-load-balancer"),
        "TargetGroupNotFound" => (":targetgroup/", "(of create-target-group/"),
        "ListenerNotFound" => (":listener/", "(of create-listener/"),
        _ => return false,
    };
    let is_of_kind = |name: &String| name.starts_with(id) || (id.starts_with(':') && name.contains(id));
    named(write).iter().any(|name| name.starts_with(made) || (is_of_kind(name) && is_new(name)))
}
