//! The reference of the record: fresh, complete, and every example in it is a record.

use crds_schema::reference::{FULL, SECTIONS, WRITTEN_FORMS, lacking, markdown};
use crds_schema::{OnEdit, json_schema, parse, read_documents};
use serde_json::{Value, json};

use crate::{home, minimal, with};

fn page() -> String {
    markdown(&json_schema())
}

#[test]
fn the_page_is_fresh() {
    let path = format!("{}/../docs/record.md", home());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page(), "docs/record.md is stale: run `UPDATE_DOCS=1 cargo test -p crds-schema`");
}

#[test]
fn every_field_says_all_of_itself() {
    assert_eq!(lacking(&json_schema()), Vec::<String>::new());
}

/// The schema with one property changed.
fn changed(pointer: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut schema = json_schema();
    change(schema.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")));
    schema
}

fn without(pointer: &str, keyword: &str) -> Value {
    changed(pointer, |field| {
        field.as_object_mut().unwrap().remove(keyword).unwrap();
    })
}

const SPEC: &str = "/properties/spec/properties";

#[test]
fn what_a_field_does_not_say_is_named() {
    let count = format!("{SPEC}/instances/properties/count");
    let said = lacking(&without(&count, "description"));
    assert_eq!(said, ["spec.instances.count: has no description"]);
    let said = lacking(&without(&count, "x-onEdit"));
    assert_eq!(said, ["spec.instances.count: does not state what an edit does: x-onEdit"]);
    let said = lacking(&changed(&count, |field| field["x-onEdit"] = json!("inplace")));
    assert_eq!(said, ["spec.instances.count: states something else in x-onEdit than what an edit does"]);
    let said = lacking(&changed(&format!("{SPEC}/network"), |field| field["x-onEdit"] = json!(OnEdit::InPlace)));
    assert_eq!(said, ["spec.network: states what an edit does, which its own fields do, or nothing can"]);
    let said = lacking(&without(&format!("{SPEC}/region"), "x-written"));
    assert_eq!(said, ["spec.region: has a pattern that is not told in words: x-written"]);
    assert_eq!(lacking(&without(SPEC, "redis")), ["spec.redis: has an example, and is no section"]);
}

#[test]
fn a_default_in_words_is_the_default() {
    let grace = format!("{SPEC}/healing/properties/gracePeriod");
    let said = lacking(&changed(&grace, |field| field["default"] = json!("6m")));
    assert_eq!(said, ["spec.healing.gracePeriod: says another default than the one that it has"]);
    assert_eq!(lacking(&changed(&grace, |field| field["default"] = json!("300s"))), Vec::<String>::new());
    let said = lacking(&changed(&format!("{SPEC}/paused"), |field| field["description"] = json!("Stands still.")));
    assert_eq!(said, ["spec.paused: does not say its default in words"]);
}

#[test]
fn a_field_that_is_added_appears_by_itself_and_owes_what_it_does_not_say() {
    let novel =
        json!({"type": ["integer", "null"], "default": 7, "description": "Novel. Default 7.", "x-onEdit": "inPlace"});
    let schema = changed(&format!("{SPEC}/instances/properties"), |fields| fields["novel"] = novel);
    let entry = "### `spec.instances.novel`\n\nNovel.\n\n- Type: a whole number\n- Default: 7\n- An edit: changes it in place\n";
    assert!(markdown(&schema).contains(entry));
    assert_eq!(lacking(&schema), ["spec.instances.novel: does not stand in examples/full.yaml"]);
    let part = json!({"type": "object", "default": {}, "description": "A part.", "properties": {}});
    let schema = changed(SPEC, |fields| fields["part"] = part);
    assert!(markdown(&schema).contains("## `spec.part`\n\nA part.\n"));
    assert_eq!(
        lacking(&schema),
        ["spec.part: does not stand in examples/full.yaml", "spec.part: has no example among SECTIONS"]
    );
}

/// `part` over `record`: its fields, and where both have a map, those of both.
fn over(record: &mut Value, part: Value) {
    match (record, part) {
        (Value::Object(record), Value::Object(part)) => {
            part.into_iter().for_each(|(name, value)| over(record.entry(name).or_insert(Value::Null), value));
        }
        (record, part) => *record = part,
    }
}

#[test]
fn every_example_is_a_record_once_it_stands_over_the_least_one() {
    for section in SECTIONS {
        let part = read_documents(section.example).unwrap().remove(0);
        let mut record = minimal();
        over(&mut record, part.value.clone());
        parse(&record).unwrap_or_else(|faults| panic!("{}: {faults:?}", section.path));
        let pointer = format!("/{}", section.path.replace('.', "/"));
        assert!(section.path.is_empty() || part.value.pointer(&pointer).is_some(), "{} is not shown", section.path);
    }
    // The rest stands in a file of its own, where it would not be missed.
    let files = std::fs::read_dir(format!("{}/examples/parts", home())).unwrap().count();
    assert_eq!(files, SECTIONS.len());
}

#[test]
fn the_record_with_every_field_is_one() {
    read_documents(FULL).unwrap().remove(0).parse().unwrap();
}

#[test]
fn what_the_page_says_is_taken_is_taken_and_what_it_says_is_refused_is_refused() {
    for form in WRITTEN_FORMS {
        for (texts, is_taken) in [(form.taken, true), (form.refused, false)] {
            for text in texts {
                // As YAML reads it: `1` is a number, `25%` a text.
                let value = read_documents(&format!("value: {text}")).unwrap().remove(0).value["value"].take();
                let record = with(minimal(), form.field, value);
                assert_eq!(parse(&record).is_ok(), is_taken, "{} at {}", text, form.field);
            }
        }
    }
}

#[test]
fn every_link_leads_to_a_heading_and_lines_are_short() {
    let page = page();
    let headings = page
        .lines()
        .filter_map(|line| line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#')));
    let anchors: Vec<String> = headings
        .map(|heading| {
            heading.to_lowercase().replace(' ', "-").replace(|c: char| !(c.is_alphanumeric() || c == '-'), "")
        })
        .collect();
    let links: Vec<&str> = page.split("](#").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(links.len() > 60, "{} links", links.len());
    for link in links {
        assert_eq!(anchors.iter().filter(|anchor| *anchor == link).count(), 1, "{link}");
    }
    let may_be_long = |line: &str| line.starts_with('|') || line.contains("https://");
    let long: Vec<&str> = page.lines().filter(|line| line.chars().count() > 120 && !may_be_long(line)).collect();
    assert_eq!(long, Vec::<&str>::new());
}
