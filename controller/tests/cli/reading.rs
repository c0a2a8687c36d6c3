//! `get`, `describe`, `events`, `wait`: what the record says, and how far it is to be believed.

use planner::reason::Reason;
use planner::status::Truth;
use serde_json::{Value, json};

use crate::table::{RECORD, Ran, Table, finish, named, with_count};

/// The words of each line.
fn words(ran: &Ran) -> Vec<Vec<&str>> {
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    ran.out.lines().map(|line| line.split_whitespace().collect()).collect()
}

/// `Ready` of `shop`, by `get`.
fn ready(table: &Table) -> (String, String) {
    let document = table.run(&["get", "shop", "-o", "json"]).json();
    let conditions = document["status"]["conditions"].as_array().unwrap();
    let ready = conditions.iter().find(|condition| condition["type"] == "Ready").unwrap();
    let text = |name: &str| ready[name].as_str().unwrap().to_owned();
    (text("status"), text("reason"))
}

const HEADING: [&str; 8] = ["NAME", "READY", "HEALTHY", "DESIRED", "IMAGE", "LB-DNS", "AGE", "REASON"];

#[test]
fn get_shows_a_row_for_each_environment() {
    let table = Table::new();
    table.apply(RECORD);
    table.apply(&named("other"));
    table.observe();
    let ran = table.run(&["get"]);
    let rows = words(&ran);
    assert_eq!(rows[0], HEADING);
    assert_eq!(rows[1], ["other", "Unknown", "-", "2", "-", "-", "-", "NotObserved"]);
    assert_eq!((&rows[2][..6], rows[2][7]), (&["shop", "True", "2", "2", "-", "-"][..], "AllHealthy"));
    assert_eq!(words(&table.run(&["get", "shop"])).len(), 2);
    assert!(words(&table.run(&["get", "-o", "wide"]))[0].len() > HEADING.len());
}

#[test]
fn get_without_environments_is_empty_and_well() {
    let table = Table::new();
    let ran = table.run(&["get"]);
    assert_eq!((ran.status, ran.out.as_str()), (0, ""));
    assert_eq!(table.run(&["get", "-o", "json"]).json(), json!({"apiVersion": "v1", "kind": "List", "items": []}));
    table.apply(&table.run(&["get", "-o", "yaml"]).out).prints(0, "");
    table.run(&["get", "shop"]).complains(1, &["stagingenvironment/shop: is not in the table"]);
    table.run(&["describe", "shop"]).complains(1, &["stagingenvironment/shop: is not in the table"]);
    table.run(&["events", "shop"]).complains(1, &["stagingenvironment/shop: is not in the table"]);
}

#[test]
fn get_prints_a_document_also_while_the_spec_is_invalid() {
    let table = Table::new();
    table.apply(RECORD);
    table.observe();
    let mut item = table.item("shop", "SPEC").unwrap();
    item["spec"] = json!({"nonsense": [1, null]});
    table.put(&item);
    let document = table.run(&["get", "shop", "-o", "json"]).json();
    assert_eq!(document["spec"], json!({"nonsense": [1, null]}));
    assert_eq!(document["apiVersion"], "understudy.dev/v1alpha1");
    assert_eq!(document["kind"], "StagingEnvironment");
    let metadata = &document["metadata"];
    assert_eq!(
        (&metadata["name"], &metadata["uid"], &metadata["generation"]),
        (&json!("shop"), &json!("env-0001"), &json!(1))
    );
    assert!(metadata["creationTimestamp"].is_string());
    for key in ["pk", "sk", "kind"] {
        assert_eq!(document["status"].get(key), None);
    }
    assert_eq!(document["status"]["desired"], 2);
    table.remove("shop", "SPEC");
    let document = table.run(&["get", "shop", "-o", "json"]).json();
    assert_eq!((&document["kind"], document.get("spec")), (&json!("StagingEnvironment"), None));
}

