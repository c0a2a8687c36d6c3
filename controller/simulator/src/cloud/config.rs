//! What a simulated account and region is like: its network, images, types, times and quotas.
//!
//! [`Builder`] starts from an ordinary account in us-east-2 with a default VPC in three zones. Ids that are not given come
//! from the seed.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use aws_api::ec2::Subnet;
use aws_api::id::{AmiId, SubnetId, VpcId, Zone};
use jiff::Timestamp;

use super::SimCloud;
use super::apps::App;
use super::catalogue;
use super::images::{ImageDevice, ImageRecord};
use crate::clock::VirtualClock;
use crate::crash::CrashPoints;
use crate::entropy::Prng;

/// Instances that may run in a region that is stocked.
const STOCKED_INSTANCES: usize = 2000;

const HOUR: Duration = Duration::from_secs(3600);

/// How long things take in AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timings {
    /// RunInstances or StartInstances until `running`: 17 s for a t3.medium, measured by others.
    pub pending: Duration,
    /// `stopping` until `stopped`.
    pub stopping: Duration,
    /// `shutting-down` until `terminated`.
    pub shutting_down: Duration,
    /// How long a terminated instance is still shown: "a short time, usually less than one hour".
    /// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/how-ec2-instance-termination-works.html>
    pub terminated_visible: Duration,
    /// `running` until both status checks pass; they run once a minute.
    /// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-system-instance-status-check.html>
    pub status_checks: Duration,
    /// From a change of an instance's profile until DescribeInstances shows it; not documented.
    pub profile_change: Duration,
    /// `running` until the application answers.
    pub boot: Duration,
    /// CreateLoadBalancer until `active`.
    pub balancer_provisioning: Duration,
    /// DeleteLoadBalancer until its network interfaces are gone.
    pub balancer_release: Duration,
    /// From a target's being usable until its first health check.
    pub first_check: Duration,
    /// How long a client token is remembered after its instance terminated.
    /// <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html>
    pub token_memory: Duration,
    /// How long a deregistered image is still shown.
    pub deregistered_visible: Duration,
    /// CreateImage until the image is `available`, and its snapshots `completed`: minutes, by its size.
    pub image_creation: Duration,
    /// CreateSnapshot until the snapshot is `completed`; not documented.
    pub snapshot_creation: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            pending: Duration::from_secs(17),
            stopping: Duration::from_secs(30),
            shutting_down: Duration::from_secs(30),
            terminated_visible: HOUR,
            status_checks: Duration::from_secs(150),
            profile_change: Duration::from_secs(5),
            boot: Duration::from_secs(60),
            balancer_provisioning: Duration::from_secs(150),
            balancer_release: Duration::from_secs(90),
            first_check: Duration::from_secs(3),
            token_memory: 24 * HOUR,
            deregistered_visible: HOUR,
            image_creation: Duration::from_secs(300),
            snapshot_creation: Duration::from_secs(120),
        }
    }
}

/// AWS's default quotas, as far as the product can meet them.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html>,
/// <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quotas {
    /// Instances that are pending or running.
    pub instances: usize,
    /// Groups of one network interface, and thereby of an instance or a load balancer.
    pub groups_per_interface: usize,
    /// Groups of the region, in all its VPCs.
    pub groups: usize,
    /// Rules of one group, direction and address family.
    pub rules_per_group: usize,
    /// Application Load Balancers.
    pub load_balancers: usize,
    /// Listeners of one load balancer.
    pub listeners_per_balancer: usize,
    /// Rules of one load balancer, without the default ones.
    pub rules_per_balancer: usize,
    /// Certificates of one load balancer, without the default ones.
    pub certificates_per_balancer: usize,
    /// Target groups that one load balancer uses.
    pub target_groups_per_balancer: usize,
    /// Target groups.
    pub target_groups: usize,
    /// Targets of all the target groups that one load balancer uses.
    pub targets_per_balancer: usize,
    /// Targets of one target group.
    pub targets_per_group: usize,
    /// Tags of one resource.
    pub tags: usize,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            instances: 100,
            groups_per_interface: 5,
            groups: 2500,
            rules_per_group: 60,
            load_balancers: 50,
            listeners_per_balancer: 50,
            rules_per_balancer: 100,
            certificates_per_balancer: 25,
            target_groups_per_balancer: 100,
            target_groups: 3000,
            targets_per_balancer: 1000,
            targets_per_group: 1000,
            tags: 50,
        }
    }
}

