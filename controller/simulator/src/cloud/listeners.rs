//! Listeners.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-listeners.html>

use std::rc::Rc;

use crds_schema::spec::Protocol;
use engine::cloud::{Page, Reply};
use planner::id::{ListenerArn, LoadBalancerArn, TargetGroupArn};
use planner::request::{CreateListener, Made, Ref};
use planner::resource::{Listener, Tags};

use super::filters;
use super::ledger::Kind;
use super::tags::{Service, check_tags};
use super::world::{Outcome, World, refuse};

#[derive(Debug, Clone)]
pub(crate) struct ListenerRecord {
    pub arn: ListenerArn,
    pub balancer: LoadBalancerArn,
    pub port: u16,
    pub protocol: Protocol,
    /// The target groups that it forwards to, each with its weight; none: it does something else, such as a fixed response.
    pub forward: Vec<(TargetGroupArn, u16)>,
    pub tags: Tags,
}

impl ListenerRecord {
    /// A group of weight 0 gets no requests, but is in use: its targets are checked.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupTuple.html>
    pub fn uses(&self, target_group: &TargetGroupArn) -> bool {
        self.forward.iter().any(|(arn, _)| arn == target_group)
    }

    pub fn describe(&self) -> Listener {
        let (idle, busy): (Vec<_>, Vec<_>) = self.forward.iter().partition(|(_, weight)| *weight == 0);
        let (forwards_to, warms) = match (busy.as_slice(), idle.as_slice()) {
            ([(one, _)], []) => (Some(one.clone()), None),
            ([(one, _)], [(warm, _)]) => (Some(one.clone()), Some(warm.clone())),
            _ => (None, None),
        };
        Listener {
            arn: self.arn.clone(),
            load_balancer: self.balancer.clone(),
            port: self.port,
            protocol: word(self.protocol).to_owned(),
            forwards_to,
            warms,
        }
    }
}

/// The protocol, as AWS writes it.
pub(crate) fn word(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Http => "HTTP",
        Protocol::Https => "HTTPS",
    }
}

impl World {
    pub(crate) fn listener(&self, arn: &ListenerArn) -> Outcome<&Rc<ListenerRecord>> {
        self.listeners.get(arn).map_or_else(|| no_listener(arn), Ok)
    }

    pub(crate) fn listener_mut(&mut self, arn: &ListenerArn) -> Outcome<&mut ListenerRecord> {
        self.listeners.get_mut(arn).map_or_else(|| no_listener(arn), |listener| Ok(Rc::make_mut(listener)))
    }

    pub(crate) fn listeners_of(&self, balancer: &LoadBalancerArn) -> Vec<&Rc<ListenerRecord>> {
        self.listeners.values().filter(|listener| listener.balancer == *balancer).collect()
    }

    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeListeners.html>
    pub(crate) fn describe_listeners(&self, balancer: &LoadBalancerArn, page: &Page) -> Outcome<Reply> {
        self.balancer(balancer)?;
        let found = self.listeners_of(balancer).into_iter().map(|l| (l.arn.to_string(), l.describe())).collect();
        let (listeners, next) = filters::page(found, page, self.config.page_size, "ValidationError")?;
        Ok(Reply::Listeners(listeners, next))
    }

