//! What may hold a thing of ours, as AWS tells who asks. Only asked once AWS refused to delete that thing.

use std::collections::BTreeSet;

use super::{Listener, ListenerRule, SecurityGroup, Tags};
use crate::id::{InstanceId, NetworkInterfaceId, SecurityGroupId};
use crate::observed::Part;

/// A network interface.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_NetworkInterface.html>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkInterface {
    /// Its id.
    pub id: NetworkInterfaceId,
    /// What it is for, in its maker's words; AWS's services say there what it belongs to.
    pub description: String,
    /// Its security groups.
    pub groups: BTreeSet<SecurityGroupId>,
    /// The instance that it is attached to.
    pub instance: Option<InstanceId>,
    /// Whether a service of AWS made it and takes it away.
    pub requester_managed: bool,
    /// Its tags.
    pub tags: Tags,
}

/// What may hold a security group or a target group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// Security groups with rules that refer to the group.
    pub groups: Part<Vec<SecurityGroup>>,
    /// Interfaces that carry the group.
    pub interfaces: Part<Vec<NetworkInterface>>,
    /// Listeners of the load balancers that the target group is used by, each with its rules.
    pub listeners: Part<Vec<(Listener, Vec<ListenerRule>)>>,
}
