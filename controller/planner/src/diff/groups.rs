//! Security groups: their existence, their rules, their tags.
//!
//! Out: where the two groups are, for what is built on them. A rule that is missing is added before a rogue one is
//! removed, so that an edit never closes what stays open; where there is no room, just enough is removed first.

use std::collections::{BTreeMap, BTreeSet};

use aws_api::ec2::{
    ChangeRules, CreateSecurityGroup, Direction, Peer, Rule, SecurityGroup, SecurityGroupWrite, Taggable,
};
use aws_api::id::SecurityGroupId;
use aws_api::{ActionId, Ref, ResourceId, Write};
use crds_schema::limits::GROUP_RULES_MAX;
use crds_schema::{Cidr, Spec};

use crate::builder::PlanBuilder;
use crate::desired::Wanted;
use crate::memory::Entry;
use crate::ownership;
use crate::reason::{Reason, Why};
use crate::record::{GroupRole, Makes};
use crate::room;

/// The two groups, as far as they are there or being made.
pub(crate) type Groups = BTreeMap<GroupRole, Ref<SecurityGroupId>>;

/// Plans both groups.
pub(crate) fn diff(builder: &mut PlanBuilder<'_>, spec: &Spec, wanted: &Wanted) -> Groups {
    let mut groups = Groups::new();
    for role in GroupRole::BOTH {
        if let Some(group) = ensure(builder, spec, wanted, role) {
            groups.insert(role, group);
        }
    }
    for (role, group) in &groups {
        rules(builder, spec, wanted, *role, group, &groups);
    }
    groups
}

fn observed<'s>(builder: &PlanBuilder<'s>, id: &SecurityGroupId) -> Option<&'s SecurityGroup> {
    builder.input.observed.groups.seen()?.iter().find(|group| group.id == *id)
}

/// The group, created if need be; `None` while that cannot be told.
fn ensure(
    builder: &mut PlanBuilder<'_>,
    spec: &Spec,
    wanted: &Wanted,
    role: GroupRole,
) -> Option<Ref<SecurityGroupId>> {
    let record = builder.input.record;
    let name = &wanted.group_names[&role];
    if let Some(id) = role.recorded(&builder.status).cloned() {
        if let Some(seen) = observed(builder, &id) {
            super::tags::group(builder, spec, &seen.name, seen);
        }
        return Some(Ref::Id(id));
    }
    let seen = builder.input.observed.groups.seen()?;
    if let Some(taken) = seen.iter().find(|group| group.name == *name && group.vpc == wanted.vpc) {
        let field = match role {
            GroupRole::LoadBalancer => "spec.securityGroups.loadBalancer.name",
            GroupRole::Instances => "spec.securityGroups.instances.name",
        };
        super::name_taken(builder, "security group", name, taken.id.as_str(), field);
        return None;
    }
    let description = match role {
        GroupRole::LoadBalancer => format!("Load balancer of {}", record.name),
        GroupRole::Instances => format!("Instances of {}", record.name),
    };
    let id = format!("create-group/{}", role.word());
    let why = Why::new(Reason::NotYetMade, format!("security group {name}"));
    let action = builder
        .create(id, Makes::Group(role), name, why, |intent| {
            Write::SecurityGroup(SecurityGroupWrite::Create(CreateSecurityGroup {
                name: name.clone(),
                description,
                vpc: wanted.vpc.clone(),
                tags: ownership::tags(record, &spec.tags, name, intent),
            }))
        })
        .id();
    Some(Ref::Made(action))
}

/// The rules that a group should have. Ports of a target group that is being replaced stay open until it is gone.
fn wanted_rules(
    builder: &PlanBuilder<'_>,
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
            ports.extend(builder.status.target_groups.iter().map(|group| group.port));
            // What is checked elsewhere than where it serves stays open too while it is replaced.
            let seen = builder.input.observed.target_groups.seen().into_iter().flatten();
            let ours = seen.filter(|seen| builder.status.target_groups.iter().any(|group| group.arn == seen.arn));
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
    builder: &mut PlanBuilder<'_>,
    spec: &Spec,
    wanted: &Wanted,
    role: GroupRole,
    group: &Ref<SecurityGroupId>,
    groups: &Groups,
) {
    for (direction, wanted) in wanted_rules(builder, spec, wanted, role, groups) {
        let place = Place { role, group, direction };
        match group {
            Ref::Made(_) => {
                let new = rules_of_new(direction);
                let missing = wanted.difference(&new).map(|rule| (rule.clone(), Reason::NotYetMade)).collect();
                let rogue = new.difference(&wanted).map(|rule| (rule.clone(), Reason::RuleRogue)).collect();
                place.set_right(builder, &new, missing, rogue);
            }
            Ref::Id(id) => {
                let Some(seen) = observed(builder, id) else { continue };
                let have = match direction {
                    Direction::Ingress => &seen.ingress,
                    Direction::Egress => &seen.egress,
                };
                let (missing, unwanted) = compare(builder, &place, have, &wanted);
                place.set_right(builder, have, missing, unwanted);
            }
        }
    }
}

/// Rules, each with why it is added or removed.
type Rules = BTreeMap<Rule, Reason>;

/// One direction of one group.
struct Place<'a> {
    role: GroupRole,
    group: &'a Ref<SecurityGroupId>,
    direction: Direction,
}

