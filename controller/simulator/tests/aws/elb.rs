//! Load balancers, target groups, listeners, tags of ELBv2.

use std::collections::BTreeSet;

use aws_api::ec2::{SecurityGroupWrite, Subnet};
use aws_api::elbv2::{
    CreateLoadBalancer, CreateTargetGroup, ElbTaggable, Elbv2TagsRead, Elbv2TagsWrite, ListenerRead, ListenerWrite,
    LoadBalancerRead, LoadBalancerState, LoadBalancerWrite, TargetGroupRead, TargetGroupWrite, TargetHealthCheck,
};
use aws_api::id::{InstanceId, ListenerArn, LoadBalancerArn, TargetGroupArn};
use aws_api::{Read, Ref, Reply, Write};
use crds_schema::spec::{Protocol, Scheme};
use simulator::Builder;
use simulator::cloud::Quotas;

use crate::bench::*;

#[test]
fn a_load_balancer_is_active_after_minutes() {
    let bench = Bench::new();
    bench.alb(bench.create_alb("web", 2));
    let state = || bench.cloud.view().load_balancer("web").unwrap().state;
    bench.pass(secs(149));
    assert_eq!(state(), LoadBalancerState::Provisioning);
    bench.pass(secs(1));
    assert_eq!(state(), LoadBalancerState::Active);
}

#[test]
fn a_load_balancer_of_the_same_name_and_settings_is_returned_whoever_made_it() {
    let bench = Bench::new();
    let ours = bench.alb(CreateLoadBalancer { tags: tags(&[("owner", "a")]), ..bench.create_alb("web", 2) });
    let again = bench.alb(CreateLoadBalancer { tags: tags(&[("owner", "b")]), ..bench.create_alb("web", 2) });
    assert_eq!(again, ours);
    assert_eq!(bench.cloud.view().load_balancer_tags(&ours), tags(&[("owner", "a")]));
    let other = CreateLoadBalancer { scheme: Scheme::Internal, ..bench.create_alb("web", 2) };
    for create in [other, bench.create_alb("web", 3)] {
        assert_eq!(bench.code(Write::LoadBalancer(LoadBalancerWrite::Create(create))), "DuplicateLoadBalancerName");
    }
}

#[test]
fn a_load_balancer_needs_two_zones_and_one_subnet_each() {
    let bench = Bench::new();
    assert_eq!(
        bench.code(Write::LoadBalancer(LoadBalancerWrite::Create(bench.create_alb("web", 1)))),
        "ValidationError"
    );
    let none = [aws_api::id::SubnetId::parse("subnet-none").unwrap()].into();
    let create = CreateLoadBalancer { subnets: none, ..bench.create_alb("web", 2) };
    assert_eq!(bench.code(Write::LoadBalancer(LoadBalancerWrite::Create(create))), "SubnetNotFound");
    let first = bench.cloud.view().subnets()[0].clone();
    let twin = Subnet { id: aws_api::id::SubnetId::parse("subnet-twin").unwrap(), ..first.clone() };
    let bench = Bench::of(Builder::new(1).subnet(twin.clone()));
    let subnets = [first.id, twin.id].into();
    let create = CreateLoadBalancer { subnets, ..bench.create_alb("web", 2) };
    assert_eq!(bench.code(Write::LoadBalancer(LoadBalancerWrite::Create(create))), "InvalidConfigurationRequest");
}

#[test]
fn subnets_and_groups_are_set_as_a_whole() {
    let bench = Bench::new();
    let (alb, group) = (bench.alb(bench.create_alb("web", 3)), bench.group("web"));
    let two: BTreeSet<_> = bench.cloud.view().subnets().into_iter().take(2).map(|subnet| subnet.id).collect();
    bench
        .write(Write::LoadBalancer(LoadBalancerWrite::SetSubnets { load_balancer: alb.clone(), subnets: two.clone() }))
        .unwrap();
    let groups = BTreeSet::from([Ref::Id(group.clone())]);
    bench.write(Write::LoadBalancer(LoadBalancerWrite::SetGroups { load_balancer: alb.clone(), groups })).unwrap();
    let now = bench.cloud.view().load_balancer("web").unwrap();
    assert_eq!((now.subnets.into_values().collect::<BTreeSet<_>>(), now.groups), (two.clone(), [group].into()));
    let one = two.into_iter().take(1).collect();
    assert_eq!(
        bench.code(Write::LoadBalancer(LoadBalancerWrite::SetSubnets { load_balancer: alb, subnets: one })),
        "ValidationError"
    );
}

