//! Wrong command lines, and what beats what.

use crate::world::{NOBODY, SHOP, World, ended};

#[test]
fn a_wrong_command_line_is_2() {
    let world = World::empty();
    world.run(&["apply"]).complains(2, &["--file", "missing"]);
    world.run(&["wait", "shop"]).complains(2, &["--for", "missing"]);
    world.run(&["delete"]).complains(2, &["NAME", "missing"]);
    world.run(&["wait", "shop", "--for", "condition=Raedy"]).complains(2, &["`condition=Raedy`", "condition=Ready"]);
    world.run(&["get", "a", "b"]).complains(2, &["error: b: ", "not known"]);
}

#[test]
fn no_verb_at_all_shows_the_verbs_and_is_2() {
    let ran = World::empty().run(&[]);
    assert_eq!((ran.status, ran.out.as_str()), (2, ""), "{ran:?}");
    ran.tells(&["bootstrap", "apply", "controller"]);
}

#[test]
fn an_unknown_verb_or_flag_is_answered_with_the_nearest() {
    let world = World::empty();
    world.run(&["aply"]).complains(2, &["error: aply: ", "`apply`"]);
    world.run(&["gte"]).complains(2, &["error: gte: is no verb; did you mean `get`?"]);
    world.run(&["list"]).complains(2, &["error: list: is no verb; see `understudy --help`"]);
    world.run(&["get", "--regoin", "us-east-2"]).complains(2, &["error: --regoin: ", "`--region`"]);
    world.run(&["get", "--output", "jsn"]).complains(2, &["error: --output: ", "`jsn`", "json"]);
}

#[test]
fn every_wrong_value_is_told_at_once() {
    let args = ["wait", "a", "--for", "delete", "--table", "a b", "--region", "US", "--endpoint-url", "x", "-o", "j"];
    let ran = World::empty().run(&[&args[..], &["--timeout", "soon"]].concat());
    assert_eq!((ran.status, ran.out.as_str(), ran.complaints().len()), (2, "", 5), "{ran:?}");
    ran.tells(&["--table", "--region", "--endpoint-url", "--output", "--timeout"]);
}

#[test]
fn a_flag_that_means_nothing_for_a_verb_is_refused_and_a_variable_is_not() {
    let world = World::with_shop();
    let file = world.file("shop.yaml", SHOP);
    for verb in [
        vec!["apply", "-f", &file],
        vec!["edit", "shop"],
        vec!["diff", "-f", &file],
        vec!["wait", "shop", "--for", "delete"],
        vec!["delete", "shop"],
        vec!["bootstrap"],
        vec!["controller"],
        vec!["completions", "bash"],
        vec!["demo"],
    ] {
        world.run(&[&verb[..], &["-o", "json"]].concat()).complains(2, &["error: --output: means nothing here"]);
    }
    world.run(&["-o", "json", "apply", "-f", &file]).complains(2, &["error: --output: means nothing here"]);
    world.run(&["delete", "shop", "--timeout", "1m"]).complains(2, &["error: --timeout: means nothing", "--wait"]);
    assert_eq!(world.item("shop", "DELETION"), None);
    let mut command = world.command(&["apply", "-f", &file]);
    command.env("UNDERSTUDY_OUTPUT", "json").env("UNDERSTUDY_TIMEOUT", "1m");
    ended(command).says("stagingenvironment/shop unchanged\n");
    let mut command = world.command(&["delete", "shop"]);
    command.env("UNDERSTUDY_TIMEOUT", "1m");
    ended(command).says("stagingenvironment/shop deleting\n");
}

#[test]
fn a_policy_is_printed_as_json_or_yaml() {
    let world = World::empty();
    let json = world.run(&["bootstrap", "--print-iam-policy"]).yes().json();
    assert_eq!(json["Version"], "2012-10-17");
    let yaml = world.run(&["bootstrap", "--print-iam-policy", "-o", "yaml"]).yes().out;
    assert!(yaml.contains("2012-10-17") && !yaml.contains('{'), "{yaml}");
}

