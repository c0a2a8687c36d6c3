//! The examples: accepted, and every figure of the environment that they describe.

use crds_schema::spec::*;
use crds_schema::{Amount, SpecDuration, parse};

use crate::{example, home, minimal};

#[test]
fn the_minimal_example_is_the_least_that_is_accepted() {
    let least = parse(&example("minimal")).unwrap();
    assert_eq!(least, parse(&minimal()).unwrap());
    // Take any one required field away and it is refused.
    for path in [
        "/metadata/name",
        "/spec/image/amiId",
        "/spec/instances/count",
        "/spec/instances/types",
        "/spec/services/0/port",
        "/spec/access/loadBalancer",
    ] {
        let mut document = minimal();
        let (parent, name) = path.rsplit_once('/').unwrap();
        document.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name).unwrap();
        assert!(parse(&document).is_err(), "{path}");
    }
}

#[test]
fn every_default_is_filled_in() {
    let StagingEnvironment { metadata, spec, .. } = parse(&minimal()).unwrap();
    assert!(metadata.labels.is_empty() && spec.tags.is_empty() && spec.region.is_none() && spec.redis.is_none());
    assert_eq!(spec.network, Network::default());
    assert_eq!(spec.instances.metadata_options, MetadataOptions { http_tokens: HttpTokens::Required, hop_limit: 2 });
    let service = &spec.services[0];
    assert_eq!((service.name.as_str(), service.protocol, service.stickiness.as_ref()), ("web", Protocol::Http, None));
    assert_eq!((service.deregistration_delay.as_secs(), service.slow_start.as_secs()), (300, 0));
    assert_eq!(service.algorithm, Algorithm::RoundRobin);
    let check = &service.health_check;
    assert_eq!((check.path.as_str(), check.port, check.matcher.as_str()), ("/", HealthCheckPort::TrafficPort, "200"));
    assert_eq!((check.interval.as_secs(), check.timeout.as_secs()), (30, 5));
    assert_eq!((check.healthy_threshold, check.unhealthy_threshold), (5, 2));
    let balancer = &spec.load_balancer;
    assert_eq!((balancer.scheme, balancer.ip_address_type), (Scheme::InternetFacing, IpAddressType::Ipv4));
    assert_eq!((balancer.idle_timeout.as_secs(), balancer.deletion_protection), (60, false));
    let [listener] = balancer.listeners.as_slice() else { panic!("one listener") };
    assert_eq!((listener.protocol, listener.port), (Protocol::Http, 80));
    assert_eq!(listener.default, ListenerAction { forward: Some("web".into()), redirect: None });
    assert_eq!(spec.healing.grace_period, SpecDuration::from_secs(300));
    assert_eq!(spec.healing.unhealthy_for, SpecDuration::from_secs(120));
    assert_eq!((spec.healing.max_unhealthy, spec.healing.max_terminations_per_hour), (Amount::Percent(50), 4));
    assert_eq!((spec.rollout.max_surge, spec.rollout.max_unavailable), (Amount::Count(1), Amount::Count(0)));
    assert_eq!(spec.rollout.bake_time, SpecDuration::from_secs(120));
    assert_eq!((spec.deletion_policy, spec.paused), (DeletionPolicy::Delete, false));
}

#[test]
fn the_team_s_environment_has_every_figure_of_theirs() {
    let StagingEnvironment { metadata, spec, .. } = parse(&example("chatmrpt-staging")).unwrap();
    assert_eq!(metadata.name, "chatmrpt-staging");
    assert_eq!(spec.region.as_deref(), Some("us-east-2"));
    assert_eq!(spec.network.subnet_ids.len(), 3);
    assert_eq!(spec.image.ami_id.as_deref(), Some("ami-0fa4480bc2fe38b14"));

    assert_eq!((spec.instances.count, spec.instances.types.as_slice()), (2, ["t3.medium".to_owned()].as_slice()));
    assert_eq!(spec.instances.key_name.as_deref(), Some("chatmrpt-key"));
    assert!(spec.instances.adopt.is_empty());

    let balancer = &spec.load_balancer;
    assert_eq!((balancer.name.as_deref(), balancer.scheme), (Some("chatmrpt-staging-alb"), Scheme::InternetFacing));
    let [listener] = balancer.listeners.as_slice() else { panic!("one listener") };
    assert_eq!((listener.protocol, listener.port), (Protocol::Http, 80));

    let service = &spec.services[0];
    assert_eq!(listener.default.forward.as_ref(), Some(&service.name));
    assert_eq!(service.target_group_name.as_deref(), Some("chatmrpt-staging-targets"));
    assert_eq!((service.protocol, service.port), (Protocol::Http, 8080));
    assert_eq!((service.health_check.path.as_str(), service.health_check.interval.as_secs()), ("/health", 30));
    let day = SpecDuration::from_secs(24 * 60 * 60);
    assert_eq!(service.stickiness, Some(Stickiness { kind: StickinessType::LbCookie, duration: day }));

    let cidrs = |entries: &[AccessEntry]| entries.iter().map(|e| e.cidr.unwrap().to_string()).collect::<Vec<_>>();
    assert_eq!(cidrs(&spec.access.load_balancer), ["0.0.0.0/0"]);
    assert_eq!(cidrs(&spec.access.ssh), ["203.0.113.0/24", "198.51.100.7/32"]);
    assert_eq!(spec.security_groups.load_balancer.name.as_deref(), Some("chatmrpt-staging-alb-sg"));
    assert_eq!(spec.security_groups.instances.name.as_deref(), Some("chatmrpt-staging-instance-sg"));
    assert!(spec.redis.unwrap().endpoint.ends_with(":6379"));
}

#[test]
fn the_adopt_lines_stand_there_as_comments() {
    let text = std::fs::read_to_string(format!("{}/examples/chatmrpt-staging.yaml", home())).unwrap();
    assert_eq!(text.lines().filter(|line| line.trim_start().starts_with("# adopt: ")).count(), 4);
    assert_eq!(text.matches("adopt:").count(), 4, "none outside a comment");
}

#[test]
fn the_examples_name_the_schema_for_editors() {
    for name in ["minimal", "chatmrpt-staging", "full"] {
        let folder = format!("{}/examples", home());
        let text = std::fs::read_to_string(format!("{folder}/{name}.yaml")).unwrap();
        let path = text.lines().next().unwrap().strip_prefix("# yaml-language-server: $schema=").unwrap();
        let schema = std::fs::canonicalize(format!("{folder}/{path}")).unwrap();
        assert!(schema.ends_with("generated/stagingenvironment.v1alpha1.schema.json"));
    }
}
