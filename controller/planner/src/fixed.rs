//! Which edits ask for another of what is fixed when it is made: region, VPC, names, scheme, a port under a set name.
//!
//! In: a spec, and what STATUS says stands. Out: a fault for each field, all at once. The command line asks before it stores
//! an edit, the engine before it takes one into force: both refuse the edit whole, so that nothing of it is applied.
//! Never: looks at AWS, or refuses anything while nothing stands. What comes to stand only after an edit was taken is held
//! by [`crate::converge`], with the same words.

use crds_schema::spec::Scheme;
use crds_schema::{Fault, Spec};

use crate::desired;
use crate::record::GroupRole;
use crate::status::{NetworkStatus, Status};

/// Why a stored edit cannot come into force. One that is in force is never taken out of it, so nothing is said of it.
pub fn refused(name: &str, hash: &str, spec: &Spec, status: &Status, has_open_intents: bool) -> Vec<Fault> {
    let is_in_force = hash == status.spec_hash && status.revision == status.generation;
    // Without a revision in force there is none that could stay.
    if is_in_force || status.revision == 0 { Vec::new() } else { edits(name, spec, status, has_open_intents) }
}

/// Every field of the spec that asks for something else than what stands.
pub(crate) fn edits(name: &str, spec: &Spec, status: &Status, has_open_intents: bool) -> Vec<Fault> {
    let mut faults = Vec::new();
    if let Some(network) = status.pinned(has_open_intents) {
        faults.extend(region(spec, network));
        faults.extend(vpc(spec, network));
    }
    if let Some(balancer) = &status.load_balancer {
        let wanted = desired::load_balancer_name(name, spec);
        faults.extend(differs("spec.loadBalancer.name", &balancer.name, &wanted));
        let scheme = balancer.scheme.map(scheme_word);
        faults.extend(
            scheme.and_then(|have| differs("spec.loadBalancer.scheme", have, scheme_word(spec.load_balancer.scheme))),
        );
    }
    for role in GroupRole::BOTH {
        let recorded = role.recorded(status).and_then(|id| status.security_groups.names.get(id));
        let wanted = desired::group_name(name, spec, role);
        faults.extend(recorded.and_then(|have| differs(name_field(role), have, &wanted)));
    }
    faults.extend(port(name, spec, status));
    faults
}

/// One that names no region stays where it stands.
fn region(spec: &Spec, network: &NetworkStatus) -> Option<Fault> {
    differs("spec.region", network.region.as_deref()?, spec.region.as_deref()?)
}

/// One that names no VPC means the default one.
fn vpc(spec: &Spec, network: &NetworkStatus) -> Option<Fault> {
    let have = network.vpc_id.as_str();
    match spec.network.vpc_id.as_deref() {
        Some(wanted) => vpc_differs(have, wanted),
        None if network.is_default == Some(false) => vpc_differs(have, "the default VPC"),
        None => None,
    }
}

/// That another VPC is wanted than the one that it stands in.
pub(crate) fn vpc_differs(have: &str, wanted: &str) -> Option<Fault> {
    differs("spec.network.vpcId", have, wanted)
}

/// The name of a target group has protocol and port hashed into it, unless it is set: then it cannot stand twice.
fn port(name: &str, spec: &Spec, status: &Status) -> Option<Fault> {
    let service = spec.services.first()?;
    let group_name = desired::target_group_name(name, service);
    let group = status.target_groups.iter().find(|group| group.name == group_name)?;
    (group.port != service.port).then(|| Fault {
        path: "spec.services[0].port".into(),
        wrong: format!("{group_name} is fixed to port {}", group.port),
        instead: "a replacement under a set name needs a new spec.services[0].targetGroupName in the same edit".into(),
    })
}

fn differs(path: &str, have: &str, wanted: &str) -> Option<Fault> {
    (have != wanted).then(|| Fault {
        path: path.into(),
        wrong: format!("it is {have} and AWS cannot change it to {wanted}"),
        instead: "set it back, or delete the environment and apply it anew".into(),
    })
}

/// The scheme as the record writes it.
fn scheme_word(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::InternetFacing => "internet-facing",
        Scheme::Internal => "internal",
    }
}

fn name_field(role: GroupRole) -> &'static str {
    match role {
        GroupRole::LoadBalancer => "spec.securityGroups.loadBalancer.name",
        GroupRole::Instances => "spec.securityGroups.instances.name",
    }
}
