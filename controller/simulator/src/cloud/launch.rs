//! RunInstances: what is checked, in which order, and what comes of it.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html>, errors:
//! <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-error-codes.html>. The token is looked at first: a replay is answered
//! with what it made, whatever has changed since. The product's call and the one on the wire end in [`World::launch`].

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::rc::Rc;

use aws_api::ec2::{InstanceState, RunInstances, UserData};
use aws_api::id::{AmiId, InstanceId, SecurityGroupId, SubnetId, VpcId, Zone};
use aws_api::{Ref, Reply, ResourceId, Tags};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crds_schema::spec::HttpTokens;

use super::api::ec2::RunInstances as OnTheWire;
use super::apps::App;
use super::built_in::BuiltIn;
use super::config::SubnetRecord;
use super::groups::named;
use super::images::{Content, ImageDevice, ImageRecord};
use super::instances::{InstanceRecord, TokenUse, VolumeRecord, check_hop_limit};
use super::ledger::Kind;
use super::settings::{Origin, Settings};
use super::tags::{Service, check_tags};
use super::world::{Outcome, World, refuse};
use crate::timeline::Timeline;

/// Bytes of user data, before base64.
pub(crate) const USER_DATA_MAX: usize = 16_384;
/// The size of a volume for which neither the request nor, here, the image names one.
pub(crate) const VOLUME_GIB: u32 = 8;
/// Its type then.
pub(crate) const VOLUME_TYPE: &str = "gp3";

/// What is launched, whoever asks for it.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    pub token: Option<String>,
    pub image: AmiId,
    pub instance_type: String,
    pub subnet: SubnetId,
    pub groups: BTreeSet<Ref<SecurityGroupId>>,
    pub key_name: Option<String>,
    pub profile: Option<String>,
    pub user_data: Option<Vec<u8>>,
    pub http_tokens: HttpTokens,
    pub hop_limit: u32,
    pub disks: Vec<Disk>,
    /// Absent: as the subnet says.
    pub public_ip: Option<bool>,
    pub protected: bool,
    pub tags: Tags,
    pub volume_tags: Tags,
    pub settings: Settings,
}

/// One disk; what is absent is as the image says, or else as AWS does it by default.
#[derive(Debug, Clone)]
pub(crate) struct Disk {
    pub device: String,
    pub size_gib: Option<u32>,
    pub volume_type: Option<String>,
    pub encrypted: Option<bool>,
    pub iops: Option<u32>,
    pub throughput: Option<u32>,
    pub delete_on_termination: Option<bool>,
}

/// The request that a token was used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    Product(Box<RunInstances>),
    Wire(Box<OnTheWire>),
}

impl Launch {
    fn of(run: &RunInstances) -> Outcome<Self> {
        let disks = run.block_devices.iter().map(|device| Disk {
            device: device.device.clone(),
            size_gib: device.size_gib,
            volume_type: device.volume_type.clone(),
            encrypted: device.encrypted,
            iops: None,
            throughput: None,
            delete_on_termination: Some(device.delete_on_termination),
        });
        Ok(Self {
            token: Some(run.token.to_string()),
            image: run.image.clone(),
            instance_type: run.instance_type.clone(),
            subnet: run.subnet.clone(),
            groups: run.groups.clone(),
            key_name: run.key_name.clone(),
            profile: run.instance_profile.clone(),
            user_data: run.user_data.as_ref().map_or(Ok(None), bytes_of)?,
            http_tokens: run.metadata_options.http_tokens,
            hop_limit: run.metadata_options.hop_limit,
            disks: disks.collect(),
            public_ip: run.associate_public_ip,
            protected: false,
            tags: run.tags.clone(),
            volume_tags: run.volume_tags.clone(),
            settings: Settings::default(),
        })
    }
}

impl World {
    pub(crate) fn run_instances(&mut self, run: &RunInstances) -> Outcome<Reply> {
        let zone = self.subnet(&run.subnet)?.subnet.zone.clone();
        let (token, asked) = ((run.token.to_string(), zone), Asked::Product(Box::new(run.clone())));
        let made = match self.replay(&token, &asked)? {
            Some(made) => made,
            None => {
                let made = self.launch(&Launch::of(run)?, 1, 1)?;
                self.remember(token, asked, made.clone());
                made
            }
        };
        match made.into_iter().next() {
            Some(id) => Ok(Reply::Made(ResourceId::Instance(id))),
            None => refuse("InternalError", "A launch of one instance made none"),
        }
    }

