//! The fields of a `StagingEnvironment`, with their defaults.
//!
//! Each field's documentation is what a user reads in the editor: unit, default, and the AWS page where AWS sets the
//! limit. Its attributes are the rule for its value: range, written form (`forms`), and `x-notSupportedYet`,
//! which is what to do instead of a field that this version refuses. `x-onEdit` is what an edit of it does, and
//! `x-onEditNote` what it does otherwise in some cases. The rules across fields are in `rules`.
//! Never: a limit that is checked elsewhere too. To add a field, add it here and show it in
//! `examples/full.yaml`; the schema, its checks and docs/record.md follow.

mod instances;
mod serving;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use instances::{BlockDevice, FromInstance, HttpTokens, Image, Instances, MetadataOptions, Network, NewestImage};
pub use serving::{
    Access, AccessEntry, Algorithm, HealthCheck, HealthCheckPort, IpAddressType, Listener, ListenerAction,
    LoadBalancer, Protocol, Redirect, Rule, Scheme, SecurityGroup, SecurityGroupAdoption, SecurityGroups, Service,
    Stickiness, StickinessType,
};

use crate::forms::{EnvironmentName, Region};
use crate::on_edit::OnEdit;
use crate::scalar::{Amount, SpecDuration};
use crate::texts::{RedisEndpoint, Tags};

/// The `apiVersion` of this version of the record.
pub const API_VERSION: &str = "understudy.dev/v1alpha1";
/// The `kind` of the record.
pub const KIND: &str = "StagingEnvironment";

/// A whole staging environment, as its users want it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StagingEnvironment {
    /// Always `understudy.dev/v1alpha1`.
    #[schemars(extend("const" = API_VERSION))]
    pub api_version: String,
    /// Always `StagingEnvironment`.
    #[schemars(extend("const" = KIND))]
    pub kind: String,
    /// Name and labels.
    #[schemars(extend("examples" = [{"name": "chatmrpt-staging"}]))]
    pub metadata: Metadata,
    /// What is wanted.
    pub spec: Spec,
}

/// Name and labels of an environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// a-z, 0-9 and `-`, at most 28 characters. Names of AWS resources are made from it.
    #[schemars(with = "EnvironmentName")]
    #[schemars(extend("x-onEdit" = OnEdit::NamesAnother))]
    pub name: String,
    /// Labels for people and scripts; they are not sent to AWS. Default: none.
    #[serde(default)]
    #[schemars(extend("x-onEdit" = OnEdit::Followed))]
    pub labels: BTreeMap<String, String>,
}

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Spec {
    /// The region of EC2 and ELBv2. Default: the region of the DynamoDB table.
    #[serde(default)]
    #[schemars(with = "Option<Region>")]
    #[schemars(extend("x-onEdit" = OnEdit::Refused))]
    #[schemars(extend("x-onEditNote" = "A record that leaves it out stays where it stands."))]
    pub region: Option<String>,
    /// Put on everything that is created, at creation; at most 40, so that ours fit within AWS's 50. Not `Name`,
    /// `aws:*` or `understudy:*`. Default: none. <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html>
    #[serde(default)]
    #[schemars(with = "Tags")]
    #[schemars(extend("x-onEdit" = OnEdit::InPlace))]
    #[schemars(extend("x-onEditNote" = "Tags that the record drops are removed."))]
    pub tags: BTreeMap<String, String>,
    /// Where it stands. Default: the default VPC and its subnets.
    #[serde(default)]
    pub network: Network,
    /// What the instances boot from; exactly one source.
    #[schemars(extend("examples" = [{"amiId": "ami-0fa4480bc2fe38b14"}]))]
    pub image: Image,
    /// The instances.
    #[schemars(extend("examples" = [{"count": 2, "types": ["t3.medium"]}]))]
    pub instances: Instances,
    /// What the instances serve. v1alpha1: one, used by all listeners.
    #[schemars(length(min = 1, max = 1))]
    #[schemars(extend("examples" = [[{"port": 8080}]]))]
    #[schemars(extend("x-moreNotSupportedYet" = "keep one; give the others environments of their own"))]
    pub services: Vec<Service>,
    /// The Application Load Balancer. Default: internet-facing, HTTP on port 80.
    #[serde(default)]
    pub load_balancer: LoadBalancer,
    /// Names of the two security groups. Default: made from the environment's name.
    #[serde(default)]
    pub security_groups: SecurityGroups,
    /// Who may reach what. Each of the two groups holds at most 60 inbound rules per address family. Default: nobody.
    /// <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html>
    #[serde(default)]
    pub access: Access,
    /// The Redis that the instances share. Default: none.
    #[serde(default)]
    #[schemars(extend("x-onEdit" = OnEdit::Followed))]
    pub redis: Option<Redis>,
    /// When a sick instance is replaced.
    #[serde(default)]
    pub healing: Healing,
    /// How changed instances are rolled out.
    #[serde(default)]
    pub rollout: Rollout,
    /// What a delete leaves behind. Default `Delete`.
    #[serde(default)]
    #[schemars(extend("x-onEdit" = OnEdit::Followed))]
    pub deletion_policy: DeletionPolicy,
    /// `true`: observe and report, but make no mutating call. A delete waits too. Default `false`.
    #[serde(default)]
    #[schemars(extend("x-onEdit" = OnEdit::Followed))]
    #[schemars(extend("x-onEditNote" = "While it is `true`, no other edit is carried out."))]
    pub paused: bool,
}

