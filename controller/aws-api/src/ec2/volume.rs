//! EBS volumes. The product tags them; instances bring and take them.

use crate::id::{InstanceId, VolumeId};
use crate::{Filter, Operation, Page, ReadCall, Tags};

/// An EBS volume that is attached to an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Its id.
    pub id: VolumeId,
    /// The instance. Of the few that may have more than one, any of them.
    pub instance: InstanceId,
    /// Its tags.
    pub tags: Tags,
}

/// A call that reads volumes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum VolumeRead {
    /// EC2 DescribeVolumes.
    Describe {
        /// Filters; `attachment.instance-id` does not fail for an unknown id.
        filters: Vec<Filter>,
        /// Where to go on.
        page: Page,
    },
}

impl ReadCall for VolumeRead {
    fn operation(&self) -> Operation {
        let Self::Describe { .. } = self;
        Operation::DescribeVolumes
    }

    fn target(&self) -> String {
        let Self::Describe { filters, .. } = self;
        Filter::join(filters)
    }
}
