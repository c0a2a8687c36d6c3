//! How many rules a security group may have, and what each counts for.
//!
//! <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-security-groups>: 60 inbound and 60
//! outbound, "enforced separately for IPv4 rules and IPv6 rules". What a rule counts for:
//! <https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html#security-group-size>. That one which names a
//! group counts in both families was measured: <https://github.com/jantman/awslimitchecker/pull/447>.

use aws_api::ec2::{Direction, Peer, Rule};
use aws_api::id::SecurityGroupId;

use super::catalogue::prefix_lists;
use super::world::{Outcome, World, refuse};

/// What is counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

impl Family {
    fn word(self) -> &'static str {
        match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }
}

impl World {
    /// Whether a group may have all of these rules of one direction. AWS's own message is the first sentence; it does not say
    /// which family is full.
    pub(super) fn check_rule_count<'a>(
        &self,
        group: &SecurityGroupId,
        direction: Direction,
        rules: impl Iterator<Item = &'a Rule> + Clone,
    ) -> Outcome<()> {
        let max = self.config.quotas.rules_per_group;
        let count = |family| (family, rules.clone().map(|rule| self.weight(rule, family)).sum::<usize>());
        let full = [Family::V4, Family::V6].map(count).into_iter().filter(|(_, count)| *count > max);
        let full: Vec<String> = full.map(|(family, count)| format!("{count} {} rules", family.word())).collect();
        if full.is_empty() {
            return Ok(());
        }
        let way = match direction {
            Direction::Ingress => "inbound",
            Direction::Egress => "outbound",
        };
        let message = format!(
            "The maximum number of rules per security group has been reached. {group} would have {} for what is {way}, and \
             may have {max} of each family. A rule that names a group counts for IPv4 and for IPv6, one that names a prefix \
             list as many times as that has entries at most.",
            full.join(" and ")
        );
        refuse("RulesPerSecurityGroupLimitExceeded", message)
    }

    fn weight(&self, rule: &Rule, family: Family) -> usize {
        match &rule.peer {
            Peer::Cidr(range) => usize::from(range.is_ipv6() == (family == Family::V6)),
            Peer::Group(_) => 1,
            Peer::PrefixList(id) => {
                let lists = prefix_lists(&self.config.region);
                let named = lists.iter().find(|list| list.id == *id && list.is_ipv6 == (family == Family::V6));
                named.map_or(0, |list| list.weight)
            }
        }
    }
}
