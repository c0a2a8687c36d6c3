//! `get`, `describe` and `events`: what they print of what the table says.

use serde_json::{Value, json};

use crate::world::{SHOP, World, ended};

const COLUMNS: &str = "NAME READY HEALTHY DESIRED IMAGE AGE REASON";

/// The words of each line.
fn rows(out: &str) -> Vec<String> {
    out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// What `get -o json` says of `Ready`.
fn ready(world: &World) -> (String, String) {
    let document = world.run(&["get", "shop", "-o", "json"]).yes().json();
    let conditions = document["status"]["conditions"].as_array().unwrap();
    let ready = conditions.iter().find(|condition| condition["type"] == "Ready").unwrap();
    (ready["status"].as_str().unwrap().to_owned(), ready["reason"].as_str().unwrap().to_owned())
}

#[test]
fn get_prints_a_row_for_each_environment_under_its_columns() {
    let world = World::with_shop();
    world.apply(&SHOP.replace("name: shop", "name: bar"));
    world.heartbeat(0);
    world.seen(("True", "AllHealthy", "all is well"));
    let rows = rows(&world.run(&["get"]).yes().out);
    assert_eq!(rows[0], COLUMNS);
    assert_eq!(rows[1], "bar Unknown - 2 - - NotObserved");
    assert!(rows[2].starts_with("shop True 1 2 ami-0123456789abcdef0 "));
    assert!(rows[2].ends_with("s AllHealthy"), "{rows:?}");
    assert_eq!(rows.len(), 3);
}

#[test]
fn wide_adds_columns_after_the_usual_ones() {
    let world = World::with_shop();
    let rows = rows(&world.run(&["get", "shop", "-o", "wide"]).yes().out);
    assert!(rows[0].starts_with(&format!("{COLUMNS} LB-DNS ")) && rows.len() == 2, "{rows:?}");
}

#[test]
fn nothing_is_wider_than_the_terminal_and_nothing_is_broken_in_a_pipe() {
    let world = World::with_shop();
    world.heartbeat(0);
    let message = "a sentence that is longer than a line of a terminal, ".repeat(4);
    let message = message.trim_end();
    world.seen(("False", "Degraded", message));
    for verb in [["get", "shop"], ["describe", "shop"]] {
        let mut command = world.command(&verb);
        command.env("COLUMNS", "80");
        let out = ended(command).yes().out;
        assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
    }
    let out = world.run(&["describe", "shop"]).yes().out;
    assert!(out.lines().any(|line| line.ends_with(message)), "{out}");
}

#[test]
fn resources_have_short_names_and_wide_ones_awss() {
    let world = World::with_shop();
    world.seen(("True", "AllHealthy", "all is well"));
    let out = world.run(&["describe", "shop"]).yes().out;
    assert!(out.contains("lb/shop-alb") && !out.contains("arn:"), "{out}");
    assert!(world.run(&["describe", "shop", "-o", "wide"]).yes().out.contains("arn:aws:elasticloadbalancing:"));
}

#[test]
fn one_environment_is_one_kubernetes_shaped_document() {
    let world = World::with_shop();
    world.heartbeat(0);
    world.seen(("True", "AllHealthy", "all is well"));
    let document = world.run(&["get", "shop", "-o", "json"]).yes().json();
    let fields: Vec<&str> = document.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, ["apiVersion", "kind", "metadata", "spec", "status"]);
    assert_eq!(document["metadata"]["name"], "shop");
    assert_eq!(document["metadata"]["labels"], json!({ "team": "web" }));
    assert_eq!(document["metadata"]["uid"], "env-0123456789abcdef");
    assert_eq!(document["spec"]["instances"], json!({ "count": 2, "types": ["t3.medium"] }));
    assert_eq!(document["status"]["ready"], 1);
    assert_eq!(document["status"]["loadBalancer"]["dnsName"], "shop-alb-1.us-east-2.elb.amazonaws.com");
}

#[test]
fn all_environments_are_a_list_also_when_there_are_none() {
    let world = World::new();
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": [] });
    assert_eq!(world.run(&["get", "-o", "json"]).yes().json(), list);
    let none = world.run(&["get"]).says("");
    assert!(none.err.contains("no environments"), "{none:?}");
    world.apply(SHOP);
    let list = world.run(&["get", "-o", "json"]).yes().json();
    assert_eq!((list["kind"].as_str(), list["items"].as_array().unwrap().len()), (Some("List"), 1));
    assert_eq!(list["items"][0], world.run(&["get", "shop", "-o", "json"]).yes().json());
}

#[test]
fn what_is_not_there_is_not_found() {
    let world = World::new();
    for args in [["get", "shop"].as_slice(), &["get", "shop", "-w"], &["describe", "shop"], &["events", "shop"]] {
        world.run(args).complains(1, &["error: stagingenvironment/shop: is not in the table"]);
    }
}

