//! How much AWS lets an account have, by its pages:
//! <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html>,
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html>.

use std::collections::BTreeSet;

use aws_api::Ref;
use aws_api::ec2::{
    ChangeRules, CreateSecurityGroup, Direction, InstanceWrite, Peer, Rule, RunInstances, SecurityGroupWrite,
};
use aws_api::elbv2::{CreateLoadBalancer, LoadBalancerWrite};
use aws_api::id::SecurityGroupId;
use aws_api::*;
use proptest::prelude::*;
use serde_json::{Value, json};
use simulator::Builder;
use simulator::cloud::Quotas;
use simulator::cloud::api::{Write as Wire, ec2};

use crate::bench::*;

const FULL: &str = "RulesPerSecurityGroupLimitExceeded";
/// CloudFront's in us-east-2, of 55 entries.
const CLOUDFRONT: &str = "pl-b6a144df";

fn peer(peer: Peer) -> Rule {
    Rule { peer, ..from_cidr(80, "0.0.0.0/0") }
}

fn ranges(family: &str, count: usize) -> Vec<Rule> {
    (0..count).map(|n| from_cidr(80, &family.replace('N', &n.to_string()))).collect()
}

fn v4(count: usize) -> Vec<Rule> {
    ranges("10.0.N.0/24", count)
}

fn v6(count: usize) -> Vec<Rule> {
    ranges("2001:db8:N::/48", count)
}

fn change(group: &SecurityGroupId, direction: Direction, rules: Vec<Rule>) -> ChangeRules {
    ChangeRules { group: Ref::Id(group.clone()), direction, rules: rules.into_iter().collect() }
}

/// How a call ends that adds those inbound rules: `None` for well, else why it is refused.
fn refusal(bench: &Bench, group: &SecurityGroupId, rules: Vec<Rule>) -> Option<String> {
    let outcome =
        bench.write(Write::SecurityGroup(SecurityGroupWrite::Authorize(change(group, Direction::Ingress, rules))));
    outcome.err().map(|error| {
        assert!(error.is(FULL), "{error:?}");
        format!("{error:?}")
    })
}

/// The same, asked for on the wire.
fn wire_refusal<O: Wire>(bench: &Bench, request: Value) -> Option<String> {
    let operation: O = serde_json::from_value(request).unwrap();
    bench.cloud.write(&operation).err().map(|refusal| {
        assert_eq!(refusal.code, FULL, "{}", refusal.message);
        refusal.message
    })
}

fn permission(rule: &Rule) -> Value {
    let (list, entry) = match &rule.peer {
        Peer::Cidr(range) if range.is_ipv6() => ("Ipv6Ranges", json!({"CidrIpv6": range.to_string()})),
        Peer::Cidr(range) => ("IpRanges", json!({"CidrIp": range.to_string()})),
        Peer::Group(group) => ("Groups", json!({"GroupId": group.to_string()})),
        Peer::PrefixList(list) => ("PrefixListIds", json!({"PrefixListId": list})),
    };
    json!({"IpProtocol": rule.protocol, "FromPort": rule.from, "ToPort": rule.to, list: [entry]})
}

/// A client's side of the same.
fn on_the_wire(group: &SecurityGroupId, rules: &[Rule]) -> Value {
    json!({"GroupId": group.to_string(), "IpPermissions": rules.iter().map(permission).collect::<Vec<_>>()})
}

#[test]
fn a_group_has_sixty_rules_of_each_family_and_direction() {
    let bench = Bench::new();
    let group = bench.group("web");
    assert_eq!(refusal(&bench, &group, v4(60)), None);
    let full = refusal(&bench, &group, vec![from_cidr(81, "10.0.0.0/8")]).unwrap();
    let says = [
        "The maximum number of rules per security group has been reached. ",
        "61 IPv4 rules for what is inbound",
        "60 of each family",
    ];
    assert!(says.iter().all(|part| full.contains(part)) && !full.contains("61 IPv6"), "{full}");
    assert_eq!(refusal(&bench, &group, v6(60)), None, "the other family is counted apart");
    let full = refusal(&bench, &group, vec![from_cidr(81, "2001:db8::/32")]).unwrap();
    assert!(full.contains("61 IPv6 rules"), "{full}");
    // One of them has been there since the group was made.
    let out = |rules: Vec<Rule>| {
        bench.write(Write::SecurityGroup(SecurityGroupWrite::Authorize(change(&group, Direction::Egress, rules))))
    };
    out(v4(59)).unwrap();
    let full = out(vec![from_cidr(81, "10.0.0.0/8")]).unwrap_err();
    assert!(full.is(FULL) && format!("{full:?}").contains("61 IPv4 rules for what is outbound"), "{full:?}");
}

#[test]
fn a_rule_that_names_a_group_counts_in_both_families() {
    let bench = Bench::new();
    let (web, alb) = (bench.group("web"), bench.group("alb"));
    let named = || vec![peer(Peer::Group(Ref::Id(alb.clone())))];
    bench
        .write(Write::SecurityGroup(SecurityGroupWrite::Authorize(change(
            &web,
            Direction::Ingress,
            [v4(60), v6(59)].concat(),
        ))))
        .unwrap();
    let full = refusal(&bench, &web, named()).unwrap();
    assert!(full.contains("would have 61 IPv4 rules for"), "{full}");
    bench.write(Write::SecurityGroup(SecurityGroupWrite::Revoke(change(&web, Direction::Ingress, v4(1))))).unwrap();
    assert_eq!(refusal(&bench, &web, named()), None);
    let both = [v4(1), vec![from_cidr(81, "2001:db8::/32")]].concat();
    let full = refusal(&bench, &web, both).unwrap();
    assert!(full.contains("61 IPv4 rules and 61 IPv6 rules"), "{full}");
}

