//! Tags: ours and the spec's are kept in place; a tag that the spec no longer names is removed; others are left alone.
//!
//! All that was put at creation is put back, on everything that we made: the tag of the intent, where it is recorded, and
//! the tags of the volumes that came with a member. Volumes are read rarely, so that what is not shown says nothing.

use std::collections::BTreeSet;

use crds_schema::Spec;

use super::groups;
use crate::draft::Draft;
use crate::memory::Entry;
use crate::ownership;
use crate::reason::{Reason, Why};
use crate::request::{ElbTaggable, Taggable, Write};
use crate::resource::{Instance, SecurityGroup, Tags};
use crate::status::MemberStatus;

/// Tags of a security group.
pub(crate) fn group(draft: &mut Draft<'_>, spec: &Spec, name: &str, seen: &SecurityGroup) {
    let intent = draft.status.security_groups.intents.get(&seen.id);
    let wanted = ownership::tags_of(draft.sight.record, &spec.tags, name, intent);
    ec2(draft, seen.id.as_str(), groups::taggable(&seen.id), &wanted, &seen.tags);
}

/// Tags of a member.
pub(crate) fn instance(draft: &mut Draft<'_>, spec: &Spec, member: &MemberStatus, seen: &Instance) {
    let mut wanted = of_member(draft, spec, member);
    wanted.extend(ownership::member_tags(member.slot));
    ec2(draft, seen.id.as_str(), Taggable::Instance(seen.id.clone()), &wanted, &seen.tags);
}

fn of_member(draft: &Draft<'_>, spec: &Spec, member: &MemberStatus) -> Tags {
    let record = draft.sight.record;
    let name = ownership::member_name(&record.name, member.slot);
    ownership::tags_of(record, &spec.tags, &name, member.intent.as_ref())
}

/// Tags of the volumes that came with a member. Where one differs, they are read again in the next pass.
pub(crate) fn volumes(draft: &mut Draft<'_>, spec: &Spec, member: &MemberStatus) {
    let seen = draft.sight.observed.volumes.get(&member.instance_id).and_then(|part| part.seen());
    let mut wanted = of_member(draft, spec, member);
    wanted.extend(ownership::volume_tags(member.slot));
    for volume in seen.into_iter().flatten().filter(|volume| member.volumes.contains(&volume.id)) {
        let is_dropped = |key: &String| !wanted.contains_key(key) && draft.status.tag_keys.contains(key);
        let lacks = wanted.iter().any(|(key, value)| volume.tags.get(key) != Some(value));
        if lacks || volume.tags.keys().any(is_dropped) {
            draft.memory.look_at_volumes_again();
        }
        ec2(draft, volume.id.as_str(), Taggable::Volume(volume.id.clone()), &wanted, &volume.tags);
    }
}

fn ec2(draft: &mut Draft<'_>, id: &str, resource: Taggable, wanted: &Tags, seen: &Tags) {
    let (put, remove) = compare(draft, id, wanted, seen);
    if !put.is_empty() {
        let (why, puts) = (why(put.keys()), puts(id, &put));
        let write = Write::CreateTags { resource: resource.clone(), tags: put };
        draft.change(format!("tag/{id}"), write, id, why).puts(puts);
    }
    if !remove.is_empty() {
        let (why, puts) = (why(&remove), removals(id, &remove));
        draft.change(format!("untag/{id}"), Write::DeleteTags { resource, keys: remove }, id, why).puts(puts);
    }
}

/// Tags of an ELBv2 resource.
pub(crate) fn elb(draft: &mut Draft<'_>, spec: &Spec, name: &str, resource: &ElbTaggable) {
    let Some(seen) = draft.sight.observed.tags_of(resource) else { return };
    let id = arn(resource).to_owned();
    let status = &draft.status;
    let intent = match resource {
        ElbTaggable::LoadBalancer(arn) => {
            status.load_balancer.as_ref().filter(|one| one.arn == *arn).and_then(|one| one.intent.as_ref())
        }
        ElbTaggable::TargetGroup(arn) => {
            status.target_groups.iter().find(|one| one.arn == *arn).and_then(|one| one.intent.as_ref())
        }
        ElbTaggable::Listener(arn) => {
            status.listeners.iter().find(|one| one.arn == *arn).and_then(|one| one.intent.as_ref())
        }
    };
    let wanted = ownership::tags_of(draft.sight.record, &spec.tags, name, intent);
    let (put, remove) = compare(draft, &id, &wanted, seen);
    if !put.is_empty() {
        let (why, puts) = (why(put.keys()), puts(&id, &put));
        let write = Write::AddTags { resource: resource.clone(), tags: put };
        draft.change(format!("tag/{id}"), write, &id, why).puts(puts);
    }
    if !remove.is_empty() {
        let (why, puts) = (why(&remove), removals(&id, &remove));
        let write = Write::RemoveTags { resource: resource.clone(), keys: remove };
        draft.change(format!("untag/{id}"), write, &id, why).puts(puts);
    }
}

/// The ARN of an ELBv2 resource.
pub(crate) fn arn(resource: &ElbTaggable) -> &str {
    match resource {
        ElbTaggable::LoadBalancer(arn) => arn.as_str(),
        ElbTaggable::TargetGroup(arn) => arn.as_str(),
        ElbTaggable::Listener(arn) => arn.as_str(),
    }
}

fn entry(id: &str, key: &str) -> Entry {
    Entry::new(format!("{id}/tags"), key)
}

fn compare(draft: &mut Draft<'_>, id: &str, wanted: &Tags, seen: &Tags) -> (Tags, BTreeSet<String>) {
    let mut put = Tags::new();
    for (key, value) in wanted {
        if draft.differs(&entry(id, key), Some(value), seen.get(key).map(String::as_str)) {
            put.insert(key.clone(), value.clone());
        }
    }
    let obsolete: Vec<String> = draft
        .status
        .tag_keys
        .iter()
        .filter(|key| !wanted.contains_key(*key) && seen.contains_key(*key))
        .cloned()
        .collect();
    let remove = obsolete
        .into_iter()
        .filter(|key| draft.differs(&entry(id, key), None, seen.get(key).map(String::as_str)))
        .collect();
    (put, remove)
}

fn why<'k>(keys: impl IntoIterator<Item = &'k String>) -> Why {
    Why::new(Reason::TagsDrifted, super::joined_by(keys, ", "))
}

fn puts(id: &str, tags: &Tags) -> Vec<(Entry, Option<String>)> {
    tags.iter().map(|(key, value)| (entry(id, key), Some(value.clone()))).collect()
}

fn removals(id: &str, keys: &BTreeSet<String>) -> Vec<(Entry, Option<String>)> {
    keys.iter().map(|key| (entry(id, key), None)).collect()
}
