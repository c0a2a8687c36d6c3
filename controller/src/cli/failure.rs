//! How a verb ends: its exit status, and what it says on stderr when it could not do what it was asked.
//!
//! Every complaint is one line, `error: <path or what>: <what is wrong>; <what to write or do>`.
//! Never: a backtrace, a debug print, or a line that does not say what to do next.

use std::fmt;
use std::process::ExitCode;

use crds_schema::Fault;
use ports::{Sent, StoreError};

use crate::store::table::TableError;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    what: String,
    says: String,
}

impl Complaint {
    /// What it is about, what is wrong with it, and what to write or do.
    pub fn new(what: impl Into<String>, wrong: impl fmt::Display, instead: impl fmt::Display) -> Self {
        Self::saying(what, format!("{wrong}; {instead}"))
    }

    /// The same, where one text says what is wrong and what to do.
    pub fn saying(what: impl Into<String>, says: impl fmt::Display) -> Self {
        Self { what: what.into(), says: says.to_string() }
    }

    /// A fault of a document; `within` is what stands before its path when there are several documents.
    pub fn of_fault(within: &str, fault: &Fault) -> Self {
        Self::new(format!("{within}{}", fault.path), &fault.wrong, &fault.instead)
    }

    /// That environment, with what is wrong and what to do.
    pub fn of_environment(name: &str, wrong: impl fmt::Display, instead: impl fmt::Display) -> Self {
        Self::new(format!("stagingenvironment/{name}"), wrong, instead)
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // AWS's words may span lines; a complaint does not.
        let line = format!("error: {}: {}", self.what, self.says);
        f.write_str(&line.lines().map(str::trim).collect::<Vec<_>>().join(" "))
    }
}

/// How a verb ended that did what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Yes: status 0.
    Yes,
    /// No: status 1, without a complaint, because what was printed says it.
    No,
    /// The user pressed Ctrl-C: status 130, as shells say of a program that the signal ended.
    Interrupted,
}

/// 128, and the number of SIGINT. <https://www.gnu.org/software/bash/manual/html_node/Exit-Status.html>
const INTERRUPTED: u8 = 130;

impl Verdict {
    /// Its exit status.
    pub fn exit_code(self) -> ExitCode {
        match self {
            Self::Yes => ExitCode::SUCCESS,
            Self::No => ExitCode::from(1),
            Self::Interrupted => ExitCode::from(INTERRUPTED),
        }
    }
}

/// How a verb ended that did not.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    status: u8,
    /// Why.
    pub complaints: Vec<Complaint>,
}

/// What a verb comes to.
pub type Ended = Result<Verdict, Failure>;

impl Failure {
    /// The answer is no: not found, invalid, timed out.
    pub fn no(complaint: Complaint) -> Self {
        Self::all_no(vec![complaint])
    }

    /// The answer is no, for several reasons.
    pub fn all_no(complaints: Vec<Complaint>) -> Self {
        Self { status: 1, complaints }
    }

    /// The user pressed Ctrl-C before it was so.
    pub fn interrupted(complaint: Complaint) -> Self {
        Self { status: INTERRUPTED, complaints: vec![complaint] }
    }

    /// It could not be done, or was asked wrongly.
    pub fn failed(complaint: Complaint) -> Self {
        Self { status: 2, complaints: vec![complaint] }
    }

    /// The command line is wrong.
    pub fn usage(complaints: Vec<Complaint>) -> Self {
        Self { status: 2, complaints }
    }

    /// Nobody reads stdout any more, as in `understudy get | head -1`: they have what they wanted.
    pub fn unheard() -> Self {
        Self { status: 0, complaints: Vec::new() }
    }

    /// There is no such environment.
    pub fn not_found(name: &str) -> Self {
        Self::no(Complaint::of_environment(name, "is not in the table", "`understudy get` lists what is"))
    }

    /// The same with status 2, for verbs whose 1 has another meaning.
    pub fn into_failed(self) -> Self {
        Self { status: if self.status == 1 { 2 } else { self.status }, ..self }
    }

