//! Instances, their status checks and instance profiles, and the calls about them.
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html>

use std::collections::BTreeSet;

use crds_schema::spec::HttpTokens;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{AmiId, InstanceId, IntentId, ProfileAssociationId, SecurityGroupId, SubnetId, VpcId, Zone};
use crate::reference::{AnyRef, Ref, ResourceId, visit_each};
use crate::words::words;
use crate::{Effect, Filter, Operation, Page, ReadCall, Tags, WriteCall};

/// An instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its id.
    pub id: InstanceId,
    /// Its state.
    pub state: InstanceState,
    /// The client token of the RunInstances call that made it.
    pub client_token: Option<String>,
    /// Its image.
    pub image: AmiId,
    /// Its type.
    pub instance_type: String,
    /// Its zone.
    pub zone: Zone,
    /// Its subnet; absent once terminated.
    pub subnet: Option<SubnetId>,
    /// Its VPC; absent once terminated.
    pub vpc: Option<VpcId>,
    /// The security groups of its primary network interface.
    pub groups: BTreeSet<SecurityGroupId>,
    /// Its key pair.
    pub key_name: Option<String>,
    /// The name of its instance profile (the last part of the profile's ARN).
    pub instance_profile: Option<String>,
    /// Its private IPv4 address.
    pub private_ip: Option<String>,
    /// Its public IPv4 address.
    pub public_ip: Option<String>,
    /// Whether IMDSv2 tokens are required.
    pub http_tokens: Option<HttpTokens>,
    /// The metadata hop limit.
    pub hop_limit: Option<u32>,
    /// When AWS says that it was launched.
    pub launched_at: Timestamp,
    /// Why it is in its state, such as `Client.UserInitiatedShutdown`.
    pub state_reason: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// Where an instance is in its life.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceState {
    /// Being started.
    Pending,
    /// Running.
    Running,
    /// Being stopped.
    Stopping,
    /// Stopped.
    Stopped,
    /// Being terminated.
    ShuttingDown,
    /// Gone; it stays visible for about an hour.
    Terminated,
}

words!(InstanceState {
    Pending = "pending",
    Running = "running",
    Stopping = "stopping",
    Stopped = "stopped",
    ShuttingDown = "shutting-down",
    Terminated = "terminated",
});

/// What EC2's status checks say of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StatusChecks {
    /// Both passed.
    Ok,
    /// Still in their first minutes.
    Initializing,
    /// The system's or the instance's check failed.
    Impaired,
    /// AWS says nothing about it.
    Unknown,
}

/// An instance profile that an instance has, or is about to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileAssociation {
    /// Its id, by which it is replaced or ended.
    pub id: ProfileAssociationId,
    /// The instance. It has at most one.
    pub instance: InstanceId,
    /// The profile's name (the last part of its ARN).
    pub profile: String,
}

/// EC2 RunInstances for exactly one instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunInstances {
    /// `ClientToken`, which is the intent's id.
    /// <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html>
    pub token: IntentId,
    /// The image.
    pub image: AmiId,
    /// The type.
    pub instance_type: String,
    /// The subnet, and with it the zone.
    pub subnet: SubnetId,
    /// The subnet's zone; not sent, but a token is zonal.
    pub zone: Zone,
    /// All of its groups.
    pub groups: BTreeSet<Ref<SecurityGroupId>>,
    /// Key pair.
    pub key_name: Option<String>,
    /// Instance profile, by name.
    pub instance_profile: Option<String>,
    /// User data.
    pub user_data: Option<UserData>,
    /// Metadata service.
    pub metadata_options: MetadataRequest,
    /// Disks: those of the spec, and every EBS device of the image, so that none outlives the instance unasked.
    pub block_devices: Vec<BlockDeviceRequest>,
    /// Whether it gets a public address; absent: as the subnet says.
    pub associate_public_ip: Option<bool>,
    /// Tags of the instance, set in the same call.
    pub tags: Tags,
    /// Tags of its volumes, set in the same call.
    pub volume_tags: Tags,
}

/// User data: by the revision that holds it where it is stored, itself where it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum UserData {
    /// That of the spec's revision of this number.
    Revision(u64),
    /// The text itself, not yet base64.
    Text(String),
    /// Base64, sent as it is.
    Base64(String),
}

/// Metadata options.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetadataRequest {
    /// Whether IMDSv2 tokens are required.
    pub http_tokens: HttpTokens,
    /// Hops that a token's reply may travel.
    pub hop_limit: u32,
}

/// One disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockDeviceRequest {
    /// Device name.
    pub device: String,
    /// GiB.
    pub size_gib: Option<u32>,
    /// Volume type.
    pub volume_type: Option<String>,
    /// Whether it is encrypted.
    pub encrypted: Option<bool>,
    /// Whether it goes with its instance.
    pub delete_on_termination: bool,
}

/// How an instance's profile is changed. An instance has at most one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProfileChange {
    /// It has none and gets this one, by name.
    Associate(String),
    /// It has that one and gets another, without a moment between.
    Replace {
        /// The association that ends.
        association: ProfileAssociationId,
        /// The profile from now on, by name.
        profile: String,
    },
    /// It loses the one that it has.
    Disassociate(ProfileAssociationId),
}

