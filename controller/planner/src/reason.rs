//! The one list of reasons: why something was done, was not done, or stands as it does.
//!
//! Conditions, events, plan lines and logs print these and nothing else; docs/reasons/ has a page for each (tested).
//! A reason is a word for scripts; the sentence for people stands beside it, in [`Why`].

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::status::ConditionType;

/// How much a reason matters to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// As it should be, or on its way there by itself.
    Normal,
    /// Somebody may want to know.
    Warning,
    /// It goes on only when a person does something.
    Person,
}

/// What is written once about a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The condition that it explains.
    pub condition: ConditionType,
    /// How much it matters.
    pub severity: Severity,
    /// What it means.
    pub means: &'static str,
    /// What happens next, or what would let it go on.
    pub next: &'static str,
}

macro_rules! reasons {
    ($($name:ident $condition:ident $severity:ident $means:literal $next:literal;)*) => {
        /// Why.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Reason {
            $(#[doc = $means] $name,)*
        }

        impl Reason {
            /// Every reason, in the order of the list.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Its name, in PascalCase.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),* }
            }

            /// What is written once about it.
            pub fn row(self) -> Row {
                match self {
                    $(Self::$name => Row {
                        condition: ConditionType::$condition,
                        severity: Severity::$severity,
                        means: $means,
                        next: $next,
                    },)*
                }
            }
        }
    };
}

