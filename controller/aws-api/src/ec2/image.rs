//! Amazon Machine Images. The product launches from them.

use crate::id::AmiId;
use crate::{Operation, ReadCall};

/// An image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its id.
    pub id: AmiId,
    /// `pending`, `available`, `failed`, `deregistered` and so on.
    pub state: String,
    /// The root device's name, such as `/dev/xvda`.
    pub root_device: Option<String>,
    /// The devices that it maps to EBS volumes.
    pub ebs_devices: Vec<String>,
}

/// A call that reads images.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ImageRead {
    /// EC2 DescribeImages by id. A missing one fails the call with `InvalidAMIID.NotFound`.
    Describe {
        /// Which.
        ids: Vec<AmiId>,
    },
}

impl ReadCall for ImageRead {
    fn operation(&self) -> Operation {
        let Self::Describe { .. } = self;
        Operation::DescribeImages
    }

    fn target(&self) -> String {
        let Self::Describe { ids } = self;
        crate::request::join(ids)
    }
}
