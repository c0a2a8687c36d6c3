//! Checks a plan once more, independently of how it was made, before it is journalled.
//!
//! A violation is a bug of ours; the plan is refused whole, and the environment holds. Each check is a sentence of a
//! promise and looks at record and sight itself, never at the planner's own reckoning.

use std::collections::BTreeSet;

use crate::action::{Does, Plan};
use crate::id::InstanceId;
use crate::pass::Sight;
use crate::record::Makes;
use crate::request::Write;
use crate::resource::{InstanceState, TargetHealth};
use crate::status::MemberStatus;

/// A plan that passed. Only this can be journalled and executed.
#[derive(Debug, Clone, PartialEq)]
pub struct Linted(Plan);

impl Linted {
    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.0
    }
}

/// The plan, if it breaks no promise; else every promise that it breaks, in words.
pub fn lint(plan: Plan, sight: &Sight<'_>) -> Result<Linted, Vec<String>> {
    let mut broken = Vec::new();
    graph(&plan, &mut broken);
    verbs(&plan, &mut broken);
    launches(&plan, sight, &mut broken);
    sighted(&plan, sight, &mut broken);
    unused(&plan, sight, &mut broken);
    floor(&plan, sight, &mut broken);
    drained(&plan, sight, &mut broken);
    budget(&plan, sight, &mut broken);
    quiet(&plan, sight, &mut broken);
    if broken.is_empty() { Ok(Linted(plan)) } else { Err(broken) }
}

/// Ids are unique, and what an action depends on stands before it.
fn graph(plan: &Plan, broken: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    for action in &plan.actions {
        for before in action.after.iter().filter(|before| !seen.contains(*before)) {
            broken.push(format!("{} depends on {before}, which does not stand before it", action.id));
        }
        if !seen.insert(&action.id) {
            broken.push(format!("{} stands twice", action.id));
        }
    }
}

/// I3: what destroys carries its proof, so it never hides in a create or a change.
fn verbs(plan: &Plan, broken: &mut Vec<String>) {
    for action in &plan.actions {
        let fits = match &action.does {
            Does::Create(intent) | Does::Replay(intent) => creates(&intent.write),
            Does::Change(write) => !creates(write) && !destroys(write),
            Does::Terminate { .. }
            | Does::TakeOut { .. }
            | Does::DeleteGroup(_)
            | Does::DeleteLoadBalancer(_)
            | Does::DeleteTargetGroup(_) => true,
        };
        if !fits {
            broken.push(format!("{} carries a call of another kind", action.id));
        }
    }
}

fn creates(write: &Write) -> bool {
    matches!(
        write,
        Write::CreateSecurityGroup(_)
            | Write::CreateLoadBalancer(_)
            | Write::CreateTargetGroup(_)
            | Write::CreateListener(_)
            | Write::RunInstances(_)
    )
}

fn destroys(write: &Write) -> bool {
    matches!(
        write,
        Write::TerminateInstances { .. }
            | Write::DeleteSecurityGroup { .. }
            | Write::DeleteLoadBalancer { .. }
            | Write::DeleteTargetGroup { .. }
    )
}

