//! A world as text without ids: two runs that came to the same render alike.
//!
//! A line per fact, sorted. What is known by name (groups, load balancers, target groups) stands under it; instances stand
//! under their zone and tags. Left out: ids, addresses, times, terminated instances.

use aws_api::ec2::{InstanceState, Peer, Rule};
use aws_api::elbv2::TargetHealth;
use aws_api::id::{InstanceId, SecurityGroupId};
use aws_api::{Ref, Tags};

use super::actions::Action;
use super::instances::InstanceRecord;
use super::listeners::word;
use super::world::World;

/// How a world is rendered.
pub struct Canonical<'a> {
    /// Tags that differ from run to run, such as those with a uid or an intent.
    pub without_tags: &'a [&'a str],
    /// Rewrites names and values of tags, for instance to cut off a hash or a slot.
    pub rename: &'a dyn Fn(&str) -> String,
}

impl Default for Canonical<'_> {
    /// All tags, and names as they are.
    fn default() -> Self {
        Self { without_tags: &[], rename: &str::to_owned }
    }
}

impl Canonical<'_> {
    pub(super) fn render(&self, world: &World) -> String {
        let mut lines = Vec::new();
        self.groups(world, &mut lines);
        self.instances(world, &mut lines);
        self.balancers(world, &mut lines);
        self.target_groups(world, &mut lines);
        lines.extend(
            world.lingering.iter().map(|interface| format!("interface left of {}", (self.rename)(&interface.of))),
        );
        lines.sort();
        lines.join("\n")
    }

    fn groups(&self, world: &World, lines: &mut Vec<String>) {
        for group in world.groups.values().filter(|group| group.name != "default") {
            let name = (self.rename)(&group.name);
            lines.push(format!("group {name}: {} {}", (self.rename)(&group.description), self.tags(&group.tags)));
            let sides = [("ingress", &group.ingress), ("egress", &group.egress)];
            for (side, rule) in sides.iter().flat_map(|(side, rules)| rules.iter().map(move |rule| (side, rule))) {
                lines.push(format!("group {name} {side}: {}", self.rule(world, rule)));
            }
        }
    }

    fn instances(&self, world: &World, lines: &mut Vec<String>) {
        let left = |instance: &&std::rc::Rc<InstanceRecord>| instance.state(world.at) != InstanceState::Terminated;
        for instance in world.instances.values().filter(left) {
            let label = self.instance(instance);
            lines.push(format!(
                "{label}: {} {} {} key {:?} profile {:?} tokens {:?} hops {} public {} protected {} data {:?}",
                instance.state(world.at),
                instance.image,
                instance.instance_type,
                instance.key_name,
                instance.profile_shown(world.at),
                instance.http_tokens,
                instance.hop_limit,
                instance.public_ip.is_some(),
                instance.protected,
                instance.user_data_text(),
            ));
            lines.extend(instance.groups.iter().map(|id| format!("{label} in {}", self.group_name(world, id))));
        }
        for volume in world.volumes.values() {
            let owner = volume.attached_to.as_ref().and_then(|id| world.instances.get(id));
            lines.push(format!(
                "volume of {}: {} {} GiB {} encrypted {} goes {} {}",
                owner.map_or_else(|| "nobody".to_owned(), |instance| self.instance(instance)),
                volume.device,
                volume.size_gib,
                volume.volume_type,
                volume.encrypted,
                volume.delete_on_termination,
                self.tags(&volume.tags),
            ));
        }
    }

    fn balancers(&self, world: &World, lines: &mut Vec<String>) {
        for balancer in world.balancers.values() {
            let name = (self.rename)(&balancer.name);
            let state = balancer.life.at(world.at);
            lines.push(format!("alb {name}: {:?} {state} {}", balancer.scheme, self.tags(&balancer.tags)));
            let range = |id| world.config.subnets.get(id).map(|known| known.range.to_string()).unwrap_or_default();
            lines.extend(balancer.subnets.iter().map(|(zone, id)| format!("alb {name} zone {zone}: {}", range(id))));
            lines.extend(balancer.groups.iter().map(|id| format!("alb {name} in {}", self.group_name(world, id))));
            lines.extend(balancer.attributes.iter().map(|(key, value)| format!("alb {name} {key}={value}")));
            for listener in world.listeners_of(&balancer.arn) {
                let (protocol, port) = (word(listener.protocol), listener.port);
                let to = self.action(world, &listener.action);
                lines.push(format!("alb {name} {protocol}:{port} -> {to} {}", self.tags(&listener.tags)));
                lines.extend(listener.rules.iter().map(|(priority, rule)| {
                    let (to, tags) = (self.action(world, &rule.action), self.tags(&rule.tags));
                    format!("alb {name} {protocol}:{port} rule {priority} {:?} -> {to} {tags}", rule.conditions)
                }));
            }
        }
    }

    fn action(&self, world: &World, action: &Action) -> String {
        let each = action.groups().iter().map(|(arn, weight)| {
            let group = world.target_groups.get(arn).map(|group| (self.rename)(&group.name));
            format!("{} ({weight})", group.unwrap_or_else(|| "a group that is gone".to_owned()))
        });
        each.collect::<Vec<_>>().join(" + ")
    }

    fn target_groups(&self, world: &World, lines: &mut Vec<String>) {
        for group in world.target_groups.values() {
            let name = (self.rename)(&group.name);
            let (protocol, port, check) = (word(group.protocol), group.port, &group.health_check);
            lines.push(format!("targets {name}: {protocol}:{port} {check:?} {}", self.tags(&group.tags)));
            lines.extend(group.attributes.iter().map(|(key, value)| format!("targets {name} {key}={value}")));
            for target in world.target_health(&group.arn, world.at).unwrap_or_default() {
                if target.health == TargetHealth::Draining {
                    continue;
                }
                let instance = InstanceId::parse(target.id.as_str()).ok().and_then(|id| world.instances.get(&id));
                let instance = instance.map_or_else(|| "unknown".to_owned(), |instance| self.instance(instance));
                lines.push(format!("targets {name}: {instance} port {} {}", target.port, target.health));
            }
        }
    }

    fn instance(&self, instance: &InstanceRecord) -> String {
        format!("instance in {} {}", instance.zone, self.tags(&instance.tags))
    }

    fn tags(&self, tags: &Tags) -> String {
        let kept = tags.iter().filter(|(key, _)| !self.without_tags.contains(&key.as_str()));
        let each = kept.map(|(key, value)| format!("{key}={}", (self.rename)(value)));
        format!("[{}]", each.collect::<Vec<_>>().join(", "))
    }

    fn rule(&self, world: &World, rule: &Rule) -> String {
        match &rule.peer {
            Peer::Group(Ref::Id(id)) => rule.to_string().replace(id.as_str(), &self.group_name(world, id)),
            Peer::Group(Ref::Made(_)) | Peer::Cidr(_) | Peer::PrefixList(_) => rule.to_string(),
        }
    }

    fn group_name(&self, world: &World, id: &SecurityGroupId) -> String {
        world.groups.get(id).map_or_else(|| "a group that is gone".to_owned(), |group| (self.rename)(&group.name))
    }
}
