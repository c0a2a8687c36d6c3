//! Asks who uses what AWS would not delete: groups whose rules refer to it, interfaces that carry it, listeners and rules.
//!
//! Only in a pass that names something in its lookups, which is after such a refusal. Never: asked in a quiet pass.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_api::ec2::{NetworkInterface, NetworkRead, Peer, SecurityGroup, SecurityGroupRead};
use aws_api::elbv2::{Listener, ListenerRule, TargetGroup};
use aws_api::id::{ListenerArn, LoadBalancerArn, SecurityGroupId, TargetGroupArn};
use aws_api::{Read, Ref, Reply, ResourceId};
use futures::join;
use planner::lookup::Lookups;
use planner::observed::Part;
use planner::observed::Usage;

use super::read::{Answers, Batch};
use super::{FILTER_VALUES_MAX, LISTENERS, RULES, filter};
use crate::context::Ctx;

/// What was asked of who uses things.
#[derive(Debug, Default)]
pub(super) struct Users {
    by_ingress: Answers<SecurityGroupId, SecurityGroup>,
    by_egress: Answers<SecurityGroupId, SecurityGroup>,
    interfaces: Answers<SecurityGroupId, NetworkInterface>,
    listeners: Answers<LoadBalancerArn, Listener>,
    rules: Answers<ListenerArn, ListenerRule>,
}

fn groups_of(lookups: &Lookups) -> impl Iterator<Item = &SecurityGroupId> {
    lookups.usage.iter().filter_map(|made| if let ResourceId::SecurityGroup(id) = made { Some(id) } else { None })
}

fn target_groups_of(lookups: &Lookups) -> impl Iterator<Item = &TargetGroupArn> {
    lookups.usage.iter().filter_map(|made| if let ResourceId::TargetGroup(arn) = made { Some(arn) } else { None })
}

/// The load balancers that use it, as the group was shown.
fn balancers_of(arn: &TargetGroupArn, shown: &[&TargetGroup]) -> Vec<LoadBalancerArn> {
    shown.iter().filter(|group| group.arn == *arn).flat_map(|group| group.load_balancers.clone()).collect()
}

impl Users {
    /// One round, as [`super::Sight::ask`]. `shown` are the target groups that were read so far.
    pub async fn ask(&mut self, ctx: &Ctx<'_>, region: &str, lookups: &[&Lookups], shown: &[&TargetGroup]) {
        let groups: BTreeSet<SecurityGroupId> = lookups.iter().flat_map(|one| groups_of(one)).cloned().collect();
        let arns = lookups.iter().flat_map(|one| target_groups_of(one));
        let balancers: BTreeSet<LoadBalancerArn> = arns.flat_map(|arn| balancers_of(arn, shown)).collect();
        let ruled: BTreeSet<ListenerArn> =
            balancers.iter().flat_map(|arn| self.listeners.found(arn)).map(|one| one.arn.clone()).collect();
        join!(
            self.by_ingress.ask(ctx, region, groups.clone(), &BY_INGRESS),
            self.by_egress.ask(ctx, region, groups.clone(), &BY_EGRESS),
            self.interfaces.ask(ctx, region, groups, &INTERFACES),
            self.listeners.ask(ctx, region, balancers, &LISTENERS),
            self.rules.ask(ctx, region, ruled, &RULES),
        );
    }

    /// Who uses what `lookups` names.
    pub fn of(
        &self,
        lookups: &Lookups,
        since: Duration,
        shown: &Part<Vec<TargetGroup>>,
    ) -> BTreeMap<ResourceId, Usage> {
        let usage = |made: &ResourceId| match made {
            ResourceId::SecurityGroup(id) => Usage {
                groups: self.groups(id, since),
                interfaces: values(self.interfaces.part([id], since)),
                listeners: none("it is no target group"),
            },
            ResourceId::TargetGroup(arn) => Usage {
                groups: none("it is no security group"),
                interfaces: none("it is no security group"),
                listeners: self.listeners(arn, since, shown),
            },
            ResourceId::LoadBalancer(_) | ResourceId::Listener(_) | ResourceId::Instance(_) | ResourceId::Volume(_) => {
                let why = "nobody is known to hold such a thing";
                Usage { groups: none(why), interfaces: none(why), listeners: none(why) }
            }
        };
        lookups.usage.iter().map(|made| (made.clone(), usage(made))).collect()
    }

