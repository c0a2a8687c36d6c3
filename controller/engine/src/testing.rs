//! Fakes for this crate's tests: virtual time, chance that repeats, and a small AWS that answers from lists.
//!
//! The fake cloud holds resources and answers reads as AWS would; each call takes [`LATENCY`], so that the depth of a
//! chain of calls is the time that it took. The full model of AWS is crate `simulator`, which tests the whole loop.

#![allow(clippy::unwrap_used)]

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use aws_api::ec2::{
    Image, ImageRead, Instance, InstanceRead, NetworkInterface, NetworkRead, Peer, ProfileAssociation, Rule,
    SecurityGroup, SecurityGroupRead, StatusChecks, Subnet, Volume, VolumeRead,
};
use aws_api::elbv2::{
    ElbTaggable, Elbv2TagsRead, Listener, ListenerRead, ListenerRule, LoadBalancer, LoadBalancerRead, RuleRead, Target,
    TargetGroup, TargetGroupRead,
};
use aws_api::id::{AmiId, ListenerArn, SubnetId, VpcId, Zone};
use aws_api::{CloudError, Filter, Operation, Read, Reply, Request, Tags, Write};
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use jiff::Timestamp;
use ports::{Change, Clock, Cloud, Entropy, Item, Key, Purpose, Query, RecordStore, StoreError};

const VPC: &str = "vpc-0123456789abcdef0";
const SUBNETS: [&str; 2] = ["subnet-0aaa456789abcdef0", "subnet-0bbb456789abcdef0"];
const AMI: &str = "ami-0fa4480bc2fe38b14";

/// A valid SPEC item's body.
pub fn spec_item(name: &str, region: &str) -> serde_json::Value {
    serde_json::json!({
        "apiVersion": "understudy.dev/v1alpha1",
        "kind": "StagingEnvironment",
        "metadata": {"name": name},
        "spec": {
            "region": region,
            "network": {"vpcId": VPC, "subnetIds": SUBNETS},
            "image": {"amiId": AMI},
            "instances": {"count": 2, "types": ["t3.medium"]},
            "services": [{"name": "web", "port": 8080}],
            "loadBalancer": {"listeners": [{"protocol": "HTTP", "port": 80, "default": {"forward": "web"}}]},
            "access": {"loadBalancer": [{"cidr": "0.0.0.0/0"}]},
        },
    })
}

/// How long each call of the fake cloud takes.
pub const LATENCY: Duration = Duration::from_millis(100);

type Timers = Rc<RefCell<BTreeMap<(Duration, u64), Waker>>>;

/// Time that [`TestClock::run`] moves to the next timer whenever all wait. Clones share it.
#[derive(Clone, Default)]
pub struct TestClock {
    now: Rc<Cell<Duration>>,
    made: Rc<Cell<u64>>,
    timers: Timers,
}

impl TestClock {
    /// Runs `future` to its end.
    pub fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let mut context = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return output;
            }
            let next = self.timers.borrow_mut().pop_first();
            let ((due, _), waker) = next.expect("deadlock: nothing is awaited that time could end");
            self.now.set(self.now.get().max(due));
            waker.wake();
        }
    }

    /// Lets time pass.
    pub fn pass(&self, duration: Duration) {
        self.now.set(self.now.get() + duration);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap() + self.elapsed()
    }

    fn elapsed(&self) -> Duration {
        self.now.get()
    }

    fn sleep(&self, duration: Duration) -> LocalBoxFuture<'static, ()> {
        self.made.set(self.made.get() + 1);
        let key = (self.now.get() + duration, self.made.get());
        Box::pin(Sleep { now: Rc::clone(&self.now), timers: Rc::clone(&self.timers), key })
    }
}

struct Sleep {
    now: Rc<Cell<Duration>>,
    timers: Timers,
    key: (Duration, u64),
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.now.get() >= self.key.0 {
            return Poll::Ready(());
        }
        self.timers.borrow_mut().insert(self.key, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.timers.borrow_mut().remove(&self.key);
    }
}

/// Numbers that count up, one sequence a purpose.
#[derive(Default)]
pub struct Counting {
    first: u64,
    drawn: RefCell<BTreeMap<Purpose, u64>>,
}