#[test]
fn attributes_have_defaults_and_are_checked() {
    let bench = Bench::new();
    let alb = bench.alb(bench.create_alb("web", 2));
    let Reply::Attributes(all) =
        bench.read(Read::LoadBalancer(LoadBalancerRead::Attributes { load_balancer: alb.clone() })).unwrap()
    else {
        panic!()
    };
    assert_eq!((all["idle_timeout.timeout_seconds"].as_str(), all["routing.http2.enabled"].as_str()), ("60", "true"));
    let set = |name, value| {
        Write::LoadBalancer(LoadBalancerWrite::SetAttributes {
            load_balancer: Ref::Id(alb.clone()),
            attributes: attributes(name, value),
        })
    };
    bench.write(set("idle_timeout.timeout_seconds", "120")).unwrap();
    assert_eq!(bench.code(set("idle_timeout.timeout_seconds", "0")), "ValidationError");
    assert_eq!(bench.code(set("no.such.attribute", "1")), "ValidationError");
    assert_eq!(bench.cloud.view().load_balancer_attributes(&alb)["idle_timeout.timeout_seconds"], "120");
}

#[test]
fn target_group_attributes_have_defaults_and_are_checked() {
    let bench = Bench::new();
    let targets = bench.targets("web");
    let Reply::Attributes(all) =
        bench.read(Read::TargetGroup(TargetGroupRead::Attributes { target_group: targets.clone() })).unwrap()
    else {
        panic!()
    };
    for (name, value) in [
        ("stickiness.enabled", "false"),
        ("stickiness.type", "lb_cookie"),
        ("stickiness.lb_cookie.duration_seconds", "86400"),
        ("deregistration_delay.timeout_seconds", "300"),
        ("slow_start.duration_seconds", "0"),
        ("load_balancing.algorithm.type", "round_robin"),
    ] {
        assert_eq!(all[name], value, "{name}");
    }
    let set = |name, value| {
        Write::TargetGroup(TargetGroupWrite::SetAttributes {
            target_group: Ref::Id(targets.clone()),
            attributes: attributes(name, value),
        })
    };
    bench.write(set("slow_start.duration_seconds", "30")).unwrap();
    assert_eq!(bench.code(set("slow_start.duration_seconds", "29")), "ValidationError");
    assert_eq!(bench.code(set("deregistration_delay.timeout_seconds", "3601")), "ValidationError");
    let other = set("load_balancing.algorithm.type", "least_outstanding_requests");
    assert_eq!(bench.code(other), "InvalidConfigurationRequest");
}

#[test]
fn target_group_attributes_that_do_not_go_together_are_refused() {
    let bench = Bench::new();
    let targets = bench.targets("web");
    let set = |all: &[(&str, &str)]| {
        Write::TargetGroup(TargetGroupWrite::SetAttributes {
            target_group: Ref::Id(targets.clone()),
            attributes: all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        })
    };
    let weighted = ("load_balancing.algorithm.type", "weighted_random");
    let sticky = ("stickiness.enabled", "true");
    for wrong in [
        [weighted, ("slow_start.duration_seconds", "30")],
        [weighted, sticky],
        [sticky, ("load_balancing.cross_zone.enabled", "false")],
        [sticky, ("stickiness.type", "app_cookie")],
        [sticky, ("load_balancing.algorithm.anomaly_mitigation", "on")],
        [sticky, ("stickiness.app_cookie.cookie_name", "AWSALBX")],
    ] {
        assert_eq!(bench.code(set(&wrong)), "InvalidConfigurationRequest", "{wrong:?}");
    }
    bench.write(set(&[weighted, ("load_balancing.algorithm.anomaly_mitigation", "on")])).unwrap();
    bench.write(set(&[("load_balancing.algorithm.anomaly_mitigation", "off")])).unwrap();
    bench.write(set(&[("load_balancing.algorithm.type", "round_robin"), sticky])).unwrap();
    assert_eq!(bench.code(set(&[weighted])), "InvalidConfigurationRequest", "with what is there already");
}

#[test]
fn deletion_protection_holds_and_deleting_twice_is_no_error() {
    let bench = Bench::new();
    let alb = bench.alb(bench.create_alb("web", 2));
    bench.cloud.console().set_load_balancer_attribute(&alb, "deletion_protection.enabled", "true").unwrap();
    let delete = || Write::LoadBalancer(LoadBalancerWrite::Delete { load_balancer: alb.clone() });
    assert_eq!(bench.code(delete()), "OperationNotPermitted");
    bench.cloud.console().set_load_balancer_attribute(&alb, "deletion_protection.enabled", "false").unwrap();
    bench.write(delete()).unwrap();
    bench.write(delete()).unwrap();
    assert!(
        bench
            .read(Read::LoadBalancer(LoadBalancerRead::Describe { names: vec!["web".into()] }))
            .unwrap_err()
            .is("LoadBalancerNotFound")
    );
}

