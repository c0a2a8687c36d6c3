//! Rules of listeners, but for the default one, which is the listener's own action.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-rules.html>

use std::collections::{BTreeMap, BTreeSet};

use aws_api::elbv2::ListenerRule;
use aws_api::id::{ListenerArn, RuleArn};
use aws_api::{Page, Reply, Tags};

use super::actions::Action;
use super::conditions::{self, Condition};
use super::filters;
use super::listeners::ListenerRecord;
use super::tags::{Service, check_tags};
use super::world::{Outcome, World, refuse};
use crate::entropy::Prng;

/// The greatest priority. <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateRule.html>
const PRIORITY_MAX: u32 = 50_000;

#[derive(Debug, Clone)]
pub(crate) struct RuleRecord {
    pub arn: String,
    pub conditions: Vec<Condition>,
    pub action: Action,
    pub tags: Tags,
}

/// Which rule an ARN names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// The default rule of that listener.
    Default(ListenerArn),
    /// The rule of that priority.
    At(ListenerArn, u32),
}

/// A rule that is asked for.
pub(crate) struct NewRule {
    pub priority: u32,
    pub conditions: Vec<Condition>,
    pub action: Action,
    pub tags: Tags,
}

impl ListenerRecord {
    /// The ARN of its default rule. It comes from the listener's own, so that a listener takes one id and no more.
    pub fn default_rule(&self) -> String {
        let (_, unique) = self.arn.as_str().rsplit_once('/').unwrap_or_default();
        let seed = unique.bytes().fold(0_u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
        rule_arn(&self.arn, &Prng::new(seed).hex(16))
    }

    fn rule_mut(&mut self, priority: u32) -> Outcome<&mut RuleRecord> {
        self.rules.get_mut(&priority).map_or_else(|| no_rule(&priority.to_string()), Ok)
    }
}

impl RuleRecord {
    fn describe(&self, priority: u32) -> ListenerRule {
        ListenerRule {
            arn: RuleArn::parse(self.arn.as_str()).expect("begins with its prefix"),
            priority,
            conditions: self.conditions.iter().map(Condition::describe).collect(),
            actions: vec![self.action.describe()],
        }
    }
}

impl World {
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeRules.html>
    pub(crate) fn describe_rules(&self, listener: &ListenerArn, page: &Page) -> Outcome<Reply> {
        let rules = self.listener(listener)?.rules.iter();
        // By priority, which has five digits at most.
        let found = rules.map(|(priority, rule)| (format!("{priority:0>5}"), rule.describe(*priority))).collect();
        let (rules, next) = filters::page(found, page, self.config.page_size, "ValidationError")?;
        Ok(Reply::Rules(rules, next))
    }

    /// Which rule that ARN names.
    pub(crate) fn rule_place(&self, arn: &str) -> Outcome<Place> {
        let of_listener = arn.rsplit_once('/').map(|(path, _)| path.replacen(":listener-rule/", ":listener/", 1));
        let listener =
            of_listener.and_then(|path| ListenerArn::parse(path).ok()).and_then(|arn| self.listeners.get(&arn));
        let Some(listener) = listener else { return no_rule(arn) };
        if listener.default_rule() == arn {
            return Ok(Place::Default(listener.arn.clone()));
        }
        match listener.rules.iter().find(|(_, rule)| rule.arn == arn) {
            Some((priority, _)) => Ok(Place::At(listener.arn.clone(), *priority)),
            None => no_rule(arn),
        }
    }

    /// Where a rule is that is to be changed; the default one can only be changed with its listener.
    fn changeable_rule(&self, arn: &str) -> Outcome<(ListenerArn, u32)> {
        match self.rule_place(arn)? {
            Place::At(listener, priority) => Ok((listener, priority)),
            Place::Default(_) => {
                let message = format!("The default rule '{arn}' cannot be changed, moved or deleted");
                refuse("OperationNotPermitted", message)
            }
        }
    }

    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateRule.html>
    pub(crate) fn add_rule(&mut self, listener: &ListenerArn, new: NewRule) -> Outcome<Place> {
        let priority = check_priority(new.priority)?;
        let record = self.listener(listener)?;
        check_tags(Service::Elb, &new.tags, self.config.quotas.tags)?;
        conditions::check(&new.conditions)?;
        if record.rules.contains_key(&priority) {
            return in_use(priority);
        }
        let of_balancer = self.listeners_of(&record.balancer);
        if of_balancer.iter().map(|one| one.rules.len()).sum::<usize>() >= self.config.quotas.rules_per_balancer {
            return refuse("TooManyRules", "The limit on the number of rules of the load balancer has been reached");
        }
        let arn = rule_arn(listener, &self.ids.hex(16));
        let rule = RuleRecord { arn, conditions: new.conditions, action: new.action, tags: new.tags };
        self.change_listener(listener, |record| {
            record.rules.insert(priority, rule);
            Ok(())
        })?;
        Ok(Place::At(listener.clone(), priority))
    }

