//! The command line: one tree of verbs, a file each.
//!
//! Results go to stdout ([`output`]), everything else to stderr. Exit status ([`failure`]): 0 done or yes, 1 no, 2 usage
//! or failure, 130 ended by Ctrl-C. Every flag has an `UNDERSTUDY_<FLAG>` variable, which the flag beats; both beat AWS's own variables.
//! Never: decides about an environment. Verbs read and write the record; only `controller` and `plan` look at AWS.

pub mod failure;

mod usage;
mod output;
mod session;
mod document;
mod record;
mod view;
mod poll;
mod policy;
mod listen;

mod bootstrap;
mod apply;
mod edit;
mod get;
mod revision;
mod describe;
mod events;
mod plan;
mod planned;
mod diff;
mod wait;
mod delete;
mod controller;
mod schema;
mod completions;
mod demo;
mod cloud;

use std::collections::BTreeSet;
use std::process::ExitCode;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use tracing::level_filters::LevelFilter;

use crate::config::{Config, DELETE_TIMEOUT, Durations, LOG_FORMATS, OUTPUTS};
use crate::telemetry;
use failure::{Ended, Failure};
use usage::Suggested;

/// Keeps staging environments on EC2 the way their records say they should be.
#[derive(Debug, Parser)]
#[command(name = "understudy", version, arg_required_else_help = true, disable_help_subcommand = true)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

/// What every verb can be told. Values are checked by [`Config::read`], all at once.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The DynamoDB table that holds the records [default: understudy].
    #[arg(long, global = true, env = "UNDERSTUDY_TABLE", hide_env_values = true, value_name = "NAME")]
    pub table: Option<String>,
    /// The AWS region [default: AWS_REGION, or the profile's].
    #[arg(long, global = true, env = "UNDERSTUDY_REGION", hide_env_values = true, value_name = "REGION")]
    pub region: Option<String>,
    /// Where every AWS service is asked; beats AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_<SERVICE>.
    #[arg(long, global = true, env = "UNDERSTUDY_ENDPOINT_URL", hide_env_values = true, value_name = "URL")]
    pub endpoint_url: Option<String>,
    /// Ask the `understudy cloud` that runs on this machine: without credentials, and unless they are named, at
    /// http://127.0.0.1:4566 in us-east-2. A controller then goes by the cloud's clock.
    #[arg(long, global = true, env = "UNDERSTUDY_LOCAL", hide_env_values = true)]
    #[arg(value_parser = clap::builder::BoolishValueParser::new())]
    pub local: bool,
    /// How results are printed [default: table]. Of get, describe, events, plan, schema and bootstrap --print-iam-policy;
    /// other verbs print no document, and refuse it.
    #[arg(short, long, global = true, env = "UNDERSTUDY_OUTPUT", hide_env_values = true, value_name = "FORMAT")]
    #[arg(value_parser = Suggested(&OUTPUTS))]
    pub output: Option<String>,
    /// Say more on stderr; each further -v still more.
    #[arg(short, long, global = true, env = "UNDERSTUDY_VERBOSE", hide_env_values = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// How logs are printed [default: human on a terminal, json elsewhere].
    #[arg(long, global = true, env = "UNDERSTUDY_LOG_FORMAT", hide_env_values = true, value_name = "FORMAT")]
    #[arg(value_parser = Suggested(&LOG_FORMATS))]
    pub log_format: Option<String>,
    /// The flags that were written, rather than given by a variable: what is written and means nothing is refused, and
    /// a variable is for every verb.
    #[arg(skip)]
    pub written: BTreeSet<String>,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Create the table, or say that it is there.
    Bootstrap(bootstrap::Args),
    /// Create or change environments as a file says.
    Apply(apply::Args),
    /// Change an environment in $EDITOR.
    Edit(edit::Args),
    /// List environments, or show one.
    Get(get::Args),
    /// Show an environment at length, for people.
    Describe(describe::Args),
    /// Show what happened to an environment.
    Events(events::Args),
    /// Show what the controller would do in AWS now.
    Plan(plan::Args),
    /// Show what applying a file would change in the record.
    Diff(diff::Args),
    /// Wait until a condition holds, or until an environment is gone.
    Wait(wait::Args),
    /// Tear an environment down.
    Delete(delete::Args),
    /// Run the reconciler.
    Controller(controller::Args),
    /// Print the JSON Schema of the record, for editors.
    Schema(schema::Args),
    /// Print completions for a shell.
    Completions(completions::Args),
    /// See it at work on a simulated AWS: no account needed.
    Demo(demo::Args),
    /// Serve a simulated AWS to any client, at AWS's own time.
    Cloud(cloud::Args),
}

