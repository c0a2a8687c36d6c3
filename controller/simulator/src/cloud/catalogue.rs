//! What AWS itself brings along: regions, images, instance types, prefix lists.
//!
//! Instance types: <https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-types.html>. A type's figures follow from
//! its family and its size, as AWS sizes them.

use super::derived::derived_id;

/// A region, as far as names go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// Its name.
    pub name: &'static str,
    /// What the ids of its zones begin with.
    /// <https://docs.aws.amazon.com/global-infrastructure/latest/regions/az-ids.html>
    pub zone_prefix: &'static str,
    /// The id of CloudFront's prefix list there.
    /// <https://aws.amazon.com/blogs/networking-and-content-delivery/limit-access-to-your-origins-using-the-aws-managed-prefix-list-for-amazon-cloudfront/>
    pub cloudfront: &'static str,
}

const fn region(name: &'static str, zone_prefix: &'static str, cloudfront: &'static str) -> Region {
    Region { name, zone_prefix, cloudfront }
}

/// The regions that are enabled for every account.
/// <https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html>
pub const REGIONS: [Region; 17] = [
    region("us-east-1", "use1", "pl-3b927c52"),
    region("us-east-2", "use2", "pl-b6a144df"),
    region("us-west-1", "usw1", "pl-4ea04527"),
    region("us-west-2", "usw2", "pl-82a045eb"),
    region("ca-central-1", "cac1", "pl-38a64351"),
    region("sa-east-1", "sae1", "pl-5da64334"),
    region("eu-west-1", "euw1", "pl-4fa04526"),
    region("eu-west-2", "euw2", "pl-93a247fa"),
    region("eu-west-3", "euw3", "pl-75b1541c"),
    region("eu-central-1", "euc1", "pl-a3a144ca"),
    region("eu-north-1", "eun1", "pl-fab65393"),
    region("ap-south-1", "aps1", "pl-9aa247f3"),
    region("ap-southeast-1", "apse1", "pl-31a34658"),
    region("ap-southeast-2", "apse2", "pl-b8a742d1"),
    region("ap-northeast-1", "apne1", "pl-58a04531"),
    region("ap-northeast-2", "apne2", "pl-22a6434b"),
    region("ap-northeast-3", "apne3", "pl-31a14458"),
];

/// The id of a zone of that region. Which zone has which id differs by account; here they go by the letter.
pub(crate) fn zone_id(region: &str, zone: &str) -> String {
    let known = REGIONS.iter().find(|known| known.name == region).map_or(region, |known| known.zone_prefix);
    let letter = zone.bytes().last().unwrap_or(b'a');
    format!("{known}-az{}", letter.saturating_sub(b'a') + 1)
}

/// A list of address ranges that AWS manages.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PrefixList {
    pub id: String,
    pub name: String,
    pub is_ipv6: bool,
    /// How many rules one that names it counts for.
    pub weight: usize,
}

/// What the prefix lists of a region are of, and their weights.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/working-with-aws-managed-prefix-lists.html#aws-managed-prefix-list-weights>
const REGIONAL_LISTS: [(&str, usize); 9] = [
    ("dynamodb", 1),
    ("ec2-instance-connect", 2),
    ("ipv6.ec2-instance-connect", 2),
    ("ipv6.route53-healthchecks", 25),
    ("ipv6.vpc-lattice", 10),
    ("route53-healthchecks", 25),
    ("s3", 1),
    ("s3express", 6),
    ("vpc-lattice", 10),
];

/// What CloudFront's lists weigh.
const CLOUDFRONT_WEIGHT: usize = 55;

/// Every prefix list that AWS manages in that region, sorted by id.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/working-with-aws-managed-prefix-lists.html>
pub(crate) fn prefix_lists(region: &str) -> Vec<PrefixList> {
    let list = |id: Option<&str>, name: String, weight: usize| PrefixList {
        id: id.map_or_else(|| derived_id("pl-", &name), str::to_owned),
        is_ipv6: name.contains(".ipv6."),
        name,
        weight,
    };
    let global = |of: &str| format!("com.amazonaws.global.{of}");
    let known = REGIONS.iter().find(|known| known.name == region).map(|known| known.cloudfront.to_owned());
    let cloudfront = known.unwrap_or_else(|| derived_id("pl-", region));
    let mut lists = vec![
        list(Some(&cloudfront), global("cloudfront.origin-facing"), CLOUDFRONT_WEIGHT),
        list(None, global("ipv6.cloudfront.origin-facing"), CLOUDFRONT_WEIGHT),
        list(None, global("groundstation"), 5),
    ];
    let regional = REGIONAL_LISTS.iter().map(|(of, weight)| (format!("com.amazonaws.{region}.{of}"), *weight));
    lists.extend(regional.map(|(name, weight)| list(None, name, weight)));
    lists.sort();
    lists
}

/// What a processor understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// Intel's and AMD's.
    X86,
    /// Graviton's.
    Arm,
}

impl Architecture {
    /// AWS's word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::X86 => "x86_64",
            Self::Arm => "arm64",
        }
    }
}

