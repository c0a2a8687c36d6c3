//! Looks at AWS for one or several environments of a region: asks exactly what [`planner::lookup`] names.
//!
//! What batches is asked once for all environments. What is recorded is asked for at once; a further round follows only
//! for what the first showed and the record did not know. Total: a part that could not be read says why.
//! Promise I5: a part counts only if its request started after the environment's last mutating call had ended.
//! Never: decides anything, or tries a failed call again. Batches and halving are in [`read`], what is
//! kept between passes in [`reference`].

pub mod rarely;
mod read;
pub mod reference;
mod usage;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_api::ec2::{
    Instance, InstanceRead, InstanceState, ProfileAssociation, SecurityGroup, SecurityGroupRead, StatusChecks, Volume,
    VolumeRead,
};
use aws_api::elbv2::{
    ElbTaggable, Elbv2TagsRead, Listener, ListenerRead, ListenerRule, LoadBalancer, LoadBalancerRead, RuleRead, Target,
    TargetGroup, TargetGroupRead,
};
use aws_api::id::{InstanceId, ListenerArn, LoadBalancerArn, TargetGroupArn};
use aws_api::{Filter, Page, Read, Reply, ResourceId, Tags};
use futures::join;
use planner::lookup::Lookups;
use planner::observed::{Observed, Part};
use planner::ownership::TAG_UID;

use self::read::{Answers, Batch, Filed};
use self::reference::Referred;
use self::usage::Users;
use crate::context::Ctx;

/// Rounds of reads at most: the recorded, what hangs on resources that the record does not know yet (or on an instance
/// without its tags), and the tags and rules of listeners found there.
const ROUNDS_MAX: usize = 3;
/// AWS's limits on one call: values of a filter, ids of DescribeInstanceStatus, names or ARNs of ELBv2.
const FILTER_VALUES_MAX: usize = 200;
const STATUS_IDS_MAX: usize = 100;
const ELB_NAMES_MAX: usize = 20;

/// One environment to look at.
#[derive(Debug)]
pub struct Sought {
    /// What to look at.
    pub lookups: Lookups,
    /// When, by [`ports::Clock::elapsed`], its last mutating call ended. What was asked before is stale.
    pub since: Duration,
}

/// What is seen of each environment of `sought`, all of which are in `region`.
pub async fn observe(ctx: &Ctx<'_>, region: &str, sought: &[Sought]) -> Vec<Observed> {
    let lookups: Vec<&Lookups> = sought.iter().map(|one| &one.lookups).collect();
    let (sight, referred) = join!(look(ctx, region, &lookups), ctx.reference.refer(ctx, region, &lookups));
    sought.iter().zip(referred).map(|(one, referred)| sight.of(one, referred)).collect()
}

/// All that was asked of a region, by what it was asked by.
#[derive(Debug, Default)]
struct Sight {
    by_uid: Answers<String, Instance>,
    by_id: Answers<InstanceId, Instance>,
    status_checks: Answers<InstanceId, StatusChecks>,
    profile_associations: Answers<InstanceId, ProfileAssociation>,
    volumes: Answers<InstanceId, Volume>,
    groups: Answers<String, SecurityGroup>,
    load_balancers: Answers<String, LoadBalancer>,
    load_balancer_attributes: Answers<LoadBalancerArn, BTreeMap<String, String>>,
    listeners: Answers<LoadBalancerArn, Listener>,
    rules: Answers<ListenerArn, ListenerRule>,
    target_groups: Answers<String, TargetGroup>,
    target_group_attributes: Answers<TargetGroupArn, BTreeMap<String, String>>,
    targets: Answers<TargetGroupArn, Target>,
    tags: Answers<ElbTaggable, Tags>,
    users: Users,
}

async fn look(ctx: &Ctx<'_>, region: &str, lookups: &[&Lookups]) -> Sight {
    let mut sight = Sight::default();
    for round in 0..ROUNDS_MAX {
        sight.ask(ctx, region, lookups, round > 0).await;
    }
    sight
}

