//! Every AWS call that the product makes, as data, and what each kind of call says of itself.
//!
//! A plan carries its calls whole, so that they can be printed, checked, stored before they are sent, and sent again word
//! for word. A kind's calls stand in its own file; here they become one type. Never: a choice left open for the moment
//! of sending.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ec2::{
    Ec2TagsWrite, Image, ImageRead, Instance, InstanceRead, InstanceWrite, NetworkInterface, NetworkRead,
    ProfileAssociation, SecurityGroup, SecurityGroupRead, SecurityGroupWrite, StatusChecks, Subnet, Volume, VolumeRead,
};
use crate::elbv2::{
    ElbTaggable, Elbv2TagsRead, Elbv2TagsWrite, Listener, ListenerRead, ListenerRule, ListenerWrite, LoadBalancer,
    LoadBalancerRead, LoadBalancerWrite, RuleRead, Target, TargetGroup, TargetGroupRead, TargetGroupWrite,
};
use crate::id::{InstanceId, Zone};
use crate::operation::Operation;
use crate::reference::{ActionId, AnyRef, Ref, ResourceId, ResourceKind, Unresolved};

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// What a call does to what is there. In this order each is worse to do by mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Makes something new. Nothing that is there changes.
    Creates,
    /// Changes something in place; whoever is served goes on being served.
    Changes,
    /// May keep requests from being served: a target, a listener, a rule that lets traffic in, or where it is forwarded.
    StopsTraffic,
    /// Takes away what cannot be put back.
    Destroys,
}

/// What a kind's mutating calls say of themselves. What the promises are asked of has no default, so that a call that is
/// added cannot pass unasked.
pub trait WriteCall {
    /// The operation that it is sent by.
    fn operation(&self) -> Operation;

    /// What it does to what is there.
    fn effect(&self) -> Effect;

    /// The things that it changes or takes away, by their ids. Not those that it only names, such as the group that a
    /// rule lets in, and not what an earlier action of the same plan makes.
    fn touches(&self) -> Vec<ResourceId>;

