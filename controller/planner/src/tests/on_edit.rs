//! What the schema states of an edit of each field is what the planner does.

use crds_schema::spec::*;
use crds_schema::{OnEdit, Spec};

use super::world::*;
use crate::fixed::refused;
use crate::reason::Reason;

type Edit = fn(&mut Spec);

/// The record that is edited: what can be absent is there, so that what is in it can be edited.
fn record(spec: &mut Spec) {
    spec.instances.user_data = Some("#!/bin/sh".into());
    spec.instances.block_devices = vec![disk()];
    spec.services[0].stickiness = Some(serde_json::from_str("{}").unwrap());
    spec.redis = Some(redis("redis.example:6379"));
}

fn disk() -> BlockDevice {
    serde_json::from_str(r#"{"sizeGiB": 30, "type": "gp3", "encrypted": true}"#).unwrap()
}

fn redis(endpoint: &str) -> Redis {
    serde_json::from_value(serde_json::json!({ "endpoint": endpoint })).unwrap()
}

fn source(cidr: &str) -> AccessEntry {
    AccessEntry { cidr: Some(cidr.parse().unwrap()), ..AccessEntry::default() }
}

fn subnets(spec: &mut Spec, names: &[&str]) {
    spec.network.vpc_id = Some("vpc-1".into());
    spec.network.subnet_ids = names.iter().map(|name| (*name).into()).collect();
}

/// An edit of the field, with what has to be edited beside it.
fn edit_of(path: &str) -> Edit {
    let part = path.trim_start_matches("spec.").split(['.', '[']).next().unwrap_or_default();
    let edit: Option<Edit> = match part {
        "instances" => of_instances(path),
        "services" => of_services(path),
        "loadBalancer" | "securityGroups" | "access" | "network" => of_network(path),
        _ => of_the_rest(path),
    };
    edit.unwrap_or_else(|| panic!("{path} states what an edit does: write an edit of it here"))
}

fn of_instances(path: &str) -> Option<Edit> {
    Some(match path {
        "spec.instances.count" => |spec| spec.instances.count = 3,
        "spec.instances.types" => |spec| spec.instances.types = vec!["t3.large".into()],
        "spec.instances.keyName" => |spec| spec.instances.key_name = Some("other".into()),
        "spec.instances.instanceProfile" => |spec| spec.instances.instance_profile = Some("other".into()),
        "spec.instances.userData" => |spec| spec.instances.user_data = Some("#!/bin/bash".into()),
        "spec.instances.userDataBase64" => |spec| {
            spec.instances.user_data = Some("H4sIAAAA".into());
            spec.instances.user_data_base64 = true;
        },
        "spec.instances.securityGroupIds" => |spec| spec.instances.security_group_ids = vec!["sg-other".into()],
        "spec.instances.metadataOptions.httpTokens" => {
            |spec| spec.instances.metadata_options.http_tokens = HttpTokens::Optional
        }
        "spec.instances.metadataOptions.hopLimit" => |spec| spec.instances.metadata_options.hop_limit = 3,
        "spec.instances.blockDevices" => {
            |spec| spec.instances.block_devices.push(BlockDevice { device: Some("/dev/sdf".into()), ..disk() })
        }
        "spec.instances.blockDevices[].device" => {
            |spec| spec.instances.block_devices[0].device = Some("/dev/sda1".into())
        }
        "spec.instances.blockDevices[].sizeGiB" => |spec| spec.instances.block_devices[0].size_gib = Some(40),
        "spec.instances.blockDevices[].type" => |spec| spec.instances.block_devices[0].volume_type = Some("gp2".into()),
        "spec.instances.blockDevices[].encrypted" => |spec| spec.instances.block_devices[0].encrypted = None,
        "spec.instances.blockDevices[].deleteOnTermination" => {
            |spec| spec.instances.block_devices[0].delete_on_termination = false
        }
        "spec.instances.associatePublicIp" => |spec| spec.instances.associate_public_ip = Some(true),
        _ => return None,
    })
}

fn of_services(path: &str) -> Option<Edit> {
    Some(match path {
        // The listeners forward to the service by its name.
        "spec.services[].name" | "spec.loadBalancer.listeners[].default.forward" => |spec| {
            spec.services[0].name = "api".into();
            spec.load_balancer.listeners[0].default.forward = Some("api".into());
        },
        "spec.services[].port" => |spec| spec.services[0].port = 9090,
        "spec.services[].targetGroupName" => |spec| spec.services[0].target_group_name = Some("other".into()),
        "spec.services[].healthCheck.path" => |spec| spec.services[0].health_check.path = "/other".into(),
        "spec.services[].healthCheck.port" => |spec| spec.services[0].health_check.port = HealthCheckPort::Port(9090),
        "spec.services[].healthCheck.interval" => {
            |spec| spec.services[0].health_check.interval = "60s".parse().unwrap()
        }
        "spec.services[].healthCheck.timeout" => |spec| spec.services[0].health_check.timeout = "7s".parse().unwrap(),
        "spec.services[].healthCheck.healthyThreshold" => |spec| spec.services[0].health_check.healthy_threshold = 3,
        "spec.services[].healthCheck.unhealthyThreshold" => {
            |spec| spec.services[0].health_check.unhealthy_threshold = 3
        }
        "spec.services[].healthCheck.matcher" => |spec| spec.services[0].health_check.matcher = "204".into(),
        "spec.services[].stickiness" => |spec| spec.services[0].stickiness = None,
        "spec.services[].stickiness.duration" => {
            |spec| spec.services[0].stickiness = Some(serde_json::from_str(r#"{"duration": "1h"}"#).unwrap())
        }
        "spec.services[].deregistrationDelay" => |spec| spec.services[0].deregistration_delay = "90s".parse().unwrap(),
        "spec.services[].slowStart" => |spec| spec.services[0].slow_start = "30s".parse().unwrap(),
        "spec.services[].algorithm" => |spec| spec.services[0].algorithm = Algorithm::LeastOutstandingRequests,
        _ => return None,
    })
}

fn of_network(path: &str) -> Option<Edit> {
    Some(match path {
        "spec.network.vpcId" => |spec| spec.network.vpc_id = Some("vpc-2".into()),
        // One member is in the zone that is no longer listed.
        "spec.network.subnetIds" => |spec| subnets(spec, &["subnet-b", "subnet-c"]),
        "spec.loadBalancer.name" => |spec| spec.load_balancer.name = Some("other".into()),
        "spec.loadBalancer.scheme" => |spec| spec.load_balancer.scheme = Scheme::Internal,
        "spec.loadBalancer.listeners" => |spec| {
            let second = Listener { port: 81, ..spec.load_balancer.listeners[0].clone() };
            spec.load_balancer.listeners.push(second);
        },
        "spec.loadBalancer.listeners[].port" => |spec| spec.load_balancer.listeners[0].port = 81,
        "spec.loadBalancer.listeners[].default.forward" => return of_services(path),
        "spec.loadBalancer.idleTimeout" => |spec| spec.load_balancer.idle_timeout = "90s".parse().unwrap(),
        "spec.loadBalancer.deletionProtection" => |spec| spec.load_balancer.deletion_protection = true,
        "spec.securityGroups.loadBalancer.name" => |spec| spec.security_groups.load_balancer.name = Some("a".into()),
        "spec.securityGroups.instances.name" => |spec| spec.security_groups.instances.name = Some("b".into()),
        "spec.access.loadBalancer" => |spec| spec.access.load_balancer.push(source("198.51.100.0/24")),
        "spec.access.loadBalancer[].cidr" => |spec| spec.access.load_balancer[0] = source("198.51.100.0/24"),
        "spec.access.ssh" => |spec| spec.access.ssh.clear(),
        "spec.access.ssh[].cidr" => |spec| spec.access.ssh[0] = source("198.51.100.0/24"),
        _ => return None,
    })
}

fn of_the_rest(path: &str) -> Option<Edit> {
    Some(match path {
        "spec.region" => |spec| spec.region = Some("eu-west-1".into()),
        "spec.tags" => |spec| {
            spec.tags.insert("Team".into(), "shop".into());
        },
        "spec.image.amiId" => |spec| spec.image.ami_id = Some("ami-0fedcba9876543210".into()),
        "spec.redis" => |spec| spec.redis = None,
        "spec.redis.endpoint" => |spec| spec.redis = Some(redis("other.example:6379")),
        "spec.healing.gracePeriod" => |spec| spec.healing.grace_period = "10m".parse().unwrap(),
        "spec.healing.unhealthyFor" => |spec| spec.healing.unhealthy_for = "10m".parse().unwrap(),
        "spec.healing.maxUnhealthy" => |spec| spec.healing.max_unhealthy = "10%".parse().unwrap(),
        "spec.healing.maxTerminationsPerHour" => |spec| spec.healing.max_terminations_per_hour = 1,
        "spec.rollout.maxSurge" => |spec| spec.rollout.max_surge = "50%".parse().unwrap(),
        "spec.rollout.maxUnavailable" => |spec| spec.rollout.max_unavailable = "50%".parse().unwrap(),
        "spec.rollout.bakeTime" => |spec| spec.rollout.bake_time = "10m".parse().unwrap(),
        "spec.deletionPolicy" => |spec| spec.deletion_policy = DeletionPolicy::Retain,
        "spec.paused" => |spec| spec.paused = true,
        _ => return None,
    })
}

/// What the planner does about an edit, and the fields that are refused of it.
fn done(record: impl FnOnce(&mut Spec), edit: impl Fn(&mut Spec)) -> (OnEdit, Vec<String>) {
    let mut world = World::healthy_with(2, record);
    let mut spec = world.spec().clone();
    edit(&mut spec);
    assert_ne!(spec, *world.spec(), "the edit is none");
    let faults = refused("shop", "hash-2", &spec, &world.record.status, false);
    if !faults.is_empty() {
        return (OnEdit::Refused, faults.into_iter().map(|fault| fault.path).collect());
    }
    let mut world = world.edited(edit);
    let plan = world.pass();
    let does = |reason: Reason| plan.actions.iter().any(|action| action.why.reason == reason);
    let done = match (does(Reason::MemberOutdated), does(Reason::TargetGroupReplaced)) {
        (true, true) => panic!("it replaces both: {plan}"),
        (true, false) => OnEdit::ReplacesInstances,
        (false, true) => OnEdit::ReplacesTargetGroup,
        (false, false) if plan.actions.is_empty() => OnEdit::Followed,
        (false, false) => OnEdit::InPlace,
    };
    (done, Vec::new())
}

#[test]
fn an_edit_of_a_field_does_what_the_field_states() {
    let stated: Vec<_> =
        crds_schema::reference::on_edits().into_iter().filter(|(path, _)| path.starts_with("spec.")).collect();
    assert!(stated.len() > 55, "{} fields", stated.len());
    for (path, stated) in stated {
        let (does, faults) = done(record, edit_of(&path));
        assert_eq!(does, stated, "{path}");
        let named: Vec<String> = if stated == OnEdit::Refused { vec![path.replace("[]", "[0]")] } else { Vec::new() };
        assert_eq!(faults, named, "{path}");
    }
}

#[test]
fn a_target_group_with_a_set_name_takes_another_service_and_no_other_port() {
    let named = |spec: &mut Spec| spec.services[0].target_group_name = Some("shop-targets".into());
    assert_eq!(done(named, edit_of("spec.services[].name")).0, OnEdit::Followed);
    let (does, faults) = done(named, edit_of("spec.services[].port"));
    assert_eq!((does, faults), (OnEdit::Refused, vec!["spec.services[0].port".to_owned()]));
    let both =
        |spec: &mut Spec| (spec.services[0].port, spec.services[0].target_group_name) = (9090, Some("next".into()));
    assert_eq!(done(named, both).0, OnEdit::ReplacesTargetGroup);
}

#[test]
fn instances_stay_whose_subnet_is_still_listed() {
    assert_eq!(done(record, |spec| subnets(spec, &["subnet-a", "subnet-b"])).0, OnEdit::InPlace);
}

#[test]
fn user_data_that_is_the_same_text_in_base64_replaces_nobody() {
    let encoded = |spec: &mut Spec| {
        spec.instances.user_data = Some("IyEvYmluL3No".into());
        spec.instances.user_data_base64 = true;
    };
    assert_eq!(done(record, encoded).0, OnEdit::Followed);
}
