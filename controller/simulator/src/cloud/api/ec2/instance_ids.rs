//! The instances that a call names: each id well-formed, each instance known, each once.

use std::time::Duration;

use aws_api::ec2::InstanceState;
use aws_api::id::InstanceId;
use serde::Serialize;

use crate::cloud::api::common::parse_id;
use crate::cloud::world::{Outcome, World, refuse};

/// A state, by name and number.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceState.html>
#[derive(Debug, Clone, Serialize)]
pub(super) struct StateItem {
    pub code: u16,
    pub name: String,
}

impl From<InstanceState> for StateItem {
    fn from(state: InstanceState) -> Self {
        let code = match state {
            InstanceState::Pending => 0,
            InstanceState::Running => 16,
            InstanceState::ShuttingDown => 32,
            InstanceState::Terminated => 48,
            InstanceState::Stopping => 64,
            InstanceState::Stopped => 80,
        };
        Self { code, name: state.to_string() }
    }
}

/// The id that a text is.
pub(super) fn instance_id(text: &str) -> Outcome<InstanceId> {
    parse_id(text, InstanceId::parse, "InvalidInstanceID.Malformed")
}

/// The instances of those ids, in the order of the request; there must be all of them.
pub(super) fn known(world: &World, texts: &[String], at: Duration) -> Outcome<Vec<InstanceId>> {
    let mut ids: Vec<InstanceId> = Vec::new();
    for text in texts {
        let id = instance_id(text)?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    let missing = ids.iter().filter(|id| world.instance(id, at).is_err());
    let missing: Vec<&str> = missing.map(InstanceId::as_str).collect();
    match missing.as_slice() {
        [] => Ok(ids),
        [one] => refuse("InvalidInstanceID.NotFound", format!("The instance ID '{one}' does not exist")),
        several => {
            let all = several.join(", ");
            refuse("InvalidInstanceID.NotFound", format!("The instance IDs '{all}' do not exist"))
        }
    }
}
