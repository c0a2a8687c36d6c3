//! Tags: ours and the spec's are kept in place; a tag that the spec no longer names is removed; others are left alone.
//!
//! Tags of volumes are set at creation and not watched.

use std::collections::BTreeSet;

use crds_schema::Spec;

use super::groups;
use crate::draft::Draft;
use crate::memory::Entry;
use crate::ownership;
use crate::reason::{Reason, Why};
use crate::request::{ElbTaggable, Taggable, Write};
use crate::resource::{Instance, SecurityGroup, Tags};

/// Tags of a security group.
pub(crate) fn group(draft: &mut Draft<'_>, spec: &Spec, name: &str, seen: &SecurityGroup) {
    let wanted = ownership::standing_tags(draft.sight.record, &spec.tags, name);
    ec2(draft, seen.id.as_str(), groups::taggable(&seen.id), &wanted, &seen.tags);
}

/// Tags of a member.
pub(crate) fn instance(draft: &mut Draft<'_>, spec: &Spec, slot: u32, seen: &Instance) {
    let record = draft.sight.record;
    let mut wanted = ownership::standing_tags(record, &spec.tags, &ownership::member_name(&record.name, slot));
    wanted.extend(ownership::member_tags(slot));
    ec2(draft, seen.id.as_str(), Taggable::Instance(seen.id.clone()), &wanted, &seen.tags);
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
    let wanted = ownership::standing_tags(draft.sight.record, &spec.tags, name);
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
