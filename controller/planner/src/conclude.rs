//! What follows from the outcomes of a plan: the status to store, the intents to close, the events to tell.
//!
//! Pure, so that a crash between executing and concluding loses nothing that the next pass cannot see again.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_api::ec2::{InstanceWrite, SecurityGroupWrite};
use aws_api::elbv2::LoadBalancerWrite;
use aws_api::id::IntentId;
use aws_api::{ActionId, ErrorKind, ResourceId, Write};
use jiff::Timestamp;

use crate::action::{Action, Does, Plan};
use crate::held;
use crate::memory::{Memory, elapsed};
use crate::outcome::{Fault, Outcome, Outcomes};
use crate::reason::{Reason, Severity, Why};
use crate::record::{Intent, Makes};
use crate::retries::Pace;
use crate::status::{
    ConditionType, ListenerStatus, LoadBalancerStatus, MemberStatus, Origin, Status, TargetGroupStatus, Truth, WaitOn,
};
use crate::subject::{self, attempt, unknown_to_aws};

/// What follows.
#[derive(Debug, Clone, PartialEq)]
pub struct Conclusion {
    /// The status to store, if it differs from the stored one.
    pub status: Status,
    /// Intents that are no longer open.
    pub closed: Vec<Closed>,
    /// What to tell.
    pub events: Vec<Event>,
    /// When to look again; at the latest after the resync interval.
    pub requeue: Option<Duration>,
}

/// An intent that is no longer open.
#[derive(Debug, Clone, PartialEq)]
pub struct Closed {
    /// Which.
    pub intent: IntentId,
    /// What it made; `None`: AWS definitely refused it.
    pub made: Option<ResourceId>,
    /// In words.
    pub message: String,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// How much it matters to a person; all but `Normal` is shown as `Warning`.
    pub severity: Severity,
    /// The word.
    pub reason: Reason,
    /// What it is about: an AWS id or name, or the environment's name.
    pub resource: String,
    /// The sentence.
    pub message: String,
    /// The action that it tells of, if it does.
    pub action: Option<ActionId>,
    /// Whether it may go on, so that it is not told at each pass. What was done is: every change of AWS has its event.
    pub lasts: bool,
}

/// How soon to look after something was done: what it did is to be seen, and what depends on it goes on.
const AFTER_ACTING: Duration = Duration::from_secs(1);
/// How soon to look while AWS is getting somewhere: an instance takes about 17 s to run, a target a check interval.
const WHILE_AWS_WORKS: Duration = Duration::from_secs(4);
/// Never sooner than this.
const SOONEST: Duration = Duration::from_secs(1);

/// What follows from `outcomes` of `plan`, on top of the `before` that was stored. With no actions there are no outcomes.
pub fn conclude(plan: &Plan, outcomes: &Outcomes, before: &Status, memory: &mut Memory, now: Timestamp) -> Conclusion {
    let mut conclusion =
        Conclusion { status: plan.status.clone(), closed: Vec::new(), events: Vec::new(), requeue: None };
    for (resource, why) in &plan.noticed {
        conclusion.events.push(event(resource, why, why.message.clone()));
    }
    // Told in the same write as the event.
    if plan.noticed.iter().any(|(_, why)| why.reason == Reason::DnsNameChanged) {
        conclusion.status.former_dns_name = None;
    }
    transitions(before, &plan.status, &mut conclusion.events);
    for action in &plan.actions {
        match outcomes.get(&action.id) {
            Some(Outcome::Done(made)) => done(action, made.as_ref(), memory, now, &mut conclusion),
            Some(Outcome::Failed(fault)) => failed(action, fault, memory, now, &mut conclusion),
            Some(Outcome::NotTried(_)) | None => {}
        }
    }
    let launched =
        |(id, outcome): (&ActionId, &Outcome)| id.0.starts_with("launch/") && matches!(outcome, Outcome::Done(_));
    // A member has a successor only if one was launched.
    if !outcomes.iter().any(launched) {
        conclusion.status.keep_successions(before);
    }
    // Only now, since entries of what an action made are put by actions after it.
    for (action, made) in made_by(plan, outcomes) {
        let (from, to) = (format!("(of {action})"), made.to_string());
        memory.rename_entries(&from, &to);
        for event in &mut conclusion.events {
            event.message = event.message.replace(&from, &to);
            event.resource = event.resource.replace(&from, &to);
        }
    }
    conclusion.requeue = requeue(plan, outcomes, memory, now);
    conclusion
}

fn event(resource: &str, why: &Why, message: String) -> Event {
    let severity = why.reason.row().severity;
    Event { severity, reason: why.reason, resource: resource.into(), message, action: None, lasts: true }
}

