//! I2, I4 and I5, what is taken down: the healthy floor, the budget of healing terminations, the brakes, and no
//! destruction by stale sight.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_api::Write;
use aws_api::ec2::InstanceWrite;
use engine::items::OPEN_PASSES;
use engine::journal::{Entry, Line};
use planner::reason::Reason;
use ports::Item;
use serde_json::Value;
use simulator::cloud::tape::{Arrival, Came};

use super::Ruling;
use crate::simulation::environment::Environment;
use crate::simulation::facts::{Facts, Out, taken_out};
use crate::simulation::tally::Tally;

const I2: &str = "I2 the last healthy targets stay";
const I4: &str = "I4 healing terminations within the budget";
const I5: &str = "I5 no decision from stale sight";
const BRAKES: &str = "HealingAllowed=False means no healing terminations or deregistrations";
/// Charges are counted by the controller's wall clock, of which two replicas differ.
const HOUR: Duration = Duration::from_secs(3600 - 300);

/// When each member's termination was first charged.
#[derive(Default)]
pub struct Exits {
    charged: BTreeMap<String, Duration>,
}

impl Exits {
    /// Judges what is written of an environment: a journal entry.
    pub fn written(&mut self, put: &Item, at: Duration, own: &Environment, tally: &mut Tally) -> Ruling {
        if !put.get("sk").and_then(Value::as_str).is_some_and(|sk| sk.starts_with(OPEN_PASSES)) {
            return Ok(());
        }
        let Ok(entry) = serde_json::from_value::<Entry>(Value::Object(put.clone())) else {
            return Err((I4, "a journal entry cannot be read".into()));
        };
        fresh(&entry, own, tally)?;
        self.charge(&entry, at, own, tally)?;
        braked(&entry, own, tally)
    }

    fn charge(&mut self, entry: &Entry, at: Duration, own: &Environment, tally: &mut Tally) -> Ruling {
        for member in &entry.terminations {
            self.charged.entry(member.to_string()).or_insert(at);
        }
        if entry.terminations.is_empty() {
            return Ok(());
        }
        tally.count("oracle: I4 a healing termination is within the budget");
        let within = self.charged.values().filter(|charged| **charged + HOUR > at).count();
        let most = own.bounds(at).map(|bounds| bounds.terminations).max().unwrap_or(0);
        if within == most {
            tally.count("limit: I4 the budget was used up");
        }
        if within > most {
            return Err((I4, format!("{within} healing terminations within an hour, {most} may be")));
        }
        Ok(())
    }

    /// Judges a call that takes something out.
    pub fn arrived(&mut self, arrival: &Arrival, facts: &Facts, own: &Environment, tally: &mut Tally) -> Ruling {
        let Came::Changed(changed) = &arrival.came else { return Ok(()) };
        if changed.late {
            return Ok(());
        }
        let leaving = taken_out(&changed.write);
        if leaving.is_empty() {
            return Ok(());
        }
        let Some(holder) = facts.holder(&arrival.client, arrival.sent) else { return Ok(()) };
        let entry = own.entry_at(&holder, arrival.sent);
        if let Write::Instance(InstanceWrite::Terminate { instance }) = &changed.write
            && let Some(line) = entry.and_then(|entry| {
                entry.actions.iter().find(|line| line.kind == "terminate" && line.id.0.contains(instance.as_str()))
            })
        {
            tally.count("oracle: I4 a healing termination is charged");
            // A teardown that the user asked for is no healing, whatever a member was leaving for before.
            if is_healing(line.reason) && !own.deleting && !self.charged.contains_key(instance.as_str()) {
                return Err((I4, format!("{instance} was terminated for {}, uncharged", line.reason)));
            }
        }
        // The status is stored with the plan. A member that was leaving already goes on with its own reason.
        let ends = own.reason("Ready") == Some("Deleting");
        if ends { Ok(()) } else { floor(arrival, &leaving, own, tally) }
    }
}

/// Whether a reason is one of healing, which the brakes hold.
fn is_healing(reason: Reason) -> bool {
    matches!(reason, Reason::MemberSick | Reason::MemberStopped)
}