#[test]
fn an_invalid_record_that_another_program_wrote_is_still_shown_whole() {
    let world = World::with_shop();
    world.put(json!({
        "pk": "shop", "sk": "SPEC", "apiVersion": "understudy.dev/v1alpha1", "kind": "StagingEnvironment",
        "metadata": { "name": "shop" }, "spec": { "instances": { "count": "many" } },
    }));
    let document = world.run(&["get", "shop", "-o", "json"]).yes().json();
    assert_eq!(document["spec"], json!({ "instances": { "count": "many" } }));
    world.run(&["describe", "shop"]).yes();
}

#[test]
fn ready_is_believed_only_of_the_record_as_it_is_and_while_a_controller_reports() {
    let world = World::with_shop();
    let told = |truth: &str, reason: &str| (truth.to_owned(), reason.to_owned());
    assert_eq!(ready(&world), told("Unknown", "NotObserved"));
    world.seen(("True", "AllHealthy", "all is well"));
    assert_eq!(ready(&world), told("Unknown", "ControllerNotRunning"));
    world.heartbeat(0);
    assert_eq!(ready(&world), told("True", "AllHealthy"));
    world.heartbeat(240);
    assert_eq!(ready(&world), told("Unknown", "ControllerNotRunning"));
    world.heartbeat(0);
    world.apply(&SHOP.replace("count: 2", "count: 3"));
    assert_eq!(ready(&world), told("Unknown", "NotObserved"));
}

#[test]
fn describe_shows_conditions_and_waits() {
    let world = World::with_shop();
    world.heartbeat(0);
    world.seen_but(
        ("False", "Converging", "slot 2 is starting"),
        json!({ "waitingFor": [{ "what": "slot 2 healthy", "until": null, "on": "aws" }] }),
    );
    let out = world.run(&["describe", "shop"]).yes().out;
    for word in ["shop", "Ready", "False", "Converging", "slot 2 is starting", "slot 2 healthy", "shop-alb"] {
        assert!(out.contains(word), "no {word} in {out}");
    }
}

#[test]
fn events_in_json_are_a_line_each_in_their_order() {
    let world = World::with_shop();
    world.run(&["events", "shop", "-o", "json"]).says("");
    for (id, reason) in [("2", "MemberSick"), ("1", "SlotEmpty")] {
        world.put(json!({
            "pk": "shop", "sk": format!("EVENT#{id}"), "id": id, "time": "2026-11-24T08:00:00Z", "type": "Normal",
            "reason": reason, "resource": "slot 1", "message": "what was seen",
        }));
    }
    world.put(json!({
        "pk": "shop", "sk": "EVENT#0", "id": "0", "time": "2020-01-01T00:00:00Z", "type": "Normal",
        "reason": "SlotEmpty", "resource": "slot 1", "message": "expired", "expiresAt": 1,
    }));
    let out = world.run(&["events", "shop", "-o", "json"]).yes().out;
    let events: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        events,
        [("1", "SlotEmpty"), ("2", "MemberSick")].map(|(id, reason)| json!({
            "id": id, "time": "2026-11-24T08:00:00Z", "type": "Normal", "reason": reason,
            "resource": "slot 1", "message": "what was seen",
        }))
    );
    let table = world.run(&["events", "shop"]).yes().out;
    assert_eq!((table.lines().count(), rows(&table)[0].as_str()), (3, "TIME TYPE REASON RESOURCE MESSAGE"));
}

#[test]
fn a_stored_revision_is_shown_and_can_be_applied_again() {
    let world = World::with_shop();
    world.seen(("True", "AllHealthy", "well"));
    let document = world.run(&["get", "shop", "-o", "json"]).yes().json();
    let document = serde_json::json!({
        "apiVersion": document["apiVersion"], "kind": document["kind"], "metadata": { "name": "shop" },
        "spec": document["spec"],
    });
    let revision = |number: u32, valid: bool, faults: &[&str]| {
        world.put(serde_json::json!({
            "pk": "shop", "sk": format!("REV#{number:010}"), "generation": number, "valid": valid, "faults": faults,
            "document": document,
        }));
    };
    revision(1, true, &[]);
    revision(2, false, &["spec.region: it is us-east-2"]);
    world.remove("shop", "SPEC");
    let shown = world.run(&["get", "shop", "--revision", "in-force", "-o", "yaml"]).yes().out;
    assert_eq!(world.run(&["get", "shop", "--revision", "1"]).yes().out, shown);
    assert_eq!(world.run(&["get", "shop", "--revision", "1", "-o", "json"]).yes().json(), document);
    let refused = world.run(&["get", "shop", "--revision", "2"]).yes();
    refused.tells(&["revision 2 was not taken: spec.region: it is us-east-2"]);
    world.run(&["get", "shop", "--revision", "3"]).complains(1, &["no stored revision 3", "1, 2", "in force is 1"]);
    world.run(&["get", "shop", "--revision", "last"]).complains(2, &["--revision: `last` is no revision"]);
    assert_eq!(world.run(&["get", "--revision", "1"]).status, 2);
    assert_eq!(world.apply(&shown), "stagingenvironment/shop created\n");
}
