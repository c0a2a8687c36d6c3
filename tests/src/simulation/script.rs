//! What happens in a run and when: the words of a script.
//!
//! A happening names what it befalls by a number, which is resolved only when it happens. So any part of a script is a
//! script again, and a failing one can be shortened. Never: looks at the world. How it is drawn is in [`super::streams`], how
//! it happens in [`super::hands`] and [`super::reaching`].

use std::fmt;
use std::time::Duration;

use jiff::SignedDuration;
use simulator::cloud::{Calls, Fault, ReadLag};
use simulator::store::StoreFault;

/// A late request arrives within this.
pub const LATE_MAX: Duration = Duration::from_secs(60);

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
    /// Likewise, since the second edition.
    Reach(Reach, u64),
    /// The user writes the record.
    Edit(u64),
    /// The user writes a record with almost as many sources as its groups have room for.
    EditWide(u64),
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

/// What else a person does in the console, since the second edition of scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Stops every member that runs.
    StopsAll,
    /// Starts every member that is stopped.
    StartsAll,
    /// Fills a group with rules of theirs, often in the place of one of ours.
    FillsGroup,
    /// Adds a rule by which the load balancer answers visitors by itself.
    RuleAnswers,
    /// Adds a rule that forwards to our target group.
    RuleForwards,
    /// Adds a rule that forwards to a target group of theirs.
    RuleForwardsElsewhere,
    /// Takes all such rules away.
    RulesTakenAway,
    /// Sets an algorithm, and beside it what goes with no other.
    ExcludingAttributes,
    /// Lets a listener forward to a target group of theirs too, with weight 0: as ours does while one replaces another.
    LooksAlike,
    /// Takes every tag of a member and of its volumes.
    UntagsWithVolumes,
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
            Self::Reach(reach, _) => format!("by hand: {reach:?}"),
            Self::Edit(_) => "edit".into(),
            Self::EditWide(_) => "edit: wide".into(),
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

/// Which of `among` a drawn number picks.
pub fn place(drawn: u64, among: usize) -> usize {
    let among = u64::try_from(among).unwrap_or(u64::MAX).max(1);
    usize::try_from(drawn % among).unwrap_or(0)
}
