//! What a run is told: the one [`Config`], validated at its start, every problem at once.
//!
//! In: flags, which the command line has already put before `UNDERSTUDY_<FLAG>` variables. Out: typed values with their
//! defaults. What is absent here (region, endpoint, credentials) is then looked for where every AWS tool looks.
//! Never: reads a file, asks the network, or is changed after the start.

use std::io::IsTerminal as _;
use std::time::Duration;

use crds_schema::SpecDuration;

use crate::cli::failure::Complaint;
use crate::cli::{Global, Verb};

/// The table, unless another is named.
pub const TABLE: &str = "understudy";
/// Where `understudy cloud` listens unless it is told otherwise, and so what `--local` means.
pub const LOCAL_URL: &str = "http://127.0.0.1:4566";
/// The region that `--local` means: that of the example environment.
pub const LOCAL_REGION: &str = "us-east-2";
/// How often everything is looked at though nothing happened: drift is noticed within it.
pub const RESYNC_INTERVAL: &str = "10s";
/// How long a recorded resource must be absent: EC2 has been seen to hide a fresh instance for minutes.
pub const MISSING_AFTER: &str = "5m";
/// How long `wait` waits: an ALB takes about three minutes, an instance about two more.
pub const WAIT_TIMEOUT: &str = "10m";
/// How long `delete --wait` waits: every member drains, and the load balancer's interfaces linger for minutes.
pub const DELETE_TIMEOUT: &str = "30m";

/// What can follow `-o`.
pub const OUTPUTS: [&str; 4] = ["table", "wide", "json", "yaml"];
/// What can follow `--log-format`.
pub const LOG_FORMATS: [&str; 2] = ["human", "json"];

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// For people.
    Table,
    /// For people with a wide terminal.
    Wide,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

/// How logs are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines.
    Human,
    /// One JSON object a line.
    Json,
}

/// What a run is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The DynamoDB table that holds the records.
    pub table: String,
    /// The region, if a flag or variable of ours names it.
    pub region: Option<String>,
    /// The endpoint of every service, if a flag or variable of ours names it.
    pub endpoint_url: Option<String>,
    /// Whether that is a cloud of our own, which asks for no credentials and has a time of its own.
    pub local: bool,
    /// How results are printed.
    pub output: Output,
    /// How logs are printed.
    pub log_format: LogFormat,
    /// How many steps louder logs are.
    pub verbosity: u8,
    /// How often everything is looked at though nothing happened.
    pub resync_interval: Duration,
    /// How long a recorded resource must be absent before it is missing.
    pub missing_after: Duration,
    /// How long `wait` and `delete --wait` wait.
    pub timeout: Duration,
}

impl Config {
    /// Validates what the command line says.
    ///
    /// # Errors
    /// Every problem, each with the flag that it is about.
    pub fn read(global: &Global, verb: &Verb) -> Result<Self, Vec<Complaint>> {
        let mut check = Check::default();
        let table = given(&global.table).unwrap_or(TABLE);
        check.that("--table", table, is_table_name, "3 to 255 letters, digits, `_`, `.` and `-`");
        let region = given(&global.region);
        if let Some(region) = region {
            check.that("--region", region, is_region, "a region's name, such as us-east-2");
        }
        let endpoint_url = given(&global.endpoint_url);
        if let Some(url) = endpoint_url {
            check.that("--endpoint-url", url, is_url, "http://HOST:PORT or https://HOST");
        }
        let region = region.or(global.local.then_some(LOCAL_REGION));
        let endpoint_url = endpoint_url.or(global.local.then_some(LOCAL_URL));
        let output = given(&global.output).unwrap_or(OUTPUTS[0]);
        if global.written.contains("output") && !verb.takes_output() {
            check.unused(
                "--output",
                "this verb prints no document",
                "leave it out, and ask `understudy get` afterwards",
            );
        } else {
            check.that("--output", output, |text| OUTPUTS.contains(&text), "table, wide, json or yaml");
        }
        let log_format = given(&global.log_format);
        if let Some(format) = log_format {
            check.that("--log-format", format, |text| LOG_FORMATS.contains(&text), "human or json");
        }
        let durations = verb.durations();
        if global.written.contains("timeout") && !verb.waits() {
            check.unused("--timeout", "nothing is waited for", "write --wait too, or leave it out");
        }
        let config = Self {
            table: table.to_owned(),
            region: region.map(str::to_owned),
            endpoint_url: endpoint_url.map(str::to_owned),
            local: global.local,
            output: output_named(output),
            log_format: log_format.map_or_else(default_log_format, log_format_named),
            verbosity: global.verbose,
            resync_interval: check.duration("--resync-interval", durations.resync_interval, (RESYNC_INTERVAL, 1)),
            missing_after: check.duration("--missing-after", durations.missing_after, (MISSING_AFTER, 1)),
            // Nothing: look once.
            timeout: check.duration(
                "--timeout",
                durations.timeout,
                (durations.timeout_default.unwrap_or(WAIT_TIMEOUT), 0),
            ),
        };
        if check.complaints.is_empty() { Ok(config) } else { Err(check.complaints) }
    }
}

