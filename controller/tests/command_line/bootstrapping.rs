//! `bootstrap` and `schema`: what is needed before the first record.

use std::collections::BTreeSet;

use aws_api::Operation;

use crate::world::{World, ended};

#[test]
fn bootstrap_makes_the_table_and_then_says_that_it_is_there() {
    let world = World::empty();
    let first = world.run(&["bootstrap"]).yes();
    assert!(first.out.starts_with("table understudy created\n"), "{first:?}");
    let second = world.run(&["bootstrap"]).yes();
    assert!(second.out.starts_with("table understudy exists\n"), "{second:?}");
}

#[test]
fn bootstrap_makes_the_table_that_is_named() {
    let world = World::empty();
    let ran = world.run(&["bootstrap", "--table", "other"]).yes();
    assert!(ran.out.starts_with("table other created\n"), "{ran:?}");
    world.run(&["get"]).complains(2, &["table understudy", "understudy bootstrap"]);
    world.run(&["get", "--table", "other"]).says("");
}

#[test]
fn the_iam_policy_allows_every_operation_and_needs_no_endpoint() {
    let mut command = World::empty().command(&["bootstrap", "--print-iam-policy"]);
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_REGION").env_remove("AWS_ENDPOINT_URL_DYNAMODB");
    let policy = ended(command).yes().json();
    assert_eq!(policy["Version"], "2012-10-17");
    let statements = policy["Statement"].as_array().unwrap();
    let actions = statements.iter().flat_map(|statement| {
        let action = &statement["Action"];
        action.as_array().cloned().unwrap_or_else(|| vec![action.clone()])
    });
    let allowed: BTreeSet<String> = actions.map(|action| action.as_str().unwrap().to_owned()).collect();
    let missing: Vec<String> =
        Operation::ALL.iter().map(|operation| operation.iam_action()).filter(|a| !allowed.contains(a)).collect();
    assert_eq!(missing, Vec::<String>::new());
    for action in ["dynamodb:PutItem", "dynamodb:Query", "dynamodb:CreateTable", "iam:PassRole"] {
        assert!(allowed.contains(action), "{action}");
    }
}

#[test]
fn the_schema_is_json_and_knows_the_record() {
    let schema = World::empty().run(&["schema"]).yes().json();
    assert!(schema["$schema"].as_str().unwrap().contains("json-schema.org"), "{}", schema["$schema"]);
    assert!(schema["properties"]["spec"].is_object() && schema["properties"]["apiVersion"].is_object());
}
