//! Which intent made what is recorded, and which volumes came with a member: so that their tags can be put back.
//!
//! What was recorded before intents were is looked up once: an instance's client token is its intent, and of anything else
//! its tag tells while it is there. Never: makes one up, or takes a volume for ours that does not say so.

use aws_api::Tags;
use aws_api::elbv2::ElbTaggable;
use aws_api::id::IntentId;

use crate::builder::PlanBuilder;
use crate::ownership::{TAG_INTENT, TAG_SLOT, TAG_UID};
use crate::status::Origin;

fn named(tags: Option<&Tags>) -> Option<IntentId> {
    tags.and_then(|tags| tags.get(TAG_INTENT)).and_then(|id| IntentId::parse(id.as_str()).ok())
}

/// Records the intents of what was recorded without.
pub(super) fn recover(builder: &mut PlanBuilder<'_>) {
    let observed = builder.input.observed;
    let status = &mut builder.status;
    for member in status.instances.iter_mut().filter(|member| member.origin == Origin::Launched) {
        if member.intent.is_none() {
            let seen = observed.instances.seen().and_then(|all| all.get(&member.instance_id));
            let token = seen.and_then(|instance| instance.client_token.clone());
            member.intent = token.and_then(|token| IntentId::parse(token).ok());
        }
    }
    if let Some(balancer) = status.load_balancer.as_mut().filter(|balancer| balancer.intent.is_none()) {
        balancer.intent = named(observed.tags_of(&ElbTaggable::LoadBalancer(balancer.arn.clone())));
    }
    for group in status.target_groups.iter_mut().filter(|group| group.intent.is_none()) {
        group.intent = named(observed.tags_of(&ElbTaggable::TargetGroup(group.arn.clone())));
    }
    for listener in status.listeners.iter_mut().filter(|listener| listener.intent.is_none()) {
        listener.intent = named(observed.tags_of(&ElbTaggable::Listener(listener.arn.clone())));
    }
    let groups = &mut status.security_groups;
    for seen in observed.groups.seen().into_iter().flatten().filter(|seen| groups.names.contains_key(&seen.id)) {
        if !groups.intents.contains_key(&seen.id)
            && let Some(intent) = named(Some(&seen.tags))
        {
            groups.intents.insert(seen.id.clone(), intent);
        }
    }
}

/// Records the volumes that say that they came with a member: our uid, its slot, and its intent.
pub(super) fn volumes(builder: &mut PlanBuilder<'_>) {
    let observed = builder.input.observed;
    let uid = builder.input.record.status.uid.to_string();
    for member in &mut builder.status.instances {
        let seen = observed.volumes.get(&member.instance_id).and_then(|part| part.seen());
        for volume in seen.into_iter().flatten() {
            let says = |key: &str, value: &str| volume.tags.get(key).is_some_and(|has| has == value);
            let intent = member.intent.as_ref().is_some_and(|intent| says(TAG_INTENT, intent.as_str()));
            if intent && says(TAG_UID, &uid) && says(TAG_SLOT, &member.slot.to_string()) {
                member.volumes.insert(volume.id.clone());
            }
        }
    }
}
