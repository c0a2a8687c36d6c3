//! `bootstrap`: makes the table, or says what a user must be allowed to do.

use super::failure::{Ended, Verdict};
use super::output::Printer;
use super::{policy, session};
use crate::config::{Config, Output};

/// `bootstrap`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit status: 0 the table is there, or the policy was printed; 2 failure.\n\n\
    Example:\n  understudy bootstrap --region us-east-2\n  understudy bootstrap --print-iam-policy > policy.json")]
pub struct Args {
    /// Print the IAM policy that the controller and the command line need, and do nothing.
    #[arg(long, env = "UNDERSTUDY_PRINT_IAM_POLICY", hide_env_values = true)]
    #[arg(value_parser = clap::builder::BoolishValueParser::new())]
    pub print_iam_policy: bool,
}

/// Makes the table; running it again is harmless.
pub async fn run(args: Args, config: &Config) -> Ended {
    let printer = Printer::new();
    if args.print_iam_policy {
        let policy = policy::iam_policy(&config.table, config.region.as_deref());
        match config.output {
            Output::Yaml => printer.yaml(&policy)?,
            Output::Json | Output::Table | Output::Wide => printer.json(&policy)?,
        }
        return Ok(Verdict::Yes);
    }
    let session = session::open(config).await?;
    let report = session.store.create_table().await?;
    printer.line(&report.to_string())?;
    Ok(Verdict::Yes)
}
