//! The disks that a launch asks for.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_EbsBlockDevice.html>,
//! <https://docs.aws.amazon.com/ebs/latest/userguide/ebs-volume-types.html>

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::cloud::images::ImageRecord;
use crate::cloud::launch::{Disk, VOLUME_TYPE};
use crate::cloud::world::{Outcome, refuse};

/// One entry of `BlockDeviceMapping`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BlockDevice {
    device_name: String,
    ebs: Ebs,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Ebs {
    volume_size: Option<u32>,
    volume_type: Option<String>,
    iops: Option<u32>,
    throughput: Option<u32>,
    encrypted: Option<bool>,
    delete_on_termination: Option<bool>,
}

/// What a volume type allows.
struct Kind {
    /// GiB.
    size: (u32, u32),
    /// I/O operations a second that may be asked for.
    iops: Option<(u32, u32)>,
    /// Whether they must be.
    iops_required: bool,
    /// MiB a second that may be asked for.
    throughput: Option<(u32, u32)>,
}

fn kind(volume_type: &str) -> Option<Kind> {
    let plain = |size| Kind { size, iops: None, iops_required: false, throughput: None };
    Some(match volume_type {
        "gp3" => Kind {
            size: (1, 65_536),
            iops: Some((3_000, 80_000)),
            iops_required: false,
            throughput: Some((125, 2_000)),
        },
        "io1" => Kind { size: (4, 16_384), iops: Some((100, 64_000)), iops_required: true, throughput: None },
        "io2" => Kind { size: (4, 65_536), iops: Some((100, 256_000)), iops_required: true, throughput: None },
        "gp2" => plain((1, 16_384)),
        "st1" | "sc1" => plain((125, 16_384)),
        "standard" => plain((1, 1_024)),
        _ => return None,
    })
}

/// What may be attached to an instance of the Nitro System: its volumes, and its network interface.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/volume_limits.html>
const ATTACHMENTS_MAX: usize = 28;

/// The disks that are asked for, each as its type allows.
pub(super) fn disks(asked: &[BlockDevice], image: &ImageRecord) -> Outcome<Vec<Disk>> {
    let of_image = image.devices.iter().map(|device| &device.name);
    let devices: BTreeSet<&String> = asked.iter().map(|device| &device.device_name).chain(of_image).collect();
    if devices.len() + 1 > ATTACHMENTS_MAX {
        let message = format!(
            "An instance may have {ATTACHMENTS_MAX} attachments, one of them its network interface; {} volumes are asked for.",
            devices.len()
        );
        return refuse("AttachmentLimitExceeded", message);
    }
    asked.iter().map(|device| device.disk(image)).collect()
}

impl BlockDevice {
    fn disk(&self, image: &ImageRecord) -> Outcome<Disk> {
        let (name, ebs) = (&self.device_name, &self.ebs);
        let mapped = image.mapped(name);
        match (ebs.volume_size, &mapped) {
            (None, None) => {
                return refuse("MissingParameter", "The request must contain the parameter size or snapshotId");
            }
            (Some(size), Some(content)) if size < content.size_gib => {
                let message = format!(
                    "Volume of size {size}GB is smaller than snapshot '{}', expect size >= {}GB",
                    content.snapshot, content.size_gib
                );
                return refuse("InvalidBlockDeviceMapping", message);
            }
            (Some(_), _) | (None, Some(_)) => {}
        }
        let of_image = mapped.as_ref().map(|content| content.volume_type.as_str());
        let volume_type = ebs.volume_type.as_deref().or(of_image).unwrap_or(VOLUME_TYPE);
        let Some(kind) = kind(volume_type) else {
            let message = format!("Value ({volume_type}) for parameter volumeType is invalid");
            return refuse("InvalidParameterValue", message);
        };
        let size = ebs.volume_size.or(mapped.as_ref().map(|content| content.size_gib));
        within("volume size", size, Some(kind.size), volume_type)?;
        within("iops", ebs.iops, kind.iops, volume_type)?;
        within("throughput", ebs.throughput, kind.throughput, volume_type)?;
        let has_iops =
            mapped.as_ref().is_some_and(|content| content.iops.is_some() && content.volume_type == volume_type);
        if kind.iops_required && ebs.iops.is_none() && !has_iops {
            let message = format!("The parameter iops must be specified for {volume_type} volumes.");
            return refuse("MissingParameter", message);
        }
        Ok(Disk {
            device: name.clone(),
            size_gib: ebs.volume_size,
            volume_type: ebs.volume_type.clone(),
            encrypted: ebs.encrypted,
            iops: ebs.iops,
            throughput: ebs.throughput,
            delete_on_termination: ebs.delete_on_termination,
        })
    }
}

fn within(what: &str, value: Option<u32>, range: Option<(u32, u32)>, volume_type: &str) -> Outcome<()> {
    match (value, range) {
        (Some(_), None) => {
            let message = format!("The parameter {what} is not supported for {volume_type} volumes.");
            refuse("InvalidParameterCombination", message)
        }
        (Some(value), Some((least, most))) if !(least..=most).contains(&value) => {
            let message = format!("The {what} {value} is invalid for {volume_type}; it is between {least} and {most}.");
            refuse("InvalidParameterValue", message)
        }
        (Some(_), Some(_)) | (None, _) => Ok(()),
    }
}

/// The I/O operations and the MiB a second that a volume shows.
pub(super) fn performance(
    volume_type: &str,
    gib: u32,
    iops: Option<u32>,
    throughput: Option<u32>,
) -> (Option<u32>, Option<u32>) {
    match volume_type {
        "gp3" => (Some(iops.unwrap_or(3_000)), Some(throughput.unwrap_or(125))),
        "gp2" => (Some((3 * gib).clamp(100, 16_000)), None),
        "io1" | "io2" => (iops, None),
        _ => (None, None),
    }
}