impl Counting {
    /// Sequences that begin after `first`, so that two replicas draw different numbers.
    pub fn after(first: u64) -> Self {
        Self { first, drawn: RefCell::default() }
    }
}

impl Entropy for Counting {
    fn draw(&self, purpose: Purpose) -> u64 {
        let mut all = self.drawn.borrow_mut();
        let next = all.entry(purpose).or_insert(self.first);
        *next += 1;
        *next
    }
}

/// What the fake cloud holds.
#[derive(Default)]
pub struct World {
    pub subnets: Vec<Subnet>,
    pub offerings: Vec<(String, Zone)>,
    pub images: Vec<Image>,
    pub instances: Vec<Instance>,
    pub profile_associations: Vec<ProfileAssociation>,
    pub volumes: Vec<Volume>,
    pub interfaces: Vec<NetworkInterface>,
    pub groups: Vec<SecurityGroup>,
    pub load_balancers: Vec<LoadBalancer>,
    pub listeners: Vec<Listener>,
    /// Rules, each with the ARN of its listener.
    pub rules: Vec<(ListenerArn, ListenerRule)>,
    pub target_groups: Vec<TargetGroup>,
    pub targets: Vec<Target>,
    pub tags: BTreeMap<ElbTaggable, Tags>,
}

/// One call that the fake cloud got.
#[derive(Debug, Clone)]
pub struct Call {
    pub started: Duration,
    pub region: String,
    pub request: Request,
}

impl Call {
    pub fn operation(&self) -> Operation {
        match &self.request {
            Request::Read(read) => read.operation(),
            Request::Write(write) => write.operation(),
        }
    }
}

type OnWrite = Box<dyn Fn(&Write) -> Result<Reply, CloudError>>;

/// A small AWS.
pub struct FakeCloud {
    clock: TestClock,
    pub world: RefCell<World>,
    pub calls: RefCell<Vec<Call>>,
    /// What fails, whatever is asked.
    pub fails: RefCell<BTreeMap<Operation, CloudError>>,
    /// What never answers.
    pub hangs: RefCell<BTreeSet<Operation>>,
    /// Regions in which nothing ever answers.
    pub dark: RefCell<BTreeSet<String>>,
    /// What a write answers; `Done` unless set.
    pub on_write: RefCell<OnWrite>,
    /// Things a page.
    pub page_size: Cell<usize>,
}

impl FakeCloud {
    pub fn new(clock: &TestClock) -> Self {
        Self {
            clock: clock.clone(),
            world: RefCell::default(),
            calls: RefCell::default(),
            fails: RefCell::default(),
            hangs: RefCell::default(),
            dark: RefCell::default(),
            on_write: RefCell::new(Box::new(|_| Ok(Reply::Done))),
            page_size: Cell::new(1000),
        }
    }

    /// With what a record of [`spec_item`] needs to be there: subnets in two zones, the type, the image.
    pub fn with_network(clock: &TestClock) -> Self {
        let cloud = Self::new(clock);
        let mut world = cloud.world.borrow_mut();
        for (id, zone) in [(SUBNETS[0], "us-east-2a"), (SUBNETS[1], "us-east-2b")] {
            let (id, vpc) = (SubnetId::parse(id).unwrap(), VpcId::parse(VPC).unwrap());
            let zone = Zone(zone.into());
            world.offerings.push(("t3.medium".into(), zone.clone()));
            world.subnets.push(Subnet { id, vpc, zone, has_ipv6: false, default_for_az: false });
        }
        let id = AmiId::parse(AMI).unwrap();
        world.images.push(Image { id, state: "available".into(), root_device: None, ebs_devices: Vec::new() });
        drop(world);
        cloud
    }

    /// The operations that were called since the last time this was asked.
    pub fn take_operations(&self) -> Vec<Operation> {
        self.calls.take().iter().map(Call::operation).collect()
    }

    fn answer(&self, request: &Request) -> Result<Reply, CloudError> {
        match request {
            Request::Read(read) => self.read(read),
            Request::Write(write) => (self.on_write.borrow())(write),
        }
    }

    fn page<T: Clone>(&self, all: Vec<T>, page: &Option<String>) -> (Vec<T>, Option<String>) {
        let from: usize = page.as_ref().map_or(0, |page| page.parse().unwrap());
        let to = all.len().min(from + self.page_size.get());
        (all[from..to].to_vec(), (to < all.len()).then(|| to.to_string()))
    }

