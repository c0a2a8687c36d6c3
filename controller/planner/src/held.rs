//! Who holds what AWS would not delete: asked after such a refusal, said with what to do about it.
//!
//! In: what was refused, and what was seen of who may use it. Out: a wait, and the message of `InSync`.
//! Never: takes anything away from its holder. What AWS itself releases after a while is waited for.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_api::ec2::{NetworkInterface, Peer, Rule, SecurityGroup};
use aws_api::id::{InstanceId, SecurityGroupId, TargetGroupArn};
use aws_api::{Ref, ResourceId, Tags};
use jiff::Timestamp;

use crate::action::Does;
use crate::builder::PlanBuilder;
use crate::desired;
use crate::memory::elapsed;
use crate::observed::Usage;
use crate::ownership::TAG_NAME;
use crate::reason::Reason;
use crate::status::WaitOn;

/// How often it is asked while a refusal stands. A person who lets go is noticed within it.
pub const ASK_EVERY: Duration = Duration::from_secs(60);
/// Holders that a message names.
const NAMED_MAX: usize = 5;

/// What was refused, and who was seen to hold it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Refusals(BTreeMap<ResourceId, Refusal>);

#[derive(Debug, Clone, Default, PartialEq)]
struct Refusal {
    asked: Option<Timestamp>,
    holders: Vec<Holder>,
}

/// Somebody, or something, that holds it.
#[derive(Debug, Clone, PartialEq)]
struct Holder {
    /// What, with its id and name.
    what: String,
    /// What lets go; `None`: it goes by itself.
    remedy: Option<String>,
}

impl Refusals {
    /// Notes that AWS would not delete it because something uses it. Who does is asked at once, but not again at each try.
    pub(crate) fn note(&mut self, refused: ResourceId) {
        self.0.entry(refused).or_default();
    }

    /// Whose users are to be asked for now.
    pub fn to_ask(&self, now: Timestamp) -> impl Iterator<Item = &ResourceId> {
        let is_due = move |refusal: &Refusal| refusal.asked.is_none_or(|asked| elapsed(asked, now) >= ASK_EVERY);
        self.0.iter().filter(move |(_, refusal)| is_due(refusal)).map(|(made, _)| made)
    }

    fn keep(&mut self, planned: impl Fn(&ResourceId) -> bool) {
        self.0.retain(|made, _| planned(made));
    }
}

/// Whether AWS's code says that something uses it.
pub(crate) fn is_use(code: &str) -> bool {
    matches!(code, "DependencyViolation" | "ResourceInUse" | "InvalidGroup.InUse")
}

/// What a delete is of, if others may hold it.
pub(crate) fn deleted(does: &Does) -> Option<ResourceId> {
    match does {
        Does::DeleteGroup(group) => Some(ResourceId::SecurityGroup(group.id().clone())),
        Does::DeleteTargetGroup(group) => Some(ResourceId::TargetGroup(group.id().clone())),
        Does::Create(_)
        | Does::Replay(_)
        | Does::Change(_)
        | Does::Terminate { .. }
        | Does::TakeOut { .. }
        | Does::DeleteLoadBalancer(_) => None,
    }
}

/// Says who holds what was refused and is still to go.
pub(crate) fn tell(builder: &mut PlanBuilder<'_>) {
    let planned: Vec<ResourceId> = builder.actions.iter().filter_map(|action| deleted(&action.does)).collect();
    builder.memory.refusals.keep(|made| planned.contains(made));
    let observed = builder.input.observed;
    for (made, usage) in &observed.usage {
        if let Some(holders) = holders(builder, made, usage)
            && let Some(refusal) = builder.memory.refusals.0.get_mut(made)
        {
            let is_new = refusal.holders != holders && !holders.is_empty();
            // Somebody let go: it is tried at once. Only where somebody was seen to hold it, so that a refusal for which
            // nobody is shown is not tried at every pass.
            if holders.is_empty() && !refusal.holders.is_empty() {
                builder.memory.retries.released(&made.to_string());
            }
            refusal.asked = Some(builder.input.now);
            refusal.holders = holders;
            let message = message(made, &refusal.holders);
            if is_new {
                builder.notice(made, Reason::InUse, message);
            }
        }
    }
    let known: Vec<_> =
        builder.memory.refusals.0.iter().map(|(made, one)| (made.clone(), one.holders.clone())).collect();
    for (made, holders) in known.into_iter().filter(|(_, holders)| !holders.is_empty()) {
        let message = message(&made, &holders);
        let by_itself = holders.iter().all(|holder| holder.remedy.is_none());
        builder.wait(if by_itself { WaitOn::Time } else { WaitOn::Person }, message.clone(), None);
        if !by_itself {
            builder.add_blocker(Reason::InUse, message);
        }
    }
}

fn message(made: &ResourceId, holders: &[Holder]) -> String {
    let named: Vec<String> = holders
        .iter()
        .take(NAMED_MAX)
        .map(|holder| match &holder.remedy {
            Some(remedy) => format!("{}; to let go: {remedy}", holder.what),
            None => format!("{}, which AWS takes away by itself", holder.what),
        })
        .collect();
    let more = holders.len().saturating_sub(NAMED_MAX);
    let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("{made} is used by {}{rest}", named.join("; by "))
}

