//! DescribeInstanceTypes and DescribeInstanceTypeOfferings.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypes.html>,
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypeOfferings.html>

use std::collections::{BTreeMap, BTreeSet};

use aws_api::Bucket as Called;
use serde::{Deserialize, Serialize};

use crate::cloud::api::common::{Filter, Filters, UNTAGGED, page_or_all};
use crate::cloud::api::{Bucket, Operation, Read, Sight};
use crate::cloud::catalogue::{InstanceType, instance_type, zone_id};
use crate::cloud::world::{Outcome, refuse};

/// Types that one DescribeInstanceTypes may name.
const NAMED_MAX: usize = 100;

/// Filters of what is told of no type, so that none has it.
const UNMODELLED: [&str; 27] = [
    "ebs-info.attachment-limit-type",
    "ebs-info.maximum-ebs-attachments",
    "ebs-info.ebs-optimized-info.baseline-bandwidth-in-mbps",
    "ebs-info.ebs-optimized-info.baseline-iops",
    "ebs-info.ebs-optimized-info.baseline-throughput-in-mbps",
    "ebs-info.ebs-optimized-info.maximum-bandwidth-in-mbps",
    "ebs-info.ebs-optimized-info.maximum-iops",
    "ebs-info.ebs-optimized-info.maximum-throughput-in-mbps",
    "hibernation-supported",
    "instance-storage-info.disk.count",
    "instance-storage-info.disk.size-in-gb",
    "instance-storage-info.disk.type",
    "instance-storage-info.encryption-support",
    "instance-storage-info.nvme-support",
    "instance-storage-info.total-size-in-gb",
    "network-info.bandwidth-weightings",
    "network-info.efa-info.maximum-efa-interfaces",
    "network-info.encryption-in-transit-supported",
    "network-info.flexible-ena-queues-support",
    "nitro-enclaves-support",
    "nitro-tpm-info.supported-versions",
    "nitro-tpm-support",
    "processor-info.supported-features",
    "reboot-migration-support",
    "supported-boot-mode",
    "vcpu-info.valid-cores",
    "vcpu-info.valid-threads-per-core",
];

/// DescribeInstanceTypes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeInstanceTypes {
    #[serde(default)]
    instance_type: Vec<String>,
    #[serde(default)]
    filter: Vec<Filter>,
    max_results: Option<u32>,
    next_token: Option<String>,
}

