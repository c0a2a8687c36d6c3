//! The scenarios: what may go wrong in each, and how long.

use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

/// A kind of run.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// How many replicas of the controller there are.
    pub replicas: usize,
    /// Whether trouble begins only when the environment stands.
    pub stands: bool,
    /// How long trouble goes on.
    pub trouble: Duration,
    /// Whether instances, images and zones fail.
    pub misfortunes: bool,
    /// Whether somebody is in the console.
    pub hands: bool,
    /// Whether the user edits the record.
    pub edits: bool,
    /// Whether somebody damages the record.
    pub damage: bool,
    /// In how many of a thousand seeds the user deletes the environment at some moment.
    pub deletes: u16,
    /// In how many of a thousand seeds a second environment stands beside it.
    pub neighbours: u16,
    /// Whether calls and table fail for the first environment only, and nothing befalls the controller: then a second one is
    /// healed as if it were alone.
    pub spares: bool,
}

/// The one that is run unless another is named.
pub const DEFAULT: &str = "everything";

const NOTHING: Scenario = Scenario {
    name: "",
    about: "",
    replicas: 1,
    stands: true,
    trouble: HOUR,
    misfortunes: false,
    hands: false,
    edits: false,
    damage: false,
    deletes: 0,
    neighbours: 0,
    spares: false,
};

/// Every scenario.
pub const ALL: [Scenario; 8] = [
    Scenario {
        name: DEFAULT,
        about: "an hour in which calls, table, instances, people and the controller itself fail",
        misfortunes: true,
        hands: true,
        edits: true,
        damage: true,
        neighbours: 125,
        ..NOTHING
    },
    Scenario { name: "calls", about: "only calls and the table fail: nothing may be taken down", ..NOTHING },
    Scenario {
        name: "converge",
        about: "trouble from the first moment on, while the environment is being made",
        stands: false,
        trouble: Duration::from_secs(1200),
        misfortunes: true,
        hands: true,
        ..NOTHING
    },
    Scenario {
        name: "edits",
        about: "one edit after another, some of them invalid, some while the last still rolls",
        edits: true,
        ..NOTHING
    },
    Scenario {
        name: "console",
        about: "a person in the console and failing instances, under a controller that is well otherwise",
        misfortunes: true,
        hands: true,
        ..NOTHING
    },
    Scenario {
        name: "replicas",
        about: "two replicas that stand still for longer than a lease, with clocks that differ",
        replicas: 2,
        misfortunes: true,
        hands: true,
        edits: true,
        ..NOTHING
    },
    Scenario {
        name: "delete",
        about: "the environment is deleted amid trouble, and nothing may be left",
        trouble: Duration::from_secs(1800),
        misfortunes: true,
        hands: true,
        edits: true,
        deletes: 1000,
        ..NOTHING
    },
    Scenario {
        name: "neighbours",
        about: "one environment is in trouble, and another beside it must not notice",
        misfortunes: true,
        hands: true,
        edits: true,
        damage: true,
        deletes: 300,
        neighbours: 1000,
        spares: true,
        ..NOTHING
    },
];

/// Seeds that found something, in ours or in the harness. Each finding has a test of its own, since a seed is another run once
/// anything is drawn differently; they are kept because they cost nothing.
pub const RECORDED: [(&str, u64); 26] = [
    ("everything", 5),
    ("everything", 41),
    ("everything", 46),
    ("everything", 3041),
    ("everything", 58_000_214),
    ("everything", 12_002_723_169),
    ("converge", 7),
    ("converge", 9),
    ("edits", 84),
    ("edits", 103),
    ("edits", 3052),
    ("edits", 5046),
    ("console", 4),
    ("console", 105),
    ("console", 41_000_187),
    ("replicas", 153),
    ("replicas", 159),
    ("replicas", 3006),
    ("replicas", 40_000_162),
    ("replicas", 50_000_284),
    ("replicas", 107_116_175),
    ("delete", 7),
    ("delete", 100_185),
    ("delete", 40_000_281),
    ("delete", 55_000_174),
    ("neighbours", 51_000_202),
];

/// The scenario of that name.
pub fn named(name: &str) -> Option<&'static Scenario> {
    ALL.iter().find(|scenario| scenario.name == name)
}
