//! `schema`: the record's JSON Schema.

use super::failure::{Ended, Verdict};
use super::output::Printer;
use crate::config::{Config, Output};

/// `schema`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit status: 0 printed; 2 usage.\n\n\
    Example:\n  understudy schema > stagingenvironment.schema.json\n\n\
    In the first line of a record: # yaml-language-server: $schema=stagingenvironment.schema.json")]
pub struct Args {}

/// Prints the schema.
pub fn run(_: Args, config: &Config) -> Ended {
    let (printer, schema) = (Printer::new(), crds_schema::json_schema());
    match config.output {
        Output::Yaml => printer.yaml(&schema)?,
        Output::Json | Output::Table | Output::Wide => printer.json(&schema)?,
    }
    Ok(Verdict::Yes)
}
