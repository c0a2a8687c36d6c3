//! `apply`, `edit`, `diff`: what becomes of a file.

use serde_json::{Value, json};

use crate::table::{RECORD, Table, named, with_count};

#[test]
fn apply_creates_then_leaves_alone_then_configures() {
    let table = Table::new();
    table.apply(RECORD).prints(0, "stagingenvironment/shop created\n");
    table.apply(RECORD).prints(0, "stagingenvironment/shop unchanged\n");
    table.apply(&with_count(3)).prints(0, "stagingenvironment/shop configured\n");
    let spec = table.item("shop", "SPEC").unwrap();
    assert_eq!(spec["spec"]["instances"]["count"], 3);
    let mut keys: Vec<&String> = spec.as_object().unwrap().keys().collect();
    keys.sort();
    assert_eq!(keys, ["apiVersion", "kind", "metadata", "pk", "sk", "spec"]);
    assert_eq!(spec["metadata"], json!({"name": "shop", "labels": {"team": "web"}}));
    assert_eq!(spec["spec"].get("healing"), None, "what is stored is what was written, without defaults");
}

#[test]
fn a_dry_run_says_the_same_and_writes_nothing() {
    let table = Table::new();
    let dry = ["apply", "-f", "-", "--dry-run"];
    table.run_with(&dry, RECORD).prints(0, "stagingenvironment/shop created (dry run)\n");
    assert_eq!(table.item("shop", "SPEC"), None);
    table.apply(RECORD);
    table.run_with(&dry, RECORD).prints(0, "stagingenvironment/shop unchanged (dry run)\n");
    table.run_with(&dry, &with_count(3)).prints(0, "stagingenvironment/shop configured (dry run)\n");
    assert_eq!(table.item("shop", "SPEC").unwrap()["spec"]["instances"]["count"], 2);
}

#[test]
fn reordering_is_no_edit_and_a_label_is_one() {
    let table = Table::new();
    table.apply(RECORD);
    let reordered = RECORD.replace("{count: 2, types: [t3.medium]}", "{types: [t3.medium], count: 2}");
    table.apply(&reordered).prints(0, "stagingenvironment/shop unchanged\n");
    table.apply(&RECORD.replace("team: web", "team: ops")).prints(0, "stagingenvironment/shop configured\n");
    assert_eq!(table.item("shop", "SPEC").unwrap()["metadata"]["labels"]["team"], "ops");
}

#[test]
fn what_get_prints_applies_as_unchanged() {
    let table = Table::new();
    let script =
        "  instances: {count: 2, types: [t3.medium], userData: \"#cloud-config\\nruncmd:\\n - [ls, '-l']\\n\"}";
    table.apply(&RECORD.replace("  instances: {count: 2, types: [t3.medium]}", script));
    table.apply(&named("other"));
    table.observe();
    for arguments in [["get", "-o", "yaml"], ["get", "-o", "json"]] {
        let printed = table.run(&arguments).out;
        let lines = "stagingenvironment/other unchanged\nstagingenvironment/shop unchanged\n";
        table.apply(&printed).prints(0, lines);
    }
    let one = table.run(&["get", "shop", "-o", "yaml"]).out;
    assert!(one.contains("uid: env-0001") && one.contains("status:"), "{one}");
    table.apply(&one).prints(0, "stagingenvironment/shop unchanged\n");
}

#[test]
fn several_documents_are_validated_together_before_any_is_applied() {
    let table = Table::new();
    let both = format!("{RECORD}---\n{}", named("other"));
    let faulty = format!("{RECORD}---\n{}", named("other").replace("count: 2", "count: -1"));
    table.apply(&faulty).complains(1, &["document 2 spec.instances.count: "]);
    assert_eq!(table.item("shop", "SPEC"), None);
    table.apply(&both).prints(0, "stagingenvironment/shop created\nstagingenvironment/other created\n");
    table.apply(&format!("{RECORD}---\n{RECORD}")).complains(1, &["document 2 metadata.name: "]);
}

