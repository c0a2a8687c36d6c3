//! A person in the AWS console, or misfortune itself: changes made behind the product's back.
//!
//! Everything takes effect at once. What AWS would refuse a person is refused here too, with AWS's code. What only happens
//! to an instance (it fails, its application breaks) never is. Nothing here is counted as a call.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use aws_api::ec2::{ChangeRules, Direction, Peer, Rule, Taggable};
use aws_api::elbv2::{ElbTaggable, TargetHealthCheck};
use aws_api::id::{AmiId, InstanceId, ListenerArn, LoadBalancerArn, SecurityGroupId, SubnetId, TargetGroupArn, Zone};
use aws_api::{Ref, Reply, ResourceId, Write};

use super::SimCloud;
use super::actions::Action;
use super::apps::App;
use super::images::{ImageDevice, ImageRecord, ImageState};
use super::instances::VolumeRecord;
use super::world::{Outcome, Refusal, World};
use crate::timeline::Timeline;

mod forwarding;

/// See the module.
pub struct Console {
    cloud: SimCloud,
}

type Done = Result<(), Refusal>;

impl Console {
    pub(super) fn new(cloud: SimCloud) -> Self {
        Self { cloud }
    }

    /// Does what that call does. What it made, if it makes anything.
    pub fn write(&self, write: &Write) -> Result<Option<ResourceId>, Refusal> {
        self.cloud
            .change(|world| world.apply(write))
            .map(|reply| if let Reply::Made(made) = reply { Some(made) } else { None })
    }

    fn act(&self, act: impl FnOnce(&mut World) -> Outcome<Reply>) -> Done {
        self.cloud.change(act).map(|_| ())
    }

    fn force(&self, act: impl FnOnce(&mut World)) {
        self.cloud
            .change(|world| {
                act(world);
                Ok(())
            })
            .expect("nothing in it refuses");
    }

    // Instances.

    /// Terminates an instance.
    pub fn terminate(&self, instance: &InstanceId) -> Done {
        self.act(|world| world.terminate(instance, "Client.UserInitiatedShutdown"))
    }

    /// The host under an instance fails: it is terminated whatever protects it.
    pub fn lose(&self, instance: &InstanceId) -> Done {
        self.act(|world| {
            let record = world.instance_mut(instance)?;
            record.protected = false;
            if record.settings.stop_protected {
                record.settings_mut().stop_protected = false;
            }
            world.terminate(instance, "Server.InternalError")
        })
    }

    /// Stops an instance.
    pub fn stop(&self, instance: &InstanceId) -> Done {
        self.act(|world| world.stop(instance, "Client.UserInitiatedShutdown"))
    }

    /// Starts a stopped instance.
    pub fn start(&self, instance: &InstanceId) -> Done {
        self.act(|world| world.start(instance))
    }

    /// Switches termination protection.
    pub fn protect(&self, instance: &InstanceId, protected: bool) -> Done {
        self.act(|world| {
            world.instance_mut(instance)?.protected = protected;
            Ok(Reply::Done)
        })
    }

    /// Lets an instance's status checks fail, or pass again.
    pub fn impair(&self, instance: &InstanceId, impaired: bool) -> Done {
        self.act(|world| {
            let at = world.at;
            let known = world.instance_mut(instance)?;
            known.impaired_since = impaired.then(|| known.impaired_since.unwrap_or(at));
            Ok(Reply::Done)
        })
    }

    /// What an instance runs.
    pub fn app(&self, instance: &InstanceId) -> Result<App, Refusal> {
        self.cloud.change(|world| Ok(world.instance_mut(instance)?.app.clone()))
    }

    /// From now on an instance runs this.
    pub fn set_app(&self, instance: &InstanceId, app: App) -> Done {
        self.act(|world| world.set_app(instance, app))
    }

    /// The Redis that instances share goes down, or is back.
    pub fn set_redis_down(&self, down: bool) {
        self.force(|world| world.redis_down = down);
    }

    /// Sets all of an instance's groups.
    pub fn set_instance_groups(&self, instance: &InstanceId, groups: &[SecurityGroupId]) -> Done {
        self.act(|world| world.set_instance_groups(instance, &refs(groups)))
    }

    /// Gives an instance another profile, or takes away the one that it has.
    pub fn set_instance_profile(&self, instance: &InstanceId, profile: Option<&str>) -> Done {
        self.act(|world| world.put_profile(instance, profile))
    }

    // Images and capacity.

    /// From now on instances launched from an image run this.
    pub fn set_image_app(&self, image: &AmiId, app: App) -> Done {
        self.act(|world| {
            world.image_mut(image)?.app = app;
            Ok(Reply::Done)
        })
    }

