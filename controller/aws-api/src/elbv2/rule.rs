//! Rules of listeners, and the calls about them.
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-rules.html>

use crate::id::{ListenerArn, RuleArn, TargetGroupArn};
use crate::{Operation, Page, ReadCall};

use super::ListenerAction;

/// A rule of a listener besides its default one.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Rule.html>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerRule {
    /// Its ARN.
    pub arn: RuleArn,
    /// Its place in the order of evaluation: the lowest comes first.
    pub priority: u32,
    /// What a request must be like, in words such as `path-pattern /admin/*`. All must hold.
    pub conditions: Vec<String>,
    /// What is done with such a request.
    pub actions: Vec<ListenerAction>,
}

impl ListenerRule {
    /// Whether it uses that target group.
    pub fn uses(&self, group: &TargetGroupArn) -> bool {
        self.actions.iter().flat_map(ListenerAction::groups).any(|arn| arn == group)
    }

    /// What it applies to, in words.
    pub fn applies_to(&self) -> String {
        if self.conditions.is_empty() { "every request".to_owned() } else { self.conditions.join(" and ") }
    }
}

/// A call that reads rules.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuleRead {
    /// ELBv2 DescribeRules of one listener, the default one included.
    Describe {
        /// Of which.
        listener: ListenerArn,
        /// Where to go on.
        page: Page,
    },
}

impl ReadCall for RuleRead {
    fn operation(&self) -> Operation {
        let Self::Describe { .. } = self;
        Operation::DescribeRules
    }

    fn target(&self) -> String {
        let Self::Describe { listener, .. } = self;
        listener.to_string()
    }
}
