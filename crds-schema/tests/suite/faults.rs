//! Faults of single fields, in their exact words.

use crds_schema::{Fault, parse};
use insta::assert_snapshot;
use serde_json::json;

use crate::{faults, faults_with, minimal, with};

#[test]
fn a_count_below_zero_names_its_field_and_zero_is_one() {
    assert!(parse(&with(minimal(), "spec.instances.count", json!(0))).is_ok());
    assert_snapshot!(faults_with(&[("spec.instances.count", json!(-3))]), @"spec.instances.count: -3 is out of range; write 0 to 1000");
    assert_snapshot!(faults_with(&[("spec.instances.count", json!(1001))]), @"spec.instances.count: 1001 is out of range; write 0 to 1000");
    assert_snapshot!(faults_with(&[("spec.instances.count", json!(u64::MAX))]), @"spec.instances.count: 18446744073709551615 is out of range; write 0 to 1000");
}

#[test]
fn a_whole_number_may_be_written_with_a_fraction_of_zero() {
    assert_eq!(parse(&with(minimal(), "spec.instances.count", json!(2.0))), parse(&minimal()));
    assert_snapshot!(faults_with(&[("spec.instances.count", json!(2.5))]), @"spec.instances.count: must be a whole number, not a number with a fraction; write it like `2`");
}

