//! Checks a plan once more, independently of how it was made, before it is journalled.
//!
//! A violation is a bug of ours; the plan is refused whole, and the environment holds. Each check is a sentence of a
//! promise. It looks at the record as it was stored, at what was observed now ([`PlanInput`]) and at what earlier readings
//! showed ([`Memory`]), never at the status that the planner made of them. I1, I2, I3 and I5 are asked of every call by its
//! [`Effect`] and by what it [touches](aws_api::Write::touches), whichever action it comes in.

mod fleet;
mod ours;
mod traffic;

use std::collections::BTreeSet;
use std::time::Duration;

use aws_api::ec2::{InstanceWrite, SecurityGroupWrite};
use aws_api::elbv2::{LoadBalancerWrite, TargetGroupWrite};
use aws_api::id::{ListenerArn, LoadBalancerArn};
use aws_api::{Effect, ResourceId, Write};
use jiff::Timestamp;

use self::fleet::Fleet;
use crate::action::{Action, Does, Plan};
use crate::input::PlanInput;
use crate::memory::{Memory, elapsed};
use crate::reason::Reason;
use crate::record::{Intent, Makes};

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
pub fn lint(plan: Plan, input: &PlanInput<'_>, memory: &Memory) -> Result<Linted, Vec<String>> {
    let mut broken = Vec::new();
    graph(&plan, &mut broken);
    launches(&plan, input, &Fleet::of(input, memory), &mut broken);
    for action in &plan.actions {
        verb(action, &mut broken);
        intent(action, &plan, input, &mut broken);
        owned(action, input, memory, &mut broken);
        sighted(action, input, memory, &mut broken);
        drained(action, input, &mut broken);
    }
    // While the environment goes, its members go with it.
    if let Some(spec) = input.record.spec.as_ref().filter(|_| !input.record.deleting) {
        traffic::floor(&plan, input, spec, memory, &mut broken);
        for action in &plan.actions {
            unused(action, input, memory, &mut broken);
            traffic::listener(action, input, spec, &mut broken);
            traffic::cutover(action, input, spec, memory, &mut broken);
            traffic::rules(action, input, spec, memory, &mut broken);
        }
    }
    budget(&plan, input, &mut broken);
    quiet(&plan, input, &mut broken);
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

/// I1 and I3: what creates has an intent, and what destroys carries its proof, so neither hides in a change.
fn verb(action: &Action, broken: &mut Vec<String>) {
    let may = |effect: Effect| match &action.does {
        Does::Create(_) | Does::Replay(_) => effect == Effect::Creates,
        Does::Change(_) => matches!(effect, Effect::Changes | Effect::StopsTraffic),
        Does::TakeOut { .. } => effect == Effect::StopsTraffic,
        Does::Terminate { .. } | Does::DeleteGroup(_) | Does::DeleteLoadBalancer(_) | Does::DeleteTargetGroup(_) => {
            effect == Effect::Destroys
        }
    };
    if !action.does.writes().iter().all(|write| may(write.effect())) {
        broken.push(format!("{} carries a call of another kind", action.id));
    }
}

/// I1: a replay is the open intent, word for word, and nothing is created that an open intent may have made already.
fn intent(action: &Action, plan: &Plan, input: &PlanInput<'_>, broken: &mut Vec<String>) {
    let open = &input.record.intents;
    match &action.does {
        Does::Replay(intent) if open.iter().all(|open| open != &**intent) => {
            broken.push(format!("I1: {} replays what is not the open intent", action.id));
        }
        Does::Create(intent) => {
            let is_settled = |open: &&Intent| plan.settled.iter().any(|settled| settled.id == open.id);
            let twin = open.iter().filter(|open| !is_settled(open)).find(|open| doubles(open, intent));
            if let Some(twin) = twin {
                broken.push(format!("I1: {} creates what {} may have made", action.id, twin.id));
            }
        }
        Does::Replay(_)
        | Does::Change(_)
        | Does::Terminate { .. }
        | Does::TakeOut { .. }
        | Does::DeleteGroup(_)
        | Does::DeleteLoadBalancer(_)
        | Does::DeleteTargetGroup(_) => {}
    }
}

/// Whether two intents would make one thing twice. Launches are counted; a listener is made once a port by AWS itself.
fn doubles(open: &Intent, new: &Intent) -> bool {
    match (&open.makes, &new.makes) {
        (Makes::Group(open), Makes::Group(new)) => open == new,
        (Makes::LoadBalancer, Makes::LoadBalancer) => true,
        (Makes::TargetGroup { name: open, .. }, Makes::TargetGroup { name: new, .. }) => open == new,
        (Makes::Member { slot: open, .. }, Makes::Member { slot: new, .. }) => open == new,
        (_, _) => open.id == new.id,
    }
}

/// I1: live members and open launches never exceed `count + maxSurge`, nor what exists that and a fleet of stopped ones.
fn launches(plan: &Plan, input: &PlanInput<'_>, fleet: &Fleet, broken: &mut Vec<String>) {
    let new = plan.actions.iter().filter(|action| is_launch(&action.does, false)).count();
    let sent = plan.actions.iter().filter(|action| is_launch(&action.does, true)).count();
    if new == 0 && (sent == 0 || input.record.deleting) {
        return;
    }
    let Some(spec) = &input.record.spec else {
        return broken.push("I1: a launch without a spec".into());
    };
    if input.record.deleting {
        broken.push("I1: a launch while being deleted".into());
    }
    // A new one leaves room for every open launch; one that is sent again, for those that are sent with it.
    let launches = if new == 0 { sent } else { new + fleet.open };
    let total = fleet.live() + launches;
    let most = spec.instances.count + spec.rollout.max_surge.of(spec.instances.count, 1);
    if total > usize::try_from(most).unwrap_or(usize::MAX) {
        return broken.push(format!("I1: {total} members and launches, count + maxSurge is {most}"));
    }
    // What is stopped costs money too: beside what may live, one fleet of stopped members may exist.
    let exist = fleet.existing() + launches;
    let may_exist = most.saturating_add(spec.instances.count);
    if exist > usize::try_from(may_exist).unwrap_or(usize::MAX) {
        broken.push(format!("I1: {exist} instances would exist, those that are stopped included, and {may_exist} may"));
    }
}

/// Whether it asks EC2 for an instance; a replay may have been answered long ago.
fn is_launch(does: &Does, replays: bool) -> bool {
    let is_replay = matches!(does, Does::Replay(_));
    (replays || !is_replay) && does.writes().iter().any(|write| matches!(write, Write::Instance(InstanceWrite::Run(_))))
}

/// I3: whatever it changes or takes away is ours.
fn owned(action: &Action, input: &PlanInput<'_>, memory: &Memory, broken: &mut Vec<String>) {
    let touched = action.does.writes().into_iter().flat_map(|write| write.touches());
    for one in touched.filter(|one| !ours::is_ours(one, input, memory)) {
        broken.push(format!("I3: {} touches {one}, which is not ours", action.id));
    }
}

/// I5: what may stop traffic or destroys goes by what was seen whole, in this pass.
fn sighted(action: &Action, input: &PlanInput<'_>, memory: &Memory, broken: &mut Vec<String>) {
    let writes = action.does.writes();
    if writes.iter().any(|write| write.effect() >= Effect::StopsTraffic && !is_sighted(write, input, memory)) {
        broken.push(format!("I5: {} though what it takes away was not seen whole", action.id));
    }
}

/// Whether all was seen that tells what such a call takes away.
fn is_sighted(write: &Write, input: &PlanInput<'_>, memory: &Memory) -> bool {
    let observed = input.observed;
    let members = || {
        let mut groups = traffic::standing_groups(input, memory);
        observed.instances.seen().is_some() && groups.all(|group| observed.targets_of(&group.arn).is_some())
    };
    let listens = |arn: &ListenerArn| {
        let mut listeners = observed.listeners.values().filter_map(|part| part.seen()).flatten();
        listeners.any(|listener| listener.arn == *arn)
    };
    let drains = matches!(write, Write::TargetGroup(TargetGroupWrite::Deregister { .. }));
    let is_seen = |touched: &ResourceId| match touched {
        ResourceId::Instance(_) => members(),
        ResourceId::SecurityGroup(_) => observed.groups.seen().is_some(),
        ResourceId::LoadBalancer(_) => observed.load_balancers.seen().is_some(),
        ResourceId::TargetGroup(arn) if drains => members() && observed.targets_of(arn).is_some(),
        ResourceId::TargetGroup(_) => observed.target_groups.seen().is_some(),
        ResourceId::Listener(arn) => listens(arn),
        ResourceId::Volume(_) => false,
    };
    write.touches().iter().all(is_seen)
}

/// I2: no target group goes from under a listener or a rule of ours.
fn unused(action: &Action, input: &PlanInput<'_>, memory: &Memory, broken: &mut Vec<String>) {
    let observed = input.observed;
    for write in action.does.writes() {
        let Write::TargetGroup(TargetGroupWrite::Delete { target_group }) = &write else { continue };
        let is_gone = |arn: &LoadBalancerArn| traffic::is_gone(&ResourceId::LoadBalancer(arn.clone()), input, memory);
        let balancer = input.record.status.load_balancer.as_ref().filter(|balancer| !is_gone(&balancer.arn));
        let free = balancer.is_none_or(|balancer| {
            let listeners = observed.listeners.get(&balancer.arn).and_then(|part| part.seen());
            listeners.is_some_and(|all| {
                all.iter().all(|listener| {
                    let rules = observed.rules_of(&listener.arn);
                    let by_no_rule = rules.is_some_and(|rules| rules.iter().all(|rule| !rule.uses(target_group)));
                    by_no_rule && !listener.groups().contains(target_group)
                })
            })
        });
        if !free {
            broken.push(format!("I2: {} though a listener or a rule uses it, or may", action.id));
        }
    }
}

/// I2: what is terminated is registered nowhere any more.
fn drained(action: &Action, input: &PlanInput<'_>, broken: &mut Vec<String>) {
    for write in action.does.writes() {
        let Write::Instance(InstanceWrite::Terminate { instance }) = &write else { continue };
        let mut registered = input.observed.targets.values().filter_map(|part| part.seen()).flatten();
        if registered.any(|target| target.id == instance.as_str()) {
            broken.push(format!("I2: {} before it is drained", action.id));
        }
    }
}

/// How long a healing termination counts.
const HOUR: Duration = Duration::from_secs(3600);

/// I4: healing terminations are charged, and the charges of an hour stay within the budget.
fn budget(plan: &Plan, input: &PlanInput<'_>, broken: &mut Vec<String>) {
    let Some(spec) = &input.record.spec else { return };
    let charges = &plan.status.terminations;
    for action in &plan.actions {
        if let Does::Terminate { member, charged } = &action.does
            && (*charged || (is_healing(action.why.reason) && !input.record.deleting))
            && !charges.iter().any(|charge| charge.instance_id == *member.id())
        {
            broken.push(format!("I4: {} is not charged", action.id));
        }
    }
    let before = &input.record.status.terminations;
    let new = charges.iter().filter(|charge| !before.contains(charge)).count();
    let counts = |at: Timestamp| elapsed(at, input.now) < HOUR;
    let within = new + before.iter().filter(|charge| counts(charge.at)).count();
    // What was charged before the budget was lowered is no breach.
    let most = usize::try_from(spec.healing.max_terminations_per_hour).unwrap_or(usize::MAX);
    if new > 0 && within > most {
        broken.push(format!("I4: {within} healing terminations within the hour, {most} are allowed"));
    }
}

/// Whether that is what the budget is for.
fn is_healing(reason: Reason) -> bool {
    matches!(reason, Reason::MemberSick | Reason::MemberStopped)
}

/// Nothing is done while it is paused or its record is damaged, and nothing is torn down that nobody asked to delete.
fn quiet(plan: &Plan, input: &PlanInput<'_>, broken: &mut Vec<String>) {
    let paused = input.record.spec.as_ref().is_some_and(|spec| spec.paused);
    if (paused || input.record.status.damaged) && !plan.actions.is_empty() {
        broken.push("an action while it is paused or its record is damaged".into());
    }
    if input.record.deleting {
        return;
    }
    if plan.torn_down {
        broken.push("the record would be removed though nobody asked to delete the environment".into());
    }
    let tears_down = |write: &Write| {
        matches!(
            write,
            Write::LoadBalancer(LoadBalancerWrite::Delete { .. })
                | Write::SecurityGroup(SecurityGroupWrite::Delete { .. })
        )
    };
    for action in plan.actions.iter().filter(|action| action.does.writes().iter().any(tears_down)) {
        broken.push(format!("{} though nobody asked to delete the environment", action.id));
    }
}