/// A call that changes an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum InstanceWrite {
    /// EC2 RunInstances, for one instance. Idempotent by its token.
    #[serde(rename = "RunInstances")]
    Run(Box<RunInstances>),
    /// EC2 TerminateInstances, for one instance. Idempotent.
    #[serde(rename = "TerminateInstances")]
    Terminate {
        /// Which.
        instance: InstanceId,
    },
    /// EC2 ModifyInstanceAttribute of the security groups: the whole list. Idempotent.
    #[serde(rename = "SetInstanceGroups")]
    SetGroups {
        /// Which.
        instance: InstanceId,
        /// All of its groups from now on.
        groups: BTreeSet<Ref<SecurityGroupId>>,
    },
    /// EC2 ModifyInstanceMetadataOptions. Idempotent.
    SetMetadataOptions {
        /// Which.
        instance: InstanceId,
        /// Options from now on.
        options: MetadataRequest,
    },
    /// EC2 AssociateIamInstanceProfile, ReplaceIamInstanceProfileAssociation or DisassociateIamInstanceProfile. Not
    /// idempotent: a second association fails with `IncorrectState`, one that is gone with `InvalidAssociationID.NotFound`.
    ChangeProfile {
        /// Of which instance. Only an association is sent where there is one.
        instance: InstanceId,
        /// To what.
        change: ProfileChange,
    },
}

impl WriteCall for InstanceWrite {
    fn operation(&self) -> Operation {
        match self {
            Self::Run(_) => Operation::RunInstances,
            Self::Terminate { .. } => Operation::TerminateInstances,
            Self::SetGroups { .. } => Operation::ModifyInstanceAttribute,
            Self::SetMetadataOptions { .. } => Operation::ModifyInstanceMetadataOptions,
            Self::ChangeProfile { change, .. } => match change {
                ProfileChange::Associate(_) => Operation::AssociateIamInstanceProfile,
                ProfileChange::Replace { .. } => Operation::ReplaceIamInstanceProfileAssociation,
                ProfileChange::Disassociate(_) => Operation::DisassociateIamInstanceProfile,
            },
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::Run(_) => Effect::Creates,
            Self::SetGroups { .. } | Self::SetMetadataOptions { .. } | Self::ChangeProfile { .. } => Effect::Changes,
            Self::Terminate { .. } => Effect::Destroys,
        }
    }

    fn touches(&self) -> Vec<ResourceId> {
        match self {
            Self::Run(_) => Vec::new(),
            Self::Terminate { instance }
            | Self::SetGroups { instance, .. }
            | Self::SetMetadataOptions { instance, .. }
            | Self::ChangeProfile { instance, .. } => vec![ResourceId::Instance(instance.clone())],
        }
    }

    fn refs_mut(&mut self, visit: &mut dyn FnMut(AnyRef<'_>)) {
        match self {
            Self::Run(run) => visit_each(&mut run.groups, |group| visit(AnyRef::SecurityGroup(group))),
            Self::SetGroups { groups, .. } => visit_each(groups, |group| visit(AnyRef::SecurityGroup(group))),
            Self::Terminate { .. } | Self::SetMetadataOptions { .. } | Self::ChangeProfile { .. } => {}
        }
    }

    fn target(&self) -> String {
        match self {
            // What AWS refuses of one image or type it may grant of another.
            Self::Run(run) => format!("{} {}", run.image, run.instance_type),
            Self::Terminate { instance }
            | Self::SetGroups { instance, .. }
            | Self::SetMetadataOptions { instance, .. }
            | Self::ChangeProfile { instance, .. } => instance.to_string(),
        }
    }

    fn created(&self) -> Option<(String, &Tags)> {
        let Self::Run(run) = self else { return None };
        Some((run.token.to_string(), &run.tags))
    }

    fn unready(&self) -> Option<String> {
        let Self::Run(run) = self else { return None };
        match &run.user_data {
            Some(UserData::Revision(number)) => Some(format!("the user data of revision {number} is not filled in")),
            Some(UserData::Text(_) | UserData::Base64(_)) | None => None,
        }
    }

    // NotFound after a launch may only mean that the instance is not visible yet, so it proves nothing for Terminate.

    fn releases(&self) -> bool {
        matches!(self, Self::SetGroups { .. })
    }
}

/// A call that reads instances.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum InstanceRead {
    /// EC2 DescribeInstances.
    Describe {
        /// Filters; `instance-id` does not fail for an unknown id.
        filters: Vec<Filter>,
        /// Where to go on.
        page: Page,
    },
    /// EC2 DescribeInstanceStatus of running instances. A missing one fails the call with `InvalidInstanceID.NotFound`.
    Status {
        /// Which, at most 100.
        ids: Vec<InstanceId>,
        /// Where to go on.
        page: Page,
    },
    /// EC2 DescribeIamInstanceProfileAssociations.
    ProfileAssociations {
        /// Filters; `instance-id` does not fail for an unknown id.
        filters: Vec<Filter>,
        /// Where to go on.
        page: Page,
    },
}

impl ReadCall for InstanceRead {
    fn operation(&self) -> Operation {
        match self {
            Self::Describe { .. } => Operation::DescribeInstances,
            Self::Status { .. } => Operation::DescribeInstanceStatus,
            Self::ProfileAssociations { .. } => Operation::DescribeIamInstanceProfileAssociations,
        }
    }

    fn target(&self) -> String {
        match self {
            Self::Describe { filters, .. } | Self::ProfileAssociations { filters, .. } => Filter::join(filters),
            Self::Status { ids, .. } => crate::request::join(ids),
        }
    }
}