/// Who holds it; `None` while that was not seen whole.
fn holders(builder: &PlanBuilder<'_>, made: &ResourceId, usage: &Usage) -> Option<Vec<Holder>> {
    match made {
        ResourceId::SecurityGroup(id) => {
            let mut all: Vec<Holder> = Vec::new();
            for group in usage.groups.seen()?.iter().filter(|group| group.id != *id) {
                all.extend(rules_of(builder, group, id));
            }
            all.extend(usage.interfaces.seen()?.iter().map(|interface| interface_of(builder, interface, id)));
            Some(all)
        }
        ResourceId::TargetGroup(arn) => Some(listeners_of(usage, arn)?),
        ResourceId::LoadBalancer(_) | ResourceId::Listener(_) | ResourceId::Instance(_) | ResourceId::Volume(_) => {
            Some(Vec::new())
        }
    }
}

/// An id, with the names that people know it by.
fn named(id: &str, name: Option<&str>, tags: &Tags) -> String {
    let tag = tags.get(TAG_NAME).filter(|tag| Some(tag.as_str()) != name).map(|tag| format!("Name {tag}"));
    let names: Vec<String> = name.map(str::to_owned).into_iter().chain(tag).collect();
    if names.is_empty() { id.to_owned() } else { format!("{id} ({})", names.join(", ")) }
}

fn rules_of(builder: &PlanBuilder<'_>, group: &SecurityGroup, id: &SecurityGroupId) -> Vec<Holder> {
    let is_ours = builder.status.security_groups.names.contains_key(&group.id);
    let refers = |rule: &&Rule| matches!(&rule.peer, Peer::Group(Ref::Id(peer)) if peer == id);
    let ways = [("ingress", &group.ingress), ("egress", &group.egress)];
    let of = named(group.id.as_str(), Some(&group.name), &group.tags);
    let holder = |way: &str, rule: &Rule| {
        let ports = match (rule.from, rule.to) {
            (Some(from), Some(to)) => format!(",FromPort={from},ToPort={to}"),
            _ => String::new(),
        };
        let remedy = format!(
            "aws ec2 revoke-security-group-{way} --group-id {} --ip-permissions \
             'IpProtocol={}{ports},UserIdGroupPairs=[{{GroupId={id}}}]'",
            group.id, rule.protocol
        );
        // One of ours goes before, or with it.
        Holder { what: format!("the {way} rule {rule} of security group {of}"), remedy: (!is_ours).then_some(remedy) }
    };
    let each = ways.into_iter().flat_map(|(way, rules)| rules.iter().filter(refers).map(move |rule| (way, rule)));
    each.map(|(way, rule)| holder(way, rule)).collect()
}

fn interface_of(builder: &PlanBuilder<'_>, interface: &NetworkInterface, id: &SecurityGroupId) -> Holder {
    let is_member = |instance: &InstanceId| builder.status.instances.iter().any(|one| one.instance_id == *instance);
    let record = builder.input.record;
    let balancer = record.spec.as_ref().map(|spec| desired::load_balancer_name(&record.name, spec));
    let of_our_balancer = interface.requester_managed
        && balancer.is_some_and(|name| interface.description.contains(&format!("app/{name}/")));
    let goes = of_our_balancer || interface.instance.as_ref().is_some_and(is_member);
    let described = Some(interface.description.as_str()).filter(|text| !text.is_empty());
    let to = interface.instance.as_ref().map(|instance| format!(", attached to {instance}")).unwrap_or_default();
    let remedy = if interface.requester_managed {
        "take the group off what the description names: it is a service of AWS that made the interface".to_owned()
    } else {
        let others: Vec<&str> =
            interface.groups.iter().filter(|group| *group != id).map(SecurityGroupId::as_str).collect();
        let others = if others.is_empty() { "ANOTHER-GROUP".to_owned() } else { others.join(" ") };
        format!("aws ec2 modify-network-interface-attribute --network-interface-id {} --groups {others}", interface.id)
    };
    let what = named(interface.id.as_str(), described, &interface.tags);
    Holder { what: format!("network interface {what}{to}"), remedy: (!goes).then_some(remedy) }
}

fn listeners_of(usage: &Usage, arn: &TargetGroupArn) -> Option<Vec<Holder>> {
    let mut all = Vec::new();
    for (listener, rules) in usage.listeners.seen()? {
        let of = format!("listener {} of {}", listener.port, listener.load_balancer);
        if listener.groups().contains(arn) {
            let remedy = format!("let it forward elsewhere: aws elbv2 modify-listener --listener-arn {}", listener.arn);
            all.push(Holder { what: format!("the default action of {of}"), remedy: Some(remedy) });
        }
        for rule in rules.iter().filter(|rule| rule.uses(arn)) {
            let remedy = format!("aws elbv2 delete-rule --rule-arn {}", rule.arn);
            let what = format!("rule {} of {of} ({})", rule.priority, rule.applies_to());
            all.push(Holder { what, remedy: Some(remedy) });
        }
    }
    Some(all)
}
