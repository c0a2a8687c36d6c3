//! What AWS does not show: it is in doubt, then gone, and what is made in its place starts afresh.

use aws_api::elbv2::{CreateListener, ListenerWrite};
use aws_api::id::LoadBalancerArn;
use aws_api::{ErrorKind, Ref, ResourceId, Write};

use super::world::*;
use crate::action::Plan;
use crate::memory::Memory;
use crate::observed::Part;
use crate::outcome::{Fault, Outcome};
use crate::reason::Reason;
use crate::record::{Intent, Makes};

fn refused(kind: ErrorKind, code: &str) -> Outcome {
    Outcome::Failed(Fault {
        operation: "Call".into(),
        iam_action: "elasticloadbalancing:Call".into(),
        kind,
        code: Some(code.into()),
        message: "words".into(),
        definite: true,
    })
}

/// The load balancer is deleted by hand; AWS says so of its ARN, too, if it is `unknown`.
fn without_balancer(mut world: World, unknown: bool) -> World {
    seen(&mut world.observed.load_balancers).clear();
    world.observed.listeners.insert(alb(), Part::Seen(Vec::new()));
    world.observed.load_balancer_attributes.insert(alb(), Part::Seen(Default::default()));
    world.observed.unknown = unknown.then(|| ResourceId::LoadBalancer(alb())).into_iter().collect();
    world
}

fn pass(world: &mut World) -> Plan {
    let plan = world.pass();
    world.store(&plan);
    world.now = world.now.checked_add(std::time::Duration::from_secs(4)).unwrap();
    plan
}

#[test]
fn a_load_balancer_that_two_readings_do_not_show_and_whose_arn_aws_does_not_know_is_made_anew() {
    let mut world = without_balancer(World::healthy(2), true);
    let first = pass(&mut world);
    assert_eq!(first.actions, [], "{first}");
    assert!(first.to_string().contains("which AWS says it does not know, to be looked for once more"), "{first}");
    assert_eq!(ids(&pass(&mut world)), ["create-load-balancer", "create-listener/80"].into());
}

#[test]
fn a_load_balancer_whose_arn_aws_may_know_takes_five_minutes() {
    let mut world = without_balancer(World::healthy(2), false);
    for _ in 0..75 {
        let plan = pass(&mut world);
        assert_eq!(plan.actions, [], "{plan}");
    }
    assert!(ids(&pass(&mut world)).contains("create-load-balancer"));
}

#[test]
fn what_was_never_shown_may_be_too_new_to_be_known_everywhere() {
    let mut world = without_balancer(World::healthy(2), true);
    world.memory = Memory::default();
    for _ in 0..3 {
        assert_eq!(pass(&mut world).actions, []);
    }
}

#[test]
fn a_teardown_believes_no_loss_before_its_time() {
    let mut world = without_balancer(World::healthy(1), true);
    world.record.deleting = true;
    for _ in 0..3 {
        let plan = pass(&mut world);
        assert!(plan.status.load_balancer.is_some(), "else it would be left behind if it is there: {plan}");
    }
}

#[test]
fn a_target_group_that_is_not_shown_is_asked_nothing_and_made_anew_once_its_arn_is_unknown() {
    let mut world = World::healthy(2);
    seen(&mut world.observed.target_groups).clear();
    world.observed.targets.insert(target_group(), Part::Seen(Vec::new()));
    for _ in 0..3 {
        let plan = pass(&mut world);
        assert_eq!(plan.actions, [], "neither registered into nor forwarded to: {plan}");
    }
    world.observed.unknown = [ResourceId::TargetGroup(target_group())].into();
    let plan = pass(&mut world);
    assert!(ids(&plan).contains("create-target-group/shop-web-6bdbe364"), "{plan}");
}

#[test]
fn nothing_is_launched_into_a_group_that_is_not_shown() {
    let mut world = World::healthy(1).edited(|spec| spec.instances.count = 2);
    world.groups().retain(|group| group.id.as_str() != "sg-inst");
    let plan = world.pass();
    assert_eq!(plan.actions, [], "{plan}");
}

#[test]
fn a_definite_not_found_of_a_write_counts_as_a_reading_without_it() {
    let mut world = World::healthy(2).edited(|spec| spec.load_balancer.idle_timeout = "90s".parse().unwrap());
    let plan = world.pass();
    assert_eq!(ids(&plan), ["set-load-balancer-attributes"].into());
    world.concluded(&plan, |_| refused(ErrorKind::NotFound, "LoadBalancerNotFound"));
    let mut world = without_balancer(world, false);
    assert!(ids(&pass(&mut world)).contains("create-load-balancer"));
}

