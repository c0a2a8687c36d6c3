//! A cloud on a clock, and short ways to ask it for things.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_api::ec2::{
    ChangeRules, CreateSecurityGroup, Direction, InstanceState, InstanceWrite, MetadataRequest, Peer, Rule,
    RunInstances, SecurityGroupWrite,
};
use aws_api::elbv2::{
    CreateListener, CreateLoadBalancer, CreateTargetGroup, ListenerWrite, LoadBalancerWrite, TargetGroupWrite,
    TargetHealth, TargetHealthCheck,
};
use aws_api::id::{AmiId, InstanceId, IntentId, ListenerArn, LoadBalancerArn, SecurityGroupId, TargetGroupArn};
use aws_api::{CloudError, Read, Ref, Reply, Request, ResourceId, Tags, Write};
use crds_schema::Cidr;
use crds_schema::spec::{HttpTokens, Protocol, Scheme};
use ports::Cloud;
use simulator::executor::block_on;
use simulator::{Builder, SimCloud, VirtualClock};

pub const REGION: &str = "us-east-2";

pub fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub struct Bench {
    pub clock: VirtualClock,
    pub cloud: SimCloud,
}

/// An environment: groups, load balancer, target group, listener.
pub struct Env {
    pub alb_group: SecurityGroupId,
    pub group: SecurityGroupId,
    pub alb: LoadBalancerArn,
    pub targets: TargetGroupArn,
    pub listener: ListenerArn,
}

impl Bench {
    pub fn new() -> Self {
        Self::of(Builder::new(1).latency(Duration::ZERO))
    }

    pub fn of(builder: Builder) -> Self {
        let clock = VirtualClock::default();
        let cloud = builder.build(&clock);
        Self { clock, cloud }
    }

    pub fn pass(&self, time: Duration) {
        self.clock.advance_to(self.clock.since_epoch() + time);
    }

    pub fn call(&self, request: Request) -> Result<Reply, CloudError> {
        block_on(&self.clock, self.cloud.call(REGION, request))
    }

    pub fn read(&self, read: Read) -> Result<Reply, CloudError> {
        self.call(Request::Read(read))
    }

    pub fn write(&self, write: Write) -> Result<Reply, CloudError> {
        self.call(Request::Write(write))
    }

    /// Its code; it must fail.
    #[track_caller]
    pub fn code(&self, write: Write) -> String {
        self.write(write).unwrap_err().code.unwrap()
    }

    pub fn run(&self, token: &str) -> RunInstances {
        self.run_in(token, 0)
    }

    pub fn run_in(&self, token: &str, zone: usize) -> RunInstances {
        let subnet = self.cloud.view().subnets()[zone].clone();
        RunInstances {
            token: IntentId::parse(format!("in-{token}")).unwrap(),
            image: AmiId::parse(Builder::IMAGE).unwrap(),
            instance_type: "t3.medium".into(),
            subnet: subnet.id,
            zone: subnet.zone,
            groups: BTreeSet::new(),
            key_name: None,
            instance_profile: None,
            user_data: None,
            metadata_options: MetadataRequest { http_tokens: HttpTokens::Required, hop_limit: 2 },
            block_devices: Vec::new(),
            associate_public_ip: None,
            tags: tags(&[("Name", token)]),
            volume_tags: Tags::new(),
        }
    }

    pub fn launch(&self, run: RunInstances) -> InstanceId {
        match self.write(Write::Instance(InstanceWrite::Run(Box::new(run)))).unwrap() {
            Reply::Made(ResourceId::Instance(id)) => id,
            other => panic!("{other:?}"),
        }
    }

    pub fn state(&self, id: &InstanceId) -> InstanceState {
        self.cloud.view().instance(id).unwrap().state
    }

    pub fn create_group(&self, name: &str) -> CreateSecurityGroup {
        CreateSecurityGroup {
            name: name.into(),
            description: "a test".into(),
            vpc: self.cloud.view().vpc(),
            tags: Tags::new(),
        }
    }

    pub fn group(&self, name: &str) -> SecurityGroupId {
        match self.write(Write::SecurityGroup(SecurityGroupWrite::Create(self.create_group(name)))).unwrap() {
            Reply::Made(ResourceId::SecurityGroup(id)) => id,
            other => panic!("{other:?}"),
        }
    }

    pub fn create_alb(&self, name: &str, zones: usize) -> CreateLoadBalancer {
        CreateLoadBalancer {
            name: name.into(),
            scheme: Scheme::InternetFacing,
            subnets: self.cloud.view().subnets().into_iter().take(zones).map(|subnet| subnet.id).collect(),
            groups: BTreeSet::new(),
            tags: Tags::new(),
        }
    }

