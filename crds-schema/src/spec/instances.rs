//! The fields of the network, the image and the instances.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::forms::{
    AmiId, DeviceName, InstanceId, InstanceProfileName, InstanceType, KeyName, SecurityGroupId, SubnetId, VpcId,
};
use crate::limits::{GROUPS_PER_INTERFACE_CEILING, TARGETS_MAX};
use crate::on_edit::OnEdit;

/// VPC and subnets.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Network {
    /// The VPC; goes with `subnetIds`. Default: the account's default VPC.
    #[schemars(with = "Option<VpcId>")]
    #[schemars(extend("x-onEdit" = OnEdit::Refused))]
    #[schemars(extend("x-onEditNote" = "So is one that leaves it out, unless the environment stands in the default VPC."))]
    pub vpc_id: Option<String>,
    /// The VPC by its tags (not supported yet).
    #[schemars(extend("x-notSupportedYet" = "name the VPC by vpcId and subnetIds"))]
    pub vpc_tags: BTreeMap<String, String>,
    /// Subnets of load balancer and instances alike, in at least two zones; goes with `vpcId`. Default: those of the
    /// default VPC.
    #[schemars(with = "Vec<SubnetId>", extend("uniqueItems" = true))]
    #[schemars(extend("x-onEdit" = OnEdit::ReplacesInstances))]
    #[schemars(extend("x-onEditNote" = "Only those in a subnet that is no longer listed; the load balancer's subnets change in place."))]
    pub subnet_ids: Vec<String>,
    /// Subnets by their tags (not supported yet).
    #[schemars(extend("x-notSupportedYet" = "list the subnets in subnetIds"))]
    pub subnet_tags: BTreeMap<String, String>,
    /// Subnets of the load balancer, where they differ (not supported yet).
    #[schemars(with = "Vec<SubnetId>")]
    #[schemars(extend("x-notSupportedYet" = "list subnets for load balancer and instances alike in subnetIds"))]
    pub load_balancer_subnet_ids: Vec<String>,
    /// Subnets of the instances, where they differ (not supported yet).
    #[schemars(with = "Vec<SubnetId>")]
    #[schemars(extend("x-notSupportedYet" = "list subnets for load balancer and instances alike in subnetIds"))]
    pub instance_subnet_ids: Vec<String>,
}

/// The image, from exactly one source.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Image {
    /// An AMI by its id. Default: none, and v1alpha1 has no other source, so that every record needs it.
    #[schemars(with = "Option<AmiId>")]
    #[schemars(extend("x-onEdit" = OnEdit::ReplacesInstances))]
    pub ami_id: Option<String>,
    /// An SSM parameter that holds an AMI id (not supported yet).
    #[schemars(extend("x-notSupportedYet" = "name the AMI by amiId"))]
    pub ssm_parameter: Option<String>,
    /// The newest AMI that matches (not supported yet).
    #[schemars(extend("x-notSupportedYet" = "name the AMI by amiId"))]
    pub newest: Option<NewestImage>,
    /// An AMI baked from an instance (not supported yet).
    #[schemars(extend("x-notSupportedYet" = "bake the AMI by `aws ec2 create-image` and name it by amiId"))]
    pub from_instance: Option<FromInstance>,
}

/// Which AMI is the newest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewestImage {
    /// Account id, `self` or `amazon`.
    #[schemars(extend("examples" = ["self"]))]
    pub owner: String,
    /// Name, with `*` and `?`. Default: any.
    #[serde(default)]
    pub name: Option<String>,
    /// Tags that it must have. Default: none.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// An instance to bake an AMI from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FromInstance {
    /// The instance.
    #[schemars(with = "InstanceId")]
    pub instance_id: String,
    /// Whether it may be rebooted for a consistent file system. Default `false`.
    #[serde(default)]
    pub reboot: bool,
}

