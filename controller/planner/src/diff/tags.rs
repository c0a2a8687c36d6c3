//! Tags: ours and the spec's are kept in place; a tag that the spec no longer names is removed; others are left alone.
//!
//! All that was put at creation is put back, on everything that we made: the tag of the intent, where it is recorded, and
//! the tags of the volumes that came with a member. Volumes are read rarely, so that what is not shown says nothing.

use std::collections::BTreeSet;

use aws_api::ec2::{Ec2TagsWrite, Instance, SecurityGroup, Taggable};
use aws_api::elbv2::{ElbTaggable, Elbv2TagsWrite};
use aws_api::{Tags, Write};
use crds_schema::Spec;
use crds_schema::limits::TAGS_MAX;

use super::groups;
use crate::builder::PlanBuilder;
use crate::memory::Entry;
use crate::ownership;
use crate::reason::{Reason, Why};
use crate::status::{MemberStatus, WaitOn};

/// Tags of a security group.
pub(crate) fn group(builder: &mut PlanBuilder<'_>, spec: &Spec, name: &str, seen: &SecurityGroup) {
    let intent = builder.status.security_groups.intents.get(&seen.id);
    let wanted = ownership::tags_of(builder.input.record, &spec.tags, name, intent);
    ec2(builder, seen.id.as_str(), groups::taggable(&seen.id), &wanted, &seen.tags);
}

/// Tags of a member.
pub(crate) fn instance(builder: &mut PlanBuilder<'_>, spec: &Spec, member: &MemberStatus, seen: &Instance) {
    let mut wanted = of_member(builder, spec, member);
    wanted.extend(ownership::member_tags(member.slot));
    ec2(builder, seen.id.as_str(), Taggable::Instance(seen.id.clone()), &wanted, &seen.tags);
}

fn of_member(builder: &PlanBuilder<'_>, spec: &Spec, member: &MemberStatus) -> Tags {
    let record = builder.input.record;
    let name = ownership::member_name(&record.name, member.slot);
    ownership::tags_of(record, &spec.tags, &name, member.intent.as_ref())
}

/// Tags of the volumes that came with a member. Where one differs, they are read again in the next pass.
pub(crate) fn volumes(builder: &mut PlanBuilder<'_>, spec: &Spec, member: &MemberStatus) {
    let seen = builder.input.observed.volumes.get(&member.instance_id).and_then(|part| part.seen());
    let mut wanted = of_member(builder, spec, member);
    wanted.extend(ownership::volume_tags(member.slot));
    for volume in seen.into_iter().flatten().filter(|volume| member.volumes.contains(&volume.id)) {
        let is_dropped = |key: &String| !wanted.contains_key(key) && builder.status.tag_keys.contains(key);
        let lacks = wanted.iter().any(|(key, value)| volume.tags.get(key) != Some(value));
        if lacks || volume.tags.keys().any(is_dropped) {
            builder.memory.look_at_volumes_again();
        }
        ec2(builder, volume.id.as_str(), Taggable::Volume(volume.id.clone()), &wanted, &volume.tags);
    }
}

fn ec2(builder: &mut PlanBuilder<'_>, id: &str, resource: Taggable, wanted: &Tags, seen: &Tags) {
    let put = |tags| Write::Ec2Tags(Ec2TagsWrite::Create { resource: resource.clone(), tags });
    let remove = |keys| Write::Ec2Tags(Ec2TagsWrite::Delete { resource: resource.clone(), keys });
    set_right(builder, id, (wanted, seen), put, remove);
}

/// Tags of an ELBv2 resource.
pub(crate) fn elb(builder: &mut PlanBuilder<'_>, spec: &Spec, name: &str, resource: &ElbTaggable) {
    let Some(seen) = builder.input.observed.tags_of(resource) else { return };
    let status = &builder.status;
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
    let wanted = ownership::tags_of(builder.input.record, &spec.tags, name, intent);
    let put = |tags| Write::Elbv2Tags(Elbv2TagsWrite::Add { resource: resource.clone(), tags });
    let remove = |keys| Write::Elbv2Tags(Elbv2TagsWrite::Remove { resource: resource.clone(), keys });
    set_right(builder, arn(resource), (&wanted, seen), put, remove);
}

