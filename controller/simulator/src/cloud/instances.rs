//! Instances: launch, life, status checks, volumes.
//!
//! Life: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html>.
//! Client tokens: <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html>.
//! Launching is in [`super::launch`].

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::Duration;

use aws_api::ec2::{Instance, InstanceState, MetadataRequest, StatusChecks};
use aws_api::id::{AmiId, InstanceId, SecurityGroupId, SubnetId, VpcId, Zone};
use aws_api::{Filter, Page, Ref, Reply, Tags};
use crds_schema::spec::HttpTokens;

use super::apps::{App, Response};
use super::built_in::BuiltIn;
use super::filters;
use super::launch::Asked;
use super::ledger::Kind;
use super::profiles::Association;
use super::settings::{Origin, Settings};
use super::world::{Outcome, World, refuse};
use crate::clock::timestamp;
use crate::timeline::Timeline;

/// Ids that one DescribeInstanceStatus may name.
pub(crate) const STATUS_IDS_MAX: usize = 100;

#[derive(Debug, Clone)]
pub(crate) struct InstanceRecord {
    pub id: InstanceId,
    pub token: Option<String>,
    pub image: AmiId,
    pub instance_type: String,
    pub zone: Zone,
    pub subnet: SubnetId,
    pub vpc: VpcId,
    pub groups: BTreeSet<SecurityGroupId>,
    pub key_name: Option<String>,
    pub profile: Option<Association>,
    pub private_ip: Ipv4Addr,
    pub public_ip: Option<Ipv4Addr>,
    pub http_tokens: HttpTokens,
    pub hop_limit: u32,
    pub user_data: Option<Vec<u8>>,
    pub launched_at: Duration,
    pub life: Timeline<InstanceState>,
    pub reason: Option<&'static str>,
    pub tags: Tags,
    /// Termination protection (`disableApiTermination`).
    pub protected: bool,
    /// Whether its status checks fail.
    pub impaired_since: Option<Duration>,
    pub app: App,
    /// What its user data says about that.
    pub built_in: BuiltIn,
    /// How it came to be.
    pub origin: Rc<Origin>,
    /// What the product neither sets nor looks at.
    pub settings: Rc<Settings>,
}

/// What a client token was used for.
#[derive(Debug, Clone)]
pub(crate) struct TokenUse {
    pub asked: Asked,
    pub instances: Vec<InstanceId>,
    /// When it is forgotten; set when the last of the instances is terminated.
    pub forgotten_at: Option<Duration>,
}

/// An EBS volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeRecord {
    /// The instance that it is attached to.
    pub attached_to: Option<InstanceId>,
    /// The device that it is there, or was.
    pub device: String,
    /// GiB.
    pub size_gib: u32,
    /// Its type.
    pub volume_type: String,
    /// The snapshot that it was made from.
    pub snapshot: Option<String>,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// Whether it goes with its instance.
    pub delete_on_termination: bool,
    /// Its zone.
    pub zone: Zone,
    /// When it was made and attached.
    pub created_at: Duration,
    /// I/O operations a second, where its type lets one choose.
    pub iops: Option<u32>,
    /// MiB a second, where its type lets one choose.
    pub throughput: Option<u32>,
    /// Its tags.
    pub tags: Tags,
}

impl InstanceRecord {
    pub fn state(&self, at: Duration) -> InstanceState {
        self.life.at(at)
    }

    /// Whether it still holds its network interface: until it is terminated.
    pub fn holds_interface(&self, at: Duration) -> bool {
        self.state(at) != InstanceState::Terminated
    }

    /// What was passed to it, as text.
    pub fn user_data_text(&self) -> Option<String> {
        self.user_data.as_ref().map(|data| String::from_utf8_lossy(data).into_owned())
    }

    /// What a request gets that arrives so long after its application started to listen.
    pub fn responds(&self, port: u16, path: &str, age: Duration, redis_down: bool) -> Response {
        match self.app.respond(port, path, age) {
            Response::Status(200) => Response::Status(self.built_in.status(path, redis_down)),
            other @ (Response::Status(_) | Response::Refused | Response::Nothing) => other,
        }
    }

    /// The settings, to be changed.
    pub fn settings_mut(&mut self) -> &mut Settings {
        Rc::make_mut(&mut self.settings)
    }

