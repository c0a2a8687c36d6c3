//! Plans the end: reverse order, each when nothing depends on it any more, and nothing that is not ours.
//!
//! Members drain and are terminated, then the load balancer (its listeners go with it), then target groups, then the
//! groups, whose release AWS may delay while network interfaces linger. `Retain` removes our tags and nothing else.

use std::collections::BTreeSet;

use crate::action::Does;
use crate::desired::DELETION_PROTECTION;
use crate::diff;
use crate::draft::Draft;
use crate::launches;
use crate::members::{self, Life};
use crate::open;
use crate::order;
use crate::ownership::{self, TAG_PREFIX};
use crate::reason::{Reason, Why};
use crate::record::{GroupRole, Makes};
use crate::request::{ActionId, ElbTaggable, Ref, Taggable, Write};
use crate::resource::Tags;
use crate::status::{Leaving, WaitOn};

/// Plans the end of everything that is ours. Returns whether nothing is left.
pub(crate) fn teardown(draft: &mut Draft<'_>, retain: bool) -> bool {
    let members = members::assess(draft, None, None, "", |_| true);
    // Whoever is there is on the way out, and counts for nothing that was wanted.
    (draft.status.ready, draft.status.serving) = (0, 0);
    draft.status.updated = order::number(members.iter().filter(|member| member.is_live()).count());
    let open = open_intents(draft);
    if retain {
        return untag_everything(draft) && !open;
    }
    let Some(unprotect) = deletion_protection(draft) else { return false };
    for mut member in members {
        if member.status.leaving.is_none() {
            let leaving = Leaving { reason: Reason::Teardown, healing: false, since: draft.now() };
            member.status.leaving = Some(leaving.clone());
            if let Some(status) = draft.status.instances.iter_mut().find(|status| status.instance_id == *member.id()) {
                status.leaving = Some(leaving);
            }
        }
        order::see_out(draft, &member);
    }
    if draft.sight.observed.instances.seen().is_none() {
        draft.wait(WaitOn::Aws, "instances to be read before anything else goes", None);
        return false;
    }
    let drained = draft
        .status
        .instances
        .iter()
        .all(|status| members::life_of(status) == Life::Ending || order::has_drained(draft, &status.instance_id));
    let balancer_gone = draft.status.load_balancer.is_none();
    let deleted = if drained { load_balancer(draft, unprotect) } else { Vec::new() };
    if balancer_gone || !deleted.is_empty() {
        target_groups(draft, &deleted);
    }
    if balancer_gone && draft.status.instances.is_empty() {
        groups(draft);
    }
    draft.status.holds_nothing() && !open
}

/// Creates whose end is not known yet. What they made, if anything, must be seen before the record can go.
fn open_intents(draft: &mut Draft<'_>) -> bool {
    let launches: Vec<_> = draft
        .sight
        .record
        .intents
        .iter()
        .filter(|intent| matches!(intent.makes, Makes::Member { .. }))
        .filter(|intent| !draft.settled.iter().any(|settled| settled.id == intent.id))
        .collect();
    for intent in &launches {
        let empty = draft.status.instances.is_empty();
        launches::resolve(draft, None, intent, empty);
    }
    open::give_up_orphans(draft) || !launches.is_empty()
}

/// Actions that lift the protection, if a record of ours had put it and the one in force does not want it; `None` while it
/// holds the whole teardown. What somebody has switched on is not ours to lift.
fn deletion_protection(draft: &mut Draft<'_>) -> Option<Vec<ActionId>> {
    let Some(balancer) = draft.status.load_balancer.clone() else { return Some(Vec::new()) };
    let wanted = draft.sight.record.spec.as_ref().is_some_and(|spec| spec.load_balancer.deletion_protection);
    if wanted {
        draft.status.protects = Some(balancer.arn.clone());
        let message =
            format!("{} is protected from deletion; set spec.loadBalancer.deletionProtection: false", balancer.name);
        return protected(draft, message);
    }
    let Some(seen) = draft.sight.observed.load_balancer_attributes.get(&balancer.arn).and_then(|part| part.seen())
    else {
        draft.wait(WaitOn::Aws, format!("attributes of {} to be read before anything goes", balancer.name), None);
        return None;
    };
    let is_on = seen.get(DELETION_PROTECTION).is_some_and(|value| value == "true");
    let is_ours = draft.status.protects.as_ref() == Some(&balancer.arn);
    diff::load_balancer::note_protection(draft, &balancer.arn, false, seen);
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
        return protected(draft, message);
    }
    let write = Write::SetLoadBalancerAttributes {
        load_balancer: Ref::Id(balancer.arn),
        attributes: [(DELETION_PROTECTION.to_owned(), "false".to_owned())].into(),
    };
    let why = Why::new(Reason::Teardown, "spec.loadBalancer.deletionProtection is false");
    Some(vec![draft.change("set-load-balancer-attributes", write, balancer.name, why).id()])
}

/// The whole teardown waits for a person.
fn protected(draft: &mut Draft<'_>, message: String) -> Option<Vec<ActionId>> {
    draft.trouble(Reason::DeletionProtected, message.clone());
    draft.wait(WaitOn::Person, message, None);
    None
}

