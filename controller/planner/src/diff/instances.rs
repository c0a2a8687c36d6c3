//! Instances: the request that launches one, and what is changed in place on one that runs (groups, metadata, profile,
//! tags).
//!
//! How many there should be, and which go, is [`crate::order`]'s.

use std::collections::BTreeSet;

use aws_api::ec2::{
    BlockDeviceRequest, Image, Instance, InstanceWrite, MetadataRequest, ProfileChange, RunInstances, UserData,
};
use aws_api::id::{IntentId, SecurityGroupId, SubnetId, Zone};
use aws_api::{ActionId, Ref, Write};
use crds_schema::Spec;
use crds_schema::spec::{BlockDevice, HttpTokens};

use super::joined;
use super::load_balancer::made;
use crate::builder::PlanBuilder;
use crate::desired::Template;
use crate::memory::Entry;
use crate::observed::Part;
use crate::order::FleetInput;
use crate::ownership;
use crate::reason::{Reason, Why};
use crate::record::Record;
use crate::status::WaitOn;

/// What a member is launched from.
#[derive(Clone, Copy)]
pub(crate) struct Recipe<'a> {
    pub(crate) template: &'a Template,
    /// The revision that it is of, which holds its user data.
    pub(crate) revision: u64,
    pub(crate) image: Option<&'a Image>,
}

/// Where a member is launched.
pub(crate) struct Place<'a> {
    pub(crate) slot: u32,
    pub(crate) zone: &'a Zone,
    pub(crate) subnet: &'a SubnetId,
    pub(crate) group: Ref<SecurityGroupId>,
}

/// What a launch has to wait for.
pub(crate) fn group_dependencies(group: Option<&Ref<SecurityGroupId>>) -> Vec<ActionId> {
    group.map(made).unwrap_or_default()
}

/// The whole launch request.
pub(crate) fn run_instances(
    record: &Record,
    spec: &Spec,
    recipe: Recipe<'_>,
    place: &Place<'_>,
    intent: &IntentId,
) -> Write {
    let name = ownership::member_name(&record.name, place.slot);
    let mut tags = ownership::tags(record, &spec.tags, &name, intent);
    let mut volume_tags = tags.clone();
    tags.extend(ownership::member_tags(place.slot));
    volume_tags.extend(ownership::volume_tags(place.slot));
    let template = recipe.template;
    Write::Instance(InstanceWrite::Run(Box::new(RunInstances {
        token: intent.clone(),
        image: template.image.clone(),
        instance_type: template.instance_type.clone(),
        subnet: place.subnet.clone(),
        zone: place.zone.clone(),
        groups: wanted_groups(spec, &place.group),
        key_name: template.key_name.clone(),
        instance_profile: template.instance_profile.clone(),
        user_data: template.has_user_data().then_some(UserData::Revision(recipe.revision)),
        metadata_options: metadata(spec),
        block_devices: block_devices(&template.block_devices, recipe.image),
        associate_public_ip: template.associate_public_ip,
        tags,
        volume_tags,
    })))
}

fn metadata(spec: &Spec) -> MetadataRequest {
    let options = &spec.instances.metadata_options;
    MetadataRequest { http_tokens: options.http_tokens, hop_limit: options.hop_limit }
}

/// The spec's disks, and every EBS device that the image maps besides, so that no volume outlives its instance unasked:
/// an image may say `DeleteOnTermination: false`.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/block-device-mapping-concepts.html>
fn block_devices(disks: &[BlockDevice], image: Option<&Image>) -> Vec<BlockDeviceRequest> {
    let root = image.and_then(|image| image.root_device.clone()).unwrap_or_else(|| "/dev/xvda".into());
    let mut requests: Vec<BlockDeviceRequest> = disks
        .iter()
        .map(|disk| BlockDeviceRequest {
            device: disk.device.clone().unwrap_or_else(|| root.clone()),
            size_gib: disk.size_gib,
            volume_type: disk.volume_type.clone(),
            encrypted: disk.encrypted,
            delete_on_termination: disk.delete_on_termination,
        })
        .collect();
    for device in image.map(|image| image.ebs_devices.as_slice()).unwrap_or_default() {
        if !requests.iter().any(|request| request.device == *device) {
            requests.push(BlockDeviceRequest {
                device: device.clone(),
                size_gib: None,
                volume_type: None,
                encrypted: None,
                delete_on_termination: true,
            });
        }
    }
    requests
}

/// All groups that a member should have.
fn wanted_groups(spec: &Spec, group: &Ref<SecurityGroupId>) -> BTreeSet<Ref<SecurityGroupId>> {
    let others = spec.instances.security_group_ids.iter().filter_map(|id| SecurityGroupId::parse(id.clone()).ok());
    others.map(Ref::Id).chain([group.clone()]).collect()
}