/// I1: live members and open launches never exceed `count + maxSurge`, and a replay is the open intent, word for word.
fn launches(plan: &Plan, sight: &Sight<'_>, broken: &mut Vec<String>) {
    let new = plan.actions.iter().filter(|action| is_launch(&action.does, false)).count();
    for action in &plan.actions {
        if let Does::Replay(intent) = &action.does
            && sight.record.intents.iter().all(|open| open != &**intent)
        {
            broken.push(format!("I1: {} replays what is not the open intent", action.id));
        }
    }
    let sent = plan.actions.iter().filter(|action| is_launch(&action.does, true)).count();
    if new == 0 && (sent == 0 || sight.record.deleting) {
        return;
    }
    let Some(spec) = &sight.record.spec else {
        return broken.push("I1: a launch without a spec".into());
    };
    if sight.record.deleting {
        broken.push("I1: a launch while being deleted".into());
    }
    let open = sight.record.intents.iter().filter(|intent| matches!(intent.makes, Makes::Member { .. }));
    let open = open.filter(|intent| !plan.settled.iter().any(|settled| settled.id == intent.id)).count();
    let live = plan.status.instances.iter().filter(|member| match member.state {
        None | Some(InstanceState::Pending | InstanceState::Running) => true,
        Some(
            InstanceState::Stopping | InstanceState::Stopped | InstanceState::ShuttingDown | InstanceState::Terminated,
        ) => false,
    });
    // A new one leaves room for every open launch; one that is sent again, for those that are sent with it.
    let launches = if new == 0 { sent } else { new + open };
    let total = live.count() + launches;
    let most = spec.instances.count + spec.rollout.max_surge.of(spec.instances.count, 1);
    if total > usize::try_from(most).unwrap_or(usize::MAX) {
        return broken.push(format!("I1: {total} members and launches, count + maxSurge is {most}"));
    }
    // What is stopped costs money too: beside what may live, one fleet of stopped members may exist.
    let over =
        |member: &&MemberStatus| matches!(member.state, Some(InstanceState::ShuttingDown | InstanceState::Terminated));
    let exist = plan.status.instances.iter().filter(|member| !over(member)).count() + launches;
    let may_exist = most.saturating_add(spec.instances.count);
    if exist > usize::try_from(may_exist).unwrap_or(usize::MAX) {
        broken.push(format!("I1: {exist} instances would exist, those that are stopped included, and {may_exist} may"));
    }
}

fn is_launch(does: &Does, replays: bool) -> bool {
    match does {
        Does::Create(intent) => matches!(intent.makes, Makes::Member { .. }),
        Does::Replay(intent) => replays && matches!(intent.makes, Makes::Member { .. }),
        Does::Change(_)
        | Does::Terminate { .. }
        | Does::TakeOut { .. }
        | Does::DeleteGroup(_)
        | Does::DeleteLoadBalancer(_)
        | Does::DeleteTargetGroup(_) => false,
    }
}

/// I5: incomplete sight, nothing destructive.
fn sighted(plan: &Plan, sight: &Sight<'_>, broken: &mut Vec<String>) {
    let observed = sight.observed;
    for action in plan.actions.iter().filter(|action| action.does.is_destructive()) {
        let unseen = match &action.does {
            Does::Terminate { .. } | Does::TakeOut { .. } => {
                let groups = &plan.status.target_groups;
                observed.instances.unread().is_some()
                    || groups.iter().any(|group| observed.targets_of(&group.arn).is_none())
            }
            Does::DeleteGroup(_) => observed.groups.unread().is_some(),
            Does::DeleteLoadBalancer(_) => observed.load_balancers.unread().is_some(),
            Does::DeleteTargetGroup(_) => observed.target_groups.unread().is_some(),
            Does::Create(_) | Does::Replay(_) | Does::Change(_) => false,
        };
        if unseen {
            broken.push(format!("I5: {} though what it destroys was not seen whole", action.id));
        }
    }
}

/// I2: no target group goes from under a listener or a rule of ours, unless the whole environment goes.
fn unused(plan: &Plan, sight: &Sight<'_>, broken: &mut Vec<String>) {
    if sight.record.deleting {
        return;
    }
    let observed = sight.observed;
    let Some(balancer) = &plan.status.load_balancer else { return };
    for action in &plan.actions {
        let Does::DeleteTargetGroup(group) = &action.does else { continue };
        let listeners = observed.listeners.get(&balancer.arn).and_then(|part| part.seen());
        let free = listeners.is_some_and(|all| {
            all.iter().all(|listener| {
                let rules = observed.rules_of(&listener.arn);
                let by_no_rule = rules.is_some_and(|rules| rules.iter().all(|rule| !rule.uses(group.id())));
                by_no_rule && !listener.groups().contains(group.id())
            })
        });
        if !free {
            broken.push(format!("I2: {} though a listener or a rule uses it, or may", action.id));
        }
    }
}