/// The durations that a verb was given, as they were written.
#[derive(Debug, Default, Clone, Copy)]
pub struct Durations<'a> {
    /// `--resync-interval`.
    pub resync_interval: Option<&'a String>,
    /// `--missing-after`.
    pub missing_after: Option<&'a String>,
    /// `--timeout`.
    pub timeout: Option<&'a String>,
    /// What stands in for it; absent: [`WAIT_TIMEOUT`].
    pub timeout_default: Option<&'static str>,
}

#[derive(Default)]
struct Check {
    complaints: Vec<Complaint>,
}

impl Check {
    fn that(&mut self, flag: &str, text: &str, holds: impl Fn(&str) -> bool, write: &str) {
        if !holds(text) {
            self.complaints.push(Complaint::new(flag, format!("`{text}` is no value of it"), format!("write {write}")));
        }
    }

    /// A flag that was written and means nothing.
    fn unused(&mut self, flag: &str, why: &str, instead: &str) {
        self.complaints.push(Complaint::new(flag, format!("means nothing here: {why}"), instead));
    }

    /// The duration that was given, or the default; `seconds_min` is the least that makes sense.
    fn duration(&mut self, flag: &str, given: Option<&String>, (default, seconds_min): (&str, u64)) -> Duration {
        let text = given.filter(|text| !text.is_empty()).map_or(default, String::as_str);
        let seconds = text.parse::<SpecDuration>().ok().map(SpecDuration::as_secs).filter(|s| *s >= seconds_min);
        let write = format!("a duration of at least {seconds_min}s, such as {default} or 1h30m");
        self.that(flag, text, |_| seconds.is_some(), &write);
        Duration::from_secs(seconds.unwrap_or_default())
    }
}

/// A variable that is set to nothing counts as not set, as with AWS's own.
fn given(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

fn output_named(name: &str) -> Output {
    match name {
        "wide" => Output::Wide,
        "json" => Output::Json,
        "yaml" => Output::Yaml,
        _ => Output::Table,
    }
}

fn log_format_named(name: &str) -> LogFormat {
    if name == "json" { LogFormat::Json } else { LogFormat::Human }
}

fn default_log_format() -> LogFormat {
    if std::io::stderr().is_terminal() { LogFormat::Human } else { LogFormat::Json }
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html>
fn is_table_name(text: &str) -> bool {
    (3..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

/// It becomes part of a host name.
fn is_region(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_url(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")) else { return false };
    let authority = rest.split('/').next().unwrap_or_default();
    // An IPv6 address has colons of its own, in brackets.
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        Some(_) | None => (authority, None),
    };
    let odd = |c: char| c.is_whitespace() || c.is_control() || "@?#\\".contains(c);
    !host.is_empty() && !rest.contains(odd) && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_whole_url() {
        for good in
            ["http://127.0.0.1:8000", "https://dynamodb.us-east-2.amazonaws.com", "http://[::1]:80/", "http://h"]
        {
            assert!(is_url(good), "{good}");
        }
        for bad in ["127.0.0.1:8000", "http://", "http://:80", "http://h:0", "http://h:x", "http://a b", "ftp://h", ""]
        {
            assert!(!is_url(bad), "{bad}");
        }
    }

    #[test]
    fn names_follow_awss_rules() {
        assert!(is_table_name("understudy") && is_table_name("a.b_c-9"));
        assert!(!is_table_name("ab") && !is_table_name("a b c") && !is_table_name(&"x".repeat(256)));
        assert!(is_region("us-east-2") && !is_region("US East") && !is_region("2-us") && !is_region(""));
    }
}
