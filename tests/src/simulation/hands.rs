//! How misfortune and people change the world, by the numbers that a script gives them.
//!
//! Whatever AWS refuses a person does not happen, and is not counted. Never: decides when. See [`super::script`].

use std::collections::BTreeSet;
use std::time::Duration;

use aws_api::ec2::{Direction, Peer, Rule, Taggable};
use aws_api::elbv2::{CreateLoadBalancer, ElbTaggable, LoadBalancer, LoadBalancerWrite, TargetGroup};
use aws_api::id::{InstanceId, SecurityGroupId, Zone};
use aws_api::{Ref, Tags, Write};
use simulator::cloud::console::Console;
use simulator::cloud::{Answer, App, View};
use simulator::{Builder, SimCloud};

use super::reaching::take_rules_away;
use super::script::{Hand, Misfortune, place};
use crate::edits::OTHER_IMAGE;

/// The client token of instances that a person launched; see [`crate::launch_copy`].
pub const BY_HAND: &str = "in-console";

/// The image of an environment to which nothing is to happen.
pub const SPARED_IMAGE: &str = "ami-0bbbbbbbbbbbbbbbb";

/// Whom something befalls: one environment of an account.
pub struct Victim<'a> {
    /// The account.
    pub cloud: &'a SimCloud,
    /// The environment's name.
    pub name: &'a str,
    /// Ids and ARNs of what it made.
    pub ours: &'a BTreeSet<String>,
}

impl Victim<'_> {
    fn one(&self, view: &View, drawn: u64) -> Option<InstanceId> {
        let live: Vec<_> = view.live_instances().into_iter().filter(|one| self.made(one.id.as_str())).collect();
        live.get(place(drawn, live.len())).map(|instance| instance.id.clone())
    }

    pub(super) fn made(&self, id: &str) -> bool {
        self.ours.contains(id)
    }

    /// Terminates a member. Whether there was one.
    pub fn loses_a_member(&self, drawn: u64) -> bool {
        let member = self.one(&self.cloud.view(), drawn);
        member.is_some_and(|id| self.cloud.console().terminate(&id).is_ok())
    }
}

/// Lets a misfortune happen. Whether it did.
pub fn befall(victim: &Victim<'_>, misfortune: Misfortune, drawn: u64) -> bool {
    let (view, console) = (victim.cloud.view(), victim.cloud.console());
    let one = || victim.one(&view, drawn);
    let answers = |app: App| one().is_some_and(|id| console.set_app(&id, app).is_ok());
    match misfortune {
        Misfortune::HostLost => one().is_some_and(|id| console.lose(&id).is_ok()),
        Misfortune::Impaired => one().is_some_and(|id| console.impair(&id, true).is_ok()),
        Misfortune::AppErrs => answers(App::answering(Answer::Status(500))),
        Misfortune::AppRefuses => answers(App::answering(Answer::Refused)),
        Misfortune::AppFlaps => {
            let (up, down) = (Duration::from_secs(40 + drawn % 90), Duration::from_secs(15 + drawn % 70));
            answers(App::answering(Answer::Flapping { up, down }))
        }
        Misfortune::Recovers => one().is_some_and(|id| {
            let recovered = console.impair(&id, false).is_ok();
            console.set_app(&id, App::default()).is_ok() && recovered
        }),
        Misfortune::BootsNeverEnd => {
            set_images(&view, &console, &App { boot: Some(Duration::from_secs(360_000)), ..App::default() })
        }
        Misfortune::NeverHealthy => set_images(&view, &console, &App::answering(Answer::Status(503))),
        Misfortune::ImageIsWell => set_images(&view, &console, &App::default()),
        Misfortune::ImageGone => {
            let image = [Builder::IMAGE, OTHER_IMAGE][place(drawn, 2)];
            view.images().iter().filter(|id| id.as_str() == image).any(|id| console.deregister_image(id).is_ok())
        }
        Misfortune::ImageRestored => {
            restore_images(victim.cloud);
            true
        }
        Misfortune::ZoneFull => fill(&console, &zone(&view, drawn), "*", Some(0)),
        Misfortune::TypeFull => fill(&console, &zone(&view, drawn), "t3.medium", Some(0)),
        Misfortune::CapacityBack => {
            let zone = zone(&view, drawn);
            fill(&console, &zone, "*", None) && fill(&console, &zone, "t3.medium", None)
        }
        Misfortune::LimitReached => {
            console.set_vcpu_limit(Some(view.vcpus()));
            true
        }
        Misfortune::LimitRaised => {
            console.set_vcpu_limit(None);
            true
        }
    }
}

