//! The command line itself: flags, variables, help, and the verbs that need no table.

use crate::table::{Ran, Table, bare, finish};

fn run(arguments: &[&str]) -> Ran {
    finish(bare(arguments).spawn().unwrap(), "")
}

#[test]
fn bootstrap_makes_the_table_or_says_that_it_is_there() {
    let table = Table::missing();
    let first = table.run(&["bootstrap"]);
    assert_eq!((first.status, first.out.lines().next()), (0, Some("table understudy created")), "{first:?}");
    let second = table.run(&["bootstrap"]);
    assert_eq!((second.status, second.out.lines().next()), (0, Some("table understudy exists")));
    assert!(second.out.contains("time to live on expiresAt: on"), "{}", second.out);
}

#[test]
fn the_policy_and_the_schema_need_neither_account_nor_region() {
    let bare_of_aws = |arguments: &[&str]| {
        let mut command = bare(arguments);
        command.env_remove("AWS_REGION").env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
        finish(command.spawn().unwrap(), "").json()
    };
    let policy = bare_of_aws(&["bootstrap", "--print-iam-policy"]);
    assert_eq!(policy["Version"], "2012-10-17");
    assert_eq!(bare_of_aws(&["schema"]), crds_schema::json_schema());
}

#[test]
fn completions_know_the_verbs() {
    for shell in ["bash", "zsh", "fish"] {
        let ran = run(&["completions", shell]);
        assert!(ran.status == 0 && ran.out.contains("bootstrap"), "{shell}");
    }
    run(&["completions", "cmd"]).complains(2, &["<SHELL>: `cmd` is no value of it"]);
}

#[test]
fn usage_errors_are_told_like_all_others() {
    run(&["get", "--bogus"]).complains(2, &["--bogus: is not known"]);
    run(&["describ"]).complains(2, &["describ: is no verb; did you mean `describe`?"]);
    run(&["wait"]).complains(2, &["--for <WHAT>: is missing", "<NAME>: is missing"]);
    run(&["apply"]).complains(2, &["--file <FILE>: is missing"]);
    let nothing = run(&[]);
    assert!(nothing.status == 2 && nothing.out.is_empty() && nothing.err.contains("Usage:"), "{nothing:?}");
}

#[test]
fn all_wrong_values_are_told_together_whether_flags_or_variables() {
    let mut command =
        bare(&["controller", "--table", "a", "--endpoint-url", "localhost:8000", "--missing-after", "0s"]);
    command.envs([
        ("UNDERSTUDY_REGION", "US East"),
        ("UNDERSTUDY_OUTPUT", "xml"),
        ("UNDERSTUDY_RESYNC_INTERVAL", "10"),
    ]);
    command.env("UNDERSTUDY_LOG_FORMAT", "loud");
    finish(command.spawn().unwrap(), "").complains(
        2,
        &[
            "--table: ",
            "--region: ",
            "--endpoint-url: ",
            "--output: ",
            "--log-format: ",
            "--resync-interval: ",
            "--missing-after: ",
        ],
    );
}

#[test]
fn every_flag_may_be_a_variable() {
    let table = Table::new();
    let file = table.file("shop.yaml", crate::table::RECORD);
    let mut command = table.command(&["apply"]);
    command.env("UNDERSTUDY_FILE", &file).env("UNDERSTUDY_DRY_RUN", "true");
    finish(command.spawn().unwrap(), "").prints(0, "stagingenvironment/shop created (dry run)\n");
    let mut command = table.command(&["apply", "-f", "shop.yaml"]);
    command.env("UNDERSTUDY_DRY_RUN", "false").env("UNDERSTUDY_TABLE", "understudy");
    finish(command.spawn().unwrap(), "").prints(0, "stagingenvironment/shop created\n");
    let mut command = table.command(&["get", "shop"]);
    command.env("UNDERSTUDY_OUTPUT", "json");
    assert_eq!(finish(command.spawn().unwrap(), "").json()["kind"], "StagingEnvironment");
}

#[test]
fn the_controller_ends_well_when_it_is_told_to() {
    use std::io::{BufRead as _, BufReader};
    let table = Table::new();
    let mut child = table.command(&["controller", "--log-format", "json"]).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(log.any(|line| line.contains("lease acquired")));
    let killed = std::process::Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(killed.success());
    log.for_each(drop);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let once = table.run(&["controller", "--once"]);
    assert_eq!(once.status, 0, "the lease was given back: {once:?}");
}