    /// As many instances as there is room for, up to `most`; none at all if that is fewer than `least`.
    pub(crate) fn launch(&mut self, launch: &Launch, least: u32, most: u32) -> Outcome<Vec<InstanceId>> {
        let subnet = self.subnet(&launch.subnet)?.clone();
        let image = self.launchable_image(&launch.image, self.at)?.clone();
        self.check_launch(launch, &image.devices)?;
        let groups = self.instance_groups(&launch.groups, &subnet.subnet.vpc)?;
        let mut made: Vec<InstanceId> = Vec::new();
        for index in 0..most {
            match self.check_room(&subnet.subnet.zone, &launch.instance_type) {
                Ok(()) => {}
                Err(refusal) if index < least => return Err(refusal),
                Err(_) => break,
            }
            let first = made.first().cloned();
            made.push(self.launch_one(launch, &subnet, &image, &groups, (first, index)));
        }
        Ok(made)
    }

    fn launch_one(
        &mut self,
        launch: &Launch,
        subnet: &SubnetRecord,
        image: &ImageRecord,
        groups: &BTreeSet<SecurityGroupId>,
        (first, index): (Option<InstanceId>, u32),
    ) -> InstanceId {
        let id = InstanceId::parse(self.fresh_id(InstanceId::PREFIX)).expect("begins with its prefix");
        let private_ip = self.fresh_address(subnet);
        let public = launch.public_ip.unwrap_or(subnet.subnet.default_for_az);
        let mut life = Timeline::new(self.at, InstanceState::Pending);
        life.set(self.at + self.config.timings.pending, InstanceState::Running);
        let origin = Origin {
            reservation: first.as_ref().unwrap_or(&id).as_str().replacen("i-", "r-", 1),
            index,
            at: self.at,
            root_device: image.devices.first().map(|device| device.name.clone()),
        };
        let record = InstanceRecord {
            id: id.clone(),
            token: launch.token.clone(),
            image: launch.image.clone(),
            instance_type: launch.instance_type.clone(),
            zone: subnet.subnet.zone.clone(),
            subnet: launch.subnet.clone(),
            vpc: subnet.subnet.vpc.clone(),
            groups: groups.clone(),
            key_name: launch.key_name.clone(),
            profile: self.launched_with(launch.profile.as_deref()),
            private_ip,
            public_ip: public.then(|| self.public_address()),
            http_tokens: launch.http_tokens,
            hop_limit: launch.hop_limit,
            user_data: launch.user_data.clone(),
            launched_at: self.at,
            life,
            reason: None,
            tags: launch.tags.clone(),
            protected: launch.protected,
            impaired_since: None,
            app: image.app.clone(),
            built_in: BuiltIn::of(launch.user_data.as_deref()),
            origin: Rc::new(origin),
            settings: Rc::new(launch.settings.clone()),
        };
        self.instances.insert(id.clone(), Rc::new(record));
        self.note_created(Kind::Instance, &id);
        self.attach_volumes(&id, launch, &subnet.subnet.zone, image);
        id
    }