    fn describe(&self, epoch: jiff::Timestamp, at: Duration) -> Instance {
        let state = self.state(at);
        let present = state != InstanceState::Terminated;
        let addressed = matches!(state, InstanceState::Pending | InstanceState::Running);
        Instance {
            id: self.id.clone(),
            state,
            client_token: self.token.clone(),
            image: self.image.clone(),
            instance_type: self.instance_type.clone(),
            zone: self.zone.clone(),
            subnet: present.then(|| self.subnet.clone()),
            vpc: present.then(|| self.vpc.clone()),
            groups: if present { self.groups.clone() } else { BTreeSet::new() },
            key_name: self.key_name.clone(),
            instance_profile: self.profile_shown(at).map(str::to_owned),
            private_ip: present.then(|| self.private_ip.to_string()),
            public_ip: self.public_ip.filter(|_| addressed).map(|ip| ip.to_string()),
            http_tokens: Some(self.http_tokens),
            hop_limit: Some(self.hop_limit),
            launched_at: timestamp(epoch, self.launched_at),
            state_reason: if addressed { None } else { self.reason.map(str::to_owned) },
            tags: self.tags.clone(),
        }
    }

    /// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_ChangingDisableAPITermination.html>
    pub fn check_may_end(&self) -> Outcome<()> {
        if self.protected {
            let id = &self.id;
            let message = format!(
                "The instance '{id}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again."
            );
            return refuse("OperationNotPermitted", message);
        }
        self.check_may_stop("terminated")
    }

    /// "Stop protection also protects your instance from accidental termination."
    /// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-stop-protection.html>
    fn check_may_stop(&self, wish: &str) -> Outcome<()> {
        if !self.settings.stop_protected {
            return Ok(());
        }
        let id = &self.id;
        let message = format!(
            "The instance '{id}' may not be {wish}. Modify its 'disableApiStop' instance attribute and try again."
        );
        refuse("OperationNotPermitted", message)
    }

    pub fn filter_values(&self, name: &str, at: Duration) -> Option<Vec<String>> {
        let present = self.holds_interface(at);
        let optional = |value: Option<String>| Some(value.into_iter().collect());
        match name {
            "instance-id" => optional(Some(self.id.to_string())),
            "instance-state-name" => optional(Some(self.state(at).to_string())),
            "client-token" => optional(self.token.clone()),
            "image-id" => optional(Some(self.image.to_string())),
            "instance-type" => optional(Some(self.instance_type.clone())),
            "availability-zone" => optional(Some(self.zone.to_string())),
            "subnet-id" => optional(present.then(|| self.subnet.to_string())),
            "vpc-id" => optional(present.then(|| self.vpc.to_string())),
            "key-name" => optional(self.key_name.clone()),
            "private-ip-address" => optional(present.then(|| self.private_ip.to_string())),
            "instance.group-id" | "network-interface.group-id" if present => {
                Some(self.groups.iter().map(ToString::to_string).collect())
            }
            "instance.group-id" | "network-interface.group-id" => Some(Vec::new()),
            _ => None,
        }
    }
}

impl World {
    /// A terminated one is shown for about an hour.
    pub(crate) fn visible_instances(&self, at: Duration) -> impl Iterator<Item = &Rc<InstanceRecord>> {
        self.instances.values().filter(move |instance| self.is_visible(instance, at))
    }

    fn is_visible(&self, instance: &InstanceRecord, at: Duration) -> bool {
        let gone = instance.life.settles_as(InstanceState::Terminated);
        gone.is_none_or(|gone| at < gone + self.config.timings.terminated_visible)
    }

    pub(crate) fn instance(&self, id: &InstanceId, at: Duration) -> Outcome<&Rc<InstanceRecord>> {
        let found = self.instances.get(id).filter(|instance| self.is_visible(instance, at));
        found.map_or_else(|| refuse("InvalidInstanceID.NotFound", format!("The instance ID '{id}' does not exist")), Ok)
    }

    /// The instance, to be changed.
    pub(crate) fn instance_mut(&mut self, id: &InstanceId) -> Outcome<&mut InstanceRecord> {
        self.instance(id, self.at)?;
        match self.instances.get_mut(id) {
            Some(instance) => Ok(Rc::make_mut(instance)),
            None => refuse("InvalidInstanceID.NotFound", format!("The instance ID '{id}' does not exist")),
        }
    }