/// What destroys goes by instances that were read, and after the last change had arrived.
fn fresh(entry: &Entry, own: &Environment, tally: &mut Tally) -> Ruling {
    let destroys = |line: &&Line| matches!(line.kind.as_str(), "terminate" | "takeOut" | "delete");
    let Some(line) = entry.actions.iter().find(destroys) else { return Ok(()) };
    tally.count("oracle: I5 what destroys goes by fresh sight");
    let client = entry.holder.rsplit_once('-').map_or("", |(client, _)| client);
    let Some(sight) = own.sight.get(client) else {
        return Err((I5, format!("{} was planned by a replica that read nothing", line.id.0)));
    };
    match sight.instances {
        Some((sent, true)) if sent >= sight.changed => Ok(()),
        Some((sent, true)) => Err((
            I5,
            format!("{} was planned by a reading of {sent:?}, older than the change of {:?}", line.id.0, sight.changed),
        )),
        Some((_, false)) | None => Err((I5, format!("{} was planned while the instances were unread", line.id.0))),
    }
}

/// The members that a replica was told are healthy stay `count`, by its own last sight.
fn floor(arrival: &Arrival, leaving: &[Out<'_>], own: &Environment, tally: &mut Tally) -> Ruling {
    let Came::Changed(changed) = &arrival.came else { return Ok(()) };
    let Some(sight) = own.sight.get(&arrival.client) else { return Ok(()) };
    let least = own.bounds(arrival.sent).map(|bounds| bounds.count).min().unwrap_or(0);
    let serves = |arn: &aws_api::id::TargetGroupArn| {
        let listeners = changed.before.load_balancers().into_iter().flat_map(|lb| changed.before.listeners(&lb.arn));
        listeners.filter_map(|listener| listener.forwards_to).any(|group| group == *arn)
    };
    for (group, healthy) in &sight.healthy {
        // A member that somebody registered on another port too serves by its own: that one is no loss.
        let of = changed.before.target_groups().into_iter().find(|one| one.arn == *group).and_then(|one| one.port);
        let healthy: Vec<_> = healthy.iter().filter(|(_, port)| of.is_none_or(|of| of == *port)).collect();
        let out = healthy.iter().filter(|target| leaving.iter().any(|out| out.takes(group, target))).count();
        // A target that is no member of ours, or no longer lives, is taken out whatever it was said to be.
        let lives = |out: &Out<'_>| own.members(&changed.before).iter().any(|member| member.id.as_str() == out.id);
        let foreign = leaving.iter().any(|out| !lives(out));
        if out == 0 || foreign || !serves(group) {
            continue;
        }
        tally.count("oracle: I2 the floor is kept");
        let left = healthy.len() - out;
        if left == least {
            tally.count("limit: I2 exactly the floor was left");
        }
        if left < least {
            return Err((
                I2,
                format!("{} leaves {left} healthy targets of {group}, {least} are to stay", arrival.operation),
            ));
        }
    }
    Ok(())
}

/// While healing is not allowed, no member is taken out or terminated for its sickness. One that was taken out before is
/// terminated within the budget that it was counted in, but not while too many are sick.
fn braked(entry: &Entry, own: &Environment, tally: &mut Tally) -> Ruling {
    if !own.says("HealingAllowed", "False") {
        return Ok(());
    }
    // That one instance is protected is no brake for the others, and it is asked again whether it still is.
    if own.reason("HealingAllowed") == Some(Reason::TerminationProtected.name()) {
        return Ok(());
    }
    tally.count("limit: the brakes were on when something was planned");
    let too_many = own.reason("HealingAllowed") == Some(Reason::TooManySick.name());
    let held = |kind: &str| kind == "takeOut" || (too_many && kind == "terminate");
    match entry.actions.iter().find(|line| held(&line.kind) && is_healing(line.reason)) {
        Some(line) => Err((BRAKES, format!("{} is planned for {}", line.id.0, line.reason))),
        None => Ok(()),
    }
}
