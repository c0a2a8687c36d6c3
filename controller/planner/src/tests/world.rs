//! A world to plan in: an environment's record and what is seen of it, healthy unless a test says otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_api::ec2::{Image, Instance, InstanceState, Peer, Rule, SecurityGroup, StatusChecks, Subnet};
use aws_api::elbv2::{ElbTaggable, Listener, LoadBalancer, LoadBalancerState, Target, TargetGroup, TargetHealth};
use aws_api::id::{
    AmiId, EnvUid, InstanceId, ListenerArn, LoadBalancerArn, SecurityGroupId, SubnetId, TargetGroupArn, VpcId, Zone,
};
use aws_api::{Ref, Tags};
use crds_schema::Spec;
use jiff::Timestamp;

use crate::action::Plan;
use crate::conclude::{Conclusion, conclude};
use crate::desired;
use crate::input::PlanInput;
use crate::lint::lint;
use crate::memory::Memory;
use crate::observed::{Observed, Part};
use crate::outcome::{Outcome, Outcomes};
use crate::ownership;
use crate::plan::plan;
use crate::record::{GroupRole, Record, Stored};
use crate::status::*;

pub(super) const ALB: &str = "arn:aws:elasticloadbalancing:us-east-2:1:loadbalancer/app/shop-alb/1";
pub(super) const LISTENER: &str = "arn:aws:elasticloadbalancing:us-east-2:1:listener/app/shop-alb/1/80";
pub(super) const GROUP: &str = "arn:aws:elasticloadbalancing:us-east-2:1:targetgroup/shop/1";

pub(super) struct World {
    pub(super) record: Record,
    pub(super) observed: Observed,
    pub(super) memory: Memory,
    pub(super) now: Timestamp,
    pub(super) missing_after: Duration,
}

pub(super) fn spec(count: u32) -> Spec {
    // Zero is set, not parsed, so that a test of it needs nothing of the schema.
    let parsed = count.max(1);
    let text = format!(
        r#"{{"apiVersion": "understudy.dev/v1alpha1", "kind": "StagingEnvironment", "metadata": {{"name": "shop"}},
        "spec": {{"image": {{"amiId": "ami-0123456789abcdef0"}},
        "instances": {{"count": {parsed}, "types": ["t3.medium"]}},
        "services": [{{"name": "web", "port": 8080, "healthCheck": {{"path": "/health"}}, "deregistrationDelay": "60s"}}],
        "access": {{"loadBalancer": [{{"cidr": "0.0.0.0/0"}}], "ssh": [{{"cidr": "203.0.113.0/24"}}]}}}}}}"#
    );
    let mut spec = crds_schema::parse(&serde_json::from_str(&text).unwrap()).unwrap().spec;
    spec.instances.count = count;
    spec
}

pub(super) fn group_id(role: GroupRole) -> SecurityGroupId {
    SecurityGroupId::parse(match role {
        GroupRole::LoadBalancer => "sg-alb",
        GroupRole::Instances => "sg-inst",
    })
    .unwrap()
}

pub(super) fn alb() -> LoadBalancerArn {
    LoadBalancerArn::parse(ALB).unwrap()
}

pub(super) fn target_group() -> TargetGroupArn {
    TargetGroupArn::parse(GROUP).unwrap()
}

fn zone(letter: char) -> Zone {
    Zone(format!("us-east-2{letter}"))
}

fn subnet(letter: char) -> Subnet {
    Subnet {
        id: SubnetId::parse(format!("subnet-{letter}")).unwrap(),
        vpc: VpcId::parse("vpc-1").unwrap(),
        zone: zone(letter),
        has_ipv6: false,
        default_for_az: true,
    }
}

pub(super) fn rule(port: i32, peer: Peer) -> Rule {
    Rule { protocol: "tcp".into(), from: Some(port), to: Some(port), peer }
}

pub(super) fn cidr(text: &str) -> Peer {
    Peer::Cidr(text.parse().unwrap())
}

