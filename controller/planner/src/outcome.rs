//! What came of an action, in terms that the planner can conclude from.
//!
//! `engine` fills these in from AWS's replies. Which failure counts as done the call itself says.

use std::collections::BTreeMap;

use aws_api::{ActionId, ErrorKind, ResourceId};

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// AWS's name of the call, such as `RunInstances`.
    pub operation: String,
    /// The IAM action that it needs, such as `ec2:RunInstances`.
    pub iam_action: String,
    /// What kind of failure it was.
    pub kind: ErrorKind,
    /// AWS's error code, if there was one.
    pub code: Option<String>,
    /// AWS's words.
    pub message: String,
    /// Whether AWS certainly did nothing.
    pub definite: bool,
}

/// What came of one action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// All of its calls succeeded; a create call made this.
    Done(Option<ResourceId>),
    /// One of its calls failed; those before it may have succeeded.
    Failed(Fault),
    /// It was not tried: an action that it depends on failed, or time ran out.
    NotTried(String),
}

/// What came of each action of a plan.
pub type Outcomes = BTreeMap<ActionId, Outcome>;
