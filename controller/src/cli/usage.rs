//! Wrong command lines, said in the one form that all our errors have.

use std::ffi::OsStr;
use std::process::ExitCode;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, Error};

use super::failure::{Complaint, Failure};

/// Takes any text, and names these for completions: what is wrong is said with everything else that is.
#[derive(Debug, Clone)]
pub struct Suggested(pub &'static [&'static str]);

impl TypedValueParser for Suggested {
    type Value = String;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<String, Error> {
        StringValueParser::new().parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.0.iter().map(PossibleValue::new)))
    }
}

/// Prints help or a version when that was asked for; else says what is wrong.
pub fn report(error: &Error, known: &Command) -> ExitCode {
    let kind = error.kind();
    let was_asked_for = matches!(kind, ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if !was_asked_for && kind != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return Failure::usage(complaints(error, known)).report();
    }
    // Clap prints what was asked for to stdout; a reader that has gone has what it wanted.
    let _ = error.print();
    if was_asked_for { ExitCode::SUCCESS } else { ExitCode::from(2) }
}

fn complaints(error: &Error, known: &Command) -> Vec<Complaint> {
    let context = |kind| error.get(kind).map(ContextValue::to_string).unwrap_or_default();
    let see = "see `understudy --help`, or `--help` after the verb";
    // Clap may add kinds: what is not told apart here is told in its own words.
    #[allow(clippy::wildcard_enum_match_arm)]
    match error.kind() {
        ErrorKind::MissingRequiredArgument => {
            let missing = match error.get(ContextKind::InvalidArg) {
                Some(ContextValue::Strings(names)) => names.clone(),
                _ => vec![context(ContextKind::InvalidArg)],
            };
            missing.into_iter().map(|name| Complaint::new(name, "is missing", see)).collect()
        }
        ErrorKind::UnknownArgument => {
            vec![Complaint::new(context(ContextKind::InvalidArg), "is not known", did_you_mean(error, see))]
        }
        ErrorKind::InvalidSubcommand => {
            let verb = context(ContextKind::InvalidSubcommand);
            let verbs = known.get_subcommands().map(Command::get_name);
            let meant = near(&verb, verbs).map(|name| format!("did you mean `{name}`?"));
            vec![Complaint::new(verb, "is no verb", meant.unwrap_or_else(|| did_you_mean(error, see)))]
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let value = context(ContextKind::InvalidValue);
            let wrong =
                if value.is_empty() { "has no value".to_owned() } else { format!("`{value}` is no value of it") };
            let valid = context(ContextKind::ValidValue);
            // What our own parsers say is what to write.
            let parser = std::error::Error::source(error).map(ToString::to_string);
            let write = match valid.is_empty() {
                true => parser.unwrap_or_else(|| see.to_owned()),
                false => format!("write one of {valid}"),
            };
            vec![Complaint::new(context(ContextKind::InvalidArg), wrong, write)]
        }
        _ => {
            let said = error.to_string();
            let first = said.lines().next().unwrap_or_default();
            vec![Complaint::new("command line", first.trim_start_matches("error: "), see)]
        }
    }
}

/// The known word that a slip of the pen made this one of: letters swapped, left out, added or another, one in three at
/// most. Clap looks at letters that stand at their places, and so finds nothing near `gte`.
fn near<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let letters = word.chars().count();
    if letters > WORD_CHARS_MAX {
        return None;
    }
    let word = word.to_lowercase();
    let scored = known.map(|name| (strsim::damerau_levenshtein(&word, name), name));
    let slips = scored.filter(|(slips, name)| slips * 3 <= letters.max(name.chars().count()));
    // The first of the verbs that are as near.
    slips.min_by_key(|(slips, _)| *slips).map(|(_, name)| name)
}

/// A longer word is no slip of the pen, and comparing takes the square of its length.
const WORD_CHARS_MAX: usize = 64;

/// What clap finds near, if anything.
fn did_you_mean(error: &Error, otherwise: &str) -> String {
    let near =
        [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg].into_iter().find_map(|kind| error.get(kind));
    match near {
        Some(ContextValue::Strings(names)) if !names.is_empty() => format!("did you mean `{}`?", names.join("` or `")),
        Some(ContextValue::String(name)) => format!("did you mean `{name}`?"),
        _ => otherwise.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_verb_is_near_the_one_that_was_meant() {
        let verbs =
            ["bootstrap", "apply", "edit", "get", "describe", "events", "plan", "diff", "wait", "delete", "demo"];
        let found = |word: &str| near(word, verbs.into_iter());
        let slips = [
            ("gte", "get"),
            ("gett", "get"),
            ("ge", "get"),
            ("GET", "get"),
            ("aplly", "apply"),
            ("pln", "plan"),
            ("dlete", "delete"),
            ("wiat", "wait"),
            ("event", "events"),
            ("decsribe", "describe"),
            ("dif", "diff"),
        ];
        for (slip, meant) in slips {
            assert_eq!(found(slip), Some(meant), "{slip}");
        }
        for far in ["", "list", "status", "x", &"get".repeat(100)] {
            assert_eq!(found(far), None, "{far}");
        }
    }
}
