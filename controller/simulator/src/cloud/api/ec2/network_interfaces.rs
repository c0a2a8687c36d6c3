//! DescribeNetworkInterfaces, and an interface wherever one is shown.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeNetworkInterfaces.html>

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use aws_api::Bucket as Called;
use aws_api::id::SecurityGroupId;
use serde::{Deserialize, Serialize};

use crate::cloud::api::common::{Filter, Filters, TagItem, check_ids_or_page, page_or_all, tag_set, time};
use crate::cloud::api::{Bucket, Operation, Read, Sight};
use crate::cloud::catalogue::zone_id;
use crate::cloud::interfaces::{Holder, Interface};
use crate::cloud::world::{Outcome, World, refuse};

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeNetworkInterfaces {
    #[serde(default)]
    network_interface_id: Vec<String>,
    #[serde(default)]
    filter: Vec<Filter>,
    max_results: Option<u32>,
    next_token: Option<String>,
}

/// What it answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkInterfaces {
    network_interface_set: Vec<NetworkInterfaceItem>,
    next_token: Option<String>,
}

/// A security group that something has.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupItem {
    pub group_id: String,
    pub group_name: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NetworkInterfaceItem {
    network_interface_id: String,
    subnet_id: String,
    vpc_id: String,
    availability_zone: Option<String>,
    availability_zone_id: Option<String>,
    description: String,
    owner_id: String,
    requester_id: Option<&'static str>,
    requester_managed: Option<bool>,
    status: &'static str,
    mac_address: String,
    private_ip_address: String,
    private_dns_name: String,
    source_dest_check: bool,
    group_set: Vec<GroupItem>,
    attachment: AttachmentItem,
    association: Option<AssociationItem>,
    tag_set: Option<Vec<TagItem>>,
    ipv6_addresses_set: Vec<String>,
    private_ip_addresses_set: Vec<AddressItem>,
    interface_type: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AttachmentItem {
    attachment_id: String,
    instance_id: Option<String>,
    instance_owner_id: Option<String>,
    device_index: u32,
    network_card_index: u32,
    status: &'static str,
    attach_time: String,
    delete_on_termination: bool,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct AssociationItem {
    public_ip: String,
    public_dns_name: String,
    ip_owner_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AddressItem {
    private_ip_address: String,
    private_dns_name: String,
    primary: bool,
    association: Option<AssociationItem>,
}

impl NetworkInterfaceItem {
    /// As DescribeInstances shows it, which has fewer members.
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceNetworkInterface.html>
    pub fn within_instance(mut self) -> Self {
        self.attachment.instance_id = None;
        self.attachment.instance_owner_id = None;
        Self { availability_zone: None, availability_zone_id: None, requester_managed: None, tag_set: None, ..self }
    }
}

/// Groups, as an answer shows them.
pub(super) fn group_set(world: &World, groups: &BTreeSet<SecurityGroupId>) -> Vec<GroupItem> {
    let shown = |id: &SecurityGroupId| GroupItem { group_id: id.to_string(), group_name: world.group_name(id) };
    groups.iter().map(shown).collect()
}

/// An interface, as an answer shows it.
pub(super) fn interface_item(world: &World, interface: &Interface<'_>) -> NetworkInterfaceItem {
    let account = &world.config.account;
    let (instance, of_service) = match interface.holder {
        Holder::Instance(instance) => (Some(instance), None),
        Holder::Balancer => (None, Some("amazon-elb")),
    };
    let association = interface.public_ip.map(|address| association(world, address));
    let private_dns_name = world.private_dns_name(interface.private_ip);
    let subnet = &interface.subnet.subnet;
    NetworkInterfaceItem {
        network_interface_id: interface.id.clone(),
        subnet_id: subnet.id.to_string(),
        vpc_id: subnet.vpc.to_string(),
        availability_zone: Some(subnet.zone.to_string()),
        availability_zone_id: Some(zone_id(&world.config.region, &subnet.zone.0)),
        description: interface.description.clone(),
        owner_id: account.clone(),
        requester_id: of_service,
        requester_managed: Some(of_service.is_some()),
        status: "in-use",
        mac_address: interface.mac(),
        private_ip_address: interface.private_ip.to_string(),
        private_dns_name: private_dns_name.clone(),
        source_dest_check: instance.is_none_or(|instance| instance.settings.source_dest_check),
        group_set: group_set(world, interface.groups),
        attachment: AttachmentItem {
            attachment_id: interface.attachment.clone(),
            instance_id: instance.map(|instance| instance.id.to_string()),
            instance_owner_id: Some(of_service.map_or_else(|| account.clone(), str::to_owned)),
            device_index: u32::from(instance.is_none()),
            network_card_index: 0,
            status: "attached",
            attach_time: time(world, interface.attached_at),
            delete_on_termination: instance.is_some(),
        },
        association: association.clone(),
        tag_set: Some(tag_set(&interface.tags)),
        ipv6_addresses_set: Vec::new(),
        private_ip_addresses_set: vec![AddressItem {
            private_ip_address: interface.private_ip.to_string(),
            private_dns_name,
            primary: true,
            association,
        }],
        interface_type: "interface",
    }
}

fn association(world: &World, address: Ipv4Addr) -> AssociationItem {
    AssociationItem {
        public_ip: address.to_string(),
        public_dns_name: world.public_dns_name(address),
        ip_owner_id: "amazon".to_owned(),
    }
}

/// Filters of what is not modelled, which no interface has: an address of the account's own, IPv6, a service that manages it.
const UNMODELLED: [&str; 4] =
    ["association.allocation-id", "association.association-id", "ipv6-addresses.ipv6-address", "operator.principal"];

/// What an interface has for a filter.
pub(super) type Values = fn(&NetworkInterfaceItem) -> Vec<String>;

fn one(value: impl ToString) -> Vec<String> {
    vec![value.to_string()]
}

/// What an interface has for that filter; DescribeInstances has the same ones behind `network-interface.`, and a few of its own:
/// that it knows those here too harms nobody.
pub(super) fn filter(name: &str) -> Option<Values> {
    Some(match name {
        "addresses.association.public-ip" | "association.public-ip" => {
            |i| i.association.iter().map(|association| association.public_ip.clone()).collect()
        }
        "addresses.association.owner-id" | "addresses.association.ip-owner-id" | "association.ip-owner-id" => {
            |i| i.association.iter().map(|association| association.ip_owner_id.clone()).collect()
        }
        "addresses.association.public-dns-name" | "association.public-dns-name" | "public-dns-name" => {
            |i| i.association.iter().map(|association| association.public_dns_name.clone()).collect()
        }
        "addresses.primary" => {
            |i| i.private_ip_addresses_set.iter().map(|address| address.primary.to_string()).collect()
        }
        "addresses.private-ip-address" | "private-ip-address" => |i| one(&i.private_ip_address),
        "addresses.private-dns-name" | "private-dns-name" => |i| one(&i.private_dns_name),
        "attachment.attach-time" => |i| one(&i.attachment.attach_time),
        "attachment.attachment-id" => |i| one(&i.attachment.attachment_id),
        "attachment.delete-on-termination" => |i| one(i.attachment.delete_on_termination),
        "attachment.device-index" => |i| one(i.attachment.device_index),
        "attachment.instance-id" => |i| i.attachment.instance_id.iter().cloned().collect(),
        "attachment.instance-owner-id" => |i| i.attachment.instance_owner_id.iter().cloned().collect(),
        "attachment.network-card-index" => |i| one(i.attachment.network_card_index),
        "attachment.status" => |i| one(i.attachment.status),
        "availability-zone" => |i| i.availability_zone.iter().cloned().collect(),
        "availability-zone-id" => |i| i.availability_zone_id.iter().cloned().collect(),
        // No service manages one as its own, and IPv4 is all that one has.
        "deny-all-igw-traffic" | "ipv6-native" | "operator.managed" => |_| one(false),
        "description" => |i| one(&i.description),
        "group-id" => |i| i.group_set.iter().map(|group| group.group_id.clone()).collect(),
        "group-name" => |i| i.group_set.iter().map(|group| group.group_name.clone()).collect(),
        "interface-type" => |i| one(i.interface_type),
        "mac-address" => |i| one(&i.mac_address),
        "network-interface-id" => |i| one(&i.network_interface_id),
        "owner-id" => |i| one(&i.owner_id),
        "requester-id" => |i| i.requester_id.iter().map(ToString::to_string).collect(),
        "requester-managed" => |i| i.requester_managed.iter().map(ToString::to_string).collect(),
        "source-dest-check" => |i| one(i.source_dest_check),
        "status" => |i| one(i.status),
        "subnet-id" => |i| one(&i.subnet_id),
        "tag-key" => |i| i.tag_set.iter().flatten().map(|tag| tag.key.clone()).collect(),
        "tag-value" => |i| i.tag_set.iter().flatten().map(|tag| tag.value.clone()).collect(),
        "vpc-id" => |i| one(&i.vpc_id),
        _ if UNMODELLED.contains(&name) => |_| Vec::new(),
        _ => return None,
    })
}

impl Operation for DescribeNetworkInterfaces {
    type Answer = NetworkInterfaces;

    fn bucket(&self) -> Bucket {
        let filtered = !self.filter.is_empty() || self.max_results.is_some();
        if filtered { Bucket::Called(Called::Ec2Describe) } else { Bucket::Ec2Unfiltered }
    }
}

impl Read for DescribeNetworkInterfaces {
    fn answer(&self, Sight { world, at }: &Sight<'_>) -> Outcome<NetworkInterfaces> {
        check_ids_or_page(&self.network_interface_id, self.max_results, "networkInterfaceIds")?;
        let filters = Filters::of(&self.filter, true, |name| filter(name).is_some())?;
        if let Some(wrong) = self.network_interface_id.iter().find(|id| !is_id(id)) {
            let message = format!("Invalid id: \"{wrong}\" (expecting \"eni-...\")");
            return refuse("InvalidNetworkInterfaceId.Malformed", message);
        }
        let all = world.network_interfaces(*at);
        if let Some(missing) = self.network_interface_id.iter().find(|id| !all.iter().any(|one| one.id == **id)) {
            let message = format!("The networkInterface ID '{missing}' does not exist");
            return refuse("InvalidNetworkInterfaceID.NotFound", message);
        }
        let asked = |id: &String| self.network_interface_id.is_empty() || self.network_interface_id.contains(id);
        let mut found = BTreeMap::new();
        for interface in all.iter().filter(|interface| asked(&interface.id)) {
            if let Some(item) = filters.shown(&interface.tags, || interface_item(world, interface), values) {
                found.insert(interface.id.clone(), item);
            }
        }
        let (network_interface_set, next_token) = page_or_all(found, self.max_results, &self.next_token, (5, 1000))?;
        Ok(NetworkInterfaces { network_interface_set, next_token })
    }
}

fn values(item: &NetworkInterfaceItem, name: &str) -> Option<Vec<String>> {
    filter(name).map(|get| get(item))
}

fn is_id(text: &str) -> bool {
    let is_hex = |rest: &str| matches!(rest.len(), 8 | 17) && rest.chars().all(|c| c.is_ascii_hexdigit());
    text.strip_prefix("eni-").is_some_and(is_hex)
}