reasons! {
    // Ready.
    AllHealthy Ready Normal "The environment is as its record says, and enough members are healthy." "Nothing to do.";
    ScaledToZero Ready Normal "The environment is as its record says: no members are wanted, and none are there." "Set `spec.instances.count` to have members again.";
    Converging Ready Normal "AWS is being made to match the record." "It goes on by itself; `waitingFor` says what for.";
    RollingOut Ready Normal "Members are being replaced by ones of the current revision, or one of an older revision is still registered." "It goes on by itself, one surge at a time.";
    Degraded Ready Warning "Something that was there is gone or sick, and is being repaired." "It is repaired by itself; `waitingFor` says what for.";
    Held Ready Person "Going on could do harm, so it holds." "The message names what would let it go on.";
    Deleting Ready Normal "The environment is being torn down." "It goes on by itself.";
    Paused Ready Warning "`spec.paused` is true: nothing is changed, only observed." "Set `spec.paused: false`.";
    NotObserved Ready Warning "The controller has not yet seen the latest edit of the record." "It is seen within a few seconds of a running controller.";
    ControllerNotRunning Ready Person "No controller has reported for three minutes." "Start `understudy controller`.";
    LeaderChanged Ready Normal "Another controller leads than before; it goes on where the last one stopped." "Nothing to do. When it happens again and again, see whether the controllers are restarted, or reach the table too slowly.";
    RecordDamaged Ready Person "STATUS is gone, but revisions or open intents show that the environment was made before; or it is older than what AWS holds: a member lives that it does not know." "Put the newest STATUS back from a backup of the table, or terminate the members that the message names; until then nothing is changed.";

    // SpecValid.
    Valid SpecValid Normal "The record is valid." "Nothing to do.";
    SpecInvalid SpecValid Person "The record has faults; the last valid revision stays in force." "Correct the fields that the message names.";
    SpecMissing SpecValid Person "SPEC is gone without a delete; the last valid revision stays in force." "Apply the record again, or run `understudy delete`.";
    ImmutableField SpecValid Person "A field was edited that is fixed when the environment is made; the last valid revision stays in force, and nothing of the edit is applied." "Set the field back, or delete the environment and apply it anew.";

    // NetworkReady.
    NetworkFound NetworkReady Normal "VPC and subnets are there, in at least two zones." "Nothing to do.";
    SubnetMissing NetworkReady Person "A subnet that the record names does not exist in its VPC." "Correct `spec.network`.";
    TooFewZones NetworkReady Person "The subnets lie in fewer than two availability zones, which an ALB needs." "Add a subnet of another zone to `spec.network.subnetIds`.";
    NoDefaultVpc NetworkReady Person "The record names no network and the region has no default VPC with subnets." "Set `spec.network.vpcId` and `spec.network.subnetIds`.";
    ZoneNotCovered NetworkReady Warning "The load balancer does not cover the zone of a member, so that its target stays unused." "The listed subnets are set on the load balancer.";
    WantedGraphShrank NetworkReady Person "Without an edit of the record, fewer resources are wanted than before; acting on that could remove what is needed." "Restore what the message names, or edit the record.";

    // ImageAvailable.
    ImageFound ImageAvailable Normal "The image can be launched." "Nothing to do.";
    ImageMissing ImageAvailable Person "The image does not exist, or may not be used. Nothing is terminated for it." "Set `spec.image.amiId` to an image that exists in the region.";
    ImagePending ImageAvailable Normal "The image is not available yet." "It is launched once AWS says `available`.";

    // LoadBalancerReady.
    LoadBalancerActive LoadBalancerReady Normal "The load balancer is active and has its listeners." "Nothing to do.";
    LoadBalancerCreating LoadBalancerReady Normal "The load balancer or a listener of it is being made." "It goes on by itself.";
    LoadBalancerProvisioning LoadBalancerReady Normal "AWS is provisioning the load balancer." "AWS takes a few minutes.";
    LoadBalancerFailed LoadBalancerReady Person "AWS could not set up the load balancer." "See the message; delete it in the console to have it made anew.";
    DnsNameChanged LoadBalancerReady Warning "The load balancer was made anew, and AWS gave it another DNS name." "Point the DNS records that name the old one at the new one.";
    NameTaken LoadBalancerReady Person "A resource of that name exists and is not ours." "Set the name field that the message gives to a free name.";

    // CapacityAvailable.
    CapacityAvailable CapacityAvailable Normal "Members can be launched." "Nothing to do.";
    InsufficientCapacity CapacityAvailable Warning "AWS has no capacity for the type in a zone, or a quota is used up." "Another zone is tried; the first again after a while.";
    TypeNotOffered CapacityAvailable Person "No zone of the instance subnets offers the instance type." "Set `spec.instances.types` to a type that the region has.";
    LaunchRejected CapacityAvailable Person "AWS refused the launch." "Correct what the message names.";
    RepeatedStops CapacityAvailable Person "Members are stopped again and again, and no more instances may exist beside the stopped ones." "Find who or what stops them, and start them or terminate those that nobody wants. Stopped members beyond one fleet of them are terminated within `healing.maxTerminationsPerHour`, and others launched in their place.";
    LaunchUnknown CapacityAvailable Person "It is not known whether a launch took place, and AWS no longer promises that asking again is safe." "It ends when an instance with the intent's tag is seen, or when a person deletes the INTENT item that the message names.";

    // TargetsHealthy.
    TargetsHealthy TargetsHealthy Normal "At least `count` members are healthy, of whichever revision." "Nothing to do.";
    TooFewHealthy TargetsHealthy Warning "Fewer than `count` members are healthy." "Members are given time, or replaced.";

    // InSync.
    InSync InSync Normal "AWS matches the record." "Nothing to do.";
    Drifted InSync Normal "AWS differs from the record." "It is being corrected.";
    SpecChanged InSync Normal "The record was edited; AWS is still as the record said before." "It is changed to what the record says now.";
    NoRoom InSync Person "A set that AWS bounds is full, and nothing of ours can make room in it." "Remove what the message names, or ask for less in the record.";
    ActionFailed InSync Warning "AWS did not do what it was asked." "It is tried again, more and more rarely.";
    NotVisibleYet InSync Normal "AWS does not know everywhere yet what was made a moment ago." "It is asked again within seconds.";
    InUse InSync Person "AWS does not delete something of ours because something else uses it." "Do what the message names; it is asked again within a minute, and deleted once nobody uses it.";
    ActionDenied InSync Person "The credentials lack a permission." "Add the statement that the message names.";
    Unread InSync Warning "A part of AWS could not be read, so that nothing is concluded from it." "It is read again.";
    DeletionProtected InSync Person "The load balancer is protected from deletion, by the record or by somebody." "Set `spec.loadBalancer.deletionProtection: false`; a protection that somebody has switched on in AWS is lifted there.";

    // HealingAllowed.
    HealingAllowed HealingAllowed Normal "Sick members may be replaced." "Nothing to do.";
    TooManySick HealingAllowed Person "More members are sick than `healing.maxUnhealthy` allows: it is likely not the instances." "Find the common cause; healing goes on once fewer are sick.";
    TerminationBudgetSpent HealingAllowed Warning "`healing.maxTerminationsPerHour` is used up." "Healing goes on when an hour has passed since the oldest.";
    TerminationProtected HealingAllowed Person "An instance has termination protection, which is never removed." "Switch it off in the console, or keep the instance.";

    // RedisReachable.
    NotProbed RedisReachable Normal "The Redis endpoint is valid; whether it answers is not probed." "Nothing to do.";

    // Why an action is planned.
    NotYetMade InSync Normal "The record wants it and it was never made." "It is made.";
    Vanished InSync Warning "It was there and is gone." "It is made anew.";
    IntentOpen InSync Normal "A create call was sent before, and its reply is not known." "The same call is sent again, word for word.";
    SlotEmpty InSync Normal "Fewer members live than `count`." "One is launched.";
    MemberSick TargetsHealthy Warning "A member failed its health checks for longer than allowed." "It is replaced: its successor first.";
    MemberStopped TargetsHealthy Warning "A member was stopped." "It is replaced: its successor first.";
    MemberOutdated InSync Normal "A member was launched from an older revision." "It is replaced, one surge at a time.";
    MemberAltered InSync Warning "A member's instance type was changed by hand, which cannot be set right in place." "It is replaced: its successor first.";
    MemberSurplus InSync Normal "More members live than `count`." "One is drained and terminated.";
    MemberGone TargetsHealthy Warning "A member was terminated or is missing." "Another is launched.";
    SuccessorNotHealthy TargetsHealthy Normal "A member would go, but too few others are healthy yet." "It goes once they are.";
    Draining InSync Normal "A member finishes what it has in flight." "It is terminated when the drain is over.";
    VolumeLost TargetsHealthy Warning "A member is gone, and its volumes with it." "What was on them is gone; a backup is the only way back.";
    AddressChanged TargetsHealthy Warning "The public address of a member is another one." "Point what uses the old address at the new one, or at the load balancer.";
    TargetMissing TargetsHealthy Warning "A member is not registered with the target group." "It is registered.";
    TargetForeign InSync Warning "A target is registered that is no member." "It is deregistered.";
    TargetStale InSync Normal "A target is registered that was a member of ours and is no more." "It is deregistered.";
    RuleMissing InSync Warning "A security-group rule is not there." "It is added.";
    RuleRogue InSync Warning "A security-group rule is there that the record does not name." "It is removed.";
    AttributeDrifted InSync Warning "An attribute differs from the record." "It is set.";
    HealthCheckDrifted InSync Warning "The health check differs from the record." "It is set.";
    RuleForeign InSync Person "A rule that somebody made stands on a listener of ours: requests that meet it go elsewhere than the record says." "It is left alone. Delete it, or keep it and know that the environment is not as its record says; the record cannot name rules yet.";
    ListenerMissing InSync Warning "A listener is not there." "It is made.";
    ListenerDrifted InSync Warning "A listener differs from the record." "It is set.";
    ListenerRogue InSync Warning "A listener is there that the record does not name." "It is deleted.";
    GroupDetached InSync Warning "A security group is not attached where the record wants it, or one is that it does not name." "The groups are set.";
    TagsDrifted InSync Warning "Tags differ from the record." "They are put back.";
    TargetGroupReplaced InSync Normal "A field of the target group changed that AWS fixes at creation." "Another is made, filled and switched to; then the old one goes.";
    Seen InSync Normal "Something that was made or lost was recognised by its tags." "It is recorded.";
    NotOurs InSync Normal "It carries our tags or stands among our resources, but was not made by this environment." "It is left alone.";
    NotInSchema InSync Normal "The schema has no field for it." "It is left alone.";
    NotConfirmed InSync Normal "It looks different from before in one reading only." "It is believed at the next complete reading.";
    Teardown InSync Normal "The environment is being deleted." "Each goes when nothing depends on it.";
    Retained InSync Normal "`deletionPolicy` is Retain." "Only our tags are removed.";
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A reason with its sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// The word.
    pub reason: Reason,
    /// The sentence: what, where, how much.
    pub message: String,
}

impl Why {
    /// That reason, in these words.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }

    /// The sentence, and what happens next or what would let it go on.
    pub fn in_full(&self) -> String {
        // Where a message of ours has two halves, the second says what to do, more exactly than the list of reasons can.
        if self.message.contains("; ") {
            return self.message.clone();
        }
        let next = self.reason.row().next.trim_end_matches('.');
        let next = sentence_end(next);
        if self.message.is_empty() { next } else { format!("{}; {next}", self.message) }
    }
}

/// A sentence as the end of another one. A word in capitals keeps them.
fn sentence_end(sentence: &str) -> String {
    let mut letters = sentence.chars();
    match (letters.next(), letters.clone().next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => first.to_lowercase().chain(letters).collect(),
        (Some(_) | None, _) => sentence.to_owned(),
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.message)
    }
}
