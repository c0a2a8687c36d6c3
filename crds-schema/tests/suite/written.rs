//! Advice shows what the user wrote, and what was probably meant by it.

use crds_schema::{parse, read_documents};
use insta::assert_snapshot;
use serde_json::json;

use crate::{faults_with, minimal, with};

/// A document whose spec begins with these lines, besides the least that is needed.
fn text(lines: &str) -> String {
    let indented: String = lines.lines().map(|line| format!("  {line}\n")).collect();
    format!(
        "apiVersion: understudy.dev/v1alpha1\nkind: StagingEnvironment\nmetadata: {{name: shop}}\nspec:\n{indented}  image: {{amiId: ami-0123456789abcdef0}}\n"
    )
}

/// The faults of a spec in which `instances`, `services` and `access` are as they should be.
fn wrong(lines: &str) -> String {
    let sound = "instances: {count: 2, types: [t3.medium]}\nservices: [{port: 8080}]\naccess: {loadBalancer: [{cidr: 0.0.0.0/0}]}\n";
    faults_of(&text(&format!("{sound}{lines}")))
}

/// Likewise, `instances.count` being this.
fn count(written: &str) -> String {
    let rest = "services: [{port: 8080}]\naccess: {loadBalancer: [{cidr: 0.0.0.0/0}]}\n";
    faults_of(&text(&format!("instances:\n  types: [t3.medium]\n  count: {written}\n{rest}")))
}

fn faults_of(text: &str) -> String {
    let document = read_documents(text).unwrap().remove(0);
    document.parse().err().unwrap_or_default().iter().map(|fault| format!("{fault}\n")).collect()
}