/// The Redis that the instances share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Redis {
    /// `host:port` or `redis[s]://host:port`, without user or password.
    #[schemars(with = "RedisEndpoint")]
    #[schemars(extend("x-onEdit" = OnEdit::Followed))]
    pub endpoint: String,
}

/// When a sick instance is replaced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Healing {
    /// How long after its launch an instance is not judged, 0s to 24h. Default 5m.
    #[schemars(extend("x-maximum" = "24h"))]
    #[schemars(extend("x-onEdit" = OnEdit::Followed))]
    pub grace_period: SpecDuration,
    /// How long it must be unhealthy, 0s to 24h. Default 2m.
    #[schemars(extend("x-maximum" = "24h"))]
    #[schemars(extend("x-onEdit" = OnEdit::Followed))]
    pub unhealthy_for: SpecDuration,
    /// With more sick than this, nothing is taken out. Default 50%; comes to at least 1.
    #[schemars(extend("x-onEdit" = OnEdit::Followed))]
    pub max_unhealthy: Amount,
    /// How many healing terminations an hour, 0 (never) to 1000. Default 4.
    #[schemars(range(max = 1000))]
    #[schemars(extend("x-onEdit" = OnEdit::Followed))]
    pub max_terminations_per_hour: u32,
}

/// How changed instances are rolled out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Rollout {
    /// How many more than `count` there may be meanwhile. Default 1; comes to at least 1.
    #[schemars(extend("x-onEdit" = OnEdit::Followed))]
    pub max_surge: Amount,
    /// How many fewer healthy than `count` there may be meanwhile. Default 0.
    #[schemars(extend("x-onEdit" = OnEdit::Followed))]
    pub max_unavailable: Amount,
    /// How long a new instance must be healthy before an old one goes, 0s to 48h. Default 2m.
    #[schemars(extend("x-maximum" = "48h"))]
    #[schemars(extend("x-onEdit" = OnEdit::Followed))]
    pub bake_time: SpecDuration,
}

/// What a delete leaves behind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// Nothing.
    #[default]
    Delete,
    /// Everything; only our tags are removed.
    Retain,
}

impl Default for Healing {
    fn default() -> Self {
        Self {
            grace_period: SpecDuration::from_secs(300),
            unhealthy_for: SpecDuration::from_secs(120),
            max_unhealthy: Amount::Percent(50),
            max_terminations_per_hour: 4,
        }
    }
}

impl Default for Rollout {
    fn default() -> Self {
        Self { max_surge: Amount::Count(1), max_unavailable: Amount::Count(0), bake_time: SpecDuration::from_secs(120) }
    }
}
