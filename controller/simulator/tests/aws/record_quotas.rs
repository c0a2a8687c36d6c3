//! The record's own check of what its security groups come to, against AWS's count: what one takes, the other takes.

use aws_api::ec2::{ChangeRules, Direction, Rule, SecurityGroupWrite};
use aws_api::id::SecurityGroupId;
use aws_api::{Ref, Write};
use crds_schema::limits::{RuleCount, rules_of};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::bench::*;

/// So many ranges of each family.
fn ranges((v4, v6): (usize, usize)) -> Vec<String> {
    let v4 = (0..v4).map(|n| format!("10.0.{n}.0/24"));
    v4.chain((0..v6).map(|n| format!("2001:db8:{n:x}::/48"))).collect()
}

fn entries(of: &[String]) -> Value {
    of.iter().map(|range| json!({"cidr": range})).collect()
}

/// Whether the group takes all of these rules at once.
fn takes(bench: &Bench, group: &SecurityGroupId, rules: Vec<Rule>) -> bool {
    let direction = Direction::Ingress;
    let change = ChangeRules { group: Ref::Id(group.clone()), direction, rules: rules.into_iter().collect() };
    match bench.write(Write::SecurityGroup(SecurityGroupWrite::Authorize(change))) {
        Ok(_) => true,
        Err(error) => {
            assert!(error.is("RulesPerSecurityGroupLimitExceeded"), "{error:?}");
            false
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_record_is_taken_exactly_when_its_groups_hold_its_rules(
        visitors in (1..64_usize, 0..64_usize), ssh in (0..64_usize, 0..64_usize), listeners in 1..3_u16, apart in any::<bool>(),
    ) {
        let (visitors, ssh) = (ranges(visitors), ranges(ssh));
        let ports: Vec<u16> = (80..80 + listeners).collect();
        let service: &[i32] = if apart { &[8080, 8081] } else { &[8080] };
        let document = json!({
            "apiVersion": "understudy.dev/v1alpha1",
            "kind": "StagingEnvironment",
            "metadata": {"name": "shop"},
            "spec": {
                "image": {"amiId": "ami-0123456789abcdef0"},
                "instances": {"count": 2, "types": ["t3.medium"]},
                "services": [{"port": 8080, "healthCheck": {"port": if apart { json!(8081) } else { json!("traffic-port") }}}],
                "loadBalancer": {"listeners": ports.iter().map(|port| json!({"port": port})).collect::<Vec<_>>()},
                "access": {"loadBalancer": entries(&visitors), "ssh": entries(&ssh)},
            },
        });
        let bench = Bench::new();
        let (front, back) = (bench.group("alb"), bench.group("instance"));
        let to = |ports: &[i32], from: &[String]| -> Vec<Rule> {
            ports.iter().flat_map(|port| from.iter().map(|range| from_cidr(*port, range))).collect()
        };
        let front_rules = to(&ports.iter().map(|port| i32::from(*port)).collect::<Vec<_>>(), &visitors);
        let own = service.iter().map(|port| from_group(*port, &front));
        let back_rules = to(&[22], &ssh).into_iter().chain(own).collect();
        // Both are asked, so that neither answer hides the other.
        let fits = [takes(&bench, &front, front_rules), takes(&bench, &back, back_rules)];
        match crds_schema::parse(&document) {
            Ok(environment) => {
                prop_assert_eq!(fits, [true, true]);
                let rules = rules_of(&environment.spec);
                prop_assert_eq!([rules.load_balancer.inbound.fits(), rules.instances.inbound.fits()], fits);
            }
            Err(faults) => {
                let told = |at: &str| faults.iter().any(|fault| fault.path == at);
                prop_assert_eq!(faults.iter().filter(|fault| !fault.path.starts_with("spec.access.")).count(), 0);
                prop_assert_eq!([!told("spec.access.loadBalancer"), !told("spec.access.ssh")], fits);
            }
        }
    }

    #[test]
    fn any_set_of_rules_is_counted_alike(ranges_of in (0..62_usize, 0..62_usize), groups in 0..4_usize) {
        let bench = Bench::new();
        let web = bench.group("web");
        let mut counted = RuleCount::default();
        let mut rules = Vec::new();
        for range in ranges(ranges_of) {
            counted = counted.plus(RuleCount::of_range(range.contains(':')));
            rules.push(from_cidr(80, &range));
        }
        for n in 0..groups {
            counted = counted.plus(RuleCount::of_group());
            rules.push(from_group(80, &bench.group(&format!("peer-{n}"))));
        }
        prop_assume!(!rules.is_empty());
        prop_assert_eq!(takes(&bench, &web, rules), counted.fits());
    }
}