/// What DescribeInstanceTypes answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InstanceTypes {
    instance_type_set: Vec<TypeItem>,
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TypeItem {
    instance_type: String,
    current_generation: bool,
    free_tier_eligible: bool,
    supported_usage_classes: Vec<&'static str>,
    supported_root_device_types: Vec<&'static str>,
    supported_virtualization_types: Vec<&'static str>,
    bare_metal: bool,
    hypervisor: &'static str,
    processor_info: Processor,
    v_cpu_info: VirtualProcessors,
    memory_info: Memory,
    instance_storage_supported: bool,
    ebs_info: Ebs,
    network_info: Network,
    burstable_performance_supported: bool,
    dedicated_hosts_supported: bool,
    auto_recovery_supported: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Processor {
    supported_architectures: Vec<&'static str>,
    sustained_clock_speed_in_ghz: f64,
    manufacturer: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct VirtualProcessors {
    #[serde(rename = "defaultVCpus")]
    vcpus: u32,
    default_cores: u32,
    default_threads_per_core: u32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Memory {
    #[serde(rename = "sizeInMiB")]
    size: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Ebs {
    ebs_optimized_support: &'static str,
    encryption_support: &'static str,
    nvme_support: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Network {
    network_performance: &'static str,
    maximum_network_interfaces: u32,
    maximum_network_cards: u32,
    default_network_card_index: u32,
    ipv4_addresses_per_interface: u32,
    ipv6_addresses_per_interface: u32,
    ipv6_supported: bool,
    ena_support: &'static str,
    efa_supported: bool,
}

impl Operation for DescribeInstanceTypes {
    type Answer = InstanceTypes;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Ec2Describe)
    }
}

impl Read for DescribeInstanceTypes {
    fn answer(&self, Sight { world, .. }: &Sight<'_>) -> Outcome<InstanceTypes> {
        if self.instance_type.len() > NAMED_MAX {
            return refuse("InvalidParameterValue", format!("at most {NAMED_MAX} instance types may be named"));
        }
        let offered: BTreeSet<&String> =
            world.config.offerings.iter().filter(|(_, zones)| !zones.is_empty()).map(|(name, _)| name).collect();
        let unknown: Vec<&str> =
            self.instance_type.iter().filter(|name| !offered.contains(name)).map(String::as_str).collect();
        if !unknown.is_empty() {
            let message = format!("The following supplied instance types do not exist: [{}]", unknown.join(", "));
            return refuse("InvalidInstanceType", message);
        }
        let any = item("t3.micro", &instance_type("t3.micro"));
        let filters = Filters::of(&self.filter, false, |name| values(&any, name).is_some())?;
        let mut found = BTreeMap::new();
        for name in
            offered.into_iter().filter(|name| self.instance_type.is_empty() || self.instance_type.contains(name))
        {
            if let Some(item) = filters.shown(UNTAGGED, || item(name, &instance_type(name)), values) {
                found.insert(name.clone(), item);
            }
        }
        let (instance_type_set, next_token) = page_or_all(found, self.max_results, &self.next_token, (5, 100))?;
        Ok(InstanceTypes { instance_type_set, next_token })
    }
}

fn item(name: &str, figures: &InstanceType) -> TypeItem {
    TypeItem {
        instance_type: name.to_owned(),
        current_generation: true,
        free_tier_eligible: matches!(name, "t3.micro" | "t3.small" | "t4g.micro" | "t4g.small"),
        supported_usage_classes: vec!["on-demand", "spot"],
        supported_root_device_types: vec!["ebs"],
        supported_virtualization_types: vec!["hvm"],
        bare_metal: false,
        hypervisor: "nitro",
        processor_info: Processor {
            supported_architectures: vec![figures.architecture.word()],
            sustained_clock_speed_in_ghz: figures.clock_ghz,
            manufacturer: figures.manufacturer,
        },
        v_cpu_info: VirtualProcessors {
            vcpus: figures.vcpus,
            default_cores: figures.vcpus / figures.threads_per_core,
            default_threads_per_core: figures.threads_per_core,
        },
        memory_info: Memory { size: figures.memory_mib },
        instance_storage_supported: false,
        ebs_info: Ebs { ebs_optimized_support: "default", encryption_support: "supported", nvme_support: "required" },
        network_info: Network {
            network_performance: figures.network,
            maximum_network_interfaces: figures.interfaces,
            maximum_network_cards: 1,
            default_network_card_index: 0,
            ipv4_addresses_per_interface: figures.addresses,
            ipv6_addresses_per_interface: figures.addresses,
            ipv6_supported: true,
            ena_support: "required",
            efa_supported: false,
        },
        burstable_performance_supported: figures.burstable,
        dedicated_hosts_supported: !figures.burstable,
        auto_recovery_supported: true,
    }
}

fn values(item: &TypeItem, name: &str) -> Option<Vec<String>> {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    Some(match name {
        "supported-usage-class" => words(&item.supported_usage_classes),
        "supported-root-device-type" => words(&item.supported_root_device_types),
        "supported-virtualization-type" => words(&item.supported_virtualization_types),
        "processor-info.supported-architecture" => words(&item.processor_info.supported_architectures),
        _ => vec![match name {
            "instance-type" => item.instance_type.clone(),
            "current-generation" => item.current_generation.to_string(),
            "free-tier-eligible" => item.free_tier_eligible.to_string(),
            "bare-metal" => item.bare_metal.to_string(),
            "hypervisor" => item.hypervisor.to_owned(),
            "processor-info.sustained-clock-speed-in-ghz" => {
                item.processor_info.sustained_clock_speed_in_ghz.to_string()
            }
            "vcpu-info.default-vcpus" => item.v_cpu_info.vcpus.to_string(),
            "vcpu-info.default-cores" => item.v_cpu_info.default_cores.to_string(),
            "vcpu-info.default-threads-per-core" => item.v_cpu_info.default_threads_per_core.to_string(),
            "memory-info.size-in-mib" => item.memory_info.size.to_string(),
            "instance-storage-supported" => item.instance_storage_supported.to_string(),
            "ebs-info.ebs-optimized-support" => item.ebs_info.ebs_optimized_support.to_owned(),
            "ebs-info.encryption-support" => item.ebs_info.encryption_support.to_owned(),
            "ebs-info.nvme-support" => item.ebs_info.nvme_support.to_owned(),
            "network-info.network-performance" => item.network_info.network_performance.to_owned(),
            "network-info.maximum-network-interfaces" => item.network_info.maximum_network_interfaces.to_string(),
            "network-info.maximum-network-cards" => item.network_info.maximum_network_cards.to_string(),
            "network-info.ipv4-addresses-per-interface" => item.network_info.ipv4_addresses_per_interface.to_string(),
            "network-info.ipv6-addresses-per-interface" => item.network_info.ipv6_addresses_per_interface.to_string(),
            "network-info.ipv6-supported" => item.network_info.ipv6_supported.to_string(),
            "network-info.ena-support" => item.network_info.ena_support.to_owned(),
            "network-info.efa-supported" => item.network_info.efa_supported.to_string(),
            "burstable-performance-supported" => item.burstable_performance_supported.to_string(),
            "dedicated-hosts-supported" => item.dedicated_hosts_supported.to_string(),
            "auto-recovery-supported" => item.auto_recovery_supported.to_string(),
            _ if UNMODELLED.contains(&name) => return Some(Vec::new()),
            _ => return None,
        }],
    })
}

/// DescribeInstanceTypeOfferings.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeInstanceTypeOfferings {
    location_type: Option<LocationType>,
    #[serde(default)]
    filter: Vec<Filter>,
    max_results: Option<u32>,
    next_token: Option<String>,
}

/// What a location is. Outposts are not modelled.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum LocationType {
    Region,
    AvailabilityZone,
    AvailabilityZoneId,
}

/// What DescribeInstanceTypeOfferings answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Offerings {
    instance_type_offering_set: Vec<Offering>,
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Offering {
    instance_type: String,
    location_type: &'static str,
    location: String,
}

impl Operation for DescribeInstanceTypeOfferings {
    type Answer = Offerings;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Ec2Describe)
    }
}