impl Sight {
    /// One round: all calls at once. What was asked before is not asked again, so a round with nothing new to ask
    /// makes no call.
    async fn ask(&mut self, ctx: &Ctx<'_>, region: &str, lookups: &[&Lookups], again: bool) {
        let all = |keys: fn(&Lookups) -> &BTreeSet<String>| -> BTreeSet<String> {
            lookups.iter().flat_map(|one| keys(one)).cloned().collect()
        };
        let recorded: BTreeSet<InstanceId> = lookups.iter().flat_map(|one| &one.instances).cloned().collect();
        let hidden = if again { self.hidden_instances(lookups) } else { BTreeSet::new() };
        let balancers: BTreeSet<LoadBalancerArn> = lookups.iter().flat_map(|one| self.load_balancers_of(one)).collect();
        let groups: BTreeSet<TargetGroupArn> = lookups.iter().flat_map(|one| self.target_groups_of(one)).collect();
        let tagged: BTreeSet<ElbTaggable> = lookups.iter().flat_map(|one| self.tagged_of(one)).collect();
        let profiled: BTreeSet<InstanceId> = lookups.iter().flat_map(|one| self.other_profiles_of(one)).collect();
        let ruled: BTreeSet<ListenerArn> = lookups.iter().flat_map(|one| self.listeners_of(one)).collect();
        let with_volumes: BTreeSet<InstanceId> = lookups.iter().flat_map(|one| &one.volumes).cloned().collect();
        let names = lookups.iter().filter(|one| !one.usage.is_empty()).flat_map(|one| &one.target_group_names);
        let shown: Vec<TargetGroup> = names.flat_map(|name| self.target_groups.found(name)).cloned().collect();
        let shown: Vec<&TargetGroup> = shown.iter().collect();
        let uids = lookups.iter().map(|one| one.uid.clone()).collect();
        join!(
            self.by_uid.ask(ctx, region, uids, &INSTANCES_BY_UID),
            self.by_id.ask(ctx, region, hidden, &INSTANCES_BY_ID),
            self.status_checks.ask(ctx, region, recorded, &STATUS_CHECKS),
            self.profile_associations.ask(ctx, region, profiled, &PROFILE_ASSOCIATIONS),
            self.volumes.ask(ctx, region, with_volumes, &VOLUMES),
            self.groups.ask(ctx, region, all(|one| &one.group_names), &SECURITY_GROUPS),
            self.load_balancers.ask(ctx, region, all(|one| &one.load_balancer_names), &LOAD_BALANCERS),
            self.load_balancer_attributes.ask(ctx, region, balancers.clone(), &LOAD_BALANCER_ATTRIBUTES),
            self.listeners.ask(ctx, region, balancers, &LISTENERS),
            self.rules.ask(ctx, region, ruled, &RULES),
            self.target_groups.ask(ctx, region, all(|one| &one.target_group_names), &TARGET_GROUPS),
            self.target_group_attributes.ask(ctx, region, groups.clone(), &TARGET_GROUP_ATTRIBUTES),
            self.targets.ask(ctx, region, groups, &TARGETS),
            self.tags.ask(ctx, region, tagged, &TAGS),
            self.users.ask(ctx, region, lookups, &shown),
        );
    }

    /// Recorded instances that the search by tag did not show: gone, or without their tags.
    fn hidden_instances(&self, lookups: &[&Lookups]) -> BTreeSet<InstanceId> {
        let hidden = |one: &&Lookups| {
            let shown: BTreeSet<&InstanceId> = self.by_uid.found(&one.uid).map(|instance| &instance.id).collect();
            one.instances.iter().filter(|id| !shown.contains(id)).cloned().collect::<Vec<_>>()
        };
        lookups.iter().flat_map(hidden).collect()
    }

    /// Running instances of an environment that were shown with another profile than they should have.
    fn other_profiles_of(&self, lookups: &Lookups) -> BTreeSet<InstanceId> {
        let shown = |id: &InstanceId| {
            let tagged = self.by_uid.found(&lookups.uid).find(|instance| instance.id == *id);
            tagged.or_else(|| self.by_id.found(id).next())
        };
        let differs = |id: &InstanceId, profile: &Option<String>| {
            shown(id).is_some_and(|instance| {
                instance.state == InstanceState::Running && instance.instance_profile != *profile
            })
        };
        lookups.profiles.iter().filter(|(id, profile)| differs(id, profile)).map(|(id, _)| id.clone()).collect()
    }

    /// Load balancers of an environment: recorded ones, and those that were shown under its names.
    fn load_balancers_of(&self, lookups: &Lookups) -> BTreeSet<LoadBalancerArn> {
        let shown = lookups.load_balancer_names.iter().flat_map(|name| self.load_balancers.found(name));
        lookups.load_balancers.iter().cloned().chain(shown.map(|lb| lb.arn.clone())).collect()
    }

