//! I3: it changes only what it made, and for no environment what another one made. What was made is known from the create
//! calls.

use std::collections::BTreeSet;

use aws_api::ResourceId;
use simulator::cloud::tape::{Arrival, Came, Changed};

use super::Ruling;
use crate::simulation::facts::Facts;
use crate::simulation::tally::Tally;

const I3: &str = "I3 only what it owns";

/// Judges a mutating call.
pub fn arrived(arrival: &Arrival, facts: &Facts, tally: &mut Tally) -> Ruling {
    let Came::Changed(changed) = &arrival.came else { return Ok(()) };
    let touched = touched(changed);
    for one in &touched {
        tally.count("oracle: I3 what is changed is ours");
        if facts.owner(one).is_none() {
            return Err((I3, format!("{} changed {one}, which no replica made", arrival.operation)));
        }
    }
    let owners: BTreeSet<_> = touched.iter().filter_map(|one| facts.owner(one)).collect();
    if owners.len() > 1 {
        return Err((I3, format!("{} changed things of {owners:?} at once", arrival.operation)));
    }
    Ok(())
}

/// What a call changes, each by whom it belongs to: a volume by its instance, a listener by its load balancer, whoever made it.
pub fn touched(changed: &Changed) -> Vec<String> {
    let owner = |touched: &ResourceId| match touched {
        ResourceId::Listener(arn) => of_listener(changed, arn),
        ResourceId::Volume(volume) => {
            let attached = changed.before.volumes().remove(volume.as_str()).and_then(|known| known.attached_to);
            vec![attached.map_or_else(|| volume.to_string(), |instance| instance.to_string())]
        }
        ResourceId::SecurityGroup(_)
        | ResourceId::LoadBalancer(_)
        | ResourceId::TargetGroup(_)
        | ResourceId::Instance(_) => vec![touched.to_string()],
    };
    changed.write.touches().iter().flat_map(owner).collect()
}

fn of_listener(changed: &Changed, listener: &aws_api::id::ListenerArn) -> Vec<String> {
    let balancers = changed.before.load_balancers().into_iter();
    let of =
        |arn: &aws_api::id::LoadBalancerArn| changed.before.listeners(arn).iter().any(|known| known.arn == *listener);
    balancers.map(|balancer| balancer.arn).filter(of).map(|arn| arn.to_string()).collect()
}