/// Everything that broke is well again, and everything that was full has room.
pub fn mend(cloud: &SimCloud) {
    let (view, console) = (cloud.view(), cloud.console());
    for subnet in view.subnets() {
        fill(&console, &subnet.zone, "*", None);
        fill(&console, &subnet.zone, "t3.medium", None);
    }
    console.set_vcpu_limit(None);
    set_images(&view, &console, &App::default());
    restore_images(cloud);
    give_name_back(&view, &console);
    take_rules_away(cloud);
    // The record does not name it, so it stays as a person left it where AWS allows it beside the algorithm.
    for group in view.target_groups() {
        let _ =
            console.set_target_group_attributes(&group.arn, &[("load_balancing.algorithm.anomaly_mitigation", "off")]);
    }
    for instance in view.instances() {
        // One that is terminated by now needs no mending.
        let _ = console.set_app(&instance.id, App::default());
        let _ = console.impair(&instance.id, false);
        let _ = console.protect(&instance.id, false);
    }
}

/// Deletes load balancers of a person's: those without a tag. Whether there was one.
fn give_name_back(view: &View, console: &Console) -> bool {
    let theirs = |balancer: &LoadBalancer| view.load_balancer_tags(&balancer.arn).is_empty();
    let theirs: Vec<_> = view.load_balancers().into_iter().filter(theirs).collect();
    theirs.iter().filter(|balancer| console.delete_load_balancer(&balancer.arn).is_ok()).count() > 0
}

/// Deletes whatever a message names that says that a name is taken. Whether there was anything.
pub fn free(cloud: &SimCloud, message: &str) -> bool {
    let (view, console) = (cloud.view(), cloud.console());
    let named = |id: &str| message.contains(id);
    let balancers = view.load_balancers().into_iter().filter(|one| named(one.arn.as_str()));
    let groups = view.target_groups().into_iter().filter(|one| named(one.arn.as_str()));
    let own = view.groups().into_iter().filter(|one| named(one.id.as_str()));
    let freed = [
        balancers.filter(|one| console.delete_load_balancer(&one.arn).is_ok()).count(),
        groups.filter(|one| console.delete_target_group(&one.arn).is_ok()).count(),
        own.filter(|one| console.delete_group(&one.id).is_ok()).count(),
    ];
    freed.iter().sum::<usize>() > 0
}

fn restore_images(cloud: &SimCloud) {
    for id in cloud.view().images() {
        cloud.console().bake_image(&id, App::default(), Duration::ZERO);
    }
}

fn set_images(view: &View, console: &Console, app: &App) -> bool {
    let images = view.images().into_iter().filter(|id| id.as_str() != SPARED_IMAGE);
    images.collect::<Vec<_>>().iter().all(|id| console.set_image_app(id, app.clone()).is_ok())
}

fn fill(console: &Console, zone: &Zone, kind: &str, room: Option<usize>) -> bool {
    console.set_capacity(zone, kind, room);
    true
}

fn zone(view: &View, drawn: u64) -> Zone {
    let subnets = view.subnets();
    subnets[place(drawn, subnets.len())].zone.clone()
}

/// What a person in the console has before them.
pub(super) struct Scene {
    pub(super) view: View,
    pub(super) console: Console,
    pub(super) member: InstanceId,
    pub(super) balancer: LoadBalancer,
    pub(super) group: TargetGroup,
    own: SecurityGroupId,
}

impl Scene {
    /// Absent while the environment does not stand.
    pub(super) fn new(victim: &Victim<'_>, drawn: u64) -> Option<Self> {
        let view = victim.cloud.view();
        let member = victim.one(&view, drawn)?;
        let balancer = view.load_balancers().into_iter().find(|one| victim.made(one.arn.as_str()))?;
        let groups: Vec<_> = view.target_groups().into_iter().filter(|one| victim.made(one.arn.as_str())).collect();
        let group = groups.get(place(drawn >> 8, groups.len()))?.clone();
        let own = view.group(&format!("{}-instance-sg", victim.name))?.id;
        Some(Self { view, console: victim.cloud.console(), member, balancer, group, own })
    }

    fn port(&self) -> u16 {
        self.group.port.unwrap_or(8080)
    }
}

