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
/// anything is drawn differently; they are kept because they cost nothing. The last number is the edition of scripts in which
/// it was found; see [`super::streams::EDITION`].
pub const RECORDED: [(&str, u64, u8); 39] = [
    ("everything", 5, 1),
    ("everything", 41, 1),
    ("everything", 46, 1),
    ("everything", 3041, 1),
    ("everything", 58_000_214, 1),
    ("everything", 12_002_723_169, 1),
    ("everything", 12_146_272_182, 1),
    ("converge", 7, 1),
    ("converge", 9, 1),
    ("edits", 84, 1),
    ("edits", 103, 1),
    ("edits", 3052, 1),
    ("edits", 5046, 1),
    ("console", 4, 1),
    ("console", 105, 1),
    ("console", 41_000_187, 1),
    ("replicas", 153, 1),
    ("replicas", 159, 1),
    ("replicas", 3006, 1),
    ("replicas", 40_000_162, 1),
    ("replicas", 50_000_284, 1),
    ("replicas", 107_116_175, 1),
    ("delete", 7, 1),
    ("delete", 100_185, 1),
    ("delete", 40_000_281, 1),
    ("delete", 55_000_174, 1),
    ("neighbours", 51_000_202, 1),
    ("everything", 8_900_020, 2),
    ("everything", 9_300_188, 2),
    ("everything", 9_300_464, 2),
    ("everything", 9_300_554, 2),
    ("everything", 9_400_414, 2),
    ("everything", 9_700_439, 2),
    ("console", 8_800_032, 2),
    ("replicas", 8_800_033, 2),
    ("replicas", 8_900_055, 2),
    ("replicas", 9_500_017, 2),
    ("replicas", 9_500_046, 2),
    ("delete", 8_900_004, 2),
];

/// The scenario of that name.
pub fn named(name: &str) -> Option<&'static Scenario> {
    ALL.iter().find(|scenario| scenario.name == name)
}
