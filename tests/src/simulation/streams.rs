//! How a script is drawn from a seed, before the run begins: each kind of happening is a stream of its own.
//!
//! In: a scenario, and an edition. Out: events in the order of their instants, and what must come about in many seeds.
//! Never: draws anew what an earlier edition draws; a stream that is added comes after all others.

use std::time::Duration;

use aws_api::Operation;
use jiff::SignedDuration;
use simulator::cloud::{Calls, Fault, ReadLag};
use simulator::entropy::Prng;
use simulator::store::StoreFault;

use super::scenario::Scenario;
use super::script::{Damage, Event, HANDS, Hand, Happening, LATE_MAX, MISFORTUNES, REPLICAS, Reach, Replica, place};

/// How often chance is asked for each kind of happening.
const STEP: Duration = Duration::from_secs(2);
/// How long an outage of the table lasts at most.
const OUTAGE_MAX: Duration = Duration::from_secs(40);
/// The longest pause of a replica: three leases.
const PAUSE_MAX: Duration = Duration::from_secs(45);
/// Wall clocks of two replicas may differ by so much.
const SKEW_MAX: Duration = Duration::from_secs(120);

/// A kind of happening, and how often it comes in a thousand steps of [`STEP`] when it is rare and when it is frequent.
struct Stream {
    rare: u16,
    frequent: u16,
    draw: Draw,
}

type Draw = Box<dyn Fn(&mut Prng, &Scenario) -> Happening>;

fn stream(rare: u16, frequent: u16, draw: impl Fn(&mut Prng, &Scenario) -> Happening + 'static) -> Stream {
    Stream { rare, frequent, draw: Box::new(draw) }
}

/// The edition of scripts in force. Each draws what those before it draw, and then its own: so a seed that found something is
/// drawn as it was then (see [`super::scenario::RECORDED`]).
pub const EDITION: u8 = 2;

/// The script of a seed in an edition: a swarm. Each kind of happening is off, rare or frequent.
pub fn draw(prng: &mut Prng, scenario: &Scenario, edition: u8) -> Vec<Event> {
    let mut script = Vec::new();
    swarm(prng, scenario, streams(scenario), &mut script);
    if prng.chance(scenario.deletes) {
        script.push(Event { at: prng.duration(scenario.trouble), what: Happening::Delete });
    }
    if edition >= 2 {
        swarm(prng, scenario, second(scenario), &mut script);
    }
    // Stable, so that happenings of one instant stand in the order of the streams.
    script.sort_by_key(|event| event.at);
    script
}

fn swarm(prng: &mut Prng, scenario: &Scenario, streams: Vec<Stream>, script: &mut Vec<Event>) {
    for stream in streams {
        let often = [0, stream.rare, stream.frequent][place(prng.below(3), 3)];
        let mut at = Duration::ZERO;
        while at < scenario.trouble {
            if prng.chance(often) {
                script.push(Event { at: at + prng.duration(STEP), what: (stream.draw)(prng, scenario) });
            }
            at += STEP;
        }
    }
}

fn pick<T: Copy>(prng: &mut Prng, among: &[T]) -> T {
    among[place(prng.draw(), among.len())]
}

fn streams(scenario: &Scenario) -> Vec<Stream> {
    let mut streams = vec![
        stream(5, 40, fault_of_any_call),
        stream(5, 40, fault_of_a_write),
        stream(2, 15, refusal),
        stream(5, 40, fault_of_the_table),
        stream(5, 40, fault_of_a_notice),
    ];
    if !scenario.spares {
        streams.extend([
            stream(2, 10, lag),
            stream(1, 5, |prng, _| Happening::IndexLag(prng.duration(OUTAGE_MAX))),
            stream(3, 20, crash),
            stream(2, 10, |_, _| Happening::BucketsEmptied),
        ]);
    }
    if scenario.neighbours > 0 {
        streams.push(stream(4, 10, |prng, _| Happening::Neighbour(prng.draw())));
    }
    if scenario.misfortunes {
        streams.push(stream(4, 15, |prng, _| Happening::Misfortune(pick(prng, &MISFORTUNES), prng.draw())));
    }
    if scenario.hands {
        streams.push(stream(5, 20, |prng, _| Happening::Hand(pick(prng, &HANDS), prng.draw())));
    }
    if scenario.edits {
        streams.push(stream(2, 10, edit));
    }
    if scenario.damage {
        streams.push(stream(1, 4, damage));
    }
    if scenario.replicas > 1 {
        streams
            .push(stream(5, 20, |prng, scenario| Happening::Pause(replica(prng, scenario), prng.duration(PAUSE_MAX))));
    }
    streams
}

/// What a person reaches for since the second edition: each row comes, or does not come, by itself.
const SECOND: &[&[Reach]] = &[
    // Who stops what serves starts it again, less often.
    &[Reach::StopsAll, Reach::StopsAll, Reach::StartsAll],
    // Rules come one by one, and go together.
    &[Reach::RuleAnswers, Reach::RuleForwards, Reach::RuleForwardsElsewhere, Reach::RulesTakenAway],
    &[Reach::LooksAlike],
    &[Reach::UntagsWithVolumes],
    &[Reach::FillsGroup],
    &[Reach::ExcludingAttributes],
];

/// What the second edition draws besides.
fn second(scenario: &Scenario) -> Vec<Stream> {
    let rows = if scenario.hands { SECOND } else { &[] };
    let mut streams: Vec<Stream> = rows.iter().map(|among| stream(2, 8, move |prng, _| reach(prng, among))).collect();
    if scenario.edits {
        streams.push(stream(1, 5, |prng, _| Happening::EditWide(prng.draw())));
    }
    streams
}

fn reach(prng: &mut Prng, among: &[Reach]) -> Happening {
    Happening::Reach(pick(prng, among), prng.draw())
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
        happened.extend(SECOND.concat().iter().map(|reach| format!("by hand: {reach:?}")));
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