/// The action that deletes it, if it is there.
fn load_balancer(draft: &mut Draft<'_>, after: Vec<ActionId>) -> Vec<ActionId> {
    let Some(balancer) = draft.status.load_balancer.clone() else { return Vec::new() };
    let Some(owned) = ownership::prove_load_balancer(&draft.status, &balancer.arn) else { return Vec::new() };
    if draft.memory.was_removed(&crate::request::Made::LoadBalancer(balancer.arn.clone())) {
        draft.wait(WaitOn::Aws, format!("load balancer {} to be gone", balancer.name), None);
        return Vec::new();
    }
    let why = Why::new(Reason::Teardown, "its members are drained");
    vec![draft.act("delete-load-balancer", Does::DeleteLoadBalancer(owned), balancer.name, why).after(after).id()]
}

fn target_groups(draft: &mut Draft<'_>, after: &[ActionId]) {
    for group in draft.status.target_groups.clone() {
        if draft.memory.was_removed(&crate::request::Made::TargetGroup(group.arn.clone())) {
            draft.wait(WaitOn::Aws, format!("target group {} to be gone", group.name), None);
            continue;
        }
        let Some(owned) = ownership::prove_target_group(&draft.status, &group.arn) else { continue };
        let id = format!("delete-target-group/{}", group.name);
        let why = Why::new(Reason::Teardown, "no listener uses it");
        draft.act(id, Does::DeleteTargetGroup(owned), group.name, why).after(after.iter().cloned());
    }
}

/// The instances' group first, since its rules refer to the load balancer's.
fn groups(draft: &mut Draft<'_>) {
    let mut after: Vec<ActionId> = Vec::new();
    for role in [GroupRole::Instances, GroupRole::LoadBalancer] {
        let Some(id) = role.recorded(&draft.status).cloned() else { continue };
        if draft.memory.was_removed(&crate::request::Made::SecurityGroup(id.clone())) {
            draft.wait(WaitOn::Aws, format!("security group {id} to be gone"), None);
            continue;
        }
        let Some(owned) = ownership::prove_group(&draft.status, &id) else { continue };
        let why = Why::new(Reason::Teardown, "nothing of ours uses it");
        let action =
            draft.act(format!("delete-group/{}", role.word()), Does::DeleteGroup(owned), &id, why).after(after.clone());
        after = vec![action.id()];
    }
}

/// Removes our tags from everything of ours that still has one. Returns whether there was none.
fn untag_everything(draft: &mut Draft<'_>) -> bool {
    let observed = draft.sight.observed;
    if !observed.gaps().is_empty() {
        return false;
    }
    for group in observed.groups.seen().into_iter().flatten() {
        if draft.status.security_groups.names.contains_key(&group.id) {
            untag_ec2(draft, group.id.as_str(), diff::groups::taggable(&group.id), &group.tags);
        }
    }
    let mut unseen = false;
    for member in draft.status.instances.clone() {
        if let Some(instance) = observed.instances.seen().and_then(|all| all.get(&member.instance_id)) {
            untag_ec2(draft, instance.id.as_str(), Taggable::Instance(instance.id.clone()), &instance.tags);
        }
        match observed.volumes.get(&member.instance_id).and_then(|part| part.seen()) {
            Some(seen) => {
                for volume in seen.iter().filter(|volume| member.volumes.contains(&volume.id)) {
                    untag_ec2(draft, volume.id.as_str(), Taggable::Volume(volume.id.clone()), &volume.tags);
                }
            }
            // Those of an instance that is gone went with it, or are nobody's to be told apart.
            None => unseen |= !member.volumes.is_empty() && member.state.is_some(),
        }
    }
    for (resource, tags) in observed.tags.seen().into_iter().flatten() {
        if is_recorded(draft, resource) {
            untag_elb(draft, resource, tags);
        }
    }
    draft.actions.is_empty() && !unseen
}

fn is_recorded(draft: &Draft<'_>, resource: &ElbTaggable) -> bool {
    let status = &draft.status;
    match resource {
        ElbTaggable::LoadBalancer(arn) => status.load_balancer.as_ref().is_some_and(|balancer| balancer.arn == *arn),
        ElbTaggable::TargetGroup(arn) => status.target_groups.iter().any(|group| group.arn == *arn),
        ElbTaggable::Listener(arn) => status.listeners.iter().any(|listener| listener.arn == *arn),
    }
}

fn our_keys(tags: &Tags) -> BTreeSet<String> {
    tags.keys().filter(|key| key.starts_with(TAG_PREFIX)).cloned().collect()
}

fn untag_ec2(draft: &mut Draft<'_>, id: &str, resource: Taggable, tags: &Tags) {
    let keys = our_keys(tags);
    if !keys.is_empty() {
        let why = Why::new(Reason::Retained, diff::joined_by(&keys, ", "));
        draft.change(format!("untag/{id}"), Write::DeleteTags { resource, keys }, id, why);
    }
}

fn untag_elb(draft: &mut Draft<'_>, resource: &ElbTaggable, tags: &Tags) {
    let keys = our_keys(tags);
    if !keys.is_empty() {
        let id = diff::tags::arn(resource).to_owned();
        let why = Why::new(Reason::Retained, diff::joined_by(&keys, ", "));
        draft.change(format!("untag/{id}"), Write::RemoveTags { resource: resource.clone(), keys }, id, why);
    }
}
