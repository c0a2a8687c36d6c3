//! StartInstances, StopInstances, RebootInstances and TerminateInstances.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html>. All of the instances that a call names, or
//! none; only termination is done in part where some are protected.

use std::collections::BTreeSet;

use aws_api::Bucket as Called;
use aws_api::ec2::InstanceState;
use aws_api::id::InstanceId;
use serde::{Deserialize, Serialize};

use super::instance_ids::{StateItem, known};
use crate::cloud::api::common::Returned;
use crate::cloud::api::{Bucket, Operation, Refusal, Write};
use crate::cloud::world::{Outcome, World, refuse};

/// Ids that one TerminateInstances may name.
const TERMINATE_MAX: usize = 1000;

/// What a call to that end is answered with.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Changes {
    instances_set: Vec<Change>,
    /// Why some of it was not done.
    #[serde(skip)]
    refusal: Option<Refusal>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Change {
    instance_id: String,
    current_state: StateItem,
    previous_state: StateItem,
}

impl Changes {
    /// Does that to each of the instances.
    fn of(
        world: &mut World,
        ids: &[InstanceId],
        mut change: impl FnMut(&mut World, &InstanceId) -> Outcome<()>,
    ) -> Outcome<Self> {
        let at = world.at;
        let mut changes = Vec::new();
        for id in ids {
            let previous = world.instance(id, at)?.state(at);
            change(world, id)?;
            let current = world.instance(id, at)?.state(at);
            let (current_state, previous_state) = (current.into(), previous.into());
            changes.push(Change { instance_id: id.to_string(), current_state, previous_state });
        }
        Ok(Self { instances_set: changes, refusal: None })
    }
}

fn count(ids: &[String]) -> u32 {
    u32::try_from(ids.len()).unwrap_or(u32::MAX)
}

fn texts(ids: &[String]) -> Vec<&str> {
    ids.iter().map(String::as_str).collect()
}

/// StartInstances. <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StartInstances.html>
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StartInstances {
    instance_id: Vec<String>,
}

impl Operation for StartInstances {
    type Answer = Changes;

    fn bucket(&self) -> Bucket {
        Bucket::Ec2Start
    }

    fn resources(&self) -> Option<(Bucket, u32)> {
        Some((Bucket::Ec2Started, count(&self.instance_id)))
    }
}

impl Write for StartInstances {
    fn apply(&self, world: &mut World) -> Outcome<Changes> {
        let ids = known(world, &self.instance_id, world.at)?;
        Changes::of(world, &ids, |world, id| {
            let instance = world.instance(id, world.at)?;
            let (zone, instance_type) = (instance.zone.clone(), instance.instance_type.clone());
            let stopped = instance.state(world.at) == InstanceState::Stopped;
            if stopped {
                world.check_room(&zone, &instance_type)?;
            }
            world.start(id)?;
            if stopped {
                world.readdress(id)?;
            }
            Ok(())
        })
    }

    fn names(&self) -> Vec<&str> {
        texts(&self.instance_id)
    }
}

/// StopInstances. An operating system here always shuts down in time, so that `Force` finds nothing to do.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StopInstances.html>
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StopInstances {
    instance_id: Vec<String>,
    #[serde(default, rename = "Force")]
    _force: bool,
    #[serde(default)]
    hibernate: bool,
}

impl Operation for StopInstances {
    type Answer = Changes;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Ec2Mutate)
    }

    fn resources(&self) -> Option<(Bucket, u32)> {
        Some((Bucket::Ec2Stopped, count(&self.instance_id)))
    }
}

impl Write for StopInstances {
    fn apply(&self, world: &mut World) -> Outcome<Changes> {
        let ids = known(world, &self.instance_id, world.at)?;
        if self.hibernate {
            let message = "Hibernation is not modelled: no instance is configured for it";
            return refuse("UnsupportedHibernationConfiguration", message);
        }
        Changes::of(world, &ids, |world, id| world.stop(id, "Client.UserInitiatedShutdown").map(|_| ()))
    }

    fn names(&self) -> Vec<&str> {
        texts(&self.instance_id)
    }
}

/// RebootInstances. <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RebootInstances.html>
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RebootInstances {
    instance_id: Vec<String>,
}

impl Operation for RebootInstances {
    type Answer = Returned;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Ec2Mutate)
    }
}

impl Write for RebootInstances {
    fn apply(&self, world: &mut World) -> Outcome<Returned> {
        let ids = known(world, &self.instance_id, world.at)?;
        ids.iter().try_for_each(|id| world.reboot(id))?;
        Ok(Returned::DONE)
    }

    fn names(&self) -> Vec<&str> {
        texts(&self.instance_id)
    }
}

/// TerminateInstances. Where one of a zone is protected, none of that zone is terminated; those of other zones are, and the
/// call is refused all the same.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html>
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TerminateInstances {
    instance_id: Vec<String>,
}

impl Operation for TerminateInstances {
    type Answer = Changes;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Ec2Terminate)
    }

    fn resources(&self) -> Option<(Bucket, u32)> {
        Some((Bucket::Ec2Terminated, count(&self.instance_id)))
    }
}

impl Write for TerminateInstances {
    fn apply(&self, world: &mut World) -> Outcome<Changes> {
        if self.instance_id.len() > TERMINATE_MAX {
            return refuse("InvalidParameterValue", format!("at most {TERMINATE_MAX} instance ids may be named"));
        }
        let at = world.at;
        let ids = known(world, &self.instance_id, at)?;
        let (mut closed, mut refusal) = (BTreeSet::new(), None);
        for id in &ids {
            let instance = world.instance(id, at)?;
            let going = matches!(instance.state(at), InstanceState::ShuttingDown | InstanceState::Terminated);
            if let (false, Err(why)) = (going, instance.check_may_end()) {
                closed.insert(instance.zone.clone());
                refusal = refusal.or(Some(why));
            }
        }
        let open = |id: &&InstanceId| world.instance(id, at).is_ok_and(|instance| !closed.contains(&instance.zone));
        let ids: Vec<InstanceId> = ids.iter().filter(open).cloned().collect();
        let changes = Changes::of(world, &ids, |world, id| world.terminate(id, USER).map(|_| ()))?;
        Ok(Changes { refusal, ..changes })
    }

    fn names(&self) -> Vec<&str> {
        texts(&self.instance_id)
    }

    fn refused_in_part(&self, answer: &Changes) -> Option<Refusal> {
        answer.refusal.clone()
    }
}

/// Why an instance goes that a call lets go.
const USER: &str = "Client.UserInitiatedShutdown";
