//! Security groups and their rules, as EC2 takes and shows them.
//!
//! <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html>. AWS bundles rules in permissions, which are
//! taken apart and put together in [`permissions`].

mod change;
mod groups;
mod modify;
mod permissions;
mod rules;
mod stale;

use aws_api::id::SecurityGroupId;

pub use change::{
    AuthorizeSecurityGroupEgress, AuthorizeSecurityGroupIngress, RevokeSecurityGroupEgress, RevokeSecurityGroupIngress,
};
pub use groups::{CreateSecurityGroup, DeleteSecurityGroup, DescribeSecurityGroups};
pub use modify::{
    ModifySecurityGroupRules, UpdateSecurityGroupRuleDescriptionsEgress, UpdateSecurityGroupRuleDescriptionsIngress,
};
pub use rules::DescribeSecurityGroupRules;
pub use stale::DescribeStaleSecurityGroups;

use crate::cloud::api::World;
use crate::cloud::api::common::parse_id;
use crate::cloud::world::{Outcome, refuse};

/// The group of that id.
fn group_id(id: &str) -> Outcome<SecurityGroupId> {
    parse_id(id, SecurityGroupId::parse, "InvalidGroupId.Malformed")
}

/// The group that a call is about: by its id, or by its name in the default VPC.
fn which_group(world: &World, id: &Option<String>, name: &Option<String>) -> Outcome<SecurityGroupId> {
    match (id, name) {
        (Some(id), None) => group_id(id).and_then(|id| Ok(world.group(&id)?.id.clone())),
        (None, Some(name)) => world.group_named(name).map(|group| group.id.clone()),
        (None, None) => refuse("MissingParameter", "The request must contain the parameter groupName or groupId"),
        (Some(_), Some(_)) => {
            let message = "The parameter groupName cannot be used with the parameter groupId";
            refuse("InvalidParameterCombination", message)
        }
    }
}

/// Whether a description may be that of a rule.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpRange.html>
fn check_description(description: &Option<String>) -> Outcome<()> {
    if description.as_ref().is_none_or(|text| text.len() <= 255 && text.chars().all(is_allowed)) {
        return Ok(());
    }
    let message = "Invalid rule description. Valid descriptions are strings less than 256 characters from the following \
                   set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*";
    refuse("InvalidParameterValue", message)
}

/// Whether a character may be in a group's name or description, or a rule's.
fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c)
}