#[test]
fn a_new_load_balancer_does_not_inherit_the_pauses_of_the_one_before() {
    let mut world = World::healthy(2).edited(|spec| spec.load_balancer.idle_timeout = "90s".parse().unwrap());
    let plan = world.pass();
    world.concluded(&plan, |_| refused(ErrorKind::Invalid, "ValidationError"));
    assert_eq!(world.pass().actions, [], "of the same one it is not asked again so soon");
    let other = LoadBalancerArn::parse(format!("{ALB}-2")).unwrap();
    seen(&mut world.observed.load_balancers)[0].arn = other.clone();
    let attributes = world.observed.load_balancer_attributes[&alb()].clone();
    world.observed.load_balancer_attributes.insert(other.clone(), attributes);
    world.observed.listeners.insert(other.clone(), Part::Seen(Vec::new()));
    world.record.status.load_balancer.as_mut().unwrap().arn = other;
    assert!(ids(&world.pass()).contains("set-load-balancer-attributes"));
}

#[test]
fn what_was_believed_gone_and_is_shown_again_under_its_arn_was_ours_all_along() {
    let whole = World::healthy(2).observed;
    let mut world = without_balancer(World::healthy(2), true);
    pass(&mut world);
    assert_eq!(pass(&mut world).status.load_balancer, None);
    world.observed = whole;
    let plan = world.pass();
    assert_eq!(plan.status.load_balancer.as_ref().map(|balancer| &balancer.arn), Some(&alb()), "{plan}");
    assert!(!plan.to_string().contains("NotOurs"), "{plan}");
}

#[test]
fn a_listener_of_a_load_balancer_that_is_gone_is_never_asked_for_again() {
    let mut world = World::healthy(2);
    world.observed.listeners.insert(alb(), Part::Seen(Vec::new()));
    let open = |balancer: &str| Intent {
        id: aws_api::id::IntentId::parse("in-80").unwrap(),
        makes: Makes::Listener { port: 80 },
        write: Write::Listener(ListenerWrite::Create(CreateListener {
            load_balancer: Ref::Id(LoadBalancerArn::parse(balancer).unwrap()),
            protocol: crds_schema::spec::Protocol::Http,
            port: 80,
            forward_to: Ref::Id(target_group()),
            tags: Default::default(),
        })),
        created_at: world.now,
        revision: 1,
    };
    let (ours, gone) = (open(ALB), open("arn:aws:elasticloadbalancing:us-east-2:1:loadbalancer/app/shop-alb/0"));
    let mut signs = Vec::new();
    for intent in [ours, gone] {
        let mut world = World { record: world.record.clone(), observed: world.observed.clone(), ..World::healthy(2) };
        world.record.intents = vec![intent];
        signs.push(world.planned().chars().next().unwrap());
    }
    assert_eq!(signs, ['=', '+'], "of this load balancer it is sent again, of another one it is another call");
}

#[test]
fn a_load_balancer_with_another_dns_name_is_told_once_with_both_names() {
    let mut world = without_balancer(World::healthy(2), true);
    pass(&mut world);
    let plan = pass(&mut world);
    assert_eq!(plan.status.former_dns_name.as_deref(), Some("shop-alb-1.us-east-2.elb.amazonaws.com"));
    let other = LoadBalancerArn::parse(format!("{ALB}-2")).unwrap();
    let mut balancer = seen(&mut World::healthy(1).observed.load_balancers)[0].clone();
    (balancer.arn, balancer.dns_name) = (other.clone(), "shop-alb-2.us-east-2.elb.amazonaws.com".into());
    seen(&mut world.observed.load_balancers).push(balancer);
    let mut recorded = World::healthy(1).record.status.load_balancer.unwrap();
    recorded.arn = other;
    world.record.status.load_balancer = Some(recorded);
    let plan = world.pass();
    assert!(plan.status.former_dns_name.is_some(), "a crash before the event is written loses nothing");
    let concluded = world.concluded(&plan, |_| Outcome::NotTried(String::new()));
    let told: Vec<_> = concluded.events.iter().filter(|event| event.reason == Reason::DnsNameChanged).collect();
    assert_eq!(told.len(), 1);
    assert!(told[0].message.contains("from shop-alb-1.us-east-2.elb.amazonaws.com to shop-alb-2.us-east-2"));
    world.record.status = concluded.status;
    assert!(world.pass().noticed.iter().all(|(_, why)| why.reason != Reason::DnsNameChanged), "once");
}

#[test]
fn only_what_a_complete_reading_does_not_show_is_in_doubt() {
    let observed = World::healthy(1).observed;
    assert!(
        !observed.doubts(&ResourceId::LoadBalancer(alb())) && !observed.doubts(&ResourceId::Instance(instance_id(1)))
    );
    assert!(observed.doubts(&ResourceId::Instance(instance_id(9))));
}
