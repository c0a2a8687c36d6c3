//! Every mutating request, as AWS's Query protocol writes it.

use std::collections::BTreeSet;

use aws_api::ec2::{
    BlockDeviceRequest, ChangeRules, CreateSecurityGroup, Direction, Ec2TagsWrite, ImageRead, InstanceRead,
    InstanceWrite, MetadataRequest, NetworkRead, Peer, ProfileChange, Rule, RunInstances, SecurityGroupWrite, Taggable,
    UserData,
};
use aws_api::elbv2::{
    CreateListener, CreateLoadBalancer, CreateTargetGroup, ElbTaggable, Elbv2TagsWrite, ListenerWrite,
    LoadBalancerRead, LoadBalancerWrite, TargetGroupRead, TargetGroupWrite, TargetHealthCheck,
};
use aws_api::id::{InstanceId, ListenerArn, LoadBalancerArn, SubnetId, TargetGroupArn, VpcId, Zone};
use aws_api::{ActionId, ErrorKind, Read, Ref, Tags, Write};
use crds_schema::Cidr;
use crds_schema::spec::{HttpTokens, Protocol, Scheme};

use super::Wire;

pub(super) fn id<T: TryFrom<String, Error = aws_api::id::NotAnId>>(text: &str) -> T {
    T::try_from(text.to_owned()).unwrap()
}

pub(super) fn made<T: TryFrom<String, Error = aws_api::id::NotAnId>>(text: &str) -> Ref<T> {
    Ref::Id(id(text))
}

