//! The load balancer: its existence, subnets, groups, attributes and tags.

use std::collections::{BTreeMap, BTreeSet};

use aws_api::elbv2::{CreateLoadBalancer, ElbTaggable, LoadBalancer, LoadBalancerState, LoadBalancerWrite};
use aws_api::id::{LoadBalancerArn, Zone};
use aws_api::{Ref, ResourceId, Write};
use crds_schema::Spec;

use super::attributes::{self, Whose};
use super::groups::Groups;
use super::{joined, joined_by};
use crate::builder::PlanBuilder;
use crate::desired::{DELETION_PROTECTION, Wanted};
use crate::memory::Entry;
use crate::ownership;
use crate::reason::{Reason, Why};
use crate::record::{GroupRole, Makes};
use crate::status::WaitOn;

/// Plans the load balancer; `None` while it cannot be told whether there is one.
pub(crate) fn diff(
    builder: &mut PlanBuilder<'_>,
    spec: &Spec,
    wanted: &Wanted,
    groups: &Groups,
) -> Option<Ref<LoadBalancerArn>> {
    if let Some(recorded) = builder.status.load_balancer.clone() {
        let seen = builder.input.observed.load_balancers.seen();
        if let Some(seen) = seen.and_then(|all| all.iter().find(|balancer| balancer.arn == recorded.arn)) {
            compare(builder, spec, wanted, groups, seen);
        }
        return Some(Ref::Id(recorded.arn));
    }
    create(builder, spec, wanted, groups)
}

fn create(
    builder: &mut PlanBuilder<'_>,
    spec: &Spec,
    wanted: &Wanted,
    groups: &Groups,
) -> Option<Ref<LoadBalancerArn>> {
    let record = builder.input.record;
    let name = &wanted.load_balancer.name;
    let seen = builder.input.observed.load_balancers.seen()?;
    if let Some(taken) = seen.iter().find(|balancer| balancer.name == *name) {
        // Its tags may not be read yet, and say that it is ours; then the next pass knows.
        if builder.input.observed.tags_of(&ElbTaggable::LoadBalancer(taken.arn.clone())).is_some() {
            super::name_taken(builder, "load balancer", name, taken.arn.as_str(), "spec.loadBalancer.name");
        }
        return None;
    }
    let group = groups.get(&GroupRole::LoadBalancer)?.clone();
    if builder.doubts(&group, ResourceId::SecurityGroup) {
        return None;
    }
    let after: Vec<_> = made(&group);
    let why = Why::new(Reason::NotYetMade, format!("load balancer {name}"));
    let action = builder
        .create("create-load-balancer", Makes::LoadBalancer, name, why, |intent| {
            Write::LoadBalancer(LoadBalancerWrite::Create(CreateLoadBalancer {
                name: name.clone(),
                scheme: wanted.load_balancer.scheme,
                subnets: wanted.balancer_subnets.values().cloned().collect(),
                groups: [group].into(),
                tags: ownership::tags(record, &spec.tags, name, intent),
            }))
        })
        .after(after)
        .id();
    let attributes = attributes::of_new(&wanted.load_balancer.attributes);
    if !attributes.is_empty() {
        let why = Why::new(Reason::NotYetMade, joined_by(attributes.keys(), ", "));
        let load_balancer = Ref::Made(action.clone());
        let puts = attributes::puts(&load_balancer.to_string(), &attributes);
        let write = Write::LoadBalancer(LoadBalancerWrite::SetAttributes { load_balancer, attributes });
        builder.change("set-load-balancer-attributes", write, name, why).after([action.clone()]).puts(puts);
    }
    Some(Ref::Made(action))
}

/// The action that makes it, if it is being made.
pub(crate) fn made<T>(reference: &Ref<T>) -> Vec<aws_api::ActionId> {
    match reference {
        Ref::Id(_) => Vec::new(),
        Ref::Made(action) => vec![action.clone()],
    }
}

