//! Every mutating AWS call that the product makes, as data.
//!
//! A plan carries these whole, so that it can be printed, checked, stored before it is sent, and sent again word for
//! word. An id that an earlier action of the same plan returns is a [`Ref::Made`]; `execute` fills it in.
//! Never: a choice left open for the moment of sending.

mod effect;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crds_schema::spec::{HttpTokens, Protocol, Scheme};
use serde::{Deserialize, Serialize};

pub use self::effect::{Effect, Touched};
use crate::id::{
    AmiId, InstanceId, IntentId, ListenerArn, LoadBalancerArn, ProfileAssociationId, SecurityGroupId, SubnetId,
    TargetGroupArn, VolumeId, VpcId, Zone,
};
use crate::resource::{Direction, Peer, Rule, Tags, TargetHealthCheck};

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
}

impl<T: fmt::Display> fmt::Display for Ref<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Made(action) => write!(f, "(of {action})"),
        }
    }
}

/// What a create call made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", content = "id", rename_all = "camelCase")]
pub enum Made {
    /// A security group.
    SecurityGroup(SecurityGroupId),
    /// A load balancer.
    LoadBalancer(LoadBalancerArn),
    /// A target group.
    TargetGroup(TargetGroupArn),
    /// A listener.
    Listener(ListenerArn),
    /// An instance.
    Instance(InstanceId),
}

impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SecurityGroup(id) => id.fmt(f),
            Self::LoadBalancer(arn) => arn.fmt(f),
            Self::TargetGroup(arn) => arn.fmt(f),
            Self::Listener(arn) => arn.fmt(f),
            Self::Instance(id) => id.fmt(f),
        }
    }
}

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

