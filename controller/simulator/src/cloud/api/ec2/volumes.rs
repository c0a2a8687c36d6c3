//! DescribeVolumes.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVolumes.html>. Volumes come with instances; those that
//! outlive theirs are `available`.

use std::collections::BTreeMap;

use aws_api::Bucket as Called;
use serde::{Deserialize, Serialize};

use super::block_devices::performance;
use crate::cloud::VolumeRecord;
use crate::cloud::api::common::{Filter, Filters, TagItem, page_or_all, some_tags, time};
use crate::cloud::api::{Bucket, Operation, Read, Sight};
use crate::cloud::catalogue::zone_id;
use crate::cloud::world::{Outcome, World, refuse};
use crate::entropy::Prng;

/// Entries of a page, if its caller asks for a page at all.
const PAGE_MAX: u32 = 500;

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeVolumes {
    #[serde(default)]
    volume_id: Vec<String>,
    #[serde(default)]
    filter: Vec<Filter>,
    max_results: Option<u32>,
    next_token: Option<String>,
}

/// What it answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Volumes {
    volume_set: Vec<VolumeItem>,
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct VolumeItem {
    volume_id: String,
    size: u32,
    snapshot_id: String,
    availability_zone: String,
    availability_zone_id: String,
    status: &'static str,
    create_time: String,
    attachment_set: Vec<AttachmentItem>,
    tag_set: Option<Vec<TagItem>>,
    volume_type: String,
    iops: Option<u32>,
    throughput: Option<u32>,
    encrypted: bool,
    kms_key_id: Option<String>,
    multi_attach_enabled: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AttachmentItem {
    volume_id: String,
    instance_id: String,
    device: String,
    status: &'static str,
    attach_time: String,
    delete_on_termination: bool,
}

impl Operation for DescribeVolumes {
    type Answer = Volumes;

    fn bucket(&self) -> Bucket {
        let filtered = !self.filter.is_empty() || self.max_results.is_some();
        if filtered { Bucket::Called(Called::Ec2Describe) } else { Bucket::Ec2Unfiltered }
    }
}

impl Read for DescribeVolumes {
    fn answer(&self, Sight { world, at }: &Sight<'_>) -> Outcome<Volumes> {
        let filters = Filters::of(&self.filter, true, |name| filter(name).is_some())?;
        // What belongs to instances is carried along to `at`: their volumes go with them.
        let mut then = (*world).clone();
        then.settle(*at);
        for id in &self.volume_id {
            check_id(id)?;
            if !then.volumes.contains_key(id) {
                return refuse("InvalidVolume.NotFound", format!("The volume '{id}' does not exist."));
            }
        }
        let mut found = BTreeMap::new();
        for (id, volume) in
            then.volumes.iter().filter(|(id, _)| self.volume_id.is_empty() || self.volume_id.contains(id))
        {
            if let Some(item) = filters.shown(&volume.tags, || item(&then, id, volume), values) {
                found.insert(id.clone(), item);
            }
        }
        let max = self.max_results.map(|max| max.min(PAGE_MAX));
        let (volume_set, next_token) = page_or_all(found, max, &self.next_token, (5, PAGE_MAX))?;
        Ok(Volumes { volume_set, next_token })
    }
}

fn check_id(text: &str) -> Outcome<()> {
    let is_hex = |rest: &str| matches!(rest.len(), 8 | 17) && rest.chars().all(|c| c.is_ascii_hexdigit());
    if text.strip_prefix("vol-").is_some_and(is_hex) {
        return Ok(());
    }
    let message = format!("Value ({text}) for parameter volumes is invalid. Expected: 'vol-...'.");
    refuse("InvalidParameterValue", message)
}

fn item(world: &World, id: &str, volume: &VolumeRecord) -> VolumeItem {
    let (iops, throughput) = performance(&volume.volume_type, volume.size_gib, volume.iops, volume.throughput);
    let (region, account) = (&world.config.region, &world.config.account);
    // The account's default key of EBS in this region.
    let key = || {
        let digits = Prng::of(&format!("ebs {region}")).hex(32);
        let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| digits.get(part).unwrap_or_default());
        format!("arn:aws:kms:{region}:{account}:key/{}", parts.join("-"))
    };
    let attached = volume.attached_to.as_ref().map(|instance| AttachmentItem {
        volume_id: id.to_owned(),
        instance_id: instance.to_string(),
        device: volume.device.clone(),
        status: "attached",
        attach_time: time(world, volume.created_at),
        delete_on_termination: volume.delete_on_termination,
    });
    VolumeItem {
        volume_id: id.to_owned(),
        size: volume.size_gib,
        snapshot_id: volume.snapshot.clone().unwrap_or_default(),
        availability_zone: volume.zone.to_string(),
        availability_zone_id: zone_id(region, &volume.zone.0),
        status: if attached.is_some() { "in-use" } else { "available" },
        create_time: time(world, volume.created_at),
        attachment_set: attached.into_iter().collect(),
        tag_set: some_tags(&volume.tags),
        volume_type: volume.volume_type.clone(),
        iops,
        throughput,
        encrypted: volume.encrypted,
        kms_key_id: volume.encrypted.then(key),
        multi_attach_enabled: false,
    }
}

type Values = fn(&VolumeItem) -> Vec<String>;

fn one(value: impl ToString) -> Vec<String> {
    vec![value.to_string()]
}

fn values(item: &VolumeItem, name: &str) -> Option<Vec<String>> {
    filter(name).map(|get| get(item))
}

fn filter(name: &str) -> Option<Values> {
    Some(match name {
        "attachment.attach-time" => |v| v.attachment_set.iter().map(|to| to.attach_time.clone()).collect(),
        "attachment.delete-on-termination" => {
            |v| v.attachment_set.iter().map(|to| to.delete_on_termination.to_string()).collect()
        }
        "attachment.device" => |v| v.attachment_set.iter().map(|to| to.device.clone()).collect(),
        "attachment.instance-id" => |v| v.attachment_set.iter().map(|to| to.instance_id.clone()).collect(),
        "attachment.status" => |v| v.attachment_set.iter().map(|to| to.status.to_owned()).collect(),
        "availability-zone" => |v| one(&v.availability_zone),
        "availability-zone-id" => |v| one(&v.availability_zone_id),
        "create-time" => |v| one(&v.create_time),
        "encrypted" => |v| one(v.encrypted),
        // No snapshot is enabled for fast restore, and no service manages a volume.
        "fast-restored" | "operator.managed" => |_| one(false),
        "multi-attach-enabled" => |v| one(v.multi_attach_enabled),
        "operator.principal" => |_| Vec::new(),
        "size" => |v| one(v.size),
        "snapshot-id" => |v| one(&v.snapshot_id),
        "status" => |v| one(v.status),
        "volume-id" => |v| one(&v.volume_id),
        "volume-type" => |v| one(&v.volume_type),
        _ => return None,
    })
}