/// Sets right what can be changed on a member in place.
pub(crate) fn in_place(builder: &mut PlanBuilder<'_>, fleet: &FleetInput<'_>) {
    let FleetInput { spec, wanted, members, .. } = fleet;
    for member in members.iter().filter(|member| member.stays()) {
        let Some(instance) = member.instance.as_ref() else { continue };
        super::tags::instance(builder, spec, &member.status, instance);
        super::tags::volumes(builder, spec, &member.status);
        if let Some(group) = &fleet.group {
            groups(builder, spec, group, instance);
        }
        metadata_options(builder, spec, instance);
        // A member of an older revision was launched with a profile of its own, and goes with it. EC2 changes the
        // profiles of running instances only.
        if member.current && member.is_running() {
            profile(builder, wanted.template.instance_profile.as_deref(), instance);
        }
    }
}

fn groups(builder: &mut PlanBuilder<'_>, spec: &Spec, group: &Ref<SecurityGroupId>, seen: &Instance) {
    let wanted = wanted_groups(spec, group);
    let entry = Entry::new(seen.id.as_str(), "groups");
    let (have, want) = (sorted(&seen.groups), sorted(&wanted));
    if builder.confirm_drift(&entry, Some(&want), Some(&have)) {
        let reason = builder.cause(&entry, Some(&want), Some(&have), Reason::GroupDetached);
        let why = Why::new(reason, format!("{} has {have}, should have {want}", seen.id));
        let write = Write::Instance(InstanceWrite::SetGroups { instance: seen.id.clone(), groups: wanted });
        builder
            .change(format!("set-groups/{}", seen.id), write, &seen.id, why)
            .after(made(group))
            .puts([(entry, Some(want))]);
    }
}

fn sorted<T: ToString>(all: &BTreeSet<T>) -> String {
    let mut words: Vec<String> = all.iter().map(ToString::to_string).collect();
    words.sort();
    joined(words)
}

fn metadata_words(tokens: HttpTokens, hops: u32) -> String {
    let tokens = match tokens {
        HttpTokens::Required => "required",
        HttpTokens::Optional => "optional",
    };
    format!("tokens {tokens}, hop limit {hops}")
}

fn metadata_options(builder: &mut PlanBuilder<'_>, spec: &Spec, seen: &Instance) {
    // An endpoint that says nothing of them is not asked to change them.
    let (Some(tokens), Some(hops)) = (seen.http_tokens, seen.hop_limit) else { return };
    let options = metadata(spec);
    let entry = Entry::new(seen.id.as_str(), "metadata options");
    let (have, want) = (metadata_words(tokens, hops), metadata_words(options.http_tokens, options.hop_limit));
    if builder.confirm_drift(&entry, Some(&want), Some(&have)) {
        let reason = builder.cause(&entry, Some(&want), Some(&have), Reason::AttributeDrifted);
        let why = Why::new(reason, format!("metadata options of {}: {have}, should be {want}", seen.id));
        let write = Write::Instance(InstanceWrite::SetMetadataOptions { instance: seen.id.clone(), options });
        builder.change(format!("set-metadata/{}", seen.id), write, &seen.id, why).puts([(entry, Some(want))]);
    }
}

/// What DescribeInstances shows tells that it differs, and the association what to do about it: one that is on its way
/// already is waited for.
fn profile(builder: &mut PlanBuilder<'_>, wanted: Option<&str>, seen: &Instance) {
    let have = seen.instance_profile.as_deref();
    let entry = Entry::new(seen.id.as_str(), "instance profile");
    if !builder.confirm_drift(&entry, wanted, have) {
        return;
    }
    let associations = builder.input.observed.profile_associations.get(&seen.id).and_then(Part::seen);
    let change = match (associations.map(|all| all.first()), wanted) {
        (Some(None), Some(profile)) => ProfileChange::Associate(profile.to_owned()),
        (Some(Some(one)), Some(profile)) if one.profile != profile => {
            ProfileChange::Replace { association: one.id.clone(), profile: profile.to_owned() }
        }
        (Some(Some(one)), None) => ProfileChange::Disassociate(one.id.clone()),
        (Some(Some(_)), Some(_)) | (Some(None), None) | (None, _) => {
            return builder.wait(WaitOn::Aws, format!("the instance profile of {} to be shown", seen.id), None);
        }
    };
    let word = |profile: Option<&str>| profile.unwrap_or("none").to_owned();
    let message = format!("instance profile of {}: {}, should be {}", seen.id, word(have), word(wanted));
    let write = Write::Instance(InstanceWrite::ChangeProfile { instance: seen.id.clone(), change });
    builder
        .change(format!("set-profile/{}", seen.id), write, &seen.id, Why::new(Reason::AttributeDrifted, message))
        .puts([(entry, wanted.map(str::to_owned))]);
}