    pub fn alb(&self, create: CreateLoadBalancer) -> LoadBalancerArn {
        match self.write(Write::LoadBalancer(LoadBalancerWrite::Create(create))).unwrap() {
            Reply::Made(ResourceId::LoadBalancer(arn)) => arn,
            other => panic!("{other:?}"),
        }
    }

    pub fn create_targets(&self, name: &str) -> CreateTargetGroup {
        CreateTargetGroup {
            name: name.into(),
            protocol: Protocol::Http,
            port: 8080,
            vpc: self.cloud.view().vpc(),
            health_check: TargetHealthCheck {
                protocol: "HTTP".into(),
                port: "traffic-port".into(),
                path: "/health".into(),
                interval_secs: 30,
                timeout_secs: 5,
                healthy_threshold: 5,
                unhealthy_threshold: 2,
                matcher: "200".into(),
            },
            tags: Tags::new(),
        }
    }

    pub fn targets(&self, name: &str) -> TargetGroupArn {
        match self.write(Write::TargetGroup(TargetGroupWrite::Create(self.create_targets(name)))).unwrap() {
            Reply::Made(ResourceId::TargetGroup(arn)) => arn,
            other => panic!("{other:?}"),
        }
    }

    pub fn create_listener(alb: &LoadBalancerArn, port: u16, targets: &TargetGroupArn) -> Write {
        Write::Listener(ListenerWrite::Create(CreateListener {
            load_balancer: Ref::Id(alb.clone()),
            protocol: Protocol::Http,
            port,
            forward_to: Ref::Id(targets.clone()),
            tags: Tags::new(),
        }))
    }

    pub fn listener(&self, alb: &LoadBalancerArn, port: u16, targets: &TargetGroupArn) -> ListenerArn {
        match self.write(Self::create_listener(alb, port, targets)).unwrap() {
            Reply::Made(ResourceId::Listener(arn)) => arn,
            other => panic!("{other:?}"),
        }
    }

    pub fn authorize(&self, group: &SecurityGroupId, rule: Rule) -> Result<Reply, CloudError> {
        self.write(Write::SecurityGroup(SecurityGroupWrite::Authorize(ingress(group, rule))))
    }

    /// An environment over so many zones, its load balancer active, without instances.
    pub fn env(&self, zones: usize) -> Env {
        let (alb_group, group) = (self.group("alb"), self.group("instances"));
        self.authorize(&group, from_group(8080, &alb_group)).unwrap();
        let groups = BTreeSet::from([Ref::Id(alb_group.clone())]);
        let alb = self.alb(CreateLoadBalancer { groups, ..self.create_alb("web-alb", zones) });
        let targets = self.targets("web-targets");
        let listener = self.listener(&alb, 80, &targets);
        self.pass(secs(150));
        Env { alb_group, group, alb, targets, listener }
    }

    /// A running instance of that environment, registered the moment that it runs.
    pub fn member(&self, env: &Env, token: &str, zone: usize) -> InstanceId {
        let groups = BTreeSet::from([Ref::Id(env.group.clone())]);
        let id = self.launch(RunInstances { groups, ..self.run_in(token, zone) });
        self.pass(secs(17));
        self.cloud.console().register(&env.targets, &id, 8080).unwrap();
        id
    }

    /// Health and reason of the only target.
    pub fn health(&self, env: &Env) -> (TargetHealth, String) {
        let mut targets = self.cloud.view().targets(&env.targets);
        assert_eq!(targets.len(), 1, "{targets:?}");
        let target = targets.remove(0);
        (target.health, target.reason.unwrap_or_default())
    }
}

pub fn tags(pairs: &[(&str, &str)]) -> Tags {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

pub fn attributes(name: &str, value: &str) -> BTreeMap<String, String> {
    tags(&[(name, value)])
}

pub fn from_group(port: i32, group: &SecurityGroupId) -> Rule {
    Rule { protocol: "tcp".into(), from: Some(port), to: Some(port), peer: Peer::Group(Ref::Id(group.clone())) }
}

pub fn from_cidr(port: i32, cidr: &str) -> Rule {
    Rule { protocol: "tcp".into(), from: Some(port), to: Some(port), peer: Peer::Cidr(Cidr::canonical(cidr).unwrap()) }
}

pub fn ingress(group: &SecurityGroupId, rule: Rule) -> ChangeRules {
    ChangeRules { group: Ref::Id(group.clone()), direction: Direction::Ingress, rules: BTreeSet::from([rule]) }
}
