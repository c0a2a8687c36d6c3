//! Security groups and their rules.
//!
//! <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html>,
//! <https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html>.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use aws_api::ec2::{ChangeRules, CreateSecurityGroup, Direction, Peer, Rule, SecurityGroup};
use aws_api::id::{SecurityGroupId, VpcId};
use aws_api::{Filter, Page, Ref, Reply, ResourceId, Tags};
use crds_schema::Cidr;

use super::filters;
use super::group_rules::RuleNote;
use super::ledger::Kind;
use super::tags::{Service, check_tags};
use super::world::{Outcome, World, refuse};

#[derive(Debug, Clone)]
pub(crate) struct GroupRecord {
    pub id: SecurityGroupId,
    pub name: String,
    pub description: String,
    pub vpc: VpcId,
    pub ingress: BTreeSet<Rule>,
    pub egress: BTreeSet<Rule>,
    /// What rules have besides; absent for one that has nothing.
    pub notes: BTreeMap<(Direction, Rule), RuleNote>,
    pub tags: Tags,
}

impl GroupRecord {
    pub fn rules_mut(&mut self, direction: Direction) -> &mut BTreeSet<Rule> {
        match direction {
            Direction::Ingress => &mut self.ingress,
            Direction::Egress => &mut self.egress,
        }
    }

    pub fn describe(&self) -> SecurityGroup {
        SecurityGroup {
            id: self.id.clone(),
            name: self.name.clone(),
            vpc: self.vpc.clone(),
            ingress: self.ingress.clone(),
            egress: self.egress.clone(),
            tags: self.tags.clone(),
        }
    }

    fn refers_to(&self, group: &SecurityGroupId) -> bool {
        self.ingress.iter().chain(&self.egress).any(|rule| rule.peer == Peer::Group(Ref::Id(group.clone())))
    }
}

impl World {
    /// Every VPC comes with a group `default` that lets its members talk to each other.
    /// <https://docs.aws.amazon.com/vpc/latest/userguide/default-security-group.html>
    pub(crate) fn add_default_groups(&mut self) {
        let vpcs: BTreeSet<VpcId> = self.config.subnets.values().map(|s| s.subnet.vpc.clone()).collect();
        for vpc in vpcs {
            let id = self.fresh_group_id();
            let own = Rule { protocol: "-1".into(), from: None, to: None, peer: Peer::Group(Ref::Id(id.clone())) };
            let record = GroupRecord {
                id: id.clone(),
                name: "default".into(),
                description: "default VPC security group".into(),
                vpc,
                ingress: BTreeSet::from([own]),
                egress: all_out(),
                notes: BTreeMap::new(),
                tags: Tags::new(),
            };
            self.groups.insert(id, Rc::new(record));
        }
    }

    pub(crate) fn default_group(&self, vpc: &VpcId) -> Option<SecurityGroupId> {
        self.groups.values().find(|group| group.vpc == *vpc && group.name == "default").map(|group| group.id.clone())
    }

    pub(crate) fn group(&self, id: &SecurityGroupId) -> Outcome<&Rc<GroupRecord>> {
        let found = self.groups.get(id);
        found.map_or_else(|| refuse("InvalidGroup.NotFound", format!("The security group '{id}' does not exist")), Ok)
    }

    /// The group of that name in the default VPC: only there a name will do.
    pub(crate) fn group_named(&self, name: &str) -> Outcome<&Rc<GroupRecord>> {
        let vpc = self.default_vpc();
        let found = self.groups.values().find(|group| group.name == name && Some(&group.vpc) == vpc);
        let of = vpc.map_or_else(|| "none".to_owned(), ToString::to_string);
        let message = || format!("The security group '{name}' does not exist in default VPC '{of}'");
        found.map_or_else(|| refuse("InvalidGroup.NotFound", message()), Ok)
    }

    pub(crate) fn group_mut(&mut self, id: &SecurityGroupId) -> Outcome<&mut GroupRecord> {
        match self.groups.get_mut(id) {
            Some(group) => Ok(Rc::make_mut(group)),
            None => refuse("InvalidGroup.NotFound", format!("The security group '{id}' does not exist")),
        }
    }

    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSecurityGroups.html>
    pub(crate) fn describe_groups(&self, filters: &[Filter], page: &Page) -> Outcome<Reply> {
        let mut found = Vec::new();
        for group in self.groups.values() {
            let value = |name: &str| self.group_values(group, name);
            if filters::select(filters, &group.tags, value)? {
                found.push((group.id.to_string(), group.describe()));
            }
        }
        let (groups, next) = filters::page(found, page, self.config.page_size, "InvalidParameterValue")?;
        Ok(Reply::SecurityGroups(groups, next))
    }

