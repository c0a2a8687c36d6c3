//! What a record comes to, against what AWS allows.

use crds_schema::limits::{self, GROUP_RULES_MAX, RuleCount, rules_of};
use crds_schema::{parse, parse_accepted};
use insta::assert_snapshot;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{faults_with, minimal, with};

fn ranges(v4: usize, v6: usize) -> Vec<Value> {
    let v4 = (0..v4).map(|n| json!({"cidr": format!("10.{}.{}.0/24", n / 256, n % 256)}));
    v4.chain((0..v6).map(|n| json!({"cidr": format!("2001:db8:{n:x}::/48")}))).collect()
}

#[test]
fn ranges_of_two_families_are_counted_apart() {
    let document = with(minimal(), "spec.access.loadBalancer", json!(ranges(60, 60)));
    let rules = rules_of(&parse(&document).unwrap().spec);
    assert_eq!(rules.load_balancer.inbound, RuleCount { ipv4: 60, ipv6: 60 });
    // From the load balancer, a group: one of each family.
    assert_eq!(rules.instances.inbound, RuleCount { ipv4: 1, ipv6: 1 });
    assert_eq!(rules.instances.outbound, RuleCount { ipv4: 1, ipv6: 1 });
    let refused = faults_with(&[("spec.access.loadBalancer", json!(ranges(61, 61)))]);
    assert_snapshot!(refused, @r"
    spec.access.loadBalancer: 61 IPv4 ranges for 1 listener make 61 rules, AWS allows 60 for IPv4 in a security group; merge ranges, or leave some out
    spec.access.loadBalancer: 61 IPv6 ranges for 1 listener make 61 rules, AWS allows 60 for IPv6 in a security group; merge ranges, or leave some out
    ");
    assert_snapshot!(faults_with(&[("spec.access.ssh", json!(ranges(2, 60)))]), @"spec.access.ssh: 60 IPv6 ranges for port 22 and the load balancer on 1 port make 61 rules, AWS allows 60 for IPv6 in a security group; merge ranges, or leave some out");
}

#[test]
fn a_reference_counts_in_both_families_and_a_prefix_list_by_its_largest_size() {
    assert_eq!(RuleCount::of_range(false).plus(RuleCount::of_range(true)), RuleCount { ipv4: 1, ipv6: 1 });
    assert_eq!(RuleCount::of_group().times(3), RuleCount { ipv4: 3, ipv6: 3 });
    let list = RuleCount::of_prefix_list(60);
    assert!(
        list.fits() && !list.plus(RuleCount::of_range(true)).fits() && !list.plus(RuleCount::of_range(false)).fits()
    );
}

#[test]
fn instances_and_their_successors_fit_one_load_balancer() {
    assert_snapshot!(faults_with(&[("spec.instances.count", json!(1000))]), @"spec.instances.count: 1000 instances and 1 of maxSurge make 1001 targets, AWS allows 1000 on a load balancer; lower count or spec.rollout.maxSurge");
    assert_snapshot!(faults_with(&[("spec.instances.count", json!(700)), ("spec.rollout.maxSurge", json!("50%"))]), @"spec.instances.count: 700 instances and 350 of maxSurge make 1050 targets, AWS allows 1000 on a load balancer; lower count or spec.rollout.maxSurge");
    for (count, surge) in [(999, json!(1)), (500, json!("100%")), (500, json!(1000)), (2, json!(1000))] {
        let document = with(with(minimal(), "spec.instances.count", json!(count)), "spec.rollout.maxSurge", surge);
        assert!(parse(&document).is_ok(), "{count}");
    }
}

/// Rules that came later are told of an edit; what is in the table already goes on.
#[test]
fn a_record_that_an_older_version_took_is_read_as_it_was() {
    let older = [
        ("spec.instances.userData", json!("I2Nsb3VkLWNvbmZpZw==")),
        ("spec.instances.userData", json!("file://boot.sh")),
        ("spec.instances.count", json!(1000)),
        ("spec.tags", json!({"Nul": null})),
        ("spec.access.ssh", json!([{"cidr": "010.0.0.0/8"}])),
        ("spec.services[0].healthCheck.port", json!("08080")),
    ];
    for (path, value) in &older {
        let document = with(minimal(), path, value.clone());
        assert_eq!(parse(&document).unwrap_err().len(), 1, "{path}");
        assert!(parse_accepted(&document).is_ok(), "{path}");
    }
    let all = older.iter().skip(1).fold(minimal(), |document, (path, value)| with(document, path, value.clone()));
    let spec = parse_accepted(&all).unwrap().spec;
    assert_eq!(spec.instances.user_data.as_deref(), Some("file://boot.sh"));
    assert!(spec.tags.is_empty());
    assert_eq!(spec.access.ssh[0].cidr, "10.0.0.0/8".parse().ok());
    // What an older version refuses too, or does not know, is not passed over.
    for (path, value) in [("spec.paused", json!("no")), ("spec.novel", json!(1)), ("spec.region", json!("Ohio"))] {
        let document = with(all.clone(), path, value);
        assert_eq!(parse_accepted(&document), parse(&document), "{path}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// The record is refused exactly when one of its groups comes to more than it holds.
    #[test]
    fn a_record_is_refused_when_a_group_cannot_hold_its_rules(visitors in (1..70_usize, 0..70_usize), ssh in (0..70_usize, 0..70_usize), ports in 1..4_u16, checks_elsewhere in any::<bool>()) {
        let listeners: Vec<_> = (1..=ports).map(|port| json!({"port": port})).collect();
        let check = if checks_elsewhere { json!(8081) } else { json!("traffic-port") };
        let changes = [
            ("spec.access.loadBalancer", json!(ranges(visitors.0, visitors.1))),
            ("spec.access.ssh", json!(ranges(ssh.0, ssh.1))),
            ("spec.loadBalancer.listeners", json!(listeners)),
            ("spec.services[0].healthCheck.port", check),
        ];
        let document = changes.into_iter().fold(minimal(), |document, (path, value)| with(document, path, value));
        let ports = usize::from(ports);
        let own = 1 + usize::from(checks_elsewhere);
        let most = [visitors.0 * ports, visitors.1 * ports, ssh.0 + own, ssh.1 + own].into_iter().max().unwrap();
        match parse(&document) {
            Ok(environment) => {
                prop_assert!(most <= GROUP_RULES_MAX);
                let rules = rules_of(&environment.spec);
                prop_assert!(rules.load_balancer.inbound.fits() && rules.instances.inbound.fits());
                prop_assert_eq!(rules.load_balancer.inbound, limits::sources(&environment.spec.access.load_balancer).times(ports));
            }
            Err(faults) => {
                prop_assert!(most > GROUP_RULES_MAX);
                prop_assert!(faults.iter().all(|fault| fault.wrong.contains(" rules, AWS allows 60 for IPv")), "{:?}", faults);
            }
        }
    }
}