/// Lets a person do something. Whether AWS let them.
pub fn reach_in(victim: &Victim<'_>, hand: Hand, drawn: u64) -> bool {
    if hand == Hand::GivesNameBack {
        return give_name_back(&victim.cloud.view(), &victim.cloud.console());
    }
    let Some(scene) = Scene::new(victim, drawn) else { return false };
    let Scene { view, console, member, balancer, group, own } = &scene;
    let listener = view.listeners(&balancer.arn).first().map(|listener| listener.arn.clone());
    let port = u16::try_from(20 + drawn % 40).unwrap_or(25);
    let done = match hand {
        Hand::Terminates => console.terminate(member),
        Hand::Stops => console.stop(member),
        Hand::Deregisters => console.deregister(&group.arn, member, scene.port()),
        Hand::RegistersElsewhere => console.register(&group.arn, member, port),
        Hand::RegistersForeign => {
            let theirs = view.live_instances().into_iter().find(|i| i.client_token.as_deref() == Some(BY_HAND));
            let Some(theirs) = theirs else { return false };
            console.register(&group.arn, &theirs.id, scene.port())
        }
        Hand::OpensPort => console.authorize(own, Direction::Ingress, anywhere(port)),
        Hand::ClosesPort => {
            let rules = view.groups().into_iter().find(|group| group.id == *own).map(|group| group.ingress);
            let Some(rule) = rules.and_then(|rules| rules.into_iter().nth(place(drawn, 2))) else { return false };
            console.revoke(own, Direction::Ingress, rule)
        }
        Hand::StickinessOff => console.set_target_group_attribute(&group.arn, "stickiness.enabled", "false"),
        Hand::IdleTimeout => console.set_load_balancer_attribute(&balancer.arn, "idle_timeout.timeout_seconds", "5"),
        Hand::HealthCheck => console.change_health_check(&group.arn, |check| check.path = "/elsewhere".into()),
        Hand::TakesSubnets => {
            let two: Vec<_> = view.subnets().into_iter().skip(place(drawn, 2)).take(2).map(|s| s.id).collect();
            console.set_subnets(&balancer.arn, &two)
        }
        Hand::UntagsMember => console.untag(&Taggable::Instance(member.clone()), &["Name", "understudy:uid", "Team"]),
        Hand::UntagsGroup => console.untag(&Taggable::SecurityGroup(Ref::Id(own.clone())), &["understudy:uid"]),
        Hand::UntagsBalancer => {
            console.untag_elb(&ElbTaggable::LoadBalancer(balancer.arn.clone()), &["understudy:uid", "Team"])
        }
        Hand::DetachesGroup => {
            let Some(default) = view.group("default") else { return false };
            console.set_instance_groups(member, &[default.id])
        }
        Hand::DeletesBalancer => console.delete_load_balancer(&balancer.arn),
        Hand::DeletesTargetGroup => console.delete_target_group(&group.arn),
        Hand::DeletesGroup => console.delete_group(own),
        Hand::TakesName => return take_name(&scene),
        Hand::GivesNameBack => return false,
        Hand::Protects => console.protect(member, true),
        Hand::Unprotects => {
            view.instances().iter().for_each(|instance| drop(console.protect(&instance.id, false)));
            return true;
        }
        Hand::DeletesListener | Hand::FixedResponse | Hand::MovesListener => match (hand, listener) {
            (Hand::DeletesListener, Some(listener)) => console.delete_listener(&listener),
            (Hand::FixedResponse, Some(listener)) => console.respond_fixed(&listener),
            (_, Some(listener)) => console.move_listener(&listener, 82),
            (_, None) => return false,
        },
    };
    done.is_ok()
}

/// The load balancer's name is somebody else's from now on.
fn take_name(Scene { view, console, balancer, .. }: &Scene) -> bool {
    let Some(default) = view.group("default") else { return false };
    let theirs = CreateLoadBalancer {
        name: balancer.name.clone(),
        scheme: balancer.scheme,
        subnets: view.subnets().into_iter().take(2).map(|subnet| subnet.id).collect(),
        groups: BTreeSet::from([Ref::Id(default.id)]),
        tags: Tags::new(),
    };
    console.delete_load_balancer(&balancer.arn).is_ok()
        && console.write(&Write::LoadBalancer(LoadBalancerWrite::Create(theirs))).is_ok()
}

fn anywhere(port: u16) -> Rule {
    let peer = Peer::Cidr("0.0.0.0/0".parse().expect("it is a CIDR"));
    Rule { protocol: "tcp".into(), from: Some(port.into()), to: Some(port.into()), peer }
}
