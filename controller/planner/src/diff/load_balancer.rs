//! The load balancer: its existence, subnets, groups, attributes and tags.

use std::collections::BTreeSet;

use crds_schema::Spec;

use super::groups::Groups;
use super::{attribute_puts, attributes_of_new, attributes_to_set, joined, joined_by};
use crate::desired::Wanted;
use crate::draft::Draft;
use crate::id::{LoadBalancerArn, Zone};
use crate::memory::Entry;
use crate::ownership;
use crate::reason::{Reason, Why};
use crate::record::{GroupRole, Makes};
use crate::request::{CreateLoadBalancer, ElbTaggable, Ref, Write};
use crate::resource::{LoadBalancer, LoadBalancerState};
use crate::status::WaitOn;

/// Plans the load balancer; `None` while it cannot be told whether there is one.
pub(crate) fn diff(
    draft: &mut Draft<'_>,
    spec: &Spec,
    wanted: &Wanted,
    groups: &Groups,
) -> Option<Ref<LoadBalancerArn>> {
    if let Some(recorded) = draft.status.load_balancer.clone() {
        let seen = draft.sight.observed.load_balancers.seen();
        if let Some(seen) = seen.and_then(|all| all.iter().find(|balancer| balancer.arn == recorded.arn)) {
            compare(draft, spec, wanted, groups, seen);
        }
        return Some(Ref::Id(recorded.arn));
    }
    create(draft, spec, wanted, groups)
}

fn create(draft: &mut Draft<'_>, spec: &Spec, wanted: &Wanted, groups: &Groups) -> Option<Ref<LoadBalancerArn>> {
    let record = draft.sight.record;
    let name = &wanted.load_balancer.name;
    let seen = draft.sight.observed.load_balancers.seen()?;
    if let Some(taken) = seen.iter().find(|balancer| balancer.name == *name) {
        // Its tags may not be read yet, and say that it is ours; then the next pass knows.
        if draft.sight.observed.tags_of(&ElbTaggable::LoadBalancer(taken.arn.clone())).is_some() {
            super::name_taken(draft, "load balancer", name, taken.arn.as_str(), "spec.loadBalancer.name");
        }
        return None;
    }
    let group = groups.get(&GroupRole::LoadBalancer)?.clone();
    let after: Vec<_> = made(&group);
    let why = Why::new(Reason::NotYetMade, format!("load balancer {name}"));
    let action = draft
        .create("create-load-balancer", Makes::LoadBalancer, name, why, |intent| {
            Write::CreateLoadBalancer(CreateLoadBalancer {
                name: name.clone(),
                scheme: wanted.load_balancer.scheme,
                subnets: wanted.balancer_subnets.values().cloned().collect(),
                groups: [group].into(),
                tags: ownership::tags(record, &spec.tags, name, intent),
            })
        })
        .after(after)
        .id();
    let attributes = attributes_of_new(&wanted.load_balancer.attributes);
    if !attributes.is_empty() {
        let why = Why::new(Reason::NotYetMade, joined_by(attributes.keys(), ", "));
        let load_balancer = Ref::Made(action.clone());
        let puts = attribute_puts(&load_balancer.to_string(), &attributes);
        let write = Write::SetLoadBalancerAttributes { load_balancer, attributes };
        draft.change("set-load-balancer-attributes", write, name, why).after([action.clone()]).puts(puts);
    }
    Some(Ref::Made(action))
}

/// The action that makes it, if it is being made.
pub(crate) fn made<T>(reference: &Ref<T>) -> Vec<crate::request::ActionId> {
    match reference {
        Ref::Id(_) => Vec::new(),
        Ref::Made(action) => vec![action.clone()],
    }
}

fn compare(draft: &mut Draft<'_>, spec: &Spec, wanted: &Wanted, groups: &Groups, seen: &LoadBalancer) {
    match seen.state {
        LoadBalancerState::Active | LoadBalancerState::ActiveImpaired => {}
        LoadBalancerState::Provisioning => {
            draft.wait(WaitOn::Aws, format!("load balancer {} to be active", seen.name), None)
        }
        LoadBalancerState::Failed => {
            draft.trouble(Reason::LoadBalancerFailed, format!("AWS says that {} failed", seen.name))
        }
    }
    super::tags::elb(draft, spec, &seen.name, &ElbTaggable::LoadBalancer(seen.arn.clone()));
    subnets(draft, wanted, seen);
    security_groups(draft, groups, seen);
    let arn = seen.arn.to_string();
    let attributes = draft.sight.observed.load_balancer_attributes.get(&seen.arn).and_then(|part| part.seen());
    let Some(attributes) = attributes else { return };
    let attributes = attributes_to_set(draft, &arn, &wanted.load_balancer.attributes, attributes);
    if !attributes.is_empty() {
        let why = Why::new(Reason::AttributeDrifted, joined_by(attributes.keys(), ", "));
        let puts = attribute_puts(&arn, &attributes);
        let write = Write::SetLoadBalancerAttributes { load_balancer: Ref::Id(seen.arn.clone()), attributes };
        draft.change("set-load-balancer-attributes", write, &seen.name, why).puts(puts);
    }
}

/// A target in a zone that its load balancer does not cover stays `unused`: the zones of members are named.
fn subnets(draft: &mut Draft<'_>, wanted: &Wanted, seen: &LoadBalancer) {
    let members: BTreeSet<&Zone> = draft.sight.record.status.instances.iter().map(|member| &member.zone).collect();
    let uncovered: Vec<&Zone> = members.into_iter().filter(|zone| !seen.subnets.contains_key(*zone)).collect();
    let reason = if uncovered.is_empty() { Reason::AttributeDrifted } else { Reason::ZoneNotCovered };
    if !uncovered.is_empty() {
        let message = format!("{} has members, but {} does not cover it", joined_by(uncovered, ", "), seen.name);
        draft.trouble(Reason::ZoneNotCovered, message);
    }
    let entry = Entry::new(seen.arn.to_string(), "subnets");
    let subnets = joined(wanted.balancer_subnets.values());
    let mut have: Vec<_> = seen.subnets.values().collect();
    let mut want: Vec<_> = wanted.balancer_subnets.values().collect();
    have.sort();
    want.sort();
    if draft.differs(&entry, Some(&joined(want)), Some(&joined(have))) {
        let why = Why::new(reason, format!("{} should be in {subnets}", seen.name));
        let all: BTreeSet<_> = wanted.balancer_subnets.values().cloned().collect();
        let put = Some(joined(&all));
        let write = Write::SetSubnets { load_balancer: seen.arn.clone(), subnets: all };
        draft.change("set-subnets", write, &seen.name, why).puts([(entry, put)]);
    }
}

fn security_groups(draft: &mut Draft<'_>, groups: &Groups, seen: &LoadBalancer) {
    let Some(group) = groups.get(&GroupRole::LoadBalancer) else { return };
    let entry = Entry::new(seen.arn.to_string(), "groups");
    if draft.differs(&entry, Some(&group.to_string()), Some(&joined(&seen.groups))) {
        let why =
            Why::new(Reason::GroupDetached, format!("{} has {}, should have {group}", seen.name, joined(&seen.groups)));
        let write = Write::SetLoadBalancerGroups { load_balancer: seen.arn.clone(), groups: [group.clone()].into() };
        let put = (entry, Some(group.to_string()));
        draft.change("set-load-balancer-groups", write, &seen.name, why).after(made(group)).puts([put]);
    }
}
