//! What is asked, how often, how deep, and what is made of the answers.

#![allow(clippy::unwrap_used)]

mod hanging;

use aws_api::ec2::{Image, Subnet};
use aws_api::elbv2::{LoadBalancerState, TargetHealth, TargetHealthCheck};
use aws_api::id::{AmiId, ListenerArn, ProfileAssociationId, SecurityGroupId, SubnetId, VpcId, Zone};
use aws_api::{CloudError, Operation};
use crds_schema::spec::Scheme;
use jiff::Timestamp;

use super::reference::{IMAGE_TTL, Reference, SUBNETS_TTL};
use super::*;
use crate::testing::{Counting, FakeCloud, LATENCY, NoTable, TestClock};
use aws_api::Operation::*;

const REGION: &str = "us-east-2";

/// An AWS with one or several environments in it, and what is looked for.
struct Scene {
    clock: TestClock,
    cloud: FakeCloud,
    /// What one context keeps from one observation to the next.
    reference: Reference,
}

impl Scene {
    fn new(environments: &[&str]) -> Self {
        let clock = TestClock::default();
        let cloud = FakeCloud::new(&clock);
        let scene = Self { clock, cloud, reference: Reference::default() };
        let mut world = scene.cloud.world.borrow_mut();
        world.offerings = vec![("t3.medium".into(), Zone("us-east-2a".into()))];
        world.images = vec![image()];
        world.subnets = vec![subnet()];
        for name in environments {
            world.instances.extend([instance(name, 1), instance(name, 2)]);
            world.groups.extend([group(name, "alb"), group(name, "instance")]);
            world.load_balancers.push(load_balancer(name));
            world.listeners.push(listener(name));
            world.target_groups.push(target_group(name));
            let tags = Tags::from([("understudy:uid".to_owned(), uid(name))]);
            world.tags.extend(lookups(name).tagged.into_iter().map(|one| (one, tags.clone())));
        }
        world.targets = vec![Target {
            id: "i-1".into(),
            port: 8080,
            health: TargetHealth::Healthy,
            reason: None,
            description: None,
        }];
        drop(world);
        scene
    }

    fn observe(&self, sought: &[Sought]) -> Vec<Observed> {
        let ctx = Ctx {
            cloud: &self.cloud,
            store: &NoTable,
            clock: &self.clock,
            real_clock: &self.clock,
            entropy: &Counting::default(),
            default_region: REGION.into(),
            missing_after: Duration::from_secs(300),
            reference: &self.reference,
        };
        self.clock.run(observe(&ctx, REGION, sought))
    }

    fn observe_one(&self, lookups: Lookups) -> Observed {
        self.observe(&[Sought { lookups, since: Duration::ZERO }]).remove(0)
    }

    /// What one observation asks, and how many calls follow one upon another in it.
    fn cost(&self, lookups: Lookups) -> (Vec<Operation>, u128) {
        self.cloud.take_operations();
        let before = ports::Clock::elapsed(&self.clock);
        self.observe_one(lookups);
        let took = ports::Clock::elapsed(&self.clock) - before;
        (self.cloud.take_operations(), took.as_millis() / LATENCY.as_millis())
    }
}

fn uid(name: &str) -> String {
    format!("env-{name}")
}

fn instance(name: &str, number: u32) -> Instance {
    Instance {
        id: instance_id(name, number),
        state: InstanceState::Running,
        client_token: None,
        image: AmiId::parse("ami-1").unwrap(),
        instance_type: "t3.medium".into(),
        zone: Zone("us-east-2a".into()),
        subnet: None,
        vpc: None,
        groups: BTreeSet::new(),
        key_name: None,
        instance_profile: None,
        private_ip: None,
        public_ip: None,
        http_tokens: None,
        hop_limit: None,
        launched_at: Timestamp::UNIX_EPOCH,
        state_reason: None,
        tags: Tags::from([("understudy:uid".to_owned(), uid(name))]),
    }
}

fn instance_id(name: &str, number: u32) -> InstanceId {
    InstanceId::parse(format!("i-{name}{number}")).unwrap()
}

fn vpc() -> VpcId {
    VpcId::parse("vpc-1").unwrap()
}

fn subnet() -> Subnet {
    let id = SubnetId::parse("subnet-1").unwrap();
    Subnet { id, vpc: vpc(), zone: Zone("us-east-2a".into()), has_ipv6: false, default_for_az: true }
}