/// Rules that are missing, and rules that are there and not wanted.
fn compare(
    builder: &mut PlanBuilder<'_>,
    place: &Place<'_>,
    have: &BTreeSet<Rule>,
    wanted: &BTreeSet<Rule>,
) -> (Rules, Rules) {
    let (mut missing, mut unwanted) = (Rules::new(), Rules::new());
    for rule in wanted {
        let (entry, there) = (place.entry(rule), have.contains(rule).then_some(""));
        if builder.confirm_drift(&entry, Some(""), there) && !is_in_doubt(builder, rule) {
            missing.insert(rule.clone(), builder.cause(&entry, Some(""), there, Reason::RuleMissing));
        }
    }
    for rule in have.iter().filter(|rule| !wanted.contains(*rule)) {
        let entry = place.entry(rule);
        if builder.confirm_drift(&entry, None, Some("")) {
            unwanted.insert(rule.clone(), builder.cause(&entry, None, Some(""), Reason::RuleRogue));
        }
    }
    (missing, unwanted)
}

/// Whether it refers to a group that AWS does not show.
fn is_in_doubt(builder: &PlanBuilder<'_>, rule: &Rule) -> bool {
    match &rule.peer {
        Peer::Group(group) => builder.doubts(group, ResourceId::SecurityGroup),
        Peer::Cidr(_) | Peer::PrefixList(_) => false,
    }
}

impl Place<'_> {
    fn way(&self) -> &'static str {
        match self.direction {
            Direction::Ingress => "ingress",
            Direction::Egress => "egress",
        }
    }

    fn entry(&self, rule: &Rule) -> Entry {
        Entry::new(room::rules_of(&self.group.to_string(), self.direction), rule.to_string())
    }

    /// What is missing goes in before anything comes out, so that an edit never closes what stays open. Where it does not
    /// fit, just enough comes out first: what is rogue, then what the record dropped.
    fn set_right(&self, builder: &mut PlanBuilder<'_>, have: &BTreeSet<Rule>, missing: Rules, mut unwanted: Rules) {
        let set = room::rules_of(&self.group.to_string(), self.direction);
        let room = if builder.memory.full.holds(&set, builder.now()) {
            [0, 0]
        } else {
            room::left(GROUP_RULES_MAX, room::sum(have.iter().map(room::weight)))
        };
        let mut candidates: Vec<(Reason, Rule)> =
            unwanted.iter().map(|(rule, reason)| (*reason, rule.clone())).collect();
        candidates.sort_by_key(|(reason, _)| *reason != Reason::RuleRogue);
        let needed = room::sum(missing.keys().map(room::weight));
        let first = room::goes_first(room, needed, &candidates, |(_, rule)| room::weight(rule));
        let first: Rules = first.into_iter().map(|(reason, rule)| (rule, reason)).collect();
        unwanted.retain(|rule, _| !first.contains_key(rule));
        let room = self.revoke(builder, "make-room", first, Vec::new());
        let grants = self.authorize(builder, missing, room);
        // What was never ours does not stay for a rule that AWS refuses to add.
        if builder.memory.retries.all().any(|(attempt, _)| grants.contains(&attempt.action)) {
            let rogue = unwanted.extract_if(.., |_, reason| *reason == Reason::RuleRogue).collect();
            self.revoke(builder, "revoke-rogue", rogue, Vec::new());
        }
        self.revoke(builder, "revoke", unwanted, grants);
    }

    fn authorize(&self, builder: &mut PlanBuilder<'_>, rules: Rules, after: Vec<ActionId>) -> Vec<ActionId> {
        let base = format!("authorize/{}/{}", self.role.word(), self.way());
        let keys: Vec<Rule> = rules.keys().cloned().collect();
        let parts = builder.memory.batches.parts(&base, &self.group.to_string(), keys, |_| false);
        let one = |part: crate::batches::Part<Rule>| {
            let part_rules: Rules =
                part.keys.into_iter().filter_map(|rule| rules.get(&rule).map(|why| (rule.clone(), *why))).collect();
            self.change(builder, part.id, part_rules, true, after.clone())
        };
        parts.into_iter().map(one).collect()
    }

    fn revoke(&self, builder: &mut PlanBuilder<'_>, verb: &str, rules: Rules, after: Vec<ActionId>) -> Vec<ActionId> {
        if rules.is_empty() {
            return Vec::new();
        }
        vec![self.change(builder, format!("{verb}/{}/{}", self.role.word(), self.way()), rules, false, after)]
    }

    fn change(
        &self,
        builder: &mut PlanBuilder<'_>,
        id: String,
        rules: Rules,
        add: bool,
        after: Vec<ActionId>,
    ) -> ActionId {
        let drift = if add { Reason::RuleMissing } else { Reason::RuleRogue };
        let reason = builder.worst(rules.values().copied(), drift);
        let list = super::joined_by(rules.keys(), ", ");
        let why = Why::new(reason, format!("{} of the {} group: {list}", self.way(), self.role.word()));
        let puts: Vec<_> = rules.keys().map(|rule| (self.entry(rule), add.then(String::new))).collect();
        let mut after: BTreeSet<ActionId> = after.into_iter().collect();
        after.extend(rules.keys().filter_map(|rule| match &rule.peer {
            Peer::Group(Ref::Made(action)) => Some(action.clone()),
            Peer::Group(Ref::Id(_)) | Peer::Cidr(_) | Peer::PrefixList(_) => None,
        }));
        if let Ref::Made(action) = self.group {
            after.insert(action.clone());
        }
        let rules = rules.into_keys().collect();
        let rules = ChangeRules { group: self.group.clone(), direction: self.direction, rules };
        let write = if add {
            Write::SecurityGroup(SecurityGroupWrite::Authorize(rules))
        } else {
            Write::SecurityGroup(SecurityGroupWrite::Revoke(rules))
        };
        builder.change(id, write, self.group, why).after(after).puts(puts).id()
    }
}

/// What tags of a group are addressed by.
pub(crate) fn taggable(id: &SecurityGroupId) -> Taggable {
    Taggable::SecurityGroup(Ref::Id(id.clone()))
}