/// A mutating call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Write {
    /// EC2 CreateSecurityGroup. Not idempotent: a second one of the name fails with `InvalidGroup.Duplicate`.
    CreateSecurityGroup(CreateSecurityGroup),
    /// EC2 AuthorizeSecurityGroupIngress or -Egress. One that exists fails with `InvalidPermission.Duplicate`.
    AuthorizeRules(ChangeRules),
    /// EC2 RevokeSecurityGroupIngress or -Egress. One that is gone fails with `InvalidPermission.NotFound`.
    RevokeRules(ChangeRules),
    /// EC2 DeleteSecurityGroup. Fails with `DependencyViolation` while it is used or referenced.
    DeleteSecurityGroup {
        /// Which.
        group: SecurityGroupId,
    },
    /// EC2 RunInstances, for one instance. Idempotent by its token.
    RunInstances(Box<RunInstances>),
    /// EC2 TerminateInstances, for one instance. Idempotent.
    TerminateInstances {
        /// Which.
        instance: InstanceId,
    },
    /// EC2 ModifyInstanceAttribute of the security groups: the whole list. Idempotent.
    SetInstanceGroups {
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
    /// EC2 CreateTags. Idempotent; overwrites.
    CreateTags {
        /// On what.
        resource: Taggable,
        /// Which.
        tags: Tags,
    },
    /// EC2 DeleteTags. Idempotent.
    DeleteTags {
        /// Of what.
        resource: Taggable,
        /// Which.
        keys: BTreeSet<String>,
    },
    /// ELBv2 CreateLoadBalancer. Idempotent by name while the settings are the same, so it may return another owner's.
    CreateLoadBalancer(CreateLoadBalancer),
    /// ELBv2 ModifyLoadBalancerAttributes. Idempotent.
    SetLoadBalancerAttributes {
        /// Which.
        load_balancer: Ref<LoadBalancerArn>,
        /// Attributes to set; others stay.
        attributes: BTreeMap<String, String>,
    },
    /// ELBv2 SetSubnets: the whole list, one a zone. Idempotent.
    SetSubnets {
        /// Which.
        load_balancer: LoadBalancerArn,
        /// All of its subnets from now on.
        subnets: BTreeSet<SubnetId>,
    },
    /// ELBv2 SetSecurityGroups: the whole list. Idempotent.
    SetLoadBalancerGroups {
        /// Which.
        load_balancer: LoadBalancerArn,
        /// All of its groups from now on.
        groups: BTreeSet<Ref<SecurityGroupId>>,
    },
    /// ELBv2 DeleteLoadBalancer; its listeners go with it. Idempotent.
    DeleteLoadBalancer {
        /// Which.
        load_balancer: LoadBalancerArn,
    },
    /// ELBv2 CreateTargetGroup. Idempotent by name while the settings are the same.
    CreateTargetGroup(CreateTargetGroup),
    /// ELBv2 ModifyTargetGroup: its health check. Idempotent.
    SetHealthCheck {
        /// Which.
        target_group: TargetGroupArn,
        /// The whole health check from now on.
        health_check: TargetHealthCheck,
    },
    /// ELBv2 ModifyTargetGroupAttributes. Idempotent.
    SetTargetGroupAttributes {
        /// Which.
        target_group: Ref<TargetGroupArn>,
        /// Attributes to set; others stay.
        attributes: BTreeMap<String, String>,
    },
    /// ELBv2 DeleteTargetGroup. Fails with `ResourceInUse` while a listener forwards to it.
    DeleteTargetGroup {
        /// Which.
        target_group: TargetGroupArn,
    },
    /// ELBv2 RegisterTargets. Idempotent. The instances must be running.
    RegisterTargets {
        /// Into which.
        target_group: Ref<TargetGroupArn>,
        /// Instances.
        instances: BTreeSet<InstanceId>,
        /// The port that they serve on.
        port: u16,
    },
    /// ELBv2 DeregisterTargets: starts the drain. Idempotent.
    DeregisterTargets {
        /// Out of which.
        target_group: TargetGroupArn,
        /// Targets, as they are registered: id and port.
        targets: BTreeSet<(String, u16)>,
    },
    /// ELBv2 CreateListener. A second one on the port fails with `DuplicateListener`.
    CreateListener(CreateListener),
    /// ELBv2 ModifyListener. Idempotent.
    SetListener {
        /// Which.
        listener: ListenerArn,
        /// Protocol from now on.
        protocol: Protocol,
        /// Where it forwards from now on (weight 1 where `warm` stands beside it).
        forward_to: Ref<TargetGroupArn>,
        /// A group that is added with weight 0, so that its targets are health-checked before they are needed.
        warm: Option<Ref<TargetGroupArn>>,
    },
    /// ELBv2 DeleteListener. Idempotent.
    DeleteListener {
        /// Which.
        listener: ListenerArn,
    },
    /// ELBv2 AddTags. Idempotent; overwrites.
    AddTags {
        /// On what.
        resource: ElbTaggable,
        /// Which.
        tags: Tags,
    },
    /// ELBv2 RemoveTags. Idempotent.
    RemoveTags {
        /// Of what.
        resource: ElbTaggable,
        /// Which.
        keys: BTreeSet<String>,
    },
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

/// EC2 CreateSecurityGroup. AWS adds an egress rule that lets all IPv4 out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateSecurityGroup {
    /// Name, unique in the VPC.
    pub name: String,
    /// What it is for, in words.
    pub description: String,
    /// The VPC.
    pub vpc: VpcId,
    /// Tags, set in the same call.
    pub tags: Tags,
}

/// Adds or removes rules of one direction in one group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeRules {
    /// Which group.
    pub group: Ref<SecurityGroupId>,
    /// Which way.
    pub direction: Direction,
    /// Which rules.
    pub rules: BTreeSet<Rule>,
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

/// ELBv2 CreateLoadBalancer, of type application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateLoadBalancer {
    /// Name, unique in account and region.
    pub name: String,
    /// Who can reach it.
    pub scheme: Scheme,
    /// One subnet a zone.
    pub subnets: BTreeSet<SubnetId>,
    /// Its groups.
    pub groups: BTreeSet<Ref<SecurityGroupId>>,
    /// Tags, set in the same call.
    pub tags: Tags,
}

/// ELBv2 CreateTargetGroup, of type instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateTargetGroup {
    /// Name, unique in account and region.
    pub name: String,
    /// Protocol to the targets.
    pub protocol: Protocol,
    /// Default port of the targets.
    pub port: u16,
    /// The VPC.
    pub vpc: VpcId,
    /// How health is checked.
    pub health_check: TargetHealthCheck,
    /// Tags, set in the same call.
    pub tags: Tags,
}