#[test]
fn apply_while_deleting_may_change_only_what_the_teardown_reads() {
    let table = Table::new();
    table.apply(RECORD);
    table.run(&["delete", "shop"]);
    table.apply(&with_count(3)).complains(1, &["stagingenvironment/shop: is being deleted; "]);
    table.apply(RECORD).prints(0, "stagingenvironment/shop unchanged\n");
    let allowed = "  paused: true\n  deletionPolicy: Retain\n  loadBalancer: {deletionProtection: true}\n";
    table.apply(&format!("{RECORD}{allowed}")).prints(0, "stagingenvironment/shop configured\n");
    assert_eq!(table.item("shop", "SPEC").unwrap()["spec"]["paused"], true);
    let more = format!("{}{allowed}", with_count(3));
    table.apply(&more).complains(1, &["stagingenvironment/shop: is being deleted; "]);
    // A document that is refused keeps those beside it from being applied.
    let both = format!("{}---\n{}", named("other"), with_count(3));
    table.apply(&both).complains(1, &["stagingenvironment/shop: is being deleted; "]);
    assert_eq!(table.item("other", "SPEC"), None);
}

#[test]
fn diff_shows_what_apply_would_change() {
    let table = Table::new();
    table.apply(RECORD);
    table.run_with(&["diff", "-f", "-"], RECORD).prints(0, "");
    let ran = table.run_with(&["diff", "-f", "-"], &with_count(3));
    assert_eq!((ran.status, ran.err.as_str()), (1, ""));
    let changed: Vec<&str> = ran.out.lines().filter(|line| line.starts_with(['+', '-'])).collect();
    assert_eq!(
        changed,
        [
            "--- stagingenvironment/shop in the record",
            "+++ stagingenvironment/shop in the file",
            "-    count: 2",
            "+    count: 3"
        ]
    );
    let new = table.run_with(&["diff", "-f", "-"], &named("other"));
    assert_eq!(new.status, 1);
    assert!(new.out.contains("+  name: other"), "{}", new.out);
    table.run(&["diff", "-f", "none.yaml"]).complains(2, &["none.yaml: "]);
    table
        .run_with(&["diff", "-f", "-"], &with_count(0).replace("port: 8080", "prot: 1"))
        .complains(2, &["spec.services[0].port: ", "spec.services[0].prot: "]);
}

/// An editor that runs a sed script over the file.
fn edit(table: &Table, script: &str) -> crate::table::Ran {
    let editor = format!("sed -i -e '{script}'");
    let child = table.command(&["edit", "shop"]).env("EDITOR", editor).env("TMPDIR", table.folder.path()).spawn();
    crate::table::finish(child.unwrap(), "")
}

fn drafts(table: &Table) -> Vec<String> {
    let names = std::fs::read_dir(table.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    names.map(|name| name.into_string().unwrap()).filter(|name| name.starts_with("understudy-edit-")).collect()
}

#[test]
fn edit_applies_what_the_editor_leaves() {
    let table = Table::new();
    edit(&table, "").complains(1, &["stagingenvironment/shop: is not in the table"]);
    table.apply(RECORD);
    edit(&table, "").prints(0, "stagingenvironment/shop unchanged\n");
    edit(&table, "s/count: 2/count: 4/").prints(0, "stagingenvironment/shop configured\n");
    assert_eq!(table.item("shop", "SPEC").unwrap()["spec"]["instances"]["count"], 4);
    assert_eq!(drafts(&table), [""; 0]);
}

#[test]
fn edit_keeps_the_draft_on_error_and_says_where() {
    let table = Table::new();
    table.apply(RECORD);
    let ran = edit(&table, "s/count: 2/count: two/");
    let kept = drafts(&table).pop().unwrap();
    let path = table.folder.path().join(&kept);
    ran.complains(1, &["spec.instances.count: ", path.to_str().unwrap()]);
    assert!(std::fs::read_to_string(&path).unwrap().contains("count: two"));
    assert_eq!(table.item("shop", "SPEC").unwrap()["spec"]["instances"]["count"], 2);
    let ran = edit(&table, "s/name: shop/name: other/");
    assert_eq!(ran.status, 1);
    assert!(ran.err.starts_with("error: metadata.name: "), "{}", ran.err);
}

#[test]
fn a_record_that_a_user_put_there_is_a_record_like_any_other() {
    let table = Table::new();
    let document: Value = crds_schema::read_documents(RECORD).unwrap().remove(0);
    let mut item = document.clone();
    item["pk"] = "shop".into();
    item["sk"] = "SPEC".into();
    item["metadata"]["uid"] = "made-up".into();
    table.put(&item);
    assert_eq!(table.run(&["get", "shop", "-o", "json"]).json()["metadata"].get("uid"), None);
    table.apply(RECORD).prints(0, "stagingenvironment/shop unchanged\n");
    table.apply(&with_count(3)).prints(0, "stagingenvironment/shop configured\n");
}