#[test]
fn a_variable_stands_in_for_a_flag_and_a_flag_beats_it() {
    let world = World::with_shop();
    world.run(&["bootstrap", "--table", "other"]).yes();
    let names = |args: &[&str], variables: &[(&str, &str)]| {
        let mut command = world.command(args);
        command.envs(variables.iter().copied()).env("UNDERSTUDY_OUTPUT", "json");
        ended(command).yes().json()["items"].as_array().unwrap().len()
    };
    assert_eq!(names(&["get"], &[]), 1);
    assert_eq!(names(&["get"], &[("UNDERSTUDY_TABLE", "other")]), 0);
    assert_eq!(names(&["get", "--table", "understudy"], &[("UNDERSTUDY_TABLE", "other")]), 1);
    // Set to nothing is not set.
    assert_eq!(names(&["get"], &[("UNDERSTUDY_TABLE", "")]), 1);
}

#[test]
fn our_endpoint_beats_every_variable_of_aws() {
    let world = World::with_shop();
    let mut command = world.command(&["get", "--endpoint-url", world.endpoint()]);
    command.env("AWS_ENDPOINT_URL_DYNAMODB", NOBODY);
    assert!(ended(command).yes().out.contains("shop"));
    let mut command = world.command(&["get"]);
    command.env("AWS_ENDPOINT_URL_DYNAMODB", NOBODY).env("UNDERSTUDY_ENDPOINT_URL", world.endpoint());
    assert!(ended(command).yes().out.contains("shop"));
    let mut command = world.command(&["get", "--endpoint-url", NOBODY]);
    command.env("UNDERSTUDY_ENDPOINT_URL", world.endpoint());
    ended(command).complains(2, &[NOBODY]);
}

#[test]
fn the_file_to_apply_can_be_a_variable() {
    let world = World::new();
    let mut command = world.command(&["apply"]);
    command.env("UNDERSTUDY_FILE", world.file("shop.yaml", SHOP)).env("UNDERSTUDY_DRY_RUN", "true");
    ended(command).says("stagingenvironment/shop created (dry run)\n");
}

#[test]
fn help_says_the_exit_statuses_and_has_an_example() {
    let help = World::empty().run(&["wait", "--help"]).yes().out;
    assert!(help.contains("Exit status: 0") && help.contains("Example:\n  understudy wait"), "{help}");
    let version = World::empty().run(&["--version"]).yes().out;
    assert!(version.starts_with("understudy "), "{version}");
}

#[test]
fn completions_know_the_verbs() {
    let world = World::empty();
    let script = world.run(&["completions", "bash"]).yes().out;
    assert!(script.contains("bootstrap") && script.contains("--endpoint-url") && script.contains("complete -F"));
    let file = world.file("understudy.bash", script);
    let parsed = std::process::Command::new("bash").args(["-n", &file]).status().unwrap();
    assert!(parsed.success());
    world.run(&["completions", "cmd"]).complains(2, &["`cmd`", "bash"]);
}

#[test]
fn what_is_piped_has_no_colours() {
    let world = World::with_shop();
    let ran = world.run(&["get"]).yes();
    assert!(!ran.out.contains('\u{1b}'), "{ran:?}");
    let ran = world.run(&["describe", "shop"]).yes();
    assert!(!ran.out.contains('\u{1b}'), "{ran:?}");
}

#[test]
fn what_is_missing_is_said_in_one_line() {
    let world = World::empty();
    let mut command = world.command(&["get"]);
    command.env_remove("AWS_REGION");
    let ran = ended(command).complains(2, &["error: --region: nothing names a region"]);
    assert_eq!(ran.err.lines().count(), 1, "{ran:?}");
    let mut command = world.command(&["get"]);
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    let ran = ended(command).complains(2, &["error: AWS credentials: none were found"]);
    assert_eq!(ran.err.lines().count(), 1, "{ran:?}");
}
