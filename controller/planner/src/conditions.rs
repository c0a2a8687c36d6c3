//! The conditions of an environment, from what a pass saw, planned and could not do.
//!
//! `Ready` follows from the others by the one rule in docs: no condition is set anywhere else.

use std::collections::BTreeSet;

use aws_api::elbv2::LoadBalancerState;

use crate::builder::PlanBuilder;
use crate::members::{self, Lifecycle};
use crate::order;
use crate::reason::{Reason, Severity, Why};
use crate::record::Stored;
use crate::status::{Condition, ConditionType, Truth};

type Verdict = (Truth, Why);

fn yes(reason: Reason, message: impl Into<String>) -> Verdict {
    (Truth::True, Why::new(reason, message))
}

fn no(reason: Reason, message: impl Into<String>) -> Verdict {
    (Truth::False, Why::new(reason, message))
}

fn unknown(reason: Reason, message: impl Into<String>) -> Verdict {
    (Truth::Unknown, Why::new(reason, message))
}

/// Sets every condition of `builder.status`.
pub(crate) fn set(builder: &mut PlanBuilder<'_>) {
    let mut verdicts = vec![
        (ConditionType::SpecValid, spec_valid(builder)),
        (ConditionType::NetworkReady, network(builder)),
        (ConditionType::ImageAvailable, image(builder)),
        (ConditionType::LoadBalancerReady, load_balancer(builder)),
        (ConditionType::CapacityAvailable, capacity(builder)),
        (ConditionType::TargetsHealthy, targets(builder)),
        (ConditionType::InSync, in_sync(builder)),
        (ConditionType::HealingAllowed, healing(builder)),
    ];
    if let Some(redis) = builder.input.record.spec.as_ref().and_then(|spec| spec.redis.as_ref()) {
        verdicts.push((
            ConditionType::RedisReachable,
            unknown(Reason::NotProbed, format!("{} is not probed", redis.endpoint)),
        ));
    }
    verdicts.insert(0, (ConditionType::Ready, ready(builder, &verdicts)));
    let is_in_sync = verdicts.iter().any(|(kind, (truth, _))| *kind == ConditionType::InSync && *truth == Truth::True);
    if is_in_sync && !builder.input.record.deleting {
        builder.status.in_sync_revision = builder.input.record.revision;
    }
    let before = std::mem::take(&mut builder.status.conditions);
    builder.status.conditions = verdicts
        .into_iter()
        .map(|(kind, (status, why))| {
            let same = before.iter().find(|old| old.kind == kind && old.status == status);
            Condition {
                kind,
                status,
                reason: why.reason,
                message: why.message,
                last_transition_time: same.map_or(builder.now(), |old| old.last_transition_time),
                observed_generation: builder.input.record.generation,
            }
        })
        .collect();
}

/// The blockers that belong to a condition, as one verdict.
fn troubled(builder: &PlanBuilder<'_>, kind: ConditionType) -> Option<Verdict> {
    let mine: Vec<&Why> = builder.blockers.iter().filter(|why| why.reason.row().condition == kind).collect();
    let worst = mine.iter().max_by_key(|why| why.reason.row().severity)?;
    let message = mine.iter().map(|why| why.message.as_str()).collect::<Vec<_>>().join("; ");
    Some(no(worst.reason, message))
}

fn spec_valid(builder: &PlanBuilder<'_>) -> Verdict {
    let record = builder.input.record;
    match &record.stored {
        Stored::Invalid(faults) => no(Reason::SpecInvalid, bounded(faults)),
        Stored::Refused(fields) => {
            let stays = format!("revision {} stays in force, and nothing of this edit is applied", record.revision);
            no(Reason::ImmutableField, format!("{}\n{stays}", bounded(fields)))
        }
        Stored::Missing if record.deleting => yes(Reason::Valid, "being deleted"),
        Stored::Missing => {
            let shown = format!("`understudy get {} --revision in-force -o yaml` shows it", record.name);
            no(Reason::SpecMissing, format!("SPEC is gone; revision {} stays in force ({shown})", record.revision))
        }
        Stored::Valid => troubled(builder, ConditionType::SpecValid).unwrap_or_else(|| yes(Reason::Valid, "")),
    }
}

/// Faults that a status names. It must fit into an item of 400 KB, whatever a user wrote.
const FAULTS_MAX: usize = 50;
/// Characters of one of them.
const FAULT_CHARS_MAX: usize = 400;

fn bounded(faults: &[String]) -> String {
    let shown = faults.iter().take(FAULTS_MAX).map(|fault| fault.chars().take(FAULT_CHARS_MAX).collect::<String>());
    let more = faults.len().saturating_sub(FAULTS_MAX);
    let rest = (more > 0).then(|| format!("and {more} more; `understudy apply` names them all"));
    shown.chain(rest).collect::<Vec<_>>().join("\n")
}