    fn groups(&self, id: &SecurityGroupId, since: Duration) -> Part<Vec<SecurityGroup>> {
        let both = (values(self.by_ingress.part([id], since)), values(self.by_egress.part([id], since)));
        match both {
            (Part::Seen(mut all), Part::Seen(more)) => {
                all.extend(more);
                all.sort_by(|one, other| one.id.cmp(&other.id));
                all.dedup_by(|one, other| one.id == other.id);
                Part::Seen(all)
            }
            (Part::Unread(why), _) | (_, Part::Unread(why)) => Part::Unread(why),
        }
    }

    fn listeners(
        &self,
        arn: &TargetGroupArn,
        since: Duration,
        shown: &Part<Vec<TargetGroup>>,
    ) -> Part<Vec<(Listener, Vec<ListenerRule>)>> {
        let shown = match shown {
            Part::Seen(shown) => shown.iter().collect::<Vec<_>>(),
            Part::Unread(why) => return Part::Unread(why.clone()),
        };
        let mut all = Vec::new();
        for balancer in balancers_of(arn, &shown) {
            let listeners = match values(self.listeners.part([&balancer], since)) {
                Part::Seen(listeners) => listeners,
                Part::Unread(why) => return Part::Unread(why),
            };
            for listener in listeners {
                match values(self.rules.part([&listener.arn], since)) {
                    Part::Seen(rules) => all.push((listener, rules)),
                    Part::Unread(why) => return Part::Unread(why),
                }
            }
        }
        Part::Seen(all)
    }
}

fn none<T>(why: &str) -> Part<T> {
    Part::Unread(why.to_owned())
}

fn values<K, V>(part: Part<Vec<(K, V)>>) -> Part<Vec<V>> {
    part.map(|all| all.into_iter().map(|(_, value)| value).collect())
}

/// Files a group under each of the asked that a rule of it refers to.
fn referring(asked: &[SecurityGroupId], reply: Reply) -> super::read::Filed<SecurityGroupId, SecurityGroup> {
    let Reply::SecurityGroups(found, page) = reply else { return None };
    let refers = |group: &SecurityGroup, id: &SecurityGroupId| {
        let mut rules = group.ingress.iter().chain(&group.egress);
        rules.any(|rule| matches!(&rule.peer, Peer::Group(Ref::Id(peer)) if peer == id))
    };
    let filed = found.iter().flat_map(|group| {
        let of = asked.iter().filter(|id| refers(group, id));
        of.map(|id| (id.clone(), group.clone())).collect::<Vec<_>>()
    });
    Some((filed.collect(), page))
}

const BY_INGRESS: Batch<SecurityGroupId, SecurityGroup> = Batch {
    size: FILTER_VALUES_MAX,
    request: |ids, page| {
        Read::SecurityGroup(SecurityGroupRead::Describe { filters: filter("ip-permission.group-id", ids), page })
    },
    file: |ids, reply| referring(ids, reply),
};

const BY_EGRESS: Batch<SecurityGroupId, SecurityGroup> = Batch {
    size: FILTER_VALUES_MAX,
    request: |ids, page| {
        Read::SecurityGroup(SecurityGroupRead::Describe { filters: filter("egress.ip-permission.group-id", ids), page })
    },
    file: |ids, reply| referring(ids, reply),
};

const INTERFACES: Batch<SecurityGroupId, NetworkInterface> = Batch {
    size: FILTER_VALUES_MAX,
    request: |ids, page| Read::Network(NetworkRead::Interfaces { filters: filter("group-id", ids), page }),
    file: |ids, reply| {
        let Reply::NetworkInterfaces(found, page) = reply else { return None };
        let filed = found.iter().flat_map(|interface| {
            let of = ids.iter().filter(|id| interface.groups.contains(*id));
            of.map(|id| (id.clone(), interface.clone())).collect::<Vec<_>>()
        });
        Some((filed.collect(), page))
    },
};