fn image() -> Image {
    let id = AmiId::parse("ami-1").unwrap();
    Image { id, state: "available".into(), root_device: None, ebs_devices: Vec::new() }
}

fn group(name: &str, role: &str) -> SecurityGroup {
    SecurityGroup {
        id: SecurityGroupId::parse(format!("sg-{name}-{role}")).unwrap(),
        name: format!("{name}-{role}-sg"),
        vpc: vpc(),
        ingress: BTreeSet::new(),
        egress: BTreeSet::new(),
        tags: Tags::new(),
    }
}

fn balancer_arn(name: &str) -> LoadBalancerArn {
    LoadBalancerArn::parse(format!("arn:lb/{name}")).unwrap()
}

fn group_arn(name: &str) -> TargetGroupArn {
    TargetGroupArn::parse(format!("arn:tg/{name}")).unwrap()
}

fn listener_arn(name: &str) -> ListenerArn {
    ListenerArn::parse(format!("arn:listener/{name}")).unwrap()
}

fn load_balancer(name: &str) -> LoadBalancer {
    LoadBalancer {
        arn: balancer_arn(name),
        name: format!("{name}-alb"),
        dns_name: String::new(),
        hosted_zone_id: None,
        scheme: Scheme::InternetFacing,
        vpc: vpc(),
        state: LoadBalancerState::Active,
        subnets: BTreeMap::new(),
        groups: BTreeSet::new(),
    }
}

fn listener(name: &str) -> Listener {
    Listener {
        arn: listener_arn(name),
        load_balancer: balancer_arn(name),
        port: 80,
        protocol: "HTTP".into(),
        forwards_to: None,
        warms: None,
        actions: Vec::new(),
    }
}

fn target_group(name: &str) -> TargetGroup {
    TargetGroup {
        arn: group_arn(name),
        name: format!("{name}-web"),
        protocol: None,
        port: Some(8080),
        vpc: None,
        health_check: TargetHealthCheck {
            protocol: "HTTP".into(),
            port: "traffic-port".into(),
            path: "/".into(),
            interval_secs: 30,
            timeout_secs: 5,
            healthy_threshold: 5,
            unhealthy_threshold: 2,
            matcher: "200".into(),
        },
        load_balancers: vec![balancer_arn(name)],
    }
}

/// What is looked for once everything is recorded.
fn lookups(name: &str) -> Lookups {
    Lookups {
        vpc: Some("vpc-1".into()),
        image: Some("ami-1".into()),
        types: vec!["t3.medium".into()],
        fallback: None,
        group_names: [format!("{name}-alb-sg"), format!("{name}-instance-sg")].into(),
        load_balancer_names: [format!("{name}-alb")].into(),
        target_group_names: [format!("{name}-web")].into(),
        uid: uid(name),
        instances: [instance_id(name, 1), instance_id(name, 2)].into(),
        profiles: [(instance_id(name, 1), None), (instance_id(name, 2), None)].into(),
        volumes: BTreeSet::new(),
        usage: BTreeSet::new(),
        load_balancers: [balancer_arn(name)].into(),
        listeners: [listener_arn(name)].into(),
        target_groups: [group_arn(name)].into(),
        tagged: [
            ElbTaggable::LoadBalancer(balancer_arn(name)),
            ElbTaggable::TargetGroup(group_arn(name)),
            ElbTaggable::Listener(listener_arn(name)),
        ]
        .into(),
    }
}

/// What is looked for before anything is recorded.
fn lookups_by_name(name: &str) -> Lookups {
    Lookups {
        instances: BTreeSet::new(),
        profiles: BTreeMap::new(),
        load_balancers: BTreeSet::new(),
        listeners: BTreeSet::new(),
        target_groups: BTreeSet::new(),
        tagged: BTreeSet::new(),
        ..lookups(name)
    }
}

fn count(operations: &[Operation], wanted: Operation) -> usize {
    operations.iter().filter(|one| **one == wanted).count()
}

#[test]
fn a_cold_observation_costs_fourteen_calls_and_a_warm_one_eleven_all_at_once() {
    let scene = Scene::new(&["a"]);
    let (cold, depth) = scene.cost(lookups("a"));
    assert_eq!((cold.len(), depth), (14, 1), "{cold:?}");
    let (warm, depth) = scene.cost(lookups("a"));
    assert_eq!((warm.len(), depth), (11, 1), "{warm:?}");
    assert!(warm.iter().all(|operation| !operation.is_write()));
}

