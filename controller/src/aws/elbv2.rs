//! ELBv2's calls: one method an operation, each with the whole request in sight.
//!
//! In: our request. Out: the reply, read by [`super::convert::elbv2`].
//! Never: a second attempt of a create by the SDK; [`super::ec2`] says why.

use std::collections::{BTreeMap, BTreeSet};

use aws_api::elbv2::{CreateListener, CreateLoadBalancer, CreateTargetGroup, ElbTaggable, TargetHealthCheck};
use aws_api::id::{InstanceId, ListenerArn, LoadBalancerArn, SecurityGroupId, SubnetId, TargetGroupArn};
use aws_api::{Operation, Page, Ref, Reply, ResourceId, Tags};
use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::config::Builder;
use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, ForwardActionConfig, LoadBalancerAttribute, LoadBalancerTypeEnum, Matcher, ProtocolEnum,
    Tag, TargetDescription, TargetGroupAttribute, TargetGroupTuple, TargetTypeEnum,
};
use crds_schema::spec::Protocol;

use super::Answered;
use super::classify::{all_known, answer, done, known, some};
use super::convert::{self, each, elbv2 as read, only, page_of};
use crate::wire::Wire;

/// The largest page of DescribeListeners and DescribeRules.
const LISTENERS_PAGE_MAX: i32 = 400;

/// ELBv2 of one region.
pub(super) struct Elbv2(Client);

impl Elbv2 {
    pub(super) fn new(config: &SdkConfig, wire: Wire) -> Self {
        Self(Client::from_conf(Builder::from(config).interceptor(wire).build()))
    }

    pub(super) async fn load_balancers(&self, names: Vec<String>) -> Answered {
        some(Operation::DescribeLoadBalancers, "a name", &names)?;
        let sent = self.0.describe_load_balancers().set_names(Some(names)).send().await;
        answer(Operation::DescribeLoadBalancers, sent, |out| {
            convert::whole(out.next_marker())?;
            Ok(Reply::LoadBalancers(each(out.load_balancers(), read::load_balancer)?))
        })
    }

    pub(super) async fn load_balancer_attributes(&self, load_balancer: LoadBalancerArn) -> Answered {
        let call = self.0.describe_load_balancer_attributes().load_balancer_arn(load_balancer);
        answer(Operation::DescribeLoadBalancerAttributes, call.send().await, |out| {
            let pairs = out.attributes().iter().map(|attribute| (attribute.key(), attribute.value()));
            Ok(Reply::Attributes(read::attributes(pairs)?))
        })
    }

    pub(super) async fn listeners(&self, load_balancer: LoadBalancerArn, page: Page) -> Answered {
        let call = self.0.describe_listeners().load_balancer_arn(load_balancer);
        let sent = call.set_marker(page).page_size(LISTENERS_PAGE_MAX).send().await;
        answer(Operation::DescribeListeners, sent, |out| {
            Ok(Reply::Listeners(each(out.listeners(), read::listener)?, page_of(out.next_marker())))
        })
    }

    pub(super) async fn rules(&self, listener: ListenerArn, page: Page) -> Answered {
        let call = self.0.describe_rules().listener_arn(listener);
        let sent = call.set_marker(page).page_size(LISTENERS_PAGE_MAX).send().await;
        answer(Operation::DescribeRules, sent, |out| {
            let own = out.rules().iter().filter(|rule| rule.is_default() != Some(true));
            Ok(Reply::Rules(each(own, read::rule)?, page_of(out.next_marker())))
        })
    }

    pub(super) async fn target_groups(&self, names: Vec<String>) -> Answered {
        some(Operation::DescribeTargetGroups, "a name", &names)?;
        let sent = self.0.describe_target_groups().set_names(Some(names)).send().await;
        answer(Operation::DescribeTargetGroups, sent, |out| {
            convert::whole(out.next_marker())?;
            Ok(Reply::TargetGroups(each(out.target_groups(), read::target_group)?))
        })
    }