/// One document with a fault of every kind: none hides another.
#[test]
fn all_faults_are_told_at_once() {
    assert_snapshot!(faults(&json!({
        "apiVersion": "understudy.dev/v2",
        "kind": "Environment",
        "metadata": {"name": "Chat_MRPT", "lables": {}},
        "spec": {
            "image": {},
            "instances": {"cuont": 2, "types": "t3.medium", "userData": 7},
            "services": [{"port": 70000, "healthCheck": {"interval": "10", "timeout": "3m", "matcher": 200}, "stickiness": {"duration": "8d"}}],
            "loadBalancer": {"listeners": [{"port": 80, "default": {"forward": "api"}}, {"port": 80}]},
            "access": {"ssh": [{"cidr": "203.0.113.7/24"}]},
            "paused": "no",
        },
    })), @r#"
    apiVersion: `understudy.dev/v2` is not known; write `understudy.dev/v1alpha1`
    kind: `Environment` is not known; write `StagingEnvironment`
    metadata.lables: unknown field; write `labels`
    metadata.name: `Chat_MRPT` is not an environment's name (a-z, 0-9 and `-`, at most 28, no `-` at either end); write it like `chatmrpt-staging`
    spec.access.loadBalancer: missing for an internet-facing load balancer; say who may reach it, for example `[{cidr: 0.0.0.0/0}]` for everybody
    spec.access.ssh[0].cidr: `203.0.113.7/24` has host bits set; write `203.0.113.0/24`
    spec.image: names no image; add `amiId: ami-...`
    spec.instances.count: missing; add it, for example `count: 2`
    spec.instances.cuont: unknown field; write `count`
    spec.instances.types: must be a list, not a text; write it like `[t3.medium]`
    spec.instances.userData: must be a text, not a number; put it in quotes: `"7"`
    spec.loadBalancer.listeners[0].default.forward: there is no service `api`; write `web`, or name the service so
    spec.loadBalancer.listeners[1].port: 80 is the port of listeners[0] too; use another port, or leave this listener out
    spec.paused: must be `true` or `false`, not a text; write `false`
    spec.services[0].healthCheck.interval: `10` is not a duration; write `10s`
    spec.services[0].healthCheck.matcher: must be a text, not a number; put it in quotes: `"200"`
    spec.services[0].healthCheck.timeout: 3m is out of range; write 2s to 120s
    spec.services[0].port: 70000 is out of range; write 1 to 65535
    spec.services[0].stickiness.duration: 8d is out of range; write 1s to 7d
    "#);
}

#[test]
fn an_empty_document_is_told_all_that_it_needs() {
    assert_snapshot!(faults(&json!({})), @r"
    apiVersion: missing; write `apiVersion: understudy.dev/v1alpha1`
    kind: missing; write `kind: StagingEnvironment`
    metadata: missing; add it, for example `metadata: {name: chatmrpt-staging}`
    spec: missing; add it, for example `spec: {image: {amiId: ami-0fa4480bc2fe38b14}, instances: {count: 2, types: [t3.medium]}, services: [{port: 8080}]}`
    ");
    assert_snapshot!(faults(&json!({"apiVersion": "understudy.dev/v1alpha1", "kind": "StagingEnvironment", "metadata": {}, "spec": {}})), @r"
    metadata.name: missing; add it, for example `name: chatmrpt-staging`
    spec.access.loadBalancer: missing for an internet-facing load balancer; say who may reach it, for example `[{cidr: 0.0.0.0/0}]` for everybody
    spec.image: missing; add it, for example `image: {amiId: ami-0fa4480bc2fe38b14}`
    spec.instances: missing; add it, for example `instances: {count: 2, types: [t3.medium]}`
    spec.services: missing; add it, for example `services: [{port: 8080}]`
    ");
    assert_snapshot!(faults(&json!({"spec": {"instances": {}, "services": [], "image": []}})), @r"
    apiVersion: missing; write `apiVersion: understudy.dev/v1alpha1`
    kind: missing; write `kind: StagingEnvironment`
    metadata: missing; add it, for example `metadata: {name: chatmrpt-staging}`
    spec.access.loadBalancer: missing for an internet-facing load balancer; say who may reach it, for example `[{cidr: 0.0.0.0/0}]` for everybody
    spec.image: must be a map, not a list; write it like `{amiId: ami-0fa4480bc2fe38b14}`
    spec.instances.count: missing; add it, for example `count: 2`
    spec.instances.types: missing; add it, for example `types: [t3.medium]`
    spec.services: is empty; add an entry, for example `[{port: 8080}]`
    ");
    assert_snapshot!(faults(&json!([])), @"document: is not a map; write a map that begins with `apiVersion:`");
}

#[test]
fn an_unknown_field_is_told_the_nearest_known_name() {
    assert_snapshot!(faults_with(&[
        ("spec.loadbalancer", json!({})),
        ("spec.instances.keypair", json!("x")),
        ("spec.services[0].healthcheck", json!({})),
        ("spec.zzz", json!(1)),
        ("metadata.namespace", json!("default")),
    ]), @r"
    metadata.namespace: unknown field; remove it; known here: labels, name
    spec.instances.keypair: unknown field; write `keyName`
    spec.loadbalancer: unknown field; write `loadBalancer`
    spec.services[0].healthcheck: unknown field; write `healthCheck`
    spec.zzz: unknown field; remove it; known here: access, deletionPolicy, healing, image, instances, loadBalancer, network, paused, redis, region, rollout, securityGroups, services, tags
    ");
}

#[test]
fn a_null_is_no_use_of_a_field_but_a_required_one_is_missing() {
    let nulls = [
        "spec.region",
        "spec.tags",
        "spec.redis",
        "spec.loadBalancer",
        "spec.paused",
        "spec.unheard",
        "status",
        "metadata.labels",
    ];
    let document = nulls.iter().fold(minimal(), |document, path| with(document, path, json!(null)));
    assert_eq!(parse(&document), parse(&minimal()));
    assert_snapshot!(faults_with(&[("spec.instances.types", json!(null)), ("spec.services[0]", json!(null))]), @r"
    spec.instances.types: missing; add it, for example `types: [t3.medium]`
    spec.services[0]: must be a map, not empty; write it like `{port: 8080}`
    ");
}

#[test]
fn what_the_server_sets_is_ignored() {
    let set = [
        ("status", json!({"desired": 2})),
        ("pk", json!("minimal")),
        ("sk", json!("SPEC")),
        ("metadata.uid", json!("env-1")),
        ("metadata.generation", json!(4)),
        ("metadata.creationTimestamp", json!("2026-11-24T08:00:00Z")),
        ("metadata.resourceVersion", json!("9")),
    ];
    let document = set.iter().fold(minimal(), |document, (path, value)| with(document, path, value.clone()));
    assert_eq!(parse(&document), parse(&minimal()));
}

#[test]
fn a_wrong_type_is_told_what_to_write() {
    assert_snapshot!(faults_with(&[
        ("spec.tags", json!({"CostCenter": 42, "on": true, "list": ["x"]})),
        ("spec.services[0].healthCheck", json!({"matcher": 200, "interval": 30, "path": {}, "healthyThreshold": "3"})),
        ("spec.loadBalancer", json!({"listeners": {}, "deletionProtection": "yes", "scheme": 1})),
        ("spec.access.loadBalancer", json!(["0.0.0.0/0"])),
        ("spec.rollout", json!([])),
    ]), @r#"
    spec.access.loadBalancer[0]: must be a map, not a text; write it like `{cidr: "203.0.113.0/24"}`
    spec.loadBalancer.deletionProtection: must be `true` or `false`, not a text; write `true`
    spec.loadBalancer.listeners: must be a list, not a map; write a list, each entry after a `- `
    spec.loadBalancer.scheme: must be a text, not a number; write one of `internet-facing`, `internal`
    spec.rollout: must be a map, not a list; write its fields below it, indented
    spec.services[0].healthCheck.healthyThreshold: must be a whole number, not a text; write the number `3`, without quotes
    spec.services[0].healthCheck.interval: must be a text, not a number; write `30s`
    spec.services[0].healthCheck.matcher: must be a text, not a number; put it in quotes: `"200"`
    spec.services[0].healthCheck.path: must be a text, not a map; write it like `/health`
    spec.tags.CostCenter: must be a text, not a number; put it in quotes: `"42"`
    spec.tags.list: must be a text, not a list; write a text
    spec.tags.on: must be a text, not `true` or `false`; put it in quotes: `"true"`
    "#);
}

#[test]
fn an_impossible_value_is_told_what_is_possible() {
    assert_snapshot!(faults_with(&[
        ("spec.region", json!("Ohio")),
        ("spec.image.amiId", json!("ami-123")),
        ("spec.instances.types[0]", json!("medium")),
        ("spec.instances.keyName", json!(" key")),
        ("spec.instances.instanceProfile", json!("arn:aws:iam::123456789012:instance-profile/x")),
        ("spec.instances.metadataOptions", json!({"httpTokens": "require", "hopLimit": 65})),
        ("spec.instances.securityGroupIds", json!(["sg-1", "sg-0123456789abcdef0", "sg-0123456789abcdef0"])),
        ("spec.instances.blockDevices", json!([{"type": "io2", "sizeGiB": 0, "device": "disk"}])),
        ("spec.network", json!({"vpcId": "default", "subnetIds": ["subnet-1", "subnet-0123456789abcdef0"]})),
        ("spec.loadBalancer.name", json!("internal-web")),
        ("spec.securityGroups.instances.name", json!("sg-web")),
        ("spec.deletionPolicy", json!("Keep")),
    ]), @r"
    spec.deletionPolicy: `Keep` is not known; write one of `Delete`, `Retain`
    spec.image.amiId: `ami-123` is not an AMI id; write it like `ami-0fa4480bc2fe38b14`
    spec.instances.blockDevices[0].device: `disk` is not a device name; write it like `/dev/xvda`
    spec.instances.blockDevices[0].sizeGiB: 0 is out of range; write 1 to 65536
    spec.instances.blockDevices[0].type: `io2` is not known; write one of `gp3`, `gp2`, `st1`, `sc1`, `standard`
    spec.instances.instanceProfile: `arn:aws:iam::123456789012:instance-profile/x` is not an instance profile's name (its name, not its ARN); write it like `chatmrpt-staging`
    spec.instances.keyName: ` key` is not a key pair's name (ASCII, at most 255, no space at either end); write it like `chatmrpt-key`
    spec.instances.metadataOptions.hopLimit: 65 is out of range; write 1 to 64
    spec.instances.metadataOptions.httpTokens: `require` is not known; write `required`
    spec.instances.securityGroupIds[0]: `sg-1` is not a security group id; write it like `sg-0123456789abcdef0`
    spec.instances.securityGroupIds[2]: `sg-0123456789abcdef0` stands here twice; keep one
    spec.instances.types[0]: `medium` is not an instance type; write it like `t3.medium`
    spec.loadBalancer.name: begins with `internal-`, which AWS refuses; use another beginning
    spec.network.subnetIds[0]: `subnet-1` is not a subnet id; write it like `subnet-0123456789abcdef0`
    spec.network.vpcId: `default` is not a VPC id; write it like `vpc-0123456789abcdef0`
    spec.region: `Ohio` is not a region; write it like `us-east-2`
    spec.securityGroups.instances.name: begins with `sg-`, which AWS refuses; use another beginning
    ");
}

#[test]
fn the_limits_of_a_service_are_those_of_a_target_group() {
    assert_snapshot!(faults_with(&[
        ("spec.services[0]", json!({
            "name": "Web", "port": 0, "targetGroupName": "-web", "deregistrationDelay": "61m", "slowStart": "16m", "algorithm": "random",
            "stickiness": {"type": "app_cookie", "duration": "0s"},
            "healthCheck": {
                "path": "health", "port": "http", "interval": "4s", "timeout": "121s", "healthyThreshold": 1, "unhealthyThreshold": 11,
                "matcher": "200-500",
            },
        })),
        ("spec.loadBalancer.idleTimeout", json!("2h")),
    ]), @r"
    spec.loadBalancer.idleTimeout: 2h is out of range; write 1s to 4000s
    spec.services[0].algorithm: `random` is not known; write one of `round_robin`, `least_outstanding_requests`, `weighted_random`
    spec.services[0].deregistrationDelay: 61m is out of range; write 0s to 1h
    spec.services[0].healthCheck.healthyThreshold: 1 is out of range; write 2 to 10
    spec.services[0].healthCheck.interval: 4s is out of range; write 5s to 300s
    spec.services[0].healthCheck.matcher: `200-500` is not a list of HTTP codes; write codes from 200 to 499, like `200`, `200,202` or `200-299`
    spec.services[0].healthCheck.path: `health` is not a path (`/` first, no spaces, at most 1024); write it like `/health`
    spec.services[0].healthCheck.port: `http` is not a port; write `traffic-port`, or 1 to 65535
    spec.services[0].healthCheck.timeout: 121s is out of range; write 2s to 120s
    spec.services[0].healthCheck.unhealthyThreshold: 11 is out of range; write 2 to 10
    spec.services[0].name: `Web` is not a service's name (a-z, 0-9 and `-`, at most 28, no `-` at either end); write it like `web`
    spec.services[0].port: 0 is out of range; write 1 to 65535
    spec.services[0].slowStart: 16m is out of range; write 0s to 15m
    spec.services[0].stickiness.duration: 0s is out of range; write 1s to 7d
    spec.services[0].stickiness.type: `app_cookie` is not known; write `lb_cookie`
    spec.services[0].targetGroupName: `-web` is not a target group's name (letters, digits and `-`, at most 32, no `-` at either end); write it like `chatmrpt-staging-targets`
    ");
    assert_snapshot!(faults_with(&[("spec.services[0].healthCheck.port", json!(0)), ("spec.services[0].healthCheck.matcher", json!("299-200"))]), @r"
    spec.services[0].healthCheck.matcher: `299-200` is not a list of HTTP codes; write codes from 200 to 499, like `200`, `200,202` or `200-299`
    spec.services[0].healthCheck.port: 0 is out of range; write 1 to 65535
    ");
}

#[test]
fn durations_and_shares_have_one_form() {
    assert_snapshot!(faults_with(&[
        ("spec.healing", json!({"gracePeriod": "5 m", "unhealthyFor": "1m1h", "maxUnhealthy": "150%", "maxTerminationsPerHour": 1001})),
        ("spec.rollout", json!({"maxSurge": "1", "maxUnavailable": -1, "bakeTime": "49h"})),
    ]), @r"
    spec.healing.gracePeriod: `5 m` is not a duration; write `5m`
    spec.healing.maxTerminationsPerHour: 1001 is out of range; write 0 to 1000
    spec.healing.maxUnhealthy: `150%` is not a share; write a number, or a share from `0%` to `100%`
    spec.healing.unhealthyFor: `1m1h` is not a duration; write `1h1m`
    spec.rollout.bakeTime: 49h is out of range; write 0s to 48h
    spec.rollout.maxSurge: `1` is not a share; write the number `1`, without quotes
    spec.rollout.maxUnavailable: -1 is out of range; write 0 to 1000
    ");
}

#[test]
fn a_name_is_one_that_aws_takes() {
    let wrong = |name: &str| faults_with(&[("metadata.name", json!(name))]);
    assert_snapshot!(wrong("internal-web"), @"metadata.name: begins with `internal-`, which AWS refuses; use another beginning");
    assert_snapshot!(wrong("sg-web"), @"metadata.name: begins with `sg-`, which AWS refuses; use another beginning");
    assert_snapshot!(wrong("_controller"), @"metadata.name: `_controller` is not an environment's name (a-z, 0-9 and `-`, at most 28, no `-` at either end); write it like `chatmrpt-staging`");
    for name in ["", "-web", "web-", "Web", "web.staging", "a-name-that-is-29-characters-x"] {
        assert!(wrong(name).starts_with("metadata.name: `"), "{name}");
    }
    for name in ["a", "0", "internal", "a-name-of-28-characters-ends"] {
        assert!(parse(&with(minimal(), "metadata.name", json!(name))).is_ok(), "{name}");
    }
}

#[test]
fn tags_leave_room_for_ours_and_keep_off_reserved_keys() {
    assert_snapshot!(faults_with(&[("spec.tags", json!({
        "Name": "x", "aws:cloud": "x", "AWS:x": "x", "understudy:uid": "x", "": "x", " space": "x", "semi;colon": "x", "team/name": "ok", "Ünïcode 1": "ok",
        "value": "a\tb",
    }))]), @r#"
    spec.tags.Name: `Name` is set by Understudy, from the names; leave it out
    spec.tags.value: `a\tb` is not a tag's value; use letters, digits, spaces and + - = . _ : / @, no space at either end
    spec.tags[" space"]: ` space` is not a tag's key; use letters, digits, spaces and + - = . _ : / @, no space at either end
    spec.tags[""]: `` is not a tag's key; use letters, digits, spaces and + - = . _ : / @, no space at either end
    spec.tags["AWS:x"]: `aws:` is kept by AWS for itself; use another beginning
    spec.tags["aws:cloud"]: `aws:` is kept by AWS for itself; use another beginning
    spec.tags["semi;colon"]: `semi;colon` is not a tag's key; use letters, digits, spaces and + - = . _ : / @, no space at either end
    spec.tags["understudy:uid"]: `understudy:` marks what Understudy owns; use another beginning
    "#);
    assert_snapshot!(faults_with(&[("spec.tags", json!({"k".repeat(129): "x", "v": "v".repeat(257)}))]).replace(&"k".repeat(129), "kkk..."), @r"
    spec.tags.kkk...: is 129 characters long; use at most 128
    spec.tags.v: is 257 characters long; use at most 256
    ");
    let many: serde_json::Map<_, _> = (0..41).map(|n| (format!("k{n}"), json!("v"))).collect();
    assert_snapshot!(faults_with(&[("spec.tags", json!(many))]), @"spec.tags: has 41 entries; keep at most 40");
}

#[test]
fn a_redis_endpoint_has_a_port_and_no_password() {
    let wrong = |endpoint: &str| faults_with(&[("spec.redis.endpoint", json!(endpoint))]);
    let told = wrong("redis://user:hunter2@cache:6379");
    assert_snapshot!(told, @"spec.redis.endpoint: it holds a user or a password; write `host:port`, `redis://host:port` or `rediss://host:port`; the record is no place for secrets");
    assert!(!told.contains("hunter2"));
    assert_snapshot!(wrong("cache"), @"spec.redis.endpoint: `cache` is not a Redis endpoint; write `host:port`, `redis://host:port` or `rediss://host:port`");
    for endpoint in [
        "cache:0",
        "cache:65536",
        "http://cache:6379",
        "cache:6379/0",
        ":6379",
        "-c:6379",
        "a..b:6379",
        "[x]:6379",
        "cache:+1",
    ] {
        assert!(wrong(endpoint).starts_with("spec.redis.endpoint: "), "{endpoint}");
    }
    for endpoint in ["cache:6379", "redis://10.0.0.7:6379", "rediss://cache.example.com:6380", "[fd00::1]:6379"] {
        assert!(parse(&with(minimal(), "spec.redis.endpoint", json!(endpoint))).is_ok(), "{endpoint}");
    }
}

#[test]
fn user_data_is_at_most_16_kib_and_never_shown() {
    let most = with(minimal(), "spec.instances.userData", json!("s".repeat(16_384)));
    assert!(parse(&most).is_ok());
    assert_snapshot!(faults_with(&[("spec.instances.userData", json!("s".repeat(16_385)))]), @"spec.instances.userData: is 16385 bytes long; use at most 16384; fetch the rest from there, or compress it");
}

#[test]
fn what_comes_later_is_not_supported_yet() {
    assert_snapshot!(faults_with(&[
        ("spec.network", json!({"vpcTags": {"a": "b"}, "subnetTags": {"a": "b"}, "loadBalancerSubnetIds": ["subnet-0123456789abcdef0"], "instanceSubnetIds": ["subnet-0123456789abcdef0"]})),
        ("spec.instances.adopt", json!(["i-0994615951d0b9563"])),
        ("spec.instances.types", json!(["t3.medium", "t3a.medium"])),
        ("spec.services[0].protocol", json!("HTTPS")),
        ("spec.services[1]", json!({"name": "api", "port": 9090})),
        ("spec.loadBalancer.ipAddressType", json!("dualstack")),
        ("spec.loadBalancer.listeners[0]", json!({
            "port": 443, "protocol": "HTTPS", "certificateArns": ["arn:aws:acm:us-east-2:123456789012:certificate/x"], "sslPolicy": "x",
            "rules": [{"priority": 1, "forward": "web"}], "default": {"redirect": {"protocol": "HTTPS", "port": 443}},
        })),
        ("spec.securityGroups.adopt", json!({"instances": "sg-0123456789abcdef0"})),
        ("spec.access.ssh", json!([{"securityGroup": "sg-0123456789abcdef0"}, {"prefixList": "pl-0123456789abcdef0"}])),
    ]), @r"
    spec.access.ssh[0].securityGroup: not supported yet; write a cidr
    spec.access.ssh[1].prefixList: not supported yet; write its ranges as cidr entries
    spec.instances.adopt: not supported yet; leave it out: new instances are launched beside the existing ones
    spec.instances.types: more than 1 is not supported yet; keep the first choice only
    spec.loadBalancer.ipAddressType: `dualstack` is not supported yet; write `ipv4`
    spec.loadBalancer.listeners[0].certificateArns: not supported yet; leave it out and listen on HTTP
    spec.loadBalancer.listeners[0].default.redirect: not supported yet; leave it out and forward to the one service
    spec.loadBalancer.listeners[0].protocol: `HTTPS` is not supported yet; write `HTTP`
    spec.loadBalancer.listeners[0].rules: not supported yet; leave them out; every request goes to the one service
    spec.loadBalancer.listeners[0].sslPolicy: not supported yet; leave it out and listen on HTTP
    spec.network.instanceSubnetIds: not supported yet; list subnets for load balancer and instances alike in subnetIds
    spec.network.loadBalancerSubnetIds: not supported yet; list subnets for load balancer and instances alike in subnetIds
    spec.network.subnetTags: not supported yet; list the subnets in subnetIds
    spec.network.vpcTags: not supported yet; name the VPC by vpcId and subnetIds
    spec.securityGroups.adopt: not supported yet; leave it out; ours then stand beside them under their names
    spec.services: more than 1 is not supported yet; keep one; give the others environments of their own
    spec.services[0].protocol: `HTTPS` is not supported yet; write `HTTP`
    ");
}

/// What is wrong inside such a field is not worth mending, so it is not told.
#[test]
fn a_field_that_comes_later_is_refused_as_a_whole() {
    assert_snapshot!(faults_with(&[("spec.image.newest", json!({})), ("spec.instances.adopt", json!("x"))]), @r"
    spec.image: names several images: amiId, newest; keep exactly one
    spec.image.newest: not supported yet; name the AMI by amiId
    spec.instances.adopt: not supported yet; leave it out: new instances are launched beside the existing ones
    ");
}

#[test]
fn a_fault_prints_its_path_what_is_wrong_and_what_to_write() {
    let fault = Fault {
        path: "spec.region".into(),
        wrong: "`x` is not a region".into(),
        instead: "write it like `us-east-2`".into(),
    };
    assert_eq!(fault.to_string(), "spec.region: `x` is not a region; write it like `us-east-2`");
}