impl World {
    /// An environment that was never made: `count` members wanted, an empty account.
    pub(super) fn empty(count: u32) -> Self {
        let now: Timestamp = "2026-03-01T09:00:00Z".parse().unwrap();
        let spec = spec(count);
        let record = Record {
            name: "shop".into(),
            stored: Stored::Valid,
            generation: 1,
            spec_hash: "hash-1".into(),
            spec: Some(spec),
            revision: 1,
            good: None,
            deleting: false,
            status: Status::new(EnvUid::parse("env-1").unwrap(), now),
            intents: Vec::new(),
        };
        let image = Image {
            id: AmiId::parse("ami-0123456789abcdef0").unwrap(),
            state: "available".into(),
            root_device: Some("/dev/xvda".into()),
            ebs_devices: vec!["/dev/xvda".into()],
        };
        let observed = Observed {
            subnets: Part::Seen(vec![subnet('a'), subnet('b'), subnet('c')]),
            offerings: Part::Seen(['a', 'b', 'c'].map(zone).into()),
            image: Part::Seen(Some(image)),
            fallback: None,
            groups: Part::Seen(Vec::new()),
            instances: Part::Seen(BTreeMap::new()),
            status_checks: Part::Seen(BTreeMap::new()),
            profile_associations: BTreeMap::new(),
            volumes: BTreeMap::new(),
            load_balancers: Part::Seen(Vec::new()),
            load_balancer_attributes: BTreeMap::new(),
            listeners: BTreeMap::new(),
            rules: BTreeMap::new(),
            target_groups: Part::Seen(Vec::new()),
            target_group_attributes: BTreeMap::new(),
            targets: BTreeMap::new(),
            usage: BTreeMap::new(),
            tags: Part::Seen(BTreeMap::new()),
            unknown: BTreeSet::new(),
        };
        Self { record, observed, memory: Memory::default(), now, missing_after: Duration::from_secs(300) }
    }

    /// An environment with `count` healthy members, as it is long after it converged.
    pub(super) fn healthy(count: u32) -> Self {
        Self::healthy_with(count, |_| {})
    }

    /// The same, of another record.
    pub(super) fn healthy_with(count: u32, record: impl FnOnce(&mut Spec)) -> Self {
        let mut world = Self::empty(count);
        record(world.spec());
        world.make_groups();
        world.make_target_group();
        world.make_balancer();
        for slot in 1..=count {
            world = world.member(slot, ['a', 'b', 'c'][usize::try_from(slot - 1).unwrap() % 3]);
        }
        // One quiet pass, so that the memory and the status are those of a running controller.
        let quiet = world.pass();
        assert_eq!(quiet.actions, [], "a healthy world wants nothing done");
        world.store(&quiet);
        world.now = world.now.checked_add(Duration::from_secs(3600)).unwrap();
        world
    }

    fn standing(&self, name: &str) -> Tags {
        ownership::standing_tags(&self.record, &Tags::new(), name)
    }

    fn make_groups(&mut self) {
        for role in GroupRole::BOTH {
            let name = ownership::group_name("shop", role);
            let ingress = match role {
                GroupRole::LoadBalancer => [rule(80, cidr("0.0.0.0/0"))].into(),
                GroupRole::Instances => {
                    let balancer = Peer::Group(Ref::Id(group_id(GroupRole::LoadBalancer)));
                    [rule(8080, balancer), rule(22, cidr("203.0.113.0/24"))].into()
                }
            };
            let all = Rule { protocol: "-1".into(), from: None, to: None, peer: cidr("0.0.0.0/0") };
            let group = SecurityGroup {
                id: group_id(role),
                name: name.clone(),
                vpc: VpcId::parse("vpc-1").unwrap(),
                ingress,
                egress: [all].into(),
                tags: self.standing(&name),
            };
            self.groups().push(group);
            *role.recorded_mut(&mut self.record.status) = Some(group_id(role));
            self.record.status.security_groups.names.insert(group_id(role), name);
        }
        let vpc_id = VpcId::parse("vpc-1").unwrap();
        self.record.status.network = Some(NetworkStatus { vpc_id, region: Some("us-east-2".into()), is_default: None });
    }

    fn make_target_group(&mut self) {
        let spec = self.record.spec.clone().unwrap();
        let wanted = desired::wanted(&self.record, &spec, &self.observed).unwrap().target_group;
        let tags = self.standing(&wanted.name);
        let group = TargetGroup {
            arn: target_group(),
            name: wanted.name.clone(),
            protocol: Some(wanted.protocol),
            port: Some(wanted.port),
            vpc: Some(VpcId::parse("vpc-1").unwrap()),
            health_check: wanted.health_check.clone(),
            load_balancers: vec![alb()],
        };
        self.record.status.target_groups.push(TargetGroupStatus {
            service: "web".into(),
            arn: target_group(),
            name: wanted.name,
            port: wanted.port,
            intent: None,
        });
        seen(&mut self.observed.target_groups).push(group);
        self.observed.target_group_attributes.insert(target_group(), Part::Seen(wanted.attributes));
        self.observed.targets.insert(target_group(), Part::Seen(Vec::new()));
        seen(&mut self.observed.tags).insert(ElbTaggable::TargetGroup(target_group()), tags);
    }

