//! Logs: where they go, how they look, how much of them.
//!
//! To stderr, always: stdout is for results. People read lines, machines JSON. Other crates are silent without `-v`: what
//! stops us we say ourselves, in one line, and the SDK would say it before in twenty. With it they begin at WARN however
//! much is asked for: below that the SDK logs requests, and with them user data.
//! Never: user data or credentials; log fixed phrases, with values in fields.

use std::io::{IsTerminal as _, stderr};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::LogFormat;

/// The crates whose logs `-v` raises.
const OURS: [&str; 6] = ["understudy", "engine", "planner", "crds_schema", "simulator", "cloud"];

/// Starts logging. `verbosity` counts `-v`; `quiet` is the level without any.
pub fn start(format: LogFormat, quiet: LevelFilter, verbosity: u8) {
    let registry = tracing_subscriber::registry().with(targets(quiet, verbosity));
    let layer = tracing_subscriber::fmt::layer().with_writer(stderr);
    // A second subscriber in one process is only possible in tests; the first one stays.
    let _ = match format {
        LogFormat::Human => registry.with(layer.with_ansi(colourful()).with_target(false)).try_init(),
        LogFormat::Json => registry.with(layer.json().flatten_event(true)).try_init(),
    };
}

/// Which crate is logged from which level on.
fn targets(quiet: LevelFilter, verbosity: u8) -> Targets {
    let level = raised(quiet, verbosity);
    let others = if verbosity == 0 { LevelFilter::OFF } else { LevelFilter::WARN };
    let targets = Targets::new().with_default(others).with_targets(OURS.map(|name| (name, level)));
    // The embedded DynamoDB warns of every condition that does not hold, which is an answer and no trouble.
    targets.with_target("dynoxide", LevelFilter::ERROR)
}

/// Whether stderr may have colours.
fn colourful() -> bool {
    stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// `quiet`, and a step louder for each `-v`.
fn raised(quiet: LevelFilter, verbosity: u8) -> LevelFilter {
    const STEPS: [LevelFilter; 5] =
        [LevelFilter::ERROR, LevelFilter::WARN, LevelFilter::INFO, LevelFilter::DEBUG, LevelFilter::TRACE];
    let at = STEPS.iter().position(|level| *level == quiet).unwrap_or_default();
    STEPS[(at + usize::from(verbosity)).min(STEPS.len() - 1)]
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn other_crates_are_silent_without_v_and_never_louder_than_warnings() {
        for name in ["aws_config::imds", "aws_smithy_runtime::client", "hyper_util::client", "rustls", "h2"] {
            assert!(!targets(LevelFilter::INFO, 0).would_enable(name, &Level::ERROR), "{name}");
            assert!(targets(LevelFilter::WARN, 1).would_enable(name, &Level::WARN), "{name}");
            assert!(!targets(LevelFilter::INFO, 9).would_enable(name, &Level::INFO), "{name}");
        }
        assert!(targets(LevelFilter::WARN, 0).would_enable("engine::lease", &Level::WARN));
    }

    #[test]
    fn each_v_is_one_step_louder_up_to_trace() {
        assert_eq!(raised(LevelFilter::WARN, 0), LevelFilter::WARN);
        assert_eq!(raised(LevelFilter::WARN, 1), LevelFilter::INFO);
        assert_eq!(raised(LevelFilter::INFO, 1), LevelFilter::DEBUG);
        assert_eq!(raised(LevelFilter::INFO, 200), LevelFilter::TRACE);
    }
}
