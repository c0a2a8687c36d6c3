//! I3: it changes only what it made, and for no environment what another one made. What was made is known from the create
//! calls.

use std::collections::BTreeSet;

use planner::request::{ElbTaggable, Ref, Taggable, Write};
use simulator::cloud::tape::{Arrival, Came, Changed};

use super::Ruling;
use crate::simulation::facts::Facts;
use crate::simulation::tally::Tally;

const I3: &str = "I3 only what it owns";

/// Judges a mutating call.
pub fn arrived(arrival: &Arrival, facts: &Facts, tally: &mut Tally) -> Ruling {
    let Came::Changed(changed) = &arrival.came else { return Ok(()) };
    let touched = touched(changed);
    for one in &touched {
        tally.count("oracle: I3 what is changed is ours");
        if facts.owner(one).is_none() {
            return Err((I3, format!("{} changed {one}, which no replica made", arrival.operation)));
        }
    }
    let owners: BTreeSet<_> = touched.iter().filter_map(|one| facts.owner(one)).collect();
    if owners.len() > 1 {
        return Err((I3, format!("{} changed things of {owners:?} at once", arrival.operation)));
    }
    Ok(())
}

/// What a call changes.
pub fn touched(changed: &Changed) -> Vec<String> {
    fn id<T: ToString>(reference: &Ref<T>) -> Vec<String> {
        match reference {
            Ref::Id(id) => vec![id.to_string()],
            Ref::Made(action) => vec![format!("the unresolved {action}")],
        }
    }
    match &changed.write {
        Write::AuthorizeRules(change) | Write::RevokeRules(change) => id(&change.group),
        Write::DeleteSecurityGroup { group } => vec![group.to_string()],
        Write::TerminateInstances { instance }
        | Write::SetMetadataOptions { instance, .. }
        | Write::ChangeProfile { instance, .. }
        | Write::SetInstanceGroups { instance, .. } => vec![instance.to_string()],
        Write::CreateTags { resource, .. } | Write::DeleteTags { resource, .. } => match resource {
            Taggable::Instance(instance) => vec![instance.to_string()],
            Taggable::SecurityGroup(group) => id(group),
            // It is whose instance it is attached to.
            Taggable::Volume(volume) => {
                let attached = changed.before.volumes().remove(volume.as_str()).and_then(|known| known.attached_to);
                vec![attached.map_or_else(|| volume.to_string(), |instance| instance.to_string())]
            }
        },
        Write::SetLoadBalancerAttributes { load_balancer, .. } => id(load_balancer),
        Write::SetSubnets { load_balancer, .. }
        | Write::SetLoadBalancerGroups { load_balancer, .. }
        | Write::DeleteLoadBalancer { load_balancer } => vec![load_balancer.to_string()],
        Write::SetHealthCheck { target_group, .. }
        | Write::DeleteTargetGroup { target_group }
        | Write::DeregisterTargets { target_group, .. } => vec![target_group.to_string()],
        Write::SetTargetGroupAttributes { target_group, .. } => id(target_group),
        Write::RegisterTargets { target_group, instances, .. } => {
            id(target_group).into_iter().chain(instances.iter().map(ToString::to_string)).collect()
        }
        Write::CreateListener(create) => id(&create.load_balancer),
        // A listener of our load balancer is ours to change, whoever made it.
        Write::SetListener { listener, .. } | Write::DeleteListener { listener } => of_listener(changed, listener),
        Write::AddTags { resource, .. } | Write::RemoveTags { resource, .. } => match resource {
            ElbTaggable::LoadBalancer(arn) => vec![arn.to_string()],
            ElbTaggable::TargetGroup(arn) => vec![arn.to_string()],
            ElbTaggable::Listener(arn) => of_listener(changed, arn),
        },
        // What is made touches nothing that was there.
        Write::CreateSecurityGroup(_)
        | Write::RunInstances(_)
        | Write::CreateLoadBalancer(_)
        | Write::CreateTargetGroup(_) => Vec::new(),
    }
}

fn of_listener(changed: &Changed, listener: &planner::id::ListenerArn) -> Vec<String> {
    let balancers = changed.before.load_balancers().into_iter();
    let of =
        |arn: &planner::id::LoadBalancerArn| changed.before.listeners(arn).iter().any(|known| known.arn == *listener);
    balancers.map(|balancer| balancer.arn).filter(of).map(|arn| arn.to_string()).collect()
}
