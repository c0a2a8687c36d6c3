//! The record held to its promises: properties, then faults by their exact words, then documents, examples and schema.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, missing_docs)]

mod properties;

mod faults;
mod limits;
mod rules;
mod user_data;
mod written;

mod documents;
mod examples;
mod reference;
mod schema;

use serde_json::{Value, json};

/// The least that is accepted.
pub fn minimal() -> Value {
    json!({
        "apiVersion": "understudy.dev/v1alpha1",
        "kind": "StagingEnvironment",
        "metadata": {"name": "minimal"},
        "spec": {
            "image": {"amiId": "ami-0123456789abcdef0"},
            "instances": {"count": 2, "types": ["t3.medium"]},
            "services": [{"port": 8080}],
            "access": {"loadBalancer": [{"cidr": "0.0.0.0/0"}]},
        },
    })
}

/// The crate's folder. Cargo says at run time where it is: what it was when this was built may be another checkout.
pub fn home() -> String {
    std::env::var("CARGO_MANIFEST_DIR").unwrap()
}

/// The first document of an example file.
pub fn example(name: &str) -> Value {
    let path = format!("{}/examples/{name}.yaml", home());
    crds_schema::read_documents(&std::fs::read_to_string(path).unwrap()).unwrap().remove(0).value
}

/// `document` with `value` at `path`, as in `spec.services[0].port`; what is missing on the way is made.
pub fn with(mut document: Value, path: &str, value: Value) -> Value {
    let mut place = &mut document;
    for step in path.replace('[', ".[").split('.') {
        place = match step.strip_prefix('[').and_then(|s| s.strip_suffix(']')) {
            Some(index) => {
                let index: usize = index.parse().unwrap();
                if place.is_null() {
                    *place = json!([]);
                }
                let list = place.as_array_mut().unwrap();
                list.resize_with(list.len().max(index + 1), || json!({}));
                &mut list[index]
            }
            None => &mut place[step],
        };
    }
    *place = value;
    document
}

/// Every fault of `document`, one a line.
pub fn faults(document: &Value) -> String {
    let faults = crds_schema::parse(document).expect_err("the document has faults");
    faults.iter().map(|fault| format!("{fault}\n")).collect()
}

/// Every fault of the minimal document with these values set, one a line.
pub fn faults_with(changes: &[(&str, Value)]) -> String {
    faults(&changes.iter().fold(minimal(), |document, (path, value)| with(document, path, value.clone())))
}