/// Tells of every condition that changed.
fn transitions(before: &Status, after: &Status, events: &mut Vec<Event>) {
    for condition in &after.conditions {
        let same = before
            .condition(condition.kind)
            .is_some_and(|old| old.status == condition.status && old.reason == condition.reason);
        // That something differs is told by the action that sets it right; what is well from the first needs no telling.
        let differs = matches!(condition.reason, Reason::Drifted | Reason::MemberOutdated);
        let is_told = condition.kind == ConditionType::InSync && differs;
        let was_well = condition.status != Truth::False && before.condition(condition.kind).is_none();
        if same || is_told || was_well {
            continue;
        }
        let message = if condition.message.is_empty() { String::new() } else { format!(": {}", condition.message) };
        events.push(Event {
            severity: condition.reason.row().severity,
            reason: condition.reason,
            resource: condition.kind.to_string(),
            message: format!("{} is {}{message}", condition.kind, condition.status),
            action: None,
            lasts: true,
        });
    }
}

fn done(action: &Action, made: Option<&ResourceId>, memory: &mut Memory, now: Timestamp, conclusion: &mut Conclusion) {
    memory.retries.succeeded(&attempt(action));
    for (entry, value) in &action.puts {
        memory.put_entry(entry.clone(), value.clone());
    }
    match &action.does {
        Does::Create(intent) | Does::Replay(intent) => {
            if let Some(made) = made {
                memory.note_made(made.clone(), now);
                record(&mut conclusion.status, intent, made, now);
                // An earlier sending may arrive when this is deleted again, and make another.
                let by_name = matches!(action.does, Does::Replay(_)) && intent.makes.by_name();
                let another_may_come = by_name && memory.may_still_arrive(&intent.id, now);
                if !another_may_come {
                    conclusion.closed.push(Closed {
                        intent: intent.id.clone(),
                        made: Some(made.clone()),
                        message: format!("made {made}"),
                    });
                }
            }
        }
        Does::Terminate { member, .. } => {
            memory.note_removed(ResourceId::Instance(member.id().clone()), now);
            memory.note_released(now);
        }
        Does::DeleteGroup(group) => {
            memory.note_removed(ResourceId::SecurityGroup(group.id().clone()), now);
            memory.note_released(now);
        }
        Does::DeleteLoadBalancer(arn) => {
            memory.note_removed(ResourceId::LoadBalancer(arn.id().clone()), now);
            memory.note_released(now);
        }
        Does::DeleteTargetGroup(arn) => memory.note_removed(ResourceId::TargetGroup(arn.id().clone()), now),
        Does::Change(write) => {
            // A target group, or a group, that it used until now may be in use for a while yet.
            if write.releases() {
                memory.note_released(now);
            }
        }
        Does::TakeOut { .. } => {}
    }
    let what = made.map_or_else(|| action.resource.clone(), ToString::to_string);
    let told = event(&what, &action.why, format!("{}: {}", action.id, action.why.message));
    conclusion.events.push(Event { action: Some(action.id.clone()), lasts: false, ..told });
}

/// What was made, by the action that made it: later actions know it only by that name.
fn made_by<'p>(plan: &'p Plan, outcomes: &'p Outcomes) -> impl Iterator<Item = (&'p ActionId, &'p ResourceId)> {
    plan.actions.iter().filter_map(|action| match outcomes.get(&action.id) {
        Some(Outcome::Done(Some(made))) => Some((&action.id, made)),
        Some(Outcome::Done(None) | Outcome::Failed(_) | Outcome::NotTried(_)) | None => None,
    })
}

