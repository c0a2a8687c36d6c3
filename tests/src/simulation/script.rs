//! What happens in a run and when, drawn from its seed before it begins.
//!
//! A happening names what it befalls by a number, which is resolved only when it happens. So any part of a script is a
//! script again, and a failing one can be shortened. Never: looks at the world. How it happens is in [`super::hands`].

use std::fmt;
use std::time::Duration;

use engine::operation::Operation;
use jiff::SignedDuration;
use simulator::cloud::{Calls, Fault, ReadLag};
use simulator::entropy::Prng;
use simulator::store::StoreFault;

use super::scenario::Scenario;

/// How often chance is asked for each kind of happening.
const STEP: Duration = Duration::from_secs(2);
/// A late request arrives within this.
pub const LATE_MAX: Duration = Duration::from_secs(60);
/// How long an outage of the table lasts at most.
const OUTAGE_MAX: Duration = Duration::from_secs(40);
/// The longest pause of a replica: three leases.
const PAUSE_MAX: Duration = Duration::from_secs(45);
/// Wall clocks of two replicas may differ by so much.
const SKEW_MAX: Duration = Duration::from_secs(120);

/// A replica of the controller.
pub type Replica = &'static str;
/// Every replica that a scenario may have.
pub const REPLICAS: [Replica; 2] = ["a", "b"];

/// Something that happens at an instant, counted from the beginning of the trouble.
#[derive(Debug, Clone)]
pub struct Event {
    /// When.
    pub at: Duration,
    /// What.
    pub what: Happening,
}

/// Something that happens. A `u64` picks what it befalls among what there is.
#[derive(Debug, Clone)]
pub enum Happening {
    /// The next such call meets a fault.
    Call(Calls, Fault),
    /// The next write to the table meets a fault, or the next read.
    Table {
        /// Whether it is a write.
        write: bool,
        /// Which.
        fault: StoreFault,
    },
    /// Others in the account have used up AWS's buckets.
    BucketsEmptied,
    /// The table's index shows only what is so old.
    IndexLag(Duration),
    /// From now on a replica sees AWS so late.
    Lag(Replica, ReadLag),
    /// A misfortune of an instance, an image or a zone.
    Misfortune(Misfortune, u64),
    /// A person in the console.
    Hand(Hand, u64),
    /// The user writes the record.
    Edit(u64),
    /// The user writes the last record once more: A, B, A.
    EditBack,
    /// The user writes a record that is not valid.
    EditInvalid(u64),
    /// Somebody damages the record in the table.
    Damage(Damage),
    /// A replica dies, and another process takes its place.
    Crash(Replica, SignedDuration),
    /// A replica stands still for so long.
    Pause(Replica, Duration),
    /// The user deletes the environment.
    Delete,
    /// A person terminates a member of the environment beside it.
    Neighbour(u64),
}

/// What befalls instances, images and zones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Misfortune {
    /// The host of an instance fails.
    HostLost,
    /// An instance's status checks fail.
    Impaired,
    /// An application answers with errors.
    AppErrs,
    /// An application does not answer.
    AppRefuses,
    /// An application is well, then not, then well.
    AppFlaps,
    /// What broke is well again.
    Recovers,
    /// What is launched from now on never boots.
    BootsNeverEnd,
    /// What is launched from now on never passes its health checks.
    NeverHealthy,
    /// What is launched from now on is well again.
    ImageIsWell,
    /// The image in force is deregistered.
    ImageGone,
    /// It is taken out of the bin.
    ImageRestored,
    /// A zone has no capacity for anything.
    ZoneFull,
    /// A zone has no capacity for one type.
    TypeFull,
    /// There is capacity again.
    CapacityBack,
    /// The account may run no more vCPUs than it runs now.
    LimitReached,
    /// The limit is raised.
    LimitRaised,
}

/// What a person does in the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hand {
    /// Terminates a member.
    Terminates,
    /// Stops a member.
    Stops,
    /// Deregisters a member.
    Deregisters,
    /// Registers a member on another port.
    RegistersElsewhere,
    /// Registers an instance of theirs.
    RegistersForeign,
    /// Opens a port.
    OpensPort,
    /// Closes the port that the load balancer comes in by.
    ClosesPort,
    /// Switches stickiness off.
    StickinessOff,
    /// Changes the idle timeout.
    IdleTimeout,
    /// Changes the health check.
    HealthCheck,
    /// Deletes the listener.
    DeletesListener,
    /// Lets the listener answer by itself.
    FixedResponse,
    /// Moves the listener to another port.
    MovesListener,
    /// Takes subnets from the load balancer.
    TakesSubnets,
    /// Takes tags from a member.
    UntagsMember,
    /// Takes tags from a group.
    UntagsGroup,
    /// Takes tags from the load balancer.
    UntagsBalancer,
    /// Takes our group from a member.
    DetachesGroup,
    /// Deletes the load balancer.
    DeletesBalancer,
    /// Deletes the target group.
    DeletesTargetGroup,
    /// Deletes a security group.
    DeletesGroup,
    /// Protects a member from termination.
    Protects,
    /// Takes that protection away.
    Unprotects,
    /// Deletes the load balancer, and makes one of theirs under its name.
    TakesName,
    /// Deletes theirs.
    GivesNameBack,
}

