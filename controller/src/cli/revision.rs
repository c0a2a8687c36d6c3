//! `get NAME --revision`: a revision as it was applied, also the one in force while SPEC is gone or faulty.
//!
//! What it prints can be applied again. Never: prints what was not stored.

use engine::items::{self, REVISIONS};
use ports::{Query, RecordStore as _, StoreError};
use serde_json::Value;

use super::failure::{Complaint, Ended, Failure, Verdict};
use super::output::Printer;
use super::view;
use crate::config::Output;
use crate::store::DynamoDb;

/// The word for the revision in force.
const IN_FORCE: &str = "in-force";

/// Prints the document of a revision; what kept it from coming into force goes to stderr.
pub async fn show(store: &DynamoDb, name: &str, wanted: &str, output: Output) -> Ended {
    let view = view::read(store, name).await?.ok_or_else(|| Failure::not_found(name))?;
    let in_force = view.status.as_ref().map_or(0, |status| status.revision);
    let number = match (wanted, wanted.parse::<u64>()) {
        (IN_FORCE, _) => in_force,
        (_, Ok(number)) => number,
        (_, Err(_)) => {
            let wrong = format!("`{wanted}` is no revision");
            return Err(Failure::usage(vec![Complaint::new("--revision", wrong, "write a number, or in-force")]));
        }
    };
    let Some(item) = store.get(&items::revision_key(name, number)).await? else {
        let wrong = format!("has no stored revision {number}");
        let stored = stored(store, name).await?;
        let instead = format!("name one of those that are stored: {stored}; in force is {in_force}");
        return Err(Failure::no(Complaint::of_environment(name, wrong, instead)));
    };
    let Some(document) = item.get("document").filter(|document| document.is_object()) else {
        let wrong = format!("revision {number} was faulty, and too large to be kept");
        return Err(Failure::no(Complaint::of_environment(name, wrong, "show another one")));
    };
    if item.get("valid").and_then(Value::as_bool) == Some(false) {
        let faults = item.get("faults").and_then(Value::as_array).into_iter().flatten();
        faults.filter_map(Value::as_str).for_each(|fault| eprintln!("revision {number} was not taken: {fault}"));
    }
    let printer = Printer::new();
    match output {
        Output::Json => printer.json(document)?,
        Output::Table | Output::Wide | Output::Yaml => printer.yaml(document)?,
    }
    Ok(Verdict::Yes)
}

/// The numbers of those that are stored.
async fn stored(store: &DynamoDb, name: &str) -> Result<String, StoreError> {
    let query = Query { pk: name.to_owned(), prefix: REVISIONS.to_owned(), descending: false, limit: None };
    let number = |sk: &str| sk.strip_prefix(REVISIONS)?.parse::<u64>().ok();
    let found = store.query(&query).await?;
    let numbers: Vec<String> =
        found.iter().filter_map(|item| number(items::text(item, "sk"))).map(|number| number.to_string()).collect();
    Ok(if numbers.is_empty() { "none".to_owned() } else { numbers.join(", ") })
}
