//! DescribeSnapshots, CreateSnapshot and DeleteSnapshot.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSnapshots.html>,
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSnapshot.html>,
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSnapshot.html>. No public snapshots are modelled.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_api::Bucket as Called;
use serde::{Deserialize, Serialize};

use crate::cloud::api::common::{
    Filter, Filters, TagItem, TagSpecification, check_id, page_or_all, some_tags, tags_for, time,
};
use crate::cloud::api::{Bucket, Operation, Read, Sight, World, Write};
use crate::cloud::snapshots::{PREFIX, SnapshotRecord};
use crate::cloud::world::{Outcome, refuse};

/// The filters that there are, but those for tags.
const FILTERS: [&str; 12] = [
    "description",
    "encrypted",
    "owner-alias",
    "owner-id",
    "progress",
    "snapshot-id",
    "start-time",
    "status",
    "storage-tier",
    "transfer-type",
    "volume-id",
    "volume-size",
];

/// DescribeSnapshots.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeSnapshots {
    #[serde(default)]
    snapshot_id: Vec<String>,
    #[serde(default)]
    owner: Vec<String>,
    #[serde(default)]
    restorable_by: Vec<String>,
    #[serde(default)]
    filter: Vec<Filter>,
    max_results: Option<u32>,
    next_token: Option<String>,
}

/// What DescribeSnapshots answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshots {
    snapshot_set: Vec<SnapshotItem>,
    next_token: Option<String>,
}

/// A snapshot.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotItem {
    snapshot_id: String,
    volume_id: String,
    volume_size: u32,
    status: &'static str,
    progress: String,
    start_time: String,
    completion_time: Option<String>,
    owner_id: String,
    description: String,
    encrypted: bool,
    storage_tier: Option<&'static str>,
    transfer_type: Option<&'static str>,
    tag_set: Option<Vec<TagItem>>,
}

impl Operation for DescribeSnapshots {
    type Answer = Snapshots;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Ec2Describe)
    }
}

impl Read for DescribeSnapshots {
    fn answer(&self, Sight { world, at }: &Sight<'_>) -> Outcome<Snapshots> {
        let filters = Filters::of(&self.filter, true, |name| FILTERS.contains(&name))?;
        for id in &self.snapshot_id {
            check_id(id, PREFIX, "InvalidSnapshotID.Malformed")?;
            world.snapshot(id)?;
        }
        let own = |names: &[String]| names.is_empty() || names.iter().any(|name| is_own(world, name));
        let mut found = BTreeMap::new();
        for snapshot in world.snapshots.values().filter(|_| own(&self.owner) && own(&self.restorable_by)) {
            let asked = self.snapshot_id.is_empty() || self.snapshot_id.contains(&snapshot.id);
            if !asked {
                continue;
            }
            if let Some(item) = filters.shown(&snapshot.tags, || item(world, snapshot, *at), values) {
                found.insert(snapshot.id.clone(), item);
            }
        }
        let (snapshot_set, next_token) = page_or_all(found, self.max_results, &self.next_token, (5, 1000))?;
        Ok(Snapshots { snapshot_set, next_token })
    }
}

fn is_own(world: &World, name: &str) -> bool {
    name == "self" || name == world.config.account
}

fn item(world: &World, snapshot: &SnapshotRecord, at: Duration) -> SnapshotItem {
    SnapshotItem {
        snapshot_id: snapshot.id.clone(),
        volume_id: snapshot.volume.clone(),
        volume_size: snapshot.size_gib,
        status: snapshot.state(at),
        progress: format!("{}%", snapshot.progress(at)),
        start_time: time(world, snapshot.started),
        completion_time: (at >= snapshot.completes).then(|| time(world, snapshot.completes)),
        owner_id: world.config.account.clone(),
        description: snapshot.description.clone(),
        encrypted: snapshot.encrypted,
        storage_tier: Some("standard"),
        transfer_type: Some("standard"),
        tag_set: some_tags(&snapshot.tags),
    }
}

fn values(item: &SnapshotItem, name: &str) -> Option<Vec<String>> {
    Some(vec![match name {
        "description" => item.description.clone(),
        "encrypted" => item.encrypted.to_string(),
        "owner-alias" => return Some(Vec::new()),
        "owner-id" => item.owner_id.clone(),
        "progress" => item.progress.clone(),
        "snapshot-id" => item.snapshot_id.clone(),
        "start-time" => item.start_time.clone(),
        "status" => item.status.to_owned(),
        "storage-tier" => item.storage_tier.unwrap_or_default().to_owned(),
        "transfer-type" => item.transfer_type.unwrap_or_default().to_owned(),
        "volume-id" => item.volume_id.clone(),
        "volume-size" => item.volume_size.to_string(),
        _ => return None,
    }])
}

/// CreateSnapshot.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateSnapshot {
    volume_id: String,
    description: Option<String>,
    #[serde(default)]
    tag_specification: Vec<TagSpecification>,
}

impl Operation for CreateSnapshot {
    type Answer = SnapshotItem;

    fn bucket(&self) -> Bucket {
        Bucket::Ec2Images
    }
}

impl Write for CreateSnapshot {
    /// It shows no progress yet, its tags though there be none, and neither tier nor transfer.
    /// <https://docs.aws.amazon.com/cli/latest/reference/ec2/create-snapshot.html#examples>
    fn apply(&self, world: &mut World) -> Outcome<SnapshotItem> {
        check_id(&self.volume_id, "vol-", "InvalidVolumeID.Malformed")?;
        let tags = tags_for(&self.tag_specification, "snapshot", &["snapshot"])?;
        let description = self.description.clone().unwrap_or_default();
        if description.chars().count() > 255 {
            return refuse("InvalidParameterValue", "The description has more than 255 characters");
        }
        let completes = world.at + world.config.timings.snapshot_creation;
        let snapshot = world.take_snapshot(&self.volume_id, description, tags, completes)?;
        let made = item(world, &snapshot, world.at);
        let tag_set = Some(made.tag_set.unwrap_or_default());
        Ok(SnapshotItem { progress: String::new(), storage_tier: None, transfer_type: None, tag_set, ..made })
    }

    fn names(&self) -> Vec<&str> {
        vec![&self.volume_id]
    }
}

/// DeleteSnapshot.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteSnapshot {
    snapshot_id: String,
}

/// What DeleteSnapshot answers.
#[derive(Debug, Serialize)]
pub struct SnapshotDeleted {
    r#return: bool,
}

impl Operation for DeleteSnapshot {
    type Answer = SnapshotDeleted;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Ec2Mutate)
    }
}

impl Write for DeleteSnapshot {
    fn apply(&self, world: &mut World) -> Outcome<SnapshotDeleted> {
        check_id(&self.snapshot_id, PREFIX, "InvalidSnapshotID.Malformed")?;
        world.delete_snapshot(&self.snapshot_id)?;
        Ok(SnapshotDeleted { r#return: true })
    }

    fn names(&self) -> Vec<&str> {
        vec![&self.snapshot_id]
    }
}
