//! Elastic Load Balancing v2, a file a kind.

mod listener;
mod load_balancer;
mod rule;
mod tags;
mod target_group;

pub use self::listener::{CreateListener, Listener, ListenerAction, ListenerRead, ListenerWrite, action_words};
pub use self::load_balancer::{
    CreateLoadBalancer, LoadBalancer, LoadBalancerRead, LoadBalancerState, LoadBalancerWrite,
};
pub use self::rule::{ListenerRule, RuleRead};
pub use self::tags::{ElbTaggable, Elbv2TagsRead, Elbv2TagsWrite};
pub use self::target_group::{
    CreateTargetGroup, Target, TargetGroup, TargetGroupRead, TargetGroupWrite, TargetHealth, TargetHealthCheck,
};