    /// Listeners of an environment's recorded load balancers: recorded ones, and those that were shown there. What a load
    /// balancer of somebody else's does is nobody's concern here.
    fn listeners_of(&self, lookups: &Lookups) -> BTreeSet<ListenerArn> {
        let shown = lookups.load_balancers.iter().flat_map(|arn| self.listeners.found(arn)).map(|one| one.arn.clone());
        lookups.listeners.iter().cloned().chain(shown).collect()
    }

    /// Target groups of an environment, likewise.
    fn target_groups_of(&self, lookups: &Lookups) -> BTreeSet<TargetGroupArn> {
        let shown = lookups.target_group_names.iter().flat_map(|name| self.target_groups.found(name));
        lookups.target_groups.iter().cloned().chain(shown.map(|group| group.arn.clone())).collect()
    }

    /// ELBv2 resources of an environment, likewise.
    fn tagged_of(&self, lookups: &Lookups) -> BTreeSet<ElbTaggable> {
        let balancers = self.load_balancers_of(lookups);
        let listeners = balancers.iter().flat_map(|arn| self.listeners.found(arn)).map(|one| one.arn.clone());
        let listeners: Vec<_> = listeners.map(ElbTaggable::Listener).collect();
        let groups = self.target_groups_of(lookups).into_iter().map(ElbTaggable::TargetGroup);
        let balancers = balancers.into_iter().map(ElbTaggable::LoadBalancer);
        lookups.tagged.iter().cloned().chain(balancers).chain(groups).chain(listeners).collect()
    }

    /// What of all this belongs to one environment.
    fn of(&self, sought: &Sought, referred: Referred) -> Observed {
        let Sought { lookups, since } = sought;
        let since = *since;
        let load_balancers = values(self.load_balancers.part(&lookups.load_balancer_names, since));
        let target_groups = values(self.target_groups.part(&lookups.target_group_names, since));
        let balancer_is_absent =
            |arn: &LoadBalancerArn| load_balancers.seen().is_some_and(|all| all.iter().all(|one| one.arn != *arn));
        let group_is_absent =
            |arn: &TargetGroupArn| target_groups.seen().is_some_and(|all| all.iter().all(|one| one.arn != *arn));
        let balancers = self.load_balancers_of(lookups);
        let groups = self.target_groups_of(lookups);
        let listeners: BTreeMap<_, _> =
            parts(&balancers, |arn| self.listeners.part_of(arn, since, balancer_is_absent(arn)));
        // Gone, if every load balancer's listeners were read and it is none of them.
        let listener_is_absent = |arn: &ListenerArn| {
            let mut parts = listeners.values().map(Part::seen);
            load_balancers.seen().is_some()
                && parts.all(|seen| seen.is_some_and(|all| all.iter().all(|one| one.arn != *arn)))
        };
        Observed {
            rules: parts(&self.listeners_of(lookups), |arn| self.rules.part_of(arn, since, listener_is_absent(arn))),
            subnets: referred.subnets,
            offerings: referred.offerings,
            image: referred.image,
            fallback: referred.fallback,
            groups: values(self.groups.part(&lookups.group_names, since)),
            instances: self.instances_of(sought),
            status_checks: self.status_checks.part(&lookups.instances, since).map(|all| all.into_iter().collect()),
            profile_associations: parts(&self.other_profiles_of(lookups), |id| {
                self.profile_associations.part([id], since).map(|all| all.into_iter().map(|(_, one)| one).collect())
            }),
            volumes: parts(&lookups.volumes, |id| {
                self.volumes.part([id], since).map(|all| all.into_iter().map(|(_, one)| one).collect())
            }),
            load_balancer_attributes: parts(&balancers, |arn| {
                self.load_balancer_attributes.part_of(arn, since, balancer_is_absent(arn)).map(only)
            }),
            listeners,
            target_group_attributes: parts(&groups, |arn| {
                self.target_group_attributes.part_of(arn, since, group_is_absent(arn)).map(only)
            }),
            targets: parts(&groups, |arn| self.targets.part_of(arn, since, group_is_absent(arn))),
            tags: self.tags.part(&self.tagged_of(lookups), since).map(|all| all.into_iter().collect()),
            unknown: self.unknown_of(&balancers, &groups, since),
            usage: self.users.of(lookups, since, &target_groups),
            load_balancers,
            target_groups,
        }
    }

