//! The rules across fields: what no field's own schema can say.
//!
//! In: the environment with its defaults, and the faults so far. Out: more faults.
//! Never: judges a value that stands in for one that was wrong: each rule names the paths that it reads.
//! To add a rule, add a function to [`check`]; the rule of a single field belongs at the field, in [`crate::spec`].

use std::collections::BTreeMap;

use crate::fault::{Faults, entry};
use crate::scalar::SpecDuration;
use crate::spec::{AccessEntry, Algorithm, BlockDevice, Listener, Scheme, Service, Spec, StagingEnvironment};

/// Inbound rules of one security group, counted for IPv4 and IPv6 apart.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-security-groups>
const GROUP_RULES_MAX: usize = 60;
/// A load balancer stands in at least two zones, so it needs a subnet in each.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html#subnets-load-balancer>
const SUBNETS_MIN: usize = 2;

/// Adds every broken rule to `faults`.
pub(crate) fn check(environment: &StagingEnvironment, faults: &mut Faults) {
    let spec = &environment.spec;
    network(spec, faults);
    image(spec, faults);
    for (index, service) in spec.services.iter().enumerate() {
        health_check(service, &entry("spec.services", index), faults);
        slow_start(service, &entry("spec.services", index), faults);
        stickiness(service, &entry("spec.services", index), faults);
    }
    block_devices(&spec.instances.block_devices, faults);
    listeners(spec, faults);
    access(spec, faults);
    group_sizes(spec, faults);
    group_names(environment, faults);
}

fn network(spec: &Spec, faults: &mut Faults) {
    let (vpc, subnets) = ("spec.network.vpcId", "spec.network.subnetIds");
    if !faults.usable(vpc) || !faults.usable(subnets) {
        return;
    }
    let given = spec.network.subnet_ids.len();
    match &spec.network.vpc_id {
        Some(_) if given == 0 => {
            faults.add(subnets, "missing beside vpcId", "list at least two subnets of that VPC, in two zones")
        }
        None if given > 0 => faults.add(vpc, "missing beside subnetIds", "name the VPC of those subnets"),
        Some(_) | None => {}
    }
    if (1..SUBNETS_MIN).contains(&given) {
        faults.add(subnets, "a load balancer needs at least two subnets", "add a subnet in another zone");
    }
}

fn image(spec: &Spec, faults: &mut Faults) {
    let at = "spec.image";
    if !faults.usable(at) {
        return;
    }
    let image = &spec.image;
    let sources = [
        ("amiId", image.ami_id.is_some()),
        ("ssmParameter", image.ssm_parameter.is_some()),
        ("newest", image.newest.is_some()),
        ("fromInstance", image.from_instance.is_some()),
    ];
    let given: Vec<_> = sources.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect();
    match given.as_slice() {
        [_] => {}
        [] => faults.add(at, "names no image", "add `amiId: ami-...`"),
        several => faults.add(at, format!("names several images: {}", several.join(", ")), "keep exactly one"),
    }
}

/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html>
fn health_check(service: &Service, at: &str, faults: &mut Faults) {
    let (interval, timeout) = (format!("{at}.healthCheck.interval"), format!("{at}.healthCheck.timeout"));
    let check = &service.health_check;
    if faults.usable(&interval) && faults.usable(&timeout) && check.timeout >= check.interval {
        let wrong = format!("{} is not less than the interval of {}", check.timeout, check.interval);
        faults.add(timeout, wrong, "shorten the timeout or lengthen the interval");
    }
}

/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html>
fn slow_start(service: &Service, at: &str, faults: &mut Faults) {
    let (slow_start, algorithm) = (format!("{at}.slowStart"), format!("{at}.algorithm"));
    let off = SpecDuration::from_secs(0);
    if !faults.usable(&slow_start) || service.slow_start == off {
        return;
    }
    if service.slow_start < SpecDuration::from_secs(30) {
        faults.add(
            slow_start.as_str(),
            format!("{} is out of range", service.slow_start),
            "write 0s (off), or 30s to 15m",
        );
    }
    if faults.usable(&algorithm) && service.algorithm != Algorithm::RoundRobin {
        faults.add(slow_start, "goes with round_robin only", "write 0s, or `algorithm: round_robin`");
    }
}

/// "The weighted random routing algorithm can not be used with sticky sessions."
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html#modify-routing-algorithm>
fn stickiness(service: &Service, at: &str, faults: &mut Faults) {
    let (algorithm, stickiness) = (format!("{at}.algorithm"), format!("{at}.stickiness"));
    let known = faults.usable(&algorithm) && faults.usable(&stickiness);
    if known && service.algorithm == Algorithm::WeightedRandom && service.stickiness.is_some() {
        let instead = "write `round_robin` or `least_outstanding_requests`, or leave out `stickiness`";
        faults.add(algorithm, "weighted_random does not go with stickiness", instead);
    }
}

