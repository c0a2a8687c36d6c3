//! How old what is shown may be, as the cloud comes.

use std::net::SocketAddr;

use cloud::{Options, Running, start};
use serde_json::{Value, json};

use super::client::{all, ask};

/// A cloud as it comes, but for its port and AWS's quotas of calls.
struct AsItComes(Running);

impl AsItComes {
    /// Its time stands still unless it is advanced, so that any lag is longer than a call takes.
    fn new() -> Self {
        let listen = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
        let cloud = Self(start(&Options { listen, throttling: false, ..Options::default() }).unwrap());
        cloud.clock(&json!({"pause": true}));
        cloud
    }

    fn clock(&self, change: &Value) {
        ask(self.0.address(), "POST /_cloud/clock", &[], &change.to_string());
    }

    fn asked(&self, form: &str) -> String {
        ask(self.0.address(), "POST /", &[("content-type", "application/x-www-form-urlencoded")], form).body
    }

    fn ec2(&self, form: &str) -> String {
        self.asked(&format!("Version=2016-11-15&Action={form}"))
    }

    fn elb(&self, form: &str) -> String {
        self.asked(&format!("Version=2015-12-01&Action={form}"))
    }

    /// A security group, by id.
    fn security_group(&self, name: &str, vpc: &str) -> String {
        let made = self.ec2(&format!("CreateSecurityGroup&GroupName={name}&GroupDescription=a&VpcId={vpc}"));
        all(&made, "groupId").remove(0)
    }

    /// A target group, by ARN.
    fn target_group(&self, name: &str, vpc: &str) -> String {
        let made = self.elb(&format!("CreateTargetGroup&Name={name}&Protocol=HTTP&Port=80&VpcId={vpc}"));
        all(&made, "TargetGroupArn").remove(0)
    }
}

/// <https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html>: what `RunInstances` or `CreateSecurityGroup` made
/// may be NotFound for the next command. Nothing of the kind is on ELBv2's pages.
#[test]
fn a_fresh_security_group_may_be_unseen_for_a_moment_and_a_target_group_is_not() {
    let cloud = AsItComes::new();
    let vpc = all(&cloud.ec2("DescribeVpcs"), "vpcId").remove(0);
    let mut unseen = 0;
    for number in 0..100 {
        cloud.clock(&json!({"advance": "10s"}));
        let id = cloud.security_group(&format!("g{number}"), &vpc);
        let looked = cloud.ec2(&format!("DescribeSecurityGroups&GroupId.1={id}"));
        unseen += usize::from(looked.contains("<Code>InvalidGroup.NotFound</Code>"));
        let arn = cloud.target_group(&format!("t{number}"), &vpc);
        for looked in [
            cloud.elb(&format!("DescribeTags&ResourceArns.member.1={arn}")),
            cloud.elb(&format!("DescribeTargetGroupAttributes&TargetGroupArn={arn}")),
            cloud.elb(&format!("DescribeTargetGroups&Names.member.1=t{number}")),
        ] {
            assert!(!looked.contains("<Code>"), "{looked}");
        }
    }
    assert!((3..=25).contains(&unseen), "one look in ten is late, not {unseen} of 100");
}

/// Terraform looks at a group until it was shown, and then counts on it: what it asks next is not asked again.
#[test]
fn what_was_shown_once_is_there_for_every_later_call() {
    let cloud = AsItComes::new();
    let vpc = all(&cloud.ec2("DescribeVpcs"), "vpcId").remove(0);
    for number in 0..40 {
        cloud.clock(&json!({"advance": "10s"}));
        let id = cloud.security_group(&format!("g{number}"), &vpc);
        let look = || cloud.ec2(&format!("DescribeSecurityGroups&GroupId.1={id}"));
        assert!((0..20).any(|_| look().contains(&format!("<groupId>{id}"))), "{id} is never shown");
        let port = |port: u16| {
            let rule = format!("FromPort={port}&ToPort={port}&CidrIp=10.0.0.0/8&IpProtocol=tcp");
            cloud.ec2(&format!("AuthorizeSecurityGroupIngress&GroupId={id}&{rule}"))
        };
        for answer in (1..10).flat_map(|number| [port(number), look()]) {
            assert!(!answer.contains("<Code>"), "{answer}");
        }
    }
}