#[test]
fn what_is_recorded_is_seen_whole() {
    let seen = Scene::new(&["a"]).observe_one(lookups("a"));
    assert_eq!(seen.gaps(), []);
    assert_eq!(seen.instances.seen().unwrap().len(), 2);
    assert_eq!(seen.status_checks.seen().unwrap().len(), 2);
    assert_eq!(seen.groups.seen().unwrap().len(), 2);
    assert_eq!(seen.load_balancers.seen().unwrap(), &[load_balancer("a")]);
    assert_eq!(seen.listeners[&balancer_arn("a")].seen().unwrap(), &[listener("a")]);
    assert_eq!(seen.load_balancer_attributes[&balancer_arn("a")].seen().unwrap()["idle_timeout.timeout_seconds"], "60");
    assert_eq!(seen.targets_of(&group_arn("a")).unwrap().len(), 1);
    assert_eq!(seen.target_group_attributes[&group_arn("a")].seen().unwrap()["stickiness.enabled"], "true");
    assert_eq!(seen.tags.seen().unwrap().len(), 3);
    assert_eq!(seen.subnets.seen().unwrap(), &[subnet()]);
    assert_eq!(seen.offerings.seen().unwrap(), &BTreeSet::from([Zone("us-east-2a".into())]));
    assert_eq!(seen.image.seen().unwrap(), &Some(image()));
}

#[test]
fn what_is_there_but_not_recorded_is_followed_down_to_the_tags_of_its_listeners() {
    let scene = Scene::new(&["a"]);
    scene.observe_one(lookups_by_name("a"));
    let (calls, depth) = scene.cost(lookups_by_name("a"));
    assert_eq!(depth, 3, "by name, what hangs on it, the tags of its listeners");
    assert_eq!((count(&calls, DescribeListeners), count(&calls, DescribeTags)), (1, 2));
    assert_eq!(count(&calls, DescribeInstanceStatus), 0, "no instance is recorded");
    let seen = scene.observe_one(lookups_by_name("a"));
    assert_eq!(seen.gaps(), []);
    assert_eq!(seen.tags.seen().unwrap().len(), 3);
    assert_eq!(seen.instances.seen().unwrap().len(), 2);
}

#[test]
fn where_nothing_exists_nothing_more_is_asked() {
    let scene = Scene::new(&[]);
    let (calls, depth) = scene.cost(lookups_by_name("a"));
    assert_eq!((calls.len(), depth), (7, 1), "{calls:?}");
    let seen = scene.observe_one(lookups_by_name("a"));
    assert_eq!(seen.gaps(), []);
    assert_eq!(seen.load_balancers.seen().unwrap(), &[]);
    assert!(seen.listeners.is_empty() && seen.tags.seen().unwrap().is_empty());
}

#[test]
fn without_a_spec_nothing_is_asked_of_network_or_image() {
    let scene = Scene::new(&["a"]);
    let nothing = Lookups { vpc: None, image: None, types: Vec::new(), ..lookups("a") };
    let (calls, _) = scene.cost(nothing.clone());
    assert_eq!(calls.len(), 11, "{calls:?}");
    assert_eq!(scene.observe_one(nothing).image, Part::Seen(None));
}

#[test]
fn a_recorded_instance_without_its_tags_is_asked_for_by_its_id() {
    let scene = Scene::new(&["a"]);
    scene.observe_one(lookups("a"));
    scene.cloud.world.borrow_mut().instances[1].tags.clear();
    let (calls, depth) = scene.cost(lookups("a"));
    assert_eq!((count(&calls, DescribeInstances), depth), (2, 2));
    assert!(scene.observe_one(lookups("a")).instances.seen().unwrap().contains_key(&instance_id("a", 2)));
}