    /// Those whose ARN AWS does not know, by what it answered to any read of what hangs on them.
    fn unknown_of(
        &self,
        balancers: &BTreeSet<LoadBalancerArn>,
        groups: &BTreeSet<TargetGroupArn>,
        since: Duration,
    ) -> BTreeSet<ResourceId> {
        let balancer = |arn: &&LoadBalancerArn| {
            self.load_balancer_attributes.is_unknown(arn, since) || self.listeners.is_unknown(arn, since)
        };
        let group = |arn: &&TargetGroupArn| {
            self.target_group_attributes.is_unknown(arn, since) || self.targets.is_unknown(arn, since)
        };
        let balancers = balancers.iter().filter(balancer).cloned().map(ResourceId::LoadBalancer);
        balancers.chain(groups.iter().filter(group).cloned().map(ResourceId::TargetGroup)).collect()
    }

    fn instances_of(&self, sought: &Sought) -> Part<BTreeMap<InstanceId, Instance>> {
        let Sought { lookups, since } = sought;
        let tagged = match self.by_uid.part([&lookups.uid], *since) {
            Part::Seen(tagged) => tagged,
            Part::Unread(why) => return Part::Unread(why),
        };
        let mut all: BTreeMap<_, _> = tagged.into_iter().map(|(_, instance)| (instance.id.clone(), instance)).collect();
        let hidden: Vec<_> = lookups.instances.iter().filter(|id| !all.contains_key(*id)).cloned().collect();
        self.by_id.part(&hidden, *since).map(|found| {
            all.extend(found);
            all
        })
    }
}

fn values<K, V>(part: Part<Vec<(K, V)>>) -> Part<Vec<V>> {
    part.map(|all| all.into_iter().map(|(_, value)| value).collect())
}

fn parts<K: Ord + Clone, V>(keys: &BTreeSet<K>, part: impl Fn(&K) -> Part<V>) -> BTreeMap<K, Part<V>> {
    keys.iter().map(|key| (key.clone(), part(key))).collect()
}

/// Attributes come as one map; of a parent that is gone there are none.
fn only(found: Vec<BTreeMap<String, String>>) -> BTreeMap<String, String> {
    found.into_iter().next().unwrap_or_default()
}

fn filter(name: &str, values: &[impl ToString]) -> Vec<Filter> {
    vec![Filter { name: name.into(), values: values.iter().map(ToString::to_string).collect() }]
}

/// Files an answer that is all about the one key that was asked for.
fn whole<K: Clone, V>(keys: &[K], found: impl IntoIterator<Item = V>, page: Page) -> Filed<K, V> {
    let key = keys.first()?;
    Some((found.into_iter().map(|value| (key.clone(), value)).collect(), page))
}

const INSTANCES_BY_UID: Batch<String, Instance> = Batch {
    size: FILTER_VALUES_MAX,
    request: |uids, page| {
        Read::Instance(InstanceRead::Describe { filters: filter(&format!("tag:{TAG_UID}"), uids), page })
    },
    file: |_, reply| {
        let Reply::Instances(found, page) = reply else { return None };
        let by_uid = found.into_iter().filter_map(|one| one.tags.get(TAG_UID).cloned().map(|uid| (uid, one)));
        Some((by_uid.collect(), page))
    },
};

const INSTANCES_BY_ID: Batch<InstanceId, Instance> = Batch {
    size: FILTER_VALUES_MAX,
    request: |ids, page| Read::Instance(InstanceRead::Describe { filters: filter("instance-id", ids), page }),
    file: |_, reply| {
        let Reply::Instances(found, page) = reply else { return None };
        Some((found.into_iter().map(|one| (one.id.clone(), one)).collect(), page))
    },
};

const STATUS_CHECKS: Batch<InstanceId, StatusChecks> = Batch {
    size: STATUS_IDS_MAX,
    request: |ids, page| Read::Instance(InstanceRead::Status { ids: ids.to_vec(), page }),
    file: |_, reply| {
        let Reply::InstanceStatus(found, page) = reply else { return None };
        Some((found, page))
    },
};

