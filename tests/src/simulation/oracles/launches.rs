//! I1: one launch per intent. Each create was stored before, word for word; a token never makes two instances; nothing is
//! launched while live members reach `count + maxSurge`, nor while those that exist, stopped ones included, reach one
//! `count` more.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_api::Write;
use aws_api::ec2::{InstanceWrite, UserData};
use simulator::cloud::tape::{Arrival, Came, Changed};

use super::Ruling;
use crate::simulation::environment::{Bounds, Environment};
use crate::simulation::facts::{Facts, intent_of, launched};
use crate::simulation::tally::Tally;

const I1: &str = "I1 one launch per intent";

/// See the module.
#[derive(Default)]
pub struct Launches {
    /// The instance of each token.
    tokens: BTreeMap<String, String>,
}

/// Judges whether a create call was stored before.
pub fn intended(arrival: &Arrival, facts: &Facts, tally: &mut Tally) -> Ruling {
    let Came::Changed(changed) = &arrival.came else { return Ok(()) };
    let Some(id) = intent_of(&changed.write) else { return Ok(()) };
    tally.count("oracle: I1 a create has its intent");
    stored(&id, arrival, &changed.write, facts)
}

impl Launches {
    /// Judges a launch.
    pub fn arrived(&mut self, arrival: &Arrival, own: &Environment, tally: &mut Tally) -> Ruling {
        let Came::Changed(changed) = &arrival.came else { return Ok(()) };
        let (Write::Instance(InstanceWrite::Run(run)), Some(instance)) = (&changed.write, launched(changed)) else {
            return Ok(());
        };
        let token = run.token.to_string();
        let known = self.tokens.entry(token.clone()).or_insert_with(|| instance.clone());
        if *known != instance {
            return Err((I1, format!("token {token} made {known} and {instance}")));
        }
        if !own.ours.contains(&instance) {
            return room(arrival, changed, own, tally);
        }
        tally.count("limit: I1 a token was sent again");
        Ok(())
    }
}

fn stored(id: &str, arrival: &Arrival, write: &Write, facts: &Facts) -> Ruling {
    let Some((_, since, intent)) = facts.intent(id) else {
        return Err((I1, format!("{} of {id:?} was sent without a stored intent", arrival.operation)));
    };
    if since > arrival.sent {
        return Err((I1, format!("{} of {id} was sent before its intent was stored", arrival.operation)));
    }
    if without_user_data(write) != without_user_data(&intent.write) {
        return Err((
            I1,
            format!("{} of {id} differs from its intent: {write:?}, {:?}", arrival.operation, intent.write),
        ));
    }
    Ok(())
}

/// User data is stored by its revision.
fn without_user_data(write: &Write) -> Write {
    let mut write = write.clone();
    if let Write::Instance(InstanceWrite::Run(run)) = &mut write {
        run.user_data = run.user_data.as_ref().map(|_| UserData::Revision(0));
    }
    write
}

/// How long a start by hand may be unknown to a replica: the longest lag of its reads, and a pass.
const STARTED_UNSEEN_MAX: Duration = Duration::from_secs(60);

fn room(arrival: &Arrival, changed: &Changed, own: &Environment, tally: &mut Tally) -> Ruling {
    let most = |bounds: &mut dyn Iterator<Item = usize>| bounds.max().unwrap_or(usize::MAX);
    let of = |room: fn(Bounds) -> usize| {
        // One that comes late was right when it was sent.
        if changed.late { most(&mut own.ever().map(room)) } else { most(&mut own.bounds(arrival.sent).map(room)) }
    };
    let (exist, may_exist) = (own.existing(&changed.before), of(|bounds| 2 * bounds.count + bounds.surge));
    if exist + 1 == may_exist {
        tally.count("limit: I1 a launch beside stopped members filled the last place");
    }
    if exist >= may_exist {
        return Err((I1, format!("{exist} members existed and {may_exist} may, when one more was launched")));
    }
    let most = of(|bounds| bounds.count + bounds.surge);
    let live = own.members(&changed.before).len();
    tally.count("oracle: I1 there is room for a launch");
    if live + 1 == most {
        tally.count("limit: I1 a launch filled the last place");
    }
    // Nobody can know of members that somebody started a moment ago: reads lag.
    let is_known = own.started.is_none_or(|at| arrival.sent.saturating_sub(at) > STARTED_UNSEEN_MAX);
    if live >= most && is_known {
        return Err((I1, format!("{live} members lived and {most} may, when one more was launched")));
    }
    Ok(())
}