/// What somebody does to the record by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Damage {
    /// SPEC is removed.
    SpecDeleted,
    /// SPEC is written anew, without what only the command line adds.
    SpecReplaced,
    /// STATUS is removed.
    StatusDeleted,
    /// STATUS is put back from the backup that was made before.
    StatusRestored,
}

/// Every misfortune.
pub const MISFORTUNES: [Misfortune; 16] = [
    Misfortune::HostLost,
    Misfortune::Impaired,
    Misfortune::AppErrs,
    Misfortune::AppRefuses,
    Misfortune::AppFlaps,
    Misfortune::Recovers,
    Misfortune::BootsNeverEnd,
    Misfortune::NeverHealthy,
    Misfortune::ImageIsWell,
    Misfortune::ImageGone,
    Misfortune::ImageRestored,
    Misfortune::ZoneFull,
    Misfortune::TypeFull,
    Misfortune::CapacityBack,
    Misfortune::LimitReached,
    Misfortune::LimitRaised,
];

/// Everything that a person does in the console.
pub const HANDS: [Hand; 25] = [
    Hand::Terminates,
    Hand::Stops,
    Hand::Deregisters,
    Hand::RegistersElsewhere,
    Hand::RegistersForeign,
    Hand::OpensPort,
    Hand::ClosesPort,
    Hand::StickinessOff,
    Hand::IdleTimeout,
    Hand::HealthCheck,
    Hand::DeletesListener,
    Hand::FixedResponse,
    Hand::MovesListener,
    Hand::TakesSubnets,
    Hand::UntagsMember,
    Hand::UntagsGroup,
    Hand::UntagsBalancer,
    Hand::DetachesGroup,
    Hand::DeletesBalancer,
    Hand::DeletesTargetGroup,
    Hand::DeletesGroup,
    Hand::Protects,
    Hand::Unprotects,
    Hand::TakesName,
    Hand::GivesNameBack,
];

impl Happening {
    /// What it is counted as, where it counts itself. Faults of calls and of the table are counted when they befall one.
    pub fn name(&self) -> Option<String> {
        Some(match self {
            Self::Call(..) | Self::Table { .. } => return None,
            Self::BucketsEmptied => "buckets emptied by others".into(),
            Self::IndexLag(_) => "index lags".into(),
            Self::Lag(_, ReadLag::None) => return None,
            Self::Lag(..) => "reads lag".into(),
            Self::Misfortune(misfortune, _) => format!("misfortune: {misfortune:?}"),
            Self::Hand(hand, _) => format!("by hand: {hand:?}"),
            Self::Edit(_) => "edit".into(),
            Self::EditBack => "edit: back".into(),
            Self::EditInvalid(_) => "edit: invalid".into(),
            Self::Damage(damage) => format!("record: {damage:?}"),
            Self::Crash(..) => "crash".into(),
            Self::Pause(..) => "pause".into(),
            Self::Delete => "delete".into(),
            Self::Neighbour(_) => "by hand: a neighbour's member is terminated".into(),
        })
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{:.3} {:?}", self.at.as_secs_f64(), self.what)
    }
}

/// A kind of happening, and how often it comes in a thousand steps of [`STEP`] when it is rare and when it is frequent.
struct Stream {
    rare: u16,
    frequent: u16,
    draw: fn(&mut Prng, &Scenario) -> Happening,
}

/// The script of a seed: a swarm. Each kind of happening is off, rare or frequent.
pub fn draw(prng: &mut Prng, scenario: &Scenario) -> Vec<Event> {
    let mut script = Vec::new();
    for stream in streams(scenario) {
        let often = [0, stream.rare, stream.frequent][place(prng.below(3), 3)];
        let mut at = Duration::ZERO;
        while at < scenario.trouble {
            if prng.chance(often) {
                script.push(Event { at: at + prng.duration(STEP), what: (stream.draw)(prng, scenario) });
            }
            at += STEP;
        }
    }
    if prng.chance(scenario.deletes) {
        script.push(Event { at: prng.duration(scenario.trouble), what: Happening::Delete });
    }
    // Stable, so that happenings of one instant stand in the order of the streams.
    script.sort_by_key(|event| event.at);
    script
}