/// The architecture of an instance type, if its family says it. Those of the catalogue have their manufacturer's; of others the
/// name tells: letters, a number, and options, among which `g` is for Graviton.
/// <https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html>
pub(crate) fn architecture(instance_type: &str) -> Option<Architecture> {
    let family = instance_type.split('.').next().unwrap_or_default();
    let of = |is_arm: bool| if is_arm { Architecture::Arm } else { Architecture::X86 };
    if let Some((_, manufacturer, ..)) = FAMILIES.iter().find(|known| known.0 == family) {
        return Some(of(*manufacturer == "AWS"));
    }
    let numbered = family.trim_start_matches(|c: char| c.is_ascii_lowercase());
    let options = numbered.trim_start_matches(|c: char| c.is_ascii_digit());
    // Macs have architectures of their own.
    if options.len() == numbered.len() || family.starts_with("mac") {
        return None;
    }
    Some(of(family == "a1" || options.contains('g')))
}

/// When the public images were made, in seconds since 1970 and as EC2 writes it.
pub const STOCK_SINCE: u64 = 1_763_337_600;
pub(crate) const STOCK_DATE: &str = "2025-11-17T00:00:00.000Z";

/// A public image.
pub(crate) struct StockImage {
    pub id: &'static str,
    pub name: &'static str,
    pub description: &'static str,
    pub owner: &'static str,
    pub alias: Option<&'static str>,
    pub architecture: Architecture,
    pub root: &'static str,
}

/// The public parameters that name stock images, as Systems Manager keeps them.
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-public-parameters-ami.html>
const IMAGE_PARAMETERS: [(&str, usize); 5] = [
    ("/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64", 0),
    ("/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-6.1-x86_64", 0),
    ("/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id", 1),
    ("/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64", 2),
    ("/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-6.1-arm64", 2),
];

/// The stock image that a public parameter names.
pub fn image_parameter(name: &str) -> Option<&'static str> {
    let (_, place) = IMAGE_PARAMETERS.iter().find(|(known, _)| *known == name)?;
    STOCK_IMAGES.get(*place).map(|image| image.id)
}

/// The public parameters that name an image: none, if it is no stock image.
pub(crate) fn parameters_of(image: &str) -> Vec<String> {
    let names_it = |(name, _): &&(&str, usize)| image_parameter(name) == Some(image);
    IMAGE_PARAMETERS.iter().filter(names_it).map(|(name, _)| (*name).to_owned()).collect()
}

/// Public images, those for Intel's and AMD's processors first.
pub(crate) const STOCK_IMAGES: [StockImage; 3] = [
    StockImage {
        id: super::config::Builder::IMAGE,
        name: "al2023-ami-2023.9.20251117.1-kernel-6.1-x86_64",
        description: "Amazon Linux 2023 AMI 2023.9.20251117.1 x86_64 HVM kernel-6.1",
        owner: "137112412989",
        alias: Some("amazon"),
        architecture: Architecture::X86,
        root: "/dev/xvda",
    },
    StockImage {
        id: "ami-0fb1c36b7e0c5d2a9",
        name: "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20251022",
        description: "Canonical, Ubuntu, 24.04, amd64 noble image",
        owner: "099720109477",
        alias: None,
        architecture: Architecture::X86,
        root: "/dev/sda1",
    },
    StockImage {
        id: "ami-0fc8d40a65b1e7f32",
        name: "al2023-ami-2023.9.20251117.1-kernel-6.1-arm64",
        description: "Amazon Linux 2023 AMI 2023.9.20251117.1 arm64 HVM kernel-6.1",
        owner: "137112412989",
        alias: Some("amazon"),
        architecture: Architecture::Arm,
        root: "/dev/xvda",
    },
];

/// An instance type's figures.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct InstanceType {
    pub architecture: Architecture,
    pub manufacturer: &'static str,
    pub clock_ghz: f64,
    pub vcpus: u32,
    pub threads_per_core: u32,
    pub memory_mib: u64,
    pub burstable: bool,
    pub network: &'static str,
    pub interfaces: u32,
    pub addresses: u32,
}