    /// Bakes an image with one root device, which is available after a while.
    pub fn bake_image(&self, image: &AmiId, app: App, takes: Duration) {
        self.force(|world| {
            let root = ImageDevice { name: "/dev/xvda".into(), delete_on_termination: true };
            let mut life = Timeline::new(world.at, ImageState::Pending);
            life.set(world.at + takes, ImageState::Available);
            let record = ImageRecord::plain(image.clone(), vec![root], life, app, world.at);
            world.images.insert(image.clone(), Rc::new(record));
        });
    }

    /// Deregisters an image.
    pub fn deregister_image(&self, image: &AmiId) -> Done {
        self.act(|world| world.end_image(image))
    }

    /// From now on a zone has room for so many instances of a type (`*`: of any); `None`: for any number.
    pub fn set_capacity(&self, zone: &Zone, instance_type: &str, room: Option<usize>) {
        let key = (zone.clone(), instance_type.to_owned());
        self.force(|world| {
            match room {
                Some(room) => world.capacity.insert(key, room),
                None => world.capacity.remove(&key),
            };
        });
    }

    /// From now on the account may run so many vCPUs; `None`: any number. Those that run already go on.
    pub fn set_vcpu_limit(&self, vcpus: Option<usize>) {
        self.force(|world| world.vcpus = vcpus);
    }

    // Security groups.

    /// Adds a rule.
    pub fn authorize(&self, group: &SecurityGroupId, direction: Direction, rule: Rule) -> Done {
        self.act(|world| world.authorize(&one_rule(group, direction, rule)))
    }

    /// Removes a rule.
    pub fn revoke(&self, group: &SecurityGroupId, direction: Direction, rule: Rule) -> Done {
        self.act(|world| world.revoke(&one_rule(group, direction, rule)))
    }

    /// Deletes a group; first takes it from every instance, load balancer and rule that has it, as far as AWS lets one. Interfaces of
    /// deleted load balancers are not waited for, so it may still be refused.
    pub fn delete_group(&self, group: &SecurityGroupId) -> Done {
        self.act(|world| {
            let named = Peer::Group(Ref::Id(group.clone()));
            for other in world.groups.keys().cloned().collect::<Vec<_>>() {
                let record = world.group_mut(&other)?;
                record.ingress.retain(|rule| rule.peer != named);
                record.egress.retain(|rule| rule.peer != named);
            }
            for id in world.instances.keys().cloned().collect::<Vec<_>>() {
                let instance = world.instance_mut(&id)?;
                if instance.groups.remove(group) && instance.groups.is_empty() {
                    let vpc = instance.vpc.clone();
                    let default = world.default_group(&vpc);
                    world.instance_mut(&id)?.groups.extend(default);
                }
            }
            for arn in world.balancers.keys().cloned().collect::<Vec<_>>() {
                let balancer = world.balancer_mut(&arn)?;
                if balancer.groups.remove(group) && balancer.groups.is_empty() {
                    let vpc = balancer.vpc.clone();
                    let default = world.default_group(&vpc);
                    world.balancer_mut(&arn)?.groups.extend(default);
                }
            }
            world.delete_group(group)
        })
    }

    // Load balancers and listeners.

    /// Sets one attribute of a load balancer.
    pub fn set_load_balancer_attribute(&self, load_balancer: &LoadBalancerArn, name: &str, value: &str) -> Done {
        let attributes = [(name.to_owned(), value.to_owned())].into();
        self.act(|world| world.set_balancer_attributes(&Ref::Id(load_balancer.clone()), &attributes))
    }

    /// Sets all of a load balancer's subnets.
    pub fn set_subnets(&self, load_balancer: &LoadBalancerArn, subnets: &[SubnetId]) -> Done {
        self.act(|world| world.set_subnets(load_balancer, &subnets.iter().cloned().collect()))
    }

    /// Sets all of a load balancer's groups.
    pub fn set_load_balancer_groups(&self, load_balancer: &LoadBalancerArn, groups: &[SecurityGroupId]) -> Done {
        self.act(|world| world.set_balancer_groups(load_balancer, &refs(groups)))
    }

    /// Deletes a load balancer, its deletion protection switched off first.
    pub fn delete_load_balancer(&self, load_balancer: &LoadBalancerArn) -> Done {
        self.act(|world| {
            let off = [("deletion_protection.enabled".to_owned(), "false".to_owned())].into();
            world.set_balancer_attributes(&Ref::Id(load_balancer.clone()), &off)?;
            world.delete_balancer(load_balancer)
        })
    }