#[test]
fn a_deleted_load_balancer_takes_its_listeners_and_keeps_its_groups_for_a_while() {
    let bench = Bench::new();
    let env = bench.env(2);
    bench.write(Write::LoadBalancer(LoadBalancerWrite::Delete { load_balancer: env.alb.clone() })).unwrap();
    assert_eq!(bench.code(Write::Listener(ListenerWrite::Delete { listener: env.listener })), "ListenerNotFound");
    bench.write(Write::SecurityGroup(SecurityGroupWrite::Delete { group: env.group })).unwrap();
    let delete = || Write::SecurityGroup(SecurityGroupWrite::Delete { group: env.alb_group.clone() });
    assert_eq!(bench.code(delete()), "DependencyViolation");
    assert_eq!(bench.cloud.view().interfaces().len(), 2);
    bench.pass(secs(90));
    assert_eq!(bench.cloud.view().interfaces().len(), 0);
    bench.write(delete()).unwrap();
    bench.write(Write::TargetGroup(TargetGroupWrite::Delete { target_group: env.targets })).unwrap();
}

#[test]
fn quotas_have_their_codes() {
    let quotas = Quotas {
        load_balancers: 1,
        target_groups: 1,
        listeners_per_balancer: 1,
        targets_per_group: 1,
        ..Quotas::default()
    };
    let bench = Bench::of(Builder::new(1).quotas(quotas));
    let env = bench.env(2);
    assert_eq!(
        bench.code(Write::LoadBalancer(LoadBalancerWrite::Create(bench.create_alb("other", 2)))),
        "TooManyLoadBalancers"
    );
    assert_eq!(
        bench.code(Write::TargetGroup(TargetGroupWrite::Create(bench.create_targets("other")))),
        "TooManyTargetGroups"
    );
    assert_eq!(bench.code(Bench::create_listener(&env.alb, 81, &env.targets)), "TooManyListeners");
    let instances = ["a", "b"].map(|token| bench.launch(bench.run(token))).into();
    bench.pass(secs(17));
    let register =
        Write::TargetGroup(TargetGroupWrite::Register { target_group: Ref::Id(env.targets), instances, port: 8080 });
    assert_eq!(bench.code(register), "TooManyTargets");
}

#[test]
fn a_target_group_of_the_same_name_and_settings_is_returned() {
    let bench = Bench::new();
    let first = bench.targets("web");
    assert_eq!(bench.targets("web"), first);
    let other = CreateTargetGroup { port: 9090, ..bench.create_targets("web") };
    assert_eq!(bench.code(Write::TargetGroup(TargetGroupWrite::Create(other))), "DuplicateTargetGroupName");
}

#[test]
fn a_target_group_is_kept_while_a_listener_forwards_to_it() {
    let bench = Bench::new();
    let env = bench.env(2);
    let delete = || Write::TargetGroup(TargetGroupWrite::Delete { target_group: env.targets.clone() });
    assert_eq!(bench.code(delete()), "ResourceInUse");
    bench.write(Write::Listener(ListenerWrite::Delete { listener: env.listener.clone() })).unwrap();
    bench.write(delete()).unwrap();
    bench.write(delete()).unwrap();
}

#[test]
fn a_port_has_one_listener() {
    let bench = Bench::new();
    let env = bench.env(2);
    assert_eq!(bench.listener(&env.alb, 80, &env.targets), env.listener, "the same again is the same");
    let other = bench.targets("other");
    assert_eq!(bench.code(Bench::create_listener(&env.alb, 80, &other)), "DuplicateListener");
    let eighty_one = bench.listener(&env.alb, 81, &env.targets);
    assert_eq!(bench.cloud.console().move_listener(&eighty_one, 80).unwrap_err().code, "DuplicateListener");
}

#[test]
fn a_target_group_serves_one_load_balancer() {
    let bench = Bench::new();
    let env = bench.env(2);
    let other = bench.alb(bench.create_alb("other", 2));
    assert_eq!(bench.code(Bench::create_listener(&other, 80, &env.targets)), "TargetGroupAssociationLimit");
}

#[test]
fn a_listener_shows_where_it_forwards_what_it_warms_and_nothing_else() {
    let bench = Bench::new();
    let env = bench.env(2);
    let next = bench.targets("next");
    let shown = || {
        let listener = bench.cloud.view().listeners(&env.alb).remove(0);
        (listener.forwards_to, listener.warms)
    };
    let set = |to: &TargetGroupArn, warm: Option<&TargetGroupArn>| {
        Write::Listener(ListenerWrite::Modify {
            listener: env.listener.clone(),
            protocol: Protocol::Http,
            forward_to: Ref::Id(to.clone()),
            warm: warm.cloned().map(Ref::Id),
        })
    };
    bench.write(set(&env.targets, Some(&next))).unwrap();
    assert_eq!(shown(), (Some(env.targets.clone()), Some(next.clone())));
    assert_eq!(
        bench.code(Write::TargetGroup(TargetGroupWrite::Delete { target_group: next.clone() })),
        "ResourceInUse"
    );
    bench.write(set(&next, None)).unwrap();
    assert_eq!(shown(), (Some(next), None));
    bench.cloud.console().respond_fixed(&env.listener).unwrap();
    assert_eq!(shown(), (None, None));
}

