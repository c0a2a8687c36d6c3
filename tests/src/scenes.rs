//! What is done to an environment in the exhaustive tests, and how it ends: one small thing each, in a brisk AWS.
//!
//! `crashing` cuts each of their requests in turn, `stale` answers each of their reads from an older world. Never: draws
//! anything by chance.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_api::ec2::Taggable;
use serde_json::{Value, json};
use simulator::cloud::{Answer, App, Kind, Timings};

use crate::edits::{OTHER_IMAGE, two_images};
use crate::{Stage, World, record};

/// Long enough for a few passes to undo or double something.
pub const QUIET: Duration = Duration::from_secs(120);

/// What is done to an environment, and how it ends.
pub struct Scene {
    /// Its name.
    pub name: &'static str,
    /// Before the first request that is counted.
    pub before: fn(&mut Stage),
    /// What the replica then has to deal with.
    pub then: fn(&mut Stage),
    /// Whether it is at its end.
    pub done: fn(&World<'_>) -> bool,
}

/// How a run ended: what there is, and how much ever came and went.
#[derive(Debug, PartialEq)]
pub struct End {
    /// What there is.
    pub world: String,
    /// How many of each kind ever came and went.
    pub totals: BTreeMap<Kind, (usize, usize)>,
}

/// An AWS in which nothing takes long, so that fewer passes lie between two changes.
fn brisk() -> Timings {
    let secs = Duration::from_secs;
    Timings {
        pending: secs(5),
        shutting_down: secs(5),
        status_checks: secs(10),
        boot: secs(5),
        balancer_provisioning: secs(10),
        balancer_release: secs(15),
        first_check: secs(1),
        ..Timings::default()
    }
}

/// The record that each scene begins with.
pub fn shop() -> Value {
    let mut record = record(2);
    let service = &mut record["spec"]["services"][0];
    service["healthCheck"] = json!({"path": "/health", "interval": "5s", "timeout": "2s", "healthyThreshold": 2});
    service["deregistrationDelay"] = json!("10s");
    record["spec"]["healing"] = json!({"gracePeriod": "10s", "unhealthyFor": "10s"});
    record["spec"]["rollout"]["bakeTime"] = json!("5s");
    record
}

/// An account with two images.
pub fn stage() -> Stage {
    Stage::with(7, |builder| two_images(builder.timings(brisk())))
}

fn running(stage: &mut Stage) {
    stage.apply(&shop());
    stage.start("a");
    stage.settle();
    stage.run_for(Duration::from_secs(60));
}

/// How it stands now.
pub fn end(stage: &Stage) -> End {
    End { world: stage.canonical(), totals: stage.totals() }
}

/// An environment is made.
pub const CONVERGE: Scene = Scene {
    name: "converge",
    before: |stage| stage.apply(&shop()),
    then: |stage| stage.start("a"),
    done: |world| world.is_settled(),
};

/// An instance is terminated by hand.
pub const REPAIR: Scene = Scene {
    name: "repair of a terminated instance",
    before: running,
    then: |stage| {
        let victim = stage.cloud.view().live_instances()[0].id.clone();
        stage.cloud.console().terminate(&victim).expect("it lives");
    },
    done: |world| world.cloud.view().live_instances().len() == 2 && world.is_settled(),
};

/// The environment is deleted.
pub const DELETE: Scene =
    Scene { name: "delete", before: running, then: |stage| stage.delete(), done: |world| world.is_gone() };

/// The record of these runs after an edit.
fn edit(stage: &Stage, change: impl FnOnce(&mut Value)) {
    let mut record = shop();
    change(&mut record);
    stage.apply(&record);
}

/// A member becomes sick.
pub const SICK: Scene = Scene {
    name: "replacement of a sick instance",
    before: running,
    then: |stage| {
        let view = stage.cloud.view();
        let sick = &view.live_instances()[0].id;
        stage.cloud.console().set_app(sick, App::answering(Answer::Status(500))).expect("it lives");
        // A tag that is no concern of the product's tells the sick one from its successor.
        stage.cloud.console().tag(&Taggable::Instance(sick.clone()), "sick", "yes").expect("it lives");
    },
    done: |world| {
        let live = world.cloud.view().live_instances();
        live.iter().all(|instance| !instance.tags.contains_key("sick")) && world.is_settled()
    },
};

/// The image is edited.
pub const ROLLOUT: Scene = Scene {
    name: "rollout of an image",
    before: running,
    then: |stage| edit(stage, |record| record["spec"]["image"]["amiId"] = json!(OTHER_IMAGE)),
    done: |world| world.is_settled(),
};

/// The port is edited.
pub const PORT: Scene = Scene {
    name: "edit of the port",
    before: running,
    then: |stage| edit(stage, |record| record["spec"]["services"][0]["port"] = json!(9090)),
    done: |world| world.is_settled(),
};

/// One member more is wanted.
pub const SCALE_UP: Scene = Scene {
    name: "scale-up",
    before: running,
    then: |stage| edit(stage, |record| record["spec"]["instances"]["count"] = json!(3)),
    done: |world| world.is_settled(),
};

/// One member less is wanted.
pub const SCALE_DOWN: Scene = Scene {
    name: "scale-down",
    before: running,
    then: |stage| edit(stage, |record| record["spec"]["instances"]["count"] = json!(1)),
    done: |world| world.is_settled(),
};
