//! Listeners.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-listeners.html>. Their rules are in
//! [`super::listener_rules`], their certificates in [`super::certificates`].

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use aws_api::elbv2::{CreateListener, Listener};
use aws_api::id::{ListenerArn, LoadBalancerArn, TargetGroupArn};
use aws_api::{Page, Ref, Reply, ResourceId, Tags};
use crds_schema::spec::Protocol;

use super::actions::{Action, Does};
use super::certificates::Tls;
use super::filters;
use super::ledger::Kind;
use super::listener_rules::RuleRecord;
use super::tags::{Service, check_tags};
use super::world::{Outcome, World, refuse};

#[derive(Debug, Clone)]
pub(crate) struct ListenerRecord {
    pub arn: ListenerArn,
    pub balancer: LoadBalancerArn,
    pub port: u16,
    pub protocol: Protocol,
    /// Policy and certificates of an HTTPS listener.
    pub tls: Option<Tls>,
    /// What it does with a request that meets no rule.
    pub action: Action,
    /// Its other rules, by priority.
    pub rules: BTreeMap<u32, RuleRecord>,
    /// The attributes that were set; the others are AWS's defaults.
    pub attributes: BTreeMap<String, String>,
    pub tags: Tags,
}

/// A listener that is asked for.
pub(crate) struct NewListener {
    pub balancer: LoadBalancerArn,
    pub port: u16,
    pub protocol: Protocol,
    pub tls: Option<Tls>,
    pub action: Action,
    pub tags: Tags,
}

impl ListenerRecord {
    /// Every target group that it or one of its rules forwards to, as often as it is named.
    pub fn groups(&self) -> impl Iterator<Item = &TargetGroupArn> {
        let of_rules = self.rules.values().flat_map(|rule| rule.action.groups());
        self.action.groups().iter().chain(of_rules).map(|(arn, _)| arn)
    }

    /// A group of weight 0 gets no requests, but is in use: its targets are checked.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupTuple.html>
    pub fn uses(&self, target_group: &TargetGroupArn) -> bool {
        self.groups().any(|arn| arn == target_group)
    }