/// <https://docs.aws.amazon.com/ebs/latest/userguide/ebs-volume-types.html>
fn block_devices(devices: &[BlockDevice], faults: &mut Faults) {
    let mut seen: BTreeMap<Option<&str>, usize> = BTreeMap::new();
    for (index, disk) in devices.iter().enumerate() {
        let at = entry("spec.instances.blockDevices", index);
        if !faults.usable(&at) {
            continue;
        }
        let name = disk.device.as_deref();
        if let Some(first) = seen.insert(name, index) {
            let wrong =
                format!("is the same device as blockDevices[{first}]: {}", name.unwrap_or("the AMI's root device"));
            faults.add(format!("{at}.device"), wrong, "name another device");
        }
        let kind = disk.volume_type.as_deref().unwrap_or("of the AMI's type");
        let (least, most) = match kind {
            "gp2" => (1, 16_384),
            "st1" | "sc1" => (125, 16_384),
            "standard" => (1, 1_024),
            _ => (1, 65_536),
        };
        if let Some(size) = disk.size_gib.filter(|size| !(least..=most).contains(size)) {
            faults.add(
                format!("{at}.sizeGiB"),
                format!("{size} is out of range for {kind}"),
                format!("write {least} to {most}"),
            );
        }
        if matches!(kind, "st1" | "sc1") && name.is_none() {
            faults.add(
                format!("{at}.type"),
                format!("an instance cannot boot from {kind}"),
                "name a second device, or write `gp3`",
            );
        }
    }
}

fn listeners(spec: &Spec, faults: &mut Faults) {
    let mut ports: BTreeMap<u16, usize> = BTreeMap::new();
    for (index, listener) in spec.load_balancer.listeners.iter().enumerate() {
        let at = entry("spec.loadBalancer.listeners", index);
        let port = format!("{at}.port");
        if faults.usable(&port)
            && let Some(first) = ports.insert(listener.port, index)
        {
            let wrong = format!("{} is the port of listeners[{first}] too", listener.port);
            faults.add(port, wrong, "use another port, or leave this listener out");
        }
        action(listener, spec, &format!("{at}.default"), faults);
    }
}

fn action(listener: &Listener, spec: &Spec, at: &str, faults: &mut Faults) {
    if !faults.usable(at) {
        return;
    }
    let Some(target) = &listener.default.forward else { return };
    if listener.default.redirect.is_some() {
        faults.add(at, "both forwards and redirects", "keep exactly one");
    }
    let mut names = (0..spec.services.len()).map(|index| format!("{}.name", entry("spec.services", index)));
    if names.all(|name| faults.usable(&name)) && !spec.services.iter().any(|service| service.name == *target) {
        let known = spec.services.iter().map(|service| format!("`{}`", service.name)).collect::<Vec<_>>().join(", ");
        faults.add(
            format!("{at}.forward"),
            format!("there is no service `{target}`"),
            format!("write {known}, or name the service so"),
        );
    }
}

fn access(spec: &Spec, faults: &mut Faults) {
    let at = "spec.access.loadBalancer";
    let usable = faults.usable(at) && faults.usable("spec.loadBalancer.scheme");
    if usable && spec.access.load_balancer.is_empty() && spec.load_balancer.scheme == Scheme::InternetFacing {
        let instead = "say who may reach it, for example `[{cidr: 0.0.0.0/0}]` for everybody";
        faults.add(at, "missing for an internet-facing load balancer", instead);
    }
    for (list, entries) in [(at, &spec.access.load_balancer), ("spec.access.ssh", &spec.access.ssh)] {
        for (index, source) in entries.iter().enumerate() {
            one_source(source, &entry(list, index), faults);
        }
    }
}

fn one_source(source: &AccessEntry, at: &str, faults: &mut Faults) {
    if !faults.usable(at) {
        return;
    }
    let given = [source.cidr.is_some(), source.security_group.is_some(), source.prefix_list.is_some()];
    match given.into_iter().filter(|given| *given).count() {
        1 => {}
        0 => faults.add(at, "names no source", "write `cidr: 203.0.113.0/24`"),
        _ => faults.add(at, "names several sources", "keep one, and write the others as entries of their own"),
    }
}

/// The inbound rules that the record comes to, by group and address family.
fn group_sizes(spec: &Spec, faults: &mut Faults) {
    let count =
        |entries: &[AccessEntry], v6: bool| entries.iter().filter_map(|e| e.cidr).filter(|c| c.is_ipv6() == v6).count();
    let listeners = spec.load_balancer.listeners.len();
    // From the load balancer's group: the service's port and, where it differs, the health check's; they count for both.
    let own: usize = spec.services.iter().map(|service| service.ports().len()).sum();
    for (family, v6) in [("IPv4", false), ("IPv6", true)] {
        let sources = count(&spec.access.load_balancer, v6);
        let usable = faults.usable("spec.access.loadBalancer") && faults.usable("spec.loadBalancer.listeners");
        if usable && sources * listeners > GROUP_RULES_MAX {
            let wrong =
                format!("{sources} {family} sources for {listeners} listeners come to {} rules", sources * listeners);
            faults.add(
                "spec.access.loadBalancer",
                wrong,
                format!("a security group holds {GROUP_RULES_MAX}: merge ranges"),
            );
        }
        let ssh = count(&spec.access.ssh, v6);
        if faults.usable("spec.access.ssh") && faults.usable("spec.services") && ssh + own > GROUP_RULES_MAX {
            let wrong = format!("{ssh} {family} sources and {own} of the load balancer come to {} rules", ssh + own);
            faults.add("spec.access.ssh", wrong, format!("a security group holds {GROUP_RULES_MAX}: merge ranges"));
        }
    }
}

/// Names of security groups are unique in a VPC.
fn group_names(environment: &StagingEnvironment, faults: &mut Faults) {
    let groups = &environment.spec.security_groups;
    let both = groups.load_balancer.name.as_ref().zip(groups.instances.name.as_ref());
    if faults.usable("spec.securityGroups") && both.is_some_and(|(a, b)| a == b) {
        faults.add(
            "spec.securityGroups.instances.name",
            "is the name of the load balancer's group too",
            "use another name",
        );
    }
}