    /// Lets a listener answer by itself instead of forwarding.
    pub fn respond_fixed(&self, listener: &ListenerArn) -> Done {
        self.act(|world| {
            world.listener_mut(listener)?.action = Action::respond("503");
            Ok(Reply::Done)
        })
    }

    /// Moves a listener to another port.
    pub fn move_listener(&self, listener: &ListenerArn, port: u16) -> Done {
        self.act(|world| world.move_listener(listener, port))
    }

    /// Deletes a listener.
    pub fn delete_listener(&self, listener: &ListenerArn) -> Done {
        self.act(|world| world.delete_listener(listener))
    }

    // Target groups.

    /// Sets one attribute of a target group.
    pub fn set_target_group_attribute(&self, target_group: &TargetGroupArn, name: &str, value: &str) -> Done {
        self.set_target_group_attributes(target_group, &[(name, value)])
    }

    /// Sets several attributes of a target group at once: some go only together.
    pub fn set_target_group_attributes(&self, target_group: &TargetGroupArn, attributes: &[(&str, &str)]) -> Done {
        let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.act(|world| world.set_target_group_attributes(&Ref::Id(target_group.clone()), &attributes))
    }

    /// Changes a target group's health check.
    pub fn change_health_check(
        &self,
        target_group: &TargetGroupArn,
        change: impl FnOnce(&mut TargetHealthCheck),
    ) -> Done {
        self.act(|world| {
            let mut check = world.target_group(target_group)?.health_check.clone();
            change(&mut check);
            world.set_health_check(target_group, &check)
        })
    }

    /// Registers an instance.
    pub fn register(&self, target_group: &TargetGroupArn, instance: &InstanceId, port: u16) -> Done {
        let instances = BTreeSet::from([instance.clone()]);
        self.act(|world| world.register(&Ref::Id(target_group.clone()), &instances, port))
    }

    /// Deregisters an instance.
    pub fn deregister(&self, target_group: &TargetGroupArn, instance: &InstanceId, port: u16) -> Done {
        let targets = BTreeSet::from([(instance.to_string(), port)]);
        self.act(|world| world.deregister(target_group, &targets))
    }

    /// Deletes a target group, and first the listeners that forward to it.
    pub fn delete_target_group(&self, target_group: &TargetGroupArn) -> Done {
        self.act(|world| {
            let listeners = world.listeners.values().filter(|l| l.uses(target_group));
            for listener in listeners.map(|l| l.arn.clone()).collect::<Vec<_>>() {
                world.delete_listener(&listener)?;
            }
            world.delete_target_group(target_group)
        })
    }

    // Tags.

    /// Sets a tag of an instance or a group.
    pub fn tag(&self, resource: &Taggable, key: &str, value: &str) -> Done {
        self.act(|world| world.create_tags(resource, &[(key.to_owned(), value.to_owned())].into()))
    }

    /// Removes tags of an instance or a group.
    pub fn untag(&self, resource: &Taggable, keys: &[&str]) -> Done {
        self.act(|world| world.delete_tags(resource, &keys.iter().map(|key| (*key).to_owned()).collect()))
    }

    /// Removes every tag of an instance and of its volumes.
    pub fn untag_with_volumes(&self, instance: &InstanceId) -> Done {
        self.act(|world| {
            let of = |(id, volume): (&String, &Rc<VolumeRecord>)| {
                (volume.attached_to.as_ref() == Some(instance)).then(|| id.clone())
            };
            let ids: Vec<String> = world.volumes.iter().filter_map(of).chain([instance.to_string()]).collect();
            world.untag_all(&ids, |_, _| true)?;
            Ok(Reply::Done)
        })
    }

    /// Sets a tag of an ELBv2 resource.
    pub fn tag_elb(&self, resource: &ElbTaggable, key: &str, value: &str) -> Done {
        self.act(|world| world.add_tags(resource, &[(key.to_owned(), value.to_owned())].into()))
    }

    /// Removes tags of an ELBv2 resource.
    pub fn untag_elb(&self, resource: &ElbTaggable, keys: &[&str]) -> Done {
        self.act(|world| world.remove_tags(resource, &keys.iter().map(|key| (*key).to_owned()).collect()))
    }
}

fn refs(groups: &[SecurityGroupId]) -> BTreeSet<Ref<SecurityGroupId>> {
    groups.iter().cloned().map(Ref::Id).collect()
}

fn one_rule(group: &SecurityGroupId, direction: Direction, rule: Rule) -> ChangeRules {
    ChangeRules { group: Ref::Id(group.clone()), direction, rules: BTreeSet::from([rule]) }
}