    /// A group's values by a filter's name.
    pub(crate) fn group_values(&self, group: &GroupRecord, name: &str) -> Option<Vec<String>> {
        if let Some(of_rules) = name.strip_prefix("ip-permission.") {
            return self.rule_values(&group.ingress, of_rules);
        }
        if let Some(of_rules) = name.strip_prefix("egress.ip-permission.") {
            return self.rule_values(&group.egress, of_rules);
        }
        Some(vec![match name {
            "group-id" => group.id.to_string(),
            "group-name" => group.name.clone(),
            "vpc-id" => group.vpc.to_string(),
            "description" => group.description.clone(),
            "owner-id" => self.config.account.clone(),
            _ => return None,
        }])
    }

    fn rule_values(&self, rules: &BTreeSet<Rule>, name: &str) -> Option<Vec<String>> {
        let named =
            |id: &str| self.groups.values().find(|group| group.id.as_str() == id).map(|group| group.name.clone());
        let range = |rule: &Rule, ipv6: bool| match &rule.peer {
            Peer::Cidr(cidr) => Some(cidr.to_string()).filter(|_| cidr.is_ipv6() == ipv6),
            Peer::Group(_) | Peer::PrefixList(_) => None,
        };
        let value: &dyn Fn(&Rule) -> Option<String> = match name {
            "group-id" => return Some(peers(rules)),
            "group-name" => return Some(peers(rules).iter().filter_map(|id| named(id)).collect()),
            "user-id" => return Some(peers(rules).iter().map(|_| self.config.account.clone()).collect()),
            "cidr" => &|rule| range(rule, false),
            "ipv6-cidr" => &|rule| range(rule, true),
            "prefix-list-id" => &|rule| if let Peer::PrefixList(list) = &rule.peer { Some(list.clone()) } else { None },
            "protocol" => &|rule| Some(rule.protocol.clone()),
            "from-port" => &|rule| rule.from.map(|port| port.to_string()),
            "to-port" => &|rule| rule.to.map(|port| port.to_string()),
            _ => return None,
        };
        Some(rules.iter().filter_map(value).collect())
    }

    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html>
    pub(crate) fn create_group(&mut self, create: &CreateSecurityGroup) -> Outcome<Reply> {
        self.make_group(create).map(|id| Reply::Made(ResourceId::SecurityGroup(id)))
    }

    /// As [`create_group`](Self::create_group): the id of the group.
    pub(crate) fn make_group(&mut self, create: &CreateSecurityGroup) -> Outcome<SecurityGroupId> {
        let (name, vpc) = (&create.name, &create.vpc);
        self.check_vpc(vpc)?;
        if name.is_empty() || name.len() > 255 || name.starts_with(SecurityGroupId::PREFIX) {
            return refuse("InvalidParameterValue", format!("Invalid group name '{name}'"));
        }
        if name.eq_ignore_ascii_case("default") {
            let message = "The name 'default' is reserved, and cannot be used to create a new security group";
            return refuse("InvalidGroup.Reserved", message);
        }
        if create.description.is_empty() || create.description.len() > 255 {
            return refuse("InvalidParameterValue", "Invalid group description");
        }
        check_tags(Service::Ec2, &create.tags, self.config.quotas.tags)?;
        if self.groups.len() >= self.config.quotas.groups {
            let message = "The maximum number of security groups for this account and region has been reached.";
            return refuse("SecurityGroupLimitExceeded", message);
        }
        let mut of_vpc = self.groups.values().filter(|group| group.vpc == *vpc);
        if of_vpc.any(|group| group.name.eq_ignore_ascii_case(name)) {
            return refuse(
                "InvalidGroup.Duplicate",
                format!("The security group '{name}' already exists for VPC '{vpc}'"),
            );
        }
        let id = self.fresh_group_id();
        let record = GroupRecord {
            id: id.clone(),
            name: name.clone(),
            description: create.description.clone(),
            vpc: vpc.clone(),
            ingress: BTreeSet::new(),
            egress: all_out(),
            notes: BTreeMap::new(),
            tags: create.tags.clone(),
        };
        self.groups.insert(id.clone(), Rc::new(record));
        self.note_created(Kind::SecurityGroup, &id);
        Ok(id)
    }