/// A family: its name, whose processors, their clock, GiB for each vCPU (0: burstable), and its network.
type Family = (&'static str, &'static str, f64, u64, &'static str);

const FAMILIES: [Family; 12] = [
    ("t3", "Intel", 2.5, 0, "Up to 5 Gigabit"),
    ("t3a", "AMD", 2.2, 0, "Up to 5 Gigabit"),
    ("t4g", "AWS", 2.5, 0, "Up to 5 Gigabit"),
    ("m5", "Intel", 3.1, 4, "Up to 10 Gigabit"),
    ("c5", "Intel", 3.4, 2, "Up to 10 Gigabit"),
    ("r5", "Intel", 3.1, 8, "Up to 10 Gigabit"),
    ("m6i", "Intel", 3.5, 4, "Up to 12.5 Gigabit"),
    ("c6i", "Intel", 3.5, 2, "Up to 12.5 Gigabit"),
    ("r6i", "Intel", 3.5, 8, "Up to 12.5 Gigabit"),
    ("m6g", "AWS", 2.5, 4, "Up to 10 Gigabit"),
    ("c6g", "AWS", 2.5, 2, "Up to 10 Gigabit"),
    ("r6g", "AWS", 2.5, 8, "Up to 10 Gigabit"),
];

/// Sizes of burstable types: MiB, interfaces, addresses of each.
const BURSTABLE: [(&str, u64, u32, u32); 7] = [
    ("nano", 512, 2, 2),
    ("micro", 1024, 2, 2),
    ("small", 2048, 3, 4),
    ("medium", 4096, 3, 6),
    ("large", 8192, 3, 12),
    ("xlarge", 16_384, 4, 15),
    ("2xlarge", 32_768, 4, 15),
];

/// Sizes of the others: interfaces, addresses of each.
const STEADY: [(&str, u32, u32); 4] = [("large", 3, 10), ("xlarge", 4, 15), ("2xlarge", 4, 15), ("4xlarge", 8, 30)];

/// Every type that has figures here.
pub(crate) fn instance_types() -> Vec<String> {
    let sizes = |gib: u64| -> Vec<&str> {
        if gib == 0 {
            BURSTABLE.iter().map(|size| size.0).collect()
        } else {
            STEADY.iter().map(|size| size.0).collect()
        }
    };
    FAMILIES.iter().flat_map(|family| sizes(family.3).into_iter().map(|size| format!("{}.{size}", family.0))).collect()
}

/// The figures of a type. One of a family that is not known here counts as of `m5` or `m6g`, so that whatever is
/// offered has some.
pub(crate) fn instance_type(name: &str) -> InstanceType {
    let (family, size) = name.split_once('.').unwrap_or((name, "large"));
    let architecture = architecture(name).unwrap_or(Architecture::X86);
    let arm = architecture == Architecture::Arm;
    let other = if arm { &FAMILIES[9] } else { &FAMILIES[3] };
    let known = FAMILIES.iter().find(|known| known.0 == family).unwrap_or(other);
    let (_, manufacturer, clock_ghz, gib, network) = *known;
    let vcpus = u32::try_from(super::launch::vcpus(name)).unwrap_or(u32::MAX);
    let burst = BURSTABLE.iter().find(|known| known.0 == size).filter(|_| gib == 0);
    let steady = STEADY.iter().find(|known| known.0 == size).unwrap_or(&STEADY[3]);
    let gib_per_vcpu = if gib == 0 { 4 } else { gib };
    InstanceType {
        architecture,
        manufacturer,
        clock_ghz,
        vcpus,
        threads_per_core: if arm { 1 } else { 2 },
        memory_mib: burst.map_or(1024 * gib_per_vcpu * u64::from(vcpus), |size| size.1),
        burstable: gib == 0,
        network,
        interfaces: burst.map_or(steady.1, |size| size.2),
        addresses: burst.map_or(steady.2, |size| size.3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_has_the_figures_of_its_family_and_size() {
        let figures = |name: &str| {
            let it = instance_type(name);
            (it.vcpus, it.memory_mib, it.architecture.word(), it.interfaces, it.addresses)
        };
        assert_eq!(figures("t3.micro"), (2, 1024, "x86_64", 2, 2));
        assert_eq!(figures("t4g.xlarge"), (4, 16_384, "arm64", 4, 15));
        assert_eq!(figures("c6i.2xlarge"), (8, 16_384, "x86_64", 4, 15));
        assert_eq!(figures("r5.large"), (2, 16_384, "x86_64", 3, 10));
        assert_eq!(figures("m7g.large"), (2, 8192, "arm64", 3, 10));
        assert_eq!(figures("m7i.large"), (2, 8192, "x86_64", 3, 10));
    }

    #[test]
    fn the_name_of_a_type_tells_its_architecture_or_nothing_does() {
        let of = |name: &str| architecture(name).map(Architecture::word);
        for arm in ["t4g.small", "m6g.large", "c7gn.large", "a1.medium", "im4gn.large", "g5g.xlarge"] {
            assert_eq!(of(arm), Some("arm64"), "{arm}");
        }
        for intel in ["t3.small", "m5.large", "g5.xlarge", "m7i-flex.large", "m1.small"] {
            assert_eq!(of(intel), Some("x86_64"), "{intel}");
        }
        assert_eq!(of("mac2.metal"), None);
        assert_eq!(of("nonsense"), None);
    }

    #[test]
    fn stock_images_for_intel_come_before_those_for_arm_whatever_they_are_sorted_by() {
        let by_id = STOCK_IMAGES.map(|image| image.id);
        assert!(by_id.is_sorted());
        assert_eq!(STOCK_IMAGES.map(|image| image.architecture.word()), ["x86_64", "x86_64", "arm64"]);
    }

    #[test]
    fn a_zone_has_an_id_by_its_letter() {
        assert_eq!(zone_id("us-east-2", "us-east-2c"), "use2-az3");
    }
}
