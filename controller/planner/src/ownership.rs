//! What is ours: tags, names, tokens, and the proof that something may be destroyed. The only place that knows them.
//!
//! Promise I3: ours is what carries our uid tag and is recorded in STATUS, or carries the tag of an intent that is still
//! open (an instance: with that intent's client token too). Anything else with our tags is somebody's copy.
//! Never: believes a name alone, or a tag alone.

use aws_api::Tags;
use aws_api::ec2::Instance;
use aws_api::id::{EnvUid, InstanceId, IntentId, LoadBalancerArn, SecurityGroupId, TargetGroupArn};
use sha2::{Digest, Sha256};

use crate::record::{GroupRole, Intent, Makes, Record};
use crate::status::Status;

/// Tag: the environment's name.
pub const TAG_ENVIRONMENT: &str = "understudy:environment";
/// Tag: the environment's uid.
pub const TAG_UID: &str = "understudy:uid";
/// Tag: the intent that made it.
pub const TAG_INTENT: &str = "understudy:intent";
/// Tag of instances and volumes: the member's number.
pub const TAG_SLOT: &str = "understudy:slot";
/// Tag of instances: what it is for.
pub const TAG_ROLE: &str = "understudy:role";
/// Tag: AWS's own for a name.
pub const TAG_NAME: &str = "Name";
/// The only role yet.
pub const ROLE_MEMBER: &str = "member";
/// What every tag key of ours begins with.
pub const TAG_PREFIX: &str = "understudy:";

/// Ours: recorded in STATUS. Made only here, and not deserializable, so that a proof is made anew after a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned<Id>(Id);

impl<Id> Owned<Id> {
    /// The id.
    pub fn id(&self) -> &Id {
        &self.0
    }
}

/// The proof that a member is ours: STATUS records it as launched by us. One that was adopted has none.
pub fn prove_member(status: &Status, id: &InstanceId) -> Option<Owned<InstanceId>> {
    let recorded = status.instances.iter().find(|member| member.instance_id == *id)?;
    match recorded.origin {
        crate::status::Origin::Launched => Some(Owned(id.clone())),
        crate::status::Origin::Adopted => None,
    }
}

/// The proof that a security group is ours.
pub fn prove_group(status: &Status, id: &SecurityGroupId) -> Option<Owned<SecurityGroupId>> {
    status.security_groups.names.contains_key(id).then(|| Owned(id.clone()))
}

/// The proof that a load balancer is ours.
pub fn prove_load_balancer(status: &Status, arn: &LoadBalancerArn) -> Option<Owned<LoadBalancerArn>> {
    status.load_balancer.as_ref().is_some_and(|lb| lb.arn == *arn).then(|| Owned(arn.clone()))
}

/// The proof that a target group is ours.
pub fn prove_target_group(status: &Status, arn: &TargetGroupArn) -> Option<Owned<TargetGroupArn>> {
    status.target_groups.iter().any(|group| group.arn == *arn).then(|| Owned(arn.clone()))
}

/// The open intent that made what carries these tags, if it is ours: our uid, and the tag of an open intent.
pub fn intent_behind<'r>(record: &'r Record, tags: &Tags) -> Option<&'r Intent> {
    if tags.get(TAG_UID).map(String::as_str) != Some(record.status.uid.as_str()) {
        return None;
    }
    tags.get(TAG_INTENT).and_then(|id| record.intent(id))
}

/// The open intent that launched this instance: by its tags and its client token. "Launch more like this" copies tags,
/// but not the token.
pub fn launch_behind<'r>(record: &'r Record, instance: &Instance) -> Option<&'r Intent> {
    intent_behind(record, &instance.tags)
        .filter(|intent| instance.client_token.as_deref() == Some(intent.id.as_str()))
        .filter(|intent| matches!(intent.makes, Makes::Member { .. }))
}

/// The intent by which this environment launched an instance, whether or not it is known: our uid, and one intent as its tag
/// and as its client token, which no copy has.
pub fn launched_by<'i>(record: &Record, instance: &'i Instance) -> Option<&'i str> {
    let intent = instance.tags.get(TAG_INTENT)?;
    let is_ours = instance.tags.get(TAG_UID).map(String::as_str) == Some(record.status.uid.as_str());
    (is_ours && instance.client_token.as_deref() == Some(intent.as_str())).then_some(intent.as_str())
}

