//! What the page says that no field does: how to read it, how values are written, what an edit does, whole records.

use super::{FULL, MINIMAL, layout};
use crate::on_edit::OnEdit;

/// A part of the record with an example of its own, which goes with the least that a record needs.
#[derive(Debug, Clone, Copy)]
pub struct Section {
    /// As in `spec.services`; empty for what every record begins with.
    pub path: &'static str,
    /// A part of a record, as YAML.
    pub example: &'static str,
}

macro_rules! sections {
    ($($path:literal $file:literal;)*) => {
        /// Every part, in the order of the record.
        pub const SECTIONS: &[Section] =
            &[$(Section { path: $path, example: include_str!(concat!("../../examples/parts/", $file)) }),*];
    };
}

sections! {
    "" "document.yaml";
    "metadata" "metadata.yaml";
    "spec" "spec.yaml";
    "spec.network" "network.yaml";
    "spec.image" "image.yaml";
    "spec.instances" "instances.yaml";
    "spec.services" "services.yaml";
    "spec.loadBalancer" "loadBalancer.yaml";
    "spec.securityGroups" "securityGroups.yaml";
    "spec.access" "access.yaml";
    "spec.redis" "redis.yaml";
    "spec.healing" "healing.yaml";
    "spec.rollout" "rollout.yaml";
}

/// A form that several fields have, and that is explained once.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// The schema's `format` of it.
    pub(super) format: &'static str,
    title: &'static str,
    text: &'static str,
    /// A field that has it.
    pub field: &'static str,
    /// What may be written.
    pub taken: &'static [&'static str],
    /// What may not.
    pub refused: &'static [&'static str],
}

/// Every such form.
pub const WRITTEN_FORMS: &[Form] = &[
    Form {
        format: "x-duration",
        title: "Durations",
        text: "Whole numbers with the units `d`, `h`, `m` and `s`, the larger before the smaller, each at most once. A \
               fraction, a number without a unit and other units are refused.",
        field: "spec.healing.gracePeriod",
        taken: &["0s", "90s", "5m", "1h30m", "24h"],
        refused: &["90", "1.5h", "30m1h", "5 m"],
    },
    Form {
        format: "x-amount",
        title: "Numbers or shares",
        text: "A whole number of instances, or a share of `spec.instances.count` in percent, 0% to 100%. A share is rounded \
               down: 50% of 3 instances is 1.",
        field: "spec.rollout.maxSurge",
        taken: &["1", "25%", "100%"],
        refused: &["101%", "0.5", "-1", "half"],
    },
    Form {
        format: "x-cidr",
        title: "Address ranges",
        text: "An IPv4 or IPv6 address and the length of its prefix. The bits behind the prefix are zero: a single IPv4 \
               address has the length 32. A host name is refused.",
        field: "spec.access.ssh[0].cidr",
        taken: &["203.0.113.0/24", "198.51.100.7/32", "0.0.0.0/0", "2001:db8::/32"],
        refused: &["203.0.113.7/24", "203.0.113.7", "office.example.com"],
    },
];

impl Form {
    /// The link to what explains it.
    pub(super) fn link(&self) -> String {
        format!("#{}", layout::anchor(self.title))
    }
}

const COMMENT: &str = "<!-- Made from the types in crds-schema/src/spec/: `UPDATE_DOCS=1 cargo test -p crds-schema` writes this page. -->";

const HEAD: [&str; 2] = [
    "A record says what a staging environment is to be. `understudy apply -f FILE` stores it, and the controller makes AWS \
     match it. This page has every field of `understudy.dev/v1alpha1`: its type, bounds and default, and what an edit of it \
     does to an environment that stands. `understudy schema` prints the JSON Schema that it is made from, for editors.",
    "A field that is left out has its default; `null` means the same. A field that the record does not have is refused, \
     and so is a value out of bounds: nothing is ignored. Every fault of a record is named at once, with its path and with \
     what to write instead. In the paths below `[]` stands for an entry of a list; faults count entries from 0, as in \
     `spec.services[0].port`.",
];

/// What the page is, and the least that a record needs.
pub(super) fn head(ignored: &[String]) -> String {
    let ignored: Vec<String> = ignored.iter().map(|path| format!("`{path}`")).collect();
    let server = format!("{} are set by the server. They may stay in a file, and are not read.", ignored.join(", "));
    let paragraphs = HEAD.into_iter().chain([server.as_str()]).map(layout::wrapped).collect::<Vec<_>>().join("\n\n");
    let least = "## The smallest record\n\nIt lacks nothing that is required.";
    format!("{COMMENT}\n\n# The record, field by field\n\n{paragraphs}\n\n{least}\n\n{}", layout::yaml(MINIMAL))
}

/// How values are written whose form several fields have.
pub(super) fn forms() -> Vec<String> {
    let quoted = |texts: &[&str]| texts.iter().map(|text| format!("`{text}`")).collect::<Vec<_>>().join(", ");
    let form = |form: &Form| {
        let samples = format!("{} are taken; {} are refused.", quoted(form.taken), quoted(form.refused));
        format!("### {}\n\n{}\n\n{}", form.title, layout::wrapped(form.text), layout::wrapped(&samples))
    };
    let intro = "A text that reads like something else in YAML (`\"42\"`, `\"true\"`) is put in quotes.";
    let mut blocks = vec!["## How values are written".to_owned(), layout::wrapped(intro)];
    blocks.extend(WRITTEN_FORMS.iter().map(form));
    blocks
}

/// What an edit does, each kind of it.
pub(super) fn edits() -> Vec<String> {
    let intro = "To change an environment, edit its file and `apply` it again, or `understudy edit NAME`. `understudy plan NAME \
                 -f FILE` shows before what would be done. An edit of several fields does what each of them does; where one of \
                 them is refused, nothing of the edit is carried out.";
    let deleting = "While an environment is being deleted, only `spec.paused`, `spec.deletionPolicy` and \
                    `spec.loadBalancer.deletionProtection` may be edited.";
    let kinds = OnEdit::ALL.map(|kind| layout::item(&format!("**An edit {}.** {}", kind.word(), kind.explained())));
    vec!["## What an edit does".to_owned(), layout::wrapped(intro), kinds.join("\n"), layout::wrapped(deleting)]
}

/// The record in which every field stands.
pub(super) fn whole() -> Vec<String> {
    vec!["## A record with every field".to_owned(), layout::yaml(FULL)]
}
