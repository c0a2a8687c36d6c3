//! Plans the end: reverse order, each when nothing depends on it any more, and nothing that is not ours.
//!
//! Members drain and are terminated, then the load balancer (its listeners go with it), then target groups, then the
//! groups, whose release AWS may delay while network interfaces linger. `Retain` removes our tags and nothing else.

use std::collections::BTreeSet;

use aws_api::ec2::{Ec2TagsWrite, Taggable};
use aws_api::elbv2::{ElbTaggable, Elbv2TagsWrite, LoadBalancerWrite};
use aws_api::{ActionId, Ref, Tags, Write};

use crate::action::Does;
use crate::builder::PlanBuilder;
use crate::desired::DELETION_PROTECTION;
use crate::diff;
use crate::launches;
use crate::members::{self, Lifecycle};
use crate::order;
use crate::orphan_intents;
use crate::ownership::{self, TAG_PREFIX};
use crate::reason::{Reason, Why};
use crate::record::{GroupRole, Makes};
use crate::status::{Leaving, WaitOn};

/// Plans the end of everything that is ours. Returns whether nothing is left.
pub(crate) fn teardown(builder: &mut PlanBuilder<'_>, retain: bool) -> bool {
    let members = members::assess(builder, None, None, "", |_| true);
    // Whoever is there is on the way out, and counts for nothing that was wanted.
    (builder.status.ready, builder.status.serving) = (0, 0);
    builder.status.updated = order::number(members.iter().filter(|member| member.is_live()).count());
    let open = open_intents(builder);
    if retain {
        return untag_everything(builder) && !open;
    }
    let Some(unprotect) = deletion_protection(builder) else { return false };
    for mut member in members {
        if member.status.leaving.is_none() {
            let leaving = Leaving { reason: Reason::Teardown, healing: false, since: builder.now() };
            member.status.leaving = Some(leaving.clone());
            if let Some(status) = builder.status.instances.iter_mut().find(|status| status.instance_id == *member.id())
            {
                status.leaving = Some(leaving);
            }
        }
        order::continue_exit(builder, &member);
    }
    if builder.input.observed.instances.seen().is_none() {
        builder.wait(WaitOn::Aws, "instances to be read before anything else goes", None);
        return false;
    }
    let drained = builder.status.instances.iter().all(|status| {
        members::lifecycle_of(status) == Lifecycle::Ending || order::has_drained(builder, &status.instance_id)
    });
    let balancer_gone = builder.status.load_balancer.is_none();
    let deleted = if drained { load_balancer(builder, unprotect) } else { Vec::new() };
    if balancer_gone || !deleted.is_empty() {
        target_groups(builder, &deleted);
    }
    if balancer_gone && builder.status.instances.is_empty() {
        groups(builder);
    }
    builder.status.holds_nothing() && !open
}

/// Creates whose end is not known yet. What they made, if anything, must be seen before the record can go.
fn open_intents(builder: &mut PlanBuilder<'_>) -> bool {
    let launches: Vec<_> = builder
        .input
        .record
        .intents
        .iter()
        .filter(|intent| matches!(intent.makes, Makes::Member { .. }))
        .filter(|intent| !builder.settled.iter().any(|settled| settled.id == intent.id))
        .collect();
    for intent in &launches {
        let empty = builder.status.instances.is_empty();
        launches::resolve(builder, None, intent, empty);
    }
    orphan_intents::give_up(builder) || !launches.is_empty()
}

/// Actions that lift the protection, if a record of ours had put it and the one in force does not want it; `None` while it
/// holds the whole teardown. What somebody has switched on is not ours to lift.
fn deletion_protection(builder: &mut PlanBuilder<'_>) -> Option<Vec<ActionId>> {
    let Some(balancer) = builder.status.load_balancer.clone() else { return Some(Vec::new()) };
    let wanted = builder.input.record.spec.as_ref().is_some_and(|spec| spec.load_balancer.deletion_protection);
    if wanted {
        builder.status.protects = Some(balancer.arn.clone());
        let message =
            format!("{} is protected from deletion; set spec.loadBalancer.deletionProtection: false", balancer.name);
        return protected(builder, message);
    }
    let Some(seen) = builder.input.observed.load_balancer_attributes.get(&balancer.arn).and_then(|part| part.seen())
    else {
        builder.wait(WaitOn::Aws, format!("attributes of {} to be read before anything goes", balancer.name), None);
        return None;
    };
    let is_on = seen.get(DELETION_PROTECTION).is_some_and(|value| value == "true");
    let is_ours = builder.status.protects.as_ref() == Some(&balancer.arn);
    diff::load_balancer::note_protection(builder, &balancer.arn, false, seen);
    if !is_on {
        return Some(Vec::new());
    }
    if !is_ours {
        let message = format!(
            "{} is protected from deletion, and not by this record: somebody has switched it on; whoever may call \
             elasticloadbalancing:ModifyLoadBalancerAttributes can lift it: aws elbv2 modify-load-balancer-attributes \
             --load-balancer-arn {} --attributes Key={DELETION_PROTECTION},Value=false",
            balancer.name, balancer.arn
        );
        return protected(builder, message);
    }
    let write = Write::LoadBalancer(LoadBalancerWrite::SetAttributes {
        load_balancer: Ref::Id(balancer.arn),
        attributes: [(DELETION_PROTECTION.to_owned(), "false".to_owned())].into(),
    });
    let why = Why::new(Reason::Teardown, "spec.loadBalancer.deletionProtection is false");
    Some(vec![builder.change("set-load-balancer-attributes", write, balancer.name, why).id()])
}

