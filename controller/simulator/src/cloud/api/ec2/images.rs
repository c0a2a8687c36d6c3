//! DescribeImages.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html>

use std::collections::BTreeMap;
use std::time::Duration;

use aws_api::Bucket as Called;
use aws_api::id::AmiId;
use serde::{Deserialize, Serialize};

use crate::cloud::api::common::{Filter, Filters, TagItem, page_or_all, parse_ids, some_tags, time};
use crate::cloud::api::{Bucket, Operation, Read, Sight};
use crate::cloud::catalogue::{STOCK_DATE, parameters_of};
use crate::cloud::images::ImageRecord;
use crate::cloud::world::{Outcome, World, refuse};

/// Owners that are no accounts.
const ALIASES: [&str; 4] = ["self", "amazon", "aws-marketplace", "aws-backup-vault"];
/// The filters that there are, but those for tags and [`UNMODELLED`].
const FILTERS: [&str; 26] = [
    "architecture",
    "block-device-mapping.delete-on-termination",
    "block-device-mapping.device-name",
    "block-device-mapping.encrypted",
    "block-device-mapping.snapshot-id",
    "block-device-mapping.volume-size",
    "block-device-mapping.volume-type",
    "creation-date",
    "description",
    "ena-support",
    "hypervisor",
    "image-id",
    "image-type",
    "is-public",
    "manifest-location",
    "name",
    "owner-alias",
    "owner-id",
    "public-ssm-parameter-name",
    "root-device-name",
    "root-device-type",
    "source-image-id",
    "source-image-region",
    "source-instance-id",
    "state",
    "virtualization-type",
];

/// Filters of what no image here has: only Windows has a platform, only old images have a kernel, only the Marketplace's have
/// product codes; watermarks, scans and allowed images are not modelled.
const UNMODELLED: [&str; 25] = [
    "boot-mode",
    "free-tier-eligible",
    "image-allowed",
    "image-watermark.source-image-creation-time",
    "image-watermark.source-image-id",
    "image-watermark.source-image-region",
    "image-watermark.watermark-creation-time",
    "image-watermark.watermark-key",
    "instance-type-specification.supported-instance-type",
    "instance-type-specification.unsupported-instance-type",
    "kernel-id",
    "platform",
    "product-code",
    "product-code.type",
    "ramdisk-id",
    "scan-result.critical-fix-available-since",
    "scan-result.finding-scan-date",
    "scan-result.high-fix-available-since",
    "scan-result.highest-finding-severity-label",
    "scan-result.informational-fix-available-since",
    "scan-result.low-fix-available-since",
    "scan-result.medium-fix-available-since",
    "sriov-net-support",
    "state-reason-code",
    "state-reason-message",
];

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeImages {
    #[serde(default)]
    image_id: Vec<String>,
    #[serde(default)]
    owner: Vec<String>,
    #[serde(default)]
    executable_by: Vec<String>,
    /// Whether deprecated images are shown too. There are none.
    #[serde(rename = "IncludeDeprecated")]
    _deprecated: Option<bool>,
    /// Whether disabled images are shown too. There are none.
    #[serde(rename = "IncludeDisabled")]
    _disabled: Option<bool>,
    #[serde(default)]
    filter: Vec<Filter>,
    max_results: Option<u32>,
    next_token: Option<String>,
}

/// What it answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Images {
    images_set: Vec<ImageItem>,
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ImageItem {
    image_id: String,
    image_location: String,
    image_state: &'static str,
    image_owner_id: String,
    image_owner_alias: Option<&'static str>,
    creation_date: String,
    is_public: bool,
    architecture: &'static str,
    image_type: &'static str,
    name: String,
    description: Option<String>,
    root_device_type: &'static str,
    root_device_name: Option<String>,
    block_device_mapping: Vec<Device>,
    virtualization_type: &'static str,
    hypervisor: &'static str,
    ena_support: bool,
    platform_details: &'static str,
    usage_operation: &'static str,
    source_instance_id: Option<String>,
    source_image_id: Option<String>,
    source_image_region: Option<String>,
    tag_set: Option<Vec<TagItem>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Device {
    device_name: String,
    ebs: Ebs,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Ebs {
    snapshot_id: String,
    volume_size: u32,
    volume_type: String,
    encrypted: bool,
    iops: Option<u32>,
    throughput: Option<u32>,
    delete_on_termination: bool,
}

impl Operation for DescribeImages {
    type Answer = Images;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Ec2Describe)
    }
}

impl Read for DescribeImages {
    fn answer(&self, Sight { world, at }: &Sight<'_>) -> Outcome<Images> {
        let filters = Filters::of(&self.filter, true, |name| FILTERS.contains(&name) || UNMODELLED.contains(&name))?;
        check_users(&self.owner, &ALIASES)?;
        check_users(&self.executable_by, &["self", "all"])?;
        let asked = parse_ids(&self.image_id, AmiId::parse, "InvalidAMIID.Malformed")?;
        asked.iter().try_for_each(|id| world.visible_image(id, *at).map(|_| ()))?;
        let mut found = BTreeMap::new();
        for image in world.visible_images(*at).filter(|image| asked.is_empty() || asked.contains(&image.id)) {
            if !self.is_scoped(world, image) {
                continue;
            }
            if let Some(item) = filters.shown(&image.about.tags, || item(world, image, *at), values) {
                found.insert(item.image_id.clone(), item);
            }
        }
        let (images_set, next_token) = page_or_all(found, self.max_results, &self.next_token, (1, 1000))?;
        Ok(Images { images_set, next_token })
    }
}

