//! Reading YAML: several documents, and each kind of unreadable text with its line and column.

use crds_schema::read_documents;
use insta::assert_snapshot;
use serde_json::json;

fn unreadable(text: &str) -> String {
    read_documents(text).expect_err("the text is unreadable").to_string()
}

#[test]
fn several_documents_are_read_in_order() {
    let documents = read_documents("---\na: 1\n---\nb: {c: [x, \"2\", 2, true, null]}\n---\n").unwrap();
    assert_eq!(documents, [json!({"a": 1}), json!({"b": {"c": ["x", "2", 2, true, null]}})]);
}

/// So that what `get -o yaml` wrote can be applied, whether of one environment or of all.
#[test]
fn a_list_of_environments_is_its_items() {
    let text = "apiVersion: v1\nkind: List\nitems:\n- {kind: A}\n- {kind: B}\n---\nkind: C\n";
    assert_eq!(read_documents(text).unwrap(), [json!({"kind": "A"}), json!({"kind": "B"}), json!({"kind": "C"})]);
    assert!(read_documents("{apiVersion: v1, kind: List, items: []}").unwrap().is_empty());
    assert_snapshot!(unreadable("kind: List\nitems: [1]\n"), @"line 1, column 1: the document is a single value; write a map that begins with `apiVersion:`, and `---` between several");
}

#[test]
fn json_is_read_too() {
    assert_eq!(read_documents(r#"{"a": {"b": [1, "two"]}}"#).unwrap(), [json!({"a": {"b": [1, "two"]}})]);
}

#[test]
fn words_that_older_yaml_took_for_booleans_are_texts() {
    let text = "a: on\nb: no\nc: yes\nd: off\ne: y\n";
    assert_eq!(read_documents(text).unwrap(), [json!({"a": "on", "b": "no", "c": "yes", "d": "off", "e": "y"})]);
}

#[test]
fn a_repeated_line_may_be_an_alias() {
    let documents = read_documents("a: &a {x: 1}\nb: *a\nc: {<<: *a, y: 2}\n").unwrap();
    assert_eq!(documents, [json!({"a": {"x": 1}, "b": {"x": 1}, "c": {"x": 1, "y": 2}})]);
}

#[test]
fn unreadable_text_is_named_by_line_and_column() {
    assert_snapshot!(unreadable("a: 1\nb: [1, 2\nc: 3\n"), @"line 3, column 2: illegal placement of ':' indicator; correct the YAML there");
    assert_snapshot!(unreadable("spec:\n  count: 2\n count: 3\n"), @"line 3, column 2: while parsing a block mapping, did not find expected key; correct the YAML there");
    assert_snapshot!(unreadable("a: \"open\n"), @"line 1, column 4: unclosed quote; correct the YAML there");
    assert_snapshot!(unreadable("a: b: c\n"), @"line 1, column 5: mapping values are not allowed in this context; correct the YAML there");
    assert_snapshot!(unreadable("a:\n\t- b\n"), @"line 2, column 2: tabs disallowed within this context (block indentation); correct the YAML there");
    assert_snapshot!(unreadable("a: *nowhere\n"), @"line 1, column 4: reference to unknown value; correct the YAML there");
}

#[test]
fn an_empty_file_is_refused() {
    assert_snapshot!(unreadable(""), @"line 1, column 1: the file is empty; write a StagingEnvironment (`understudy schema` describes it)");
    assert_eq!(unreadable("# only a comment\n"), unreadable(""));
    assert_eq!(unreadable("---\n---\n"), unreadable(""));
    assert_eq!(unreadable("null\n"), unreadable(""));
}

#[test]
fn a_list_or_a_single_value_is_refused_where_it_begins() {
    assert_snapshot!(unreadable("- a: 1\n- b: 2\n"), @"line 1, column 1: the document is a list; write a map that begins with `apiVersion:`, and `---` between several");
    assert_snapshot!(unreadable("just words\n"), @"line 1, column 1: the document is a single value; write a map that begins with `apiVersion:`, and `---` between several");
    assert_snapshot!(unreadable("a: 1\n---\n\n- b\n"), @"line 4, column 1: the document is a list; write a map that begins with `apiVersion:`, and `---` between several");
}

#[test]
fn an_alias_bomb_is_refused_before_it_is_expanded() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..30 {
        let below = vec![format!("*a{}", level - 1); 9].join(", ");
        bomb += &format!("a{level}: &a{level} [{below}]\n");
    }
    assert_snapshot!(unreadable(&bomb), @"line 5, column 10: the aliases expand to more than 10000 values; write the lines out instead");
}

#[test]
fn what_is_too_large_or_too_deep_is_refused() {
    assert_snapshot!(unreadable(&"# long\n".repeat(200_000)), @"line 1, column 1: the file has 1400000 bytes; at most 1048576 are read, so split it");
    assert_snapshot!(unreadable(&format!("a: {}{}", "[".repeat(100), "]".repeat(100))), @"line 1, column 27: nested deeper than 24 levels; a record has less than ten");
    assert_snapshot!(unreadable(&"a: 1\n---\n".repeat(200)), @"line 200, column 1: more than 100 documents; split the file");
    assert_snapshot!(unreadable(&format!("a: [{}]", "1,".repeat(100_000))), @"line 1, column 99999: more than 50000 values; split the file");
}