fn network(builder: &PlanBuilder<'_>) -> Verdict {
    if let Some(verdict) = troubled(builder, ConditionType::NetworkReady) {
        return verdict;
    }
    match &builder.input.observed.subnets {
        crate::observed::Part::Unread(why) => unknown(Reason::Unread, why.clone()),
        crate::observed::Part::Seen(_) => yes(Reason::NetworkFound, ""),
    }
}

fn image(builder: &PlanBuilder<'_>) -> Verdict {
    if let Some(verdict) = troubled(builder, ConditionType::ImageAvailable) {
        return verdict;
    }
    let id = builder.status.image.as_ref().map(|image| image.ami_id.as_str()).unwrap_or("none");
    match &builder.input.observed.image {
        crate::observed::Part::Unread(why) => unknown(Reason::Unread, why.clone()),
        crate::observed::Part::Seen(Some(image)) if image.state == "available" => yes(Reason::ImageFound, ""),
        crate::observed::Part::Seen(Some(image)) => no(Reason::ImagePending, format!("{id} is {}", image.state)),
        crate::observed::Part::Seen(None) => {
            no(Reason::ImageMissing, format!("{id} does not exist in this region, or may not be used"))
        }
    }
}

fn load_balancer(builder: &PlanBuilder<'_>) -> Verdict {
    if let Some(verdict) = troubled(builder, ConditionType::LoadBalancerReady) {
        return verdict;
    }
    let observed = builder.input.observed;
    let Some(recorded) = &builder.status.load_balancer else {
        return no(Reason::LoadBalancerCreating, "there is none yet");
    };
    let seen = match observed.load_balancers.seen() {
        Some(all) => all.iter().find(|balancer| balancer.arn == recorded.arn),
        None => return unknown(Reason::Unread, observed.load_balancers.unread().unwrap_or_default()),
    };
    let Some(seen) = seen else {
        return no(Reason::LoadBalancerCreating, format!("AWS does not show {}", recorded.name));
    };
    match seen.state {
        LoadBalancerState::Provisioning => {
            return no(Reason::LoadBalancerProvisioning, format!("{} is provisioning", seen.name));
        }
        LoadBalancerState::Failed => {
            return no(Reason::LoadBalancerFailed, format!("AWS says that {} failed", seen.name));
        }
        LoadBalancerState::Active | LoadBalancerState::ActiveImpaired => {}
    }
    let have: BTreeSet<u16> = builder.status.listeners.iter().map(|listener| listener.port).collect();
    let spec = builder.input.record.spec.as_ref();
    let missing: Vec<String> = spec
        .iter()
        .flat_map(|spec| &spec.load_balancer.listeners)
        .filter(|listener| !have.contains(&listener.port))
        .map(|listener| listener.port.to_string())
        .collect();
    if missing.is_empty() {
        yes(Reason::LoadBalancerActive, "")
    } else {
        no(Reason::LoadBalancerCreating, format!("no listener on port {} yet", missing.join(", ")))
    }
}

fn capacity(builder: &PlanBuilder<'_>) -> Verdict {
    troubled(builder, ConditionType::CapacityAvailable).unwrap_or_else(|| yes(Reason::CapacityAvailable, ""))
}

fn targets(builder: &PlanBuilder<'_>) -> Verdict {
    let unread = builder.input.observed.targets.values().find_map(|part| part.unread());
    let status = &builder.status;
    let message = format!("{} of {} healthy{}", status.serving, status.desired, of_them_new(builder));
    let spec = builder.input.record.spec.as_ref();
    match unread {
        Some(why) => unknown(Reason::Unread, why),
        None if status.serving >= status.desired && spec.is_some() => yes(Reason::TargetsHealthy, message),
        // What the user allows a rollout to take is no alarm.
        None if is_rolling(builder) && spec.is_some_and(|spec| status.serving >= order::floor(spec)) => {
            no(Reason::RollingOut, format!("{message}; spec.rollout.maxUnavailable allows it"))
        }
        None => no(Reason::TooFewHealthy, message),
    }
}

fn of_them_new(builder: &PlanBuilder<'_>) -> String {
    if builder.has_outdated { format!(", {} of them new", builder.status.ready) } else { String::new() }
}

