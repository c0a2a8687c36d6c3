//! Bad input: each gets one clear message with what to do, the contract's exit status, and leaves the table as it was.

use crate::world::{NOBODY, SHOP, World, ended};

/// Applies a text that must be refused with one message in which these words stand.
fn refused(text: &str, words: &[&str]) {
    let world = World::new();
    let file = world.file("bad.yaml", text);
    world.run(&["apply", "-f", &file]).complains(1, words);
    world.run(&["diff", "-f", &file]).complains(2, words);
    assert_eq!(world.item("shop", "SPEC"), None);
}

#[test]
fn every_fault_of_a_document_is_told_at_once_with_its_path() {
    let world = World::new();
    let bad = SHOP
        .replace("count: 2", "count: -1")
        .replace("types: [t3.medium]", "types: []\n    contu: 3")
        .replace("port: 8080", "port: 0")
        .replace("0.0.0.0/0", "10.0.0.1/8");
    let ran = world.run_with_input(&["apply", "-f", "-"], &bad);
    assert_eq!((ran.status, ran.out.as_str(), ran.complaints().len()), (1, "", 5), "{ran:?}");
    ran.tells(&[
        "error: spec.instances.count: ",
        "error: spec.instances.types",
        "error: spec.instances.contu: ",
        "`count`",
        "error: spec.services[0].port: ",
        "error: spec.access.loadBalancer[0].cidr: ",
        "10.0.0.0/8",
    ]);
}

#[test]
fn a_missing_file_is_named() {
    let world = World::new();
    world.run(&["apply", "-f", "no/such.yaml"]).complains(1, &["error: no/such.yaml: "]);
    world.run(&["diff", "-f", "no/such.yaml"]).complains(2, &["error: no/such.yaml: "]);
}

#[test]
fn a_directory_and_bytes_that_are_no_text_are_no_files_to_apply() {
    let world = World::new();
    let dir = world.dir().display().to_string();
    world.run(&["apply", "-f", &dir]).complains(1, &[&dir]);
    let binary = world.file("binary.yaml", [0xff, 0xfe, 0x00]);
    world.run(&["apply", "-f", &binary]).complains(1, &[&binary, "UTF-8"]);
}

#[test]
fn what_was_written_is_quoted_though_it_stands_for_something_else() {
    refused(
        &SHOP.replace("    count: 2", "    count: 0x2"),
        &["spec.instances.count: `0x2` is written to another base", "`2`"],
    );
    let twice = SHOP.replace("    count: 2", "    count: 2\n    count: 3");
    refused(&twice, &["spec.instances.count: stands twice in this map, in lines 9 and 10; keep one"]);
    let tagged = SHOP.replace("  instances:\n", "  tags: {Release: 1.10}\n  instances:\n");
    refused(&tagged, &["spec.tags.Release: ", "put it in quotes: `\"1.10\"`"]);
}

#[test]
fn unreadable_yaml_is_told_with_its_line_and_column() {
    refused("apiVersion: understudy.dev/v1alpha1\nkind: [oops\nspec: {}\n", &["bad.yaml: line ", "column "]);
}

#[test]
fn an_empty_file_says_what_to_write() {
    refused("", &["bad.yaml: line 1, column 1: ", "empty", "StagingEnvironment"]);
    refused("# only a remark\n---\n", &["bad.yaml: line ", "empty"]);
}

#[test]
fn a_list_or_a_word_is_no_document() {
    refused("- a\n- b\n", &["bad.yaml: line 1, column 1: ", "a list"]);
    refused("shop\n", &["bad.yaml: line 1, column 1: ", "a single value"]);
}

#[test]
fn an_alias_bomb_does_not_go_off() {
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, of) in "bcdefghij".chars().zip("abcdefghi".chars()) {
        let aliases = [format!("*{of}").as_str(); 10].join(", ");
        bomb.push_str(&format!("{name}: &{name} [{aliases}]\n"));
    }
    refused(&bomb, &["bad.yaml: line ", "alias"]);
}

#[test]
fn another_kind_or_version_is_refused_with_ours() {
    refused(&SHOP.replace("StagingEnvironment", "Deployment"), &["error: kind: ", "StagingEnvironment"]);
    refused(&SHOP.replace("v1alpha1", "v2"), &["error: apiVersion: ", "understudy.dev/v1alpha1"]);
}

#[test]
fn an_endpoint_that_does_not_answer_is_named() {
    let world = World::empty();
    for verb in [vec!["get"], vec!["apply", "-f", "-"], vec!["bootstrap"], vec!["wait", "shop", "--for", "delete"]] {
        let mut args = verb;
        args.extend(["--endpoint-url", NOBODY]);
        world.run_with_input(&args, SHOP).complains(2, &["error: http://127.0.0.1:1", "--endpoint-url"]);
    }
}

#[test]
fn a_missing_table_says_bootstrap() {
    let world = World::empty();
    let file = world.file("shop.yaml", SHOP);
    for args in [vec!["get"], vec!["get", "shop"], vec!["apply", "-f", &file], vec!["delete", "shop"]] {
        world.run(&args).complains(2, &["error: table understudy: ", "`understudy bootstrap`"]);
    }
}

#[test]
fn missing_credentials_are_asked_for() {
    let mut command = World::new().command(&["get"]);
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    ended(command).complains(2, &["error: AWS credentials: ", "AWS_ACCESS_KEY_ID", "AWS_PROFILE"]);
}

#[test]
fn a_missing_region_is_asked_for() {
    let mut command = World::new().command(&["get"]);
    command.env_remove("AWS_REGION");
    ended(command).complains(2, &["--region", "AWS_REGION"]);
}
