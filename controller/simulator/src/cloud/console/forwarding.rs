//! A person in the console of a load balancer: where its listeners send requests.
//!
//! Beside [`super::Console`], whose contract holds here too.

use aws_api::id::{ListenerArn, TargetGroupArn};
use aws_api::{Reply, Tags};

use super::{Console, Done};
use crate::cloud::actions::Action;
use crate::cloud::conditions::Condition;
use crate::cloud::listener_rules::NewRule;

impl Console {
    /// Adds a rule to a listener: what it matches is answered with 503 by the load balancer itself.
    pub fn rule_that_answers(&self, listener: &ListenerArn, priority: u32, path: &str) -> Done {
        self.add_rule(listener, priority, path, Action::respond("503"))
    }

    /// Adds a rule to a listener: what it matches goes to that target group.
    pub fn rule_that_forwards(
        &self,
        listener: &ListenerArn,
        priority: u32,
        path: &str,
        target_group: &TargetGroupArn,
    ) -> Done {
        self.add_rule(listener, priority, path, Action::forward(vec![(target_group.clone(), 1)]))
    }

    fn add_rule(&self, listener: &ListenerArn, priority: u32, path: &str, action: Action) -> Done {
        let conditions = vec![Condition::PathPattern(vec![path.to_owned()])];
        self.act(|world| {
            world.add_rule(listener, NewRule { priority, conditions, action, tags: Tags::new() })?;
            Ok(Reply::Done)
        })
    }

    /// Takes every rule of a listener away, but the default one.
    pub fn delete_rules(&self, listener: &ListenerArn) -> Done {
        self.act(|world| {
            let rules: Vec<String> = world.listener(listener)?.rules.values().map(|rule| rule.arn.clone()).collect();
            rules.iter().try_for_each(|arn| world.delete_rule(arn))?;
            Ok(Reply::Done)
        })
    }

    /// Lets a listener spread requests over target groups by their weights.
    pub fn forward_by_weight(&self, listener: &ListenerArn, groups: &[(TargetGroupArn, u16)]) -> Done {
        self.act(|world| {
            world.change_listener(listener, |record| {
                record.action = Action::forward(groups.to_vec());
                Ok(())
            })?;
            Ok(Reply::Done)
        })
    }
}
