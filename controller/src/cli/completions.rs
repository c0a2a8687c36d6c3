//! `completions`: a script for the shell that completes verbs, flags and values.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::failure::{Ended, Verdict};
use super::output::Printer;

/// `completions`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit status: 0 printed; 2 usage.\n\n\
    Example:\n  understudy completions bash > /etc/bash_completion.d/understudy")]
pub struct Args {
    /// The shell.
    shell: Shell,
}

/// Prints the script.
pub fn run(args: Args) -> Ended {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::Cli::command(), "understudy", &mut script);
    Printer::new().line(String::from_utf8_lossy(&script).trim_end())?;
    Ok(Verdict::Yes)
}
