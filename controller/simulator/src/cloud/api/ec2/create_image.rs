//! CreateImage and DeregisterImage.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateImage.html>,
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeregisterImage.html>

use std::collections::BTreeMap;

use aws_api::Bucket as Called;
use aws_api::id::{AmiId, InstanceId};
use serde::{Deserialize, Serialize};

use crate::cloud::api::common::{TagSpecification, parse_id, tags_for};
use crate::cloud::api::{Bucket, Operation, World, Write};
use crate::cloud::baking::{Bake, DeviceWish, SnapshotEnd};
use crate::cloud::world::{Outcome, refuse};

/// CreateImage.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateImage {
    instance_id: String,
    name: String,
    description: Option<String>,
    no_reboot: Option<bool>,
    #[serde(default)]
    block_device_mapping: Vec<Mapping>,
    #[serde(default)]
    tag_specification: Vec<TagSpecification>,
}

/// What is asked of a device. "The only option that can be changed for existing mappings is DeleteOnTermination"; a volume
/// that the instance does not have is not modelled.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Mapping {
    device_name: String,
    no_device: Option<String>,
    ebs: Option<Ebs>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Ebs {
    delete_on_termination: Option<bool>,
}

/// What CreateImage answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageCreated {
    image_id: String,
}

impl Operation for CreateImage {
    type Answer = ImageCreated;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Ec2Mutate)
    }
}

impl Write for CreateImage {
    fn apply(&self, world: &mut World) -> Outcome<ImageCreated> {
        let made = ["image", "snapshot"];
        let bake = Bake {
            instance: parse_id(&self.instance_id, InstanceId::parse, "InvalidInstanceID.Malformed")?,
            name: self.name.clone(),
            description: self.description.clone(),
            no_reboot: self.no_reboot.unwrap_or(false),
            tags: tags_for(&self.tag_specification, "image", &made)?,
            snapshot_tags: tags_for(&self.tag_specification, "snapshot", &made)?,
            devices: self.wishes()?,
        };
        Ok(ImageCreated { image_id: world.bake(&bake)?.to_string() })
    }

    fn names(&self) -> Vec<&str> {
        vec![&self.instance_id]
    }
}

impl CreateImage {
    fn wishes(&self) -> Outcome<BTreeMap<String, DeviceWish>> {
        let mut wishes = BTreeMap::new();
        for Mapping { device_name, no_device, ebs } in &self.block_device_mapping {
            let goes = ebs.as_ref().and_then(|ebs| ebs.delete_on_termination);
            let wish = match (no_device, goes) {
                (Some(_), None) => DeviceWish::LeaveOut,
                (None, Some(goes)) => DeviceWish::DeleteOnTermination(goes),
                (Some(_), Some(_)) | (None, None) => {
                    let message = format!("Of {device_name} either NoDevice or Ebs.DeleteOnTermination must be given");
                    return refuse("InvalidBlockDeviceMapping", message);
                }
            };
            if wishes.insert(device_name.clone(), wish).is_some() {
                return refuse("InvalidBlockDeviceMapping", format!("{device_name} is mapped twice"));
            }
        }
        Ok(wishes)
    }
}

/// DeregisterImage.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeregisterImage {
    image_id: String,
    delete_associated_snapshots: Option<bool>,
}

/// What DeregisterImage answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageDeregistered {
    r#return: bool,
    delete_snapshot_result_set: Vec<SnapshotResult>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SnapshotResult {
    snapshot_id: String,
    return_code: &'static str,
}

impl Operation for DeregisterImage {
    type Answer = ImageDeregistered;

    fn bucket(&self) -> Bucket {
        Bucket::Ec2Images
    }
}

impl Write for DeregisterImage {
    fn apply(&self, world: &mut World) -> Outcome<ImageDeregistered> {
        let id = parse_id(&self.image_id, AmiId::parse, "InvalidAMIID.Malformed")?;
        let ends = world.deregister_image(&id, self.delete_associated_snapshots.unwrap_or(false))?;
        let result = |(snapshot_id, end)| {
            let return_code = match end {
                SnapshotEnd::Deleted => "success",
                SnapshotEnd::Skipped => "skipped",
            };
            SnapshotResult { snapshot_id, return_code }
        };
        Ok(ImageDeregistered { r#return: true, delete_snapshot_result_set: ends.into_iter().map(result).collect() })
    }

    fn names(&self) -> Vec<&str> {
        vec![&self.image_id]
    }
}