    /// The public address that goes with the private one given out last.
    pub(crate) fn public_address(&self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(Ipv4Addr::new(3, 12, 0, 0)) + self.addresses)
    }

    /// Keeps in mind what a token was used for.
    pub(crate) fn remember(&mut self, token: (String, Zone), asked: Asked, instances: Vec<InstanceId>) {
        self.tokens.insert(token, Rc::new(TokenUse { asked, instances, forgotten_at: None }));
    }

    /// What that token made, if it was used; it must have been for the same request.
    pub(crate) fn replay(&self, token: &(String, Zone), asked: &Asked) -> Outcome<Option<Vec<InstanceId>>> {
        let Some(used) = self.tokens.get(token) else { return Ok(None) };
        if used.asked != *asked {
            let message = "The client token that you provided was used with other request parameters";
            return refuse("IdempotentParameterMismatch", message);
        }
        let lives = |id: &&InstanceId| {
            self.instances.get(id).is_some_and(|instance| match instance.state(self.at) {
                InstanceState::ShuttingDown | InstanceState::Terminated => false,
                InstanceState::Pending | InstanceState::Running | InstanceState::Stopping | InstanceState::Stopped => {
                    true
                }
            })
        };
        if !used.instances.iter().any(|id| lives(&id)) {
            return refuse(
                "IdempotentInstanceTerminated",
                "The client token was used by an earlier request whose instance has been terminated",
            );
        }
        let shown = |id: &&InstanceId| self.instance(id, self.at).is_ok();
        Ok(Some(used.instances.iter().filter(shown).cloned().collect()))
    }

    fn check_launch(&self, launch: &Launch, image: &[ImageDevice]) -> Outcome<()> {
        check_tags(Service::Ec2, &launch.tags, self.config.quotas.tags)?;
        check_tags(Service::Ec2, &launch.volume_tags, self.config.quotas.tags)?;
        check_hop_limit(launch.hop_limit)?;
        if let (Some(known), Some(name)) = (&self.config.key_pairs, &launch.key_name)
            && !known.contains(name)
        {
            return refuse("InvalidKeyPair.NotFound", format!("The key pair '{name}' does not exist"));
        }
        launch.profile.as_deref().map_or(Ok(()), |profile| self.check_profile(profile))?;
        if launch.user_data.as_ref().is_some_and(|data| data.len() > USER_DATA_MAX) {
            return refuse("InvalidParameterValue", format!("User data is limited to {USER_DATA_MAX} bytes"));
        }
        let mut devices = BTreeSet::new();
        if let Some(twice) = launch.disks.iter().find(|disk| !devices.insert(&disk.device)) {
            return refuse("InvalidBlockDeviceMapping", format!("{} is mapped twice", twice.device));
        }
        if image.is_empty() && launch.disks.is_empty() {
            return refuse("InvalidBlockDeviceMapping", "there is no root device");
        }
        Ok(())
    }

    /// A type that no zone has is a wrong parameter; one that this zone lacks is `Unsupported`; then capacity, then the quota.
    pub(crate) fn check_room(&self, zone: &Zone, instance_type: &str) -> Outcome<()> {
        let Some(zones) = self.config.offerings.get(instance_type) else {
            let message = format!("Invalid value '{instance_type}' for InstanceType.");
            return refuse("InvalidParameterValue", message);
        };
        if !zones.contains(zone) {
            let message = format!(
                "Your requested instance type ({instance_type}) is not supported in your requested Availability Zone ({zone})."
            );
            return refuse("Unsupported", message);
        }
        let live = || {
            let all = self.instances.values();
            all.filter(|i| matches!(i.state(self.at), InstanceState::Pending | InstanceState::Running))
        };
        for kind in [instance_type, "*"] {
            let Some(room) = self.capacity.get(&(zone.clone(), kind.to_owned())) else { continue };
            let taken = live().filter(|i| i.zone == *zone && (kind == "*" || i.instance_type == kind)).count();
            if taken >= *room {
                let message = format!(
                    "We currently do not have sufficient {instance_type} capacity in the Availability Zone you requested ({zone})."
                );
                return refuse("InsufficientInstanceCapacity", message);
            }
        }
        if live().count() >= self.config.quotas.instances {
            return refuse("InstanceLimitExceeded", "Your quota allows for no more running instances.");
        }
        let running: usize = live().map(|instance| vcpus(&instance.instance_type)).sum();
        if let Some(limit) = self.vcpus.filter(|limit| running + vcpus(instance_type) > *limit) {
            let message = format!(
                "You have requested more vCPU capacity than your current vCPU limit of {limit} allows for the instance \
                 bucket that the specified instance type belongs to."
            );
            return refuse("VcpuLimitExceeded", message);
        }
        Ok(())
    }

    /// The groups that an instance in that VPC is to have: the VPC's default group if none is named.
    pub(crate) fn instance_groups(
        &self,
        groups: &BTreeSet<Ref<SecurityGroupId>>,
        vpc: &VpcId,
    ) -> Outcome<BTreeSet<SecurityGroupId>> {
        if groups.is_empty() {
            return Ok(self.default_group(vpc).into_iter().collect());
        }
        if groups.len() > self.config.quotas.groups_per_interface {
            return refuse("SecurityGroupsPerInstanceLimitExceeded", "too many security groups for one instance");
        }
        let ids = named(groups);
        for id in &ids {
            if self.group(id)?.vpc != *vpc {
                let message = format!("Security group {id} and the subnet belong to different networks.");
                return refuse("InvalidParameter", message);
            }
        }
        Ok(ids)
    }

    /// The request's devices, and those of the image that it does not mention. What the request does not say of a device is as
    /// the image maps it. <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/block-device-mapping-concepts.html>
    fn attach_volumes(&mut self, instance: &InstanceId, launch: &Launch, zone: &Zone, image: &ImageRecord) {
        let mentioned = |device: &&ImageDevice| launch.disks.iter().any(|disk| disk.device == device.name);
        let rest = image.devices.iter().filter(|device| !mentioned(device)).map(|device| Disk::of_image(&device.name));
        let disks: Vec<Disk> = launch.disks.iter().cloned().chain(rest).collect();
        for disk in disks {
            let mapped = image.devices.iter().find(|device| device.name == disk.device);
            let content = mapped.map(|device| (image.content(&device.name), device.delete_on_termination));
            let snapshot = content.as_ref().map(|(content, _)| content.snapshot.clone());
            let disk = match content {
                Some((content, goes)) => disk.over(content, goes),
                None => disk,
            };
            let volume = VolumeRecord {
                attached_to: Some(instance.clone()),
                size_gib: disk.size_gib.unwrap_or(VOLUME_GIB),
                volume_type: disk.volume_type.unwrap_or_else(|| VOLUME_TYPE.to_owned()),
                snapshot,
                encrypted: disk.encrypted.unwrap_or(false),
                delete_on_termination: disk.delete_on_termination.unwrap_or(false),
                device: disk.device,
                zone: zone.clone(),
                created_at: self.at,
                iops: disk.iops,
                throughput: disk.throughput,
                tags: launch.volume_tags.clone(),
            };
            let id = self.fresh_id("vol-");
            self.note_created(Kind::Volume, &id);
            self.volumes.insert(id, Rc::new(volume));
        }
    }

    /// Changes what runs on an instance from now on.
    pub(crate) fn set_app(&mut self, id: &InstanceId, app: App) -> Outcome<Reply> {
        self.instance_mut(id)?.app = app;
        Ok(Reply::Done)
    }
}

