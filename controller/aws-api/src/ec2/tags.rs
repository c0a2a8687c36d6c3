//! Tags of EC2's resources, put and removed by one call for all kinds.
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html>

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{InstanceId, SecurityGroupId, VolumeId};
use crate::reference::{AnyRef, Ref, ResourceId, known};
use crate::{Effect, Operation, Tags, WriteCall};

/// What an AWS resource is addressed by where any kind may stand, as in CreateTags.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Taggable {
    /// A security group.
    SecurityGroup(Ref<SecurityGroupId>),
    /// An instance.
    Instance(InstanceId),
    /// A volume.
    Volume(VolumeId),
}

impl fmt::Display for Taggable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SecurityGroup(group) => group.fmt(f),
            Self::Instance(id) => id.fmt(f),
            Self::Volume(id) => id.fmt(f),
        }
    }
}

/// A call that changes tags of an EC2 resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ec2TagsWrite {
    /// EC2 CreateTags. Idempotent; overwrites.
    #[serde(rename = "CreateTags")]
    Create {
        /// On what.
        resource: Taggable,
        /// Which.
        tags: Tags,
    },
    /// EC2 DeleteTags. Idempotent.
    #[serde(rename = "DeleteTags")]
    Delete {
        /// Of what.
        resource: Taggable,
        /// Which.
        keys: BTreeSet<String>,
    },
}

impl Ec2TagsWrite {
    fn resource(&self) -> &Taggable {
        let (Self::Create { resource, .. } | Self::Delete { resource, .. }) = self;
        resource
    }
}

impl WriteCall for Ec2TagsWrite {
    fn operation(&self) -> Operation {
        match self {
            Self::Create { .. } => Operation::CreateTags,
            Self::Delete { .. } => Operation::DeleteTags,
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::Create { .. } | Self::Delete { .. } => Effect::Changes,
        }
    }

    fn touches(&self) -> Vec<ResourceId> {
        match self.resource() {
            Taggable::SecurityGroup(group) => known(group),
            Taggable::Instance(id) => vec![ResourceId::Instance(id.clone())],
            Taggable::Volume(id) => vec![ResourceId::Volume(id.clone())],
        }
    }

    fn refs_mut(&mut self, visit: &mut dyn FnMut(AnyRef<'_>)) {
        let (Self::Create { resource, .. } | Self::Delete { resource, .. }) = self;
        if let Taggable::SecurityGroup(group) = resource {
            visit(AnyRef::SecurityGroup(group));
        }
    }

    fn target(&self) -> String {
        self.resource().to_string()
    }

    fn divisible_into(&self) -> usize {
        if let Self::Create { tags, .. } = self { tags.len() } else { 1 }
    }

    fn adds_to(&self) -> Option<String> {
        if let Self::Create { resource, .. } = self { Some(format!("{resource}/tags")) } else { None }
    }
}
