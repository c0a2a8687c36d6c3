//! Instances, images, security groups, tags of EC2.

use std::collections::BTreeSet;

use aws_api::ec2::{
    BlockDeviceRequest, ChangeRules, Ec2TagsWrite, ImageRead, InstanceRead, InstanceState, InstanceWrite, NetworkRead,
    Rule, RunInstances, SecurityGroupWrite, StatusChecks, Taggable, UserData,
};
use aws_api::id::{AmiId, InstanceId, SubnetId};
use aws_api::{Filter, Read, Ref, Reply, Write};
use simulator::Builder;
use simulator::cloud::{App, Kind, Quotas, Timings};

use crate::bench::*;

fn filter(name: &str, values: &[&str]) -> Vec<Filter> {
    vec![Filter { name: name.into(), values: values.iter().map(|value| (*value).to_owned()).collect() }]
}

fn instances(bench: &Bench, filters: Vec<Filter>) -> Vec<InstanceId> {
    match bench.read(Read::Instance(InstanceRead::Describe { filters, page: None })).unwrap() {
        Reply::Instances(found, None) => found.into_iter().map(|instance| instance.id).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_instance_is_pending_for_seventeen_seconds_then_running() {
    let bench = Bench::new();
    let id = bench.launch(bench.run("a"));
    bench.pass(secs(16));
    assert_eq!(bench.state(&id), InstanceState::Pending);
    bench.pass(secs(1));
    assert_eq!(bench.state(&id), InstanceState::Running);
}

#[test]
fn a_token_returns_the_instance_that_it_made() {
    let bench = Bench::new();
    let id = bench.launch(bench.run("a"));
    bench.cloud.console().deregister_image(&AmiId::parse(Builder::IMAGE).unwrap()).unwrap();
    assert_eq!(bench.launch(bench.run("a")), id, "a replay does not look at the image again");
    assert_eq!(bench.cloud.ledger().created(Kind::Instance).len(), 1);
}

#[test]
fn a_token_with_other_parameters_is_a_mismatch() {
    let bench = Bench::new();
    bench.launch(bench.run("a"));
    let other = RunInstances { instance_type: "t3.large".into(), ..bench.run("a") };
    assert_eq!(bench.code(Write::Instance(InstanceWrite::Run(Box::new(other)))), "IdempotentParameterMismatch");
}

#[test]
fn a_token_is_zonal() {
    let bench = Bench::new();
    let first = bench.launch(bench.run_in("a", 0));
    assert_ne!(bench.launch(bench.run_in("a", 1)), first);
}

#[test]
fn a_token_whose_instance_was_terminated_launches_nothing_for_a_day() {
    let bench = Bench::new();
    let id = bench.launch(bench.run("a"));
    bench.write(Write::Instance(InstanceWrite::Terminate { instance: id })).unwrap();
    for hours in [0, 2, 20] {
        bench.pass(secs(hours * 3600));
        assert_eq!(
            bench.code(Write::Instance(InstanceWrite::Run(Box::new(bench.run("a"))))),
            "IdempotentInstanceTerminated"
        );
    }
    bench.pass(secs(3 * 3600));
    bench.launch(bench.run("a"));
}

#[test]
fn a_terminated_instance_is_shown_for_an_hour() {
    let bench = Bench::new();
    let id = bench.launch(bench.run("a"));
    bench.write(Write::Instance(InstanceWrite::Terminate { instance: id.clone() })).unwrap();
    assert_eq!(bench.state(&id), InstanceState::ShuttingDown);
    bench.pass(secs(30));
    let gone = bench.cloud.view().instance(&id).unwrap();
    assert_eq!((gone.state, gone.subnet, gone.groups.len()), (InstanceState::Terminated, None, 0));
    assert_eq!(gone.state_reason.as_deref(), Some("Client.UserInitiatedShutdown"));
    bench.write(Write::Instance(InstanceWrite::Terminate { instance: id.clone() })).unwrap();
    bench.pass(secs(3600));
    assert!(bench.cloud.view().instances().is_empty());
    assert_eq!(bench.code(Write::Instance(InstanceWrite::Terminate { instance: id })), "InvalidInstanceID.NotFound");
}

#[test]
fn a_stopped_instance_can_be_started_again() {
    let bench = Bench::new();
    let id = bench.launch(bench.run("a"));
    bench.pass(secs(20));
    bench.cloud.console().stop(&id).unwrap();
    assert_eq!(bench.state(&id), InstanceState::Stopping);
    assert_eq!(bench.cloud.console().start(&id).unwrap_err().code, "IncorrectInstanceState");
    bench.pass(secs(30));
    assert_eq!(bench.state(&id), InstanceState::Stopped);
    bench.cloud.console().start(&id).unwrap();
    bench.pass(secs(17));
    assert_eq!(bench.state(&id), InstanceState::Running);
}

#[test]
fn a_protected_instance_is_not_terminated() {
    let bench = Bench::new();
    let id = bench.launch(bench.run("a"));
    bench.cloud.console().protect(&id, true).unwrap();
    assert_eq!(bench.code(Write::Instance(InstanceWrite::Terminate { instance: id.clone() })), "OperationNotPermitted");
    bench.cloud.console().lose(&id).unwrap();
    assert_eq!(bench.state(&id), InstanceState::ShuttingDown, "but its host can fail");
}

#[test]
fn a_launch_names_what_is_wrong_with_it() {
    let bench = Bench::of(Builder::new(1).offering("t3.micro", &["us-east-2b"]).key_pairs(&["key"]));
    let good = bench.run("a");
    let code = |run| bench.code(Write::Instance(InstanceWrite::Run(Box::new(run))));
    let image = AmiId::parse("ami-none").unwrap();
    assert_eq!(code(RunInstances { image, ..good.clone() }), "InvalidAMIID.NotFound");
    let subnet = SubnetId::parse("subnet-none").unwrap();
    assert_eq!(code(RunInstances { subnet, ..good.clone() }), "InvalidSubnetID.NotFound");
    let groups = BTreeSet::from([Ref::Id(aws_api::id::SecurityGroupId::parse("sg-none").unwrap())]);
    assert_eq!(code(RunInstances { groups, ..good.clone() }), "InvalidGroup.NotFound");
    assert_eq!(code(RunInstances { instance_type: "t3.micro".into(), ..good.clone() }), "Unsupported");
    assert_eq!(code(RunInstances { instance_type: "t9.none".into(), ..good.clone() }), "InvalidParameterValue");
    assert_eq!(code(RunInstances { key_name: Some("other".into()), ..good.clone() }), "InvalidKeyPair.NotFound");
    let long = Some(UserData::Text("x".repeat(16_385)));
    assert_eq!(code(RunInstances { user_data: long, ..good.clone() }), "InvalidParameterValue");
    let base64 = |text: &str| Some(UserData::Base64(text.to_owned()));
    assert_eq!(code(RunInstances { user_data: base64("?"), ..good.clone() }), "InvalidUserData.Malformed");
    let long = base64(&format!("{}AAA=", "AAAA".repeat(5461)));
    assert_eq!(code(RunInstances { user_data: long, ..good.clone() }), "InvalidParameterValue");
    assert_eq!(code(RunInstances { tags: tags(&[("aws:x", "")]), ..good.clone() }), "InvalidParameterValue");
    bench.launch(good);
}

#[test]
fn an_unfinished_request_is_a_bug_and_does_nothing() {
    let bench = Bench::new();
    let run = RunInstances { user_data: Some(UserData::Revision(3)), ..bench.run("a") };
    let error = bench.write(Write::Instance(InstanceWrite::Run(Box::new(run)))).unwrap_err();
    assert_eq!(error.kind, aws_api::ErrorKind::Bug);
    assert!(bench.cloud.view().instances().is_empty());
}

#[test]
fn a_zone_without_capacity_refuses_and_others_do_not() {
    let bench = Bench::new();
    let zone = bench.run("a").zone;
    bench.cloud.console().set_capacity(&zone, "*", Some(1));
    bench.launch(bench.run("a"));
    assert_eq!(
        bench.code(Write::Instance(InstanceWrite::Run(Box::new(bench.run("b"))))),
        "InsufficientInstanceCapacity"
    );
    bench.launch(bench.run_in("b", 1));
    bench.cloud.console().set_capacity(&zone, "*", None);
    bench.launch(bench.run("b"));
}

/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-on-demand-instances.html#ec2-on-demand-instances-limits>
#[test]
fn the_vcpu_limit_counts_what_runs_and_is_released_by_a_termination_or_a_raise() {
    let bench = Bench::new();
    let id = bench.launch(bench.run("a"));
    bench.cloud.console().set_vcpu_limit(Some(3));
    assert_eq!(bench.cloud.view().vcpus(), 2, "a t3.medium has two");
    assert_eq!(bench.code(Write::Instance(InstanceWrite::Run(Box::new(bench.run("b"))))), "VcpuLimitExceeded");
    bench.cloud.console().terminate(&id).unwrap();
    bench.launch(bench.run("c"));
    assert_eq!(bench.code(Write::Instance(InstanceWrite::Run(Box::new(bench.run("d"))))), "VcpuLimitExceeded");
    bench.cloud.console().set_vcpu_limit(None);
    bench.launch(bench.run("d"));
    assert_eq!(bench.cloud.fault_counts()["aws refuses: VcpuLimitExceeded"], 2);
}

#[test]
fn the_quota_counts_live_instances() {
    let bench = Bench::of(Builder::new(1).quotas(Quotas { instances: 1, ..Quotas::default() }));
    let id = bench.launch(bench.run("a"));
    assert_eq!(bench.code(Write::Instance(InstanceWrite::Run(Box::new(bench.run("b"))))), "InstanceLimitExceeded");
    bench.write(Write::Instance(InstanceWrite::Terminate { instance: id })).unwrap();
    bench.launch(bench.run("b"));
}

#[test]
fn volumes_go_with_their_instance_if_they_are_to() {
    let bench = Bench::new();
    let disk = |device: &str, goes| BlockDeviceRequest {
        device: device.into(),
        size_gib: Some(30),
        volume_type: None,
        encrypted: Some(true),
        delete_on_termination: goes,
    };
    let block_devices = vec![disk("/dev/sdf", false), disk("/dev/sdg", true)];
    let id = bench.launch(RunInstances { block_devices, ..bench.run("a") });
    assert_eq!(bench.cloud.view().volumes().len(), 3, "the image's root device too");
    bench.write(Write::Instance(InstanceWrite::Terminate { instance: id })).unwrap();
    bench.pass(secs(60));
    let left: Vec<String> = bench.cloud.view().volumes().into_values().map(|volume| volume.device).collect();
    assert_eq!(left, ["/dev/sdf"]);
}

#[test]
fn status_checks_need_minutes_and_show_an_impaired_instance() {
    let bench = Bench::new();
    let id = bench.launch(bench.run("a"));
    let status =
        || match bench.read(Read::Instance(InstanceRead::Status { ids: vec![id.clone()], page: None })).unwrap() {
            Reply::InstanceStatus(found, None) => found.into_iter().map(|(_, status)| status).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
    assert_eq!(status(), [], "a pending instance is not shown");
    bench.pass(secs(20));
    assert_eq!(status(), [StatusChecks::Initializing]);
    bench.pass(secs(150));
    assert_eq!(status(), [StatusChecks::Ok]);
    bench.cloud.console().impair(&id, true).unwrap();
    assert_eq!(status(), [StatusChecks::Impaired]);
    let missing = vec![id.clone(), InstanceId::parse("i-none").unwrap()];
    let error = bench.read(Read::Instance(InstanceRead::Status { ids: missing, page: None })).unwrap_err();
    assert!(error.is("InvalidInstanceID.NotFound"));
}

#[test]
fn filters_select_and_unknown_ids_are_no_error() {
    let bench = Bench::new();
    let (a, b) = (bench.launch(bench.run_in("web-1", 0)), bench.launch(bench.run_in("api-1", 1)));
    assert_eq!(instances(&bench, filter("tag:Name", &["web-*"])), std::slice::from_ref(&a));
    assert_eq!(instances(&bench, filter("client-token", &["in-api-1"])), std::slice::from_ref(&b));
    assert_eq!(instances(&bench, filter("instance-id", &[a.as_str(), "i-none"])), std::slice::from_ref(&a));
    assert_eq!(instances(&bench, filter("instance-state-name", &["running"])), []);
    let both = [filter("tag-key", &["Name"]), filter("availability-zone", &["*b"])].concat();
    assert_eq!(instances(&bench, both), [b]);
    let error = bench
        .read(Read::Instance(InstanceRead::Describe { filters: filter("nonsense", &["x"]), page: None }))
        .unwrap_err();
    assert!(error.is("InvalidParameterValue"));
    let many: Vec<String> = (0..201).map(|n| n.to_string()).collect();
    let filters = vec![Filter { name: "instance-id".into(), values: many }];
    assert!(
        bench
            .read(Read::Instance(InstanceRead::Describe { filters, page: None }))
            .unwrap_err()
            .is("FilterLimitExceeded")
    );
}

#[test]
fn pages_show_everything_once() {
    let bench = Bench::of(Builder::new(1).page_size(2).latency(std::time::Duration::ZERO));
    let made: BTreeSet<InstanceId> = (0..5).map(|n| bench.launch(bench.run(&format!("t{n}")))).collect();
    let (mut seen, mut page, mut pages) = (Vec::new(), None, 0);
    loop {
        let Reply::Instances(found, next) =
            bench.read(Read::Instance(InstanceRead::Describe { filters: vec![], page })).unwrap()
        else {
            panic!()
        };
        assert!(found.len() <= 2);
        seen.extend(found.into_iter().map(|instance| instance.id));
        pages += 1;
        page = next;
        if page.is_none() {
            break;
        }
    }
    assert_eq!((pages, seen.len(), seen.into_iter().collect::<BTreeSet<_>>()), (3, 5, made));
    let error = bench
        .read(Read::Instance(InstanceRead::Describe { filters: vec![], page: Some("nonsense".into()) }))
        .unwrap_err();
    assert!(error.is("InvalidParameterValue"));
}

#[test]
fn an_image_is_pending_then_available_then_deregistered_then_gone() {
    let bench = Bench::new();
    let id = AmiId::parse("ami-baked").unwrap();
    let launch = |token: &str| {
        Write::Instance(InstanceWrite::Run(Box::new(RunInstances { image: id.clone(), ..bench.run(token) })))
    };
    let state = || match bench.read(Read::Image(ImageRead::Describe { ids: vec![id.clone()] })) {
        Ok(Reply::Images(images)) => images[0].state.clone(),
        Err(error) => error.code.unwrap(),
        other => panic!("{other:?}"),
    };
    assert_eq!(state(), "InvalidAMIID.NotFound");
    bench.cloud.console().bake_image(&id, App::default(), secs(1800));
    assert_eq!((state().as_str(), bench.code(launch("a")).as_str()), ("pending", "InvalidAMIID.Unavailable"));
    bench.pass(secs(1800));
    assert_eq!(state(), "available");
    bench.write(launch("b")).unwrap();
    bench.cloud.console().deregister_image(&id).unwrap();
    assert_eq!((state().as_str(), bench.code(launch("c")).as_str()), ("deregistered", "InvalidAMIID.Unavailable"));
    bench.pass(secs(3600));
    assert_eq!(
        (state().as_str(), bench.code(launch("c")).as_str()),
        ("InvalidAMIID.NotFound", "InvalidAMIID.NotFound")
    );
}

#[test]
fn a_type_is_offered_by_zone() {
    let bench = Bench::of(Builder::new(1).offering("t3.micro", &["us-east-2b"]));
    let types = vec!["t3.micro".to_owned(), "t9.none".to_owned()];
    let Reply::InstanceTypeOfferings(found, None) =
        bench.read(Read::Network(NetworkRead::TypeOfferings { types, page: None })).unwrap()
    else {
        panic!()
    };
    assert_eq!(found.iter().map(|(name, zone)| format!("{name} {zone}")).collect::<Vec<_>>(), ["t3.micro us-east-2b"]);
}

#[test]
fn a_group_name_is_unique_in_its_vpc() {
    let bench = Bench::new();
    bench.group("web");
    assert_eq!(
        bench.code(Write::SecurityGroup(SecurityGroupWrite::Create(bench.create_group("web")))),
        "InvalidGroup.Duplicate"
    );
    assert_eq!(
        bench.code(Write::SecurityGroup(SecurityGroupWrite::Create(bench.create_group("default")))),
        "InvalidGroup.Reserved"
    );
}

#[test]
fn a_new_group_lets_everything_out_and_nothing_in() {
    let bench = Bench::new();
    bench.group("web");
    let group = bench.cloud.view().group("web").unwrap();
    assert_eq!(group.ingress.len(), 0);
    assert_eq!(group.egress.iter().map(ToString::to_string).collect::<Vec<_>>(), ["all traffic 0.0.0.0/0"]);
}

#[test]
fn rules_are_added_and_revoked_all_or_none() {
    let bench = Bench::new();
    let group = bench.group("web");
    bench.authorize(&group, from_cidr(80, "0.0.0.0/0")).unwrap();
    let both: BTreeSet<Rule> = [from_cidr(80, "0.0.0.0/0"), from_cidr(443, "0.0.0.0/0")].into();
    let change = ChangeRules { rules: both, ..ingress(&group, from_cidr(1, "0.0.0.0/0")) };
    assert_eq!(
        bench.code(Write::SecurityGroup(SecurityGroupWrite::Authorize(change.clone()))),
        "InvalidPermission.Duplicate"
    );
    assert_eq!(bench.code(Write::SecurityGroup(SecurityGroupWrite::Revoke(change))), "InvalidPermission.NotFound");
    assert_eq!(bench.cloud.view().group("web").unwrap().ingress.len(), 1);
    bench.write(Write::SecurityGroup(SecurityGroupWrite::Revoke(ingress(&group, from_cidr(80, "0.0.0.0/0"))))).unwrap();
    assert_eq!(bench.cloud.view().group("web").unwrap().ingress.len(), 0);
}

#[test]
fn a_rule_naming_a_missing_group_is_refused() {
    let bench = Bench::new();
    let group = bench.group("web");
    let missing = aws_api::id::SecurityGroupId::parse("sg-none").unwrap();
    assert!(bench.authorize(&group, from_group(80, &missing)).unwrap_err().is("InvalidGroup.NotFound"));
}

#[test]
fn a_group_is_kept_while_an_instance_has_it_until_that_is_terminated() {
    let bench = Bench::new();
    let group = bench.group("web");
    let groups = BTreeSet::from([Ref::Id(group.clone())]);
    let id = bench.launch(RunInstances { groups, ..bench.run("a") });
    let delete = || Write::SecurityGroup(SecurityGroupWrite::Delete { group: group.clone() });
    assert_eq!(bench.code(delete()), "DependencyViolation");
    bench.write(Write::Instance(InstanceWrite::Terminate { instance: id })).unwrap();
    bench.pass(secs(29));
    assert_eq!(bench.code(delete()), "DependencyViolation");
    bench.pass(secs(1));
    bench.write(delete()).unwrap();
    assert_eq!(bench.code(delete()), "InvalidGroup.NotFound");
}

#[test]
fn a_group_is_kept_while_another_groups_rule_names_it() {
    let bench = Bench::new();
    let (alb, web) = (bench.group("alb"), bench.group("web"));
    bench.authorize(&web, from_group(80, &alb)).unwrap();
    bench.authorize(&alb, from_group(1, &alb)).unwrap();
    assert_eq!(
        bench.code(Write::SecurityGroup(SecurityGroupWrite::Delete { group: alb.clone() })),
        "DependencyViolation"
    );
    bench.write(Write::SecurityGroup(SecurityGroupWrite::Delete { group: web })).unwrap();
    bench.write(Write::SecurityGroup(SecurityGroupWrite::Delete { group: alb })).unwrap();
}

#[test]
fn the_default_group_stays() {
    let bench = Bench::new();
    let group = bench.cloud.view().group("default").unwrap().id;
    assert_eq!(bench.code(Write::SecurityGroup(SecurityGroupWrite::Delete { group })), "CannotDelete");
}

#[test]
fn tags_are_overwritten_removed_and_limited() {
    let bench = Bench::of(Builder::new(1).quotas(Quotas { tags: 2, ..Quotas::default() }));
    let id = bench.launch(bench.run("a"));
    let set = |pairs: &[(&str, &str)]| {
        Write::Ec2Tags(Ec2TagsWrite::Create { resource: Taggable::Instance(id.clone()), tags: tags(pairs) })
    };
    bench.write(set(&[("Name", "b"), ("x", "1")])).unwrap();
    assert_eq!(bench.code(set(&[("y", "1")])), "TagLimitExceeded");
    let keys = ["x", "none"].map(str::to_owned).into();
    bench.write(Write::Ec2Tags(Ec2TagsWrite::Delete { resource: Taggable::Instance(id.clone()), keys })).unwrap();
    assert_eq!(bench.cloud.view().instance(&id).unwrap().tags, tags(&[("Name", "b")]));
    let missing = Taggable::Instance(InstanceId::parse("i-none").unwrap());
    assert_eq!(
        bench.code(Write::Ec2Tags(Ec2TagsWrite::Create { resource: missing, tags: tags(&[]) })),
        "InvalidInstanceID.NotFound"
    );
}

#[test]
fn an_instance_keeps_at_least_one_group_and_can_be_given_others() {
    let bench = Bench::of(Builder::new(1).timings(Timings::default()));
    let (id, group) = (bench.launch(bench.run("a")), bench.group("web"));
    let default = bench.cloud.view().group("default").unwrap().id;
    assert_eq!(bench.cloud.view().instance(&id).unwrap().groups, BTreeSet::from([default]));
    let groups = BTreeSet::from([Ref::Id(group.clone())]);
    bench.write(Write::Instance(InstanceWrite::SetGroups { instance: id.clone(), groups })).unwrap();
    assert_eq!(bench.cloud.view().instance(&id).unwrap().groups, BTreeSet::from([group]));
}
