//! The requests themselves: names, tags, disks, references, and what need not be asked for.

use std::collections::BTreeMap;

use aws_api::ec2::{
    BlockDeviceRequest, ChangeRules, CreateSecurityGroup, Direction, Ec2TagsWrite, InstanceWrite, MetadataRequest,
    Peer, Rule, RunInstances, SecurityGroupWrite, Taggable, UserData,
};
use aws_api::elbv2::{
    CreateListener, CreateLoadBalancer, CreateTargetGroup, ListenerWrite, LoadBalancerWrite, TargetGroupWrite,
    TargetHealth,
};
use aws_api::id::{AmiId, EnvUid, IntentId, ListenerArn, SecurityGroupId, SubnetId, Zone};
use aws_api::{ActionId, Ref, ResourceId, Tags, Write};
use crds_schema::spec::{HttpTokens, Protocol};

use super::world::*;
use crate::action::{Action, Does, Plan};
use crate::desired::Template;

use crate::ownership;
use crate::record::{GroupRole, Makes};

fn action<'p>(plan: &'p Plan, id: &str) -> &'p Action {
    plan.actions.iter().find(|action| action.id.0 == id).unwrap_or_else(|| panic!("no {id}: {plan}"))
}

fn write(plan: &Plan, id: &str) -> Write {
    let [write] = &action(plan, id).does.writes()[..] else { panic!("{id} comes to one call: {plan}") };
    write.clone()
}

fn intent(plan: &Plan, id: &str) -> IntentId {
    let Does::Create(intent) = &action(plan, id).does else { panic!("{id} is no create: {plan}") };
    intent.id.clone()
}

fn after<'p>(plan: &'p Plan, id: &str) -> Vec<&'p str> {
    action(plan, id).after.iter().map(|id| id.0.as_str()).collect()
}