/// Members on their way out are no drift: what serves is what is wanted.
fn in_sync(builder: &PlanBuilder<'_>) -> Verdict {
    if let Some(verdict) = troubled(builder, ConditionType::InSync) {
        return verdict;
    }
    let gaps = builder.input.observed.gaps();
    if !gaps.is_empty() {
        let words: Vec<_> = gaps.iter().map(|(what, why)| format!("{what}: {why}")).collect();
        return unknown(Reason::Unread, words.join("; "));
    }
    let drift: Vec<String> = builder
        .actions
        .iter()
        .filter(|action| !leaves(&action.does))
        .map(|action| format!("{} ({})", action.id, action.why.reason))
        .collect();
    if builder.has_outdated {
        let outdated = "members of an older revision are there".to_owned();
        return no(Reason::MemberOutdated, [outdated].into_iter().chain(drift).collect::<Vec<_>>().join(", "));
    }
    if !drift.is_empty() {
        return no(Reason::Drifted, drift.join(", "));
    }
    let blocked = [ConditionType::SpecValid, ConditionType::NetworkReady, ConditionType::LoadBalancerReady];
    match builder.blockers.iter().find(|why| blocked.contains(&why.reason.row().condition)) {
        Some(why) => no(Reason::Drifted, why.message.clone()),
        None => yes(Reason::InSync, ""),
    }
}

fn leaves(does: &crate::action::Does) -> bool {
    use crate::action::Does;
    match does {
        Does::Terminate { .. } | Does::TakeOut { .. } => true,
        Does::Create(_) | Does::Replay(_) | Does::Change(_) => false,
        Does::DeleteGroup(_) | Does::DeleteLoadBalancer(_) | Does::DeleteTargetGroup(_) => false,
    }
}

fn healing(builder: &PlanBuilder<'_>) -> Verdict {
    use crate::action::Does;
    let heals = builder.actions.iter().any(|action| {
        let healing = matches!(action.why.reason, Reason::MemberSick | Reason::MemberStopped);
        healing && matches!(action.does, Does::TakeOut { .. })
    });
    match troubled(builder, ConditionType::HealingAllowed) {
        // It is False from the next pass on, when nobody else is taken out.
        Some((_, why)) if heals && why.reason == Reason::TerminationBudgetSpent => {
            yes(Reason::HealingAllowed, "the last of this hour's budget is being used")
        }
        Some(verdict) => verdict,
        None => yes(Reason::HealingAllowed, ""),
    }
}

fn ready(builder: &PlanBuilder<'_>, verdicts: &[(ConditionType, Verdict)]) -> Verdict {
    let record = builder.input.record;
    if builder.status.damaged {
        return no(Reason::RecordDamaged, damage(builder));
    }
    if let Some(why) = builder.blockers.iter().find(|why| why.reason == Reason::RecordDamaged) {
        return no(why.reason, why.message.clone());
    }
    if record.deleting {
        let held = builder.blockers.iter().find(|why| why.reason == Reason::InUse);
        let words = match held {
            _ if is_paused(builder) => "to be torn down once spec.paused is false",
            Some(why) => why.message.as_str(),
            None => "being torn down",
        };
        return no(Reason::Deleting, words);
    }
    let enter = [
        ConditionType::SpecValid,
        ConditionType::NetworkReady,
        ConditionType::LoadBalancerReady,
        ConditionType::InSync,
        ConditionType::TargetsHealthy,
    ];
    let against: Vec<&(ConditionType, Verdict)> =
        verdicts.iter().filter(|(kind, (truth, _))| enter.contains(kind) && *truth != Truth::True).collect();
    let unfinished = unfinished(builder);
    if against.is_empty() && unfinished.is_empty() && is_paused(builder) {
        let healthy = format!("{} of {} healthy", builder.status.ready, builder.status.desired);
        return yes(Reason::Paused, format!("{healthy}; nothing is changed while spec.paused is true"));
    }
    if against.is_empty() && unfinished.is_empty() && is_scaled_to_zero(builder) {
        return yes(Reason::ScaledToZero, "spec.instances.count is 0: no members are wanted, and none are there");
    }
    if against.is_empty() && unfinished.is_empty() {
        return yes(Reason::AllHealthy, format!("{} of {} healthy", builder.status.ready, builder.status.desired));
    }
    let message = not_ready_message(builder, verdicts, &against);
    let message = std::iter::once(message).filter(|message| !message.is_empty()).chain(unfinished);
    no(not_ready_reason(builder, &against), message.collect::<Vec<_>>().join("; "))
}

fn is_paused(builder: &PlanBuilder<'_>) -> bool {
    builder.input.record.spec.as_ref().is_some_and(|spec| spec.paused)
}

fn is_scaled_to_zero(builder: &PlanBuilder<'_>) -> bool {
    builder.input.record.spec.as_ref().is_some_and(|spec| spec.instances.count == 0)
}

