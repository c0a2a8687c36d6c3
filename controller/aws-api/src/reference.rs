//! How a call names things: by their ids, or by the action of the same plan that will return them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{InstanceId, ListenerArn, LoadBalancerArn, SecurityGroupId, TargetGroupArn, VolumeId};

/// Names one action within one plan, such as `create-group/instances` or `launch/3`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ActionId(pub String);

impl fmt::Display for ActionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An id that is known, or one that an earlier action of the same plan will return.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Ref<T> {
    /// Known.
    Id(T),
    /// Returned by that action.
    Made(ActionId),
}

impl<T> Ref<T> {
    /// The id, if it is known.
    pub fn id(&self) -> Option<&T> {
        match self {
            Self::Id(id) => Some(id),
            Self::Made(_) => None,
        }
    }

    fn map<U>(&self, id: impl FnOnce(&T) -> U) -> Ref<U> {
        match self {
            Self::Id(known) => Ref::Id(id(known)),
            Self::Made(action) => Ref::Made(action.clone()),
        }
    }
}

impl<T: fmt::Display> fmt::Display for Ref<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Made(action) => write!(f, "(of {action})"),
        }
    }
}

/// A reference to an action that returned nothing, or something of another kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("action {0} did not return the id that a later one needs")]
pub struct Unresolved(pub ActionId);

macro_rules! resources {
    ($($(#[$doc:meta])* $kind:ident $id:ident,)*) => {
        /// A kind of AWS resource.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum ResourceKind {
            $($(#[$doc])* $kind,)*
        }

        /// A resource of AWS, by its id or ARN. A create call returns one.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(tag = "kind", content = "id", rename_all = "camelCase")]
        pub enum ResourceId {
            $($(#[$doc])* $kind($id),)*
        }

        impl ResourceId {
            /// Its kind.
            pub fn kind(&self) -> ResourceKind {
                match self { $(Self::$kind(_) => ResourceKind::$kind,)* }
            }

            /// The id or ARN, as AWS writes it.
            pub fn as_str(&self) -> &str {
                match self { $(Self::$kind(id) => id.as_str(),)* }
            }
        }

        $(impl From<$id> for ResourceId {
            fn from(id: $id) -> Self {
                Self::$kind(id)
            }
        })*
    };
}

resources! {
    /// A security group.
    SecurityGroup SecurityGroupId,
    /// A load balancer.
    LoadBalancer LoadBalancerArn,
    /// A target group.
    TargetGroup TargetGroupArn,
    /// A listener.
    Listener ListenerArn,
    /// An instance.
    Instance InstanceId,
    /// A volume.
    Volume VolumeId,
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! referable {
    ($($(#[$doc:meta])* $kind:ident $id:ident,)*) => {
        /// A reference in a call, with its kind: what [`WriteCall::refs_mut`](crate::WriteCall::refs_mut) hands out.
        #[derive(Debug)]
        pub enum AnyRef<'a> {
            $($(#[$doc])* $kind(&'a mut Ref<$id>),)*
        }

        impl AnyRef<'_> {
            /// What it stands for now.
            pub fn names(&self) -> (ResourceKind, Ref<ResourceId>) {
                match self {
                    $(Self::$kind(reference) => {
                        (ResourceKind::$kind, reference.map(|id| ResourceId::$kind(id.clone())))
                    })*
                }
            }

            /// Puts the id in, if it is known by now.
            pub(crate) fn resolve(self, made: &BTreeMap<ActionId, ResourceId>) -> Result<(), Unresolved> {
                match self {
                    $(Self::$kind(reference) => {
                        if let Ref::Made(action) = reference {
                            let Some(ResourceId::$kind(id)) = made.get(action) else {
                                return Err(Unresolved(action.clone()));
                            };
                            *reference = Ref::Id(id.clone());
                        }
                    })*
                }
                Ok(())
            }
        }
    };
}

// What a call may name before it is there. Instances and listeners are named only once they are known.
referable! {
    /// A security group.
    SecurityGroup SecurityGroupId,
    /// A load balancer.
    LoadBalancer LoadBalancerArn,
    /// A target group.
    TargetGroup TargetGroupArn,
}

/// The resource that a reference names, if its id is known.
pub(crate) fn known<T: Clone + Into<ResourceId>>(reference: &Ref<T>) -> Vec<ResourceId> {
    reference.id().cloned().map(Into::into).into_iter().collect()
}

/// Visits each of a set, which is put in order again.
pub(crate) fn visit_each<T: Ord>(set: &mut BTreeSet<T>, mut visit: impl FnMut(&mut T)) {
    let visited = std::mem::take(set).into_iter().map(|mut one| {
        visit(&mut one);
        one
    });
    *set = visited.collect();
}
