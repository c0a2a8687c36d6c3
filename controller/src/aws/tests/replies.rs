//! Replies in AWS's own XML (after the samples of its API reference), as ours.

use std::collections::{BTreeMap, BTreeSet};

use aws_api::ec2::{
    Image, ImageRead, Instance, InstanceRead, InstanceState, InstanceWrite, NetworkInterface, NetworkRead, Peer,
    ProfileAssociation, Rule, SecurityGroup, SecurityGroupRead, StatusChecks, Subnet, Volume, VolumeRead,
};
use aws_api::elbv2::{
    ElbTaggable, Elbv2TagsRead, Listener, ListenerAction, ListenerRead, ListenerRule, LoadBalancer, LoadBalancerRead,
    LoadBalancerState, RuleRead, Target, TargetGroup, TargetGroupRead, TargetHealth, TargetHealthCheck,
};
use aws_api::id::{AmiId, InstanceId, ListenerArn, LoadBalancerArn, SecurityGroupId, TargetGroupArn, VpcId, Zone};
use aws_api::{ErrorKind, Read, Ref, Reply, ResourceId, Tags, Write};
use crds_schema::Cidr;
use crds_schema::spec::{HttpTokens, Protocol, Scheme};

use super::requests::{create_group, create_listener, create_load_balancer, create_target_group, id, launch};
use super::{REQUEST_ID, Wire};

const INSTANCES: &str = include_str!("replies/instances.xml");
const SECURITY_GROUPS: &str = include_str!("replies/security_groups.xml");
const LOAD_BALANCERS: &str = include_str!("replies/load_balancers.xml");
const LISTENERS: &str = include_str!("replies/listeners.xml");

const ALB: &str = "arn:aws:elasticloadbalancing:us-east-2:123456789012:loadbalancer/app/web/50dc6c495c0c9188";
const GROUP: &str = "arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/web/73e2d6bc24d8a067";

fn ec2(operation: &str, body: &str) -> String {
    format!(
        "<{operation}Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\
         <requestId>8f7724cf</requestId>{body}</{operation}Response>"
    )
}

fn elbv2(operation: &str, body: &str) -> String {
    format!(
        "<{operation}Response xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/\">\
         <{operation}Result>{body}</{operation}Result>\
         <ResponseMetadata><RequestId>6581c0ac</RequestId></ResponseMetadata></{operation}Response>"
    )
}

async fn reply(read: Read, body: &str) -> Reply {
    Wire::with(200, body).read(read).await.unwrap()
}

/// Checks that the reply fails the call, and that the error names the field and AWS's request.
async fn unreadable(read: Read, body: &str, field: &str) {
    let error = Wire::with(200, body).read(read).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Bug);
    assert!(error.message.contains(field), "{error}");
    assert_eq!(error.request_id.as_deref(), Some(REQUEST_ID));
}

fn instances() -> Read {
    Read::Instance(InstanceRead::Describe { filters: vec![], page: None })
}

#[tokio::test]
async fn a_running_instance_is_read_whole() {
    let Reply::Instances(instances, page) = reply(instances(), INSTANCES).await else { panic!("another reply") };
    assert_eq!(page.as_deref(), Some("more"));
    let running = Instance {
        id: id("i-1234567890abcdef0"),
        state: InstanceState::Running,
        client_token: Some("in-77".into()),
        image: id("ami-0fa4480bc2fe38b14"),
        instance_type: "t3.medium".into(),
        zone: Zone("us-east-2b".into()),
        subnet: Some(id("subnet-56f5f633")),
        vpc: Some(id("vpc-11112222")),
        groups: BTreeSet::from([id("sg-e4076980"), id("sg-e4076981")]),
        key_name: Some("my-key".into()),
        instance_profile: Some("chatmrpt-staging".into()),
        private_ip: Some("192.168.1.88".into()),
        public_ip: Some("54.194.252.215".into()),
        http_tokens: Some(HttpTokens::Required),
        hop_limit: Some(2),
        launched_at: "2018-05-08T16:46:19Z".parse().unwrap(),
        state_reason: None,
        tags: Tags::from([("Name".into(), "staging-1".into()), ("empty".into(), String::new())]),
    };
    assert_eq!(instances[0], running);
}

