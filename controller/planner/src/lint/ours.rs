//! I3: whatever a call changes or takes away is ours, by what the record says and what AWS shows. Judged from the stored
//! record, never from what this pass has recognised.

use aws_api::ec2::Instance;
use aws_api::elbv2::ElbTaggable;
use aws_api::id::{InstanceId, ListenerArn, VolumeId};
use aws_api::{ResourceId, Tags};

use crate::input::PlanInput;
use crate::memory::Memory;
use crate::ownership::{self, TAG_INTENT, TAG_UID};

/// Whether it is ours to change.
pub(super) fn is_ours(touched: &ResourceId, input: &PlanInput<'_>, memory: &Memory) -> bool {
    let is_recorded = input.record.status.records(touched);
    match touched {
        ResourceId::Volume(id) => is_our_volume(id, input),
        ResourceId::Listener(arn) => is_on_our_balancer(arn, input, memory),
        ResourceId::Instance(id) => is_recorded || instance(id, input).is_some_and(|one| is_launched(one, input)),
        ResourceId::SecurityGroup(id) => {
            let groups = input.observed.groups.seen().into_iter().flatten();
            is_recorded || groups.filter(|group| group.id == *id).any(|group| is_intended(&group.tags, input))
        }
        ResourceId::LoadBalancer(arn) => {
            let tags = input.observed.tags_of(&ElbTaggable::LoadBalancer(arn.clone()));
            is_recorded || memory.was_lost_balancer(arn) || tags.is_some_and(|tags| is_intended(tags, input))
        }
        ResourceId::TargetGroup(arn) => {
            let tags = input.observed.tags_of(&ElbTaggable::TargetGroup(arn.clone()));
            is_recorded || memory.was_lost_group(arn) || tags.is_some_and(|tags| is_intended(tags, input))
        }
    }
}

fn is_intended(tags: &Tags, input: &PlanInput<'_>) -> bool {
    ownership::intent_behind(input.record, tags).is_some()
}

fn is_launched(instance: &Instance, input: &PlanInput<'_>) -> bool {
    ownership::launch_behind(input.record, instance).is_some()
}

fn instance<'s>(id: &InstanceId, input: &'s PlanInput<'_>) -> Option<&'s Instance> {
    input.observed.instances.seen()?.get(id)
}

/// A listener is an entry of its load balancer: whatever listens on ours is ours to set right.
fn is_on_our_balancer(arn: &ListenerArn, input: &PlanInput<'_>, memory: &Memory) -> bool {
    let listeners = input.observed.listeners.values().filter_map(|part| part.seen()).flatten();
    let mut of = listeners.filter(|listener| listener.arn == *arn).map(|listener| listener.load_balancer.clone());
    of.any(|balancer| is_ours(&ResourceId::LoadBalancer(balancer), input, memory))
}

/// It is recorded, or it carries the intent by which its instance, which is ours, was launched.
fn is_our_volume(id: &VolumeId, input: &PlanInput<'_>) -> bool {
    let members = &input.record.status.instances;
    if members.iter().any(|member| member.volumes.contains(id)) {
        return true;
    }
    let volumes = input.observed.volumes.values().filter_map(|part| part.seen()).flatten();
    volumes.filter(|volume| volume.id == *id).any(|volume| {
        let of_member = members.iter().find(|member| member.instance_id == volume.instance);
        let intent = of_member.and_then(|member| member.intent.as_ref()).map(|intent| intent.as_str());
        let token = instance(&volume.instance, input).and_then(|instance| instance.client_token.as_deref());
        let says = volume.tags.get(TAG_INTENT).map(String::as_str);
        let is_uid = volume.tags.get(TAG_UID).map(String::as_str) == Some(input.record.status.uid.as_str());
        is_uid && says.is_some() && (says == intent || says == token)
    })
}