/// Records what a create call made. `recognise` does the same for what is found by its tags.
fn record(status: &mut Status, intent: &Intent, made: &ResourceId, now: Timestamp) {
    match (&intent.makes, made) {
        (Makes::Group(role), ResourceId::SecurityGroup(id)) => {
            *role.recorded_mut(status) = Some(id.clone());
            if let Write::SecurityGroup(SecurityGroupWrite::Create(create)) = &intent.write {
                status.security_groups.names.insert(id.clone(), create.name.clone());
                status.security_groups.intents.insert(id.clone(), intent.id.clone());
            }
        }
        (Makes::LoadBalancer, ResourceId::LoadBalancer(arn)) => {
            if let Write::LoadBalancer(LoadBalancerWrite::Create(create)) = &intent.write {
                status.load_balancer = Some(LoadBalancerStatus {
                    arn: arn.clone(),
                    name: create.name.clone(),
                    dns_name: String::new(),
                    hosted_zone_id: None,
                    zones: Vec::new(),
                    scheme: Some(create.scheme),
                    intent: Some(intent.id.clone()),
                });
            }
        }
        (Makes::TargetGroup { name, service, port }, ResourceId::TargetGroup(arn)) => {
            if !status.target_groups.iter().any(|group| group.arn == *arn) {
                status.target_groups.push(TargetGroupStatus {
                    service: service.clone(),
                    arn: arn.clone(),
                    name: name.clone(),
                    port: *port,
                    intent: Some(intent.id.clone()),
                });
            }
        }
        (Makes::Listener { port }, ResourceId::Listener(arn)) => {
            status.listeners.retain(|listener| listener.port != *port);
            let made = ListenerStatus::new(*port, arn.clone());
            status.listeners.push(ListenerStatus { intent: Some(intent.id.clone()), ..made });
        }
        (Makes::Member { slot, template }, ResourceId::Instance(id)) => {
            if let Write::Instance(InstanceWrite::Run(run)) = &intent.write
                && !status.instances.iter().any(|member| member.instance_id == *id)
            {
                status.instances.push(MemberStatus {
                    slot: *slot,
                    instance_id: id.clone(),
                    zone: run.zone.clone(),
                    subnet_id: run.subnet.clone(),
                    ami_id: run.image.clone(),
                    instance_type: run.instance_type.clone(),
                    private_ip: None,
                    public_ip: None,
                    last_public_ip: None,
                    state: None,
                    health: None,
                    reason: None,
                    origin: Origin::Launched,
                    launched_at: now,
                    held_until: None,
                    template: template.clone(),
                    healthy_since: None,
                    unhealthy_since: None,
                    stopped_since: None,
                    moved: None,
                    succeeded: false,
                    leaving: None,
                    intent: Some(intent.id.clone()),
                    volumes: BTreeSet::new(),
                });
            }
        }
        // A reply of another kind than was asked for: nothing is recorded, and the intent's tag will tell.
        (
            Makes::Group(_)
            | Makes::LoadBalancer
            | Makes::TargetGroup { .. }
            | Makes::Listener { .. }
            | Makes::Member { .. },
            _,
        ) => {}
    }
}

fn failed(action: &Action, fault: &Fault, memory: &mut Memory, now: Timestamp, conclusion: &mut Conclusion) {
    let lags = lags(action, fault, memory, now);
    let why = if lags { lagging(fault) } else { explain(action, fault) };
    let pace = if lags { Pace::Lagging } else { pace(fault, memory, now) };
    if let Does::Create(intent) | Does::Replay(intent) = &action.does {
        if let (Write::Instance(InstanceWrite::Run(run)), ErrorKind::Capacity) = (&intent.write, fault.kind) {
            memory.note_no_capacity(run.zone.clone(), now);
        }
        if !fault.definite {
            memory.note_unanswered(&intent.id, now);
        }
        // What was sent before and not answered may still arrive, whatever became of this sending.
        let replayed = matches!(action.does, Does::Replay(_));
        if closes(fault) && !(replayed && memory.may_still_arrive(&intent.id, now)) {
            conclusion.closed.push(Closed { intent: intent.id.clone(), made: None, message: why.message.clone() });
        }
    }
    if let (true, false, Some(code)) = (fault.definite, lags, &fault.code) {
        for write in action.does.writes() {
            memory.full.note(&write, code, now);
            memory.batches.refused(&attempt(action), &write, fault);
        }
        let unknown = action.does.writes().iter().find_map(|write| unknown_to_aws(write, code));
        if let Some(unknown) = unknown.filter(|unknown| conclusion.status.records(unknown)) {
            memory.note_refused_as_unknown(unknown, now);
        }
    }
    let why = memory.retries.failed(attempt(action), pace, fault.code.clone(), why, now);
    if let (Some(made), Some(code)) = (held::deleted(&action.does), &fault.code)
        && held::is_use(code)
    {
        memory.refusals.note(made);
    }
    let told = event(&action.resource, &why, why.message.clone());
    conclusion.events.push(Event { action: Some(action.id.clone()), ..told });
}

/// Whether AWS does not know yet what we have just made.
fn lags(action: &Action, fault: &Fault, memory: &Memory, now: Timestamp) -> bool {
    let Some(code) = fault.code.as_deref().filter(|_| fault.definite) else { return false };
    action.does.writes().iter().any(|write| subject::lags(write, code, |id| memory.is_new(id, now)))
}

fn lagging(fault: &Fault) -> Why {
    Why::new(
        Reason::NotVisibleYet,
        format!("{}; it was made a moment ago, and AWS does not know it everywhere yet", said(fault)),
    )
}

