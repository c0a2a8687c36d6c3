//! Images: what an instance can be launched from.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/deregister-ami.html>

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use aws_api::ec2::Image;
use aws_api::id::{AmiId, InstanceId};
use aws_api::{Reply, Tags};

use super::apps::App;
use super::catalogue::{Architecture, StockImage};
use super::derived::derived_id;
use super::launch::{VOLUME_GIB, VOLUME_TYPE};
use super::snapshots;
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
    pub fn word(self) -> &'static str {
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
    pub about: ImageAbout,
}

/// What matters to whoever looks at an image, and not to its instances.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ImageAbout {
    pub name: String,
    pub description: Option<String>,
    /// The account that it belongs to; absent: this one.
    pub owner: Option<&'static str>,
    /// Its owner's alias.
    pub alias: Option<&'static str>,
    pub architecture: Architecture,
    /// When it was made.
    pub created: Duration,
    /// The instance that it was made from, and that one's image.
    pub source: Option<(InstanceId, AmiId)>,
    /// What is on its devices.
    pub contents: BTreeMap<String, Content>,
    pub tags: Tags,
}

/// What is on a device of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content {
    pub snapshot: String,
    pub size_gib: u32,
    pub volume_type: String,
    pub encrypted: bool,
    pub iops: Option<u32>,
    pub throughput: Option<u32>,
}

impl Content {
    /// Of an image of whose making nothing is known.
    fn plain(image: &AmiId, device: &str) -> Self {
        let snapshot = derived_id(snapshots::PREFIX, &format!("{image} {device}"));
        let (size_gib, volume_type) = (VOLUME_GIB, VOLUME_TYPE.to_owned());
        Self { snapshot, size_gib, volume_type, encrypted: false, iops: None, throughput: None }
    }
}

impl ImageRecord {
    pub fn available(id: AmiId, devices: Vec<ImageDevice>, app: App) -> Self {
        Self::plain(id, devices, Timeline::new(Duration::ZERO, ImageState::Available), app, Duration::ZERO)
    }

    /// An image of this account, with its id for its name.
    pub fn plain(
        id: AmiId,
        devices: Vec<ImageDevice>,
        life: Timeline<ImageState>,
        app: App,
        created: Duration,
    ) -> Self {
        let about = ImageAbout {
            name: id.to_string(),
            description: None,
            owner: None,
            alias: None,
            architecture: Architecture::X86,
            created,
            source: None,
            contents: BTreeMap::new(),
            tags: Tags::new(),
        };
        Self { id, devices, life, app, about }
    }

    /// A public image.
    pub fn stock(image: &StockImage) -> Self {
        let id = AmiId::parse(image.id).expect("the catalogue names an image id");
        let devices = vec![ImageDevice { name: image.root.to_owned(), delete_on_termination: true }];
        let mut record = Self::available(id, devices, App::default());
        record.about.name = image.name.to_owned();
        record.about.description = Some(image.description.to_owned());
        (record.about.owner, record.about.alias) = (Some(image.owner), image.alias);
        record.about.architecture = image.architecture;
        record
    }

    /// What is on that device of it, if it has it.
    pub fn mapped(&self, device: &str) -> Option<Content> {
        self.devices.iter().any(|known| known.name == device).then(|| self.content(device))
    }

    /// What is on that device of it.
    pub fn content(&self, device: &str) -> Content {
        self.about.contents.get(device).cloned().unwrap_or_else(|| Content::plain(&self.id, device))
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

    pub(crate) fn visible_image(&self, id: &AmiId, at: Duration) -> Outcome<&ImageRecord> {
        let found = self.images.get(id).map(Rc::as_ref).filter(|record| self.is_shown(record, at));
        found.map_or_else(|| no_such_image(id), Ok)
    }

    /// Every image that is shown.
    pub(crate) fn visible_images(&self, at: Duration) -> impl Iterator<Item = &ImageRecord> {
        self.images.values().map(Rc::as_ref).filter(move |record| self.is_shown(record, at))
    }

    fn is_shown(&self, record: &ImageRecord, at: Duration) -> bool {
        let gone = record.life.settles_as(ImageState::Deregistered);
        gone.is_none_or(|gone| at < gone + self.config.timings.deregistered_visible)
    }

    /// The image, to be changed.
    pub(crate) fn image_mut(&mut self, id: &AmiId) -> Outcome<&mut ImageRecord> {
        self.images.get_mut(id).map_or_else(|| no_such_image(id), |record| Ok(Rc::make_mut(record)))
    }

    /// From now on it is deregistered, whatever it was.
    pub(crate) fn end_image(&mut self, id: &AmiId) -> Outcome<Reply> {
        let at = self.at;
        self.image_mut(id)?.life.set(at, ImageState::Deregistered);
        Ok(Reply::Done)
    }
}

fn no_such_image<T>(id: &AmiId) -> Outcome<T> {
    refuse("InvalidAMIID.NotFound", format!("The image id '[{id}]' does not exist"))
}