/// The instances.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Instances {
    /// How many healthy instances there should be, 0 (scaled to zero) to 1000. With those of `rollout.maxSurge` they are
    /// at most 1000, as many as a load balancer has targets:
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html>
    #[schemars(range(max = TARGETS_MAX), extend("examples" = [2]))]
    #[schemars(extend("x-onEdit" = OnEdit::InPlace))]
    #[schemars(extend("x-onEditNote" = "Instances are launched, or those that are too many are drained and terminated."))]
    pub count: u32,
    /// Instance types, first choice first. v1alpha1: one.
    #[schemars(with = "Vec<InstanceType>", length(min = 1, max = 1))]
    #[schemars(extend("examples" = [["t3.medium"]], "x-moreNotSupportedYet" = "keep the first choice only"))]
    #[schemars(extend("x-onEdit" = OnEdit::ReplacesInstances))]
    pub types: Vec<String>,
    /// EC2 key pair for SSH. Default: none.
    #[serde(default)]
    #[schemars(with = "Option<KeyName>")]
    #[schemars(extend("x-onEdit" = OnEdit::ReplacesInstances))]
    pub key_name: Option<String>,
    /// IAM instance profile, by name. Default: none.
    #[serde(default)]
    #[schemars(with = "Option<InstanceProfileName>")]
    #[schemars(extend("x-onEdit" = OnEdit::ReplacesInstances))]
    pub instance_profile: Option<String>,
    /// User data, as text (not the name of a file), at most 16 KiB; it is base64-encoded when it is sent. Default: none.
    /// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html>
    #[serde(default)]
    #[schemars(extend("x-onEdit" = OnEdit::ReplacesInstances))]
    pub user_data: Option<String>,
    /// `true`: `userData` is base64 already and is sent as it is, so that it may be binary (gzip); at most 16 KiB once
    /// decoded. Default `false`.
    #[serde(default, rename = "userDataBase64")]
    #[schemars(extend("x-onEdit" = OnEdit::ReplacesInstances))]
    #[schemars(extend("x-onEditNote" = "None is replaced where the same text is written the other way."))]
    pub user_data_base64: bool,
    /// Security groups attached besides our own, at most 15: a network interface takes 16 when its quota is raised.
    /// Default: none. <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html>
    #[serde(default)]
    #[schemars(with = "Vec<SecurityGroupId>", length(max = GROUPS_PER_INTERFACE_CEILING - 1), extend("uniqueItems" = true))]
    #[schemars(extend("x-onEdit" = OnEdit::InPlace))]
    pub security_group_ids: Vec<String>,
    /// Instance metadata service. Default: tokens required, two hops.
    #[serde(default)]
    pub metadata_options: MetadataOptions,
    /// Disks, no two of one device. Default: those of the AMI.
    #[serde(default)]
    #[schemars(extend("x-onEdit" = OnEdit::ReplacesInstances))]
    pub block_devices: Vec<BlockDevice>,
    /// Whether each instance gets a public IPv4 address. Default: as the subnet says.
    #[serde(default)]
    #[schemars(extend("x-onEdit" = OnEdit::ReplacesInstances))]
    pub associate_public_ip: Option<bool>,
    /// Existing instances to take in (not supported yet).
    #[serde(default)]
    #[schemars(with = "Vec<InstanceId>")]
    #[schemars(extend("x-notSupportedYet" = "leave it out: new instances are launched beside the existing ones"))]
    pub adopt: Vec<String>,
}

/// Instance metadata service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MetadataOptions {
    /// Whether IMDSv2 tokens are required. Default `required`.
    #[schemars(extend("x-onEdit" = OnEdit::InPlace))]
    pub http_tokens: HttpTokens,
    /// How many hops a token's reply may travel, 1 to 64. Default 2, so that containers reach it.
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceMetadataOptionsRequest.html>
    #[schemars(range(min = 1, max = 64))]
    #[schemars(extend("x-onEdit" = OnEdit::InPlace))]
    pub hop_limit: u32,
}

/// Whether IMDSv2 tokens are required.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum HttpTokens {
    /// IMDSv2 only.
    Required,
    /// IMDSv1 too.
    Optional,
}

/// One disk of an instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("examples" = [{"sizeGiB": 30, "type": "gp3"}]))]
pub struct BlockDevice {
    /// Device name. Default: the AMI's root device.
    #[serde(default)]
    #[schemars(with = "Option<DeviceName>")]
    #[schemars(extend("x-onEdit" = OnEdit::ReplacesInstances))]
    pub device: Option<String>,
    /// Size in GiB: 1 to 65536, of `gp2` to 16384, of `st1` and `sc1` 125 to 16384, of `standard` to 1024. Default: the
    /// snapshot's. <https://docs.aws.amazon.com/ebs/latest/userguide/ebs-volume-types.html>
    #[serde(rename = "sizeGiB", default)]
    #[schemars(range(min = 1, max = 65_536))]
    #[schemars(extend("x-onEdit" = OnEdit::ReplacesInstances))]
    pub size_gib: Option<u32>,
    /// Volume type: `gp3`, `gp2`, `st1`, `sc1` or `standard`. An instance cannot boot from `st1` and `sc1`. `io1` and
    /// `io2` need provisioned IOPS, which have no field yet. Default: the AMI's.
    /// <https://docs.aws.amazon.com/ebs/latest/userguide/ebs-volume-types.html>
    #[serde(rename = "type", default)]
    #[schemars(extend("enum" = ["gp3", "gp2", "st1", "sc1", "standard", null]))]
    #[schemars(extend("x-onEdit" = OnEdit::ReplacesInstances))]
    pub volume_type: Option<String>,
    /// Whether it is encrypted. Default: as the AMI and the account say.
    #[serde(default)]
    #[schemars(extend("x-onEdit" = OnEdit::ReplacesInstances))]
    pub encrypted: Option<bool>,
    /// Whether it goes with its instance. Default `true`, and always sent.
    #[serde(default = "yes")]
    #[schemars(extend("x-onEdit" = OnEdit::ReplacesInstances))]
    pub delete_on_termination: bool,
}

fn yes() -> bool {
    true
}

impl Default for MetadataOptions {
    fn default() -> Self {
        Self { http_tokens: HttpTokens::Required, hop_limit: 2 }
    }
}