/// The whole teardown waits for a person.
fn protected(builder: &mut PlanBuilder<'_>, message: String) -> Option<Vec<ActionId>> {
    builder.add_blocker(Reason::DeletionProtected, message.clone());
    builder.wait(WaitOn::Person, message, None);
    None
}

/// The action that deletes it, if it is there.
fn load_balancer(builder: &mut PlanBuilder<'_>, after: Vec<ActionId>) -> Vec<ActionId> {
    let Some(balancer) = builder.status.load_balancer.clone() else { return Vec::new() };
    let Some(owned) = ownership::prove_load_balancer(&builder.status, &balancer.arn) else { return Vec::new() };
    if builder.memory.was_removed(&aws_api::ResourceId::LoadBalancer(balancer.arn.clone())) {
        builder.wait(WaitOn::Aws, format!("load balancer {} to be gone", balancer.name), None);
        return Vec::new();
    }
    let why = Why::new(Reason::Teardown, "its members are drained");
    vec![builder.act("delete-load-balancer", Does::DeleteLoadBalancer(owned), balancer.name, why).after(after).id()]
}

fn target_groups(builder: &mut PlanBuilder<'_>, after: &[ActionId]) {
    for group in builder.status.target_groups.clone() {
        if builder.memory.was_removed(&aws_api::ResourceId::TargetGroup(group.arn.clone())) {
            builder.wait(WaitOn::Aws, format!("target group {} to be gone", group.name), None);
            continue;
        }
        let Some(owned) = ownership::prove_target_group(&builder.status, &group.arn) else { continue };
        let id = format!("delete-target-group/{}", group.name);
        let why = Why::new(Reason::Teardown, "no listener uses it");
        builder.act(id, Does::DeleteTargetGroup(owned), group.name, why).after(after.iter().cloned());
    }
}

/// The instances' group first, since its rules refer to the load balancer's.
fn groups(builder: &mut PlanBuilder<'_>) {
    let mut after: Vec<ActionId> = Vec::new();
    for role in [GroupRole::Instances, GroupRole::LoadBalancer] {
        let Some(id) = role.recorded(&builder.status).cloned() else { continue };
        if builder.memory.was_removed(&aws_api::ResourceId::SecurityGroup(id.clone())) {
            builder.wait(WaitOn::Aws, format!("security group {id} to be gone"), None);
            continue;
        }
        let Some(owned) = ownership::prove_group(&builder.status, &id) else { continue };
        let why = Why::new(Reason::Teardown, "nothing of ours uses it");
        let action = builder
            .act(format!("delete-group/{}", role.word()), Does::DeleteGroup(owned), &id, why)
            .after(after.clone());
        after = vec![action.id()];
    }
}

/// Removes our tags from everything of ours that still has one. Returns whether there was none.
fn untag_everything(builder: &mut PlanBuilder<'_>) -> bool {
    let observed = builder.input.observed;
    if !observed.gaps().is_empty() {
        return false;
    }
    for group in observed.groups.seen().into_iter().flatten() {
        if builder.status.security_groups.names.contains_key(&group.id) {
            untag_ec2(builder, group.id.as_str(), diff::groups::taggable(&group.id), &group.tags);
        }
    }
    let mut unseen = false;
    for member in builder.status.instances.clone() {
        if let Some(instance) = observed.instances.seen().and_then(|all| all.get(&member.instance_id)) {
            untag_ec2(builder, instance.id.as_str(), Taggable::Instance(instance.id.clone()), &instance.tags);
        }
        match observed.volumes.get(&member.instance_id).and_then(|part| part.seen()) {
            Some(seen) => {
                for volume in seen.iter().filter(|volume| member.volumes.contains(&volume.id)) {
                    untag_ec2(builder, volume.id.as_str(), Taggable::Volume(volume.id.clone()), &volume.tags);
                }
            }
            // Those of an instance that is gone went with it, or are nobody's to be told apart.
            None => unseen |= !member.volumes.is_empty() && member.state.is_some(),
        }
    }
    for (resource, tags) in observed.tags.seen().into_iter().flatten() {
        if is_recorded(builder, resource) {
            untag_elb(builder, resource, tags);
        }
    }
    builder.actions.is_empty() && !unseen
}

fn is_recorded(builder: &PlanBuilder<'_>, resource: &ElbTaggable) -> bool {
    let status = &builder.status;
    match resource {
        ElbTaggable::LoadBalancer(arn) => status.load_balancer.as_ref().is_some_and(|balancer| balancer.arn == *arn),
        ElbTaggable::TargetGroup(arn) => status.target_groups.iter().any(|group| group.arn == *arn),
        ElbTaggable::Listener(arn) => status.listeners.iter().any(|listener| listener.arn == *arn),
    }
}

fn our_keys(tags: &Tags) -> BTreeSet<String> {
    tags.keys().filter(|key| key.starts_with(TAG_PREFIX)).cloned().collect()
}

fn untag_ec2(builder: &mut PlanBuilder<'_>, id: &str, resource: Taggable, tags: &Tags) {
    let keys = our_keys(tags);
    if !keys.is_empty() {
        let why = Why::new(Reason::Retained, diff::joined_by(&keys, ", "));
        builder.change(format!("untag/{id}"), Write::Ec2Tags(Ec2TagsWrite::Delete { resource, keys }), id, why);
    }
}

fn untag_elb(builder: &mut PlanBuilder<'_>, resource: &ElbTaggable, tags: &Tags) {
    let keys = our_keys(tags);
    if !keys.is_empty() {
        let id = diff::tags::arn(resource).to_owned();
        let why = Why::new(Reason::Retained, diff::joined_by(&keys, ", "));
        builder.change(
            format!("untag/{id}"),
            Write::Elbv2Tags(Elbv2TagsWrite::Remove { resource: resource.clone(), keys }),
            id,
            why,
        );
    }
}
