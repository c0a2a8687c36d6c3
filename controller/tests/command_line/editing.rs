//! `edit`, with editors that need no person.

use std::os::unix::fs::PermissionsExt as _;

use crate::world::{Ran, World, ended};

/// Edits `shop` with a script as the editor; the draft is its first argument.
fn edit(world: &World, script: &str) -> Ran {
    let editor = world.file("editor", format!("#!/bin/sh\n{script}\n"));
    std::fs::set_permissions(&editor, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = world.command(&["edit", "shop"]);
    command.env("EDITOR", &editor);
    ended(command)
}

/// The drafts that were kept.
fn drafts(world: &World) -> Vec<String> {
    let entries = std::fs::read_dir(world.dir()).unwrap().map(|entry| entry.unwrap().path().display().to_string());
    entries.filter(|path| path.contains("understudy-edit-")).collect()
}

#[test]
fn an_editor_that_changes_nothing_leaves_the_record_unchanged() {
    let world = World::with_shop();
    let mut command = world.command(&["edit", "shop"]);
    command.env("EDITOR", "true");
    ended(command).says("stagingenvironment/shop unchanged\n");
    assert_eq!(drafts(&world), Vec::<String>::new());
}

#[test]
fn an_edit_is_applied() {
    let world = World::with_shop();
    edit(&world, r#"sed -i 's/count: 2/count: 3/' "$1""#).says("stagingenvironment/shop configured\n");
    assert_eq!(world.item("shop", "SPEC").unwrap()["spec"]["M"]["instances"]["M"]["count"]["N"], "3");
    assert_eq!(drafts(&world), Vec::<String>::new());
}

#[test]
fn an_invalid_edit_keeps_the_draft_and_says_where() {
    let world = World::with_shop();
    let before = world.item("shop", "SPEC");
    let ran = edit(&world, r#"sed -i 's/count: 2/count: -7/' "$1""#);
    let drafts = drafts(&world);
    assert_eq!((ran.status, ran.out.as_str(), drafts.len()), (1, "", 1), "{ran:?}");
    let ran = ran.tells(&["error: spec.instances.count: ", &format!("error: {}: ", drafts[0])]);
    assert_eq!(ran.complaints().len(), 2, "{ran:?}");
    assert!(std::fs::read_to_string(&drafts[0]).unwrap().contains("count: -7"));
    assert_eq!(world.item("shop", "SPEC"), before);
}

#[test]
fn an_editor_that_fails_is_named_and_the_draft_kept() {
    let world = World::with_shop();
    let ran = edit(&world, "exit 3");
    assert_eq!((ran.status, drafts(&world).len()), (2, 1), "{ran:?}");
    ran.tells(&["error: editor `", "3"]);
}

#[test]
fn an_edit_by_somebody_else_meanwhile_is_not_overwritten() {
    let world = World::with_shop();
    let theirs = world.file("theirs.yaml", crate::world::SHOP.replace("count: 2", "count: 5"));
    let binary = env!("CARGO_BIN_EXE_understudy");
    let script = format!(r#""{binary}" apply -f "{theirs}" >&2 && sed -i 's/count: 2/count: 3/' "$1""#);
    let ran = edit(&world, &script);
    assert_eq!((ran.status, drafts(&world).len()), (1, 1), "{ran:?}");
    ran.tells(&["somebody else"]);
    assert_eq!(world.item("shop", "SPEC").unwrap()["spec"]["M"]["instances"]["M"]["count"]["N"], "5");
}

#[test]
fn what_is_not_there_cannot_be_edited() {
    World::new().run(&["edit", "shop"]).complains(1, &["stagingenvironment/shop", "is not in the table"]);
}