/// How many vCPUs a type of the current generations counts for: two up to `large`, then by its size.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-on-demand-instances.html#ec2-on-demand-instances-limits>
pub fn vcpus(instance_type: &str) -> usize {
    let size = instance_type.split_once('.').map_or(instance_type, |(_, size)| size);
    match size.strip_suffix("xlarge") {
        Some("") => 4,
        Some(times) => times.parse::<usize>().map_or(4, |times| 4 * times),
        None => 2,
    }
}

impl Disk {
    /// What the image maps to the device, with what is asked put over it. What is encrypted remains so.
    /// <https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption.html>
    fn over(self, content: Content, goes: bool) -> Self {
        // Figures are of a type, and go with it.
        let same_type = self.volume_type.as_ref().is_none_or(|asked| *asked == content.volume_type);
        Self {
            device: self.device,
            size_gib: self.size_gib.or(Some(content.size_gib)),
            volume_type: self.volume_type.or(Some(content.volume_type)),
            encrypted: Some(content.encrypted || self.encrypted.unwrap_or(false)),
            iops: self.iops.or(content.iops.filter(|_| same_type)),
            throughput: self.throughput.or(content.throughput.filter(|_| same_type)),
            delete_on_termination: self.delete_on_termination.or(Some(goes)),
        }
    }

    fn of_image(device: &str) -> Self {
        Self {
            device: device.to_owned(),
            size_gib: None,
            volume_type: None,
            encrypted: None,
            iops: None,
            throughput: None,
            delete_on_termination: None,
        }
    }
}

/// What AWS stores. A revision's number is resolved before sending, so there is nothing for it here.
fn bytes_of(data: &UserData) -> Outcome<Option<Vec<u8>>> {
    match data {
        UserData::Text(text) => Ok(Some(text.clone().into_bytes())),
        UserData::Base64(encoded) => decoded(encoded).map(Some),
        UserData::Revision(_) => Ok(None),
    }
}

/// User data, which is sent in base64.
pub(crate) fn decoded(text: &str) -> Outcome<Vec<u8>> {
    // Some clients break its lines.
    let joined: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD
        .decode(joined)
        .map_or_else(|_| refuse("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data."), Ok)
}