#[tokio::test]
async fn a_terminated_instance_has_lost_its_network_but_says_why() {
    let Reply::Instances(instances, _) = reply(instances(), INSTANCES).await else { panic!("another reply") };
    let [_, terminated] = instances.as_slice() else { panic!("{} instances", instances.len()) };
    assert_eq!(terminated.state, InstanceState::Terminated);
    assert_eq!((&terminated.subnet, &terminated.vpc, &terminated.private_ip), (&None, &None, &None));
    assert_eq!((&terminated.client_token, &terminated.http_tokens), (&None, &None), "empty is absent");
    assert_eq!(terminated.state_reason.as_deref(), Some("Client.UserInitiatedShutdown"));
    assert_eq!(terminated.groups, BTreeSet::new());
}

#[tokio::test]
async fn one_unreadable_instance_fails_the_reply() {
    let strange = INSTANCES.replacen("<name>running</name>", "<name>hibernating</name>", 1);
    unreadable(instances(), &strange, "InstanceState is `hibernating`").await;
    let missing = INSTANCES.replacen("<imageId>ami-0fa4480bc2fe38b14</imageId>", "", 1);
    unreadable(instances(), &missing, "lacks ImageId").await;
    let no_id = INSTANCES.replacen("i-1234567890abcdef0", "1234", 1);
    unreadable(instances(), &no_id, "InstanceId: `1234`").await;
}

fn security_groups() -> Read {
    Read::SecurityGroup(SecurityGroupRead::Describe { filters: vec![], page: None })
}

fn cidr(text: &str) -> Peer {
    Peer::Cidr(text.parse::<Cidr>().unwrap())
}

fn rule(protocol: &str, ports: Option<(i32, i32)>, peer: Peer) -> Rule {
    Rule { protocol: protocol.into(), from: ports.map(|p| p.0), to: ports.map(|p| p.1), peer }
}

#[tokio::test]
async fn permissions_are_taken_apart_into_rules_with_one_peer() {
    let Reply::SecurityGroups(groups, page) = reply(security_groups(), SECURITY_GROUPS).await else {
        panic!("another reply")
    };
    let peer = |group: &str| Peer::Group(Ref::Id(id::<SecurityGroupId>(group)));
    let expected = SecurityGroup {
        id: id("sg-1a2b3c4d"),
        name: "staging-instance-sg".into(),
        vpc: id::<VpcId>("vpc-614cc409"),
        ingress: BTreeSet::from([
            rule("tcp", Some((22, 22)), cidr("203.0.113.0/24")),
            rule("tcp", Some((22, 22)), cidr("198.51.100.0/24")),
            rule("tcp", Some((22, 22)), cidr("2001:db8::/32")),
            rule("tcp", Some((22, 22)), Peer::PrefixList("pl-63a5400a".into())),
            rule("tcp", Some((8080, 8080)), peer("sg-9f8e7d6c")),
            rule("icmp", Some((-1, -1)), cidr("10.0.0.0/8")),
        ]),
        egress: BTreeSet::from([rule("-1", None, cidr("0.0.0.0/0"))]),
        tags: Tags::from([("understudy:uid".into(), "env-1".into())]),
    };
    assert_eq!(groups, [expected]);
    assert_eq!(page, None, "an empty token is the end");
}

#[tokio::test]
async fn a_peer_that_cannot_be_read_fails_the_reply() {
    let strange = SECURITY_GROUPS.replacen("198.51.100.0/24", "everyone", 1);
    unreadable(security_groups(), &strange, "CidrIp is `everyone`").await;
    let nameless = SECURITY_GROUPS.replacen("<groupId>sg-9f8e7d6c</groupId>", "", 1);
    unreadable(security_groups(), &nameless, "lacks GroupId").await;
}