    /// "If you attempt to create multiple listeners with the same settings, each call succeeds."
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateListener.html>
    pub(crate) fn create_listener(&mut self, create: &CreateListener) -> Outcome<Reply> {
        let (Some(balancer), Some(target_group)) = (create.load_balancer.id(), create.forward_to.id()) else {
            return refuse("ValidationError", "an ARN is not resolved");
        };
        self.balancer(balancer)?;
        check_tags(Service::Elb, &create.tags, self.config.quotas.tags)?;
        self.check_action(create.protocol, create.port, balancer, target_group)?;
        let present = self.listeners_of(balancer);
        if let Some(same_port) = present.iter().find(|listener| listener.port == create.port) {
            if same_port.protocol == create.protocol && same_port.forward == [(target_group.clone(), 1)] {
                return Ok(Reply::Made(Made::Listener(same_port.arn.clone())));
            }
            return duplicate(create.port);
        }
        if present.len() >= self.config.quotas.listeners_per_balancer {
            return refuse("TooManyListeners", "The limit on the number of listeners has been reached");
        }
        let unique = self.ids.hex(16);
        let arn = format!("{}/{unique}", balancer.as_str().replacen(":loadbalancer/", ":listener/", 1));
        let record = ListenerRecord {
            arn: ListenerArn::parse(arn).expect("begins with its prefix"),
            balancer: balancer.clone(),
            port: create.port,
            protocol: create.protocol,
            forward: vec![(target_group.clone(), 1)],
            tags: create.tags.clone(),
        };
        let arn = record.arn.clone();
        self.note_created(Kind::Listener, &arn);
        self.listeners.insert(arn.clone(), Rc::new(record));
        Ok(Reply::Made(Made::Listener(arn)))
    }

    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ModifyListener.html>
    pub(crate) fn set_listener(
        &mut self,
        arn: &ListenerArn,
        protocol: Protocol,
        forward_to: &Ref<TargetGroupArn>,
        warm: Option<&Ref<TargetGroupArn>>,
    ) -> Outcome<Reply> {
        let listener = self.listener(arn)?;
        let (balancer, port) = (listener.balancer.clone(), listener.port);
        let mut forward = Vec::new();
        for (target_group, weight) in [(Some(forward_to), 1), (warm, 0)] {
            let Some(target_group) = target_group else { continue };
            let Some(target_group) = target_group.id() else {
                return refuse("ValidationError", "an ARN is not resolved");
            };
            if forward.iter().any(|(other, _)| other == target_group) {
                return refuse("ValidationError", format!("Target group '{target_group}' is named twice"));
            }
            self.check_action(protocol, port, &balancer, target_group)?;
            forward.push((target_group.clone(), weight));
        }
        let listener = self.listener_mut(arn)?;
        listener.protocol = protocol;
        listener.forward = forward;
        Ok(Reply::Done)
    }

    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DeleteListener.html>
    pub(crate) fn delete_listener(&mut self, arn: &ListenerArn) -> Outcome<Reply> {
        self.listener(arn)?;
        self.listeners.remove(arn);
        self.note_deleted(Kind::Listener, arn);
        Ok(Reply::Done)
    }

    /// Moves a listener to another port, which ModifyListener can do too.
    pub(crate) fn move_listener(&mut self, arn: &ListenerArn, port: u16) -> Outcome<Reply> {
        let balancer = self.listener(arn)?.balancer.clone();
        if self.listeners_of(&balancer).iter().any(|other| other.port == port && other.arn != *arn) {
            return duplicate(port);
        }
        self.listener_mut(arn)?.port = port;
        Ok(Reply::Done)
    }

    fn check_action(
        &self,
        protocol: Protocol,
        port: u16,
        balancer: &LoadBalancerArn,
        target_group: &TargetGroupArn,
    ) -> Outcome<()> {
        if port == 0 {
            return refuse("ValidationError", "Port '0' is not valid");
        }
        if protocol == Protocol::Https {
            return refuse("ValidationError", "A certificate must be specified for HTTPS listeners");
        }
        if self.target_group(target_group)?.vpc != self.balancer(balancer)?.vpc {
            let message = "The target group and the load balancer are not in one VPC";
            return refuse("InvalidConfigurationRequest", message);
        }
        match self.balancer_of(target_group) {
            Some(other) if other != balancer => {
                let message = format!("Target group '{target_group}' is used by another load balancer");
                refuse("TargetGroupAssociationLimit", message)
            }
            Some(_) | None => Ok(()),
        }
    }
}

fn no_listener<T>(arn: &ListenerArn) -> Outcome<T> {
    refuse("ListenerNotFound", format!("One or more listeners not found: '{arn}'"))
}

fn duplicate<T>(port: u16) -> Outcome<T> {
    refuse("DuplicateListener", format!("A listener already exists on port {port} for this load balancer"))
}