#[test]
fn ready_is_unknown_when_the_edit_was_not_seen_or_no_controller_reports() {
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    let table = Table::new();
    table.apply(RECORD);
    assert_eq!(ready(&table), pair("Unknown", "NotObserved"));
    table.observe();
    assert_eq!(ready(&table), pair("True", "AllHealthy"));
    table.beat(170);
    assert_eq!(ready(&table), pair("True", "AllHealthy"));
    table.beat(190);
    assert_eq!(ready(&table), pair("Unknown", "ControllerNotRunning"));
    table.beat(0);
    table.apply(&with_count(3));
    assert_eq!(ready(&table), pair("Unknown", "NotObserved"));
    table.observe();
    assert_eq!(ready(&table), pair("True", "AllHealthy"));
}

#[test]
fn wait_ends_when_the_condition_holds_and_says_what_is_missing_when_time_is_up() {
    let table = Table::new();
    let wait = ["wait", "shop", "--for", "condition=Ready", "--timeout", "1s"];
    table.run(&wait).complains(1, &["stagingenvironment/shop: is not in the table"]);
    table.apply(RECORD);
    let ran = table.run(&wait);
    ran.complains(
        1,
        &["stagingenvironment/shop: timed out waiting for condition Ready, which is Unknown (NotObserved: "],
    );
    assert!(ran.err.contains("understudy controller"), "{}", ran.err);
    table.observe_as(Truth::False, Reason::Converging);
    table.run(&wait).complains(1, &[
        "stagingenvironment/shop: timed out waiting for condition Ready, which is False (Converging: as the test says)",
    ]);
    let child = table.command(&["wait", "shop", "--for", "condition=Ready"]).spawn().unwrap();
    table.observe();
    finish(child, "").prints(0, "");
    table.run(&["wait", "shop", "--for", "condition=Nice"]).complains(2, &["--for"]);
    table.run(&["wait", "shop", "--for", "condition=Ready", "--timeout", "soon"]).complains(2, &["--timeout"]);
}

fn event(table: &Table, id: &str, message: &str) {
    table.put(&json!({
        "pk": "shop", "sk": format!("EVENT#{id}"), "id": id, "time": "2026-11-24T08:00:00Z", "type": "Warning",
        "reason": "MemberGone", "resource": "i-0001", "message": message, "count": 1,
    }));
}

#[test]
fn events_are_lines_and_stand_in_describe() {
    let table = Table::new();
    table.apply(RECORD);
    table.observe();
    table.run(&["events", "shop"]).prints(0, "");
    event(&table, "1", "it was terminated");
    event(&table, "2", "another is launched");
    let ran = table.run(&["events", "shop", "-o", "json"]);
    let lines: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let first = json!({
        "id": "1", "time": "2026-11-24T08:00:00Z", "type": "Warning",
        "reason": "MemberGone", "resource": "i-0001", "message": "it was terminated",
    });
    assert_eq!((lines.len(), &lines[0]), (2, &first));
    let described = table.run(&["describe", "shop"]);
    assert_eq!(described.status, 0);
    for part in ["env-0001", "team=web", "Conditions", "AllHealthy", "Instances", "another is launched"] {
        assert!(described.out.contains(part), "{part} is missing in\n{}", described.out);
    }
    assert!(!described.out.contains('\u{1b}'), "colours are for terminals");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let table = Table::new();
    table.apply(RECORD);
    let mut child = table.command(&["get", "-o", "json"]).spawn().unwrap();
    drop(child.stdout.take());
    let ran = finish(child, "");
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
}

#[test]
fn a_watch_prints_what_changes() {
    use std::io::{BufRead as _, BufReader};
    let table = Table::new();
    table.apply(RECORD);
    let mut child = table.command(&["get", "shop", "-w", "-o", "json"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(next()["spec"]["instances"]["count"], 2);
    table.apply(&with_count(3));
    assert_eq!(next()["spec"]["instances"]["count"], 3);
    table.remove("shop", "SPEC");
    let ran = finish(child, "");
    assert_eq!((ran.status, ran.err.as_str()), (0, "stagingenvironment/shop deleted\n"));
}
