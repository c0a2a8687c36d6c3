//! The rules across fields: what no field's own schema can say.
//!
//! In: the environment with its defaults, and the faults so far. Out: more faults.
//! Never: judges a value that stands in for one that was wrong: each rule names the paths that it reads.
//! To add a rule, add a function to [`check`]; the rule of a single field belongs at the field, in [`crate::spec`].

use std::collections::BTreeMap;

use crate::fault::{Faults, entry};
use crate::limits::{self, GROUP_RULES_MAX, RuleCount, SUBNETS_MIN, TARGETS_MAX, USER_DATA_BYTES_MAX};
use crate::scalar::SpecDuration;
use crate::spec::{AccessEntry, Algorithm, BlockDevice, Listener, Scheme, Service, Spec, StagingEnvironment};
use crate::user_data;

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
    user_data(spec, faults);
    block_devices(&spec.instances.block_devices, faults);
    listeners(spec, faults);
    access(spec, faults);
    group_sizes(spec, faults);
    targets(spec, faults);
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
        let (short, long) = (faults.as_written(&timeout, check.timeout), faults.as_written(&interval, check.interval));
        let wrong = format!("{short} is not less than the interval of {long}");
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
            format!("{} is out of range", faults.as_written(&slow_start, service.slow_start)),
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

/// Text, or base64 that says so. It is never shown: it may hold secrets.
fn user_data(spec: &Spec, faults: &mut Faults) {
    let (at, flag) = ("spec.instances.userData", "spec.instances.userDataBase64");
    if !faults.usable(at) || !faults.usable(flag) {
        return;
    }
    let is_base64 = spec.instances.user_data_base64;
    let Some(text) = &spec.instances.user_data else {
        if is_base64 {
            faults.add(flag, "there is no userData that it speaks of", "add userData, or leave this out");
        }
        return;
    };
    let (length, once_decoded) = match user_data::decoded(text) {
        Some(bytes) if is_base64 => (bytes.len(), " once decoded"),
        None if is_base64 => {
            faults.add(at, "is not base64", "write what `base64 < FILE` prints, or leave userDataBase64 out");
            return;
        }
        Some(_) | None => (text.len(), ""),
    };
    if length > USER_DATA_BYTES_MAX {
        let wrong = format!("is {length} bytes long{once_decoded}");
        let instead = format!("use at most {USER_DATA_BYTES_MAX}; fetch the rest from there, or compress it");
        faults.add(at, wrong, instead);
    }
    if user_data::names_a_file(text) {
        faults.add_newer(at, "is the name of a file, which is not read", "write the text itself, below `userData: |`");
    }
    let encoded_again = user_data::decoded(text).and_then(|bytes| String::from_utf8(bytes).ok());
    let found = if is_base64 { encoded_again.as_deref() } else { Some(text.as_str()) };
    match found.and_then(user_data::looks_encoded) {
        Some(what) if is_base64 => {
            faults.add(at, format!("is encoded twice; in the end it is {what}"), "encode it once");
        }
        Some(what) => {
            let instead = "write the text itself, or `userDataBase64: true` beside it to send it as it is";
            faults.add_newer(at, format!("looks base64-encoded (decoded, it is {what})"), instead);
        }
        None => {}
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

/// The inbound rules that the record comes to, by group and address family, against what a group holds.
fn group_sizes(spec: &Spec, faults: &mut Faults) {
    let (visitors, ssh) = (limits::sources(&spec.access.load_balancer), limits::sources(&spec.access.ssh));
    let (own, all) = (limits::from_load_balancer(spec), limits::rules_of(spec));
    let listeners = counted(spec.load_balancer.listeners.len(), "listener");
    let ports = counted(own.ipv4, "port");
    let (at, instead) = ("spec.access.loadBalancer", "merge ranges, or leave some out");
    if faults.usable(at) && faults.usable("spec.loadBalancer.listeners") {
        for (family, given, sum) in families(visitors, all.load_balancer.inbound) {
            faults.add(at, too_many(family, given, &listeners, sum), instead);
        }
    }
    let at = "spec.access.ssh";
    if faults.usable(at) && faults.usable("spec.services") {
        for (family, given, sum) in families(ssh, all.instances.inbound) {
            let also = format!("port 22 and the load balancer on {ports}");
            faults.add(at, too_many(family, given, &also, sum), instead);
        }
    }
}

/// The families in which the sum is more than a group holds: name, ranges, sum.
fn families(given: RuleCount, sum: RuleCount) -> impl Iterator<Item = (&'static str, usize, usize)> {
    let both = [("IPv4", given.ipv4, sum.ipv4), ("IPv6", given.ipv6, sum.ipv6)];
    both.into_iter().filter(|(_, _, sum)| *sum > GROUP_RULES_MAX)
}

fn too_many(family: &str, ranges: usize, to: &str, sum: usize) -> String {
    let ranges = counted(ranges, &format!("{family} range"));
    format!("{ranges} for {to} make {sum} rules, AWS allows {GROUP_RULES_MAX} for {family} in a security group")
}

fn counted(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// While instances are replaced, their successors stand beside them: a load balancer must have room for both.
fn targets(spec: &Spec, faults: &mut Faults) {
    let (at, surge_at) = ("spec.instances.count", "spec.rollout.maxSurge");
    if !faults.usable(at) || !faults.usable(surge_at) {
        return;
    }
    let count = spec.instances.count;
    // No more than all of them are ever replaced at once.
    let surge = spec.rollout.max_surge.of(count, 1).min(count);
    let sum = u64::from(count) + u64::from(surge);
    if sum > TARGETS_MAX as u64 {
        let wrong = format!(
            "{count} instances and {surge} of maxSurge make {sum} targets, AWS allows {TARGETS_MAX} on a load balancer"
        );
        faults.add_newer(at, wrong, format!("lower count or {surge_at}"));
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