/// A subnet and its range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubnetRecord {
    /// As AWS describes it.
    pub subnet: Subnet,
    /// Its IPv4 range.
    pub range: ipnet::Ipv4Net,
}

/// What does not change while the cloud lives.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Config {
    pub account: String,
    pub region: String,
    pub epoch: Timestamp,
    pub timings: Timings,
    pub quotas: Quotas,
    pub subnets: BTreeMap<SubnetId, SubnetRecord>,
    /// Zones by instance type.
    pub offerings: BTreeMap<String, BTreeSet<Zone>>,
    /// Key pairs that exist; absent: any.
    pub key_pairs: Option<BTreeSet<String>>,
    /// Instance profiles that exist; absent: any.
    pub instance_profiles: Option<BTreeSet<String>>,
    /// Entries of one page.
    pub page_size: usize,
}

/// Makes a [`SimCloud`].
#[derive(Debug, Clone)]
pub struct Builder {
    pub(crate) config: Config,
    pub(crate) images: BTreeMap<AmiId, Rc<ImageRecord>>,
    pub(crate) seed: u64,
    pub(crate) latency: Duration,
    pub(crate) reply_timeout: Duration,
    pub(crate) crash_points: CrashPoints,
    ids: Prng,
}

impl Builder {
    /// The image that exists if no other is named: that of the example record.
    pub const IMAGE: &'static str = "ami-0fa4480bc2fe38b14";

    /// An ordinary account in us-east-2: see [`in_region`](Self::in_region).
    pub fn new(seed: u64) -> Self {
        Self::in_region("us-east-2", seed)
    }

    /// An ordinary account in that region: a default VPC with a subnet in each of three zones, t3 types in all of them.
    pub fn in_region(region: &str, seed: u64) -> Self {
        let mut ids = Prng::new(seed ^ 0x6e65_7477_6f72_6b73);
        let zones = ["a", "b", "c"].map(|letter| Zone(format!("{region}{letter}")));
        let offerings =
            ["t3.small", "t3.medium", "t3.large"].map(|kind| (kind.to_owned(), zones.iter().cloned().collect()));
        let config = Config {
            account: "123456789012".into(),
            region: region.into(),
            epoch: Timestamp::UNIX_EPOCH,
            timings: Timings::default(),
            quotas: Quotas::default(),
            subnets: BTreeMap::new(),
            offerings: offerings.into(),
            key_pairs: None,
            instance_profiles: None,
            page_size: 1000,
        };
        let vpc = VpcId::parse(format!("vpc-0{}", ids.hex(16))).expect("begins with its prefix");
        let mut builder = Self {
            config,
            images: BTreeMap::new(),
            seed,
            latency: Duration::from_millis(50),
            reply_timeout: Duration::from_secs(10),
            crash_points: CrashPoints::default(),
            ids,
        };
        for zone in zones {
            let id = SubnetId::parse(format!("subnet-0{}", builder.ids.hex(16))).expect("begins with its prefix");
            builder = builder.subnet(Subnet { id, vpc: vpc.clone(), zone, has_ipv6: false, default_for_az: true });
        }
        builder
    }

    /// Adds a subnet (with its VPC), or replaces the one of its id. Each gets a /20 of 172.31.0.0/16.
    pub fn subnet(mut self, subnet: Subnet) -> Self {
        let known = self.config.subnets.get(&subnet.id).map(|s| s.range);
        let third = u8::try_from(self.config.subnets.len() * 16).expect("at most 16 subnets fit into the VPC");
        let range = known.unwrap_or_else(|| ipnet::Ipv4Net::new_assert([172, 31, third, 0].into(), 20));
        self.config.subnets.insert(subnet.id.clone(), SubnetRecord { subnet, range });
        self
    }

