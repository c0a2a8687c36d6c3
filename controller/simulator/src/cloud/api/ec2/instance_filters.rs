//! The filters of DescribeInstances, each a look at the instance as it is shown.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>. Every documented one is known: those of what
//! is not modelled (Spot, hosts, IPv6, Outposts) find nothing, and any other name is refused.

use super::instance_item::InstanceItem;
use super::network_interfaces;

/// Filters of what is not modelled, which no instance has, nor any of its interfaces.
const UNMODELLED: [&str; 32] = [
    "affinity",
    "boot-mode",
    "capacity-reservation-id",
    "capacity-reservation-specification.capacity-reservation-target.capacity-reservation-id",
    "capacity-reservation-specification.capacity-reservation-target.capacity-reservation-resource-group-arn",
    "current-instance-boot-mode",
    "host-id",
    "instance-lifecycle",
    "ipv6-address",
    "kernel-id",
    "network-interface.addresses.association.allocation-id",
    "network-interface.addresses.association.association-id",
    "network-interface.addresses.association.carrier-ip",
    "network-interface.addresses.association.customer-owned-ip",
    "network-interface.association.carrier-ip",
    "network-interface.association.customer-owned-ip",
    "network-interface.ipv4-prefixes.ipv4-prefix",
    "network-interface.ipv6-address",
    "network-interface.ipv6-addresses.is-primary-ipv6",
    "network-interface.ipv6-prefixes.ipv6-prefix",
    "network-interface.outpost-arn",
    "operator.principal",
    "outpost-arn",
    "placement-group-name",
    "placement-partition-number",
    "platform",
    "product-code",
    "product-code.type",
    "ramdisk-id",
    "requester-id",
    "spot-instance-request-id",
    "tpm-support",
];

/// What an instance has for that filter; `None`: there is no such filter.
pub(super) fn values(item: &InstanceItem, name: &str) -> Option<Vec<String>> {
    match of_interfaces(name) {
        Some(get) => Some(item.network_interface_set.iter().flat_map(get).collect()),
        None => filter(name).map(|get| get(item)),
    }
}

/// Whether there is such a filter.
pub(super) fn is_known(name: &str) -> bool {
    of_interfaces(name).is_some() || filter(name).is_some()
}

fn of_interfaces(name: &str) -> Option<network_interfaces::Values> {
    network_interfaces::filter(name.strip_prefix("network-interface.")?)
}

type Values = fn(&InstanceItem) -> Vec<String>;

fn filter(name: &str) -> Option<Values> {
    identity(name).or_else(|| machine(name)).or_else(|| options(name)).or_else(|| nothing(name))
}

fn nothing(name: &str) -> Option<Values> {
    UNMODELLED.contains(&name).then_some(|_| Vec::new())
}

fn one(value: impl ToString) -> Vec<String> {
    vec![value.to_string()]
}

fn maybe(value: Option<&String>) -> Vec<String> {
    value.cloned().into_iter().collect()
}

fn filled(text: &str) -> Vec<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty()).into_iter().collect()
}

/// Who and where it is, and in which state.
fn identity(name: &str) -> Option<Values> {
    Some(match name {
        "availability-zone" => |i| one(&i.placement.availability_zone),
        "availability-zone-id" => |i| one(&i.placement.availability_zone_id),
        "client-token" => |i| filled(&i.client_token),
        "dns-name" => |i| filled(&i.dns_name),
        "instance-id" => |i| one(&i.instance_id),
        "instance-state-code" => |i| one(i.instance_state.code),
        "instance-state-name" => |i| one(&i.instance_state.name),
        "instance.group-id" | "group-id" => |i| i.group_set.iter().map(|group| group.group_id.clone()).collect(),
        "instance.group-name" | "group-name" => |i| i.group_set.iter().map(|group| group.group_name.clone()).collect(),
        "ip-address" => |i| maybe(i.ip_address.as_ref()),
        "launch-index" => |i| one(i.ami_launch_index),
        "launch-time" => |i| one(&i.launch_time),
        "owner-id" => |i| one(&i.owner_id),
        "private-dns-name" => |i| filled(&i.private_dns_name),
        "private-ip-address" => |i| maybe(i.private_ip_address.as_ref()),
        "reason" => |i| filled(&i.reason),
        "reservation-id" => |i| one(&i.reservation_id),
        "state-reason-code" => |i| i.state_reason.iter().map(|reason| reason.code.clone()).collect(),
        "state-reason-message" => |i| i.state_reason.iter().map(|reason| reason.message.clone()).collect(),
        "subnet-id" => |i| maybe(i.subnet_id.as_ref()),
        "vpc-id" => |i| maybe(i.vpc_id.as_ref()),
        _ => return None,
    })
}