    /// "Any properties that you do not specify are unchanged."
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ModifyRule.html>
    pub(crate) fn change_rule(
        &mut self,
        arn: &str,
        conditions: Option<Vec<Condition>>,
        action: Option<Action>,
    ) -> Outcome<Place> {
        let (listener, priority) = self.changeable_rule(arn)?;
        conditions.as_deref().map_or(Ok(()), conditions::check)?;
        self.change_listener(&listener, |record| {
            let rule = record.rule_mut(priority)?;
            rule.conditions = conditions.unwrap_or_else(|| rule.conditions.clone());
            rule.action = action.unwrap_or_else(|| rule.action.clone());
            Ok(())
        })?;
        Ok(Place::At(listener, priority))
    }

    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DeleteRule.html>
    pub(crate) fn delete_rule(&mut self, arn: &str) -> Outcome<()> {
        let (listener, priority) = self.changeable_rule(arn)?;
        self.listener_mut(&listener)?.rules.remove(&priority);
        Ok(())
    }

    /// "You can reorder the rules as long as there are no priority conflicts in the new order."
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_SetRulePriorities.html>
    pub(crate) fn set_rule_priorities(&mut self, wanted: &[(String, u32)]) -> Outcome<Vec<Place>> {
        let mut moves: BTreeMap<ListenerArn, BTreeMap<u32, u32>> = BTreeMap::new();
        let mut places = Vec::new();
        for (arn, to) in wanted {
            let to = check_priority(*to)?;
            let (listener, from) = self.changeable_rule(arn)?;
            if moves.entry(listener.clone()).or_default().insert(from, to).is_some() {
                return refuse("ValidationError", format!("Rule '{arn}' is named twice"));
            }
            places.push(Place::At(listener, to));
        }
        if moves.len() != 1 {
            return refuse("ValidationError", "The rules must be those of one listener");
        }
        for (listener, moves) in &moves {
            self.move_rules(listener, moves)?;
        }
        Ok(places)
    }

    fn move_rules(&mut self, listener: &ListenerArn, moves: &BTreeMap<u32, u32>) -> Outcome<()> {
        let record = self.listener_mut(listener)?;
        let new = |priority: &u32| moves.get(priority).copied().unwrap_or(*priority);
        let mut taken = BTreeSet::new();
        if let Some(twice) = record.rules.keys().map(new).find(|priority| !taken.insert(*priority)) {
            return in_use(twice);
        }
        let rules = std::mem::take(&mut record.rules);
        record.rules = rules.into_iter().map(|(priority, rule)| (new(&priority), rule)).collect();
        Ok(())
    }

    /// The tags of a rule. Those of the default rule are not modelled: it has none.
    pub(crate) fn rule_tags(&self, arn: &str) -> Outcome<Tags> {
        match self.rule_place(arn)? {
            Place::Default(_) => Ok(Tags::new()),
            Place::At(listener, priority) => {
                let rule = self.listener(&listener)?.rules.get(&priority);
                rule.map_or_else(|| no_rule(arn), |rule| Ok(rule.tags.clone()))
            }
        }
    }

    /// The tags of a rule, to be changed.
    pub(crate) fn rule_tags_mut(&mut self, arn: &str) -> Outcome<&mut Tags> {
        match self.rule_place(arn)? {
            Place::Default(_) => {
                refuse("ValidationError", format!("tags of the default rule '{arn}' are not modelled"))
            }
            Place::At(listener, priority) => Ok(&mut self.listener_mut(&listener)?.rule_mut(priority)?.tags),
        }
    }
}

fn rule_arn(listener: &ListenerArn, unique: &str) -> String {
    format!("{}/{unique}", listener.as_str().replacen(":listener/", ":listener-rule/", 1))
}

fn check_priority(priority: u32) -> Outcome<u32> {
    if (1..=PRIORITY_MAX).contains(&priority) {
        return Ok(priority);
    }
    refuse("ValidationError", format!("Rule priority '{priority}' must be between 1 and {PRIORITY_MAX}"))
}

fn in_use<T>(priority: u32) -> Outcome<T> {
    refuse("PriorityInUse", format!("Priority '{priority}' is currently in use"))
}

fn no_rule<T>(arn: &str) -> Outcome<T> {
    refuse("RuleNotFound", format!("One or more rules not found: '{arn}'"))
}