    fn read(&self, read: &Read) -> Result<Reply, CloudError> {
        let world = self.world.borrow();
        let missing = |code: &str| CloudError::coded(read.operation(), code, "no such thing");
        Ok(match read {
            Read::Network(NetworkRead::Subnets { page, .. }) => {
                let (all, next) = self.page(world.subnets.clone(), page);
                Reply::Subnets(all, next)
            }
            Read::Network(NetworkRead::TypeOfferings { types, page }) => {
                let all = world.offerings.iter().filter(|(kind, _)| types.contains(kind)).cloned().collect();
                let (all, next) = self.page(all, page);
                Reply::InstanceTypeOfferings(all, next)
            }
            Read::Image(ImageRead::Describe { ids }) => {
                Reply::Images(found(ids, &world.images, |one| &one.id).ok_or_else(|| missing("InvalidAMIID.NotFound"))?)
            }
            Read::SecurityGroup(SecurityGroupRead::Describe { filters, page }) => {
                let by_rule = |name: &str, rules: &BTreeSet<Rule>| {
                    let peer = |rule: &Rule| match &rule.peer {
                        Peer::Group(group) => passes(filters, name, &group.to_string()),
                        Peer::Cidr(_) | Peer::PrefixList(_) => false,
                    };
                    rules.iter().any(peer)
                };
                let is_asked = |one: &&SecurityGroup| {
                    passes(filters, "group-name", &one.name)
                        || by_rule("ip-permission.group-id", &one.ingress)
                        || by_rule("egress.ip-permission.group-id", &one.egress)
                };
                let all = world.groups.iter().filter(is_asked).cloned().collect();
                let (all, next) = self.page(all, page);
                Reply::SecurityGroups(all, next)
            }
            Read::Instance(InstanceRead::Describe { filters, page }) => {
                let uid = |one: &Instance| one.tags.get("understudy:uid").cloned().unwrap_or_default();
                let all = world.instances.iter().filter(|one| {
                    passes(filters, "tag:understudy:uid", &uid(one)) || passes(filters, "instance-id", one.id.as_str())
                });
                let (all, next) = self.page(all.cloned().collect(), page);
                Reply::Instances(all, next)
            }
            Read::Instance(InstanceRead::Status { ids, .. }) => {
                let all =
                    found(ids, &world.instances, |one| &one.id).ok_or_else(|| missing("InvalidInstanceID.NotFound"))?;
                Reply::InstanceStatus(all.into_iter().map(|one| (one.id, StatusChecks::Ok)).collect(), None)
            }
            Read::Instance(InstanceRead::ProfileAssociations { filters, page }) => {
                let of = |one: &&ProfileAssociation| passes(filters, "instance-id", one.instance.as_str());
                let (all, next) = self.page(world.profile_associations.iter().filter(of).cloned().collect(), page);
                Reply::ProfileAssociations(all, next)
            }
            Read::Volume(VolumeRead::Describe { filters, page }) => {
                let of = |one: &&Volume| passes(filters, "attachment.instance-id", one.instance.as_str());
                let (all, next) = self.page(world.volumes.iter().filter(of).cloned().collect(), page);
                Reply::Volumes(all, next)
            }
            Read::Network(NetworkRead::Interfaces { filters, page }) => {
                let of = |one: &&NetworkInterface| one.groups.iter().any(|id| passes(filters, "group-id", id.as_str()));
                let (all, next) = self.page(world.interfaces.iter().filter(of).cloned().collect(), page);
                Reply::NetworkInterfaces(all, next)
            }
            Read::LoadBalancer(LoadBalancerRead::Describe { names }) => Reply::LoadBalancers(
                found(names, &world.load_balancers, |one| &one.name).ok_or_else(|| missing("LoadBalancerNotFound"))?,
            ),
            Read::LoadBalancer(LoadBalancerRead::Attributes { load_balancer }) => {
                found(std::slice::from_ref(load_balancer), &world.load_balancers, |one| &one.arn)
                    .ok_or_else(|| missing("LoadBalancerNotFound"))?;
                Reply::Attributes([("idle_timeout.timeout_seconds".to_owned(), "60".to_owned())].into())
            }
            Read::Listener(ListenerRead::Describe { load_balancer, page }) => {
                found(std::slice::from_ref(load_balancer), &world.load_balancers, |one| &one.arn)
                    .ok_or_else(|| missing("LoadBalancerNotFound"))?;
                let all = world.listeners.iter().filter(|one| one.load_balancer == *load_balancer).cloned().collect();
                let (all, next) = self.page(all, page);
                Reply::Listeners(all, next)
            }
            Read::Rule(RuleRead::Describe { listener, page }) => {
                found(std::slice::from_ref(listener), &world.listeners, |one| &one.arn)
                    .ok_or_else(|| missing("ListenerNotFound"))?;
                let of = world.rules.iter().filter(|(arn, _)| arn == listener).map(|(_, rule)| rule.clone());
                let (all, next) = self.page(of.collect(), page);
                Reply::Rules(all, next)
            }
            Read::TargetGroup(TargetGroupRead::Describe { names }) => Reply::TargetGroups(
                found(names, &world.target_groups, |one| &one.name).ok_or_else(|| missing("TargetGroupNotFound"))?,
            ),
            Read::TargetGroup(TargetGroupRead::Attributes { target_group }) => {
                found(std::slice::from_ref(target_group), &world.target_groups, |one| &one.arn)
                    .ok_or_else(|| missing("TargetGroupNotFound"))?;
                Reply::Attributes([("stickiness.enabled".to_owned(), "true".to_owned())].into())
            }
            Read::TargetGroup(TargetGroupRead::Health { target_group }) => {
                found(std::slice::from_ref(target_group), &world.target_groups, |one| &one.arn)
                    .ok_or_else(|| missing("TargetGroupNotFound"))?;
                Reply::TargetHealth(world.targets.clone())
            }
            Read::Elbv2Tags(Elbv2TagsRead::Describe { resources }) => {
                let tags = resources.iter().map(|one| world.tags.get(one).map(|tags| (one.clone(), tags.clone())));
                Reply::Tags(tags.collect::<Option<_>>().ok_or_else(|| missing("LoadBalancerNotFound"))?)
            }
        })
    }
}