#[test]
fn a_prefix_list_counts_in_its_own_family_by_what_it_weighs() {
    let bench = Bench::new();
    let group = bench.group("web");
    assert_eq!(refusal(&bench, &group, vec![peer(Peer::PrefixList(CLOUDFRONT.into()))]), None);
    assert_eq!(refusal(&bench, &group, [v4(5), v6(60)].concat()), None);
    assert!(refusal(&bench, &group, vec![from_cidr(81, "10.0.0.0/8")]).is_some());
    let list = |id: &str| change(&group, Direction::Ingress, vec![peer(Peer::PrefixList(id.into()))]);
    assert_eq!(
        bench.code(Write::SecurityGroup(SecurityGroupWrite::Authorize(list("pl-01234567")))),
        "InvalidPrefixListID.NotFound"
    );
    assert_eq!(
        bench.code(Write::SecurityGroup(SecurityGroupWrite::Authorize(list("list")))),
        "InvalidPrefixListId.Malformed"
    );
}

#[test]
fn a_rule_is_not_modified_into_one_of_a_family_that_is_full() {
    let bench = Bench::new();
    let group = bench.group("web");
    bench
        .write(Write::SecurityGroup(SecurityGroupWrite::Authorize(change(
            &group,
            Direction::Ingress,
            [v4(60), v6(1)].concat(),
        ))))
        .unwrap();
    let shown: ec2::DescribeSecurityGroupRules = serde_json::from_value(json!({})).unwrap();
    let shown = serde_json::to_value(bench.cloud.read(&shown).unwrap()).unwrap();
    let id_of = |name: &str, range: &str| {
        let rules = shown["securityGroupRuleSet"].as_array().unwrap();
        rules.iter().find(|rule| rule[name] == range).unwrap()["securityGroupRuleId"].clone()
    };
    let into = |id: Value, range: &str| {
        let rule = json!({"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "CidrIpv4": range});
        let update = json!([{"SecurityGroupRuleId": id, "SecurityGroupRule": rule}]);
        wire_refusal::<ec2::ModifySecurityGroupRules>(
            &bench,
            json!({"GroupId": group.to_string(), "SecurityGroupRule": update}),
        )
    };
    assert_eq!(into(id_of("cidrIpv4", "10.0.7.0/24"), "10.1.0.0/16"), None, "one for one");
    assert!(into(id_of("cidrIpv6", "2001:db8::/48"), "10.2.0.0/16").is_some());
}

#[test]
fn five_groups_are_what_an_interface_has_of_an_instance_or_of_a_load_balancer() {
    let bench = Bench::new();
    let ids: Vec<SecurityGroupId> = (0..6).map(|n| bench.group(&format!("g{n}"))).collect();
    let groups = |count: usize| ids.iter().take(count).cloned().map(Ref::Id).collect::<BTreeSet<_>>();
    bench.launch(RunInstances { groups: groups(5), ..bench.run("a") });
    let run = Box::new(RunInstances { groups: groups(6), ..bench.run("b") });
    assert_eq!(bench.code(Write::Instance(InstanceWrite::Run(run))), "SecurityGroupsPerInstanceLimitExceeded");
    let balancer = |name: &str, count: usize| CreateLoadBalancer { groups: groups(count), ..bench.create_alb(name, 2) };
    bench.alb(balancer("full", 5));
    let more = Write::LoadBalancer(LoadBalancerWrite::Create(balancer("more", 6)));
    assert_eq!(bench.code(more), "InvalidConfigurationRequest");
}

#[test]
fn the_groups_of_a_region_are_counted_together() {
    let subnet = aws_api::ec2::Subnet {
        id: aws_api::id::SubnetId::parse("subnet-0000000d").unwrap(),
        vpc: aws_api::id::VpcId::parse("vpc-00000001").unwrap(),
        zone: aws_api::id::Zone("us-east-2d".to_owned()),
        has_ipv6: false,
        default_for_az: false,
    };
    let quotas = Quotas { groups: 4, ..Quotas::default() };
    let bench = Bench::of(Builder::new(1).subnet(subnet.clone()).quotas(quotas));
    // Each of the two VPCs came with one.
    bench.group("web");
    let other = |name: &str| CreateSecurityGroup { vpc: subnet.vpc.clone(), ..bench.create_group(name) };
    bench.write(Write::SecurityGroup(SecurityGroupWrite::Create(other("web")))).unwrap();
    assert_eq!(
        bench.code(Write::SecurityGroup(SecurityGroupWrite::Create(other("more")))),
        "SecurityGroupLimitExceeded"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the rules: they fit if each family counts at most sixty, by either way in.
    #[test]
    fn rules_fit_if_neither_family_counts_more_than_sixty(
        of_v4 in 0_usize..64, of_v6 in 0_usize..64, of_groups in 0_usize..8, lists in 0_usize..2,
    ) {
        let bench = Bench::new();
        let (web, same) = (bench.group("web"), bench.group("same"));
        let named = (0..of_groups).map(|n| peer(Peer::Group(Ref::Id(bench.group(&format!("g{n}"))))));
        let list = (0..lists).map(|_| peer(Peer::PrefixList(CLOUDFRONT.into())));
        let rules: Vec<Rule> = v4(of_v4).into_iter().chain(v6(of_v6)).chain(named).chain(list).collect();
        prop_assume!(!rules.is_empty());
        let fits = of_v4 + of_groups + 55 * lists <= 60 && of_v6 + of_groups <= 60;
        prop_assert_eq!(refusal(&bench, &web, rules.clone()).is_none(), fits);
        let asked = on_the_wire(&same, &rules);
        prop_assert_eq!(wire_refusal::<ec2::AuthorizeSecurityGroupIngress>(&bench, asked).is_none(), fits);
    }
}
