//! `edit`: a record in the user's editor, and back.
//!
//! Never: loses what was typed. On any error the draft is kept, and the error says where.

use std::io::Write as _;
use std::process::Command;

use ports::StoreError;
use serde_json::{Value, json};
use tempfile::{NamedTempFile, TempPath};

use super::document::{self, Document};
use super::failure::{Complaint, Ended, Failure, Verdict};
use super::output::{Printer, yaml};
use super::record::{self, Edit, Wishes};
use super::session;
use crate::config::Config;
use crate::store::DynamoDb;

/// What stands above the record.
const HEAD: &str = "# Save and close to apply; leave it as it is to change nothing.\n";
/// The editor where no variable names one: POSIX has it.
const EDITOR: &str = "vi";

/// `edit`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit status: 0 applied, or nothing to change; 1 not found, invalid, fixed, being deleted, or changed by \
    somebody else meanwhile (the draft is kept); 2 usage or failure. The editor is $VISUAL, $EDITOR or vi.\n\n\
    Example:\n  understudy edit chatmrpt-staging\n  EDITOR='code --wait' understudy edit chatmrpt-staging"
)]
pub struct Args {
    /// The environment.
    name: String,
}

/// Opens the record in an editor and applies what comes back.
pub async fn run(args: Args, config: &Config) -> Ended {
    let store = session::open(config).await?.store;
    let wishes = record::read(&store, &args.name).await?;
    let Some(spec) = &wishes.spec else { return Err(Failure::not_found(&args.name)) };
    let draft = draft_of(&Value::Object(spec.clone())).map_err(|error| unwritable(&error))?;
    let outcome = match edited(&draft) {
        Ok(text) => apply(&store, &wishes, &args.name, &text).await,
        Err(failure) => Err(failure),
    };
    match outcome {
        Ok(edit) => {
            Printer::new().line(&format!("stagingenvironment/{} {}", args.name, edit.word()))?;
            Ok(Verdict::Yes)
        }
        Err(failure) => Err(kept(draft, failure)),
    }
}

/// A file with what people write of a record.
fn draft_of(spec: &Value) -> std::io::Result<TempPath> {
    let metadata = json!({ "name": spec["pk"], "labels": document::labels(spec) });
    let mut shown =
        json!({ "apiVersion": spec["apiVersion"], "kind": spec["kind"], "metadata": metadata, "spec": spec["spec"] });
    if shown["metadata"]["labels"].is_null()
        && let Some(metadata) = shown["metadata"].as_object_mut()
    {
        metadata.remove("labels");
    }
    // Only its owner can read the file: a record may hold user data.
    let mut file: NamedTempFile = tempfile::Builder::new().prefix("understudy-edit-").suffix(".yaml").tempfile()?;
    file.write_all(HEAD.as_bytes())?;
    file.write_all(yaml(&shown).as_bytes())?;
    file.flush()?;
    Ok(file.into_temp_path())
}

/// What the draft says after the editor was closed.
fn edited(draft: &TempPath) -> Result<String, Failure> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let editor = set("VISUAL").or_else(|| set("EDITOR")).unwrap_or_else(|| EDITOR.to_owned());
    // Editors are named with their flags, so the words are split, as git and kubectl do by way of a shell.
    let started = Command::new("sh").args(["-c", &format!("{editor} \"$1\""), "sh"]).arg(draft.as_os_str()).status();
    let wrong = match started {
        Ok(status) if status.success() => {
            return std::fs::read_to_string(draft).map_err(|error| unwritable(&error));
        }
        Ok(status) => format!("ended with {status}"),
        Err(error) => format!("cannot be started ({error})"),
    };
    Err(Failure::failed(Complaint::new(format!("editor `{editor}`"), wrong, "set EDITOR to one that works")))
}

async fn apply(store: &DynamoDb, wishes: &Wishes, name: &str, text: &str) -> Result<Edit, Failure> {
    let mut documents = document::read_text("the draft", text)?;
    let document: Document = match (documents.pop(), documents.is_empty()) {
        (Some(document), true) => document,
        _ => return Err(Failure::no(Complaint::new("the draft", "does not hold one document", "edit one record"))),
    };
    if document.name != name {
        let wrong = format!("is `{}`, but a record cannot be renamed", document.name);
        return Err(Failure::no(Complaint::new("metadata.name", wrong, format!("write {name}, or use `apply`"))));
    }
    let edit = wishes.edit(&document, "")?;
    if edit == Edit::Unchanged {
        return Ok(edit);
    }
    match wishes.store(store, &document).await {
        Ok(()) => Ok(edit),
        Err(StoreError::ConditionFailed { .. }) if !record::read(store, name).await?.are_as(wishes) => {
            let wrong = "somebody else changed it while the editor was open";
            Err(Failure::no(Complaint::of_environment(name, wrong, "edit it again, with the draft beside it")))
        }
        Err(error) => Err(record::not_stored(store, name, error).await),
    }
}

/// Keeps the draft, and says where.
fn kept(draft: TempPath, mut failure: Failure) -> Failure {
    let complaint = match draft.keep() {
        Ok(path) => {
            let path = path.display().to_string();
            Complaint::new(
                &path,
                "is the draft, which was kept",
                format!("correct it, then `understudy apply -f {path}`"),
            )
        }
        Err(error) => {
            let path = error.path.display().to_string();
            Complaint::new(path, format!("is the draft, which could not be kept ({error})"), "edit the record again")
        }
    };
    failure.complaints.push(complaint);
    failure
}

fn unwritable(error: &std::io::Error) -> Failure {
    Failure::failed(Complaint::new("the draft", format!("cannot be written or read ({error})"), "see TMPDIR"))
}
