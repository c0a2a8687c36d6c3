//! Snapshots of volumes.
//!
//! <https://docs.aws.amazon.com/ebs/latest/userguide/ebs-snapshots.html>

use std::rc::Rc;
use std::time::Duration;

use aws_api::Tags;

use super::images::ImageState;
use super::tags::{Service, check_tags};
use super::world::{Outcome, World, refuse};

/// What the ids of snapshots begin with.
pub(crate) const PREFIX: &str = "snap-";

/// A snapshot of this account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SnapshotRecord {
    pub id: String,
    pub volume: String,
    pub size_gib: u32,
    pub encrypted: bool,
    pub description: String,
    pub started: Duration,
    /// From then on it is `completed`; before it is `pending`.
    pub completes: Duration,
    pub tags: Tags,
}

impl SnapshotRecord {
    pub fn state(&self, at: Duration) -> &'static str {
        if at < self.completes { "pending" } else { "completed" }
    }

    /// How much of it is done, in percent.
    pub fn progress(&self, at: Duration) -> u128 {
        let whole = self.completes.saturating_sub(self.started).as_millis().max(1);
        (at.saturating_sub(self.started).as_millis() * 100 / whole).min(100)
    }
}

impl World {
    pub(crate) fn snapshot(&self, id: &str) -> Outcome<&Rc<SnapshotRecord>> {
        let found = self.snapshots.get(id);
        found.map_or_else(|| refuse("InvalidSnapshot.NotFound", format!("The snapshot '{id}' does not exist.")), Ok)
    }

    /// Takes a snapshot of a volume, which is there by `completes`.
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSnapshot.html>
    pub(crate) fn take_snapshot(
        &mut self,
        volume: &str,
        description: String,
        tags: Tags,
        completes: Duration,
    ) -> Outcome<Rc<SnapshotRecord>> {
        let Some(known) = self.volumes.get(volume).cloned() else {
            return refuse("InvalidVolume.NotFound", format!("The volume '{volume}' does not exist."));
        };
        check_tags(Service::Ec2, &tags, self.config.quotas.tags)?;
        let id = self.fresh_id(PREFIX);
        let (size_gib, encrypted) = (known.size_gib, known.encrypted);
        let (volume, started) = (volume.to_owned(), self.at);
        let record = SnapshotRecord { id, volume, size_gib, encrypted, description, started, completes, tags };
        let record = Rc::new(record);
        self.snapshots.insert(record.id.clone(), Rc::clone(&record));
        Ok(record)
    }

    /// The images that need it.
    pub(crate) fn users_of_snapshot<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a super::images::ImageRecord> {
        let registered = self.images.values().filter(|image| image.life.at(self.at) != ImageState::Deregistered);
        registered.map(Rc::as_ref).filter(move |image| image.about.contents.values().any(|on| on.snapshot == id))
    }

    /// Not while an image needs it.
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSnapshot.html>
    pub(crate) fn delete_snapshot(&mut self, id: &str) -> Outcome<()> {
        self.snapshot(id)?;
        if let Some(image) = self.users_of_snapshot(id).next() {
            let message = format!("The snapshot {id} is currently in use by {}", image.id);
            return refuse("InvalidSnapshot.InUse", message);
        }
        self.snapshots.remove(id);
        Ok(())
    }
}