/// Puts what is missing and removes what the spec dropped, which goes first where there is no room. Tags of others are
/// never removed: where they fill it, ours go in as far as there is room, and it is said.
fn set_right(
    builder: &mut PlanBuilder<'_>,
    id: &str,
    (wanted, seen): (&Tags, &Tags),
    put: impl Fn(Tags) -> Write,
    remove: impl Fn(BTreeSet<String>) -> Write,
) {
    let (mut missing, obsolete) = compare(builder, id, wanted, seen);
    let is_full = builder.memory.full.holds(&format!("{id}/tags"), builder.now());
    let used = seen.keys().filter(|key| !key.starts_with("aws:")).count();
    let room = if is_full { 0 } else { TAGS_MAX.saturating_sub(used) };
    let new = missing.keys().filter(|key| !seen.contains_key(*key)).count();
    let mut after = Vec::new();
    if !obsolete.is_empty() {
        let reasons = obsolete
            .iter()
            .map(|key| builder.cause(&entry(id, key), None, seen.get(key).map(String::as_str), Reason::TagsDrifted));
        let why = Why::new(builder.worst(reasons, Reason::TagsDrifted), super::joined_by(&obsolete, ", "));
        let puts = removals(id, &obsolete);
        let untag = builder.change(format!("untag/{id}"), remove(obsolete.clone()), id, why).puts(puts).id();
        after.extend((new > room).then_some(untag));
    }
    let room = room + obsolete.len();
    if new > room && !is_full {
        leave_out(builder, id, (wanted, seen), &mut missing, new - room);
    }
    let keys: Vec<String> = missing.keys().cloned().collect();
    for part in builder.memory.batches.parts(&format!("tag/{id}"), id, keys, |_| false) {
        let tags: Tags = part.keys.iter().filter_map(|key| Some((key.clone(), missing.get(key)?.clone()))).collect();
        let reasons = tags.iter().map(|(key, value)| {
            builder.cause(&entry(id, key), Some(value), seen.get(key).map(String::as_str), Reason::TagsDrifted)
        });
        let why = Why::new(builder.worst(reasons, Reason::TagsDrifted), super::joined_by(tags.keys(), ", "));
        let puts = puts(id, &tags);
        builder.change(part.id, put(tags), id, why).after(after.clone()).puts(puts);
    }
}

/// Leaves out so many of the tags that are missing, those of the record before our own, and says who takes the room.
fn leave_out(builder: &mut PlanBuilder<'_>, id: &str, (wanted, seen): (&Tags, &Tags), missing: &mut Tags, many: usize) {
    let is_new = |key: &&String| !seen.contains_key(*key);
    let mut new: Vec<String> = missing.keys().filter(is_new).cloned().collect();
    new.sort_by_key(|key| (key.starts_with(ownership::TAG_PREFIX), key == "Name", key.clone()));
    let out: Vec<String> = new.into_iter().take(many).collect();
    missing.retain(|key, _| !out.contains(key));
    let foreign: Vec<&String> = seen.keys().filter(|key| !wanted.contains_key(*key)).collect();
    let message = format!(
        "{id} has {TAGS_MAX} tags, as many as AWS allows, so {} cannot be put; remove {} of those that are not of this record \
         ({}), or take tags out of spec.tags",
        out.join(", "),
        out.len(),
        super::joined_by(foreign, ", ")
    );
    builder.add_blocker(Reason::NoRoom, message.clone());
    builder.wait(WaitOn::Person, message, None);
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

fn compare(builder: &mut PlanBuilder<'_>, id: &str, wanted: &Tags, seen: &Tags) -> (Tags, BTreeSet<String>) {
    let mut put = Tags::new();
    for (key, value) in wanted {
        if builder.confirm_drift(&entry(id, key), Some(value), seen.get(key).map(String::as_str)) {
            put.insert(key.clone(), value.clone());
        }
    }
    let obsolete: Vec<String> = builder
        .status
        .tag_keys
        .iter()
        .filter(|key| !wanted.contains_key(*key) && seen.contains_key(*key))
        .cloned()
        .collect();
    let remove = obsolete
        .into_iter()
        .filter(|key| builder.confirm_drift(&entry(id, key), None, seen.get(key).map(String::as_str)))
        .collect();
    (put, remove)
}

fn puts(id: &str, tags: &Tags) -> Vec<(Entry, Option<String>)> {
    tags.iter().map(|(key, value)| (entry(id, key), Some(value.clone()))).collect()
}

fn removals(id: &str, keys: &BTreeSet<String>) -> Vec<(Entry, Option<String>)> {
    keys.iter().map(|key| (entry(id, key), None)).collect()
}
