//! What AWS says about an account and its security policies.

use serde_json::{Value, json};
use simulator::Builder;
use simulator::cloud::Quotas;
use simulator::cloud::api::elbv2::*;

use super::*;
use crate::bench::Bench;

#[test]
fn security_policies_are_listed_with_their_ciphers_in_order() {
    let bench = Bench::new();
    let policies = |request| read::<DescribeSSLPolicies>(&bench, request);
    let found = policies(json!({"Names": ["ELBSecurityPolicy-TLS13-1-2-Res-2021-06"]})).unwrap()["SslPolicies"].clone();
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!(found[0]["SslProtocols"], json!(["TLSv1.2", "TLSv1.3"]));
    assert_eq!(found[0]["Ciphers"].as_array().unwrap().len(), 7);
    assert_eq!(found[0]["Ciphers"][3], json!({"Name": "ECDHE-ECDSA-AES128-GCM-SHA256", "Priority": 4}));
    let old = policies(json!({"Names": ["ELBSecurityPolicy-2016-08"]})).unwrap()["SslPolicies"].clone();
    assert_eq!(
        (old[0]["Ciphers"].as_array().unwrap().len(), &old[0]["Ciphers"][17]["Name"]),
        (18, &json!("AES256-SHA"))
    );
    assert_eq!(policies(json!({"Names": ["none"]})).unwrap_err(), "SSLPolicyNotFound");
    assert_eq!(policies(json!({"LoadBalancerType": "gateway"})).unwrap()["SslPolicies"], json!([]));
    let mut names = Vec::new();
    let mut request = json!({"PageSize": 7});
    loop {
        let page = policies(request.clone()).unwrap();
        names.extend(page["SslPolicies"].as_array().unwrap().iter().map(|policy| text(&policy["Name"])));
        match &page["NextMarker"] {
            Value::Null => break,
            marker => request["Marker"] = marker.clone(),
        }
    }
    let distinct: std::collections::BTreeSet<_> = names.iter().collect();
    assert_eq!((names.len(), distinct.len()), (20, 20));
}

#[test]
fn account_limits_are_the_quotas_that_are_kept() {
    let bench = Bench::of(Builder::new(1).quotas(Quotas { rules_per_balancer: 7, ..Quotas::default() }));
    let limits = read::<DescribeAccountLimits>(&bench, json!({})).unwrap()["Limits"].as_array().unwrap().clone();
    assert!(limits.contains(&json!({"Name": "rules-per-application-load-balancer", "Max": "7"})), "{limits:?}");
    assert!(limits.contains(&json!({"Name": "target-groups", "Max": "3000"})), "{limits:?}");
    let page = read::<DescribeAccountLimits>(&bench, json!({"PageSize": 1})).unwrap();
    assert_eq!(page["Limits"].as_array().unwrap().len(), 1);
    assert_ne!(page["NextMarker"], Value::Null);
}