/// Which of `among` a drawn number picks.
pub fn place(drawn: u64, among: usize) -> usize {
    let among = u64::try_from(among).unwrap_or(u64::MAX).max(1);
    usize::try_from(drawn % among).unwrap_or(0)
}

fn pick<T: Copy>(prng: &mut Prng, among: &[T]) -> T {
    among[place(prng.draw(), among.len())]
}

fn streams(scenario: &Scenario) -> Vec<Stream> {
    let mut streams = vec![
        Stream { rare: 5, frequent: 40, draw: fault_of_any_call },
        Stream { rare: 5, frequent: 40, draw: fault_of_a_write },
        Stream { rare: 2, frequent: 15, draw: refusal },
        Stream { rare: 5, frequent: 40, draw: fault_of_the_table },
        Stream { rare: 5, frequent: 40, draw: fault_of_a_notice },
    ];
    if !scenario.spares {
        streams.extend([
            Stream { rare: 2, frequent: 10, draw: lag },
            Stream { rare: 1, frequent: 5, draw: |prng, _| Happening::IndexLag(prng.duration(OUTAGE_MAX)) },
            Stream { rare: 3, frequent: 20, draw: crash },
            Stream { rare: 2, frequent: 10, draw: |_, _| Happening::BucketsEmptied },
        ]);
    }
    if scenario.neighbours > 0 {
        streams.push(Stream { rare: 4, frequent: 10, draw: |prng, _| Happening::Neighbour(prng.draw()) });
    }
    if scenario.misfortunes {
        streams.push(Stream {
            rare: 4,
            frequent: 15,
            draw: |prng, _| Happening::Misfortune(pick(prng, &MISFORTUNES), prng.draw()),
        });
    }
    if scenario.hands {
        streams.push(Stream {
            rare: 5,
            frequent: 20,
            draw: |prng, _| Happening::Hand(pick(prng, &HANDS), prng.draw()),
        });
    }
    if scenario.edits {
        streams.push(Stream { rare: 2, frequent: 10, draw: edit });
    }
    if scenario.damage {
        streams.push(Stream { rare: 1, frequent: 4, draw: damage });
    }
    if scenario.replicas > 1 {
        streams.push(Stream {
            rare: 5,
            frequent: 20,
            draw: |prng, scenario| Happening::Pause(replica(prng, scenario), prng.duration(PAUSE_MAX)),
        });
    }
    streams
}

fn replica(prng: &mut Prng, scenario: &Scenario) -> Replica {
    pick(prng, &REPLICAS[..scenario.replicas])
}

fn transport(prng: &mut Prng) -> Fault {
    match prng.below(5) {
        0 => Fault::LostRequest,
        1 => Fault::LostReply,
        2 => Fault::Late(prng.duration(LATE_MAX)),
        3 => Fault::Duplicate(prng.duration(LATE_MAX)),
        _ => Fault::Hang,
    }
}

fn fault_of_any_call(prng: &mut Prng, _: &Scenario) -> Happening {
    let codes = ["RequestLimitExceeded", "InternalError", "ServiceUnavailable", "Unavailable"];
    let fault = if prng.chance(500) { transport(prng) } else { Fault::refused(pick(prng, &codes)) };
    Happening::Call(Calls::Any, fault)
}

fn fault_of_a_write(prng: &mut Prng, _: &Scenario) -> Happening {
    Happening::Call(Calls::Writes, transport(prng))
}

/// What AWS says no to, of the calls that it says so to.
fn refusal(prng: &mut Prng, _: &Scenario) -> Happening {
    let refusals = [
        (Operation::RunInstances, "InsufficientInstanceCapacity"),
        (Operation::RunInstances, "InstanceLimitExceeded"),
        (Operation::RunInstances, "VcpuLimitExceeded"),
        (Operation::DeleteSecurityGroup, "DependencyViolation"),
        (Operation::DeleteTargetGroup, "ResourceInUse"),
        (Operation::TerminateInstances, "IncorrectInstanceState"),
        (Operation::RegisterTargets, "TooManyTargets"),
        (Operation::DescribeTargetHealth, "Throttling"),
        (Operation::DescribeInstances, "UnauthorizedOperation"),
    ];
    let (operation, code) = pick(prng, &refusals);
    Happening::Call(Calls::Of(operation), Fault::refused(code))
}

fn fault_of_the_table(prng: &mut Prng, _: &Scenario) -> Happening {
    let faults = [
        StoreFault::Conflict,
        StoreFault::LostReply,
        StoreFault::LostRequest,
        StoreFault::Throttled,
        StoreFault::Failed,
    ];
    Happening::Table { write: prng.chance(700), fault: pick(prng, &faults) }
}