    /// Gives every subnet an IPv6 range.
    pub fn ipv6(mut self) -> Self {
        self.config.subnets.values_mut().for_each(|s| s.subnet.has_ipv6 = true);
        self
    }

    /// Adds an available image with one root device, `/dev/xvda`, whose instances run `app`.
    pub fn image(self, id: &str, app: App) -> Self {
        let root = ImageDevice { name: "/dev/xvda".into(), delete_on_termination: true };
        self.image_with_devices(id, app, vec![root])
    }

    /// Adds an available image with these devices, the first of them its root.
    pub fn image_with_devices(mut self, id: &str, app: App, devices: Vec<ImageDevice>) -> Self {
        let id = AmiId::parse(id).expect("the test names an image id");
        self.images.insert(id.clone(), Rc::new(ImageRecord::available(id, devices, app)));
        self
    }

    /// As AWS stocks a region: public images, and every instance type of the catalogue in every zone. Unless another quota was
    /// chosen, it allows for so many instances that a whole fleet fits in.
    pub fn stocked(mut self) -> Self {
        if self.config.quotas.instances == Quotas::default().instances {
            self.config.quotas.instances = STOCKED_INSTANCES;
        }
        for image in &catalogue::STOCK_IMAGES {
            let record = ImageRecord::stock(image);
            self.images.insert(record.id.clone(), Rc::new(record));
        }
        let zones: BTreeSet<Zone> = self.config.subnets.values().map(|known| known.subnet.zone.clone()).collect();
        for name in catalogue::instance_types() {
            self.config.offerings.insert(name, zones.clone());
        }
        self
    }

    /// The zones in which that instance type exists; empty: nowhere.
    pub fn offering(mut self, instance_type: &str, zones: &[&str]) -> Self {
        let zones = zones.iter().map(|zone| Zone((*zone).to_owned())).collect();
        self.config.offerings.insert(instance_type.to_owned(), zones);
        self
    }

    /// Other times.
    pub fn timings(mut self, timings: Timings) -> Self {
        self.config.timings = timings;
        self
    }

    /// Other quotas.
    pub fn quotas(mut self, quotas: Quotas) -> Self {
        self.config.quotas = quotas;
        self
    }

    /// So many entries a page.
    pub fn page_size(mut self, entries: usize) -> Self {
        self.config.page_size = entries.max(1);
        self
    }

    /// How long a call takes: half of it to a whole and a half, by the seed.
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// After how long a caller gives up waiting for a reply that was lost.
    pub fn reply_timeout(mut self, timeout: Duration) -> Self {
        self.reply_timeout = timeout;
        self
    }

    /// Only these key pairs exist.
    pub fn key_pairs(mut self, names: &[&str]) -> Self {
        self.config.key_pairs = Some(names.iter().map(|name| (*name).to_owned()).collect());
        self
    }

    /// Only these instance profiles exist.
    pub fn instance_profiles(mut self, names: &[&str]) -> Self {
        self.config.instance_profiles = Some(names.iter().map(|name| (*name).to_owned()).collect());
        self
    }

    /// Counts requests together with these of a store.
    pub fn crash_points(mut self, points: &CrashPoints) -> Self {
        self.crash_points = points.clone();
        self
    }

    /// The cloud, on that clock.
    pub fn build(mut self, clock: &VirtualClock) -> SimCloud {
        if self.images.is_empty() {
            self = self.image(Self::IMAGE, App::default());
        }
        self.config.epoch = clock.epoch();
        SimCloud::new(self, clock)
    }

    pub(crate) fn into_config(self) -> (Rc<Config>, BTreeMap<AmiId, Rc<ImageRecord>>) {
        (Rc::new(self.config), self.images)
    }
}