fn tags<const N: usize>(of: [(&str, &str); N]) -> Tags {
    of.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

#[test]
fn everything_is_tagged_in_the_call_that_makes_it() {
    let mut world = World::empty(1).edited(|spec| drop(spec.tags.insert("Team".into(), "blue".into())));
    let plan = world.pass();
    let tagged = |id: &str, name: &str| {
        let intent = intent(&plan, id);
        let ours = [
            ("Team", "blue"),
            ("Name", name),
            ("understudy:environment", "shop"),
            ("understudy:uid", "env-1"),
            ("understudy:intent", intent.as_str()),
        ];
        let (Write::SecurityGroup(SecurityGroupWrite::Create(CreateSecurityGroup { tags: made, .. }))
        | Write::LoadBalancer(LoadBalancerWrite::Create(CreateLoadBalancer { tags: made, .. }))
        | Write::TargetGroup(TargetGroupWrite::Create(CreateTargetGroup { tags: made, .. }))
        | Write::Listener(ListenerWrite::Create(CreateListener { tags: made, .. }))) = write(&plan, id)
        else {
            panic!("{id} makes something else: {plan}")
        };
        assert_eq!(made, tags(ours), "{id}");
    };
    tagged("create-group/load-balancer", "shop-alb-sg");
    tagged("create-group/instances", "shop-instance-sg");
    tagged("create-load-balancer", "shop-alb");
    tagged("create-target-group/shop-web-6bdbe364", "shop-web-6bdbe364");
    tagged("create-listener/80", "shop-80");
}

/// Members and intents carry the hash: were it another, an upgrade of the controller would replace every member.
#[test]
fn the_hash_of_a_template_is_that_of_older_versions_and_of_the_bytes_that_are_sent() {
    let hash = |data: Option<&str>, is_base64: bool| {
        let world = World::empty(1).edited(|spec| {
            spec.instances.user_data = data.map(Into::into);
            spec.instances.user_data_base64 = is_base64;
        });
        Template::of(world.record.spec.as_ref().unwrap()).unwrap().hash()
    };
    insta::assert_snapshot!(hash(None, false), @"6fadccd79ae45011");
    insta::assert_snapshot!(hash(Some("#cloud-config"), false), @"99949bdf200a2fd5");
    // The same bytes launch the same instance.
    assert_eq!(hash(Some("I2Nsb3VkLWNvbmZp\nZw=="), true), hash(Some("#cloud-config"), false));
    assert_ne!(hash(Some("I2Nsb3VkLWNvbmZpZw=="), false), hash(Some("#cloud-config"), false));
    // What is no text has a hash of its own.
    let binary = hash(Some("H4sIAAAA"), true);
    assert_eq!(hash(Some("H4sI\nAAAA\n"), true), binary);
    assert!(![hash(None, false), hash(Some("H4sIAAAA"), false), hash(Some("H4sIAAAB"), true)].contains(&binary));
}

#[test]
fn binary_user_data_is_asked_for_by_its_revision_too() {
    let world = &mut World::empty(1).edited(|spec| {
        spec.instances.user_data = Some("H4sIAAAA".into());
        spec.instances.user_data_base64 = true;
    });
    let plan = world.pass();
    let launch = plan.actions.iter().find_map(|action| match action.does.writes().into_iter().next() {
        Some(Write::Instance(InstanceWrite::Run(run))) => Some(run),
        _ => None,
    });
    assert_eq!(launch.unwrap().user_data, Some(UserData::Revision(2)));
}

#[test]
fn a_launch_is_asked_for_whole() {
    let mut world = World::empty(1).edited(|spec| {
        spec.instances.key_name = Some("key".into());
        spec.instances.instance_profile = Some("web".into());
        spec.instances.user_data = Some("#cloud-config".into());
        spec.instances.security_group_ids = vec!["sg-redis".into()];
        spec.instances.associate_public_ip = Some(true);
    });
    seen(&mut world.observed.image).as_mut().unwrap().ebs_devices.push("/dev/sdb".into());
    let plan = world.pass();
    let token = intent(&plan, "launch/1");
    let volume = [
        ("Name", "shop-1"),
        ("understudy:environment", "shop"),
        ("understudy:uid", "env-1"),
        ("understudy:intent", token.as_str()),
        ("understudy:slot", "1"),
    ];
    let mut instance = tags(volume);
    instance.insert("understudy:role".into(), "member".into());
    let disk = |device: &str| BlockDeviceRequest {
        device: device.into(),
        size_gib: None,
        volume_type: None,
        encrypted: None,
        delete_on_termination: true,
    };
    let expected = RunInstances {
        image: AmiId::parse("ami-0123456789abcdef0").unwrap(),
        instance_type: "t3.medium".into(),
        subnet: SubnetId::parse("subnet-a").unwrap(),
        zone: Zone("us-east-2a".into()),
        groups: [
            Ref::Id(SecurityGroupId::parse("sg-redis").unwrap()),
            Ref::Made(ActionId("create-group/instances".into())),
        ]
        .into(),
        key_name: Some("key".into()),
        instance_profile: Some("web".into()),
        user_data: Some(UserData::Revision(2)),
        metadata_options: MetadataRequest { http_tokens: HttpTokens::Required, hop_limit: 2 },
        block_devices: vec![disk("/dev/xvda"), disk("/dev/sdb")],
        associate_public_ip: Some(true),
        tags: instance,
        volume_tags: tags(volume),
        token,
    };
    assert_eq!(write(&plan, "launch/1"), Write::Instance(InstanceWrite::Run(Box::new(expected))));
}

#[test]
fn the_disks_of_the_spec_stand_for_those_of_the_image() {
    let devices = |disks: &[(Option<&str>, u32)], root: Option<&str>| {
        let mut world = World::empty(1).edited(|spec| {
            let disk = |(device, size): &(Option<&str>, u32)| -> crds_schema::spec::BlockDevice {
                serde_json::from_value(serde_json::json!({"device": device, "sizeGiB": size})).unwrap()
            };
            spec.instances.block_devices = disks.iter().map(disk).collect();
        });
        let image = seen(&mut world.observed.image).as_mut().unwrap();
        image.root_device = root.map(Into::into);
        image.ebs_devices = vec!["/dev/sda1".into(), "/dev/sdb".into()];
        let Write::Instance(InstanceWrite::Run(run)) = write(&world.pass(), "launch/1") else { panic!() };
        run.block_devices.into_iter().map(|disk| (disk.device, disk.size_gib)).collect::<Vec<_>>()
    };
    let sized = |device: &str, size| (device.to_owned(), Some(size));
    let plain = |device: &str| (device.to_owned(), None);
    assert_eq!(devices(&[], Some("/dev/sda1")), [plain("/dev/sda1"), plain("/dev/sdb")]);
    assert_eq!(devices(&[(None, 30)], Some("/dev/sda1")), [sized("/dev/sda1", 30), plain("/dev/sdb")]);
    let both = [(None, 30), (Some("/dev/sdb"), 100)];
    assert_eq!(devices(&both, Some("/dev/sda1")), [sized("/dev/sda1", 30), sized("/dev/sdb", 100)]);
    assert_eq!(devices(&[(None, 30)], None)[0], sized("/dev/xvda", 30), "the root of most images");
}

#[test]
fn what_is_built_on_another_thing_comes_after_it() {
    let mut world = World::empty(1).edited(|spec| spec.load_balancer.deletion_protection = true);
    let plan = world.pass();
    let group = "create-target-group/shop-web-6bdbe364";
    let attributes = "set-target-group-attributes/shop-web-6bdbe364";
    assert_eq!(after(&plan, "create-listener/80"), ["create-load-balancer", group, attributes]);
    assert_eq!(after(&plan, "set-load-balancer-attributes"), ["create-load-balancer"]);
    assert_eq!(after(&plan, attributes), [group]);
    assert_eq!(after(&plan, "create-load-balancer"), ["create-group/load-balancer"]);
    assert_eq!(after(&plan, "launch/1"), ["create-group/instances"]);
    assert_eq!(after(&plan, "authorize/load-balancer/ingress"), ["create-group/load-balancer"]);
    let both = ["create-group/instances", "create-group/load-balancer"];
    assert_eq!(after(&plan, "authorize/instances/ingress"), both);
}

#[test]
fn attributes_that_aws_has_by_default_are_not_set() {
    let attributes = |edit: fn(&mut crds_schema::Spec)| {
        let plan = World::empty(1).edited(edit).pass();
        let writes = plan.actions.iter().flat_map(|action| action.does.writes());
        let set = writes.filter_map(|write| {
            let (Write::TargetGroup(TargetGroupWrite::SetAttributes { attributes, .. })
            | Write::LoadBalancer(LoadBalancerWrite::SetAttributes { attributes, .. })) = write
            else {
                return None;
            };
            Some(attributes.into_iter().map(|(key, value)| format!("{key}={value}")))
        });
        set.flatten().collect::<Vec<_>>()
    };
    let as_by_default: fn(&mut crds_schema::Spec) =
        |spec| spec.services[0].deregistration_delay = serde_json::from_str("\"300s\"").unwrap();
    assert_eq!(attributes(as_by_default), [""; 0]);
    assert_eq!(attributes(|_| {}), ["deregistration_delay.timeout_seconds=60"]);
}

#[test]
fn an_attribute_that_aws_does_not_show_has_its_default() {
    let mut world = World::healthy(1);
    world.observed.load_balancer_attributes.insert(alb(), crate::observed::Part::Seen(BTreeMap::new()));
    assert_eq!(world.planned(), "", "the spec wants the defaults");
}

#[test]
fn a_target_groups_name_is_cut_to_fit_and_its_hash_is_not() {
    let name = |environment: &str| ownership::target_group_name(environment, "web", "HTTP 8080");
    assert_eq!(name("shop"), "shop-web-6bdbe364");
    assert_eq!(name("a-name-of-nineteen-"), "a-name-of-nineteen--web-6bdbe364");
    assert_eq!(name("a-name-of-nineteen-").len(), 32, "the longest that AWS takes");
    assert_eq!(name("a-name-of-twenty-and-eight-c"), "a-name-of-twenty-and-ei-6bdbe364");
    assert_eq!(name("a-name-that-is-cut-at---"), "a-name-that-is-cut-at-6bdbe364");
}

#[test]
fn a_range_of_ports_is_shown_as_one() {
    let shown = |from: Option<i32>, to: Option<i32>, protocol: &str| {
        let peer = Peer::PrefixList("pl-1".into());
        Rule { protocol: protocol.into(), from, to, peer }.to_string()
    };
    assert_eq!(shown(Some(80), Some(80), "tcp"), "tcp 80 pl-1");
    assert_eq!(shown(Some(80), Some(90), "tcp"), "tcp 80-90 pl-1");
    assert_eq!(shown(None, None, "icmp"), "icmp pl-1");
    assert_eq!(shown(None, None, "-1"), "all traffic pl-1");
}

#[test]
fn each_action_has_a_word_for_what_it_does() {
    let kinds = |plan: &Plan| plan.actions.iter().map(|action| action.does.kind()).collect::<Vec<_>>();
    let mut world = World::empty(1);
    let plan = world.pass();
    assert_eq!(kinds(&plan)[0], "create");
    let Does::Create(open) = &plan.actions[0].does else { panic!("{plan}") };
    world.record.intents.push((**open).clone());
    assert_eq!(kinds(&world.pass())[0], "replay");
    let mut world = World::healthy(2);
    world.targets().push(target("i-foreign", TargetHealth::Healthy, None));
    world.spec().instances.count = 1;
    assert_eq!(kinds(&world.pass()), ["takeOut", "change"]);
    let mut world = World::healthy(1);
    world.record.deleting = true;
    world.targets().clear();
    assert_eq!(kinds(&world.pass()), ["terminate", "delete", "delete"]);
}

/// Every call that may refer to what an earlier one makes.
fn calls_with_references() -> Vec<Write> {
    let group = || Ref::Made(ActionId("group".into()));
    let target_group = || Ref::Made(ActionId("target-group".into()));
    let rule = Rule { protocol: "tcp".into(), from: Some(80), to: Some(80), peer: Peer::Group(group()) };
    let rules = ChangeRules { group: group(), direction: Direction::Ingress, rules: [rule].into() };
    let Write::Instance(InstanceWrite::Run(run)) = write(&World::empty(1).pass(), "launch/1") else { panic!() };
    vec![
        Write::SecurityGroup(SecurityGroupWrite::Authorize(rules.clone())),
        Write::SecurityGroup(SecurityGroupWrite::Revoke(rules)),
        Write::Instance(InstanceWrite::Run(Box::new(RunInstances { groups: [group()].into(), ..*run }))),
        Write::Instance(InstanceWrite::SetGroups { instance: instance_id(1), groups: [group()].into() }),
        Write::LoadBalancer(LoadBalancerWrite::SetGroups { load_balancer: alb(), groups: [group()].into() }),
        Write::LoadBalancer(LoadBalancerWrite::Create(CreateLoadBalancer {
            name: String::new(),
            scheme: crds_schema::spec::Scheme::Internal,
            subnets: Default::default(),
            groups: [group()].into(),
            tags: Tags::new(),
        })),
        Write::Ec2Tags(Ec2TagsWrite::Create { resource: Taggable::SecurityGroup(group()), tags: Tags::new() }),
        Write::Ec2Tags(Ec2TagsWrite::Delete { resource: Taggable::SecurityGroup(group()), keys: Default::default() }),
        Write::LoadBalancer(LoadBalancerWrite::SetAttributes {
            load_balancer: Ref::Made(ActionId("balancer".into())),
            attributes: Default::default(),
        }),
        Write::TargetGroup(TargetGroupWrite::SetAttributes {
            target_group: target_group(),
            attributes: Default::default(),
        }),
        Write::TargetGroup(TargetGroupWrite::Register {
            target_group: target_group(),
            instances: Default::default(),
            port: 80,
        }),
        Write::Listener(ListenerWrite::Create(CreateListener {
            load_balancer: Ref::Made(ActionId("balancer".into())),
            protocol: Protocol::Http,
            port: 80,
            forward_to: target_group(),
            tags: Tags::new(),
        })),
        Write::Listener(ListenerWrite::Modify {
            listener: ListenerArn::parse(LISTENER).unwrap(),
            protocol: Protocol::Http,
            forward_to: target_group(),
            warm: Some(target_group()),
        }),
    ]
}

#[test]
fn every_reference_is_filled_in_with_what_was_made_or_the_call_is_not_ready() {
    let made: BTreeMap<ActionId, ResourceId> = [
        (ActionId("group".into()), ResourceId::SecurityGroup(group_id(GroupRole::Instances))),
        (ActionId("target-group".into()), ResourceId::TargetGroup(target_group())),
        (ActionId("balancer".into()), ResourceId::LoadBalancer(alb())),
    ]
    .into();
    let of_another_kind: BTreeMap<ActionId, ResourceId> =
        made.keys().map(|action| (action.clone(), ResourceId::Instance(instance_id(1)))).collect();
    for write in calls_with_references() {
        let resolved = format!("{:?}", write.clone().resolve(&made).unwrap());
        assert!(!resolved.contains("Made("), "{resolved}");
        let missing = write.clone().resolve(&BTreeMap::new()).unwrap_err();
        assert!(made.contains_key(&missing.0), "{missing}");
        assert_eq!(write.resolve(&of_another_kind).unwrap_err().to_string(), missing.to_string());
    }
}

#[test]
fn a_failure_that_says_that_it_holds_already_is_none() {
    let codes = [
        "InvalidPermission.Duplicate",
        "InvalidPermission.NotFound",
        "InvalidGroup.NotFound",
        "LoadBalancerNotFound",
        "TargetGroupNotFound",
        "ListenerNotFound",
        "InvalidTarget",
        "InvalidInstanceID.NotFound",
        "Throttling",
    ];
    let holds = |write: &Write| codes.into_iter().filter(|code| write.holds_already(code)).collect::<Vec<_>>();
    let listener = ListenerArn::parse(LISTENER).unwrap();
    for (write, holding) in [
        (
            Write::SecurityGroup(SecurityGroupWrite::Delete { group: group_id(GroupRole::Instances) }),
            &["InvalidGroup.NotFound"][..],
        ),
        (Write::LoadBalancer(LoadBalancerWrite::Delete { load_balancer: alb() }), &["LoadBalancerNotFound"]),
        (Write::TargetGroup(TargetGroupWrite::Delete { target_group: target_group() }), &["TargetGroupNotFound"]),
        (Write::Listener(ListenerWrite::Delete { listener }), &["ListenerNotFound"]),
        (
            Write::TargetGroup(TargetGroupWrite::Deregister {
                target_group: target_group(),
                targets: Default::default(),
            }),
            &["TargetGroupNotFound", "InvalidTarget"],
        ),
        // It may only not be visible yet.
        (Write::Instance(InstanceWrite::Terminate { instance: instance_id(1) }), &[]),
    ] {
        assert_eq!(holds(&write), holding, "{write:?}");
    }
    let calls = calls_with_references();
    assert_eq!(holds(&calls[0]), ["InvalidPermission.Duplicate"], "of {:?}", calls[0]);
    assert_eq!(holds(&calls[1]), ["InvalidPermission.NotFound", "InvalidGroup.NotFound"], "of {:?}", calls[1]);
    assert!(calls[2..].iter().all(|write| holds(write).is_empty()));
}

#[test]
fn the_log_has_a_word_for_each_kind_of_failure() {
    use aws_api::ErrorKind::*;
    let kinds = [Throttled, Conflict, NotFound, Exists, Capacity, Denied, Invalid, Transient, Bug];
    let words = "throttled, conflict, not found, exists already, no capacity, denied, invalid, transient, bug";
    assert_eq!(kinds.map(|kind| kind.to_string()).join(", "), words);
}

/// Written by the first version. An intent's id is a client token: two versions that plan one pass must not ask for two.
#[test]
fn the_ids_of_intents_are_those_of_the_first_version() {
    let first = [
        (Makes::Group(GroupRole::LoadBalancer), "in-01da1c7dc8bb7d562610"),
        (Makes::Group(GroupRole::Instances), "in-28397624f3a760619aff"),
        (Makes::LoadBalancer, "in-fcd7c7de7894bce699b6"),
        (Makes::TargetGroup { name: "shop-web".into(), service: "web".into(), port: 8080 }, "in-114c2ffab0912a1e0b70"),
        (Makes::Listener { port: 80 }, "in-a8fb6c06801dec97a240"),
        (Makes::Member { slot: 3, template: "0123abcd".into() }, "in-a14c52c0e6613ffe2a5a"),
    ];
    let uid = EnvUid::parse("env-1").unwrap();
    for (makes, id) in first {
        assert_eq!(ownership::intent_id(&uid, 7, &makes).as_str(), id, "{makes:?}");
    }
}
