//! The user guide's page on filters, line by line: what is quoted stands there.
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html#Filtering_Resources_CLI>

use std::collections::BTreeSet;

use serde_json::{Value, json};
use simulator::cloud::api::ec2::*;

use super::{each, filter, read, unread, write};
use crate::bench::Bench;

/// A group for each description, which the page takes of snapshots, with a tag that says the same.
fn described(texts: &[&str]) -> Bench {
    let bench = Bench::new();
    for (text, n) in texts.iter().zip(0..) {
        let tags = json!([{ "ResourceType": "security-group", "Tag": [{ "Key": "Name", "Value": text }] }]);
        // Of a description EC2 takes fewer characters.
        let plain = if text.contains(['?', '\\']) { "none" } else { *text };
        let group = json!({ "GroupName": format!("g{n}"), "GroupDescription": plain, "TagSpecification": tags });
        write::<CreateSecurityGroup>(&bench, group);
    }
    bench
}

/// What such groups say that these filters find.
fn groups(bench: &Bench, filters: Value) -> BTreeSet<String> {
    let answer = read::<DescribeSecurityGroups>(bench, json!({ "Filter": filters }));
    let found = answer["securityGroupInfo"].as_array().unwrap().clone();
    let tagged = found.iter().filter_map(|group| group["tagSet"].as_array());
    tagged.flatten().filter(|tag| tag["key"] == "Name").map(|tag| tag["value"].as_str().unwrap().to_owned()).collect()
}

/// What these filters find, by description and likewise by tag.
#[track_caller]
fn check(bench: &Bench, values: &[&str], found: &[&str]) {
    let found: BTreeSet<String> = found.iter().map(|text| (*text).to_owned()).collect();
    let of_description = !values.iter().any(|value| value.contains('\\'));
    for name in
        ["tag:Name", "tag-value", "description"].into_iter().filter(|name| *name != "description" || of_description)
    {
        assert_eq!(groups(bench, json!([filter(name, values)])), found, "{name} {values:?}");
    }
}

#[track_caller]
fn limit(bench: &Bench, filters: Value) {
    assert_eq!(unread::<DescribeSecurityGroups>(bench, json!({ "Filter": filters })), "FilterLimitExceeded");
}

#[test]
fn fifty_filters_of_two_hundred_values_each_are_taken_and_no_more() {
    let bench = described(&["database"]);
    let many = |filters: usize, values: usize| {
        let mut all = vec!["none"; values - 1];
        all.push("database");
        json!(vec![filter("description", &all); filters])
    };
    assert_eq!(groups(&bench, many(50, 200)).len(), 1);
    limit(&bench, many(51, 1));
    limit(&bench, many(1, 201));
    // Although there is nothing to be filtered.
    let volumes = json!({ "Filter": many(1, 201) });
    assert_eq!(unread::<DescribeVolumes>(&bench, volumes), "FilterLimitExceeded");
}

#[test]
fn a_filter_string_has_at_most_255_characters() {
    let (full, more) = ("a".repeat(255), "a".repeat(256));
    let bench = described(&[&full]);
    check(&bench, &[&full], &[&full]);
    check(&bench, &["ä".repeat(255).as_str()], &[]);
    for name in ["description", "tag:Name", "group-id"] {
        limit(&bench, json!([filter(name, &["x", &more])]));
    }
    limit(&bench, json!([filter(&format!("tag:{more}"), &["x"])]));
}

#[test]
fn an_asterisk_matches_zero_or_more_characters() {
    let bench = described(&["database", "my database", "databases", "a data base"]);
    // "If you specify database as the filter value, the command returns only the snapshots whose description is database."
    check(&bench, &["database"], &["database"]);
    check(&bench, &["*database*"], &["database", "my database", "databases"]);
    check(&bench, &["*"], &["database", "my database", "databases", "a data base"]);
}

#[test]
fn a_question_mark_matches_zero_or_one_character() {
    let bench = described(&["database", "databases", "database1234", "database12345", "prod", "prods", "production"]);
    // "Only snapshots whose description is database or database followed by one character."
    check(&bench, &["database?"], &["database", "databases"]);
    // "It excludes descriptions with database followed by five or more characters."
    check(&bench, &["database????"], &["database", "databases", "database1234"]);
    // "A search of prod* matches all values, whereas prod? matches only prod and prods."
    check(&bench, &["prod*"], &["prod", "prods", "production"]);
    check(&bench, &["prod?"], &["prod", "prods"]);
    check(&bench, &["?ro?ds?"], &["prods"]);
}

