//! Whether the record is older than AWS: it holds a member that we launched, and that neither STATUS nor an intent knows.
//!
//! So it is when STATUS was put back from a backup that was made before. What else was made or removed since cannot be told,
//! so nothing is changed until a person has set it right. Never: takes a copy for ours ("launch more like this" copies the
//! tags, and not the token), or a member that is gone and that an older reading shows alive.
//! Promises: I1 (what is not known cannot be counted), I3. Start at [`strangers`].

use std::collections::{BTreeMap, BTreeSet};

use aws_api::ec2::InstanceState;
use aws_api::elbv2::TargetGroupWrite;
use aws_api::id::InstanceId;
use aws_api::{ActionId, Write};

use crate::action::{Action, Does};
use crate::builder::PlanBuilder;
use crate::memory::{ARRIVES_WITHIN, later};
use crate::ownership;
use crate::reason::Reason;
use crate::record::Makes;
use crate::status::WaitOn;

/// What is known of members that the record does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Older {
    /// There are none.
    No,
    /// One is seen, which may be an older reading: nothing is launched or taken out by it, nor out of service.
    Perhaps,
    /// The record is older than AWS.
    Yes,
}

/// Looks for them. To be called once what is ours is recognised.
pub(crate) fn strangers(builder: &mut PlanBuilder<'_>) -> Older {
    let record = builder.input.record;
    let Some(seen) = builder.input.observed.instances.seen() else { return Older::No };
    let now = builder.now();
    let lives = |state: InstanceState| match state {
        InstanceState::Pending | InstanceState::Running => true,
        InstanceState::Stopping | InstanceState::Stopped => false,
        InstanceState::ShuttingDown | InstanceState::Terminated => false,
    };
    let is_known = |id: &InstanceId| builder.status.instances.iter().any(|member| member.instance_id == *id);
    let unknown = seen.values().filter(|one| lives(one.state) && !is_known(&one.id));
    let unknown: BTreeMap<InstanceId, String> = unknown
        .filter(|one| ownership::launch_behind(record, one).is_none())
        .filter_map(|one| Some((one.id.clone(), ownership::launched_by(record, one)?.to_owned())))
        .collect();
    builder.memory.keep_strangers(|id| unknown.contains_key(id));
    let mut older = Older::No;
    let mut named = Vec::new();
    for (id, intent) in unknown {
        // One that was a member until lately is shown by an older reading.
        if builder.memory.was_lost(id.as_str()) {
            continue;
        }
        let (since, readings) = builder.memory.note_stranger(&id, now);
        if readings >= 2 && later(since, ARRIVES_WITHIN) <= now {
            named.push(format!("{id} (by {intent})"));
            older = Older::Yes;
        } else if older == Older::No {
            older = Older::Perhaps;
        }
    }
    say(builder, older, &named.join(", "));
    older
}

fn say(builder: &mut PlanBuilder<'_>, older: Older, named: &str) {
    match older {
        Older::No => {}
        Older::Perhaps => {
            let what =
                "a member that STATUS does not know to be seen terminated, as it is when only the reading was old";
            builder.wait(WaitOn::Aws, what, None);
        }
        Older::Yes => {
            let message = format!(
                "this environment launched {named}, and STATUS does not know it: STATUS is older than what AWS holds, as after a \
                 restore from a backup. Put back the newest STATUS, or terminate what it does not know; until then nothing is \
                 changed"
            );
            builder.add_blocker(Reason::RecordDamaged, message.clone());
            builder.wait(WaitOn::Person, message, None);
        }
    }
}

/// Takes out of the plan what must wait, and what depends on it. Who was to leave for it is not marked.
pub(crate) fn hold(builder: &mut PlanBuilder<'_>, older: Older) {
    let mut held: BTreeSet<ActionId> = BTreeSet::new();
    builder.actions.retain(|action| {
        let waits = holds(older, action) || action.after.iter().any(|before| held.contains(before));
        if waits {
            held.insert(action.id.clone());
        }
        !waits
    });
    if !held.is_empty() {
        builder.unmark();
    }
}

fn holds(older: Older, action: &Action) -> bool {
    match older {
        Older::No => false,
        Older::Yes => true,
        Older::Perhaps => match &action.does {
            Does::Create(intent) | Does::Replay(intent) => matches!(intent.makes, Makes::Member { .. }),
            // What STATUS does not know may serve: it would be taken for somebody's target.
            Does::Change(write) => matches!(**write, Write::TargetGroup(TargetGroupWrite::Deregister { .. })),
            Does::Terminate { .. } | Does::TakeOut { .. } => true,
            Does::DeleteGroup(_) | Does::DeleteLoadBalancer(_) | Does::DeleteTargetGroup(_) => true,
        },
    }
}