fn taken_out(plan: &Plan) -> BTreeSet<&InstanceId> {
    plan.actions
        .iter()
        .filter_map(|action| match &action.does {
            Does::Terminate { member, .. } | Does::TakeOut { member, .. } => Some(member.id()),
            Does::Create(_)
            | Does::Replay(_)
            | Does::Change(_)
            | Does::DeleteGroup(_)
            | Does::DeleteLoadBalancer(_)
            | Does::DeleteTargetGroup(_) => None,
        })
        .collect()
}

/// I2: whoever goes, the floor of healthy members stays, unless the whole environment goes.
fn floor(plan: &Plan, sight: &Sight<'_>, broken: &mut Vec<String>) {
    let Some(spec) = sight.record.spec.as_ref().filter(|_| !sight.record.deleting) else { return };
    let count = spec.instances.count;
    // Scaled to zero, everybody goes.
    let floor = count.saturating_sub(spec.rollout.max_unavailable.of(count, 0)).max(count.min(1));
    let going = taken_out(plan);
    let healthy =
        |member: &&MemberStatus| member.health == Some(TargetHealth::Healthy) && member.unhealthy_since.is_none();
    let before = sight.record.status.instances.iter();
    let already: BTreeSet<_> =
        before.filter(|member| member.leaving.is_some()).map(|member| &member.instance_id).collect();
    let serving: Vec<_> =
        plan.status.instances.iter().filter(|member| !already.contains(&member.instance_id)).filter(healthy).collect();
    let left = serving.iter().filter(|member| !going.contains(&member.instance_id)).count();
    let floor = usize::try_from(floor).unwrap_or(usize::MAX);
    if left < serving.len() && left < floor {
        broken.push(format!("I2: {left} healthy members would be left, the floor is {floor}"));
    }
}

/// I2: what is terminated is registered nowhere any more.
fn drained(plan: &Plan, sight: &Sight<'_>, broken: &mut Vec<String>) {
    for action in &plan.actions {
        let Does::Terminate { member, .. } = &action.does else { continue };
        let registered = sight.observed.targets.values().filter_map(|part| part.seen()).flatten();
        if registered.filter(|target| target.id == member.id().as_str()).count() > 0 {
            broken.push(format!("I2: {} before it is drained", action.id));
        }
    }
}

/// I4: healing terminations are charged, and their charges stay within the hour's budget.
fn budget(plan: &Plan, sight: &Sight<'_>, broken: &mut Vec<String>) {
    let Some(spec) = &sight.record.spec else { return };
    let charges = &plan.status.terminations;
    for action in &plan.actions {
        if let Does::Terminate { member, charged: true } = &action.does
            && !charges.iter().any(|charge| charge.instance_id == *member.id())
        {
            broken.push(format!("I4: {} is not charged", action.id));
        }
    }
    let most = usize::try_from(spec.healing.max_terminations_per_hour).unwrap_or(usize::MAX);
    // What was charged before the budget was lowered is no breach.
    let is_new = |charge| !sight.record.status.terminations.contains(charge);
    if charges.iter().any(is_new) && charges.len() > most {
        broken.push(format!("I4: {} healing terminations within the hour, {most} are allowed", charges.len()));
    }
}

/// Nothing is done while it is paused or its record is damaged, and nothing is torn down that nobody asked to delete.
fn quiet(plan: &Plan, sight: &Sight<'_>, broken: &mut Vec<String>) {
    let paused = sight.record.spec.as_ref().is_some_and(|spec| spec.paused);
    if (paused || sight.record.status.damaged) && !plan.actions.is_empty() {
        broken.push("an action while it is paused or its record is damaged".into());
    }
    if sight.record.deleting {
        return;
    }
    for action in &plan.actions {
        if matches!(action.does, Does::DeleteLoadBalancer(_) | Does::DeleteGroup(_)) {
            broken.push(format!("{} though nobody asked to delete the environment", action.id));
        }
    }
}