    /// Visits every id in it that an earlier action of the same plan may return.
    fn refs_mut(&mut self, visit: &mut dyn FnMut(AnyRef<'_>));

    /// The id of what it is done to, or what is launched; empty for what makes something that hangs on nothing. A refusal
    /// is remembered for it.
    fn target(&self) -> String;

    /// Of a create call: the name (or token, or place) by which AWS tells a second one, and the tags that it puts.
    fn created(&self) -> Option<(String, &Tags)> {
        None
    }

    /// What else must be filled in before it is sent.
    fn unready(&self) -> Option<String> {
        None
    }

    /// Whether that failure says that what the call was for holds already.
    fn holds_already(&self, _code: &str) -> bool {
        false
    }

    /// How many things it sets that AWS may refuse each by itself.
    fn divisible_into(&self) -> usize {
        1
    }

    /// The set that it adds to, where AWS bounds that set.
    fn adds_to(&self) -> Option<String> {
        None
    }

    /// Whether something that it names no more may stay in use for a while yet, so that AWS does not delete it.
    fn releases(&self) -> bool {
        false
    }

    /// Whether it sets attributes by name. AWS's refusal of one does not always name it.
    fn sets_attributes(&self) -> bool {
        false
    }
}

/// What a kind's reading calls say of themselves.
pub trait ReadCall {
    /// The operation that it is sent by.
    fn operation(&self) -> Operation;

    /// The ids, names or filters that it asks for, for people.
    fn target(&self) -> String;
}

macro_rules! calls {
    ($(#[$doc:meta])* $outer:ident by $call:ident { $($(#[$of:meta])* $kind:ident($inner:ident),)* } $(#[$more:meta])*) => {
        $(#[$doc])*
        $(#[$more])*
        pub enum $outer {
            $($(#[$of])* $kind($inner),)*
        }

        impl $outer {
            /// The call as its kind knows it.
            fn call(&self) -> &dyn $call {
                match self { $(Self::$kind(call) => call,)* }
            }

            /// The operation that it is sent by.
            pub fn operation(&self) -> Operation {
                self.call().operation()
            }

            /// What it is done to, or asks for; see the trait.
            pub fn target(&self) -> String {
                self.call().target()
            }
        }

        $(impl From<$inner> for $outer {
            fn from(call: $inner) -> Self {
                Self::$kind(call)
            }
        })*
    };
}

calls! {
    /// A mutating call, by the kind of what it changes. It is stored without the kind: its own name is enough.
    Write by WriteCall {
        /// Of a security group.
        SecurityGroup(SecurityGroupWrite),
        /// Of an instance.
        Instance(InstanceWrite),
        /// Tags of an EC2 resource.
        Ec2Tags(Ec2TagsWrite),
        /// Of a load balancer.
        LoadBalancer(LoadBalancerWrite),
        /// Of a target group.
        TargetGroup(TargetGroupWrite),
        /// Of a listener.
        Listener(ListenerWrite),
        /// Tags of an ELBv2 resource.
        Elbv2Tags(Elbv2TagsWrite),
    }
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(untagged)]
}

calls! {
    /// A call that changes nothing, by the kind of what it reads.
    Read by ReadCall {
        /// Of the network.
        Network(NetworkRead),
        /// Of images.
        Image(ImageRead),
        /// Of security groups.
        SecurityGroup(SecurityGroupRead),
        /// Of instances.
        Instance(InstanceRead),
        /// Of volumes.
        Volume(VolumeRead),
        /// Of load balancers.
        LoadBalancer(LoadBalancerRead),
        /// Of target groups.
        TargetGroup(TargetGroupRead),
        /// Of listeners.
        Listener(ListenerRead),
        /// Of rules of a listener.
        Rule(RuleRead),
        /// Tags of ELBv2 resources.
        Elbv2Tags(Elbv2TagsRead),
    }
    #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
}

impl Write {
    fn call_mut(&mut self) -> &mut dyn WriteCall {
        match self {
            Self::SecurityGroup(call) => call,
            Self::Instance(call) => call,
            Self::Ec2Tags(call) => call,
            Self::LoadBalancer(call) => call,
            Self::TargetGroup(call) => call,
            Self::Listener(call) => call,
            Self::Elbv2Tags(call) => call,
        }
    }

    /// See [`WriteCall::effect`].
    pub fn effect(&self) -> Effect {
        self.call().effect()
    }

    /// See [`WriteCall::touches`].
    pub fn touches(&self) -> Vec<ResourceId> {
        self.call().touches()
    }

    /// See [`WriteCall::created`].
    pub fn created(&self) -> Option<(String, &Tags)> {
        self.call().created()
    }

    /// See [`WriteCall::holds_already`].
    pub fn holds_already(&self, code: &str) -> bool {
        self.call().holds_already(code)
    }

    /// See [`WriteCall::divisible_into`].
    pub fn divisible_into(&self) -> usize {
        self.call().divisible_into()
    }

    /// See [`WriteCall::adds_to`].
    pub fn adds_to(&self) -> Option<String> {
        self.call().adds_to()
    }

    /// See [`WriteCall::releases`].
    pub fn releases(&self) -> bool {
        self.call().releases()
    }

    /// See [`WriteCall::sets_attributes`].
    pub fn sets_attributes(&self) -> bool {
        self.call().sets_attributes()
    }

    /// This call with every [`Ref::Made`] replaced by the id that `made` has for it.
    pub fn resolve(mut self, made: &BTreeMap<ActionId, ResourceId>) -> Result<Self, Unresolved> {
        let mut outcome = Ok(());
        self.call_mut().refs_mut(&mut |reference| {
            let resolved = reference.resolve(made);
            if outcome.is_ok() {
                outcome = resolved;
            }
        });
        outcome.map(|()| self)
    }

    /// Everything of that kind that it names, whether it is done to it or not.
    pub fn named(&self, kind: ResourceKind) -> Vec<Ref<ResourceId>> {
        let mut named: Vec<_> = self.touches().into_iter().filter(|id| id.kind() == kind).map(Ref::Id).collect();
        self.clone().call_mut().refs_mut(&mut |reference| {
            let (of, names) = reference.names();
            if of == kind && !named.contains(&names) {
                named.push(names);
            }
        });
        named
    }

    /// What in it is still to be filled in. Such a call must not be sent.
    pub fn unready(&self) -> Option<String> {
        let mut first = self.call().unready();
        self.clone().call_mut().refs_mut(&mut |reference| {
            if let (None, (_, Ref::Made(action))) = (&first, reference.names()) {
                first = Some(format!("the id that {action} returns is not filled in"));
            }
        });
        first
    }
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// One that changes nothing.
    Read(Read),
    /// One that does. Every `Ref` in it is resolved.
    Write(Write),
}

impl Request {
    /// The operation that it is sent by.
    pub fn operation(&self) -> Operation {
        match self {
            Self::Read(read) => read.operation(),
            Self::Write(write) => write.operation(),
        }
    }
}

/// A filter of an EC2 Describe call: any of the values, `*` and `?` as wildcards. Several filters must all match.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Filter {
    /// AWS's name of it, such as `tag:understudy:uid`.
    pub name: String,
    /// Any of these, at most 200.
    pub values: Vec<String>,
}

impl Filter {
    /// All of them, for people.
    pub(crate) fn join(filters: &[Self]) -> String {
        let each = filters.iter().map(|filter| format!("{}={}", filter.name, filter.values.join(",")));
        each.collect::<Vec<_>>().join(" ")
    }
}

/// All of them, for people.
pub(crate) fn join<T: ToString>(all: &[T]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// Where a paged answer goes on.
pub type Page = Option<String>;

/// What a call answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Of [`NetworkRead::Subnets`].
    Subnets(Vec<Subnet>, Page),
    /// Of [`NetworkRead::TypeOfferings`]: type and zone.
    InstanceTypeOfferings(Vec<(String, Zone)>, Page),
    /// Of [`ImageRead::Describe`].
    Images(Vec<Image>),
    /// Of [`SecurityGroupRead::Describe`].
    SecurityGroups(Vec<SecurityGroup>, Page),
    /// Of [`InstanceRead::Describe`].
    Instances(Vec<Instance>, Page),
    /// Of [`InstanceRead::Status`].
    InstanceStatus(Vec<(InstanceId, StatusChecks)>, Page),
    /// Of [`InstanceRead::ProfileAssociations`].
    ProfileAssociations(Vec<ProfileAssociation>, Page),
    /// Of [`VolumeRead::Describe`]: those that are attached.
    Volumes(Vec<Volume>, Page),
    /// Of [`NetworkRead::Interfaces`].
    NetworkInterfaces(Vec<NetworkInterface>, Page),
    /// Of [`LoadBalancerRead::Describe`].
    LoadBalancers(Vec<LoadBalancer>),
    /// Of [`LoadBalancerRead::Attributes`] and [`TargetGroupRead::Attributes`].
    Attributes(BTreeMap<String, String>),
    /// Of [`ListenerRead::Describe`].
    Listeners(Vec<Listener>, Page),
    /// Of [`RuleRead::Describe`], without the default one.
    Rules(Vec<ListenerRule>, Page),
    /// Of [`TargetGroupRead::Describe`].
    TargetGroups(Vec<TargetGroup>),
    /// Of [`TargetGroupRead::Health`].
    TargetHealth(Vec<Target>),
    /// Of [`Elbv2TagsRead::Describe`].
    Tags(Vec<(ElbTaggable, Tags)>),
    /// Of a create call.
    Made(ResourceId),
    /// Of any other write.
    Done,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Creates as the first version stored them in intents, before calls were told apart by kind.
    const STORED: [&str; 5] = [
        r#"{"CreateSecurityGroup":{"name":"a","description":"b","vpc":"vpc-1","tags":{"k":"v"}}}"#,
        r#"{"RunInstances":{"token":"in-1","image":"ami-1","instance_type":"t3.micro","subnet":"subnet-1","zone":"us-east-2a","groups":[{"Id":"sg-1"}],"key_name":null,"instance_profile":null,"user_data":{"Revision":3},"metadata_options":{"http_tokens":"required","hop_limit":1},"block_devices":[],"associate_public_ip":null,"tags":{},"volume_tags":{}}}"#,
        r#"{"CreateLoadBalancer":{"name":"a","scheme":"internal","subnets":["subnet-1"],"groups":[{"Id":"sg-1"}],"tags":{}}}"#,
        r#"{"CreateTargetGroup":{"name":"a","protocol":"HTTP","port":80,"vpc":"vpc-1","health_check":{"protocol":"HTTP","port":"traffic-port","path":"/","interval_secs":30,"timeout_secs":5,"healthy_threshold":5,"unhealthy_threshold":2,"matcher":"200"},"tags":{}}}"#,
        r#"{"CreateListener":{"load_balancer":{"Id":"arn:1"},"protocol":"HTTP","port":80,"forward_to":{"Made":"create-target-group/a"},"tags":{}}}"#,
    ];

    #[test]
    fn what_is_stored_of_a_create_keeps_its_spelling() {
        for stored in STORED {
            let write: Write = serde_json::from_str(stored).unwrap();
            assert_eq!(serde_json::to_string(&write).unwrap(), stored);
            assert_eq!(write.effect(), Effect::Creates);
            assert!(write.created().is_some(), "{stored}");
        }
    }

    #[test]
    fn a_call_is_ready_once_every_id_that_is_to_be_returned_is_filled_in() {
        let listener: Write = serde_json::from_str(STORED[4]).unwrap();
        let made = |id| BTreeMap::from([(ActionId("create-target-group/a".into()), id)]);
        let arn = crate::id::TargetGroupArn::parse("arn:2").unwrap();
        assert_eq!(listener.unready().as_deref(), Some("the id that create-target-group/a returns is not filled in"));
        assert_eq!(listener.named(ResourceKind::TargetGroup).len(), 1);
        assert_eq!(listener.named(ResourceKind::LoadBalancer).len(), 1, "what it touches and refers to is one");
        let wrong = ResourceId::Instance(InstanceId::parse("i-1").unwrap());
        assert!(listener.clone().resolve(&made(wrong)).is_err(), "an id of another kind");
        assert!(listener.clone().resolve(&BTreeMap::new()).is_err());
        let resolved = listener.resolve(&made(arn.clone().into())).unwrap();
        assert_eq!(resolved.unready(), None);
        assert_eq!(resolved.named(ResourceKind::TargetGroup), [Ref::Id(ResourceId::TargetGroup(arn))]);
        let launch: Write = serde_json::from_str(STORED[1]).unwrap();
        assert_eq!(launch.unready().as_deref(), Some("the user data of revision 3 is not filled in"));
    }
}
