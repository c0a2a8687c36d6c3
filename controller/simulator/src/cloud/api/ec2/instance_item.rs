//! An instance as EC2 shows it, and the reservation that it belongs to.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Instance.html>. What AWS shows only of what is not modelled here
//! (Spot, Dedicated Hosts, IPv6, licences) is left out, as AWS does where there is none.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_api::ec2::InstanceState;
use aws_api::id::InstanceId;
use serde::Serialize;

use super::instance_ids::StateItem;
use super::instance_profile::{ProfileItem, profile_item};
use super::metadata_options::{MetadataItem, metadata_item};
use super::network_interfaces::{GroupItem, NetworkInterfaceItem, group_set, interface_item};
use crate::cloud::api::common::{TagItem, some_tags, time};
use crate::cloud::catalogue::{Architecture, architecture, zone_id};
use crate::cloud::instances::{InstanceRecord, VolumeRecord};
use crate::cloud::launch::vcpus;
use crate::cloud::world::World;

/// What one RunInstances made.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReservationItem {
    reservation_id: String,
    owner_id: String,
    group_set: Vec<GroupItem>,
    instances_set: Vec<InstanceItem>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InstanceItem {
    #[serde(skip)]
    pub reservation_id: String,
    #[serde(skip)]
    pub owner_id: String,
    pub instance_id: String,
    pub image_id: String,
    pub instance_state: StateItem,
    pub private_dns_name: String,
    pub dns_name: String,
    pub reason: String,
    pub key_name: Option<String>,
    pub ami_launch_index: u32,
    pub product_codes: Vec<String>,
    pub instance_type: String,
    pub launch_time: String,
    pub placement: PlacementItem,
    pub monitoring: MonitoringItem,
    pub subnet_id: Option<String>,
    pub vpc_id: Option<String>,
    pub private_ip_address: Option<String>,
    pub ip_address: Option<String>,
    pub source_dest_check: Option<bool>,
    pub group_set: Vec<GroupItem>,
    pub state_reason: Option<ReasonItem>,
    pub architecture: &'static str,
    pub root_device_type: &'static str,
    pub root_device_name: Option<String>,
    pub block_device_mapping: Vec<DeviceItem>,
    pub virtualization_type: &'static str,
    pub client_token: String,
    pub tag_set: Option<Vec<TagItem>>,
    pub hypervisor: &'static str,
    pub network_interface_set: Vec<NetworkInterfaceItem>,
    pub iam_instance_profile: Option<ProfileItem>,
    pub ebs_optimized: bool,
    pub ena_support: bool,
    pub cpu_options: CpuItem,
    pub capacity_reservation_specification: CapacityItem,
    pub hibernation_options: HibernationItem,
    pub metadata_options: MetadataItem,
    pub enclave_options: EnclaveItem,
    pub platform_details: &'static str,
    pub usage_operation: &'static str,
    pub usage_operation_update_time: String,
    pub private_dns_name_options: Option<DnsOptionsItem>,
    pub maintenance_options: MaintenanceItem,
    pub network_performance_options: BandwidthItem,
    pub operator: OperatorItem,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PlacementItem {
    pub availability_zone: String,
    pub availability_zone_id: String,
    group_name: &'static str,
    pub tenancy: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct MonitoringItem {
    pub state: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct ReasonItem {
    pub code: String,
    pub message: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeviceItem {
    pub device_name: String,
    pub ebs: EbsItem,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EbsItem {
    pub volume_id: String,
    pub status: &'static str,
    pub attach_time: String,
    pub delete_on_termination: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CpuItem {
    core_count: usize,
    threads_per_core: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CapacityItem {
    pub capacity_reservation_preference: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HibernationItem {
    pub configured: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EnclaveItem {
    pub enabled: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DnsOptionsItem {
    pub hostname_type: &'static str,
    pub enable_resource_name_dns_a_record: bool,
    #[serde(rename = "enableResourceNameDnsAAAARecord")]
    pub enable_resource_name_dns_aaaa_record: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MaintenanceItem {
    pub auto_recovery: &'static str,
    reboot_migration: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BandwidthItem {
    pub bandwidth_weighting: &'static str,
}

/// Whether a service of AWS manages it.
#[derive(Debug, Serialize)]
pub(super) struct OperatorItem {
    pub managed: bool,
}

/// New instances in their reservations, as what made them shows them: with their tags though there be none. Those of one
/// reservation must stand together.
/// <https://docs.aws.amazon.com/cli/latest/reference/ec2/run-instances.html#examples>
pub(super) fn reservations<'a>(
    world: &World,
    instances: impl Iterator<Item = &'a InstanceRecord>,
    at: Duration,
) -> Vec<ReservationItem> {
    let attached = Attached::of(world);
    let shown = instances.map(|instance| item(world, &attached, instance, at));
    gathered(shown.map(|item| InstanceItem { tag_set: Some(item.tag_set.unwrap_or_default()), ..item }))
}

/// As [`reservations`], of instances that are ready to be shown.
pub(super) fn gathered(items: impl Iterator<Item = InstanceItem>) -> Vec<ReservationItem> {
    let mut all: Vec<ReservationItem> = Vec::new();
    for mut item in items {
        let interfaces = std::mem::take(&mut item.network_interface_set);
        item.network_interface_set = interfaces.into_iter().map(NetworkInterfaceItem::within_instance).collect();
        match all.last_mut().filter(|last| last.reservation_id == item.reservation_id) {
            Some(last) => last.instances_set.push(item),
            None => all.push(ReservationItem {
                reservation_id: item.reservation_id.clone(),
                owner_id: item.owner_id.clone(),
                // Of EC2-Classic only.
                group_set: Vec::new(),
                instances_set: vec![item],
            }),
        }
    }
    all
}

/// The instance as it is at `at`.
pub(super) fn item(world: &World, attached: &Attached<'_>, instance: &InstanceRecord, at: Duration) -> InstanceItem {
    let state = instance.state(at);
    let settings = &instance.settings;
    let interface = world.interface_of(instance, at);
    let public_ip = interface.as_ref().and_then(|interface| interface.public_ip);
    InstanceItem {
        reservation_id: instance.origin.reservation.clone(),
        owner_id: world.config.account.clone(),
        instance_id: instance.id.to_string(),
        image_id: instance.image.to_string(),
        instance_state: state.into(),
        private_dns_name: interface.as_ref().map(|one| world.private_dns_name(one.private_ip)).unwrap_or_default(),
        dns_name: public_ip.map(|address| world.public_dns_name(address)).unwrap_or_default(),
        reason: transition(world, instance, at),
        key_name: instance.key_name.clone(),
        ami_launch_index: instance.origin.index,
        product_codes: Vec::new(),
        instance_type: instance.instance_type.clone(),
        launch_time: time(world, instance.launched_at),
        placement: PlacementItem {
            availability_zone: instance.zone.to_string(),
            availability_zone_id: zone_id(&world.config.region, &instance.zone.0),
            group_name: "",
            tenancy: "default",
        },
        monitoring: MonitoringItem { state: if settings.monitoring { "enabled" } else { "disabled" } },
        subnet_id: interface.as_ref().map(|_| instance.subnet.to_string()),
        vpc_id: interface.as_ref().map(|_| instance.vpc.to_string()),
        private_ip_address: interface.as_ref().map(|one| one.private_ip.to_string()),
        ip_address: public_ip.map(|address| address.to_string()),
        source_dest_check: interface.as_ref().map(|_| settings.source_dest_check),
        group_set: interface.as_ref().map(|one| group_set(world, one.groups)).unwrap_or_default(),
        state_reason: reason(instance, state),
        architecture: architecture_of(&instance.instance_type).word(),
        root_device_type: "ebs",
        root_device_name: instance.origin.root_device.clone(),
        // What is left of a terminated one has no volumes any more.
        block_device_mapping: if interface.is_some() { attached.to(world, &instance.id) } else { Vec::new() },
        virtualization_type: "hvm",
        client_token: instance.token.clone().unwrap_or_default(),
        tag_set: some_tags(&instance.tags),
        hypervisor: "xen",
        iam_instance_profile: instance.profile_shown(at).map(|name| profile_item(world, name)),
        ebs_optimized: settings.ebs_optimized,
        ena_support: true,
        cpu_options: cpus(&instance.instance_type),
        capacity_reservation_specification: CapacityItem { capacity_reservation_preference: "open" },
        hibernation_options: HibernationItem { configured: false },
        metadata_options: metadata_item(instance, "applied"),
        enclave_options: EnclaveItem { enabled: false },
        platform_details: "Linux/UNIX",
        usage_operation: "RunInstances",
        usage_operation_update_time: time(world, instance.origin.at),
        private_dns_name_options: interface.as_ref().map(|_| DnsOptionsItem {
            hostname_type: "ip-name",
            enable_resource_name_dns_a_record: false,
            enable_resource_name_dns_aaaa_record: false,
        }),
        maintenance_options: MaintenanceItem { auto_recovery: "default", reboot_migration: "default" },
        network_performance_options: BandwidthItem { bandwidth_weighting: "default" },
        operator: OperatorItem { managed: false },
        network_interface_set: interface.iter().map(|one| interface_item(world, one)).collect(),
    }
}

/// Why it is in its state, for an instance that neither runs nor is about to.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StateReason.html>
fn reason(instance: &InstanceRecord, state: InstanceState) -> Option<ReasonItem> {
    let code = match state {
        InstanceState::Pending => return Some(said("pending", "pending")),
        InstanceState::Running => return None,
        InstanceState::ShuttingDown | InstanceState::Terminated | InstanceState::Stopping | InstanceState::Stopped => {
            instance.reason?
        }
    };
    let words = match code {
        "Client.UserInitiatedShutdown" => "User initiated shutdown",
        "Server.InternalError" => "Internal error",
        other => other,
    };
    Some(said(code, &format!("{code}: {words}")))
}

fn said(code: &str, message: &str) -> ReasonItem {
    ReasonItem { code: code.to_owned(), message: message.to_owned() }
}

/// "User initiated (2026-11-26 09:19:02 GMT)", for who stopped or terminated it by a call.
fn transition(world: &World, instance: &InstanceRecord, at: Duration) -> String {
    let since = match instance.state(at) {
        InstanceState::Pending | InstanceState::Running => return String::new(),
        InstanceState::ShuttingDown | InstanceState::Stopping => instance.life.since(at),
        InstanceState::Stopped => instance.life.since(at).saturating_sub(world.config.timings.stopping),
        InstanceState::Terminated => instance.life.since(at).saturating_sub(world.config.timings.shutting_down),
    };
    match instance.reason {
        Some("Client.UserInitiatedShutdown") => {
            let when = time(world, since);
            format!("User initiated ({} {} GMT)", when.get(..10).unwrap_or(""), when.get(11..19).unwrap_or(""))
        }
        Some(other) => other.to_owned(),
        None => String::new(),
    }
}

/// The volumes that are attached to instances, by instance: they are gone through once for a call.
pub(super) struct Attached<'a>(BTreeMap<&'a InstanceId, Vec<(&'a String, &'a VolumeRecord)>>);

impl<'a> Attached<'a> {
    pub fn of(world: &'a World) -> Self {
        let mut by_instance: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (id, volume) in &world.volumes {
            if let Some(instance) = &volume.attached_to {
                by_instance.entry(instance).or_default().push((id, volume.as_ref()));
            }
        }
        Self(by_instance)
    }

    /// Those of that instance, as it shows them.
    pub fn to(&self, world: &World, instance: &InstanceId) -> Vec<DeviceItem> {
        let show = |(id, volume): &(&String, &VolumeRecord)| DeviceItem {
            device_name: volume.device.clone(),
            ebs: EbsItem {
                volume_id: (*id).clone(),
                status: "attached",
                attach_time: time(world, volume.created_at),
                delete_on_termination: volume.delete_on_termination,
            },
        };
        let mut devices: Vec<DeviceItem> = self.0.get(instance).into_iter().flatten().map(show).collect();
        devices.sort_by(|a, b| a.device_name.cmp(&b.device_name));
        devices
    }
}

/// One that nothing is known of counts as Intel's.
fn architecture_of(instance_type: &str) -> Architecture {
    architecture(instance_type).unwrap_or(Architecture::X86)
}

fn cpus(instance_type: &str) -> CpuItem {
    let vcpus = vcpus(instance_type);
    match architecture_of(instance_type) {
        Architecture::Arm => CpuItem { core_count: vcpus, threads_per_core: 1 },
        Architecture::X86 => CpuItem { core_count: vcpus.div_ceil(2), threads_per_core: 2 },
    }
}
