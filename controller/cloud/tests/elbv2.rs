//! ELBv2's nested parameters and answers in AWS's own protocol.
#![allow(clippy::unwrap_used)]

use cloud::envelope::Query;
use cloud::operations::{Call, NAMES, answer};
use cloud::parameters::Node;
use simulator::{Builder, SimCloud, VirtualClock};

struct Region {
    cloud: SimCloud,
}

impl Region {
    fn new() -> Self {
        Self { cloud: Builder::new(1).build(&VirtualClock::default()) }
    }

    /// The answer as text, or the code and the message of the refusal.
    fn ask(&self, action: &str, pairs: &[(&str, &str)]) -> Result<String, (String, String)> {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let call = Call { cloud: &self.cloud, query: Query::Elbv2, action, dry_run: false, request_id: "1" };
        let answered = answer(&call, Node::tree(pairs).unwrap());
        answered
            .map(|body| String::from_utf8(body).unwrap())
            .map_err(|refusal| (refusal.code.to_owned(), refusal.message))
    }

    fn balancer(&self) -> String {
        let subnets: Vec<String> = self.cloud.view().subnets().iter().map(|subnet| subnet.id.to_string()).collect();
        let pairs = [("Name", "web"), ("Subnets.member.1", &subnets[0]), ("Subnets.member.2", &subnets[1])];
        between(&self.ask("CreateLoadBalancer", &pairs).unwrap(), "LoadBalancerArn")
    }
}

/// The text of the first element of that name.
fn between(xml: &str, name: &str) -> String {
    let (_, rest) = xml.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("no {name} in {xml}"));
    rest.split_once(&format!("</{name}>")).unwrap().0.to_owned()
}

#[test]
fn lists_of_lists_are_read_and_written_as_members() {
    let region = Region::new();
    let alb = region.balancer();
    let fixed = "DefaultActions.member.1.FixedResponseConfig.StatusCode";
    let listener = [
        ("LoadBalancerArn", &*alb),
        ("Protocol", "HTTP"),
        ("Port", "80"),
        ("DefaultActions.member.1.Type", "fixed-response"),
        (fixed, "404"),
    ];
    let listener = between(&region.ask("CreateListener", &listener).unwrap(), "ListenerArn");
    let vpc = region.cloud.view().vpc().to_string();
    let group =
        [("Name", "web"), ("Protocol", "HTTP"), ("Port", "8080"), ("VpcId", &*vpc), ("Matcher.HttpCode", "200-299")];
    let group = between(&region.ask("CreateTargetGroup", &group).unwrap(), "TargetGroupArn");
    let rule = [
        ("ListenerArn", &*listener),
        ("Priority", "10"),
        ("Conditions.member.1.Field", "host-header"),
        ("Conditions.member.1.HostHeaderConfig.Values.member.1", "a.example.com"),
        ("Conditions.member.1.HostHeaderConfig.Values.member.2", "b.example.com"),
        ("Actions.member.1.Type", "forward"),
        ("Actions.member.1.ForwardConfig.TargetGroups.member.1.TargetGroupArn", &*group),
        ("Actions.member.1.ForwardConfig.TargetGroups.member.1.Weight", "7"),
        ("Actions.member.1.ForwardConfig.TargetGroupStickinessConfig.Enabled", "true"),
        ("Actions.member.1.ForwardConfig.TargetGroupStickinessConfig.DurationSeconds", "60"),
    ];
    let made = region.ask("CreateRule", &rule).unwrap();
    for part in [
        "<CreateRuleResult><Rules><member><RuleArn>",
        "<HostHeaderConfig><Values><member>a.example.com</member><member>b.example.com</member></Values></HostHeaderConfig>",
        "<Weight>7</Weight></member></TargetGroups>",
        "<TargetGroupStickinessConfig><Enabled>true</Enabled><DurationSeconds>60</DurationSeconds></TargetGroupStickinessConfig>",
        "<IsDefault>false</IsDefault>",
    ] {
        assert!(made.contains(part), "no {part} in {made}");
    }
    let deleted = region.ask("DeleteListener", &[("ListenerArn", &*listener)]).unwrap();
    assert!(deleted.contains("<DeleteListenerResult></DeleteListenerResult>"), "{deleted}");
}

