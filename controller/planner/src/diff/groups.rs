//! Security groups: their existence, their rules, their tags.
//!
//! Out: where the two groups are, for what is built on them. A rule that is missing is added before a rogue one is
//! removed, so that an edit never closes what stays open.

use std::collections::{BTreeMap, BTreeSet};

use crds_schema::{Cidr, Spec};

use crate::desired::Wanted;
use crate::draft::Draft;
use crate::id::SecurityGroupId;
use crate::memory::Entry;
use crate::ownership;
use crate::reason::{Reason, Why};
use crate::record::{GroupRole, Makes};
use crate::request::{ActionId, ChangeRules, CreateSecurityGroup, Ref, Taggable, Write};
use crate::resource::{Direction, Peer, Rule, SecurityGroup};

/// The two groups, as far as they are there or being made.
pub(crate) type Groups = BTreeMap<GroupRole, Ref<SecurityGroupId>>;

/// Plans both groups.
pub(crate) fn diff(draft: &mut Draft<'_>, spec: &Spec, wanted: &Wanted) -> Groups {
    let mut groups = Groups::new();
    for role in GroupRole::BOTH {
        if let Some(group) = ensure(draft, spec, wanted, role) {
            groups.insert(role, group);
        }
    }
    for (role, group) in &groups {
        rules(draft, spec, wanted, *role, group, &groups);
    }
    groups
}

fn observed<'s>(draft: &Draft<'s>, id: &SecurityGroupId) -> Option<&'s SecurityGroup> {
    draft.sight.observed.groups.seen()?.iter().find(|group| group.id == *id)
}

/// The group, created if need be; `None` while that cannot be told.
fn ensure(draft: &mut Draft<'_>, spec: &Spec, wanted: &Wanted, role: GroupRole) -> Option<Ref<SecurityGroupId>> {
    let record = draft.sight.record;
    let name = &wanted.group_names[&role];
    if let Some(id) = role.recorded(&draft.status).cloned() {
        if let Some(seen) = observed(draft, &id) {
            super::tags::group(draft, spec, &seen.name, seen);
        }
        return Some(Ref::Id(id));
    }
    let seen = draft.sight.observed.groups.seen()?;
    if let Some(taken) = seen.iter().find(|group| group.name == *name && group.vpc == wanted.vpc) {
        let field = match role {
            GroupRole::LoadBalancer => "spec.securityGroups.loadBalancer.name",
            GroupRole::Instances => "spec.securityGroups.instances.name",
        };
        super::name_taken(draft, "security group", name, taken.id.as_str(), field);
        return None;
    }
    let description = match role {
        GroupRole::LoadBalancer => format!("Load balancer of {}", record.name),
        GroupRole::Instances => format!("Instances of {}", record.name),
    };
    let id = format!("create-group/{}", role.word());
    let why = Why::new(Reason::NotYetMade, format!("security group {name}"));
    let action = draft
        .create(id, Makes::Group(role), name, why, |intent| {
            Write::CreateSecurityGroup(CreateSecurityGroup {
                name: name.clone(),
                description,
                vpc: wanted.vpc.clone(),
                tags: ownership::tags(record, &spec.tags, name, intent),
            })
        })
        .id();
    Some(Ref::Made(action))
}

/// The rules that a group should have. Ports of a target group that is being replaced stay open until it is gone.
fn wanted_rules(
    draft: &Draft<'_>,
    spec: &Spec,
    wanted: &Wanted,
    role: GroupRole,
    groups: &Groups,
) -> BTreeMap<Direction, BTreeSet<Rule>> {
    let mut ingress = BTreeSet::new();
    match role {
        GroupRole::LoadBalancer => {
            for port in wanted.listeners.keys() {
                ingress.extend(
                    spec.access
                        .load_balancer
                        .iter()
                        .filter_map(|entry| entry.cidr)
                        .map(|cidr| tcp(*port, Peer::Cidr(cidr))),
                );
            }
        }
        GroupRole::Instances => {
            let mut ports = wanted.target_group.ports();
            ports.extend(draft.status.target_groups.iter().map(|group| group.port));
            // What is checked elsewhere than where it serves stays open too while it is replaced.
            let seen = draft.sight.observed.target_groups.seen().into_iter().flatten();
            let ours = seen.filter(|seen| draft.status.target_groups.iter().any(|group| group.arn == seen.arn));
            ports.extend(
                ours.filter(|seen| seen.name != wanted.target_group.name)
                    .filter_map(|seen| seen.health_check.port.parse::<u16>().ok()),
            );
            if let Some(balancer) = groups.get(&GroupRole::LoadBalancer) {
                ingress.extend(ports.into_iter().map(|port| tcp(port, Peer::Group(balancer.clone()))));
            }
            ingress.extend(spec.access.ssh.iter().filter_map(|entry| entry.cidr).map(|cidr| tcp(22, Peer::Cidr(cidr))));
        }
    }
    let everywhere = if wanted.ipv6 { vec!["0.0.0.0/0", "::/0"] } else { vec!["0.0.0.0/0"] };
    let egress = everywhere.into_iter().filter_map(Cidr::canonical).map(all_traffic).collect();
    [(Direction::Ingress, ingress), (Direction::Egress, egress)].into()
}

