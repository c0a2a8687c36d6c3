//! EC2's operations, by what they are about.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Operations.html>

mod account_attributes;
mod block_devices;
mod console_output;
mod create_image;
mod credit_specifications;
mod describe_instance_attribute;
mod describe_instances;
mod images;
mod instance_filters;
mod instance_ids;
mod instance_item;
mod instance_profile;
mod instance_states;
mod instance_status;
mod instance_types;
mod key_pairs;
mod metadata_options;
mod modify_instance_attribute;
mod network_interfaces;
mod prefix_lists;
mod profile_associations;
mod route_tables;
mod run_instances;
mod security_groups;
mod snapshots;
mod subnets;
mod tags;
mod volumes;
mod vpcs;
mod zones;

pub use account_attributes::DescribeAccountAttributes;
pub use console_output::GetConsoleOutput;
pub use create_image::{CreateImage, DeregisterImage};
pub use credit_specifications::DescribeInstanceCreditSpecifications;
pub use describe_instance_attribute::DescribeInstanceAttribute;
pub use describe_instances::DescribeInstances;
pub use images::DescribeImages;
pub use instance_states::{RebootInstances, StartInstances, StopInstances, TerminateInstances};
pub use instance_status::DescribeInstanceStatus;
pub use instance_types::{DescribeInstanceTypeOfferings, DescribeInstanceTypes};
pub use key_pairs::DescribeKeyPairs;
pub use metadata_options::ModifyInstanceMetadataOptions;
pub use modify_instance_attribute::ModifyInstanceAttribute;
pub use network_interfaces::DescribeNetworkInterfaces;
pub use prefix_lists::DescribeManagedPrefixLists;
pub use profile_associations::{
    AssociateIamInstanceProfile, DescribeIamInstanceProfileAssociations, DisassociateIamInstanceProfile,
    ReplaceIamInstanceProfileAssociation,
};
pub use route_tables::DescribeRouteTables;
pub use run_instances::RunInstances;
pub use security_groups::{
    AuthorizeSecurityGroupEgress, AuthorizeSecurityGroupIngress, CreateSecurityGroup, DeleteSecurityGroup,
    DescribeSecurityGroupRules, DescribeSecurityGroups, DescribeStaleSecurityGroups, ModifySecurityGroupRules,
    RevokeSecurityGroupEgress, RevokeSecurityGroupIngress, UpdateSecurityGroupRuleDescriptionsEgress,
    UpdateSecurityGroupRuleDescriptionsIngress,
};
pub use snapshots::{CreateSnapshot, DeleteSnapshot, DescribeSnapshots};
pub use subnets::DescribeSubnets;
pub use tags::{CreateTags, DeleteTags, DescribeTags};
pub use volumes::DescribeVolumes;
pub use vpcs::{DescribeVpcAttribute, DescribeVpcs};
pub use zones::{DescribeAvailabilityZones, DescribeRegions};