    pub(crate) fn all_instances(&self, at: Duration) -> Vec<Instance> {
        self.visible_instances(at).map(|instance| instance.describe(self.config.epoch, at)).collect()
    }

    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>
    pub(crate) fn describe_instances(&self, filters: &[Filter], page: &Page, at: Duration) -> Outcome<Reply> {
        let mut found = Vec::new();
        for instance in self.visible_instances(at) {
            if filters::select(filters, &instance.tags, |name| instance.filter_values(name, at))? {
                found.push((instance.id.to_string(), instance.describe(self.config.epoch, at)));
            }
        }
        let (instances, next) = filters::page(found, page, self.config.page_size, "InvalidParameterValue")?;
        Ok(Reply::Instances(instances, next))
    }

    /// Shows running instances only.
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceStatus.html>
    pub(crate) fn describe_instance_status(&self, ids: &[InstanceId], page: &Page, at: Duration) -> Outcome<Reply> {
        if ids.len() > STATUS_IDS_MAX {
            return refuse("InvalidParameterValue", format!("at most {STATUS_IDS_MAX} instance ids may be named"));
        }
        for id in ids {
            self.instance(id, at)?;
        }
        let asked = self.visible_instances(at).filter(|instance| ids.is_empty() || ids.contains(&instance.id));
        let running = asked.filter(|instance| instance.state(at) == InstanceState::Running);
        let found = running
            .map(|instance| (instance.id.to_string(), (instance.id.clone(), self.status_checks(instance, at))))
            .collect();
        let (status, next) = filters::page(found, page, self.config.page_size, "InvalidParameterValue")?;
        Ok(Reply::InstanceStatus(status, next))
    }

    pub(crate) fn status_checks(&self, instance: &InstanceRecord, at: Duration) -> StatusChecks {
        if instance.impaired_since.is_some() {
            StatusChecks::Impaired
        } else if at < instance.life.since(at) + self.config.timings.status_checks {
            StatusChecks::Initializing
        } else {
            StatusChecks::Ok
        }
    }

    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html>: terminating a terminated one succeeds.
    pub(crate) fn terminate(&mut self, id: &InstanceId, reason: &'static str) -> Outcome<Reply> {
        let (at, shutting_down) = (self.at, self.config.timings.shutting_down);
        let instance = self.instance_mut(id)?;
        if matches!(instance.state(at), InstanceState::ShuttingDown | InstanceState::Terminated) {
            return Ok(Reply::Done);
        }
        instance.check_may_end()?;
        instance.life.set(at, InstanceState::ShuttingDown);
        instance.life.set(at + shutting_down, InstanceState::Terminated);
        instance.reason = Some(reason);
        self.note_deleted(Kind::Instance, id);
        Ok(Reply::Done)
    }

    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StopInstances.html>
    pub(crate) fn stop(&mut self, id: &InstanceId, reason: &'static str) -> Outcome<Reply> {
        let (at, stopping) = (self.at, self.config.timings.stopping);
        let instance = self.instance_mut(id)?;
        match instance.state(at) {
            InstanceState::Stopping | InstanceState::Stopped => Ok(Reply::Done),
            InstanceState::Pending | InstanceState::Running => {
                instance.check_may_stop("stopped")?;
                instance.life.set(at, InstanceState::Stopping);
                instance.life.set(at + stopping, InstanceState::Stopped);
                instance.reason = Some(reason);
                Ok(Reply::Done)
            }
            InstanceState::ShuttingDown | InstanceState::Terminated => incorrect_state(id, "stopped"),
        }
    }

    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StartInstances.html>
    pub(crate) fn start(&mut self, id: &InstanceId) -> Outcome<Reply> {
        let (at, pending) = (self.at, self.config.timings.pending);
        let instance = self.instance_mut(id)?;
        match instance.state(at) {
            InstanceState::Pending | InstanceState::Running => Ok(Reply::Done),
            InstanceState::Stopped => {
                instance.life.set(at, InstanceState::Pending);
                instance.life.set(at + pending, InstanceState::Running);
                instance.launched_at = at;
                instance.reason = None;
                Ok(Reply::Done)
            }
            InstanceState::Stopping | InstanceState::ShuttingDown | InstanceState::Terminated => {
                incorrect_state(id, "started")
            }
        }
    }

