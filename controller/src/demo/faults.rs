//! What a person, or chance, does to the environment: one thing after another, each in words.

use aws_api::ec2::{CreateSecurityGroup, Direction, Instance, Peer, Rule, SecurityGroup, SecurityGroupWrite};
use aws_api::elbv2::LoadBalancer;
use aws_api::id::InstanceId;
use aws_api::{Ref, Tags, Write};
use planner::ownership::TAG_ENVIRONMENT;
use simulator::SimCloud;
use simulator::cloud::{Answer, App};

/// What was done, in words. `None`: what was to be broken is not there, since somebody else changes the environment too.
type Told = Option<String>;

/// One way to break it.
pub(super) struct Fault {
    /// Breaks it and says what was done.
    pub(super) break_it: fn(&SimCloud, &str, &InstanceId) -> Told,
    /// Whether the member that it befell must go.
    pub(super) replaces: bool,
}

/// In the order in which they come.
pub(super) const FAULTS: &[Fault] = &[
    Fault { break_it: terminate, replaces: true },
    Fault { break_it: deregister, replaces: false },
    Fault { break_it: revoke, replaces: false },
    Fault { break_it: open_to_the_world, replaces: false },
    Fault { break_it: unstick, replaces: false },
    Fault { break_it: delete_listener, replaces: false },
    Fault { break_it: uncover_zone, replaces: false },
    Fault { break_it: detach_group, replaces: false },
    Fault { break_it: stop, replaces: true },
    Fault { break_it: hang, replaces: true },
];

/// The member that has been there for longest: it is past its grace.
pub(super) fn oldest_member(cloud: &SimCloud, name: &str) -> Option<InstanceId> {
    let ours = |instance: &Instance| instance.tags.get(TAG_ENVIRONMENT).map(String::as_str) == Some(name);
    let live = cloud.view().live_instances();
    live.into_iter().filter(ours).min_by_key(|instance| instance.launched_at).map(|instance| instance.id)
}

fn terminate(cloud: &SimCloud, _: &str, victim: &InstanceId) -> Told {
    cloud.console().terminate(victim).ok()?;
    Some(format!("Somebody terminates {victim}."))
}

fn stop(cloud: &SimCloud, _: &str, victim: &InstanceId) -> Told {
    cloud.console().stop(victim).ok()?;
    Some(format!("Somebody stops {victim}."))
}

fn hang(cloud: &SimCloud, _: &str, victim: &InstanceId) -> Told {
    cloud.console().set_app(victim, App::answering(Answer::Slow)).ok()?;
    Some(format!("The application on {victim} hangs: its health checks time out."))
}

fn deregister(cloud: &SimCloud, _: &str, victim: &InstanceId) -> Told {
    let group = cloud.view().target_groups().into_iter().next()?;
    cloud.console().deregister(&group.arn, victim, group.port.unwrap_or_default()).ok()?;
    Some(format!("Somebody takes {victim} out of target group {}.", group.name))
}

fn revoke(cloud: &SimCloud, name: &str, _: &InstanceId) -> Told {
    let (balancer, instances) = groups(cloud, name)?;
    let rule = port_8080(Peer::Group(Ref::Id(balancer.id)));
    let told = format!("Somebody removes the rule of {} that lets the load balancer in ({rule}).", instances.name);
    cloud.console().revoke(&instances.id, Direction::Ingress, rule).ok()?;
    Some(told)
}

fn open_to_the_world(cloud: &SimCloud, name: &str, _: &InstanceId) -> Told {
    let (_, instances) = groups(cloud, name)?;
    let rule = port_8080(Peer::Cidr("0.0.0.0/0".parse().expect("a range")));
    let told = format!("Somebody opens {} to the world ({rule}).", instances.name);
    cloud.console().authorize(&instances.id, Direction::Ingress, rule).ok()?;
    Some(told)
}

fn unstick(cloud: &SimCloud, _: &str, _: &InstanceId) -> Told {
    let group = cloud.view().target_groups().into_iter().next()?;
    cloud.console().set_target_group_attribute(&group.arn, "stickiness.enabled", "false").ok()?;
    Some(format!("Somebody switches off sticky sessions of {}.", group.name))
}

fn delete_listener(cloud: &SimCloud, name: &str, _: &InstanceId) -> Told {
    let balancer = balancer(cloud, name)?;
    let listener = cloud.view().listeners(&balancer.arn).into_iter().next()?;
    cloud.console().delete_listener(&listener.arn).ok()?;
    Some(format!("Somebody deletes the listener on port {}.", listener.port))
}

fn uncover_zone(cloud: &SimCloud, name: &str, victim: &InstanceId) -> Told {
    let balancer = balancer(cloud, name)?;
    let zone = cloud.view().instance(victim)?.zone;
    let kept: Vec<_> =
        balancer.subnets.iter().filter(|(covered, _)| **covered != zone).map(|(_, id)| id.clone()).collect();
    cloud.console().set_subnets(&balancer.arn, &kept).ok()?;
    Some(format!("Somebody takes {} out of {zone}, where {victim} stands.", balancer.name))
}

fn detach_group(cloud: &SimCloud, name: &str, victim: &InstanceId) -> Told {
    let (_, instances) = groups(cloud, name)?;
    let other = cloud.view().group(OTHER_GROUP)?;
    cloud.console().set_instance_groups(victim, &[other.id]).ok()?;
    Some(format!("Somebody puts {victim} into {OTHER_GROUP} in place of {}.", instances.name))
}

/// A group that has nothing to do with the environment.
const OTHER_GROUP: &str = "debug";

/// Makes what the faults need besides the environment, unless somebody has made it already. `None`: as of [`Told`].
pub(super) fn prepare(cloud: &SimCloud, name: &str) -> Option<()> {
    let (other, description, vpc) = (OTHER_GROUP.to_owned(), "Made by hand".to_owned(), groups(cloud, name)?.1.vpc);
    if cloud.view().group(&other).is_none() {
        let create = CreateSecurityGroup { name: other, description, vpc, tags: Tags::new() };
        cloud.console().write(&Write::SecurityGroup(SecurityGroupWrite::Create(create))).ok()?;
    }
    Some(())
}

fn port_8080(peer: Peer) -> Rule {
    Rule { protocol: "tcp".into(), from: Some(8080), to: Some(8080), peer }
}

fn balancer(cloud: &SimCloud, name: &str) -> Option<LoadBalancer> {
    cloud.view().load_balancer(&format!("{name}-alb"))
}

/// The load balancer's group, and the instances'.
fn groups(cloud: &SimCloud, name: &str) -> Option<(SecurityGroup, SecurityGroup)> {
    let find = |role: &str| cloud.view().group(&format!("{name}-{role}-sg"));
    find("alb").zip(find("instance"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use simulator::{Builder, VirtualClock};

    use super::*;

    #[test]
    fn what_is_not_there_is_not_broken() {
        let cloud = Builder::new(1).build(&VirtualClock::default());
        let nobody = InstanceId::parse("i-0123456789abcdef0").unwrap();
        assert_eq!((oldest_member(&cloud, "shop"), prepare(&cloud, "shop")), (None, None));
        for fault in FAULTS {
            assert_eq!((fault.break_it)(&cloud, "shop", &nobody), None);
        }
    }
}