    fn make_balancer(&mut self) {
        let subnets: BTreeMap<Zone, SubnetId> = ['a', 'b', 'c'].map(|letter| (zone(letter), subnet(letter).id)).into();
        let balancer = LoadBalancer {
            arn: alb(),
            name: "shop-alb".into(),
            dns_name: "shop-alb-1.us-east-2.elb.amazonaws.com".into(),
            hosted_zone_id: None,
            scheme: crds_schema::spec::Scheme::InternetFacing,
            vpc: VpcId::parse("vpc-1").unwrap(),
            state: LoadBalancerState::Active,
            subnets,
            groups: [group_id(GroupRole::LoadBalancer)].into(),
        };
        seen(&mut self.observed.load_balancers).push(balancer);
        self.record.status.load_balancer = Some(LoadBalancerStatus {
            arn: alb(),
            name: "shop-alb".into(),
            dns_name: String::new(),
            hosted_zone_id: None,
            zones: Vec::new(),
            scheme: None,
            intent: None,
        });
        let arn = ListenerArn::parse(LISTENER).unwrap();
        let listener = Listener {
            arn: arn.clone(),
            load_balancer: alb(),
            port: 80,
            protocol: "HTTP".into(),
            forwards_to: Some(target_group()),
            warms: None,
            actions: Vec::new(),
        };
        self.record.status.listeners.push(ListenerStatus::new(80, arn.clone()));
        self.observed.listeners.insert(alb(), Part::Seen(vec![listener]));
        self.observed.rules.insert(arn.clone(), Part::Seen(Vec::new()));
        let attributes = [("idle_timeout.timeout_seconds", "60"), (desired::DELETION_PROTECTION, "false")];
        let attributes = attributes.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        self.observed.load_balancer_attributes.insert(alb(), Part::Seen(attributes));
        let (balancer, listener) = (self.standing("shop-alb"), self.standing("shop-80"));
        seen(&mut self.observed.tags).insert(ElbTaggable::LoadBalancer(alb()), balancer);
        seen(&mut self.observed.tags).insert(ElbTaggable::Listener(arn), listener);
    }

    /// Adds a healthy member that is recorded, running and registered.
    pub(super) fn member(mut self, slot: u32, letter: char) -> Self {
        let id = instance_id(slot);
        let spec = self.record.spec.clone().unwrap();
        let template = desired::wanted(&self.record, &spec, &self.observed).unwrap().template;
        let mut tags = self.standing(&ownership::member_name("shop", slot));
        tags.extend(ownership::member_tags(slot));
        tags.insert(ownership::TAG_INTENT.into(), format!("in-{slot}"));
        let instance = Instance {
            id: id.clone(),
            state: InstanceState::Running,
            client_token: Some(format!("in-{slot}")),
            image: template.image.clone(),
            instance_type: template.instance_type.clone(),
            zone: zone(letter),
            subnet: Some(subnet(letter).id),
            vpc: Some(VpcId::parse("vpc-1").unwrap()),
            groups: [group_id(GroupRole::Instances)].into(),
            key_name: None,
            instance_profile: None,
            private_ip: Some(format!("10.0.0.{slot}")),
            public_ip: None,
            http_tokens: Some(crds_schema::spec::HttpTokens::Required),
            hop_limit: Some(2),
            launched_at: self.now,
            state_reason: None,
            tags,
        };
        seen(&mut self.observed.instances).insert(id.clone(), instance);
        seen(&mut self.observed.status_checks).insert(id.clone(), StatusChecks::Ok);
        self.targets().push(target(id.as_str(), TargetHealth::Healthy, None));
        self.record.status.instances.push(MemberStatus {
            slot,
            instance_id: id,
            zone: zone(letter),
            subnet_id: subnet(letter).id,
            ami_id: template.image.clone(),
            instance_type: template.instance_type.clone(),
            private_ip: None,
            public_ip: None,
            last_public_ip: None,
            state: None,
            health: None,
            reason: None,
            origin: Origin::Launched,
            launched_at: self.now,
            held_until: None,
            template: template.hash(),
            healthy_since: None,
            unhealthy_since: None,
            stopped_since: None,
            moved: None,
            succeeded: false,
            leaving: None,
            intent: None,
            volumes: BTreeSet::new(),
        });
        self
    }

    pub(super) fn groups(&mut self) -> &mut Vec<SecurityGroup> {
        seen(&mut self.observed.groups)
    }

