//! Every operation with arbitrary parameters: whatever is asked, it is answered or refused, and nothing else happens.

use std::time::{Duration, Instant};

use cloud::account::Account;
use cloud::envelope::Query;
use cloud::operations::{Answer, Call, NAMES, answer};
use cloud::parameters::Node;
use cloud::time::Time;
use jiff::Timestamp;
use proptest::prelude::*;
use simulator::cloud::ReadLag;

/// Parts of the names of parameters, as the operations know them, and some that none does.
const PARTS: &[&str] = &[
    "InstanceId",
    "Filter",
    "Name",
    "Value",
    "Values",
    "MaxResults",
    "NextToken",
    "ImageId",
    "InstanceType",
    "MinCount",
    "MaxCount",
    "SubnetId",
    "SecurityGroupId",
    "SecurityGroup",
    "GroupId",
    "GroupName",
    "GroupDescription",
    "VpcId",
    "IpPermissions",
    "IpProtocol",
    "FromPort",
    "ToPort",
    "IpRanges",
    "CidrIp",
    "Ipv6Ranges",
    "CidrIpv6",
    "Groups",
    "PrefixListIds",
    "PrefixListId",
    "Description",
    "TagSpecification",
    "ResourceType",
    "Tag",
    "Tags",
    "Key",
    "ResourceId",
    "ClientToken",
    "UserData",
    "BlockDeviceMapping",
    "DeviceName",
    "Ebs",
    "VolumeSize",
    "VolumeType",
    "Attribute",
    "NetworkInterface",
    "DeviceIndex",
    "MetadataOptions",
    "HttpTokens",
    "HttpPutResponseHopLimit",
    "Placement",
    "AvailabilityZone",
    "SnapshotId",
    "VolumeId",
    "NoReboot",
    "Owner",
    "LocationType",
    "AttributeName",
    "SecurityGroupRuleId",
    "LoadBalancerArn",
    "LoadBalancerArns",
    "Names",
    "TargetGroupArn",
    "TargetGroupArns",
    "ListenerArn",
    "ListenerArns",
    "RuleArn",
    "RuleArns",
    "Protocol",
    "Port",
    "DefaultActions",
    "Actions",
    "Type",
    "ForwardConfig",
    "TargetGroups",
    "Weight",
    "FixedResponseConfig",
    "StatusCode",
    "RedirectConfig",
    "Conditions",
    "Field",
    "PathPatternConfig",
    "Priority",
    "RulePriorities",
    "Attributes",
    "Subnets",
    "SecurityGroups",
    "Scheme",
    "Targets",
    "Id",
    "PageSize",
    "Marker",
    "ResourceArns",
    "TagKeys",
    "Certificates",
    "CertificateArn",
    "SslPolicy",
    "HealthCheckPath",
    "HealthCheckPort",
    "HealthCheckIntervalSeconds",
    "HealthCheckTimeoutSeconds",
    "Matcher",
    "HttpCode",
    "member",
    "1",
    "2",
    "3",
    "0",
    "99999999999",
    "Nonsense",
    "",
];

/// Values: what is there, what could be, and what is neither.
const VALUES: &[&str] = &[
    "",
    "0",
    "1",
    "-1",
    "2",
    "5",
    "1000",
    "65536",
    "4294967295",
    "18446744073709551616",
    "true",
    "false",
    "i-0",
    "t3.medium",
    "ami-0fa4480bc2fe38b14",
    "i-0123456789abcdef0",
    "sg-0123456789abcdef0",
    "vpc-0123456789abcdef0",
    "subnet-",
    "snap-1",
    "arn:",
    "arn:aws:elasticloadbalancing:us-east-2:123456789012:loadbalancer/app/a/1",
    "after:",
    "after:i",
    "*",
    "?*?*?*?*",
    "0.0.0.0/0",
    "10.0.0.0/33",
    "::/0",
    "tcp",
    "-1",
    "HTTP",
    "HTTPS",
    "forward",
    "fixed-response",
    "redirect",
    "instance",
    "name",
    "tag:Name",
    "tag-key",
    "vpc-id",
    "group-id",
    "default",
    "web",
    "\u{0}",
    "\u{1F980}",
    "a b/c%",
    "us-east-2a",
];

fn parameters() -> impl Strategy<Value = Vec<(String, String)>> {
    let part = proptest::sample::select(PARTS);
    let name = proptest::collection::vec(part, 1..5).prop_map(|parts| parts.join("."));
    let value = prop_oneof![8 => proptest::sample::select(VALUES).prop_map(str::to_owned), 1 => ".{0,40}"];
    proptest::collection::vec((name, value), 0..16)
}

fn account() -> Account {
    Account::new(Time::new(Timestamp::UNIX_EPOCH, 1), 1, false, ReadLag::None)
}

/// What a call is answered once every parameter is left out that its operation does not know, so that the others are read.
fn known(call: &Call<'_>, mut pairs: Vec<(String, String)>) -> Option<Answer> {
    loop {
        let answered = answer(call, Node::tree(pairs.clone()).ok()?);
        let unknown = answered.as_ref().err().and_then(|refusal| {
            let path =
                refusal.message.strip_prefix("The parameter ")?.strip_suffix(" is not modelled for this operation")?;
            (refusal.code == "UnsupportedOperation").then(|| path.to_owned())
        });
        let Some(path) = unknown else { return Some(answered) };
        let before = pairs.len();
        pairs.retain(|(name, _)| !name.starts_with(&path));
        assert!(pairs.len() < before, "{path} is no parameter that was given");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_parameters_are_answered_or_refused(asked in proptest::collection::vec(parameters(), 1..4), dry_run: bool) {
        let mut account = account();
        let region = account.region_mut("us-east-2").expect("it is there");
        let began = Instant::now();
        for (service, names) in NAMES {
            let query = if *service == "ec2" { Query::Ec2 } else { Query::Elbv2 };
            for action in *names {
                for pairs in &asked {
                    let call = Call { cloud: &region.cloud, query, action, dry_run, request_id: "r" };
                    match known(&call, pairs.clone()) {
                        Some(Ok(body)) => prop_assert!(!body.is_empty()),
                        Some(Err(refusal)) => {
                            prop_assert!(!refusal.message.is_empty(), "{action}");
                            prop_assert!(refusal.code != "InternalError", "{action}: {}", refusal.message);
                        }
                        None => {}
                    }
                }
            }
        }
        prop_assert!(began.elapsed() < Duration::from_secs(20), "it took {:?}", began.elapsed());
    }
}
