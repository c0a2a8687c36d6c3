//! I4, the lease: only its holder asks AWS to change anything or writes, and never without a journal entry that says so.

use aws_api::Write;
use aws_api::ec2::InstanceWrite;
use engine::items::CONTROLLER;
use ports::{Change, Condition};
use simulator::cloud::tape::{Arrival, Came};
use simulator::store::Written;

use super::Ruling;
use crate::simulation::facts::Facts;
use crate::simulation::tally::Tally;

const LEASE: &str = "I4 one leader";
const FENCE: &str = "I4 writes are fenced";
const JOURNAL: &str = "I4 journalled before it is done";
/// In-flight calls of a pass whose STATUS was removed meanwhile still come.
const PASS_ENDS: std::time::Duration = std::time::Duration::from_secs(40);
const DAMAGED: &str = "nothing is changed while the record is damaged";

/// Judges a mutating call, by the moment of its sending. What comes late was judged by nobody, but sent in its time.
pub fn arrived(arrival: &Arrival, facts: &Facts, tally: &mut Tally) -> Ruling {
    if !arrival.operation.is_write() {
        return Ok(());
    }
    if let Came::Changed(changed) = &arrival.came
        && changed.late
    {
        return Ok(());
    }
    let sent = arrival.sent;
    let (operation, client) = (arrival.operation, &arrival.client);
    let Some(holder) = facts.holder(client, sent) else {
        return Err((LEASE, format!("{client} is no replica, and sent {operation}")));
    };
    tally.count("oracle: I4 the sender has the lease");
    match facts.leader(sent) {
        Some((_, leader, _)) if *leader == holder => {}
        Some((_, leader, _)) => {
            return Err((LEASE, format!("{holder} sent {operation} while the lease was {leader:?}'s")));
        }
        None => return Err((LEASE, format!("{holder} sent {operation} while nobody had the lease"))),
    }
    // Which environment a refused create was for, nobody can tell; any may have sent it.
    let (entry, damaged) = match facts.concerned(arrival).and_then(|name| facts.environments.get(name)) {
        Some(own) => (own.entry_at(&holder, sent), own.damaged),
        None => (facts.environments.values().find_map(|one| one.entry_at(&holder, sent)), None),
    };
    tally.count("oracle: I4 a call stands in the journal");
    let Some(entry) = entry else {
        return Err((JOURNAL, format!("{holder} sent {operation} without an open journal entry")));
    };
    if let Came::Changed(changed) = &arrival.came
        && let Write::Instance(InstanceWrite::Terminate { instance }) = &changed.write
        && !entry.actions.iter().any(|line| line.kind == "terminate" && line.id.0.contains(instance.as_str()))
    {
        return Err((JOURNAL, format!("{holder} terminated {instance}, of which its journal entry says nothing")));
    }
    if let Some(since) = damaged
        && sent > since + PASS_ENDS
    {
        return Err((DAMAGED, format!("{holder} sent {operation}")));
    }
    Ok(())
}

/// Judges a write: it holds only under the epoch in which the lease is held.
pub fn written(write: &Written, facts: &Facts, tally: &mut Tally) -> Ruling {
    let changes = |change: &Change| !matches!(change, Change::Check(..)) && change.pk() != CONTROLLER;
    if !write.changes.iter().any(changes) {
        return Ok(());
    }
    tally.count("oracle: I4 a write is fenced");
    let epoch = facts.leases.last().map_or(0, |(_, _, epoch)| *epoch);
    let fence = Condition::Equals("epoch".into(), epoch.into());
    let fenced = |change: &Change| matches!(change, Change::Check(key, conditions) if key.sk == "LEASE" && conditions.contains(&fence));
    if write.changes.first().is_some_and(fenced) {
        return Ok(());
    }
    Err((FENCE, format!("a write of {} parts does not check epoch {epoch}", write.changes.len())))
}