    pub(super) async fn target_group_attributes(&self, target_group: TargetGroupArn) -> Answered {
        let call = self.0.describe_target_group_attributes().target_group_arn(target_group);
        answer(Operation::DescribeTargetGroupAttributes, call.send().await, |out| {
            let pairs = out.attributes().iter().map(|attribute| (attribute.key(), attribute.value()));
            Ok(Reply::Attributes(read::attributes(pairs)?))
        })
    }

    pub(super) async fn target_health(&self, target_group: TargetGroupArn) -> Answered {
        let sent = self.0.describe_target_health().target_group_arn(target_group).send().await;
        answer(Operation::DescribeTargetHealth, sent, |out| {
            Ok(Reply::TargetHealth(each(out.target_health_descriptions(), read::target)?))
        })
    }

    pub(super) async fn tags(&self, resources: Vec<ElbTaggable>) -> Answered {
        some(Operation::DescribeTags, "an ARN", &resources)?;
        let arns = resources.iter().map(arn).collect();
        let sent = self.0.describe_tags().set_resource_arns(Some(arns)).send().await;
        answer(Operation::DescribeTags, sent, |out| Ok(Reply::Tags(read::tags(&resources, out.tag_descriptions())?)))
    }

    pub(super) async fn create_load_balancer(&self, create: CreateLoadBalancer) -> Answered {
        let operation = Operation::CreateLoadBalancer;
        let call = (self.0.create_load_balancer().r#type(LoadBalancerTypeEnum::Application))
            .name(create.name)
            .scheme(read::sdk_scheme(create.scheme))
            .set_subnets(Some(texts(create.subnets)))
            .set_security_groups(Some(all_known(operation, &create.groups)?))
            .set_tags(sdk_tags(create.tags));
        let sent = call.customize().config_override(once()).send().await;
        answer(operation, sent, |out| {
            let made = only(out.load_balancers(), "LoadBalancers")?;
            Ok(Reply::Made(ResourceId::LoadBalancer(convert::id(made.load_balancer_arn(), "LoadBalancerArn")?)))
        })
    }

    pub(super) async fn set_load_balancer_attributes(
        &self,
        load_balancer: Ref<LoadBalancerArn>,
        attributes: BTreeMap<String, String>,
    ) -> Answered {
        let operation = Operation::ModifyLoadBalancerAttributes;
        let sdk = |(key, value)| LoadBalancerAttribute::builder().key(key).value(value).build();
        let call =
            self.0.modify_load_balancer_attributes().load_balancer_arn(known(operation, &load_balancer)?.as_str());
        done(operation, call.set_attributes(Some(attributes.into_iter().map(sdk).collect())).send().await)
    }

    pub(super) async fn set_subnets(&self, load_balancer: LoadBalancerArn, subnets: BTreeSet<SubnetId>) -> Answered {
        let call = self.0.set_subnets().load_balancer_arn(load_balancer).set_subnets(Some(texts(subnets)));
        done(Operation::SetSubnets, call.send().await)
    }

    pub(super) async fn set_load_balancer_groups(
        &self,
        load_balancer: LoadBalancerArn,
        groups: BTreeSet<Ref<SecurityGroupId>>,
    ) -> Answered {
        let groups = all_known(Operation::SetSecurityGroups, &groups)?;
        let call = self.0.set_security_groups().load_balancer_arn(load_balancer).set_security_groups(Some(groups));
        done(Operation::SetSecurityGroups, call.send().await)
    }

    pub(super) async fn delete_load_balancer(&self, load_balancer: LoadBalancerArn) -> Answered {
        let sent = self.0.delete_load_balancer().load_balancer_arn(load_balancer).send().await;
        done(Operation::DeleteLoadBalancer, sent)
    }

    pub(super) async fn create_target_group(&self, create: CreateTargetGroup) -> Answered {
        let operation = Operation::CreateTargetGroup;
        let check = SdkHealthCheck::new(operation, create.health_check)?;
        let call = (self.0.create_target_group().target_type(TargetTypeEnum::Instance))
            .name(create.name)
            .protocol(read::sdk_protocol(create.protocol))
            .port(i32::from(create.port))
            .vpc_id(create.vpc)
            .health_check_protocol(check.protocol)
            .health_check_port(check.port)
            .health_check_path(check.path)
            .health_check_interval_seconds(check.interval_secs)
            .health_check_timeout_seconds(check.timeout_secs)
            .healthy_threshold_count(check.healthy_threshold)
            .unhealthy_threshold_count(check.unhealthy_threshold)
            .matcher(check.matcher)
            .set_tags(sdk_tags(create.tags));
        let sent = call.customize().config_override(once()).send().await;
        answer(operation, sent, |out| {
            let made = only(out.target_groups(), "TargetGroups")?;
            Ok(Reply::Made(ResourceId::TargetGroup(convert::id(made.target_group_arn(), "TargetGroupArn")?)))
        })
    }

    pub(super) async fn set_health_check(&self, target_group: TargetGroupArn, check: TargetHealthCheck) -> Answered {
        let operation = Operation::ModifyTargetGroup;
        let check = SdkHealthCheck::new(operation, check)?;
        let call = (self.0.modify_target_group().target_group_arn(target_group))
            .health_check_protocol(check.protocol)
            .health_check_port(check.port)
            .health_check_path(check.path)
            .health_check_interval_seconds(check.interval_secs)
            .health_check_timeout_seconds(check.timeout_secs)
            .healthy_threshold_count(check.healthy_threshold)
            .unhealthy_threshold_count(check.unhealthy_threshold)
            .matcher(check.matcher);
        done(operation, call.send().await)
    }

    pub(super) async fn set_target_group_attributes(
        &self,
        target_group: Ref<TargetGroupArn>,
        attributes: BTreeMap<String, String>,
    ) -> Answered {
        let operation = Operation::ModifyTargetGroupAttributes;
        let sdk = |(key, value)| TargetGroupAttribute::builder().key(key).value(value).build();
        let call = self.0.modify_target_group_attributes().target_group_arn(known(operation, &target_group)?.as_str());
        done(operation, call.set_attributes(Some(attributes.into_iter().map(sdk).collect())).send().await)
    }

    pub(super) async fn delete_target_group(&self, target_group: TargetGroupArn) -> Answered {
        done(Operation::DeleteTargetGroup, self.0.delete_target_group().target_group_arn(target_group).send().await)
    }

    pub(super) async fn register_targets(
        &self,
        target_group: Ref<TargetGroupArn>,
        instances: BTreeSet<InstanceId>,
        port: u16,
    ) -> Answered {
        let operation = Operation::RegisterTargets;
        let targets = instances.into_iter().map(|id| target(id.into(), port)).collect();
        let call = self.0.register_targets().target_group_arn(known(operation, &target_group)?.as_str());
        done(operation, call.set_targets(Some(targets)).send().await)
    }

    pub(super) async fn deregister_targets(
        &self,
        target_group: TargetGroupArn,
        targets: BTreeSet<(String, u16)>,
    ) -> Answered {
        let targets = targets.into_iter().map(|(id, port)| target(id, port)).collect();
        let call = self.0.deregister_targets().target_group_arn(target_group).set_targets(Some(targets));
        done(Operation::DeregisterTargets, call.send().await)
    }

    pub(super) async fn create_listener(&self, create: CreateListener) -> Answered {
        let operation = Operation::CreateListener;
        let call = (self.0.create_listener())
            .load_balancer_arn(known(operation, &create.load_balancer)?.as_str())
            .protocol(read::sdk_protocol(create.protocol))
            .port(i32::from(create.port))
            .default_actions(forward(known(operation, &create.forward_to)?))
            .set_tags(sdk_tags(create.tags));
        let sent = call.customize().config_override(once()).send().await;
        answer(operation, sent, |out| {
            let made = only(out.listeners(), "Listeners")?;
            Ok(Reply::Made(ResourceId::Listener(convert::id(made.listener_arn(), "ListenerArn")?)))
        })
    }

    pub(super) async fn set_listener(
        &self,
        listener: ListenerArn,
        protocol: Protocol,
        forward_to: Ref<TargetGroupArn>,
        warm: Option<Ref<TargetGroupArn>>,
    ) -> Answered {
        let operation = Operation::ModifyListener;
        let to = known(operation, &forward_to)?;
        let action = match &warm {
            None => forward(to),
            Some(warm) => forward_beside(to, known(operation, warm)?),
        };
        let call = self.0.modify_listener().listener_arn(listener).protocol(read::sdk_protocol(protocol));
        done(operation, call.default_actions(action).send().await)
    }

    pub(super) async fn delete_listener(&self, listener: ListenerArn) -> Answered {
        done(Operation::DeleteListener, self.0.delete_listener().listener_arn(listener).send().await)
    }

    pub(super) async fn add_tags(&self, resource: ElbTaggable, tags: Tags) -> Answered {
        let call = self.0.add_tags().resource_arns(arn(&resource)).set_tags(sdk_tags(tags));
        done(Operation::AddTags, call.send().await)
    }

    pub(super) async fn remove_tags(&self, resource: ElbTaggable, keys: BTreeSet<String>) -> Answered {
        let call = self.0.remove_tags().resource_arns(arn(&resource)).set_tag_keys(Some(texts(keys)));
        done(Operation::RemoveTags, call.send().await)
    }
}

/// A health check in the SDK's types; CreateTargetGroup and ModifyTargetGroup share no builder.
struct SdkHealthCheck {
    protocol: ProtocolEnum,
    port: String,
    path: String,
    interval_secs: i32,
    timeout_secs: i32,
    healthy_threshold: i32,
    unhealthy_threshold: i32,
    matcher: Matcher,
}

impl SdkHealthCheck {
    fn new(operation: Operation, check: TargetHealthCheck) -> Result<Self, aws_api::CloudError> {
        let number = |value| convert::sdk_number(operation, value);
        Ok(Self {
            protocol: ProtocolEnum::from(check.protocol.as_str()),
            port: check.port,
            path: check.path,
            interval_secs: number(check.interval_secs)?,
            timeout_secs: number(check.timeout_secs)?,
            healthy_threshold: number(check.healthy_threshold)?,
            unhealthy_threshold: number(check.unhealthy_threshold)?,
            matcher: Matcher::builder().http_code(check.matcher).build(),
        })
    }
}

/// The configuration of a call that the SDK sends once.
fn once() -> Builder {
    Builder::default().retry_config(RetryConfig::disabled())
}

fn texts<T: Into<String>>(all: BTreeSet<T>) -> Vec<String> {
    all.into_iter().map(Into::into).collect()
}

fn arn(resource: &ElbTaggable) -> String {
    match resource {
        ElbTaggable::LoadBalancer(arn) => arn.to_string(),
        ElbTaggable::TargetGroup(arn) => arn.to_string(),
        ElbTaggable::Listener(arn) => arn.to_string(),
    }
}

fn sdk_tags(tags: Tags) -> Option<Vec<Tag>> {
    let sdk = |(key, value): (String, String)| Tag::builder().key(key).value(value).build();
    (!tags.is_empty()).then(|| tags.into_iter().map(sdk).collect())
}

fn target(id: String, port: u16) -> TargetDescription {
    TargetDescription::builder().id(id).port(i32::from(port)).build()
}

fn forward(to: &TargetGroupArn) -> Action {
    Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn(to.as_str()).build()
}

/// All requests to one group, none to the other, which is health-checked all the same. AWS takes no second group beside
/// the action's own, so both stand in the forward configuration.
fn forward_beside(to: &TargetGroupArn, warm: &TargetGroupArn) -> Action {
    let weighted = |group: &TargetGroupArn, weight| {
        TargetGroupTuple::builder().target_group_arn(group.as_str()).weight(weight).build()
    };
    let config = ForwardActionConfig::builder().target_groups(weighted(to, 1)).target_groups(weighted(warm, 0)).build();
    Action::builder().r#type(ActionTypeEnum::Forward).forward_config(config).build()
}