/// One for each key, or nothing when a key has none: AWS fails the whole call then.
fn found<K: PartialEq, V: Clone>(keys: &[K], all: &[V], key: impl Fn(&V) -> &K) -> Option<Vec<V>> {
    keys.iter().map(|wanted| all.iter().find(|one| key(one) == wanted).cloned()).collect()
}

fn passes(filters: &[Filter], name: &str, value: &str) -> bool {
    filters.iter().any(|filter| filter.name == name && filter.values.iter().any(|wanted| wanted == value))
}

impl Cloud for FakeCloud {
    fn call<'a>(&'a self, region: &'a str, request: Request) -> LocalBoxFuture<'a, Result<Reply, CloudError>> {
        async move {
            let call = Call { started: self.clock.elapsed(), region: region.to_owned(), request };
            let operation = call.operation();
            self.calls.borrow_mut().push(call.clone());
            if self.hangs.borrow().contains(&operation) || self.dark.borrow().contains(region) {
                std::future::pending::<()>().await;
            }
            self.clock.sleep(LATENCY).await;
            match self.fails.borrow().get(&operation) {
                Some(error) => Err(error.clone()),
                None => self.answer(&call.request),
            }
        }
        .boxed_local()
    }
}

/// A table that is not there.
pub struct NoTable;

impl RecordStore for NoTable {
    fn get<'a>(&'a self, _: &'a Key) -> LocalBoxFuture<'a, Result<Option<Item>, StoreError>> {
        missing()
    }

    fn get_many<'a>(&'a self, _: &'a [Key]) -> LocalBoxFuture<'a, Result<Vec<Item>, StoreError>> {
        missing()
    }

    fn query<'a>(&'a self, _: &'a Query) -> LocalBoxFuture<'a, Result<Vec<Item>, StoreError>> {
        missing()
    }

    fn by_kind<'a>(&'a self, _: &'a str) -> LocalBoxFuture<'a, Result<Vec<String>, StoreError>> {
        missing()
    }

    fn write<'a>(&'a self, _: Vec<Change>) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        missing()
    }
}

fn missing<'a, T: 'a>() -> LocalBoxFuture<'a, Result<T, StoreError>> {
    std::future::ready(Err(StoreError::TableMissing { table: "understudy".into() })).boxed_local()
}
