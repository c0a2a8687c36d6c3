//! The published schema: fresh, complete, and nothing in it is silently ignored.

use crds_schema::{json_schema, parse};
use serde_json::{Value, json};

use crate::{example, home, with};

#[test]
fn the_generated_file_is_fresh() {
    let generated = format!("{}/generated/stagingenvironment.v1alpha1.schema.json", home());
    let wanted = format!("{}\n", serde_json::to_string_pretty(&json_schema()).unwrap());
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&generated, &wanted).unwrap();
    }
    let written = std::fs::read_to_string(&generated).unwrap_or_default();
    assert!(written == wanted, "stale: run `UPDATE_SCHEMA=1 cargo test -p crds-schema`");
}

/// Each named field of the schema with its path; lists are entered at their first entry.
fn fields() -> Vec<(String, Value, bool)> {
    fn collect(schema: &Value, path: &str, found: &mut Vec<(String, Value, bool)>) {
        let required = |name: &String| schema["required"].as_array().is_some_and(|r| r.contains(&json!(name)));
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let at = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            found.push((at.clone(), field.clone(), required(name)));
            collect(field, &at, found);
        }
        if schema["items"].is_object() {
            collect(&schema["items"], &format!("{path}[0]"), found);
        }
    }
    let mut found = vec![];
    collect(&json_schema(), "", &mut found);
    assert!(found.len() > 90, "the walk must reach every field, and reached {}", found.len());
    found
}

fn is_server_set(field: &Value) -> bool {
    field["x-ignored"] == json!(true)
}

#[test]
fn every_field_has_a_description_and_is_required_or_states_its_default() {
    for (path, field, required) in fields() {
        assert!(field["description"].is_string(), "{path} has no description");
        if !is_server_set(&field) {
            assert!(
                required != field.get("default").is_some(),
                "{path} must be required or state its default: {field}"
            );
        }
    }
}