#[tokio::test]
async fn subnets_offerings_images_and_status_are_read() {
    let body = ec2(
        "DescribeSubnets",
        "<subnetSet><item><subnetId>subnet-9d4a7b6c</subnetId><state>available</state><vpcId>vpc-1a2b3c4d</vpcId>\
         <cidrBlock>10.0.1.0/24</cidrBlock><ipv6CidrBlockAssociationSet><item>\
         <ipv6CidrBlock>2001:db8::/64</ipv6CidrBlock>\
         <ipv6CidrBlockState><state>associated</state></ipv6CidrBlockState></item></ipv6CidrBlockAssociationSet>\
         <availabilityZone>us-east-2a</availabilityZone><defaultForAz>true</defaultForAz></item>\
         <item><subnetId>subnet-6e7f829e</subnetId><vpcId>vpc-1a2b3c4d</vpcId><ipv6CidrBlockAssociationSet><item>\
         <ipv6CidrBlockState><state>disassociated</state></ipv6CidrBlockState></item></ipv6CidrBlockAssociationSet>\
         <availabilityZone>us-east-2b</availabilityZone></item></subnetSet>",
    );
    let vpc: VpcId = id("vpc-1a2b3c4d");
    let subnet = |name: &str, zone: &str, yes| Subnet {
        id: id(name),
        vpc: vpc.clone(),
        zone: Zone(zone.into()),
        has_ipv6: yes,
        default_for_az: yes,
    };
    let subnets = vec![subnet("subnet-9d4a7b6c", "us-east-2a", true), subnet("subnet-6e7f829e", "us-east-2b", false)];
    assert_eq!(
        reply(Read::Network(NetworkRead::Subnets { filters: vec![], page: None }), &body).await,
        Reply::Subnets(subnets, None)
    );

    let body = ec2(
        "DescribeInstanceTypeOfferings",
        "<instanceTypeOfferingSet><item><instanceType>t3.medium</instanceType>\
         <locationType>availability-zone</locationType><location>us-east-2a</location></item>\
         </instanceTypeOfferingSet>",
    );
    let read = Read::Network(NetworkRead::TypeOfferings { types: vec!["t3.medium".into()], page: None });
    let offered = vec![("t3.medium".to_owned(), Zone("us-east-2a".into()))];
    assert_eq!(reply(read, &body).await, Reply::InstanceTypeOfferings(offered, None));

    let body = ec2(
        "DescribeImages",
        "<imagesSet><item><imageId>ami-1</imageId><imageState>available</imageState>\
         <rootDeviceName>/dev/xvda</rootDeviceName>\
         <blockDeviceMapping><item><deviceName>/dev/xvda</deviceName><ebs><snapshotId>snap-1</snapshotId></ebs></item>\
         <item><deviceName>/dev/sdb</deviceName><virtualName>ephemeral0</virtualName></item>\
         </blockDeviceMapping></item></imagesSet>",
    );
    let image = Image {
        id: id("ami-1"),
        state: "available".into(),
        root_device: Some("/dev/xvda".into()),
        ebs_devices: vec!["/dev/xvda".into()],
    };
    assert_eq!(
        reply(Read::Image(ImageRead::Describe { ids: vec![id::<AmiId>("ami-1")] }), &body).await,
        Reply::Images(vec![image])
    );
}

#[tokio::test]
async fn status_checks_are_as_bad_as_the_worse_of_the_two() {
    let item = |n: u32, instance: &str, system: &str| {
        format!(
            "<item><instanceId>i-{n}</instanceId><systemStatus><status>{system}</status></systemStatus>\
             <instanceStatus><status>{instance}</status></instanceStatus></item>"
        )
    };
    let pairs = [
        ("ok", "ok", StatusChecks::Ok),
        ("ok", "impaired", StatusChecks::Impaired),
        ("impaired", "initializing", StatusChecks::Impaired),
        ("initializing", "ok", StatusChecks::Initializing),
        ("ok", "insufficient-data", StatusChecks::Unknown),
        ("ok", "not-applicable", StatusChecks::Unknown),
    ];
    let items: String = (1..).zip(pairs).map(|(n, (instance, system, _))| item(n, instance, system)).collect();
    let body = ec2("DescribeInstanceStatus", &format!("<instanceStatusSet>{items}</instanceStatusSet>"));
    let expected = (1..).zip(pairs).map(|(n, pair)| (id::<InstanceId>(&format!("i-{n}")), pair.2)).collect();
    let read = Read::Instance(InstanceRead::Status { ids: vec![id("i-1")], page: None });
    assert_eq!(reply(read, &body).await, Reply::InstanceStatus(expected, None));
}