impl Read for DescribeInstanceTypeOfferings {
    /// A type that is offered nowhere is no error.
    fn answer(&self, Sight { world, .. }: &Sight<'_>) -> Outcome<Offerings> {
        let filters = Filters::of(&self.filter, false, |name| matches!(name, "instance-type" | "location"))?;
        let region = &world.config.region;
        let kind = self.location_type.unwrap_or(LocationType::Region);
        let mut found = BTreeMap::new();
        for (name, zone) in
            world.config.offerings.iter().flat_map(|(name, zones)| zones.iter().map(move |zone| (name, zone)))
        {
            let (location_type, location) = match kind {
                LocationType::Region => ("region", region.clone()),
                LocationType::AvailabilityZone => ("availability-zone", zone.to_string()),
                LocationType::AvailabilityZoneId => ("availability-zone-id", zone_id(region, &zone.0)),
            };
            let values = |filter: &str| match filter {
                "instance-type" => Some(vec![name.clone()]),
                "location" => Some(vec![location.clone()]),
                _ => None,
            };
            if filters.match_values(UNTAGGED, values) {
                let key = format!("{name}/{location}");
                found.insert(key, Offering { instance_type: name.clone(), location_type, location });
            }
        }
        let (instance_type_offering_set, next_token) =
            page_or_all(found, self.max_results, &self.next_token, (5, 1000))?;
        Ok(Offerings { instance_type_offering_set, next_token })
    }
}