/// The id of a new intent. It follows from the pass's seed, so that the planner draws no chance, and no two passes
/// use the same.
pub fn intent_id(uid: &EnvUid, seed: u64, makes: &Makes) -> IntentId {
    let digest = hex(&Sha256::digest(format!("{uid} {seed} {}", hashed(makes)).as_bytes()), 20);
    // The prefix is there, so this cannot fail; `parse` stays the only way in.
    IntentId::parse(format!("in-{digest}")).unwrap_or_else(|_| unreachable!("the prefix was just written"))
}

/// The text that is hashed of what an intent makes. It never changes, whatever things are called: an intent's id is the client
/// token of a launch, and two versions that plan the same pass must not ask for two.
fn hashed(makes: &Makes) -> String {
    match makes {
        Makes::Group(GroupRole::LoadBalancer) => "Group(LoadBalancer)".into(),
        Makes::Group(GroupRole::Instances) => "Group(Instances)".into(),
        Makes::LoadBalancer => "LoadBalancer".into(),
        Makes::TargetGroup { name, service, port } => {
            format!("TargetGroup {{ name: {name:?}, service: {service:?}, port: {port} }}")
        }
        Makes::Listener { port } => format!("Listener {{ port: {port} }}"),
        Makes::Member { slot, template } => format!("Member {{ slot: {slot}, template: {template:?} }}"),
    }
}

/// The first `length` hex digits of `bytes`.
pub fn hex(bytes: &[u8], length: usize) -> String {
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).take(length).map(|nibble| HEX[usize::from(nibble)]).collect()
}

const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];

/// The tags that every resource of the environment carries from its creation: the spec's, its name, and ours.
pub fn tags(record: &Record, spec_tags: &Tags, name: &str, intent: &IntentId) -> Tags {
    let mut tags = standing_tags(record, spec_tags, name);
    tags.insert(TAG_INTENT.into(), intent.to_string());
    tags
}

/// The tags that a resource of that intent has; of one whose intent is not recorded, all but that.
pub fn tags_of(record: &Record, spec_tags: &Tags, name: &str, intent: Option<&IntentId>) -> Tags {
    match intent {
        Some(intent) => tags(record, spec_tags, name, intent),
        None => standing_tags(record, spec_tags, name),
    }
}

/// The tags that everything has, but for the intent's.
pub fn standing_tags(record: &Record, spec_tags: &Tags, name: &str) -> Tags {
    let mut tags = spec_tags.clone();
    tags.insert(TAG_NAME.into(), name.into());
    tags.insert(TAG_ENVIRONMENT.into(), record.name.clone());
    tags.insert(TAG_UID.into(), record.status.uid.to_string());
    tags
}

/// What the tags of a member's volumes have besides.
pub fn volume_tags(slot: u32) -> Tags {
    [(TAG_SLOT.to_owned(), slot.to_string())].into()
}

/// What a member's tags have besides.
pub fn member_tags(slot: u32) -> Tags {
    [(TAG_SLOT.to_owned(), slot.to_string()), (TAG_ROLE.to_owned(), ROLE_MEMBER.to_owned())].into()
}

/// The name of the load balancer, where the spec sets none.
pub fn load_balancer_name(environment: &str) -> String {
    format!("{environment}-alb")
}

/// The name of a member.
pub fn member_name(environment: &str, slot: u32) -> String {
    format!("{environment}-{slot}")
}

/// The name of a security group, where the spec sets none.
pub fn group_name(environment: &str, role: crate::record::GroupRole) -> String {
    match role {
        crate::record::GroupRole::LoadBalancer => format!("{environment}-alb-sg"),
        crate::record::GroupRole::Instances => format!("{environment}-instance-sg"),
    }
}

/// Longest name of a target group.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html>
const TARGET_GROUP_NAME_MAX: usize = 32;

/// The name of a target group, where the spec sets none: cut to fit, but never its hash of what AWS fixes at creation.
pub fn target_group_name(environment: &str, service: &str, immutable: &str) -> String {
    let hash = hex(&Sha256::digest(immutable.as_bytes()), 8);
    let room = TARGET_GROUP_NAME_MAX - hash.len() - 1;
    let stem: String = format!("{environment}-{service}").chars().take(room).collect();
    format!("{}-{hash}", stem.trim_end_matches('-'))
}
