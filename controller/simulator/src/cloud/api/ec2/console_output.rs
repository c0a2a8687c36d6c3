//! GetConsoleOutput.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetConsoleOutput.html>. No operating system runs here, so the text
//! only says what the simulator knows: when the instance ran, and when its application began to listen.

use std::time::Duration;

use aws_api::Bucket as Called;
use aws_api::ec2::InstanceState;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::instance_ids::instance_id;
use crate::cloud::api::common::time;
use crate::cloud::api::{Bucket, Operation, Read, Sight};
use crate::cloud::instances::InstanceRecord;
use crate::cloud::world::{Outcome, World};

/// See the module. Here both the output of the last boot and the latest one are the same text.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetConsoleOutput {
    instance_id: String,
    #[serde(default, rename = "Latest")]
    _latest: bool,
}

/// What it answers. Without output until the instance runs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsoleOutput {
    instance_id: String,
    timestamp: String,
    output: Option<String>,
}

impl Operation for GetConsoleOutput {
    type Answer = ConsoleOutput;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Ec2Describe)
    }
}

impl Read for GetConsoleOutput {
    fn answer(&self, Sight { world, at }: &Sight<'_>) -> Outcome<ConsoleOutput> {
        let id = instance_id(&self.instance_id)?;
        let instance = world.instance(&id, *at)?;
        let lines = lines(world, instance, *at);
        let last = lines.last().map_or(instance.launched_at, |(when, _)| *when);
        let text: Vec<String> = lines.iter().map(|(when, what)| format!("{} {what}\n", time(world, *when))).collect();
        Ok(ConsoleOutput {
            instance_id: id.to_string(),
            timestamp: time(world, last),
            output: Some(text.concat()).filter(|text| !text.is_empty()).map(|text| STANDARD.encode(text)),
        })
    }
}

/// What has been written, oldest first.
fn lines(world: &World, instance: &InstanceRecord, at: Duration) -> Vec<(Duration, String)> {
    if instance.state(at) != InstanceState::Running {
        return Vec::new();
    }
    let running = instance.life.since(at);
    let listens = world.listens_from(instance, running);
    let all = [
        (running, format!("simulated console of {}, image {}", instance.id, instance.image)),
        (listens, "the application listens".to_owned()),
    ];
    all.into_iter().filter(|(when, _)| *when <= at).collect()
}
