//! Rules of the house that no compiler checks: how files begin, how long they are, and that documentation is true.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use planner::reason::{Reason, Severity};

const LINES_MAX: usize = 600;

fn root() -> PathBuf {
    // As cargo says at run time: what it was when this was built may be another checkout.
    PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).parent().unwrap().to_owned()
}

/// Every file of the repository with that ending, but for what is built or fetched.
fn files(ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !name.starts_with('.') && !name.starts_with("target") {
                folders.push(path);
            } else if name.ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

#[test]
fn every_module_opens_with_its_contract() {
    let tests_in_parts = |path: &str| path.contains("/tests/") || path.starts_with("tests/tests/");
    let bad: Vec<String> = files(".rs")
        .iter()
        .filter(|path| !fs::read_to_string(path).unwrap().starts_with("//! "))
        .map(|path| shown(path))
        .filter(|path| !tests_in_parts(path) && !path.ends_with("tests.rs"))
        .collect();
    assert!(bad.is_empty(), "these do not begin with //!: {bad:#?}");
}

#[test]
fn no_file_is_too_long_to_find_ones_way_in() {
    let long: Vec<String> = files(".rs")
        .iter()
        .map(|path| (shown(path), fs::read_to_string(path).unwrap().lines().count()))
        .filter(|(_, lines)| *lines > LINES_MAX)
        .map(|(path, lines)| format!("{path}: {lines}"))
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn no_test_is_switched_off() {
    let needle = ["#[", "ignore"].concat();
    let bad: Vec<String> = files(".rs")
        .iter()
        .filter(|path| fs::read_to_string(path).unwrap().contains(&needle))
        .map(|path| shown(path))
        .collect();
    assert!(bad.is_empty(), "{bad:#?}");
}

/// The page of a reason. `UPDATE_DOCS=1` writes them.
fn page(reason: Reason) -> String {
    let row = reason.row();
    let who = match row.severity {
        Severity::Normal => "Nobody needs to do anything.",
        Severity::Warning => "Somebody may want to know; it goes on by itself.",
        Severity::Person => "It goes on only when a person does something.",
    };
    format!(
        "# {reason}\n\nCondition: `{}`. {who}\n\n**What it means.** {}\n\n**What happens next.** {}\n",
        row.condition, row.means, row.next
    )
}

#[test]
fn every_reason_has_its_page_and_every_page_its_reason() {
    let folder = root().join("docs/reasons");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::create_dir_all(&folder).unwrap();
        for reason in Reason::ALL {
            fs::write(folder.join(format!("{reason}.md")), page(*reason)).unwrap();
        }
    }
    for reason in Reason::ALL {
        let path = folder.join(format!("{reason}.md"));
        let text = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(text, page(*reason), "{} is stale; UPDATE_DOCS=1 writes it", shown(&path));
    }
    let known: BTreeSet<String> = Reason::ALL.iter().map(|reason| format!("{reason}.md")).collect();
    let there = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let stale: Vec<String> = there.filter(|name| !known.contains(name)).collect();
    assert!(stale.is_empty(), "pages of no reason: {stale:?}");
}

/// The "I want to ..." table and the codemap name files and tests; a name that is gone misleads a newcomer.
#[test]
fn architecture_names_only_what_exists() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    assert!(text.lines().count() <= 300, "ARCHITECTURE.md is longer than 300 lines");
    let sources: String = files(".rs").iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let python: String = files(".py").iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let quoted: BTreeSet<&str> = text.split('`').skip(1).step_by(2).collect();
    let is_path = |word: &&&str| {
        !word.contains(' ') && (word.ends_with(".rs") || word.ends_with(".md") || word.ends_with('/') && word.len() > 1)
    };
    // A bare name stands beside one that is written out.
    let all: Vec<String> = files("").iter().map(|path| format!("/{}", shown(path))).collect();
    let is_known =
        |word: &str| all.iter().any(|path| path.ends_with(&format!("/{word}")) || path.contains(&format!("/{word}")));
    let missing: Vec<&&str> =
        quoted.iter().filter(is_path).filter(|word| !root().join(word).exists() && !is_known(word)).collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md names paths that do not exist: {missing:?}");
    let is_test = |word: &&&str| {
        word.matches('_').count() >= 3 && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let gone: Vec<&&str> =
        quoted.iter().filter(is_test).filter(|word| !sources.contains(**word) && !python.contains(**word)).collect();
    assert!(gone.is_empty(), "ARCHITECTURE.md names tests that do not exist: {gone:?}");
}

#[test]
fn the_documentation_speaks_of_the_project_only() {
    let needles = [["/wo", "rk/"].concat(), ["/ro", "ot/"].concat()];
    let bad: Vec<String> = [".rs", ".md", ".py", ".toml", ".yaml", "run"]
        .iter()
        .flat_map(|ending| files(ending))
        .filter(|path| {
            needles.iter().any(|needle| fs::read_to_string(path).is_ok_and(|text| text.contains(needle.as_str())))
        })
        .map(|path| shown(&path))
        .collect();
    assert!(bad.is_empty(), "machine paths in {bad:?}");
}
