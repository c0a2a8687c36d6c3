//! Rules of our listeners. The record names none, so each is somebody's: it is said what it does, and it is left.
//!
//! A target group of ours that a rule forwards to is in use, whatever the record says by now: it is neither emptied nor
//! deleted under it. Never: removes a rule, but for those that go with their listener or load balancer.

use std::collections::BTreeMap;

use aws_api::elbv2::{Listener, ListenerRule, action_words};
use aws_api::id::TargetGroupArn;

use crate::builder::PlanBuilder;
use crate::reason::Reason;
use crate::status::WaitOn;

/// Listeners of our load balancer, each with its rules; `None` while a listener or its rules were not read whole.
fn seen<'s>(builder: &PlanBuilder<'s>) -> Option<Vec<(&'s Listener, &'s [ListenerRule])>> {
    let observed = builder.input.observed;
    let Some(balancer) = &builder.status.load_balancer else { return Some(Vec::new()) };
    let listeners = observed.listeners.get(&balancer.arn)?.seen()?;
    listeners.iter().map(|listener| Some((listener, observed.rules_of(&listener.arn)?))).collect()
}

/// Reports every rule on a listener of ours.
pub(crate) fn report(builder: &mut PlanBuilder<'_>) {
    let observed = builder.input.observed;
    let Some(balancer) = &builder.status.load_balancer else { return };
    let listeners = observed.listeners.get(&balancer.arn).and_then(|part| part.seen()).into_iter().flatten();
    for listener in listeners {
        for rule in observed.rules_of(&listener.arn).unwrap_or_default() {
            let what = words(listener, rule);
            let message = format!(
                "{what}: requests that meet it never reach what the record names. The record cannot name rules yet; if nobody \
                 needs it: aws elbv2 delete-rule --rule-arn {}",
                rule.arn
            );
            builder.add_blocker(Reason::RuleForeign, message);
            builder.wait(WaitOn::Person, format!("{what}, which somebody made, to be deleted"), None);
            builder.leave(&rule.arn, Reason::RuleForeign, what);
        }
    }
}

fn words(listener: &Listener, rule: &ListenerRule) -> String {
    let (priority, applies, does) = (rule.priority, rule.applies_to(), action_words(&rule.actions));
    format!("rule {priority} of listener {} ({applies}: {does})", listener.port)
}

/// What is on a listener that is about to go, in words.
pub(crate) fn lost_with(builder: &PlanBuilder<'_>, listener: &Listener) -> String {
    let rules = builder.input.observed.rules_of(&listener.arn).unwrap_or_default();
    let words: Vec<String> = rules.iter().map(|rule| words(listener, rule)).collect();
    if words.is_empty() { String::new() } else { format!(", and with it {}", words.join(", ")) }
}

/// The rules that forward to each target group, in words; `None` while that is not known.
pub(crate) fn holding(builder: &PlanBuilder<'_>) -> Option<BTreeMap<TargetGroupArn, Vec<String>>> {
    let mut held: BTreeMap<TargetGroupArn, Vec<String>> = BTreeMap::new();
    for (listener, rules) in seen(builder)? {
        for rule in rules {
            for group in builder.status.target_groups.iter().filter(|group| rule.uses(&group.arn)) {
                held.entry(group.arn.clone()).or_default().push(words(listener, rule));
            }
        }
    }
    Some(held)
}