#[test]
fn associations_are_asked_for_where_another_profile_is_seen_and_nowhere_else() {
    let scene = Scene::new(&["shop"]);
    let (first, second) = (instance_id("shop", 1), instance_id("shop", 2));
    let association = |instance: &InstanceId, profile: &str| ProfileAssociation {
        id: ProfileAssociationId::parse(format!("iip-assoc-{profile}")).unwrap(),
        instance: instance.clone(),
        profile: profile.into(),
    };
    let mut world = scene.cloud.world.borrow_mut();
    world.profile_associations = vec![association(&first, "web"), association(&second, "admin")];
    world.instances[0].instance_profile = Some("web".into());
    world.instances[1].instance_profile = Some("admin".into());
    // Found by its id only, so that it takes one round more.
    world.instances[1].tags.clear();
    drop(world);
    let profiles = BTreeMap::from([(first, Some("web".to_owned())), (second.clone(), Some("web".to_owned()))]);
    let lookups = Lookups { profiles, ..lookups("shop") };
    let seen = scene.observe_one(lookups.clone());
    let expected = Part::Seen(vec![association(&second, "admin")]);
    assert_eq!(seen.profile_associations, BTreeMap::from([(second, expected)]));
    assert_eq!(count(&scene.cloud.take_operations(), DescribeIamInstanceProfileAssociations), 1);
    scene.cloud.world.borrow_mut().instances[1].instance_profile = Some("web".into());
    assert_eq!(scene.observe_one(lookups.clone()).profile_associations, BTreeMap::new());
    // EC2 changes the profiles of running instances only.
    let mut world = scene.cloud.world.borrow_mut();
    (world.instances[1].instance_profile, world.instances[1].state) = (None, InstanceState::Pending);
    drop(world);
    assert_eq!(scene.observe_one(lookups).profile_associations, BTreeMap::new());
    assert_eq!(count(&scene.cloud.take_operations(), DescribeIamInstanceProfileAssociations), 0);
}

#[test]
fn a_missing_instance_costs_the_others_nothing() {
    let scene = Scene::new(&["a", "b"]);
    scene.cloud.world.borrow_mut().instances.remove(1);
    let sought = ["a", "b"].map(|name| Sought { lookups: lookups(name), since: Duration::ZERO });
    let seen = scene.observe(&sought);
    let ids = |seen: &Observed| seen.status_checks.seen().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(ids(&seen[0]), [instance_id("a", 1)]);
    assert_eq!(ids(&seen[1]), [instance_id("b", 1), instance_id("b", 2)]);
    assert_eq!((seen[0].instances.seen().unwrap().len(), seen[1].instances.seen().unwrap().len()), (1, 2));
}