#[tokio::test]
async fn a_profile_association_names_the_last_part_of_its_profile() {
    let item = |profile: &str| {
        let association = "<associationId>iip-assoc-0db249b1f25fa24b8</associationId>";
        let profile = format!("<iamInstanceProfile>{profile}<id>AIPAJVQN4F5WVLGCJDRGM</id></iamInstanceProfile>");
        let rest = "<instanceId>i-09eb09efa73ec1dee</instanceId><state>associated</state>";
        let item = format!("<item>{association}{profile}{rest}</item>");
        let set = format!("<iamInstanceProfileAssociationSet>{item}</iamInstanceProfileAssociationSet>");
        ec2("DescribeIamInstanceProfileAssociations", &format!("{set}<nextToken>more</nextToken>"))
    };
    let read = || Read::Instance(InstanceRead::ProfileAssociations { filters: vec![], page: None });
    let expected = ProfileAssociation {
        id: id("iip-assoc-0db249b1f25fa24b8"),
        instance: id("i-09eb09efa73ec1dee"),
        profile: "admin".into(),
    };
    let body = item("<arn>arn:aws:iam::123456789012:instance-profile/team/admin</arn>");
    assert_eq!(reply(read(), &body).await, Reply::ProfileAssociations(vec![expected], Some("more".into())));
    unreadable(read(), &item(""), "lacks IamInstanceProfile").await;
}

fn load_balancers() -> Read {
    Read::LoadBalancer(LoadBalancerRead::Describe { names: vec!["web".into()] })
}

fn the_load_balancer() -> LoadBalancer {
    LoadBalancer {
        arn: id::<LoadBalancerArn>(ALB),
        name: "web".into(),
        dns_name: "web-424835706.us-east-2.elb.amazonaws.com".into(),
        hosted_zone_id: Some("Z2P70J7EXAMPLE".into()),
        scheme: Scheme::Internal,
        vpc: id("vpc-3ac0fb5f"),
        state: LoadBalancerState::Active,
        subnets: BTreeMap::from([
            (Zone("us-east-2a".into()), id("subnet-8360a9e7")),
            (Zone("us-east-2b".into()), id("subnet-b7d581c0")),
        ]),
        groups: BTreeSet::from([id("sg-5943793c")]),
    }
}

#[tokio::test]
async fn a_load_balancer_is_read_with_its_subnets_by_zone() {
    assert_eq!(reply(load_balancers(), LOAD_BALANCERS).await, Reply::LoadBalancers(vec![the_load_balancer()]));
}

#[tokio::test]
async fn a_scheme_left_out_is_the_default_and_a_strange_one_is_refused() {
    let scheme = "<Scheme>internal</Scheme>";
    let public = LoadBalancer { scheme: Scheme::InternetFacing, ..the_load_balancer() };
    let left_out = reply(load_balancers(), &LOAD_BALANCERS.replacen(scheme, "", 1)).await;
    assert_eq!(left_out, Reply::LoadBalancers(vec![public]));
    let strange = LOAD_BALANCERS.replacen(scheme, "<Scheme>both</Scheme>", 1);
    unreadable(load_balancers(), &strange, "Scheme is `both`").await;
    let paged = LOAD_BALANCERS.replacen("</LoadBalancers>", "</LoadBalancers><NextMarker>more</NextMarker>", 1);
    unreadable(load_balancers(), &paged, "next page").await;
}

fn target_group(xml: &str) -> String {
    let start = format!("<TargetGroupArn>{GROUP}</TargetGroupArn><TargetGroupName>web</TargetGroupName>");
    elbv2("DescribeTargetGroups", &format!("<TargetGroups><member>{start}{xml}</member></TargetGroups>"))
}