    /// It runs on, but what runs on it starts anew. "Requests to reboot terminated instances are ignored."
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RebootInstances.html>
    pub(crate) fn reboot(&mut self, id: &InstanceId) -> Outcome<()> {
        let at = self.at;
        let instance = self.instance_mut(id)?;
        match instance.state(at) {
            InstanceState::Running => {
                instance.life.set(at, InstanceState::Running);
                Ok(())
            }
            InstanceState::Pending | InstanceState::ShuttingDown | InstanceState::Terminated => Ok(()),
            InstanceState::Stopping | InstanceState::Stopped => incorrect_state(id, "rebooted"),
        }
    }

    /// Gives an instance that had a public address another one: it is released when the instance stops.
    /// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-instance-addressing.html>
    pub(crate) fn readdress(&mut self, id: &InstanceId) -> Outcome<()> {
        if self.instance(id, self.at)?.public_ip.is_some() {
            self.addresses += 1;
            let address = self.public_address();
            self.instance_mut(id)?.public_ip = Some(address);
        }
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceAttribute.html>
    pub(crate) fn set_instance_groups(
        &mut self,
        id: &InstanceId,
        groups: &BTreeSet<Ref<SecurityGroupId>>,
    ) -> Outcome<Reply> {
        let vpc = self.instance(id, self.at)?.vpc.clone();
        let groups = self.instance_groups(groups, &vpc)?;
        let at = self.at;
        let instance = self.instance_mut(id)?;
        if !instance.holds_interface(at) {
            return incorrect_state(id, "given other groups");
        }
        instance.groups = groups;
        Ok(Reply::Done)
    }

    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceMetadataOptions.html>
    pub(crate) fn set_metadata_options(&mut self, id: &InstanceId, options: MetadataRequest) -> Outcome<Reply> {
        check_hop_limit(options.hop_limit)?;
        let at = self.at;
        let instance = self.instance_mut(id)?;
        if !instance.holds_interface(at) {
            return incorrect_state(id, "modified");
        }
        instance.http_tokens = options.http_tokens;
        instance.hop_limit = options.hop_limit;
        Ok(Reply::Done)
    }

    /// Drops what is gone by `to`: volumes with their instance, instances no longer shown, tokens no longer remembered.
    pub(crate) fn settle_instances(&mut self, to: Duration) {
        let ended = |world: &Self, id: &InstanceId| {
            world.instances.get(id).and_then(|i| i.life.settles_as(InstanceState::Terminated)).is_some_and(|t| t <= to)
        };
        let attached = self.volumes.iter().filter_map(|(id, v)| Some((id.clone(), v.attached_to.clone()?)));
        let orphaned: Vec<String> = attached.filter(|(_, to)| ended(self, to)).map(|(id, _)| id).collect();
        for id in orphaned {
            let Some(volume) = self.volumes.get_mut(&id) else { continue };
            if volume.delete_on_termination {
                self.volumes.remove(&id);
                self.note_deleted(Kind::Volume, &id);
            } else {
                Rc::make_mut(volume).attached_to = None;
            }
        }
        let memory = self.config.timings.token_memory;
        for used in self.tokens.values_mut() {
            if let (None, Some(end)) = (used.forgotten_at, last_end(&self.instances, &used.instances)) {
                Rc::make_mut(used).forgotten_at = Some(end + memory);
            }
        }
        self.tokens.retain(|_, used| used.forgotten_at.is_none_or(|end| to < end));
        let visible = self.config.timings.terminated_visible;
        self.instances.retain(|_, instance| {
            instance.life.settles_as(InstanceState::Terminated).is_none_or(|gone| to < gone + visible)
        });
    }
}

/// When the last of them was terminated, if all of them are to be.
fn last_end(known: &BTreeMap<InstanceId, Rc<InstanceRecord>>, ids: &[InstanceId]) -> Option<Duration> {
    let mut last = None;
    for instance in ids.iter().filter_map(|id| known.get(id)) {
        last = last.max(Some(instance.life.settles_as(InstanceState::Terminated)?));
    }
    last
}

pub(crate) fn check_hop_limit(hops: u32) -> Outcome<()> {
    if (1..=64).contains(&hops) {
        return Ok(());
    }
    refuse("InvalidParameterValue", format!("{hops} is not a hop limit; it is between 1 and 64"))
}

pub(crate) fn incorrect_state<T>(id: &InstanceId, wish: &str) -> Outcome<T> {
    refuse("IncorrectInstanceState", format!("The instance '{id}' is not in a state from which it can be {wish}."))
}