#[test]
fn one_missing_name_among_many_is_found_by_halving() {
    let names: Vec<String> = (0..20).map(|n| format!("env{n:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let scene = Scene::new(&names);
    scene.cloud.world.borrow_mut().load_balancers.retain(|one| one.arn != balancer_arn("env13"));
    let sought: Vec<Sought> =
        names.iter().map(|name| Sought { lookups: lookups(name), since: Duration::ZERO }).collect();
    let seen = scene.observe(&sought);
    // One call for all twenty, then two for each halving of 20, 10, 5, 3 (or 2), 2.
    let calls = count(&scene.cloud.take_operations(), DescribeLoadBalancers);
    assert!((9..=11).contains(&calls), "{calls}");
    for (name, seen) in names.iter().zip(&seen) {
        let there = usize::from(*name != "env13");
        assert_eq!(seen.load_balancers.seen().unwrap().len(), there, "{name}");
    }
}

#[test]
fn what_hangs_on_a_deleted_load_balancer_is_gone_with_it() {
    let scene = Scene::new(&["a"]);
    scene.cloud.world.borrow_mut().load_balancers.clear();
    scene.cloud.world.borrow_mut().tags.remove(&ElbTaggable::LoadBalancer(balancer_arn("a")));
    let seen = scene.observe_one(lookups("a"));
    assert_eq!(seen.gaps(), []);
    assert_eq!(seen.listeners[&balancer_arn("a")], Part::Seen(Vec::new()));
    assert_eq!(seen.tags.seen().unwrap().len(), 2, "the target group's tags and the listener's are still seen");
}

#[test]
fn a_not_found_beside_a_parent_that_is_shown_is_not_believed() {
    let scene = Scene::new(&["a"]);
    let gone = CloudError::coded(DescribeListeners, "LoadBalancerNotFound", "not yet visible");
    scene.cloud.fails.borrow_mut().insert(DescribeListeners, gone);
    let seen = scene.observe_one(lookups("a"));
    assert!(seen.listeners[&balancer_arn("a")].unread().is_some());
    assert!(seen.load_balancer_attributes[&balancer_arn("a")].seen().is_some());
    // It is told all the same: the planner believes it once no complete reading shows the parent.
    assert_eq!(seen.unknown, [ResourceId::LoadBalancer(balancer_arn("a"))].into());
}

#[test]
fn only_an_answer_that_names_the_loss_says_that_an_arn_is_unknown() {
    let scene = Scene::new(&["a"]);
    assert_eq!(scene.observe_one(lookups("a")).unknown, [].into());
    for code in ["ThrottlingException", "AccessDenied"] {
        scene.cloud.fails.borrow_mut().insert(DescribeListeners, CloudError::coded(DescribeListeners, code, ""));
        assert_eq!(scene.observe_one(lookups("a")).unknown, [].into(), "{code}");
    }
}

#[test]
fn a_not_found_beside_a_parent_that_could_not_be_read_is_not_believed() {
    let scene = Scene::new(&["a"]);
    scene.cloud.world.borrow_mut().load_balancers.clear();
    let throttled = CloudError::coded(DescribeLoadBalancers, "ThrottlingException", "slow down");
    scene.cloud.fails.borrow_mut().insert(DescribeLoadBalancers, throttled);
    let seen = scene.observe_one(lookups("a"));
    assert!(seen.load_balancers.unread().unwrap().contains("slow down"));
    assert!(seen.listeners[&balancer_arn("a")].unread().is_some());
}

#[test]
fn a_read_that_fails_costs_only_its_own_part() {
    for operation in
        [DescribeInstances, DescribeInstanceStatus, DescribeSecurityGroups, DescribeTargetHealth, DescribeTags]
    {
        let scene = Scene::new(&["a"]);
        scene.cloud.fails.borrow_mut().insert(operation, CloudError::coded(operation, "InternalFailure", "oops"));
        let seen = scene.observe_one(lookups("a"));
        assert_eq!(seen.gaps().len(), 1, "{operation}: {:?}", seen.gaps());
    }
}

#[test]
fn a_read_that_never_answers_ends_and_is_unread() {
    let scene = Scene::new(&["a"]);
    scene.cloud.hangs.borrow_mut().insert(DescribeTargetHealth);
    let seen = scene.observe_one(lookups("a"));
    assert!(seen.targets[&group_arn("a")].unread().unwrap().contains("no reply"));
    assert_eq!(seen.gaps().len(), 1);
}

#[test]
fn all_pages_are_read_and_an_endless_answer_is_no_answer() {
    let scene = Scene::new(&["a"]);
    scene.cloud.page_size.set(1);
    assert_eq!(scene.observe_one(lookups("a")).instances.seen().unwrap().len(), 2);
    scene.cloud.page_size.set(0);
    let seen = scene.observe_one(lookups("a"));
    assert!(seen.instances.unread().unwrap().contains("pages"));
}

#[test]
fn sight_from_before_our_own_last_change_does_not_count() {
    let scene = Scene::new(&["a"]);
    scene.clock.pass(Duration::from_secs(60));
    let changed = Duration::from_secs(60) + LATENCY / 2;
    let seen = scene.observe(&[
        Sought { lookups: lookups("a"), since: changed },
        Sought { lookups: lookups("a"), since: Duration::from_secs(60) },
    ]);
    assert_eq!(seen[0].instances.unread(), Some("older than our own last change"));
    assert_eq!(seen[0].load_balancers.unread(), Some("older than our own last change"));
    assert_eq!(seen[0].targets[&group_arn("a")].unread(), Some("older than our own last change"));
    assert!(seen[0].image.seen().is_some(), "nothing of ours changes an image");
    assert_eq!(seen[1].gaps(), []);
}

#[test]
fn environments_share_what_batches_and_see_only_their_own() {
    let scene = Scene::new(&["a", "b", "c"]);
    let sought = ["a", "b", "c"].map(|name| Sought { lookups: lookups(name), since: Duration::ZERO });
    let seen = scene.observe(&sought);
    let calls = scene.cloud.take_operations();
    // Six shared calls, five for each environment, three of reference data.
    assert_eq!(calls.len(), 6 + 5 * 3 + 3, "{calls:?}");
    for (name, seen) in ["a", "b", "c"].iter().zip(&seen) {
        assert_eq!(seen.gaps(), []);
        assert_eq!(seen.load_balancers.seen().unwrap(), &[load_balancer(name)]);
        assert_eq!(
            seen.instances.seen().unwrap().keys().cloned().collect::<Vec<_>>(),
            [1, 2].map(|n| instance_id(name, n))
        );
        assert_eq!(seen.tags.seen().unwrap().len(), 3);
    }
}

#[test]
fn reference_data_is_asked_again_when_it_is_old_or_the_question_is_another() {
    let scene = Scene::new(&["a"]);
    scene.observe_one(lookups("a"));
    scene.clock.pass(IMAGE_TTL);
    let (calls, _) = scene.cost(lookups("a"));
    assert_eq!((count(&calls, DescribeImages), count(&calls, DescribeSubnets)), (1, 0));
    scene.clock.pass(SUBNETS_TTL);
    let (calls, _) = scene.cost(lookups("a"));
    assert_eq!((count(&calls, DescribeSubnets), count(&calls, DescribeInstanceTypeOfferings)), (1, 1));
    let (calls, _) = scene.cost(Lookups { vpc: Some("vpc-2".into()), ..lookups("a") });
    assert_eq!((count(&calls, DescribeSubnets), count(&calls, DescribeInstanceTypeOfferings)), (1, 0));
}

#[test]
fn reference_data_that_cannot_be_asked_again_is_unread_and_not_stale() {
    let scene = Scene::new(&["a"]);
    scene.observe_one(lookups("a"));
    scene.clock.pass(SUBNETS_TTL);
    let error = CloudError::coded(DescribeSubnets, "UnauthorizedOperation", "no");
    scene.cloud.fails.borrow_mut().insert(DescribeSubnets, error);
    let seen = scene.observe_one(lookups("a"));
    assert!(seen.subnets.unread().unwrap().contains("UnauthorizedOperation"), "{:?}", seen.subnets);
    scene.cloud.fails.borrow_mut().clear();
    let (calls, _) = scene.cost(lookups("a"));
    assert_eq!(count(&calls, DescribeSubnets), 1, "what failed is not remembered");
}

#[test]
fn an_image_that_aws_does_not_know_is_seen_to_be_none() {
    let scene = Scene::new(&["a"]);
    let seen = scene.observe_one(Lookups { image: Some("ami-2".into()), ..lookups("a") });
    assert_eq!(seen.image, Part::Seen(None));
    let unavailable = CloudError::coded(DescribeImages, "InvalidAMIID.Unavailable", "no");
    scene.cloud.fails.borrow_mut().insert(DescribeImages, unavailable);
    assert_eq!(scene.observe_one(lookups("a")).image, Part::Seen(None));
    let denied = CloudError::coded(DescribeImages, "UnauthorizedOperation", "no");
    scene.cloud.fails.borrow_mut().insert(DescribeImages, denied);
    let seen = scene.observe_one(Lookups { image: Some("ami-3".into()), ..lookups("a") });
    assert!(seen.image.unread().is_some(), "a denied read says nothing of the image");
}

#[test]
fn reference_data_is_believed_until_its_time_is_over_to_the_moment() {
    let scene = Scene::new(&["a"]);
    let start = ports::Clock::elapsed(&scene.clock);
    scene.observe_one(lookups("a"));
    let since = ports::Clock::elapsed(&scene.clock) - start;
    scene.clock.pass(IMAGE_TTL - since - Duration::from_millis(1));
    let (calls, took) = scene.cost(lookups("a"));
    assert_eq!((count(&calls, DescribeImages), took), (0, 1), "a moment before");
    let scene = Scene::new(&["a"]);
    scene.observe_one(lookups("a"));
    scene.clock.pass(IMAGE_TTL - since);
    assert_eq!(count(&scene.cost(lookups("a")).0, DescribeImages), 1);
}

#[test]
fn of_more_answers_than_are_kept_the_oldest_goes_first() {
    let asked_again = |others: usize| {
        let scene = Scene::new(&[]);
        let image =
            |nth: usize| Lookups { image: Some(format!("ami-{nth}")), types: Vec::new(), ..lookups_by_name("a") };
        scene.observe_one(image(0));
        let others: Vec<Sought> =
            (1..=others).map(|nth| Sought { lookups: image(nth), since: Duration::ZERO }).collect();
        scene.observe(&others);
        count(&scene.cost(image(0)).0, DescribeImages) == 1
    };
    assert!(!asked_again(2999), "three thousand are kept");
    assert!(asked_again(3000));
}

#[test]
fn a_not_found_beside_a_target_group_that_is_shown_is_not_believed() {
    let scene = Scene::new(&["a"]);
    let gone = CloudError::coded(DescribeTargetHealth, "TargetGroupNotFound", "not yet visible");
    scene.cloud.fails.borrow_mut().insert(DescribeTargetHealth, gone);
    let seen = scene.observe_one(lookups("a"));
    assert!(seen.targets[&group_arn("a")].unread().is_some());
    assert_eq!(seen.unknown, [ResourceId::TargetGroup(group_arn("a"))].into());
    scene.cloud.world.borrow_mut().target_groups.clear();
    assert_eq!(scene.observe_one(lookups("a")).targets[&group_arn("a")], Part::Seen(Vec::new()), "it is gone");
}