/// How soon it is worth asking again.
fn pace(fault: &Fault, memory: &Memory, now: Timestamp) -> Pace {
    match (fault.code.as_deref(), fault.kind) {
        (Some("DependencyViolation" | "ResourceInUse" | "InvalidGroup.InUse"), _) if memory.is_releasing(now) => {
            Pace::Lagging
        }
        // Other conflicts are states on their way, but for a protection that somebody has set.
        (
            Some("DependencyViolation" | "ResourceInUse" | "InvalidGroup.InUse" | "OperationNotPermitted"),
            ErrorKind::Conflict,
        ) => Pace::Refused,
        // Credentials are renewed, and an instance that is not running yet runs soon.
        (Some("RequestExpired" | "ExpiredToken" | "ExpiredTokenException" | "InvalidTarget"), _) => Pace::Quick,
        (_, ErrorKind::Denied | ErrorKind::Invalid) => Pace::Refused,
        (
            _,
            ErrorKind::Conflict
            | ErrorKind::Throttled
            | ErrorKind::NotFound
            | ErrorKind::Exists
            | ErrorKind::Capacity
            | ErrorKind::Transient
            | ErrorKind::Bug,
        ) => Pace::Quick,
    }
}

fn said(fault: &Fault) -> String {
    match &fault.code {
        Some(code) => format!("{}: {code}: {}", fault.operation, fault.message),
        None => format!("{}: {}", fault.operation, fault.message),
    }
}

/// Whether a failed create is certain to have made nothing. That its name or token is taken may be our own doing.
fn closes(fault: &Fault) -> bool {
    let taken_by_token = matches!(fault.code.as_deref(), Some("IdempotentParameterMismatch"));
    fault.definite && fault.kind != ErrorKind::Exists && !taken_by_token
}

/// A failure in the user's terms.
fn explain(action: &Action, fault: &Fault) -> Why {
    let said = said(fault) + &what_then(action, fault);
    let is_launch = matches!(&action.does, Does::Create(intent) | Does::Replay(intent) if matches!(intent.makes, Makes::Member { .. }));
    match fault.kind {
        ErrorKind::Denied => Why::new(
            Reason::ActionDenied,
            format!(
                "{said}; allow `{}` to the controller's credentials (`understudy bootstrap --print-iam-policy`)",
                fault.iam_action
            ),
        ),
        ErrorKind::Capacity if is_launch => Why::new(Reason::InsufficientCapacity, said),
        ErrorKind::Invalid | ErrorKind::NotFound if is_launch => Why::new(Reason::LaunchRejected, said),
        ErrorKind::Conflict if matches!(action.does, Does::Terminate { .. }) => Why::new(
            Reason::TerminationProtected,
            format!("{said}; switch off termination protection of {} in the console, or keep it", action.resource),
        ),
        ErrorKind::Throttled
        | ErrorKind::Conflict
        | ErrorKind::NotFound
        | ErrorKind::Exists
        | ErrorKind::Capacity
        | ErrorKind::Invalid
        | ErrorKind::Transient
        | ErrorKind::Bug => Why::new(Reason::ActionFailed, said),
    }
}

/// What was asked for where AWS's words do not name it, and what makes room where a quota is used up.
fn what_then(action: &Action, fault: &Fault) -> String {
    match (fault.code.as_deref(), fault.kind) {
        (Some("RulesPerSecurityGroupLimitExceeded"), _) => {
            "; name fewer sources in spec.access, or have the account's quota of rules per security group raised".into()
        }
        (Some("TooManyListeners"), _) => {
            "; name fewer of spec.loadBalancer.listeners, or have the account's quota raised".into()
        }
        (_, ErrorKind::Invalid) if action.does.writes().iter().any(Write::sets_attributes) => {
            format!("; it was to set {}", action.why.message)
        }
        (_, _) => String::new(),
    }
}

fn requeue(plan: &Plan, outcomes: &Outcomes, memory: &Memory, now: Timestamp) -> Option<Duration> {
    // What was due before waits for something else by now, and that is looked for at the next resync.
    let until = |at: Timestamp| (at >= now).then(|| elapsed(now, at).max(SOONEST));
    let acted = outcomes.values().any(|outcome| matches!(outcome, Outcome::Done(_))) || !plan.settled.is_empty();
    let waits = plan.waiting_for.iter().filter_map(|wait| match (wait.on, wait.until) {
        (WaitOn::Aws, _) => Some(WHILE_AWS_WORKS),
        (WaitOn::Time, Some(at)) => until(at),
        (WaitOn::Time, None) | (WaitOn::Person, _) => None,
    });
    let retries = memory.retries.all().filter_map(|(_, failure)| until(failure.retry_at));
    waits.chain(retries).chain(acted.then_some(AFTER_ACTING)).min()
}