#[test]
fn names_and_values_are_case_sensitive() {
    let bench = described(&["database"]);
    check(&bench, &["Database"], &[]);
    check(&bench, &["DATA*"], &[]);
    assert_eq!(groups(&bench, json!([filter("tag:name", &["database"])])).len(), 0);
    let capital = json!({ "Filter": [filter("Description", &["database"])] });
    assert_eq!(unread::<DescribeSecurityGroups>(&bench, capital), "InvalidParameterValue");
}

#[test]
fn a_backslash_makes_the_next_wildcard_literal() {
    let bench = described(&[r"*amazon?\", "x amazon1", "a*b", "axb", r"C:\temp", r"a\b"]);
    // "A value of \*amazon\?\\ searches for the literal string *amazon?\."
    check(&bench, &[r"\*amazon\?\\"], &[r"*amazon?\"]);
    check(&bench, &[r"a\*b"], &["a*b"]);
    assert_eq!(groups(&bench, json!([filter("tag:Name", &["a*b"])])).len(), 3);
    check(&bench, &[r"*\**"], &[r"*amazon?\", "a*b"]);
    // Before anything else it is itself: the page does not say, and nobody means anything else.
    check(&bench, &[r"C:\temp"], &[r"C:\temp"]);
    check(&bench, &[r"a\\b"], &[r"a\b"]);
}

#[test]
fn all_filters_must_match_and_one_value_of_each() {
    let bench = described(&["red", "green", "blue"]);
    // "All instances whose type is either m5.large or m5d.large."
    check(&bench, &["red", "blue"], &["red", "blue"]);
    let both = json!([filter("description", &["red", "blue"]), filter("tag:Name", &["blue", "green"])]);
    assert_eq!(groups(&bench, both), ["blue".to_owned()].into());
    let twice = json!([filter("description", &["red", "blue"]), filter("description", &["blue", "green"])]);
    assert_eq!(groups(&bench, twice), ["blue".to_owned()].into(), "one that is given twice is two filters");
}

#[test]
fn an_empty_value_is_a_value_and_none_finds_nothing() {
    let bench = described(&["tagged", "other"]);
    let ids = read::<DescribeSecurityGroups>(&bench, json!({ "Filter": [filter("description", &["tagged"])] }));
    let id = ids["securityGroupInfo"][0]["groupId"].clone();
    write::<CreateTags>(&bench, json!({ "ResourceId": [id], "Tag": [{ "Key": "Stack" }] }));
    let found = |name: &str, values: &[&str]| groups(&bench, json!([filter(name, values)])).len();
    assert_eq!((found("tag:Stack", &[""]), found("tag-value", &[""]), found("tag:Name", &[""])), (1, 1, 0));
    assert_eq!((found("tag:Stack", &["?"]), found("tag:Stack", &["*"])), (1, 1));
    assert_eq!((found("tag:Stack", &[]), found("description", &[])), (0, 0));
    let purposes = json!({ "Filter": [filter("key", &["Stack"]), filter("value", &[""])] });
    assert_eq!(each(&read::<DescribeTags>(&bench, purposes)["tagSet"], "key"), ["Stack"]);
    let nameless = json!({ "Filter": [{ "Value": ["x"] }] });
    assert_eq!(unread::<DescribeSecurityGroups>(&bench, nameless), "InvalidParameterValue");
}

#[test]
fn tags_are_found_by_key_and_by_value() {
    let bench = described(&["red", "blue"]);
    let found = |name: &str, value: &str| groups(&bench, json!([filter(name, &[value])])).len();
    assert_eq!((found("tag-key", "Name"), found("tag-key", "N?me*"), found("tag-key", "red")), (2, 2, 0));
    assert_eq!((found("tag-value", "red"), found("tag-value", "Name"), found("tag:Name", "red")), (1, 0, 1));
    // The key in a filter's name is no pattern.
    assert_eq!(found("tag:N*", "red"), 0);
}
