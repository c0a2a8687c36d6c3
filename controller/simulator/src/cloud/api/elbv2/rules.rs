//! CreateRule, DescribeRules, ModifyRule, DeleteRule, SetRulePriorities.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateRule.html>. Transforms are not modelled.

use aws_api::Bucket as Called;
use serde::{Deserialize, Serialize};

use super::actions::{self, ActionItem};
use super::common::{Done, at_most_20, listener, page, rule, tags};
use super::conditions::{self, ConditionItem};
use crate::cloud::api::common::Tag;
use crate::cloud::api::{Bucket, Operation, Read, Sight, Write};
use crate::cloud::listener_rules::{NewRule, Place, RuleRecord};
use crate::cloud::listeners::ListenerRecord;
use crate::cloud::world::{Outcome, World, refuse};

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateRule {
    listener_arn: String,
    conditions: Vec<ConditionItem>,
    priority: u32,
    actions: Vec<ActionItem>,
    #[serde(default)]
    tags: Vec<Tag>,
}

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeRules {
    listener_arn: Option<String>,
    #[serde(default)]
    rule_arns: Vec<String>,
    marker: Option<String>,
    page_size: Option<u32>,
}

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ModifyRule {
    rule_arn: String,
    #[serde(default)]
    conditions: Vec<ConditionItem>,
    #[serde(default)]
    actions: Vec<ActionItem>,
}

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteRule {
    rule_arn: String,
}

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SetRulePriorities {
    rule_priorities: Vec<RulePriority>,
}

/// A rule and its priority from now on.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RulePriority {
    rule_arn: String,
    priority: u32,
}

/// Rules, perhaps not all of them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Rules {
    rules: Vec<RuleItem>,
    next_marker: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct RuleItem {
    rule_arn: String,
    priority: String,
    conditions: Vec<ConditionItem>,
    actions: Vec<ActionItem>,
    is_default: bool,
}

macro_rules! answered_with_rules {
    ($($name:ident $bucket:ident,)*) => {$(
        impl Operation for $name {
            type Answer = Rules;

            fn bucket(&self) -> Bucket {
                Bucket::Called(Called::$bucket)
            }
        }
    )*};
}

answered_with_rules! {
    CreateRule Elbv2Mutate,
    DescribeRules Elbv2Describe,
    ModifyRule Elbv2Mutate,
    SetRulePriorities Elbv2Mutate,
}

impl Write for CreateRule {
    fn apply(&self, world: &mut World) -> Outcome<Rules> {
        let arn = listener(&self.listener_arn)?;
        world.listener(&arn)?;
        let new = NewRule {
            priority: self.priority,
            conditions: conditions::read(&self.conditions)?,
            action: actions::read(&self.actions)?,
            tags: tags(&self.tags)?,
        };
        let place = world.add_rule(&arn, new)?;
        at(world, &[place])
    }
}

impl Read for DescribeRules {
    fn answer(&self, Sight { world, .. }: &Sight<'_>) -> Outcome<Rules> {
        at_most_20(&self.rule_arns)?;
        let found: Vec<RuleItem> = match (&self.listener_arn, self.rule_arns.as_slice()) {
            (Some(arn), []) => all(world.listener(&listener(arn)?)?),
            (None, [_, ..]) => {
                let place = |arn: &String| world.rule_place(&rule(arn)?);
                at(world, &self.rule_arns.iter().map(place).collect::<Outcome<Vec<_>>>()?)?.rules
            }
            (Some(_), [_, ..]) | (None, []) => {
                return refuse("ValidationError", "You must specify either a listener ARN or rule ARNs");
            }
        };
        // In the order of evaluation: the default rule comes last.
        let mut found: Vec<_> =
            found.into_iter().map(|one| (format!("{:0>7} {}", one.priority, one.rule_arn), one)).collect();
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        let (rules, next_marker) = page(found, self.page_size, &self.marker)?;
        Ok(Rules { rules, next_marker })
    }
}

impl Write for ModifyRule {
    fn apply(&self, world: &mut World) -> Outcome<Rules> {
        let arn = rule(&self.rule_arn)?;
        world.rule_place(&arn)?;
        if self.conditions.is_empty() && self.actions.is_empty() {
            return refuse("ValidationError", "Either conditions or actions must be specified");
        }
        let conditions = (!self.conditions.is_empty()).then(|| conditions::read(&self.conditions)).transpose()?;
        let action = (!self.actions.is_empty()).then(|| actions::read(&self.actions)).transpose()?;
        let place = world.change_rule(&arn, conditions, action)?;
        at(world, &[place])
    }
}

impl Write for SetRulePriorities {
    fn apply(&self, world: &mut World) -> Outcome<Rules> {
        let wanted = self.rule_priorities.iter().map(|one| Ok((rule(&one.rule_arn)?, one.priority)));
        let places = world.set_rule_priorities(&wanted.collect::<Outcome<Vec<_>>>()?)?;
        at(world, &places)
    }
}

impl Operation for DeleteRule {
    type Answer = Done;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Elbv2Mutate)
    }
}

impl Write for DeleteRule {
    fn apply(&self, world: &mut World) -> Outcome<Done> {
        world.delete_rule(&rule(&self.rule_arn)?)?;
        Ok(Done {})
    }
}

fn at(world: &World, places: &[Place]) -> Outcome<Rules> {
    let mut rules = Vec::new();
    for place in places {
        match place {
            Place::Default(arn) => rules.push(default_item(world.listener(arn)?)),
            Place::At(arn, priority) => {
                let rule = world.listener(arn)?.rules.get(priority);
                rules.extend(rule.map(|rule| item(*priority, rule)));
            }
        }
    }
    Ok(Rules { rules, next_marker: None })
}

fn all(listener: &ListenerRecord) -> Vec<RuleItem> {
    let own = listener.rules.iter().map(|(priority, rule)| item(*priority, rule));
    own.chain([default_item(listener)]).collect()
}

fn item(priority: u32, rule: &RuleRecord) -> RuleItem {
    RuleItem {
        rule_arn: rule.arn.clone(),
        priority: priority.to_string(),
        conditions: conditions::show(&rule.conditions),
        actions: actions::show(&rule.action),
        is_default: false,
    }
}

/// What a listener does with a request that meets no rule is its default rule.
fn default_item(listener: &ListenerRecord) -> RuleItem {
    RuleItem {
        rule_arn: listener.default_rule(),
        priority: "default".into(),
        conditions: Vec::new(),
        actions: actions::show(&listener.action),
        is_default: true,
    }
}
