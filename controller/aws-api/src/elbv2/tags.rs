//! Tags of ELBv2's resources, put and removed by one call for all kinds.
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_AddTags.html>

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{ListenerArn, LoadBalancerArn, TargetGroupArn};
use crate::reference::{AnyRef, ResourceId};
use crate::{Effect, Operation, ReadCall, Tags, WriteCall};

/// What an ELBv2 resource is addressed by in AddTags.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ElbTaggable {
    /// A load balancer.
    LoadBalancer(LoadBalancerArn),
    /// A target group.
    TargetGroup(TargetGroupArn),
    /// A listener.
    Listener(ListenerArn),
}

impl ElbTaggable {
    /// The resource itself.
    pub fn resource(&self) -> ResourceId {
        match self {
            Self::LoadBalancer(arn) => ResourceId::LoadBalancer(arn.clone()),
            Self::TargetGroup(arn) => ResourceId::TargetGroup(arn.clone()),
            Self::Listener(arn) => ResourceId::Listener(arn.clone()),
        }
    }
}

impl fmt::Display for ElbTaggable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LoadBalancer(arn) => arn.fmt(f),
            Self::TargetGroup(arn) => arn.fmt(f),
            Self::Listener(arn) => arn.fmt(f),
        }
    }
}

/// A call that changes tags of an ELBv2 resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Elbv2TagsWrite {
    /// ELBv2 AddTags. Idempotent; overwrites.
    #[serde(rename = "AddTags")]
    Add {
        /// On what.
        resource: ElbTaggable,
        /// Which.
        tags: Tags,
    },
    /// ELBv2 RemoveTags. Idempotent.
    #[serde(rename = "RemoveTags")]
    Remove {
        /// Of what.
        resource: ElbTaggable,
        /// Which.
        keys: BTreeSet<String>,
    },
}

impl Elbv2TagsWrite {
    fn resource(&self) -> &ElbTaggable {
        let (Self::Add { resource, .. } | Self::Remove { resource, .. }) = self;
        resource
    }
}

impl WriteCall for Elbv2TagsWrite {
    fn operation(&self) -> Operation {
        match self {
            Self::Add { .. } => Operation::AddTags,
            Self::Remove { .. } => Operation::RemoveTags,
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::Add { .. } | Self::Remove { .. } => Effect::Changes,
        }
    }

    fn touches(&self) -> Vec<ResourceId> {
        vec![self.resource().resource()]
    }

    fn refs_mut(&mut self, _: &mut dyn FnMut(AnyRef<'_>)) {}

    fn target(&self) -> String {
        self.resource().to_string()
    }

    fn divisible_into(&self) -> usize {
        if let Self::Add { tags, .. } = self { tags.len() } else { 1 }
    }

    fn adds_to(&self) -> Option<String> {
        if let Self::Add { resource, .. } = self { Some(format!("{resource}/tags")) } else { None }
    }
}

/// A call that reads tags of ELBv2 resources.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Elbv2TagsRead {
    /// ELBv2 DescribeTags, at most 20. A missing one fails the call with `LoadBalancerNotFound` and the like.
    Describe {
        /// Of which.
        resources: Vec<ElbTaggable>,
    },
}

impl ReadCall for Elbv2TagsRead {
    fn operation(&self) -> Operation {
        let Self::Describe { .. } = self;
        Operation::DescribeTags
    }

    fn target(&self) -> String {
        let Self::Describe { resources } = self;
        crate::request::join(resources)
    }
}