    /// "Changing the protocol from HTTPS to HTTP [...] removes the security policy and default certificate properties."
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ModifyListener.html>
    pub fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol;
        if protocol == Protocol::Http {
            self.tls = None;
        }
    }

    /// "You can't redirect HTTPS to HTTP."
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RedirectActionConfig.html>
    fn check_redirects(&self) -> Outcome<()> {
        let mut actions = self.rules.values().map(|rule| &rule.action).chain([&self.action]);
        let to_http = |action: &Action| matches!(&action.does, Does::Redirect(to) if to.protocol == "HTTP");
        if self.protocol == Protocol::Https && actions.any(to_http) {
            return refuse("InvalidLoadBalancerAction", "HTTPS cannot be redirected to HTTP");
        }
        Ok(())
    }

    pub fn describe(&self) -> Listener {
        let sticky = matches!(&self.action.does, Does::Forward(forward) if forward.sticky);
        let (idle, busy): (Vec<_>, Vec<_>) = self.action.groups().iter().partition(|(_, weight)| *weight == 0);
        let (forwards_to, warms) = match (busy.as_slice(), idle.as_slice()) {
            // Whoever was sent elsewhere before stays there: that is no plain forward.
            _ if sticky => (None, None),
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
            actions: vec![self.action.describe()],
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

    pub(crate) fn create_listener(&mut self, create: &CreateListener) -> Outcome<Reply> {
        let (Some(balancer), Some(target_group)) = (create.load_balancer.id(), create.forward_to.id()) else {
            return refuse("ValidationError", "an ARN is not resolved");
        };
        let new = NewListener {
            balancer: balancer.clone(),
            port: create.port,
            protocol: create.protocol,
            tls: None,
            action: Action::forward(vec![(target_group.clone(), 1)]),
            tags: create.tags.clone(),
        };
        Ok(Reply::Made(ResourceId::Listener(self.add_listener(new)?)))
    }

    /// "If you attempt to create multiple listeners with the same settings, each call succeeds."
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateListener.html>
    pub(crate) fn add_listener(&mut self, new: NewListener) -> Outcome<ListenerArn> {
        self.balancer(&new.balancer)?;
        check_tags(Service::Elb, &new.tags, self.config.quotas.tags)?;
        // Not yet its name: whether it may be as it is comes before whether there is room for it.
        let nameless = ListenerArn::parse(new.balancer.as_str()).expect("begins with the same prefix");
        let mut record = ListenerRecord {
            arn: nameless,
            balancer: new.balancer,
            port: new.port,
            protocol: new.protocol,
            tls: new.tls,
            action: new.action,
            rules: BTreeMap::new(),
            attributes: BTreeMap::new(),
            tags: new.tags,
        };
        self.check_settings(&record)?;
        let present = self.listeners_of(&record.balancer);
        if let Some(other) = present.iter().find(|listener| listener.port == record.port) {
            let same = other.protocol == record.protocol && other.action.does == record.action.does;
            return if same && same_tls(&other.tls, &record.tls) {
                Ok(other.arn.clone())
            } else {
                duplicate(record.port)
            };
        }
        if present.len() >= self.config.quotas.listeners_per_balancer {
            return refuse("TooManyListeners", "The limit on the number of listeners has been reached");
        }
        self.check_groups(&record)?;
        let unique = self.ids.hex(16);
        let arn = format!("{}/{unique}", record.balancer.as_str().replacen(":loadbalancer/", ":listener/", 1));
        record.arn = ListenerArn::parse(arn).expect("begins with its prefix");
        let arn = record.arn.clone();
        self.note_created(Kind::Listener, &arn);
        self.listeners.insert(arn.clone(), Rc::new(record));
        Ok(arn)
    }

    pub(crate) fn set_listener(
        &mut self,
        arn: &ListenerArn,
        protocol: Protocol,
        forward_to: &Ref<TargetGroupArn>,
        warm: Option<&Ref<TargetGroupArn>>,
    ) -> Outcome<Reply> {
        let mut forward = Vec::new();
        for (target_group, weight) in [(Some(forward_to), 1), (warm, 0)] {
            let Some(target_group) = target_group else { continue };
            let Some(target_group) = target_group.id() else {
                return refuse("ValidationError", "an ARN is not resolved");
            };
            if forward.iter().any(|(other, _)| other == target_group) {
                return refuse("ValidationError", format!("Target group '{target_group}' is named twice"));
            }
            forward.push((target_group.clone(), weight));
        }
        self.change_listener(arn, |listener| {
            listener.set_protocol(protocol);
            listener.action = Action::forward(forward);
            Ok(())
        })?;
        Ok(Reply::Done)
    }

    /// Changes a listener or its rules as a whole, if it may be as it is then.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ModifyListener.html>
    pub(crate) fn change_listener(
        &mut self,
        arn: &ListenerArn,
        change: impl FnOnce(&mut ListenerRecord) -> Outcome<()>,
    ) -> Outcome<()> {
        let mut record = ListenerRecord::clone(self.listener(arn)?);
        change(&mut record)?;
        self.check_settings(&record)?;
        self.check_groups(&record)?;
        if self.listeners_of(&record.balancer).iter().any(|other| other.port == record.port && other.arn != *arn) {
            return duplicate(record.port);
        }
        *self.listener_mut(arn)? = record;
        Ok(())
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
        self.change_listener(arn, |listener| {
            listener.port = port;
            Ok(())
        })?;
        Ok(Reply::Done)
    }

    /// Whether a listener may have such a port, protocol and target groups.
    fn check_settings(&self, record: &ListenerRecord) -> Outcome<()> {
        if record.port == 0 {
            return refuse("ValidationError", "Port '0' is not valid");
        }
        if record.protocol == Protocol::Https && record.tls.is_none() {
            return refuse("ValidationError", "A certificate must be specified for HTTPS listeners");
        }
        record.check_redirects()?;
        record.groups().try_for_each(|target_group| self.check_association(&record.balancer, target_group))
    }

    /// "Each target group can be associated with only one load balancer", which is in its VPC.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html>
    fn check_association(&self, balancer: &LoadBalancerArn, target_group: &TargetGroupArn) -> Outcome<()> {
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

    /// "If a target group is used by multiple actions for a load balancer, it is counted as only one use."
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateRule.html>
    fn check_groups(&self, record: &ListenerRecord) -> Outcome<()> {
        let others = self.listeners_of(&record.balancer).into_iter().filter(|other| other.arn != record.arn);
        let used: BTreeSet<&TargetGroupArn> = others.flat_map(|other| other.groups()).chain(record.groups()).collect();
        if used.len() > self.config.quotas.target_groups_per_balancer {
            let message = "The limit on the number of unique target groups of the load balancer has been reached";
            return refuse("TooManyUniqueTargetGroupsPerLoadBalancer", message);
        }
        self.check_targets(used.into_iter())
    }
}

/// Certificates that were added later are no setting of the listener's creation.
fn same_tls(one: &Option<Tls>, other: &Option<Tls>) -> bool {
    let settings = |tls: &Option<Tls>| tls.as_ref().map(|tls| (tls.policy.clone(), tls.certificate.clone()));
    settings(one) == settings(other)
}

fn no_listener<T>(arn: &ListenerArn) -> Outcome<T> {
    refuse("ListenerNotFound", format!("One or more listeners not found: '{arn}'"))
}

fn duplicate<T>(port: u16) -> Outcome<T> {
    refuse("DuplicateListener", format!("A listener already exists on port {port} for this load balancer"))
}