#[test]
fn a_tag_is_quoted_as_it_was_written() {
    assert_snapshot!(wrong("tags: {Account: 012345678901, Release: 1.10, Hex: 0x1F, Big: 123456789012345678901234, Exp: 1e3, Plus: +5, On: True, Oct: 0o17, Many: 1_000}"), @r#"
    spec.tags.Account: must be a text, not a number; put it in quotes: `"012345678901"`
    spec.tags.Big: must be a text, not a number; put it in quotes: `"123456789012345678901234"`
    spec.tags.Exp: must be a text, not a number; put it in quotes: `"1e3"`
    spec.tags.Hex: must be a text, not a number; put it in quotes: `"0x1F"`
    spec.tags.Many: must be a text, not a number; put it in quotes: `"1_000"`
    spec.tags.Oct: must be a text, not a number; put it in quotes: `"0o17"`
    spec.tags.On: must be a text, not `true` or `false`; put it in quotes: `"True"`
    spec.tags.Plus: must be a text, not a number; put it in quotes: `"+5"`
    spec.tags.Release: must be a text, not a number with a fraction; put it in quotes: `"1.10"`
    "#);
}

#[test]
fn a_number_in_a_form_with_two_readings_is_refused_with_both() {
    assert_snapshot!(count("010"), @"spec.instances.count: `010` has a leading zero, which some read to base 8; write `10`, or `8` if it was meant to base 8");
    assert_snapshot!(count("08"), @"spec.instances.count: `08` has a leading zero, which some read to base 8; write `8`");
    assert_snapshot!(count("0b11"), @"spec.instances.count: `0b11` is written to another base; write `3`");
    assert_snapshot!(count("0x1F"), @"spec.instances.count: `0x1F` is written to another base; write `31`");
    assert_snapshot!(count("0o17"), @"spec.instances.count: `0o17` is written to another base; write `15`");
    assert_snapshot!(count("1_000"), @"spec.instances.count: `1_000` has a `_` in it; write `1000`");
    assert_snapshot!(count("-010"), @"spec.instances.count: -010 is out of range; write 0 to 1000");
    assert_snapshot!(count("0xFFFF"), @"spec.instances.count: 0xFFFF is out of range; write 0 to 1000");
    assert_snapshot!(count("007.0"), @"spec.instances.count: `007.0` has a leading zero, which some read to base 8; write `7`");
    for taken in ["2", "+2", "2.0", "2e0", "0.2e1"] {
        assert_eq!(count(taken), "", "{taken}");
    }
}

#[test]
fn a_number_without_an_end_hides_no_other_fault() {
    assert_snapshot!(wrong("tags: {Load: .inf, Other: -.INF, Nan: .NaN}\npaused: yes\nrollout: {maxSurge: .inf}\nhealing: {maxTerminationsPerHour: 1e999}"), @r#"
    spec.healing.maxTerminationsPerHour: must be a whole number, not the number `1e999`; write 0 to 1000
    spec.paused: must be `true` or `false`, not a text; write `true`
    spec.rollout.maxSurge: must be a whole number or a text, not the number `.inf`; write it like `1`
    spec.tags.Load: must be a text, not the number `.inf`; put it in quotes: `".inf"`
    spec.tags.Nan: must be a text, not the number `.NaN`; put it in quotes: `".NaN"`
    spec.tags.Other: must be a text, not the number `-.INF`; put it in quotes: `"-.INF"`
    "#);
}

#[test]
fn a_tag_without_a_value_is_refused() {
    assert_snapshot!(wrong("tags:\n  Nul: ~\n  Word: null\n  Nothing:\n  Empty: \"\"\n"), @r#"
    spec.tags.Nothing: has no value; write `""` for an empty one, or leave it out
    spec.tags.Nul: `~` is no value; put it in quotes: `"~"`, or leave it out
    spec.tags.Word: `null` is no value; put it in quotes: `"null"`, or leave it out
    "#);
    assert_snapshot!(faults_with(&[("spec.tags", json!({"Nul": null})), ("metadata.labels", json!({"a": null}))]), @r#"
    metadata.labels.a: has no value; write `""` for an empty one, or leave it out
    spec.tags.Nul: has no value; write `""` for an empty one, or leave it out
    "#);
}

#[test]
fn a_key_that_stands_twice_is_one_fault_among_all() {
    assert_snapshot!(faults_of(&text("instances:\n  count: 2\n  types: [t3.medium]\n  count: 3\nservices: [{port: 80, port: 81}]\npaused: 7\n")), @r"
    spec.access.loadBalancer: missing for an internet-facing load balancer; say who may reach it, for example `[{cidr: 0.0.0.0/0}]` for everybody
    spec.instances.count: stands twice in this map, in lines 6 and 8; keep one
    spec.paused: must be `true` or `false`, not a number; write `true` or `false`
    spec.services[0].port: stands twice in this map, in line 9; keep one
    ");
}

#[test]
fn a_merged_map_may_be_overridden() {
    let yaml = text(
        "instances: &i {count: 2, types: [t3.medium]}\nservices: [{port: 8080}]\naccess: {loadBalancer: [{cidr: 0.0.0.0/0}]}\ntags: {<<: {A: x, B: y}, A: z}\n",
    );
    let document = read_documents(&yaml).unwrap().remove(0);
    assert_eq!(document.value["spec"]["tags"], json!({"A": "z", "B": "y"}));
    assert!(document.parse().is_ok());
}

#[test]
fn what_an_alias_repeats_is_quoted_from_where_it_was_written() {
    assert_snapshot!(wrong("tags: {A: &v 1.10, B: *v, C: !!int 0x10, D: !!str 010}"), @r#"
    spec.tags.A: must be a text, not a number with a fraction; put it in quotes: `"1.10"`
    spec.tags.B: must be a text, not a number with a fraction; put it in quotes: `"1.10"`
    spec.tags.C: must be a text, not a number; put it in quotes: `"0x10"`
    "#);
}

#[test]
fn a_switch_is_told_its_word() {
    for (written, meant) in [
        ("yes", "write `true`"),
        ("Off", "write `false`"),
        ("1", "write `true`"),
        ("\"true\"", "write `true`, without quotes"),
        ("maybe", "write `true` or `false`"),
    ] {
        let told = wrong(&format!("paused: {written}"));
        assert!(told.trim_end().ends_with(meant), "{told}");
    }
}

#[test]
fn a_duration_is_told_its_units() {
    let told = |written: &str| wrong(&format!("rollout: {{bakeTime: {written}}}"));
    assert_snapshot!(told("90"), @"spec.rollout.bakeTime: must be a text, not a number; write `90s` or `90m`");
    assert_snapshot!(told("1:30"), @"spec.rollout.bakeTime: `1:30` is not a duration; write `1m30s` or `1h30m`");
    assert_snapshot!(told("0"), @"spec.rollout.bakeTime: must be a text, not a number; write `0s`");
    assert_snapshot!(told("5 min"), @"spec.rollout.bakeTime: `5 min` is not a duration; write `5m`");
    assert_snapshot!(told("1.5h"), @"spec.rollout.bakeTime: `1.5h` is not a duration; write `1h30m`");
    assert_snapshot!(told("1m1h"), @"spec.rollout.bakeTime: `1m1h` is not a duration; write `1h1m`");
    assert_snapshot!(told("\"2 hours, 10 minutes\""), @"spec.rollout.bakeTime: `2 hours, 10 minutes` is not a duration; write `2h10m`");
    assert_snapshot!(told("soon"), @"spec.rollout.bakeTime: `soon` is not a duration; write it like `30s`, `5m`, `24h` or `1h30m`");
    assert_snapshot!(told("true"), @"spec.rollout.bakeTime: must be a text, not `true` or `false`; write it like `30s`");
    assert_snapshot!(told("2026-11-29"), @"spec.rollout.bakeTime: `2026-11-29` is not a duration; write it like `30s`, `5m`, `24h` or `1h30m`");
}

#[test]
fn a_number_in_quotes_is_told_to_go_without() {
    assert_snapshot!(count("\"2\""), @"spec.instances.count: must be a whole number, not a text; write the number `2`, without quotes");
    assert_snapshot!(count("\"1,000\""), @"spec.instances.count: must be a whole number, not a text; write the number `1000`, without quotes");
    assert_snapshot!(count("two"), @"spec.instances.count: must be a whole number, not a text; write it like `2`");
    assert_snapshot!(wrong("rollout: {maxSurge: \"1\", maxUnavailable: 50 %}\nhealing: {maxUnhealthy: 0.5}"), @r"
    spec.healing.maxUnhealthy: must be a whole number or a text, not a number with a fraction; write `50%`
    spec.rollout.maxSurge: `1` is not a share; write the number `1`, without quotes
    spec.rollout.maxUnavailable: `50 %` is not a share; write `50%`
    ");
    assert_snapshot!(faults_with(&[("spec.services[0].healthCheck.port", json!("08080"))]), @"spec.services[0].healthCheck.port: `08080` has a leading zero, which some read to base 8; write `8080`");
}

#[test]
fn a_range_is_told_its_one_form() {
    let told = |range: &str| faults_with(&[("spec.access.ssh", json!([{"cidr": range}]))]);
    assert_snapshot!(told("203.0.113.7"), @"spec.access.ssh[0].cidr: `203.0.113.7` is not an address range; write `203.0.113.7/32` for that address alone");
    assert_snapshot!(told("0.0.0.0"), @"spec.access.ssh[0].cidr: `0.0.0.0` is not an address range; write `0.0.0.0/0` for everybody");
    assert_snapshot!(told("2001:db8::1"), @"spec.access.ssh[0].cidr: `2001:db8::1` is not an address range; write `2001:db8::1/128` for that address alone");
    assert_snapshot!(told("010.0.0.0/8"), @"spec.access.ssh[0].cidr: `010.0.0.0/8` has a leading zero, which some read to base 8; write `10.0.0.0/8`");
    assert_snapshot!(told("10.0.0.0/255.0.0.0"), @"spec.access.ssh[0].cidr: `10.0.0.0/255.0.0.0` is not an address range; write `10.0.0.0/8`");
    assert_snapshot!(told("10.0.0.0 / 8"), @"spec.access.ssh[0].cidr: `10.0.0.0 / 8` is not an address range; write `10.0.0.0/8`");
    assert_snapshot!(told("10.0.0.0/33"), @"spec.access.ssh[0].cidr: `10.0.0.0/33` is not an address range; write it like `203.0.113.0/24` or `2001:db8::/32`");
    assert_snapshot!(told("my-office"), @"spec.access.ssh[0].cidr: `my-office` is not an address range; write it like `203.0.113.0/24` or `2001:db8::/32`");
}

/// The canonical form is for comparing; a message shows what stands in the file.
#[test]
fn a_rule_across_fields_quotes_what_was_written() {
    assert_snapshot!(faults_with(&[("spec.services[0].healthCheck", json!({"interval": "90s", "timeout": "100s"}))]), @"spec.services[0].healthCheck.timeout: 100s is not less than the interval of 90s; shorten the timeout or lengthen the interval");
    assert_snapshot!(faults_with(&[("spec.access.ssh", json!([{"cidr": "2001:db8::/32"}, {"cidr": "2001:0DB8:0::/32"}]))]), @r#"spec.access.ssh[1]: `{cidr: "2001:0DB8:0::/32"}` is the same as `{cidr: "2001:db8::/32"}`; keep one"#);
}

#[test]
fn a_record_without_a_text_is_told_what_the_table_holds() {
    assert_snapshot!(faults_with(&[("spec.tags", json!({"Account": 12345678901_u64, "Release": 1.1, "On": true}))]), @r#"
    spec.tags.Account: must be a text, not a number; put it in quotes: `"12345678901"`
    spec.tags.On: must be a text, not `true` or `false`; put it in quotes: `"true"`
    spec.tags.Release: must be a text, not a number with a fraction; put it in quotes: `"1.1"`
    "#);
    assert!(parse(&with(minimal(), "spec.instances.count", json!(10.0))).is_ok());
}

#[test]
fn several_documents_and_the_items_of_a_list_are_quoted_each_from_its_own_text() {
    let one = text(
        "tags: {R: 1.10}\ninstances: {count: 010, types: [t3.medium]}\nservices: [{port: 8080}]\naccess: {loadBalancer: [{cidr: 0.0.0.0/0}]}\n",
    );
    let indented: String = one.lines().map(|line| format!("  {line}\n")).collect();
    let list = format!("kind: List\nitems:\n-\n{indented}");
    let both = format!("\u{feff}# ünïcode\n{one}---\n{list}");
    for document in read_documents(&both).unwrap() {
        let told: String = document.parse().unwrap_err().iter().map(|fault| format!("{fault}\n")).collect();
        assert_eq!(told, faults_of(&one));
        assert!(told.contains("`\"1.10\"`") && told.contains("`010` has a leading zero"), "{told}");
    }
}
