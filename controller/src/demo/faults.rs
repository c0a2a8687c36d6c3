//! What a person, or chance, does to the environment: one thing after another, each in words.

use planner::id::InstanceId;
use planner::ownership::TAG_ENVIRONMENT;
use planner::request::{CreateSecurityGroup, Ref, Write};
use planner::resource::{Direction, Instance, Peer, Rule, Tags};
use simulator::SimCloud;
use simulator::cloud::{Answer, App};

/// One way to break it.
pub(super) struct Fault {
    /// Breaks it and says what was done.
    pub(super) break_it: fn(&SimCloud, &str, &InstanceId) -> String,
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
pub(super) fn oldest_member(cloud: &SimCloud, name: &str) -> InstanceId {
    let ours = |instance: &Instance| instance.tags.get(TAG_ENVIRONMENT).map(String::as_str) == Some(name);
    let live = cloud.view().live_instances();
    let oldest = live.into_iter().filter(ours).min_by_key(|instance| instance.launched_at);
    oldest.map(|instance| instance.id).expect("a ready environment has members")
}

/// The demonstration's own hand in the console: the objects are there, since the environment is ready.
const READY: &str = "the environment is ready, so what is broken exists";

fn terminate(cloud: &SimCloud, _: &str, victim: &InstanceId) -> String {
    cloud.console().terminate(victim).expect(READY);
    format!("Somebody terminates {victim}.")
}

fn stop(cloud: &SimCloud, _: &str, victim: &InstanceId) -> String {
    cloud.console().stop(victim).expect(READY);
    format!("Somebody stops {victim}.")
}

fn hang(cloud: &SimCloud, _: &str, victim: &InstanceId) -> String {
    cloud.console().set_app(victim, App::answering(Answer::Slow)).expect(READY);
    format!("The application on {victim} hangs: its health checks time out.")
}

fn deregister(cloud: &SimCloud, _: &str, victim: &InstanceId) -> String {
    let group = &cloud.view().target_groups()[0];
    cloud.console().deregister(&group.arn, victim, group.port.unwrap_or_default()).expect(READY);
    format!("Somebody takes {victim} out of target group {}.", group.name)
}

fn revoke(cloud: &SimCloud, name: &str, _: &InstanceId) -> String {
    let (balancer, instances) = groups(cloud, name);
    let rule = port_8080(Peer::Group(Ref::Id(balancer.id)));
    let told = format!("Somebody removes the rule of {} that lets the load balancer in ({rule}).", instances.name);
    cloud.console().revoke(&instances.id, Direction::Ingress, rule).expect(READY);
    told
}

fn open_to_the_world(cloud: &SimCloud, name: &str, _: &InstanceId) -> String {
    let (_, instances) = groups(cloud, name);
    let rule = port_8080(Peer::Cidr("0.0.0.0/0".parse().expect("a range")));
    let told = format!("Somebody opens {} to the world ({rule}).", instances.name);
    cloud.console().authorize(&instances.id, Direction::Ingress, rule).expect(READY);
    told
}

fn unstick(cloud: &SimCloud, _: &str, _: &InstanceId) -> String {
    let group = &cloud.view().target_groups()[0];
    cloud.console().set_target_group_attribute(&group.arn, "stickiness.enabled", "false").expect(READY);
    format!("Somebody switches off sticky sessions of {}.", group.name)
}

fn delete_listener(cloud: &SimCloud, name: &str, _: &InstanceId) -> String {
    let balancer = balancer(cloud, name);
    let listener = &cloud.view().listeners(&balancer.arn)[0];
    cloud.console().delete_listener(&listener.arn).expect(READY);
    format!("Somebody deletes the listener on port {}.", listener.port)
}

fn uncover_zone(cloud: &SimCloud, name: &str, victim: &InstanceId) -> String {
    let balancer = balancer(cloud, name);
    let zone = cloud.view().instance(victim).expect(READY).zone;
    let kept: Vec<_> =
        balancer.subnets.iter().filter(|(covered, _)| **covered != zone).map(|(_, id)| id.clone()).collect();
    cloud.console().set_subnets(&balancer.arn, &kept).expect(READY);
    format!("Somebody takes {} out of {zone}, where {victim} stands.", balancer.name)
}

fn detach_group(cloud: &SimCloud, name: &str, victim: &InstanceId) -> String {
    let (_, instances) = groups(cloud, name);
    let other = cloud.view().group(OTHER_GROUP).expect(READY);
    cloud.console().set_instance_groups(victim, &[other.id]).expect(READY);
    format!("Somebody puts {victim} into {OTHER_GROUP} in place of {}.", instances.name)
}

/// A group that has nothing to do with the environment.
const OTHER_GROUP: &str = "debug";

/// Makes what the faults need besides the environment.
pub(super) fn prepare(cloud: &SimCloud, name: &str) {
    let (other, description, vpc) = (OTHER_GROUP.to_owned(), "Made by hand".to_owned(), groups(cloud, name).1.vpc);
    let create = CreateSecurityGroup { name: other, description, vpc, tags: Tags::new() };
    cloud.console().write(&Write::CreateSecurityGroup(create)).expect("its name is free");
}

fn port_8080(peer: Peer) -> Rule {
    Rule { protocol: "tcp".into(), from: Some(8080), to: Some(8080), peer }
}

fn balancer(cloud: &SimCloud, name: &str) -> planner::resource::LoadBalancer {
    cloud.view().load_balancer(&format!("{name}-alb")).expect(READY)
}

fn groups(cloud: &SimCloud, name: &str) -> (planner::resource::SecurityGroup, planner::resource::SecurityGroup) {
    let find = |role: &str| cloud.view().group(&format!("{name}-{role}-sg")).expect(READY);
    (find("alb"), find("instance"))
}
