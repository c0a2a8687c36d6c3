//! Amazon EC2, a file a kind.

mod image;
mod instance;
mod network;
mod security_group;
mod tags;
mod volume;

pub use self::image::{Image, ImageRead};
pub use self::instance::{
    BlockDeviceRequest, Instance, InstanceRead, InstanceState, InstanceWrite, MetadataRequest, ProfileAssociation,
    ProfileChange, RunInstances, StatusChecks, UserData,
};
pub use self::network::{NetworkInterface, NetworkRead, Subnet};
pub use self::security_group::{
    ChangeRules, CreateSecurityGroup, Direction, Peer, Rule, SecurityGroup, SecurityGroupRead, SecurityGroupWrite,
};
pub use self::tags::{Ec2TagsWrite, Taggable};
pub use self::volume::{Volume, VolumeRead};
