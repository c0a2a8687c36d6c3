//! Images made from instances, and their end.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/creating-an-ami-ebs.html>. The snapshots of the instance's volumes come
//! first, and the image is `available` once they are `completed`.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use aws_api::Tags;
use aws_api::ec2::InstanceState;
use aws_api::id::{AmiId, InstanceId};

use super::images::{Content, ImageAbout, ImageDevice, ImageRecord, ImageState};
use super::instances::{VolumeRecord, incorrect_state};
use super::tags::{Service, check_tags};
use super::world::{Outcome, World, refuse};
use crate::timeline::Timeline;

/// An image to be made.
pub(crate) struct Bake {
    pub instance: InstanceId,
    pub name: String,
    pub description: Option<String>,
    pub no_reboot: bool,
    pub tags: Tags,
    pub snapshot_tags: Tags,
    /// What is asked of single devices.
    pub devices: BTreeMap<String, DeviceWish>,
}

/// What is asked of a device: the only things that CreateImage lets one change of those that there are.
pub(crate) enum DeviceWish {
    LeaveOut,
    DeleteOnTermination(bool),
}

/// What became of a snapshot of a deregistered image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SnapshotEnd {
    Deleted,
    /// Another image needs it.
    Skipped,
}

impl World {
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateImage.html>
    pub(crate) fn bake(&mut self, bake: &Bake) -> Outcome<AmiId> {
        self.check_bake(bake)?;
        let instance = Rc::clone(self.instance(&bake.instance, self.at)?);
        let state = instance.state(self.at);
        if !matches!(state, InstanceState::Running | InstanceState::Stopped) {
            return incorrect_state(&bake.instance, "made an image of");
        }
        let source = self.images.get(&instance.image).cloned();
        let root = source.as_ref().and_then(|image| image.devices.first()).map(|device| device.name.clone());
        let id = AmiId::parse(self.fresh_id(AmiId::PREFIX)).expect("begins with its prefix");
        let available = self.at + self.config.timings.image_creation;
        let (devices, contents) = self.bake_devices(bake, &id, root.as_deref(), available)?;
        if state == InstanceState::Running && !bake.no_reboot {
            self.restart(&bake.instance)?;
        }
        let mut life = Timeline::new(self.at, ImageState::Pending);
        life.set(available, ImageState::Available);
        let about = ImageAbout {
            name: bake.name.clone(),
            description: bake.description.clone(),
            owner: None,
            alias: None,
            architecture: super::catalogue::instance_type(&instance.instance_type).architecture,
            created: self.at,
            source: Some((instance.id.clone(), instance.image.clone())),
            contents,
            tags: bake.tags.clone(),
        };
        let record = ImageRecord { id: id.clone(), devices, life, app: instance.app.clone(), about };
        self.images.insert(id.clone(), Rc::new(record));
        Ok(id)
    }

    fn check_bake(&self, bake: &Bake) -> Outcome<()> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "()[] ./-'@_".contains(c);
        if !(3..=128).contains(&bake.name.len()) || !bake.name.chars().all(allowed) {
            let message = "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, '(', ')', \
                           '[', ']', ' ', '.', '/', '-', ''', '@' and '_'";
            return refuse("InvalidAMIName.Malformed", message);
        }
        if bake.description.as_ref().is_some_and(|text| text.chars().count() > 255) {
            return refuse("InvalidParameterValue", "The description has more than 255 characters");
        }
        for tags in [&bake.tags, &bake.snapshot_tags] {
            check_tags(Service::Ec2, tags, self.config.quotas.tags)?;
        }
        let own = self.images.values().filter(|image| image.about.owner.is_none());
        let mut registered = own.filter(|image| image.life.at(self.at) != ImageState::Deregistered);
        if let Some(other) = registered.find(|image| image.about.name == bake.name) {
            let message = format!("AMI name {} is already in use by AMI {}", bake.name, other.id);
            return refuse("InvalidAMIName.Duplicate", message);
        }
        Ok(())
    }

    /// The devices of an image of that instance, its root first, and what is on them.
    fn bake_devices(
        &mut self,
        bake: &Bake,
        image: &AmiId,
        root: Option<&str>,
        completes: Duration,
    ) -> Outcome<(Vec<ImageDevice>, BTreeMap<String, Content>)> {
        let of_instance = self.volumes.iter().filter(|(_, volume)| volume.attached_to.as_ref() == Some(&bake.instance));
        let mut volumes: Vec<(String, Rc<VolumeRecord>)> =
            of_instance.map(|(id, volume)| (id.clone(), Rc::clone(volume))).collect();
        volumes.sort_by_key(|(id, volume)| (Some(volume.device.as_str()) != root, volume.device.clone(), id.clone()));
        if let Some(unknown) =
            bake.devices.keys().find(|name| volumes.iter().all(|(_, volume)| volume.device != **name))
        {
            let message = format!("{unknown} is no device of the instance; adding one is not modelled");
            return refuse("InvalidBlockDeviceMapping", message);
        }
        let (mut devices, mut contents) = (Vec::new(), BTreeMap::new());
        for (id, volume) in volumes {
            let delete_on_termination = match bake.devices.get(&volume.device) {
                Some(DeviceWish::LeaveOut) => continue,
                Some(DeviceWish::DeleteOnTermination(goes)) => *goes,
                None => volume.delete_on_termination,
            };
            let description = format!("Created by CreateImage({}) for {image}", bake.instance);
            let snapshot = self.take_snapshot(&id, description, bake.snapshot_tags.clone(), completes)?;
            let content = Content {
                snapshot: snapshot.id.clone(),
                size_gib: volume.size_gib,
                volume_type: volume.volume_type.clone(),
                encrypted: volume.encrypted,
                iops: volume.iops,
                throughput: volume.throughput,
            };
            contents.insert(volume.device.clone(), content);
            devices.push(ImageDevice { name: volume.device.clone(), delete_on_termination });
        }
        Ok((devices, contents))
    }

    /// A restart of what runs on a running instance: it keeps its state, and its application boots anew.
    pub(crate) fn restart(&mut self, id: &InstanceId) -> Outcome<()> {
        let at = self.at;
        self.instance_mut(id)?.life.set(at, InstanceState::Running);
        Ok(())
    }

    /// Ends an image of this account. What became of its snapshots, if they were to go with it.
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeregisterImage.html>
    pub(crate) fn deregister_image(&mut self, id: &AmiId, with_snapshots: bool) -> Outcome<Vec<(String, SnapshotEnd)>> {
        let record = self.visible_image(id, self.at)?;
        if record.about.owner.is_some() {
            return refuse("AuthFailure", format!("Not authorized for image:{id}"));
        }
        if record.life.at(self.at) == ImageState::Deregistered {
            return refuse("InvalidAMIID.Unavailable", format!("The image ID '{id}' is no longer available"));
        }
        let known = record.about.contents.values().map(|on| on.snapshot.clone());
        let snapshots: Vec<String> = known.filter(|id| self.snapshots.contains_key(id)).collect();
        self.end_image(id)?;
        if !with_snapshots {
            return Ok(Vec::new());
        }
        let end = |world: &mut Self, id: &str| match world.delete_snapshot(id) {
            Ok(()) => SnapshotEnd::Deleted,
            Err(_) => SnapshotEnd::Skipped,
        };
        Ok(snapshots
            .into_iter()
            .map(|id| {
                let end = end(self, &id);
                (id, end)
            })
            .collect())
    }
}
