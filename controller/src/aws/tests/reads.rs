//! Every reading request, as AWS's Query protocol writes it.

use aws_api::ec2::{ImageRead, InstanceRead, NetworkRead, SecurityGroupRead, VolumeRead};
use aws_api::elbv2::{ElbTaggable, Elbv2TagsRead, ListenerRead, LoadBalancerRead, RuleRead, TargetGroupRead};
use aws_api::id::AmiId;
use aws_api::{Filter, Read};

use super::Wire;
use super::requests::{alb, check, group, id, listener};

async fn reads(read: Read, expected: &str) {
    let wire = Wire::with(400, "");
    wire.read(read).await.unwrap_err();
    check(&wire, expected).await;
}

#[tokio::test]
async fn ec2_is_read_by_filters_and_the_largest_pages() {
    let filters = || vec![Filter { name: "tag:understudy:uid".into(), values: vec!["env-1".into(), "env-2".into()] }];
    let asked = "
        Filter.1.Name=tag:understudy:uid
        Filter.1.Value.1=env-1
        Filter.1.Value.2=env-2
        NextToken=more
        MaxResults=1000";
    let page = || Some("more".to_owned());
    let of = |action| format!("Action={action}{asked}");
    reads(Read::Network(NetworkRead::Subnets { filters: filters(), page: page() }), &of("DescribeSubnets")).await;
    reads(
        Read::SecurityGroup(SecurityGroupRead::Describe { filters: filters(), page: page() }),
        &of("DescribeSecurityGroups"),
    )
    .await;
    reads(Read::Instance(InstanceRead::Describe { filters: filters(), page: page() }), &of("DescribeInstances")).await;
    reads(
        Read::Network(NetworkRead::Interfaces { filters: filters(), page: page() }),
        &of("DescribeNetworkInterfaces"),
    )
    .await;
    reads(Read::Volume(VolumeRead::Describe { filters: filters(), page: page() }), &of("DescribeVolumes")).await;
    let read = Read::Instance(InstanceRead::ProfileAssociations { filters: filters(), page: page() });
    reads(read, &of("DescribeIamInstanceProfileAssociations")).await;
    reads(
        Read::Instance(InstanceRead::Describe { filters: vec![], page: None }),
        "Action=DescribeInstances\nMaxResults=1000",
    )
    .await;
    let expected = "
        Action=DescribeInstanceTypeOfferings
        LocationType=availability-zone
        Filter.1.Name=instance-type
        Filter.1.Value.1=t3.medium
        MaxResults=1000";
    reads(Read::Network(NetworkRead::TypeOfferings { types: vec!["t3.medium".into()], page: None }), expected).await;
}

#[tokio::test]
async fn ec2_is_read_by_id_without_a_page_size() {
    let ids = vec![id::<AmiId>("ami-1"), id("ami-2")];
    reads(Read::Image(ImageRead::Describe { ids }), "Action=DescribeImages\nImageId.1=ami-1\nImageId.2=ami-2").await;
    let status = Read::Instance(InstanceRead::Status { ids: vec![id("i-1")], page: Some("more".into()) });
    let expected = "
        Action=DescribeInstanceStatus
        InstanceId.1=i-1
        IncludeAllInstances=false
        NextToken=more";
    reads(status, expected).await;
}

#[tokio::test]
async fn elbv2_is_read_by_name_and_arn() {
    let names = || vec!["a".to_owned(), "b".to_owned()];
    let named = "\nNames.member.1=a\nNames.member.2=b";
    reads(
        Read::LoadBalancer(LoadBalancerRead::Describe { names: names() }),
        &format!("Action=DescribeLoadBalancers{named}"),
    )
    .await;
    reads(
        Read::TargetGroup(TargetGroupRead::Describe { names: names() }),
        &format!("Action=DescribeTargetGroups{named}"),
    )
    .await;
    let balancer = format!("LoadBalancerArn={}", alb());
    let read = Read::LoadBalancer(LoadBalancerRead::Attributes { load_balancer: alb() });
    reads(read, &format!("Action=DescribeLoadBalancerAttributes\n{balancer}")).await;
    let read = Read::Listener(ListenerRead::Describe { load_balancer: alb(), page: Some("more".into()) });
    reads(read, &format!("Action=DescribeListeners\n{balancer}\nMarker=more\nPageSize=400")).await;
    let read = Read::Rule(RuleRead::Describe { listener: listener(), page: Some("more".into()) });
    let of = format!("Action=DescribeRules\nListenerArn={}\nMarker=more\nPageSize=400", listener());
    reads(read, &of).await;
    let targets = format!("TargetGroupArn={}", group("web/1"));
    let read = Read::TargetGroup(TargetGroupRead::Attributes { target_group: group("web/1") });
    reads(read, &format!("Action=DescribeTargetGroupAttributes\n{targets}")).await;
    let read = Read::TargetGroup(TargetGroupRead::Health { target_group: group("web/1") });
    reads(read, &format!("Action=DescribeTargetHealth\n{targets}")).await;
    let resources = vec![ElbTaggable::LoadBalancer(alb()), ElbTaggable::TargetGroup(group("web/1"))];
    let (first, second) = (alb(), group("web/1"));
    let expected = format!("Action=DescribeTags\nResourceArns.member.1={first}\nResourceArns.member.2={second}");
    reads(Read::Elbv2Tags(Elbv2TagsRead::Describe { resources }), &expected).await;
}