pub(super) fn tags(pairs: &[(&str, &str)]) -> Tags {
    pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

fn arn_of(kind: &str) -> String {
    format!("arn:aws:elasticloadbalancing:us-east-2:123456789012:{kind}")
}

pub(super) fn alb() -> LoadBalancerArn {
    id(&arn_of("loadbalancer/app/web/50dc6c495c0c9188"))
}

pub(super) fn group(name: &str) -> TargetGroupArn {
    id(&arn_of(&format!("targetgroup/{name}")))
}

pub(super) fn listener() -> ListenerArn {
    id(&arn_of("listener/app/web/50dc6c495c0c9188/f2f7dc8efc522ab2"))
}

pub(super) fn health_check() -> TargetHealthCheck {
    TargetHealthCheck {
        protocol: "HTTP".into(),
        port: "traffic-port".into(),
        path: "/health".into(),
        interval_secs: 30,
        timeout_secs: 5,
        healthy_threshold: 5,
        unhealthy_threshold: 2,
        matcher: "200-299".into(),
    }
}

pub(super) fn launch() -> RunInstances {
    RunInstances {
        token: id("in-77"),
        image: id("ami-0fa4480bc2fe38b14"),
        instance_type: "t3.medium".into(),
        subnet: id("subnet-0aaa"),
        zone: Zone("us-east-2a".into()),
        groups: BTreeSet::from([made("sg-1"), made("sg-2")]),
        key_name: Some("key".into()),
        instance_profile: Some("web".into()),
        user_data: Some(UserData::Text("#cloud-config".into())),
        metadata_options: MetadataRequest { http_tokens: HttpTokens::Required, hop_limit: 2 },
        block_devices: vec![BlockDeviceRequest {
            device: "/dev/xvda".into(),
            size_gib: Some(30),
            volume_type: Some("gp3".into()),
            encrypted: Some(true),
            delete_on_termination: true,
        }],
        associate_public_ip: None,
        tags: tags(&[("Name", "staging-1"), ("understudy:slot", "1")]),
        volume_tags: tags(&[("Name", "staging-1")]),
    }
}

fn subnets() -> BTreeSet<SubnetId> {
    BTreeSet::from([id("subnet-0aaa"), id("subnet-0bbb")])
}

pub(super) fn create_group() -> Write {
    Write::SecurityGroup(SecurityGroupWrite::Create(CreateSecurityGroup {
        name: "staging-alb-sg".into(),
        description: "in & out".into(),
        vpc: id::<VpcId>("vpc-1"),
        tags: tags(&[("understudy:uid", "env-1")]),
    }))
}

pub(super) fn create_load_balancer() -> Write {
    Write::LoadBalancer(LoadBalancerWrite::Create(CreateLoadBalancer {
        name: "staging-alb".into(),
        scheme: Scheme::InternetFacing,
        subnets: subnets(),
        groups: BTreeSet::from([made("sg-1")]),
        tags: tags(&[("understudy:intent", "in-1")]),
    }))
}

pub(super) fn create_target_group() -> Write {
    Write::TargetGroup(TargetGroupWrite::Create(CreateTargetGroup {
        name: "staging-web-1a2b".into(),
        protocol: Protocol::Http,
        port: 8080,
        vpc: id("vpc-1"),
        health_check: health_check(),
        tags: tags(&[("Name", "staging")]),
    }))
}

pub(super) fn create_listener() -> Write {
    Write::Listener(ListenerWrite::Create(CreateListener {
        load_balancer: Ref::Id(alb()),
        protocol: Protocol::Http,
        port: 80,
        forward_to: Ref::Id(group("web/1")),
        tags: tags(&[("Name", "staging")]),
    }))
}

fn rule(protocol: &str, ports: Option<(i32, i32)>, peer: Peer) -> Rule {
    Rule { protocol: protocol.into(), from: ports.map(|p| p.0), to: ports.map(|p| p.1), peer }
}

fn rules(direction: Direction) -> ChangeRules {
    let all = rule("-1", None, Peer::Cidr("::/0".parse::<Cidr>().unwrap()));
    let http = rule("tcp", Some((80, 80)), Peer::Cidr("0.0.0.0/0".parse::<Cidr>().unwrap()));
    let from_alb = rule("tcp", Some((8080, 8081)), Peer::Group(made("sg-2")));
    let listed = rule("tcp", Some((22, 22)), Peer::PrefixList("pl-1".into()));
    ChangeRules { group: made("sg-1"), direction, rules: BTreeSet::from([all, http, from_alb, listed]) }
}

/// Checks that the call's request has exactly these fields, one `Key=Value` a line, besides the protocol's version.
/// The wire answers with nothing, so only what was sent counts.
pub(super) async fn check(sent: &Wire, expected: &str) {
    let kept = sent.0.lock().unwrap();
    let [(_, form)] = kept.requests.as_slice() else { panic!("{} requests", kept.requests.len()) };
    let lines = form.iter().filter(|(key, _)| *key != "Version").map(|(key, value)| format!("{key}={value}"));
    let expected: BTreeSet<String> =
        expected.lines().map(|line| line.trim().to_owned()).filter(|l| !l.is_empty()).collect();
    assert_eq!(lines.collect::<BTreeSet<_>>(), expected);
}

async fn writes(write: Write, expected: &str) {
    let wire = Wire::with(400, "");
    wire.write(write).await.unwrap_err();
    check(&wire, expected).await;
}

/// Checks that the call is refused as ours to mend, and that nothing is sent.
async fn refuses(write: Write, because: &str) {
    let wire = Wire::default();
    let error = wire.write(write).await.unwrap_err();
    assert_eq!((error.kind, wire.requests()), (ErrorKind::Bug, 0));
    assert!(error.message.contains(because), "{error}");
}

#[tokio::test]
async fn a_launch_carries_its_token_and_tags() {
    let expected = "
        Action=RunInstances
        MinCount=1
        MaxCount=1
        ClientToken=in-77
        ImageId=ami-0fa4480bc2fe38b14
        InstanceType=t3.medium
        SubnetId=subnet-0aaa
        SecurityGroupId.1=sg-1
        SecurityGroupId.2=sg-2
        KeyName=key
        IamInstanceProfile.Name=web
        UserData=I2Nsb3VkLWNvbmZpZw==
        MetadataOptions.HttpEndpoint=enabled
        MetadataOptions.HttpTokens=required
        MetadataOptions.HttpPutResponseHopLimit=2
        BlockDeviceMapping.1.DeviceName=/dev/xvda
        BlockDeviceMapping.1.Ebs.VolumeSize=30
        BlockDeviceMapping.1.Ebs.VolumeType=gp3
        BlockDeviceMapping.1.Ebs.Encrypted=true
        BlockDeviceMapping.1.Ebs.DeleteOnTermination=true
        TagSpecification.1.ResourceType=instance
        TagSpecification.1.Tag.1.Key=Name
        TagSpecification.1.Tag.1.Value=staging-1
        TagSpecification.1.Tag.2.Key=understudy:slot
        TagSpecification.1.Tag.2.Value=1
        TagSpecification.2.ResourceType=volume
        TagSpecification.2.Tag.1.Key=Name
        TagSpecification.2.Tag.1.Value=staging-1";
    writes(Write::Instance(InstanceWrite::Run(Box::new(launch()))), expected).await;
}

#[tokio::test]
async fn a_launch_with_a_public_address_puts_subnet_and_groups_on_the_interface() {
    let bare = RunInstances {
        associate_public_ip: Some(true),
        key_name: None,
        instance_profile: None,
        user_data: None,
        block_devices: vec![],
        volume_tags: Tags::new(),
        tags: tags(&[("Name", "staging-1")]),
        ..launch()
    };
    let expected = "
        Action=RunInstances
        MinCount=1
        MaxCount=1
        ClientToken=in-77
        ImageId=ami-0fa4480bc2fe38b14
        InstanceType=t3.medium
        NetworkInterface.1.DeviceIndex=0
        NetworkInterface.1.AssociatePublicIpAddress=true
        NetworkInterface.1.SubnetId=subnet-0aaa
        NetworkInterface.1.SecurityGroupId.1=sg-1
        NetworkInterface.1.SecurityGroupId.2=sg-2
        MetadataOptions.HttpEndpoint=enabled
        MetadataOptions.HttpTokens=required
        MetadataOptions.HttpPutResponseHopLimit=2
        TagSpecification.1.ResourceType=instance
        TagSpecification.1.Tag.1.Key=Name
        TagSpecification.1.Tag.1.Value=staging-1";
    writes(Write::Instance(InstanceWrite::Run(Box::new(bare))), expected).await;
}

#[tokio::test]
async fn user_data_that_is_base64_already_is_sent_as_it_is() {
    let bare = RunInstances {
        key_name: None,
        instance_profile: None,
        user_data: Some(UserData::Base64("H4sIAAAA".into())),
        block_devices: vec![],
        volume_tags: Tags::new(),
        tags: Tags::new(),
        ..launch()
    };
    let expected = "
        Action=RunInstances
        MinCount=1
        MaxCount=1
        ClientToken=in-77
        ImageId=ami-0fa4480bc2fe38b14
        InstanceType=t3.medium
        SubnetId=subnet-0aaa
        SecurityGroupId.1=sg-1
        SecurityGroupId.2=sg-2
        UserData=H4sIAAAA
        MetadataOptions.HttpEndpoint=enabled
        MetadataOptions.HttpTokens=required
        MetadataOptions.HttpPutResponseHopLimit=2";
    writes(Write::Instance(InstanceWrite::Run(Box::new(bare))), expected).await;
}

#[tokio::test]
async fn what_is_not_resolved_is_not_sent() {
    let unfilled = RunInstances { user_data: Some(UserData::Revision(7)), ..launch() };
    refuses(Write::Instance(InstanceWrite::Run(Box::new(unfilled))), "revision 7").await;
    let unresolved =
        RunInstances { groups: BTreeSet::from([Ref::Made(ActionId("create-group/1".into()))]), ..launch() };
    refuses(Write::Instance(InstanceWrite::Run(Box::new(unresolved))), "create-group/1").await;
    let peer = rule("tcp", None, Peer::Group(Ref::Made(ActionId("create-group/2".into()))));
    let change = ChangeRules { rules: BTreeSet::from([peer]), ..rules(Direction::Ingress) };
    refuses(Write::SecurityGroup(SecurityGroupWrite::Authorize(change)), "create-group/2").await;
    let forward_to = Ref::Made(ActionId("create-target-group".into()));
    refuses(
        Write::Listener(ListenerWrite::Modify {
            listener: listener(),
            protocol: Protocol::Http,
            forward_to,
            warm: None,
        }),
        "target-group",
    )
    .await;
}

#[tokio::test]
async fn an_empty_list_that_would_mean_all_is_not_sent() {
    // EC2 DeleteTags without tags deletes all of them.
    let keys = BTreeSet::new();
    refuses(Write::Ec2Tags(Ec2TagsWrite::Delete { resource: Taggable::Instance(id("i-1")), keys }), "a tag key").await;
    for read in [
        Read::Image(ImageRead::Describe { ids: vec![] }),
        Read::Instance(InstanceRead::Status { ids: vec![], page: None }),
        Read::Network(NetworkRead::TypeOfferings { types: vec![], page: None }),
        Read::LoadBalancer(LoadBalancerRead::Describe { names: vec![] }),
        Read::TargetGroup(TargetGroupRead::Describe { names: vec![] }),
    ] {
        let wire = Wire::default();
        assert_eq!((wire.read(read).await.unwrap_err().kind, wire.requests()), (ErrorKind::Bug, 0));
    }
}

#[tokio::test]
async fn a_security_group_is_tagged_as_it_is_made() {
    let expected = "
        Action=CreateSecurityGroup
        GroupName=staging-alb-sg
        GroupDescription=in & out
        VpcId=vpc-1
        TagSpecification.1.ResourceType=security-group
        TagSpecification.1.Tag.1.Key=understudy:uid
        TagSpecification.1.Tag.1.Value=env-1";
    writes(create_group(), expected).await;
    writes(
        Write::SecurityGroup(SecurityGroupWrite::Delete { group: id("sg-1") }),
        "Action=DeleteSecurityGroup\nGroupId=sg-1",
    )
    .await;
}

#[tokio::test]
async fn each_rule_is_a_permission_of_its_own() {
    let permissions = "
        GroupId=sg-1
        IpPermissions.1.IpProtocol=-1
        IpPermissions.1.Ipv6Ranges.1.CidrIpv6=::/0
        IpPermissions.2.IpProtocol=tcp
        IpPermissions.2.FromPort=22
        IpPermissions.2.ToPort=22
        IpPermissions.2.PrefixListIds.1.PrefixListId=pl-1
        IpPermissions.3.IpProtocol=tcp
        IpPermissions.3.FromPort=80
        IpPermissions.3.ToPort=80
        IpPermissions.3.IpRanges.1.CidrIp=0.0.0.0/0
        IpPermissions.4.IpProtocol=tcp
        IpPermissions.4.FromPort=8080
        IpPermissions.4.ToPort=8081
        IpPermissions.4.Groups.1.GroupId=sg-2";
    let of = |action| format!("Action={action}{permissions}");
    writes(
        Write::SecurityGroup(SecurityGroupWrite::Authorize(rules(Direction::Ingress))),
        &of("AuthorizeSecurityGroupIngress"),
    )
    .await;
    writes(
        Write::SecurityGroup(SecurityGroupWrite::Authorize(rules(Direction::Egress))),
        &of("AuthorizeSecurityGroupEgress"),
    )
    .await;
    writes(
        Write::SecurityGroup(SecurityGroupWrite::Revoke(rules(Direction::Ingress))),
        &of("RevokeSecurityGroupIngress"),
    )
    .await;
    writes(
        Write::SecurityGroup(SecurityGroupWrite::Revoke(rules(Direction::Egress))),
        &of("RevokeSecurityGroupEgress"),
    )
    .await;
}

#[tokio::test]
async fn an_instance_is_changed_and_ended() {
    let instance: InstanceId = id("i-1");
    let terminate = Write::Instance(InstanceWrite::Terminate { instance: instance.clone() });
    writes(terminate, "Action=TerminateInstances\nInstanceId.1=i-1").await;
    let groups = Write::Instance(InstanceWrite::SetGroups {
        instance: instance.clone(),
        groups: BTreeSet::from([made("sg-1"), made("sg-2")]),
    });
    writes(groups, "Action=ModifyInstanceAttribute\nInstanceId=i-1\nGroupId.1=sg-1\nGroupId.2=sg-2").await;
    let options = MetadataRequest { http_tokens: HttpTokens::Optional, hop_limit: 1 };
    let expected = "
        Action=ModifyInstanceMetadataOptions
        InstanceId=i-1
        HttpTokens=optional
        HttpPutResponseHopLimit=1";
    writes(Write::Instance(InstanceWrite::SetMetadataOptions { instance, options }), expected).await;
}

#[tokio::test]
async fn a_profile_is_given_replaced_and_taken() {
    let change = |change| Write::Instance(InstanceWrite::ChangeProfile { instance: id("i-1"), change });
    let expected = "
        Action=AssociateIamInstanceProfile
        InstanceId=i-1
        IamInstanceProfile.Name=web";
    writes(change(ProfileChange::Associate("web".into())), expected).await;
    let expected = "
        Action=ReplaceIamInstanceProfileAssociation
        AssociationId=iip-assoc-1
        IamInstanceProfile.Name=web";
    let replace = ProfileChange::Replace { association: id("iip-assoc-1"), profile: "web".into() };
    writes(change(replace), expected).await;
    let expected = "Action=DisassociateIamInstanceProfile\nAssociationId=iip-assoc-1";
    writes(change(ProfileChange::Disassociate(id("iip-assoc-1"))), expected).await;
}

#[tokio::test]
async fn tags_are_put_and_taken() {
    let put = Write::Ec2Tags(Ec2TagsWrite::Create {
        resource: Taggable::Instance(id("i-1")),
        tags: tags(&[("CostCenter", "42")]),
    });
    writes(put, "Action=CreateTags\nResourceId.1=i-1\nTag.1.Key=CostCenter\nTag.1.Value=42").await;
    let keys = BTreeSet::from(["CostCenter".to_owned()]);
    let take =
        Write::Ec2Tags(Ec2TagsWrite::Delete { resource: Taggable::SecurityGroup(made("sg-1")), keys: keys.clone() });
    writes(take, "Action=DeleteTags\nResourceId.1=sg-1\nTag.1.Key=CostCenter").await;
    let put = Write::Elbv2Tags(Elbv2TagsWrite::Add {
        resource: ElbTaggable::LoadBalancer(alb()),
        tags: tags(&[("CostCenter", "42")]),
    });
    let arn = alb();
    let expected =
        format!("Action=AddTags\nResourceArns.member.1={arn}\nTags.member.1.Key=CostCenter\nTags.member.1.Value=42");
    writes(put, &expected).await;
    let take = Write::Elbv2Tags(Elbv2TagsWrite::Remove { resource: ElbTaggable::Listener(listener()), keys });
    let arn = listener();
    writes(take, &format!("Action=RemoveTags\nResourceArns.member.1={arn}\nTagKeys.member.1=CostCenter")).await;
}

#[tokio::test]
async fn a_load_balancer_is_made_changed_and_removed() {
    let expected = "
        Action=CreateLoadBalancer
        Name=staging-alb
        Type=application
        Scheme=internet-facing
        Subnets.member.1=subnet-0aaa
        Subnets.member.2=subnet-0bbb
        SecurityGroups.member.1=sg-1
        Tags.member.1.Key=understudy:intent
        Tags.member.1.Value=in-1";
    writes(create_load_balancer(), expected).await;
    let arn = alb();
    let attributes = tags(&[("idle_timeout.timeout_seconds", "60")]);
    writes(
        Write::LoadBalancer(LoadBalancerWrite::SetAttributes { load_balancer: Ref::Id(alb()), attributes }),
        &format!(
            "Action=ModifyLoadBalancerAttributes\nLoadBalancerArn={arn}
             Attributes.member.1.Key=idle_timeout.timeout_seconds\nAttributes.member.1.Value=60"
        ),
    )
    .await;
    let set = Write::LoadBalancer(LoadBalancerWrite::SetSubnets { load_balancer: alb(), subnets: subnets() });
    let expected =
        format!("Action=SetSubnets\nLoadBalancerArn={arn}\nSubnets.member.1=subnet-0aaa\nSubnets.member.2=subnet-0bbb");
    writes(set, &expected).await;
    let set = Write::LoadBalancer(LoadBalancerWrite::SetGroups {
        load_balancer: alb(),
        groups: BTreeSet::from([made("sg-2")]),
    });
    writes(set, &format!("Action=SetSecurityGroups\nLoadBalancerArn={arn}\nSecurityGroups.member.1=sg-2")).await;
    let delete = Write::LoadBalancer(LoadBalancerWrite::Delete { load_balancer: alb() });
    writes(delete, &format!("Action=DeleteLoadBalancer\nLoadBalancerArn={arn}")).await;
}

#[tokio::test]
async fn a_target_group_is_made_changed_and_removed() {
    let check = "
        HealthCheckProtocol=HTTP
        HealthCheckPort=traffic-port
        HealthCheckPath=/health
        HealthCheckIntervalSeconds=30
        HealthCheckTimeoutSeconds=5
        HealthyThresholdCount=5
        UnhealthyThresholdCount=2
        Matcher.HttpCode=200-299";
    let of_create = "Action=CreateTargetGroup\nName=staging-web-1a2b\nTargetType=instance\nProtocol=HTTP\nPort=8080\n\
                     VpcId=vpc-1\nTags.member.1.Key=Name\nTags.member.1.Value=staging";
    writes(create_target_group(), &format!("{of_create}{check}")).await;
    let arn = group("web/1");
    let set = Write::TargetGroup(TargetGroupWrite::SetHealthCheck {
        target_group: arn.clone(),
        health_check: health_check(),
    });
    writes(set, &format!("Action=ModifyTargetGroup\nTargetGroupArn={arn}{check}")).await;
    let attributes = tags(&[("stickiness.enabled", "true"), ("stickiness.type", "lb_cookie")]);
    writes(
        Write::TargetGroup(TargetGroupWrite::SetAttributes { target_group: Ref::Id(arn.clone()), attributes }),
        &format!(
            "Action=ModifyTargetGroupAttributes\nTargetGroupArn={arn}
             Attributes.member.1.Key=stickiness.enabled\nAttributes.member.1.Value=true
             Attributes.member.2.Key=stickiness.type\nAttributes.member.2.Value=lb_cookie"
        ),
    )
    .await;
    let delete = Write::TargetGroup(TargetGroupWrite::Delete { target_group: arn.clone() });
    writes(delete, &format!("Action=DeleteTargetGroup\nTargetGroupArn={arn}")).await;
}

#[tokio::test]
async fn targets_are_named_with_their_ports() {
    let arn = group("web/1");
    let targets = format!("\nTargetGroupArn={arn}\nTargets.member.1.Id=i-1\nTargets.member.1.Port=8080");
    let instances = BTreeSet::from([id("i-1")]);
    let register =
        Write::TargetGroup(TargetGroupWrite::Register { target_group: Ref::Id(arn.clone()), instances, port: 8080 });
    writes(register, &format!("Action=RegisterTargets{targets}")).await;
    let out = BTreeSet::from([("i-1".to_owned(), 8080)]);
    let deregister = Write::TargetGroup(TargetGroupWrite::Deregister { target_group: arn, targets: out });
    writes(deregister, &format!("Action=DeregisterTargets{targets}")).await;
}

#[tokio::test]
async fn a_listener_is_made_moved_and_removed() {
    let (old, new, arn) = (group("web/1"), group("web/2"), listener());
    let balancer = alb();
    let expected = format!(
        "Action=CreateListener\nLoadBalancerArn={balancer}\nProtocol=HTTP\nPort=80
         DefaultActions.member.1.Type=forward\nDefaultActions.member.1.TargetGroupArn={old}
         Tags.member.1.Key=Name\nTags.member.1.Value=staging"
    );
    writes(create_listener(), &expected).await;
    let set = |warm| {
        Write::Listener(ListenerWrite::Modify {
            listener: listener(),
            protocol: Protocol::Http,
            forward_to: Ref::Id(group("web/1")),
            warm,
        })
    };
    let start =
        format!("Action=ModifyListener\nListenerArn={arn}\nProtocol=HTTP\nDefaultActions.member.1.Type=forward");
    writes(set(None), &format!("{start}\nDefaultActions.member.1.TargetGroupArn={old}")).await;
    let groups = "DefaultActions.member.1.ForwardConfig.TargetGroups.member";
    let expected = format!(
        "{start}\n{groups}.1.TargetGroupArn={old}\n{groups}.1.Weight=1
         {groups}.2.TargetGroupArn={new}\n{groups}.2.Weight=0"
    );
    writes(set(Some(Ref::Id(new))), &expected).await;
    writes(
        Write::Listener(ListenerWrite::Delete { listener: listener() }),
        &format!("Action=DeleteListener\nListenerArn={arn}"),
    )
    .await;
}

#[tokio::test]
async fn a_call_goes_to_the_endpoint_given() {
    let wire = Wire::with(400, "");
    wire.write(Write::SecurityGroup(SecurityGroupWrite::Delete { group: id("sg-1") })).await.unwrap_err();
    assert!(wire.0.lock().unwrap().requests[0].0.starts_with("http://aws.example/"));
}