/// ELBv2 CreateListener that forwards to one target group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateListener {
    /// On which load balancer.
    pub load_balancer: Ref<LoadBalancerArn>,
    /// Protocol.
    pub protocol: Protocol,
    /// Port.
    pub port: u16,
    /// Where it forwards.
    pub forward_to: Ref<TargetGroupArn>,
    /// Tags, set in the same call.
    pub tags: Tags,
}

/// A reference to an action that returned nothing, or something of another kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("action {0} did not return the id that a later one needs")]
pub struct Unresolved(pub ActionId);

impl Write {
    /// This call with every [`Ref::Made`] replaced by the id that `made` has for it.
    pub fn resolve(mut self, made: &BTreeMap<ActionId, Made>) -> Result<Self, Unresolved> {
        match &mut self {
            Self::AuthorizeRules(change) | Self::RevokeRules(change) => {
                resolve(&mut change.group, made)?;
                change.rules = std::mem::take(&mut change.rules)
                    .into_iter()
                    .map(|mut rule| {
                        if let Peer::Group(group) = &mut rule.peer {
                            resolve(group, made)?;
                        }
                        Ok(rule)
                    })
                    .collect::<Result<_, Unresolved>>()?;
            }
            Self::RunInstances(run) => resolve_all(&mut run.groups, made)?,
            Self::SetInstanceGroups { groups, .. } | Self::SetLoadBalancerGroups { groups, .. } => {
                resolve_all(groups, made)?
            }
            Self::CreateLoadBalancer(create) => resolve_all(&mut create.groups, made)?,
            Self::CreateTags { resource, .. } | Self::DeleteTags { resource, .. } => {
                if let Taggable::SecurityGroup(group) = resource {
                    resolve(group, made)?;
                }
            }
            Self::SetLoadBalancerAttributes { load_balancer, .. } => resolve(load_balancer, made)?,
            Self::SetTargetGroupAttributes { target_group, .. } | Self::RegisterTargets { target_group, .. } => {
                resolve(target_group, made)?;
            }
            Self::CreateListener(create) => {
                resolve(&mut create.load_balancer, made)?;
                resolve(&mut create.forward_to, made)?;
            }
            Self::SetListener { forward_to, warm, .. } => {
                resolve(forward_to, made)?;
                if let Some(warm) = warm {
                    resolve(warm, made)?;
                }
            }
            Self::CreateSecurityGroup(_)
            | Self::DeleteSecurityGroup { .. }
            | Self::TerminateInstances { .. }
            | Self::SetMetadataOptions { .. }
            | Self::ChangeProfile { .. }
            | Self::SetSubnets { .. }
            | Self::DeleteLoadBalancer { .. }
            | Self::CreateTargetGroup(_)
            | Self::SetHealthCheck { .. }
            | Self::DeleteTargetGroup { .. }
            | Self::DeregisterTargets { .. }
            | Self::DeleteListener { .. }
            | Self::AddTags { .. }
            | Self::RemoveTags { .. } => {}
        }
        Ok(self)
    }
}

/// An id that a create call can return.
trait FromMade: Sized {
    fn from_made(made: &Made) -> Option<&Self>;
}

macro_rules! from_made {
    ($($id:ident = $variant:ident),*) => {$(
        impl FromMade for $id {
            fn from_made(made: &Made) -> Option<&Self> {
                if let Made::$variant(id) = made { Some(id) } else { None }
            }
        }
    )*};
}
from_made!(SecurityGroupId = SecurityGroup, LoadBalancerArn = LoadBalancer, TargetGroupArn = TargetGroup);

fn resolve<T: FromMade + Clone>(reference: &mut Ref<T>, made: &BTreeMap<ActionId, Made>) -> Result<(), Unresolved> {
    if let Ref::Made(action) = reference {
        let id = made.get(action).and_then(T::from_made).ok_or_else(|| Unresolved(action.clone()))?;
        *reference = Ref::Id(id.clone());
    }
    Ok(())
}

fn resolve_all<T: FromMade + Clone + Ord>(
    all: &mut BTreeSet<Ref<T>>,
    made: &BTreeMap<ActionId, Made>,
) -> Result<(), Unresolved> {
    *all = std::mem::take(all)
        .into_iter()
        .map(|mut one| resolve(&mut one, made).map(|()| one))
        .collect::<Result<_, _>>()?;
    Ok(())
}