#[test]
fn every_object_refuses_unknown_fields() {
    fn check(schema: &Value, seen: &mut usize) {
        match schema {
            Value::Object(map) => {
                if map.get("properties").is_some_and(Value::is_object) && map.contains_key("additionalProperties") {
                    assert_eq!(map["additionalProperties"], json!(false));
                    *seen += 1;
                }
                map.values().for_each(|v| check(v, seen));
            }
            Value::Array(items) => items.iter().for_each(|v| check(v, seen)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut seen = 0;
    check(&json_schema(), &mut seen);
    assert!(seen > 25, "{seen} objects");
}

#[test]
fn every_pattern_compiles_and_matches_its_examples() {
    let mut seen = 0;
    let mut todo = vec![json_schema()];
    while let Some(schema) = todo.pop() {
        if let (Some(pattern), Some(examples)) = (schema["pattern"].as_str(), schema["examples"].as_array()) {
            // The durations' pattern begins with a lookahead, for editors only; their parser is tested by itself.
            if let Some(pattern) = Some(pattern).filter(|p| !p.contains("(?=")) {
                let regex = regex_lite::Regex::new(pattern).unwrap();
                for example in examples.iter().filter_map(Value::as_str) {
                    assert!(regex.is_match(example), "{example} is not matched by {pattern}");
                    seen += 1;
                }
            }
        }
        match schema {
            Value::Object(map) => todo.extend(map.into_iter().map(|(_, v)| v)),
            Value::Array(items) => todo.extend(items),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    assert!(seen > 20, "{seen} examples");
}

/// A value that is not the field's default, by its schema.
fn other_than_default(path: &str, field: &Value) -> Value {
    let set_by_hand = match path {
        "spec.services[0].slowStart" => Some(json!("45s")),
        "spec.services[0].healthCheck.path" => Some(json!("/other")),
        "spec.services[0].name" => Some(json!("other")),
        "spec.network.subnetIds" => Some(json!(["subnet-0123456789abcdef0", "subnet-0fedcba9876543210"])),
        "spec.securityGroups.instances.name" => Some(json!("another-sg")),
        "spec.instances.blockDevices[0].deleteOnTermination" => Some(json!(false)),
        _ => Some(json!("7s")).filter(|_| field["format"] == "x-duration"),
    };
    if let Some(value) = set_by_hand {
        return value;
    }
    let default = &field["default"];
    let choices = field["oneOf"].as_array().into_iter().flatten().map(|v| v["const"].clone());
    let choices: Vec<_> = choices.chain(field["enum"].as_array().into_iter().flatten().cloned()).collect();
    if let Some(choice) = choices.iter().find(|c| !c.is_null() && *c != default) {
        return choice.clone();
    }
    if let Some(example) = field["examples"].as_array().into_iter().flatten().find(|e| *e != default) {
        return if field["items"].is_object() && !example.is_array() { json!([example]) } else { example.clone() };
    }
    let kinds = field["type"].to_string();
    if kinds.contains("array") {
        json!([other_than_default("", &field["items"])])
    } else if kinds.contains("object") && field["properties"].is_object() {
        let required = field["required"].as_array().cloned().unwrap_or_default();
        let names: Vec<_> = required.iter().filter_map(Value::as_str).collect();
        let names = if names.is_empty() {
            field["properties"].as_object().unwrap().keys().map(String::as_str).take(1).collect()
        } else {
            names
        };
        names.into_iter().map(|name| (name.to_owned(), other_than_default("", &field["properties"][name]))).collect()
    } else if kinds.contains("object") {
        json!({"some": "value"})
    } else if kinds.contains("integer") {
        json!(default.as_i64().or(field["minimum"].as_i64()).unwrap_or(0) + 1)
    } else if kinds.contains("boolean") {
        json!(default != &json!(true))
    } else {
        json!("text")
    }
}

/// The heart of "never silently ignored": a field's value is either in the parsed environment or refused by name.
#[test]
fn every_field_is_kept_or_refused_as_not_supported_yet() {
    let (mut kept, mut refused) = (0, 0);
    for (path, field, required) in fields() {
        let is_struct = field["properties"].is_object() || field["items"]["properties"].is_object();
        if is_server_set(&field)
            || (required && field["const"].is_string())
            || (is_struct && field.get("x-notSupportedYet").is_none())
        {
            continue; // Ignored by contract; one value only; or judged by its own fields.
        }
        if path == "spec.services[0].stickiness.type" {
            continue; // It has one value so far.
        }
        let value = other_than_default(&path, &field);
        let document = with(example("chatmrpt-staging"), &path, value.clone());
        let document = match path.as_str() {
            // It speaks of the user data beside it.
            "spec.instances.userDataBase64" => with(document, "spec.instances.userData", json!("H4sIAAAA")),
            _ => document,
        };
        match parse(&document) {
            Ok(environment) => {
                let back = serde_json::to_value(&environment).unwrap();
                let pointer = format!("/{}", path.replace('[', "/").replace(']', "").replace('.', "/"));
                let found = back.pointer(&pointer).unwrap_or(&Value::Null);
                let same = *found == value || found.as_str() == Some(&value.to_string());
                assert!(same, "{path}: {value} became {found}");
                kept += 1;
            }
            Err(faults) => {
                let named =
                    faults.iter().any(|f| path.starts_with(f.path.as_str()) && f.wrong.contains("not supported yet"));
                // The two ends of one name: each by itself is refused for the other.
                let by_rule = ["spec.services[0].name", "spec.loadBalancer.listeners[0].default.forward"];
                let judged = named || by_rule.contains(&path.as_str());
                assert!(judged, "{path}: {value} was refused by {faults:?}");
                refused += 1;
            }
        }
    }
    assert!(kept > 45 && refused > 25, "kept {kept}, refused {refused}");
}

#[test]
fn the_default_of_a_field_is_no_use_of_it() {
    for (path, field, _) in fields().into_iter().filter(|(_, field, _)| field.get("x-notSupportedYet").is_some()) {
        if path.contains("newest.")
            || path.contains("adopt.")
            || path.contains("fromInstance.")
            || path.contains("rules[0].")
        {
            continue;
        }
        let empty = if field["default"].is_object() { json!({}) } else { field["default"].clone() };
        for value in [Value::Null, empty] {
            let document = with(example("chatmrpt-staging"), &path, value.clone());
            parse(&document).unwrap_or_else(|faults| panic!("{path}: {value}: {faults:?}"));
        }
    }
}
