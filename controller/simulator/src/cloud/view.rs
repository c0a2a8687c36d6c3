//! The whole truth at one instant, for tests and the demo to look at. Never what a client may see of it.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_api::Tags;
use aws_api::ec2::{Instance, InstanceState, SecurityGroup, Subnet};
use aws_api::elbv2::{Listener, LoadBalancer, Target, TargetGroup, TargetHealth};
use aws_api::id::{AmiId, InstanceId, ListenerArn, LoadBalancerArn, SecurityGroupId, TargetGroupArn, VpcId};

use super::canonical::Canonical;
use super::instances::VolumeRecord;
use super::world::World;

/// See the module.
pub struct View {
    world: World,
}

impl View {
    pub(super) fn new(world: World) -> Self {
        Self { world }
    }

    /// When this is, since the clock's epoch.
    pub fn at(&self) -> Duration {
        self.world.at
    }

    /// The VPC of the first subnet: the default one, unless the builder was told otherwise.
    pub fn vpc(&self) -> VpcId {
        let first = self.subnets().into_iter().min_by_key(|subnet| !subnet.default_for_az);
        first.expect("the builder makes subnets").vpc
    }

    /// Every subnet, by zone.
    pub fn subnets(&self) -> Vec<Subnet> {
        let mut subnets: Vec<Subnet> = self.world.config.subnets.values().map(|known| known.subnet.clone()).collect();
        subnets.sort_by(|a, b| (&a.zone, &a.id).cmp(&(&b.zone, &b.id)));
        subnets
    }

    /// Every image that is known, whatever its state.
    pub fn images(&self) -> Vec<AmiId> {
        self.world.images.keys().cloned().collect()
    }

    /// Every instance that is shown, terminated ones too.
    pub fn instances(&self) -> Vec<Instance> {
        self.world.all_instances(self.at())
    }

    /// The instances that are pending or running.
    pub fn live_instances(&self) -> Vec<Instance> {
        let live = |instance: &Instance| matches!(instance.state, InstanceState::Pending | InstanceState::Running);
        self.instances().into_iter().filter(live).collect()
    }

    /// Whether instances of that type can be launched in some zone.
    pub fn offers(&self, instance_type: &str) -> bool {
        self.world.config.offerings.contains_key(instance_type)
    }

    /// How many vCPUs are running.
    pub fn vcpus(&self) -> usize {
        self.live_instances().iter().map(|instance| super::launch::vcpus(&instance.instance_type)).sum()
    }

    /// The instance, if it is shown.
    pub fn instance(&self, id: &InstanceId) -> Option<Instance> {
        self.instances().into_iter().find(|instance| instance.id == *id)
    }

    /// What was passed to an instance as user data.
    pub fn user_data(&self, id: &InstanceId) -> Option<String> {
        self.world.instances.get(id)?.user_data_text()
    }

    /// Every volume, by id.
    pub fn volumes(&self) -> BTreeMap<String, VolumeRecord> {
        self.world.volumes.iter().map(|(id, volume)| (id.clone(), VolumeRecord::clone(volume))).collect()
    }

    /// Every network interface: whose it is, and its groups. Those of a deleted load balancer linger.
    pub fn interfaces(&self) -> Vec<(String, Vec<SecurityGroupId>)> {
        self.world.interfaces().map(|(of, groups)| (of, groups.iter().cloned().collect())).collect()
    }

    /// Every security group but the default ones.
    pub fn groups(&self) -> Vec<SecurityGroup> {
        self.world.groups.values().map(|group| group.describe()).filter(|group| group.name != "default").collect()
    }

    /// The group of that name.
    pub fn group(&self, name: &str) -> Option<SecurityGroup> {
        self.world.groups.values().map(|group| group.describe()).find(|group| group.name == name)
    }

    /// Every load balancer.
    pub fn load_balancers(&self) -> Vec<LoadBalancer> {
        self.world.balancers.values().map(|balancer| balancer.describe(self.at())).collect()
    }

    /// The load balancer of that name.
    pub fn load_balancer(&self, name: &str) -> Option<LoadBalancer> {
        self.load_balancers().into_iter().find(|balancer| balancer.name == name)
    }

    /// A load balancer's attributes.
    pub fn load_balancer_attributes(&self, arn: &LoadBalancerArn) -> BTreeMap<String, String> {
        self.world.balancers.get(arn).map(|balancer| balancer.attributes.clone()).unwrap_or_default()
    }

    /// A load balancer's tags.
    pub fn load_balancer_tags(&self, arn: &LoadBalancerArn) -> Tags {
        self.world.balancers.get(arn).map(|balancer| balancer.tags.clone()).unwrap_or_default()
    }

    /// The listeners of a load balancer, by port.
    pub fn listeners(&self, arn: &LoadBalancerArn) -> Vec<Listener> {
        let mut listeners: Vec<Listener> = self.world.listeners_of(arn).into_iter().map(|l| l.describe()).collect();
        listeners.sort_by_key(|listener| listener.port);
        listeners
    }

    /// The priorities of a listener's rules, without the default one.
    pub fn rules(&self, arn: &ListenerArn) -> Vec<u32> {
        self.world.listeners.get(arn).map(|listener| listener.rules.keys().copied().collect()).unwrap_or_default()
    }

    /// A listener's tags.
    pub fn listener_tags(&self, arn: &ListenerArn) -> Tags {
        self.world.listeners.get(arn).map(|listener| listener.tags.clone()).unwrap_or_default()
    }

    /// Every target group.
    pub fn target_groups(&self) -> Vec<TargetGroup> {
        self.world.target_groups.values().map(|group| group.describe(self.world.balancer_of(&group.arn))).collect()
    }

    /// The target group of that name.
    pub fn target_group(&self, name: &str) -> Option<TargetGroup> {
        self.target_groups().into_iter().find(|group| group.name == name)
    }

    /// A target group's attributes.
    pub fn target_group_attributes(&self, arn: &TargetGroupArn) -> BTreeMap<String, String> {
        self.world.target_groups.get(arn).map(|group| group.attributes.clone()).unwrap_or_default()
    }

    /// A target group's tags.
    pub fn target_group_tags(&self, arn: &TargetGroupArn) -> Tags {
        self.world.target_groups.get(arn).map(|group| group.tags.clone()).unwrap_or_default()
    }

    /// The targets of a target group; none if it does not exist.
    pub fn targets(&self, arn: &TargetGroupArn) -> Vec<Target> {
        self.world.target_health(arn, self.at()).unwrap_or_default()
    }

    /// How many targets of a target group are healthy.
    pub fn healthy(&self, arn: &TargetGroupArn) -> usize {
        self.targets(arn).iter().filter(|target| target.health == TargetHealth::Healthy).count()
    }

    /// The world without ids, so that two runs can be compared.
    pub fn canonical(&self, how: &Canonical<'_>) -> String {
        how.render(&self.world)
    }
}
