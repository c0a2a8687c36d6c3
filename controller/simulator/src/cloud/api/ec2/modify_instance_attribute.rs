//! ModifyInstanceAttribute.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceAttribute.html>: one attribute at a time, under its own
//! name or as `Attribute` and `Value`. Some of them only while the instance is stopped:
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-resize.html>

use std::collections::BTreeSet;

use aws_api::ec2::InstanceState;
use aws_api::id::{InstanceId, SecurityGroupId};
use aws_api::{Bucket as Called, Ref};
use serde::Deserialize;

use super::instance_ids::instance_id;
use super::run_instances::on_shutdown;
use crate::cloud::api::common::{Returned, filled, parse_id};
use crate::cloud::api::{Bucket, Operation, Write};
use crate::cloud::built_in::BuiltIn;
use crate::cloud::instances::incorrect_state;
use crate::cloud::launch::{USER_DATA_MAX, decoded};
use crate::cloud::world::{Outcome, World, refuse};

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ModifyInstanceAttribute {
    instance_id: String,
    #[serde(default, deserialize_with = "filled")]
    attribute: Option<String>,
    value: Option<String>,
    #[serde(default)]
    group_id: Vec<String>,
    disable_api_termination: Option<Of<bool>>,
    disable_api_stop: Option<Of<bool>>,
    instance_type: Option<Of<String>>,
    user_data: Option<Of<String>>,
    source_dest_check: Option<Of<bool>>,
    ebs_optimized: Option<Of<bool>>,
    instance_initiated_shutdown_behavior: Option<Of<String>>,
    #[serde(default)]
    block_device_mapping: Vec<BlockDevice>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Of<T> {
    value: T,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BlockDevice {
    device_name: String,
    ebs: Ebs,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Ebs {
    delete_on_termination: Option<bool>,
    volume_id: Option<String>,
}

/// One attribute and what it is to be.
enum Change {
    Groups(Vec<String>),
    Protected(bool),
    StopProtected(bool),
    InstanceType(String),
    UserData(String),
    SourceDestCheck(bool),
    EbsOptimized(bool),
    OnShutdown(String),
    Disks(Vec<BlockDevice>),
}

impl Operation for ModifyInstanceAttribute {
    type Answer = Returned;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Ec2Mutate)
    }
}

impl Write for ModifyInstanceAttribute {
    fn apply(&self, world: &mut World) -> Outcome<Returned> {
        let id = instance_id(&self.instance_id)?;
        let change = self.change()?;
        let (instance, at) = (world.instance(&id, world.at)?, world.at);
        if !instance.holds_interface(at) {
            return incorrect_state(&id, "modified");
        }
        if change.needs_stopped() && instance.state(at) != InstanceState::Stopped {
            return refuse("IncorrectInstanceState", format!("The instance '{id}' is not in the 'stopped' state."));
        }
        change.apply(world, &id)?;
        Ok(Returned::DONE)
    }

    fn names(&self) -> Vec<&str> {
        self.group_id.iter().chain([&self.instance_id]).map(String::as_str).collect()
    }
}

impl ModifyInstanceAttribute {
    /// The one change that is asked for.
    fn change(&self) -> Outcome<Change> {
        let groups = Some(&self.group_id).filter(|groups| !groups.is_empty());
        let disks = Some(&self.block_device_mapping).filter(|disks| !disks.is_empty());
        let named = [
            groups.cloned().map(Change::Groups),
            self.disable_api_termination.clone().map(|of| Change::Protected(of.value)),
            self.disable_api_stop.clone().map(|of| Change::StopProtected(of.value)),
            self.instance_type.clone().map(|of| Change::InstanceType(of.value)),
            self.user_data.clone().map(|of| Change::UserData(of.value)),
            self.source_dest_check.clone().map(|of| Change::SourceDestCheck(of.value)),
            self.ebs_optimized.clone().map(|of| Change::EbsOptimized(of.value)),
            self.instance_initiated_shutdown_behavior.clone().map(|of| Change::OnShutdown(of.value)),
            disks.cloned().map(Change::Disks),
        ];
        let of_pair = match (&self.attribute, &self.value) {
            (Some(attribute), Some(value)) => Some(pair(attribute, value)?),
            // The name of the attribute may come with one of the parameters above.
            (Some(_), None) | (None, None) => None,
            (None, Some(_)) => {
                return refuse("InvalidParameterCombination", "A value has been specified, but no attribute");
            }
        };
        let mut asked: Vec<Change> = named.into_iter().flatten().chain(of_pair).collect();
        match (asked.pop(), asked.is_empty()) {
            (Some(change), true) if self.attribute.as_ref().is_none_or(|named| change.is_of(named)) => Ok(change),
            (None, _) => refuse("InvalidParameterCombination", "No attributes specified."),
            // Of another attribute than the one that is named, or of several.
            (Some(_), _) => refuse("InvalidParameterCombination", "Fields for multiple attribute types specified"),
        }
    }
}

fn pair(attribute: &str, value: &str) -> Outcome<Change> {
    let is_true = || match value {
        "true" => Ok(true),
        "false" => Ok(false),
        other => refuse("InvalidParameterValue", format!("Invalid value '{other}' for {attribute}")),
    };
    Ok(match attribute {
        "disableApiTermination" => Change::Protected(is_true()?),
        "disableApiStop" => Change::StopProtected(is_true()?),
        "instanceType" => Change::InstanceType(value.to_owned()),
        "userData" => Change::UserData(value.to_owned()),
        "sourceDestCheck" => Change::SourceDestCheck(is_true()?),
        "ebsOptimized" => Change::EbsOptimized(is_true()?),
        "instanceInitiatedShutdownBehavior" => Change::OnShutdown(value.to_owned()),
        other => {
            let message = format!("Value ({other}) for parameter attribute is invalid, or not modelled.");
            return refuse("InvalidParameterValue", message);
        }
    })
}

impl Change {
    /// Whether it is of the attribute of that name.
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceAttribute.html>
    fn is_of(&self, attribute: &str) -> bool {
        let own = match self {
            Self::Groups(_) => "groupSet",
            Self::Protected(_) => "disableApiTermination",
            Self::StopProtected(_) => "disableApiStop",
            Self::InstanceType(_) => "instanceType",
            Self::UserData(_) => "userData",
            Self::SourceDestCheck(_) => "sourceDestCheck",
            Self::EbsOptimized(_) => "ebsOptimized",
            Self::OnShutdown(_) => "instanceInitiatedShutdownBehavior",
            Self::Disks(_) => "blockDeviceMapping",
        };
        own == attribute
    }

    fn needs_stopped(&self) -> bool {
        match self {
            Self::InstanceType(_) | Self::UserData(_) | Self::EbsOptimized(_) => true,
            Self::Groups(_)
            | Self::Protected(_)
            | Self::StopProtected(_)
            | Self::SourceDestCheck(_)
            | Self::OnShutdown(_)
            | Self::Disks(_) => false,
        }
    }

    fn apply(self, world: &mut World, id: &InstanceId) -> Outcome<()> {
        match self {
            Self::Groups(groups) => {
                let parse = |text: &String| parse_id(text, SecurityGroupId::parse, "InvalidGroupId.Malformed");
                let ids = groups.iter().map(|text| parse(text).map(Ref::Id)).collect::<Outcome<BTreeSet<_>>>()?;
                world.set_instance_groups(id, &ids)?;
            }
            Self::Protected(on) => world.instance_mut(id)?.protected = on,
            Self::StopProtected(on) => world.instance_mut(id)?.settings_mut().stop_protected = on,
            Self::InstanceType(name) => set_type(world, id, name)?,
            Self::UserData(text) => {
                let data = decoded(&text)?;
                if data.len() > USER_DATA_MAX {
                    let message = format!("User data is limited to {USER_DATA_MAX} bytes");
                    return refuse("InvalidParameterValue", message);
                }
                let instance = world.instance_mut(id)?;
                instance.user_data = Some(data).filter(|data| !data.is_empty());
                instance.built_in = BuiltIn::of(instance.user_data.as_deref());
            }
            Self::SourceDestCheck(on) => world.instance_mut(id)?.settings_mut().source_dest_check = on,
            Self::EbsOptimized(on) => world.instance_mut(id)?.settings_mut().ebs_optimized = on,
            Self::OnShutdown(word) => {
                let on_shutdown = on_shutdown(&word)?;
                world.instance_mut(id)?.settings_mut().on_shutdown = on_shutdown;
            }
            Self::Disks(disks) => disks.iter().try_for_each(|disk| set_disk(world, id, disk))?,
        }
        Ok(())
    }
}

/// "If the instance type is not valid, the error returned is InvalidInstanceAttributeValue."
fn set_type(world: &mut World, id: &InstanceId, name: String) -> Outcome<()> {
    let zone = &world.instance(id, world.at)?.zone;
    if !world.config.offerings.get(&name).is_some_and(|zones| zones.contains(zone)) {
        let message = format!("Invalid value '{name}' for InstanceType, or not offered in {zone}.");
        return refuse("InvalidInstanceAttributeValue", message);
    }
    world.instance_mut(id)?.instance_type = name;
    Ok(())
}

/// "If no value is specified for DeleteOnTermination, the default is true."
fn set_disk(world: &mut World, id: &InstanceId, disk: &BlockDevice) -> Outcome<()> {
    let device = &disk.device_name;
    let found = world.volumes.iter_mut().find(|(volume_id, volume)| {
        let same = disk.ebs.volume_id.as_ref().is_none_or(|asked| asked == *volume_id);
        same && volume.device == *device && volume.attached_to.as_ref() == Some(id)
    });
    match found {
        Some((_, volume)) => {
            std::rc::Rc::make_mut(volume).delete_on_termination = disk.ebs.delete_on_termination.unwrap_or(true);
            Ok(())
        }
        None => refuse("InvalidInstanceAttributeValue", format!("No device is currently mapped at {device}")),
    }
}