fn tcp(port: u16, peer: Peer) -> Rule {
    Rule { protocol: "tcp".into(), from: Some(port.into()), to: Some(port.into()), peer }
}

fn all_traffic(cidr: Cidr) -> Rule {
    Rule { protocol: "-1".into(), from: None, to: None, peer: Peer::Cidr(cidr) }
}

/// What AWS gives a new group: all IPv4 out.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html>
fn rules_of_new(direction: Direction) -> BTreeSet<Rule> {
    match direction {
        Direction::Ingress => BTreeSet::new(),
        Direction::Egress => Cidr::canonical("0.0.0.0/0").map(all_traffic).into_iter().collect(),
    }
}

fn rules(
    draft: &mut Draft<'_>,
    spec: &Spec,
    wanted: &Wanted,
    role: GroupRole,
    group: &Ref<SecurityGroupId>,
    groups: &Groups,
) {
    for (direction, wanted) in wanted_rules(draft, spec, wanted, role, groups) {
        let (missing, rogue) = match group {
            Ref::Made(_) => {
                let new = rules_of_new(direction);
                (wanted.difference(&new).cloned().collect(), new.difference(&wanted).cloned().collect())
            }
            Ref::Id(id) => match observed(draft, id) {
                Some(seen) => compare(draft, seen, direction, &wanted),
                None => continue,
            },
        };
        let grant = change(draft, role, group, direction, missing, true);
        change(draft, role, group, direction, rogue, false).into_iter().for_each(|revoke| {
            if let Some(action) = draft.actions.iter_mut().find(|action| action.id == revoke) {
                action.after.extend(grant.clone());
            }
        });
    }
}

fn rule_entry(group: &str, direction: Direction, rule: &Rule) -> Entry {
    let direction = match direction {
        Direction::Ingress => "ingress",
        Direction::Egress => "egress",
    };
    Entry::new(format!("{group}/{direction}"), rule.to_string())
}

/// Rules that are missing, and rules that are there and not wanted.
fn compare(
    draft: &mut Draft<'_>,
    seen: &SecurityGroup,
    direction: Direction,
    wanted: &BTreeSet<Rule>,
) -> (BTreeSet<Rule>, BTreeSet<Rule>) {
    let have = match direction {
        Direction::Ingress => &seen.ingress,
        Direction::Egress => &seen.egress,
    };
    let entry = |rule: &Rule| rule_entry(seen.id.as_str(), direction, rule);
    let there = |rule: &Rule| have.contains(rule).then_some("");
    let missing = wanted.iter().filter(|rule| draft.differs(&entry(rule), Some(""), there(rule))).cloned().collect();
    let rogue = have
        .iter()
        .filter(|rule| !wanted.contains(*rule) && draft.differs(&entry(rule), None, Some("")))
        .cloned()
        .collect();
    (missing, rogue)
}

fn change(
    draft: &mut Draft<'_>,
    role: GroupRole,
    group: &Ref<SecurityGroupId>,
    direction: Direction,
    rules: BTreeSet<Rule>,
    add: bool,
) -> Option<ActionId> {
    if rules.is_empty() {
        return None;
    }
    let way = match direction {
        Direction::Ingress => "ingress",
        Direction::Egress => "egress",
    };
    let (verb, reason) = match (add, group) {
        (true, Ref::Made(_)) => ("authorize", Reason::NotYetMade),
        (true, Ref::Id(_)) => ("authorize", Reason::RuleMissing),
        (false, _) => ("revoke", Reason::RuleRogue),
    };
    let why = Why::new(reason, format!("{way} of the {} group: {}", role.word(), super::joined_by(&rules, ", ")));
    let puts: Vec<_> =
        rules.iter().map(|rule| (rule_entry(&group.to_string(), direction, rule), add.then(String::new))).collect();
    let mut after: BTreeSet<ActionId> = rules
        .iter()
        .filter_map(|rule| match &rule.peer {
            Peer::Group(Ref::Made(action)) => Some(action.clone()),
            Peer::Group(Ref::Id(_)) | Peer::Cidr(_) | Peer::PrefixList(_) => None,
        })
        .collect();
    if let Ref::Made(action) = group {
        after.insert(action.clone());
    }
    let rules = ChangeRules { group: group.clone(), direction, rules };
    let write = if add { Write::AuthorizeRules(rules) } else { Write::RevokeRules(rules) };
    let id = format!("{verb}/{}/{way}", role.word());
    Some(draft.change(id, write, group, why).after(after).puts(puts).id())
}

/// What tags of a group are addressed by.
pub(crate) fn taggable(id: &SecurityGroupId) -> Taggable {
    Taggable::SecurityGroup(Ref::Id(id.clone()))
}
