//! Ids, each a type of its own.
//!
//! `parse` is the only way in and `Display` the wire form: there is no `From<String>` and no `Deref`, so that an id
//! of one thing cannot be passed for another's.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A text that is not an id of the kind that was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an id that begins with `{prefix}`")]
pub struct NotAnId {
    /// What was given.
    pub text: String,
    /// What it should begin with.
    pub prefix: &'static str,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident $prefix:literal,)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// What every such id begins with.
            pub const PREFIX: &'static str = $prefix;

            /// The id that `text` is, if it begins as such an id does.
            pub fn parse(text: impl Into<String>) -> Result<Self, NotAnId> {
                let text = text.into();
                let rest = text.strip_prefix($prefix).unwrap_or_default();
                if rest.is_empty() { Err(NotAnId { text, prefix: $prefix }) } else { Ok(Self(text)) }
            }

            /// The wire form.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NotAnId;
            fn try_from(text: String) -> Result<Self, NotAnId> {
                Self::parse(text)
            }
        }
    )*};
}

ids! {
    /// An EC2 instance.
    InstanceId "i-",
    /// A security group.
    SecurityGroupId "sg-",
    /// An Amazon Machine Image.
    AmiId "ami-",
    /// A subnet.
    SubnetId "subnet-",
    /// A VPC.
    VpcId "vpc-",
    /// An Application Load Balancer, by ARN.
    LoadBalancerArn "arn:",
    /// A target group, by ARN.
    TargetGroupArn "arn:",
    /// A listener, by ARN.
    ListenerArn "arn:",
    /// A rule of a listener, by ARN.
    RuleArn "arn:",
    /// An EBS volume.
    VolumeId "vol-",
    /// A network interface.
    NetworkInterfaceId "eni-",
    /// An association of an instance profile with an instance. A replaced one gets another.
    ProfileAssociationId "iip-assoc-",
    /// One intent to create one thing. It is the `understudy:intent` tag and, for an instance, the client token.
    IntentId "in-",
    /// One environment over its whole life. A record deleted and made anew has another.
    EnvUid "env-",
}

/// An availability zone, such as `us-east-2a`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Zone(pub String);

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
