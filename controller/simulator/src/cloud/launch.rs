//! RunInstances: what is checked, in which order, and what comes of it.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html>, errors:
//! <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-error-codes.html>. The token is looked at first: a replay is answered
//! with what it made, whatever has changed since.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::rc::Rc;

use engine::cloud::Reply;
use planner::id::{InstanceId, SecurityGroupId, VpcId, Zone};
use planner::request::{Made, Ref, RunInstances, UserData};
use planner::resource::InstanceState;

use super::apps::App;
use super::groups::named;
use super::images::ImageDevice;
use super::instances::{InstanceRecord, TokenUse, VolumeRecord, check_hop_limit};
use super::ledger::Kind;
use super::tags::{Service, check_tags};
use super::world::{Outcome, World, refuse};
use crate::timeline::Timeline;

/// Bytes of user data, before base64.
const USER_DATA_MAX: usize = 16_384;
/// The size of a volume for which neither the request nor, here, the image names one.
const VOLUME_GIB: u32 = 8;

impl World {
    pub(crate) fn run_instances(&mut self, run: &RunInstances) -> Outcome<Reply> {
        let subnet = self.subnet(&run.subnet)?.clone();
        let zone = subnet.subnet.zone.clone();
        let token = (run.token.to_string(), zone.clone());
        if let Some(used) = self.tokens.get(&token) {
            return self.replay(used, run);
        }
        let image = self.launchable_image(&run.image, self.at)?.clone();
        self.check_launch(run, &image.devices)?;
        let groups = self.instance_groups(&run.groups, &subnet.subnet.vpc)?;
        self.check_room(&zone, &run.instance_type)?;

        let id = InstanceId::parse(self.fresh_id(InstanceId::PREFIX)).expect("begins with its prefix");
        let private_ip = self.fresh_address(&subnet);
        let public = run.associate_public_ip.unwrap_or(subnet.subnet.default_for_az);
        let mut life = Timeline::new(self.at, InstanceState::Pending);
        life.set(self.at + self.config.timings.pending, InstanceState::Running);
        let record = InstanceRecord {
            id: id.clone(),
            token: Some(run.token.to_string()),
            image: run.image.clone(),
            instance_type: run.instance_type.clone(),
            zone,
            subnet: run.subnet.clone(),
            vpc: subnet.subnet.vpc.clone(),
            groups,
            key_name: run.key_name.clone(),
            profile: self.launched_with(run.instance_profile.as_deref()),
            private_ip,
            public_ip: public.then(|| Ipv4Addr::from(u32::from(Ipv4Addr::new(3, 12, 0, 0)) + self.addresses)),
            http_tokens: run.metadata_options.http_tokens,
            hop_limit: run.metadata_options.hop_limit,
            user_data: run.user_data.as_ref().and_then(text_of),
            launched_at: self.at,
            life,
            reason: None,
            tags: run.tags.clone(),
            protected: false,
            impaired: false,
            app: image.app,
        };
        self.instances.insert(id.clone(), Rc::new(record));
        self.note_created(Kind::Instance, &id);
        self.attach_volumes(&id, run, &image.devices);
        let used = TokenUse { request: run.clone(), instance: id.clone(), forgotten_at: None };
        self.tokens.insert(token, Rc::new(used));
        Ok(Reply::Made(Made::Instance(id)))
    }

    fn replay(&self, used: &TokenUse, run: &RunInstances) -> Outcome<Reply> {
        if used.request != *run {
            let message = "The client token that you provided was used with other request parameters";
            return refuse("IdempotentParameterMismatch", message);
        }
        let state = self.instances.get(&used.instance).map(|instance| instance.state(self.at));
        match state {
            Some(InstanceState::ShuttingDown | InstanceState::Terminated) | None => refuse(
                "IdempotentInstanceTerminated",
                "The client token was used by an earlier request whose instance has been terminated",
            ),
            Some(
                InstanceState::Pending | InstanceState::Running | InstanceState::Stopping | InstanceState::Stopped,
            ) => Ok(Reply::Made(Made::Instance(used.instance.clone()))),
        }
    }

    fn check_launch(&self, run: &RunInstances, image: &[ImageDevice]) -> Outcome<()> {
        check_tags(Service::Ec2, &run.tags, self.config.quotas.tags)?;
        check_tags(Service::Ec2, &run.volume_tags, self.config.quotas.tags)?;
        check_hop_limit(run.metadata_options.hop_limit)?;
        if let (Some(known), Some(name)) = (&self.config.key_pairs, &run.key_name)
            && !known.contains(name)
        {
            return refuse("InvalidKeyPair.NotFound", format!("The key pair '{name}' does not exist"));
        }
        run.instance_profile.as_deref().map_or(Ok(()), |profile| self.check_profile(profile))?;
        if matches!(&run.user_data, Some(UserData::Text(text)) if text.len() > USER_DATA_MAX) {
            return refuse("InvalidParameterValue", format!("User data is limited to {USER_DATA_MAX} bytes"));
        }
        let mut devices = BTreeSet::new();
        if let Some(twice) = run.block_devices.iter().find(|device| !devices.insert(&device.device)) {
            return refuse("InvalidBlockDeviceMapping", format!("{} is mapped twice", twice.device));
        }
        if image.is_empty() && run.block_devices.is_empty() {
            return refuse("InvalidBlockDeviceMapping", "there is no root device");
        }
        Ok(())
    }

    /// A type that no zone has is a wrong parameter; one that this zone lacks is `Unsupported`; then capacity, then the quota.
    fn check_room(&self, zone: &Zone, instance_type: &str) -> Outcome<()> {
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
        if groups.len() > self.config.quotas.groups_per_instance {
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

    /// The request's devices, and those of the image that it does not mention.
    fn attach_volumes(&mut self, instance: &InstanceId, run: &RunInstances, image: &[ImageDevice]) {
        let asked = run.block_devices.iter().map(|device| VolumeRecord {
            attached_to: Some(instance.clone()),
            device: device.device.clone(),
            size_gib: device.size_gib.unwrap_or(VOLUME_GIB),
            volume_type: device.volume_type.clone().unwrap_or_else(|| "gp3".to_owned()),
            encrypted: device.encrypted.unwrap_or(false),
            delete_on_termination: device.delete_on_termination,
            tags: run.volume_tags.clone(),
        });
        let mentioned = |device: &ImageDevice| run.block_devices.iter().any(|asked| asked.device == device.name);
        let rest = image.iter().filter(|device| !mentioned(device)).map(|device| VolumeRecord {
            attached_to: Some(instance.clone()),
            device: device.name.clone(),
            size_gib: VOLUME_GIB,
            volume_type: "gp3".to_owned(),
            encrypted: false,
            delete_on_termination: device.delete_on_termination,
            tags: run.volume_tags.clone(),
        });
        for volume in asked.chain(rest).collect::<Vec<_>>() {
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

/// What AWS stores. A revision's number is resolved before sending, so there is no text for it here.
fn text_of(data: &UserData) -> Option<String> {
    match data {
        UserData::Text(text) => Some(text.clone()),
        UserData::Revision(_) => None,
    }
}