async fn the_target_group(xml: &str) -> TargetGroup {
    let read = Read::TargetGroup(TargetGroupRead::Describe { names: vec!["web".into()] });
    let Reply::TargetGroups(groups) = reply(read, &target_group(xml)).await else { panic!("another reply") };
    groups.into_iter().next().unwrap()
}

#[tokio::test]
async fn a_target_group_is_read_and_what_it_lacks_is_aws_default() {
    let given = "<LoadBalancerArns><member>arn:aws:elasticloadbalancing:us-east-2:123456789012:loadbalancer/app/web/50dc6c495c0c9188\
        </member></LoadBalancerArns><Protocol>HTTP</Protocol><Port>8080</Port><VpcId>vpc-3ac0fb5f</VpcId>\
        <HealthCheckProtocol>HTTPS</HealthCheckProtocol><HealthCheckPort>9000</HealthCheckPort>\
        <HealthCheckPath>/health</HealthCheckPath>\
        <HealthCheckIntervalSeconds>10</HealthCheckIntervalSeconds>\
        <HealthCheckTimeoutSeconds>4</HealthCheckTimeoutSeconds>\
        <HealthyThresholdCount>3</HealthyThresholdCount><UnhealthyThresholdCount>4</UnhealthyThresholdCount>\
        <Matcher><HttpCode>200-299</HttpCode></Matcher>";
    let group = TargetGroup {
        arn: id::<TargetGroupArn>(GROUP),
        name: "web".into(),
        protocol: Some(Protocol::Http),
        port: Some(8080),
        vpc: Some(id("vpc-3ac0fb5f")),
        health_check: check("HTTPS", "9000", "/health", [10, 4, 3, 4], "200-299"),
        load_balancers: vec![id(ALB)],
    };
    assert_eq!(the_target_group(given).await, group);
    let bare = the_target_group("<Protocol>TCP</Protocol>").await;
    assert_eq!((bare.protocol, bare.port, bare.vpc), (None, None, None));
    assert_eq!(bare.health_check, check("HTTP", "traffic-port", "/", [30, 5, 5, 2], "200"));
    let by_tcp = the_target_group("<HealthCheckProtocol>TCP</HealthCheckProtocol>").await;
    assert_eq!(by_tcp.health_check, check("TCP", "traffic-port", "", [30, 5, 5, 2], ""));
}

fn check(protocol: &str, port: &str, path: &str, numbers: [u32; 4], matcher: &str) -> TargetHealthCheck {
    let [interval_secs, timeout_secs, healthy_threshold, unhealthy_threshold] = numbers;
    TargetHealthCheck {
        protocol: protocol.into(),
        port: port.into(),
        path: path.into(),
        interval_secs,
        timeout_secs,
        healthy_threshold,
        unhealthy_threshold,
        matcher: matcher.into(),
    }
}

async fn the_listener(xml: &str) -> Listener {
    let read = Read::Listener(ListenerRead::Describe { load_balancer: id(ALB), page: None });
    let Reply::Listeners(listeners, None) = reply(read, xml).await else { panic!("another reply") };
    listeners.into_iter().next().unwrap()
}

#[tokio::test]
async fn a_listener_that_forwards_to_one_group_says_so() {
    let arn = "arn:aws:elasticloadbalancing:us-east-2:123456789012:listener/app/web/50dc6c495c0c9188/f2f7dc8efc522ab2";
    let expected = Listener {
        arn: id::<ListenerArn>(arn),
        load_balancer: id(ALB),
        port: 80,
        protocol: "HTTP".into(),
        forwards_to: Some(id(GROUP)),
        warms: None,
        actions: vec![ListenerAction::Forward { groups: vec![(id(GROUP), 1)], sticky: false }],
    };
    assert_eq!(the_listener(LISTENERS).await, expected);
}

#[tokio::test]
async fn a_second_group_without_weight_is_warmed() {
    let second = format!("<member><TargetGroupArn>{GROUP}2</TargetGroupArn><Weight>0</Weight></member></TargetGroups>");
    let warming = the_listener(&LISTENERS.replacen("</TargetGroups>", &second, 1)).await;
    assert_eq!((warming.forwards_to, warming.warms), (Some(id(GROUP)), Some(id(&format!("{GROUP}2")))));
}