/// One that is ending is none any more.
const PROFILE_ASSOCIATIONS: Batch<InstanceId, ProfileAssociation> = Batch {
    size: FILTER_VALUES_MAX,
    request: |ids, page| {
        let standing = filter("state", &["associating", "associated"]);
        Read::Instance(InstanceRead::ProfileAssociations {
            filters: [filter("instance-id", ids), standing].concat(),
            page,
        })
    },
    file: |_, reply| {
        let Reply::ProfileAssociations(found, page) = reply else { return None };
        Some((found.into_iter().map(|one| (one.instance.clone(), one)).collect(), page))
    },
};

const VOLUMES: Batch<InstanceId, Volume> = Batch {
    size: FILTER_VALUES_MAX,
    request: |ids, page| Read::Volume(VolumeRead::Describe { filters: filter("attachment.instance-id", ids), page }),
    file: |_, reply| {
        let Reply::Volumes(found, page) = reply else { return None };
        Some((found.into_iter().map(|one| (one.instance.clone(), one)).collect(), page))
    },
};

const SECURITY_GROUPS: Batch<String, SecurityGroup> = Batch {
    size: FILTER_VALUES_MAX,
    request: |names, page| {
        Read::SecurityGroup(SecurityGroupRead::Describe { filters: filter("group-name", names), page })
    },
    file: |_, reply| {
        let Reply::SecurityGroups(found, page) = reply else { return None };
        Some((found.into_iter().map(|one| (one.name.clone(), one)).collect(), page))
    },
};

const LOAD_BALANCERS: Batch<String, LoadBalancer> = Batch {
    size: ELB_NAMES_MAX,
    request: |names, _| Read::LoadBalancer(LoadBalancerRead::Describe { names: names.to_vec() }),
    file: |_, reply| {
        let Reply::LoadBalancers(found) = reply else { return None };
        Some((found.into_iter().map(|one| (one.name.clone(), one)).collect(), None))
    },
};

const LOAD_BALANCER_ATTRIBUTES: Batch<LoadBalancerArn, BTreeMap<String, String>> = Batch {
    size: 1,
    request: |arns, _| Read::LoadBalancer(LoadBalancerRead::Attributes { load_balancer: arns[0].clone() }),
    file: |arns, reply| {
        let Reply::Attributes(all) = reply else { return None };
        whole(arns, [all], None)
    },
};

const LISTENERS: Batch<LoadBalancerArn, Listener> = Batch {
    size: 1,
    request: |arns, page| Read::Listener(ListenerRead::Describe { load_balancer: arns[0].clone(), page }),
    file: |arns, reply| {
        let Reply::Listeners(found, page) = reply else { return None };
        whole(arns, found, page)
    },
};

const RULES: Batch<ListenerArn, ListenerRule> = Batch {
    size: 1,
    request: |arns, page| Read::Rule(RuleRead::Describe { listener: arns[0].clone(), page }),
    file: |arns, reply| {
        let Reply::Rules(found, page) = reply else { return None };
        whole(arns, found, page)
    },
};

const TARGET_GROUPS: Batch<String, TargetGroup> = Batch {
    size: ELB_NAMES_MAX,
    request: |names, _| Read::TargetGroup(TargetGroupRead::Describe { names: names.to_vec() }),
    file: |_, reply| {
        let Reply::TargetGroups(found) = reply else { return None };
        Some((found.into_iter().map(|one| (one.name.clone(), one)).collect(), None))
    },
};

const TARGET_GROUP_ATTRIBUTES: Batch<TargetGroupArn, BTreeMap<String, String>> = Batch {
    size: 1,
    request: |arns, _| Read::TargetGroup(TargetGroupRead::Attributes { target_group: arns[0].clone() }),
    file: |arns, reply| {
        let Reply::Attributes(all) = reply else { return None };
        whole(arns, [all], None)
    },
};

const TARGETS: Batch<TargetGroupArn, Target> = Batch {
    size: 1,
    request: |arns, _| Read::TargetGroup(TargetGroupRead::Health { target_group: arns[0].clone() }),
    file: |arns, reply| {
        let Reply::TargetHealth(found) = reply else { return None };
        whole(arns, found, None)
    },
};

const TAGS: Batch<ElbTaggable, Tags> = Batch {
    size: ELB_NAMES_MAX,
    request: |resources, _| Read::Elbv2Tags(Elbv2TagsRead::Describe { resources: resources.to_vec() }),
    file: |_, reply| {
        let Reply::Tags(found) = reply else { return None };
        Some((found, None))
    },
};
