//! RunInstances.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html>. What an instance is launched into is made out
//! here; what is checked and made is in [`crate::cloud::launch`], which is the product's as well.

use std::collections::BTreeSet;

use aws_api::id::{AmiId, SecurityGroupId, SubnetId, VpcId, Zone};
use aws_api::{Bucket as Called, Ref};
use crds_schema::spec::HttpTokens;
use serde::Deserialize;

use super::block_devices::{BlockDevice, disks};
use super::instance_item::{ReservationItem, reservations};
use super::instance_profile::ProfileName;
use super::metadata_options::{MetadataChange, check_tag_keys};
use crate::cloud::api::common::{TagSpecification, filled, parse_id, tags_for};
use crate::cloud::api::{Bucket, Operation, Write};
use crate::cloud::catalogue::{Architecture, architecture};
use crate::cloud::config::SubnetRecord;
use crate::cloud::launch::{Asked, Launch, decoded};
use crate::cloud::settings::{Credits, OnShutdown, Settings};
use crate::cloud::tags::{Service, check_tags};
use crate::cloud::world::{Outcome, World, refuse};

/// What its tags can be for.
const TAGGABLE: [&str; 3] = ["instance", "volume", "network-interface"];

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RunInstances {
    min_count: u32,
    max_count: u32,
    image_id: String,
    #[serde(default, deserialize_with = "filled")]
    instance_type: Option<String>,
    #[serde(default, deserialize_with = "filled")]
    subnet_id: Option<String>,
    placement: Option<Placement>,
    #[serde(default)]
    security_group_id: Vec<String>,
    #[serde(default)]
    security_group: Vec<String>,
    #[serde(default)]
    network_interface: Vec<NetworkInterface>,
    #[serde(default, deserialize_with = "filled")]
    key_name: Option<String>,
    iam_instance_profile: Option<ProfileName>,
    #[serde(default, deserialize_with = "filled")]
    user_data: Option<String>,
    metadata_options: Option<MetadataChange>,
    #[serde(default)]
    block_device_mapping: Vec<BlockDevice>,
    #[serde(default)]
    tag_specification: Vec<TagSpecification>,
    #[serde(default, deserialize_with = "filled")]
    client_token: Option<String>,
    disable_api_termination: Option<bool>,
    disable_api_stop: Option<bool>,
    ebs_optimized: Option<bool>,
    monitoring: Option<Monitoring>,
    credit_specification: Option<CreditSpecification>,
    #[serde(default, deserialize_with = "filled")]
    instance_initiated_shutdown_behavior: Option<String>,
    hibernation_options: Option<HibernationOptions>,
    enclave_options: Option<EnclaveOptions>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Placement {
    #[serde(default, deserialize_with = "filled")]
    availability_zone: Option<String>,
    #[serde(default, deserialize_with = "filled")]
    group_name: Option<String>,
    #[serde(default, deserialize_with = "filled")]
    tenancy: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NetworkInterface {
    device_index: Option<u32>,
    #[serde(default, deserialize_with = "filled")]
    subnet_id: Option<String>,
    #[serde(default)]
    security_group_id: Vec<String>,
    associate_public_ip_address: Option<bool>,
    delete_on_termination: Option<bool>,
    #[serde(default, deserialize_with = "filled")]
    description: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Monitoring {
    enabled: bool,
}

/// Terraform says in every launch that it wants none.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HibernationOptions {
    configured: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EnclaveOptions {
    enabled: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreditSpecification {
    cpu_credits: String,
}

impl Operation for RunInstances {
    type Answer = ReservationItem;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Ec2Run)
    }

    fn resources(&self) -> Option<(Bucket, u32)> {
        Some((Bucket::Ec2Launched, self.max_count))
    }
}

impl Write for RunInstances {
    fn apply(&self, world: &mut World) -> Outcome<ReservationItem> {
        self.check_combinations()?;
        let subnet = self.subnet(world)?.subnet.clone();
        // With neither subnet nor zone a token is one of the whole region.
        let zonal = self.own_subnet().is_some() || self.zone().is_some();
        let scope = if zonal { subnet.zone.clone() } else { Zone(world.config.region.clone()) };
        let token = self.client_token.clone().map(|token| (token, scope));
        let asked = Asked::Wire(Box::new(self.clone()));
        let before = token.as_ref().map_or(Ok(None), |token| world.replay(token, &asked))?;
        let made = match before {
            Some(made) => made,
            None => {
                let launch = self.launch(world, subnet.id, &subnet.vpc)?;
                let made = world.launch(&launch, self.min_count, self.max_count)?;
                if let Some(token) = token {
                    world.remember(token, asked, made.clone());
                }
                made
            }
        };
        let records = made.iter().map(|id| world.instance(id, world.at)).collect::<Outcome<Vec<_>>>()?;
        let made = reservations(world, records.into_iter().map(std::rc::Rc::as_ref), world.at);
        made.into_iter().next().map_or_else(|| refuse("InternalError", "A launch made nothing"), Ok)
    }

    fn names(&self) -> Vec<&str> {
        let of_interfaces = self.network_interface.iter().flat_map(|interface| &interface.security_group_id);
        self.security_group_id.iter().chain(of_interfaces).map(String::as_str).collect()
    }
}

impl RunInstances {
    /// What cannot be asked for, whatever there is.
    fn check_combinations(&self) -> Outcome<()> {
        let (least, most) = (self.min_count, self.max_count);
        if least == 0 || most == 0 {
            return refuse("InvalidParameterValue", "MinCount and MaxCount must be greater than 0");
        }
        if least > most {
            let message = format!("MinCount ({least}) may not exceed MaxCount ({most})");
            return refuse("InvalidParameterCombination", message);
        }
        if let Some(token) = self.client_token.as_ref().filter(|token| token.len() > 64 || !token.is_ascii()) {
            let message = format!("Invalid value '{token}' for ClientToken. It has at most 64 ASCII characters.");
            return refuse("InvalidParameterValue", message);
        }
        self.check_interfaces()?;
        self.check_options()?;
        if !self.security_group.is_empty() && self.subnet_id.is_some() {
            let message = "The parameter groupName cannot be used with the parameter subnet";
            return refuse("InvalidParameterCombination", message);
        }
        let Some(placement) = &self.placement else { return Ok(()) };
        if let Some(group) = &placement.group_name {
            return refuse("InvalidParameterValue", format!("The placement group '{group}' is not modelled"));
        }
        match placement.tenancy.as_deref() {
            Some("default") | None => Ok(()),
            Some(other) => refuse("InvalidParameterValue", format!("The tenancy '{other}' is not modelled")),
        }
    }

    fn check_interfaces(&self) -> Outcome<()> {
        let Some(interface) = self.network_interface.first() else { return Ok(()) };
        if self.subnet_id.is_some() {
            let message = "Network interfaces and an instance-level subnet ID may not be specified on the same request";
            return refuse("InvalidParameterCombination", message);
        }
        if !self.security_group_id.is_empty() || !self.security_group.is_empty() {
            let message =
                "Network interfaces and instance-level security groups may not be specified on the same request";
            return refuse("InvalidParameterCombination", message);
        }
        if self.network_interface.len() > 1 || interface.device_index != Some(0) {
            return refuse("InvalidParameterValue", "Only one network interface, of device index 0, is modelled");
        }
        if interface.delete_on_termination == Some(false) {
            return refuse("InvalidParameterValue", "A network interface that outlives its instance is not modelled");
        }
        Ok(())
    }

    /// What may be said, but only that it is not wanted.
    fn check_options(&self) -> Outcome<()> {
        if self.hibernation_options.as_ref().is_some_and(|options| options.configured == Some(true)) {
            return refuse("InvalidParameterValue", "An instance that can hibernate is not modelled");
        }
        if self.enclave_options.as_ref().is_some_and(|options| options.enabled == Some(true)) {
            return refuse("InvalidParameterValue", "An instance with enclaves is not modelled");
        }
        Ok(())
    }

    fn own_subnet(&self) -> Option<&String> {
        let of_interface = self.network_interface.first().and_then(|interface| interface.subnet_id.as_ref());
        self.subnet_id.as_ref().or(of_interface)
    }

    fn zone(&self) -> Option<&String> {
        self.placement.as_ref().and_then(|placement| placement.availability_zone.as_ref())
    }

    fn instance_type(&self) -> &str {
        self.instance_type.as_deref().unwrap_or("m1.small")
    }

    /// The subnet that is named, else a default subnet: that of the named zone, else of the first that has room.
    fn subnet<'a>(&self, world: &'a World) -> Outcome<&'a SubnetRecord> {
        if let Some(text) = self.own_subnet() {
            let id = parse_id(text, SubnetId::parse, "InvalidSubnetID.Malformed")?;
            let named = world.subnet(&id)?;
            return match self.zone().filter(|zone| **zone != named.subnet.zone.0) {
                Some(zone) => {
                    let message = format!("The availability zone '{zone}' does not match the subnet '{id}'");
                    refuse("InvalidParameterCombination", message)
                }
                None => Ok(named),
            };
        }
        if let Some(zone) = self.zone().filter(|zone| !world.config.subnets.values().any(|s| s.subnet.zone.0 == **zone))
        {
            return refuse("InvalidParameterValue", format!("Invalid availability zone: [{zone}]"));
        }
        let fits = |subnet: &&SubnetRecord| self.zone().is_none_or(|zone| subnet.subnet.zone.0 == *zone);
        let defaults = world.config.subnets.values().filter(|subnet| subnet.subnet.default_for_az);
        let mut defaults: Vec<&SubnetRecord> = defaults.filter(fits).collect();
        defaults.sort_by_key(|subnet| (&subnet.subnet.zone, &subnet.subnet.id));
        let has_room = |subnet: &&&SubnetRecord| world.check_room(&subnet.subnet.zone, self.instance_type()).is_ok();
        let first = defaults.iter().find(has_room).or(defaults.first()).copied();
        first.map_or_else(
            || refuse("MissingInput", "No subnets found for the default VPC. Please specify a subnet."),
            Ok,
        )
    }

    fn launch(&self, world: &World, subnet: SubnetId, vpc: &VpcId) -> Outcome<Launch> {
        let interface = self.network_interface.first();
        let metadata = self.metadata_options.clone().unwrap_or_default();
        let (http_tokens, hop_limit, metadata) =
            metadata.over(HttpTokens::Optional, 1, Settings::default().metadata)?;
        let tags = |kind| tags_for(&self.tag_specification, kind, &TAGGABLE);
        let (tags, interface_tags) = (tags("instance")?, tags("network-interface")?);
        check_tags(Service::Ec2, &interface_tags, world.config.quotas.tags)?;
        if metadata.tags {
            check_tag_keys(&tags)?;
        }
        let image = parse_id(&self.image_id, AmiId::parse, "InvalidAMIID.Malformed")?;
        let record = world.launchable_image(&image, world.at)?;
        self.check_architecture(record.about.architecture)?;
        let disks = disks(&self.block_device_mapping, record)?;
        let profile = self.iam_instance_profile.as_ref().map_or(Ok(None), |profile| profile.name(world))?;
        let settings = Settings {
            monitoring: self.monitoring.as_ref().is_some_and(|monitoring| monitoring.enabled),
            ebs_optimized: self.ebs_optimized.unwrap_or(false),
            stop_protected: self.disable_api_stop.unwrap_or(false),
            on_shutdown: on_shutdown(self.instance_initiated_shutdown_behavior.as_deref().unwrap_or("stop"))?,
            source_dest_check: true,
            credits: self.credits()?,
            metadata,
            interface_description: interface.and_then(|one| one.description.clone()).unwrap_or_default(),
            interface_tags,
        };
        Ok(Launch {
            token: self.client_token.clone(),
            disks,
            image,
            instance_type: self.instance_type().to_owned(),
            subnet,
            groups: self.groups(world, vpc)?,
            key_name: self.key_name.clone(),
            profile,
            user_data: self.user_data.as_deref().map(decoded).transpose()?,
            http_tokens,
            hop_limit,
            public_ip: interface.and_then(|one| one.associate_public_ip_address),
            protected: self.disable_api_termination.unwrap_or(false),
            tags,
            volume_tags: tags_for(&self.tag_specification, "volume", &TAGGABLE)?,
            settings,
        })
    }

    /// A type whose architecture is not known runs any image.
    fn check_architecture(&self, of_image: Architecture) -> Outcome<()> {
        let Some(of_type) = architecture(self.instance_type()).filter(|of_type| *of_type != of_image) else {
            return Ok(());
        };
        let (of_type, of_image) = (of_type.word(), of_image.word());
        let message = format!(
            "The architecture '{of_type}' of the specified instance type does not match the architecture '{of_image}' of the \
             specified AMI. Specify an instance type and an AMI that have matching architectures, and try again. You can \
             use 'describe-instance-types' or 'describe-images' to discover the architecture of the instance type or AMI."
        );
        refuse("InvalidParameterValue", message)
    }

    fn credits(&self) -> Outcome<Option<Credits>> {
        let Some(CreditSpecification { cpu_credits }) = &self.credit_specification else { return Ok(None) };
        let Some(credits) = Credits::parse(cpu_credits) else {
            let message = format!("Invalid value '{cpu_credits}' for CpuCredits. It is standard or unlimited.");
            return refuse("InvalidParameterValue", message);
        };
        if Credits::of_type(self.instance_type()).is_none() {
            let message = format!("{} is no burstable performance instance type", self.instance_type());
            return refuse("InvalidParameterCombination", message);
        }
        Ok(Some(credits))
    }

    /// By id or, in a default VPC, by name.
    fn groups(&self, world: &World, vpc: &VpcId) -> Outcome<BTreeSet<Ref<SecurityGroupId>>> {
        let of_interface = self.network_interface.iter().flat_map(|interface| &interface.security_group_id);
        let by_id = self.security_group_id.iter().chain(of_interface);
        let by_id = by_id.map(|text| parse_id(text, SecurityGroupId::parse, "InvalidGroupId.Malformed"));
        let by_name = self.security_group.iter().map(|name| {
            let known = world.groups.values().find(|group| group.name == *name && group.vpc == *vpc);
            known.map_or_else(
                || {
                    let message = format!("The security group '{name}' does not exist in default VPC '{vpc}'");
                    refuse("InvalidGroup.NotFound", message)
                },
                |group| Ok(group.id.clone()),
            )
        });
        by_id.chain(by_name).map(|id| id.map(Ref::Id)).collect()
    }
}

/// What an instance does when its operating system shuts down, by AWS's word.
pub(super) fn on_shutdown(text: &str) -> Outcome<OnShutdown> {
    OnShutdown::parse(text).map_or_else(
        || {
            let message = format!("Invalid value '{text}' for instanceInitiatedShutdownBehavior");
            refuse("InvalidParameterValue", message)
        },
        Ok,
    )
}