impl Verb {
    /// The durations that it was given.
    pub fn durations(&self) -> Durations<'_> {
        match self {
            Self::Wait(args) => Durations { timeout: args.timeout.as_ref(), ..Durations::default() },
            Self::Delete(args) => Durations {
                timeout: args.timeout.as_ref(),
                timeout_default: Some(DELETE_TIMEOUT),
                ..Durations::default()
            },
            Self::Plan(args) => Durations { missing_after: args.missing_after.as_ref(), ..Durations::default() },
            Self::Controller(args) => Durations {
                resync_interval: args.resync_interval.as_ref(),
                missing_after: args.missing_after.as_ref(),
                ..Durations::default()
            },
            Self::Bootstrap(_)
            | Self::Apply(_)
            | Self::Edit(_)
            | Self::Get(_)
            | Self::Describe(_)
            | Self::Events(_)
            | Self::Diff(_)
            | Self::Schema(_)
            | Self::Completions(_)
            | Self::Demo(_)
            | Self::Cloud(_) => Durations::default(),
        }
    }

    /// Whether what it prints is a document or a table, so that there is a choice of how.
    pub fn takes_output(&self) -> bool {
        match self {
            Self::Get(_) | Self::Describe(_) | Self::Events(_) | Self::Plan(_) | Self::Schema(_) => true,
            Self::Bootstrap(args) => args.print_iam_policy,
            Self::Apply(_)
            | Self::Edit(_)
            | Self::Diff(_)
            | Self::Wait(_)
            | Self::Delete(_)
            | Self::Controller(_)
            | Self::Completions(_)
            | Self::Demo(_)
            | Self::Cloud(_) => false,
        }
    }

    /// Whether `--timeout` bounds anything.
    pub fn waits(&self) -> bool {
        if let Self::Delete(args) = self { args.wait } else { true }
    }

    /// What it logs without `-v`.
    fn log_level(&self) -> LevelFilter {
        if let Self::Controller(_) = self {
            LevelFilter::INFO
        } else if let Self::Demo(_) = self {
            // It tells by itself what happens, failures included.
            LevelFilter::ERROR
        } else {
            LevelFilter::WARN
        }
    }

    async fn run(self, config: Config) -> Ended {
        match self {
            Self::Bootstrap(args) => bootstrap::run(args, &config).await,
            Self::Apply(args) => apply::run(args, &config).await,
            Self::Edit(args) => edit::run(args, &config).await,
            Self::Get(args) => get::run(args, &config).await,
            Self::Describe(args) => describe::run(args, &config).await,
            Self::Events(args) => events::run(args, &config).await,
            Self::Plan(args) => plan::run(args, &config).await,
            Self::Diff(args) => diff::run(args, &config).await,
            Self::Wait(args) => wait::run(args, &config).await,
            Self::Delete(args) => delete::run(args, &config).await,
            Self::Controller(args) => controller::run(args, &config).await,
            Self::Schema(args) => schema::run(args, &config),
            Self::Completions(args) => completions::run(args),
            Self::Demo(args) => demo::run(args).await,
            Self::Cloud(args) => cloud::run(args).await,
        }
    }
}

/// Reads the command line and does what it says. Everything that is wrong is on stderr when it returns.
pub async fn run() -> ExitCode {
    let cli = match parse() {
        Ok(cli) => cli,
        Err(error) => return usage::report(&error, &Cli::command()),
    };
    let config = match Config::read(&cli.global, &cli.verb) {
        Ok(config) => config,
        Err(complaints) => return Failure::usage(complaints).report(),
    };
    telemetry::start(config.log_format, cli.verb.log_level(), config.verbosity);
    match Box::pin(cli.verb.run(config)).await {
        Ok(verdict) => verdict.exit_code(),
        Err(failure) => failure.report(),
    }
}

fn parse() -> Result<Cli, clap::Error> {
    let mut command = Cli::command().mut_args(unless_empty).mut_subcommands(|verb| verb.mut_args(unless_empty));
    let matches = command.try_get_matches_from_mut(std::env::args_os())?;
    let mut cli = Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
    // A global flag may stand before the verb or after it.
    let of_verb = matches.subcommand().map(|(_, of_verb)| of_verb);
    cli.global.written = std::iter::once(&matches).chain(of_verb).flat_map(written).collect();
    Ok(cli)
}

/// A variable that is set to nothing counts as not set, as with AWS's own.
fn unless_empty(flag: Arg) -> Arg {
    let is_empty = flag.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
    if is_empty { flag.env(None::<&'static str>) } else { flag }
}

fn written(matches: &ArgMatches) -> impl Iterator<Item = String> {
    let is_written = |id: &&clap::Id| matches.value_source(id.as_str()) == Some(ValueSource::CommandLine);
    matches.ids().filter(is_written).map(ToString::to_string)
}

#[cfg(test)]
mod pages;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_tree_of_verbs_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_has_its_variable() {
        let command = Cli::command();
        let verbs = command.get_subcommands().flat_map(clap::Command::get_arguments);
        for flag in command.get_arguments().chain(verbs) {
            let Some(long) = flag.get_long().filter(|long| !matches!(*long, "help" | "version")) else { continue };
            let wanted = format!("UNDERSTUDY_{}", long.to_uppercase().replace('-', "_"));
            assert_eq!(flag.get_env().unwrap().to_str().unwrap(), wanted);
        }
    }

    #[test]
    fn every_verb_says_its_exit_statuses_and_has_an_example() {
        for mut verb in Cli::command().get_subcommands().cloned() {
            let help = verb.render_long_help().to_string();
            assert!(help.contains("Exit status: 0") && help.contains("Example:\n  understudy "), "{}", verb.get_name());
        }
    }
}
