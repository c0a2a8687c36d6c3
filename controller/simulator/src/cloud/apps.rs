//! What runs on an instance, as far as a health check can tell.

use std::collections::BTreeSet;
use std::time::Duration;

/// How an application answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// With 200.
    Ok,
    /// With another status.
    Status(u16),
    /// Too late.
    Slow,
    /// Nothing listens on the port.
    Refused,
    /// With 200 for `up`, then with 503 for `down`, and again, from its start on.
    Flapping {
        /// So long well.
        up: Duration,
        /// So long not.
        down: Duration,
    },
}

/// An application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// How it answers once it has started.
    pub answer: Answer,
    /// The ports that it listens on; absent: every one.
    pub ports: Option<BTreeSet<u16>>,
    /// The paths that it knows; absent: every one. Others are answered with 404.
    pub paths: Option<BTreeSet<String>>,
    /// From `running` until it listens; absent: [`Timings::boot`](super::config::Timings::boot).
    pub boot: Option<Duration>,
}

impl Default for App {
    /// One that is well, on every port and path.
    fn default() -> Self {
        Self { answer: Answer::Ok, ports: None, paths: None, boot: None }
    }
}

impl App {
    /// One that answers so, on every port and path.
    pub fn answering(answer: Answer) -> Self {
        Self { answer, ..Self::default() }
    }

    /// What a request gets that arrives so long after it started to listen.
    pub(crate) fn respond(&self, port: u16, path: &str, age: Duration) -> Response {
        if self.ports.as_ref().is_some_and(|ports| !ports.contains(&port)) {
            return Response::Refused;
        }
        let known = self.paths.as_ref().is_none_or(|paths| paths.contains(path));
        match self.answer {
            Answer::Ok if known => Response::Status(200),
            Answer::Ok => Response::Status(404),
            Answer::Status(status) => Response::Status(status),
            Answer::Slow => Response::Nothing,
            Answer::Refused => Response::Refused,
            Answer::Flapping { up, down } => {
                let into = age.as_nanos().checked_rem((up + down).as_nanos()).unwrap_or(0);
                Response::Status(if into < up.as_nanos() { 200 } else { 503 })
            }
        }
    }

    /// How long after it started to listen its next change of mind comes, after `age`.
    pub(crate) fn next_flip(&self, age: Duration) -> Option<Duration> {
        let Answer::Flapping { up, down } = self.answer else { return None };
        let period = (up + down).as_nanos();
        let into = age.as_nanos().checked_rem(period)?;
        let left = if into < up.as_nanos() { up.as_nanos() - into } else { period - into };
        Some(age + Duration::from_nanos(u64::try_from(left).ok()?))
    }
}

/// What a health check sees of an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Response {
    Status(u16),
    Refused,
    Nothing,
}