impl DescribeImages {
    /// Whether it is of one of the owners, and for one of the users. Launch permissions are not modelled: this account's
    /// images are private, and nobody else's is shared with it alone.
    fn is_scoped(&self, world: &World, image: &ImageRecord) -> bool {
        let account = image.about.owner.unwrap_or(&world.config.account);
        let owns = |owner: &String| match owner.as_str() {
            "self" => image.about.owner.is_none(),
            name => name == account || image.about.alias == Some(name),
        };
        let may_run = |user: &String| user == "all" && image.about.owner.is_some();
        (self.owner.is_empty() || self.owner.iter().any(owns))
            && (self.executable_by.is_empty() || self.executable_by.iter().any(may_run))
    }
}

fn check_users(users: &[String], words: &[&str]) -> Outcome<()> {
    let is_account = |name: &str| name.len() == 12 && name.chars().all(|c| c.is_ascii_digit());
    match users.iter().find(|name| !words.contains(&name.as_str()) && !is_account(name)) {
        Some(unknown) => refuse("InvalidUserID.Malformed", format!("Invalid user id: \"{unknown}\"")),
        None => Ok(()),
    }
}

fn item(world: &World, image: &ImageRecord, at: Duration) -> ImageItem {
    let about = &image.about;
    let owner = about.owner.unwrap_or(&world.config.account);
    let device = |device: &crate::cloud::images::ImageDevice| {
        let on = image.content(&device.name);
        let ebs = Ebs {
            snapshot_id: on.snapshot,
            volume_size: on.size_gib,
            volume_type: on.volume_type,
            encrypted: on.encrypted,
            iops: on.iops,
            throughput: on.throughput,
            delete_on_termination: device.delete_on_termination,
        };
        Device { device_name: device.name.clone(), ebs }
    };
    ImageItem {
        image_id: image.id.to_string(),
        image_location: format!("{}/{}", about.alias.unwrap_or(owner), about.name),
        image_state: image.life.at(at).word(),
        image_owner_id: owner.to_owned(),
        image_owner_alias: about.alias,
        creation_date: match about.owner {
            Some(_) => STOCK_DATE.to_owned(),
            None => time(world, about.created),
        },
        is_public: about.owner.is_some(),
        architecture: about.architecture.word(),
        image_type: "machine",
        name: about.name.clone(),
        description: about.description.clone(),
        root_device_type: "ebs",
        root_device_name: image.devices.first().map(|device| device.name.clone()),
        block_device_mapping: image.devices.iter().map(device).collect(),
        virtualization_type: "hvm",
        hypervisor: "xen",
        ena_support: true,
        platform_details: "Linux/UNIX",
        usage_operation: "RunInstances",
        source_instance_id: about.source.as_ref().map(|(instance, _)| instance.to_string()),
        source_image_id: about.source.as_ref().map(|(_, image)| image.to_string()),
        source_image_region: about.source.as_ref().map(|_| world.config.region.clone()),
        tag_set: some_tags(&about.tags),
    }
}

fn values(item: &ImageItem, name: &str) -> Option<Vec<String>> {
    let of_devices = |value: fn(&Device) -> String| item.block_device_mapping.iter().map(value).collect();
    let optional = |value: &Option<String>| value.iter().cloned().collect();
    Some(match name {
        "block-device-mapping.delete-on-termination" => of_devices(|one| one.ebs.delete_on_termination.to_string()),
        "block-device-mapping.device-name" => of_devices(|one| one.device_name.clone()),
        "block-device-mapping.encrypted" => of_devices(|one| one.ebs.encrypted.to_string()),
        "block-device-mapping.snapshot-id" => of_devices(|one| one.ebs.snapshot_id.clone()),
        "block-device-mapping.volume-size" => of_devices(|one| one.ebs.volume_size.to_string()),
        "block-device-mapping.volume-type" => of_devices(|one| one.ebs.volume_type.clone()),
        "description" => optional(&item.description),
        "public-ssm-parameter-name" => parameters_of(&item.image_id),
        "root-device-name" => optional(&item.root_device_name),
        "source-instance-id" => optional(&item.source_instance_id),
        "source-image-id" => optional(&item.source_image_id),
        "source-image-region" => optional(&item.source_image_region),
        "owner-alias" => item.image_owner_alias.iter().map(|alias| (*alias).to_owned()).collect(),
        _ if UNMODELLED.contains(&name) => Vec::new(),
        _ => vec![match name {
            "architecture" => item.architecture.to_owned(),
            "creation-date" => item.creation_date.clone(),
            "ena-support" => item.ena_support.to_string(),
            "hypervisor" => item.hypervisor.to_owned(),
            "image-id" => item.image_id.clone(),
            "image-type" => item.image_type.to_owned(),
            "is-public" => item.is_public.to_string(),
            "manifest-location" => item.image_location.clone(),
            "name" => item.name.clone(),
            "owner-id" => item.image_owner_id.clone(),
            "root-device-type" => item.root_device_type.to_owned(),
            "state" => item.image_state.to_owned(),
            "virtualization-type" => item.virtualization_type.to_owned(),
            _ => return None,
        }],
    })
}