fn compare(builder: &mut PlanBuilder<'_>, spec: &Spec, wanted: &Wanted, groups: &Groups, seen: &LoadBalancer) {
    match seen.state {
        LoadBalancerState::Active | LoadBalancerState::ActiveImpaired => {}
        LoadBalancerState::Provisioning => {
            builder.wait(WaitOn::Aws, format!("load balancer {} to be active", seen.name), None)
        }
        LoadBalancerState::Failed => {
            builder.add_blocker(Reason::LoadBalancerFailed, format!("AWS says that {} failed", seen.name))
        }
    }
    super::tags::elb(builder, spec, &seen.name, &ElbTaggable::LoadBalancer(seen.arn.clone()));
    subnets(builder, wanted, seen);
    security_groups(builder, groups, seen);
    let seen_attributes = builder.input.observed.load_balancer_attributes.get(&seen.arn).and_then(|part| part.seen());
    let Some(seen_attributes) = seen_attributes else { return };
    note_protection(builder, &seen.arn, spec.load_balancer.deletion_protection, seen_attributes);
    let whose = Whose { action: "set-load-balancer-attributes".into(), name: &seen.name, arn: seen.arn.to_string() };
    attributes::set_right(builder, &whose, &wanted.load_balancer.attributes, seen_attributes, |attributes| {
        Write::LoadBalancer(LoadBalancerWrite::SetAttributes { load_balancer: Ref::Id(seen.arn.clone()), attributes })
    });
}

/// Notes, before it is put, that a protection is ours, and forgets it once it is off: a teardown takes off no other.
pub(crate) fn note_protection(
    builder: &mut PlanBuilder<'_>,
    balancer: &LoadBalancerArn,
    wanted: bool,
    seen: &BTreeMap<String, String>,
) {
    let is_on = seen.get(DELETION_PROTECTION).is_some_and(|value| value == "true");
    if wanted {
        builder.status.protects = Some(balancer.clone());
    } else if !is_on {
        builder.status.protects = None;
    }
}

/// A target in a zone that its load balancer does not cover stays `unused`: the zones of members are named.
fn subnets(builder: &mut PlanBuilder<'_>, wanted: &Wanted, seen: &LoadBalancer) {
    let members: BTreeSet<&Zone> = builder.input.record.status.instances.iter().map(|member| &member.zone).collect();
    let uncovered: Vec<&Zone> = members.into_iter().filter(|zone| !seen.subnets.contains_key(*zone)).collect();
    let reason = (!uncovered.is_empty()).then_some(Reason::ZoneNotCovered);
    if !uncovered.is_empty() {
        let message = format!("{} has members, but {} does not cover it", joined_by(uncovered, ", "), seen.name);
        builder.add_blocker(Reason::ZoneNotCovered, message);
    }
    let entry = Entry::new(seen.arn.to_string(), "subnets");
    let subnets = joined(wanted.balancer_subnets.values());
    let mut have: Vec<_> = seen.subnets.values().collect();
    let mut want: Vec<_> = wanted.balancer_subnets.values().collect();
    have.sort();
    want.sort();
    let (want, have) = (joined(want), joined(have));
    if builder.confirm_drift(&entry, Some(&want), Some(&have)) {
        let reason = match reason {
            Some(reason) => reason,
            None => builder.cause(&entry, Some(&want), Some(&have), Reason::AttributeDrifted),
        };
        let why = Why::new(reason, format!("{} should be in {subnets}", seen.name));
        let all: BTreeSet<_> = wanted.balancer_subnets.values().cloned().collect();
        let put = Some(joined(&all));
        let write =
            Write::LoadBalancer(LoadBalancerWrite::SetSubnets { load_balancer: seen.arn.clone(), subnets: all });
        builder.change("set-subnets", write, &seen.name, why).puts([(entry, put)]);
    }
}

fn security_groups(builder: &mut PlanBuilder<'_>, groups: &Groups, seen: &LoadBalancer) {
    let Some(group) = groups.get(&GroupRole::LoadBalancer) else { return };
    if builder.doubts(group, ResourceId::SecurityGroup) {
        return;
    }
    let entry = Entry::new(seen.arn.to_string(), "groups");
    let (want, have) = (group.to_string(), joined(&seen.groups));
    if builder.confirm_drift(&entry, Some(&want), Some(&have)) {
        let reason = builder.cause(&entry, Some(&want), Some(&have), Reason::GroupDetached);
        let why = Why::new(reason, format!("{} has {have}, should have {want}", seen.name));
        let write = Write::LoadBalancer(LoadBalancerWrite::SetGroups {
            load_balancer: seen.arn.clone(),
            groups: [group.clone()].into(),
        });
        let put = (entry, Some(group.to_string()));
        builder.change("set-load-balancer-groups", write, &seen.name, why).after(made(group)).puts([put]);
    }
}