/// What the watch is told of the table: a notice is dropped or doubled, a batch is answered in parts. One that is late is
/// [`Happening::IndexLag`].
fn fault_of_a_notice(prng: &mut Prng, _: &Scenario) -> Happening {
    let faults = [StoreFault::NameDropped, StoreFault::NameDoubled, StoreFault::Unprocessed];
    Happening::Table { write: false, fault: pick(prng, &faults) }
}

fn lag(prng: &mut Prng, scenario: &Scenario) -> Happening {
    let lag = match prng.below(4) {
        0 => ReadLag::None,
        1 => ReadLag::Fixed(prng.duration(Duration::from_secs(10))),
        2 => ReadLag::UpTo(Duration::from_secs(5)),
        _ => ReadLag::UpTo(Duration::from_secs(30)),
    };
    Happening::Lag(replica(prng, scenario), lag)
}

fn crash(prng: &mut Prng, scenario: &Scenario) -> Happening {
    let skew = SignedDuration::try_from(prng.duration(SKEW_MAX)).unwrap_or_default();
    Happening::Crash(replica(prng, scenario), if prng.chance(500) { skew } else { -skew })
}

fn edit(prng: &mut Prng, _: &Scenario) -> Happening {
    match prng.below(10) {
        0 => Happening::EditInvalid(prng.draw()),
        1 => Happening::EditBack,
        _ => Happening::Edit(prng.draw()),
    }
}

fn damage(prng: &mut Prng, _: &Scenario) -> Happening {
    let kinds = [Damage::SpecDeleted, Damage::SpecReplaced, Damage::StatusDeleted, Damage::StatusRestored];
    Happening::Damage(pick(prng, &kinds))
}

/// What takes long in some accounts, drawn with each seed.
pub const SLOW: [&str; 3] =
    ["boots are slow", "load balancers provision slowly", "interfaces of load balancers linger"];

/// What a scenario's scripts must bring about sooner or later, as it is counted.
pub fn expected(scenario: &Scenario) -> Vec<String> {
    let refused = [
        "RequestLimitExceeded",
        "InternalError",
        "ServiceUnavailable",
        "Unavailable",
        "UnauthorizedOperation",
        "Throttling",
    ];
    let mut names: Vec<String> = refused.iter().map(|code| format!("call: refused: {code}")).collect();
    names.extend(["request lost", "reply lost", "call hangs"].map(|what| format!("call: {what}")));
    names.extend(
        ["conflict", "reply lost", "request lost", "throttled", "failed"].map(|what| format!("table write: {what}")),
    );
    names.extend(["reply lost", "request lost", "throttled", "failed"].map(|what| format!("table read: {what}")));
    names
        .extend(["table notice: dropped", "table notice: doubled", "table batch: keys unprocessed"].map(str::to_owned));
    names.extend(SLOW.map(|what| format!("account: {what}")));
    let mut happened: Vec<String> = Vec::new();
    if !scenario.spares {
        names.push("call: throttled by its bucket".into());
        happened.extend(["buckets emptied by others", "index lags", "reads lag", "crash"].map(str::to_owned));
    }
    if scenario.neighbours > 0 {
        happened.push("by hand: a neighbour's member is terminated".into());
    }
    if scenario.misfortunes {
        names.extend(["request late", "request doubled"].map(|what| format!("call: {what}")));
        let launch = ["InsufficientInstanceCapacity", "InstanceLimitExceeded", "VcpuLimitExceeded"];
        names.extend(launch.map(|code| format!("call: refused: {code}")));
        let by_aws = ["InsufficientInstanceCapacity", "VcpuLimitExceeded"];
        names.extend(by_aws.map(|code| format!("call: aws refuses: {code}")));
        happened.extend(MISFORTUNES.iter().map(|misfortune| format!("misfortune: {misfortune:?}")));
    }
    if scenario.hands {
        // Before it stands there is nobody else's instance, and hardly a name to give back; nor while it is deleted.
        let late = [Hand::RegistersForeign, Hand::GivesNameBack];
        let hands = HANDS.iter().filter(|hand| scenario.stands || !late.contains(*hand));
        let hands = hands.filter(|hand| scenario.deletes < 1000 || **hand != Hand::GivesNameBack);
        happened.extend(hands.map(|hand| format!("by hand: {hand:?}")));
    }
    if scenario.deletes > 0 {
        names.push("call: aws refuses: DependencyViolation".into());
    }
    if scenario.edits {
        happened.extend(["edit", "edit: back", "edit: invalid"].map(str::to_owned));
    }
    if scenario.damage {
        let kinds = [Damage::SpecDeleted, Damage::SpecReplaced, Damage::StatusDeleted, Damage::StatusRestored];
        happened.extend(kinds.map(|damage| format!("record: {damage:?}")));
    }
    if scenario.replicas > 1 {
        happened.push("pause".into());
    }
    names.extend(happened.into_iter().map(|name| format!("happened: {name}")));
    names
}
