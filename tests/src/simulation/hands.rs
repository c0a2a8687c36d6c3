//! How misfortune and people change the world, by the numbers that a script gives them.
//!
//! Whatever AWS refuses a person does not happen, and is not counted. Never: decides when. See [`super::script`].

use std::time::Duration;

use planner::id::{InstanceId, SecurityGroupId, Zone};
use planner::request::{ElbTaggable, Ref, Taggable};
use planner::resource::{Direction, Instance, LoadBalancer, Peer, Rule, TargetGroup};
use simulator::cloud::console::Console;
use simulator::cloud::{Answer, App, View};
use simulator::{Builder, SimCloud};

use super::script::{Hand, Misfortune, place};
use crate::edits::OTHER_IMAGE;

/// The client token of instances that a person launched; see [`crate::launch_copy`].
pub const BY_HAND: &str = "in-console";

/// The members that live, in the order of their ids.
pub fn members(view: &View) -> Vec<Instance> {
    let launched = |instance: &Instance| instance.client_token.as_deref().is_some_and(|token| token != BY_HAND);
    view.live_instances().into_iter().filter(launched).collect()
}

/// Lets a misfortune happen. Whether it did.
pub fn befall(cloud: &SimCloud, misfortune: Misfortune, drawn: u64) -> bool {
    let (view, console) = (cloud.view(), cloud.console());
    let answers = |app: App| one(&view, drawn).is_some_and(|id| console.set_app(&id, app).is_ok());
    match misfortune {
        Misfortune::HostLost => one(&view, drawn).is_some_and(|id| console.lose(&id).is_ok()),
        Misfortune::Impaired => one(&view, drawn).is_some_and(|id| console.impair(&id, true).is_ok()),
        Misfortune::AppErrs => answers(App::answering(Answer::Status(500))),
        Misfortune::AppRefuses => answers(App::answering(Answer::Refused)),
        Misfortune::AppFlaps => {
            let (up, down) = (Duration::from_secs(40 + drawn % 90), Duration::from_secs(15 + drawn % 70));
            answers(App::answering(Answer::Flapping { up, down }))
        }
        Misfortune::Recovers => one(&view, drawn).is_some_and(|id| {
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
            restore_images(cloud);
            true
        }
        Misfortune::ZoneFull => fill(&console, &zone(&view, drawn), "*", Some(0)),
        Misfortune::TypeFull => fill(&console, &zone(&view, drawn), "t3.medium", Some(0)),
        Misfortune::CapacityBack => {
            let zone = zone(&view, drawn);
            fill(&console, &zone, "*", None) && fill(&console, &zone, "t3.medium", None)
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
    set_images(&view, &console, &App::default());
    restore_images(cloud);
    for instance in view.instances() {
        // One that is terminated by now needs no mending.
        let _ = console.set_app(&instance.id, App::default());
        let _ = console.impair(&instance.id, false);
        let _ = console.protect(&instance.id, false);
    }
}

fn restore_images(cloud: &SimCloud) {
    for id in cloud.view().images() {
        cloud.console().bake_image(&id, App::default(), Duration::ZERO);
    }
}

fn set_images(view: &View, console: &Console, app: &App) -> bool {
    view.images().iter().all(|id| console.set_image_app(id, app.clone()).is_ok())
}

fn fill(console: &Console, zone: &Zone, kind: &str, room: Option<usize>) -> bool {
    console.set_capacity(zone, kind, room);
    true
}

fn zone(view: &View, drawn: u64) -> Zone {
    let subnets = view.subnets();
    subnets[place(drawn, subnets.len())].zone.clone()
}

fn one(view: &View, drawn: u64) -> Option<InstanceId> {
    let live = members(view);
    live.get(place(drawn, live.len())).map(|instance| instance.id.clone())
}

/// What a person in the console has before them.
struct Scene {
    view: View,
    console: Console,
    member: InstanceId,
    balancer: LoadBalancer,
    group: TargetGroup,
    own: SecurityGroupId,
}

impl Scene {
    /// Absent while the environment does not stand.
    fn new(cloud: &SimCloud, drawn: u64) -> Option<Self> {
        let view = cloud.view();
        let member = one(&view, drawn)?;
        let balancer = view.load_balancers().into_iter().next()?;
        let groups = view.target_groups();
        let group = groups.get(place(drawn >> 8, groups.len()))?.clone();
        let own = view.group("shop-instance-sg")?.id;
        Some(Self { view, console: cloud.console(), member, balancer, group, own })
    }

    fn port(&self) -> u16 {
        self.group.port.unwrap_or(8080)
    }
}

/// Lets a person do something. Whether AWS let them.
pub fn reach_in(cloud: &SimCloud, hand: Hand, drawn: u64) -> bool {
    let Some(scene) = Scene::new(cloud, drawn) else { return false };
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

fn anywhere(port: u16) -> Rule {
    let peer = Peer::Cidr("0.0.0.0/0".parse().expect("it is a CIDR"));
    Rule { protocol: "tcp".into(), from: Some(port.into()), to: Some(port.into()), peer }
}