/// What it runs on.
fn machine(name: &str) -> Option<Values> {
    Some(match name {
        "architecture" => |i| one(i.architecture),
        "block-device-mapping.attach-time" => {
            |i| i.block_device_mapping.iter().map(|device| device.ebs.attach_time.clone()).collect()
        }
        "block-device-mapping.delete-on-termination" => {
            |i| i.block_device_mapping.iter().map(|device| device.ebs.delete_on_termination.to_string()).collect()
        }
        "block-device-mapping.device-name" => {
            |i| i.block_device_mapping.iter().map(|device| device.device_name.clone()).collect()
        }
        "block-device-mapping.status" => {
            |i| i.block_device_mapping.iter().map(|device| device.ebs.status.to_owned()).collect()
        }
        "block-device-mapping.volume-id" => {
            |i| i.block_device_mapping.iter().map(|device| device.ebs.volume_id.clone()).collect()
        }
        "hypervisor" => |i| one(i.hypervisor),
        "image-id" => |i| one(&i.image_id),
        "instance-type" => |i| one(&i.instance_type),
        "platform-details" => |i| one(i.platform_details),
        "root-device-name" => |i| maybe(i.root_device_name.as_ref()),
        "root-device-type" => |i| one(i.root_device_type),
        "tenancy" => |i| one(i.placement.tenancy),
        "usage-operation" => |i| one(i.usage_operation),
        "usage-operation-update-time" => |i| one(&i.usage_operation_update_time),
        "virtualization-type" => |i| one(i.virtualization_type),
        _ => return None,
    })
}

/// How it is set up.
fn options(name: &str) -> Option<Values> {
    Some(match name {
        "capacity-reservation-specification.capacity-reservation-preference" => {
            |i| one(i.capacity_reservation_specification.capacity_reservation_preference)
        }
        "ebs-optimized" => |i| one(i.ebs_optimized),
        "ena-support" => |i| one(i.ena_support),
        "enclave-options.enabled" => |i| one(i.enclave_options.enabled),
        "hibernation-options.configured" => |i| one(i.hibernation_options.configured),
        "iam-instance-profile.arn" => |i| i.iam_instance_profile.iter().map(|profile| profile.arn.clone()).collect(),
        "iam-instance-profile.id" => |i| i.iam_instance_profile.iter().map(|profile| profile.id.clone()).collect(),
        "key-name" => |i| maybe(i.key_name.as_ref()),
        "maintenance-options.auto-recovery" => |i| one(i.maintenance_options.auto_recovery),
        "metadata-options.http-endpoint" => |i| one(i.metadata_options.http_endpoint),
        // An endpoint that is enabled is there over IPv4, whether or not it is over IPv6.
        "metadata-options.http-protocol-ipv4" => |i| one(i.metadata_options.http_endpoint),
        "metadata-options.http-protocol-ipv6" => |i| one(i.metadata_options.http_protocol_ipv6),
        "metadata-options.http-put-response-hop-limit" => |i| one(i.metadata_options.http_put_response_hop_limit),
        "metadata-options.http-tokens" => |i| one(i.metadata_options.http_tokens),
        "metadata-options.instance-metadata-tags" => |i| one(i.metadata_options.instance_metadata_tags),
        "metadata-options.state" => |i| one(i.metadata_options.state),
        "monitoring-state" => |i| one(i.monitoring.state),
        "network-performance-options.bandwidth-weighting" => |i| one(i.network_performance_options.bandwidth_weighting),
        "operator.managed" => |i| one(i.operator.managed),
        "private-dns-name-options.enable-resource-name-dns-a-record" => {
            |i| i.private_dns_name_options.iter().map(|o| o.enable_resource_name_dns_a_record.to_string()).collect()
        }
        "private-dns-name-options.enable-resource-name-dns-aaaa-record" => {
            |i| i.private_dns_name_options.iter().map(|o| o.enable_resource_name_dns_aaaa_record.to_string()).collect()
        }
        "private-dns-name-options.hostname-type" => {
            |i| i.private_dns_name_options.iter().map(|o| o.hostname_type.to_owned()).collect()
        }
        "source-dest-check" => |i| i.source_dest_check.iter().map(ToString::to_string).collect(),
        _ => return None,
    })
}