    pub(super) fn group(&mut self, role: GroupRole) -> &mut SecurityGroup {
        self.groups().iter_mut().find(|group| group.id == group_id(role)).unwrap()
    }

    pub(super) fn targets(&mut self) -> &mut Vec<Target> {
        seen(self.observed.targets.get_mut(&target_group()).unwrap())
    }

    pub(super) fn instance(&mut self, slot: u32) -> &mut Instance {
        seen(&mut self.observed.instances).get_mut(&instance_id(slot)).unwrap()
    }

    pub(super) fn spec(&mut self) -> &mut Spec {
        self.record.spec.as_mut().unwrap()
    }

    /// Edits the spec as a user would: a new generation, a new hash.
    pub(super) fn edited(mut self, edit: impl FnOnce(&mut Spec)) -> Self {
        edit(self.spec());
        self.record.generation += 1;
        self.record.revision = self.record.generation;
        self.record.spec_hash = format!("hash-{}", self.record.generation);
        self
    }

    /// Sets the health of a member's target.
    pub(super) fn health(mut self, slot: u32, health: TargetHealth, reason: &str) -> Self {
        let id = instance_id(slot);
        let reason = (!reason.is_empty()).then(|| reason.to_owned());
        self.targets().retain(|target| target.id != id.as_str());
        self.targets().push(Target { reason, ..target(id.as_str(), health, None) });
        self
    }

    /// A member whose target has been unhealthy for so long.
    pub(super) fn unhealthy_for(mut self, slot: u32, seconds: u64) -> Self {
        self = self.health(slot, TargetHealth::Unhealthy, "Target.Timeout");
        let since = self.now.checked_sub(Duration::from_secs(seconds)).unwrap();
        self.status(slot).unhealthy_since = Some(since);
        self.status(slot).healthy_since = None;
        self
    }

    pub(super) fn state(mut self, slot: u32, state: InstanceState) -> Self {
        self.instance(slot).state = state;
        self
    }

    pub(super) fn status(&mut self, slot: u32) -> &mut MemberStatus {
        self.record.status.instances.iter_mut().find(|member| member.slot == slot).unwrap()
    }

    pub(super) fn after(mut self, seconds: u64) -> Self {
        self.now = self.now.checked_add(Duration::from_secs(seconds)).unwrap();
        self
    }

    /// Plans once, checks that the plan is linted and that it is the same when made again, and keeps the memory.
    pub(super) fn pass(&mut self) -> Plan {
        let input = PlanInput {
            record: &self.record,
            observed: &self.observed,
            now: self.now,
            seed: 7,
            missing_after: self.missing_after,
            default_region: "us-east-2",
        };
        let mut again = self.memory.clone();
        let made = plan(&input, &mut self.memory);
        assert_eq!(made, plan(&input, &mut again), "a plan follows from its inputs alone");
        if let Err(broken) = lint(made.clone(), &input, &self.memory) {
            panic!("the plan breaks promises: {broken:?}\n{made}");
        }
        made
    }

    /// Stores a plan's status, as a pass does.
    pub(super) fn store(&mut self, plan: &Plan) {
        self.record.status = plan.status.clone();
        self.record.intents.retain(|intent| !plan.settled.iter().any(|settled| settled.id == intent.id));
    }

    /// Concludes a plan of which every action had the given outcome.
    pub(super) fn concluded(&mut self, plan: &Plan, outcome: impl Fn(&crate::action::Action) -> Outcome) -> Conclusion {
        let outcomes: Outcomes = plan.actions.iter().map(|action| (action.id.clone(), outcome(action))).collect();
        let before = self.record.status.clone();
        conclude(plan, &outcomes, &before, &mut self.memory, self.now)
    }

    /// The plan's text: of a second look where the first only asks to read once more.
    pub(super) fn planned(&mut self) -> String {
        let first = self.pass();
        let first = if first.to_string().contains("to be read once more") { self.pass() } else { first };
        first.to_string()
    }
}

pub(super) fn instance_id(slot: u32) -> InstanceId {
    InstanceId::parse(format!("i-{slot}")).unwrap()
}

pub(super) fn target(id: &str, health: TargetHealth, reason: Option<&str>) -> Target {
    Target { id: id.into(), port: 8080, health, reason: reason.map(Into::into), description: None }
}

pub(super) fn seen<T>(part: &mut Part<T>) -> &mut T {
    match part {
        Part::Seen(value) => value,
        Part::Unread(why) => panic!("unread: {why}"),
    }
}

pub(super) fn ids(plan: &Plan) -> BTreeSet<&str> {
    plan.actions.iter().map(|action| action.id.0.as_str()).collect()
}