#[tokio::test]
async fn a_listener_that_does_more_than_forward_is_no_plain_forward() {
    let both = format!("<member><TargetGroupArn>{GROUP}2</TargetGroupArn><Weight>1</Weight></member></TargetGroups>");
    let second_action = "<member><Type>fixed-response</Type></member></DefaultActions>";
    for (from, to) in [
        ("<Enabled>false</Enabled>", "<Enabled>true</Enabled>"),
        ("<Weight>1</Weight>", "<Weight>0</Weight>"),
        ("<Type>forward</Type>", "<Type>redirect</Type>"),
        ("</TargetGroups>", &both),
        ("</DefaultActions>", second_action),
    ] {
        let listener = the_listener(&LISTENERS.replacen(from, to, 1)).await;
        assert_eq!((listener.forwards_to, listener.warms), (None, None), "{from} -> {to}");
    }
}

#[tokio::test]
async fn rules_are_read_but_for_the_default_one() {
    let arn = "arn:aws:elasticloadbalancing:us-east-2:123456789012:listener-rule/app/web/50dc6c495c0c9188/f2f7dc8efc522ab2/9683b2d02a6cabee";
    let rule = |priority: &str, conditions: &str, action: &str| {
        format!(
            "<member><RuleArn>{arn}</RuleArn><Priority>{priority}</Priority><IsDefault>{}</IsDefault>\
             <Conditions>{conditions}</Conditions><Actions><member>{action}</member></Actions></member>",
            priority == "default"
        )
    };
    let values = |values: &[&str]| values.iter().map(|value| format!("<member>{value}</member>")).collect::<String>();
    let path = format!(
        "<member><Field>path-pattern</Field><Values>{0}</Values><PathPatternConfig><Values>{0}</Values></PathPatternConfig>\
         </member><member><Field>http-header</Field><HttpHeaderConfig><HttpHeaderName>X-Canary</HttpHeaderName>\
         <Values>{1}</Values></HttpHeaderConfig></member><member><Field>query-string</Field><QueryStringConfig><Values><member>\
         <Key>v</Key><Value>2</Value></member></Values></QueryStringConfig></member>",
        values(&["/a/*", "/b"]),
        values(&["on"])
    );
    let fixed = "<Type>fixed-response</Type><FixedResponseConfig><StatusCode>503</StatusCode></FixedResponseConfig>";
    let redirect = "<Type>redirect</Type><RedirectConfig><Protocol>HTTPS</Protocol><Port>443</Port>\
                    <StatusCode>HTTP_301</StatusCode></RedirectConfig>";
    let forward = format!("<Type>forward</Type><TargetGroupArn>{GROUP}</TargetGroupArn>");
    let all = [rule("1", &path, fixed), rule("2", "", redirect), rule("30", "", &forward), rule("default", "", fixed)];
    let body = elbv2("DescribeRules", &format!("<Rules>{}</Rules><NextMarker>more</NextMarker>", all.concat()));
    let read = || Read::Rule(RuleRead::Describe { listener: id(ALB), page: None });
    let Reply::Rules(rules, page) = reply(read(), &body).await else { panic!("another reply") };
    let wanted = |priority, conditions: &[&str], action| ListenerRule {
        arn: id(arn),
        priority,
        conditions: conditions.iter().map(|words| (*words).to_owned()).collect(),
        actions: vec![action],
    };
    let to = "https://#{host}:443/#{path}".to_owned();
    let expected = [
        wanted(
            1,
            &["path-pattern /a/* or /b", "http-header X-Canary on", "query-string v=2"],
            ListenerAction::Respond("503".into()),
        ),
        wanted(2, &[], ListenerAction::Redirect { to, status: "HTTP_301".into() }),
        wanted(30, &[], ListenerAction::Forward { groups: vec![(id(GROUP), 1)], sticky: false }),
    ];
    assert_eq!(rules, expected);
    assert_eq!(page.as_deref(), Some("more"));
    let strange = elbv2("DescribeRules", &format!("<Rules>{}</Rules>", rule("first", "", fixed)));
    unreadable(read(), &strange, "Priority is `first`").await;
}