#[test]
fn every_answer_has_a_place_in_xml() {
    let region = Region::new();
    let alb = region.balancer();
    let vpc = region.cloud.view().vpc().to_string();
    let group = [("Name", "web"), ("Protocol", "HTTP"), ("Port", "8080"), ("VpcId", &*vpc)];
    let group = between(&region.ask("CreateTargetGroup", &group).unwrap(), "TargetGroupArn");
    let listener = [
        ("LoadBalancerArn", &*alb),
        ("Protocol", "HTTPS"),
        ("Port", "443"),
        ("Certificates.member.1.CertificateArn", "arn:aws:iam::123456789012:server-certificate/web"),
        ("DefaultActions.member.1.Type", "redirect"),
        ("DefaultActions.member.1.RedirectConfig.Port", "444"),
        ("DefaultActions.member.1.RedirectConfig.StatusCode", "HTTP_301"),
    ];
    let listener = between(&region.ask("CreateListener", &listener).unwrap(), "ListenerArn");
    for (action, pairs, part) in [
        ("DescribeLoadBalancers", &[][..], "<State><Code>provisioning</Code></State>"),
        ("DescribeLoadBalancerAttributes", &[("LoadBalancerArn", &*alb)], "<Key>idle_timeout.timeout_seconds</Key>"),
        ("DescribeCapacityReservation", &[("LoadBalancerArn", &alb)], "<CapacityReservationState>"),
        ("DescribeListeners", &[("LoadBalancerArn", &alb)], "<RedirectConfig><Protocol>#{protocol}</Protocol>"),
        ("DescribeListenerAttributes", &[("ListenerArn", &listener)], "<Value>true</Value>"),
        ("DescribeListenerCertificates", &[("ListenerArn", &listener)], "<IsDefault>true</IsDefault>"),
        ("DescribeRules", &[("ListenerArn", &listener)], "<Priority>default</Priority>"),
        ("DescribeTargetGroups", &[], "<Matcher><HttpCode>200</HttpCode></Matcher>"),
        ("DescribeTargetGroupAttributes", &[("TargetGroupArn", &group)], "<Key>stickiness.enabled</Key>"),
        (
            "DescribeTargetHealth",
            &[("TargetGroupArn", &group), ("Targets.member.1.Id", "i-0123456789abcdef0")],
            "<State>unused</State><Reason>Target.NotRegistered</Reason>",
        ),
        ("DescribeTags", &[("ResourceArns.member.1", &alb)], "<TagDescriptions><member><ResourceArn>"),
        ("DescribeSSLPolicies", &[], "<Ciphers><member><Name>"),
        ("DescribeAccountLimits", &[], "<Name>target-groups</Name><Max>3000</Max>"),
        (
            "SetIpAddressType",
            &[("LoadBalancerArn", &alb), ("IpAddressType", "ipv4")],
            "<IpAddressType>ipv4</IpAddressType>",
        ),
    ] {
        let answer = region.ask(action, pairs).unwrap();
        assert!(answer.contains(part), "no {part} in {answer}");
    }
}

#[test]
fn what_is_not_modelled_is_refused_by_its_whole_name() {
    let region = Region::new();
    let alb = region.balancer();
    let pairs = [
        ("LoadBalancerArn", &*alb),
        ("Protocol", "HTTPS"),
        ("Port", "443"),
        ("DefaultActions.member.1.Type", "x"),
        ("AlpnPolicy.member.1", "None"),
    ];
    let (code, message) = region.ask("CreateListener", &pairs).unwrap_err();
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("UnsupportedOperation", "The parameter AlpnPolicy is not modelled for this operation")
    );
    let of_nothing = [("TargetGroupArn", "x"), ("Exclude.member.1", "All")];
    let (code, message) = region.ask("DescribeTargetHealth", &of_nothing).unwrap_err();
    assert_eq!(code, "UnsupportedOperation");
    assert!(message.contains("Exclude"), "{message}");
    let (code, message) = region.ask("DeleteRule", &[]).unwrap_err();
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("ValidationError", "The request must contain the parameter RuleArn")
    );
}

#[test]
fn every_operation_that_load_balancers_need_is_there() {
    let (_, names) = NAMES.iter().find(|(service, _)| *service == "elbv2").unwrap();
    assert_eq!(names.len(), 37);
    let region = Region::new();
    for name in *names {
        let refusal = region.ask(name, &[("NoSuchParameter", "1")]).unwrap_err();
        assert_eq!(refusal.0, "UnsupportedOperation", "{name}: {}", refusal.1);
    }
}
