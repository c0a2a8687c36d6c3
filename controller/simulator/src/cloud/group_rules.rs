//! What a security group's rule has besides what makes it equal to another: an id, a description, tags.
//!
//! <https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html>. An id follows from group and rule, so that
//! none is drawn for it; only a rule that was modified keeps the id of what it was.

use aws_api::ec2::{Direction, Peer, Rule};
use aws_api::id::SecurityGroupId;
use aws_api::{Ref, Tags};

use super::catalogue::prefix_lists;
use super::derived::derived_id;
use super::groups::GroupRecord;
use super::tags::is_full_id;
use super::world::{Outcome, World, refuse};

/// What the ids of rules begin with.
pub(crate) const PREFIX: &str = "sgr-";

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RuleNote {
    /// Its id, unless that follows from the rule.
    pub id: Option<String>,
    pub description: Option<String>,
    pub tags: Tags,
}

impl GroupRecord {
    pub fn rules(&self, direction: Direction) -> &std::collections::BTreeSet<Rule> {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }

    /// Every rule of it, those for what comes in first.
    pub fn all_rules(&self) -> impl Iterator<Item = (Direction, &Rule)> {
        let inward = self.ingress.iter().map(|rule| (Direction::Ingress, rule));
        inward.chain(self.egress.iter().map(|rule| (Direction::Egress, rule)))
    }

    /// What is noted of a rule, if anything.
    pub fn note(&self, direction: Direction, rule: &Rule) -> Option<&RuleNote> {
        self.notes.get(&(direction, rule.clone()))
    }

    pub fn note_mut(&mut self, direction: Direction, rule: &Rule) -> &mut RuleNote {
        self.notes.entry((direction, rule.clone())).or_default()
    }

    pub fn rule_id(&self, direction: Direction, rule: &Rule) -> String {
        let kept = self.note(direction, rule).and_then(|note| note.id.clone());
        kept.unwrap_or_else(|| self.own_id(direction, rule))
    }

    fn own_id(&self, direction: Direction, rule: &Rule) -> String {
        derived_id(PREFIX, &format!("{} {direction:?} {rule}", self.id))
    }

    /// The rule of that id.
    pub fn rule_of(&self, id: &str) -> Option<(Direction, Rule)> {
        let found = self.all_rules().find(|(direction, rule)| self.rule_id(*direction, rule) == id);
        found.map(|(direction, rule)| (direction, rule.clone()))
    }

    /// Forgets what was noted of rules of before; a new one starts without. Its own id may be taken by one that was modified.
    pub(super) fn forget_notes<'a>(&mut self, direction: Direction, rules: impl IntoIterator<Item = &'a Rule>) {
        if self.notes.is_empty() {
            return;
        }
        for rule in rules {
            self.notes.remove(&(direction, rule.clone()));
            let own = self.own_id(direction, rule);
            if self.notes.values().any(|note| note.id.as_ref() == Some(&own)) {
                self.note_mut(direction, rule).id = Some(derived_id(PREFIX, &own));
            }
        }
    }
}

impl World {
    /// The rule of that id in a group.
    pub(crate) fn rule_in(&self, group: &SecurityGroupId, id: &str) -> Outcome<(Direction, Rule)> {
        let found = self.group(group)?.rule_of(id);
        found.map_or_else(|| no_such_rule(id), Ok)
    }

    /// The group that has the rule of that id.
    pub(crate) fn group_of_rule(&self, id: &str) -> Outcome<(SecurityGroupId, Direction, Rule)> {
        let found = self.groups.values().find_map(|group| {
            let (direction, rule) = group.rule_of(id)?;
            Some((group.id.clone(), direction, rule))
        });
        found.map_or_else(|| no_such_rule(id), Ok)
    }

    /// Whether there is what a rule names.
    pub(super) fn check_peer(&self, peer: &Peer) -> Outcome<()> {
        match peer {
            Peer::Group(Ref::Id(group)) => self.group(group).map(|_| ()),
            Peer::PrefixList(list) => self.check_prefix_list(list),
            Peer::Group(Ref::Made(_)) | Peer::Cidr(_) => Ok(()),
        }
    }

    /// Whether there is such a prefix list.
    pub(crate) fn check_prefix_list(&self, id: &str) -> Outcome<()> {
        if !id.starts_with("pl-") || !is_full_id(id) {
            return refuse("InvalidPrefixListId.Malformed", format!("Invalid id: \"{id}\" (expecting \"pl-...\")"));
        }
        if prefix_lists(&self.config.region).iter().any(|known| known.id == id) {
            return Ok(());
        }
        refuse("InvalidPrefixListID.NotFound", format!("The prefix list ID '{id}' does not exist"))
    }

    /// Puts another rule in a rule's place, which keeps its id, its tags, and its direction.
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifySecurityGroupRules.html>
    pub(crate) fn modify_rule(
        &mut self,
        group: &SecurityGroupId,
        id: &str,
        rule: Rule,
        description: Option<String>,
    ) -> Outcome<()> {
        let rule = super::groups::canonical_rule(rule)?;
        self.check_peer(&rule.peer)?;
        let (direction, before) = self.rule_in(group, id)?;
        let present = self.group(group)?.rules(direction);
        if rule != before && present.contains(&rule) {
            return refuse("InvalidPermission.Duplicate", format!("the specified rule \"{rule}\" already exists"));
        }
        let others = present.iter().filter(|other| **other != before);
        self.check_rule_count(group, direction, others.chain([&rule]))?;
        let record = self.group_mut(group)?;
        let note = record.notes.remove(&(direction, before.clone())).unwrap_or_default();
        let kept = RuleNote { id: Some(id.to_owned()), description, ..note };
        record.rules_mut(direction).remove(&before);
        record.notes.insert((direction, rule.clone()), kept);
        record.rules_mut(direction).insert(rule);
        Ok(())
    }
}

fn no_such_rule<T>(id: &str) -> Outcome<T> {
    refuse("InvalidSecurityGroupRuleId.NotFound", format!("The security group rule ID '{id}' does not exist"))
}