#[tokio::test]
async fn volumes_are_read_with_the_instance_that_they_are_attached_to() {
    let attachment =
        "<attachmentSet><item><instanceId>i-1</instanceId><device>/dev/xvda</device></item></attachmentSet>";
    let tags = "<tagSet><item><key>Name</key><value>shop-1</value></item></tagSet>";
    let body = format!(
        "<volumeSet><item><volumeId>vol-1</volumeId>{attachment}{tags}</item>\
         <item><volumeId>vol-2</volumeId><attachmentSet/></item></volumeSet>"
    );
    let expected =
        Volume { id: id("vol-1"), instance: id("i-1"), tags: Tags::from([("Name".into(), "shop-1".into())]) };
    let read = Read::Volume(VolumeRead::Describe { filters: vec![], page: None });
    assert_eq!(reply(read, &ec2("DescribeVolumes", &body)).await, Reply::Volumes(vec![expected], None));
}

#[tokio::test]
async fn interfaces_are_read_with_who_made_them_and_what_they_are_attached_to() {
    let item = |id: &str, rest: &str| {
        format!(
            "<item><networkInterfaceId>{id}</networkInterfaceId><groupSet><item><groupId>sg-1</groupId></item></groupSet>\
             {rest}</item>"
        )
    };
    let of_service = "<description>ELB app/web/1</description><requesterManaged>true</requesterManaged>";
    let of_instance = "<attachment><instanceId>i-1</instanceId></attachment>\
                       <tagSet><item><key>Name</key><value>mine</value></item></tagSet>";
    let items = [item("eni-1", of_service), item("eni-2", of_instance)].concat();
    let body = ec2("DescribeNetworkInterfaces", &format!("<networkInterfaceSet>{items}</networkInterfaceSet>"));
    let service = NetworkInterface {
        id: id("eni-1"),
        description: "ELB app/web/1".into(),
        groups: [id("sg-1")].into(),
        instance: None,
        requester_managed: true,
        tags: Tags::new(),
    };
    let instance = NetworkInterface {
        id: id("eni-2"),
        description: String::new(),
        instance: Some(id("i-1")),
        requester_managed: false,
        tags: Tags::from([("Name".into(), "mine".into())]),
        ..service.clone()
    };
    let read = Read::Network(NetworkRead::Interfaces { filters: vec![], page: None });
    assert_eq!(reply(read, &body).await, Reply::NetworkInterfaces(vec![service, instance], None));
}

#[tokio::test]
async fn target_health_is_read_with_its_reason() {
    let member = |id: &str, health: &str| {
        format!(
            "<member><HealthCheckPort>80</HealthCheckPort><TargetHealth>{health}</TargetHealth>\
             <Target><Port>8080</Port><Id>{id}</Id></Target></member>"
        )
    };
    let unused = "<State>unused</State><Reason>Target.NotInUse</Reason><Description>Target is in an Availability Zone \
                  that is not enabled for the load balancer</Description>";
    let members = [member("i-1", "<State>healthy</State>"), member("i-2", unused)].concat();
    let body = |members: &str| {
        let all = format!("<TargetHealthDescriptions>{members}</TargetHealthDescriptions>");
        elbv2("DescribeTargetHealth", &all)
    };
    let read = || Read::TargetGroup(TargetGroupRead::Health { target_group: id(GROUP) });
    let target = |id: &str, health, reason: Option<&str>, description: Option<&str>| Target {
        id: id.into(),
        port: 8080,
        health,
        reason: reason.map(Into::into),
        description: description.map(Into::into),
    };
    let words = "Target is in an Availability Zone that is not enabled for the load balancer";
    let expected = vec![
        target("i-1", TargetHealth::Healthy, None, None),
        target("i-2", TargetHealth::Unused, Some("Target.NotInUse"), Some(words)),
    ];
    assert_eq!(reply(read(), &body(&members)).await, Reply::TargetHealth(expected));
    unreadable(read(), &body(&member("i-1", "<State>fine</State>")), "State is `fine`").await;
}

