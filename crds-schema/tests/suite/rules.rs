//! Rules across fields, in their exact words.

use crds_schema::parse;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::{faults_with, minimal, with};

const SUBNETS: [&str; 2] = ["subnet-0123456789abcdef0", "subnet-0fedcba9876543210"];

#[test]
fn exactly_one_image_source() {
    assert_snapshot!(faults_with(&[("spec.image", json!({}))]), @"spec.image: names no image; add `amiId: ami-...`");
    assert_snapshot!(faults_with(&[("spec.image.ssmParameter", json!("/ami"))]), @r"
    spec.image: names several images: amiId, ssmParameter; keep exactly one
    spec.image.ssmParameter: not supported yet; name the AMI by amiId
    ");
    assert_snapshot!(faults_with(&[("spec.image", json!({"newest": {"owner": "self"}}))]), @"spec.image.newest: not supported yet; name the AMI by amiId");
}

#[test]
fn a_vpc_and_its_subnets_go_together() {
    assert_snapshot!(faults_with(&[("spec.network.vpcId", json!("vpc-0123456789abcdef0"))]), @"spec.network.subnetIds: missing beside vpcId; list at least two subnets of that VPC, in two zones");
    assert_snapshot!(faults_with(&[("spec.network.subnetIds", json!(SUBNETS))]), @"spec.network.vpcId: missing beside subnetIds; name the VPC of those subnets");
    assert_snapshot!(faults_with(&[("spec.network", json!({"vpcId": "vpc-0123456789abcdef0", "subnetIds": [SUBNETS[0]]}))]), @"spec.network.subnetIds: a load balancer needs at least two subnets; add a subnet in another zone");
    assert_snapshot!(faults_with(&[("spec.network", json!({"vpcId": "vpc-0123456789abcdef0", "subnetIds": [SUBNETS[0], SUBNETS[0]]}))]), @"spec.network.subnetIds[1]: `subnet-0123456789abcdef0` stands here twice; keep one");
    let both = json!({"vpcId": "vpc-0123456789abcdef0", "subnetIds": SUBNETS});
    assert!(parse(&with(minimal(), "spec.network", both)).is_ok());
}

#[test]
fn a_health_check_answers_before_the_next_one() {
    assert_snapshot!(faults_with(&[("spec.services[0].healthCheck", json!({"interval": "10s", "timeout": "10s"}))]), @"spec.services[0].healthCheck.timeout: 10s is not less than the interval of 10s; shorten the timeout or lengthen the interval");
    assert_snapshot!(faults_with(&[("spec.services[0].healthCheck.interval", json!("5s"))]), @"spec.services[0].healthCheck.timeout: 5s is not less than the interval of 5s; shorten the timeout or lengthen the interval");
    assert!(
        parse(&with(minimal(), "spec.services[0].healthCheck", json!({"interval": "11s", "timeout": "10s"}))).is_ok()
    );
}

#[test]
fn a_rule_does_not_judge_what_stands_in_for_a_wrong_value() {
    // The timeout would not fit the default interval; but the interval is not what the user wants either.
    assert_snapshot!(faults_with(&[("spec.services[0].healthCheck", json!({"interval": "soon", "timeout": "60s"}))]), @"spec.services[0].healthCheck.interval: `soon` is not a duration; write it like `30s`, `5m`, `24h` or `1h30m`");
    assert_snapshot!(faults_with(&[("spec.services", json!("web")), ("spec.loadBalancer.listeners", json!([{"port": 80, "default": {"forward": "api"}}]))]), @"spec.services: must be a list, not a text; write it like `[{port: 8080}]`");
}

#[test]
fn slow_start_is_long_enough_and_goes_with_round_robin() {
    assert_snapshot!(faults_with(&[("spec.services[0].slowStart", json!("29s"))]), @"spec.services[0].slowStart: 29s is out of range; write 0s (off), or 30s to 15m");
    assert_snapshot!(faults_with(&[("spec.services[0].slowStart", json!("30s")), ("spec.services[0].algorithm", json!("weighted_random"))]), @"spec.services[0].slowStart: goes with round_robin only; write 0s, or `algorithm: round_robin`");
    assert_snapshot!(faults_with(&[("spec.services[0].slowStart", json!("5s")), ("spec.services[0].algorithm", json!("least_outstanding_requests"))]), @r"
    spec.services[0].slowStart: 5s is out of range; write 0s (off), or 30s to 15m
    spec.services[0].slowStart: goes with round_robin only; write 0s, or `algorithm: round_robin`
    ");
    assert!(parse(&with(minimal(), "spec.services[0].algorithm", json!("least_outstanding_requests"))).is_ok());
}

#[test]
fn sticky_sessions_do_not_go_with_weighted_random() {
    let both = [("spec.services[0].stickiness", json!({})), ("spec.services[0].algorithm", json!("weighted_random"))];
    assert_snapshot!(faults_with(&both), @"spec.services[0].algorithm: weighted_random does not go with stickiness; write `round_robin` or `least_outstanding_requests`, or leave out `stickiness`");
    assert!(parse(&with(minimal(), "spec.services[0].algorithm", json!("weighted_random"))).is_ok());
    let unknown = [("spec.services[0].stickiness", json!(7)), ("spec.services[0].algorithm", json!("weighted_random"))];
    assert_snapshot!(faults_with(&unknown), @"spec.services[0].stickiness: must be a map, not a number; write its fields below it, indented");
}

#[test]
fn listeners_have_ports_of_their_own_and_forward_to_a_service() {
    let listener = |port: u16, service: &str| json!({"port": port, "default": {"forward": service}});
    assert_snapshot!(faults_with(&[("spec.loadBalancer.listeners", json!([listener(80, "web"), listener(80, "web"), listener(81, "wbe")]))]), @r"
    spec.loadBalancer.listeners[1].port: 80 is the port of listeners[0] too; use another port, or leave this listener out
    spec.loadBalancer.listeners[2].default.forward: there is no service `wbe`; write `web`, or name the service so
    ");
    let both = json!([{"port": 80, "default": {"forward": "web", "redirect": {"protocol": "HTTP", "port": 81}}}]);
    assert_snapshot!(faults_with(&[("spec.loadBalancer.listeners", both)]), @r"
    spec.loadBalancer.listeners[0].default: both forwards and redirects; keep exactly one
    spec.loadBalancer.listeners[0].default.redirect: not supported yet; leave it out and forward to the one service
    ");
    let many: Vec<_> = (1..=51).map(|port| listener(port, "web")).collect();
    assert_snapshot!(faults_with(&[("spec.loadBalancer.listeners", json!(many))]), @"spec.loadBalancer.listeners: has 51 entries; keep at most 50");
}

#[test]
fn an_internet_facing_load_balancer_says_who_may_reach_it() {
    assert_snapshot!(faults_with(&[("spec.access", json!({}))]), @"spec.access.loadBalancer: missing for an internet-facing load balancer; say who may reach it, for example `[{cidr: 0.0.0.0/0}]` for everybody");
    let internal = with(with(minimal(), "spec.access", json!({})), "spec.loadBalancer.scheme", json!("internal"));
    assert!(parse(&internal).is_ok());
}

#[test]
fn an_access_entry_names_one_source_once() {
    assert_snapshot!(faults_with(&[("spec.access", json!({
        "loadBalancer": [{}, {"cidr": "0.0.0.0/0", "securityGroup": "sg-0123456789abcdef0"}],
        "ssh": [{"cidr": "2001:db8::/32"}, {"cidr": "2001:0DB8:0::/32"}, {"cidr": "2001:db8::1/32"}, {"cidr": "10.0.0.0"}],
    }))]), @r#"
    spec.access.loadBalancer[0]: names no source; write `cidr: 203.0.113.0/24`
    spec.access.loadBalancer[1]: names several sources; keep one, and write the others as entries of their own
    spec.access.loadBalancer[1].securityGroup: not supported yet; write a cidr
    spec.access.ssh[1]: `{cidr: "2001:0DB8:0::/32"}` is the same as `{cidr: "2001:db8::/32"}`; keep one
    spec.access.ssh[2].cidr: `2001:db8::1/32` has host bits set; write `2001:db8::/32`
    spec.access.ssh[3].cidr: `10.0.0.0` is not an address range; write `10.0.0.0/32` for that address alone
    "#);
}

#[test]
fn a_security_group_holds_60_rules_of_a_family() {
    let sources = |n: usize| (0..n).map(|i| json!({"cidr": format!("10.0.{i}.0/24")})).collect::<Vec<_>>();
    let listeners = json!([{"port": 80}, {"port": 81}]);
    let with_sources = |n: usize| {
        [("spec.loadBalancer.listeners", listeners.clone()), ("spec.access.loadBalancer", json!(sources(n)))]
    };
    assert_snapshot!(faults_with(&with_sources(31)), @"spec.access.loadBalancer: 31 IPv4 ranges for 2 listeners make 62 rules, AWS allows 60 for IPv4 in a security group; merge ranges, or leave some out");
    let fits = with_sources(30).iter().fold(minimal(), |document, (path, value)| with(document, path, value.clone()));
    assert!(parse(&fits).is_ok());
    assert_snapshot!(faults_with(&[("spec.access.ssh", json!(sources(60)))]), @"spec.access.ssh: 60 IPv4 ranges for port 22 and the load balancer on 1 port make 61 rules, AWS allows 60 for IPv4 in a security group; merge ranges, or leave some out");
    let mut both = sources(59);
    both.push(json!({"cidr": "2001:db8::/32"}));
    assert!(parse(&with(minimal(), "spec.access.ssh", json!(both))).is_ok(), "families count apart");
    let two_ports = [("spec.services[0].healthCheck.port", json!(8081)), ("spec.access.ssh", json!(sources(59)))];
    assert_snapshot!(faults_with(&two_ports), @"spec.access.ssh: 59 IPv4 ranges for port 22 and the load balancer on 2 ports make 61 rules, AWS allows 60 for IPv4 in a security group; merge ranges, or leave some out");
}

#[test]
fn rules_are_not_counted_while_a_source_is_wrong() {
    let mut sources: Vec<_> = (0..61).map(|i| json!({"cidr": format!("10.0.{i}.0/24")})).collect();
    sources[0] = json!({"cidr": "everybody"});
    let both = [("spec.access.loadBalancer", json!(sources)), ("spec.access.ssh", json!(sources))];
    assert_snapshot!(faults_with(&both), @r"
    spec.access.loadBalancer[0].cidr: `everybody` is not an address range; write it like `203.0.113.0/24` or `2001:db8::/32`
    spec.access.ssh[0].cidr: `everybody` is not an address range; write it like `203.0.113.0/24` or `2001:db8::/32`
    ");
}

#[test]
fn disks_are_apart_and_of_a_size_that_their_type_has() {
    let wrong = |disks: Value| faults_with(&[("spec.instances.blockDevices", disks)]);
    assert_snapshot!(wrong(json!([{"sizeGiB": 30}, {"sizeGiB": 40}])), @"spec.instances.blockDevices[1].device: is the same device as blockDevices[0]: the AMI's root device; name another device");
    assert_snapshot!(wrong(json!([{"type": "gp2", "sizeGiB": 16385}, {"device": "/dev/sdb", "type": "st1", "sizeGiB": 100}, {"device": "/dev/sdb"}])), @r"
    spec.instances.blockDevices[0].sizeGiB: 16385 is out of range for gp2; write 1 to 16384
    spec.instances.blockDevices[1].sizeGiB: 100 is out of range for st1; write 125 to 16384
    spec.instances.blockDevices[2].device: is the same device as blockDevices[1]: /dev/sdb; name another device
    ");
    assert_snapshot!(wrong(json!([{"type": "sc1", "sizeGiB": 125}])), @"spec.instances.blockDevices[0].type: an instance cannot boot from sc1; name a second device, or write `gp3`");
}

#[test]
fn the_two_groups_have_different_names() {
    let groups = json!({"loadBalancer": {"name": "same"}, "instances": {"name": "same"}});
    assert_snapshot!(faults_with(&[("spec.securityGroups", groups)]), @"spec.securityGroups.instances.name: is the name of the load balancer's group too; use another name");
}