/// What a rollout still lacks: what the record says serves, and serves alone. Scaled to zero, nobody does.
fn unfinished(builder: &PlanBuilder<'_>) -> Vec<String> {
    let status = &builder.status;
    let left = status.instances.iter().filter(|member| members::lifecycle_of(member) != Lifecycle::Ending).count();
    if is_scaled_to_zero(builder) && left > 0 {
        return vec![format!("{left} members are still there, and none are wanted")];
    }
    let few = format!("{} of {} members of the current revision healthy", status.ready, status.desired);
    let few = (builder.has_outdated && status.ready < status.desired).then_some(few);
    few.into_iter().chain(builder.older.iter().cloned()).collect()
}

/// What holds comes first, with what would let it go on; then what is not yet as it should be.
fn not_ready_message(
    builder: &PlanBuilder<'_>,
    verdicts: &[(ConditionType, Verdict)],
    against: &[&(ConditionType, Verdict)],
) -> String {
    let of = |kind: ConditionType| builder.blockers.iter().filter(move |why| why.reason.row().condition == kind);
    let holds = |(kind, (truth, _)): &&(ConditionType, Verdict)| *truth != Truth::True && of(*kind).next().is_some();
    let mut held: Vec<&(ConditionType, Verdict)> = verdicts.iter().filter(holds).collect();
    held.sort_by_key(|(_, (_, why))| std::cmp::Reverse(why.reason.row().severity));
    let full = |kind: ConditionType| of(kind).map(Why::in_full).collect::<Vec<_>>().join("; ");
    let causes = held.iter().map(|(kind, (truth, why))| format!("{kind} is {truth} ({}): {}", why.reason, full(*kind)));
    let is_told = |kind: ConditionType, message: &str| {
        held.iter().any(|(held, _)| *held == kind) || builder.blockers.iter().any(|why| why.message == message)
    };
    let rest = against.iter().filter(|(kind, (_, why))| !is_told(*kind, &why.message));
    let own = Some(full(ConditionType::Ready)).filter(|own| !own.is_empty());
    let rest = rest.map(|(kind, (_, why))| format!("{kind}: {}", why.message));
    own.into_iter().chain(causes).chain(rest).collect::<Vec<_>>().join("; ")
}

fn not_ready_reason(builder: &PlanBuilder<'_>, against: &[&(ConditionType, Verdict)]) -> Reason {
    let record = builder.input.record;
    let was = builder.input.record.status.condition(ConditionType::Ready);
    // Until it was ready once since its last edit it converges; from then on it is degraded.
    let had_been_ready = was.is_some_and(|was| {
        let since_edit = was.observed_generation == record.generation;
        since_edit
            && (was.status == Truth::True || matches!(was.reason, Reason::Degraded | Reason::RollingOut | Reason::Held))
    });
    let needs_person = builder.blockers.iter().any(|why| why.reason.row().severity == Severity::Person);
    if let Some((_, (_, why))) = against.iter().find(|(kind, _)| *kind == ConditionType::SpecValid) {
        // Whether it is missing, faulty, or asks for what cannot be changed: what to do differs.
        why.reason
    } else if record.spec.as_ref().is_some_and(|spec| spec.paused) {
        Reason::Paused
    } else if needs_person {
        Reason::Held
    } else if is_rolling(builder) && !is_scaled_to_zero(builder) {
        Reason::RollingOut
    } else if had_been_ready && !is_scaled_to_zero(builder) {
        Reason::Degraded
    } else {
        Reason::Converging
    }
}

fn is_rolling(builder: &PlanBuilder<'_>) -> bool {
    let rolls = |reason: Reason| matches!(reason, Reason::MemberOutdated | Reason::TargetGroupReplaced);
    builder.actions.iter().any(|action| rolls(action.why.reason))
        || builder
            .status
            .instances
            .iter()
            .any(|member| member.leaving.as_ref().is_some_and(|leaving| rolls(leaving.reason)))
        || builder.status.target_groups.len() > 1
        || builder.has_outdated
        || !builder.older.is_empty()
}

/// What AWS holds under our tags, for a person who puts STATUS back.
fn damage(builder: &PlanBuilder<'_>) -> String {
    let observed = builder.input.observed;
    let instances = observed.instances.seen().into_iter().flatten().map(|(id, _)| id.to_string());
    let groups = observed.groups.seen().into_iter().flatten().map(|group| group.id.to_string());
    let balancers = observed.load_balancers.seen().into_iter().flatten().map(|balancer| balancer.arn.to_string());
    let held: Vec<String> = instances.chain(groups).chain(balancers).collect();
    let held = if held.is_empty() { "nothing that can be seen".to_owned() } else { held.join(", ") };
    format!(
        "STATUS is gone, but the environment was made before; AWS holds {held}. Put STATUS back from a backup of the table"
    )
}