#[tokio::test]
async fn tags_find_back_to_what_was_asked_about() {
    let tagged = |arn: &str, value: &str| {
        format!(
            "<member><ResourceArn>{arn}</ResourceArn><Tags><member><Key>Name</Key><Value>{value}</Value></member>\
             </Tags></member>"
        )
    };
    let body = |all: &str| elbv2("DescribeTags", &format!("<TagDescriptions>{all}</TagDescriptions>"));
    let (balancer, group) = (ElbTaggable::LoadBalancer(id(ALB)), ElbTaggable::TargetGroup(id(GROUP)));
    let read = || Read::Elbv2Tags(Elbv2TagsRead::Describe { resources: vec![balancer.clone(), group.clone()] });
    let other_way_round = body(&[tagged(GROUP, "group"), tagged(ALB, "balancer")].concat());
    let named = |name: &str| Tags::from([("Name".into(), name.into())]);
    let expected = vec![(balancer.clone(), named("balancer")), (group.clone(), named("group"))];
    assert_eq!(reply(read(), &other_way_round).await, Reply::Tags(expected));
    unreadable(read(), &body(&tagged(ALB, "balancer")), "TagDescription").await;
}

#[tokio::test]
async fn attributes_are_a_map() {
    let member = "<member><Key>idle_timeout.timeout_seconds</Key><Value>60</Value></member>\
        <member><Key>access_logs.s3.bucket</Key><Value/></member>";
    let body = elbv2("DescribeLoadBalancerAttributes", &format!("<Attributes>{member}</Attributes>"));
    let expected = Tags::from([
        ("idle_timeout.timeout_seconds".into(), "60".into()),
        ("access_logs.s3.bucket".into(), String::new()),
    ]);
    let read = Read::LoadBalancer(LoadBalancerRead::Attributes { load_balancer: id(ALB) });
    assert_eq!(reply(read, &body).await, Reply::Attributes(expected));
}

#[tokio::test]
async fn a_create_returns_the_id_of_what_it_made() {
    let of =
        |arn: &str, member: &str| format!("<{member}s><member><{member}Arn>{arn}</{member}Arn></member></{member}s>");
    let ran = "<instancesSet><item><instanceId>i-1</instanceId></item></instancesSet>";
    let (balancer, group, listener) = (of(ALB, "LoadBalancer"), of(GROUP, "TargetGroup"), of(ALB, "Listener"));
    let creates = [
        (
            Write::Instance(InstanceWrite::Run(Box::new(launch()))),
            ec2("RunInstances", ran),
            ResourceId::Instance(id("i-1")),
        ),
        (create_group(), ec2("CreateSecurityGroup", "<groupId>sg-1</groupId>"), ResourceId::SecurityGroup(id("sg-1"))),
        (create_load_balancer(), elbv2("CreateLoadBalancer", &balancer), ResourceId::LoadBalancer(id(ALB))),
        (create_target_group(), elbv2("CreateTargetGroup", &group), ResourceId::TargetGroup(id(GROUP))),
        (create_listener(), elbv2("CreateListener", &listener), ResourceId::Listener(id(ALB))),
    ];
    for (write, body, made) in creates {
        assert_eq!(Wire::with(200, &body).write(write).await, Ok(Reply::Made(made)));
    }
}

#[tokio::test]
async fn a_create_whose_reply_names_nothing_may_have_worked() {
    for (write, body) in [
        (Write::Instance(InstanceWrite::Run(Box::new(launch()))), ec2("RunInstances", "<instancesSet/>")),
        (create_group(), ec2("CreateSecurityGroup", "<return>true</return>")),
        (create_load_balancer(), elbv2("CreateLoadBalancer", "<LoadBalancers/>")),
    ] {
        let error = Wire::with(200, &body).write(write).await.unwrap_err();
        assert_eq!((error.kind, error.is_definite()), (ErrorKind::Bug, false), "{error}");
    }
}