    /// Says it on stderr and gives the exit status.
    pub fn report(&self) -> ExitCode {
        self.complaints.iter().for_each(|complaint| eprintln!("{complaint}"));
        ExitCode::from(self.status)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::failed(match error {
            StoreError::ConditionFailed { .. } | StoreError::TransactionConflict => {
                Complaint::new("record", "somebody else changed it at the same time", "run the same command again")
            }
            StoreError::TableMissing { table } => Complaint::new(
                format!("table {table}"),
                "does not exist",
                "run `understudy bootstrap`, or name another with --table or --region",
            ),
            StoreError::Denied { action, resource, code, message } => denied(&action, &resource, &code, &message),
            StoreError::NoCredentials { message } => Complaint::new(
                "AWS credentials",
                format!("none were found ({message})"),
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run where a role is given",
            ),
            StoreError::Unanswered { endpoint, message, sent } => {
                Complaint::new(endpoint, format!("did not answer ({message})"), after_silence(sent))
            }
            StoreError::Throttled { message } => Complaint::new(
                "DynamoDB",
                format!("refuses so many requests ({message})"),
                "run the same command again in a while",
            ),
            StoreError::Failed { operation, message } => Complaint::new(
                format!("dynamodb:{operation}"),
                format!("failed ({message})"),
                "correct what it names, or run the same command again",
            ),
        })
    }
}

impl From<TableError> for Failure {
    fn from(error: TableError) -> Self {
        match error {
            TableError::Store(error) => error.into(),
            TableError::Shape { ref table, .. } => {
                let instead = "name another with --table; nothing was changed";
                Self::failed(Complaint::new(format!("table {table}"), error, instead))
            }
            TableError::NotReady { ref table, .. } => {
                Self::failed(Complaint::new(format!("table {table}"), error, "run `understudy bootstrap` again"))
            }
        }
    }
}

/// What to do about an endpoint that did not answer, by what may have become of the call.
fn after_silence(sent: Sent) -> &'static str {
    match sent {
        Sent::Nothing => {
            "nothing was sent; start what should listen there (for --local, `understudy cloud`), or correct \
             --endpoint-url, --region or AWS_ENDPOINT_URL"
        }
        Sent::Read => {
            "nothing was changed; check that it runs and can be reached, and --endpoint-url, --region and \
             AWS_ENDPOINT_URL, then run the same command again"
        }
        Sent::Write => {
            "check that it runs and can be reached, and --endpoint-url, --region and AWS_ENDPOINT_URL; \
             a write may have gone through, and the same command can be run again"
        }
    }
}

/// Which action, on what, and the statement to add. What is not about permissions is about the credentials themselves.
fn denied(action: &str, resource: &str, code: &str, message: &str) -> Complaint {
    let what = format!("{action} on {resource}");
    // The first is DynamoDB's code of a call, the second that of a part of a transaction.
    if !matches!(code, "AccessDeniedException" | "AccessDenied") {
        return Complaint::new(what, format!("was refused ({message})"), "renew or correct the AWS credentials");
    }
    let actions: Vec<String> = action
        .split([',', ' '])
        .filter(|word| !word.is_empty() && *word != "or")
        .map(|word| if word.contains(':') { word.to_owned() } else { format!("dynamodb:{word}") })
        .collect();
    let arn = format!("arn:aws:dynamodb:*:*:{resource}");
    let statement =
        serde_json::json!({"Effect": "Allow", "Action": actions, "Resource": [arn, format!("{arn}/index/*")]});
    Complaint::new(what, format!("was denied ({message})"), format!("add to the credentials' policy: {statement}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_one_line() {
        let complaint = Complaint::new("spec.x", "is\n  wrong", "write y");
        assert_eq!(complaint.to_string(), "error: spec.x: is wrong; write y");
    }

    #[test]
    fn a_denied_permission_names_the_action_the_table_and_the_statement() {
        let action = "dynamodb:PutItem, DeleteItem or ConditionCheckItem";
        let line = denied(action, "table/t", "AccessDeniedException", "no").to_string();
        assert!(line.starts_with("error: dynamodb:PutItem, DeleteItem or ConditionCheckItem on table/t: was denied"));
        assert!(line.contains(r#""Action":["dynamodb:PutItem","dynamodb:DeleteItem","dynamodb:ConditionCheckItem"]"#));
        assert!(line.contains(r#""arn:aws:dynamodb:*:*:table/t""#), "{line}");
    }

    #[test]
    fn an_expired_token_asks_for_no_permission() {
        let words = "the token that AccessDenied was said of is old";
        let line = denied("dynamodb:GetItem", "table/t", "ExpiredTokenException", words).to_string();
        assert!(line.contains("was refused") && !line.contains("Effect"), "{line}");
    }
}