#[test]
fn only_running_instances_of_the_vpc_are_registered() {
    let bench = Bench::new();
    let targets = bench.targets("web");
    let id = bench.launch(bench.run("a"));
    let register = |id: &InstanceId| {
        Write::TargetGroup(TargetGroupWrite::Register {
            target_group: Ref::Id(targets.clone()),
            instances: [id.clone()].into(),
            port: 8080,
        })
    };
    assert_eq!(bench.code(register(&id)), "InvalidTarget");
    assert_eq!(bench.code(register(&InstanceId::parse("i-none").unwrap())), "InvalidTarget");
    bench.pass(secs(17));
    bench.write(register(&id)).unwrap();
    bench.write(register(&id)).unwrap();
    assert_eq!(bench.cloud.view().targets(&targets).len(), 1);
    bench.cloud.console().stop(&id).unwrap();
    assert_eq!(bench.code(register(&id)), "InvalidTarget");
}

#[test]
fn deregistering_what_is_not_registered_is_no_error() {
    let bench = Bench::new();
    let targets = [("i-none".to_owned(), 8080)].into();
    bench
        .write(Write::TargetGroup(TargetGroupWrite::Deregister { target_group: bench.targets("web"), targets }))
        .unwrap();
}

#[test]
fn a_health_check_has_limits() {
    let bench = Bench::new();
    let targets = bench.targets("web");
    let good = bench.create_targets("x").health_check;
    let set = |health_check| {
        Write::TargetGroup(TargetGroupWrite::SetHealthCheck { target_group: targets.clone(), health_check })
    };
    for wrong in [
        TargetHealthCheck { interval_secs: 4, ..good.clone() },
        TargetHealthCheck { timeout_secs: 30, ..good.clone() },
        TargetHealthCheck { unhealthy_threshold: 1, ..good.clone() },
        TargetHealthCheck { healthy_threshold: 11, ..good.clone() },
        TargetHealthCheck { path: "health".into(), ..good.clone() },
        TargetHealthCheck { matcher: "two hundred".into(), ..good.clone() },
        TargetHealthCheck { port: "0".into(), ..good.clone() },
    ] {
        assert_eq!(bench.code(set(wrong)), "ValidationError");
    }
    bench.write(set(TargetHealthCheck { matcher: "200-299,302".into(), ..good })).unwrap();
}

#[test]
fn a_missing_name_or_arn_fails_the_whole_describe() {
    let bench = Bench::new();
    let env = bench.env(2);
    let names = |one: &str| vec![one.to_owned(), "none".to_owned()];
    assert!(
        bench
            .read(Read::LoadBalancer(LoadBalancerRead::Describe { names: names("web-alb") }))
            .unwrap_err()
            .is("LoadBalancerNotFound")
    );
    assert!(
        bench
            .read(Read::TargetGroup(TargetGroupRead::Describe { names: names("web-targets") }))
            .unwrap_err()
            .is("TargetGroupNotFound")
    );
    let missing = ElbTaggable::Listener(ListenerArn::parse("arn:none").unwrap());
    let resources = vec![ElbTaggable::LoadBalancer(env.alb), missing];
    assert!(bench.read(Read::Elbv2Tags(Elbv2TagsRead::Describe { resources })).unwrap_err().is("ListenerNotFound"));
    let load_balancer = LoadBalancerArn::parse("arn:none").unwrap();
    assert!(
        bench
            .read(Read::Listener(ListenerRead::Describe { load_balancer, page: None }))
            .unwrap_err()
            .is("LoadBalancerNotFound")
    );
}

#[test]
fn elb_tags_are_overlaid_and_removed() {
    let bench = Bench::new();
    let env = bench.env(2);
    let resource = ElbTaggable::TargetGroup(env.targets.clone());
    bench
        .write(Write::Elbv2Tags(Elbv2TagsWrite::Add {
            resource: resource.clone(),
            tags: tags(&[("a", "1"), ("b", "1")]),
        }))
        .unwrap();
    bench
        .write(Write::Elbv2Tags(Elbv2TagsWrite::Add { resource: resource.clone(), tags: tags(&[("b", "2")]) }))
        .unwrap();
    bench
        .write(Write::Elbv2Tags(Elbv2TagsWrite::Remove { resource: resource.clone(), keys: ["a".to_owned()].into() }))
        .unwrap();
    assert_eq!(
        bench.read(Read::Elbv2Tags(Elbv2TagsRead::Describe { resources: vec![resource.clone()] })).unwrap(),
        Reply::Tags(vec![(resource, tags(&[("b", "2")]))])
    );
}
