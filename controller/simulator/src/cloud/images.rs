//! Images: what an instance can be launched from.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/deregister-ami.html>

use std::time::Duration;

use engine::cloud::Reply;
use planner::id::AmiId;
use planner::resource::Image;

use super::apps::App;
use super::world::{Outcome, World, refuse};
use crate::timeline::Timeline;

/// A device that an image maps to an EBS volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageDevice {
    /// Its name, such as `/dev/xvda`.
    pub name: String,
    /// Whether its volume goes with its instance, unless the launch says otherwise.
    pub delete_on_termination: bool,
}

/// Where an image is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ImageState {
    Pending,
    Available,
    Deregistered,
}

impl ImageState {
    fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Available => "available",
            Self::Deregistered => "deregistered",
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ImageRecord {
    pub id: AmiId,
    pub devices: Vec<ImageDevice>,
    pub life: Timeline<ImageState>,
    /// What its instances run.
    pub app: App,
}

impl ImageRecord {
    pub fn available(id: AmiId, devices: Vec<ImageDevice>, app: App) -> Self {
        Self { id, devices, life: Timeline::new(Duration::ZERO, ImageState::Available), app }
    }
}

impl World {
    /// Recently deregistered images are still shown for a while, then they are not found.
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html>
    pub(crate) fn describe_images(&self, ids: &[AmiId], at: Duration) -> Outcome<Reply> {
        ids.iter()
            .map(|id| {
                let record = self.visible_image(id, at)?;
                Ok(Image {
                    id: id.clone(),
                    state: record.life.at(at).word().to_owned(),
                    root_device: record.devices.first().map(|device| device.name.clone()),
                    ebs_devices: record.devices.iter().map(|device| device.name.clone()).collect(),
                })
            })
            .collect::<Outcome<_>>()
            .map(Reply::Images)
    }

    /// The image, if it can be launched.
    pub(crate) fn launchable_image(&self, id: &AmiId, at: Duration) -> Outcome<&ImageRecord> {
        let record = self.visible_image(id, at)?;
        match record.life.at(at) {
            ImageState::Available => Ok(record),
            state @ (ImageState::Pending | ImageState::Deregistered) => refuse(
                "InvalidAMIID.Unavailable",
                format!("The image ID '{id}' is not available; it is {}", state.word()),
            ),
        }
    }

    fn visible_image(&self, id: &AmiId, at: Duration) -> Outcome<&ImageRecord> {
        let gone_since = |record: &ImageRecord| record.life.settles_as(ImageState::Deregistered);
        self.images
            .get(id)
            .filter(|record| gone_since(record).is_none_or(|gone| at < gone + self.config.timings.deregistered_visible))
            .map_or_else(|| refuse("InvalidAMIID.NotFound", format!("The image id '[{id}]' does not exist")), Ok)
    }
}