    /// All or none: one rule that exists fails the whole call.
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AuthorizeSecurityGroupIngress.html>
    pub(crate) fn authorize(&mut self, change: &ChangeRules) -> Outcome<Reply> {
        let rules = canonical(&change.rules)?;
        rules.iter().try_for_each(|rule| self.check_peer(&rule.peer))?;
        let group = self.group(&named_one(&change.group)?)?;
        let present = group.rules(change.direction);
        if let Some(rule) = rules.iter().find(|rule| present.contains(rule)) {
            let message = format!("the specified rule \"{rule}\" already exists");
            return refuse("InvalidPermission.Duplicate", message);
        }
        self.check_rule_count(&group.id, change.direction, present.iter().chain(&rules))?;
        let id = group.id.clone();
        let group = self.group_mut(&id)?;
        let present = group.rules_mut(change.direction);
        present.extend(rules.iter().cloned());
        group.forget_notes(change.direction, &rules);
        Ok(Reply::Done)
    }

    /// All or none as well.
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RevokeSecurityGroupIngress.html>
    pub(crate) fn revoke(&mut self, change: &ChangeRules) -> Outcome<Reply> {
        let rules = canonical(&change.rules)?;
        let group = self.group_mut(&named_one(&change.group)?)?;
        let present = group.rules_mut(change.direction);
        if let Some(rule) = rules.iter().find(|rule| !present.contains(rule)) {
            let message = format!("The specified rule \"{rule}\" does not exist in this security group.");
            return refuse("InvalidPermission.NotFound", message);
        }
        present.retain(|rule| !rules.contains(rule));
        group.notes.retain(|(direction, rule), _| *direction != change.direction || !rules.contains(rule));
        Ok(Reply::Done)
    }

    /// <https://docs.aws.amazon.com/vpc/latest/userguide/deleting-security-groups.html>: not while a network interface has it, or a
    /// rule of another group names it.
    pub(crate) fn delete_group(&mut self, id: &SecurityGroupId) -> Outcome<Reply> {
        let group = self.group(id)?;
        if group.name == "default" {
            let message = format!("the specified group: \"{id}\" name: \"default\" cannot be deleted by a user");
            return refuse("CannotDelete", message);
        }
        if self.interfaces().any(|(_, groups)| groups.contains(id))
            || self.groups.values().any(|other| other.id != *id && other.refers_to(id))
        {
            return refuse("DependencyViolation", format!("resource {id} has a dependent object"));
        }
        self.groups.remove(id);
        self.note_deleted(Kind::SecurityGroup, id);
        Ok(Reply::Done)
    }

    fn fresh_group_id(&mut self) -> SecurityGroupId {
        SecurityGroupId::parse(self.fresh_id(SecurityGroupId::PREFIX)).expect("begins with its prefix")
    }
}

/// The ids in it. Every reference in a call that is sent is resolved; [`super::SimCloud`] refuses others before.
pub(crate) fn named(groups: &BTreeSet<Ref<SecurityGroupId>>) -> BTreeSet<SecurityGroupId> {
    groups.iter().filter_map(Ref::id).cloned().collect()
}

fn named_one(group: &Ref<SecurityGroupId>) -> Outcome<SecurityGroupId> {
    group.id().cloned().map_or_else(|| refuse("InvalidGroupId.Malformed", format!("'{group}' is not an id")), Ok)
}

fn peers(rules: &BTreeSet<Rule>) -> Vec<String> {
    let group = |rule: &Rule| if let Peer::Group(group) = &rule.peer { Some(group.to_string()) } else { None };
    rules.iter().filter_map(group).collect()
}

/// "By default, a security group includes an outbound rule that allows all outbound traffic."
fn all_out() -> BTreeSet<Rule> {
    let everywhere = Cidr::canonical("0.0.0.0/0").expect("the range of all addresses parses");
    BTreeSet::from([Rule { protocol: "-1".into(), from: None, to: None, peer: Peer::Cidr(everywhere) }])
}

/// The rules as AWS stores them: protocols by name where they have one, no ports for all traffic.
fn canonical(rules: &BTreeSet<Rule>) -> Outcome<BTreeSet<Rule>> {
    if rules.is_empty() {
        return refuse("MissingParameter", "The request must contain the parameter ipPermissions");
    }
    rules.iter().cloned().map(canonical_rule).collect()
}

pub(crate) fn canonical_rule(mut rule: Rule) -> Outcome<Rule> {
    let named = [("6", "tcp"), ("17", "udp"), ("1", "icmp"), ("58", "icmpv6")];
    if let Some((_, name)) = named.iter().find(|(number, _)| *number == rule.protocol) {
        rule.protocol = (*name).to_owned();
    }
    match rule.protocol.as_str() {
        "-1" => (rule.from, rule.to) = (None, None),
        "tcp" | "udp" => match (rule.from, rule.to) {
            (Some(from), Some(to)) if (0..=65_535).contains(&from) && from <= to && to <= 65_535 => {}
            _ => return refuse("InvalidParameterValue", format!("Invalid port range of rule \"{rule}\"")),
        },
        _ => {}
    }
    Ok(rule)
}
